"""What the tests of the event systems' adapters share: a source, a reading, a poll, and a small programme."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
from ingest_bench import receipt_of

from ingest.adapters import Parsed, Reject, adapter_for
from ingest.catalogue import Receipt
from ingest.config import Configuration, Source
from ingest.contracts import TABLES
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import Lake, Way, read, stem, to_arrow
from ingest.pipeline import Outcome, poll
from sandbox.event_portals import Holding

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SOURCE = "event_web_fjordvik"
CLIENT_ID, CLIENT_SECRET = "client-of-a-test", "hemmelig<7>&+pass"


def source_of(adapter: str, **options: Any) -> Source:
    return Source(
        source_id=SOURCE,
        family="events",
        adapter=adapter,
        description="The programme of Fjordvik library",
        options={"zone": "Europe/Oslo", **options},
    )


def poll_receipt(received_at: datetime = NOW) -> Receipt:
    return receipt_of(b"?", SOURCE, received_at, how="poll", is_complete=True, http_status=200)


@dataclass
class WebReading:
    """What a body was read as."""

    parsed: Parsed

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.parsed.rows.get("event_observations", []))  # type: ignore[arg-type]

    @property
    def reports(self) -> list[dict[str, Any]]:
        return list(self.parsed.rows.get("attendance_reports", []))  # type: ignore[arg-type]

    @property
    def row(self) -> dict[str, Any]:
        (only,) = self.rows
        return only

    @property
    def rejects(self) -> list[Reject]:
        return self.parsed.rejects

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects]

    def flags(self) -> set[str]:
        return {flag for row in self.rows for flag in (row["quality_flags"] or "").split(" | ") if flag}


def read_web(adapter_name: str, body: bytes | object, *, received_at: datetime = NOW, **options: Any) -> WebReading:
    """Read a body (or a document) as the lake does, and hold the rows to the lake's contracts."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    source = source_of(adapter_name, **options)
    adapter, checked = adapter_for(source)
    parsed = read(adapter, source, checked, poll_receipt(received_at), raw)
    lineage = {
        "source_id": source.source_id,
        "receipt_id": 1,
        "received_at": received_at.replace(tzinfo=None),
        "blob_sha256": "0" * 64,
        "parser": f"{adapter.name}@{adapter.version}",
    }
    for table, rows in parsed.rows.items():
        assert table in adapter.tables
        to_arrow(TABLES[table], [{**row, **lineage} for row in rows])  # type: ignore[dict-item]
    keys = [(row["series_id"], row["slot"]) for row in parsed.rows.get("event_observations", [])]  # type: ignore[index]
    assert len(keys) == len(set(keys))
    return WebReading(parsed)


def utc(text: str) -> datetime:
    """Naive UTC, as the lake stores it."""
    return datetime.fromisoformat(text)


@dataclass
class WebPolls:
    """An installation that polls one source."""

    home: Home
    source: Source

    def poll(self, now: datetime = NOW, *, limits: Limits | None = None) -> Outcome:
        session = Session(limits or Limits(tries=1, backoff_seconds=0.001), allow_loopback=True)
        return poll(self.home, Configuration.model_construct(), self.source, now, session)

    def receipts(self, status: str | None = None) -> list[Receipt]:
        return [r for r in self.home.catalogue.receipts() if status is None or r.status == status]

    def bodies(self) -> list[bytes]:
        return [self.home.body(r) for r in self.receipts() if r.blob_sha256]

    def rows(self, table: str = "event_observations") -> list[dict[str, Any]]:
        """All rows in the lake, after reading what is pending."""
        lake = Lake(self.home.lake)
        lake.prepare()
        adapter, options = adapter_for(self.source)
        first: dict[str, Receipt] = {}
        for receipt in self.receipts("ok"):
            first.setdefault(stem(adapter, receipt), receipt)
        ways = (Way(adapter, self.source, options, r, self.home.body(r)) for r in first.values())
        list(lake.write_readings(ways))
        folder = Path(self.home.lake) / table / self.source.source_id
        return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def programme(days: int = 60, *, first: datetime = datetime(2026, 2, 1, 17, 0, tzinfo=UTC)) -> list[Holding]:
    """One holding a day, the Saturday's being a series; a few cancelled, of whole days, over midnight."""
    told = []
    for n in range(days):
        start = first + timedelta(days=n)
        is_series = start.weekday() == 5
        told.append(
            Holding(
                number=1000 + n,
                title="Lørdagsstund & lek" if is_series else f"Kveld {n}",
                start_at=start,
                end_at=start + timedelta(hours=2),
                status="cancelled" if n % 17 == 5 else "scheduled",
                series=900 if is_series else 0,
                on_site=n if n % 3 else None,
            )
        )
    return told
