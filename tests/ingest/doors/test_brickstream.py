"""Brickstream posts: exact times of real messages, buffered ones, broken ones and hostile ones."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.doors._keys import observation_id
from ingest.doors.brickstream import BrickstreamOptions

PROPERTIES = (
    "<Version>2</Version><TransmitTime>1750002744</TransmitTime><MacAddress>00:b0:9d:be:30:13</MacAddress>"
    "<Timezone>1</Timezone><DST>1</DST><SerialNumber>10000000</SerialNumber>"
)
OLD = (
    "<MacAddress>00:b0:9d:be:30:13</MacAddress><Timezone>{zone}</Timezone><DST>{dst}</DST>"
    "<SerialNumber>10000000</SerialNumber>"
)
GOOD = '<Count StartTime="17:51:00" EndTime="17:52:00" UnixStartTime="1750002660" Enters="3" Exits="2" Status="4"/>'


def message(reports: str, properties: str = PROPERTIES, interval: str = "1") -> str:
    return (
        '<?xml version="1.0"?><Metrics SiteId="s" Sitename="n" DeviceId="North Door" Devicename="n">'
        f'<Properties>{properties}</Properties><ReportData Interval="{interval}">{reports}</ReportData></Metrics>'
    )


def report(*counts: str, date: str = "2025-06-15", object_id: str = "0") -> str:
    return f'<Report Date="{date}"><Object Id="{object_id}" Name="1">{"".join(counts)}</Object></Report>'


def local(start: str, end: str, enters: str = "1", exits: str = "1") -> str:
    return f'<Count StartTime="{start}" EndTime="{end}" Enters="{enters}" Exits="{exits}" Status="4"/>'


@pytest.mark.parametrize(
    ("version", "start", "sent", "delay"),
    [
        (1, datetime(2025, 6, 15, 15, 49), None, None),
        (2, datetime(2025, 6, 15, 15, 51), datetime(2025, 6, 15, 15, 52, 24), 24.0),
        (3, datetime(2025, 6, 15, 15, 52), datetime(2025, 6, 15, 15, 53, 24), 24.0),
        (4, datetime(2025, 6, 15, 15, 46), datetime(2025, 6, 15, 15, 47, 24), 24.0),
        (5, datetime(2025, 6, 15, 15, 37), datetime(2025, 6, 15, 15, 45, 24), 444.0),
    ],
)
def test_the_five_real_messages_are_placed_to_the_second(
    read_doors: Any, real: Path, version: int, start: datetime, sent: datetime | None, delay: float | None
) -> None:
    """Version 1 has only local time and offsets, the others say the moment; version 5 was posted late."""
    body = (real / f"doors/payloads/brickstream/batch-data-streaming-v{version}.xml").read_bytes()
    reading = read_doors("brickstream", body, how="push")
    assert reading.rejects == []
    (row,) = reading.rows
    end = start + timedelta(minutes=1)
    expected = {
        "observation_id": observation_id("door_test", "10000000", "0", "interval", start, end),
        "device_key": "10000000",
        "line_key": "0",
        "kind": "interval",
        "interval_start_at": start,
        "interval_end_at": end,
        "stamp_convention": "both",
        "zone": "+02:00" if version == 1 else "UTC",
        "fold": "exact",
        "in_count": 0,
        "out_count": 0,
        "value_state": "observed",
        "vendor_status": "4",
        "is_provisional": False,
        "sent_at": sent,
        "pointer": "/Metrics/ReportData[1]/Report[1]/Object[1]/Count[1]",
    }
    assert {k: row[k] for k in expected} == expected
    delays = [h["value"] for h in reading.health if h["metric"] == "sent_delay_seconds"]
    assert delays == ([] if delay is None else [delay])


def test_every_report_object_and_count_is_read(read_doors: Any) -> None:
    """A public exporter keeps only the first of each, and loses everything a buffered post brings."""
    later = GOOD.replace("1750002660", "1750002720").replace("17:51", "17:x").replace("17:52", "17:53")
    text = message(
        report(GOOD, later.replace("17:x", "17:52"))
        + report(GOOD, object_id="1")
        + report(local("17:54:00", "17:55:00"), date="2025-06-14")
    )
    reading = read_doors("brickstream", text)
    assert reading.rejects == []
    assert [(r["line_key"], r["interval_start_at"]) for r in reading.rows] == [
        ("0", datetime(2025, 6, 15, 15, 51)),
        ("0", datetime(2025, 6, 15, 15, 52)),
        ("1", datetime(2025, 6, 15, 15, 51)),
        ("0", datetime(2025, 6, 14, 15, 54)),
    ]
    assert len({r["pointer"] for r in reading.rows}) == 4


@pytest.mark.parametrize("end", ["00:00:00", "24:00:00"])
@pytest.mark.parametrize("unix", ["", ' UnixStartTime="1750024740"'])
def test_the_last_minute_of_the_day_ends_on_the_next(read_doors: Any, end: str, unix: str) -> None:
    """The end's date is not written; taken on the start's day it lies a day before the start."""
    count = f'<Count StartTime="23:59:00" EndTime="{end}"{unix} Enters="1" Exits="0" Status="4"/>'
    (row,) = read_doors("brickstream", message(report(count))).rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (
        datetime(2025, 6, 15, 21, 59),
        datetime(2025, 6, 15, 22),
    )


def test_a_minute_in_which_the_clock_goes_back_is_one_minute_long(read_doors: Any) -> None:
    """02:59 to 02:00 is neither 23 hours nor negative."""
    count = '<Count StartTime="02:59:00" EndTime="02:00:00" UnixStartTime="1761440340" Enters="1" Exits="0"/>'
    (row,) = read_doors("brickstream", message(report(count, date="2025-10-26"))).rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (
        datetime(2025, 10, 26, 0, 59),
        datetime(2025, 10, 26, 1, 0),
    )


def test_version_1_buffered_over_a_clock_change_is_mended_by_the_zone(read_doors: Any) -> None:
    """The offset is that of sending: without the zone a count from before the change lands an hour off."""
    old = OLD.format(zone=1, dst=0)
    text = message(report(local("01:10:00", "01:11:00"), local("04:10:00", "04:11:00"), date="2025-10-26"), old)
    guessed = read_doors("brickstream", text).rows
    assert [r["interval_start_at"].hour for r in guessed] == [0, 3]
    mended = read_doors("brickstream", text, {"zone": "Europe/Oslo"}).rows
    assert [r["interval_start_at"] for r in mended] == [datetime(2025, 10, 25, 23, 10), datetime(2025, 10, 26, 3, 10)]
    assert {r["fold"] for r in mended} == {"exact"}


@pytest.mark.parametrize(("dst", "hour", "fold"), [("1", 0, "first"), ("0", 1, "second"), ("5", 0, "ambiguous")])
def test_version_1_in_the_repeated_hour_takes_the_offset_as_evidence(
    read_doors: Any, dst: str, hour: int, fold: str
) -> None:
    """Sent within the hour, the offset tells which of the two it is."""
    text = message(report(local("02:10:00", "02:11:00"), date="2025-10-26"), OLD.format(zone=1, dst=dst))
    (row,) = read_doors("brickstream", text, {"zone": "Europe/Oslo"}).rows
    assert (row["interval_start_at"], row["fold"]) == (datetime(2025, 10, 26, hour, 10), fold)


@pytest.mark.parametrize(
    ("count", "properties", "reason"),
    [
        (GOOD.replace('"3"', '"three"'), PROPERTIES, "letters_in_count"),
        (GOOD.replace('"3"', '"3.5"'), PROPERTIES, "fraction_in_count"),
        (GOOD.replace("1750002660", "0"), PROPERTIES, "impossible_time"),
        (GOOD.replace("1750002660", "noon"), PROPERTIES, "bad_time"),
        (local("25:00:00", "25:01:00"), PROPERTIES, "bad_time"),
        (local("17:00:00", "17:01:00"), "<SerialNumber>10000000</SerialNumber>", "no_offset"),
    ],
)
def test_one_bad_count_costs_itself_only(read_doors: Any, count: str, properties: str, reason: str) -> None:
    """The counts beside it are good, and the device will not send them again."""
    reading = read_doors("brickstream", message(report(count, GOOD.replace("1750002660", "1750000000")), properties))
    assert [(r["pointer"], r["reason"], r["scope"]) for r in reading.rejects] == [
        ("/Metrics/ReportData[1]/Report[1]/Object[1]/Count[1]", reason, "record")
    ]
    assert [r["in_count"] for r in reading.rows] == [3]


def test_a_bad_date_or_object_costs_its_own_counts_only(read_doors: Any) -> None:
    """Local times need the date; the others stand without it."""
    text = message(report(local("17:00:00", "17:01:00"), GOOD, date="2025-02-30") + report(GOOD, object_id=" "))
    reading = read_doors("brickstream", text)
    assert reading.reasons == ["bad_time", "missing_object_id"]
    assert len(reading.rows) == 1


def test_absent_blank_and_negative_counts_are_not_nought(read_doors: Any) -> None:
    """Only a written 0 is nobody."""
    counts = [
        GOOD.replace("1750002660", str(1750002660 + 60 * n)).replace('Enters="3" Exits="2"', told)
        for n, told in enumerate(("", 'Enters="" Exits=""', 'Enters="-1" Exits="-1"', 'Enters="0" Exits="0"'))
    ]
    reading = read_doors("brickstream", message(report(*counts)))
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows] == [
        (None, "not_observed", "blank"),
        (None, "not_observed", "blank"),
        (None, "not_observed", "negative"),
        (0, "observed", None),
    ]


def test_a_count_told_twice_alike_is_one_and_unlike_is_a_question(read_doors: Any) -> None:
    """Two objects with one Id would otherwise overwrite each other in silence."""
    reading = read_doors("brickstream", message(report(GOOD, GOOD, GOOD.replace('"3"', '"4"'))))
    assert [r["in_count"] for r in reading.rows] == [3]
    assert [(r["pointer"][-8:], r["reason"]) for r in reading.rejects] == [("Count[3]", "duplicate_conflict")]


@pytest.mark.parametrize(
    ("options", "properties", "key"),
    [
        ({}, PROPERTIES, "10000000"),
        ({}, "<MacAddress>00-B0-9D-BE-30-13</MacAddress>", "00b09dbe3013"),
        ({"device_from": "mac"}, PROPERTIES, "00b09dbe3013"),
        ({"device_from": "device_id"}, PROPERTIES, "north door"),
    ],
)
def test_the_device_has_one_key_however_it_is_spelt(
    read_doors: Any, options: dict[str, Any], properties: str, key: str
) -> None:
    """The mapping to doors hangs on this key; a colon more must not make a new device."""
    assert [r["device_key"] for r in read_doors("brickstream", message(report(GOOD), properties), options).rows] == [
        key
    ]


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Metrics>&b;</Metrics>'
FILE = '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><Metrics DeviceId="&a;"/>'


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        (b"", {}, "empty"),
        (BOMB, {}, "forbidden_xml"),
        (FILE, {}, "forbidden_xml"),
        (message(report(GOOD))[:-30], {}, "not_xml"),
        (b"\x00\x01\x02", {}, "not_xml"),
        ('<?xml version="1.0" encoding="utf-99"?><Metrics/>', {}, "not_xml"),
        ('{"Metrics": []}', {}, "not_xml"),
        ("<html/>", {}, "wrong_document"),
        (message(report(GOOD), ""), {}, "no_device"),
        (message(report(GOOD), "<SerialNumber>1</SerialNumber>"), {"device_from": "mac"}, "no_device"),
        (message(""), {}, "no_records"),
    ],
)
def test_a_message_that_can_not_be_read_is_one_reject_with_a_next_action(
    read_doors: Any, body: bytes | str, options: dict[str, Any], reason: str
) -> None:
    """Nothing in it is expanded or guessed, and whoever is on duty learns what to do."""
    reading = read_doors("brickstream", body, options)
    assert reading.rows == []
    (reject,) = reading.rejects
    assert (reject["reason"], reject["scope"]) == (reason, "blob")
    assert reject["next_action"].endswith(".")


def test_a_namespace_changes_nothing(read_doors: Any) -> None:
    """Proxies and newer firmware add one."""
    text = message(report(GOOD)).replace("<Metrics ", '<Metrics xmlns="urn:x" ')
    assert [r["in_count"] for r in read_doors("brickstream", text).rows] == [3]


def test_health_tells_the_longest_wait_and_the_clock(read_doors: Any) -> None:
    """A backlog shows by its oldest count, a drifting clock by the time of receipt. Files have no clock to compare."""
    late = GOOD.replace("1750002660", "1749999060").replace("17:51", "16:51").replace("17:52", "16:52")
    text = message(report(GOOD, late))
    received_at = datetime(2025, 6, 15, 15, 52, 30, tzinfo=UTC)
    pushed = read_doors("brickstream", text, how="push", received_at=received_at)
    assert {h["metric"]: h["value"] for h in pushed.health} == {
        "sent_delay_seconds": 3624.0,
        "clock_offset_seconds": -6.0,
    }
    dropped = read_doors("brickstream", text, how="drop", received_at=received_at)
    assert [h["metric"] for h in dropped.health] == ["sent_delay_seconds"]


def test_a_lost_transmit_time_is_told_and_the_counts_are_kept(read_doors: Any) -> None:
    """After a power cut devices send 1970 until their clock is set; what they counted is still good."""
    reading = read_doors("brickstream", message(report(GOOD), PROPERTIES.replace("1750002744", "12")))
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("/Metrics/Properties/TransmitTime", "impossible_time")
    ]
    assert [(r["sent_at"], r["in_count"]) for r in reading.rows] == [(None, 3)]
    assert reading.health == []


def test_an_unknown_zone_fails_when_the_options_are_read() -> None:
    """And not on the first message after the clock changes."""
    with pytest.raises(ValidationError):
        BrickstreamOptions.model_validate({"zone": "Norway/Oslo"})
