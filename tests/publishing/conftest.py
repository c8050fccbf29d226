"""Fixtures of the publishing tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from published_library import PUBLISHED_AT, Rooms, make_rooms

from publishing import snapshot
from publishing.manifest import ManifestInputs

INPUTS = ManifestInputs(code_version="abc123", config_hash="cfg", is_simulated=True, published_at=PUBLISHED_AT)


@pytest.fixture
def inputs() -> ManifestInputs:
    """What a run tells about an honest publication of an invented library."""
    return INPUTS


@pytest.fixture(scope="session")
def unpublished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; copied for each test, which may do to its copy what it likes."""
    home = tmp_path_factory.mktemp("unpublished")
    make_rooms(home)
    return home


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory, unpublished_home: Path) -> Path:
    """The same after one publication; as `unpublished_home`."""
    home = tmp_path_factory.mktemp("published")
    rooms = copied(unpublished_home, home)
    snapshot.publish(rooms.build, rooms.published, INPUTS)
    return home


def copied(home: Path, root: Path) -> Rooms:
    shutil.copytree(home, root, symlinks=True, dirs_exist_ok=True)
    return Rooms.of(root)


@pytest.fixture
def rooms(tmp_path: Path, unpublished_home: Path) -> Rooms:
    """Build, lake and landing; nothing published."""
    return copied(unpublished_home, tmp_path)


@pytest.fixture
def published(tmp_path: Path, published_home: Path) -> Rooms:
    """The same rooms after one publication."""
    return copied(published_home, tmp_path)
