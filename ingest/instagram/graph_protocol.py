"""How the Graph API speaks, whatever is asked: scrubbing, usage headers, refusals, time stamps and pages.

What belongs here: pure functions of an answer's bytes and headers, for polls, pushes and token calls alike. What does
not: asking (`graph_client.py`), rows of the lake (`graph_answers.py`), and Meta's facts (`graph_reference.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from ingest.errors import UnreadableBody
from ingest.json_values import no_constant

# --- scrubbing -------------------------------------------------------------------------------------------------------

# Signed and changing at every call, or telling of a person: not asked for, and taken out should they come anyway.
_UNWANTED = frozenset({"media_url", "thumbnail_url", "profile_picture_url", "biography", "owner", "comments"})
_IN_ADDRESS = re.compile(
    r"\b(?:access_token|appsecret_proof|input_token|client_secret|fb_exchange_token)=[^&\s\"'<>]*&?"
)
_TOKEN_SHAPE = re.compile(r"\b(?:EAA|IGA|IGQ)[A-Za-z0-9_-]{20,}")
REMOVED = "(removed)"


def read_json(body: bytes) -> dict[str, Any]:
    """An answer as an object.

    Raises:
        UnreadableBody: it is no JSON object.
    """
    try:
        document = json.loads(body, parse_constant=no_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnreadableBody(
            "the answer is not a JSON object.", next_action="See whether a proxy or firewall answers in Meta's place."
        )
    return document


def scrubbed(value: Any, secrets: Sequence[str]) -> Any:
    """An answer without secrets and without what is not ours to keep.

    Args:
        secrets: literal values that must not survive, wherever they stand. Meta quotes a malformed token in its error
            text and puts the good one into `paging.next`.
    """
    if isinstance(value, dict):
        return {scrubbed(k, secrets): scrubbed(v, secrets) for k, v in value.items() if k not in _UNWANTED}
    if isinstance(value, list):
        return [scrubbed(v, secrets) for v in value]
    if isinstance(value, str):
        text = _IN_ADDRESS.sub("", value)
        for secret in secrets:
            for spelling in {secret, quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(spelling, REMOVED)
        return _TOKEN_SHAPE.sub(REMOVED, text)
    return value


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """JSON in one spelling. Pure ASCII, so that half an emoji in a caption can't break the landing."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")


# --- usage headers ---------------------------------------------------------------------------------------------------

_MEASURES = ("call_count", "total_time", "total_cputime")


@dataclass(frozen=True)
class Usage:
    """How much of the hour's allowance is spent.

    Attributes:
        percent: the highest of all measures that concern us; 100 is throttled.
        regain_minutes: the wait that Meta estimates, in minutes; 0 when it names none.
        app_percent: the highest of the app's own measures, which all its accounts share.
    """

    percent: float = 0.0
    regain_minutes: float = 0.0
    app_percent: float = 0.0

    def with_worse(self, other: Usage) -> Usage:
        """The tighter of two tellings, measure by measure: the answers of one batch may tell different ones."""
        return Usage(
            max(self.percent, other.percent),
            max(self.regain_minutes, other.regain_minutes),
            max(self.app_percent, other.app_percent),
        )


def usage_of(headers: Mapping[str, str]) -> Usage:
    """The allowance as the headers tell it; absent or malformed headers say nothing.

    `X-Business-Use-Case-Usage` is a list nested under each business id, `X-App-Usage` is flat.
    """
    spent, wait = [0.0], [0.0]
    app = _numbers(_header_json(headers, "X-App-Usage"), _MEASURES)
    spent += app
    for entries in _header_json(headers, "X-Business-Use-Case-Usage").values():
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and entry.get("type") == "instagram":
                spent += _numbers(entry, _MEASURES)
                wait += _numbers(entry, ("estimated_time_to_regain_access",))
    return Usage(max(spent), max(wait), max(app, default=0.0))


