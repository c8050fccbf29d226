"""Tables with a header: which column has which role, and dates in the formats that a source names.

What belongs here: what every adapter of such files is configured by, and finding its columns. What does not: the
cells of one form, and texts in general (`_text`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from pydantic import Field, field_validator

from ingest import wording
from ingest.adapters import Options
from ingest.errors import UnreadableBody
from ingest.wording import name_key
from ingest.zones import known_zone

_EPOCH_DAY = date(1970, 1, 1).toordinal()


class TableOptions(Options):
    """What every source of tables says.

    Attributes:
        zone: IANA zone of the clock by which the file was written.
        delimiter: `auto`, or the character itself.
        encodings: tried in order.
    """

    zone: str
    delimiter: str = "auto"
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252")

    _zone = field_validator("zone")(known_zone)
    _encodings = field_validator("encodings")(wording.known_encodings)
    _delimiter = field_validator("delimiter")(wording.known_delimiter)


class DatedTableOptions(TableOptions):
    """What every source of tables with dates says.

    Attributes:
        date_formats: made of %d, %m, %Y or %y. Name only one of day-first and month-first.
    """

    date_formats: tuple[str, ...] = Field(default=("%d.%m.%Y", "%Y-%m-%d"), min_length=1)

    @field_validator("date_formats")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            date_pattern(form)
        return value


def check_columns(columns: Mapping[Any, tuple[str, ...]], device: str | None) -> None:
    """Check the roles' header names, and that the device is named in one way. For use in a validator of options.

    Raises:
        ValueError: a role without a name, a name with two roles, or the device named twice or not at all.
    """
    owners: dict[str, str] = {}
    for role, names in columns.items():
        if not names:
            raise ValueError(f"columns.{role} names no header")
        for name in names:
            if owners.setdefault(name_key(name), role) != role:
                raise ValueError(f"the header {name!r} stands for both {owners[name_key(name)]} and {role}")
    if ("device" in columns) == (device is not None):
        raise ValueError("name the device either by a column or by the option `device`")
    if device is not None and not name_key(device):
        raise ValueError("the option `device` is blank")


def layout(
    header: str, columns: Mapping[Any, tuple[str, ...]], delimiter: str, *, whose: str
) -> tuple[str, list[str], dict[Any, int]]:
    """The delimiter, the header's cells under it, and the place of each role.

    Args:
        columns: for each role the header names it goes by.
        delimiter: `auto`, or the character itself.
        whose: what renames columns, for the message: `source` or `sheet`.

    Raises:
        UnreadableBody: a role's column is missing, or there twice.
    """
    wanted = {role: {name_key(name) for name in names} for role, names in columns.items()}
    candidates = wording.DELIMITERS if delimiter == "auto" else (delimiter,)
    # The delimiter that finds most roles; of equals the one that cuts most cells, so that the message below is apt.
    delimiter = max(candidates, key=lambda d: (len(_places(wording.split_line(header, d), wanted)), header.count(d)))
    headers = wording.split_line(header, delimiter)
    places = _places(headers, wanted)
    for role, names in columns.items():
        if len(places.get(role, ())) == 1:
            continue
        is_missing = role not in places
        raise UnreadableBody(
            f"{'no column' if is_missing else 'more than one column'} for `{role}` ({' or '.join(names)}); "
            f"found: {wording.shown_headers(headers)}.",
            reason="missing_column" if is_missing else "ambiguous_column",
            next_action=(
                f"If the {whose} renamed it, add the new name to columns in the source's options."
                if is_missing
                else "Name only the right one in columns in the source's options."
            ),
        )
    return delimiter, headers, {role: where[0] for role, where in places.items()}


def _places(headers: Sequence[str], wanted: Mapping[Any, set[str]]) -> dict[Any, list[int]]:
    keys = [name_key(header) for header in headers]
    found = {role: [i for i, key in enumerate(keys) if key in names] for role, names in wanted.items()}
    return {role: where for role, where in found.items() if where}


@lru_cache(maxsize=64)
def date_pattern(form: str) -> re.Pattern[str]:
    """A date format as a pattern. Only numbers: month names would depend on the machine's locale.

    Raises:
        ValueError: the format has other directives than %d, %m, %Y and %y, or lacks a part of a date.
    """
    parts = {"%d": "(?P<day>[0-9]{1,2})", "%m": "(?P<month>[0-9]{1,2})"}
    parts |= {"%Y": "(?P<year>[0-9]{4})", "%y": "(?P<year>[0-9]{2})"}
    pieces = re.split("(%.?)", form)
    if sorted(p.lower() for p in pieces[1::2]) != ["%d", "%m", "%y"] or not set(pieces[1::2]) <= set(parts):
        raise ValueError(f"{form!r} must be made of %d, %m and %Y (or %y), each once, such as %d.%m.%Y")
    return re.compile("".join(parts.get(p) or re.escape(p) for p in pieces))


def days_of(text: str, formats: Iterable[str]) -> list[int | None]:
    """A date by each format in which it is one, as days since 1970-01-01.

    None stands for a year outside 1990-2099, which is a typing error.
    """
    days: list[int | None] = []
    for form in formats:
        found = date_pattern(form).fullmatch(text.strip())
        if not found:
            continue
        year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
        try:
            day = date(year, int(found["month"]), int(found["day"])).toordinal() - _EPOCH_DAY
        except ValueError:
            continue
        days.append(day if 1990 <= year <= 2099 else None)
    return days


def read_date(text: str, formats: Iterable[str]) -> int | None:
    """A date as days since 1970-01-01, by the first format that fits; None where none does."""
    return next(iter(days_of(text, formats)), None)


def offset_minutes(text: str | None) -> int | None:
    """`Z`, `+01:00` and `-0330` as minutes; None for none."""
    if text is None:
        return None
    digits = "".join(filter(str.isdigit, text)) or "0000"
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if text[0] == "-" else 1)


def zone_text(minutes: int | None) -> str | None:
    """Minutes as `+01:00`; None for none."""
    if minutes is None:
        return None
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
