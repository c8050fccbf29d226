"""Polling a stand-in device through the pipeline, and reading what was landed: what the device tests share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.adapters import adapter_for
from ingest.catalogue import Receipt
from ingest.config import Configuration, Library, Partners, Source
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import read
from ingest.pipeline import Outcome, poll

ACCOUNT = {"user_env": "DOOR_USER", "password_env": "DOOR_PASSWORD"}
USER, PASSWORD, KEY = "viewer", "correct horse battery", "NNSXS.KEY-OF-THE-STACK"


@dataclass
class Polled:
    """What polls of one source left behind.

    Attributes:
        current: the newest telling of each interval.
    """

    home: Home
    source: Source
    receipts: list[Receipt]
    rows: list[dict[str, Any]]
    health: list[dict[str, Any]]
    reasons: list[str]
    outcome: Outcome

    @property
    def current(self) -> dict[tuple[datetime, datetime], dict[str, Any]]:
        told = {(row["interval_start_at"], row["interval_end_at"]): row for row in self.rows}
        return dict(sorted(told.items()))

    @property
    def asked_days(self) -> list[str]:
        return [r.asked["day"] for r in self.receipts if "day" in r.asked]


def poll_device(
    folder: Path, adapter: str, options: dict[str, Any], now: datetime, *, allow_private_network: bool = False
) -> Polled:
    """Poll once and read every receipt that the source ever brought. A private one gets the pipeline's own session."""
    source = Source(
        source_id="door_device_moa",
        family="doors",
        adapter=adapter,
        description="A test.",
        allow_private_network=allow_private_network,
        options=options,
    )
    library = Library.model_validate(
        {
            "library_id": "test",
            "name": "Test library",
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
    configuration = Configuration(folder=folder, library=library, sources=(source,), partners=Partners(), figures=())
    home = Home(folder)
    session = None if allow_private_network else Session(Limits(backoff_seconds=0), allow_loopback=True)
    outcome = poll(home, configuration, source, now, session)
    reader, checked = adapter_for(source)
    rows: list[dict[str, Any]] = []
    health: list[dict[str, Any]] = []
    reasons: list[str] = []
    receipts = home.catalogue.receipts()
    for receipt in receipts:
        if receipt.blob_sha256 is None:
            continue
        parsed = read(reader, source, checked, receipt, home.body(receipt))
        rows += list(parsed.rows.get("door_observations", []))  # type: ignore[arg-type]
        health += list(parsed.rows.get("door_health", []))  # type: ignore[arg-type]
        reasons += [reject.reason for reject in parsed.rejects]
    return Polled(home, source, receipts, rows, health, reasons, outcome)


def assert_no_secret(folder: Path, *secrets: str) -> None:
    """No file under a folder holds any of the secrets."""
    for path in folder.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert not any(secret.encode() in body for secret in secrets), path
