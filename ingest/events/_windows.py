"""Which days a poll asks about, by the source's own calendar.

What belongs here: windows of questions and receipts. What does not: dates of events (`_spans`, `_record_times`).
Windows begin and end at local midnights, so that the same answer is one reading a day and not one a poll.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.adapters import FetchContext
from ingest.config import start_of
from ingest.events._options import WindowOptions

# Windows begin and end on this grid of days, so that one day's question is the next day's, and equal answers are one
# reading. LibCal is asked in slices of this length.
GRID_DAYS = 30


@dataclass(frozen=True)
class Window:
    """Local days, half-open, and their midnights as aware moments."""

    first: date
    after: date
    zone: ZoneInfo

    @property
    def start_at(self) -> datetime:
        return start_of(self.first, self.zone)

    @property
    def end_at(self) -> datetime:
        return start_of(self.after, self.zone)

    @property
    def last(self) -> date:
        """The last day that belongs to it: several systems include the end that they are given."""
        return self.after - timedelta(days=1)


def window_of(now: datetime, options: WindowOptions) -> Window:
    """The days to ask about, widened to the grid."""
    zone = ZoneInfo(options.zone)
    today = now.astimezone(zone).date().toordinal()
    first = (today - options.days_back) // GRID_DAYS * GRID_DAYS
    after = (today + options.days_ahead) // GRID_DAYS * GRID_DAYS + GRID_DAYS
    return Window(date.fromordinal(first), date.fromordinal(after), zone)


def slices_of(window: Window) -> Iterator[Window]:
    """The window in slices of the grid, oldest first."""
    for number in range(window.first.toordinal(), window.after.toordinal(), GRID_DAYS):
        yield Window(date.fromordinal(number), date.fromordinal(number + GRID_DAYS), window.zone)


def today_of(context: FetchContext) -> datetime:
    """The local midnight with which the day of the poll begins: where lists of what is to come begin."""
    return yet_to_come(context)[0]


def yet_to_come(context: FetchContext) -> tuple[datetime, datetime]:
    """The window of a list that holds all that is to come and forgets the rest, aware.

    From the local day of asking; to the second New Year ahead, since the list itself has no end. Whole days, so that an
    unchanged list is one reading a day and not one a poll.
    """
    zone = ZoneInfo(context.options.zone)
    today = context.now.astimezone(zone).date()
    return start_of(today, zone), start_of(date(today.year + 2, 1, 1), zone)
