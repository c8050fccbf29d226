"""Damaged bytes: whatever arrives ends as rows or as rejects that say what to do, and nothing ever raises."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_bench import accidents

WIDE = (
    "Library,2022-12,2023-1,2023-2,2023-3\nCity,100,0,,7\nBjørn Åse,1 234,2,-1,closed\n"
    '"Moa, nord",5,6,7,8\nTotal,1,2,3,4\n'
).encode()
LONG = (
    "Avdeling;Dato;Time;Inn;Ut\nMoa;25.10.2026;01:00;1;2\nMoa;25.10.2026;02:00;3;4\nMoa;25.10.2026;02:00;5;6\n"
    'Ærø;29.03.2026;2-3;0;0\nÆrø;2026-03-29;3;1\u00a0037;x\n"Spjelkavik";14.03.2026;10.0;-1;\nTotalt;;;9;12\n'
).encode()
HOURLY = (
    b"date,hour,Storgata,Torget\n2026-03-28,23:00-23:59,12.0,4.0\n2026-03-28,2:00-2:59,0.0,0.0\n"
    b"2026-10-24,2:00-2:59,7.0,\n2026-10-24,3:00-3:59,-1,9\n2026-10-25,6:00-6:59,1,2\n2026-10-25,6:00-6:59,1,3\n"
)
XML = (
    b'<?xml version="1.0"?>\n<Metrics SiteId="s" DeviceId="d"><Properties><TransmitTime>1750002744</TransmitTime>'
    b"<MacAddress>00:b0:9d:be:30:13</MacAddress><Timezone>1</Timezone><DST>1</DST>"
    b"<SerialNumber>10000000</SerialNumber></Properties>"
    b'<ReportData Interval="1"><Report Date="2025-06-15"><Object Id="0" Name="1">'
    b'<Count StartTime="17:51:00" EndTime="17:52:00" UnixStartTime="1750002660" Enters="3" Exits="2" Status="4"/>'
    b'<Count StartTime="23:59:00" EndTime="00:00:00" Enters="1" Exits="" Status="4"/>'
    b"</Object></Report></ReportData></Metrics>"
)

CASES = [
    pytest.param("wide_monthly", WIDE, {"zone": "Europe/Oslo"}, id="wide_monthly"),
    pytest.param("wide_hourly", HOURLY, {"zone": "Europe/Oslo", "day_begins": "06:00"}, id="wide_hourly"),
    pytest.param("interval_csv", LONG, {"zone": "Europe/Oslo"}, id="interval_csv_start"),
    pytest.param("interval_csv", LONG, {"zone": "Europe/Oslo", "stamp": "end"}, id="interval_csv_end"),
    pytest.param("brickstream", XML, {}, id="brickstream"),
    pytest.param("brickstream", XML, {"zone": "Europe/Oslo", "device_from": "mac"}, id="brickstream_zone"),
]
PIECES = [
    b"", b";", b",", b"\t", b'"', b"\n", b"\r\n", b"\x00", b"\xff", b"\xc3", b"\xef\xbf\xbd", b"\xc2\xa0", b"-", b"-1",
    b"x", b"1e5", b"99999999999999999999", b"24", b"02:00", b"2-3", b"25.10.2026", b"29.03.2026", b"9999-12-31",
    b"0001-01-01", b"2023-1", b"2023-13", b"<", b">", b"&amp;", b"&a;", b"<Count/>", b"Inn", b"Totalt",
    b"\xd9\xa1\xd9\xa2", b"=1+1", b"NaN", b"inf",
]  # fmt: skip


def assert_well_told(reading: Any) -> None:
    assert reading.rows or reading.rejects, "nothing said at all"
    for reject in reading.rejects:
        assert reject["reason"] not in {"parser_fault", "contract_broken"}, reject
        assert reject["pointer"]
        assert reject["message"]
        assert reject["next_action"]
        assert reject["scope"] in {"record", "blob"}
    for row in reading.rows:
        assert row["interval_start_at"] < row["interval_end_at"]
        assert row["device_key"]
        assert row["line_key"]
        people = [row[n] for n in ("in_count", "out_count", "undirected_count") if row[n] is not None]
        assert all(n >= 0 for n in people)
        assert (row["value_state"] == "observed") == bool(people)
        assert row["value_state"] == "observed" or row["reason_code"]
    ids = [row["observation_id"] for row in reading.rows]
    assert len(ids) == len(set(ids)), "one interval told twice"


@pytest.mark.parametrize(("adapter", "body", "options"), CASES)
def test_mutated_payloads_end_as_rows_or_rejects(
    read_doors: Any, adapter: str, body: bytes, options: dict[str, Any]
) -> None:
    """Cut copies, half-written files and foreign pieces are everyday; a parser that raises on them stops a source."""
    dice = random.Random(f"{adapter}{options}")
    for _ in range(200):
        damaged = accidents(body, dice, PIECES, most=4)
        reading = read_doors(adapter, damaged, options)
        assert_well_told(reading)
        assert read_doors(adapter, damaged, options) == reading


@pytest.mark.parametrize("options", [{}, {"zone": "Europe/Oslo"}, {"device_from": "device_id"}])
def test_mutated_values_in_whole_xml_cost_no_more_than_their_count(read_doors: Any, options: dict[str, Any]) -> None:
    """Random damage mostly breaks the markup; a faulty device writes whole XML with wrong values in it."""
    dice = random.Random(f"values{options}")
    value = re.compile(rb'(?<=[">])([^<>"=]+)(?=["<])')
    values = [m.span(1) for m in value.finditer(XML, XML.index(b"<Metrics"))]
    told = 0
    for _ in range(200):
        damaged = XML
        for start, end in sorted(dice.sample(values, dice.randint(1, 3)), reverse=True):
            piece = dice.choice([p for p in PIECES if not {*p} & {*b'<>&"\x00\xff\xc3'}])
            damaged = damaged[:start] + piece + damaged[end:]
        reading = read_doors("brickstream", damaged, options)
        assert_well_told(reading)
        assert "not_xml" not in reading.reasons
        told += bool(reading.rows)
    assert told > 100, "one wrong value must seldom cost the whole message"


@pytest.mark.parametrize(("adapter", "body", "options"), CASES)
def test_any_bytes_end_as_rows_or_rejects(read_doors: Any, adapter: str, body: bytes, options: dict[str, Any]) -> None:
    """Whatever hypothesis can think of, alone or in the middle of a good file."""

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(piece=st.binary(max_size=60) | st.text(max_size=40).map(str.encode), at=st.integers(0, len(body)))
    def check(piece: bytes, at: int) -> None:
        assert_well_told(read_doors(adapter, body[:at] + piece + body[at:], options))
        assert_well_told(read_doors(adapter, piece, options))

    check()
