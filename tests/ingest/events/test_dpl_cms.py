"""DPL CMS: a list that forgets what is over, told by instance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from event_reading import utc
from feed_bench import NOW, Bench
from feed_reading import read_body

INSTANCE: dict[str, Any] = {
    "uuid": "i-1",
    "title": "Forfattaraften &amp; kaffi",
    "created_at": "2026-01-05T10:00:00+01:00",
    "updated_at": "2026-02-05T10:00:00+01:00",
    "url": "https://bibliotek.example.org/a/forfattaraften?utm_source=x",
    "state": "Active",
    "all_day": False,
    "date_time": {"start": "2026-03-05T18:00:00+01:00", "end": "2026-03-05T20:00:00+01:00"},
    "branches": ["Hovedbiblioteket"],
    "address": {
        "locationType": "physical",
        "location": "Salen",
        "street": "Storgata 1",
        "zip_code": 6000,
        "city": "By",
    },
    "categories": ["Foredrag"],
    "partners": ["Mållaget", "Folkeuniversitetet v/ Kari Nordmann"],
    "series": {"uuid": "s-1"},
    "ticket_categories": [{"uuid": "t", "title": "Voksen", "price": {"currency": "NOK", "value": 5000}}],
}


def instances(*changes: dict[str, Any]) -> bytes:
    return json.dumps([{**INSTANCE, **change} for change in changes]).encode()


def test_an_instance_is_one_row_exactly() -> None:
    """Series, slot, branch, partners and words from the fields that the system names."""
    found = read_body("dpl_cms", instances({}), zone="Europe/Oslo")
    assert found.rejects == []
    (row,) = found.rows
    assert {k: v for k, v in row.items() if k not in ("observation_id", "content_hash")} == {
        "series_id": "s-1",
        "slot": "i-1",
        "start_at": utc("2026-03-05T17:00"),
        "end_at": utc("2026-03-05T19:00"),
        "start_on": date(2026, 3, 5),
        "end_on": date(2026, 3, 5),
        "has_time": True,
        "zone": "Europe/Oslo",
        "title": "Forfattaraften & kaffi",
        "location": "Salen, Storgata 1, By",
        "categories": "Hovedbiblioteket | Foredrag",
        "partner_claims": "Mållaget | Folkeuniversitetet",
        "audience_claims": None,
        "is_organised_by_library": None,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": True,
        "is_override": False,
        "sequence": None,
        "modified_at": utc("2026-02-05T09:00"),
        "url": "https://bibliotek.example.org/a/forfattaraften",
        "quality_flags": "contact_removed",
        "pointer": "$[0]",
    }
    assert found.parquet == read_body("dpl_cms", instances({}), zone="Europe/Oslo").parquet


def test_states_days_and_instances_without_a_series() -> None:
    """Cancelled is a state; a day of 23 hours is one day; an instance alone is its own series."""
    day = {"start": "2026-03-29T00:00:00+01:00", "end": "2026-03-29T23:59:00+02:00"}
    festival = {"start": "2026-03-27T00:00:00+01:00", "end": "2026-03-30T00:00:00+02:00"}
    found = read_body(
        "dpl_cms",
        instances(
            {"uuid": "a", "state": "Cancelled"},
            {"uuid": "b", "state": "Renamed"},
            {"uuid": "c", "series": None, "all_day": True, "date_time": day},
            {"uuid": "d", "series": None, "all_day": True, "date_time": festival},
        ),
        zone="Europe/Oslo",
    )
    cancelled, renamed, whole, several = found.rows
    assert (cancelled["status"], renamed["status"]) == ("cancelled", "scheduled")
    assert "unknown_status" in renamed["quality_flags"]
    assert (whole["series_id"], whole["slot"], whole["has_time"]) == ("c", "", False)
    assert (whole["start_at"], whole["end_at"]) == (utc("2026-03-28T23:00"), utc("2026-03-29T22:00"))
    assert (several["start_on"], several["end_on"]) == (date(2026, 3, 27), date(2026, 3, 29))


def test_a_bad_instance_costs_only_itself() -> None:
    """Neighbours load, and each reject says where it stands."""
    body = json.dumps(
        [INSTANCE, "text", {**INSTANCE, "uuid": None}, {**INSTANCE, "uuid": "x", "date_time": {"start": "soon"}}]
    )
    found = read_body("dpl_cms", body.encode(), zone="Europe/Oslo")
    assert len(found.rows) == 1
    assert [(r.pointer, r.reason) for r in found.rejects] == [
        ("$[1]", "not_a_record"),
        ("$[2]", "no_id"),
        ("$[3]", "bad_start"),
    ]


def test_one_id_told_twice_is_kept_once() -> None:
    """The same twice is one; two tellings that differ can't both be right."""
    found = read_body("dpl_cms", instances({}, {}, {"title": "Noko anna"}), zone="Europe/Oslo")
    assert (found.column("title"), found.reasons) == (["Forfattaraften & kaffi"], ["duplicate_id"])


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", "empty"), (b"<html>Log in</html>", "not_json"), (b'{"message":"x"}', "wrong_shape")]
)
def test_what_is_no_list_is_not_an_empty_programme(body: bytes, reason: str) -> None:
    """A log-in page must not look as if everything had been withdrawn."""
    assert [(r.scope, r.reason) for r in read_body("dpl_cms", body, zone="Europe/Oslo").rejects] == [("blob", reason)]