def _header_json(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    text = next((v for k, v in headers.items() if k.casefold() == name.casefold()), "")
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _numbers(entry: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    values = (entry.get(name) for name in names)
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


# --- refusals --------------------------------------------------------------------------------------------------------

Kind = Literal[
    "token",
    "permission",
    "limit",
    "busy",
    "blocked",
    "proof",
    "capability",
    "suppressed",
    "before_conversion",
    "unreachable",
    "unknown",
]

_LIMITS = frozenset({4, 17, 32, 341, 613, 80002})
_NAMED_METRIC = re.compile(r"\bthe (\w+) metric\b", re.IGNORECASE)
_NUMBERED_METRIC = re.compile(r"\bmetric\[(\d+)\] must be one of\b", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """An error answer, by Meta's table of codes.

    Attributes:
        kind: what follows from it.
        code, subcode, trace: what Meta's support asks for.
        metrics: for `capability` and `suppressed`, the asked metrics of which it is certain; empty when the answer
            speaks of a whole list without naming one.
    """

    kind: Kind
    code: int
    subcode: int
    trace: str
    metrics: tuple[str, ...] = ()

    @property
    def is_app_wide(self) -> bool:
        """A limit that all accounts of the app share."""
        return self.kind == "limit" and self.code == 4

    def __str__(self) -> str:
        """Numbers only: the vendor's own words may quote the token, and they come in the reader's language."""
        sub = f" ({self.subcode})" if self.subcode else ""
        return f"code {self.code}{sub}, fbtrace_id {self.trace or 'none'}"


def refusal_of(document: Mapping[str, Any], asked: Sequence[str] = ()) -> Refusal | None:
    """What an answer refuses, or None when it is no error. Codes decide; words only where a code has two meanings.

    Args:
        asked: the metrics that were asked for, in the order asked.
    """
    error = document.get("error")
    if error is None:
        return None
    error = error if isinstance(error, dict) else {}
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    message = str(error.get("message", ""))
    kind = _kind(code, subcode, message, is_transient=error.get("is_transient") is True)
    metrics: tuple[str, ...] = ()
    if kind in ("capability", "suppressed"):
        metrics = _certain(message, asked)
    trace = re.sub(r"[^\w-]", "", str(error.get("fbtrace_id", "")))[:64]
    return Refusal(kind, code, subcode, trace, metrics)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _kind(code: int, subcode: int, message: str, *, is_transient: bool) -> Kind:
    words = message.casefold()
    kind: Kind = "unknown"
    if code in (102, 190):
        kind = "token"
    elif code in _LIMITS:
        kind = "limit"
    elif code == 368:
        kind = "blocked"
    elif "before business account conversion" in words or (code, subcode) == (100, 2108006):
        kind = "before_conversion"
    elif code == 10 and "not enough viewers" in words:
        kind = "suppressed"
    elif code in (3, 10) or 200 <= code <= 299:
        kind = "permission"
    elif (code, subcode) == (100, 33):
        kind = "unreachable"
    elif code == 100 and "appsecret_proof" in words:
        kind = "proof"
    elif code == 100 and (_NAMED_METRIC.search(message) or _NUMBERED_METRIC.search(message)):
        kind = "capability"
    elif code in (1, 2) or is_transient:
        kind = "busy"
    return kind


def _certain(message: str, asked: Sequence[str]) -> tuple[str, ...]:
    """The asked metrics that an error text surely speaks of. A list of allowed names in it names nobody."""
    if len(asked) == 1:
        return tuple(asked)
    named = [m.casefold() for m in _NAMED_METRIC.findall(message)]
    places = {int(n) for n in _NUMBERED_METRIC.findall(message)}
    return tuple(m for i, m in enumerate(asked) if m.casefold() in named or i in places)


# --- times and pages -------------------------------------------------------------------------------------------------

_STAMP = "%Y-%m-%dT%H:%M:%S%z"


def moment_of(text: Any) -> datetime:
    """Meta's `2026-07-02T07:00:00+0000` as an aware moment.

    Raises:
        ValueError: it is no such text.
    """
    if not isinstance(text, str):
        raise ValueError("not a time stamp")
    return datetime.strptime(text, _STAMP).astimezone(UTC)


def has_next(document: Mapping[str, Any]) -> bool:
    """Whether a listing goes on. A page may be empty and still go on; only the absence of `next` ends it."""
    paging = document.get("paging")
    return isinstance(paging, dict) and bool(paging.get("next"))


def cursor_after(document: Mapping[str, Any]) -> str | None:
    """The cursor of the next page. `paging.next` itself is never followed: it carries the token."""
    cursors = (document.get("paging") or {}).get("cursors") if has_next(document) else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None
