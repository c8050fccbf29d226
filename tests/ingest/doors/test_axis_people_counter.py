"""Axis People Counter: bins by their stamp, the days a camera lacks, and an account that can't delete anything."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import ast
import inspect
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from device_polls import ACCOUNT, PASSWORD, USER, assert_no_secret, poll_device

import ingest.doors
from sandbox.doors_devices import Devices

START = {"zone": "Europe/Oslo", "stamp": "start"}
END = {"zone": "Europe/Oslo", "stamp": "end"}
ASKED = {**START, "device": "00:40:8C:AC:51:2B", "allow_loopback": True, **ACCOUNT}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_USER", USER)
    monkeypatch.setenv("DOOR_PASSWORD", PASSWORD)


def export(data: str, delta: int = 3600, types: str = "") -> str:
    return f'{{"counter":{{"name":"n","serial":"00408CAC512B","delta":{delta}{types}}},"data":{{{data}}}}}'


@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        (START, datetime(2017, 9, 7, 22), datetime(2017, 9, 8, 22)),
        (END, datetime(2017, 9, 6, 22), datetime(2017, 9, 7, 22)),
    ],
)
def test_the_same_stamp_is_one_day_or_the_day_before(
    read_doors: Any, options: dict[str, Any], start: datetime, end: datetime
) -> None:
    """The vendor's own sample; whether the stamp starts or ends the bin it does not say, so the options must."""
    types = ',"types":{"Occupancy":64,"Average Time":64,"Total In":66,"Total Out":67}'
    reading = read_doors("axis_people_counter", export('"20170908000000":[0,0,17,16]', 86400, types), options)
    (row,) = reading.rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (start, end)
    assert (row["in_count"], row["out_count"], row["device_key"]) == (17, 16, "00408cac512b")
    assert (row["stamp_text"], row["stamp_convention"]) == ("20170908000000", options["stamp"])


def test_the_autumn_hour_stands_twice_under_one_key(read_doors: Any) -> None:
    """A plain JSON reader keeps the second of two equal keys and loses an hour of people."""
    keys = ["01", "02", "02", "03"]
    data = ",".join(f'"20251026{hour}0000":[{n},{n}]' for n, hour in enumerate(keys, 1))
    reading = read_doors("axis_people_counter", export(data), START)
    assert [(r["interval_start_at"].hour, r["in_count"], r["fold"]) for r in reading.rows] == [
        (23, 1, "exact"),
        (0, 2, "first"),
        (1, 3, "second"),
        (2, 4, "exact"),
    ]
    alone = read_doors("axis_people_counter", export('"20251026020000":[5,5]'), START).rows
    assert [(r["interval_start_at"].hour, r["fold"]) for r in alone] == [(0, "ambiguous")]


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize(("day", "bins"), [((2025, 3, 30), 92), ((2025, 10, 26), 100)], ids=["spring", "autumn"])
def test_an_asked_day_of_a_clock_change_is_whole(
    tmp_path: Path, stamp: str, day: tuple[int, int, int], bins: int
) -> None:
    """92 quarters in spring, 100 in autumn, each at its own moment, by either stamp."""
    now = datetime(*day, 23, 30, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD, stamp=stamp, people=lambda minute: (1, 0)) as devices:
        options = {**ASKED, "stamp": stamp, "url": devices.url, "reread_days": 1}
        polled = poll_device(tmp_path, "axis_people_counter", options, now)
    low, high = (datetime(*day) + timedelta(days=n) - timedelta(hours=h) for n, h in ((0, 1), (1, 2)))
    if bins == 100:
        low, high = low - timedelta(hours=1), high + timedelta(hours=1)
    rows = [r for r in polled.current.values() if low <= r["interval_start_at"] < high]
    assert polled.reasons == []
    assert len(rows) == bins
    assert {r["in_count"] for r in rows} == {15}
    assert (rows[0]["interval_start_at"], rows[-1]["interval_end_at"]) == (low, high)


