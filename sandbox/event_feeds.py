"""Stand-ins for four systems that tell of events, on loopback: DPL CMS, JSON-LD pages, OpenActive, Google Calendar.

What belongs here: the systems' manners (log-in, paging, tokens that expire, what disappears and when, fields about
people) over holdings that the caller supplies. What does not: any code of `ingest`: what this side says is written down
a second time on purpose, or the two could agree on a mistake.

The clock is a value, `now`. Put `url` and the system's path together: `/dpl`, `/pages/`, `/openactive/sessions`,
`/google`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from sandbox.loopback import LoopbackServer, Response, first_values, json_response

CALENDAR_ID = "program@group.calendar.example"
# DPL CMS unpublishes so long after the end, RPDE keeps deleted items at least so long.
UNPUBLISHED_AFTER = timedelta(hours=6)
DELETED_FOR = timedelta(days=7)
PERSON = {"@type": "Person", "name": "Kari Nordmann", "email": "kari@example.org"}


@dataclass(frozen=True)
class Holding:
    """One dated holding.

    Attributes:
        start_at, end_at: aware.
        original_at: the start it first had; differs from `start_at` when it was moved.
        status: `scheduled`, `cancelled` or `postponed`.
    """

    holding_id: str
    title: str
    start_at: datetime
    end_at: datetime
    branch: str = "Testby"
    series_id: str | None = None
    original_at: datetime | None = None
    status: str = "scheduled"
    partners: tuple[str, ...] = ()
    is_all_day: bool = False
    is_private: bool = False

    @property
    def slot_at(self) -> datetime:
        return self.original_at or self.start_at


@dataclass
class _Kept:
    """A holding's newest state and when it got it."""

    holding: Holding
    version: int
    changed_at: datetime
    is_deleted: bool = False


