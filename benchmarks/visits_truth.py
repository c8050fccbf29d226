"""How right visits stay when counters fail, and whether their intervals hold what they promise.

Two tables. The first holds a simulated library, in which every visit is known and counters fail in many ways, against
its truth. The second withholds blocks of counts that real systems told (hours of Auckland's street counters, months of
Newcastle's libraries) and holds the estimates against what was withheld. Beside ours stand four rules that others use,
written from their public description (`Rivals`), on the same told data.

Nothing is tuned on what is measured here: the models were developed on the seeds below `FIRST_SEED`, and on no masked
part of a real file. How to read the tables: docs/benchmarks.md.

    python -m benchmarks.visits_truth --seeds 4
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import yaml

from ingest import config, pipeline
from ingest.config import Configuration
from ingest.home import Home
from ingest.library_tables import write_library_tables
from sandbox.trial import build_trial

PROJECT = Path(__file__).resolve().parent.parent
# Models are developed on seeds below this one, so that these are new to them.
FIRST_SEED, SEEDS = 221, 20
SHARE_MISSING = 0.05
OURS = "levende tall"
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)

# Auckland: eight sensors that told each hour of two years, and what else their file needs to be read.
AUCKLAND_ZONE = "Pacific/Auckland"
AUCKLAND_YEARS = (2023, 2024)
AUCKLAND_SENSORS = (
    "183 K Road", "210 Queen Street", "261 Queen Street", "297 Queen Street", "30 Queen Street", "45 Queen Street",
    "61 Federal Street", "Te Ara Tahuhu Walkway",
)  # fmt: skip
# Where zeros are judged: the sensor that was dead for three years, others with long zeros, and sound ones.
DEAD_AMONG = ("107 Quay Street", "1 Courthouse Lane", "19 Shortland Street", "205 Queen Street", *AUCKLAND_SENSORS[:4])
AUCKLAND_DRAWS, NEWCASTLE_DRAWS = 3, 8
# Newcastle: branches that told every month from here on can be masked (before it the libraries were opening again).
NEWCASTLE_SINCE, NEWCASTLE_YEARS = "2021-09", (2022, 2023)

COLUMNS = ["method", "area_id", "branch_id", "period_kind", "period_start", "value", "value_low", "value_high"]


# -- running the pipeline -------------------------------------------------------------------------------------------


def run_models(home: Home, as_of: datetime, target: Path, select: Sequence[str] = ("+int_figures__visits",)) -> None:
    """Build the models that visits need, in a process of their own.

    Args:
        target: where dbt keeps what it parsed; shared between runs on the same home.

    Raises:
        SystemExit: dbt failed; its last words are told.
    """
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    project = str(PROJECT / "dbt_project")
    variables = f'{{as_of: "{as_of:%Y-%m-%d %H:%M:%S}", data_version: benchmark}}'
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "run", "--select", *select, "--vars", variables,
            "--project-dir", project, "--profiles-dir", project, "--target-path", str(target),
            "--log-path", str(target),
        ],
        env={**os.environ, "LEVENDE_LAKE": str(home.lake), "LEVENDE_WAREHOUSE": str(home.warehouse)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        raise SystemExit(f"dbt failed:\n{result.stdout[-3000:]}")


def read_landed(home: Home, configuration: Configuration) -> None:
    """Bring what was landed into the lake, as a run does before dbt."""
    pipeline.read_pending(home, configuration, "doors")
    pipeline.write_receipts(home, configuration)
    write_library_tables(home.lake, configuration)


def published(home: Home) -> pd.DataFrame:
    """Visits as they would be published, with the columns of `COLUMNS`."""
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        told = con.execute(
            """
            select area_id, branch_id, period_kind, period_start, value, value_low, value_high
            from intermediate.int_figures__visits
            where figure_id = 'visits' and period_kind in ('month', 'year')
            """
        ).df()
    return told.assign(method=OURS, period_start=pd.to_datetime(told.period_start))[COLUMNS]


def told_days(home: Home) -> pd.DataFrame:
    """What counters told of each branch and day, before any rule of ours: for the rules of others.

    A reading that spans more than an hour stands on the day it was made, as a sheet of readings has it.

    Returns:
        branch_id, date, visits (missing where nothing was told), is_open.
    """
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        days = con.execute(
            """
            with told as (
                select
                    branch_id,
                    last_on as local_date,
                    sum(case rule
                        when 'mean_in_out' then (in_count + out_count) / 2
                        when 'breaks_halved' then undirected_count / 2
                        else in_count
                    end) as visits
                from intermediate.int_doors__mapped_observations
                where is_counted and role = 'perimeter'
                group by branch_id, last_on
            )
            select
                open_days.branch_id,
                open_days.local_date as date,
                told.visits,
                coalesce(open_days.open_minutes, open_days.day_minutes) > 0 as is_open
            from intermediate.int_library__open_days as open_days
            left join told on open_days.branch_id = told.branch_id and open_days.local_date = told.local_date
            """
        ).df()
    days["date"] = pd.to_datetime(days["date"])
    return days.sort_values(["branch_id", "date"], ignore_index=True)


# -- what others do -------------------------------------------------------------------------------------------------


class Rivals:
    """Four rules that others use, from their public descriptions; none of their code.

    Each returns branch and start of a period (a day, or a month) with a value, missing where the rule gives none.
    """

    @staticmethod
    def sum_of_what_is_there(told: pd.DataFrame) -> pd.Series:
        """Add up what was told; what was not told adds nothing."""
        return told.visits.fillna(0.0)

    @staticmethod
    def edmonton(days: pd.DataFrame) -> pd.Series:
        """Mean of the same weekday in the previous four weeks, by the position of rows, written over the day.

        A sheet has a row for each day that was open or told. An open day without people, or without a number, gets
        the mean of the rows 7, 14, 21 and 28 above it, truncated; not above zero, it is refused. What was written
        over feeds later means, and so do the zeros of holidays.
        """
        made = days.visits.copy()
        for _branch, rows in days[days.is_open | days.visits.notna()].groupby("branch_id", sort=False):
            sheet = rows.visits.fillna(0.0).to_numpy().copy()
            is_open = rows.is_open.to_numpy()
            for place in range(28, len(sheet)):
                if is_open[place] and sheet[place] <= 0:
                    sheet[place] = max(0, int(np.mean([sheet[place - 7 * week] for week in (1, 2, 3, 4)])))
            made.loc[rows.index] = sheet
        return made.fillna(0.0)

    @staticmethod
    def missing_stays_missing(told: pd.DataFrame) -> pd.Series:
        """New York's rule where the vendor imputes nothing: an open day of which nothing was told is missing.

        A day with any data counts as it is, a closed one as zero. Nothing is estimated, so a total with a missing day
        is none. (Vendor-imputed values, which that rule keeps, are told by none of these sources.)
        """
        return told.visits.where(told.visits.notna() | told.is_open, 0.0)

    @staticmethod
    def last_year_times_growth(months: pd.DataFrame) -> pd.Series:
        """A month with a missing day is the same month of last year, times how all whole branches grew since.

        (A usual imputation of annual library statistics: prior year times the growth of the cell.)

        Args:
            months: branch_id, date (first of the month), visits; missing where a day is.
        """
        wide = months.pivot(index="date", columns="branch_id", values="visits")
        before = wide.shift(freq=pd.DateOffset(years=1)).reindex(wide.index)
        both = wide.notna() & before.notna()
        growth = wide.where(both).sum(axis=1) / before.where(both).sum(axis=1).replace(0, np.nan)
        filled = wide.fillna(before.mul(growth, axis=0))
        return pd.Series(
            [filled.at[when, branch] for when, branch in zip(months.date, months.branch_id, strict=True)], months.index
        )


def totals(method: str, told: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Months and years of branches and of all together; a total with a missing part is missing."""
    parts = told.assign(value=values)
    made = []
    for kind, rule in (("month", "MS"), ("year", "YS")):
        of_kind = parts.assign(period_start=parts.date.dt.to_period(rule[0]).dt.start_time)
        for keys in (["branch_id", "period_start"], ["period_start"]):
            sums = of_kind.groupby(keys).value.agg(lambda v: v.sum(skipna=False)).reset_index()
            made.append(sums.assign(period_kind=kind, branch_id=sums.get("branch_id")))
    return pd.concat(made).assign(method=method, value_low=np.nan, value_high=np.nan)


