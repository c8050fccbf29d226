"""SenSource Vea: a column named after the grouping, moments in UTC, and a token that another client ends."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from portal_bench import LINES, NOON, crossings, make_bench, serving

from ingest.errors import TransientFailure
from sandbox.doors_portals import DoorPortals, Line

OPTIONS = {"zone": "Europe/Oslo", "client_id_env": "A", "client_secret_env": "B"}
GOOD = {
    "recordDate_hour_1": "2019-03-01T17:00:00.000Z",
    "zoneId": "A-1",
    "name": "Main Entrance",
    "sumins": 41,
    "sumouts": 38,
}


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    yield from serving(monkeypatch)


def answer(*records: Any, bare: bool = False) -> str:
    return json.dumps(list(records) if bare else {"results": list(records)})


@pytest.mark.parametrize("bare", [False, True])
def test_a_record_is_placed_in_utc(read_doors: Any, bare: bool) -> None:
    """The answer is an object or a bare list; the name of a zone stays behind, its id is the key."""
    (row,) = read_doors("vea", answer(GOOD, bare=bare), OPTIONS).rows
    expected = {
        "device_key": "a-1",
        "line_key": "total",
        "interval_start_at": datetime(2019, 3, 1, 17),
        "interval_end_at": datetime(2019, 3, 1, 18),
        "zone": "UTC",
        "fold": "exact",
        "in_count": 41,
        "out_count": 38,
        "pointer": "$[0]" if bare else "$.results[0]",
    }
    assert {k: row[k] for k in expected} == expected


@pytest.mark.parametrize(("column", "minutes"), [("recordDate_minute_15", 15), ("recordDate_hour_1", 60)])
def test_the_columns_name_tells_the_interval(read_doors: Any, column: str, minutes: int) -> None:
    """Whatever the options say now: an old answer keeps its own grouping."""
    record = {**GOOD, column: GOOD["recordDate_hour_1"]}
    if column != "recordDate_hour_1":
        del record["recordDate_hour_1"]
    (row,) = read_doors("vea", answer(record), {**OPTIONS, "interval_minutes": 60}).rows
    assert (row["interval_end_at"] - row["interval_start_at"]).seconds == minutes * 60


def renamed(column: str) -> dict[str, Any]:
    return {column if key == "recordDate_hour_1" else key: value for key, value in GOOD.items()}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (answer(renamed("recordDate_day_1")), "wrong_grouping"),
        (answer(GOOD, renamed("recordDate_minute_15")), "wrong_grouping"),
        (answer(renamed("date")), "no_data"),
        (answer(), "no_records"),
        ('{"error": "unauthorized"}', "no_data"),
        ('{"code": "429"}', "429"),
        ("", "empty"),
    ],
)
def test_an_answer_of_another_form_is_refused(read_doors: Any, body: str, reason: str) -> None:
    """Days are cut by the vendor's clock, and two groupings would count everybody twice."""
    reading = read_doors("vea", body, OPTIONS)
    assert [(r["reason"], r["scope"]) for r in reading.rejects] == [(reason, "blob")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recordDate_hour_1": "soon"}, "bad_time"),
        ({"recordDate_hour_1": None}, "bad_time"),
        ({"zoneId": None}, "missing_device"),
        ({"sumins": "a lot"}, "letters_in_count"),
        ({"sumins": False}, "letters_in_count"),
    ],
)
def test_one_bad_record_costs_itself(read_doors: Any, change: dict[str, Any], reason: str) -> None:
    """Its neighbours are good."""
    reading = read_doors("vea", answer({**GOOD, **change}, {**GOOD, "zoneId": "b", "sumins": None}, 7), OPTIONS)
    assert reading.reasons == ["not_a_record", reason] or reading.reasons == [reason, "not_a_record"]
    assert [(r["device_key"], r["in_count"], r["reason_code"]) for r in reading.rows] == [("b", None, "blank")]


def test_a_token_that_another_program_ended_is_told_as_that(portals: DoorPortals, tmp_path: Path) -> None:
    """Two clients on one id put each other out until both are blocked: the password is right, the sharing is wrong."""
    bench = make_bench("vea", portals, tmp_path)
    asked: list[datetime] = []

    def people(line: Line, at: datetime) -> tuple[int, int]:
        asked.append(at)
        if len(asked) == 40:
            portals._tokens["vea"] = "another"  # inside the stand-in's own answer
        return crossings(line, at)

    portals.crossings = people
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert failure.reason == "token_lost"
    assert "no other program" in failure.next_action
    assert portals.tokens_given == 1, "minting again would put the other program out in turn"
    assert len(bench.rows()) > 0


def test_hours_outside_opening_are_asked_for(portals: DoorPortals, tmp_path: Path) -> None:
    """`excludeClosedHours=true` would drop unstaffed opening; the stand-in keeps 09 to 17 then."""
    bench = make_bench("vea", portals, tmp_path, interval_minutes=15, days=2)
    assert bench.poll(NOON).failures == []
    rows = [r for r in bench.rows() if r["interval_end_at"] <= datetime(2026, 6, 9, 22)]
    assert len(rows) == 96 * len(LINES)
