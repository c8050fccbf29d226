"""The sheet of questions: what staff see, what stands hidden, and what is never written over."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from published_library import Rooms

from publishing import review_sheet, snapshot
from publishing.errors import NothingPublished, PublishError, UnknownSelection
from publishing.manifest import ManifestInputs
from publishing.review import Question, Telling

OSLO = ZoneInfo("Europe/Oslo")
BRANCHES = {"moa": "Moa bibliotek", "main": "Hovudbiblioteket"}
# What the hand-made library's tables lack beside what the warehouse's have.
DOUBTS = """
drop table core.fct_event;
create table core.fct_event as
    select 'e' || n as event_id, 's1' as source_id, '=1+' || n as title, date '2023-05-04' + n as start_on,
        timestamp '2023-05-04 16:00' + n * interval 1 day as start_at, n <> 3 as has_time, 'Salen' as venue,
        '1507' as area_id, case when n = 4 then 'unassigned' when n > 1 then 'main' else 'moa' end as owner_branch_id,
        'occurred' as status, true as is_countable, 'held' as count_reason
    from (select unnest([1, 2, 3, 4]) as n) as numbers;
create table core.bridge_event_claim as
    select event_id, 'c' || event_id as occurrence_id, 's1' as source_id, 'series ' || event_id as series_id,
        '' as slot, 'occurred' as status, true as is_anchor
    from core.fct_event;
create table core.fct_event_doubt as
    select * from (values
        ('one_source_took_it_out', 'ce1', 'e1', true), ('perhaps_one_event', 'ce2 ce3', 'e2', true),
        ('one_source_took_it_out', 'ce2', 'e2', true), ('no_branch', 'ce4', 'e4', true),
        ('one_source_cancelled_it', 'ce3', 'e3', false), ('future_lost', 'run 3', null, true),
        ('attendance_at_no_event', 'report 9', 'e3', true)
    ) as told (doubt_kind, subject_id, event_id, is_open);
"""


@pytest.fixture
def in_doubt(rooms: Rooms, inputs: ManifestInputs) -> Rooms:
    """The hand-made library with four events, of which every one is in doubt."""
    with duckdb.connect(str(rooms.build)) as con:
        con.execute(DOUBTS)
    snapshot.publish(rooms.build, rooms.published, inputs)
    return rooms


def write(rooms: Rooms, path: Path, period: str = "2023", branch_id: str | None = None) -> dict[str, int]:
    return dict(review_sheet.write(path, rooms.published, OSLO, period, BRANCHES, branch_id))


def page(path: Path) -> tuple[Worksheet, list[dict[str, object]]]:
    sheet = load_workbook(path).worksheets[0]
    headers, *rows = sheet.iter_rows(values_only=True)
    return sheet, [dict(zip(map(str, headers), row, strict=True)) for row in rows]


def test_each_event_in_doubt_is_one_row_that_knows_what_its_answers_decide(in_doubt: Rooms, tmp_path: Path) -> None:
    """A small branch's events stand first: there one event is most of the year. What is settled is not asked."""
    path = tmp_path / "review.xlsx"
    assert write(in_doubt, path) == {
        "one_source_took_it_out": 2, "no_branch": 1, "perhaps_one_event": 1,
    }  # fmt: skip
    _sheet, rows = page(path)
    assert [(r["Arrangement"], r["Når"], r["Filial"], r["Veier i filialens år"]) for r in rows] == [
        ("=1+1", "2023-05-05 18:00", "moa", 1),
        ("=1+4", "2023-05-08 18:00", None, 1),
        ("=1+2", "2023-05-06 18:00", "main", 0.5),
        ("=1+3", "2023-05-07", "main", 0.5),
    ]
    one, other = ({"source_id": "s1", "series_id": f"series e{n}", "slot": ""} for n in (3, 2))
    assert json.loads(str(rows[3]["decisions"]))["answers"] == {
        "holdt": [{"verdict": "countable", "claims": [one]}, {"verdict": "different", "claims": [one, other]}],
        "ikke holdt": [{"verdict": "not_countable", "claims": [one]}],
        "samme som 1": [{"verdict": "same", "claims": [one, other]}],
    }
    assert str(rows[3]["1"]).startswith("2023-05-06 18:00 · =1+2 · main · Salen")


def test_cells_are_text_with_the_answers_to_choose_from(in_doubt: Rooms, tmp_path: Path) -> None:
    """A title from a feed must not become a formula; nobody should have to know the words by heart."""
    write(in_doubt, tmp_path / "review.xlsx")
    sheet, rows = page(tmp_path / "review.xlsx")
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}
    lists = {str(v.sqref): v.formula1 for v in sheet.data_validations.dataValidation}
    assert lists == {
        "K2 K4": '"holdt,ikke holdt"',
        "K3": '"vårt,ikke vårt"',
        "K5": '"holdt,ikke holdt,samme som 1"',
        "L2:L5": "Filialer!$A$1:$A$2",
    }
    letter = next(cell.column_letter for cell in sheet[1] if cell.value == "decisions")
    assert sheet.column_dimensions[letter].hidden
    assert all(row["Svar"] is None for row in rows)


def test_a_branch_is_asked_about_its_own_events_and_those_of_none(in_doubt: Rooms, tmp_path: Path) -> None:
    """Whoever works there knows whether it was theirs."""
    assert write(in_doubt, tmp_path / "moa.xlsx", branch_id="moa") == {"one_source_took_it_out": 1, "no_branch": 1}


def test_no_sheet_is_written_where_there_is_nothing_to_ask(in_doubt: Rooms, tmp_path: Path) -> None:
    """An empty sheet would be answered with a question."""
    path = tmp_path / "review.xlsx"
    assert write(in_doubt, path, "2022") == {}
    assert not path.exists()


def test_wrong_use_is_told_and_answers_are_not_written_over(in_doubt: Rooms, tmp_path: Path) -> None:
    """Somebody may have spent an afternoon on the file that has the name."""
    path = tmp_path / "review.xlsx"
    path.write_bytes(b"an afternoon")
    with pytest.raises(PublishError, match="exists already"):
        write(in_doubt, path)
    assert path.read_bytes() == b"an afternoon"
    with pytest.raises(PublishError, match="can't be written"):
        write(in_doubt, tmp_path / "no such folder" / "review.xlsx")
    with pytest.raises(UnknownSelection, match="main, moa"):
        write(in_doubt, tmp_path / "new.xlsx", branch_id="mao")
    with pytest.raises(UnknownSelection, match="not a period"):
        write(in_doubt, tmp_path / "new.xlsx", "last year")
    with pytest.raises(NothingPublished):
        review_sheet.write(tmp_path / "new.xlsx", tmp_path / "nowhere", OSLO, "2023", BRANCHES)


def test_a_sheet_for_a_library_of_many_branches_still_lists_them() -> None:
    """A list inside a rule may hold 255 characters; a range of cells has no such end."""
    about = Telling("e", {"source_id": "s", "series_id": "u", "slot": ""}, "Quiz", "2023-05-04", None, None, ("s",))
    asked = [Question("no_branch", "?", about, (), 1.0, {"vårt": [], "ikke vårt": []})]
    many = {f"branch_{n:03d}": f"Filial {n}" for n in range(90)}
    book = load_workbook(io.BytesIO(review_sheet.workbook(asked, many)))
    assert [v.formula1 for v in book.worksheets[0].data_validations.dataValidation][-1] == "Filialer!$A$1:$A$90"
    assert book["Filialer"]["A90"].value == "branch_089"
