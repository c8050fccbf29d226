"""No way to reach anybody passes the door: a contact written into any word of a record of any event system.

Editors put telephone numbers into titles and meeting links into places. Here they stand, one place after the other, in
everything that is free text in a record, and nothing that is read may tell of them.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from feed_reading import read_body, receipt
from ical_bodies import calendar, event
from ical_bodies import read_body as read_calendar
from test_feed_mutations import CASES
from test_web_mutations import BODIES
from web_bench import read_web
from web_records import item

from ingest.events import _words

MEETING = "https://eu01web.zoom.us/j/84512345678?pwd=hemmeleg"
CONTACTS = (
    "kari.nordmann@epost.example",
    "tlf. 70 16 00 00",
    "+47 912 34 568",
    "91234567",
    "912 34 569",
    "41 23 45 67",
    MEETING,
    "meet.google.com/abc-defg-hij",
    "msteams://l/meetup-join/19",
    "Meeting ID: 845 1234 5678",
    "Passcode: 4X2abc",
)
SAID = " ".join(CONTACTS)
# What must not be found, however the text around it was cut.
TRACES = re.compile(
    r"@epost|kari\.nordmann|70 16 00|912 ?34 ?56|41 23 45|zoom|meet\.google|meetup|845 ?1234|4X2abc|hemmeleg",
    re.IGNORECASE,
)
# Names of records, not words. Whoever puts a contact there names the record by it.
NAMES = {"id", "uuid", "@id", "identifier", "recurringEventId", "navigateUrl", "kind"}
ADDRESSES = {"url", "link", "permaLinkUrl", "info_url", "htmlLink", "sameAs", "public"}
PATTERNS = {"partner_patterns": ["(?i)samarbeid med (.+)"]}


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every text of a document by the way to it, names of records left out."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if isinstance(child, str):
            if key not in NAMES:
                yield (*path, key)
        else:
            yield from leaves(child, (*path, key))


def with_contact(document: Any, path: tuple[Any, ...]) -> Iterator[Any]:
    """The document with contacts behind a text, and in place of it."""
    *way, last = path
    is_address = last in ADDRESSES or any(key in ADDRESSES for key in way)
    for told in (MEETING, f"mailto:{CONTACTS[0]}") if is_address else (None, SAID, *CONTACTS):
        changed = copy.deepcopy(document)
        parent = changed
        for key in way:
            parent = parent[key]
        parent[last] = f"{parent[last]} {SAID}" if told is None else told
        yield changed


@pytest.mark.parametrize("adapter", sorted(CASES))
def test_no_contact_in_any_text_of_a_feed_passes(adapter: str) -> None:
    """What is published can't be taken back: the sweep is over every text, not over those that we thought of."""
    document, options = CASES[adapter]
    options = {**options, **PATTERNS}
    places, rows = 0, 0
    for path in leaves(document):
        places += 1
        for changed in with_contact(document, path):
            body = json.dumps(changed, ensure_ascii=False).encode()
            if adapter == "schema_org":
                body = b"<html><script type='application/ld+json'>" + body + b"</script>"
            found = read_body(adapter, body, receipt(body=body), **options)
            rows += len(found.rows)
            assert not TRACES.search(found.text()), (path, TRACES.search(found.text()))
    assert places >= 5
    assert rows > places, "most records must still be read, or nothing was shown"


@pytest.mark.parametrize("case", [c for c in BODIES if c not in ("acos", "acos_page")])
def test_no_contact_in_any_text_of_an_event_system_passes(case: str) -> None:
    """The same for the systems that are asked by their own interface, with all that their options let in."""
    adapter, document = BODIES[case]
    options: dict[str, Any] = dict(PATTERNS)
    if adapter in ("tec_tribe", "tec_v1", "friskus", "linked_events"):
        options["organizers_are_partners"] = True
    if adapter == "trumba":
        options |= {"partner_labels": ["Partner"], "place_labels": ["Room"]}
        document = [{**r, "customFields": [*r["customFields"], {"label": "Room", "value": "Sal"}]} for r in document]
    places, rows = 0, 0
    for path in leaves(document):
        places += 1
        for changed in with_contact(document, path):
            found = read_web(adapter, changed, **options)
            rows += len(found.rows)
            text = json.dumps([found.parsed.rows, [r.__dict__ for r in found.rejects]], default=str, ensure_ascii=False)
            assert not TRACES.search(text), (path, TRACES.search(text))
    assert places >= 5
    assert rows > places


