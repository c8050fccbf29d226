"""Starts and ends that feeds and sheets tell, as moments and as a holding's dates.

What belongs here: local clocks, ISO 8601, and how a start and an end become one span. What does not: times of records
that are told with zones and offsets in fields of their own (`_record_times`), and recurrence (`ical_expand`).

All instants are naive UTC, half-open; local dates are included at both ends.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.adapters import Faulty
from ingest.events._rows import Span

MAX_DURATION = timedelta(days=400)
FIRST_YEAR, LAST_YEAR = 1970, 2100

_STAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s*(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,3})W)?(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,5})M)?(?:(?P<seconds>\d{1,6})(?:\.\d+)?S)?)?"
)


class Moment(NamedTuple):
    """A start or an end as told.

    Attributes:
        at: naive UTC; of a date alone, its local midnight.
        on: the local date.
        has_time: false for a date alone.
        zone: by which it was read.
        flags: doubts: `floating_time`, `other_zone`, `nonexistent_time`, `ambiguous_time`.
    """

    at: datetime
    on: date
    has_time: bool
    zone: str
    flags: tuple[str, ...] = ()


def wall(day: date, clock: time | None, zone: str) -> Moment:
    """What the clock on the wall shows, as a moment: an hour that was skipped is read as the one it would have been."""
    tz = ZoneInfo(zone)
    local = datetime.combine(day, clock or time())
    flags = []
    first, second = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if clock is not None and first != second:
        exists = first.astimezone(tz).replace(tzinfo=None, fold=0) == local
        flags.append("ambiguous_time" if exists else "nonexistent_time")
    return Moment(first.replace(tzinfo=None), day, clock is not None, zone, tuple(flags))


def moment_of(at: datetime, zone: str) -> Moment:
    """An aware moment, with its local date in the zone."""
    return Moment(at.astimezone(UTC).replace(tzinfo=None), at.astimezone(ZoneInfo(zone)).date(), True, zone)


def read_moment(value: Any, zone: str) -> Moment | None:
    """ISO 8601 as feeds write it: a date, a local time, or a time with an offset, with or without its colon.

    Returns:
        None for anything else, and for years outside 1970-2100.
    """
    found = _STAMP.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 40 else None
    if found is None or not found["year"].isascii():
        return None
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        if not FIRST_YEAR <= day.year < LAST_YEAR:
            return None
        if found["hour"] is None:
            return wall(day, None, zone)
        hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
        if (hour, minute, second) == (24, 0, 0):
            day, hour = day + timedelta(days=1), 0
        clock = time(hour, minute, second)
        if found["offset"] is None:
            moment = wall(day, clock, zone)
            return moment._replace(flags=("floating_time", *moment.flags))
        told = datetime.combine(day, clock, tzinfo=_offset(found["offset"]))
        moment = moment_of(told, zone)
        # UTC is how machines write it; another offset that is not the library's is a doubt about the place.
        is_other = found["offset"] not in "Zz" and told.utcoffset() != told.astimezone(ZoneInfo(zone)).utcoffset()
        return moment._replace(flags=("other_zone",)) if is_other and told.utcoffset() else moment
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone:
    if text in "Zz":
        return timezone(timedelta())
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError("no offset")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)


def read_duration(value: Any) -> timedelta | None:
    """An ISO 8601 duration without months and years, which have no fixed length; None for anything else."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 40 else None
    parts = {name: int(text) for name, text in found.groupdict().items() if text} if found else {}
    return timedelta(**parts) if parts else None


def span(start: Moment, end: Moment | None, *, end_day_is_excluded: bool = False) -> Span:
    """Start and end as one holding.

    Args:
        end_day_is_excluded: whether an end that is a date is the day after the last one (Google), or the last day
            itself (schema.org, sheets).
    """
    flags = list(start.flags)
    if end is None:
        # As for iCalendar, a time without an end has no length, and a date without an end is that day.
        if start.has_time:
            flags.append("no_end")
            return Span(start.at, start.at, start.on, start.on, True, start.zone, tuple(flags))
        end, end_day_is_excluded = start, False
    flags += [flag for flag in end.flags if flag not in flags]
    end_at, end_on = end.at, end.on
    if not end.has_time:
        if start.has_time:
            flags.append("mixed_end")
        if end_day_is_excluded:
            end_on = end.on - timedelta(days=1)
        else:
            end_at = wall(end.on + timedelta(days=1), None, start.zone).at
    elif not start.has_time:
        flags.append("mixed_end")
    if end_at < start.at or (end_at == start.at and not start.has_time):
        kept = span(start, None)
        return kept._replace(flags=tuple(dict.fromkeys([*flags, "end_before_start", *kept.flags])))
    if end.has_time and end_at > start.at:
        # An end at midnight belongs to the evening before it.
        last = (end_at - timedelta(microseconds=1)).replace(tzinfo=UTC).astimezone(ZoneInfo(start.zone)).date()
        end_on = max(last, start.on)
    if end_at - start.at > MAX_DURATION:
        flags.append("duration_capped")
        end_at = start.at + MAX_DURATION
        end_on = end_at.replace(tzinfo=UTC).astimezone(ZoneInfo(start.zone)).date()
    return Span(start.at, end_at, start.on, max(end_on, start.on), start.has_time, start.zone, tuple(flags))


def with_length(dates: Span, length: timedelta) -> Span:
    """The dates of a holding that tells its length instead of its end."""
    flags = tuple(flag for flag in dates.flags if flag != "no_end")
    return span(
        Moment(dates.start_at, dates.start_on, True, dates.zone, flags),
        Moment(dates.start_at + length, dates.start_on, True, dates.zone),
    )


def read_span(start: Any, end: Any, zone: str, *, end_day_is_excluded: bool = False) -> Span:
    """Two texts as a holding's dates.

    Raises:
        Faulty: no start, or a text that is no date.
    """
    if start is None or start == "":
        raise Faulty("no_start")
    begin = read_moment(start, zone)
    if begin is None:
        raise Faulty("bad_start")
    finish = None if end is None or end == "" else read_moment(end, zone)
    if finish is None and end not in (None, ""):
        raise Faulty("bad_end")
    return span(begin, finish, end_day_is_excluded=end_day_is_excluded)
