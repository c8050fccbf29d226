"""The inbox: an HTTP receiver for sources that push. It stores what is posted, then answers; it reads nothing.

One look is had before: bodies that an adapter says tell of single persons (`Adapter.refuses`) are not stored at all.

What belongs here: guarding, bounding, storing and answering posts. What does not: parsing (the adapters do it, from
landing) and proof of senders (`ingest.inbox_auth`). TLS and the public name are a reverse proxy's. Where an adapter
minimises, what it leaves of a post is stored, because personal data must not be landed and sorted out later.

A post is answered 200 when its blob is fsynced and its receipt is committed, and not before. Waiting for the disk is
shared: posts that come while the disk works are stored together, in one batch with one commit. A batch that can't
be stored is told to all its senders as 503; whatever they send again is one more receipt of the same blob.

This is the edge of the house: the moments come from a clock that the caller hands in.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import queue
import signal
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ingest.adapters import Adapter, adapter_of
from ingest.catalogue import Arrival, Catalogue, Receipt, to_text
from ingest.config import Configuration, Push, Source
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure
from ingest.home import Home
from ingest.inbox_auth import SIGNED, Keys, body_is_proven, head_is_proven, keys_of, token_is_right
from ingest.landing import BlobStore, sha256_of

log = logging.getLogger("levende.inbox")

HOST, PORT = "127.0.0.1", 8650
# An attacker must not fill the disk with our notes about the attack.
REFUSAL_RECEIPT_SECONDS = 3600.0
DRAIN_BYTES, DRAIN_SECONDS = 1024 * 1024, 2.0
CHALLENGE_LENGTH = 256


@dataclass(frozen=True)
class Capacity:
    """How much is taken at once, and how long anything may last.

    Attributes:
        max_batch: posts that are stored with one commit; 1 turns sharing off.
        queue_length: posts that may wait for the disk.
        buffered_bytes: bytes of bodies held in memory, all posts together.
        body_seconds: within which a body must be here, whole.
        answer_seconds: within which a post is answered; The Things Stack gives up after ten.
        busy_seconds: how long a locked catalogue is waited for.
    """

    max_batch: int = 256
    queue_length: int = 1000
    buffered_bytes: int = 64 * 1024 * 1024
    body_seconds: float = 20.0
    answer_seconds: float = 9.0
    busy_seconds: float = 5.0


@dataclass(frozen=True)
class Kind:
    """A kind of refusal: the status it is answered with, what is wrong, and what to do about it."""

    status: int
    message: str
    next_action: str


REFUSALS = {
    "unknown_source": Kind(404, "no source of this name takes pushes", "Mend the address that the device posts to"),
    "no_push": Kind(404, "no source of this name takes pushes", "Give the source a push block in sources.yaml"),
    "disabled": Kind(403, "the source is not enabled", "Set enabled: true in sources.yaml, or stop the device"),
    "from_a_browser": Kind(403, "web pages may not post here", "Post from the device itself"),
    "wrong_credentials": Kind(
        401, "the sender did not prove itself", "Compare the device's secret with the one in secret_env"
    ),
    "wrong_signature": Kind(
        403, "the signature is missing or wrong", "Compare the app's secret with the one in secret_env"
    ),
    "unknown_serial": Kind(
        401, "the post names no device that is expected here", "Add its serial number to serials in sources.yaml"
    ),
    "wrong_verify_token": Kind(
        403, "the handshake's token is wrong", "Compare it with the one in the variable that verify_token_env names"
    ),
    "no_handshake": Kind(405, "this source takes posts only", "Set verify_token_env if it is a webhook"),
    "bad_request": Kind(400, "the request can't be understood", "Mend what the device sends"),
    "empty": Kind(400, "the post has no bytes", "Look whether the device has anything to report"),
    "bad_encoding": Kind(400, "the body is not what its Content-Encoding says", "Turn compression off at the device"),
    "unknown_encoding": Kind(415, "only gzip and deflate are unpacked", "Turn compression off at the device"),
    "too_large": Kind(
        413, "the body is larger than max_body_bytes", "Raise it in sources.yaml, or have the device send smaller posts"
    ),
    "not_minimised": Kind(
        422,
        "the body is not of the form that can be freed of personal data, so it is not kept",
        "See what the sender sends, and the source's page in docs/sources",
    ),
    "too_slow": Kind(408, "the body did not come in time", "Look at the device's connection"),
    "cut_off": Kind(400, "the connection ended within the body", "Look at the device's connection"),
    "personal_data": Kind(422, "the post tells of single persons; it was not stored", "Let the device send counts"),
    "too_many": Kind(429, "more posts than posts_per_minute", "Raise it in sources.yaml, or slow the device down"),
    "misconfigured": Kind(
        503, "a secret of this source is not set, or nobody knows its adapter", "Mend it and start the inbox again"
    ),
    "busy": Kind(503, "more posts wait than can be held", "See whether the disk is slow or somebody floods the inbox"),
    "catalogue_busy": Kind(503, "the catalogue is locked", "See docs/runbooks/landing.md for who holds it"),
    "not_stored": Kind(503, "the post could not be stored", "See the inbox's log, and the disk"),
}


class Refused(Exception):
    """A post, or a handshake, that is not accepted.

    Attributes:
        reason: a key of `REFUSALS`.
        next_action: where the adapter knows better than `REFUSALS` what to do.
        retry_after_seconds: when another try makes sense; None when it makes none.
        headers: what HTTP demands beside the status.
    """

    def __init__(
        self,
        reason: str,
        *,
        next_action: str | None = None,
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.reason = reason
        self.kind = REFUSALS[reason]
        if next_action is not None:
            self.kind = replace(self.kind, next_action=next_action)
        self.headers = dict(headers or {})
        if retry_after_seconds is None and self.kind.status == 503:
            retry_after_seconds = 10.0
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_seconds)))
        super().__init__(reason)


def unpacked(sent: bytes, encoding: str, limit: int) -> bytes:
    """A body without its content coding: the coding is transport, the landed blob is what it carried.

    Args:
        encoding: the Content-Encoding header; empty for none.
        limit: the largest result, in bytes. A body that would unpack to more is refused before it has.

    Raises:
        Refused: an unknown or a second coding, damaged or unfinished data, bytes after its end, or too much.
    """
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return sent
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Refused("unknown_encoding", headers={"Accept-Encoding": "gzip, deflate"})
    # `deflate` should be wrapped in zlib's envelope and often is not; that much is seen at its first byte.
    is_bare = coding == "deflate" and (not sent or sent[0] & 0x0F != 8)
    wbits = -zlib.MAX_WBITS if is_bare else zlib.MAX_WBITS if coding == "deflate" else zlib.MAX_WBITS | 16
    engine = zlib.decompressobj(wbits)
    try:
        body = engine.decompress(sent, limit + 1)
    except zlib.error:
        raise Refused("bad_encoding") from None
    if len(body) > limit:
        raise Refused("too_large")
    # A gzip of several members is refused with the rest: no device sends one, and 50,000 empty ones would cost seconds.
    if not engine.eof or engine.unused_data:
        raise Refused("bad_encoding")
    return body


class Bucket:
    """A source's allowance: so many posts a minute, and as many at once."""

    def __init__(self, per_minute: int) -> None:
        self._size = self._left = float(per_minute)
        self._seen_at: float | None = None

    def take(self, at: float) -> float:
        """Take one, or say for how many seconds there is none. `at` is in seconds and only grows."""
        elapsed = at - (self._seen_at if self._seen_at is not None else at)
        self._seen_at = at
        self._left = min(self._size, self._left + elapsed * self._size / 60)
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * 60 / self._size


