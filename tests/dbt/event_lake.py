"""A lake of event claims made by hand, fetch by fetch, and the warehouse that dbt makes of it.

What belongs here: putting fetches, claims and reports where ingest would have put them, and running the event models.
What does not: expectations; each test says what it expects.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from dbt_here import run_dbt

from ingest.config import Configuration, EventDecision, Source, load
from ingest.contracts import ATTENDANCE_REPORTS, EVENT_OBSERVATIONS, FETCHES, REJECTS, Table
from ingest.lake import Lake, parquet_bytes, to_arrow
from ingest.library_tables import write_library_tables

OSLO = ZoneInfo("Europe/Oslo")
WINDOW = (datetime.fromisoformat("2021-12-31 23:00"), datetime.fromisoformat("2025-12-31 23:00"))


def utc(text: str) -> datetime:
    """A local wall clock time, such as `2024-03-05 18:00`, as naive UTC."""
    local = datetime.fromisoformat(text).replace(tzinfo=OSLO)
    return local.astimezone(UTC).replace(tzinfo=None)


def digest(*parts: Any) -> str:
    """A hash of what it is given."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def claim(
    series_id: str, start: str, title: str | None = "Lesestund", *, minutes: int = 60, slot: str = "", **more: Any
) -> dict[str, Any]:
    """One claim. `start` is local; a date alone is a claim without an hour."""
    has_time = " " in start
    start_at = utc(start if has_time else f"{start} 00:00")
    end_at = start_at + (timedelta(minutes=minutes) if has_time else timedelta(days=more.pop("days", 1)))
    local_end = (end_at - timedelta(seconds=1)).replace(tzinfo=UTC).astimezone(OSLO)
    row = {
        "series_id": series_id,
        "slot": slot,
        "start_at": start_at,
        "end_at": end_at,
        "start_on": datetime.fromisoformat(start).date(),
        "end_on": local_end.date(),
        "has_time": has_time,
        "title": title,
        "status": "scheduled",
        "is_public": True,
        "is_recurring": slot != "",
        "is_override": False,
        **more,
    }
    return {**row, "content_hash": digest(sorted(row.items()))[:32]}


def feed(source_id: str, **more: Any) -> Source:
    """A feed whose claims are put into the lake by hand."""
    return Source(source_id=source_id, family="events", adapter="icalendar", description="Made by hand.", **more)


def library_with(project: Path, *sources: str | Source, decisions: Sequence[EventDecision] = ()) -> Configuration:
    """The project's library with these feeds of events alone, and with what was decided about their claims."""
    base = load(project / "config")
    others = [s for s in base.sources if s.family != "events"]
    feeds = [feed(source) if isinstance(source, str) else source for source in sources]
    library = base.library.model_copy(update={"event_decisions": tuple(decisions)})
    return base.model_copy(update={"sources": (*others, *feeds), "library": library})


@dataclass
class EventLake:
    """Fetches in the order in which they are told, and the folder they end in."""

    home: Path
    configuration: Configuration
    fetches: list[dict[str, Any]] = field(default_factory=list)
    observations: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    reports: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    rejects: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def fetch(
        self,
        source_id: str,
        at: str,
        claims: list[dict[str, Any]] | None = None,
        *,
        is_complete: bool | None = True,
        how: str = "poll",
        origin: str = "feed",
        window: tuple[datetime, datetime] | None = WINDOW,
        rejects: int = 0,
        reports: list[dict[str, Any]] | None = None,
    ) -> None:
        """One answer received at a UTC time. Without claims and reports the server did not answer."""
        number = len(self.fetches) + 1
        received = datetime.fromisoformat(at)
        failed = claims is None and reports is None
        told = sorted(claims or [], key=lambda row: (row["series_id"], row["slot"]))
        blob = digest(source_id, told, reports, rejects)
        self.fetches.append(
            {
                "receipt_id": number, "source_id": source_id, "how": how, "received_at": received,
                "status": "failed" if failed else "ok", "origin": origin, "ask": None,
                "window_start_at": window[0] if window else None, "window_end_at": window[1] if window else None,
                "is_complete": False if failed else is_complete, "http_status": 503 if failed else 200,
                "blob_sha256": None if failed else blob, "byte_count": None if failed else 1,
                "error": "http_503: down" if failed else None,
            }
        )  # fmt: skip
        if failed or (source_id, blob) in self.observations:
            return
        lineage = {"source_id": source_id, "receipt_id": number, "received_at": received, "blob_sha256": blob,
                   "parser": "hand@1"}  # fmt: skip
        self.observations[source_id, blob] = [
            {**row, **lineage, "pointer": f"row {n}",
             "observation_id": digest(source_id, row["series_id"], row["slot"])[:32]}
            for n, row in enumerate(told)
        ]  # fmt: skip
        self.reports[source_id, blob] = [{**r, **lineage, "pointer": f"row {n}"} for n, r in enumerate(reports or [])]
        self.rejects[source_id, blob] = [
            {"scope": "record", "reason": "bad_start", "message": "No.", "next_action": "Mend it.", **lineage,
             "pointer": f"line {n}"}
            for n in range(rejects)
        ]  # fmt: skip

    def write(self, shuffle: int | None = None) -> Path:
        """Write the lake; with a number, rows and files in an order drawn from it."""
        lake = self.home / "lake"
        Lake(lake).prepare()
        (self.home / "warehouse").mkdir(exist_ok=True)
        write_library_tables(lake, self.configuration)
        draw = random.Random(shuffle)

        def put(table: Table, path: Path, rows: list[dict[str, Any]]) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(parquet_bytes(to_arrow(table, rows if shuffle is None else draw.sample(rows, len(rows)))))

        put(FETCHES, lake / "fetches" / "block-000000.parquet", self.fetches)
        for table, told in (
            (EVENT_OBSERVATIONS, self.observations), (ATTENDANCE_REPORTS, self.reports), (REJECTS, self.rejects),
        ):  # fmt: skip
            for (source_id, blob), rows in told.items():
                name = blob if shuffle is None else digest(shuffle, blob)
                put(table, lake / table.name / source_id / f"{name}.parquet", rows)
        return lake


def build(lake: EventLake, project: Path, as_of: str, *select: str, shuffle: int | None = None) -> Path:
    """The warehouse as of a UTC time, made by dbt from the given models and all before them."""
    lake.write(shuffle)
    return build_home(lake.home, project, as_of, *select)


def build_home(home: Path, project: Path, as_of: str, *select: str) -> Path:
    """The warehouse that dbt makes of the lake in a home."""
    path = home / "warehouse" / "build.duckdb"
    result = run_dbt(project, home, "run", "--select", *select, as_of=as_of)
    assert result.returncode == 0, result.stdout[-6000:]
    return path


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the warehouse."""
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()
