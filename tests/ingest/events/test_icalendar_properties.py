"""Properties that hold for every calendar of a kind: dates against a naive expansion, and what supersedes what."""

from __future__ import annotations

import calendar as months
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from event_reading import Reading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ical_bodies import calendar, event, feed_source, read_body, receipt

from ingest.adapters import adapter_for
from ingest.events import _ical_child, ical_expand
from ingest.lake import Way, _tables, parquet_bytes

Read = Callable[..., Reading]
OSLO = ZoneInfo("Europe/Oslo")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FIRST, END = date(2025, 1, 1), date(2028, 1, 1)  # the window of `ical_bodies`

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# -- dates ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A simple repetition, and where it ends: after `count` dates, or with the last that is not after `until`."""

    freq: str
    interval: int
    weekdays: tuple[int, ...]
    count: int | None
    until: datetime | None

    def text(self) -> str:
        parts = [f"FREQ={self.freq}", f"INTERVAL={self.interval}"]
        if self.weekdays:
            parts.append("BYDAY=" + ",".join(DAYS[day] for day in self.weekdays))
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%dT%H%M%SZ}")
        return "RRULE:" + ";".join(parts)


def _days(rule: Rule, start: date) -> Iterator[date]:
    """Day after day is looked at and asked whether the rule means it: slow, and without any cleverness to get wrong."""
    monday = start - timedelta(days=start.weekday())
    day = start
    while day < date(2040, 1, 1):
        if rule.freq == "DAILY":
            is_meant = (day - start).days % rule.interval == 0
        elif rule.freq == "WEEKLY":
            weekdays = rule.weekdays or (start.weekday(),)
            is_meant = (day - monday).days // 7 % rule.interval == 0 and day.weekday() in weekdays
        elif rule.freq == "MONTHLY":
            apart = (day.year - start.year) * 12 + day.month - start.month
            is_meant = apart % rule.interval == 0 and day.day == start.day
        else:
            is_meant = (day.year - start.year) % rule.interval == 0 and (day.month, day.day) == (start.month, start.day)
        if is_meant:
            yield day
        day += timedelta(days=1)


def _expected(rule: Rule, start: datetime, excluded: set[datetime], minutes: int) -> list[datetime]:
    """Starts in UTC of what overlaps the window."""
    window = [datetime(day.year, day.month, day.day, tzinfo=OSLO).astimezone(UTC) for day in (FIRST, END)]
    found = []
    for number, day in enumerate(_days(rule, start.date()), start=1):
        wall = datetime.combine(day, start.time())
        moment = wall.replace(tzinfo=OSLO).astimezone(UTC)
        if (rule.count is not None and number > rule.count) or (rule.until is not None and moment > rule.until):
            break
        end = moment + timedelta(minutes=minutes)
        if wall not in excluded and moment < window[1] and (end > window[0] or moment >= window[0]):
            found.append(moment.replace(tzinfo=None))
    return found


@st.composite
def _series(draw: st.DrawFn) -> tuple[Rule, datetime, set[datetime], int]:
    start = draw(st.datetimes(datetime(2024, 6, 1), datetime(2027, 6, 1)))  # noqa: DTZ001 - a wall clock
    start = start.replace(second=0, microsecond=0, fold=0)  # a clock on the wall does not tell the doubled hour
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "YEARLY"]))
    weekdays: set[int] = set()
    if freq == "WEEKLY" and draw(st.booleans()):
        weekdays = {start.weekday(), *draw(st.sets(st.integers(0, 6), max_size=3))}
    rule = Rule(freq, draw(st.integers(1, 5)), tuple(sorted(weekdays)), None, None)
    dates = [datetime.combine(day, start.time()) for day, _ in zip(_days(rule, start.date()), range(40), strict=False)]
    if draw(st.booleans()):
        rule = Rule(freq, rule.interval, rule.weekdays, draw(st.integers(1, len(dates))), None)
    else:
        last = draw(st.sampled_from(dates)).replace(tzinfo=OSLO).astimezone(UTC)
        rule = Rule(freq, rule.interval, rule.weekdays, None, last + timedelta(hours=draw(st.integers(0, 12))))
    excluded = draw(st.sets(st.sampled_from(dates), max_size=3))
    return rule, start, excluded, draw(st.sampled_from([30, 60, 90, 240]))


