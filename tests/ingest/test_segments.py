"""Segments: many small posts in one file, each as safe, as provable and as easily mended as in a file of its own."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from _adapters import workers
from _adapters.toy import NOW, configuration, registered
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import landing, pipeline
from ingest.catalogue import Arrival, Receipt
from ingest.errors import PermanentFailure
from ingest.home import Home
from ingest.landing import Place, sha256_of
from ingest.pipeline import read_pending

KILLS = 20
BODIES = [b"moa;1;1\n", b"moa;2;2\n" * 40, b"moa;3;3\n"]


def post(home: Home, *bodies: bytes) -> list[Receipt]:
    """Land bodies as the inbox does."""
    return home.land_many([Arrival("door_toy_moa", "push", NOW, body) for body in bodies])


def files(home: Home) -> list[str]:
    """Everything that lies among the blobs."""
    return sorted(str(p.relative_to(home.blobs.root)) for p in home.blobs.root.rglob("*") if p.is_file())


def place(home: Home, receipt: Receipt) -> Place:
    """Where a receipt's blob lies."""
    sha256 = str(receipt.blob_sha256)
    return home.catalogue.places([sha256])[sha256]


def spoil(home: Home, receipt: Receipt) -> None:
    """Change one byte of a blob inside its segment."""
    where = place(home, receipt)
    with home.blobs.segment(where.segment).open("r+b") as file:
        file.seek(where.offset)
        first = file.read(1)
        file.seek(where.offset)
        file.write(bytes([first[0] ^ 1]))


def forget_places(home: Home) -> None:
    """Lose the index, as a catalogue does that comes from an old backup."""
    with home.catalogue.engine.connect() as con:
        con.exec_driver_sql("delete from blob_places")
        con.exec_driver_sql("commit")


def test_posts_that_come_together_are_one_file_that_any_tar_program_reads(tmp_path: Path) -> None:
    """Eight million files a year would be more than a backup walks through; and a stranger must get at the bytes
    without us."""
    home = Home(tmp_path)
    receipts = [*post(home, *BODIES), *post(home, b"later")]
    assert files(home) == [f"segments/{sha256_of(BODIES[0])}.tar"]
    with tarfile.open(home.blobs.segments()[0]) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    assert members == {sha256_of(body): body for body in [*BODIES, b"later"]}
    assert [home.body(r) for r in receipts] == [*BODIES, b"later"]
    assert Home(tmp_path).body(receipts[1]) == BODIES[1], "another process finds it, too"
    where = place(home, receipts[1])
    assert home.blobs.segments()[0].read_bytes()[where.offset : where.offset + where.length] == BODIES[1]


def test_the_header_is_what_tarfile_would_write(tmp_path: Path) -> None:
    """It is put together by hand, for speed; a wrong checksum would show years later."""
    for length in (0, 1, 511, 512, landing.SMALL_BYTES):
        info = tarfile.TarInfo(sha256_of(b"x"))
        info.size = length
        assert landing._header(info.name, length) == info.tobuf(tarfile.USTAR_FORMAT)


