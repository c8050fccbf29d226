"""A sync that throttles, server errors, dead tokens and `kill -9` tear apart, and the tables that come of it.

What belongs here: whole processes that really end, and the warehouse built on what they left. One interruption of each
kind, without a process of its own, is in `test_graph_sync.py`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_here import run_dbt
from test_graph_sync import refusal, story, usage

from ingest.config import load
from ingest.errors import PermanentFailure, TransientFailure
from ingest.home import Home
from ingest.library_tables import write_library_tables
from sandbox.graph_account import AccountInsights
from sandbox.graph_api import GraphApi, Response

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TABLES = ("social_account_observations", "social_post_observations", "social_metric_observations", "rejects")
# Where and when a fact was learnt, which an interruption may change, and nothing else.
LINEAGE = frozenset(
    {"receipt_id", "received_at", "blob_sha256", "pointer", "observed_at", "first_observed_at", "reading_count"}
)
# What the figures of social media are read from, and those figures.
MODELS = (
    "fct_post",
    "fct_post_metric",
    "fct_account_metric",
    "fct_account_snapshot",
    "bridge_post_branch",
    "int_figures__social",
)
HERE = Path(__file__).parent


@pytest.fixture
def busy(bench: Any, api: GraphApi, make: Any) -> None:
    """An account with something of everything: albums, reels, old and silent posts, stories, a metric refused."""
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"media_type": "CAROUSEL_ALBUM", "children": 3},
        {"media_type": "VIDEO", "product_type": "REELS"},
    )
    posts = [make(n, days_old=n + 0.3, caption=f"#moabibliotek #tag{n}", **kinds[n % 3]) for n in range(2, 60)]
    posts += [make(70, days_old=80.3, before_conversion=True), make(71, days_old=90.3, silent_for=DAY * 400)]
    posts += [story(make, 80, 5), story(make, 81, 6, too_few_viewers=True)]
    api.posts = sorted(posts, key=lambda p: p.posted_at, reverse=True)
    api.allowed = {**api.allowed, ("FEED", "IMAGE"): api.allowed["FEED", "IMAGE"] - {"follows"}}
    api.insights = AccountInsights(api.followers_at)
    bench.options |= {"stories": True, "page_limit": 20, "account_insights": True, "account_backfill_days": 5}
    # Smaller batches: more landings, and so more places between two of them.
    bench.options |= {"batch_size": 9}


class Syncs:
    """How often a process brings something to disk, counted where nothing is interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        sync = os.fsync

        def counted(handle: int) -> None:
            self.count += 1
            sync(handle)

        monkeypatch.setattr(os, "fsync", counted)

    def taken(self) -> int:
        count, self.count = self.count, 0
        return count


def child(bench: Any, now: datetime, step: str, **environment: str) -> subprocess.Popen[bytes]:
    path = [Path.cwd(), HERE.parents[1], os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, str(HERE / "mortal_process.py"), str(bench.home.root), now.isoformat(), step,
         json.dumps(bench.options)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **environment},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def killed(bench: Any, now: datetime, step: str, *, at_call: int = 0, at_sync: int = 0) -> None:
    """Run a step that is killed at a call to the API, or instead of bringing something to disk. It must not survive."""
    process: list[subprocess.Popen[bytes]] = []
    start = len(bench.wire.calls)

    def kill(_path: str, _query: Mapping[str, list[str]]) -> None:
        if at_call and len(bench.wire.calls) - start == at_call:
            os.kill(process[0].pid, signal.SIGKILL)

    bench.wire.instead = kill
    process.append(child(bench, now, step, **({"KILL_AT_SYNC": str(at_sync)} if at_sync else {})))
    assert process[0].wait(60) == -signal.SIGKILL
    bench.wire.instead = lambda _p, _q: None


def refused(bench: Any, now: datetime, after: int, answer: Response) -> BaseException:
    """A poll of which all calls after so many get this answer; the failure that it ends with."""
    start = len(bench.wire.calls)
    bench.wire.instead = lambda _p, _q: answer if len(bench.wire.calls) - start > after else None
    failure: BaseException
    (failure,) = bench.poll(now, at=NOW).failures
    bench.wire.instead = lambda _p, _q: None
    return failure


