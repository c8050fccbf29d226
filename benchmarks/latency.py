"""How long from a file in a folder to the published figure, ours beside the same assets under stock settings.

Both read the same small library, on the same machine, in turn. A measurement begins when the file is renamed into the
drop folder, at a random moment of the sensor's interval, and ends when the published figure has its new value.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

import yaml

from publishing import figures
from publishing.errors import PublishError

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = "door_csv_small"
FIRST_DAY = date(2024, 3, 4)
PATIENCE_SECONDS = 900
OURS_RUNS, STOCK_RUNS = 4, 2

LIBRARY = {
    "library_id": "small",
    "name": "Small library",
    "zone": "Europe/Oslo",
    "is_simulated": True,
    "reporting": {"start_on": FIRST_DAY, "end_on": FIRST_DAY + timedelta(days=7)},
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
            "rule": "entries",
            "valid_from": date(2020, 1, 1),
        }
    ],
    "opening_hours": [
        {"weekdays": [1, 2, 3, 4, 5, 6, 7], "opens": "10:00", "closes": "14:00", "valid_from": FIRST_DAY}
    ],
}
SOURCES = [
    {
        "source_id": SOURCE,
        "family": "doors",
        "adapter": "interval_csv",
        "description": "Hand-made door counts.",
        "options": {"zone": "Europe/Oslo"},
    }
]


class Installation:
    """A home and a description, and what is published there."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.config = root / "config"
        self.config.mkdir(parents=True)
        (self.config / "library.yaml").write_text(yaml.safe_dump(LIBRARY))
        (self.config / "sources.yaml").write_text(yaml.safe_dump({"sources": SOURCES}))
        shutil.copyfile(PROJECT / "config" / "figures.yaml", self.config / "figures.yaml")
        self.environment = os.environ | {
            "LEVENDE_HOME": str(self.home),
            "LEVENDE_CONFIG": str(self.config),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "GX_ANALYTICS_ENABLED": "false",
        }

    def drop(self, count: int) -> None:
        """Put a week's file into the drop folder, whole, as a careful writer does."""
        folder = self.home / "drop" / SOURCE
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["Avdeling;Dato;Time;Inn;Ut"]
        for day in (FIRST_DAY + timedelta(days=n) for n in range(7)):
            lines += [f"Main;{day:%d.%m.%Y};{hour};{count};{count}" for hour in range(10, 14)]
        partial = folder / "week.csv.part"
        partial.write_text("\n".join(lines) + "\n")
        partial.replace(folder / "week.csv")

    def visits(self) -> float | None:
        try:
            return figures.table(self.home / "published", "2024-W10", "visits", area="a1").rows[0].value
        except PublishError:
            return None

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.visits() != count * 28:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing was published within {PATIENCE_SECONDS} s; logs under {self.home}")
            time.sleep(0.2)

    def measure(self, runs: int, seed: int) -> list[float]:
        """Seconds from drop to publication; the first, which builds everything, is not counted."""
        moments = random.Random(seed)
        self.drop(1)
        self.wait(1)
        told = []
        for count in range(2, runs + 2):
            time.sleep(moments.uniform(0, 30))
            started = time.monotonic()
            self.drop(count)
            self.wait(count)
            told.append(time.monotonic() - started)
            print(f"    {told[-1]:6.1f} s", flush=True)
        return told


@contextmanager
def running(command: list[str], installation: Installation) -> Iterator[None]:
    log = installation.home.parent / "processes.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=installation.environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def ours(root: Path) -> list[float]:
    installation = Installation(root)
    command = [str(Path(sys.executable).with_name("levende")), "ui", "--port", "3210", "--staff-port", "3211"]
    with running([*command, "--code-port", "4276"], installation):
        return installation.measure(OURS_RUNS, seed=1)


def stock(root: Path) -> list[float]:
    installation = Installation(root)
    folder = installation.home / "dagster"
    folder.mkdir(parents=True)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    workspace = {"load_from": [{"python_module": {"module_name": "benchmarks.stock_definitions"}}]}
    (folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(folder / "workspace.yaml")]
    with running(command, installation):
        return installation.measure(STOCK_RUNS, seed=1)


def main() -> None:
    print("latency: from a file in the drop folder to the published figure")
    with tempfile.TemporaryDirectory() as scratch:
        print("  ours (levende ui)", flush=True)
        mine = ours(Path(scratch) / "ours")
        print("  stock settings (30 s sensor, multiprocess executor, dbt through the command line)", flush=True)
        theirs = stock(Path(scratch) / "stock")
    a, b = statistics.median(mine), statistics.median(theirs)
    print(f"  median {a:.1f} s against {b:.1f} s: {a / b:.2f} of the stock settings' time")
    print(f"  range {min(mine):.1f}-{max(mine):.1f} s against {min(theirs):.1f}-{max(theirs):.1f} s")


if __name__ == "__main__":
    main()
