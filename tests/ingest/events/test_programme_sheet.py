"""The staff's sheet: what people really write into cells, and what must never be made of it."""

from __future__ import annotations

import io
import os
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import process_time as time_of_process
from typing import Any

import pytest
from event_reading import Reading, utc
from feed_reading import RECEIVED, feed_source, read_body, receipt
from openpyxl import Workbook, load_workbook
from pyarrow.dataset import dataset
from pydantic import ValidationError

from ingest.adapters import adapter_for
from ingest.config import load
from ingest.errors import ConfigurationError, PermanentFailure
from ingest.events._sheet_options import ProgrammeSheetOptions
from ingest.events.sheet_template import HEADERS, attendance_template, write_attendance_template
from ingest.home import Home
from ingest.lake import Lake
from ingest.pipeline import drop_folder, read_pending, sweep

HEAD = ["Arrangement-ID", "Dato", "Klokkeslett", "Tittel", "Filial", "Antall deltakere"]
SHEET = "xl/worksheets/sheet1.xml"
EVENT = ["2026-001", "05.03.2026", "18:00", "Forfattarkveld", "Testby", 31]


def workbook(*rows: Sequence[Any], change: Callable[[Workbook], None] | None = None) -> bytes:
    """A workbook with one sheet, saved as openpyxl saves it."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if change is not None:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv(*rows: Sequence[Any]) -> bytes:
    return "\r\n".join(";".join("" if c is None else str(c) for c in row) for row in rows).encode("utf-8-sig")


def sheet(*rows: list[Any], **more: Any) -> Reading:
    """What a workbook with these rows is read as."""
    return read_body("programme_sheet", workbook(*rows), **more)


def one(header: str, value: Any, **more: Any) -> Reading:
    """A workbook with one event, one of whose cells holds the value."""
    head = [*HEAD, *([header] if header not in HEAD else [])]
    row = [*EVENT, None][: len(head)]
    row[head.index(header)] = value
    return sheet(head, row, **more)


def test_a_row_is_an_event_and_a_report_exactly() -> None:
    """Both tables, every column: the row is the claim, its arrival is the moment of the report."""
    head = [*HEAD, "Voksne", "Barn", "Digitalt", "Samarbeidspartner", "Metode", "Rapportert", "Sted", "Kategori"]
    row = [*EVENT, 20, 11, 4, "Testby mållag; Kulturskulen", "talt", "06.03.2026", "Storsalen", "Foredrag"]
    found = sheet(head, row)
    assert found.rejects == []
    (event,) = found.rows
    assert {k: v for k, v in event.items() if k not in ("observation_id", "content_hash")} == {
        "series_id": "2026-001",
        "slot": "",
        "start_at": utc("2026-03-05T17:00"),
        "end_at": utc("2026-03-05T17:00"),
        "start_on": date(2026, 3, 5),
        "end_on": date(2026, 3, 5),
        "has_time": True,
        "zone": "Europe/Oslo",
        "title": "Forfattarkveld",
        "location": "Storsalen",
        "categories": "Testby | Foredrag",
        "partner_claims": "Testby mållag | Kulturskulen",
        "audience_claims": None,
        "is_organised_by_library": None,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": False,
        "is_override": False,
        "sequence": None,
        "modified_at": None,
        "url": None,
        "quality_flags": "no_end",
        "pointer": "sheet 1, row 2",
    }
    assert re.fullmatch("[0-9a-f]{32}", event["observation_id"])
    assert found.reports == [
        {
            "series_id": "2026-001",
            "slot": "",
            "reported_at": utc("2026-04-01T08:00"),
            "on_site_count": 31,
            "online_count": 4,
            "method": "counted",
            "adults_count": 20,
            "children_count": 11,
            "reported_on": date(2026, 3, 6),
            "reported_by_role": None,
            "start_on": None,
            "start_at": None,
            "title": None,
            "location": None,
            "pointer": "sheet 1, row 2",
        }
    ]


def test_the_same_bytes_give_the_same_file() -> None:
    """Readings are replaced and compared by their bytes."""
    body = workbook(HEAD, EVENT)
    assert read_body("programme_sheet", body).parquet == read_body("programme_sheet", body).parquet


def test_csv_and_workbook_say_the_same() -> None:
    """Whoever exports the sheet must not get other figures than who drops it."""
    rows = [HEAD, EVENT, ["2026-002", "2026-03-07", "", "Språkkafé", "Testby", "1 204"]]
    from_csv, from_book = read_body("programme_sheet", csv(*rows)), sheet(*rows)
    drop = ("pointer",)
    assert [{k: v for k, v in r.items() if k not in drop} for r in from_csv.rows] == [
        {k: v for k, v in r.items() if k not in drop} for r in from_book.rows
    ]
    for found in (from_csv, from_book):
        assert [r["on_site_count"] for r in found.reports] == [31, 1204]
    assert from_csv.column("pointer") == ["line 2", "line 3"]


@pytest.mark.parametrize(
    "head",
    [
        ["Dato", "Tittel", "Deltakere"],
        ["DATO (dd.mm.åååå)", "Tittel *", "Antall deltakere:"],
        ["Når", "Tiltak", "Tal på deltakarar"],
        ["Date", "Event title", "Attendance"],
    ],
)
def test_headers_are_known_in_bokmal_nynorsk_and_english(head: list[str]) -> None:
    """Every branch has its own sheet; renaming headers is work for a table, not for people."""
    found = sheet(head, ["05.03.2026", "Quiz", 12])
    assert (found.column("title"), [r["on_site_count"] for r in found.reports]) == (["Quiz"], [12])
    assert found.rejects == []


@pytest.mark.parametrize(
    "value",
    [
        "05.03.2026",
        "5.3.2026",
        "2026-03-05",
        "5. mars 2026",
        "torsdag 5. mars 2026",
        "March 5",
        46086,
        date(2026, 3, 5),
        utc("2026-03-05"),
        utc("2026-03-05T18:00"),
        "05/03/2026",
        "05.03.26",
        "31.02.2026",
        20260305,
        True,
        0.5,
    ],
)
def test_dates_are_read_strictly(value: Any) -> None:
    """Text, date cells and bare day numbers are dates; what could be two days, or none, is a reject."""
    found = one("Dato", value)
    bad = {"March 5", "05/03/2026", "05.03.26", "31.02.2026", 20260305, True, 0.5}
    if any(value is b or (type(value) is type(b) and value == b) for b in bad):
        assert (found.rows, found.reasons, found.rejects[0].pointer) == ([], ["bad_date"], "sheet 1, row 2, column B")
    else:
        assert found.column("start_at") == [utc("2026-03-05T17:00")]


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("18:00", "17:00", "17:00"),
        ("kl. 18", "17:00", "17:00"),
        ("18.00-20.30", "17:00", "19:30"),
        ("18 – 20", "17:00", "19:00"),
        ("kl 18.00 til 20.00", "17:00", "19:00"),
        (time(18, 0), "17:00", "17:00"),
        (0.75, "17:00", "17:00"),
        (timedelta(hours=18), "17:00", "17:00"),
    ],
)
def test_times_of_day_in_all_their_spellings(value: Any, start: str, end: str) -> None:
    """Spreadsheets turn a typed time into a time, a fraction or a text, by their own mood."""
    (row,) = one("Klokkeslett", value).rows
    assert (row["start_at"], row["end_at"]) == (utc(f"2026-03-05T{start}"), utc(f"2026-03-05T{end}"))


@pytest.mark.parametrize("value", [18, 1800, "kveld", "25:00", "18:00-20:00-22:00", True, -0.5])
def test_what_may_be_another_hour_is_no_time(value: Any) -> None:
    """18 may be an hour or a count that slid one column; a guess would stand in the figures for ever."""
    found = one("Klokkeslett", value)
    assert (found.rows, found.reasons) == ([], ["bad_time"])


def test_an_end_at_the_start_is_no_end_and_none_a_day_later() -> None:
    """18:00-18:00 is how a form without an end is filled in; read as the next day it would last a day and a night."""
    (row,) = one("Klokkeslett", "18:00-18:00").rows
    assert (row["start_at"], row["end_at"]) == (utc("2026-03-05T17:00"), utc("2026-03-05T17:00"))
    assert row["quality_flags"] == "no_end"


@pytest.mark.parametrize("value", [True, datetime(2026, 3, 5, 18, 0), date(2026, 3, 5), time(18, 0)])  # noqa: DTZ001
def test_a_date_or_a_tick_in_the_place_of_a_title_is_none(value: Any) -> None:
    """Columns that slipped by one would make events called `2026-03-05`, and their dates something else."""
    found = one("Tittel", value)
    assert [(r.reason, r.pointer) for r in found.rejects] == [("not_text", "sheet 1, row 2, column D")]


def test_two_different_times_in_one_row_are_refused() -> None:
    """A date cell with another time than the time cell is a row that somebody moved half."""
    assert one("Dato", utc("2026-03-05T12:00")).reasons == ["two_times"]
    assert one("Dato", utc("2026-03-05T18:00")).rejects == []


def test_clock_changes_whole_days_and_nights() -> None:
    """The local hour is what people mean; a day may have 23 hours, and a party ends tomorrow."""
    head = ["Dato", "Sluttdato", "Klokkeslett", "Slutt", "Tittel"]
    found = sheet(
        head,
        ["28.03.2026", None, "18:00", "19:00", "Laurdag"],
        ["29.03.2026", None, "18:00", "19:00", "Sundag"],
        ["29.03.2026", None, None, None, "Heile dagen"],
        ["20.03.2026", "22.03.2026", None, None, "Festival"],
        ["31.12.2025", None, "20:00", "00:30", "Nyttår"],
        ["29.03.2026", None, "02:30", "04:00", "Natt"],
    )
    assert found.rejects == []
    told = {r["title"]: (r["start_at"], r["end_at"], r["start_on"], r["end_on"], r["has_time"]) for r in found.rows}
    assert told["Laurdag"][0] == utc("2026-03-28T17:00")
    assert told["Sundag"][0] == utc("2026-03-29T16:00")
    whole = (utc("2026-03-28T23:00"), utc("2026-03-29T22:00"), date(2026, 3, 29), date(2026, 3, 29), False)
    assert told["Heile dagen"] == whole
    assert told["Festival"][2:] == (date(2026, 3, 20), date(2026, 3, 22), False)
    assert told["Nyttår"][:2] == (utc("2025-12-31T19:00"), utc("2025-12-31T23:30"))
    assert told["Nyttår"][2:] == (date(2025, 12, 31), date(2026, 1, 1), True)
    assert told["Natt"][:2] == (utc("2026-03-29T01:30"), utc("2026-03-29T02:00"))
    assert "nonexistent_time" in found.rows[-1]["quality_flags"]


def test_an_end_before_the_start_is_a_reject() -> None:
    """A typing error in one of two dates; nobody can know in which."""
    found = sheet(["Dato", "Sluttdato", "Tittel"], ["05.03.2026", "04.03.2026", "Quiz"])
    assert (found.rows, found.reasons) == ([], ["end_before_start"])


@pytest.mark.parametrize(
    ("value", "count", "method"),
    [
        (31, 31, None),
        (31.0, 31, None),
        (0, 0, None),
        ("0", 0, None),
        (" 31 ", 31, None),
        ("1\u00a0204", 1204, None),
        ("1\u202f204", 1204, None),
        ("ca. 40", 40, "estimated"),
        ("ca 1 200", 1200, "estimated"),
    ],
)
def test_numbers_of_people_as_people_write_them(value: Any, count: int, method: str | None) -> None:
    """A no-break space between thousands is how Norwegian Excel shows them, and how they are pasted."""
    found = one("Antall deltakere", value)
    assert found.rejects == []
    assert [(r["on_site_count"], r["method"]) for r in found.reports] == [(count, method)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("mange", "letters_in_count"),
        ("1.204", "fraction_in_count"),
        (12.5, "fraction_in_count"),
        (-1, "negative_count"),
        ("-4", "negative_count"),
        (10**9, "count_too_large"),
        (True, "letters_in_count"),
        (date(2026, 3, 5), "letters_in_count"),
    ],
)
def test_a_number_that_is_none_costs_the_report_and_not_the_event(value: Any, reason: str) -> None:
    """The event was held whatever the cell beside it says."""
    found = one("Antall deltakere", value)
    assert (len(found.rows), found.reports, found.reasons) == (1, [], [reason])
    assert found.rejects[0].pointer == "sheet 1, row 2, column F"


@pytest.mark.parametrize("value", [None, "", "   ", "\u00a0"])
def test_an_empty_cell_is_no_report_and_never_nought(value: Any) -> None:
    """Not told yet is not 0: nobody came is something that somebody saw."""
    found = one("Antall deltakere", value)
    assert (len(found.rows), found.reports, found.rejects) == (1, [], [])


@pytest.mark.parametrize("word", ["ukjent", "Ikkje talt", "?", "-", "not counted"])
def test_unknown_takes_a_number_back(word: str) -> None:
    """A newer report without a number supersedes the wrong one; an empty cell could not be told from `not yet`."""
    (report,) = one("Antall deltakere", word).reports
    assert report["on_site_count"] is None


def test_attendance_before_the_event_is_refused() -> None:
    """Noughts that were filled in down the column would say that nobody came to next month's events."""
    head, soon = ["Dato", "Tittel", "Antall"], ["05.05.2026", "Quiz"]
    for value in (0, 12, "0"):
        found = sheet(head, [*soon, value])
        assert (len(found.rows), found.reports, found.reasons) == (1, [], ["future_attendance"])
    assert sheet(head, [*soon, None]).rejects == []


