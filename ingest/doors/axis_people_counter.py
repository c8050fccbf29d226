"""AXIS People Counter, the camera application (`tvpc`, before that `people-counter`): asked, never told.

What belongs here: its list of days, its live sum and its export, and asking for them. What does not: the 3D counter
(`axis_3d`), and anything that changes the camera. The interface deletes all counts for ever on a mere GET of another
address; only the three questions below exist in this module, and a viewer's account is enough for them.

Facts the code leans on: the counts stay on the camera, so a lost poll costs nothing. Stamps are the camera's local
time without a zone. Whether a bin's stamp is its start or its end is not documented; the options must say, and the
live sum of a finished day settles it. What the live sum says (so far today, back to 0 at midnight) is kept as health.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator
from requests.auth import HTTPDigestAuth

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.doors import _asking, _messages
from ingest.doors._keys import ONLY_LINE, serial_key
from ingest.doors._local_time import NONEXISTENT, instants
from ingest.doors._messages import Pairs, Telling
from ingest.errors import IngestError, UnreadableBody
from ingest.json_values import dict_of
from ingest.zones import known_zone

_STAMP = re.compile(r"(?:19|20)[0-9]{12}")
_DAY = re.compile(r"(?:19|20)[0-9]{6}")
_MINUTES = {"15m": 15, "1h": 60, "24h": 1440}
# A list of days longer apart than this is no list of days.
_LONGEST_LIST = timedelta(days=3660)


class AxisPeopleCounterOptions(_asking.DeviceOptions):
    """What a source of this make may say.

    Attributes:
        zone: IANA zone of the camera's clock.
        stamp: whether a bin is stamped with its start or its end. Not documented: compare a finished day.
        application: the name under which the application runs, part of the address.
        resolution: the length of the bins that are asked for.
        device: the camera's serial number, for answers that do not name it.
    """

    zone: str
    stamp: Literal["start", "end"]
    application: Literal["tvpc", "people-counter"] = "tvpc"
    resolution: Literal["15m", "1h", "24h"] = "15m"
    device: str | None = None

    _zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.url is not None and not serial_key(self.device or ""):
            raise ValueError("a camera that is asked (url) needs device, its serial number: its list of days has none")
        return self


@register
class AxisPeopleCounter(Adapter):
    """Asks a camera for its days and reads its answers."""

    name: ClassVar[str] = "axis_people_counter"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = AxisPeopleCounterOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask which days the camera holds, then for those of the window and for every older one we never got.

        Raises:
            ConfigurationError: a variable that the options name is not set.
            PermanentFailure, TransientFailure: the camera refuses or can't be reached.
        """
        options: AxisPeopleCounterOptions = context.options
        if options.url is None:
            return
        user = _asking.account(options)
        asker = _asking.Asker(context, _asking.Access(auth=None if user is None else HTTPDigestAuth(*user)))
        path = f"/local/{options.application}/.api"
        zone = ZoneInfo(options.zone)
        listing = _asking.Question(f"{path}?list-cnt.json", {"what": "days"})
        answer = asker.get(listing)
        yield asker.arrival(listing, answer)
        live = _asking.Question(f"{path}?live-sum.json", {"what": "live"})
        try:
            yield asker.arrival(live, asker.get(live))
        except IngestError as failure:  # health only: it must not cost the counts
            asker.troubles.append(failure)
        try:
            held = _listed(dict_of(_messages.document(answer.body)).get("days"))
        except UnreadableBody:
            held = []
        recent = _asking.recent_days(context.now, zone, options.reread_days + 1)
        # Without a list (an old firmware, a broken answer) the window is asked whole.
        wanted = [day for day in recent if day in held or not held]
        questions = [_export(path, day, zone, options.resolution) for day in wanted]
        older = [_export(path, day, zone, options.resolution) for day in held if day < recent[-1]]
        yield from asker.all([*questions, *(q for q in reversed(older) if context.latest(asker.origin(q)) is None)])

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: AxisPeopleCounterOptions) -> Parsed:
        """One row per bin of an export; health from the list of days and from the live sum.

        Raises:
            UnreadableBody: not JSON, another document, or no device named.
        """
        document = _messages.document(body, keep_pairs=True)
        root = dict(document) if isinstance(document, Pairs) else {}
        counter = root.get("counter")
        named = dict(counter) if isinstance(counter, Pairs) else root
        device = serial_key(_messages.word(named.get("serial")) or options.device or "")
        if not {"data", "days", "timestamp"} & root.keys():
            raise UnreadableBody(
                "the message is JSON and no answer of an Axis People Counter.",
                reason="wrong_document",
                next_action="Check the address and the adapter of the source.",
            )
        if not device:
            raise UnreadableBody(
                "the answer does not say which camera gave it.",
                reason="no_device",
                next_action="Name device, its serial number, in the source's options.",
            )
        zone = ZoneInfo(options.zone)
        if "data" in root:
            return _bins(root["data"], named, device, receipt, source, options)
        telling = Telling(source, receipt)
        try:
            now = _local(_messages.word(root.get("timestamp")))
            observed_at = instants(now, zone)[0]
        except (Faulty, IndexError):
            telling.rejects.append(_messages.reject("$.timestamp", "bad_time"))
            return telling.parsed()
        if receipt.how == "poll":
            offset = (observed_at - telling.received_at).total_seconds()
            telling.tell_health("$.timestamp", device, observed_at, "clock_offset_seconds", offset)
        days = _listed(root.get("days"))
        for day in _missing(days):
            telling.tell_health(f"$.days[{day:%Y%m%d}]", device, observed_at, "missing_day", day.isoformat())
        if days:
            telling.tell_health("$.days", device, observed_at, "days_held_count", len(days))
        for name in ("in", "out"):
            so_far = _messages.count(root.get(name))[0]
            telling.tell_health(f"$.{name}", device, observed_at, f"today_{name}_count", so_far)
        return telling.parsed()


