"""The command line: exit codes and words. What the commands do is tested where it stands."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import _small_library as small
import pytest
import typer
from _small_library import Library
from openpyxl import load_workbook
from typer.testing import CliRunner

from ingest.config import load
from orchestration import cli
from publishing import review_sheet
from publishing.review import Question, Telling

runner = CliRunner()


def _levende(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(cli.app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_help_imports_nothing_heavy(library: Library) -> None:
    """Somebody who asks what there is should not wait for Dagster."""
    code = (
        "import sys\nfrom orchestration import cli\ncli.add_plugins(cli.app, [])\n"
        "sys.exit(', '.join({'dagster', 'dbt', 'pandas', 'duckdb', 'sandbox'} & set(sys.modules)) or 0)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize(
    "command", ["run", "figures", "explain", "review", "decide", "ingest", "inbox", "alerts", "doctor", "ui"]
)
def test_every_command_says_what_it_does(command: str) -> None:
    """Documentation that can't go missing."""
    code, output = _levende(command, "--help")
    assert code == 0
    assert len(output) > 200


def test_a_description_that_is_not_there_is_wrong_use(tmp_path: Path, library: Library) -> None:
    """Exit 2 is what a person mends at the keyboard; the message says where."""
    code, output = _levende("run", "--config", str(tmp_path), "--home", str(tmp_path))
    assert code == 2
    assert "library.yaml does not exist" in output
    assert "Point LEVENDE_CONFIG or --config" in output


def test_a_misspelt_family_source_or_moment_is_wrong_use(fresh: Library) -> None:
    """The message names what there is."""
    code, output = _levende("run", "--family", "windows")
    assert (code, "doors, events, instagram" in output) == (2, True)
    code, output = _levende("run", "--as-of", "yesterday")
    assert (code, "Write it as" in output) == (2, True)
    code, output = _levende("ingest", "door_nowhere")
    assert (code, small.SOURCE in output) == (2, True)