def test_adults_and_children_make_the_number_present() -> None:
    """Only where both are told; one alone is a part of an unknown whole."""
    head = ["ID", "Dato", "Tittel", "Voksne", "Barn", "Antall"]
    found = sheet(
        head,
        ["a1", "05.03.2026", "A", 3, 4, None],
        ["a2", "05.03.2026", "B", 3, None, None],
        ["a3", "05.03.2026", "C", 3, 4, 8],
        ["a4", "05.03.2026", "D", 9, None, 8],
    )
    assert [(r["series_id"], r["on_site_count"], r["adults_count"]) for r in found.reports] == [
        ("a1", 7, 3),
        ("a2", None, 3),
    ]
    assert found.reasons == ["counts_contradict", "counts_contradict"]
    assert len(found.rows) == 4


def test_formulas_are_read_as_last_calculated_and_refused_if_never() -> None:
    """openpyxl writes no values beside formulas: the file as a program would have made it."""
    head, row = HEAD, [*EVENT[:5], "=20+11"]
    body = workbook(head, row)
    found = read_body("programme_sheet", body)
    assert (len(found.rows), found.reports, found.reasons) == (1, [], ["formula_without_value"])
    lost = rb"<f>20\+11</f>(<v\s*/>|<v></v>)"
    calculated = replaced(body, SHEET, lost, b"<f>20+11</f><v>31</v>")
    found = read_body("programme_sheet", calculated)
    assert (found.reasons, [r["on_site_count"] for r in found.reports]) == ([], [31])
    error = b'<c r="F2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    broken = replaced(body, SHEET, rb'<c r="F2"[^>]*>.*?</c>', error)
    assert read_body("programme_sheet", broken).reasons == ["formula_error"]


