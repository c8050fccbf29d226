"""Wide monthly files: what is absent, what is blank, what is nought."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone, and labels are local

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.doors._keys import observation_id
from ingest.doors.wide_monthly import WideMonthlyOptions

OSLO = {"zone": "Europe/Oslo"}


def counts(reading: Any) -> dict[tuple[str, str], int | None]:
    return {(r["device_key"], r["stamp_text"]): r["in_count"] for r in reading.rows}


def test_the_newcastle_file_gives_the_sums_its_publisher_gives(read_doors: Any, real: Path) -> None:
    """A real file of sixteen years with drifting headers must come out whole: its yearly sums are known."""
    body = (real / "doors/newcastle/2008-onwards-monthly-visits.csv").read_bytes()
    reading = read_doors("wide_monthly", body, {"zone": "Europe/London"})
    assert reading.rejects == []
    years: Counter[str] = Counter()
    for row in reading.rows:
        years[row["stamp_text"][:4]] += row["in_count"] or 0
    assert (years["2019"], years["2022"], years["2023"]) == (811_896, 405_879, 520_155)
    months = {(r["interval_start_at"] + (r["interval_end_at"] - r["interval_start_at"]) / 2) for r in reading.rows}
    labels = {m.strftime("%Y-%m") for m in months}
    absent = {f"2020-{m:02}" for m in range(6, 13)} | {f"2021-{m:02}" for m in range(1, 4)}
    assert not labels & absent, "months without a column say nothing"
    assert max(labels) == "2024-08", "the empty columns of months to come say nothing"
    assert {"2020-04", "2020-05"} <= labels, "blank columns inside the series do say that nothing was counted"
    blank = [r for r in reading.rows if r["stamp_text"] == "2020-05"]
    assert len(blank) == 19
    assert {(r["value_state"], r["reason_code"], r["in_count"]) for r in blank} == {("not_observed", "blank", None)}
    zero = next(r for r in reading.rows if (r["device_key"], r["stamp_text"]) == ("blakelaw", "2021-04"))
    assert (zero["in_count"], zero["value_state"]) == (0, "observed")


def test_headers_may_change_their_spelling_along_the_row(read_doors: Any) -> None:
    """`2022-12` is followed by `2023-1` in a real file, and by `2023-01` in its next edition."""
    reading = read_doors("wide_monthly", "Library,2022-12,2023-1,2023-02\nCity,5,6,7\n", OSLO)
    assert [r["interval_start_at"] for r in reading.rows] == [
        datetime(2022, 11, 30, 23),
        datetime(2022, 12, 31, 23),
        datetime(2023, 1, 31, 23),
    ]
    assert reading.rejects == []


def test_a_month_runs_from_local_midnight_to_local_midnight(read_doors: Any) -> None:
    """March and October change the clock: in UTC they are an hour shorter and longer than their days say."""
    reading = read_doors("wide_monthly", "Library,2026-03,2026-10\nCity,1,2\n", OSLO)
    march, october = reading.rows
    assert (march["interval_start_at"], march["interval_end_at"]) == (
        datetime(2026, 2, 28, 23),
        datetime(2026, 3, 31, 22),
    )
    assert (october["interval_end_at"] - october["interval_start_at"]).total_seconds() == (31 * 24 + 1) * 3600
    assert october["observation_id"] == observation_id(
        "door_test", "city", "total", "span", datetime(2026, 9, 30, 22), datetime(2026, 10, 31, 23)
    )


def test_absent_blank_nought_and_minus_one_are_four_things(read_doors: Any) -> None:
    """Sums that mix them up made public totals wrong; each keeps its own state."""
    reading = read_doors("wide_monthly", "Library,2025-1,2025-2,2025-4,2025-5\nCity,,0,-1,4\n", OSLO)
    told = [(r["stamp_text"], r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows]
    assert told == [
        ("2025-1", None, "not_observed", "blank"),
        ("2025-2", 0, "observed", None),
        ("2025-4", None, "not_observed", "negative"),
        ("2025-5", 4, "observed", None),
    ]


def test_letters_in_one_cell_cost_that_cell_only(read_doors: Any) -> None:
    """One note typed into a spreadsheet must not cost a branch, let alone a file."""
    reading = read_doors("wide_monthly", "Library,2023-4,2023-5\nCity,10,closed\nWalker,7,8\n", OSLO)
    assert counts(reading) == {("city", "2023-4"): 10, ("walker", "2023-4"): 7, ("walker", "2023-5"): 8}
    (reject,) = reading.rejects
    assert (reject["pointer"], reject["reason"], reject["scope"]) == (
        "row City, column 2023-5",
        "letters_in_count",
        "record",
    )
    assert "closed" not in reject["message"]
    assert reject["next_action"]


@pytest.mark.parametrize("text", ["1 234", "1\u00a0234", "1\u202f234", "1234", "1234.0", " 1234 "])
def test_thousands_may_be_set_apart_by_any_kind_of_space(read_doors: Any, text: str) -> None:
    """Norwegian spreadsheets write 1 234 with a no-break space, newer ones with a narrow one."""
    reading = read_doors("wide_monthly", f"Filial;2025-1\nMoa;{text}\n", OSLO)
    assert [r["in_count"] for r in reading.rows] == [1234]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1.234", "fraction_in_count"), ("12 34", "letters_in_count"), ("99999999999", "count_too_large")],
)
def test_a_number_that_could_be_two_numbers_is_not_guessed(read_doors: Any, text: str, reason: str) -> None:
    """1.234 is one visitor or a thousand; a wrong guess is a wrong figure, a reject is a question."""
    reading = read_doors("wide_monthly", f"Filial;2025-1;2025-2\nMoa;{text};3\n", OSLO)
    assert reading.reasons == [reason]
    assert [r["in_count"] for r in reading.rows] == [3]


def test_an_unknown_column_is_told_and_the_months_beside_it_are_read(read_doors: Any) -> None:
    """A renamed month must be noticed, and must not take its neighbours with it."""
    reading = read_doors("wide_monthly", "Library,2025-1,Jan-25,2025-2,\nCity,1,9,2,\n", OSLO)
    assert counts(reading) == {("city", "2025-1"): 1, ("city", "2025-2"): 2}
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("column Jan-25", "unknown_column")]


def test_two_columns_of_one_month_that_disagree_stop_the_file(read_doors: Any) -> None:
    """Which of them is right can't be told from the file; agreeing twins and blanks are harmless."""
    reading = read_doors("wide_monthly", "Library,2023-1,2023-01\nCity,1,2\n", OSLO)
    assert (reading.rows, reading.reasons) == ([], ["duplicate_month"])
    harmless = read_doors("wide_monthly", "Library,2023-1,2023-01\nCity,,2\nMoa,3,3\n", OSLO)
    assert [r["in_count"] for r in harmless.rows] == [2, 3]
    assert harmless.rejects == []


