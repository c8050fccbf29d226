"""Polling a feed: a stand-in server on loopback, and what is landed, asked again, refused and never told."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ical_bodies import calendar, event, feed_source

from ingest.catalogue import Receipt
from ingest.errors import PermanentFailure, TransientFailure
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.pipeline import Outcome, poll

NOW = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)
SECRET = "s3cret-t0ken-of-the-feed"
BODY = calendar(event("DTSTART:20260305T170000Z", "SUMMARY:Quiz"), header=("PRODID:-//Test//EN",))
QUICK = Limits(connect_seconds=2, read_seconds=5, tries=3, backoff_seconds=0.001, max_bytes=200_000)


@dataclass
class Feed:
    """A stand-in publisher: answers by path, remembers what it was asked."""

    port: int = 0
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, path: str, status: int, body: bytes = b"", **headers: str) -> str:
        """Add an answer; the last one of a path is given for ever."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(path, []).append((status, told, body))
        return self.url(path)


@pytest.fixture
def feed() -> Iterator[Feed]:
    standin = Feed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            standin.asked.append((self.path, dict(self.headers)))
            answers = standin.answers[self.path.split("?")[0]]
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            etag = headers.get("ETag")
            if status == 200 and etag and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standin.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield standin
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class World:
    home: Home
    configuration: Any = None

    def poll(self, url: str | None, at: datetime = NOW, **options: Any) -> Outcome:
        source = feed_source(url=url, allow_loopback=True, **options)
        with_limits = Limits(**{**QUICK.__dict__, "max_bytes": options.get("max_bytes", QUICK.max_bytes)})
        return poll(self.home, self.configuration, source, at, Session(with_limits, allow_loopback=True))

    @property
    def receipts(self) -> list[Receipt]:
        return self.home.catalogue.receipts()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Home(tmp_path))


def test_a_poll_lands_the_bytes_with_all_that_was_asked(feed: Feed, world: World) -> None:
    """Bytes first: what stands in landing is what came, with the window and the validators beside it."""
    url = feed.answer(
        "/events.ics",
        200,
        BODY,
        ETag='"v1"',
        Last_Modified="Mon, 05 Jan 2026 08:00:00 GMT",
        Content_Type="text/calendar",
    )
    assert world.poll(url).failures == []
    (receipt,) = world.receipts
    assert world.home.body(receipt) == BODY
    assert (receipt.status, receipt.http_status, receipt.how, receipt.origin) == ("ok", 200, "poll", url)
    assert (receipt.etag, receipt.last_modified) == ('"v1"', "Mon, 05 Jan 2026 08:00:00 GMT")
    assert receipt.media_type == "text/calendar"
    assert receipt.window_start_at == datetime(2024, 12, 31, 23, tzinfo=UTC)
    assert receipt.window_end_at == datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert receipt.is_complete is None


def test_an_unchanged_feed_is_a_receipt_without_bytes(feed: Feed, world: World) -> None:
    """A 304 costs nothing, and still proves that the feed was seen to be alive and the same."""
    url = feed.answer("/events.ics", 200, BODY, ETag='"v1"', Last_Modified="Mon, 05 Jan 2026 08:00:00 GMT")
    for hours in range(3):
        assert world.poll(url, NOW + timedelta(hours=hours), is_full=True).failures == []
    assert [(r.status, r.http_status, r.is_complete) for r in world.receipts] == [
        ("ok", 200, True),
        ("not_modified", 304, True),
        ("not_modified", 304, True),
    ]
    assert [r.blob_sha256 is None for r in world.receipts] == [False, True, True]
    assert feed.asked[2][1]["If-None-Match"] == '"v1"'
    assert feed.asked[2][1]["If-Modified-Since"] == "Mon, 05 Jan 2026 08:00:00 GMT"


def test_lines_about_people_never_reach_landing(feed: Feed, world: World) -> None:
    """Landing is kept for ever: names and addresses are removed before it, folded lines whole."""
    body = BODY.replace(
        b"END:VEVENT",
        b"ORGANIZER;CN=Kari Nordmann:mailto:kari@example.org\r\nATTENDEE;CN=Ola;ROLE=REQ-PARTICIPANT:mailto:ol\r\n"
        b" a@example.org\r\nEND:VEVENT",
    )
    world.poll(feed.answer("/events.ics", 200, body))
    assert world.home.body(world.receipts[0]) == BODY
    for file in world.home.root.rglob("*"):
        if file.is_file():
            assert b"Nordmann" not in file.read_bytes(), file
            assert b"mailto" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("events", "is_full", "is_complete"), [(29, True, True), (30, True, False), (31, True, True), (29, False, None)]
)
def test_a_round_number_of_events_is_a_suspected_cut(
    feed: Feed, world: World, events: int, is_full: bool, is_complete: bool | None
) -> None:
    """Thirty exactly is the default cap of a common exporter: what is missing then was not withdrawn."""
    body = calendar(*(event(f"UID:{n}", "DTSTART:20260305T170000Z") for n in range(events)))
    world.poll(feed.answer("/events.ics", 200, body), is_full=is_full)
    assert world.receipts[0].is_complete is is_complete


def test_a_page_that_is_no_calendar_is_landed_and_never_confirmed(feed: Feed, world: World) -> None:
    """The person who has to act sees what came; its ETag is forgotten, or a 304 would keep it alive."""
    url = feed.answer("/events.ics", 200, b"<html>Log in</html>", ETag='"login"')
    world.poll(url, is_full=True)
    world.poll(url, NOW + timedelta(hours=1), is_full=True)
    assert [(r.status, r.is_complete, r.etag) for r in world.receipts] == [("ok", False, None)] * 2
    assert world.home.body(world.receipts[0]) == b"<html>Log in</html>"
    assert "If-None-Match" not in feed.asked[1][1]


