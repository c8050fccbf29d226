"""Polling the Graph API over HTTP, from the first question to the rows in the lake."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingest.errors import PermanentFailure, TransientFailure
from ingest.instagram.graph_api import check_version
from sandbox.graph_api import GraphApi, Post
from sandbox.loopback import Response

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
SECRET_PART = "0123456789abcdef"
Make = Callable[..., Post]


def answer(document: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): v for name, v in headers.items()}, json.dumps(document).encode())


def refusal(code: int, message: str = "", subcode: int | None = None, **headers: str) -> Response:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Abc1"}
    return answer({"error": error | ({} if subcode is None else {"error_subcode": subcode})}, 400, **headers)


def usage(percent: int, regain: int = 0) -> str:
    quiet = {"type": "instagram", "call_count": 3, "total_cputime": 1, "total_time": 2}
    busy = {"type": "instagram", "call_count": 1, "total_time": percent, "estimated_time_to_regain_access": regain}
    return json.dumps({"555": [quiet], "666": [busy]})


def posts(api: GraphApi, *members: Post) -> None:
    api.posts = sorted(members, key=lambda p: p.posted_at, reverse=True)


# --- a whole poll


def test_a_poll_brings_the_account_its_posts_and_their_metrics(bench: Any, api: GraphApi, make: Make) -> None:
    """The values in the lake are the stand-in's, to the unit: a young post's counts have not all come yet."""
    posts(api, make(1, days_old=100), make(2, days_old=1, metrics={"reach": 101, "views": 9}), make(3, days_old=-1))
    assert not bench.poll().failures
    assert bench.read().rejects == 0
    (account,) = bench.rows("social_account_observations")
    assert (account["followers_count"], account["follows_count"], account["media_count"]) == (1000, 12, 2)
    told = bench.rows("social_post_observations")
    assert sorted(p["shortcode"] for p in told) == ["Cstandin001", "Cstandin002"]
    old = next(p for p in told if p["shortcode"] == "Cstandin001")
    assert old["posted_at"] == (NOW - timedelta(days=100)).replace(tzinfo=None)
    assert (old["like_count"], old["comments_count"], old["hashtags"]) == (40, 4, "moa tag1")
    values = {(m["subject_id"], m["metric"]): m for m in bench.rows("social_metric_observations")}
    assert values[make(1, days_old=100).post_id, "reach"]["value"] == 400
    assert values[make(1, days_old=100).post_id, "reposts"]["value"] == 0
    young = make(2, days_old=1).post_id
    assert (values[young, "reach"]["value"], values[young, "reach"]["value_status"]) == (50, "measured")
    assert (values[young, "likes"]["value"], values[young, "likes"]["value_status"]) == (None, "missing")
    assert {m["api_version"] for m in values.values()} == {"v25.0"}


def test_one_call_asks_for_all_metrics_of_a_post(bench: Any, api: GraphApi, make: Make) -> None:
    """One call per metric would spend ten times the allowance."""
    posts(api, *(make(n, days_old=n) for n in range(1, 6)))
    bench.poll()
    assert len(bench.wire.calls) == 1 + 1 + 5


def test_every_poll_is_a_moment_of_its_own_and_reading_twice_adds_nothing(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """The same follower count on two days is two facts; the same landed bytes read twice are one."""
    posts(api, make(1, days_old=200))
    bench.poll()
    bench.read()
    first = bench.rows("social_metric_observations")
    again = bench.read()
    assert (again.blobs, bench.rows("social_metric_observations")) == (0, first)
    bench.poll(NOW + timedelta(days=30))
    bench.read()
    assert len(bench.rows("social_account_observations")) == 2
    assert len(bench.rows("social_metric_observations")) == 2 * len(first)


def test_an_interrupted_poll_keeps_what_it_has_and_the_next_one_is_whole(bench: Any, api: GraphApi, make: Make) -> None:
    """A killed night must cost only the questions that were not asked yet, and no row may come twice."""
    posts(api, *(make(n, days_old=n) for n in range(1, 4)))
    calls = iter(range(100))
    bench.wire.instead = lambda _p, _q: refusal(4) if next(calls) >= 3 else None
    assert isinstance(bench.poll().failures[0], TransientFailure)
    bench.read()
    assert len({m["subject_id"] for m in bench.rows("social_metric_observations")}) == 1
    bench.wire.instead = lambda _p, _q: None
    bench.poll(NOW + timedelta(hours=1))
    bench.read()
    assert len({subject for subject, _metric in bench.statuses()}) == 3  # which fails when one is told twice


def test_posts_past_the_age_are_listed_but_not_asked_for_insights(bench: Any, api: GraphApi, make: Make) -> None:
    """Meta keeps a post's insights for two years; asking for more only spends the allowance."""
    posts(api, make(1, days_old=10), make(2, days_old=40))
    bench.options["insight_max_age_days"] = 30
    bench.poll()
    bench.read()
    assert len(bench.rows("social_post_observations")) == 2
    assert {m["subject_id"] for m in bench.rows("social_metric_observations")} == {make(1, days_old=10).post_id}


