"""The lake: typed Parquet, one file per landed blob and table, written once and never added to.

Bytes seen again give no new file, so a redelivery changes nothing. A file is named by what it was read from
(blob, and what was asked), a marker beside it says by which parser and options. Markers are written last: what a
killed run leaves without one is written again, bit-equal, by the next.

Layout: `<lake>/<table>/<source_id>/<stem>.parquet`, markers `<lake>/_read/<source_id>/<stem>.<parse_id>.json`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.adapters import Adapter, Parsed, Reject
from ingest.catalogue import Receipt, to_text
from ingest.config import Source
from ingest.contracts import FETCHES, REJECTS, TABLES, Table
from ingest.errors import UnreadableBody
from ingest.home import naive_utc
from ingest.landing import make_durable, write_atomically

# Receipts per file of the `fetches` table: a closed block is never written again.
FETCH_BLOCK = 10_000
# Readings that share one waiting for the disk; what a kill can cost is reading so many again.
READ_BATCH = 256
READ_BATCH_BYTES = 64 * 1024 * 1024
# Up to here a compressor and a dictionary per column cost more than they save, in bytes as in time.
PLAIN_ROWS = 16
MARKERS = "_read"


def stem(adapter: Adapter, receipt: Receipt) -> str:
    """The name by which the reading of a receipt is known: equal for all receipts that say the same.

    Blob hash, then a short hash of what was asked where that is part of the meaning. Adapters that observe a
    moment (`reads_moments`) get one reading per receipt: the same follower count on two days is two facts.
    """
    parts = [receipt.ask]
    parts += [to_text(w) if w else "" for w in (receipt.window_start_at, receipt.window_end_at)]
    if adapter.reads_moments:
        parts.append(str(receipt.receipt_id))
    name = str(receipt.blob_sha256)[:20]
    if any(parts):
        name += "-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
    return name


def parse_id(adapter: Adapter, source: Source, options: Any) -> str:
    """Which reading this is: adapter, its version, the source's options and the contracts. A change reads again."""
    contract = [[c.name, str(c.type), c.required] for t in adapter.tables for c in TABLES[t].columns]
    asked = [adapter.name, adapter.version, source.source_id, options.model_dump(mode="json"), contract]
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def to_arrow(table: Table, rows: Sequence[Mapping[str, Any]] | pd.DataFrame | pa.Table) -> pa.Table:
    """Rows in the contract's columns and types.

    Raises:
        pa.ArrowInvalid, pa.ArrowTypeError, ValueError: a value does not fit, a required one is null, or a column is
            not in the contract.
    """
    if isinstance(rows, pa.Table):
        names = set(rows.column_names)
        arrays = [
            rows[c.name].cast(c.type) if c.name in names else pa.nulls(rows.num_rows, c.type) for c in table.columns
        ]
    elif isinstance(rows, pd.DataFrame):
        names = set(rows.columns)
        arrays = [
            _array(rows[c.name], c.type) if c.name in names else pa.nulls(len(rows), c.type) for c in table.columns
        ]
    else:
        names = set().union(*(r.keys() for r in rows)) if rows else set()
        arrays = [_array([r.get(c.name) for r in rows], c.type) for c in table.columns]
    unknown = names - {c.name for c in table.columns}
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    for column, array in zip(table.columns, arrays, strict=True):
        if column.required and array.null_count:
            raise ValueError(f"{table.name}.{column.name} is null in {array.null_count} rows")
    # One chunk: how a frame was put together must not show in the file.
    return pa.Table.from_arrays(arrays, schema=table.schema).combine_chunks()


