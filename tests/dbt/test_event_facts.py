"""Event feeds from their bytes to the warehouse: what servers really do, through landing, adapters, lake and dbt.

`test_event_scenarios` tells the warehouse's rules on claims made by hand. Here nothing is made by hand but the bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest
from event_lake import ask, build_home, library_with

from ingest import pipeline
from ingest.catalogue import Arrival
from ingest.config import Configuration, EventDecision, Source
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import Lake
from ingest.library_tables import write_library_tables

AS_OF = "2024-07-01 04:00:00"
OSLO = "Europe/Oslo"
LISTS = {"zone": OSLO}
# A way to reach somebody, in each form that people write, and what must be found of it nowhere.
SAID = (
    "kari.nordmann@epost.example tlf. 70 16 00 00 +47 912 34 568 91234567 41 23 45 67 "
    "https://eu01web.zoom.us/j/84512345678?pwd=hemmeleg meet.google.com/abc-defg-hij"
)
TRACES = re.compile(
    r"epost\.example|nordmann|70 16 00|912 ?34 ?56|41 23 45|zoom\.us|meet\.google|hemmeleg", re.IGNORECASE
)
MEETING = "https://eu01web.zoom.us/j/84512345678"


def event(uid: str, start: str, title: str, *more: str, place: str = "Moa bibliotek") -> str:
    """One VEVENT of an hour; `start` as 20240305T180000, local."""
    end = f"{datetime.strptime(start, '%Y%m%dT%H%M%S') + timedelta(hours=1):%Y%m%dT%H%M%S}"  # noqa: DTZ007 - wall clock
    lines = [f"UID:{uid}", f"DTSTART:{start}", f"DTEND:{end}", f"SUMMARY:{title}", f"LOCATION:{place}", *more]
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def calendar(*events: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//", *events, "END:VCALENDAR", ""]).encode()


PAST = [event(f"past-{n}@x", f"202401{n:02d}T180000", f"Vinterkveld {n}") for n in range(8, 18)]
AHEAD = [event(f"ahead-{n}@x", f"202406{n:02d}T180000", f"Sommar {n}") for n in range(1, 13)]


@dataclass
class Server:
    """A calendar's server on loopback: it answers what it is told to."""

    url: str = ""
    body: bytes = b""
    code: int = 200
    kind: str = "text/calendar"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Running while the histories are polled."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(told.code)
            self.send_header("Content-Type", told.kind)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=running.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{running.server_port}/programme.ics"
    yield told
    running.shutdown()
    running.server_close()


