"""The dbt project as a whole: it builds on an empty lake, its rules hold on small numbers, its words are complete."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_here import Done, run_dbt
from parsed_dbt import parsed

from ingest.config import Configuration, load
from ingest.lake import Lake
from ingest.library_tables import write_library_tables
from orchestration import dbt_sources

Dbt = Callable[..., Done]


@pytest.fixture(scope="module")
def configuration(project: Path) -> Configuration:
    return load(project / "config")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, configuration: Configuration) -> Path:
    """A home with a described library and nothing observed."""
    home = tmp_path_factory.mktemp("home")
    (home / "warehouse").mkdir()
    Lake(home / "lake").prepare()
    write_library_tables(home / "lake", configuration)
    return home


@pytest.fixture(scope="module")
def dbt(project: Path, home: Path) -> Dbt:
    """Runs dbt on that home."""
    return partial(run_dbt, project, home)


@pytest.fixture(scope="module")
def built(dbt: Dbt, project: Path) -> dict[str, Any]:
    """The manifest after a build on the empty lake."""
    result = dbt("build", "--exclude-resource-type", "unit_test")
    assert result.returncode == 0, result.stdout[-4000:]
    return dict(json.loads((parsed(project) / "manifest.json").read_text()))


def models(manifest: dict[str, Any], *schemas: str) -> list[dict[str, Any]]:
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
    return [n for n in nodes if not schemas or n["schema"] in schemas]


def test_the_sources_file_says_what_the_contracts_say() -> None:
    """A column is described once, in the contract; the copy that dbt reads must not fall behind."""
    assert dbt_sources.PATH.read_text(encoding="utf-8") == dbt_sources.render(), (
        "run `python -m orchestration.dbt_sources`"
    )


def test_rules_with_arithmetic_hold_on_numbers_that_can_be_checked_by_hand(built: dict[str, Any], dbt: Dbt) -> None:
    """dbt's unit tests never become checks in production, so they must run here or nowhere."""
    result = dbt("test", "--select", "test_type:unit")
    assert result.returncode == 0, result.stdout[-6000:]
    assert len(built["unit_tests"]) >= 18


def test_every_model_and_column_is_described_and_published_ones_are_contracts(built: dict[str, Any]) -> None:
    """A number whose column nobody described can't be defended."""
    for model in models(built):
        assert model["description"].startswith("One row"), f"{model['name']} does not say what a row is"
        assert model["columns"], f"{model['name']} has no columns described"
        for column in model["columns"].values():
            assert column["description"], f"{model['name']}.{column['name']} is not described"
    for model in models(built, "core", "kpi"):
        assert model["contract"]["enforced"], f"{model['name']} has no enforced contract"
        assert model["config"]["meta"]["owner"], f"{model['name']} has no owner"


def test_every_published_table_has_a_key_that_is_tested(built: dict[str, Any]) -> None:
    """Without a tested key a join can double a figure and no one sees it."""
    keyed = {
        node["attached_node"]
        for node in built["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("unique", "unique_combination")
    }
    for model in models(built, "core", "kpi"):
        assert model["unique_id"] in keyed, f"{model['name']} has no key test"


def test_meaning_travels_into_the_database(built: dict[str, Any], home: Path) -> None:
    """Staff who open the file in a tool read the same words as here."""
    with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
        tables = con.execute("select comment from duckdb_tables() where schema_name in ('core', 'kpi')").fetchall()
        columns = con.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name in ('core', 'kpi') and coalesce(comment, '') = ''"
        ).fetchall()
    assert tables
    assert all(comment for (comment,) in tables)
    assert columns == []


def test_without_observations_every_figure_is_unknown_and_none_is_zero(
    built: dict[str, Any], home: Path, configuration: Configuration
) -> None:
    """Unknown is not zero: a library that has not counted yet has no small numbers either."""
    with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select figure_id, count(*), count(value), count(nullif(note, '')) from kpi.figures group by 1 order by 1"
        ).fetchall()
    assert [figure for figure, *_ in rows] == sorted(f.figure_id for f in configuration.figures)
    for figure, told, valued, explained in rows:
        assert told > 0, figure
        assert valued == 0, f"{figure} has values without any observation"
        assert explained == told, f"{figure} does not say why it has none"


def test_holidays_that_the_package_would_silently_translate_are_refused(configuration: Configuration) -> None:
    """`nb` falls back to English without a word; the name of 17 May proves that the language took."""
    from ingest.errors import ConfigurationError
    from ingest.public_holidays import public_holidays

    names = {str(day): name for day, name in public_holidays(configuration.library)}
    assert names["2023-05-17"] == "Grunnlovsdag"
    wrong = configuration.library.model_copy(update={"holidays_language": "nb"})
    with pytest.raises(ConfigurationError, match="'nb' is not known for NO"):
        public_holidays(wrong)


def test_a_table_that_no_model_makes_any_more_is_not_published_for_ever(
    built: dict[str, Any], dbt: Dbt, home: Path
) -> None:
    """After an upgrade the table of a removed model would stand beside the others, and never change again."""
    with duckdb.connect(str(home / "warehouse" / "build.duckdb")) as warehouse:
        warehouse.execute(
            "create table core.fct_of_old as select 1 as one; create view kpi.seen_of_old as select 1 as one"
        )
        before = {row[0] for row in warehouse.execute("select table_name from information_schema.tables").fetchall()}
    result = dbt("run", "--select", "figures")
    assert result.returncode == 0, result.stdout[-4000:]
    with duckdb.connect(str(home / "warehouse" / "build.duckdb")) as warehouse:
        after = {row[0] for row in warehouse.execute("select table_name from information_schema.tables").fetchall()}
    assert before - after == {"fct_of_old", "seen_of_old"}


def test_a_table_that_cannot_be_rebuilt_stays_as_it_was(dbt: Dbt, built: dict[str, Any], home: Path) -> None:
    """The new table is made beside the old one; a failure in between must leave the old one, words and all."""
    areas = home / "lake" / "library" / "areas.parquet"
    comment = "(select comment from duckdb_tables() where schema_name = 'core' and table_name = 'dim_area')"

    def told() -> list[Any]:
        with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
            return con.execute(f"select *, {comment} from core.dim_area order by area_id, valid_from").fetchall()

    before = told()
    assert before
    whole = areas.read_bytes()
    areas.write_bytes(b"PAR1 broken PAR1")
    try:
        assert dbt("run", "--select", "dim_area").returncode == 1
        assert told() == before
    finally:
        areas.write_bytes(whole)
    assert dbt("run", "--select", "dim_area").returncode == 0
    assert told() == before
