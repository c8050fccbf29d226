"""Every registered door adapter against a thousand damaged payloads: rows, or rejects that say what to do.

An adapter is covered by being registered; its payloads stand in `samples/<adapter>/`. What belongs here: damage that
any make can suffer. What does not: what one make must say about one fault (its own test module).
"""

from __future__ import annotations

import codecs
import copy
import json
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from ingest.adapters import adapters

SAMPLES = Path(__file__).parent / "samples"
DOORS = [name for name, adapter in adapters().items() if adapter.family == "doors"]
PAYLOADS = 1000
# Far above what any of these takes; what doubles its work with every byte is far above that.
MOST_CPU_SECONDS = 5.0

VALUES: list[Any] = [
    None, True, -1, 0, 3.5, 1e308, 10**20, 10**400, "", " ", "x", "-1", "1 234", "１２", "NaN", "inf", "1e5", "0x1F",
    float("nan"), float("inf"), [], [1], {}, {"a": {"b": []}}, "24:00", "99:99:99", "31.02.2026", "2026-02-30",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "20251399000000", 253402300800, 1684325340000,
    "\u0000", "\ufeff", "\u202e", "Ærø", "e\u0301", "=1+1", "9" * 400, "A" * 5000, "٣",
]  # fmt: skip
PIECES = [
    b"", b";", b",", b"\t", b'"', b"'", b"\n", b"\r", b"\r\n", b"\x00", b"\x1a", b"\xff", b"\xc3", b"\xef\xbb\xbf",
    b"\xef\xbf\xbd", b"\xc2\xa0", b"-", b"{", b"}", b"[", b"]", b"[" * 3000, b"<", b"</", b">", b"&", b"&a;", b"&#0;",
    b"<![CDATA[", b"<!--",
    b"<!DOCTYPE a [<!ENTITY a 'b'>]>", b"<a>" * 3000, b"\\ud800", b"null", b"1e999", b"NaN", b"Total",
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp1252", "cp865", "utf-7"]

Damage = Callable[[bytes, random.Random], bytes]


# --- damage to bytes


def flipped(body: bytes, dice: random.Random) -> bytes:
    """Some bits are wrong: a bad memory or a bad line."""
    damaged = bytearray(body)
    for _ in range(dice.randint(1, 5)):
        if damaged:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def cut(body: bytes, dice: random.Random) -> bytes:
    """Only a part arrived: the beginning, the end, or all but the middle."""
    at, to = sorted(dice.randint(0, len(body)) for _ in range(2))
    return dice.choice([body[:at], body[at:], body[:at] + body[to:]])


def filled(body: bytes, dice: random.Random) -> bytes:
    """Something foreign stands in between, or a stretch stands there twice."""
    at, to = sorted(dice.randint(0, len(body)) for _ in range(2))
    return dice.choice([body[:at] + dice.choice(PIECES) + body[at:], body[:to] + body[at:]])


def recoded(body: bytes, dice: random.Random) -> bytes:
    """A program in between saved it in another encoding, or twice in one."""
    encoding = dice.choice(ENCODINGS)
    text = body.decode("utf-8", "replace")
    return dice.choice([text.encode(encoding, "replace"), body.decode("latin-1").encode(), codecs.BOM_UTF8 * 2 + body])


def emptied(_: bytes, dice: random.Random) -> bytes:
    """Nothing, or nothing to speak of."""
    return dice.choice(
        [b"", b" ", b"\n" * 100, b"\xef\xbb\xbf", b"\x00" * 100, b"{}", b"[]", b"null", b'""', b"0", b"<a/>"]
    )


# --- damage to what the bytes say


def relined(body: bytes, dice: random.Random) -> bytes:
    """Lines are lost, doubled or swapped, and cells hold something else."""
    lines = body.decode("utf-8", "replace").split("\n")
    for _ in range(dice.randint(1, 3)):
        a, b = dice.randrange(len(lines)), dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                lines[a], lines[b] = lines[b], lines[a]
            case 1:
                lines.insert(a, lines[b])
            case 2 if len(lines) > 1:
                del lines[a]
            case _:
                sign = max(";,", key=lines[a].count)
                cells = lines[a].split(sign)
                cells[dice.randrange(len(cells))] = str(dice.choice(VALUES))
                lines[a] = sign.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def restructured(body: bytes, dice: random.Random) -> bytes:
    """A document of the same form with other values, and with parts lost, doubled or swapped."""
    if body.lstrip().startswith(b"<"):
        return _other_xml(body, dice)
    try:
        root = json.loads(body)
    except ValueError:
        return relined(body, dice)
    for _ in range(dice.randint(1, 3)):
        root = _other_json(root, dice)
    return json.dumps(root).encode()


def _other_xml(body: bytes, dice: random.Random) -> bytes:
    root = ElementTree.fromstring(body)
    for _ in range(dice.randint(1, 3)):
        node = dice.choice(list(root.iter()))
        value = str(dice.choice(VALUES)).replace("\x00", "")
        match dice.randrange(5):
            case 0 if node.attrib:
                node.set(dice.choice(sorted(node.attrib)), value)
            case 1 if node.attrib:
                del node.attrib[dice.choice(sorted(node.attrib))]
            case 2 if len(node):
                node.append(copy.deepcopy(node[dice.randrange(len(node))]))
            case 3 if len(node):
                node.remove(node[dice.randrange(len(node))])
            case _:
                node.text = value
    return ElementTree.tostring(root, encoding="utf-8")


def _other_json(root: Any, dice: random.Random) -> Any:
    root = copy.deepcopy(root)
    places = [(holder, key) for holder in _holders(root) for key in _keys(holder)]
    if not places:
        return dice.choice(VALUES)
    holder, key = dice.choice(places)
    other, other_key = dice.choice(places)
    match dice.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case 2:
            holder[key] = copy.deepcopy(other[other_key])
        case _:
            holder[key] = dice.choice(VALUES)
    return root


def _holders(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) else []) + [found for each in inner for found in _holders(each)]


