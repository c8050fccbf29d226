"""What can be wrong with a programme sheet, told so that staff can mend it.

What belongs here: every fault of a sheet, a row or a cell, with its next action. What does not: finding them
(`_sheet_tables`, `_sheet_cells`, `_sheet_rows`), and files that can't be opened at all (`_workbook`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapters import Faulty

MOST_PEOPLE = 100_000

FAULTS: Mapping[str, tuple[str, str]] = {
    "missing_date": ("the row has no date.", "Write the date of the event, or take the row out."),
    "missing_title": ("the row has no title.", "Write the title of the event."),
    "missing_id": (
        "the row names no event: a sheet without titles needs the event's id.",
        "Write the id that the programme sheet has.",
    ),
    "id_needs_date": (
        "a short number as id begins again each year, and the row has no date to tell which year.",
        "Write the date as well, or ids such as 2026-014.",
    ),
    "bad_date": (
        "the date can't be read, or is no date of the calendar.",
        "Write it as 14.03.2026 or 2026-03-14, or format the cell as a date.",
    ),
    "bad_time": ("the time of day can't be read.", "Write it as 18:00, or 18:00-20:00."),
    "two_times": (
        "the date cell and the time cell tell different times.",
        "Let the date cell hold the date only.",
    ),
    "end_before_start": ("the event ends before it starts.", "Mend the last day or the end time."),
    "not_text": (
        "the cell holds a date or a truth value where words belong; spreadsheets make them out of words like `1. mai`.",
        "Format the cell as text and write it again.",
    ),
    "letters_in_count": ("the number of people is no number.", "Write a whole number, `ca. 25`, or `ukjent`."),
    "fraction_in_count": (
        "the number of people has decimals, or its thousands are set apart by a dot or comma.",
        "Write a whole number without a thousands sign.",
    ),
    "count_too_large": (f"the number of people is larger than {MOST_PEOPLE}.", "Look for two numbers grown together."),
    "negative_count": ("the number of people is negative.", "Write how many came; `ukjent` if nobody knows."),
    "one_count_for_several": (
        "the number of people is merged over several rows: one number for several events can't be shared out.",
        "Split the merged cell, and write a number for each event or leave it empty.",
    ),
    "one_count_for_columns": (
        "the number of people is merged over several columns, and which of them it counts is not told.",
        "Split the merged cell, and write the number into the column that it belongs to.",
    ),
    "one_id_for_several": (
        "the id is merged over several rows: one id for several events would make one event of them.",
        "Split the merged cell, and give every event, and every date of a series, an id of its own.",
    ),
    "counts_contradict": (
        "adults and children do not add up to the number present.",
        "Mend the three numbers. The event itself was read.",
    ),
    "future_attendance": (
        "the row tells how many came to an event that had not begun when the file was received.",
        "Leave the cell empty until the event is over: 0 means that nobody came.",
    ),
    "unknown_method": ("the way of counting is none that is known.", "Write talt, anslått or billetter."),
    "formula_without_value": (
        "the cell holds a formula that was never calculated.",
        "Open the file in Excel or LibreOffice, save it, and drop it again; or write the number itself.",
    ),
    "formula_error": ("the cell's formula ends in an error.", "Mend the formula, or write the value itself."),
    "duplicate_id": (
        "an earlier row has the same id and says something else; that row was kept.",
        "Give every event, and every date of a series, an id of its own.",
    ),
    "contacts_as_roles": (
        "the column of roles tells how to reach people; its cells were not read.",
        "Write roles and no names, mail addresses or numbers, and take the earlier file out of landing "
        "(docs/attendance.md).",
    ),
    "hidden_sheet": (
        "the sheet is hidden and holds a table of events; it was not read.",
        "Show the sheet if it counts, or delete it.",
    ),
    "too_many_rows": ("the sheet goes on beyond the rows that are read.", "Split it into one file per year."),
}


class CellFault(Faulty):
    """A fault of one cell: its column is part of where it stands."""

    def __init__(self, reason: str, column: int | None = None) -> None:
        super().__init__(reason)
        self.column = column
