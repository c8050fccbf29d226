"""What other processes do in the tests: write, read, and die at a chosen place. Importable, to be spawned."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from _adapters.toy import NOW, configuration, registered, source
from ingest.catalogue import Arrival
from ingest.home import Home
from ingest.lake import Lake
from ingest.pipeline import read_pending, sweep


def body_of(writer: int, number: int) -> bytes:
    """Bytes that differ for every writer and number, of different lengths."""
    return f"writer {writer} body {number};".encode() * (1 + (writer * 31 + number * 17) % 400)


def be_slow_before_committing(home: Home, seconds: float) -> None:
    """Sleep inside every transaction, after the number was taken and before the commit."""

    @sa.event.listens_for(home.catalogue.engine, "after_cursor_execute")
    def _sleep(_con: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO receipts"):
            time.sleep(seconds)


def write_all_ways(root: Path, writer: int, rounds: int, slow_seconds: float) -> None:
    """Pushes of own bytes, polls of bytes that all writers share, sweeps of one folder, all mixed."""
    home = Home(root)
    if slow_seconds:
        be_slow_before_committing(home, slow_seconds)
    feed = source()
    library = configuration(root, feed)
    order = random.Random(writer)
    for number in range(rounds):
        arrivals = [
            Arrival("door_push", "push", NOW, body_of(writer, number)),
            Arrival(feed.source_id, "poll", NOW, b"the same for all"),
        ]
        order.shuffle(arrivals)
        for arrival in arrivals:
            home.land(arrival)
        if number % 3 == writer % 3:
            with registered():
                sweep(home, library, feed, NOW)


def follow(root: Path, stop: Path, seen: Path) -> None:
    """Read receipts behind a cursor until told to stop; never look back. Writes what was seen, in order."""
    home = Home(root)
    cursor = 0
    found: list[int] = []
    while True:
        last_look = stop.exists()
        for receipt in home.catalogue.receipts(after=cursor):
            found.append(receipt.receipt_id)
            cursor = max(cursor, receipt.receipt_id)
        if last_look:
            break
        time.sleep(0.001)
    seen.write_text("\n".join(map(str, found)))


def push_until_killed(root: Path, writer: int, acknowledged: Path) -> None:
    """Land big bodies, and write down each receipt only after `land` has returned."""
    home = Home(root)
    with acknowledged.open("ab", buffering=0) as out:
        number = 0
        while True:
            number += 1
            body = f"{writer} {number} ".encode() * 200_000
            receipt = home.land(Arrival("door_push", "push", NOW, body))
            out.write(f"{receipt.receipt_id} {receipt.blob_sha256}\n".encode())
            if number % 4 == 0:
                sweep(home, configuration(root), source(), NOW)


def batch_of(writer: int, number: int) -> list[bytes]:
    """Bodies as they may come together: many small ones, one that all writers share, one with a file of its own."""
    dice = random.Random(f"{writer}/{number}")
    small = [body_of(writer, number * 10 + n) for n in range(dice.randrange(1, 8))]
    return [*small, b"the same for all", small[0], dice.randbytes(70_000)][: dice.randrange(1, 10)]


def post_until_killed(root: Path, writer: int, acknowledged: Path) -> None:
    """Land batches, and write down each receipt only after `land_many` has returned."""
    import ingest.landing as landing

    landing.SEGMENT_BYTES = 60_000  # so that segments are begun and ended, too
    home, number = Home(root), 0
    with acknowledged.open("ab", buffering=0) as out:
        while True:
            number += 1
            receipts = home.land_many([Arrival("door_push", "push", NOW, body) for body in batch_of(writer, number)])
            out.write("".join(f"{r.receipt_id} {r.blob_sha256}\n" for r in receipts).encode())


BATCH_STEPS = ("begun", "torn", "written", "synced", "stored", "inserted", "committed")


def post_and_die(root: Path, step: str, bodies: list[bytes]) -> None:
    """Land a batch of small posts and be killed right after the given step of it."""
    import ingest.landing as landing

    home = Home(root)
    real_sync, real_header, headers = os.fsync, landing._header, [0]

    def die(*_: Any, **__: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    def fsync(handle: int) -> None:
        if not Path(f"/proc/self/fd/{handle}").resolve().name.endswith(".tar"):
            real_sync(handle)
            return
        if step == "synced":
            real_sync(handle)
        die()

    def header(sha256: str, length: int) -> bytes:
        headers[0] += 1
        if headers[0] == 3:  # what fills the buffer is written by then, and what does not is lost
            die()
        return real_header(sha256, length)

    if step == "begun":
        landing.fsync_directory = die
    elif step == "torn":
        landing._header = header
    elif step in {"written", "synced"}:
        os.fsync = fsync
    elif step == "stored":
        home.catalogue.record = die  # type: ignore[method-assign]
    elif step == "inserted":
        sa.event.listen(home.catalogue.engine, "commit", die)
    home.land_many([Arrival("door_push", "push", NOW, body) for body in bodies])
    die()


STEPS = ("written", "synced", "renamed", "stored", "inserted", "committed")


def land_and_die(root: Path, step: str, body: bytes) -> None:
    """Land one push and be killed right after the given step of it."""
    import ingest.landing as landing

    home = Home(root)

    def after(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    engine = home.catalogue.engine
    if step == "written":
        os.fsync = die
    elif step == "synced":
        os.fsync = after(os.fsync)
    elif step == "renamed":
        Path.replace = after(Path.replace)  # type: ignore[method-assign]
    elif step == "stored":
        landing.BlobStore.put = after(landing.BlobStore.put)  # type: ignore[method-assign]
    elif step == "inserted":
        sa.event.listen(engine, "commit", die)  # told before the database is
    elif step == "committed":
        home.catalogue.record = after(home.catalogue.record)  # type: ignore[method-assign]
    home.land(Arrival("door_push", "push", NOW, body))


def read_all(root: Path, factor: int = 1, version: int = 1) -> None:
    """Bring the lake up to landing."""
    from _adapters.toy import Toy

    os.fsync = lambda _: None
    Toy.version = version
    with registered():
        read_pending(Home(root), configuration(root, source(options={"factor": factor})))


def read_and_die(root: Path, writes: int, version: int = 1) -> None:
    """Start to read, and be killed just before the given file write, counted from 0."""
    import ingest.lake as lake
    from _adapters.toy import Toy

    os.fsync = lambda _: None
    Toy.version = version
    Lake(root / "lake").prepare()
    real_write = lake.write_atomically
    left = [writes]

    def write(path: Path, body: bytes, *, durable: bool = True) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        real_write(path, body, durable=durable)

    lake.write_atomically = write
    with registered():
        read_pending(Home(root), configuration(root, source(options={"factor": 1})))


def hold_the_lock(database: Path, ready: Path, seconds: float) -> None:
    """Take the catalogue's write lock and keep it."""
    import sqlite3

    con = sqlite3.connect(database, isolation_level=None)
    con.execute("begin immediate")
    ready.touch()
    time.sleep(seconds)
    con.execute("rollback")
