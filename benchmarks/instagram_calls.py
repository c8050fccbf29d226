"""Calls per 1 000 posts for a first and for a daily sync of Instagram, beside what two other readers would make.

Ours are counted at the stand-in of the Graph API: `questions` as Meta counts them against the allowance (each question
of a batch is one), `trips` as HTTP requests. The others' follow from their own documented logic:

- Airbyte's `source-instagram` asks for the account (1), lists posts by pages of 100 (n / 100), asks for each slide of
  each album in the list (s), and asks for the insights of every listed post at every sync (n):
  `1 + n / 100 + s + n`, for a first and for a daily sync alike, one HTTP request each. Its own second listing of the
  posts as parents of their insights, and its calls for the account's insights, are left out, in its favour.
- A tap with one call per metric and post (plinxore/tap-instagram-user, by its own list of metrics per kind of post)
  makes `1 + n / 100 + the sum of metrics over posts`. Its metrics are taken from our own table of what exists, so that
  the reader is not charged for asking what nobody can answer.

Two accounts are measured. One posts three times a week, as libraries do, so its 1 000 posts span six years, of which
Meta tells of the last two; the other has all of them within two years, which is where batches save trips but not
questions: a number that was never read must be asked for once.

`python -m benchmarks.instagram_calls` prints the table. The aim is one fifth of the others' calls.
"""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingest.config import Configuration
from ingest.home import Home
from ingest.http import Answer
from ingest.instagram.graph_reference import post_calls
from ingest.pipeline import poll
from sandbox.graph_account import AccountInsights
from sandbox.graph_api import Account, GraphApi, Post

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
TOKEN = "standin-token-for-benchmarks"
TOKEN_ENV = "LEVENDE_BENCH_TOKEN"
ACCOUNT_ID = "17841400000000001"
POSTS = 1000
SLIDES = 4
DAYS = 28
AIM = 0.2
# Of five posts: two pictures, an album, two reels.
KINDS = (("IMAGE", "FEED"), ("VIDEO", "REELS"), ("CAROUSEL_ALBUM", "FEED"), ("VIDEO", "REELS"), ("IMAGE", "FEED"))