OPTIONS = {"url": "{url}/dpl", "zone": "Europe/Oslo", "user_env": "FEED_USER", "password_env": "FEED_PASSWORD"}


def test_a_poll_says_which_days_it_speaks_for(bench: Callable[..., Bench]) -> None:
    """From today on: what is over is not in the list, and its absence says nothing."""
    site = bench("dpl_cms", **OPTIONS)
    assert site.poll().failures == []
    (receipt,) = site.receipts
    assert (receipt.is_complete, receipt.http_status) == (True, 200)
    assert receipt.window_start_at == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert receipt.window_end_at == datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert len(site.newest()) == 5
    starts = [row["start_at"] for key, row in sorted(site.newest().items()) if key[0] == "weekly"]
    assert starts == [utc("2026-03-21T17:00"), utc("2026-03-28T17:00"), utc("2026-04-04T16:00")]
    assert site.newest()["quiz", ""]["partner_claims"] == "Mållaget | Røde Kors"
    site.holds_no_person()
    site.holds_no_secret()


def test_an_event_that_the_list_forgot_is_still_in_the_lake(bench: Callable[..., Bench]) -> None:
    """Six hours after its end it is unpublished; a reader that follows the list would erase the year."""
    site = bench("dpl_cms", **OPTIONS)
    site.poll()
    site.poll(datetime(2026, 3, 7, 8, tzinfo=UTC))
    assert "quiz" not in site.home.body(site.receipts[-1]).decode()
    assert ("quiz", "") in site.newest()
    assert site.receipts[-1].window_start_at == datetime(2026, 3, 6, 23, tzinfo=UTC)


def test_an_unchanged_list_is_one_reading_a_day(bench: Callable[..., Bench]) -> None:
    """Polling each hour must not store the programme each hour."""
    site = bench("dpl_cms", **OPTIONS)
    for hours in range(3):
        site.poll(NOW + timedelta(hours=hours))
    assert len(site.receipts) == 3
    assert len(site.table("event_observations")) == 5


def test_moves_and_cancellations_keep_the_key(bench: Callable[..., Bench]) -> None:
    """The slot is the instance and not its time."""
    site = bench("dpl_cms", **OPTIONS)
    site.poll()
    site.feeds.move("w1", datetime(2026, 3, 22, 17, tzinfo=UTC))
    site.feeds.cancel("quiz")
    site.poll(NOW + timedelta(hours=1))
    assert site.newest()["weekly", "w1"]["start_at"] == utc("2026-03-22T17:00")
    assert site.newest()["quiz", ""]["status"] == "cancelled"
    assert len(site.newest()) == 5


def test_an_empty_list_and_a_page_prove_nothing(bench: Callable[..., Bench]) -> None:
    """A broken view answers `[]`: nothing may be withdrawn by it."""
    site = bench("dpl_cms", **OPTIONS)
    site.feeds.manners.bodies["/dpl/api/v1/events"] = b"[]"
    site.poll()
    site.feeds.manners.bodies["/dpl/api/v1/events"] = b"<html>Maintenance</html>"
    site.poll(NOW + timedelta(hours=1))
    assert [r.is_complete for r in site.receipts] == [None, False]


def test_a_refused_account_needs_a_person(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """The failed poll is a receipt; the message names what to check."""
    monkeypatch.setenv("FEED_PASSWORD", "another one")
    site = bench("dpl_cms", **OPTIONS)
    (failure,) = site.poll().failures
    assert (failure.reason, "secrets" in failure.next_action) == ("http_401", True)
    assert [r.status for r in site.receipts] == ["failed"]
