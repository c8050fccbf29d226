"""A library whose programme stands in calendars of many only: what names it as organiser is its own, and nothing else.

From the systems' bytes to the count. What an adapter makes of an organiser is shown with the adapters; how the rule is
weighed, in the unit test of its model.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build
from ingest_bench import receipt_of

from ingest.adapters import adapter_for
from ingest.config import Configuration, Source, load

AS_OF = "2024-09-01 04:00:00"
TOLD_AT = "2024-05-01 04:00:00"
OURS = ["Moa bibliotek", "Biblioteka i Ålesund"]
NOT_TIED = "told only by calendars of many organisers, and nothing ties it to the library"


def source(source_id: str, adapter: str, **options: Any) -> Source:
    return Source(
        source_id=source_id, family="events", adapter=adapter, description="Made by hand.", is_aggregator=True,
        options={"zone": "Europe/Oslo", **options},
    )  # fmt: skip


TOWN = source("event_town", "tec_tribe", own_names=OURS)
FRISKUS = source("event_friskus", "friskus", own_names=OURS)
NAMELESS = source("event_nameless", "tec_tribe")  # nobody said what the library is called there


def told(day: int, title: str, *organisers: str) -> dict[str, Any]:
    """An event in the park, as The Events Calendar tells it."""
    return {
        "id": 800 + day, "status": "publish", "title": title, "timezone": "Europe/Oslo",
        "start_date": f"2024-06-{day:02d} 18:00:00", "end_date": f"2024-06-{day:02d} 20:00:00",
        "venue": {"venue": "Byparken"}, "organizer": [{"organizer": name} for name in organisers],
    }  # fmt: skip


def posted(day: int, title: str, organisation: str) -> dict[str, Any]:
    """An event as Friskus tells it: without a place."""
    return {
        "id": f"f-{day}", "name": title, "organization": {"name": organisation}, "is_recurring": False,
        "start_at": f"2024-06-{day:02d}T18:00:00+0200", "end_at": f"2024-06-{day:02d}T20:00:00+0200",
    }  # fmt: skip


def tell(lake: EventLake, teller: Source, document: Any) -> None:
    """What the source's own adapter reads of a document, in the lake."""
    body = json.dumps(document).encode()
    adapter, options = adapter_for(teller)
    receipt = receipt_of(body, teller.source_id, datetime.fromisoformat(f"{TOLD_AT}+00:00"))
    rows = adapter.parse(body, receipt, teller, options).rows["event_observations"]
    assert isinstance(rows, list)
    lake.fetch(teller.source_id, TOLD_AT, rows)


@pytest.fixture(scope="module")
def events(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """Each event by its title: whether it counts, place, organiser, what decided that, and the reason."""
    base = load(project / "config")
    others = tuple(s for s in base.sources if s.family != "events")
    configuration: Configuration = base.model_copy(update={"sources": (*others, TOWN, FRISKUS, NAMELESS)})
    lake = EventLake(tmp_path_factory.mktemp("organisers"), configuration)
    by_the_choir = told(7, "Sommarkonsert", "Mannskoret")
    tell(
        lake,
        TOWN,
        {
            "events": [
                told(3, "Bok i parken", "MOA Bibliotek"),
                told(4, "Korsong ute", "Mannskoret"),
                told(5, "Byvandring", "Mannskoret", "Biblioteka i Ålesund"),
                told(6, "Loppemarknad"),
                by_the_choir,
            ]
        },
    )
    tell(
        lake,
        FRISKUS,
        {
            "data": [
                posted(7, "Sommarkonsert", "Moa bibliotek"),
                posted(10, "Språktrening", "Moa bibliotek"),
                posted(11, "Sjakk", "Moa bibliotek sin sjakklubb"),
            ]
        },
    )
    tell(lake, NAMELESS, {"events": [told(12, "Allsong", "Moa bibliotek")]})
    path = build(lake, project, AS_OF, "+fct_event")
    rows = ask(
        path,
        "select title, is_countable, place, organiser, organiser_rule, count_reason, claim_count from core.fct_event",
    )
    assert len(rows) == 8, "the concert that two of them tell is one"
    return {row[0]: tuple(row[1:]) for row in rows}


@pytest.mark.parametrize(
    ("title", "place", "claims"),
    [("Bok i parken", "off_site", 1), ("Byvandring", "off_site", 1), ("Språktrening", "not_told", 1)],
)
def test_what_a_calendar_of_many_says_that_the_library_holds_counts_wherever_it_is(
    events: dict[str, tuple[Any, ...]], title: str, place: str, claims: int
) -> None:
    """Many libraries publish nowhere else, and hold their summer in the park."""
    assert events[title] == (True, place, "own", "no_partner_named", "held", claims)


def test_one_calendar_that_names_the_library_is_enough(events: dict[str, tuple[Any, ...]]) -> None:
    """Of two organisers each posts its own: that the town's calendar names the choir is no evidence against."""
    assert events["Sommarkonsert"] == (True, "off_site", "own", "no_partner_named", "held", 2)


@pytest.mark.parametrize("title", ["Korsong ute", "Loppemarknad", "Sjakk", "Allsong"])
def test_what_others_hold_or_nobody_is_named_for_does_not_count(events: dict[str, tuple[Any, ...]], title: str) -> None:
    """Somebody else, nobody, a club with the library's name in its own, and a source that was told no names."""
    is_countable, _, organiser, rule, reason, _ = events[title]
    assert (is_countable, organiser, rule, reason) == (False, "not_told", "nothing_ties_it", NOT_TIED)
