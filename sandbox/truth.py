"""The truth of the simulated world as figures, and its comparison with what was published.

What belongs here: counting what was made to happen. What does not: any rule applied to vendor data. Visits are
counted as people, not as means of ins and outs; events as the holdings that were entered into the world.

A figure that no honest pipeline can know is left out: a closed day, a period that has not ended at the clock, a
population that no source gives.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from ingest.config import Branch
from ingest.errors import PermanentFailure
from ingest.landing import write_atomically
from sandbox.graph_account import AccountInsights
from sandbox.instagram import TAGS, Profile, metric_at
from sandbox.programme import UNIT, UNIT_OF, Held, partner_id
from sandbox.visits import open_quarters
from sandbox.world import CLOCK, World, poll_moments

KINDS = ("day", "month", "quarter", "year")
PACIFIC = ZoneInfo("America/Los_Angeles")  # whose midnights cut the account's days


@dataclass(frozen=True, order=True)
class TrueFigure:
    """One true value, by the key that published figures have.

    Attributes:
        branch_id: None for the whole area.
        period_start: first local date, ISO 8601.
        value: what was true.
        told_share: where only a part of what it counts was ever reported: that part, 0 to 1. No honest pipeline can
            then publish a value, only `told_value`, the least that it can be (None: nothing was reported).
    """

    figure_id: str
    area_id: str
    branch_id: str | None
    period_kind: str
    period_start: str
    value: float
    told_share: float | None = None
    told_value: float | None = None


def period_start(day: date, kind: str) -> date:
    """The first date of the period of a kind that a date lies in."""
    if kind == "day":
        return day
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[kind]
    return date(day.year, month, 1)


def is_whole(start: date, kind: str, world: World) -> bool:
    """Whether all days of a period were simulated."""
    months = {"day": 0, "month": 1, "quarter": 3, "year": 12}[kind]
    number = start.year * 12 + start.month - 1 + months
    end = date(number // 12, number % 12 + 1, 1) if months else start + timedelta(days=1)
    return start >= world.days[0] and end <= world.days[-1] + timedelta(days=1)


def area_of(branch: Branch, day: date) -> str | None:
    """The area that a branch belongs to on a date."""
    for membership in branch.areas:
        if membership.valid_from <= day < (membership.valid_to or date.max):
            return membership.area_id
    return None


_Key = tuple[str, str | None, str, date]


class _Sums:
    """Adds up values by area, branch and every kind of period, whole periods only."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.values: dict[_Key, float] = defaultdict(float)

    def add(self, area_id: str, branch_id: str | None, day: date, value: float, kinds: Iterable[str] = KINDS) -> None:
        for kind in kinds:
            start = period_start(day, kind)
            if is_whole(start, kind, self.world):
                self.values[(area_id, branch_id, kind, start)] += value

    def told(self, figure_id: str) -> Iterator[TrueFigure]:
        for (area_id, branch_id, kind, start), value in self.values.items():
            yield TrueFigure(figure_id, area_id, branch_id, kind, start.isoformat(), value)


def figures(world: World) -> list[TrueFigure]:
    """All true figures of a world, sorted."""
    found = [*visits(world), *_events(world), *_attendance(world), *_partners(world), *_social(world)]
    return sorted(found, key=lambda f: (f.figure_id, f.period_kind, f.period_start, f.area_id, f.branch_id or ""))


def visits(world: World) -> Iterator[TrueFigure]:
    """True figures of visits: people who entered by a perimeter line while their branch stood in an area."""
    configuration = world.configuration
    people_in, hours = _Sums(world), _Sums(world)
    for branch in configuration.library.branches:
        doors = [d for d in world.doors if d.line.branch_id == branch.branch_id and d.line.role == "perimeter"]
        is_open = open_quarters(configuration, branch.branch_id, world.days)
        for row, day in enumerate(world.days):
            area_id, quarters = area_of(branch, day), int(is_open[row].sum())
            if area_id is None or not quarters or not doors:
                continue  # closed: not a true zero, a day without a figure
            people = sum(int(d.ins[row].sum()) for d in doors)
            for branch_id in (branch.branch_id, None):
                people_in.add(area_id, branch_id, day, people)
                hours.add(area_id, branch_id, day, quarters / 4)
    yield from people_in.told("visits")
    for key, open_hours in hours.values.items():
        area_id, branch_id, kind, start = key
        yield TrueFigure(
            "visits_per_open_hour", area_id, branch_id, kind, start.isoformat(), people_in.values[key] / open_hours
        )
    for area in configuration.library.areas:
        for count in area.inhabitants:
            key = (area.area_id, None, "year", date(count.counted_on.year, 1, 1))
            if key in people_in.values:
                value = people_in.values[key] / count.count
                yield TrueFigure("visits_per_inhabitant", area.area_id, None, "year", key[3].isoformat(), value)