def source(source_id: str, adapter: str, **options: Any) -> Source:
    return Source(source_id=source_id, family="events", adapter=adapter, description="Real bytes.", options=options)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def drop(home: Home, source_id: str, when: str, body: Any, name: str = "body", how: str = "drop", **more: Any) -> None:
    """Land bytes, or a document as JSON, as they would have come at a UTC time."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    home.land(Arrival(source_id, how, at(when), raw, origin=name, **more))


def built(home: Home, configuration: Configuration, project: Path, *select: str) -> Path:
    """Read everything that was landed, and let dbt make the warehouse of it."""
    outcomes = pipeline.read_pending(home, configuration, "events")
    assert [f for o in outcomes.values() for f in o.failures] == []
    pipeline.write_receipts(home, configuration)
    Lake(home.lake).prepare()
    write_library_tables(home.lake, configuration)
    (home.root / "warehouse").mkdir(exist_ok=True)
    return build_home(home.root, project, AS_OF, *select)


# -- histories ------------------------------------------------------------------------------------------------------


def flaky_feed(home: Home, configuration: Configuration, source_id: str, server: Server) -> None:
    """It tells everything; loses its past; its server is down; a page stands in its place; it is half empty; it is
    whole again but for one event."""

    def poll(when: str, body: bytes, code: int = 200, kind: str = "text/calendar") -> None:
        server.body, server.code, server.kind = body, code, kind
        session = Session(Limits(tries=1, backoff_seconds=0.001), allow_loopback=True)
        pipeline.poll(home, configuration, configuration.source(source_id), at(when), session)

    poll("2024-03-01 04:00", calendar(*PAST, *AHEAD))
    poll("2024-03-10 04:00", calendar(*AHEAD))
    poll("2024-03-11 04:00", b"down", 503, "text/plain")
    poll("2024-03-12 04:00", b"<html><body>Oops</body></html>", 200, "text/html")
    poll("2024-03-13 04:00", calendar(*AHEAD)[: len(calendar(*AHEAD)) // 2])
    for day in range(14, 20):
        poll(f"2024-03-{day} 04:00", calendar(*AHEAD[:4]))
    poll("2024-03-20 04:00", calendar())
    for day in range(1, 5):
        poll(f"2024-04-0{day} 04:00", calendar(*AHEAD[:-1]))


def half_feed(home: Home) -> None:
    """It comes back half empty and stays so: the same words every day for a week."""
    window: dict[str, Any] = {"window_start_at": at("2024-01-01 00:00"), "window_end_at": at("2025-01-01 00:00")}
    autumn = [event(f"autumn-{n}@z", f"202410{n:02d}T180000", f"Haust {n}", place="Skodje") for n in range(1, 11)]
    for day in range(1, 9):
        told = autumn if day == 1 else [*autumn[:4], event(f"new-{day}@z", "20241101T180000", f"Ny {day}")]
        drop(home, "event_half", f"2024-05-0{day} 04:00", calendar(*told), how="poll", is_complete=True, **window)


def moved_by_id(home: Home) -> None:
    """The Events Calendar writes the start into the id: a moved event vanishes and another one comes."""
    window: dict[str, Any] = {
        "window_start_at": at("2024-01-01 00:00"),
        "window_end_at": at("2025-01-01 00:00"),
        "is_complete": True,
    }
    steady = [event(f"{n}@y", f"202405{n}T180000", f"Kveld {n}") for n in range(10, 20)]
    old = event("912-1715266800-1715270400@y", "20240509T170000", "Byvandring i Skodje", place="Skodje bibliotek")
    new = event("912-1715785200-1715788800@y", "20240515T170000", "Byvandring i Skodje", place="Skodje bibliotek")
    drop(home, "event_tec", "2024-05-01 04:00", calendar(*steady, old), how="poll", **window)
    drop(home, "event_tec", "2024-05-02 04:00", calendar(*steady, new), how="poll", **window)


def rolling_record(home: Home) -> None:
    """Friskus keeps one id for a series, and shows its next date under it; its end is the end of the last one."""
    rule = {"frequency": 3, "weekdays": [1], "until": "2024-06-24", "start_time": "17:00", "end_time": "19:00",
            "timezone": OSLO, "start_at": "2024-04-01", "rdates": [], "exdates": []}  # fmt: skip
    for day in (3, 10, 17, 24):
        record = {
            "id": "rolls", "name": "Språktrening", "start_at": f"2024-06-{day:02d}T17:00:00+0200",
            "end_at": "2024-06-24T19:00:00+0200", "organization": {"name": "Moa bibliotek"}, "is_recurring": True,
            "rrule": rule, "age_group": ["senior"],
        }  # fmt: skip
        when = f"{datetime(2024, 6, day) - timedelta(days=3):%Y-%m-%d} 04:00"  # noqa: DTZ001 - a date
        drop(
            home, "event_friskus", when, {"data": [record], "meta": {"total": 1, "page": 1, "last_page": 1}}, how="poll"
        )


def forgotten_instance(home: Home) -> None:
    """DPL CMS takes an instance out of its list six hours after its end."""

    def instance(uuid: str, day: str, state: str = "Active") -> dict[str, Any]:
        return {
            "uuid": uuid, "title": f"Forfattarkveld {uuid}", "created_at": "2024-01-01T10:00:00+01:00",
            "updated_at": "2024-01-01T10:00:00+01:00", "url": "https://bibliotek.example/a", "state": state,
            "date_time": {"start": f"{day}T18:00:00+02:00", "end": f"{day}T20:00:00+02:00"},
            "branches": ["Vatne bibliotek"], "series": {"uuid": f"s-{uuid}"},
        }  # fmt: skip

    for day in ("03", "04", "05", "06"):
        listed = [instance("later", "2024-06-20"), instance("off", "2024-06-21", "Cancelled")]
        listed += [instance("gone", "2024-06-03")] if day == "03" else []
        window: dict[str, Any] = {
            "window_start_at": at(f"2024-06-{day} 00:00"),
            "window_end_at": at("2026-01-01 00:00"),
        }
        drop(home, "event_dpl", f"2024-06-{day} 04:00", listed, how="poll", is_complete=True, **window)


def two_sheets(home: Home) -> None:
    """Two branches report one joint evening, each in its own sheet under its own name; one reports at no time."""
    head = "Arrangement-ID;Dato;Starttid;Tittel;Filial;Sted;Antall deltakere;Voksne;Barn;Metode\r\n"
    first = head + "2024-1;07.05.2024;18:00;Nabolagskveld;Moa;;40;;;talt\r\n"
    first += "2024-2;08.05.2024;18:00;Lesestund;Moa;;;5;12;talt\r\n"
    first += "2024-3;09.05.2024;11:00;Høgtlesing;Moa;Byparken;0;;;talt\r\n"
    first += "2024-4;10.05.2024;11:00;Kodeklubb;Moa;;;;;\r\n"
    drop(home, "event_sheet", "2024-06-01 07:00", first.encode(), "moa.csv")
    second = head + "b-1;07.05.2024;18:00;Open dør for alle;Moa;;55;;;billetter\r\n"
    drop(home, "event_sheet_b", "2024-06-02 07:00", second.encode(), "open.csv")
    drop(home, "event_sheet", "2024-06-10 07:00", first.replace(";40;", ";42;").encode(), "moa.csv")


def contacts_everywhere(home: Home) -> None:
    """A record of each system with a contact in all that people write."""
    start, end = "2024-05-20T18:00:00", "2024-05-20T19:00:00"
    words = f"Ordskifte {SAID}"
    bodies: dict[str, Any] = {
        "icalendar": calendar(
            event("c@x", "20240520T180000", words, f"CATEGORIES:{SAID}", f"DESCRIPTION:I samarbeid med laget {SAID}",
                  f"URL:{MEETING}", "CONTACT:Kari Nordmann", "ORGANIZER:mailto:kari.nordmann@epost.example",
                  place=f"Salen {SAID}")
        ),
        "tec_tribe": {"pages": [{"events": [{
            "id": 1, "status": "publish", "title": words, "description": f"<p>I samarbeid med laget {SAID}</p>",
            "start_date": "2024-05-20 18:00:00", "end_date": "2024-05-20 19:00:00", "timezone": OSLO, "all_day": False,
            "url": MEETING, "categories": [{"name": words}], "venue": {"venue": words, "city": words},
            "organizer": [{"organizer": words, "email": SAID}],
        }]}], "singles": [{"id": 1, "json_ld": {"eventStatus": "EventScheduled"}}]},
        "tec_v1": [{
            "id": 1, "status": "publish",
            "title": {"rendered": words}, "all_day": False, "content": {"rendered": words},
            "start_date": "2024-05-20 18:00:00", "end_date": "2024-05-20 19:00:00", "timezone": OSLO, "link": MEETING,
            "venues": [{"title": words, "phone": SAID}], "organizers": [{"title": words, "email": SAID}],
            "tribe_events_cat": [{"name": words}],
        }],
        "libcal": {"events": [{
            "id": 1, "title": words, "allday": False, "start": f"{start}+02:00", "end": f"{end}+02:00",
            "url": {"public": MEETING, "admin": MEETING}, "location": {"name": words}, "campus": {"name": words},
            "category": [{"name": words}], "owner": {"name": SAID}, "presenter": SAID, "description": words,
            "online_join_url": MEETING, "online_join_password": "hemmeleg", "zoom_email": SAID,
            "attendance": {"in_person": 3, "online": 1},
        }]},
        "friskus": {"data": [{
            "id": "f", "name": words, "start_at": f"{start}+0200", "end_at": f"{end}+0200", "is_recurring": False,
            "organization": {"name": words}, "description": words,
        }], "meta": {"total": 1}},
        "linked_events": {"data": [{
            "id": "l:1", "publication_status": "public", "event_status": "EventScheduled", "start_time": f"{start}Z",
            "end_time": f"{end}Z", "has_start_time": True, "has_end_time": True, "name": {"fi": words},
            "location": {"name": {"fi": words}}, "keywords": [{"name": {"fi": words}}], "provider": {"fi": words},
            "info_url": {"fi": MEETING}, "description": {"fi": words},
        }]},
        "trumba": [{
            "eventID": 1, "title": words, "startDateTime": start, "endDateTime": end, "startTimeZoneOffset": "+0200",
            "endTimeZoneOffset": "+0200", "canceled": False, "allDay": False,
            "location": f'<a href="{MEETING}">{words}</a>',
            "categoryCalendar": words, "permaLinkUrl": MEETING,
            "customFields": [{"label": "Partner", "value": words}, {"label": "Room", "value": words}],
        }],
        "acos": {"items": [{"navigateUrl": "/kalender/a.aspx", "content": (
            f'<h2 class="cc-teaser-title-text">{words}</h2>'
            '<span class="cc-teaser-meta-item--date">20. mai 2024</span>'
            '<span class="cc-teaser-meta-item--time">kl. 18:00 - 19:00</span>'
            f'<span class="cc-teaser-meta-item--location">{words}</span>'
        )}]},
        "dpl_cms": [{
            "uuid": "d", "title": words, "created_at": f"{start}Z", "updated_at": f"{start}Z", "url": MEETING,
            "state": "Active", "date_time": {"start": f"{start}+02:00", "end": f"{end}+02:00"}, "branches": [words],
            "categories": [words], "tags": [words], "partners": [words], "description": words,
            "address": {"location": words, "street": words, "city": words},
        }],
        "schema_org": {
            "@context": "https://schema.org", "@type": "Event", "@id": "s:1", "name": words, "url": MEETING,
            "startDate": f"{start}+02:00", "endDate": f"{end}+02:00", "description": words,
            "location": [{"@type": "Place", "name": words, "address": words},
                         {"@type": "VirtualLocation", "url": MEETING}],
            "organizer": {"@type": "Organization", "name": words, "email": SAID}, "keywords": words,
        },
        "openactive": {"next": "x", "items": [{"state": "updated", "kind": "ScheduledSession", "id": "o", "modified": 1,
            "data": {"@type": "ScheduledSession", "startDate": f"{start}+02:00", "endDate": f"{end}+02:00",
                     "name": words, "url": MEETING, "location": {"@type": "Place", "name": words}, "description": words,
                     "organizer": {"@type": "Organization", "name": words}, "category": [words]}}]},
        "google_calendar": {"kind": "calendar#events", "items": [{
            "id": "g", "status": "confirmed", "summary": words, "location": words,
            "description": f"Samarbeid med {SAID}",
            "start": {"dateTime": f"{start}+02:00"}, "end": {"dateTime": f"{end}+02:00"}, "hangoutLink": MEETING,
            "attendees": [{"email": SAID}],
        }]},
        "programme_sheet": (
            "Arrangement-ID;Dato;Tittel;Filial;Sted;Kategori;Målgruppe;Samarbeidspartner;Merknad;Kontakt\r\n"
            f"1;20.05.2024;{words};{words};{words};{words};{words};{words};{words};{SAID}\r\n"
        ).encode(),
    }  # fmt: skip
    for adapter, body in bodies.items():
        name = "page.html" if adapter == "schema_org" else "body"
        if adapter == "schema_org":
            body = f"<html><script type='application/ld+json'>{json.dumps(body)}</script></html>".encode()
        drop(home, f"event_said_{adapter}", "2024-05-21 04:00", body, name)


def sources(url: str) -> list[Source]:
    """All feeds of the histories, the ones that say too much last."""
    window = {"zone": OSLO, "expand_from": "2023-01-01", "expand_to": "2025-01-01"}
    patterns = {"partner_patterns": ["(?i)samarbeid med (.+)"]}
    organisers = {**LISTS, **patterns, "organizers_are_partners": True}
    said: dict[str, dict[str, Any]] = {
        "icalendar": {**window, **patterns}, "tec_tribe": organisers, "tec_v1": organisers,
        "libcal": {**LISTS, **patterns}, "friskus": organisers, "linked_events": organisers,
        "trumba": {**LISTS, "partner_labels": ["Partner"], "place_labels": ["Room"]}, "acos": LISTS,
        "dpl_cms": {**LISTS, **patterns}, "schema_org": {**LISTS, "own_names": ["x"]},
        "openactive": {**LISTS, "own_names": ["x"]}, "google_calendar": {**window, **patterns}, "programme_sheet": {},
    }  # fmt: skip
    return [
        source("event_flaky", "icalendar", url=url, allow_loopback=True, is_full=True, **window),
        source("event_half", "icalendar", is_full=True, **window),
        source("event_tec", "icalendar", is_full=True, **window),
        source("event_friskus", "friskus", **LISTS),
        source("event_dpl", "dpl_cms", **LISTS),
        source("event_sheet", "programme_sheet"),
        source("event_sheet_b", "programme_sheet"),
        *(source(f"event_said_{adapter}", adapter, **options) for adapter, options in said.items()),
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, project: Path, server: Server) -> Path:
    """All histories at once, and every model of events and figures."""
    home = Home(tmp_path_factory.mktemp("bytes"))
    one = EventDecision.model_validate(
        {"verdict": "same", "reason": "one evening under two names", "decided_on": "2024-06-15",
         "decided_by": "coordinator",
         "claims": [{"source_id": "event_sheet", "series_id": "2024-1"},
                    {"source_id": "event_sheet_b", "series_id": "b-1"}]}
    )  # fmt: skip
    configuration = library_with(project, *sources(server.url), decisions=[one])
    flaky_feed(home, configuration, "event_flaky", server)
    half_feed(home)
    moved_by_id(home)
    rolling_record(home)
    forgotten_instance(home)
    two_sheets(home)
    contacts_everywhere(home)
    return built(home, configuration, project, "staging", "+fct_event", "+bridge_event_claim", "+fct_event_doubt",
                 "+fct_event_version", "+fct_event_attendance", "+dim_partner", "+bridge_event_partner", "+fct_reject",
                 "+dim_source", "+events_split", "+events_year", "+partners_year")  # fmt: skip


# -- what must hold -------------------------------------------------------------------------------------------------


def test_a_feed_that_loses_its_past_then_its_server_then_half_of_itself_changes_nothing_that_was(
    warehouse: Path,
) -> None:
    """From the server's bytes to the figure: no event of the past changes, the guard speaks, nothing goes wrongly."""
    answers = ask(warehouse, "select status, count(*) from staging.stg_landing__fetches "
                             "where source_id = 'event_flaky' group by 1 order by 1")  # fmt: skip
    assert answers == [("failed", 1), ("ok", 15)], "a bad answer was not landed: nothing was shown"
    rows = ask(
        warehouse,
        "select split_part(series_id, '-', 1), status, count(*) from core.bridge_event_claim "
        "where source_id = 'event_flaky' group by all order by all",
    )
    assert rows == [("ahead", "occurred", 11), ("ahead", "withdrawn", 1), ("past", "occurred", 10)]
    versions = ask(warehouse, "select max(version_number) from core.fct_event_version v join core.bridge_event_claim c "
                              "using (occurrence_id) where c.series_id like 'past-%'")  # fmt: skip
    assert versions == [(1,)], "an event of the past has changed"
    doubts = ask(warehouse, "select message, is_open from core.fct_event_doubt where doubt_kind = 'future_lost' "
                            "and source_id = 'event_flaky' order by noticed_at")  # fmt: skip
    assert doubts[0] == ("one fetch lacks 8 of 12 events that lay ahead; nothing was withdrawn on its word", False)
    assert all(not is_open for _message, is_open in doubts)
    held = ask(warehouse, "select count(*) from core.fct_event where is_countable and source_id = 'event_flaky'")
    assert held == [(21,)]
    unreadable = ask(warehouse, "select reason from core.fct_reject where source_id = 'event_flaky' order by 1")
    assert unreadable == [("not_a_calendar",), ("truncated",)]


