"""Brickstream and Hella people counters: the XML that the device posts, versions 1 to 5.

What belongs here: this one document, however many reports, objects and counts it holds. What does not: receiving
the post (it is landed before anyone reads it) and the mapping of objects to doors.

Facts the code leans on: `UnixStartTime` (version 2 on) is the only time without doubt. Version 1 has local time and
whole hours `Timezone` + `DST` *as of transmission*: a report that was buffered over a clock change is an hour off,
unless the source's options name the zone. `Status` is undocumented and kept as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from xml.etree.ElementTree import Element, ParseError  # types only; parsing is guarded_xml's
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from pydantic import field_validator

from ingest import guarded_xml, wording
from ingest.adapters import Adapter, Faulty, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._keys import from_microseconds, observation_id, serial_key
from ingest.doors._local_time import AMBIGUOUS, EXACT, FIRST, SECOND, instants
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.wording import name_key
from ingest.zones import known_zone


class BrickstreamOptions(Options):
    """What a source of this make may say.

    Attributes:
        device_from: where the device's identity stands. `serial` falls back to the MAC address, which some old
            devices send alone; the other two are taken as they are or not at all.
        zone: IANA zone of the device's clock; only version 1 needs it, and only around clock changes.
    """

    device_from: Literal["serial", "mac", "device_id"] = "serial"
    zone: str | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return value if value is None else known_zone(value)


_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_HOURS = re.compile(r"[+-]?[0-9]{1,2}(?:\.[0-9]{1,2})?")
_UNIX = re.compile(r"[0-9]{1,10}")
# 1990 and 2100: outside, a device has lost its clock.
_PLAUSIBLE = range(631_152_000, 4_102_444_800)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)

FAULTS = {
    "bad_time": ("a time is missing or can't be read.", "Check the device's clock and firmware."),
    "impossible_time": ("the time lies outside 1990-2099: the device has lost its clock.", "Set its NTP server."),
    "no_offset": (
        "the time is local and the message does not say its offset (Timezone, DST).",
        "Name the device's zone in the source's options.",
    ),
    "nonexistent_local_time": (
        "the clock change skipped this local time.",
        "Check the device's clock, and the zone in the source's options.",
    ),
    "empty_interval": ("start and end are the same and no interval is named.", "Check the device's report settings."),
    "missing_object_id": ("the counted object has no Id.", "Name the object in the device's configuration."),
    "duplicate_conflict": (
        "an earlier count of the message tells the same interval with other numbers; that one was kept.",
        "Check whether two objects of the device have one Id.",
    ),
}


@dataclass(frozen=True)
class _Span:
    start_at: datetime
    end_at: datetime
    zone: str
    fold: str


@register
class Brickstream(Adapter):
    """Reads one posted document: all its reports, objects and counts."""

    name: ClassVar[str] = "brickstream"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = BrickstreamOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: BrickstreamOptions) -> Parsed:
        """One row per count, in the document's order.

        Raises:
            UnreadableBody: not XML, XML with entities of its own, another document, or no device named.
        """
        root = _document(body)
        device = _Device(root, options)
        received_at = naive_utc(receipt.received_at)
        rejects: list[Reject] = []
        sent_at = device.sent_at(rejects)
        told: dict[str, dict[str, Any]] = {}
        for pointer, interval, day, thing, count in _counts(root):
            try:
                row = self._row(device, interval, day, thing, count)
            except Faulty as fault:
                rejects.append(wording.record_reject(pointer, fault.reason, FAULTS))
                continue
            row["observation_id"] = key = observation_id(
                source.source_id,
                device.key,
                row["line_key"],
                row["kind"],
                row["interval_start_at"],
                row["interval_end_at"],
            )
            first = told.setdefault(key, row)
            if first is row:
                row |= {
                    "device_key": device.key,
                    "is_provisional": row["interval_end_at"] > (sent_at or received_at),
                    "sent_at": sent_at,
                    "pointer": pointer,
                }
            elif any(first[name] != row[name] for name in ("in_count", "out_count", "reason_code", "vendor_status")):
                rejects.append(Reject.of(pointer, "duplicate_conflict", FAULTS))
        rows = list(told.values())
        if not rows and not rejects:
            rejects.append(wording.nothing_read())
        health = _health(device, sent_at, rows, receipt)
        return Parsed(rows={"door_observations": rows, "door_health": health}, rejects=rejects)

    @staticmethod
    def _row(device: _Device, interval: str, day: str, thing: Element, count: Element) -> dict[str, Any]:
        line_key = name_key(thing.get("Id", ""))
        if not line_key:
            raise Faulty("missing_object_id")
        span = device.span(interval, day, count)
        read = [wording.read_count(count.get(name)) for name in ("Enters", "Exits")]
        states = [state for _, state in read]
        for state in states:
            if state in wording.COUNT_FAULTS:
                raise Faulty(state)
        unix = count.get("UnixStartTime", "").strip()
        stamp = f"{day} {count.get('StartTime', '').strip()}-{count.get('EndTime', '').strip()}"
        return {
            "line_key": line_key,
            "kind": "interval",
            "interval_start_at": span.start_at,
            "interval_end_at": span.end_at,
            "stamp_text": f"{stamp} ({unix})" if unix else stamp,
            "stamp_convention": "both",
            "zone": span.zone,
            "fold": span.fold,
            "in_count": read[0][0],
            "out_count": read[1][0],
            "value_state": "observed" if wording.OBSERVED in states else "not_observed",
            "reason_code": next((s for s in (wording.NEGATIVE, wording.BLANK) if s in states), None),
            "vendor_status": count.get("Status"),
        }


def _document(body: bytes) -> Element:
    if not body.strip():
        raise UnreadableBody("the message is empty.", reason="empty", next_action="Check the device's HTTP settings.")
    try:
        root: Element = guarded_xml.fromstring(body)
    except DefusedXmlException:
        raise UnreadableBody(
            "the message declares a document type or entities, which no counter does.",
            reason="forbidden_xml",
            next_action="Find out who posts to this source's address; the message was not expanded.",
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        where = getattr(error, "position", None)
        raise UnreadableBody(
            f"the message is not whole XML{f', it breaks at line {where[0]}' if where else ''}.",
            reason="not_xml",
            next_action="Let the device send this period again (its web page, export); if it recurs, look for a proxy "
            "that cuts messages.",
        ) from None
    if _local(root) != "Metrics":
        raise UnreadableBody(
            "the message is XML and no Brickstream report: its root is not Metrics.",
            reason="wrong_document",
            next_action="Check which device posts here, and the adapter of the source.",
        )
    return root


def _local(element: Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _children(parent: Element, name: str) -> Iterator[tuple[str, Element]]:
    """The children of a name, each with its XPath step."""
    for n, child in enumerate((c for c in parent if _local(c) == name), 1):
        yield f"{name}[{n}]", child


def _counts(root: Element) -> Iterator[tuple[str, str, str, Element, Element]]:
    """Every count with its XPath, the interval named above it, its date and its object."""
    for data_step, data in _children(root, "ReportData"):
        for report_step, report in _children(data, "Report"):
            for object_step, thing in _children(report, "Object"):
                for count_step, count in _children(thing, "Count"):
                    pointer = f"/Metrics/{data_step}/{report_step}/{object_step}/{count_step}"
                    yield pointer, data.get("Interval", "").strip(), report.get("Date", "").strip(), thing, count


class _Device:
    """What the message says about its sender."""

    def __init__(self, root: Element, options: BrickstreamOptions) -> None:
        found = next((p for _, p in _children(root, "Properties")), None)
        self._properties = {} if found is None else {_local(p): (p.text or "").strip() for p in found}
        self._zone = None if options.zone is None else ZoneInfo(options.zone)
        serial, mac = (serial_key(self._properties.get(name, "")) for name in ("SerialNumber", "MacAddress"))
        self.key = {
            "serial": serial or mac,
            "mac": mac,
            "device_id": name_key(root.get("DeviceId", "")),
        }[options.device_from]
        if not self.key:
            raise UnreadableBody(
                f"the message does not say which device sent it (looked for: {options.device_from}).",
                reason="no_device",
                next_action="Set the identity on the device, or device_from in the source's options.",
            )

    def sent_at(self, rejects: list[Reject]) -> datetime | None:
        """When the device says it sent the message, naive UTC; None for version 1 or a broken clock."""
        text = self._properties.get("TransmitTime", "")
        if not text:
            return None
        try:
            return _unix(text)
        except Faulty as fault:
            rejects.append(Reject.of("/Metrics/Properties/TransmitTime", fault.reason, FAULTS))
            return None

    def span(self, interval: str, day: str, count: Element) -> _Span:
        """The count's interval, naive UTC."""
        start, end = (_clock(count.get(name, "")) for name in ("StartTime", "EndTime"))
        minutes = int(interval) if re.fullmatch("[0-9]{1,4}", interval) else 0
        named = timedelta(minutes=minutes) if 0 < minutes <= 1440 else None
        length = None if start is None or end is None else (end - start) % _DAY
        if named is not None and (not length or (length - named) % _DAY in (_HOUR, _DAY - _HOUR)):
            # The clock changed inside the interval (02:59 to 02:00), or the end is not told.
            length = named
        if not length:
            raise Faulty("bad_time" if length is None else "empty_interval")
        unix = count.get("UnixStartTime", "").strip()
        if unix:
            start_at = _unix(unix)
            return _Span(start_at, start_at + length, "UTC", EXACT)
        date = _DATE.fullmatch(day)
        if date is None or start is None:
            raise Faulty("bad_time")
        try:
            local = datetime(int(date[1]), int(date[2]), int(date[3])) + start  # noqa: DTZ001 - local, zone below
        except ValueError:
            raise Faulty("bad_time") from None
        if not 1990 <= local.year <= 2099:
            raise Faulty("impossible_time")
        return self._from_local(local, length)

    def _from_local(self, local: datetime, length: timedelta) -> _Span:
        offset = self._offset()
        if self._zone is None:
            if offset is None:
                raise Faulty("no_offset")
            sign, hours = ("-" if offset < timedelta() else "+"), abs(offset)
            text = f"{sign}{hours // _HOUR:02}:{hours % _HOUR // timedelta(minutes=1):02}"
            return _Span(local - offset, local - offset + length, text, EXACT)
        moments = instants(local, self._zone)
        if not moments:
            raise Faulty("nonexistent_local_time")
        start_at, fold = moments[0], EXACT
        if len(moments) == 2:
            # The offset is that of the moment of sending: good evidence inside the doubled hour, no proof.
            told = None if offset is None else local - offset
            start_at = told if told in moments else moments[0]
            fold = {moments[0]: FIRST, moments[1]: SECOND}[told] if told in moments else AMBIGUOUS
        return _Span(start_at, start_at + length, self._zone.key, fold)

    def _offset(self) -> timedelta | None:
        zone, summer = (self._properties.get(name, "") for name in ("Timezone", "DST"))
        if not _HOURS.fullmatch(zone) or not _HOURS.fullmatch(summer or "0"):
            return None
        offset = timedelta(hours=float(zone) + float(summer or "0"))
        return offset if abs(offset) <= timedelta(hours=15) else None