@dataclass(frozen=True)
class Post:
    """What is to be stored: the bytes of a post, or a note without bytes that posts were refused."""

    source_id: str
    body: bytes | None
    media_type: str | None = None
    http_status: int | None = None
    error: str | None = None

    def arrival(self, received_at: datetime) -> Arrival:
        # A post has no name, so its bytes are it. Under one name for all of a source, an old post that is told again
        # would look like a file that was put back, and take back the correction that came after it.
        name = f"/{sha256_of(self.body)[:16]}" if self.body is not None else ""
        return Arrival(
            self.source_id,
            "push",
            received_at,
            self.body,
            status="ok" if self.body is not None else "refused",
            origin=f"/inbox/{self.source_id}{name}",
            http_status=self.http_status,
            media_type=self.media_type,
            error=self.error,
        )


Waiting = tuple[Post, "Future[Receipt]"]


class GroupCommit:
    """The one thread that stores posts: takes all that wait, writes their blobs, and commits their receipts at once.

    Small bodies of a batch go into one segment. A batch is stored whole or its senders are told that it was not. Blobs
    of a batch that failed may stay behind without a receipt, as after a killed writer.
    """

    def __init__(self, home: Home, catalogue: Catalogue, clock: Callable[[], datetime], capacity: Capacity) -> None:
        self._blobs = BlobStore(home.blobs.root, catalogue.places)
        self._catalogue, self._clock, self._capacity = catalogue, clock, capacity
        self._queue: queue.Queue[Waiting | None] = queue.Queue(capacity.queue_length)
        self._thread = threading.Thread(target=self._work, name="inbox-writer")
        self.is_failing = False

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Store what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    @property
    def queue_length(self) -> int:
        return self._queue.qsize()

    def offer(self, post: Post) -> Future[Receipt]:
        """Hand in a post; the future holds its receipt when both are on disk.

        Raises:
            queue.Full: too many wait already.
        """
        future: Future[Receipt] = Future()
        self._queue.put_nowait((post, future))
        return future

    def _batches(self) -> Iterator[list[Waiting]]:
        while (first := self._queue.get()) is not None:
            batch, closes = [first], False
            # No waiting for company: a batch fills by itself while the disk works on the one before.
            while len(batch) < self._capacity.max_batch:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    closes = True
                    break
                batch.append(following)
            # Whoever was told meanwhile that it takes too long sends again: not stored twice if it can be helped.
            yield [(post, future) for post, future in batch if future.set_running_or_notify_cancel()]
            if closes:
                return

    def _work(self) -> None:
        for batch in self._batches():
            try:
                receipts = self._store([post for post, _ in batch])
            except Exception as error:  # noqa: BLE001 - told to every sender of the batch; the next batch is tried
                self.is_failing = True
                log.error("a batch of %d posts was not stored: %s: %s", len(batch), type(error).__name__, error)
                for _, future in batch:
                    future.set_exception(error)
            else:
                self.is_failing = False
                for (_, future), receipt in zip(batch, receipts, strict=True):
                    future.set_result(receipt)

    def _store(self, posts: list[Post]) -> list[Receipt]:
        names, places = self._blobs.put_many(post.body for post in posts if post.body is not None)
        hashes = iter(names)
        # After the blobs: the recorded time is when it was stored, and a run's as-of must not overtake it by far.
        now = self._clock()
        return self._catalogue.record(
            [(post.arrival(now), next(hashes) if post.body is not None else None) for post in posts], places
        )


