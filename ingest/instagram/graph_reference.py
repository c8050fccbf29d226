"""What Meta documents about the Graph API, as data: versions and their last days, metrics and where they hold.

What belongs here: looking facts up. The facts themselves stand in `api_versions.yaml` and `capabilities.yaml` beside
this file, each with a source and a date, so that a person can check and renew them without reading code. What does
not: asking (`graph_api.py`), reading answers (`graph_answers.py`), or anything about one library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

Login = Literal["facebook", "instagram"]

# A version's end is told this long before it comes: a new pin wants a test run and a quiet week.
VERSION_ALARM_DAYS = 90

ACCOUNT = "ACCOUNT"


def _read(name: str) -> Any:
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))


class _Entry(BaseModel):
    """One entry of `capabilities.yaml`; a misspelt key is an error, not a metric that is never asked for."""

    model_config = ConfigDict(extra="forbid")

    metrics: list[str]
    kinds: list[str] = [f"{ACCOUNT}/"]
    call: Literal["", "days", "day", "window", "online", "demographics"] = ""
    period: Literal["lifetime", "day"] = "lifetime"
    metric_type: Literal["", "time_series", "total_value"] = ""
    breakdowns: list[str] = [""]
    timeframe: Literal["", "this_week", "this_month"] = ""
    min_followers: int = 0
    since: str = "v22.0"
    until: str | None = None
    logins: list[Login] = ["facebook", "instagram"]
    is_asked: bool = True
    source: Literal["docs", "live", "learned"]
    told_on: date
    note: str = ""


@dataclass(frozen=True)
class Capability:
    """One metric on one kind of post, or of the account, in one kind of call.

    Attributes:
        metric: the platform's name.
        product_type, media_type: the kind of post, as the media fields of those names say it; `ACCOUNT` and empty.
        call: for the account, which kind of call asks it: `days` (a series), `day`, `window`, `online`, `demographics`.
        period, metric_type, timeframe: parameters of the call; empty where it has none.
        breakdown: dimensions joined by commas; one call has one set of them.
        min_followers: an account with fewer is told nothing.
        first_version, last_version: API versions that take it, both included; None: no end is known.
        logins: the login flavours that offer it.
        is_asked: whether a poll asks for it. Kept with False where asking is known to be useless or to break the call.
        source: `docs` (Meta's reference), `live` (a published test against the real API) or `learned`.
        told_on: the date of that source.
        note: why it is not asked, or what a reader must know.
    """

    metric: str
    product_type: str
    media_type: str
    call: str
    period: str
    metric_type: str
    timeframe: str
    breakdown: str
    min_followers: int
    first_version: str
    last_version: str | None
    logins: tuple[str, ...]
    is_asked: bool
    source: str
    told_on: date
    note: str

    def holds_in(self, version: str, login: str) -> bool:
        """Whether the API takes the metric in this version with this login."""
        number = version_number(version)
        return (
            number >= version_number(self.first_version)
            and (self.last_version is None or number <= version_number(self.last_version))
            and login in self.logins
        )


def version_number(version: str) -> tuple[int, int]:
    """`v25.0` as numbers that sort."""
    major, minor = version.removeprefix("v").split(".")
    return int(major), int(minor)


def _capabilities() -> Iterator[Capability]:
    told = _read("capabilities.yaml")
    for raw in [*told["posts"], *told["account"]]:
        entry = _Entry.model_validate(raw)
        for metric in entry.metrics:
            for kind in entry.kinds:
                for breakdown in entry.breakdowns:
                    product_type, media_type = kind.split("/")
                    yield Capability(
                        metric,
                        product_type,
                        media_type,
                        entry.call,
                        entry.period,
                        entry.metric_type,
                        entry.timeframe,
                        breakdown,
                        entry.min_followers,
                        entry.since,
                        entry.until,
                        tuple(entry.logins),
                        entry.is_asked,
                        entry.source,
                        entry.told_on,
                        entry.note,
                    )


CAPABILITIES: tuple[Capability, ...] = tuple(_capabilities())

# By version; None where no last day is announced.
LAST_DAYS: dict[str, date | None] = {
    version: facts["last_on"] for version, facts in _read("api_versions.yaml")["versions"].items()
}

# Answered with a number that says nothing: the reply count of stories is 0 for every account in Europe.
NOT_APPLICABLE = frozenset({("STORY", "replies")})

# Below so many followers the platform withholds a metric, and an empty answer is no gap.
MIN_FOLLOWERS: dict[str, int] = {c.metric: c.min_followers for c in CAPABILITIES if c.min_followers}


@dataclass(frozen=True)
class AccountCall:
    """One call for the account's insights: metrics that can be asked for together.

    `name` is what verdicts on its metrics are kept under.
    """

    call: str
    period: str
    metric_type: str
    timeframe: str
    breakdown: str
    metrics: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{ACCOUNT}/{self.call}" + (f"/{self.breakdown}" if self.breakdown else "")


def is_retired(version: str, on: date) -> bool:
    """Whether the version's last day lies before `on` (UTC). Versions older than the table are gone."""
    if version in LAST_DAYS:
        last = LAST_DAYS[version]
        return last is not None and on > last
    return version_number(version) < min(map(version_number, LAST_DAYS))


def days_left(version: str, on: date) -> int | None:
    """Days until the version's last day, or None while no last day is known."""
    last = LAST_DAYS.get(version)
    return None if last is None else (last - on).days


def newest_version() -> str:
    """The newest version that the table knows."""
    return max(LAST_DAYS, key=version_number)


@dataclass(frozen=True)
class VersionState:
    """How long a pinned version lives. `state` is `ok`, `ending`, `ended` or `unknown`; the message says what to do."""

    state: Literal["ok", "ending", "ended", "unknown"]
    days_left: int | None
    message: str
    next_action: str


def version_state(version: str, on: date) -> VersionState:
    """What is to be said of a pinned version on a date, UTC."""
    pin = f"set api_version to {newest_version()} or another living version."
    left = days_left(version, on)
    if is_retired(version, on):
        return VersionState(
            "ended", left, f"Graph API {version} is past its last day.", f"Read Meta's changelog and {pin}"
        )
    if version not in LAST_DAYS:
        return VersionState(
            "unknown",
            None,
            f"Graph API {version} has no known last day.",
            "Add it to ingest/instagram/api_versions.yaml.",
        )
    if left is not None and left <= VERSION_ALARM_DAYS:
        return VersionState("ending", left, f"Graph API {version} ends in {left} days.", f"Plan the change: {pin}")
    told = "no last day is announced" if left is None else f"{left} days left"
    return VersionState("ok", left, f"Graph API {version}, {told}.", "")


def post_calls(version: str, product_type: str, media_type: str, login: str = "facebook") -> dict[str, tuple[str, ...]]:
    """The calls that a kind of post is asked with: metrics in the table's order, by breakdown (`""` for none)."""
    calls: dict[str, tuple[str, ...]] = {}
    for c in CAPABILITIES:
        if c.is_asked and (c.product_type, c.media_type) == (product_type, media_type) and c.holds_in(version, login):
            calls[c.breakdown] = (*calls.get(c.breakdown, ()), c.metric)
    return calls


def metrics_for(version: str, product_type: str, media_type: str) -> tuple[str, ...]:
    """The metrics that a poll asks for on one kind of post, in the table's order; empty for an unknown kind."""
    calls = post_calls(version, product_type, media_type).values()
    return tuple(dict.fromkeys(metric for metrics in calls for metric in metrics))


def account_calls(version: str, login: str = "facebook") -> tuple[AccountCall, ...]:
    """The calls that the account's insights are asked with, in the table's order."""
    calls: dict[tuple[str, str, str, str, str], tuple[str, ...]] = {}
    for c in CAPABILITIES:
        if c.is_asked and c.product_type == ACCOUNT and c.holds_in(version, login):
            key = (c.call, c.period, c.metric_type, c.timeframe, c.breakdown)
            calls[key] = (*calls.get(key, ()), c.metric)
    return tuple(AccountCall(*key, metrics) for key, metrics in calls.items())
