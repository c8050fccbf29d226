"""Polling six event systems on loopback: windows, pages, log-in, refusals, and what never reaches landing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from web_bench import CLIENT_ID, CLIENT_SECRET, NOW, OSLO, WebPolls, programme, source_of

from ingest.adapters import adapter_for
from ingest.errors import ConfigurationError, PermanentFailure, TransientFailure
from ingest.home import Home
from sandbox.event_portals import SECRET_WORD, EventPortals, Holding

NEAR: dict[str, Any] = {"days_back": 40, "days_ahead": 60}
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "tec_tribe": ("tec", NEAR),
    "tec_v1": ("tec", NEAR),
    "libcal": ("libcal", {**NEAR, "calendars": [11], "client_id_env": "LC_ID", "client_secret_env": "LC_SECRET"}),
    "friskus": ("friskus", {"municipalities": ["m-1"]}),
    "acos": ("acos", {}),
    "linked_events": ("linked_events", NEAR),
    "trumba": ("trumba", NEAR),
}
# Those that can be asked for a window, and so can be whole.
WINDOWED = [name for name in SYSTEMS if name not in ("friskus", "acos")]


@pytest.fixture
def portals(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventPortals]:
    with EventPortals(programme(), OSLO, now=NOW, user=CLIENT_ID, password=CLIENT_SECRET) as running:
        monkeypatch.setenv("EVENTS_URL", running.url)
        monkeypatch.setenv("LC_ID", CLIENT_ID)
        monkeypatch.setenv("LC_SECRET", CLIENT_SECRET)
        yield running


def polls_of(tmp_path: Path, adapter: str, **options: Any) -> WebPolls:
    system, own = SYSTEMS[adapter]
    told = {"url": f"${{EVENTS_URL}}/{system}", "allow_loopback": True, "pause_seconds": 0, **own, **options}
    return WebPolls(Home(tmp_path / "home"), source_of(adapter, **told))


@pytest.mark.parametrize("adapter", WINDOWED)
def test_a_poll_brings_every_holding_of_its_window_past_ones_included(
    portals: EventPortals, tmp_path: Path, adapter: str
) -> None:
    """Most of these systems leave out the past unless it is asked for, and then a year's figures are a fortnight's."""
    polls = polls_of(tmp_path, adapter)
    assert polls.poll().failures == []
    rows = polls.rows()
    told = {(row["start_at"].replace(tzinfo=UTC), row["end_at"].replace(tzinfo=UTC)) for row in rows}
    assert told == {(h.start_at, h.end_at) for h in portals.holdings}
    assert len(rows) == len(portals.holdings) == 60
    assert all(r.is_complete and r.window_start_at and r.window_end_at for r in polls.receipts("ok"))
    first = min(r.window_start_at for r in polls.receipts() if r.window_start_at)
    last = max(r.window_end_at for r in polls.receipts() if r.window_end_at)
    assert first <= NOW - timedelta(days=39)
    assert last >= NOW + timedelta(days=60)
    assert first.astimezone(OSLO).hour == last.astimezone(OSLO).hour == 0, "windows are whole local days"


@pytest.mark.parametrize("adapter", ["tec_tribe", "libcal", "trumba", "linked_events"])
def test_cancelled_holdings_are_told_as_cancelled(portals: EventPortals, tmp_path: Path, adapter: str) -> None:
    """A cancelled evening that counts as held is a wrong figure that nobody sees."""
    polls = polls_of(tmp_path, adapter)
    polls.poll()
    off = {row["start_at"].replace(tzinfo=UTC) for row in polls.rows() if row["status"] == "cancelled"}
    assert off == {h.start_at for h in portals.holdings if h.status == "cancelled"}
    assert len(off) == 4


@pytest.mark.parametrize("adapter", list(SYSTEMS))
def test_nothing_personal_reaches_landing(portals: EventPortals, tmp_path: Path, adapter: str) -> None:
    """Owners, presenters, photographers and meeting passwords stand beside the events in all of these systems."""
    polls = polls_of(tmp_path, adapter)
    polls.poll()
    assert polls.bodies()
    for body in polls.bodies():
        assert SECRET_WORD.encode() not in body
        assert b"@example.org" not in body
        assert CLIENT_SECRET.encode() not in body
    for receipt in polls.receipts():
        assert SECRET_WORD not in str(receipt)
        assert portals.url not in str(receipt), "the address as configured, not as the environment fills it"


@pytest.mark.parametrize("adapter", list(SYSTEMS))
def test_two_polls_of_an_unchanged_programme_are_one_reading(
    portals: EventPortals, tmp_path: Path, adapter: str
) -> None:
    """Windows move in steps of 30 days: else every night would tell the whole programme anew."""
    polls = polls_of(tmp_path, adapter)
    polls.poll()
    once = {(r.blob_sha256, r.window_start_at) for r in polls.receipts()}
    polls.poll(NOW + timedelta(hours=2))
    assert {(r.blob_sha256, r.window_start_at) for r in polls.receipts()} == once


@pytest.mark.parametrize("adapter", list(SYSTEMS))
@pytest.mark.parametrize(
    ("fault", "kind", "reasons"),
    [
        ("http_401", PermanentFailure, {"http_401"}),
        ("http_403", PermanentFailure, {"http_403"}),
        ("http_404", PermanentFailure, {"http_404"}),
        ("http_429", TransientFailure, {"http_429"}),
        ("http_500", TransientFailure, {"http_500"}),
        ("http_503", TransientFailure, {"http_503"}),
        ("html", PermanentFailure, {"not_json", "wrong_shape"}),
        ("error", PermanentFailure, {"vendor_error", "wrong_shape"}),
    ],
)
def test_every_refusal_has_its_kind_and_lands_no_calendar(
    portals: EventPortals, tmp_path: Path, adapter: str, fault: str, kind: type, reasons: set[str]
) -> None:
    """A refused poll that passes for an empty calendar withdraws the whole programme."""
    portals.manners.faults[SYSTEMS[adapter][0], None] = fault
    polls = polls_of(tmp_path, adapter)
    outcome = polls.poll()
    assert len(outcome.failures) == 1
    failure = outcome.failures[0]
    assert isinstance(failure, kind)
    assert failure.reason in reasons
    assert failure.next_action
    assert SECRET_WORD not in str(failure)
    assert polls.bodies() == []
    assert {r.status for r in polls.receipts()} == {"failed"}
    if fault == "http_429":
        assert len(portals.asked) == 1, "who says too many requests is asked no more"


@pytest.mark.parametrize(
    ("adapter", "options", "came"),
    [
        ("tec_tribe", {"asks_singles": False, "days_ahead": 200}, 50),
        ("friskus", {}, 15),
        ("linked_events", {"days_ahead": 200}, 99),  # the hundredth record is the series itself
    ],
)
def test_a_page_that_fails_leaves_what_came_as_an_incomplete_answer(
    portals: EventPortals, tmp_path: Path, adapter: str, options: dict[str, Any], came: int
) -> None:
    """What is missing because of a broken page must not look withdrawn; what came must not be lost."""
    portals.holdings = programme(150)
    portals.manners.faults[SYSTEMS[adapter][0], 2] = "http_500"
    polls = polls_of(tmp_path, adapter, **options)
    (failure,) = polls.poll().failures
    assert isinstance(failure, TransientFailure)
    (landed,) = polls.receipts("ok")
    assert landed.is_complete is False
    assert "http_500" in (landed.error or "")
    assert len(polls.receipts("failed")) == 1
    assert len(json.loads(polls.bodies()[0])["pages"]) == 1
    assert len(polls.rows()) == came


@pytest.mark.parametrize("adapter", ["tec_tribe", "tec_v1", "friskus", "linked_events"])
def test_a_total_that_was_not_reached_makes_the_answer_incomplete(
    portals: EventPortals, tmp_path: Path, adapter: str
) -> None:
    """Lists shift between pages while editors work; a record that fell between two pages was not withdrawn."""
    portals.manners.wrong_total[SYSTEMS[adapter][0]] = 3
    polls = polls_of(tmp_path, adapter)
    (failure,) = polls.poll().failures
    assert isinstance(failure, TransientFailure)
    assert failure.reason == "list_unsettled"
    assert [r.is_complete for r in polls.receipts("ok")] == [False]
    assert polls.rows()


@pytest.mark.parametrize("adapter", ["tec_tribe", "tec_v1", "friskus", "linked_events"])
def test_the_page_limit_is_told(portals: EventPortals, tmp_path: Path, adapter: str) -> None:
    """A limit that cuts in silence makes figures too low for ever."""
    portals.holdings = [replace(h, series=0) for h in programme(150)]
    options = {"max_pages": 1} if adapter == "friskus" else {"max_pages": 1, "days_ahead": 200}
    polls = polls_of(tmp_path, adapter, **options)
    (failure,) = polls.poll().failures
    assert failure.reason == "page_limit"
    assert "max_pages" in failure.next_action
    assert [r.is_complete for r in polls.receipts("ok")] == [False]


# -- The Events Calendar --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ["tec_tribe", "tec_v1"])
def test_an_event_whose_status_was_not_answered_is_not_called_scheduled(
    portals: EventPortals, tmp_path: Path, adapter: str
) -> None:
    """Else one broken answer would take back a cancellation that is known already."""
    off = next(h.number for h in portals.holdings if h.status == "cancelled")
    polls = polls_of(tmp_path, adapter)
    polls.poll()
    assert {r["status"] for r in polls.rows() if r["series_id"] == str(off)} == {"cancelled"}
    portals.manners.unanswered_singles.add(off)
    outcome = polls.poll(NOW + timedelta(hours=1))
    assert [type(f) for f in outcome.failures] == [TransientFailure]
    assert polls.receipts("ok")[-1].is_complete is False
    assert {r["status"] for r in polls.rows() if r["series_id"] == str(off)} == {"cancelled"}
    assert "status_unknown" in {r["reason"] for r in polls.rows("rejects")}


def test_one_single_that_fails_costs_itself_and_a_limit_ends_the_poll(portals: EventPortals, tmp_path: Path) -> None:
    """One broken page must not hide the month's cancellations; a site that says "too many" is left alone."""
    portals.manners.unanswered_singles.add(1000)
    polls = polls_of(tmp_path, "tec_tribe")
    polls.poll()
    assert {row["series_id"] for row in polls.rows()} == {str(h.number) for h in portals.holdings[1:]}
    portals.manners.unanswered_singles = {h.number for h in portals.holdings}
    portals.asked.clear()
    polls.poll(NOW + timedelta(hours=1))
    assert len(portals.asked) == 2 + 3, "two pages, and three singles that fail in a row"
    portals.manners.unanswered_singles.clear()
    portals.manners.calls_left["tec"] = 1
    portals.asked.clear()
    (failure,) = polls.poll(NOW + timedelta(hours=2)).failures
    assert failure.reason == "http_429"
    assert len(portals.asked) == 2


