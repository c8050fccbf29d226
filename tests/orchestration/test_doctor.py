"""What the doctor sees: each harm on its own, told with what to do."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import _small_library as small
import pytest
import yaml
from _small_library import Library
from parsed_dbt import put_into

from ingest.catalogue import Arrival
from ingest.home import Home
from ingest.pipeline import sweep
from orchestration.clock import clock
from orchestration.doctor import Sign, examine, port_is_free, wanted_variables
from sandbox.graph_api import Account, GraphApi


def _signs(library: Library, state: str) -> list[Sign]:
    return [sign for sign in examine(library.home, {}) if sign.state == state]


@pytest.fixture(autouse=True)
def _parsed(fresh: Library, project: Path) -> None:
    """dbt's project was parsed here before: no finding depends on it, and it would take seconds in every test."""
    put_into(project, fresh.home.root)


@pytest.fixture
def landed(fresh: Library) -> Library:
    small.drop(fresh.home.root, "a.csv", small.door_csv())
    configuration = fresh.configuration()
    sweep(fresh.home, configuration, configuration.sources[0], clock())
    return fresh


def test_what_has_landed_and_is_unread_is_told(landed: Library) -> None:
    """A run that was cut off, and nobody looked since."""
    assert any("1 blobs of doors are landed and unread" in sign.message for sign in _signs(landed, "warn"))
    assert _signs(landed, "fail") == []


def test_a_home_that_takes_no_files_is_one_failure_and_not_six(fresh: Library, tmp_path: Path) -> None:
    """Whoever looks for what to mend needs the cause, not what follows from it."""
    (tmp_path / "a file").touch()
    signs = list(examine(Home(tmp_path / "a file" / "home"), {}))
    assert [sign.name for sign in signs if sign.state == "fail"] == ["home"]
    assert [sign.name for sign in signs if sign.state == "ok"] == ["configuration"]


def test_what_was_dropped_where_nobody_looks_is_told(fresh: Library) -> None:
    """One letter wrong in the folder's name, and a year of counts waits there without a word."""
    small.drop(fresh.home.root, "a.csv", small.door_csv(), source_id="door_smal_main")
    (fresh.home.drop / "loose.csv").write_bytes(small.door_csv())
    (fresh.home.drop / "empty").mkdir()
    small.drop(fresh.home.root, "a.csv", small.door_csv())
    told = [sign.message for sign in _signs(fresh, "warn") if sign.name == "drop"]
    assert [message.split()[0] for message in told] == ["door_smal_main", "loose.csv"]
    assert all("belongs to no source" in message for message in told)


def test_a_lost_blob_is_a_failure_and_one_without_a_receipt_is_not(landed: Library) -> None:
    """The first can't be made again by anything here; the second is the trace of a killed writer."""
    landed.home.blobs.put(b"nobody's")
    assert any("1 blobs without a receipt" in sign.message for sign in _signs(landed, "warn"))
    receipt = landed.home.catalogue.receipts()[0]
    landed.home.blobs.path(str(receipt.blob_sha256)).unlink()
    assert [sign.message for sign in _signs(landed, "fail")] == ["1 blobs are gone; restore landing/ from its backup."]


def test_posts_that_lie_in_a_segment_are_not_missed(landed: Library) -> None:
    """They have no file of their own. When the catalogue no longer knows where they lie, that is mended first."""
    receipts = landed.home.land_many([Arrival("door_small_main", "push", clock(), b"posted")])
    assert _signs(landed, "fail") == []
    with landed.home.catalogue.engine.connect() as con:
        con.exec_driver_sql("delete from blob_places")
        con.exec_driver_sql("commit")
    assert [sign.message for sign in _signs(landed, "fail")] == [
        "1 blobs are gone; index the segments (docs/runbooks/landing.md), or restore landing/ from its backup."
    ]
    assert landed.home.index_segments() == 1
    assert _signs(landed, "fail") == []
    assert landed.home.body(receipts[0]) == b"posted"


def test_a_wrong_description_hides_nothing_else(landed: Library) -> None:
    """The person who looks has more than one trouble on such days."""
    (landed.folder / "sources.yaml").write_text("sources: 1")
    signs = list(examine(landed.home, {}))
    assert [sign.name for sign in signs if sign.state == "fail"] == ["configuration"]
    assert any(sign.name == "catalogue" for sign in signs)