def _shares(event: Held) -> list[tuple[str | None, float]]:
    """What of an event is each host's, and all of it the area's (None). Hosts of one event stand in one area here."""
    return [*((branch_id, 1 / len(event.branch_ids)) for branch_id in event.branch_ids), (None, 1.0)]


def _events(world: World) -> Iterator[TrueFigure]:
    branches = {b.branch_id: b for b in world.configuration.library.branches}
    held, with_partner = _Sums(world), _Sums(world)
    kinds = ("month", "quarter", "year")
    for branch in branches.values():  # a month without events is a true zero
        for day in world.days:
            area_id = area_of(branch, day)
            if area_id is not None:
                for sums in (held, with_partner):
                    sums.add(area_id, branch.branch_id, day, 0, kinds)
                    sums.add(area_id, None, day, 0, kinds)
    for event in world.programme.held:
        day = event.start.date()
        area_id = area_of(branches[event.branch_id], day)
        if area_id is None:
            continue
        for branch_id, share in _shares(event):
            held.add(area_id, branch_id, day, share, kinds)
            with_partner.add(area_id, branch_id, day, share if event.partner_id else 0, kinds)
    yield from held.told("events_held")
    yield from with_partner.told("events_with_partner")


def _attendance(world: World) -> Iterator[TrueFigure]:
    """Who came, and how much of it staff had told by the clock; of a period without events a true zero."""
    if not world.attendance:
        return
    branches = {b.branch_id: b for b in world.configuration.library.branches}
    kinds = ("month", "quarter", "year")
    held, told, untold = _Sums(world), _Sums(world), _Sums(world)
    measures = {
        "event_attendances": (_Sums(world), _Sums(world)),
        "events_held_at_least_2_present": (_Sums(world), _Sums(world)),
    }
    for branch in branches.values():
        for day in world.days:
            if (area_id := area_of(branch, day)) is not None:
                for scope in (branch.branch_id, None):
                    held.add(area_id, scope, day, 0, kinds)
                    untold.add(area_id, scope, day, 0, kinds)
    for one in world.attendance:
        day = one.held.start.date()
        area_id = area_of(branches[one.held.branch_id], day)
        if area_id is None:
            continue
        for scope, part in _shares(one.held):
            held.add(area_id, scope, day, part, kinds)
            (told if one.is_told else untold).add(area_id, scope, day, part, kinds)
            values = (one.present, 1 if one.present >= 2 else 0)
            for value, (true, reported) in zip(values, measures.values(), strict=True):
                true.add(area_id, scope, day, value * part, kinds)
                if one.is_told:
                    reported.add(area_id, scope, day, value * part, kinds)
    yield from untold.told("events_without_attendance")
    for figure_id, (true, reported) in measures.items():
        for key, count in held.values.items():
            area_id, scope, kind, start = key
            everything, known = true.values.get(key, 0.0), told.values.get(key, 0.0)
            share = None if known == count else known / count
            least = reported.values[key] if share else None
            yield TrueFigure(figure_id, area_id, scope, kind, start.isoformat(), everything, share, least)


def _partners(world: World) -> Iterator[TrueFigure]:
    """Organisations, and named units, whose first event held falls in the period and that the list does not name."""
    baseline = world.configuration.partners.baseline
    if baseline is None:
        return
    branches = {b.branch_id: b for b in world.configuration.library.branches}
    kinds = ("month", "quarter", "year")
    parents = {partner_id(UNIT[0]): partner_id(UNIT_OF)}
    for figure_id, organisations in (("partners_new", parents), ("partners_new_units", {})):
        new = _Sums(world)
        for branch in branches.values():
            for day in world.days:
                area_id = area_of(branch, day)
                if area_id is not None and day >= baseline.frozen_on:
                    new.add(area_id, None, day, 0, kinds)
        seen: set[str] = set(baseline.partner_ids)
        for event in world.programme.held:  # in order of their start
            if event.partner_id is None:
                continue
            who = organisations.get(event.partner_id, event.partner_id)
            if who in seen:
                continue
            seen.add(who)
            area_id = area_of(branches[event.branch_id], event.start.date())
            if area_id is not None:
                new.add(area_id, None, event.start.date(), 1, kinds)
        for figure in new.told(figure_id):
            if date.fromisoformat(figure.period_start) >= baseline.frozen_on:
                yield figure