def replaced(body: bytes, part: str, pattern: bytes, by: bytes) -> bytes:
    """A workbook with one of its parts changed."""
    out = io.BytesIO()
    changed = 0
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == part:
                content, changed = re.subn(pattern, lambda _: by, content)
            new.writestr(name, content)
    assert changed, part
    return out.getvalue()


def test_a_heading_a_total_and_a_repeated_header_are_no_events() -> None:
    """Sheets are made to be read by people: with a banner, months, and sums that would count everything twice."""

    def change(book: Workbook) -> None:
        active = book.active
        assert active is not None
        active.merge_cells("A1:F1")
        active.merge_cells("A4:F4")

    rows = [
        ["Program våren 2026", None, None, None, None, None],
        HEAD,
        EVENT,
        ["Mars", None, None, None, None, None],
        ["2026-002", "07.03.2026", None, "Quiz", "Testby", 9],
        HEAD,
        [None, None, None, "Sum", None, 40],
        ["Totalt:", None, None, None, None, "=SUM(F3:F5)"],
        [None, None, None, None, None, None],
    ]
    found = read_body("programme_sheet", workbook(*rows, change=change))
    assert found.column("title") == ["Forfattarkveld", "Quiz"]
    assert "missing_date" not in found.reasons


def test_a_header_in_two_rows_is_read_by_its_lower_words() -> None:
    """`Deltakere` merged over `Voksne` and `Barn`, and `Dato` merged downwards: the commonest decorated header."""

    def change(book: Workbook) -> None:
        active = book.active
        assert active is not None
        for block in ("A1:A2", "B1:B2", "C1:E1"):
            active.merge_cells(block)

    rows = [
        ["Dato", "Tittel", "Deltakere", None, None],
        [None, None, "Voksne", "Barn", "Digitalt"],
        ["05.03.2026", "Quiz", 3, 4, 1],
    ]
    found = read_body("programme_sheet", workbook(*rows, change=change))
    assert found.rejects == []
    (report,) = found.reports
    assert [report[f"{k}_count"] for k in ("on_site", "adults", "children", "online")] == [7, 3, 4, 1]


