"""Workbooks and CSV files as plain grids of values, within bounds that hold before anything is opened.

What belongs here: bytes to cells, and what cells can't say themselves (hidden sheets, merges, lost formulas). What does
not: what columns mean (`_sheet_tables`).

A workbook is outside input: a zip that may unpack to gigabytes, and XML that may name entities or merge a billion
cells. Sizes are checked in the zip's own list, which the unpacking then keeps to; entities are refused by defusedxml,
under openpyxl; sheets are streamed, because openpyxl's other way of reading makes a cell object for every cell of a
merge or a link. Nothing here puts a cell's content into a message.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ingest import wording
from ingest.errors import UnreadableBody

MAX_PARTS = 2_000
MAX_PART_BYTES = 8 * 1024 * 1024
MAX_XML_BYTES = 32 * 1024 * 1024
MAX_SHEETS = 40
MAX_ROWS = 5_000
MAX_COLUMNS = 80
MAX_MERGED = 50_000

_OLE = b"\xd0\xcf\x11\xe0"
# Every repetition is bounded: a sheet may hold a million beginnings of a tag that never ends.
_MERGE = re.compile(
    rb"<(?:\w{1,20}:)?mergeCell\b[^<>]{0,200}?\bref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']"
)
_ROW = re.compile(rb"<(?:\w{1,20}:)?row\b[^<>]{0,300}?\br=[\"']([0-9]{1,9})[\"']")
_VALUE = re.compile(rb"<(?:\w{1,20}:)?(?:v|is)[ />]")
_FORMULA = re.compile(rb"<(?:\w{1,20}:)?f[ />]")


@dataclass(frozen=True)
class Unknown:
    """A cell whose value the file does not hold; `reason` is the word for its reject."""

    reason: str


LOST: Final = Unknown("formula_without_value")
BROKEN: Final = Unknown("formula_error")


@dataclass(frozen=True)
class Merge:
    """A merged block, with rows and columns from 1, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Grid:
    """One sheet, or one CSV file.

    Attributes:
        number: the sheet's place in the workbook, from 1; 0 for a CSV file.
        name: the sheet's name. It may be a person's: never in messages.
        rows: row number (line number for CSV) and values; rows without any value are left out.
        merges: the block that a cell (row, column from 1) belongs to.
        is_cut: whether rows beyond the limit hold values.
    """

    number: int
    name: str
    is_hidden: bool
    rows: list[tuple[int, list[Any]]]
    merges: dict[tuple[int, int], Merge] = field(default_factory=dict)
    is_cut: bool = False

    def pointer(self, row: int | None = None, column: int | None = None) -> str:
        """Where something stands, as a person would look for it. Columns are numbered from 0 here."""
        parts = [f"sheet {self.number}"] if self.number else []
        if row is not None:
            parts.append(f"{'row' if self.number else 'line'} {row}")
        if column is not None:
            parts.append(f"column {letters(column)}")
        return ", ".join(parts) or "(whole file)"


def letters(column: int) -> str:
    """A column's letters, counted from 0: A, B, …, AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _number(text: bytes) -> int:
    value = 0
    for letter in text:
        value = value * 26 + letter - ord("A") + 1
    return value


def is_workbook(body: bytes) -> bool:
    """Whether the bytes are a zip or an old binary workbook, and so no text."""
    return body[:2] == b"PK" or body[:4] == _OLE


def read_grids(body: bytes, encodings: Sequence[str], delimiter: str) -> list[Grid]:
    """All sheets of a workbook, hidden ones too, or the one grid of a CSV file.

    Raises:
        UnreadableBody: neither, encrypted, damaged, or beyond a limit.
    """
    if body[:4] == _OLE:
        raise UnreadableBody(
            "the workbook is locked with a password, or in the old .xls format.",
            reason="not_xlsx",
            next_action="Save it as .xlsx without a password, and drop it again.",
        )
    return list(_sheets(body)) if is_workbook(body) else [_csv(body, encodings, delimiter)]


# -- CSV ------------------------------------------------------------------------------------------------------------


def _csv(body: bytes, encodings: Sequence[str], delimiter: str) -> Grid:
    lines = wording.lines_of(wording.decode(body, encodings))
    if delimiter == "auto":
        # The sheet may begin with a heading: the delimiter is what most of its first lines hold.
        first = [line for _, line in lines[:30]]
        delimiter = max(wording.DELIMITERS, key=lambda d: sum(min(line.count(d), 3) for line in first))
    rows: list[tuple[int, list[Any]]] = []
    is_cut = False
    for number, cells in wording.cells_of(lines, delimiter):
        if len(rows) == MAX_ROWS:
            is_cut = True
            break
        rows.append((number, [cell.strip() or None for cell in cells[:MAX_COLUMNS]]))
    return Grid(0, "", False, rows, is_cut=is_cut)


# -- workbooks ------------------------------------------------------------------------------------------------------


def _refuse(message: str, reason: str) -> UnreadableBody:
    return UnreadableBody(
        f"{message} It was not opened.",
        reason=reason,
        next_action="Copy the table into a new workbook, or save it as CSV, and drop that.",
    )


def _checked(body: bytes) -> zipfile.ZipFile:
    """The zip, proved to unpack to something of a sheet's size."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RecursionError):
        raise UnreadableBody(
            "the workbook is damaged or was cut while it was copied.",
            reason="broken_workbook",
            next_action="Open it, save it again, and drop it again.",
        ) from None
    if len(parts) > MAX_PARTS:
        raise _refuse(f"the workbook has more than {MAX_PARTS} parts.", "too_many_parts")
    sizes = [part.file_size for part in parts if part.filename.casefold().endswith((".xml", ".rels"))]
    if max(sizes, default=0) > MAX_PART_BYTES or sum(sizes) > MAX_XML_BYTES:
        raise _refuse(
            f"the workbook unpacks to more than {MAX_PART_BYTES // 2**20} MiB a sheet or "
            f"{MAX_XML_BYTES // 2**20} MiB in all.",
            "too_large",
        )
    return archive


