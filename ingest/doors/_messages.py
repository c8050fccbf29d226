"""What devices say in JSON: values, counts and times out of a body, and the rows that they become.

What belongs here: the rules that hold for every make that writes JSON. What does not: the fields of any one of them,
and asking a device (`_asking`). Nothing here puts a value of the body into a message: a live message may hold a person.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ingest import wording
from ingest.adapters import Faulty, Parsed, Reject
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._keys import from_microseconds, microseconds, observation_id
from ingest.doors._local_time import resolve_intervals
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.json_values import no_constant

# A device whose clock runs ahead by more than this tells of hours that nobody has lived yet.
AHEAD = timedelta(minutes=5)
# 1990 and 2100 in seconds: outside, a device has lost its clock.
_PLAUSIBLE = (631_152_000, 4_102_444_800)
# 100 thousand million: as seconds the year 5138, as milliseconds 1973. Whatever is larger is milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_VALUES = ("in_count", "out_count", "total_in_count", "total_out_count", "reason_code", "records_found")

FAULTS = {
    "not_an_object": ("the record has another form than this make writes.", "Look at the message; check the firmware."),
    "bad_time": ("a time is missing or can't be read.", "Check the device's clock and its time format."),
    "no_offset": ("a time has no offset from UTC.", "Set the device's zone and time format, or ask for UTC."),
    "impossible_time": ("the time lies outside 1990-2099: the device has lost its clock.", "Set its NTP server."),
    "empty_interval": ("the interval does not end after it starts.", "Check the device's clock and report settings."),
    "interval_too_long": ("the interval is longer than a day.", "Ask the device for intervals of an hour or less."),
    "future_interval": (
        "the interval starts after the message was received: the device's clock is ahead.",
        "Set its NTP server and check its zone.",
    ),
    "outside_window": (
        "the record lies outside the days that were asked for.",
        "Check the clock and zone of the device, and the zone in the source's options.",
    ),
    "nonexistent_local_time": (
        "the clock change skipped this local time.",
        "Check the device's clock, and the zone in the source's options.",
    ),
    "dst_padding": ("the device filled the hour that the clock change skipped with noughts.", "Nothing: it is right."),
    "missing_line_id": ("the counted line has no id.", "Look at the message; check the firmware."),
    "no_device": (
        "the message does not say which device sent it.",
        "Let the device send its own data along (sensor info), or name it as `device` in the source's options.",
    ),
    "no_directions": (
        "the line has no counters for its two directions.",
        "Let the device send its plain counters beside the others.",
    ),
    "interval_mismatch": (
        "pushed and pulled counts of this source have different lengths and would be added to each other.",
        "Set interval_minutes in the source's options to the interval that the device pushes.",
    ),
    "duplicate_conflict": (
        "an earlier record of the message tells the same with other numbers; that one was kept.",
        "Check whether two lines of the device have one id.",
    ),
}


def reject(pointer: str, reason: str, *, scope: str = "record") -> Reject:
    """The reject for a reason that is known here."""
    return wording.record_reject(pointer, reason, FAULTS, scope=scope)


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as often and in the order they were written."""


def document(body: bytes, *, keep_pairs: bool = False) -> Any:
    """The body as JSON.

    Args:
        keep_pairs: objects as `Pairs`, for makes that use times as keys and write the autumn hour's twice.

    Raises:
        UnreadableBody: empty, no UTF-8, no JSON.
    """
    if not body.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableBody("the message is empty.", reason="empty", next_action="Check the device's settings.")
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_constant=no_constant, object_pairs_hook=Pairs if keep_pairs else None
        )
    except (ValueError, RecursionError):  # ValueError: no UTF-8, broken JSON, numbers of thousands of digits
        raise UnreadableBody(
            "the message is not whole JSON.",
            reason="not_json",
            next_action="Let the device send this period again; if it recurs, look for a proxy that cuts messages.",
        ) from None


def items(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) and not isinstance(value, Pairs) else []


def word(value: Any) -> str:
    """Text or a whole number as text, trimmed; anything else is empty."""
    if isinstance(value, str):
        # JSON can spell half a character (`\\ud800`), which no table and no hash takes.
        return value.encode("utf-8", "replace").decode().strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole(value: Any) -> int | None:
    """A whole number that fits the lake, 0 or more, else None."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < 2**63 else None


def number(value: Any) -> float | None:
    """A number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: Any) -> tuple[int | None, str]:
    """A JSON value as a count: see `wording.read_count`. Some devices write numbers as text."""
    if isinstance(value, bool | list | dict):
        return None, "letters_in_count"
    if isinstance(value, float):
        return wording.read_count(format(value, "f"))
    return wording.read_count(None if value is None else str(value)[:40])


