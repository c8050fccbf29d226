"""The inbox: who may post, what is bounded, and that an acknowledged post is a stored one, whatever happens next."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
import yaml

import ingest.inbox as inbox_module
from benchmarks.inbox import LIBRARY, survive_kills
from ingest import config, landing
from ingest.catalogue import Catalogue
from ingest.config import Configuration
from ingest.errors import ConfigurationError, PermanentFailure
from ingest.home import Home
from ingest.inbox import Bucket, Capacity, GroupCommit, Inbox, Post, Refused, listen, server_of, unpacked
from ingest.landing import sha256_of
from ingest.pipeline import read_pending, write_receipts

NOW = datetime(2025, 6, 15, 15, 53, tzinfo=UTC)
SECRETS = {
    "TEST_TOKEN": "token-of-the-new-device",
    "TEST_OLD_TOKEN": "token-of-the-old-device",
    "TEST_PASSWORD": "p:å-password",
    "TEST_KEY": "signing-key-of-the-app",
    "TEST_VERIFY": "word-of-the-handshake",
}
BRICKSTREAM = (
    b'<?xml version="1.0"?><Metrics SiteId="s" Sitename="n" DeviceId="North Door" Devicename="n"><Properties>'
    b"<Version>2</Version><TransmitTime>1750002744</TransmitTime><MacAddress>00:b0:9d:be:30:13</MacAddress>"
    b"<Timezone>1</Timezone><DST>1</DST><SerialNumber>10000000</SerialNumber></Properties>"
    b'<ReportData Interval="1"><Report Date="2025-06-15"><Object Id="0" Name="1"><Count StartTime="17:51:00" '
    b'EndTime="17:52:00" UnixStartTime="1750002660" Enters="3" Exits="2" Status="4"/></Object></Report></ReportData>'
    b"</Metrics>"
)
BEARER = {"auth": "bearer", "secret_env": "TEST_TOKEN", "former_secret_env": "TEST_OLD_TOKEN"}
PUSHES: dict[str, dict[str, Any] | None] = {
    "door_bearer": {**BEARER, "max_body_bytes": 5000},
    "door_basic": {"auth": "basic", "username": "moa", "secret_env": "TEST_PASSWORD"},
    "door_hmac": {"auth": "hmac_sha256", "secret_env": "TEST_KEY", "verify_token_env": "TEST_VERIFY"},
    "door_serial": {"auth": "none_with_serials", "serials": ["10000000", "00:b0:9d:be:30:14"]},
    "door_serial_header": {"auth": "none_with_serials", "serials": ["B8A44FA89C85"], "serial_header": "X-Serial"},
    "door_slowed": {**BEARER, "posts_per_minute": 2},
    "door_keyless": {"auth": "bearer", "secret_env": "TEST_UNSET"},
    "door_disabled": BEARER,
    "door_xovis": BEARER,
    "door_files_only": None,
}


def description(folder: Path, pushes: dict[str, dict[str, Any] | None] = PUSHES) -> Configuration:
    """A library whose sources all read Brickstream messages, and push as told."""
    folder.mkdir()
    sources = [
        {
            "source_id": name,
            "family": "doors",
            "adapter": "xovis_v5" if "xovis" in name else "brickstream",
            "description": "Posted counts.",
            "enabled": name != "door_disabled",
            **({"push": push} if push else {}),
        }
        for name, push in pushes.items()
    ]
    (folder / "library.yaml").write_text(yaml.safe_dump(LIBRARY))
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}))
    (folder / "figures.yaml").write_text("figures: []\n")
    return config.load(folder)


@dataclass
class Running:
    """An inbox that listens on a free port."""

    home: Home
    configuration: Configuration
    inbox: Inbox
    port: int

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, source_id: str, body: Any, **headers: str) -> tuple[int, str]:
        """Post, and give the status and the reason of the refusal (empty when accepted)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, answer = self.ask("POST", f"/inbox/{source_id}", body, named)
        return status, json.loads(answer).get("error", "")

    def talk(self, *parts: bytes | float) -> bytes:
        """Raw bytes and pauses (seconds) over one connection; everything that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as wire:
            for part in parts:
                if isinstance(part, bytes):
                    wire.sendall(part)
                else:
                    time.sleep(part)
            back = b""
            while True:
                try:
                    piece = wire.recv(65536)
                except ConnectionResetError:
                    return back
                if not piece:
                    return back
                back += piece

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self.ask("GET", "/health")[2]))

    def stored(self) -> list[bytes]:
        return [self.home.body(r) for r in self.home.catalogue.receipts() if r.status == "ok"]

    def notes(self, count: int) -> list[str]:
        """Receipts of refusals, which nobody waits for: as soon as there are so many."""
        deadline = time.monotonic() + 10
        while True:
            told = [r.error or "" for r in self.home.catalogue.receipts() if r.status == "refused"]
            if len(told) >= count or time.monotonic() > deadline:
                return told
            time.sleep(0.02)


@contextlib.contextmanager
def running(tmp_path: Path, capacity: Capacity | None = None) -> Iterator[Running]:
    home, configuration = Home(tmp_path / "home"), description(tmp_path / "config")
    inbox = Inbox(home, configuration, lambda: NOW, environment=SECRETS, capacity=capacity)
    server, listener = server_of(inbox), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    try:
        yield Running(home, configuration, inbox, port)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as it:
        yield it


def bearer(token: str = SECRETS["TEST_TOKEN"]) -> str:
    return f"Bearer {token}"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def signed(body: bytes, key: str = SECRETS["TEST_KEY"]) -> str:
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def test_a_brickstream_post_becomes_rows_of_the_lake_without_further_code(box: Running) -> None:
    """The inbox knows no format and the adapter no HTTP; the receipt is all that lies between them."""
    status, _, _ = box.ask(
        "POST", "/inbox/door_bearer", BRICKSTREAM, {"Authorization": bearer(), "Content-Type": "text/xml"}
    )
    assert status == 200
    (receipt,) = box.home.catalogue.receipts()
    assert (receipt.source_id, receipt.how, receipt.status, receipt.origin) == (
        "door_bearer",
        "push",
        "ok",
        f"/inbox/door_bearer/{sha256_of(BRICKSTREAM)[:16]}",
    )
    assert (receipt.received_at, receipt.media_type, receipt.byte_count) == (NOW, "text/xml", len(BRICKSTREAM))
    outcome = read_pending(box.home, box.configuration, "doors")["door_bearer"]
    assert (outcome.blobs, outcome.rows["door_observations"], outcome.rejects) == (1, 1, 0)
    (file,) = (box.home.lake / "door_observations" / "door_bearer").glob("*.parquet")
    (row,) = pq.read_table(file).to_pylist()
    assert (row["in_count"], row["out_count"], row["receipt_id"]) == (3, 2, receipt.receipt_id)
    assert (row["device_key"], row["interval_start_at"].minute) == ("10000000", 51)
    assert write_receipts(box.home, box.configuration) == 1


@pytest.mark.parametrize(
    ("source_id", "headers", "status"),
    [
        ("door_bearer", {"Authorization": bearer()}, 200),
        ("door_bearer", {"Authorization": "bearer  " + SECRETS["TEST_TOKEN"]}, 200),
        ("door_bearer", {"Authorization": bearer(SECRETS["TEST_OLD_TOKEN"])}, 200),
        ("door_bearer", {"Authorization": bearer("token-of-the-new-devicf")}, 401),
        ("door_bearer", {"Authorization": bearer("")}, 401),
        ("door_bearer", {"Authorization": "Bearer"}, 401),
        ("door_bearer", {"Authorization": "Bearer \xe5"}, 401),
        ("door_bearer", {"Authorization": basic("moa:" + SECRETS["TEST_TOKEN"])}, 401),
        ("door_bearer", {}, 401),
        ("door_basic", {"Authorization": basic("moa:" + SECRETS["TEST_PASSWORD"])}, 200),
        ("door_basic", {"Authorization": basic("eva:" + SECRETS["TEST_PASSWORD"])}, 401),
        ("door_basic", {"Authorization": basic("moa:")}, 401),
        ("door_basic", {"Authorization": "Basic !!!"}, 401),
        ("door_basic", {"Authorization": bearer()}, 401),
        ("door_hmac", {"X-Hub-Signature-256": signed(BRICKSTREAM)}, 200),
        ("door_hmac", {"X-Hub-Signature-256": signed(BRICKSTREAM).removeprefix("sha256=").upper()}, 200),
        ("door_hmac", {"X-Hub-Signature-256": signed(BRICKSTREAM + b" ")}, 401),
        ("door_hmac", {"X-Hub-Signature-256": signed(BRICKSTREAM, "another key")}, 401),
        ("door_hmac", {"X-Hub-Signature-256": "sha256="}, 401),
        ("door_hmac", {}, 401),
        ("door_serial", {}, 200),
        ("door_serial_header", {"X-Serial": "b8a44fa89c85"}, 200),
        ("door_serial_header", {"X-Serial": "b8a44fa89c8"}, 401),
        ("door_serial_header", {}, 401),
    ],
)
def test_only_who_proves_itself_gets_in(box: Running, source_id: str, headers: dict[str, str], status: int) -> None:
    """Whoever can post can make visits; every kind of proof is tried right, nearly right and not at all."""
    got, told, _ = box.ask("POST", f"/inbox/{source_id}", BRICKSTREAM, headers)
    assert got == status
    assert box.stored() == [BRICKSTREAM] * (status == 200)
    assert ("www-authenticate" in told) == (status == 401)


def test_two_proofs_at_once_are_none(box: Running) -> None:
    """A proxy and the inbox could each look at another one of them."""
    proof = f"Authorization: {bearer()}\r\n".encode()
    head = b"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n"
    assert box.talk(head + proof + b"\r\nx").startswith(b"HTTP/1.1 200")
    assert box.talk(head + proof + proof + b"\r\nx").startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("serial", ["1000000", "100000001", "A10000000", "00b09dbe3014", ""])
def test_a_device_that_can_prove_nothing_must_be_named_whole_in_its_post(box: Running, serial: str) -> None:
    """Part of another's number is another device."""
    body = BRICKSTREAM.replace(b"10000000", serial.encode())
    assert box.post("door_serial", body) == (401, "unknown_serial")
    assert box.post("door_serial", body.replace(b"30:13", b"30:14")) == (200, "")  # upper or lower case, as spelt


