"""The publication: the one step past the blocking checks."""

from importlib.metadata import version

import dagster as dg

from orchestration.clock import clock, parse_moment
from orchestration.dbt_inprocess import project_hash
from orchestration.defs import checks, dbt_models, lake
from orchestration.installation import Installation
from orchestration.names import PUBLISHED
from orchestration.verdicts import Verdict, latest
from orchestration.warehouse import POOL, read_stamp, writer_lock

OUTPUT_SCHEMAS = ("core", "kpi")


def published_keys() -> list[dg.AssetKey]:
    """The models that leave the house."""
    return sorted(key for key in dbt_models.models.keys if key.path[0] in OUTPUT_SCHEMAS)


def all_check_specs() -> list[dg.AssetCheckSpec]:
    """Every check of the project, dbt's tests included."""
    definitions: list[dg.AssetsDefinition] = [
        lake.doors, lake.events, lake.instagram, lake.lake_receipts, dbt_models.models,
        *checks.suites, *checks.doors, checks.no_branch_went_dark, checks.no_open_rejects,
    ]  # fmt: skip
    return [spec for definition in definitions for spec in definition.check_specs]


def refusals(verdicts: list[Verdict], specs: list[dg.AssetCheckSpec]) -> list[str]:
    """Why nothing may be published: blocking checks that did not pass, or were not asked since the last build."""
    blocking = {spec.key for spec in specs if spec.blocking}
    return [f"{v.name} {v.reason}" for v in verdicts if v.key in blocking and not v.passed and v.severity == "error"]


@dg.asset(
    key=PUBLISHED,
    deps=published_keys(),
    description="The published copy of `core` and `kpi` as DuckDB and Parquet with its manifest, replaced at once. "
    "The last good version stays while a blocking check fails.",
    owners=["team:statistics"],
    group_name="published",
    kinds={"duckdb", "parquet"},
    freshness_policy=dbt_models.MODEL_FRESH,
    pool=POOL,
)
def published_warehouse(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    from publishing.manifest import Check, ManifestInputs
    from publishing.snapshot import publish

    home, configuration = installation.home, installation.configuration()
    specs = all_check_specs()
    verdicts = latest(context.instance, specs)
    if refused := refusals(verdicts, specs):
        raise dg.Failure(
            f"nothing was published, {len(refused)} blocking checks do not hold: {'; '.join(refused)}. "
            "Mend what they name and run everything_job (docs/runbooks/blocked_publish.md).",
            allow_retries=False,
        )
    with writer_lock(home, tell=context.log.info):
        stamp = read_stamp(home)
        root = context.run.root_run_id or context.run.run_id
        if stamp is None or stamp.root_run_id != root:
            other = f"by run {stamp.root_run_id[:8]}" if stamp else "by a run that broke off"
            raise dg.Failure(
                f"nothing was published: the warehouse was built {other} since, and that run's checks are not this "
                "one's. Its own publication stands for both; else run everything_job.",
                allow_retries=False,
            )
        published = publish(
            home.warehouse,
            home.published,
            ManifestInputs(
                code_version=f"{version('levende-tall')}+{project_hash()}",
                config_hash=configuration.config_hash,
                is_simulated=configuration.library.is_simulated,
                published_at=clock(),
                # A check that never ran is not told as failed: it has not said anything about these data.
                checks=[
                    Check(v.name, v.severity, v.passed) for v in verdicts if v.passed or v.reason.startswith("said")
                ],
                data_version=stamp.data_version,
                as_of=parse_moment(stamp.as_of, "as_of"),
            ),
        )
    rows = {name: int(facts["rows"]) for name, facts in published.manifest.tables.items()}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows.values()),
            "version": published.manifest.version,
            "as_of": stamp.as_of,
            "database": dg.MetadataValue.path(str(published.database)),
            "tables": dg.MetadataValue.json(rows),
            "checks_failed": dg.MetadataValue.json([v.name for v in verdicts if not v.passed]),
        }
    )
