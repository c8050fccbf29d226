"""HTTP: what an outside server can and cannot make us do, tried against servers on loopback."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import http
from ingest.errors import IngestError, PermanentFailure, TransientFailure
from ingest.http import Answer, Limits, Session, redacted

SECRET = "S3CRETtoken"
PUBLIC = "93.184.216.34"


class Server:
    """A stand-in on a free port: `answers` maps a path to what is done with the request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.forms: list[dict[str, list[str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                with contextlib.suppress(ConnectionError):
                    outer.answers[urlsplit(self.path).path](self)

            def do_POST(self) -> None:
                outer.forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with headers; `_` in a name stands for `-`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def in_turn(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """One answer after the other; the last one stays."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def for_ever(status: int, piece: bytes, pause: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """A body that never ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.end_headers()
        while True:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    stand_in = Server()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()


@pytest.fixture
def other() -> Iterator[Server]:
    stand_in = Server()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()


QUICK = Limits(connect_seconds=1, read_seconds=1, tries=3, backoff_seconds=0.01)


def session(**changes: Any) -> Session:
    return Session(Limits(**{**QUICK.__dict__, **changes}), allow_loopback=True)


class Anywhere(Session):
    """A session whose guard is off, to see what follows a redirect to another host."""

    def _check(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "//example.org/",
        "example.org",
        "",
        "https://",
        "https://[::1/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "webcal:",
    ],
)
def test_only_https_is_asked(url: str) -> None:
    """Plain http lets anybody on the way change a figure; the rest are no addresses at all, and none may crash."""
    with pytest.raises(PermanentFailure) as caught:
        Session(QUICK).get(url)
    assert caught.value.reason == "address_refused"
    assert caught.value.next_action


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "localhost",
    ],
)
def test_private_addresses_are_refused_in_every_spelling(host: str) -> None:
    """A feed's address is typed by a person and changed by redirects: neither may reach the library's own network."""
    with pytest.raises(IngestError) as caught:
        Session(QUICK, allow_loopback=True).get(f"https://{host}/x")
    assert caught.value.reason in {"address_refused", "unreachable"}
    if caught.value.reason == "unreachable":
        assert "could not be resolved" in str(caught.value)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection takes any of them."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in (PUBLIC, "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(PermanentFailure, match="private address"):
        Session(QUICK).get("https://feed.example/")


def test_a_name_that_changes_its_address_after_the_check_gets_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS may answer twice in two ways; what counts is where the connection ended, before anything is said there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answers = iter([(PUBLIC, 443), ("127.0.0.1", port)])
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", next(answers))]
        )
        with pytest.raises(PermanentFailure, match="private address") as caught:
            Session(QUICK).get(f"https://feed.example/?key={SECRET}", auth=("user", SECRET))
        assert SECRET not in str(caught.value)
        listener.settimeout(1)
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(100) == b""


@pytest.mark.parametrize("name", ["x" * 70 + ".example", "feed..example", "no-such-name.invalid"])
def test_a_name_that_can_not_be_resolved_is_transient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that is down for an hour is the ordinary reason; also a name too long must not crash the poll."""
    real = socket.getaddrinfo

    def offline(host: str, *rest: Any, **more: Any) -> Any:
        host.encode("idna")  # what the real one does first, and where it fails with a UnicodeError
        if host.endswith(".invalid"):
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    with pytest.raises(TransientFailure, match="could not be resolved"):
        Session(QUICK).get(f"https://{name}/")


def test_loopback_is_allowed_by_its_flag_only(server: Server) -> None:
    """Stand-in vendors live there; so does everything else on this machine that trusts its neighbours."""
    server.answers["/a"] = reply(body=b"hello", ETag='"1"')
    with pytest.raises(PermanentFailure, match="not an https address"):
        Session(QUICK).get(f"{server.url}/a")
    assert server.asked == []
    answer = session().get(f"{server.url}/a")
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", '"1"')
    with pytest.raises(PermanentFailure):
        session().get(f"http://localhost:{server.server.server_port}/a")


def test_a_stand_in_may_not_redirect_to_another_port_of_this_machine(server: Server, other: Server) -> None:
    """The flag is for one stand-in: its answer must not make us call the web server next door."""
    other.answers["/admin"] = reply(body=b"inside")
    server.answers["/a"] = reply(302, Location=f"{other.url}/admin")
    with pytest.raises(PermanentFailure, match="not the local address"):
        session().get(f"{server.url}/a")
    assert other.asked == []


def test_a_public_server_may_not_redirect_to_loopback_even_with_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag forgotten in a configuration must not open the machine to every vendor."""
    asked: list[str] = []

    def one(_self: Session, url: str, *_: Any) -> Any:
        asked.append(url)
        return Answer(302, b"", {"location": "http://127.0.0.1:3000/graphql"}, redacted(url))

    monkeypatch.setattr(Session, "_one", one)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443))]
    )
    with pytest.raises(PermanentFailure, match="not the local address"):
        session().get("https://feed.example/")
    assert asked == ["https://feed.example/"]


