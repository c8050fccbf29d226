"""Reading the records of six event systems: the exact rows, and each system's own conventions."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from event_reading import utc
from web_bench import NOW, read_web
from web_records import FRISKUS, LIBCAL, LINKED, TEC, TRIBE, TRUMBA, item


def tribe(**fields: Any) -> dict[str, Any]:
    return {"events": [{**TRIBE, **fields}], "total": 1, "total_pages": 1}


def asked(page: Any, **statuses: str) -> dict[str, Any]:
    """A landed answer with the singles that were asked for."""
    singles = [{"id": int(k.removeprefix("n")), "json_ld": {"eventStatus": v}} for k, v in statuses.items()]
    return {"pages": [page], "singles": singles}


# One body of each system, with what becomes of it.
EXPECTED: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "tec_tribe",
        asked(tribe(), n812="https://schema.org/EventScheduled"),
        {
            "series_id": "812",
            "slot": "",
            "start_at": utc("2026-03-05T17:00"),
            "end_at": utc("2026-03-05T19:00"),
            "start_on": date(2026, 3, 5),
            "end_on": date(2026, 3, 5),
            "has_time": True,
            "zone": "Europe/Oslo",
            "title": "Bok & kaffi",
            "location": "Hovudbiblioteket, Fjordvik",
            "categories": "Barn & familie | Lesing",
            "partner_claims": "Fjordvik Røde Kors | Lions",
            "status": "scheduled",
            "is_public": True,
            "is_recurring": False,
            "is_override": False,
            "sequence": None,
            "modified_at": utc("2026-02-03T09:12:44"),
            "url": "https://bibliotek.example/arrangement/bok/",
            "quality_flags": None,
            "pointer": "$.pages[0].events[0]",
        },
    ),
    (
        "tec_v1",
        [TEC],
        {
            "series_id": "812",
            "start_at": utc("2026-03-05T17:00"),
            "end_at": utc("2026-03-05T19:00"),
            "title": "Bok & kaffi",
            "location": "Hovudbiblioteket",
            "categories": "Lesing",
            "partner_claims": None,
            "status": "scheduled",
            "quality_flags": "status_not_asked",
            "pointer": "$[0]",
        },
    ),
    (
        "libcal",
        {"events": [LIBCAL]},
        {
            "series_id": "4711",
            "start_at": utc("2026-02-05T17:00"),
            "end_at": utc("2026-02-05T19:00"),
            "location": "Salen",
            "categories": "Barn",
            "url": "https://fjordvik.example/event/4711",
            "zone": "Europe/Oslo",
            "pointer": "$.events[0]",
        },
    ),
    (
        "friskus",
        {"data": [FRISKUS], "meta": {"total": 1, "page": 1, "last_page": 1}},
        {
            "series_id": "aa-1",
            "slot": "2026-03-02T16:00:00Z",
            "start_at": utc("2026-03-02T16:00"),
            "end_at": utc("2026-03-02T18:00"),
            "end_on": date(2026, 3, 2),
            "is_recurring": True,
            "partner_claims": None,
            "location": None,
            "quality_flags": None,
        },
    ),
    (
        "acos",
        {"content": {"body": {"result": {"items": [item("Måndag 9. mars 2026", "kl. 18:00 - 19:00")]}}}},
        {
            "series_id": "/kalender/quiz.1.aspx",
            "start_at": utc("2026-03-09T17:00"),
            "end_at": utc("2026-03-09T18:00"),
            "title": "Quiz",
            "location": "Salen",
            "status": "scheduled",
            "pointer": "$.content.body.result.items[0]",
        },
    ),
    (
        "linked_events",
        {"meta": {"count": 1, "next": None}, "data": [LINKED]},
        {
            "series_id": "fjord:1",
            "slot": "",
            "start_at": utc("2026-03-05T17:00"),
            "end_at": utc("2026-03-05T19:00"),
            "title": "Lukupiiri",
            "location": "Pääkirjasto",
            "categories": "lapset",
            "partner_claims": None,
            "modified_at": utc("2026-02-03T09:12:44"),
            "zone": "UTC",
        },
    ),
    (
        "trumba",
        [TRUMBA],
        {
            "series_id": "1001",
            "slot": "",
            "start_at": utc("2026-02-21T18:30"),
            "end_at": utc("2026-02-21T19:30"),
            "start_on": date(2026, 2, 21),
            "title": "Tea & Tales – 國語",
            "location": "X Branch",
            "zone": "UTC-08:00",
            "quality_flags": "other_zone",
            "url": "https://spl.example/calendar",
        },
    ),
]


@pytest.mark.parametrize(("adapter", "document", "expected"), EXPECTED, ids=[case[0] for case in EXPECTED])
def test_one_record_gives_the_exact_row(adapter: str, document: Any, expected: dict[str, Any]) -> None:
    """Every column has one meaning, whatever the system calls it."""
    reading = read_web(adapter, document, partner_patterns=["(?i)i samarbeid med ([^.<]+)"])
    assert reading.rejects == []
    assert {name: reading.row[name] for name in expected} == expected
    assert len(reading.row["observation_id"]) == len(reading.row["content_hash"]) == 32


@pytest.mark.parametrize(("adapter", "document", "expected"), EXPECTED, ids=[case[0] for case in EXPECTED])
def test_equal_bytes_give_equal_rows_and_no_names(adapter: str, document: Any, expected: dict[str, Any]) -> None:
    """Parsing is pure; and who organises is nobody's figure."""
    once, again = read_web(adapter, document), read_web(adapter, document)
    assert once == again
    told = json.dumps([*once.rows, *once.reports], default=str, ensure_ascii=False)
    for personal in ("Kari", "example.org", "99887766", "admin", "Velkomen"):
        assert personal not in told


