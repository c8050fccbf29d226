"""The insights of a made-up account, for the stand-in of the Graph API.

What belongs here: what such an account would be told, day by day, and the rules by which Meta refuses. The numbers
come from a hash of metric and day, so that every call about a day gets the same answer. What does not: the API's
manners in general (`graph_api.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.graph_api import Refused

_PACIFIC = ZoneInfo("America/Los_Angeles")
_LONGEST_SECONDS = 2_592_000
_KEPT = timedelta(days=730)
_FEW = 100
_TIME_SERIES = frozenset({"reach", "follower_count"})
_TOTALS = frozenset(
    {
        *("reach", "views", "total_interactions", "likes", "comments", "saves", "shares", "accounts_engaged"),
        *("replies", "reposts", "profile_links_taps", "follows_and_unfollows"),
    }
)
_DEMOGRAPHICS = frozenset({"follower_demographics", "engaged_audience_demographics"})
KNOWN = tuple(sorted(_TIME_SERIES | _TOTALS | _DEMOGRAPHICS | {"online_followers"}))
_WITH = {
    "media_product_type": frozenset(["reach", "views", "total_interactions", "likes", "comments", "saves", "shares"]),
    "follow_type": frozenset({"reach", "views", "follows_and_unfollows"}),
    "contact_button_type": frozenset({"profile_links_taps"}),
}
_MEMBERS = {
    "media_product_type": ("POST", "REEL", "STORY"),
    "follow_type": ("FOLLOWER", "NON_FOLLOWER"),
    "contact_button_type": ("CALL", "EMAIL"),
    "age": ("13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    "gender": ("F", "M", "U"),
    "city": ("Byen", "Grannebyen", "Øya"),
    "country": ("NO", "SE", "PL"),
}
_NEEDS_FOLLOWERS = _DEMOGRAPHICS | {"follower_count", "online_followers", "follows_and_unfollows"}


def _refused(message: str) -> Refused:
    return Refused(400, 100, f"(#100) {message}", kind="OAuthException")


@dataclass
class AccountInsights:
    """The insights of one account.

    Attributes:
        followers_at: followers in total at an aware moment.
        late: a day's numbers are told so long after its end; before, the day is absent or the answer empty.
        grows_for: until then a day's numbers are a share of the final ones.
        rejected: metrics that are refused although they are documented.
    """

    followers_at: Callable[[datetime], int]
    late: timedelta = timedelta(hours=3)
    grows_for: timedelta = timedelta(hours=48)
    rejected: set[str] = field(default_factory=set)

    def answer(self, node: str, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any]:
        """One answer.

        Raises:
            Refused: as Meta refuses what does not exist, windows over 30 days, and times to come.
        """
        metrics = [m for m in query.get("metric", [""])[0].split(",") if m]
        if not metrics:
            raise _refused("The parameter metric is required")
        for place, metric in enumerate(metrics):
            if metric not in KNOWN or metric in self.rejected:
                names = ", ".join(m for m in KNOWN if m not in self.rejected)
                raise _refused(f"metric[{place}] must be one of the following values: {names}")
        given = {name: query.get(name, [""])[0] for name in ("period", "metric_type", "breakdown", "timeframe")}
        told = [self._metric(node, metric, given, query, now) for metric in metrics]
        return {"data": [entry for entry in told if entry is not None]}

    def _metric(
        self, node: str, metric: str, given: Mapping[str, str], query: Mapping[str, list[str]], now: datetime
    ) -> dict[str, Any] | None:
        entry: dict[str, Any] = {"name": metric, "period": given["period"], "id": f"{node}/insights/{metric}/day"}
        is_small = metric in _NEEDS_FOLLOWERS and self.followers_at(now) < _FEW
        if metric in _DEMOGRAPHICS:
            if given["period"] != "lifetime" or given["timeframe"] not in ("this_week", "this_month"):
                raise _refused("The timeframe parameter is required for demographics")
            if is_small:
                return None
            return entry | {"total_value": {"breakdowns": [self._demographics(metric, given["breakdown"], now)]}}
        start, end = self._window(query, now)
        days = list(_days(start, end))
        if metric == "online_followers":
            hours = [
                {"value": {} if is_small else _hours(day), "end_time": _stamp(day)}
                for day in days
                if self._is_told(day, now)
            ]
            return entry | {"period": "lifetime", "values": hours}
        if given["period"] != "day":
            raise _refused("The period parameter is invalid")
        if given["metric_type"] == "time_series":
            if metric not in _TIME_SERIES:
                raise _refused(f"The metric {metric} can't be told as time_series")
            if is_small:
                return None
            values = [
                {"value": self._count(metric, "", day, now), "end_time": _stamp(day)}
                for day in days
                if self._is_told(day, now)
            ]
            return entry | {"values": values}
        if metric not in _TOTALS:
            raise _refused(f"The metric {metric} can't be told as total_value")
        if is_small or not any(self._is_told(day, now) for day in days):
            return None
        return entry | {"total_value": self._total(metric, given["breakdown"], days, now)}

    def _window(self, query: Mapping[str, list[str]], now: datetime) -> tuple[datetime, datetime]:
        try:
            since, until = (int(query[name][0]) for name in ("since", "until"))
        except (KeyError, ValueError):
            raise _refused("since and until are required here") from None
        if until - since > _LONGEST_SECONDS:
            raise _refused("There cannot be more than 30 days (2592000 s) between since and until")
        start = datetime.fromtimestamp(since, UTC)
        if start > now or now - start > _KEPT:
            raise _refused("since param is not valid. Metrics data is available for the last 2 years")
        return start, datetime.fromtimestamp(until, UTC)

    def _is_told(self, day: date, now: datetime) -> bool:
        return now >= _end(day) + self.late

    def _count(self, metric: str, part: str, day: date, now: datetime) -> int:
        final = int.from_bytes(hashlib.sha256(f"{metric} {part} {day}".encode()).digest()[:2]) % 400
        if metric == "follows_and_unfollows":
            # The only metric that another telling, the snapshots, can prove wrong: the day's growth is its difference.
            grown = self.followers_at(_end(day)) - self.followers_at(_end(day - timedelta(days=1)))
            lost = max(int.from_bytes(hashlib.sha256(f"lost {day}".encode()).digest()[:1]) % 3, -grown)
            final = {"FOLLOWER": grown + lost, "NON_FOLLOWER": lost}.get(part, grown + 2 * lost)
        share = min(1.0, max(0.0, (now - _end(day)) / self.grows_for)) if self.grows_for else 1.0
        return int(final * share)

    def _total(self, metric: str, breakdown: str, days: list[date], now: datetime) -> dict[str, Any]:
        if not breakdown:
            return {"value": sum(self._count(metric, "", day, now) for day in days)}
        if metric not in _WITH.get(breakdown, frozenset()):
            raise Refused(500, 1, "An unknown error has occurred.", kind="OAuthException")
        counts = {part: sum(self._count(metric, part, day, now) for day in days) for part in _MEMBERS[breakdown]}
        results = [{"dimension_values": [part], "value": count} for part, count in counts.items()]
        total = sum(counts.values())
        return {"value": total, "breakdowns": [{"dimension_keys": [breakdown], "results": results}]}

    def _demographics(self, metric: str, breakdown: str, now: datetime) -> dict[str, Any]:
        """Groups by all their dimensions. One under 5 is told as -1, as the platform does elsewhere."""
        keys = breakdown.split(",") if breakdown else []
        if not keys or any(key not in ("age", "gender", "city", "country") for key in keys):
            raise _refused("The breakdown parameter is invalid")
        groups: list[list[str]] = [[]]
        for key in keys:
            groups = [[*group, member] for group in groups for member in _MEMBERS[key]]
        results = []
        for group in groups:
            count = self._count(metric, "/".join(group), now.date() - timedelta(days=30), now) // 4
            results.append({"dimension_values": group, "value": count if count >= 5 else -1})
        return {"dimension_keys": keys, "results": results}


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=_PACIFIC).astimezone(UTC)


def _stamp(day: date) -> str:
    return _end(day).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _days(start: datetime, end: datetime) -> Iterator[date]:
    day = start.astimezone(_PACIFIC).date()
    while _end(day) <= end + timedelta(seconds=1):
        yield day
        day += timedelta(days=1)


def _hours(day: date) -> dict[str, int]:
    return {str(h): hashlib.sha256(f"online {day} {h}".encode()).digest()[0] for h in range(24)}
