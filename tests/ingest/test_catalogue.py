"""The catalogue: many processes write, and a reader that never looks back misses nothing."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from _adapters import workers
from _adapters.toy import NOW, source
from hypothesis import given
from hypothesis import strategies as st

from ingest.catalogue import Arrival, Catalogue, canonical_json, from_text, to_text
from ingest.errors import TransientFailure
from ingest.home import Home

WRITERS, ROUNDS, FILES = 8, 9, 10
EPOCH_1970 = datetime(1970, 1, 1)  # noqa: DTZ001 - hypothesis wants the bounds without their zone


@pytest.mark.slow
def test_concurrent_writers_lose_and_double_nothing_and_a_reader_behind_its_cursor_sees_all(tmp_path: Path) -> None:
    """The sensor keeps a cursor. One receipt that commits late behind it would be a day of counts never read.

    Two of the writers sleep between taking their number and committing it, which is where a sequence would leak.
    """
    home = Home(tmp_path / "home")
    drop = home.drop / source().source_id
    drop.mkdir(parents=True)
    for number in range(FILES):
        (drop / f"{number}.txt").write_bytes(f"moa;{number};1\n".encode())
    time.sleep(1.05)  # files settle
    stop, seen = tmp_path / "stop", tmp_path / "seen"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    reader = context.Process(target=workers.follow, args=(home.root, stop, seen))
    reader.start()
    writers = [
        context.Process(target=workers.write_all_ways, args=(home.root, n, ROUNDS, 0.02 if n < 2 else 0.0))
        for n in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.touch()
    reader.join()
    assert [p.exitcode for p in (*writers, reader)] == [0] * (WRITERS + 1)

    receipts = home.catalogue.receipts()
    numbers = [r.receipt_id for r in receipts]
    assert numbers == list(range(1, len(numbers) + 1)), "numbers have no gaps: nothing was taken and not used"
    assert [int(line) for line in seen.read_text().split()] == numbers
    ways = Counter(r.how for r in receipts)
    assert ways == {"push": WRITERS * ROUNDS, "poll": WRITERS * ROUNDS, "drop": FILES}
    assert sorted(r.origin for r in receipts if r.how == "drop") == [f"{n}.txt" for n in range(FILES)]
    pushed = Counter(home.body(r) for r in receipts if r.how == "push")
    assert pushed == {workers.body_of(w, n): 1 for w in range(WRITERS) for n in range(ROUNDS)}
    assert len({r.blob_sha256 for r in receipts if r.how == "poll"}) == 1


@pytest.mark.slow
def test_a_locked_catalogue_is_waited_for_and_then_told_as_transient(tmp_path: Path) -> None:
    """A backup tool that holds the file for a moment must not cost an arrival; one that hangs must be named."""
    Catalogue.at(tmp_path).close()
    ready = tmp_path / "ready"
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=workers.hold_the_lock, args=(tmp_path / "catalogue.sqlite", ready, 1.5))
    holder.start()
    while not ready.exists():
        time.sleep(0.01)
    hasty = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", busy_seconds=0.2)
    assert hasty.receipts() == [], "readers don't wait for a writer"
    assert hasty.last_id() == 0
    with pytest.raises(TransientFailure, match=r"See which process holds .*catalogue.sqlite") as caught:
        hasty.record([(Arrival("door_push", "push", NOW, b"x"), "0" * 64)])
    assert caught.value.reason == "catalogue_busy"
    patient = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", busy_seconds=30)
    receipt = patient.record([(Arrival("door_push", "push", NOW, b"x"), "0" * 64)])[0]
    assert receipt.receipt_id == 1
    holder.join()


def test_a_batch_is_all_or_nothing(tmp_path: Path) -> None:
    """Half a batch would leave a sweep that thinks it is done."""
    catalogue = Catalogue.at(tmp_path)
    good = Arrival("door_push", "push", NOW, b"x", once_key="a")
    bad = replace(good, once_key="b", received_at=datetime(2024, 1, 1))  # noqa: DTZ001 - the naive time is the point
    with pytest.raises(ValueError, match="no time zone"):
        catalogue.record([(good, "0" * 64), (bad, "0" * 64)])
    assert catalogue.receipts() == []
    assert not catalogue.has_once_key("a")
    assert catalogue.record([(good, "0" * 64)])[0].receipt_id == 1


def test_a_known_once_key_gives_the_receipt_it_has_and_takes_no_number(tmp_path: Path) -> None:
    """A file swept by two processes is one arrival; a number without a receipt would look like a lost one."""
    catalogue = Catalogue.at(tmp_path)
    arrival = Arrival("door_push", "drop", NOW, b"x", once_key="key")
    first, again = catalogue.record([(arrival, "0" * 64), (arrival, "0" * 64)])
    assert first == again
    later = catalogue.record([(replace(arrival, once_key="other"), "0" * 64)])[0]
    assert (first.receipt_id, later.receipt_id, catalogue.last_id()) == (1, 2, 2)
    assert catalogue.has_once_key("key")
    assert not catalogue.has_once_key("none")


def test_a_receipt_comes_back_as_it_was_given(tmp_path: Path) -> None:
    """What was asked, by which window, is evidence: it must survive the database as it is."""
    arrival = Arrival(
        "door_api",
        "poll",
        datetime(2024, 3, 31, 3, 0, 0, 7, tzinfo=timezone(timedelta(hours=2))),
        b"body",
        origin="https://h/p",
        ask={"b": [1, "æ"], "a": None},
        window_start_at=NOW,
        window_end_at=NOW + timedelta(days=1),
        is_complete=False,
        http_status=206,
        etag='"x"',
        last_modified="yesterday",
        media_type="text/csv",
        error="half",
    )
    given = Catalogue.at(tmp_path)
    given.record([(arrival, "1" * 64)])
    given.close()
    found = Catalogue.at(tmp_path).receipts()[0]
    assert found.received_at == arrival.received_at
    assert found.received_at.tzinfo is UTC
    assert found.asked == dict(arrival.ask)
    assert found.ask == '{"a":null,"b":[1,"æ"]}'
    assert (found.window_start_at, found.window_end_at) == (NOW, NOW + timedelta(days=1))
    for name in ("source_id", "how", "origin", "is_complete", "http_status", "etag", "media_type", "error"):
        assert getattr(found, name) == getattr(arrival, name)
    assert (found.byte_count, found.blob_sha256, found.last_modified) == (4, "1" * 64, "yesterday")


def test_latest_is_the_newest_of_that_source_origin_and_status(tmp_path: Path) -> None:
    """Conditional requests and cursors start from it: a failed answer or another feed's must not be taken."""
    catalogue = Catalogue.at(tmp_path)

    def put(source_id: str, origin: str, status: str = "ok") -> int:
        arrival = Arrival(source_id, "poll", NOW, b"x", status=status, origin=origin)
        return catalogue.record([(arrival, "0" * 64)])[0].receipt_id

    put("a", "one")
    wanted = put("a", "one")
    newest = put("a", "two")
    put("a", "one", "failed")
    put("b", "one")
    by_origin, by_source = catalogue.latest("a", origin="one"), catalogue.latest("a")
    assert by_origin is not None
    assert by_source is not None
    assert (by_origin.receipt_id, by_source.receipt_id) == (wanted, newest)
    assert catalogue.latest("a", origin="three") is None
    assert [r.receipt_id for r in catalogue.receipts(after=wanted, source_id="a")] == [newest, newest + 1]


