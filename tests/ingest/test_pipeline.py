"""The steps: what a sweep takes and leaves, what a failed poll keeps, what is read and in which order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from _adapters.toy import NOW, SECRET_NAME, Toy, configuration, registered, source

from ingest import pipeline
from ingest.adapters import FetchContext
from ingest.catalogue import Arrival
from ingest.errors import ConfigurationError, PermanentFailure, TransientFailure
from ingest.home import Home
from ingest.lake import Lake
from ingest.pipeline import data_version, pending, poll, read_pending, reading_fingerprint, sweep

SECRET = "S3CRETtoken"


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Known adapters for one test; their version is put back."""
    monkeypatch.setattr(Toy, "version", 1)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with registered():
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def put(folder: Path, name: str, body: bytes = b"moa;1;1\n", age: float = 10) -> Path:
    """A file that was last written `age` seconds ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def swept(home: Home, **more: object) -> list[str]:
    """Sweep the toy source once and tell what its receipts are called."""
    feed = source(**more)
    outcome = sweep(home, configuration(home.root, feed), feed, NOW)
    assert outcome.failures == []
    return [r.origin for r in home.catalogue.receipts()]


def drop(home: Home) -> Path:
    return home.drop / "door_toy_moa"


def test_a_file_put_back_to_what_it_was_is_a_new_arrival(home: Home) -> None:
    """Somebody overwrote a month by mistake and restores it: the mistake must not stay the last word."""
    for body in (b"moa;1;1\n", b"moa;9;9\n", b"moa;1;1\n", b"moa;1;1\n"):
        put(drop(home), "a.csv", body)
        swept(home)
    receipts = home.catalogue.receipts()
    assert [r.byte_count for r in receipts] == [8, 8, 8]
    assert receipts[0].blob_sha256 == receipts[2].blob_sha256 != receipts[1].blob_sha256


def test_files_of_one_name_in_two_folders_are_two_files_and_never_take_turns(home: Home, tmp_path: Path) -> None:
    """Known by their last part alone they would look changed at every sweep, for ever."""
    put(drop(home), "2022/a.csv", b"moa;1;1\n")
    put(drop(home), "2023/a.csv", b"moa;2;2\n")
    for _ in range(3):
        assert swept(home) == ["2022/a.csv", "2023/a.csv"]
    put(tmp_path / "kept", "2022/a.csv", b"moa;3;3\n")
    feed = source(path=str(tmp_path / "kept"))
    outcome = sweep(home, configuration(home.root, feed), feed, NOW)
    assert [f.reason for f in outcome.failures] == ["name_twice"]
    assert outcome.receipts == 0


def test_a_dropped_file_is_one_receipt_however_often_it_is_swept(home: Home) -> None:
    """The folder is swept every minute, and people leave their files where they are."""
    put(drop(home), "a.csv")
    assert swept(home) == swept(home) == swept(home) == ["a.csv"]
    put(drop(home), "copy.csv")
    assert swept(home) == ["a.csv", "copy.csv"]
    assert len({r.blob_sha256 for r in home.catalogue.receipts()}) == 1
    assert put(drop(home), "a.csv").exists(), "files stay where they are"


def test_a_file_changed_under_the_same_name_time_and_size_is_seen(home: Home) -> None:
    """Counters rewrite one file, and copying tools keep its time: only the content tells."""
    put(drop(home), "a.csv", b"moa;1;1\n")
    swept(home)
    before = (drop(home) / "a.csv").stat()
    (drop(home) / "a.csv").write_bytes(b"moa;1;2\n")
    os.utime(drop(home) / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (drop(home) / "a.csv").stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert swept(home) == ["a.csv", "a.csv"]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.csv",
        ".stfolder/a.csv",
        "deep/.git/a.csv",
        "a.csv.part",
        "a.tmp",
        "A.PARTIAL",
        "a.csv.filepart",
        "a.crdownload",
        "~$a.xlsx",
        ".~lock.a.ods#",
    ],
)
def test_unfinished_and_hidden_files_are_left_alone(home: Home, name: str) -> None:
    """Upload tools write under these names first; an office lock file holds the name of whoever has it open."""
    put(drop(home), name)
    assert swept(home) == []
    put(drop(home), "whole.csv")
    assert swept(home) == ["whole.csv"]


@pytest.mark.parametrize("age", [0.0, 0.3, -0.3])
def test_a_file_that_was_written_just_now_waits_for_the_next_sweep(home: Home, age: float) -> None:
    """It may still be growing, also where a network folder's clock runs a little ahead of ours."""
    put(drop(home), "a.csv", age=age)
    assert swept(home) == []
    put(drop(home), "a.csv", age=2)
    assert swept(home) == ["a.csv"]


