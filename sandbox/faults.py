"""What goes wrong between a person in a door and a file in a folder, drawn from a seed.

What belongs here: faults of counters (`LineFault`) and of deliveries (`FileFault`), how often and where they strike,
and the record of what was done. What does not: how many people came (`visits.py`), how a make writes (`vendors.py`),
nor anything about how the pipeline finds a fault or makes up for it.

A fault changes what is told and never what happened. Each kind is drawn from its own stream of random numbers, so that
leaving one out moves no other. Faults compose in a fixed order: what the sensor sees, then its clock and register, then
what is lost, then the stamps, then the file. To add a kind: a class with `kind`, `order` and `apply`, a function that
draws it, and a row in `_DRAWN`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.config import Configuration, Line, OpeningException, start_of
from ingest.errors import ConfigurationError
from sandbox.tellings import Moments, Telling, grid_of, moment_of, tell, utc64, validity, wrapped
from sandbox.vendors import Parcel, has_rows, local_steps, nobody_in_the_repeated_hour, parcels
from sandbox.visits import Counts, DoorCounts, open_quarters
from sandbox.world import CLOCK, World

Random = np.random.Generator
Mask = npt.NDArray[np.bool_]

RECORD = (
    "kind", "source_id", "branch_id", "line_id", "file_name", "start_at", "end_at", "people_affected", "detail",
)  # fmt: skip

# Blocks of lost intervals: how common a class is, and between which lengths in minutes it is drawn, all lengths of a
# class equally common on a logarithmic scale. Most are a power cut or a restart; what loses most is the rare dead
# device that nobody looks at for weeks.
_BLOCKS = ((0.40, 15, 120), (0.30, 120, 1440), (0.20, 1440, 7 * 1440), (0.08, 7 * 1440, 30 * 1440))
_LONGEST_BLOCKS = (30 * 1440, 60 * 1440)
# A switch or a line to the outside that fails takes all counters of its branch along.
_WHOLE_BRANCH_SHARE = 0.25

# Strikes per line and year. Nobody publishes these; they are set so that a dozen lines over two years show each kind a
# few times, and whoever measures can ask for any subset.
_PER_LINE_YEAR = {"dead_zero": 0.25, "spike": 0.8, "swapped": 0.08, "clock_drift": 0.15, "wrong_zone": 0.1}
_REPLACED_SHARE = 0.08
# Of deliveries: monthly files, and daily ones, of which there are thirty times as many.
_FILE_SHARES = {"late": (0.06, 0.01), "duplicate": (0.12, 0.01)}


class House:
    """What faults may know of the world: the true tellings, and when each branch is open."""

    def __init__(self, world: World) -> None:
        self.configuration = world.configuration
        self.days = world.days
        self.doors = {door.line.line_id: door for door in world.doors}
        for door in world.doors:
            nobody_in_the_repeated_hour(door, self.days, self.configuration.zone)
        self._truths: dict[str, Telling] = {}
        self._open: dict[str, Mask] = {}

    def truth(self, line_id: str) -> Telling:
        """What a faultless counter would have told."""
        if line_id not in self._truths:
            self._truths[line_id] = tell(self.configuration, self.doors[line_id], self.days)
        return self._truths[line_id]

    def is_open(self, line_id: str) -> Mask:
        """For each row of the true telling, whether the branch is open in some part of it."""
        if line_id not in self._open:
            telling, zone = self.truth(line_id), self.configuration.zone
            quarters = open_quarters(self.configuration, telling.line.branch_id, list(self.days))
            steps = grid_of(self.days, zone, telling.minutes)
            parts = telling.minutes // 15
            by_step: Mask = np.any(quarters.reshape(len(self.days), -1, parts), axis=2)
            stood = np.isin(steps.start_at, telling.start_at, assume_unique=True)
            self._open[line_id] = by_step[steps.row, steps.quarter // parts][stood]
        return self._open[line_id]

    def people(self, line_id: str, start_at: datetime, end_at: datetime) -> int:
        """Who truly entered by a line in the quarters that start in a stretch of time."""
        steps = grid_of(self.days, self.configuration.zone, 15)
        first, end = np.searchsorted(steps.start_at, [utc64(start_at), utc64(end_at)])
        door = self.doors[line_id]
        return int(door.ins[steps.row[first:end], steps.quarter[first:end]].sum())

    def year_count(self) -> float:
        return len(self.days) / 365

    def lines(
        self, *, role: str | None = "perimeter", adapters: Sequence[str] = ("interval_csv", "brickstream")
    ) -> list[str]:
        """Lines of a role, told by one of the adapters, in the description's order."""
        return [
            line_id
            for line_id, door in self.doors.items()
            if role in (None, door.line.role)
            and self.configuration.source(door.line.source_id).adapter in adapters
            and self.is_open(line_id).any()
        ]

    def change_days(self) -> list[date]:
        """Days on which the clock changes."""
        return [day for day in self.days if len(local_steps(day, self.configuration.zone, 60)) != 24]


