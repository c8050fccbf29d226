"""The catalogue of receipts: one row per arrival, in the order in which the arrivals became known.

What belongs here: receipts and the questions asked of them, and where blobs lie in segments. What does not: what the
bytes mean.

The order is the point. A reader that has seen every receipt up to number n may rely on never missing one: a
number is taken from a counter row inside the same transaction that inserts the receipt, and that row stays
locked until the commit. So numbers become visible in order, on SQLite (one writer at a time) as on Postgres
(where a plain sequence would let a late commit appear behind a reader's cursor).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from ingest.errors import TransientFailure
from ingest.landing import Place, make_directory

_metadata = sa.MetaData()

# SQLite gives integers an automatic key only for INTEGER; Postgres needs the wide type.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_counter = sa.Table(
    "receipt_counter",
    _metadata,
    sa.Column("counter_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last_receipt_id", _BIG, nullable=False),
)

_receipts = sa.Table(
    "receipts",
    _metadata,
    sa.Column("receipt_id", _BIG, primary_key=True, autoincrement=False),
    sa.Column("source_id", sa.Text, nullable=False, index=True),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("received_at", sa.Text, nullable=False),  # ISO 8601 UTC, microseconds: sorts as text everywhere
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
    sa.Column("ask", sa.Text, nullable=False, server_default=""),
    sa.Column("window_start_at", sa.Text),
    sa.Column("window_end_at", sa.Text),
    sa.Column("is_complete", sa.Boolean),
    sa.Column("http_status", sa.Integer),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("media_type", sa.Text),
    sa.Column("blob_sha256", sa.Text, index=True),
    sa.Column("byte_count", _BIG),
    sa.Column("error", sa.Text),
    # A dropped file is one arrival however often its folder is swept; pushes and polls leave this empty.
    sa.Column("once_key", sa.Text, unique=True),
)

# Where blobs lie that have no file of their own. Found again from the segments alone (`Home.index_segments`).
_places = sa.Table(
    "blob_places",
    _metadata,
    sa.Column("blob_sha256", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("byte_offset", _BIG, nullable=False),
    sa.Column("byte_count", _BIG, nullable=False),
)

HOWS = ("poll", "push", "drop", "manual")
STATUSES = ("ok", "not_modified", "failed", "refused")
_EPOCH_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
T = TypeVar("T")


def to_text(moment: datetime) -> str:
    """An aware moment as sortable UTC text.

    Raises:
        ValueError: the moment has no zone; a naive time in the catalogue would be a guess.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).strftime(_EPOCH_FORMAT)


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote.

    Raises:
        ValueError: another form, or another zone.
    """
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not UTC as the catalogue writes it")
    return datetime.fromisoformat(text)  # strptime takes ten times as long


def canonical_json(value: Mapping[str, Any]) -> str:
    """JSON with one spelling per value; empty for an empty mapping."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if value else ""


@dataclass(frozen=True)
class Arrival:
    """Something that arrived, before it has a number.

    Attributes:
        source_id: the configured source.
        how: `poll`, `push`, `drop` or `manual`.
        received_at: when, aware; the recorded time of all that is read from it.
        body: the bytes, or None when none came (a failed or not-modified poll).
        status: `ok`, `not_modified`, `failed` (nothing usable came) or `refused` (a guard said no).
        origin: file name or address, without secrets.
        ask: what was asked, when the answer alone does not say it (an object id, a metric list).
        window_start_at, window_end_at: the window asked for, aware, half-open.
        is_complete: whether the answer covers all that was asked; None when the source can't tell.
        once_key: a second arrival with the same key is the same arrival, and is not recorded again.
    """

    source_id: str
    how: str
    received_at: datetime
    body: bytes | None = None
    status: str = "ok"
    origin: str = ""
    ask: Mapping[str, Any] = field(default_factory=dict)
    window_start_at: datetime | None = None
    window_end_at: datetime | None = None
    is_complete: bool | None = None
    http_status: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    media_type: str | None = None
    error: str | None = None
    once_key: str | None = None

    def __post_init__(self) -> None:
        # A word that nobody looks for would be bytes that nobody reads.
        if self.how not in HOWS or self.status not in STATUSES:
            raise ValueError(f"an arrival is one of {HOWS} and {STATUSES}, not {self.how!r} and {self.status!r}")


