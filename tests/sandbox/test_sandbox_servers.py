"""The stand-in servers, the history they are asked for, and the comparison at the end."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import requests
from typer.testing import CliRunner

from ingest import pipeline
from ingest.home import Home
from sandbox import cli, truth
from sandbox.standins import StandIns
from sandbox.world import CLOCK, World, poll_moments

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty installation."""
    return Home(tmp_path / "home")


@pytest.fixture
def servers(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Stand-ins on a free port, with address and token in the environment as a person would export them."""
    token = secrets.token_urlsafe(24)
    with StandIns(world, token) as running:
        monkeypatch.setenv(cli.URL_VARIABLE, running.url)
        monkeypatch.setenv(cli.TOKEN_VARIABLE, token)
        yield running


def test_the_servers_are_on_loopback_and_the_calendar_is_asked_for_conditionally(servers: StandIns) -> None:
    """Nobody outside the machine may reach a stand-in, and an unchanged feed must not be landed again."""
    assert servers.url.startswith("http://127.0.0.1:")
    first = requests.get(f"{servers.url}/programme.ics", timeout=10)
    assert first.status_code == 200
    assert first.content.startswith(b"BEGIN:VCALENDAR")
    again = requests.get(f"{servers.url}/programme.ics", headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(f"{servers.url}/elsewhere", timeout=10).status_code == 404


def test_a_wrong_token_is_refused(servers: StandIns) -> None:
    """The stand-in keeps the vendor's manners, or a lost token would first be noticed in production."""
    address = f"{servers.url}/graph/v25.0/17841400000000001?fields=id"
    refused = requests.get(address, headers={"Authorization": "Bearer other-token"}, timeout=10)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == 190


def test_the_history_is_asked_for_month_by_month_and_once(
    servers: StandIns, world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Followers have no history: each month must show that month's number, and a second run must not ask again."""
    moments = poll_moments(world)[:2]
    monkeypatch.setattr(cli, "poll_moments", lambda _world: moments)
    first, second = cli.land_history(home, world, servers)
    assert min(first, second) > 5
    # the newest moment is asked again, in case its poll was interrupted; only what it left open costs a call
    assert list(cli.land_history(home, world, servers)) == [0, 1]
    servers.now = CLOCK
    source = world.configuration.source("instagram_graph_account")
    assert pipeline.poll(home, world.configuration, source, CLOCK).failures == []
    assert list(cli.land_history(home, world, servers)) == [0, 0]
    outcome = pipeline.read_pending(home, world.configuration, "instagram")["instagram_graph_account"]
    assert (outcome.rejects, outcome.failures) == (0, [])
    receipts = home.catalogue.receipts(source_id="instagram_graph_account")
    followers = {
        r.received_at: json.loads(home.body(r))["followers_count"]
        for r in receipts
        if r.asked["endpoint"] == "account" and r.blob_sha256
    }
    assert world.profile is not None
    assert followers == {m: world.profile.followers_at(m) for m in [*moments, CLOCK]}
    assert len(set(followers.values())) == 3
    token = os.environ[cli.TOKEN_VARIABLE].encode()
    assert not any(token in home.body(r) for r in receipts if r.blob_sha256), "a token reached the disk"


def test_a_poll_of_the_programme_lands_the_calendar_as_complete(servers: StandIns, world: World, home: Home) -> None:
    """Only a feed that is known to be whole lets an absence mean something."""
    source = world.configuration.source("event_icalendar_programme")
    assert pipeline.poll(home, world.configuration, source, CLOCK).failures == []
    assert pipeline.poll(home, world.configuration, source, CLOCK).failures == []
    statuses = [(r.status, r.is_complete) for r in home.catalogue.receipts()]
    assert statuses == [("ok", True), ("not_modified", True)]


def test_building_writes_files_that_the_next_sweep_takes_and_building_again_changes_nothing(
    world: World, home: Home
) -> None:
    """A sweep leaves files alone that were written this second; a demonstration has no time to wait for them."""
    count = cli.write_world(home, world)
    paths = sorted(p for p in home.drop.rglob("*") if p.is_file())
    assert len(paths) == count
    before = {p: p.stat().st_mtime_ns for p in paths}
    assert cli.write_world(home, world) == count
    assert {p: p.stat().st_mtime_ns for p in paths} == before
    source = world.configuration.source("door_beam_lepsoy")
    outcome = pipeline.sweep(home, world.configuration, source, datetime(2024, 7, 1, 4, tzinfo=UTC))
    assert (outcome.receipts, outcome.failures) == (30, [])


def publish(home: Home, figures: list[truth.TrueFigure]) -> None:
    """A published database with these values, in the shape that the pipeline publishes."""
    home.published.mkdir(parents=True, exist_ok=True)
    (home.published / "levende.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(home.published / "levende.duckdb")) as con:
        con.execute("create schema kpi")
        con.execute(
            "create table kpi.figures (figure_id text, area_id text, branch_id text, period_kind text, "
            "period_start date, value double, value_low double, observed_share double)"
        )
        rows = [
            (f.figure_id, f.area_id, f.branch_id, f.period_kind, f.period_start,
             *((f.value, f.value, 1.0) if f.told_share is None else (None, f.told_value, f.told_share)))
            for f in figures
        ]  # fmt: skip
        con.executemany("insert into kpi.figures values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def test_the_comparison_tells_one_visit_too_many_a_missing_figure_and_a_null(world: World, home: Home) -> None:
    """Its exit code is what a build trusts: it must fail on the smallest difference, and on silence."""
    told = truth.write(world, home.root / "sandbox" / "truth.json")
    assert json.loads((home.root / "sandbox" / "truth.json").read_text())["simulated"] is True
    assert truth.read(home.root / "sandbox" / "truth.json") == told
    years = [f for f in told if f.period_kind == "year"]
    publish(home, years)
    assert all(c.is_equal for c in truth.compare(years, home.published / "levende.duckdb"))

    wrong = [*years]
    at = next(i for i, f in enumerate(years) if f.figure_id == "visits" and f.value == 220_000)
    wrong[at] = truth.TrueFigure("visits", "1507", None, "year", "2023-01-01", 220_001)
    publish(home, wrong[:-1])
    differ = [c.truth for c in truth.compare(years, home.published / "levende.duckdb") if not c.is_equal]
    assert differ == [years[at], years[-1]]

    partly = next(f for f in years if f.told_share and f.figure_id == "event_attendances" and f.branch_id is None)
    for lie in (
        dataclasses.replace(partly, told_value=partly.told_value + 1),
        dataclasses.replace(partly, told_share=1.0),
        dataclasses.replace(partly, told_share=None),  # a gap that is passed off as a whole year
    ):
        publish(home, [lie])
        assert [c.is_equal for c in truth.compare([partly], home.published / "levende.duckdb")] == [False], lie
    publish(home, wrong[:-1])
    result = runner.invoke(cli.app, ["compare", "--home", str(home.root)])
    assert result.exit_code == 1
    assert "DIFFERS" in result.output
    assert "SIMULATED" in result.output


def test_comparing_without_a_truth_says_what_to_run(home: Home) -> None:
    """An error ends with the next action."""
    result = runner.invoke(cli.app, ["compare", "--home", str(home.root)])
    assert result.exit_code == 2
    assert "levende sandbox build" in result.output


def test_building_for_a_real_library_is_refused(project: Path, home: Home) -> None:
    """Nothing simulated may stand in a real library's drop folder."""
    config_folder = project / "examples" / "newcastle"
    result = runner.invoke(cli.app, ["build", "--home", str(home.root), "--config", str(config_folder)])
    assert result.exit_code == 2
    assert "describes a real library" in result.output
    assert not home.drop.exists()


PIPELINE = """
import json, os, sys, urllib.request
import duckdb
from pathlib import Path
home = Path(os.environ["LEVENDE_HOME"])
assert sys.argv[1:] == ["run"] and Path(os.environ["LEVENDE_CONFIG"], "library.yaml").exists()
assert os.environ["LEVENDE_CLOCK"] == "2024-07-01T04:00:00Z" and len(os.environ["LEVENDE_SANDBOX_TOKEN"]) > 20
with urllib.request.urlopen(os.environ["LEVENDE_SANDBOX_URL"] + "/programme.ics") as feed:
    assert feed.read().startswith(b"BEGIN:VCALENDAR")
if not (home / "drop" / "door_beam_lepsoy" / "besok-2024-06.csv").exists():
    sys.exit(2)
(home / "published").mkdir(exist_ok=True)
with duckdb.connect(str(home / "published" / "levende.duckdb")) as con:
    con.execute("create schema kpi")
    con.execute(
        "create table kpi.figures as select f.figure_id, f.area_id, f.branch_id, f.period_kind, "
        "cast(f.period_start as date) as period_start, "
        "case when f.told_share is null then cast(f.value as double) end as value, "
        "cast(f.told_value as double) as value_low, cast(f.told_share as double) as observed_share "
        "from (select unnest(figures) as f from read_json(?, maximum_object_size = 100000000))",
        [str(home / "sandbox" / "truth.json")],
    )
"""


def test_a_run_hands_the_pipeline_its_environment_and_ends_by_the_comparison(
    home: Home, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The pipeline is a process of its own: all it knows of the sandbox is its environment. Its exit code is kept."""
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    monkeypatch.setattr(cli, "poll_moments", lambda _world: [])
    monkeypatch.setattr(cli, "_levende", lambda: [sys.executable, str(tmp_path / "pipeline.py")])
    told = ["run", "--home", str(home.root), "--config", str(project / "config")]
    result = runner.invoke(cli.app, told)
    assert result.exit_code == 0, result.output
    assert "220 000" in result.output
    assert "SIMULATED" in result.output
    assert cli.TOKEN_VARIABLE not in os.environ

    monkeypatch.setattr(cli, "_levende", lambda: [sys.executable, "-c", "raise SystemExit(1)"])
    blocked = runner.invoke(cli.app, told)
    assert blocked.exit_code == 1
    assert "nothing is compared" in blocked.output
