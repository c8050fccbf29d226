"""Wide hourly files: days that begin at six, labels that can't be right, and the hours of the clock changes."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone, and labels are local

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from ingest.doors.wide_hourly import WideHourlyOptions

OSLO = {"zone": "Europe/Oslo"}
SIX = OSLO | {"day_begins": "06:00", "ignored_columns": ["year"]}
AUCKLAND = SIX | {"zone": "Pacific/Auckland"}


def counts(reading: Any) -> dict[tuple[str, datetime], int | None]:
    return {(r["device_key"], r["interval_start_at"]): r["in_count"] for r in reading.rows}


def test_the_auckland_file_gives_the_sums_that_another_reader_gives(read_doors: Any, real: Path) -> None:
    """Seven years of 21 sensors with shifted days, false noughts and doubled labels, counted once more by pandas."""
    path = real / "doors/auckland/hourly_counts.csv"
    reading = read_doors("wide_hourly", path.read_bytes(), AUCKLAND)
    table = pd.read_csv(path)
    sensors = list(table.columns[3:])
    hour = table["hour"].str.split(":").str[0].astype(int)
    day = pd.to_datetime(table["date"]) + pd.to_timedelta((hour < 6).astype(int), unit="D")
    local = day + pd.to_timedelta(hour, unit="h")
    exists = local.dt.tz_localize("Pacific/Auckland", ambiguous=True, nonexistent="NaT").notna()
    is_read = exists & ~table.duplicated(["date", "hour"], keep=False)
    expected = table[is_read].groupby(local[is_read].dt.year)[sensors].sum().sum(axis=1).astype(int).to_dict()
    assert expected[2019] == 69_961_603

    frame = reading.table.select(["device_key", "interval_start_at", "in_count", "reason_code", "fold"]).to_pandas()
    starts = frame["interval_start_at"].dt.tz_localize("UTC").dt.tz_convert("Pacific/Auckland")
    assert frame["in_count"].groupby(starts.dt.year).sum().astype(int).to_dict() == expected
    assert len(frame) == is_read.sum() * 21 == 1_288_350
    assert not frame.duplicated(["device_key", "interval_start_at"]).any()

    quay = frame[frame["device_key"] == "107 quay street"]["in_count"]
    # 25,560 rows of the file, of which three are the noughts in hours that never were.
    dead = starts[quay.index].between("2019-04-01", "2022-03-02") & (quay == 0)
    assert dead.sum() == 25_557
    assert quay.isna().sum() == 3_434
    new_year = starts == pd.Timestamp("2020-01-01 00:00", tz="Pacific/Auckland")
    assert frame[new_year]["in_count"].sum() == 24_760, "the peak of the night stands under the date before"
    doubtful = frame[frame["fold"] == "ambiguous"]
    assert doubtful["interval_start_at"].nunique() == 7
    assert set(doubtful[doubtful["in_count"].notna()]["reason_code"]) == {"dst_ambiguous"}
    assert Counter(reading.reasons) == {"duplicate_label": 11, "dst_padding": 4, "nonexistent_local_time": 2}


def test_rows_before_the_hour_at_which_a_day_begins_belong_to_the_next_date(read_doors: Any) -> None:
    """A night's last hours stand under the evening's date; taken at their word, New Year's peak is a day early."""
    body = (
        "date,hour,year,Torget\n2025-12-31,23:00-23:59,2025,5.0\n2025-12-31,0:00-0:59,2025,90.0\n"
        "2026-01-01,6:00-6:59,2026,1.0\n"
    )
    reading = read_doors("wide_hourly", body, SIX)
    assert reading.rejects == []
    assert counts(reading) == {
        ("torget", datetime(2025, 12, 31, 22)): 5,
        ("torget", datetime(2025, 12, 31, 23)): 90,
        ("torget", datetime(2026, 1, 1, 5)): 1,
    }
    first = reading.rows[0]
    assert (first["stamp_text"], first["stamp_convention"]) == ("2025-12-31 23:00-23:59", "both")
    assert first["interval_end_at"] == datetime(2025, 12, 31, 23)


def test_rows_that_share_a_label_and_disagree_are_all_refused_and_equal_ones_are_one(read_doors: Any) -> None:
    """In the real file now the first of them is the mislabelled one, now the last: keeping either is a guess."""
    body = "date,hour,A,B\n2026-01-05,6,3,30\n2026-01-05,7,1,1\n2026-01-05,6,4,75\n2026-01-05,7,1,1\n"
    reading = read_doors("wide_hourly", body, OSLO)
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("line 2", "duplicate_label"),
        ("line 4", "duplicate_label"),
    ]
    assert counts(reading) == {("a", datetime(2026, 1, 5, 6)): 1, ("b", datetime(2026, 1, 5, 6)): 1}


@pytest.mark.parametrize(
    ("cells", "reason"), [("0.0,0.0", "dst_padding"), (",0", "dst_padding"), ("0,7", "nonexistent_local_time")]
)
def test_the_hour_that_spring_skips_is_never_a_nought(read_doors: Any, cells: str, reason: str) -> None:
    """A filled-in nought reads as a dead hour at every sensor; people in it show that the labels are shifted."""
    body = f"date,hour,A,B\n2026-03-28,1:00-1:59,5,6\n2026-03-28,2:00-2:59,{cells}\n2026-03-28,3:00-3:59,7,8\n"
    reading = read_doors("wide_hourly", body, SIX)
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 3", reason)]
    assert sorted({r["interval_start_at"] for r in reading.rows}) == [
        datetime(2026, 3, 29, 0),
        datetime(2026, 3, 29, 1),
    ]


