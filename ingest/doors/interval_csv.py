"""Interval CSV: one row per line and hour (or quarter, or day), with columns that the source's options name.

What belongs here: this form of file, whoever writes it. The default column map is our guess at the export of the
Nordic library systems (`Avdeling;Dato;Time;Inn;Ut`), whose real one is not public. What does not: makes with a form
of their own, and any judgement of the numbers.

Every distinct text is read once, and times become UTC column by column: a door file has a hundred thousand cells and
a few hundred different texts. Only odd rows are looked at twice: totals and headers go, the rest is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors import _text
from ingest.doors._columns import DatedTableOptions, check_columns, layout, offset_minutes, read_date, zone_text
from ingest.doors._keys import ONLY_LINE, microseconds, name_key, observation_ids
from ingest.doors._local_time import DAY_US, EXACT, MINUTE_US, NONEXISTENT, Intervals, resolve_intervals
from ingest.home import naive_utc

Role = Literal["device", "line", "date", "time", "stamp", "in", "out", "undirected", "status"]
COUNTS: tuple[Role, ...] = ("in", "out", "undirected")
TIMES: tuple[Role, ...] = ("stamp", "date", "time")

DEFAULT_COLUMNS: dict[Role, tuple[str, ...]] = {
    "device": ("Avdeling", "Filial", "Bibliotek", "Enhet"),
    "date": ("Dato",),
    "time": ("Time", "Klokkeslett", "Kl"),
    "in": ("Inn", "Antall inn"),
    "out": ("Ut", "Antall ut"),
}


class IntervalCsvOptions(DatedTableOptions):
    """What a source of this form must say.

    Attributes:
        columns: for each role the header names it goes by, now or in older files. Every role named here must be in
            the file: a column that is lost must be noticed. Leave out what the source does not have.
        device: the device's name, for files of one device that have no column for it.
        interval_minutes: length of every interval; must divide a day.
        stamp: whether the hour written is the interval's `start` or its `end`. A range such as `10-11` says both.
        total_rows: words that mark a row as a sum of others.
    """

    columns: dict[Role, tuple[str, ...]] = Field(default_factory=lambda: dict(DEFAULT_COLUMNS))
    device: str | None = None
    interval_minutes: int = Field(default=60, gt=0, le=1440)
    stamp: Literal["start", "end"] = "start"
    total_rows: tuple[str, ...] = _text.TOTAL_ROWS

    @model_validator(mode="after")
    def _says_enough(self) -> IntervalCsvOptions:
        roles = set(self.columns)
        if 1440 % self.interval_minutes:
            raise ValueError(f"interval_minutes {self.interval_minutes} does not divide a day")
        if ("stamp" in roles) == ("date" in roles):
            raise ValueError("columns must name either `stamp`, or `date` (and `time`)")
        if "date" in roles and "time" not in roles and self.interval_minutes != 1440:
            raise ValueError("columns must name `time`, unless interval_minutes is 1440")
        if "time" in roles and "date" not in roles:
            raise ValueError("columns name `time` without `date`")
        if not roles & set(COUNTS):
            raise ValueError("columns must name at least one of `in`, `out` and `undirected`")
        check_columns(self.columns, self.device)
        return self


_HOUR = re.compile(r"(?:kl\.?\s*)?([0-9]{1,2})(?:[:.]([0-9]{2})(?::([0-9]{2}))?|\.0)?")
_RANGE = re.compile(r"([^-–]+)[-–]([^-–]+)")
_STAMP = re.compile(r"(\S+?)(?:(?:T|\s+)([0-9k].*?))?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?", re.IGNORECASE)
_DAY = 24 * 60

FAULTS = {
    "missing_device": ("the row names no device.", "Name the branch or counter in the file."),
    "missing_line": ("the row names no line.", "Name the counted line in the file."),
    "bad_date": (
        "the date is in none of the formats the source is configured for.",
        "Mend the date, or add its format to date_formats.",
    ),
    "bad_time": ("the hour can't be read.", "Write hours as 10, 10:00 or 10-11."),
    "interval_mismatch": (
        "the hours written do not span the interval the source is configured for.",
        "Check interval_minutes in the source's options.",
    ),
    "off_grid": (
        "the time is not a multiple of the interval the source is configured for.",
        "Check interval_minutes in the source's options.",
    ),
    "ragged_row": (
        "the row has more or fewer cells than the header.",
        "Look for a cut line, or the delimiter inside a cell, and export the file again.",
    ),
    "dst_padding": (
        "the hour was skipped by the clock change and the row holds no people: the source filled it in.",
        "Nothing to do; no figure is touched.",
    ),
    "nonexistent_local_time": (
        "the row counts people in an hour that the clock change skipped: its labels may be shifted.",
        "Check the zone and the stamp convention in the source's options, and the hours after the change.",
    ),
    "duplicate_conflict": (
        "an earlier row of the file tells the same interval with other numbers; that row was kept.",
        "Find out which row is right and export the file again.",
    ),
}


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Memo(dict[K, V]):
    """Reads every distinct text, or tuple of texts, once."""

    def __init__(self, reader: Callable[[K], V]) -> None:
        super().__init__()
        self._reader = reader

    def __missing__(self, texts: K) -> V:
        value = self[texts] = self._reader(texts)
        return value


class _Time(NamedTuple):
    """A time of day: minutes after local midnight, and whether it names the `start`, the `end` or `both`.

    Of `both`, the minutes are the start.
    """

    minutes: int
    convention: str


class _Moment(NamedTuple):
    """A label: its text, microseconds as if it were UTC, what it names, and the offset if it has one."""

    text: str
    local_us: int
    convention: str
    offset_minutes: int | None = None


class _Counts(NamedTuple):
    """What the count columns of a record say, in the order of `COUNTS`."""

    values: tuple[int | None, ...]
    value_state: str
    reason_code: str | None


class _Row(NamedTuple):
    """One readable record."""

    number: int
    device_key: str
    line_key: str
    moment: _Moment
    counts: _Counts
    status: str | None


class _Fault(NamedTuple):
    """Why a record, or one text of it, can't be read: a key of `FAULTS` or of `COUNT_FAULTS`, and the column."""

    reason: str
    role: Role | None = None


