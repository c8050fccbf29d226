"""Merged and blank cells of the staff's sheet: read as a person reads them, and never guessed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, time
from time import process_time
from typing import Any

import pytest
from event_reading import Reading, utc
from feed_reading import feed_source, read_body, receipt
from openpyxl import Workbook
from test_programme_sheet import SHEET, csv, replaced, workbook

from ingest.adapters import adapter_for
from ingest.errors import ConfigurationError

HEAD = ["Dato", "Klokkeslett", "Tittel", "Filial", "Samarbeidspartner", "Antall"]


def merged(*rows: Sequence[Any], blocks: tuple[str, ...] = (), **options: Any) -> Reading:
    """What a workbook with these rows and merged blocks is read as."""

    def change(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        for block in blocks:
            sheet.merge_cells(block)

    return read_body("programme_sheet", workbook(*rows, change=change), **options)


def notes(found: Reading) -> list[str]:
    """Rejects that wait for nobody (core.fct_reject), by reason."""
    return [r.reason for r in found.rejects if r.next_action.startswith("Nothing to do;")]


def test_a_day_merged_over_its_rows_and_a_branch_merged_down_hold_for_each() -> None:
    """The commonest programme there is: one cell for the day, one for the branch, a line per event."""
    found = merged(
        HEAD,
        [date(2026, 3, 5), time(10), "Babysong", "Moa", "Helsestasjonen", 12],
        [None, time(18), "Forfattarkveld", None, None, 31],
        [date(2026, 3, 6), time(12), "Språkkafé", None, "Røde Kors", 9],
        blocks=("A2:A3", "D2:D4", "E2:E3"),
    )
    assert found.rejects == []
    assert found.column("start_at") == [utc("2026-03-05T09:00"), utc("2026-03-05T17:00"), utc("2026-03-06T11:00")]
    assert found.column("categories") == ["Moa"] * 3
    assert found.column("partner_claims") == ["Helsestasjonen", "Helsestasjonen", "Røde Kors"]
    assert [r["on_site_count"] for r in found.reports] == [12, 31, 9]


def test_a_heading_merged_over_the_table_is_no_event_and_is_told() -> None:
    """A month, a week, a day or a notice over all columns; whoever looks for it finds that it was left out."""
    found = merged(
        HEAD,
        ["Mars", None, None, None, None, None],
        ["05.03.2026", "18:00", "Quiz", "Moa", None, 4],
        ["6. mars 2026", None, None, None, None, None],
        [None, "Biblioteket er stengt i påska", None, None, None, None],
        ["07.03.2026", "Stengt", None, None, None, None],
        blocks=("A2:F2", "A4:F4", "B5:F5", "B6:F6"),
    )
    assert found.column("title") == ["Quiz"]
    assert [(r.reason, r.pointer) for r in found.rejects] == [
        ("bad_time", "sheet 1, row 6, column B"),
        ("heading_rows", "sheet 1, row 2"),
    ], "a row with a date of its own says more than a heading"
    assert notes(found) == ["heading_rows"]
    assert "3 of the rows" in found.rejects[-1].message
    assert found.rejects[-1].message.endswith("2, 4, 5.")


def test_a_narrow_merge_is_no_heading() -> None:
    """A title over two or three of many columns is an event that lacks its date: it must be told, not left out."""
    head = ["Dato", "Klokkeslett", "Tittel", "Sted", "Filial", "Kategori", "Partner", "Antall"]
    found = merged(head, [None, None, "Quiz", None, None, None, None, None], blocks=("C2:E2",))
    assert (found.rows, [(r.reason, r.pointer) for r in found.rejects]) == (
        [],
        [("missing_date", "sheet 1, row 2, column A")],
    )


def test_sums_are_told_and_are_no_events() -> None:
    """In the column of dates too, and inside a merged day."""
    found = merged(
        HEAD,
        ["05.03.2026", "18:00", "Quiz", "Moa", None, 4],
        [None, None, "Sum", None, None, 4],
        ["Totalt:", None, None, None, None, 4],
        blocks=("A2:A3",),
    )
    assert found.column("title") == ["Quiz"]
    assert [r["on_site_count"] for r in found.reports] == [4]
    assert [(r.reason, r.pointer) for r in found.rejects] == [("sum_rows", "sheet 1, row 3")]
    assert found.rejects[0].message.endswith("3, 4.")


def test_headings_alone_are_not_a_library_without_events() -> None:
    """A note is no content."""
    found = merged(HEAD, ["Mars", None, None, None, None, None], blocks=("A2:F2",))
    assert found.reasons == ["no_records", "heading_rows"]


def test_an_event_in_two_lines_is_one() -> None:
    """Everything merged over two rows, but for the partners, who have a line each."""
    found = merged(
        ["ID", *HEAD],
        ["2026-001", "05.03.2026", "18:00", "Quiz", "Moa", "Mållaget", 31],
        [None, None, None, None, None, "Røde Kors", None],
        ["2026-002", "06.03.2026", "18:00", "Språkkafé", "Moa", None, 7],
        blocks=("A2:A3", "B2:B3", "C2:C3", "D2:D3", "E2:E3", "G2:G3"),
    )
    assert found.rejects == []
    assert found.column("partner_claims") == ["Mållaget | Røde Kors", None]
    assert [(r["series_id"], r["on_site_count"]) for r in found.reports] == [("2026-001", 31), ("2026-002", 7)]


def test_a_title_merged_over_several_hours_is_several_events() -> None:
    """Story time at ten and at twelve are two holdings of one name."""
    found = merged(
        HEAD,
        ["05.03.2026", "10:00", "Lesestund", "Moa", None, 9],
        [None, "12:00", None, None, None, 11],
        blocks=("A2:A3", "C2:C3", "D2:D3"),
    )
    assert (found.rejects, found.column("title")) == ([], ["Lesestund", "Lesestund"])
    assert [r["on_site_count"] for r in found.reports] == [9, 11]


def test_an_id_merged_over_several_events_is_none_of_theirs() -> None:
    """Given to the first alone it would be moved to another event by the next sheet that is sorted otherwise."""
    found = merged(
        ["ID", *HEAD],
        ["s1", "05.03.2026", "10:00", "Lesestund", "Moa", None, 9],
        [None, "12.03.2026", "10:00", "Lesestund", "Moa", None, 11],
        blocks=("A2:A3",),
    )
    assert (found.rows, found.reports) == ([], [])
    assert [(r.reason, r.pointer) for r in found.rejects] == [
        ("one_id_for_several", "sheet 1, row 2, column A"),
        ("one_id_for_several", "sheet 1, row 3, column A"),
    ]


def test_a_number_merged_over_columns_counts_nobody_knows_whom() -> None:
    """One number for adults and children together, read as adults, would be a figure that nobody told."""
    head = ["Dato", "Tittel", "Voksne", "Barn"]
    found = merged(head, ["05.03.2026", "A", 31, None], ["06.03.2026", "B", "ukjent", None], blocks=("C2:D2", "C3:D3"))
    assert found.column("title") == ["A", "B"]
    assert [(r.reason, r.pointer) for r in found.rejects] == [("one_count_for_columns", "sheet 1, row 2, column C")]
    (report,) = found.reports
    assert (report["adults_count"], report["children_count"]) == (None, None), "not known is not known of either"


def test_words_merged_over_the_numbers_say_no_number() -> None:
    """`Avlyst` across status and numbers is a status."""
    head = ["Dato", "Tittel", "Status", "Voksne", "Barn"]
    found = merged(head, ["05.03.2026", "A", "Avlyst", None, None], blocks=("C2:E2",))
    assert (found.rejects, found.reports, found.column("status")) == ([], [], ["cancelled"])


def test_what_a_merge_hides_is_not_read() -> None:
    """Programs leave values under merged cells; nobody sees them on the screen."""
    body = workbook(
        HEAD,
        ["05.03.2026", "18:00", "Quiz", "Moa", None, None],
        ["06.03.2026", "18:00", "Kafé", "Spjelkavik", None, None],
    )
    inside = b'</sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'
    found = read_body("programme_sheet", replaced(body, SHEET, rb"</sheetData>", inside))
    assert found.column("start_on") == [date(2026, 3, 5)] * 2


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("torsdag", date(2026, 3, 5), ("2026-03-05T00:00", None)),
        (None, date(2026, 3, 5), ("2026-03-05T00:00", None)),
        (date(2026, 3, 5), time(18), ("2026-03-05T18:00", None)),
        (date(2026, 3, 5), date(2026, 3, 7), ("2026-03-05T00:00", date(2026, 3, 7))),
    ],
)
def test_a_date_header_over_two_columns_is_told_by_its_cells(first: Any, second: Any, told: tuple[Any, Any]) -> None:
    """`Når` over weekday and date, date and hour, or first and last day: the cells say which it is."""
    found = merged(["Når", None, "Tittel"], [first, second, "Festival"], blocks=("A1:B1",))
    assert found.rejects == []
    (row,) = found.rows
    assert f"{row['start_on']}" == told[0][:10]
    assert row["has_time"] == (told[0][11:] != "00:00")
    assert row["end_on"] == (told[1] or date(2026, 3, 5))


def test_other_headers_over_two_columns() -> None:
    """A time over its start and end, partners side by side; two columns of people are anybody's guess."""
    head = ["Dato", "Tid", None, "Tittel", "Partnere", None]
    row = ["05.03.2026", "18:00", "20:00", "Quiz", "Mållaget", "Røde Kors"]
    found = merged(head, row, blocks=("B1:C1", "E1:F1"))
    assert found.rejects == []
    assert (found.row["end_at"], found.row["partner_claims"]) == (utc("2026-03-05T19:00"), "Mållaget | Røde Kors")
    found = merged(["Dato", "Tittel", "Deltakere", None], ["05.03.2026", "Quiz", 3, 4], blocks=("C1:D1",))
    assert (found.rows, found.reasons) == ([], ["ambiguous_column"])
    assert "C and D" in found.rejects[0].message
    assert "Split the merged cell" in found.rejects[0].next_action
    found = merged(["Dato", "Tittel", "Deltakere", None], ["05.03.2026", "Quiz", None, 4], blocks=("C1:D1",))
    assert [r["on_site_count"] for r in found.reports] == [4]


