"""Answers that are not as documented: nothing crashes, nothing is invented, good neighbours stay."""

from __future__ import annotations

import copy
import json
import math
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.catalogue import Receipt, canonical_json
from ingest.contracts import TABLES
from ingest.errors import UnreadableBody
from ingest.instagram.graph_answers import rows_of
from ingest.instagram.graph_options import GraphOptions
from ingest.lake import to_arrow

ACCOUNT = "17841400000000001"
POST = "17900000000000001"
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "x" * 300,
    [],
    {},
    [[]],
    {"value": {}},
    "2026-07-02T12:00:00+0000",
)
LINEAGE = {"source_id": "s", "receipt_id": 1, "blob_sha256": "ab", "parser": "p@1"}

POST_ANSWER = {
    "data": [
        {"name": "reach", "period": "lifetime", "values": [{"value": 5}], "id": "x"},
        {
            "name": "navigation",
            "period": "lifetime",
            "values": [{"value": 31}],
            "total_value": {
                "value": 31,
                "breakdowns": [
                    {
                        "dimension_keys": ["story_navigation_action_type"],
                        "results": [
                            {"dimension_values": ["tap_forward"], "value": 22},
                            {"dimension_values": ["tap_exit"], "value": 9},
                        ],
                    }
                ],
            },
        },
    ]
}
DAY_ANSWER = {
    "data": [{"name": "reach", "period": "day", "values": [{"value": 140, "end_time": "2026-07-02T07:00:00+0000"}]}]
}
HOURS_ANSWER = {
    "data": [
        {
            "name": "online_followers",
            "period": "lifetime",
            "values": [{"value": {"0": 3, "1": 4}, "end_time": "2026-07-02T07:00:00+0000"}],
        }
    ]
}
REFUSAL = {"error": {"message": "(#100) metric[0] must be one of the following values: reach", "code": 100}}
SINCE = int(datetime(2026, 7, 1, 7, tzinfo=UTC).timestamp())
MEMBERS = [
    {
        "endpoint": "media_insights",
        "media_id": POST,
        "product_type": "STORY",
        "media_type": "IMAGE",
        "metrics": ["reach", "navigation"],
        "breakdown": "story_navigation_action_type",
        "posted_at": "2026-07-01T10:00:00+0000",
    },
    {
        "endpoint": "account_insights",
        "call": "days",
        "metrics": ["reach"],
        "period": "day",
        "since": SINCE,
        "until": SINCE + 86_399,
    },
    {"endpoint": "account_insights", "call": "online", "metrics": ["online_followers"], "period": "lifetime"},
    {"endpoint": "media_insights", "media_id": POST[:-1] + "2", "metrics": ["reposts"], "posted_at": ""},
]


def receipt() -> Receipt:
    ask = {"endpoint": "insights", "account_id": ACCOUNT, "api_version": "v25.0", "members": MEMBERS}
    at = datetime(2026, 7, 3, tzinfo=UTC)
    return Receipt(
        1, "ig", "poll", at, "ok", "", canonical_json(ask), None, None, True, 200, None, None, None, "ab", 1, None
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, (*path, name))
    elif isinstance(value, list):
        for n, part in enumerate(value):
            yield from places(part, (*path, n))


def with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = junk
    return changed


GOOD = {"answers": [POST_ANSWER, DAY_ANSWER, HOURS_ANSWER, REFUSAL]}


def test_junk_anywhere_in_an_answer_costs_at_most_that_answer() -> None:
    """Each place in turn, with each kind of junk: rows fit their contract, and null is null unless measured."""
    chance = random.Random(7)
    whole = {(r["subject_id"], r["metric"], r["breakdown"]) for r in rows(GOOD)}
    assert len(whole) == 4 + 1 + 2 + 1
    for path in places(GOOD):
        for junk in chance.sample(JUNK, 6) if path else ():  # that it is an object is seen to when it is read
            broken = with_junk(GOOD, path, junk)
            if len(path) < 2:
                with pytest.raises(UnreadableBody):
                    rows_of(broken, receipt())
                continue
            found = rows(broken)
            kept = {
                (r["subject_id"], r["metric"], r["breakdown"])
                for r in found
                if not r["pointer"].startswith(f"$.answers[{path[1]}]")
            }
            untouched = {key for key, at in located(GOOD).items() if at != path[1]}
            assert untouched <= kept


def located(document: dict[str, Any]) -> dict[tuple[Any, ...], int]:
    return {
        (r["subject_id"], r["metric"], r["breakdown"]): int(re.search(r"answers\[(\d)\]", r["pointer"])[1])  # type: ignore[index]
        for r in rows(document)
    }


def rows(document: Any) -> list[dict[str, Any]]:
    """The rows of a document, held to what must be so of any: the contract's types, no value without a measurement."""
    parsed = rows_of(json.loads(json.dumps(document)), receipt())
    for name, found in parsed.rows.items():
        traced = [{**row, **LINEAGE, "received_at": datetime(2026, 7, 3)} for row in found]  # type: ignore[dict-item] # noqa: DTZ001
        to_arrow(TABLES[name], traced)
    told: list[dict[str, Any]] = list(parsed.rows["social_metric_observations"])  # type: ignore[arg-type]
    for row in told:
        assert (row["value"] is None) == (row["value_status"] != "measured")
        assert row["value"] is None or math.isfinite(row["value"])
        assert (row["window_start_at"] is None) == (row["window_end_at"] is None)
    return told


def test_every_option_of_a_source_is_described(project: Path) -> None:
    """An option that nobody can find is set wrong, or not at all."""
    described = (project / "docs" / "sources" / "instagram.md").read_text()
    assert [name for name in GraphOptions.model_fields if f"`{name}`" not in described] == []
