"""schema.org in pages: every shape that plug-ins write, and nothing else of the page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from event_reading import Reading, utc
from feed_bench import NOW, Bench
from feed_reading import read_body, receipt

from ingest.events._pages import links
from ingest.events.schema_org import page_bytes

EVENT: dict[str, Any] = {
    "@type": "Event",
    "@id": "https://bib.example.org/e/1#event",
    "name": "Bok &amp; kaffi",
    "startDate": "2026-03-05T18:00:00+01:00",
    "endDate": "2026-03-05T20:00:00+01:00",
    "url": "https://bib.example.org/e/1?ref=x",
    "location": {
        "@type": "Place",
        "name": "Testby bibliotek",
        "address": {"@type": "PostalAddress", "streetAddress": "Storgata 1", "addressLocality": "Testby"},
    },
}


def page(*scripts: Any, kind: str = "application/ld+json") -> bytes:
    """A web page with one script per document (or text)."""
    told = "".join(
        f'<script type="{kind}">{s if isinstance(s, str) else json.dumps(s, ensure_ascii=False)}</script>'
        for s in scripts
    )
    return f"<!doctype html><html><head>{told}</head><body><p>Ring Kari, 41 23 45 67</p></body></html>".encode()


def read(*scripts: Any, **options: Any) -> Reading:
    return read_body("schema_org", page(*scripts), zone="Europe/Oslo", **options)


def test_an_event_is_one_row_exactly() -> None:
    """The commonest form, every column."""
    found = read({"@context": "https://schema.org", **EVENT})
    assert found.rejects == []
    (row,) = found.rows
    assert {k: v for k, v in row.items() if k not in ("observation_id", "content_hash")} == {
        "series_id": "https://bib.example.org/e/1#event",
        "slot": "",
        "start_at": utc("2026-03-05T17:00"),
        "end_at": utc("2026-03-05T19:00"),
        "start_on": date(2026, 3, 5),
        "end_on": date(2026, 3, 5),
        "has_time": True,
        "zone": "Europe/Oslo",
        "title": "Bok & kaffi",
        "location": "Testby bibliotek, Storgata 1, Testby",
        "categories": None,
        "partner_claims": None,
        "audience_claims": None,
        "is_organised_by_library": None,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": False,
        "is_override": False,
        "sequence": None,
        "modified_at": None,
        "url": "https://bib.example.org/e/1",
        "quality_flags": None,
        "pointer": "script 1 $",
    }
    assert found.parquet == read({"@context": "https://schema.org", **EVENT}).parquet


@pytest.mark.parametrize(
    "document",
    [
        [EVENT],
        {"@graph": [{"@type": "WebPage"}, EVENT]},
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": EVENT}]},
        {"@type": "ItemList", "itemListElement": {"0": {"@type": "ListItem", "item": EVENT}}},
        {"@type": "ItemList", "itemListElement": {"0": EVENT}},
        {"@type": "WebPage", "mainEntity": EVENT},
        {"@type": "Library", "event": [EVENT]},
        {**EVENT, "@type": ["Thing", "MusicEvent"]},
        {**EVENT, "@type": "http://schema.org/LiteraryEvent"},
        {**EVENT, "@type": "schema:ExhibitionEvent"},
        {"@type": "EventSeries", "name": "Rekke", "subEvent": [EVENT]},
        {**EVENT, "@id": "x", "@type": "Festival", "subEvent": [EVENT]},
    ],
)
def test_events_are_found_in_every_shape(document: Any) -> None:
    """Graphs, lists, lists keyed by number, subtypes; a festival's parts stand for it."""
    found = read(document)
    assert (found.column("title"), found.column("series_id")) == (["Bok & kaffi"], [EVENT["@id"]])


@pytest.mark.parametrize(
    "script",
    [
        "<!--" + json.dumps(EVENT) + "-->",
        "/* <![CDATA[ */" + json.dumps(EVENT) + "/* ]]> */",
        "//<![CDATA[\n" + json.dumps(EVENT) + "\n//]]>",
        json.dumps(EVENT)[:-1] + ",}",
        json.dumps(EVENT).replace("Bok &amp; kaffi", "Bok &amp;\n kaffi"),
        json.dumps(EVENT) + ";",
    ],
)
def test_scripts_that_people_wrote_are_read(script: str) -> None:
    """Comments, CDATA, trailing commas and raw line breaks: browsers never complain about them, so they stay."""
    assert read(script).column("title") == ["Bok & kaffi"]


def test_a_broken_script_costs_only_itself() -> None:
    """One plug-in's mistake must not lose the programme beside it."""
    found = read('{"@type": "Event", "name": ', EVENT, "{'a': 1}")
    assert (len(found.rows), [(r.pointer, r.reason) for r in found.rejects]) == (
        1,
        [("script 1", "broken_script"), ("script 3", "broken_script")],
    )


