"""Sheets that people keep: CSV rows with named columns, dates in configured formats, clocks of any precision.

What belongs here: what `gate_readings` and `manual_counts` share. What does not: columns of one form, and files of
equal intervals, which `interval_csv` reads. A date that two of the configured formats read as two different days is
refused: nobody can know which was meant. Nothing here puts a cell's content into a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from pydantic import model_validator

from ingest import wording
from ingest.adapters import Faulty, Reject
from ingest.doors._columns import DatedTableOptions, check_columns, days_of, layout, offset_minutes
from ingest.doors._keys import ONLY_LINE
from ingest.doors._local_time import DAY_US, MINUTE_US
from ingest.wording import name_key

SECOND_US = 1_000_000
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


class CellFaulty(Faulty):
    """One record can't be read: a reason, and the role of the column where it shows."""

    def __init__(self, reason: str, role: str | None = None) -> None:
        super().__init__(reason)
        self.role = role


class SheetOptions(DatedTableOptions):
    """What every source of such a sheet must say. A date that fits two of `date_formats` with two meanings is refused.

    Attributes:
        columns: for each role the header names it goes by. Every role named here must be in the file; columns that
            no role names are never read.
        device: the device's name, for sheets of one device that have no column for it.
        total_rows: words that mark a row as a sum of others.
    """

    roles: ClassVar[frozenset[str]] = frozenset()

    columns: dict[str, tuple[str, ...]]
    device: str | None = None
    total_rows: tuple[str, ...] = wording.TOTAL_ROWS

    @model_validator(mode="after")
    def _names_columns(self) -> SheetOptions:
        unknown = [role for role in self.columns if role not in self.roles]
        if unknown:
            raise ValueError(f"columns names the role {unknown[0]!r}; known are {', '.join(sorted(self.roles))}")
        check_columns(self.columns, self.device)
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
        lines = wording.lines_of(wording.decode(body, options.encodings))
        self.rejects: list[Reject] = []
        self._options = options
        self._faults = {**FAULTS, **faults}
        self._lines = lines[1:]
        self._delimiter, self._headers, self._at = layout(
            lines[0][1] if lines else "", options.columns, options.delimiter, whose="sheet"
        )
        self._totals = {name_key(t) for t in options.total_rows}

    def records(self) -> Iterator[Record]:
        """All records that have as many cells as the header and name a device. Totals and headers are left out."""
        header_keys = [name_key(h) for h in self._headers]
        width = len(self._headers)
        for number, cells in wording.cells_of(self._lines, self._delimiter):
            if [name_key(c) for c in cells[:width]] == header_keys:
                continue
            by_role = {role: cells[i].strip() for role, i in self._at.items() if i < len(cells)}
            device = by_role.get("device", "") if self._options.device is None else self._options.device
            if name_key(device).rstrip(" :") in self._totals:
                continue
            try:
                if len(cells) < width or any(map(str.strip, cells[width:])):
                    raise CellFaulty("ragged_row")
                if not name_key(device):
                    raise CellFaulty("missing_device", "device")
                line_key = name_key(by_role["line"]) if "line" in by_role else ONLY_LINE
                if not line_key:
                    raise CellFaulty("missing_line", "line")
            except CellFaulty as fault:
                self.reject(number, fault)
                continue
            yield Record(number, name_key(device), line_key, by_role)

    def reject(self, number: int, fault: CellFaulty) -> None:
        """Keep a fault of a record as its reject."""
        column = f", column {self._headers[self._at[fault.role]].strip()}" if fault.role in self._at else ""
        pointer = f"line {number}{column}"
        if fault.reason in self._faults:
            self.rejects.append(Reject.of(pointer, fault.reason, self._faults))
        else:
            self.rejects.append(wording.count_reject(pointer, fault.reason))


class Stamp(NamedTuple):
    """A moment as written: its text, microseconds as if it were UTC, whether it says a time, the offset if any."""

    text: str
    local_us: int
    has_time: bool
    offset_minutes: int | None = None


def read_day(text: str, options: SheetOptions, role: str) -> int:
    """A date as days since 1970-01-01; years outside 1990-2099 are typing errors.

    Raises:
        CellFaulty: it fits no configured format, or two of them with two meanings.
    """
    days = {day for day in days_of(text, options.date_formats) if day is not None}
    if len(days) != 1:
        raise CellFaulty("ambiguous_date" if days else "bad_date", role)
    return days.pop()


def read_clock(text: str, role: str) -> int:
    """A time of day as microseconds after midnight, 24:00 included: `17:05`, `17.05`, `7:49:10`, `10:34:23 a.m.`.

    Raises:
        CellFaulty: it is none.
    """
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise CellFaulty("bad_time", role)
    hour, minute, second = (int(g or 0) for g in found.groups()[:3])
    if found[4]:
        if not 1 <= hour <= 12:
            raise CellFaulty("bad_time", role)
        hour = hour % 12 + (12 if found[4].lower() == "p" else 0)
    clock = (hour * 60 + minute) * MINUTE_US + second * SECOND_US
    if minute > 59 or second > 59 or clock > DAY_US:
        raise CellFaulty("bad_time", role)
    return clock


def read_stamp(text: str, options: SheetOptions, role: str) -> Stamp:
    """Date and time in one cell, or a date alone; an offset or `Z` behind the time is believed.

    Raises:
        CellFaulty: date or time can't be read.
    """
    found = _STAMP.fullmatch(text.strip())
    if not found:
        return Stamp(text.strip(), read_day(text, options, role) * DAY_US, False)
    local_us = read_day(found[1], options, role) * DAY_US + read_clock(found[2], role)
    return Stamp(text.strip(), local_us, True, offset_minutes(found[3]))
