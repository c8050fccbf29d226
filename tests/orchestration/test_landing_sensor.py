"""The sensor: what lands is read once, by one run, and is never passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _small_library as small
import dagster as dg
import pytest
from _small_library import Library

from ingest import pipeline
from ingest.catalogue import Arrival
from orchestration.names import EVERYTHING_JOB, JOBS
from orchestration.warehouse import Stamp, write_stamp
from orchestration.watch import Watch

NOW = datetime(2024, 3, 12, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def built(fresh: Library, repository: Any) -> Library:
    """A library whose warehouse was built from what its description says now."""
    from orchestration.defs.triggers import built_from

    fresh.home.warehouse.parent.mkdir(parents=True)
    fresh.home.warehouse.touch()
    write_stamp(fresh.home, Stamp("run", "2024-03-12 00:00:00", "v", built_from(fresh.configuration())))
    return fresh


def _tick(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[list[dg.RunRequest], str, str]:
    """One evaluation as the daemon makes it: run requests, the new cursor, and why nothing was asked for."""
    from orchestration.defs import triggers
    from orchestration.installation import Installation

    triggers._watch = Watch()  # as after a restart: it forgets, and nothing else may be lost by it
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = triggers.landing_sensor(context, installation=Installation())
    assert isinstance(result, dg.SensorResult)
    reason = result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else result.skip_reason
    return list(result.run_requests or []), str(result.cursor), str(reason or "")


def _read(library: Library) -> None:
    pipeline.read_pending(library.home, library.configuration())


def _active(instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    definition = dg.JobDefinition(name=job, graph_def=dg.GraphDefinition(name=job))
    return instance.create_run_for_job(definition, status=status)


def test_a_new_file_starts_its_familys_job_once(built: Library, instance: dg.DagsterInstance) -> None:
    """A file is one arrival however often its folder is looked at."""
    small.drop(built.home.root, "week.csv", small.door_csv())
    requests, cursor, _ = _tick(instance)
    assert [(r.job_name, r.tags["levende/why"]) for r in requests] == [(JOBS["doors"], "new receipts")]
    again, cursor, _ = _tick(instance, cursor)
    assert [r.run_key for r in again] == [r.run_key for r in requests], "Dagster drops a key that it knows"
    _read(built)
    assert _tick(instance, cursor)[0] == []


def test_a_rewrite_with_equal_time_and_size_is_seen(built: Library, instance: dg.DagsterInstance) -> None:
    """A corrected file often has the length of the wrong one, and copying tools keep the time."""
    path = small.drop(built.home.root, "week.csv", small.door_csv(10, 10))
    first, cursor, _ = _tick(instance)
    _read(built)
    stat = path.stat()
    path.write_bytes(small.door_csv(20, 20))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    second, _, _ = _tick(instance, cursor)
    assert len(second) == 1
    assert second[0].run_key != first[0].run_key


def test_a_run_that_waits_or_goes_is_not_asked_for_twice(built: Library, instance: dg.DagsterInstance) -> None:
    """One run takes all that is pending; a run per file would queue for hours behind a month of files."""
    small.drop(built.home.root, "a.csv", small.door_csv())
    run = _active(instance, JOBS["doors"], dg.DagsterRunStatus.STARTING)
    requests, cursor, reason = _tick(instance)
    assert requests == []
    assert "doors_job is under way" in reason
    instance.delete_run(run.run_id)
    assert [r.job_name for r in _tick(instance, cursor)[0]] == [JOBS["doors"]]


def test_nothing_is_asked_for_while_everything_is_being_run(built: Library, instance: dg.DagsterInstance) -> None:
    """It reads all families."""
    small.drop(built.home.root, "a.csv", small.door_csv())
    _active(instance, EVERYTHING_JOB, dg.DagsterRunStatus.STARTED)
    assert _tick(instance)[0] == []


def test_the_cursor_never_passes_what_is_unread(built: Library, instance: dg.DagsterInstance) -> None:
    """A killed run leaves its receipts unread; were the cursor past them, nobody would look at them again."""
    from orchestration.defs.triggers import Cursor

    small.drop(built.home.root, "a.csv", small.door_csv(1, 1))
    _tick(instance)
    _read(built)
    small.drop(built.home.root, "b.csv", small.door_csv(2, 2))
    _, cursor, _ = _tick(instance)
    assert Cursor.from_text(cursor).read_up_to == 1
    failed = Arrival(small.SOURCE, "poll", NOW, status="failed")
    built.home.land(failed)
    _, cursor, _ = _tick(instance, cursor)
    assert Cursor.from_text(cursor).read_up_to == 1, "a receipt without bytes behind an unread one moves nothing"
    _read(built)
    assert Cursor.from_text(_tick(instance, cursor)[1]).read_up_to == 3


def test_a_new_parser_reads_everything_again(
    built: Library, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes were kept for this: a mended parser mends the past."""
    from ingest.adapters import adapters

    small.drop(built.home.root, "a.csv", small.door_csv())
    first, cursor, _ = _tick(instance)
    _read(built)
    _, cursor, _ = _tick(instance, cursor)
    adapter = adapters()["interval_csv"]
    monkeypatch.setattr(type(adapter), "version", adapter.version + 1)
    second, _, _ = _tick(instance, cursor)
    assert [r.job_name for r in second] == [JOBS["doors"]]
    assert second[0].run_key != first[0].run_key


