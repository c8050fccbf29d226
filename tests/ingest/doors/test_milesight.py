"""Milesight over The Things Stack: bytes decoded here, registers read, and what the stack leaves out."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from device_polls import KEY, assert_no_secret, poll_device
from pydantic import ValidationError

import ingest.doors.milesight as milesight
from ingest.doors.milesight import MilesightOptions, decode
from ingest.http import Answer
from sandbox.doors_devices import APPLICATION, Devices

ASKED = {"application": APPLICATION, "key_env": "STACK_KEY", "allow_loopback": True}
HEARD = datetime(2020, 2, 12, 15, 15, 45, 787000)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_KEY", KEY)


def uplink(payload: str, *, number: int | None = 7, eui: str = "0004A30B001C0530", **more: Any) -> dict[str, Any]:
    """As the stack writes it; the payload as hexadecimal."""
    told: dict[str, Any] = {
        "f_port": 85,
        "frm_payload": base64.b64encode(bytes.fromhex(payload)).decode(),
        "decoded_payload": {"line_1_total_in": 999},
        "rx_metadata": [{"gateway_ids": {"gateway_id": "gtw1"}, "time": "2020-02-12T15:15:45.787Z"}],
        "received_at": "2020-02-12T15:15:45.900123456Z",
    }
    if number is not None:
        told["f_cnt"] = number
    ids = {"device_id": "dev1", "application_ids": {"application_id": "app1"}, "dev_eui": eui}
    return {"end_device_ids": ids, "received_at": "2020-02-12T15:15:46Z", "uplink_message": told | more}


def totals(reading: Any) -> list[tuple[Any, ...]]:
    return [(r["line_key"], r["total_in_count"], r["total_out_count"]) for r in reading.rows]


def test_a_posted_uplink_is_one_register_reading_at_the_time_it_was_heard(read_doors: Any) -> None:
    """The stack's own sample with the vendor's bytes. `decoded_payload` is not believed: it lacks zeros."""
    reading = read_doors("milesight", json.dumps(uplink("03D248000000 04D2C8000000")), how="push")
    assert reading.rejects == []
    (row,) = reading.rows
    expected = {
        "device_key": "0004a30b001c0530",
        "line_key": "line_1",
        "kind": "cumulative",
        "interval_start_at": HEARD,
        "interval_end_at": HEARD,
        "stamp_convention": "read",
        "in_count": None,
        "out_count": None,
        "total_in_count": 72,
        "total_out_count": 200,
        "value_state": "observed",
        "sequence": 7,
        "is_provisional": False,
        "reason_code": None,
    }
    assert {k: row.get(k) for k in expected} == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            "03D248000000 04D2C8000000 06D200000000 07D200000000 09D200000000 0AD200000000 0CD2B4140000 0DD28D1A0000",
            [("line_1", 72, 200), ("line_2", 0, 0), ("line_3", 0, 0), ("line_4", 5300, 6797)],
        ),
        ("03D2FFFFFFFF 04D200000080", [("line_1", 4294967295, 2147483648)]),
        ("04CC12001600 05CC13001400", [("total", 18, 22)]),
        ("04CCFFFF0000", [("total", 65535, 0)]),
        ("84CC0111081101 85CCE803E90301", [("total", 4353, 4360)]),
        ("017564 03670C01 8367360101 04CC01000200", [("total", 1, 2)]),
        ("11D205000000 12D205000000 13CC01000100 03D201000000", [("line_1", 1, None)]),
        ("0FE302100709 10E40109101121 50FC010203 04D201000000", [("line_1", None, 1)]),
        ("FF0101 FF16 0102030405060708 FF090110 FF0A0110 FFFF0100 FF0F02 FF0BFF 03D202000000", [("line_1", 2, None)]),
        ("05CC13001400", []),
    ],
)  # fmt: skip
def test_the_vendors_bytes_are_read_by_the_vendors_table(
    read_doors: Any, payload: str, expected: list[tuple[Any, ...]]
) -> None:
    """Registers are unsigned: a public decoder reads half of them as negative. Period counts stay out."""
    reading = read_doors("milesight", json.dumps(uplink(payload)))
    assert reading.rejects == []
    assert totals(reading) == expected
    assert {r["kind"] for r in reading.rows} <= {"cumulative"}


def test_history_is_older_readings_of_the_same_register(read_doors: Any) -> None:
    """A VS350 that could not send tells its registers later, with its own time; period counts alone are lossy."""
    sent = uplink("20CEFF3DF16401070002001D000800 20CE7B3AF164000B000400 04CC1E000900")
    body = json.dumps(sent).replace("2020-02-12", "2023-09-01")
    reading = read_doors("milesight", body)
    assert reading.rejects == []
    assert [(r["interval_end_at"], r["total_in_count"], r["total_out_count"]) for r in reading.rows] == [
        (datetime(2023, 9, 1, 15, 15, 45, 787000), 30, 9),
        (datetime(2023, 9, 1, 1, 27, 27), 29, 8),
    ]


def test_history_with_one_register_per_entry_is_put_together(read_doors: Any) -> None:
    """A VS133 sends in and out as two entries of one moment."""
    clock = (1581520000).to_bytes(4, "little").hex()
    entries = [
        f"20CE{clock}03{'0A000000'}",
        f"20CE{clock}04{'0B000000'}",
        f"20CE{clock}10010200",
        f"20CE{clock}0501000100",
    ]
    reading = read_doors("milesight", json.dumps(uplink("".join(entries))))
    assert reading.rejects == []
    assert totals(reading) == [("line_1", 10, 11)]
    assert reading.rows[0]["interval_end_at"] == datetime(2020, 2, 12, 15, 6, 40)


def test_a_reading_bears_the_counters_own_time_unless_its_clock_is_lost(read_doors: Any) -> None:
    """What is sent late was read earlier; a clock that starts at 1970, or runs ahead, is no evidence."""
    own = int(datetime(2020, 2, 12, 15, 0, tzinfo=UTC).timestamp())
    for clock, expected in [(own, datetime(2020, 2, 12, 15)), (1000, HEARD), (own + 86_400, HEARD), (0, HEARD)]:
        payload = f"0AEF{clock.to_bytes(4, 'little').hex()}04CC01000200"
        (row,) = read_doors("milesight", json.dumps(uplink(payload))).rows
        assert row["interval_end_at"] == expected


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        (["2020-02-12T15:15:45.787Z", "2020-02-12T15:15:45.5Z"], datetime(2020, 2, 12, 15, 15, 45, 500000)),
        (["1980-01-06T00:00:13Z"], datetime(2020, 2, 12, 15, 15, 45, 900123)),
        ([], datetime(2020, 2, 12, 15, 15, 45, 900123)),
    ],
)
def test_a_gateway_without_satellite_time_is_not_believed(
    read_doors: Any, gateways: list[str], expected: datetime
) -> None:
    """Many gateways stamp 1980; the network's own time is a second off at most."""
    body = json.dumps(uplink("04CC01000200", rx_metadata=[{"time": t} for t in gateways]))
    assert [r["interval_end_at"] for r in read_doors("milesight", body).rows] == [expected]