def test_credentials_and_headers_stay_with_the_host_they_were_given_for(server: Server, other: Server) -> None:
    """A redirect is an outsider's wish: whoever it names must not be handed the key to the first host."""
    server.answers["/a"] = reply(302, Location="/b")
    server.answers["/b"] = reply(302, Location=f"{other.url}/c")
    other.answers["/c"] = reply(302, Location=f"{other.url}/d")
    other.answers["/d"] = reply(body=b"end")
    answer = Anywhere(QUICK).get(
        f"{server.url}/a",
        params={"access_token": SECRET},
        headers={"X-Api-Key": SECRET, "Authorization": SECRET, "Cookie": SECRET},
        auth=("user", SECRET),
    )
    assert answer.body == b"end"
    assert "x-api-key" in server.asked[0][1]
    assert "x-api-key" in server.asked[1][1], "the same host may know"
    assert "authorization" in server.asked[1][1]
    assert SECRET not in str(other.asked)
    assert not {"x-api-key", "authorization", "cookie"} & {name for _, headers in other.asked for name in headers}


def test_parameters_go_with_the_first_request_only(server: Server) -> None:
    """A redirect names its own query; ours added again would leak the token and could loop for ever."""
    server.answers["/a"] = in_turn(reply(302, Location="/b?page=2"), reply(302, Location="/c"))
    server.answers["/b"] = reply(302, Location=f"{server.url}/a")
    server.answers["/c"] = reply(body=b"end")
    answer = session().get(f"{server.url}/a", params={"token": SECRET, "from": "2024-01-01"})
    assert server.paths == [f"/a?token={SECRET}&from=2024-01-01", "/b?page=2", "/a", "/c"]
    assert answer.url == f"{server.url}/c"


def test_parameters_join_a_query_that_is_there_already(server: Server) -> None:
    """Vendors hand out addresses with a key in them."""
    server.answers["/a"] = reply()
    session().get(f"{server.url}/a?x=1", params={"y": "ø"})
    assert parse_qs(urlsplit(server.paths[0]).query) == {"x": ["1"], "y": ["ø"]}


@pytest.mark.parametrize("scheme", ["webcal", "WebCal"])
def test_webcal_is_https_by_another_name_and_keeps_its_parameters(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calendars are published as webcal://; only the scheme is replaced, not the same letters further on."""
    asked: list[tuple[str, Any]] = []

    def one(_self: Session, url: str, params: Any, headers: Any, *_: Any) -> Any:
        asked.append((url, params, headers))
        return Answer(200, b"", {}, redacted(url))

    monkeypatch.setattr(Session, "_one", one)
    monkeypatch.setattr(Session, "_check", lambda *_: None)
    Session(QUICK).get(f"{scheme}://h.example/c.ics?u=webcal://x", params={"a": 1}, headers={"If-None-Match": "1"})
    assert asked == [("https://h.example/c.ics?u=webcal://x", {"a": 1}, {"If-None-Match": "1"})]


@pytest.mark.parametrize(
    "location", ["/end", "end", "./end", "../a/end", "?x=1", "//127.0.0.1:{port}/a/end", "end#part"]
)
def test_relative_redirects_are_followed_as_the_standard_says(server: Server, location: str) -> None:
    """RFC 9110: the target is resolved against the address that was asked."""
    server.answers.update({path: reply(body=b"end") for path in ("/end", "/a/end")})
    server.answers["/a/start"] = in_turn(
        reply(307, Location=location.format(port=server.server.server_port)), reply(body=b"end")
    )
    assert session().get(f"{server.url}/a/start").body == b"end"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_end_at_the_limit(server: Server, status: int) -> None:
    """A loop must end, and be told as what it is."""
    server.answers["/a"] = reply(status, Location="/a")
    with pytest.raises(PermanentFailure, match="more than 3 times") as caught:
        session().get(f"{server.url}/a", params={"token": SECRET})
    assert caught.value.reason == "too_many_redirects"
    assert len(server.asked) == 4
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "location", ["https://[::1", "https://h:99999/", "javascript:alert(1)", "http://example.org/", "file:///etc/passwd"]
)
def test_a_redirect_to_nonsense_is_refused_and_not_a_crash(server: Server, location: str) -> None:
    """The header is the vendor's text: whatever stands there, the poll must be able to say what happened."""
    server.answers["/a"] = reply(302, Location=location)
    with pytest.raises(PermanentFailure) as caught:
        session().get(f"{server.url}/a")
    assert caught.value.reason == "address_refused"


