"""Events that staff's sheets do not list, and what stands beside them: which are in doubt, and which hold.

What belongs here: what follows of a report that is missing. What does not: what reports themselves say
(`test_event_dimensions`), and ranges as such (`test_event_ranges`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build, claim, feed, library_with

from ingest.config import Configuration

AS_OF = "2024-07-01 04:00:00"
MODELS = ("+figures", "+fct_event_doubt", "+fct_event", "+bridge_event_claim")


def described(project: Path) -> Configuration:
    """The project's library; its own feed is believed more than the town's, and staff hand in a sheet."""
    names = ("event_own", "event_town", "event_sheet")
    return library_with(project, *(feed(name, priority=rank) for rank, name in enumerate(names, start=1)))


def row(told: dict[str, Any]) -> dict[str, Any]:
    """The line of the sheet about what a feed tells; it knows no ids."""
    return {
        "series_id": f"r-{told['series_id']}", "slot": "", "method": "counted", "on_site_count": 9,
        "reported_at": told["end_at"] + timedelta(days=1), "start_on": told["start_on"], "start_at": told["start_at"],
        "title": told["title"], "location": told["location"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """March is well reported at Moa, Skodje and Vatne; at Sjøholt staff list half of what they have."""
    moa: dict[str, Any] = {"location": "Moa bibliotek"}
    skodje: dict[str, Any] = {"location": "Skodje bibliotek"}
    vatne: dict[str, Any] = {"location": "Vatne bibliotek"}
    sea: dict[str, Any] = {"location": "Sjøholt bibliotek"}
    usual = [
        claim(f"{place}-{n}", f"2023-03-{n:02d} 15:00", f"Kveld {n}", location=f"{place} bibliotek")
        for n in range(1, 15)
        for place in ("Moa", "Skodje", "Vatne")
    ]
    listed = [
        claim("knit", "2023-03-14 10:00", "Strikkekafé", **moa),
        claim("maps", "2023-03-15 18:00", "Byvandring i gamle gater", **skodje),
        claim("half-1", "2023-03-16 10:00", "Strikkekafé", **sea),
    ]
    unlisted = [
        claim("half-2", "2023-03-17 10:00", "Babysong", **sea),
        claim("circle", "2023-03-20 18:00", "Lesesirkel", **vatne),
    ]
    lake = EventLake(tmp_path_factory.mktemp("unlisted"), described(project))
    lake.fetch("event_own", "2023-02-01 04:00:00", [*usual, *listed, *unlisted])
    town = [
        claim("yarn", "2023-03-14 10:30", "Garn og prat", **moa),
        claim("atlas", "2023-03-15 18:00", "Alt om kart", **moa),
        claim("half-3", "2023-03-16 10:30", "Garn og prat", **sea),
        claim("alone", "2023-03-22 18:00", "Allsong", **moa),
        claim("strange", "2023-03-20 18:00", "Lesesirkel", **skodje),
    ]
    lake.fetch("event_town", "2023-02-01 04:01:00", town)
    sheet = [row(c) for c in (*usual, *listed, town[-1])]
    lake.fetch("event_sheet", "2023-04-01 10:00:00", reports=sheet, how="drop", origin="sheet", window=None)
    return build(lake, project, AS_OF, *MODELS)


def held(warehouse: Path, branch_id: str | None) -> list[tuple[Any, ...]]:
    """Value and range of `events_held` in March."""
    branch = "is null" if branch_id is None else f"= '{branch_id}'"
    return ask(
        warehouse,
        "select value, value_low, value_high from kpi.figures where figure_id = 'events_held' and area_id = '1507' "
        f"and branch_id {branch} and period_kind = 'month' and period_start = date '2023-03-01'",
    )


def test_only_what_nobody_lists_may_go(warehouse: Path) -> None:
    """Of two that may be one the listed one stands. A missing row alone is no doubt, and where half is missing none."""
    assert held(warehouse, "moa") == [(18.0, 18.0, 18.0)]
    assert held(warehouse, "skodje") == [(16.0, 16.0, 16.0)], "its walk and its circle are both listed"
    assert held(warehouse, "sjoholt") == [(3.0, 3.0, 3.0)]


def test_what_the_librarys_own_feed_tells_holds_though_a_like_elsewhere_is_listed(warehouse: Path) -> None:
    """The town's feed has such a circle at another branch, and that took place. Vatne's is told by the best believed
    feed: a forgotten row of the sheet must not take it out, but a person should look."""
    assert ask(warehouse, "select is_countable from core.fct_event join core.bridge_event_claim using (event_id) "
                          "where bridge_event_claim.series_id = 'circle'") == [(True,)]  # fmt: skip
    assert held(warehouse, "vatne") == [(15.0, 14.0, 15.0)]
