"""What Dagster is told: complete, described, and the same names from one day to the next."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from _small_library import Library

from ingest.contracts import TABLES
from ingest.errors import ConfigurationError
from orchestration.names import DATA_DOCS, FETCHES, LIBRARY, PUBLISHED, REJECTS, table_key
from orchestration.warehouse import POOL

READ_ONLY_OF_THE_LAKE = ("ingest_", "lake_receipts", "lake__library")


@pytest.fixture(scope="module")
def specs(repository: Any) -> dict[dg.AssetKey, Any]:
    graph = repository.asset_graph
    return {key: graph.get(key) for key in graph.get_all_asset_keys()}


@pytest.fixture(scope="module")
def check_specs(repository: Any) -> list[dg.AssetCheckSpec]:
    from orchestration.defs.publish import all_check_specs

    return all_check_specs()


def test_definitions_load_and_every_job_resolves(repository: Any) -> None:
    """A module that declares a definitions function loses its other objects without a word: names are told here."""
    repository.validate_loadable()
    jobs = {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"}
    assert jobs == {"doors_job", "events_job", "instagram_job", "everything_job"}
    assert {s.name for s in repository.sensor_defs} == {"alert_sensor", "landing_sensor"}
    assert {s.name for s in repository.schedule_defs} == {
        "doors_poll", "events_poll", "instagram_poll", "nightly_everything"
    }  # fmt: skip


def test_every_asset_says_what_it_is_whose_it_is_and_where_it_belongs(specs: dict[dg.AssetKey, Any]) -> None:
    """Somebody who opens the lineage page for the first time reads these words and nothing else."""
    lacking = {
        key.to_user_string(): [
            what
            for what, there in {
                "description": node.description,
                "owner": node.owners,
                "group": node.group_name not in (None, "default"),
                "kinds": node.kinds,
            }.items()
            if not there
        ]
        for key, node in specs.items()
    }
    assert {name: what for name, what in lacking.items() if what} == {}


def test_every_table_and_model_names_its_columns(specs: dict[dg.AssetKey, Any]) -> None:
    """Columns are how an asset is found by somebody who knows a column."""
    for key, node in specs.items():
        if key.path[0] in {"lake", "core", "kpi"}:
            assert node.metadata.get("dagster/column_schema"), key.to_user_string()


def test_every_check_says_what_its_failure_means_and_whose_it_is(check_specs: list[dg.AssetCheckSpec]) -> None:
    """A red mark without words is a riddle at seven in the morning."""
    assert [spec.key for spec in check_specs if not spec.description or not spec.metadata.get("owner")] == []


def test_a_test_of_dbt_is_told_in_words(check_specs: list[dg.AssetCheckSpec]) -> None:
    """Its name is a line of identifiers; who finds it red reads what it holds, and the values that it allows."""
    told = {spec.key: spec.description or "" for spec in check_specs if spec.asset_key.path[-1] == "figures"}
    words = list(told.values())
    assert any("comparability is one of: (empty), B, D, S." in text for text in words)
    assert any(text.startswith("Each figure_id stands in dim_figure.") for text in words)
    assert any(text.startswith("Fails when a defined figure has no row at all") for text in words)


def test_a_source_is_described_in_whole_sentences(specs: dict[dg.AssetKey, Any]) -> None:
    """The description comes from sources.yaml, where most people leave the full stop out."""
    for key, node in specs.items():
        if key.path[0] == "landing":
            assert re.search(r"\w\. Bytes as received, immutable\.$", node.description or "")


def test_every_published_table_has_a_blocking_check(
    specs: dict[dg.AssetKey, Any], check_specs: list[dg.AssetCheckSpec]
) -> None:
    """Nothing reaches `published/` unjudged."""
    blocked = {spec.asset_key for spec in check_specs if spec.blocking}
    published = {key for key in specs if key.path[0] in {"core", "kpi"}}
    assert published
    assert published - blocked == set()
    assert specs[PUBLISHED].parent_keys == published


def test_every_suite_stands_on_an_asset_that_exists(
    specs: dict[dg.AssetKey, Any], check_specs: list[dg.AssetCheckSpec]
) -> None:
    """A suite on a misspelt table would judge nothing and look green."""
    assert {spec.asset_key for spec in check_specs} - set(specs) == set()


def test_every_described_door_has_a_check_of_its_own_and_no_other_line_has(
    library: Library, check_specs: list[dg.AssetCheckSpec], project: Path
) -> None:
    """A door without one could be silent for a year; names come from the description and stay when a device goes."""
    from ingest.config import load
    from orchestration.defs.checks import DOOR_STATE, door_check_spec, door_checks

    def names(specs: list[dg.AssetCheckSpec]) -> set[str]:
        return {spec.name for spec in specs if spec.asset_key == DOOR_STATE and spec.name.startswith("door_")}

    assert names(check_specs) == {"door_main_door"}
    described = load(project / "config").library.lines
    checks = [spec for definition in door_checks(described) for spec in definition.check_specs]
    assert names(checks) == {f"door_{line.line_id}" for line in described if line.role == "perimeter"}
    assert len(checks) == len(names(checks))
    assert "door_alesund_barneavdeling" not in names(checks), "a line inside the building makes no visits"
    assert not [spec.name for spec in checks if spec.blocking], "a dead counter must not stop the others' figures"
    replaced = described[0].model_copy(update={"device_key": "another"})
    assert door_check_spec(replaced).name == door_check_spec(described[0]).name
    assert door_checks([]) == []


def test_dbt_sources_are_the_lake_assets(specs: dict[dg.AssetKey, Any]) -> None:
    """Else the graph has two nodes for one table, and the way from a figure to its file breaks in the middle."""
    lake = {table_key(f"lake.{name}") for name in TABLES} | {LIBRARY}
    assert {key for key in specs if key.path[0] == "lake"} == lake
    assert not [key for key in specs if key.path[0] == "library"]
    assert specs[table_key("lake.door_observations")].child_keys >= {
        table_key("staging.stg_doors__observations"),
        FETCHES,
        REJECTS,
    }


def test_whatever_opens_the_warehouse_waits_for_its_one_place(repository: Any) -> None:
    """DuckDB has one writing process; a step without the pool would fail on the lock on a bad day."""
    everything = repository.get_job("everything_job")
    wrong = {
        node.name: node.definition.pool
        for node in everything.nodes
        if (node.definition.pool == POOL) == node.name.startswith(READ_ONLY_OF_THE_LAKE)
    }
    assert wrong == {}


def test_a_family_job_is_the_family_and_all_that_is_below_it(repository: Any) -> None:
    """A door file must reach the published figures in one run: blocking checks block only inside their own."""
    doors = repository.get_job("doors_job").asset_layer.executable_asset_keys
    assert {table_key("lake.door_observations"), FETCHES, table_key("kpi.figures"), PUBLISHED} <= doors
    assert table_key("lake.event_observations") not in doors
    assert LIBRARY not in doors
    assert DATA_DOCS not in doors


def test_a_family_job_leaves_what_only_other_families_tell_to_their_jobs(repository: Any) -> None:
    """Receipts lie above all models: through them a door's file would rebuild every event and every post."""
    models = {"doors": "core.fct_door_hour", "events": "core.fct_event", "instagram": "core.fct_post"}
    for family in models:
        keys = set(repository.get_job(f"{family}_job").asset_layer.executable_asset_keys)
        assert [other for other, model in models.items() if table_key(model) in keys] == [family]
        assert {FETCHES, REJECTS, PUBLISHED, table_key("kpi.figures"), table_key("core.fct_reject")} <= keys


