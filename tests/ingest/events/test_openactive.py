"""OpenActive's RPDE: an order of changes, an end that is not an empty page, and items that go without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from event_reading import Reading, utc
from feed_bench import HOUR, NOW, Bench
from feed_reading import read_body

from sandbox.event_feeds import Holding

SESSION: dict[str, Any] = {
    "@type": "ScheduledSession",
    "startDate": "2026-03-05T18:00:00+01:00",
    "endDate": "2026-03-05T20:00:00+01:00",
    "superEvent": {
        "@type": "SessionSeries",
        "name": "Yoga i biblioteket",
        "location": {"@type": "Place", "name": "Testby"},
        "activity": [{"prefLabel": "Yoga"}],
        "url": "https://bib.example.org/yoga?x=1",
    },
}


def item(**changes: Any) -> dict[str, Any]:
    return {
        "state": "updated",
        "kind": "ScheduledSession",
        "id": "a1",
        "modified": 1772000000,
        "data": SESSION,
        **changes,
    }


def read(*items: Any, **options: Any) -> Reading:
    body = json.dumps({"next": "https://x.example/feed?after=1", "license": "CC-BY", "items": items}).encode()
    return read_body("openactive", body, zone="Europe/Oslo", **options)


def test_a_session_is_one_row_exactly() -> None:
    """Its dates are its own, its words its series'."""
    found = read(item())
    assert found.rejects == []
    (row,) = found.rows
    assert {k: v for k, v in row.items() if k not in ("observation_id", "content_hash")} == {
        "series_id": "ScheduledSession/a1",
        "slot": "",
        "start_at": utc("2026-03-05T17:00"),
        "end_at": utc("2026-03-05T19:00"),
        "start_on": date(2026, 3, 5),
        "end_on": date(2026, 3, 5),
        "has_time": True,
        "zone": "Europe/Oslo",
        "title": "Yoga i biblioteket",
        "location": "Testby",
        "categories": "Yoga",
        "partner_claims": None,
        "audience_claims": None,
        "is_organised_by_library": None,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": True,
        "is_override": False,
        "sequence": 1772000000,
        "modified_at": utc("2026-02-25T06:13:20"),
        "url": "https://bib.example.org/yoga",
        "quality_flags": None,
        "pointer": "$.items[0]",
    }
    assert found.parquet == read(item()).parquet


def test_a_deleted_item_is_a_tombstone() -> None:
    """It has no date any more, so it can be no row; it must not be nothing either."""
    found = read(item(state="deleted", data=None), item(id="b", state="deleted", modified=17))
    assert found.rows == []
    assert found.tombstones == [
        {
            "series_id": "ScheduledSession/a1",
            "slot": None,
            "removed_at": utc("2026-02-25T06:13:20"),
            "pointer": "$.items[0]",
        },
        # 17 is a change number and no time
        {"series_id": "ScheduledSession/b", "slot": None, "removed_at": None, "pointer": "$.items[1]"},
    ]


def test_of_an_item_told_twice_the_newest_holds() -> None:
    """Whatever their order on the page."""
    newer = item(modified=1772000001, data={**SESSION, "name": "Ny"})
    assert read(newer, item()).column("title") == ["Ny"]
    assert read(item(), newer).column("title") == ["Ny"]
    gone = read(item(state="deleted", modified=1772000002), newer)
    assert (gone.rows, len(gone.tombstones)) == ([], 1)


def test_series_and_bookable_slots_are_no_holdings() -> None:
    """They are there, are known, and count nothing."""
    found = read(item(kind="SessionSeries"), item(kind="FacilityUse.Slot"), item(data={"@type": "SessionSeries"}))
    assert (found.rows, found.tombstones, found.rejects) == ([], [], [])


def test_bad_items_cost_only_themselves() -> None:
    """Each with its reason and place."""
    found = read(
        *("text", item(state="unknown"), item(data=None), item(id=None), item(modified=None), item(modified=True)),
        *(item(data={**SESSION, "startDate": None}), item(id="ok")),
    )
    assert found.reasons == [
        "not_a_record",
        "bad_state",
        "no_data",
        "no_id",
        "bad_modified",
        "bad_modified",
        "no_start",
    ]
    assert found.column("series_id") == ["ScheduledSession/ok"]


def test_a_series_in_another_feed_leaves_the_title_open() -> None:
    """Told by its address only, it is no word to publish."""
    (row,) = read(item(data={**SESSION, "superEvent": "https://x.example/series/1"})).rows
    assert (row["title"], row["quality_flags"], row["is_recurring"]) == (None, "no_title", True)


OPTIONS = {"url": "{url}/openactive/sessions", "zone": "Europe/Oslo", "own_names": ["Testby bibliotek"]}


def pages(bench: Bench) -> list[tuple[str, bool | None]]:
    """What each receipt asked, and whether it is complete."""
    return [(r.asked["page"].rpartition("/")[2], r.is_complete) for r in bench.receipts]


def test_a_first_poll_reads_to_the_end_and_is_complete(bench: Callable[..., Bench]) -> None:
    """The end is the empty page that leads to itself, and only its receipt is complete."""
    feed = bench("openactive", **OPTIONS)
    feed.feeds.manners.empty_pages = 2
    assert feed.poll().failures == []
    assert [done for _, done in pages(feed)] == [False] * 4 + [False] * (len(feed.receipts) - 5) + [True]
    assert feed.receipts[-2].window_start_at is None
    assert feed.receipts[-1].window_start_at == datetime.fromisoformat("2026-03-01T00:00:00+01:00")
    assert len(feed.newest()) == 5
    quiz = feed.newest()["ScheduledSession/quiz", ""]
    assert (quiz["title"], quiz["partner_claims"]) == ("Quiz & kaffi", "Mållaget | Røde Kors")
    assert (quiz["start_at"], quiz["end_at"]) == (utc("2026-03-05T18:00"), utc("2026-03-05T20:00"))
    feed.holds_no_person()


