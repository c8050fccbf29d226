"""Trials: a whole library with failing counters in one call, and the truth that its figures are held to."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest import config, pipeline
from ingest.errors import ConfigurationError
from ingest.home import Home
from sandbox import faults, trial
from sandbox.trial import Trial, build_trial
from sandbox.world import World


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A year without any fault."""
    return build_trial(tmp_path_factory.mktemp("clean"), seed=5, years=(2022,), kinds=())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """The same year with all faults but the move, which is no fault and changes the truth."""
    kinds = [kind for kind in faults.KINDS if kind != "moved"]
    return build_trial(tmp_path_factory.mktemp("broken"), seed=5, years=(2022,), kinds=kinds)


def digest(folder: Path) -> dict[str, str]:
    """What a trial wrote that does not hold the time of writing: description, files, blobs, truth and records."""
    kept = [p for p in sorted(folder.rglob("*")) if p.is_file() and "catalogue" not in p.name]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


def years_of(told: Trial) -> dict[str | None, int]:
    """True visits of the year by branch; None is the area."""
    rows = told.truth[told.truth.period_kind == "year"]
    return dict(zip(rows.branch_id, rows.visits, strict=True))


def test_the_same_arguments_give_the_same_trial(broken: Trial, tmp_path: Path) -> None:
    """A measured improvement must be one of the method, not of the draw."""
    kinds = [kind for kind in faults.KINDS if kind != "moved"]
    again = build_trial(tmp_path, seed=5, years=(2022,), kinds=kinds)
    assert digest(tmp_path) == digest(broken.config.parent)
    assert again.truth.equals(broken.truth)
    assert again.faults.equals(broken.faults)
    told, other = (
        [(r.source_id, r.origin, r.received_at, r.blob_sha256) for r in Home(t.home).catalogue.receipts()]
        for t in (broken, again)
    )
    assert told == other


def test_faults_leave_the_truth_as_it_is(clean: Trial, broken: Trial) -> None:
    """One truth, with and without faults: only so can a method be judged by it."""
    assert broken.truth.equals(clean.truth)
    assert len(broken.faults) > 50
    assert clean.faults.empty


def test_the_truth_adds_up_from_days_to_the_area(clean: Trial) -> None:
    """Three grains of one truth; a sum that does not hold would blame the pipeline."""
    told = clean.truth
    assert list(told.columns) == ["area_id", "branch_id", "period_kind", "period_start", "visits"]
    for kind in ("day", "month", "year"):
        part = told[told.period_kind == kind]
        by_branch = part[part.branch_id.notna()].groupby("branch_id").visits.sum().to_dict()
        area = part[part.branch_id.isna()].visits.sum()
        assert sum(by_branch.values()) == area == years_of(clean)[None]
        assert by_branch == {branch: n for branch, n in years_of(clean).items() if branch is not None}
    assert told.branch_id.dropna().nunique() == 11
    assert not ((told.period_kind == "day") & (told.period_start == date(2022, 5, 17))).any(), "a closed day has no row"


def test_branches_are_as_large_and_as_small_as_branches_are(clean: Trial) -> None:
    """A method that works for a main library only must be found out."""
    years = years_of(clean)
    assert max(years, key=lambda b: years[b] if b else 0) == "hovud"
    days = clean.truth[(clean.truth.period_kind == "day") & (clean.truth.branch_id == "ytre")]
    assert 2 < days.visits.mean() < 8
    assert 60_000 < years["hovud"] < 150_000
    assert len([x for x in clean.configuration.library.lines if x.branch_id == "hovud" and x.role == "perimeter"]) == 2


def test_the_adapters_read_a_trial_without_faults_back_to_its_truth(clean: Trial) -> None:
    """Whatever is missed in a trial with faults is then the work of the faults."""
    home = Home(clean.home)
    outcomes = pipeline.read_pending(home, clean.configuration, "doors")
    assert all((o.rejects, o.failures) == (0, []) for o in outcomes.values())
    frames = [pd.read_parquet(p) for p in (home.lake / "door_observations").rglob("*.parquet")]
    rows = pd.concat(frames, ignore_index=True)
    found: dict[str, float] = defaultdict(float)
    for line in clean.configuration.library.lines:
        if line.role == "internal":
            continue
        part = rows[(rows.source_id == line.source_id) & (rows.device_key == line.device_key)]
        assert not part.empty, line.line_id
        if line.register_modulus is not None:
            part = part.sort_values("interval_end_at")
            steps = [part[c].iloc[-1] - part[c].iloc[0] for c in ("total_in_count", "total_out_count")]
            found[line.branch_id] += sum(steps) / 2
        elif line.rule == "mean_in_out":
            found[line.branch_id] += (part.in_count.sum() + part.out_count.sum()) / 2
        elif line.rule == "breaks_halved":
            found[line.branch_id] += part.undirected_count.sum() / 2
        else:
            found[line.branch_id] += part.in_count.sum()
    assert found == {b: n for b, n in years_of(clean).items() if b is not None}


