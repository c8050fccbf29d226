"""Publishing: the checked tables leave the private build file as one immutable version, swapped in at one instant.

What belongs here: copying, verifying, swapping, healing. What does not: judging the tables (`expectations`), and
changing them: the build file is opened read-only.

    published/
      levende.duckdb  -> current/levende.duckdb
      parquet         -> current/parquet
      MANIFEST.json   -> current/MANIFEST.json
      current         -> versions/000007-<data version>
      versions/000006-…/  versions/000007-…/   levende.duckdb, parquet/<schema>/<table>.parquet, MANIFEST.json

A version is built in `versions/.staging`, synced, verified, renamed, and becomes visible by one rename of the link
`current`. That single rename is why database, Parquet and manifest can't disagree, whenever the power goes: before
it all three names lead to the old version, after it all three lead to the new one. A file that somebody has open
stays readable after its version was removed. The version before the current one is kept for readers that are between
the manifest and the files; anything else is removed by the next publication.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from publishing import manifest
from publishing.errors import PublishError
from publishing.manifest import Manifest, ManifestInputs
from publishing.reader import CURRENT, DATABASE, LOCKED

SCHEMAS = ("core", "kpi")
# What the commands `figures` and `explain` read. A build without them is not a whole build.
REQUIRED = (
    "core.bridge_branch_area",
    "core.bridge_figure_input",
    "core.dim_area",
    "core.dim_branch",
    "core.dim_figure",
    "kpi.figures",
    "kpi.yearly_growth",
)
# DuckDB 1.5 and 2 read it; the default of DuckDB 2 is unreadable for the 1.5 drivers that BI tools carry.
STORAGE_VERSION = "v1.5.0"
# The number that the file's header holds for that version, 12 bytes in, after the checksum and the magic bytes.
STORAGE_NUMBER = 68
PUBLICATION = "core.publication"
VERSIONS = "versions"
STAGING = ".staging"
PARQUET = "parquet"
LINKS = {
    DATABASE: f"{CURRENT}/{DATABASE}",
    PARQUET: f"{CURRENT}/{PARQUET}",
    manifest.NAME: f"{CURRENT}/{manifest.NAME}",
}


@dataclass(frozen=True)
class Published:
    """A version that readers now see."""

    folder: Path
    database: Path
    manifest: Manifest


def publish(build: Path, out_dir: Path, inputs: ManifestInputs) -> Published:
    """Copy the schemas `core` and `kpi` of the build file into a new version under `out_dir`, and swap it in.

    Equal tables give equal Parquet bytes: rows are ordered by all columns, written by one thread.

    Args:
        build: the warehouse's private file; no process may be writing it.
        out_dir: the published folder; created when missing. Needs a file system with symbolic links.
        inputs: what the manifest must say. A failed check of severity `error` refuses the publication.

    Raises:
        PublishError: nothing was published, and the last good version still is. The message ends with what to do.
    """
    blocking = [check.name for check in inputs.checks if check.blocks]
    if blocking:
        raise PublishError(
            f"{len(blocking)} blocking check(s) failed: {', '.join(sorted(blocking))}; nothing was published.",
            next_action="Mend what the checks name, then run again; the last good version stays.",
        )
    if not build.is_file():
        raise PublishError(f"there is no warehouse file {build}.", next_action="Run `levende run` to build it.")
    manifest.utc_text(inputs.published_at)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with _alone(out_dir):
            return _publish(build, out_dir, inputs)
    except OSError as error:
        raise PublishError(
            f"publishing to {out_dir} failed ({error}).",
            next_action="Check space and permissions of the folder, then publish again; the last good version stays.",
        ) from error


def _publish(build: Path, out_dir: Path, inputs: ManifestInputs) -> Published:
    versions = out_dir / VERSIONS
    versions.mkdir(exist_ok=True)
    before = _current(out_dir)
    _heal(out_dir, keep=_kept(versions, before))
    staging = versions / STAGING
    staging.mkdir()
    try:
        database = staging / DATABASE
        data_version, as_of = _identity(build, inputs)
        counts = _copy(build, database, inputs, data_version, as_of)
        _write_parquet(database, staging / PARQUET, sorted(counts))
        _verify(database, staging / PARQUET, counts)
        version = f"{_next_number(versions):06d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', data_version)[:80]}"
        facts = Manifest(
            version=version,
            data_version=data_version,
            as_of=manifest.utc_text(as_of),
            published_at=manifest.utc_text(inputs.published_at),
            code_version=inputs.code_version,
            config_hash=inputs.config_hash,
            is_simulated=inputs.is_simulated,
            storage_version=STORAGE_VERSION,
            checks=tuple(sorted(inputs.checks, key=lambda check: check.name)),
            tables={name: {"rows": counts[name], "parquet": _parquet_name(name)} for name in sorted(counts)},
            files={
                str(path.relative_to(staging)): {"sha256": manifest.sha256_of(path), "bytes": path.stat().st_size}
                for path in sorted(staging.rglob("*"))
                if path.is_file()
            },
        )
        (staging / manifest.NAME).write_text(facts.to_json(), encoding="utf-8")
        _seal(staging)
        target = versions / version
        staging.rename(target)
        _fsync(versions)
    except duckdb.Error as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise PublishError(
            f"the build {build} can't be published ({error}).",
            next_action="Wait for the run that writes it to end, or build again with `levende run`; "
            "the last good version stays.",
        ) from error
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _link_stable_names(out_dir)
    _point(out_dir / CURRENT, f"{VERSIONS}/{version}")  # the one instant at which the new version becomes the one
    _fsync(out_dir)
    _heal(out_dir, keep={version} | ({before} if before else set()))
    return Published(target, out_dir / DATABASE, facts)


# --- making a version ---------------------------------------------------------------------------------------------


def _identity(build: Path, inputs: ManifestInputs) -> tuple[str, datetime]:
    """Data version (one) and as-of (UTC) of the figures, which the manifest must repeat and never contradict."""
    with _reading(build) as con:
        known = {
            f"{schema}.{table}"
            for schema, table in con.execute(
                "select distinct schema_name, table_name from duckdb_columns() "
                "where database_name = ? and not internal",
                [_catalog(build)],
            ).fetchall()
        }
        missing = [name for name in REQUIRED if name not in known]
        if missing:
            raise PublishError(
                f"the build {build} lacks {', '.join(missing)}.",
                next_action="Build all models with `levende run`, then publish again; the last good version stays.",
            )
        if PUBLICATION in known:
            raise PublishError(
                f"the build {build} has a table {PUBLICATION}, a name that publishing writes itself.",
                next_action="Rename that model.",
            )
        figures = f"{_quoted(_catalog(build))}.kpi.figures"
        found = con.execute(f"select data_version, max(as_of) from {figures} group by all order by all").fetchall()  # noqa: S608
    if not found:
        raise PublishError(
            "kpi.figures is empty.",
            next_action="Look at the last run's ingest and dbt steps; the last good version stays.",
        )
    said = [str(row[0]) for row in found]
    if len(said) > 1 or (inputs.data_version is not None and said != [inputs.data_version]):
        raise PublishError(
            f"kpi.figures is of data version {', '.join(said)}, "
            f"the publication of {inputs.data_version or 'one only'}.",
            next_action="Build all figures in one run with `levende run`; the last good version stays.",
        )
    as_of = inputs.as_of or found[0][1]
    if not isinstance(as_of, datetime):
        raise PublishError("kpi.figures.as_of is empty.", next_action="Pass as_of, or fill it in the model.")
    return said[0], as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def _copy(build: Path, database: Path, inputs: ManifestInputs, data_version: str, as_of: datetime) -> dict[str, int]:
    """Write the tables, comments and NOT NULLs of both schemas; row counts of the build, per `schema.table`.

    Views become tables: a published file must answer without the schemas that stay private.
    """
    source = _catalog(build)
    with _reading(build) as con:
        con.execute(f"attach {_literal(str(database))} as levende_target (storage_version '{STORAGE_VERSION}')")
        relations = con.execute(
            """
            select schema_name, table_name, comment from duckdb_tables()
            where database_name = ? and not internal
            union all
            select schema_name, view_name, comment from duckdb_views()
            where database_name = ? and not internal
            order by all
            """,
            [source, source],
        ).fetchall()
        columns = con.execute(
            "select schema_name, table_name, column_name, comment, is_nullable from duckdb_columns() "
            "where database_name = ? and not internal order by schema_name, table_name, column_index",
            [source],
        ).fetchall()
        counts: dict[str, int] = {}
        for schema in SCHEMAS:
            con.execute(f"create schema levende_target.{schema}")
        for schema, table, comment in relations:
            if schema not in SCHEMAS:
                continue
            old = f"{_quoted(source)}.{_quoted(schema)}.{_quoted(table)}"
            new = f"levende_target.{_quoted(schema)}.{_quoted(table)}"
            con.execute(f"create table {new} as select * from {old} order by all nulls last")  # noqa: S608
            counts[f"{schema}.{table}"] = _one(con, f"select count(*) from {old}")  # noqa: S608
            for column_schema, column_table, column, _, is_nullable in columns:
                if (column_schema, column_table, is_nullable) == (schema, table, False):
                    con.execute(f"alter table {new} alter column {_quoted(column)} set not null")
            con.execute(f"comment on table {new} is {_literal(comment)}")
            for column_schema, column_table, column, text, _ in columns:
                if (column_schema, column_table) == (schema, table) and text is not None:
                    con.execute(f"comment on column {new}.{_quoted(column)} is {_literal(text)}")
        _write_publication(con, inputs, data_version, as_of)
        counts[PUBLICATION] = 1
        con.execute("checkpoint levende_target")
        con.execute("detach levende_target")
    return counts


def _write_publication(
    con: duckdb.DuckDBPyConnection, inputs: ManifestInputs, data_version: str, as_of: datetime
) -> None:
    """What the manifest says, for those who see only tables: a chart must be able to say that its data are invented."""
    table = f"levende_target.{PUBLICATION}"
    con.execute(
        f"create table {table} (data_version varchar not null, as_of timestamp not null, "
        "published_at timestamp not null, is_simulated boolean not null, code_version varchar, config_hash varchar)"
    )
    moments = [moment.astimezone(UTC).replace(tzinfo=None) for moment in (as_of, inputs.published_at)]
    con.execute(
        f"insert into {table} values (?, ?, ?, ?, ?, ?)",  # noqa: S608
        [data_version, *moments, inputs.is_simulated, inputs.code_version, inputs.config_hash],
    )
    con.execute(f"comment on table {table} is 'One row: which publication this file is.'")
    for column, text in (
        ("data_version", "Version of the data; the same in kpi.figures."),
        ("as_of", "The figures are told as known at this moment, UTC."),
        ("published_at", "When this file was published, UTC."),
        ("is_simulated", "True when the library is an invented one: say so beside every number."),
        ("code_version", "Version of the code that built the tables."),
        ("config_hash", "Hash of the library description that the tables were built with."),
    ):
        con.execute(f"comment on column {table}.{column} is {_literal(text)}")


def _parquet_name(table: str) -> str:
    return f"{PARQUET}/{table.replace('.', '/', 1)}.parquet"


def _write_parquet(database: Path, folder: Path, tables: Sequence[str]) -> None:
    # One thread: with several the row groups, and with them the bytes, may fall differently.
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as con:
        for name in tables:
            schema, table = name.split(".", 1)
            path = folder / schema / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            con.execute(
                f"copy (select * from {_quoted(schema)}.{_quoted(table)} order by all nulls last) "  # noqa: S608
                f"to {_literal(str(path))} (format parquet, compression zstd)"
            )


def _verify(database: Path, parquet: Path, counts: dict[str, int]) -> None:
    """Open the new files as a reader would, before any reader can.

    Raises:
        PublishError: the file is of another storage version, a count differs, or there are no figures.
    """
    faults = []
    number = storage_number(database)
    if number != STORAGE_NUMBER:
        faults.append(f"storage version number {number} instead of {STORAGE_NUMBER} ({STORAGE_VERSION})")
    if database.with_name(database.name + ".wal").exists():
        faults.append("a write-ahead log was left beside it")
    with duckdb.connect(str(database), read_only=True, config=LOCKED) as con:
        for name, expected in sorted(counts.items()):
            schema, table = name.split(".", 1)
            found = _one(con, f"select count(*) from {_quoted(schema)}.{_quoted(table)}")  # noqa: S608
            if found != expected:
                faults.append(f"{name} has {found} rows instead of {expected}")
            in_parquet = pq.read_metadata(parquet / schema / f"{table}.parquet").num_rows
            if in_parquet != expected:
                faults.append(f"{name}.parquet has {in_parquet} rows instead of {expected}")
    if not counts.get("kpi.figures"):
        faults.append("kpi.figures is empty")
    if faults:
        raise PublishError(
            f"the copy does not hold: {'; '.join(faults)}.",
            next_action="Publish again; if it happens twice, check disk and memory. The last good version stays.",
        )


def storage_number(database: Path) -> int:
    """The storage version number in a DuckDB file's header: 68 is v1.5.0, 999 the default of DuckDB 2.

    Raises:
        PublishError: the file is no DuckDB database.
    """
    with database.open("rb") as file:
        header = file.read(20)
    if header[8:12] != b"DUCK":
        raise PublishError(f"{database} is no DuckDB database.", next_action="Publish again: `levende run`.")
    return int.from_bytes(header[12:20], "little")


# --- swapping and healing -----------------------------------------------------------------------------------------


@contextmanager
def _alone(out_dir: Path) -> Iterator[None]:
    """One publication at a time per folder. The lock dies with its process; no reader ever takes it."""
    with (out_dir / ".publish.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublishError(
                f"another process is publishing to {out_dir}.", next_action="Wait for it to end, then publish again."
            ) from None
        yield


def _current(out_dir: Path) -> str | None:
    """The version that readers see, or None before the first."""
    link = out_dir / CURRENT
    return link.readlink().name if link.is_symlink() and link.exists() else None


def _number(version: str) -> int:
    head = version.split("-", 1)[0]
    return int(head) if head.isdigit() else -1


def _next_number(versions: Path) -> int:
    return 1 + max([0, *(_number(path.name) for path in versions.iterdir())])


def _kept(versions: Path, current: str | None) -> set[str]:
    """The current version and the one before it. A higher number than the current's was never swapped in."""
    if current is None:
        return set()
    older = [p.name for p in versions.iterdir() if 0 <= _number(p.name) < _number(current)]
    return {current, *sorted(older, key=_number)[-1:]}


