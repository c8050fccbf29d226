"""Which library this process works for: its home, its description, and the folders that the tools are told.

Resolved when it is used, never on import, so that every module loads with nothing set.
"""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path

import dagster as dg

from ingest import config
from ingest.config import Configuration
from ingest.home import Home

PROJECT = Path(__file__).resolve().parent.parent
DAGSTER_TEMPLATE = Path(__file__).resolve().parent / "dagster.yaml"

# No tool that we start may phone home. dbt and Great Expectations read theirs on import.
QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
}


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Home and description, as the environment names them (`LEVENDE_HOME`, `LEVENDE_CONFIG`)."""

    @cached_property
    def home(self) -> Home:
        """The data folder. One object, so that one process keeps one catalogue open."""
        return Home.from_environment()

    def configuration(self) -> Configuration:
        """The description as it stands now: read again at every call, so that an edit needs no restart.

        Raises:
            ConfigurationError: it is wrong; the message names file and key.
        """
        return config.load()


def quiet_tools() -> None:
    """Turn off the telemetry of every tool in this process and its children."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def dagster_home(home: Home) -> Path:
    """The Dagster instance's folder; its `dagster.yaml` is written from the template where it is missing."""
    folder = home.root / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        shutil.copyfile(DAGSTER_TEMPLATE, folder / "dagster.yaml")
    return folder
