"""A trial: an invented library with counters that fail, landed in a home of its own, and the truth to hold figures to.

What belongs here: the trial's library, its people, and putting a whole trial into a folder. What does not: the faults
themselves (`faults`), and running the pipeline or judging what it published; that is the caller's.

    trial = build_trial(folder, seed=1)
    subprocess.run(["levende", "run"], env=os.environ | trial.environment)

Only doors, so that it is quick. People come by the hour, the weekday, the month, the branch's own year, a weather that
all branches share, moods of their own, and now and then a day when something is on. No total is fixed beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from ingest import config
from ingest.config import Configuration, Library, OpeningException, Partners, Source
from ingest.errors import ConfigurationError
from ingest.home import Home
from ingest.public_holidays import public_holidays
from sandbox import faults, faulty_files, truth
from sandbox.faults import KINDS as ALL
from sandbox.faults import BranchMove
from sandbox.programme import Programme
from sandbox.visits import (
    HOUR_WEIGHTS,
    MONTH_WEIGHTS,
    QUARTERS,
    WEEKDAY_WEIGHTS,
    DoorCounts,
    dates,
    internal,
    last_open_quarter,
    leaving,
    open_quarters,
)
from sandbox.world import World

AREA_ID = "prove"
_WEEK = (1, 2, 3, 4, 5)
_MAIN_HOURS = (((1, 2, 3, 4), "10:00", "19:00"), ((5,), "10:00", "16:00"), ((6,), "10:00", "15:00"))

# Branch, name, people in a usual year, and its hours as (weekdays, opens, closes). Eleven, as in the library that the
# sandbox is modelled on, from a main library down to a room where a handful come on an open day.
_BRANCHES: tuple[tuple[str, str, int, tuple[tuple[tuple[int, ...], str, str], ...]], ...] = (
    ("hovud", "Simby hovudbibliotek", 95_000, _MAIN_HOURS),
    ("torget", "Simtorget", 48_000, ((_WEEK, "10:00", "20:00"), ((6,), "10:00", "18:00"))),
    ("nes", "Simnes", 14_000, ((_WEEK, "10:00", "17:00"),)),
    ("vik", "Simvik", 9_000, (((1, 2, 3, 4), "11:00", "18:00"),)),
    ("dal", "Simdal", 7_000, (((1, 3), "12:00", "19:00"), ((2, 4), "10:00", "15:00"))),
    ("fjell", "Simfjell", 5_000, (((1, 2, 4), "11:00", "18:00"),)),
    ("strand", "Simstrand", 3_500, (((1, 3, 5), "10:00", "16:00"),)),
    ("eid", "Simeid", 2_200, (((2, 4), "12:00", "18:00"),)),
    ("holme", "Simholme", 1_400, (((2,), "10:00", "12:00"), ((2,), "14:00", "18:00"), ((4,), "12:00", "18:00"))),
    ("sund", "Simsund", 800, (((1, 4), "13:00", "18:00"),)),
    ("ytre", "Simytre", 450, (((3, 5), "14:00", "18:00"),)),
)  # fmt: skip
_SMALL = ("sund", "ytre", "holme")
_DOORS = {"hovud": (("hovudinngang", 0.72), ("sideinngang", 0.28))}
_GATE, _BEAM, _ENTRIES = "fjell", "eid", "holme"
_OWN_SOURCE = {
    "hovud": "door_prove_hovud",
    "torget": "door_prove_torget",
    _GATE: "door_prove_port",
    _BEAM: "door_prove_beam",
}
_SHARED_SOURCE = "door_prove_filialane"
# More than anybody has seen in an hour at the gate's door; a register that steps further was not counted.
_GATE_CAP_PER_HOUR = 400.0

# How much of a day's mood comes from the weather that all share, how much of it stays for the day after, and what is
# each branch's own. Standard deviations of logarithms.
_WEATHER, _WEATHER_STAYS, _OWN_MOOD = 0.12, 0.5, 0.13
_YEAR_MOOD = 0.06
_GROWTH_PER_YEAR = 0.04
_BUSY_DAYS_PER_YEAR = 4.0


@dataclass(frozen=True)
class Trial:
    """One trial, ready to be run.

    Attributes:
        config, home: folders for `levende run --config … --home …`.
        clock: the moment at which the trial stands, for LEVENDE_CLOCK.
        configuration: the description as loaded from `config`.
        truth: area_id, branch_id (None for the area), period_kind (day, month, year), period_start, visits. A closed
            day has no row.
        faults: what was done, as `FaultPlan.records`.
    """

    config: Path
    home: Path
    clock: datetime
    configuration: Configuration
    truth: pd.DataFrame
    faults: pd.DataFrame

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables under which `levende run` reads this trial."""
        return {
            "LEVENDE_CONFIG": str(self.config),
            "LEVENDE_HOME": str(self.home),
            "LEVENDE_CLOCK": self.clock.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def build_trial(
    folder: Path,
    seed: int,
    years: Sequence[int] = (2022, 2023),
    share_missing: float = 0.05,
    kinds: Sequence[str] = ALL,
) -> Trial:
    """Invent a library, let people come, let counters fail, and land what they tell.

    The same arguments give the same bytes. Writes `config/` and `home/` under the folder, and beside them
    `truth.csv` and `faults.csv`.

    Args:
        years: consecutive years that the figures speak about.
        share_missing: how much of the open intervals is lost to outages.
        kinds: which faults there are; none with an empty one.

    Raises:
        ConfigurationError: years with a gap, an unknown kind, an impossible share, or a folder that holds another
            trial.
    """
    if not years or list(years) != list(range(min(years), max(years) + 1)):
        raise ConfigurationError(f"{tuple(years)} are no consecutive years.", next_action="Leave no year out.")
    folder = folder.absolute()
    home = Home(folder / "home")
    clock = datetime(max(years) + 1, 4, 1, 4, 0, tzinfo=UTC)
    world, moves = people_of(folder / "config", seed, years, "moved" in kinds)
    plan = faults.plan(world, seed, share_missing=share_missing, kinds=kinds, moves=moves, clock=clock)
    faulty_files.deliver(home, plan.configuration, faulty_files.files(plan), clock)
    faulty_files.write_description(plan.configuration, folder / "config")
    told, records = _truth(world), plan.records
    told.to_csv(folder / "truth.csv", index=False)
    records.to_csv(folder / "faults.csv", index=False)
    return Trial(folder / "config", home.root, clock, config.load(folder / "config"), told, records)


def _truth(world: World) -> pd.DataFrame:
    rows = [
        (f.area_id, f.branch_id, f.period_kind, date.fromisoformat(f.period_start), int(f.value))
        for f in truth.visits(world)
        if f.figure_id == "visits" and f.period_kind in ("day", "month", "year")
    ]
    rows.sort(key=lambda row: (row[2], row[3], row[1] or ""))
    names = ["area_id", "branch_id", "period_kind", "period_start", "visits"]
    columns = zip(names, zip(*rows, strict=True), strict=True)
    # The branch as objects: what is missing must stay None, and not become a number.
    return pd.DataFrame({n: pd.Series(values, dtype=object if n == "branch_id" else None) for n, values in columns})


# -- the library ----------------------------------------------------------------------------------------------------


def describe(folder: Path, years: Sequence[int]) -> Configuration:
    """The invented library, before anything is replaced or moves."""
    start_on, end_on = date(min(years), 1, 1), date(max(years) + 1, 1, 1)
    since = {"valid_from": start_on}
    library = Library.model_validate(
        {
            "library_id": "simby",
            "name": "Simby bibliotek (simulert prøve)",
            "zone": "Europe/Oslo",
            "holidays_country": "NO",
            "holidays_language": "no",
            "is_simulated": True,
            "reporting": {"start_on": start_on, "end_on": end_on},
            "areas": [{"area_id": AREA_ID, "name": "Simby", **since}],
            "branches": [
                {"branch_id": branch_id, "name": name, **since, "areas": [{"area_id": AREA_ID, **since}]}
                for branch_id, name, _size, _hours in _BRANCHES
            ],
            "lines": [
                line for branch_id, name, _size, _hours in _BRANCHES for line in _lines(branch_id, name, start_on)
            ],
            "opening_hours": [
                {"branch_ids": [branch_id], "weekdays": weekdays, "opens": opens, "closes": closes, **since}
                for branch_id, _name, _size, hours in _BRANCHES
                for weekdays, opens, closes in hours
            ],
        }
    )
    library = library.model_copy(update={"opening_exceptions": tuple(_exceptions(library, years))})
    standard = Path(__file__).resolve().parent.parent / "config" / "figures.yaml"
    figures = yaml.safe_load(standard.read_text(encoding="utf-8"))["figures"]
    return Configuration.model_validate(
        {
            "folder": folder,
            "library": library,
            "sources": tuple(_sources()),
            "partners": Partners(),
            "figures": [f for f in figures if f["domain"] == "visits"],
        }
    )


def _lines(branch_id: str, name: str, start_on: date) -> list[dict[str, object]]:
    source_id = _OWN_SOURCE.get(branch_id, _SHARED_SOURCE)
    common = {"branch_id": branch_id, "source_id": source_id, "valid_from": start_on, "rule": "mean_in_out"}
    if branch_id in _DOORS:
        doors = [f"{name} {door}" for door, _share in _DOORS[branch_id]]
        lines = [
            {**common, "line_id": f"{branch_id}_{door}", "door": words, "device_key": words.casefold()}
            for (door, _share), words in zip(_DOORS[branch_id], doors, strict=True)
        ]
        inside = f"{name} barneavdeling"
        return [
            *lines,
            {
                **common,
                "line_id": f"{branch_id}_barn",
                "door": inside,
                "device_key": inside.casefold(),
                "role": "internal",
            },
        ]
    line: dict[str, object] = {**common, "line_id": branch_id, "door": name, "device_key": name.casefold()}
    if branch_id == _GATE:
        line |= {"register_modulus": 65_536, "register_rate_cap_per_hour": _GATE_CAP_PER_HOUR}
    if branch_id == _BEAM:
        line["rule"] = "breaks_halved"
    if branch_id == _ENTRIES:
        line["rule"] = "entries"
    return [line]


def _sources() -> list[Source]:
    def source(
        source_id: str, words: str, adapter: str = "interval_csv", pattern: str = "*.csv", **options: object
    ) -> Source:
        return Source(
            source_id=source_id,
            family="doors",
            adapter=adapter,
            description=f"Simulated: {words}",
            pattern=pattern,
            options={"zone": "Europe/Oslo", **options},
        )

    beam = {"device": ["Avdeling"], "date": ["Dato"], "time": ["Time"], "undirected": ["Brudd"]}
    gate = {
        "device": ["Avdeling"],
        "date": ["Dato"],
        "time": ["Klokkeslett"],
        "total_in": ["Inn totalt"],
        "total_out": ["Ut totalt"],
    }
    return [
        source("door_prove_hovud", "quarter hours of two doors and a room, a file a month", interval_minutes=15),
        source("door_prove_torget", "quarter hours, a file a day", pattern="*dag-*.csv", interval_minutes=15),
        source(_SHARED_SOURCE, "hours of seven branches, a file a month, in Windows-1252"),
        source("door_prove_beam", "hourly breaks of one beam, a file a month", columns=beam),
        source(
            "door_prove_port", "hourly readings of a gate's registers, a file a month", "gate_readings", columns=gate
        ),
    ]


def _exceptions(library: Library, years: Sequence[int]) -> list[OpeningException]:
    """Short days in summer, weeks in which the smallest are closed, and the eves that are on no list of holidays."""
    made = []
    for year in years:
        summer = (date(year, 6, 20), date(year, 8, 15))
        for branch_id, _name, _size, _hours in _BRANCHES:
            if branch_id in _SMALL:
                made.append(_closed((branch_id,), date(year, 7, 1), date(year, 7, 28), "sommarstengt"))
            elif branch_id in ("hovud", "torget", "nes"):
                made.append(
                    OpeningException(
                        branch_ids=(branch_id,),
                        first_on=summer[0],
                        last_on=summer[1],
                        kind="reduced",
                        opens=time(10),
                        closes=time(15),
                        reason="sommartid",
                        source="simulated",
                    )
                )
        good_friday = next(day for day, name in public_holidays(library) if day.year == year and name == "Langfredag")
        for eve, reason in (
            (good_friday + timedelta(days=1), "påskeaftan"),
            (date(year, 12, 24), "julaftan"),
            (date(year, 12, 31), "nyttårsaftan"),
        ):
            made.append(_closed((), eve, eve, reason))
    return made


def _closed(branch_ids: tuple[str, ...], first_on: date, last_on: date, reason: str) -> OpeningException:
    return OpeningException(
        branch_ids=branch_ids, first_on=first_on, last_on=last_on, kind="closed", reason=reason, source="simulated"
    )


# -- its people -----------------------------------------------------------------------------------------------------


def people_of(folder: Path, seed: int, years: Sequence[int], moves: bool) -> tuple[World, tuple[BranchMove, ...]]:
    """The invented library, described for a folder that need not exist, and all who come to it.

    Args:
        moves: whether one of its branches moves.
    """
    configuration = describe(folder, years)
    days = dates(configuration.library.reporting.start_on, date(max(years) + 1, 1, 1))
    move = faults.draw_move(configuration, days, seed) if moves else None
    if move is not None:
        configuration = move.describe(configuration)
    people = _people(configuration, days, seed, move)
    return World(configuration, seed, days, people, Programme(), None), (move,) if move else ()


def _people(configuration: Configuration, days: list[date], seed: int, move: BranchMove | None) -> list[DoorCounts]:
    """Who enters and leaves by every line. Another move changes its own branch alone."""
    weather = _weather(len(days), np.random.default_rng([seed, 20]))
    made: list[DoorCounts] = []
    for number, (branch_id, _name, size, _hours) in enumerate(_BRANCHES):
        random = np.random.default_rng([seed, 21, number])
        is_open = open_quarters(configuration, branch_id, days)
        expected = _expected(size, is_open, days, weather, random)
        if move is not None and move.branch_id == branch_id:
            expected[[day >= move.opens_on for day in days]] *= move.factor
        shares = [share for _door, share in _DOORS.get(branch_id, (("", 1.0),))]
        of_branch = [line for line in configuration.library.lines if line.branch_id == branch_id]
        lines = [line for line in of_branch if line.role == "perimeter"]
        for place, line in enumerate(lines):
            share = shares[place] if len(shares) == len(lines) else 1.0
            stood = np.array([line.valid_from <= day < (line.valid_to or date.max) for day in days])
            ins = random.poisson(expected * share * stood[:, None]).astype(np.int64)
            closing = last_open_quarter(is_open)
            outs = leaving(ins[None, :, :], closing[None, :, :], random)[0]
            made.append(DoorCounts(line, ins, outs))
    return [*made, *internal(configuration, made, seed)]


def _weather(count: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The mood that all branches share, by day, as a logarithm: what it is today stays in part for tomorrow."""
    shocks = random.normal(0, _WEATHER * np.sqrt(1 - _WEATHER_STAYS**2), size=count)
    mood = np.zeros(count)
    mood[0] = random.normal(0, _WEATHER)
    for day in range(1, count):
        mood[day] = _WEATHER_STAYS * mood[day - 1] + shocks[day]
    return mood


def _expected(
    size: int,
    is_open: npt.NDArray[np.bool_],
    days: list[date],
    weather: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """How many a branch may expect by day and quarter: its size in a usual year, spread over its open quarters."""
    weekdays = np.array(WEEKDAY_WEIGHTS) * random.lognormal(0, 0.1, size=7)
    hours = np.array([HOUR_WEIGHTS.get(q // 4, 0.4) for q in range(QUARTERS)]) * np.repeat(
        random.lognormal(0, 0.1, 24), 4
    )
    usual = np.array([MONTH_WEIGHTS[d.month - 1] * weekdays[d.weekday()] for d in days])[:, None] * hours[None, :]
    usual = usual * is_open
    usual *= size * len(days) / 365.25 / usual.sum()
    years = sorted({d.year for d in days})
    level = {year: np.exp(n * _GROWTH_PER_YEAR + random.normal(0, _YEAR_MOOD)) for n, year in enumerate(years)}
    own = random.normal(0, _OWN_MOOD, size=len(days))
    is_busy = random.random(len(days)) < _BUSY_DAYS_PER_YEAR / max(1, is_open.any(axis=1).sum()) * len(days) / 365.25
    busy = np.where(is_busy, random.uniform(1.5, 4, size=len(days)), 1.0)
    by_day = np.exp(weather + own) * busy * np.array([level[d.year] for d in days])
    return np.asarray(usual * by_day[:, None])
