"""Wide hourly CSV: one row per hour, one column per sensor, people passing. A common open data form.

What belongs here: this form of file. What does not: judging whether a number is likely (a dead sensor writes noughts
for years, a shifted label looks like an early morning); that needs the neighbours, and is done in dbt.

The rules of the form: a blank cell says that nothing was counted; 0 says that nobody came. A file's day may begin at
another hour than midnight: rows before that hour then stand under the date of the day before. All sensors of a row
share its label, so a label that can't be right costs the whole row, and one faulty cell costs itself only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from typing import Any, ClassVar, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from ingest import wording
from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import ClockTime, Source
from ingest.doors._columns import DatedTableOptions, read_date
from ingest.doors._keys import ONLY_LINE, microseconds, observation_ids
from ingest.doors._local_time import (
    AMBIGUOUS,
    DAY_US,
    MINUTE_US,
    NONEXISTENT,
    Integers,
    Intervals,
    resolve_intervals,
)
from ingest.doors.interval_csv import FAULTS as INTERVAL_FAULTS
from ingest.doors.interval_csv import read_time
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.wording import name_key

DST_AMBIGUOUS = "dst_ambiguous"

FAULTS = {
    **INTERVAL_FAULTS,
    "duplicate_label": (
        "another row bears the same date and hour and tells something else: one of them is labelled wrongly, and "
        "nothing says which, so neither was read.",
        "Find out which row is right and export the file again.",
    ),
}


class WideHourlyOptions(DatedTableOptions):
    """What a source of this form must say.

    Attributes:
        date_column, time_column: headers of the columns with date and hour.
        day_begins: the hour at which a date of the file begins; rows of earlier hours belong to the next calendar day.
        interval_minutes: length of every interval; must divide a day.
        stamp: whether the hour written is the interval's `start` or its `end`. A range such as `6:00-6:59` says both.
        ignored_columns: headers of columns that are no sensors. All others are.
        totals: words that mark a column, or in place of a date a row, as a sum of others.
    """

    date_column: str = "date"
    time_column: str = "hour"
    day_begins: ClockTime = time(0)
    interval_minutes: int = Field(default=60, gt=0, le=1440)
    stamp: Literal["start", "end"] = "start"
    ignored_columns: tuple[str, ...] = ()
    totals: tuple[str, ...] = wording.TOTAL_ROWS
    date_formats: tuple[str, ...] = Field(default=("%Y-%m-%d", "%d.%m.%Y"), min_length=1)

    @model_validator(mode="after")
    def _on_the_grid(self) -> WideHourlyOptions:
        if 1440 % self.interval_minutes:
            raise ValueError(f"interval_minutes {self.interval_minutes} does not divide a day")
        if self._begins_minute % self.interval_minutes or self.day_begins.second or self.day_begins.microsecond:
            raise ValueError(f"day_begins {self.day_begins} is not a multiple of interval_minutes")
        if self._begins_minute and self.stamp == "end":
            raise ValueError("a day that does not begin at midnight is read from start stamps and ranges only")
        return self

    @property
    def _begins_minute(self) -> int:
        return self.day_begins.hour * 60 + self.day_begins.minute

    def days_later(self, minutes: int) -> int:
        """1 where an hour of the file's day lies on the calendar day after its date, else 0."""
        return int(minutes < self._begins_minute)


@dataclass(frozen=True)
class _Row:
    """One row with a readable label: microseconds as if it were UTC, and whether that is an interval's end."""

    number: int
    cells: list[str]
    text: str
    local_us: int
    convention: str