def test_columns_under_a_merged_header_that_are_not_read_are_told() -> None:
    """A third number beside `Voksne` and `Barn` without words of its own, and names beside names."""
    found = merged(
        ["Dato", "Tittel", "Deltakere", None, None, "Kontaktperson", None],
        [None, None, "Voksne", "Barn", None, None, None],
        ["05.03.2026", "Quiz", 3, 4, 99, "Kari", "Nordmann"],
        blocks=("A1:A2", "B1:B2", "C1:E1", "F1:G2"),
    )
    assert [r["on_site_count"] for r in found.reports] == [7]
    assert [(r.reason, r.pointer.split(", ")[-1]) for r in found.rejects] == [
        ("unknown_column", "column E"),
        ("personal_column", "column F"),
        ("personal_column", "column G"),
    ]
    assert "Nordmann" not in found.text()


def test_a_header_merged_down_over_the_events_is_no_value_of_theirs() -> None:
    """A slip of the mouse; the branch of ten events would be called `Filial`."""
    rows = [["Dato", "Tittel", "Filial", "Antall"], *([f"{n}.03.2026", "Quiz", None, None] for n in range(1, 6))]
    found = merged(*rows, blocks=("C1:C6", "D1:D6"))
    assert (found.rejects, found.reports) == ([], [])
    assert found.column("categories") == [None] * 5