def test_an_absent_frame_number_is_nought(read_doors: Any) -> None:
    """The stack leaves out what is 0: the first uplink after a join has no f_cnt."""
    assert [r["sequence"] for r in read_doors("milesight", json.dumps(uplink("04CC01000200", number=None))).rows] == [0]


def test_an_uplink_told_twice_is_one(read_doors: Any) -> None:
    """By webhook and by storage, or by two gateways."""
    lines = "\n".join(json.dumps({"result": uplink("04CC01000200")}) for _ in range(2))
    stored = read_doors("milesight", lines)
    posted = read_doors("milesight", json.dumps(uplink("04CC01000200")))
    assert [r["observation_id"] for r in stored.rows] == [r["observation_id"] for r in posted.rows]
    assert stored.rejects == []
    later = [uplink("04CC01000200", number=n, received_at=f"2020-02-12T15:15:{n}Z", rx_metadata=[]) for n in (50, 51)]
    two = "\n".join(json.dumps({"result": message}) for message in later)
    assert [r["sequence"] for r in read_doors("milesight", two).rows] == [50, 51]


def test_battery_alarms_and_resets_are_health(read_doors: Any) -> None:
    """A reset explains a register that falls; the warehouse must not take it for people lost."""
    reading = read_doors("milesight", json.dumps(uplink("017564 FFFEFF 50FC010101 04CC00000000")))
    assert {h["metric"]: h["value"] for h in reading.health} == {
        "frame_count": 7,
        "battery_share": 1.0,
        "occlusion_alarm": 1,
        "reset_event": 1,
    }
    assert [r["reason_code"] for r in reading.rows] == ["reset"]


@pytest.mark.parametrize(
    ("payload", "reason", "kept"),
    [
        ("04CC01000200 9999 03D201000000", "unknown_channel", 1),
        ("04CC01000200 03D201", "cut_payload", 1),
        ("04CC01000200 20CE0102", "cut_payload", 1),
        ("04CC01000200 03", "cut_payload", 1),
        ("99", "cut_payload", 0),
    ],
)
def test_bytes_that_can_not_be_read_cost_what_stands_behind_them(
    read_doors: Any, payload: str, reason: str, kept: int
) -> None:
    """What came before is whole; the length of an unknown value is not to be guessed."""
    reading = read_doors("milesight", json.dumps(uplink(payload)))
    assert (reading.reasons, len(reading.rows)) == ([reason], kept)


def test_any_bytes_are_decoded_without_a_crash() -> None:
    """Every channel and type there is, cut at every place."""
    for channel in range(256):
        for kind in range(256):
            decode(bytes([channel, kind]) + bytes(range(9)))
    for end in range(20):
        decode(bytes.fromhex("20CEFF3DF16401070002001D00080004CC12001600")[:end])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"uplink_message": None}, "not_an_uplink"),
        ({"end_device_ids": {}}, "no_device"),
        ({"uplink_message": {"frm_payload": "####"}}, "bad_payload"),
        ({"uplink_message": {"frm_payload": "BMwBAAIA"}, "received_at": "yesterday"}, "bad_time"),
        ({"uplink_message": {"frm_payload": "BMwBAAIA"}, "received_at": "2090-01-01T00:00:00Z"}, "future_interval"),
    ],
)
def test_a_message_that_is_no_reading_is_rejected(read_doors: Any, change: dict[str, Any], reason: str) -> None:
    """Joins and receipts come by the same webhook when it is set to send everything."""
    reading = read_doors("milesight", json.dumps(uplink("04CC01000200") | change))
    assert (reading.reasons, reading.rows) == ([reason], [])
    assert reading.rejects[0]["next_action"].endswith(".")


