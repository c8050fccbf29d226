"""TrafSys: the end of the hour, by a local clock, with the last hour of a day filed under the next one."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portal_bench import LINES, make_bench, midnight, serving

from sandbox.doors_portals import DoorPortals

OPTIONS = {"zone": "Europe/Oslo", "user_env": "A", "password_env": "B"}
GOOD = {"SiteCode": "02", "Location": "Front Entrance", "PeriodEnding": "2026-01-02T15:00:00", "Ins": 12, "Outs": 9}


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    yield from serving(monkeypatch)


def ending(*stamps: str, **change: Any) -> str:
    return json.dumps([{**GOOD, "PeriodEnding": stamp, "Ins": n, **change} for n, stamp in enumerate(stamps)])


def starts(reading: Any) -> list[datetime]:
    return [row["interval_start_at"] for row in reading.rows]


def test_the_stamp_is_shifted_before_it_is_localised(read_doors: Any) -> None:
    """A peer files it unshifted, an hour late."""
    (row,) = read_doors("trafsys", json.dumps([GOOD]), OPTIONS).rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (datetime(2026, 1, 2, 13), datetime(2026, 1, 2, 14))
    assert (row["device_key"], row["line_key"], row["stamp_convention"]) == ("02", "front entrance", "end")
    assert (row["in_count"], row["out_count"], row["stamp_text"]) == (12, 9, "2026-01-02T15:00:00")


def test_an_hour_of_another_day_than_the_one_asked_for_is_told_and_not_read(read_doors: Any) -> None:
    """Read, it would be told twice with two numbers; dropped without a word, nobody would look at the zone."""
    stamps = ("2026-01-02T10:00:00", "2026-01-02T11:00:00", "2026-01-05T10:00:00")
    reading = read_doors("trafsys", ending(*stamps), OPTIONS, ask=json.dumps({"day": "2026-01-02"}))
    assert starts(reading) == [datetime(2026, 1, 2, 8), datetime(2026, 1, 2, 9)]
    assert reading.reasons == ["wrong_date"]


@pytest.mark.parametrize("stamp", ["2026-01-03T00:00:00", "2026-01-02T24:00:00"])
def test_the_last_hour_belongs_to_the_day_it_was_counted_on(read_doors: Any, stamp: str) -> None:
    """Midnight is written in two ways, and unshifted both put the evening on the next day."""
    assert starts(read_doors("trafsys", ending(stamp), OPTIONS)) == [datetime(2026, 1, 2, 22)]


@pytest.mark.parametrize(
    ("labels", "first", "count"),
    [
        (["01", "02", "03", "03", "04"], datetime(2026, 10, 24, 22), 5),  # autumn, the start's label plus an hour
        (["01", "02", "02", "03", "04"], datetime(2026, 10, 24, 22), 5),  # autumn, as the clock then shows
        (["01", "02", "04", "05"], datetime(2026, 3, 28, 23), 4),  # spring, the start's label plus an hour
        (["01", "03", "04", "05"], datetime(2026, 3, 28, 23), 4),  # spring, as the clock then shows
    ],
)
def test_hours_around_a_clock_change_follow_each_other(
    read_doors: Any, labels: list[str], first: datetime, count: int
) -> None:
    """Whichever way the vendor writes ends, the answer itself tells which; no hour is doubled or lost."""
    day = "2026-10-25" if first.month == 10 else "2026-03-29"
    reading = read_doors("trafsys", ending(*[f"{day}T{label}:00:00" for label in labels]), OPTIONS)
    assert reading.rejects == []
    assert starts(reading) == [first + timedelta(hours=n) for n in range(count)]
    assert [row["in_count"] for row in reading.rows] == list(range(count))


@pytest.mark.parametrize("reads_clock", [False, True])
@pytest.mark.parametrize("files_by_end", [False, True])
@pytest.mark.parametrize("change_on", [date(2026, 3, 29), date(2026, 10, 25)])
def test_every_way_to_file_midnight_gives_the_same_hours(
    portals: DoorPortals, tmp_path: Path, reads_clock: bool, files_by_end: bool, change_on: date
) -> None:
    """Whether a day's answer starts with the hour before it is not documented: both must come to the same."""
    portals.manners.trafsys_reads_clock, portals.manners.trafsys_files_by_end = reads_clock, files_by_end
    bench = make_bench("trafsys", portals, tmp_path)
    assert bench.poll(midnight(change_on + timedelta(days=2)) + timedelta(hours=7)).failures == []
    assert bench.rows("rejects") == []
    truth = bench.truth(*(change_on + timedelta(days=n) for n in (-1, 0, 1)))
    told = bench.current()
    assert {key: told.get(key) for key in truth} == truth
    assert len(bench.truth(change_on)) == (23 if change_on.month == 3 else 25) * len(LINES)


def test_an_offset_is_taken_at_its_word(read_doors: Any) -> None:
    """Should the vendor add one, nothing needs to be guessed."""
    reading = read_doors("trafsys", ending("2026-10-25T02:00:00+01:00", "2026-10-25T01:00:00Z"), OPTIONS)
    assert starts(reading) == [datetime(2026, 10, 25, 0)]
    assert reading.reasons == ["duplicate_conflict"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SiteCode": None}, "missing_device"),
        ({"Location": "  "}, "missing_line"),
        ({"PeriodEnding": "2026-01-02"}, "bad_time"),
        ({"PeriodEnding": "2026-01-02T15:30:00"}, "off_grid"),
        ({"Ins": "x"}, "letters_in_count"),
        ({"Outs": 1.5}, "fraction_in_count"),
    ],
)
def test_one_bad_record_costs_itself(read_doors: Any, change: dict[str, Any], reason: str) -> None:
    """In a peer's run an unknown site ends everything."""
    reading = read_doors("trafsys", json.dumps([{**GOOD, **change}, {**GOOD, "SiteCode": "new site"}]), OPTIONS)
    assert [(r["reason"], r["pointer"]) for r in reading.rejects] == [(reason, "$[0]")]
    assert [r["device_key"] for r in reading.rows] == ["new site"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"Message": "Authorization has been denied for this request."}', "no_data"),
        ("null", "no_data"),
        ("[]", "no_records"),
        ("<html/>", "not_json"),
        ("", "empty"),
    ],
)
def test_a_refusal_is_not_read_as_data(read_doors: Any, body: str, reason: str) -> None:
    """An error document is no day without visitors."""
    reading = read_doors("trafsys", body, OPTIONS)
    assert [(r["reason"], r["scope"]) for r in reading.rejects] == [(reason, "blob")]
    assert "Authorization" not in str(reading.rejects)


def test_one_token_serves_the_whole_poll(portals: DoorPortals, tmp_path: Path) -> None:
    """Each password sent is one more chance to lock the account."""
    bench = make_bench("trafsys", portals, tmp_path)
    bench.poll()
    assert (portals.tokens_given, len(portals.asked)) == (1, 4)
