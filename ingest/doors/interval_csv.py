"""Interval CSV: one row per line and hour (or quarter, or day), with columns that the source's options name.

What belongs here: this form of file, whoever writes it. The default column map is our guess at the export of the
Nordic library systems (`Avdeling;Dato;Time;Inn;Ut`), whose real one is not public. What does not: makes with a form
of their own, and any judgement of the numbers.

Every distinct text is read once, and times become UTC column by column: a door file has a hundred thousand cells and
a few hundred different texts. Records that are cut plainly are cut all at once; only odd ones are looked at one by
one: totals and headers go, the rest is rejected. Both ways read a text by the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pydantic import Field, model_validator

from ingest import wording
from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._columns import DatedTableOptions, check_columns, layout, offset_minutes, read_date, zone_text
from ingest.doors._keys import ONLY_LINE, microseconds, observation_ids
from ingest.doors._local_time import (
    DAY_US,
    EXACT,
    MINUTE_US,
    NONEXISTENT,
    Integers,
    Intervals,
    resolve_intervals,
)
from ingest.home import naive_utc
from ingest.wording import name_key

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
    total_rows: tuple[str, ...] = wording.TOTAL_ROWS

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


class _Values(dict[K, int]):
    """Different values, numbered as they come."""

    def __missing__(self, value: K) -> int:
        number = self[value] = len(self)
        return number


class _Columns:
    """Readable records column by column: line numbers, and per column the number of its value in `_Values`."""

    def __init__(self) -> None:
        self.devices: _Values[str] = _Values()
        self.lines: _Values[str] = _Values()
        self.moments: _Values[_Moment] = _Values()
        self.counts: _Values[_Counts] = _Values()
        self.statuses: _Values[str | None] = _Values()
        self._parts: list[Integers] = []

    def add(self, part: Integers) -> None:
        """Records as rows of six numbers: line number, device, line, moment, counts, status."""
        self._parts.append(part)

    def add_rows(self, rows: Iterable[_Row]) -> None:
        """Records that were read one by one."""
        part = [
            (
                row.number,
                self.devices[row.device_key],
                self.lines[row.line_key],
                self.moments[row.moment],
                self.counts[row.counts],
                self.statuses[row.status],
            )
            for row in rows
        ]
        self.add(np.array(part, dtype=np.int64).reshape(-1, 6))

    def in_order(self) -> tuple[Integers, ...]:
        """The six columns, in the order of the file."""
        told = np.concatenate(self._parts)
        return tuple(told[np.argsort(told[:, 0], kind="stable")].T)


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
        lines = wording.lines_of(wording.decode(body, options.encodings))
        reader = _Reader(lines, options)
        rows = _rows(reader, reader.columns(), source.source_id, microseconds(naive_utc(receipt.received_at)))
        rejects = [reject for _, reject in sorted(reader.rejects, key=lambda r: r[0])]
        if rows is None:
            return Parsed(rejects=rejects or [wording.nothing_read()])
        return Parsed(rows={"door_observations": rows}, rejects=rejects)


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

    def columns(self) -> _Columns:
        """All readable records."""
        told = _Columns()
        odd = self._read_plain(told)
        told.add_rows(
            row for number, cells in wording.cells_of(odd, self._delimiter) if (row := self._read(number, cells))
        )
        return told

    def _read_plain(self, told: _Columns) -> list[tuple[int, str]]:
        """Read what can be read all at once; returns the lines that must be looked at one by one."""
        plain: list[tuple[int, str]] = []
        odd: list[tuple[int, str]] = []
        delimiter, cuts = self._delimiter, len(self._headers) - 1
        for numbered in self._lines:
            line = numbered[1]
            is_plain = line.count(delimiter) == cuts and '"' not in line and line[0] != "\ufeff"
            (plain if is_plain else odd).append(numbered)
        cells = _cut([line for _, line in plain], delimiter, len(self._headers))
        if cells is None:
            return list(self._lines)
        numbers = np.array([number for number, _ in plain], dtype=np.int64)
        absent = np.zeros(len(plain), dtype=np.int64)

        def read(roles: Iterable[Role], reader: Callable[[tuple[str, ...]], int]) -> Integers:
            """Per record the number of its value, -1 where its texts can't be read; every combination is read once."""
            which, texts = _combined([cells[self._at[role]] for role in roles])
            return np.array([reader(combination) for combination in texts], dtype=np.int64)[which]

        def name(values: _Values[str]) -> Callable[[tuple[str, ...]], int]:
            return lambda texts: values[key] if (key := self._names[texts[0]]) else -1

        def moment(texts: tuple[str, ...]) -> int:
            found = self._moments[texts]
            return -1 if isinstance(found, _Fault) else told.moments[found]

        def people(texts: tuple[str, ...]) -> int:
            found = self._counts[texts]
            return -1 if isinstance(found, _Fault) else told.counts[found]

        if "device" in self._at:
            devices = read(["device"], name(told.devices))
        else:
            devices = absent + told.devices[self._names[str(self.options.device)]]
        lines = read(["line"], name(told.lines)) if "line" in self._at else absent + told.lines[ONLY_LINE]
        moments = read([role for role in TIMES if role in self._at], moment)
        counts = read(self.count_roles, people)
        if "status" in self._at:
            statuses = read(["status"], lambda texts: told.statuses[texts[0].strip() or None])
        else:
            statuses = absent + told.statuses[None]
        is_read = (devices >= 0) & (lines >= 0) & (moments >= 0) & (counts >= 0)
        totals = [number for key, number in told.devices.items() if self._is_total(key)]
        part = np.column_stack([numbers, devices, lines, moments, counts, statuses])
        told.add(part[is_read & ~np.isin(devices, totals)])
        odd += [plain[n] for n in np.flatnonzero(~is_read).tolist()]
        return odd

    def _is_total(self, key: str) -> bool:
        """Whether a key names a sum: a sum per hour over all branches reads like a branch; only its name tells."""
        return key.rstrip(" :") in self._totals

    def _read(self, number: int, cells: list[str]) -> _Row | None:
        """One record as a row; None when it is furniture or was rejected."""
        row = self._row(number, cells)
        if isinstance(row, _Row):
            return None if self._is_total(row.device_key) else row
        if not self._is_furniture(cells):
            self.reject(number, row)
        return None

    def reject(self, number: int, fault: _Fault) -> None:
        """Keep a fault of a record as its reject."""
        pointer = f"line {number}" + (f", column {self._headers[self._at[fault.role]].strip()}" if fault.role else "")
        self.rejects.append((number, wording.record_reject(pointer, fault.reason, FAULTS)))

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
        read = [wording.read_count(text) for text in texts]
        for role, (_, state) in zip(self.count_roles, read, strict=True):
            if state in wording.COUNT_FAULTS:
                return _Fault(state, role)
        states = {state for _, state in read}
        return _Counts(
            tuple(value for value, _ in read),
            "observed" if wording.OBSERVED in states else "not_observed",
            next((s for s in (wording.NEGATIVE, wording.BLANK) if s in states), None),
        )

    def _is_furniture(self, cells: list[str]) -> bool:
        """Whether an unreadable record is a total or the header once more."""
        labels = [name_key(cells[i]) for i in self._labels if i < len(cells)]
        if any(map(self._is_total, labels)):
            return True
        return [name_key(c) for c in cells[: len(self._headers)]] == self._header_keys


