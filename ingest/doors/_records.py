"""What the records of portals' answers become: JSON and XML to values, local stamps to moments, records to rows.

What belongs here: reading that holds for every portal. What does not: asking (`_portal`), the fields of one maker (its
own module), and what devices post (`_messages`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from xml.etree.ElementTree import Element  # a type only; parsing is guarded_xml's
from zoneinfo import ZoneInfo

import numpy as np

from ingest import guarded_xml, wording
from ingest.adapters import Parsed, Reject
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._asking import window_of
from ingest.doors._columns import offset_minutes
from ingest.doors._keys import from_microseconds, microseconds, observation_id
from ingest.doors._local_time import DAY_US, EXACT, MINUTE_US, NONEXISTENT, Intervals, resolve_intervals
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.json_values import text_of
from ingest.wording import name_key

Stamp = Literal["start", "end"]

FAULTS = {
    "not_a_record": ("the record has another form than the vendor's others.", "Ask the vendor what it means."),
    "missing_device": ("the record names no counter or site.", "Name it in the vendor's portal."),
    "missing_line": ("the record names no line.", "Name the line in the vendor's portal."),
    "bad_time": (
        "the time is missing or can't be read.",
        "Ask the vendor for the day again; if it recurs, report the new form of its times.",
    ),
    "off_grid": (
        "the time is not a multiple of the interval.",
        "Check interval_minutes in the source's options.",
    ),
    "wrong_date": (
        "the record lies outside the day that was asked for.",
        "Check the zone in the source's options; if it is right, report it to the vendor.",
    ),
    "dst_padding": (
        "the hour was skipped by the clock change and the record holds no people: the vendor filled it in.",
        "Nothing to do; no figure is touched.",
    ),
    "nonexistent_local_time": (
        "the record counts people in an hour that the clock change skipped: its labels may be shifted.",
        "Check the zone and the stamp in the source's options, and the hours after the change.",
    ),
    "duplicate_conflict": (
        "an earlier record of the answer tells the same interval with other numbers; that one was kept.",
        "Ask the vendor which is right, and whether two counters have one name.",
    ),
    "unknown_code": (
        "the vendor marks the interval with a code that is not documented; it was read as unhealthy.",
        "Ask the vendor what the code in vendor_status means.",
    ),
}


def read_xml(body: bytes) -> Element:
    """The root of an XML document.

    Raises:
        UnreadableBody: it is none, or declares entities of its own.
    """
    return guarded_xml.answer(
        body,
        empty="The next poll asks again.",
        forbidden=(
            "the answer declares a document type or entities: a web page, or an attack; it was not expanded.",
            "See what url in the source's options leads to.",
        ),
        broken="See whether a log-in page or a proxy answers in the vendor's place; the next poll asks again.",
    )


def vendor_code(document: Any) -> str | None:
    """The code of an error document, where it says one in a word; never its prose, which may quote the question."""
    if not isinstance(document, dict):
        return None
    inner = document.get("error")
    for key in ("code", "error_code", "errorCode", "error", "status"):
        value = inner.get(key) if isinstance(inner, dict) else document.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            if re.fullmatch(r"[A-Za-z]?[0-9]{1,5}|[a-z]+(?:_[a-z]+){1,4}", text):
                return text
    return None


def no_data(code: str | None, expected: str) -> UnreadableBody:
    """The failure for an answer that is an error, or of another form than data has; names the vendor's code."""
    return UnreadableBody(
        f"the answer holds no {expected}{f'; the vendor says {code}' if code else ''}.",
        reason=code if code and re.fullmatch(r"[A-Z]?[0-9]{1,5}", code) else "no_data",
        next_action="Look the code up with the vendor; the next poll asks again."
        if code
        else "Ask the vendor what its answer means; the next poll asks again.",
    )


def read_value(value: Any) -> tuple[int | None, str]:
    """A JSON value as a count of people: like `wording.read_count`, for numbers as well as for texts."""
    if value is None:
        return None, wording.BLANK
    if isinstance(value, bool):
        return None, "letters_in_count"
    if isinstance(value, float):
        if value != value or abs(value) > wording.MOST_PEOPLE:
            return None, "count_too_large"
        if not value.is_integer():
            return None, "fraction_in_count"
        value = int(value)
    if isinstance(value, int):
        if value < 0:
            return None, wording.NEGATIVE
        return (None, "count_too_large") if value > wording.MOST_PEOPLE else (value, wording.OBSERVED)
    return wording.read_count(value) if isinstance(value, str) else (None, "letters_in_count")


_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.0{1,9})?)?"
    r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


