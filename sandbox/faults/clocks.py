"""Clocks of counters: numbers that are right, at times that are not.

What belongs here: drift, wrong zones, and programs that don't know how the clock changes. What does not: numbers that
are wrong themselves (`counters`), and files that come at another time (`deliveries`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np

from sandbox.faults.drawing import Random, log_uniform, nights, strikes
from sandbox.faults.house import House
from sandbox.faults.lines import LineFault
from sandbox.tellings import Telling, utc64, validity
from sandbox.vendors import local_steps
from sandbox.visits import Counts


@dataclass(frozen=True)
class ClockDrift(LineFault):
    """The counter's clock runs fast or slow, further every day, until somebody sets it right. Nobody is lost.

    The counter cuts its intervals by its own clock, so its stamps look right and people move into a neighbour.

    Attributes:
        minutes_a_day: how much it gains; negative when it loses.
        most_minutes: it gets no further from the truth than this.
        seed: which of an interval's people are on the wrong side of its edge.
    """

    kind: ClassVar[str] = "clock_drift"
    order: ClassVar[int] = 50

    minutes_a_day: float
    most_minutes: float
    seed: int

    def apply(self, told: Telling, house: House) -> Telling:
        where = told.between(self.start_at, self.end_at)
        return self._with(told, self._moved(told, told.ins[where], 1), self._moved(told, told.outs[where], 2))

    def _moved(self, told: Telling, people: Counts, side: int) -> Counts:
        random = np.random.default_rng([self.seed, side])
        begins = told.start_at[told.between(self.start_at, self.end_at)]
        days = (begins - utc64(self.start_at)) / np.timedelta64(1, "D")
        steps = np.minimum(days * abs(self.minutes_a_day), self.most_minutes) / told.minutes
        beyond = random.binomial(people, steps % 1)
        way = 1 if self.minutes_a_day > 0 else -1
        moved = np.zeros_like(people)
        for further, count in ((0, people - beyond), (1, beyond)):
            place = np.arange(people.size) + way * (np.floor(steps).astype(np.int64) + further)
            np.add.at(moved, np.clip(place, 0, people.size - 1), count)
        return moved

    @property
    def detail(self) -> str:
        return f"{self.minutes_a_day:+.1f} minutes a day, at most {self.most_minutes:.0f}"


@dataclass(frozen=True)
class SpringPadded(LineFault):
    """The hour that the clock skips in spring is filled in with zeros."""

    kind: ClassVar[str] = "dst"
    order: ClassVar[int] = 80

    def apply(self, told: Telling, house: House) -> Telling:
        where = told.between(self.start_at, self.end_at)
        if where.start == where.stop or told.start_at[where.start] != utc64(self.start_at):
            return told  # silent when the clock changed: it had nothing to fill in
        labels = told.stamp_at[where.start] - np.timedelta64(1, "h")
        rows = 60 // told.minutes
        stamps = labels + np.arange(rows) * np.timedelta64(told.minutes, "m")
        return replace(
            told,
            start_at=np.insert(told.start_at, where.start, np.repeat(told.start_at[where.start], rows)),
            stamp_at=np.insert(told.stamp_at, where.start, stamps),
            ins=np.insert(told.ins, where.start, np.zeros(rows, dtype=np.int64)),
            outs=np.insert(told.outs, where.start, np.zeros(rows, dtype=np.int64)),
        )

    @property
    def detail(self) -> str:
        return "spring hour padded"


@dataclass(frozen=True)
class AutumnSummed(LineFault):
    """The hour that comes twice in autumn is told once, with the people of both."""

    kind: ClassVar[str] = "dst"
    order: ClassVar[int] = 80

    def apply(self, told: Telling, house: House) -> Telling:
        where = told.between(self.start_at, self.end_at)
        stamps, first = np.unique(told.stamp_at[where], return_index=True)
        came, left = told.ins.copy(), told.outs.copy()
        is_told = np.ones(told.start_at.size, dtype=np.bool_)
        is_told[where] = False
        for stamp, index in zip(stamps, first + where.start, strict=True):
            both = np.flatnonzero(told.stamp_at[where] == stamp) + where.start
            came[index], left[index] = told.ins[both].sum(), told.outs[both].sum()
            is_told[index] = True
        return replace(told, ins=came, outs=left).rows(is_told)

    @property
    def detail(self) -> str:
        return "autumn hours summed"


@dataclass(frozen=True)
class WrongZone(LineFault):
    """The counter's clock is set to another zone: its stamps are hours off.

    Attributes:
        hours: what its stamps are off; None for a clock that shows UTC.
    """

    kind: ClassVar[str] = "wrong_zone"
    order: ClassVar[int] = 90

    hours: int | None

    def apply(self, told: Telling, house: House) -> Telling:
        where = told.between(self.start_at, self.end_at)
        stamps = told.stamp_at.copy()
        if self.hours is None:
            stamps[where] = told.start_at[where]
        else:
            stamps[where] += np.timedelta64(self.hours, "h")
        return replace(told, stamp_at=stamps)

    @property
    def detail(self) -> str:
        return "UTC" if self.hours is None else f"{self.hours:+} h"


def draw_drifts(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(strikes(random, house, "clock_drift", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        pace = float(random.choice([-1, 1])) * log_uniform(random, 0.5, 3)
        seed = int(random.integers(2**31))
        if stretch := nights(house, line_id, random, 60):
            yield ClockDrift(line_id, *stretch, pace, 45, seed)


def draw_wrong_zones(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines(adapters=("interval_csv",))  # a camera sends the moment beside its stamp
    for _ in range(strikes(random, house, "wrong_zone", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        hours = (None, -1, 1)[int(random.integers(3))]
        if stretch := nights(house, line_id, random, 40):
            yield WrongZone(line_id, *stretch, hours)


def draw_clock_changes(house: House, random: Random) -> Iterator[LineFault]:
    """All lines of a source behave alike, at each change in one of two ways: right, or as its program has it."""
    zone = house.configuration.zone
    lines = house.lines(role=None, adapters=("interval_csv",))
    sources = sorted({house.doors[line_id].line.source_id for line_id in lines})
    careless = set(random.choice(sources, size=max(1, len(sources) // 2), replace=False)) if sources else set()
    for day in house.change_days():
        steps = local_steps(day, zone, 60)
        hours = [local.hour for _moment, local, _quarter in steps]
        is_spring = len(steps) < 24
        at = next(
            moment
            for (moment, _l, _q), hour, before in zip(steps[1:], hours[1:], hours, strict=False)
            if hour != before + 1
        )
        for line_id in lines:
            first_at, end_at = validity(house.doors[line_id].line, house.days, zone)
            if house.doors[line_id].line.source_id not in careless or not first_at < at < end_at:
                continue
            if is_spring:
                yield SpringPadded(line_id, at, at + timedelta(hours=1))
            else:
                yield AutumnSummed(line_id, at - timedelta(hours=1), at + timedelta(hours=1))
