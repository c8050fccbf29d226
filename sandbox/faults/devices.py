"""Replaced devices and moved branches: no fault of a counter, and described as the library would have to describe them.

What belongs here: what changes the description. What does not: what changes only what is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from ingest.config import Configuration, Line, OpeningException
from sandbox.faults.drawing import Random, stream
from sandbox.faults.house import House

_REPLACED_SHARE = 0.08


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


def draw_move(configuration: Configuration, days: Sequence[date], seed: int) -> BranchMove | None:
    """A branch with one line that moves in the middle half of the days; None where there is no such branch."""
    random = stream(seed, "moved")
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


def draw_replaced(house: House, random: Random, moved: set[str]) -> Iterator[ReplacedSensor]:
    lines = [line_id for line_id in house.lines() if line_id not in moved]
    if not lines:
        return
    count = max(1, round(_REPLACED_SHARE * len(lines)))
    for line_id in sorted(random.choice(lines, size=count, replace=False).tolist()):
        on = house.days[int(random.integers(len(house.days) // 5, len(house.days) * 4 // 5))]
        yield ReplacedSensor(line_id, on, _successor(house.configuration, house.doors[line_id].line, on))