@pytest.mark.parametrize(("adapter", "document", "expected"), EXPECTED, ids=[case[0] for case in EXPECTED])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Log in</body></html>",
        b'{"pages": [{"error": "x"}]}',
        b'{"code": "rest_no_route"}',
        b"17",
        b"[1",
    ],
)
def test_a_body_that_is_no_list_is_one_reject(adapter: str, document: Any, expected: Any, body: bytes) -> None:
    """An error that passes for an empty calendar would withdraw everything."""
    reading = read_web(adapter, body)
    assert reading.rows == []
    (reject,) = reading.rejects
    assert reject.scope == "blob"
    assert reject.next_action


@pytest.mark.parametrize(
    ("adapter", "document", "broken", "reason"),
    [
        (
            "tec_tribe",
            lambda r: {"events": r},
            [None, {**TRIBE, "id": None}, {**TRIBE, "start_date": "", "utc_start_date": None}],
            ["not_an_object", "no_id", "no_start"],
        ),
        (
            "libcal",
            lambda r: {"events": r},
            [{**LIBCAL, "id": 5, "start": "soon"}, "x"],
            ["bad_start", "not_an_object"],
        ),
        (
            "friskus",
            lambda r: {"data": r},
            [{**FRISKUS, "id": ""}, {**FRISKUS, "start_at": "1912-01-01T10:00:00+0100"}],
            ["no_id", "start_out_of_range"],
        ),
        (
            "acos",
            lambda r: {"items": r},
            [item("Snart"), item("", link="/a"), item("9. mars 2026", link="")],
            ["bad_start", "no_start", "no_id"],
        ),
        (
            "linked_events",
            lambda r: {"data": r},
            [{**LINKED, "start_time": None}, {**LINKED, "event_status": "EventPostponed", "start_time": None}],
            ["no_start", "postponed_without_date"],
        ),
        (
            "trumba",
            lambda r: r,
            [{**TRUMBA, "eventID": True}, {**TRUMBA, "startDateTime": "2026-02-30T10:00:00"}],
            ["no_id", "bad_start"],
        ),
    ],
)
def test_a_bad_record_costs_only_itself(adapter: str, document: Any, broken: list[Any], reason: list[str]) -> None:
    """One record that an editor left half-done must not hide the month."""
    good = {"tec_tribe": TRIBE, "libcal": LIBCAL, "friskus": FRISKUS, "linked_events": LINKED, "trumba": TRUMBA}
    record = good.get(adapter) or item("9. mars 2026")
    reading = read_web(adapter, document([*broken, record]))
    assert len(reading.rows) == 1
    assert reading.reasons == reason
    assert all(reject.scope == "record" and reject.next_action for reject in reading.rejects)