def test_a_header_merged_downwards_makes_its_rows_the_header() -> None:
    """Else the words below would be an event without a date."""
    found = merged(
        ["Dato", "Tittel", "Deltakere", None],
        [None, None, "Fysisk", "Digitalt"],
        ["05.03.2026", "Quiz", 3, 4],
        blocks=("A1:A2", "B1:B2", "C1:D1"),
    )
    assert found.rejects == []
    assert [(r["on_site_count"], r["online_count"]) for r in found.reports] == [(3, 4)]


BLANKS = [
    HEAD,
    ["05.03.2026", "10:00", "Babysong", "Moa", "Helsestasjonen", 12],
    [None, "18:00", "Forfattarkveld", None, None, None],
    [None, None, "Sum", None, None, 12],
    [None, "12:00", "Språkkafé", None, None, 9],
]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_blanks_are_filled_only_where_the_options_say_so(form: str) -> None:
    """An export loses the merges: a blank may be the day above or a day that somebody forgot."""
    body = csv(*BLANKS) if form == "csv" else workbook(*BLANKS)
    plain = read_body("programme_sheet", body)
    assert plain.column("title") == ["Babysong"]
    assert plain.reasons == ["missing_date", "missing_date", "sum_rows"]
    filled = read_body("programme_sheet", body, fill_down=["Dato", "filial"])
    assert filled.column("title") == ["Babysong", "Forfattarkveld"]
    assert filled.column("start_at") == [utc("2026-03-05T09:00"), utc("2026-03-05T17:00")]
    assert filled.column("categories") == ["Moa", "Moa"]
    assert filled.column("partner_claims") == ["Helsestasjonen", None], "nobody said that it may be filled"
    assert filled.column("quality_flags") == ["no_end | no_id", "no_end | no_id | filled_down"]
    assert [r["on_site_count"] for r in filled.reports] == [12], "an empty number stays unknown"
    assert filled.reasons == ["missing_date", "sum_rows"], "a sum ends what stood above it"


