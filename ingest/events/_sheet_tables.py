"""Where a sheet's table stands: its row of headers, and which column holds what.

What belongs here: columns by their names, and telling those that are not read. What does not: the names themselves
(`_sheet_headers`), cells (`_workbook`), and the rows below (`_sheet_rows`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.adapters import Reject
from ingest.events import _words
from ingest.events._sheet_headers import COUNTS, IGNORED, PERSONAL, header_key
from ingest.events._sheet_options import ProgrammeSheetOptions
from ingest.events._workbook import Grid, letters

# The header may stand below a logo and a heading, not below a page of text.
HEADER_ROWS = 30


@dataclass(frozen=True)
class Table:
    """Where a sheet's table is.

    Attributes:
        first_row: row number of the first row below the header.
        at: the columns of each role, from 0.
    """

    first_row: int
    at: Mapping[str, tuple[int, ...]]
    headers: Mapping[int, str]


def find_table(grid: Grid, roles: Mapping[str, str], rejects: list[Reject]) -> Table | None:
    """The row, or the two rows, that name most roles; the upper of equals. None when no row names enough."""
    best: tuple[int, Table] | None = None
    first = grid.rows[:HEADER_ROWS]
    for place, (number, values) in enumerate(first):
        below = grid.rows[place + 1] if place + 1 < len(grid.rows) else None
        for is_double in (False, True):
            if is_double and (below is None or below[0] != number + 1):
                continue
            lower = below[1] if is_double and below is not None else []
            headers = _headers(values, lower)
            at: dict[str, list[int]] = {}
            for column, header in headers.items():
                role = _role(header, roles)
                if role is not None:
                    at.setdefault(role, []).append(column)
            if not _is_enough(at):
                continue
            table = Table(number + 1 + is_double, {r: tuple(c) for r, c in at.items()}, headers)
            if best is None or len(at) > best[0]:
                best = len(at), table
    if best is None:
        return None
    twice = [role for role, columns in best[1].at.items() if len(columns) > 1 and role != "partner"]
    if twice:
        columns = " and ".join(letters(c) for c in best[1].at[twice[0]])
        rejects.append(
            Reject(
                grid.pointer(best[1].first_row - 1),
                "ambiguous_column",
                f"columns {columns} both stand for `{twice[0]}`; the sheet was not read.",
                "Rename one of them, or list it in ignore_columns after renaming.",
            )
        )
        return Table(best[1].first_row, {}, {})
    return best[1]


def _headers(upper: list[Any], lower: list[Any]) -> dict[int, str]:
    """Header by column; of two rows the lower one's word, and where it has none the upper's (merged downwards)."""
    headers = {}
    for column in range(max(len(upper), len(lower))):
        texts = [row[column] for row in (lower, upper) if column < len(row) and isinstance(row[column], str)]
        if texts and header_key(texts[0]):
            headers[column] = header_key(texts[0])
    return headers


def _role(header: str, roles: Mapping[str, str]) -> str | None:
    role = roles.get(header)
    if role is None:
        bare = re.sub(r"\s*[0-9]{1,2}$", "", header)
        role = "partner" if roles.get(bare) == "partner" else None
    return role


def _is_enough(at: Mapping[str, Any]) -> bool:
    is_programme = "date" in at and "title" in at
    is_report = "event_id" in at and any(role in at for role in COUNTS)
    return is_programme or is_report


def tell_columns(grid: Grid, table: Table, options: ProgrammeSheetOptions, rejects: list[Reject]) -> None:
    """What is not read: columns about people, with how many cells they fill, and columns that nobody knows."""
    if not table.at:
        return
    read = {column for columns in table.at.values() for column in columns}
    ignored = IGNORED | {header_key(name) for name in options.ignore_columns}
    below = [values for number, values in grid.rows if number >= table.first_row]
    for column in range(max((len(values) for _, values in grid.rows), default=0)):
        if column in read:
            continue
        cells = [values[column] for values in below if column < len(values) and values[column] is not None]
        if not cells:
            continue
        header = table.headers.get(column, "")
        where = grid.pointer(table.first_row - 1, column)
        words = header.replace("/", " ").split()
        if header in PERSONAL or (header not in ignored and any(word in PERSONAL for word in words)):
            is_personal = True
        else:
            is_personal = any(_words.looks_personal(cell) for cell in cells if isinstance(cell, str))
        if is_personal:
            rejects.append(
                Reject(
                    where,
                    "personal_column",
                    f"the column tells of people or how to reach them; its {len(cells)} cells were not read.",
                    "Take the column out of the file that is dropped, and the earlier file out of landing "
                    "(docs/attendance.md).",
                )
            )
        elif header and header not in ignored:
            rejects.append(
                Reject(
                    where,
                    "unknown_column",
                    f"nobody knows what the column means; its {len(cells)} cells were not read.",
                    "Use the template's header, or add this one to columns or ignore_columns in the source's options.",
                )
            )
