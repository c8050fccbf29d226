"""Faults of counters and deliveries: each does what it says and only that, and none touches what happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ingest import config, pipeline
from ingest.errors import ConfigurationError
from ingest.home import Home
from sandbox import faults, faulty_files, trial, vendors
from sandbox.faults import KINDS, FaultPlan, House
from sandbox.tellings import Telling, moment_of, utc64
from sandbox.vendors import VendorFile
from sandbox.world import CLOCK, World

SEED = 11
TRIAL_CLOCK = datetime(2023, 4, 1, 4, tzinfo=UTC)
STAMPS_MOVE = {"wrong_zone", "dst"}
LINE_KINDS = tuple(k for k in KINDS if k not in ("replaced_sensor", "moved", "late", "reordered", "duplicate"))


@pytest.fixture(scope="module")
def small() -> World:
    """One year of the trial's library: every adapter that a trial has, quick to tell."""
    return trial.people_of(Path("/nowhere"), SEED, (2022,), moves=False)[0]


@pytest.fixture(scope="module")
def everything(small: World) -> FaultPlan:
    """All faults at once."""
    return faults.plan(small, SEED, clock=TRIAL_CLOCK)


def only(world: World, *kinds: str, share: float = 0.05, seed: int = SEED) -> FaultPlan:
    """A plan with some kinds of faults."""
    return faults.plan(world, seed, share_missing=share, kinds=kinds, clock=TRIAL_CLOCK)


def by_line(plan: FaultPlan) -> dict[str, Telling]:
    """What is told, under the line's first name."""
    return {t.line.line_id: t for t in plan.tell()}


def steps_of(telling: Telling) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """People by row; of a register its steps, whatever it stood at."""
    if not telling.is_register:
        return telling.ins, telling.outs
    modulus = telling.line.register_modulus
    assert modulus is not None
    return tuple(np.diff(side) % modulus for side in (telling.ins, telling.outs))  # type: ignore[return-value]


def test_a_plan_without_kinds_writes_the_vendors_own_bytes(world: World) -> None:
    """The faulty library and the sound one must differ by their faults alone."""
    told = {(f.source_id, f.name): f for f in faulty_files.files(faults.plan(world, SEED, kinds=()))}
    sound = {(f.source_id, f.name): f for f in vendors.files(world.configuration, world.doors, world.days)}
    assert told == sound
    assert len(sound) > 900


def test_the_same_seed_gives_the_same_files_and_another_seed_others(small: World, everything: FaultPlan) -> None:
    """A benchmark that nobody can repeat proves nothing."""
    files = faulty_files.files(everything)
    again = faults.plan(small, SEED, clock=TRIAL_CLOCK)
    assert faulty_files.files(again) == files
    assert again.records.equals(everything.records)
    assert faulty_files.files(faults.plan(small, SEED + 1, clock=TRIAL_CLOCK)) != files


def test_every_kind_is_drawn_and_recorded(everything: FaultPlan) -> None:
    """A kind that never strikes would be tested by nobody; a fault without a record could not be asked about."""
    records = everything.records
    assert set(records["kind"]) == set(KINDS) - {"moved"}
    assert list(records.columns) == list(faults.RECORD)
    assert (records["start_at"] < records["end_at"]).all()
    lines = {line.line_id for line in everything.configuration.library.lines}
    assert set(records["line_id"]) <= lines
    assert records["people_affected"].ge(0).all()


def test_leaving_a_kind_out_moves_no_other(small: World, everything: FaultPlan) -> None:
    """Whoever measures one kind alone must meet the same faults of it as in the whole."""
    alone = only(small, "spike", "wrong_zone").line_faults
    assert alone
    assert all(fault in everything.line_faults for fault in alone)


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_outside_its_lines_and_stretches_a_fault_changes_nothing(small: World, kind: str) -> None:
    """The record is the whole truth: what it does not name must be as told by a faultless counter."""
    plan = only(small, kind)
    assert plan.line_faults, kind
    touched = 0
    for line_id, told in by_line(plan).items():
        truth = plan.house.truth(line_id)
        stretches = [(f.start_at, f.end_at) for f in plan.line_faults if f.line_id == line_id]
        kept = [_outside(series, stretches) for series in (truth, told)]
        if truth.is_register:
            kept = [_steps(series, stretches) for series in (truth, told)]
        for name in ("start_at", "stamp_at", "ins", "outs"):
            assert np.array_equal(getattr(kept[0], name), getattr(kept[1], name)), (kind, line_id, name)
        touched += bool(stretches)
    assert touched == len({f.line_id for f in plan.line_faults})