def test_a_signature_is_checked_over_the_bytes_that_were_sent(box: Running) -> None:
    """Packed bytes are signed packed; an equal document in other bytes has another signature."""
    packed = gzip.compress(BRICKSTREAM, mtime=0)
    assert box.post("door_hmac", packed, Content_Encoding="gzip", X_Hub_Signature_256=signed(BRICKSTREAM))[0] == 401
    assert box.post("door_hmac", packed, Content_Encoding="gzip", X_Hub_Signature_256=signed(packed)) == (200, "")
    assert box.stored() == [BRICKSTREAM]


@pytest.mark.parametrize(
    ("source_id", "status", "reason"),
    [
        ("door_nowhere", 404, "unknown_source"),
        ("..%2fhealth", 404, None),
        ("door_files_only", 404, "no_push"),
        ("door_disabled", 403, "disabled"),
        ("door_keyless", 503, "misconfigured"),
    ],
)
def test_a_source_that_takes_no_posts_says_so(box: Running, source_id: str, status: int, reason: str | None) -> None:
    """A secret that is missing shuts its own source (try again later) and no other."""
    got, _, body = box.ask("POST", f"/inbox/{source_id}", b"x", {"Authorization": bearer()})
    assert got == status
    if reason is not None:
        assert json.loads(body)["error"] == reason
    assert box.stored() == []
    assert box.post("door_bearer", b"x", Authorization=bearer()) == (200, "")