def _social(world: World) -> Iterator[TrueFigure]:
    profile, configuration = world.profile, world.configuration
    if profile is None:
        return

    def area_on(day: date) -> str | None:
        for account in configuration.library.accounts:
            if account.account_id == profile.account.account_id and (
                account.valid_from <= day < (account.valid_to or date.max)
            ):
                return account.area_id
        return None

    kinds = ("month", "quarter", "year")
    posts, views, interactions, reach = _Sums(world), _Sums(world), _Sums(world), _Sums(world)
    branches = {b.branch_id: b for b in configuration.library.branches}
    unassigned: dict[_Key, int] = defaultdict(int)
    for day in world.days:
        if (area_id := area_on(day)) is not None:
            for sums in (posts, views, interactions):
                sums.add(area_id, None, day, 0, kinds)
    for post in profile.posts:
        day = post.posted_at.astimezone(configuration.zone).date()
        if (area_id := area_on(day)) is not None:
            # A branch that has left the area leaves its posts to nobody.
            branch_id = next(TAGS[tag] for tag in TAGS if f"#{tag}" in post.caption)
            about = "shared" if branch_id is None else branch_id
            if branch_id is not None and area_of(branches[branch_id], day) != area_id:
                about = "unassigned"
                for kind in kinds:
                    unassigned[(area_id, None, kind, period_start(day, kind))] += 1
            for scope in (about, None):
                posts.add(area_id, scope, day, 1, kinds)
                views.add(area_id, scope, day, metric_at(post, "views", CLOCK), kinds)
                interactions.add(area_id, scope, day, metric_at(post, "total_interactions", CLOCK), kinds)
                reach.add(area_id, scope, day, metric_at(post, "reach", CLOCK), kinds)
    yield from posts.told("posts")
    yield from views.told("views")
    yield from interactions.told("interactions")
    for key, value in interactions.values.items():
        area_id, scope, kind, start = key
        if reach.values[key]:
            yield TrueFigure("engagement_rate", area_id, scope, kind, start.isoformat(), value / reach.values[key])
    for key, count in posts.values.items():
        area_id, scope, kind, start = key
        if scope is None and count:
            yield TrueFigure("posts_unassigned_share", area_id, None, kind, start.isoformat(), unassigned[key] / count)
    posted = sorted(post.posted_at.astimezone(configuration.zone).date() for post in profile.posts)
    for day in world.days:
        tomorrow = day + timedelta(days=1)
        area_id, before = area_on(day), [p for p in posted if p <= day]
        for kind in kinds:
            start = period_start(day, kind)
            if (
                area_id is not None
                and before
                and period_start(tomorrow, kind) != start
                and is_whole(start, kind, world)
            ):
                since = (day - before[-1]).days
                yield TrueFigure("days_since_last_post", area_id, None, kind, start.isoformat(), since)
    yield from _followers(world, profile, area_on, kinds)
    yield from _reach(world, profile, area_on, kinds)


def _followers(
    world: World, profile: Profile, area_on: Callable[[date], str | None], kinds: Iterable[str]
) -> Iterator[TrueFigure]:
    """Followers at the last look inside a period, and their growth since the last look at the period before."""
    last: dict[_Key, int] = {}
    ends: dict[tuple[str, date], int] = {}
    for moment in poll_moments(world):  # in order: the last look inside a period stands
        day = moment.astimezone(world.configuration.zone).date()
        for kind in kinds:
            start = period_start(day, kind)
            ends[(kind, start)] = profile.followers_at(moment)
            if (area_id := area_on(day)) is not None and is_whole(start, kind, world):
                last[(area_id, None, kind, start)] = profile.followers_at(moment)
    for (area_id, _none, kind, start), followers in last.items():
        yield TrueFigure("followers", area_id, None, kind, start.isoformat(), followers)
        before = period_start(start - timedelta(days=1), kind)
        if (kind, before) in ends:
            yield TrueFigure(
                "follower_growth", area_id, None, kind, start.isoformat(), followers - ends[(kind, before)]
            )


