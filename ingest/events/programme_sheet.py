"""The staff's own sheet: the programme, who helped, and how many came. A workbook (.xlsx) or CSV in the drop folder.

What belongs here: from a file to its tables. What does not: bytes and cells (`_workbook`, `_sheet_cells`), columns
(`_sheet_tables`), rows (`_sheet_rows`), and which number is the current one (dbt: the newest file's word about an event
supersedes, and every earlier word is kept).

An empty attendance cell says nothing; it neither is 0 nor takes a number back. A number is taken back by writing that
it is not known (`ukjent`). Only known columns are read. Columns about people are told, so that staff take them out of
the file; columns that nobody knows are told too, since one of them may be the attendance under a new name.
"""

from __future__ import annotations

from typing import ClassVar

from ingest.adapters import Adapter, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.events._sheet_options import ProgrammeSheetOptions
from ingest.events._sheet_rows import Reader, Result
from ingest.events._sheet_tables import find_table, tell_columns
from ingest.events._workbook import read_grids


@register
class ProgrammeSheet(Adapter):
    """A sheet that staff keep: one row per holding, and at will how many came."""

    name: ClassVar[str] = "programme_sheet"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 4
    tables: ClassVar[tuple[str, ...]] = ("event_observations", "attendance_reports")
    options: ClassVar[type[Options]] = ProgrammeSheetOptions

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: ProgrammeSheetOptions) -> Parsed:
        """One observation per row with a date and a title, one report per row that tells how many came.

        The moment of a report is the file's arrival, so that the later file's word is the later report; the date that
        staff give for it is kept beside it.

        Raises:
            UnreadableBody: no workbook or text, beyond a limit, or no sheet holds a table of events.
        """
        if len(body) > options.max_bytes:
            raise UnreadableBody(
                f"the file has more than {options.max_bytes} bytes.",
                reason="too_large",
                next_action="Take pictures out of it, or raise max_bytes in the source's options.",
            )
        grids = read_grids(body, options.encodings, options.delimiter)
        roles = options.header_roles()
        result = Result()
        found_table = False
        for grid in grids:
            table = find_table(grid, roles, result.rejects)
            if table is None:
                continue
            found_table = True
            if grid.is_hidden:
                result.refuse(grid.pointer(), "hidden_sheet")
                continue
            if grid.is_cut:
                result.refuse(grid.pointer(), "too_many_rows")
            tell_columns(grid, table, options, result.rejects)
            Reader(grid, table, receipt, source, options, result).read()
        if not found_table:
            raise UnreadableBody(
                "no sheet has a row of headers with a date and a title, or an id and a number of people.",
                reason="no_table",
                next_action="Use the headers of the template (docs/attendance.md), or add yours to columns.",
            )
        if not (result.rows or result.reports or result.rejects):
            result.rejects.append(
                Reject(
                    "(whole file)",
                    "no_records",
                    "the file has the right headers and holds no events.",
                    "See whether the right file was dropped.",
                    "blob",
                )
            )
        result.rejects += result.notes
        reports = [row for _, row in result.reports.values()]
        told = list(result.rows.values())
        return Parsed({"event_observations": told, "attendance_reports": reports}, result.rejects)
