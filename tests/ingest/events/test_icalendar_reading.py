"""What the iCalendar adapter reads: identity, time, words, encodings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from event_reading import Reading
from ical_bodies import WINDOW, calendar, event, feed_source, read_body, receipt
from pydantic import ValidationError

from ingest.adapters import adapter_for
from ingest.errors import ConfigurationError, UnreadableBody
from ingest.events import _ical_child
from ingest.events.icalendar import IcalendarOptions

Read = Callable[..., Reading]


def _at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - the lake's naive UTC


def test_a_plain_event_becomes_one_row(read_calendar: Read) -> None:
    """The commonest record of all: every column is what the feed said, in UTC."""
    reading = read_calendar(
        event(
            "UID:812-1772730000@library.example",
            "DTSTART;TZID=Europe/Oslo:20260305T180000",
            "DTEND;TZID=Europe/Oslo:20260305T200000",
            "SUMMARY:Bok &amp\\; kaffi",
            "LOCATION:Hovudbiblioteket\\, 2. etasje",
            "CATEGORIES:Vaksne,Litteratur",
            "CATEGORIES:Kaffi\\, te",
            "URL:https://library.example/events/812?utm=x",
            "SEQUENCE:2",
            "LAST-MODIFIED:20260203T091244Z",
            "STATUS:TENTATIVE",
        )
    )
    assert reading.rejects == []
    (row,) = reading.rows
    assert (row["series_id"], row["slot"]) == ("812-1772730000@library.example", "")
    assert (row["start_at"], row["end_at"]) == (_at(2026, 3, 5, 17), _at(2026, 3, 5, 19))
    assert (row["start_on"], row["end_on"]) == (date(2026, 3, 5), date(2026, 3, 5))
    assert (row["title"], row["location"]) == ("Bok & kaffi", "Hovudbiblioteket, 2. etasje")
    assert row["categories"] == "Vaksne | Litteratur | Kaffi, te"
    assert row["url"] == "https://library.example/events/812"
    assert (row["sequence"], row["modified_at"]) == (2, _at(2026, 2, 3, 9, 12, 44))
    assert (row["status"], row["is_public"]) == ("tentative", True)
    assert (row["is_recurring"], row["is_override"], row["has_time"]) == (False, False, True)
    assert (row["zone"], row["pointer"], row["quality_flags"]) == ("Europe/Oslo", "line 3", None)


def test_plain_events_need_no_second_process(read_calendar: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most feeds hold single events only; they must not wait for a process to start."""
    monkeypatch.setattr(_ical_child, "_Worker", lambda _bounds: pytest.fail("a process was started"))
    _ical_child._shelf.clear()
    reading = read_calendar(*(event(f"UID:{n}", f"DTSTART:202603{n:02}T170000Z") for n in range(1, 29)))
    assert len(reading.rows) == 28


