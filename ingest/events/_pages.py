"""Scripts and links of a web page, found in time that grows with the page and no faster.

What belongs here: finding opening tags in outside HTML. What does not: what stands in them. Beautiful Soup reads the
attributes, of one tag at a time: given whole pages, the parser under it needs 26 seconds for 60 kB of `<a <a <a`, which
anybody can put on a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_TAG = 4_000
MAX_SCRIPTS = 2_000
MAX_LINKS = 5_000

_SCRIPT = re.compile(r"<!--|<script(?=[\s/>])", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</script", re.IGNORECASE)
_LINK = re.compile(r"<!--|<a(?=\s)", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s?=\s?[\"']?([A-Za-z0-9_-]{1,40})")


def text_of(body: bytes) -> str:
    """A page's text: UTF-8 if it is, else what its first lines name, else Windows-1252. Lost letters become U+FFFD."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        named = _CHARSET.search(body[:4096])
    try:
        return body.decode(named[1].decode() if named else "cp1252", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def json_ld(body: bytes) -> list[str]:
    """The contents of a page's JSON-LD scripts, whatever follows the type (`; charset=utf-8`); not of hidden ones."""
    text = text_of(body)
    found: list[str] = []
    for _, (start, end) in zip(range(MAX_SCRIPTS), _tags(text, _SCRIPT), strict=False):
        # The contents of another script may look like a tag: it is skipped whole.
        close = _SCRIPT_END.search(text, end)
        content = text[end : close.start() if close else len(text)]
        kind = _attribute(text[start:end], "script", "type") or ""
        if kind.split(";")[0].strip().casefold() == "application/ld+json":
            found.append(content.encode("utf-8", "replace").decode())
    return found


def links(body: bytes) -> list[str]:
    """Where a page's links lead, as they are written."""
    text = text_of(body)
    told = (_attribute(text[a:b], "a", "href") for _, (a, b) in zip(range(MAX_LINKS), _tags(text, _LINK), strict=False))
    return [link.strip() for link in told if link]


def _tags(text: str, opening: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Start and end of every opening tag outside comments; inside a script nothing is a tag."""
    place = 0
    while (found := opening.search(text, place)) is not None:
        if found[0] == "<!--":
            place = text.find("-->", found.end())
            if place < 0:
                return
            continue
        end = text.find(">", found.end(), found.end() + MAX_TAG) + 1
        if not end:
            place = found.end()
            continue
        yield found.start(), end
        place = end
        if opening is _SCRIPT:
            close = _SCRIPT_END.search(text, end)
            if close is None:
                return
            place = close.end()


def _attribute(tag: str, name: str, attribute: str) -> str | None:
    from bs4 import BeautifulSoup  # here, because every start of the program would wait for it
    from bs4.exceptions import ParserRejectedMarkup

    if attribute not in tag.casefold():
        return None
    try:
        element: Any = BeautifulSoup(f"{tag}</{name}>", "html.parser").find(name)
    except ParserRejectedMarkup:
        return None
    value = element.get(attribute) if element is not None else None
    return str(value) if value else None