def _outside(series: Telling, stretches: list[tuple[datetime, datetime]]) -> Telling:
    is_out = np.ones(series.start_at.size, dtype=np.bool_)
    for start_at, end_at in stretches:
        is_out[series.between(start_at, end_at)] = False
    return series.rows(is_out)


def _steps(series: Telling, stretches: list[tuple[datetime, datetime]]) -> Telling:
    """A register's steps between readings that both lie outside the stretches and are neighbours in time."""
    ins, outs = steps_of(series)
    stepped = replace(series.rows(slice(1, None)), ins=ins, outs=outs)
    is_next = np.diff(series.start_at) == np.timedelta64(series.minutes, "m")
    return _outside(stepped.rows(is_next), [(a, b + timedelta(minutes=series.minutes)) for a, b in stretches])


def test_faults_never_touch_what_happened(small: World, everything: FaultPlan) -> None:
    """The truth is people; a counter that fails loses none of them."""
    fresh = trial.people_of(Path("/nowhere"), SEED, (2022,), moves=False)[0]
    everything.tell()
    faulty_files.files(everything)
    for door, before in zip(small.doors, fresh.doors, strict=True):
        assert door.line == before.line
        assert np.array_equal(door.ins, before.ins)
        assert np.array_equal(door.outs, before.outs)


@pytest.mark.parametrize(("share", "seed"), [(0.0, 1), (0.02, 2), (0.05, 3), (0.2, 4)])
def test_the_share_of_lost_open_intervals_is_the_parameter(small: World, share: float, seed: int) -> None:
    """A benchmark at 5 % must be at 5 %, whatever blocks were drawn."""
    plan = only(small, "outage", share=share, seed=seed)
    lost = total = 0
    for line_id, told in by_line(plan).items():
        if told.line.role == "perimeter":
            is_open = plan.house.is_open(line_id)
            is_told = np.isin(plan.house.truth(line_id).start_at, told.start_at)
            total += int(is_open.sum())
            lost += int((is_open & ~is_told).sum())
    assert lost / total == pytest.approx(share, abs=2e-4)
    assert bool(plan.line_faults) == (share > 0)