def test_a_feed_that_stays_half_empty_takes_nothing_out_however_often_it_says_so(warehouse: Path) -> None:
    """Six of ten are gone for a week of whole answers: the guard speaks, and a person decides."""
    rows = ask(
        warehouse, "select status, count(*) from core.bridge_event_claim where series_id like 'autumn-%' group by 1"
    )
    assert rows == [("scheduled", 10)]
    doubts = ask(warehouse, "select message, is_open from core.fct_event_doubt where doubt_kind = 'future_lost' "
                            "and source_id = 'event_half'")  # fmt: skip
    assert doubts == [("one fetch lacks 6 of 10 events that lay ahead; nothing was withdrawn on its word", True)]


def test_a_record_that_rolls_from_date_to_date_is_as_many_events_and_none_of_them_moved(warehouse: Path) -> None:
    """One id and a new start every week: as a move it would be one event, with the last one's end each would last
    for weeks."""
    rows = ask(
        warehouse,
        "select e.start_at::varchar, e.end_at::varchar, e.status, e.original_start_at = e.start_at, e.is_countable "
        "from core.fct_event e join core.bridge_event_claim c using (event_id) where c.series_id = 'rolls' order by 1",
    )
    days = ("03", "10", "17", "24")
    assert rows == [(f"2024-06-{day} 15:00:00", f"2024-06-{day} 17:00:00", "occurred", True, True) for day in days], (
        "four Mondays of two hours"
    )


