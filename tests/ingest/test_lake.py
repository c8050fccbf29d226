"""The lake: the same landing gives the same files, bit by bit, whatever was killed, reordered or read again."""

from __future__ import annotations

import hashlib
import itertools
import math
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _adapters import workers
from _adapters.toy import (
    EPOCH,
    NOW,
    SECRET_NAME,
    Snapshot,
    Toy,
    ToyOptions,
    configuration,
    observation,
    registered,
    source,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

import ingest.lake as lake_module
from ingest.adapters import Parsed, Reject
from ingest.catalogue import Arrival, Catalogue, Receipt
from ingest.contracts import DOOR_OBSERVATIONS, REJECTS, SOCIAL_METRIC_OBSERVATIONS, TABLES
from ingest.errors import TransientFailure
from ingest.home import Home
from ingest.lake import Lake, parquet_bytes, parse_id, stem, to_arrow
from ingest.pipeline import pending, read_pending, write_receipts

BODIES = (
    b"moa;0;5\nmoa;1;0\nbattery;1;0.5\n",
    b"moa;2;7\nnonsense\n",
    b"UNREADABLE",
    b"FAULT",
    b"battery;3;0.25\n",
    b"\xff\xfe",
)


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Known adapters for one test; their version is put back. No power cut is played here, so nothing is synced."""
    monkeypatch.setattr(Toy, "version", 1)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with registered():
        yield


def landed(root: Path, bodies: tuple[bytes, ...] = BODIES, source_id: str = "door_toy_moa") -> Home:
    """A home whose landing holds the bodies, one push an hour."""
    home = Home(root)
    for number, body in enumerate(bodies):
        home.land(Arrival(source_id, "push", NOW + timedelta(hours=number), body))
    return home


def files(root: Path) -> dict[str, str]:
    """Every file of a lake by its path, with the hash of its bytes. Hidden files are nobody's to read."""
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file() and not p.name.startswith(".")
    }


def rows(home: Home, table: str) -> list[dict[str, Any]]:
    """All rows of a table."""
    found = sorted((home.lake / table).glob("*/*.parquet"))
    return [row for path in found for row in pq.read_table(path, partitioning=None).to_pylist()]


def told(home: Home, table: str = "door_observations") -> set[tuple[Any, ...]]:
    """What a table says, apart from which receipt told it when."""
    return {
        tuple((k, v) for k, v in row.items() if k not in {"receipt_id", "received_at"}) for row in rows(home, table)
    }


def read(home: Home, **options: int) -> None:
    read_pending(home, configuration(home.root, source(options=options)))


def receipt(**more: Any) -> Receipt:
    """A receipt as a parser gets it."""
    known: dict[str, Any] = dict.fromkeys(Receipt.__dataclass_fields__)
    known.update(receipt_id=1, source_id="door_toy_moa", received_at=NOW, ask="", blob_sha256="a" * 64)
    return Receipt(**{**known, **more})


def test_the_same_landing_gives_the_same_files_again_and_in_another_process(tmp_path: Path) -> None:
    """A figure is defended by rebuilding it: if the second build differs, neither proves anything."""
    home = landed(tmp_path)
    read(home, factor=1)
    first = files(home.lake)
    assert [name for name in first if "door_toy_moa" in name] == [
        "_read/door_toy_moa/progress.json",
        *(
            f"{table}/door_toy_moa/part-000000000001.parquet"
            for table in ("door_health", "door_observations", "rejects")
        ),
    ]
    read(home, factor=1)
    assert files(home.lake) == first

    home.lake.rename(tmp_path / "first")
    read(home, factor=1)
    assert files(home.lake) == first

    home.lake.rename(tmp_path / "second")
    code = f"from pathlib import Path; from _adapters.workers import read_all; read_all(Path({str(tmp_path)!r}))"
    here = Path(__file__).parent
    path = f"{here}{os.pathsep}{here.parents[1]}"  # this checkout, wherever another one may be installed
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert files(home.lake) == first


