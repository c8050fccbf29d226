"""Interval files: dirty text, clock changes in both conventions, and rows that contradict each other."""

# ruff: noqa: DTZ001, DTZ007 - the lake's instants are UTC without a zone, and labels are local

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ingest.doors._keys import from_microseconds, observation_id, observation_ids
from ingest.doors.interval_csv import IntervalCsvOptions

OSLO = {"zone": "Europe/Oslo"}
HEADER = "Avdeling;Dato;Time;Inn;Ut"
AUTUMN, SPRING = "25.10.2026", "29.03.2026"


def body(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def day_of(label: str, hours: Iterable[str], device: str = "Moa") -> str:
    """A day's rows, each with its own count, so that a swapped hour shows."""
    return body(*(f"{device};{label};{hour};{n};{n + 100}" for n, hour in enumerate(hours)))


def utc(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{r['interval_start_at']:%d-%H:%M}" for r in rows]


def is_gapless(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and all(a["interval_end_at"] == b["interval_start_at"] for a, b in pairwise(rows))


def test_the_default_form_is_read_as_documented(read_doors: Any) -> None:
    """The guess at the library systems' export; the first file from a real one will be held against it."""
    reading = read_doors("interval_csv", body("Hovedbiblioteket;14.03.2026;10;37;41"), OSLO)
    assert reading.rejects == []
    (row,) = reading.rows
    start, end = datetime(2026, 3, 14, 9), datetime(2026, 3, 14, 10)
    assert row["observation_id"] == observation_id("door_test", "hovedbiblioteket", "total", "interval", start, end)
    expected = {
        "device_key": "hovedbiblioteket",
        "line_key": "total",
        "kind": "interval",
        "interval_start_at": start,
        "interval_end_at": end,
        "stamp_text": "14.03.2026 10",
        "stamp_convention": "start",
        "zone": "Europe/Oslo",
        "fold": "exact",
        "in_count": 37,
        "out_count": 41,
        "undirected_count": None,
        "value_state": "observed",
        "reason_code": None,
        "is_provisional": False,
        "pointer": "line 2",
    }
    assert {k: row[k] for k in expected} == expected


@pytest.mark.parametrize(
    "hour", ["10", "10.0", "10:00", "10.00", "10-11", "10:00:00", "10:00-11:00", "10:00-10:59", "kl 10"]
)
def test_an_hour_may_be_written_in_many_ways(read_doors: Any, hour: str) -> None:
    """All of these stand in real exports, and a spreadsheet in between turns one into another."""
    reading = read_doors("interval_csv", body(f"Moa;14.03.2026;{hour};37;41"), OSLO)
    assert reading.rejects == []
    assert [r["interval_start_at"] for r in reading.rows] == [datetime(2026, 3, 14, 9)]
    assert reading.rows[0]["stamp_convention"] == ("both" if "-" in hour else "start")


@pytest.mark.parametrize(
    ("hour", "reason"),
    [
        ("25", "bad_time"),
        ("24", "bad_time"),
        ("ti", "bad_time"),
        ("10:61", "bad_time"),
        ("", "bad_time"),
        ("10.5", "bad_time"),
        ("10:15", "off_grid"),
        ("10-12", "interval_mismatch"),
    ],
)
def test_an_hour_that_is_none_is_refused(read_doors: Any, hour: str, reason: str) -> None:
    """10:15 in an hourly file means that the file is not hourly: taking it would let intervals overlap."""
    reading = read_doors("interval_csv", body(f"Moa;14.03.2026;{hour};1;1", "Moa;14.03.2026;12;2;3"), OSLO)
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 2, column Time", reason)]
    assert utc(reading.rows) == ["14-11:00"]


@pytest.mark.parametrize("label", ["14.03.2026", "2026-03-14", "14.3.2026"])
def test_dates_are_read_in_the_configured_formats(read_doors: Any, label: str) -> None:
    """One series changed its date format from one month to the next."""
    assert utc(read_doors("interval_csv", body(f"Moa;{label};10;1;1"), OSLO).rows) == ["14-09:00"]


@pytest.mark.parametrize("label", ["03/14/2026", "31.02.2026", "14.03.0026", "", "i går", "١٤.٠٣.٢٠٢٦"])
def test_a_date_in_no_configured_format_is_refused(read_doors: Any, label: str) -> None:
    """Day and month are never guessed apart."""
    reading = read_doors("interval_csv", body(f"Moa;{label};10;1;1"), OSLO)
    assert (reading.rows, reading.reasons) == ([], ["bad_date"])


@pytest.mark.parametrize("text", [HEADER + "\nÅlesund;14.03.2026;10;1 037;2\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encoding_delimiter_and_line_ends_are_found_out(
    read_doors: Any, text: str, encoding: str, delimiter: str, newline: str
) -> None:
    """The same export through three programs must give the same observation."""
    made = text.replace(";", delimiter).replace("\n", newline).encode(encoding)
    reading = read_doors("interval_csv", made, OSLO)
    assert reading.rejects == []
    assert [(r["device_key"], r["in_count"], r["out_count"]) for r in reading.rows] == [("ålesund", 1037, 2)]


def test_spreadsheet_furniture_is_no_data(read_doors: Any) -> None:
    """Separator hints, headers in the middle, empty rows and totals: counted as visits they double a branch."""
    text = "\n".join(
        (
            "sep=;",
            HEADER,
            "Moa;14.03.2026;10;1;2",
            ";;;;",
            "",
            HEADER.upper(),
            "Moa;14.03.2026;11;3;4;",
            "Moa;14.03.2026;Sum;4;6",
            "Totalt;14.03.2026;11;3;4",
            "Totalt:;;;4;6",
            "Sum;4;6",
        )
    )
    reading = read_doors("interval_csv", text, OSLO)
    assert [(r["pointer"], r["in_count"]) for r in reading.rows] == [("line 3", 1), ("line 7", 3)]
    assert reading.rejects == []


def test_a_renamed_column_is_found_by_its_other_name(read_doors: Any) -> None:
    """`Inn` became `Antall inn`; the map holds both, and the order of columns is of no account."""
    text = body("7;14.03.2026;Moa;9;1", header="Antall Inn;DATO;avdeling;Klokkeslett;Antall ut")
    assert [(r["in_count"], r["out_count"]) for r in read_doors("interval_csv", text, OSLO).rows] == [(7, 1)]


@pytest.mark.parametrize(
    ("header", "reason", "named"),
    [
        ("Avdeling;Dato;Time;Inn", "missing_column", "Antall ut"),
        ("Avdeling;Dato;Time;Inn;Ut;Antall inn", "ambiguous_column", "`in`"),
        ("id,name", "missing_column", "found: id, name"),
    ],
)
def test_a_lost_or_doubled_column_stops_the_file_and_is_named(
    read_doors: Any, header: str, reason: str, named: str
) -> None:
    """Without `Ut` every row would still parse, with half the truth."""
    reading = read_doors("interval_csv", body("Moa;14.03.2026;10;1;2", header=header), OSLO)
    (reject,) = reading.rejects
    assert (reading.rows, reject["reason"], reject["scope"]) == ([], reason, "blob")
    assert named in reject["message"]


def test_a_file_without_header_does_not_leak_its_first_row(read_doors: Any) -> None:
    """A door-opening log in the wrong folder holds card numbers; the message must not repeat them."""
    reading = read_doors("interval_csv", "2100456789;kari@example.org;14.03.2026 10:12\n", OSLO)
    assert "(data), (data), (data)" in reading.rejects[0]["message"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ((HEADER + "\nMoa;14.03.2026;10;1;2").encode("utf-16"), "nul_bytes"),
        ((HEADER + "\nMo\x00;14.03.2026;10;1;2").encode(), "nul_bytes"),
        ((HEADER + "\nL\ufffdren;14.03.2026;10;1;2").encode(), "replacement_characters"),
        (HEADER.encode() + b"\nL\x81ren;14.03.2026;10;1;2", "undecodable"),
        (HEADER.encode() + "\nLørenskog Åse".encode()[:-1] + b"\xff;14.03.2026;10;1;2", "undecodable"),
        (HEADER.encode(), "no_records"),
    ],
)
def test_bytes_that_are_no_text_stop_the_file(read_doors: Any, made: bytes, reason: str) -> None:
    """A name read in the wrong encoding makes a second branch beside the real one."""
    reading = read_doors("interval_csv", made, OSLO)
    assert (reading.rows, reading.reasons) == ([], [reason])
    assert reading.rejects[0]["scope"] == "blob"


def test_one_bad_cell_costs_its_row_only(read_doors: Any) -> None:
    """Letters, decimals and a cut row are quarantined; their neighbours load."""
    reading = read_doors(
        "interval_csv",
        body(
            "Moa;14.03.2026;10;x1;2",
            "Moa;14.03.2026;11;1;2,5",
            "Moa;14.03.2026;12;1",
            ";14.03.2026;13;1;2",
            "Moa;14.03.2026;14;5;6",
            "Moa;14.03.2026;15;1;2;3",
            '"Moa;14.03.2026;16;1;2',
        ),
        OSLO,
    )
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("line 2, column Inn", "letters_in_count"),
        ("line 3, column Ut", "fraction_in_count"),
        ("line 4", "ragged_row"),
        ("line 5, column Avdeling", "missing_device"),
        ("line 7", "ragged_row"),
        ("line 8", "ragged_row"),
    ]
    assert [r["in_count"] for r in reading.rows] == [5]


def test_blank_nought_and_minus_one_are_three_things(read_doors: Any) -> None:
    """A failed poll is written -1 by some, blank by others; neither is an empty house."""
    rows = ("Moa;14.03.2026;10;;", "Moa;14.03.2026;11;-1;-1", "Moa;14.03.2026;12;0;0", "Moa;14.03.2026;13;4;")
    reading = read_doors("interval_csv", body(*rows), OSLO)
    told = [(r["in_count"], r["out_count"], r["value_state"], r["reason_code"]) for r in reading.rows]
    assert told == [
        (None, None, "not_observed", "blank"),
        (None, None, "not_observed", "negative"),
        (0, 0, "observed", None),
        (4, None, "observed", "blank"),
    ]


def test_a_row_told_twice_alike_is_one_and_told_twice_unlike_is_a_question(read_doors: Any) -> None:
    """Files get appended to themselves; and a later correction inside one file can't be told from a mistake."""
    rows = ("Moa;14.03.2026;10;1;2", "MOA ;2026-03-14;10:00;1;2", "Moa;14.03.2026;10;1;3", "Moa;14.03.2026;11;1;2")
    reading = read_doors("interval_csv", body(*rows), OSLO)
    assert [(r["pointer"], r["out_count"]) for r in reading.rows] == [("line 2", 2), ("line 5", 2)]
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 4", "duplicate_conflict")]


def test_start_stamped_autumn_day_has_25_hours_by_row_order(read_doors: Any) -> None:
    """Local naive time says 02 twice; the first row is summer time. Nothing doubles and nothing is lost."""
    hours = ["0", "1", "2", "2", *map(str, range(3, 24))]
    reading = read_doors("interval_csv", day_of(AUTUMN, hours), OSLO)
    assert len(reading.rows) == 25
    assert reading.rejects == []
    assert is_gapless(reading.rows)
    assert reading.rows[0]["interval_start_at"] == datetime(2026, 10, 24, 22)
    assert [r["in_count"] for r in reading.rows] == list(range(25))
    assert [r["fold"] for r in reading.rows[1:5]] == ["exact", "first", "second", "exact"]


def test_a_file_that_runs_newest_first_has_its_second_hour_first(read_doors: Any) -> None:
    """Row order decides the repeated hour, so the direction of the file matters."""
    hours = [*map(str, range(23, 2, -1)), "2", "2", "1", "0"]
    reading = read_doors("interval_csv", day_of(AUTUMN, hours), OSLO)
    assert is_gapless(reading.rows[::-1])
    assert [r["fold"] for r in reading.rows if r["fold"] != "exact"] == ["second", "first"]


def test_interleaved_branches_have_their_own_repeated_hour(read_doors: Any) -> None:
    """Files sorted by hour carry the branches in turn: two rows of two branches are no repetition."""
    rows = [f"{b};{AUTUMN};{h};{n};0" for n, h in enumerate(("1", "2", "2", "3")) for b in ("Moa", "Spjelkavik")]
    reading = read_doors("interval_csv", body(*rows), OSLO)
    for device in ("moa", "spjelkavik"):
        mine = [r for r in reading.rows if r["device_key"] == device]
        assert utc(mine) == ["24-23:00", "25-00:00", "25-01:00", "25-02:00"]
        assert [r["in_count"] for r in mine] == [0, 1, 2, 3]


def test_a_lone_repeated_hour_is_kept_and_marked_ambiguous(read_doors: Any) -> None:
    """Exactly 24 rows that day: the row may be either hour or both. It is kept as the first and never split."""
    reading = read_doors("interval_csv", day_of(AUTUMN, map(str, range(24))), OSLO)
    assert len(reading.rows) == 24
    (row,) = [r for r in reading.rows if r["fold"] != "exact"]
    assert (row["fold"], row["interval_start_at"], row["in_count"]) == ("ambiguous", datetime(2026, 10, 25, 0), 2)
    assert datetime(2026, 10, 25, 1) not in {r["interval_start_at"] for r in reading.rows}


def test_a_file_appended_to_itself_keeps_both_autumn_hours(read_doors: Any) -> None:
    """Four rows of 02 are the two hours told twice."""
    rows = [f"Moa;{AUTUMN};{h};{n};0" for n, h in enumerate(("1", "2", "2", "3"))]
    reading = read_doors("interval_csv", body(*rows, *rows), OSLO)
    assert [r["in_count"] for r in reading.rows] == [0, 1, 2, 3]
    assert reading.rejects == []


def test_start_stamped_spring_day_has_23_hours(read_doors: Any) -> None:
    """There is no 02; the hour from 01 ends where the hour from 03 begins."""
    reading = read_doors("interval_csv", day_of(SPRING, ["0", "1", *map(str, range(3, 24))]), OSLO)
    assert len(reading.rows) == 23
    assert is_gapless(reading.rows)


def test_an_hour_that_never_was_is_padding_or_a_question(read_doors: Any) -> None:
    """Vendors pad the skipped hour with noughts. People in it mean that the labels are shifted."""
    reading = read_doors("interval_csv", body(f"Moa;{SPRING};2;0;0", f"Moa;{SPRING};3;5;6"), OSLO)
    assert (reading.reasons, utc(reading.rows)) == (["dst_padding"], ["29-01:00"])
    reading = read_doors("interval_csv", body(f"Moa;{SPRING};2;1;0", f"Moa;{SPRING};3;5;6"), OSLO)
    assert (reading.reasons, utc(reading.rows)) == (["nonexistent_local_time"], ["29-01:00"])


ENDS = [f"{h}:00" for h in range(1, 25)]


def test_end_stamped_day_ends_with_24_or_with_the_next_midnight(read_doors: Any) -> None:
    """The last hour belongs to its own day, whether it is written 24:00 or 00:00 of the morrow."""
    options = OSLO | {"stamp": "end"}
    reading = read_doors("interval_csv", day_of("14.03.2026", ENDS), options)
    assert len(reading.rows) == 24
    assert is_gapless(reading.rows)
    assert reading.rows[-1]["interval_end_at"] == datetime(2026, 3, 14, 23)
    midnight = read_doors("interval_csv", body("Moa;15.03.2026;00:00;23;123"), options).rows[0]
    assert midnight["observation_id"] == reading.rows[-1]["observation_id"]
    assert midnight["stamp_convention"] == "end"
    assert utc(read_doors("interval_csv", body("Moa;14.03.2026;23:00;1;1"), options).rows) == ["14-21:00"]


@pytest.mark.parametrize(
    ("case", "hours"),
    [
        ("label of the start plus an hour", ["1", "2", "3", "3", *map(str, range(4, 25))]),
        ("what the clock then shows", ["1", "2", "2", *map(str, range(3, 25))]),
    ],
)
def test_end_stamped_autumn_day_has_25_hours_in_both_ways_of_writing_it(
    read_doors: Any, case: str, hours: list[str]
) -> None:
    """The repeated label tells which way the source writes; both must give the same 25 intervals."""
    reading = read_doors("interval_csv", day_of(AUTUMN, hours), OSLO | {"stamp": "end"})
    assert reading.rejects == [], case
    assert len(reading.rows) == 25
    assert is_gapless(reading.rows)
    assert reading.rows[0]["interval_start_at"] == datetime(2026, 10, 24, 22)
    assert [r["fold"] for r in reading.rows].count("first") == 1
    assert [r["fold"] for r in reading.rows].count("second") == 1


@pytest.mark.parametrize(
    ("case", "hours"),
    [
        ("label of the start plus an hour", ["1", "2", *map(str, range(4, 25))]),
        ("what the clock then shows", ["1", *map(str, range(3, 25))]),
    ],
)
def test_end_stamped_spring_day_has_23_hours_in_both_ways_of_writing_it(
    read_doors: Any, case: str, hours: list[str]
) -> None:
    """02 or 03 after 01: the same hour."""
    reading = read_doors("interval_csv", day_of(SPRING, hours), OSLO | {"stamp": "end"})
    assert reading.rejects == [], case
    assert len(reading.rows) == 23
    assert is_gapless(reading.rows)


def test_end_stamped_padding_is_found_too(read_doors: Any) -> None:
    """With all 24 labels present, 03 ends the hour that never was."""
    text = body(*(f"Moa;{SPRING};{h};{0 if h == 3 else h};0" for h in range(1, 25)))
    reading = read_doors("interval_csv", text, OSLO | {"stamp": "end"})
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 4", "dst_padding")]
    assert len(reading.rows) == 23
    assert is_gapless(reading.rows)


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize(("label", "quarters"), [(AUTUMN, 100), (SPRING, 92), ("14.03.2026", 96)])
def test_quarter_hours_of_a_change_day(read_doors: Any, stamp: str, label: str, quarters: int) -> None:
    """100 and 92 quarters, no nought invented, none doubled, whatever the convention."""
    first = datetime.strptime(label, "%d.%m.%Y")
    walls = [first + timedelta(minutes=15 * n) for n in range(96)]
    if quarters == 100:
        walls[12:12] = walls[8:12]
    elif quarters == 92:
        del walls[8:12]
    if stamp == "end":
        walls = [w + timedelta(minutes=15) for w in walls]
    text = body(*(f"Moa;{w:%d.%m.%Y};{w:%H:%M};{n};0" for n, w in enumerate(walls)))
    reading = read_doors("interval_csv", text, OSLO | {"stamp": stamp, "interval_minutes": 15})
    assert reading.rejects == []
    assert len(reading.rows) == quarters
    assert is_gapless(reading.rows)
    assert [r["in_count"] for r in reading.rows] == list(range(quarters))


def test_daily_files_are_cut_by_the_calendar(read_doors: Any) -> None:
    """A change day has 23 or 25 hours; a day of fixed length would overlap the next."""
    options = OSLO | {"interval_minutes": 1440, "columns": {"device": ["sted"], "date": ["dato"], "in": ["inn"]}}
    text = body("Moa,28.03.2026,1", "Moa,29.03.2026,2", "Moa,30.03.2026,3", header="sted,dato,inn")
    reading = read_doors("interval_csv", text, options)
    assert is_gapless(reading.rows)
    assert [(r["interval_end_at"] - r["interval_start_at"]).seconds // 3600 for r in reading.rows] == [0, 23, 0]
    assert {r["out_count"] for r in reading.rows} == {None}


def test_stamps_in_one_cell_and_offsets_are_believed(read_doors: Any) -> None:
    """An offset ends all doubt about the repeated hour."""
    options = OSLO | {
        "columns": {"device": ["sensor"], "line": ["door"], "stamp": ["at"], "undirected": ["n"], "status": ["state"]}
    }
    rows = (
        "80:1F,North,2026-10-25T02:00:00+02:00,1,ok",
        "80:1F,North,2026-10-25T02:00:00+01:00,2,",
        "80:1F,North,2026-10-25T02:00:00Z,3,ok",
        "80:1F,South,2026-10-25 09:00,4,ok",
        "80:1F,South,2026-10-25,4,ok",
    )
    reading = read_doors("interval_csv", body(*rows, header="sensor,door,at,n,state"), options)
    assert utc(reading.rows) == ["25-00:00", "25-01:00", "25-02:00", "25-08:00"]
    assert [r["zone"] for r in reading.rows] == ["+02:00", "+01:00", "+00:00", "Europe/Oslo"]
    assert {r["fold"] for r in reading.rows} == {"exact"}
    assert [r["undirected_count"] for r in reading.rows] == [1, 2, 3, 4]
    assert [r["vendor_status"] for r in reading.rows] == ["ok", None, "ok", "ok"]
    assert [r["line_key"] for r in reading.rows] == ["north", "north", "north", "south"]
    assert reading.reasons == ["bad_time"]


def test_a_file_of_one_device_takes_its_name_from_the_options(read_doors: Any) -> None:
    """Exports of a single counter do not repeat its name."""
    options = OSLO | {"device": "Moa Inngang", "columns": {"date": ["Dato"], "time": ["Time"], "in": ["Inn"]}}
    reading = read_doors("interval_csv", body("14.03.2026;10;5", header="Dato;Time;Inn"), options)
    assert [(r["device_key"], r["in_count"]) for r in reading.rows] == [("moa inngang", 5)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Oslo"},
        OSLO | {"interval_minutes": 50},
        OSLO | {"date_formats": ["%d %b %Y"]},
        OSLO | {"date_formats": []},
        OSLO | {"columns": {"device": ["a"], "date": ["b"], "in": ["c"]}},
        OSLO | {"columns": {"device": ["a"], "date": ["b"], "time": ["c"]}},
        OSLO | {"columns": {"device": ["a"], "date": ["b"], "time": ["c"], "in": ["B"]}},
        OSLO | {"columns": {"date": ["b"], "time": ["c"], "in": ["d"]}},
        OSLO | {"device": "x"},
        OSLO | {"colums": {}},
    ],
)
def test_options_that_can_not_work_fail_when_they_are_read(wrong: dict[str, Any]) -> None:
    """A mistake in sources.yaml must show at once, not as rejects on the day the file comes."""
    with pytest.raises(ValidationError):
        IntervalCsvOptions.model_validate(wrong)


def test_the_open_hour_is_provisional(read_doors: Any) -> None:
    """A file exported at half past holds half an hour; later telling wins only if this one is known as open."""
    reading = read_doors("interval_csv", body("Moa;01.11.2026;12;1;1", "Moa;01.11.2026;13;1;1"), OSLO)
    assert [r["is_provisional"] for r in reading.rows] == [False, True]


def test_the_same_bytes_give_the_same_rows_in_the_same_order(read_doors: Any) -> None:
    """A rebuilt lake must be bit-equal."""
    text = day_of(AUTUMN, ["3", "2", "2", "x", "1"])
    assert read_doors("interval_csv", text, OSLO) == read_doors("interval_csv", text, OSLO)


def test_a_large_file_is_read_in_moments(read_doors: Any) -> None:
    """Years of back files arrive on the first day: about a second per 100,000 rows, with room for a busy machine."""
    first = date(2025, 1, 1)
    rows = [
        f"Avd {d};{first + timedelta(n // 24):%d.%m.%Y};{n % 24};{n % 97};{n % 89}"
        for n in range(8760)
        for d in range(12)
    ]
    text = body(*rows)
    began = time.process_time()
    reading = read_doors("interval_csv", text, OSLO)
    assert time.process_time() - began < 8
    assert len(reading.rows) + len(reading.rejects) == len(rows)
    assert set(reading.reasons) == {"nonexistent_local_time"}


MIXED = [
    line
    for day in ("24.10.2026", "25.10.2026", "29.03.2026", "32.10.2026")
    for branch in ("Moa", " moa ", "Ærø", "Totalt:", "")
    for line in (
        *(f"{branch};{day};{hour};{hour % 3};{hour * 7 % 5}" for hour in (0, 1, 2, 2, 3, 23, 24)),
        f"{branch};{day};10;x;1", f"{branch};{day};11;-1;", f"{branch};{day};12;1 234;1.5", f"{branch};{day};13;7",
    )
]  # fmt: skip


@pytest.mark.parametrize("stamp", ["start", "end"])
def test_lines_that_are_cut_at_once_and_one_by_one_are_read_alike(read_doors: Any, stamp: str) -> None:
    """A quote sends its line the careful way; which way a line took must not show in what it says."""
    options = {"zone": "Europe/Oslo", "stamp": stamp}

    def told(lines: list[str]) -> Any:
        reading = read_doors("interval_csv", body(*lines), options)
        return [[{k: v for k, v in row.items() if k != "blob_sha256"} for row in rows]
                for rows in (reading.rows, reading.rejects)]  # fmt: skip

    quoted = [line.replace(";", '";', 1) for line in MIXED]
    quoted = [f'"{line}' for line in quoted]
    plain = told(MIXED)
    assert len(plain[0]) > 30
    assert len({reject["reason"] for reject in plain[1]}) >= 5
    assert told(quoted) == plain
    assert told([one if n % 3 else other for n, (one, other) in enumerate(zip(MIXED, quoted, strict=True))]) == plain


def test_many_ids_at_once_are_the_ids_one_by_one() -> None:
    """An id joins the tellings of one interval by different adapters; two recipes would tell it twice."""
    series = [("moa", "total"), ("ærø", "dør 2")]
    which, starts = np.array([0, 1, 1, 0]), np.array([0, -900_000_000, 1_774_000_800_000_000, 1])
    many = observation_ids("door_x", series, "interval", which, starts, starts + 900_000_000)
    one_by_one = [
        observation_id("door_x", *series[n], "interval", from_microseconds(s), from_microseconds(s + 900_000_000))
        for n, s in zip(which.tolist(), starts.tolist(), strict=True)
    ]
    assert many.to_pylist() == one_by_one
    assert {len(key) for key in one_by_one} == {32}


def test_a_file_with_as_many_branches_as_lines_is_read(read_doors: Any) -> None:
    """A wrong column map names a device and a line per row; every pair of them would fill the memory."""
    columns = {"device": ["A"], "line": ["B"], "date": ["C"], "in": ["D"]}
    options = {"zone": "Europe/Oslo", "interval_minutes": 1440, "columns": columns}
    lines = "".join(f"d{n};l{n};2026-03-14;{n}\n" for n in range(20_000))
    reading = read_doors("interval_csv", f"A;B;C;D\n{lines}", options)
    assert [row["in_count"] for row in reading.rows] == list(range(20_000))
