"""What is open in an installation, as data: silent doors, failing sources, unread records, what was not published.

What belongs here: pure functions from rows and receipts to findings, and the looks that fetch their rows. What does
not: who is told, when and how often (`orchestration.alerts`), and the judgement itself, which stands in the models.

A look that could not be made says None and not an empty list: what nobody could see is not mended.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingest.catalogue import Receipt
from ingest.config import Configuration, Source
from ingest.errors import IngestError, TransientFailure
from ingest.home import Home
from ingest.instagram.tokens import TokenState, token_state
from orchestration.clock import parse_moment
from orchestration.names import EVERYTHING_JOB, JOBS
from orchestration.warehouse import Stamp, read_stamp, reading, writer_lock

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

DOOR_NEEDS_SOMEBODY = frozenset({"silent", "dead", "odd_direction", "spiking", "drifting", "degraded"})
DOOR_RUNBOOKS = {
    "silent": "docs/runbooks/door-silent.md",
    "degraded": "docs/runbooks/door-silent.md",
    "odd_direction": "docs/runbooks/door-silent.md",
    "dead": "docs/runbooks/door-dead.md",
    "spiking": "docs/runbooks/door-dead.md",
    "drifting": "docs/runbooks/door-dead.md",
}
DOOR_WORDS = {
    "silent": "says nothing",
    "dead": "counts zero while people come",
    "odd_direction": "counts in another direction than before",
    "spiking": "counted more people than can be",
    "drifting": "counts fewer and fewer beside other doors",
    "degraded": "still counts, and asks for help",
}
# The run that a due door starts takes a minute or two and is the better witness: it asks the source first. Where it
# does not come, the clock alone speaks.
RUN_PATIENCE = timedelta(minutes=15)
# A source that names no interval is asked every night.
DEFAULT_EXPECTED_HOURS = 24.0
# What another try may cure. A test compares these words with those that `ingest` raises as transient.
TRANSIENT_REASONS = frozenset(
    {
        "transient", "unreachable", "too_slow", "busy", "catalogue_busy", "graph_busy", "list_unsettled", "no_process",
        "no_json", "token_lost", "limit_reached", "rate_limit", "warehouse_busy",
    }
)  # fmt: skip
_TRANSIENT_STATUS = re.compile(r"http_(408|425|429|5\d\d)")


@dataclass(frozen=True)
class Finding:
    """Something open that a person should know of. Holds no secret and no name of a person: it leaves the house.

    Attributes:
        key: names the thing for good, `<scope>:<id>`, such as `door:moa_inngang`. What has the same key is the same.
        kind: what is wrong with it, one word; another word is told as a change.
        subject: the thing in words.
        since: aware.
        message: what was seen.
        next_action: what to do, a sentence.
    """

    key: str
    kind: str
    subject: str
    since: datetime
    message: str
    next_action: str

    @property
    def scope(self) -> str:
        return self.key.split(":", 1)[0]


@dataclass(frozen=True)
class Look:
    """What one kind of look found. `findings` None: it could not be made, and says nothing of what is open.

    Attributes:
        scope: what all its findings' keys begin with.
    """

    scope: str
    findings: tuple[Finding, ...] | None


@dataclass(frozen=True)
class DoorRow:
    """One row of `core.fct_door_state`; instants naive UTC, as in the warehouse."""

    line_id: str
    branch_id: str
    source_id: str
    device_key: str
    door: str
    door_state: str
    since_at: datetime | None
    last_told_at: datetime | None
    expected_by_at: datetime | None
    evidence: str
    next_action: str | None
    watched_until_at: datetime


def door_rows(con: duckdb.DuckDBPyConnection) -> list[DoorRow]:
    """How every described door was at the last build."""
    rows = con.execute(
        "select line_id, branch_id, source_id, device_key, door, door_state, since_at, last_told_at, expected_by_at, "
        "evidence, next_action, watched_until_at from core.fct_door_state order by line_id"
    ).fetchall()
    return [DoorRow(*row) for row in rows]


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def overdue(rows: Iterable[DoorRow], now: datetime) -> list[DoorRow]:
    """Doors that were not late at the last build and are by now: the clock alone makes them so, and no run."""
    return [
        row
        for row in rows
        if row.expected_by_at is not None
        and row.watched_until_at < row.expected_by_at
        and _aware(row.expected_by_at) <= now
        and row.door_state not in ("silent", "not_installed")
    ]


def door_findings(rows: Sequence[DoorRow], now: datetime) -> list[Finding]:
    """Doors that need somebody: by the last build, or because their time is up and no build came to say so."""
    waited = {row.line_id for row in overdue(rows, now - RUN_PATIENCE)}
    found = []
    for row in rows:
        late = row.line_id in waited
        if row.door_state not in DOOR_NEEDS_SOMEBODY and not late:
            continue
        kind = "silent" if late else row.door_state
        since = row.since_at if not late else row.last_told_at or row.expected_by_at
        message = row.evidence
        action = row.next_action or ""
        if late and row.expected_by_at is not None:
            message = f"expected by {row.expected_by_at:%Y-%m-%d %H:%M} UTC, and nothing came; {row.evidence}"
            action = (
                f"See whether {row.door} (device {row.device_key}, source {row.source_id}) is lit and connected, then "
                f"run `levende ingest {row.source_id}` ({DOOR_RUNBOOKS['silent']})."
            )
        found.append(
            Finding(
                key=f"door:{row.line_id}",
                kind=kind,
                subject=f"Door {row.door}, {row.branch_id}",
                since=_aware(since or row.watched_until_at),
                message=f"{DOOR_WORDS[kind]}: {message}",
                next_action=action,
            )
        )
    return found


def reject_findings(rows: Iterable[tuple[str, str, int, str, datetime]]) -> list[Finding]:
    """Open rejects, one finding per source and reason. Rows: source, reason, count, next action, first received."""
    return [
        Finding(
            key=f"reject:{source}:{reason}",
            kind="unread",
            subject=f"Source {source}",
            since=_aware(first),
            message=f"{count} × {reason} could not be read and is in no figure.",
            next_action=f"{action} (docs/runbooks/rejects.md)",
        )
        for source, reason, count, action, first in rows
    ]


def unmapped_findings(rows: Iterable[tuple[str, str, str, int, date]]) -> list[Finding]:
    """Counts that no described line claims. Rows: source, device, line, observations, first local date."""
    return [
        Finding(
            key=f"unmapped:{source}:{device}:{line}",
            kind="unmapped",
            subject=f"Device {device}, line {line}, of source {source}",
            since=datetime(first.year, first.month, first.day, tzinfo=UTC),
            message=f"{count} counts belong to no line that is described for their time, and are in no figure.",
            next_action=(
                f"Describe the line for that time in library.yaml, or begin its valid_from there: source {source}, "
                f"device_key {device}, line_key {line}."
            ),
        )
        for source, device, line, count, first in rows
    ]


def is_transient(error: str | None) -> bool:
    """Whether a failed receipt's error, `<reason>: <words>`, is one that another try may cure."""
    reason = (error or "").split(":", 1)[0]
    return reason in TRANSIENT_REASONS or _TRANSIENT_STATUS.fullmatch(reason) is not None


