"""Where a sheet's table stands: its row of headers, and which column holds what.

What belongs here: columns by their names, and telling those that are not read. What does not: the names themselves
(`_sheet_headers`), cells (`_workbook`), and the rows below (`_sheet_rows`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.adapters import Reject
from ingest.events import _words
from ingest.events._sheet_cells import is_clock, is_day
from ingest.events._sheet_headers import COUNTS, IGNORED, PERSONAL, TOTALS, WEEKDAYS, header_key
from ingest.events._sheet_options import ProgrammeSheetOptions
from ingest.events._workbook import Grid, Merge, letters
from ingest.wording import name_key

# The header may stand below a logo and a heading, not below a page of text.
HEADER_ROWS = 30
# So many rows below its own a header's cell may be merged over; one that goes on further is a value.
MAX_HEADER_DEPTH = 2
_WEEKDAY = "ukedag"


@dataclass(frozen=True)
class Table:
    """Where a sheet's table is.

    Attributes:
        first_row: row number of the first row below the header.
        at: the columns of each role, from 0.
        headers: each column's own header.
        under: what a column that is not read is told as, where merged headers say so: by the header that is merged over
            it, or as the day of the week that it holds.
    """

    first_row: int
    at: Mapping[str, tuple[int, ...]]
    headers: Mapping[int, str]
    under: Mapping[int, str] = field(default_factory=dict)


def find_table(grid: Grid, roles: Mapping[str, str], rejects: list[Reject]) -> Table | None:
    """The row, or the two rows, that name most roles; the upper of equals, and of these the one that is two rows if
    its cells are merged over both. None when no row names enough.
    """
    best: tuple[tuple[int, bool], Table] | None = None
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
            deepest = max((_depth(grid, number, c) for columns in at.values() for c in columns), default=0)
            rank = len(at), is_double and deepest > 0
            if best is None or rank > best[0]:
                head = number + max(int(is_double), deepest)
                best = rank, Table(head + 1, {r: tuple(c) for r, c in at.items()}, headers)
    if best is None:
        return None
    table, fault = _under_merges(grid, best[1], roles)
    twice = [role for role, columns in table.at.items() if len(columns) > 1 and role != "partner"]
    if twice and fault is None:
        columns = " and ".join(letters(c) for c in table.at[twice[0]])
        fault = (
            f"columns {columns} both stand for `{twice[0]}`; the sheet was not read.",
            "Rename one of them, or list it in ignore_columns after renaming.",
        )
    if fault is not None:
        rejects.append(Reject(grid.pointer(table.first_row - 1), "ambiguous_column", *fault))
        return Table(table.first_row, {}, {})
    return table


def _depth(grid: Grid, number: int, column: int) -> int:
    """Over how many rows below its own a header cell is merged. One that reaches far is no header's."""
    block = grid.merges.get((number, column + 1))
    depth = 0 if block is None or block.top != number else block.bottom - block.top
    return depth if depth <= MAX_HEADER_DEPTH else 0


# -- headers merged over several columns ----------------------------------------------------------------------------


def _under_merges(grid: Grid, table: Table, roles: Mapping[str, str]) -> tuple[Table, tuple[str, str] | None]:
    """The table with the columns that its merged headers stand for, or what is wrong and what to do about it.

    A header merged over several columns means the one that is filled. Where several are: partners may have several,
    a date may have its weekday, its time or its last day beside it, and a time its end; else nobody can know.
    """
    at, under = dict(table.at), {}
    rows = [(number, values) for number, values in grid.rows if number < table.first_row]
    below = [(number, values) for number, values in grid.rows if number >= table.first_row]
    for block, word in _wide_headers(grid, rows, table):
        columns = range(block.left - 1, block.right)
        bare = [column for column in columns if column not in table.headers]
        role = _role(word, roles)
        if table.headers.get(block.left - 1) != word or len(bare) < len(columns) - 1:
            # Words of their own stand below it: whoever has none there is not read, and told under this header.
            under.update(dict.fromkeys(bare, word) if role is not None or word in PERSONAL else {})
            continue
        if role is None:
            under.update(dict.fromkeys(bare, word))
            continue
        filled = {column: cells for column in columns if (cells := _cells(grid, block, below, column))}
        if len(filled) < 2:
            at[role] = tuple(next(iter(filled), c) if c == block.left - 1 else c for c in table.at[role])
        elif role == "partner":
            at[role] = tuple(sorted({*table.at[role], *filled}))
        else:
            found = _pair(role, filled)
            is_taken = len(table.at[role]) > 1 or any(other != role and other in table.at for other in found)
            if not found or is_taken:
                named = " and ".join(letters(column) for column in filled)
                return table, (
                    f"columns {named} stand under one merged header for `{role}`; the sheet was not read.",
                    "Split the merged cell, and give each of the columns a header of its own.",
                )
            at.update({name: (column,) for name, column in found.items()})
            under.update(dict.fromkeys(set(filled) - set(found.values()), _WEEKDAY))
    return replace(table, at=at, under=under), None


def _wide_headers(grid: Grid, rows: Sequence[tuple[int, list[Any]]], table: Table) -> Iterator[tuple[Merge, str]]:
    """The header cells that are merged over several columns, with their words."""
    for number, values in rows[-2 - MAX_HEADER_DEPTH :]:
        for column, value in enumerate(values):
            block = grid.merges.get((number, column + 1)) if isinstance(value, str) else None
            if block is None or (block.top, block.left) != (number, column + 1) or block.right == block.left:
                continue
            is_header = block.bottom == table.first_row - 1 or table.headers.get(column) == header_key(value)
            if is_header or any(c in table.headers for c in range(block.left - 1, block.right)):
                yield block, header_key(value)


def _cells(grid: Grid, head: Merge, rows: Sequence[tuple[int, list[Any]]], column: int) -> list[Any]:
    """What stands in a column below a header. Cells merged beyond the header, and words for sums, are not its own."""
    found = []
    for number, values in rows:
        value = values[column] if column < len(values) else None
        block = grid.merges.get((number, column + 1))
        is_wider = block is not None and (block.left < head.left or block.right > head.right)
        is_hidden = block is not None and (block.top, block.left) != (number, column + 1)
        is_total = isinstance(value, str) and name_key(value).rstrip(" :") in TOTALS
        if value is not None and not (is_wider or is_hidden or is_total):
            found.append(value)
    return found


def _pair(role: str, filled: Mapping[int, list[Any]]) -> dict[str, int]:
    """The roles of two columns under one header, where the cells themselves tell them apart; else nothing."""
    if len(filled) != 2:
        return {}
    (left, first), (right, second) = sorted(filled.items())
    if role == "date" and _mostly(first, _is_weekday) and _mostly(second, is_day):
        return {"date": right}
    if role == "date" and _mostly(first, is_day) and _mostly(second, _is_weekday):
        return {"date": left}
    if role == "date" and _mostly(first, is_day) and _mostly(second, is_day):
        return {"date": left, "end_date": right}
    if role == "date" and _mostly(first, is_day) and _mostly(second, is_clock):
        return {"date": left, "start_time": right}
    if role == "start_time" and _mostly(first, is_clock) and _mostly(second, is_clock):
        return {"start_time": left, "end_time": right}
    return {}


def _mostly(cells: Sequence[Any], holds: Callable[[Any], bool]) -> bool:
    return sum(map(holds, cells)) * 2 > len(cells)


def _is_weekday(value: Any) -> bool:
    return isinstance(value, str) and name_key(value).rstrip(".") in WEEKDAYS


# -- names ----------------------------------------------------------------------------------------------------------


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
        header = table.under.get(column) or table.headers.get(column, "")
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