def test_a_merged_date_holds_for_all_its_rows_and_a_merged_number_for_none() -> None:
    """One number over three events is a report on the three together; copied to each it would count them threefold."""

    def change(book: Workbook) -> None:
        active = book.active
        assert active is not None
        active.merge_cells("A2:A4")
        active.merge_cells("C2:C4")

    rows = [["Dato", "Tittel", "Antall"], ["05.03.2026", "A", 60], [None, "B", None], [None, "C", None]]
    found = read_body("programme_sheet", workbook(*rows, change=change))
    assert found.column("title") == ["A", "B", "C"]
    assert set(found.column("start_on")) == {date(2026, 3, 5)}
    assert (found.reports, set(found.reasons)) == ([], {"one_count_for_several"})


def test_every_visible_sheet_is_read_and_hidden_ones_are_told() -> None:
    """An old copy on a hidden sheet would double the year; that it is there must not stay hidden."""

    def change(book: Workbook) -> None:
        for name, state, event_id in (("Moa", "visible", "m1"), ("Gamal", "hidden", "g1"), ("x", "veryHidden", "x1")):
            extra = book.create_sheet(name)
            extra.append(HEAD)
            extra.append([event_id, *EVENT[1:4], None, 5])
            extra.sheet_state = state
        book.create_sheet("Rettleiing").append(["Skriv dato og tittel", "slik:"])

    found = read_body("programme_sheet", workbook(HEAD, EVENT, change=change), branch_from_sheet=True)
    assert found.column("series_id") == ["2026-001", "m1"]
    assert found.column("categories") == ["Testby", "Moa"]
    assert [(r.reason, r.pointer) for r in found.rejects] == [("hidden_sheet", "sheet 3"), ("hidden_sheet", "sheet 4")]


