"""Whether a run's worker lives: what the daemon asks after a power cut."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from orchestration.launcher import PID_TAG, HealthCheckedRunLauncher, process_started_at, worker_health


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def _run(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    return instance.create_run_for_job(dg.JobDefinition(name="j", graph_def=dg.GraphDefinition(name="j")), tags=tags)


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_run_that_has_not_started_is_not_dead(instance: dg.DagsterInstance) -> None:
    """A worker takes seconds to come up; another timeout judges that."""
    assert worker_health(instance, _run(instance)).status == WorkerStatus.RUNNING


def test_a_worker_is_known_by_the_number_that_the_code_server_logs(instance: dg.DagsterInstance) -> None:
    """The message is Dagster's own: this fails when a new version words it differently."""
    alive, dead = _run(instance), _run(instance)
    instance.report_engine_event(f"Started process for run (pid: {os.getpid()}).", alive)
    instance.report_engine_event(f"Started process for run (pid: {_dead_pid()}).", dead)
    assert worker_health(instance, alive).status == WorkerStatus.RUNNING
    assert worker_health(instance, dead).status == WorkerStatus.FAILED


def test_a_number_that_was_given_to_a_younger_process_is_no_worker(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the same numbers are given again; the run would stay STARTED for ever."""
    run = _run(instance)
    instance.report_engine_event(f"Started process for run (pid: {os.getpid()}).", run)
    monkeypatch.setattr("orchestration.launcher.process_started_at", lambda _pid: time.time() + 3600)
    assert worker_health(instance, run).status == WorkerStatus.FAILED


def test_a_run_of_the_command_line_is_known_by_its_tag(instance: dg.DagsterInstance) -> None:
    """It has no code server; killed, it would hold the warehouse's place until somebody looks."""
    assert worker_health(instance, _run(instance, **{PID_TAG: str(os.getpid())})).status == WorkerStatus.RUNNING
    assert worker_health(instance, _run(instance, **{PID_TAG: str(_dead_pid())})).status == WorkerStatus.FAILED


def test_a_dead_process_that_nobody_has_buried_is_dead() -> None:
    """A killed worker stays in the process table until the code server asks after it."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 60
    while process_started_at(child.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process_started_at(child.pid) is None
    child.wait()


def test_a_process_tells_when_it_started() -> None:
    """Within the slack: the kernel counts in ticks since boot."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started_at(child.pid)
    child.communicate(b"\n")
    assert started is not None
    assert abs(started - time.time()) < 30


def test_the_monitor_may_ask() -> None:
    """The default launcher says that it can't be asked, and is not."""
    assert HealthCheckedRunLauncher().supports_check_run_worker_health