# -- counters -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineFault:
    """Something wrong with one line's counter for a stretch of time.

    Attributes:
        start_at, end_at: aware, the end excluded; outside of them the telling is what it was.
    """

    kind: ClassVar[str]
    order: ClassVar[int]

    line_id: str
    start_at: datetime
    end_at: datetime

    def apply(self, told: Telling, house: House) -> Telling:
        """The telling with this fault in it."""
        raise NotImplementedError

    @property
    def detail(self) -> str:
        """What a reader of the record wants to know beyond the stretch."""
        return ""

    def _with(self, told: Telling, ins: Counts, outs: Counts) -> Telling:
        """The telling with other counts in the stretch."""
        where = told.between(self.start_at, self.end_at)
        came, left = told.ins.copy(), told.outs.copy()
        came[where], left[where] = ins, outs
        return replace(told, ins=came, outs=left)


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


@dataclass(frozen=True)
class Outage(LineFault):
    """Intervals of which nothing was told, or readings that were not made.

    Attributes:
        scope: `line`, or `branch` when all its counters went silent at once.
    """

    kind: ClassVar[str] = "outage"
    order: ClassVar[int] = 70

    scope: str = "line"

    def apply(self, told: Telling, house: House) -> Telling:
        is_told = np.ones(told.start_at.size, dtype=np.bool_)
        is_told[told.between(self.start_at, self.end_at)] = False
        return told.rows(is_told)

    @property
    def detail(self) -> str:
        return self.scope


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


@dataclass(frozen=True)
class ReplacedSensor:
    """From a date on another device counts a door. The description says so, as the library would have to.

    Attributes:
        successor: the line of the new device.
    """

    kind: ClassVar[str] = "replaced_sensor"

    line_id: str
    on: date
    successor: Line

    def describe(self, configuration: Configuration) -> Configuration:
        """The description with the old line ended and the new one begun."""
        return _with_successor(configuration, self.line_id, self.on, self.successor)


@dataclass(frozen=True)
class BranchMove:
    """A branch that closes, moves and opens again elsewhere, with other people and a new device.

    No fault of the counter, and part of the truth: people follow `factor` from `opens_on` on. The description has the
    closure and the new line; that figures before and after are not comparable follows from it.

    Attributes:
        factor: how many more (or fewer) people come at the new place.
    """

    kind: ClassVar[str] = "moved"

    line_id: str
    branch_id: str
    closes_on: date
    opens_on: date
    factor: float
    successor: Line

    def describe(self, configuration: Configuration) -> Configuration:
        """The description with the closure in it, the old line ended and the new one begun."""
        closure = OpeningException(
            branch_ids=(self.branch_id,),
            first_on=self.closes_on,
            last_on=self.opens_on - timedelta(days=1),
            kind="closed",
            reason="flytting til nye lokale",
            source="simulated",
        )
        library = configuration.library
        library = library.model_copy(update={"opening_exceptions": (*library.opening_exceptions, closure)})
        closed = configuration.model_copy(update={"library": library})
        ended = _with_successor(closed, self.line_id, self.opens_on, self.successor)
        lines = tuple(
            line.model_copy(update={"valid_to": self.closes_on}) if line.line_id == self.line_id else line
            for line in ended.library.lines
        )
        return ended.model_copy(update={"library": ended.library.model_copy(update={"lines": lines})})


