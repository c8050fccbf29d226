"""dbt inside the step's own process: parse when the project changed, build, tell Dagster, let go of the file.

Starting dbt as a command costs seconds of imports per run; here they are paid once per process. Uses internals of
dagster-dbt (`DbtCoreCliEventMessage`, the selection helper), which is why its version is pinned and a test runs
this on a real project.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtProject

from ingest.errors import ConfigurationError
from ingest.home import Home
from ingest.landing import write_atomically
from orchestration.installation import PROJECT
from orchestration.warehouse import TableFacts, table_facts

KEPT_TARGETS = 10
PARSED = "partial_parse.msgpack"  # dbt's own binary form of the manifest


def project_dir() -> Path:
    """The dbt project: `dbt_project/`, or the folder in `LEVENDE_DBT_PROJECT`."""
    return Path(os.environ.get("LEVENDE_DBT_PROJECT", PROJECT / "dbt_project")).absolute()


def set_environment(home: Home) -> None:
    """Tell dbt, which runs in this process, where warehouse and lake are."""
    os.environ["LEVENDE_WAREHOUSE"] = str(home.warehouse)
    os.environ["LEVENDE_LAKE"] = str(home.lake)


def project_hash(folder: Path | None = None) -> str:
    """Hash of everything that a build depends on besides data: the project's files and dbt's version."""
    folder = folder or project_dir()
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb"):
        digest.update(f"{package}={version(package)}\n".encode())
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix not in {".sql", ".yml", ".yaml", ".csv", ".md"} or inside.parts[0] in {"target", "logs"}:
            continue
        digest.update(f"{inside}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def prepared(home: Home) -> DbtProject:
    """The dbt project with a manifest that is up to date, parsed now if it is not.

    The manifest stands under the home, since it holds the lake's path. Whether it is up to date is decided by
    content, never by file times: a checkout may make old files young and new ones old.

    Raises:
        ConfigurationError: there is no project, or it does not parse; the message is dbt's.
    """
    folder = project_dir()
    if not (folder / "dbt_project.yml").exists():
        raise ConfigurationError(
            f"{folder} holds no dbt project.", next_action="Mend the checkout, or LEVENDE_DBT_PROJECT."
        )
    set_environment(home)
    parsed = home.root / "dbt" / "parsed"
    parsed.mkdir(parents=True, exist_ok=True)
    wanted = f"{project_hash(folder)} {folder} {home.lake}"
    mark = parsed / "parsed_from.txt"
    with (parsed / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that load at once parse once
        fresh = mark.exists() and mark.read_text() == wanted and (parsed / "manifest.json").exists()
        if not fresh:
            mark.unlink(missing_ok=True)
            (parsed / PARSED).unlink(missing_ok=True)
            with _dbt():
                result = _runner().invoke(_arguments("parse", folder, parsed))
            if not result.success:
                raise ConfigurationError(
                    f"the dbt project in {folder} does not parse: {result.exception}", next_action="Mend the project."
                )
            write_atomically(mark, wanted.encode())
    return DbtProject(project_dir=folder, target_path=parsed)


def _arguments(command: str, folder: Path, target: Path) -> list[str]:
    # What dbt has to say comes by callback; on its own it would print into whoever's terminal this is.
    places = {"--project-dir": folder, "--profiles-dir": folder, "--target-path": target, "--log-path": target}
    return ["--log-level", "none", command, *(str(part) for pair in places.items() for part in pair)]


def _runner(**options: Any) -> Any:
    from dbt.cli.main import dbtRunner

    return dbtRunner(**options)


@contextmanager
def _dbt() -> Iterator[None]:
    """Whatever happened, let go of the warehouse file: DuckDB opens it once per process and way."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    try:
        yield
    finally:
        cleanup_connections()
        reset_adapters()
        DuckDBConnectionManager.close_all_connections()
        gc.collect()


