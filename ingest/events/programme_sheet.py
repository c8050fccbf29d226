"""The staff's own sheet: the programme, who helped, and how many came. A workbook (.xlsx) or CSV in the drop folder.

What belongs here: what the columns mean together. What does not: their names (`_sheet_headers`), bytes and cells
(`_workbook`), and which number is the current one (dbt: the newest file's word about an event supersedes, and every
earlier word is kept).

An empty attendance cell says nothing; it neither is 0 nor takes a number back. A number is taken back by writing that
it is not known (`ukjent`). Only known columns are read. Columns about people are told, so that staff take them out of
the file; columns that nobody knows are told too, since one of them may be the attendance under a new name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from ingest import wording
from ingest.adapters import Adapter, Faulty, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.events import _feeds, _rows, _spans, _words
from ingest.events._feeds import Claim
from ingest.events._options import ClaimOptions
from ingest.events._rows import Span
from ingest.events._sheet_headers import HEADERS, IGNORED, METHODS, MONTHS, PERSONAL, STATUSES, TOTALS, UNKNOWN
from ingest.events._spans import Moment
from ingest.events._workbook import Grid, Unknown, letters, read_grids
from ingest.home import naive_utc
from ingest.wording import name_key

MOST_PEOPLE = 100_000
# The header may stand below a logo and a heading, not below a page of text.
HEADER_ROWS = 30
# Excel's day numbers of 1990-01-01 and 2100-01-01: a bare number in between, in a date column, has lost its format.
_FIRST_SERIAL, _END_SERIAL = 32874, 73051
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - of any day: only its time is taken
_EXCEL_EPOCH = date(1899, 12, 30)
_COUNTS = ("on_site", "online", "adults", "children")
# These may be merged over several events: what the block says holds for each. A count may not.
_SHARED = ("date", "end_date", "start_time", "end_time", "branch", "venue", "category", "audience", "title", "status")

_DOTTED = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::00)?)?")
_WORDED = re.compile(r"(?:[a-zæøå]+dag,?\s+)?([0-9]{1,2})\.?\s+([a-z]+)\.?\s+([0-9]{4})")
_CLOCK = re.compile(r"(?:kl\.?\s*)?([0-9]{1,2})(?:[:.]([0-9]{2})(?:[:.][0-9]{2})?)?")
_DASH = re.compile(r"\s*[-–—]\s*|\s+til\s+")
_ABOUT = re.compile(r"(?:ca\.?|cirka|omtrent|rundt|om lag|about|~)\s*([0-9].*)", re.IGNORECASE)
_CANCELLED = re.compile(r"\W*(?:avlyst|avlyses|kansellert|cancelled|canceled)\b", re.IGNORECASE)
_POSTPONED = re.compile(r"\W*(?:utsatt|utsett|postponed)\b", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"[0-9]{1,4}")

FAULTS: Mapping[str, tuple[str, str]] = {
    "missing_date": ("the row has no date.", "Write the date of the event, or take the row out."),
    "missing_title": ("the row has no title.", "Write the title of the event."),
    "missing_id": (
        "the row names no event: a sheet without titles needs the event's id.",
        "Write the id that the programme sheet has.",
    ),
    "id_needs_date": (
        "a short number as id begins again each year, and the row has no date to tell which year.",
        "Write the date as well, or ids such as 2026-014.",
    ),
    "bad_date": (
        "the date can't be read, or is no date of the calendar.",
        "Write it as 14.03.2026 or 2026-03-14, or format the cell as a date.",
    ),
    "bad_time": ("the time of day can't be read.", "Write it as 18:00, or 18:00-20:00."),
    "two_times": (
        "the date cell and the time cell tell different times.",
        "Let the date cell hold the date only.",
    ),
    "end_before_start": ("the event ends before it starts.", "Mend the last day or the end time."),
    "not_text": (
        "the cell holds a date or a truth value where words belong; spreadsheets make them out of words like `1. mai`.",
        "Format the cell as text and write it again.",
    ),
    "letters_in_count": ("the number of people is no number.", "Write a whole number, `ca. 25`, or `ukjent`."),
    "fraction_in_count": (
        "the number of people has decimals, or its thousands are set apart by a dot or comma.",
        "Write a whole number without a thousands sign.",
    ),
    "count_too_large": (f"the number of people is larger than {MOST_PEOPLE}.", "Look for two numbers grown together."),
    "negative_count": ("the number of people is negative.", "Write how many came; `ukjent` if nobody knows."),
    "one_count_for_several": (
        "the number of people is merged over several rows: one number for several events can't be shared out.",
        "Split the merged cell, and write a number for each event or leave it empty.",
    ),
    "counts_contradict": (
        "adults and children do not add up to the number present.",
        "Mend the three numbers. The event itself was read.",
    ),
    "future_attendance": (
        "the row tells how many came to an event that had not begun when the file was received.",
        "Leave the cell empty until the event is over: 0 means that nobody came.",
    ),
    "unknown_method": ("the way of counting is none that is known.", "Write talt, anslått or billetter."),
    "formula_without_value": (
        "the cell holds a formula that was never calculated.",
        "Open the file in Excel or LibreOffice, save it, and drop it again; or write the number itself.",
    ),
    "formula_error": ("the cell's formula ends in an error.", "Mend the formula, or write the value itself."),
    "duplicate_id": (
        "an earlier row has the same id and says something else; that row was kept.",
        "Give every event, and every date of a series, an id of its own.",
    ),
    "hidden_sheet": (
        "the sheet is hidden and holds a table of events; it was not read.",
        "Show the sheet if it counts, or delete it.",
    ),
    "too_many_rows": ("the sheet goes on beyond the rows that are read.", "Split it into one file per year."),
}


class ProgrammeSheetOptions(ClaimOptions):
    """What a source of this form may say.

    Attributes:
        columns: more header names by role; the roles and their usual names stand in docs/attendance.md.
        ignore_columns: headers that are known and not read.
        branch_from_sheet: whether a sheet's name is the branch of rows that name none.
        method: how people were counted where no cell says it.
        delimiter: of CSV files; `auto`, or the character itself.
        encodings: of CSV files, tried in order.
    """

    zone: str = "Europe/Oslo"
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    ignore_columns: tuple[str, ...] = ()
    partner_separators: tuple[str, ...] = (",", ";")
    branch_from_sheet: bool = False
    method: Literal["counted", "estimated", "tickets"] | None = None
    delimiter: str = "auto"
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252")

    _delimiter = field_validator("delimiter")(wording.known_delimiter)
    _encodings = field_validator("encodings")(wording.known_encodings)

    @model_validator(mode="after")
    def _names_columns(self) -> ProgrammeSheetOptions:
        unknown = sorted(set(self.columns) - set(HEADERS))
        if unknown:
            raise ValueError(f"columns names {', '.join(unknown)}; known are {', '.join(HEADERS)}")
        owners: dict[str, str] = {}
        for role, names in self.columns.items():
            for name in names:
                if owners.setdefault(header_key(name), role) != role:
                    raise ValueError(f"the header {name!r} stands for both {owners[header_key(name)]} and {role}")
        return self

    def roles(self) -> dict[str, str]:
        """Role by header; the library's own words win over the usual ones."""
        usual = {header_key(name): role for role, names in HEADERS.items() for name in names}
        return usual | {header_key(name): role for role, names in self.columns.items() for name in names}


