"""Damaged messages of devices: every one ends as rows, health or rejects; none raises, none tells of a person."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

THREE_D = json.dumps(
    {
        "utcSent": "2025-05-22T08:15:38Z",
        "data": {
            "measurements": [
                {
                    "kind": "people-counts",
                    "utcFrom": f"2025-05-22T08:{m}:00Z",
                    "utcTo": f"2025-05-22T08:{m + 1}:00Z",
                    "items": [{"direction": "in", "count": 1, "adults": 0}, {"direction": "out", "count": 2}],
                }
                for m in (10, 11, 12)
            ]
        },
        "sensor": {"serial": "b8a44fa89c85", "timeZone": "Europe/Oslo"},
    }
).encode()
THREE_D_ASKED = json.dumps(
    {
        "data": [
            {"start": f"2025-10-26 0{h}:{m:02}:00", "end": f"2025-10-26 0{h}:{m + 1:02}:00", "in": m % 3, "out": 1}
            for h in (1, 2, 2, 3)
            for m in range(20, 24)
        ]
    }
).encode()
COUNTER = (
    b'{"counter":{"name":"n","serial":"00408CAC512B","delta":3600,"types":{"In":66,"Out":67}},"data":{'
    b'"20251026010000":[1,2],"20251026020000":[3,4],"20251026020000":[5,6],"20250330020000":[0,0],"20251026030000":[-1,null]}}'
)
LISTED = b'{"timestamp":"20170513132513","days":["20170510","20170511","20170513"]}'
LEGACY = json.dumps(
    {
        "sensor-time": {"time": "2021-09-23T10:21:06+02:00"},
        "status": {"code": "OK"},
        "content": {
            "element": [
                {
                    "element-id": 0,
                    "data-type": "LINE",
                    "measurement": [
                        {
                            "from": f"2021-09-23T10:{m}:00+02:00",
                            "to": f"2021-09-23T10:{m + 1}:00+02:00",
                            "value": [{"value": 1, "label": "fw"}, {"value": 0, "label": "bw"}],
                        }
                        for m in (20, 21, 22)
                    ],
                }
            ]
        },
        "sensor-info": {"serial-number": "80:1F:12:D5:30:DC"},
    }
).encode()
CROSSINGS = json.dumps(
    {
        "values": [
            {
                "timestamp": 1632385264305 + n,
                "type": "LineCount",
                "serial": "80:1F",
                "direction": "forward",
                "object": {"id": 3006, "height": 1748},
                "countItem": {"id": 0},
            }
            for n in range(3)
        ]
    }
).encode()
COUNTS = [{"name": "fw", "value": 1}, {"name": "bw", "value": 0}, {"name": "fw-male", "value": 1}]
LOGICS = json.dumps(
    {
        "logics_data": {
            "package_info": {"id": 2, "agent_id": 1003},
            "sensor_info": {"serial_number": "80:1F:12:D3:27:CA"},
            "logics": [
                {
                    "id": 3,
                    "info": "XLT_LINE_IN_OUT_COUNT",
                    "records": [
                        {
                            "from": 1684325340000 + n,
                            "to": 1684325400000 + n,
                            "samples": 1,
                            "samples_expected": 1,
                            "counts": COUNTS,
                        }
                        for n in (0, 60000)
                    ],
                }
            ],
        }
    }
).encode()
NAMES = [{"id": i, "logic_id": 3, "name": name, "type": "accumulation"} for i, name in ((8, "fw"), (9, "bw"))]
BIN = {"begin": 1684324800000, "end": 1684325700000, "records": 15}
BINS = [BIN | {"counts": [{"id": 8, "value": 4}, {"id": 9, "value": 5}]}]
HISTORY = json.dumps({"config": {"counts": NAMES}, "measurements": BINS}).encode()
UPLINK = json.dumps(
    {
        "end_device_ids": {"dev_eui": "0004A30B001C0530"},
        "received_at": "2023-09-12T15:15:46Z",
        "uplink_message": {
            "f_cnt": 1,
            "frm_payload": base64.b64encode(
                bytes.fromhex("01756403D24800000004D2C800000020CEFF3DF16401070002001D000800FFFEFF04CC12001600")
            ).decode(),
            "rx_metadata": [{"time": "2023-09-12T15:15:45.787Z"}],
            "received_at": "2023-09-12T15:15:45.9Z",
        },
    }
).encode()
STORED = b"\n".join(b'{"result":' + UPLINK.replace(b'"f_cnt": 1', b'"f_cnt": %d' % n) + b"}" for n in (1, 2))

ZONE: dict[str, Any] = {"zone": "Europe/Oslo"}
CASES = [
    pytest.param("axis_3d", [THREE_D, THREE_D_ASKED], {**ZONE, "device": "b8a4", "interval_minutes": 1}, id="axis_3d"),
    pytest.param(
        "axis_people_counter", [COUNTER, LISTED], {**ZONE, "stamp": "start", "device": "1"}, id="axis_counter"
    ),
    pytest.param("xovis_legacy", [LEGACY, CROSSINGS], {"inward": {"0": "bw"}}, id="xovis_legacy"),
    pytest.param("xovis_v5", [LOGICS, HISTORY], {"device": "80:1F"}, id="xovis_v5"),
    pytest.param("milesight", [UPLINK, STORED], {}, id="milesight"),
]
VALUES: list[Any] = [
    None, True, False, -1, 0, 3.5, 1e308, 10**20, 10**400, "", "x", "-1", "1 234", "２", "NaN", [], [1], {}, {"a": 1},
    "2025-05-22T08:15:38Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2025-02-30 00:00:00",
    "20251399000000", 1684325340, 1684325340000, 253402300800, "fw", "in", "LINE", "\u0000", "Ærø", "A" * 5000,
]  # fmt: skip
PIECES = [b"", b",", b'"', b"{", b"}", b"[", b"]", b"\n", b"\x00", b"\xff", b"null", b"1e999", b"NaN", b"\\ud800", b"-"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


def changed(root: Any, dice: random.Random) -> Any:
    """Whole JSON with one value replaced, lost or doubled."""
    inner = [p for p in places(root) if p]
    if not inner:
        return dice.choice(VALUES)
    path = dice.choice(inner)
    parent = root
    for key in path[:-1]:
        parent = parent[key]
    how = dice.randrange(3)
    if how == 0:
        parent[path[-1]] = dice.choice(VALUES)
    elif how == 1:
        del parent[path[-1]]
    elif isinstance(parent, list):
        parent.insert(path[-1], parent[path[-1]])
    return root


def damaged(body: bytes, dice: random.Random) -> bytes:
    """Bytes with a cut, a lost stretch or a foreign piece."""
    at, to = sorted(dice.randint(0, len(body)) for _ in range(2))
    to = min(to, at + 40)
    return dice.choice(
        [body[:at], body[:at] + body[to:], body[:at] + dice.choice(PIECES) + body[at:], body[:to] + body[at:]]
    )


def assert_well_told(reading: Any) -> None:
    assert reading.rows or reading.rejects or reading.health, "nothing said at all"
    for reject in reading.rejects:
        assert reject["reason"] not in {"parser_fault", "contract_broken"}, reject
        assert reject["next_action"].endswith(".")
        assert reject["pointer"]
        assert reject["message"]
    for row in reading.rows:
        assert row["device_key"]
        assert row["line_key"]
        people = [row[n] for n in ("in_count", "out_count") if row[n] is not None]
        registers = [row[n] for n in ("total_in_count", "total_out_count") if row[n] is not None]
        assert all(n >= 0 for n in people + registers)
        if row["kind"] == "cumulative":
            assert row["interval_start_at"] == row["interval_end_at"]
            assert registers
        else:
            assert row["interval_start_at"] < row["interval_end_at"]
            assert (row["value_state"] == "observed") == bool(people)
            assert row["value_state"] == "observed" or row["reason_code"]
    ids = [row["observation_id"] for row in reading.rows]
    assert len(ids) == len(set(ids)), "one thing told twice"
    keys = [(h["device_key"], h["metric"], h["observed_at"], h["pointer"]) for h in reading.health]
    assert len(keys) == len(set(keys)), "one health value told twice"


@pytest.mark.parametrize(("adapter", "bodies", "options"), CASES)
def test_mutated_messages_end_as_rows_or_rejects(
    read_doors: Any, adapter: str, bodies: list[bytes], options: dict[str, Any]
) -> None:
    """A device with a fault writes whole JSON with wrong values, a line with a fault cuts it; both are everyday."""
    dice = random.Random(f"{adapter}")
    told = 0
    for number in range(400):
        body = bodies[number % 2]
        if number % 4 < 2 and b"\n" not in body:
            root = json.loads(body)
            for _ in range(dice.randint(1, 3)):
                root = changed(root, dice)
            body = json.dumps(root).encode()
        else:
            body = damaged(body, dice)
        reading = read_doors(adapter, body, options, how=dice.choice(["push", "poll", "drop"]))
        assert_well_told(reading)
        told += bool(reading.rows)
    assert told > 100, "one wrong value must seldom cost the whole message"


@pytest.mark.parametrize(("adapter", "bodies", "options"), CASES)
def test_the_same_bytes_give_the_same_rows_and_no_person(
    read_doors: Any, adapter: str, bodies: list[bytes], options: dict[str, Any]
) -> None:
    """Reading again must be a no-op, and nothing but counts, times and keys may come out."""
    for body in bodies:
        first = read_doors(adapter, body, options)
        assert first.rejects == [] or {r["reason"] for r in first.rejects} == {"dst_padding"}
        assert read_doors(adapter, body, options) == first
        told = str([first.rows, first.health]).casefold()
        assert not any(word in told for word in ("male", "gender", "height", "track", "3006", "1748", "adults"))


@pytest.mark.parametrize(("adapter", "bodies", "options"), CASES)
def test_what_another_device_writes_is_refused(
    read_doors: Any, adapter: str, bodies: list[bytes], options: dict[str, Any], real: Path
) -> None:
    """A wrong address in one device's settings must not bring people into another's source."""
    others = [body for other, pair, _ in (case.values for case in CASES) if other != adapter for body in pair]
    others += [path.read_bytes() for path in sorted((real / "doors/payloads").rglob("*_live_data.json"))]
    for body in others:
        reading = read_doors(adapter, body, options)
        assert reading.rows == []
        assert reading.rejects