def test_no_schedule_stands_in_the_hour_that_the_clock_change_doubles_or_skips(repository: Any) -> None:
    """02:30 runs twice in October, and in March at 03:00 instead."""
    for schedule in repository.schedule_defs:
        assert schedule.execution_timezone == "Europe/Oslo"
        minute, hours, *rest = str(schedule.cron_schedule).split()
        assert minute.isdigit()
        assert rest == ["*", "*", "*"]
        assert not {"2", "*"} & set(hours.replace("-", ",").split(","))


def test_a_wrong_description_is_told_as_itself(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buried in Dagster's own trace, the one line that names the file would not be read."""
    from orchestration.definitions import defs

    monkeypatch.setenv("LEVENDE_CONFIG", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"library\.yaml does not exist"):
        defs()


def test_loading_definitions_imports_no_great_expectations(library: Library) -> None:
    """It takes seconds and 200 MB, in every code server and every run, whether a suite runs or not."""
    code = (
        "import sys\nfrom orchestration.definitions import defs\ndefs()\n"
        "sys.exit('great_expectations' in sys.modules or 'dbt.cli.main' in sys.modules)"
    )
    # Once more: the first time may have to parse the dbt project.
    subprocess.run(
        [sys.executable, "-c", "from orchestration.definitions import defs; defs()"],
        env=library.environment(),
        check=True,
    )
    assert subprocess.run([sys.executable, "-c", code], env=library.environment(), check=False).returncode == 0