# -- The Events Calendar --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "status", "flags"),
    [
        ("https://schema.org/EventCancelled", "cancelled", set()),
        ("http://schema.org/EventPostponed", "postponed", set()),
        ("https://schema.org/EventRescheduled", "scheduled", {"rescheduled"}),
        ("EventMovedOnline", "scheduled", {"moved_online"}),
        ("", "scheduled", set()),
        ("https://schema.org/EventEaten", "scheduled", {"unknown_status"}),
    ],
)
@pytest.mark.parametrize("adapter", ["tec_tribe", "tec_v1"])
def test_the_single_event_says_whether_it_is_cancelled(adapter: str, told: str, status: str, flags: set[str]) -> None:
    """The list knows the post's status only."""
    page = tribe() if adapter == "tec_tribe" else [TEC]
    reading = read_web(adapter, asked(page, n812=told))
    assert reading.row["status"] == status
    assert reading.flags() == flags


def test_an_event_without_its_single_is_a_reject_where_singles_were_asked() -> None:
    """Unknown is not scheduled."""
    reading = read_web("tec_tribe", asked(tribe(), n813="EventScheduled"))
    assert reading.rows == []
    assert reading.reasons == ["status_unknown"]


@pytest.mark.parametrize(
    ("post", "status", "is_public"),
    [("draft", "tentative", False), ("private", "scheduled", False), ("trash", "cancelled", False)],
)
def test_what_is_not_published_passes_without_words(post: str, status: str, is_public: bool) -> None:
    """Drafts are not programme, and their words are the likeliest to name people."""
    row = read_web("tec_tribe", tribe(status=post)).row
    assert (row["status"], row["is_public"], row["title"], row["location"]) == (status, is_public, None, None)


@pytest.mark.parametrize(
    ("venue", "location"),
    [
        ([], None),
        ({"venue": "Salen"}, "Salen"),
        ([{"venue": "Salen", "city": "Fjordvik"}, {"venue": "Kafeen", "city": "Fjordvik"}], "Salen, Fjordvik, Kafeen"),
    ],
)
def test_a_venue_may_be_an_object_a_list_or_an_empty_list(venue: Any, location: str | None) -> None:
    """The plugin writes all three."""
    assert read_web("tec_tribe", tribe(venue=venue)).row["location"] == location


@pytest.mark.parametrize(
    ("fields", "start", "flags"),
    [
        # the autumn hour that comes twice: the UTC field tells which
        ({"start_date": "2026-10-25 02:30:00", "utc_start_date": "2026-10-25 01:30:00"}, "2026-10-25T01:30", set()),
        ({"start_date": "2026-10-25 02:30:00", "utc_start_date": ""}, "2026-10-25T00:30", {"ambiguous_time"}),
        # the spring hour that never was
        ({"start_date": "2026-03-29 02:30:00", "utc_start_date": ""}, "2026-03-29T01:30", {"nonexistent_time"}),
        # what people see wins over a UTC field that contradicts it
        ({"utc_start_date": "2026-03-05 18:00:00"}, "2026-03-05T17:00", {"utc_differs"}),
        # an offset in place of a zone: only the UTC field is sure
        ({"timezone": "UTC+2", "start_date": "2026-03-05 19:00:00"}, "2026-03-05T17:00", {"unknown_zone"}),
        ({"start_date": None}, "2026-03-05T17:00", {"local_time_missing"}),
    ],
)
def test_two_tellings_of_one_time_are_reconciled(fields: dict[str, Any], start: str, flags: set[str]) -> None:
    """An hour's error moves an evening into another period only at new year, and hides a duplicate all year."""
    reading = read_web("tec_tribe", tribe(**{"end_date": "", "utc_end_date": "", **fields}))
    assert reading.row["start_at"] == utc(start)
    assert reading.flags() - {"no_end", "status_not_asked"} == flags