def source_findings(
    sources: Iterable[Source], receipts: Mapping[str, Sequence[Receipt]], now: datetime, doors: frozenset[str]
) -> list[Finding]:
    """Sources that fail, or bring nothing.

    A permanent failure is told at once. A transient one is told when it has lasted for the source's expected
    interval and a grace. Silence of door sources (`doors`) is told per door, where open hours are known.

    Args:
        receipts: per source, in commit order.
        doors: sources that described perimeter lines count by.
    """
    found = []
    for source in sources:
        known = receipts.get(source.source_id, ())
        good = [r for r in known if r.status in ("ok", "not_modified")]
        last_good = good[-1] if good else None
        failed = [
            r for r in known if r.status == "failed" and (last_good is None or r.receipt_id > last_good.receipt_id)
        ]
        hours = source.expected_every_hours or DEFAULT_EXPECTED_HOURS
        patience = timedelta(hours=max(hours * 1.1, hours + 1))
        if failed and (not is_transient(failed[-1].error) or now - failed[0].received_at > patience):
            kind, since = "failing", failed[0].received_at
            message = f"could not be asked since then, {len(failed)} times in a row: {failed[-1].error or 'failed'}"
            action = f"Do what its last sentence says, then run `levende ingest {source.source_id}`"
        elif (
            source.expected_every_hours
            and source.source_id not in doors
            and (last_good is not None and now - last_good.received_at > patience)
        ):
            kind, since = "silent", last_good.received_at
            message = f"has brought nothing since then; expected every {source.expected_every_hours:g} h"
            action = f"Run `levende ingest {source.source_id}` and see what it says"
        else:
            continue
        found.append(
            Finding(
                key=f"source:{source.source_id}",
                kind=kind,
                subject=f"Source {source.source_id}",
                since=since,
                message=message,
                next_action=f"{action} (docs/runbooks/silent_source.md).",
            )
        )
    return found