def test_what_comes_alone_and_what_is_big_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A dropped file that should not have been stored can be deleted; a big one gains nothing from company."""
    home = Home(tmp_path)
    home.land(Arrival("door_toy_moa", "drop", NOW, b"dropped"))
    big, edge = bytes(landing.SMALL_BYTES + 1), bytes(landing.SMALL_BYTES)
    post(home, big, edge)
    assert {name.rpartition("/")[2] for name in files(home)} == {
        sha256_of(b"dropped"), sha256_of(big), f"{sha256_of(edge)}.tar",
    }  # fmt: skip


def test_equal_bytes_are_one_blob_whatever_way_they_come(tmp_path: Path) -> None:
    """A vendor that repeats itself costs a row."""
    home = Home(tmp_path)
    home.land(Arrival("door_toy_moa", "drop", NOW, b"dropped"))
    receipts = post(home, b"posted", b"dropped", b"posted")
    before = [(name, (home.blobs.root / name).read_bytes()) for name in files(home)]
    again = [
        *post(home, b"posted", b"dropped"),
        home.land(Arrival("door_toy_moa", "drop", NOW, b"posted")),
        *post(Home(tmp_path), b"posted"),
    ]
    assert [(name, (home.blobs.root / name).read_bytes()) for name in files(home)] == before
    assert [r.receipt_id for r in [*receipts, *again]] == list(range(2, 9))
    assert [home.body(r) for r in again] == [b"posted", b"dropped", b"posted", b"posted"]


@pytest.mark.parametrize("by", [post, lambda home, body: [home.land(Arrival("door_toy_moa", "poll", NOW, body))]])
def test_damage_is_told_and_costs_no_neighbour_and_a_redelivery_heals_it(
    tmp_path: Path, by: Callable[[Home, bytes], list[Receipt]]
) -> None:
    """Acknowledging a redelivery on the strength of bytes that are no longer there would be a lie."""
    home = Home(tmp_path)
    receipts = post(home, *BODIES)
    spoil(home, receipts[1])
    with pytest.raises(PermanentFailure, match=r"Restore .*tar from the backup") as caught:
        home.body(receipts[1])
    assert caught.value.reason == "blob_damaged"
    assert [home.body(receipts[n]) for n in (0, 2)] == [BODIES[0], BODIES[2]]
    assert len({str(r.blob_sha256) for r in receipts} - home.blobs.missing(str(r.blob_sha256) for r in receipts)) == 3
    by(home, BODIES[1])
    assert home.body(receipts[1]) == BODIES[1]
    home.index_segments()
    assert home.body(receipts[1]) == BODIES[1]


def test_a_lost_and_an_unreadable_segment_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words as for a file of its own: the runbook is looked up by them."""
    home = Home(tmp_path)
    receipts = post(home, *BODIES)

    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        with pytest.raises(PermanentFailure, match="Check the permissions") as unreadable:
            home.body(receipts[0])
    assert unreadable.value.reason == "blob_unreadable"
    segment = home.blobs.segments()[0]
    os.truncate(segment, place(home, receipts[2]).offset + 1)
    with pytest.raises(PermanentFailure) as cut:
        home.body(receipts[2])
    assert cut.value.reason == "blob_damaged"
    assert home.blobs.missing(str(r.blob_sha256) for r in receipts) == {receipts[2].blob_sha256}
    segment.unlink()
    with pytest.raises(PermanentFailure, match="Restore landing/") as missing:
        home.body(receipts[0])
    assert missing.value.reason == "blob_missing"
    assert home.blobs.missing(str(r.blob_sha256) for r in receipts) == {r.blob_sha256 for r in receipts}
    again = Home(tmp_path)
    assert [again.body(r) for r in post(again, *BODIES)] == BODIES


def test_a_full_disk_leaves_a_torn_end_that_nothing_is_appended_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fsync nobody knows what is on disk: what comes next goes into a new segment."""
    home = Home(tmp_path)
    post(home, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            post(home, b"lost")
    assert len(home.catalogue.receipts()) == 1
    assert home.catalogue.places([sha256_of(b"lost")]) == {}
    with home.blobs.segments()[0].open("ab") as segment:
        segment.write(landing._header(sha256_of(b"half"), 1000) + b"ha")
    post(home, b"after", b"lost")
    assert len(home.blobs.segments()) == 2
    assert [home.body(r) for r in home.catalogue.receipts()] == [b"before", b"after", b"lost"]
    assert {name for name, _ in home.blobs.records()} == {sha256_of(b) for b in (b"before", b"after", b"lost")}


def test_a_process_that_was_forked_begins_a_segment_of_its_own(tmp_path: Path) -> None:
    """Two that append to one file would tear each other's records."""
    home = Home(tmp_path)
    post(home, b"parent")
    child = os.fork()
    if child == 0:
        try:
            home.blobs.put_many([b"child"])
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [path.name for path in home.blobs.segments()] == sorted(f"{sha256_of(b)}.tar" for b in (b"parent", b"child"))


