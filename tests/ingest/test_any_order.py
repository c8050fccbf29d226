"""Any order, any number of times, killed anywhere: the warehouse reads the same observations in the end.

What belongs here: the one property of landing, catalogue, lake and the rule for the current telling together. What
does not: each of them alone (their own modules). The rule is not repeated here: it is the project's own SQL.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
from _adapters.deliveries import BODIES, READ, carry_out, configuration, dying, read
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.home import Home
from ingest.lake import Lake
from ingest.pipeline import pending

PROJECT = Path(__file__).resolve().parents[2]
MODELS = PROJECT / "dbt_project/models"
MACROS = PROJECT / "dbt_project/macros/tellings.sql"  # which telling is current
EVERYTHING = list(range(len(BODIES)))
# What a telling says. When it arrived, and in which of several equal files, is no part of it.
SAYS = (
    "observation_id, source_id, device_key, line_key, kind, interval_start_at, interval_end_at, stamp_text, fold, "
    "in_count, out_count, undirected_count, total_in_count, total_out_count, value_state, reason_code, vendor_status, "
    "sent_at"
)


class Killed(BaseException):
    """As a kill: nothing that catches errors may catch it."""


def rendered(path: str, **more: Any) -> str:
    """A model's SQL for plain DuckDB: its parents are views of the same names."""
    told = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"]).from_string(
        MACROS.read_text(encoding="utf-8") + (MODELS / path).read_text(encoding="utf-8")
    )
    return told.render(
        ref=lambda name: name,
        source=lambda _, name: f"lake_{name}",
        as_of=lambda: "timestamp '2100-01-01'",
        **more,
    )


@cache
def views() -> dict[str, str]:
    """The views between the lake's files and the current tellings, in order."""
    registers = rendered(
        "intermediate/int_doors__register_intervals.sql",
        **{
            name: (lambda *_, **__: "null")
            for name in (
                "hour_of", "plus_minutes", "minutes_between", "valid_on", "sensor_cut_on", "business_day",
                "register_came_back", "register_is_too", "register_hours", "register_step", "register_people",
            )
        },
    )  # fmt: skip
    tellings, found, _ = registers.partition("on_the_hour as (")
    assert found, "int_doors__register_intervals no longer ranks its tellings before it puts them on the hour"
    tellings = tellings[: tellings.rindex("),") + 1]
    return {
        "stg_landing__fetches": rendered("staging/stg_landing__fetches.sql"),
        "stg_doors__observations": rendered("staging/stg_doors__observations.sql"),
        "int_landing__recorded_times": rendered("intermediate/int_landing__recorded_times.sql"),
        "current_intervals": rendered("intermediate/int_doors__current_observations.sql"),
        "current_registers": f"{tellings} select * from tellings where telling_rank = 1",
    }


