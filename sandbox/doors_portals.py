"""Stand-ins for the portals of five makers of door counters, on loopback.

What belongs here: the vendors' manners (addresses, log-in, forms of time, limits, errors inside HTTP 200) over counts
that the caller supplies. What does not: any code of `ingest`: what this side says is written down a second time on
purpose, or the two could agree on a mistake.

The clock is a value, `now`: quarters after it have no counts yet. Put `url` and the maker's name together for the
address of one portal, such as `http://127.0.0.1:40001/vea`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from sandbox.loopback import LoopbackServer, Response, first_values, json_response, text_response

MAKES = ("kundetelling", "vemcount", "shoppertrak", "vea", "trafsys")
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Line:
    """One counted line: the site's id, the entrance's name there, and the sensor's id where the maker has one."""

    site: str
    entrance: str
    sensor_id: str
    is_entrance: bool = True


Crossings = Callable[[Line, datetime], tuple[int, int]]


@dataclass
class Manners:
    """How the stand-ins misbehave; change it between polls.

    Attributes:
        faults: by maker and local day: `http_500`, `garbage`, `wrong_date`, `error` (the maker's own way inside HTTP
            200) or, for ShopperTrak, a code such as `E108`. The day None means every day.
        calls_left: by maker, how many questions are answered before the day's limit; then E107 or HTTP 429.
        unhealthy: quarters (UTC starts) that ShopperTrak marks with code 02.
        fills_days_to_come: whether ShopperTrak tells the rest of a running day as noughts.
        trafsys_reads_clock: whether a TrafSys stamp is what the wall shows at the hour's end, instead of the label
            of its start plus an hour. They differ only where the clock changes.
        trafsys_files_by_end: whether the hour that ends at midnight belongs to the day that begins.
    """

    faults: dict[tuple[str, date | None], str] = field(default_factory=dict)
    calls_left: dict[str, int] = field(default_factory=dict)
    unhealthy: set[datetime] = field(default_factory=set)
    fills_days_to_come: bool = False
    trafsys_reads_clock: bool = False
    trafsys_files_by_end: bool = False


