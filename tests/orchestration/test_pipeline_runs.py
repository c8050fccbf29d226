"""Whole runs on a small library: what is built, what stops a publication, and what a stopped one leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _small_library as small
import dagster as dg
import pytest
from _small_library import Library

from orchestration.clock import AS_OF_TAG, DATA_VERSION_TAG
from orchestration.names import DATA_DOCS, EVERYTHING_JOB, JOBS, PUBLISHED, table_key
from orchestration.warehouse import read_stamp
from publishing import figures, manifest

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FIGURES = table_key("kpi.figures")


class Pipeline:
    """One library, one Dagster instance, runs one after the other."""

    def __init__(self, library: Library, repository: Any, instance: dg.DagsterInstance) -> None:
        self.library = library
        self.repository = repository
        self.instance = instance

    def run(self, job: str = EVERYTHING_JOB, **options: Any) -> dg.ExecuteInProcessResult:
        return self.repository.get_job(job).execute_in_process(
            instance=self.instance, run_config=QUIET, raise_on_error=False, **options
        )

    def visits(self) -> float | None:
        """The week's visits as published."""
        table = figures.table(self.library.home.published, "2024-W10", "visits", area="a1")
        return next(row.value for row in table.rows if row.branch_id is None)

    def version(self) -> str:
        return manifest.read(self.library.home.published / "MANIFEST.json").version


@pytest.fixture(scope="module")
def pipeline(library: Library, repository: Any) -> Iterator[Pipeline]:
    """Built once; the tests of this module follow one another on it, as days do."""
    small.drop(library.home.root, "week.csv", small.door_csv())
    with dg.DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(library, repository, instance)
        result = pipeline.run()
        assert result.success, [e.message for e in result.get_step_failure_events()]
        yield pipeline


def _failed_steps(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key for event in result.get_step_failure_events() if event.step_key}


def _metadata(pipeline: Pipeline, key: dg.AssetKey) -> dict[str, Any]:
    event = pipeline.instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_a_dropped_file_becomes_a_published_figure(pipeline: Pipeline) -> None:
    """The whole way, with a number that can be worked out by hand."""
    assert pipeline.visits() == small.VISITS_OF_WEEK


def test_every_model_tells_its_rows_and_its_columns(pipeline: Pipeline) -> None:
    """dbt's own in-process runner tells neither; without them the catalogue page of a table is empty."""
    told = _metadata(pipeline, FIGURES)
    assert told["dagster/row_count"] > 0
    columns = {column.name: column for column in told["dagster/column_schema"].columns}
    assert columns["value"].type == "DOUBLE"
    assert columns["value"].description
    assert _metadata(pipeline, table_key("lake.door_observations"))["dagster/row_count"] == 24


def test_the_manifest_and_the_run_name_the_same_data(pipeline: Pipeline) -> None:
    """Who quotes a figure must find the run that made it."""
    run = pipeline.instance.get_runs(limit=1)[0]
    facts = manifest.read(pipeline.library.home.published / "MANIFEST.json")
    stamp = read_stamp(pipeline.library.home)
    assert stamp is not None
    assert facts.data_version == stamp.data_version == run.tags[DATA_VERSION_TAG]
    assert stamp.as_of == run.tags[AS_OF_TAG]
    assert facts.as_of == stamp.as_of.replace(" ", "T") + "Z"
    assert facts.checks
    assert all(check.passed or check.severity == "warn" for check in facts.checks)


def test_the_pages_of_the_checks_are_written(pipeline: Pipeline) -> None:
    """Staff look there before they ask."""
    page = Path(_metadata(pipeline, DATA_DOCS)["page"])
    assert page.is_file()
    assert page.is_relative_to(pipeline.library.home.published)


def test_a_familys_job_brings_a_correction_to_the_figures_and_a_rerun_changes_nothing(pipeline: Pipeline) -> None:
    """The daily case, with a part of the models; told twice, it must still be told once."""
    small.drop(pipeline.library.home.root, "week.csv", small.door_csv(20, 20))
    for _ in range(2):
        result = pipeline.run(JOBS["doors"])
        assert result.success, _failed_steps(result)
        assert pipeline.visits() == 480


def test_a_failed_blocking_check_leaves_the_last_good_version(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it stays so for a publication that is started alone afterwards: a check blocks only inside its own run."""
    from dataclasses import replace

    import expectations.validate as validation

    judge = validation.judge

    def harsh(suite: Any, *args: Any) -> Any:
        results = judge(suite, *args)
        return (replace(results[0], passed=False), *results[1:]) if suite.table == "kpi.figures" else results

    before = pipeline.version()
    monkeypatch.setattr(validation, "judge", harsh)
    small.drop(pipeline.library.home.root, "week.csv", small.door_csv(30, 30))
    blocked = pipeline.run(JOBS["doors"])
    assert _failed_steps(blocked) == {"suites_warehouse"}
    assert (pipeline.version(), pipeline.visits()) == (before, 480)
    page = Path(_metadata(pipeline, DATA_DOCS)["page"])
    assert page.stat().st_mtime > (pipeline.library.home.published / "current").lstat().st_mtime, "told when it matters"

    alone = pipeline.run("__ASSET_JOB", asset_selection=[PUBLISHED])
    assert _failed_steps(alone) == {"published__warehouse"}
    assert "kpi/figures" in str(alone.get_step_failure_events()[0].step_failure_data.user_failure_data)
    assert pipeline.version() == before

    monkeypatch.undo()
    mended = pipeline.run(JOBS["doors"])
    assert mended.success, _failed_steps(mended)
    assert pipeline.visits() == 720


def test_models_that_were_rebuilt_without_their_checks_are_not_published(pipeline: Pipeline) -> None:
    """All verdicts on record are good, and all are about tables that are no more; the next whole run mends it."""
    models = [key for key in pipeline.repository.asset_graph.get_all_asset_keys() if key.path[0] == "kpi"]
    before = pipeline.version()
    rebuilt = pipeline.run("__ASSET_JOB", asset_selection=models)
    published = pipeline.run("__ASSET_JOB", asset_selection=[PUBLISHED])
    assert rebuilt.success
    assert _failed_steps(published) == {"published__warehouse"}
    assert pipeline.version() == before


def test_a_chosen_day_is_told_by_all_models_or_none(pipeline: Pipeline) -> None:
    """Doors as of last spring beside events as of today would be a figure of no day at all."""
    tags = {AS_OF_TAG: "2024-03-20"}
    before = pipeline.visits()
    part = pipeline.run(JOBS["doors"], tags=tags)
    assert _failed_steps(part) == {"levende_dbt"}
    assert pipeline.visits() == before

    from orchestration.defs.triggers import why_everything

    whole = pipeline.run(tags=tags)
    assert whole.success, _failed_steps(whole)
    assert pipeline.visits() is None, "no file had come by then"
    assert why_everything(pipeline.library.home, pipeline.library.configuration()) is not None
    assert pipeline.run().success
    assert why_everything(pipeline.library.home, pipeline.library.configuration()) is None


def test_a_file_that_lands_while_a_run_goes_on_is_told_by_a_later_one(pipeline: Pipeline) -> None:
    """The as-of is fixed after the reading: were it before, the file would be read, and lie after it, for ever."""
    newest = max(r.received_at for r in pipeline.library.home.catalogue.receipts())
    stamp = read_stamp(pipeline.library.home)
    assert stamp is not None
    assert datetime.fromisoformat(stamp.as_of).replace(tzinfo=UTC) >= newest
