"""Xovis version 5: real packages to the person, people's profiles refused, and a history that is the same truth."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from device_polls import ACCOUNT, PASSWORD, USER, assert_no_secret, poll_device
from pydantic import ValidationError

from ingest.doors.xovis_v5 import XovisV5Options
from sandbox.doors_devices import LOGIC_ID, Devices

DEVICE = {"device": "80:1F:12:D5:30:DC"}
ASKED = {**DEVICE, "zone": "Europe/Oslo", "allow_loopback": True, **ACCOUNT}
LIVE = (1, 5, 6, 7, 8, 11, 12)


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_USER", USER)
    monkeypatch.setenv("DOOR_PASSWORD", PASSWORD)


def payload(real: Path, number: int) -> bytes:
    return next((real / "doors/payloads/akenza").glob(f"xovis_v5_push_{number:02}_*.json")).read_bytes()


def record(start: Any, end: Any, fw: Any = 1, bw: Any = 0, **more: Any) -> dict[str, Any]:
    counts = [{"id": 8, "name": "fw", "value": fw}, {"id": 9, "name": "bw", "value": bw}]
    return {"from": start, "to": end, "counts": counts, **more}


def logic(*records: dict[str, Any], number: Any = 3, info: str = "XLT_LINE_IN_OUT_COUNT") -> dict[str, Any]:
    return {"id": number, "name": "Line", "info": info, "records": list(records)}


def package(*logics: dict[str, Any], serial: str | None = "80:1F:12:D5:30:DC", number: int = 28) -> str:
    told: dict[str, Any] = {"package_info": {"version": "5.0", "id": number, "agent_id": 1008}, "logics": list(logics)}
    if serial:
        told["sensor_info"] = {"serial_number": serial, "type": "SINGLE_SENSOR"}
    return json.dumps({"logics_data": told})


def test_the_real_pair_of_packages_differs_in_one_minute(read_doors: Any, real: Path) -> None:
    """Same agent, package and minutes; one minute was 3 and 1, then 0 and 0. A zone stands beside the line."""
    readings = [read_doors("xovis_v5", payload(real, n), DEVICE) for n in (3, 4)]
    told = [[(r["in_count"], r["out_count"]) for r in reading.rows] for reading in readings]
    assert told == [[(1, 0), (3, 1), (0, 0), (0, 0)], [(1, 0), (0, 0), (0, 0), (0, 0)]]
    first, second = (reading.rows for reading in readings)
    assert [r["observation_id"] for r in first] == [r["observation_id"] for r in second]
    start = datetime(2022, 2, 25, 12, 41)
    assert [r["interval_start_at"] for r in first] == [start + timedelta(minutes=n) for n in range(4)]
    assert {(r["device_key"], r["line_key"], r["sequence"]) for r in first} == {("801f12d530dc", "2", 28)}
    assert {(r["records_found"], r["records_expected"], r["value_state"]) for r in first} == {(None, None, "observed")}
    assert all(reading.rejects == [] for reading in readings)


def test_real_packages_without_sensor_info_need_the_option(read_doors: Any, real: Path) -> None:
    """Full sensor info is a setting; without it only the source can say whose counts these are."""
    reading = read_doors("xovis_v5", payload(real, 3))
    assert (reading.rows, set(reading.reasons)) == ([], {"no_device"})


@pytest.mark.parametrize(
    ("number", "device", "line", "counts", "start"),
    [
        (9, "801f12d327ca", "3", (1, 0), datetime(2023, 5, 17, 12, 9)),
        (13, "801f12d530dc", "4", (0, 1), datetime(2026, 7, 8, 7, 54)),
    ],
)
def test_real_counts_by_gender_mask_and_age_are_the_same_people_and_stay_out(
    read_doors: Any, real: Path, number: int, device: str, line: str, counts: tuple[int, int], start: datetime
) -> None:
    """`fw-male` repeats one of `fw`: added it counts twice, kept it profiles."""
    reading = read_doors("xovis_v5", payload(real, number))
    assert reading.rejects == []
    (row,) = reading.rows
    assert (row["device_key"], row["line_key"], (row["in_count"], row["out_count"])) == (device, line, counts)
    assert (row["interval_start_at"], row["records_found"], row["records_expected"]) == (start, 1, 1)
    told = str([reading.rows, reading.health, reading.rejects]).casefold()
    assert not any(word in told for word in ("male", "mask", "age'", "-age", "bins", "gender"))


@pytest.mark.parametrize("number", [10, 14])
def test_real_queues_and_zones_are_no_doors(read_doors: Any, real: Path, number: int) -> None:
    """`outflow` 8 and `visits` 1 look like people and are something else."""
    reading = read_doors("xovis_v5", payload(real, number))
    assert (reading.rows, reading.reasons) == ([], ["no_lines"])


@pytest.mark.parametrize("number", LIVE)
def test_real_live_data_is_refused_whole(read_doors: Any, real: Path, number: int) -> None:
    """It follows single persons, two of these with gender and age. Nothing of it may reach a table or a message."""
    body = payload(real, number)
    reading = read_doors("xovis_v5", body)
    assert (reading.rows, reading.health, reading.reasons) == ([], [], ["live_data_refused"])
    assert reading.rejects[0]["scope"] == "blob"
    told = str([(r["pointer"], r["message"], r["next_action"]) for r in reading.rejects])
    for frame in json.loads(body)["live_data"]["frames"]:
        for seen in frame["tracked_objects"]:
            assert str(seen["track_id"]) not in told
    assert not any(word in told for word in ("MALE", "NOT_SURE", "NO_MASK", "GROUP"))


def test_the_real_status_is_health(read_doors: Any, real: Path) -> None:
    """A dead clock or a dark room explains a quiet door."""
    received_at = datetime(2022, 2, 25, 10, 20, 8, tzinfo=UTC)
    reading = read_doors("xovis_v5", payload(real, 2), DEVICE, how="push", received_at=received_at)
    assert (reading.rows, reading.rejects) == ([], [])
    told = {h["metric"]: h["text"] if h["value"] is None else h["value"] for h in reading.health}
    assert told == {
        "device_state": "OK",
        "time_state": "OK",
        "network_state": "OK",
        "illumination": "SUFFICIENT",
        "ntp_host": "tristate.trifence.ch",
        "uptime_seconds": 334753,
        "ntp_rms_offset_seconds": 1.8726e-05,
        "zone_offset_seconds": 3600,
        "clock_offset_seconds": -3,
    }
    assert {h["observed_at"] for h in reading.health} == {datetime(2022, 2, 25, 10, 20, 5)}


def test_an_agent_that_drops_packages_says_how_many(read_doors: Any) -> None:
    """All documented agents drop what they can't send; only their own count tells that something was lost."""
    agents = {"25": {"package_info": {"no_of_sent": 861, "no_of_dropped": 2}, "transmit_info": {"no_of_failed": 3}}}
    body = {"status_data": {"states": {"singlesensor": {"data": {"push": {"agents": agents}}}}}}
    reading = read_doors("xovis_v5", json.dumps(body), DEVICE)
    assert {h["metric"]: h["value"] for h in reading.health} == {
        "sent_packages_count": 861,
        "dropped_packages_count": 2,
        "failed_sendings_count": 3,
    }


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (1684325340000, 1684325400000),
        (1684325340, 1684325400),
        ("2023-05-17T14:09:00+02:00", "2023-05-17T14:10:00+02:00"),
        ("2023-05-17T12:09:00.000Z", "2023-05-17T12:10:00.000Z"),
        ("1684325340000", "1684325400000"),
    ],
)
def test_times_are_read_in_every_format_an_agent_can_be_set_to(read_doors: Any, start: Any, end: Any) -> None:
    """Seconds read as milliseconds are January 1970."""
    (row,) = read_doors("xovis_v5", package(logic(record(start, end)))).rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (
        datetime(2023, 5, 17, 12, 9),
        datetime(2023, 5, 17, 12, 10),
    )