def _array(values: Sequence[Any] | pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Values as an Arrow array, the same for a list as for a frame's column: NaN is null, and 5.7 is no integer."""
    if isinstance(values, list) and pa.types.is_integer(kind) and any(isinstance(v, float) for v in values):
        # From a list Arrow would cut 5.7 to 5 without a word; a cast from float refuses it.
        return pa.array(values, type=pa.float64(), from_pandas=True).cast(kind)
    if isinstance(values, list) and all(v is None for v in values):
        return pa.nulls(len(values), kind)  # most columns of most makes, and much faster
    return pa.array(values, type=kind, from_pandas=True)


def parquet_bytes(rows: pa.Table) -> bytes:
    """The same rows give the same bytes, with the same pyarrow."""
    out = io.BytesIO()
    is_small = rows.num_rows <= PLAIN_ROWS
    pq.write_table(
        rows,
        out,
        compression="none" if is_small else "zstd",
        use_dictionary=not is_small,
        version="2.6",
        store_schema=False,
    )
    return out.getvalue()


@cache
def _contract_bytes(name: str) -> bytes:
    """A table without rows."""
    return parquet_bytes(to_arrow(TABLES[name], []))


@dataclass(frozen=True)
class Way:
    """One blob and how it is read.

    Attributes:
        receipt: the first receipt that brought this reading; its time becomes the recorded time.
        body: the bytes it brought.
    """

    adapter: Adapter
    source: Source
    options: Any
    receipt: Receipt
    body: bytes


class Lake:
    """The lake's files under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Write one empty file per table, so that every table exists and has its types before any row does."""
        for table in TABLES.values():
            path = self.root / table.name / "_contract.parquet"
            body = _contract_bytes(table.name)
            if not path.exists() or path.read_bytes() != body:
                write_atomically(path, body)

    def read_stems(self, source_id: str) -> dict[str, str]:
        """The stems that have been read, each with the parse id it was read by."""
        folder = self.root / MARKERS / source_id
        if not folder.is_dir():
            return {}
        return dict(p.name.removesuffix(".json").rsplit(".", 1) for p in sorted(folder.glob("[!.]*.json")))

    def write_readings(self, work: Iterable[Way]) -> Iterator[dict[str, int]]:
        """Parse blobs and write their rows and rejects, then their markers, a batch at a time.

        The old marker goes first and the new one comes last, with the disk brought up to date in between: no marker
        ever vouches for mixed files, after a power cut or to an older version of the code either. Batches share that
        waiting for the disk, which is most of the time that a small blob takes.

        Yields:
            Row counts per table, `rejects` included, one per reading, before its marker stands.
        """
        for batch in _batches(work):
            self._forget((way.source.source_id, stem(way.adapter, way.receipt)) for way in batch)
            written: list[Path] = []
            markers: list[tuple[Path, bytes]] = []
            ids: dict[tuple[int, int, int], str] = {}  # worked out once; the batch keeps the objects alive
            for way in batch:
                name = stem(way.adapter, way.receipt)
                tables = _tables(way)
                for table_name, rows in tables.items():
                    if rows.num_rows:
                        path = self._file(table_name, way.source.source_id, name)
                        write_atomically(path, parquet_bytes(rows), durable=False)
                        written.append(path)
                counts = {table_name: rows.num_rows for table_name, rows in tables.items()}
                which = (id(way.adapter), id(way.source), id(way.options))
                if which not in ids:
                    ids[which] = parse_id(way.adapter, way.source, way.options)
                reading = ids[which]
                marker = self.root / MARKERS / way.source.source_id / f"{name}.{reading}.json"
                markers.append((marker, json.dumps(counts, sort_keys=True).encode()))
                yield counts
            make_durable(written)
            for marker, body in markers:
                write_atomically(marker, body, durable=False)  # one that is lost is written again by the next run

    def _file(self, table: str, source_id: str, name: str) -> Path:
        return self.root / table / source_id / f"{name}.parquet"

    def forget_readings(self, source_id: str, names: Iterable[str]) -> None:
        """Remove readings: their markers, then their rows in every table."""
        self._forget((source_id, name) for name in names)

    def _forget(self, readings: Iterable[tuple[str, str]]) -> None:
        """Remove markers, then rows; of every table, because an earlier adapter may have written elsewhere."""
        by_source: dict[str, set[str]] = {}
        for source_id, name in readings:
            by_source.setdefault(source_id, set()).add(name)
        for source_id, names in by_source.items():
            folder = self.root / MARKERS / source_id
            # Plain names: a hundred thousand Path objects per batch would be most of the work.
            standing = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
            markers = [
                folder / name
                for name in standing
                if name.endswith(".json") and name.removesuffix(".json").rsplit(".", 1)[0] in names
            ]
            for marker in markers:
                marker.unlink(missing_ok=True)
            make_durable(markers)
            for table in TABLES:
                rows = self.root / table / source_id
                if rows.is_dir():
                    for name in names:
                        with suppress(FileNotFoundError):
                            os.unlink(f"{rows}/{name}.parquet")  # noqa: PTH108

    def write_fetches(self, receipts: Iterable[Receipt]) -> None:
        """Write the receipts as the `fetches` table, in blocks by number."""
        blocks: dict[int, list[Receipt]] = {}
        for receipt in receipts:
            blocks.setdefault(receipt.receipt_id // FETCH_BLOCK, []).append(receipt)
        for block, members in blocks.items():
            rows = [
                {
                    "receipt_id": r.receipt_id,
                    "source_id": r.source_id,
                    "how": r.how,
                    "received_at": naive_utc(r.received_at),
                    "status": r.status,
                    "origin": r.origin,
                    "ask": r.ask,
                    "window_start_at": naive_utc(r.window_start_at) if r.window_start_at else None,
                    "window_end_at": naive_utc(r.window_end_at) if r.window_end_at else None,
                    "is_complete": r.is_complete,
                    "http_status": r.http_status,
                    "blob_sha256": r.blob_sha256,
                    "byte_count": r.byte_count,
                    "error": r.error,
                }
                for r in members
            ]
            path = self.root / FETCHES.name / f"block-{block:06d}.parquet"
            body = parquet_bytes(to_arrow(FETCHES, rows))
            if not path.exists() or path.read_bytes() != body:
                write_atomically(path, body)

    def forget_unknown(self, source_ids: set[str]) -> list[str]:
        """Remove the readings of sources that the configuration no longer has; landing keeps their bytes.

        Returns:
            The ids that were forgotten.
        """
        gone: set[str] = set()
        for table in (*TABLES, MARKERS):
            for folder in (self.root / table).glob("*/"):
                if folder.name not in source_ids:
                    gone.add(folder.name)
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()
        return sorted(gone)


def _batches(work: Iterable[Way]) -> Iterator[list[Way]]:
    """Work in batches that are bounded in number and in bytes held at once."""
    batch: list[Way] = []
    held = 0
    for way in work:
        batch.append(way)
        held += len(way.body)
        if len(batch) == READ_BATCH or held > READ_BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _tables(way: Way) -> dict[str, pa.Table]:
    """A blob's rows and rejects as typed tables."""
    receipt = way.receipt
    lineage = {
        "source_id": way.source.source_id,
        "receipt_id": receipt.receipt_id,
        "received_at": naive_utc(receipt.received_at),
        "blob_sha256": receipt.blob_sha256,
        "parser": f"{way.adapter.name}@{way.adapter.version}",
    }
    parsed = read(way.adapter, way.source, way.options, receipt, way.body)
    tables, rejects = _typed(way.adapter, parsed, lineage)
    tables[REJECTS.name] = rejects
    return tables


def read(adapter: Adapter, source: Source, options: Any, receipt: Receipt, body: bytes) -> Parsed:
    """Parse one blob; whatever goes wrong becomes a reject, because one blob must never cost its neighbours."""
    try:
        return adapter.parse(body, receipt, source, options)
    except UnreadableBody as error:
        reject = Reject(
            pointer="(whole file)",
            reason=error.reason,
            message=str(error.args[0]).removesuffix(error.next_action).strip(),
            next_action=error.next_action or "Ask for the file again.",
            scope="blob",
        )
    except Exception as error:  # noqa: BLE001 - a parser's bug is reported as one, not passed on to the run
        # Only the kind of error: its text may quote the record, and a record may hold a name.
        reject = Reject(
            pointer="(whole file)",
            reason="parser_fault",
            message=f"the parser {adapter.name} failed with {type(error).__name__}",
            next_action="Report this as a fault of the parser, with the blob's hash; the bytes are kept.",
            scope="blob",
        )
    return Parsed(rejects=[reject])


def _typed(adapter: Adapter, parsed: Parsed, lineage: dict[str, Any]) -> tuple[dict[str, pa.Table], pa.Table]:
    """Rows and rejects as Arrow tables; rows that break their contract become one reject for the blob."""
    tables: dict[str, pa.Table] = {}
    try:
        for name in adapter.tables:
            tables[name] = to_arrow(TABLES[name], _traced(parsed.rows.get(name, []), lineage))
        stray = set(parsed.rows) - set(adapter.tables)
        if stray:
            raise ValueError(f"{adapter.name} wrote to tables it did not announce: {sorted(stray)}")
    except Exception as error:  # noqa: BLE001 - rows can be wrong in more ways than Arrow has names for
        tables = {name: to_arrow(TABLES[name], []) for name in adapter.tables}
        broken = [_contract_broken(adapter, "rows", error)]
    else:
        broken = []
    try:
        return tables, _reject_table([*parsed.rejects, *broken], lineage)
    except Exception as error:  # noqa: BLE001 - a reject that is itself malformed is a fault of the parser, too
        return tables, _reject_table([_contract_broken(adapter, "rejects", error), *broken], lineage)


def _traced(
    rows: Sequence[Mapping[str, Any]] | pd.DataFrame | pa.Table, lineage: dict[str, Any]
) -> Sequence[Mapping[str, Any]] | pd.DataFrame | pa.Table:
    """Rows with where they came from, whatever form they are in."""
    if isinstance(rows, pa.Table):
        rows = rows.drop_columns([name for name in lineage if name in rows.column_names])
        for name, value in lineage.items():
            rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
        return rows
    return rows.assign(**lineage) if isinstance(rows, pd.DataFrame) else [{**r, **lineage} for r in rows]


def _contract_broken(adapter: Adapter, what: str, error: Exception) -> Reject:
    return Reject(
        pointer="(whole file)",
        reason="contract_broken",
        message=f"the {what} of {adapter.name} do not fit the lake's contract ({type(error).__name__})",
        next_action="Report this as a fault of the parser, with the blob's hash; the bytes are kept.",
        scope="blob",
    )


def _reject_table(rejects: Sequence[Reject], lineage: dict[str, Any]) -> pa.Table:
    rows = [
        {
            "scope": r.scope,
            "reason": r.reason,
            "message": r.message,
            "next_action": r.next_action,
            "pointer": r.pointer,
            **lineage,
        }
        for r in rejects
    ]
    return to_arrow(REJECTS, rows)
