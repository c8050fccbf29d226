"""When things run: the jobs, the sensor on what has landed, and the schedules that ask the sources.

Hours are Europe/Oslo's, outside 02:00-03:00: what runs in there runs twice in October and not at all in March.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

from ingest import pipeline
from ingest.adapters import adapter_for
from ingest.config import Configuration
from ingest.contracts import FAMILIES
from ingest.home import Home
from orchestration import alerts, findings
from orchestration.clock import clock
from orchestration.dbt_inprocess import project_hash
from orchestration.installation import Installation
from orchestration.names import DATA_DOCS, EVERYTHING_JOB, FETCHES, JOBS, REJECTS, family_keys, ingest_op
from orchestration.warehouse import read_stamp
from orchestration.watch import Watch

ZONE = "Europe/Oslo"
ACTIVE = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def family_selection(family: str) -> dg.AssetSelection:
    """A family's lake tables, the receipts, and every model, check and publication below them.

    Receipts are told after all lake tables and lie above every family's models; models that read another family's lake
    tables and nothing of this one's are left to that family's job.
    """
    own = family_keys(family)
    others = [key for other in FAMILIES if other != family for key in family_keys(other)]
    receipts = dg.AssetSelection.assets(FETCHES, REJECTS)
    below = _below(own) | (receipts.downstream() - _below(others))
    # Pages of checks are written by the checks, not by a step of their own.
    return dg.AssetSelection.assets(*own) | receipts | (below - dg.AssetSelection.assets(DATA_DOCS))


def _below(lake: Sequence[dg.AssetKey]) -> dg.AssetSelection:
    """Everything that is made of some lake tables, but not what is made of the receipts alone."""
    receipts = dg.AssetSelection.assets(FETCHES, REJECTS)
    return (dg.AssetSelection.assets(*lake).downstream(depth=1, include_self=False) - receipts).downstream()


def _job(name: str, selection: dg.AssetSelection, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        executor_def=dg.in_process_executor,
        tags={"dagster/max_retries": "1"},
    )


everything_job = _job(
    EVERYTHING_JOB,
    dg.AssetSelection.all(),
    "Reads all families, builds every model, judges, publishes.",
)
doors_job = _job(JOBS["doors"], family_selection("doors"), "Reads the door counters and brings their figures up.")
events_job = _job(JOBS["events"], family_selection("events"), "Reads the event feeds and brings their figures up.")
instagram_job = _job(JOBS["instagram"], family_selection("instagram"), "Reads Instagram and brings its figures up.")


def poll_config(families: Sequence[str]) -> dict[str, Any]:
    """Run configuration that asks the sources of these families."""
    return {"ops": {ingest_op(family): {"config": {"poll": True}} for family in families}}


def why_everything(home: Home, configuration: Configuration) -> str | None:
    """Why a family's part of the models would not do: what the warehouse was built from no longer holds.

    Returns:
        Words for a person, or None when a part will do.
    """
    stamp = read_stamp(home)
    if stamp is None:
        return "there is no whole build yet"
    if stamp.inputs != built_from(configuration):
        return "the library's description or the models changed"
    return None


def built_from(configuration: Configuration) -> str:
    """What a whole build depends on besides what has landed."""
    return f"{configuration.config_hash}.{project_hash()}"


def active_jobs(instance: dg.DagsterInstance) -> set[str]:
    """Names of jobs with a run that waits or goes."""
    records = instance.get_run_records(dg.RunsFilter(statuses=list(ACTIVE)))
    return {record.dagster_run.job_name for record in records}


@dataclass(frozen=True)
class Cursor:
    """How far the sensor knows everything to be read.

    Attributes:
        read_up_to: no receipt up to this number lacks a reading.
        fingerprint: of the parsers that they were read by; another one puts the number back to 0.
        everything_for: what the last whole build was asked for, so that a broken description is tried once.
    """

    read_up_to: int = 0
    fingerprint: str = ""
    everything_for: str = ""

    @classmethod
    def from_text(cls, text: str | None) -> "Cursor":
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()  # of another version: look at everything again, which costs one look

    def to_text(self) -> str:
        return json.dumps(asdict(self))


_watch = Watch()


@dg.sensor(
    jobs=[doors_job, events_job, instagram_job, everything_job],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Lands what stands in the drop folders and starts a family's job when it has something unread.",
)
def landing_sensor(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    home, configuration = installation.home, installation.configuration()
    for source in configuration.enabled():
        outcome = _watch.sweep_if_changed(home, configuration, source, clock)
        for failure in outcome.failures if outcome else ():
            context.log.warning(f"{source.source_id}: {failure}")
    return decide(context.instance, home, configuration, Cursor.from_text(context.cursor))


def decide(instance: dg.DagsterInstance, home: Home, configuration: Configuration, cursor: Cursor) -> dg.SensorResult:
    """Which runs to ask for. One run takes all that is pending; a family that is being run is left alone until then."""
    # Before looking: a receipt that is committed while we look is above this number, and is looked at next time.
    newest = home.catalogue.last_id()
    fingerprint = pipeline.reading_fingerprint(configuration)
    after = cursor.read_up_to if cursor.fingerprint == fingerprint else 0
    waiting = pipeline.pending(home, configuration, after=after) if newest > after else []
    # The cursor passes only what is read: a killed run leaves its receipts in front of it.
    read_up_to = min((item.receipt.receipt_id for item in waiting), default=newest + 1) - 1

    wanted = built_from(configuration)
    why = why_everything(home, configuration)
    asked = cursor.everything_for
    active = active_jobs(instance)
    requests: list[dg.RunRequest] = []
    skipped: list[str] = []
    highest = {item.source.family: item.receipt.receipt_id for item in waiting}
    if active & {EVERYTHING_JOB}:
        skipped.append(f"{EVERYTHING_JOB} is under way")
    elif why is not None and (waiting or (newest and asked != wanted)):
        if active:
            skipped.append(f"{why}, but {', '.join(sorted(active))} is under way")
        else:
            key = f"everything:{wanted}:{max(highest.values(), default=0)}:{fingerprint}"
            requests.append(dg.RunRequest(run_key=key, job_name=EVERYTHING_JOB, tags={"levende/why": why}))
            asked = wanted
    else:
        for family, receipt_id in highest.items():
            if JOBS[family] in active:
                skipped.append(f"{JOBS[family]} is under way")
            else:
                key = f"{family}:{receipt_id}:{fingerprint}"
                requests.append(dg.RunRequest(run_key=key, job_name=JOBS[family], tags={"levende/why": "new receipts"}))
    reason = None if requests else "; ".join(skipped) or "everything that landed is read"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=reason,
        cursor=Cursor(read_up_to, fingerprint, asked).to_text(),
    )


@dg.sensor(
    jobs=[doors_job, everything_job],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells what opened, changed or is over since it last looked, and starts the doors' job when a door's "
    "time is up: silence brings no run by itself.",
)
def alert_sensor(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    home, configuration, now = installation.home, installation.configuration(), clock()
    looked = findings.look(context.instance, home, configuration, now)
    told = alerts.tell(home, configuration, looked.looks, now)
    for failure in told.failures:
        context.log.warning(failure)
    return due_doors(context.instance, home, configuration, looked.overdue, str(told))


def due_doors(
    instance: dg.DagsterInstance,
    home: Home,
    configuration: Configuration,
    overdue: Sequence[findings.DoorRow],
    told: str = "",
) -> dg.SensorResult:
    """A run that asks the counters and judges them, for doors whose time is up since the last build. Once for each."""
    if not overdue:
        return dg.SensorResult(skip_reason=f"no door is overdue; {told}")
    if busy := active_jobs(instance) & {JOBS["doors"], EVERYTHING_JOB}:
        return dg.SensorResult(skip_reason=f"{', '.join(sorted(busy))} is under way and will look; {told}")
    whole = why_everything(home, configuration) is not None
    due = sorted(f"{row.line_id}@{row.expected_by_at:%Y%m%dT%H%M%S}" for row in overdue)
    # The same doors at the same due times are the same question: a run that failed over it is not started for ever.
    key = hashlib.sha256(";".join(due).encode()).hexdigest()[:16]
    request = dg.RunRequest(
        run_key=f"overdue:{key}",
        job_name=EVERYTHING_JOB if whole else JOBS["doors"],
        run_config=poll_config(FAMILIES if whole else ["doors"]),
        tags={"levende/why": f"{len(overdue)} doors are overdue"},
    )
    return dg.SensorResult(run_requests=[request])


def polled(configuration: Configuration, family: str) -> list[str]:
    """The enabled sources of a family that can be asked."""
    return [s.source_id for s in configuration.enabled(family) if adapter_for(s)[0].polls]


def _poll_schedule(name: str, family: str, cron: str, job: Any, words: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=words,
    )
    def asks(context: dg.ScheduleEvaluationContext, installation: Installation) -> dg.RunRequest | dg.SkipReason:
        if not polled(installation.configuration(), family):
            return dg.SkipReason(f"no enabled source of {family} can be asked")
        if busy := active_jobs(context.instance) & {JOBS[family], EVERYTHING_JOB}:
            return dg.SkipReason(f"{', '.join(sorted(busy))} is under way; the next poll asks again")
        return dg.RunRequest(run_config=poll_config([family]), tags={"levende/why": f"schedule {name}"})

    return asks


doors_poll = _poll_schedule(
    "doors_poll", "doors", "10 7-22 * * *", doors_job, "Asks the door counters every hour of the day."
)
events_poll = _poll_schedule(
    "events_poll", "events", "10 6,12,18 * * *", events_job, "Asks the event feeds before opening, at noon and after."
)
instagram_poll = _poll_schedule(
    # A story lives a day and is read at several ages, so somebody must look every few hours. The rest of an account
    # is asked once a day, by whichever poll is the first to find it due: the night's, at the same hour every day.
    "instagram_poll",
    "instagram",
    "40 5,9,13,17,21 * * *",
    instagram_job,
    "Looks for stories, and takes the day's snapshot of the accounts if the night did not.",
)


@dg.schedule(
    job=everything_job,
    cron_schedule="30 3 * * *",
    execution_timezone=ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks every source, reads whatever is unread, builds every model, judges and publishes.",
)
def nightly_everything(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(run_config=poll_config(FAMILIES), tags={"levende/why": "schedule nightly_everything"})