def header_key(text: str) -> str:
    """A header as it is compared: `Dato (dd.mm.åååå)*:` is `dato`."""
    return name_key(re.sub(r"\([^()]*\)", " ", text)).rstrip(" :*.").lstrip("* ")


@dataclass(frozen=True)
class _Table:
    """Where a sheet's table is.

    Attributes:
        first_row: row number of the first row below the header.
        at: the columns of each role, from 0.
    """

    first_row: int
    at: Mapping[str, tuple[int, ...]]
    headers: Mapping[int, str]


class _Report(NamedTuple):
    """What one row says about attendance; counts are None where not told, and all None where taken back."""

    on_site: int | None
    online: int | None
    adults: int | None
    children: int | None
    method: str | None
    reported_on: date | None


@dataclass
class _Result:
    """What a file says, by event: rows of event_observations, reports and their rows of attendance_reports."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, tuple[_Report, dict[str, Any]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def refuse(self, pointer: str, reason: str) -> None:
        self.rejects.append(Reject(pointer, reason, *FAULTS[reason]))


class _CellFault(Faulty):
    """A fault of one cell: its column is part of where it stands."""

    def __init__(self, reason: str, column: int | None = None) -> None:
        super().__init__(reason)
        self.column = column


@register
class ProgrammeSheet(Adapter):
    """A sheet that staff keep: one row per holding, and at will how many came."""

    name: ClassVar[str] = "programme_sheet"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("event_observations", "attendance_reports")
    options: ClassVar[type[Options]] = ProgrammeSheetOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: ProgrammeSheetOptions) -> Parsed:
        """One observation per row with a date and a title, one report per row that tells how many came.

        The moment of a report is the file's arrival, so that the later file's word is the later report; the date that
        staff give for it is kept beside it.

        Raises:
            UnreadableBody: no workbook or text, beyond a limit, or no sheet holds a table of events.
        """
        if len(body) > options.max_bytes:
            raise UnreadableBody(
                f"the file has more than {options.max_bytes} bytes.",
                reason="too_large",
                next_action="Take pictures out of it, or raise max_bytes in the source's options.",
            )
        grids = read_grids(body, options.encodings, options.delimiter)
        roles = options.roles()
        result = _Result()
        found_table = False
        for grid in grids:
            table = _find_table(grid, roles, result)
            if table is None:
                continue
            found_table = True
            if grid.is_hidden:
                result.refuse(grid.pointer(), "hidden_sheet")
                continue
            if grid.is_cut:
                result.refuse(grid.pointer(), "too_many_rows")
            _tell_columns(grid, table, options, result)
            _Reader(grid, table, receipt, source, options, result).read()
        if not found_table:
            raise UnreadableBody(
                "no sheet has a row of headers with a date and a title, or an id and a number of people.",
                reason="no_table",
                next_action="Use the headers of the template (docs/attendance.md), or add yours to columns.",
            )
        if not (result.rows or result.reports or result.rejects):
            result.rejects.append(
                Reject(
                    "(whole file)",
                    "no_records",
                    "the file has the right headers and holds no events.",
                    "See whether the right file was dropped.",
                    "blob",
                )
            )
        reports = [row for _, row in result.reports.values()]
        told = list(result.rows.values())
        return Parsed({"event_observations": told, "attendance_reports": reports}, result.rejects)


# -- the table in the sheet -----------------------------------------------------------------------------------------


def _find_table(grid: Grid, roles: Mapping[str, str], result: _Result) -> _Table | None:
    """The row, or the two rows, that name most roles; the upper of equals. None when no row names enough."""
    best: tuple[int, _Table] | None = None
    first = grid.rows[:HEADER_ROWS]
    for place, (number, values) in enumerate(first):
        below = grid.rows[place + 1] if place + 1 < len(grid.rows) else None
        for is_double in (False, True):
            if is_double and (below is None or below[0] != number + 1):
                continue
            lower = below[1] if is_double and below is not None else []
            headers = _headers(values, lower)
            at: dict[str, list[int]] = {}
            for column, header in headers.items():
                role = _role(header, roles)
                if role is not None:
                    at.setdefault(role, []).append(column)
            if not _is_enough(at):
                continue
            table = _Table(number + 1 + is_double, {r: tuple(c) for r, c in at.items()}, headers)
            if best is None or len(at) > best[0]:
                best = len(at), table
    if best is None:
        return None
    twice = [role for role, columns in best[1].at.items() if len(columns) > 1 and role != "partner"]
    if twice:
        columns = " and ".join(letters(c) for c in best[1].at[twice[0]])
        result.rejects.append(
            Reject(
                grid.pointer(best[1].first_row - 1),
                "ambiguous_column",
                f"columns {columns} both stand for `{twice[0]}`; the sheet was not read.",
                "Rename one of them, or list it in ignore_columns after renaming.",
            )
        )
        return _Table(best[1].first_row, {}, {})
    return best[1]


def _headers(upper: list[Any], lower: list[Any]) -> dict[int, str]:
    """Header by column; of two rows the lower one's word, and where it has none the upper's (merged downwards)."""
    headers = {}
    for column in range(max(len(upper), len(lower))):
        texts = [row[column] for row in (lower, upper) if column < len(row) and isinstance(row[column], str)]
        if texts and header_key(texts[0]):
            headers[column] = header_key(texts[0])
    return headers


def _role(header: str, roles: Mapping[str, str]) -> str | None:
    role = roles.get(header)
    if role is None:
        bare = re.sub(r"\s*[0-9]{1,2}$", "", header)
        role = "partner" if roles.get(bare) == "partner" else None
    return role


def _is_enough(at: Mapping[str, Any]) -> bool:
    is_programme = "date" in at and "title" in at
    is_report = "event_id" in at and any(role in at for role in _COUNTS)
    return is_programme or is_report


def _tell_columns(grid: Grid, table: _Table, options: ProgrammeSheetOptions, result: _Result) -> None:
    """What is not read: columns about people, with how many cells they fill, and columns that nobody knows."""
    if not table.at:
        return
    read = {column for columns in table.at.values() for column in columns}
    ignored = IGNORED | {header_key(name) for name in options.ignore_columns}
    below = [values for number, values in grid.rows if number >= table.first_row]
    for column in range(max((len(values) for _, values in grid.rows), default=0)):
        if column in read:
            continue
        cells = [values[column] for values in below if column < len(values) and values[column] is not None]
        if not cells:
            continue
        header = table.headers.get(column, "")
        where = grid.pointer(table.first_row - 1, column)
        words = header.replace("/", " ").split()
        if header in PERSONAL or (header not in ignored and any(word in PERSONAL for word in words)):
            is_personal = True
        else:
            is_personal = any(_words.looks_personal(cell) for cell in cells if isinstance(cell, str))
        if is_personal:
            result.rejects.append(
                Reject(
                    where,
                    "personal_column",
                    f"the column tells of people or how to reach them; its {len(cells)} cells were not read.",
                    "Take the column out of the file that is dropped, and the earlier file out of landing "
                    "(docs/attendance.md).",
                )
            )
        elif header and header not in ignored:
            result.rejects.append(
                Reject(
                    where,
                    "unknown_column",
                    f"nobody knows what the column means; its {len(cells)} cells were not read.",
                    "Use the template's header, or add this one to columns or ignore_columns in the source's options.",
                )
            )


# -- rows -----------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads one sheet's rows into a result."""

    def __init__(
        self,
        grid: Grid,
        table: _Table,
        receipt: Receipt,
        source: Source,
        options: ProgrammeSheetOptions,
        result: _Result,
    ) -> None:
        self.grid = grid
        self.table = table
        self.source = source
        self.options = options
        self.result = result
        self.received_at = naive_utc(receipt.received_at)
        self.values = dict(grid.rows)
        self.statuses = {name_key(word): status for status, words in STATUSES.items() for word in words}
        self.methods = {name_key(word): method for method, words in METHODS.items() for word in words}

    def read(self) -> None:
        """All rows below the header; one that can't be read costs only itself."""
        for number, values in self.grid.rows:
            if number < self.table.first_row or self._is_other(number, values):
                continue
            try:
                self._row(number)
            except _CellFault as fault:
                self.result.refuse(self.grid.pointer(number, fault.column), fault.reason)

    def _is_other(self, number: int, values: list[Any]) -> bool:
        """Whether a row is blank where we read, the header again, a heading over the table's width, or a sum."""
        read = [(role, c) for role, columns in self.table.at.items() for c in columns]
        told = {role: values[c] for role, c in read if c < len(values) and values[c] is not None}
        if not told:
            return True
        texts = [(header_key(v), c) for c, v in enumerate(values) if isinstance(v, str) and c in self.table.headers]
        if len(texts) > 1 and all(text == self.table.headers[c] for text, c in texts):
            return True
        if "date" in self.table.at and self._at(number, "date") is not None:
            return False
        block = next((m for c in range(len(values)) if (m := self.grid.merges.get((number, c + 1)))), None)
        if block is not None and block.right - block.left >= 2 and len(told) == 1:
            return True
        first = next((name_key(v) for v in values if isinstance(v, str)), "").rstrip(" :")
        return first in TOTALS or first.split(" ")[0] in TOTALS

    def _row(self, number: int) -> None:
        title = self._text(number, "title")
        start, end = self._dates(number)
        series_id = self._series(number, start, title)
        claim = None
        if "title" in self.table.at:
            if start is None:
                raise _CellFault("missing_date", self._column("date"))
            if title is None:
                raise _CellFault("missing_title", self._column("title"))
            claim = self._claim(number, series_id, _dates_of(start, end, self._column("end_date")), title)
        report = self._report(number, start.at if start is not None else None)
        if claim is not None:
            if report is not None and claim.status == "cancelled" and (report.on_site or report.online):
                claim.flags.append("attendance_despite_cancelled")
            row = _feeds.row_of(self.source, claim)
            if self.result.rows.setdefault(series_id, row)["content_hash"] != row["content_hash"]:
                raise _CellFault("duplicate_id", self._column("event_id"))
        if report is not None:
            kept, _ = self.result.reports.setdefault(
                series_id, (report, self._report_row(number, series_id, report, start if claim is None else None))
            )
            if kept != report:
                raise _CellFault("duplicate_id", self._column("event_id"))

    # cells

    def _column(self, role: str) -> int | None:
        return next(iter(self.table.at.get(role, ())), None)

    def _at(self, number: int, role: str) -> Any:
        """A role's value in a row; where the cell is merged over rows and may be shared, the block's value."""
        column = self._column(role)
        if column is None:
            return None
        return self._cell(number, column, is_shared=role in _SHARED)

    def _cell(self, number: int, column: int, *, is_shared: bool = False) -> Any:
        values = self.values.get(number, [])
        value = values[column] if column < len(values) else None
        block = self.grid.merges.get((number, column + 1))
        if block is not None and block.bottom > block.top and block.left == column + 1 and is_shared:
            above = self.values.get(block.top, [])
            value = above[column] if column < len(above) else None
        return value

    def _text(self, number: int, role: str) -> str | None:
        return _text_of(self._at(number, role), self._column(role))

    # what they mean

    def _dates(self, number: int) -> tuple[Moment | None, Moment | None]:
        """Start and end, as far as told.

        Raises:
            _CellFault: a date or time can't be read, or two cells tell two times.
        """
        column, time_column = self._column("date"), self._column("start_time")
        day = _day_of(self._at(number, "date"), column)
        if day is None:
            return None, None
        on, clock = day
        opens, closes = _clocks_of(self._at(number, "start_time"), time_column)
        if clock is not None and opens is not None and clock != opens:
            raise _CellFault("two_times", time_column)
        opens = opens or clock
        until, _ = _clocks_of(self._at(number, "end_time"), self._column("end_time"))
        closes = until or closes
        last = _day_of(self._at(number, "end_date"), self._column("end_date"))
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
        own = self._text(number, "event_id")
        if own is not None:
            if _SHORT_NUMBER.fullmatch(own):
                if start is None:
                    raise _CellFault("id_needs_date", self._column("date"))
                own = f"{start.on.year}/{int(own)}"
            return _feeds.short_id(own) or own
        if "title" not in self.table.at:
            raise _CellFault("missing_id", self._column("event_id"))
        told = [str(start.at) if start else "", name_key(title or ""), name_key(self._branch(number) or "")]
        return f"no-id-{_rows.sha(chr(31).join(told))[:20]}"

    def _branch(self, number: int) -> str | None:
        branch = self._text(number, "branch")
        return self.grid.name if branch is None and self.options.branch_from_sheet else branch

    def _claim(self, number: int, series_id: str, dates: Span, title: str) -> Claim:
        claim = Claim(self.grid.pointer(number), series_id, dates)
        if series_id.startswith("no-id-"):
            claim.flags.append("no_id")
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
            told = _text_of(self._cell(number, column), column)
            yield from re.split(separators, told or "")

    def _report(self, number: int, starts_at: datetime | None) -> _Report | None:
        """The row's attendance, or None when it says nothing. What can't be read is a reject; the event stays."""
        counts: dict[str, int | None] = {}
        is_told, is_estimated, is_faulty = False, False, False
        for role in _COUNTS:
            column = self._column(role)
            if column is None:
                continue
            try:
                count, state = self._count(number, column)
            except _CellFault as fault:
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
        except _CellFault as fault:
            self.result.refuse(self.grid.pointer(number, fault.column), fault.reason)
            return None

    def _whole_report(
        self, number: int, counts: Mapping[str, int | None], is_estimated: bool, starts_at: datetime | None
    ) -> _Report:
        is_future = starts_at is not None and starts_at > self.received_at
        if is_future and any(count is not None for count in counts.values()):
            raise _CellFault("future_attendance")
        on_site, adults, children = (counts.get(role) for role in ("on_site", "adults", "children"))
        if adults is not None and children is not None:
            on_site = adults + children if on_site is None else on_site
            if on_site != adults + children:
                raise _CellFault("counts_contradict", self._column("on_site"))
        if on_site is not None and max(adults or 0, children or 0) > on_site:
            raise _CellFault("counts_contradict", self._column("on_site"))
        word = name_key(self._text(number, "method") or "")
        if word and word not in self.methods:
            raise _CellFault("unknown_method", self._column("method"))
        method = self.methods.get(word) or ("estimated" if is_estimated else self.options.method)
        reported = _day_of(self._at(number, "reported_on"), self._column("reported_on"))
        return _Report(on_site, counts.get("online"), adults, children, method, reported[0] if reported else None)

    def _count(self, number: int, column: int) -> tuple[int | None, str]:
        block = self.grid.merges.get((number, column + 1))
        if block is not None and block.bottom > block.top and self._cell(block.top, block.left - 1) is not None:
            raise _CellFault("one_count_for_several", column)
        return _count_of(self._cell(number, column), column)

    def _report_row(self, number: int, series_id: str, report: _Report, start: Moment | None) -> dict[str, Any]:
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
            "start_on": start.on if start is not None else None,
            "start_at": start.at if start is not None and start.has_time else None,
            "title": None,
            "location": _words.without_contacts(place) or None if place is not None else None,
            "pointer": self.grid.pointer(number),
        }