def rivals_of_days(days: pd.DataFrame) -> pd.DataFrame:
    """What each rule of others makes of told days."""
    kept = Rivals.missing_stays_missing(days)
    months = (
        days.assign(date=days.date.dt.to_period("M").dt.start_time, visits=kept)
        .groupby(["branch_id", "date"])
        .visits.agg(lambda v: v.sum(skipna=False))
        .reset_index()
    )
    return pd.concat(
        [
            totals("sum of what is there", days, Rivals.sum_of_what_is_there(days)),
            totals("Edmonton's rule", days, Rivals.edmonton(days)),
            totals("New York's rule", days, kept),
            totals("last year x growth", months, Rivals.last_year_times_growth(months)),
        ]
    )


# -- scores ---------------------------------------------------------------------------------------------------------


def score(told: pd.DataFrame, truth: pd.DataFrame, draw: int) -> pd.DataFrame:
    """Each true total beside what each method says of it.

    Args:
        truth: branch_id (missing for all together), period_kind, period_start, visits.
    """
    keys = ["scope", "period_kind", "period_start"]
    right = truth[truth.visits > 0].assign(scope=truth.branch_id.fillna("*"))[[*keys, "visits"]]
    left = told.assign(scope=told.branch_id.fillna("*"))
    merged = [
        right.merge(
            left[left.method == method][[*keys, "value", "value_low", "value_high"]], on=keys, how="left"
        ).assign(method=method)
        for method in left.method.unique()
    ]
    return pd.concat(merged).assign(draw=draw)