def test_whole_days_end_with_their_last_day() -> None:
    """The plugin ends a whole day at 23:59:59: one day must be one day, and three be three."""
    one = read_web(
        "tec_tribe", tribe(all_day=True, start_date="2026-03-28 00:00:00", end_date="2026-03-28 23:59:59")
    ).row
    assert (one["has_time"], one["start_on"], one["end_on"]) == (False, date(2026, 3, 28), date(2026, 3, 28))
    assert (one["start_at"], one["end_at"]) == (utc("2026-03-27T23:00"), utc("2026-03-28T23:00"))
    three = read_web(
        "tec_tribe", tribe(all_day=True, start_date="2026-03-28 00:00:00", end_date="2026-03-30 23:59:59")
    ).row
    assert three["end_on"] == date(2026, 3, 30)
    assert three["end_at"] - three["start_at"] == timedelta(hours=71), "the clock changes on the 29th"


def test_organizers_are_told_only_where_the_library_says_they_are_organisations() -> None:
    """In most calendars "organizer" is a colleague's name."""
    page = tribe(organizer=[{"organizer": "Lions Fjordvik", "email": "x@example.org"}])
    assert read_web("tec_tribe", page).row["partner_claims"] is None
    assert read_web("tec_tribe", page, organizers_are_partners=True).row["partner_claims"] == "Lions Fjordvik"


def test_a_record_told_on_two_pages_is_one_row_with_its_newer_telling() -> None:
    """Rows shift between pages while editors work."""
    newer = {**TRIBE, "title": "Ny tittel", "modified_utc": "2026-02-04 00:00:00"}
    same = read_web("tec_tribe", {"pages": [tribe(), tribe()]})
    assert "told_twice" not in same.flags()
    for pages in ([tribe(), {"events": [newer]}], [{"events": [newer]}, tribe()]):
        reading = read_web("tec_tribe", {"pages": pages})
        assert reading.row["title"] == "Ny tittel"
        assert "told_twice" in reading.flags()


# -- LibCal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attendance", "options", "told"),
    [
        ({"in_person": 17, "online": 0}, {}, (17, 0)),
        ({"in_person": None, "online": "4"}, {}, (None, 4)),
        ({"in_person": 0, "online": 0}, {}, None),
        ({"in_person": 0, "online": 0}, {"zero_is_reported": True}, (0, 0)),
        ({"in_person": -3, "online": None}, {}, None),
        ({"in_person": 1.5}, {}, None),
        ([], {}, None),
        (None, {}, None),
    ],
)
def test_attendance_is_reported_only_where_it_was_filled_in(
    attendance: Any, options: dict[str, Any], told: tuple[int | None, int | None] | None
) -> None:
    """Null is not reported and 0 is nobody; LibCal's form writes 0 for both: 0 must be vouched for."""
    reading = read_web("libcal", {"events": [{**LIBCAL, "attendance": attendance}]}, **options)
    assert len(reading.rows) == 1
    assert [(r["on_site_count"], r["online_count"]) for r in reading.reports] == ([] if told is None else [told])
    for report in reading.reports:
        assert (report["series_id"], report["slot"], report["method"]) == ("4711", "", None)
        assert report["reported_at"] == NOW.replace(tzinfo=None)


