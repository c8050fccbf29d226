"""Who came to the simulated events, and the sheets in which staff tell of it: late, with holes, once put right.

What belongs here: true attendance, what staff hand in of it, and the sheets as files. What does not: the events
(`programme.py`), and any rule by which a report finds its event.

A month's sheet comes in the middle of the next month, under one name. It comes again weeks later, when cells that
were empty are filled and wrong numbers put right. Of 2022 everything is told in the end. Of 2023 some cells stay empty
and one month's sheet never comes; of 2024 the newest months are not in yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import numpy as np

from ingest.config import Configuration
from sandbox.programme import Entry, Held, Programme
from sandbox.vendors import VendorFile

# Years of which nothing stays untold, and the month whose sheet was lost.
WHOLE_YEARS = (2022,)
LOST_MONTH = (2023, 11)
_NEVER_SHARE, _LATER_SHARE, _WRONG_SHARE = 0.06, 0.15, 0.04
_FIRST_AFTER, _AGAIN_AFTER = timedelta(days=14), timedelta(days=52)
_CHILDREN = ("Lesestund", "Babysong", "Eventyrstund", "Kodeklubb", "Høgtlesing")
_STREAMED = ("Foredrag", "Debatt", "Forfattarmøte")
_USUAL = 14.0  # people at an event of one branch; a main library's have more, a small one's fewer
_SIZES: Mapping[str, float] = {"alesund": 1.8, "moa": 1.4}
_HEADERS = ("Arrangement-ID", "Dato", "Sluttdato", "Starttid", "Tittel", "Filial", "Antall deltakere", "Voksne", "Barn",
            "Digitalt", "Metode")  # fmt: skip


@dataclass(frozen=True)
class Attendance:
    """Who came to one event, and how it was told.

    Attributes:
        event_id: the number that staff gave it.
        on_site, children: people in the room, and the children among them where staff tell them apart.
        online: people who watched; None where nothing was streamed.
        is_estimated: whether the number in the room was a guess by eye.
        is_late: the cell was empty when the sheet came first.
        first_told: the number in the room as it stood in the first sheet, where that was wrong.
        is_told: whether the number ever reached the library, by any sheet that has come.
    """

    held: Held
    event_id: str
    on_site: int
    children: int | None = None
    online: int | None = None
    is_estimated: bool = False
    is_late: bool = False
    first_told: int | None = None
    is_told: bool = True

    @property
    def present(self) -> int:
        """All who were there, in the room and online."""
        return self.on_site + (self.online or 0)


def simulate(programme: Programme, seed: int, clock: datetime) -> tuple[Attendance, ...]:
    """Let people come to everything that was held, and staff tell of it until the clock.

    Args:
        clock: aware; sheets that would come after it have told nothing.
    """
    random = np.random.default_rng([seed, 30])
    titles = {entry.uid: entry for entry in programme.entries}
    made = []
    numbers: dict[int, int] = {}
    for held in programme.held:
        number = numbers[held.start.year] = numbers.get(held.start.year, 0) + 1
        entry, month = titles[held.uid], held.start.date().replace(day=1)
        size = _USUAL * _SIZES.get(held.branch_id, 0.7) * (12 if entry.days else 1)
        on_site = int(random.poisson(size * random.gamma(1.6, 1 / 1.6)))
        streamed = int(random.poisson(9)) if random.random() < 0.5 else None
        children = int(random.binomial(on_site, 0.6))
        never, late, wrong = random.random(3)
        is_late = bool(late < _LATER_SHARE)
        came = clock >= comes(month, again=is_late) and (month.year, month.month) != LOST_MONTH
        is_wrong = wrong < _WRONG_SHARE and not is_late and clock >= comes(month, again=True)
        made.append(
            Attendance(
                held,
                f"{held.start.year}-{number:03d}",
                on_site,
                children if entry.title.startswith(_CHILDREN) else None,
                streamed if entry.title.startswith(_STREAMED) else None,
                is_estimated=bool(entry.days),
                is_late=is_late,
                first_told=on_site + 9 if is_wrong else None,
                is_told=came and (held.start.year in WHOLE_YEARS or bool(never >= _NEVER_SHARE)),
            )
        )
    return tuple(made)


def comes(month: date, *, again: bool) -> datetime:
    """When a month's sheet comes for the first time, or again; the same hour of the day in UTC."""
    after = (month + timedelta(days=32)).replace(day=1)
    return datetime(after.year, after.month, after.day, 7, tzinfo=UTC) + (_AGAIN_AFTER if again else _FIRST_AFTER)


def sheets(
    configuration: Configuration, programme: Programme, told: Sequence[Attendance], source_id: str, clock: datetime
) -> list[VendorFile]:
    """All sheets that have come by the clock, in the order in which they came. The same world gives the same bytes."""
    names = {branch.branch_id: branch.name for branch in configuration.library.branches}
    entries = {entry.uid: entry for entry in programme.entries}
    made = []
    for month, of_month in groupby(told, key=lambda a: a.held.start.date().replace(day=1)):
        attendances = list(of_month)
        if (month.year, month.month) == LOST_MONTH:
            continue
        for again in (False, True):
            moment = comes(month, again=again)
            if moment <= clock:
                body = _csv(_rows(attendances, entries, names, again=again))
                made.append(VendorFile(source_id, f"oppmote-{month:%Y-%m}.csv", body, moment))
    return sorted(made, key=lambda file: (file.written_at, file.name))


def _rows(
    attendances: Iterable[Attendance], entries: Mapping[str, Entry], names: Mapping[str, str], *, again: bool
) -> Iterator[Sequence[str]]:
    for attendance in attendances:
        held, entry = attendance.held, entries[attendance.held.uid]
        start, days = held.start, _days(entry)
        last = f"{start + timedelta(days=days - 1):%d.%m.%Y}" if days > 1 else ""
        yield (
            attendance.event_id, f"{start:%d.%m.%Y}", last, "" if entry.days else f"{start:%H:%M}", entry.title,
            names[held.branch_id], *_counts(attendance, again=again),
        )  # fmt: skip


def _days(entry: Entry) -> int:
    """How many days an entry of whole days stands, also where it is posted once a day; 0 of one with an hour."""
    count = entry.rule.rpartition("COUNT=")[2] if entry.days else ""
    return int(count) if count.isdecimal() else entry.days


def _counts(attendance: Attendance, *, again: bool) -> tuple[str, str, str, str, str]:
    """In the room, adults, children, online and how they were counted, as the cells have it."""
    if attendance.is_late and not again:
        return ("",) * 5
    if not attendance.is_told:  # never told; that nobody knows is said only when the sheet is gone through again
        return ("ukjent" if again else "", "", "", "", "")
    wrong = None if again else attendance.first_told
    online = "" if attendance.online is None else str(attendance.online)
    method = "anslått" if attendance.is_estimated else "talt"
    if attendance.children is None or wrong is not None:
        on_site = attendance.on_site if wrong is None else wrong
        return (f"ca. {on_site}" if attendance.is_estimated else str(on_site), "", "", online, method)
    return ("", str(attendance.on_site - attendance.children), str(attendance.children), online, method)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join(";".join(row) + "\r\n" for row in (_HEADERS, *rows)).encode("utf-8-sig")
