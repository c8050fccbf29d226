"""Periods as people write them: `2023`, `2023-Q2`, `2023-05`, `2023-W12`, `2023-05-14`.

What belongs here: reading and naming a calendar period. What does not: which periods a figure has (the warehouse).
All dates are local dates of the library; the end is excluded. Weeks are ISO weeks, Monday to Sunday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from publishing.errors import UnknownSelection

ACCEPTED = "2023 (year), 2023-Q2 (quarter), 2023-05 (month), 2023-W12 (ISO week), 2023-05-14 (day)"

_FORMS = {
    "year": re.compile(r"(?P<year>\d{4})"),
    "quarter": re.compile(r"(?P<year>\d{4})-?Q(?P<number>[1-4])", re.IGNORECASE),
    "month": re.compile(r"(?P<year>\d{4})-(?P<number>\d{2})"),
    "week": re.compile(r"(?P<year>\d{4})-?W(?P<number>\d{2})", re.IGNORECASE),
    "day": re.compile(r"(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})"),
}


@dataclass(frozen=True)
class Period:
    """A calendar period: `kind` as in `kpi.figures.period_kind`, `start` included, `end` excluded."""

    kind: str
    start: date
    end: date

    @property
    def label(self) -> str:
        """The period as people write it; `parse(period.label)` gives the period back."""
        return label(self.kind, self.start)


def parse(text: str) -> Period:
    """Read a period.

    Raises:
        UnknownSelection: the text is none of the accepted forms, or names a date that the calendar lacks.
    """
    for kind, form in _FORMS.items():
        match = form.fullmatch(text.strip())
        if match is None:
            continue
        year, number = int(match["year"]), int(match.groupdict().get("number") or 1)
        try:
            if kind == "year":
                return Period(kind, date(year, 1, 1), date(year + 1, 1, 1))
            if kind in ("quarter", "month"):
                length = 3 if kind == "quarter" else 1
                first = (number - 1) * length + 1
                start = date(year, first, 1)
                end = date(year + 1, 1, 1) if first + length > 12 else date(year, first + length, 1)
                return Period(kind, start, end)
            if kind == "week":
                start = date.fromisocalendar(year, number, 1)
                return Period(kind, start, start + timedelta(days=7))
            start = date(year, number, int(match["day"]))
            return Period(kind, start, start + timedelta(days=1))
        except (ValueError, OverflowError):
            raise UnknownSelection(
                f"the calendar has no {kind} {text!r}.", next_action=f"Use one of these forms: {ACCEPTED}."
            ) from None
    raise UnknownSelection(f"{text!r} is not a period.", next_action=f"Use one of these forms: {ACCEPTED}.")


def label(kind: str, start: date) -> str:
    """The name of the period of this kind that starts on this local date."""
    if kind == "year":
        return f"{start.year:04d}"
    if kind == "quarter":
        return f"{start.year:04d}-Q{(start.month + 2) // 3}"
    if kind == "month":
        return f"{start.year:04d}-{start.month:02d}"
    if kind == "week":
        week = start.isocalendar()
        return f"{week.year:04d}-W{week.week:02d}"
    return start.isoformat()
