"""Polls over days: what is due, what is learnt from before, what limits do, and what an interruption costs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingest.catalogue import Arrival, Receipt
from ingest.errors import PermanentFailure, TransientFailure
from ingest.home import Home
from ingest.instagram.graph_schedule import ages
from sandbox.graph_account import AccountInsights
from sandbox.graph_api import GraphApi, Post
from sandbox.loopback import Response

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ACCOUNT_ID = "17841400000000001"
Make = Callable[..., Post]


def refusal(code: int, message: str = "", subcode: int | None = None, **headers: str) -> Response:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Abc1"}
    error |= {} if subcode is None else {"error_subcode": subcode}
    return Response(400, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps({"error": error}).encode())


def usage(percent: int, regain: int = 0) -> str:
    return json.dumps(
        {"555": [{"type": "instagram", "call_count": percent, "estimated_time_to_regain_access": regain}]}
    )


def asked_posts(bench: Any) -> list[str]:
    """The posts whose insights were asked for since the last look, by the last digits of their ids."""
    found = [p.split("/")[2][-4:].lstrip("0") for p, _q in bench.wire.calls if p.endswith("/insights")]
    bench.wire.calls.clear()
    return found


def story(make: Make, number: int, hours_old: float, **more: Any) -> Post:
    metrics = {"reach": 40, "views": 60, "shares": 0, "total_interactions": 2, "reposts": 0, "follows": 0}
    metrics |= {"profile_visits": 1, "link_clicks": 3, "navigation": 31, "replies": 0}
    parts = {"navigation": {"tap_forward": 22, "TAP_EXIT": 9}}
    return make(number, days_old=hours_old / 24, product_type="STORY", metrics=metrics, parts=parts, **more)


# --- batches and what they save


def test_the_posts_of_a_poll_travel_in_batches_of_fifty(bench: Any, api: GraphApi, make: Make) -> None:
    """Fifty questions are one round trip and one landed blob; each is still answered and counted for itself."""
    api.posts = [make(n, days_old=n) for n in range(1, 121)]
    assert not bench.poll().failures
    bench.read()
    assert len({subject for subject, _m in bench.statuses()}) == 120
    # account, two pages, one post ahead of the others, and the other 119 in three batches
    assert api.trip_count == 1 + 2 + 1 + 3
    assert len([r for r in bench.receipts() if r.blob_sha256]) == 1 + 2 + 1 + 3


@pytest.mark.parametrize(("options", "trips"), [({"batch_size": 1}, 5), ({"login": "instagram"}, 5), ({}, 4)])
def test_without_batches_the_lake_is_the_same(
    bench: Any, api: GraphApi, make: Make, options: dict[str, Any], trips: int
) -> None:
    """Nothing says that the other host takes batches; how questions travel must not show in what is read."""
    api.posts = [make(n, days_old=n) for n in range(1, 4)]
    bench.options |= options
    assert not bench.poll().failures
    bench.read()
    assert api.trip_count == trips
    assert len(bench.statuses()) == 30
    assert set(bench.statuses().values()) == {"measured"}


def test_with_instagram_login_questions_go_one_by_one_and_the_log_says_why(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Meta's pages tell of batches for the other host only; whoever wonders about fifty trips finds the reason."""
    caplog.set_level("INFO", "levende.ingest.instagram")
    api.takes_batches = False
    api.posts = [make(n, days_old=n) for n in range(1, 4)]
    bench.options["login"] = "instagram"
    assert not bench.poll().failures
    assert api.trip_count == api.call_count == 5
    assert sum("nothing says that graph.instagram.com takes batches" in r.getMessage() for r in caplog.records) == 1


