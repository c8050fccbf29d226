"""Axis 3D: the real post, both clock changes when asked, and posts and answers that don't add up twice."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from device_polls import ACCOUNT, PASSWORD, USER, assert_no_secret, poll_device
from pydantic import ValidationError

from ingest import http
from ingest.doors.axis_3d import Axis3dOptions
from sandbox.doors_devices import Devices

ASKED = {"zone": "Europe/Oslo", "device": "B8:A4:4F:A8:9C:85", "allow_loopback": True, **ACCOUNT}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_USER", USER)
    monkeypatch.setenv("DOOR_PASSWORD", PASSWORD)


def post(*measurements: dict[str, Any], **sensor: str) -> str:
    sensor = sensor or {"serial": "b8a44fa89c85", "timeZone": "Europe/Oslo"}
    data = {"utcFrom": "2025-05-22T00:00:00Z", "utcTo": "2025-05-23T00:00:00Z", "measurements": list(measurements)}
    return json.dumps(
        {"apiName": "Axis Retail Data", "utcSent": "2025-05-22T08:15:38Z", "data": data, "sensor": sensor}
    )


def counted(minute: int, came: Any = 1, went: Any = 2, length: int = 1) -> dict[str, Any]:
    start = datetime(2025, 5, 22, 8) + timedelta(minutes=minute)
    items = [{"direction": "in", "count": came, "adults": 0}, {"direction": "out", "count": went, "adults": 0}]
    stamps = {"utcFrom": f"{start:%FT%TZ}", "utcTo": f"{start + timedelta(minutes=length):%FT%TZ}"}
    return {"kind": "people-counts", **stamps, "items": items}


def answer(*rows: tuple[str, str, Any, Any]) -> str:
    return json.dumps({"data": [dict(zip(("start", "end", "in", "out"), row, strict=True)) for row in rows]})


def test_the_real_post_is_one_observation_with_its_own_interval(read_doors: Any, real: Path) -> None:
    """The only whole body that we hold from a camera."""
    body = (real / "doors/payloads/akenza/axis3d_push_01_apiName.json").read_bytes()
    reading = read_doors("axis_3d", body, how="push", received_at=datetime(2025, 5, 22, 8, 15, 40, tzinfo=UTC))
    assert reading.rejects == []
    (row,) = reading.rows
    expected = {
        "device_key": "b8a44fa89c85",
        "line_key": "total",
        "kind": "interval",
        "interval_start_at": datetime(2025, 5, 22, 8, 14),
        "interval_end_at": datetime(2025, 5, 22, 8, 15),
        "in_count": 1,
        "out_count": 2,
        "value_state": "observed",
        "is_provisional": False,
        "sent_at": datetime(2025, 5, 22, 8, 15, 38),
        "fold": "exact",
        "pointer": "$.data.measurements[0]",
    }
    assert {k: row[k] for k in expected} == expected
    assert {h["metric"]: h["value"] for h in reading.health} == {"sent_delay_seconds": 38, "clock_offset_seconds": -2}
    assert "192.168" not in str(reading.rows)


@pytest.mark.parametrize("spelling", ["timeZone", "timezone"])
def test_local_times_are_read_by_the_zone_under_either_spelling(read_doors: Any, spelling: str) -> None:
    """The vendor's sample and its table spell the field differently; real cameras follow the table."""
    measurement = counted(0)
    del measurement["utcFrom"], measurement["utcTo"]
    measurement |= {"localFrom": "2025-05-22T10:00:00", "localTo": "2025-05-22T10:01:00"}
    (row,) = read_doors("axis_3d", post(measurement, serial="AA", **{spelling: "Europe/Oslo"})).rows
    assert (row["interval_start_at"], row["zone"]) == (datetime(2025, 5, 22, 8), "Europe/Oslo")


def test_every_measurement_of_a_post_is_read_and_a_bad_one_costs_itself(read_doors: Any) -> None:
    """A post may hold several; other kinds are other quantities."""
    other = counted(9) | {"kind": "occupancy"}
    reading = read_doors("axis_3d", post(counted(0), counted(1, came="many"), other, counted(2, came=None)))
    assert [(r["in_count"], r["out_count"], r["reason_code"]) for r in reading.rows] == [
        (1, 2, None),
        (None, 2, "blank"),
    ]
    assert [(r["reason"], r["pointer"]) for r in reading.rejects] == [("letters_in_count", "$.data.measurements[1]")]


def test_a_post_of_another_length_than_what_is_asked_is_refused(read_doors: Any) -> None:
    """Minutes posted beside quarters asked would be added to each other: the door would count twice."""
    reading = read_doors(
        "axis_3d", post(counted(0), counted(15, length=15)), {**ASKED, "url": "https://camera.example"}
    )
    assert reading.reasons == ["interval_mismatch"]
    assert [r["interval_start_at"] for r in reading.rows] == [datetime(2025, 5, 22, 8, 15)]


