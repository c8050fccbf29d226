"""Google Calendar: a token's life, exceptions of series, and fields that are never asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from event_reading import Reading, utc
from feed_bench import HOUR, NOW, Bench
from feed_reading import feed_source, read_body

from ingest.adapters import adapter_for
from ingest.errors import ConfigurationError
from sandbox.event_feeds import CALENDAR_ID, Holding

WINDOW: dict[str, Any] = {"zone": "Europe/Oslo", "expand_from": "2026-01-01", "expand_to": "2027-02-01"}
INSTANCE: dict[str, Any] = {
    "id": "abc_20260305T170000Z",
    "status": "confirmed",
    "summary": "Eventyrstund &amp; leik",
    "location": "Testby",
    "start": {"dateTime": "2026-03-06T18:00:00+01:00", "timeZone": "Europe/Oslo"},
    "end": {"dateTime": "2026-03-06T19:00:00+01:00", "timeZone": "Europe/Oslo"},
    "recurringEventId": "abc",
    "originalStartTime": {"dateTime": "2026-03-05T18:00:00+01:00", "timeZone": "Europe/Oslo"},
    "sequence": 2,
    "updated": "2026-02-01T09:00:00.123Z",
    "eventType": "default",
}


def read(*items: Any, **options: Any) -> Reading:
    return read_body("google_calendar", json.dumps({"items": items}).encode(), **WINDOW, **options)


def test_a_moved_instance_is_one_row_exactly() -> None:
    """The slot is where it was; the row is where it is."""
    found = read(INSTANCE)
    assert found.rejects == []
    (row,) = found.rows
    assert {k: v for k, v in row.items() if k not in ("observation_id", "content_hash")} == {
        "series_id": "abc",
        "slot": "2026-03-05T17:00:00Z",
        "start_at": utc("2026-03-06T17:00"),
        "end_at": utc("2026-03-06T18:00"),
        "start_on": date(2026, 3, 6),
        "end_on": date(2026, 3, 6),
        "has_time": True,
        "zone": "Europe/Oslo",
        "title": "Eventyrstund & leik",
        "location": "Testby",
        "categories": None,
        "partner_claims": None,
        "audience_claims": None,
        "is_organised_by_library": None,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": True,
        "is_override": True,
        "sequence": 2,
        "modified_at": utc("2026-02-01T09:00"),
        "url": None,
        "quality_flags": None,
        "pointer": "$.items[0]",
    }
    assert found.parquet == read(INSTANCE).parquet


def test_what_google_guarantees_of_cancelled_events_is_enough() -> None:
    """An instance says its slot and so its day; another event says its id, and becomes a tombstone."""
    instance = {k: INSTANCE[k] for k in ("id", "recurringEventId", "originalStartTime")} | {"status": "cancelled"}
    found = read(instance, {"id": "alone", "status": "cancelled"}, {"id": "x", "status": "cancelled", "recurrence": []})
    (row,) = found.rows
    assert (row["series_id"], row["slot"], row["status"]) == ("abc", "2026-03-05T17:00:00Z", "cancelled")
    assert (row["start_at"], row["title"]) == (utc("2026-03-05T17:00"), None)
    assert "tombstone" in row["quality_flags"]
    assert [(t["series_id"], t["slot"]) for t in found.tombstones] == [("alone", None), ("x", None)]


def test_whole_days_end_before_their_end() -> None:
    """Google's end date is the day after; 29 March has 23 hours."""
    days = {"start": {"date": "2026-03-28"}, "end": {"date": "2026-03-30"}}
    slot = {"originalStartTime": {"date": "2026-03-28"}}
    (row,) = read({**INSTANCE, **days, **slot}).rows
    assert (row["start_on"], row["end_on"], row["has_time"]) == (date(2026, 3, 28), date(2026, 3, 29), False)
    assert (row["start_at"], row["end_at"]) == (utc("2026-03-27T23:00"), utc("2026-03-29T22:00"))
    assert (row["slot"], row["is_override"]) == ("2026-03-28", False)


def test_a_series_itself_is_no_holding() -> None:
    """Its dates are records of their own."""
    found = read({**INSTANCE, "recurringEventId": None, "recurrence": ["RRULE:FREQ=WEEKLY"]})
    assert (found.rows, found.rejects) == ([], [])


@pytest.mark.parametrize(
    "change", [{"visibility": "private"}, {"eventType": "birthday"}, {"visibility": "confidential"}]
)
def test_private_entries_pass_without_words(change: dict[str, str]) -> None:
    """No programme, and the likeliest to name people."""
    found = read({**INSTANCE, **change, "summary": "Samtale med Kari"})
    assert (found.rows[0]["is_public"], found.rows[0]["title"], found.rows[0]["location"]) == (False, None, None)
    assert "Kari" not in found.text()


