"""The build warehouse as a file that one process writes at a time: its lock, its stamp, and what stands in it.

Nothing here changes a table: dbt alone does (`orchestration.dbt_inprocess`), under this lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import TransientFailure
from ingest.home import Home
from ingest.landing import write_atomically

if TYPE_CHECKING:
    import duckdb

POOL = "duckdb_warehouse"
LOCK_PATIENCE_SECONDS = 1800.0


@contextmanager
def writer_lock(
    home: Home, *, patience_seconds: float = LOCK_PATIENCE_SECONDS, tell: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the one writer's place. The pool orders runs of one Dagster instance; this orders everybody else as well.

    Taken by whoever writes the lake's readings or the warehouse, or publishes: a build must see one lake throughout.
    The kernel lets go of it when its holder dies.

    Raises:
        TransientFailure: another process kept it for longer than the patience.
    """
    path = home.warehouse.parent / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        deadline = time.monotonic() + patience_seconds
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = path.read_text() or "unknown"
                if time.monotonic() >= deadline:
                    raise TransientFailure(
                        f"process {holder} has been writing the warehouse for over {patience_seconds:.0f} s.",
                        reason="warehouse_busy",
                        next_action=f"See what process {holder} does; stop it if it hangs, and run again.",
                    ) from None
                if not waiting and tell is not None:
                    tell(f"waiting for process {holder}, which is writing the warehouse")
                waiting = True
                time.sleep(0.2)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


@dataclass(frozen=True)
class Stamp:
    """Which run built the warehouse as it stands, and from what.

    Attributes:
        root_run_id: the run that did, or the one that it retries.
        as_of: naive UTC text that dbt was given.
        data_version: name of the inputs.
        inputs: hash of description and dbt project; another one, or none, means that every model is to be built again.
        is_vintage: whether somebody chose the as-of: the tables tell that day, and not how things are now.
    """

    root_run_id: str
    as_of: str
    data_version: str
    inputs: str
    is_vintage: bool = False


def _stamp_path(home: Home) -> Path:
    return home.warehouse.parent / "built.json"


def write_stamp(home: Home, stamp: Stamp) -> None:
    """Say who built the warehouse; on disk when this returns."""
    write_atomically(_stamp_path(home), json.dumps(stamp.__dict__, indent=1).encode())


def read_stamp(home: Home) -> Stamp | None:
    """Who built the warehouse; None when nobody did, or a build broke off."""
    try:
        return Stamp(**json.loads(_stamp_path(home).read_text())) if home.warehouse.exists() else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def remove_stamp(home: Home) -> None:
    """Say that a build is under way: what stands in the file is nobody's until it ends."""
    _stamp_path(home).unlink(missing_ok=True)


@contextmanager
def reading(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the build warehouse, closed on the way out.

    Raises:
        TransientFailure: another program holds the file.
    """
    import duckdb

    try:
        con = duckdb.connect(str(home.warehouse), read_only=True)
    except duckdb.IOException as error:
        raise TransientFailure(
            f"the warehouse can't be opened: {str(error).splitlines()[0]}",
            reason="warehouse_busy",
            next_action="Close the program that has build.duckdb open (readers belong on the published copy).",
        ) from error
    try:
        yield con
    finally:
        con.close()


@dataclass(frozen=True)
class TableFacts:
    """What stands in one relation: its row count, and per column name, type and comment."""

    row_count: int
    columns: tuple[tuple[str, str, str | None], ...]


def table_facts(home: Home, relations: Sequence[tuple[str, str]]) -> dict[tuple[str, str], TableFacts]:
    """Row counts and columns of relations, each given as schema and name; those that do not exist are left out."""
    columns: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    facts: dict[tuple[str, str], TableFacts] = {}
    with reading(home) as con:
        query = """
            select schema_name, table_name, column_name, data_type, comment
            from duckdb_columns() where database_name = current_database() order by column_index
        """
        rows: list[Any] = con.execute(query).fetchall()
        for schema, table, column, kind, comment in rows:
            columns.setdefault((schema, table), []).append((column, kind, comment))
        for relation in relations:
            if relation in columns:
                schema, table = (part.replace('"', '""') for part in relation)
                counted = con.execute(f'select count(*) from "{schema}"."{table}"').fetchone()  # noqa: S608 - quoted
                facts[relation] = TableFacts(int(counted[0]) if counted else 0, tuple(columns[relation]))
    return facts
