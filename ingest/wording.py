"""Reading what people and devices write: bytes to text, lines to fields, and a text to a count or a name's key.

What belongs here: rules that hold for every text that is read, of whatever family. What does not: the columns of one.
Nothing here ever puts a cell's content into a message: a file dropped in the wrong folder may hold names.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ingest.adapters import Reject
from ingest.errors import UnreadableBody

# Spreadsheets and copied web pages bring these along; they are invisible and would split one branch in two.
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
DELIMITERS = (";", ",", "\t", "|")
TOTAL_ROWS = ("total", "totals", "totalt", "sum", "summa", "i alt", "all libraries")

# Two bytes that are one letter in UTF-8 and `Ã` with a sign in Windows-1252, where no Nordic word has it.
_UTF8_PAIR = re.compile(rb"\xc3[\x80-\xbf]")


def known_encodings(names: Sequence[str]) -> tuple[str, ...]:
    """The names, checked. For use in a validator of options.

    Raises:
        ValueError: none given, or one that Python does not know.
    """
    if not names:
        raise ValueError("name at least one encoding, such as utf-8-sig")
    for name in names:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"{name!r} is no known text encoding; try utf-8-sig or cp1252") from None
    return tuple(names)


def known_delimiter(text: str) -> str:
    """`auto` or one character, checked. For use in a validator of options.

    Raises:
        ValueError: anything else.
    """
    if text != "auto" and (len(text) != 1 or text in '"\r\n'):
        raise ValueError("the delimiter is `auto` or one character other than a quote or line break")
    return text


def decode(body: bytes, encodings: Sequence[str]) -> str:
    """The bytes as text, by the first encoding that fits.

    Args:
        encodings: tried in order. UTF-8 proves itself, one-byte encodings fit almost anything: name them last.

    Raises:
        UnreadableBody: empty, not text in any of the encodings, or text that was damaged before it came here.
    """
    if not body.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableBody("the file is empty.", reason="empty", next_action="Ask for the file again.")
    tried_utf8 = False
    for encoding in encodings:
        name = codecs.lookup(encoding).name
        if not name.startswith("utf") and tried_utf8 and _UTF8_PAIR.search(body):
            # Read by a one-byte encoding this would invent a branch named `BjÃ¸rn` beside the real one.
            raise UnreadableBody(
                "the file is UTF-8 with damaged characters.",
                reason="undecodable",
                next_action="Ask for the file again, copied as binary.",
            )
        try:
            text = body.decode(encoding)
        except (UnicodeDecodeError, UnicodeError):
            tried_utf8 = tried_utf8 or name.startswith("utf-8")
            continue
        return _checked(text)
    raise UnreadableBody(
        f"the file is not text in {' or '.join(encodings)}.",
        reason="undecodable",
        next_action="Save it as UTF-8, or name its encoding in the source's options.",
    )


def _checked(text: str) -> str:
    if "\x00" in text:
        raise UnreadableBody(
            "the file holds NUL bytes: it was cut while written, or is UTF-16 or a workbook.",
            reason="nul_bytes",
            next_action="Export it again as CSV in UTF-8.",
        )
    if "\ufffd" in text:
        raise UnreadableBody(
            "the file holds replacement characters: an earlier program could not read it and lost letters.",
            reason="replacement_characters",
            next_action="Export it again from the system that wrote it, as UTF-8.",
        )
    return text


def lines_of(text: str) -> list[tuple[int, str]]:
    """Numbered lines that hold anything, without the `sep=;` line that spreadsheets put first."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line and not line.isspace()]
    if numbered and numbered[0][1].casefold().lstrip("\ufeff").startswith("sep="):
        del numbered[0]
    return numbered