def test_a_web_page_may_not_post(box: Running) -> None:
    """A device without proof could otherwise be played by any page that somebody on this machine has open."""
    assert box.post("door_serial", BRICKSTREAM, Origin="https://example.org") == (403, "from_a_browser")


# By name: packed bytes differ from second to second, and a test's name must not.
PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(BRICKSTREAM)),
    "its old name": ("x-gzip", gzip.compress(BRICKSTREAM)),
    "deflate in its envelope": ("deflate", zlib.compress(BRICKSTREAM)),
    "deflate without": ("Deflate", zlib.compress(BRICKSTREAM)[2:-4]),
    "nothing": ("identity", BRICKSTREAM),
}


@pytest.mark.parametrize("case", list(PACKED))
def test_a_packed_post_is_landed_unpacked(box: Running, case: str) -> None:
    """Packing is transport: the same message packed or not is one blob, and every adapter reads it."""
    coding, sent = PACKED[case]
    assert box.post("door_bearer", sent, Authorization=bearer(), Content_Encoding=coding) == (200, "")
    assert box.post("door_bearer", BRICKSTREAM, Authorization=bearer()) == (200, "")
    assert {r.blob_sha256 for r in box.home.catalogue.receipts()} == {sha256_of(BRICKSTREAM)}


BODIES: dict[str, tuple[str, Any, int, str]] = {
    "a coding we do not know": ("br", b"x", 415, "unknown_encoding"),
    "packed twice": ("gzip, gzip", gzip.compress(gzip.compress(b"x")), 415, "unknown_encoding"),
    "not packed at all": ("gzip", BRICKSTREAM, 400, "bad_encoding"),
    "cut off while packed": ("gzip", gzip.compress(BRICKSTREAM)[:-1], 400, "bad_encoding"),
    "bytes after the end": ("gzip", gzip.compress(BRICKSTREAM) + b"x", 400, "bad_encoding"),
    "two members": ("gzip", gzip.compress(BRICKSTREAM) + gzip.compress(BRICKSTREAM), 400, "bad_encoding"),
    "bytes after deflate": ("deflate", zlib.compress(BRICKSTREAM) + b"x", 400, "bad_encoding"),
    "nothing, packed": ("gzip", gzip.compress(b""), 400, "empty"),
    "nothing": ("", b"", 400, "empty"),
    "a byte too much, packed": ("gzip", gzip.compress(bytes(5001)), 413, "too_large"),
    "to the byte, packed": ("gzip", gzip.compress(bytes(5000)), 200, ""),
    "a byte too much": ("", bytes(5001), 413, "too_large"),
    "to the byte": ("", bytes(5000), 200, ""),
    "far too much": ("", bytes(900_000), 413, "too_large"),
    "too much in chunks": ("", [bytes(3000), bytes(3000)], 413, "too_large"),
    "to the byte in chunks": ("", [bytes(2500), bytes(2500)], 200, ""),
}