@pytest.mark.slow
def test_a_kill_between_any_two_files_is_mended_by_the_next_reading(tmp_path: Path) -> None:
    """Rows are written before the progress, so that what a killed run left is written again, equal."""
    whole = landed(tmp_path / "whole", BODIES[:2])
    read(whole, factor=1)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    for writes in itertools.count():
        root = tmp_path / f"killed_{writes}"
        home = landed(root, BODIES[:2])
        reader = context.Process(target=workers.read_and_die, args=(root, writes))
        reader.start()
        reader.join()
        read(home, factor=1)
        assert files(home.lake) == files(whole.lake), f"killed before write {writes}"
        if reader.exitcode == 0:
            break
        assert reader.exitcode == -signal.SIGKILL
    assert writes >= 4, "two kinds of rows, a reject table, and the progress"


@pytest.mark.slow
def test_an_upgrade_that_was_killed_and_taken_back_leaves_the_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old progress that survived would vouch for rows that the newer parser had already replaced."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    for writes in range(3):
        home = landed(tmp_path / str(writes), BODIES[:2])
        read(home, factor=1)
        old = files(home.lake)
        reader = context.Process(target=workers.read_and_die, args=(home.root, writes, 2))
        reader.start()
        reader.join()
        assert reader.exitcode == -signal.SIGKILL
        read(home, factor=1)
        assert files(home.lake) == old, f"killed before write {writes}"
        monkeypatch.setattr(Toy, "version", 2)
        read(home, factor=1)
        assert told(home, "door_health") == set()
        monkeypatch.setattr(Toy, "version", 1)


def test_a_raised_parser_version_reads_again_and_removes_rows_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mended parser must take its mistakes back, also where it now says nothing at all."""
    home = landed(tmp_path)
    read(home, factor=1)
    assert len(rows(home, "door_observations")) == 3
    assert len(rows(home, "door_health")) == 2
    monkeypatch.setattr(Toy, "version", 2)
    read(home, factor=1)
    assert sorted(row["in_count"] for row in rows(home, "door_observations")) == [5, 7]
    assert rows(home, "door_health") == []
    assert {row["parser"] for row in rows(home, "rejects")} == {"toy@2"}
    fresh = landed(tmp_path / "fresh")
    read(fresh, factor=1)
    assert files(fresh.lake) == files(home.lake), "an upgrade and a fresh start end at the same lake"


def test_rows_in_a_table_that_the_adapter_no_longer_writes_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would stay for ever, and no later reading would own them."""
    home = landed(tmp_path, BODIES[:1])
    read(home)
    assert rows(home, "door_health")
    monkeypatch.setattr(Toy, "tables", ("door_observations",))
    monkeypatch.setattr(Toy, "version", 2)
    monkeypatch.setattr(Toy, "parse", lambda *_: Parsed({"door_observations": [observation("moa", 1, 1)]}))
    read(home)
    assert rows(home, "door_health") == []
    assert len(rows(home, "door_observations")) == 1


def test_changed_options_read_again_and_their_order_does_not(tmp_path: Path) -> None:
    """Options change what bytes mean; another order of the same keys in YAML does not."""
    home = landed(tmp_path, BODIES[:1])
    read(home, factor=1)
    assert {row["in_count"] for row in rows(home, "door_observations")} == {0, 5}
    read(home, factor=3)
    assert {row["in_count"] for row in rows(home, "door_observations")} == {0, 15}

    class Mapped(ToyOptions):
        doors: dict[str, int] = Field(default_factory=dict)

    one, other = Mapped(doors={"a": 1, "b": 2}), Mapped(doors={"b": 2, "a": 1})
    assert parse_id(Toy(), source(), one) == parse_id(Toy(), source(), other)