def test_the_type_may_name_its_letters() -> None:
    """`application/ld+json; charset=utf-8` is the same type."""
    body = page(EVENT, kind="Application/LD+JSON; charset=utf-8")
    assert len(read_body("schema_org", body, zone="Europe/Oslo").rows) == 1


@pytest.mark.parametrize(
    ("told", "status", "flag"),
    [
        ("https://schema.org/EventCancelled", "cancelled", None),
        ("http://schema.org/EventPostponed", "postponed", None),
        ("EventRescheduled", "scheduled", "rescheduled"),
        ("https://schema.org/EventMovedOnline", "scheduled", "moved_online"),
        ({"@type": "EventStatusType", "name": "http://schema.org/EventCancelled"}, "cancelled", None),
        ({"@id": "https://schema.org/EventCancelled"}, "cancelled", None),
        ("https://schema.org/Unheard", "scheduled", "unknown_status"),
        (None, "scheduled", None),
    ],
)
def test_the_status_in_its_spellings(told: Any, status: str, flag: str | None) -> None:
    """An address with or without s, a word, an object."""
    (row,) = read({**EVENT, "eventStatus": told}).rows
    assert (row["status"], row["quality_flags"]) == (status, flag)


@pytest.mark.parametrize(
    ("start", "end", "begins", "ends", "days", "flags"),
    [
        ("2026-03-29", None, "2026-03-28T23:00", "2026-03-29T22:00", (29, 29), None),
        ("2026-03-27", "2026-03-29", "2026-03-26T23:00", "2026-03-29T22:00", (27, 29), None),
        ("2026-03-29T18:00", None, "2026-03-29T16:00", None, (29, 29), "floating_time | no_end"),
        (
            *("2026-03-28T18:00:00+0100", "2026-03-28T19:00:00+01:00"),
            *("2026-03-28T17:00", "2026-03-28T18:00", (28, 28), None),
        ),
        ("2026-03-28T23:30:00Z", None, "2026-03-28T23:30", None, (29, 29), "no_end"),
        ("2026-03-28T17:00:00-05:00", None, "2026-03-28T22:00", None, (28, 28), "other_zone | no_end"),
        ("2026-03-29T02:30:00", None, "2026-03-29T01:30", None, (29, 29), "floating_time | nonexistent_time | no_end"),
        ("2026-10-25T02:30:00", None, "2026-10-25T00:30", None, (25, 25), "floating_time | ambiguous_time | no_end"),
        ("2026-03-28T18:00+01:00", "2026-03-28", "2026-03-28T17:00", "2026-03-28T23:00", (28, 28), "mixed_end"),
        (
            "2026-03-28T18:00+01:00",
            "2026-03-27T18:00Z",
            "2026-03-28T17:00",
            None,
            (28, 28),
            "end_before_start | no_end",
        ),
    ],
)
def test_dates_with_and_without_time_zone_and_end(
    start: str, end: str | None, begins: str, ends: str | None, days: tuple[int, int], flags: str | None
) -> None:
    """The local day decides where an event counts; an end that is a date is its last day."""
    (row,) = read({**EVENT, "startDate": start, "endDate": end}).rows
    assert (row["start_at"], row["end_at"]) == (utc(begins), utc(ends or begins))
    assert (row["start_on"].day, row["end_on"].day, row["has_time"]) == (*days, "T" in start)
    assert row["quality_flags"] == flags


def test_a_duration_stands_for_an_end() -> None:
    """Some say how long instead of until when."""
    (row,) = read({**EVENT, "endDate": None, "duration": "PT1H30M"}).rows
    assert (row["end_at"], row["quality_flags"]) == (utc("2026-03-05T18:30"), None)


def test_what_has_no_readable_start_is_a_reject() -> None:
    """A schedule is a rule and no date; it is not expanded, and says so."""
    schedule = {"@type": "Schedule", "repeatFrequency": "P1W", "startDate": "2026-01-01"}
    found = read({**EVENT, "startDate": None, "eventSchedule": schedule}, {**EVENT, "startDate": "neste torsdag"})
    assert (found.rows, found.reasons) == ([], ["no_start", "bad_start"])


def test_several_dates_of_one_event_are_told_apart_by_their_start() -> None:
    """Pages of series repeat the address; with `slot_by_start` the key does not hang on how many are left."""
    dates = [{**EVENT, "startDate": f"2026-03-{day:02}T18:00:00+01:00", "endDate": None} for day in (5, 12)]
    found = read(dates)
    assert found.column("slot") == ["2026-03-05T17:00:00Z", "2026-03-12T17:00:00Z"]
    assert all("shared_id" in flags for flags in found.column("quality_flags"))
    assert read(dates[:1], slot_by_start=True).column("slot") == ["2026-03-05T17:00:00Z"]