@dataclass(frozen=True)
class Receipt:
    """One arrival as the catalogue knows it. Times are aware UTC; `ask` is canonical JSON."""

    receipt_id: int
    source_id: str
    how: str
    received_at: datetime
    status: str
    origin: str
    ask: str
    window_start_at: datetime | None
    window_end_at: datetime | None
    is_complete: bool | None
    http_status: int | None
    etag: str | None
    last_modified: str | None
    media_type: str | None
    blob_sha256: str | None
    byte_count: int | None
    error: str | None

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked, as an object; empty when nothing was."""
        return dict(json.loads(self.ask)) if self.ask else {}


class Catalogue:
    """Receipts in a SQL database: SQLite under landing by default, any SQLAlchemy URL otherwise.

    Safe for many processes at once. On SQLite every write takes the file's write lock first (`BEGIN IMMEDIATE`),
    so that a reader-turned-writer can't fail half-way, and a busy file is waited for.
    """

    def __init__(self, url: str, *, busy_seconds: float = 60.0) -> None:
        self._busy_seconds = busy_seconds
        self._is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {}
        if self._is_sqlite:
            make_directory(Path(url.split("///", 1)[1]).absolute().parent)
            options["connect_args"] = {"timeout": busy_seconds}
        self.engine = sa.create_engine(url, **options)
        if self._is_sqlite:
            self._tune_sqlite()
        self._create()

    @classmethod
    def at(cls, landing: Path) -> Catalogue:
        """The default catalogue of a landing folder."""
        return cls(f"sqlite:///{landing / 'catalogue.sqlite'}")

    def _tune_sqlite(self) -> None:
        @sa.event.listens_for(self.engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves
            cursor = connection.cursor()
            cursor.execute("pragma journal_mode = wal")
            cursor.execute("pragma synchronous = full")  # a receipt that was acknowledged survives a power cut
            cursor.close()

        @sa.event.listens_for(self.engine, "begin")
        def _on_begin(connection: sa.Connection) -> None:
            immediate = connection.get_execution_options().get("levende_write", False)
            connection.exec_driver_sql("begin immediate" if immediate else "begin")

    def _create(self) -> None:
        def is_there() -> bool:
            try:
                self._first(sa.select(_places.c.segment))  # the youngest table: an older catalogue gets it now
                return self._first(sa.select(_counter.c.last_receipt_id)) is not None
            except DBAPIError:
                return False  # no such table yet; or busy, and then the write lock waits properly

        def create() -> None:
            # Look before taking the write lock: whoever only reads must not wait for a writer.
            if is_there():
                return
            with self._write() as con:
                _metadata.create_all(con)
                if con.execute(sa.select(_counter.c.last_receipt_id)).first() is None:
                    con.execute(_counter.insert().values(counter_id=1, last_receipt_id=0))

        try:
            self._patiently(create)
        except (IntegrityError, ProgrammingError):
            if not is_there():  # another process may create the same between our look and our writing
                raise

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self.engine.connect().execution_options(levende_write=True) as con, con.begin():
            yield con

    def _patiently(self, work: Callable[[], T]) -> T:
        """SQLite's own waiting has gaps (a WAL being opened, say): try again until the patience is spent."""
        deadline = time.monotonic() + self._busy_seconds
        pause = 0.01
        while True:
            try:
                return work()
            except OperationalError as error:
                if not self._is_sqlite or ("locked" not in str(error) and "busy" not in str(error)):
                    raise
                if time.monotonic() > deadline:
                    raise TransientFailure(
                        f"the catalogue stayed locked for {self._busy_seconds:.0f} s.",
                        reason="catalogue_busy",
                        next_action="See which process holds landing/catalogue.sqlite; stop it if it hangs.",
                    ) from error
                time.sleep(pause)
                pause = min(pause * 2, 0.5)

    def record(
        self, arrivals: Iterable[tuple[Arrival, str | None]], places: Mapping[str, Place] | None = None
    ) -> list[Receipt]:
        """Write receipts for arrivals whose bytes are already in the blob store, in one transaction.

        Args:
            arrivals: pairs of arrival and blob hash (None when no bytes came).
            places: where those blobs lie that `BlobStore.put_many` has just written to a segment.

        Returns:
            The receipts in the order given; for an arrival whose `once_key` is known, the receipt it already has.
        """
        batch = list(arrivals)

        def write() -> list[Receipt]:
            with self._write() as con:
                receipts = self._record_all(con, batch)
                _replace_places(con, places or {})
                return receipts

        return self._patiently(write) if batch else []

    def _record_all(self, con: sa.Connection, batch: list[tuple[Arrival, str | None]]) -> list[Receipt]:
        # The counter first: its row lock is what makes "seen up to n" mean "seen all up to n".
        con.execute(_counter.update().values(last_receipt_id=_counter.c.last_receipt_id + len(batch)))
        number: int = con.execute(sa.select(_counter.c.last_receipt_id)).scalar_one() - len(batch)
        known: dict[str, Receipt] = {}
        for once_key in {arrival.once_key for arrival, _ in batch if arrival.once_key is not None}:
            found = con.execute(sa.select(_receipts).where(_receipts.c.once_key == once_key)).mappings().first()
            if found is not None:
                known[once_key] = _receipt(found)
        receipts, rows = [], []
        for arrival, sha256 in batch:
            receipt = None if arrival.once_key is None else known.get(arrival.once_key)
            if receipt is None:
                number += 1
                row = _row(number, arrival, sha256)
                rows.append(row)
                receipt = _receipt(row)
                if arrival.once_key is not None:
                    known[arrival.once_key] = receipt
            receipts.append(receipt)
        if len(rows) < len(batch):
            con.execute(_counter.update().values(last_receipt_id=number))
        if rows:
            con.execute(_receipts.insert(), rows)
        return receipts

    def places(self, hashes: Collection[str]) -> dict[str, Place]:
        """Where those of some blobs lie that are in segments."""
        found: dict[str, Place] = {}
        for some in _portions(hashes):
            query = sa.select(_places).where(_places.c.blob_sha256.in_(some))
            for row in self._patiently(partial(self._all, query)):
                found[row[0]] = Place(*row[1:])
        return found

    def record_places(self, places: Mapping[str, Place]) -> None:
        """Set where blobs lie, instead of what was known of them before."""

        def write() -> None:
            with self._write() as con:
                _replace_places(con, places)

        self._patiently(write)

    def receipts(
        self,
        *,
        after: int = 0,
        source_id: str | None = None,
        origin: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        up_to: int | None = None,
        limit: int | None = None,
    ) -> list[Receipt]:
        """All receipts with a number above `after`, in commit order.

        Args:
            source_id, origin, status: only receipts with this value.
            since: only those received at this aware moment or later.
            up_to: only those with this number at most.
            limit: only so many, the first ones.
        """
        query = sa.select(_receipts).where(_receipts.c.receipt_id > after).order_by(_receipts.c.receipt_id)
        for column, wanted in (("source_id", source_id), ("origin", origin), ("status", status)):
            if wanted is not None:
                query = query.where(_receipts.c[column] == wanted)
        if since is not None:
            query = query.where(_receipts.c.received_at >= to_text(since))
        if up_to is not None:
            query = query.where(_receipts.c.receipt_id <= up_to)
        return self._patiently(lambda: self._rows(query.limit(limit)))

    def _rows(self, query: sa.Select[Any]) -> list[Receipt]:
        with self.engine.connect() as con:
            return [_receipt(row) for row in con.execute(query).mappings()]

    def latest(self, source_id: str, *, origin: str | None = None, status: str = "ok") -> Receipt | None:
        """The newest receipt of a source (and origin) with the given status."""
        query = sa.select(_receipts).where(_receipts.c.source_id == source_id, _receipts.c.status == status)
        if origin is not None:
            query = query.where(_receipts.c.origin == origin)
        found = self._patiently(lambda: self._rows(query.order_by(_receipts.c.receipt_id.desc()).limit(1)))
        return found[0] if found else None

    def receipt(self, receipt_id: int) -> Receipt | None:
        """The receipt of a number, where there is one."""
        found = self._patiently(lambda: self._rows(sa.select(_receipts).where(_receipts.c.receipt_id == receipt_id)))
        return found[0] if found else None

    def first_tellings(self, source_id: str, blobs: Iterable[str], *, up_to: int) -> list[Receipt]:
        """The first good receipt of each blob and question that a source brought, among numbers up to `up_to`.

        Args:
            blobs: hashes; only these are looked for, so the answer costs what is asked and not what ever came.
        """
        told = (_receipts.c.blob_sha256, _receipts.c.ask, _receipts.c.window_start_at, _receipts.c.window_end_at)
        good = (_receipts.c.source_id == source_id, _receipts.c.status == "ok", _receipts.c.receipt_id <= up_to)
        found: list[Receipt] = []
        for some in _portions(blobs):
            first = sa.select(sa.func.min(_receipts.c.receipt_id)).where(*good, told[0].in_(some)).group_by(*told)
            found += self._patiently(partial(self._rows, sa.select(_receipts).where(_receipts.c.receipt_id.in_(first))))
        return found

    def told_since(self, source_id: str, after: int) -> int:
        """How many receipts with bytes to read a source has above a number."""
        good = (_receipts.c.source_id == source_id, _receipts.c.status == "ok", _receipts.c.blob_sha256.is_not(None))
        query = sa.select(sa.func.count()).select_from(_receipts).where(*good, _receipts.c.receipt_id > after)
        return int(self._patiently(lambda: self._first(query))[0])

    def last_id(self) -> int:
        """The number of the newest committed receipt, 0 when there is none."""
        query = sa.select(sa.func.coalesce(sa.func.max(_receipts.c.receipt_id), 0))
        return int(self._patiently(lambda: self._first(query))[0])

    def has_once_key(self, once_key: str) -> bool:
        """Whether an arrival with this key is recorded."""
        query = sa.select(sa.literal(1)).where(_receipts.c.once_key == once_key)
        return self._patiently(lambda: self._first(query)) is not None

    def _all(self, query: sa.Select[Any]) -> list[Any]:
        with self.engine.connect() as con:
            return [tuple(row) for row in con.execute(query)]

    def _first(self, query: sa.Select[Any]) -> Any:
        with self.engine.connect() as con:
            return con.execute(query).first()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def _portions(hashes: Iterable[str]) -> Iterator[list[str]]:
    """Hashes in a fixed order, each once, so many as a question may name."""
    wanted = sorted(set(hashes))
    return (wanted[n : n + 500] for n in range(0, len(wanted), 500))


