"""A library small enough to build in seconds: one area, two branches, one door file, hand-made."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from parsed_dbt import put_into

from ingest.config import Configuration, load
from ingest.home import Home

SOURCE = "door_csv_small"
FIRST, LAST = date(2024, 3, 4), date(2024, 3, 10)  # Monday to Sunday
OPENS, CLOSES = 10, 14
AS_OF = "2024-03-12T00:00:00+00:00"
# In and out per open hour: 8 in and 12 out are 10 visits.
IN, OUT = 8, 12
VISITS_OF_WEEK = 6 * (CLOSES - OPENS) * (IN + OUT) // 2

LIBRARY: dict[str, Any] = {
    "library_id": "small",
    "name": "Small library",
    "zone": "Europe/Oslo",
    "is_simulated": True,
    "reporting": {"start_on": FIRST, "end_on": LAST + timedelta(days=1)},
    "areas": [{"area_id": "a1", "name": "Area", "valid_from": date(2020, 1, 1)}],
    "branches": [
        {
            "branch_id": "main",
            "name": "Main",
            "valid_from": date(2020, 1, 1),
            "areas": [{"area_id": "a1", "valid_from": date(2020, 1, 1)}],
        }
    ],
    "lines": [
        {
            "line_id": "main_door",
            "branch_id": "main",
            "source_id": SOURCE,
            "device_key": "main",
            "rule": "mean_in_out",
            "valid_from": date(2020, 1, 1),
        }
    ],
    "accounts": [{"account_id": "17840000000000001", "area_id": "a1", "valid_from": date(2020, 1, 1)}],
    "opening_hours": [
        {"weekdays": [1, 2, 3, 4, 5, 6], "opens": f"{OPENS}:00", "closes": f"{CLOSES}:00", "valid_from": FIRST}
    ],
}
SOURCES: list[dict[str, Any]] = [
    {
        "source_id": SOURCE,
        "family": "doors",
        "adapter": "interval_csv",
        "description": "Hand-made door counts.",
        "pattern": "*.csv",
        "expected_every_hours": 48,
        "options": {"zone": "Europe/Oslo"},
    }
]


def write_config(folder: Path, project: Path, *, sources: list[dict[str, Any]] | None = None, **library: Any) -> Path:
    """A configuration folder; keyword arguments replace parts of `library.yaml`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "library.yaml").write_text(yaml.safe_dump({**LIBRARY, **library}), encoding="utf-8")
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": sources or SOURCES}), encoding="utf-8")
    shutil.copyfile(project / "config" / "figures.yaml", folder / "figures.yaml")
    return folder


def door_csv(count_in: int = IN, count_out: int = OUT, *, first: date = FIRST, last: date = LAST) -> bytes:
    """An hourly file of the main branch, open hours only."""
    lines = ["Avdeling;Dato;Time;Inn;Ut"]
    day = first
    while day <= last:
        if day.isoweekday() <= 6:
            lines += [f"Main;{day:%d.%m.%Y};{hour};{count_in};{count_out}" for hour in range(OPENS, CLOSES)]
        day += timedelta(days=1)
    return ("\n".join(lines) + "\n").encode()


def drop(home: Path, name: str, body: bytes, *, source_id: str = SOURCE, age_seconds: float = 60.0) -> Path:
    """Put a file into a source's drop folder, old enough to be taken."""
    folder = home / "drop" / source_id
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(body)
    stamp = path.stat().st_mtime - age_seconds
    os.utime(path, (stamp, stamp))
    return path


@dataclass(frozen=True)
class Library:
    """A home and a description, and the environment that names them."""

    home: Home
    folder: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LEVENDE_HOME": str(self.home.root), "LEVENDE_CONFIG": str(self.folder)}

    def configuration(self) -> Configuration:
        return load(self.folder)


def make_library(root: Path, project: Path, *, is_parsed: bool = False, **library: Any) -> Library:
    """A library with an empty home.

    Args:
        is_parsed: whether the dbt project has been parsed in it before, as on every day but the first.
    """
    if is_parsed:
        put_into(project, root / "home")
    return Library(Home(root / "home"), write_config(root / "config", project, **library))
