"""Faults of deliveries: files that come late, in another order, twice, or with rows that came before.

What belongs here: what happens to a file. No number in it changes. What does not: what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from sandbox.faults.drawing import Random, log_uniform
from sandbox.faults.house import House
from sandbox.vendors import Parcel

# Monthly files, and daily ones, of which there are thirty times as many.
_FILE_SHARES = {"late": (0.06, 0.01), "duplicate": (0.12, 0.01)}


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


def _share_of(parcel: Parcel, kind: str) -> float:
    monthly, daily = _FILE_SHARES[kind]
    return daily if parcel.end_on - parcel.first_on <= timedelta(days=1) else monthly


def draw_late(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
    struck = [p for p in asked if random.random() < _share_of(p, "late")] or [asked[int(random.integers(len(asked)))]]
    for parcel in struck:
        at = parcel.written_at + timedelta(days=log_uniform(random, 2, 150))
        yield ArrivesLate(parcel, min(at.replace(microsecond=0), max(parcel.written_at, clock - timedelta(hours=1))))


def draw_reordered(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
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


def draw_duplicates(house: House, asked: list[Parcel], random: Random, clock: datetime) -> Iterator[FileFault]:
    calm = [p for p in asked if not set(house.change_days()) & {p.first_on, p.end_on}]
    struck = [p for p in calm if random.random() < _share_of(p, "duplicate")]
    struck = struck or [calm[int(random.integers(len(calm)))]]
    for parcel in struck:
        is_monthly = parcel.end_on - parcel.first_on > timedelta(days=1)
        ways = ("copy", "again", "part", "overlap", "rows") if is_monthly else ("copy", "again")
        way = ways[int(random.integers(len(ways)))]
        later = parcel.written_at + timedelta(days=log_uniform(random, 0.1, 30))
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