def test_every_record_of_every_line_is_one_observation(read_doors: Any) -> None:
    """A public decoder sums all records of all lines into the last minute, and says nothing when the sum is 0."""
    start = 1684325340
    records = [record(start + 60 * n, start + 60 * (n + 1), fw=0, bw=0) for n in range(250)]
    lines = [logic(*records, number=n, info=f"XLT_{v}LINE_IN_OUT_COUNT") for n, v in ((3, ""), (7, "4X_"))]
    reading = read_doors("xovis_v5", package(*lines))
    assert len({r["observation_id"] for r in reading.rows}) == 500
    assert {(r["in_count"], r["value_state"]) for r in reading.rows} == {(0, "observed")}


def test_an_incomplete_record_keeps_its_people_and_says_that_it_is(read_doors: Any) -> None:
    """Those who were seen were there. A record without any sample saw nothing, which is not nobody."""
    told = [(60, 60), (40, 60), (0, 60)]
    start = 1684325340
    records = [
        record(start + 900 * n, start + 900 * (n + 1), 3 if found else 0, samples=found, samples_expected=expected)
        for n, (found, expected) in enumerate(told)
    ]
    rows = read_doors("xovis_v5", package(logic(*records))).rows
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in rows] == [
        (3, "observed", None),
        (3, "observed", None),
        (None, "not_observed", "no_records"),
    ]
    assert [(r["records_found"], r["records_expected"]) for r in rows] == told
    assert not any(r["is_provisional"] for r in rows)