def test_an_event_without_an_id_keeps_its_key() -> None:
    """From what it says, not from where it stands: another event before it must not change it."""
    bare = {k: v for k, v in EVENT.items() if k not in ("@id", "url")}
    alone, second = read(bare).rows[0], read({**EVENT, "name": "Annan"}, bare).rows[1]
    assert alone["series_id"] == second["series_id"]
    assert alone["quality_flags"] == "no_id"


def test_places_and_partners() -> None:
    """Several places are joined, a virtual one is Online; only organisations that are not ours are partners."""
    organisers = [
        {"@type": "Organization", "name": "Testby bibliotek"},
        {"@type": "Organization", "name": "Mållaget"},
        {"@type": "Person", "name": "Kari Nordmann"},
        {"name": "Ola Nordmann"},
        "Per Nordmann",
    ]
    places = [{"@type": "VirtualLocation", "url": "https://meet.example/x"}, "Salen", EVENT["location"]]
    event = {**EVENT, "organizer": organisers, "location": places, "description": "I samarbeid med Røde Kors."}
    patterns = ["(?i)i samarbeid med ([^.]+)"]
    found = read(event, own_names=["testby BIBLIOTEK"], partner_patterns=patterns)
    (row,) = found.rows
    assert row["partner_claims"] == "Mållaget | Røde Kors"
    assert row["location"] == "Online / Salen / Testby bibliotek, Storgata 1, Testby"
    assert read(event).rows[0]["partner_claims"] is None
    assert "Nordmann" not in found.text()


def test_only_the_scripts_of_a_page_are_landed_and_without_people() -> None:
    """Pages are full of names; landing is kept for ever."""
    event = {**EVENT, "performer": {"@type": "Person", "name": "Kari Nordmann"}, "schema:email": "kari@example.org"}
    event |= {"organizer": [{"@type": "Person", "name": "Kari Nordmann"}, {"@type": "Organization", "name": "Lag"}]}
    landed = page_bytes("https://bib.example.org/e/1", page(event, '{"name": "broken", "email": "kari@example.org"'))
    for word in (b"Nordmann", b"kari@", b"41 23", b"<p>"):
        assert word not in landed
    assert b'"Lag"' in landed
    found = read_body("schema_org", landed, zone="Europe/Oslo")
    assert (found.column("title"), found.reasons) == (["Bok & kaffi"], ["broken_script"])


def test_a_page_without_any_json_ld_is_told() -> None:
    """A rebuilt site that says nothing any more must not look like a site without events."""
    assert read_body("schema_org", b"<html><body>Program</body></html>", zone="Europe/Oslo").reasons == ["no_json_ld"]
    assert read({"@type": "WebPage"}).rejects == []


def test_a_document_of_endless_parts_is_bounded() -> None:
    """A hundred thousand parts are no programme; nested a thousand deep is no document."""
    found = read([EVENT, *[{"@type": "Thing"}] * 30_000])
    assert (len(found.rows), found.reasons) == (1, ["too_many_nodes"])
    deep = '{"subEvent":' * 1000 + "1" + "}" * 1000
    assert read(deep, EVENT).reasons == ["broken_script"]


OPTIONS = {"listing": "{url}/pages/", "zone": "Europe/Oslo", "link_pattern": "/pages/[a-z0-9]+$", "pause_seconds": 0}


@pytest.mark.parametrize("how", ["listing", "sitemap", "pages"])
def test_pages_are_found_and_only_the_whole_list_is_complete(bench: Callable[..., Bench], how: str) -> None:
    """A page speaks for itself; that one is missing can only be told by the list of all."""
    options = dict(OPTIONS)
    if how == "sitemap":
        del options["listing"]
        options["sitemap"] = "{url}/pages/sitemap.xml"
    site = bench("schema_org", **options)
    if how == "pages":
        site.options = {"pages": [f"{site.feeds.url}/pages/quiz"], "zone": "Europe/Oslo", "pause_seconds": 0}
    assert site.poll().failures == []
    count = 1 if how == "pages" else 5
    assert [(r.is_complete, r.window_start_at) for r in site.receipts] == [(False, None)] * count + [(None, None)]
    site.poll(NOW + timedelta(hours=1), is_full=True)
    assert site.receipts[-1].is_complete is True
    assert site.receipts[-1].window_start_at == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert len(site.newest()) == count
    assert not any("elsewhere" in path for path, _ in site.feeds.asked)
    quiz = next(row for row in site.newest().values() if row["title"].startswith("Quiz"))
    assert (quiz["title"], quiz["location"]) == ("Quiz & kaffi", "Testby")
    site.holds_no_person()