def _keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


# What the bytes say, more often than the bytes: a parser that never gets past the markup is not tried.
DAMAGES: list[Damage] = [flipped, cut, filled, recoded, relined, restructured, restructured, restructured]


def damaged(body: bytes, dice: random.Random) -> bytes:
    """One accident; every fourth time another one on top, and now and then nothing is left at all."""
    if dice.random() < 0.01:
        return emptied(body, dice)
    damage = dice.choice(DAMAGES)
    once = damage(body, dice)
    return dice.choice([flipped, cut, filled, recoded])(once, dice) if dice.random() < 0.25 else once


def samples(adapter: str) -> tuple[list[bytes], dict[str, Any]]:
    """The payloads of an adapter, and the options of a source of it."""
    folder = SAMPLES / adapter
    payloads = [path.read_bytes() for path in sorted(folder.glob("*")) if path.name != "options.yaml"]
    options = folder / "options.yaml"
    return payloads, yaml.safe_load(options.read_text(encoding="utf-8")) if options.exists() else {}


@pytest.mark.parametrize("adapter", DOORS)
def test_every_door_adapter_has_a_payload_that_it_reads(read_doors: Any, adapter: str) -> None:
    """Damage to a payload that was never readable proves nothing, and an adapter without one is not tried at all."""
    payloads, options = samples(adapter)
    assert payloads, (
        f"{adapter} has no sample payload. Put one, as the make writes it and without anything personal, into "
        f"tests/ingest/doors/samples/{adapter}/, and the options of a source beside it as options.yaml."
    )
    readings = [read_doors(adapter, body, options, how="push") for body in payloads]
    assert any(reading.rows for reading in readings), f"no payload in samples/{adapter}/ gives a single row"


def assert_well_told(reading: Any, body: bytes) -> None:
    """Rows that fit their own contract, or rejects with a reason, a place and a next action; never a fault of ours."""
    assert reading.rows or reading.rejects or reading.health, f"nothing said at all about {body!r}"
    for reject in reading.rejects:
        assert reject["reason"] not in {"parser_fault", "contract_broken"}, f"{reject['message']} on {body!r}"
        assert reject["reason"]
        assert reject["pointer"]
        assert reject["message"]
        assert reject["next_action"].endswith("."), reject
        assert reject["scope"] in {"record", "blob"}
    for row in reading.rows:
        told = [row[name] for name in COUNTED if row[name] is not None]
        assert all(number >= 0 for number in told), body
        assert told or row["value_state"] not in {"observed", "vendor_imputed"}, body
        assert row["value_state"] == "observed" or row["reason_code"], body
        assert row["device_key"], body
        assert row["line_key"], body
        if row["kind"] == "cumulative":
            assert row["interval_start_at"] <= row["interval_end_at"], body
        else:
            assert row["interval_start_at"] < row["interval_end_at"], body
    ids = [row["observation_id"] for row in reading.rows]
    assert len(ids) == len(set(ids)), f"one thing told twice in {body!r}"


COUNTED = ("in_count", "out_count", "undirected_count", "total_in_count", "total_out_count")


@pytest.mark.parametrize("adapter", DOORS)
def test_a_thousand_damaged_payloads_end_as_rows_or_rejects(read_doors: Any, adapter: str) -> None:
    """Half messages, foreign encodings and wrong values are everyday; what raises on them stops its source.

    `read_doors` turns whatever a parser raises, beside the permanent failure it is allowed, into `parser_fault`.
    """
    payloads, options = samples(adapter)
    dice = random.Random(zlib.crc32(adapter.encode()))
    told = 0
    for number in range(PAYLOADS):
        body = damaged(dice.choice(payloads), dice)
        how = dice.choice(["push", "push", "poll", "drop"])
        began = time.process_time()
        reading = read_doors(adapter, body, options, how=how)
        assert time.process_time() - began < MOST_CPU_SECONDS, f"{len(body)} bytes took too long: {body[:2000]!r}"
        assert_well_told(reading, body)
        told += bool(reading.rows)
        if number % 20 == 0:
            assert read_doors(adapter, body, options, how=how) == reading, "the same bytes were read in two ways"
    assert told > PAYLOADS // 20, "hardly any payload survived: the damage is too great to try the parser"