def test_one_process_serves_all_series_of_a_feed(read_calendar: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start costs a tenth of a second, so 40 series must not need 40."""
    starts: list[int] = []
    worker = _ical_child._Worker

    def counted(bounds: Any) -> Any:
        starts.append(1)
        return worker(bounds)

    _ical_child._shelf.clear()
    monkeypatch.setattr(_ical_child, "_Worker", counted)
    one = "DTSTART;TZID=Europe/Oslo:20260303T100000"
    reading = read_calendar(*(event(f"UID:{n}", one, "RRULE:FREQ=WEEKLY;COUNT=10") for n in range(40)))
    assert (len(reading.rows), len(starts)) == (400, 1)


def test_text_is_refused_because_the_library_would_open_a_file_of_that_name() -> None:
    """`Calendar.from_ical("/etc/hostname")` reads the file; only bytes are safe."""
    adapter, options = adapter_for(feed_source())
    with pytest.raises(TypeError):
        adapter.parse("/etc/hostname", receipt(), feed_source(), options)  # type: ignore[arg-type]


def test_a_name_of_a_file_inside_a_calendar_opens_nothing(read_calendar: Read) -> None:
    """The words of a feed reach the library too; they always go as bytes of many lines."""
    reading = read_calendar(event("DTSTART:20260305T170000Z", "SUMMARY:/etc/hostname"))
    assert reading.rows[0]["title"] == "/etc/hostname"


# -- identity -------------------------------------------------------------------------------------------------------


def test_a_moved_single_event_keeps_its_key(read_calendar: Read) -> None:
    """The key of a single event is its UID alone: a new time is news about the same event, not another event."""
    before = read_calendar(event("DTSTART:20260305T170000Z", "SUMMARY:Quiz")).rows[0]
    after = read_calendar(event("DTSTART:20260312T170000Z", "SUMMARY:Quiz")).rows[0]
    assert before["observation_id"] == after["observation_id"]
    assert before["content_hash"] != after["content_hash"]


def test_the_time_of_export_does_not_change_the_content_hash(read_calendar: Read) -> None:
    """DTSTAMP, SEQUENCE and LAST-MODIFIED move without the claim moving; the hash decides what is news."""
    first = read_calendar(event("DTSTART:20260305T170000Z", "DTSTAMP:20260101T000000Z", "SEQUENCE:1")).rows[0]
    later = read_calendar(event("DTSTART:20260305T170000Z", "DTSTAMP:20260202T000000Z", "SEQUENCE:2")).rows[0]
    assert first["content_hash"] == later["content_hash"]


def test_an_occurrence_moved_over_new_year_keeps_its_slot(read_calendar: Read) -> None:
    """The key is the original slot: the holding leaves the old year and enters the new one as one event."""
    reading = read_calendar(
        event("DTSTART;TZID=Europe/Oslo:20261209T180000", "RRULE:FREQ=WEEKLY;COUNT=4", "SUMMARY:Lesesirkel"),
        event(
            "RECURRENCE-ID;TZID=Europe/Oslo:20261230T180000",
            "DTSTART;TZID=Europe/Oslo:20270106T190000",
            "SUMMARY:Lesesirkel",
            "SEQUENCE:1",
        ),
    )
    moved = [row for row in reading.rows if row["is_override"]]
    assert [(row["slot"], row["start_at"]) for row in moved] == [("2026-12-30T17:00:00Z", _at(2027, 1, 6, 18))]
    assert [row["start_on"].year for row in reading.rows] == [2026, 2026, 2026, 2027]
    assert {row["slot"] for row in reading.rows if not row["is_override"]} == {
        "2026-12-09T17:00:00Z",
        "2026-12-16T17:00:00Z",
        "2026-12-23T17:00:00Z",
    }


def test_only_components_with_a_recurrence_id_are_overrides(read_calendar: Read) -> None:
    """The library writes a RECURRENCE-ID on every occurrence it returns; an editor's change shows in the raw one."""
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1"),
        event("RECURRENCE-ID:20260309T170000Z", "DTSTART:20260309T180000Z", "SEQUENCE:7"),
    )
    assert [(row["is_override"], row["sequence"]) for row in reading.rows] == [(False, 1), (True, 7), (False, 1)]


def test_a_recurrence_id_that_is_a_date_adds_no_event(read_calendar: Read) -> None:
    """Left as a date, the library keeps the original and adds the override: one event too many."""
    reading = read_calendar(
        event("DTSTART;TZID=Europe/Oslo:20260305T180000", "RRULE:FREQ=WEEKLY;COUNT=3"),
        event("RECURRENCE-ID;VALUE=DATE:20260312", "DTSTART;TZID=Europe/Oslo:20260312T190000"),
    )
    assert [row["start_at"] for row in reading.rows] == [
        _at(2026, 3, 5, 17),
        _at(2026, 3, 12, 18),
        _at(2026, 3, 19, 17),
    ]
    assert reading.rows[1]["slot"] == "2026-03-12T17:00:00Z"
    assert "date_recurrence_id" in reading.flags()


