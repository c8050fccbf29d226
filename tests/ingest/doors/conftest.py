"""What the door adapters' tests share: reading bytes the way the lake does, contract check included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pytest
from ingest_bench import receipt_of

from ingest import lake
from ingest.adapters import Reject, adapter_for
from ingest.config import Source
from ingest.contracts import REJECTS

RECEIVED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass
class Reading:
    """What one blob gave: rows as the lake stores them."""

    table: pa.Table
    rejects: list[dict[str, Any]]
    health: list[dict[str, Any]] = field(default_factory=list)
    raw_rejects: list[Reject] = field(default_factory=list)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    @property
    def reasons(self) -> list[str]:
        return [r["reason"] for r in self.rejects]


ReadDoors = Callable[..., Reading]


@pytest.fixture(scope="session")
def read_doors() -> ReadDoors:
    """Reads a body with an adapter through the lake's own reader, contract check included."""

    def read(
        adapter_name: str,
        body: bytes | str,
        options: dict[str, Any] | None = None,
        *,
        source_id: str = "door_test",
        how: str = "drop",
        received_at: datetime = RECEIVED_AT,
        ask: str = "",
    ) -> Reading:
        body = body.encode() if isinstance(body, str) else body
        source = Source(
            source_id=source_id, family="doors", adapter=adapter_name, description="A test.", options=options or {}
        )
        adapter, checked = adapter_for(source)
        receipt = receipt_of(body, source_id, received_at, how=how, ask=ask)
        parsed = lake.read(adapter, source, checked, receipt, body)
        lineage = {
            "source_id": source_id,
            "receipt_id": 1,
            "received_at": received_at.replace(tzinfo=None),
            "blob_sha256": receipt.blob_sha256,
            "parser": f"{adapter.name}@{adapter.version}",
        }
        tables, rejects = lake._typed(adapter, parsed, lineage)
        assert rejects.schema == REJECTS.schema
        health = tables["door_health"].to_pylist() if "door_health" in tables else []
        return Reading(tables["door_observations"], rejects.to_pylist(), health, parsed.rejects)

    return read