def test_columns_about_people_are_told_with_a_count_and_never_read() -> None:
    """Names and numbers have no business in a warehouse; the message quotes none of them."""
    head = [*HEAD, "Kontaktperson", "Hvem", "Merknad", "Romkode"]
    people = ["Kari Nordmann", "kari@example.org", "ring 412 34 567", "R1"]
    found = sheet(head, [*EVENT, *people], ["2026-002", *EVENT[1:], None, "ola@example.org", None, None])
    assert [(r.reason, r.pointer.split(", ")[-1]) for r in found.rejects] == [
        ("personal_column", "column G"),
        ("personal_column", "column H"),
        ("personal_column", "column I"),
        ("unknown_column", "column J"),
    ]
    assert "its 2 cells" in found.rejects[1].message
    assert found.rejects[1].pointer == "sheet 1, row 1, column H", "the header, which is what must be changed"
    assert len(found.rows) == 2
    for word in ("Kari", "kari@", "412 34", "ola@"):
        assert word not in found.text()
    assert sheet([*HEAD, "Romkode"], [*EVENT, "R1"], ignore_columns=["Romkode"]).rejects == []


def test_partners_are_organisations() -> None:
    """Several columns, several in a cell; who represents them stays behind."""
    head = [*HEAD, "Partner 1", "Partner 2"]
    claim = "Husflidslaget v/ Kari Nordmann; Røde Kors (kontakt: Ola, 41234567)\nMøre og Romsdal fylkeskommune"
    (row,) = sheet(head, [*EVENT, claim, "post@example.org"]).rows
    assert row["partner_claims"] == "Husflidslaget | Røde Kors | Møre og Romsdal fylkeskommune"
    assert "contact_removed" in row["quality_flags"]


@pytest.mark.parametrize(
    ("word", "title", "status"),
    [
        ("Avlyst", "Quiz", "cancelled"),
        ("utsett", "Quiz", "postponed"),
        ("Foreløpig", "Quiz", "tentative"),
        (None, "AVLYST: Quiz", "cancelled"),
        (None, "Quiz", "scheduled"),
        ("kanskje", "Quiz", "scheduled"),
    ],
)
def test_the_status_is_read_from_its_column_or_the_title(word: str | None, title: str, status: str) -> None:
    """Many sheets have no column for it, and write it before the title."""
    (row,) = sheet([*HEAD, "Status"], [*EVENT[:3], title, *EVENT[4:], word]).rows
    assert row["status"] == status
    assert ("unknown_status" in (row["quality_flags"] or "")) == (word == "kanskje")