def test_this_and_future_gives_every_occurrence_its_own_slot(read_calendar: Read) -> None:
    """All later occurrences carry one RECURRENCE-ID; as a key it would fold them into one. Over the clock change."""
    reading = read_calendar(
        event("DTSTART;TZID=Europe/Oslo:20260312T180000", "RRULE:FREQ=WEEKLY;COUNT=5"),
        event(
            "RECURRENCE-ID;TZID=Europe/Oslo;RANGE=THISANDFUTURE:20260319T180000",
            "DTSTART;TZID=Europe/Oslo:20260320T170000",
        ),
    )
    assert [row["slot"] for row in reading.rows] == [
        "2026-03-12T17:00:00Z",
        "2026-03-19T17:00:00Z",
        "2026-03-26T17:00:00Z",
        "2026-04-02T16:00:00Z",
        "2026-04-09T16:00:00Z",
    ]
    assert reading.rows[4]["start_at"] == _at(2026, 4, 10, 15)


def test_one_uid_on_two_different_events_keeps_both(read_calendar: Read) -> None:
    """The library drops the second without a word. Their ids do not depend on which comes first in the file."""
    first = event("DTSTART:20260305T170000Z", "SUMMARY:Strikkekafé")
    second = event("DTSTART:20260405T170000Z", "SUMMARY:Språkkafé")
    one, other = read_calendar(first, second), read_calendar(second, first)
    assert [row["series_id"] for row in one.rows] == ["one@testby", "one@testby#2"]
    assert [(r["series_id"], r["title"]) for r in one.rows] == [(r["series_id"], r["title"]) for r in other.rows]
    assert one.flags() == {"duplicate_uid", "no_end"}


def test_the_same_event_told_twice_is_one_row(read_calendar: Read) -> None:
    """Equal in every word and time, it is one claim repeated, and two rows would count one evening twice."""
    one = event("DTSTART:20260305T170000Z", "DTEND:20260305T180000Z", "DTSTAMP:20260101T000000Z")
    reading = read_calendar(one, one.replace("20260101", "20260102"))
    assert [row["quality_flags"] for row in reading.rows] == ["repeated_component"]


def test_a_higher_sequence_replaces_the_older_revision(read_calendar: Read) -> None:
    """SEQUENCE is the standard's way to say which telling is the newer one."""
    reading = read_calendar(
        event("DTSTART:20260405T170000Z", "SEQUENCE:3", "SUMMARY:New"),
        event("DTSTART:20260305T170000Z", "SEQUENCE:2", "SUMMARY:Old"),
    )
    assert [(row["title"], row["series_id"]) for row in reading.rows] == [("New", "one@testby")]
    assert "older_revision_dropped" in reading.flags()


def test_of_two_overrides_of_one_slot_the_newest_wins(read_calendar: Read) -> None:
    """The library keeps an arbitrary one; LAST-MODIFIED says which the editor meant."""
    change = ("RECURRENCE-ID:20260309T170000Z", "SEQUENCE:1")
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=2"),
        event(*change, "DTSTART:20260309T190000Z", "LAST-MODIFIED:20260202T000000Z"),
        event(*change, "DTSTART:20260309T180000Z", "LAST-MODIFIED:20260201T000000Z"),
    )
    assert [row["start_at"] for row in reading.rows] == [_at(2026, 3, 2, 17), _at(2026, 3, 9, 19)]
    assert "duplicate_override" in reading.rows[1]["quality_flags"]


def test_events_without_a_uid_get_a_key_from_what_they_say(read_calendar: Read) -> None:
    """The next fetch must find the same event again, wherever it stands in the file."""
    a, b = event("UID:", "DTSTART:20260305T170000Z", "SUMMARY:A"), event("UID:", "DTSTART:20260306T170000Z")
    one, other = read_calendar(a, b), read_calendar(b, a)
    assert [row["series_id"] for row in one.rows] == [row["series_id"] for row in other.rows]
    assert "no_uid" in one.flags()


def test_two_calendars_in_one_body_are_both_read() -> None:
    """Some portals join the calendars of their branches; the library refuses such a body."""
    body = calendar(event("UID:a", "DTSTART:20260305T170000Z")) + calendar(event("UID:b", "DTSTART:20260306T170000Z"))
    assert [row["series_id"] for row in read_body(body).rows] == ["a", "b"]


