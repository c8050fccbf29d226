"""Where and how often a fault strikes. Each kind has its own stream: leaving one out moves no other.

What belongs here: draws that several kinds share. What does not: the draws of one kind (beside its class).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from ingest.config import start_of
from sandbox.faults.house import House
from sandbox.tellings import moment_of, validity

Random = np.random.Generator

# Strikes per line and year. Nobody publishes these; they are set so that a dozen lines over two years show each kind a
# few times, and whoever measures can ask for any subset.
_PER_LINE_YEAR = {"dead_zero": 0.25, "spike": 0.8, "swapped": 0.08, "clock_drift": 0.15, "wrong_zone": 0.1}


def stream(seed: int, kind: str) -> Random:
    """A kind's own random numbers."""
    return np.random.default_rng([seed, 9, zlib.crc32(kind.encode())])


def strikes(random: Random, house: House, kind: str, lines: Sequence[str]) -> int:
    """How often a kind strikes; at least once where it can."""
    return max(1, int(random.poisson(_PER_LINE_YEAR[kind] * len(lines) * house.year_count()))) if lines else 0


def log_uniform(random: Random, low: float, high: float) -> float:
    """A draw between two bounds in which half as much is as common as twice as much."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def open_moment(house: House, line_id: str, random: Random) -> datetime:
    """The start of an open interval."""
    starts = house.truth(line_id).start_at[house.is_open(line_id)]
    return moment_of(starts[int(random.integers(starts.size))])


def busy_moment(house: House, line_id: str, random: Random, first: float, end: float) -> datetime:
    """The start of an interval in which people entered, between two shares of the time. Rollovers come in the first
    half and resets in the second: a register that was reset no longer comes to its end."""
    truth = house.truth(line_id)
    came = np.diff(truth.ins, prepend=truth.ins[0]) > 0
    rows = np.flatnonzero(came)
    rows = rows[(rows >= first * came.size) & (rows < end * came.size)]
    if not rows.size:
        return open_moment(house, line_id, random)
    return moment_of(truth.start_at[rows[int(random.integers(rows.size))]])


def nights(house: House, line_id: str, random: Random, most_days: int) -> tuple[datetime, datetime] | None:
    """A stretch of whole local days around an open one, without a clock change in or near it.

    It begins and ends at midnight, when nobody is there whose hour would be told twice or not at all.
    """
    zone, changes = house.configuration.zone, house.change_days()
    first_at, end_at = validity(house.doors[line_id].line, house.days, zone)
    for _attempt in range(50):
        first_on = open_moment(house, line_id, random).astimezone(zone).date()
        end_on = first_on + timedelta(days=round(log_uniform(random, 3, most_days)))
        is_calm = not any(first_on - timedelta(days=2) <= day <= end_on + timedelta(days=1) for day in changes)
        start_at, stop_at = start_of(first_on, zone), start_of(end_on, zone)
        if is_calm and first_at < start_at and stop_at < end_at:
            return start_at, stop_at
    return None