def test_outages_last_from_minutes_to_weeks_and_some_take_a_whole_branch(world: World) -> None:
    """Most are short and most of the loss is long, as of real devices; sister doors fail together with their switch."""
    plan = faults.plan(world, SEED, share_missing=0.1, kinds=("outage",))
    blocks = {(f.start_at, f.end_at): f for f in plan.line_faults if isinstance(f, faults.Outage)}
    lengths = np.array([(end - start) / timedelta(hours=1) for start, end in blocks])
    assert lengths.min() < 2
    assert lengths.max() > 7 * 24
    assert np.median(lengths) < 24
    assert np.sort(lengths)[-len(lengths) // 10 :].sum() > 0.5 * lengths.sum()
    together: dict[tuple[datetime, datetime], set[str]] = defaultdict(set)
    for fault in plan.line_faults:
        together[fault.start_at, fault.end_at].add(fault.line_id)
    assert {"alesund_hovudinngang", "alesund_radhuset"} in together.values()
    assert {f.detail for f in plan.line_faults} == {"line", "branch"}


def stretches_of(plan: FaultPlan) -> Iterator[tuple[Any, Telling, Telling]]:
    """Each fault with the true and the told rows of its stretch."""
    told = by_line(plan)
    for fault in plan.line_faults:
        truth = plan.house.truth(fault.line_id)
        series = told[fault.line_id]
        yield (
            fault,
            truth.rows(truth.between(fault.start_at, fault.end_at)),
            series.rows(series.between(fault.start_at, fault.end_at)),
        )


def test_a_dead_sensor_tells_zeros_and_an_outage_tells_nothing(small: World) -> None:
    """Zero and silence are two different lies, and must reach the pipeline as two different things."""
    for _fault, truth, told in stretches_of(only(small, "dead_zero")):
        assert told.start_at.size == truth.start_at.size > 0
        assert not told.ins.any()
        assert not told.outs.any()
    for _fault, truth, told in stretches_of(only(small, "outage")):
        assert truth.start_at.size > 0 == told.start_at.size


def test_a_swapped_counter_tells_in_as_out(small: World) -> None:
    """The sum of both stays; only a morning that empties the house gives it away."""
    changed = 0
    for _fault, truth, told in stretches_of(only(small, "swapped")):
        assert np.array_equal(told.ins, truth.outs)
        assert np.array_equal(told.outs, truth.ins)
        changed += int((told.ins != truth.ins).sum())
    assert changed


def test_a_spike_is_one_open_interval_of_twenty_to_sixty_times_the_usual(small: World) -> None:
    """Large enough that a year's figure suffers, and short enough to pass for a busy hour."""
    plan = only(small, "spike")
    for fault, truth, told in stretches_of(plan):
        assert isinstance(fault, faults.Spike)
        usual = plan.house.truth(fault.line_id).ins[plan.house.is_open(fault.line_id)].mean()
        assert told.ins.size == truth.ins.size == 1
        assert 19 * max(1, usual) < told.ins[0] < 61 * max(1, usual)


def mean_minute(series: Telling) -> float:
    """When people came, on average, in minutes from the first row's start."""
    minutes = (series.start_at - series.start_at[0]) / np.timedelta64(1, "m")
    return float((series.ins * minutes).sum() / series.ins.sum())


@pytest.mark.parametrize("pace", [1.0, -1.0])
def test_a_drifting_clock_loses_nobody_and_drifts_further_until_it_is_set_right(small: World, pace: float) -> None:
    """People move to the neighbouring interval, not away: a day's figure must be able to survive it."""
    start_at = datetime(2022, 9, 4, 22, tzinfo=UTC)
    fault = faults.ClockDrift("torget", start_at, start_at + timedelta(days=28), pace, 45, 1)
    house = House(small)
    truth = house.truth("torget")
    told = fault.apply(truth, house)
    assert (told.ins.sum(), told.outs.sum()) == (truth.ins.sum(), truth.outs.sum())
    off = []
    for week in range(5):
        part = truth.between(start_at + timedelta(days=7 * week), start_at + timedelta(days=7 * week + 7))
        assert told.ins[part].sum() == truth.ins[part].sum()
        off.append(mean_minute(told.rows(part)) - mean_minute(truth.rows(part)))
    assert off == pytest.approx([3 * pace, 10 * pace, 17 * pace, 24 * pace, 0], abs=2)


def test_drawn_drifts_keep_everybody(small: World) -> None:
    """Also those who would be pushed over the end of the stretch."""
    for seed in range(3):
        for _fault, truth, told in stretches_of(only(small, "clock_drift", seed=seed)):
            assert (told.ins.sum(), told.outs.sum()) == (truth.ins.sum(), truth.outs.sum())


def test_a_clock_in_the_wrong_zone_is_hours_off_and_counts_right(small: World) -> None:
    """Only the labels are wrong; the people are all there, outside opening hours."""
    seen = set()
    for seed in range(6):
        for fault, truth, told in stretches_of(only(small, "wrong_zone", seed=seed)):
            assert isinstance(fault, faults.WrongZone)
            assert np.array_equal(told.ins, truth.ins)
            off = set(((told.stamp_at - truth.stamp_at) / np.timedelta64(1, "h")).tolist())
            assert off == {fault.hours} if fault.hours is not None else off in ({-1.0}, {-2.0})
            seen.add(fault.hours)
    assert None in seen


def test_an_internal_line_that_is_doubled_shows_everybody_who_came_in(small: World) -> None:
    """Whoever adds it publishes the main library twice."""
    for _fault, _truth, told in stretches_of(only(small, "internal_doubled")):
        house = House(small)
        doors = [house.truth(n) for n in ("hovud_hovudinngang", "hovud_sideinngang")]
        where = np.isin(doors[0].start_at, told.start_at)
        assert told.ins.sum() == sum(int(d.ins[where].sum()) for d in doors) > 1000


def test_a_register_that_is_reset_loses_one_interval_and_one_that_rolls_over_loses_nobody(small: World) -> None:
    """The two look alike (a fall) and must be told apart by how high the register stood."""
    rolled, reset = only(small, "register_rollover"), only(small, "register_reset")
    truth = rolled.house.truth("fjell")
    modulus = truth.line.register_modulus
    assert modulus == 65_536
    told = by_line(rolled)["fjell"]
    assert all(np.array_equal(a, b) for a, b in zip(steps_of(told), steps_of(truth), strict=True))
    falls = np.flatnonzero(np.diff(told.ins) < 0)
    assert [moment_of(told.start_at[n + 1]) for n in falls] == [f.start_at for f in rolled.line_faults]
    assert told.ins[falls[0]] > 0.9 * modulus
    told = by_line(reset)["fjell"]
    lost = int((steps_of(truth)[0].sum()) - np.clip(np.diff(told.ins), 0, None).sum())
    assert lost == sum(reset.records["people_affected"]) > 0


def test_files_of_clock_changes_are_those_of_careless_programs(small: World, read: Any) -> None:
    """A padded hour is a false zero, and two hours in one row are one hour too many: both are in real files."""
    plan = only(small, "dst")
    careless = {plan.house.doors[f.line_id].line.source_id for f in plan.line_faults}
    padded, folds = set(), {}
    for file in faulty_files.files(plan):
        rows, rejects = read(plan.configuration.source(file.source_id), file.body, file.name)
        assert {r.reason for r in rejects} <= {"dst_padding"}
        padded |= {file.source_id for _ in rejects}
        if "2022-10" in file.name:
            folds.setdefault(file.source_id, set()).update(rows["fold"])
    assert padded == careless
    for source_id, seen in folds.items():
        assert ("ambiguous" in seen) == (source_id in careless)
        assert ("second" in seen) == (source_id not in careless)


def observed(plan: FaultPlan, files: list[VendorFile], read: Any) -> pd.DataFrame:
    """What the production adapters read from files, of each observation the telling that came last."""
    frames = []
    for file in files:
        rows, rejects = read(plan.configuration.source(file.source_id), file.body, file.name)
        assert {r.reason for r in rejects} <= {"dst_padding"}, (file.name, rejects[:3])
        frames.append(rows.assign(source_id=file.source_id))
    found = pd.concat(frames, ignore_index=True)
    return found.drop_duplicates("observation_id", keep="last").sort_values("observation_id", ignore_index=True)


COLUMNS = ["observation_id", "in_count", "out_count", "undirected_count", "total_in_count", "total_out_count"]


def test_all_faulty_files_are_readable_and_lines_stand_under_their_keys(everything: FaultPlan, read: Any) -> None:
    """A fault must reach the warehouse as a fault; a file that nobody can read is another kind of trouble."""
    rows = observed(everything, faulty_files.files(everything), read)
    found = set(rows[["source_id", "device_key", "line_key"]].itertuples(index=False, name=None))
    lines = everything.configuration.library.lines
    assert found == {(line.source_id, line.device_key, line.line_key) for line in lines}
    told = {t.line.line_id: t for t in everything.tell() if not t.is_register}
    for line in lines:
        if line.line_id in told and line.rule == "mean_in_out":
            seen = rows[(rows.source_id == line.source_id) & (rows.device_key == line.device_key)]
            assert seen["in_count"].sum() == told[line.line_id].ins.sum(), line.line_id


@pytest.fixture(scope="module")
def sound(small: World, read: Any) -> tuple[list[VendorFile], pd.DataFrame]:
    """The files of a world without faults, and what they tell: the same beside every kind of delivery."""
    plan = only(small)
    files = faulty_files.files(plan)
    return files, observed(plan, files, read)[COLUMNS]


@pytest.mark.parametrize("kind", ["late", "reordered", "duplicate"])
def test_faults_of_deliveries_change_no_number(
    small: World, read: Any, sound: tuple[list[VendorFile], pd.DataFrame], kind: str
) -> None:
    """Redelivery, reordering and lateness must be visible in the receipts and nowhere else."""
    struck, (before, true) = only(small, kind), sound
    files = faulty_files.files(struck)
    assert [(f.name, f.body, f.written_at) for f in files] != [(f.name, f.body, f.written_at) for f in before]
    assert max(f.written_at for f in files) <= TRIAL_CLOCK
    assert all(f.written_at >= g.written_at for f in files for g in before if (f.name, f.body) == (g.name, g.body))
    pd.testing.assert_frame_equal(observed(struck, files, read)[COLUMNS], true)
    assert set(struck.records["kind"]) == {kind}


def test_every_way_to_deliver_twice_is_met_over_some_seeds(small: World) -> None:
    """Copies, the same file again, a part before the whole, overlapping months and repeated rows: all are seen."""
    ways = {d.split(" ")[0] for seed in range(8) for d in only(small, "duplicate", seed=seed).records["detail"]}
    assert ways == {"copy", "again", "part", "overlap", "rows"}


def test_a_replaced_sensor_is_described_and_tells_under_its_own_key(small: World) -> None:
    """The library knows when it hung up a new device; its figures must not."""
    plan = only(small, "replaced_sensor")
    (sensor,) = plan.replaced
    lines = {line.line_id: line for line in plan.configuration.library.lines}
    old, new = lines[sensor.line_id], lines[sensor.successor.line_id]
    assert old.valid_to == new.valid_from == sensor.on
    assert old.device_key != new.device_key
    told = by_line(plan)
    truth = plan.house.truth(sensor.line_id)
    parts = (told[old.line_id], told[new.line_id])
    assert np.array_equal(np.concatenate([t.ins for t in parts]), truth.ins)
    assert parts[0].start_at[-1] < parts[1].start_at[0]


def test_a_description_that_was_written_loads_to_the_same_tables(everything: FaultPlan, tmp_path: Path) -> None:
    """The pipeline reads the folder; a line lost in writing would be a door that nobody counts."""
    faulty_files.write_description(everything.configuration, tmp_path)
    assert config.load(tmp_path).config_hash == everything.configuration.config_hash


def test_deliveries_are_landed_at_their_times_and_a_sweep_finds_nothing_new(
    everything: FaultPlan, tmp_path: Path
) -> None:
    """History must look as if sweeps had taken it day by day, and the next run must not take it again as of today."""
    home, files = Home(tmp_path), faulty_files.files(everything)
    assert faulty_files.deliver(home, everything.configuration, files, TRIAL_CLOCK) == len(files)
    receipts = home.catalogue.receipts()
    assert [(r.source_id, r.origin, r.received_at) for r in receipts] == [
        (f.source_id, f.name, f.written_at.astimezone(UTC)) for f in files
    ]
    faulty_files.deliver(home, everything.configuration, files, TRIAL_CLOCK)
    for source in everything.configuration.enabled("doors"):
        outcome = pipeline.sweep(home, everything.configuration, source, TRIAL_CLOCK)
        assert (outcome.receipts, outcome.failures) == (0, [])
    assert len(home.catalogue.receipts()) == len(receipts)


def test_a_home_with_another_delivery_is_refused(everything: FaultPlan, small: World, tmp_path: Path) -> None:
    """A sound file left behind would fill in what the faulty delivery lost."""
    home = Home(tmp_path)
    faulty_files.deliver(home, small.configuration, faulty_files.files(only(small)), TRIAL_CLOCK)
    with pytest.raises(ConfigurationError, match="home of its own"):
        faulty_files.deliver(home, everything.configuration, faulty_files.files(everything), TRIAL_CLOCK)


def test_wrong_kinds_and_shares_are_refused_with_the_next_action(small: World) -> None:
    """A misspelled kind that draws nothing would make a benchmark look good."""
    with pytest.raises(ConfigurationError, match="Use some of: outage"):
        only(small, "outages")
    with pytest.raises(ConfigurationError, match="from 0 up to 1"):
        only(small, "outage", share=5)


def test_the_simulated_library_can_have_faults_too(world: World, read: Any) -> None:
    """Cameras that send XML fail like others; their files are read by their own adapter."""
    plan = faults.plan(world, SEED, kinds=("outage", "spike", "duplicate", "replaced_sensor"), share_missing=0.1)
    xml = [f for f in faulty_files.files(plan) if f.source_id == "door_brickstream_moa"]
    sound = [f for f in vendors.files(world.configuration, world.doors, world.days) if f.name.endswith(".xml")]
    assert 0 < len({f.name for f in xml if not f.name.startswith("Kopi")}) <= len(sound)
    assert all(f.written_at <= CLOCK for f in xml)
    bodies = {f.name: f.body for f in sound}
    changed = [f for f in xml if f.body != bodies.get(f.name.removeprefix("Kopi av "))]
    assert changed
    told = by_line(plan)["moa_inngang"]
    for file in changed[:20]:
        rows, rejects = read(world.configuration.source(file.source_id), file.body, file.name)
        starts = rows["interval_start_at"].to_numpy(dtype="datetime64[s]")
        where = np.isin(told.start_at, starts)
        assert rejects == []
        assert rows["in_count"].sum() == told.ins[where].sum()
        assert utc64(CLOCK) > starts.max()
