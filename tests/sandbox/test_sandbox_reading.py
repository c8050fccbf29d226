"""The production adapters read the simulated vendors' bytes back to the truth, to the last person."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd
import pytest

from ingest.config import Configuration
from ingest.home import naive_utc
from sandbox import truth, vendors
from sandbox.programme import calendar_bytes
from sandbox.world import CLOCK, World


@pytest.fixture(scope="module")
def observations(world: World, read: Any) -> pd.DataFrame:
    """Everything that the door files say, read by the real adapters."""
    frames = []
    for file in vendors.files(world.configuration, world.doors, world.days):
        source = world.configuration.source(file.source_id)
        rows, rejects = read(source, file.body, file.name)
        assert rejects == [], (file.name, rejects[:3])
        frames.append(rows.assign(source_id=file.source_id))
    found = pd.concat(frames, ignore_index=True)
    for column in ("in_count", "out_count", "undirected_count"):
        found[column] = pd.to_numeric(found[column])
    for column in ("interval_start_at", "interval_end_at"):
        found[column] = pd.to_datetime(found[column])
    return found


def test_clean_files_give_the_true_visits_of_every_branch_and_day(world: World, observations: pd.DataFrame) -> None:
    """The rules applied to what the counters wrote (mean of in and out, breaks halved, entries) give the people that
    went in: so what the pipeline publishes of clean input can be held against the truth without a tolerance."""
    frame = observations
    local = frame.interval_start_at.dt.tz_localize("UTC").dt.tz_convert(world.configuration.zone.key)
    frame = frame.assign(local_date=local.dt.date)
    counts = frame.groupby(["source_id", "device_key", "line_key", "local_date"])[
        ["in_count", "out_count", "undirected_count"]
    ].sum()
    found: dict[tuple[str, str], float] = defaultdict(float)
    for line in world.configuration.library.lines:
        if line.role != "perimeter":
            continue
        days = counts.loc[line.source_id, line.device_key, line.line_key]
        told = {
            "mean_in_out": (days.in_count + days.out_count) / 2,
            "breaks_halved": days.undirected_count / 2,
            "entries": days.in_count,
        }[line.rule]
        for day, value in told.items():
            found[line.branch_id, str(day)] += float(value)
    true = {
        (f.branch_id, f.period_start): f.value
        for f in truth.figures(world)
        if f.figure_id == "visits" and f.period_kind == "day" and f.branch_id is not None
    }
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in true.items() if v}
    assert len(true) > 4_000


def test_every_line_of_the_description_is_found_under_its_keys_and_no_other_is(
    world: World, observations: pd.DataFrame
) -> None:
    """A device key spelled otherwise than the adapter delivers it would be a door that nobody counts."""
    found = set(observations[["source_id", "device_key", "line_key"]].itertuples(index=False, name=None))
    described = {(line.source_id, line.device_key, line.line_key) for line in world.configuration.library.lines}
    assert found == described


def test_files_cover_every_hour_once_without_gap_or_overlap(world: World, observations: pd.DataFrame) -> None:
    """Completeness is measured in time: 23 and 25 hour days must tile, and the doubled hour must not be one hour."""
    expected = (CLOCK - CLOCK.replace(year=2021, month=12, day=31, hour=23)).total_seconds() - 6 * 3600
    for keys, line in observations.groupby(["source_id", "device_key", "line_key"]):
        ordered = line.sort_values("interval_start_at")
        assert (ordered.interval_start_at.iloc[1:].to_numpy() == ordered.interval_end_at.iloc[:-1].to_numpy()).all(), (
            keys
        )
        span = ordered.interval_end_at.iloc[-1] - ordered.interval_start_at.iloc[0]
        assert span.total_seconds() == expected, keys


def held(configuration: Configuration, rows: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """Rows that count, by the description's rules alone: an independent, short reading of them."""
    seen: set[str] = set()
    for row in rows.sort_values(["start_at", "slot"]).to_dict("records"):
        if row["status"] != "scheduled" or not row["is_public"] or row["end_at"] > naive_utc(CLOCK):
            continue
        rule = next(r for r in configuration.library.event_rules if re.search(r.pattern, str(row["title"]).lower()))
        if rule.count_rule == "never" or (rule.count_rule == "once_per_series" and row["series_id"] in seen):
            continue
        seen.add(row["series_id"])
        yield row


@pytest.fixture(scope="module")
def occasions(world: World, read: Any) -> list[Mapping[str, Any]]:
    """What the calendar says was held, read by the real adapter."""
    source = world.configuration.source("event_icalendar_programme")
    rows, rejects = read(source, calendar_bytes(world.programme, world.configuration.zone), "programme.ics", "poll")
    assert rejects == []
    return list(held(world.configuration, rows))


def test_the_calendar_expands_to_exactly_the_holdings(world: World, occasions: list[Mapping[str, Any]]) -> None:
    """Series with exceptions, cancellations, moves, notices and exhibitions come down to what took place."""

    def at(row: Mapping[str, Any]) -> datetime:
        utc = pd.Timestamp(row["start_at"]).tz_localize("UTC")
        return utc.tz_convert(world.configuration.zone.key).tz_localize(None).to_pydatetime()

    found = Counter((str(row["series_id"]), at(row)) for row in occasions)
    assert found == Counter((h.uid, h.start) for h in world.programme.held)
    years = Counter(row["start_on"].year for row in occasions)
    assert (years[2022], years[2023]) == (500, 600)


def test_partners_named_in_descriptions_are_the_registered_ones(
    world: World, occasions: list[Mapping[str, Any]]
) -> None:
    """Only the organisation's name passes the door; by name or former name it is one partner."""
    names = {name.lower(): p.partner_id for p in world.configuration.partners.partners for name in (p.name, *p.aliases)}
    claims = Counter(names[str(row["partner_claims"]).lower()] for row in occasions if row["partner_claims"])
    assert claims == Counter(h.partner_id for h in world.programme.held if h.partner_id)


def test_the_owning_branch_stands_in_the_entry_even_when_the_venue_is_elsewhere(
    world: World, occasions: list[Mapping[str, Any]]
) -> None:
    """Two weeks of rebuilding moved the programme downstairs; it stayed the main library's programme."""
    owners = {(h.uid, h.start.date()): h.branch_id for h in world.programme.held}
    aliases = {name.lower(): b.branch_id for b in world.configuration.library.branches for name in (b.name, *b.aliases)}
    elsewhere = 0
    for row in occasions:
        words = [w.lower() for w in (*str(row["categories"] or "").split(" | "), str(row["location"]))]
        named = [aliases[w] for w in words if w in aliases]
        assert named[0] == owners[str(row["series_id"]), row["start_on"]], row["title"]
        elsewhere += str(row["location"]).lower() not in aliases
    assert elsewhere > 50
    assert any(
        row["location"] == "Rådhuset, første etasje" and row["start_on"] < date(2023, 5, 22) for row in occasions
    )