@many
@given(_series())
def test_a_simple_rule_gives_the_dates_that_a_calendar_on_the_wall_would(
    drawn: tuple[Rule, datetime, set[datetime], int],
) -> None:
    """Two libraries stand between a rule and its dates; day by day, on the wall clock, there is nothing to misread."""
    rule, start, excluded, minutes = drawn
    lines = [f"EXDATE;TZID=Europe/Oslo:{wall:%Y%m%dT%H%M%S}" for wall in sorted(excluded)]
    reading = read_body(
        calendar(
            event(f"DTSTART;TZID=Europe/Oslo:{start:%Y%m%dT%H%M%S}", f"DURATION:PT{minutes}M", rule.text(), *lines)
        )
    )
    assert reading.rejects == []
    expected = _expected(rule, start, excluded, minutes)
    assert [row["start_at"] for row in reading.rows] == expected
    assert [row["slot"] for row in reading.rows] == [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in expected]


@many
@given(_series())
def test_whole_days_are_repeated_as_days(drawn: tuple[Rule, datetime, set[datetime], int]) -> None:
    """A day has no hour that a change of clocks could move."""
    rule, start, _, _ = drawn
    rule = Rule(rule.freq, rule.interval, rule.weekdays, rule.count or 12, None)
    reading = read_body(calendar(event(f"DTSTART;VALUE=DATE:{start:%Y%m%d}", rule.text())))
    days = [day for day, _ in zip(_days(rule, start.date()), range(rule.count or 0), strict=False)]
    assert [row["start_on"] for row in reading.rows] == [day for day in days if FIRST <= day < END]
    assert all(row["slot"] == row["start_on"].isoformat() and not row["has_time"] for row in reading.rows)


@many
@given(st.integers(2025, 2027), st.sampled_from([3, 10]), st.integers(0, 23), st.integers(0, 59))
def test_the_local_hour_is_stable_over_both_changes_of_the_clock(year: int, month: int, hour: int, minute: int) -> None:
    """Story time at ten is at ten in every week; only an hour that does not exist on the day itself may move."""
    change = max(
        day for day in months.Calendar().itermonthdates(year, month) if day.month == month and day.weekday() == 6
    )
    start = datetime.combine(change - timedelta(days=3), datetime.min.time()).replace(hour=hour, minute=minute)
    rule = "RRULE:FREQ=DAILY;COUNT=7"
    rows = read_body(calendar(event(f"DTSTART;TZID=Europe/Oslo:{start:%Y%m%dT%H%M%S}", rule))).rows
    assert [row["start_on"] for row in rows] == [start.date() + timedelta(days=n) for n in range(7)]
    for row in rows:
        local = row["start_at"].replace(tzinfo=UTC).astimezone(OSLO)
        flags = set((row["quality_flags"] or "").split(" | "))
        if month == 3 and hour == 2 and row["start_on"] == change:
            assert (local.hour, local.minute) == (3, minute)
            assert "nonexistent_time" in flags
        else:
            assert (local.hour, local.minute) == (hour, minute)
            assert ("ambiguous_time" in flags) == (month == 10 and hour == 2 and row["start_on"] == change)


# -- what supersedes what -------------------------------------------------------------------------------------------

_TELLINGS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 28)), min_size=1, max_size=5, unique=True
)  # SEQUENCE and day of LAST-MODIFIED


@many
@given(_TELLINGS, st.randoms(use_true_random=False))
def test_of_all_tellings_of_one_slot_the_newest_counts_in_any_order(
    tellings: list[tuple[int, int]], dice: random.Random
) -> None:
    """Higher SEQUENCE first, then later LAST-MODIFIED; the place in the file is chance."""
    master = event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=3", "SUMMARY:Series")
    changes = [
        event(
            "RECURRENCE-ID:20260309T170000Z",
            "DTSTART:20260310T180000Z",
            f"SUMMARY:{sequence} {day}",
            f"SEQUENCE:{sequence}",
            f"LAST-MODIFIED:202602{day:02}T000000Z",
        )
        for sequence, day in tellings
    ]
    events = [master, *changes]
    dice.shuffle(events)
    rows = read_body(calendar(*events)).rows
    winner = max(tellings)
    assert [row["title"] for row in rows] == ["Series", f"{winner[0]} {winner[1]}", "Series"]
    assert [row["slot"] for row in rows] == [f"2026-03-{day}T17:00:00Z" for day in ("02", "09", "16")]
    assert rows[1]["sequence"] == winner[0]