def _export(path: str, day: date, zone: ZoneInfo, resolution: str) -> _asking.Question:
    start_at, end_at = _asking.window_of(day, zone)
    about = {"day": day.isoformat(), "resolution": resolution}
    return _asking.Question(f"{path}?export-json&date={day:%Y%m%d}&res={resolution}", about, start_at, end_at)


def _listed(value: Any) -> list[date]:
    """The days of the camera's list, in order; what is no day is not one."""
    days = set()
    for text in _messages.items(value):
        if isinstance(text, str) and _DAY.fullmatch(text):
            try:
                days.add(date(int(text[:4]), int(text[4:6]), int(text[6:])))
            except ValueError:
                continue
    return sorted(days)


def _missing(days: list[date]) -> list[date]:
    """The days between the first and the last that the camera does not hold."""
    if not days or days[-1] - days[0] > _LONGEST_LIST:
        return []
    held = set(days)
    span = (days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days))
    return [day for day in span if day not in held]


def _local(text: str) -> datetime:
    if not _STAMP.fullmatch(text):
        raise Faulty("bad_time")
    try:
        found = datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - local; the zone is applied with the fold
    except ValueError:
        raise Faulty("bad_time") from None
    if not 1990 <= found.year <= 2099:
        raise Faulty("impossible_time")
    return found


def _places(counter: Mapping[str, Any], minutes: int) -> tuple[int, int]:
    """Where in and out stand in a bin: by the order of `types`, and first and second where the answer names none."""
    types = counter.get("types")
    if not isinstance(types, Pairs):
        return 0, 1
    names = [name.casefold().strip() for name, _ in types]
    if "occupancy" in names and minutes != _MINUTES["24h"]:
        raise UnreadableBody(
            "this is an occupancy export in bins shorter than a day, whose totals are not documented as per bin.",
            reason="occupancy_export",
            next_action="Export the counts instead (export-json).",
        )
    found = [next((names.index(n) for n in (f"total {w}", w) if n in names), None) for w in ("in", "out")]
    if found[0] is None or found[1] is None:
        raise UnreadableBody(
            "the answer's types name no in and out.",
            reason="no_directions",
            next_action="Check the application's version; the answer is kept.",
        )
    return found[0], found[1]


def _bins(
    data: Any,
    counter: Mapping[str, Any],
    device: str,
    receipt: Receipt,
    source: Source,
    options: AxisPeopleCounterOptions,
) -> Parsed:
    delta = _messages.whole(counter.get("delta"))
    minutes = _MINUTES[options.resolution] if delta is None else delta // 60
    if minutes not in (1, *_MINUTES.values()):
        raise UnreadableBody(
            "the answer's bins have a length that this make does not offer.",
            reason="bad_delta",
            next_action="Look at the answer's delta; check the application's version.",
        )
    places = _places(counter, minutes)
    zone = ZoneInfo(options.zone)
    # The bin that ends at midnight bears the stamp of the day after: one asked day may hold its neighbour's bin.
    telling = Telling(source, receipt, slack=timedelta(minutes=minutes, hours=1 if minutes > 60 else 0))
    if not isinstance(data, Pairs):
        telling.rejects.append(_messages.reject("$.data", "not_an_object"))
        return telling.parsed()
    told = []
    for key, values in data:
        pointer = f"$.data[{key[:14]}]" if key[:14].isdecimal() else "$.data[?]"
        try:
            label = _local(key)
            if not isinstance(values, list) or isinstance(values, Pairs) or len(values) <= max(places):
                raise Faulty("not_an_object")
        except Faulty as fault:
            telling.rejects.append(_messages.reject(pointer, fault.reason))
        else:
            told.append((pointer, key, label, values[places[0]], values[places[1]]))
    placed = _messages.local_intervals([t[2] for t in told], is_end=options.stamp == "end", minutes=minutes, zone=zone)
    for n, ((pointer, key, _, inward, outward), (start, end, fold)) in enumerate(zip(told, placed, strict=True)):
        if fold == NONEXISTENT:
            telling.rejects.append(_messages.reject(pointer, _messages.skipped_hour(inward, outward)))
            continue
        if telling.is_to_come(start, inward, outward):
            continue
        telling.add(
            f"{pointer}#{n}",  # the autumn hour's key stands twice
            lambda key=key, start=start, end=end, fold=fold, values=(inward, outward): {  # type: ignore[misc]
                "device_key": device,
                "line_key": ONLY_LINE,
                "kind": "interval",
                "interval_start_at": start,
                "interval_end_at": end,
                "stamp_text": key,
                "stamp_convention": options.stamp,
                "zone": zone.key,
                "fold": fold,
                **_messages.directions(*values),
            },
        )
    return telling.parsed()