def test_the_direction_that_leads_in_is_told_per_line(read_doors: Any) -> None:
    """One sensor may hold two lines with their arrows drawn against each other."""
    text = package(logic(record(1684325340, 1684325400, 5, 2)), logic(record(1684325340, 1684325400, 5, 2), number=4))
    rows = read_doors("xovis_v5", text, {"inward": {"4": "bw"}}).rows
    assert [(r["line_key"], r["in_count"], r["out_count"]) for r in rows] == [("3", 5, 2), ("4", 2, 5)]


def test_bad_records_cost_themselves(read_doors: Any) -> None:
    """Neighbours load; a line that only profiles is told as such."""
    start = 1684325340
    profiled = {"from": start, "to": start + 60, "counts": [{"name": "fw-male", "value": 1}]}
    text = package(
        logic(record("noon", start), record(start, start), record(start, start + 60, "x"), profiled),
        logic(record(start, start + 60), number=None),
        logic(record(start, start + 60), record(start, start + 60), record(start, start + 60, 9)),
    )
    reading = read_doors("xovis_v5", text)
    assert reading.reasons == [
        "bad_time",
        "empty_interval",
        "letters_in_count",
        "no_directions",
        "missing_line_id",
        "duplicate_conflict",
    ]
    assert [r["in_count"] for r in reading.rows] == [1]


