"""A small simulated library with failing counters, held against its truth: what the benchmark measures, always run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from dbt_here import run_dbt

from benchmarks import visits_truth
from ingest.home import Home
from sandbox.trial import Trial, build_trial

KINDS = ("outage", "spike", "dead_zero", "register_reset", "late")


@dataclass(frozen=True)
class Measured:
    """A trial, what was published at its clock twice over, and on the eve of its latest file."""

    trial: Trial
    late: pd.Series
    early: Path
    first: Path
    second: Path

    def query(self, which: Path, sql: str) -> pd.DataFrame:
        """Read one of the kept warehouses."""
        with duckdb.connect(str(which), read_only=True) as con:
            return con.execute(sql).df()


@pytest.fixture(scope="module", autouse=True)
def _models_are_run_here(project: Path) -> Iterator[None]:
    """The benchmark starts dbt anew each time, which parses the project again for longer than it builds."""

    def run_models(
        home: Home, as_of: datetime, target: Path, select: Sequence[str] = ("+int_figures__visits",)
    ) -> None:
        home.warehouse.parent.mkdir(parents=True, exist_ok=True)
        done = run_dbt(project, home.root, "run", "--select", *select, as_of=f"{as_of:%Y-%m-%d %H:%M:%S}")
        assert done.returncode == 0, done.stdout[-3000:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visits_truth, "run_models", run_models)
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, _models_are_run_here: None) -> Measured:
    """A year of eleven branches, three per cent of it lost, files late among it."""
    folder = tmp_path_factory.mktemp("truth")
    trial = build_trial(folder / "trial", seed=4, years=(2022,), share_missing=0.03, kinds=KINDS)
    home = Home(trial.home)
    visits_truth.read_landed(home, trial.configuration)
    monthly = trial.faults[(trial.faults.kind == "late") & (trial.faults.branch_id == "vik")]
    late = monthly.sort_values("people_affected").iloc[-1]
    receipt = next(r for r in home.catalogue.receipts() if (r.source_id, r.origin) == (late.source_id, late.file_name))
    kept = {}
    for name, as_of in (
        ("early", receipt.received_at - timedelta(minutes=1)),
        ("first", trial.clock),
        ("second", trial.clock),
    ):
        home.warehouse.unlink(missing_ok=True)
        visits_truth.run_models(home, as_of, folder / "target")
        kept[name] = folder / f"{name}.duckdb"
        home.warehouse.replace(kept[name])
    return Measured(trial, late, **kept)


def test_years_of_most_branches_lie_inside_their_intervals(measured: Measured) -> None:
    """An interval that promises 95 % and holds half is worse than none."""
    truth = measured.trial.truth
    years = truth[(truth.period_kind == "year") & truth.branch_id.notna()].set_index("branch_id").visits
    told = measured.query(
        measured.first,
        "select branch_id, value, value_low, value_high from intermediate.int_figures__visits "
        "where figure_id = 'visits' and period_kind = 'year' and branch_id is not null",
    ).set_index("branch_id")
    assert len(told) == len(years) == 11
    told = told.reindex(years.index)
    assert told.value.notna().sum() >= 10
    holds = (told.value_low <= years) & (years <= told.value_high)
    assert holds.sum() >= 8, told.assign(truth=years)
    assert ((told.value - years).abs() / years).median() < 0.02


def test_closed_time_is_never_estimated(measured: Measured) -> None:
    """Nobody came while it was closed; an estimate there would be people out of nothing."""
    days = measured.query(
        measured.first,
        """
        select estimates.line_id, estimates.span_start_on, sum(estimates.missing_minutes) as missing_minutes,
            coalesce(any_value(open_days.open_minutes), 0) as open_minutes
        from intermediate.int_visits__estimates as estimates
        left join intermediate.int_library__open_days as open_days
            on estimates.branch_id = open_days.branch_id and estimates.span_start_on = open_days.local_date
        group by estimates.line_id, estimates.span_start_on
        """,
    )
    assert len(days) > 50
    assert (days.missing_minutes <= days.open_minutes + 0.001).all()


def test_a_late_file_replaces_the_estimates_of_its_days(measured: Measured) -> None:
    """What was estimated for want of a file is counted once the file is here, and nobody has to ask for it."""
    line_id, start_at = measured.late.line_id, measured.late.start_at
    where = f"line_id = '{line_id}' and cell_start_at >= '{start_at:%Y-%m-%d %H:%M:%S}'"
    where += f" and cell_start_at < '{measured.late.end_at:%Y-%m-%d %H:%M:%S}'"
    sql = f"select count(*) as cells from intermediate.int_visits__estimates where {where}"
    before, after = (int(measured.query(which, sql).cells[0]) for which in (measured.early, measured.first))
    assert before > 30
    assert after < before / 2, "only what was lost in blocks may still be estimated"
    month = f"{start_at + timedelta(days=5):%Y-%m-01}"
    sql = (
        "select value, method from intermediate.int_figures__visits where figure_id = 'visits' "
        f"and branch_id = '{measured.late.branch_id}' and period_kind = 'month' and period_start = '{month}'"
    )
    assert pd.isna(measured.query(measured.early, sql).value[0]), "a month of estimates alone is no total"
    truth = measured.trial.truth
    true = truth[
        (truth.branch_id == measured.late.branch_id)
        & (truth.period_kind == "month")
        & (truth.period_start == date.fromisoformat(month))
    ].visits.iloc[0]
    assert measured.query(measured.first, sql).value[0] == pytest.approx(true, rel=0.1)


def test_the_same_counts_give_the_same_figures_to_the_last_bit(measured: Measured) -> None:
    """An audit reproduces a figure or does not; nearly is not enough."""

    def digest(which: Path) -> dict[str, str]:
        found = {}
        for table in ("int_visits__estimates", "int_visits__uncertainty", "int_figures__visits"):
            rows = measured.query(which, f"select * from intermediate.{table} order by all")
            found[table] = hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()
        return found

    assert digest(measured.first) == digest(measured.second)


@pytest.mark.timeout(600)
def test_a_real_sensor_that_told_zeros_for_years_is_dead_since_the_day_it_died(real: Path, tmp_path: Path) -> None:
    """107 Quay Street told nothing but zeros from 1 April 2019; the publisher's reports of missing data don't see it.

    The lockdown of 2020 emptied the same streets, and made real zeros and small numbers everywhere.
    """
    sensors = ("107 Quay Street", "210 Queen Street", "261 Queen Street", "297 Queen Street", "30 Queen Street")
    dead = visits_truth.dead_stretches(tmp_path, real, sensors, date(2019, 1, 1), date(2020, 7, 1))
    quay = dead[dead.sensor == "107 Quay Street"]
    assert [str(day)[:10] for day in quay.first_on] == ["2019-04-01"]
    assert [str(day)[:10] for day in quay.last_on] == ["2020-06-30"]
    others = dead[dead.sensor != "107 Quay Street"]
    assert not others.sensor.isin(["210 Queen Street", "30 Queen Street"]).any(), "quiet streets are no dead sensors"
    # 297 Queen Street told 455 zeros in a row while its neighbours in the same street counted ten thousand a week.
    lockdown = others[others.sensor == "297 Queen Street"]
    assert [str(day)[:10] for day in lockdown.first_on] == ["2020-04-10"]
