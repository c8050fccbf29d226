"""Stand-ins for six event systems, on loopback: The Events Calendar, LibCal, Friskus, ACOS, LinkedEvents and Trumba.

What belongs here: the systems' manners (default windows, pages, log-in, what they forget, errors inside HTTP 200) over
holdings that the caller supplies. What does not: any code of `ingest`: what this side says is written down a second
time on purpose, or the two could agree on a mistake.

All of them tell things that must stay behind: names, mail addresses, numbers, meeting links. Every such text holds
`SECRET_WORD`, so that a test finds it wherever it went. The clock is a value, `now`. Put `url` and the system's name
together for the address of one: `http://127.0.0.1:40001/trumba`.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from sandbox.loopback import LoopbackServer, Response, first_values, json_response, text_response

SYSTEMS = ("tec", "libcal", "friskus", "acos", "linked_events", "trumba")
SECRET_WORD = "Kari-Nordmann-privat"  # noqa: S105 - stands for everything that may not get in
_MONTHS = [
    "januar",
    "februar",
    "mars",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "desember",
]
_DAYS = ["måndag", "tysdag", "onsdag", "torsdag", "fredag", "laurdag", "søndag"]


@dataclass(frozen=True)
class Holding:
    """One dated event as an editor entered it.

    Attributes:
        number: its id in every system.
        start_at, end_at: aware UTC.
        status: `scheduled`, `cancelled`, `postponed`, `draft` or `deleted`.
        series: the id of the series it belongs to; 0 for a single one.
        on_site: people counted by the staff, once it is over; None where nobody did.
        kind: LinkedEvents' kind, `General` or `Course`.
        organiser: the organisation that The Events Calendar names beside its staff, and LinkedEvents in their stead.
    """

    number: int
    title: str
    start_at: datetime
    end_at: datetime
    place: str = "Hovudbiblioteket"
    status: str = "scheduled"
    series: int = 0
    all_day: bool = False
    on_site: int | None = None
    kind: str = "General"
    organiser: str = ""


@dataclass
class Manners:
    """How the stand-ins misbehave; change it between polls.

    Attributes:
        faults: by system and page (None for every page; LibCal's pages are local first days as text): `http_401`,
            `http_429`, `http_500`, `html` (a web page in place of data) or `error` (its own way inside HTTP 200).
        calls_left: by system, how many questions are answered before HTTP 429.
        unanswered_singles: events of The Events Calendar whose own page answers 500.
        wrong_total: by system, what is added to the total that it tells.
        ignores_dates: whether Trumba answers with its own window whatever it is asked.
        acos_items: how many events an ACOS list shows.
    """

    faults: dict[tuple[str, int | str | None], str] = field(default_factory=dict)
    calls_left: dict[str, int] = field(default_factory=dict)
    unanswered_singles: set[int] = field(default_factory=set)
    wrong_total: dict[str, int] = field(default_factory=dict)
    ignores_dates: bool = False
    acos_items: int = 6


class EventPortals(LoopbackServer):
    """The six systems over one programme, running while it is entered as a context.

    Args:
        holdings: what is told; may be changed between polls.
        zone: of the library.
        now: the clock, aware; set it whenever time should pass.
        user, password: the id and secret of LibCal's API client.
    """

    def __init__(
        self, holdings: list[Holding], zone: ZoneInfo, *, now: datetime, user: str = "", password: str = ""
    ) -> None:
        super().__init__()
        self.holdings = holdings
        self.zone = zone
        self.now = now
        self.manners = Manners()
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        self._user, self._password = user, password
        self._tokens: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered."""
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        system, _, path = parts.path.lstrip("/").partition("/")
        with self._lock:
            if (method, system, path) == ("POST", "libcal", "1.1/oauth/token"):
                return self._token(first_values(form))
            if method != "GET" or system not in SYSTEMS:
                return text_response("Not here.", 404)
            self.asked.append((system, path, query))
            if fault := self._fault(system, query):
                return fault
            one = {name: values[0] for name, values in query.items()}
            if system == "tec":
                return self._tec(path, one)
            if system == "libcal":
                return self._libcal(path, one, headers)
            if system == "friskus" and path == "api/v1/events":
                return self._friskus(one)
            if system == "acos":
                return self._acos(path, one)
            if system == "linked_events" and path == "v1/event/":
                return self._linked_events(one)
            if system == "trumba" and path == "":
                return self._trumba(one)
        return text_response("Not here.", 404)

    # --- what all of them do

    def _fault(self, system: str, query: Mapping[str, list[str]]) -> Response | None:
        left = self.manners.calls_left.get(system)
        if left is not None:
            if left == 0:
                return Response(429, {"Content-Type": "text/plain", "Retry-After": "3600"}, b"Too many requests.")
            self.manners.calls_left[system] = left - 1
        page: int | str = int(query["page"][0]) if query.get("page", [""])[0].isdecimal() else 1
        if system == "libcal":
            page = query.get("date", [""])[0]
        fault = self.manners.faults.get((system, page)) or self.manners.faults.get((system, None))
        if fault is None:
            return None
        if fault == "html":
            return Response(200, {"Content-Type": "text/html"}, f"<html>Please log in, {SECRET_WORD}</html>".encode())
        if fault == "error":
            code = {"libcal": "error", "linked_events": "detail"}.get(system, "code")
            return json_response(
                {code: "internal_error", "message": f"no luck for {SECRET_WORD}", "data": {"status": 500}}
            )
        status = int(fault.removeprefix("http_"))
        return Response(status, {"Content-Type": "text/plain", "Retry-After": "3600"}, SECRET_WORD.encode())

    def _told(self, *hidden: str) -> list[Holding]:
        return sorted((h for h in self.holdings if h.status not in hidden), key=lambda h: (h.start_at, h.number))

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def _day(self, moment: datetime) -> date:
        return self._local(moment).date()

    def _between(self, holdings: list[Holding], first: date, last: date) -> list[Holding]:
        """Those with a day in the range, both ends included."""
        return [h for h in holdings if self._day(h.start_at) <= last and self._last_day(h) >= first]

    def _last_day(self, holding: Holding) -> date:
        return max(self._day(holding.start_at), self._day(holding.end_at - timedelta(microseconds=1)))

    # --- The Events Calendar

    def _tec(self, path: str, query: Mapping[str, str]) -> Response:
        yesterday = self._day(self.now) - timedelta(days=1)
        first = date.fromisoformat(query["start_date"]) if "start_date" in query else yesterday
        last = date.fromisoformat(query["end_date"]) if "end_date" in query else yesterday + timedelta(days=731)
        public = self._told("draft", "deleted")
        number = int(query.get("page", "1"))
        if path == "wp-json/tec/v1/events":
            events, total, pages = self._cut("tec", self._between(public, first, last), number, query, 10, 100)
            headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
            return json_response([self._tec_v1(h) for h in events], headers=headers)
        if path == "wp-json/tribe/events/v1/events":
            events, total, pages = self._cut("tec", self._between(public, first, last), number, query, 10, 50)
            if not events and number > 1:
                return json_response({"code": "event-archive-page-not-found", "data": {"status": 404}}, 404)
            body = {"events": [self._tribe(h) for h in events], "total": total, "total_pages": pages}
            return json_response({**body, "rest_url": self.url})
        single = path.removeprefix("wp-json/tribe/events/v1/events/")
        found = [h for h in public if str(h.number) == single]
        if not found:
            return json_response({"code": "event-not-found", "data": {"status": 404}}, 404)
        if found[0].number in self.manners.unanswered_singles:
            return Response(500, {"Content-Type": "text/plain", "Retry-After": "3600"}, SECRET_WORD.encode())
        status = {"cancelled": "EventCancelled", "postponed": "EventPostponed"}.get(found[0].status, "EventScheduled")
        told = {"@type": "Event", "eventStatus": f"https://schema.org/{status}", "performer": SECRET_WORD}
        return json_response({**self._tribe(found[0]), "json_ld": told})

    def _cut(
        self, system: str, holdings: list[Holding], number: int, query: Mapping[str, str], default: int, most: int
    ) -> tuple[list[Holding], int, int]:
        """A page of a list, the total that is told, and how many pages there are."""
        size = min(int(query.get("per_page", query.get("page_size", default))), most)
        total = len(holdings) + self.manners.wrong_total.get(system, 0)
        return holdings[(number - 1) * size : number * size], total, -(-len(holdings) // size)

    def _tec_times(self, holding: Holding) -> tuple[str, str, str, str]:
        start, end = self._local(holding.start_at), self._local(holding.end_at)
        if holding.all_day:
            end = end - timedelta(seconds=1)
        stamp = "%Y-%m-%d %H:%M:%S"
        return tuple(f"{m:{stamp}}" for m in (start, end, start.astimezone(UTC), end.astimezone(UTC)))  # type: ignore[return-value]

    def _tribe(self, holding: Holding) -> dict[str, object]:
        start, end, utc_start, utc_end = self._tec_times(holding)
        venue = {"id": 7, "venue": holding.place, "city": "Fjordvik", "phone": SECRET_WORD, "address": "Kaien 1"}
        return {
            "id": holding.number,
            "author": SECRET_WORD,
            "status": "publish",
            "modified_utc": "2026-02-03 09:12:44",
            "url": f"https://bibliotek.example/arrangement/{holding.number}/?x=1",
            "title": html.escape(holding.title),
            "description": "<p>I samarbeid med Fjordvik Røde Kors.</p>",
            "image": {"url": "https://bibliotek.example/i.jpg", "credit": SECRET_WORD},
            "all_day": holding.all_day,
            "start_date": start,
            "end_date": end,
            "utc_start_date": utc_start,
            "utc_end_date": utc_end,
            "timezone": str(self.zone),
            "cost": "",
            "hide_from_listings": False,
            "categories": [{"id": 3, "name": "Barn &amp; familie", "slug": "barn"}],
            "tags": [],
            "venue": venue if holding.place else [],
            "organizer": [
                {"id": 1, "organizer": SECRET_WORD, "email": f"{SECRET_WORD}@example.org", "phone": "1"},
                *({"id": 2, "organizer": html.escape(name)} for name in [holding.organiser] if name),
            ],
            "custom_fields": {"_ecp_custom_2": SECRET_WORD},
        }

    def _tec_v1(self, holding: Holding) -> dict[str, object]:
        start, end, utc_start, utc_end = self._tec_times(holding)
        return {
            "id": holding.number,
            "status": "publish",
            "modified_gmt": "2026-02-03T09:12:44",
            "link": f"https://bibliotek.example/arrangement/{holding.number}/",
            "title": {"rendered": html.escape(holding.title)},
            "content": {"rendered": "<p>I samarbeid med Fjordvik Røde Kors.</p>"},
            "all_day": holding.all_day,
            "multiday": False,
            "start_date": start,
            "end_date": end,
            "start_date_utc": utc_start,
            "end_date_utc": utc_end,
            "timezone": str(self.zone),
            "duration": str(int((holding.end_at - holding.start_at).total_seconds())),
            "venues": [{"id": 7, "title": holding.place, "city": "Fjordvik", "phone": SECRET_WORD}],
            "organizers": [
                {"id": 1, "title": SECRET_WORD, "email": SECRET_WORD, "phone": SECRET_WORD},
                *({"id": 2, "title": html.escape(name)} for name in [holding.organiser] if name),
            ],
            "tribe_events_cat": [{"id": 3, "name": "Barn &amp; familie"}],
        }

    # --- LibCal

    def _token(self, form: Mapping[str, str]) -> Response:
        given = (form.get("client_id"), form.get("client_secret"), form.get("grant_type"))
        if given != (self._user, self._password, "client_credentials"):
            return json_response({"error": "invalid_client", "error_description": f"no access for {form}"}, 400)
        self._tokens.add(token := f"token-{len(self._tokens)}-of-libcal")
        return json_response({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _libcal(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return json_response({"error": "access_denied"}, 401)
        if path != "1.1/events":
            return text_response("Not here.", 404)
        year, month, day = (int(part) for part in query["date"].split("-")) if "date" in query else (0, 0, 0)
        first = date(year, month, day) if year else self._day(self.now)
        days = int(query.get("days", "30"))
        if days > 365:
            return json_response({"error": "days is 365 at most"})
        events = self._between(self._told("deleted", "draft"), first, first + timedelta(days=days))
        limit = min(int(query.get("limit", "20")), 500)
        return json_response({"events": [self._libcal_event(h, query.get("cal_id", "0")) for h in events[:limit]]})

    def _libcal_event(self, holding: Holding, calendar: str) -> dict[str, object]:
        is_over = holding.end_at <= self.now and holding.on_site is not None
        return {
            "id": holding.number,
            "title": holding.title if holding.status == "scheduled" else f"AVLYST: {holding.title}",
            "allday": holding.all_day,
            "start": self._local(holding.start_at).isoformat(),
            "end": self._local(holding.end_at).isoformat(),
            "description": "<p>I samarbeid med Fjordvik Røde Kors.</p>",
            "url": {"public": f"https://fjordvik.example/event/{holding.number}", "admin": SECRET_WORD},
            "location": {"id": 5, "type": 1, "name": holding.place} if holding.place else [],
            "campus": [],
            "category": [{"id": 1, "name": "Barn"}],
            "audience": [{"id": 2, "name": "Familie"}],
            "internal_tags": [{"id": 3, "name": SECRET_WORD}],
            "owner": {"id": 9, "name": SECRET_WORD},
            "presenter": SECRET_WORD,
            "calendar": {"id": int(calendar), "name": "Fjordvik"},
            "seats": 30,
            "registration": True,
            "seats_taken": 28,
            "wait_list": 2,
            "zoom_email": SECRET_WORD,
            "online_host_url": SECRET_WORD,
            "online_join_url": SECRET_WORD,
            "online_join_password": SECRET_WORD,
            "online_meeting_id": SECRET_WORD,
            "event_note": SECRET_WORD,
            "more_info": SECRET_WORD,
            "future_dates": [],
            "attendance": {"in_person": holding.on_site if is_over else 0, "online": 0},
            "audience_breakdown": {"Children": (holding.on_site or 0) // 2 if is_over else 0, "Comment": SECRET_WORD},
        }

    # --- Friskus: a series is one record that shows its next date

    def _friskus(self, query: Mapping[str, str]) -> Response:
        if not query.get("municipalities[]"):
            return json_response({"message": "The municipalities field is required."}, 422)
        records: dict[int, list[Holding]] = {}
        for holding in self._told("deleted", "draft", "cancelled"):
            if holding.end_at > self.now:
                records.setdefault(holding.series or holding.number, []).append(holding)
        told = [self._friskus_record(key, members) for key, members in sorted(records.items())]
        number = int(query.get("page", "1"))
        total = len(told) + self.manners.wrong_total.get("friskus", 0)
        last = max(1, -(-len(told) // 15))
        meta = {"total": total, "page": number, "last_page": last, "per_page": 15}
        return json_response({"data": told[(number - 1) * 15 : number * 15], "meta": meta})

    def _friskus_record(self, key: int, members: list[Holding]) -> dict[str, object]:
        nearest, last = members[0], members[-1]
        start, end = self._local(nearest.start_at), self._local(nearest.end_at)
        repeats = bool(nearest.series)
        rule: dict[str, object] = {
            "frequency": 3 if repeats else 1,
            "start_at": f"{start:%Y-%m-%d}",
            "until": f"{self._local(last.end_at):%Y-%m-%d}",
            "start_time": f"{start:%H:%M}",
            "end_time": f"{end:%H:%M}",
            "timezone": str(self.zone),
            "rdates": [],
            "exdates": [],
        }
        if repeats:
            rule["weekdays"] = [start.weekday()]
        return {
            "id": f"00000000-0000-4000-8000-{key:012d}",
            "name": nearest.title,
            "start_at": f"{start:%Y-%m-%dT%H:%M:%S%z}",
            "end_at": f"{self._local(last.end_at):%Y-%m-%dT%H:%M:%S%z}",
            "age_group": ["family", "senior"],
            "is_free": True,
            "organization": {"name": "Fjordvik bibliotek", "contact": SECRET_WORD},
            "contact_email": f"{SECRET_WORD}@example.org",
            "occurrences_count": len(members),
            "event_source": "friskus",
            "is_recurring": repeats,
            "slug": "x",
            "distance": None,
            "thumbnail_url": "https://bibliotek.example/t.jpg",
            "rrule": rule,
        }

    # --- ACOS: a page, and the list in it

    def _acos(self, path: str, query: Mapping[str, str]) -> Response:
        coming = [h for h in self._told("deleted", "draft") if h.end_at > self.now][: self.manners.acos_items]
        if path == "kalender/":
            page = f'<html><p>Ring {SECRET_WORD}</p><div class="js-filtervisning" data-filter-identifier="abc-1"></div>'
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
        if path == "Kalender/":
            items = "".join(self._acos_old(h) for h in coming)
            page = f"<html><p>Ring {SECRET_WORD}</p><ul>{items}</ul></html>"
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
        if path != "api/presentation/v2/filtervisning/abc-1/init" or query.get("date") != "upcoming":
            return text_response("Not here.", 404)
        told = [{"content": self._acos_new(h), "navigateUrl": f"/kalender/arr.{h.number}.aspx"} for h in coming]
        return json_response({"content": {"body": {"result": {"items": told, "editor": SECRET_WORD}}}})

    def _acos_title(self, holding: Holding) -> str:
        return html.escape(holding.title if holding.status == "scheduled" else f"AVLYST: {holding.title}")

    def _acos_new(self, holding: Holding) -> str:
        start, end = self._local(holding.start_at), self._local(holding.end_at)
        day, last = self._acos_day(start.date()), self._last_day(holding)
        if last > start.date():
            day += f" - {self._acos_day(last)}"
        clock = "" if holding.all_day else f"kl. {start:%H:%M} - {end:%H:%M}"
        return (
            f'<article class="cc-teaser"><img alt="Foto: {SECRET_WORD}"/>'
            f'<h2 class="cc-teaser-title-text">{self._acos_title(holding)}</h2>'
            f'<p class="cc-teaser-text">Kontakt {SECRET_WORD}</p>'
            f'<span class="cc-teaser-meta-item cc-teaser-meta-item--date">{day}</span>'
            f'<span class="cc-teaser-meta-item cc-teaser-meta-item--time">{clock}</span>'
            f'<span class="cc-teaser-meta-item cc-teaser-meta-item--location">{html.escape(holding.place)}</span>'
            "</article>"
        )

    def _acos_day(self, day: date) -> str:
        return f"{_DAYS[day.weekday()].capitalize()} {day.day}. {_MONTHS[day.month - 1]} {day.year}"

    def _acos_old(self, holding: Holding) -> str:
        start = self._local(holding.start_at)
        return (
            f'<li class="event"><a href="/Kalender/CalendarEvent.aspx?Id={holding.number}">'
            f'<span class="event-date-day">{start.day}</span><span class="event-date-month">'
            f'{_MONTHS[start.month - 1]}</span><span class="event-date-month">{start.year}</span>'
            f'<span class="event-time">kl. {start:%H:%M}</span>'
            f'<span class="event-title">{self._acos_title(holding)}</span>'
            f'<span class="event-location">{html.escape(holding.place)}</span></a>'
            f'<span class="event-contact">{SECRET_WORD}</span></li>'
        )

    # --- LinkedEvents

    def _linked_events(self, query: Mapping[str, str]) -> Response:
        kinds = query.get("event_type", "General").split(",")
        hidden = ("draft",) if query.get("show_deleted") == "true" else ("draft", "deleted")
        found = [h for h in self._told(*hidden) if h.kind in kinds]
        first = date.fromisoformat(query["start"]) if "start" in query else date.min
        last = date.fromisoformat(query["end"]) if "end" in query else date.max
        series = sorted({h.series for h in found if h.series})
        told: list[dict[str, object]] = [self._linked_series(number, found) for number in series]
        told += [self._linked_event(h, query) for h in self._between(found, first, last)]
        size, number = min(int(query.get("page_size", "20")), 100), int(query.get("page", "1"))
        rest = f"{self.url}/linked_events/v1/event/?page={number + 1}" if number * size < len(told) else None
        total = len(told) + self.manners.wrong_total.get("linked_events", 0)
        meta = {"count": total, "next": rest, "previous": None}
        return json_response({"meta": meta, "data": told[(number - 1) * size : number * size]})

    def _linked_series(self, number: int, found: list[Holding]) -> dict[str, object]:
        first = next(h for h in found if h.series == number)
        return {**self._linked_event(first, {}), "id": f"fjord:{number}", "super_event_type": "recurring"}

    def _linked_event(self, holding: Holding, query: Mapping[str, str]) -> dict[str, object]:
        word = {"cancelled": "EventCancelled", "postponed": "EventPostponed"}.get(holding.status, "EventScheduled")
        address = f"{self.url}/linked_events/v1/event/fjord:{holding.series}/"
        embedded = {"@id": address, "id": f"fjord:{holding.series}", "super_event_type": "recurring"}
        link = embedded if "super_event" in query.get("include", "") else {"@id": address}
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        return {
            "id": f"fjord:{holding.number}",
            "data_source": "fjord",
            "publisher": "fjord:1",
            "publication_status": "public",
            "event_status": word,
            "type_id": holding.kind,
            "deleted": holding.status == "deleted",
            "replaced_by": None,
            "super_event_type": None,
            "super_event": link if holding.series else None,
            "created_by": SECRET_WORD,
            "user_email": f"{SECRET_WORD}@example.org",
            "user_phone_number": SECRET_WORD,
            "last_modified_time": "2026-02-03T09:12:44.123456Z",
            "start_time": None if holding.status == "postponed" else f"{holding.start_at:{stamp}}",
            "end_time": f"{holding.end_at:{stamp}}",
            "has_start_time": not holding.all_day,
            "has_end_time": not holding.all_day,
            "name": {"fi": holding.title, "sv": None},
            "description": {"fi": "<p>I samarbeid med Fjordvik Røde Kors.</p>"},
            "location": {"id": "fjord:7", "name": {"fi": holding.place}, "email": SECRET_WORD},
            "keywords": [{"id": "yso:1", "name": {"fi": "lapset"}}],
            "provider": {"fi": holding.organiser or SECRET_WORD},
            "provider_contact_info": {"fi": SECRET_WORD},
            "images": [{"id": 1, "photographer_name": SECRET_WORD}],
            "info_url": {"fi": f"https://bibliotek.example/{holding.number}"},
        }

    # --- Trumba

    def _trumba(self, query: Mapping[str, str]) -> Response:
        today = self._day(self.now)
        first, last = today - timedelta(weeks=2), today + timedelta(days=182)
        if not self.manners.ignores_dates:
            first = datetime.strptime(query["startdate"], "%Y%m%d").date() if "startdate" in query else first  # noqa: DTZ007
            last = datetime.strptime(query["enddate"], "%Y%m%d").date() if "enddate" in query else last  # noqa: DTZ007
        return json_response(
            [self._trumba_event(h) for h in self._between(self._told("draft", "deleted"), first, last)]
        )

    def _trumba_event(self, holding: Holding) -> dict[str, object]:
        start, end = self._local(holding.start_at), self._local(holding.end_at)
        is_off = holding.status == "cancelled"
        event: dict[str, object] = {
            "eventID": holding.number,
            "template": "Main",
            "title": html.escape(f"CANCELLED - {holding.title}" if is_off else holding.title),
            "description": "I samarbeid med Fjordvik Røde Kors.",
            "locationType": "In-Person",
            "location": f'<a href="https://bibliotek.example/x">{html.escape(holding.place)}</a>',
            "startDateTime": f"{start:%Y-%m-%dT%H:%M:%S}",
            "endDateTime": f"{end:%Y-%m-%dT%H:%M:%S}",
            "allDay": holding.all_day,
            "startTimeZoneOffset": f"{start:%z}",
            "endTimeZoneOffset": f"{end:%z}",
            "canceled": is_off,
            "eventImage": {"url": "https://bibliotek.example/i.jpg", "alt": SECRET_WORD},
            "customFields": [
                {"fieldID": 1, "label": "Room Location", "value": "Salen", "type": 17},
                {"fieldID": 2, "label": "Contact", "value": SECRET_WORD, "type": 17},
            ],
            "permaLinkUrl": f"https://bibliotek.example/?trumbaEmbed=eventid%3d{holding.number}",
            "categoryCalendar": "Fjordvik",
        }
        if holding.series:
            event |= {"seriesID": holding.series, "repeats": "Every week", "repeatingRegistration": 0}
        return event
