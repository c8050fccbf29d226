"""Meta's days and windows: Pacific midnights, at most 30 days a call, both edges included in what is asked.

What belongs here: arithmetic of times, pure. What does not: deciding which windows are due (`graph_schedule.py`).
Source of the rules: docs/sources/instagram.md, "Days and windows".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_ZONE = "America/Los_Angeles"
PACIFIC = ZoneInfo(DAY_ZONE)
MAX_WINDOW_SECONDS = 2_592_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """A window of whole Pacific days: aware UTC, half-open `[start, end)`."""

    start: datetime
    end: datetime

    @property
    def since(self) -> int:
        """What the call says: Unix seconds, included."""
        return int(self.start.timestamp())

    @property
    def until(self) -> int:
        """What the call says: Unix seconds, included, so that the second of the next window's start is not in it."""
        return int(self.end.timestamp()) - 1

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).total_seconds())


def pacific_day(moment: datetime) -> date:
    """The Pacific date of an aware moment."""
    return moment.astimezone(PACIFIC).date()


def midnight(day: date) -> datetime:
    """The start of a Pacific day, UTC: 07:00 or 08:00 of the same date."""
    return datetime.combine(day, time(), tzinfo=PACIFIC).astimezone(UTC)


def window(first_on: date, last_on: date) -> Window:
    """The window of Pacific days from the first to the last, both included.

    Raises:
        ValueError: it is longer than one call may ask for. November is, at 30 days and the hour of the clock change.
            What counts people once (reach) then has no value for it: two windows can't be added.
    """
    found = Window(midnight(first_on), midnight(last_on + _DAY))
    if found.seconds > MAX_WINDOW_SECONDS:
        raise ValueError(
            f"{first_on} to {last_on} is {found.seconds} s long, and one call may ask for {MAX_WINDOW_SECONDS}"
        )
    return found


def split(first_on: date, last_on: date) -> Iterator[Window]:
    """Pacific days, both included, in windows that one call may ask for. For what may be added, or comes by the day."""
    start = first_on
    while start <= last_on:
        end = min(start + timedelta(days=29), last_on)
        if (midnight(end + _DAY) - midnight(start)).total_seconds() > MAX_WINDOW_SECONDS:
            end -= _DAY
        yield window(start, end)
        start = end + _DAY


def days(first_on: date, last_on: date) -> Iterator[Window]:
    """Each Pacific day from the first to the last, both included."""
    for n in range((last_on - first_on).days + 1):
        yield window(first_on + n * _DAY, first_on + n * _DAY)


def last_whole_month(day: date) -> tuple[date, date]:
    """First and last day of the newest month that ended before `day`."""
    last = day.replace(day=1) - _DAY
    return last.replace(day=1), last


def ended_at(end: datetime, days: int) -> Window:
    """The window of Pacific days that ends at `end`.

    Raises:
        ValueError: `end` is no Pacific midnight: Meta's day has changed, or the stamp is another's.
    """
    local = end.astimezone(PACIFIC)
    if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
        raise ValueError("not a Pacific midnight")
    # Wall-clock arithmetic on purpose: the day before midnight is a calendar day, not 24 hours.
    return Window((local - timedelta(days=days)).astimezone(UTC), local.astimezone(UTC))
