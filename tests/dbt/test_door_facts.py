"""Door counts from their bytes to the figures: nights past midnight, weeks counted by hand, counts that change.

The unit tests of the models tell each rule on rows made by hand. Here nothing is made by hand but the bytes and the
description of the library.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_here import run_dbt

from ingest import pipeline
from ingest.catalogue import Arrival
from ingest.config import load
from ingest.home import Home
from ingest.library_tables import write_library_tables

LIBRARY = """
library_id: toy
name: Toy
zone: Europe/Oslo
reporting: {start_on: 2023-01-01, end_on: 2024-01-01}
areas: [{area_id: "1", name: Toy, valid_from: 2020-01-01}]
branches:
  - {branch_id: night, name: Natt, valid_from: 2020-01-01, areas: &all [{area_id: "1", valid_from: 2020-01-01}]}
  - {branch_id: hand, name: Hand, valid_from: 2020-01-01, areas: *all}
  - {branch_id: once, name: Ein gong, valid_from: 2020-01-01, areas: *all}
lines:
  - {line_id: night_door, branch_id: night, source_id: door_csv_night, device_key: natt, rule: mean_in_out,
     valid_from: 2020-01-01}
  - {line_id: hand_door, branch_id: hand, source_id: door_sheet_hand, device_key: hand, role: sample, rule: entries,
     valid_from: 2020-01-01}
  - {line_id: once_door, branch_id: once, source_id: door_sheet_hand, device_key: ein gong, role: sample,
     rule: entries, valid_from: 2020-01-01}
day_cuts: [{branch_ids: [night], at: "05:00", valid_from: 2020-01-01}]
opening_hours:
  - {branch_ids: [night], weekdays: [5, 6], opens: "22:00", closes: "03:00", valid_from: 2020-01-01}
  - {branch_ids: [hand, once], weekdays: [1, 2, 3, 4, 5, 6], opens: "10:00", closes: "16:00", valid_from: 2020-01-01}
opening_exceptions:
  - {branch_ids: [hand], first_on: 2023-07-03, last_on: 2023-07-16, kind: closed, reason: summer}
"""
SOURCES = """
sources:
  - {source_id: door_csv_night, family: doors, adapter: interval_csv, description: Night., owner: "team:statistics",
     options: {zone: Europe/Oslo}}
  - source_id: door_sheet_hand
    family: doors
    adapter: manual_counts
    description: Sample weeks.
    owner: "team:statistics"
    options:
      zone: Europe/Oslo
      columns: {device: [Filial], start: [Fra], end: [Til], count: [Antall], method: [Metode]}
