"""Xovis sensors before version 5: the JSON that they post.

What belongs here: the line-count message, and the event message as far as it counts. What does not: version 5.

Facts the code leans on: the sensor buffers. After an outage one message carries many measurements, older than the
newest that we hold; each is one observation, and none is passed over for being old. Times carry their offset. The
event message tells one crossing several times (`LineCrossing`, `LineCount`, zone events); only `LineCount` is taken,
and nothing of the person in it. Which direction leads in is not in the message: see `inward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from ingest.adapters import Adapter, Faulty, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors import _messages, _xovis
from ingest.doors._keys import serial_key
from ingest.doors._messages import Telling
from ingest.errors import UnreadableBody
from ingest.json_values import dict_of

_DIRECTIONS = {"forward": "fw", "backward": "bw"}
_NO_LINES = Reject(
    "(whole file)",
    "no_lines",
    "the message tells of zones only, and those are no doors.",
    "Draw a line at the door and let the sensor post its count.",
    scope="blob",
)


class XovisLegacyOptions(Options):
    """What a source of this make may say.

    Attributes:
        device: the sensor's serial number, for messages without it.
        inward: per line (its element id) which direction leads in; `fw` where it is not said.
    """

    device: str | None = None
    inward: dict[str, _xovis.Direction] = Field(default_factory=dict)


@register
class XovisLegacy(Adapter):
    """Reads one posted message."""

    name: ClassVar[str] = "xovis_legacy"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = XovisLegacyOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: XovisLegacyOptions) -> Parsed:
        """One row per measurement, or per line and millisecond of an event message.

        Raises:
            UnreadableBody: not JSON, or another document.
        """
        root = dict_of(_messages.document(body))
        if "content" in root:
            return _measurements(root, receipt, source, options)
        if "values" in root:
            return _events(root, receipt, source, options)
        raise UnreadableBody(
            "the message is JSON and no report of a Xovis sensor before version 5.",
            reason="wrong_document",
            next_action="Check which sensor posts here; version 5 has its own adapter, xovis_v5.",
        )


def _measurements(root: Mapping[str, Any], receipt: Receipt, source: Source, options: XovisLegacyOptions) -> Parsed:
    sensor = dict_of(root.get("sensor-info"))
    device = serial_key(_messages.word(sensor.get("serial-number")) or options.device or "")
    status = _messages.word(dict_of(root.get("status")).get("code")) or None
    sent_at = _messages.maybe_moment(dict_of(root.get("sensor-time")).get("time"))
    telling = Telling(source, receipt, sent_at=sent_at)

    def row(line_key: str, measurement: Mapping[str, Any]) -> dict[str, Any]:
        start, end = measurement.get("from"), measurement.get("to")
        text = _messages.word(start)
        return {
            "device_key": device,
            "line_key": line_key,
            "kind": "interval",
            "interval_start_at": _messages.moment(start),
            "interval_end_at": _messages.moment(end),
            "stamp_text": f"{text[:40]}/{_messages.word(end)[:40]}",
            "stamp_convention": "both",
            "zone": text[-6:] if text[-6:-5] in ("+", "-") else "UTC",
            "fold": "exact",
            "vendor_status": status,
            **_xovis.in_and_out(_xovis.named(measurement.get("value"), "label"), line_key, options.inward),
        }

    content = dict_of(root.get("content"))
    for place, element in telling.each(content.get("element"), "$.content.element"):
        if element.get("data-type") != "LINE":
            continue
        line_key = _messages.word(element.get("element-id"))
        for pointer, measurement in telling.each(element.get("measurement"), f"{place}.measurement"):
            telling.add(pointer, lambda line_key=line_key, m=measurement: row(line_key, m))  # type: ignore[misc]
    telling.tell_sending("$.sensor-time.time", receipt, device)
    return telling.parsed(otherwise=_NO_LINES if content.get("element") else None)


def _events(root: Mapping[str, Any], receipt: Receipt, source: Source, options: XovisLegacyOptions) -> Parsed:
    """Crossings, one row per line and millisecond: two people in the same one are two."""
    telling = Telling(source, receipt)
    crossings: dict[tuple[str, str, datetime], dict[str, Any]] = {}
    for pointer, event in telling.each(root.get("values"), "$.values"):
        if event.get("type") != "LineCount":
            continue
        try:
            direction = _DIRECTIONS.get(_messages.word(event.get("direction")))
            if direction is None:
                raise Faulty("no_directions")
            device = serial_key(_messages.word(event.get("serial")) or options.device or "")
            line_key = _messages.word(dict_of(event.get("countItem")).get("id"))
            at = _messages.moment(event.get("timestamp"))
        except Faulty as fault:
            telling.rejects.append(_messages.reject(pointer, fault.reason))
            continue
        told = crossings.setdefault((device, line_key, at), {"pointer": pointer, "told": {}})
        told["stamp"] = _messages.word(event.get("timestamp"))[:40]
        told["told"][direction] = told["told"].get(direction, 0) + 1
    for (device, line_key, at), crossing in crossings.items():
        telling.add(
            crossing["pointer"],
            lambda device=device, line_key=line_key, at=at, crossing=crossing: {  # type: ignore[misc]
                "device_key": device,
                "line_key": line_key,
                "kind": "event",
                "interval_start_at": at,
                "interval_end_at": at + timedelta(milliseconds=1),
                "stamp_text": crossing["stamp"],
                "stamp_convention": "start",
                "zone": "UTC",
                "fold": "exact",
                **_xovis.in_and_out(crossing["told"], line_key, options.inward),
                "reason_code": None,  # an event says nothing about the other direction, and need not
            },
        )
    return telling.parsed(otherwise=_NO_LINES if root.get("values") else None)
