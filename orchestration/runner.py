"""Running a job in this process, recorded in the same Dagster instance that the pages show.

What belongs here: what `levende run` does between its options and its last line. What does not: options and exit
codes (`cli`), and what the steps do (`defs`).
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.launcher.base import WorkerStatus

from ingest.config import Configuration
from ingest.contracts import FAMILIES
from ingest.home import Home
from orchestration.clock import AS_OF_TAG, as_of_text
from orchestration.installation import dagster_home
from orchestration.launcher import PID_TAG, worker_health
from orchestration.names import EVERYTHING_JOB, JOBS

Tell = Callable[[str], None]

SLOW_MS = 2000.0
# dagster-dbt explains its own doings at length; steps that were left out name all they waited for.
NOISE = ("Dependencies for step", "A dbt subset", "Logging an `AssetObservation`")
# Metadata of checks that says, in words, what a person must look at.
TELLING = ("failures", "silent", "dark", "rejects", "observed", "evidence", "next_action")


@dataclass(frozen=True)
class Finding:
    """A check that did not hold."""

    name: str
    blocks: bool
    description: str
    details: str


@dataclass
class RunReport:
    """What a run came to.

    Attributes:
        run_id: under which the pages show it.
        job: its name.
        succeeded: whether every step did.
        failures: what each failed step said.
        findings: checks that did not hold, those that block first.
    """

    run_id: str
    job: str
    succeeded: bool = False
    failures: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """The installation's Dagster instance, with `DAGSTER_HOME` set for whatever asks for it by itself."""
    os.environ["DAGSTER_HOME"] = str(dagster_home(home))
    with dg.DagsterInstance.get() as instance:
        yield instance


def bury_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Tell runs whose process is gone as failed, and free what they held. The daemon does so too, where one runs.

    Returns:
        Their ids.
    """
    buried = []
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    for record in instance.get_run_records(dg.RunsFilter(statuses=statuses)):
        run = record.dagster_run
        health = worker_health(instance, run)
        if health.status == WorkerStatus.FAILED:
            instance.report_run_failed(run, f"{health.msg}: told by the next run, which found it so.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            buried.append(run.run_id)
    return buried


def run_job(
    instance: dg.DagsterInstance,
    home: Home,
    configuration: Configuration,
    *,
    family: str | None,
    poll: bool,
    as_of: datetime | None,
    tell: Tell,
) -> RunReport:
    """Execute the main job, or a family's, in this process.

    Args:
        family: one of the families, or None for all.
        poll: ask the sources that can be asked.
        as_of: the vintage to tell, aware; now when None.
        tell: called with one plain line per step of progress.

    Raises:
        ConfigurationError: the description or the dbt project can't be read.
    """
    tell("loading definitions")
    from orchestration.definitions import defs
    from orchestration.defs.triggers import poll_config, why_everything

    repository = defs().get_repository_def()
    job_name = JOBS[family] if family else EVERYTHING_JOB
    why = "an as-of was chosen" if as_of else why_everything(home, configuration)
    if family and why:
        tell(f"{why}: running {EVERYTHING_JOB} instead of {job_name}")
        job_name = EVERYTHING_JOB
    families = FAMILIES if job_name == EVERYTHING_JOB else (str(family),)
    tags = {PID_TAG: str(os.getpid()), "levende/why": "command line"}
    if as_of is not None:
        tags[AS_OF_TAG] = as_of_text(as_of)
    report = RunReport(str(uuid.uuid4()), job_name)
    instance.add_event_listener(report.run_id, _Listener(report, tell))
    result = repository.get_job(job_name).execute_in_process(
        instance=instance,
        run_id=report.run_id,
        run_config={
            **(poll_config(families) if poll else {}),
            # What is worth a line comes through the listener; the whole log stands in the instance.
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        tags=tags,
        raise_on_error=False,
    )
    report.succeeded = result.success
    report.findings.sort(key=lambda finding: (not finding.blocks, finding.name))
    return report


class _Listener:
    """Turns Dagster's events into lines and into the report."""

    def __init__(self, report: RunReport, tell: Tell) -> None:
        self.report = report
        self.tell = tell

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            if int(entry.level) >= logging.INFO and not entry.user_message.startswith(NOISE):
                self.tell(f"  {entry.user_message}")
        elif event.is_step_start:
            self.tell(str(event.step_key))
        elif event.is_step_success and event.step_success_data.duration_ms > SLOW_MS:
            self.tell(f"  took {event.step_success_data.duration_ms / 1000:.0f} s")
        elif event.is_step_failure:
            data = event.step_failure_data
            raised = data.error.cause or data.error if data.error else None
            words = data.user_failure_data.description if data.user_failure_data else None
            words = words or (raised.message.strip() if raised else "failed")
            self.report.failures.append(f"{event.step_key}: {words}")
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._check(event)

    def _check(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed:
            return
        details = [_words(evaluation.metadata[name]) for name in TELLING if name in evaluation.metadata]
        self.report.findings.append(
            Finding(
                name=f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}",
                blocks=evaluation.severity == dg.AssetCheckSeverity.ERROR,
                description=evaluation.description or _description(event, evaluation.asset_check_key),
                details="\n".join(details),
            )
        )


def _words(value: dg.MetadataValue[Any]) -> str:
    """Metadata as lines for a terminal."""
    if isinstance(value, dg.TableMetadataValue):
        return "\n".join("- " + ", ".join(map(str, record.data.values())) for record in value.records)
    return str(value.value)


def _description(event: dg.DagsterEvent, key: dg.AssetCheckKey) -> str:
    from orchestration.defs.publish import all_check_specs

    return next((spec.description or "" for spec in all_check_specs() if spec.key == key), "")
