"""What the tests of webhooks and exports share: reading bytes as the lake would, and spoiling them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ingest_bench import receipt_of

from ingest import lake
from ingest.adapters import Parsed, adapter_for
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.contracts import TABLES
from ingest.errors import UnreadableBody
from ingest.home import naive_utc

ACCOUNT_ID = "17841400000000001"
RECEIVED_AT = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
# Stands where people stand in real files; may never get past the door.
SOMEBODY = "Kari Nordmann"


def make_source(adapter: str, **options: Any) -> Source:
    return Source(
        source_id="instagram_bench", family="instagram", adapter=adapter, description="A bench.", options=options
    )


def make_receipt(body: bytes, *, how: str = "drop", received_at: datetime = RECEIVED_AT) -> Receipt:
    return receipt_of(body, "instagram_bench", received_at, how=how, origin="file")


def read(adapter: str, body: bytes, *, received_at: datetime = RECEIVED_AT, **options: Any) -> Parsed:
    """Bytes as they are read after landing, with every row held against the lake's contract and keys."""
    source = make_source(adapter, **options)
    known, checked = adapter_for(source)
    receipt = make_receipt(body, received_at=received_at)
    parsed = lake.read(known, source, checked, receipt, body)
    lineage = {
        "source_id": source.source_id,
        "receipt_id": 1,
        "received_at": naive_utc(received_at),
        "blob_sha256": receipt.blob_sha256,
        "parser": "bench@1",
    }
    for name, rows in parsed.rows.items():
        table = TABLES[name]
        lake.to_arrow(table, [{**row, **lineage} for row in rows])
        keys = [tuple(row.get(column) for column in table.key) for row in rows]
        assert len(set(keys)) == len(keys), f"{name} tells one thing twice"
    for reject in parsed.rejects:
        assert "" not in (reject.reason, reject.message, reject.next_action, reject.pointer)
        assert SOMEBODY not in f"{reject.pointer} {reject.message} {reject.next_action}"
    return parsed


def posts(parsed: Parsed) -> list[dict[str, Any]]:
    return [dict(row) for row in parsed.rows.get("social_post_observations", [])]


def metrics(parsed: Parsed) -> list[dict[str, Any]]:
    return [dict(row) for row in parsed.rows.get("social_metric_observations", [])]


def values(parsed: Parsed, post_id: str | None = None) -> dict[str, tuple[float | None, str]]:
    """Value and status by metric (and breakdown) of one post, or of the only one."""
    rows = [row for row in metrics(parsed) if post_id in (None, row["subject_id"])]
    assert len({row["subject_id"] for row in rows}) <= 1
    return {
        row["metric"] + (f"[{row['breakdown']}]" if row["breakdown"] else ""): (row["value"], row["value_status"])
        for row in rows
    }


def reasons(parsed: Parsed) -> list[str]:
    return [reject.reason for reject in parsed.rejects]


_VALUES: tuple[Any, ...] = (
    None, True, -1, -2, 0, 4.5, 10**30, "", "x", "12,400", "1.234", "--", SOMEBODY, [], {}, [[1]], {"a": 1}, "\ud83d",
)  # fmt: skip
_TOKENS: tuple[bytes, ...] = (
    b"null", b"true", b"-1", b"-2", b"1e400", b"1.79E+16", b"99999999999999999999", b"NaN", b"[]", b"{}", b'""', b'"',
    b",", b";", b"\n", b"\xff", b"\xc3\xa5", b"\xf0\x9f\x93\x9a", b"\\ud83d", b"\x00", b"2026-13-45T99:00:00", b"1,234",
    b"1.234", b"--", b"Lifetime", b"03/04/2026 10:00",
)  # fmt: skip


def spoiled(body: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The same bytes, spoiled in as many ways; of JSON every other one stays JSON, with a value of another kind."""
    chance = random.Random(seed)
    words = [m.span() for m in re.finditer(rb"[A-Za-z0-9_.:-]+", body)]
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    for number in range(count):
        if document is not None and number % 2:
            yield json.dumps(_with_another_value(document, chance)).encode()
        else:
            yield _cut_up(body, words, chance)


def _with_another_value(document: Any, chance: random.Random) -> Any:
    """A copy with one value, somewhere, replaced, doubled or left out."""
    copy = json.loads(json.dumps(document))
    places = [
        (box, key)
        for box in _boxes(copy)
        for key in (list(box) if isinstance(box, dict) else range(len(box)))  # in a fixed order
    ]
    box, key = chance.choice(places)
    if chance.random() < 0.2:
        del box[key]
    else:
        box[key] = chance.choice(_VALUES)
    return copy


def _boxes(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _boxes(inner)


def _cut_up(body: bytes, words: list[tuple[int, int]], chance: random.Random) -> bytes:
    """A copy with bytes cut, doubled, swapped, or replaced by something else."""
    wrong = bytearray(body)
    for _ in range(chance.randint(1, 2)):
        start, end = (min(place, len(wrong)) for place in chance.choice(words))
        at = chance.randint(0, len(wrong))
        kind = chance.randrange(6)
        if kind == 0:
            wrong[start:end] = chance.choice(_TOKENS)
        elif kind == 1:
            wrong[at:at] = chance.choice(_TOKENS)
        elif kind == 2:
            del wrong[at : at + chance.randint(1, 40)]
        elif kind == 3:
            wrong[at:at] = wrong[start : start + chance.randint(1, 200)]
        elif kind == 4 and wrong:
            wrong[at % len(wrong)] = chance.randrange(256)
        else:
            del wrong[chance.randint(len(wrong) // 2, len(wrong)) :]
    return bytes(wrong)


def survives(adapter: str, body: bytes, seed: int, **options: Any) -> tuple[int, int]:
    """Spoil a body a thousand times: each ends as rows or as rejects with a reason, never as a fault or as nothing.

    Returns:
        How many gave rows, and how many gave rejects.
    """
    known, _ = adapter_for(make_source(adapter, **options))
    with_rows = with_rejects = 0
    refusals: list[tuple[str, str]] = []
    for wrong in spoiled(body, 1000, seed):
        landed = wrong
        if known.minimises:
            try:
                landed = known.minimise(wrong, "posts.json")
            except UnreadableBody as refused:
                refusals.append((refused.reason, refused.next_action))
                continue
        parsed = read(adapter, landed, **options)
        has_rows = any(len(rows) for rows in parsed.rows.values())
        assert has_rows or parsed.rejects
        assert not {"parser_fault", "contract_broken"} & set(reasons(parsed))
        with_rows += has_rows
        with_rejects += bool(parsed.rejects)
    assert all(reason and action for reason, action in refusals)
    return with_rows, with_rejects + len(refusals)