def test_readings_that_no_receipt_stands_for_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When an adapter begins to name its readings otherwise, the old ones would be counted beside the new."""
    home = landed(tmp_path, (BODIES[0], BODIES[0]))
    read(home)
    assert len(rows(home, "door_observations")) == 2
    monkeypatch.setattr(Toy, "reads_moments", True)
    read(home)
    assert len(rows(home, "door_observations")) == 4
    monkeypatch.setattr(Toy, "reads_moments", False)
    read(home)
    assert len(rows(home, "door_observations")) == 2


def broken_rows() -> dict[str, Any]:
    good = observation("moa", 1, 1)
    return {
        "a text in a number": [good, {**good, "in_count": "many"}],
        "a fraction of a visitor": [good, {**good, "in_count": 5.7}],
        "a number too large": [{**good, "in_count": 2**80}],
        "a required value missing": [{**good, "device_key": None}],
        "a required column missing": [{k: v for k, v in good.items() if k != "kind"}],
        "an unknown column": [{**good, "visitor_name": SECRET_NAME}],
        "an object": [{**good, "device_key": object()}],
        "half a letter": [{**good, "device_key": "\ud800"}],
        "a frame with a text in a number": pd.DataFrame([good, {**good, "in_count": "many"}]),
        "a frame with a fraction": pd.DataFrame([good, {**good, "in_count": 5.7}]),
        "a frame with a column twice": pd.concat([pd.DataFrame([good])] * 2, axis=1),
        "a frame with nanoseconds": pd.DataFrame([good]).assign(sent_at=pd.Timestamp("2024-01-01 00:00:00.000000001")),
        "no rows but None": None,
        "a row that is no row": [5],
        "a generator that fails late": (observation(SECRET_NAME, 1, 1 // n) for n in (1, 0)),
    }


@pytest.mark.parametrize("case", list(broken_rows()))
def test_rows_that_break_their_contract_become_one_reject_for_the_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """A parser's bug costs its own blob: not the run, not its neighbours, and not a half-true set of rows."""
    home = landed(tmp_path, (b"good", b"bad"))

    def parse(_self: Toy, body: bytes, *_: Any) -> Parsed:
        return Parsed({"door_observations": broken_rows()[case] if body == b"bad" else [observation("moa", 1, 1)]})

    monkeypatch.setattr(Toy, "parse", parse)
    outcome = read_pending(home, configuration(home.root))["door_toy_moa"]
    assert (outcome.blobs, outcome.rejects, outcome.failures) == (2, 1, [])
    assert len(rows(home, "door_observations")) == 1
    reject = rows(home, "rejects")[0]
    assert (reject["scope"], reject["reason"]) == ("blob", "contract_broken")
    assert SECRET_NAME not in str(reject)
    assert reject["next_action"].startswith("Report this")


@pytest.mark.parametrize(
    "parsed",
    [
        None,
        Parsed(rejects=[Reject(5, "r", "m", "n")]),  # type: ignore[arg-type]
        Parsed(rejects=[Reject("p", None, "m", "n")]),  # type: ignore[arg-type]
        Parsed(rejects=[Reject("p", "\ud800", "m", "n")]),
        Parsed({"social_post_observations": []}),
        Parsed({"door_observations": [5]}, [Reject(5, "r", "m", "n")]),  # type: ignore[arg-type, list-item]
    ],
)
def test_a_parser_that_answers_nonsense_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: Any
) -> None:
    """Rejects are made by the same hands as rows: a malformed reject must not do what a malformed row may not."""
    home = landed(tmp_path, (b"bad",))
    monkeypatch.setattr(Toy, "parse", lambda *_: parsed)
    outcome = read_pending(home, configuration(home.root))["door_toy_moa"]
    assert outcome.failures == []
    assert {r["reason"] for r in rows(home, "rejects")} == {"contract_broken"}


