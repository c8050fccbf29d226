"""All faults of one world: drawn from a seed, applied in a fixed order, and recorded.

What belongs here: which kinds there are, in what order they compose, and the truth about what was done. What does not:
any one kind (`outages`, `counters`, `clocks`, `devices`, `deliveries`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from ingest.config import Configuration, Line, start_of
from ingest.errors import ConfigurationError
from sandbox.faults.clocks import draw_clock_changes, draw_drifts, draw_wrong_zones
from sandbox.faults.counters import (
    draw_dead_zeros,
    draw_internal_doubled,
    draw_resets,
    draw_rollovers,
    draw_spikes,
    draw_swapped,
)
from sandbox.faults.deliveries import (
    DeliveredTwice,
    FileFault,
    Overlapping,
    RepeatedRows,
    draw_duplicates,
    draw_late,
    draw_reordered,
)
from sandbox.faults.devices import BranchMove, ReplacedSensor, draw_replaced
from sandbox.faults.drawing import Random, stream
from sandbox.faults.house import House
from sandbox.faults.lines import LineFault
from sandbox.faults.outages import draw_outages
from sandbox.tellings import Telling, utc64, validity
from sandbox.vendors import Parcel, has_rows, parcels
from sandbox.world import CLOCK, World

RECORD = (
    "kind", "source_id", "branch_id", "line_id", "file_name", "start_at", "end_at", "people_affected", "detail",
)  # fmt: skip


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
    for kind, draw in DRAWN.items():
        if kind in asked:
            line_faults.extend(draw(house, stream(seed, kind)))
    if "outage" in asked:
        line_faults.extend(draw_outages(house, stream(seed, "outage"), share_missing))
    moved = {line_id for move in moves for line_id in (move.line_id, move.successor.line_id)}
    replaced = tuple(draw_replaced(house, stream(seed, "replaced_sensor"), moved)) if "replaced_sensor" in asked else ()
    configuration = world.configuration
    for sensor in replaced:
        configuration = sensor.describe(configuration)
    made = FaultPlan(world, seed, configuration, tuple(line_faults), replaced, tuple(moves))
    file_faults: list[FileFault] = []
    coming = made.parcels()
    for kind, draw_files in DELIVERED.items():
        if kind in asked:
            struck = {(fault.parcel.source_id, fault.parcel.name) for fault in file_faults}
            drawn = draw_files(house, coming, stream(seed, kind), clock)
            # One fault a file: a late file that is also reordered would make one of the two records untrue.
            file_faults.extend(f for f in drawn if (f.parcel.source_id, f.parcel.name) not in struck)
    return replace(made, file_faults=tuple(file_faults))


DRAWN: dict[str, Callable[[House, Random], Iterator[LineFault]]] = {
    "dead_zero": draw_dead_zeros,
    "register_reset": draw_resets,
    "register_rollover": draw_rollovers,
    "clock_drift": draw_drifts,
    "wrong_zone": draw_wrong_zones,
    "dst": draw_clock_changes,
    "internal_doubled": draw_internal_doubled,
    "swapped": draw_swapped,
    "spike": draw_spikes,
}
DELIVERED: dict[str, Callable[[House, list[Parcel], Random, datetime], Iterator[FileFault]]] = {
    "reordered": draw_reordered,
    "late": draw_late,
    "duplicate": draw_duplicates,
}
KINDS = ("outage", *DRAWN, *DELIVERED, "replaced_sensor", "moved")