def token_findings(states: Mapping[str, TokenState], now: datetime) -> list[Finding]:
    """Tokens that end soon or did. Values have `state`, `alarm_days`, `message` and `next_action`, as data.

    A token of which nothing is known is no finding: `levende doctor` says so.
    """
    told = ("expiring", "expired", "invalid", "no_permission")
    return [
        Finding(
            key=f"token:{source_id}",
            # A nearer alarm (14, 7, 3 days) is a change, and told as one.
            kind=f"expiring_{state.alarm_days}_days" if state.state == "expiring" else state.state,
            subject=f"Token of source {source_id}",
            since=now,
            message=state.message,
            next_action=state.next_action,
        )
        for source_id, state in sorted(states.items())
        if state.state in told
    ]


def publication_findings(
    stamp: Stamp | None, published_data_version: str | None, last_run: dg.RunRecord | None
) -> list[Finding]:
    """A last run that failed, or tables that were built and did not get out.

    Args:
        last_run: the newest run that ended, of any job.
    """
    if last_run is not None and last_run.dagster_run.status == dg.DagsterRunStatus.FAILURE:
        run, ended = last_run.dagster_run, last_run.end_time or last_run.create_timestamp.timestamp()
        return [
            Finding(
                key="publication:run",
                kind="failed",
                subject="Publication",
                since=datetime.fromtimestamp(ended, UTC),
                message=f"run {run.run_id[:8]} of {run.job_name} failed, so nothing new was published; the last good "
                "version stays.",
                next_action="Read what it says on the pages or in `levende run`, and mend it "
                "(docs/runbooks/blocked_publish.md, docs/runbooks/failed_run.md).",
            )
        ]
    if stamp is not None and published_data_version is not None and stamp.data_version != published_data_version:
        return [
            Finding(
                key="publication:run",
                kind="not_published",
                subject="Publication",
                since=parse_moment(stamp.as_of, "as_of"),
                message=f"tables were built as of {stamp.as_of} UTC and are not published; readers see older figures.",
                next_action="Run `levende run` and see what blocks it (docs/runbooks/blocked_publish.md).",
            )
        ]
    return []


@dataclass(frozen=True)
class Looked:
    """All looks of one moment.

    Attributes:
        looks: one per scope.
        overdue: doors that a run should look at now.
    """

    looks: tuple[Look, ...]
    overdue: tuple[DoorRow, ...] = ()


