"""Counts made by people: spans that stay what they are, and everything in a form that can't be trusted."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.errors import ConfigurationError

OPTIONS: dict[str, Any] = {
    "zone": "Europe/Oslo",
    "columns": {
        "device": ["Filial"],
        "start": ["Fra"],
        "end": ["Til"],
        "count": ["Antall"],
        "method": ["Metode"],
    },
}
HEADER = "Filial;Fra;Til;Antall;Metode;Merknad\n"


def form(*lines: str) -> str:
    return HEADER + "\n".join(lines) + "\n"


def test_a_sample_week_stays_one_span_from_monday_to_monday(read_doors: Any) -> None:
    """Its expansion to a year is an estimate; days made out of it would look counted."""
    reading = read_doors("manual_counts", form("Moa;09.03.2026;15.03.2026;1 180;telleuke;Kari talte"), OPTIONS)
    (row,) = reading.rows
    assert row["kind"] == "sample_week"
    assert row["interval_start_at"] == datetime(2026, 3, 8, 23)
    assert row["interval_end_at"] == datetime(2026, 3, 15, 23)
    assert (row["in_count"], row["value_state"], row["stamp_convention"]) == (1180, "observed", "both")
    assert "Kari" not in str(reading), "a note names people and is never read"


def test_a_day_has_the_length_that_the_clock_gave_it(read_doors: Any) -> None:
    """The last day named is counted as well, and in October it has 25 hours."""
    body = form("Moa;25.10.2026;25.10.2026;80;dag;", "Moa;29.03.2026 10:00;29.03.2026 24:00;70;manual_day;")
    rows = read_doors("manual_counts", body, OPTIONS).rows
    assert [r["kind"] for r in rows] == ["manual", "manual"]
    assert rows[0]["interval_end_at"] - rows[0]["interval_start_at"] == timedelta(hours=25)
    assert (rows[1]["interval_start_at"], rows[1]["interval_end_at"]) == (
        datetime(2026, 3, 29, 8),
        datetime(2026, 3, 29, 22),
    )


def test_a_sheet_of_single_days_needs_only_their_dates(read_doors: Any) -> None:
    """Most forms have one date a row, and one method for all."""
    options = {
        "zone": "Europe/Oslo",
        "device": "Moa",
        "method": "manual_day",
        "columns": {"date": ["Dato"], "count": ["Besøk"]},
    }
    (row,) = read_doors("manual_counts", "Dato;Besøk\n14.03.2026;55\n", options).rows
    assert (row["interval_start_at"], row["interval_end_at"]) == (datetime(2026, 3, 13, 23), datetime(2026, 3, 14, 23))
    assert (row["device_key"], row["kind"], row["in_count"]) == ("moa", "manual", 55)


def test_heads_in_the_room_are_no_visits(read_doors: Any) -> None:
    """Occupancy adds the same person once for each look."""
    reading = read_doors(
        "manual_counts",
        form("Moa;14.03.2026 12:00;14.03.2026 12:05;31;head_count;", "Moa;14.03.2026;14.03.2026;9;dag;"),
        OPTIONS,
    )
    assert reading.reasons == ["head_count"]
    assert [r["in_count"] for r in reading.rows] == [9]


def test_overlapping_spans_are_flagged_and_their_numbers_kept(read_doors: Any) -> None:
    """Eight-day weeks that share a day tell its people twice; which of the two is wrong the sheet can't say."""
    body = form(
        "Moa;09.03.2026;15.03.2026;1180;telleuke;",
        "Moa;15.03.2026;21.03.2026;1240;telleuke;",
        "Moa;23.03.2026;29.03.2026;1300;telleuke;",
        "Spjelkavik;09.03.2026;15.03.2026;300;telleuke;",
        "Moa;09.03.2026;09.03.2026;150;dag;",
    )
    reading = read_doors("manual_counts", body, OPTIONS)
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows] == [
        (1180, "invalid", "overlapping_span"),
        (1240, "invalid", "overlapping_span"),
        (1300, "observed", None),
        (300, "observed", None),
        (150, "observed", None),
    ]
    assert [(r["pointer"], r["reason"]) for r in reading.rejects] == [
        ("line 2", "overlapping_span"),
        ("line 3", "overlapping_span"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Moa;09.03.2026;16.03.2026;1180;telleuke;", "span_too_long"),
        ("Moa;09.03.2026;10.03.2026;80;dag;", "span_too_long"),
        ("Moa;10.03.2026;09.03.2026;80;dag;", "empty_span"),
        ("Moa;09.03.2026 12:00;09.03.2026 12:00;80;dag;", "empty_span"),
        ("Moa;09.03.2026;09.03.2026;80;gjettet;", "unknown_method"),
        ("Moa;09.03.2026;09.03.2026;80;;", "unknown_method"),
        ("Moa;09.03.2026;09.03.2026;ca. 80;dag;", "letters_in_count"),
        ("Moa;03/09/2026;03/09/2026;80;dag;", "bad_date"),
        ("Moa;09.03.2026 9;09.03.2026 25;80;dag;", "bad_time"),
        (";09.03.2026;09.03.2026;80;dag;", "missing_device"),
        ("Moa;09.03.2026;09.03.2026", "ragged_row"),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_its_neighbour_is_not(read_doors: Any, line: str, reason: str) -> None:
    """A form is filled in by many hands; one slip must cost itself only."""
    reading = read_doors("manual_counts", form(line, "Spjelkavik;09.03.2026;09.03.2026;5;dag;"), OPTIONS)
    assert reading.reasons == [reason]
    assert reading.rejects[0]["pointer"].startswith("line 2")
    assert reading.rejects[0]["next_action"]
    assert [r["in_count"] for r in reading.rows] == [5]


def test_day_and_month_that_could_change_places_are_refused(read_doors: Any) -> None:
    """Where a sheet mixes both orders, 3/4 is a guess; 22/8 and 5/5 are not."""
    options = {**OPTIONS, "date_formats": ["%d/%m/%Y", "%m/%d/%Y"]}
    reading = read_doors(
        "manual_counts",
        form("Moa;3/4/2026;3/4/2026;1;dag;", "Moa;22/8/2026;22/8/2026;2;dag;", "Moa;5/5/2026;5/5/2026;3;dag;"),
        options,
    )
    assert reading.reasons == ["ambiguous_date"]
    assert [r["in_count"] for r in reading.rows] == [2, 3]


def test_a_blank_or_negative_count_was_not_made_and_nought_was(read_doors: Any) -> None:
    """Nobody is not nothing, also where people count."""
    rows = read_doors(
        "manual_counts",
        form(
            "Moa;09.03.2026;09.03.2026;;dag;", "Moa;10.03.2026;10.03.2026;0;dag;", "Moa;11.03.2026;11.03.2026;-1;dag;"
        ),
        OPTIONS,
    ).rows
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in rows] == [
        (None, "not_observed", "blank"),
        (0, "observed", None),
        (None, "not_observed", "negative"),
    ]


def test_one_span_with_two_numbers_keeps_the_first_and_a_week_to_come_is_provisional(read_doors: Any) -> None:
    """A correction must replace the row, not stand below it."""
    reading = read_doors(
        "manual_counts",
        form("Moa;26.10.2026;01.11.2026;9;telleuke;", "Moa;26.10.2026;01.11.2026;9;telleuke;",
             "Moa;26.10.2026;01.11.2026;8;telleuke;"),
        OPTIONS,
    )  # fmt: skip
    assert [(r["in_count"], r["is_provisional"]) for r in reading.rows] == [(9, True)]
    assert reading.reasons == ["duplicate_conflict"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"device": ["a"], "start": ["b"], "count": ["c"], "method": ["d"]}}, "`start` and `end`"),
        ({"columns": {"device": ["a"], "date": ["b"], "method": ["d"]}}, "`count`"),
        ({"method": "manual_day"}, "by a column or by the option"),
        ({"methods": {"manual_day": ["dag"], "sample_week": ["Dag"]}}, "two methods"),
    ],
)
def test_options_that_say_too_little_are_refused(read_doors: Any, change: dict[str, Any], message: str) -> None:
    """A form whose method nobody knows can't be used, however well it is filled in."""
    with pytest.raises(ConfigurationError, match=message):
        read_doors("manual_counts", HEADER, {**OPTIONS, **change})


