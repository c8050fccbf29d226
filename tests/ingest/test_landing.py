"""Landing: nothing acknowledged is ever lost, and nothing half is ever seen, whoever is killed and when."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from _adapters import workers
from _adapters.toy import NOW, configuration, registered, source

from ingest.catalogue import Arrival, Catalogue
from ingest.errors import PermanentFailure
from ingest.home import Home
from ingest.landing import BlobStore, Place, sha256_of, write_atomically
from ingest.pipeline import sweep

KILLS = 24


def assert_every_blob_is_whole(home: Home) -> None:
    """Every receipt's bytes are there, and everything under a final name is what its name says."""
    for receipt in home.catalogue.receipts():
        body = home.body(receipt)
        assert len(body) == receipt.byte_count
    for path in (home.landing / "blobs").glob("??/*"):
        if not path.name.startswith("."):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """A push is answered with 200 once, and the device then forgets it: only we still have the bytes."""
    home = Home(tmp_path / "home")
    drop = home.drop / source().source_id
    drop.mkdir(parents=True)
    for number in range(5):
        (drop / f"{number}.txt").write_text(f"moa;{number};1\n")
        os.utime(drop / f"{number}.txt", (1, 1))
    acknowledged = tmp_path / "acknowledged"
    acknowledged.touch()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    chance = random.Random(20240301)
    for kill in range(KILLS):
        size = acknowledged.stat().st_size
        writer = context.Process(target=workers.push_until_killed, args=(home.root, kill, acknowledged))
        writer.start()
        deadline = time.monotonic() + 30
        while acknowledged.stat().st_size == size and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.06)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
    known = {(r.receipt_id, r.blob_sha256) for r in home.catalogue.receipts()}
    lines = [line.split() for line in acknowledged.read_text().splitlines()]
    assert len(lines) >= KILLS
    assert {(int(number), sha256) for number, sha256 in lines} <= known
    assert_every_blob_is_whole(home)

    with registered():
        sweep(home, configuration(tmp_path), source(), NOW)
    dropped = [r for r in home.catalogue.receipts() if r.how == "drop"]
    assert sorted(r.origin for r in dropped) == [f"{n}.txt" for n in range(5)]
    numbers = [r.receipt_id for r in home.catalogue.receipts()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("step", workers.STEPS)
def test_a_kill_between_any_two_steps_leaves_a_landing_that_goes_on(tmp_path: Path, step: str) -> None:
    """Each step of landing has an after: none may leave a half blob, a receipt without bytes, or a lock."""
    home = Home(tmp_path)
    home.land(Arrival("door_push", "push", NOW, b"before"))
    body = b"the killed one" * 10_000
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    writer = context.Process(target=workers.land_and_die, args=(tmp_path, step, body))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert_every_blob_is_whole(home)
    assert home.blobs.path(sha256_of(body)).exists() == (step not in {"written", "synced"})
    assert len(home.catalogue.receipts()) == (2 if step == "committed" else 1)

    again = home.land(Arrival("door_push", "push", NOW, body))
    assert home.body(again) == body
    assert again.receipt_id == (3 if step == "committed" else 2)
    assert_every_blob_is_whole(home)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_blob_that_could_not_be_finished_is_not_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A full disk half-way through must leave neither a short blob under its name nor a receipt."""
    home = Home(tmp_path)
    home.land(Arrival("door_push", "push", NOW, b"before"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(Path, "open", full)
    else:
        monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(OSError, match="No space"):
        home.land(Arrival("door_push", "push", NOW, b"x" * 100_000))
    monkeypatch.undo()
    assert [r.receipt_id for r in home.catalogue.receipts()] == [1]
    assert [p.name for p in (tmp_path / "landing" / "blobs").rglob("*") if p.is_file()] == [sha256_of(b"before")]


def test_the_blob_is_on_disk_before_its_receipt_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round, a kill between the two would leave a receipt whose bytes never came."""
    home = Home(tmp_path)
    seen: list[bool] = []
    real = Catalogue.record

    def record(self: Catalogue, arrivals: list[tuple[Arrival, str | None]]) -> object:
        seen.extend(home.blobs.path(str(sha)).read_bytes() == arrival.body for arrival, sha in arrivals)
        return real(self, arrivals)

    monkeypatch.setattr(Catalogue, "record", record)
    home.land(Arrival("door_push", "push", NOW, b"bytes"))
    assert seen == [True]


def test_file_content_and_every_folder_entry_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that is not synced is undone by a power cut, and so is the folder that another writer has just made."""
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see which file is synced")
    store = BlobStore(tmp_path / "landing" / "blobs")
    monkeypatch.setattr(os, "fsync", fsync)
    sha256 = store.put(b"bytes")
    folder = str(store.root / sha256[:2])
    assert any(name.startswith(f"{folder}/.{sha256}") for name in synced)
    assert synced.index(folder) > 0
    assert {str(tmp_path), str(tmp_path / "landing"), str(store.root)} <= set(synced)
    synced.clear()
    store.put(b"bytes")
    assert folder in synced, "whoever tells it again is owed the same promise"
    assert str(store.root) not in synced, "the folder's name is on disk already"
    synced.clear()
    BlobStore(store.root).put(b"bytes")
    assert {folder, str(store.root)} <= set(synced), "so is who is told by a second writer"


def test_the_same_bytes_pushed_twice_are_one_blob_and_two_receipts(tmp_path: Path) -> None:
    """A vendor that repeats itself costs a row, not a file, and the repetition stays provable."""
    home = Home(tmp_path)
    first = home.land(Arrival("door_push", "push", NOW, b"same"))
    second = home.land(Arrival("door_push", "push", NOW, b"same"))
    assert (first.receipt_id, second.receipt_id) == (1, 2)
    assert first.blob_sha256 == second.blob_sha256
    assert len([p for p in (tmp_path / "landing" / "blobs").rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize("damage", [b"", b"sam", b"SAME", b"same and more"])
def test_a_damaged_blob_is_told_and_healed_when_the_same_bytes_come_again(tmp_path: Path, damage: bytes) -> None:
    """Acknowledging a redelivery on the strength of a file that no longer holds the bytes would be a lie."""
    home = Home(tmp_path)
    receipt = home.land(Arrival("door_push", "push", NOW, b"same"))
    home.blobs.path(str(receipt.blob_sha256)).write_bytes(damage)
    with pytest.raises(PermanentFailure, match="Restore this file") as caught:
        home.body(receipt)
    assert caught.value.reason == "blob_damaged"
    home.land(Arrival("door_push", "push", NOW, b"same"))
    assert home.body(receipt) == b"same"


def test_many_blobs_at_once_are_what_they_would_be_one_by_one(tmp_path: Path) -> None:
    """A batch of posts may hold the same bytes twice, known ones, and ones that were damaged meanwhile."""
    known_places: dict[str, Place] = {}
    store = BlobStore(tmp_path, lambda hashes: {h: known_places[h] for h in hashes if h in known_places})
    known, damaged = store.put(b"known"), store.put(b"damaged")
    store.path(damaged).write_bytes(b"")
    bodies = [b"known", b"new", b"damaged", b"new"]
    names, places = store.put_many(iter(bodies))
    known_places |= places
    assert names == [known, sha256_of(b"new"), damaged, sha256_of(b"new")]
    assert set(places) == {sha256_of(b"new")}, "what has a file keeps it"
    assert [store.get(name) for name in names] == list(store.get_many(names)) == bodies
    assert store.put_many([]) == ([], {})
    with pytest.raises(TypeError, match="bytes as received"):
        store.put_many([b"x", "y"])  # type: ignore[list-item]


def test_a_missing_and_an_unreadable_blob_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that answers with an input/output error is how damage usually shows; it must not look like a crash."""
    home = Home(tmp_path)
    receipt = home.land(Arrival("door_push", "push", NOW, b"same"))

    def broken(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", broken)
        with pytest.raises(PermanentFailure, match="Check the permissions") as unreadable:
            home.body(receipt)
    assert unreadable.value.reason == "blob_unreadable"
    home.blobs.path(str(receipt.blob_sha256)).unlink()
    with pytest.raises(PermanentFailure, match="Restore landing/") as missing:
        home.body(receipt)
    assert missing.value.reason == "blob_missing"


def test_text_is_no_blob(tmp_path: Path) -> None:
    """Text has lost its bytes already: the encoding that the device used could never be proved again."""
    with pytest.raises(TypeError, match="bytes as received"):
        BlobStore(tmp_path).put("text")  # type: ignore[arg-type]


def test_a_replaced_file_is_never_seen_in_part(tmp_path: Path) -> None:
    """Readers open files while they are replaced; they must get the old one or the new one, whole."""
    target = tmp_path / "file"
    write_atomically(target, b"a" * 1_000_000)
    with target.open("rb") as reader:
        start = reader.read(10)
        write_atomically(target, b"b" * 2_000_000)
        assert start + reader.read() == b"a" * 1_000_000
    assert target.read_bytes() == b"b" * 2_000_000
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_receipt_without_bytes_has_no_body(tmp_path: Path) -> None:
    """A failed poll brought nothing; asking for its bytes is a caller's mistake and not an empty answer."""
    home = Home(tmp_path)
    receipt = home.land(Arrival("door_push", "poll", NOW, status="failed", error="x"))
    with pytest.raises(ValueError, match="brought no bytes"):
        home.body(receipt)


def runbook(project: Path) -> dict[str, str]:
    """The named shell blocks of the landing runbook."""
    text = (project / "docs" / "runbooks" / "landing.md").read_text(encoding="utf-8")
    found = re.findall(r"^ *```sh (\w+)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return {name: textwrap.dedent(block) for name, block in found}


@pytest.mark.slow
def test_the_runbooks_commands_bring_a_lost_landing_back(project: Path, tmp_path: Path) -> None:
    """A backup that was never restored is a hope; and nobody should try these commands for the first time at seven."""
    blocks = runbook(project)
    home = Home(tmp_path / "data")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("LEVENDE_HOME", None)
    environment.pop("LEVENDE_CATALOGUE_URL", None)

    def run(name: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", blocks[name]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = home.land(Arrival("door_push", "push", NOW, b"first"))
    run("backup")
    second = home.land(Arrival("door_push", "push", NOW, b"second"))
    home.land_many([Arrival("door_push", "push", NOW, b"posted"), Arrival("door_push", "push", NOW, b"with it")])
    run("backup")
    home.land(Arrival("door_push", "push", NOW, b"after the backup"))
    home.land_many([Arrival("door_push", "push", NOW, b"posted after the backup")])
    home.blobs.path(str(first.blob_sha256)).write_bytes(b"spoiled")
    home.blobs.path(str(second.blob_sha256)).unlink()
    said = run("check")
    assert "receipt 1 of door_push: blob_damaged" in said
    assert "receipt 2 of door_push: blob_missing" in said
    assert said.endswith("2 bad of 6 receipts\n")
    told = [str(receipt.blob_sha256) for receipt in home.catalogue.receipts()]
    assert run("see").splitlines() == [f"{told[2]}", f"{told[3]}", f"{told[5]}", "posted"]

    home.catalogue.close()
    run("restore")
    assert run("check") == "0 bad of 4 receipts\n"
    restored = Home(tmp_path / "data")
    assert [restored.body(r) for r in restored.catalogue.receipts()] == [b"first", b"second", b"posted", b"with it"]
    assert restored.land(Arrival("door_push", "push", NOW, b"next")).receipt_id == 5
    with restored.catalogue.engine.connect() as con:
        con.exec_driver_sql("delete from blob_places")
        con.exec_driver_sql("commit")
    assert run("check").endswith("2 bad of 5 receipts\n")
    assert run("index") == "2 records found\n"
    assert run("check") == "0 bad of 5 receipts\n"

    left = restored.blobs.path(str(first.blob_sha256)).with_name(".left.0.tmp")
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    restored.lake.mkdir()
    run("tidy")
    assert not left.exists()
    assert run("check").startswith("0 bad")