@many
@given(st.lists(st.integers(0, 5), min_size=1, max_size=5, unique=True), st.randoms(use_true_random=False))
def test_of_all_revisions_of_a_series_the_highest_counts_in_any_order(
    sequences: list[int], dice: random.Random
) -> None:
    """One id told twice is one event that was edited, not two."""
    events = [
        event(f"DTSTART:202603{sequence + 1:02}T170000Z", f"SEQUENCE:{sequence}", f"SUMMARY:{sequence}")
        for sequence in sequences
    ]
    dice.shuffle(events)
    (row,) = read_body(calendar(*events)).rows
    assert (row["title"], row["sequence"], row["series_id"]) == (str(max(sequences)), max(sequences), "one@testby")
    assert ("older_revision_dropped" in (row["quality_flags"] or "")) == (len(sequences) > 1)


@many
@given(st.lists(st.integers(1, 28), min_size=2, max_size=4, unique=True), st.randoms(use_true_random=False))
def test_different_events_of_one_id_all_stay_and_keep_their_keys_in_any_order(
    days: list[int], dice: random.Random
) -> None:
    """Neither is lost, and a feed that changes its order must not swap their keys: that would look like two moves."""
    events = [event(f"DTSTART:202603{day:02}T170000Z", f"SUMMARY:{day}") for day in days]
    first = {row["series_id"]: row["title"] for row in read_body(calendar(*events)).rows}
    dice.shuffle(events)
    again = {row["series_id"]: row["title"] for row in read_body(calendar(*events)).rows}
    assert first == again
    assert len(first) == len(days)


def test_an_excluded_slot_stays_excluded_although_it_was_changed(read_calendar: Read) -> None:
    """Some calendars keep the change of a date that was cancelled later; the exclusion is the newer word."""
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20260309T170000Z"),
        event("RECURRENCE-ID:20260309T170000Z", "DTSTART:20260310T170000Z"),
    )
    assert [row["slot"][:10] for row in reading.rows] == ["2026-03-02", "2026-03-16"]


def test_a_change_without_its_series_is_still_an_occurrence(read_calendar: Read) -> None:
    """Feeds that begin at today leave the series behind and keep its changed dates."""
    reading = read_calendar(event("RECURRENCE-ID:20260309T170000Z", "DTSTART:20260310T180000Z", "SEQUENCE:4"))
    (row,) = reading.rows
    assert (row["slot"], row["start_at"].day, row["is_override"]) == ("2026-03-09T17:00:00Z", 10, True)
    assert reading.rejects == []


def test_a_sequence_is_that_of_the_telling_and_not_of_its_series(read_calendar: Read) -> None:
    """The library gives every date the highest of all; then a change could not be told from its series."""
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1"),
        event("RECURRENCE-ID:20260309T170000Z", "DTSTART:20260309T180000Z", "SEQUENCE:7"),
    )
    assert [row["sequence"] for row in reading.rows] == [1, 7, 1]


def test_entities_in_a_title_are_resolved_once(read_calendar: Read) -> None:
    """Web calendars export what their pages hold; twice resolved, a title about `&amp;` would lose it."""
    reading = read_calendar(event("DTSTART:20260302T170000Z", "SUMMARY:Bok &amp\\; kaffi &#8211\\; &amp\\;amp\\;"))
    assert reading.rows[0]["title"] == "Bok & kaffi – &amp;"


# -- reading plain lines directly -----------------------------------------------------------------------------------

