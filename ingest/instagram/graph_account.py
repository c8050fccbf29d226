"""Which calls for the account's own insights are due.

What belongs here: from the poll's clock, and from how far the last one came, to a list of calls. What does not:
asking them (`graph_insights.py`) and the arithmetic of Meta's days (`graph_windows.py`).

Only days that have ended are asked for: today's would be read as a whole one, and its end lies in the future. The
newest days are asked for again at each poll, because Meta's numbers come up to 48 hours late.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from ingest.instagram import graph_reference, graph_windows
from ingest.instagram.graph_insights import Work
from ingest.instagram.graph_options import GraphOptions
from ingest.instagram.graph_reference import AccountCall
from ingest.instagram.graph_windows import Window

log = logging.getLogger("levende.ingest.instagram")

# Meta's numbers may grow for 48 hours after a day has ended.
SETTLED_DAYS = 3
DEMOGRAPHICS_DAYS = 7
# People who were reached in so many days are counted once only in a window of that length.
WINDOW_DAYS = (7, 28)
_DAY = timedelta(days=1)


class AccountPlan:
    """The calls of one poll.

    Args:
        now: the poll's moment, aware.
        asked: what the last finished poll said of itself; empty for the first.

    Attributes:
        told: what the receipt of this one's end is to say.
    """

    def __init__(self, options: GraphOptions, now: datetime, asked: Mapping[str, Any]) -> None:
        self.options = options
        last_on = graph_windows.pacific_day(now) - _DAY
        first_on = self._first_on(last_on, asked.get("through"))
        windows = [graph_windows.window(last_on - (n - 1) * _DAY, last_on) for n in WINDOW_DAYS]
        month, of_month = self._month(last_on, str(asked.get("month", "")))
        demographics_on = str(asked.get("demographics_on", ""))
        is_week_over = not demographics_on or now.date() - date.fromisoformat(demographics_on) >= (
            DEMOGRAPHICS_DAYS * _DAY
        )
        self.windows: dict[str, list[Window | None]] = {
            "days": list(graph_windows.split(first_on, last_on)),
            "day": list(graph_windows.days(first_on, last_on)),
            "window": [*windows, *of_month],
            # The two newest days may be refused.
            "online": [graph_windows.window(last_on - 4 * _DAY, last_on - 2 * _DAY)],
            "demographics": [None] if is_week_over else [],
        }
        self.told = {
            "through": last_on.isoformat(),
            "month": month,
            "demographics_on": now.date().isoformat() if is_week_over else demographics_on,
        }

    def _first_on(self, last_on: date, through: str | None) -> date:
        """The first Pacific day to ask for: after the last one had, and some that were had already."""
        earliest = last_on - (self.options.account_backfill_days - 1) * _DAY
        if through is None:
            return earliest
        again = last_on - (self.options.account_reread_days - 1) * _DAY
        return max(earliest, min(date.fromisoformat(through) + _DAY, again))

    def _month(self, last_on: date, told: str) -> tuple[str, list[Window]]:
        """The newest settled month, and its window unless it was asked for or is longer than one call may ask."""
        first, last = graph_windows.last_whole_month(last_on)
        month = f"{first:%Y-%m}"
        if month <= told or last_on - last < SETTLED_DAYS * _DAY:
            return told, []
        try:
            return month, [graph_windows.window(first, last)]
        except ValueError as error:
            # No fault: nobody can know how many people such a month reached, and two windows can't be added.
            log.info("No reach of the month %s: %s.", month, error)
            return month, []

    def calls(self, followers_count: int | None) -> list[Work]:
        """The calls, in the table's order.

        Args:
            followers_count: as just told; goes into the receipt, because below a number of them silence is no gap.
        """
        calls = graph_reference.account_calls(self.options.api_version, self.options.login)
        return [self._call(call, at, followers_count) for call in calls for at in self.windows[call.call]]

    def _call(self, call: AccountCall, at: Window | None, followers_count: int | None) -> Work:
        given = {
            "period": call.period,
            "metric_type": call.metric_type,
            "timeframe": call.timeframe,
            "breakdown": call.breakdown,
        }
        params: dict[str, Any] = {name: value for name, value in given.items() if value}
        if at is not None:
            params |= {"since": at.since, "until": at.until}
        member = {"endpoint": "account_insights", "call": call.call, **params}
        if followers_count is not None:
            member["followers_count"] = followers_count
        return Work(f"/{self.options.account_id}/insights", call.name, params, member, call.metrics)
