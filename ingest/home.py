"""Where things are: the folders under `LEVENDE_HOME`, and the two stores that live in its landing room."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ingest.catalogue import Arrival, Catalogue, Receipt
from ingest.errors import ConfigurationError, PermanentFailure
from ingest.landing import BlobStore, make_durable


@dataclass(frozen=True)
class Home:
    """One installation's data. Every room but `landing` can be deleted and is rebuilt by the next run."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """`LEVENDE_HOME`, or `./data`."""
        return cls(Path(os.environ.get("LEVENDE_HOME", "data")).absolute())

    def writable(self) -> Home:
        """The same home, made where it is missing.

        Raises:
            ConfigurationError: nothing can be written there.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):  # whoever owns the folder, and whatever disk it is on
                return self
        except OSError as error:
            raise ConfigurationError(
                f"nothing can be written to the data folder {self.root} ({error.strerror}).",
                next_action="Mend its owner or its disk, or name another folder with --home or LEVENDE_HOME.",
            ) from error

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def drop(self) -> Path:
        """Folders that people and devices put files into, one per source."""
        return self.root / "drop"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "build.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @cached_property
    def blobs(self) -> BlobStore:
        return BlobStore(self.landing / "blobs", lambda hashes: self.catalogue.places(hashes))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue at `LEVENDE_CATALOGUE_URL`, or SQLite inside landing."""
        url = os.environ.get("LEVENDE_CATALOGUE_URL")
        return Catalogue(url) if url else Catalogue.at(self.landing)

    def land(self, arrival: Arrival) -> Receipt:
        """Store what arrived, then record it. On return both are on disk: an acknowledged arrival is a stored one."""
        sha256 = None if arrival.body is None else self.blobs.put(arrival.body)
        return self.catalogue.record([(arrival, sha256)])[0]

    def land_many(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """As `land`, with one waiting for the disk for all of them; small bodies go into a segment."""
        names, places = self.blobs.put_many(arrival.body for arrival in arrivals if arrival.body is not None)
        hashes = iter(names)
        told = [(arrival, None if arrival.body is None else next(hashes)) for arrival in arrivals]
        return self.catalogue.record(told, places)

    def index_segments(self) -> int:
        """Tell the catalogue anew where each blob lies in the segments, from the segments alone.

        For a catalogue that came from a backup, or lost the table. Whoever writes meanwhile is not disturbed.

        Returns:
            How many whole records there are.
        """
        count = 0
        records = self.blobs.records()
        while some := dict(itertools.islice(records, 10_000)):
            # A killed writer's records may not be on disk yet, and whoever brings their bytes again is told they are.
            make_durable(sorted({self.blobs.segment(place.segment) for place in some.values()}))
            self.catalogue.record_places(some)
            count += len(some)
        return count

    def body(self, receipt: Receipt) -> bytes:
        """The bytes a receipt brought.

        Raises:
            ValueError: the receipt brought none.
            PermanentFailure: landing lost or damaged them.
        """
        if receipt.blob_sha256 is None:
            raise ValueError(f"receipt {receipt.receipt_id} brought no bytes")
        return self.blobs.get(receipt.blob_sha256)

    def bodies(self, receipts: Iterable[Receipt]) -> Iterator[bytes | PermanentFailure]:
        """As `body`, one after the other and with few questions; yields the failure where `body` would raise one.

        Receipts that brought no bytes are told as missing ones.
        """
        return self.blobs.get_many(str(receipt.blob_sha256) for receipt in receipts)


def naive_utc(moment: datetime) -> datetime:
    """An aware moment as the lake stores it: UTC without a zone.

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)
