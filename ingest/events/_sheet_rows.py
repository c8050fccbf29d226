"""From the rows of a programme sheet to events and reports of attendance.

What belongs here: what the cells of a row mean together, and what makes a row none of an event. What does not: single
cells (`_sheet_cells`), columns (`_sheet_tables`), and what all publishers' claims have in common (`_feeds`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ingest import wording
from ingest.adapters import Reject
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.events import _feeds, _rows, _spans, _words
from ingest.events._feeds import Claim
from ingest.events._rows import Span
from ingest.events._sheet_cells import clocks_of, count_of, day_of, text_of
from ingest.events._sheet_faults import FAULTS, CellFault
from ingest.events._sheet_headers import COUNTS, METHODS, STATUSES
from ingest.events._sheet_layout import Layout
from ingest.events._sheet_options import ProgrammeSheetOptions
from ingest.events._sheet_tables import Table
from ingest.events._spans import Moment
from ingest.events._workbook import Grid
from ingest.home import naive_utc
from ingest.wording import name_key

_NOTES = {
    "heading": (
        "{count} of the rows hold one cell merged over most of the table and nothing else; they are read as headings "
        "and not as events: {rows}.",
        "Nothing to do; an event needs its date and its title in cells of their own.",
    ),
    "sum": (
        "{count} of the rows begin with a word for a sum and have no date; they are not read as events: {rows}.",
        "Nothing to do; an event whose title begins so needs its date in its own row.",
    ),
    "unknown_role": (
        "{count} of the rows name a role that the source's list does not have; it was not read, and the rows stand "
        "without it.",
        "Nothing to do; to keep the role add its word to roles in the source's options. If names of people stand "
        "there, take them out of the file and the earlier file out of landing (docs/attendance.md).",
    ),
}
# A note names so many rows; what comes after is like them.
_MAX_NAMED = 20

_CANCELLED = re.compile(r"\W*(?:avlyst|avlyses|kansellert|cancelled|canceled)\b", re.IGNORECASE)
_POSTPONED = re.compile(r"\W*(?:utsatt|utsett|postponed)\b", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"[0-9]{1,4}")


class Report(NamedTuple):
    """What one row says about attendance; counts are None where not told, and all None where taken back."""

    on_site: int | None
    online: int | None
    adults: int | None
    children: int | None
    method: str | None
    reported_on: date | None
    reported_by_role: str | None


@dataclass
class Result:
    """What a file says, by event: rows of event_observations, reports and their rows of attendance_reports.

    Attributes:
        notes: what was left out and rightly so. They ask nobody for anything, but nothing is dropped in silence.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, tuple[Report, dict[str, Any]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Reject] = field(default_factory=list)

    def refuse(self, pointer: str, reason: str) -> None:
        self.rejects.append(Reject(pointer, reason, *FAULTS[reason]))


