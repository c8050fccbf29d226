"""`levende run` in a process of its own, as people type it: what it prints, and what a broken file and a kill cost.

The first run is one for all tests here, since each run costs as much as a hundred other tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import _small_library as small
import duckdb
import pytest
from _small_library import Library
from typer.testing import CliRunner

from orchestration import cli
from publishing import figures

pytestmark = pytest.mark.slow

# Steps of a run as it tells them, and how long after the telling the blow falls: at once, inside, inside. The last one
# falls on a family's job, as the next file would start it: what the whole run before it built was never published.
BLOWS = [
    ("ingest_doors", 0.0, ()),
    ("levende_dbt", 2.0, ()),
    ("published__warehouse", 0.0, ()),
    ("published__warehouse", 0.2, ("--family", "doors")),
]
CAMERA = {
    "source_id": "door_brickstream_small",
    "family": "doors",
    "adapter": "brickstream",
    "description": "Hand-made camera.",
    "pattern": "*.xml",
}


def start(library: Library, *options: str) -> subprocess.Popen[str]:
    """A run as a person would start one, with its clock stopped so that two runs can be compared."""
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", *options],
        env={**library.environment(), "LEVENDE_CLOCK": small.AS_OF, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_at(library: Library, step: str, after_seconds: float, options: tuple[str, ...]) -> bool:
    """Start a run and kill it when it says that it begins a step. False when it was done before the blow fell."""
    with start(library, *options) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == step:
                time.sleep(after_seconds)
                break
        alive = process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.read()
    return alive


def finish(library: Library, *options: str) -> str:
    with start(library, *options) as process:
        told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told[-4000:]
    return told


def tables(library: Library) -> dict[str, bytes]:
    """All published tables, byte for byte."""
    folder = library.home.published / "parquet"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def filled(root: Path, project: Path) -> Library:
    """A library with enough files that a run can be killed among them, four of which are broken."""
    library = small.make_library(root, project, is_parsed=True)
    small.write_config(library.folder, project, sources=[*small.SOURCES, CAMERA])
    home = library.home.root
    day = small.FIRST
    while day < small.LAST:  # on Sunday it is closed, and a file without a count is a broken one
        small.drop(home, f"{day}.csv", small.door_csv(first=day, last=day))
        day += timedelta(days=1)
    small.drop(home, "utf16.csv", small.door_csv().decode().encode("utf-16"))
    small.drop(home, "column.csv", b"Avdeling;Dato;Time;Inn\nMain;04.03.2024;10;8\n")
    small.drop(home, "letters.csv", b"Avdeling;Dato;Time;Inn;Ut\nMain;04.03.2024;15;eight;12\nMain;04.03.2024;16;0;0\n")
    small.drop(home, "cut.xml", b'<?xml version="1.0"?><Metrics SiteId="s"><Prop', source_id=str(CAMERA["source_id"]))
    return library


@dataclass(frozen=True)
class Run:
    """A run that nobody disturbed: its library, and all that it printed."""

    library: Library
    told: str


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Run:
    """Nothing here changes it."""
    library = filled(tmp_path_factory.mktemp("undisturbed"), project)
    return Run(library, finish(library))


def _levende(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_a_run_publishes_and_prints_the_figures(undisturbed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as people type it, in a process of its own; then the figure, and the way back to its file."""
    assert "published__warehouse" in undisturbed.told
    assert "SIMULATED" in undisturbed.told
    assert undisturbed.told.splitlines()[-1].endswith("of everything_job: done")

    for name in ("LEVENDE_HOME", "LEVENDE_CONFIG"):
        monkeypatch.setenv(name, undisturbed.library.environment()[name])
    code, output = _levende("figures", "--period", "2024-W10", "--figure", "visits", "--format", "csv")
    assert code == 0
    assert f",{small.VISITS_OF_WEEK}," in output
    code, output = _levende("explain", "visits", "2024-W10")
    assert code == 0
    assert f"{small.FIRST}.csv" in output
    code, output = _levende("explain", "visits", "1999-W10")
    assert code == 2

    code, output = _levende("doctor")
    assert code == 0, output
    assert "files whole" in output


def test_a_broken_file_costs_only_itself_and_says_what_to_do(undisturbed: Run) -> None:
    """Truncated XML, wrong encoding, a missing column, letters in a count: each lands, each is told, none stops."""
    published, landing = undisturbed.library.home.published, undisturbed.library.home.root / "landing"
    week = figures.table(published, "2024-W10", "visits", area="a1")
    assert week.rows[0].value == small.VISITS_OF_WEEK, "good neighbours are published"
    with duckdb.connect(str(published / "levende.duckdb"), read_only=True) as con:
        rejects = con.execute(
            "select origin, scope, reason, next_action, blob_sha256, is_open from core.fct_reject order by origin"
        ).fetchall()
    told = {origin: (scope, reason) for origin, scope, reason, *_ in rejects}
    assert {origin: scope for origin, (scope, _) in told.items()} == {
        "column.csv": "blob", "cut.xml": "blob", "letters.csv": "record", "utf16.csv": "blob",
    }  # fmt: skip
    assert len({reason for _, reason in told.values()}) >= 3, "reasons that a person can tell apart"
    for origin, _, _, next_action, sha256, is_open in rejects:
        assert next_action.endswith("."), f"{origin} does not say what to do"
        assert is_open
        assert (landing / "blobs" / sha256[:2] / sha256).is_file(), "the bytes are kept"
        assert origin in undisturbed.told, "whoever reads the run's last lines sees which file"
    assert "no_open_rejects" in undisturbed.told, "a failed check, visible where checks are"


def test_whatever_was_killed_the_next_run_ends_with_the_same_tables(
    undisturbed: Run, tmp_path: Path, project: Path
) -> None:
    """In ingest, in dbt, and twice in the publication, on one home; then a run that is left alone."""
    expected = tables(undisturbed.library)
    assert len(expected) > 20

    killed = filled(tmp_path, project)
    fell = [kill_at(killed, step, seconds, options) for step, seconds, options in BLOWS]
    assert fell[:3] == [True, True, True], "the blow must fall while the run is under way"
    told = finish(killed, "--family", "doors")
    assert "had lost its process" in told, "the run before was found dead and told so"
    found = tables(killed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    versions = [p.name for p in (killed.home.published / "versions").iterdir()]
    assert len(versions) <= 2, "the current and the previous version; nothing half-written is left lying about"
