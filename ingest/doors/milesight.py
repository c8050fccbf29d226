"""Milesight people counters (VS133, VS135, VS350) over The Things Stack: posted uplinks, and those in its storage.

What belongs here: the envelope, the bytes that the counter sent, and asking the storage. What does not: receiving the
webhook, and turning register readings into people (the warehouse subtracts).

Facts the code leans on: the stack leaves out what is 0, "" or false, so an absent `f_cnt` is 0, and `decoded_payload`
may lack counters: the bytes are decoded here. A webhook is tried once; what we missed is in the storage. The totals are
registers and lose nothing when a message is lost: they are the observation, of kind `cumulative`, with the time of the
reading as both ends. The period counts are since the last report, whoever received it: a lost report loses its people,
and so they are never written. VS350 totals wrap at 65,536, the others' at 2^32.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from ingest.access import Variable, secret
from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.doors import _asking, _messages
from ingest.doors._keys import ONLY_LINE, serial_key
from ingest.doors._messages import Telling
from ingest.errors import TransientFailure, UnreadableBody
from ingest.http import Answer
from ingest.json_values import dict_of

# A gateway without satellite time may be years off; the network's own stamp is close to the reading.
_GATEWAY_TRUST = timedelta(minutes=5)
# A counter sends what it could not send again for days, not for months: an older clock stands still.
_OLDEST_READING = timedelta(days=31)
_ANSWER_LINES = 1000
_MOST_PAGES = 200

# Registers by channel and type D2: the line and the direction.
_REGISTERS = {3 + 3 * (line - 1) + out: (line, out) for line in (1, 2, 3, 4) for out in (0, 1)}
# How many bytes follow a type, whatever its channel; what is not here can't be stepped over.
_LENGTHS = {0xD2: 4, 0xCC: 4, 0xE3: 4, 0xE4: 5, 0xFC: 3, 0xEF: 4, 0x75: 1, 0x67: 2}
_SYSTEM_LENGTHS = {0x01: 1, 0x08: 6, 0x09: 2, 0x0A: 2, 0x0B: 1, 0x0F: 1, 0x16: 8, 0x1F: 4, 0xFE: 1, 0xFF: 2}

_FAULTS = {
    "bad_payload": ("the counter's bytes are no base64.", "Look at the landed message; ask the network's operator."),
    "cut_payload": ("the counter's bytes end inside a value; what stood before it is kept.", "Nothing if it is rare."),
    "unknown_channel": (
        "the bytes hold a value that no counter of this make is known to send; what stands behind it is lost.",
        "Check whether another kind of sensor shares the application; name the counters as `devices` in the options.",
    ),
    "bad_line": ("the line is no JSON object.", "Nothing if it is the last one: the answer was cut."),
    "not_an_uplink": (
        "the message is no uplink (a join, a receipt, a location).",
        "Let the webhook send uplink messages only.",
    ),
    "storage_error": ("the storage broke its answer off with an error.", "Nothing: the next poll asks again."),
}


class MilesightOptions(_asking.AskOptions):
    """What a source of this make may say.

    Attributes:
        url: address of the stack's cluster, to ask its storage.
        application: the application's id there.
        key_env: the environment variable that holds an API key with the right to read the application's traffic.
        reread_days: the storage keeps 24 hours (community) to 30 days.
        devices: the counters' DevEUIs; others of the application are passed over. Empty: all are counters.
    """

    application: str | None = None
    key_env: Variable | None = None
    reread_days: int = Field(default=1, ge=0, le=30)
    devices: tuple[str, ...] = ()

    @field_validator("application")
    @classmethod
    def _identifier(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z0-9](?:[-]?[a-z0-9]){2,}", value):
            raise ValueError("an application's id is lower-case letters, digits and single dashes")
        return value

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.url is not None and (self.application is None or self.key_env is None):
            raise ValueError("a storage that is asked (url) needs application and key_env")
        return self


@register
class Milesight(Adapter):
    """Reads one posted uplink or one answer of the storage; asks the storage."""

    name: ClassVar[str] = "milesight"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = MilesightOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask the storage for today and the days before it, by UTC, in pages.

        Raises:
            ConfigurationError: a variable that the options name is not set.
            PermanentFailure, TransientFailure: the stack refuses or can't be reached.
        """
        options: MilesightOptions = context.options
        if options.url is None or options.application is None or options.key_env is None:
            return
        headers = {"Authorization": f"Bearer {secret(options.key_env)}", "Accept": "text/event-stream"}
        asker = _asking.Asker(context, _asking.Access(headers=headers))
        today = context.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for n in range(options.reread_days + 1):
            start_at = today - timedelta(days=n)
            try:
                yield from _pages(asker, options.application, start_at)
            except TransientFailure as failure:
                if failure.reason == "unreachable":
                    raise
                question = _question(options.application, start_at, start_at, 1)
                yield _asking.failed(asker.arrival(question, None), failure)
                asker.troubles.append(failure)
        asker.tell()

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: MilesightOptions) -> Parsed:
        """One row per line and reading, history included; health from every uplink.

        Raises:
            UnreadableBody: no JSON, and no lines of it.
        """
        telling = Telling(source, receipt)
        wanted = {serial_key(device) for device in options.devices}
        seen: set[tuple[str, int, str]] = set()
        others = 0
        for pointer, message in _messages_of(body, telling):
            uplink = message.get("uplink_message")
            ids = dict_of(message.get("end_device_ids"))
            device = serial_key(_messages.word(ids.get("dev_eui")))
            if wanted and device and device not in wanted:
                others += 1
                continue
            if not isinstance(uplink, dict):
                telling.rejects.append(_fault(pointer, "not_an_uplink"))
                continue
            if not device:
                telling.rejects.append(_messages.reject(pointer, "no_device"))
                continue
            payload = uplink.get("frm_payload")
            text = payload if isinstance(payload, str) else ""
            # What is 0 is left out: the first message after a join has no f_cnt.
            sequence = _messages.whole(uplink.get("f_cnt", 0))
            if sequence is not None and (device, sequence, text) in seen:
                continue
            if sequence is not None:
                seen.add((device, sequence, text))
            _read_uplink(telling, pointer, device, sequence, text, message)
        if others and not telling.rejects:
            return telling.parsed(otherwise=_ONLY_OTHERS)
        return telling.parsed()


