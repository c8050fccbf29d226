"""Outages and gaps: intervals of which nothing was told, drawn until a share of the open ones is lost.

What belongs here: what is missing. What does not: what is told wrongly (`counters`, `clocks`), and files that come late
(`deliveries`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from sandbox.faults.drawing import Random, log_uniform
from sandbox.faults.house import House, Mask
from sandbox.faults.lines import LineFault
from sandbox.tellings import Moments, Telling, moment_of

# Blocks of lost intervals: how common a class is, and between which lengths in minutes it is drawn, all lengths of a
# class equally common on a logarithmic scale. Most are a power cut or a restart; what loses most is the rare dead
# device that nobody looks at for weeks.
_BLOCKS = ((0.40, 15, 120), (0.30, 120, 1440), (0.20, 1440, 7 * 1440), (0.08, 7 * 1440, 30 * 1440))
_LONGEST_BLOCKS = (30 * 1440, 60 * 1440)
# A switch or a line to the outside that fails takes all counters of its branch along.
_WHOLE_BRANCH_SHARE = 0.25


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


def draw_outages(house: House, random: Random, share: float) -> Iterator[Outage]:
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
            return log_uniform(random, low, high)
        drawn -= share
    return log_uniform(random, *_LONGEST_BLOCKS)
