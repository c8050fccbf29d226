"""Time zones by name, checked once for every room of ingest, and where their days begin."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


@cache
def iana_zones() -> frozenset[str]:
    """All IANA names; cached, because listing them walks the zone folders."""
    return frozenset(available_timezones())


def known_zone(name: str) -> str:
    """The zone's name, checked. For use in a validator of options.

    Raises:
        ValueError: not an IANA zone.
    """
    if name not in iana_zones():
        raise ValueError(f"{name!r} is not an IANA time zone, such as Europe/Oslo")
    return name


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Local midnight as an aware moment."""
    return datetime.combine(day, time(), tzinfo=zone)