def test_an_event_to_come_has_no_attendance() -> None:
    """A number before the event is a plan."""
    before = datetime(2026, 2, 5, 18, 59, tzinfo=UTC)
    assert read_web("libcal", {"events": [LIBCAL]}, received_at=before).reports == []
    assert len(read_web("libcal", {"events": [LIBCAL]}, received_at=before + timedelta(minutes=1)).reports) == 1


def test_an_edge_day_that_two_slices_tell_is_one_event() -> None:
    """`days` counts beyond the first day; whoever reads it otherwise tells edge days twice."""
    reading = read_web("libcal", {"pages": [{"events": [LIBCAL]}, {"events": [LIBCAL]}]})
    assert len(reading.rows) == len(reading.reports) == 1


# -- Friskus --------------------------------------------------------------------------------------------------------


def test_a_single_friskus_record_keeps_its_key_when_it_moves() -> None:
    """Only a series rolls; a single event with a new start is a move."""
    single = {**FRISKUS, "is_recurring": False, "end_at": "2026-03-02T18:30:00+0100"}
    first = read_web("friskus", {"data": [single]}).row
    moved = read_web("friskus", {"data": [{**single, "start_at": "2026-03-03T17:00:00+0100"}]}).row
    assert first["slot"] == moved["slot"] == ""
    assert first["observation_id"] == moved["observation_id"]
    assert first["end_at"] == utc("2026-03-02T17:30")


def test_a_multi_day_record_lasts_until_its_last_day() -> None:
    """An exhibition is one event of many days."""
    told = {**FRISKUS, "is_recurring": False, "end_at": None, "rrule": {"frequency": 1, "until": "2026-03-08"}}
    reading = read_web("friskus", {"data": [told]})
    assert (reading.row["end_on"], reading.flags()) == (date(2026, 3, 8), {"mixed_end"})


def test_a_rolling_record_over_the_clock_change_keeps_its_local_hour() -> None:
    """17:00 is 16:00 UTC in winter and 15:00 in summer; the length stays two hours."""
    for told, start in (
        ("2026-03-23T17:00:00+0100", "2026-03-23T16:00"),
        ("2026-03-30T17:00:00+0200", "2026-03-30T15:00"),
    ):
        row = read_web("friskus", {"data": [{**FRISKUS, "start_at": told}]}).row
        assert row["start_at"] == utc(start)
        assert row["end_at"] - row["start_at"] == timedelta(hours=2)
    off = read_web("friskus", {"data": [{**FRISKUS, "start_at": "2026-03-02T18:00:00+0100"}]})
    assert off.flags() == {"start_outside_rule"}


def test_only_the_configured_organisations_are_read() -> None:
    """A municipality's list holds every club's events."""
    club = {**FRISKUS, "id": "bb-2", "organization": {"name": "Fjordvik  Sjakklubb"}}
    body = {"data": [FRISKUS, club]}
    assert {r["series_id"] for r in read_web("friskus", body).rows} == {"aa-1", "bb-2"}
    assert read_web("friskus", body, organizations=["fjordvik BIBLIOTEK"]).row["series_id"] == "aa-1"
    options = {"organizers_are_partners": True, "own_organizations": ["Fjordvik bibliotek"]}
    partners = {r["series_id"]: r["partner_claims"] for r in read_web("friskus", body, **options).rows}
    assert partners == {"aa-1": None, "bb-2": "Fjordvik Sjakklubb"}


