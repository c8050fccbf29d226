"""Xovis sensors from version 5: what their agents post, and the history that they answer when asked.

What belongs here: posted LOGICS (counts) and STATUS (health), the history of logics, and asking for it. What does not:
receiving posts, and LIVE_DATA: it follows persons with height, gender and age. It is refused whole, at the inbox.

Facts the code leans on: times are epoch milliseconds, seconds or RFC 3339, by the agent's settings. A message holds
several logics and a logic several records; each record of a line is one row. Only the counters named exactly `fw` and
`bw` are people; `fw-male`, `fw-age` and their like are the same people profiled, and never leave the message. Zones
and queues are no doors. All documented examples drop what could not be sent: what is lost is found by asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.doors import _asking, _messages, _xovis
from ingest.doors._keys import serial_key
from ingest.doors._messages import Telling
from ingest.errors import UnreadableBody
from ingest.json_values import dict_of
from ingest.zones import known_zone

# `XLT_LINE_IN_OUT_COUNT` and `XLT_4X_LINE_IN_OUT_COUNT`, and whatever comes to stand before it next.
LINE_LOGIC = "LINE_IN_OUT_COUNT"
_MINUTE = timedelta(minutes=1)
_NO_LINES = Reject(
    "(whole file)",
    "no_lines",
    "the message holds logics of zones or queues only, and those are no doors.",
    "Take these logics out of what the sensor's agent sends, or add the line at the door.",
    scope="blob",
)


class XovisV5Options(_asking.DeviceOptions):
    """What a source of this make may say.

    Attributes:
        device: the sensor's serial number, for messages without sensor info and for the history.
        inward: per line (its logic id) which direction leads in; `fw` where it is not said.
        zone: zone whose days the history is asked by; any will do for the counts, which are in UTC.
        sensor: which of the sensor's data is asked for.
        interval_minutes: the resolution that the agent posts and the history is asked in.
    """

    device: str | None = None
    inward: dict[str, _xovis.Direction] = Field(default_factory=dict)
    zone: str = "UTC"
    sensor: Literal["singlesensor", "multisensor"] = "singlesensor"
    interval_minutes: Literal[1, 5, 15, 60] = 15

    _zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.url is not None and not serial_key(self.device or ""):
            raise ValueError("a sensor that is asked (url) needs device, its serial number: its history has none")
        return self


@register
class XovisV5(Adapter):
    """Reads one posted package or one answer; asks for the history of the re-read window."""

    name: ClassVar[str] = "xovis_v5"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = XovisV5Options
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the history of today and the days before it.

        Raises:
            ConfigurationError: a variable that the options name is not set.
            PermanentFailure, TransientFailure: the sensor refuses or can't be reached.
        """
        options: XovisV5Options = context.options
        if options.url is None:
            return
        asker = _asking.Asker(context, _asking.Access(auth=_asking.account(options)))
        yield from asker.all(_questions(context.now, options))

    def refuses(self, body: bytes) -> str | None:
        """Live data is refused, also cut or damaged, before it is stored."""
        if b"live_data" not in body and b"\\u" not in body:
            return None
        try:
            is_live = "live_data" in dict_of(_messages.document(body))
        except UnreadableBody:
            is_live = b'"live_data"' in body
        return "Delete the LIVE_DATA agent on the sensor; LOGICS has the counts" if is_live else None

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: XovisV5Options) -> Parsed:
        """One row per record of a line, and health from STATUS.

        Raises:
            UnreadableBody: not JSON, another document, or live data.
        """
        root = dict_of(_messages.document(body))
        if "live_data" in root:
            raise UnreadableBody(
                "the message is live data: it follows single persons, and nothing of it was kept in the tables.",
                reason="live_data_refused",
                next_action="Delete the LIVE_DATA agent on the sensor, and this blob from landing.",
            )
        for name, read in (("logics_data", _logics), ("status_data", _status), ("measurements", _history)):
            if name in root:
                return read(root, receipt, source, options)
        raise UnreadableBody(
            "the message is JSON and none that this adapter reads (LOGICS, STATUS, history of logics).",
            reason="wrong_document",
            next_action="Check the agent's type, and which sensor posts here.",
        )