def test_an_album_is_one_post_and_its_pictures_are_not_asked_for(bench: Any, api: GraphApi, make: Make) -> None:
    """Album children have no insights: counted as posts they halve the engagement, asked for they waste calls."""
    posts(api, make(1, days_old=3, media_type="CAROUSEL_ALBUM", children=4), make(2, days_old=4))
    bench.poll()
    bench.read()
    assert {p["post_id"][-1]: p["children_count"] for p in bench.rows("social_post_observations")} == {
        "1": 4,
        "2": None,
    }
    assert len(bench.wire.asked_metrics()) == 2
    assert len(bench.wire.calls) == 1 + 1 + 2


# --- metrics that are rejected


def test_a_rejected_metric_costs_only_itself_and_is_remembered(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """One dead metric has stopped every sync of other tools for days; here the others are measured the same night."""
    posts(api, make(1, days_old=1), make(2, days_old=2))
    api.allowed = {("FEED", "IMAGE"): api.allowed["FEED", "IMAGE"] - {"profile_visits"}}
    assert not bench.poll().failures
    bench.read()
    statuses = bench.statuses()
    for number in (1, 2):
        post_id = make(number, days_old=number).post_id
        assert statuses[post_id, "profile_visits"] == "rejected"
        assert [s for (p, m), s in statuses.items() if p == post_id and m != "profile_visits"] == ["measured"] * 9
    lengths = [len(asked) for asked in bench.wire.asked_metrics()]
    assert lengths == [10, 9, 9]
    assert sum("rejects the metric profile_visits" in r.getMessage() for r in caplog.records) == 1
    bench.poll(NOW + timedelta(days=6))
    assert [len(asked) for asked in bench.wire.asked_metrics()][3:] == [9, 9]
    bench.poll(NOW + timedelta(days=40))
    assert [len(asked) for asked in bench.wire.asked_metrics()][5:] == [10, 9, 9]


@pytest.mark.parametrize("names_it", [True, False])
def test_two_rejected_metrics_are_both_found_in_few_calls(
    bench: Any, api: GraphApi, make: Make, names_it: bool
) -> None:
    """An error names at most the first culprit, sometimes none: then the list is halved until it is found."""
    post = make(1, days_old=40)
    posts(api, post)
    bad = {"saved", "follows"}

    def instead(path: str, query: Mapping[str, list[str]]) -> Response | None:
        asked = query.get("metric", [""])[0].split(",")
        found = [m for m in asked if m in bad]
        if not found or not path.endswith("/insights"):
            return None
        name = found[0] if names_it else "impressions"
        return refusal(100, f"(#100) The Media Insights API does not support the {name} metric for this media.")

    bench.wire.instead = instead
    assert not bench.poll().failures
    bench.read()
    statuses = bench.statuses()
    assert {m for (_p, m), s in statuses.items() if s == "rejected"} == bad
    assert sum(s == "measured" for s in statuses.values()) == 8
    assert len(bench.wire.asked_metrics()) <= (3 if names_it else 13)
    bench.poll(NOW + timedelta(days=16))
    assert set(bench.wire.asked_metrics()[-1]).isdisjoint(bad)
    assert len(bench.wire.asked_metrics()[-1]) == 8


def test_too_few_viewers_are_suppressed_and_the_poll_stays_green(bench: Any, api: GraphApi, make: Make) -> None:
    """A small audience is not no audience: the value is withheld, not missing and not zero."""
    small = make(1, days_old=2, too_few_viewers=True)
    posts(api, small, make(2, days_old=3))
    assert not bench.poll().failures
    bench.read()
    statuses = bench.statuses()
    assert {s for (p, _m), s in statuses.items() if p == small.post_id} == {"suppressed"}
    assert {s for (p, _m), s in statuses.items() if p != small.post_id} == {"measured"}


def test_posts_from_before_the_conversion_and_unreachable_ones_do_not_stop_the_others(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """Every long-lived account has a few posts that Meta has no insights for."""
    early, gone, good = make(1, days_old=60, before_conversion=True), make(2, days_old=2), make(3, days_old=90)
    posts(api, early, gone, good)
    missing = refusal(100, "Unsupported get request.", 33)
    bench.wire.instead = lambda path, _q: missing if path.endswith(f"{gone.post_id}/insights") else None
    assert not bench.poll().failures
    assert bench.read().rejects == 1
    statuses = bench.statuses()
    assert {s for (p, _m), s in statuses.items() if p == early.post_id} == {"before_conversion"}
    assert {s for (p, _m), s in statuses.items() if p == good.post_id} == {"measured"}
    assert not [p for p, _m in statuses if p == gone.post_id]
    assert [r["reason"] for r in bench.rows("rejects")] == ["post_unreachable"]


# --- what stops a poll


def test_a_lost_permission_is_red_and_writes_nothing(bench: Any, api: GraphApi, make: Make) -> None:
    """Ignored, it gives a green run with no rows, and nobody notices for months."""
    posts(api, make(1, days_old=1))
    lost = refusal(10, "(#10) Application does not have permission for this action")
    bench.wire.instead = lambda path, _q: lost if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "permission_lost")
    assert "GRAPH_TOKEN" in str(failure)
    bench.read()
    assert bench.rows("social_metric_observations") == []
    assert bench.receipts()[-1].status == "failed"


def test_a_dead_token_costs_exactly_one_call_and_names_its_variable(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Calling on with a dead token gets an app blocked; a person must act, and must know on what."""
    monkeypatch.setenv("GRAPH_TOKEN", "EAAanother-token-" + SECRET_PART)
    with caplog.at_level(logging.DEBUG):
        (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "token_dead")
    assert "GRAPH_TOKEN" in str(failure)
    assert len(bench.wire.calls) == 1
    assert SECRET_PART not in str(failure) + caplog.text + str(bench.receipts())
    for file in bench.home.root.rglob("*"):
        assert not file.is_file() or SECRET_PART.encode() not in file.read_bytes()


def test_a_reached_limit_is_told_with_metas_wait_in_minutes(bench: Any, api: GraphApi, make: Make) -> None:
    """The header's 18 are minutes: taken as seconds, the next try comes while Meta still counts."""
    posts(api, make(1, days_old=1), make(2, days_old=2))
    full = refusal(80002, "There have been too many calls", X_Business_Use_Case_Usage=usage(100, 18))
    bench.wire.instead = lambda path, _q: full if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert (failure.reason, failure.retry_after_seconds) == ("limit_reached", 18 * 60)
    assert len(bench.wire.asked_metrics()) == 1
    bench.read()
    assert len(bench.rows("social_post_observations")) == 2


def test_a_poll_stops_politely_before_the_limit_and_lands_what_it_was_told(
    bench: Any, api: GraphApi, make: Make
) -> None:
    """At 100 Meta shuts everyone of the library out; at 95 there is still room for a person."""
    posts(api, make(1, days_old=1), make(2, days_old=2))
    told = {"data": [{"name": "reach", "period": "lifetime", "values": [{"value": 7}]}]}
    nearly = answer(told, X_Business_Use_Case_Usage=usage(96, 5))
    bench.wire.instead = lambda path, _q: nearly if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after_seconds == 300
    assert len(bench.wire.asked_metrics()) == 1
    bench.read()
    assert [m["value"] for m in bench.rows("social_metric_observations") if m["metric"] == "reach"] == [7]


def test_the_stand_in_refuses_when_its_hour_is_spent(bench: Any, api: GraphApi, make: Make) -> None:
    """The stand-in's own allowance must brake a poll as Meta's does."""
    posts(api, *(make(n, days_old=n) for n in range(1, 40)))
    api.hourly_calls = 20
    (failure,) = bench.poll().failures
    assert failure.reason == "limit_reached"
    assert len(bench.wire.calls) == 19


@pytest.mark.parametrize("edge", ["media", "stories"])
def test_a_list_that_is_refused_is_a_failure_and_no_empty_list(
    bench: Any, api: GraphApi, make: Make, edge: str
) -> None:
    """Read on without the refusal, an account of a thousand posts would be told as one that never posted."""
    posts(api, make(1, days_old=1))
    bench.options["stories"] = True
    lost = refusal(10, "(#10) Application does not have permission for this action")
    bench.wire.instead = lambda path, _q: lost if path.endswith(f"/{edge}") else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "permission_lost")
    refused = [r for r in bench.receipts() if r.status == "failed" and r.blob_sha256 is not None]
    assert len(refused) == 1, "what Meta said is kept as evidence"
    bench.read()
    assert bench.rows("social_post_observations") == []


def test_an_error_page_without_an_error_is_none_that_passes_by_itself(bench: Any) -> None:
    """A 404 of a wrong host says nothing of Meta; tried again for ever, nobody would mend the address."""
    bench.wire.instead = lambda _p, _q: Response(404, {}, b'{"detail": "Not Found"}')
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "graph_0")
    assert len(bench.wire.calls) == 1
    assert bench.pauses == []