@dataclass
class Tally:
    """What came of a source's posts since the start."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    last_accepted_at: datetime | None = None


@dataclass
class Mailbox:
    """One configured source as the inbox sees it."""

    source: Source
    push: Push | None
    keys: Keys | None
    why_shut: str | None
    bucket: Bucket
    adapter: Adapter | None
    tally: Tally = field(default_factory=Tally)


class Inbox:
    """All mailboxes of a configuration, as a Starlette application (`app`).

    Args:
        clock: says now, aware.
        environment: where the secrets are looked up; a source whose secrets are missing is shut and says so, and
            the others are open.

    Raises:
        ConfigurationError: no enabled source has a `push` block.
    """

    def __init__(
        self,
        home: Home,
        configuration: Configuration,
        clock: Callable[[], datetime],
        *,
        environment: Mapping[str, str] | None = None,
        capacity: Capacity | None = None,
    ) -> None:
        self._clock, self._capacity = clock, capacity or Capacity()
        environment = os.environ if environment is None else environment
        self._mailboxes = {source.source_id: _mailbox(source, environment) for source in configuration.sources}
        if not any(box.push is not None and box.source.enabled for box in self._mailboxes.values()):
            raise ConfigurationError(
                "no enabled source takes pushes.",
                next_action="Give one a push block in sources.yaml; see docs/inbox.md.",
            )
        # Not the home's own: a device gives up long before a minute has passed.
        address = home.catalogue.engine.url.render_as_string(hide_password=False)
        self._catalogue = Catalogue(address, busy_seconds=self._capacity.busy_seconds)
        self._writer = GroupCommit(home, self._catalogue, clock, self._capacity)
        self._started_at = clock()
        self._buffered = 0
        self._strangers = Counter[str]()
        self._noted: dict[tuple[str, str], tuple[float, int]] = {}
        self.app = Starlette(
            routes=[
                Route("/inbox/{source_id}", self._inbox, methods=["GET", "POST"]),
                Route("/health", self._health, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )

    def mailboxes(self) -> dict[str, str]:
        """Sources that take pushes: `open`, or why not."""
        return {
            source_id: "disabled" if not box.source.enabled else box.why_shut or "open"
            for source_id, box in self._mailboxes.items()
            if box.push is not None
        }

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._writer.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._writer.close)
            self._catalogue.close()

    async def _health(self, _request: Request) -> Response:
        states = self.mailboxes()
        sources = {
            source_id: {
                "state": state,
                "accepted": (tally := self._mailboxes[source_id].tally).accepted,
                "refused": dict(sorted(tally.refused.items())),
                "last_accepted_at": to_text(tally.last_accepted_at) if tally.last_accepted_at else None,
            }
            for source_id, state in states.items()
        }
        is_well = not self._writer.is_failing
        return JSONResponse(
            {
                "status": "ok" if is_well else "failing",
                "started_at": to_text(self._started_at),
                "queue_length": self._writer.queue_length,
                "buffered_bytes": self._buffered,
                "strangers": dict(sorted(self._strangers.items())),
                "sources": sources,
            },
            status_code=200 if is_well else 503,
        )

    async def _inbox(self, request: Request) -> Response:
        box = self._mailboxes.get(request.path_params["source_id"])
        try:
            if box is None or box.push is None:
                raise Refused("unknown_source" if box is None else "no_push")
            if not box.source.enabled:
                raise Refused("disabled")
            if "origin" in request.headers:  # a page that somebody of the house has open; no device sends it
                raise Refused("from_a_browser")
            if box.keys is None or box.adapter is None:
                raise Refused("misconfigured")
            if request.method != "POST":
                return self._handshake(request, box.push, box.keys)
            receipt = await self._take(request, box, box.push, box.keys, box.adapter)
        except Refused as refused:
            return await self._refuse(request, box, refused)
        box.tally.accepted += 1
        box.tally.last_accepted_at = receipt.received_at
        return JSONResponse({"receipt_id": receipt.receipt_id})

    def _handshake(self, request: Request, push: Push, keys: Keys) -> Response:
        if push.verify_token_env is None:
            raise Refused("no_handshake", headers={"Allow": "POST"})
        asked = request.query_params
        challenge = asked.get("hub.challenge", "")
        is_right = token_is_right(keys, asked.get("hub.verify_token", ""))
        if asked.get("hub.mode") != "subscribe" or not is_right:
            raise Refused("wrong_verify_token")
        if not 0 < len(challenge) <= CHALLENGE_LENGTH or not challenge.isascii() or not challenge.isprintable():
            raise Refused("bad_request")
        return PlainTextResponse(challenge, headers={"X-Content-Type-Options": "nosniff"})

    async def _take(self, request: Request, box: Mailbox, push: Push, keys: Keys, adapter: Adapter) -> Receipt:
        if not head_is_proven(push, keys, request.headers):
            raise _unproven(push)
        with self._room() as room:
            sent = await self._read(request, push.max_body_bytes, room)
            if not sent:
                raise Refused("empty")
            encoding = ", ".join(request.headers.getlist("content-encoding"))
            if push.auth in SIGNED and not body_is_proven(push, keys, request.headers, sent, b""):
                raise _unproven(push)  # before unpacking: what a stranger packed is not opened
            body = await asyncio.to_thread(unpacked, sent, encoding, push.max_body_bytes) if encoding else sent
            if not body:
                raise Refused("empty")
            if push.auth not in SIGNED and not body_is_proven(push, keys, request.headers, sent, body):
                raise _unproven(push)
            if wait := box.bucket.take(time.monotonic()):
                raise Refused("too_many", retry_after_seconds=wait)
            if _looks(adapter) and (action := await asyncio.to_thread(adapter.refuses, body)):
                raise Refused("personal_data", next_action=action)
            if adapter.minimises:
                body = await asyncio.to_thread(_minimised, adapter, body)
            room(len(body) - len(sent))
            return await self._store(Post(box.source.source_id, body, _media_type(request), 200))

    @contextmanager
    def _room(self) -> Iterator[Callable[[int], None]]:
        """Room in memory for one body; given back at the end, whatever happens."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > 0 and self._buffered + count > self._capacity.buffered_bytes:
                raise Refused("busy")
            taken += count
            self._buffered += count

        try:
            yield take
        finally:
            self._buffered -= taken

    async def _read(self, request: Request, limit: int, room: Callable[[int], None]) -> bytes:
        """The body as sent. Also one that is sent in chunks, or is longer than it says, is stopped at the limit."""
        told = request.headers.get("content-length")
        if told is not None and int(told) > limit:  # digits: the server has refused anything else
            raise Refused("too_large")
        sent = bytearray()
        try:
            async with asyncio.timeout(self._capacity.body_seconds):
                async for chunk in request.stream():
                    if len(sent) + len(chunk) > limit:
                        raise Refused("too_large")
                    room(len(chunk))
                    sent += chunk
        except TimeoutError:
            raise Refused("too_slow") from None
        except ClientDisconnect:
            raise Refused("cut_off") from None
        return bytes(sent)

    async def _store(self, post: Post) -> Receipt:
        try:
            future = asyncio.wrap_future(self._writer.offer(post))
            return await asyncio.wait_for(future, self._capacity.answer_seconds)
        except queue.Full:
            raise Refused("busy") from None
        except TransientFailure as error:
            raise Refused("catalogue_busy" if error.reason == "catalogue_busy" else "not_stored") from None
        except Exception:  # noqa: BLE001 - the writer has logged it; the sender learns that it is not stored
            raise Refused("not_stored") from None

    async def _refuse(self, request: Request, box: Mailbox | None, refused: Refused) -> Response:
        if box is None or box.push is None:
            self._strangers[refused.reason] += 1
        else:
            box.tally.refused[refused.reason] += 1
            self._note(box.source.source_id, refused)
        whole = refused.reason not in {"too_slow", "cut_off"} and await _drained(request)
        kind, headers = refused.kind, refused.headers
        if not whole:
            headers["Connection"] = "close"
        content = {"error": refused.reason, "message": f"{kind.message}.", "next_action": f"{kind.next_action}."}
        return JSONResponse(content, status_code=kind.status, headers=headers)

    def _note(self, source_id: str, refused: Refused) -> None:
        """Keep a receipt of refusals: the first of a reason at once, then one an hour that says how many there were."""
        key, at = (source_id, refused.reason), time.monotonic()
        noted_at, count = self._noted.get(key, (-math.inf, 0))
        self._noted[key] = (noted_at, count + 1)
        if at - noted_at < REFUSAL_RECEIPT_SECONDS:
            return
        kind = refused.kind
        error = f"{refused.reason}: {kind.message} ({count + 1} refused since the last note of it). {kind.next_action}."
        try:
            future = self._writer.offer(Post(source_id, None, http_status=kind.status, error=error))
        except queue.Full:
            return  # the next refusal tries again, and counts this one
        self._noted[key] = (at, 0)
        log.warning("%s: %s", source_id, error)

        def not_kept(done: Future[Receipt]) -> None:
            if done.exception() is not None:
                self._noted[key] = (-math.inf, count + 1)

        future.add_done_callback(not_kept)