def test_attendance_at_a_cancelled_event_is_kept_and_doubted() -> None:
    """One of the two is wrong; the warehouse shows the conflict, the reader does not decide it."""
    found = sheet([*HEAD, "Status"], [*EVENT, "avlyst"])
    assert "attendance_despite_cancelled" in found.rows[0]["quality_flags"]
    assert found.reports[0]["on_site_count"] == 31


def test_identity_survives_a_move_and_does_not_begin_again_each_year() -> None:
    """An id is the event; numbers from 1 are told apart by their year; without an id the words must do."""
    moved = one("Dato", "12.03.2026").rows[0]
    assert (moved["series_id"], moved["slot"]) == ("2026-001", "")
    assert moved["observation_id"] == one("Dato", "05.03.2026").rows[0]["observation_id"]
    assert one("Arrangement-ID", 7).rows[0]["series_id"] == "2026/7"
    assert one("Arrangement-ID", "007").rows[0]["series_id"] == "2026/7"
    nameless = one("Arrangement-ID", None).rows[0]
    assert nameless["series_id"].startswith("no-id-")
    assert nameless["quality_flags"] == "no_end | no_id"
    assert one("Arrangement-ID", None).rows[0]["series_id"] == nameless["series_id"]


def test_the_same_id_twice_keeps_the_first_and_tells_the_second() -> None:
    """A copied row whose id was not changed; a row that is there twice word for word is one."""
    found = sheet(HEAD, EVENT, EVENT, ["2026-001", "12.03.2026", *EVENT[2:]])
    assert (found.column("start_on"), found.reasons) == ([date(2026, 3, 5)], ["duplicate_id"])
    assert len(found.reports) == 1


def test_a_sheet_of_numbers_alone_reports_on_the_programmes_events() -> None:
    """A branch fills in ids and numbers; without a title it must not blank the programme's words."""
    found = sheet(["ID", "Antall"], ["2026-001", 31], [None, 4], [7, 4])
    assert found.rows == []
    assert [(r["series_id"], r["on_site_count"]) for r in found.reports] == [("2026-001", 31)]
    assert found.reasons == ["missing_id", "id_needs_date"]
    (dated,) = sheet(["ID", "Dato", "Tid", "Filial", "Antall"], ["x1", "05.03.2026", "18:00", "Testby", 4]).reports
    assert (dated["start_on"], dated["start_at"], dated["location"]) == (
        date(2026, 3, 5),
        utc("2026-03-05T17:00"),
        "Testby",
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "not_xlsx"),
        (b"PK\x03\x04 cut short", "broken_workbook"),
        (b"Name;Number\r\nKari;1\r\n", "no_table"),
        ("Dato;Tittel".encode("utf-16"), "undecodable"),
    ],
)
def test_what_is_no_sheet_of_events_is_told_whole(body: bytes, reason: str) -> None:
    """The wrong file in the right folder must not look like a programme without events."""
    found = read_body("programme_sheet", body)
    assert ([(r.reason, r.scope) for r in found.rejects], found.rows) == ([(reason, "blob")], []) or reason in (
        "undecodable",
    )
    assert found.rejects[0].scope == "blob"


def test_a_table_without_rows_is_not_a_library_without_events() -> None:
    """Silence must be told."""
    assert sheet(HEAD).reasons == ["no_records"]


def test_two_columns_for_one_thing_are_not_guessed_between() -> None:
    """`Deltakere` and `Oppmøte` may be registered and come; the other sheets are read all the same."""
    found = sheet([*HEAD, "Oppmøte"], [*EVENT, 12])
    assert (found.rows, found.reports, found.reasons) == ([], [], ["ambiguous_column"])