def test_an_event_that_comes_back_under_another_id_is_one_event_that_moved(warehouse: Path) -> None:
    """The start stands in the id: taken for two, both would count, the old one until somebody looks."""
    rows = ask(
        warehouse,
        "select e.start_on::varchar, e.status, count(*), count(distinct event_id) from core.bridge_event_claim c "
        "join core.fct_event e using (event_id) where c.source_id = 'event_tec' and e.title = 'Byvandring i Skodje' "
        "group by all",
    )
    assert rows == [("2024-05-15", "occurred", 2, 1)]


def test_what_a_system_unpublishes_after_its_end_stays_counted(warehouse: Path) -> None:
    """The documented way to follow that list deletes what it no longer holds, and so all history."""
    rows = ask(
        warehouse,
        "select c.slot, e.status, e.is_countable, e.owner_branch_id from core.bridge_event_claim c "
        "join core.fct_event e using (event_id) where c.source_id = 'event_dpl' order by 1",
    )
    assert rows == [
        ("gone", "occurred", True, "vatne"), ("later", "occurred", True, "vatne"), ("off", "cancelled", False, "vatne"),
    ]  # fmt: skip


def test_reports_of_two_claims_that_are_one_event_are_not_added_and_the_newest_word_counts(warehouse: Path) -> None:
    """A merge must not double the people; nobody came is a number, and not reported is none."""
    rows = ask(
        warehouse,
        "select c.series_id, a.attendance_count, a.method, a.is_used, a.version_number, e.claim_count "
        "from core.fct_event_attendance a join core.bridge_event_claim c on c.source_id = a.source_id "
        "and c.event_id = a.event_id join core.fct_event e on e.event_id = a.event_id "
        "where a.source_id like 'event_sheet%' and a.is_current order by 1",
    )
    assert rows == [
        ("2024-1", 42, "counted", True, 2, 2),
        ("2024-2", 17, "counted", True, 1, 1),
        ("2024-3", 0, "counted", True, 1, 1),
        ("b-1", 55, "tickets", False, 1, 2),
    ]
    doubts = ask(warehouse, "select doubt_kind, is_open from core.fct_event_doubt where source_id = 'event_sheet_b'")
    assert doubts == [("reports_disagree", False)], "the decision that they are one settles it"