# --- troubles that do not stop a poll


def test_one_post_that_meta_chokes_on_does_not_block_the_others(bench: Any, api: GraphApi, make: Make) -> None:
    """The same post chokes every night: stopping there would starve all older posts for ever."""
    sick = make(1, days_old=1)
    posts(api, sick, make(2, days_old=2), make(3, days_old=3))
    bench.wire.instead = lambda path, _q: refusal(1, "An unknown error") if f"{sick.post_id}/in" in path else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (TransientFailure, "graph_busy")
    bench.read()
    assert len({m["subject_id"] for m in bench.rows("social_metric_observations")}) == 2


def test_three_troubles_in_a_row_are_the_services_and_end_the_poll(bench: Any, api: GraphApi, make: Make) -> None:
    """Seven hundred posts times four tries is no way to treat a service that is down."""
    posts(api, *(make(n, days_old=n) for n in range(1, 9)))
    down = Response(503, {}, b"down")
    bench.wire.instead = lambda path, _q: down if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (TransientFailure, "graph_busy")
    # one alone, all others in one batch, then one by one: two tries each, as the bench's session has
    assert len(bench.wire.asked_metrics()) == 2 + 7 + 2 + 2


def test_two_troubles_between_answers_are_the_posts_own(bench: Any, api: GraphApi, make: Make) -> None:
    """Counted over answers, a poll of seven hundred posts would end at its third sick one every night."""
    posts(api, *(make(n, days_old=n) for n in range(1, 9)))
    bench.options["batch_size"] = 1
    sick = {make(n, days_old=n).post_id for n in (2, 3, 5, 6)}
    bench.wire.instead = lambda path, _q: refusal(2) if path.split("/")[2] in sick else None
    failures = bench.poll().failures
    assert {f.reason for f in failures} == {"graph_busy"}
    bench.read()
    healthy = {m["subject_id"] for m in bench.rows("social_metric_observations")}
    assert healthy == {p.post_id for p in api.posts} - sick


