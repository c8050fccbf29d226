"""A run launcher that knows whether its worker still lives.

Dagster's default launcher can't tell: after a power cut its run stays STARTED for ever and holds the warehouse's
slot. A worker is known by its process number, which the code server logs, or which the command line leaves as a tag
on the runs that it executes itself.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

PID_TAG = "levende/pid"
# How much later than its log entry a worker may seem to have started before the number must be somebody else's:
# the kernel tells start times in ticks since boot, and the wall clock may have been set right meanwhile.
START_SLACK_SECONDS = 30.0


def process_started_at(pid: int) -> float | None:
    """When a living process started, seconds since 1970; None when it is gone, or only waits to be buried."""
    try:
        # The name in parentheses may hold anything, blanks and parentheses included.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        kernel = Path("/proc/stat").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    booted = next(float(line.split()[1]) for line in kernel if line.startswith("btime"))
    return None if state in "ZX" else booted + int(fields[18]) / os.sysconf("SC_CLK_TCK")


def worker_health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> CheckRunHealthResult:
    """Whether the process that executes a run is alive."""
    if tag := run.tags.get(PID_TAG):
        return _verdict(int(tag), None)
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if found := re.match(r"Started process for run \(pid: (\d+)\)", entry.message or ""):
            return _verdict(int(found[1]), entry.timestamp)
    return CheckRunHealthResult(WorkerStatus.RUNNING)  # not started yet: start_timeout_seconds decides


def _verdict(pid: int, seen_at: float | None) -> CheckRunHealthResult:
    started = process_started_at(pid)
    if started is None:
        return CheckRunHealthResult(WorkerStatus.FAILED, f"worker process {pid} is gone")
    if seen_at is not None and started > seen_at + START_SLACK_SECONDS:
        return CheckRunHealthResult(WorkerStatus.FAILED, f"process {pid} is no longer the worker")
    return CheckRunHealthResult(WorkerStatus.RUNNING)


class HealthCheckedRunLauncher(DefaultRunLauncher):
    """The default launcher, with the question that run monitoring asks answered."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        return worker_health(self._instance, run)