def test_a_broken_line_of_the_storage_costs_itself(read_doors: Any) -> None:
    """An answer that was cut has one; the others are good."""
    line = json.dumps({"result": uplink("04CC01000200")})
    body = f'{line}\n\n{{"error":{{"code":8}}}}\n{line[:50]}'
    reading = read_doors("milesight", body)
    assert (reading.reasons, len(reading.rows)) == (["storage_error", "bad_line"], 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("", "no_records"), ("{}", "wrong_document"), ("[1]", "wrong_document"), ("x\ny", "not_json")],
)
def test_a_body_that_is_no_message_is_one_reject(read_doors: Any, body: str, reason: str) -> None:
    """An empty answer of the storage is a day in which no counter was heard: somebody should know."""
    reading = read_doors("milesight", body)
    assert (reading.rows, reading.reasons) == ([], [reason])


def test_other_sensors_of_the_application_are_passed_over(read_doors: Any) -> None:
    """A thermometer in the same application is no fault of the counter."""
    body = "\n".join(json.dumps({"result": uplink(p, eui=e)}) for p, e in (("9999", "AA"), ("04CC01000200", "bb")))
    reading = read_doors("milesight", body, {"devices": ["BB"]})
    assert (reading.reasons, [r["device_key"] for r in reading.rows]) == ([], ["bb"])
    assert read_doors("milesight", json.dumps(uplink("9999", eui="AA")), {"devices": ["BB"]}).reasons == ["no_records"]


def test_the_storage_fills_what_the_webhook_missed(
    tmp_path: Path, read_doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook is tried once. The storage is asked in pages, because an answer as long as the limit may be cut."""
    monkeypatch.setattr(milesight, "_ANSWER_LINES", 40)
    now = datetime(2025, 5, 22, 9, 5, tzinfo=UTC)
    with Devices(now, key=KEY) as devices:
        polled = poll_device(tmp_path, "milesight", {**ASKED, "url": devices.url, "reread_days": 3}, now)
        start, end = datetime(2025, 5, 19, tzinfo=UTC), datetime(2025, 5, 22, 9, tzinfo=UTC)
        truth = devices.total(start, end)
        (last,) = (told for at, told in devices._uplinks() if at == end)
    assert (polled.reasons, polled.outcome.failures) == ([], [])
    rows = list(polled.current.values())
    assert len(rows) == 3 * 96 + 9 * 4 + 1
    assert {b["interval_end_at"] - a["interval_end_at"] for a, b in pairwise(rows)} == {timedelta(minutes=15)}
    assert [r["sequence"] for r in rows] == list(range(len(rows)))
    assert (rows[-1]["total_in_count"], rows[-1]["total_out_count"]) == truth
    complete = {r.asked["day"]: r.is_complete for r in polled.receipts}
    assert set(complete.values()) == {True}  # the last page of each day
    assert [r.is_complete for r in polled.receipts].count(False) == 2 * 3
    (posted,) = read_doors("milesight", json.dumps(last), source_id="door_device_moa").rows
    assert posted["observation_id"] == rows[-1]["observation_id"]
    assert_no_secret(tmp_path, KEY)


def test_a_broken_line_of_a_page_counts_and_does_not_say_where_the_next_begins() -> None:
    """A page is whole by its number of lines, and the next one begins at the last message that has a time."""
    line = json.dumps({"result": uplink("04CC01000200")})
    body = f'{line[:50]}\n\n{line}\n{{"error":{{"code":8}}}}\n{line[:50]}\n'
    counted = milesight._extent(Answer(200, body.encode(), {}, ""))
    assert counted == (4, datetime(2020, 2, 12, 15, 15, 46, tzinfo=UTC))


def test_a_refused_key_is_told_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key opens all of the application's traffic."""
    monkeypatch.setenv("STACK_KEY", "NNSXS.OLD-KEY")
    now = datetime(2025, 5, 22, 9, 5, tzinfo=UTC)
    with Devices(now, key=KEY) as devices:
        polled = poll_device(tmp_path, "milesight", {**ASKED, "url": devices.url}, now)
    assert [f.reason for f in polled.outcome.failures] == ["http_401"]
    assert_no_secret(tmp_path, "OLD-KEY", KEY)


@pytest.mark.parametrize("options", [{"url": "https://eu1.example"}, {"application": "a/../b"}, {"key_env": "NNSXS.X"}])
def test_wrong_options_are_told_before_anything_is_asked(options: dict[str, Any]) -> None:
    """A key written where its variable belongs must not reach a table."""
    with pytest.raises(ValidationError):
        MilesightOptions.model_validate(options)
