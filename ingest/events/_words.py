"""Words of outside people: cleaned, without ways to reach anybody, and never longer than a table wants them.

What belongs here: what a title, a place or a partner may look like in the lake, whatever system told it. What does not:
which field of a system holds which words (its own module), and whole documents (`_minimising`). Of descriptions only
what a source's patterns find passes on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from ingest.http import redacted

MAX_TEXT = 1_000
MAX_DESCRIPTION = 20_000

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]")
# Bounded before the @, or a long word without one would be searched from each of its letters.
MAIL = re.compile(r"[^\s@<>()]{1,64}@[^\s@<>()]+\.[^\s@<>()]+")
# Whoever has such an address is in the meeting; it is often told without its scheme.
_MEETINGS = (
    r"zoom\.us|zoom\.com|zoomgov\.com|teams\.microsoft\.com|teams\.live\.com|teams\.cloud\.microsoft|meet\.google\.com|"
    r"webex\.com|whereby\.com|meet\.jit\.si|gotomeeting\.com|goto\.com|join\.skype\.com|meet\.lync\.com"
)
_MEETING_HOST = re.compile(rf"(?:.*\.)?(?:{_MEETINGS})", re.IGNORECASE)
LINK = re.compile(
    rf"\b(?:[a-z][a-z0-9+.-]{{1,15}}://|www\.|(?:[a-z0-9-]{{1,63}}\.){{0,2}}(?:{_MEETINGS})/)\S+"
    r"|\b(?:meeting|webinar|møte)[ -]?id\b[.: ]*(?:\d[ -]?){6,}|\b(?:passcode|passord|password|pwd)\s?[:=]\s?\S+",
    re.IGNORECASE,
)
# Eight digits as Norwegians write a number: together, in pairs, or as 912 34 567. Dates and years are none.
PHONE = re.compile(
    r"(?:\+|\b00)\d{1,3}[ .]?(?:\d[ .]?){6,12}|\b(?:tlf|telefon|mobil|mob|ring|phone|tel)\b[.: ]*(?:\d[ .]?){5,12}"
    r"|(?<![\d.,:/-])(?:(?!19|20)[2-9]\d{7}|[2-9]\d\d \d\d \d{3}|(?!19|20)[2-9]\d \d\d \d\d \d\d)(?![\d.,:/-]*\d)",
    re.IGNORECASE,
)
TAG = re.compile(r"<[^<>]*>")


def checked_patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    """Patterns that find partners, checked. For use in a validator of options.

    Raises:
        ValueError: one is no regular expression, or has not exactly one group.
    """
    for pattern in value:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"{pattern!r} must have exactly one group")
    return value


def clean(text: str) -> str:
    """Entities resolved once, control characters out, whitespace folded."""
    return " ".join(_UNPRINTABLE.sub(" ", html.unescape(text)).split())


def without_contacts(text: str) -> str:
    """A text without links, mail addresses and phone numbers, which lead to people and meetings."""
    for pattern in (LINK, MAIL, PHONE):
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def kept(cleaned: str, flags: list[str]) -> str | None:
    """What is kept of a cleaned text; what had to go is told in the flags."""
    bare = without_contacts(cleaned)
    if bare != cleaned:
        flags.append("contact_removed")
    if len(bare) > MAX_TEXT:
        flags.append("text_cut")
        bare = bare[:MAX_TEXT]
    return bare or None


def told(text: str, flags: list[str]) -> str | None:
    """A text, cleaned, and what is kept of it."""
    return kept(clean(text[: 4 * MAX_TEXT]), flags)


def joined(items: Iterable[str | None]) -> str | None:
    """Several texts as one, each once; None for none."""
    return " | ".join(dict.fromkeys(item.replace("|", "/") for item in items if item)) or None


def ages(first: int | None, last: int | None) -> str | None:
    """A target group told by age, in whole years, both included: `age 3-6`, `age 18-`, `age -6`; None for no age.

    One form for all systems, so that one reviewed rule (`event_audiences`) knows it wherever it comes from.
    """
    ends = ["" if end is None else str(end) for end in (first, last)]
    return "age " + "-".join(ends) if any(ends) else None


def looks_personal(text: str) -> bool:
    """Whether a text holds a way to reach somebody: a mail address or a phone number."""
    text = text[: 4 * MAX_TEXT]
    return bool(MAIL.search(text) or PHONE.search(text) or re.fullmatch(r"\s*(?:\d[ .]?){8}\s*", text))


def found_in(text: str, patterns: Iterable[str], separators: Iterable[str]) -> Iterator[str]:
    """What the patterns' groups find in the lines of a text, plain or HTML, cut at the separators; not cleaned."""
    cuts = "|".join(re.escape(separator) for separator in separators)
    for line in TAG.sub("\n", text).splitlines():
        for pattern in patterns:
            for match in re.finditer(pattern, line):
                yield from re.split(cuts, match[1] or "") if cuts else [match[1] or ""]


def partners_in(description: str, patterns: Iterable[str], separators: Iterable[str]) -> Iterator[str]:
    """Organisations that the patterns find in a description, plain or HTML; nothing else of it passes on."""
    for name in found_in(html.unescape(description[:MAX_DESCRIPTION]), patterns, separators):
        bare = clean(name)
        for contact in (LINK, PHONE):
            bare = contact.sub(" ", bare)
        bare = " ".join(bare.split()).strip(" .,;:!-–")
        # Long ones are sentences, ones with digits or @ are contacts: neither names an organisation.
        if 2 <= len(bare) <= 120 and "@" not in bare and not re.search(r"\d{5}|\d[ .]\d\d[ .]\d", bare):
            yield bare


def public_page(text: str) -> str | None:
    """A public address without user, query and fragment; None for anything else, and for the door into a meeting."""
    try:
        parts = urlsplit(clean(text))
        is_page = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        if _MEETING_HOST.fullmatch(parts.hostname or ""):
            return None
        return redacted(parts.geturl())[:MAX_TEXT] if is_page else None
    except ValueError:
        return None
