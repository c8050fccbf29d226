"""The good warehouse and lake that the tests of this room start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_library import build_lake, build_warehouse


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good warehouse; copy it before changing it."""
    return build_warehouse(tmp_path_factory.mktemp("warehouse") / "build.duckdb")


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good lake; make another one to change it."""
    return build_lake(tmp_path_factory.mktemp("lake"))
