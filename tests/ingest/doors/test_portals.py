"""What holds for every counter behind a portal: whole windows, isolated days, early stops, kept secrets."""

from __future__ import annotations

import logging
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from ingest_bench import accidents
from portal_bench import DAY, LINES, MAKES, NOON, OSLO, PASSWORD, USER, Bench, crossings, make_bench, midnight, serving

from ingest.adapters import adapters
from ingest.doors._asking import HOPELESS, OUT_OF_REACH
from ingest.errors import ConfigurationError, PermanentFailure, TransientFailure
from sandbox.doors_portals import DoorPortals, Line


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    yield from serving(monkeypatch)


@pytest.fixture(params=sorted(MAKES))
def bench(request: pytest.FixtureRequest, portals: DoorPortals, tmp_path: Path) -> Bench:
    return make_bench(request.param, portals, tmp_path)


def days_back(count: int, last: date = DAY) -> list[date]:
    return [last - timedelta(days=n) for n in range(count)]


def told_days(bench: Bench) -> set[date]:
    """The local days that were told; an hour that a neighbour's answer brings along makes none."""
    days = Counter(row["interval_start_at"].replace(tzinfo=UTC).astimezone(OSLO).date() for row in bench.rows())
    return {day for day, rows in days.items() if rows > len(LINES)}


@pytest.mark.parametrize(
    ("change_on", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)], ids=["spring", "autumn"]
)
def test_days_around_a_clock_change_are_told_to_the_interval(bench: Bench, change_on: date, hours: int) -> None:
    """No hour doubled, none lost, none of nought: stamps are local, and the days have 23 and 25 hours."""
    days = days_back(3, change_on + timedelta(days=1))
    bench.options["days"] = 4
    outcome = bench.poll(midnight(change_on + timedelta(days=2)) + timedelta(hours=7))
    assert outcome.failures == []
    assert bench.rows("rejects") == []
    truth = bench.truth(*days)
    after = midnight(change_on + timedelta(days=2)).replace(tzinfo=None)
    told = {key: value for key, value in bench.current().items() if key[2] < after}
    assert told == truth
    assert len(bench.truth(change_on)) == hours * 60 // bench.make.minutes * len(LINES)


def test_asking_twice_changes_nothing_in_the_lake(bench: Bench) -> None:
    """Schedules overlap and people press buttons; equal answers are one telling."""
    bench.poll()
    before = bench.lake_bytes()
    asked = len(bench.portals.asked)
    assert bench.poll().failures == []
    assert bench.lake_bytes() == before
    assert len(before) > 4
    assert len(bench.portals.asked) == asked + bench.make.per_site, "only the running day is asked again"


def test_a_day_is_asked_again_when_its_answer_has_grown_old(bench: Bench) -> None:
    """Late corrections come for weeks; but every day at every poll would spend the vendor's limit."""
    bench.options["reread_hours"] = 20
    bench.poll()
    asked = len(bench.portals.asked)
    bench.poll(NOON + timedelta(hours=3))
    assert len(bench.portals.asked) == asked + bench.make.per_site
    bench.poll(NOON + timedelta(hours=21))
    assert len(bench.portals.asked) == asked + 5 * bench.make.per_site


def test_a_correction_of_a_past_day_is_seen(bench: Bench) -> None:
    """A peer resumes from the last date it saw, and never learns what was mended behind it."""
    bench.options["reread_hours"] = 0
    bench.poll()
    mended = midnight(DAY - timedelta(days=2)) + timedelta(hours=9)

    def late(line: Line, at: datetime) -> tuple[int, int]:
        return (500, 400) if at == mended else crossings(line, at)

    bench.portals.crossings = late
    bench.poll(NOON + timedelta(hours=1))
    told = bench.current()
    truth = bench.truth(*days_back(3, DAY - timedelta(days=1)))
    assert {key: told[key] for key in truth} == truth
    assert any((counts[0] or 0) >= 500 for counts in truth.values())