def test_bad_records_cost_only_themselves() -> None:
    """Each with its reason."""
    found = read("x", {**INSTANCE, "id": None}, {**INSTANCE, "start": {"dateTime": "x"}}, {"id": "n"}, INSTANCE)
    assert (len(found.rows), found.reasons) == (1, ["not_a_record", "no_id", "bad_start", "no_start"])


OPTIONS = {
    **WINDOW,
    "base_url": "{url}/google",
    "calendar_id": CALENDAR_ID,
    "api_key_env": "FEED_KEY",
    "partner_patterns": ["I samarbeid med (.+)"],
    "partner_separators": [" og "],
}


def asked(bench: Bench) -> list[dict[str, str]]:
    """The queries that the calendar was asked by."""
    return [query for path, query in bench.feeds.asked if "/events" in path]


def test_the_first_answer_is_the_whole_window(bench: Callable[..., Bench]) -> None:
    """Two pages, of which the last alone is complete and says for which days."""
    calendar = bench("google_calendar", **OPTIONS)
    assert calendar.poll().failures == []
    assert [(r.is_complete, r.asked["page"]) for r in calendar.receipts] == [(False, 1), (True, 2)]
    assert calendar.receipts[0].window_start_at is None
    assert calendar.receipts[-1].window_start_at == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert calendar.receipts[-1].window_end_at == datetime(2027, 1, 31, 23, tzinfo=UTC)
    assert len(calendar.newest()) == 5
    assert calendar.newest()["quiz", ""]["partner_claims"] == "Mållaget | Røde Kors"
    assert ("weekly", "2026-04-04T16:00:00Z") in calendar.newest()
    assert (calendar.newest()["dag", ""]["start_on"], calendar.newest()["dag", ""]["end_on"]) == (
        date(2026, 3, 29),
        date(2026, 3, 29),
    )
    query = asked(calendar)[0]
    assert query["timeMin"] == "2026-01-01T00:00:00+01:00"
    assert not any(word in query["fields"] for word in ("attendees", "creator", "organizer", "htmlLink", "hangoutLink"))
    calendar.holds_no_person()
    calendar.holds_no_secret()


def test_then_only_what_changed_is_asked_for_and_it_is_no_snapshot(bench: Callable[..., Bench]) -> None:
    """With the token from the last page, without a window, and never complete."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.poll()
    calendar.feeds.move("w1", datetime(2026, 3, 22, 17, tzinfo=UTC))
    calendar.feeds.cancel("w2")
    calendar.feeds.delete("w3")
    calendar.feeds.delete("dag")
    calendar.poll(NOW + HOUR)
    after = [r for r in calendar.receipts if r.received_at > NOW]
    assert {(r.is_complete, r.window_start_at) for r in after} == {(False, None)}
    assert all("timeMin" not in q for q in asked(calendar) if "syncToken" in q)
    assert asked(calendar)[2]["syncToken"] == "sync-5"
    newest = calendar.newest()
    assert newest["weekly", "2026-03-21T17:00:00Z"]["start_at"] == utc("2026-03-22T17:00")
    assert newest["weekly", "2026-03-21T17:00:00Z"]["is_override"]
    assert newest["weekly", "2026-03-28T17:00:00Z"]["status"] == "cancelled"
    assert newest["weekly", "2026-04-04T16:00:00Z"]["status"] == "cancelled"
    assert [t["series_id"] for t in calendar.table("event_tombstones")] == ["dag"]
    calendar.poll(NOW + 2 * HOUR)
    assert asked(calendar)[-1]["syncToken"] == "sync-9"


def test_an_expired_token_asks_for_everything_and_removes_nothing(bench: Callable[..., Bench]) -> None:
    """410 is the ordinary end of a token: one full answer follows in the same poll, without a failure."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.poll()
    calendar.feeds.expire_tokens()
    assert calendar.poll(NOW + HOUR).failures == []
    assert [r.status for r in calendar.receipts] == ["ok"] * 4
    assert calendar.receipts[-1].is_complete is True
    assert (len(calendar.newest()), calendar.table("event_tombstones")) == (5, [])
    calendar.poll(NOW + 2 * HOUR)
    assert asked(calendar)[-1]["syncToken"] == "sync-6"