def test_the_order_of_the_file_does_not_change_the_rows(read_calendar: Read) -> None:
    """Redelivery in another order must give the same table."""
    events = [event(f"UID:{n}", f"DTSTART:202603{28 - n:02}T170000Z", "RRULE:FREQ=DAILY;COUNT=2") for n in range(9)]

    def told(reading: Reading) -> list[Any]:
        return [{**row, "pointer": ""} for row in reading.rows]

    assert told(read_calendar(*events)) == told(read_calendar(*reversed(events)))


# -- status ---------------------------------------------------------------------------------------------------------


def test_a_cancelled_occurrence_stays_as_a_cancelled_row(read_calendar: Read) -> None:
    """Dropping it would look like a row that vanished; the warehouse decides that it does not count."""
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", "RRULE:FREQ=WEEKLY;COUNT=2"),
        event("RECURRENCE-ID:20260309T170000Z", "DTSTART:20260309T170000Z", "STATUS:cancelled"),
    )
    assert [row["status"] for row in reading.rows] == ["scheduled", "cancelled"]


def test_method_cancel_cancels_the_whole_file(read_calendar: Read) -> None:
    """The method of the calendar overrides its events' status; the library ignores it."""
    reading = read_calendar(event("DTSTART:20260302T170000Z", "STATUS:CONFIRMED"), header=("METHOD:CANCEL",))
    assert reading.rows[0]["status"] == "cancelled"


def test_an_unknown_status_is_scheduled_and_flagged(read_calendar: Read) -> None:
    """A word nobody knows must not make an event disappear."""
    reading = read_calendar(event("DTSTART:20260302T170000Z", "STATUS:X-MAYBE"))
    assert (reading.rows[0]["status"], "unknown_status" in reading.flags()) == ("scheduled", True)


@pytest.mark.parametrize("word", ["PRIVATE", "confidential"])
def test_a_private_entry_passes_without_its_words(read_calendar: Read, word: str) -> None:
    """It is no programme, and its title is the likeliest place for a person's name."""
    reading = read_calendar(
        event("DTSTART:20260302T170000Z", f"CLASS:{word}", "SUMMARY:Samtale med Kari", "LOCATION:Kontor")
    )
    (row,) = reading.rows
    assert row["is_public"] is False
    assert (row["title"], row["location"]) == (None, None)


# -- time -----------------------------------------------------------------------------------------------------------


def test_half_past_eleven_utc_on_new_years_eve_is_next_year_in_oslo(read_calendar: Read) -> None:
    """23:30Z is half past midnight locally: the event belongs to the new year's figure."""
    body = event("DTSTART:20261231T233000Z", "DTEND:20270101T003000Z")
    (row,) = read_calendar(body).rows
    assert (row["start_at"], row["start_on"], row["zone"]) == (_at(2026, 12, 31, 23, 30), date(2027, 1, 1), "UTC")
    assert read_calendar(body, expand_to="2027-01-01").rows == []
    assert len(read_calendar(body, expand_from="2027-01-01").rows) == 1


def test_the_end_of_a_day_entry_is_excluded(read_calendar: Read) -> None:
    """DTEND of whole days names the first day after; counting it makes every exhibition a day too long."""
    reading = read_calendar(
        event("UID:a", "DTSTART;VALUE=DATE:20260305", "DTEND;VALUE=DATE:20260308"),
        event("UID:b", "DTSTART;VALUE=DATE:20260310"),
        event("UID:c", "DTSTART;VALUE=DATE:20260312", "DTEND;VALUE=DATE:20260312"),
    )
    assert [(row["start_on"], row["end_on"]) for row in reading.rows] == [
        (date(2026, 3, 5), date(2026, 3, 7)),
        (date(2026, 3, 10), date(2026, 3, 10)),
        (date(2026, 3, 12), date(2026, 3, 12)),
    ]
    assert {row["has_time"] for row in reading.rows} == {False}
    assert reading.rows[0]["start_at"] == _at(2026, 3, 4, 23)