FORM = form(
    "Moa;09.03.2026;15.03.2026;1 180;telleuke;Kari", "Moa;25.10.2026;25.10.2026;80;dag;", "Ørsta;14.03.2026 10:00;"
    "14.03.2026 24:00;7;manual_day;", "Moa;14.03.2026;14.03.2026;31;head_count;", "Totalt;;;1267;;",
).encode()  # fmt: skip
PIECES = [
    b"", b";", b'"', b"\n", b"\x00", b"\xff", b"\xef\xbf\xbd", b"-1", b"x", b"9" * 30, b"24:00", b"29.03.2026 02:30",
    b"0001-01-01", b"31.12.2099", b"01.01.1990", b"12 p.m.", b"Z", b"+15:00", b"dag",
]  # fmt: skip


def test_mutated_forms_end_as_rows_or_rejects(read_doors: Any) -> None:
    """Whatever people do to a sheet, reading it never stops the source."""
    dice = random.Random(1180)
    for _ in range(300):
        body = FORM
        for _ in range(dice.randint(1, 4)):
            at = dice.randint(0, len(body))
            to = min(len(body), at + dice.randint(0, 30))
            body = dice.choice(
                [body[:at], body[:at] + body[to:], body[:to] + body[at:], body[:at] + dice.choice(PIECES) + body[to:]]
            )
        reading = read_doors("manual_counts", body, OPTIONS)
        assert reading == read_doors("manual_counts", body, OPTIONS)
        assert reading.rows or reading.rejects, "nothing said at all"
        assert not {"parser_fault", "contract_broken"} & set(reading.reasons)
        for row in reading.rows:
            assert row["interval_start_at"] < row["interval_end_at"]
            assert row["kind"] in {"manual", "sample_week"}
            assert row["value_state"] != "observed" or row["in_count"] >= 0
        ids = [row["observation_id"] for row in reading.rows]
        assert len(ids) == len(set(ids))
