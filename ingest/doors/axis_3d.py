"""AXIS 3D People Counter (P8815-2 and kin): the JSON that the camera posts, and the JSON that it answers when asked.

What belongs here: both forms, told apart by their shape, and asking for days. What does not: receiving the post.

Facts the code leans on: a post says UTC and needs no zone; it is sent once, without a number, so what is lost is found
by asking. The answer to a question is local time without a zone and names no device. It is asked for by the minute, in
which the repeated autumn hour is told apart by row order, and summed here to the interval that the camera posts:
otherwise posted and asked counts would lie beside each other and be added. `adults` is a part of `count` and stays out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator
from requests.auth import HTTPDigestAuth

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.doors import _asking, _messages
from ingest.doors._keys import ONLY_LINE, serial_key
from ingest.doors._local_time import AMBIGUOUS, EXACT, NONEXISTENT, instants
from ingest.doors._messages import Telling
from ingest.errors import UnreadableBody
from ingest.json_values import dict_of
from ingest.zones import known_zone

EXPORT_PATH = "/a3dpc/api/export/json"
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class Axis3dOptions(_asking.DeviceOptions):
    """What a source of this make may say.

    Attributes:
        zone: IANA zone of the camera's clock; needed for answers, and for posts that say local time only.
        device: the camera's serial number; needed for answers, which name no device.
        interval_minutes: the interval that the camera posts; asked minutes are summed to it.
    """

    zone: str | None = None
    device: str | None = None
    interval_minutes: Literal[1, 5, 15, 60] = 15

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return value if value is None else known_zone(value)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.url is not None and (self.zone is None or not serial_key(self.device or "")):
            raise ValueError("a camera that is asked (url) needs zone and device: its answers have neither")
        return self


@register
class Axis3d(Adapter):
    """Reads one post or one answer; asks for the days of the re-read window."""

    name: ClassVar[str] = "axis_3d"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = Axis3dOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for today and the days before it, by the minute.

        Raises:
            ConfigurationError: a variable that the options name is not set.
            PermanentFailure, TransientFailure: the camera refuses or can't be reached.
        """
        options: Axis3dOptions = context.options
        if options.url is None or options.zone is None:
            return
        user = _asking.account(options)
        asker = _asking.Asker(context, _asking.Access(auth=None if user is None else HTTPDigestAuth(*user)))
        yield from asker.all(_questions(context.now, ZoneInfo(options.zone), options.reread_days))

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: Axis3dOptions) -> Parsed:
        """One row per posted measurement, or per interval of an answer.

        Raises:
            UnreadableBody: not JSON, another document, the camera's own error, or no device or zone to read it by.
        """
        root = dict_of(_messages.document(body))
        data = root.get("data")
        if isinstance(data, list):
            return _answer(data, receipt, source, options)
        if isinstance(data, dict):
            return _post(root, receipt, source, options)
        if "error" in root:
            raise UnreadableBody(
                "the camera answered with an error instead of counts.",
                reason="vendor_error",
                next_action="Look at the landed answer; it names the field that the camera did not take.",
            )
        raise UnreadableBody(
            "the message is JSON and no Axis 3D report: it has no data.",
            reason="wrong_document",
            next_action="Check which device posts here, and the adapter of the source.",
        )


def _questions(now: datetime, zone: ZoneInfo, reread_days: int) -> Iterator[_asking.Question]:
    days = _asking.recent_days(now, zone, reread_days + 1)
    for day in days:
        start_at, end_at = _asking.window_of(day, zone)
        # `now`: of today only what has been; the camera takes midnight as the end of every other day.
        until = "now" if day == days[0] else f"{day + timedelta(days=1):%Y%m%d}"
        yield _asking.Question(
            EXPORT_PATH,
            {"day": day.isoformat(), "resolution": "minute"},
            start_at,
            end_at,
            {"start": f"{day:%Y%m%d}", "end": until, "resolution": "minute"},
        )