def test_two_rows_of_one_branch_that_disagree_are_both_refused(read_doors: Any) -> None:
    """Adding them or taking one would be a guess; a row told twice alike is one row."""
    text = "Library,2023-1\nCity,1\ncity ,2\nMoa,5\nMoa,5\n"
    reading = read_doors("wide_monthly", text, OSLO)
    assert counts(reading) == {("moa", "2023-1"): 5}
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("line 2", "duplicate_branch"),
        ("line 3", "duplicate_branch"),
    ]


def test_total_rows_are_no_branch(read_doors: Any) -> None:
    """A total that is read as a branch doubles the library."""
    text = "Library,2023-1\nCity,1\nTOTAL,1\nAlle samlet,1\n"
    reading = read_doors("wide_monthly", text, OSLO | {"total_rows": ["total", "alle samlet"]})
    assert [r["device_key"] for r in reading.rows] == ["city"]
    assert reading.rejects == []


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        ("2023-1,2023-2\n1,2\n", {}, "no_name_column"),
        ("Library,2023-1\nCity,2\n", {"name_column": "Branch"}, "no_name_column"),
        ("Library,January,February\nCity,1,2\n", {}, "no_month_column"),
        ("<html><body>Log in</body></html>", {}, "no_month_column"),
        ("", {}, "empty"),
        (" \n\n", {}, "empty"),
        (b"Library,2023-1\nCity,\x001\n", {}, "nul_bytes"),
        ("Library,2023-1\nBj\ufffdrn,1\n", {}, "replacement_characters"),
        (b"Library,2023-1\nBj\xf8rn,1\n", {"encodings": ["utf-8"]}, "undecodable"),
        (b"Library,2023-1\nBj\xc3\xb8rn,1\nMo\xff,2\n", {}, "undecodable"),
        ("Library,2023-1\n", {}, "no_records"),
        ("Library,2023-1,2023-2\nCity,,\n", {}, "no_records"),
    ],
)
def test_a_file_that_is_not_the_form_is_refused_as_a_whole_and_says_why(
    read_doors: Any, body: bytes | str, options: dict[str, Any], reason: str
) -> None:
    """The person who dropped it must learn what to mend, and an empty table must not pass for an empty library."""
    reading = read_doors("wide_monthly", body, OSLO | options)
    assert reading.rows == []
    (reject,) = reading.rejects
    assert (reject["reason"], reject["scope"]) == (reason, "blob")
    assert reject["next_action"].endswith(".")


def test_windows_1252_and_semicolons_are_read_as_they_come(read_doors: Any) -> None:
    """Norwegian spreadsheets save so when nobody tells them otherwise."""
    reading = read_doors("wide_monthly", "Filial;2025-1\nÅse Ærlig;3\n".encode("cp1252"), OSLO)
    assert [r["device_key"] for r in reading.rows] == ["åse ærlig"]


@pytest.mark.parametrize("row", ["City,1", "City,1,234,5", 'City,"1,2'])
def test_a_row_whose_cells_do_not_match_the_header_is_refused(read_doors: Any, row: str) -> None:
    """A cut line or a comma inside a number moves every later month by one; none of them can be trusted."""
    reading = read_doors("wide_monthly", f"Library,2023-1,2023-2\nMoa,3,4\n{row}\n", OSLO)
    assert reading.reasons == ["ragged_row"]
    assert counts(reading) == {("moa", "2023-1"): 3, ("moa", "2023-2"): 4}


def test_a_month_that_is_not_over_when_the_file_comes_is_provisional(read_doors: Any) -> None:
    """A half month beside whole ones looks like a fall; it must be known as open."""
    reading = read_doors("wide_monthly", "Library,2026-10,2026-11\nCity,9,1\n", OSLO)
    assert [r["is_provisional"] for r in reading.rows] == [False, True]


def test_options_name_what_is_wrong_with_them() -> None:
    """A zone or delimiter that is misspelt must fail when the configuration loads, not when the file comes."""
    for wrong in ({"zone": "Oslo"}, OSLO | {"delimiter": ";;"}, OSLO | {"encodings": ["utf-9"]}, {}):
        with pytest.raises(ValidationError):
            WideMonthlyOptions.model_validate(wrong)
