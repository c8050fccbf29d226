"""From a wall clock to UTC: what to do with the hour that comes twice and the hour that never was.

What belongs here: the rules for sources that write local time without an offset. What does not: reading the text of
a date or an hour. All results are naive UTC or microseconds since 1970-01-01 UTC, as the lake stores them.

The rules, by the source's convention:

- Start-stamped rows: the label is localised. In the repeated autumn hour the first row of a series with a label is
  the first hour and the second row the second one (the other way round in a file that runs newest first). A lone
  row is taken as the first hour and marked `ambiguous`: it may hold one hour, the other, or both.
- End-stamped rows are written in two ways. Most systems add the interval to the label of the start ("03:00" ends the
  hour that began 02:00), some read the clock as it then is ("02:00" ends the hour that began 02:00 summer time). The
  two differ only around a clock change, and there the series itself tells: whichever label repeats in autumn, and
  whether 02:00 or 03:00 follows 01:00 in spring.
- Intervals longer than an hour are cut by the calendar: a day is 23 or 25 hours when the clock changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from ingest.doors._keys import from_microseconds, microseconds

Integers = npt.NDArray[np.int64]

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
EXACT, FIRST, SECOND, AMBIGUOUS, NONEXISTENT = "exact", "first", "second", "ambiguous", "nonexistent"


@lru_cache(maxsize=4096)  # all lines of a file ask for the same hours around a clock change
def instants(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments at which a clock on the wall showed this: none, one, or two in order.

    Args:
        local: naive local time.

    Returns:
        Naive UTC moments.
    """
    found = []
    for fold in (0, 1):
        moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == local and moment not in found:
            found.append(moment)
    return tuple(m.replace(tzinfo=None) for m in found)


def boundary(local: datetime, zone: ZoneInfo) -> datetime:
    """The one moment, naive UTC, at which a calendar boundary falls: the first of two, or the change that skips it."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC).replace(tzinfo=None)


def month_interval(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local calendar month as naive UTC, half-open."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    start, end = (datetime(y, m, 1) for y, m in ((year, month), following))  # noqa: DTZ001 - local, zone given below
    return boundary(start, zone), boundary(end, zone)


@dataclass(frozen=True)
class Change:
    """A clock change: the local times between `low` (included) and `high` come twice, or never."""

    is_repeated: bool
    low: datetime
    high: datetime


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return offset if offset is not None else timedelta()


@lru_cache(maxsize=4096)
def change_near(day: date, zone: ZoneInfo) -> Change | None:
    """The clock change that may touch intervals labelled with this local day, if there is one.

    The window is wide, two days to each side, because a label may be the end of an interval of the day before.
    """
    low = datetime(day.year, day.month, day.day) - timedelta(days=2)  # noqa: DTZ001 - UTC by convention
    high = low + timedelta(days=5)
    before, after = _offset(low, zone), _offset(high, zone)
    if before == after:
        return None
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    at = high.replace(second=0, microsecond=0)
    return Change(after < before, at + min(before, after), at + max(before, after))


@dataclass(frozen=True)
class Intervals:
    """Intervals in microseconds since 1970-01-01 UTC, half-open; where fold is `nonexistent` both ends are 0."""

    start_us: Integers
    end_us: Integers
    fold: npt.NDArray[np.object_]


def resolve_intervals(
    local_us: Integers, is_end: npt.NDArray[np.bool_], series: Integers, minutes: int, zone: ZoneInfo
) -> Intervals:
    """Local labels, in the order the source wrote them, as UTC intervals. The rules stand in the module docstring.

    Args:
        local_us: the labels as if they were UTC, microseconds since 1970-01-01.
        is_end: whether the label is the end of its interval; otherwise it is the start.
        series: which line each row belongs to; order and repetition are judged inside one.
        minutes: length of the interval.
        zone: the zone of the clock.
    """
    length = minutes * MINUTE_US
    start = np.zeros(len(local_us), dtype=np.int64)
    end = np.zeros(len(local_us), dtype=np.int64)
    fold = np.full(len(local_us), EXACT, dtype=object)
    if not len(local_us):
        return Intervals(start, end, fold)
    days, which = np.unique(local_us // DAY_US, return_inverse=True)
    dates = [from_microseconds(int(d) * DAY_US) for d in days]
    near = np.array([change_near(d.date(), zone) is not None for d in dates], dtype=np.bool_)[which]
    offsets = np.array([_offset(d, zone) // timedelta(microseconds=1) for d in dates], dtype=np.int64)[which]
    first_us = np.where(is_end, local_us - length, local_us) - offsets
    start[~near] = first_us[~near]
    end[~near] = first_us[~near] + length

    members: dict[int, list[int]] = defaultdict(list)
    for i in np.flatnonzero(near).tolist():
        members[int(series[i])].append(i)
    resolver = _calendar if minutes > 60 else _around_change
    for rows in members.values():
        labels = [(from_microseconds(int(local_us[i])), bool(is_end[i])) for i in rows]
        for i, (begin, finish, kind) in zip(rows, resolver(labels, timedelta(minutes=minutes), zone), strict=True):
            fold[i] = kind
            if kind != NONEXISTENT:
                start[i], end[i] = microseconds(begin), microseconds(finish)
    return Intervals(start, end, fold)


_Label = tuple[datetime, bool]
_Resolved = tuple[datetime, datetime, str]


def _calendar(labels: list[_Label], length: timedelta, zone: ZoneInfo) -> Iterable[_Resolved]:
    for local, is_end in labels:
        begin = local - length if is_end else local
        yield boundary(begin, zone), boundary(begin + length, zone), EXACT


def _around_change(labels: list[_Label], length: timedelta, zone: ZoneInfo) -> Iterable[_Resolved]:
    """One series' labels near a clock change, in file order."""
    ends = Counter(local for local, is_end in labels if is_end)
    reads_clock = {}
    for local in ends:
        change = change_near(local.date(), zone)
        if change is not None and change not in reads_clock:
            if change.is_repeated:
                reads_clock[change] = ends[change.low] > 1 >= ends[change.high]
            else:
                reads_clock[change] = change.low not in ends
    anchors = []
    for local, is_end in labels:
        change = change_near(local.date(), zone)
        by_clock = is_end and change is not None and reads_clock[change]
        anchors.append((local - length, False) if is_end and not by_clock else (local, by_clock))

    told = Counter(anchors)
    runs_backwards = labels[-1][0] < labels[0][0]
    seen: Counter[tuple[datetime, bool]] = Counter()
    for anchor in anchors:
        local, is_finish = anchor
        moments = instants(local, zone)
        kind, moment = EXACT, moments[0] if moments else local
        if not moments:
            kind = NONEXISTENT
        elif len(moments) == 2 and told[anchor] == 1:
            kind = AMBIGUOUS
        elif len(moments) == 2:
            # Further tellings alternate: a file appended to itself then repeats both hours, each equal to its twin.
            later = (seen[anchor] % 2 == 1) != runs_backwards
            kind, moment = (SECOND, moments[1]) if later else (FIRST, moments[0])
        seen[anchor] += 1
        yield (moment - length, moment, kind) if is_finish else (moment, moment + length, kind)