def directions(inward: Any, outward: Any) -> dict[str, Any]:
    """The two directions of an interval as columns; one that is not told is null and the reason says why.

    Raises:
        Faulty: one of them is no count; a person must look.
    """
    (in_count, in_state), (out_count, out_state) = count(inward), count(outward)
    states = (in_state, out_state)
    for state in states:
        if state in wording.COUNT_FAULTS:
            raise Faulty(state)
    return {
        "in_count": in_count,
        "out_count": out_count,
        "value_state": "observed" if wording.OBSERVED in states else "not_observed",
        "reason_code": next((s for s in (wording.NEGATIVE, wording.BLANK) if s in states), None),
    }


def unobserved(reason: str) -> dict[str, Any]:
    """The columns of an interval in which the device saw nothing because it was not looking."""
    return {"in_count": None, "out_count": None, "value_state": "not_observed", "reason_code": reason}


def moment(value: Any) -> datetime:
    """Epoch seconds, epoch milliseconds or RFC 3339 text as naive UTC.

    Raises:
        Faulty: none of them, without an offset, or outside 1990-2099.
    """
    if isinstance(value, str) and not value.strip().isdecimal():
        return _from_text(value.strip())
    if isinstance(value, str):
        value = int(value.strip()[:20])
    seconds = number(value)
    if seconds is None:
        raise Faulty("bad_time")
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    if not _PLAUSIBLE[0] <= seconds < _PLAUSIBLE[1]:
        raise Faulty("impossible_time")
    return from_microseconds(round(seconds * 1000) * 1000)


