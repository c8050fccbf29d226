"""Lies of counters: numbers that are not how many people came.

What belongs here: what a sensor sees wrongly, and registers that jump. What does not: when it says that it saw it
(`clocks`), and what is not told at all (`outages`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np

from ingest.errors import ConfigurationError
from sandbox.faults.drawing import Random, busy_moment, log_uniform, open_moment, strikes
from sandbox.faults.house import House
from sandbox.faults.lines import LineFault
from sandbox.tellings import Telling, tell, validity, wrapped
from sandbox.visits import Counts, DoorCounts


@dataclass(frozen=True)
class InternalDoubled(LineFault):
    """A line inside the building that shows everybody who came in. Its role says internal; whoever adds it is wrong."""

    kind: ClassVar[str] = "internal_doubled"
    order: ClassVar[int] = 10

    def apply(self, told: Telling, house: House) -> Telling:
        perimeter = [d for d in house.doors.values() if d.line.role == "perimeter"]
        sisters = [d for d in perimeter if d.line.branch_id == told.line.branch_id]
        ins: Counts = np.asarray(sum(d.ins for d in sisters))
        outs: Counts = np.asarray(sum(d.outs for d in sisters))
        everybody = tell(house.configuration, DoorCounts(told.line, ins, outs), house.days)
        where = everybody.between(self.start_at, self.end_at)
        return self._with(told, everybody.ins[where], everybody.outs[where])


@dataclass(frozen=True)
class Spike(LineFault):
    """One interval tells many times what is usual: a school class playing in the beam, a door that swings.

    Attributes:
        factor: how many times the usual.
        usual: people in a usual interval of this line.
    """

    kind: ClassVar[str] = "spike"
    order: ClassVar[int] = 20

    factor: float
    usual: float

    def apply(self, told: Telling, house: House) -> Telling:
        size = told.ins[told.between(self.start_at, self.end_at)].size
        burst = np.full(size, round(self.factor * self.usual), dtype=np.int64)
        return self._with(told, burst, burst)

    @property
    def detail(self) -> str:
        return f"{self.factor:.0f} times the usual {self.usual:.1f}"


@dataclass(frozen=True)
class Swapped(LineFault):
    """The counter hangs the wrong way round: in is told as out."""

    kind: ClassVar[str] = "swapped"
    order: ClassVar[int] = 30

    def apply(self, told: Telling, house: House) -> Telling:
        where = told.between(self.start_at, self.end_at)
        return self._with(told, told.outs[where], told.ins[where])


@dataclass(frozen=True)
class DeadZero(LineFault):
    """The sensor is dead and its box goes on telling 0."""

    kind: ClassVar[str] = "dead_zero"
    order: ClassVar[int] = 40

    def apply(self, told: Telling, house: House) -> Telling:
        none = np.zeros_like(told.ins[told.between(self.start_at, self.end_at)])
        return self._with(told, none, none)


@dataclass(frozen=True)
class RegisterReset(LineFault):
    """A gate's register falls to 0, and with it the people since the reading before."""

    kind: ClassVar[str] = "register_reset"
    order: ClassVar[int] = 60

    def apply(self, told: Telling, house: House) -> Telling:
        at = told.between(self.start_at, self.end_at).start
        if at >= told.ins.size:
            return told
        came, left = told.ins.copy(), told.outs.copy()
        for register in (came, left):
            register[at:] = wrapped(told.line, register[at:] - register[at])
        return replace(told, ins=came, outs=left)


@dataclass(frozen=True)
class RegisterRollover(LineFault):
    """A gate's register reaches its end inside the stretch and starts again from 0. Nobody is lost.

    The register was higher all along than that of a new gate, so every reading is another one; its steps are not.
    """

    kind: ClassVar[str] = "register_rollover"
    order: ClassVar[int] = 55

    def apply(self, told: Telling, house: House) -> Telling:
        if told.line.register_modulus is None:
            raise ConfigurationError(
                f"library.yaml: line {self.line_id} has no register_modulus.",
                next_action="Say at which number its register starts again.",
            )
        at = told.between(self.start_at, self.end_at).start
        came, left = (wrapped(told.line, side - side[at]) for side in (told.ins, told.outs))
        return replace(told, ins=came, outs=left)


def draw_dead_zeros(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(strikes(random, house, "dead_zero", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        start_at = open_moment(house, line_id, random)
        hours = round(log_uniform(random, 4, 21 * 24))
        yield DeadZero(line_id, start_at, start_at + timedelta(hours=hours))


def draw_spikes(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(strikes(random, house, "spike", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        truth = house.truth(line_id)
        start_at = open_moment(house, line_id, random)
        usual = max(1.0, float(truth.ins[house.is_open(line_id)].mean()))
        factor = float(random.uniform(20, 60))
        yield Spike(line_id, start_at, start_at + timedelta(minutes=truth.minutes), factor, usual)


def draw_swapped(house: House, random: Random) -> Iterator[LineFault]:
    lines = [n for n in house.lines() if house.doors[n].line.rule != "breaks_halved"]  # a beam has no directions
    for _ in range(strikes(random, house, "swapped", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        start_at = open_moment(house, line_id, random)
        yield Swapped(line_id, start_at, start_at + timedelta(days=int(random.integers(5, 61))))


def draw_internal_doubled(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(role="internal"):
        first_at, end_at = validity(house.doors[line_id].line, house.days, house.configuration.zone)
        start_at = first_at + (end_at - first_at) * float(random.uniform(0, 0.5))
        yield InternalDoubled(line_id, start_at.replace(minute=0, second=0, microsecond=0), end_at)


def draw_resets(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(adapters=("gate_readings",)):
        for _ in range(max(1, int(random.poisson(0.7 * house.year_count())))):
            start_at = busy_moment(house, line_id, random, 0.5, 1.0)
            yield RegisterReset(line_id, start_at, start_at + timedelta(minutes=house.truth(line_id).minutes))


def draw_rollovers(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(adapters=("gate_readings",)):
        if house.doors[line_id].line.register_modulus is not None:
            start_at = busy_moment(house, line_id, random, 0.1, 0.5)
            yield RegisterRollover(line_id, start_at, start_at + timedelta(minutes=house.truth(line_id).minutes))