class InProcessDbt(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs `dbt build` for an asset step."""

    def build(
        self, context: dg.AssetExecutionContext, home: Home, project: DbtProject, variables: Mapping[str, str]
    ) -> Iterator[Any]:
        """Build what the step selects, then yield Dagster's events with row counts and column schemas.

        Unit tests of the project are left to its test suite: they know nothing of today's data.

        Raises:
            dg.Failure: a model failed or a test of severity error did; after all events, so that they are recorded.
        """
        from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
        from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
        from dagster_dbt.dagster_dbt_translator import DagsterDbtTranslator

        set_environment(home)
        home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        parameters = get_updated_cli_invocation_params_for_context(
            context=context, manifest={}, dagster_dbt_translator=DagsterDbtTranslator()
        )
        target = _target(home, context.run.run_id)
        arguments = _arguments("build", project.project_dir, target)
        # Nobody reads a run's own copy of the manifest; writing it takes longer than many a build of a family.
        arguments += ["--no-write-json", "--exclude-resource-type", "unit_test", "--vars", json.dumps(dict(variables))]
        if parameters.indirect_selection:
            arguments += ["--indirect-selection", parameters.indirect_selection]
        events, result = _invoke([*arguments, *parameters.selection_args], project)
        for event in events:
            if event["info"]["level"] in {"error", "warn"}:
                context.log.log(event["info"]["level"].upper().replace("WARN", "WARNING"), event["info"]["msg"])
        facts = _facts(home, parameters.manifest, events)
        for event in events:
            message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
            for told in message.to_default_asset_events(
                manifest=parameters.manifest,
                dagster_dbt_translator=parameters.dagster_dbt_translator,
                context=context,
                target_path=target,
                project=project,
            ):
                if isinstance(told, dg.Output):
                    node = parameters.manifest["nodes"][event["data"]["node_info"]["unique_id"]]
                    yield _with_facts(told, node, facts.get((node["schema"], node["alias"])))
                else:
                    yield told
        if not result.success:
            raise dg.Failure(_what_failed(result), allow_retries=result.exception is not None)


def _target(home: Home, run_id: str) -> Path:
    """A target folder of this run's own, so that two runs never write into one; the oldest are removed."""
    runs = home.root / "dbt" / "runs"
    target = runs / run_id[:8]
    target.mkdir(parents=True, exist_ok=True)
    for old in sorted(runs.iterdir(), key=lambda p: p.stat().st_mtime)[:-KEPT_TARGETS]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def _invoke(arguments: list[str], project: DbtProject) -> tuple[list[dict[str, Any]], Any]:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.functions import msg_to_dict

    # Parsed once when definitions loaded. Given other --vars dbt would parse all of it again, for seconds, though no
    # variable of ours changes what is parsed. A fresh copy each time: a run writes its compiled SQL into it.
    manifest = Manifest.from_msgpack(project.manifest_path.with_name(PARSED).read_bytes())
    manifest.build_flat_graph()
    events: list[dict[str, Any]] = []

    def keep(message: Any) -> None:
        # A build tells ten thousand things, some hundred of which anybody asks for.
        if message.info.name.endswith("Result") or message.info.level in {"warn", "error"}:
            event = msg_to_dict(message)
            if "data" in event:
                events.append(event)

    before = os.environ.get("DAGSTER_DBT_CLI")
    os.environ["DAGSTER_DBT_CLI"] = "true"
    try:
        with _dbt():
            result = _runner(callbacks=[keep], manifest=manifest).invoke(arguments)
    finally:
        if before is None:
            del os.environ["DAGSTER_DBT_CLI"]
    return events, result


def _facts(home: Home, manifest: Mapping[str, Any], events: list[dict[str, Any]]) -> dict[tuple[str, str], TableFacts]:
    nodes = [e["data"].get("node_info", {}).get("unique_id") for e in events if e["info"]["name"].endswith("Result")]
    built = {(n["schema"], n["alias"]) for n in map(manifest["nodes"].get, nodes) if n and n["resource_type"] != "test"}
    return table_facts(home, sorted(built)) if built and home.warehouse.exists() else {}


def _with_facts(told: dg.Output[Any], node: Mapping[str, Any], facts: TableFacts | None) -> dg.Output[Any]:
    """The materialization with what the warehouse says: dbt's own runner tells neither rows nor columns."""
    if facts is None:
        return told
    described = {name: column.get("description") for name, column in node.get("columns", {}).items()}
    schema = dg.TableSchema(
        [
            dg.TableColumn(name, kind, description=described.get(name) or comment)
            for name, kind, comment in facts.columns
        ]
    )
    metadata: dict[str, Any] = {**told.metadata, "dagster/row_count": facts.row_count, "dagster/column_schema": schema}
    return dg.Output(value=None, output_name=told.output_name, metadata=metadata)


def _what_failed(result: Any) -> str:
    if result.exception is not None:
        return f"dbt stopped: {result.exception} Mend the cause and run again."
    broken = [r for r in result.result.results if r.status in {"error", "fail", "runtime error"}]
    lines = [f"{r.node.name} ({r.status}): {' '.join((r.message or '').split())}" for r in broken]
    return "dbt could not build all of it:\n" + "\n".join(lines) + "\nMend the model or its data and run again."
