"""Starts and ends that records tell, with zones and offsets in whatever field a system puts them.

What belongs here: moments of systems that are asked for records. What does not: times of feeds and sheets (`_spans`),
whose doubts are others: a record's zone is its system's word, a feed's is the publisher's guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from ingest.adapters import Faulty
from ingest.events._spans import wall
from ingest.home import naive_utc
from ingest.json_values import text_of
from ingest.zones import iana_zones

_YEARS = range(1970, 2101)
_MOMENT = re.compile(
    r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?\s*(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*"
)


@dataclass(frozen=True)
class When:
    """A moment as a system told it.

    Attributes:
        at: naive UTC; for a date alone its local midnight.
        on: the local date.
        has_time: False for a date alone.
        zone: by which zone it was read: an IANA name, `UTC` or `UTC+01:00`.
        midnight: the beginning of the local date, naive UTC.
        flags: doubts.
    """

    at: datetime
    on: date
    has_time: bool
    zone: str
    midnight: datetime
    flags: tuple[str, ...] = ()


def zone_named(name: Any, default: str) -> tuple[str, tuple[str, ...]]:
    """The zone that a record names, or the source's own with a flag where it names none that exists."""
    if name in (None, ""):
        return default, ()
    return (name, ()) if isinstance(name, str) and name in iana_zones() else (default, ("unknown_zone",))


def read_when(told: Any, zone: str, *, offset: Any = None) -> When:
    """Read `2026-03-05`, `2026-03-05 18:00:00` or `2026-03-05T18:00:00+0100`.

    Args:
        zone: IANA zone of a time without an offset, and of the local date of one in UTC.
        offset: the offset where the system tells it in a field of its own.

    A local time that the clock skipped is read as the hour it was (02:30 is 03:30); of a doubled one, the first.

    Raises:
        Faulty: nothing told, or nothing that is a moment.
    """
    text = text_of(told)
    if not text.strip():
        raise Faulty("no_start")
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise Faulty("bad_start")
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        clock = time(int(found[4] or 0), int(found[5] or 0), int(found[6] or 0))
        given = found[7] or (text_of(offset) or None if found[4] else None)
        shift = None if given is None else _offset(given)
    except ValueError:
        raise Faulty("bad_start") from None
    if day.year not in _YEARS:
        raise Faulty("start_out_of_range")
    if found[4] is None:
        return date_only(day, zone)
    local = datetime.combine(day, clock)
    if shift is None:
        return local_time(local, zone)
    at = (local - shift).replace(tzinfo=UTC)
    here = at.astimezone(ZoneInfo(zone))
    if here.utcoffset() == shift or not shift:
        read_by = zone if here.utcoffset() == shift else "UTC"
        return When(naive_utc(at), here.date(), True, read_by, midnight_of(here.date(), zone))
    return When(naive_utc(at), day, True, str(timezone(shift)), datetime.combine(day, time()) - shift, ("other_zone",))


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    found = re.fullmatch(r"\s*([+-])([0-9]{2}):?([0-9]{2})?\s*", text)
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        raise ValueError(text)
    shift = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return -shift if found[1] == "-" else shift


def date_only(day: date, zone: str) -> When:
    """A date without a time: its local midnight."""
    if day.year not in _YEARS:
        raise Faulty("start_out_of_range")
    return When(midnight_of(day, zone), day, False, zone, midnight_of(day, zone))


def midnight_of(day: date, zone: str) -> datetime:
    """The beginning of a local day, naive UTC."""
    return wall(day, None, zone).at


def local_time(local: datetime, zone: str) -> When:
    """A time on the wall of a zone."""
    read = wall(local.date(), local.time(), zone)
    on = read.at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()  # the hour that was skipped may be a midnight
    return When(read.at, on, True, zone, midnight_of(on, zone), read.flags)


def read_end(told: Any, zone: str, *, offset: Any = None) -> tuple[When | None, tuple[str, ...]]:
    """An end; None where none is told, with a flag where it can't be read."""
    try:
        return read_when(told, zone, offset=offset), ()
    except Faulty as fault:
        return None, () if fault.reason == "no_start" else ("bad_end",)


def whole_days(start: When, end: When | None, zone: str) -> tuple[When, When]:
    """An event of whole days: its first and its last date.

    An end at midnight of a later day is taken as excluded, any other as included: systems do both, and only the
    former write a bare midnight.
    """
    last = start.on
    if end is not None and end.on > start.on:
        is_excluded = end.has_time and end.at == end.midnight
        last = end.on - timedelta(days=1 if is_excluded else 0)
    return date_only(start.on, zone), date_only(max(last, start.on), zone)


def read_change(told: Any, *, offset: str = "+00:00") -> datetime | None:
    """When a record was changed, naive UTC; None for anything unreadable. Without an offset of its own it is UTC."""
    try:
        when = read_when(told, "UTC", offset=offset)
    except Faulty:
        return None
    return when.at


def with_flags(when: When, *flags: str) -> When:
    """The same moment with more doubts."""
    return replace(when, flags=(*when.flags, *flags))
