"""The installation as it runs at a library: code server, daemon, two web servers; nobody presses a button."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import _small_library as small
import duckdb
import pytest
from _small_library import Library

from publishing import figures
from publishing.errors import PublishError

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 300


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_for(what: str, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE_SECONDS} s"
        time.sleep(0.5)


@dataclass(frozen=True)
class Installation:
    """A running `levende ui`."""

    library: Library
    process: subprocess.Popen[str]
    operators: str
    staff: str

    def visits(self) -> float | None:
        """The week's visits as published, None while nothing is."""
        try:
            table = figures.table(self.library.home.published, "2024-W10", "visits", area="a1")
        except PublishError:
            return None
        return next(row.value for row in table.rows if row.branch_id is None)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Installation]:
    """Started as `make ui` does, stopped as Ctrl-C does."""
    library = small.make_library(tmp_path_factory.mktemp("installation"), project, is_parsed=True)
    small.drop(library.home.root, "week.csv", small.door_csv())
    code, operators, staff = free_ports(3)
    command = [str(Path(sys.executable).with_name("levende")), "ui", "--port", str(operators)]
    command += ["--staff-port", str(staff), "--code-port", str(code)]
    log = library.home.root.with_name("ui.log")
    with log.open("w") as out:
        process = subprocess.Popen(command, env=library.environment(), stdout=out, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for("the start", lambda: "ready:" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Installation(library, process, f"http://127.0.0.1:{operators}", f"http://127.0.0.1:{staff}/lineage")
    finally:
        process.send_signal(signal.SIGINT)
        ended = process.wait(60)
    assert ended == 0, log.read_text()
    for port in (code, operators, staff):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "a server outlived its supervisor"


def test_a_dropped_file_becomes_a_published_figure_with_no_human_act(installation: Installation) -> None:
    """Also the next one, while somebody has the published file open all the time."""
    wait_for("the first publication", lambda: installation.visits() == small.VISITS_OF_WEEK)
    path = installation.library.home.published / "levende.duckdb"
    query = "select value from kpi.figures where figure_id = 'visits' and period_kind = 'week' and branch_id is null"
    with duckdb.connect(str(path), read_only=True) as reader:
        before = reader.execute(query).fetchall()
        small.drop(installation.library.home.root, "week.csv", small.door_csv(20, 20))
        wait_for("the second publication", lambda: installation.visits() == 480)
        assert reader.execute(query).fetchall() == before == [(small.VISITS_OF_WEEK,)]


def test_staff_find_the_way_from_a_figure_back_to_the_lake(installation: Installation, tmp_path: Path) -> None:
    """In the browser, on the read-only pages, as somebody who reads no code."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs Chromium, which is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    page_address = f"{installation.staff}/assets/kpi/visits_day?view=lineage&lineageScope=upstream&lineageDepth=20"
    switches = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=switches)
        try:
            page = chromium.new_page(viewport={"width": 1800, "height": 1200})
            page.goto(page_address, wait_until="domcontentloaded")
            for asset in ("visits_day", "figures", "stg_library__lines", "door_observations", small.SOURCE):
                page.get_by_text(asset, exact=True).first.wait_for(timeout=60_000)
            page.screenshot(path=os.environ.get("LEVENDE_SCREENSHOT", str(tmp_path / "lineage.png")))
            page.goto(f"{installation.staff}/assets/kpi/figures?view=checks", wait_until="domcontentloaded")
            page.get_by_text("kpi_figures__", exact=False).first.wait_for(timeout=60_000)
        finally:
            chromium.close()


def _status(url: str, *, data: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_real_servers_are_guarded(installation: Installation) -> None:
    """Dagster's own servers behind the guard: the unit tests of the guard know nothing of their routes."""
    operators, staff = installation.operators, installation.staff
    json = {"content_type": "application/json"}
    assert _status(f"{operators}/") == 200
    assert _status(f"{operators}/graphql", data=b'{"query": "{version}"}', **json) == 200
    assert _status(f"{operators}/", Host="evil.example") == 403
    assert _status(f"{operators}/graphql?%71uery=%7Bversion%7D") == 403
    assert _status(f"{operators}/graphql", data=b"query", content_type="text/plain") == 403
    assert _status(f"{operators}/report_asset_check/x", data=b"") == 403
    assert _status(f"{staff}/") == 200
    assert _status(f"{staff}/report_asset_check/x", data=b"{}", **json) == 401
