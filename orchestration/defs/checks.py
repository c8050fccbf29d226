"""The suites of `expectations/` as asset checks, the site that shows their outcome, and checks per door and branch.

One check per rule. Lake suites run before dbt and can stop it; suites on `core` and `kpi` run after it and can stop
the publication. Great Expectations is imported when the first suite runs, never when definitions load.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from expectations.results import RuleResult, load_results, save_results
from expectations.suites import Suite, load_suites
from ingest import config
from ingest.config import Line
from ingest.home import Home
from orchestration.clock import clock, parse_moment, run_as_of
from orchestration.findings import DOOR_NEEDS_SOMEBODY, DOOR_RUNBOOKS, door_rows
from orchestration.installation import Installation
from orchestration.names import DATA_DOCS, LAKE_OWNER, table_key
from orchestration.warehouse import POOL, reading, writer_lock

# One night's files missing is seen by the source's own clock; two open days without any count is a branch gone dark.
DARK_OPEN_DAYS = 2


def check_spec(suite: Suite, rule: Any) -> dg.AssetCheckSpec:
    """One rule as a check; the suite's name is part of its own, since a table may have several suites."""
    return dg.AssetCheckSpec(
        f"{suite.name}__{rule.name}",
        asset=table_key(suite.table),
        description=rule.description,
        blocking=rule.is_blocking,
        metadata={"owner": rule.owner, "suite": suite.name, "expectation": rule.type},
    )


def suite_checks(name: str, suites: Sequence[Suite]) -> dg.AssetChecksDefinition:
    """Suites that are judged in one op, every rule a check of its own."""
    specs = {(suite.name, rule.name): check_spec(suite, rule) for suite in suites for rule in suite.rules}

    @dg.multi_asset_check(
        name=name,
        description="\n".join(f"- {suite.name}: {suite.description}" for suite in suites),
        specs=list(specs.values()),
        pool=POOL,
        can_subset=True,
    )
    def judged(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[Any]:
        from expectations.validate import judge

        home = installation.home
        found: dict[str, tuple[RuleResult, ...]] = {}
        with writer_lock(home, tell=context.log.info):
            for suite in suites:
                if any(specs[suite.name, rule.name].key in context.selected_asset_check_keys for rule in suite.rules):
                    found[suite.name] = judge(suite, home.warehouse, home.lake)
                    save_results(_results(home), suite.name, found[suite.name])
                    context.log.info(
                        f"{suite.name}: {sum(r.passed for r in found[suite.name])} of {len(suite.rules)} hold"
                    )
        # Before the verdicts, which end the run when one blocks: that is when staff want to see the pages. A lake
        # suite that holds is followed by those of the warehouse, which write them anyway.
        blocked = any(result.is_blocking for results in found.values() for result in results)
        if blocked or any(suite.database == "warehouse" for suite in suites):
            _write_site(context, home)
        for suite_name, results in found.items():
            for result in results:
                spec = specs[suite_name, result.name]
                if spec.key in context.selected_asset_check_keys:
                    if not result.passed:
                        context.log.warning(f"{spec.name}: {result.broken or result.description}")
                    yield _told(spec, result)

    return judged


def _told(spec: dg.AssetCheckSpec, result: RuleResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=result.broken or None,
        metadata={
            "observed": dg.MetadataValue.json(result.observed)
            if isinstance(result.observed, dict | list)
            else dg.MetadataValue.text(str(result.observed)),
            "rows_judged": result.element_count if result.element_count is not None else "whole table",
            "rows_that_break_it": result.unexpected_count or 0,
        },
    )


def _results(home: Home) -> Any:
    return home.root / "warehouse" / "checks"


def _write_site(context: dg.AssetCheckExecutionContext, home: Home) -> None:
    """The Data Docs of all suites as they last were; written also when a suite failed, which is when staff look."""
    from expectations.docs_site import DocsError, write_data_docs

    known = {suite.name for suite in load_suites()}
    results = {name: found for name, found in load_results(_results(home)).items() if name in known}
    try:
        page = write_data_docs(
            results, home.published / "data_docs", run_at=clock().isoformat(), run_name=context.run.run_id[:8]
        )
    except (DocsError, OSError) as error:
        context.log.error(f"the Data Docs could not be written: {error}; the results themselves are recorded")
        return
    context.op_execution_context.log_event(
        dg.AssetMaterialization(
            DATA_DOCS,
            metadata={"page": dg.MetadataValue.path(page), "dagster/row_count": sum(map(len, results.values()))},
        )
    )


# A lake suite can stop what comes after its table, so each has an op: one op for all would wait for itself. Those of
# the warehouse stop only the publication, and together write the pages once.
suites = [
    *(suite_checks(f"suite_{suite.name}", [suite]) for suite in load_suites() if suite.database == "lake"),
    suite_checks("suites_warehouse", [suite for suite in load_suites() if suite.database == "warehouse"]),
]

data_docs = dg.AssetSpec(
    DATA_DOCS,
    deps=sorted({table_key(suite.table) for suite in load_suites()}),
    description="Great Expectations' Data Docs: every rule, what was found, and what a failure asks of whom.",
    owners=[LAKE_OWNER],
    group_name="published",
    kinds={"greatexpectations", "html"},
)


DOOR_STATE = table_key("core.fct_door_state")


def door_check_spec(line: Line) -> dg.AssetCheckSpec:
    """A door's check, named by its line alone: the name stays when the device behind it is replaced."""
    where = f"{line.door or line.line_id} ({line.branch_id})"
    return dg.AssetCheckSpec(
        f"door_{line.line_id}",
        asset=DOOR_STATE,
        description=(
            f"The door {where} is told within its source's expected interval and a grace, counts people when people "
            "come, and in the direction it always did. A warning says since when it does not, and what to do: "
            "docs/runbooks/door-silent.md, docs/runbooks/door-dead.md."
        ),
        metadata={"owner": LAKE_OWNER, "branch": line.branch_id, "source": line.source_id},
    )


def door_checks(lines: Sequence[Line]) -> list[dg.AssetChecksDefinition]:
    """One check per perimeter line, judged in one op; none where no door is described."""
    specs = {line.line_id: door_check_spec(line) for line in lines if line.role == "perimeter"}
    if not specs:
        return []

    @dg.multi_asset_check(
        name="door_states",
        description="How each described door is, by core.fct_door_state.",
        specs=list(specs.values()),
        pool=POOL,
        can_subset=True,
    )
    def judged(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[Any]:
        with writer_lock(installation.home, tell=context.log.info), reading(installation.home) as con:
            rows = {row.line_id: row for row in door_rows(con)}
        for line_id, spec in specs.items():
            if spec.key not in context.selected_asset_check_keys:
                continue
            row = rows.get(line_id)
            told = dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=row is not None and row.door_state not in DOOR_NEEDS_SOMEBODY,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "state": row.door_state if row else "unknown",
                    "since": f"{row.since_at:%Y-%m-%d %H:%M} UTC" if row and row.since_at else "",
                    "expected_by": f"{row.expected_by_at:%Y-%m-%d %H:%M} UTC" if row and row.expected_by_at else "",
                    "evidence": row.evidence if row else "core.fct_door_state has no row of this line",
                    # A line that was added after the tables were built is told by the next whole run.
                    "next_action": (row.next_action or "none")
                    if row
                    else "Run everything_job, which reads config/ anew.",
                    "runbook": DOOR_RUNBOOKS.get(row.door_state, "") if row else "docs/runbooks/failed_run.md",
                },
            )
            if not told.passed:
                context.log.warning(f"{spec.name}: {told.metadata['evidence'].value}")
            yield told

    return [judged]