def test_later_files_supersede_and_history_stays(tmp_path: Path, project: Path) -> None:
    """Each file is a version: both stay in the lake, the later one is the later report, and nothing is written over."""
    home, configuration = Home(tmp_path), load(project / "config")
    source = feed_source("programme_sheet")
    configuration = configuration.model_copy(update={"sources": (source,)})
    folder = drop_folder(home, source)
    folder.mkdir(parents=True)
    file = folder / "program.xlsx"
    for day, count in ((1, 31), (2, 35), (3, "ukjent")):
        file.write_bytes(workbook(HEAD, [*EVENT[:5], count]))
        past = RECEIVED.timestamp() - 3600
        os.utime(file, (past, past))
        assert sweep(home, configuration, source, datetime(2026, 4, day, 8, tzinfo=UTC)).receipts == 1
        read_pending(home, configuration, "events")
    rows = dataset(Lake(home.lake).root / "attendance_reports", format="parquet").to_table().to_pylist()
    told = sorted((r["reported_at"], r["on_site_count"]) for r in rows)
    assert told == [(utc("2026-04-01T08:00"), 31), (utc("2026-04-02T08:00"), 35), (utc("2026-04-03T08:00"), None)]


def test_a_zip_that_unpacks_to_gigabytes_is_not_opened() -> None:
    """Ten megabytes of noughts shrink to ten kilobytes; the zip's own list tells before anything is unpacked."""
    body = workbook(HEAD, EVENT)
    bomb = replaced(body, SHEET, rb"\Z", b" " * 9_000_000)
    assert len(bomb) < 50_000
    assert read_body("programme_sheet", bomb).reasons == ["too_large"]


def test_a_zip_that_lies_about_its_sizes_unpacks_no_further_than_it_says() -> None:
    """The list is the sender's word: what is unpacked must be held to it, or the check above is none."""
    body = replaced(workbook(HEAD, EVENT), SHEET, rb"\Z", b" " * 9_000_000)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        info = archive.getinfo(SHEET)
        size = info.file_size.to_bytes(4, "little")
    lying = body.replace(size, (300).to_bytes(4, "little"))
    assert read_body("programme_sheet", lying).reasons in (["broken_workbook"], ["no_table"])


def test_entities_are_not_expanded() -> None:
    """A few lines of XML can name a billion laughs; a workbook has no business to declare entities."""
    laughs = b'<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for part in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "[Content_Types].xml"):
        body = workbook(HEAD, EVENT)
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            if part not in archive.namelist():
                continue
        found = read_body("programme_sheet", replaced(body, part, rb"\A(?:<\?xml[^>]*>\s*)?", laughs))
        assert (found.rows, found.reasons) == ([], ["broken_workbook"]), part


@pytest.mark.parametrize(
    "inside",
    [
        b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>',
        b"<mergeCells>" + b'<mergeCell ref="A1:CB700"/>' * 50 + b"</mergeCells>",
    ],
)
def test_a_merge_over_the_whole_sheet_costs_nothing(inside: bytes) -> None:
    """openpyxl would make a cell object for each of seventeen billion; sheets are streamed for this reason."""
    body = replaced(workbook(HEAD, EVENT), SHEET, rb"</sheetData>", b"</sheetData>" + inside)
    assert read_body("programme_sheet", body).reasons == ["too_many_merged_cells"]


def test_far_cells_and_long_sheets_are_bounded_and_told() -> None:
    """One cell in the last corner is no table of a billion; rows beyond the limit are told, not dropped."""
    body = workbook(HEAD, EVENT)
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    found = read_body("programme_sheet", replaced(body, SHEET, rb"</sheetData>", far))
    assert (len(found.rows), found.reasons) == (1, ["too_many_rows"])
    link = b'</sheetData><hyperlinks><hyperlink ref="A1:XFD1048576" location="x"/></hyperlinks>'
    found = read_body("programme_sheet", replaced(body, SHEET, rb"</sheetData>", link))
    assert (len(found.rows), found.reasons) == (1, [])


