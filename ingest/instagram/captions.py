"""What may be taken from a caption. A caption is written by people about people: only its tags leave `ingest`."""

from __future__ import annotations

import re
import unicodedata

_HASHTAG = re.compile(r"[#＃](\w+)")


def hashtags(caption: str | None) -> tuple[str, ...]:
    """The hashtags of a caption without their sign, casefolded, NFC, in order, each once.

    NFC comes first: in a decomposed `#ålesund` the ring is a sign of its own and would end the tag after the `a`.
    """
    composed = unicodedata.normalize("NFC", caption or "")
    tags = (unicodedata.normalize("NFC", tag.casefold()) for tag in _HASHTAG.findall(composed))
    return tuple(dict.fromkeys(tags))
