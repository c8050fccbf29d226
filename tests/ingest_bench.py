"""What tests of reading and asking need around an adapter: a receipt, a description with nothing in it, and damage.

What belongs here: what tests of several families share. What does not: bodies and options of one make.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.catalogue import Receipt
from ingest.config import Configuration
from ingest.landing import sha256_of


def receipt_of(body: bytes, source_id: str, received_at: datetime, **more: Any) -> Receipt:
    """A receipt as the catalogue would give it: dropped, whole, and with nothing asked unless `more` says so."""
    dropped = Receipt(
        receipt_id=1,
        source_id=source_id,
        how="drop",
        received_at=received_at,
        status="ok",
        origin="test",
        ask="",
        window_start_at=None,
        window_end_at=None,
        is_complete=None,
        http_status=None,
        etag=None,
        last_modified=None,
        media_type=None,
        blob_sha256=sha256_of(body),
        byte_count=len(body),
        error=None,
    )
    return replace(dropped, **more)


def configuration_of(folder: Path, sources: Sequence[Mapping[str, Any]]) -> Configuration:
    """The description of a library that has sources and nothing else."""
    return Configuration.model_validate(
        {
            "folder": folder,
            "library": {
                "library_id": "bench",
                "name": "Bench",
                "zone": "Europe/Oslo",
                "reporting": {"start_on": "2026-01-01"},
                "areas": [],
                "branches": [],
            },
            "sources": sources,
            "partners": {},
            "figures": [],
        }
    )


def accidents(body: bytes, dice: random.Random, pieces: Sequence[bytes], *, most: int = 3, longest: int = 40) -> bytes:
    """One to `most` accidents: a cut, a lost or doubled stretch, a foreign piece, a flipped byte."""
    for _ in range(dice.randint(1, most)):
        at, to = sorted(dice.randint(0, len(body)) for _ in range(2))
        to = min(to, at + longest)
        body = dice.choice(
            [
                body[:at],
                body[:at] + body[to:],
                body[:to] + body[at:],
                body[:at] + dice.choice(pieces) + body[at:],
                body[:at] + dice.choice(pieces) + body[to:],
                body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :],
            ]
        )
    return body
