"""Ingest as assets: sweep, poll, read, per family; then the receipts, and the library's description.

What these steps do stands in `ingest.pipeline`; here is only what Dagster is told about it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow.dataset

from ingest import config, pipeline
from ingest.contracts import TABLES, Table
from ingest.errors import IngestError, TransientFailure
from ingest.home import Home
from ingest.library_contracts import LIBRARY_TABLES
from ingest.library_tables import write_library_tables
from ingest.pipeline import Outcome
from orchestration.clock import clock, parse_moment, run_as_of
from orchestration.installation import Installation
from orchestration.names import FETCHES, LAKE_OWNER, LIBRARY, family_keys, ingest_op, landing_key, table_key
from orchestration.warehouse import writer_lock

# Sources are asked every night; a family without a single new reading for two nights has something wrong with it.
LAKE_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))


class IngestConfig(dg.Config):
    """What a run of an ingest op does besides reading what has landed.

    Attributes:
        poll: ask the sources that can be asked. Schedules do; a run for a new file does not.
    """

    poll: bool = False


def column_schema(table: Table) -> dg.TableSchema:
    """A contract as Dagster shows it."""
    return dg.TableSchema(
        [
            dg.TableColumn(c.name, str(c.type), c.description, dg.TableColumnConstraints(nullable=not c.required))
            for c in table.columns
        ]
    )


def _lake_spec(table: Table, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        table_key(f"lake.{table.name}"),
        deps=deps,
        description=table.grain,
        owners=[LAKE_OWNER],
        group_name="lake",
        kinds={"python", "parquet"},
        freshness_policy=LAKE_FRESH,
        metadata={"dagster/table_name": f"lake.{table.name}", "dagster/column_schema": column_schema(table)},
    )


def _row_count(home: Home, table: str) -> int:
    return int(pyarrow.dataset.dataset(home.lake / table, format="parquet").count_rows())


def _failure_table(failures: list[tuple[str, str, str]]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({"source": s, "kind": kind, "what": what}) for s, kind, what in failures]
    columns = [dg.TableColumn(name, "string") for name in ("source", "kind", "what")]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _family(family: str) -> dg.AssetsDefinition:
    sources = [s for s in config.load().sources if s.family == family]
    tables = [table for table in TABLES.values() if table.family == family]
    answered = dg.AssetCheckSpec(
        "sources_answered",
        asset=family_keys(family)[0],
        description=(
            "Every source of the family could be asked and its files could be read. A transient failure is tried "
            "again at the next poll; a permanent one names what a person must do (docs/runbooks/silent_source.md)."
        ),
        metadata={"owner": LAKE_OWNER},
    )

    @dg.multi_asset(
        name=ingest_op(family),
        specs=[_lake_spec(table, [landing_key(s.source_id) for s in sources]) for table in tables],
        check_specs=[answered],
    )
    def ingest(context: dg.AssetExecutionContext, config: IngestConfig, installation: Installation) -> Iterator[Any]:
        home, configuration = installation.home, installation.configuration()
        outcomes = {s.source_id: Outcome(s.source_id) for s in configuration.enabled(family)}
        for source in configuration.enabled(family):
            context.log.info(f"{source.source_id}: looking for news")
            steps = [pipeline.sweep(home, configuration, source, clock())]
            if config.poll:
                steps.append(pipeline.poll(home, configuration, source, clock()))
            for step in steps:
                outcomes[source.source_id].receipts += step.receipts
                outcomes[source.source_id].failures += step.failures
        with writer_lock(home, tell=context.log.info):
            read = pipeline.read_pending(home, configuration, family, progress=_progress(context))
        for source_id, outcome in read.items():
            outcome.receipts += outcomes[source_id].receipts
            outcome.failures = outcomes[source_id].failures + outcome.failures
            context.log.info(_told(outcome))
            for failure in outcome.failures:
                context.log.warning(f"{source_id}: {failure}")
            if outcome.receipts or outcome.blobs:
                context.log_event(_arrival(home, outcome))
        for table in tables:
            yield dg.MaterializeResult(
                asset_key=table_key(f"lake.{table.name}"),
                metadata={
                    "dagster/row_count": _row_count(home, table.name),
                    "rows_read": sum(outcome.rows.get(table.name, 0) for outcome in read.values()),
                    "blobs_read": sum(outcome.blobs for outcome in read.values()),
                    "rejects": sum(outcome.rejects for outcome in read.values()),
                    "sources": dg.MetadataValue.md("\n".join(f"- {_told(outcome)}" for outcome in read.values())),
                },
            )
        failures = _failures(home, read)
        yield dg.AssetCheckResult(
            asset_key=answered.asset_key,
            check_name=answered.name,
            passed=not failures,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"failures": _failure_table(failures)},
        )

    return ingest


def _progress(context: dg.AssetExecutionContext) -> Any:
    def tell(done: int, of: int) -> None:
        step = max(1, of // 10)
        if done % step == 0 or done == of:
            context.log.info(f"read {done} of {of} blobs")

    return tell


def _told(outcome: Outcome) -> str:
    rows = ", ".join(f"{count} {table}" for table, count in sorted(outcome.rows.items()) if count) or "no new rows"
    return (
        f"{outcome.source_id}: {outcome.receipts} new receipts, {outcome.blobs} blobs read, {rows}, "
        f"{outcome.rejects} rejects, {len(outcome.failures)} failures"
    )


def _arrival(home: Home, outcome: Outcome) -> dg.AssetMaterialization:
    receipt = home.catalogue.latest(outcome.source_id) or home.catalogue.latest(outcome.source_id, status="failed")
    return dg.AssetMaterialization(
        landing_key(outcome.source_id),
        metadata={
            "receipts": outcome.receipts,
            "blobs_read": outcome.blobs,
            "newest_receipt": receipt.receipt_id if receipt else 0,
        },
    )


def _failures(home: Home, read: dict[str, Outcome]) -> list[tuple[str, str, str]]:
    """What went wrong in this run, and sources whose last poll failed in an earlier one: source, kind, message."""
    found: list[tuple[str, str, str]] = []
    for source_id, outcome in read.items():
        found += [(source_id, _kind(failure), str(failure)) for failure in outcome.failures]
        failed = home.catalogue.latest(source_id, status="failed")
        good = max(
            (r.receipt_id for s in ("ok", "not_modified") if (r := home.catalogue.latest(source_id, status=s))),
            default=0,
        )
        if failed is not None and failed.receipt_id > good and not outcome.failures:
            found.append((source_id, "last poll", failed.error or "failed"))
    return found


def _kind(failure: IngestError) -> str:
    return "transient" if isinstance(failure, TransientFailure) else "permanent"


doors = _family("doors")
events = _family("events")
instagram = _family("instagram")

_silent = dg.AssetCheckSpec(
    "no_source_is_silent",
    asset=FETCHES,
    description=(
        "Every enabled source has brought something within its `expected_every_hours`. A silent one makes days that "
        "count as missing, not as zero: docs/runbooks/silent_source.md."
    ),
    metadata={"owner": LAKE_OWNER},
)


@dg.multi_asset(
    name="lake_receipts",
    specs=[
        _lake_spec(TABLES[name], [key for family in ("doors", "events", "instagram") for key in family_keys(family)])
        for name in ("fetches", "rejects")
    ],
    check_specs=[_silent],
)
def lake_receipts(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[Any]:
    """The catalogue as a table; and, since everything is read now, the moment at which the as-of is fixed."""
    home, configuration = installation.home, installation.configuration()
    with writer_lock(home, tell=context.log.info):
        receipts = pipeline.write_receipts(home, configuration)
    as_of = run_as_of(context.instance, context.run.run_id)
    for name in ("fetches", "rejects"):
        yield dg.MaterializeResult(
            asset_key=table_key(f"lake.{name}"),
            metadata={"dagster/row_count": _row_count(home, name), "receipts": receipts, "as_of": as_of},
        )
    silent = _silences(home, configuration, parse_moment(as_of, "as_of"))
    yield dg.AssetCheckResult(
        asset_key=FETCHES,
        check_name=_silent.name,
        passed=not silent,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"silent": dg.MetadataValue.md("\n".join(f"- {line}" for line in silent) or "none")},
    )


def _silences(home: Home, configuration: config.Configuration, as_of: datetime) -> list[str]:
    told = []
    for source in configuration.enabled():
        if source.expected_every_hours is None:
            continue
        heard = [
            receipt.received_at
            for status in ("ok", "not_modified")
            if (receipt := home.catalogue.latest(source.source_id, status=status))
        ]
        if not heard:
            told.append(f"{source.source_id} has never brought anything")
        elif as_of - max(heard) > timedelta(hours=source.expected_every_hours):
            told.append(
                f"{source.source_id} has brought nothing since {max(heard):%Y-%m-%d %H:%M} UTC; "
                f"expected every {source.expected_every_hours:g} h"
            )
    return told


@dg.asset(
    key=LIBRARY,
    description="The library's description (`config/`) as tables: areas, branches, lines, opening hours, figures.",
    owners=[LAKE_OWNER],
    group_name="lake",
    kinds={"yaml", "parquet"},
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(f"{table.name}.{c.name}", str(c.type), c.description)
                for table in LIBRARY_TABLES.values()
                for c in table.columns
            ]
        )
    },
)
def library_tables(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    home, configuration = installation.home, installation.configuration()
    with writer_lock(home, tell=context.log.info):
        counts = write_library_tables(home.lake, configuration)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(counts.values()),
            "config_hash": configuration.config_hash,
            "tables": dg.MetadataValue.json(counts),
        }
    )
