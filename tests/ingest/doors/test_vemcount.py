"""Vemcount: numbers as texts, an epoch beside a local time, and a limit that cuts without a word."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from portal_bench import make_bench, serving

from ingest.errors import PermanentFailure
from sandbox.doors_portals import DoorPortals

OPTIONS = {"zone": "Europe/Oslo", "key_env": "A", "shops": ["9001"]}
GOOD = {
    "shop_id": "1",
    "custom_shop_id": "9001",
    "is_entrance": "1",
    "created_at": "2017-05-04 10:15:00",
    "created_at_unix": "1493885700",
    "sensor_name": "Door",
    "sensor_id": "77",
    "count_in": "12",
    "count_out": "9",
}


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    yield from serving(monkeypatch)


def answer(*records: Any) -> str:
    return json.dumps({"data": list(records)})


def test_a_record_is_placed_by_its_epoch(read_doors: Any) -> None:
    """The local time beside it is kept as text only: it knows no fold."""
    (row,) = read_doors("vemcount", answer(GOOD), OPTIONS).rows
    expected = {
        "device_key": "9001",
        "line_key": "77",
        "interval_start_at": datetime(2017, 5, 4, 8, 15),
        "interval_end_at": datetime(2017, 5, 4, 8, 30),
        "stamp_text": "2017-05-04 10:15:00 (1493885700)",
        "stamp_convention": "start",
        "zone": "UTC",
        "fold": "exact",
        "in_count": 12,
        "out_count": 9,
        "vendor_status": "is_entrance=1",
        "value_state": "observed",
    }
    assert {k: row[k] for k in expected} == expected


def test_without_an_epoch_the_repeated_quarters_are_told_apart_by_order(read_doors: Any) -> None:
    """An export may lack it."""
    labels = ["01:45", "02:00", "02:15", "02:30", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00"]
    records = [
        {**GOOD, "created_at_unix": None, "created_at": f"2026-10-25 {label}:00", "count_in": n}
        for n, label in enumerate(labels)
    ]
    rows = read_doors("vemcount", answer(*records), OPTIONS).rows
    starts = [row["interval_start_at"] for row in rows]
    assert starts == sorted(set(starts))
    assert (starts[0], starts[-1]) == (datetime(2026, 10, 24, 23, 45), datetime(2026, 10, 25, 2, 0))
    assert [row["fold"] for row in rows] == ["exact", *["first"] * 4, *["second"] * 4, "exact"]


@pytest.mark.parametrize("unix", ["0", "noon", -5, True, "99999999999", {}, None])
def test_an_impossible_epoch_leaves_the_local_time(read_doors: Any, unix: Any) -> None:
    """A record must not land in 1970."""
    (row,) = read_doors("vemcount", answer({**GOOD, "created_at_unix": unix}), OPTIONS).rows
    assert (row["interval_start_at"], row["zone"]) == (datetime(2017, 5, 4, 8, 15), "Europe/Oslo")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"created_at": "yesterday", "created_at_unix": ""}, "bad_time"),
        ({"created_at_unix": "1493885701"}, "off_grid"),
        ({"sensor_id": None}, "missing_line"),
        ({"custom_shop_id": "", "shop_id": None}, "missing_device"),
        ({"count_in": "twelve"}, "letters_in_count"),
        ({"count_in": 1.5}, "fraction_in_count"),
        ({"count_in": [3]}, "letters_in_count"),
        ({"count_in": 10**12}, "count_too_large"),
    ],
)
def test_one_bad_record_costs_itself(read_doors: Any, change: dict[str, Any], reason: str) -> None:
    """Its neighbours are good."""
    reading = read_doors("vemcount", answer({**GOOD, "sensor_id": "78"}, {**GOOD, **change}), OPTIONS)
    assert [(r["reason"], r["pointer"]) for r in reading.rejects] == [(reason, "$.data[1]")]
    assert [r["line_key"] for r in reading.rows] == ["78"]


def test_one_sensor_told_twice_unlike_is_a_question(read_doors: Any) -> None:
    """Told alike it is one."""
    reading = read_doors("vemcount", answer(GOOD, GOOD, {**GOOD, "count_in": "13"}), OPTIONS)
    assert [r["in_count"] for r in reading.rows] == [12]
    assert reading.reasons == ["duplicate_conflict"]


@pytest.mark.parametrize(
    ("body", "reason", "says"),
    [
        ("", "empty", ""),
        ("{}", "no_data", "no list `data`"),
        ('{"data": null}', "no_data", "no list `data`"),
        ('{"error": "invalid_api_key", "message": "x"}', "no_data", "invalid_api_key"),
        ('{"error": {"code": 1042}}', "1042", "the vendor says 1042"),
        ('{"data": []}', "no_records", ""),
        ("<html>", "not_json", ""),
        ("[" * 100_000, "not_json", ""),
        ('{"data": [{"count_in": "\\ud800"}]}', "not_json", ""),
    ],
)
def test_an_answer_without_data_is_an_error_and_no_empty_day(
    read_doors: Any, body: str, reason: str, says: str
) -> None:
    """An error document has no `data`; read as a list of nothing it would close the library."""
    reading = read_doors("vemcount", body, OPTIONS)
    assert [(r["reason"], r["scope"]) for r in reading.rejects] == [(reason, "blob")]
    assert says in reading.rejects[0]["message"]


def test_as_many_records_as_the_limit_are_refused(read_doors: Any) -> None:
    """The vendor cuts there without a word, and an afternoon is gone."""
    records = [{**GOOD, "sensor_id": str(n)} for n in range(3)]
    assert len(read_doors("vemcount", answer(*records), {**OPTIONS, "limit": 4}).rows) == 3
    reading = read_doors("vemcount", answer(*records), {**OPTIONS, "limit": 3})
    assert (reading.rows, reading.reasons) == ([], ["cut_at_limit"])


def test_a_cut_answer_is_a_failed_receipt(portals: DoorPortals, tmp_path: Path) -> None:
    """And the shop that fits is read."""
    bench = make_bench("vemcount", portals, tmp_path, limit=100, days=2)  # two sensors there, one here
    (failure,) = bench.poll().failures
    assert isinstance(failure, PermanentFailure)
    assert (failure.reason, "Raise limit" in failure.next_action) == ("cut_at_limit", True)
    assert {row["device_key"] for row in bench.rows() if row["interval_start_at"] < datetime(2026, 6, 9, 22)} == {"moa"}
    told = {(r.asked["shop"], r.status) for r in bench.receipts() if r.origin.endswith("2026-06-09")}
    assert told == {("HB - plan 2", "failed"), ("moa", "ok")}


def test_options_that_change_later_do_not_change_what_was_asked(portals: DoorPortals, tmp_path: Path) -> None:
    """Old answers are read again with new options: the interval they were asked for stands in their receipts."""
    bench = make_bench("vemcount", portals, tmp_path, days=2)
    bench.poll()
    before = bench.rows()
    bench.options["interval_minutes"] = 60
    portals.manners.calls_left["vemcount"] = 0
    bench.poll()
    assert bench.rows() == before