def _replace_places(con: sa.Connection, places: Mapping[str, Place]) -> None:
    for some in _portions(places):
        con.execute(_places.delete().where(_places.c.blob_sha256.in_(some)))
    if places:
        names = ("segment", "byte_offset", "byte_count")
        rows = [
            {"blob_sha256": sha256, **dict(zip(names, (p.segment, p.offset, p.length), strict=True))}
            for sha256, p in places.items()
        ]
        con.execute(_places.insert(), rows)


def _row(number: int, arrival: Arrival, sha256: str | None) -> dict[str, Any]:
    return {
        "receipt_id": number,
        "source_id": arrival.source_id,
        "how": arrival.how,
        "received_at": to_text(arrival.received_at),
        "status": arrival.status,
        "origin": arrival.origin,
        "ask": canonical_json(arrival.ask),
        "window_start_at": to_text(arrival.window_start_at) if arrival.window_start_at else None,
        "window_end_at": to_text(arrival.window_end_at) if arrival.window_end_at else None,
        "is_complete": arrival.is_complete,
        "http_status": arrival.http_status,
        "etag": arrival.etag,
        "last_modified": arrival.last_modified,
        "media_type": arrival.media_type,
        "blob_sha256": sha256,
        "byte_count": None if arrival.body is None else len(arrival.body),
        "error": arrival.error,
        "once_key": arrival.once_key,
    }


def _receipt(row: Any) -> Receipt:
    values = dict(row)
    values.pop("once_key")
    for name in ("received_at", "window_start_at", "window_end_at"):
        values[name] = from_text(values[name]) if values[name] else None
    return Receipt(**values)