def test_the_history_and_the_posts_of_one_truth_are_the_same_observations(tmp_path: Path, read_doors: Any) -> None:
    """What an agent dropped is found by asking; what both tell must be one thing. The male counter stays out."""
    now = datetime(2025, 5, 22, 9, 5, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        polled = poll_device(tmp_path, "xovis_v5", {**ASKED, "url": devices.url, "reread_days": 1}, now)
        start = datetime(2025, 5, 22, 8, tzinfo=UTC)
        came, went = devices.total(start, start + timedelta(minutes=15))
        whole = devices.total(datetime(2025, 5, 20, 22, tzinfo=UTC), now)
        assert "include_empty=true" in devices.asked[-1]
    assert polled.reasons == []
    seconds = int(start.timestamp())
    text = package(logic(record(seconds, seconds + 900, came, went), number=LOGIC_ID))
    (pushed,) = read_doors("xovis_v5", text, source_id="door_device_moa").rows
    asked = polled.current[datetime(2025, 5, 22, 8), datetime(2025, 5, 22, 8, 15)]
    same = ("observation_id", "device_key", "line_key", "in_count", "out_count")
    assert {k: asked[k] for k in same} == {k: pushed[k] for k in same}
    rows = list(polled.current.values())
    assert (sum(r["in_count"] for r in rows), sum(r["out_count"] for r in rows)) == whole
    assert (rows[0]["records_found"], rows[0]["records_expected"]) == (15, 15)
    assert (rows[-1]["is_provisional"], rows[-1]["records_found"]) == (True, 5)
    assert len(rows) == 96 + 11 * 4 + 1
    assert_no_secret(tmp_path, PASSWORD)


@pytest.mark.parametrize(("day", "quarters"), [((2025, 3, 30), 92), ((2025, 10, 26), 100)], ids=["spring", "autumn"])
def test_an_asked_day_of_a_clock_change_is_whole(tmp_path: Path, day: tuple[int, int, int], quarters: int) -> None:
    """The sensor answers in UTC; only the asked window knows of the change."""
    now = datetime(*day, 23, 30, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        polled = poll_device(tmp_path, "xovis_v5", {**ASKED, "url": devices.url, "reread_days": 1}, now)
    receipt = polled.receipts[1]
    assert receipt.window_start_at is not None
    assert receipt.window_end_at is not None
    low, high = (at.replace(tzinfo=None) for at in (receipt.window_start_at, receipt.window_end_at))
    assert len([start for start, _ in polled.current if low <= start < high]) == quarters


def test_a_bin_without_records_is_not_nobody(read_doors: Any) -> None:
    """The sensor was off: its history writes 0, and a library was not empty for that."""
    bins = [
        {"begin": 1684324800000 + 900000 * n, "end": 1684325700000 + 900000 * n, "records": found, "counts": counts}
        for n, (found, counts) in enumerate(
            [(15, [{"id": 8, "value": 0}, {"id": 9, "value": 0}]), (0, [{"id": 8, "value": 0}, {"id": 9, "value": 0}])]
        )
    ]
    names = [{"id": i, "logic_id": 3, "name": name, "type": "accumulation"} for i, name in ((8, "fw"), (9, "bw"))]
    reading = read_doors("xovis_v5", json.dumps({"config": {"counts": names}, "measurements": bins}), DEVICE)
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows] == [
        (0, "observed", None),
        (None, "not_observed", "no_records"),
    ]
    names[0]["type"] = names[1]["type"] = "state"
    reading = read_doors("xovis_v5", json.dumps({"config": {"counts": names}, "measurements": bins}), DEVICE)
    assert reading.reasons == ["no_lines"]


def test_a_wrong_password_is_told_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Basic authentication sends it with every request; no receipt and no error may hold it."""
    monkeypatch.setenv("DOOR_PASSWORD", "not this one")
    now = datetime(2025, 5, 22, 9, 5, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        polled = poll_device(tmp_path, "xovis_v5", {**ASKED, "url": devices.url}, now)
        assert len(devices.asked) == 1
    assert [f.reason for f in polled.outcome.failures] == ["http_401"]
    assert_no_secret(tmp_path, "not this one", PASSWORD)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("{}", "wrong_document"), (package(), "no_records"), ('{"logics_data":[]}', "no_records"), ("[", "not_json")],
)
def test_a_body_that_is_no_package_is_one_reject(read_doors: Any, body: str, reason: str) -> None:
    """Whoever is on duty learns what to look at."""
    reading = read_doors("xovis_v5", body)
    assert (reading.rows, reading.reasons) == ([], [reason])


def test_a_sensor_that_is_asked_must_be_named() -> None:
    """Its history does not say whose it is."""
    with pytest.raises(ValidationError):
        XovisV5Options.model_validate({"url": "https://sensor.example"})
