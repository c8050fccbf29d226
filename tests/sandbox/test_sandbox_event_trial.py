"""Trials of events: one programme, three feeds with habits of their own, and the truth that identity is held to."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ingest import config
from ingest.adapters import adapter_for
from ingest.catalogue import Receipt
from ingest.errors import ConfigurationError
from ingest.events import _minimising, _windows, tec, trumba
from ingest.home import Home
from sandbox.event_habits import (
    DAYS_AHEAD,
    DAYS_BACK,
    FEEDS,
    MUNICIPAL,
    OWN,
    PARTNER,
    PATTERNS,
    _Poster,
    window_of,
)
from sandbox.event_programme import Holding
from sandbox.event_sheets import SHEET
from sandbox.event_trial import HOUSES, EventTrial, build_event_trial

Told = dict[str, list[tuple[datetime, dict[str, Any]]]]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> EventTrial:
    """One year."""
    return build_event_trial(tmp_path_factory.mktemp("events"), seed=6, years=(2022,))


@pytest.fixture(scope="module")
def receipts(trial: EventTrial) -> dict[str, list[Receipt]]:
    """What was landed, by source, in order."""
    made: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in Home(trial.home).catalogue.receipts():
        made[receipt.source_id].append(receipt)
    return made


@pytest.fixture(scope="module")
def told(trial: EventTrial, receipts: dict[str, list[Receipt]]) -> dict[str, Told]:
    """What the two lists said of every id, by source, in order."""
    made: dict[str, Told] = {MUNICIPAL: defaultdict(list), PARTNER: defaultdict(list)}
    home = Home(trial.home)
    for source_id, by_id in made.items():
        for receipt in receipts[source_id]:
            if receipt.blob_sha256 is not None:
                for page in json.loads(home.body(receipt))["pages"]:
                    for event in page["events"] if source_id == MUNICIPAL else page:
                        by_id[str(event.get("id", event.get("eventID")))].append((receipt.received_at, event))
    return made


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows by column name."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def with_habit(trial: EventTrial, source_id: str, habit: str) -> list[dict[str, Any]]:
    """The claims of a source that have a habit, with the truth behind them."""
    rows = rows_of(trial.claims.merge(trial.holdings, on="holding_id"))
    # What lies behind the clock only: of the rest the last word is not spoken.
    past = [row for row in rows if row["outcome"] == "held" or row["start"] < trial.clock.replace(tzinfo=None)]
    return [row for row in past if row["source_id"] == source_id and habit in row["habits"].split()]


def start_of(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(event.get("start_date") or event["startDateTime"]))


def test_the_same_arguments_give_the_same_trial(trial: EventTrial, tmp_path: Path) -> None:
    """A measured improvement must be one of the method, not of the draw."""
    again = build_event_trial(tmp_path, seed=6, years=(2022,))

    def digest(folder: Path) -> dict[str, str]:
        kept = [p for p in sorted(folder.rglob("*")) if p.is_file() and "catalogue" not in p.name]
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}

    assert digest(tmp_path) == digest(trial.config.parent)
    assert again.claims.equals(trial.claims)
    assert again.events_held.equals(trial.events_held)
    landed = [
        [
            (r.source_id, r.received_at, r.status, r.is_complete, r.blob_sha256)
            for r in Home(t.home).catalogue.receipts()
        ]
        for t in (trial, again)
    ]
    assert landed[0] == landed[1]


def test_the_truth_holds_together(trial: EventTrial) -> None:
    """A claim without a holding, or a count that is no sum of holdings, would blame the pipeline."""
    holdings, claims = trial.holdings, trial.claims
    assert holdings.holding_id.is_unique
    assert not claims.duplicated(["source_id", "series_id", "slot"]).any()
    assert set(claims.holding_id) <= set(holdings.holding_id)
    counted = holdings[holdings.is_counted]
    assert set(counted.kind) == {"programme", "exhibition"}
    assert set(counted.outcome) == {"held"}
    by_branch = counted[counted.year == 2022].groupby("branch_id").size().to_dict()
    told = {row["branch_id"]: row["held_count"] for row in rows_of(trial.events_held)}
    assert told == {branch: by_branch.get(branch, 0) for branch in told}
    assert len(told) == 11
    assert min(told.values()) < 20 < 200 < max(told.values())
    assert (counted.on_site_count.notna() == counted.reported_on.notna()).all()
    assert 0.75 < counted[counted.kind == "programme"].on_site_count.notna().mean() < 0.95


def test_every_event_is_told_by_somebody_and_together_they_overcount_by_half(trial: EventTrial) -> None:
    """As measured on real overlapping feeds: most events in one feed, some in two, few in all."""
    told = trial.claims.merge(trial.holdings[trial.holdings.is_counted], on="holding_id")
    held = trial.holdings[trial.holdings.is_counted & (trial.holdings.year == 2022)]
    assert set(held.holding_id) <= set(told.holding_id)
    feeds = told.groupby("holding_id").source_id.nunique().value_counts(normalize=True)
    assert feeds[1] > feeds[2] > feeds[3] > 0.04
    assert 1.35 < len(told) / told.holding_id.nunique() < 1.7
    assert sum(share * len(pattern) for pattern, share in PATTERNS.items()) == pytest.approx(1.52)
    for source_id in FEEDS:  # each has what no other has
        elsewhere = set(told[told.source_id != source_id].holding_id)
        assert set(told[told.source_id == source_id].holding_id) - elsewhere


def test_the_programme_is_hard_where_programmes_are(trial: EventTrial) -> None:
    """Without things that look alike and are not, any loose rule would pass."""
    held = trial.holdings[trial.holdings.kind == "programme"]
    day = held.start.map(lambda start: start.date())
    assert held.groupby(["title", held.start]).branch_id.nunique().max() > 1, "one title, one hour, two branches"
    assert held.groupby(["branch_id", held.start]).title.nunique().max() > 1, "one branch, one hour, two events"
    assert held.groupby(["branch_id", day, "title"]).start.nunique().max() > 1, "one title, one day, two hours"
    assert held.is_moved.any()


def test_every_body_is_read_by_its_adapter_without_a_reject_and_holds_claims_of_the_truth(
    trial: EventTrial, receipts: dict[str, list[Receipt]]
) -> None:
    """Whatever is missed is then the work of identity and not of reading."""
    home = Home(trial.home)
    true = set(zip(trial.claims.source_id, trial.claims.series_id, trial.claims.slot, strict=True))
    for source_id in FEEDS:
        adapter, options = adapter_for(trial.configuration.source(source_id))
        bodies = [r for r in receipts[source_id] if r.blob_sha256 is not None]
        seen = set()
        for receipt in [*bodies[::20], bodies[-1]]:
            parsed = adapter.parse(home.body(receipt), receipt, trial.configuration.source(source_id), options)
            assert parsed.rejects == []
            rows = parsed.rows["event_observations"]
            assert isinstance(rows, list)
            assert rows
            seen |= {(source_id, row["series_id"], row["slot"]) for row in rows}
        assert seen <= true
        assert len(seen) > 0.3 * (trial.claims.source_id == source_id).sum()


def test_lists_are_landed_as_their_adapters_land_them(trial: EventTrial, receipts: dict[str, list[Receipt]]) -> None:
    """A field that a real poll would never bring must not help the pipeline."""
    home = Home(trial.home)
    for source_id, spec in ((MUNICIPAL, tec._TRIBE_FIELDS), (PARTNER, trumba._FIELDS)):
        receipt = next(r for r in receipts[source_id] if r.blob_sha256 is not None and r.is_complete)
        options = adapter_for(trial.configuration.source(source_id))[1]
        asked = _windows.window_of(receipt.received_at, options)
        assert window_of(receipt.received_at, trial.configuration.zone) == (asked.first, asked.after)
        assert (receipt.window_start_at, receipt.window_end_at) == (asked.start_at, asked.end_at)
        assert (options.days_back, options.days_ahead) == (DAYS_BACK, DAYS_AHEAD)
        document = json.loads(home.body(receipt))
        events = document["pages"][0]["events"] if source_id == MUNICIPAL else document["pages"][0]
        assert _minimising.pick(events, spec) == events
        if source_id == MUNICIPAL:
            assert _minimising.pick(document["singles"], tec._SINGLE) == document["singles"]
            assert document["pages"][0]["total"] == sum(len(page["events"]) for page in document["pages"])


def test_polls_fail_and_answers_are_cut_as_the_history_says(
    trial: EventTrial, receipts: dict[str, list[Receipt]]
) -> None:
    """Three polls a week, and no change of a feed that a poll could miss by more than days."""
    answers = trial.polls.groupby(["source_id", "answer"]).size()
    for source_id in FEEDS:
        polled = trial.polls[trial.polls.source_id == source_id]
        assert polled.polled_at.is_monotonic_increasing
        assert polled.polled_at.max() < trial.clock
        failed = sum(r.status == "failed" for r in receipts[source_id])
        assert failed == (polled.answer == "failed").sum() + (polled.answer == "partial").sum() > 0
    assert answers[OWN, "half_empty"] >= 3
    assert answers[MUNICIPAL, "partial"] > 0
    assert {r.is_complete for r in receipts[MUNICIPAL] if r.status == "ok"} == {True, False}
    assert sum(r.status == "not_modified" for r in receipts[OWN]) > 20
    assert [r.received_at for r in Home(trial.home).catalogue.receipts()] == sorted(
        r.received_at for rows in receipts.values() for r in rows
    )


def test_the_own_calendar_forgets_its_past_and_once_comes_back_half_empty(
    trial: EventTrial, receipts: dict[str, list[Receipt]]
) -> None:
    """A feed that no longer lists January must take nothing out of January, nor a half restored one out of the year."""
    home, sizes, last = Home(trial.home), {}, 0
    for receipt in receipts[OWN]:
        if receipt.blob_sha256 is not None:
            last = home.body(receipt).count(b"BEGIN:VEVENT")
        sizes[receipt.received_at] = last
    own = rows_of(trial.polls[trial.polls.source_id == OWN])
    lost = [n for n, poll in enumerate(own) if poll["answer"] == "lost_past"]
    assert lost
    before = next(sizes[poll["polled_at"]] for poll in reversed(own[: lost[0]]) if poll["answer"] == "ok")
    after = next(sizes[poll["polled_at"]] for poll in own[lost[-1] :] if poll["answer"] == "ok")
    half = [sizes[poll["polled_at"]] for poll in own[lost[-1] : lost[-1] + 4] if poll["answer"] == "half_empty"]
    assert max(half) < 0.75 * min(before, after)
    assert all(sizes[own[n]["polled_at"]] < before for n in lost)
    body = home.body([r for r in receipts[OWN] if r.blob_sha256 is not None][-1])
    assert b"2022" in body
    assert b"DTSTART;TZID=Europe/Oslo:202203" not in body, "what ended in March is forgotten by the next February"


def test_cancelled_programme_is_told_by_status_by_prefix_by_silence_or_not_at_all(
    trial: EventTrial, told: dict[str, Told]
) -> None:
    """A pipeline that hears only one of these counts what was never held."""
    assert {row["outcome"] for row in with_habit(trial, OWN, "vanishing")} == {"cancelled"}
    for row in with_habit(trial, MUNICIPAL, "cancelled_by_prefix"):
        assert told[MUNICIPAL][row["series_id"]][-1][1]["title"].casefold().startswith("avlyst")
    for row in with_habit(trial, PARTNER, "cancelled_by_status"):
        last = told[PARTNER][row["series_id"]][-1][1]
        assert last["canceled"]
        assert "avlyst" in last["title"].casefold()
    for source_id in (MUNICIPAL, PARTNER):
        missed = with_habit(trial, source_id, "cancellation_missed")
        by_feed = trial.claims.groupby("holding_id").source_id.nunique()
        assert all(by_feed[row["holding_id"]] > 1 for row in missed), "who announces alone looks after it"
        for row in with_habit(trial, source_id, "taken_down"):
            assert told[source_id][row["series_id"]][-1][0].replace(tzinfo=None) < row["start"]


def test_what_is_called_off_before_it_is_posted_is_never_posted() -> None:
    """Such a thing leaves no record that could be posted twice; a trial must not stop over it."""
    planned = datetime.fromisoformat("2022-05-03 18:00")
    called_off = [
        Holding(
            f"h-{n}", "programme", "vik", "Quiz", "Quiz", "Quiz", planned, planned, 60, planned.date(),
            is_cancelled=True, known_on=planned.date(),
        )
        for n in range(300)
    ]  # fmt: skip
    poster = _Poster(PARTNER, HOUSES, np.random.default_rng(1), frozenset(h.holding_id for h in called_off))
    records = poster.records(called_off)
    assert 0 < len(records) < 300
    assert all("taken_down" not in record.habits for record in records)


def test_records_come_back_under_new_ids(trial: EventTrial, told: dict[str, Told]) -> None:
    """Two ids for one holding, of which one is there at a time."""
    new = with_habit(trial, MUNICIPAL, "new_id")
    assert new
    old = {row["holding_id"]: row["series_id"] for row in with_habit(trial, MUNICIPAL, "old_id")}
    for row in new:
        if row["holding_id"] in old:
            first = told[MUNICIPAL][row["series_id"]][0][0]
            assert told[MUNICIPAL][old[row["holding_id"]]][-1][0] < first
    assert set(old) & {row["holding_id"] for row in new}


def test_the_partner_tells_when_doors_open_posts_twice_and_leaves_hours_out(
    trial: EventTrial, told: dict[str, Told]
) -> None:
    """Three habits that each break a rule of equal starts."""
    doors = with_habit(trial, PARTNER, "doors_open")
    assert doors
    for row in doors:
        if not row["is_moved"]:
            early = row["start"] - start_of(told[PARTNER][row["series_id"]][0][1])
            assert early.total_seconds() / 60 in (15, 30, 60)
    twice = with_habit(trial, PARTNER, "posted_twice")
    assert twice
    for row in twice:
        same = trial.claims[(trial.claims.source_id == PARTNER) & (trial.claims.holding_id == row["holding_id"])]
        assert len(same) == 2
        titles = {told[PARTNER][series_id][-1][1]["title"] for series_id in same.series_id}
        assert len(titles) == 1
    hourless = with_habit(trial, PARTNER, "no_hour")
    assert hourless
    assert all(told[PARTNER][row["series_id"]][0][1]["allDay"] for row in hourless)


@pytest.mark.parametrize("habit", ["other_form", "renamed", "dash", "branch_in_title", "tail", "emoji"])
def test_titles_are_written_otherwise(habit: str, trial: EventTrial, told: dict[str, Told]) -> None:
    """For one event feeds write two titles; which ways there are was measured on real ones."""
    rows = with_habit(trial, MUNICIPAL, habit) + with_habit(trial, PARTNER, habit)
    assert rows
    marks = {
        "branch_in_title": "bibliotek",
        "tail": ("i samarbeid med", "støtta av", "med støtte frå"),
        "emoji": ("📚", "🎶", "✨", "👶", "🎬"),
    }.get(habit, ())
    changed = 0
    for row in rows:
        title = told[row["source_id"]][row["series_id"]][-1][1]["title"]
        changed += title != row["title"]
        if marks:
            assert any(mark.casefold() in title.casefold() for mark in ([marks] if isinstance(marks, str) else marks))
    assert changed > 0


def test_places_are_left_out_mistaken_or_unknown(trial: EventTrial, told: dict[str, Told]) -> None:
    """Feeds conflict on the branch of one event; what only one feed tells has a branch that can be known."""
    by_feed = trial.claims.groupby("holding_id").source_id.nunique()
    for source_id, habit in ((MUNICIPAL, "no_place"), (MUNICIPAL, "wrong_place"), (PARTNER, "unknown_place")):
        rows = with_habit(trial, source_id, habit)
        assert rows
        assert all(by_feed[row["holding_id"]] > 1 for row in rows)
    for row in with_habit(trial, MUNICIPAL, "no_place"):
        assert told[MUNICIPAL][row["series_id"]][0][1]["venue"] == []


def test_other_peoples_programme_and_notices_stand_among_the_claims(trial: EventTrial) -> None:
    """They are there to be told apart, and count nowhere."""
    kinds = trial.claims.merge(trial.holdings, on="holding_id").groupby("kind").source_id.agg(set)
    assert kinds["other"] == {MUNICIPAL, PARTNER}
    assert kinds["notice"] == {OWN, MUNICIPAL}
    assert kinds["internal"] == {OWN}


def test_a_trial_is_loaded_as_it_was_described_and_never_built_over_another(trial: EventTrial) -> None:
    """It says of itself that it is simulated; two trials in one folder would be two truths."""
    loaded = config.load(trial.config)
    assert loaded.library.is_simulated
    assert [source.source_id for source in loaded.sources] == list(FEEDS)
    assert trial.environment["LEVENDE_CLOCK"] == "2023-02-01T04:00:00Z"
    with pytest.raises(ConfigurationError, match="a folder of its own"):
        build_event_trial(trial.config.parent, seed=7, years=(2022,))
    with pytest.raises(ConfigurationError, match="Leave no year out"):
        build_event_trial(trial.config.parent, seed=7, years=(2021, 2023))


def test_a_holding_at_the_turn_of_the_year_counts_in_the_year_of_its_true_start(trial: EventTrial) -> None:
    """Planned in the old year and moved into the new is an event of the new."""
    moved = trial.holdings[trial.holdings.is_moved]
    assert (moved.year == pd.to_datetime(moved.start).dt.year).all()


def test_staffs_sheets_come_beside_the_same_feeds_and_tell_of_what_was_held_late_and_with_holes(
    trial: EventTrial, receipts: dict[str, list[Receipt]], tmp_path: Path
) -> None:
    """What reports settle can be measured only if the feeds are the same with them and without."""
    told = build_event_trial(tmp_path, seed=6, years=(2022,), has_sheet=True)
    home, source = Home(told.home), told.configuration.source(SHEET)
    landed: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in home.catalogue.receipts():
        landed[receipt.source_id].append(receipt)
    for source_id in FEEDS:
        assert [r.blob_sha256 for r in landed[source_id]] == [r.blob_sha256 for r in receipts[source_id]]
    adapter, options = adapter_for(source)
    listed: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    for receipt in landed[SHEET]:
        parsed = adapter.parse(home.body(receipt), receipt, source, options)
        assert parsed.rejects == []
        rows, reports = parsed.rows["event_observations"], parsed.rows["attendance_reports"]
        assert isinstance(rows, list)
        assert isinstance(reports, list)
        listed |= {row["series_id"]: row for row in rows}
        counts |= {row["series_id"]: row["on_site_count"] for row in reports}
    claims = told.claims[told.claims.source_id == SHEET]
    assert set(listed) == set(claims.series_id)
    truth = {row["series_id"]: row for row in rows_of(claims.merge(told.holdings, on="holding_id"))}
    for series_id, row in listed.items():
        assert row["start_on"] == truth[series_id]["start"].date()
        assert (row["status"] == "cancelled") == (truth[series_id]["outcome"] == "cancelled")
    assert {series_id: truth[series_id]["on_site_count"] for series_id in counts} == counts
    before = told.holdings[told.holdings.start < pd.Timestamp(2022, 12, 1)]
    called_off = before[(before.outcome == "cancelled") & before.branch_id.notna()]
    held = before[before.is_counted]
    assert 0.4 < called_off.holding_id.isin(claims.holding_id).mean() < 0.8, "the others are left out"
    assert 0.94 < held.holding_id.isin(claims.holding_id).mean() < 0.99, "some rows are forgotten"
    assert 0.7 < len(counts) / len(held) < 0.95, "of some events nobody ever tells who came"