def test_what_meta_refused_is_landed_as_evidence_and_not_read(bench: Any, api: GraphApi, make: Make) -> None:
    """Whoever asks Meta's support, or doubts our table of codes, needs the answer itself."""
    posts(api, make(1, days_old=1))
    strange = refusal(36104, "Not through this door")
    bench.wire.instead = lambda path, _q: strange if path.endswith("/insights") else None
    assert bench.poll().failures
    (kept,) = [r for r in bench.receipts() if r.status == "failed" and r.blob_sha256]
    assert b'"code":36104' in bench.home.body(kept)
    assert b"Not through this door" in bench.home.body(kept)
    bench.read()
    assert bench.rows("social_metric_observations") == []


def test_an_unknown_refusal_is_told_with_what_meta_asks_for(bench: Any, api: GraphApi, make: Make) -> None:
    """Support wants code and trace; the address and the vendor's text may hold the token."""
    posts(api, make(1, days_old=1))
    strange = refusal(36104, "https://graph/?access_token=geheim")
    bench.wire.instead = lambda path, _q: strange if path.endswith("/insights") else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "graph_36104")
    assert "Abc1" in str(failure)
    assert "geheim" not in str(failure)


def test_an_answer_that_is_no_json_is_a_failure_and_not_landed(bench: Any) -> None:
    """A firewall's page can't be searched for secrets, and must not pass for an empty account."""
    bench.wire.instead = lambda _p, _q: Response(200, {}, b"<html>Access denied</html>")
    (failure,) = bench.poll().failures
    assert failure.reason == "no_json"
    assert [r.blob_sha256 for r in bench.receipts()] == [None]