@pytest.mark.parametrize(
    "command", [("run",), ("ingest", small.SOURCE), ("inbox", "--port", "0"), ("alerts",), ("ui",), ("doctor",)]
)
def test_a_home_that_takes_no_files_is_wrong_use(fresh: Library, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A full disk, another owner, a slip of the pen: the message names the folder instead of a line of our code."""
    (tmp_path / "a file").touch()
    code, output = _levende(*command, "--home", str(tmp_path / "a file" / "home"))
    assert code == 2
    assert f"nothing can be written to the data folder {tmp_path / 'a file' / 'home'}" in output
    assert "--home or LEVENDE_HOME" in output


def test_an_adapter_that_is_not_there_is_told_once_and_before_anything_lands(fresh: Library, project: Path) -> None:
    """One slip in sources.yaml, one message."""
    small.write_config(fresh.folder, project, sources=[{**small.SOURCES[0], "adapter": "interval_cvs"}])
    for command in (("run",), ("ingest", small.SOURCE), ("ui",)):
        code, output = _levende(*command)
        assert (code, output.count("no adapter 'interval_cvs'")) == (2, 1)
    assert fresh.home.catalogue.receipts() == []


def test_a_port_that_cannot_be_is_wrong_use(fresh: Library) -> None:
    """A trace of the socket module says nothing to whoever typed a digit too many."""
    assert _levende("ui", "--port", "99999")[0] == 2


def test_a_simulated_library_stands_still_where_its_time_ends(
    fresh: Library, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years later every door of it would be silent, and the first look at the pages would be a page of alarms."""
    monkeypatch.delenv("LEVENDE_CLOCK", raising=False)
    small.write_config(fresh.folder, project, simulated_now_at="2024-07-01T04:00:00Z")
    small.drop(fresh.home.root, "a.csv", small.door_csv())
    code, output = _levende("ingest", small.SOURCE)
    assert (code, "its clock stands at 2024-07-01 04:00 UTC" in output) == (0, True)
    assert {receipt.received_at for receipt in fresh.home.catalogue.receipts()} == {datetime(2024, 7, 1, 4, tzinfo=UTC)}
    monkeypatch.setenv("LEVENDE_CLOCK", "2024-08-01T04:00:00Z")
    assert "clock stands" not in _levende("ingest", small.SOURCE)[1]


def test_an_inbox_that_could_take_nothing_does_not_start(fresh: Library) -> None:
    """It says at the keyboard what would otherwise be found out from a silent source."""
    code, output = _levende("inbox", "--port", "0")
    assert (code, "docs/inbox.md" in output) == (2, True)
    code, output = _levende("inbox", "--host", "0.0.0.0")
    assert (code, "127.0.0.1 only" in output) == (2, True)


def test_figures_before_the_first_publication_say_how_to_get_one(fresh: Library) -> None:
    """The first thing a newcomer types."""
    code, output = _levende("figures")
    assert code == 1
    assert "levende run" in output


def test_ingest_reads_one_source_and_leaves_the_others_alone(fresh: Library, project: Path) -> None:
    """Beside it another source's readings must stay: they are another's, and not this command's to forget."""
    other = {**small.SOURCES[0], "source_id": "door_csv_other"}
    small.write_config(fresh.folder, project, sources=[*small.SOURCES, other])
    small.drop(fresh.home.root, "a.csv", small.door_csv(1, 1), source_id="door_csv_other")
    small.drop(fresh.home.root, "a.csv", small.door_csv())
    assert _levende("ingest", "door_csv_other")[0] == 0
    code, output = _levende("ingest", small.SOURCE)
    assert code == 0
    assert "1 new receipts, 1 blobs read, 24 door_observations, 0 rejects" in output
    for source in (small.SOURCE, "door_csv_other"):
        assert len(list((fresh.home.lake / "door_observations" / source).glob("*.parquet"))) == 1
    assert "0 new receipts, 0 blobs read" in _levende("ingest", small.SOURCE)[1]


def test_a_bad_record_is_told_and_its_neighbours_are_read(fresh: Library) -> None:
    """Nothing is dropped in silence."""
    small.drop(fresh.home.root, "a.csv", small.door_csv().replace(b";10;8;12", b";10;many;12", 1))
    code, output = _levende("ingest", small.SOURCE)
    assert code == 0
    assert "23 door_observations, 1 rejects" in output
    assert "docs/runbooks/rejects.md" in output


def test_a_source_that_is_switched_off_is_not_read(fresh: Library, project: Path) -> None:
    """Somebody switched it off."""
    small.write_config(fresh.folder, project, sources=[{**small.SOURCES[0], "enabled": False}])
    code, output = _levende("ingest", small.SOURCE)
    assert (code, "not enabled" in output) == (2, True)


def test_commands_of_other_packages_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Production never imports the sandbox; it is asked for by its name only when somebody types it."""
    entry = importlib.metadata.EntryPoint("demo", "nowhere.cli:app", cli.PLUGINS)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry] if group == cli.PLUGINS else [])
    app = typer.Typer()
    cli.add_plugins(app, ["run", "--no-poll"])
    with pytest.raises(ModuleNotFoundError):
        cli.add_plugins(app, ["demo"])


def test_the_empty_attendance_sheet_is_written_once(tmp_path: Path) -> None:
    """A second call must not write over what somebody has filled in."""
    path = tmp_path / "program.xlsx"
    assert _levende("sheet", "attendance", str(path))[0] == 0
    assert path.read_bytes()[:2] == b"PK"
    code, output = _levende("sheet", "attendance", str(path))
    assert (code, "exists already" in output) == (1, True)


def test_answers_in_a_sheet_become_decisions_of_the_description(fresh: Library, project: Path, tmp_path: Path) -> None:
    """Staff answer in a workbook; what they say is kept beside the rest of the description, with their role."""
    options = {"zone": "Europe/Oslo", "expand_from": "2024-01-01", "expand_to": "2025-01-01"}
    calendar = {"source_id": "event_own", "family": "events", "adapter": "icalendar", "description": "Ours."}
    small.write_config(fresh.folder, project, sources=[*small.SOURCES, {**calendar, "options": options}])
    claim = {"source_id": "event_own", "series_id": "u1", "slot": ""}
    about = Telling("e", claim, "Quiz", "2024-03-04 18:00", None, None, ("event_own",))
    answers = {"holdt": [{"verdict": "countable", "claims": [claim]}], "ikke holdt": []}
    path = tmp_path / "review.xlsx"
    path.write_bytes(review_sheet.workbook([Question("no_branch", "?", about, (), 1.0, answers)], {"main": "Main"}))
    code, output = _levende("decide", str(path), "--by", "branch staff")
    assert (code, "holds no answer" in output) == (0, True)
    for given, expected, words in (("kanskje", 2, "row 2"), ("Holdt", 0, "1 decisions added and 0 replaced")):
        book = load_workbook(path)
        cell = next(c for c in book.worksheets[0][1] if c.value == review_sheet.ANSWER)
        book.worksheets[0].cell(row=2, column=cell.column).value = given
        book.save(path)
        code, output = _levende("decide", str(path), "--by", "branch staff")
        assert (code, words in output) == (expected, True), output
    (decision,) = load(fresh.folder).library.event_decisions
    assert (decision.verdict, decision.decided_by) == ("countable", "branch staff")


def test_nothing_can_be_asked_before_something_is_published(fresh: Library, tmp_path: Path) -> None:
    """What is in doubt stands in what was published; the message says how to get there."""
    code, output = _levende("review", str(tmp_path / "review.xlsx"), "--period", "2024")
    assert (code, "levende run" in output) == (1, True)
    assert not (tmp_path / "review.xlsx").exists()


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("ingest.inbox, orchestration.clock", {"dagster", "dbt", "great_expectations", "duckdb", "pandas"}),
        ("ingest.pipeline, orchestration.clock, orchestration.warehouse", {"dagster", "dbt", "great_expectations"}),
    ],
)
def test_a_command_that_starts_no_run_does_not_wait_for_dagster(modules: str, heavy: set[str]) -> None:
    """`levende inbox` is back after a restart before a device gives up, and needs no hundreds of megabytes for it."""
    code = f"import sys, {modules}\nsys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