@dataclass(frozen=True)
class Moment:
    """A stamp, in microseconds since 1970-01-01: of UTC where `is_exact`, else of the local clock."""

    us: int
    is_exact: bool = False


def read_moment(text: Any) -> Moment | None:
    """`2026-03-14T10:15:00`, with or without an offset, or `14.03.2026 10:15`; None where it is neither.

    `24:00` is the end of a day. Years outside 1990-2099 are no times.
    """
    if not isinstance(text, str):
        return None
    iso = _ISO.fullmatch(text.strip())
    dotted = None if iso else _DOTTED.fullmatch(text.strip())
    if iso:
        year, month, day, hour, minute, second = (int(g or 0) for g in iso.groups()[:6])
    elif dotted:
        day, month, year, hour, minute, second = (int(g or 0) for g in dotted.groups())
    else:
        return None
    try:
        midnight = datetime(year, month, day)  # noqa: DTZ001 - local, or shifted to UTC below
    except ValueError:
        return None
    clock = (hour * 60 + minute) * 60 + second
    if not 1990 <= year <= 2099 or minute > 59 or second > 59 or clock > 86_400:
        return None
    us = microseconds(midnight) + clock * 1_000_000
    offset = offset_minutes(iso[7]) if iso else None
    return Moment(us) if offset is None else Moment(us - offset * MINUTE_US, is_exact=True)


@dataclass(frozen=True)
class Record:
    """One record as told, before its time is resolved.

    Attributes:
        in_value, out_value: as the vendor wrote them; `ABSENT` where it has no such count at all.
        is_unhealthy: the vendor says that it did not see the interval: numbers are its own estimate, noughts nothing.
    """

    pointer: str
    device_key: str
    line_key: str
    stamp_text: str
    moment: Moment | None
    in_value: Any
    out_value: Any
    vendor_status: str | None = None
    is_unhealthy: bool = False


ABSENT = object()


@dataclass(frozen=True)
class Reading:
    """How the records of one answer are read.

    Attributes:
        minutes: length of every interval.
        stamp: whether a stamp is the interval's start or its end.
        zone: of the stamps that say no offset.

    A record may lie one interval outside the day that was asked for: whether a range includes its ends is seldom
    documented, and an interval that is told is told.
    """

    source: Source
    receipt: Receipt
    minutes: int
    stamp: Stamp
    zone: str

    def parsed(self, records: Sequence[Record], rejects: Sequence[Reject] = ()) -> Parsed:
        """The records as observations, in their order; what can't be read as rejects.

        Raises:
            UnreadableBody: most records are of another day than the one that was asked for.
        """
        out = list(rejects)
        known = [r for r in records if self._is_readable(r, out)]
        spans = self._spans(known)
        told: dict[str, dict[str, Any]] = {}
        begins, ends = self._asked_for()
        received_us = microseconds(naive_utc(self.receipt.received_at))
        strays = 0
        for record, start_us, end_us, fold in zip(
            known, spans.start_us.tolist(), spans.end_us.tolist(), spans.fold.tolist(), strict=True
        ):
            counts = _counts(record)
            if isinstance(counts, str):
                out.append(wording.count_reject(record.pointer, counts))
                continue
            if fold == NONEXISTENT:
                has_people = bool(counts["in_count"] or counts["out_count"])
                out.append(_reject(record.pointer, "nonexistent_local_time" if has_people else "dst_padding"))
                continue
            if not begins <= start_us < ends:
                strays += 1
                out.append(_reject(record.pointer, "wrong_date"))
                continue
            if start_us >= received_us and not (counts["in_count"] or counts["out_count"]):
                continue  # an hour to come, filled in with noughts: the vendor says nothing of it
            row = self._row(record, from_microseconds(start_us), from_microseconds(end_us), str(fold))
            row |= {**counts, "is_provisional": end_us > received_us}
            first = told.setdefault(row["observation_id"], row)
            if first is not row and any(first[name] != row[name] for name in (*counts, "vendor_status")):
                out.append(_reject(record.pointer, "duplicate_conflict"))
        if strays > len(told):
            raise UnreadableBody(
                "most records of the answer are of another day than the one asked for.",
                reason="wrong_date",
                next_action="Check the zone in the source's options; the next poll asks for the day again.",
            )
        if not told and not out and not self._is_running():
            out.append(wording.nothing_read())
        return Parsed(rows={"door_observations": list(told.values())}, rejects=out)

    def _row(self, record: Record, start_at: datetime, end_at: datetime, fold: str) -> dict[str, Any]:
        return {
            "observation_id": observation_id(
                self.source.source_id, record.device_key, record.line_key, "interval", start_at, end_at
            ),
            "device_key": record.device_key,
            "line_key": record.line_key,
            "kind": "interval",
            "interval_start_at": start_at,
            "interval_end_at": end_at,
            "stamp_text": record.stamp_text,
            "stamp_convention": self.stamp,
            "zone": "UTC" if record.moment is not None and record.moment.is_exact else self.zone,
            "fold": fold,
            "vendor_status": record.vendor_status,
            "pointer": record.pointer,
        }

    def _is_readable(self, record: Record, rejects: list[Reject]) -> bool:
        fault = None
        if not record.device_key:
            fault = "missing_device"
        elif not record.line_key:
            fault = "missing_line"
        elif record.moment is None:
            fault = "bad_time"
        # Offsets of whole quarters hold everywhere; an exact stamp of an hour need not be on UTC's own hour.
        elif record.moment.us % ((min(self.minutes, 15) if record.moment.is_exact else self.minutes) * MINUTE_US):
            fault = "off_grid"
        if fault is not None:
            rejects.append(_reject(record.pointer, fault))
        return fault is None

    def _spans(self, records: Sequence[Record]) -> Intervals:
        """The intervals in UTC; a stamp that says its moment needs no rule."""
        numbers: dict[tuple[str, str], int] = {}
        moments = [r.moment for r in records if r.moment is not None]
        series = [
            -1 if m.is_exact else numbers.setdefault((r.device_key, r.line_key), len(numbers))
            for r, m in zip(records, moments, strict=True)
        ]
        stamps = np.array([m.us for m in moments], dtype=np.int64)
        is_end = np.full(len(stamps), self.stamp == "end", dtype=np.bool_)
        numbered = np.array(series, dtype=np.int64)
        spans = resolve_intervals(stamps, is_end, numbered, self.minutes, ZoneInfo(self.zone))
        exact = numbered == -1
        length = self.minutes * MINUTE_US
        spans.start_us[exact] = stamps[exact] - (length if self.stamp == "end" else 0)
        spans.end_us[exact] = spans.start_us[exact] + length
        spans.fold[exact] = EXACT
        return spans

    def _asked_for(self) -> tuple[int, int]:
        """The starts that may be told, UTC microseconds; everything where nothing was asked (a dropped file)."""
        day = self.receipt.asked.get("day")
        try:
            local = date.fromisoformat(str(day))
        except ValueError:
            return -(2**62), 2**62
        begins, ends = (microseconds(naive_utc(at)) for at in window_of(local, ZoneInfo(self.zone)))
        return begins - self.minutes * MINUTE_US, ends + self.minutes * MINUTE_US

    def _is_running(self) -> bool:
        """Whether the day that was asked for was still running: then no record yet is nothing to worry about."""
        return self.receipt.window_end_at is not None and self.receipt.window_end_at >= self.receipt.received_at