"""
WEEKS = """Filial;Fra;Til;Antall;Metode
Hand;13.03.2023;19.03.2023;1180;telleuke
Hand;18.09.2023;24.09.2023;1240;telleuke
Ein gong;13.03.2023;19.03.2023;300;telleuke
"""


def night_hours(people: int) -> str:
    """Two nights in March, the second of which loses the hour from two to three, as the counter's file tells them."""
    rows = ["Avdeling;Dato;Time;Inn;Ut"]
    for evening in (date(2023, 3, 24), date(2023, 3, 25)):
        morning = evening + timedelta(days=1)
        rows += [f"Natt;{evening:%d.%m.%Y};{hour};{people};{people}" for hour in (22, 23)]
        lost = 2 if evening.day == 25 else None
        rows += [f"Natt;{morning:%d.%m.%Y};{hour};{people};{people}" for hour in (0, 1, 2) if hour != lost]
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Warehouse:
    """What dbt made of the bytes."""

    path: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read it."""
        with duckdb.connect(str(self.path), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def built(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The toy library's year, with its night file delivered twice: the second time a year later, with other numbers."""
    folder = tmp_path_factory.mktemp("doors")
    config = folder / "config"
    config.mkdir()
    (config / "library.yaml").write_text(LIBRARY, encoding="utf-8")
    (config / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    shutil.copy(project / "config" / "figures.yaml", config)
    configuration = load(config)
    home = Home(folder / "home")
    for source_id, name, text, when in (
        ("door_csv_night", "natt.csv", night_hours(10), datetime(2023, 4, 1, 4, tzinfo=UTC)),
        ("door_sheet_hand", "teljing.csv", WEEKS, datetime(2023, 10, 1, 4, tzinfo=UTC)),
        ("door_csv_night", "natt.csv", night_hours(12), datetime(2024, 1, 10, 4, tzinfo=UTC)),
    ):
        home.land(Arrival(source_id, "drop", when, text.encode(), origin=name))
    pipeline.read_pending(home, configuration, "doors")
    pipeline.write_receipts(home, configuration)
    write_library_tables(home.lake, configuration)
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    chosen = ("+int_figures__visits", "+int_figures__visits_by_service", "+fct_sample_week", "+fct_count_revision")
    done = run_dbt(project, home.root, "run", "--select", *chosen, "+bridge_figure_input", as_of="2024-02-01 04:00:00")
    assert done.returncode == 0, done.stdout[-4000:]
    return Warehouse(home.warehouse)


def test_a_night_is_one_day_of_the_branch_that_cuts_it_late(built: Warehouse) -> None:
    """Half of a night's people would stand on a weekday on which the library never opened."""
    days = built.rows(
        """
        select cast(period_start as varchar), value, status_value, observed_share from intermediate.int_figures__visits
        where figure_id = 'visits' and branch_id = 'night' and period_kind = 'day'
            and period_start between '2023-03-23' and '2023-03-26'
        """
    )
    assert sorted(days) == [
        ("2023-03-23", None, "H", None),
        ("2023-03-24", 60.0, "A", 1.0),
        ("2023-03-25", 48.0, "A", 1.0),
        ("2023-03-26", None, "H", None),
    ]


def test_the_clock_change_lies_in_the_night_before_and_utc_is_untouched(built: Warehouse) -> None:
    """The night to 26 March has four hours and 23 in its day; what was stored is what was counted, in UTC."""
    hours = built.rows(
        """
        select strftime(hour_start_at, '%d %H:%M'), local_hour, open_minutes from intermediate.int_doors__line_hours
        where local_date = '2023-03-25' order by hour_start_at
        """
    )
    assert hours == [
        ("25 21:00", 22, 60.0),
        ("25 22:00", 23, 60.0),
        ("25 23:00", 0, 60.0),
        ("26 00:00", 1, 60.0),
    ]
    assert built.rows(
        "select day_minutes, open_minutes from intermediate.int_library__open_days "
        "where branch_id = 'night' and local_date = '2023-03-25'"
    ) == [(1380.0, 240.0)]


def test_two_sample_weeks_make_a_year_and_nothing_else(built: Warehouse) -> None:
    """1 180 and 1 240 in 50 opening weeks are 58 080, estimated, without an interval, and no month of it is told."""
    told = built.rows(
        """
        select period_kind, value, value_low, method, status_value, round(observed_share, 3)
        from intermediate.int_figures__visits
        where figure_id = 'visits' and branch_id = 'hand' and (value is not null or period_kind = 'year')
        """
    )
    assert told == [("year", 58080.0, None, "sample_week", "E", 0.04)]
    assert built.rows(
        "select count(*) from intermediate.int_figures__visits_by_service "
        "where branch_id = 'hand' and value is not null"
    ) == [(0,)]


def test_one_sample_week_makes_nothing_and_says_why(built: Warehouse) -> None:
    """Whoever counted one week must read that another is needed, not that the branch has no counter."""
    [(value, note)] = built.rows(
        "select value, note from intermediate.int_figures__visits "
        "where figure_id = 'visits' and branch_id = 'once' and period_kind = 'year'"
    )
    assert value is None
    assert note.startswith("1 usable sample weeks of 1; a year needs 2")


def test_the_way_back_leads_to_the_sheet(built: Warehouse) -> None:
    """A year made of sample weeks is made of these bytes and no others."""
    assert built.rows(
        "select distinct source_id, observation_count from core.bridge_figure_input "
        "where domain = 'visits' and branch_id = 'hand'"
    ) == [("door_sheet_hand", 1)]


def test_a_restated_file_is_in_the_change_log_once_per_hour(built: Warehouse) -> None:
    """Published figures of March changed in January: both numbers stay readable, with when each was received."""
    assert built.rows(
        """
        select revision_kind, previous_visits, visits, is_after_closing, count(*),
            cast(min(previous_received_at) as date) = date '2023-04-01',
            cast(max(received_at) as date) = date '2024-01-10'
        from core.fct_count_revision group by all
        """
    ) == [("restated", 10.0, 12.0, True, 9, True, True)]