def _dates_of(start: Moment, end: Moment | None, column: int | None) -> Span:
    dates = _spans.span(start, end)
    if "end_before_start" in dates.flags:
        raise _CellFault("end_before_start", column)
    return dates


# -- values ---------------------------------------------------------------------------------------------------------


def _known(value: Any, column: int | None) -> Any:
    if isinstance(value, Unknown):
        raise _CellFault(value.reason, column)
    return value


def _text_of(value: Any, column: int | None) -> str | None:
    """Words, or a number as it is shown (an id, a room). Dates and truth values are no words."""
    value = _known(value, column)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _CellFault("not_text", column)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).strip() or None


def _day_of(value: Any, column: int | None) -> tuple[date, time | None] | None:
    """A local date, and the time if the cell holds one that is not midnight.

    Raises:
        _CellFault: it is none, or lies outside 1990-2099.
    """
    value = _known(value, column)
    if value is None:
        return None
    found: tuple[date, time | None] | None = None
    if isinstance(value, datetime):
        value = _whole_minutes(value)
        found = value.date(), value.time() if value.time() != time() else None
    elif isinstance(value, date):
        found = value, None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if _FIRST_SERIAL <= value < _END_SERIAL and float(value).is_integer():
            found = _EXCEL_EPOCH + timedelta(days=int(value)), None
    elif isinstance(value, str):
        found = _written_day(name_key(value))
    if found is None or not 1990 <= found[0].year <= 2099:
        raise _CellFault("bad_date", column)
    return found


