"""What may be taken from a caption. A caption is written by people about people: only its tags leave `ingest`, and of
the accounts and addresses in it those that the source's options name beforehand, which are the library's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl

from ingest.adapters import Options
from ingest.config import CaptionReference

_HASHTAG = re.compile(r"[#＃](\w+)")
# Not inside an e-mail address; Instagram's names end in no full stop, sentences do.
_MENTION = re.compile(r"(?<![\w.@])[@＠]([a-z0-9._]{1,30})")
_ADDRESS = re.compile(r"(?<![\w.@/-])(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[a-z]{2,})(/[^\s?#]*)?(?:\?([^\s#]*))?")
# What ends a sentence or a bracket behind an address, and is no part of it.
_BEHIND = ".,;:!?)]}»”\"'…"


class CaptionOptions(Options):
    """Base of the options of sources that bring captions.

    Attributes:
        caption_references: accounts (`@moabibliotek`) and addresses (`example.org/moa`) that may be told of a caption
            that names them, for rules that go by them. No other mention or link leaves a caption.
    """

    caption_references: tuple[CaptionReference, ...] = ()


def hashtags(caption: str | None) -> tuple[str, ...]:
    """The hashtags of a caption without their sign, casefolded, NFC, in order, each once.

    NFC comes first: in a decomposed `#ålesund` the ring is a sign of its own and would end the tag after the `a`.
    """
    composed = unicodedata.normalize("NFC", caption or "")
    tags = (unicodedata.normalize("NFC", tag.casefold()) for tag in _HASHTAG.findall(composed))
    return tuple(dict.fromkeys(tags))


def references(caption: str | None, known: Iterable[str]) -> tuple[str, ...]:
    """Those of the known accounts and addresses that a caption names, in the order in which they are known.

    Args:
        known: as `CaptionReference` has them. An address stands for its page and those below it; its query, if it has
            one, must be part of the caption's.
    """
    text = unicodedata.normalize("NFC", caption or "").casefold()
    accounts = {"@" + name.rstrip(".") for name in _MENTION.findall(text)}
    pages = list(_pages(text))
    return tuple(
        name for name in known if (name in accounts if name.startswith("@") else any(_leads(p, name) for p in pages))
    )


def _pages(text: str) -> Iterator[tuple[str, str]]:
    """The addresses of a text, each as host with path, and query."""
    for match in _ADDRESS.finditer(text):
        host, path, query = match.group(1), match.group(2) or "", match.group(3) or ""
        if not query:
            path = path.rstrip(_BEHIND)
        yield (host + path).rstrip("/"), query.rstrip(_BEHIND)


def _leads(page: tuple[str, str], name: str) -> bool:
    place, _, query = name.partition("?")
    place = place.rstrip("/")
    is_there = page[0] == place or page[0].startswith(place + "/")
    return is_there and set(parse_qsl(query, keep_blank_values=True)) <= set(parse_qsl(page[1], keep_blank_values=True))