def _clock(text: str) -> int | None:
    """Minutes after midnight, 24:00 included. An inclusive last second (10:59:59) is the next minute."""
    found = _HOUR.fullmatch(text.strip().casefold())
    if not found:
        return None
    hour, minute, second = (int(g or 0) for g in found.groups())
    minutes = hour * 60 + minute + (second == 59)
    return None if minute > 59 or second not in (0, 59) or minutes > _DAY else minutes


def read_time(text: str, interval: int, stamp: str) -> _Time | str:
    """An hour as people write it: `10`, `10.0`, `10:00`, `10:00:00`, `10-11`, `10:00-10:59`.

    Args:
        interval: minutes.
        stamp: what a single time means, `start` or `end`.

    Returns:
        The time, or a key of `FAULTS`.
    """
    span = _RANGE.fullmatch(text)
    if span:
        start, end = _clock(span[1]), _clock(span[2])
        if start is None or end is None or start >= _DAY:
            return "bad_time"
        if ((end - start) % _DAY or _DAY) not in (interval, interval - 1):
            return "interval_mismatch"
        return "off_grid" if start % interval else _Time(start, "both")
    minutes = _clock(text)
    if minutes is None or (minutes == _DAY and stamp == "start"):
        return "bad_time"
    return "off_grid" if minutes % interval else _Time(minutes, stamp)


@register
class IntervalCsv(Adapter):
    """Reads one row per line and interval."""

    name: ClassVar[str] = "interval_csv"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = IntervalCsvOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: IntervalCsvOptions) -> Parsed:
        """One row per readable record, in the file's order; of two equal records one, of two that disagree the first.

        Raises:
            UnreadableBody: not text, or a configured column is missing or there twice.
        """
        lines = _text.lines_of(_text.decode(body, options.encodings))
        reader = _Reader(lines, options)
        rows = reader.rows()
        frame = _frame(reader, rows, source.source_id, microseconds(naive_utc(receipt.received_at)))
        rejects = [reject for _, reject in sorted(reader.rejects, key=lambda r: r[0])]
        if frame is None:
            return Parsed(rejects=rejects or [_text.nothing_read()])
        return Parsed(rows={"door_observations": frame}, rejects=rejects)


