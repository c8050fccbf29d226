"""How the tests of the sheet and the JSON feeds read a body: as the lake does, held to the lake's contracts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from event_reading import Reading, read_held
from ingest_bench import receipt_of

from ingest.catalogue import Receipt, canonical_json
from ingest.config import Source

RECEIVED = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
SOURCE_ID = "event_feed_testby"


def feed_source(adapter: str, **options: Any) -> Source:
    """A configured source of an events adapter."""
    return Source(source_id=SOURCE_ID, family="events", adapter=adapter, description="Testby", options=options)


def receipt(
    number: int = 1,
    *,
    received_at: datetime = RECEIVED,
    ask: Mapping[str, Any] | None = None,
    how: str = "drop",
    body: bytes = b"",
) -> Receipt:
    """A receipt as the catalogue would give it."""
    return receipt_of(
        body, SOURCE_ID, received_at, receipt_id=number, how=how, origin="body", ask=canonical_json(ask or {})
    )


def read_body(adapter: str, body: bytes, received: Receipt | None = None, **options: Any) -> Reading:
    """Read a body as the lake does."""
    return read_held(feed_source(adapter, **options), received or receipt(body=body), body)
