"""What all parts of the description are made of: checked names, clock times, dated things.

What belongs here: forms and checks that hold for every part. What does not: any one part.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


def _no_number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"{value} is a number, which would count seconds since midnight; write it as 10:00")
    return value


ClockTime = Annotated[time, BeforeValidator(_no_number)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


def clock_minute(clock: time) -> int:
    """Minutes of local wall clock after midnight."""
    return clock.hour * 60 + clock.minute


def minutes_open(opens: time, closes: time) -> tuple[int, int]:
    """Opening and closing in minutes after midnight; what closes at or before its opening ends on the next date."""
    opened, closed = clock_minute(opens), clock_minute(closes)
    return opened, closed if closed > opened else closed + 24 * 60


class Model(BaseModel):
    """A part of the description: no key that nobody reads, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(Model):
    """Something true from a local date (included) to a local date (excluded; open when absent)."""

    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Dated:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} is not after valid_from {self.valid_from}")
        return self

    def overlaps(self, other: Dated) -> bool:
        end, other_end = self.valid_to or date.max, other.valid_to or date.max
        return self.valid_from < other_end and other.valid_from < end


def require_unique(what: str, names: Iterable[str]) -> set[str]:
    """The names as a set. For use in a validator.

    Raises:
        ValueError: one of them stands twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is described twice")
        seen.add(name)
    return seen


def require_known(what: str, name: str, known: set[str], where: str) -> None:
    """Check that a name is described. For use in a validator.

    Raises:
        ValueError: it is not.
    """
    if name not in known:
        raise ValueError(f"{where} names the {what} {name!r}, which is not described")