def _heal(out_dir: Path, keep: set[str]) -> None:
    """Remove what killed publications and earlier versions left. Called with the lock held."""
    versions = out_dir / VERSIONS
    for path in versions.iterdir():
        if path.name in keep:
            continue
        if path.is_dir() and not path.name.startswith("."):
            # Renamed first, so that a kill half-way leaves nothing that looks like a whole version.
            trash = path.with_name(f".trash-{path.name}")
            path.rename(trash)
            path = trash
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name in (CURRENT, *LINKS):
        (out_dir / f".{name}.new").unlink(missing_ok=True)


def _link_stable_names(out_dir: Path) -> None:
    """The names that people know. They lead through `current`, so they are made once and never touched again."""
    for name, target in LINKS.items():
        link = out_dir / name
        if not link.is_symlink() or str(link.readlink()) != target:
            _point(link, target)


def _point(link: Path, target: str) -> None:
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _seal(folder: Path) -> None:
    """Make every file read-only and durable, then the folders that name them."""
    folders = [folder]
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            folders.append(path)
        else:
            path.chmod(0o444)
            _fsync(path)
    for path in reversed(folders):
        _fsync(path)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- SQL ----------------------------------------------------------------------------------------------------------


@contextmanager
def _reading(build: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in memory that sees the build file read-only, under the name that its own views know it by."""
    with duckdb.connect() as con:
        con.execute("set autoinstall_known_extensions = false")
        con.execute(f"attach {_literal(str(build))} as {_quoted(_catalog(build))} (read_only)")
        yield con


def _catalog(build: Path) -> str:
    return build.stem


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _literal(text: str | None) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