def test_a_filled_hash_is_that_of_the_written_claim() -> None:
    """Who writes the date out later has changed nothing."""
    written = [HEAD, BLANKS[1], ["05.03.2026", "18:00", "Forfattarkveld", "Moa", None, None]]
    one = read_body("programme_sheet", csv(*BLANKS[:3]), fill_down=["date", "branch"])
    other = read_body("programme_sheet", csv(*written))
    assert one.column("content_hash") == other.column("content_hash")


@pytest.mark.parametrize("name", ["Antall", "Arrangement-ID", "on_site", "Hoder", ""])
def test_numbers_and_ids_can_not_be_filled_down(name: str) -> None:
    """A number copied to the rows below would be counted again in each."""
    with pytest.raises(ConfigurationError, match="fill_down"):
        adapter_for(feed_source("programme_sheet", fill_down=[name]))


def test_a_column_of_people_merged_over_the_whole_sheet_is_read_in_time() -> None:
    """Each of five thousand rows would ask each of five thousand whether it is an event."""
    rows = [["ID", "Dato", "Tittel", "Antall"], *([f"a{n}", "05.03.2026", "Quiz", None] for n in range(4_990))]
    rows[1][3] = 60
    started = process_time()
    found = merged(*rows, blocks=("D2:D4991",))
    assert (len(found.rows), set(found.reasons)) == (4_990, {"one_count_for_several"})
    assert process_time() - started < 20


@pytest.mark.parametrize("seed", range(10))
def test_sheets_with_merges_anywhere_end_as_rows_or_rejects(seed: int) -> None:
    """A thousand sheets with blocks thrown over header and rows: none is a fault, and no number is told twice."""
    dice = random.Random(seed)
    options: list[dict[str, Any]] = [{}, {"fill_down": ["Dato", "Filial", "Partner", "Klokkeslett"]}]
    cells = [None, "Sum", "Mars", "05.03.2026", date(2026, 3, 6), "18:00", time(12), 7, "ukjent", "Voksne", "Dato"]
    for turn in range(100):
        head: list[Any] = ["ID", "Dato", "Klokkeslett", "Tittel", "Filial", "Partner", "Voksne", "Barn"]
        rows = [head] + [
            [f"x{n}", "05.03.2026", f"{n + 9}:00", f"Quiz {n}", "Moa", "Mållaget", 1 + n, None] for n in range(8)
        ]
        for _ in range(dice.randint(0, 5)):
            rows[dice.randrange(len(rows))][dice.randrange(8)] = dice.choice(cells)
        blocks = []
        for _ in range(dice.randint(1, 5)):
            top, left = dice.randint(1, 9), dice.randint(1, 8)
            down, across = top + dice.choice((0, 0, 1, 3)), left + dice.choice((0, 0, 1, 2, 7))
            blocks.append(f"{chr(64 + left)}{top}:{chr(64 + min(across, 8))}{down}")
        body = workbook(*rows) if turn % 7 == 0 else _with_merges(workbook(*rows), blocks)
        found = read_body("programme_sheet", body, receipt(body=body), **options[turn % 2])
        assert found.rows or found.reports or found.rejects
        assert not {"parser_fault", "contract_broken"} & set(found.reasons), (seed, turn, found.rejects)
        told = [value for row in rows[1:] for value in row[6:] if isinstance(value, int)]
        read = [r[k] for r in found.reports for k in ("adults_count", "children_count") if r[k] is not None]
        assert sum(read) <= sum(told), (seed, turn)


def _with_merges(body: bytes, blocks: list[str]) -> bytes:
    """A workbook with blocks merged over its cells as they stand: openpyxl itself would empty them first."""
    inside = "".join(f'<mergeCell ref="{block}"/>' for block in blocks)
    return replaced(body, SHEET, rb"</sheetData>", f"</sheetData><mergeCells>{inside}</mergeCells>".encode())