def _written_day(text: str) -> tuple[date, time | None] | None:
    try:
        dotted = _DOTTED.fullmatch(re.sub(r"^[a-zæøå]+dag,?\s+", "", text))
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1])), None
        iso = _ISO.fullmatch(text.upper())
        if iso:
            clock = time.fromisoformat(iso[4]) if iso[4] and iso[4] != "00:00" else None
            return date(int(iso[1]), int(iso[2]), int(iso[3])), clock
        worded = _WORDED.fullmatch(text)
        if worded:
            month = next((n for n, names in enumerate(MONTHS, start=1) if worded[2] in names), None)
            return (date(int(worded[3]), month, int(worded[1])), None) if month else None
    except ValueError:
        return None
    return None


def _clocks_of(value: Any, column: int | None) -> tuple[time | None, time | None]:
    """A time of day, and its end where the cell holds both: 18:00, `kl. 18`, `18.00-20.00`, a time cell, a fraction.

    A whole number is refused: 18 may be an hour, and 1800 as well.

    Raises:
        _CellFault: it is none.
    """
    value = _known(value, column)
    if value is None:
        return None, None
    if isinstance(value, timedelta):
        value = _MIDNIGHT + value if timedelta() <= value < timedelta(days=1) else None
    elif isinstance(value, float) and 0 <= value < 1:
        value = _MIDNIGHT + timedelta(days=value)
    if isinstance(value, datetime):
        value = _whole_minutes(value).time()
    if isinstance(value, time):
        return value.replace(second=0, microsecond=0, tzinfo=None), None
    if isinstance(value, str):
        parts = [_written_clock(part) for part in _DASH.split(name_key(value))]
        if len(parts) <= 2 and all(part is not None for part in parts):
            return parts[0], parts[1] if len(parts) == 2 else None
    raise _CellFault("bad_time", column)