_ONLY_OTHERS = Reject(
    "(whole file)",
    "no_records",
    "the message is of other devices only.",
    "Nothing if the counters of this source are heard otherwise; else check `devices` in the source's options.",
    scope="blob",
)


def _fault(pointer: str, reason: str) -> Reject:
    return Reject.of(pointer, reason, _FAULTS)


def _question(application: str, day_start: datetime, after: datetime, page: int) -> _asking.Question:
    end_at = day_start + timedelta(days=1)
    return _asking.Question(
        f"/api/v3/as/applications/{application}/packages/storage/uplink_message",
        {"day": f"{day_start:%Y-%m-%d}", "page": page},
        day_start,
        end_at,
        {
            "after": after.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "before": end_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit": _ANSWER_LINES,
            "order": "received_at",
        },
    )


def _pages(asker: _asking.Asker, application: str, day_start: datetime) -> Iterator[Arrival]:
    """One day's answers. A full one may be cut: the next begins where it ended."""
    after = day_start - timedelta(microseconds=1)  # `after` excludes
    for page in range(1, _MOST_PAGES + 1):
        question = _question(application, day_start, after, page)
        answer = asker.get(question)
        count, last = _extent(answer)
        is_whole = count < _ANSWER_LINES
        yield asker.arrival(question, answer, is_complete=is_whole)
        if is_whole or last is None or last <= after:
            return
        after = last


def _extent(answer: Answer) -> tuple[int, datetime | None]:
    """How many messages an answer holds, and when the last of them came, aware."""
    count, last = 0, None
    for line in answer.body.splitlines():
        if not line.strip():
            continue
        count += 1
        try:
            message = dict_of(_messages.document(line))
        except UnreadableBody:
            continue
        told = _messages.maybe_moment(dict_of(message.get("result")).get("received_at"))
        if told is not None:
            last = told if last is None else max(last, told)
    return count, None if last is None else last.replace(tzinfo=UTC)