def torn_apart(bench: Any, api: GraphApi, chance: random.Random, calls: int, syncs: Mapping[str, int]) -> datetime:
    """Interrupt a sync in six ways, in a seeded order and each at a seeded point.

    Returns:
        When the next poll may come.
    """
    now = NOW
    limit = refusal(80002, "too many calls", X_Business_Use_Case_Usage=usage(100, 30))
    dead = refusal(190, f"Malformed access token {api.token}", 467)
    ways = ["kill at a call", "kill at a sync", "kill in reading", "throttle", "server error", "token"]
    chance.shuffle(ways)
    for way in ways:
        # No further than a seventh of the way each time, so that something is left to be interrupted.
        after = chance.randrange(1, calls // 7)
        if way == "kill at a call":
            killed(bench, now, "poll", at_call=after)
        elif way == "kill at a sync":
            killed(bench, now, "poll", at_sync=chance.randrange(1, syncs["poll"] // 7))
        elif way == "kill in reading":
            # Something must have been landed before it can be read.
            assert refused(bench, now, max(after, 20), Response(503, {}, b"down"))
            killed(bench, now, "read", at_sync=chance.randrange(1, 6))
        elif way == "throttle":
            assert isinstance(refused(bench, now, after, limit), TransientFailure)
            now += timedelta(minutes=31)
        elif way == "server error":
            assert isinstance(refused(bench, now, after, Response(503, {}, b"down")), TransientFailure)
        else:
            assert isinstance(refused(bench, now, after, dead), PermanentFailure)
        if chance.random() < 0.5:
            bench.read()
    return now


def facts(bench: Any) -> dict[str, list[str]]:
    """All that the lake says, as sorted lines; where and when it was learnt left out. Told twice alike is told once."""
    return {
        table: sorted({json.dumps(plain(row), sort_keys=True, default=str) for row in bench.rows(table)})
        for table in TABLES
    }


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in LINEAGE}


def warehouse(home: Home, project: Path) -> dict[str, list[str]]:
    """The tables that dbt makes of a lake, as sorted lines without lineage."""
    write_library_tables(home.lake, load(project / "config"))
    home.warehouse.parent.mkdir(exist_ok=True)
    done = run_dbt(project, home.root, "run", "--select", *(f"+{m}" for m in MODELS), as_of="2026-10-02 04:00:00")
    assert done.returncode == 0, done.stdout[-4000:]
    found = {}
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        for model in MODELS:
            told = con.sql(f"from {'intermediate' if model.startswith('int_') else 'core'}.{model}")
            rows = [plain(dict(zip(told.columns, row, strict=True))) for row in told.fetchall()]
            found[model] = sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)
    # One row per look at the account, and an interrupted sync looks more often.
    found["fct_account_snapshot"] = sorted(set(found["fct_account_snapshot"]))
    return found


def test_a_sync_killed_throttled_and_refused_at_random_points_ends_with_the_tables_of_an_undisturbed_one(
    bench: Any,
    api: GraphApi,
    busy: None,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six interruptions per seed, three of them `kill -9`: the lake and the figures are those of a quiet night."""
    syncs = Syncs(monkeypatch)
    assert not bench.poll().failures
    counts = {"poll": syncs.taken()}
    calls = len(bench.wire.calls)
    bench.read()
    counts["read"] = syncs.taken()
    quiet, expected = bench.home, facts(bench)
    assert len(expected["social_metric_observations"]) > 700
    assert min(calls, *counts.values()) > 20
    tables = None
    for seed in range(3):
        bench.home = Home(tmp_path / f"torn {seed}")
        chance = random.Random(seed)
        now = torn_apart(bench, api, chance, calls, counts)
        assert facts(bench) != expected
        assert not bench.poll(now, at=NOW).failures
        bench.read()
        assert facts(bench) == expected
        assert bench.read().blobs == 0
        if seed == 0:
            tables = warehouse(bench.home, project)
        bench.home.catalogue.close()
    bench.home = quiet
    told = warehouse(quiet, project)
    assert tables == told
    assert all(told.values())
