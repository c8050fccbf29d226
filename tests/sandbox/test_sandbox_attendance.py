"""Who came to the simulated events, what staff tell of it, and when."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingest import pipeline
from ingest.adapters import adapter_for
from ingest.home import Home
from sandbox import attendance, cli, faulty_files, truth
from sandbox.vendors import VendorFile
from sandbox.world import CLOCK, World

SOURCE = "event_sheet_attendance"


@pytest.fixture(scope="module")
def sheets(world: World) -> list[VendorFile]:
    """What has come by the sandbox's clock."""
    return attendance.sheets(world.configuration, world.programme, world.attendance, SOURCE, CLOCK)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, world: World, sheets: list[VendorFile]) -> Home:
    """An installation in which every sheet was landed at its time."""
    home = Home(tmp_path_factory.mktemp("sheets"))
    assert faulty_files.land(home, world.configuration, sheets) == len(sheets)
    return home


@pytest.fixture(scope="module")
def reports(world: World, home: Home) -> list[list[dict[str, Any]]]:
    """The reports of each delivery in the order of arrival, as the production adapter reads them."""
    source = world.configuration.source(SOURCE)
    adapter, options = adapter_for(source)
    told = []
    for receipt in home.catalogue.receipts(source_id=SOURCE):
        parsed = adapter.parse(home.body(receipt), receipt, source, options)
        assert list(parsed.rejects) == []
        rows: list[Any] = list(parsed.rows["attendance_reports"])
        told.append(rows)
    return told


def test_the_last_word_about_every_event_is_the_truth_and_what_is_untold_stays_untold(
    world: World, reports: list[list[dict[str, Any]]]
) -> None:
    """The bounds that publishing must tell are known only if nothing but the meant gaps is missing."""
    newest = {row["series_id"]: row for delivery in reports for row in delivery}
    counts = {
        event_id: (row["on_site_count"], row["online_count"])
        for event_id, row in newest.items()
        if row["on_site_count"] is not None
    }
    assert counts == {a.event_id: (a.on_site, a.online) for a in world.attendance if a.is_told}
    told_apart = {i: row["children_count"] for i, row in newest.items() if row["children_count"] is not None}
    assert told_apart == {a.event_id: a.children for a in world.attendance if a.is_told and a.children is not None}
    assert sum(row["on_site_count"] is None for row in newest.values()) > 20, "nobody says that nobody counted"


def test_sheets_come_late_have_holes_and_are_put_right(world: World, reports: list[list[dict[str, Any]]]) -> None:
    """A demonstration in which everybody reports at once and rightly shows nothing of what reports are like."""
    first: dict[str, Any] = {}
    changed = Counter[bool]()
    for row in (row for delivery in reports for row in delivery):
        if row["on_site_count"] is not None:
            before = first.setdefault(row["series_id"], row["on_site_count"])
            changed[before != row["on_site_count"]] += 1
    assert changed[True] > 20
    assert all(row["reported_at"] > row["start_at"] for delivery in reports for row in delivery if row["start_at"])
    late = [a for a in world.attendance if a.is_late and a.is_told]
    assert len(late) > 100
    untold = Counter(a.held.start.year for a in world.attendance if not a.is_told)
    assert untold[2022] == 0
    assert untold[2023] > 60
    assert untold[2024] > 50
    assert not any(a.is_told for a in world.attendance if (a.held.start.year, a.held.start.month) == (2023, 11))
    assert sum(a.present < 2 for a in world.attendance) > 10, "the variant of at least two present is the main figure"


def test_landing_the_sheets_again_and_sweeping_their_folder_brings_nothing_new(
    world: World, home: Home, sheets: list[VendorFile]
) -> None:
    """`make run` may be run twice, and what was landed as it came lies in the folder as well."""
    before = len(home.catalogue.receipts(source_id=SOURCE))
    assert before == len(sheets) == len({(s.name, s.written_at) for s in sheets})
    assert faulty_files.land(home, world.configuration, sheets) == len(sheets)
    outcome = pipeline.sweep(home, world.configuration, world.configuration.source(SOURCE), CLOCK)
    assert (outcome.receipts, outcome.failures) == (0, [])
    assert len(home.catalogue.receipts(source_id=SOURCE)) == before
    assert len({s.name for s in sheets}) < before, "no sheet came twice under one name"


def test_a_year_told_in_full_has_a_value_and_one_with_gaps_has_a_bound(world: World, tmp_path: Path) -> None:
    """Without a report unknown is not nobody: what was told is the least, never the value."""
    told = truth.write(world, tmp_path / "truth.json")
    assert truth.read(tmp_path / "truth.json") == told
    year = {
        (f.figure_id, f.period_start[:4]): f
        for f in told
        if f.period_kind == "year" and f.area_id == "1507" and f.branch_id is None
    }
    whole, partly = year["event_attendances", "2022"], year["event_attendances", "2023"]
    assert (whole.told_share, whole.value) == (
        None,
        sum(a.present for a in world.attendance if a.held.start.year == 2022),
    )
    assert partly.told_share is not None
    assert partly.told_value is not None
    assert 0.7 < partly.told_share < 0.9
    assert partly.told_value < partly.value
    assert year["events_without_attendance", "2023"].value == round(600 * (1 - partly.told_share))
    assert year["events_held_at_least_2_present", "2022"].value < year["events_held", "2022"].value


def test_files_written_for_a_plain_build_hold_the_newest_word(
    world: World, sheets: list[VendorFile], tmp_path: Path
) -> None:
    """Who builds without running sweeps the folder himself: there the sheets as they were put right must lie."""
    home = Home(tmp_path / "home")
    cli.write_world(home, world)
    newest = {s.name: s.body for s in sheets}
    folder = pipeline.drop_folder(home, world.configuration.source(SOURCE))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == newest
