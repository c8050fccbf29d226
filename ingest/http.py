"""HTTP as every fetcher uses it: polite, bounded, and silent about secrets.

Retries, pooling and `Retry-After` are requests' and urllib3's; what is ours is the guard: only https, no private
address at any hop (but the one device that a source of the library's own network names), few redirects, a cap on
decompressed bytes, and no query string or user name in any log.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader, InvalidURL, MissingSchema
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from ingest.errors import PermanentFailure, TransientFailure

# urllib3 writes whole addresses, query strings included, into its warnings about retries and its debug lines.
logging.getLogger("urllib3").setLevel(logging.ERROR)

USER_AGENT = "levende-tall"
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PRIVATE_ACTION = (
    "Configure a public address: a feed must not reach into the library's own network. For a device of that network "
    "set allow_private_network on its source."
)
# A library's own network. Not in it, and so never asked: link-local addresses, where clouds tell secrets to whoever
# asks, carriers' shared ones, loopback, multicast.
PRIVATE_NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# A cloud's door to its secrets that lies within a private network.
METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254")})


def redacted(url: str) -> str:
    """An address that may be logged and stored: no user name, no query, no fragment."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "(no address)"
    if not host:  # without a host the rest may be anything: `user:password@host/path` reads as a scheme and a path
        return "(no address)"
    if ":" in host:
        host = f"[{host}]"
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, "", ""))


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole and within bounds. `headers` are case-insensitive."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    url: str


@dataclass(frozen=True)
class Limits:
    """How much of the network's time and size one answer may take.

    `read_seconds` is the longest silence, `body_seconds` the longest that a body may trickle in. A server that
    asks for a longer wait than `retry_after_seconds` is not waited for; the next poll comes to it again.
    """

    connect_seconds: float = 10
    read_seconds: float = 60
    body_seconds: float = 300
    retry_after_seconds: float = 60
    max_bytes: int = 10 * 1024 * 1024
    max_redirects: int = 3
    tries: int = 4
    backoff_seconds: float = 1.0


def _refused(url: str, why: str, next_action: str) -> PermanentFailure:
    return PermanentFailure(f"{redacted(url)} {why}.", reason="address_refused", next_action=next_action)


def _busy(url: str, answer: Answer, says: str) -> TransientFailure:
    return TransientFailure(
        f"{redacted(url)} {says}.",
        reason=f"http_{answer.status}",
        next_action="Nothing to do if it passes; ask the vendor if it lasts a day.",
        retry_after_seconds=_retry_after(answer.headers),
    )


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.split("%")[0])
    # ::ffff:169.254.169.254 is the same place by another name.
    return getattr(found, "ipv4_mapped", None) or found


def _is_public(address: str) -> bool:
    found = _ip(address)
    return found.is_global and not found.is_multicast


def _is_private(address: str) -> bool:
    found = _ip(address)
    return found not in METADATA and any(found in network for network in PRIVATE_NETWORKS)


def _look_at(connected: socket.socket, url: str, is_allowed: Callable[[str], bool]) -> None:
    """Look at the address that was really reached: a name may resolve to another one than when it was checked."""
    if not is_allowed(str(connected.getpeername()[0])):
        connected.close()
        raise _refused(url, "leads to a private address", PRIVATE_ACTION)


