"""Who a post is, whatever told of it: media id, code in its address, second of its publication.

What belongs here: reading and checking these three, the same for every source of Instagram data. What does not: which
source is believed where they differ; the warehouse decides that.

The code is base64url of a number whose upper bits are the moment of creation. Meta documents neither; both fit every
post whose address and time are known to us, so the moment serves as evidence and never as a value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_ALPHABET = {sign: n for n, sign in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")}
_PERMALINK = re.compile(
    r"https?://(?:www\.)?instagram\.com/(?:[A-Za-z0-9_.]+/)?(?:p|reels?|tv)/([A-Za-z0-9_-]{5,40})/?(?:[?#].*)?"
)
_ID = re.compile(r"[0-9]{5,25}")
# Numbers of ids begin at this moment, in milliseconds since 1970-01-01 UTC.
_FIRST_MS = 1_314_220_021_721
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shortcode_of(permalink: str) -> str | None:
    """The code in a post's address, or None when it is no such address.

    `/p/`, `/reel/`, `/reels/` and `/tv/` may all stand for one post, with or without the account's name before them.
    """
    found = _PERMALINK.fullmatch(permalink.strip())
    return found[1] if found else None


def code(text: str) -> str | None:
    """The code itself, or None when it is none."""
    return text.strip() if re.fullmatch("[A-Za-z0-9_-]{5,40}", text.strip()) else None


def handle(text: str) -> str | None:
    """An account's public name, or None when it is none: names of people are no handles."""
    return text.strip() if re.fullmatch("[A-Za-z0-9_.]{1,30}", text.strip()) else None


def created_at(shortcode: str) -> datetime | None:
    """When the post was made, aware UTC to the millisecond, or None when the code does not say.

    A post is made when it is uploaded: for one that was scheduled that is before its publication.
    """
    if not 10 <= len(shortcode) <= 11 or not set(shortcode) <= set(_ALPHABET):
        return None  # longer codes belong to private accounts and end in something else
    number = 0
    for sign in shortcode:
        number = number * 64 + _ALPHABET[sign]
    if number >= 2**64:
        return None
    moment = _EPOCH + timedelta(milliseconds=(number >> 23) + _FIRST_MS)
    return moment if moment < _LAST else None


def media_id(text: str) -> str | None:
    """An id as the text it must be, or None when it is none. `1.79E+16` has lost digits, so it is no id."""
    return text if _ID.fullmatch(text) else None


def id_of_moment(posted_at: datetime) -> str:
    """The stand-in for an id where a source knows only when a post was published: `at:` and the Unix second."""
    return f"at:{int(posted_at.timestamp())}"


def content_hash(
    post_id: str, posted_at: datetime, media_type: str | None, product_type: str | None, caption: str | None
) -> str:
    """Changes when an editor changed the post; not with counts, signed addresses or the way the post was told."""
    content: Sequence[str | None] = (post_id, posted_at.isoformat(), media_type, product_type, caption)
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()