def test_an_evening_until_midnight_ends_on_its_own_day(read_calendar: Read) -> None:
    """Half-open: an event until 24:00 does not touch the next day."""
    (row,) = read_calendar(
        event("DTSTART;TZID=Europe/Oslo:20260305T200000", "DTEND;TZID=Europe/Oslo:20260306T000000")
    ).rows
    assert row["end_on"] == date(2026, 3, 5)


def test_a_weekly_series_keeps_its_local_hour_over_the_clock_change(read_calendar: Read) -> None:
    """Story time is at eleven in March as in April, so the UTC hour changes."""
    reading = read_calendar(event("DTSTART;TZID=Europe/Oslo:20260322T110000", "RRULE:FREQ=WEEKLY;COUNT=3"))
    assert [row["start_at"].hour for row in reading.rows] == [10, 9, 9]


def test_a_series_in_utc_is_read_as_written_and_flagged(read_calendar: Read) -> None:
    """The standard says that its UTC hour stays, so its local hour shifts: probably not what the library meant."""
    reading = read_calendar(event("DTSTART:20260321T100000Z", "RRULE:FREQ=WEEKLY;COUNT=3"))
    assert [row["start_at"].hour for row in reading.rows] == [10, 10, 10]
    assert "local_hour_shifts" in reading.flags()


def test_a_calendar_zone_on_a_utc_series_does_not_bring_back_cancelled_dates(read_calendar: Read) -> None:
    """Applied first, X-WR-TIMEZONE moves the dates after the clock change away from their UTC EXDATEs and overrides."""
    reading = read_calendar(
        event(
            "DTSTART:20260321T100000Z",
            "DTEND:20260321T110000Z",
            "RRULE:FREQ=WEEKLY;COUNT=4",
            "EXDATE:20260404T100000Z",
        ),
        event("RECURRENCE-ID:20260411T100000Z", "DTSTART:20260412T100000Z", "DTEND:20260412T110000Z"),
        header=("X-WR-TIMEZONE:Europe/Oslo",),
    )
    assert [row["start_at"] for row in reading.rows] == [
        _at(2026, 3, 21, 10),
        _at(2026, 3, 28, 10),
        _at(2026, 4, 12, 10),
    ]


def test_floating_times_are_read_in_the_calendars_zone_then_the_sources(read_calendar: Read) -> None:
    """A time without a zone means the wall clock at the venue."""
    one = event("DTSTART:20260305T180000")
    assert read_calendar(one, header=("X-WR-TIMEZONE:Europe/Helsinki",)).rows[0]["start_at"] == _at(2026, 3, 5, 16)
    reading = read_calendar(one)
    assert reading.rows[0]["start_at"] == _at(2026, 3, 5, 17)
    assert "floating_time" in reading.flags()


@pytest.mark.parametrize("name", ["", "W. Europe Standard Time", "Mars/Olympus", "/etc/passwd"])
def test_a_calendar_zone_that_is_none_is_ignored(read_calendar: Read, name: str) -> None:
    """The library fails on the whole calendar; the source's own zone is as good a reading as any."""
    reading = read_calendar(
        event("DTSTART:20260305T180000", "RRULE:FREQ=WEEKLY;COUNT=2"), header=(f"X-WR-TIMEZONE:{name}",)
    )
    assert [row["start_at"] for row in reading.rows] == [_at(2026, 3, 5, 17), _at(2026, 3, 12, 17)]
    assert "calendar_zone_ignored" in reading.flags()


@pytest.mark.parametrize("tzid", ["(UTC+01:00) Amsterdam", "GMT+0100", "Europe", "../../etc/passwd"])
def test_an_unknown_zone_is_read_in_the_sources_zone_and_flagged(read_calendar: Read, tzid: str) -> None:
    """The library reads it as floating without a word; in Norway the source's zone is nearly always right."""
    reading = read_calendar(
        event("UID:a", f'DTSTART;TZID="{tzid}":20260305T180000'),
        event("UID:b", f'DTSTART;TZID="{tzid}":20260305T180000', "RRULE:FREQ=DAILY;COUNT=1"),
    )
    assert [row["start_at"] for row in reading.rows] == [_at(2026, 3, 5, 17)] * 2
    assert "unknown_zone" in reading.flags()


