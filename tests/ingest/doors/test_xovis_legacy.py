"""Xovis before version 5: buffered measurements, offsets, and an event message that tells one crossing five times."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PAYLOADS = "doors/payloads/akenza"


def message(*measurements: dict[str, Any], kind: str = "LINE", **more: Any) -> str:
    element = {"element-id": 0, "element-name": "Line 0", "data-type": kind, "measurement": list(measurements)} | more
    return json.dumps(
        {
            "sensor-time": {"timezone": "Europe/Oslo", "time": "2021-10-31T09:00:06+01:00"},
            "status": {"code": "OK"},
            "content": {"element": [element]},
            "sensor-info": {"serial-number": "80:1F:12:D5:30:DC", "name": "Office Entrance"},
        }
    )


def measured(start: str, end: str, fw: Any = 1, bw: Any = 0) -> dict[str, Any]:
    return {"from": start, "to": end, "value": [{"value": fw, "label": "fw"}, {"value": bw, "label": "bw"}]}


def crossing(timestamp: Any, kind: str = "LineCount", direction: str = "forward", line: Any = 0) -> dict[str, Any]:
    person = {"id": 3006, "x": 303, "y": 275, "height": 1748}
    told = {"timestamp": timestamp, "type": kind, "serial": "80:1F:12:D5:30:DC", "direction": direction}
    return told | {"object": person, "countItem": {"id": line, "name": "Line 0"}, "objectType": "PERSON"}


def test_the_real_count_message_is_one_minute_at_its_offset(read_doors: Any, real: Path) -> None:
    """10:20 in summer is 08:20 UTC; a public driver ignores the offset."""
    reading = read_doors("xovis_legacy", (real / PAYLOADS / "xovis_legacy_push_02_sensor-time.json").read_bytes())
    assert reading.rejects == []
    (row,) = reading.rows
    expected = {
        "device_key": "801f12d530dc",
        "line_key": "0",
        "kind": "interval",
        "interval_start_at": datetime(2021, 9, 23, 8, 20),
        "interval_end_at": datetime(2021, 9, 23, 8, 21),
        "in_count": 1,
        "out_count": 0,
        "vendor_status": "OK",
        "zone": "+02:00",
        "sent_at": datetime(2021, 9, 23, 8, 21, 6),
    }
    assert {k: row[k] for k in expected} == expected
    assert [(h["metric"], h["value"]) for h in reading.health] == [("sent_delay_seconds", 6.0)]


def test_the_real_event_message_is_one_crossing_and_no_person(read_doors: Any, real: Path) -> None:
    """Five events of one person: line crossing, line count, zone exit twice, fill level."""
    reading = read_doors("xovis_legacy", (real / PAYLOADS / "xovis_legacy_push_01_values.json").read_bytes())
    assert reading.rejects == []
    (row,) = reading.rows
    at = datetime(2021, 9, 23, 8, 21, 4, 305000)
    assert (row["kind"], row["interval_start_at"], row["interval_end_at"]) == (
        "event",
        at,
        at + timedelta(milliseconds=1),
    )
    assert (row["in_count"], row["out_count"], row["line_key"]) == (1, None, "0")
    told = str(reading.rows)
    assert not any(word in told for word in ("3006", "1748", "303", "275", "PERSON"))


def test_a_post_of_five_hundred_measurements_is_five_hundred_observations(read_doors: Any) -> None:
    """After an outage the sensor sends its buffer at once, older than what we hold; a public receiver drops it all."""
    first = datetime(2021, 10, 30, 22)
    stamps = [first + timedelta(minutes=n) for n in range(501)]
    # Written as the sensor does, in local time with its offset, over the night of a clock change.
    change = datetime(2021, 10, 31, 1)
    hours = [2 if stamp < change else 1 for stamp in stamps]
    local = [f"{stamp + timedelta(hours=h):%FT%T}+0{h}:00" for stamp, h in zip(stamps, hours, strict=True)]
    measurements = [measured(a, b, n % 4, n % 3) for n, (a, b) in enumerate(pairwise(local))]
    random.Random(7).shuffle(measurements)
    reading = read_doors("xovis_legacy", message(*measurements))
    assert reading.rejects == []
    assert len({r["observation_id"] for r in reading.rows}) == 500
    rows = sorted(reading.rows, key=lambda r: r["interval_start_at"])
    assert [r["interval_start_at"] for r in rows] == stamps[:-1]
    assert [r["in_count"] for r in rows] == [n % 4 for n in range(500)]


def test_the_direction_that_leads_in_is_told_per_line(read_doors: Any) -> None:
    """fw and bw follow the arrow on the line; one drawn the other way round swaps coming and going."""
    text = message(measured("2021-09-23T10:20:00+02:00", "2021-09-23T10:21:00+02:00", 5, 2))
    assert [(r["in_count"], r["out_count"]) for r in read_doors("xovis_legacy", text).rows] == [(5, 2)]
    swapped = read_doors("xovis_legacy", text, {"inward": {"0": "bw"}}).rows
    assert [(r["in_count"], r["out_count"]) for r in swapped] == [(2, 5)]
    other = read_doors("xovis_legacy", text, {"inward": {"1": "bw"}}).rows
    assert [(r["in_count"], r["out_count"]) for r in other] == [(5, 2)]


def test_two_people_in_one_millisecond_are_two(read_doors: Any) -> None:
    """A key of line and time alone would keep one of them."""
    events = [crossing(1632385264305), crossing(1632385264305), crossing(1632385264305, direction="backward")]
    (row,) = read_doors("xovis_legacy", json.dumps({"values": events})).rows
    assert (row["in_count"], row["out_count"]) == (2, 1)


def test_bad_measurements_cost_themselves(read_doors: Any) -> None:
    """The sensor will not send the others again."""
    minute = ("2021-09-23T10:20:00+02:00", "2021-09-23T10:21:00+02:00")
    text = message(
        measured("2021-09-23T10:19:00", minute[0]),
        measured(minute[1], minute[0]),
        measured(*minute, fw="x"),
        {"from": minute[0], "to": minute[1], "value": [{"label": "fw-male", "value": 3}]},
        measured(*minute, fw=-1, bw=-1),
        measured(minute[1], "2021-09-23T10:22:00+02:00", fw="4"),
        measured(minute[1], "2021-09-23T10:22:00+02:00", fw=5),
    )
    reading = read_doors("xovis_legacy", text)
    assert reading.reasons == ["no_offset", "empty_interval", "letters_in_count", "no_directions", "duplicate_conflict"]
    assert [(r["in_count"], r["reason_code"]) for r in reading.rows] == [(None, "negative"), (4, None)]


@pytest.mark.parametrize(
    ("body", "reason", "scope"),
    [
        (message(measured("2021-09-23T10:20:00Z", "2021-09-23T10:21:00Z"), kind="ZONE"), "no_lines", "blob"),
        (json.dumps({"values": [crossing(1, "ZoneExit")]}), "no_lines", "blob"),
        (json.dumps({"values": [crossing(1632385264305, direction="up")]}), "no_directions", "record"),
        (json.dumps({"values": [crossing("noon")]}), "bad_time", "record"),
        (json.dumps({"values": []}), "no_records", "blob"),
        (json.dumps({"logics_data": {}}), "wrong_document", "blob"),
        ("\x00", "not_json", "blob"),
    ],
)
def test_what_is_no_count_is_rejected_with_a_next_action(read_doors: Any, body: str, reason: str, scope: str) -> None:
    """Zones are no doors, and silence is not an empty library."""
    reading = read_doors("xovis_legacy", body)
    assert (reading.rows, reading.reasons, reading.rejects[0]["scope"]) == ([], [reason], scope)
    assert reading.rejects[0]["next_action"].endswith(".")


def test_a_message_without_its_sensor_is_read_by_the_option(read_doors: Any) -> None:
    """Old firmware leaves the sensor out; then the source says which one posts here."""
    body = json.loads(message(measured("2021-09-23T10:20:00+02:00", "2021-09-23T10:21:00+02:00")))
    del body["sensor-info"]
    assert read_doors("xovis_legacy", json.dumps(body)).reasons == ["no_device"]
    assert [r["device_key"] for r in read_doors("xovis_legacy", json.dumps(body), {"device": "80-1F"}).rows] == ["801f"]