def _pools(devices: set[str]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, by scheme, with connections that are looked at.

    Args:
        devices: hosts that were asked for and lie in the library's own network; no other may lead there.
    """

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            if self.host.strip("[]") in devices:  # else it is the stand-in on 127.0.0.1, which has no name to change
                _look_at(connected, f"http://{self.host}/", _is_private)
            return connected

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            _look_at(
                connected, f"https://{self.host}/", _is_private if self.host.strip("[]") in devices else _is_public
            )
            return connected

    plain = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
    encrypted = type("EncryptedPool", (HTTPSConnectionPool,), {"ConnectionCls": Encrypted})
    return {"http": plain, "https": encrypted}


class _Transport(HTTPAdapter):
    def __init__(self, devices: set[str], retry: Retry) -> None:
        self._devices = devices
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._devices)


class _Patience(Retry):
    """urllib3's retries, but no wait that would hold up the whole run, and no reading of a failed try's body."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        asked = None if response is None else _retry_after(response.headers)
        if asked is not None and asked > self.retry_after_max and _pool is not None:
            raise MaxRetryError(_pool, url or "")  # urllib3 then hands the answer out as it is
        following = super().increment(method, url, response, error, _pool, _stacktrace)
        if response is not None:
            response.close()  # urllib3 would read it to its end, which need not come
        return following

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        return _retry_after(response.headers)  # what can't be read (`soon`) is no wish, and no reason to give up


class _Direct(requests.Session):
    """requests without its own redirects: even when told not to follow them it would read their bodies whole."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait, or None when it does not say so in a readable way."""
    text = headers.get("Retry-After")
    try:
        return None if text is None else Retry().parse_retry_after(text)
    except HTTPError:
        return None


class Session:
    """A guarded `requests.Session`.

    Args:
        allow_loopback: whether plain http to 127.0.0.1 is allowed, for stand-in servers; nothing else is relaxed.
            Only the address asked for may be there: a redirect stays on that port, and one that comes from
            outside is refused, because other servers of this machine trust what calls from inside.
        allow_private_network: whether the host asked for may lie in the library's own network (`PRIVATE_NETWORKS`),
            by plain http too: cameras and gates have no certificate that anybody knows. Only that host: a redirect
            may not lead to another one there, and none of a host outside may lead in.
    """

    def __init__(
        self, limits: Limits | None = None, *, allow_loopback: bool = False, allow_private_network: bool = False
    ) -> None:
        self.limits = limits or Limits()
        self.allow_loopback = allow_loopback
        self.allow_private_network = allow_private_network
        self._devices: set[str] = set()
        self._session = _Direct()
        self._session.trust_env = False  # a proxy or .netrc from the environment must not see our secrets
        self._session.headers["User-Agent"] = USER_AGENT
        retry = _Patience(
            total=self.limits.tries - 1,
            connect=self.limits.tries - 1,
            redirect=0,
            status_forcelist=TRANSIENT_STATUSES,
            allowed_methods=frozenset({"GET", "HEAD"}),
            backoff_factor=self.limits.backoff_seconds,
            backoff_jitter=self.limits.backoff_seconds / 2,
            backoff_max=60,
            respect_retry_after_header=True,
            retry_after_max=int(self.limits.retry_after_seconds),
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Transport(self._devices, retry))

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """GET, following at most `max_redirects` hops, each of them checked. Credentials don't follow to another host.

        Returns:
            The answer, of any status that is not transient.

        Raises:
            PermanentFailure: the address is not allowed, redirects never end, or the body is larger than the cap.
            TransientFailure: still failing after the retries.
        """
        first = _split(url)
        if first.scheme == "webcal":
            first = first._replace(scheme="https")
        target = urlunsplit(first)
        for hop in range(self.limits.max_redirects + 1):
            self._check(target, first)
            parts = _split(target)
            same_host = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
            answer = self._one(
                target,
                params if hop == 0 else None,  # a redirect says itself what it wants to be asked
                headers if same_host else None,
                auth if same_host else None,
                max_bytes or self.limits.max_bytes,
            )
            if answer.status not in REDIRECTS:
                break
            try:
                target = urljoin(target, answer.headers.get("location", ""))
            except ValueError:
                raise _refused(target, "redirects to no address", "Tell the vendor; its answer is broken.") from None
        else:
            raise PermanentFailure(
                f"{redacted(url)} redirects more than {self.limits.max_redirects} times.",
                reason="too_many_redirects",
                next_action="Configure the address it ends at.",
            )
        if answer.status in TRANSIENT_STATUSES:
            raise _busy(url, answer, f"still answers {answer.status} after at most {self.limits.tries} tries")
        return answer

    def post(
        self,
        url: str,
        *,
        data: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """POST a form once: for token endpoints. Only a connection that never stood is tried again.

        Returns:
            The answer, of any status that is neither transient nor a redirect.

        Raises:
            PermanentFailure: the address is not allowed, the answer is a redirect (a form that holds a password is
                not sent on), or the body is larger than the cap.
            TransientFailure: the server is busy or can't be reached.
        """
        self._check(url, _split(url))
        answer = self._one(url, None, headers, None, max_bytes or self.limits.max_bytes, form=data)
        if answer.status in REDIRECTS:
            raise _refused(url, "redirects a form that holds a secret", "Configure the address that it leads to.")
        if answer.status in TRANSIENT_STATUSES:
            raise _busy(url, answer, f"answers {answer.status}")
        return answer

    def _one(
        self,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        auth: Any,
        cap: int,
        *,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """One question, answered whole: a GET, or a POST where there is a form."""
        try:
            with self._session.request(
                "GET" if form is None else "POST",
                url,
                params=params,
                data=form,
                headers=headers,
                auth=auth,
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.connect_seconds, self.limits.read_seconds),
            ) as response:
                body = bytearray()
                deadline = time.monotonic() + self.limits.body_seconds
                # read1 hands out what is there, decompressed: a small bomb is measured as it unpacks, and a server
                # that sends a byte a minute can't hold us.
                while response.status_code not in REDIRECTS:
                    chunk = response.raw.read1(64 * 1024, decode_content=True)
                    if not chunk:
                        break
                    body += chunk
                    if time.monotonic() > deadline:
                        raise TransientFailure(
                            f"{redacted(url)} was still sending after {self.limits.body_seconds:.0f} s.",
                            reason="too_slow",
                            next_action="Nothing to do if it passes; ask the vendor if it lasts a day.",
                        )
                    if len(body) > cap:
                        raise PermanentFailure(
                            f"{redacted(url)} sent more than {cap} bytes.",
                            reason="too_large",
                            next_action="See what it serves; raise max_bytes in the source's options if it is right.",
                        )
                return Answer(response.status_code, bytes(body), response.headers, redacted(url))
        except (InvalidURL, InvalidHeader, MissingSchema):
            raise _refused(url, "can't be asked", "Mend the address, or the secret that is sent as a header.") from None
        except (requests.RequestException, HTTPError) as error:
            # Never the error's own text: requests puts the whole address, secrets included, into it.
            raise TransientFailure(
                f"{redacted(url)} could not be reached ({type(error).__name__}).",
                reason="unreachable",
                next_action="Check the network and the address; the next poll tries again.",
            ) from None

    def _check(self, url: str, first: SplitResult) -> None:
        parts = _split(url)
        host = parts.hostname or ""
        if self.allow_loopback and parts.scheme == "http" and host == "127.0.0.1":
            if (first.hostname, first.port) != (host, parts.port):
                raise _refused(url, "is not the local address that was asked for", PRIVATE_ACTION)
            return
        may_be_private = self.allow_private_network and host == first.hostname
        if parts.scheme not in ({"https", "http"} if may_be_private else {"https"}) or not host:
            raise _refused(url, "is not an https address", "Configure the https address of the feed.")
        try:
            found = socket.getaddrinfo(host, parts.port or parts.scheme, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise TransientFailure(
                f"the name {host} could not be resolved.",
                reason="unreachable",
                next_action="Check the network and the address; the next poll tries again.",
            ) from None
        addresses = {str(entry[4][0]) for entry in found}
        if may_be_private and all(map(_is_private, addresses)):
            self._devices.add(host)
        elif not all(map(_is_public, addresses)):
            raise _refused(url, "leads to a private address", PRIVATE_ACTION)
        elif parts.scheme != "https":
            raise _refused(url, "is not an https address", "Configure the https address of the feed.")


def _split(url: str) -> SplitResult:
    """The address in its parts.

    Raises:
        PermanentFailure: it is none; the same, wherever in it the fault is (a port over 65535, a broken bracket).
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _refused(url, "is no address", "Mend the address.") from None
    return parts