def test_a_parsers_exception_is_told_without_its_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its text may quote the record, and a record may hold a name."""
    home = landed(tmp_path)
    read(home)
    by_reason = {row["reason"]: row for row in rows(home, "rejects") if row["reason"] != "parser_fault"}
    faults = [row for row in rows(home, "rejects") if row["reason"] == "parser_fault"]
    assert sorted(row["message"] for row in faults) == [
        "the parser toy failed with KeyError",
        "the parser toy failed with UnicodeDecodeError",
    ]
    assert by_reason["bad_line"]["pointer"] == "line 2"
    assert by_reason["not_toy"]["scope"] == "blob"
    assert (by_reason["not_toy"]["message"], by_reason["not_toy"]["next_action"]) == (
        "no toy bytes.",
        "Send toy bytes.",
    )
    everything = b"".join(p.read_bytes() for p in home.lake.rglob("*") if p.is_file()) + caplog.text.encode()
    assert SECRET_NAME.encode() not in everything
    assert "nonsense" not in str(rows(home, "rejects"))


def test_a_frame_and_dicts_of_the_same_rows_give_the_same_file() -> None:
    """How an adapter holds its rows is its own affair; NaN, NaT and None all mean that nothing was said."""
    some = [
        {**observation(f"d{n}", n, n if n % 3 else None), "zone": "Europe/Oslo" if n % 2 else None} for n in range(50)
    ]
    lineage = {
        "source_id": "s",
        "receipt_id": 1,
        "received_at": EPOCH,
        "blob_sha256": "a",
        "parser": "toy@1",
    }
    dicts = [{**row, **lineage} for row in some]
    expected = parquet_bytes(to_arrow(DOOR_OBSERVATIONS, dicts))
    frame = pd.DataFrame(some)
    assert frame["in_count"].dtype == float, "pandas makes holes in whole numbers by floats"
    pieces = pd.concat([frame[:20], frame[20:]], ignore_index=True)
    shuffled = frame[sorted(frame.columns)]
    for same in (frame, pieces, shuffled, frame.convert_dtypes(), frame.astype({"device_key": "category"})):
        assert parquet_bytes(to_arrow(DOOR_OBSERVATIONS, same.assign(**lineage))) == expected
    told = pa.Table.from_pylist(some)
    for arrow in (told, told.select(sorted(told.column_names)), pa.concat_tables([told[:20], told[20:]])):
        assert parquet_bytes(to_arrow(DOOR_OBSERVATIONS, lake_module._traced(arrow, lineage))) == expected
    with_nan = [{**row, "in_count": math.nan if row["in_count"] is None else row["in_count"]} for row in dicts]
    assert parquet_bytes(to_arrow(DOOR_OBSERVATIONS, with_nan)) == expected
    aware = [
        {
            **row,
            "interval_start_at": row["interval_start_at"].replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=2))),
        }
        for row in dicts
    ]
    assert parquet_bytes(to_arrow(DOOR_OBSERVATIONS, aware)) == expected
    assert parquet_bytes(to_arrow(DOOR_OBSERVATIONS, pd.DataFrame(aware))) == expected


def test_a_value_that_is_not_a_number_is_unknown_and_not_zero() -> None:
    """A NaN in the lake would poison every sum that touches it."""
    row = dict.fromkeys(c.name for c in SOCIAL_METRIC_OBSERVATIONS.columns if c.required and c.type == pa.string())
    row = dict.fromkeys(row, "x") | {"observed_at": NOW, "receipt_id": 1, "received_at": NOW, "value": math.nan}
    assert to_arrow(SOCIAL_METRIC_OBSERVATIONS, [row]).column("value").to_pylist() == [None]
    assert to_arrow(SOCIAL_METRIC_OBSERVATIONS, pd.DataFrame([row])).column("value").to_pylist() == [None]


def test_every_table_exists_with_its_types_before_any_row_does(tmp_path: Path) -> None:
    """A warehouse built on an empty lake must fail for no missing table."""
    lake = Lake(tmp_path)
    lake.prepare()
    first = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    assert {p.parent.name for p in first} == set(TABLES)
    for name, table in TABLES.items():
        found = pq.read_schema(tmp_path / name / "_contract.parquet")
        assert found.names == [c.name for c in table.columns]
        assert found.types == [c.type for c in table.columns]
    lake.prepare()
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == first, "what is right is left alone"
    (tmp_path / "rejects" / "_contract.parquet").write_bytes(b"old")
    lake.prepare()
    assert pq.read_schema(tmp_path / "rejects" / "_contract.parquet").names == REJECTS.schema.names


LINES = st.lists(
    st.builds(
        lambda d, h, c: f"{d};{h};{c}\n", st.sampled_from(["moa", "stasjon"]), st.integers(0, 30), st.integers(0, 9)
    ),
    min_size=1,
    max_size=4,
).map(lambda lines: "".join(lines).encode())


@settings(max_examples=8, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_arrivals_change_no_row(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], order: Any
) -> None:
    """Devices resend, networks reorder: only the receipt and its time may tell."""
    straight = landed(tmp_path_factory.mktemp("straight"), tuple(bodies))
    read(straight)
    mixed = [*bodies, *bodies[:2]]
    order.shuffle(mixed)
    shuffled = landed(tmp_path_factory.mktemp("shuffled"), tuple(mixed))
    read(shuffled)
    for table in ("door_observations", "door_health", "rejects"):
        assert told(straight, table) == told(shuffled, table)
        assert len(rows(straight, table)) == len(rows(shuffled, table))
    assert [n for n in files(straight.lake) if "_read" in n] == [n for n in files(shuffled.lake) if "_read" in n]


def test_reading_in_steps_gives_the_same_lake_as_reading_at_once(tmp_path: Path) -> None:
    """A run per arrival and one run a night are the same library."""
    at_once = landed(tmp_path / "once")
    read(at_once)
    stepwise = Home(tmp_path / "steps")
    for number, body in enumerate(BODIES):
        stepwise.land(Arrival("door_toy_moa", "push", NOW + timedelta(hours=number), body))
        read(stepwise)
    assert files(stepwise.lake) == files(at_once.lake)


def test_a_reading_is_named_by_bytes_and_question() -> None:
    """The same empty answer to two questions is two facts; the same answer to the same question is one."""
    plain = receipt()
    assert stem(Toy(), plain) == stem(Toy(), replace(plain, receipt_id=2, received_at=NOW + timedelta(days=1)))
    names = {
        stem(Toy(), plain),
        stem(Toy(), replace(plain, ask='{"day":"1"}')),
        stem(Toy(), replace(plain, ask='{"day":"2"}')),
        stem(Toy(), replace(plain, window_start_at=NOW)),
        stem(Toy(), replace(plain, window_end_at=NOW)),
        stem(Toy(), replace(plain, blob_sha256="b" * 64)),
        stem(Snapshot(), plain),
        stem(Snapshot(), replace(plain, receipt_id=2)),
    }
    assert len(names) == 8


def test_the_receipts_table_is_written_in_closed_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years of receipts must not be written again for each new one."""
    monkeypatch.setattr(lake_module, "FETCH_BLOCK", 4)
    home = landed(tmp_path, tuple(b"%d" % n for n in range(6)))
    home.land(Arrival("door_toy_moa", "poll", NOW, status="failed", error="no answer", is_complete=False))
    assert write_receipts(home, configuration(tmp_path)) == 7
    blocks = sorted((home.lake / "fetches").glob("block-*"))
    assert [p.name for p in blocks] == ["block-000000.parquet", "block-000001.parquet"]
    closed = blocks[0].stat().st_mtime_ns
    home.land(Arrival("door_toy_moa", "push", NOW, b"x"))
    write_receipts(home, configuration(tmp_path))
    found = [row for p in sorted((home.lake / "fetches").glob("block-*")) for row in pq.read_table(p).to_pylist()]
    assert [row["receipt_id"] for row in found] == list(range(1, 9))
    assert blocks[0].stat().st_mtime_ns == closed
    assert (found[6]["status"], found[6]["is_complete"], found[6]["blob_sha256"]) == ("failed", False, None)