@register
class WideHourly(Adapter):
    """Reads hours by sensor columns into one interval per sensor and hour."""

    name: ClassVar[str] = "wide_hourly"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = WideHourlyOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: WideHourlyOptions) -> Parsed:
        """One row per sensor and hour, sensor by sensor in the file's order.

        Raises:
            UnreadableBody: not text, no column of dates or hours, no sensor, or two columns of one sensor.
        """
        lines = wording.lines_of(wording.decode(body, options.encodings))
        delimiter, headers = _header(lines[0][1] if lines else "", options)
        sensors = _sensors(headers, options)
        rejects: list[Reject] = []
        rows = _labelled(wording.cells_of(lines[1:], delimiter), headers, options, rejects)
        spans = resolve_intervals(
            np.array([row.local_us for row in rows], dtype=np.int64),
            np.array([row.convention == "end" for row in rows], dtype=np.bool_),
            np.zeros(len(rows), dtype=np.int64),
            options.interval_minutes,
            ZoneInfo(options.zone),
        )
        kept = _kept(rows, spans.start_us, spans.fold, list(sensors.values()), rejects)
        rows = [rows[n] for n in kept]
        spans = Intervals(spans.start_us[kept], spans.end_us[kept], spans.fold[kept])
        received_us = microseconds(naive_utc(receipt.received_at))
        frames = []
        for device_key, column in sensors.items():
            cells = _counted(rows, spans, column, headers[column].strip(), received_us, rejects)
            if cells:
                frames.append(_frame(source.source_id, device_key, rows, spans, cells, options.zone, received_us))
        if not frames:
            return Parsed(rejects=rejects or [wording.nothing_read()])
        return Parsed(rows={"door_observations": pd.concat(frames, ignore_index=True)}, rejects=rejects)


def _header(line: str, options: WideHourlyOptions) -> tuple[str, list[str]]:
    """The delimiter that cuts out the columns of date and hour, and the header's cells under it."""
    wanted = {name_key(options.date_column), name_key(options.time_column)}
    candidates = wording.DELIMITERS if options.delimiter == "auto" else (options.delimiter,)
    delimiter = max(
        candidates, key=lambda d: (len(wanted & set(map(name_key, wording.split_line(line, d)))), line.count(d))
    )
    return delimiter, wording.split_line(line, delimiter)


def _sensors(headers: list[str], options: WideHourlyOptions) -> dict[str, int]:
    """Device keys by column number, in the file's order.

    Raises:
        UnreadableBody: a column of the label is missing, or a name stands twice, or no sensor is left.
    """
    keys = [name_key(header) for header in headers]
    labels = [name_key(options.date_column), name_key(options.time_column)]
    passed_over = {name_key(name) for name in (*options.ignored_columns, *options.totals)}
    sensors = [key for key in keys if key and key not in labels and key not in passed_over]
    twice = [key for key in (*labels, *sensors) if keys.count(key) > 1]
    missing = [key for key in labels if key not in keys]
    if missing or twice or not sensors:
        what = (
            f"no column {missing[0]!r}"
            if missing
            else f"more than one column {headers[keys.index(twice[0])].strip()[:30]!r}"
            if twice
            else "no column of a sensor"
        )
        raise UnreadableBody(
            f"{what}; found: {wording.shown_headers(headers)}.",
            reason="ambiguous_column" if twice and not missing else "missing_column",
            next_action="Mend the header, or date_column and time_column in the source's options.",
        )
    return {key: keys.index(key) for key in sensors}


def _labelled(
    records: Iterable[tuple[int, list[str]]],
    headers: list[str],
    options: WideHourlyOptions,
    rejects: list[Reject],
) -> list[_Row]:
    """The rows whose label can be read; the others become rejects. Totals and headers are passed over."""
    keys = [name_key(header) for header in headers]
    date_at, time_at = keys.index(name_key(options.date_column)), keys.index(name_key(options.time_column))
    totals = {name_key(word) for word in options.totals}
    dates: dict[str, int | None] = {}
    times: dict[str, Any] = {}
    rows = []
    for number, cells in records:
        if len(cells) < len(headers) or any(map(str.strip, cells[len(headers) :])):
            rejects.append(_reject(f"line {number}", "ragged_row"))
            continue
        date_text, time_text = cells[date_at].strip(), cells[time_at].strip()
        if date_text not in dates:
            dates[date_text] = read_date(date_text, options.date_formats)
        if time_text not in times:
            times[time_text] = read_time(time_text, options.interval_minutes, options.stamp)
        day, hour = dates[date_text], times[time_text]
        if day is None or isinstance(hour, str):
            is_total = name_key(date_text).rstrip(" :") in totals
            if not is_total and [name_key(cell) for cell in cells[: len(headers)]] != keys:
                at = date_at if day is None else time_at
                reason = "bad_date" if day is None else str(hour)
                rejects.append(_reject(f"line {number}, column {headers[at].strip()}", reason))
            continue
        local_us = (day + options.days_later(hour.minutes)) * DAY_US + hour.minutes * MINUTE_US
        rows.append(_Row(number, cells, f"{date_text} {time_text}", local_us, hour.convention))
    return rows


