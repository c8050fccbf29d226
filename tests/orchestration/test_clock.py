"""The as-of: fixed once per run, never before what it must cover."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from ingest.errors import ConfigurationError
from orchestration.clock import AS_OF_TAG, as_of_text, clock, is_vintage, parse_moment, run_as_of

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


def _run(instance: dg.DagsterInstance, **tags: str) -> str:
    return instance.create_run_for_job(
        dg.JobDefinition(name="j", graph_def=dg.GraphDefinition(name="j")), tags=tags
    ).run_id


def test_the_as_of_is_rounded_up_so_that_a_receipt_of_this_second_is_known() -> None:
    """`received_at <= as_of` would lose what came half a second before, and nothing would ever ask for it again."""
    assert as_of_text(NOON.replace(microsecond=1)) == "2026-03-29 12:00:01"
    assert as_of_text(NOON) == "2026-03-29 12:00:00"


def test_a_moment_is_told_in_utc_whatever_zone_it_was_written_in() -> None:
    """The warehouse has no zones."""
    assert as_of_text(parse_moment("2026-03-29T14:00:00+02:00", "x")) == "2026-03-29 12:00:00"
    assert parse_moment("2026-03-29 12:00:00", "x") == NOON


def test_text_that_is_no_moment_says_how_to_write_one() -> None:
    """A typing error on the command line."""
    with pytest.raises(ConfigurationError, match=r"--as-of.*Write it as"):
        parse_moment("yesterday", "--as-of")


def test_the_clock_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demonstration is the same on every day."""
    monkeypatch.setenv("LEVENDE_CLOCK", "2026-03-29T12:00:00")
    assert clock() == NOON


def test_a_run_keeps_its_as_of_while_the_clock_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry, an hour later, must tell the figures that its run would have told."""
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = _run(instance)
        monkeypatch.setenv("LEVENDE_CLOCK", "2026-03-29T12:00:00")
        assert run_as_of(instance, run_id) == "2026-03-29 12:00:00"
        monkeypatch.setenv("LEVENDE_CLOCK", "2026-03-29T13:00:00")
        assert run_as_of(instance, run_id) == "2026-03-29 12:00:00"
        assert not is_vintage(instance, run_id)


def test_an_as_of_that_somebody_chose_is_a_vintage() -> None:
    """What it builds leaves out what is known since, so no part of today may be built into it."""
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = _run(instance, **{AS_OF_TAG: "2024-01-01"})
        assert run_as_of(instance, run_id) == "2024-01-01 00:00:00"
        assert is_vintage(instance, run_id)
