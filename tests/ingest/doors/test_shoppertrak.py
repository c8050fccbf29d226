"""ShopperTrak: health codes, errors that arrive as HTTP 200, dirty names, days that never answer."""

# ruff: noqa: DTZ001 - the lake's instants are UTC without a zone

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portal_bench import DAY, NOON, make_bench, midnight, serving
from pydantic import ValidationError

from ingest.doors.shoppertrak import ShopperTrakOptions
from ingest.errors import ConfigurationError, TransientFailure
from sandbox.doors_portals import DoorPortals

OPTIONS = {"zone": "Europe/Oslo", "user_env": "A", "password_env": "B", "sites": ["HB - plan 2"]}


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    yield from serving(monkeypatch)


def answer(*traffic: str, day: str = "20260314", entrance: str = " EP02 ") -> str:
    return (
        f'<sites><site siteID="HB - plan 2"><date dateValue="{day}"><entrance entranceName="{entrance}">'
        f"{''.join(traffic)}</entrance></date></site></sites>"
    )


def traffic(start: str = "101500", code: str = "01", enters: str = "9", exits: str = "7") -> str:
    return f'<traffic code="{code}" exits="{exits}" enters="{enters}" startTime="{start}"/>'


def test_a_healthy_quarter_is_observed(read_doors: Any) -> None:
    """The stamp is the local start."""
    (row,) = read_doors("shoppertrak", answer(traffic()), OPTIONS).rows
    expected = {
        "device_key": "hb - plan 2",
        "line_key": "2",
        "interval_start_at": datetime(2026, 3, 14, 9, 15),
        "interval_end_at": datetime(2026, 3, 14, 9, 30),
        "in_count": 9,
        "out_count": 7,
        "value_state": "observed",
        "vendor_status": "01",
        "stamp_convention": "start",
        "pointer": "/sites/site[1]/date[1]/entrance[1]/traffic[1]",
    }
    assert {k: row[k] for k in expected} == expected


@pytest.mark.parametrize(
    ("code", "enters", "exits", "state", "counts", "reason"),
    [
        ("01", "0", "0", "observed", (0, 0), None),
        ("01", "9", "", "observed", (9, None), "blank"),
        ("01", "", "", "not_observed", (None, None), "blank"),
        ("01", "-1", "-1", "not_observed", (None, None), "negative"),
        ("02", "4", "3", "vendor_imputed", (4, 3), "unhealthy"),
        ("02", "0", "0", "not_observed", (None, None), "unhealthy"),
        ("02", "", "", "not_observed", (None, None), "unhealthy"),
    ],
)
def test_what_the_vendor_made_up_is_no_observation(
    read_doors: Any, code: str, enters: str, exits: str, state: str, counts: Any, reason: str | None
) -> None:
    """An unhealthy nought is a dead sensor, and an unhealthy number an unknown estimate inside our totals."""
    reading = read_doors("shoppertrak", answer(traffic(code=code, enters=enters, exits=exits)), OPTIONS)
    (row,) = reading.rows
    assert reading.rejects == []
    assert (row["value_state"], (row["in_count"], row["out_count"]), row["reason_code"]) == (state, counts, reason)
    assert row["vendor_status"] == code


def test_an_unknown_code_is_unhealthy_and_told_once(read_doors: Any) -> None:
    """Two hundred warnings of one kind would hide the next."""
    body = answer(traffic("100000", "07"), traffic("101500", "07", "0", "0"), traffic("103000"))
    reading = read_doors("shoppertrak", body, OPTIONS)
    assert [r["value_state"] for r in reading.rows] == ["vendor_imputed", "not_observed", "observed"]
    assert reading.reasons == ["unknown_code"]


@pytest.mark.parametrize("name", ["EP 02", " EP02 ", "EP 2", "ep2", "2", " 02"])
def test_an_entrance_has_one_key_however_it_is_spelt(read_doors: Any, name: str) -> None:
    """The spelling changes by the hand that typed it; the door does not."""
    assert [r["line_key"] for r in read_doors("shoppertrak", answer(traffic(), entrance=name), OPTIONS).rows] == ["2"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (traffic(start=""), "bad_time"),
        (traffic(start="9:30"), "bad_time"),
        (traffic(start="240000"), "bad_time"),
        (traffic(start="101501"), "off_grid"),
        (traffic(enters="nine"), "letters_in_count"),
        (traffic(enters="1.5"), "fraction_in_count"),
    ],
)
def test_one_bad_attribute_costs_its_quarter(read_doors: Any, bad: str, reason: str) -> None:
    """In a known poller one blank attribute kills the day."""
    reading = read_doors("shoppertrak", answer(traffic("090000"), bad), OPTIONS)
    assert (reading.reasons, len(reading.rows)) == ([reason], 1)