def _clock(text: str) -> timedelta | None:
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        return None
    hour, minute, second = (int(g or 0) for g in found.groups())
    clock = timedelta(hours=hour, minutes=minute, seconds=second)
    return clock if clock <= _DAY else None


def _unix(text: str) -> datetime:
    if not _UNIX.fullmatch(text):
        raise Faulty("bad_time")
    if int(text) not in _PLAUSIBLE:
        raise Faulty("impossible_time")
    return from_microseconds(int(text) * 1_000_000)


def _health(
    device: _Device, sent_at: datetime | None, rows: list[dict[str, Any]], receipt: Receipt
) -> list[dict[str, Any]]:
    """How late the message is, and for posts how far the device's clock is from ours.

    `sent_delay_seconds` runs from the end of the oldest count in the message: a long one is the trace of an outage.
    `clock_offset_seconds` is sent minus received: positive when the device is ahead, and never exact, because the
    message travels.
    """
    if sent_at is None:
        return []
    told = []
    if rows:
        oldest = min(row["interval_end_at"] for row in rows)
        told.append(("sent_delay_seconds", (sent_at - oldest).total_seconds()))
    if receipt.how == "push":
        told.append(("clock_offset_seconds", (sent_at - naive_utc(receipt.received_at)).total_seconds()))
    return [
        {
            "device_key": device.key,
            "observed_at": sent_at,
            "metric": metric,
            "value": value,
            "pointer": "/Metrics/Properties/TransmitTime",
        }
        for metric, value in told
    ]