def test_parts_hold_the_same_however_many_runs_wrote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part ends follows from the receipts; if it followed from the runs, no lake could be built again."""
    monkeypatch.setattr(lake_module, "PART_ROWS", 4)
    monkeypatch.setattr(lake_module, "PART_READINGS", 3)
    bodies = [b"moa;1;1\n", b"nonsense\n", b"UNREADABLE", b"moa;2;1\nmoa;3;1\n", b"moa;4;1\nmoa;5;1\nmoa;6;1\n"]
    bodies += [b"".join(b"moa;%d;2\n" % (10 * n + m) for m in range(n)) for n in range(1, 7)]
    at_once = landed(tmp_path / "once", tuple(bodies))
    read(at_once)
    begins = [p.name for p in sorted((at_once.lake / "door_observations/door_toy_moa").iterdir())]
    assert begins == [f"part-{n:012d}.parquet" for n in (1, 4, 6, 9, 10, 11)]
    for step in (1, 2, 5):
        stepwise = Home(tmp_path / f"steps of {step}")
        for number, body in enumerate(bodies):
            stepwise.land(Arrival("door_toy_moa", "push", NOW + timedelta(hours=number), body))
            if number % step == 0:
                read(stepwise)
        read(stepwise)
        assert files(stepwise.lake) == files(at_once.lake), f"read every {step} posts"


def test_what_a_run_costs_depends_on_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras that post every minute bring millions of receipts a year: no run may look at them all."""
    monkeypatch.setattr(lake_module, "PART_READINGS", 10)
    home = landed(tmp_path, tuple(b"moa;%d;1\n" % n for n in range(45)))
    library = configuration(tmp_path)
    read_pending(home, library)
    write_receipts(home, library)
    home.land(Arrival("door_toy_moa", "push", NOW, b"moa;45;1\n"))
    home.land(Arrival("door_toy_moa", "push", NOW, b"moa;3;1\n"))
    looked_at: list[int] = []
    real = Catalogue.receipts

    def receipts(self: Catalogue, **asked: Any) -> list[Receipt]:
        found = real(self, **asked)
        looked_at.extend(r.receipt_id for r in found)
        return found

    monkeypatch.setattr(Catalogue, "receipts", receipts)
    before = {p: p.stat().st_mtime_ns for p in home.lake.rglob("part-*.parquet")}
    assert read_pending(home, library)["door_toy_moa"].blobs == 1, "the second is a redelivery of long ago"
    assert looked_at == [46, 47]
    assert [p.name for p, at in before.items() if p.stat().st_mtime_ns != at] == ["part-000000000041.parquet"]
    assert len(rows(home, "door_observations")) == 46


