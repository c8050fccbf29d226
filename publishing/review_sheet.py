"""Questions about events as a workbook in which staff answer: one row each, with a list of the answers it can have.

What belongs here: the layout. What does not: what is asked (`review`) and what answers become. A row carries what each
of its answers decides in a hidden column, so that rows may be sorted, deleted and sent on, and whoever reads the sheet
needs to know nothing about kinds of questions.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from publishing import periods
from publishing.errors import PublishError, UnknownSelection
from publishing.reader import open_snapshot
from publishing.review import Question, questions

ANSWER, BRANCH, REASON, DECISIONS = "Svar", "Filial (bare om en annen)", "Begrunnelse", "decisions"
_HEADERS = (
    ("Spørsmål", 44),
    ("Arrangement", 36),
    ("Når", 17),
    ("Filial", 14),
    ("Sted", 20),
    ("Fortalt av", 30),
    ("Veier i filialens år", 11),
    ("1", 34),
    ("2", 34),
    ("3", 34),
    (ANSWER, 18),
    (BRANCH, 18),
    (REASON, 30),
    (DECISIONS, 10),
)
_GUIDE = (
    "Hver rad er et arrangement som kildene ikke er enige om, eller som bare noen av dem kjenner. De som veier mest i "
    "sin filials årstall, står først.",
    "Svar: velg i listen. La cellen stå tom når ingen vet det: da blir tvilen stående.",
    "Kolonnene 1, 2 og 3: andre arrangement samme dag som det kan være det samme som.",
    "Filial: fyll inn bare når arrangementet hører til en annen filial enn den som står der.",
    "Begrunnelse: kort, uten navn på personer. Uten begrunnelse står det hva som ble svart.",
    "Rader kan sorteres og slettes. Endre ikke den skjulte kolonnen; den sier hva et svar avgjør.",
)


def workbook(asked: Sequence[Question], branches: Mapping[str, str]) -> bytes:
    """The questions as the bytes of an .xlsx workbook.

    Args:
        branches: names of the branches that can be filled in, by their id.
    """
    from openpyxl import Workbook  # here, because every start of the program would wait for it
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Spørsmål"
    letters = {header: get_column_letter(number) for number, (header, _) in enumerate(_HEADERS, start=1)}
    for header, width in _HEADERS:
        cell = sheet[f"{letters[header]}1"]
        cell.value, cell.font = header, Font(bold=True)
        sheet.column_dimensions[letters[header]].width = width
    sheet.column_dimensions[letters[DECISIONS]].hidden = True
    to_fill_in = PatternFill("solid", fgColor="FFF2CC")
    lists: dict[tuple[str, ...], DataValidation] = {}
    for row, question in enumerate(asked, start=2):
        for header, value in _cells(question).items():
            cell = sheet[f"{letters[header]}{row}"]
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"  # a title that begins with "=" is no formula
            cell.alignment = Alignment(wrap_text=header != DECISIONS, vertical="top")
        sheet[f"{letters['Veier i filialens år']}{row}"].number_format = "0.0 %"
        for header in (ANSWER, BRANCH, REASON):
            sheet[f"{letters[header]}{row}"].fill = to_fill_in
        offered = tuple(question.answers)
        if offered not in lists:
            lists[offered] = DataValidation(type="list", formula1=f'"{",".join(offered)}"', allow_blank=True)
            sheet.add_data_validation(lists[offered])
        lists[offered].add(f"{letters[ANSWER]}{row}")
    sheet.freeze_panes = "A2"
    known = book.create_sheet("Filialer")
    known.column_dimensions["A"].width, known.column_dimensions["B"].width = 18, 40
    for row, (branch_id, name) in enumerate(sorted(branches.items()), start=1):
        known.cell(row=row, column=1, value=branch_id)
        known.cell(row=row, column=2, value=name)
    if asked and branches:
        rule = DataValidation(type="list", formula1=f"Filialer!$A$1:$A${len(branches)}", allow_blank=True)
        rule.add(f"{letters[BRANCH]}2:{letters[BRANCH]}{len(asked) + 1}")
        sheet.add_data_validation(rule)
    guide = book.create_sheet("Slik svarer du")
    guide.column_dimensions["A"].width = 110
    for row, text in enumerate(_GUIDE, start=1):
        guide.cell(row=row, column=1, value=text).alignment = Alignment(wrap_text=True)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cells(question: Question) -> dict[str, Any]:
    about = question.about
    return {
        "Spørsmål": question.text,
        "Arrangement": about.title,
        "Når": about.when,
        "Filial": about.branch_id or "",
        "Sted": about.venue or "",
        "Fortalt av": "\n".join(about.told_by),
        "Veier i filialens år": question.share,
        **{str(number): str(other) for number, other in enumerate(question.others, start=1)},
        DECISIONS: json.dumps(
            {"kind": question.kind, "claim": dict(about.claim), "answers": question.answers}, ensure_ascii=False
        ),
    }


def write(
    path: Path, published: Path, zone: ZoneInfo, period: str, branches: Mapping[str, str], branch_id: str | None = None
) -> Counter[str]:
    """Write the sheet of a period's questions; no sheet where nothing is in doubt.

    Returns:
        How many questions of each kind were written.

    Raises:
        NothingPublished: there is no published version to ask about.
        UnknownSelection: the period is none, or no such branch is described.
        PublishError: a file of that name is there already, which may hold somebody's answers; or none can be written.
    """
    if branch_id is not None and branch_id not in branches:
        raise UnknownSelection(f"no branch {branch_id!r}.", next_action=f"Use one of: {', '.join(sorted(branches))}.")
    asked = periods.parse(period)
    if path.exists():
        raise PublishError(f"{path} exists already.", next_action="Choose another name; answers must not be lost.")
    with open_snapshot(published) as snapshot:
        found = questions(snapshot.rows, zone, asked.start, asked.end, branch_id)
    if found:
        body = workbook(found, branches)
        try:
            path.write_bytes(body)
        except OSError as error:
            raise PublishError(
                f"{path} can't be written ({error.strerror}).", next_action="Choose a folder that can be written to."
            ) from error
    return Counter(question.kind for question in found)
