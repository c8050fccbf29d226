"""What people write into one cell of a programme sheet, read strictly: words, days, times of day, numbers of people.

What belongs here: one cell's value and what it means by itself. What does not: cells that mean something only together
(`_sheet_rows`), and bytes (`_workbook`).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from ingest import wording
from ingest.events._sheet_faults import FAULTS, MOST_PEOPLE, CellFault
from ingest.events._sheet_headers import MONTHS, UNKNOWN
from ingest.events._workbook import Unknown
from ingest.wording import name_key

# Excel's day numbers of 1990-01-01 and 2100-01-01: a bare number in between, in a date column, has lost its format.
_FIRST_SERIAL, _END_SERIAL = 32874, 73051
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - of any day: only its time is taken
_EXCEL_EPOCH = date(1899, 12, 30)

_DOTTED = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::00)?)?")
_WORDED = re.compile(r"(?:[a-zæøå]+dag,?\s+)?([0-9]{1,2})\.?\s+([a-z]+)\.?\s+([0-9]{4})")
_CLOCK = re.compile(r"(?:kl\.?\s*)?([0-9]{1,2})(?:[:.]([0-9]{2})(?:[:.][0-9]{2})?)?")
_DASH = re.compile(r"\s*[-–—]\s*|\s+til\s+")
_ABOUT = re.compile(r"(?:ca\.?|cirka|omtrent|rundt|om lag|about|~)\s*([0-9].*)", re.IGNORECASE)


def _known(value: Any, column: int | None) -> Any:
    if isinstance(value, Unknown):
        raise CellFault(value.reason, column)
    return value


def text_of(value: Any, column: int | None) -> str | None:
    """Words, or a number as it is shown (an id, a room). Dates and truth values are no words."""
    value = _known(value, column)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise CellFault("not_text", column)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).strip() or None


def day_of(value: Any, column: int | None) -> tuple[date, time | None] | None:
    """A local date, and the time if the cell holds one that is not midnight.

    Raises:
        CellFault: it is none, or lies outside 1990-2099.
    """
    value = _known(value, column)
    if value is None:
        return None
    found: tuple[date, time | None] | None = None
    if isinstance(value, datetime):
        value = _whole_minutes(value)
        found = value.date(), value.time() if value.time() != time() else None
    elif isinstance(value, date):
        found = value, None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if _FIRST_SERIAL <= value < _END_SERIAL and float(value).is_integer():
            found = _EXCEL_EPOCH + timedelta(days=int(value)), None
    elif isinstance(value, str):
        found = _written_day(name_key(value))
    if found is None or not 1990 <= found[0].year <= 2099:
        raise CellFault("bad_date", column)
    return found


def _written_day(text: str) -> tuple[date, time | None] | None:
    try:
        dotted = _DOTTED.fullmatch(re.sub(r"^[a-zæøå]+dag,?\s+", "", text))
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1])), None
        iso = _ISO.fullmatch(text.upper())
        if iso:
            clock = time.fromisoformat(iso[4]) if iso[4] and iso[4] != "00:00" else None
            return date(int(iso[1]), int(iso[2]), int(iso[3])), clock
        worded = _WORDED.fullmatch(text)
        if worded:
            month = next((n for n, names in enumerate(MONTHS, start=1) if worded[2] in names), None)
            return (date(int(worded[3]), month, int(worded[1])), None) if month else None
    except ValueError:
        return None
    return None


def clocks_of(value: Any, column: int | None) -> tuple[time | None, time | None]:
    """A time of day, and its end where the cell holds both: 18:00, `kl. 18`, `18.00-20.00`, a time cell, a fraction.

    A whole number is refused: 18 may be an hour, and 1800 as well.

    Raises:
        CellFault: it is none.
    """
    value = _known(value, column)
    if value is None:
        return None, None
    if isinstance(value, timedelta):
        value = _MIDNIGHT + value if timedelta() <= value < timedelta(days=1) else None
    elif isinstance(value, float) and 0 <= value < 1:
        value = _MIDNIGHT + timedelta(days=value)
    if isinstance(value, datetime):
        value = _whole_minutes(value).time()
    if isinstance(value, time):
        return value.replace(second=0, microsecond=0, tzinfo=None), None
    if isinstance(value, str):
        parts = [_written_clock(part) for part in _DASH.split(name_key(value))]
        if len(parts) <= 2 and all(part is not None for part in parts):
            return parts[0], parts[1] if len(parts) == 2 else None
    raise CellFault("bad_time", column)


def is_day(value: Any) -> bool:
    """Whether a cell can be read as a date."""
    try:
        return day_of(value, None) is not None
    except CellFault:
        return False


def is_clock(value: Any) -> bool:
    """Whether a cell can be read as one time of day, and is no date."""
    try:
        opens, closes = clocks_of(value, None)
    except CellFault:
        return False
    return opens is not None and closes is None and not is_day(value)


def is_count(value: Any) -> bool:
    """Whether a cell can be read as a number of people."""
    try:
        return count_of(value, None)[0] is not None
    except CellFault:
        return False


def _written_clock(text: str) -> time | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None or (found[2] is None and int(found[1]) > 24):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    return time(hour % 24, minute) if (hour < 24 and minute < 60) or (hour, minute) == (24, 0) else None


def _whole_minutes(moment: datetime) -> datetime:
    """Rounded to the minute: spreadsheets keep 18:00 as 0.75 of a day, and 17:59:59.999 comes out."""
    try:
        return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0, tzinfo=None)
    except OverflowError:
        return moment.replace(tzinfo=None)


def count_of(value: Any, column: int | None) -> tuple[int | None, str]:
    """A number of people.

    Returns:
        The number and `told` or `estimated`; None and `blank`, or None and `taken_back`.

    Raises:
        CellFault: it is no number of people.
    """
    value = _known(value, column)
    if value is None:
        return None, "blank"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise CellFault("letters_in_count", column)
    state = "told"
    if isinstance(value, str):
        if name_key(value) in UNKNOWN:
            return None, "taken_back"
        about = _ABOUT.fullmatch(" ".join(value.split()))
        state = "estimated" if about else "told"
        count, read = wording.read_count(about[1] if about else value, MOST_PEOPLE)
        if read in FAULTS or read == wording.NEGATIVE:
            raise CellFault("negative_count" if read == wording.NEGATIVE else read, column)
        return count, "blank" if count is None else state
    if isinstance(value, float):
        if not value.is_integer():
            raise CellFault("fraction_in_count", column)
        value = int(value)
    if value < 0:
        raise CellFault("negative_count", column)
    if value > MOST_PEOPLE:
        raise CellFault("count_too_large", column)
    return value, state
