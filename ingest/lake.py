"""The lake: typed Parquet, each source's readings in the order of their receipts, in parts of a bounded size.

A part begins with a receipt and grows until it holds `PART_ROWS` rows or `PART_READINGS` readings; then the next one
begins. Where parts begin and what stands in them follows from the receipts alone, not from how many runs read them, so
the same landing gives the same files, bit by bit. An open part is replaced by a longer one, whole: a reader sees the
old file or the new one. Bytes seen again are no new reading, so a redelivery changes nothing.

How far a source is read stands beside the parts and is written last: what a killed run wrote beyond that is taken out
again and written anew by the next. With it, the cost of a run is that of what is new.

Layout: `<lake>/<table>/<source_id>/part-<number of its first receipt>.parquet`, and
`<lake>/_read/<source_id>/progress.json`.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.adapters import Adapter, Parsed, Reject
from ingest.catalogue import Catalogue, Receipt, to_text
from ingest.config import Source
from ingest.contracts import FETCHES, REJECTS, TABLES, Table
from ingest.errors import TransientFailure, UnreadableBody
from ingest.home import naive_utc
from ingest.landing import fsync_directory, make_durable, write_atomically

# Receipts per file of the `fetches` table: a closed block is never written again.
FETCH_BLOCK = 10_000
# Rows, or readings, after which a part is closed: a new post costs at most so much writing, and a year of posts a
# minute from 14 devices is some 500 files of a table.
PART_ROWS = 50_000
PART_READINGS = 10_000
# Readings that share one waiting for the disk; what a kill can cost is reading so many again.
READ_BATCH = 2048
# Up to here a compressor and a dictionary per column cost more than they save, in bytes as in time.
PLAIN_ROWS = 16
READ = "_read"
PROGRESS = "progress.json"


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
    contract = [
        [t, c.name, str(c.type), c.required] for t in (*adapter.tables, REJECTS.name) for c in TABLES[t].columns
    ]
    asked = [
        adapter.name,
        adapter.version,
        adapter.reads_moments,
        source.source_id,
        options.model_dump(mode="json"),
        contract,
    ]
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def to_arrow(
    table: Table, rows: Sequence[Mapping[str, Any]] | pd.DataFrame | pa.Table, *, strict: bool = False
) -> pa.Table:
    """Rows in the contract's columns and types.

    Args:
        strict: refuse a float in a column of whole numbers, which makes floats of its neighbours on the way.

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
        told = _columns(rows)
        names = set(told)
        arrays = [
            _array(told[c.name], c.type, strict=strict) if c.name in told else pa.nulls(len(rows), c.type)
            for c in table.columns
        ]
    unknown = names - {c.name for c in table.columns}
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    for column, array in zip(table.columns, arrays, strict=True):
        if column.required and array.null_count:
            raise ValueError(f"{table.name}.{column.name} is null in {array.null_count} rows")
    # One chunk: how a frame was put together must not show in the file.
    return pa.Table.from_arrays(arrays, schema=table.schema).combine_chunks()


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Values by column; None where a row does not have it. Rows mostly have the same keys, and are turned at once."""
    shapes = set(map(tuple, rows))
    if len(shapes) == 1:
        names = shapes.pop()
        return dict(zip(names, map(list, zip(*(r.values() for r in rows), strict=True)), strict=True))
    return {name: [r.get(name) for r in rows] for name in sorted(set().union(*shapes))}


def _array(values: Sequence[Any] | pd.Series, kind: pa.DataType, *, strict: bool = False) -> pa.Array | pa.ChunkedArray:
    """Values as an Arrow array, the same for a list as for a frame's column: NaN is null, and 5.7 is no integer."""
    if (
        isinstance(values, list)
        and pa.types.is_integer(kind)
        and any(issubclass(t, float) for t in set(map(type, values)))
    ):
        if strict:
            raise ValueError("a float among whole numbers")
        # From a list Arrow would cut 5.7 to 5 without a word; a cast from float refuses it.
        return pa.array(values, type=pa.float64(), from_pandas=True).cast(kind)
    if isinstance(values, list) and values.count(None) == len(values):
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
        body: the bytes it brought; None where landing could not give them: the reading stays lacking.
    """

    adapter: Adapter
    source: Source
    options: Any
    receipt: Receipt
    body: bytes | None


@dataclass(frozen=True)
class Progress:
    """How far a source is read.

    Attributes:
        reading: by which parser, options and contracts (`parse_id`).
        read_up_to: every receipt of the source up to this number is read, or is in `lacking`.
        seal: of that receipt. Another catalogue, restored from a backup, may give the number to another arrival.
        lacking: numbers of receipts whose bytes could not be read yet.
        part: the number that the open part begins with; 0 when none is open.
        part_readings, part_rows: how full it is.
    """

    reading: str
    read_up_to: int = 0
    seal: str = ""
    lacking: tuple[int, ...] = ()
    part: int = 0
    part_readings: int = 0
    part_rows: int = 0

    def passing(self, receipt: Receipt) -> Progress:
        """The same, read up to a later receipt."""
        return replace(self, read_up_to=receipt.receipt_id, seal=seal(receipt))


def seal(receipt: Receipt) -> str:
    """What tells a receipt from another one of the same number."""
    said = [receipt.receipt_id, receipt.source_id, to_text(receipt.received_at), receipt.status, receipt.blob_sha256]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


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

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who writes readings. The kernel lets go of it when its holder dies."""
        path = self.root / READ / ".lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def progress(self, source_id: str) -> Progress | None:
        """How far a source is read; None when it must be read from the start."""
        try:
            told = json.loads(self._progress_file(source_id).read_bytes())
            return Progress(**{**told, "lacking": tuple(told["lacking"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write_progress(self, source_id: str, progress: Progress) -> None:
        """Tell how far a source is read, once its rows are on disk."""
        body = json.dumps(asdict(progress), sort_keys=True).encode()
        path = self._progress_file(source_id)
        if not path.exists() or path.read_bytes() != body:
            write_atomically(path, body)

    def progresses(self) -> list[tuple[str, str]]:
        """All sources that were read, each with its progress as text."""
        return [(p.parent.name, p.read_text()) for p in sorted((self.root / READ).glob(f"*/{PROGRESS}"))]

    def write_readings(
        self, work: Iterable[Way], unread: Callable[[Way, TransientFailure], None] | None = None
    ) -> Iterator[dict[str, int]]:
        """Parse blobs and write their rows and rejects, then how far that goes, a batch at a time.

        The ways of a source follow each other, by the number of their receipts. A way whose receipt is passed already
        takes the place of what is there of it. A source that was read in another way is forgotten first: no progress
        ever vouches for mixed rows, after a power cut or to an older version of the code either.

        Args:
            unread: is told of what a machine in trouble could not read now; it stays lacking. Without it, the
                failure is raised.

        Yields:
            Row counts per table, `rejects` included, one per way; nothing for one that stays lacking.
        """
        for _, ways in itertools.groupby(work, key=lambda way: way.source.source_id):
            first = next(ways)
            parts = _Parts(self, first)
            batch = _Batch()
            for way in itertools.chain([first], ways):
                batch.take(way, unread)
                if batch.is_full(parts.room):
                    yield from parts.write(batch)
                    batch = _Batch()
            yield from parts.write(batch)

    def part(self, table: str, source_id: str, number: int) -> Path:
        """The part that begins with a receipt."""
        return self.root / table / source_id / f"part-{number:012d}.parquet"

    def parts(self, table: str, source_id: str) -> list[int]:
        """The numbers that a source's parts in a table begin with."""
        folder = self.root / table / source_id
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names are all that is wanted
        return sorted(int(name[5:-8]) for name in names if name.startswith("part-") and name.endswith(".parquet"))

    def forget(self, source_id: str) -> None:
        """Remove a source's readings: first how far it was read, then its rows in every table."""
        with suppress(FileNotFoundError):
            self._progress_file(source_id).unlink()
            fsync_directory(self._progress_file(source_id).parent)
        for table in (*TABLES, READ):
            folder = self.root / table / source_id
            for name in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208
                os.unlink(folder / name)  # noqa: PTH108 - of every table: an earlier adapter may have written elsewhere

    def _progress_file(self, source_id: str) -> Path:
        return self.root / READ / source_id / PROGRESS

    def write_fetches(self, catalogue: Catalogue) -> None:
        """Bring the `fetches` table up to the catalogue, in blocks by number; closed blocks are left alone."""
        newest = catalogue.last_id() // FETCH_BLOCK
        for block in range(self._open_fetch_block(catalogue), newest + 1):
            first = block * FETCH_BLOCK
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
                for r in catalogue.receipts(after=first - 1, up_to=first + FETCH_BLOCK - 1)
            ]
            path = self._fetch_block(block)
            body = parquet_bytes(to_arrow(FETCHES, rows))
            if not path.exists() or path.read_bytes() != body:
                write_atomically(path, body)
        for path in (self.root / FETCHES.name).glob("block-*.parquet"):
            if int(path.stem.removeprefix("block-")) > newest:  # of a catalogue that an older one was restored over
                path.unlink()

    def _fetch_block(self, block: int) -> Path:
        return self.root / FETCHES.name / f"block-{block:06d}.parquet"

    def _open_fetch_block(self, catalogue: Catalogue) -> int:
        """The first block that may have to be written: the newest, where it still tells of this catalogue."""
        standing = next(n for n in itertools.count() if not self._fetch_block(n).exists()) - 1
        if standing < 0:
            return 0
        try:
            if pq.read_schema(self._fetch_block(standing)).types != FETCHES.schema.types:
                return 0
            block = pq.read_table(self._fetch_block(standing), partitioning=None)
        except (OSError, pa.ArrowException):
            return 0
        if not block.num_rows:
            return 0
        last = block.slice(block.num_rows - 1).to_pylist()[0]
        known = catalogue.receipt(last["receipt_id"])
        is_same = known is not None and (naive_utc(known.received_at), known.blob_sha256) == (
            last["received_at"],
            last["blob_sha256"],
        )
        return standing if is_same else 0

    def forget_unknown(self, source_ids: set[str]) -> list[str]:
        """Remove the readings of sources that the configuration no longer has; landing keeps their bytes.

        Returns:
            The ids that were forgotten.
        """
        gone: set[str] = set()
        for table in (*TABLES, READ):
            for folder in (self.root / table).glob("*/"):
                if folder.name not in source_ids:
                    gone.add(folder.name)
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()
        return sorted(gone)


class _Batch:
    """Ways that are parsed and not yet written, in the order they came."""

    def __init__(self) -> None:
        self.read: list[tuple[Receipt, bool, Parsed]] = []  # with whether it could be read at all
        self._rows = 0

    def take(self, way: Way, unread: Callable[[Way, TransientFailure], None] | None) -> None:
        """Parse one, or note that it can't be read now."""
        parsed, is_read = Parsed(), way.body is not None
        if way.body is not None:
            try:
                parsed = read(way.adapter, way.source, way.options, way.receipt, way.body)
            except TransientFailure as failure:
                if unread is None:
                    raise
                is_read = False
                unread(way, failure)
            else:
                with suppress(Exception):  # what has no length breaks its contract, and is told so later
                    self._rows += sum(len(rows) for rows in parsed.rows.values()) + len(parsed.rejects)
        self.read.append((way.receipt, is_read, parsed))

    def is_full(self, room: int) -> bool:
        """Whether it should be written: for the disk's sake, or because its rows fill the open part."""
        return len(self.read) >= READ_BATCH or self._rows >= room


class _Parts:
    """One source's parts while they are written."""

    def __init__(self, lake: Lake, first: Way) -> None:
        self._lake, self._adapter, self._source = lake, first.adapter, first.source
        self._tables = (*first.adapter.tables, REJECTS.name)
        reading = parse_id(first.adapter, first.source, first.options)
        progress = lake.progress(first.source.source_id)
        if progress is None or progress.reading != reading:
            lake.forget(first.source.source_id)
            progress = Progress(reading)
        self._progress = progress
        self._written: list[Path] = []
        self._open = self._take_up()

    @property
    def room(self) -> int:
        """Rows until the open part is full."""
        return PART_ROWS - self._progress.part_rows

    def _take_up(self) -> dict[str, pa.Table]:
        """The open part's rows, after what a killed run wrote beyond the progress was taken out."""
        source_id, told = self._source.source_id, self._progress
        for table in TABLES:
            for number in self._lake.parts(table, source_id):
                if number > told.read_up_to:
                    self._lake.part(table, source_id, number).unlink()
        found = {}
        for table in self._tables if told.part else ():
            path = self._lake.part(table, source_id, told.part)
            if path.exists():
                rows = _rows_of(table, path)
                found[table] = rows.filter(pc.less_equal(rows["receipt_id"], told.read_up_to))
                if found[table].num_rows < rows.num_rows:
                    self._put(table, told.part, found[table])
        return found

    def write(self, batch: _Batch) -> Iterator[dict[str, int]]:
        """Write a batch's rows, then the progress. Yields as `Lake.write_readings` does."""
        typed = iter(_typed_together(self._adapter, self._source, [(r, p) for r, is_read, p in batch.read if is_read]))
        counts: list[dict[str, int]] = []
        pieces: dict[str, list[_Rows]] = {}
        told, newest = self._progress, None
        read_up_to, part, part_readings, part_rows = told.read_up_to, told.part, told.part_readings, told.part_rows
        lacking = set(told.lacking)
        for receipt, is_read, _ in batch.read:
            is_late = receipt.receipt_id <= read_up_to
            if not is_late:
                newest, read_up_to = receipt, receipt.receipt_id
            if not is_read:
                lacking.add(receipt.receipt_id)
                counts.append({})
                continue
            lacking.discard(receipt.receipt_id)
            tables = next(typed)
            counts.append({name: rows.count for name, rows in tables.items()})
            if is_late:
                self._close(part, pieces)
                self._insert(receipt.receipt_id, {name: rows.table for name, rows in tables.items()}, part)
                continue
            part = part or receipt.receipt_id
            part_readings += 1
            part_rows += sum(counts[-1].values())
            for name, rows in tables.items():
                if rows.count:
                    pieces.setdefault(name, []).append(rows)
            if part_rows >= PART_ROWS or part_readings >= PART_READINGS:
                self._close(part, pieces)
                self._open = {}
                part, part_readings, part_rows = 0, 0, 0
        self._close(part, pieces)
        make_durable(self._written)
        self._written = []
        told = told if newest is None else told.passing(newest)
        self._progress = replace(
            told, lacking=tuple(sorted(lacking)), part=part, part_readings=part_readings, part_rows=part_rows
        )
        self._lake.write_progress(self._source.source_id, self._progress)
        yield from counts

    def _close(self, part: int, pieces: dict[str, list[_Rows]]) -> None:
        """Write the open part with its new pieces, and keep it for those to come."""
        for table, new in pieces.items():
            standing = [self._open[table]] if table in self._open else []
            self._open[table] = pa.concat_tables([*standing, *_joined(new)])
            self._put(table, part, self._open[table])
        pieces.clear()

    def _insert(self, receipt_id: int, tables: dict[str, pa.Table], open_part: int) -> None:
        """Put a reading that was lacking, or is read again, where it belongs by its number."""
        source_id = self._source.source_id
        begins = {number for table in TABLES for number in self._lake.parts(table, source_id)} | {open_part}
        part = max((n for n in begins if 0 < n <= receipt_id), default=receipt_id)
        for table, rows in tables.items():
            path = self._lake.part(table, source_id, part)
            standing = _rows_of(table, path) if path.exists() else rows.slice(0, 0)
            kept = standing.filter(pc.not_equal(standing["receipt_id"], receipt_id))
            if kept.num_rows < standing.num_rows or rows.num_rows:
                order = pc.less(kept["receipt_id"], receipt_id)
                merged = pa.concat_tables([kept.filter(order), rows, kept.filter(pc.invert(order))])
                self._put(table, part, merged)
                if part == open_part:
                    self._open[table] = merged

    def _put(self, table: str, part: int, rows: pa.Table) -> None:
        path = self._lake.part(table, self._source.source_id, part)
        if rows.num_rows:
            # One chunk: how the part was put together must not show in the file.
            write_atomically(path, parquet_bytes(rows.combine_chunks()), durable=False)
        else:
            path.unlink(missing_ok=True)
        self._written.append(path)


@dataclass(frozen=True)
class _Rows:
    """The rows of one reading inside a table that holds those of many."""

    whole: pa.Table
    begin: int
    count: int

    @property
    def table(self) -> pa.Table:
        return self.whole.slice(self.begin, self.count)


def _joined(pieces: list[_Rows]) -> list[pa.Table]:
    """The rows of readings that follow each other in one table at once: to slice and join each alone takes longer."""
    spans: list[_Rows] = []
    for piece in pieces:
        last = spans[-1] if spans else None
        if last is not None and last.whole is piece.whole and last.begin + last.count == piece.begin:
            spans[-1] = _Rows(last.whole, last.begin, last.count + piece.count)
        else:
            spans.append(piece)
    return [span.table for span in spans]


def _rows_of(table: str, path: Path) -> pa.Table:
    return pq.read_table(path, partitioning=None).cast(TABLES[table].schema)


def _lineage(adapter: Adapter, source: Source, receipt: Receipt) -> dict[str, Any]:
    return {
        "source_id": source.source_id,
        "receipt_id": receipt.receipt_id,
        "received_at": naive_utc(receipt.received_at),
        "blob_sha256": receipt.blob_sha256,
        "parser": f"{adapter.name}@{adapter.version}",
    }


def _typed_together(
    adapter: Adapter, source: Source, readings: Sequence[tuple[Receipt, Parsed]]
) -> list[dict[str, _Rows]]:
    """Typed rows per reading, `rejects` included: the same as one by one, some ten times faster for small ones.

    Where readings can't be typed together, halves of them are: one that breaks its contract costs itself.
    """
    if len(readings) < 2:
        alone = [_typed_alone(adapter, source, *reading) for reading in readings]
        return [{name: _Rows(rows, 0, rows.num_rows) for name, rows in tables.items()} for tables in alone]
    names = (*adapter.tables, REJECTS.name)
    rows: dict[str, list[Any]] = {name: [] for name in names}
    ends: list[dict[str, int]] = []
    try:
        for receipt, parsed in readings:
            if parsed.rows.keys() - set(adapter.tables) or not all(type(r) is list for r in parsed.rows.values()):
                raise ValueError("not lists of rows in the tables that were announced")
            lineage = _lineage(adapter, source, receipt)
            for name, told in parsed.rows.items():
                rows[name].extend(_traced(told, lineage))
            rows[REJECTS.name] += _reject_rows(parsed.rejects, lineage)
            ends.append({name: len(rows[name]) for name in names})
        whole = {name: to_arrow(TABLES[name], rows[name], strict=True) for name in names}
    except Exception:  # noqa: BLE001 - which of them it was, and how it is told, the halves find out
        middle = len(readings) // 2
        halves = (readings[:middle], readings[middle:])
        return [typed for half in halves for typed in _typed_together(adapter, source, half)]
    begins = [dict.fromkeys(names, 0), *ends]
    return [
        {name: _Rows(whole[name], begin[name], end[name] - begin[name]) for name in names}
        for begin, end in zip(begins, ends, strict=False)
    ]


def _typed_alone(adapter: Adapter, source: Source, receipt: Receipt, parsed: Parsed) -> dict[str, pa.Table]:
    tables, rejects = _typed(adapter, parsed, _lineage(adapter, source, receipt))
    return {**tables, REJECTS.name: rejects}


def _tables(way: Way) -> dict[str, pa.Table]:
    """A blob's rows and rejects as typed tables."""
    parsed = read(way.adapter, way.source, way.options, way.receipt, way.body or b"")
    return _typed_alone(way.adapter, way.source, way.receipt, parsed)


def read(adapter: Adapter, source: Source, options: Any, receipt: Receipt, body: bytes) -> Parsed:
    """Parse one blob; whatever goes wrong with it becomes a reject, because one blob must never cost its neighbours.

    Raises:
        TransientFailure: this machine can't read it now (no process could be started, say). That says nothing about
            the bytes: another try may succeed, and no reject may tell otherwise.
    """
    try:
        return adapter.parse(body, receipt, source, options)
    except TransientFailure:
        raise
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
    return to_arrow(REJECTS, _reject_rows(rejects, lineage))


def _reject_rows(rejects: Sequence[Reject], lineage: dict[str, Any]) -> list[dict[str, Any]]:
    return [
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