def _mailbox(source: Source, environment: Mapping[str, str]) -> Mailbox:
    keys, adapter, why_shut = None, None, None
    if source.push is not None:
        try:
            keys = keys_of(source.push, environment)
            adapter = adapter_of(source)  # by name alone: wrong options must not cost a post, the bytes are read later
        except ConfigurationError as error:
            why_shut = str(error)
    bucket = Bucket(source.push.posts_per_minute if source.push else 1)
    return Mailbox(source, source.push, keys, why_shut, bucket, adapter)


def _looks(adapter: Adapter) -> bool:
    """Whether the adapter has a word about what may be landed; most have none, and their posts wait for no thread."""
    return type(adapter).refuses is not Adapter.refuses


def _minimised(adapter: Adapter, body: bytes) -> bytes:
    try:
        return adapter.minimise(body, "")
    except Exception as error:  # noqa: BLE001 - whatever went wrong, what is not minimised must not be landed
        if not isinstance(error, IngestError):
            log.error("the minimiser of %s failed with %s", adapter.name, type(error).__name__)
        raise Refused("not_minimised") from None


def _unproven(push: Push) -> Refused:
    if push.auth == "none_with_serials":
        return Refused("unknown_serial", headers={"WWW-Authenticate": "Serial"})
    if push.auth == "meta_signature":
        return Refused("wrong_signature")
    schemes = {"bearer": "Bearer", "basic": 'Basic realm="inbox"', "hmac_sha256": "HMAC-SHA256"}
    return Refused("wrong_credentials", headers={"WWW-Authenticate": schemes[push.auth]})