def _kept(
    rows: list[_Row], start_us: Integers, fold: npt.NDArray[np.object_], sensors: list[int], rejects: list[Reject]
) -> Integers:
    """Places of the rows that speak: not in an hour that never was, and not contradicted by another of their label."""
    told: dict[int, list[int]] = defaultdict(list)
    faults: list[tuple[int, str]] = []
    for n, (start, kind) in enumerate(zip(start_us.tolist(), fold.tolist(), strict=True)):
        if kind == NONEXISTENT:
            has_people = any(wording.read_count(rows[n].cells[column])[0] for column in sensors)
            faults.append((n, "nonexistent_local_time" if has_people else "dst_padding"))
        else:
            told[start].append(n)
    kept = []
    for twins in told.values():
        if len({tuple(rows[n].cells[column].strip() for column in sensors) for n in twins}) == 1:
            kept.append(twins[0])
        else:
            faults += [(n, "duplicate_label") for n in twins]
    rejects += [_reject(f"line {rows[n].number}", reason) for n, reason in sorted(faults)]
    return np.array(sorted(kept), dtype=np.int64)


class _Cell(NamedTuple):
    """What a sensor's readable cell says: the row's place, how many, and why none or with what doubt."""

    row: int
    people: int | None
    reason: str | None
    pointer: str


def _counted(
    rows: list[_Row], spans: Intervals, column: int, header: str, received_us: int, rejects: list[Reject]
) -> list[_Cell]:
    """A sensor's readable cells; the others become rejects."""
    read: dict[str, tuple[int | None, str]] = {}
    cells = []
    for n, (row, start, fold) in enumerate(zip(rows, spans.start_us.tolist(), spans.fold.tolist(), strict=True)):
        text, pointer = row.cells[column], f"line {row.number}, column {header}"
        if text not in read:
            read[text] = wording.read_count(text)
        count, state = read[text]
        if state in wording.COUNT_FAULTS:
            rejects.append(wording.count_reject(pointer, state))
        elif count is not None:
            # The lone row of the hour that comes twice may hold one hour or both, and is never split.
            cells.append(_Cell(n, count, DST_AMBIGUOUS if fold == AMBIGUOUS else None, pointer))
        elif start < received_us:  # of an hour to come a blank cell says nothing
            cells.append(_Cell(n, None, state, pointer))
    return cells


def _frame(
    source_id: str, device_key: str, rows: list[_Row], spans: Intervals, cells: list[_Cell], zone: str, received_us: int
) -> pd.DataFrame:
    """A sensor's cells in the contract's columns."""
    taken = np.array([cell.row for cell in cells], dtype=np.int64)
    start_us, end_us = spans.start_us[taken], spans.end_us[taken]
    one_series = np.zeros(len(cells), dtype=np.int64)
    return pd.DataFrame(
        {
            "observation_id": observation_ids(
                source_id, [(device_key, ONLY_LINE)], "interval", one_series, start_us, end_us
            ).to_pylist(),
            "device_key": device_key,
            "line_key": ONLY_LINE,
            "kind": "interval",
            "interval_start_at": start_us.astype("datetime64[us]"),
            "interval_end_at": end_us.astype("datetime64[us]"),
            "stamp_text": [rows[cell.row].text for cell in cells],
            "stamp_convention": [rows[cell.row].convention for cell in cells],
            "zone": zone,
            "fold": spans.fold[taken],
            "in_count": pd.array([cell.people for cell in cells], dtype="Int64"),
            "value_state": ["not_observed" if cell.people is None else "observed" for cell in cells],
            "reason_code": [cell.reason for cell in cells],
            "is_provisional": end_us > received_us,
            "pointer": [cell.pointer for cell in cells],
        }
    )


def _reject(pointer: str, reason: str) -> Reject:
    return Reject.of(pointer, reason, FAULTS)