@pytest.mark.parametrize("case", list(BODIES))
def test_a_post_that_can_not_be_taken_whole_is_not_taken(box: Running, case: str) -> None:
    """To the byte: bodies with a length and bodies in chunks, packed and not; half a message is never landed."""
    coding, sent, status, reason = BODIES[case]
    headers = {"Content_Encoding": coding} if coding else {}
    body = iter(sent) if isinstance(sent, list) else sent
    assert box.post("door_bearer", body, Authorization=bearer(), **headers) == (status, reason)
    assert len(box.stored()) == (status == 200)
    assert box.health()["buffered_bytes"] == 0


def test_a_bomb_is_stopped_before_it_has_unpacked() -> None:
    """A thousand bytes on the wire must not become a gigabyte of memory."""
    layer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(layer.compress(bytes(1 << 20)) for _ in range(300)) + layer.flush()
    assert len(bomb) < 400_000
    started = time.process_time()
    with pytest.raises(Refused, match="too_large"):
        unpacked(bomb, "gzip", 1 << 20)
    assert time.process_time() - started < 0.5
    started = time.process_time()
    with pytest.raises(Refused, match="bad_encoding"):
        unpacked(gzip.compress(b"") * 50_000, "gzip", 1 << 20)
    assert time.process_time() - started < 0.5