def test_a_segment_ends_at_its_length_and_the_next_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows is copied again by every backup, so it must not grow for ever."""
    monkeypatch.setattr(landing, "SEGMENT_BYTES", 4096)
    home = Home(tmp_path)
    bodies = [b"%d" % n * 700 for n in range(10)]
    receipts = post(home, *bodies)
    assert [home.body(r) for r in receipts] == bodies
    sizes = sorted(path.stat().st_size for path in home.blobs.segments())
    assert len(sizes) == 4
    assert max(sizes) < 4096 + 2048


def test_the_index_is_found_again_from_the_segments_alone(tmp_path: Path) -> None:
    """The catalogue may come from a backup that is older than what landed, or from before there were segments."""
    home = Home(tmp_path)
    receipts = [*post(home, *BODIES), *post(Home(tmp_path), b"by another")]
    told = {str(r.blob_sha256): place(home, r) for r in receipts}
    forget_places(home)
    with pytest.raises(PermanentFailure, match="missing"):
        home.body(receipts[0])
    assert home.blobs.missing(told) == set(told)
    assert home.index_segments() == 4
    assert home.catalogue.places(told) == told
    assert [home.body(r) for r in receipts] == [*BODIES, b"by another"]
    assert home.index_segments() == 4, "again changes nothing"


def test_what_is_indexed_is_on_disk_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed writer's last records may stand in memory only; who brings them again is told that they are stored."""
    home = Home(tmp_path)
    post(home, *BODIES)
    forget_places(home)
    steps: list[str] = []
    real_sync, real_record = os.fsync, home.catalogue.record_places

    def fsync(fd: int) -> None:
        steps.append(Path(f"/proc/self/fd/{fd}").resolve().name)
        real_sync(fd)

    def record(places: dict[str, Place]) -> None:
        steps.append("recorded")
        real_record(places)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(home.catalogue, "record_places", record)
    home.index_segments()
    assert steps == [home.blobs.segments()[0].name, "segments", "recorded"]


def test_the_index_finds_what_is_whole_behind_what_is_not(tmp_path: Path) -> None:
    """One bad sector, also in a header, must not cost the rest of a segment."""
    home = Home(tmp_path)
    bodies = [b"%d" % n * 300 for n in range(6)]
    receipts = post(home, *bodies)
    spoil(home, receipts[1])
    segment = home.blobs.segments()[0]
    with segment.open("r+b") as file:
        file.seek(place(home, receipts[3]).offset - tarfile.BLOCKSIZE)
        file.write(b"\xff" * tarfile.BLOCKSIZE)
    os.truncate(segment, place(home, receipts[5]).offset + 10)
    forget_places(home)
    assert home.index_segments() == 3
    assert [body if isinstance(body, bytes) else body.reason for body in home.bodies(receipts)] == [
        bodies[0], "blob_missing", bodies[2], "blob_missing", bodies[4], "blob_missing",
    ]  # fmt: skip
    post(home, *bodies)
    assert [home.body(r) for r in receipts] == bodies


def test_a_home_from_before_there_were_segments_goes_on(tmp_path: Path) -> None:
    """An upgrade adds a table, and moves and asks nothing."""
    old = Home(tmp_path)
    first = old.land(Arrival("door_toy_moa", "push", NOW, b"old"))
    with old.catalogue.engine.connect() as con:
        con.exec_driver_sql("drop table blob_places")
        con.exec_driver_sql("commit")
    old.catalogue.close()
    home = Home(tmp_path)
    assert home.body(first) == b"old"
    again, new = post(home, b"old", b"new")
    assert (again.receipt_id, new.receipt_id) == (2, 3)
    assert files(home) == [f"{sha256_of(b'old')[:2]}/{sha256_of(b'old')}", f"segments/{sha256_of(b'new')}.tar"]
    assert [home.body(r) for r in home.catalogue.receipts()] == [b"old", b"old", b"new"]
    assert set(sa.inspect(home.catalogue.engine).get_table_names()) == {"receipts", "receipt_counter", "blob_places"}