class Direct:
    """A session that asks the stand-in without a network between them: what is measured is how much is asked."""

    def __init__(self, api: GraphApi) -> None:
        self.api = api

    def get(self, url: str, *, params: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        return self._ask(url, {name: [str(value)] for name, value in params.items()}, headers)

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        return self._ask(url, {name: [value] for name, value in data.items()}, headers)

    def _ask(self, url: str, query: dict[str, list[str]], headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        response = self.api.serve(parts.path, {**parse_qs(parts.query), **query}, headers)
        return Answer(response.status, response.body, response.headers, parts.path)


@dataclass(frozen=True)
class Calls:
    """What one sync asked for."""

    questions: float
    trips: float


def account_of(span: timedelta) -> list[Post]:
    """1 000 posts, evenly over a span before now, and those of the coming days at the same pace."""
    step = span / POSTS
    coming = int(timedelta(days=DAYS) / step)
    posts = []
    for n in range(-coming, POSTS):
        media_type, product_type = KINDS[n % len(KINDS)]
        names = [m for metrics in post_calls("v25.0", product_type, media_type).values() for m in metrics]
        posts.append(
            Post(
                post_id=str(17_900_000_000_000_000 + POSTS - n),
                shortcode=f"Cbench{POSTS - n}",
                posted_at=NOW - step * (n + 0.5),
                media_type=media_type,
                product_type=product_type,
                caption="",
                metrics=dict.fromkeys(names, 100),
                children=SLIDES if media_type == "CAROUSEL_ALBUM" else 0,
            )
        )
    return posts


def configuration(root: Path, **options: Any) -> Configuration:
    source = {
        "source_id": "instagram_bench",
        "family": "instagram",
        "adapter": "instagram_graph",
        "description": "The stand-in.",
        "options": {
            "host": "http://127.0.0.1:1",
            "allow_loopback": True,
            "account_id": ACCOUNT_ID,
            "token_env": TOKEN_ENV,
            **options,
        },
    }
    library = {
        "library_id": "bench",
        "name": "Bench",
        "zone": "Europe/Oslo",
        "reporting": {"start_on": "2026-01-01"},
        "areas": [],
        "branches": [],
    }
    return Configuration.model_validate(
        {"folder": root, "library": library, "sources": [source], "partners": {}, "figures": []}
    )


def ours(span: timedelta, **options: Any) -> tuple[Calls, Calls]:
    """Our first sync of an account, and the mean of the daily ones that follow.

    Raises:
        RuntimeError: a sync failed, or did not bring every post it should have asked about.
    """
    posts = account_of(span)
    api = GraphApi(Account(ACCOUNT_ID, "bench"), posts, lambda _moment: 2500, token=TOKEN, now=NOW)
    api.insights = AccountInsights(api.followers_at)
    counted = []
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        described = configuration(home.root, **options)
        for day in range(DAYS + 1):
            api.now = NOW + timedelta(days=day)
            before = (api.call_count, api.trip_count)
            session: Any = Direct(api)
            failures = poll(home, described, described.sources[0], api.now, session).failures
            if failures:
                raise RuntimeError(f"day {day}: {failures[0]}")
            counted.append(Calls(api.call_count - before[0], api.trip_count - before[1]))
        members = [m for r in home.catalogue.receipts() for m in r.asked.get("members", ()) if m.get("done")]
        told = {m["media_id"] for m in members if m["endpoint"] == "media_insights"}
        due = {p.post_id for p in posts if timedelta(days=1) <= api.now - p.posted_at <= timedelta(days=730)}
        if not due <= told:
            raise RuntimeError(f"{len(due - told)} posts were never asked about")
        home.catalogue.close()
    daily = counted[1:]
    return counted[0], Calls(statistics.mean(c.questions for c in daily), statistics.mean(c.trips for c in daily))


def airbyte(posts: list[Post]) -> Calls:
    """By the arithmetic of the module's docstring; first and daily sync alike."""
    count = 1 + len(posts) / 100 + sum(p.children for p in posts) + len(posts)
    return Calls(count, count)


def call_per_metric(posts: list[Post]) -> Calls:
    """By the arithmetic of the module's docstring; first and daily sync alike."""
    count = 1 + len(posts) / 100 + sum(len(p.metrics) for p in posts)
    return Calls(count, count)


def main() -> None:
    logging.disable(logging.WARNING)
    os.environ[TOKEN_ENV] = TOKEN
    print(f"Instagram: calls for {POSTS} posts (questions as Meta counts them; trips are HTTP requests)")
    print(f"{'':58}{'questions':>11}{'trips':>9}{'of Airbyte':>22}{'of one per metric':>22}")
    for name, span in (
        ("three posts a week, six years", timedelta(days=POSTS * 7 / 3)),
        ("all within two years", timedelta(days=729)),
    ):
        posts = [p for p in account_of(span) if p.posted_at <= NOW]
        theirs = {"Airbyte": airbyte(posts), "one call per metric": call_per_metric(posts)}
        first, daily = ours(span, stories=False, account_insights=False)
        rows = {"first": first, "daily, mean of 28": daily}
        _first, whole = ours(span)
        rows["daily with stories and the account's insights"] = whole
        for what, calls in rows.items():
            shares = [f"{calls.questions / t.questions:>14.3f} {calls.trips / t.trips:>7.3f}" for t in theirs.values()]
            print(f"{name + ': ours, ' + what:58}{calls.questions:>11.1f}{calls.trips:>9.1f}{''.join(shares)}")
        for other, calls in theirs.items():
            print(f"{name + ': ' + other + ', each sync':58}{calls.questions:>11.1f}{calls.trips:>9.1f}")
        is_met = daily.questions <= AIM * theirs["Airbyte"].questions and first.trips <= AIM * theirs["Airbyte"].trips
        print(f"  aim of one fifth, daily by questions and first by trips: {'met' if is_met else 'NOT MET'}")
    logging.disable(logging.NOTSET)


if __name__ == "__main__":
    main()