def test_an_unchanged_answer_is_an_answer(server: Server) -> None:
    """304 is the ordinary reply to a conditional request, and 404 is for the fetcher to judge."""
    server.answers["/a"] = reply(304)
    server.answers["/b"] = reply(404, b"gone")
    assert session().get(f"{server.url}/a", headers={"If-None-Match": '"1"'}).status == 304
    assert server.asked[0][1]["if-none-match"] == '"1"'
    assert session().get(f"{server.url}/b").body == b"gone"


def test_a_decompression_bomb_is_stopped_at_the_cap_and_not_held_in_memory(server: Server) -> None:
    """A thousandfold is what gzip can do: measuring the compressed bytes would let it in."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 6)
    assert len(bomb) < 100_000
    server.answers["/bomb"] = reply(200, bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(PermanentFailure, match="more than 1000000 bytes") as caught:
            session(max_bytes=1_000_000).get(f"{server.url}/bomb")
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "too_large"


def test_the_cap_is_exact_and_can_be_set_per_request(server: Server) -> None:
    """An export that fits must not be refused for being the last byte long."""
    server.answers["/a"] = reply(200, gzip.compress(b"x" * 5000), Content_Encoding="gzip")
    assert session(max_bytes=10).get(f"{server.url}/a", max_bytes=5000).body == b"x" * 5000
    with pytest.raises(PermanentFailure):
        session(max_bytes=5000).get(f"{server.url}/a", max_bytes=4999)


def test_a_cut_or_spoiled_body_is_transient_and_never_half_an_answer(server: Server) -> None:
    """Half a CSV parses: landing it as whole would make a quiet day out of a bad line."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"only this")
        handler.close_connection = True

    def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nonly\r\n20\r\nthi")
        handler.close_connection = True

    server.answers.update({"/cut": cut, "/chunks": cut_chunks})
    server.answers["/gzip"] = reply(200, b"this is no gzip", Content_Encoding="gzip")
    for path in ("/cut", "/chunks", "/gzip"):
        with pytest.raises(TransientFailure, match="could not be reached"):
            session().get(server.url + path)