@pytest.mark.parametrize("fault", ["http_500", "garbage", "wrong_date", "error"])
def test_a_poison_day_costs_itself_and_is_asked_again(bench: Bench, fault: str) -> None:
    """A known poller waits for such a day until the source has forgotten it and all that followed."""
    poison = DAY - timedelta(days=2)
    bench.portals.manners.faults[(bench.make.name, poison)] = fault
    outcome = bench.poll()
    assert told_days(bench) == set(days_back(4)) - {poison}
    failed = [r for r in bench.receipts() if r.status == "failed" and r.window_start_at is not None]
    assert {r.window_start_at for r in failed} == {midnight(poison)}
    assert all(r.origin.endswith("2026-06-08") and r.is_complete is False and r.error for r in failed)
    (told,) = outcome.failures
    assert told.next_action.endswith(".")
    asked = len(bench.portals.asked)
    tries = 2 if fault == "http_500" else 1
    bench.poll()
    again = {day for _, day, _ in bench.portals.asked[asked:]}
    assert again == {DAY, poison}
    assert len(bench.portals.asked) == asked + bench.make.per_site * (1 + tries)
    bench.portals.manners.faults.clear()
    assert bench.poll().failures == []
    assert told_days(bench) == set(days_back(4))
    truth = bench.truth(*days_back(3, DAY - timedelta(days=1)))
    told_now = bench.current()
    assert {key: told_now[key] for key in truth} == truth


def test_the_running_day_is_provisional_and_nothing_is_told_of_its_rest(bench: Bench) -> None:
    """An hour that has not ended may still grow; one that has not begun is not empty."""
    bench.portals.manners.fills_days_to_come = True
    bench.poll()
    now = NOON.replace(tzinfo=None)
    rows = bench.rows()
    assert max(row["interval_start_at"] for row in rows) < now
    running = {row["is_provisional"] for row in rows if row["interval_end_at"] > now}
    assert running == {True}
    assert {row["is_provisional"] for row in rows if row["interval_end_at"] <= now} == {False}
    windows = {r.origin[-10:]: (r.window_start_at, r.window_end_at) for r in bench.receipts()}
    assert windows["2026-06-10"] == (midnight(DAY), NOON)
    assert windows["2026-06-09"] == (midnight(date(2026, 6, 9)), midnight(DAY))
    bench.poll(NOON + timedelta(days=1))
    told = bench.current()
    truth = bench.truth(DAY)
    assert {key: told[key] for key in truth} == truth


def test_a_limit_ends_the_poll_and_keeps_what_came(bench: Bench) -> None:
    """Asking on would prolong the block; and the newest days are those that were asked first."""
    bench.portals.manners.calls_left[bench.make.name] = 2 * bench.make.per_site
    outcome = bench.poll()
    (failure,) = outcome.failures
    assert isinstance(failure, TransientFailure)
    assert failure.reason == ("E107" if bench.make.name == "shoppertrak" else "http_429")
    assert failure.next_action
    assert told_days(bench) == set(days_back(2))
    del bench.portals.manners.calls_left[bench.make.name]
    assert bench.poll().failures == []
    assert told_days(bench) == set(days_back(4))


def test_a_wrong_password_is_told_and_not_tried_for_every_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeating a wrong password locks accounts. Some makers say it inside HTTP 200, others by a status."""
    bench.options["days"] = 30
    monkeypatch.setenv("PORTAL_PASSWORD", "another-password")
    (failure,) = bench.poll().failures
    assert isinstance(failure, PermanentFailure)
    assert "PORTAL_PASSWORD" in failure.next_action
    assert len(bench.receipts()) <= HOPELESS + 1
    assert bench.rows() == []


def test_a_variable_that_is_not_set_stops_before_anything_is_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty password is how a missing secret looks in most schedulers."""
    monkeypatch.setenv("PORTAL_PASSWORD", " ")
    (failure,) = bench.poll().failures
    assert isinstance(failure, ConfigurationError)
    assert "Set PORTAL_PASSWORD" in failure.next_action
    assert bench.portals.asked == []


