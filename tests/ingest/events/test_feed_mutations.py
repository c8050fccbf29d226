"""Damaged answers of the four feeds: each ends as rows, tombstones or rejects; none raises, none tells of a person."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from feed_reading import read_body, receipt
from test_dpl_cms import INSTANCE
from test_google_calendar import INSTANCE as GOOGLE
from test_google_calendar import WINDOW
from test_openactive import SESSION, item
from test_schema_org import EVENT

OSLO = {"zone": "Europe/Oslo"}
PATTERNS = {"partner_patterns": ["(?i)samarbeid med ([^.]+)"]}
PERSON = {"@type": "Person", "name": "Kari Nordmann", "email": "kari@example.org"}
AGES = {"@type": "QuantitativeValue", "minValue": 7, "maxValue": 9}
AUDIENCE = {
    "audience": [{"@type": "PeopleAudience", "suggestedMinAge": 7, "suggestedMaxAge": 9, "audienceType": "Born"}],
    "typicalAgeRange": "7-9",
}
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "dpl_cms": ([INSTANCE, {**INSTANCE, "uuid": "i-2", "contact": PERSON}], {**OSLO, **PATTERNS}),
    "schema_org": (
        {
            "@graph": [
                {**EVENT, "performer": PERSON, **AUDIENCE},
                {"@type": "ItemList", "itemListElement": {"0": EVENT}},
            ]
        },
        {**OSLO, **PATTERNS, "own_names": ["x"]},
    ),
    "openactive": (
        {
            "next": "x",
            "items": [item(), item(id="b", state="deleted"), item(id="c", data={**SESSION, "ageRange": AGES})],
        },
        {**OSLO, **PATTERNS},
    ),
    "google_calendar": (
        {"items": [GOOGLE, {**GOOGLE, "id": "z", "visibility": "private"}, {"id": "a", "status": "cancelled"}]},
        {**WINDOW, **PATTERNS},
    ),
}
HORRORS: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**39, 2**70, "", " ", "\x00", "\u202e", "\u0661", "9999-12-31", "0001-01-01"),
    *("2026-02-30", "2026-03-05T25:00:00Z", "2026-03-05T18:00:00+99:99", "2026-03-05T24:00:00", "P1Y", "a" * 5000),
    *("2100-01-01T00:00:00Z", "1969-12-31", "&#0;&#x110000;", "<b>", "//[", "http://[::1", "kari@example.org", "|"),
    *([], {}, [[]], [{}], {"@type": "Event"}, ["2026-03-05"], {"@value": "2026-03-05"}, {"dateTime": 5}, {"date": "x"}),
    *(
        "\ud800",
        {"\ud800": 1},
        {"recurrence": []},
        {"@type": "VirtualLocation"},
        "cancelled",
        "1" * 25,
        2**63,
        2**63 - 1,
    ),
]


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path] * bool(path) + [place for key, child in children for place in _places(child, (*path, key))]


def _mutated(document: Any, dice: random.Random) -> bytes:
    changed = copy.deepcopy(document)
    for _ in range(dice.randint(1, 4)):
        places = _places(changed)
        if not places:
            break
        *way, last = dice.choice(places)
        parent = changed
        for key in way:
            parent = parent[key]
        if dice.random() < 0.2:
            del parent[last]
        else:
            parent[last] = copy.deepcopy(dice.choice(HORRORS))
    return json.dumps(changed, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("adapter", sorted(CASES))
@pytest.mark.parametrize("seed", range(4))
def test_mutated_answers_end_as_rows_or_rejects(adapter: str, seed: int) -> None:
    """A thousand per feed: values from a list of horrors in any place, and bytes that were changed or cut."""
    document, options = CASES[adapter]
    dice = random.Random(f"{adapter}{seed}")
    for turn in range(250):
        body = _mutated(document, dice)
        if turn % 5 == 0:
            raw = bytearray(body)
            for _ in range(dice.randint(1, 5)):
                raw[dice.randrange(len(raw))] = dice.randrange(256)
            body = bytes(raw[: dice.randrange(len(raw))]) if dice.random() < 0.4 else bytes(raw)
        if adapter == "schema_org" and turn % 3 == 0:
            body = b"<html><script type='application/ld+json'>" + body + b"</script>"
        found = read_body(adapter, body, receipt(body=body), **options)
        assert not {"parser_fault", "contract_broken"} & set(found.reasons), (adapter, seed, turn, body)
        assert "Nordmann" not in json.dumps([r.__dict__ for r in found.rejects])
        for row in found.rows:
            told = " ".join(
                str(row[k]) for k in ("title", "location", "categories", "partner_claims", "audience_claims")
            )
            assert "@" not in told, (adapter, seed, turn)
            assert "Nordmann" not in told