def look(instance: dg.DagsterInstance | None, home: Home, configuration: Configuration, now: datetime) -> Looked:
    """Everything that is open now. Waits for nobody: what is being written at this moment is not looked at.

    Args:
        instance: to ask about runs; without one the publication is not looked at.
        now: aware.
    """
    looks: list[Look] = []
    rows, rejects, unmapped = _warehouse(home)
    looks.append(Look("door", None if rows is None else tuple(door_findings(rows, now))))
    looks.append(Look("reject", None if rejects is None else tuple(reject_findings(rejects))))
    looks.append(Look("unmapped", None if unmapped is None else tuple(unmapped_findings(unmapped))))
    looks.append(Look("source", tuple(_sources(home, configuration, now))))
    looks.append(Look("token", tuple(token_findings(_token_states(configuration, now), now))))
    looks.append(Look("publication", _publication(instance, home)))
    return Looked(tuple(looks), tuple(overdue(rows or (), now)))


def _warehouse(home: Home) -> tuple[Any, Any, Any]:
    """Rows of doors, rejects and unmapped counts; None where a build is under way, broke off, or told another day."""
    nothing = (None, None, None)
    if not home.warehouse.exists():
        return nothing
    try:
        with writer_lock(home, patience_seconds=0.5):
            stamp = read_stamp(home)
            if stamp is None or stamp.is_vintage:
                return nothing
            with reading(home) as con:
                rejects = con.execute(
                    "select source_id, reason, count(*), min(next_action), min(received_at) from core.fct_reject "
                    "where is_open group by source_id, reason order by source_id, reason"
                ).fetchall()
                unmapped = con.execute(
                    "select source_id, device_key, line_key, observation_count, first_on from core.fct_unmapped_count "
                    "order by source_id, device_key, line_key"
                ).fetchall()
                return door_rows(con), rejects, unmapped
    except TransientFailure:
        return nothing
    except Exception as error:  # noqa: BLE001 - duckdb's, of a table that an older build has not: the next build has it
        log.warning("the warehouse could not be looked at: %s", error)
        return nothing


def _sources(home: Home, configuration: Configuration, now: datetime) -> list[Finding]:
    enabled = configuration.enabled()
    receipts: dict[str, list[Receipt]] = {}
    for source in enabled:
        # The newest of each kind decides; the failures since then say for how long.
        good = [r for status in ("ok", "not_modified") if (r := home.catalogue.latest(source.source_id, status=status))]
        after = max((r.receipt_id for r in good), default=0)
        failed = home.catalogue.latest(source.source_id, status="failed")
        receipts[source.source_id] = sorted(good, key=lambda r: r.receipt_id)
        if failed is not None and failed.receipt_id > after:
            receipts[source.source_id] += home.catalogue.receipts(after=after, source_id=source.source_id)
    doors = frozenset(line.source_id for line in configuration.library.lines if line.role == "perimeter")
    return source_findings(enabled, receipts, now, doors)


def _token_states(configuration: Configuration, now: datetime) -> dict[str, TokenState]:
    """What the description says of the Graph API's tokens."""
    states = {}
    for source in configuration.enabled("instagram"):
        if source.adapter == "instagram_graph":
            try:
                states[source.source_id] = token_state(source, now)
            except IngestError as error:
                log.warning("%s: %s", source.source_id, error)
    return states


def _publication(instance: dg.DagsterInstance | None, home: Home) -> tuple[Finding, ...] | None:
    from publishing import manifest
    from publishing.errors import PublishError

    if instance is None:
        return None
    jobs = {*JOBS.values(), EVERYTHING_JOB}
    records = [r for r in instance.get_run_records(limit=20) if r.dagster_run.job_name in jobs]
    if any(not record.dagster_run.is_finished for record in records):
        return None  # it may yet publish
    ended = [r for r in records if r.dagster_run.status != dg.DagsterRunStatus.CANCELED]
    try:
        version = manifest.read(home.published / "MANIFEST.json").data_version
    except (PublishError, OSError, ValueError):
        version = None
    return tuple(publication_findings(read_stamp(home), version, ended[0] if ended else None))