@dataclass
class Manners:
    """How the stand-ins misbehave; change it between polls.

    Attributes:
        statuses: by the beginning of a path, the HTTP statuses that its next answers have.
        bodies: by path, what it answers instead.
        ignores_fields: whether Google sends fields that were not asked for.
        page_size: of OpenActive and Google.
        empty_pages: how many empty pages that lead on OpenActive puts before its items.
    """

    statuses: dict[str, list[int]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    ignores_fields: bool = False
    page_size: int = 3
    empty_pages: int = 0


class EventFeeds(LoopbackServer):
    """The four systems over one list of holdings, running while it is entered as a context.

    Args:
        user, password: what DPL CMS wants.
        key: what Google wants, as its key or as the bearer token of its own token address.
    """

    def __init__(
        self,
        holdings: Iterable[Holding],
        *,
        now: datetime,
        user: str,
        password: str,
        key: str,
        zone: str = "Europe/Oslo",
    ) -> None:
        super().__init__()
        self.now = now
        self.zone = ZoneInfo(zone)
        self.manners = Manners()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._user, self._password, self._key = user, password, key
        self._kept: dict[str, _Kept] = {}
        self._version = 0
        self._dead_before = 0
        self._lock = threading.Lock()
        for holding in holdings:
            self.put(holding)

    # what an editor does

    def put(self, holding: Holding) -> None:
        """Publish a holding, or change it."""
        self._version += 1
        self._kept[holding.holding_id] = _Kept(holding, self._version, self.now)

    def move(self, holding_id: str, start_at: datetime) -> None:
        """Hold it at another time."""
        old = self._kept[holding_id].holding
        shift = start_at - old.start_at
        self.put(replace(old, start_at=start_at, end_at=old.end_at + shift, original_at=old.slot_at))

    def cancel(self, holding_id: str) -> None:
        """Say that it will not be held."""
        self.put(replace(self._kept[holding_id].holding, status="cancelled"))

    def delete(self, holding_id: str) -> None:
        """Remove it."""
        self._version += 1
        kept = self._kept[holding_id]
        self._kept[holding_id] = _Kept(kept.holding, self._version, self.now, is_deleted=True)

    def expire_tokens(self) -> None:
        """End every sync token that Google has given out."""
        self._dead_before = self._version + 1
        self._version += 1

    # answering

    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered."""
        parts = urlsplit(target)
        query = first_values(parts.query)
        with self._lock:
            self.asked.append((parts.path, query))
            for path, statuses in self.manners.statuses.items():
                if parts.path.startswith(path) and statuses:
                    status = statuses.pop(0)
                    if status != 200:
                        return json_response({"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, status)
            if parts.path in self.manners.bodies:
                return Response(200, {"Content-Type": "text/html"}, self.manners.bodies[parts.path])
            if parts.path == "/dpl/api/v1/events":
                return self._dpl(query, headers)
            if parts.path.startswith("/pages/"):
                return self._page(parts.path.removeprefix("/pages/"))
            if parts.path == "/openactive/sessions":
                return self._openactive(query)
            if (method, parts.path) == ("POST", "/google/token"):
                return self._google_token(first_values(form))
            if parts.path.startswith("/google/calendars/"):
                return self._google(unquote(parts.path.removeprefix("/google/calendars/")), query, headers)
        return Response(404, {"Content-Type": "text/plain"}, b"Not here.")

    def _living(self) -> list[_Kept]:
        kept = [k for k in self._kept.values() if not k.is_deleted]
        return sorted(kept, key=lambda k: (k.holding.start_at, k.holding.holding_id))

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).isoformat(timespec="seconds")

    # --- DPL CMS

    def _dpl(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        wanted = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if headers.get("authorization") != f"Basic {wanted}":
            return json_response({"message": "The used authentication method is not allowed on this route."}, 401)
        since = datetime.fromisoformat(query["from_date"]) if "from_date" in query else None
        found = [
            self._instance(kept)
            for kept in self._living()
            if kept.holding.end_at + UNPUBLISHED_AFTER > self.now and (since is None or kept.holding.start_at >= since)
        ]
        return json_response(found)

    def _instance(self, kept: _Kept) -> dict[str, object]:
        holding = kept.holding
        states = {"scheduled": "Active", "cancelled": "Cancelled", "postponed": "Cancelled"}
        series = {"series": {"uuid": holding.series_id}} if holding.series_id else {}
        return {
            "uuid": holding.holding_id,
            "title": holding.title,
            "created_at": self._local(kept.changed_at),
            "updated_at": self._local(kept.changed_at),
            "url": f"https://bibliotek.example.org/arrangementer/{holding.holding_id}?utm=1",
            "state": states[holding.status],
            "all_day": holding.is_all_day,
            "date_time": {"start": self._local(holding.start_at), "end": self._local(holding.end_at)},
            "branches": [holding.branch],
            "address": {"locationType": "physical", "location": "Salen", "street": "Storgata 1", "zip_code": 6000},
            "categories": ["Foredrag"],
            "tags": [],
            "partners": list(holding.partners),
            "description": "Spør Kari Nordmann, kari@example.org",
            "ticket_categories": [{"uuid": "t1", "title": "Voksen", "price": {"currency": "NOK", "value": 5000}}],
            **series,
        }

    # --- pages with JSON-LD

    def _page(self, name: str) -> Response:
        living = {kept.holding.holding_id: kept.holding for kept in self._living()}
        if name == "":
            links = "".join(f'<li><a href="{quote(i)}#top">{escape(h.title)}</a></li>' for i, h in living.items())
            body = f"<html><body><ul>{links}</ul><a href='https://elsewhere.example/x'>x</a></body></html>"
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, body.encode())
        if name == "sitemap.xml":
            places = "".join(f"<url><loc>{self.url}/pages/{quote(i)}</loc></url>" for i in living)
            space = "http://www.sitemaps.org/schemas/sitemap/0.9"
            text = f'<?xml version="1.0"?><urlset xmlns="{space}">{places}</urlset>'
            return Response(200, {"Content-Type": "application/xml"}, text.encode())
        holding = living.get(unquote(name))
        if holding is None:
            return Response(404, {"Content-Type": "text/html"}, b"<html>Gone</html>")
        statuses = {"scheduled": "Scheduled", "cancelled": "Cancelled", "postponed": "Postponed"}
        node: dict[str, object] = {
            "@context": "https://schema.org",
            "@type": "Event",
            "name": holding.title,
            "startDate": self._local(holding.start_at),
            "endDate": self._local(holding.end_at),
            "eventStatus": f"https://schema.org/Event{statuses[holding.status]}",
            "location": {"@type": "Place", "name": holding.branch, "telephone": "+47 70 00 00 00"},
            "organizer": [PERSON, *({"@type": "Organization", "name": name} for name in holding.partners)],
            "performer": PERSON,
            "url": f"{self.url}/pages/{quote(holding.holding_id)}",
        }
        if holding.original_at is not None:
            node |= {"eventStatus": "http://schema.org/EventRescheduled"}
            node |= {"previousStartDate": self._local(holding.original_at)}
        body = (
            f"<html><head><script type='application/ld+json; charset=utf-8'>{json.dumps(node)}</script></head>"
            "<body>Ring Kari Nordmann, kari@example.org</body></html>"
        )
        return Response(200, {"Content-Type": "text/html; charset=utf-8"}, body.encode())

    # --- OpenActive

    def _openactive(self, query: Mapping[str, str]) -> Response:
        after = int(query.get("afterTimestamp", 0)), query.get("afterId", "")
        blank = int(query.get("blank", 0))
        base = f"{self.url}/openactive/sessions"
        if "afterTimestamp" not in query and blank < self.manners.empty_pages:
            return json_response({"next": f"{base}?{urlencode({'blank': blank + 1})}", "items": []})
        states = [
            kept
            for kept in self._kept.values()
            if not (kept.is_deleted and self.now - kept.changed_at > DELETED_FOR) and self._order(kept) > after
        ]
        page = sorted(states, key=self._order)[: self.manners.page_size]
        if page:
            stamp, last_id = self._order(page[-1])
            following = f"{base}?{urlencode({'afterTimestamp': stamp, 'afterId': last_id})}"
        else:
            following = f"{base}?{urlencode(query)}" if query else base
        return json_response({"next": following, "license": "CC-BY", "items": [self._session(kept) for kept in page]})

    @staticmethod
    def _order(kept: _Kept) -> tuple[int, str]:
        # By the second, as many publishers write it: items that change at once share it, and the id decides.
        return int(kept.changed_at.timestamp()), kept.holding.holding_id

    def _session(self, kept: _Kept) -> dict[str, object]:
        holding = kept.holding
        item: dict[str, object] = {
            "state": "deleted" if kept.is_deleted else "updated",
            "kind": "ScheduledSession",
            "id": holding.holding_id,
            "modified": self._order(kept)[0],
        }
        if not kept.is_deleted:
            item["data"] = {
                "@type": "ScheduledSession",
                "startDate": holding.start_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "duration": f"PT{int((holding.end_at - holding.start_at).total_seconds()) // 60}M",
                "eventStatus": f"https://schema.org/Event{holding.status.title()}",
                "leader": [PERSON],
                "superEvent": {
                    "@type": "SessionSeries",
                    "name": holding.title,
                    "location": {"@type": "Place", "name": holding.branch},
                    "organizer": {"@type": "Organization", "name": "Testby bibliotek", "email": "kari@example.org"},
                    "contributor": [PERSON, *({"@type": "Organization", "name": name} for name in holding.partners)],
                },
            }
        return item

    # --- Google Calendar

    def _google_token(self, form: Mapping[str, str]) -> Response:
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") == self._key:
            return json_response({"access_token": self._key, "expires_in": 3599, "token_type": "Bearer"})
        return json_response({"error": "invalid_grant"}, 400)

    def _google(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        if self._key not in (headers.get("x-goog-api-key"), headers.get("authorization", "").removeprefix("Bearer ")):
            return _google_error(401, "authError")
        calendar, _, rest = path.partition("/events")
        if calendar != CALENDAR_ID:
            return _google_error(404, "notFound")
        since = 0
        if "syncToken" in query:
            if {"timeMin", "timeMax", "orderBy", "q", "updatedMin"} & set(query):
                return _google_error(400, "badRequest")
            since = int(query["syncToken"].removeprefix("sync-"))
            if since < self._dead_before:
                return _google_error(410, "fullSyncRequired")
        master = rest.strip("/").removesuffix("/instances") if rest else None
        is_expanded = query.get("singleEvents") == "true" or master is not None
        records = [
            self._record(kept)
            for kept in sorted(self._kept.values(), key=lambda k: k.version)
            if kept.version > since
            and (since or not kept.is_deleted)
            and (master is None or kept.holding.series_id == master)
            and (is_expanded or kept.holding.series_id is None or self._is_exception(kept))
            and self._overlaps(kept, query)
        ]
        if not is_expanded:
            records += self._masters(since)
        start = int(query.get("pageToken", "page-0").removeprefix("page-"))
        size = min(self.manners.page_size, int(query.get("maxResults", 250)))
        document: dict[str, object] = {
            "kind": "calendar#events",
            "summary": "Program",
            "items": [self._asked_fields(record, query) for record in records[start : start + size]],
        }
        if start + size < len(records):
            document["nextPageToken"] = f"page-{start + size}"
        elif master is None:
            document["nextSyncToken"] = f"sync-{self._version}"
        return json_response(document)

    @staticmethod
    def _is_exception(kept: _Kept) -> bool:
        return kept.is_deleted or kept.holding.original_at is not None or kept.holding.status != "scheduled"

    @staticmethod
    def _overlaps(kept: _Kept, query: Mapping[str, str]) -> bool:
        low, high = (datetime.fromisoformat(query[k]) if k in query else None for k in ("timeMin", "timeMax"))
        return (low is None or kept.holding.end_at > low) and (high is None or kept.holding.start_at < high)

    def _masters(self, since: int) -> list[dict[str, object]]:
        series: dict[str, _Kept] = {}
        for kept in self._living():
            # A changed rule is a changed series; an exception is only its own record.
            if kept.holding.series_id is not None and kept.version > since and not self._is_exception(kept):
                series.setdefault(kept.holding.series_id, kept)
        return [
            {**self._record(kept), "id": name, "recurrence": ["RRULE:FREQ=WEEKLY"], "recurringEventId": None}
            for name, kept in series.items()
        ]

    def _record(self, kept: _Kept) -> dict[str, object]:
        holding = kept.holding
        slot = self._when(holding, holding.slot_at)
        if kept.is_deleted:
            # Only what is guaranteed: an instance says its series and slot, another event its id.
            gone: dict[str, object] = {"id": holding.holding_id, "status": "cancelled"}
            if holding.series_id is not None:
                gone |= {"recurringEventId": holding.series_id, "originalStartTime": slot}
            return gone
        record: dict[str, object] = {
            "kind": "calendar#event",
            "id": holding.holding_id,
            "status": "cancelled" if holding.status == "cancelled" else "confirmed",
            "htmlLink": "https://www.google.com/calendar/event?eid=a2FyaUBleGFtcGxlLm9yZw",
            "updated": kept.changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "summary": holding.title,
            "description": "I samarbeid med " + " og ".join(holding.partners) if holding.partners else "",
            "location": holding.branch,
            "creator": {"email": "kari@example.org", "displayName": "Kari Nordmann"},
            "organizer": {"email": "kari@example.org"},
            "attendees": [{"email": "ola@example.org"}],
            "start": self._when(holding, holding.start_at),
            "end": self._when(holding, holding.end_at),
            "sequence": 0,
            "hangoutLink": "https://meet.google.com/abc",
            "eventType": "default",
        }
        if holding.is_private:
            record["visibility"] = "private"
        if holding.series_id is not None:
            record |= {"recurringEventId": holding.series_id, "originalStartTime": slot}
        return record

    def _when(self, holding: Holding, moment: datetime) -> dict[str, str]:
        if holding.is_all_day:
            return {"date": moment.astimezone(self.zone).date().isoformat()}
        return {"dateTime": self._local(moment), "timeZone": str(self.zone)}

    def _asked_fields(self, record: dict[str, object], query: Mapping[str, str]) -> dict[str, object]:
        asked = query.get("fields", "")
        if "items(" in asked and not self.manners.ignores_fields:
            names = asked.split("items(", 1)[1].rstrip(")").split(",")
            record = {name: record[name] for name in names if name in record}
        return {name: value for name, value in record.items() if value is not None}


def _google_error(status: int, reason: str) -> Response:
    return json_response({"error": {"code": status, "errors": [{"domain": "global", "reason": reason}]}}, status)