class _Reader:
    """Reads the records of one file, and keeps those that can't be read as rejects, by line number."""

    def __init__(self, lines: Sequence[tuple[int, str]], options: IntervalCsvOptions) -> None:
        self.options = options
        self.rejects: list[tuple[int, Reject]] = []
        self._lines = lines[1:]
        self._delimiter, self._headers, self._at = layout(
            lines[0][1] if lines else "", options.columns, options.delimiter, whose="source"
        )
        self._header_keys = [name_key(h) for h in self._headers]
        self._labels = [i for role, i in self._at.items() if role not in COUNTS]
        self._totals = {name_key(t) for t in options.total_rows}
        self.count_roles = [role for role in COUNTS if role in self._at]
        self._names = _Memo(name_key)
        self._dates: _Memo[str, int | None] = _Memo(lambda text: read_date(text, options.date_formats))
        self._times: _Memo[str, _Time | str] = _Memo(
            lambda text: read_time(text, options.interval_minutes, options.stamp)
        )
        self._moments = _Memo(self._stamp if "stamp" in self._at else self._date_and_time)
        self._counts = _Memo(self._people)
        # Which cells make a moment, and which the counts: the whole tuple is what is read once.
        self._when = _cells_of([self._at[r] for r in TIMES if r in self._at])
        self._people_at = _cells_of([self._at[r] for r in self.count_roles])

    def rows(self) -> list[_Row]:
        """All readable records."""
        return [
            row for number, cells in _text.cells_of(self._lines, self._delimiter) if (row := self._read(number, cells))
        ]

    def _read(self, number: int, cells: list[str]) -> _Row | None:
        """One record as a row; None when it is furniture or was rejected."""
        row = self._row(number, cells)
        if isinstance(row, _Row):
            # A sum per hour over all branches reads like a branch; only its name tells.
            return None if row.device_key.rstrip(" :") in self._totals else row
        if not self._is_furniture(cells):
            self.reject(number, row)
        return None

    def reject(self, number: int, fault: _Fault) -> None:
        """Keep a fault of a record as its reject."""
        pointer = f"line {number}" + (f", column {self._headers[self._at[fault.role]].strip()}" if fault.role else "")
        if fault.reason in _text.COUNT_FAULTS:
            self.rejects.append((number, _text.count_reject(pointer, fault.reason)))
        else:
            self.rejects.append((number, Reject(pointer, fault.reason, *FAULTS[fault.reason])))

    def _row(self, number: int, cells: list[str]) -> _Row | _Fault:
        at, width = self._at, len(self._headers)
        if len(cells) < width or (len(cells) > width and any(map(str.strip, cells[width:]))):
            return _Fault("ragged_row")
        device_key = self._names[cells[at["device"]] if "device" in at else str(self.options.device)]
        if not device_key:
            return _Fault("missing_device", "device")
        line_key = self._names[cells[at["line"]]] if "line" in at else ONLY_LINE
        if not line_key:
            return _Fault("missing_line", "line")
        moment = self._moments[self._when(cells)]
        if isinstance(moment, _Fault):
            return moment
        counts = self._counts[self._people_at(cells)]
        if isinstance(counts, _Fault):
            return counts
        status = cells[at["status"]].strip() or None if "status" in at else None
        return _Row(number, device_key, line_key, moment, counts, status)

    def _date_and_time(self, texts: tuple[str, ...]) -> _Moment | _Fault:
        day = self._dates[texts[0]]
        if day is None:
            return _Fault("bad_date", "date")
        time = self._times[texts[1]] if len(texts) > 1 else _Time(0, "start")
        if isinstance(time, str):
            return _Fault(time, "time")
        return _Moment(" ".join(map(str.strip, texts)), day * DAY_US + time.minutes * MINUTE_US, time.convention)

    def _stamp(self, texts: tuple[str, ...]) -> _Moment | _Fault:
        """Date and hour in one cell; an offset or `Z` behind the hour is believed."""
        text = texts[0].strip()
        found = _STAMP.fullmatch(text)
        day = self._dates[found[1]] if found else None
        if not found or day is None:
            return _Fault("bad_date", "stamp")
        if found[2] is None:
            is_day = self.options.interval_minutes == _DAY and found[3] is None
            return _Moment(text, day * DAY_US, "start") if is_day else _Fault("bad_time", "stamp")
        time = self._times[found[2]]
        if isinstance(time, str):
            return _Fault(time, "stamp")
        local_us = day * DAY_US + time.minutes * MINUTE_US
        return _Moment(text, local_us, time.convention, offset_minutes(found[3]))

    def _people(self, texts: tuple[str, ...]) -> _Counts | _Fault:
        """The counts of a record. One faulty cell condemns the record: half a door is no door."""
        read = [_text.read_count(text) for text in texts]
        for role, (_, state) in zip(self.count_roles, read, strict=True):
            if state in _text.COUNT_FAULTS:
                return _Fault(state, role)
        states = {state for _, state in read}
        return _Counts(
            tuple(value for value, _ in read),
            "observed" if _text.OBSERVED in states else "not_observed",
            next((s for s in (_text.NEGATIVE, _text.BLANK) if s in states), None),
        )

    def _is_furniture(self, cells: list[str]) -> bool:
        """Whether an unreadable record is a total or the header once more."""
        labels = [name_key(cells[i]) for i in self._labels if i < len(cells)]
        if any(label.rstrip(" :") in self._totals for label in labels):
            return True
        return [name_key(c) for c in cells[: len(self._headers)]] == self._header_keys


