"""What of a document may be landed: fields on an allow-list, and nothing that tells of people.

What belongs here: taking personal data out of JSON before it is landed. What does not: cleaning the words that stay
(`_words`), and which fields a system has (its own module). These systems put names, mail addresses and meeting
passwords beside their events; something new in an answer may be a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Spec = Mapping[str, Any]

# Keys under which these systems tell of people and ways to reach them, wherever they stand in a record.
PERSONAL_KEYS = frozenset(
    {
        *("attendee", "attendees", "author", "contactpoint", "creator", "editor", "email", "faxnumber", "givenname"),
        *("familyname", "hangoutlink", "conferencedata", "leader", "performer", "performers", "phone", "telephone"),
        *("sender", "actor", "owner", "accountableperson", "contact", "contacts", "contactperson", "onlinemeetingurl"),
    }
)


def pick(value: Any, spec: Spec) -> Any:
    """What an allow-list lets through. `True` passes texts, numbers and lists of them; a nested list its objects' keys.

    What has another form than the list says is left out: something new may be a name.
    """
    if isinstance(value, list):
        return [pick(item, spec) for item in value]  # None for what is no object: reading it tells that it was there
    if not isinstance(value, dict):
        return None
    kept = {}
    for name, rule in spec.items():
        if name not in value:
            continue
        told = value[name]
        if rule is True:
            items = told if isinstance(told, list) else [told]
            if not any(isinstance(item, dict | list) for item in items):
                kept[name] = told
        elif isinstance(told, dict | list):
            kept[name] = pick(told, rule)
    return kept


def texts(*languages: str) -> Spec:
    """The allow-list of a text told in several languages."""
    return dict.fromkeys(languages, True)


def only(value: Any, keys: Iterable[str]) -> Any:
    """An object's allowed keys, in its own order."""
    allowed = set(keys)
    return {k: v for k, v in value.items() if k in allowed} if isinstance(value, dict) else value


def impersonal(value: Any) -> Any:
    """A JSON value without the keys that tell of people (`PERSONAL_KEYS`), and without anybody typed as a person.

    Names are compared without case, signs and prefixes: `schema:email` and `E-Mail` are one.
    """
    if isinstance(value, list):
        return [impersonal(item) for item in value if not _is_person(item)]
    if isinstance(value, dict):
        return {
            key: impersonal(item)
            for key, item in value.items()
            if _bare_key(key) not in PERSONAL_KEYS and not _is_person(item)
        }
    return value


def _bare_key(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.rsplit(":", 1)[-1].casefold())


def _is_person(value: Any) -> bool:
    kind = value.get("@type", value.get("type")) if isinstance(value, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(k, str) and k.rsplit("/", 1)[-1].rsplit(":", 1)[-1] == "Person" for k in kinds)