def test_windows_and_vendor_zone_names_are_known(read_calendar: Read) -> None:
    """Outlook and Evolution write them for Oslo's zone."""
    reading = read_calendar(
        event("UID:a", "DTSTART;TZID=W. Europe Standard Time:20260705T180000"),
        event("UID:b", "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Oslo:20260705T180000"),
    )
    assert [row["start_at"] for row in reading.rows] == [_at(2026, 7, 5, 16)] * 2
    assert "unknown_zone" not in reading.flags()


def test_a_custom_zone_is_read_by_its_own_rules_and_leaks_into_no_other_calendar() -> None:
    """The library keeps custom zones for the whole process: one feed's zone must not move another's events."""

    def body(offset: str) -> bytes:
        zone = ["BEGIN:VTIMEZONE", "TZID:Testby", "BEGIN:STANDARD", "DTSTART:19700101T000000"]
        zone += [f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}", "END:STANDARD", "END:VTIMEZONE"]
        return calendar(*zone, event("DTSTART;TZID=Testby:20260305T180000", "UID:" + offset))

    assert read_body(body("+0500")).rows[0]["start_at"] == _at(2026, 3, 5, 13)
    assert read_body(body("-0300")).rows[0]["start_at"] == _at(2026, 3, 5, 21)
    both = read_body(body("+0500") + body("-0300"))
    assert [row["start_at"] for row in both.rows] == [_at(2026, 3, 5, 13), _at(2026, 3, 5, 21)]


def test_a_time_in_the_hour_that_the_clock_skips_is_moved_to_one_that_exists(read_calendar: Read) -> None:
    """02:30 on the last Sunday of March does not exist; through UTC it is 03:30."""
    (row,) = read_calendar(event("DTSTART;TZID=Europe/Oslo:20260329T023000")).rows
    assert (row["start_at"], "nonexistent_time" in row["quality_flags"]) == (_at(2026, 3, 29, 1, 30), True)


def test_a_time_in_the_doubled_hour_is_the_first_and_flagged(read_calendar: Read) -> None:
    """02:30 on the last Sunday of October happens twice."""
    (row,) = read_calendar(event("DTSTART;TZID=Europe/Oslo:20261025T023000")).rows
    assert (row["start_at"], "ambiguous_time" in row["quality_flags"]) == (_at(2026, 10, 25, 0, 30), True)


def test_an_end_before_the_start_keeps_the_start(read_calendar: Read) -> None:
    """The library swaps the two, which would move the event to its own wrong end."""
    (row,) = read_calendar(event("DTSTART:20260305T170000Z", "DTEND:20260305T160000Z")).rows
    assert (row["start_at"], row["end_at"]) == (_at(2026, 3, 5, 17), _at(2026, 3, 5, 17))
    assert row["quality_flags"] == "end_before_start"


@pytest.mark.parametrize(
    ("lines", "flag"),
    [
        (("DTSTART;TZID=Europe/Oslo:20260305T180000", "RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=3"), "start_outside_rule"),
        (("DTSTART;TZID=Europe/Oslo:20260305T180000", "RRULE:FREQ=WEEKLY;UNTIL=20260319"), "until_cuts_last_day"),
        (
            ("DTSTART;TZID=Europe/Oslo:20260305T180000", "RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20260312T170100Z"),
            "exdate_without_slot",
        ),
        (("DTSTART;TZID=America/New_York:20260305T180000",), "other_zone"),
        (("DTSTART;VALUE=DATE:20260305T180000",), "date_with_time"),
        (("DTSTART:20260305T180000Z", "DTEND;VALUE=DATE:20260306"), "mixed_end"),
        (("DTSTART:20260305T180000Z", "DURATION:P500D"), "duration_capped"),
        (("DTSTART:20260305T180000Z", "SUMMARY:Two", "SUMMARY:titles"), "repeated_property"),
        (("DTSTART:20260305T180000Z", "SUMMARY:A title that goes on", "without a blank"), "broken_lines"),
    ],
)
def test_a_doubt_is_flagged_and_the_event_kept(read_calendar: Read, lines: tuple[str, ...], flag: str) -> None:
    """A figure's defender must be able to list what was read with doubt."""
    reading = read_calendar(event(*lines))
    assert reading.rows
    assert reading.rejects == []
    assert flag in reading.flags()