def _with_successor(configuration: Configuration, line_id: str, on: date, successor: Line) -> Configuration:
    lines: list[Line] = []
    for line in configuration.library.lines:
        lines.append(line.model_copy(update={"valid_to": on}) if line.line_id == line_id else line)
        if line.line_id == line_id:
            lines.append(successor)
    return configuration.model_copy(
        update={"library": configuration.library.model_copy(update={"lines": tuple(lines)})}
    )


def _successor(configuration: Configuration, line: Line, on: date) -> Line:
    """The line of a new device at the same door."""
    changed: dict[str, object] = {"line_id": f"{line.line_id}_ny", "valid_from": on, "valid_to": line.valid_to}
    if configuration.source(line.source_id).adapter == "brickstream":
        changed["device_key"] = str(int(line.device_key) + 1)
    else:
        changed |= {"door": f"{line.door} ny", "device_key": f"{line.device_key} ny"}
    return line.model_copy(update=changed)


# -- deliveries -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileFault:
    """Something wrong with the delivery of one file. No number in it changes.

    Attributes:
        parcel: the file as it would have come.
    """

    kind: ClassVar[str]

    parcel: Parcel

    def apply(self, asked: list[Parcel]) -> list[Parcel]:
        """The parcels with this fault among them."""
        raise NotImplementedError

    @property
    def detail(self) -> str:
        return ""

    def _changed(self, asked: list[Parcel], **changes: object) -> list[Parcel]:
        """The parcel of the same name changed, whatever became of it before."""
        return [replace(p, **changes) if self._is(p) else p for p in asked]  # type: ignore[arg-type]

    def _is(self, parcel: Parcel) -> bool:
        return (parcel.source_id, parcel.name, parcel.end_on) == (
            self.parcel.source_id,
            self.parcel.name,
            self.parcel.end_on,
        )


@dataclass(frozen=True)
class ArrivesLate(FileFault):
    """A file that comes days or months after its time."""

    kind: ClassVar[str] = "late"

    at: datetime

    def apply(self, asked: list[Parcel]) -> list[Parcel]:
        return self._changed(asked, written_at=self.at)

    @property
    def detail(self) -> str:
        return f"{(self.at - self.parcel.written_at) / timedelta(days=1):.1f} days late"


@dataclass(frozen=True)
class Reordered(ArrivesLate):
    """One of several files that came in another order than they were written."""

    kind: ClassVar[str] = "reordered"


@dataclass(frozen=True)
class DeliveredTwice(FileFault):
    """A file that comes again: `copy` under a copy's name, `again` under its own, or `part` of it before the whole.

    Attributes:
        at: when the other one comes.
    """

    kind: ClassVar[str] = "duplicate"

    way: str
    at: datetime

    def apply(self, asked: list[Parcel]) -> list[Parcel]:
        if self.way == "part":
            half = self.parcel.first_on + (self.parcel.end_on - self.parcel.first_on) // 2
            twin = replace(self.parcel, end_on=half, written_at=self.at)
        else:
            name = f"Kopi av {self.parcel.name}" if self.way == "copy" else self.parcel.name
            twin = replace(next(p for p in asked if self._is(p)), name=name, written_at=self.at)
        return [*asked, twin]

    @property
    def detail(self) -> str:
        return self.way


@dataclass(frozen=True)
class Overlapping(FileFault):
    """A file that begins days before its time, with rows that the file before it held already."""

    kind: ClassVar[str] = "duplicate"

    first_on: date

    def apply(self, asked: list[Parcel]) -> list[Parcel]:
        return self._changed(asked, first_on=self.first_on)

    @property
    def detail(self) -> str:
        return f"overlap from {self.first_on}"


@dataclass(frozen=True)
class RepeatedRows(FileFault):
    """A file in which a line's day stands twice."""

    kind: ClassVar[str] = "duplicate"

    line_id: str
    day: date

    def apply(self, asked: list[Parcel]) -> list[Parcel]:
        return self._changed(asked, repeats=((self.line_id, self.day),))

    @property
    def detail(self) -> str:
        return f"rows of {self.day} twice"


