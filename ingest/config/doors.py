"""Counters: the lines that are counted, how their counts become visits, and what people decided about them.

What belongs here: what the description says of counts. What does not: how a make is read (the source's options), and
arithmetic (dbt).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from ingest.config.shared import Dated, Identifier, Model


class Line(Dated):
    """A counted direction set on one sensor at one door, and how its counts become visits.

    Attributes:
        rule: `mean_in_out` (directional counters), `breaks_halved` (one beam counts both ways) or `entries`.
        role: `perimeter` lines make visits; `internal` ones are kept and never added; `sample` is a door whose people
            are counted by hand in sample weeks, which make a year where nothing counts all the time.
        device_key, line_key: as the source's adapter delivers them.
        register_modulus: for counters that tell a register: the number at which it starts again from 0, such as
            65536, 1000000 or 4294967296. Without it no fall of the register is read as a rollover.
        register_rate_cap_per_hour: more people an hour than this door can let through in one direction. A larger
            step of the register is no count, and without a cap no step is too large.
    """

    line_id: Identifier
    branch_id: Identifier
    source_id: Identifier
    device_key: str
    line_key: str = "total"
    door: str = ""
    role: Literal["perimeter", "internal", "sample"] = "perimeter"
    rule: Literal["mean_in_out", "breaks_halved", "entries"]
    register_modulus: int | None = Field(default=None, ge=1000, le=2**62)
    register_rate_cap_per_hour: float | None = Field(default=None, gt=0)


class StructuralBreak(Model):
    """A date from which counts of a branch no longer compare with those before: it moved, was rebuilt, got other doors.

    Missing visits are never estimated across it, and no growth of visits is told over it: of the branch, and of an area
    all of whose branches broke that day. No `branch_ids` means every branch.
    """

    branch_ids: tuple[Identifier, ...] = ()
    broke_on: date
    reason: str


class CountDecision(Model):
    """What a person decided about the counts of some lines on some dates; `last_on` is included.

    `keep` counts what a rule took for dead or for a spike; `leave_out` does not count what was told. The bytes and
    observations stay as they are.
    """

    line_ids: tuple[Identifier, ...] = Field(min_length=1)
    first_on: date
    last_on: date
    verdict: Literal["keep", "leave_out"]
    reason: str
    decided_by: str

    @model_validator(mode="after")
    def _in_order(self) -> CountDecision:
        if self.last_on < self.first_on:
            raise ValueError(f"last_on {self.last_on} is before first_on {self.first_on}")
        return self


class Calibration(Dated):
    """By how much some lines count too few or too many, as somebody measured beside them; dated like the lines.

    Raw counts are never touched: visits are the line's rule times the factor, in columns of their own.

    Attributes:
        factor: visits per visit that the line counts; 1.12 where it misses people in a crowd.
        evidence: how it was measured, when, by whom and over how many people.
    """

    line_ids: tuple[Identifier, ...] = Field(min_length=1)
    factor: float = Field(gt=0, le=10)
    evidence: str = Field(min_length=10)


class Estimation(Model):
    """How far missing visits may be filled in.

    Attributes:
        least_quantity_share: a period gets a total only when at least this part of it was counted. The floor of the
            US statistical standards is 0.70.
    """

    least_quantity_share: float = Field(default=0.70, ge=0, le=1)