def test_a_sound_series_raises_no_doubt(read_calendar: Read) -> None:
    """Flags that cry wolf are not read. This one has everything: exclusions of all kinds, and an UNTIL."""
    reading = read_calendar(
        event(
            "DTSTART;TZID=Europe/Oslo:20260305T180000",
            "DTEND;TZID=Europe/Oslo:20260305T190000",
            "RRULE:FREQ=WEEKLY;UNTIL=20260430T215959Z",
            "EXDATE;VALUE=DATE:20260312",
            "EXDATE:20260319T170000Z",
            "EXDATE;TZID=Europe/Oslo:20260326T180000",
            "RDATE;TZID=Europe/Oslo:20260310T180000",
        )
    )
    assert reading.flags() == set()
    assert [row["start_on"].day for row in reading.rows] == [5, 10, 2, 9, 16, 23, 30]


def test_what_overlaps_the_window_is_delivered_and_nothing_else(read_calendar: Read) -> None:
    """An exhibition that hangs over new year belongs to a window that begins there; one that ended does not."""
    reading = read_calendar(
        event("UID:over", "DTSTART;VALUE=DATE:20251220", "DTEND;VALUE=DATE:20260110"),
        event("UID:ended", "DTSTART;VALUE=DATE:20251220", "DTEND;VALUE=DATE:20260101"),
        event("UID:later", "DTSTART;VALUE=DATE:20270101"),
        expand_from="2026-01-01",
        expand_to="2027-01-01",
    )
    assert [row["series_id"] for row in reading.rows] == ["over"]


# -- words and letters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
def test_norwegian_letters_survive_every_encoding_that_feeds_use(encoding: str) -> None:
    """The library replaces what it can't read by question marks, silently."""
    body = calendar(event("DTSTART:20260305T170000Z", "SUMMARY:Påskekrim på Ålesund bibliotek"))
    assert read_body(body.decode().encode(encoding)).rows[0]["title"] == "Påskekrim på Ålesund bibliotek"


def test_a_fold_inside_a_letter_is_undone_before_decoding() -> None:
    """RFC 5545 folds octets: an å of two bytes may be cut in half."""
    body = calendar(event("DTSTART:20260305T170000Z", "SUMMARY:Måndagsklubben"))
    cut = body.index("å".encode()) + 1
    assert read_body(body[:cut] + b"\r\n " + body[cut:]).rows[0]["title"] == "Måndagsklubben"


def test_control_characters_can_not_smuggle_a_line_past_the_guards(read_calendar: Read) -> None:
    """What one reader takes for a line end another does not: U+2028 and friends are removed before both."""
    reading = read_calendar(
        event("DTSTART:20260305T170000Z", "SUMMARY:Quiz\x00\x0b\x85\u2028RRULE:FREQ=SECONDLY", "LOCATION:A\tB")
    )
    assert [row["title"] for row in reading.rows] == ["QuizRRULE:FREQ=SECONDLY"]
    assert reading.rows[0]["location"] == "A B"


