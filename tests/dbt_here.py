"""dbt in the test's own process, on a project that is parsed once for all tests.

Starting dbt and parsing the project take eight seconds of processor time, most builds of a few models one. dbt parses
again whenever a variable or the warehouse's path differs, which is in every test; a manifest that it is given it takes
as it is. What belongs here: running dbt. What does not: what is built, and what is expected of it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from parsed_dbt import binary_with


@dataclass(frozen=True)
class Done:
    """How a run of dbt ended, what it said, and what came of each node."""

    returncode: int
    stdout: str
    results: tuple[Any, ...] = ()


def run_dbt(project: Path, home: Path, *words: str, as_of: str = "2024-07-01 04:00:00") -> Done:
    """Run a dbt command on a home's lake and warehouse; the compiled SQL ends in `target/` of the home.

    Args:
        as_of: the moment, UTC, that figures are told for.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    lake, dbt = str(home / "lake"), str(project / "dbt_project")
    manifest = Manifest.from_msgpack(binary_with(project, home / "lake"))
    manifest.build_flat_graph()
    said: list[str] = []

    def keep(message: Any) -> None:
        if message.info.level != "debug":
            said.append(message.info.msg)

    arguments = [
        # The manifest, which dbt would write at every command, costs more than most of them; `parsed_dbt` keeps one.
        "--log-level", "none", *words, "--no-write-json", "--project-dir", dbt, "--profiles-dir", dbt,
        "--target-path", str(home / "target"), "--log-path", str(home / "logs"),
        "--vars", f'{{as_of: "{as_of}", data_version: test}}',
    ]  # fmt: skip
    environment = {"LEVENDE_LAKE": lake, "LEVENDE_WAREHOUSE": str(home / "warehouse" / "build.duckdb")}
    try:
        with mock.patch.dict(os.environ, environment), contextlib.chdir(project):
            result = dbtRunner(manifest=manifest, callbacks=[keep]).invoke(arguments)
    finally:  # whatever happened, let go of the warehouse, which the test opens next
        cleanup_connections()
        reset_adapters()
        DuckDBConnectionManager.close_all_connections()
    if result.exception is not None:
        said.append(str(result.exception))
    results = tuple(getattr(result.result, "results", ()))
    return Done(0 if result.success else 1, "\n".join(said), results)
