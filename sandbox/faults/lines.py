"""What a fault of a counter is: a stretch of time in which a line's telling is not what it was.

What belongs here: the form that all of them have. What does not: any one of them (`counters`, `clocks`, `outages`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from sandbox.faults.house import House
from sandbox.tellings import Telling
from sandbox.visits import Counts


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
