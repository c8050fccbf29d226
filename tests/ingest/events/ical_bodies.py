"""Calendars written line by line, and how the lake would read them: shared by the tests of the iCalendar adapter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from event_reading import Reading, read_held
from ingest_bench import receipt_of

from ingest.catalogue import Receipt
from ingest.config import Source

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


def read_body(body: bytes, **options: Any) -> Reading:
    """Read a body as the lake does."""
    return read_held(feed_source(**options), receipt(), body)