class Reader:
    """Reads one sheet's rows into a result."""

    def __init__(
        self,
        grid: Grid,
        table: Table,
        receipt: Receipt,
        source: Source,
        options: ProgrammeSheetOptions,
        result: Result,
    ) -> None:
        self.grid = grid
        self.table = table
        self.source = source
        self.options = options
        self.result = result
        self.received_at = naive_utc(receipt.received_at)
        self.layout = Layout(grid, table, options.filled_roles())
        self.statuses = {name_key(word): status for status, words in STATUSES.items() for word in words}
        self.methods = {name_key(word): method for method, words in METHODS.items() for word in words}

    def read(self) -> None:
        """All rows below the header; one that can't be read costs only itself."""
        for number in self.layout.rows("event"):
            try:
                self._row(number)
            except CellFault as fault:
                self.result.refuse(self.grid.pointer(number, fault.column), fault.reason)
        self._tell_roles()
        for kind in ("heading", "sum"):
            rows = self.layout.rows(kind)
            if rows:
                self.result.notes.append(_note(self.grid.pointer(rows[0]), kind, rows))

    def _row(self, number: int) -> None:
        title = self._text(number, "title")
        start, end = self._dates(number)
        series_id = self._series(number, start, title)
        claim = None
        if "title" in self.table.at:
            if start is None:
                raise CellFault("missing_date", self._column("date"))
            if title is None:
                raise CellFault("missing_title", self._column("title"))
            claim = self._claim(number, series_id, _dates_of(start, end, self._column("end_date")), title)
        report = self._report(number, start.at if start is not None else None)
        if claim is not None:
            if report is not None and claim.status == "cancelled" and (report.on_site or report.online):
                claim.flags.append("attendance_despite_cancelled")
            row = _feeds.row_of(self.source, claim)
            if self.result.rows.setdefault(series_id, row)["content_hash"] != row["content_hash"]:
                raise CellFault("duplicate_id", self._column("event_id"))
        if report is not None:
            kept, _ = self.result.reports.setdefault(
                series_id, (report, self._report_row(number, series_id, report, start if claim is None else None))
            )
            if kept != report:
                raise CellFault("duplicate_id", self._column("event_id"))

    # cells

    def _column(self, role: str) -> int | None:
        return self.layout.column(role)

    def _at(self, number: int, role: str) -> Any:
        return self.layout.at(number, role)

    def _text(self, number: int, role: str) -> str | None:
        return text_of(self._at(number, role), self._column(role))

    # what they mean

    def _dates(self, number: int) -> tuple[Moment | None, Moment | None]:
        """Start and end, as far as told.

        Raises:
            CellFault: a date or time can't be read, or two cells tell two times.
        """
        column, time_column = self._column("date"), self._column("start_time")
        day = day_of(self._at(number, "date"), column)
        if day is None:
            return None, None
        on, clock = day
        opens, closes = clocks_of(self._at(number, "start_time"), time_column)
        if clock is not None and opens is not None and clock != opens:
            raise CellFault("two_times", time_column)
        opens = opens or clock
        until, _ = clocks_of(self._at(number, "end_time"), self._column("end_time"))
        closes = until or closes
        last = day_of(self._at(number, "end_date"), self._column("end_date"))
        zone = self.options.zone
        start = _spans.wall(on, opens, zone)
        if last is not None:
            last_on, last_clock = last
            ends = closes or last_clock
            if last_on == on and opens is not None and ends is None:
                return start, None
            return start, _spans.wall(last_on, ends, zone)
        if closes is None or opens is None:
            return start, None
        if closes > opens:
            return start, _spans.wall(on, closes, zone)
        if closes == opens:
            return start, None
        return start, _spans.wall(on + timedelta(days=1), closes, zone)._replace(flags=("ends_after_midnight",))

    def _series(self, number: int, start: Moment | None, title: str | None) -> str:
        """The event's id. Short numbers begin again each year, so they are told apart by the year of the date."""
        own = text_of(self.layout.event_id(number), self._column("event_id"))
        if own is not None:
            if _SHORT_NUMBER.fullmatch(own):
                if start is None:
                    raise CellFault("id_needs_date", self._column("date"))
                own = f"{start.on.year}/{int(own)}"
            return _feeds.short_id(own) or own
        if "title" not in self.table.at:
            raise CellFault("missing_id", self._column("event_id"))
        told = [str(start.at) if start else "", name_key(title or ""), name_key(self._branch(number) or "")]
        return f"no-id-{_rows.sha(chr(31).join(told))[:20]}"

    def _branch(self, number: int) -> str | None:
        branch = self._text(number, "branch")
        return self.grid.name if branch is None and self.options.branch_from_sheet else branch

    def _claim(self, number: int, series_id: str, dates: Span, title: str) -> Claim:
        claim = Claim(self.grid.pointer(number), series_id, dates)
        if series_id.startswith("no-id-"):
            claim.flags.append("no_id")
        if self.layout.is_filled(number):
            claim.flags.append("filled_down")
        claim.title = claim.say(title)
        claim.location = claim.say(self._text(number, "venue"))
        claim.categories = claim.say_all((self._branch(number), self._text(number, "category")))
        claim.audience_claims = wording.listed(claim.say(self._text(number, "audience")))
        claim.partner_claims = claim.say_partners(self._partners(number))
        word = name_key(self._text(number, "status") or "")
        claim.status = self.statuses.get(word, "scheduled")
        if word not in self.statuses:
            claim.flags.append("unknown_status")
        if not word:
            for pattern, status in ((_CANCELLED, "cancelled"), (_POSTPONED, "postponed")):
                if pattern.match(title):
                    claim.status = status
                    claim.flags.append("status_from_title")
        return claim

    def _partners(self, number: int) -> Iterator[str]:
        separators = "|".join(["\n", *(re.escape(s) for s in self.options.partner_separators)])
        for column in self.table.at.get("partner", ()):
            for line in self.layout.lines(number):
                told = text_of(self.layout.cell(line, column), column)
                yield from re.split(separators, told or "")

    def _report(self, number: int, starts_at: datetime | None) -> Report | None:
        """The row's attendance, or None when it says nothing. What can't be read is a reject; the event stays."""
        counts: dict[str, int | None] = {}
        is_told, is_estimated, is_faulty = False, False, False
        for role in COUNTS:
            column = self._column(role)
            if column is None:
                continue
            try:
                count, state = count_of(self.layout.count(number, column), column)
            except CellFault as fault:
                self.result.refuse(self.grid.pointer(number, column), fault.reason)
                is_faulty = True
                continue
            if state != "blank":
                is_told = True
                counts[role] = count
                is_estimated = is_estimated or state == "estimated"
        if is_faulty or not is_told:
            return None
        try:
            return self._whole_report(number, counts, is_estimated, starts_at)
        except CellFault as fault:
            self.result.refuse(self.grid.pointer(number, fault.column), fault.reason)
            return None

    def _whole_report(
        self, number: int, counts: Mapping[str, int | None], is_estimated: bool, starts_at: datetime | None
    ) -> Report:
        is_future = starts_at is not None and starts_at > self.received_at
        if is_future and any(count is not None for count in counts.values()):
            raise CellFault("future_attendance")
        on_site, adults, children = (counts.get(role) for role in ("on_site", "adults", "children"))
        if adults is not None and children is not None:
            on_site = adults + children if on_site is None else on_site
            if on_site != adults + children:
                raise CellFault("counts_contradict", self._column("on_site"))
        if on_site is not None and max(adults or 0, children or 0) > on_site:
            raise CellFault("counts_contradict", self._column("on_site"))
        word = name_key(self._text(number, "method") or "")
        if word and word not in self.methods:
            raise CellFault("unknown_method", self._column("method"))
        method = self.methods.get(word) or ("estimated" if is_estimated else self.options.method)
        reported = day_of(self._at(number, "reported_on"), self._column("reported_on"))
        return Report(
            on_site,
            counts.get("online"),
            adults,
            children,
            method,
            reported[0] if reported else None,
            self._role(number),
        )

    def _role(self, number: int) -> str | None:
        """Who reported, by role. Whatever is not on the source's list may be somebody's name, and stays behind."""
        word = self._at(number, "reported_by_role")
        return self.options.roles.get(name_key(word)) if isinstance(word, str) else None

    def _tell_roles(self) -> None:
        """How many rows name a role that nobody knows; never what they say."""
        column = self._column("reported_by_role")
        if column is None:
            return
        words = [self._at(number, "reported_by_role") for number in self.layout.rows("event")]
        unknown = [w for w in words if w is not None and not (isinstance(w, str) and name_key(w) in self.options.roles)]
        if any(_words.looks_personal(word) for word in unknown if isinstance(word, str)):
            self.result.refuse(self.grid.pointer(self.table.first_row - 1, column), "contacts_as_roles")
        elif unknown:
            message, action = (text.format(count=len(unknown)) for text in _NOTES["unknown_role"])
            where = self.grid.pointer(self.table.first_row - 1, column)
            self.result.notes.append(Reject(where, "unknown_role", message, action))

    def _report_row(self, number: int, series_id: str, report: Report, start: Moment | None) -> dict[str, Any]:
        """A report's row. A sheet of numbers alone says when and where as well, should its id be nobody's."""
        place = self._text(number, "venue") or self._branch(number) if start is not None else None
        return {
            "series_id": series_id,
            "slot": "",
            "reported_at": self.received_at,
            "on_site_count": report.on_site,
            "online_count": report.online,
            "method": report.method,
            "adults_count": report.adults,
            "children_count": report.children,
            "reported_on": report.reported_on,
            "reported_by_role": report.reported_by_role,
            "start_on": start.on if start is not None else None,
            "start_at": start.at if start is not None and start.has_time else None,
            "title": None,
            "location": _words.without_contacts(place) or None if place is not None else None,
            "pointer": self.grid.pointer(number),
        }


def _dates_of(start: Moment, end: Moment | None, column: int | None) -> Span:
    dates = _spans.span(start, end)
    if "end_before_start" in dates.flags:
        raise CellFault("end_before_start", column)
    return dates


def _note(pointer: str, kind: str, rows: Sequence[int]) -> Reject:
    """That rows are no events. The action's first words make it a note, which waits for nobody (core.fct_reject)."""
    named = ", ".join(map(str, rows[:_MAX_NAMED])) + (", …" if len(rows) > _MAX_NAMED else "")
    return Reject(pointer, f"{kind}_rows", *(text.format(count=len(rows), rows=named) for text in _NOTES[kind]))