def cells_of(lines: Sequence[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines cut at the delimiter, quotes respected; lines of nothing but delimiters are left out.

    One line is always one record: no count file needs a line break inside a cell, and so an unpaired quote costs its
    own line only.
    """
    for number, line in lines:
        cells = split_line(line, delimiter) if '"' in line else line.split(delimiter)
        if cells[0] or any(map(str.strip, cells)):
            yield number, cells


def split_line(line: str, delimiter: str) -> list[str]:
    """One line as cells. What the CSV reader refuses stays one cell, and fails later as a row that is too short."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [line])
    except csv.Error:
        return [line]


def shown_headers(headers: Sequence[str]) -> str:
    """Headers for a message: at most 12, shortened, and masked where a cell looks like data instead."""
    shown = [
        "(data)" if "@" in h or sum(map(str.isdigit, h)) > 6 else h.strip()[:30] or "(blank)" for h in headers[:12]
    ]
    return ", ".join(shown) + (", …" if len(headers) > 12 else "")


# Thousands may be set apart by a space, a no-break space, a narrow one or a thin one; never by a dot or comma, which
# would make 1.234 two different numbers.
_GROUPED = re.compile("[0-9]{1,3}(?:[ \u00a0\u202f\u2009][0-9]{3})+")
_WHOLE = re.compile(r"([0-9]+)(?:[.,]0+)?")
_FRACTION = re.compile(r"[0-9]+[.,][0-9]+")
_NEGATIVE = re.compile("[-\u2212]\\s*[0-9]+(?:[.,][0-9]+)?")
MOST_PEOPLE = 10**9

OBSERVED, BLANK, NEGATIVE = "observed", "blank", "negative"
COUNT_FAULTS = {
    "letters_in_count": ("the count is not a number", "Mend the cell at the source and export the file again."),
    "fraction_in_count": (
        "the count has decimals, or its thousands are set apart by a dot or comma",
        "Export whole numbers without a thousands sign.",
    ),
    "count_too_large": (
        "the count is larger than any door can see",
        "Look for two cells grown together, and export the file again.",
    ),
}


@lru_cache(maxsize=16_384)  # the same few hundred texts stand in half a million cells
def read_count(text: str | None, most: int = MOST_PEOPLE) -> tuple[int | None, str]:
    """One cell as a count of people.

    Args:
        most: the largest number that is believed to be a count at all.

    Returns:
        The number and `observed`; or None and why there is none: `blank`, `negative` (how failed polls are
        written), or a key of `COUNT_FAULTS` for cells that a person must look at.
    """
    text = (text or "").strip()
    if not text:
        return None, BLANK
    if _GROUPED.fullmatch(text):
        text = "".join(filter(str.isdigit, text))
    whole = _WHOLE.fullmatch(text)
    if whole:
        digits = whole[1].lstrip("0") or "0"
        if len(digits) > len(str(most)) or int(digits) > most:
            return None, "count_too_large"
        return int(digits), OBSERVED
    if _NEGATIVE.fullmatch(text):
        return None, NEGATIVE
    return None, "fraction_in_count" if _FRACTION.fullmatch(text) else "letters_in_count"


def count_reject(pointer: str, fault: str) -> Reject:
    """The reject for a cell that `read_count` calls faulty."""
    message, next_action = COUNT_FAULTS[fault]
    return Reject(pointer, fault, f"{message}.", next_action)


def record_reject(pointer: str, reason: str, faults: Mapping[str, tuple[str, str]], *, scope: str = "record") -> Reject:
    """The reject for a record: of one of its counts, or for a reason that `faults` explains."""
    if reason in COUNT_FAULTS:
        return count_reject(pointer, reason)
    return Reject.of(pointer, reason, faults, scope=scope)


def nothing_read() -> Reject:
    """The reject for a file of the right form with nothing in it: silence must not look like an empty library."""
    return Reject(
        pointer="(whole file)",
        reason="no_records",
        message="the file has the right form and holds no counts.",
        next_action="Check the period and the branches that the export was asked for.",
        scope="blob",
    )


@lru_cache(maxsize=4096)  # a source has a handful of names, and tells them in every record
def name_key(text: str) -> str:
    """A branch's, door's or column's name: NFC, casefolded, whitespace (also no-break) folded to single spaces."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).casefold().split())


def listed(text: str | None) -> str | None:
    """What a text lists between commas, semicolons, slashes or bars, each once, joined by ` | `; None for nothing.

    For cleaned texts: an address must not be cut in two before it is looked for.
    """
    parts = (part.strip() for part in re.split(r"[,;/|]", text or ""))
    return " | ".join(dict.fromkeys(part for part in parts if part)) or None
