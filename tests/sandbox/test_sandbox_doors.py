"""The commands that bring faults and door servers to whoever tries the sandbox by hand."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from ingest import config, pipeline
from ingest.config import Source
from ingest.home import Home
from sandbox import cli, truth
from sandbox.door_servers import USER, door_servers
from sandbox.world import CLOCK, World

runner = CliRunner()
ACCOUNT = {"user_env": cli.USER_VARIABLE, "password_env": cli.TOKEN_VARIABLE, "allow_loopback": True}


@pytest.fixture(scope="module")
def addresses(world: World) -> Iterator[Mapping[str, str]]:
    """The servers, with user and token in the environment as `serve` says."""
    token = secrets.token_urlsafe(24)
    with pytest.MonkeyPatch.context() as patched, door_servers(world, token) as running:
        patched.setenv(cli.USER_VARIABLE, USER)
        patched.setenv(cli.TOKEN_VARIABLE, token)
        yield running


@pytest.mark.parametrize(
    ("adapter", "line_id", "options"),
    [
        ("shoppertrak", "skodje", {**ACCOUNT, "sites": ["skodje"], "days": 6, "zone": "Europe/Oslo"}),
        ("trafsys", "skodje", {**ACCOUNT, "days": 6, "zone": "Europe/Oslo", "pause_seconds": 0}),
        (
            "axis_people_counter",
            "alesund_hovudinngang",
            {**ACCOUNT, "stamp": "start", "device": "00408CAC512B", "reread_days": 6, "zone": "Europe/Oslo"},
        ),
        (
            "xovis_v5",
            "alesund_hovudinngang",
            {**ACCOUNT, "device": "801F12D327CA", "reread_days": 6, "zone": "Europe/Oslo"},
        ),
    ],
)
def test_a_source_that_is_pointed_at_a_served_door_reads_the_worlds_people(
    addresses: Mapping[str, str], world: World, tmp_path: Path, adapter: str, line_id: str, options: dict[str, Any]
) -> None:
    """Whoever connects a real portal next week can try the source's options today."""
    source = Source(
        source_id="door_tried",
        family="doors",
        adapter=adapter,
        description="Tried.",
        options={**options, "url": addresses[adapter]},
    )
    configuration = world.configuration.model_copy(update={"sources": (source,)})
    home = Home(tmp_path)
    assert pipeline.poll(home, configuration, source, CLOCK).failures == []
    outcome = pipeline.read_pending(home, configuration)["door_tried"]
    assert outcome.failures == []
    rows = pd.concat(pd.read_parquet(p) for p in (home.lake / "door_observations").rglob("*.parquet"))
    if adapter == "trafsys":
        rows = rows[rows.line_key == line_id]
    local = pd.to_datetime(rows.interval_start_at).dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo").dt.date
    door = next(d for d in world.doors if d.line.line_id == line_id)
    seen = 0
    for back in range(1, 6):
        day = (CLOCK - timedelta(days=back)).date()
        row = world.days.index(day)
        assert rows.in_count[local == day].sum() == door.ins[row].sum(), day
        assert rows.out_count[local == day].sum() == door.outs[row].sum(), day
        seen += int(door.ins[row].sum())
    assert seen > 0


def test_all_servers_are_on_loopback(addresses: Mapping[str, str]) -> None:
    """Nobody outside the machine may reach a stand-in."""
    assert len(addresses) == 9
    assert all(address.startswith("http://127.0.0.1:") for address in addresses.values())


def test_serve_prints_the_address_of_every_make(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose port nobody is told is no server."""

    class Ended:
        def wait(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "threading", SimpleNamespace(Event=Ended))
    result = runner.invoke(cli.app, ["serve", "--home", str(tmp_path), "--config", str(project / "config")])
    assert result.exit_code == 0, result.output
    for adapter in ("shoppertrak", "vea", "vemcount", "trafsys", "kundetelling", "axis_3d", "xovis_v5", "milesight"):
        assert f"\n{adapter} " in result.output
    assert f"export {cli.USER_VARIABLE}={USER}" in result.output
    assert "Stopped." in result.output


def test_build_with_faults_lands_them_beside_the_same_truth(world: World, project: Path, tmp_path: Path) -> None:
    """The truth file of a faulty library is that of the sound one; the records say what was done to it."""
    arguments = ["--home", str(tmp_path), "--config", str(project / "config")]
    result = runner.invoke(cli.app, ["build", "--faults", "--share-missing", "0.03", *arguments])
    assert result.exit_code == 0, result.output
    assert truth.read(tmp_path / "sandbox" / "truth.json") == truth.figures(world)
    records = pd.read_csv(tmp_path / "sandbox" / cli.FAULTS_FILE)
    assert {"outage", "spike", "late", "replaced_sensor"} <= set(records.kind)
    described = config.load(tmp_path / "sandbox" / "config")
    assert set(records.line_id) <= {line.line_id for line in described.library.lines}
    receipts = Home(tmp_path).catalogue.receipts()
    assert len(receipts) > 900
    assert len({r.received_at for r in receipts}) > 500
    again = runner.invoke(cli.app, ["build", "--faults", "--share-missing", "0.03", *arguments])
    assert again.exit_code == 0, again.output
    assert len(Home(tmp_path).catalogue.receipts()) == len(receipts)
    mixed = runner.invoke(cli.app, ["build", *arguments])
    assert mixed.exit_code == cli.MISUSED
    assert "home of its own" in mixed.output
