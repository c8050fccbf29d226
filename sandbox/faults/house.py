"""What faults may know of the world: who truly came, and when each branch is open.

What belongs here: questions to the truth and the description. What does not: anything that is drawn (`drawing`) or told
wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from sandbox.tellings import Telling, grid_of, tell, utc64
from sandbox.vendors import local_steps, nobody_in_the_repeated_hour
from sandbox.visits import open_quarters
from sandbox.world import World

Mask = npt.NDArray[np.bool_]


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