def test_the_first_file_of_a_new_home_builds_everything(
    fresh: Library, repository: Any, instance: dg.DagsterInstance
) -> None:
    """A family's part of the models stands on tables that no run has made yet."""
    assert _tick(instance)[0] == [], "an empty home has nothing to build"
    small.drop(fresh.home.root, "a.csv", small.door_csv())
    requests, _, _ = _tick(instance)
    assert [(r.job_name, r.tags["levende/why"]) for r in requests] == [(EVERYTHING_JOB, "there is no whole build yet")]


def test_a_changed_description_builds_everything_once(
    built: Library, instance: dg.DagsterInstance, project: Path
) -> None:
    """New opening hours change figures without a single new file; and a build that fails on them must not repeat."""
    small.drop(built.home.root, "a.csv", small.door_csv())
    _tick(instance)
    _read(built)
    _, cursor, _ = _tick(instance)
    small.write_config(built.folder, project, name="Another name")
    requests, cursor, _ = _tick(instance, cursor)
    assert [r.job_name for r in requests] == [EVERYTHING_JOB]
    assert _tick(instance, cursor)[0] == []


def test_a_source_with_an_unreadable_folder_stops_no_other(
    built: Library, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One supplier's mistake is not the others' problem."""
    monkeypatch.setattr(pipeline, "MAX_FILE_BYTES", 2000)
    small.drop(built.home.root, "huge.csv", b"x" * 4000)
    small.drop(built.home.root, "week.csv", small.door_csv())
    assert [r.job_name for r in _tick(instance)[0]] == [JOBS["doors"]]


def test_an_unchanged_folder_is_not_read_again(built: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every five seconds a year of files would be read and hashed."""
    time = [0.0]
    swept: list[str] = []

    def sweep(home: Any, configuration: Any, source: Any, now: Any) -> pipeline.Outcome:
        swept.append(source.source_id)
        return pipeline.Outcome(source.source_id)

    monkeypatch.setattr("orchestration.watch.sweep", sweep)
    watch = Watch(elapsed=lambda: time[0])
    configuration = built.configuration()
    source = configuration.sources[0]

    def look() -> int:
        before = len(swept)
        watch.sweep_if_changed(built.home, configuration, source, lambda: NOW)
        time[0] += 5
        return len(swept) - before

    path = small.drop(built.home.root, "a.csv", b"one")
    assert look() == 1
    assert look() == 1, "the first sweep left the file alone if it was still settling"
    assert look() == 0
    stat = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert look() == 1
    assert look() == 1
    assert look() == 0
    moved = replace_source_path(source, built.folder.parent / "elsewhere")
    (built.folder.parent / "elsewhere").mkdir()
    (built.folder.parent / "elsewhere" / "b.csv").write_bytes(b"three")
    watch.sweep_if_changed(built.home, configuration, moved, lambda: NOW)
    assert len(swept) == 5


def replace_source_path(source: Any, path: Path) -> Any:
    """The source with a folder of somebody else's beside its own."""
    return source.model_copy(update={"path": str(path)})


def test_a_poll_is_left_out_where_nobody_can_be_asked(
    built: Library, repository: Any, instance: dg.DagsterInstance
) -> None:
    """A run that asks nobody would only cost its minute."""
    from orchestration.defs import triggers
    from orchestration.installation import Installation

    with dg.build_schedule_context(instance=instance) as context:
        result = triggers.doors_poll.evaluate_tick(replace_context(context, installation=Installation()))
    assert "can be asked" in str(result.skip_message)


def replace_context(context: Any, **resources: Any) -> Any:
    """The context with resources, as the code server gives it."""
    return context.merge_resources(resources)


def test_the_night_asks_every_family(repository: Any) -> None:
    """The ops' names in run configuration are text: misspelt, the run would fail at half past three."""
    from ingest.contracts import FAMILIES
    from orchestration.defs.triggers import poll_config

    job = repository.get_job("everything_job")
    assert set(poll_config(FAMILIES)["ops"]) <= {node.name for node in job.nodes}


def test_a_stamp_of_another_kind_is_no_stamp(built: Library) -> None:
    """A file that a later version wrote is looked at as if it were not there."""
    from orchestration.warehouse import read_stamp

    stamp = read_stamp(built.home)
    assert stamp is not None
    write_stamp(built.home, replace(stamp, inputs="other"))
    from orchestration.defs.triggers import why_everything

    assert why_everything(built.home, built.configuration()) == "the library's description or the models changed"
    (built.home.warehouse.parent / "built.json").write_text("[1, 2]")
    assert why_everything(built.home, built.configuration()) == "there is no whole build yet"