def summary(scores: pd.DataFrame) -> Iterator[str]:
    """The table: lines of text."""
    yield (
        "  total        method                   n   none   median |e|   p90 |e|   mean e   "
        "95 % interval holds   half-width"
    )
    for kind in ("year", "month"):
        for name in ("area", "branch"):
            chosen = scores[(scores.period_kind == kind) & ((scores.scope == "*") == (name == "area"))]
            for method, rows in chosen.groupby("method", sort=False):
                has = rows[rows.value.notna()]
                error = (has.value - has.visits) / has.visits
                line = f"  {f'{name}-{kind}':12} {method!s:21} {len(rows):5}  {1 - len(has) / len(rows):5.1%}"
                if len(has):
                    line += f"   {error.abs().median():10.2%}   {error.abs().quantile(0.9):7.2%}  {error.mean():+7.2%}"
                if len(has) and has.value_low.notna().any():
                    holds = (has.value_low - 1e-6 <= has.visits) & (has.visits <= has.value_high + 1e-6)
                    width = ((has.value_high - has.value_low) / 2 / has.value)[has.value_high > has.value_low]
                    line += f"   {holds.mean():19.1%}   {width.median():10.2%}"
                yield line


# -- the simulated library ------------------------------------------------------------------------------------------


def measure_seed(seed: int, folder: Path, share_missing: float = SHARE_MISSING) -> pd.DataFrame:
    """One simulated library: landed, read, estimated and held against its truth.

    Args:
        folder: emptied first; the same one for all seeds of a process, so that dbt parses once.
    """
    shutil.rmtree(folder / "trial", ignore_errors=True)
    trial = build_trial(folder / "trial", seed, share_missing=share_missing)
    home = Home(trial.home)
    read_landed(home, trial.configuration)
    run_models(home, trial.clock, folder / "target")
    truth = trial.truth.assign(period_start=pd.to_datetime(trial.truth.period_start))
    return score(pd.concat([published(home), rivals_of_days(told_days(home))]), truth, seed)


def _in_lane(task: tuple[int, Path]) -> pd.DataFrame:
    seed, root = task
    return measure_seed(seed, root / f"lane-{os.getpid()}")


def simulated(root: Path, seeds: Sequence[int], lanes: int) -> pd.DataFrame:
    """All seeds, some at a time."""
    started, made = time.monotonic(), []
    with ProcessPoolExecutor(max_workers=lanes) as pool:
        for scores in pool.map(_in_lane, [(seed, root) for seed in seeds]):
            made.append(scores)
            if sys.stderr.isatty():
                print(f"\r  {len(made)} of {len(seeds)} seeds", end="\r", file=sys.stderr, flush=True)
    print(
        f"visits: simulated library of 11 branches, two years, {SHARE_MISSING:.0%} of open intervals lost in blocks, "
        f"all other faults too; {len(seeds)} seeds from {seeds[0]}; "
        f"{time.monotonic() - started:.0f} s"
    )
    return pd.concat(made)