def test_a_file_dated_far_in_the_future_is_taken(home: Home) -> None:
    """A counter whose clock was never set must not be ignored until that day comes."""
    put(drop(home), "a.csv", age=-(10**8))
    assert swept(home) == ["a.csv"]


def test_a_file_that_grows_while_it_is_read_is_left_for_later(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a day's file parses as a quiet day."""
    path = put(drop(home), "a.csv")
    real = Path.read_bytes

    def growing(self: Path) -> bytes:
        body = real(self)
        if self == path:
            with path.open("ab") as out:
                out.write(b"more\n")
        return body

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", growing)
        assert swept(home) == []
    put(drop(home), "a.csv", path.read_bytes())
    assert swept(home) == ["a.csv"]


def test_a_file_that_is_taken_away_while_sweeping_is_no_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """People tidy up; the others go on."""
    put(drop(home), "a.csv")
    put(drop(home), "b.csv", b"moa;2;2\n")
    real = Path.read_bytes

    def gone(self: Path) -> bytes:
        if self.name == "a.csv":
            self.unlink()
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert swept(home) == ["b.csv"]


def test_one_unreadable_file_is_told_and_the_others_go_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong permissions on one file are a person's to mend, not a reason to lose the day."""
    put(drop(home), "a.csv")
    put(drop(home), "b.csv", b"moa;2;2\n")
    put(drop(home), "big.csv", b"moa;2;2\n" * 10)
    real = Path.read_bytes

    def refused(self: Path) -> bytes:
        if self.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setattr(pipeline, "MAX_FILE_BYTES", 50)
    feed = source()
    outcome = sweep(home, configuration(home.root), feed, NOW)
    assert [(f.reason, bool(f.next_action)) for f in outcome.failures] == [
        ("unreadable_file", True),
        ("too_large", True),
    ]
    assert [r.origin for r in home.catalogue.receipts()] == ["b.csv"]


def test_an_unreadable_folder_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that can't be listed looks exactly like an empty one, and the branch like a closed one."""
    put(drop(home), "inner/a.csv")
    real = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    outcome = sweep(home, configuration(home.root), source(), NOW)
    assert [f.reason for f in outcome.failures] == ["unreadable_file"]
    assert "inner" in str(outcome.failures[0])


def test_a_file_name_that_is_no_utf8_is_landed_under_a_name_that_can_be_written(home: Home) -> None:
    """Old Windows shares deliver `besøk.csv` in Latin-1; the database and the log take only text."""
    drop(home).mkdir(parents=True)
    raw = os.path.join(os.fsencode(drop(home)), b"bes\xf8k.csv")  # noqa: PTH118 - bytes are the point
    try:
        with open(raw, "wb") as out:  # noqa: PTH123
            out.write(b"moa;1;1\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    os.utime(raw, (1, 1))
    put(drop(home), "z.csv", b"moa;2;2\n")
    assert swept(home) == swept(home) == ["bes\\xf8k.csv", "z.csv"]


@pytest.mark.parametrize("target", ["file", "folder"])
def test_a_link_that_leads_out_of_the_folder_is_refused_and_told(home: Home, tmp_path: Path, target: str) -> None:
    """Who may put files into a drop folder could otherwise have any file of this machine landed and shown."""
    outside = put(tmp_path / "outside", "secret.csv", SECRET.encode())
    drop(home).mkdir(parents=True)
    (drop(home) / "link.csv").symlink_to(outside if target == "file" else outside.parent)
    put(drop(home), "z.csv")
    outcome = sweep(home, configuration(home.root), source(), NOW)
    assert [f.reason for f in outcome.failures] == ["link_refused"]
    assert [r.origin for r in home.catalogue.receipts()] == ["z.csv"]


def test_a_link_inside_the_folder_and_a_linked_drop_folder_are_followed(home: Home, tmp_path: Path) -> None:
    """The operator may put the drop folder on another disk; `latest.csv` beside its file is a common habit."""
    elsewhere = put(tmp_path / "disk", "a.csv").parent
    (elsewhere / "latest.csv").symlink_to("a.csv")
    home.drop.mkdir(parents=True)
    drop(home).symlink_to(elsewhere)
    assert swept(home) == ["a.csv", "latest.csv"]


def test_a_link_that_circles_or_leads_nowhere_stops_nothing(home: Home) -> None:
    """Either is left over by tools that were interrupted."""
    drop(home).mkdir(parents=True)
    (drop(home) / "nowhere.csv").symlink_to("gone.csv")
    (drop(home) / "circle").symlink_to(".")
    put(drop(home), "z.csv")
    assert swept(home) == ["z.csv"]


@pytest.mark.timeout(20)
def test_a_pipe_in_the_folder_is_not_waited_for(home: Home) -> None:
    """Reading it would never end."""
    drop(home).mkdir(parents=True)
    os.mkfifo(drop(home) / "pipe.csv")
    os.utime(drop(home) / "pipe.csv", (1, 1))
    assert swept(home) == []


def test_a_sources_own_path_is_read_beside_its_drop_folder(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that somebody else keeps are read where they stand, relative to the description."""
    put(home.root / "theirs", "a.csv")
    put(home.root / "theirs", "a.txt", b"other")
    put(drop(home), "b.csv", b"moa;2;2\n")
    assert swept(home, path="theirs", pattern="*.csv") == ["b.csv", "a.csv"]
    monkeypatch.setenv("TOY_FOLDER", str(put(tmp_path / "mount", "c.csv", b"moa;3;3\n").parent))
    assert swept(home, path="${TOY_FOLDER}/c.csv") == ["b.csv", "a.csv", "c.csv"]


@pytest.mark.parametrize(("path", "reason"), [("${TOY_UNSET}/x", "configuration"), ("not/there", "path_missing")])
def test_a_path_that_is_not_there_is_told_and_the_drop_folder_still_swept(home: Home, path: str, reason: str) -> None:
    """A share that was not mounted looks like a day without visitors unless somebody says so."""
    put(drop(home), "b.csv")
    feed = source(path=path)
    outcome = sweep(home, configuration(home.root, feed), feed, NOW)
    assert [f.reason for f in outcome.failures] == [reason]
    assert outcome.failures[0].next_action
    assert outcome.receipts == 1


def arrival(number: int) -> Arrival:
    return Arrival("door_toy_moa", "poll", NOW, b"moa;%d;1\n" % number, origin="https://h/x")


def bug(_: FetchContext) -> Iterator[Arrival]:
    yield arrival(1)
    yield arrival(2)
    raise KeyError(f"https://h/x?access_token={SECRET}")


def busy(_: FetchContext) -> Iterator[Arrival]:
    yield arrival(1)
    yield arrival(2)
    try:
        raise OSError(f"GET https://h/x?access_token={SECRET}")
    except OSError as error:
        raise TransientFailure("the vendor is busy.", reason="http_503", next_action="Wait.") from error


def naive(_: FetchContext) -> Iterator[Arrival]:
    yield arrival(1)
    yield arrival(2)
    yield Arrival("door_toy_moa", "poll", NOW.replace(tzinfo=None), b"x", origin=SECRET)


def at_once(_: FetchContext) -> Iterator[Arrival]:
    raise PermanentFailure("the key was taken back.", reason="http_401", next_action="Ask for a new key.")


@pytest.mark.parametrize(
    ("fetch", "kept", "reason"),
    [
        (bug, 2, "fetcher_fault"),
        (busy, 2, "http_503"),
        (naive, 2, "fetcher_fault"),
        (at_once, 0, "http_401"),
    ],
)
def test_a_failed_poll_is_a_receipt_and_keeps_what_came_before(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fetch: Callable[[FetchContext], Iterator[Arrival]],
    kept: int,
    reason: str,
) -> None:
    """That we asked and got nothing is a fact about the day; and no exception's text may carry a secret into it."""
    monkeypatch.setattr(Toy, "fetching", staticmethod(fetch))
    outcome = poll(home, configuration(home.root), source(), NOW)
    *good, failed = home.catalogue.receipts()
    assert [home.body(r) for r in good] == [b"moa;%d;1\n" % n for n in range(1, kept + 1)]
    assert (failed.status, failed.how, failed.is_complete, failed.blob_sha256) == ("failed", "poll", False, None)
    assert str(failed.error).startswith(f"{reason}: ")
    assert [f.reason for f in outcome.failures] == [reason]
    assert outcome.receipts == kept + 1
    everything = caplog.text.encode() + b"".join(p.read_bytes() for p in home.root.rglob("*") if p.is_file())
    assert SECRET.encode() not in everything


def test_a_poll_that_is_configured_wrongly_is_a_failed_receipt(home: Home) -> None:
    """The schedule asks every source; one typing error must stop only its own."""
    feed = source(options={"factr": 1})
    outcome = poll(home, configuration(home.root, feed), feed, NOW)
    assert [f.reason for f in outcome.failures] == ["configuration"]
    assert "options.factr" in str(home.catalogue.receipts()[0].error)


def test_a_source_that_can_not_be_asked_gives_no_receipt(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every schedule tick would write a line about nothing."""
    monkeypatch.setattr(Toy, "polls", False)
    assert poll(home, configuration(home.root), source(), NOW).receipts == 0
    assert home.catalogue.last_id() == 0


def test_a_fetcher_sees_its_own_newest_good_receipt_and_the_moment_it_counts_as(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cursors come from what was stored, never from a clock."""
    seen: list[object] = []

    def fetch(context: FetchContext) -> Iterator[Arrival]:
        newest = context.latest("https://h/x")
        seen.append((newest.receipt_id if newest else None, context.now, context.options.factor))
        yield arrival(len(seen))

    monkeypatch.setattr(Toy, "fetching", staticmethod(fetch))
    feed = source(options={"factor": 4})
    for hour in range(2):
        poll(home, configuration(home.root, feed), feed, NOW + timedelta(hours=hour))
    assert seen == [(None, NOW, 4), (1, NOW + timedelta(hours=1), 4)]


def push(home: Home, body: bytes, source_id: str = "door_toy_moa", **more: object) -> int:
    return home.land(Arrival(source_id, "push", NOW, body, **more)).receipt_id  # type: ignore[arg-type]


def test_the_first_receipt_of_the_same_bytes_is_the_one_that_is_read(home: Home) -> None:
    """The recorded time is when we first knew; a redelivery must not make old news new."""
    first = push(home, b"moa;1;1\n")
    push(home, b"moa;1;1\n")
    other = push(home, b"moa;2;2\n")
    library = configuration(home.root)
    assert [p.receipt.receipt_id for p in pending(home, library)] == [first, other]
    assert [p.receipt.receipt_id for p in pending(home, library, after=first)] == [other], "the second told nothing new"
    read_pending(home, library)
    push(home, b"moa;1;1\n")
    assert pending(home, library) == []


def test_snapshots_are_read_once_for_each_receipt(home: Home) -> None:
    """The same follower count on two days is two observations."""
    feed = source("door_snapshot", "toy_snapshot")
    for _ in range(2):
        push(home, b"moa;1;1\n", "door_snapshot")
    library = configuration(home.root, feed)
    assert [p.receipt.receipt_id for p in pending(home, library)] == [1, 2]
    read_pending(home, library)
    assert pending(home, library) == []
    table = pq.read_table(home.lake / "door_observations" / "door_snapshot", partitioning=None)
    assert table["receipt_id"].to_pylist() == [1, 2]


def test_only_good_answers_of_enabled_sources_of_the_family_are_read(home: Home) -> None:
    """A refused push is evidence, not data; a paused feed says nothing new."""
    push(home, b"moa;1;1\n")
    push(home, b"moa;2;2\n", status="refused")
    push(home, b"moa;3;3\n", status="failed")
    push(home, b"moa;4;4\n", "door_toy_paused")
    push(home, b"moa;5;5\n", "door_nobody")
    home.land(Arrival("door_toy_moa", "poll", NOW, status="not_modified"))
    library = configuration(home.root, source(), source("door_toy_paused", enabled=False))
    assert [p.receipt.receipt_id for p in pending(home, library)] == [1]
    assert pending(home, library, "events") == []
    assert list(read_pending(home, library)) == ["door_toy_moa"]
    assert not (home.lake / "door_observations" / "door_toy_paused").exists()


@pytest.mark.parametrize("damage", ["gone", "changed", "unreadable"])
def test_lost_bytes_are_told_and_the_other_blobs_are_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """One bad sector must not stop a library's night; and the next run tries again, after the backup is back."""
    numbers = [push(home, b"moa;%d;1\n" % n) for n in range(3)]
    bad = home.blobs.path(str(home.catalogue.receipts()[1].blob_sha256))
    whole = bad.read_bytes()
    with monkeypatch.context() as patch:
        if damage == "gone":
            bad.unlink()
        elif damage == "changed":
            bad.write_bytes(b"moa;9;9\n")
        else:
            real = Path.read_bytes

            def failing(self: Path) -> bytes:
                if self == bad:
                    raise OSError(5, "Input/output error")
                return real(self)

            patch.setattr(Path, "read_bytes", failing)
        told: list[tuple[int, int]] = []
        outcome = read_pending(home, configuration(home.root), None, lambda *p: told.append(p))["door_toy_moa"]
    assert (outcome.blobs, len(outcome.failures)) == (2, 1)
    assert outcome.failures[0].reason.startswith("blob_")
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [p.receipt.receipt_id for p in pending(home, configuration(home.root))] == [numbers[1]]
    bad.write_bytes(whole)
    assert read_pending(home, configuration(home.root))["door_toy_moa"].blobs == 1


@pytest.mark.parametrize("wrong", [{"adapter": "nobody_makes_this"}, {"options": {"factr": 1}}])
def test_a_source_that_is_configured_wrongly_does_not_stop_the_others(home: Home, wrong: dict[str, object]) -> None:
    """A new feed is set up while the old ones run."""
    push(home, b"moa;1;1\n")
    push(home, b"moa;2;2\n", "door_toy_new")
    bad = source("door_toy_new", **wrong)  # type: ignore[arg-type]
    library = configuration(home.root, bad, source())
    outcomes = read_pending(home, library)
    assert outcomes["door_toy_moa"].blobs == 1
    assert [type(f) for f in outcomes["door_toy_new"].failures] == [ConfigurationError]
    assert pending(home, library) == []
    mended = configuration(home.root, source(), source("door_toy_new"))
    assert reading_fingerprint(library) != reading_fingerprint(mended)
    assert read_pending(home, mended)["door_toy_new"].blobs == 1


def test_outcomes_count_rows_and_rejects_apart(home: Home) -> None:
    """The run's page shows how much was read and how much was refused, per source."""
    push(home, b"moa;1;1\nbattery;1;0.5\nnonsense\n")
    push(home, b"FAULT")
    outcome = read_pending(home, configuration(home.root))["door_toy_moa"]
    assert (outcome.blobs, outcome.rejects) == (2, 2)
    assert outcome.rows == {"door_observations": 1, "door_health": 1}
    assert read_pending(home, configuration(home.root))["door_toy_moa"].blobs == 0


def test_the_fingerprint_and_the_data_version_follow_what_they_name(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sensor and the published manifest rely on them: a change that they miss is a figure that stays wrong."""
    push(home, b"moa;1;1\n")
    library = configuration(home.root)
    other_options = configuration(home.root, source(options={"factor": 2}))
    first = reading_fingerprint(library)
    assert first == reading_fingerprint(configuration(home.root / "elsewhere"))
    assert first != reading_fingerprint(other_options)
    read_pending(home, library)
    version = data_version(home, library)
    assert version == data_version(home, library)
    assert version != data_version(home, library, "another code version")
    assert version != data_version(home, other_options)
    monkeypatch.setattr(Toy, "version", 2)
    assert first != reading_fingerprint(library)
    read_pending(home, library)
    assert version != data_version(home, library)
    monkeypatch.setattr(Toy, "version", 1)
    read_pending(home, library)
    assert version == data_version(home, library), "the same inputs have the same name"


def test_no_name_reaches_the_lake_from_a_failing_parser(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """The parser's exception quotes the record; the log is read by more people than the landing is."""
    push(home, b"FAULT")
    read_pending(home, configuration(home.root))
    lake = b"".join(p.read_bytes() for p in home.lake.rglob("*") if p.is_file())
    assert SECRET_NAME.encode() not in lake + caplog.text.encode()
    assert Lake(home.lake).progress("door_toy_moa") is not None