def test_an_event_held_elsewhere_is_its_branchs_and_branches_add_up_to_the_area(warehouse: Path) -> None:
    """The park is nobody's branch. Each event is of one branch, so that parts are never more than the whole."""
    assert ask(
        warehouse,
        "select e.owner_branch_id, e.place, e.is_countable from core.fct_event e join core.bridge_event_claim c "
        "using (event_id) where c.series_id = '2024-3' and c.source_id = 'event_sheet'",
    ) == [("moa", "off_site", True)]
    parts, whole, share_of_moa = ask(
        warehouse,
        "select (select sum(held_count) from intermediate.int_events__branch_periods where period_kind = 'month' "
        "and period_start = date '2024-05-01'), "
        "(select count(*) from core.fct_event where is_countable and area_id is not null "
        "and start_on between date '2024-05-01' and date '2024-05-31'), "
        "(select held_count from intermediate.int_events__branch_periods where period_kind = 'month' "
        "and period_start = date '2024-05-01' and branch_id = 'moa')",
    )[0]
    assert parts == whole > 10
    assert 0 < share_of_moa < whole


def test_no_mail_address_phone_number_or_meeting_link_stands_in_any_table(warehouse: Path) -> None:
    """Every text column of every schema, on records that hold contacts wherever people write."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        read = con.execute("select count(distinct source_id) from core.bridge_event_claim "
                           "where source_id like 'event_said_%'").fetchone()  # fmt: skip
        assert read == (13,), "a system whose record was not read has shown nothing"
        columns = con.execute(
            "select table_schema, table_name, column_name from information_schema.columns "
            "where data_type = 'VARCHAR' and table_schema not in ('information_schema', 'pg_catalog')"
        ).fetchall()
        assert len(columns) > 300
        assert {"staging", "intermediate", "core", "kpi"} <= {schema for schema, _table, _column in columns}
        found = []
        for schema, table, column in columns:
            texts = con.execute(f'select distinct "{column}" from "{schema}"."{table}" where "{column}" is not null')
            found += [(table, column, text) for (text,) in texts.fetchall() if TRACES.search(text)]
    assert found == []
