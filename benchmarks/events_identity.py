"""How well claims of three feeds become events: pairs put together, and `events_held` by branch and year.

Runs trials of `sandbox.event_trial` through ingest and dbt, and holds what the warehouse says against the truth, beside
two simple ways over the same claims: every claim counts, and claims with one title and one start are one. The simple
ways are told the true branch and kind of every claim, so that they lose by identity alone. Then the same feeds once
more, with the sheets in which staff tell what was held and who came; and once more, after staff who know answered what
`levende review` asks of the two years, once.

    python -m benchmarks.events_identity --seeds 20

A pair is two claims of one event. Precision: how many pairs of the warehouse are true; recall: how many true pairs it
has found; both of the feeds' claims alone, so that the sheets change nothing in what is compared. A branch-year is
within the target when `events_held` is at most 1 % off, which is exact below 100 events; `holds` is how many lie in
their range from `value_low` to `value_high`, `range` its mean width as a share of the value; `area` is the mean error
of the whole area's years, as published. What is missed is told by kind, with the habits of the claims behind it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ingest import pipeline
from ingest.config import Configuration, EventDecision
from ingest.home import Home
from ingest.library_tables import write_library_tables
from publishing.review import Question, questions
from sandbox import event_review
from sandbox.event_habits import FEEDS
from sandbox.event_sheets import SHEET
from sandbox.event_trial import EventTrial, build_event_trial

PROJECT = Path(__file__).resolve().parent.parent
MODELS = ("+fct_event", "+fct_event_doubt", "+bridge_event_claim", "+figures")
OURS, WITH_SHEETS, REVIEWED = "warehouse", "with staff's sheets", "and their answers"
WAYS = (OURS, WITH_SHEETS, REVIEWED, "every claim counts", "title and start")
TARGET_PAIRS, TARGET_COUNT = 0.98, 0.01
Count = Mapping[tuple[str, int], int | None]
Range = tuple[int, int]


@dataclass(frozen=True)
class Pairs:
    """How many pairs there are in truth, how many were made, and how many of those are right."""

    true: int
    made: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(self.true + other.true, self.made + other.made, self.right + other.right)


@dataclass
class Result:
    """What one way made of one trial."""

    pairs: Pairs
    errors: dict[tuple[str, int], float | None]
    """Relative error by branch and year; None where nothing was told."""

    total: float
    """Relative error of the sum over all branches and years."""

    ranges: dict[tuple[str, int], tuple[bool, float]] = field(default_factory=dict)
    """Whether the range holds the truth, and its width as a share of the value; of a way that tells one."""

    area: list[float] = field(default_factory=list)
    """Relative errors of the area's years, of a way that tells them."""


@dataclass
class Judged:
    """One trial, judged."""

    seed: int
    results: dict[str, Result]
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    counted_with_sheets: Counter[str] = field(default_factory=Counter)
    counted_with_answers: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    """Questions of the review, by kind."""

    asked_share: float = 0.0
    """Questions, as a share of the events that count."""


def pairs_of(true: Sequence[Hashable], made: Sequence[Hashable]) -> Pairs:
    """Pairs of claims that are equal in truth, that were made equal, and both."""

    def pairs(groups: Iterable[Hashable]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(groups).values())

    return Pairs(pairs(true), pairs(made), pairs(zip(true, made, strict=True)))


def without_sheets(configuration: Configuration) -> Configuration:
    """The description of a library whose staff hand in no sheets."""
    sources = tuple(source for source in configuration.sources if source.source_id != SHEET)
    return configuration.model_copy(update={"sources": sources})


def run(trial: EventTrial, configuration: Configuration, target: Path) -> Path:
    """Read what a description knows of the trial into its lake and build what is judged. Returns the warehouse."""
    home = Home(trial.home)
    pipeline.read_pending(home, configuration, "events")
    pipeline.write_receipts(home, configuration)
    write_library_tables(home.lake, configuration)
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    as_of = trial.clock.strftime("%Y-%m-%d %H:%M:%S")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "run", "--select", *MODELS, "--threads", "2",
            "--project-dir", str(PROJECT / "dbt_project"), "--profiles-dir", str(PROJECT / "dbt_project"),
            "--target-path", str(target), "--log-path", str(target / "logs"),
            "--vars", f'{{as_of: "{as_of}", data_version: benchmark}}',
        ],
        env={**os.environ, "LEVENDE_LAKE": str(home.lake), "LEVENDE_WAREHOUSE": str(home.warehouse)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"dbt failed:\n{done.stdout[-4000:]}")
    return home.warehouse


