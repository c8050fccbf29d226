"""JSON of outside systems: read with guards, its values in the form that they were meant in, and written as landed.

What belongs here: rules that hold for any JSON document. What does not: a system's fields, and what may be kept of it
(`_minimising`).
"""

from __future__ import annotations

import json
import re
from typing import Any

from ingest.errors import UnreadableBody
from ingest.json_values import dicts_of, no_constant

# Deeper than any feed nests; what nests deeper is refused before it is walked.
MAX_DEPTH = 60
SHAPE_ACTION = (
    "Look at the answer with the publisher: the interface may have changed; then report it, the adapter must."
)


# -- reading --------------------------------------------------------------------------------------------------------


def loads(text: str, *, strict: bool = True) -> Any:
    """A JSON document that can be stored as text and is not nested without end.

    Raises:
        ValueError: it is none, holds NaN or half a surrogate pair, or is nested deeper than 60.
    """

    def number(digits: str) -> int:
        if len(digits) > 40:
            raise ValueError("not a number of this world")
        return int(digits)

    try:
        document = json.loads(text, parse_constant=no_constant, parse_int=number, strict=strict)
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested without end") from None
    if _depth(document) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return document


def _depth(document: Any) -> int:
    level, depth = [document], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


def read_json(body: bytes, max_bytes: int) -> Any:
    """The document of an answer or file.

    Raises:
        UnreadableBody: too large, empty or not JSON in UTF-8.
    """
    if len(body) > max_bytes:
        raise UnreadableBody(
            f"the body has more than {max_bytes} bytes.",
            reason="too_large",
            next_action="See what it holds; raise max_bytes in the source's options if it is right.",
        )
    if not body.strip():
        raise UnreadableBody("the body is empty.", reason="empty", next_action="The next poll asks again.")
    try:
        return loads(body.decode("utf-8-sig"))
    except ValueError:
        raise UnreadableBody(
            "the body is not JSON.",
            reason="not_json",
            next_action="See whether a log-in page or a proxy answers in the publisher's place.",
        ) from None


def as_bytes(document: Any) -> bytes:
    """A document as it is landed after its personal fields were taken out: the same for the same document."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


# -- values ---------------------------------------------------------------------------------------------------------


def names_of(value: Any, key: str = "name") -> tuple[Any, ...]:
    """One field of every object of a list."""
    return tuple(item.get(key) for item in dicts_of(value))


def count_of(value: Any) -> int | None:
    """A number of people: a whole number that is not negative, or its text; None for everything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,7}", value.strip()):
        return int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < 10_000_000 else None


# -- another form than promised -------------------------------------------------------------------------------------


def vendor_code(document: Any) -> str:
    """The system's own word for an error, if it is a word: sentences may quote the question."""
    if not isinstance(document, dict):
        return ""
    for name in ("code", "error", "status", "detail", "message"):
        value = document.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and re.fullmatch(r"[\w.-]{1,60}", str(value)):
            return str(value)
    return "an error" if {"error", "errors", "detail", "message"} & document.keys() else ""


def wrong_shape(document: Any, wanted: str) -> UnreadableBody:
    """The error for a body that is JSON and not the system's list: never an empty calendar."""
    code = vendor_code(document)
    return UnreadableBody(
        f"the answer holds no {wanted}{f' (it says {code})' if code else ''}.",
        reason="vendor_error" if code else "wrong_shape",
        next_action=SHAPE_ACTION,
    )
