"""A run that is killed anywhere costs time and nothing else: the next ends with an undisturbed one's tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import _small_library as small
import pytest
from _small_library import Library

pytestmark = pytest.mark.slow

LEVENDE = str(Path(sys.executable).with_name("levende"))
# Steps of a run as it tells them, and how long after the telling the blow falls: at once, inside, inside.
BLOWS = [("ingest_doors", 0.0), ("levende_dbt", 2.0), ("published__warehouse", 0.0), ("published__warehouse", 0.2)]


def start(library: Library) -> subprocess.Popen[str]:
    """A run as a person would start one, with its clock stopped so that two runs can be compared."""
    return subprocess.Popen(
        [LEVENDE, "run", "--no-poll"],
        env={**library.environment(), "LEVENDE_CLOCK": small.AS_OF, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_at(library: Library, step: str, after_seconds: float) -> bool:
    """Start a run and kill it when it says that it begins a step. False when it was done before the blow fell."""
    with start(library) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == step:
                time.sleep(after_seconds)
                break
        alive = process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.read()
    return alive


def finish(library: Library) -> str:
    with start(library) as process:
        told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told[-4000:]
    return told


def tables(library: Library) -> dict[str, bytes]:
    """All published tables, byte for byte."""
    folder = library.home.published / "parquet"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def fill(library: Library) -> None:
    """Enough files that a run can be killed among them."""
    day = small.FIRST
    while day <= small.LAST:
        small.drop(library.home.root, f"{day}.csv", small.door_csv(first=day, last=day))
        day += timedelta(days=1)
    small.drop(library.home.root, "broken.csv", b"Avdeling;Dato;Time;Inn;Ut\nMain;04.03.2024;10;eight;12\n")


def test_whatever_was_killed_the_next_run_ends_with_the_same_tables(tmp_path: Path, project: Path) -> None:
    """In ingest, in dbt, and twice in the publication, on one home; then a run that is left alone."""
    undisturbed = small.make_library(tmp_path / "undisturbed", project, is_parsed=True)
    fill(undisturbed)
    finish(undisturbed)
    expected = tables(undisturbed)
    assert len(expected) > 20

    killed = small.make_library(tmp_path / "killed", project, is_parsed=True)
    fill(killed)
    fell = [kill_at(killed, step, seconds) for step, seconds in BLOWS]
    assert fell[:3] == [True, True, True], "the blow must fall while the run is under way"
    told = finish(killed)
    assert "had lost its process" in told, "the run before was found dead and told so"
    found = tables(killed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    versions = [p.name for p in (killed.home.published / "versions").iterdir()]
    assert len(versions) <= 2, "the current and the previous version; nothing half-written is left lying about"