def test_everything_has_come_by_the_clock_and_some_of_it_late(broken: Trial) -> None:
    """A file from the future is no late file."""
    receipts = Home(broken.home).catalogue.receipts()
    assert max(r.received_at for r in receipts) < broken.clock == datetime(2023, 4, 1, 4, tzinfo=UTC)
    assert [r.received_at for r in receipts] == sorted(r.received_at for r in receipts)
    assert "late" in set(broken.faults.kind)
    assert broken.environment == {
        "LEVENDE_CONFIG": str(broken.config),
        "LEVENDE_HOME": str(broken.home),
        "LEVENDE_CLOCK": "2023-04-01T04:00:00Z",
    }


def test_a_move_is_part_of_the_truth_and_of_the_description(tmp_path: Path) -> None:
    """People follow the new place; a method that fills gaps across the move must be seen to fail."""
    plain, _none = trial.people_of(tmp_path, 5, (2022, 2023), moves=False)
    world, (move,) = trial.people_of(tmp_path, 5, (2022, 2023), moves=True)
    lines = {line.line_id: line for line in world.configuration.library.lines}
    assert lines[move.line_id].valid_to == move.closes_on
    assert lines[move.successor.line_id].valid_from == move.opens_on
    closure = world.configuration.library.opening_exceptions[-1]
    assert (closure.branch_ids, closure.kind, closure.first_on) == ((move.branch_id,), "closed", move.closes_on)

    def after(told: World) -> int:
        rows = [n for n, day in enumerate(told.days) if day >= move.opens_on]
        return sum(int(d.ins[rows].sum()) for d in told.doors if d.line.branch_id == move.branch_id)

    assert after(world) / after(plain) == pytest.approx(move.factor, rel=0.25)
    for door in plain.doors:  # nobody else is touched
        if door.line.branch_id != move.branch_id:
            same = next(d for d in world.doors if d.line.line_id == door.line.line_id)
            assert np.array_equal(door.ins, same.ins)
    records = faults.plan(world, 5, kinds=("moved",), moves=(move,)).records
    assert list(records.kind) == ["moved"]
    assert records.branch_id[0] == move.branch_id


def test_good_and_bad_days_are_partly_shared_by_all_branches(clean: Trial) -> None:
    """As weather is: a sister branch may tell something about a day that was lost, and must not tell all."""
    days = clean.truth[(clean.truth.period_kind == "day") & clean.truth.branch_id.isin(["hovud", "torget"])]
    wide = days.pivot_table(index="period_start", columns="branch_id", values="visits", aggfunc="sum").dropna()
    wide.index = pd.DatetimeIndex(wide.index)
    usual = np.log(wide).groupby([wide.index.quarter, wide.index.day_of_week]).transform("median")
    shared = (np.log(wide) - usual).corr().loc["hovud", "torget"]
    assert 0.15 < shared < 0.9


def test_years_with_a_gap_are_refused(tmp_path: Path) -> None:
    """The days between would be neither simulated nor closed."""
    with pytest.raises(ConfigurationError, match="Leave no year out"):
        build_trial(tmp_path, seed=1, years=(2021, 2023))
    with pytest.raises(ConfigurationError, match="Leave no year out"):
        build_trial(tmp_path, seed=1, years=())


def test_a_trial_is_loaded_as_it_was_described(broken: Trial) -> None:
    """It says of itself that it is simulated, so that no figure of it is taken for one of a library."""
    loaded = config.load(broken.config)
    assert loaded.library.is_simulated
    assert loaded.config_hash == broken.configuration.config_hash
    assert {s.adapter for s in loaded.sources} == {"interval_csv", "gate_readings"}