# -- ACOS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "clock", "start", "end", "end_on"),
    [
        ("Måndag 9. mars 2026", "kl. 18:00 - 19:00", "2026-03-09T17:00", "2026-03-09T18:00", date(2026, 3, 9)),
        ("mandag 9. mars 2026", "kl. 18.00–19.30", "2026-03-09T17:00", "2026-03-09T18:30", date(2026, 3, 9)),
        ("Laurdag 4. juli 2026", "kl. 12", "2026-07-04T10:00", "2026-07-04T10:00", date(2026, 7, 4)),
        ("9. - 13. mars 2026", "", "2026-03-08T23:00", "2026-03-13T23:00", date(2026, 3, 13)),
        ("Måndag 30. mars 2026 - onsdag 1. april 2026", "", "2026-03-29T22:00", "2026-04-01T22:00", date(2026, 4, 1)),
        ("30. desember - 2. januar 2027", "", "2026-12-29T23:00", "2027-01-02T23:00", date(2027, 1, 2)),
        (
            "9. mars 2026 - 10. mars 2026",
            "kl. 18:00 - 01:00",
            "2026-03-09T17:00",
            "2026-03-10T00:00",
            date(2026, 3, 10),
        ),
        ("9. mars 2026", "kl. 20:00 - 01:00", "2026-03-09T19:00", "2026-03-10T00:00", date(2026, 3, 10)),
        ("9. mars 2026", "kl. 18:00 - 24:00", "2026-03-09T17:00", "2026-03-09T23:00", date(2026, 3, 9)),
        ("9. mars 2026 - 11. mars 2026", "kl. 18:00", "2026-03-09T17:00", "2026-03-11T23:00", date(2026, 3, 11)),
    ],
)
def test_dates_in_words_are_read(day: str, clock: str, start: str, end: str, end_on: date) -> None:
    """Nynorsk, bokmål, ranges within a month, over a month and over new year; with and without a clock."""
    row = read_web("acos", {"items": [item(day, clock)]}).row
    assert (row["start_at"], row["end_at"], row["end_on"]) == (utc(start), utc(end), end_on)
    assert row["has_time"] == bool(clock)


@pytest.mark.parametrize("day", ["9. mars", "9. mårs 2026", "31. juni 2026", "mars 2026", "99. mars 2026"])
def test_a_date_that_is_not_whole_is_not_guessed(day: str) -> None:
    """A guessed year counts last year's evening again."""
    assert read_web("acos", {"items": [item(day)]}).reasons == ["bad_start"]


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("AVLYST: Quiz", "cancelled"),
        ("Avlyst – Quiz", "cancelled"),
        ("Quiz (AVLYST)", "cancelled"),
        ("Quiz - utsett", "postponed"),
        ("UTSATT! Quiz", "postponed"),
        ("Avlyste planar: eit foredrag", "scheduled"),
        ("Quiz om avlyste konsertar", "scheduled"),
        ("Quiz", "scheduled"),
    ],
)
def test_a_title_may_say_the_status_where_the_system_has_none(title: str, status: str) -> None:
    """ACOS, Friskus and LibCal have no field for it: editors write it."""
    for row in (
        read_web("acos", {"items": [item("9. mars 2026", title=title)]}).row,
        read_web("friskus", {"data": [{**FRISKUS, "name": title}]}).row,
        read_web("libcal", {"events": [{**LIBCAL, "title": title}]}).row,
    ):
        assert row["status"] == status
        assert row["quality_flags"] == (None if status == "scheduled" else "status_from_title")
        assert row["title"] == title, "the title stays as it was told"


def test_the_older_web_part_is_read_from_a_saved_page() -> None:
    """Somebody may save the page where it may not be asked for."""
    page = (
        '<html><body><p>Ring 99 88 77 66</p><ul><li class="event"><a href="/Kalender/CalendarEvent.aspx?Id=77">'
        '<span class="event-date-day">9.</span><span class="event-date-month">mars</span>'
        '<span class="event-date-month">2026</span><span class="event-time">kl. 12:00</span>'
        '<span class="event-title">Bok &amp; kaffi &lt;3</span><span class="event-location">Salen</span></a></li></ul>'
    )
    row = read_web("acos", page.encode()).row
    assert (row["series_id"], row["slot"], row["url"]) == ("/Kalender/CalendarEvent.aspx?Id=77", "", None)
    assert (row["start_at"], row["title"], row["location"]) == (utc("2026-03-09T11:00"), "Bok & kaffi <3", "Salen")
    assert row["quality_flags"] == "no_end"