def test_moves_and_cancellations_of_pages(bench: Callable[..., Bench]) -> None:
    """The address is the event: it keeps its key, and the old date is a flag."""
    site = bench("schema_org", **OPTIONS)
    site.poll()
    site.feeds.move("quiz", datetime(2026, 3, 6, 18, tzinfo=UTC))
    site.feeds.cancel("w1")
    site.poll(NOW + timedelta(hours=1))
    newest = {key[0].rsplit("/", 1)[-1]: row for key, row in site.newest().items()}
    assert len(newest) == 5
    assert (newest["quiz"]["start_at"], newest["quiz"]["quality_flags"]) == (utc("2026-03-06T18:00"), "rescheduled")
    assert newest["w1"]["status"] == "cancelled"


def test_a_page_that_fails_makes_the_list_incomplete_and_costs_only_itself(bench: Callable[..., Bench]) -> None:
    """The others are landed; nothing may be withdrawn after such a poll."""
    site = bench("schema_org", **OPTIONS)
    site.feeds.manners.statuses["/pages/quiz"] = [404]
    outcome = site.poll()
    assert [f.reason for f in outcome.failures] == ["http_404"]
    assert len(site.newest()) == 4
    assert site.receipts[-2].is_complete is False
    assert [r.status for r in site.receipts].count("failed") == 2


def test_more_pages_than_allowed_are_told(bench: Callable[..., Bench]) -> None:
    """A cut list must not look whole."""
    site = bench("schema_org", max_pages=2, **OPTIONS)
    assert [f.reason for f in site.poll().failures] == ["too_many_pages"]
    assert len(site.newest()) == 2
    assert not any(r.is_complete for r in site.receipts)


def test_as_many_pages_as_allowed_are_a_whole_list(bench: Callable[..., Bench]) -> None:
    """A limit that the site just fills has cut nothing, and what went missing may be withdrawn."""
    site = bench("schema_org", **OPTIONS)
    site.poll()
    exact = bench("schema_org", max_pages=len(site.newest()), **OPTIONS)
    assert exact.poll().failures == []


def test_a_relative_id_is_the_pages_own() -> None:
    """`#event` stands on every page of a plug-in: taken as it is, a year's programme would be one event."""
    ids = set()
    for number in (1, 2):
        body = page({**EVENT, "@id": "#event"})
        told = replace(receipt(body=body), origin=f"https://bib.example.org/e/{number}")
        (row,) = read_body("schema_org", body, told, zone="Europe/Oslo").rows
        ids.add(row["series_id"])
    assert ids == {"https://bib.example.org/e/1#event", "https://bib.example.org/e/2#event"}


def test_a_sitemap_with_entities_is_refused(bench: Callable[..., Bench]) -> None:
    """XML from outside is not expanded."""
    options = {**OPTIONS, "sitemap": "{url}/pages/sitemap.xml"}
    del options["listing"]
    site = bench("schema_org", **options)
    laughs = b'<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    site.feeds.manners.bodies["/pages/sitemap.xml"] = laughs
    assert [f.reason for f in site.poll().failures] == ["not_a_sitemap"]


def test_a_listing_that_leads_nowhere_is_told(bench: Callable[..., Bench]) -> None:
    """A rebuilt site with other addresses would otherwise be a quiet year."""
    site = bench("schema_org", **{**OPTIONS, "link_pattern": "/kalender/"})
    assert [f.reason for f in site.poll().failures] == ["no_pages"]


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<!--",
        "</",
        "<![",
        "<script",
        "<script ",
        "<script>",
        "<script type=",
        "&#1",
        "<a href='",
        "/*",
        ",\n",
        "\n",
    ],
)
def test_hostile_pages_are_read_in_time(piece: str) -> None:
    """The HTML parser alone needs hours for a megabyte of `<a <a <a`; whoever edits a page must not stop the night."""
    started = time.process_time()
    body = (piece * (2_000_000 // len(piece))).encode()
    page_bytes("https://bib.example.org/", body)
    links(body)
    script = f'<script type="application/ld+json">{body.decode()}</script>'.encode()
    page_bytes("https://bib.example.org/", script)
    read_body("schema_org", script, zone="Europe/Oslo")
    assert time.process_time() - started < 20


def test_scripts_in_comments_and_in_scripts_are_none() -> None:
    """What the browser does not see was not published."""
    hidden = page(EVENT).replace(b"<script", b"<!-- <script").replace(b"</script>", b"</script> -->")
    assert read_body("schema_org", hidden, zone="Europe/Oslo").reasons == ["no_json_ld"]
    nested = b"<script>var a = '<script type=\"application/ld+json\">{}';</script>" + page(EVENT)
    assert len(read_body("schema_org", nested, zone="Europe/Oslo").rows) == 1
    latin = page({**EVENT, "name": "Bl\u00e5b\u00e6r"}).decode().encode("cp1252")
    assert read_body("schema_org", latin, zone="Europe/Oslo").column("title") == ["Bl\u00e5b\u00e6r"]
