"""How the tests of the sheet and the JSON feeds read a body: as the lake does, held to the lake's contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingest_bench import receipt_of

from ingest.adapters import Parsed, Reject, adapter_for
from ingest.catalogue import Receipt, canonical_json
from ingest.config import Source
from ingest.contracts import TABLES
from ingest.lake import parquet_bytes, read, to_arrow

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


@dataclass
class Reading:
    """What a body was read as."""

    parsed: Parsed
    parquet: bytes

    def table(self, name: str) -> list[dict[str, Any]]:
        return list(self.parsed.rows.get(name, []))  # type: ignore[arg-type]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table("event_observations")

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self.table("attendance_reports")

    @property
    def tombstones(self) -> list[dict[str, Any]]:
        return self.table("event_tombstones")

    @property
    def rejects(self) -> list[Reject]:
        return self.parsed.rejects

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def text(self) -> str:
        """Everything that would pass into the lake, as text."""
        told = [self.parsed.rows, [reject.__dict__ for reject in self.rejects]]
        return json.dumps(told, default=str, ensure_ascii=False)


def read_body(adapter: str, body: bytes, received: Receipt | None = None, **options: Any) -> Reading:
    """Read a body as the lake does; its rows must fit the contract, and its keys be unique."""
    source = feed_source(adapter, **options)
    made, checked = adapter_for(source)
    received = received or receipt(body=body)
    parsed = read(made, source, checked, received, body)
    lineage = {
        "source_id": source.source_id,
        "receipt_id": received.receipt_id,
        "received_at": received.received_at.replace(tzinfo=None),
        "blob_sha256": received.blob_sha256,
        "parser": f"{made.name}@{made.version}",
    }
    written = b""
    assert set(parsed.rows) <= set(made.tables)
    for name in made.tables:
        rows = [{**row, **lineage} for row in parsed.rows.get(name, [])]
        written += parquet_bytes(to_arrow(TABLES[name], rows))
        keys = [tuple(str(row[column]) for column in TABLES[name].key) for row in rows]
        assert len(keys) == len(set(keys)), name
    for row in parsed.rows.get("event_observations", []):
        assert row["end_at"] >= row["start_at"]  # type: ignore[index]
        assert row["end_on"] >= row["start_on"]  # type: ignore[index]
    for reject in parsed.rejects:
        assert reject.reason
        assert reject.message
        assert reject.next_action
    rejects = [{**r.__dict__, **lineage} for r in parsed.rejects]
    written += parquet_bytes(to_arrow(TABLES["rejects"], rejects))
    return Reading(parsed, written)


def utc(text: str) -> datetime:
    """Naive UTC, as the lake stores it."""
    return datetime.fromisoformat(text)