# -- the plan -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FaultPlan:
    """All faults of one world.

    Attributes:
        configuration: the description as the library would have it, replaced devices included.
        line_faults, replaced, moves, file_faults: what was drawn.
    """

    world: World
    seed: int
    configuration: Configuration
    line_faults: tuple[LineFault, ...] = ()
    replaced: tuple[ReplacedSensor, ...] = ()
    moves: tuple[BranchMove, ...] = ()
    file_faults: tuple[FileFault, ...] = ()

    @cached_property
    def house(self) -> House:
        return House(self.world)

    def tell(self) -> list[Telling]:
        """What every line tells; the line of a replaced device twice, before and after."""
        return list(self._tellings)

    @cached_property
    def _tellings(self) -> tuple[Telling, ...]:
        told: list[Telling] = []
        for line_id in self.house.doors:
            telling = self.house.truth(line_id)
            for fault in sorted(self.line_faults, key=lambda f: (f.order, f.start_at, f.end_at)):
                if fault.line_id == line_id:
                    telling = fault.apply(telling, self.house)
            told.extend(self._by_device(telling))
        return tuple(told)

    def _by_device(self, telling: Telling) -> Iterator[Telling]:
        replaced = next((r for r in self.replaced if r.line_id == telling.line.line_id), None)
        if replaced is None:
            yield telling
            return
        at = int(np.searchsorted(telling.start_at, utc64(start_of(replaced.on, self.configuration.zone))))
        ended = telling.line.model_copy(update={"valid_to": replaced.on})
        yield replace(telling.rows(slice(0, at)), line=ended)
        yield replace(telling.rows(slice(at, None)), line=replaced.successor)

    def parcels(self) -> list[Parcel]:
        """Which files come when, in the order in which they come. A file without a row never comes."""
        asked = parcels(self.configuration, [t.line for t in self._tellings], self.world.days)
        asked = [parcel for parcel in asked if has_rows(self.configuration, parcel, self._tellings)]
        for fault in self.file_faults:
            asked = fault.apply(asked)
        return sorted(asked, key=lambda p: (p.written_at, p.source_id, p.name, p.end_on))

    @property
    def records(self) -> pd.DataFrame:
        """The truth about the faults: one row per fault and line that it strikes, in order of time.

        `people_affected` are those who truly entered by the line in the stretch, lost or not. For a fault of a
        delivery they are the people that its file, or the repeated part of it, tells of. Times are UTC.
        """
        rows = [*self._line_records(), *self._file_records()]
        rows.sort(key=lambda row: tuple(str(row[name]) for name in ("start_at", "kind", "line_id", "file_name")))
        objects = {"file_name": object}  # what is missing must stay None, and not become a number
        return pd.DataFrame({n: pd.Series([row[n] for row in rows], dtype=objects.get(n)) for n in RECORD})

    def _record(
        self, kind: str, line: Line, start_at: datetime, end_at: datetime, file_name: str | None, detail: str
    ) -> dict[str, object]:
        origin = line.line_id
        if origin not in self.house.doors:
            origin = next(r.line_id for r in self.replaced if r.successor.line_id == origin)
        return {
            "kind": kind,
            "source_id": line.source_id,
            "branch_id": line.branch_id,
            "line_id": line.line_id,
            "file_name": file_name,
            "start_at": pd.Timestamp(start_at).tz_convert("UTC"),
            "end_at": pd.Timestamp(end_at).tz_convert("UTC"),
            "people_affected": self.house.people(origin, start_at, end_at),
            "detail": detail,
        }

    def _line_records(self) -> Iterator[dict[str, object]]:
        zone, days = self.configuration.zone, self.world.days
        lines = {line_id: door.line for line_id, door in self.house.doors.items()}
        for fault in self.line_faults:
            line = lines[fault.line_id]
            for sensor in self.replaced:  # a fault of a new device stands under the new device's line
                if sensor.line_id == line.line_id and fault.start_at >= start_of(sensor.on, zone):
                    line = sensor.successor
            yield self._record(fault.kind, line, fault.start_at, fault.end_at, None, fault.detail)
        for sensor in self.replaced:
            start_at, end_at = validity(sensor.successor, days, zone)
            detail = f"instead of {sensor.line_id}"
            yield self._record(sensor.kind, sensor.successor, start_at, end_at, None, detail)
        for move in self.moves:
            line = lines[move.successor.line_id]
            start_at, end_at = validity(line, days, zone)
            detail = f"closed from {move.closes_on}, then {move.factor:.2f} times the people"
            yield self._record(move.kind, line, start_at, end_at, None, detail)

    def _file_records(self) -> Iterator[dict[str, object]]:
        zone = self.configuration.zone
        for fault in self.file_faults:
            parcel = fault.parcel
            first_on, end_on = parcel.first_on, parcel.end_on
            if isinstance(fault, Overlapping):
                first_on, end_on = fault.first_on, first_on
            if isinstance(fault, RepeatedRows):
                first_on, end_on = fault.day, fault.day + timedelta(days=1)
            if isinstance(fault, DeliveredTwice) and fault.way == "part":
                end_on = first_on + (end_on - first_on) // 2
            for line in self.configuration.library.lines:
                if line.source_id != parcel.source_id or parcel.line_id not in (None, line.line_id):
                    continue
                if isinstance(fault, RepeatedRows) and fault.line_id != line.line_id:
                    continue
                stood_at, gone_at = validity(line, self.world.days, zone)
                start_at, end_at = max(start_of(first_on, zone), stood_at), min(start_of(end_on, zone), gone_at)
                if start_at < end_at:
                    yield self._record(fault.kind, line, start_at, end_at, parcel.name, fault.detail)


