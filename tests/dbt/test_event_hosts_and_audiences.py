"""What branches of two municipalities hold together with somebody new, and whom an event was for when people decide it.

What belongs here: facts of an event that stand beside its identity and that a person, or a second host, adds. What does
not: shares and rules by themselves (`test_event_dimensions`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build, claim, library_with

from ingest.config import Configuration, EventDecision

AS_OF = "2025-02-01 04:00:00"
MODELS = ("+figures", "+events_split", "+bridge_event_audience", "+bridge_event_audience_claim", "+bridge_event_claim",
          "+fct_event", "+fct_event_doubt", "+fct_event_restatement", "+bridge_event_partner")  # fmt: skip


def ruling(series_id: str, *audiences: str, on: date = date(2024, 3, 1), source: str = "event_own") -> EventDecision:
    return EventDecision.model_validate(
        {"verdict": "audience", "claims": [{"source_id": source, "series_id": series_id}], "audiences": audiences,
         "reason": "the branch was there", "decided_on": on, "decided_by": "branch manager"}
    )  # fmt: skip


def described(project: Path) -> Configuration:
    decisions = [
        ruling("a-1", "adults"),
        ruling("a-2", "youth", "adults"),
        ruling("a-3", "children"),
        ruling("t-3", "youth", on=date(2024, 4, 1), source="event_town"),
        ruling("a-5", "adults", on=date(2023, 3, 1)),
    ]
    return library_with(project, "event_own", "event_town", decisions=decisions)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    lake = EventLake(tmp_path_factory.mktemp("hosts"), described(project))
    moa: dict[str, Any] = {"location": "Moa bibliotek"}
    choir: dict[str, Any] = {"partner_claims": "Fjordkoret"}
    band: dict[str, Any] = {"partner_claims": "Hamnebandet"}
    own = [
        claim("p-1", "2024-03-05 18:00", "Grensekveld", location="Moa bibliotek", categories="Moa | Brattvåg", **choir),
        claim("p-2", "2024-05-05 18:00", "Korkveld", location="Brattvåg bibliotek", **choir),
        claim("p-3", "2024-05-06 18:00", "Spelkveld", **moa, **band),
        claim("p-4", "2024-05-07 18:00", "Ny spelkveld", location="Brattvåg bibliotek", **band),
        claim("a-1", "2024-02-06 11:00", "Lesestund", **moa),
        claim("a-2", "2024-02-07 18:00", "Opent hus", audience_claims="children | family", **moa),
        claim("a-3", "2024-02-08 18:00", "Quiz", **moa),
        claim("a-4", "2024-02-09 11:00", "Lesestund", **moa),
        claim("a-5", "2022-11-09 11:00", "Lesestund", **moa),
        claim("a-6", "2024-02-12 18:00", "Samtale", **moa),
    ]
    lake.fetch("event_own", "2022-10-20 04:00:00", own)
    town = [claim("t-3", "2024-02-08 18:00", "Quiz", **moa)]
    lake.fetch("event_town", "2022-10-20 04:01:00", town)
    return build(lake, project, AS_OF, *MODELS)


def test_who_first_came_to_an_evening_of_two_municipalities_is_new_in_both(warehouse: Path) -> None:
    """Each municipality won a partner that evening; who answers for the event says nothing of who won it.

    The choir's later evening in one of the two is no first act, and the band is new where it first played, only.
    """
    rows = ask(
        warehouse,
        "select figure_id, area_id, value from kpi.figures where figure_id in ('partners_new', 'partners_new_units') "
        "and period_kind = 'year' and period_start = date '2024-01-01' order by 1, 2",
    )
    assert rows == [(f, area, n) for f in ("partners_new", "partners_new_units") for area, n in
                    (("1508", 2.0), ("1580", 1.0))]  # fmt: skip
    whole = ask(warehouse, "select count(distinct organisation_id) from core.bridge_event_partner")
    assert whole == [(2,)], "two organisations, though the municipalities have three between them"


def test_a_person_overrules_for_whom_an_event_was(warehouse: Path) -> None:
    """Words and boxes mislead, and nobody can argue with a rule that can't be overruled. The newest word holds."""
    rows = ask(
        warehouse,
        "select c.series_id, a.audience, a.share, a.audience_basis, a.audience_rule, a.audience_reason "
        "from core.bridge_event_audience a join core.bridge_event_claim c using (event_id) "
        "where c.source_id = 'event_own' and c.series_id like 'a-%' and c.series_id < 'a-5' order by 1, 2",
    )
    decided = ("decided", "decided", "the branch was there")
    assert rows[:-1] == [
        ("a-1", "adults", 1.0, *decided),
        ("a-2", "adults", 0.5, *decided),
        ("a-2", "youth", 0.5, *decided),
        ("a-3", "youth", 1.0, *decided),
    ]
    assert rows[-1][:2] == ("a-4", "children"), "the same words, not decided"
    used = ask(
        warehouse,
        "select audience_claim, is_used from core.bridge_event_audience_claim join core.bridge_event_claim c "
        "using (event_id, occurrence_id) where c.series_id = 'a-2' order by 1",
    )
    assert used == [("children", False), ("family", False)], "kept as they were, and not used"
    cut = ask(
        warehouse,
        "select split_value, value from kpi.events_split where split = 'audience' and figure_id = 'events_held' "
        "and branch_id = 'moa' and period_kind = 'month' and period_start = date '2024-02-01' order by 1",
    )
    assert cut == [("adults", 1.5), ("children", 1.0), ("not_told", 1.0), ("youth", 1.5)]


def test_an_audience_decided_after_the_closing_is_listed(warehouse: Path) -> None:
    """The cut of a closed year changed."""
    rows = ask(
        warehouse,
        "select change_kind, new_value, reason from core.fct_event_restatement where closed_year = 2022",
    )
    assert rows == [("decided", "audience adults", "the branch was there")]
