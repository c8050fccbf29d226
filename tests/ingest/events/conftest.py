"""Fixtures of the event adapters' tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ical_bodies import Reading, calendar, read_body

from ingest.events import icalendar
from ingest.events._ical_child import Bounds, Expander


@pytest.fixture
def read_calendar() -> Callable[..., Reading]:
    """Read events given as text, inside a calendar."""

    def read_events(*events: str, header: tuple[str, ...] = (), **options: Any) -> Reading:
        return read_body(calendar(*events, header=header), **options)

    return read_events


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let all bodies of a test share one expanding process: hundreds of starts are not what it tests."""
    with Expander(Bounds()) as shared:
        monkeypatch.setattr(icalendar, "Expander", lambda _bounds: contextlib.nullcontext(shared))
        yield