def test_one_page_listed_for_two_dates_is_two_occurrences() -> None:
    """Losing one of them would be silent."""
    reading = read_web("acos", {"items": [item("9. mars 2026", "kl. 18"), item("16. mars 2026", "kl. 18")]})
    assert [row["slot"] for row in reading.rows] == ["", "2026-03-16T17:00:00Z"]
    assert reading.flags() == {"no_end", "repeated_page"}


# -- LinkedEvents ---------------------------------------------------------------------------------------------------


def linked(**fields: Any) -> Any:
    return read_web("linked_events", {"data": [{**LINKED, **fields}]}, zone="Europe/Helsinki")


def test_dates_of_a_series_share_it_and_keep_their_own_slot() -> None:
    """The id of the date is its slot: it stays when the date is moved. Only the super event says what it is."""
    series = {"@id": "https://api.example/v1/event/fjord:9/", "super_event_type": "recurring"}
    row = linked(super_event=series).row
    assert (row["series_id"], row["slot"], row["is_recurring"]) == ("fjord:9", "fjord:1", True)
    festival = {**series, "super_event_type": "umbrella"}
    row = linked(super_event=festival).row
    assert (row["series_id"], row["slot"], row["is_recurring"]) == ("fjord:1", "", False)
    bare = linked(super_event={"@id": "https://api.example/v1/event/fjord:9/"})
    assert (bare.row["series_id"], bare.flags()) == ("fjord:1", {"series_unknown"})


def test_series_give_no_row_and_umbrellas_do() -> None:
    """A series is never counted; a festival is an event, and the count rules see what it is."""
    assert linked(super_event_type="recurring").rows == []
    assert linked(super_event_type="umbrella").flags() == {"umbrella"}


@pytest.mark.parametrize(
    ("fields", "status", "flags"),
    [
        ({"event_status": "EventCancelled"}, "cancelled", set()),
        ({"event_status": "EventPostponed"}, "postponed", set()),
        ({"event_status": "EventRescheduled"}, "scheduled", {"rescheduled"}),
        ({"deleted": True}, "cancelled", {"deleted_at_source"}),
        ({"replaced_by": "https://api.example/v1/event/x/"}, "scheduled", {"replaced"}),
        ({"event_status": None}, "scheduled", {"unknown_status"}),
        ({"publication_status": "draft"}, "tentative", set()),
    ],
)
def test_linked_events_statuses(fields: dict[str, Any], status: str, flags: set[str]) -> None:
    """A tombstone is a statement, and a draft is no programme."""
    reading = linked(**fields)
    assert (reading.row["status"], reading.flags()) == (status, flags)
    assert reading.row["is_public"] == (status != "tentative")


def test_date_only_events_are_whole_days() -> None:
    """Their times are midnights in UTC: read as hours, an exhibition opens at ten in the evening."""
    row = linked(
        start_time="2026-03-04T22:00:00Z", end_time="2026-03-06T22:00:00Z", has_start_time=False, has_end_time=False
    ).row
    assert (row["start_on"], row["end_on"], row["has_time"]) == (date(2026, 3, 5), date(2026, 3, 6), False)
    assert (row["start_at"], row["end_at"]) == (utc("2026-03-04T22:00"), utc("2026-03-06T22:00"))
    evening = linked(end_time="2026-03-05T22:00:00Z", has_end_time=False)
    assert (evening.row["end_at"], evening.flags()) == (evening.row["start_at"], {"no_end"})


# -- Trumba ---------------------------------------------------------------------------------------------------------


def trumba(**fields: Any) -> Any:
    return read_web("trumba", [{**TRUMBA, **fields}], zone="America/Los_Angeles")