# -- real counts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Streets:
    """Hourly counts of Auckland's sensors, on the line of real time.

    Attributes:
        counts: one column per sensor, one row per hour, UTC; missing where the file has none.
    """

    counts: pd.DataFrame

    @classmethod
    def read(cls, path: Path) -> Streets:
        """The published file. Its dates are days from six in the morning, its stamps local; of hours told twice the
        last one holds, the hour that spring skips is left out, and of autumn's doubled hour only the first exists."""
        wide = pd.read_csv(path)
        hour = wide["hour"].str.extract(r"^(\d+):", expand=False).astype(float)
        local = pd.to_datetime(wide["date"]) + pd.to_timedelta(hour + np.where(hour < 6, 24, 0), unit="h")
        stamps = pd.DatetimeIndex(local).tz_localize(
            AUCKLAND_ZONE, ambiguous=np.ones(len(local), dtype=bool), nonexistent="NaT"
        )
        counts = wide.drop(columns=["date", "hour", "year"]).set_axis(stamps.tz_convert("UTC"), axis=0)
        counts = counts[counts.index.notna()]
        return cls(counts[~counts.index.duplicated(keep="last")].sort_index())

    def between(self, first: date, end: date, sensors: Sequence[str]) -> Streets:
        """Some sensors over whole local days, the end excluded."""
        edges = [pd.Timestamp(day, tz=AUCKLAND_ZONE) for day in (first, end)]
        rows = (self.counts.index >= edges[0]) & (self.counts.index < edges[1])
        return Streets(self.counts.loc[rows, list(sensors)])