def test_a_length_too_large_is_refused_before_the_body_is_read(box: Running) -> None:
    """The device that asks first is spared the sending."""
    head = (
        f"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\n"
        "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = box.talk(head.encode())
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert box.health()["sources"]["door_bearer"]["refused"] == {"too_large": 1}


def test_a_body_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    """Some hundred open connections would otherwise shut the inbox for everybody."""
    head = f"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\nContent-Length: 9\r\n\r\n"
    with running(tmp_path, Capacity(body_seconds=1.0)) as box:
        started = time.monotonic()
        answer = box.talk(head.encode() + b"12345")
        assert answer.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 5
        assert box.post("door_bearer", b"x", Authorization=bearer()) == (200, "")
        assert box.stored() == [b"x"]


def test_half_a_body_is_never_landed(box: Running) -> None:
    """A device that loses its connection sends again; what it began must not pass for a message."""
    head = f"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\n"
    for rest in ("Content-Length: 9\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"):
        with socket.create_connection(("127.0.0.1", box.port), timeout=5) as wire:
            wire.sendall((head + rest).encode())
            time.sleep(0.1)
    (note,) = box.notes(1)
    assert note.startswith("cut_off: ")
    deadline = time.monotonic() + 10
    while box.health()["sources"]["door_bearer"]["refused"] != {"cut_off": 2} and time.monotonic() < deadline:
        time.sleep(0.02)
    assert box.stored() == []
    assert box.health()["buffered_bytes"] == 0


def test_what_is_no_http_does_no_harm(box: Running) -> None:
    """Scanners find every port."""
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"POST / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        assert b" 400 " in box.talk(junk)
    long = b"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000 + b"\r\n\r\n"
    assert b" 400 " in box.talk(long)[:20]
    length = f"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\nContent-Length: "
    for number in ("-1", "1e3", "+5", "9" * 5000):
        assert box.talk((length + number + "\r\n\r\nxxxxx").encode())[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 413"}
    assert box.ask("PUT", "/inbox/door_bearer", b"x", {"Authorization": bearer()})[0] == 405
    assert box.ask("GET", "/")[0] == 404
    assert box.post("door_bearer", b"x", Authorization=bearer()) == (200, "")
    assert box.stored() == [b"x"]


def test_a_source_that_posts_too_much_is_slowed_and_the_others_are_not(box: Running) -> None:
    """A device in a loop must not take the disk from the other doors."""
    for body in (b"1", b"2"):
        assert box.post("door_slowed", body, Authorization=bearer()) == (200, "")
    status, headers, _ = box.ask("POST", "/inbox/door_slowed", b"3", {"Authorization": bearer()})
    assert status == 429
    assert 1 <= int(headers["retry-after"]) <= 30
    assert box.post("door_bearer", b"4", Authorization=bearer()) == (200, "")
    # Whoever proves nothing uses nothing of the allowance.
    for _ in range(5):
        assert box.post("door_bearer", b"5", Authorization=bearer("x"))[0] == 401
    assert box.post("door_bearer", b"6", Authorization=bearer()) == (200, "")


def test_an_allowance_grows_back_evenly() -> None:
    """Two a minute: two at once, then one every half minute, and never more than two saved up."""
    bucket = Bucket(2)
    assert [bucket.take(at) for at in (0, 0, 0)] == [0, 0, 30]
    assert bucket.take(29) == pytest.approx(1)
    assert bucket.take(30) == 0
    assert [bucket.take(at) for at in (1000, 1000, 1000)] == [0, 0, 30]


def handshake(token: str, challenge: str = "1158201444", mode: str = "subscribe") -> str:
    return f"/inbox/door_hmac?hub.mode={mode}&hub.challenge={challenge}&hub.verify_token={token}"


def test_a_webhook_shakes_hands_with_the_agreed_word_only(box: Running) -> None:
    """The platform asks once, by GET, and wants its challenge back bare."""
    status, headers, body = box.ask("GET", handshake(SECRETS["TEST_VERIFY"]))
    assert (status, body) == (200, b"1158201444")
    assert headers["content-type"].startswith("text/plain")
    for wrong in (
        handshake("another"),
        handshake(""),
        handshake(SECRETS["TEST_VERIFY"], mode="unsubscribe"),
        "/inbox/door_hmac",
    ):
        status, _, body = box.ask("GET", wrong)
        assert (status, json.loads(body)["error"]) == (403, "wrong_verify_token")
    for challenge in ("", "a" * 300, "%0d%0aSet-Cookie:x", "%C3%A5"):
        assert box.ask("GET", handshake(SECRETS["TEST_VERIFY"], challenge))[0] == 400
    status, headers, _ = box.ask("GET", "/inbox/door_bearer?hub.mode=subscribe&hub.challenge=1&hub.verify_token=")
    assert (status, headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [
        b'{"live_data":{"frames":[{"tracked_objects":[{"attributes":{"person_height":1.71,"gender":"FEMALE"}}]}]}}',
        b'{"live\\u005fdata":{"frames":[]}}',
        b'{"live_data":{"frames":[{"time":16843253',
    ],
    ids=["whole", "escaped", "cut"],
)
def test_tracks_of_single_persons_are_refused_before_they_are_stored(box: Running, body: bytes) -> None:
    """Refused by the parser alone, they would lie in landing for ever, which nothing is taken out of."""
    status, _, answer = box.talk(
        b"POST /inbox/door_xovis HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
        + f"{bearer()}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    ).partition(b"\r\n\r\n")
    assert b" 422 " in status.splitlines()[0]
    told = json.loads(answer)
    assert (told["error"], "LIVE_DATA" in told["next_action"]) == ("personal_data", True)
    assert box.stored() == []
    (note,) = box.notes(1)
    assert note.startswith("personal_data: ")
    assert "1.71" not in note
    assert box.health()["sources"]["door_xovis"]["refused"] == {"personal_data": 1}
    (receipt,) = box.home.catalogue.receipts()
    assert (receipt.status, receipt.blob_sha256, receipt.http_status) == ("refused", None, 422)


@pytest.mark.parametrize(
    "body", [b'{"logics_data":{"logics":[]}}', b'{"logics_data":{"logics":[{"name":"live_da', b"\xff"]
)
def test_counts_are_taken_as_they_come_also_when_they_can_not_be_read(box: Running, body: bytes) -> None:
    """The look at the door is for persons only: whatever else is wrong is for the parser to tell, from stored bytes."""
    assert box.post("door_xovis", body, Authorization=bearer()) == (200, "")
    assert box.stored() == [body]


def test_what_one_adapter_refuses_is_no_business_of_another(box: Running) -> None:
    """The word belongs to a make; in another one's message it is a name."""
    assert box.post("door_bearer", b'{"live_data": 1}', Authorization=bearer()) == (200, "")


def test_health_counts_everything_and_holds_no_secret(box: Running) -> None:
    """It is what a monitor looks at, and monitors are read by many."""
    box.post("door_bearer", b"x", Authorization=bearer())
    box.post("door_bearer", b"x", Authorization=bearer("wrong"))
    box.post("door_bearer", b"x", Authorization=bearer("wrong"))
    box.post("door_nowhere", b"x")
    box.ask("GET", handshake("wrong"))
    assert len(box.notes(2)) == 2
    health = box.health()
    assert health["status"] == "ok"
    assert (health["queue_length"], health["strangers"]) == (0, {"unknown_source": 1})
    assert health["started_at"] == "2025-06-15T15:53:00.000000Z"
    assert health["sources"]["door_bearer"] == {
        "state": "open",
        "accepted": 1,
        "refused": {"wrong_credentials": 2},
        "last_accepted_at": "2025-06-15T15:53:00.000000Z",
    }
    assert health["sources"]["door_hmac"]["refused"] == {"wrong_verify_token": 1}
    assert health["sources"]["door_hmac"]["last_accepted_at"] is None
    assert "TEST_UNSET" in health["sources"]["door_keyless"]["state"]
    assert health["sources"]["door_disabled"]["state"] == "disabled"
    assert "door_files_only" not in health["sources"]
    everything = json.dumps(health) + repr(vars(box.inbox)) + "".join(box.notes(2))
    assert not [name for name, secret in SECRETS.items() if secret in everything]


def test_refusals_leave_one_receipt_an_hour_however_many_there_are(
    box: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They must be seen where silence is looked into, and must not fill the disk for whoever knocks all day."""
    for _ in range(5):
        box.post("door_bearer", b"x", Authorization=bearer("wrong"))
    (note,) = box.notes(1)
    assert note.startswith("wrong_credentials: ")
    assert "(1 refused since" in note
    assert "secret_env" in note
    box.post("door_bearer", bytes(6000), Authorization=bearer())
    assert len(box.notes(2)) == 2
    monkeypatch.setattr(inbox_module, "REFUSAL_RECEIPT_SECONDS", 0.0)  # as if the hour were over
    box.post("door_bearer", b"x", Authorization=bearer("wrong"))
    assert "(5 refused since" in box.notes(3)[-1]
    for receipt in box.home.catalogue.receipts():
        assert (receipt.how, receipt.status, receipt.blob_sha256) == ("push", "refused", None)
        assert receipt.http_status in {401, 413}
    # A stranger's guesses at names leave nothing: they would be sources that nobody configured.
    box.post("door_nowhere", b"x")
    box.post("door_files_only", b"x")
    time.sleep(0.1)
    assert len(box.notes(3)) == 3
    assert all(not outcome.failures for outcome in read_pending(box.home, box.configuration).values())
    assert write_receipts(box.home, box.configuration) == 3


def test_redelivery_is_one_blob_and_two_receipts(box: Running) -> None:
    """A device that missed our answer sends again; that it did is worth knowing, and the bytes are the same."""
    for _ in range(2):
        assert box.post("door_bearer", BRICKSTREAM, Authorization=bearer()) == (200, "")
    first, second = box.home.catalogue.receipts()
    assert first.blob_sha256 == second.blob_sha256 == sha256_of(BRICKSTREAM)
    assert len([path for path in (box.home.landing / "blobs").rglob("*") if path.is_file()]) == 1
    assert read_pending(box.home, box.configuration)["door_bearer"].rows["door_observations"] == 1


def test_an_old_post_that_is_told_again_takes_no_correction_back(box: Running) -> None:
    """Bytes that come again under a name that held others since are news to the warehouse: a file was put back. A
    device that repeats an old message means nothing by it, so each message goes by a name of its own."""
    for body in (b"told", b"corrected", b"told"):
        assert box.post("door_bearer", body, Authorization=bearer()) == (200, "")
    first, correction, again = box.home.catalogue.receipts()
    assert first.origin == again.origin != correction.origin


def test_posts_at_once_are_neither_lost_nor_doubled(box: Running) -> None:
    """Every answer names the receipt of its own bytes, also inside one batch and with equal bytes among them."""
    bodies = [str(number % 60).encode() for number in range(150)]

    def send(body: bytes) -> tuple[bytes, int]:
        status, _, answer = box.ask("POST", "/inbox/door_bearer", body, {"Authorization": bearer()})
        assert status == 200
        return body, json.loads(answer)["receipt_id"]

    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(send, bodies))
    receipts = {receipt.receipt_id: receipt for receipt in box.home.catalogue.receipts()}
    assert sorted(receipt_id for _, receipt_id in told) == sorted(receipts) == list(range(1, 151))
    assert all(box.home.body(receipts[receipt_id]) == body for body, receipt_id in told)
    assert box.health()["sources"]["door_bearer"]["accepted"] == 150


Step = tuple[str, str]


def test_bytes_are_on_disk_before_their_receipt_and_the_receipt_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is the promise. A kill can't show it, since the kernel keeps what a dead process has written."""
    home, steps = Home(tmp_path), list[Step]()
    real_sync, real_record = os.fsync, Catalogue.record

    def fsync(handle: int) -> None:
        steps.append(("fsync", Path(f"/proc/self/fd/{handle}").resolve().name))
        real_sync(handle)

    def record(self: Catalogue, arrivals: Any, places: Any) -> Any:
        receipts = real_record(self, arrivals, places)
        steps.append(("commit", str(len(receipts))))
        return receipts

    writer = GroupCommit(home, home.catalogue, lambda: NOW, Capacity())
    big = bytes(landing.SMALL_BYTES + 1)
    bodies = [b"a", b"b", b"a", big]
    futures = [writer.offer(Post("door_bearer", body)) for body in bodies]
    for future in futures:
        future.add_done_callback(lambda done: steps.append(("answer", str(done.result().receipt_id))))
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Catalogue, "record", record)
    writer.start()
    writer.close()
    committed = steps.index(("commit", "4"))
    assert [step for step in steps[committed:] if step[0] != "fsync"] == [
        ("commit", "4"),
        ("answer", "1"),
        ("answer", "2"),
        ("answer", "3"),
        ("answer", "4"),
    ]
    synced = [name for kind, name in steps[:committed] if kind == "fsync"]
    assert synced.count(sha256_of(big)) == 1
    assert synced.index(sha256_of(big)) < synced.index(sha256_of(big)[:2]), "the folder after the file"
    assert synced.count(f"{sha256_of(b'a')}.tar") == 1, "small ones wait together"
    assert {"blobs", landing.SEGMENTS} <= set(synced), "a name that is not synced is undone by a power cut"
    # A place is known of what is on disk only; a file may not yet be synced by whoever wrote it.
    steps.clear()
    home.blobs.put_many([b"b", b"a"])
    assert steps == []
    home.blobs.put(big)
    assert ("fsync", sha256_of(big)) in steps


def test_a_batch_that_can_not_be_stored_is_acknowledged_to_nobody(
    box: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: 503 tells the device to come again, and the next batch is tried as if nothing had been."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        status, headers, body = box.ask("POST", "/inbox/door_bearer", b"x", {"Authorization": bearer()})
        assert (status, json.loads(body)["error"], headers["retry-after"]) == (503, "not_stored", "10")
        assert "No space left" in caplog.text
        assert box.notes(1)[0].startswith("not_stored: ")
    assert box.stored() == []
    assert box.post("door_bearer", b"x", Authorization=bearer()) == (200, "")
    assert box.health()["status"] == "ok"


def test_a_locked_catalogue_is_busy_and_not_an_error(tmp_path: Path) -> None:
    """A database browser with an open edit: the device comes again, and nothing is acknowledged meanwhile."""
    with running(tmp_path, Capacity(busy_seconds=0.2)) as box:
        holder = sqlite3.connect(box.home.landing / "catalogue.sqlite", isolation_level=None)
        holder.execute("begin immediate")
        status, headers, body = box.ask("POST", "/inbox/door_bearer", b"x", {"Authorization": bearer()})
        assert (status, json.loads(body)["error"]) == (503, "catalogue_busy")
        assert "retry-after" in headers
        assert box.ask("GET", "/health")[0] == 503
        holder.execute("rollback")
        holder.close()
        assert box.post("door_bearer", b"x", Authorization=bearer()) == (200, "")
        assert box.stored() == [b"x"]


class Disk(NamedTuple):
    """A disk that does not move until it is let go; `asked` is set once something is to be stored."""

    asked: threading.Event
    let_go: Callable[[], None]


@contextlib.contextmanager
def stuck(box: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Stop the inbox's disk."""
    asked, go = threading.Event(), threading.Event()
    real = landing.BlobStore.put_many

    def wait(self: Any, bodies: Any) -> Any:
        asked.set()
        go.wait(20)
        return real(self, bodies)

    monkeypatch.setattr(landing.BlobStore, "put_many", wait)
    try:
        yield Disk(asked, go.set)
    finally:
        go.set()


def test_more_than_can_wait_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded twice: by how many posts wait, and by how many bytes they hold."""
    with running(tmp_path, Capacity(queue_length=2, max_batch=1)) as box, stuck(box, monkeypatch) as disk:
        with ThreadPoolExecutor(6) as pool:
            posts = [pool.submit(box.post, "door_bearer", b"x", Authorization=bearer())]
            assert disk.asked.wait(20)  # it has left the queue
            posts += [pool.submit(box.post, "door_bearer", b"x", Authorization=bearer()) for _ in range(5)]
            deadline = time.monotonic() + 10
            while sum(post.done() for post in posts) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.1)
            assert [post.result() for post in posts if post.done()] == [(503, "busy")] * 3
            disk.let_go()
            assert sorted(post.result()[0] for post in posts) == [200] * 3 + [503] * 3
        assert len(box.stored()) == 3
    (tmp_path / "bytes").mkdir()
    with running(tmp_path / "bytes", Capacity(buffered_bytes=4000)) as box:
        assert box.post("door_bearer", bytes(4001), Authorization=bearer()) == (503, "busy")
        assert box.post("door_bearer", bytes(4000), Authorization=bearer()) == (200, "")


def test_a_post_that_waits_too_long_is_told_so_and_not_stored_behind_its_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender gives up after ten seconds and sends again; what has not been begun by then is dropped."""
    with running(tmp_path, Capacity(answer_seconds=1.0, max_batch=1)) as box:
        with stuck(box, monkeypatch) as disk, ThreadPoolExecutor(2) as pool:
            posts = [pool.submit(box.post, "door_bearer", body, Authorization=bearer()) for body in (b"1", b"2")]
            assert {post.result() for post in posts} == {(503, "not_stored")}
            disk.let_go()
        assert box.post("door_bearer", b"3", Authorization=bearer()) == (200, "")
        stored = box.stored()
        assert len(stored) == 2  # the one that the disk was at, and the one sent again
        assert stored[1] == b"3"


def test_a_description_without_pushes_starts_no_inbox(tmp_path: Path) -> None:
    """It would listen for nobody, and look as if all were well."""
    home = Home(tmp_path / "home")
    for name in ("door_disabled", "door_files_only"):
        configuration = description(tmp_path / name, {name: PUSHES[name]})
        with pytest.raises(ConfigurationError, match="push block"):
            Inbox(home, configuration, lambda: NOW, environment=SECRETS)


def test_it_listens_on_this_machine_only_and_says_who_has_the_port() -> None:
    """Tokens would cross the network in the clear; TLS is the proxy's."""
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1 only"):
        listen("0.0.0.0", 0)
    with listen("127.0.0.1", 0) as taken, pytest.raises(PermanentFailure, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.slow
def test_fifty_kills_lose_no_acknowledged_post(tmp_path: Path) -> None:
    """Power and patience end at any moment. What a device was told is stored must be stored, whole."""
    report = survive_kills(tmp_path, 50, seed=7)
    assert (report.missing, report.torn, report.unindexed) == (0, 0, 0)
    assert len(report.acknowledged) > 50
    assert report.broken >= 50
    # Stored, and killed before the answer: told again, so never fewer receipts than answers, and seldom more.
    assert 0 <= report.receipts - len(report.acknowledged) <= report.broken


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stores_what_it_has_taken_and_then_ends(
    tmp_path: Path, project: Path, number: signal.Signals
) -> None:
    """An upgrade at noon: posts under way are answered, the process ends with 0."""
    description(tmp_path / "config", {"door_bearer": BEARER})
    command = [sys.executable, "-m", "orchestration.cli", "inbox", "--port", "0"]
    command += ["--home", str(tmp_path / "home"), "--config", str(tmp_path / "config")]
    process = subprocess.Popen(
        command, cwd=project, env=os.environ | SECRETS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
        assert "/inbox/door_bearer: open" in process.stdout.readline()
        head = f"POST /inbox/door_bearer HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\nContent-Length: 4\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            wire.sendall(head.encode() + b"ab")
            time.sleep(1)
            process.send_signal(number)
            time.sleep(0.3)
            wire.sendall(b"cd")
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (0, "")
    assert "all that was taken is stored" in rest
    home = Home(tmp_path / "home")
    assert [home.body(receipt) for receipt in home.catalogue.receipts()] == [b"abcd"]
