"""Stand-ins for counters that are asked: two Axis cameras, a Xovis sensor and The Things Stack's storage.

What belongs here: one loopback server that speaks as all four do, from one truth per minute. What does not: counters
that post by themselves, and the library's own world. It binds 127.0.0.1 only and asks for a free port.

It answers as the devices do where that hurts: local time without a zone and the autumn hour twice, digest
authentication, unfinished days, absent zeros, errors. Every request is kept in `asked`, so that a test can prove what
was never asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import parse_http_list, parse_keqv_list
from zoneinfo import ZoneInfo

from sandbox.loopback import LoopbackServer, Response, json_response, text_response

REALM = "AXIS_00408CAC512B"
NONCE = "5f2c8c0d1a"
SERIAL = "00408CAC512B"
DEV_EUI = "24E124756B000001"
APPLICATION = "library-doors"
LOGIC_ID = 3
_MINUTE = timedelta(minutes=1)
_BINS = {"15m": 15, "1h": 60, "24h": 1440}

Crossings = Callable[[datetime], tuple[int, int]]


def crossings(minute: datetime) -> tuple[int, int]:
    """How many go in and out in a minute: drawn from the minute itself, nobody between 22 and 7 UTC."""
    if not 7 <= minute.hour < 22:
        return 0, 0
    drawn = hashlib.sha256(minute.strftime("%Y%m%d%H%M").encode()).digest()
    return max(0, drawn[0] % 6 - 3), max(0, drawn[1] % 6 - 3)


class Devices(LoopbackServer):
    """The server, running while it is entered as a context.

    Args:
        now: the clock of all devices, aware; set `now` to move it.
        zone: the zone of the cameras' clocks.
        user, password, key: what the devices accept. Keep them out of files.
        stamp: whether the people counter stamps the start or the end of a bin.
        people: the truth, per minute.

    Attributes:
        missing_days: days that the people counter does not hold.
        broken: pieces of an address and the status that it is answered with.
        asked: every request's path and query, in order.
    """

    def __init__(
        self,
        now: datetime,
        *,
        zone: str = "Europe/Oslo",
        user: str = "viewer",
        password: str = "",
        key: str = "",
        stamp: str = "start",
        held_days: int = 10,
        people: Crossings = crossings,
    ) -> None:
        super().__init__()
        self.now = now
        self.zone = ZoneInfo(zone)
        self.missing_days: set[date] = set()
        self.broken: dict[str, int] = {}
        self.asked: list[str] = []
        self._user, self._password, self._key = user, password, key
        self._stamp = stamp
        self._held_days = held_days
        self._people = people

    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered."""
        authorization = headers.get("authorization", "")
        self.asked.append(target)
        if method != "GET":
            return text_response("Not allowed.", 405)
        parts = urlsplit(target)
        for piece, status in self.broken.items():
            if piece in target:
                return json_response({}, status)
        if parts.path in ("/local/tvpc/.api", "/local/people-counter/.api", "/a3dpc/api/export/json"):
            if not self._is_viewer(target, authorization):
                challenge = f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
                return Response(401, {"WWW-Authenticate": challenge}, b"Unauthorized")
            if parts.path.startswith("/a3dpc"):
                return json_response(self._axis_3d(parse_qs(parts.query)))
            return self._people_counter(parts.query)
        if parts.path == "/api/v5/singlesensor/data/history/logics":
            basic = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            if authorization != f"Basic {basic}":
                challenge = 'Basic realm="xovis"'
                return json_response({"code": 11003, "info": "Unauthorized"}, 401, {"WWW-Authenticate": challenge})
            return json_response(self._history(parse_qs(parts.query)))
        if parts.path == f"/api/v3/as/applications/{APPLICATION}/packages/storage/uplink_message":
            if authorization != f"Bearer {self._key}":
                return json_response({"code": 16, "message": "error:pkg/auth:invalid"}, 401)
            return Response(200, {"Content-Type": "text/event-stream"}, self._storage(parse_qs(parts.query)))
        return text_response("Not here.", 404)

    def total(self, start: datetime, end: datetime) -> tuple[int, int]:
        """The truth between two aware moments, as far as it has happened."""
        told = [self._people(minute) for minute in _steps(start, min(end, self.now), _MINUTE)]
        return sum(t[0] for t in told), sum(t[1] for t in told)

    def _is_viewer(self, target: str, authorization: str) -> bool:
        scheme, _, rest = authorization.partition(" ")
        if scheme != "Digest":
            return False
        told = parse_keqv_list(parse_http_list(rest))
        secret = _md5(f"{self._user}:{REALM}:{self._password}")
        asked = _md5(f"GET:{target}")
        parts = [secret, NONCE, told.get("nc", ""), told.get("cnonce", ""), "auth", asked]
        return told.get("uri") == target and told.get("response") == _md5(":".join(parts))

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _day(self, day: date) -> tuple[datetime, datetime]:
        return self._midnight(day), self._midnight(day + timedelta(days=1))

    def _days(self) -> list[date]:
        today = self.now.astimezone(self.zone).date()
        held = [today - timedelta(days=n) for n in reversed(range(self._held_days))]
        return [day for day in held if day not in self.missing_days]

    def _people_counter(self, query: str) -> Response:
        clock = self.now.astimezone(self.zone).strftime("%Y%m%d%H%M%S")
        if query == "list-cnt.json":
            return json_response({"timestamp": clock, "days": [f"{day:%Y%m%d}" for day in self._days()]})
        if query == "live-sum.json":
            start, end = self._day(self.now.astimezone(self.zone).date())
            inward, outward = self.total(start, end)
            told = {"serial": SERIAL, "name": "Main door", "timestamp": clock, "in": inward, "out": outward}
            return json_response(told)
        asked = parse_qs(query.removeprefix("export-json&"))
        minutes = _BINS[asked["res"][0]]
        day = datetime.strptime(asked["date"][0], "%Y%m%d").date()  # noqa: DTZ007 - a date
        bins = [] if day in self.missing_days else list(self._bins(day, minutes))
        # By hand: in autumn a key stands twice, which no dict can say.
        written = ",".join(f'"{key}": [{inward}, {outward}]' for key, inward, outward in bins)
        counter = json.dumps({"name": "Main door", "serial": SERIAL, "delta": minutes * 60})
        return Response(
            200, {"Content-Type": "application/json"}, f'{{"counter": {counter}, "data": {{{written}}}}}'.encode()
        )

    def _bins(self, day: date, minutes: int) -> Iterator[tuple[str, int, int]]:
        first, last = self._day(day)
        length = last - first if minutes == _BINS["24h"] else timedelta(minutes=minutes)
        for start in _steps(first, min(last, self.now), length):
            label = start.astimezone(self.zone).replace(tzinfo=None)
            if self._stamp == "end":  # the label of the start and the bin's length: what most software does
                label += timedelta(minutes=minutes)
            yield label.strftime("%Y%m%d%H%M%S"), *self.total(start, start + length)

    def _axis_3d(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        first = self._midnight(datetime.strptime(asked["start"][0], "%Y%m%d").date())  # noqa: DTZ007 - a date
        until = asked["end"][0]
        last = self.now if until == "now" else self._midnight(datetime.strptime(until, "%Y%m%d").date())  # noqa: DTZ007
        length = {"minute": _MINUTE, "hour": timedelta(hours=1)}[asked["resolution"][0]]
        rows = []
        for start in _steps(first, min(last, self.now), length):
            inward, outward = self.total(start, start + length)
            ends = (f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}" for at in (start, start + length))
            rows.append(dict(zip(("start", "end"), ends, strict=True)) | {"in": inward, "out": outward})
        return {"data": rows}

    def _history(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        first, last = (datetime.fromtimestamp(int(asked[name][0]) / 1000, UTC) for name in ("begin", "end"))
        minutes = int(asked["resolution_min"][0])
        measurements = []
        for start in _steps(first, last, timedelta(minutes=minutes)):
            end = start + timedelta(minutes=minutes)
            inward, outward = self.total(start, end)
            found = max(0, min(minutes, (self.now - start) // _MINUTE))
            if not found and asked.get("include_empty") != ["true"]:
                continue
            counts = [{"id": 8, "value": inward}, {"id": 9, "value": outward}, {"id": 10, "value": inward}]
            begin_ms, end_ms = (int(at.timestamp() * 1000) for at in (start, end))
            measurements.append({"begin": begin_ms, "end": end_ms, "records": found, "counts": counts})
        names = [(8, "fw", "accumulation"), (9, "bw", "accumulation"), (10, "fw-male", "accumulation")]
        config = [{"id": i, "logic_id": LOGIC_ID, "name": name, "type": kind} for i, name, kind in names]
        return {"config": {"counts": config}, "measurements": measurements}

    def _storage(self, asked: dict[str, list[str]]) -> bytes:
        after, before = (datetime.fromisoformat(asked[name][0]) for name in ("after", "before"))
        lines = [json.dumps({"result": told}) for at, told in self._uplinks() if after < at < before]
        return "".join(f"{line}\n" for line in lines[: int(asked["limit"][0])]).encode()

    def _uplinks(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """A reading every quarter of an hour since three days ago at midnight UTC; the first has number 0."""
        first = self.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
        inward = outward = 0
        for number, at in enumerate(_steps(first, self.now, timedelta(minutes=15))):
            if number:
                more = self.total(at - timedelta(minutes=15), at)
                inward, outward = inward + more[0], outward + more[1]
            payload = b"\x03\xd2" + inward.to_bytes(4, "little") + b"\x04\xd2" + outward.to_bytes(4, "little")
            uplink: dict[str, Any] = {
                "f_port": 85,
                "frm_payload": base64.b64encode(payload).decode(),
                "rx_metadata": [{"gateway_ids": {"gateway_id": "gtw1"}, "time": f"{at:%Y-%m-%dT%H:%M:%S}.250Z"}],
                "received_at": f"{at:%Y-%m-%dT%H:%M:%S}.400123456Z",
            }
            if number:  # what is 0 is left out
                uplink["f_cnt"] = number
            ids = {"device_id": "door-1", "application_ids": {"application_id": APPLICATION}, "dev_eui": DEV_EUI}
            stamp = f"{at:%Y-%m-%dT%H:%M:%S}.600123456Z"
            yield at, {"end_device_ids": ids, "received_at": stamp, "uplink_message": uplink}


def _steps(start: datetime, end: datetime, length: timedelta) -> Iterator[datetime]:
    while start < end:
        yield start
        start += length


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # what digest authentication prescribes