def test_names_addresses_and_links_do_not_pass(read_calendar: Read) -> None:
    """Attendees and descriptions stay behind; what leads to people or meetings leaves titles and places."""
    reading = read_calendar(
        event(
            "DTSTART:20260305T170000Z",
            "SUMMARY:Quiz\\, meld deg på til kari@example.org eller tlf 915 12 345",
            "LOCATION:https://meet.example.org/j/9?pwd=secret",
            "DESCRIPTION:Ring Ola Nordmann",
            "ORGANIZER;CN=Ola Nordmann:mailto:ola@example.org",
            "ATTENDEE;CN=Kari:mailto:kari@example.org",
        )
    )
    text = str(reading.rows)
    for word in ("Ola", "Kari", "kari", "example.org", "915", "secret"):
        assert word not in text
    assert reading.rows[0]["title"].startswith("Quiz, meld deg på")
    assert "contact_removed" in reading.flags()


def test_partner_claims_are_the_only_words_taken_from_a_description(read_calendar: Read) -> None:
    """`og` is part of names (Møre og Romsdal), so it separates only where the source says that it does."""
    one = event(
        "DTSTART:20260305T170000Z",
        "DESCRIPTION:<p>Velkomen!</p><p>I samarbeid med Røde Kors\\, Møre og Romsdal fylkeskommune.</p>Ring 91512345",
    )
    patterns = ["I samarbeid med ([^.]+)"]
    assert read_calendar(one).rows[0]["partner_claims"] is None
    assert (
        read_calendar(one, partner_patterns=patterns).rows[0]["partner_claims"]
        == "Røde Kors | Møre og Romsdal fylkeskommune"
    )
    split = read_calendar(one, partner_patterns=patterns, partner_separators=[",", " og "]).rows[0]["partner_claims"]
    assert split == "Røde Kors | Møre | Romsdal fylkeskommune"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty_body"),
        (b" \r\n\r\n", "empty_body"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "not_a_calendar"),
        (b'{"error": "no"}', "not_a_calendar"),
        (b"Notice: x in y.php\r\n" + calendar(), "not_a_calendar"),
        (calendar(event("DTSTART:20260305T170000Z"))[:-20], "truncated"),
        (calendar(event("DTSTART:20260305T170000Z")).replace(b"END:VEVENT\r\n", b""), "broken_structure"),
        (calendar(event("DTSTART:20260305T170000Z")).decode().encode("utf-16"), "wrong_encoding"),
        (calendar(event("DTSTART:20260305T170000Z")).decode().encode("utf-16-le"), "wrong_encoding"),
        (calendar(event("DTSTART:20260305T170000Z")).replace(b"\r\n", b"\r"), "not_a_calendar"),
        (calendar(header=("CALSCALE:JULIAN",)), "broken_structure"),
    ],
)
def test_a_body_that_is_no_whole_calendar_is_not_an_empty_calendar(body: bytes, reason: str) -> None:
    """Read as empty, an error page would withdraw every coming event."""
    adapter, options = adapter_for(feed_source())
    with pytest.raises(UnreadableBody) as caught:
        adapter.parse(body, receipt(), feed_source(), options)
    assert caught.value.reason == reason
    assert caught.value.next_action


def test_a_calendar_without_events_is_empty_and_well() -> None:
    """The summer holidays: no row, no reject."""
    reading = read_body(calendar())
    assert (reading.rows, reading.rejects) == ([], [])


# -- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"zone": "Oslo"},
        {"expand_to": "2020-01-01"},
        {"url": "https://user:word@library.example/feed.ics"},
        {"partner_patterns": ["no group"]},
        {"partner_patterns": ["("]},
        {"max_occurrences": 50_000},
        {"colour": "red"},
    ],
)
def test_wrong_options_are_told_before_anything_is_asked(options: dict[str, Any]) -> None:
    """A mistake in sources.yaml is one to mend there, with its key in the message."""
    with pytest.raises(ConfigurationError, match=next(iter(options)).split("_")[0]):
        adapter_for(feed_source(**options))


@pytest.mark.parametrize("missing", ["zone", "expand_from", "expand_to"])
def test_zone_and_window_must_be_said(missing: str) -> None:
    """Without them reading would need a clock or a guess."""
    with pytest.raises(ValidationError):
        IcalendarOptions.model_validate({key: value for key, value in WINDOW.items() if key != missing})