def test_no_contact_in_a_list_of_acos_passes() -> None:
    """Its texts stand in HTML, where a link is an attribute as well."""
    for told in (
        SAID,
        *CONTACTS,
        f'<a href="{MEETING}">Bli med</a>',
        f'<a href="mailto:{CONTACTS[0]}">Meld deg på</a>',
    ):
        listed = {"items": [item("9. mars 2026", "kl. 18:00", title=f"Quiz {told}")]}
        listed["items"][0]["content"] = listed["items"][0]["content"].replace("Salen", f"Salen {told}")
        found = read_web("acos", listed)
        assert [row["title"].split()[0] for row in found.rows] == ["Quiz"]
        assert not TRACES.search(json.dumps([found.parsed.rows, found.rejects], default=str))


@pytest.mark.parametrize("name", ["SUMMARY", "LOCATION", "CATEGORIES", "DESCRIPTION", "CONTACT", "COMMENT", "URL"])
def test_no_contact_in_any_line_of_a_calendar_passes(name: str) -> None:
    """The public page of an event is kept; a link that opens the meeting is none."""
    for told in (MEETING, "https://teams.microsoft.com/l/meetup-join/19") if name == "URL" else (SAID, *CONTACTS):
        words = (
            f"I samarbeid med Fjordvik mållag {told}"
            if name == "DESCRIPTION"
            else told
            if name == "URL"
            else f"Sal {told}"
        )
        lines = ["DTSTART:20260305T180000", "DTEND:20260305T190000", "SUMMARY:Quiz", f"{name}:{words}"]
        if name == "SUMMARY":
            del lines[2]
        found = read_calendar(calendar(event(*lines)), **PATTERNS)
        assert len(found.rows) == 1
        assert not TRACES.search(json.dumps([found.parsed.rows, found.rejects], default=str)), told


def test_no_contact_in_any_cell_of_a_sheet_passes() -> None:
    """Staff write into their sheet whatever they need for the evening."""
    headers = (
        "Arrangement-ID",
        "Dato",
        "Tittel",
        "Filial",
        "Sted",
        "Kategori",
        "Målgruppe",
        "Samarbeidspartner",
        "Merknad",
        "Rolle",
        "Antall",
    )
    plain = ("2026-014", "05.03.2026", "Quiz", "Moa", "Salen", "Spel", "Vaksne", "Fjordvik mållag", "", "vert", "4")
    for place in range(2, len(headers) - 1):
        for told in (SAID, *CONTACTS):
            cells = [f"{cell} {told}" if n == place else cell for n, cell in enumerate(plain)]
            body = "\r\n".join(";".join(row) for row in (headers, cells)).encode()
            found = read_body("programme_sheet", body, receipt(body=body), roles={"vert": "host"})
            assert (len(found.rows), len(found.reports)) == (1, 1), headers[place]
            assert not TRACES.search(found.text()), (headers[place], told)


@pytest.mark.parametrize(
    "title",
    [
        "Sommarles 01.06.2024", "Julekalender 1-24", "Jubileum 1925 2025", "Opent 10 11 12 13", "Program 20240601",
        "Kodeklubb 8-12 år", "Bok nr. 12 345", "Passord og tryggleik", "Zoom på haustfargane", "1001 natt",
        "Åpningstider 10:00-16:00", "2024/2025", "Kurs 2 av 10", "ISBN 978-82-02-55555-1", "Teams i arbeidslivet",
    ],
)  # fmt: skip
def test_dates_years_and_numbers_of_a_programme_stay(title: str) -> None:
    """A title that loses its number is another title: two groups of one course would become one event."""
    flags: list[str] = []
    assert _words.told(title, flags) == title
    assert flags == []