def _questions(now: datetime, options: XovisV5Options) -> Iterator[_asking.Question]:
    zone = ZoneInfo(options.zone)
    minutes = options.interval_minutes
    for day in _asking.recent_days(now, zone, options.reread_days + 1):
        start_at, end_at = _asking.window_of(day, zone)
        yield _asking.Question(
            f"/api/v5/{options.sensor}/data/history/logics",
            {"day": day.isoformat(), "resolution_min": minutes, "sensor": options.sensor},
            start_at,
            end_at,
            {
                "begin": int(start_at.timestamp() * 1000),
                "end": int(end_at.timestamp() * 1000),
                "resolution_min": minutes,
                "include_empty": "true",  # by default bins without records are left out, and silence is not 0
                "time_format": "UNIX_TIME_MS",
            },
        )


def _device(data: Mapping[str, Any], options: XovisV5Options) -> str:
    sensor = dict_of(data.get("sensor_info"))
    return serial_key(_messages.word(sensor.get("serial_number")) or options.device or "")


def _stamp(start: Any, end: Any) -> str:
    return f"{_messages.word(start)[:40]}/{_messages.word(end)[:40]}"


def _logics(root: Mapping[str, Any], receipt: Receipt, source: Source, options: XovisV5Options) -> Parsed:
    data = dict_of(root["logics_data"])
    device = _device(data, options)
    package = dict_of(data.get("package_info"))
    telling = Telling(source, receipt, sequence=_messages.whole(package.get("id")))

    def row(line_key: str, record: Mapping[str, Any]) -> dict[str, Any]:
        start, end = _messages.moment(record.get("from")), _messages.moment(record.get("to"))
        if options.url is not None and end - start != options.interval_minutes * _MINUTE:
            raise Faulty("interval_mismatch")
        found, expected = (_messages.whole(record.get(name)) for name in ("samples", "samples_expected"))
        counts = _xovis.in_and_out(_xovis.named(record.get("counts"), "name"), line_key, options.inward)
        return {
            "device_key": device,
            "line_key": line_key,
            "kind": "interval",
            "interval_start_at": start,
            "interval_end_at": end,
            "stamp_text": _stamp(record.get("from"), record.get("to")),
            "stamp_convention": "both",
            "zone": "UTC",
            "fold": "exact",
            "records_found": found,
            "records_expected": expected,
            **(_messages.unobserved("no_records") if found == 0 and expected else counts),
        }

    is_any = False
    for place, logic in telling.each(data.get("logics"), "$.logics_data.logics"):
        is_any = True
        if LINE_LOGIC not in _messages.word(logic.get("info")):
            continue
        line_key = _messages.word(logic.get("id"))
        for pointer, record in telling.each(logic.get("records"), f"{place}.records"):
            telling.add(pointer, lambda line_key=line_key, r=record: row(line_key, r))  # type: ignore[misc]
    return telling.parsed(otherwise=_NO_LINES if is_any else None)