def test_chunks_are_put_together(server: Server) -> None:
    """Most live exports are sent in chunks, without a length."""

    def chunks(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in (b"one ", b"two ", b"x" * 200_000):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    server.answers["/a"] = chunks
    assert session().get(f"{server.url}/a").body == b"one two " + b"x" * 200_000


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_transient_statuses_are_tried_again(server: Server, status: int) -> None:
    """A vendor's restart takes a minute; the day's count must not."""
    server.answers["/a"] = in_turn(reply(status, b"busy"), reply(status), reply(body=b"here"))
    assert session().get(f"{server.url}/a", params={"q": "1"}).body == b"here"
    assert server.paths == ["/a?q=1"] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_permanent_statuses_are_asked_once(server: Server, status: int) -> None:
    """Repeating a wrong password locks accounts."""
    server.answers["/a"] = reply(status)
    assert session().get(f"{server.url}/a").status == status
    assert len(server.asked) == 1


def test_a_vendor_that_stays_busy_is_a_transient_failure(server: Server) -> None:
    """The next poll tries again; the receipt says how it ended."""
    server.answers["/a"] = reply(503, SECRET.encode())
    with pytest.raises(TransientFailure, match="answers 503") as caught:
        session().get(f"{server.url}/a", params={"token": SECRET})
    assert (caught.value.reason, len(server.asked)) == ("http_503", 3)
    assert SECRET not in str(caught.value)


def test_the_wait_that_a_vendor_asks_for_is_kept(server: Server) -> None:
    """Who comes back earlier is blocked for longer."""
    server.answers["/a"] = in_turn(reply(503, Retry_After="1"), reply(body=b"here"))
    start = time.monotonic()
    assert session().get(f"{server.url}/a").body == b"here"
    assert 1.0 <= time.monotonic() - start < 5


def test_a_long_wait_is_left_to_the_next_poll(server: Server) -> None:
    """Sleeping for the hour that a vendor names would hold up every other source, and the run's own limit."""
    server.answers["/a"] = reply(429, Retry_After="3600")
    start = time.monotonic()
    with pytest.raises(TransientFailure) as caught:
        session().get(f"{server.url}/a")
    assert time.monotonic() - start < 5
    assert caught.value.retry_after_seconds == 3600
    assert len(server.asked) == 1


def test_an_unreadable_wait_is_no_reason_to_give_up(server: Server) -> None:
    """Vendors write `soon`."""
    server.answers["/a"] = in_turn(reply(503, Retry_After="soon"), reply(body=b"here"))
    assert session().get(f"{server.url}/a").body == b"here"


def test_a_silent_server_is_left_after_the_read_limit(server: Server) -> None:
    """A hanging vendor must not hang the library's night run."""
    server.answers["/a"] = lambda _: time.sleep(3)
    start = time.monotonic()
    with pytest.raises(TransientFailure, match="could not be reached"):
        session(read_seconds=0.2, tries=2).get(f"{server.url}/a")
    assert time.monotonic() - start < 3
    assert len(server.asked) == 2


def test_a_trickling_server_is_left_after_the_body_limit(server: Server) -> None:
    """Each byte resets the read limit: without a limit on the whole, one a minute would hold us for weeks."""
    server.answers["/a"] = for_ever(200, b"x", 0.02)
    start = time.monotonic()
    with pytest.raises(TransientFailure, match="still sending") as caught:
        session(body_seconds=0.3).get(f"{server.url}/a")
    assert time.monotonic() - start < 3
    assert caught.value.reason == "too_slow"


def test_the_endless_body_of_a_busy_answer_is_not_read(server: Server) -> None:
    """Before another try the old answer is dropped, not read to an end that need not come."""
    server.answers["/a"] = in_turn(for_ever(503, b"x" * 1000, 0.01), reply(body=b"here"))
    start = time.monotonic()
    assert session().get(f"{server.url}/a").body == b"here"
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_endless_body_of_a_redirect_is_not_read(server: Server, status: int) -> None:
    """Only where it leads matters. requests would read it whole, past every cap of ours."""
    server.answers["/b"] = reply(body=b"here")

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", "/b")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 1000)

    server.answers["/a"] = endless
    start = time.monotonic()
    assert session().get(f"{server.url}/a").body == b"here"
    assert time.monotonic() - start < 3


def test_a_closed_port_is_transient_and_tells_no_secret() -> None:
    """requests puts the whole address into its error; the poll's receipt must not hold the token."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransientFailure, match="could not be reached") as caught:
        session().get(f"http://user:{SECRET}@127.0.0.1:{port}/x?key={SECRET}", params={"token": SECRET})
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__, "a printed traceback must not show requests' own text either"


def test_a_secret_that_can_not_be_a_header_is_a_permanent_failure_without_its_text(server: Server) -> None:
    """A token pasted with its line break is the ordinary reason; trying again would not help."""
    with pytest.raises(PermanentFailure, match="secret that is sent") as caught:
        session().get(f"{server.url}/a", headers={"Authorization": f"Bearer {SECRET}\r\nX: y"})
    assert SECRET not in str(caught.value)


def test_the_environments_proxy_and_netrc_are_not_used(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Both would show our secrets to somebody who was never configured."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login x password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    server.answers["/a"] = reply(body=b"direct")
    assert session().get(f"{server.url}/a").body == b"direct"
    assert other.asked == []
    assert "authorization" not in server.asked[0][1]


FORM = {"grant_type": "password", "password": SECRET}


def test_a_form_is_posted_and_its_answer_is_returned(server: Server) -> None:
    """Token endpoints want it in the body: in an address it would end in every log on the way."""
    server.answers["/token"] = reply(201, b"here")
    answer = session().post(f"{server.url}/token", data={**FORM, "user": "ø&="}, headers={"X-A": "1"})
    assert (answer.status, answer.body) == (201, b"here")
    assert server.forms == [{"grant_type": ["password"], "password": [SECRET], "user": ["ø&="]}]
    assert server.paths == ["/token"]
    assert server.asked[0][1]["content-type"] == "application/x-www-form-urlencoded"
    assert server.asked[0][1]["x-a"] == "1"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_form_is_an_answer(server: Server, status: int) -> None:
    """Whoever asked knows which secret it was."""
    server.answers["/token"] = reply(status)
    assert session().post(f"{server.url}/token", data=FORM).status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_form_is_not_sent_twice(server: Server, status: int) -> None:
    """A second token ends the first, and a second try counts as one towards a lock."""
    server.answers["/token"] = reply(status, Retry_After="1")
    with pytest.raises(TransientFailure, match=f"answers {status}") as caught:
        session().post(f"{server.url}/token", data=FORM)
    assert (len(server.asked), caught.value.retry_after_seconds) == (1, 1)
    assert SECRET not in str(caught.value)


def test_a_form_that_may_have_arrived_is_not_sent_again(server: Server) -> None:
    """After a silence nobody knows whether it was read."""
    server.answers["/token"] = lambda _: time.sleep(2)
    with pytest.raises(TransientFailure, match="could not be reached") as caught:
        session(read_seconds=0.2).post(f"{server.url}/token", data=FORM)
    assert len(server.asked) == 1
    assert SECRET not in str(caught.value)


def test_a_form_whose_connection_never_stood_is_transient() -> None:
    """Nothing was said, so nothing is lost; the next poll asks again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransientFailure, match="could not be reached") as caught:
        session().post(f"http://127.0.0.1:{port}/token", data=FORM)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_form_does_not_follow_a_redirect(server: Server, other: Server, status: int) -> None:
    """307 and 308 would have the password sent again, to whomever the answer names."""
    other.answers["/b"] = reply()
    server.answers["/token"] = reply(status, Location=f"{other.url}/b")
    with pytest.raises(PermanentFailure, match="redirects") as caught:
        session().post(f"{server.url}/token", data=FORM)
    assert caught.value.next_action
    assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize("url", ["http://example.org/", "https://10.0.0.1/", "https://localhost/", "ftp://h/", ""])
