"""Who may post: what a source proves itself by. Pure functions over headers and bytes; every compare is constant-time.

What belongs here: the kinds of proof that `Push.auth` names, and finding their secrets. What does not: answering
(`ingest.inbox`), and anything about what the bytes mean.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers

from ingest.config import Push
from ingest.errors import ConfigurationError

_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-f]{64})")
_META_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
# Kinds of proof that are a signature over the body as sent.
SIGNED = frozenset({"hmac_sha256", "meta_signature"})


@dataclass(frozen=True, repr=False)  # no repr: a traceback or a log must not show what opens the door
class Keys:
    """A source's secrets, as bytes. Any of `secrets` opens."""

    secrets: tuple[bytes, ...] = ()
    verify_token: bytes | None = None


def keys_of(push: Push, environment: Mapping[str, str]) -> Keys:
    """The secrets that a source's `push` block names.

    Raises:
        ConfigurationError: a variable is not set, or empty. A missing former secret opens nothing and is no error.
    """

    def value(name: str) -> bytes:
        if not environment.get(name):
            raise ConfigurationError(
                f"the environment variable {name} is not set.", next_action=f"Set {name} and start the inbox again."
            )
        return environment[name].encode("utf-8", "surrogateescape")

    secrets = [value(push.secret_env)] if push.secret_env else []
    if push.former_secret_env and environment.get(push.former_secret_env):
        secrets.append(value(push.former_secret_env))
    return Keys(tuple(secrets), value(push.verify_token_env) if push.verify_token_env else None)


def head_is_proven(push: Push, keys: Keys, headers: Headers) -> bool:
    """Whether the headers alone prove the sender, or at least don't yet disprove it where the body must."""
    if push.auth == "bearer":
        token = _credentials(headers, "bearer")
        return token is not None and _is_one_of(token, keys.secrets)
    if push.auth == "basic":
        given = _credentials(headers, "basic")
        try:
            pair = base64.b64decode(given, validate=True) if given is not None else b""
        except binascii.Error:
            return False
        name = (push.username or "").encode() + b":"
        return _is_one_of(pair, tuple(name + secret for secret in keys.secrets))
    if push.auth in SIGNED:
        return _signature(push, headers) is not None
    if push.serial_header is not None:
        named = headers.getlist(push.serial_header)
        return len(named) == 1 and named[0].strip().lower() in {serial.lower() for serial in push.serials}
    return True


def body_is_proven(push: Push, keys: Keys, headers: Headers, sent: bytes, body: bytes) -> bool:
    """Whether the body, too, proves the sender.

    Args:
        sent: the bytes as they came over the wire: what a signature is made over.
        body: the same, unpacked: where a serial number can be found.
    """
    if push.auth in SIGNED:
        digest = _signature(push, headers)
        expected = tuple(hmac.digest(secret, sent, "sha256").hex().encode() for secret in keys.secrets)
        return digest is not None and _is_one_of(digest, expected)
    if push.auth == "none_with_serials" and push.serial_header is None:
        return any(_names(body, serial) for serial in push.serials)
    return True


def token_is_right(keys: Keys, token: str) -> bool:
    """Whether a webhook's handshake says the agreed word."""
    return keys.verify_token is not None and _is_one_of(token.encode(), (keys.verify_token,))


def _credentials(headers: Headers, scheme: str) -> bytes | None:
    given = headers.getlist("authorization")
    if len(given) != 1:
        return None
    said, _, credentials = given[0].partition(" ")
    return credentials.strip().encode("latin-1") if said.lower() == scheme else None


def _signature(push: Push, headers: Headers) -> bytes | None:
    given = headers.getlist(push.signature_header)
    form = _META_SIGNATURE if push.auth == "meta_signature" else _SIGNATURE
    found = form.fullmatch(given[0].strip().lower()) if len(given) == 1 else None
    return found.group(1).encode() if found else None


def _is_one_of(given: bytes, secrets: tuple[bytes, ...]) -> bool:
    # All of them, always: how long it takes must not say which one was nearly right.
    return any([hmac.compare_digest(given, secret) for secret in secrets])  # noqa: C419 - a list, not a short cut


def _names(body: bytes, serial: str) -> bool:
    # Whole: `1000` is not the device that says `10000000`.
    wanted = rb"(?<![0-9A-Za-z])" + re.escape(serial.encode()) + rb"(?![0-9A-Za-z])"
    return re.search(wanted, body, re.IGNORECASE) is not None