def test_a_lone_row_in_the_hour_that_autumn_repeats_is_kept_whole_and_marked(read_doors: Any) -> None:
    """It may hold one hour or both. Split it would be invented, twice it would be doubled."""
    body = "date,hour,A,B\n2026-10-24,1:00-1:59,5,6\n2026-10-24,2:00-2:59,7,\n2026-10-24,3:00-3:59,8,9\n"
    reading = read_doors("wide_hourly", body, SIX)
    doubtful = [r for r in reading.rows if r["fold"] == "ambiguous"]
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in doubtful] == [
        (7, "observed", "dst_ambiguous"),
        (None, "not_observed", "blank"),
    ]
    assert {r["interval_start_at"] for r in doubtful} == {datetime(2026, 10, 25, 0)}


def test_two_rows_in_the_hour_that_autumn_repeats_are_its_two_hours(read_doors: Any) -> None:
    """A file with 25 rows that day knows both; they share a label and are no contradiction."""
    body = "date,hour,A\n2026-10-24,2:00-2:59,7\n2026-10-24,2:00-2:59,8\n"
    reading = read_doors("wide_hourly", body, SIX)
    assert [(r["interval_start_at"].hour, r["in_count"], r["fold"]) for r in reading.rows] == [
        (0, 7, "first"),
        (1, 8, "second"),
    ]


def test_a_cell_that_is_no_count_costs_itself_and_a_blank_one_is_not_nought(read_doors: Any) -> None:
    """One note in a cell must not cost the other sensors their hour."""
    reading = read_doors("wide_hourly", "date,hour,A,B,C,D\n2026-01-05,6,broken,4.0,,-1\n", OSLO)
    assert [(r["device_key"], r["in_count"], r["reason_code"]) for r in reading.rows] == [
        ("b", 4, None),
        ("c", None, "blank"),
        ("d", None, "negative"),
    ]
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [("line 2, column A", "letters_in_count")]


@pytest.mark.parametrize(
    ("row", "pointer", "reason"),
    [
        ("2026-01-05,6,1", "line 2", "ragged_row"),
        ("5 January,6,1,2", "line 2, column date", "bad_date"),
        ("2026-01-05,6:30-7:29,1,2", "line 2, column hour", "off_grid"),
        ("2026-01-05,6:00-7:59,1,2", "line 2, column hour", "interval_mismatch"),
        ("2026-01-05,early,1,2", "line 2, column hour", "bad_time"),
    ],
)
def test_a_label_that_cannot_be_read_costs_its_row(read_doors: Any, row: str, pointer: str, reason: str) -> None:
    """All sensors of a row share its label."""
    reading = read_doors("wide_hourly", f"date,hour,A,B\n{row}\n2026-01-05,8,3,4\n", OSLO)
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [(pointer, reason)]
    assert list(counts(reading).values()) == [3, 4]


def test_sums_over_sensors_and_over_hours_are_no_sensors(read_doors: Any) -> None:
    """A total that is read as a sensor doubles the city."""
    body = "Dato;Time;Torget;Totalt\n05.01.2026;6;3;3\nDato;Time;Torget;Totalt\nSum:;;3;3\n"
    reading = read_doors("wide_hourly", body, OSLO | {"date_column": "Dato", "time_column": "Time"})
    assert (reading.rejects, list(counts(reading).values())) == ([], [3])


def test_hours_to_come_that_are_blank_say_nothing_and_an_hour_that_runs_is_provisional(read_doors: Any) -> None:
    """A file written at noon holds the evening as blanks; they are not hours in which counting failed."""
    body = "date,hour,A\n2026-11-01,11,4\n2026-11-01,12,2\n2026-11-01,13,\n"
    reading = read_doors("wide_hourly", body, OSLO, received_at=datetime(2026, 11, 1, 11, 30, tzinfo=UTC))
    assert [(r["in_count"], r["is_provisional"]) for r in reading.rows] == [(4, False), (2, True)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("date,A\n2026-01-05,1\n", "missing_column"),
        ("date,hour\n2026-01-05,6\n", "missing_column"),
        ("date,hour,A,a \n2026-01-05,6,1,2\n", "ambiguous_column"),
        ("date,hour,hour,A\n2026-01-05,6,6,2\n", "ambiguous_column"),
        ("date,hour,A\n", "no_records"),
        ("", "empty"),
        ("<html><body>Log in</body></html>", "missing_column"),
    ],
)
def test_a_file_of_another_form_is_refused_as_a_whole(read_doors: Any, body: str, reason: str) -> None:
    """The person who dropped it must learn what to mend."""
    reading = read_doors("wide_hourly", body, OSLO)
    assert (reading.rows, reading.reasons) == ([], [reason])
    assert reading.rejects[0]["scope"] == "blob"


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Oslo"},
        {"day_begins": 6},
        {"day_begins": "06:30"},
        {"day_begins": "06:00", "stamp": "end"},
        {"interval_minutes": 7},
        {"date_formats": ["%d %B %Y"]},
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    """A description must fail when it is loaded, not when the file comes."""
    with pytest.raises(ValidationError):
        WideHourlyOptions.model_validate(OSLO | wrong)