def _reach(
    world: World, profile: Profile, area_on: Callable[[date], str | None], kinds: Iterable[str]
) -> Iterator[TrueFigure]:
    """The reach of the last 28 Pacific days that were looked at in a period, as the account was told it then."""
    insights = AccountInsights(profile.followers_at)
    told: dict[_Key, float] = {}
    for moment in [*poll_moments(world), CLOCK]:
        last_on = moment.astimezone(PACIFIC).date() - timedelta(days=1)
        # A settled month is looked at as a window, too, and February has 28 days.
        month_end = last_on.replace(day=1) - timedelta(days=1)
        for end_on in (last_on, month_end) if month_end.day == 28 else (last_on,):
            start_at, end_at = (
                datetime.combine(day, time(), tzinfo=PACIFIC).astimezone(UTC)
                for day in (end_on - timedelta(days=27), end_on + timedelta(days=1))
            )
            query = {
                "metric": ["reach"], "period": ["day"], "metric_type": ["total_value"],
                "since": [str(int(start_at.timestamp()))], "until": [str(int(end_at.timestamp()) - 1)],
            }  # fmt: skip
            answer = insights.answer(profile.account.account_id, query, moment)
            for kind in kinds:
                start = period_start(end_on, kind)
                is_newest = end_on == last_on or kind == "month"
                if is_newest and (area_id := area_on(end_on)) is not None and is_whole(start, kind, world):
                    told[(area_id, None, kind, start)] = answer["data"][0]["total_value"]["value"]
    for (area_id, _none, kind, start), value in told.items():
        yield TrueFigure("reach_28_days", area_id, None, kind, start.isoformat(), value)


def write(world: World, path: Path) -> list[TrueFigure]:
    """Write the truth as JSON, whole; says of itself that it is simulated."""
    told = figures(world)
    document = {
        "simulated": True,
        "note": "Nothing here happened: a simulated library, whose truth published figures are held against.",
        "library_id": world.configuration.library.library_id,
        "seed": world.seed,
        "clock": CLOCK.isoformat(),
        "figures": [asdict(f) for f in told],
    }
    lines = json.dumps(document, ensure_ascii=False, indent=1)
    write_atomically(path, lines.encode())
    return told


def read(path: Path) -> list[TrueFigure]:
    """The truth that was written beside the world.

    Raises:
        PermanentFailure: there is none, or the file does not say that it is simulated.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PermanentFailure(f"{path} does not exist.", next_action="Run: levende sandbox build.") from None
    if document.get("simulated") is not True:
        raise PermanentFailure(f"{path} is no truth of a simulated world.", next_action="Run: levende sandbox build.")
    return [TrueFigure(**f) for f in document["figures"]]


@dataclass(frozen=True)
class Compared:
    """One true figure beside the published one; `published` is None where none stands, or it has no value.

    Attributes:
        low, share: the published lower bound and the share that was observed.
    """

    truth: TrueFigure
    published: float | None
    low: float | None = None
    share: float | None = None

    @property
    def is_equal(self) -> bool:
        """Equal, but for the last bits of a division.

        Where not all was reported: no value, what was reported as the lower bound, and how much of it that is.
        """
        if self.truth.told_share is None:
            return _same(self.published, self.truth.value)
        is_bound = self.truth.told_value is None or self.truth.told_value <= self.truth.value
        return (
            self.published is None
            and is_bound
            and _same(self.low, self.truth.told_value)
            and _same(self.share, self.truth.told_share)
        )


def _same(published: float | None, true: float | None) -> bool:
    if published is None or true is None:
        return published is true
    return math.isclose(published, true, rel_tol=1e-9, abs_tol=1e-9)


def compare(told: Iterable[TrueFigure], database: Path) -> list[Compared]:
    """Hold the truth against a published database, opened read-only.

    Raises:
        PermanentFailure: there is no published database.
    """
    if not database.exists():
        raise PermanentFailure(
            f"{database} does not exist: nothing is published.", next_action="See what the run said about its checks."
        )
    query = """
        select
            figure_id, area_id, branch_id, period_kind, cast(period_start as varchar), value, value_low, observed_share
        from kpi.figures
    """
    with duckdb.connect(str(database), read_only=True) as con:
        published: dict[tuple[Any, ...], tuple[Any, ...]] = {
            tuple(row[:5]): tuple(row[5:]) for row in con.execute(query).fetchall()
        }
    return [
        Compared(f, *published.get((f.figure_id, f.area_id, f.branch_id, f.period_kind, f.period_start), (None,)))
        for f in told
    ]
