"""What a counter tells, line by line, before anybody writes it into a file.

What belongs here: the told series, and how people become one on a counter that works. What does not: how a make
writes it down (`vendors.py`), and counters that don't work (`faults`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.config import Configuration, Line, Source, start_of
from sandbox.visits import QUARTERS, Counts, DoorCounts

Moments = npt.NDArray[np.datetime64]
# What a gate shows when the world begins: it has counted before.
REGISTER_AT_START = 1_000


@dataclass(frozen=True)
class Telling:
    """The series of one line, in the order of time; an interval that was not told has no row.

    Attributes:
        minutes: length of an interval, or the time between two readings of a register.
        is_register: whether `ins` and `outs` are registers, read at the interval's end, or people inside it.
        start_at: true starts of the intervals, UTC without a zone.
        stamp_at: what the counter's own clock shows, local without a zone: at the start, for a register at reading.
    """

    line: Line
    minutes: int
    is_register: bool
    start_at: Moments
    stamp_at: Moments
    ins: Counts
    outs: Counts

    def between(self, start_at: datetime, end_at: datetime) -> slice:
        """The rows of the intervals that start in a stretch of time, both ends aware, the end excluded."""
        first, end = np.searchsorted(self.start_at, [utc64(start_at), utc64(end_at)])
        return slice(int(first), int(end))

    def rows(self, which: npt.NDArray[np.bool_] | slice) -> Telling:
        """Only some of the rows."""
        return replace(
            self,
            start_at=self.start_at[which],
            stamp_at=self.stamp_at[which],
            ins=self.ins[which],
            outs=self.outs[which],
        )


@dataclass(frozen=True)
class Grid:
    """Consecutive local days in equal steps of real time.

    Attributes:
        start_at, stamp_at: starts in UTC, and by the local clock on the wall; `end_stamp_at` the same of the ends.
        row, quarter: the day, counted from the first, and the quarter of the wall clock that each step begins in.
    """

    start_at: Moments
    stamp_at: Moments
    end_stamp_at: Moments
    row: npt.NDArray[np.int64]
    quarter: npt.NDArray[np.int64]


def utc64(moment: datetime) -> np.datetime64:
    """An aware moment as the arrays hold it."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def moment_of(value: np.datetime64) -> datetime:
    """A moment of the arrays, aware."""
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


@lru_cache(maxsize=16)
def grid(first_on: date, end_on: date, zone: ZoneInfo, minutes: int) -> Grid:
    """All steps from one local midnight to another: 92 quarters on one day of a year, 100 on another."""
    starts = pd.date_range(
        start_of(first_on, zone).astimezone(UTC),
        start_of(end_on, zone).astimezone(UTC),
        freq=f"{minutes}min",
        inclusive="left",
        unit="s",
    )
    stamps = starts.tz_convert(zone).tz_localize(None).to_numpy()
    ends = (starts + timedelta(minutes=minutes)).tz_convert(zone).tz_localize(None).to_numpy()
    midnights = stamps.astype("datetime64[D]")
    row = (midnights - np.datetime64(first_on, "D")).astype(np.int64)
    quarter = (stamps - midnights).astype("timedelta64[m]").astype(np.int64) // 15
    return Grid(starts.tz_localize(None).to_numpy(), stamps, ends, row, quarter)


def grid_of(days: Sequence[date], zone: ZoneInfo, minutes: int) -> Grid:
    """The grid of consecutive local dates."""
    return grid(days[0], days[-1] + timedelta(days=1), zone, minutes)


def minutes_of(source: Source) -> int:
    """How long the intervals of a source are, by its description."""
    if source.adapter == "brickstream":
        return 15
    return int(source.options.get("interval_minutes", 60))


def tell(configuration: Configuration, door: DoorCounts, days: Sequence[date]) -> Telling:
    """What a counter without any fault tells of its door, while its line is valid.

    Args:
        days: the dates of the door's counts.
    """
    line = door.line
    source = configuration.source(line.source_id)
    minutes = minutes_of(source)
    is_register = source.adapter == "gate_readings"
    steps = grid_of(days, configuration.zone, minutes)
    parts = minutes // 15
    came, left = (
        side.reshape(len(days), QUARTERS // parts, parts).sum(axis=2)[steps.row, steps.quarter // parts]
        for side in (door.ins, door.outs)
    )
    whole = Telling(line, minutes, is_register, steps.start_at, steps.stamp_at, came, left)
    if is_register:
        whole = replace(
            whole,
            stamp_at=steps.end_stamp_at,
            ins=wrapped(line, REGISTER_AT_START + np.cumsum(came)),
            outs=wrapped(line, REGISTER_AT_START + np.cumsum(left)),
        )
    return whole.rows(whole.between(*validity(line, days, configuration.zone)))


def validity(line: Line, days: Sequence[date], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a line stood, as far as the days reach, aware."""
    end_on = days[-1] + timedelta(days=1)
    return (
        start_of(max(line.valid_from, days[0]), zone),
        start_of(min(line.valid_to or end_on, end_on), zone),
    )


def wrapped(line: Line, register: Counts) -> Counts:
    """A register as its display can show it."""
    return register if line.register_modulus is None else register % line.register_modulus
