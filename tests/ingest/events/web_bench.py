"""What the tests of the event systems' adapters share: a source, a reading, a poll, and a small programme."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
from event_reading import Reading, read_held
from ingest_bench import receipt_of

from ingest.adapters import adapter_for
from ingest.catalogue import Receipt
from ingest.config import Configuration, Source
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import Lake, Way, stem
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


def read_web(adapter_name: str, body: bytes | object, *, received_at: datetime = NOW, **options: Any) -> Reading:
    """Read a body (or a document) as the lake does."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return read_held(source_of(adapter_name, **options), poll_receipt(received_at), raw)


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
