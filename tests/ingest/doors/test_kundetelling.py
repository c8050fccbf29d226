"""Kundetelling: a CSV inside an XML text, with people coming in and nobody known to leave."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

OPTIONS = {"zone": "Europe/Oslo", "user_env": "A", "password_env": "B"}


def answer(*rows: str, header: str = "Id;Date;VisitCount") -> str:
    return '<?xml version="1.0" encoding="utf-8"?><string xmlns="http://x/">' + "\n".join((header, *rows)) + "</string>"


def test_a_count_that_the_vendor_does_not_have_is_null(read_doors: Any) -> None:
    """Nought people leaving would halve a mean of in and out."""
    (row,) = read_doors("kundetelling", answer("12;01.05.2017 01:00;4"), OPTIONS).rows
    assert (row["in_count"], row["out_count"], row["value_state"], row["reason_code"]) == (4, None, "observed", None)
    assert (row["device_key"], row["line_key"]) == ("12", "total")
    assert (row["interval_start_at"], row["interval_end_at"]) == (datetime(2017, 4, 30, 23), datetime(2017, 5, 1))


def test_end_stamps_are_shifted_where_the_options_say_so(read_doors: Any) -> None:
    """The vendor does not say which it is: a library finds out by its opening hours."""
    (row,) = read_doors("kundetelling", answer("12;01.05.2017 00:00;4"), {**OPTIONS, "stamp": "end"}).rows
    assert row["interval_end_at"] == datetime(2017, 4, 30, 22)


def test_the_repeated_hour_is_told_apart_by_order_for_each_counter(read_doors: Any) -> None:
    """The stamps have no offset; counters stand one after the other in the table."""
    rows = [f"{device};29.10.2017 0{hour}:00;{n}" for device in (1, 2) for n, hour in enumerate((1, 2, 2, 3))]
    reading = read_doors("kundetelling", answer(*rows), OPTIONS)
    assert reading.rejects == []
    for device in ("1", "2"):
        told = [(r["interval_start_at"].hour, r["in_count"]) for r in reading.rows if r["device_key"] == device]
        assert told == [(23, 0), (0, 1), (1, 2), (2, 3)]


def test_the_hour_that_never_was_is_padding_or_a_question(read_doors: Any) -> None:
    """Filled with nought it means nothing; with people in it all labels may be shifted."""
    reading = read_doors("kundetelling", answer("1;26.03.2017 02:00;0", "2;26.03.2017 02:00;5"), OPTIONS)
    assert reading.reasons == ["dst_padding", "nonexistent_local_time"]
    assert reading.rows == []


def test_columns_are_found_by_name(read_doors: Any) -> None:
    """A column more must not put dates into counts."""
    reading = read_doors("kundetelling", answer("x;4;01.05.2017 01:00;12", header="Shop;VisitCount;Date;Id"), OPTIONS)
    assert [(r["device_key"], r["in_count"]) for r in reading.rows] == [("12", 4)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("12;01.05.2017 01:00", "not_a_record"),
        ("12;01.05.2017 01:10;4", "off_grid"),
        ("12;31.02.2017 01:00;4", "bad_time"),
        ("12;01.05.2017;4", "bad_time"),
        (";01.05.2017 01:00;4", "missing_device"),
        ("12;01.05.2017 01:00;many", "letters_in_count"),
        ("12;01.05.2017 01:00;3,5", "fraction_in_count"),
    ],
)
def test_one_bad_row_costs_itself(read_doors: Any, row: str, reason: str) -> None:
    """Its neighbours are good."""
    reading = read_doors("kundetelling", answer("12;01.05.2017 02:00;1", row), OPTIONS)
    assert [(r["reason"], r["pointer"], r["scope"]) for r in reading.rejects] == [(reason, "line 3", "record")]
    assert [r["in_count"] for r in reading.rows] == [1]


def test_blank_and_minus_one_are_not_nought(read_doors: Any) -> None:
    """Only a written 0 is nobody."""
    reading = read_doors(
        "kundetelling", answer("1;01.05.2017 01:00;", "2;01.05.2017 01:00;-1", "3;01.05.2017 01:00;0"), OPTIONS
    )
    assert [(r["in_count"], r["value_state"], r["reason_code"]) for r in reading.rows] == [
        (None, "not_observed", "blank"),
        (None, "not_observed", "negative"),
        (0, "observed", None),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "empty"),
        ("<string>Invalid user name or password</string>", "wrong_header"),
        ("<string/>", "wrong_header"),
        (answer(header="Id;Date;Count"), "wrong_header"),
        (answer(), "no_records"),
        ("<html><br></html>", "not_xml"),
        ('<!DOCTYPE s [<!ENTITY a "x">]><string>&a;</string>', "forbidden_xml"),
    ],
)
def test_an_answer_that_is_no_table_is_refused(read_doors: Any, body: str, reason: str) -> None:
    """A client took every status and every text as success; here a refusal in words is no empty day."""
    reading = read_doors("kundetelling", body, OPTIONS)
    assert [(r["reason"], r["scope"]) for r in reading.rejects] == [(reason, "blob")]
    assert reading.rows == []