def test_more_singles_than_allowed_are_told(portals: EventPortals, tmp_path: Path) -> None:
    """The cap protects the site; whoever set it must hear that it bites."""
    polls = polls_of(tmp_path, "tec_tribe", max_singles=10)
    (failure,) = polls.poll().failures
    assert failure.reason == "singles_limit"
    assert len(polls.rows()) == 10
    assert Counter(r["reason"] for r in polls.rows("rejects")) == {"status_unknown": 50}


def test_both_dates_are_always_sent(portals: EventPortals, tmp_path: Path) -> None:
    """Without them The Events Calendar and Trumba answer with a window of their own."""
    for adapter, names in (("tec_tribe", ("start_date", "end_date")), ("trumba", ("startdate", "enddate"))):
        portals.asked.clear()
        polls_of(tmp_path / adapter, adapter).poll()
        first, last = (date.fromisoformat(portals.asked[0][2][name][0]) for name in names)
        assert first <= date(2026, 1, 21)
        assert last >= date(2026, 5, 1)


def test_trumba_answering_with_its_own_window_is_found_out(portals: EventPortals, tmp_path: Path) -> None:
    """A default window in place of ours looks like a programme that ends early."""
    portals.manners.ignores_dates = True
    portals.now = NOW - timedelta(days=3)
    polls = polls_of(tmp_path, "trumba", days_back=0, days_ahead=1)
    (failure,) = polls.poll(NOW + timedelta(days=30)).failures
    assert failure.reason == "window_ignored"
    assert [r.is_complete for r in polls.receipts("ok")] == [False]