def _from_text(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
        if len(text) <= len("2026-01-01") or told.tzinfo is None:
            raise Faulty("no_offset" if len(text) > len("2026-01-01") else "bad_time")
        found = told.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise Faulty("bad_time") from None
    if not 1990 <= found.year <= 2099:
        raise Faulty("impossible_time")
    return found


def maybe_moment(value: Any) -> datetime | None:
    """As `moment`, and None where there is none that can be read."""
    try:
        return moment(value)
    except Faulty:
        return None


def local_intervals(
    labels: list[datetime], *, is_end: bool, minutes: int, zone: ZoneInfo
) -> list[tuple[datetime, datetime, str]]:
    """Naive local labels of one line, in the device's order, as naive UTC intervals with their fold.

    The rules around clock changes are those of `_local_time`.
    """
    found = resolve_intervals(
        np.array([microseconds(label) for label in labels], dtype=np.int64),
        np.full(len(labels), is_end, dtype=np.bool_),
        np.zeros(len(labels), dtype=np.int64),
        minutes,
        zone,
    )
    return [
        (from_microseconds(int(start)), from_microseconds(int(end)), str(fold))
        for start, end, fold in zip(found.start_us, found.end_us, found.fold, strict=True)
    ]


def skipped_hour(*values: Any) -> str:
    """The reject's reason for a local time that never was: filled in by the device, or counted with shifted labels."""
    return "nonexistent_local_time" if any((count(value)[0] or 0) > 0 for value in values) else "dst_padding"


class Telling:
    """The rows and rejects of one body: ids, doubles, open intervals, and times that can't be.

    Args:
        sent_at: when the device says it sent the body, naive UTC.
        sequence: the device's number of the body.
        slack: by how much a record may lie before the window that was asked for.
    """

    def __init__(
        self,
        source: Source,
        receipt: Receipt,
        *,
        sent_at: datetime | None = None,
        sequence: int | None = None,
        slack: timedelta = timedelta(),
    ) -> None:
        self.received_at = naive_utc(receipt.received_at)
        self.rejects: list[Reject] = []
        self.health: list[dict[str, Any]] = []
        self._source_id = source.source_id
        self._common = {"sent_at": sent_at, "sequence": sequence}
        self._told: dict[str, dict[str, Any]] = {}
        self._health_keys: set[tuple[Any, ...]] = set()
        start, end = receipt.window_start_at, receipt.window_end_at
        self._low = None if start is None else naive_utc(start) - slack
        self._high = None if end is None else naive_utc(end)

    def each(self, value: Any, pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a list with their JSON paths; whatever else stands there is rejected."""
        if not isinstance(value, list):
            if value is not None:
                self.rejects.append(reject(pointer, "not_an_object"))
            return
        for n, record in enumerate(value):
            if isinstance(record, dict):
                yield f"{pointer}[{n}]", record
            else:
                self.rejects.append(reject(f"{pointer}[{n}]", "not_an_object"))

    def add(self, pointer: str, make: Callable[[], Mapping[str, Any]]) -> None:
        """Make a row, check it and keep it; where that fails, the record is rejected and its neighbours stay."""
        try:
            row = dict(make())
            self._check(row)
        except Faulty as fault:
            self.rejects.append(reject(pointer, fault.reason))
            return
        key = observation_id(
            self._source_id,
            row["device_key"],
            row["line_key"],
            row["kind"],
            row["interval_start_at"],
            row["interval_end_at"],
        )
        first = self._told.setdefault(key, row)
        if first is row:
            is_open = row["interval_end_at"] > self.received_at
            row.update(
                {"observation_id": key, "pointer": pointer, "is_provisional": is_open},
                **{k: v for k, v in self._common.items() if k not in row},
            )
        elif any(first.get(name) != row.get(name) for name in _VALUES):
            self.rejects.append(reject(pointer, "duplicate_conflict"))

    def _check(self, row: Mapping[str, Any]) -> None:
        if not row["device_key"]:
            raise Faulty("no_device")
        if not row["line_key"]:
            raise Faulty("missing_line_id")
        start, end = row["interval_start_at"], row["interval_end_at"]
        if row["kind"] == "interval" and end <= start:
            raise Faulty("empty_interval")
        if end - start > timedelta(hours=25):
            raise Faulty("interval_too_long")
        if start > self.received_at + AHEAD:
            raise Faulty("future_interval")
        if (self._low is not None and start < self._low) or (self._high is not None and end > self._high):
            raise Faulty("outside_window")

    def is_to_come(self, start: datetime, *values: Any) -> bool:
        """Whether this is the empty rest of an unfinished day, which some devices write with noughts."""
        return start >= self.received_at and all(value is None or count(value)[0] == 0 for value in values)

    def tell_health(
        self, pointer: str, device_key: str, observed_at: datetime, metric: str, told: float | str | None
    ) -> None:
        """One health value; what was not told gives no row, and one told twice is one."""
        key = (device_key, metric, observed_at, pointer)
        if told is None or told == "" or key in self._health_keys:
            return
        self._health_keys.add(key)
        is_text = isinstance(told, str)
        self.health.append(
            {
                "device_key": device_key,
                "observed_at": observed_at,
                "metric": metric,
                "value": None if is_text else told,
                "text": told[:200] if isinstance(told, str) else None,
                "pointer": pointer,
            }
        )

    def tell_sending(self, pointer: str, receipt: Receipt, device_key: str) -> None:
        """How late the body is, and for posts how far the device's clock is from ours.

        `sent_delay_seconds` runs from the end of the oldest interval to sending; `clock_offset_seconds` is sent minus
        received, positive when the device is ahead.
        """
        sent_at = self._common["sent_at"]
        if not isinstance(sent_at, datetime) or not device_key:
            return
        ends = [row["interval_end_at"] for row in self._told.values()]
        if ends:
            delay = (sent_at - min(ends)).total_seconds()
            self.tell_health(pointer, device_key, sent_at, "sent_delay_seconds", delay)
        if receipt.how == "push":
            offset = (sent_at - self.received_at).total_seconds()
            self.tell_health(pointer, device_key, sent_at, "clock_offset_seconds", offset)

    def parsed(self, *, otherwise: Reject | None = None) -> Parsed:
        """All of it.

        Args:
            otherwise: the reject for a body that gave nothing at all.
        """
        rows = list(self._told.values())
        if not rows and not self.rejects and not self.health:
            self.rejects.append(otherwise or wording.nothing_read())
        return Parsed(rows={"door_observations": rows, "door_health": self.health}, rejects=self.rejects)


def summed(rows: Iterable[tuple[datetime, datetime, Any, Any, str]], minutes: int) -> Iterator[dict[str, Any]]:
    """Counts of short intervals as counts of longer ones, cut at whole multiples of `minutes` since midnight UTC.

    Args:
        rows: start and end (naive UTC), in, out and pointer; those as long as `minutes` or longer pass unchanged.

    Returns:
        Per longer interval its start, end, `inward`, `outward`, the first pointer and how many of its minutes were
        told. One faulty or missing count makes its direction faulty or missing: a sum of the rest would be too low.
    """
    length = timedelta(minutes=minutes)
    groups: dict[datetime, dict[str, Any]] = {}
    for start, end, inward, outward, pointer in rows:
        if end - start >= length:
            yield {"start": start, "end": end, "inward": inward, "outward": outward, "pointer": pointer}
            continue
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        low = midnight + (start - midnight) // length * length
        group = groups.setdefault(low, {"start": low, "end": low + length, "pointer": pointer, "seen": {}})
        group["seen"].setdefault(start, (end - start, inward, outward))
    for group in groups.values():
        seen = group.pop("seen").values()
        for place, name in ((1, "inward"), (2, "outward")):
            group[name] = _sum([part[place] for part in seen])
        group["found"] = int(sum((part[0] for part in seen), timedelta()) // timedelta(minutes=1))
        group["expected"] = minutes
        yield group


def _sum(values: list[Any]) -> Any:
    read = [count(value) for value in values]
    for (_, state), value in zip(read, values, strict=True):
        if state != wording.OBSERVED:
            return value
    return sum(found for found, _ in read if found is not None)
