"""A small programme behind the stand-in servers, polled into a home: shared by the tests of the feeds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from feed_reading import SOURCE_ID, feed_source
from pyarrow.dataset import dataset

from ingest.catalogue import Receipt
from ingest.config import Configuration
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.pipeline import Outcome, poll, read_pending
from sandbox.event_feeds import EventFeeds, Holding

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
USER, PASSWORD, KEY = "events.reader", "hemmelig-passord-7", "key-of-the-feeds-1234"
QUICK = Limits(connect_seconds=2, read_seconds=5, tries=2, backoff_seconds=0.001)
HOUR = timedelta(hours=1)
# What the stand-ins tell about people, in any field: none of it may be anywhere in a home.
PEOPLE = (b"Nordmann", b"kari@", b"ola@", b"70 00 00 00", b"a2FyaU", b"meet.google")


def programme() -> list[Holding]:
    """Five holdings: a series over the clock change, a whole day, one with partners."""
    weekly = [datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in ((21, 17), (28, 17))]
    weekly.append(datetime(2026, 4, 4, 16, tzinfo=UTC))
    series = [
        Holding(f"w{n}", "Språkkafé", at, at + 2 * HOUR, series_id="weekly") for n, at in enumerate(weekly, start=1)
    ]
    quiz = datetime(2026, 3, 5, 18, tzinfo=UTC)
    day = datetime(2026, 3, 28, 23, tzinfo=UTC)  # 29 March in Oslo, 23 hours long
    return [
        *series,
        Holding("quiz", "Quiz &amp; kaffi", quiz, quiz + 2 * HOUR, partners=("Mållaget", "Røde Kors")),
        Holding("dag", "Bibliotekets dag", day, day + 23 * HOUR, is_all_day=True),
    ]


@dataclass
class Bench:
    """One source behind the stand-ins, and the home that its answers land in."""

    feeds: EventFeeds
    home: Home
    configuration: Configuration
    adapter: str
    options: dict[str, Any]

    @property
    def source(self) -> Any:
        return feed_source(self.adapter, allow_loopback=True, **self.options)

    def poll(self, at: datetime | None = None, **options: Any) -> Outcome:
        """Poll at a moment, which becomes the servers' clock as well, and read what came."""
        self.options |= options
        if at is not None:
            self.feeds.now = at
        configuration = self.configuration.model_copy(update={"sources": (self.source,)})
        outcome = poll(self.home, configuration, self.source, self.feeds.now, Session(QUICK, allow_loopback=True))
        read_pending(self.home, configuration, "events")
        return outcome

    @property
    def receipts(self) -> list[Receipt]:
        return self.home.catalogue.receipts()

    def table(self, name: str) -> list[dict[str, Any]]:
        """A lake table's rows, in the order in which their receipts came."""
        folder = self.home.lake / name / SOURCE_ID
        rows = dataset(folder, format="parquet").to_table().to_pylist() if folder.exists() else []
        return sorted(rows, key=lambda row: (row["receipt_id"], row["pointer"]))

    def newest(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The newest claim of every series and slot."""
        return {(row["series_id"], row["slot"]): row for row in self.table("event_observations")}

    def holds_no_person(self) -> None:
        """Search every file of the home."""
        searched = 0
        for file in self.home.root.rglob("*"):
            if file.is_file():
                searched += 1
                content = file.read_bytes()
                for word in PEOPLE:
                    assert word not in content, (file, word)
        assert searched > 3

    def holds_no_secret(self) -> None:
        """The same for passwords and keys."""
        for file in self.home.root.rglob("*"):
            if file.is_file():
                assert not any(word.encode() in file.read_bytes() for word in (PASSWORD, KEY)), file


def set_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what the stand-ins want into the environment."""
    monkeypatch.setenv("FEED_USER", USER)
    monkeypatch.setenv("FEED_PASSWORD", PASSWORD)
    monkeypatch.setenv("FEED_KEY", KEY)
