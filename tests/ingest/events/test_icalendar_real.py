"""Calendars that real systems wrote: what the library's authors assert of them, and that nothing stops on them."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from ical_bodies import read_body
from icalendar import Calendar

# Where our reading is meant to differ from the library's default, each with its reason.
OTHER_READING = {
    "x_wr_timezone_simple_events_issue_59.ics": "X-WR-TIMEZONE does not move times in UTC; the instants are the same",
    "end_before_start_event.ics": "an end before the start is dropped; the library swaps the two and moves the event",
    "issue_201_mixed_datetime_and_date.ics": "a start that is a date stays one, even if the end has a time",
}
# An UNTIL before the start: how one calendar system writes that a series was deleted.
DELETED = {"issue_117_until_before_dtstart.ics"}


def _assertions(real: Path) -> list[dict[str, Any]]:
    return list(json.loads((real / "events" / "expected_occurrences.json").read_text(encoding="utf-8")))


def _body(real: Path, name: str) -> bytes:
    return (real / "events" / "ics" / "recurring-ical-events" / name).read_bytes()


def _moment(argument: Any) -> datetime:
    if isinstance(argument, str):
        return datetime.strptime(argument, "%Y%m%d")  # noqa: DTZ007 - the windows are naive by definition
    return datetime(*(*argument, *(1,) * (3 - len(argument))))  # noqa: DTZ001


def _window(assertion: dict[str, Any]) -> tuple[datetime, datetime] | None:
    """The naive window that an assertion speaks of; None for all time."""
    arguments = assertion["args"]
    if assertion["query"] == "all":
        return None
    if assertion["query"] == "between":
        return _moment(arguments[0]), _moment(arguments[1])
    start, parts = _moment(arguments[0]), 3 if isinstance(arguments[0], str) else len(arguments[0])
    ends = {
        1: lambda: start.replace(year=start.year + 1),
        2: lambda: (start + timedelta(days=32)).replace(day=1),
        3: lambda: start + timedelta(days=1),
        4: lambda: start + timedelta(hours=1),
        5: lambda: start + timedelta(minutes=1),
    }
    return start, ends[parts]()


def test_the_library_still_reads_what_its_authors_assert(real: Path) -> None:
    """Expansion changes between the library's minor releases: an upgrade that moves a date must be seen here."""
    for assertion in _assertions(real):
        calendar = Calendar.from_ical(_body(real, assertion["file"]))  # noqa: TID251 - the bare library is the subject
        arguments = [tuple(a) if isinstance(a, list) else a for a in assertion["args"]]
        found = list(getattr(recurring_ical_events.of(calendar), assertion["query"])(*arguments))
        what = (assertion["file"], assertion["query"], assertion["args"])
        assert sorted(one["DTSTART"].dt.isoformat() for one in found) == assertion["starts"], what
        if assertion["count"] is not None:
            assert len(found) == assertion["count"], what
        if assertion["summary"] is not None:
            assert str(found[0]["SUMMARY"]) == assertion["summary"], what
        if "status" in assertion:
            assert found[0].get("STATUS") == assertion["status"], what


def test_our_reading_gives_the_same_dates(real: Path) -> None:
    """Expanded series by series, with our guards and our zones: the same starts, but for the named exceptions."""
    differing: set[str] = set()
    for assertion in _assertions(real):
        window = _window(assertion)
        first = "1995-01-01" if window is None else (window[0] - timedelta(days=3)).date().isoformat()
        last = "2035-01-01" if window is None else (window[1] + timedelta(days=3)).date().isoformat()
        reading = read_body(_body(real, assertion["file"]), expand_from=first, expand_to=last)
        found = sorted(_starts(reading.rows, window))
        expected = sorted(_comparable(start) for start in assertion["starts"])
        if found != expected:
            differing.add(assertion["file"])
    assert differing == set(OTHER_READING)