def plan(
    world: World,
    seed: int,
    *,
    share_missing: float = 0.05,
    kinds: Sequence[str] | None = None,
    moves: Sequence[BranchMove] = (),
    clock: datetime = CLOCK,
) -> FaultPlan:
    """Draw the faults of a world.

    Args:
        share_missing: how much of the open intervals of all perimeter lines is lost to outages, 0 to 1.
        kinds: some of `KINDS`; all of them when None. A kind that nothing in the description can have is left out.
        moves: the moves that the world was built with; they are recorded, not drawn.
        clock: every file has come by then, aware.

    Raises:
        ConfigurationError: an unknown kind, an impossible share, or people in an hour that the clock shows twice.
    """
    asked = KINDS if kinds is None else tuple(kinds)
    unknown = sorted(set(asked) - set(KINDS))
    if unknown:
        raise ConfigurationError(f"no kind of fault {unknown}.", next_action=f"Use some of: {', '.join(KINDS)}.")
    if not 0 <= share_missing < 1:
        raise ConfigurationError(f"{share_missing} is no share.", next_action="Use a share from 0 up to 1.")
    house = House(world)
    line_faults: list[LineFault] = []
    for kind, draw in _DRAWN.items():
        if kind in asked:
            line_faults.extend(draw(house, _stream(seed, kind)))
    if "outage" in asked:
        line_faults.extend(_outages(house, _stream(seed, "outage"), share_missing))
    moved = {line_id for move in moves for line_id in (move.line_id, move.successor.line_id)}
    replaced = tuple(_replaced(house, _stream(seed, "replaced_sensor"), moved)) if "replaced_sensor" in asked else ()
    configuration = world.configuration
    for sensor in replaced:
        configuration = sensor.describe(configuration)
    made = FaultPlan(world, seed, configuration, tuple(line_faults), replaced, tuple(moves))
    file_faults: list[FileFault] = []
    coming = made.parcels()
    for kind, draw_files in _DELIVERED.items():
        if kind in asked:
            struck = {(fault.parcel.source_id, fault.parcel.name) for fault in file_faults}
            drawn = draw_files(house, coming, _stream(seed, kind), clock)
            # One fault a file: a late file that is also reordered would make one of the two records untrue.
            file_faults.extend(f for f in drawn if (f.parcel.source_id, f.parcel.name) not in struck)
    return replace(made, file_faults=tuple(file_faults))