# -- LibCal ---------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_by_its_variable(
    portals: EventPortals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever mends it must know which secret, and nobody else may read it."""
    monkeypatch.setenv("LC_SECRET", "not-the-secret")
    polls = polls_of(tmp_path, "libcal")
    (failure,) = polls.poll().failures
    assert isinstance(failure, PermanentFailure)
    assert "LC_SECRET" in failure.next_action
    assert "not-the-secret" not in str(failure) + str(polls.receipts())


def test_a_libcal_slice_that_is_cut_is_halved(portals: EventPortals, tmp_path: Path) -> None:
    """At 500 rows LibCal cuts without a word: the second half of a busy month would be missing."""
    noon = datetime(2026, 3, 1, 11, tzinfo=UTC)
    portals.holdings = [
        Holding(n, f"Stund {n}", at := noon + timedelta(hours=n % 600), at + timedelta(minutes=30)) for n in range(1300)
    ]
    polls = polls_of(tmp_path, "libcal")
    assert polls.poll().failures == []
    assert {row["series_id"] for row in polls.rows()} == {str(n) for n in range(1300)}
    assert all(r.is_complete for r in polls.receipts("ok"))
    counts = Counter((row["series_id"], row["receipt_id"]) for row in polls.rows())
    assert set(counts.values()) == {1}, "no event stands twice in one answer"


def test_a_day_of_500_events_is_told_as_cut(portals: EventPortals, tmp_path: Path) -> None:
    """There is nothing left to halve; what lies behind the cut can't be had, and must not pass for absent."""
    noon = datetime(2026, 3, 1, 11, tzinfo=UTC)
    portals.holdings = [Holding(n, "x", noon, noon + timedelta(minutes=30)) for n in range(501)]
    polls = polls_of(tmp_path, "libcal")
    (failure,) = polls.poll().failures
    assert failure.reason == "slice_cut"
    by_window = {r.window_start_at: r.is_complete for r in polls.receipts("ok")}
    assert sorted(by_window.values()) == [False, True, True, True]