# --- paging


def test_all_pages_are_read_and_each_post_once(bench: Any, api: GraphApi, make: Make) -> None:
    """Pages hang together by cursors; a post that two pages tell is still asked for once."""
    posts(api, *(make(n, days_old=n) for n in range(1, 8)))
    bench.options["page_limit"] = 3
    assert not bench.poll().failures
    bench.read()
    assert len(bench.rows("social_post_observations")) == 7
    assert len(bench.wire.asked_metrics()) == 7
    assert sum(path.endswith("/media") for path, _query in bench.wire.calls) == 3


def test_an_empty_page_in_the_middle_does_not_end_the_list(bench: Any, api: GraphApi, make: Make) -> None:
    """Meta filters after it has cut the pages; only the absence of `next` ends a list."""
    posts(api, make(1, days_old=1))
    hollow = {"data": [], "paging": {"cursors": {"after": "aG9sbG93"}, "next": "https://elsewhere.invalid/"}}

    def instead(path: str, query: Mapping[str, list[str]]) -> Response | None:
        if path.endswith("/media") and "after" not in query:
            return answer(hollow)
        if path.endswith("/media"):
            assert query["after"] == ["aG9sbG93"]
            return api.handle(path, {"fields": query["fields"]}, {"authorization": f"Bearer {api.token}"})
        return None

    bench.wire.instead = instead
    assert not bench.poll().failures
    bench.read()
    assert len(bench.rows("social_post_observations")) == 1


def test_a_cursor_that_comes_back_ends_the_list_and_is_told(bench: Any, api: GraphApi, make: Make) -> None:
    """Without this a poll never ends; the posts known so far still get their insights."""
    post = make(1, days_old=1)
    posts(api, post)
    listed = api.handle(
        "/v25.0/17841400000000001/media",
        {"fields": ["id,timestamp,media_type,media_product_type"]},
        {"Authorization": f"Bearer {api.token}"},
    )
    loop = json.loads(listed.body) | {"paging": {"cursors": {"after": "QQ=="}, "next": "https://elsewhere.invalid/"}}
    bench.wire.instead = lambda path, _q: answer(loop) if path.endswith("/media") else None
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "paging_loop")
    assert sum(path.endswith("/media") for path, _query in bench.wire.calls) == 2
    assert len(bench.wire.asked_metrics()) == 1


def test_more_pages_than_allowed_are_told(bench: Any, api: GraphApi, make: Make) -> None:
    """A list cut short in silence would read as deleted posts."""
    posts(api, *(make(n, days_old=n) for n in range(1, 6)))
    bench.options |= {"page_limit": 2, "max_pages": 2}
    (failure,) = bench.poll().failures
    assert (type(failure), failure.reason) == (PermanentFailure, "too_many_pages")
    assert len(bench.wire.asked_metrics()) == 4


# --- secrets