def test_a_home_without_segments_asks_nothing_of_the_catalogue(tmp_path: Path) -> None:
    """Most homes only poll and sweep: what others gain must not cost them a question per file."""
    home = Home(tmp_path)
    receipt = home.land(Arrival("door_toy_moa", "poll", NOW, b"polled"))
    asked: list[str] = []
    sa.event.listen(home.catalogue.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert home.body(receipt) == b"polled"
    home.blobs.put(b"another")
    assert asked == []


Step = tuple[str, list[int]]
SIZES = (0, 1, 40, 511, 512, 513, 900, 1024, 1025, 3000)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "many", "other", "spoil", "index"]),
            st.lists(st.integers(0, 29), min_size=1, max_size=12),
        ),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=60)
def test_whatever_was_told_is_given_back_or_told_as_damaged(steps: list[Step]) -> None:
    """Any mix of sizes, repetitions, writers and damage; and in the end the index alone from the segments alone."""
    small, segment, sync = landing.SMALL_BYTES, landing.SEGMENT_BYTES, os.fsync
    landing.SMALL_BYTES, landing.SEGMENT_BYTES = 1024, 4096
    os.fsync = lambda fd: None
    try:
        with tempfile.TemporaryDirectory() as name:
            _play(Path(name), steps)
    finally:
        landing.SMALL_BYTES, landing.SEGMENT_BYTES, os.fsync = small, segment, sync


def _play(root: Path, steps: list[Step]) -> None:
    home, other = Home(root), Home(root)
    bodies = [bytes([n]) * SIZES[n % len(SIZES)] for n in range(30)]
    told: dict[str, bytes] = {}
    damaged: set[str] = set()
    receipts = 0
    for step, numbers in steps:
        some = [bodies[n] for n in numbers]
        if step == "spoil":
            for sha256, where in home.catalogue.places([sha256_of(body) for body in some]).items():
                if where.length and sha256 not in damaged and not home.blobs.path(sha256).exists():
                    with home.blobs.segment(where.segment).open("r+b") as file:
                        file.seek(where.offset)
                        file.write(b"\xff")
                    damaged.add(sha256)
            continue
        if step == "index":
            home.index_segments()
            continue
        if step == "put":
            for body in some:
                home.land(Arrival("door_toy_moa", "poll", NOW, body))
        else:
            post(home if step == "many" else other, *some)
        receipts += len(some)
        told |= {sha256_of(body): body for body in some}
        damaged -= {sha256_of(body) for body in some}
    for _ in range(2):
        found = dict(zip(told, home.blobs.get_many(told), strict=True))
        for sha256, body in told.items():
            if sha256 in damaged:
                assert isinstance(found[sha256], PermanentFailure)
            else:
                assert found[sha256] == body == home.blobs.get(sha256)
        forget_places(home)
        home.index_segments()
    assert [r.receipt_id for r in home.catalogue.receipts()] == list(range(1, receipts + 1))
    for path in home.blobs.segments():
        with tarfile.open(path) as archive:
            assert all(len(member.name) == 64 for member in archive)
    home.catalogue.close()
    other.catalogue.close()


