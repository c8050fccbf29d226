"""What the doctor sees: each harm on its own, told with what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import _small_library as small
import pytest
from _small_library import Library

from ingest.pipeline import sweep
from orchestration.clock import clock
from orchestration.doctor import Sign, examine, port_is_free, wanted_variables


def _signs(library: Library, state: str) -> list[Sign]:
    return [sign for sign in examine(library.home, {}) if sign.state == state]


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


def test_a_lost_blob_is_a_failure_and_one_without_a_receipt_is_not(landed: Library) -> None:
    """The first can't be made again by anything here; the second is the trace of a killed writer."""
    landed.home.blobs.put(b"nobody's")
    assert any("1 blobs without a receipt" in sign.message for sign in _signs(landed, "warn"))
    receipt = landed.home.catalogue.receipts()[0]
    landed.home.blobs.path(str(receipt.blob_sha256)).unlink()
    assert [sign.message for sign in _signs(landed, "fail")] == ["1 blobs are gone; restore landing/ from its backup."]


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
