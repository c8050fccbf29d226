"""The simulated world, made once for all tests of the room."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pytest

from ingest import config
from ingest.adapters import adapter_for
from ingest.catalogue import Receipt
from ingest.config import Configuration, Source
from sandbox.world import CLOCK, World, build


class Reader(Protocol):
    """Reads bytes as the pipeline would; returns the rows of the adapter's first table and the rejects."""

    def __call__(self, source: Source, body: bytes, name: str, how: str = "drop") -> tuple[pd.DataFrame, list[object]]:
        """With a receipt at the sandbox's clock."""


@pytest.fixture(scope="session")
def read() -> Reader:
    """The production adapter of a source, applied to bytes."""

    def parse(source: Source, body: bytes, name: str, how: str = "drop") -> tuple[pd.DataFrame, list[object]]:
        adapter, options = adapter_for(source)
        blob, size = "0" * 64, len(body)
        receipt = Receipt(
            1, source.source_id, how, CLOCK, "ok", name, "", None, None, True, None, None, None, None, blob, size, None
        )
        parsed = adapter.parse(body, receipt, source, options)
        rows = parsed.rows[adapter.tables[0]]
        # As objects: a text that is missing must stay None, and not become a number.
        told = rows.to_pylist() if isinstance(rows, pa.Table) else rows
        frame = told if isinstance(told, pd.DataFrame) else pd.DataFrame(list(told), dtype=object)
        return frame, list(parsed.rejects)

    return parse


@pytest.fixture(scope="session")
def description(project: Path) -> Configuration:
    """The simulated library's description, as it stands in `config/`."""
    return config.load(project / "config")


@pytest.fixture(scope="session")
def world(description: Configuration) -> World:
    """The world that `make run` shows."""
    return build(description)
