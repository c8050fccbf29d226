"""A make that nobody sells: text lines `device;hour;in`, or words that make it misbehave.

Registered by the tests that want it and taken away again, so that no list of adapters ever shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import ingest.adapters as register
from ingest.adapters import Adapter, FetchContext, Options, Parsed, Reject
from ingest.catalogue import Arrival, Receipt
from ingest.config import Configuration, Library, Partners, Source
from ingest.errors import UnreadableBody

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
SECRET_NAME = "Kari Nordmann"


class ToyOptions(Options):
    """`factor` multiplies every count, so that a change of options shows in the rows."""

    factor: int = 1


class Toy(Adapter):
    """Reads `device;hour;in`. A test may replace `fetching` and `version`."""

    name: ClassVar[str] = "toy"
    family: ClassVar[str] = "doors"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("door_observations", "door_health")
    options: ClassVar[type[Options]] = ToyOptions
    polls: ClassVar[bool] = True
    fetching: ClassVar[Callable[[FetchContext], Iterator[Arrival]] | None] = None

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: Any) -> Parsed:
        text = body.decode()
        if text.startswith("UNREADABLE"):
            raise UnreadableBody("no toy bytes.", reason="not_toy", next_action="Send toy bytes.")
        if text.startswith("FAULT"):
            raise KeyError(f"{SECRET_NAME} is not in the list")
        parsed = Parsed()
        rows: list[dict[str, Any]] = []
        health: list[dict[str, Any]] = []
        for number, line in enumerate(text.splitlines(), 1):
            pointer = f"line {number}"
            try:
                device, hour, count = line.split(";")
                if device == "battery":
                    moment = EPOCH + timedelta(hours=int(hour))
                    health.append(
                        {
                            "device_key": device,
                            "observed_at": moment,
                            "metric": "battery_share",
                            "value": float(count),
                            "pointer": pointer,
                        }
                    )
                    continue
                rows.append(observation(device, int(hour), int(count) * options.factor, pointer))
            except ValueError:
                parsed.rejects.append(Reject(pointer, "bad_line", "the line is no toy line", "Mend the line."))
        if self.version >= 2:
            rows = [row for row in rows if row["in_count"] != 0]  # the newer parser knows that zeros were blanks
            health = []
        parsed.rows = {"door_observations": rows, "door_health": health}
        return parsed

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        assert Toy.fetching is not None
        return Toy.fetching(context)


class Snapshot(Toy):
    """The same, observing a moment: equal bytes twice are two facts."""

    name: ClassVar[str] = "toy_snapshot"
    reads_moments: ClassVar[bool] = True


def observation(device: str, hour: int, count: int | None, pointer: str = "line 1") -> dict[str, Any]:
    """A row of door_observations without its lineage."""
    start = EPOCH + timedelta(hours=hour)
    return {
        "observation_id": f"{device}-{hour}",
        "device_key": device,
        "line_key": "total",
        "kind": "interval",
        "interval_start_at": start,
        "interval_end_at": start + timedelta(hours=1),
        "in_count": count,
        "value_state": "observed",
        "pointer": pointer,
    }


@contextmanager
def registered(*adapters: type[Adapter]) -> Iterator[None]:
    """Make test adapters known by name, and take them away again."""
    for adapter in adapters or (Toy, Snapshot):
        register.register(adapter)
    try:
        yield
    finally:
        for adapter in adapters or (Toy, Snapshot):
            register._register.pop(adapter.name, None)


def source(source_id: str = "door_toy_moa", adapter: str = "toy", **more: Any) -> Source:
    """A configured toy feed."""
    return Source(source_id=source_id, family="doors", adapter=adapter, description="A toy.", **more)


def configuration(folder: Path, *sources: Source) -> Configuration:
    """A library with one branch and the given feeds."""
    library = Library.model_validate(
        {
            "library_id": "toy",
            "name": "Toy library",
            "zone": "Europe/Oslo",
            "reporting": {"start_on": "2024-01-01"},
            "areas": [{"area_id": "1508", "name": "Ålesund", "valid_from": "2024-01-01"}],
            "branches": [
                {
                    "branch_id": "moa",
                    "name": "Moa",
                    "valid_from": "2024-01-01",
                    "areas": [{"area_id": "1508", "valid_from": "2024-01-01"}],
                }
            ],
        }
    )
    return Configuration(
        folder=folder, library=library, sources=sources or (source(),), partners=Partners(), figures=()
    )
