"""What a row of a sheet holds once merged cells and blanks are read as a person reads them.

What belongs here: which row is an event and which a heading or a sum, whom a merged cell speaks for, and blanks that
stand for the cell above where the source's options say so. What does not: where the merges come from (`_workbook`),
merged headers (`_sheet_tables`), and what the values mean (`_sheet_cells`, `_sheet_rows`).

What is hidden under a merged cell nobody sees, and it is not read. A blank cell is a blank: only a merge, or an option,
makes it say what stands above.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from ingest.events._sheet_cells import is_count
from ingest.events._sheet_faults import CellFault
from ingest.events._sheet_headers import COUNTS, SHARED, TOTALS, UNKNOWN, header_key
from ingest.events._sheet_tables import Table
from ingest.events._workbook import Grid, Merge
from ingest.wording import name_key

Kind = Literal["event", "continued", "blank", "header", "heading", "sum"]


class Layout:
    """One sheet's table by row and role.

    Attributes:
        kinds: what each row below the header is. A `continued` row is a further line of the event above it.
    """

    def __init__(self, grid: Grid, table: Table, filled_roles: Collection[str] = ()) -> None:
        """Read the layout.

        Args:
            filled_roles: roles whose blank cells stand for the cell above.
        """
        self.grid = grid
        self.table = table
        self._roles = {column: role for role, columns in table.at.items() for column in columns}
        self._values = {number: self._visible(number, values) for number, values in grid.rows}
        self._several: dict[Merge, bool] = {}
        self.kinds: dict[int, Kind] = {}
        for number in self._values:
            if number >= table.first_row:
                self.kinds[number] = self._kind(number)
        self._filled = dict(self._fill(filled_roles)) if filled_roles else {}

    def rows(self, kind: Kind) -> list[int]:
        """Row numbers of a kind, from above."""
        return [number for number, own in self.kinds.items() if own == kind]

    def column(self, role: str) -> int | None:
        """The first column of a role, from 0."""
        return next(iter(self.table.at.get(role, ())), None)

    def at(self, number: int, role: str) -> Any:
        """What a row holds for a role; None for nothing, or where the sheet has no such column."""
        column = self.column(role)
        return None if column is None else self.cell(number, column)

    def cell(self, number: int, column: int) -> Any:
        """What a row holds in a column that is read: its own, its merged block's, or what an option fills in."""
        value = self._merged(number, column)
        return self._filled.get((number, column)) if value is None else value

    def is_filled(self, number: int) -> bool:
        """Whether a blank of the row was taken for the cell above."""
        return any((number, column) in self._filled for column in self._roles)

    def lines(self, number: int) -> Iterator[int]:
        """An event's row, and the rows that go on with it."""
        yield number
        while self.kinds.get(number := number + 1) == "continued":
            yield number

    def event_id(self, number: int) -> Any:
        """A row's id.

        Raises:
            CellFault: it is merged over several events.
        """
        column = self.column("event_id")
        if column is None:
            return None
        block = self._block(number, column)
        value = self.cell(number, column)
        if block is None or block.bottom == block.top:
            return value
        value = self._own(block.top, block.left - 1)
        if value is not None and self._owner(block) == column and self._holds_several(block):
            raise CellFault("one_id_for_several", column)
        return value if self._owner(block) == column else None

    def count(self, number: int, column: int) -> Any:
        """What a row holds in a column of people counted. Words for "not known" hold wherever they are merged to.

        Raises:
            CellFault: a number is merged over several events or several columns: it can't be shared out.
        """
        block = self._block(number, column)
        if block is None:
            return self._own(number, column)
        value = self._own(block.top, block.left - 1)
        inside = self._inside(block)
        is_unknown = isinstance(value, str) and name_key(value) in UNKNOWN
        if value is None or (is_unknown and all(self._roles[c] in COUNTS for c in inside)):
            return value
        if len(inside) > 1:
            first_count = next(c for c in inside if self._roles[c] in COUNTS)
            if is_count(value):
                if column == first_count:
                    raise CellFault("one_count_for_columns", column)
                return None
            if column != inside[0]:
                return None
        if block.bottom > block.top and self._holds_several(block):
            raise CellFault("one_count_for_several", column)
        return value

    # merged cells

    def _block(self, number: int, column: int) -> Merge | None:
        """The block that a cell belongs to. What the header's words are merged down to is blank, and no block's."""
        block = self.grid.merges.get((number, column + 1))
        return block if block is None or block.top >= self.table.first_row else None

    def _visible(self, number: int, values: list[Any]) -> list[Any]:
        if not self.grid.merges:
            return values
        shown = list(values)
        for column in range(len(values)):
            block = self.grid.merges.get((number, column + 1))
            if block is not None and (block.top, block.left) != (number, column + 1):
                shown[column] = None
        return shown

    def _own(self, number: int, column: int) -> Any:
        values = self._values.get(number, [])
        return values[column] if column < len(values) else None

    def _inside(self, block: Merge) -> list[int]:
        """The columns under a block that are read."""
        return [column for column in sorted(self._roles) if block.left <= column + 1 <= block.right]

    def _owner(self, block: Merge) -> int | None:
        """The column that a block speaks for: the first that is read."""
        return next(iter(self._inside(block)), None)

    def _merged(self, number: int, column: int) -> Any:
        block = self._block(number, column)
        if block is None:
            return self._own(number, column)
        if self._owner(block) != column or (number != block.top and self._roles.get(column) not in SHARED):
            return None
        return self._own(block.top, block.left - 1)

    def _holds_several(self, block: Merge) -> bool:
        if block not in self._several:  # asked for each of its cells, and a block may have thousands
            events = sum(self.kinds.get(number) == "event" for number in range(block.top, block.bottom + 1))
            self._several[block] = events > 1
        return self._several[block]

    # rows

    def _kind(self, number: int) -> Kind:
        values = self._values[number]
        told = [c for c in self._roles if c < len(values) and values[c] is not None]
        if self._is_heading(number, values):
            return "heading"
        if not told:
            return "blank"
        texts = [(header_key(v), c) for c, v in enumerate(values) if isinstance(v, str) and c in self.table.headers]
        if len(texts) > 1 and all(text == self.table.headers[c] for text, c in texts):
            return "header"
        if self._is_sum(number, values):
            return "sum"
        return "continued" if self._goes_on(number, told) else "event"

    def _is_heading(self, number: int, values: list[Any]) -> bool:
        """Whether one cell merged over most of the table is all that the row says."""
        for column, value in enumerate(values):
            block = self._block(number, column) if value is not None else None
            if block is None or block.right - block.left < 2:
                continue
            headers = self.table.headers
            covered = sum(block.left <= header + 1 <= block.right for header in headers)
            told = {c for c in self._roles if c < len(values) and values[c] is not None}
            return covered * 2 > len(headers) and told <= {column}
        return False

    def _is_sum(self, number: int, values: list[Any]) -> bool:
        """Whether a row begins with a word for a sum and has no date of its own."""
        first = next((name_key(v) for v in values if isinstance(v, str)), "").rstrip(" :")
        day = self._told_date(number)
        if isinstance(day, str) and name_key(day).rstrip(" :") == first:
            return first in TOTALS
        if day is None:
            return first in TOTALS or first.split(" ")[0] in TOTALS
        column = self.column("date")
        return first in TOTALS and column is not None and self._own(number, column) is None

    def _told_date(self, number: int) -> Any:
        """The date as far as the row itself or a merged cell tells it; never one that is filled in."""
        column = self.column("date")
        return None if column is None else self._merged(number, column)

    def _goes_on(self, number: int, told: Collection[int]) -> bool:
        """Whether a row only goes on with the event above: nothing but partners beside date, title and id of it."""
        if any(self._roles[column] != "partner" for column in told):
            return False
        columns = [self.column(role) for role in ("date", "title", "event_id")]
        blocks = [self._block(number, column) for column in columns if column is not None]
        tops = {block.top if block is not None else number for block in blocks}
        (top,) = tops if len(tops) == 1 else (number,)
        return top < number and self.kinds.get(top) == "event" and None not in columns[:2]

    def _fill(self, roles: Collection[str]) -> Iterator[tuple[tuple[int, int], Any]]:
        """Blanks of the roles with the value above them. A heading, a sum or the header again ends what stood above."""
        above: dict[int, Any] = {}
        for number, kind in self.kinds.items():
            if kind in ("heading", "sum", "header"):
                above.clear()
            elif kind in ("event", "continued"):
                for column, role in self._roles.items():
                    if role not in roles:
                        continue
                    value = self._merged(number, column)
                    if value is not None:
                        above[column] = value
                    elif column in above:
                        yield (number, column), above[column]