def _cells_of(places: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    if len(places) == 1:
        only = places[0]
        return lambda cells: (cells[only],)
    return itemgetter(*places)


def _cut(lines: list[str], delimiter: str, width: int) -> list[pa.DictionaryArray] | None:
    """Lines that all have so many cells, and no quotes, as columns of numbered texts; None where they can't be cut."""
    if not lines or not delimiter.isascii():
        return None
    names = [str(n) for n in range(width)]
    try:
        table = csv.read_csv(
            pa.BufferReader("\n".join(lines).encode()),
            read_options=csv.ReadOptions(column_names=names),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None
    if table.num_rows != len(lines):
        return None
    return [column.combine_chunks() for column in table.unify_dictionaries().columns]


def _combined(columns: Sequence[pa.DictionaryArray]) -> tuple[Integers, list[tuple[str, ...]]]:
    """The different combinations of texts in these columns, and which of them each record has."""
    texts = [column.dictionary.to_pylist() for column in columns]
    which = columns[0].indices.to_numpy().astype(np.int64)
    combinations: list[tuple[str, ...]] = [(text,) for text in texts[0]]
    for column, more in zip(columns[1:], texts[1:], strict=True):
        numbers, found = pd.factorize(which * len(more) + column.indices.to_numpy())
        combinations = [(*combinations[n // len(more)], more[n % len(more)]) for n in found.tolist()]
        which = numbers.astype(np.int64)
    return which, combinations


@dataclass(frozen=True)
class _Moments:
    """The different moments of a file, column by column."""

    local_us: Integers
    is_end: npt.NDArray[np.bool_]
    is_told: npt.NDArray[np.bool_]
    offset_us: Integers

    @classmethod
    def of(cls, moments: Iterable[_Moment]) -> _Moments:
        told = list(moments)
        return cls(
            np.array([m.local_us for m in told], dtype=np.int64),
            np.array([m.convention == "end" for m in told], dtype=np.bool_),
            np.array([m.offset_minutes is not None for m in told], dtype=np.bool_),
            np.array([(m.offset_minutes or 0) * MINUTE_US for m in told], dtype=np.int64),
        )


def _rows(reader: _Reader, told: _Columns, source_id: str, received_us: int) -> pa.Table | None:
    """The rows with their UTC intervals; skipped hours and contradictions go to the rejects."""
    options = reader.options
    number, device, line, moment, counts, status = told.in_order()
    series, names = _series(told, device, line)
    spans = _intervals(_Moments.of(told.moments), moment, series, options)

    people = list(told.counts)
    exists = spans.fold != NONEXISTENT
    for n in np.flatnonzero(~exists).tolist():
        has_people = any(people[counts[n]].values)
        reader.reject(int(number[n]), _Fault("nonexistent_local_time" if has_people else "dst_padding"))
    # Of one line and start the first record stands; those that say the same again are left out without a word.
    starts, _ = pd.factorize(spans.start_us)
    same, _ = pd.factorize(np.where(exists, series * len(starts) + starts, -1 - np.arange(len(series))))
    first = np.unique(same, return_index=True)[1][same]
    is_first = first == np.arange(len(series))
    differs = (counts != counts[first]) | (status != status[first])
    for n in np.flatnonzero(~is_first & differs).tolist():
        reader.reject(int(number[n]), _Fault("duplicate_conflict"))
    kept = np.flatnonzero(exists & is_first)
    if not len(kept):
        return None

    start_us, end_us = spans.start_us[kept], spans.end_us[kept]
    number, device, line, moment, counts, status = (a[kept] for a in (number, device, line, moment, counts, status))
    moments = list(told.moments)
    columns: dict[str, pa.Array] = {
        "observation_id": observation_ids(source_id, names, "interval", series[kept], start_us, end_us),
        "device_key": _taken(list(told.devices), device),
        "line_key": _taken(list(told.lines), line),
        "kind": pa.repeat("interval", len(kept)),
        "interval_start_at": pa.array(start_us, type=pa.timestamp("us")),
        "interval_end_at": pa.array(end_us, type=pa.timestamp("us")),
        "stamp_text": _taken([m.text for m in moments], moment),
        "stamp_convention": _taken([m.convention for m in moments], moment),
        "zone": _taken([zone_text(m.offset_minutes) or options.zone for m in moments], moment),
        "fold": pa.array(spans.fold[kept], type=pa.string()),
        "value_state": _taken([c.value_state for c in people], counts),
        "reason_code": _taken([c.reason_code for c in people], counts),
        "vendor_status": _taken(list(told.statuses), status),
        "is_provisional": pa.array(end_us > received_us),
        "pointer": pc.binary_join_element_wise("line", pa.array(number).cast(pa.string()), " "),
    }
    for n, role in enumerate(reader.count_roles):
        columns[f"{role}_count"] = _taken([c.values[n] for c in people], counts, pa.int64())
    return pa.table(columns)


def _series(told: _Columns, device: Integers, line: Integers) -> tuple[Integers, list[tuple[str, str]]]:
    """Which series each record belongs to, and their device and line keys."""
    devices, lines = list(told.devices), list(told.lines)
    series, found = pd.factorize(device * len(lines) + line)
    return series.astype(np.int64), [(devices[n // len(lines)], lines[n % len(lines)]) for n in found.tolist()]


def _taken(values: Sequence[Any], which: Integers, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, type=kind or pa.string()).take(pa.array(which))


def _intervals(moments: _Moments, moment: Integers, series: Integers, options: IntervalCsvOptions) -> Intervals:
    """The records' labels as UTC intervals; a label that says its offset needs no rule."""
    local_us, is_end = moments.local_us[moment], moments.is_end[moment]
    spans = resolve_intervals(local_us, is_end, series, options.interval_minutes, ZoneInfo(options.zone))
    length = options.interval_minutes * MINUTE_US
    is_told = moments.is_told[moment]
    start_us = local_us - moments.offset_us[moment] - np.where(is_end, length, 0)
    spans.start_us[is_told] = start_us[is_told]
    spans.end_us[is_told] = start_us[is_told] + length
    spans.fold[is_told] = EXACT
    return spans