def draw_move(configuration: Configuration, days: Sequence[date], seed: int) -> BranchMove | None:
    """A branch with one line that moves in the middle half of the days; None where there is no such branch."""
    random = _stream(seed, "moved")
    by_branch: dict[str, list[Line]] = {}
    for line in configuration.library.lines:
        by_branch.setdefault(line.branch_id, []).append(line)
    able = [
        lines[0]
        for lines in by_branch.values()
        if len(lines) == 1 and configuration.source(lines[0].source_id).adapter == "interval_csv"
    ]
    if not able:
        return None
    line = able[int(random.integers(len(able)))]
    closes_on = days[int(random.integers(len(days) // 4, len(days) * 3 // 4))]
    opens_on = closes_on + timedelta(days=int(random.integers(10, 29)))
    factor = float(random.uniform(1.4, 2.2) if random.random() < 0.6 else random.uniform(0.5, 0.75))
    successor = _successor(configuration, line, opens_on)
    return BranchMove(line.line_id, line.branch_id, closes_on, opens_on, factor, successor)


def _stream(seed: int, kind: str) -> Random:
    return np.random.default_rng([seed, 9, zlib.crc32(kind.encode())])


def _count(random: Random, house: House, kind: str, lines: Sequence[str]) -> int:
    """How often a kind strikes; at least once where it can."""
    return max(1, int(random.poisson(_PER_LINE_YEAR[kind] * len(lines) * house.year_count()))) if lines else 0


def _open_moment(house: House, line_id: str, random: Random) -> datetime:
    """The start of an open interval."""
    starts = house.truth(line_id).start_at[house.is_open(line_id)]
    return moment_of(starts[int(random.integers(starts.size))])


def _log_uniform(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _busy_moment(house: House, line_id: str, random: Random, first: float, end: float) -> datetime:
    """The start of an interval in which people entered, between two shares of the time. Rollovers come in the first
    half and resets in the second: a register that was reset no longer comes to its end."""
    truth = house.truth(line_id)
    came = np.diff(truth.ins, prepend=truth.ins[0]) > 0
    rows = np.flatnonzero(came)
    rows = rows[(rows >= first * came.size) & (rows < end * came.size)]
    if not rows.size:
        return _open_moment(house, line_id, random)
    return moment_of(truth.start_at[rows[int(random.integers(rows.size))]])


def _nights(house: House, line_id: str, random: Random, most_days: int) -> tuple[datetime, datetime] | None:
    """A stretch of whole local days around an open one, without a clock change in or near it.

    It begins and ends at midnight, when nobody is there whose hour would be told twice or not at all.
    """
    zone, changes = house.configuration.zone, house.change_days()
    first_at, end_at = validity(house.doors[line_id].line, house.days, zone)
    for _attempt in range(50):
        first_on = _open_moment(house, line_id, random).astimezone(zone).date()
        end_on = first_on + timedelta(days=round(_log_uniform(random, 3, most_days)))
        is_calm = not any(first_on - timedelta(days=2) <= day <= end_on + timedelta(days=1) for day in changes)
        start_at, stop_at = start_of(first_on, zone), start_of(end_on, zone)
        if is_calm and first_at < start_at and stop_at < end_at:
            return start_at, stop_at
    return None


def _outages(house: House, random: Random, share: float) -> Iterator[Outage]:
    """Blocks until the share of open intervals is lost; the last one is cut so that it is met."""
    lines = house.lines(adapters=("interval_csv", "brickstream", "gate_readings"))
    left = {line_id: house.is_open(line_id).copy() for line_id in lines}
    wanted = round(share * sum(int(mask.sum()) for mask in left.values()))
    while wanted > 0:
        line_id = lines[int(random.integers(len(lines)))]
        starts = house.truth(line_id).start_at[left[line_id]]
        length = timedelta(minutes=_block_minutes(random))
        is_whole_branch = random.random() < _WHOLE_BRANCH_SHARE
        if not starts.size:
            continue
        start_at = moment_of(starts[int(random.integers(starts.size))])
        branch_id = house.doors[line_id].line.branch_id
        struck = [n for n in lines if house.doors[n].line.branch_id == branch_id] if is_whole_branch else [line_id]
        end_at = _cut(house, left, struck, start_at, start_at + length, wanted)
        for name in struck:
            where = house.truth(name).between(start_at, end_at)
            wanted -= int(left[name][where].sum())
            left[name][where] = False
            yield Outage(name, start_at, end_at, "branch" if is_whole_branch else "line")


def _cut(
    house: House, left: Mapping[str, Mask], struck: Sequence[str], start_at: datetime, end_at: datetime, wanted: int
) -> datetime:
    """The block's end, earlier if it would lose more than is wanted."""
    ends: list[Moments] = []
    for name in struck:
        truth = house.truth(name)
        where = truth.between(start_at, end_at)
        ends.append(truth.start_at[where][left[name][where]] + np.timedelta64(truth.minutes, "m"))
    lost = np.sort(np.concatenate(ends))
    return end_at if lost.size <= wanted else moment_of(lost[wanted - 1])


def _block_minutes(random: Random) -> float:
    drawn = random.random()
    for share, low, high in _BLOCKS:
        if drawn < share:
            return _log_uniform(random, low, high)
        drawn -= share
    return _log_uniform(random, *_LONGEST_BLOCKS)


def _dead_zeros(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(_count(random, house, "dead_zero", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        start_at = _open_moment(house, line_id, random)
        hours = round(_log_uniform(random, 4, 21 * 24))
        yield DeadZero(line_id, start_at, start_at + timedelta(hours=hours))


def _spikes(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(_count(random, house, "spike", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        truth = house.truth(line_id)
        start_at = _open_moment(house, line_id, random)
        usual = max(1.0, float(truth.ins[house.is_open(line_id)].mean()))
        factor = float(random.uniform(20, 60))
        yield Spike(line_id, start_at, start_at + timedelta(minutes=truth.minutes), factor, usual)


def _swapped(house: House, random: Random) -> Iterator[LineFault]:
    lines = [n for n in house.lines() if house.doors[n].line.rule != "breaks_halved"]  # a beam has no directions
    for _ in range(_count(random, house, "swapped", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        start_at = _open_moment(house, line_id, random)
        yield Swapped(line_id, start_at, start_at + timedelta(days=int(random.integers(5, 61))))


def _drifts(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines()
    for _ in range(_count(random, house, "clock_drift", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        pace = float(random.choice([-1, 1])) * _log_uniform(random, 0.5, 3)
        seed = int(random.integers(2**31))
        if stretch := _nights(house, line_id, random, 60):
            yield ClockDrift(line_id, *stretch, pace, 45, seed)


def _wrong_zones(house: House, random: Random) -> Iterator[LineFault]:
    lines = house.lines(adapters=("interval_csv",))  # a camera sends the moment beside its stamp
    for _ in range(_count(random, house, "wrong_zone", lines)):
        line_id = lines[int(random.integers(len(lines)))]
        hours = (None, -1, 1)[int(random.integers(3))]
        if stretch := _nights(house, line_id, random, 40):
            yield WrongZone(line_id, *stretch, hours)


def _clock_changes(house: House, random: Random) -> Iterator[LineFault]:
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


def _internal_doubled(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(role="internal"):
        first_at, end_at = validity(house.doors[line_id].line, house.days, house.configuration.zone)
        start_at = first_at + (end_at - first_at) * float(random.uniform(0, 0.5))
        yield InternalDoubled(line_id, start_at.replace(minute=0, second=0, microsecond=0), end_at)


def _resets(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(adapters=("gate_readings",)):
        for _ in range(max(1, int(random.poisson(0.7 * house.year_count())))):
            start_at = _busy_moment(house, line_id, random, 0.5, 1.0)
            yield RegisterReset(line_id, start_at, start_at + timedelta(minutes=house.truth(line_id).minutes))


def _rollovers(house: House, random: Random) -> Iterator[LineFault]:
    for line_id in house.lines(adapters=("gate_readings",)):
        if house.doors[line_id].line.register_modulus is not None:
            start_at = _busy_moment(house, line_id, random, 0.1, 0.5)
            yield RegisterRollover(line_id, start_at, start_at + timedelta(minutes=house.truth(line_id).minutes))


def _replaced(house: House, random: Random, moved: set[str]) -> Iterator[ReplacedSensor]:
    lines = [line_id for line_id in house.lines() if line_id not in moved]
    if not lines:
        return
    count = max(1, round(_REPLACED_SHARE * len(lines)))
    for line_id in sorted(random.choice(lines, size=count, replace=False).tolist()):
        on = house.days[int(random.integers(len(house.days) // 5, len(house.days) * 4 // 5))]
        yield ReplacedSensor(line_id, on, _successor(house.configuration, house.doors[line_id].line, on))


def _share_of(parcel: Parcel, kind: str) -> float:
    monthly, daily = _FILE_SHARES[kind]
    return daily if parcel.end_on - parcel.first_on <= timedelta(days=1) else monthly


def _late(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
    struck = [p for p in asked if random.random() < _share_of(p, "late")] or [asked[int(random.integers(len(asked)))]]
    for parcel in struck:
        at = parcel.written_at + timedelta(days=_log_uniform(random, 2, 150))
        yield ArrivesLate(parcel, min(at.replace(microsecond=0), max(parcel.written_at, clock - timedelta(hours=1))))


def _reordered(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
    """Of each source, a run of files that come on one day, in another order than they were written."""
    by_source: dict[str, list[Parcel]] = {}
    for parcel in sorted(asked, key=lambda p: (p.source_id, p.end_on, p.name)):
        by_source.setdefault(parcel.source_id, []).append(parcel)
    for parcels_of in by_source.values():
        size = min(4, len(parcels_of))
        first = int(random.integers(len(parcels_of) - size + 1))
        run = parcels_of[first : first + size]
        order = random.permutation(size).tolist()
        if order == sorted(order):
            order.reverse()
        for place, parcel in zip(order, run, strict=True):
            at = max(p.written_at for p in run) + timedelta(minutes=5 * (place + 1))
            if at < clock:
                yield Reordered(parcel, at)


def _duplicates(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
    calm = [p for p in asked if not set(house.change_days()) & {p.first_on, p.end_on}]
    struck = [p for p in calm if random.random() < _share_of(p, "duplicate")]
    struck = struck or [calm[int(random.integers(len(calm)))]]
    for parcel in struck:
        is_monthly = parcel.end_on - parcel.first_on > timedelta(days=1)
        ways = ("copy", "again", "part", "overlap", "rows") if is_monthly else ("copy", "again")
        way = ways[int(random.integers(len(ways)))]
        later = parcel.written_at + timedelta(days=_log_uniform(random, 0.1, 30))
        before = parcel.first_on - timedelta(days=int(random.integers(2, 8)))
        length = (parcel.end_on - parcel.first_on).days
        day = parcel.first_on + timedelta(days=int(random.integers(length)))
        lines = [n for n, door in house.doors.items() if door.line.source_id == parcel.source_id]
        line_id = lines[int(random.integers(len(lines)))]
        if way == "overlap" and before >= house.days[0]:
            yield Overlapping(parcel, before)
        elif way == "rows" and day not in house.change_days():
            yield RepeatedRows(parcel, line_id, day)
        elif way == "part":
            half = parcel.first_on + (parcel.end_on - parcel.first_on) // 2
            yield DeliveredTwice(parcel, way, datetime.combine(half, time(1, 30), tzinfo=house.configuration.zone))
        elif later < clock:
            yield DeliveredTwice(parcel, "again" if way == "again" else "copy", later.replace(microsecond=0))


_DRAWN: dict[str, Callable[[House, Random], Iterator[LineFault]]] = {
    "dead_zero": _dead_zeros,
    "register_reset": _resets,
    "register_rollover": _rollovers,
    "clock_drift": _drifts,
    "wrong_zone": _wrong_zones,
    "dst": _clock_changes,
    "internal_doubled": _internal_doubled,
    "swapped": _swapped,
    "spike": _spikes,
}
_DELIVERED: dict[str, Callable[[House, list[Parcel], Random, datetime], Iterator[FileFault]]] = {
    "reordered": _reordered,
    "late": _late,
    "duplicate": _duplicates,
}
KINDS = ("outage", *_DRAWN, *_DELIVERED, "replaced_sensor", "moved")