def test_one_broken_reading_among_many_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small readings are typed together; one that breaks its contract must neither lose nor change its neighbours."""
    large = 2**60 + 1  # no float holds it: a neighbour's 5.7 must not round it

    def parse(_self: Toy, body: bytes, *_: Any) -> Parsed:
        number = int(body)
        wrong = {3: 5.7, 8: "many"}.get(number)
        count = wrong if wrong is not None else large if number % 2 else None
        return Parsed({"door_observations": [{**observation("moa", number, 1), "in_count": count}]})

    monkeypatch.setattr(Toy, "parse", parse)
    home = landed(tmp_path, tuple(b"%d" % n for n in range(12)))
    outcome = read_pending(home, configuration(home.root))["door_toy_moa"]
    assert (outcome.blobs, outcome.rejects) == (12, 2)
    counts = {row["observation_id"]: row["in_count"] for row in rows(home, "door_observations")}
    assert counts == {f"moa-{n}": large if n % 2 else None for n in range(12) if n not in (3, 8)}
    assert [row["receipt_id"] for row in rows(home, "rejects")] == [4, 9]


def test_what_could_not_be_read_now_is_read_later_and_no_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine too busy to start a process says nothing about the bytes: a reject for it would stay for ever."""
    is_busy = True
    real = Toy.parse

    def parse(self: Toy, body: bytes, *more: Any) -> Parsed:
        if is_busy and body.startswith(b"moa;2"):
            raise TransientFailure("no process.", reason="no_process", next_action="The next run tries again.")
        return real(self, body, *more)

    monkeypatch.setattr(Toy, "parse", parse)
    home = landed(tmp_path, tuple(b"moa;%d;1\n" % n for n in range(1, 5)))
    outcome = read_pending(home, configuration(home.root))["door_toy_moa"]
    assert ([f.reason for f in outcome.failures], outcome.blobs) == (["no_process"], 3)
    assert [item.receipt.receipt_id for item in pending(home, configuration(home.root))] == [2]
    assert rows(home, "rejects") == []
    home.land(Arrival("door_toy_moa", "push", NOW, b"moa;5;1\n"))
    is_busy = False
    assert read_pending(home, configuration(home.root))["door_toy_moa"].blobs == 2
    assert [row["receipt_id"] for row in rows(home, "door_observations")] == [1, 2, 3, 4, 5]
    assert pending(home, configuration(home.root)) == []


