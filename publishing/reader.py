"""Opening what is published: one version, whole, with the database locked down.

Everything that reads `published/` goes through here, so that the database, the Parquet files and the manifest that
one answer is made of are always of one version, also while the next one is being swapped in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from publishing import manifest
from publishing.errors import NothingPublished, PublishError
from publishing.manifest import Manifest

DATABASE = "levende.duckdb"
CURRENT = "current"
# Read-only alone still lets a query read and write the server's files; see docs/bi.md.
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "memory_limit": "2GB",
    "threads": "1",
}


@dataclass(frozen=True)
class Snapshot:
    """One published version, open for reading."""

    folder: Path
    manifest: Manifest
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer as one mapping per row."""
        cursor = self.connection.execute(sql, parameters or [])
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def open_snapshot(published: Path) -> Iterator[Snapshot]:
    """The current version under `published`, until the block ends.

    Raises:
        NothingPublished: there is none.
        PublishError: it can't be read.
    """
    folder, facts, connection = _open(published)
    try:
        yield Snapshot(folder, facts, connection)
    finally:
        connection.close()


def _open(published: Path) -> tuple[Path, Manifest, duckdb.DuckDBPyConnection]:
    # The version is kept through one more publication; only a reader that slept through two must look again.
    for _ in range(5):
        current = published / CURRENT
        folder = current.resolve() if current.is_symlink() else published
        try:
            facts = manifest.read(folder / manifest.NAME)
            database = folder / DATABASE
            if not database.is_file():
                raise NothingPublished(
                    f"{database} is missing.", next_action="Run `levende run` to publish a new version."
                )
            return folder, facts, duckdb.connect(str(database), read_only=True, config=LOCKED)
        except NothingPublished:
            if folder.exists() or not current.is_symlink():
                raise
        except duckdb.Error as error:
            if folder.exists():
                raise PublishError(
                    f"{folder / DATABASE} can't be opened ({error}).",
                    next_action="Publish again: `levende run`.",
                ) from error
    raise NothingPublished(f"nothing is published at {published}.", next_action="Run `levende run`.")