def as_the_warehouse_reads_it(root: Path) -> tuple[list[Any], list[Any]]:
    """The current tellings of intervals and of registers, and everything that was rejected."""
    with duckdb.connect() as con:
        for table in ("door_observations", "fetches", "rejects"):
            files = f"read_parquet('{root}/lake/{table}/**/*.parquet', union_by_name = true)"
            con.execute(f"create view lake_{table} as select * from {files}")
        for name, sql in views().items():
            con.execute(f"create view {name} as {sql}")
        current = con.execute(
            f"select {SAYS} from stg_doors__observations where (observation_id, blob_sha256) in ("
            "select (observation_id, blob_sha256) from current_intervals union all "
            "select (observation_id, blob_sha256) from current_registers) order by all"
        ).fetchall()
        rejects = con.execute(
            "select distinct source_id, blob_sha256, pointer, reason from lake_rejects order by all"
        ).fetchall()
    return current, rejects


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[Any]]:
    """What everything delivered once and in order says, without any accident."""
    root = tmp_path_factory.mktemp("truth")
    carry_out(root, [*EVERYTHING, READ], lambda _: None)
    return as_the_warehouse_reads_it(root)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one property: hypothesis runs many examples in one test."""
    root = Path(tempfile.mkdtemp(prefix="levende-order-"))
    yield root
    shutil.rmtree(root)


def assert_converged(root: Path, truth: tuple[list[Any], list[Any]]) -> None:
    read(root)
    assert pending(Home(root), configuration(root)) == []
    assert as_the_warehouse_reads_it(root) == truth
    newest = {r.source_id: r.receipt_id for r in Home(root).catalogue.receipts()}
    read_up_to = {source_id: Lake(root / "lake").progress(source_id) for source_id in newest}
    assert {s: (p.read_up_to, p.lacking) for s, p in read_up_to.items() if p} == {s: (n, ()) for s, n in newest.items()}
    assert len(list((root / "lake/_read").glob("*/progress.json"))) == len(newest)


def test_the_truth_is_what_these_deliveries_were_made_to_say(truth: tuple[list[Any], list[Any]]) -> None:
    """Two empty lakes are equal as well; and without revisions the order could not matter."""
    current, rejects = truth
    by_source: dict[str, list[Any]] = {}
    for row in current:
        by_source.setdefault(row[1], []).append(row)
    assert {source: len(rows) for source, rows in by_source.items()} == {
        "door_csv": 2 * (24 * 4 + 23), "door_brickstream": 2, "door_xovis": 3, "door_gate": 4,
    }  # fmt: skip
    people = {source: sorted(row[9] for row in rows) for source, rows in by_source.items() if source != "door_gate"}
    assert people["door_brickstream"] == [4, 9], "the later word of the minute told twice"
    assert people["door_xovis"] == [0, 1, 5], "the backlog was sent last"
    assert sorted(row[12] or 0 for row in by_source["door_gate"]) == [0, 100, 140, 190]
    assert {reason for *_, reason in rejects} == {"letters_in_count", "not_xml"}


orders = st.lists(st.sampled_from([*EVERYTHING, READ]), max_size=8).flatmap(
    lambda again: st.permutations([*EVERYTHING, READ, *again])
)


@settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(work=orders, kills=st.lists(st.integers(1, 150), max_size=8))
@example(work=[*reversed(EVERYTHING), READ], kills=[])
@example(work=[*EVERYTHING, READ, *EVERYTHING, READ], kills=list(range(1, 40, 3)))
@example(work=[READ, *EVERYTHING, READ], kills=[150, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70])
def test_any_order_with_redeliveries_and_kills_reads_the_same(
    folder: Path, truth: tuple[list[Any], list[Any]], work: list[int], kills: list[int]
) -> None:
    """Networks repeat and reorder, and machines stop in the middle; a figure may not depend on it.

    A sender that got no answer delivers again, so what was stored just before a kill is stored twice.
    """
    root = Path(tempfile.mkdtemp(dir=folder))
    done = -1

    def tell(place: int) -> None:
        nonlocal done
        done = place

    def die() -> None:
        raise Killed

    for steps in [*kills, 10**9]:
        try:
            with dying(steps, die):
                carry_out(root, work, tell, first=done + 1)
        except Killed:
            continue
        break
    assert done == len(work) - 1
    assert_converged(root, truth)


def test_a_kill_at_any_step_of_landing_and_reading_costs_nothing(folder: Path) -> None:
    """Random kills seldom meet the one bad moment; here the moments of a short run have their turns, one by one."""
    work = [5, READ, 6, READ]
    carry_out(folder / "truth", work, lambda _: None)
    truth = as_the_warehouse_reads_it(folder / "truth")
    done: list[int] = []

    def die() -> None:
        raise Killed

    survived = False
    for steps in range(1, 2000, 2):
        root = folder / f"{steps}"
        done.clear()
        Lake(root / "lake").prepare()
        Home(root).catalogue.last_id()
        try:
            with dying(steps, die):
                carry_out(root, work, done.append)
            survived = True
        except Killed:
            carry_out(root, work, done.append, first=len(done))
        assert_converged(root, truth)
        shutil.rmtree(root)
        if survived:
            break
    assert survived, "the run has more steps than were tried"
    assert steps > 60, "the run has hardly any steps: they are not counted"


@pytest.mark.slow
def test_killed_processes_cost_nothing(folder: Path, truth: tuple[list[Any], list[Any]]) -> None:
    """A raised exception still tidies up behind itself; a killed process leaves everything as it lies."""
    work = [*EVERYTHING[6:], READ, *EVERYTHING[:8], READ]
    done = -1
    deaths = 0
    for steps in (45, 120, 230, 10**9):
        words = [str(n) for n in (folder, steps, done + 1, *work)]
        process = subprocess.run(
            [sys.executable, "-m", "_adapters.deliveries", *words],
            env={"PYTHONPATH": f"{PROJECT / 'tests/ingest'}:{PROJECT}"},
            cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        done = max([done, *(int(line) for line in process.stdout.split())])
        assert process.returncode in (0, -9), process.stderr
        deaths += process.returncode == -9
        if process.returncode == 0:
            break
    assert deaths == 3
    assert done == len(work) - 1
    assert_converged(folder, truth)
