"""Sheets that people keep: CSV rows with named columns, dates in configured formats, clocks of any precision.

What belongs here: what `gate_readings` and `manual_counts` share. What does not: columns of one form, and files of
equal intervals, which `interval_csv` reads. A date that two of the configured formats read as two different days is
refused: nobody can know which was meant. Nothing here puts a cell's content into a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator, model_validator

from ingest.adapters import Options, Reject
from ingest.doors import _text
from ingest.doors._keys import ONLY_LINE, name_key
from ingest.doors._local_time import DAY_US, MINUTE_US, known_zone
from ingest.doors.interval_csv import date_pattern
from ingest.errors import UnreadableBody

SECOND_US = 1_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CLOCK = re.compile(
    r"(?:kl\.?\s*)?([0-9]{1,2})(?:[:.]([0-9]{2})(?:[:.]([0-9]{2}))?)?\s*(?:([ap])\.?\s?m\.?)?", re.IGNORECASE
)
_STAMP = re.compile(r"(\S+?),?(?:T|\s+)(.+?)\s*(Z|[+-][0-9]{2}:?[0-9]{2})?")

FAULTS = {
    "ragged_row": (
        "the row has more or fewer cells than the header.",
        "Look for a cut line, or the delimiter inside a cell, and export the file again.",
    ),
    "missing_device": ("the row names no device.", "Name the branch or counter in the file."),
    "missing_line": ("the row names no line.", "Name the counted line in the file."),
    "bad_date": (
        "the date is in none of the formats the source is configured for.",
        "Mend the date, or add its format to date_formats.",
    ),
    "ambiguous_date": (
        "the date is two different days in two of the formats the source is configured for.",
        "Write the date as 2026-03-14, or let only one of the formats stand in date_formats.",
    ),
    "bad_time": ("the time of day can't be read.", "Write times as 17:05 or 17:05:30."),
    "nonexistent_local_time": (
        "the clock change skipped this local time.",
        "Mend the time, or the zone in the source's options.",
    ),
}


class Faulty(Exception):
    """One record can't be read: a reason, and the role of the column where it shows."""

    def __init__(self, reason: str, role: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.role = role


class SheetOptions(Options):
    """What every source of such a sheet must say.

    Attributes:
        zone: IANA zone of the clock by which the sheet was written.
        columns: for each role the header names it goes by. Every role named here must be in the file; columns that
            no role names are never read.
        device: the device's name, for sheets of one device that have no column for it.
        delimiter: `auto`, or the character itself.
        encodings: tried in order.
        date_formats: made of %d, %m, %Y or %y. A date that fits two of them with two meanings is refused.
        total_rows: words that mark a row as a sum of others.
    """

    roles: ClassVar[frozenset[str]] = frozenset()

    zone: str
    columns: dict[str, tuple[str, ...]]
    device: str | None = None
    delimiter: str = "auto"
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252")
    date_formats: tuple[str, ...] = Field(default=("%d.%m.%Y", "%Y-%m-%d"), min_length=1)
    total_rows: tuple[str, ...] = _text.TOTAL_ROWS

    _zone = field_validator("zone")(known_zone)
    _encodings = field_validator("encodings")(_text.known_encodings)
    _delimiter = field_validator("delimiter")(_text.known_delimiter)

    @field_validator("date_formats")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            date_pattern(form)
        return value

    @model_validator(mode="after")
    def _names_columns(self) -> SheetOptions:
        owners: dict[str, str] = {}
        for role, names in self.columns.items():
            if role not in self.roles:
                raise ValueError(f"columns names the role {role!r}; known are {', '.join(sorted(self.roles))}")
            if not names:
                raise ValueError(f"columns.{role} names no header")
            for name in names:
                if owners.setdefault(name_key(name), role) != role:
                    raise ValueError(f"the header {name!r} stands for both {owners[name_key(name)]} and {role}")
        if ("device" in self.columns) == (self.device is not None):
            raise ValueError("name the device either by a column or by the option `device`")
        if self.device is not None and not name_key(self.device):
            raise ValueError("the option `device` is blank")
        return self


class Record(NamedTuple):
    """One row: its line number, its device and line, and its cells by role."""

    number: int
    device_key: str
    line_key: str
    cells: Mapping[str, str]


class Sheet:
    """The records of one file; those that can't be read become rejects.

    Raises:
        UnreadableBody: not text, or a configured column is missing or there twice.
    """

    def __init__(self, body: bytes, options: SheetOptions, faults: Mapping[str, tuple[str, str]]) -> None:
        lines = _text.lines_of(_text.decode(body, options.encodings))
        self.rejects: list[Reject] = []
        self._options = options
        self._faults = {**FAULTS, **faults}
        self._lines = lines[1:]
        self._delimiter, self._headers, self._at = _layout(lines[0][1] if lines else "", options)
        self._totals = {name_key(t) for t in options.total_rows}

    def records(self) -> Iterator[Record]:
        """All records that have as many cells as the header and name a device. Totals and headers are left out."""
        header_keys = [name_key(h) for h in self._headers]
        width = len(self._headers)
        for number, cells in _text.cells_of(self._lines, self._delimiter):
            if [name_key(c) for c in cells[:width]] == header_keys:
                continue
            by_role = {role: cells[i].strip() for role, i in self._at.items() if i < len(cells)}
            device = by_role.get("device", "") if self._options.device is None else self._options.device
            if name_key(device).rstrip(" :") in self._totals:
                continue
            try:
                if len(cells) < width or any(map(str.strip, cells[width:])):
                    raise Faulty("ragged_row")
                if not name_key(device):
                    raise Faulty("missing_device", "device")
                line_key = name_key(by_role["line"]) if "line" in by_role else ONLY_LINE
                if not line_key:
                    raise Faulty("missing_line", "line")
            except Faulty as fault:
                self.reject(number, fault)
                continue
            yield Record(number, name_key(device), line_key, by_role)

    def reject(self, number: int, fault: Faulty) -> None:
        """Keep a fault of a record as its reject."""
        column = f", column {self._headers[self._at[fault.role]].strip()}" if fault.role in self._at else ""
        pointer = f"line {number}{column}"
        if fault.reason in self._faults:
            self.rejects.append(Reject(pointer, fault.reason, *self._faults[fault.reason]))
        else:
            self.rejects.append(_text.count_reject(pointer, fault.reason))


def _layout(header: str, options: SheetOptions) -> tuple[str, list[str], dict[str, int]]:
    """The delimiter, the header's cells under it, and the place of each role."""
    candidates = _text.DELIMITERS if options.delimiter == "auto" else (options.delimiter,)
    # The delimiter that finds most roles; of equals the one that cuts most cells, so that the message below is apt.
    delimiter = max(candidates, key=lambda d: (len(_places(_text.split_line(header, d), options)), header.count(d)))
    headers = _text.split_line(header, delimiter)
    places = _places(headers, options)
    for role, names in options.columns.items():
        if len(places.get(role, ())) == 1:
            continue
        is_missing = role not in places
        raise UnreadableBody(
            f"{'no column' if is_missing else 'more than one column'} for `{role}` ({' or '.join(names)}); "
            f"found: {_text.shown_headers(headers)}.",
            reason="missing_column" if is_missing else "ambiguous_column",
            next_action=(
                "If the sheet renamed it, add the new name to columns in the source's options."
                if is_missing
                else "Name only the right one in columns in the source's options."
            ),
        )
    return delimiter, headers, {role: where[0] for role, where in places.items()}


def _places(headers: list[str], options: SheetOptions) -> dict[str, list[int]]:
    keys = [name_key(h) for h in headers]
    wanted = {role: {name_key(n) for n in names} for role, names in options.columns.items()}
    found = {role: [i for i, key in enumerate(keys) if key in names] for role, names in wanted.items()}
    return {role: where for role, where in found.items() if where}


class Stamp(NamedTuple):
    """A moment as written: its text, microseconds as if it were UTC, whether it says a time, the offset if any."""

    text: str
    local_us: int
    has_time: bool
    offset_minutes: int | None = None


def read_day(text: str, options: SheetOptions, role: str) -> int:
    """A date as days since 1970-01-01; years outside 1990-2099 are typing errors.

    Raises:
        Faulty: it fits no configured format, or two of them with two meanings.
    """
    days = set()
    for form in options.date_formats:
        found = date_pattern(form).fullmatch(text.strip())
        if not found:
            continue
        year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
        try:
            day = date(year, int(found["month"]), int(found["day"]))
        except ValueError:
            continue
        if 1990 <= year <= 2099:
            days.add(day.toordinal() - _EPOCH_DAY)
    if len(days) != 1:
        raise Faulty("ambiguous_date" if days else "bad_date", role)
    return days.pop()


def read_clock(text: str, role: str) -> int:
    """A time of day as microseconds after midnight, 24:00 included: `17:05`, `17.05`, `7:49:10`, `10:34:23 a.m.`.

    Raises:
        Faulty: it is none.
    """
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise Faulty("bad_time", role)
    hour, minute, second = (int(g or 0) for g in found.groups()[:3])
    if found[4]:
        if not 1 <= hour <= 12:
            raise Faulty("bad_time", role)
        hour = hour % 12 + (12 if found[4].lower() == "p" else 0)
    clock = (hour * 60 + minute) * MINUTE_US + second * SECOND_US
    if minute > 59 or second > 59 or clock > DAY_US:
        raise Faulty("bad_time", role)
    return clock


def read_stamp(text: str, options: SheetOptions, role: str) -> Stamp:
    """Date and time in one cell, or a date alone; an offset or `Z` behind the time is believed.

    Raises:
        Faulty: date or time can't be read.
    """
    found = _STAMP.fullmatch(text.strip())
    if not found:
        return Stamp(text.strip(), read_day(text, options, role) * DAY_US, False)
    local_us = read_day(found[1], options, role) * DAY_US + read_clock(found[2], role)
    offset = None
    if found[3] is not None:
        digits = "".join(filter(str.isdigit, found[3])) or "0000"
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if found[3][0] == "-" else 1)
    return Stamp(text.strip(), local_us, True, offset)