def process(target: Callable[..., None], *args: object) -> multiprocessing.Process:
    """A writer that is going to die."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    started: multiprocessing.Process = context.Process(target=target, args=args)  # type: ignore[assignment]
    started.start()
    return started


@pytest.mark.slow
@pytest.mark.parametrize("step", workers.BATCH_STEPS)
def test_a_kill_between_any_two_steps_of_a_batch_leaves_a_landing_that_goes_on(tmp_path: Path, step: str) -> None:
    """A batch is acknowledged as a whole: no receipt without bytes, no torn end that matters, no lock."""
    home = Home(tmp_path)
    post(home, b"before")
    bodies = [b"%d" % n * 20_000 for n in range(5)]
    writer = process(workers.post_and_die, tmp_path, step, bodies)
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    committed = step == "committed"
    assert [home.body(r) for r in home.catalogue.receipts()] == [b"before", *(bodies if committed else [])]
    assert set(home.catalogue.places([sha256_of(b) for b in bodies])) == {sha256_of(b) for b in bodies if committed}
    whole = {name for name, _ in home.blobs.records()}
    assert sha256_of(b"before") in whole
    if step in {"synced", "stored", "inserted", "committed"}:
        assert {sha256_of(b) for b in bodies} <= whole

    again = post(home, *bodies)
    assert [home.body(r) for r in again] == bodies
    forget_places(home)
    home.index_segments()
    assert [home.body(r) for r in again] == bodies


@pytest.mark.slow
def test_posters_killed_at_any_moment_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A push is answered with 200 once, and the device then forgets it: only we still have the bytes."""
    home = Home(tmp_path / "home")
    chance = random.Random(20240302)
    lines: list[list[str]] = []
    for kill in range(KILLS):
        pair = [tmp_path / f"acknowledged-{kill}-{n}" for n in range(2)]  # two at once, as two inboxes may run
        for path in pair:
            path.touch()
        writers = [process(workers.post_until_killed, home.root, kill * 2 + n, path) for n, path in enumerate(pair)]
        deadline = time.monotonic() + 30
        while not all(path.stat().st_size for path in pair) and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.08)
        for writer in writers:
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
            assert writer.exitcode == -signal.SIGKILL
        lines += [line.split() for path in pair for line in path.read_text().splitlines()]
    receipts = home.catalogue.receipts()
    assert [r.receipt_id for r in receipts] == list(range(1, len(receipts) + 1))
    assert len(lines) >= KILLS
    assert {(int(number), sha256) for number, sha256 in lines} <= {(r.receipt_id, r.blob_sha256) for r in receipts}
    for _ in range(2):
        for receipt in receipts:
            assert len(home.body(receipt)) == receipt.byte_count
        forget_places(home)
        home.index_segments()


def test_a_source_that_is_read_anew_is_read_in_portions_and_gives_the_same_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After years a source has millions of receipts: how many are held at once must not follow from that."""
    asked: list[int] = []
    lakes = []
    for name, at_once in (("whole", 1000), ("portions", 7)):
        home = Home(tmp_path / name)
        for n in range(0, 60, 6):
            post(home, *(b"moa;%d;1\n" % (m % 40) for m in range(n, n + 6)))
        receipt = home.catalogue.receipts()[3]
        spoil(home, receipt)
        real = home.catalogue.receipts

        def watched(real: Callable[..., list[Receipt]] = real, **options: object) -> list[Receipt]:
            found = real(**options)
            asked.append(len(found))
            return found

        monkeypatch.setattr(pipeline, "RECEIPTS_AT_ONCE", at_once)
        monkeypatch.setattr(home.catalogue, "receipts", watched)
        asked.clear()
        told: list[tuple[int, int]] = []
        with registered():
            library = configuration(tmp_path)
            outcome = read_pending(home, library, None, lambda *at, told=told: told.append(at))["door_toy_moa"]
            assert (outcome.blobs, [f.reason for f in outcome.failures]) == (39, ["blob_damaged"])
            assert max(asked) == min(60, at_once)
            assert told[-1][1] == 60
            assert told == sorted(told)
            assert [f.reason for f in read_pending(home, library)["door_toy_moa"].failures] == ["blob_damaged"]
            post(home, b"moa;3;1\n")
            assert read_pending(home, library)["door_toy_moa"].blobs == 1
        lakes.append(
            {str(p.relative_to(home.lake)): p.read_bytes() for p in sorted(home.lake.rglob("*")) if p.is_file()}
        )
    assert lakes[0] == lakes[1]
