"""Fixtures of the event adapters' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from event_reading import Reading
from feed_bench import KEY, NOW, PASSWORD, USER, Bench, programme, set_secrets
from ical_bodies import calendar, read_body

from ingest.config import load
from ingest.home import Home
from sandbox.event_feeds import EventFeeds


@pytest.fixture
def read_calendar() -> Callable[..., Reading]:
    """Read events given as text, inside a calendar."""

    def read_events(*events: str, header: tuple[str, ...] = (), **options: Any) -> Reading:
        return read_body(calendar(*events, header=header), **options)

    return read_events


@pytest.fixture
def bench(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    """Make a source behind running stand-ins."""
    set_secrets(monkeypatch)
    with EventFeeds(programme(), now=NOW, user=USER, password=PASSWORD, key=KEY) as feeds:

        def made(adapter: str, **options: Any) -> Bench:
            filled = {k: v.replace("{url}", feeds.url) if isinstance(v, str) else v for k, v in options.items()}
            return Bench(feeds, Home(tmp_path), load(project / "config"), adapter, filled)

        yield made
