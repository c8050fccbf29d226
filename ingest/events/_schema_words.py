"""What schema.org's words say of an event, for pages with JSON-LD and for OpenActive alike.

What belongs here: texts, types, status, places and organisations in whatever form they are written. What does not:
finding events (`schema_org`) and paging (`openactive`).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.events._feeds import Claim

_STATUSES = {
    "eventscheduled": ("scheduled", None),
    "eventcancelled": ("cancelled", None),
    "eventpostponed": ("postponed", None),
    "eventrescheduled": ("scheduled", "rescheduled"),
    "eventmovedonline": ("scheduled", "moved_online"),
}
_ORGANISED = frozenset({"Library", "LocalBusiness", "Corporation", "NGO", "School", "Museum", "SportsClub"})
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


def partners_of(node: Mapping[str, Any], own_names: Iterable[str]) -> list[str]:
    """Organisations that hold an event with the library; without the library's own names nobody is told from it."""
    own = {name.casefold() for name in own_names}
    named = [name for role in _ROLES for name in organisations_of(node.get(role))]
    return [name for name in named if own and name.strip().casefold() not in own]