def _street_id(sensor: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", sensor.casefold()).strip("_")


def land_streets(folder: Path, streets: Streets) -> tuple[Home, Configuration]:
    """A library whose branches are streets: one line each, open always, told in files of a month.

    Returns:
        Its home, with everything read into the lake, and its description.
    """
    described, home = folder / "config", Home(folder / "home")
    described.mkdir(parents=True)
    local = pd.DatetimeIndex(streets.counts.index).tz_convert(AUCKLAND_ZONE)
    first, end = local[0].date(), local[-1].date() + timedelta(days=1)
    since = {"valid_from": first}
    keys = {str(sensor): _street_id(str(sensor)) for sensor in streets.counts}
    library = {
        "library_id": "streets", "name": "Streets of Auckland", "zone": AUCKLAND_ZONE,
        "reporting": {"start_on": first, "end_on": end},
        "areas": [{"area_id": "auckland", "name": "Auckland", **since}],
        "branches": [
            {"branch_id": key, "name": sensor, **since, "areas": [{"area_id": "auckland", **since}]}
            for sensor, key in keys.items()
        ],
        "lines": [
            {"line_id": key, "branch_id": key, "source_id": "door_streets", "device_key": sensor.casefold(),
             "door": sensor, "rule": "entries", **since}
            for sensor, key in keys.items()
        ],
    }  # fmt: skip
    source = {
        "source_id": "door_streets", "family": "doors", "adapter": "interval_csv", "pattern": "*.csv",
        "description": "Hourly counts of street sensors.",
        "options": {
            "zone": "UTC",
            "columns": {"device": ["sensor"], "date": ["date"], "time": ["hour"], "in": ["count"]},
        },
    }  # fmt: skip
    _write_description(described, library, [source])
    configuration = config.load(described)
    long = (
        streets.counts.rename_axis("at")
        .reset_index()
        .melt(id_vars="at", var_name="sensor", value_name="count")
        .dropna()
    )
    long = long.assign(
        date=long["at"].dt.strftime("%Y-%m-%d"), hour=long["at"].dt.strftime("%H:00"), count=long["count"].astype(int)
    )
    drop = pipeline.drop_folder(home, configuration.source("door_streets"))
    drop.mkdir(parents=True)
    for month, rows in long.groupby(long["date"].str[:7]):
        path = drop / f"{month}.csv"
        rows.to_csv(path, sep=";", index=False, columns=["sensor", "date", "hour", "count"])
        os.utime(path, (0, 0))  # written long ago: a sweep leaves young files alone
    pipeline.sweep(home, configuration, configuration.source("door_streets"), datetime(2026, 1, 1, tzinfo=UTC))
    read_landed(home, configuration)
    return home, configuration


def _write_description(folder: Path, library: Mapping[str, object], sources: Sequence[Mapping[str, object]]) -> None:
    (folder / "library.yaml").write_text(yaml.safe_dump(dict(library)))
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": [dict(s) for s in sources]}))
    figures = yaml.safe_load((PROJECT / "config" / "figures.yaml").read_text(encoding="utf-8"))["figures"]
    (folder / "figures.yaml").write_text(yaml.safe_dump({"figures": [f for f in figures if f["domain"] == "visits"]}))


def withhold_hours(counts: pd.DataFrame, random: np.random.Generator, share: float = SHARE_MISSING) -> pd.DataFrame:
    """The counts with blocks of one hour to four weeks blanked until a share is gone; a quarter of the blocks at all
    sensors at once, for a network that fails. Lengths are equally common on a logarithmic scale."""
    left = counts.copy()
    while left.isna().to_numpy().mean() < share:
        hours = round(float(np.exp(random.uniform(np.log(1), np.log(28 * 24)))))
        first = int(random.integers(len(left)))
        is_everywhere = random.random() < 0.25 and hours <= 72
        struck = range(left.shape[1]) if is_everywhere else (int(random.integers(left.shape[1])),)
        for sensor in struck:
            left.iloc[first : first + hours, sensor] = np.nan
    return left


def _sums(told: pd.DataFrame) -> pd.DataFrame:
    """True totals from branch_id, date and visits."""
    return totals("truth", told, told.visits).rename(columns={"value": "visits"})


def masked_streets(root: Path, real: Path) -> pd.DataFrame:
    """Auckland: blocks withheld, estimated, and held against what was withheld."""
    first, end = date(AUCKLAND_YEARS[0], 1, 1), date(AUCKLAND_YEARS[-1] + 1, 1, 1)
    whole = Streets.read(real / "doors" / "auckland" / "hourly_counts.csv").between(first, end, AUCKLAND_SENSORS).counts
    # What the file itself lacks (an hour or two when the clocks change) nobody knows: it counts as nobody, told.
    hours = pd.date_range(whole.index[0], whole.index[-1], freq="h")
    whole = whole.reindex(hours).fillna(0)
    local = whole.set_axis(hours.tz_convert(AUCKLAND_ZONE).tz_localize(None).normalize(), axis=0)
    by_day = local.groupby(level=0).sum().rename_axis("date").reset_index()
    truth = _sums(by_day.melt(id_vars="date", var_name="sensor", value_name="visits").assign(
        branch_id=lambda d: d.sensor.map(_street_id)
    ))  # fmt: skip
    made = []
    for draw in range(AUCKLAND_DRAWS):
        shutil.rmtree(root / "streets", ignore_errors=True)
        left = withhold_hours(whole, np.random.default_rng([7, draw]))
        home, _ = land_streets(root / "streets", Streets(left))
        run_models(home, FAR_FUTURE, root / "target")
        made.append(score(pd.concat([published(home), rivals_of_days(told_days(home))]), truth, draw))
    return pd.concat(made)


@contextmanager
def _environ(name: str, value: str) -> Iterator[None]:
    """The environment with one variable set, for as long as it lasts."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def withhold_months(wide: pd.DataFrame, able: Sequence[str], months: Sequence[str], draw: int) -> pd.DataFrame:
    """The monthly file with one to three outages of one to four months in each year, each at one branch.

    Args:
        able: branches that may be masked.
        months: the columns that may be, in order of time.
    """
    random = np.random.default_rng([8, draw])
    left = wide.copy()
    for year in sorted({month[:4] for month in months}):
        of_year = [month for month in months if month[:4] == year]
        for _ in range(int(random.integers(1, 4))):
            length, branch = int(random.integers(1, 5)), able[int(random.integers(len(able)))]
            first = int(random.integers(len(of_year) - length + 1))
            left.loc[left["Library"] == branch, of_year[first : first + length]] = np.nan
    return left


def masked_months(root: Path, real: Path) -> pd.DataFrame:
    """Newcastle: months withheld, estimated, and held against what was withheld."""
    name = "2008-onwards-monthly-visits.csv"
    wide = pd.read_csv(real / "doors" / "newcastle" / name)
    columns = {c: pd.Period(c.strip(), "M") for c in wide.columns if c.strip()[:2] == "20"}
    told = [c for c, month in columns.items() if pd.Period(NEWCASTLE_SINCE, "M") <= month and wide[c].notna().any()]
    able = wide.loc[(wide[told].fillna(0) > 0).all(axis=1), "Library"].tolist()
    months = [c for c in told if columns[c].year in NEWCASTLE_YEARS]
    made = []
    for draw in range(NEWCASTLE_DRAWS):
        shutil.rmtree(root / "newcastle", ignore_errors=True)
        kept = root / "newcastle" / "doors" / "newcastle"
        kept.mkdir(parents=True)
        left = withhold_months(wide, able, months, draw)
        left.astype(dict.fromkeys(columns, "Int64")).to_csv(kept / name, index=False)
        os.utime(kept / name, (0, 0))
        with _environ("LEVENDE_REAL", str(root / "newcastle")):  # the description names its files by it
            configuration = config.load(PROJECT / "examples" / "newcastle")
            source = configuration.source("door_wide_newcastle")
            home = Home(root / "newcastle" / "home")
            outcome = pipeline.sweep(home, configuration, source, datetime(2026, 1, 1, tzinfo=UTC))
        if outcome.receipts != 1:
            raise SystemExit(f"the monthly file was not landed: {outcome.failures}")
        read_landed(home, configuration)
        run_models(home, FAR_FUTURE, root / "target")
        made.append(_score_months(home, configuration, wide, left, columns, draw))
    return pd.concat(made)


def _score_months(
    home: Home,
    configuration: Configuration,
    wide: pd.DataFrame,
    left: pd.DataFrame,
    columns: Mapping[str, pd.Period],
    draw: int,
) -> pd.DataFrame:
    """Only totals that something was withheld from: of all others everything is known."""
    keys = {line.device_key: line.branch_id for line in configuration.library.lines}
    branch_of = {name: keys.get(str(name).strip().casefold()) for name in wide["Library"]}

    def long(frame: pd.DataFrame) -> pd.DataFrame:
        months = frame.melt(id_vars="Library", value_vars=list(columns), var_name="month", value_name="visits")
        months = months.assign(
            branch_id=months.Library.map(branch_of),
            date=pd.to_datetime([columns[m].start_time for m in months.month]),
        )
        in_years = months.date.dt.year.isin([NEWCASTLE_YEARS[0] - 1, *NEWCASTLE_YEARS])
        # blank or nil outside what was withheld is a closure that all rules know of
        known: pd.DataFrame = months[in_years & months.branch_id.notna()].reset_index(drop=True)
        return known

    truth, kept = long(wide), long(left)
    is_withheld = truth.visits.notna() & kept.visits.isna()
    kept = kept.assign(visits=kept.visits.where(is_withheld, truth.visits.fillna(0)), is_open=is_withheld)
    told = pd.concat(
        [
            published(home),
            totals("sum of what is there", kept, Rivals.sum_of_what_is_there(kept)),
            totals("last year x growth", kept, Rivals.last_year_times_growth(kept)),
        ]
    )
    gone = truth[is_withheld]
    touched = {("*", "year", year) for year in gone.date.dt.year} | {("*", "month", m) for m in gone.date}
    touched |= {(b, "year", d.year) for b, d in zip(gone.branch_id, gone.date, strict=True)}
    touched |= {(b, "month", d) for b, d in zip(gone.branch_id, gone.date, strict=True)}
    right = _sums(truth.assign(visits=truth.visits.fillna(0)))
    is_touched = [
        (b if isinstance(b, str) else "*", kind, start.year if kind == "year" else start) in touched
        for b, kind, start in zip(right.branch_id, right.period_kind, right.period_start, strict=True)
    ]
    area = configuration.library.areas[0].area_id
    return score(told[(told.area_id == area) | told.area_id.isna()], right[is_touched], draw)


def dead_stretches(
    root: Path,
    real: Path,
    sensors: Sequence[str] = DEAD_AMONG,
    first: date = date(2019, 1, 1),
    end: date = date(2023, 1, 1),
) -> pd.DataFrame:
    """Which zeros of Auckland's sensors are taken for dead: one row per sensor and stretch of at least a day.

    Among them has to be the sensor at 107 Quay Street, which told zeros for three years; the quiet of the days on which
    the city was locked down may not be.

    Args:
        first, end: local dates, the end excluded.

    Returns:
        sensor, first_on and last_on (local dates), hours, expected_visits.
    """
    whole = Streets.read(real / "doors" / "auckland" / "hourly_counts.csv")
    shutil.rmtree(root / "dead", ignore_errors=True)
    home, configuration = land_streets(root / "dead", whole.between(first, end, sensors))
    run_models(home, FAR_FUTURE, root / "target", ("+int_doors__hour_states",))
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        found: pd.DataFrame = con.execute(
            """
            select line_id, dead_since_at, min(local_date) as first_on, max(local_date) as last_on, count(*) as hours,
                any_value(dead_expected_visits) as expected_visits
            from intermediate.int_doors__hour_states where value_state = 'dead'
            group by line_id, dead_since_at having count(*) >= 24 order by line_id, dead_since_at
            """
        ).df()
    door_of = {line.line_id: line.door for line in configuration.library.lines}
    return found.assign(sensor=found.line_id.map(door_of))


# -- all of it ------------------------------------------------------------------------------------------------------


def real_files() -> Path | None:
    """The folder of real files, where there is one: LEVENDE_REAL, or beside the project."""
    folder = Path(os.environ.get("LEVENDE_REAL", PROJECT.parent / "shared" / "real"))
    return folder if (folder / "doors" / "auckland" / "hourly_counts.csv").is_file() else None


def _told_targets(scores: pd.DataFrame) -> Iterator[str]:
    years = scores[(scores.method == OURS) & (scores.period_kind == "year") & scores.value.notna()]
    of_area = years.scope == "*"
    error = ((years.value - years.visits) / years.visits).abs()
    holds = ((years.value_low - 1e-6 <= years.visits) & (years.visits <= years.value_high + 1e-6))[~of_area].mean()
    for words, value, is_met in (
        ("median error of an area's year, at most 0.5 %", error[of_area].median(), error[of_area].median() <= 0.005),
        ("median error of a branch's year, at most 2 %", error[~of_area].median(), error[~of_area].median() <= 0.02),
        ("intervals of branch-years that hold the truth, 92 to 98 %", holds, 0.92 <= holds <= 0.98),
    ):
        yield f"  target: {words}: {value:.2%}, {'met' if is_met else 'MISSED'}"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visits_truth", description="How right visits stay.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="simulated libraries")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the first of them")
    parser.add_argument("--lanes", type=int, default=min(2, os.cpu_count() or 1), help="simulated at the same time")
    parser.add_argument("--csv", type=Path, help="write every compared total here")
    options = parser.parse_args(words)
    made = []
    with tempfile.TemporaryDirectory(prefix="levende-truth-") as name:
        root = Path(name)
        if options.seeds > 0:
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            scores = simulated(root, seeds, options.lanes)
            made.append(scores.assign(data="simulated"))
            print("\n".join([*summary(scores), *_told_targets(scores)]), flush=True)
        real = real_files()
        if real is None:
            print(
                "visits: real counts skipped, their files are not here; set LEVENDE_REAL to the folder that holds them"
            )
        else:
            streets = masked_streets(root, real)
            made.append(streets.assign(data="auckland"))
            print(
                f"visits: {len(AUCKLAND_SENSORS)} street counters of Auckland, {AUCKLAND_YEARS[0]} and "
                f"{AUCKLAND_YEARS[1]}, {SHARE_MISSING:.0%} of hours withheld in blocks; {AUCKLAND_DRAWS} draws"
            )
            print("\n".join(summary(streets)), flush=True)
            dead = dead_stretches(root, real)
            print("  zeros taken for dead sensors, 2019 to 2022, of a day or longer:")
            for row in dead.itertuples():
                print(
                    f"    {row.sensor}: {row.first_on:%Y-%m-%d} to {row.last_on:%Y-%m-%d}, {row.hours} hours",
                    flush=True,
                )
            months = masked_months(root, real)
            made.append(months.assign(data="newcastle"))
            print(
                f"visits: Newcastle's libraries, {NEWCASTLE_YEARS[0]} and {NEWCASTLE_YEARS[1]}, one to three outages "
                f"of one to four months a year withheld; {NEWCASTLE_DRAWS} draws; only totals with something withheld"
            )
            print("\n".join(summary(months)), flush=True)
    if options.csv is not None and made:
        pd.concat(made).to_csv(options.csv, index=False)


if __name__ == "__main__":
    main()
