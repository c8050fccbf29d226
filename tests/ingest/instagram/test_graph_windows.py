"""Meta's days: Pacific midnights, at most 30 days a call, edges included in what is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.instagram.graph_windows import (
    MAX_WINDOW_SECONDS,
    days,
    ended_at,
    last_whole_month,
    midnight,
    pacific_day,
    split,
    window,
)


@pytest.mark.parametrize(
    ("first_on", "last_on", "fits"),
    [
        (date(2026, 9, 1), date(2026, 9, 30), True),
        (date(2026, 2, 1), date(2026, 2, 28), True),
        (date(2026, 8, 1), date(2026, 8, 31), False),
        (date(2026, 11, 1), date(2026, 11, 30), False),
    ],
)
def test_a_month_of_people_is_one_window_or_unknown(first_on: date, last_on: date, fits: bool) -> None:
    """31 days are too long, and so is November: 30 days and the hour of the clock change."""
    if fits:
        assert window(first_on, last_on).seconds <= MAX_WINDOW_SECONDS
    else:
        with pytest.raises(ValueError, match="one call may ask for 2592000"):
            window(first_on, last_on)


@pytest.mark.parametrize(("month", "length"), [(date(2026, 8, 1), 31), (date(2026, 11, 1), 30), (date(2026, 3, 1), 31)])
def test_a_long_month_of_views_is_two_windows_that_do_not_overlap(month: date, length: int) -> None:
    """What may be added is added: every second of the month once, although the call includes both edges."""
    last_on = month + timedelta(days=length - 1)
    first, second = split(month, last_on)
    assert all(w.until - w.since < MAX_WINDOW_SECONDS for w in (first, second))
    assert second.since == first.until + 1
    assert (first.start, second.end) == (midnight(month), midnight(last_on + timedelta(days=1)))


def test_the_days_of_a_clock_change_are_23_and_25_hours_long() -> None:
    """A day of 24 hours would end in the middle of the next one, or an hour too early."""
    (spring,), (autumn,) = (list(days(d, d)) for d in (date(2026, 3, 8), date(2026, 11, 1)))
    assert (spring.seconds, autumn.seconds) == (23 * 3600, 25 * 3600)
    assert [ended_at(day.end, 1) for day in (spring, autumn)] == [spring, autumn]


def test_a_moment_in_oslo_belongs_to_the_pacific_day_before_until_nine() -> None:
    """At one at night in Oslo it is four in the afternoon of the day before in California."""
    assert pacific_day(datetime(2026, 8, 31, 23, tzinfo=UTC)) == date(2026, 8, 31)
    assert pacific_day(datetime(2026, 9, 1, 6, 59, tzinfo=UTC)) == date(2026, 8, 31)
    assert pacific_day(datetime(2026, 9, 1, 7, tzinfo=UTC)) == date(2026, 9, 1)


def test_the_last_whole_month_ended_before_the_day() -> None:
    """On the first of a month it is the one that ended the evening before."""
    assert last_whole_month(date(2026, 10, 1)) == (date(2026, 9, 1), date(2026, 9, 30))
    assert last_whole_month(date(2026, 9, 30)) == (date(2026, 8, 1), date(2026, 8, 31))


def test_an_end_that_is_no_pacific_midnight_is_refused() -> None:
    """If Meta moves its day, figures by date are wrong until a person looks."""
    with pytest.raises(ValueError, match="midnight"):
        ended_at(datetime(2026, 7, 2, 12, tzinfo=UTC), 1)