def test_a_vendor_out_of_reach_is_left_until_the_next_poll(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty days of time-outs would hold up every other source for the morning."""
    bench.options["days"] = 30
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PORTAL_URL", f"http://127.0.0.1:{port}")
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert failure.reason == "unreachable"
    assert len(bench.receipts()) <= OUT_OF_REACH + 1


@pytest.mark.parametrize("url", ["http://example.org", "https://user:pw@example.org", "https://example.org/?key=1"])
def test_plain_http_and_secrets_in_an_address_are_refused(bench: Bench, url: str) -> None:
    """The question carries the password; and an address stands in receipts and logs."""
    bench.options["url"] = url
    (failure,) = bench.poll().failures
    assert isinstance(failure, PermanentFailure)
    assert failure.reason in {"address_refused", "configuration"}
    assert "pw" not in str(failure)
    assert bench.portals.asked == []


def test_no_secret_is_ever_written_or_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions carry it, error pages quote it, and receipts are read by many."""
    caplog.set_level(logging.DEBUG)
    faults = bench.portals.manners.faults
    failures = [str(f) for f in bench.poll().failures]
    for fault in ("http_500", "garbage", "error"):
        faults[(bench.make.name, DAY)] = fault
        failures += [str(f) for f in bench.poll().failures]
    faults.clear()
    wrong = "another<secret>& no"
    monkeypatch.setenv("PORTAL_PASSWORD", wrong)
    bench.options["days"] = 10
    failures += [str(f) for f in bench.poll(NOON + timedelta(days=2)).failures]
    assert len(failures) >= 4
    written = bench.everything_written() + (caplog.text + "".join(failures)).encode()
    for plain in (PASSWORD, wrong):
        for spelt in (plain, quote(plain), quote(plain, safe=""), quote_plus(plain), plain.replace("<", "&lt;")):
            assert spelt.encode() not in written
    assert b"token-of-" not in written
    assert USER.encode() not in written.replace(b"Wrong user name or password: counter.reader", b"")


def test_polls_and_drops_share_one_reading(bench: Bench, read_doors: Any) -> None:
    """What a portal exports by hand is read by the same code; without a question nothing is of the wrong day."""
    bench.poll()
    adapter = bench.make.name
    options = bench.configuration.sources[0].options
    receipt = next(r for r in bench.receipts() if r.origin.endswith("2026-06-09"))
    reading = read_doors(adapter, bench.home.body(receipt), options)
    assert reading.rejects == []
    assert {r["pointer"] for r in reading.rows} == {
        r["pointer"] for r in bench.rows() if r["blob_sha256"] == receipt.blob_sha256
    }


XML_HEAD = b'<?xml version="1.0" encoding="utf-8"?>'
BODIES = {
    "kundetelling": XML_HEAD + b"<string>Id;Date;VisitCount\n12;01.05.2017 00:00;0\n12;01.05.2017 01:00;4\n"
    b"13;29.10.2017 02:00;7\n13;29.10.2017 02:00;8\n14;26.03.2017 02:00;-1\n</string>",
    "vemcount": b'{"data":[{"shop_id":"1","custom_shop_id":"9001","is_entrance":"1","ip":"10.0.0.5",'
    b'"created_at":"2017-05-04 10:15:00","created_at_unix":"1493885700","sensor_name":"Door","sensor_id":"77",'
    b'"count_in":"12","count_out":"9"},{"custom_shop_id":"9001","created_at":"2017-10-29 02:15:00",'
    b'"sensor_id":"78","count_in":"1 012","count_out":null}]}',
    "shoppertrak": b'<sites><site siteID="HB - plan 2"><date dateValue="20260314"><entrance entranceName=" EP02 ">'
    b'<traffic code="01" exits="7" enters="9" startTime="101500"/><traffic code="02" exits="0" enters="0" '
    b'startTime="103000"/><traffic code="02" exits="3" enters="4" startTime="104500"/></entrance>'
    b"</date></site></sites>",
    "vea": b'{"results":[{"recordDate_hour_1":"2019-03-01T17:00:00.000Z","zoneId":"a-1","name":"Main Entrance",'
    b'"sumins":41,"sumouts":38},{"recordDate_hour_1":"2019-03-01T18:00:00.000Z","zoneId":"a-1","sumins":"0",'
    b'"sumouts":2.0}]}',
    "trafsys": b'[{"SiteCode":"02","Location":"Front Entrance","PeriodEnding":"2026-01-02T15:00:00","Ins":12,'
    b'"Outs":9},{"SiteCode":"02","Location":"Front Entrance","PeriodEnding":"2026-01-03T00:00:00","Ins":1,"Outs":0},'
    b'{"SiteCode":"","Location":"x","PeriodEnding":"2026-10-25T03:00:00","Ins":-1,"Outs":null}]',
}
PIECES = [
    b"", b'"', b"<", b">", b"&a;", b"\x00", b"\xff", b"\xc3", b"\xef\xbf\xbd", b"\xc2\xa0", b"-1", b"x", b"1e5", b"NaN",
    b"99999999999999999999", b"null", b"true", b"{}", b"[]", b"[[", b"{", b"0.5", b"\\ud800", b"24", b"2026-03-29",
    b"9999-12-31", b"0001-01-01", b"T24:00:00", b"+02:00", b";", b"\n", b"E107", b"EP", b"\xd9\xa1", b"Infinity",
    b'"error":{"code":"E108"}', b"recordDate_", b"<error>E000</error>",
]  # fmt: skip


def mutate(body: bytes, dice: random.Random) -> bytes:
    return accidents(body, dice, PIECES, longest=30)


def values_changed(body: bytes, dice: random.Random) -> bytes:
    """The same document with foreign values where values stand: what a faulty portal writes."""
    signs = b'":,;=\n'
    places = [n for n in range(1, len(body)) if body[n - 1] in signs and body[n] not in signs and n > 45]
    at = dice.choice(places)
    to = next((n for n in range(at, len(body)) if body[n] in b'",;}]\n'), at)
    return body[:at] + dice.choice(PIECES) + body[to:]


@pytest.mark.parametrize("damage", [mutate, values_changed])
@pytest.mark.parametrize("make", sorted(BODIES))
def test_damaged_answers_end_as_rows_or_rejects(
    read_doors: Any, make: str, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    """Whatever a portal sends at night, in the morning it says what is wrong and what to do; nothing raises."""
    dice = random.Random(f"{make}{damage.__name__}")
    options = {"zone": "Europe/Oslo", "user_env": "A", "password_env": "B", **MAKES[make].options}
    options = {k: v for k, v in options.items() if k in adapters()[make].options.model_fields and k != "auth_url"}
    told = 0
    for _ in range(300):
        reading = read_doors(make, body := damage(BODIES[make], dice), options)
        assert reading.rows or reading.rejects, body
        told += bool(reading.rows)
        for reject in reading.rejects:
            assert reject["reason"] not in {"parser_fault", "contract_broken"}, body
            assert reject["pointer"]
            assert reject["next_action"].endswith("."), reject
        for row in reading.rows:
            assert row["interval_start_at"] < row["interval_end_at"]
            assert row["device_key"]
            assert row["line_key"]
            people = [row[n] for n in ("in_count", "out_count") if row[n] is not None]
            assert all(n >= 0 for n in people)
            assert (row["value_state"] == "not_observed") == (not people)
            assert row["value_state"] == "observed" or row["reason_code"]
        ids = [row["observation_id"] for row in reading.rows]
        assert len(ids) == len(set(ids)), "one interval told twice"
    assert told > 10


@pytest.mark.parametrize("make", sorted(BODIES))
def test_the_undamaged_answer_is_read(read_doors: Any, make: str) -> None:
    """The ground that the damage above is done to."""
    options = {"zone": "Europe/Oslo", **{k: v for k, v in MAKES[make].options.items() if k != "auth_url"}}
    reading = read_doors(make, BODIES[make], options)
    assert len(reading.rows) >= 2
    assert set(reading.reasons) <= {"missing_device", "dst_padding"}
