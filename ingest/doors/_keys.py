"""How a door observation is identified: device keys, line keys and observation ids, the same for every make.

What belongs here: turning a vendor's spelling of a device into one key, and the hash that names an observation.
What does not: which branch or door a device hangs at; that is dated, and stands in `library.yaml`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

ONLY_LINE = "total"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the lake's instants are UTC without a zone
_MICROSECOND = timedelta(microseconds=1)
_SEPARATORS = re.compile(r"[\s:.\-_]+")
# Spreadsheets and copied web pages bring these along; they are invisible and would split one branch in two.
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")


def serial_key(text: str) -> str:
    """A serial number or MAC address in lower case without separators: `80:1F:12` and `80-1f-12` are one device."""
    return _SEPARATORS.sub("", text).lower()


def name_key(text: str) -> str:
    """A branch's, door's or column's name: NFC, casefolded, whitespace (also no-break) folded to single spaces."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).casefold().split())


def microseconds(moment: datetime) -> int:
    """A naive UTC moment as microseconds since 1970-01-01, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The naive UTC moment of microseconds since 1970-01-01."""
    return _EPOCH + timedelta(microseconds=value)


def observation_id(
    source_id: str, device_key: str, line_key: str, kind: str, start_at: datetime | None, end_at: datetime
) -> str:
    """The id of what a source says about one line over one interval: equal for every telling of it.

    Args:
        start_at, end_at: naive UTC; the start is None where the source has none.

    Returns:
        32 hexadecimal digits.
    """
    start = None if start_at is None else microseconds(start_at)
    return observation_ids(source_id, [device_key], [line_key], kind, [start], [microseconds(end_at)])[0]


def observation_ids(
    source_id: str,
    device_keys: Sequence[str],
    line_keys: Sequence[str],
    kind: str,
    start_us: Sequence[int | None],
    end_us: Sequence[int],
) -> list[str]:
    """Many observation ids at once; the moments are microseconds since 1970-01-01 UTC."""
    sha256 = hashlib.sha256
    return [
        sha256(f"{source_id}\x1f{device}\x1f{line}\x1f{kind}\x1f{start}\x1f{end}".encode()).hexdigest()[:32]
        for device, line, start, end in zip(device_keys, line_keys, start_us, end_us, strict=True)
    ]