def _written_clock(text: str) -> time | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None or (found[2] is None and int(found[1]) > 24):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    return time(hour % 24, minute) if (hour < 24 and minute < 60) or (hour, minute) == (24, 0) else None


def _whole_minutes(moment: datetime) -> datetime:
    """Rounded to the minute: spreadsheets keep 18:00 as 0.75 of a day, and 17:59:59.999 comes out."""
    try:
        return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0, tzinfo=None)
    except OverflowError:
        return moment.replace(tzinfo=None)


def _count_of(value: Any, column: int | None) -> tuple[int | None, str]:
    """A number of people.

    Returns:
        The number and `told` or `estimated`; None and `blank`, or None and `taken_back`.

    Raises:
        _CellFault: it is no number of people.
    """
    value = _known(value, column)
    if value is None:
        return None, "blank"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _CellFault("letters_in_count", column)
    state = "told"
    if isinstance(value, str):
        if name_key(value) in UNKNOWN:
            return None, "taken_back"
        about = _ABOUT.fullmatch(" ".join(value.split()))
        state = "estimated" if about else "told"
        count, read = wording.read_count(about[1] if about else value, MOST_PEOPLE)
        if read in FAULTS or read == wording.NEGATIVE:
            raise _CellFault("negative_count" if read == wording.NEGATIVE else read, column)
        return count, "blank" if count is None else state
    if isinstance(value, float):
        if not value.is_integer():
            raise _CellFault("fraction_in_count", column)
        value = int(value)
    if value < 0:
        raise _CellFault("negative_count", column)
    if value > MOST_PEOPLE:
        raise _CellFault("count_too_large", column)
    return value, state