def _messages_of(body: bytes, telling: Telling) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The messages of a body: one posted object, or one per line of the storage's answer."""
    if not body.strip(b"\xef\xbb\xbf \t\r\n"):
        return  # the storage says so when it holds nothing
    try:
        whole = _messages.document(body)
    except UnreadableBody:
        if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" or b"\n" not in body.strip():
            raise
    else:
        root = dict_of(whole)
        if not {"end_device_ids", "result", "error"} & root.keys():
            raise UnreadableBody(
                "the message is JSON and none of The Things Stack.",
                reason="wrong_document",
                next_action="Check who posts here, and that the webhook's format is JSON.",
            )
        if "error" in root:
            telling.rejects.append(_fault("$.error", "storage_error"))
            return
        yield "$", dict_of(root.get("result", root))
        return
    for number, line in enumerate(body.splitlines(), 1):
        if not line.strip():
            continue
        try:
            root = dict_of(_messages.document(line))
        except UnreadableBody:
            root = {}
        if not root:
            telling.rejects.append(_fault(f"line {number}", "bad_line"))
        elif "error" in root:
            telling.rejects.append(_fault(f"line {number}", "storage_error"))
        else:
            yield f"line {number}", dict_of(root.get("result", root))


@dataclass
class _Decoded:
    """What the counter's bytes say.

    Attributes:
        totals: register readings by line, `[in, out]`.
        history: older readings: their time (epoch seconds), line and `[in, out]`.
        clock: the counter's own time of the reading, epoch seconds.
    """

    totals: dict[str, list[int | None]] = field(default_factory=dict)
    history: list[tuple[int, str, list[int | None]]] = field(default_factory=list)
    clock: int | None = None
    battery: int | None = None
    alarms: list[str] = field(default_factory=list)
    fault: str | None = None


def _line_name(line: int) -> str:
    return f"line_{line}"