@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_a_host_that_refuses_batches_is_asked_one_by_one_with_the_reason_told_once(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    """The refusal comes under the code of a deleted post: taken for one, every post would be buried in three days."""
    api.posts = [make(n, days_old=n) for n in range(1, 7)]
    api.takes_batches = False
    bench.options |= {"login": login, "batch_size": 3}
    assert not bench.poll().failures
    assert bench.read().rejects == 0
    assert set(bench.statuses().values()) == {"measured"}
    assert len({subject for subject, _m in bench.statuses()}) == 6
    # account, list, the post that goes ahead, one batch in vain, five alone
    assert api.trip_count == 1 + 1 + 1 + 1 + 5
    told = [r.getMessage() for r in caplog.records if "takes no batches" in r.getMessage()]
    assert len(told) == 1
    assert "code 100 (33)" in told[0]
    assert "batch_size: 1" in told[0]


@pytest.mark.parametrize("code", [1, 2])
def test_an_unknown_or_service_error_is_tried_again_with_jitter_until_it_answers(
    bench: Any, api: GraphApi, make: Make, code: int
) -> None:
    """Codes 1 and 2 pass; equal pauses would bring every installation back in the same second."""
    api.posts = [make(7, days_old=2)]
    busy = iter([refusal(code), refusal(code)])
    bench.wire.instead = lambda path, _q: next(busy, None) if path.endswith("/insights") else None
    assert not bench.poll().failures
    first, second = bench.pauses
    assert 2 < first < 4 < second < 8
    assert second != 2 * first
    bench.read()
    assert set(bench.statuses().values()) == {"measured"}


def test_a_question_that_a_batch_leaves_open_is_asked_again(bench: Any, api: GraphApi, make: Make) -> None:
    """Meta answers null for what a batch had no time for; read as an empty answer, posts would lose their numbers."""
    api.posts = [make(n, days_old=n) for n in range(1, 5)]
    serve, cut = api.serve, iter([True])

    def late(path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        response = serve(path, query, headers)
        if "batch" in query and next(cut, False):
            answers = json.loads(response.body)
            return replace(response, body=json.dumps([answers[0], None, None]).encode())
        return response

    api.serve = late  # type: ignore[method-assign]
    assert not bench.poll().failures
    bench.read()
    assert set(bench.statuses().values()) == {"measured"}
    assert len(bench.statuses()) == 40
    assert len(bench.pauses) == 1


@pytest.mark.parametrize(("status", "is_repeated"), [(503, True), (429, False)])
def test_a_batch_that_the_service_drops_is_sent_again_and_one_that_it_limits_is_not(
    bench: Any, api: GraphApi, make: Make, status: int, is_repeated: bool
) -> None:
    """Asking again changes nothing at Meta's; asking again after "too many" does."""
    api.posts = [make(n, days_old=n) for n in range(1, 5)]
    serve, drops = api.serve, iter([True])

    def dropped(path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        if "batch" in query and next(drops, False):
            return Response(status, {}, b"no")
        return serve(path, query, headers)

    api.serve = dropped  # type: ignore[method-assign]
    failures = bench.poll().failures
    bench.read()
    assert [f.reason for f in failures] == ([] if is_repeated else ["http_429"])
    assert len({subject for subject, _m in bench.statuses()}) == (4 if is_repeated else 1)
    assert len(bench.pauses) == is_repeated


def test_a_part_of_a_batch_that_failed_without_an_error_is_asked_again(bench: Any, api: GraphApi, make: Make) -> None:
    """A 500 with an empty body passes; told as a code that nobody knows, it would wait for a person."""
    api.posts = [make(n, days_old=n) for n in range(1, 5)]
    serve, cut = api.serve, iter([True])

    def empty(path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        response = serve(path, query, headers)
        if "batch" in query and next(cut, False):
            answers = json.loads(response.body)
            return replace(response, body=json.dumps([{"code": 500, "body": "{}"}, *answers[1:]]).encode())
        return response

    api.serve = empty  # type: ignore[method-assign]
    assert not bench.poll().failures
    bench.read()
    assert set(bench.statuses().values()) == {"measured"}
    assert len(bench.statuses()) == 40


# --- what is due


def test_ages_double_after_the_last_one_until_meta_forgets() -> None:
    """A post's numbers move less the older it is; asked daily for two years it would cost 730 calls instead of 8."""
    assert [age.days for age in ages((1, 7, 28), 730 * DAY)] == [1, 7, 28, 56, 112, 224, 448]
    assert [age.days for age in ages((0,), 9 * DAY)] == [0, 2, 4, 8]


def test_a_post_is_asked_about_at_its_ages_and_not_between(bench: Any, api: GraphApi, make: Make) -> None:
    """Polls on the days around them: day 1, 7, 28 and 56 after posting, each once."""
    api.posts = [make(7, days_old=-0.5)]
    asked_on = []
    for day in (*range(12), *range(26, 32), *range(55, 60)):
        assert not bench.poll(NOW + day * DAY).failures
        if "7" in asked_posts(bench):
            asked_on.append(day)
    assert asked_on == [2, 8, 29, 57]


def test_young_posts_can_be_asked_about_every_day(bench: Any, api: GraphApi, make: Make) -> None:
    """Whoever wants to see a post grow pays for it: daily while it is young, then at its ages."""
    api.posts = [make(7, days_old=0.1)]
    bench.options["insight_daily_until_days"] = 4
    asked_on = []
    for day in range(10):
        bench.poll(NOW + day * DAY)
        asked_on += [day] * ("7" in asked_posts(bench))
    assert asked_on == [0, 1, 2, 3, 7]


def test_a_poll_that_was_missed_is_made_up_for_by_the_next(bench: Any, api: GraphApi, make: Make) -> None:
    """The machine was off on the seventh day; the eighth will do."""
    api.posts = [make(7, days_old=2)]
    bench.poll()
    assert "7" in asked_posts(bench)
    bench.poll(NOW + 12 * DAY)
    assert "7" in asked_posts(bench)


def test_an_empty_answer_about_a_young_post_is_asked_for_again(bench: Any, api: GraphApi, make: Make) -> None:
    """Meta's numbers may come 48 hours late. Empty is missing, never 0, and not the last word."""
    api.posts = [make(7, days_old=1, silent_for=40 * timedelta(hours=1))]
    bench.poll()
    bench.read()
    assert set(bench.statuses().values()) == {"missing"}
    bench.wire.calls.clear()
    bench.poll(NOW + DAY)
    assert "7" in asked_posts(bench)
    bench.read()
    told = sorted(
        (m["observed_at"], m["value"]) for m in bench.rows("social_metric_observations") if m["metric"] == "reach"
    )
    assert [value for _at, value in told] == [None, 300]
    bench.poll(NOW + 2 * DAY)
    assert "7" not in asked_posts(bench)


def test_a_second_poll_of_the_day_asks_for_nothing_but_stories(bench: Any, api: GraphApi, make: Make) -> None:
    """Stories want a look every few hours; the account's daily questions do not."""
    api.posts = [make(7, days_old=2)]
    bench.options["stories"] = True
    bench.poll()
    bench.wire.calls.clear()
    bench.poll(NOW + timedelta(hours=4))
    assert [path.split("/")[-1] for path, _q in bench.wire.calls] == ["stories"]


def test_a_post_from_before_the_conversion_is_never_asked_about_again(bench: Any, api: GraphApi, make: Make) -> None:
    """It has no insights and never will; asked daily, hundreds of old posts would eat the allowance."""
    api.posts = [make(7, days_old=3, before_conversion=True)]
    bench.poll()
    assert "7" in asked_posts(bench)
    for days in (10, 30, 60, 200):
        bench.poll(NOW + days * DAY)
        assert "7" not in asked_posts(bench)


# --- metrics that Meta takes or refuses


def test_a_metric_that_is_taken_again_is_told_and_asked_for(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A verdict that flips in silence is a hole in a series that nobody explains."""
    api.posts = [make(7, days_old=2)]
    allowed = api.allowed
    api.allowed = {("FEED", "IMAGE"): allowed["FEED", "IMAGE"] - {"reposts"}}
    bench.poll()
    api.allowed = allowed
    bench.poll(NOW + 60 * DAY)
    assert sum("reposts for FEED/IMAGE again" in r.getMessage() for r in caplog.records) == 1
    assert bench.wire.asked_metrics()[-1].count("reposts") == 1


def test_another_version_is_not_bound_by_the_verdicts_of_the_last(bench: Any, api: GraphApi, make: Make) -> None:
    """What v25 refuses, v26 may take."""
    api.posts = [make(7, days_old=2)]
    allowed = api.allowed
    api.allowed = {("FEED", "IMAGE"): allowed["FEED", "IMAGE"] - {"reposts"}}
    bench.poll()
    api.allowed = allowed
    bench.options["api_version"] = "v26.0"
    bench.poll(NOW + 6 * DAY)
    assert "reposts" in bench.wire.asked_metrics()[-1]


# --- limits


def test_a_wait_of_eighteen_minutes_is_waited_and_the_question_asked_once_more(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """The header counts minutes; taken as seconds, the next try comes while Meta still counts."""
    api.posts = [make(7, days_old=2)]
    bench.options["max_wait_minutes"] = 30
    full = iter([refusal(80002, "too many calls", X_Business_Use_Case_Usage=usage(100, 18))])
    bench.wire.instead = lambda path, _q: next(full, None) if path.endswith("/insights") else None
    assert not bench.poll().failures
    assert bench.pauses == [18 * 60]
    assert len(bench.wire.asked_metrics()) == 2
    bench.read()
    assert set(bench.statuses().values()) == {"measured"}


def test_a_wait_that_does_not_fit_into_the_poll_holds_later_polls_back_until_it_is_over(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """A scheduler that comes every ten minutes must not keep the limit alive by asking."""
    api.posts = [make(7, days_old=2)]
    bench.options["max_wait_minutes"] = 10
    full = refusal(80002, "too many calls", X_Business_Use_Case_Usage=usage(100, 18))
    bench.wire.instead = lambda path, _q: full if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert (failure.reason, failure.retry_after_seconds, bench.pauses) == ("limit_reached", 18 * 60, [])
    bench.wire.instead = lambda _p, _q: None
    bench.wire.calls.clear()
    (early,) = bench.poll(NOW + timedelta(minutes=17)).failures
    assert isinstance(early, TransientFailure)
    assert (early.retry_after_seconds, bench.wire.calls) == (60, [])
    assert "2026-09-01 04:18" in str(early)
    assert not bench.poll(NOW + timedelta(minutes=18)).failures
    bench.read()
    assert set(bench.statuses().values()) == {"measured"}


def test_a_limit_of_the_app_stops_its_other_accounts_too(bench: Any, api: GraphApi, make: Make) -> None:
    """Code 4 counts the calls of all accounts; asking for the next one would only prolong it."""
    from ingest.pipeline import poll

    bench.wire.instead = lambda _p, _q: refusal(4, "Application request limit reached")
    assert bench.poll().failures[0].reason == "limit_reached"
    bench.wire.calls.clear()
    first = bench.configuration.sources[0]
    options = {**first.options, "account_id": "17841400000000002"}
    later = NOW + timedelta(minutes=30)
    other = first.model_copy(update={"source_id": "instagram_other", "options": options})
    (failure,) = poll(bench.home, bench.configuration, other, later).failures
    assert (failure.reason, bench.wire.calls) == ("limit_reached", [])
    elsewhere = other.model_copy(update={"options": {**options, "app": "another"}})
    bench.wire.instead = lambda _p, _q: None
    assert poll(bench.home, bench.configuration, elsewhere, later).failures[0].reason != "limit_reached"
    assert len(bench.wire.calls) == 1


def test_a_limit_of_one_account_does_not_stop_another(bench: Any, api: GraphApi) -> None:
    """Meta counts Instagram's calls per account."""
    from ingest.pipeline import poll

    bench.wire.instead = lambda _p, _q: refusal(80002, "too many calls")
    bench.poll()
    bench.wire.calls.clear()
    first = bench.configuration.sources[0]
    other = first.model_copy(update={"source_id": "instagram_other"})
    poll(bench.home, bench.configuration, other, NOW + timedelta(minutes=5))
    assert len(bench.wire.calls) == 1


def test_calls_slow_down_as_the_allowance_nears_its_end(bench: Any, api: GraphApi, make: Make) -> None:
    """From 75 % on, so that a person who needs the app in the same hour still finds some of it."""
    api.posts = [make(n, days_old=n) for n in range(1, 4)]
    bench.options["batch_size"] = 1
    levels = iter([10, 10, 74, 80, 90])

    def at(path: str, query: Mapping[str, list[str]]) -> Response:
        response = api.handle(path, query, {"Authorization": f"Bearer {api.token}"})
        return replace(response, headers={"X-Business-Use-Case-Usage": usage(next(levels))})

    bench.wire.instead = at
    assert not bench.poll().failures
    assert bench.pauses == [15.0]  # before the last call only: the one after 90 % was not needed


def test_a_batch_is_no_larger_than_what_is_left_of_the_allowance(bench: Any, api: GraphApi, make: Make) -> None:
    """Fifty questions at 80 % of an allowance of sixty would end in a refusal for everybody."""
    api.posts = [make(n, days_old=n) for n in range(1, 100)]
    api.hourly_calls = 60
    (failure,) = bench.poll().failures
    assert failure.reason == "limit_reached"
    assert api.call_count <= 60
    assert api.call_count >= 50
    bench.poll(NOW + timedelta(hours=2))
    bench.poll(NOW + timedelta(hours=4))
    bench.read()
    assert len({subject for subject, _m in bench.statuses()}) == 99


def test_a_polls_budget_ends_it_and_the_next_goes_on_where_it_stopped(bench: Any, api: GraphApi, make: Make) -> None:
    """A first poll of years of posts is spread over several, and no post is asked about twice."""
    api.posts = [make(n, days_old=n) for n in range(1, 31)]
    bench.options["max_calls"] = 14
    outcomes = [bench.poll(NOW + timedelta(hours=h)).failures for h in range(4)]
    assert [f[0].reason if f else None for f in outcomes] == ["budget_spent", "budget_spent", None, None]
    bench.read()
    assert len({subject for subject, _m in bench.statuses()}) == 30


def test_an_app_near_its_limit_is_seen_in_its_own_header(bench: Any, api: GraphApi, make: Make) -> None:
    """The two headers nest differently; one of them alone would never pull the brake."""
    api.posts = [make(7, days_old=2)]
    api.app_hourly_calls = 2
    (failure,) = bench.poll().failures
    assert failure.reason == "limit_reached"
    assert api.call_count == 2
    (other,) = [r for r in bench.receipts() if r.origin == "graph-app:default/closed"]
    assert other.status == "failed"


# --- posts that are gone


def test_a_post_is_gone_after_three_quiet_days_and_its_history_stays(bench: Any, api: GraphApi, make: Make) -> None:
    """100/33 is also what a throttle says; one such answer must not bury a post, and a burial must not erase it."""
    post = make(7, days_old=2)
    api.posts = [post, make(8, days_old=3)]
    bench.poll()
    api.posts = [replace(post, deleted_at=NOW + timedelta(hours=1)), make(8, days_old=3)]
    presences = []
    for day in range(1, 12):
        bench.wire.calls.clear()
        assert not bench.poll(NOW + day * DAY).failures
        presences.append("7" in asked_posts(bench))
        bench.read()
        ends = [p for p in bench.rows("social_post_observations") if p["presence"] == "gone"]
        assert len(ends) == (1 if day >= 9 else 0)
    assert [day for day, asked in enumerate(presences, 1) if asked] == [7, 8, 9]
    (end,) = ends
    assert end["post_id"] == post.post_id
    assert end["received_at"] == (NOW + 9 * DAY).replace(tzinfo=None)
    measured = [m for m in bench.rows("social_metric_observations") if m["subject_id"] == post.post_id]
    assert {m["value_status"] for m in measured} == {"measured"}
    assert len(measured) == 10


def test_a_post_that_left_the_list_and_still_answers_is_looked_at_once_a_week(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """An archived post is no deleted one, and must not cost a call a day for two years."""
    post = make(7, days_old=2)
    api.posts = [post]
    bench.poll()
    hollow = Response(200, {}, b'{"data": []}')
    bench.wire.instead = lambda path, _q: hollow if path.endswith("/media") else None
    asked_on = []
    for day in range(1, 20):
        bench.wire.calls.clear()
        bench.poll(NOW + day * DAY)
        asked_on += [day] * ("7" in asked_posts(bench))
    assert asked_on == [7, 14]


def test_an_unreachable_post_at_a_spent_allowance_is_a_limit_and_no_end(bench: Any, api: GraphApi, make: Make) -> None:
    """Meta disguises a throttle as a deletion."""
    api.posts = [make(7, days_old=2)]
    gone = refusal(100, "Unsupported get request.", 33, X_Business_Use_Case_Usage=usage(100, 5))
    bench.wire.instead = lambda path, _q: gone if path.endswith("/insights") else None
    for day in range(4):
        (failure,) = bench.poll(NOW + day * DAY).failures
        assert failure.reason == "limit_reached"
    bench.read()
    assert all(p["presence"] == "listed" for p in bench.rows("social_post_observations"))


def test_a_post_that_comes_back_is_not_buried_by_older_days(bench: Any, api: GraphApi, make: Make) -> None:
    """Hidden for two days and shown again: the count of days starts anew."""
    post = make(7, days_old=2)
    api.posts = [post]
    gone = refusal(100, "Unsupported get request.", 33)
    for day, is_hidden in enumerate((True, True, False, True, True)):
        bench.wire.instead = lambda path, _q, h=is_hidden: gone if h and path.endswith("/insights") else None
        bench.poll(NOW + day * 7 * DAY)
    bench.read()
    assert all(p["presence"] == "listed" for p in bench.rows("social_post_observations"))


# --- stories


def test_a_story_is_read_at_its_ages_until_it_vanishes(bench: Any, api: GraphApi, make: Make) -> None:
    """It lives a day: the last reading is its final value, and its end is no deletion."""
    told = story(make, 7, -1)
    api.posts = [told]
    bench.options["stories"] = True
    seen_at = []
    for hour in range(30):
        assert not bench.poll(NOW + timedelta(hours=hour)).failures
        if "7" in asked_posts(bench):
            seen_at.append(hour - 1)
    assert seen_at == [0, 2, 12, 22]
    bench.read()
    assert {p["product_type"] for p in bench.rows("social_post_observations")} == {"STORY"}
    assert all(p["presence"] == "listed" for p in bench.rows("social_post_observations"))
    rows = [m for m in bench.rows("social_metric_observations") if m["observed_at"].hour == (4 + 23) % 24]
    parts = {m["breakdown"]: m["value"] for m in rows if m["metric"] == "navigation"}
    assert set(parts) == {
        "",
        "story_navigation_action_type=tap_exit",
        "story_navigation_action_type=tap_forward",
    }
    assert "replies" not in {m["metric"] for m in rows}


def test_a_story_that_nobody_asked_about_in_time_is_told_as_not_collected(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """A gap must be seen as one: neither a story without viewers nor no story at all."""
    api.posts = [story(make, 7, 5)]
    bench.options["stories"] = True
    bench.wire.instead = lambda path, _q: refusal(2) if path.endswith("7/insights") else None
    assert bench.poll().failures[0].reason == "graph_busy"
    bench.wire.instead = lambda _p, _q: None
    for hours in (24, 30):
        assert not bench.poll(NOW + timedelta(hours=hours)).failures
    bench.read()
    missed = [m for m in bench.rows("social_metric_observations") if m["subject_id"] == api.posts[0].post_id]
    assert [(m["metric"], m["value"], m["value_status"]) for m in missed] == [
        ("reach", None, "not_collected"),
        ("views", None, "not_collected"),
    ]


def test_a_small_story_is_suppressed_and_the_poll_stays_green(bench: Any, api: GraphApi, make: Make) -> None:
    """Under five viewers Meta withholds the numbers; that is no failure and no zero."""
    api.posts = [story(make, 7, 3, too_few_viewers=True)]
    bench.options["stories"] = True
    assert not bench.poll().failures
    bench.read()
    assert {m["value_status"] for m in bench.rows("social_metric_observations")} == {"suppressed"}
    assert {m["value"] for m in bench.rows("social_metric_observations")} == {None}


# --- the account's own insights


@pytest.fixture
def account(bench: Any, api: GraphApi) -> AccountInsights:
    """The stand-in tells of the account, and the bench asks for it."""
    api.insights = AccountInsights(api.followers_at)
    bench.options |= {"account_insights": True, "account_backfill_days": 5}
    return api.insights


def windows(bench: Any) -> list[tuple[datetime, datetime]]:
    """What calls for the account's insights since the last look asked for, both edges included."""
    found = [
        (datetime.fromtimestamp(int(q["since"][0]), UTC), datetime.fromtimestamp(int(q["until"][0]), UTC))
        for p, q in bench.wire.calls
        if p.endswith(f"{ACCOUNT_ID}/insights") and "since" in q
    ]
    bench.wire.calls.clear()
    return found


def test_the_accounts_insights_come_by_pacific_days_with_their_parts(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """Every value has the window of its own day, and the row says whose midnight cuts it."""
    assert not bench.poll().failures
    assert bench.read().rejects == 0
    rows = bench.rows("social_metric_observations")
    days = [m for m in rows if m["metric"] == "reach" and m["period"] == "day" and not m["breakdown"]]
    assert len({m["window_start_at"] for m in days}) == len(days) == 5
    assert {m["window_end_at"].hour for m in days} == {7}
    assert {m["day_zone"] for m in rows if m["window_start_at"]} == {"America/Los_Angeles"}
    assert {m["day_zone"] for m in rows if not m["window_start_at"]} == {None}
    # 21:00 Pacific of 31 August: that day has not ended, so the newest one is the 30th.
    assert max(m["window_end_at"] for m in days) == datetime(2026, 8, 31, 7)  # noqa: DTZ001 - the lake is naive UTC
    parts = [m for m in rows if m["metric"] == "views" and m["breakdown"].startswith("media_product_type=")]
    assert {m["breakdown"] for m in parts} == {f"media_product_type={k}" for k in ("post", "reels", "story")}
    spans = {(m["window_end_at"] - m["window_start_at"]).days for m in rows if m["period"] == "window"}
    assert spans == {7, 28}
    assert {m["period"] for m in rows if m["metric"] == "follower_demographics"} == {"this_month"}
    hours = {m["breakdown"] for m in rows if m["metric"] == "online_followers"}
    assert len(hours) == 24
    assert "hour=07" in hours


def test_the_newest_days_are_asked_for_again_and_both_tellings_are_kept(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """Numbers come up to 48 hours late: the first is what was known then, the last is what holds."""
    for day in range(4):
        assert not bench.poll(NOW + day * DAY).failures
    bench.read()
    told = [
        m
        for m in bench.rows("social_metric_observations")
        if (m["metric"], m["period"], m["breakdown"]) == ("reach", "day", "")
        and m["window_start_at"] == datetime(2026, 8, 30, 7)  # noqa: DTZ001 - the lake is naive UTC
    ]
    values = [m["value"] for m in sorted(told, key=lambda m: m["observed_at"])]
    assert len(values) == 3
    assert values[0] < values[1] < values[2] or values[2] == 0
    assert len({(m["observed_at"]) for m in told}) == 3


def test_a_gap_in_the_polls_is_filled_as_far_back_as_the_option_says(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """After a week of holidays the days are asked for; after a year only those that Meta surely tells."""
    bench.options["account_backfill_days"] = 30
    bench.poll()
    windows(bench)
    bench.poll(NOW + 10 * DAY)
    starts = sorted({a.date() for a, b in windows(bench) if (b - a) < DAY})
    assert (starts[0], starts[-1], len(starts)) == (date(2026, 8, 31), date(2026, 9, 9), 10)
    bench.poll(NOW + 370 * DAY)
    assert len({a for a, b in windows(bench) if (b - a) < DAY}) == 30


@pytest.mark.parametrize("hour", [22, 23, 0, 6, 8])
def test_no_call_asks_for_a_time_to_come(bench: Any, api: GraphApi, account: AccountInsights, hour: int) -> None:
    """At one at night in Oslo it is yesterday afternoon in California: "today" would lie in the future there."""
    now = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour)
    assert not bench.poll(now).failures
    asked = windows(bench)
    assert asked
    assert all(end < now and (end - start).total_seconds() <= 2_592_000 for start, end in asked)


def test_silence_about_a_small_account_is_suppression_and_not_a_gap(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """Below 100 followers Meta withholds whole metrics; null in either case, and 0 in none."""
    account.followers_at = api.followers_at = lambda _moment: 42
    assert not bench.poll().failures
    bench.read()
    rows = bench.rows("social_metric_observations")
    withheld = {"follower_count", "follower_demographics", "engaged_audience_demographics", "follows_and_unfollows"}
    assert {m["value_status"] for m in rows if m["metric"] in withheld} == {"suppressed"}
    assert {m["value"] for m in rows if m["metric"] in withheld} == {None}
    assert {m["value_status"] for m in rows if m["metric"] == "reach"} == {"measured"}


def test_small_groups_are_suppressed_and_never_zero(bench: Any, api: GraphApi, account: AccountInsights) -> None:
    """-1 stands for fewer than five; read as a number it would take one away from every sum."""
    assert not bench.poll().failures
    bench.read()
    rows = [m for m in bench.rows("social_metric_observations") if m["metric"].endswith("_demographics")]
    crossed = [m for m in rows if m["breakdown"].startswith("age=") and "gender=" in m["breakdown"]]
    assert len(crossed) == 2 * 7 * 3
    assert {m["value_status"] for m in rows} == {"measured", "suppressed"}
    assert all((m["value"] is None) == (m["value_status"] == "suppressed") for m in rows)
    assert all(m["value"] >= 5 for m in rows if m["value"] is not None)


def test_late_days_are_missing_and_not_zero(bench: Any, api: GraphApi, account: AccountInsights) -> None:
    """A day that Meta has not told yet must show as a gap."""
    account.late = timedelta(hours=46)
    bench.poll()
    bench.read()
    days = {
        m["window_start_at"].day: m["value_status"]
        for m in bench.rows("social_metric_observations")
        if (m["metric"], m["period"], m["breakdown"]) == ("reach", "day", "")
    }
    assert days == {26: "measured", 27: "measured", 28: "measured", 29: "missing", 30: "missing"}


def test_a_metric_that_the_account_is_refused_costs_only_itself(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """The error counts places in the list; each kind of call finds and remembers its own culprits."""
    account.rejected = {"reposts"}
    assert not bench.poll().failures
    bench.read()
    rows = bench.rows("social_metric_observations")
    assert {m["value_status"] for m in rows if m["metric"] == "reposts"} == {"rejected"}
    assert {m["value_status"] for m in rows if m["metric"] == "shares"} == {"measured"}
    bench.wire.calls.clear()
    bench.poll(NOW + DAY)
    assert not any("reposts" in str(query) for _path, query in bench.wire.calls)


def test_demographics_are_asked_for_once_a_week(bench: Any, api: GraphApi, account: AccountInsights) -> None:
    """They speak of a month and change slowly; five calls a day would be wasted."""
    counts = []
    for day in range(9):
        bench.wire.calls.clear()
        bench.poll(NOW + day * DAY)
        counts.append(sum("timeframe" in q for _p, q in bench.wire.calls))
    assert counts == [5, 0, 0, 0, 0, 0, 0, 5, 0]


def test_a_month_of_thirty_days_is_asked_for_once_and_a_longer_one_never(
    bench: Any, api: GraphApi, account: AccountInsights
) -> None:
    """How many people a month reached is told by Meta or by nobody: windows can't be added."""
    months = []
    bench.options["account_backfill_days"] = 1
    for day in (0, 10, 31, 33, 34, 50, 64, 70):
        bench.poll(NOW + day * DAY)
        months += [a for a, b in windows(bench) if (b - a) > 29 * DAY]
    # September is asked for in October, by two metrics in one call; August and October have 31 days
    assert [m.date() for m in months] == [date(2026, 9, 1)]


# --- dead tokens and interruptions


def test_a_token_that_ends_in_the_night_stops_everything_at_once(bench: Any, api: GraphApi, make: Make) -> None:
    """190/463: one call, a failure that names the variable, and a poll that goes on when the token is renewed."""
    api.posts = [make(7, days_old=2)]
    api.expires_at = NOW - timedelta(hours=1)
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason, len(bench.wire.calls)) == (PermanentFailure, "token_dead", 1)
    assert "GRAPH_TOKEN" in str(failure)
    assert api.token not in str(failure)


class Killed(BaseException):
    """A process that ends here."""


class MortalHome(Home):
    """A home whose process is killed before it lands so many arrivals."""

    def land(self, arrival: Arrival) -> Receipt:
        lives = self.__dict__["lives"]
        self.__dict__["lives"] = lives - 1
        if lives == 0:
            raise Killed
        return super().land(arrival)


TABLES = ("social_account_observations", "social_post_observations", "social_metric_observations")


@pytest.fixture
def busy_account(bench: Any, api: GraphApi, account: AccountInsights, make: Make) -> None:
    """An account with something of everything."""
    kinds = ({}, {"media_type": "CAROUSEL_ALBUM", "children": 3}, {"media_type": "VIDEO", "product_type": "REELS"})
    posts = [make(n, days_old=n + 0.3, **kinds[n % 3]) for n in range(2, 60)]
    posts += [make(70, days_old=80.3, before_conversion=True), make(71, days_old=90.3, silent_for=DAY * 400)]
    posts += [story(make, 80, 5), story(make, 81, 6, too_few_viewers=True)]
    api.posts = sorted(posts, key=lambda p: p.posted_at, reverse=True)
    api.allowed = {**api.allowed, ("FEED", "IMAGE"): api.allowed["FEED", "IMAGE"] - {"follows"}}
    bench.options |= {"stories": True, "page_limit": 20}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["throttle", "server_error", "busy", "token", "kill"])
def test_an_interrupted_sync_ends_with_the_lake_of_an_undisturbed_one(
    bench: Any,
    api: GraphApi,
    busy_account: None,
    tmp_path: Any,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    seed: int,
) -> None:
    """Nothing is lost, nothing is told twice with another value, wherever the interruption falls."""
    caplog.set_level("DEBUG")
    chance = random.Random(f"{kind} {seed}")
    whole = bench.home
    assert not bench.poll(at=NOW).failures
    bench.read()
    expected = {table: bench.facts(table) for table in TABLES}
    calls, arrivals = len(bench.wire.calls), len(bench.receipts())
    assert len(expected["social_metric_observations"]) > 500

    bench.home = Home(tmp_path / "second")
    bench.wire.calls.clear()
    for attempt in range(2):
        now = NOW + attempt * timedelta(minutes=61)
        if kind == "kill":
            home = MortalHome(bench.home.root)
            home.__dict__["lives"] = chance.randrange(arrivals // 2)
            with pytest.raises(Killed):
                bench.poll(now, at=NOW, home=home)
            home.catalogue.close()
            continue
        until = len(bench.wire.calls) + chance.randrange(1, calls // 2)
        answers = {
            "throttle": refusal(80002, "too many calls", X_Business_Use_Case_Usage=usage(100, 60)),
            "server_error": Response(503, {}, b"down"),
            "busy": refusal(2, "temporarily unavailable"),
            "token": refusal(190, f"Malformed access token {api.token}", 467),
        }
        bench.wire.instead = lambda _p, _q, n=until, a=answers[kind]: a if len(bench.wire.calls) > n else None
        assert bench.poll(now, at=NOW).failures
    bench.wire.instead = lambda _p, _q: None
    assert not bench.poll(NOW + timedelta(minutes=122), at=NOW).failures
    bench.read()
    for table in TABLES:
        assert bench.facts(table) == expected[table]
    assert bench.read().blobs == 0
    token = api.token.encode()
    assert not [f for f in bench.home.root.rglob("*") if f.is_file() and token in f.read_bytes()]
    assert api.token not in caplog.text + str(bench.receipts())
    bench.home.catalogue.close()
    bench.home = whole


def test_a_poll_repeated_at_once_adds_nothing(bench: Any, api: GraphApi, busy_account: None) -> None:
    """A person who runs it by hand after the schedule must not double anything, nor spend the allowance."""
    bench.options["stories"] = False
    bench.poll()
    bench.wire.calls.clear()
    assert not bench.poll().failures
    assert bench.wire.calls == []
