"""What schema.org's words say of an event, for pages with JSON-LD and for OpenActive alike.

What belongs here: texts, types, status, places and organisations in whatever form they are written. What does not:
finding events (`schema_org`) and paging (`openactive`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from ingest.events._feeds import Claim
from ingest.events._organisers import own_among
from ingest.events._words import ages
from ingest.wording import listed

_STATUSES = {
    "eventscheduled": ("scheduled", None),
    "eventcancelled": ("cancelled", None),
    "eventpostponed": ("postponed", None),
    "eventrescheduled": ("scheduled", "rescheduled"),
    "eventmovedonline": ("scheduled", "moved_online"),
}
_ORGANISED = frozenset({"Library", "LocalBusiness", "Corporation", "NGO", "School", "Museum", "SportsClub"})
# `7-9`, `11-`, `-6`, `16+`, `6 år`, with the words for years that people put behind them.
_AGES = re.compile(
    r"\s*(?:age[sd]?\s+|alder\s+)?(?P<first>[0-9]{1,3})?\s*(?:(?P<dash>[-\u2013\u2014]|to|til)\s*(?P<last>[0-9]{1,3})?|(?P<more>\+))?"
    r"\s*(?:år|years?|yrs?)?\s*",
    re.IGNORECASE,
)
_OLDEST = 120
_YEARS = frozenset({"", "ann", "year", "years", "yr", "yrs", "år"})
_MONTHS = frozenset({"mon", "month", "months", "måned", "måneder", "månad", "månader"})
_ROLES = ("organizer", "contributor")


def types_of(node: Mapping[str, Any]) -> set[str]:
    """A node's types, without the vocabulary's address or prefix."""
    kind = node.get("@type", node.get("type"))
    kinds = kind if isinstance(kind, list) else [kind]
    return {k.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for k in kinds if isinstance(k, str)}


def first_text(value: Any) -> str | None:
    """A text, or the first text of a list; the value of `{"@value": …}` and the id of `{"@id": …}`."""
    if isinstance(value, list):
        return next((text for item in value[:20] if (text := first_text(item)) is not None), None)
    if isinstance(value, dict):
        value = value.get("@value", value.get("@id", value.get("value")))
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip() or None


def status_of(value: Any, claim: Claim) -> str:
    """The status behind `eventStatus`: an address with http or https, a bare word, or an object that holds one."""
    if isinstance(value, dict):
        value = value.get("@id") or value.get("name") or value.get("url")
    text = first_text(value)
    if text is None:
        return "scheduled"
    status, flag = _STATUSES.get(text.rsplit("/", 1)[-1].casefold(), ("scheduled", "unknown_status"))
    if flag is not None:
        claim.flags.append(flag)
    return status


def place_of(value: Any, claim: Claim) -> str | None:
    """Where it is: names and addresses of places, `Online` for a virtual one, several joined by ` / `."""
    places = value if isinstance(value, list) else [value]
    return " / ".join(dict.fromkeys(text for p in places[:20] if (text := _one_place(p, claim)))) or None


def _one_place(value: Any, claim: Claim) -> str | None:
    if isinstance(value, str):
        return claim.say(value)
    if not isinstance(value, dict):
        return None
    if "VirtualLocation" in types_of(value):
        return "Online"
    address = value.get("address")
    parts = [first_text(value.get("name"))]
    if isinstance(address, dict):
        parts += [first_text(address.get(key)) for key in ("streetAddress", "addressLocality")]
    else:
        parts.append(first_text(address))
    told = [claim.say(part) for part in parts]
    return ", ".join(dict.fromkeys(part for part in told if part)) or None


def audiences_of(node: Mapping[str, Any], claim: Claim) -> str | None:
    """Target groups that an event names, and their ages as `age 3-6`; None where it tells none.

    Read are schema.org's `audience` (its `audienceType`, `name` and ages) and `typicalAgeRange`, and OpenActive's
    `ageRange`. A restriction by gender is no audience, and what is not told is not assumed: OpenActive's consumers are
    asked to take it for 18 and older, which would make a claim of nobody's.
    """
    groups: list[str | None] = []
    audience = node.get("audience")
    for item in (audience if isinstance(audience, list) else [audience])[:20]:
        if not isinstance(item, dict):
            groups.append(first_text(item))
        elif all(kind.endswith("Audience") for kind in types_of(item)):
            groups += [first_text(item.get("audienceType")), first_text(item.get("name"))]
            for kind in ("suggested", "required"):
                groups.append(ages(_years(item.get(f"{kind}MinAge")), _years(item.get(f"{kind}MaxAge"))))
            groups += _age_ranges(item.get("suggestedAge"))
    groups += [*_age_ranges(node.get("typicalAgeRange")), *_age_ranges(node.get("ageRange"))]
    return listed(claim.say_all(groups))


def _age_ranges(value: Any) -> list[str | None]:
    """Ages as a text (`7-9`, `11-`, `16+`, `6-12 år`) or as an object with both ends; other texts as they are."""
    found: list[str | None] = []
    for item in (value if isinstance(value, list) else [value])[:20]:
        if isinstance(item, dict) and not {"minValue", "maxValue"}.isdisjoint(item):
            unit = str(item.get("unitCode") or item.get("unitText") or "").casefold()
            span = 12 if unit in _MONTHS else 1
            if unit in _YEARS or span > 1:
                found.append(ages(*(_years(item.get(end), span) for end in ("minValue", "maxValue"))))
            continue
        text = first_text(item)
        told = _AGES.fullmatch(text) if text is not None else None
        if told is None:
            found.append(text)
        else:
            first, dash, last = told["first"], told["dash"], told["last"]
            found.append(ages(_years(first), _years(last if dash else first if not told["more"] else None)))
    return found


def _years(value: Any, parts: int = 1) -> int | None:
    """An age in whole years, rounded down; None for what is no age of a person.

    Args:
        parts: how many of the value's units make a year.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,3}(?:\.[0-9]{1,3})?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _OLDEST * parts:
        return None
    return int(value // parts)


def organisations_of(value: Any) -> list[str]:
    """Names of what is typed as an organisation. What has no type may be a person, and is left."""
    found = []
    for item in (value if isinstance(value, list) else [value])[:50]:
        if not isinstance(item, dict):
            continue
        kinds = types_of(item)
        name = first_text(item.get("name"))
        if name and "Person" not in kinds and any(k.endswith("Organization") or k in _ORGANISED for k in kinds):
            found.append(html.unescape(name))
    return found


def partners_of(node: Mapping[str, Any], own_names: tuple[str, ...]) -> list[str]:
    """Organisations that hold an event; none where nobody said which of them is the library."""
    return [name for role in _ROLES for name in organisations_of(node.get(role))] if own_names else []


def organised_by(node: Mapping[str, Any], own_names: tuple[str, ...]) -> bool | None:
    """Whether the library is among the organisers; None where none is named. People are not landed and count as nobody.

    A name without a type is compared as well, since it is never passed on.
    """
    organisers = node.get("organizer")
    told = (organisers if isinstance(organisers, list) else [organisers])[:50]
    named = [one for one in told if not isinstance(one, dict) or "Person" not in types_of(one)]
    return own_among([first_text(one.get("name") if isinstance(one, dict) else one) for one in named], own_names)