doors = door_checks(config.load().library.lines)


@dg.asset_check(
    asset=table_key("core.fct_line_visits"),
    name="no_branch_went_dark",
    description=(
        f"Every branch with counted doors has counts up to the last open days; {DARK_OPEN_DAYS} open days without any "
        "mean a dead counter or a silent feed: docs/runbooks/silent_source.md. Freshness is per asset, and one branch "
        "that goes on counting would hide another that does not."
    ),
    metadata={"owner": LAKE_OWNER},
    pool=POOL,
)
def no_branch_went_dark(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    home, configuration = installation.home, installation.configuration()
    as_of = parse_moment(run_as_of(context.instance, context.run.run_id), "as_of")
    # Today is not over: its files come tonight.
    until = min(as_of.astimezone(configuration.zone).date(), configuration.library.reporting.end_on or as_of.date())
    with writer_lock(home, tell=context.log.info), reading(home) as con:
        rows = con.execute(
            """
            with counted as (
                select branch_id, max(span_end_on) as counted_until
                from core.fct_line_visits where visits is not null group by branch_id
            ),
            doors as (
                select branch_id, min(valid_from) as valid_from
                from core.dim_line where role = 'perimeter' and coalesce(valid_to, $until) >= $until group by branch_id
            )
            select doors.branch_id, counted.counted_until, count(*) as open_days
            from doors
            left join counted on counted.branch_id = doors.branch_id
            join core.fct_open_day as days
                on days.branch_id = doors.branch_id and days.open_minutes > 0 and days.local_date < $until
                and days.local_date >= coalesce(counted.counted_until, doors.valid_from)
            group by doors.branch_id, counted.counted_until order by doors.branch_id
            """,
            {"until": until},
        ).fetchall()
    dark = [f"{branch}: counted until {day or 'never'}, {count} open days since" for branch, day, count in rows
            if count >= DARK_OPEN_DAYS]  # fmt: skip
    return dg.AssetCheckResult(
        passed=not dark,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"dark": dg.MetadataValue.md("\n".join(f"- {line}" for line in dark) or "none"), "until": str(until)},
    )


@dg.asset_check(
    asset=table_key("core.fct_reject"),
    name="no_open_rejects",
    description="Every record and file could be read, or was read later, or asks nobody for anything. What is left "
    "needs a person: docs/runbooks/rejects.md.",
    metadata={"owner": LAKE_OWNER},
    pool=POOL,
)
def no_open_rejects(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    with writer_lock(installation.home, tell=context.log.info), reading(installation.home) as con:
        rows = con.execute(
            "select source_id, reason, count(*), min(next_action), list(distinct origin order by origin) "
            "from core.fct_reject where is_open group by source_id, reason order by source_id, reason"
        ).fetchall()
    lines = [
        f"- {source}: {count} × {reason} in {_names(origins)}. {action}"
        for source, reason, count, action, origins in rows
    ]
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"open": sum(row[2] for row in rows), "rejects": dg.MetadataValue.md("\n".join(lines) or "none")},
    )


def _names(origins: Sequence[str | None], most: int = 10) -> str:
    """File names or addresses, and how many more there are."""
    known = [origin for origin in origins if origin]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return (", ".join(known[:most]) or "bytes without a name") + more