_LETTERS = st.text(alphabet="aÅ9 \\,;:n\"N=%&^'\t\xa0", max_size=12)
_WORDS = st.builds(
    lambda name, parameters, value: f"{name}{parameters}:{value}",
    st.sampled_from(["SUMMARY", "LOCATION", "CATEGORIES", "DESCRIPTION"]),
    st.sampled_from(
        ["", "", "", ";LANGUAGE=nn", ";LANGUAGE=nn-NO", ';ALTREP="x:y"', ";X=1;LANGUAGE=nn", ";VALUE=DATE"]
    ),
    _LETTERS,
)
_VALUES = st.sampled_from(
    [
        *("20260305T180000", "20260305T180000Z", "20260305", "20260329T023000", "20261025T023000"),
        *("20260230", "20260305T250000", "20260305T18000", "PT1H", "P1D", "-PT1H", ","),
        *("20260305T180000,20260312T180000", "20260305,20260306", "20260305T180000/PT1H"),
        *("FREQ=WEEKLY;COUNT=3", "freq=daily;count=2", "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260501T000000Z"),
        *("FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;COUNT=x", "FREQ=MONTHLY;BYDAY=2TH;COUNT=3"),
    ]
)
_WHEN = st.builds(
    lambda name, parameters, value: f"{name}{parameters}:{value}",
    st.sampled_from(["DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"]),
    st.sampled_from(
        [
            *("", ";TZID=Europe/Oslo", ";TZID=UTC", ";TZID=GMT+0100", ";TZID=/x/Europe/Oslo", ';TZID="Europe/Oslo"'),
            *(";TZID=W. Europe Standard Time", ";VALUE=DATE", ";VALUE=DATE-TIME", ";VALUE=PERIOD"),
            ";RANGE=THISANDFUTURE",
        ]
    ),
    _VALUES,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_WORDS, max_size=5))
def test_words_read_directly_are_the_librarys(lines: list[str]) -> None:
    """The short way is for speed only: what the library's own reader makes of a line is what the line says."""
    try:
        event_read = ical_expand._read([lines], [])[0]
    except TypeError:  # categories that claim to be dates
        with pytest.raises(ValueError, match="text"):
            ical_expand.texts(lines)
        return
    told = ical_expand.texts(lines)
    assert told.get("CATEGORIES", []) == ical_expand._categories(event_read)
    for name in ("SUMMARY", "LOCATION", "DESCRIPTION"):
        assert told.get(name, []) == [str(item) for item in ical_expand._many(event_read.get(name))]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(_WHEN, max_size=4), min_size=1, max_size=3))
def test_dates_read_directly_are_the_librarys(events: list[list[str]]) -> None:
    """The same for lines about times, rules and exclusions, broken ones included."""
    told = [["DTSTART;TZID=Europe/Oslo:20260305T180000", *lines] for lines in events]
    job = ical_expand.Job(
        [(lines, -1, "") for lines in told], [], "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000
    )
    quick = ical_expand.expand(job)
    with mock.patch.object(ical_expand, "_plain", return_value=None):
        slow = ical_expand.expand(job)
    assert quick == slow


# -- bit by bit -----------------------------------------------------------------------------------------------------


def test_the_same_body_gives_the_same_files_whoever_expanded_it() -> None:
    """A process of its own, one that other feeds used before, or one that died in between: the lake must not show."""
    body = calendar(
        event("UID:a", "DTSTART;TZID=Europe/Oslo:20260305T180000", "RRULE:FREQ=WEEKLY;COUNT=9", "CATEGORIES:B,A"),
        event("UID:a", "RECURRENCE-ID:20260312T170000Z", "DTSTART:20260313T170000Z", "STATUS:CANCELLED"),
        event("UID:b", "DTSTART;VALUE=DATE:20260305", "SUMMARY:Utstilling"),
        event("UID:c", "SUMMARY:No start"),
    )
    source = feed_source()
    adapter, options = adapter_for(source)

    def files() -> dict[str, str]:
        tables: dict[str, Any] = _tables(Way(adapter, source, options, receipt(), body))
        return {name: hashlib.sha256(parquet_bytes(rows)).hexdigest() for name, rows in tables.items()}

    _ical_child._shelf.clear()
    first = files()
    read_body(calendar(*(event(f"UID:{n}", "DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY;COUNT=9") for n in range(9))))
    borrowed = files()
    worker = _ical_child._shelf._worker
    assert worker is not None
    worker.process.kill()
    assert first == borrowed == files()


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_answers_come_in_the_order_of_the_series(count: int) -> None:
    """Jobs are handed over ahead of their answers; one out of turn would give a series another's dates."""
    events = [
        event(f"UID:{n:03}", f"DTSTART:2026{n % 12 + 1:02}{n % 28 + 1:02}T170000Z", "RRULE:FREQ=DAILY;COUNT=2")
        for n in range(count)
    ]
    rows = read_body(calendar(*events)).rows
    starts = {row["series_id"]: row["start_at"] for row in reversed(rows)}
    assert starts == {
        f"{n:03}": datetime(2026, n % 12 + 1, n % 28 + 1, 17)  # noqa: DTZ001 - naive UTC
        for n in range(count)
    }
