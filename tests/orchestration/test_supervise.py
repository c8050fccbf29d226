"""`levende ui`: everything starts, everything stops, and a half of it never stays."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest.errors import ConfigurationError
from ingest.home import Home
from orchestration import supervise
from orchestration.installation import dagster_home
from orchestration.supervise import Ports, Supervisor


def _free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `levende ui` would share the code server's port with the first, in silence."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        supervisor = Supervisor(Home(tmp_path), Ports(taken, *_free_ports(2)), print)
        with pytest.raises(ConfigurationError, match=f"port {taken} .* in use"):
            supervisor.run()
    assert supervisor.children == {}


def test_two_servers_are_not_given_one_port(tmp_path: Path) -> None:
    """The second of them would end at once, and take the whole of it down after it had said ready."""
    one, two = _free_ports(2)
    supervisor = Supervisor(Home(tmp_path), Ports(one, two, two), print)
    with pytest.raises(ConfigurationError, match="one port"):
        supervisor.run()
    assert supervisor.children == {}


def _stand_ins(monkeypatch: pytest.MonkeyPatch, ports: Ports, last: str) -> None:
    """Children that listen and wait, quick to start; the last one does as told."""
    listen = "import socket,time; s=socket.create_server(('127.0.0.1', {})); time.sleep(600)"
    told = {
        "code server": listen.format(ports.code),
        "operators' web server": listen.format(ports.operators),
        "staff's web server": listen.format(ports.staff),
        "daemon": last,
    }
    monkeypatch.setattr(supervise, "commands", lambda *_: {n: [sys.executable, "-c", c] for n, c in told.items()})
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("LEVENDE_HOME", "")


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_when_one_dies_all_stop_and_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without a daemon look well, and nothing runs any more."""
    ports = Ports(*_free_ports(3))
    _stand_ins(monkeypatch, ports, "import time; time.sleep(1.5); raise SystemExit(7)")
    told: list[str] = []
    supervisor = Supervisor(Home(tmp_path), ports, told.append)
    assert supervisor.run() == 1
    assert any("the daemon ended with code 7" in line for line in told)
    assert all(_gone(child.pid) for child in supervisor.children.values())


def test_told_to_stop_it_stops_all_of_it_even_what_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code server left behind would sit on the port of the next start."""
    ports = Ports(*_free_ports(3))
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    _stand_ins(monkeypatch, ports, deaf)
    monkeypatch.setattr(supervise, "STOP_PATIENCE_SECONDS", 0.5)
    told: list[str] = []
    supervisor = Supervisor(Home(tmp_path), ports, told.append)

    def stop_when_ready() -> None:
        while not any(line.startswith("ready") for line in told):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_ready, daemon=True).start()
    assert supervisor.run() == 0
    assert all(_gone(child.pid) for child in supervisor.children.values())


def test_the_instances_settings_are_written_once_and_then_left_alone(tmp_path: Path) -> None:
    """An operator's change to them must survive the next start."""
    settings = dagster_home(Home(tmp_path)) / "dagster.yaml"
    assert "max_concurrent_runs: 1" in settings.read_text()
    settings.write_text("telemetry: {enabled: false}\n")
    dagster_home(Home(tmp_path))
    assert settings.read_text() == "telemetry: {enabled: false}\n"


def test_the_settings_are_ones_that_dagster_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key would be found by whoever starts it first."""
    from orchestration.launcher import HealthCheckedRunLauncher
    from orchestration.runner import instance_of

    monkeypatch.setenv("DAGSTER_HOME", "")
    with instance_of(Home(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, HealthCheckedRunLauncher)
        assert not instance.telemetry_enabled
        assert instance.run_retries_enabled
        assert instance.global_op_concurrency_default_limit == 1