def test_another_catalogue_under_the_same_lake_is_noticed(tmp_path: Path) -> None:
    """A landing restored from its backup gives the same numbers to other arrivals; old rows would stay beside new."""
    home = landed(tmp_path / "home", BODIES)
    read(home)
    write_receipts(home, configuration(home.root))
    home.catalogue.close()
    (home.root / "landing").rename(tmp_path / "lost")
    restored = landed(tmp_path / "home", (b"moa;7;7\n",) * 2)
    read(restored)
    write_receipts(restored, configuration(restored.root))
    assert [row["observation_id"] for row in rows(restored, "door_observations")] == ["moa-7"]
    assert rows(restored, "door_health") == rows(restored, "rejects") == []
    fetched = pq.read_table(restored.lake / "fetches", partitioning=None)
    assert fetched["receipt_id"].to_pylist() == [1, 2]


def test_a_lake_of_a_file_per_blob_is_read_again(tmp_path: Path) -> None:
    """Lakes that stand were written by an older form of this code; its files would be counted beside the parts."""
    home = landed(tmp_path, BODIES[:1])
    for table in ("door_observations", "_read"):
        (home.lake / table / "door_toy_moa").mkdir(parents=True)
    (home.lake / "door_observations/door_toy_moa/0123456789abcdef0123.parquet").write_bytes(b"old")
    (home.lake / "_read/door_toy_moa/0123456789abcdef0123.abc.json").write_bytes(b"{}")
    read(home)
    assert len(rows(home, "door_observations")) == 2
    assert [p.name for p in (home.lake / "_read/door_toy_moa").iterdir()] == ["progress.json"]


def test_sources_that_are_described_no_more_are_forgotten_and_disabled_ones_kept(tmp_path: Path) -> None:
    """A feed that is paused was still right about the past; one that was taken out is not part of the library."""
    home = landed(tmp_path, BODIES[:1])
    landed(tmp_path, BODIES[:1], "door_toy_old")
    both = configuration(tmp_path, source(), source("door_toy_old"))
    read_pending(home, both)
    assert {row["source_id"] for row in rows(home, "door_observations")} == {"door_toy_moa", "door_toy_old"}
    write_receipts(home, configuration(tmp_path, source(), source("door_toy_old", enabled=False)))
    assert {row["source_id"] for row in rows(home, "door_observations")} == {"door_toy_moa", "door_toy_old"}
    write_receipts(home, configuration(tmp_path, source()))
    assert {row["source_id"] for row in rows(home, "door_observations")} == {"door_toy_moa"}
    read_pending(home, both)
    assert {row["source_id"] for row in rows(home, "door_observations")} == {"door_toy_moa", "door_toy_old"}


@pytest.mark.slow
def test_two_readers_at_once_end_at_the_same_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that a person starts by hand beside the scheduled one must break neither."""
    home = landed(tmp_path / "both", tuple(b"moa;%d;1\nbattery;%d;1\n" % (n, n) for n in range(25)))
    read(home, factor=1)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.pipeline", "ingest.home"])
    readers = [context.Process(target=workers.read_all, args=(home.root, 1, 2)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0, 0]
    alone = landed(tmp_path / "alone", tuple(b"moa;%d;1\nbattery;%d;1\n" % (n, n) for n in range(25)))
    monkeypatch.setattr(Toy, "version", 2)
    read(alone, factor=1)
    assert files(home.lake) == files(alone.lake)
