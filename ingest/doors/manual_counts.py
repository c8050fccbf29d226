"""Counts made by people: a sheet with branch, start, end, count and method.

What belongs here: this form of sheet. What does not: making a year out of two sample weeks. A count stays the one
span that it was made over; the expansion is an estimate, and is published as one or not at all.

Notes are never read: they hold names. Head counts tell how many are in the room at once, not how many came; they are
refused. Spans that overlap tell the same people twice, so both are kept as invalid until somebody mends the sheet.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ingest import wording
from ingest.adapters import Adapter, Options, Parsed, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._keys import from_microseconds, observation_id
from ingest.doors._local_time import AMBIGUOUS, DAY_US, EXACT, MINUTE_US, boundary, instants
from ingest.doors._sheet import CellFaulty, Record, Sheet, SheetOptions, Stamp, read_day, read_stamp
from ingest.home import naive_utc
from ingest.wording import name_key

Method = Literal["manual_day", "sample_week", "head_count"]
KINDS: dict[Method, str] = {"manual_day": "manual", "sample_week": "sample_week"}
# A day is 25 hours in autumn, and a week an hour more than its days.
LONGEST = {"manual": timedelta(hours=25), "sample_week": timedelta(days=7, hours=1)}
OVERLAPPING = "overlapping_span"
DEFAULT_METHODS: dict[Method, tuple[str, ...]] = {
    "manual_day": ("manual_day", "manual day", "dag", "dagtelling"),
    "sample_week": ("sample_week", "sample week", "telleuke", "prøveuke"),
    "head_count": ("head_count", "head count", "hodetelling"),
}

FAULTS = {
    "unknown_method": (
        "the method of counting is none that the source is configured for.",
        "Mend the cell, or add its word to methods in the source's options.",
    ),
    "head_count": (
        "a head count tells how many are in the room, not how many came.",
        "Keep it where it is; it can't become visits.",
    ),
    "empty_span": ("the count does not end after it starts.", "Mend start and end in the sheet."),
    "span_too_long": (
        "the count spans more than its method does: a day, or a week of seven days.",
        "Mend start and end in the sheet; the end is the last day counted.",
    ),
    OVERLAPPING: (
        "the count overlaps another one of the same branch: the same people would be told twice. Both are kept as "
        "invalid.",
        "Mend start and end in the sheet and deliver it again.",
    ),
    "duplicate_conflict": (
        "an earlier row of the file tells the same span with another number; that row was kept.",
        "Find out which row is right and deliver the sheet again.",
    ),
}


class ManualCountsOptions(SheetOptions):
    """What a source of this form must say.

    Attributes:
        columns: `start` and `end`, or `date` for sheets of single days; `count`; `method`; `device` (the branch, or
            the door) and `line`. An end without a time is the last day counted, included.
        method: how all counts of the sheet were made, where no column says it.
        methods: for each method the words that the column holds for it.
    """

    roles: ClassVar[frozenset[str]] = frozenset({"device", "line", "start", "end", "date", "count", "method"})

    method: Literal["manual_day", "sample_week"] | None = None
    methods: dict[Method, tuple[str, ...]] = Field(default_factory=lambda: dict(DEFAULT_METHODS))

    @field_validator("methods")
    @classmethod
    def _one_meaning(cls, value: dict[Method, tuple[str, ...]]) -> dict[Method, tuple[str, ...]]:
        words = [name_key(word) for names in value.values() for word in names]
        if len(words) != len(set(words)):
            raise ValueError("a word stands for two methods")
        return value

    @model_validator(mode="after")
    def _says_enough(self) -> ManualCountsOptions:
        told = set(self.columns)
        if ("date" in told) == ("start" in told) or ("start" in told) != ("end" in told):
            raise ValueError("columns must name either `date`, or `start` and `end`")
        if "count" not in told:
            raise ValueError("columns must name `count`")
        if ("method" in told) == (self.method is not None):
            raise ValueError("name the method either by a column or by the option `method`")
        return self


class _Span(NamedTuple):
    start_at: datetime
    end_at: datetime
    fold: str
    text: str


@register
class ManualCounts(Adapter):
    """Reads one row per counted span."""

    name: ClassVar[str] = "manual_counts"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = ManualCountsOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: ManualCountsOptions) -> Parsed:
        """One row per readable count, in the file's order.

        Raises:
            UnreadableBody: not text, or a configured column is missing or there twice.
        """
        sheet = Sheet(body, options, FAULTS)
        received_at = naive_utc(receipt.received_at)
        told: dict[str, dict[str, Any]] = {}
        numbers: dict[str, int] = {}
        for record in sheet.records():
            try:
                row = _row(record, source, options)
                first = told.setdefault(row["observation_id"], row)
                if first["in_count"] != row["in_count"]:
                    raise CellFaulty("duplicate_conflict")
            except CellFaulty as fault:
                sheet.reject(record.number, fault)
                continue
            if first is row:
                row["is_provisional"] = row["interval_end_at"] > received_at
                numbers[row["observation_id"]] = record.number
        rows = list(told.values())
        for row in _overlapping(rows):
            row |= {"value_state": "invalid", "reason_code": OVERLAPPING}
            sheet.reject(numbers[row["observation_id"]], CellFaulty(OVERLAPPING))
        sheet.rejects.sort(key=lambda r: int(r.pointer.split(",")[0].removeprefix("line ")))
        if not rows and not sheet.rejects:
            sheet.rejects.append(wording.nothing_read())
        return Parsed(rows={"door_observations": rows}, rejects=sheet.rejects)


def _row(record: Record, source: Source, options: ManualCountsOptions) -> dict[str, Any]:
    kind = _kind(record, options)
    span = _span(record, options)
    if span.end_at <= span.start_at:
        raise CellFaulty("empty_span")
    if span.end_at - span.start_at > LONGEST[kind]:
        raise CellFaulty("span_too_long")
    count, state = wording.read_count(record.cells["count"])
    if state in wording.COUNT_FAULTS:
        raise CellFaulty(state, "count")
    is_observed = state == wording.OBSERVED
    return {
        "observation_id": observation_id(
            source.source_id, record.device_key, record.line_key, kind, span.start_at, span.end_at
        ),
        "device_key": record.device_key,
        "line_key": record.line_key,
        "kind": kind,
        "interval_start_at": span.start_at,
        "interval_end_at": span.end_at,
        "stamp_text": span.text,
        "stamp_convention": "both",
        "zone": options.zone,
        "fold": span.fold,
        "in_count": count,
        "value_state": "observed" if is_observed else "not_observed",
        "reason_code": None if is_observed else state,
        "pointer": f"line {record.number}",
    }


def _kind(record: Record, options: ManualCountsOptions) -> str:
    word = name_key(record.cells.get("method", ""))
    method: Method | None = options.method or next(
        (m for m, words in options.methods.items() if word in map(name_key, words)), None
    )
    if method is None:
        raise CellFaulty("unknown_method", "method")
    if method == "head_count":
        raise CellFaulty("head_count", "method")
    return KINDS[method]


def _span(record: Record, options: ManualCountsOptions) -> _Span:
    zone = ZoneInfo(options.zone)
    if "date" in record.cells:
        text = record.cells["date"]
        start_us = read_day(text, options, "date") * DAY_US
        start, end = Stamp(text, start_us, False), Stamp(text, start_us, False)
    else:
        start, end = (read_stamp(record.cells[role], options, role) for role in ("start", "end"))
        text = f"{start.text} - {end.text}"
    if not end.has_time:
        end = end._replace(local_us=end.local_us + DAY_US)
    moments = [_moment(stamp, zone) for stamp in (start, end)]
    fold = AMBIGUOUS if AMBIGUOUS in {fold for _, fold in moments} else EXACT
    return _Span(moments[0][0], moments[1][0], fold, text)


def _moment(stamp: Stamp, zone: ZoneInfo) -> tuple[datetime, str]:
    if stamp.offset_minutes is not None:
        return from_microseconds(stamp.local_us - stamp.offset_minutes * MINUTE_US), EXACT
    local = from_microseconds(stamp.local_us)
    return boundary(local, zone), AMBIGUOUS if len(instants(local, zone)) == 2 else EXACT


def _overlapping(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that share time with another one of the same device, line and kind."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["device_key"], row["line_key"], row["kind"]].append(row)
    found: dict[str, dict[str, Any]] = {}
    for members in groups.values():
        members.sort(key=lambda r: (r["interval_start_at"], r["interval_end_at"]))
        longest = members[0]
        for row in members[1:]:
            if row["interval_start_at"] < longest["interval_end_at"]:
                found |= {r["observation_id"]: r for r in (longest, row)}
            longest = max(longest, row, key=lambda r: r["interval_end_at"])
    return [row for row in rows if row["observation_id"] in found]
