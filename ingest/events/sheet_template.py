"""The empty sheet that staff fill in: headers that `programme_sheet` knows, cells that only take what it reads.

What belongs here: writing the template. What does not: reading it. A test reads what is written here, so that the two
can't drift apart.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ingest.errors import PermanentFailure
from ingest.landing import write_atomically

ROWS = 500
_HEADERS: tuple[tuple[str, int, str], ...] = (
    ("Arrangement-ID", 16, "@"),
    ("Dato", 12, "dd.mm.yyyy"),
    ("Sluttdato", 12, "dd.mm.yyyy"),
    ("Starttid", 10, "hh:mm"),
    ("Sluttid", 10, "hh:mm"),
    ("Tittel", 40, "@"),
    ("Filial", 18, "@"),
    ("Sted", 18, "@"),
    ("Kategori", 16, "@"),
    ("Målgruppe", 16, "@"),
    ("Samarbeidspartner", 30, "@"),
    ("Status", 14, "@"),
    ("Antall deltakere", 16, "0"),
    ("Voksne", 10, "0"),
    ("Barn", 10, "0"),
    ("Digitalt", 10, "0"),
    ("Metode", 12, "@"),
    ("Rapportert", 12, "dd.mm.yyyy"),
)
HEADERS = tuple(header for header, _, _ in _HEADERS)
_GUIDE = (
    "Én rad for hvert arrangement som er holdt eller skal holdes. En serie får én rad for hver dato.",
    "Arrangement-ID: finn på én for hver rad, for eksempel 2026-014, og endre den aldri.",
    "Dato: 14.03.2026. Sluttdato bare når arrangementet går over flere dager; siste dag regnes med.",
    "Starttid og sluttid: 18:00. La dem stå tomme for arrangement som varer hele dagen.",
    "Samarbeidspartner: bare navn på organisasjoner, skilt med semikolon. Aldri navn på personer.",
    "Status: tom, avlyst, utsatt eller foreløpig.",
    "Antall deltakere: de som var i rommet. Tom celle betyr at tallet ikke er kommet; 0 betyr at ingen kom.",
    "Skriv ukjent når ingen talte, eller når et tall som er levert, skal trekkes tilbake.",
    "Metode: talt, anslått eller billetter.",
    "Ingen navn, e-postadresser eller telefonnummer i arket. Ingen flettede celler. Ingen summer.",
)


def attendance_template() -> bytes:
    """The template as the bytes of an .xlsx workbook: one sheet to fill in, and one that says how."""
    from openpyxl import Workbook  # here, because every start of the program would wait for it
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "Program"
    for column, (header, width, form) in enumerate(_HEADERS, start=1):
        cell = sheet.cell(row=1, column=column, value=header)
        cell.font = Font(bold=True)
        letter = get_column_letter(column)
        sheet.column_dimensions[letter].width = width
        for row in range(2, ROWS + 2):
            sheet.cell(row=row, column=column).number_format = form
        rule = _rule(header, DataValidation)
        if rule is not None:
            rule.add(f"{letter}2:{letter}{ROWS + 1}")
            sheet.add_data_validation(rule)
    sheet.freeze_panes = "A2"
    guide = workbook.create_sheet("Slik fyller du ut")
    guide.column_dimensions["A"].width = 110
    for row, text in enumerate(_GUIDE, start=1):
        guide.cell(row=row, column=1, value=text).alignment = Alignment(wrap_text=True)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _rule(header: str, kind: Any) -> Any:
    """What a column's cells take: people counted, days, or one of a few words."""
    lists = {"Status": "planlagt,avlyst,utsatt,foreløpig", "Metode": "talt,anslått,billetter"}
    if header in lists:
        rule = kind(type="list", formula1=f'"{lists[header]}"', allow_blank=True)
    elif header in ("Dato", "Sluttdato", "Rapportert"):
        rule = kind(type="date", operator="greaterThan", formula1="32874", allow_blank=True)
    else:
        return None
    rule.showErrorMessage = True
    rule.error = "Se arket «Slik fyller du ut»."
    return rule


def write_attendance_template(path: Path) -> None:
    """Write the template.

    Raises:
        PermanentFailure: a file of that name is there already: it may be somebody's filled-in sheet.
    """
    if path.exists():
        raise PermanentFailure(
            f"{path} exists already.",
            reason="file_exists",
            next_action="Choose another name; a filled-in sheet must not be lost.",
        )
    write_atomically(path.absolute(), attendance_template())
