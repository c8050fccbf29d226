"""How the tests of event adapters read a body: as the lake does, held to the lake's contracts.

What belongs here: what holds for every adapter. What does not: sources, receipts and bodies of one kind
(`ical_bodies`, `feed_reading`, `web_bench`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from ingest.adapters import Parsed, Reject, adapter_for
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.contracts import TABLES
from ingest.lake import parquet_bytes, read, to_arrow


@dataclass
class Reading:
    """What a body was read as.

    Attributes:
        typed: the tables as the lake would write them, rejects last.
    """

    parsed: Parsed
    typed: list[pa.Table]

    @property
    def parquet(self) -> bytes:
        return b"".join(map(parquet_bytes, self.typed))

    def table(self, name: str) -> list[dict[str, Any]]:
        return list(self.parsed.rows.get(name, []))  # type: ignore[arg-type]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table("event_observations")

    @property
    def row(self) -> dict[str, Any]:
        (only,) = self.rows
        return only

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

    def flags(self) -> set[str]:
        return {flag for row in self.rows for flag in (row["quality_flags"] or "").split(" | ") if flag}

    def text(self) -> str:
        """Everything that would pass into the lake, as text."""
        told = [self.parsed.rows, [reject.__dict__ for reject in self.rejects]]
        return json.dumps(told, default=str, ensure_ascii=False)


def read_held(source: Source, received: Receipt, body: bytes) -> Reading:
    """Read a body; its rows must fit the contract, their keys be unique, and its rejects say what to do."""
    adapter, checked = adapter_for(source)
    parsed = read(adapter, source, checked, received, body)
    lineage = {
        "source_id": source.source_id,
        "receipt_id": received.receipt_id,
        "received_at": received.received_at.replace(tzinfo=None),
        "blob_sha256": received.blob_sha256,
        "parser": f"{adapter.name}@{adapter.version}",
    }
    assert set(parsed.rows) <= set(adapter.tables)
    typed = []
    for name in adapter.tables:
        rows = [{**row, **lineage} for row in parsed.rows.get(name, [])]
        typed.append(to_arrow(TABLES[name], rows))
        keys = [tuple(str(row[column]) for column in TABLES[name].key) for row in rows]
        assert len(keys) == len(set(keys)), name
    for row in parsed.rows.get("event_observations", []):
        assert row["end_at"] >= row["start_at"]  # type: ignore[index]
        assert row["end_on"] >= row["start_on"]  # type: ignore[index]
    for reject in parsed.rejects:
        assert reject.reason
        assert reject.message
        assert reject.next_action
    typed.append(to_arrow(TABLES["rejects"], [{**reject.__dict__, **lineage} for reject in parsed.rejects]))
    return Reading(parsed, typed)


def utc(text: str) -> datetime:
    """Naive UTC, as the lake stores it."""
    return datetime.fromisoformat(text)