def claims_of(trial: EventTrial, warehouse: Path) -> pd.DataFrame:
    """Every claim with what it said last, its event, and the truth behind it."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        lake = f"{trial.home}/lake/event_observations/**/*.parquet"
        last = con.execute(
            f"""
            select
                observation_id as occurrence_id, source_id, series_id, slot, title, start_at, start_on, end_at, status
            from read_parquet('{lake}', hive_partitioning = false)
            qualify row_number() over (partition by observation_id order by received_at desc, receipt_id desc) = 1
            """
        ).df()
        events = con.execute("select occurrence_id, event_id, match_rule from core.bridge_event_claim").df()
    told = last.merge(events, on="occurrence_id", how="left", validate="one_to_one")
    claims = trial.claims[trial.claims.source_id.isin(set(told.source_id))]
    told = told.merge(claims, on=["source_id", "series_id", "slot"], how="outer", validate="one_to_one")
    lost = told[told.event_id.isna() | told.holding_id.isna()]
    if not lost.empty:
        raise SystemExit(f"{len(lost)} claims are not in both the warehouse and the truth:\n{lost.head()}")
    return told.merge(trial.holdings, on="holding_id", how="left", suffixes=("", "_true"), validate="many_to_one")


def published(warehouse: Path) -> tuple[dict[tuple[str | None, int], int | None], dict[tuple[str | None, int], Range]]:
    """`events_held` by branch (None: the whole area) and year, as published, and its range where it has a value."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            """
            select branch_id, cast(extract(year from period_start) as int), cast(value as int),
                cast(value_low as int), cast(value_high as int)
            from kpi.figures
            where figure_id = 'events_held' and period_kind = 'year'
            """
        ).fetchall()
    values = {(branch_id, year): value for branch_id, year, value, _, _ in rows}
    return values, {(row[0], row[1]): (row[3], row[4]) for row in rows if row[2] is not None}


def counted_once(told: pd.DataFrame, key: Sequence[Hashable], clock: pd.Timestamp) -> Count:
    """What a simple way counts: each group of claims of which one is over and not cancelled, at its first claim."""
    stands = (
        told.kind.isin(["programme", "exhibition"])
        & ~told.holding_id.isin(_day_rows(told))
        & (told.status != "cancelled")
        & (told.end_at <= clock)
    )
    part = told.assign(group=[repr(k) for k in key])[stands].sort_values(["source_id", "start_at", "occurrence_id"])
    first = part.drop_duplicates("group")
    years = pd.to_datetime(first.start_on).dt.year
    return Counter(zip(first.branch_id, years, strict=True))


def _day_rows(told: pd.DataFrame) -> set[str]:
    """Later days of an exhibition that is posted once a day."""
    return set(told[(told.kind == "exhibition") & ~told.is_counted & (told.outcome == "held")].holding_id)


def result(
    trial: EventTrial,
    pairs: Pairs,
    found: Mapping[tuple[Any, int], int | None],
    ranges: Mapping[tuple[Any, int], Range] | None = None,
) -> Result:
    """The error of a count by branch and year, and what its ranges hold."""
    true = {(row["branch_id"], row["year"]): int(row["held_count"]) for row in _rows(trial.events_held)}
    errors: dict[tuple[str, int], float | None] = {}
    for key, count in true.items():
        value = found.get(key, 0)
        errors[key] = None if value is None else (value - count) / count if count else float(value != 0)
    total = sum(true.values())
    held = {
        key: (low <= true[key] <= high, (high - low) / max(found.get(key) or 0, 1))
        for key, (low, high) in (ranges or {}).items()
        if key in true
    }
    of_year: Counter[int] = Counter()
    for (_branch, year), count in true.items():
        of_year[year] += count
    area = [((found.get((None, year)) or 0) - count) / count for year, count in of_year.items() if ranges is not None]
    return Result(pairs, errors, (sum(found.get(key) or 0 for key in true) - total) / total, held, area)


def judge(trial: EventTrial, seed: int, target: Path) -> Judged:
    """Build the trial without staff's sheets, with them, and with staff's answers; hold all against the truth."""
    warehouse = run(trial, without_sheets(trial.configuration), target)
    told = claims_of(trial, warehouse)
    clock = pd.Timestamp(trial.clock).tz_localize(None)
    true = list(told.holding_id)
    keys: dict[str, list[Hashable]] = {
        "every claim counts": list(told.occurrence_id),
        "title and start": list(zip(told.title.fillna("").str.casefold(), told.start_at, strict=True)),
    }
    results = {OURS: result(trial, pairs_of(true, list(told.event_id)), *published(warehouse))}
    for name, key in keys.items():
        results[name] = result(trial, pairs_of(true, key), counted_once(told, key, clock))
    judged = Judged(seed, results)
    _name_pairs(told, judged)
    _name_counts(trial, told, warehouse, judged.counted)

    library = trial.configuration.library
    for way, names in ((WITH_SHEETS, judged.counted_with_sheets), (REVIEWED, judged.counted_with_answers)):
        configuration = trial.configuration.model_copy(update={"library": library})
        warehouse = run(trial, configuration, target)
        told = claims_of(trial, warehouse)
        of_feeds = told[told.source_id.isin(FEEDS)]
        pairs = pairs_of(list(of_feeds.holding_id), list(of_feeds.event_id))
        results[way] = result(trial, pairs, *published(warehouse))
        _name_counts(trial, told, warehouse, names)
        if way == WITH_SHEETS:
            asked, answers, counted = review(trial, told, warehouse)
            judged.asked, judged.asked_share = Counter(question.kind for question in asked), len(asked) / counted
            library = library.model_copy(update={"event_decisions": tuple(answers)})
    return judged


def review(trial: EventTrial, told: pd.DataFrame, warehouse: Path) -> tuple[list[Question], list[EventDecision], int]:
    """What is asked of the trial's years, what staff who know answer, and how many events count before."""
    first, last = int(trial.events_held["year"].min()), int(trial.events_held["year"].max())
    with duckdb.connect(str(warehouse), read_only=True) as con:

        def rows(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
            cursor = con.execute(sql, parameters or None)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        asked = questions(rows, trial.configuration.zone, date(first, 1, 1), date(last + 1, 1, 1))
        listed = {row["event_id"]: row["start_on"].year for row in rows(
            "select event_id, start_on from core.fct_event where is_countable", {})}  # fmt: skip
    counted: dict[str, set[str]] = defaultdict(set)
    for row in _rows(told):
        if row["event_id"] in listed:
            counted[row["holding_id"]].add(row["event_id"])
    answers = event_review.answers(
        asked,
        {row["holding_id"]: row for row in _rows(trial.holdings)},
        {(row["source_id"], row["series_id"], row["slot"]): row["holding_id"] for row in _rows(trial.claims)},
        counted,
        trial.clock.date(),
    )
    return asked, list(answers), sum(first <= year <= last for year in listed.values())


_WEIGHTY = (
    "old_id", "new_id", "moved_by_new_post", "posted_twice", "move_missed", "doors_open", "wrong_hour", "no_hour",
    "renamed", "wrong_place", "no_place", "unknown_place", "taken_down", "vanishing", "moved",
)  # fmt: skip


def _name_pairs(told: pd.DataFrame, judged: Judged) -> None:
    """Count missed and false pairs by what is odd about them."""

    def kind(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
        where = "one feed" if a["source_id"] == b["source_id"] else "two feeds"
        habits = {*a["habits"].split(), *b["habits"].split()}
        odd = [name for name in _WEIGHTY if name in habits] or ["(nothing odd)"]
        return f"{where}: {' + '.join(odd)}"

    rows = _rows(told)
    for key, other, names in (("holding_id", "event_id", judged.missed), ("event_id", "holding_id", judged.false)):
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            groups[row[key]].append(row)
        for group in groups.values():
            for a, b in itertools.combinations(group, 2):
                if a[other] != b[other]:
                    names[kind(a, b)] += 1


def _name_counts(trial: EventTrial, told: pd.DataFrame, warehouse: Path, counted_wrongly: Counter[str]) -> None:
    """Count what makes `events_held` wrong, event by event."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        events = con.execute(
            """
            select event_id, is_countable, owner_branch_id, cast(extract(year from start_on) as int) as year, status
            from core.fct_event
            """
        ).df()
    years = set(trial.events_held["year"])
    of_event = {event_id: _commonest(ids) for event_id, ids in told.groupby("event_id")["holding_id"]}
    events["holding_id"] = events.event_id.map(of_event)
    truth = {row["holding_id"]: row for row in _rows(trial.holdings)}
    habits: dict[str, set[str]] = defaultdict(set)
    for row in _rows(told):
        habits[row["holding_id"]] |= set(row["habits"].split())
    of_holding: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(events):
        of_holding[row["holding_id"]].append(row)

    for holding_id, true in truth.items():
        odd = " + ".join(name for name in _WEIGHTY if name in habits[holding_id]) or "(nothing odd)"
        made = of_holding[holding_id]
        counted = [row for row in made if row["is_countable"]]
        if true["year"] not in years and not {row["year"] for row in counted} & years:
            continue
        if counted and not true["is_counted"]:
            what = "cancelled" if true["outcome"] == "cancelled" else true["kind"]
            if any(row["owner_branch_id"] != "unassigned" for row in counted):
                counted_wrongly[f"counted though {what}: {odd}"] += len(counted)
        elif counted:
            if len(counted) > 1:
                counted_wrongly[f"counted {len(counted)} times: {odd}"] += len(counted) - 1
            if counted[0]["owner_branch_id"] != true["branch_id"]:
                branch = "no" if counted[0]["owner_branch_id"] == "unassigned" else "another"
                counted_wrongly[f"at {branch} branch: {odd}"] += 1
            elif counted[0]["year"] != true["year"]:
                counted_wrongly[f"in another year: {odd}"] += 1
        elif true["is_counted"]:
            if holding_id not in habits:
                why = "no feed told it"
            else:
                why = "/".join(sorted({row["status"] for row in made})) or "taken for another"
            counted_wrongly[f"not counted, {why}: {odd}"] += 1


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _commonest(ids: Iterable[str]) -> str:
    return Counter(ids).most_common(1)[0][0]


def within(errors: Iterable[float | None]) -> float:
    """The share of branch-years within the target."""
    told = list(errors)
    return sum(e is not None and abs(e) <= TARGET_COUNT for e in told) / len(told)


def line(name: str, results: Sequence[Result]) -> str:
    """One row of the table, over one trial or many."""
    pairs = sum((r.pairs for r in results), Pairs(0, 0, 0))
    errors = [e for r in results for e in r.errors.values()]
    known = [abs(e) for e in errors if e is not None]
    worst = max((e for e in errors if e is not None), key=abs, default=float("nan"))
    total = statistics.mean(r.total for r in results)
    middle = statistics.median(known) if known else float("nan")
    ranges = [r for result in results for r in result.ranges.values()]
    area = [abs(e) for r in results for e in r.area]
    span = f"{'':>8} {'':>7} {'':>7}"
    if ranges:
        span = f"{statistics.mean(r[0] for r in ranges):8.1%} {statistics.mean(r[1] for r in ranges):7.2%}"
        span += f" {statistics.mean(area):7.2%}"
    silent = f"  no value {len(errors) - len(known)}" if len(known) < len(errors) else ""
    return (
        f"{name:20} {pairs.precision:9.4f} {pairs.recall:9.4f} {within(errors):10.1%} {middle:9.2%} {worst:+9.1%} "
        f"{total:+9.2%} {span}{silent}"
    )


HEAD = (
    f"{'':20} {'precision':>9} {'recall':>9} {'within 1 %':>10} {'median':>9} {'worst':>9} {'total':>9} {'holds':>8} "
    f"{'range':>7} {'area':>7}"
)


def report(judged: Sequence[Judged], most: int = 14) -> str:
    """The table over all trials, and what was missed."""
    lines = [f"\n{len(judged)} trials", HEAD]
    lines += [line(name, [j.results[name] for j in judged]) for name in WAYS]
    for title, counters in (
        ("Missed pairs", [j.missed for j in judged]),
        ("False pairs", [j.false for j in judged]),
        ("Events counted wrongly", [j.counted for j in judged]),
        ("Events counted wrongly with staff's sheets", [j.counted_with_sheets for j in judged]),
        ("Events counted wrongly with their answers", [j.counted_with_answers for j in judged]),
        ("Questions asked", [j.asked for j in judged]),
    ):
        total: Counter[str] = sum(counters, Counter())
        lines.append(f"\n{title}: {total.total()}")
        lines += [f"  {count:6} {name}" for name, count in sorted(total.items(), key=lambda i: (-i[1], i[0]))[:most]]
    lines.append(f"\nAsked of {statistics.mean(j.asked_share for j in judged):.1%} of the events that count")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20, help="how many trials")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the trials in this folder")
    asked = parser.parse_args(words)
    judged = []
    with tempfile.TemporaryDirectory(prefix="events_identity_") as scratch:
        print(HEAD, flush=True)
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            begun = time.monotonic()
            folder = (asked.keep or Path(scratch)) / f"seed-{seed}"
            trial = build_event_trial(folder, seed, has_sheet=True)
            judged.append(judge(trial, seed, Path(scratch) / "target"))
            print(f"seed {seed} ({time.monotonic() - begun:.0f} s)")
            for name in WAYS:
                print(line(name, [judged[-1].results[name]]), flush=True)
    print(report(judged))
    for way in (OURS, WITH_SHEETS, REVIEWED):
        results = [j.results[way] for j in judged]
        pairs = sum((r.pairs for r in results), Pairs(0, 0, 0))
        good = min(pairs.precision, pairs.recall) >= TARGET_PAIRS
        near = within(e for r in results for e in r.errors.values())
        print(
            f"{way}: pairs at least {TARGET_PAIRS}: {'met' if good else 'missed'}; every branch-year within "
            f"{TARGET_COUNT:.0%}: {'met' if near == 1 else f'missed by {1 - near:.1%} of them'}"
        )


if __name__ == "__main__":
    main()
