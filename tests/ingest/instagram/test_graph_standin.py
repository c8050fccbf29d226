"""The stand-in Graph API keeps Meta's manners, or tests against it prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.graph_api import GraphApi, Post, grown_share

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
ACCOUNT_PATH = "/v25.0/17841400000000001"
Make = Callable[..., Post]


def ask(api: GraphApi, path: str, **query: str) -> tuple[int, dict[str, Any]]:
    response = api.handle(path, {k: [v] for k, v in query.items()}, {"Authorization": f"Bearer {api.token}"})
    return response.status, json.loads(response.body)


def test_a_post_does_not_exist_before_its_time(api: GraphApi, make: Make) -> None:
    """A sandbox that knows the future would prove a pipeline that no library can have."""
    post = make(1, days_old=1)
    api.posts = [post]
    api.now = post.posted_at - timedelta(seconds=1)
    assert ask(api, f"{ACCOUNT_PATH}/media") == (200, {"data": []})
    status, document = ask(api, f"/v25.0/{post.post_id}/insights", metric="reach")
    assert (status, document["error"]["code"], document["error"]["error_subcode"]) == (400, 100, 33)
    api.now = post.posted_at
    assert ask(api, f"{ACCOUNT_PATH}/media")[1]["data"] == [{"id": post.post_id}]


def test_counts_grow_with_age_to_their_final_value(api: GraphApi, make: Make) -> None:
    """Re-reading a post must bring other numbers, as it does in life, and in the end the known truth."""
    api.posts = [make(1, days_old=30)]
    values = []
    for days in (0, 1, 2, 30, 400):
        api.now = api.posts[0].posted_at + timedelta(days=days)
        _status, document = ask(api, f"/v25.0/{api.posts[0].post_id}/insights", metric="reach")
        values.append(document["data"][0]["values"][0]["value"])
    assert values == [0, 200, 300, 400, 400]
    assert grown_share(timedelta(days=-1)) == 0


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_only_its_token_opens_it(api: GraphApi, way: str) -> None:
    """Meta takes the token in the header and as a parameter; a wrong one is code 190 either way."""

    def with_token(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"} if way == "header" else {}
        query = {"access_token": [token]} if way == "parameter" else {}
        response = api.handle(ACCOUNT_PATH, query, headers)
        return int(json.loads(response.body).get("error", {}).get("code", response.status))

    assert with_token(api.token) == 200
    assert with_token("another") == 190


def test_pages_stay_together_when_a_post_comes_in_between(api: GraphApi, make: Make) -> None:
    """The cursor names a post, not a place: a new post at the top must not push one through twice."""
    api.posts = [make(n, days_old=n) for n in range(5)]
    api.now = NOW - timedelta(hours=12)
    _status, first = ask(api, f"{ACCOUNT_PATH}/media", limit="2")
    api.now = NOW
    _status, second = ask(api, f"{ACCOUNT_PATH}/media", limit="2", after=first["paging"]["cursors"]["after"])
    assert [p["id"][-1] for p in first["data"] + second["data"]] == ["1", "2", "3", "4"]
    assert "access_token" in first["paging"]["next"]
    assert "next" not in second["paging"]
    assert ask(api, f"{ACCOUNT_PATH}/media", after="nonsense")[0] == 400


@pytest.mark.parametrize("metrics", ["reach,impressions", "reach,ig_reels_avg_watch_time", ""])
def test_one_metric_that_does_not_fit_refuses_the_whole_list(api: GraphApi, make: Make, metrics: str) -> None:
    """That is what makes a capability table and a search for the culprit necessary."""
    api.posts = [make(1, days_old=1)]
    status, document = ask(api, f"/v25.0/{api.posts[0].post_id}/insights", metric=metrics)
    assert (status, document["error"]["code"]) == (400, 100)


def test_the_allowance_comes_back_after_an_hour(api: GraphApi) -> None:
    """The refusal is for an hour of the stand-in's own clock."""
    api.hourly_calls = 2
    assert [ask(api, ACCOUNT_PATH)[0] for _call in range(3)] == [200, 200, 400]
    api.now += timedelta(hours=1, seconds=1)
    assert ask(api, ACCOUNT_PATH)[0] == 200
