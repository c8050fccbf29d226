"""Dagster's record of what happened, in its own SQLite files, without opening one of them for every event.

Dagster opens the file, writes one event, waits for the disk and closes the file again, two thousand times in a run and
more than once an event: a third of a run's processor time, and most of its waiting where disks are slow. Here the file
of the run and the index stay open. The files, and everything in them, are Dagster's: any other reader, and the stock
class, can use them at the same time or afterwards.

What belongs here: how the files are opened. What does not: what is written into them. Overrides one private method,
which is why Dagster's version is pinned.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy.pool import StaticPool

# The index and the run that goes on; a page that shows older runs opens theirs in turn.
KEPT_OPEN = 4


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log with its last used files kept open.

    A commit does not wait for the disk: killed processes lose nothing by that, and a machine that loses its power at
    most the last seconds of this record, never a figure, a byte that came, or the files' wholeness (SQLite:
    `synchronous=NORMAL` with a write-ahead log). The next run finds the broken one and tells it as failed.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._open: OrderedDict[str, sa.Engine] = OrderedDict()
        super().__init__(*args, **options)

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        """The shard's engine, which holds its one connection; the one that was not used for longest makes room."""
        engine = self._open.get(shard)
        if engine is None:
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,  # one connection, used by one thread at a time: `_connect` holds the lock
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _do_not_wait_for_the_disk)
            self._initdb(engine)
            self._open[shard] = engine
            if len(self._open) > KEPT_OPEN:
                self._open.popitem(last=False)[1].dispose()
        self._open.move_to_end(shard)
        return engine

    def _close_all(self) -> None:
        with self._db_lock:
            while self._open:
                self._open.popitem()[1].dispose()

    def wipe(self) -> None:
        """Remove all events. Files that are removed must not stay open."""
        self._close_all()
        super().wipe()

    def dispose(self) -> None:
        """Close the files."""
        self._close_all()
        super().dispose()


class OpenStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage, with that event log. Named in `dagster.yaml`."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenStorage:
        """Called by Dagster with what `dagster.yaml` says: `base_dir`, the instance's folder."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("pragma synchronous = normal")
