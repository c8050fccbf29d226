"""One small library for the whole session: loading definitions and building take seconds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from _small_library import Library, make_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Library]:
    """The session's library; the environment names it while the session lasts."""
    made = make_library(tmp_path_factory.mktemp("library"), project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVENDE_HOME", str(made.home.root))
        patch.setenv("LEVENDE_CONFIG", str(made.folder))
        # A copy: runs refuse a dbt project that changed after definitions were loaded, as one does that is worked on.
        dbt = tmp_path_factory.mktemp("dbt") / "dbt_project"
        shutil.copytree(project / "dbt_project", dbt, ignore=shutil.ignore_patterns("target", "logs", ".user.yml"))
        patch.setenv("LEVENDE_DBT_PROJECT", str(dbt))
        patch.delenv("LEVENDE_CLOCK", raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        yield made


@pytest.fixture(autouse=True)
def _environment_is_put_back() -> Iterator[None]:
    """Commands fix home and description for their process and its children; here that is the tests' own process."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def fresh(tmp_path: Path, project: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library of the test's own, with an empty home."""
    made = make_library(tmp_path, project)
    monkeypatch.setenv("LEVENDE_HOME", str(made.home.root))
    monkeypatch.setenv("LEVENDE_CONFIG", str(made.folder))
    return made


@pytest.fixture(scope="session")
def repository(library: Library) -> Any:
    """All definitions, loaded once."""
    from orchestration.definitions import defs

    return defs().get_repository_def()