@pytest.mark.parametrize(("status", "word"), [(401, "secret"), (403, "shared"), (404, "address"), (410, "successor")])
def test_a_refusal_needs_a_person_and_says_what_to_do(feed: Feed, world: World, status: int, word: str) -> None:
    """Trying again changes nothing; the failed poll is a receipt of its own and brings no empty calendar."""
    outcome = world.poll(feed.answer("/events.ics", status, b"no"))
    (failure,) = outcome.failures
    assert isinstance(failure, PermanentFailure)
    assert (failure.reason, word in failure.next_action) == (f"http_{status}", True)
    (receipt,) = world.receipts
    assert (receipt.status, receipt.is_complete, receipt.blob_sha256) == ("failed", False, None)
    assert len(feed.asked) == 1


def test_a_failing_server_is_asked_again(feed: Feed, world: World) -> None:
    """A restart at the publisher must not be an outage of ours."""
    feed.answer("/events.ics", 500)
    feed.answer("/events.ics", 503)
    assert world.poll(feed.answer("/events.ics", 200, BODY)).failures == []
    assert (len(feed.asked), world.receipts[0].status) == (3, "ok")


def test_a_server_that_keeps_failing_is_a_transient_failure(feed: Feed, world: World) -> None:
    """It may pass by itself: no person is called."""
    (failure,) = world.poll(feed.answer("/events.ics", 500)).failures
    assert isinstance(failure, TransientFailure)
    assert len(feed.asked) == 3


def test_a_body_beyond_the_cap_is_not_read_to_its_end(feed: Feed, world: World) -> None:
    """Measured unpacked: two kilobytes on the wire may be two megabytes of calendar."""
    bomb = gzip.compress(b"X" * 2_000_000)
    (failure,) = world.poll(feed.answer("/events.ics", 200, bomb, Content_Encoding="gzip"), max_bytes=200_000).failures
    assert (failure.reason, isinstance(failure, PermanentFailure)) == ("too_large", True)
    assert world.receipts[0].blob_sha256 is None


def test_endless_redirects_end(feed: Feed, world: World) -> None:
    """Two addresses that point at each other are a mistake of the publisher."""
    (failure,) = world.poll(feed.answer("/a", 302, Location="/a")).failures
    assert (failure.reason, len(feed.asked)) == ("too_many_redirects", 4)


@pytest.mark.parametrize(
    "target", ["https://10.0.0.1/x.ics", "https://[::1]/x", "https://169.254.169.254/", "file:///etc"]
)
def test_a_redirect_into_the_own_network_is_refused(feed: Feed, world: World, target: str) -> None:
    """A publisher's server must not make ours ask the machines beside it."""
    (failure,) = world.poll(feed.answer("/a", 302, Location=target)).failures
    assert failure.reason == "address_refused"


def test_secrets_of_an_address_are_told_nowhere(
    feed: Feed, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Secret addresses carry the secret in the query or in the path; receipts, logs and errors are read by many."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("FEED_TOKEN", SECRET)
    monkeypatch.setenv("WHOLE_FEED", feed.url(f"/private-{SECRET}/basic.ics?key={SECRET}"))
    paths: list[Callable[[int], str]] = [
        lambda n: feed.url(f"/events-{n}.ics?token=${{FEED_TOKEN}}"),
        lambda n: feed.url("/private-${FEED_TOKEN}/basic.ics"),
        lambda n: "${WHOLE_FEED}",
    ]
    private = f"/private-{SECRET}/basic.ics"
    for status in (200, 404, 500, 302):
        feed.answers.clear()
        feed.answer(f"/events-{status}.ics", status, BODY, Location="https://10.0.0.1/x")
        feed.answer(private, status, BODY, Location=f"https://10.0.0.1{private}")
        for path in paths:
            for failure in world.poll(path(status)).failures:
                assert SECRET not in f"{failure!s} {failure!r} {failure.__cause__!r}"
    assert any(SECRET in path for path, _ in feed.asked)
    assert len(world.receipts) == 12
    assert SECRET not in str(world.receipts)
    assert SECRET not in caplog.text
    assert {r.origin for r in world.receipts if r.status == "ok"} == {
        feed.url("/events-200.ics"),
        feed.url("/private-${FEED_TOKEN}/basic.ics"),
        "${WHOLE_FEED}",
    }


def test_a_header_is_filled_from_the_environment_and_told_nowhere(
    feed: Feed, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The description of the library is public; its secrets are not in it."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("FEED_AUTHORISATION", f"Bearer {SECRET}")
    url = feed.answer("/events.ics", 200, BODY)
    world.poll(url, headers_env={"Authorization": "FEED_AUTHORISATION"})
    assert feed.asked[0][1]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in caplog.text + str(world.receipts)


def test_a_missing_variable_is_named_before_anything_is_asked(feed: Feed, world: World) -> None:
    """The message names the variable, and what to do."""
    outcomes = [
        world.poll(feed.url("/x?k=${NOT_SET_ANYWHERE}")),
        world.poll(feed.url("/x"), headers_env={"Authorization": "NOT_SET_ANYWHERE"}),
    ]
    for outcome in outcomes:
        assert "NOT_SET_ANYWHERE" in str(outcome.failures[0])
    assert feed.asked == []


def test_a_source_without_an_address_is_not_asked(world: World) -> None:
    """Libraries that send files: nothing to poll, and no failure about it."""
    assert world.poll(None).receipts == 0
    assert world.receipts == []