def test_the_list_of_days_finds_old_days_we_lack_and_days_the_camera_lacks(tmp_path: Path) -> None:
    """Data stay on the camera: after a month without network nothing is lost but what the camera itself lost."""
    now = datetime(2025, 5, 13, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD, held_days=12) as devices:
        devices.missing_days = {date(2025, 5, 12)}
        options = {**ASKED, "url": devices.url, "reread_days": 2}
        first = poll_device(tmp_path, "axis_people_counter", options, now)
        asked_first = len(devices.asked)
        again = poll_device(tmp_path, "axis_people_counter", options, now)
        asked_again = len(devices.asked) - asked_first
        truth = devices.total(datetime(2025, 5, 1, 22, tzinfo=UTC), now)
        missing = devices.total(datetime(2025, 5, 11, 22, tzinfo=UTC), datetime(2025, 5, 12, 22, tzinfo=UTC))
    assert first.asked_days == ["2025-05-13", "2025-05-11", *[f"2025-05-{d:02}" for d in range(10, 1, -1)]]
    assert asked_again < asked_first  # the window again, the older days not
    assert [h["text"] for h in first.health if h["metric"] == "missing_day"] == ["2025-05-12"]
    rows = list(again.current.values())
    counted = sum(r["in_count"] for r in rows), sum(r["out_count"] for r in rows)
    assert counted == (truth[0] - missing[0], truth[1] - missing[1])
    assert not any(datetime(2025, 5, 11, 22) <= r["interval_start_at"] < datetime(2025, 5, 12, 22) for r in rows)
    assert [r["is_provisional"] for r in rows].count(True) == 0


def test_the_live_sum_is_health_and_no_count(tmp_path: Path) -> None:
    """So far today, back to nought at midnight: added to the bins it would count the day twice."""
    now = datetime(2025, 5, 13, 12, 7, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD, held_days=1) as devices:
        polled = poll_device(tmp_path, "axis_people_counter", {**ASKED, "url": devices.url, "reread_days": 0}, now)
        truth = devices.total(datetime(2025, 5, 12, 22, tzinfo=UTC), now)
    told = {h["metric"]: h["value"] for h in polled.health}
    assert (told["today_in_count"], told["today_out_count"], told["clock_offset_seconds"]) == (*truth, 0)
    assert sum(r["in_count"] for r in polled.rows) == truth[0]
    assert list(polled.current.values())[-1]["is_provisional"]


def test_no_module_that_talks_to_devices_can_reset_or_delete() -> None:
    """One GET of the wrong address deletes all counts for ever; the word must not be there to be asked."""
    folder = Path(inspect.getfile(ingest.doors)).parent
    for name in ("_asking", "axis_people_counter", "axis_3d", "xovis_v5", "_xovis", "milesight"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        for word in ("clear-data", "apioperator", "/reset", "occupancy-reset", "setparams"):
            assert not any(word in text for text in texts), (name, word)


def test_a_poll_asks_three_questions_and_no_others(tmp_path: Path) -> None:
    """What was really sent, not what the code looks like."""
    now = datetime(2025, 5, 13, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        poll_device(tmp_path, "axis_people_counter", {**ASKED, "url": devices.url}, now)
        asked = devices.asked
    assert {target.split("&")[0] for target in asked} == {
        f"/local/tvpc/.api?{question}" for question in ("list-cnt.json", "live-sum.json", "export-json")
    }
    assert_no_secret(tmp_path, PASSWORD)


def test_bins_in_an_order_of_types_are_read_by_it(read_doors: Any) -> None:
    """The order of a bin is that of `types`; read by place, occupancy would pass for people."""
    types = ',"types":{"Out":67,"In":66}'
    (row,) = read_doors("axis_people_counter", export('"20250513100000":[3,8]', types=types), START).rows
    assert (row["in_count"], row["out_count"]) == (8, 3)


def test_failed_bins_are_not_nought_and_a_bad_bin_costs_itself(read_doors: Any) -> None:
    """A public script writes -1 for a whole building when one of its cameras fails."""
    data = '"20250513100000":[-1,-1],"20250513110000":[null,2],"20250513120000":"x","noon":[1,1],"20250513130000":[0,0]'
    reading = read_doors("axis_people_counter", export(data), START)
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows] == [
        (None, "not_observed", "negative"),
        (None, "observed", "blank"),
        (0, "observed", None),
    ]
    assert reading.reasons == ["not_an_object", "bad_time"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (export("", 900, ',"types":{"Occupancy":64,"Total In":66,"Total Out":67}'), "occupancy_export"),
        (export("", types=',"types":{"Occupied":1}'), "no_directions"),
        (export("", delta=7), "bad_delta"),
        (export(""), "no_records"),
        ('{"data":{"20250513100000":[1,1]}}', "no_device"),
        ('{"other":1}', "wrong_document"),
        ('[["data", 1]]', "wrong_document"),
        ("OK", "not_json"),
    ],
)
def test_an_answer_that_can_not_be_read_is_one_reject(read_doors: Any, body: str, reason: str) -> None:
    """Guessing at it would make people of minutes."""
    reading = read_doors("axis_people_counter", body, START)
    assert (reading.rows, reading.reasons) == ([], [reason])