def test_a_trumba_date_of_a_series_has_its_own_slot() -> None:
    """`seriesID` is absent, and not null, on single events."""
    row = trumba(seriesID=990, repeats="Every Saturday").row
    assert (row["series_id"], row["slot"], row["is_recurring"]) == ("990", "1001", True)
    row = trumba().row
    assert (row["series_id"], row["slot"], row["is_recurring"]) == ("1001", "", False)


def test_the_flag_decides_and_the_title_is_a_doubt() -> None:
    """Cancellation shows twice; where the two contradict each other somebody must look."""
    assert trumba(canceled=True, title="CANCELLED - Tea").row["status"] == "cancelled"
    assert trumba(canceled=True).row["status"] == "cancelled"
    doubtful = trumba(title="CANCELLED - Tea")
    assert (doubtful.row["status"], doubtful.flags()) == ("scheduled", {"title_says_cancelled"})
    unsaid = trumba(canceled=None, title="CANCELLED - Tea")
    assert (unsaid.row["status"], unsaid.flags()) == ("cancelled", {"unknown_status", "status_from_title"})


def test_offsets_decide_over_the_zone() -> None:
    """Local time and an offset without a colon: in the doubled hour only the offset knows."""
    night = {"startDateTime": "2026-11-01T01:30:00", "endDateTime": "2026-11-01T03:00:00", "endTimeZoneOffset": "-0800"}
    assert trumba(**night, startTimeZoneOffset="-0700").row["start_at"] == utc("2026-11-01T08:30")
    second = trumba(**night, startTimeZoneOffset="-0800")
    assert (second.row["start_at"], second.row["zone"], second.flags()) == (
        utc("2026-11-01T09:30"),
        "America/Los_Angeles",
        set(),
    )


def test_places_rooms_and_partners_come_from_named_fields_only() -> None:
    """The calendar's own fields may hold anything; only those that the options name are read."""
    fields = [
        {"label": "Room Location", "value": "Meeting Room", "type": 17},
        {"label": "Partner", "value": "Friends of X", "type": 17},
        {"label": "Contact", "value": "Kari Nordmann", "type": 17},
    ]
    plain = trumba(customFields=fields).row
    assert (plain["location"], plain["partner_claims"]) == ("X Branch", None)
    reading = read_web(
        "trumba", [{**TRUMBA, "customFields": fields}], place_labels=["Room Location"], partner_labels=["Partner"]
    )
    assert (reading.row["location"], reading.row["partner_claims"]) == ("X Branch, Meeting Room", "Friends of X")
    assert trumba(location="Online").flags() == {"place_conflict"}


def test_the_real_calendar_is_read_whole(real: Path) -> None:
    """27 dates of one real library; what is asserted was counted in the file by other means than the adapter's."""
    body = (real / "events" / "seattle_public_library_trumba.json").read_bytes()
    told = json.loads(body)
    reading = read_web("trumba", body, zone="America/Los_Angeles", place_labels=["Room Location"])
    assert reading.rejects == []
    assert len(reading.rows) == len(told) == 27
    assert Counter(row["status"] for row in reading.rows) == {"scheduled": 24, "cancelled": 3}
    assert sum(row["is_recurring"] for row in reading.rows) == body.count(b'"seriesID"') == 22
    wanted = sorted(
        datetime.strptime(e["startDateTime"] + e["startTimeZoneOffset"], "%Y-%m-%dT%H:%M:%S%z")
        .astimezone(UTC)
        .replace(tzinfo=None)
        for e in told
    )
    assert [row["start_at"] for row in reading.rows] == wanted
    assert {row["zone"] for row in reading.rows} == {"America/Los_Angeles"}
    assert not any(
        sign in f"{row['title']}{row['location']}" for row in reading.rows for sign in ("&#", "&amp;", "<", "@")
    )
    places = Counter((row["location"] or "").split(",")[0] for row in reading.rows)
    assert places["non-library location"] == 1
    assert reading.flags() == {"place_conflict"}
    assert read_web("trumba", body, zone="America/Los_Angeles", place_labels=["Room Location"]) == reading
