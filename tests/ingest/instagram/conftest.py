"""A library with one Instagram account, its home, and a stand-in Graph API on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest
from ingest_bench import configuration_of

from ingest.catalogue import Receipt
from ingest.config import Configuration
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.pipeline import Outcome, poll, read_pending
from sandbox.graph_api import Account, GraphApi, Post
from sandbox.loopback import Response

ACCOUNT_ID = "17841400000000001"
TOKEN = "EAAstandin-token-0123456789abcdef"
NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)

Query = Mapping[str, list[str]]
FINAL = {
    "reach": 400,
    "views": 900,
    "likes": 40,
    "comments": 4,
    "saved": 2,
    "shares": 3,
    "total_interactions": 49,
    "reposts": 0,
    "follows": 1,
    "profile_visits": 7,
}


def make_post(number: int, *, days_old: float, **more: Any) -> Post:
    return Post(
        **{
            "post_id": f"1790000000000{number:04d}",
            "shortcode": f"Cstandin{number:03d}",
            "posted_at": NOW - timedelta(days=days_old),
            "media_type": "IMAGE",
            "product_type": "FEED",
            "caption": f"Kari Nordmann leser i dag #Moa #tag{number}",
            "metrics": FINAL,
            **more,
        }
    )


class Wire:
    """The stand-in as a server: notes every call, and lets a test answer in its place."""

    def __init__(self, api: GraphApi) -> None:
        self.api = api
        self.calls: list[tuple[str, dict[str, list[str]]]] = []
        self.instead: Callable[[str, Query], Response | None] = lambda _path, _query: None
        api.route = self.handle

    def handle(self, path: str, query: dict[str, list[str]], headers: Mapping[str, str]) -> Response:
        self.calls.append((path, query))
        return self.instead(path, query) or self.api.handle(path, query, headers)

    def asked_metrics(self) -> list[list[str]]:
        """The metric lists of all calls for posts' insights so far, in order."""
        return [
            query["metric"][0].split(",")
            for path, query in self.calls
            if path.endswith("/insights") and ACCOUNT_ID not in path
        ]


class Bench:
    """One library: poll it at a moment, read what was landed, look into the lake."""

    def __init__(self, root: Path, wire: Wire, url: str) -> None:
        self.home = Home(root)
        self.wire = wire
        self.url = url
        self.options: dict[str, Any] = {
            "host": "${GRAPH_URL}",
            "allow_loopback": True,
            "account_id": ACCOUNT_ID,
            "token_env": "GRAPH_TOKEN",
            # Tests that are about them turn them on.
            "stories": False,
            "account_insights": False,
        }
        self.pauses: list[float] = []

    @property
    def configuration(self) -> Configuration:
        return configuration_of(
            self.home.root,
            [
                {
                    "source_id": "instagram_bench",
                    "family": "instagram",
                    "adapter": "instagram_graph",
                    "description": "The stand-in.",
                    "options": self.options,
                }
            ],
        )

    def poll(self, now: datetime = NOW, *, at: datetime | None = None, home: Home | None = None) -> Outcome:
        """One poll at `now`; the stand-in's clock stands at `at`, by default the same."""
        self.wire.api.now = at or now
        configuration = self.configuration
        session = Session(Limits(tries=2, backoff_seconds=0), allow_loopback=True)
        return poll(home or self.home, configuration, configuration.sources[0], now, session, self.pauses.append)

    def read(self) -> Outcome:
        return read_pending(self.home, self.configuration)["instagram_bench"]

    def rows(self, table: str) -> list[dict[str, Any]]:
        files = sorted((self.home.lake / table / "instagram_bench").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def facts(self, table: str) -> set[tuple[Any, ...]]:
        """What a table says, without where and when it was learnt."""
        lineage = {"receipt_id", "received_at", "blob_sha256", "pointer", "observed_at"}
        return {tuple(v for k, v in sorted(row.items()) if k not in lineage) for row in self.rows(table)}

    def statuses(self) -> dict[tuple[str, str], str]:
        """The status of each metric of each post; fails when one is told twice."""
        rows = self.rows("social_metric_observations")
        found = {(row["subject_id"], row["metric"]): row["value_status"] for row in rows}
        assert len(found) == len(rows)
        return found

    def receipts(self) -> list[Receipt]:
        return self.home.catalogue.receipts()


@pytest.fixture
def api() -> GraphApi:
    """The stand-in, without posts: a test gives it those it needs."""
    account = Account(ACCOUNT_ID, "standin_bibliotek", follows_count=12)
    return GraphApi(account, [], lambda moment: 1000 + (moment - NOW).days, token=TOKEN, now=NOW)


@pytest.fixture
def make() -> Callable[..., Post]:
    """Makes a post of a number and an age in days before the bench's usual moment."""
    return make_post


@pytest.fixture
def bench(api: GraphApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A library whose account is served by the stand-in, on a port of its own."""
    wire = Wire(api)

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # head and body in one segment: sent apart, the second waits 40 ms for the first's receipt

        def do_GET(self) -> None:
            self._reply(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        def _reply(self, told: str) -> None:
            response = api.serve(urlsplit(self.path).path, parse_qs(told), dict(self.headers.items()))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        api.base = url
        monkeypatch.setenv("GRAPH_URL", url)
        monkeypatch.setenv("GRAPH_TOKEN", TOKEN + "\n")
        bench = Bench(tmp_path / "home", wire, url)
        yield bench
        bench.home.catalogue.close()
        server.shutdown()