def minutes_of(receipt: Receipt, default: int) -> int:
    """The interval that was asked for, in minutes: options may have changed since; the configured one for files."""
    asked = receipt.asked.get("interval_minutes", default)
    return asked if isinstance(asked, int) and 0 < asked <= DAY_US // MINUTE_US else default


def text_key(value: Any) -> str:
    """An id or name in JSON, written as text or number, as a key; empty where it is neither."""
    return name_key(text_of(value))


def not_a_record(pointer: str) -> Reject:
    """The reject for a list entry that is no object."""
    return _reject(pointer, "not_a_record")


def unknown_code(pointer: str) -> Reject:
    """The reject that tells of an undocumented health code; the record itself is kept, as unhealthy."""
    return _reject(pointer, "unknown_code")


def _reject(pointer: str, reason: str) -> Reject:
    return Reject.of(pointer, reason, FAULTS)


def _counts(record: Record) -> dict[str, Any] | str:
    """The counts and their state, or the fault of one of them: half a door is no door."""
    told = {"in_count": record.in_value, "out_count": record.out_value}
    read = {name: read_value(value) for name, value in told.items() if value is not ABSENT}
    states = [state for _, state in read.values()]
    for state in states:
        if state in wording.COUNT_FAULTS:
            return state
    counts: dict[str, Any] = {"in_count": None, "out_count": None, **{name: value for name, (value, _) in read.items()}}
    reason = next((s for s in (wording.NEGATIVE, wording.BLANK) if s in states), None)
    value_state = "observed" if wording.OBSERVED in states else "not_observed"
    if record.is_unhealthy:
        if counts["in_count"] or counts["out_count"]:
            value_state, reason = "vendor_imputed", "unhealthy"
        else:
            counts = {"in_count": None, "out_count": None}
            value_state, reason = "not_observed", "unhealthy"
    return {**counts, "value_state": value_state, "reason_code": reason}