def _sheets(body: bytes) -> Iterator[Grid]:
    archive = _checked(body)
    from openpyxl import load_workbook  # here, because every start of the program would wait for it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations that we never look at
            values = load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
            formulas = load_workbook(io.BytesIO(body), read_only=True, data_only=False, keep_links=False)
            if len(values.worksheets) > MAX_SHEETS:
                raise _refuse(f"the workbook has more than {MAX_SHEETS} sheets.", "too_many_sheets")
            for number, (sheet, told) in enumerate(zip(values.worksheets, formulas.worksheets, strict=True), start=1):
                yield _sheet(archive, number, sheet, told)
    except UnreadableBody:
        raise
    except Exception:  # noqa: BLE001 - openpyxl raises what its dozen readers of XML happen to meet
        raise UnreadableBody(
            "the workbook can't be read: a part of it is damaged, or it declares entities.",
            reason="broken_workbook",
            next_action="Open it, save it again as .xlsx, and drop it again.",
        ) from None


def _sheet(archive: zipfile.ZipFile, number: int, sheet: Any, told: Any) -> Grid:
    # The one thing that openpyxl does not tell when it streams: where the sheet's own part is, for its merges.
    xml = archive.read(sheet._worksheet_path)
    lost = _lost_formulas(told) if _FORMULA.search(xml) else set()
    rows: list[tuple[int, list[Any]]] = []
    for row, cells in enumerate(sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS), start=1):
        values = [_value(cell, (row, column) in lost) for column, cell in enumerate(cells, start=1)]
        if any(value is not None for value in values):
            rows.append((row, values))
    return Grid(
        number,
        str(sheet.title),
        sheet.sheet_state != "visible",
        rows,
        _merges(xml),
        _is_cut(xml),
    )


def _value(cell: Any, is_formula: bool) -> Any:
    value = cell.value
    if getattr(cell, "data_type", "") == "e":
        return BROKEN
    if isinstance(value, str):
        value = value.strip() or None
    return LOST if value is None and is_formula else value


def _lost_formulas(sheet: Any) -> set[tuple[int, int]]:
    """Where formulas stand; whoever has no value there was never calculated."""
    return {
        (row, column)
        for row, cells in enumerate(sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS), start=1)
        for column, cell in enumerate(cells, start=1)
        if getattr(cell, "data_type", "") == "f"
    }


def _merges(xml: bytes) -> dict[tuple[int, int], Merge]:
    found: dict[tuple[int, int], Merge] = {}
    spent = 0
    for left, top, right, bottom in _MERGE.findall(xml):
        merge = Merge(int(top), _number(left), min(int(bottom), MAX_ROWS), min(_number(right), MAX_COLUMNS))
        spent += max(0, merge.bottom - merge.top + 1) * max(0, merge.right - merge.left + 1)
        if spent > MAX_MERGED:
            raise _refuse(f"a sheet of the workbook merges more than {MAX_MERGED} cells.", "too_many_merged_cells")
        for row in range(merge.top, merge.bottom + 1):
            for column in range(merge.left, merge.right + 1):
                found.setdefault((row, column), merge)
    return found


def _is_cut(xml: bytes) -> bool:
    for row in _ROW.finditer(xml):
        if int(row[1]) > MAX_ROWS:
            return _VALUE.search(xml, row.end()) is not None
    return False
