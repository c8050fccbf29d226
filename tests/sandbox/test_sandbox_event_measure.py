"""The measure of identity, on numbers that can be checked by hand: a wrong ruler would praise or blame any rule."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from benchmarks.events_identity import Pairs, Result, counted_once, line, pairs_of, within


def told(*rows: tuple[str, str, str, str, str, str]) -> pd.DataFrame:
    """Claims: source, id, holding, branch, end, status; of programme, on one day."""
    names = ["source_id", "occurrence_id", "holding_id", "branch_id", "end_at", "status"]
    table = pd.DataFrame(rows, columns=names)
    table["end_at"] = pd.to_datetime(table.end_at)
    table["start_at"] = table.end_at - pd.Timedelta(hours=1)
    table["start_on"] = table.start_at.dt.date
    return table.assign(kind="programme", outcome="held", is_counted=True)


def test_pairs_are_counted_within_events_and_never_across() -> None:
    """Three claims of one event are three pairs; putting two of them together finds one of three."""
    found = pairs_of(["a", "a", "a", "b", "c"], [1, 1, 2, 3, 3])
    assert found == Pairs(true=3, made=2, right=1)
    assert found.precision == 0.5
    assert found.recall == pytest.approx(1 / 3)
    nothing = pairs_of(["a", "b"], [1, 2])
    assert (nothing.precision, nothing.recall) == (1.0, 1.0)
    assert Pairs(1, 2, 1) + Pairs(2, 2, 2) == Pairs(3, 4, 3)


def test_a_simple_way_counts_a_group_once_where_one_claim_of_it_was_held() -> None:
    """A cancelled claim alone is no event; beside one that stands it takes nothing away; what lies ahead waits."""
    claims = told(
        ("s", "1", "a", "x", "2023-01-01 12:00", "scheduled"),
        ("t", "2", "a", "x", "2023-01-01 12:00", "cancelled"),
        ("t", "3", "b", "x", "2023-01-01 12:00", "cancelled"),
        ("t", "4", "c", "y", "2022-12-31 12:00", "scheduled"),
        ("t", "5", "d", "y", "2023-02-01 12:00", "scheduled"),
    )
    clock = pd.Timestamp("2023-01-15")
    assert counted_once(claims, ["a", "a", "b", "c", "d"], clock) == Counter({("x", 2023): 1, ("y", 2022): 1})
    assert counted_once(claims, list(claims.occurrence_id), clock) == Counter({("x", 2023): 1, ("y", 2022): 1})


def test_a_figure_without_a_value_is_not_within_the_target() -> None:
    """Silence must not pass for exactness, and is told beside the median."""
    assert within([0.0, 0.01, -0.01, 0.02, None]) == pytest.approx(3 / 5)
    errors: dict[tuple[str, int], Any] = {("x", 2022): 0.0, ("y", 2022): None, ("z", 2022): -0.5}
    told_line = line("way", [Result(Pairs(2, 2, 1), errors, -0.25)])
    assert "0.5000" in told_line
    assert "-50.0%" in told_line
    assert told_line.endswith("no value 1")
