"""What is told of one holding, in the contract's terms, and the row that it becomes.

What belongs here: identity and hash, which mean the same for every system. What does not: how words and times of a
system are read (`_words`, `_spans`, `_record_times`), and what its records claim (`_records`, `_feeds`, `icalendar`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

MAX_UID = 300


class Span(NamedTuple):
    """A holding's dates, as event_observations stores them.

    Attributes:
        start_at, end_at: naive UTC, half-open.
        start_on, end_on: local dates, both included.
        has_time: false where only dates were told.
        zone: by which they were read.
        flags: doubts about them.
    """

    start_at: datetime
    end_at: datetime
    start_on: date
    end_on: date
    has_time: bool
    zone: str
    flags: tuple[str, ...]


@dataclass(kw_only=True)
class Words:
    """What a record says about itself, cleaned; nothing in it may name a person."""

    title: str | None = None
    location: str | None = None
    categories: str | None = None
    partner_claims: str | None = None
    audience_claims: str | None = None
    is_organised_by_library: bool | None = None
    status: str = "scheduled"
    is_public: bool = True
    sequence: int | None = None
    modified_at: datetime | None = None
    url: str | None = None
    flags: list[str] = field(default_factory=list)


def sha(text: str) -> str:
    """SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def bounded_id(text: str, kind: str) -> str:
    """An id; a long one by its hash, with its kind before it."""
    return text if len(text) <= MAX_UID else f"long-{kind}-{sha(text)[:20]}"


def event_row(
    source_id: str,
    series_id: str,
    slot: str,
    dates: Span,
    words: Words,
    *,
    pointer: str,
    flags: Iterable[str],
    is_recurring: bool = False,
    is_override: bool = False,
) -> dict[str, Any]:
    """One row of event_observations.

    Args:
        flags: all doubts, those of dates and words included, in the order in which they are told.

    Returns:
        The row. Its content hash leaves out what changes without the claim changing.
    """
    organised = words.is_organised_by_library
    told = {
        "series_id": series_id,
        "slot": slot,
        "start_at": dates.start_at,
        "end_at": dates.end_at,
        "has_time": dates.has_time,
        "title": words.title,
        "location": words.location,
        "categories": words.categories,
        "partner_claims": words.partner_claims,
        "status": words.status,
        "is_public": words.is_public,
        "url": words.url,
        # Fields that came later: who tells none of them keeps the hash that the claim had.
        **({"audience_claims": words.audience_claims} if words.audience_claims else {}),
        **({"is_organised_by_library": organised} if organised is not None else {}),
    }
    return {
        **told,
        "audience_claims": words.audience_claims,
        "is_organised_by_library": organised,
        "observation_id": sha("\n".join((source_id, series_id, slot)))[:32],
        "start_on": dates.start_on,
        "end_on": dates.end_on,
        "zone": dates.zone,
        "is_recurring": is_recurring,
        "is_override": is_override,
        "sequence": words.sequence,
        "modified_at": words.modified_at,
        "quality_flags": " | ".join(dict.fromkeys(flags)) or None,
        "content_hash": sha("\n".join(f"{key}={value}" for key, value in told.items()))[:32],
        "pointer": pointer,
    }