def test_variables_that_sources_name_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was forgotten on a new machine shows here, and not at half past five."""
    options = {"url": "${BASE_URL}/feed", "token_env": "GRAPH_TOKEN", "headers_env": {"X-Key": "API_KEY"}, "n": [1]}
    assert set(wanted_variables(options)) == {"BASE_URL", "GRAPH_TOKEN", "API_KEY"}


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    """Two code servers on one port flap between old code and new."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_a_published_file_that_was_changed_is_told(fresh: Library) -> None:
    """Figures are quoted from it."""
    import json

    folder = fresh.home.published / "versions" / "000001-x"
    folder.mkdir(parents=True)
    (fresh.home.published / "current").symlink_to(folder)
    told = {"files": {"a.parquet": {"sha256": "0" * 64, "bytes": 1}}, "format": 1, "checks": [], "version": "000001-x"}
    rest = dict.fromkeys(
        ("data_version", "as_of", "published_at", "code_version", "config_hash", "storage_version"), "x"
    )
    (folder / "MANIFEST.json").write_text(json.dumps({**told, **rest, "is_simulated": True, "tables": {}}))
    (folder / "a.parquet").write_bytes(b"y")
    assert any("a.parquet differ from the manifest" in sign.message for sign in _signs(fresh, "fail"))


def test_a_new_machine_is_told_what_to_do_first(fresh: Library, tmp_path: Path) -> None:
    """Nothing is broken there; nothing is done yet either."""
    warnings = {sign.name: sign.message for sign in _signs(fresh, "warn")}
    assert "levende run" in warnings["warehouse"]
    assert "levende run" in warnings["published"]


def _graph_source(library: Library, url: str, **options: object) -> None:
    path = library.folder / "sources.yaml"
    sources = yaml.safe_load(path.read_text())
    told = {"host": url, "allow_loopback": True, "account_id": "17841400000000001", "token_env": "DOCTOR_TOKEN"}
    sources["sources"].append(
        {
            "source_id": "instagram_doctor",
            "family": "instagram",
            "adapter": "instagram_graph",
            "description": "The stand-in.",
            "options": {**told, **options},
        }
    )
    path.write_text(yaml.safe_dump(sources))


def _told(library: Library) -> list[tuple[str, str]]:
    signs = examine(library.home, {})
    return [(sign.state, sign.message) for sign in signs if sign.name == "source instagram_doctor"]


@pytest.mark.parametrize(("left", "state"), [(91, "ok"), (89, "warn"), (-1, "fail")])
def test_an_api_versions_end_is_told_before_and_after(
    fresh: Library, monkeypatch: pytest.MonkeyPatch, left: int, state: str
) -> None:
    """After it Meta answers with another version and says nothing; polls refuse to go on."""
    monkeypatch.setenv("LEVENDE_CLOCK", f"{date(2028, 7, 29) - timedelta(days=left)}T06:00:00Z")
    monkeypatch.delenv("DOCTOR_TOKEN", raising=False)
    _graph_source(fresh, "http://127.0.0.1:9", api_version="v25.0")
    found = [(level, message) for level, message in _told(fresh) if "Graph API" in message]
    assert [level for level, _message in found] == [state]
    assert ("api_version" in found[0][1]) == (state != "ok")


def test_a_token_near_its_end_is_told_also_while_meta_is_out_of_reach(
    fresh: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The date in the description counts then; a vendor that is down must not hide it, nor hold the doctor up."""
    monkeypatch.setenv("LEVENDE_CLOCK", "2026-09-01T06:00:00Z")
    monkeypatch.setenv("DOCTOR_TOKEN", "standin-token-0123456789")
    _graph_source(fresh, "http://127.0.0.1:9", token_expires_on="2026-09-05")
    found = _told(fresh)
    assert any(level == "warn" and "could not be asked" in message for level, message in found)
    assert any(level == "warn" and "ends on 2026-09-05, in 3 days" in message for level, message in found)
    assert not any("standin-token" in message for _level, message in found)


def test_a_dead_token_is_a_failure_with_what_to_do(fresh: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's figures stand still until a person acts; this line tells them which token, and where it goes."""
    now = datetime(2026, 9, 1, 6, tzinfo=UTC)
    api = GraphApi(Account("17841400000000001", "doctor"), [], lambda _m: 1, token="the-right-token-1", now=now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            response = api.serve(parts.path, parse_qs(parts.query), dict(self.headers.items()))
            self.send_response(response.status)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_args: object) -> None:
            pass

    monkeypatch.setenv("LEVENDE_CLOCK", "2026-09-01T06:00:00Z")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        _graph_source(fresh, f"http://127.0.0.1:{server.server_address[1]}", token_expires_on="never")
        monkeypatch.setenv("DOCTOR_TOKEN", "the-wrong-token-1")
        dead = _told(fresh)
        monkeypatch.setenv("DOCTOR_TOKEN", "the-right-token-1")
        alive = _told(fresh)
        server.shutdown()
    assert any(level == "fail" and "DOCTOR_TOKEN" in message and "new token" in message for level, message in dead)
    assert {level for level, _message in alive} == {"ok"}
