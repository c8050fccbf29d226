"""Readings of gates that only count up: a sheet of register readings, and the XML that 3M and Bibliotheca gates answer.

What belongs here: the reading itself, one register value per direction at one moment. What does not: differences,
resets, rollovers and typing errors. These need the neighbours, which may come in another file on another day; the
warehouse judges them (`int_doors__register_intervals`).

A row's start and end are both the read time: a reading speaks of a moment. A cell that holds no number (`gate broken`,
`NA`, `Array`, -1) is a reading that was not made; it says so and leaves the registers before and after it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element  # a type only; parsing is guarded_xml's
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field, field_validator, model_validator

from ingest import guarded_xml, wording
from ingest.adapters import Adapter, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt, from_text, to_text
from ingest.config import Source, expand
from ingest.doors._columns import zone_text
from ingest.doors._keys import ONLY_LINE, from_microseconds, observation_id
from ingest.doors._local_time import DAY_US, EXACT, MINUTE_US, NONEXISTENT, resolve_intervals
from ingest.doors._sheet import CellFaulty, Record, Sheet, SheetOptions, Stamp, read_clock, read_day, read_stamp
from ingest.errors import PermanentFailure, UnreadableBody
from ingest.home import naive_utc
from ingest.http import redacted
from ingest.wording import name_key

KIND = "cumulative"
TEXT_VALUE, POLL_FAILED, RESET = "text_value", "poll_failed", "reset"
# Larger than any register: 2^32 is ten digits.
MOST_REGISTERED = 10**12
# A sheet's clock may run ahead of ours by so much; a reading later than that is a typing error in its date.
AHEAD = timedelta(minutes=5)
# What programs write where they got no answer.
_NO_ANSWER = frozenset({"array", "none", "null", "nan", "undefined", "error", "timeout", "failed"})
_REASONS = (POLL_FAILED, wording.NEGATIVE, TEXT_VALUE, wording.BLANK)

FAULTS = {
    "future_reading": (
        "the reading is dated after the file was received.",
        "Mend the date, or the zone in the source's options.",
    ),
    "duplicate_conflict": (
        "an earlier row of the file tells the same moment with other numbers; that row was kept.",
        "Find out which row is right and export the file again.",
    ),
}


class _Registers(NamedTuple):
    """What one reading says: the register in each direction, and why one is not there."""

    total_in: int | None
    total_out: int | None
    reason: str | None


def _register(text: str | None) -> tuple[int | None, str]:
    """One register; a state, or a key of `COUNT_FAULTS` for a number that a person must look at."""
    value, state = wording.read_count(text, MOST_REGISTERED)
    if state == "letters_in_count":
        return None, POLL_FAILED if (text or "").strip().casefold() in _NO_ANSWER else TEXT_VALUE
    return value, state


def _row(
    source: Source, device_key: str, line_key: str, read_at: datetime, registers: _Registers, pointer: str
) -> dict[str, Any]:
    is_observed = registers.total_in is not None or registers.total_out is not None
    return {
        "observation_id": observation_id(source.source_id, device_key, line_key, KIND, read_at, read_at),
        "device_key": device_key,
        "line_key": line_key,
        "kind": KIND,
        "interval_start_at": read_at,
        "interval_end_at": read_at,
        "stamp_convention": "read",
        "total_in_count": registers.total_in,
        "total_out_count": registers.total_out,
        "value_state": "observed" if is_observed else "not_observed",
        "reason_code": registers.reason,
        "is_provisional": False,
        "pointer": pointer,
    }


# -- sheets ---------------------------------------------------------------------------------------------------------


class GateReadingsOptions(SheetOptions):
    """What a source of this form must say.

    Attributes:
        columns: `stamp`, or `date` and `time`: when the display was read. `total_in` and `total_out`, or `total` for
            the only register. `device` and `line`. `event`: a cell that may say that the register was set to 0.
        reset_words: what such a cell then holds.
    """

    roles: ClassVar[frozenset[str]] = frozenset(
        {"device", "line", "stamp", "date", "time", "total_in", "total_out", "total", "event"}
    )

    reset_words: tuple[str, ...] = ("reset", "nullstilt")

    @model_validator(mode="after")
    def _says_enough(self) -> GateReadingsOptions:
        told = set(self.columns)
        if ("stamp" in told) == ("date" in told) or ("date" in told) != ("time" in told):
            raise ValueError("columns must name either `stamp`, or `date` and `time`")
        if ("total" in told) == bool(told & {"total_in", "total_out"}):
            raise ValueError("columns must name either `total`, or `total_in` and `total_out` as far as there are")
        return self


@register
class GateReadings(Adapter):
    """Reads one row per device and reading."""

    name: ClassVar[str] = "gate_readings"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = GateReadingsOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: GateReadingsOptions) -> Parsed:
        """One row per readable reading, in the file's order; of two at one moment that disagree the first.

        Raises:
            UnreadableBody: not text, or a configured column is missing or there twice.
        """
        sheet = Sheet(body, options, FAULTS)
        found: list[tuple[Record, Stamp, _Registers]] = []
        for record in sheet.records():
            try:
                found.append((record, _stamp(record, options), _registers(record, options)))
            except CellFaulty as fault:
                sheet.reject(record.number, fault)
        latest = naive_utc(receipt.received_at) + AHEAD
        told: dict[str, dict[str, Any]] = {}
        moments = _moments([(record, stamp) for record, stamp, _ in found], options)
        for (record, stamp, registers), (read_at, fold) in zip(found, moments, strict=True):
            row = _row(source, record.device_key, record.line_key, read_at, registers, f"line {record.number}")
            try:
                if fold == NONEXISTENT:
                    raise CellFaulty("nonexistent_local_time")
                if read_at > latest:
                    raise CellFaulty("future_reading")
                first = told.setdefault(row["observation_id"], row)
                if any(first[n] != row[n] for n in ("total_in_count", "total_out_count", "reason_code")):
                    raise CellFaulty("duplicate_conflict")
            except CellFaulty as fault:
                sheet.reject(record.number, fault)
                continue
            if first is row:
                row |= {
                    "stamp_text": stamp.text,
                    "fold": fold,
                    "zone": zone_text(stamp.offset_minutes) or options.zone,
                }
        sheet.rejects.sort(key=lambda r: int(r.pointer.split(",")[0].removeprefix("line ")))
        rows = list(told.values())
        if not rows and not sheet.rejects:
            sheet.rejects.append(wording.nothing_read())
        return Parsed(rows={"door_observations": rows}, rejects=sheet.rejects)


def _stamp(record: Record, options: GateReadingsOptions) -> Stamp:
    cells = record.cells
    if "stamp" in cells:
        stamp = read_stamp(cells["stamp"], options, "stamp")
        if not stamp.has_time:
            raise CellFaulty("bad_time", "stamp")
        return stamp
    local_us = read_day(cells["date"], options, "date") * DAY_US + read_clock(cells["time"], "time")
    return Stamp(f"{cells['date']} {cells['time']}", local_us, True)


def _registers(record: Record, options: GateReadingsOptions) -> _Registers:
    values: dict[str, int | None] = {}
    states = set()
    for role in ("total_in", "total_out", "total"):
        if role in record.cells:
            values[role], state = _register(record.cells[role])
            if state in wording.COUNT_FAULTS:
                raise CellFaulty(state, role)
            states.add(state)
    reason = next((r for r in _REASONS if r in states), None)
    if wording.OBSERVED in states and name_key(record.cells.get("event", "")) in map(name_key, options.reset_words):
        reason = RESET
    return _Registers(values.get("total_in", values.get("total")), values.get("total_out"), reason)


def _moments(found: list[tuple[Record, Stamp]], options: GateReadingsOptions) -> Iterator[tuple[datetime, str]]:
    """When each reading was made, naive UTC, and its fold. In the autumn hour the order of the rows decides."""
    numbering: dict[tuple[str, str], int] = {}
    series = [numbering.setdefault((r.device_key, r.line_key), len(numbering)) for r, _ in found]
    spans = resolve_intervals(
        np.array([stamp.local_us for _, stamp in found], dtype=np.int64),
        np.zeros(len(found), dtype=np.bool_),
        np.array(series, dtype=np.int64),
        1,  # of the interval only its start is used
        ZoneInfo(options.zone),
    )
    for (_, stamp), start_us, fold in zip(found, spans.start_us.tolist(), spans.fold.tolist(), strict=True):
        if stamp.offset_minutes is not None:
            yield from_microseconds(stamp.local_us - stamp.offset_minutes * MINUTE_US), EXACT
        else:
            yield from_microseconds(start_us), fold


# -- gates that answer ----------------------------------------------------------------------------------------------


class GateXmlOptions(Options):
    """What a source of this make must say. One gate is one source, so that a silent gate is seen.

    Attributes:
        device: the gate's name; its answer holds none.
        url: the address that answers; `${NAME}` is filled from the environment. Absent: the answers are posted to us.
        in_element, out_element: which registers count inwards and outwards; null where the gate has none.
        allow_loopback: whether http://127.0.0.1 may be asked, for stand-in servers and for a relay on this machine.
        max_bytes: largest answer.
    """

    device: str
    url: str | None = None
    in_element: str | None = "count1"
    out_element: str | None = "count2"
    allow_loopback: bool = False
    max_bytes: int = Field(default=64 * 1024, gt=0)

    @field_validator("device")
    @classmethod
    def _named(cls, value: str) -> str:
        if not name_key(value):
            raise ValueError("the device is blank")
        return value

    @field_validator("url")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and "@" in urlsplit(value).netloc:
            raise ValueError("a user name in an address is a secret; use a ${VARIABLE}")
        return value

    @model_validator(mode="after")
    def _has_register(self) -> GateXmlOptions:
        if self.in_element is None and self.out_element is None:
            raise ValueError("name at least one of in_element and out_element")
        if self.in_element == self.out_element:
            raise ValueError("in_element and out_element are the same")
        return self


@register
class GateXml(Adapter):
    """Asks a gate for its registers, and reads the answer: `<count0>` alarms, `<count1>` in, `<count2>` out."""

    name: ClassVar[str] = "gate_xml"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    options: ClassVar[type[Options]] = GateXmlOptions
    polls: ClassVar[bool] = True
    # The same registers an hour later say that nobody came: a fact of its own.
    reads_moments: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Read the gate once. The answer says no time, so the moment of asking goes into the receipt.

        Raises:
            ConfigurationError: a variable that the address names is not set.
            PermanentFailure: any status but 200, or the address is not allowed.
            TransientFailure: still failing after the retries.
        """
        options: GateXmlOptions = context.options
        if options.url is None:
            return
        variable = re.match(r"\$\{[A-Z][A-Z0-9_]*\}", options.url)
        origin = variable[0] if variable else redacted(options.url)
        answer = context.session.get(expand(options.url), max_bytes=options.max_bytes)
        if answer.status != 200:
            raise PermanentFailure(
                f"{origin} answered {answer.status}.",
                reason=f"http_{answer.status}",
                next_action="Look at the gate's address in a browser, and mend url in the source's options.",
            )
        yield Arrival(
            context.source.source_id,
            "poll",
            context.now,
            answer.body,
            origin=origin,
            ask={"read_at": to_text(context.now)},
            is_complete=True,
            http_status=answer.status,
            media_type=answer.headers.get("Content-Type"),
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: GateXmlOptions) -> Parsed:
        """One row: the registers at the moment of asking, or of arrival for an answer that was posted to us.

        Raises:
            UnreadableBody: not XML, another document, two different registers of one name, or no known read time.
        """
        asked = receipt.asked.get("read_at")
        if asked is None and receipt.how != "push":
            raise UnreadableBody(
                "the answer of a gate does not say when it was read, and a file keeps no such moment.",
                reason="no_read_time",
                next_action="Let the source be polled, or post the answer when it is read.",
            )
        read_at = naive_utc(from_text(asked) if isinstance(asked, str) else receipt.received_at)
        root = _document(body)
        read = [_register(_only(root, name)) for name in (options.in_element, options.out_element) if name]
        for _, state in read:
            if state in wording.COUNT_FAULTS:
                return Parsed(rejects=[wording.count_reject("/", state)])
        values = iter(value for value, _ in read)
        total_in = next(values) if options.in_element else None
        total_out = next(values) if options.out_element else None
        states = {state for _, state in read}
        registers = _Registers(total_in, total_out, next((r for r in _REASONS if r in states), None))
        row = _row(source, name_key(options.device), ONLY_LINE, read_at, registers, "/")
        return Parsed(rows={"door_observations": [{**row, "zone": "UTC", "fold": EXACT}]})


def _document(body: bytes) -> Element:
    return guarded_xml.answer(
        body,
        empty="Look at the gate's web page.",
        forbidden=(
            "the answer declares a document type or entities, which no gate does.",
            "Find out what answers at this address; the message was not expanded.",
        ),
        broken="Look at the gate's address in a browser; the next reading spans the gap.",
    )


def _only(root: Element, name: str) -> str:
    """The text of the one element of a name, wherever it stands."""
    found = {(e.text or "").strip() for e in root.iter() if str(e.tag).rsplit("}", 1)[-1] == name}
    if len(found) != 1:
        raise UnreadableBody(
            f"the answer has {'no' if not found else 'more than one'} register {name}.",
            reason="wrong_document" if not found else "ambiguous_register",
            next_action="Look at the gate's answer, and at in_element and out_element in the source's options.",
        )
    return found.pop()