def test_an_answer_that_was_cut_is_asked_for_again(bench: Callable[..., Bench]) -> None:
    """The token comes on the last page only: without it the next poll begins where this one began."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.feeds.manners.statuses["/google/calendars"] = [200, 500, 500]
    assert [f.reason for f in calendar.poll().failures] == ["http_500"]
    calendar.poll(NOW + HOUR)
    assert calendar.receipts[-1].is_complete is True
    for name in ("w1", "w2", "w3", "quiz"):
        calendar.feeds.cancel(name)
    calendar.feeds.manners.statuses["/google/calendars"] = [200, 500, 500]
    calendar.poll(NOW + 2 * HOUR)
    calendar.poll(NOW + 3 * HOUR)
    assert [q["syncToken"] for q in asked(calendar)[-2:]] == ["sync-5", "sync-5"]
    assert sum(row["status"] == "cancelled" for row in calendar.newest().values()) == 4


def test_another_window_is_another_question(bench: Callable[..., Bench]) -> None:
    """A token belongs to the window that it was given for."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.poll()
    calendar.poll(NOW + HOUR, expand_to="2028-02-01")
    assert "syncToken" not in asked(calendar)[-1]
    assert calendar.receipts[-1].is_complete is True


def test_series_can_be_asked_one_by_one(bench: Callable[..., Bench]) -> None:
    """singleEvents=false: the list, then the dates of each series, and the token last of all."""
    calendar = bench("google_calendar", single_events=False, **OPTIONS)
    assert calendar.poll().failures == []
    paths = [path.rpartition("/events")[2] for path, _ in calendar.feeds.asked]
    assert paths == ["", "/weekly/instances"]
    assert [r.is_complete for r in calendar.receipts] == [False, True]
    assert len(calendar.newest()) == 5
    calendar.feeds.cancel("w2")
    later = datetime(2026, 4, 11, 16, tzinfo=UTC)
    calendar.feeds.put(Holding("w4", "Språkkafé", later, later + HOUR, series_id="weekly"))
    calendar.feeds.manners.statuses["/google/calendars/program%40group.calendar.example/events/weekly"] = [500, 500]
    assert [f.reason for f in calendar.poll(NOW + HOUR).failures] == ["http_500"]
    calendar.poll(NOW + 2 * HOUR)
    tokens = [q.get("syncToken") for path, q in calendar.feeds.asked if path.endswith("/events")]
    assert tokens == [None, "sync-5", "sync-5"]
    assert calendar.newest()["weekly", "2026-03-28T17:00:00Z"]["status"] == "cancelled"
    assert calendar.newest()["weekly", "2026-04-11T16:00:00Z"]["status"] == "scheduled"


def test_people_are_not_landed_even_if_the_server_sends_them(bench: Callable[..., Bench]) -> None:
    """`fields` is a wish; what comes in spite of it, and the words of private entries, stop at the door."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.feeds.manners.ignores_fields = True
    at = datetime(2026, 3, 10, 10, tzinfo=UTC)
    calendar.feeds.put(Holding("p", "Medarbeidarsamtale Nordmann", at, at + HOUR, is_private=True))
    calendar.poll()
    assert calendar.newest()["p", ""]["is_public"] is False
    calendar.holds_no_person()


def test_an_oauth_client_gets_its_token_once_a_poll(bench: Callable[..., Bench]) -> None:
    """For calendars that are not public."""
    options = {k: v for k, v in OPTIONS.items() if k != "api_key_env"}
    names = {"client_id_env": "FEED_USER", "client_secret_env": "FEED_PASSWORD", "refresh_token_env": "FEED_KEY"}
    calendar = bench("google_calendar", token_url="{url}/google/token", **options, **names)
    assert calendar.poll().failures == []
    assert [path for path, _ in calendar.feeds.asked].count("/google/token") == 1
    assert len(calendar.newest()) == 5
    calendar.holds_no_secret()


@pytest.mark.parametrize(
    ("statuses", "reason", "kind"),
    [([403], "rate_limit", "TransientFailure"), ([404], "http_404", "PermanentFailure")],
)
def test_limits_pass_and_refusals_need_a_person(
    bench: Callable[..., Bench], statuses: list[int], reason: str, kind: str
) -> None:
    """Google tells both as 403; only the reason inside tells them apart."""
    calendar = bench("google_calendar", **OPTIONS)
    calendar.feeds.manners.statuses["/google/calendars"] = statuses
    (failure,) = calendar.poll().failures
    assert (failure.reason, type(failure).__name__) == (reason, kind)


@pytest.mark.parametrize(
    "options",
    [
        {"calendar_id": "x"},
        {
            "calendar_id": "x",
            "api_key_env": "A",
            "client_id_env": "B",
            "client_secret_env": "C",
            "refresh_token_env": "D",
        },
        {"client_id_env": "B"},
        {"expand_to": "2025-01-01"},
        {"api_key_env": "the key itself"},
    ],
)
def test_options_that_can_not_work_are_told_at_the_start(options: dict[str, Any]) -> None:
    """Half a client can't get a token."""
    with pytest.raises(ConfigurationError):
        adapter_for(feed_source("google_calendar", **{**WINDOW, **options}))
