"""Judging: what a result says, and what happens when the check itself can't be made."""

from __future__ import annotations

import json
import shutil
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from judged_library import build_lake

from expectations.frames import FrameError, frame_for
from expectations.results import json_safe, load_results, save_results
from expectations.suites import Suite, load_suites
from expectations.validate import judge, plain, validate

SUITES = {s.name: s for s in load_suites()}


def suite_of(*rules: dict[str, Any], key: tuple[str, ...] = ("name",)) -> Suite:
    """A suite with these rules, after one that demands rows."""
    common = {"severity": "error", "description": "Something is wrong here. Mend it now."}
    first = {"name": "there_are_rows", "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    return Suite.model_validate(
        {
            "name": "kpi_thing",
            "table": "kpi.thing",
            "database": "warehouse",
            "key": key,
            "description": "Things that are counted.",
            "owner": "team:statistics",
            "rules": [{**common, **r} for r in (first, *rules)],
        }
    )


def test_a_failed_rule_names_the_rows_that_break_it() -> None:
    """Whoever mends it must find the row without running the query again."""
    suite = suite_of(
        {"name": "few", "type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 2}}
    )
    frame = pd.DataFrame({"name": ["a", "b", "c"], "n": [1, 5, None]})
    few = validate(frame, suite)[1]
    assert (few.passed, few.broken, few.is_blocking) == (False, None, True)
    assert few.observed == [{"n": 5.0, "name": "b"}]
    assert (few.unexpected_count, few.element_count) == (1, 3)


def test_a_warning_does_not_block() -> None:
    """Some doubts are for people to see, not for the run to stop at."""
    rule = {"name": "few", "type": "expect_column_values_to_be_null", "kwargs": {"column": "n"}, "severity": "warn"}
    assert not validate(pd.DataFrame({"n": [1]}), suite_of(rule))[1].is_blocking


def test_a_refused_argument_breaks_only_its_own_rule() -> None:
    """One typing error must not cost the judgement of the whole table, nor look like bad data."""
    wrong = {"name": "wrong", "type": "expect_column_values_to_be_null", "kwargs": {"column": "n", "colour": 1}}
    good = {"name": "good", "type": "expect_column_to_exist", "kwargs": {"column": "n"}}
    results = validate(pd.DataFrame({"n": [1]}), suite_of(wrong, good))
    assert [r.passed for r in results] == [True, False, True]
    assert results[1].broken is not None
    assert "colour" in results[1].broken
    assert "mend expectations/suites/kpi_thing.yaml" in results[1].broken


def test_a_missing_column_is_a_broken_check_and_costs_no_other() -> None:
    """Great Expectations tells both as success false; only one of them is about the data."""
    rules = [
        {"name": column, "type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}}
        for column in ("gone", "n")
    ]
    gone, there = validate(pd.DataFrame({"n": [1]}), suite_of(*rules))[1:]
    assert gone.broken is not None
    assert '"gone"' in gone.broken
    assert (there.passed, there.broken) == (True, None)


def test_integers_and_booleans_with_nulls_are_judged() -> None:
    """DuckDB hands them over as types whose NA has no truth value; a comparison would break on it."""
    frame = pd.DataFrame(
        {"n": pd.array([1, None, 9], dtype="Int32"), "is_x": pd.array([True, None, False], dtype="boolean")}
    )
    rules = [
        {"name": "n", "type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 2}},
        {"name": "x", "type": "expect_column_values_to_be_in_set", "kwargs": {"column": "is_x", "value_set": [True]}},
    ]
    n, x = validate(frame, suite_of(*rules))[1:]
    assert (n.broken, n.unexpected_count) == (None, 1)
    assert (x.broken, x.unexpected_count) == (None, 1)
    assert str(plain(frame)["n"].dtype) == "float64"
    assert str(frame["n"].dtype) == "Int32", "the caller's frame must stay as it was"


def test_a_rule_may_be_about_some_rows_only() -> None:
    """Most of our rules are of the kind: where the status says this, the value is that."""
    rule = {
        "name": "null",
        "type": "expect_column_values_to_be_null",
        "kwargs": {"column": "n"},
        "when": {"column": "is_open", "is_not_in": [True]},
    }
    frame = pd.DataFrame({"n": [1, None, 2], "is_open": [True, False, False]})
    assert validate(frame, suite_of(rule))[1].unexpected_count == 1


def test_the_same_frame_gives_the_same_results() -> None:
    """Results are stored and compared; a time or a random id in them would make every run look new."""
    suite = suite_of({"name": "null", "type": "expect_column_values_to_be_null", "kwargs": {"column": "n"}})
    frame = pd.DataFrame({"name": ["a"], "n": [1]})
    assert validate(frame, suite) == validate(frame, suite)


def test_results_survive_being_stored(tmp_path: Path) -> None:
    """The site is built by a later step than the checks, perhaps by a later process."""
    suite = suite_of({"name": "gone", "type": "expect_column_values_to_be_null", "kwargs": {"column": "gone"}})
    results = validate(pd.DataFrame({"n": [np.nan]}), suite)
    save_results(tmp_path / "validations", suite.name, results)
    save_results(tmp_path / "validations", suite.name, results)
    assert load_results(tmp_path / "validations") == {suite.name: results}
    assert [p.name for p in (tmp_path / "validations").iterdir()] == ["kpi_thing.json"]


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (np.float64("nan"), None),
        (float("inf"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp("2023-01-01"), "2023-01-01T00:00:00"),
        (datetime(2023, 1, 1), "2023-01-01T00:00:00"),  # noqa: DTZ001 - the warehouse's instants are naive UTC
        (date(2023, 1, 1), "2023-01-01"),
        ({"b", "a"}, ["a", "b"]),
        ({1: [np.nan]}, {"1": [None]}),
    ],
)
def test_json_has_a_word_for_everything_observed(value: object, safe: object) -> None:
    """`NaN` is no JSON: Dagster and browsers would refuse the whole record."""
    assert json_safe(value) == safe
    json.dumps(json_safe(value), allow_nan=False)


def test_a_column_that_the_table_lost_breaks_the_suite_with_the_next_action(warehouse: Path, tmp_path: Path) -> None:
    """Orchestration must get results it can record, whatever happened to the table."""
    copy = tmp_path / "build.duckdb"
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute("alter table kpi.figures drop column unit")
    results = judge(SUITES["kpi_figures"], copy, tmp_path)
    assert len(results) == len(SUITES["kpi_figures"].rules)
    assert all(r.is_blocking and r.broken for r in results)
    assert "unit" in str(results[0].broken)
    assert "levende run" in str(results[0].broken)


def test_a_warehouse_that_is_not_there_says_so(tmp_path: Path) -> None:
    """And the look at it must not create one."""
    with pytest.raises(FrameError, match="levende run"):
        frame_for(SUITES["kpi_figures"], tmp_path / "build.duckdb", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_that_is_being_written_says_so(warehouse: Path, tmp_path: Path) -> None:
    """DuckDB has one writer; the message must not read as if the data were wrong."""
    copy = tmp_path / "build.duckdb"
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)), pytest.raises(FrameError, match="judge again"):
        frame_for(SUITES["kpi_figures"], copy, tmp_path)
    assert len(frame_for(SUITES["kpi_figures"], copy, tmp_path)) > 0


def test_looking_at_the_warehouse_does_not_change_it(warehouse: Path, tmp_path: Path) -> None:
    """Only dbt writes it."""
    before = warehouse.read_bytes()
    for suite in SUITES.values():
        if suite.database == "warehouse":
            frame_for(suite, warehouse, tmp_path)
    assert warehouse.read_bytes() == before
    assert [p.name for p in warehouse.parent.iterdir()] == ["build.duckdb"]


def test_a_lake_table_without_rows_is_empty_not_broken(tmp_path: Path) -> None:
    """A library without Instagram is not a fault."""
    lake = build_lake(tmp_path / "lake's", "delete from lake.social_post_observations")
    assert all(r.passed for r in judge(SUITES["lake_social_post_observations"], tmp_path, lake))


def test_a_lake_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Nothing ingested is a different thing from nothing wrong."""
    results = judge(SUITES["lake_fetches"], tmp_path, tmp_path / "lake")
    assert all(r.broken and "levende ingest" in r.broken for r in results)


def test_a_damaged_lake_file_breaks_only_its_own_table(tmp_path: Path) -> None:
    """One source's failure never stops another's, and landing can give the file again."""
    lake = build_lake(tmp_path)
    (lake / "door_observations" / "s1" / "two.parquet").write_bytes(b"half")
    doors = judge(SUITES["lake_door_observations"], tmp_path, lake)
    assert all(r.broken and "two.parquet" in r.broken and "levende ingest" in r.broken for r in doors)
    assert all(r.passed for r in judge(SUITES["lake_event_observations"], tmp_path, lake))


def test_instants_do_not_depend_on_the_servers_zone(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader's zone must never move a figure."""
    suite = SUITES["lake_social_account_observations"]
    at_home = frame_for(suite, lake, lake)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        abroad = frame_for(suite, lake, lake)
    finally:
        monkeypatch.undo()
        time.tzset()
    pd.testing.assert_frame_equal(at_home, abroad)
    assert at_home["observed_at"][0] == pd.Timestamp("2023-02-01 02:59")


def test_a_library_without_a_whole_year_can_be_reconciled(warehouse: Path, tmp_path: Path) -> None:
    """The first months of a library must not be stopped by sums that can't be made yet."""
    copy = tmp_path / "build.duckdb"
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute("delete from kpi.figures where period_kind in ('quarter', 'year')")
    assert all(r.passed for r in judge(SUITES["kpi_figures_reconciliation"], copy, tmp_path))


def test_an_area_that_was_split_is_no_fault(warehouse: Path, tmp_path: Path) -> None:
    """A municipality may end and another begin on the same day; the branch is in exactly one all the time."""
    copy = tmp_path / "build.duckdb"
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute("update core.dim_area set valid_to = date '2024-01-01'")
        con.execute("insert into core.dim_area values ('a2', 'Area two', date '2024-01-01', null)")
        con.execute("update core.bridge_branch_area set valid_to = date '2024-01-01'")
        con.execute("insert into core.bridge_branch_area values ('b1', 'a2', date '2024-01-01', null)")
        con.execute("insert into core.bridge_branch_area values ('b2', 'a2', date '2024-01-01', null)")
    assert all(r.passed for r in judge(SUITES["core_bridge_branch_area"], copy, tmp_path))
