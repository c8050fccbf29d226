"""Calendars written line by line, and how the lake would read them: shared by the tests of the iCalendar adapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingest_bench import receipt_of

from ingest.adapters import Parsed, Reject, adapter_for
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.contracts import TABLES
from ingest.lake import read, to_arrow

RECEIVED = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)
WINDOW: dict[str, Any] = {"zone": "Europe/Oslo", "expand_from": "2025-01-01", "expand_to": "2028-01-01"}


def feed_source(**options: Any) -> Source:
    """A configured iCalendar source with a three-year window."""
    return Source(
        source_id="event_ical_testby",
        family="events",
        adapter="icalendar",
        description="Calendar of the branch in Testby",
        options={**WINDOW, **options},
    )


def receipt() -> Receipt:
    return receipt_of(b"?", "event_ical_testby", RECEIVED, origin="calendar.ics")


def event(*lines: str) -> str:
    """One VEVENT; a UID is added unless the lines have one."""
    uid = () if any(line.upper().startswith("UID") for line in lines) else ("UID:one@testby",)
    return "\r\n".join(["BEGIN:VEVENT", *uid, *lines, "END:VEVENT"])


def calendar(*events: str, header: tuple[str, ...] = ()) -> bytes:
    """A whole calendar around components."""
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *header, *events, "END:VCALENDAR", ""]).encode()


@dataclass
class Reading:
    """What a body was read as."""

    parsed: Parsed

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.parsed.rows.get("event_observations", []))  # type: ignore[arg-type]

    @property
    def rejects(self) -> list[Reject]:
        return self.parsed.rejects

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects]

    def flags(self) -> set[str]:
        return {flag for row in self.rows for flag in (row["quality_flags"] or "").split(" | ") if flag}


def read_body(body: bytes, **options: Any) -> Reading:
    """Read a body as the lake does, and hold the rows to the lake's contract."""
    source = feed_source(**options)
    adapter, checked = adapter_for(source)
    parsed = read(adapter, source, checked, receipt(), body)
    rows = parsed.rows.get("event_observations", [])
    lineage = {
        "source_id": source.source_id,
        "receipt_id": 1,
        "received_at": RECEIVED.replace(tzinfo=None),
        "blob_sha256": "0" * 64,
        "parser": "icalendar@2",
    }
    to_arrow(TABLES["event_observations"], [{**row, **lineage} for row in rows])
    keys = [(row["series_id"], row["slot"]) for row in rows]  # type: ignore[index]
    assert len(keys) == len(set(keys))
    return Reading(parsed)