def test_a_form_goes_to_public_https_addresses_only(url: str) -> None:
    """The same guard as for questions: what is sent here is a password."""
    with pytest.raises(PermanentFailure) as caught:
        Session(QUICK).post(url, data=FORM)
    assert caught.value.reason == "address_refused"


def test_the_answer_to_a_form_is_capped(server: Server) -> None:
    """A token is short."""
    server.answers["/token"] = reply(200, b"x" * 5000)
    with pytest.raises(PermanentFailure, match="more than 1000 bytes"):
        session().post(f"{server.url}/token", data=FORM, max_bytes=1000)


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(WORDS, WORDS, st.booleans(), st.sampled_from(["https", "http", "webcal", "HTTPS"]))
def test_a_redacted_address_never_keeps_user_query_or_fragment(host: str, path: str, port: bool, scheme: str) -> None:
    """It goes into receipts, logs and reports, where several APIs' secrets would otherwise end."""
    place = f"{host}.example{':8443' if port else ''}"
    kept = redacted(f"{scheme}://{SECRET}:{SECRET}@{place}/{path}?{SECRET}={SECRET}&b#{SECRET}")
    assert SECRET.lower() not in kept.lower()
    assert kept == f"{scheme.lower()}://{place.lower()}/{path}"


@pytest.mark.parametrize(
    "url",
    [
        f"user:{SECRET}@example.org/x",
        f"user:{SECRET}",
        f"https://user:{SECRET}@[::1/x",
        f"https://user:{SECRET}@h:99999/",
        f"https:/?{SECRET}",
        f"https://?{SECRET}",
        f"https://#{SECRET}",
        f"mailto:{SECRET}",
        f"https:{SECRET}",
    ],
)
def test_a_broken_address_is_redacted_whole(url: str) -> None:
    """Where the parts can't be told apart, any of them may be the password."""
    assert redacted(url) == "(no address)"


