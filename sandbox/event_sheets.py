"""The sheets in which a trial's staff tell what was held and who came: a sheet a month, with holes, twice.

What belongs here: which rows staff write, what stands in them by when, and the sheets as arrivals. What does not: what
took place (`event_programme`), and any rule by which a report finds its event.

Staff list what their branch planned for the month, by the library's own titles. A number stands there once somebody has
told it; of one event in seven nobody ever does. Some rows are forgotten, and of what was called off most stand as
`avlyst` and some are simply left out. No shares for this are known; they are set so that every kind occurs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from ingest.catalogue import Arrival
from sandbox.attendance import comes
from sandbox.event_habits import House
from sandbox.event_programme import Holding

SHEET = "event_sheet_attendance"
_FORGOTTEN_SHARE = 0.03
_CALLED_OFF_TOLD_SHARE = 0.6
_METHODS: Mapping[str | None, str] = {"counted": "talt", "estimated": "anslått", None: ""}
_HEADERS = ("Arrangement-ID", "Dato", "Sluttdato", "Starttid", "Tittel", "Filial", "Status", "Antall deltakere",
            "Metode")  # fmt: skip


@dataclass
class Sheets:
    """What staff have handed in by the clock.

    Attributes:
        arrivals: in the order in which they came.
        claims: (series_id, slot) to the holding's id, of every row of some sheet.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    claims: dict[tuple[str, str], str] = field(default_factory=dict)


def tell(programme: Sequence[Holding], houses: Mapping[str, House], seed: int, clock: datetime) -> Sheets:
    """All sheets that have come by the clock. The same programme gives the same bytes.

    Args:
        clock: aware; sheets that would come after it have told nothing.
    """
    made = Sheets()
    numbers: dict[int, int] = {}
    by_month: dict[date, list[tuple[str, Holding]]] = {}
    for holding in _listed(programme, np.random.default_rng([seed, 60])):
        year = holding.start.year
        numbers[year] = numbers.get(year, 0) + 1
        by_month.setdefault(holding.start.date().replace(day=1), []).append((f"{year}-{numbers[year]:04d}", holding))
    for month, rows in by_month.items():
        for again in (False, True):
            moment = comes(month, again=again)
            if moment <= clock:
                body = _csv(_row(event_id, h, houses, moment.date()) for event_id, h in rows)
                made.arrivals.append(
                    Arrival(
                        SHEET, "drop", moment, body, origin=f"oppmote-{month:%Y-%m}.csv",
                        once_key=f"trial\n{SHEET}\n{month}\n{again}",
                    )
                )  # fmt: skip
                made.claims |= {(event_id, ""): h.holding_id for event_id, h in rows}
    made.arrivals.sort(key=lambda arrival: (arrival.received_at, arrival.origin or ""))
    return made


def _listed(programme: Sequence[Holding], random: np.random.Generator) -> Iterator[Holding]:
    """What staff write a row for, by start. Each holding takes its draws, so that none changes with its neighbours."""
    for holding in sorted(programme, key=lambda h: (h.start, h.holding_id)):
        forgotten, told = random.random(2)
        if holding.kind not in ("programme", "exhibition") or holding.is_day_row or holding.branch_id is None:
            continue
        if forgotten < _FORGOTTEN_SHARE or (holding.is_cancelled and told >= _CALLED_OFF_TOLD_SHARE):
            continue
        yield holding


def _row(event_id: str, holding: Holding, houses: Mapping[str, House], today: date) -> tuple[str, ...]:
    """What the row says on a day."""
    assert holding.branch_id is not None
    start = holding.start
    is_told = holding.attendance is not None and holding.reported_on is not None and holding.reported_on <= today
    return (
        event_id,
        f"{start:%d.%m.%Y}",
        f"{holding.end - timedelta(days=1):%d.%m.%Y}" if holding.days > 1 else "",
        "" if holding.days else f"{start:%H:%M}",
        holding.title,
        houses[holding.branch_id].name,
        "avlyst" if holding.is_cancelled else "",
        str(holding.attendance) if is_told and not holding.is_cancelled else "",
        _METHODS[holding.method if is_told else None],
    )


def _csv(rows: Iterator[tuple[str, ...]]) -> bytes:
    return "".join(";".join(row) + "\r\n" for row in (_HEADERS, *rows)).encode("utf-8-sig")
