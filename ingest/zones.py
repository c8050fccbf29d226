"""Time zones by name, checked once for every room of ingest."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones


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