def test_a_redacted_ipv6_address_stays_an_address() -> None:
    """Without its brackets the port could not be told from the host."""
    assert redacted("https://u:p@[2001:db8::1]:8443/x?y") == "https://[2001:db8::1]:8443/x"


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback as the library's own network, where `camera.lan` and `printer.lan` stand."""
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".lan") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(http, "PRIVATE_NETWORKS", (ipaddress.ip_network("127.0.0.0/8"),))


@pytest.mark.usefixtures("lan")
def test_a_device_of_the_librarys_own_network_is_asked_when_its_source_says_so(server: Server) -> None:
    """Cameras and gates stand there, and speak plain http; without the word nothing there is asked."""
    server.answers["/counts"] = reply(body=b"3")
    url = f"http://camera.lan:{server.server.server_port}/counts"
    with pytest.raises(PermanentFailure, match="not an https address"):
        Session(QUICK).get(url)
    assert server.asked == []
    device = Session(QUICK, allow_private_network=True)
    assert device.get(url, auth=("viewer", SECRET)).body == b"3"
    assert device.get(f"{server.url}/counts").body == b"3", "by its number, too"


@pytest.mark.usefixtures("lan")
def test_a_device_may_redirect_to_itself_and_to_no_neighbour(server: Server, other: Server) -> None:
    """A camera that somebody took over must not make us call the printer, or the pipeline's own servers."""
    device = Session(QUICK, allow_private_network=True)
    camera = f"http://camera.lan:{server.server.server_port}"
    server.answers["/a"] = reply(302, Location="/b")
    server.answers["/b"] = reply(body=b"4")
    assert device.get(f"{camera}/a").body == b"4"
    other.answers["/admin"] = reply(body=b"inside")
    for there in ("printer.lan", "127.0.0.1"):
        server.answers["/a"] = reply(302, Location=f"http://{there}:{other.server.server_port}/admin")
        with pytest.raises(PermanentFailure) as caught:
            device.get(f"{camera}/a")
        assert caught.value.reason == "address_refused"
    assert other.asked == []


@pytest.mark.usefixtures("lan")
def test_a_public_server_may_not_redirect_into_the_network_that_its_source_opened(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag set for a gate and left standing when the source moved to a vendor's cloud."""
    inside = f"http://camera.lan:{server.server.server_port}/counts"
    monkeypatch.setattr(http, "_is_public", lambda address: address == "127.0.0.2")
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.2" if host == "feed.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(http, "PRIVATE_NETWORKS", (ipaddress.ip_network("127.0.0.1/32"),))
    monkeypatch.setattr(Session, "_one", lambda *_, **__: Answer(302, b"", {"location": inside}, ""))
    with pytest.raises(PermanentFailure) as caught:
        Session(QUICK, allow_private_network=True).get("https://feed.example/")
    assert caught.value.reason == "address_refused"
    assert server.asked == []


def test_a_device_that_changes_its_address_after_the_check_gets_no_byte(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a camera may be made to lead elsewhere between our look and our call."""
    server.answers["/a"] = reply(body=b"inside")
    port = server.server.server_port
    answers = iter(["192.168.1.20", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
    )
    with pytest.raises(PermanentFailure, match="private address"):
        Session(QUICK, allow_private_network=True).get(f"http://camera.lan:{port}/a")
    assert server.asked == []


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "127.0.0.1", "[::1]", "0.0.0.0",
     "100.64.0.1", "224.0.0.1", "2852039166"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_link_local_addresses_and_this_machine_are_refused_even_then(scheme: str, host: str) -> None:
    """A cloud tells its secrets at 169.254.169.254 to whoever asks; no gate stands there."""
    with pytest.raises(IngestError) as caught:
        Session(QUICK, allow_private_network=True).get(f"{scheme}://{host}/latest/meta-data/")
    assert caught.value.reason == "address_refused"


def test_plain_http_to_a_public_address_is_refused_even_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The word opens the library's own network, and no way on which strangers listen."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(PermanentFailure, match="not an https address"):
        Session(QUICK, allow_private_network=True).get("http://feed.example/")
