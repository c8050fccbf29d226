"""Where the library is and when it is open: areas with inhabitants, branches, opening hours and what breaks them.

What belongs here: places and their hours. What does not: what is counted there (`doors`).
"""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ingest.config.shared import ClockTime, Dated, Identifier, Model, minutes_open


class Inhabitants(Model):
    """A population count with its date and source; the denominator of figures per inhabitant."""

    counted_on: date
    count: int = Field(gt=0)
    source: str


class Area(Dated):
    """A municipality version, or whatever carries the figures of several branches."""

    area_id: Identifier
    name: str
    inhabitants: tuple[Inhabitants, ...] = ()


class Membership(Dated):
    """A branch's belonging to an area, by date."""

    area_id: Identifier


class Branch(Dated):
    """A place open to the public. Aliases are the names that feeds use for it."""

    branch_id: Identifier
    name: str
    aliases: tuple[str, ...] = ()
    areas: tuple[Membership, ...]


class DayCut(Dated):
    """The local clock time at which a branch's day ends and the next begins, where that is not midnight.

    For branches that are open past midnight: with 05:00 the night to Saturday belongs to Friday. `branch_ids` empty
    means every branch. Only whole hours, because counts are summed by the hour, and none in which clocks are changed.
    Rule source: docs/figures.md.
    """

    branch_ids: tuple[Identifier, ...] = ()
    at: ClockTime

    @field_validator("at")
    @classmethod
    def _whole_hour(cls, value: time) -> time:
        if value != time(value.hour) or not (value.hour == 0 or 3 <= value.hour <= 12):
            raise ValueError(f"{value} is no day cut; use 00:00 or a whole hour from 03:00 to 12:00")
        return value


class OpeningHours(Dated):
    """One stretch of regular opening. A lunch break makes two of them.

    `weekdays` are ISO numbers, 1 = Monday. `branch_ids` empty means every branch. Hours that close at or before the
    time at which they open end on the next date (22:00-02:00) and belong to the weekday on which they began; past
    midnight they need a day cut of the branch.
    """

    branch_ids: tuple[Identifier, ...] = ()
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...]
    opens: ClockTime
    closes: ClockTime
    service: Literal["staffed", "unstaffed"] = "staffed"

    @property
    def stretch(self) -> tuple[int, int]:
        """Opening and closing in minutes after the midnight that its date begins with."""
        return minutes_open(self.opens, self.closes)

    def collides(self, other: OpeningHours) -> bool:
        """Whether both would open one branch at one time: its open minutes would count double."""
        branches, others = set(self.branch_ids), set(other.branch_ids)
        return (
            self.overlaps(other)
            and bool(set(self.weekdays) & set(other.weekdays))
            and (not branches or not others or bool(branches & others))
            and self.stretch[0] < other.stretch[1]
            and other.stretch[0] < self.stretch[1]
        )


class OpeningException(Model):
    """A stretch of dates on which the regular hours do not hold. `last_on` is included.

    Kind `closed` closes; `reduced` replaces the hours of days that have some by `opens`-`closes`; `open` opens any day.
    """

    branch_ids: tuple[Identifier, ...] = ()
    first_on: date
    last_on: date
    kind: Literal["closed", "reduced", "open"]
    opens: ClockTime | None = None
    closes: ClockTime | None = None
    reason: str
    source: str = ""

    @model_validator(mode="after")
    def _complete(self) -> OpeningException:
        if self.last_on < self.first_on:
            raise ValueError(f"last_on {self.last_on} is before first_on {self.first_on}")
        told = [moment is not None for moment in (self.opens, self.closes)]
        if told != [self.kind != "closed"] * 2:
            raise ValueError(f"an exception of kind {self.kind!r} needs opens and closes exactly if it is not closed")
        return self