def test_a_post_from_the_future_is_a_broken_clock(read_doors: Any) -> None:
    """Kept, its counts would stand on a day that nobody has lived yet."""
    received_at = datetime(2025, 5, 21, tzinfo=UTC)
    assert read_doors("axis_3d", post(counted(0)), received_at=received_at).reasons == ["future_interval"]


@pytest.mark.parametrize(
    ("day", "quarters"),
    [((2025, 3, 30), 92), ((2025, 10, 26), 100), ((2025, 6, 15), 96)],
    ids=["spring", "autumn", "-"],
)
def test_an_asked_day_has_as_many_quarters_as_the_clock_gives_it(
    tmp_path: Path, day: tuple[int, int, int], quarters: int
) -> None:
    """The camera answers in local time without a zone: by the minute, order tells the two autumn hours apart."""
    now = datetime(*day, 23, 30, tzinfo=UTC)  # after local midnight, so that the day is over
    with Devices(now, user=USER, password=PASSWORD, people=lambda minute: (1, minute.minute % 2)) as devices:
        polled = poll_device(tmp_path, "axis_3d", {**ASKED, "url": devices.url, "reread_days": 1}, now)
    local_day = datetime(*day).date().isoformat()
    receipt = next(r for r in polled.receipts if r.asked["day"] == local_day)
    low, high = receipt.window_start_at, receipt.window_end_at
    assert low is not None
    assert high is not None
    rows = [r for r in polled.rows if low.replace(tzinfo=None) <= r["interval_start_at"] < high.replace(tzinfo=None)]
    assert polled.reasons == []
    assert len(rows) == quarters
    assert len({r["observation_id"] for r in rows}) == quarters
    assert {(r["in_count"], r["records_found"], r["records_expected"]) for r in rows} == {(15, 15, 15)}
    assert sum(r["out_count"] for r in rows) == quarters * 15 // 2
    starts = sorted(r["interval_start_at"] for r in rows)
    assert {b - a for a, b in pairwise(starts)} == {timedelta(minutes=15)}
    assert receipt.is_complete


