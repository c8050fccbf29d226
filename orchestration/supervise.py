"""`levende ui`: code server, daemon and two web servers as children of one process.

A supervisor of our own because a code server that a shell put into the background ignores SIGTERM, two of them on
one port flap between old and new code, and all of it must stop when one of them dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import yaml

from ingest.errors import ConfigurationError, PermanentFailure
from ingest.home import Home
from orchestration.doctor import port_is_free
from orchestration.installation import PROJECT, dagster_home, quiet_tools

HOST = "127.0.0.1"
LOCATION = "library"
CODE_PORT, OPERATORS_PORT, STAFF_PORT = 4266, 3000, 3001
STAFF_PREFIX = "/lineage"
START_PATIENCE_SECONDS = 180.0
STOP_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Ports:
    """Where the servers listen, on 127.0.0.1 only."""

    code: int = CODE_PORT
    operators: int = OPERATORS_PORT
    staff: int = STAFF_PORT


def write_workspace(folder: Path, code_port: int) -> Path:
    """The workspace file that daemon and web servers read: our own code server, on its port."""
    server = {"grpc_server": {"host": HOST, "port": code_port, "location_name": LOCATION}}
    path = folder / "workspace.yaml"
    path.write_text(yaml.safe_dump({"load_from": [server]}), encoding="utf-8")
    return path


def commands(workspace: Path, ports: Ports) -> dict[str, list[str]]:
    """What is started, in order; stopped the other way round."""
    python = [sys.executable, "-m"]
    where = ["-w", str(workspace)]
    code = ["-m", "orchestration.definitions", "--location-name", LOCATION, "-h", HOST, "-p", str(ports.code)]
    staff = ["--read-only", "--path-prefix", STAFF_PREFIX, "-h", HOST, "-p", str(ports.staff)]
    return {
        "code server": [*python, "dagster", "api", "grpc", *code],
        "daemon": [*python, "dagster._daemon", "run", *where],
        "operators' web server": [*python, "orchestration.webguard", *where, "-h", HOST, "-p", str(ports.operators)],
        "staff's web server": [*python, "dagster_webserver", *where, *staff],
    }


def _die_with_parent() -> None:
    """In a child, before it becomes its program: have the kernel end it when its supervisor is killed.

    Without it a killed supervisor leaves a code server on the port, which the next one would share.
    """
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Supervisor:
    """Starts the children, waits until one ends or it is told to stop, and ends the others."""

    def __init__(self, home: Home, ports: Ports, tell: Callable[[str], None]) -> None:
        self.home = home
        self.ports = ports
        self.tell = tell
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self) -> int:
        """Until SIGINT or SIGTERM. Exit code 0 when told to stop, 1 when a child died.

        Raises:
            ConfigurationError: a port is taken, or named twice.
        """
        if len(set(vars(self.ports).values())) < len(vars(self.ports)):
            raise ConfigurationError(
                "two of the servers are to listen on one port.", next_action="Give each its own: `levende ui --help`."
            )
        taken = [str(port) for port in vars(self.ports).values() if not port_is_free(port)]
        if taken:
            raise ConfigurationError(
                f"port {', '.join(taken)} of {HOST} is in use.",
                next_action="Stop what listens there (another `levende ui`?), or choose others: `levende ui --help`.",
            )
        quiet_tools()
        folder = dagster_home(self.home)
        os.environ.update(DAGSTER_HOME=str(folder), LEVENDE_HOME=str(self.home.root))
        todo = commands(write_workspace(folder, self.ports.code), self.ports)
        before = {number: signal.signal(number, self._told_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for name, command in todo.items():
                self._start(name, command)
                if name == "code server":
                    self._wait_for_port(name, self.ports.code)
            self._wait_for_port("operators' web server", self.ports.operators)
            self._wait_for_port("staff's web server", self.ports.staff)
            if not self._stopping:
                self.tell(f"ready: operators http://{HOST}:{self.ports.operators}, staff (read only) "
                          f"http://{HOST}:{self.ports.staff}{STAFF_PREFIX}")  # fmt: skip
            while not self._stopping and not self._dead():
                time.sleep(0.2)
            dead = self._dead()
            if dead and not self._stopping:
                self.tell(f"the {dead} ended with code {self.children[dead].returncode}; stopping the others. Its last "
                          f"words stand in {self._log(dead)}.")  # fmt: skip
                return 1
            return 0
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _log(self, name: str) -> Path:
        return dagster_home(self.home) / "logs" / f"{name.replace(chr(39), '').replace(' ', '_')}.log"

    def _start(self, name: str, command: list[str]) -> None:
        if self._stopping:
            return
        log = self._log(name)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as out:
            self.children[name] = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self.tell(f"started the {name} (process {self.children[name].pid}, log {log})")

    def _dead(self) -> str | None:
        return next((name for name, child in self.children.items() if child.poll() is not None), None)

    def _wait_for_port(self, name: str, port: int) -> None:
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while not self._stopping and not self._dead():
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex((HOST, port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise PermanentFailure(
                    f"the {name} did not answer within {START_PATIENCE_SECONDS:.0f} s.",
                    reason="not_started",
                    next_action=f"Read {self._log(name)}.",
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """End all children, the last started first; by force where asking does not help."""
        for name, child in reversed(self.children.items()):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(STOP_PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    self.tell(f"the {name} did not stop when asked; killing it")
            # Whatever it started (a run's worker) is in its session; a run that is cut off is retried at next start.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