@pytest.mark.parametrize("piece", [b"<mergeCell ", b"<row ", b"<a:a:"])
def test_beginnings_of_tags_that_never_end_are_read_in_time(piece: bytes) -> None:
    """Seven megabytes of them inside a comment are whole XML, and a pattern without bounds would need days."""
    inside = b"</sheetData><!--" + piece * (7_000_000 // len(piece)) + b"-->"
    started = time_of_process()
    found = read_body("programme_sheet", replaced(workbook(HEAD, EVENT), SHEET, rb"</sheetData>", inside))
    assert (len(found.rows), found.rejects) == (1, [])
    assert time_of_process() - started < 20


def test_the_template_is_read_by_the_reader_it_is_for(tmp_path: Path) -> None:
    """A header that one knows and the other does not would be a column that staff fill in for nobody."""
    path = tmp_path / "mal.xlsx"
    write_attendance_template(path)
    empty = read_body("programme_sheet", path.read_bytes())
    assert empty.reasons == ["no_records"]
    book = load_workbook(path)
    filled = {
        "Arrangement-ID": "2026-001",
        "Dato": date(2026, 3, 5),
        "Starttid": time(18, 0),
        "Sluttid": time(20, 0),
        "Tittel": "Quiz",
        "Filial": "Testby",
        "Samarbeidspartner": "Mållaget",
        "Voksne": 3,
        "Barn": 4,
        "Digitalt": 2,
        "Metode": "anslått",
        "Rapportert": date(2026, 3, 6),
    }
    for header, value in filled.items():
        book["Program"].cell(row=2, column=HEADERS.index(header) + 1, value=value)
    out = io.BytesIO()
    book.save(out)
    found = read_body("programme_sheet", out.getvalue())
    assert found.rejects == []
    assert [(r["on_site_count"], r["online_count"], r["method"]) for r in found.reports] == [(7, 2, "estimated")]
    assert found.rows[0]["end_at"] == utc("2026-03-05T19:00")
    with pytest.raises(PermanentFailure, match="exists already"):
        write_attendance_template(path)
    assert attendance_template()[:2] == b"PK"


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {"visitors": ["x"]}},
        {"columns": {"title": ["Hva"], "venue": ["HVA"]}},
        {"zone": "Oslo"},
        {"delimiter": ";;"},
        {"method": "guessed"},
        {"partner_patterns": ["no group"]},
    ],
)
def test_options_that_can_not_be_meant_are_told_at_the_start(options: dict[str, Any]) -> None:
    """A misspelt role would be a column that is silently not read."""
    with pytest.raises(ConfigurationError):
        adapter_for(feed_source("programme_sheet", **options))
    with pytest.raises(ValidationError):
        ProgrammeSheetOptions.model_validate(options)


_CELLS: list[Any] = [
    *(
        None,
        "",
        " ",
        0,
        -1,
        1e300,
        float("1e-9"),
        10**30,
        True,
        False,
        "=1+1",
        "=A1",
        "\u00a0",
        "a" * 3000,
        "12.03.2026",
    ),
    *(date(1900, 1, 1), utc("9999-12-31T23:59:59"), time(23, 59, 59), timedelta(days=400), "31.12.9999"),
    *("٣", "²", "1e5", "٠٥.٠٣.٢٠٢٦", "kari@example.org", "Sum", "<b>", "&#0;", "\u202e", "Dato", "Tittel", "Antall"),
]


@pytest.mark.parametrize("seed", range(10))
def test_mutated_sheets_end_as_rows_or_rejects(seed: int) -> None:
    """A thousand damaged sheets: cells from a list of horrors, and workbooks with damaged bytes. None is a fault."""
    dice = random.Random(seed)
    body = workbook([*HEAD, "Status", "Partner"], [*EVENT, None, "Mållaget"], ["2026-002", *EVENT[1:], "avlyst", None])
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for turn in range(100):
        if turn % 2:
            rows = [[*HEAD, "Slutt", "Sluttdato"], *[[*EVENT, None, None] for _ in range(3)]]
            for _ in range(dice.randint(1, 6)):
                rows[dice.randrange(4)][dice.randrange(8)] = dice.choice(_CELLS)
            if dice.random() < 0.5:
                damaged = csv(*rows)
            else:
                damaged = workbook(*[["" if isinstance(c, str) and "\u202e" in c else c for c in row] for row in rows])
        elif dice.random() < 0.3:
            raw = bytearray(body)
            for _ in range(dice.randint(1, 8)):
                raw[dice.randrange(len(raw))] = dice.randrange(256)
            damaged = bytes(raw[: dice.randrange(len(raw))] if dice.random() < 0.3 else raw)
        else:
            out = io.BytesIO()
            target = dice.choice(sorted(parts))
            with zipfile.ZipFile(out, "w") as archive:
                for name, content in parts.items():
                    part = bytearray(content)
                    if name == target:
                        for _ in range(dice.randint(1, 10)):
                            part[dice.randrange(len(part))] = dice.randrange(256)
                    archive.writestr(name, bytes(part))
            damaged = out.getvalue()
        found = read_body("programme_sheet", damaged, receipt(body=damaged))
        assert found.rows or found.reports or found.rejects
        assert not {"parser_fault", "contract_broken"} & set(found.reasons), (seed, turn, found.rejects)
