"""The frame a suite looks at: its query, run in DuckDB over the warehouse file or over the lake's Parquet.

What belongs here: opening, naming, querying. What does not: judging. The warehouse is attached read-only from an
in-memory connection, so nothing here can change it; another process that writes it, or dbt's own connection in
this process, must have let go of the file before.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd

from expectations.suites import Suite


class FrameError(RuntimeError):
    """The frame of a suite could not be made: a file, table or column is missing, or the file is in use.

    Says nothing about the data. The message ends with the next action.
    """


def frame_for(suite: Suite, warehouse: Path, lake: Path) -> pd.DataFrame:
    """Run a suite's query.

    In the query, warehouse tables are `core.x` and `kpi.x`, lake tables are `lake.x`.

    Args:
        suite: whose frame.
        warehouse: the file that dbt writes, `<home>/warehouse/build.duckdb`.
        lake: the lake's folder, `<home>/lake`.

    Returns:
        The rows, ordered as the query orders them; instants are naive UTC.

    Raises:
        FrameError: the file, the table or a column is missing, or the file is in use by a writer.
    """
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as con:
        con.execute("set timezone = 'UTC'")  # a query's `now` or cast must never depend on the server's zone
        try:
            if suite.database == "lake":
                _open_lake(con, lake, suite)
            else:
                _open_warehouse(con, warehouse)
        except duckdb.Error as error:
            action = (
                "Remove the folder of its source under lake/_read, then run `levende ingest`: landing still has the "
                "bytes."
                if suite.database == "lake"
                else "Let the run that writes it end, or build it with `levende run`; then judge again."
            )
            raise FrameError(f"{suite.name}: {_first_lines(error)} {action}") from error
        try:
            return con.execute(suite.sql).df()
        except duckdb.Error as error:
            raise FrameError(f"{suite.name}: {_first_lines(error)} {_next_action(suite, error)}") from error


def _open_warehouse(con: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    con.execute(f"attach {_quoted(warehouse)} as wh (read_only)")
    con.execute("use wh")


def _open_lake(con: duckdb.DuckDBPyConnection, lake: Path, suite: Suite) -> None:
    """Only the tables that the query names: a damaged file of another table is no concern of this suite."""
    con.execute("create schema lake")
    for name in sorted(set(re.findall(r"\blake\.([a-z_]+)", suite.sql))):
        if next((lake / name).rglob("*.parquet"), None) is None:
            continue  # the query then says that the table does not exist
        # The empty contract file is one of the files, so a table has all its columns before it has any row.
        files = _quoted(lake / name / "**" / "*.parquet")
        rows = f"select * from read_parquet({files}, union_by_name = true)"  # noqa: S608 - quoted
        con.execute(f"create view lake.{name} as {rows}")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _first_lines(error: duckdb.Error) -> str:
    """The message without the echo of the query, which may run over a page."""
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def _next_action(suite: Suite, error: duckdb.Error) -> str:
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        where = "`levende run`" if suite.database == "warehouse" else "`levende ingest`"
        return (
            f"Run {where} so that {suite.table} is built by the installed version; if it is, the suite "
            f"expectations/suites/{suite.name}.yaml and the table no longer agree: mend the one that is wrong."
        )
    return f"Mend the query in expectations/suites/{suite.name}.yaml."