def error(code: str) -> str:
    return f"<message><error>{code}</error><description>of a person</description></message>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        *[(error(code), code) for code in ("E000", "E101", "E104", "E107", "E108", "E110", "E999")],
        ('{"code":"E108"}', "E108"),
        ('{"code":"000"}', "E000"),
        ("{}", "no_data"),
        (error("please call"), "no_data"),
        ("<sites/>", "no_traffic"),
        (answer(), "no_traffic"),
        (answer(traffic()).replace("<site ", "<error>E107</error><site "), "E107"),
        ("<html/>", "no_data"),
        (answer(traffic())[:-9], "not_xml"),
        ("", "empty"),
        ('<!DOCTYPE s [<!ENTITY a "x">]><sites>&a;</sites>', "forbidden_xml"),
    ],
)
def test_an_error_inside_http_200_is_named_by_its_code(read_doors: Any, body: str, reason: str) -> None:
    """Whoever is on duty looks it up; the vendor's prose stays behind."""
    reading = read_doors("shoppertrak", body, OPTIONS)
    assert [(r["reason"], r["scope"]) for r in reading.rejects] == [(reason, "blob")]
    assert reading.rejects[0]["next_action"].endswith(".")
    assert reason[0] != "E" or reason in reading.rejects[0]["message"]
    assert "person" not in str(reading.rejects)


def test_a_site_that_is_described_wrongly_costs_itself_only(portals: DoorPortals, tmp_path: Path) -> None:
    """And is asked for once, not for every day."""
    bench = make_bench("shoppertrak", portals, tmp_path, sites=["no such", "moa"])
    (failure,) = bench.poll().failures
    assert isinstance(failure, ConfigurationError)
    assert failure.reason == "E101"
    assert "sites" in failure.next_action
    assert {row["device_key"] for row in bench.rows()} == {"moa"}
    assert [site for _, _, site in portals.asked].count("no such") == 1
    assert [site for _, _, site in portals.asked].count("moa") == 4


def test_a_busy_service_is_left_after_three_answers(portals: DoorPortals, tmp_path: Path) -> None:
    """Each costs one of the day's requests."""
    portals.manners.faults[("shoppertrak", None)] = "E108"
    bench = make_bench("shoppertrak", portals, tmp_path, days=30)
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert (failure.reason, failure.retry_after_seconds, len(portals.asked)) == ("busy", 300, 3)


def test_eight_poison_days_in_a_row_hold_up_nothing(portals: DoorPortals, tmp_path: Path) -> None:
    """It has happened: 21 to 28 May 2025. Days before and after are read at the same poll."""
    poison = {DAY - timedelta(days=n) for n in range(3, 11)}
    portals.manners.faults = {("shoppertrak", day): "E999" for day in poison}
    bench = make_bench("shoppertrak", portals, tmp_path, days=14, sites=["moa"])
    (failure,) = bench.poll().failures
    assert "8 of 14" in str(failure)
    told = {r.asked["day"] for r in bench.receipts() if r.status == "ok"}
    assert told == {(DAY - timedelta(days=n)).isoformat() for n in range(14)} - {d.isoformat() for d in poison}


def test_a_quarter_that_becomes_healthy_replaces_the_vendors_estimate(portals: DoorPortals, tmp_path: Path) -> None:
    """The estimate stays in the lake; the newest telling is the one that counts."""
    morning = midnight(date(2026, 6, 8)) + timedelta(hours=8)
    portals.manners.unhealthy = {morning}
    bench = make_bench("shoppertrak", portals, tmp_path, sites=["moa"], reread_hours=0)

    def states() -> list[str]:
        rows = [r for r in bench.rows() if r["interval_start_at"] == morning.replace(tzinfo=None)]
        return [r["value_state"] for r in sorted(rows, key=lambda r: r["receipt_id"])]

    bench.poll()
    assert states() in (["vendor_imputed"], ["not_observed"])
    portals.manners.unhealthy = set()
    bench.poll(NOON + timedelta(hours=1))
    assert states()[1:] == ["observed"]


def test_noughts_for_hours_to_come_become_observations_when_they_have_been(
    portals: DoorPortals, tmp_path: Path
) -> None:
    """A closed day has equal bytes in the morning and at night: only then is it known that nobody came."""
    portals.crossings = lambda _line, _at: (0, 0)
    portals.manners.fills_days_to_come = True
    bench = make_bench("shoppertrak", portals, tmp_path, days=1, sites=["moa"])
    bench.poll()
    assert len(bench.current()) == 49  # 00:00 to the quarter of 12:07
    bench.options["days"] = 2
    bench.poll(midnight(DAY + timedelta(days=1)) + timedelta(hours=1))
    told = bench.current()
    assert {key: told.get(key) for key in bench.truth(DAY) if key[0] == "moa"} == {
        key: (0, 0) for key in bench.truth(DAY) if key[0] == "moa"
    }


def test_more_days_than_the_source_remembers_are_refused() -> None:
    """Asking for them would spend the limit on nothing."""
    with pytest.raises(ValidationError):
        ShopperTrakOptions.model_validate({**OPTIONS, "days": 31})
