"""A library whose counters stand behind a vendor's portal: the stand-in, the polls, and the truth to compare with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from ingest_bench import configuration_of

from ingest.catalogue import Receipt
from ingest.config import Configuration
from ingest.doors.shoppertrak import entrance_key
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.pipeline import Outcome, poll, read_pending
from ingest.wording import name_key
from sandbox.doors_portals import DoorPortals, Line

OSLO = ZoneInfo("Europe/Oslo")
USER = "counter.reader"
PASSWORD = "hemmelig<7>&+pass wørd"
SOURCE = "door_portal_test"
LINES = (
    Line("HB - plan 2", "EP02", "77"),
    Line("HB - plan 2", "EP 3", "78"),
    Line("moa", "Front Entrance", "79"),
)
QUARTER = timedelta(minutes=15)


def crossings(line: Line, at: datetime) -> tuple[int, int]:
    """People in a quarter: other ones in every quarter, noughts among them, from the key alone."""
    digest = hashlib.sha256(f"{line.sensor_id}{at:%Y%m%d%H%M}".encode()).digest()
    return max(0, digest[0] % 30 - 10), max(0, digest[1] % 30 - 10)


@dataclass(frozen=True)
class Make:
    """What differs between the makes, as far as the tests need it."""

    name: str
    options: dict[str, Any]
    minutes: int
    has_out: bool = True
    per_site: int = 1

    def keys(self, line: Line) -> tuple[str, str]:
        """The device and line keys that a line's rows must have."""
        return {
            "kundetelling": (line.sensor_id, "total"),
            "vemcount": (name_key(line.site), line.sensor_id),
            "shoppertrak": (name_key(line.site), entrance_key(line.entrance)),
            "vea": (line.sensor_id, "total"),
            "trafsys": (name_key(line.site), name_key(line.entrance)),
        }[self.name]


_ACCOUNT = {"user_env": "PORTAL_USER", "password_env": "PORTAL_PASSWORD"}
SITES = ["HB - plan 2", "moa"]
MAKES = {
    make.name: make
    for make in (
        Make("kundetelling", _ACCOUNT, 60, has_out=False),
        Make("vemcount", {"key_env": "PORTAL_PASSWORD", "shops": SITES}, 15, per_site=2),
        Make("shoppertrak", {**_ACCOUNT, "sites": SITES}, 15, per_site=2),
        Make(
            "vea",
            {
                "client_id_env": "PORTAL_USER",
                "client_secret_env": "PORTAL_PASSWORD",
                "auth_url": "${PORTAL_URL}/vea/oauth/token",
            },
            60,
        ),
        Make("trafsys", _ACCOUNT, 60),
    )
}


@dataclass
class Bench:
    """One library and one maker: poll at a moment, read what landed, compare."""

    make: Make
    portals: DoorPortals
    home: Home
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        options = {
            "url": f"${{PORTAL_URL}}/{self.make.name}",
            "allow_loopback": True,
            "zone": "Europe/Oslo",
            "days": 4,
            "pause_seconds": 0,
            **self.make.options,
            **self.options,
        }
        return configuration_of(
            self.home.root,
            [
                {
                    "source_id": SOURCE,
                    "family": "doors",
                    "adapter": self.make.name,
                    "description": "The stand-in.",
                    "options": options,
                }
            ],
        )

    def poll(self, now: datetime | None = None) -> Outcome:
        """Ask once, at a moment that both sides agree on, and read what came."""
        if now is not None:
            self.portals.now = now
        configuration = self.configuration
        session = Session(Limits(connect_seconds=2, read_seconds=5, tries=2, backoff_seconds=0), allow_loopback=True)
        outcome = poll(self.home, configuration, configuration.sources[0], self.portals.now, session)
        read_pending(self.home, configuration)
        return outcome

    def receipts(self) -> list[Receipt]:
        return self.home.catalogue.receipts()

    def rows(self, table: str = "door_observations") -> list[dict[str, Any]]:
        files = sorted((self.home.lake / table / SOURCE).glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def current(self) -> dict[tuple[str, str, datetime, datetime], tuple[int | None, int | None]]:
        """The newest telling of every interval, as the warehouse takes it."""
        newest: dict[Any, tuple[int, Any]] = {}
        for row in self.rows():
            key = (row["device_key"], row["line_key"], row["interval_start_at"], row["interval_end_at"])
            told = (row["receipt_id"], (row["in_count"], row["out_count"]))
            newest[key] = max(newest.get(key, told), told, key=lambda pair: pair[0])
        return {key: counts for key, (_, counts) in newest.items()}

    def truth(self, *days: date) -> dict[tuple[str, str, datetime, datetime], tuple[int | None, int | None]]:
        """What every interval of whole local days must say."""
        told: dict[Any, Any] = {}
        step = timedelta(minutes=self.make.minutes)
        for day in days:
            at, end = midnight(day), midnight(day + timedelta(days=1))
            while at < end:
                for line in LINES:
                    people = [self.portals.crossings(line, at + n * QUARTER) for n in range(self.make.minutes // 15)]
                    people_out = sum(n for _, n in people) if self.make.has_out else None
                    key = (*self.make.keys(line), at.replace(tzinfo=None), (at + step).replace(tzinfo=None))
                    told[key] = (sum(n for n, _ in people), people_out)
                at += step
        return told

    def lake_bytes(self) -> dict[str, bytes]:
        """The lake's rows, but for the list of receipts, which grows with every poll."""
        lake = self.home.lake
        files = [p for p in lake.rglob("*") if p.is_file() and not {"fetches", "_read"} & set(p.parts)]
        return {str(p.relative_to(lake)): p.read_bytes() for p in files}

    def everything_written(self) -> bytes:
        """All bytes under the home: blobs, catalogue, lake."""
        return b"\n".join(p.read_bytes() for p in sorted(self.home.root.rglob("*")) if p.is_file())


def midnight(day: date) -> datetime:
    """Local midnight as an aware UTC moment."""
    return datetime(day.year, day.month, day.day, tzinfo=OSLO).astimezone(UTC)


def make_bench(make: str, portals: DoorPortals, root: Path, **options: Any) -> Bench:
    """A bench with a home of its own."""
    return Bench(MAKES[make], portals, Home(root / "home"), options)


NOON = datetime(2026, 6, 10, 10, 7, tzinfo=UTC)  # a Wednesday, 12:07 in Oslo
DAY = date(2026, 6, 10)


def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[DoorPortals]:
    """The stand-in, with the environment that the bench's options name."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with DoorPortals(LINES, crossings, OSLO, now=NOON, user=USER, password=PASSWORD) as running:
        monkeypatch.setenv("PORTAL_URL", running.url)
        monkeypatch.setenv("PORTAL_USER", USER)
        monkeypatch.setenv("PORTAL_PASSWORD", PASSWORD)
        yield running