def _media_type(request: Request) -> str | None:
    told = request.headers.get("content-type", "")
    return told if 0 < len(told) <= 100 and told.isascii() and told.isprintable() else None


async def _drained(request: Request) -> bool:
    """Read what is still coming, within bounds: who is cut off while sending never sees the answer."""
    if "expect" in request.headers:
        return False  # waits for our word before it sends
    count = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                count += len(chunk)
                if count > DRAIN_BYTES:
                    return False
    except (TimeoutError, ClientDisconnect):
        return False
    except RuntimeError:
        return True  # read to its end already
    return True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on this machine alone; port 0 takes a free one.

    Raises:
        ConfigurationError: another host than 127.0.0.1.
        PermanentFailure: the port is taken.
    """
    if host != HOST:
        raise ConfigurationError(
            f"the inbox listens on {HOST} only, not on {host}.",
            next_action="Put a reverse proxy with TLS in front of it; see docs/inbox.md.",
        )
    # The protocol by name: asyncio sends without delay only then, and an answer in two parts would wait for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PermanentFailure(
            f"port {port} can't be listened on ({error.strerror}).",
            reason="port_taken",
            next_action="Stop the other inbox, or choose another --port.",
        ) from error
    return listener


def server_of(inbox: Inbox) -> uvicorn.Server:
    """The HTTP server around an inbox. `run(sockets=[listen(…)])` serves until SIGTERM, and ends with the last batch.

    h11 rather than a faster parser: it bounds the head of a request. No access log: addresses hold handshake tokens.
    """
    config = uvicorn.Config(
        inbox.app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=512,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=15,
    )
    return uvicorn.Server(config)


def serve(
    home: Home,
    configuration: Configuration,
    clock: Callable[[], datetime],
    *,
    host: str = HOST,
    port: int = PORT,
    tell: Callable[[str], None] = log.info,
    capacity: Capacity | None = None,
) -> None:
    """Receive posts until SIGTERM or Ctrl-C; what has been taken is stored before it returns.

    Raises:
        ConfigurationError, PermanentFailure: it can't start.
    """
    listener = listen(host, port)
    try:
        inbox = Inbox(home, configuration, clock, capacity=capacity)
    except IngestError:
        listener.close()
        raise
    tell(f"inbox on http://{host}:{listener.getsockname()[1]}, until Ctrl-C")
    for source_id, state in inbox.mailboxes().items():
        tell(f"  /inbox/{source_id}: {state}")
    # The server raises the signal once more when it has shut down; that is the end asked for, and no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server_of(inbox).run(sockets=[listener])
    tell("inbox closed; all that was taken is stored")