def _history(root: Mapping[str, Any], receipt: Receipt, source: Source, options: XovisV5Options) -> Parsed:
    """The answer to a question: bins with the values of numbered counters, which the answer's config names."""
    telling = Telling(source, receipt)
    counters: dict[int, tuple[str, str]] = {}
    is_any = False
    config = dict_of(root.get("config"))
    for _, counter in telling.each(config.get("counts"), "$.config.counts"):
        is_any = True
        number, name = _messages.whole(counter.get("id")), counter.get("name")
        line_key = _messages.word(counter.get("logic_id"))
        # `state` is a value at the bin's end, such as a balance; people who passed are an `accumulation`.
        if number is not None and line_key and name in ("fw", "bw") and counter.get("type", "accumulation") != "state":
            counters[number] = line_key, name
    lines = sorted({line_key for line_key, _ in counters.values()})

    def row(line_key: str, record: Mapping[str, Any]) -> dict[str, Any]:
        start, end = _messages.moment(record.get("begin")), _messages.moment(record.get("end"))
        told: dict[str, Any] = {}
        for counted in map(dict_of, _messages.items(record.get("counts"))):
            key, name = counters.get(_messages.whole(counted.get("id")) or 0, ("", ""))
            if key == line_key and told.setdefault(name, counted.get("value")) != counted.get("value"):
                raise Faulty("duplicate_conflict")
        found = _messages.whole(record.get("records"))
        # The sensor stores one record a minute.
        expected = None if found is None else max(1, (end - start) // _MINUTE)
        return {
            "device_key": serial_key(options.device or ""),
            "line_key": line_key,
            "kind": "interval",
            "interval_start_at": start,
            "interval_end_at": end,
            "stamp_text": _stamp(record.get("begin"), record.get("end")),
            "stamp_convention": "both",
            "zone": "UTC",
            "fold": "exact",
            "records_found": found,
            "records_expected": expected,
            **(_messages.unobserved("no_records") if found == 0 else _xovis.in_and_out(told, line_key, options.inward)),
        }

    for place, record in telling.each(root.get("measurements"), "$.measurements"):
        begins = _messages.maybe_moment(record.get("begin"))
        if begins is not None and begins >= telling.received_at:
            continue  # empty bins are asked for, those of the rest of the day come along
        for line_key in lines:
            pointer = f"{place} logic {line_key[:20]}"
            telling.add(pointer, lambda line_key=line_key, r=record: row(line_key, r))  # type: ignore[misc]
    return telling.parsed(otherwise=_NO_LINES if is_any and not lines else None)


def _status(root: Mapping[str, Any], receipt: Receipt, source: Source, options: XovisV5Options) -> Parsed:
    data = dict_of(root["status_data"])
    device = _device(data, options)
    telling = Telling(source, receipt)
    if not device:
        telling.rejects.append(_messages.reject("$.status_data.sensor_info", "no_device"))
        return telling.parsed()

    def at(*path: str) -> Any:
        value: Any = data.get("states")
        for name in path:
            value = dict_of(value).get(name)
        return value

    sensor_time = _messages.maybe_moment(at("time", "state", "details", "time"))
    observed_at = sensor_time or telling.received_at
    base = "$.status_data.states"
    for metric, path in {
        "device_state": ("device", "state", "state"),
        "time_state": ("time", "state", "state"),
        "network_state": ("network", "state", "state"),
        "illumination": ("singlesensor", "status", "illumination"),
        "ntp_host": ("time", "state", "details", "ntp_host"),
    }.items():
        telling.tell_health(".".join([base, *path]), device, observed_at, metric, _messages.word(at(*path)))
    for metric, path in {
        "uptime_seconds": ("device", "state", "details", "uptime_sec"),
        "ntp_rms_offset_seconds": ("time", "state", "details", "ntp_rms_offset"),
        "zone_offset_seconds": ("time", "state", "details", "tz_offset_sec"),
        "last_downtime_seconds": ("time", "state", "details", "last_downtime_sec"),
    }.items():
        telling.tell_health(".".join([base, *path]), device, observed_at, metric, _messages.number(at(*path)))
    if sensor_time is not None and receipt.how == "push":
        offset = (sensor_time - telling.received_at).total_seconds()
        telling.tell_health(f"{base}.time.state.details.time", device, observed_at, "clock_offset_seconds", offset)
    for sensor in ("singlesensor", "multisensor"):
        for place, agent in _agents(at(sensor, "data", "push", "agents"), f"{base}.{sensor}.data.push.agents"):
            for metric, part, name in (
                ("sent_packages_count", "package_info", "no_of_sent"),
                ("dropped_packages_count", "package_info", "no_of_dropped"),
                ("failed_sendings_count", "transmit_info", "no_of_failed"),
            ):
                value = _messages.number(dict_of(agent.get(part)).get(name, agent.get(name)))
                telling.tell_health(place, device, observed_at, metric, value)
    return telling.parsed()


def _agents(value: Any, pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The push agents, written as a list or as an object by their numbers."""
    if isinstance(value, list):
        for n, agent in enumerate(value):
            yield f"{pointer}[{n}]", dict_of(agent)
    for name, agent in dict_of(value).items():
        yield f"{pointer}.{_messages.word(name)[:20]}", dict_of(agent)