def decode(payload: bytes) -> _Decoded:
    """The bytes of a VS133, VS135 or VS350, little endian: channel, type, value, one after the other.

    Children's counters, dwell times, regions and period counts are stepped over; so is what the device says of itself.
    """
    found = _Decoded()
    at = 0
    while at < len(payload):
        channel, kind = payload[at], payload[at + 1] if at + 1 < len(payload) else -1
        length = _length(payload, at, channel, kind)
        if length is None or at + 2 + length > len(payload):
            found.fault = "unknown_channel" if length is None and kind >= 0 else "cut_payload"
            return found
        _take(found, channel, kind, payload[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def _length(payload: bytes, at: int, channel: int, kind: int) -> int | None:
    """How many bytes follow channel and type; None where that is not known, or not told before the end."""
    if channel == 0xFF:
        return _SYSTEM_LENGTHS.get(kind)
    if channel == 0x20 and kind == 0xCE:
        if at + 6 >= len(payload):
            return 5
        of = payload[at + 6]
        # VS350 says 0 or 1 here, the others which counter it is.
        return 5 + {0: 4, 1: 8, 0x10: 3, 0x20: 3}.get(of, 4)
    is_alarm = channel in (0x83, 0x84, 0x85)  # the value and what it means
    length = _LENGTHS.get(kind)
    return None if length is None else length + is_alarm


def _take(found: _Decoded, channel: int, kind: int, value: bytes) -> None:
    if kind == 0xD2 and channel in _REGISTERS:
        line, out = _REGISTERS[channel]
        found.totals.setdefault(_line_name(line), [None, None])[out] = _number(value)
    elif kind == 0xCC and channel in (0x04, 0x84):
        found.totals[ONLY_LINE] = [_number(value[:2]), _number(value[2:4])]
    elif (channel, kind) == (0x20, 0xCE):
        _take_history(found, _number(value[:4]), value[4], value[5:])
    elif (channel, kind) == (0x0A, 0xEF):
        found.clock = _number(value)
    elif (channel, kind) == (0x01, 0x75):
        found.battery = value[0]
    elif (channel, kind) == (0x50, 0xFC):
        found.alarms.append("occlusion_alarm")
    elif (channel, kind) == (0xFF, 0xFE):
        found.alarms.append("reset_event")


def _take_history(found: _Decoded, clock: int, of: int, value: bytes) -> None:
    if of == 1:  # period in, period out, total in, total out
        found.history.append((clock, ONLY_LINE, [_number(value[4:6]), _number(value[6:8])]))
    elif of in _REGISTERS:  # one register per entry; its twin has the same time
        line, out = _REGISTERS[of]
        name = _line_name(line)
        for entry in found.history:
            if entry[:2] == (clock, name) and entry[2][out] is None:
                entry[2][out] = _number(value)
                return
        found.history.append((clock, name, [None, None]))
        found.history[-1][2][out] = _number(value)


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _received(message: Mapping[str, Any]) -> tuple[datetime, str]:
    """When the network heard the message, naive UTC, and as it was written: the gateway's time, else the server's."""
    uplink = dict_of(message.get("uplink_message"))
    stamps = [uplink.get("received_at"), message.get("received_at")]
    server = next(((t, s) for s in stamps if (t := _messages.maybe_moment(s)) is not None), None)
    gateways = [dict_of(g).get("time") for g in _messages.items(uplink.get("rx_metadata"))]
    heard = [(t, s) for s in gateways if (t := _messages.maybe_moment(s)) is not None]
    near = [(t, s) for t, s in heard if server is None or abs(t - server[0]) <= _GATEWAY_TRUST]
    found = min(near, default=server)
    if found is None:
        raise Faulty("bad_time")
    return found[0], _messages.word(found[1])[:40]


def _read_uplink(
    telling: Telling, pointer: str, device: str, sequence: int | None, text: str, message: Mapping[str, Any]
) -> None:
    try:
        heard_at, stamp = _received(message)
        if heard_at > telling.received_at + _messages.AHEAD:
            raise Faulty("future_interval")
    except Faulty as fault:
        telling.rejects.append(_messages.reject(pointer, fault.reason))
        return
    if sequence is not None:
        telling.tell_health(pointer, device, heard_at, "frame_count", sequence)
    try:
        found = decode(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        telling.rejects.append(_fault(f"{pointer} frm_payload", "bad_payload"))
        return
    if found.fault is not None:
        telling.rejects.append(_fault(f"{pointer} frm_payload", found.fault))
    if found.battery is not None and found.battery <= 100:
        telling.tell_health(pointer, device, heard_at, "battery_share", found.battery / 100)
    for alarm in sorted(set(found.alarms)):
        telling.tell_health(pointer, device, heard_at, alarm, 1)
    read_at = heard_at
    if found.clock is not None:
        own = _messages.maybe_moment(found.clock)
        if own is not None:
            telling.tell_health(pointer, device, heard_at, "clock_offset_seconds", (own - heard_at).total_seconds())
        # One that has lost its clock is not believed.
        if own is not None and heard_at - _OLDEST_READING <= own <= heard_at + _messages.AHEAD:
            read_at, stamp = own, str(found.clock)
    for line_key, (total_in, total_out) in found.totals.items():
        telling.add(
            f"{pointer} {line_key}",
            lambda line_key=line_key, a=total_in, b=total_out: _reading(  # type: ignore[misc]
                device, line_key, read_at, stamp, sequence, a, b, "reset" if "reset_event" in found.alarms else None
            ),
        )
    for n, (clock, line_key, (total_in, total_out)) in enumerate(found.history):
        telling.add(
            f"{pointer} history[{n}] {line_key}",
            lambda clock=clock, line_key=line_key, a=total_in, b=total_out: _reading(  # type: ignore[misc]
                device, line_key, _messages.moment(clock), str(clock), sequence, a, b
            ),
        )


def _reading(
    device: str,
    line_key: str,
    read_at: datetime,
    stamp: str,
    sequence: int | None,
    total_in: int | None,
    total_out: int | None,
    reason_code: str | None = None,
) -> dict[str, Any]:
    return {
        "device_key": device,
        "line_key": line_key,
        "kind": "cumulative",
        "interval_start_at": read_at,
        "interval_end_at": read_at,
        "stamp_text": stamp,
        "stamp_convention": "read",
        "zone": "UTC",
        "fold": "exact",
        "total_in_count": total_in,
        "total_out_count": total_out,
        "value_state": "observed",
        "reason_code": reason_code,
        "sequence": sequence,
    }
