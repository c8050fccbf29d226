"""Dagster's record with its files kept open: the same files, for whoever reads them, and nothing lost by a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from ingest.home import Home
from orchestration.event_log import KEPT_OPEN, OpenEventLog
from orchestration.installation import dagster_home

WRITE = """
import os, signal, sys
import dagster as dg

with dg.DagsterInstance.get() as instance:
    for n in range(20):
        instance.report_engine_event(f"event {n}", run_id=sys.argv[1], job_name="a_job")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """An installation's own instance, made as `levende` makes it."""
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home(Home(tmp_path))))
    return dg.DagsterInstance.get()


@dg.job
def a_job() -> None:
    """Does nothing, and is recorded all the same."""


def told(log: Any, run_id: str) -> list[str | None]:
    return [entry.dagster_event.message for entry in log.get_logs_for_run(run_id)]


def open_files(folder: str) -> list[str]:
    """What this process holds open below a folder."""
    handles = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    return [path for path in handles if path.startswith(folder)]


def stock(instance: dg.DagsterInstance) -> SqliteEventLogStorage:
    """Dagster's own class on the same files."""
    assert isinstance(instance.event_log_storage, OpenEventLog)
    return SqliteEventLogStorage(instance.event_log_storage._base_dir)


def test_what_is_written_is_there_for_every_other_reader_at_once(instance: dg.DagsterInstance) -> None:
    """Pages, daemon and runs are processes of their own, and somebody may go back to the stock class."""
    with instance:
        run_id = a_job.execute_in_process(instance=instance).run_id
        instance.report_engine_event("hello", run_id=run_id, job_name="a_job")
        assert told(stock(instance), run_id)[-1] == "hello"
        assert told(stock(instance), run_id) == told(instance.event_log_storage, run_id)
        status = dg.DagsterEventType.RUN_SUCCESS
        assert [r.run_id for r in instance.fetch_run_status_changes(status, limit=9).records] == [run_id]


def test_however_many_runs_are_looked_at_few_files_stay_open(instance: dg.DagsterInstance) -> None:
    """A web server that shows a thousand old runs must not end for want of file handles."""
    with instance:
        runs = [f"run-{n}" for n in range(3 * KEPT_OPEN)]
        for run_id in runs:
            instance.report_engine_event(f"in {run_id}", run_id=run_id, job_name="a_job")
        assert [told(instance.event_log_storage, run_id) for run_id in runs] == [[f"in {r}"] for r in runs]
        folder = stock(instance)._base_dir
        assert 0 < len({path for path in open_files(folder) if path.endswith(".db")}) <= KEPT_OPEN
    assert open_files(folder) == [], "an instance that was left holds nothing"


def test_a_killed_writer_loses_no_event(instance: dg.DagsterInstance) -> None:
    """How far a run came before it was killed is the first thing that somebody asks."""
    with instance:
        done = subprocess.run([sys.executable, "-c", WRITE, "killed"], check=False)
        assert done.returncode == -signal.SIGKILL
        for log in (stock(instance), instance.event_log_storage):
            assert told(log, "killed") == [f"event {n}" for n in range(20)]


def test_a_log_that_was_wiped_is_empty_and_goes_on(instance: dg.DagsterInstance) -> None:
    """Removed files that are still open would take events that nobody ever sees."""
    with instance:
        instance.report_engine_event("before", run_id="r", job_name="a_job")
        instance.event_log_storage.wipe()
        assert told(stock(instance), "r") == []
        instance.report_engine_event("after", run_id="r", job_name="a_job")
        assert told(stock(instance), "r") == ["after"]
