"""The one place that reads the clock, and the as-of that a run is fixed to.

Everything below orchestration is given its moments. `LEVENDE_CLOCK` (ISO 8601) stops the clock for a demonstration
or a test; nothing else may.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.errors import ConfigurationError

if TYPE_CHECKING:  # commands that start no run need the clock, and should not wait for Dagster
    import dagster as dg

AS_OF_TAG = "levende/as_of"
AS_OF_BY_TAG = "levende/as_of_by"
DATA_VERSION_TAG = "levende/data_version"


def parse_moment(text: str, what: str) -> datetime:
    """A moment from ISO 8601 text, aware UTC. Text without a zone is UTC, as everywhere in the warehouse.

    Raises:
        ConfigurationError: it is no moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{what} is {text!r}, which is no moment.", next_action="Write it as 2026-03-29T12:00:00+00:00."
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def clock() -> datetime:
    """Now, aware UTC; the moment in `LEVENDE_CLOCK` where that is set.

    Raises:
        ConfigurationError: `LEVENDE_CLOCK` is no moment.
    """
    fixed = os.environ.get("LEVENDE_CLOCK")
    return parse_moment(fixed, "LEVENDE_CLOCK") if fixed else datetime.now(UTC)


def as_of_text(moment: datetime) -> str:
    """How dbt is told the as-of: naive UTC, whole seconds.

    Rounded up, never down: a receipt of this very second is known at the as-of, and the warehouse's filter
    `received_at <= as_of` would lose it to truncation.
    """
    moment = moment.astimezone(UTC)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def run_as_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """The as-of of a run: its tag where one was set, else now, kept as a tag so that a retry tells the same vintage.

    First asked for after everything was read (`lake/fetches`): fixed any earlier, bytes that land between the fixing
    and the reading would be read, count as done, and yet lie after the as-of and so be missing from the figures.

    Returns:
        Naive UTC, `YYYY-MM-DD HH:MM:SS`.
    """
    run = instance.get_run_by_id(run_id)
    tag = run.tags.get(AS_OF_TAG) if run else None
    text = as_of_text(parse_moment(tag, f"the tag {AS_OF_TAG}") if tag else clock())
    if run is not None and tag != text:
        instance.add_run_tags(run_id, {AS_OF_TAG: text} if tag else {AS_OF_TAG: text, AS_OF_BY_TAG: "clock"})
    return text


def is_vintage(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether somebody chose the run's as-of: what it builds leaves out what is known since."""
    run = instance.get_run_by_id(run_id)
    return run is not None and AS_OF_TAG in run.tags and run.tags.get(AS_OF_BY_TAG) != "clock"
