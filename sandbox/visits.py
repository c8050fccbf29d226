"""People through the doors of the simulated library, one by one.

What belongs here: opening hours laid out over dates, and who enters and leaves when. What does not: how a vendor
would write it down (`vendors.py`).

A visit is one person with a moment of entering and one of leaving, by the same door on the same local day. So the
true number of visits of a door and day is known, and equals the mean of its ins and outs by construction, not by a
rule shared with the pipeline. Times are quarters of an hour of the local wall clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

import numpy as np
import numpy.typing as npt

from ingest.config import Configuration, Line
from ingest.errors import ConfigurationError
from ingest.public_holidays import public_holidays

QUARTERS = 96
Counts = npt.NDArray[np.int64]

# People entering in the period, over all branches together. 2022 and 2023 are the reported totals; the third is the
# first half of 2024, for both municipalities that came out of the split.
TOTALS: Mapping[int, int] = {2022: 200_000, 2023: 220_000, 2024: 112_345}

# Shares of a year's people. The five that became Haram hold about 9 %, as they did in the county's statistics.
_SIZE = {
    "alesund": 0.50,
    "moa": 0.265,
    "skodje": 0.05,
    "sjoholt": 0.045,
    "haroy": 0.02,
    "unknown_11": 0.025,
    "brattvag": 0.05,
    "vatne": 0.02,
    "haramsoy": 0.01,
    "longva": 0.008,
    "lepsoy": 0.007,
}
_SIZE_OF_OTHERS = 0.02
_DOOR_SHARE = {"alesund_hovudinngang": 0.72, "alesund_radhuset": 0.28}
MONTH_WEIGHTS = (1.05, 1.02, 1.08, 0.95, 0.92, 0.80, 0.62, 0.90, 1.12, 1.18, 1.15, 0.95)
WEEKDAY_WEIGHTS = (1.0, 1.02, 1.05, 1.0, 0.9, 1.15, 0.8)
HOUR_WEIGHTS = {
    8: 0.4,
    9: 0.5,
    10: 0.8,
    11: 1.1,
    12: 1.2,
    13: 1.2,
    14: 1.25,
    15: 1.3,
    16: 1.1,
    17: 0.9,
    18: 0.7,
    19: 0.5,
}
_LEAVES_PER_QUARTER = 0.35


@dataclass(frozen=True)
class DoorCounts:
    """What truly happened at one door.

    Attributes:
        ins, outs: people by day (rows, from the world's first day) and quarter of the local wall clock (columns).
    """

    line: Line
    ins: Counts
    outs: Counts


def open_quarters(configuration: Configuration, branch_id: str, days: list[date]) -> npt.NDArray[np.bool_]:
    """Which quarters of which days a branch is open, by its description alone.

    Later exceptions win over earlier ones, exceptions over public holidays, holidays over regular hours.

    Returns:
        One row per day, one column per quarter of the local wall clock.
    """
    library = configuration.library
    branch = next(b for b in library.branches if b.branch_id == branch_id)
    holidays = {day for day, _name in public_holidays(library)}
    regular = [h for h in library.opening_hours if not h.branch_ids or branch_id in h.branch_ids]
    exceptions = [e for e in library.opening_exceptions if not e.branch_ids or branch_id in e.branch_ids]
    is_open = np.zeros((len(days), QUARTERS), dtype=np.bool_)
    for row, day in enumerate(days):
        if not branch.valid_from <= day < (branch.valid_to or date.max):
            continue
        exception = next((e for e in reversed(exceptions) if e.first_on <= day <= e.last_on), None)
        of_weekday = [
            (h.opens, h.closes)
            for h in regular
            if day.isoweekday() in h.weekdays and h.valid_from <= day < (h.valid_to or date.max)
        ]
        stretches: list[tuple[time | None, time | None]] = []
        if exception is not None:
            # reduced hours shorten a day that has hours; they open none
            if exception.kind == "open" or (exception.kind == "reduced" and of_weekday):
                stretches = [(exception.opens, exception.closes)]
        elif day not in holidays:
            stretches = [*of_weekday]
        for opens, closes in stretches:
            if opens is None or closes is None:
                continue  # the model lets only `closed` leave them out
            first, last = opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute
            if first % 15 or last % 15:
                raise ConfigurationError(
                    f"library.yaml: {branch_id} opens or closes inside a quarter of an hour on {day}.",
                    next_action="Use whole quarters: the simulated people know no finer time.",
                )
            is_open[row, first // 15 : last // 15] = True
    return is_open


def simulate(configuration: Configuration, days: list[date], seed: int) -> list[DoorCounts]:
    """Send people through all perimeter lines: in each year exactly `TOTALS` of them, over all lines together.

    Args:
        days: consecutive local dates.

    Raises:
        ConfigurationError: a year has no open hour at all, or hours inside a quarter.
    """
    lines = [line for line in configuration.library.lines if line.role == "perimeter"]
    weights, closing = _weights(configuration, lines, days, seed)
    random = np.random.default_rng([seed, 2])
    ins = np.zeros_like(weights, dtype=np.int64)
    outs = np.zeros_like(weights, dtype=np.int64)
    years = np.array([day.year for day in days])
    for year, total in TOTALS.items():
        of_year = np.flatnonzero(years == year)
        if not of_year.size:
            continue
        share = weights[:, of_year, :]
        if not share.any():
            raise ConfigurationError(
                f"library.yaml: nothing is open in {year}.", next_action="Describe opening hours and perimeter lines."
            )
        # Only over open cells: multinomial leaves its rounding error in the last one, which must not be a closed hour.
        possible = np.nonzero(share)
        drawn = np.zeros(share.shape, dtype=np.int64)
        drawn[possible] = random.multinomial(total, share[possible] / share.sum())
        ins[:, of_year, :] = drawn
        outs[:, of_year, :] = leaving(drawn, closing[:, of_year, :], random)
    doors = [DoorCounts(line, ins[i], outs[i]) for i, line in enumerate(lines)]
    return [*doors, *internal(configuration, doors, seed)]


def leaving(came: Counts, closing: Counts, random: np.random.Generator) -> Counts:
    """When those who came leave: by the same door, after a stay, but before that stretch of opening ends.

    Args:
        came, closing: by door, day and quarter: people entering, and the last open quarter of the stretch.
    """
    outs = np.zeros_like(came)
    line, row, quarter = (np.repeat(index, came[came > 0]) for index in np.nonzero(came))
    stay = random.geometric(_LEAVES_PER_QUARTER, size=int(came.sum())) - 1
    np.add.at(outs, (line, row, np.minimum(quarter + stay, closing[line, row, quarter])), 1)
    return outs


def internal(configuration: Configuration, doors: list[DoorCounts], seed: int) -> list[DoorCounts]:
    """Lines inside a building: three in ten of those who came in pass them, and were counted already."""
    made = []
    for number, line in enumerate(line for line in configuration.library.lines if line.role == "internal"):
        came = np.sum([d.ins for d in doors if d.line.branch_id == line.branch_id], axis=0, dtype=np.int64)
        passing = np.random.default_rng([seed, 4, number]).binomial(came, 0.3).astype(np.int64)
        made.append(DoorCounts(line, passing, passing))
    return made


def _weights(
    configuration: Configuration, lines: list[Line], days: list[date], seed: int
) -> tuple[npt.NDArray[np.float64], Counts]:
    """How likely an entry is per line, day and quarter, and the last open quarter of the stretch each one is in."""
    shape = (len(lines), len(days), QUARTERS)
    weights = np.zeros(shape)
    closing = np.zeros(shape, dtype=np.int64)
    hour = np.array([HOUR_WEIGHTS.get(q // 4, 0.4) for q in range(QUARTERS)])
    season = np.array([MONTH_WEIGHTS[d.month - 1] * WEEKDAY_WEIGHTS[d.weekday()] for d in days])
    order = sorted({line.branch_id for line in lines})
    for i, line in enumerate(lines):
        is_open = open_quarters(configuration, line.branch_id, days)
        valid = np.array([line.valid_from <= d < (line.valid_to or date.max) for d in days])
        # The weather of a branch and day is the same at all its doors.
        mood = np.random.default_rng([seed, 1, order.index(line.branch_id)]).lognormal(0, 0.18, size=len(days))
        per_hour = _SIZE.get(line.branch_id, _SIZE_OF_OTHERS) / max(1, int(is_open.sum()))
        sisters = sum(1 for other in lines if other.branch_id == line.branch_id)
        share = _DOOR_SHARE.get(line.line_id, 1 / sisters)
        weights[i] = per_hour * share * (season * mood * valid)[:, None] * hour[None, :] * is_open
        closing[i] = last_open_quarter(is_open)
    return weights, closing


def last_open_quarter(is_open: npt.NDArray[np.bool_]) -> Counts:
    """By day and quarter, the last quarter of the stretch of opening that it lies in."""
    closing = np.zeros(is_open.shape, dtype=np.int64)
    last = np.full(len(is_open), -1)
    for quarter in range(QUARTERS - 1, -1, -1):
        ends = is_open[:, quarter] & (~is_open[:, quarter + 1] if quarter + 1 < QUARTERS else True)
        last = np.where(ends, quarter, last)
        closing[:, quarter] = last
    return closing


def dates(first_on: date, end_on: date) -> list[date]:
    """Consecutive dates, the end excluded."""
    return [first_on + timedelta(days=n) for n in range((end_on - first_on).days)]