def test_a_libcal_slice_that_fails_costs_only_itself(portals: EventPortals, tmp_path: Path) -> None:
    """One bad month must not block the others, and the days that are owed must be known."""
    polls = polls_of(tmp_path, "libcal")
    polls.poll()
    slices = [f["date"][0] for _, path, f in portals.asked if path == "1.1/events"]
    portals.manners.faults["libcal", slices[1]] = "http_500"
    outcome = polls.poll(NOW + timedelta(hours=1))
    assert [type(f) for f in outcome.failures] == [TransientFailure]
    later = [r for r in polls.receipts() if r.received_at > NOW]
    assert [r.status for r in later].count("ok") == len(slices) - 1
    assert [r.is_complete for r in later if r.status == "failed" and r.window_start_at] == [False]


def test_a_libcal_that_fails_all_the_time_is_left_alone(portals: EventPortals, tmp_path: Path) -> None:
    """Every slice costs its retries: 28 of them would keep the run for minutes."""
    portals.manners.faults["libcal", None] = "http_500"
    polls = polls_of(tmp_path, "libcal", days_back=400)
    assert len(polls.poll().failures) == 1
    assert len(portals.asked) == 3
    portals.manners.faults.clear()
    portals.manners.calls_left["libcal"] = 1
    portals.asked.clear()
    (failure,) = polls.poll(NOW + timedelta(hours=1)).failures
    assert (failure.reason, len(portals.asked)) == ("http_429", 2)


