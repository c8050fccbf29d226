"""Fixtures of the publishing tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_library import PUBLISHED_AT, Rooms, make_rooms

from publishing import snapshot
from publishing.manifest import ManifestInputs


@pytest.fixture
def inputs() -> ManifestInputs:
    """What a run tells about an honest publication of an invented library."""
    return ManifestInputs(code_version="abc123", config_hash="cfg", is_simulated=True, published_at=PUBLISHED_AT)


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    """Build, lake and landing; nothing published."""
    return make_rooms(tmp_path)


@pytest.fixture
def published(rooms: Rooms, inputs: ManifestInputs) -> Rooms:
    """The same rooms after one publication."""
    snapshot.publish(rooms.build, rooms.published, inputs)
    return rooms
