"""How a door observation is identified: device keys, line keys and observation ids, the same for every make.

What belongs here: turning a vendor's spelling of a device into one key, and the hash that names an observation.
What does not: which branch or door a device hangs at; that is dated, and stands in `library.yaml`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ONLY_LINE = "total"
_ID_DIGITS = 32
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the lake's instants are UTC without a zone
_MICROSECOND = timedelta(microseconds=1)
_SEPARATORS = re.compile(r"[\s:.\-_]+")


def serial_key(text: str) -> str:
    """A serial number or MAC address in lower case without separators: `80:1F:12` and `80-1f-12` are one device."""
    return _SEPARATORS.sub("", text).lower()


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
    text = f"{_head(source_id, device_key, line_key, kind)}{start}\x1f{microseconds(end_at)}"
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]


def observation_ids(
    source_id: str,
    series: Sequence[tuple[str, str]],
    kind: str,
    which: npt.NDArray[np.int64],
    start_us: npt.NDArray[np.int64],
    end_us: npt.NDArray[np.int64],
) -> pa.StringArray:
    """Many observation ids at once, as `observation_id` gives them one by one.

    Args:
        series: device and line keys; `which` says the one of each row.
        start_us, end_us: microseconds since 1970-01-01 UTC.
    """
    sha256 = hashlib.sha256
    heads = [_head(source_id, device, line, kind).encode() for device, line in series]
    digests = b"".join(
        [
            sha256(b"%b%d\x1f%d" % (heads[n], start, end)).digest()[: _ID_DIGITS // 2]
            for n, start, end in zip(which.tolist(), start_us.tolist(), end_us.tolist(), strict=True)
        ]
    )
    # All digits in one buffer, cut every so many: half a million small texts would take as long as the hashing.
    offsets = np.arange(len(which) + 1, dtype=np.int32) * _ID_DIGITS
    return pa.StringArray.from_buffers(len(which), pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode()))


def _head(source_id: str, device_key: str, line_key: str, kind: str) -> str:
    return f"{source_id}\x1f{device_key}\x1f{line_key}\x1f{kind}\x1f"