def _cells_of(places: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    if len(places) == 1:
        only = places[0]
        return lambda cells: (cells[only],)
    return itemgetter(*places)


def _frame(reader: _Reader, rows: list[_Row], source_id: str, received_us: int) -> pd.DataFrame | None:
    """The rows with their UTC intervals; skipped hours and contradictions go to the rejects."""
    options = reader.options
    numbering: dict[tuple[str, str], int] = {}
    series = [numbering.setdefault((row.device_key, row.line_key), len(numbering)) for row in rows]
    spans = _intervals(rows, series, options)
    told: dict[tuple[int, int], _Row] = {}
    kept: list[int] = []
    for n, (row, key, fold) in enumerate(
        zip(rows, zip(series, spans.start_us.tolist(), strict=True), spans.fold.tolist(), strict=True)
    ):
        if fold == NONEXISTENT:
            has_people = any(row.counts.values)
            reader.reject(row.number, _Fault("nonexistent_local_time" if has_people else "dst_padding"))
            continue
        first = told.setdefault(key, row)
        if first is row:
            kept.append(n)
        elif (first.counts, first.status) != (row.counts, row.status):
            reader.reject(row.number, _Fault("duplicate_conflict"))
    if not kept:
        return None
    rows = [rows[n] for n in kept]
    start_us, end_us, fold = spans.start_us[kept], spans.end_us[kept], spans.fold[kept]
    devices, lines = [row.device_key for row in rows], [row.line_key for row in rows]
    columns: dict[str, Any] = {
        "observation_id": observation_ids(source_id, devices, lines, "interval", start_us.tolist(), end_us.tolist()),
        "device_key": devices,
        "line_key": lines,
        "kind": "interval",
        "interval_start_at": start_us.astype("datetime64[us]"),
        "interval_end_at": end_us.astype("datetime64[us]"),
        "stamp_text": [row.moment.text for row in rows],
        "stamp_convention": [row.moment.convention for row in rows],
        "zone": [zone_text(row.moment.offset_minutes) or options.zone for row in rows],
        "fold": fold,
        "value_state": [row.counts.value_state for row in rows],
        "reason_code": [row.counts.reason_code for row in rows],
        "vendor_status": [row.status for row in rows],
        "is_provisional": end_us > received_us,
        "pointer": [f"line {row.number}" for row in rows],
    }
    for n, role in enumerate(reader.count_roles):
        columns[f"{role}_count"] = pd.array([row.counts.values[n] for row in rows], dtype="Int64")
    return pd.DataFrame(columns)


def _intervals(rows: list[_Row], series: list[int], options: IntervalCsvOptions) -> Intervals:
    """The rows' labels as UTC intervals; a label that says its offset needs no rule."""
    is_end = np.array([row.moment.convention == "end" for row in rows], dtype=np.bool_)
    spans = resolve_intervals(
        np.array([row.moment.local_us for row in rows], dtype=np.int64),
        is_end,
        np.array(series, dtype=np.int64),
        options.interval_minutes,
        ZoneInfo(options.zone),
    )
    length = options.interval_minutes * MINUTE_US
    for n, row in enumerate(rows):
        if row.moment.offset_minutes is not None:
            stamp_us = row.moment.local_us - row.moment.offset_minutes * MINUTE_US
            spans.start_us[n] = stamp_us - length if is_end[n] else stamp_us
            spans.end_us[n] = spans.start_us[n] + length
            spans.fold[n] = EXACT
    return spans
