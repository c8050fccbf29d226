"""Reading the words and numbers of exports that people fetch: headers in several languages, numbers in several forms.

What belongs here: what the exports by staff share. What does not: columns and labels of one export. Nothing here puts a
cell's content into a message; headers are shown, masked where they look like data.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import yaml

MEASURED, MISSING = "measured", "missing"
NUMBER_FAULTS = {
    "mixed_separators": (
        "the number's signs are not those of the file's language, so it could be one number or another",
        "Export again, and don't open the file in a spreadsheet program before it is dropped.",
    ),
    "fraction_in_count": ("a count has decimals", "Export again; report it if it comes back."),
    "negative": ("a count is below zero", "Export again; report it if it comes back."),
    "no_number": ("the cell holds no number", "Export again; see the source's page for the columns that are read."),
    "too_large": ("the number is larger than any count can be", "Export again."),
}
_BLANK = frozenset({"", "-", "--", "–", "—"})
_SPACES = ("\u00a0", "\u202f", "\u2009", " ")
_MOST = 2**53
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")


def tables(name: str) -> dict[str, Any]:
    """A YAML table of this package, by its file's name."""
    text = (resources.files("ingest.instagram") / name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def header_key(text: str) -> str:
    """A header or label as it is compared: NFC, casefolded, without invisible signs, whitespace folded."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).casefold().split())


def looks_like_data(cell: str) -> bool:
    """Whether a cell of the first row is no header: an address, an id, a caption, several lines."""
    return any(sign in cell for sign in "@#\n\r") or sum(map(str.isdigit, cell)) > 6 or len(cell) > 60


def shown(headers: Iterable[str]) -> str:
    """Headers for a message: at most 8, masked where they look like data."""
    names = list(headers)
    told = ["(data)" if looks_like_data(h) else f"“{h.strip()}”" if h.strip() else "(blank)" for h in names[:8]]
    return ", ".join(told) + (", …" if len(names) > 8 else "")


def with_nearest(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Unknown headers for a message, each with the known name that it resembles most."""
    by_key = {header_key(name): name for name in known}
    told = []
    for name in unknown[:8]:
        near = difflib.get_close_matches(header_key(name), list(by_key), n=1, cutoff=0.6)
        told.append(shown([name]) + (f" (nearest known: “{by_key[near[0]]}”)" if near else ""))
    return ", ".join(told) + (", …" if len(unknown) > 8 else "")


class NumberForm(NamedTuple):
    """How a language writes numbers: the signs between thousands, and the one before decimals."""

    thousands: tuple[str, ...]
    decimal: str


def number_form(language: Mapping[str, Any]) -> NumberForm:
    """The form of a language of the tables."""
    return NumberForm(tuple(language["thousands"]), str(language["decimal"]))


def read_count(text: str, form: NumberForm) -> tuple[int | None, str]:
    """A cell as a count.

    Spaces of all kinds may stand between thousands in any language: they can't be mistaken for anything else.

    Returns:
        The number and `measured`, None and `missing`, or None and a key of `NUMBER_FAULTS`.
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).strip()
    if text in _BLANK:
        return None, MISSING
    if re.fullmatch("[-\u2212][0-9].*", text):
        return None, "negative"
    digits = text if re.fullmatch("[0-9]+", text) else None
    for sign in (*form.thousands, *_SPACES):
        if digits is None and re.fullmatch(rf"[0-9]{{1,3}}(?:{re.escape(sign)}[0-9]{{3}})+", text):
            digits = text.replace(sign, "")
    if digits is not None:
        value = int(digits) if len(digits) <= 20 else _MOST + 1
        return (value, MEASURED) if value <= _MOST else (None, "too_large")
    if re.fullmatch(rf"[0-9]+{re.escape(form.decimal)}[0-9]{{1,2}}", text):
        return None, "fraction_in_count"
    return None, "mixed_separators" if re.fullmatch(r"[0-9][0-9.,'’\s]*", text) else "no_number"
