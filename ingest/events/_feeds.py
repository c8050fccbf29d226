"""From a record of a feed, a page or a sheet to the row of one holding, for every publisher's document.

What belongs here: what such a record claims, and the rows and rejects of all of them, for DPL CMS, Google, OpenActive,
schema.org and the staff's sheet. What does not: fields of one of them (its own module), dates (`_spans`), and systems
that are asked for records page by page (`_records`).

A publisher's document is one telling: of two records with one id that differ, the first is kept and the other told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.adapters import Faulty, Reject
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.events._options import ClaimOptions
from ingest.events._organisers import is_own
from ingest.events._rows import Span, Words, bounded_id, event_row
from ingest.events._words import (
    MAX_DESCRIPTION,
    MAX_TEXT,
    TAG,
    clean,
    found_in,
    joined,
    kept,
    public_page,
    without_contacts,
)

# `Husflidslaget v/ Kari Nordmann`: the organisation stays, its representative does not.
_REPRESENTED = re.compile(r"\s*(?:\(?\s*\b[vV]\s?/|\(?\s*\b(?:kontakt|kontaktperson|contact)\b).*$", re.IGNORECASE)
# A number of six digits or more beside a name is a phone or an account, with or without its country.
_DIGITS = re.compile(r"(?:\d[ .]?){6,}")

FAULTS = {
    "not_a_record": ("the record is no object.", "Tell the publisher; the other records were read."),
    "no_id": ("the record has no id of its own.", "Ask the publisher; without one it can't be followed."),
    "no_start": ("the event has no start.", "Ask the publisher for its date; the other events were read."),
    "bad_start": (
        "the start is no date that can be read, or lies outside 1970-2100.",
        "Ask the publisher to mend it; the other events were read.",
    ),
    "bad_end": (
        "the end is no date that can be read.",
        "Ask the publisher to mend it; the other events were read.",
    ),
    "duplicate_id": (
        "an earlier record of this answer has the same id and says something else; that one was kept.",
        "Ask the publisher which is right.",
    ),
}


@dataclass
class Claim(Words):
    """What one record says about one holding. Texts are cleaned when they are told by `say`, never before."""

    pointer: str
    series_id: str
    dates: Span
    slot: str = ""
    is_recurring: bool = False
    is_override: bool = False

    def say(self, value: Any) -> str | None:
        """A text of the record, cleaned: entities and tags resolved, without addresses, numbers and links."""
        if not isinstance(value, str):
            return None
        bare = kept(clean(TAG.sub(" ", clean(value[: 4 * MAX_TEXT]))), self.flags)
        if bare is not None and "\ufffd" in bare:
            self.flags.append("damaged_letters")
        return bare

    def say_all(self, values: Iterable[Any]) -> str | None:
        """Several texts, joined in their order, each once."""
        return joined([self.say(value) for value in values])

    def say_partners(self, values: Iterable[Any], own_names: tuple[str, ...] = ()) -> str | None:
        """Names of organisations, the library's own left out; what stands behind `v/` or `kontakt` is a person."""
        partners = [self._partner(value) for value in values]
        return joined(name for name in partners if not is_own(name, own_names))

    def _partner(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        name = clean(TAG.sub(" ", value[:MAX_TEXT]))
        bare = without_contacts(_REPRESENTED.sub("", name)).strip(" .,;:!-–(")
        if bare != name.strip(" .,;:!-–("):
            self.flags.append("contact_removed")
        return bare if 2 <= len(bare) <= 120 and not _DIGITS.search(bare) else None

    def hide_words(self) -> None:
        """For private entries: the dates pass, the words stay behind, since they are the likeliest to name people."""
        self.is_public = False
        self.title = self.location = self.categories = self.partner_claims = self.audience_claims = self.url = None
        self.is_organised_by_library = None


def partners_in(text: Any, options: ClaimOptions) -> list[str]:
    """What the source's patterns find in a description. Nothing else of a description passes."""
    if not isinstance(text, str):
        return []
    return list(found_in(text[:MAX_DESCRIPTION], options.partner_patterns, options.partner_separators))


def short_id(value: Any, prefix: str = "") -> str | None:
    """A record's own id as text, cleaned; a long one by its hash. None when it has none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = clean(str(value)) if not isinstance(value, int) or value.bit_length() < 256 else ""
    return bounded_id(prefix + text, "id") if text else None


def page_of(value: Any) -> str | None:
    """A public address that a record tells; None for anything else."""
    return public_page(value) if isinstance(value, str) else None


def row_of(source: Source, claim: Claim) -> dict[str, Any]:
    """A claim as a row of event_observations."""
    return event_row(
        source.source_id,
        claim.series_id,
        claim.slot,
        claim.dates,
        claim,
        pointer=claim.pointer,
        flags=[*claim.dates.flags, *claim.flags],
        is_recurring=claim.is_recurring,
        is_override=claim.is_override,
    )


def rows_of(source: Source, claims: Iterable[Claim], rejects: list[Reject]) -> list[dict[str, Any]]:
    """Claims as rows, one per series and slot. Of two that differ the first is kept and the other rejected."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for claim in claims:
        row = row_of(source, claim)
        kept = rows.setdefault((claim.series_id, claim.slot), row)
        if kept["content_hash"] != row["content_hash"]:
            rejects.append(reject(claim.pointer, "duplicate_id"))
    return list(rows.values())


def reject(pointer: str, reason: str, faults: Mapping[str, tuple[str, str]] = FAULTS) -> Reject:
    """The reject for a fault that is known by its reason."""
    return Reject.of(pointer, reason, faults)


def wrong_shape(what: str) -> UnreadableBody:
    """The failure for JSON that is not this system's."""
    return UnreadableBody(
        f"the document has no {what}.",
        reason="wrong_shape",
        next_action="See whether the address in the source's options is right, or whether the publisher changed it.",
    )


def each(
    records: Sequence[Any], pointer: str, rejects: list[Reject], read: Callable[[str, dict[str, Any]], Claim | None]
) -> Iterator[Claim]:
    """Every record's claim; one that can't be read is a reject and costs only itself."""
    for number, record in enumerate(records):
        where = f"{pointer}[{number}]"
        if not isinstance(record, dict):
            rejects.append(reject(where, "not_a_record"))
            continue
        try:
            claim = read(where, record)
        except Faulty as fault:
            rejects.append(reject(where, fault.reason))
            continue
        if claim is not None:
            yield claim
