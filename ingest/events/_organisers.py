"""Whether a source names the library as organiser, and how much of an organiser's name may be landed for that.

What belongs here: comparing the names that a source tells with the library's own (`own_names`). What does not: where a
system tells them (its own module), and what becomes of partners (`_records`, `_schema_words`). An organiser may be a
person, so that a name is compared and never passed on: what passes is yes, no, or nothing.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ingest.json_values import text_of
from ingest.wording import name_key

# Landed in place of a name that is not the library's. Read as a name that is another's, never as a text.
WITHHELD = "is_withheld"


@lru_cache(maxsize=4096)  # a calendar has a few organisers, and names them in every record
def _key(name: str) -> str:
    return name_key(html.unescape(name))


@lru_cache(maxsize=64)
def _keys(own_names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_key, own_names))


def is_own(name: Any, own_names: tuple[str, ...]) -> bool:
    """Whether a name is one of the library's own.

    The whole name must be equal, case, whitespace and entities aside. A part of it is not enough: in "Vik bibliotek,
    venneforeininga" others begin with the library's name. Who writes "Moa bibliotek, Ålesund kommune" is known by
    naming that too.
    """
    return _key(text_of(name)) in _keys(own_names)


def own_among(names: Iterable[Any], own_names: tuple[str, ...]) -> bool | None:
    """Whether the library is among those that a record names as organisers.

    Args:
        names: as told; `True` stands for one that was withheld before landing (`names_told`).
        own_names: of the library and its branches, as this source writes them.

    Returns:
        None where nobody is named, or nobody said what the library is called.
    """
    told = [name for name in names if name is True or _key(text_of(name))]
    return any(is_own(name, own_names) for name in told) if told and own_names else None


def names_told(organisers: Iterable[Mapping[str, Any]], *keys: str) -> list[Any]:
    """The names under some keys of each organiser, in their order; `True` for one that was withheld before landing."""
    return [True if one.get(WITHHELD) is True else one.get(key) for one in organisers for key in keys]


def only_own(told: Any, own_names: tuple[str, ...]) -> Any:
    """Organisers as they are landed where they may be people: the library's own names, and that others were named.

    Args:
        told: an object with nothing but names, or a list of such objects.
    """
    if isinstance(told, list):
        return [only_own(one, own_names) for one in told]
    if not isinstance(told, dict):
        return None
    own = {key: name for key, name in told.items() if is_own(name, own_names)}
    return own or ({WITHHELD: True} if any(_key(text_of(name)) for name in told.values()) else {})