class DoorPortals(LoopbackServer):
    """The five portals over one library's lines, running while it is entered as a context.

    Args:
        lines: what is counted.
        crossings: people in and out of a line in the quarter that starts at an aware UTC moment.
        zone: of the counters' clocks.
        now: the clock, aware; set it whenever time should pass.
        user, password: what all five accept; for Vea the client's id and secret, for Vemcount the password is the key.
    """

    def __init__(
        self, lines: tuple[Line, ...], crossings: Crossings, zone: ZoneInfo, *, now: datetime, user: str, password: str
    ) -> None:
        super().__init__()
        self.lines = lines
        self.crossings = crossings
        self.zone = zone
        self.now = now
        self.manners = Manners()
        self.asked: list[tuple[str, date, str]] = []
        self.tokens_given = 0
        self._user, self._password = user, password
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def end_token(self, make: str) -> None:
        """What happens when another program asks for a token with the same client."""
        with self._lock:
            self._tokens[make] = "taken over"

    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered."""
        parts = urlsplit(target)
        query = first_values(parts.query)
        make, _, path = parts.path.lstrip("/").partition("/")
        with self._lock:
            if (method, make, path) in {("POST", "vea", "oauth/token"), ("POST", "trafsys", "token")}:
                return self._token(make, first_values(form))
            if (method, make, path) == ("GET", "kundetelling", "ws/publicservice.asmx/ExportAll"):
                return self._kundetelling(query)
            if (method, make, path) == ("GET", "vemcount", "api/fetch_data/"):
                return self._vemcount(query)
            if method == "GET" and make == "shoppertrak" and path.startswith("service/site/"):
                return self._shoppertrak(unquote(path.removeprefix("service/site/")), query, headers)
            if (method, make, path) == ("GET", "vea", "data/traffic"):
                return self._vea(query, headers)
            if (method, make, path) == ("GET", "trafsys", "api/traffic"):
                return self._trafsys(query, headers)
        return text_response("Not here.", 404)

    # --- what all of them do

    def _token(self, make: str, form: Mapping[str, str]) -> Response:
        names = ("client_id", "client_secret") if make == "vea" else ("username", "password")
        grant = "client_credentials" if make == "vea" else "password"
        if form.get("grant_type") != grant or (form.get(names[0]), form.get(names[1])) != (self._user, self._password):
            return json_response({"error": "invalid_grant", "error_description": f"no access for {form}"}, 400)
        self.tokens_given += 1
        self._tokens[make] = f"token-of-{make}-{self.tokens_given}"  # the one before is dead from now on
        return json_response({"access_token": self._tokens[make], "token_type": "Bearer", "expires_in": 3600})

    def _has_token(self, make: str, headers: Mapping[str, str]) -> bool:
        return make in self._tokens and headers.get("authorization") == f"Bearer {self._tokens[make]}"

    def _misbehaviour(self, make: str, day: date, site: str, error: Response) -> Response | None:
        """A fault that is ordered for this question; `error` is the maker's own way to say one."""
        self.asked.append((make, day, site))
        left = self.manners.calls_left.get(make)
        if left is not None:
            if left == 0:
                return _error_xml("E107") if make == "shoppertrak" else text_response("Too many requests.", 429)
            self.manners.calls_left[make] = left - 1
        fault = self.manners.faults.get((make, day)) or self.manners.faults.get((make, None))
        if fault == "http_500":
            return text_response(f"Error for {self._user}:{self._password}.", 500)
        if fault == "garbage":
            return text_response("<html><body>Maintenance, sorry<br></body>")
        if fault == "error":
            return error
        return _error_xml(fault) if fault is not None and fault.startswith("E") else None

    def _told_day(self, make: str, day: date) -> date:
        return day - timedelta(days=1) if self.manners.faults.get((make, day)) == "wrong_date" else day

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _starts(self, begins: datetime, ends: datetime, minutes: int, *, to_come: bool = False) -> Iterator[datetime]:
        """Starts of the intervals of a range that have begun, in time's order."""
        at = begins
        while at < ends and (to_come or at < self.now):
            yield at
            at += timedelta(minutes=minutes)

    def _people(self, line: Line, start_at: datetime, minutes: int) -> tuple[int, int]:
        """People in an interval, as far as it has come."""
        quarters = [start_at + n * QUARTER for n in range(minutes // 15)]
        told = [self.crossings(line, quarter) for quarter in quarters if quarter < self.now]
        return sum(n for n, _ in told), sum(n for _, n in told)

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)

    # --- one maker each

    def _kundetelling(self, query: Mapping[str, str]) -> Response:
        try:
            first, last = (datetime.strptime(query[n], "%d-%m-%Y %H:%M").date() for n in ("from", "to"))  # noqa: DTZ007
        except (KeyError, ValueError):
            return text_response("Unprocessable", 422)
        if (query.get("username"), query.get("password")) != (self._user, self._password):
            return _string_xml(f"Wrong user name or password: {query.get('username')} {query.get('password')}")
        if fault := self._misbehaviour("kundetelling", first, "", _string_xml("Object reference not set")):
            return fault
        shift = self._told_day("kundetelling", first) - first
        begins, ends = self._midnight(first + shift), self._midnight(last + shift) + timedelta(hours=1)  # both ends
        rows = ["Id;Date;VisitCount"]
        for line in self.lines:
            for at in self._starts(begins, ends, 60):
                rows.append(f"{line.sensor_id};{self._wall(at):%d.%m.%Y %H:%M};{self._people(line, at, 60)[0]}")
        return _string_xml("\n".join(rows))

    def _vemcount(self, query: Mapping[str, str]) -> Response:
        asked = json.loads(query["data"])
        if asked.get("api_key") != self._password:
            return json_response({"error": "invalid_api_key", "message": f"key {asked.get('api_key')}"})
        begins, ends = (datetime.strptime(asked[n], "%Y-%m-%d %H:%M").date() for n in ("date_from", "date_to"))  # noqa: DTZ007
        if fault := self._misbehaviour("vemcount", begins, asked["id"], json_response({"code": 503})):
            return fault
        shift = self._told_day("vemcount", begins) - begins
        minutes = int(asked["interval"].removesuffix("min"))
        data = []
        for line in self.lines:
            if line.site != asked["id"]:
                continue
            for at in self._starts(self._midnight(begins + shift), self._midnight(ends + shift), minutes):
                people_in, people_out = self._people(line, at, minutes)
                data.append(
                    {
                        "shop_id": "1",
                        "custom_shop_id": line.site,
                        "is_entrance": "1" if line.is_entrance else "0",
                        "ip": "10.0.0.5",
                        "created_at": f"{self._wall(at):%Y-%m-%d %H:%M:%S}",
                        "created_at_unix": str(int(at.timestamp())),
                        "sensor_name": line.entrance,
                        "sensor_id": line.sensor_id,
                        "count_in": str(people_in),
                        "count_out": str(people_out),
                    }
                )
        return json_response({"data": data[: int(asked["limit"])]})  # cut without a word

    def _shoppertrak(self, site: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        known = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if headers.get("authorization") != f"Basic {known}":
            return text_response("Unauthorized", 401)
        day = datetime.strptime(query["date"], "%Y%m%d").date()  # noqa: DTZ007
        if fault := self._misbehaviour("shoppertrak", day, site, json_response({"code": "E999"})):
            return fault
        lines = [line for line in self.lines if line.site == site]
        if not lines:
            return _error_xml("E101")
        day = self._told_day("shoppertrak", day)
        minutes = int(query["increment"])
        doors = ""
        for line in lines:
            counts = ""
            begins, ends = self._midnight(day), self._midnight(day + timedelta(days=1))
            for at in self._starts(begins, ends, minutes, to_come=self.manners.fills_days_to_come):
                people_in, people_out = self._people(line, at, minutes)
                code = "02" if at in self.manners.unhealthy else "01"
                counts += (
                    f'<traffic code="{code}" exits="{people_out}" enters="{people_in}"'
                    f' startTime="{self._wall(at):%H%M%S}"/>'
                )
            doors += f"<entrance entranceName={quoteattr(f' {line.entrance} ')}>{counts}</entrance>"
        told = f'<date dateValue="{day:%Y%m%d}">{doors}</date>'
        return _xml_answer(f"<sites><site siteID={quoteattr(site)}>{told}</site></sites>")

    def _vea(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        if not self._has_token("vea", headers):
            return json_response({"error": "unauthorized"}, 401)
        begins, ends = (datetime.fromisoformat(query[n]).astimezone(UTC) for n in ("startDate", "endDate"))
        day = begins.astimezone(self.zone).date()
        if fault := self._misbehaviour("vea", day, "", json_response({"status": 500, "message": "query failed"})):
            return fault
        shift = self._told_day("vea", day) - day
        minutes = {"hour(1)": 60, "minute(15)": 15}[query["dateGroupings"]]
        column = {60: "recordDate_hour_1", 15: "recordDate_minute_15"}[minutes]
        hours = range(24) if query["excludeClosedHours"] == "false" else range(9, 17)
        results = []
        for line in self.lines:
            for at in self._starts(begins + shift, ends + shift, minutes):
                if self._wall(at).hour not in hours:
                    continue
                people_in, people_out = self._people(line, at, minutes)
                results.append(
                    {
                        column: f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
                        "zoneId": line.sensor_id,
                        "name": line.entrance,
                        "sumins": people_in,
                        "sumouts": people_out,
                    }
                )
        return json_response({"results": results})

    def _trafsys(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        if not self._has_token("trafsys", headers):
            return json_response({"Message": "Authorization has been denied for this request."}, 401)
        first, last = (date.fromisoformat(query[n]) for n in ("DateFrom", "DateTo"))
        if fault := self._misbehaviour("trafsys", first, query["SiteCode"], json_response({"Message": "An error"})):
            return fault
        shift = self._told_day("trafsys", first) - first
        begins, ends = self._midnight(first + shift), self._midnight(last + shift + timedelta(days=1))
        if self.manners.trafsys_files_by_end:
            begins, ends = begins - timedelta(hours=1), ends - timedelta(hours=1)
        told = []
        for line in self.lines:
            if query["SiteCode"] not in ("", line.site) or not line.is_entrance:
                continue
            for at in self._starts(begins, ends, 60):
                by_label = self._wall(at) + timedelta(hours=1)
                ending = self._wall(at + timedelta(hours=1)) if self.manners.trafsys_reads_clock else by_label
                people_in, people_out = self._people(line, at, 60)
                told.append(
                    {
                        "SiteCode": line.site,
                        "Location": line.entrance,
                        "PeriodEnding": f"{ending:%Y-%m-%dT%H:%M:%S}",
                        "Ins": people_in,
                        "Outs": people_out,
                    }
                )
        return json_response(told)


def _xml_answer(text: str) -> Response:
    return text_response(f'<?xml version="1.0" encoding="utf-8"?>{text}', kind="text/xml")


def _string_xml(text: str) -> Response:
    return _xml_answer(f"<string>{escape(text)}</string>")


def _error_xml(code: str) -> Response:
    return _xml_answer(f"<message><error>{code}</error><description>Not now.</description></message>")
