"""The descriptions that ship with the project: Ålesund (simulated), Newcastle and Auckland (real, open data)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ingest import config
from ingest.adapters import adapter_for
from ingest.config import Configuration
from ingest.library_tables import write_library_tables
from ingest.public_holidays import public_holidays
from sandbox.world import CLOCK

FIRST_FIGURES = [
    "visits", "visits_per_open_hour", "visits_per_inhabitant", "events_held", "event_attendances",
    "events_with_partner", "partners_new", "followers", "posts", "engagement_rate", "follower_growth",
    "days_since_last_post", "views", "reach_28_days", "interactions", "posts_unassigned_share",
]  # fmt: skip


@pytest.fixture(scope="module")
def newcastle(project: Path) -> Configuration:
    """The description that `make real` uses."""
    return config.load(project / "examples" / "newcastle")


@pytest.mark.parametrize("folder", ["config", "examples/newcastle"])
def test_every_source_names_an_adapter_that_takes_its_options(project: Path, folder: str, tmp_path: Path) -> None:
    """A misspelled option must fail here, not on the first morning."""
    loaded = config.load(project / folder)
    for source in loaded.sources:
        adapter, _options = adapter_for(source)
        assert source.source_id.split("_")[0] in {"door", "event", "instagram"}
        assert adapter.family == source.family
    assert [f.figure_id for f in loaded.figures if f.figure_id in FIRST_FIGURES] == FIRST_FIGURES
    assert all(f.definition.strip() and f.rule_source.strip() for f in loaded.figures)
    assert write_library_tables(tmp_path, loaded)["figures"] == len(loaded.figures)


def test_eleven_branches_in_2023_and_six_and_five_from_2024(description: Configuration) -> None:
    """The split of the municipality: losing five branches can look like a fall as large as the claimed growth."""

    def members(area_id: str, day: date) -> set[str]:
        return {
            b.branch_id
            for b in description.library.branches
            for m in b.areas
            if m.area_id == area_id and m.valid_from <= day < (m.valid_to or date.max)
        }

    assert len(members("1507", date(2023, 12, 31))) == 11
    assert members("1507", date(2024, 1, 1)) == set()
    assert members("1580", date(2024, 1, 1)) == {"brattvag", "vatne", "haramsoy", "longva", "lepsoy"}
    assert len(members("1508", date(2024, 1, 1))) == 6
    assert next(b.name for b in description.library.branches if b.branch_id == "unknown_11").endswith("(namn ukjent)")


def test_the_simulated_library_says_so_and_knows_its_holidays_in_norwegian(description: Configuration) -> None:
    """A wrong language would fall back to English in silence."""
    assert description.library.is_simulated
    assert description.library.simulated_now_at == CLOCK
    assert (date(2023, 5, 17), "Grunnlovsdag") in public_holidays(description.library)


def test_no_secret_and_no_real_organisation_stands_in_the_simulated_description(project: Path) -> None:
    """Tokens are named by variable, and partners are invented."""
    loaded = config.load(project / "config")
    assert all(p.name.startswith("Simfjord ") for p in loaded.partners.partners)
    assert loaded.source("instagram_graph_account").options["token_env"] == "LEVENDE_SANDBOX_TOKEN"
    assert "${LEVENDE_SANDBOX_URL}" in str(loaded.source("event_icalendar_programme").options["url"])


def test_newcastle_is_complete_in_2019_2022_and_2023_and_in_no_year_of_the_closure(
    newcastle: Configuration, real: Path, read: Any
) -> None:
    """Totals recomputed from the council's file; a branch that is valid and has no number makes its year unknown."""
    path = real / "doors" / "newcastle" / "2008-onwards-monthly-visits.csv"
    rows, _rejects = read(newcastle.source("door_wide_newcastle"), path.read_bytes(), path.name)
    rows = rows[rows.value_state == "observed"]
    local = pd.to_datetime(rows.interval_start_at).dt.tz_localize("UTC").dt.tz_convert("Europe/London")
    told = {
        (device, start.year, start.month): count
        for device, start, count in zip(rows.device_key, local, rows.in_count, strict=True)
    }
    lines = {line.branch_id: line for line in newcastle.library.lines}
    totals: dict[int, int] = defaultdict(int)
    missing: dict[int, int] = defaultdict(int)
    for branch in newcastle.library.branches:
        if branch.areas[0].area_id != "newcastle":
            continue
        for year in range(2009, 2025):
            for month in range(1, 13):
                first = date(year, month, 1)
                if not branch.valid_from <= first < (branch.valid_to or date.max):
                    continue
                value = told.get((lines[branch.branch_id].device_key, year, month))
                totals[year] += int(value or 0)
                missing[year] += value is None
    assert (totals[2019], totals[2022], totals[2023]) == (811_896, 405_879, 520_155)
    assert (missing[2019], missing[2022], missing[2023]) == (0, 0, 0)
    assert min(missing[2020], missing[2021], missing[2024]) > 0
    assert {line.device_key for line in newcastle.library.lines if line.source_id == "door_wide_newcastle"} == set(
        rows.device_key
    )


def test_the_samples_are_read_under_the_keys_of_the_description(
    newcastle: Configuration, real: Path, read: Any
) -> None:
    """Real device messages and a real calendar go through the same description as everything else."""
    source = newcastle.source("door_brickstream_samples")
    line = next(x for x in newcastle.library.lines if x.source_id == source.source_id)
    files = sorted((real / "doors" / "payloads" / "brickstream").glob(source.pattern))
    assert len(files) == 5
    for path in files:
        rows, _rejects = read(source, path.read_bytes(), path.name, how="push")
        assert set(zip(rows.device_key, rows.line_key, strict=True)) == {(line.device_key, line.line_key)}
    source = newcastle.source("event_icalendar_makerspace")
    path = real / "events" / "ics" / "recurring-ical-events" / source.pattern
    rows, rejects = read(source, path.read_bytes(), path.name)
    assert rejects == []
    assert len(rows) > 250


def test_auckland_names_every_sensor_of_its_file_and_none_while_it_was_dead(project: Path, real: Path) -> None:
    """A column without a line is lost without a sound, and 107 Quay Street's three years of noughts are no count."""
    auckland = config.load(project / "examples" / "auckland")
    (source,) = auckland.sources
    adapter_for(source)
    header = (real / "doors" / "auckland" / source.pattern).read_text().splitlines()[0].split(",")
    assert {line.device_key for line in auckland.library.lines} == {name.lower() for name in header[3:]}
    assert len(auckland.library.branches) == 21
    spans = [(x.valid_from, x.valid_to) for x in auckland.library.lines if x.device_key == "107 quay street"]
    assert spans == [(date(2019, 1, 2), date(2019, 4, 1)), (date(2022, 7, 23), None)]
    assert not auckland.library.opening_hours, "a street never closes: every hour is expected"
    assert "no visits" in auckland.figures[0].definition.lower()