def test_the_next_poll_goes_on_and_is_no_snapshot(bench: Callable[..., Bench]) -> None:
    """What changed since is not the whole feed: absence from it means nothing."""
    feed = bench("openactive", **OPTIONS)
    feed.poll()
    count = len(feed.receipts)
    feed.poll(NOW + HOUR)
    assert [r.is_complete for r in feed.receipts[count:]] == [False]
    assert feed.receipts[-1].asked == feed.receipts[count - 1].asked
    feed.feeds.now = NOW + 2 * HOUR
    feed.feeds.cancel("quiz")
    feed.feeds.move("w1", datetime.fromisoformat("2026-03-22T17:00:00+00:00"))
    feed.feeds.delete("dag")
    feed.poll(NOW + 3 * HOUR)
    newest = feed.newest()
    assert newest["ScheduledSession/quiz", ""]["status"] == "cancelled"
    assert newest["ScheduledSession/w1", ""]["start_at"] == utc("2026-03-22T17:00")
    assert [t["series_id"] for t in feed.table("event_tombstones")] == ["ScheduledSession/dag"]
    assert not any(r.is_complete for r in feed.receipts[count:])


def test_an_interrupted_poll_goes_on_where_it_was(bench: Callable[..., Bench]) -> None:
    """The cursor is the newest landed page: nothing is skipped, and what was landed is not lost."""
    feed = bench("openactive", **OPTIONS)
    feed.feeds.manners.page_size = 2
    feed.feeds.manners.statuses["/openactive"] = [200, 200, 503, 503]
    (failure,) = feed.poll().failures
    assert failure.reason == "http_503"
    assert len(feed.newest()) == 4
    feed.poll(NOW + HOUR)
    assert len(feed.newest()) == 5
    assert feed.receipts[3].asked == feed.receipts[1].asked
    # The second poll did not begin at the start: it proves nothing about what is missing.
    assert not any(r.is_complete for r in feed.receipts)


def test_after_a_week_away_the_feed_is_read_again(bench: Callable[..., Bench]) -> None:
    """Deleted items are forgotten after seven days: only a whole reading can tell what is missing."""
    feed = bench("openactive", **OPTIONS)
    feed.poll()
    feed.feeds.delete("dag")
    feed.poll(NOW + timedelta(days=8))
    assert feed.table("event_tombstones") == []
    assert feed.receipts[-1].is_complete is True
    last = [r for r in feed.receipts if r.received_at == feed.receipts[-1].received_at]
    assert not any(b"dag" in feed.home.body(r) for r in last)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"items": [], "next": "https://elsewhere.example/feed"}, "bad_next"),
        ({"items": []}, "bad_next"),
        ({"items": {}}, "wrong_shape"),
        ("<html>", "not_json"),
    ],
)
def test_pages_that_lead_astray_stop_the_poll(bench: Callable[..., Bench], document: Any, reason: str) -> None:
    """Another host must not get our questions, and a page that is none must not become the cursor."""
    feed = bench("openactive", **OPTIONS)
    body = document if isinstance(document, str) else json.dumps(document)
    feed.feeds.manners.bodies["/openactive/sessions"] = body.encode()
    assert [f.reason for f in feed.poll().failures] == [reason]
    assert [r.status for r in feed.receipts] == ["failed"]
    feed.feeds.manners.bodies.clear()
    feed.poll(NOW + HOUR)
    assert len(feed.newest()) == 5


def test_a_circle_of_pages_ends(bench: Callable[..., Bench]) -> None:
    """A publisher's cursor that does not move would ask for ever."""
    feed = bench("openactive", **OPTIONS)
    body = {"items": [item()], "next": f"{feed.feeds.url}/openactive/sessions"}
    feed.feeds.manners.bodies["/openactive/sessions"] = json.dumps(body).encode()
    assert [f.reason for f in feed.poll().failures] == ["paging_loop"]


def test_a_key_is_sent_and_stands_nowhere(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the address holds it, and the pages repeat it."""
    monkeypatch.setenv("FEED_URL", "x")
    feed = bench("openactive", **OPTIONS, headers_env={"X-Api-Key": "FEED_KEY"})
    monkeypatch.setenv("FEED_URL", f"{feed.feeds.url}/openactive/sessions")
    feed.options["url"] = "${FEED_URL}?key=${FEED_KEY}"
    assert feed.poll().failures == []
    assert feed.feeds.asked[0][1] == {"key": "key-of-the-feeds-1234"}
    feed.poll(NOW + HOUR)
    feed.holds_no_secret()
    assert feed.receipts[0].asked == {"page": "${FEED_URL}?key=${FEED_KEY}"}


def test_a_feed_of_many_is_read_in_its_order(bench: Callable[..., Bench]) -> None:
    """Forty items over fourteen pages: none twice, none missing."""
    feed = bench("openactive", **OPTIONS)
    start = datetime.fromisoformat("2026-05-01T10:00:00+00:00")
    for number in range(40):
        feed.feeds.now = NOW + timedelta(seconds=number // 3)
        feed.feeds.put(Holding(f"m{number}", "Mange", start + number * HOUR, start + (number + 1) * HOUR))
    feed.poll(NOW + HOUR)
    assert len(feed.newest()) == len(feed.table("event_observations")) == 45