def test_attendance_comes_from_what_staff_counted_and_never_from_bookings(
    portals: EventPortals, tmp_path: Path
) -> None:
    """28 of 30 seats are booked for every event here; that says nothing about who came."""
    polls = polls_of(tmp_path, "libcal")
    polls.poll()
    told = {row["series_id"]: row["on_site_count"] for row in polls.rows("attendance_reports")}
    over = [h for h in portals.holdings if h.end_at <= NOW]
    assert told == {str(h.number): h.on_site for h in over if h.on_site}
    assert 28 in told.values()
    assert told["1028"] == 28
    assert str(1003) not in told, "0 and nothing look alike in LibCal's form"


def test_of_libcals_breakdown_only_numbers_under_named_keys_are_landed(portals: EventPortals, tmp_path: Path) -> None:
    """The site makes up what stands there: a comment may name people, and leaves nothing behind."""
    polls = polls_of(tmp_path, "libcal", children_keys=["Children"])
    assert polls.poll().failures == []
    told = {row["series_id"]: row["children_count"] for row in polls.rows("attendance_reports")}
    assert told == {str(h.number): (h.on_site // 2) or None for h in portals.holdings if h.end_at <= NOW and h.on_site}
    assert SECRET_WORD.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


# -- Friskus and ACOS: lists of what is to come ---------------------------------------------------------------------


def test_a_rolling_record_gives_a_new_occurrence_every_week(portals: EventPortals, tmp_path: Path) -> None:
    """Friskus keeps one id for a series and moves its start: taken for a move, a year of Saturdays is one event."""
    polls = polls_of(tmp_path, "friskus")
    for week in range(4):
        portals.now = NOW + timedelta(weeks=week)
        assert polls.poll(portals.now).failures == []
    saturdays = [row for row in polls.rows() if row["title"] == "Lørdagsstund & lek"]
    slots = {row["slot"] for row in saturdays}
    assert slots == {f"2026-03-{day:02d}T17:00:00Z" for day in (7, 14, 21, 28)}
    assert len({row["series_id"] for row in saturdays}) == 1
    assert {row["end_at"] - row["start_at"] for row in saturdays} == {timedelta(hours=2)}


@pytest.mark.parametrize("options", [{}, {"form": "webpart", "page": "/Kalender/"}])
def test_acos_tells_its_next_events_in_both_forms(
    portals: EventPortals, tmp_path: Path, options: dict[str, Any]
) -> None:
    """The list is a window over what is next; what is pushed out returns, and is the same event then."""
    polls = polls_of(tmp_path, "acos", **options)
    assert polls.poll().failures == []
    rows = polls.rows()
    coming = [h for h in portals.holdings if h.end_at > NOW][:6]
    assert [r["start_at"].replace(tzinfo=UTC) for r in rows] == [h.start_at for h in coming]
    assert [r["status"] for r in rows] == [h.status for h in coming]
    before = {r["start_at"]: r["observation_id"] for r in rows}
    portals.holdings.append(Holding(5000, "Hastemøte", NOW + timedelta(hours=3), NOW + timedelta(hours=4)))
    portals.holdings.sort(key=lambda h: h.start_at)
    polls.poll(NOW + timedelta(hours=1))
    after = {
        r["start_at"]: r["observation_id"] for r in polls.rows() if r["receipt_id"] == polls.receipts()[-1].receipt_id
    }
    assert len(after) == 6
    assert len(after.keys() & before.keys()) == 5
    assert all(after[start] == before[start] for start in after.keys() & before.keys())


@pytest.mark.parametrize("adapter", ["friskus", "acos"])
def test_lists_of_what_is_to_come_are_never_complete(portals: EventPortals, tmp_path: Path, adapter: str) -> None:
    """They forget the past and show a few: absence from them means nothing."""
    polls = polls_of(tmp_path, adapter)
    polls.poll()
    (receipt,) = polls.receipts()
    assert receipt.is_complete is False
    assert receipt.window_start_at == datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    assert receipt.window_end_at is None


def test_a_friskus_answer_in_another_form_fails_loudly(portals: EventPortals, tmp_path: Path) -> None:
    """The service is unofficial; the day it changes must be a failure and not an empty list."""
    portals.manners.faults["friskus", None] = "error"
    (failure,) = polls_of(tmp_path, "friskus").poll().failures
    assert isinstance(failure, PermanentFailure)


# -- LinkedEvents ---------------------------------------------------------------------------------------------------


def test_courses_and_deleted_events_are_told_and_series_are_not(portals: EventPortals, tmp_path: Path) -> None:
    """Courses are hidden by default, deleted events too, and a series counted beside its dates is one too many."""
    at = datetime(2026, 3, 20, 15, tzinfo=UTC)
    portals.holdings += [
        Holding(2001, "Kurssi", at, at + timedelta(hours=1), kind="Course"),
        Holding(2002, "Poistettu", at, at + timedelta(hours=1), status="deleted"),
        Holding(2003, "Siirretty", at, at + timedelta(hours=1), status="postponed"),
    ]
    polls = polls_of(tmp_path, "linked_events")
    assert polls.poll().failures == []
    rows = {row["slot"] or row["series_id"]: row for row in polls.rows()}
    assert rows["fjord:2001"]["status"] == "scheduled"
    assert rows["fjord:2002"]["status"] == "cancelled"
    assert "fjord:900" not in rows
    assert {row["series_id"] for row in rows.values() if row["slot"]} == {"fjord:900"}
    assert [r["reason"] for r in polls.rows("rejects")] == ["postponed_without_date"]


# -- configuration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("adapter", "options", "said"),
    [
        ("tec_tribe", {"url": "https://a:b@x.example"}, "no user"),
        ("tec_tribe", {"url": "https://x.example", "zone": "Oslo"}, "IANA"),
        ("tec_v1", {"url": "https://x.example", "max_singles": 0}, "max_singles"),
        ("libcal", {"url": "https://x.libcal.com", "client_secret_env": "hunter two"}, "client_secret_env"),
        ("acos", {"url": "https://x.example", "form": "new"}, "form"),
        ("linked_events", {"url": "https://x.example", "filters": {"text": "a"}}, "filters"),
        ("trumba", {"url": "https://x.example/c.json?a=1"}, "query"),
        ("trumba", {"url": "https://x.example/c.json", "partner_patterns": ["(a)(b)"]}, "one group"),
        ("friskus", {"url": "https://x.example", "municipality": "x"}, "municipality"),
    ],
)
def test_wrong_options_are_told_with_their_name(adapter: str, options: dict[str, Any], said: str) -> None:
    """Whoever writes sources.yaml is told which line is wrong, before anything is asked."""
    with pytest.raises(ConfigurationError) as caught:
        adapter_for(source_of(adapter, **options))
    assert said in str(caught.value)
    assert "hunter two" not in str(caught.value)


@pytest.mark.parametrize(
    ("adapter", "options"),
    [
        ("libcal", {"calendars": []}),
        ("libcal", {"client_id_env": None}),
        ("libcal", {"client_id_env": "LC_UNSET"}),
        ("friskus", {"municipalities": []}),
    ],
)
def test_what_asking_needs_is_missed_before_asking(
    portals: EventPortals, tmp_path: Path, adapter: str, options: dict[str, Any]
) -> None:
    """A source that reads files only needs none of it; one that has an address does."""
    (failure,) = polls_of(tmp_path, adapter, **options).poll().failures
    assert isinstance(failure, ConfigurationError)
    assert failure.next_action
    assert portals.asked == []


@pytest.mark.parametrize("adapter", list(SYSTEMS))
def test_a_source_without_an_address_asks_nothing(tmp_path: Path, adapter: str) -> None:
    """Saved answers can be dropped as files; nothing may be asked then."""
    polls = polls_of(tmp_path, adapter, url=None)
    assert polls.poll().failures == []
    assert polls.receipts() == []