def _comparable(text: str) -> str:
    """A start as instant; as wall clock where the assertion has no zone."""
    if "T" not in text:
        return text
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _starts(rows: list[dict[str, Any]], window: tuple[datetime, datetime] | None) -> Iterator[str]:
    for row in rows:
        zone = ZoneInfo(row["zone"])
        start, end = (row[name].replace(tzinfo=UTC).astimezone(zone) for name in ("start_at", "end_at"))
        wall, wall_end = start.replace(tzinfo=None), end.replace(tzinfo=None)
        if window is not None and not (wall < window[1] and (wall_end > window[0] or wall >= window[0])):
            continue
        if not row["has_time"]:
            yield row["start_on"].isoformat()
        elif "floating_time" in (row["quality_flags"] or ""):
            yield wall.isoformat()
        else:
            yield start.astimezone(UTC).isoformat()


def test_every_real_file_ends_as_rows_or_rejects(real: Path) -> None:
    """Two hundred calendars, many of them broken on purpose: no exception, no long wait, no memory that grows from
    file to file, nothing unsaid."""
    files = sorted((real / "events" / "ics").rglob("*.ics"))
    assert len(files) > 200
    before = _peak_mib()
    for file in files:
        begun = time.monotonic()
        reading = read_body(file.read_bytes(), expand_from="1990-01-01", expand_to="2040-01-01")
        assert time.monotonic() - begun < 30, file.name
        assert "parser_fault" not in reading.reasons, file.name
        assert "contract_broken" not in reading.reasons, file.name
        assert all(reject.next_action for reject in reading.rejects), file.name
        events = file.read_bytes().upper().count(b"BEGIN:VEVENT")
        assert reading.rows or reading.rejects or events == 0 or file.name in DELETED, file.name
    assert _peak_mib() - before < 300


def _peak_mib() -> float:
    """Highest memory of this process, in MiB where the kernel counts in KiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_expanding_series_by_series_loses_no_occurrence(real: Path) -> None:
    """Wherever the library can expand a whole calendar at all, our rows are its occurrences, at the same instants."""
    zone = ZoneInfo("Europe/Oslo")
    compared = 0
    differing = set()
    for file in sorted((real / "events" / "ics").rglob("*.ics")):
        try:
            calendar = Calendar.from_ical(file.read_bytes())  # noqa: TID251 - the bare library is the subject
            if calendar.name != "VCALENDAR":
                continue  # a lone component is refused, as no calendar at all
            calendar.pop("X-WR-TIMEZONE", None)
            window = (datetime(2015, 1, 1, tzinfo=zone), datetime(2022, 1, 1, tzinfo=zone))
            whole = recurring_ical_events.of(calendar).between(*window)
        except Exception:  # noqa: BLE001 - what the library can't read as a whole is not the subject here
            continue
        rows = read_body(file.read_bytes(), expand_from="2015-01-01", expand_to="2022-01-01").rows
        compared += 1
        if sorted(_day_or_moment(row) for row in rows) != sorted(_day_or_moment_of(one) for one in whole):
            differing.add(file.name)
    assert compared > 140
    assert differing == {"end_before_start_event.ics"}  # see OTHER_READING


def _day_or_moment(row: dict[str, Any]) -> str:
    return (row["start_at"] if row["has_time"] else row["start_on"]).isoformat()


def _day_or_moment_of(occurrence: Any) -> str:
    start = occurrence["DTSTART"].dt
    if not isinstance(start, datetime):
        return str(start.isoformat())
    aware = start if start.tzinfo else start.replace(tzinfo=ZoneInfo("Europe/Oslo"))
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("name", "events"),
    [("machbar_16_feb_2019", 64), ("fablab_cottbus", 28), ("issue_173_only_modifications_error", 677)],
)
def test_public_calendars_are_read_without_a_reject(real: Path, name: str, events: int) -> None:
    """Three calendars of real houses, the nearest to a library's own."""
    body = _body(real, f"{name}.ics")
    reading = read_body(body, expand_from="2005-01-01", expand_to="2028-01-01")
    assert body.upper().count(b"BEGIN:VEVENT") == events
    assert reading.rejects == []
    assert len(reading.rows) >= events // 2