def test_an_arrival_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """A status that nobody looks for would be bytes that nobody ever reads."""
    with pytest.raises(ValueError, match="'OK'"):
        Arrival("a", "push", NOW, b"x", status="OK")
    with pytest.raises(ValueError, match="'mail'"):
        Arrival("a", "mail", NOW, b"x")


def test_the_catalogue_can_stand_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several machines share one catalogue by its address; the blobs stay where they are."""
    monkeypatch.setenv("LEVENDE_CATALOGUE_URL", f"sqlite:///{tmp_path / 'elsewhere' / 'c.sqlite'}")
    home = Home(tmp_path / "home")
    home.land(Arrival("a", "push", NOW, b"x"))
    assert (tmp_path / "elsewhere" / "c.sqlite").exists()
    assert not (home.landing / "catalogue.sqlite").exists()


@given(st.datetimes(min_value=EPOCH_1970, timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_stored_times_sort_as_text_and_come_back_exactly(moment: datetime, offset: int) -> None:
    """The order of receipts is asked of a text column, on every database."""
    local = moment.astimezone(timezone(timedelta(minutes=offset))) if 1971 < moment.year < 9998 else moment
    assert from_text(to_text(local)) == moment
    if moment.year < 9999:
        assert to_text(moment) < to_text(moment + timedelta(microseconds=1))


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.lists(st.integers())))
def test_equal_questions_have_one_spelling(ask: dict[str, object]) -> None:
    """A reading is named by what was asked: another order of the same keys must not make a second reading."""
    assert canonical_json(ask) == canonical_json(dict(reversed(list(ask.items()))))
