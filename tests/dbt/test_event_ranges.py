"""What the range around `events_held` must hold when a doubt is about an event that no rule could place.

What belongs here: doubts, and what they do to the figures of branches and areas. What does not: when a doubt is raised
(`test_event_scenarios`), and the arithmetic of one model (its unit tests).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build, claim, feed, library_with

from ingest.config import Configuration, load

AS_OF = "2024-07-01 04:00:00"
MODELS = ("+figures", "+fct_event_doubt", "+bridge_event_claim")
GENERAL = "event_vague"
SOME_WEEKS = (datetime.fromisoformat("2023-04-09 22:00"), datetime.fromisoformat("2023-05-20 22:00"))


def described(project: Path) -> Configuration:
    """The project's library; each branch has a feed of its own, and one general feed tells no branch."""
    branches = load(project / "config").library.branches
    return library_with(project, *(feed(f"event_{b.branch_id}", branch_id=b.branch_id) for b in branches), GENERAL)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Eleven feeds that speak for their branches all year, and one of a few weeks that names no branch."""
    lake = EventLake(tmp_path_factory.mktemp("ranges"), described(project))
    for source in lake.configuration.enabled("events"):
        if source.branch_id is not None:
            robots = [claim(f"moa-{n}", f"2023-05-08 {n}:00", "Kodeklubb robotar") for n in (10, 12)]
            lake.fetch(source.source_id, "2023-01-02 04:00:00", robots if source.branch_id == "moa" else [])
    vague = [
        claim("v-off", "2023-04-12 18:00", "Jazzkveld", status="cancelled"),
        claim("v-held", "2023-05-09 18:00", "Allsong"),
        claim("v-code", "2023-05-08 12:15", "Kodeklubb robotar"),
    ]
    lake.fetch(GENERAL, "2023-03-01 04:00:00", vague, window=SOME_WEEKS)
    came: dict[str, Any] = {"series_id": "v-off", "slot": "", "reported_at": datetime.fromisoformat("2023-04-14 10:00"),
                            "method": "counted", "on_site_count": 20}  # fmt: skip
    lake.fetch(GENERAL, "2023-04-14 10:00:00", reports=[came], how="drop", origin="r", window=None)
    return build(lake, project, AS_OF, *MODELS)


def told(warehouse: Path, month: str, branch_id: str | None = None) -> list[tuple[Any, ...]]:
    """Value and range of `events_held` in a month of 2023."""
    branch = "is null" if branch_id is None else f"= '{branch_id}'"
    return ask(
        warehouse,
        "select value, value_low, value_high, status_value from kpi.figures where figure_id = 'events_held' "
        f"and area_id = '1507' and branch_id {branch} and period_kind = 'month' and period_start = date '{month}-01'",
    )


def test_an_event_without_a_branch_that_was_perhaps_held_is_in_the_areas_range(warehouse: Path) -> None:
    """Nothing else of the month lacks a branch; a range that left it out would be surer than the doubt lets it be."""
    doubts = ask(warehouse, "select is_open from core.fct_event_doubt where doubt_kind = 'attendance_at_no_event'")
    assert doubts == [(True,)]
    assert told(warehouse, "2023-04", "unassigned") == [(0.0, 0.0, 1.0, "A")]
    assert told(warehouse, "2023-04") == [(0.0, 0.0, 1.0, "A")]


def test_what_no_rule_could_place_does_not_silence_its_area(warehouse: Path) -> None:
    """Every branch has a feed that speaks for the whole month; that the general one does not takes no branch away."""
    assert told(warehouse, "2023-05", "moa") == [(2.0, 2.0, 2.0, "A")]
    assert told(warehouse, "2023-05", "unassigned") == [(2.0, 1.0, 2.0, "A")]
    assert told(warehouse, "2023-05") == [(4.0, 3.0, 4.0, "A")]
    assert told(warehouse, "2023-06") == [(0.0, 0.0, 0.0, "A")]


def test_of_two_that_are_perhaps_one_the_one_without_a_branch_goes(warehouse: Path) -> None:
    """Were they one, it would be the branch's: its number does not fall by it, the area's does."""
    (subject,) = ask(
        warehouse,
        "select c.series_id from core.fct_event_doubt d join core.bridge_event_claim c "
        "on position(c.occurrence_id in d.subject_id) > 0 "
        "where doubt_kind = 'perhaps_one_event' and c.source_id = 'event_vague'",
    )
    assert subject == ("v-code",)
    assert told(warehouse, "2023-05", "moa")[0][1] == 2.0