def test_no_secret_reaches_a_file_a_log_a_receipt_or_an_address(
    bench: Any, api: GraphApi, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Meta puts the token into paging.next, and HTTP libraries put the whole address into their logs."""
    posts(api, *(make(n, days_old=n) for n in range(1, 5)))
    api.app_secret = "app-secret-fedcba9876543210"
    monkeypatch.setenv("GRAPH_APP_SECRET", api.app_secret)
    bench.options |= {"page_limit": 2, "app_secret_env": "GRAPH_APP_SECRET"}
    with caplog.at_level(logging.DEBUG):
        assert not bench.poll().failures
        proof = bench.wire.calls[0][1]["appsecret_proof"][0]
        sick = refusal(190, f"Malformed access token {api.token}", 467)
        bench.wire.instead = lambda _p, _q: sick
        failure = bench.poll(NOW + timedelta(days=1)).failures[0]
        # An address where nobody listens: urllib3 would warn of every retry with the whole query string.
        monkeypatch.setenv("GRAPH_URL", "http://127.0.0.1:9")
        unreachable = bench.poll(NOW + timedelta(days=2)).failures[0]
    bench.read()
    assert "Retrying" not in caplog.text
    assert not any("access_token" in query for _path, query in bench.wire.calls)
    for secret in (SECRET_PART, "fedcba9876543210", proof):
        assert secret not in caplog.text + str(failure) + str(unreachable) + str(bench.receipts())
        for file in bench.home.root.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file
    landed = [bench.home.body(r) for r in bench.receipts() if r.blob_sha256]
    assert any(b'"next"' in body for body in landed)
    assert not any(b"media_url" in body for body in landed)
    lake = b"".join(f.read_bytes() for f in bench.home.lake.rglob("*.parquet"))
    assert b"Nordmann" not in lake


@pytest.mark.parametrize("token", [None, "", "  ", "kort", "med mellomrom 123456", "bokstavå-1234567"])
def test_a_missing_or_mangled_token_is_told_before_anything_is_asked(
    bench: Any, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """Half a token looks like a dead one to Meta; the mistake is ours and quickly mended."""
    monkeypatch.delenv("GRAPH_TOKEN") if token is None else monkeypatch.setenv("GRAPH_TOKEN", token)
    (failure,) = bench.poll().failures
    assert failure.reason == "configuration"
    assert "GRAPH_TOKEN" in str(failure)
    assert bench.wire.calls == []


def test_a_wrong_app_secret_is_told_as_such(bench: Any, api: GraphApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal comes under the same code as a bad metric; its cure is another one."""
    api.app_secret = "the-right-one-1"
    monkeypatch.setenv("GRAPH_APP_SECRET", "the-wrong-one-1")
    bench.options["app_secret_env"] = "GRAPH_APP_SECRET"
    (failure,) = bench.poll().failures
    assert (failure.reason, len(bench.wire.calls)) == ("proof_refused", 1)
    assert "GRAPH_APP_SECRET" in str(failure)


# --- configuration and versions


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_id": 17841400000000001},
        {"account_id": "1.78E+16"},
        {"api_version": "25"},
        {"token_env": "EAAB-secret"},
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(bench: Any, wrong: dict[str, Any]) -> None:
    """An id that went through a spreadsheet has lost digits; a token pasted for a variable's name is a leak."""
    bench.options |= wrong
    (failure,) = bench.poll().failures
    assert failure.reason == "configuration"
    assert bench.wire.calls == []


@pytest.mark.parametrize(("left", "alarms"), [(91, 0), (90, 1), (89, 1), (0, 1)])
def test_a_versions_end_is_told_ninety_days_ahead(left: int, alarms: int, caplog: pytest.LogCaptureFixture) -> None:
    """After its last day Meta answers with another version, silently."""
    check_version("v25.0", date(2028, 7, 29) - timedelta(days=left))
    assert len(caplog.records) == alarms


@pytest.mark.parametrize(("answered", "stored"), [("v26.0", "v26.0"), ("v25.0", "v25.0"), ("26", "v25.0")])
def test_the_version_that_answered_is_stored_and_told_where_it_is_not_the_pinned_one(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture, answered: str, stored: str
) -> None:
    """Meta moves an old app on to another version in silence; a series that changed must show why."""
    posts(api, make(1, days_old=2))

    def instead(path: str, query: Mapping[str, list[str]]) -> Response:
        response = api.handle(path, query, {"Authorization": f"Bearer {api.token}"})
        return replace(response, headers={**response.headers, "facebook-api-version": answered})

    bench.wire.instead = instead
    assert not bench.poll().failures
    bench.read()
    assert {m["api_version"] for m in bench.rows("social_metric_observations")} == {stored}
    told = [r for r in caplog.records if "where v25.0 is pinned" in r.getMessage()]
    assert bool(told) == (stored == "v26.0")


@pytest.mark.parametrize(("version", "on"), [("v25.0", date(2028, 7, 30)), ("v19.0", date(2026, 9, 1))])
def test_a_version_past_its_last_day_is_refused(version: str, on: date) -> None:
    """A version that is not in the table any more is older than all that are."""
    with pytest.raises(PermanentFailure, match="api_version"):
        check_version(version, on)


def test_a_version_without_a_known_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The newest one has no last day yet; one that the table lacks should be added to it."""
    check_version("v26.0", date(2026, 9, 1))
    assert caplog.records == []
    check_version("v31.0", date(2026, 9, 1))
    assert "v31.0" in caplog.text


def test_a_post_of_an_unknown_kind_is_listed_and_told_once(
    bench: Any, api: GraphApi, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Meta invents kinds of posts; asking for feed metrics there would be a guess."""
    posts(api, make(1, days_old=1, product_type="AD"), make(2, days_old=2, product_type="AD"))
    assert not bench.poll().failures
    bench.read()
    assert len(bench.rows("social_post_observations")) == 2
    assert bench.rows("social_metric_observations") == []
    assert sum("AD/IMAGE" in r.getMessage() for r in caplog.records) == 1
