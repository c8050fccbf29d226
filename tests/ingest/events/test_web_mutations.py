"""Damaged answers of six event systems: whatever arrives ends as rows or as rejects that say what to do."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from event_reading import Reading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_bench import accidents
from web_bench import read_web
from web_records import FRISKUS, LIBCAL, LINKED, TEC, TRIBE, TRUMBA, item

SINGLES = [{"id": 812, "json_ld": {"eventStatus": "https://schema.org/EventCancelled"}}]
OLD_PAGE = (
    '<ul><li class="event"><a href="/Kalender/CalendarEvent.aspx?Id=77"><span class="event-date-day">9</span>'
    '<span class="event-date-month">mars</span><span class="event-date-month">2026</span>'
    '<span class="event-time">kl. 12:00</span><span class="event-title">Bøker</span></a></li></ul>'
)
SERIES = {"@id": "https://api.example/v1/event/fjord:9/", "super_event_type": "recurring"}
BODIES: dict[str, tuple[str, Any]] = {
    "tec_tribe": (
        "tec_tribe",
        {"pages": [{"events": [TRIBE, {**TRIBE, "id": 5, "all_day": True}]}], "singles": SINGLES},
    ),
    "tec_v1": ("tec_v1", [TEC, {**TEC, "id": 5}]),
    "libcal": ("libcal", {"events": [LIBCAL, {**LIBCAL, "id": 5, "allday": True}]}),
    "friskus": ("friskus", {"data": [FRISKUS, {**FRISKUS, "id": "b", "is_recurring": False}], "meta": {"total": 2}}),
    "acos": (
        "acos",
        {"items": [item(f"{n}. - 13. mars 2026", "kl. 18:00 - 19:00", link=f"/{n}") for n in range(1, 7)]},
    ),
    "acos_page": ("acos", OLD_PAGE),
    "linked_events": ("linked_events", {"data": [LINKED, {**LINKED, "id": "b", "super_event": SERIES}]}),
    "trumba": ("trumba", [TRUMBA, {**TRUMBA, "eventID": 7, "seriesID": 990, "allDay": True}]),
}
PIECES = [
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\n",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"NaN",
    b"99999999999999999999",
    b"2026-02-30",
    b"9999-12-31T23:59:59",
    b"0001-01-01",
    b"T24:00:00",
    b"+9999",
    b"<",
    b">",
    b"&lt;",
    b"&#x110000;",
    b"kl. 99:99",
    b"31. februar",
    b"\xe2\x80\xae",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "x",
    "\x00",
    "<b>",
    "2026-02-30",
    "9999-12-31 23:59:59",
    "Z",
    "+99:99",
    "2026-03-05T18:00:00+14:59",
    "1970-01-01",
    "1970-01-01T00:00:00+1400",
    "2100-12-31 23:59:59",
    "99:99",
    [],
    {},
    [[]],
    [None],
    {"name": {}},
    [{"name": 1}],
    {"fi": 3},
    "a" * 5000,
    "EventCancelled",
    "Europe",
    "UTC+1",
    "http://[x",
    "/a?Id=%zz",
]


def damage_values(document: Any, dice: random.Random) -> Any:
    """The document with one to three keys or items gone, or with values of another type."""
    document = copy.deepcopy(document)
    for _ in range(dice.randint(1, 3)):
        places: list[tuple[Any, Any]] = []
        stack = [document]
        while stack:
            node = stack.pop()
            keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            for key in keys:
                places.append((node, key))
                stack.append(node[key])
        if not places:
            return copy.deepcopy(dice.choice(VALUES))
        node, key = dice.choice(places)
        if dice.random() < 0.3:
            del node[key]
        else:
            node[key] = copy.deepcopy(dice.choice(VALUES))
    return document


def raw(document: Any) -> bytes:
    return document.encode() if isinstance(document, str) else json.dumps(document, ensure_ascii=False).encode()


def assert_well_told(reading: Reading) -> None:
    for reject in reading.rejects:
        assert reject.reason not in {"parser_fault", "contract_broken"}, reject
        assert reject.pointer
        assert reject.message
        assert reject.next_action
        assert reject.scope in {"record", "blob"}
    for row in reading.rows:
        assert row["series_id"]
        assert row["start_at"] <= row["end_at"]
        assert row["start_on"] <= row["end_on"]
        assert row["status"] in {"scheduled", "tentative", "cancelled", "postponed"}
        assert 1969 <= row["start_at"].year <= 2101
        assert (row["end_at"] - row["start_at"]).days <= 401
        told = f"{row['title']}{row['location']}{row['partner_claims']}"
        assert "Kari" not in told
        assert "example.org" not in told
    for report in reading.reports:
        assert all(n is None or n >= 0 for n in (report["on_site_count"], report["online_count"]))


def read_twice(adapter: str, body: bytes) -> Reading:
    reading = read_web(adapter, body)
    assert_well_told(reading)
    assert read_web(adapter, body) == reading, "reading is pure"
    return reading


@pytest.mark.parametrize("case", list(BODIES))
def test_damaged_bytes_end_as_rows_or_rejects(case: str) -> None:
    """Cut answers and flipped bytes are everyday; a parser that raises on them stops a source."""
    adapter, document = BODIES[case]
    dice = random.Random(f"bytes {case}")
    body = raw(document)
    spoilt = 0
    for _ in range(1000):
        reading = read_twice(adapter, accidents(body, dice, PIECES))
        assert reading.rows or reading.rejects, "nothing said at all"
        spoilt += bool(reading.rejects)
    assert spoilt > 200, "the damage must be damage"


@pytest.mark.parametrize("case", [case for case in BODIES if case != "acos_page"])
def test_missing_keys_and_wrong_types_cost_no_more_than_their_record(case: str) -> None:
    """Random damage mostly breaks the JSON; a system that changes writes good JSON with other things in it."""
    adapter, document = BODIES[case]
    dice = random.Random(f"values {case}")
    told = 0
    for _ in range(1000):
        told += bool(read_twice(adapter, raw(damage_values(document, dice))).rows)
    assert told > 600, "one wrong value must seldom cost the whole answer"


@pytest.mark.parametrize("case", list(BODIES))
def test_any_bytes_end_as_rows_or_rejects(case: str) -> None:
    """Whatever hypothesis can think of, alone or in the middle of a good answer."""
    adapter, document = BODIES[case]
    body = raw(document)

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(piece=st.binary(max_size=60) | st.text(max_size=40).map(str.encode), at=st.integers(0, len(body)))
    def check(piece: bytes, at: int) -> None:
        assert_well_told(read_web(adapter, body[:at] + piece + body[at:]))
        assert_well_told(read_web(adapter, piece))

    check()