def test_asked_and_posted_counts_of_one_truth_are_the_same_observations(tmp_path: Path, read_doors: Any) -> None:
    """What a post lost is filled by asking; what both tell must be one thing, whichever came first."""
    now = datetime(2025, 5, 22, 9, 5, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        polled = poll_device(tmp_path, "axis_3d", {**ASKED, "url": devices.url, "reread_days": 0}, now)
        start = datetime(2025, 5, 22, 8, tzinfo=UTC)
        came, went = devices.total(start, start + timedelta(minutes=15))
    (pushed,) = read_doors("axis_3d", post(counted(0, came, went, length=15)), source_id="door_device_moa").rows
    asked = polled.current[datetime(2025, 5, 22, 8), datetime(2025, 5, 22, 8, 15)]
    same = ("observation_id", "device_key", "line_key", "in_count", "out_count")
    assert {k: asked[k] for k in same} == {k: pushed[k] for k in same}
    last = list(polled.current.values())[-1]
    assert (last["interval_start_at"], last["is_provisional"], last["records_found"]) == (
        datetime(2025, 5, 22, 9),
        True,
        5,
    )


def test_a_failing_day_costs_itself_and_is_asked_again(tmp_path: Path) -> None:
    """A day that always fails once held up every later one for a month."""
    now = datetime(2025, 5, 22, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        devices.broken["start=20250521"] = 500
        options = {**ASKED, "url": devices.url, "reread_days": 3}
        first = poll_device(tmp_path, "axis_3d", options, now)
        assert [(r.asked.get("day"), r.status) for r in first.receipts][:4] == [
            ("2025-05-22", "ok"),
            ("2025-05-21", "failed"),
            ("2025-05-20", "ok"),
            ("2025-05-19", "ok"),
        ]
        assert [f.reason for f in first.outcome.failures] == ["http_500"]
        devices.broken.clear()
        again = poll_device(tmp_path, "axis_3d", options, now)
    assert len(again.current) == 3 * 96 + 14 * 4
    assert again.outcome.failures == []


def test_asking_again_for_what_has_not_changed_brings_no_new_reading(tmp_path: Path) -> None:
    """Every poll asks a week; the lake must not grow by a week with it."""
    now = datetime(2025, 5, 22, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        options = {**ASKED, "url": devices.url, "reread_days": 2}
        poll_device(tmp_path, "axis_3d", options, now)
        polled = poll_device(tmp_path, "axis_3d", options, now)
    asked = {(r.blob_sha256, r.ask, r.window_start_at) for r in polled.receipts}
    assert (len(polled.receipts), len(asked)) == (6, 3)


def test_a_wrong_password_stops_at_once_and_stands_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven more tries would lock the account, and an error text is where passwords leak."""
    monkeypatch.setenv("DOOR_PASSWORD", "not this one")
    now = datetime(2025, 5, 22, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        polled = poll_device(tmp_path, "axis_3d", {**ASKED, "url": devices.url}, now)
        assert len(devices.asked) <= 3
    assert [f.reason for f in polled.outcome.failures] == ["http_401"]
    assert polled.rows == []
    assert_no_secret(tmp_path, "not this one", PASSWORD)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_camera_in_the_librarys_own_network_is_asked_when_its_source_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_allowed: bool
) -> None:
    """Cameras hang there, and speak plain http; loopback stands for that network here."""
    networks = ("127.0.0.0/8",) if is_allowed else ("10.0.0.0/8",)
    monkeypatch.setattr(http, "PRIVATE_NETWORKS", tuple(map(ipaddress.ip_network, networks)))
    now = datetime(2025, 5, 22, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD) as devices:
        options = {**ASKED, "url": devices.url, "reread_days": 0, "allow_loopback": False}
        polled = poll_device(tmp_path, "axis_3d", options, now, allow_private_network=True)
        assert bool(devices.asked) == is_allowed
    assert [f.reason for f in polled.outcome.failures] == ([] if is_allowed else ["address_refused"])
    assert len(polled.current) == (14 * 4 if is_allowed else 0)


def test_a_row_from_another_day_than_asked_is_refused(tmp_path: Path) -> None:
    """A camera with the wrong date answers any question, and its counts would land on the wrong day."""
    now = datetime(2025, 5, 22, 12, tzinfo=UTC)
    with Devices(now, user=USER, password=PASSWORD, zone="America/New_York") as devices:
        polled = poll_device(tmp_path, "axis_3d", {**ASKED, "url": devices.url, "reread_days": 0}, now)
    assert set(polled.reasons) <= {"outside_window", "no_records"}


def test_an_hour_that_the_clock_skipped_holds_padding_or_a_shift(read_doors: Any) -> None:
    """Noughts in it are the camera's filling; people in it mean that the labels are wrong."""
    rows = [
        ("2025-03-30 01:00:00", "2025-03-30 02:00:00", 1, 1),
        ("2025-03-30 02:00:00", "2025-03-30 03:00:00", 0, 0),
        ("2025-03-30 03:00:00", "2025-03-30 04:00:00", 2, 2),
    ]
    reading = read_doors("axis_3d", answer(*rows), {**ASKED, "interval_minutes": 60})
    assert reading.reasons == ["dst_padding"]
    assert [r["interval_start_at"].hour for r in reading.rows] == [0, 1]
    rows[1] = (*rows[1][:2], 4, 0)
    assert read_doors("axis_3d", answer(*rows), {**ASKED, "interval_minutes": 60}).reasons == ["nonexistent_local_time"]


def test_a_minute_that_can_not_be_read_spoils_its_quarter_only(read_doors: Any) -> None:
    """The sum of the other fourteen would be too low and look exact."""
    rows: list[tuple[str, str, Any, Any]] = [
        (f"2025-05-22 10:{m:02}:00", f"2025-05-22 10:{m + 1:02}:00", 1, 1) for m in range(45)
    ]
    rows[3] = (*rows[3][:2], None, 1)
    rows[20] = (*rows[20][:2], "x", 1)
    reading = read_doors("axis_3d", answer(*rows), ASKED)
    assert [(r["in_count"], r["out_count"], r["reason_code"]) for r in reading.rows] == [
        (None, 15, "blank"),
        (15, 15, None),
    ]
    assert reading.reasons == ["letters_in_count"]


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        ('{"error":{"message":"Validation failed","error":[{"field":"start"}]}}', {}, "vendor_error"),
        ('{"data":[]}', {}, "no_device"),
        ('{"data":[]}', ASKED, "no_records"),
        ('{"data":{"measurements":[]}}', {}, "no_records"),
        ("[1]", {}, "wrong_document"),
        ('{"data":', {}, "not_json"),
        ("", {}, "empty"),
    ],
)
def test_a_body_that_is_no_report_is_one_reject(
    read_doors: Any, body: str, options: dict[str, Any], reason: str
) -> None:
    """An error inside an answer must not pass for a quiet day."""
    reading = read_doors("axis_3d", body, options)
    assert (reading.reasons, reading.rows) == ([reason], [])
    assert reading.rejects[0]["next_action"].endswith(".")


@pytest.mark.parametrize(
    "options",
    [
        {"url": "https://camera.example"},
        {"url": "https://user:pass@camera.example", "zone": "Europe/Oslo", "device": "1"},
        {"zone": "Oslo"},
        {"user_env": "my password"},
        {"interval_minutes": 7},
    ],
)
def test_wrong_options_are_told_before_anything_is_asked(options: dict[str, Any]) -> None:
    """A password in an address would be stored with every receipt."""
    with pytest.raises(ValidationError):
        Axis3dOptions.model_validate(options)