def _post(root: Mapping[str, Any], receipt: Receipt, source: Source, options: Axis3dOptions) -> Parsed:
    data, sensor = dict_of(root.get("data")), dict_of(root.get("sensor"))
    device = serial_key(_messages.word(sensor.get("serial")) or options.device or "")
    told_zone = _messages.word(sensor.get("timeZone")) or _messages.word(sensor.get("timezone"))
    try:
        zone = ZoneInfo(known_zone(told_zone or options.zone or ""))
    except ValueError:
        zone = None
    telling = Telling(source, receipt, sent_at=_messages.maybe_moment(root.get("utcSent")))

    def row(measurement: Mapping[str, Any]) -> dict[str, Any]:
        (start, fold), (end, _) = (_moment(measurement, name, zone) for name in ("From", "To"))
        if options.url is not None and end - start != options.interval_minutes * _MINUTE:
            raise Faulty("interval_mismatch")
        told: dict[str, Any] = {}
        for item in map(dict_of, _messages.items(measurement.get("items"))):
            direction = _messages.word(item.get("direction"))
            if told.setdefault(direction, item.get("count")) != item.get("count"):
                raise Faulty("duplicate_conflict")
        if not {"in", "out"} & told.keys():
            raise Faulty("no_directions")
        return {
            "device_key": device,
            "line_key": ONLY_LINE,
            "kind": "interval",
            "interval_start_at": start,
            "interval_end_at": end,
            "stamp_text": "/".join(_messages.word(measurement.get(f"utc{name}"))[:40] for name in ("From", "To")),
            "stamp_convention": "both",
            "zone": zone.key if zone is not None and measurement.get("utcFrom") is None else "UTC",
            "fold": fold,
            **_messages.directions(told.get("in"), told.get("out")),
        }

    for pointer, measurement in telling.each(data.get("measurements"), "$.data.measurements"):
        if measurement.get("kind") == "people-counts":  # others, if there are any, are other quantities
            telling.add(pointer, lambda m=measurement: row(m))  # type: ignore[misc]
    telling.tell_sending("$.utcSent", receipt, device)
    return telling.parsed()


def _moment(measurement: Mapping[str, Any], name: str, zone: ZoneInfo | None) -> tuple[datetime, str]:
    """One end of a measurement as naive UTC, and its fold."""
    utc = measurement.get(f"utc{name}")
    if utc is not None:
        return _messages.moment(utc), EXACT
    if zone is None:
        raise Faulty("no_offset")
    moments = instants(_wall_clock(measurement.get(f"local{name}")), zone)
    if not moments:
        raise Faulty("nonexistent_local_time")
    return moments[0], EXACT if len(moments) == 1 else AMBIGUOUS


def _wall_clock(value: Any) -> datetime:
    """`2020-06-23 00:00:00` as naive local time."""
    try:
        found = datetime.fromisoformat(_messages.word(value))
    except ValueError:
        raise Faulty("bad_time") from None
    if found.tzinfo is not None:
        raise Faulty("bad_time")
    if not 1990 <= found.year <= 2099:
        raise Faulty("impossible_time")
    return found


def _answer(data: list[Any], receipt: Receipt, source: Source, options: Axis3dOptions) -> Parsed:
    device = serial_key(options.device or "")
    if not device or options.zone is None:
        raise UnreadableBody(
            "the camera's answer says neither which camera it is nor in which zone.",
            reason="no_device",
            next_action="Name device and zone in the source's options.",
        )
    zone = ZoneInfo(options.zone)
    telling = Telling(source, receipt)
    records: list[tuple[str, Mapping[str, Any], datetime, timedelta]] = []
    for pointer, record in telling.each(data, "$.data"):
        try:
            start = _wall_clock(record.get("start"))
            records.append((pointer, record, start, _wall_clock(record.get("end")) - start))
        except Faulty as fault:
            telling.rejects.append(_messages.reject(pointer, fault.reason))
    lengths = Counter(length for *_, length in records if _MINUTE <= length <= timedelta(days=1))
    length = lengths.most_common(1)[0][0] if lengths else timedelta()
    # The clock changes inside an interval: its wall clock is an hour longer or shorter than it was.
    fits = [r for r in records if length and r[3] - length in (timedelta(), _HOUR, -_HOUR)]
    telling.rejects += [_messages.reject(r[0], "empty_interval") for r in records if r not in fits]
    placed = _messages.local_intervals([r[2] for r in fits], is_end=False, minutes=length // _MINUTE, zone=zone)

    seen: dict[datetime, tuple[Any, Any]] = {}
    parts, stamps = [], {}
    for (pointer, record, _, _), (start, end, fold) in zip(fits, placed, strict=True):
        values = record.get("in"), record.get("out")
        if fold == NONEXISTENT:
            telling.rejects.append(_messages.reject(pointer, _messages.skipped_hour(*values)))
        elif telling.is_to_come(start, *values):
            continue
        elif seen.setdefault(start, values) != values:
            telling.rejects.append(_messages.reject(pointer, "duplicate_conflict"))
        else:
            stamps[pointer] = (_messages.word(record.get("start"))[:40], fold)
            parts.append((start, end, *values, pointer))
    for group in _messages.summed(parts, options.interval_minutes):
        text, fold = stamps[group["pointer"]]
        telling.add(
            group["pointer"],
            lambda g=group, text=text, fold=fold: {  # type: ignore[misc]
                "device_key": device,
                "line_key": ONLY_LINE,
                "kind": "interval",
                "interval_start_at": g["start"],
                "interval_end_at": g["end"],
                "stamp_text": text,
                "stamp_convention": "both",
                "zone": zone.key,
                "fold": fold,
                "records_found": g.get("found"),
                "records_expected": g.get("expected"),
                **_messages.directions(g["inward"], g["outward"]),
            },
        )
    return telling.parsed()
