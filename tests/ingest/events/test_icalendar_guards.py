"""Hostile and broken feeds: reading ends in bounded time, and what is bad costs only itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import icalendar
import pytest
from event_reading import Reading
from ical_bodies import calendar, event, read_body

from ingest.events import _ical_child
from ingest.events._ical_child import Bounds, Expander
from ingest.events._ical_scan import count_events, looks_whole, minimise
from ingest.events.ical_expand import Job, Result

Read = Callable[..., Reading]
START = "DTSTART;TZID=Europe/Oslo:20260305T180000"
GOOD = (
    event("UID:single", START, "SUMMARY:Single"),
    event("UID:series", START, "RRULE:FREQ=WEEKLY;COUNT=3", "SUMMARY:Series"),
)
DATES = ",".join(f"20260101T{n // 3600:02}{n // 60 % 60:02}{n % 60:02}Z" for n in range(50_000))
ALL_HOURS = ",".join(map(str, range(24)))
SIXTY = ",".join(map(str, range(60)))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((START, "RRULE:FREQ=SECONDLY"), "rule_refused"),
        ((START, "RRULE:FREQ=MINUTELY"), "rule_refused"),
        ((START, "RRULE:FREQ=HOURLY"), "rule_refused"),
        ((START, "RRULE:FREQ=DAILY;INTERVAL=0"), "rule_refused"),
        ((START, "RRULE:FREQ=DAILY;INTERVAL=-1"), "rule_refused"),
        ((START, f"RRULE:FREQ=DAILY;BYHOUR={ALL_HOURS};BYMINUTE={SIXTY};BYSECOND={SIXTY}"), "rule_refused"),
        ((START, f"RRULE:FREQ=DAILY;BYHOUR={ALL_HOURS};BYMINUTE=0,30"), "rule_refused"),
        ((START, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "rule_refused"),
        ((START, "rrule:freq=secondly"), "rule_refused"),
        ((START, "RRULE:FREQ=DA\r\n ILY;INTERVAL=\r\n 0"), "rule_refused"),
        ((START, "RRULE:COUNT=3"), "rule_refused"),
        ((START, f"RDATE:{DATES}"), "too_many_dates"),
        ((START, *(f"EXDATE:{DATES[: 17 * 3000 - 1]}" for _ in range(2))), "too_many_dates"),
        (("DTSTART:00010101T000000Z", "RRULE:FREQ=DAILY"), "start_out_of_range"),
        (("DTSTART:99991231T000000Z",), "start_out_of_range"),
        (("SUMMARY:No start",), "no_start"),
        ((START, "DTSTART:20260306T180000Z"), "two_starts"),
        ((START, "DTEND:20260305T190000Z", "DTEND:20260305T200000Z"), "two_ends"),
        (("DTSTART:20260305T240000",), "bad_property"),
        (("DTSTART:20260230T180000",), "bad_property"),
        (("DTSTART:20260305T180000+0100",), "bad_start"),
        (("DTSTART:2026-03-05 18:00",), "bad_start"),
        ((START, "DURATION:P99999999999D"), "bad_property"),
        ((START, "RRULE:FREQ=WEEKLY;COUNT=99999999999999999999999"), None),
        ((START, "RRULE:FREQ=WEEKLY;BYDAY=XX"), "bad_property"),
        ((START, "RDATE;VALUE=PERIOD:20260306T180000Z/P9999999D"), "cannot_expand"),
        ((START, "RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11"), "occurrence_cap"),
    ],
)
def test_a_bad_event_costs_only_itself(read_calendar: Read, lines: tuple[str, ...], reason: str | None) -> None:
    """Each of these made the library fail, or run without end, for the whole calendar."""
    begun = time.monotonic()
    reading = read_calendar(GOOD[0], event("UID:bad", *lines), GOOD[1])
    assert time.monotonic() - begun < 10
    kept = [row["title"] for row in reading.rows if row["series_id"] != "bad"]
    assert kept == ["Series", "Single", "Series", "Series"]
    if reason is not None:
        assert [row for row in reading.rows if row["series_id"] == "bad"] == []
        assert reading.reasons == [reason]
        assert reading.rejects[0].pointer == "line 8"
        assert reading.rejects[0].next_action


@pytest.mark.parametrize("name", ["SUMMARY", "LOCATION", "CATEGORIES", "DESCRIPTION"])
@pytest.mark.parametrize("kind", sorted(icalendar.Component.types_factory))
def test_words_that_claim_to_be_something_else_cost_only_themselves(read_calendar: Read, name: str, kind: str) -> None:
    """`CATEGORIES;VALUE=DATE:x` makes the library fail in a way of its own, which once cost the whole feed."""
    reading = read_calendar(
        GOOD[0], event("UID:bad", START, f"{name};VALUE={kind}:x"), GOOD[1], partner_patterns=["(x)"]
    )
    assert reading.rejects == []
    assert [row["series_id"] for row in reading.rows] == ["bad", "series", "single", "series", "series"]


def test_a_rule_that_no_guard_knows_is_ended_and_the_rest_is_read(read_calendar: Read) -> None:
    """A date that never comes, told so that no simple guard sees it: the kernel ends the process, and only its
    series is lost. Two of them, between good ones, to see that the process is replaced each time."""
    never = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30,31;BYDAY=MO,TU;BYHOUR=1,2,3,4,5,6,7,8,9,10,11,12"
    sly = never.replace("BYMONTHDAY=30,31", "BYWEEKNO=30")
    begun = time.monotonic()
    reading = read_calendar(
        event("UID:sly1", START, sly),
        GOOD[1],
        event("UID:sly2", START, sly),
        event("UID:last", START, "RRULE:FREQ=DAILY;COUNT=2"),
        seconds_per_series=1,
    )
    assert time.monotonic() - begun < 20
    assert reading.reasons == ["too_costly", "too_costly"]
    assert sorted(row["series_id"] for row in reading.rows) == ["last", "last", "series", "series", "series"]


def test_a_feed_of_costly_series_ends_when_its_budget_is_spent(read_calendar: Read) -> None:
    """Twenty thousand series of nearly a limit each would hold a run for a day."""
    sly = "RRULE:FREQ=DAILY;BYMONTH=2;BYWEEKNO=30;BYDAY=MO"
    begun = time.monotonic()
    reading = read_calendar(
        *(event(f"UID:{n}", START, sly) for n in range(30)), GOOD[0], seconds_per_series=1, seconds_per_feed=1.5
    )
    assert time.monotonic() - begun < 20
    assert set(reading.reasons) == {"too_costly", "feed_too_costly"}
    assert len(reading.rejects) == 30
    assert [row["title"] for row in reading.rows] == ["Single"]


def test_a_process_that_needs_too_much_memory_is_a_reject(read_calendar: Read) -> None:
    """Memory is bounded by the kernel too, and the run that waits for the answer is not the one that dies."""
    job = Job([(["DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY", "X-FILL:" + "x" * 200_000_000], -1, "")], [],
              "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000)  # fmt: skip
    with Expander(Bounds(memory_mib=256)) as expander:
        assert expander.expand(job).problems[0][1] == "too_costly"
        good = Job([(["DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY;COUNT=2"], -1, "")], [],
                   "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000)  # fmt: skip
        assert len(expander.expand(good).occurrences) == 2


def _series(uid: str = "series") -> Job:
    return Job([(["DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY;COUNT=2"], -1, uid)], [],
               "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000)  # fmt: skip


NEVER = Job([(["DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY;BYMONTH=2;BYWEEKNO=30;BYDAY=MO"], -1, "")], [],
            "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000)  # fmt: skip


def _used(bounds: Bounds, job: Job) -> subprocess.Popen[bytes]:
    """Expand one job as a feed would; the process that did it."""
    with Expander(bounds) as expander:
        result = expander.expand(job)
        assert len(result.occurrences) == 2
        assert expander._worker is not None
        return expander._worker.process


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[_ical_child._Worker]]:
    """The processes that a test starts, beginning with none that waits; all are over when it ends."""
    _ical_child._shelf.clear()
    started: list[_ical_child._Worker] = []

    class Counted(_ical_child._Worker):
        def __init__(self, bounds: Bounds) -> None:
            super().__init__(bounds)
            started.append(self)

    monkeypatch.setattr(_ical_child, "_Worker", Counted)
    yield started
    _ical_child._shelf.clear()
    assert all(worker.process.poll() is not None for worker in started)


def test_the_next_feed_borrows_the_process_of_the_last(starts: list[_ical_child._Worker]) -> None:
    """A start takes longer than most feeds: a hundred feeds must not need a hundred."""
    for _ in range(3):
        _used(Bounds(), _series())
    assert len(starts) == 1


def test_a_process_with_other_limits_is_not_borrowed(starts: list[_ical_child._Worker]) -> None:
    """A source's own limits hold for its own series."""
    first = _used(Bounds(cpu_seconds=5), _series())
    _used(Bounds(cpu_seconds=6), _series())
    assert len(starts) == 2
    assert first.poll() is not None


def test_no_process_is_left_behind(starts: list[_ical_child._Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that polls every hour for a year must not keep one between its polls."""
    monkeypatch.setattr(_ical_child, "_LINGER_SECONDS", 0.05)
    process = _used(Bounds(), _series())
    assert process.wait(timeout=60) is not None
    _used(Bounds(), _series())
    assert len(starts) == 2


def test_a_process_that_failed_is_not_lent_to_the_next_feed(starts: list[_ical_child._Worker]) -> None:
    """What a hostile series left in its memory must not decide about another library's calendar."""
    full = Job([(["DTSTART:20260305T180000Z", "RRULE:FREQ=DAILY", "X-FILL:" + "x" * 200_000_000], -1, "")], [],
               "Europe/Oslo", "Europe/Oslo", "2026-01-01", "2027-01-01", 5000)  # fmt: skip
    with Expander(Bounds(memory_mib=256)) as expander:
        assert expander.expand(full).problems[0][1] == "too_costly"
    _used(Bounds(memory_mib=256), _series())
    assert starts[0].process.poll() is not None
    assert len(starts) == 2


def test_a_feed_left_in_the_middle_takes_its_process_with_it(starts: list[_ical_child._Worker]) -> None:
    """Answers that nobody heard would be taken for the next feed's."""
    with Expander(Bounds()) as expander:
        next(expander.expand_all([_series(), _series()]))
    assert len(_answers(Bounds(), [_series()])) == 1
    assert len(starts) == 2


def _answers(bounds: Bounds, jobs: list[Job]) -> list[Result]:
    with Expander(bounds) as expander:
        return list(expander.expand_all(jobs))


def test_only_a_process_of_its_own_feed_may_judge_a_series(starts: list[_ical_child._Worker]) -> None:
    """A process that dies of what others did, or of the machine, must not cost a good series."""
    with Expander(Bounds()) as expander:
        assert len(expander.expand(_series()).occurrences) == 2
    with Expander(Bounds()) as expander:
        results = expander.expand_all([_series(), _series()])
        assert expander._worker is starts[0]
        starts[0].process.kill()
        starts[0].process.wait()
        assert [len(result.occurrences) for result in results] == [2, 2]
    assert len(starts) == 2


def test_jobs_behind_a_killed_one_are_done_by_the_next_process(starts: list[_ical_child._Worker]) -> None:
    """They were handed over with it, and must neither be lost nor be answered out of turn."""
    jobs = [_series(), NEVER, *[_series()] * 100, NEVER, _series()]
    results = _answers(Bounds(cpu_seconds=1), jobs)
    assert [result.problems[0][1] if result.problems else len(result.occurrences) for result in results] == [
        2,
        "too_costly",
        *[2] * 100,
        "too_costly",
        2,
    ]
    assert len(starts) == 3


def test_a_process_that_hangs_without_working_is_ended_by_the_clock(starts: list[_ical_child._Worker]) -> None:
    """The kernel's limit counts work only: one that is stopped would wait for ever."""
    with Expander(Bounds(wall_seconds=0.5)) as expander:
        results = expander.expand_all([_series()] * 3)
        assert len(next(results).occurrences) == 2
        starts[0].process.send_signal(signal.SIGSTOP)
        rest = [result.problems[0][1] if result.problems else "done" for result in results]
    # What it had answered before it was stopped counts; the one it owed is lost, what came behind is done anew.
    assert rest in (["done", "done"], ["too_costly", "done"], ["done", "too_costly"])


def test_a_copy_of_this_process_speaks_to_no_process_of_the_original(starts: list[_ical_child._Worker]) -> None:
    """Two that write into one pipe would get each other's answers."""
    first = _used(Bounds(), _series())
    copy = os.fork()
    if copy == 0:
        is_well = _ical_child._shelf.take(starts[0].limits) is None
        os._exit(0 if is_well else 1)
    assert os.waitpid(copy, 0)[1] == 0
    assert first.poll() is None
    assert len(_answers(Bounds(), [_series()])) == 1
    assert len(starts) == 1


def test_a_custom_zone_is_forgotten_before_the_next_feed(starts: list[_ical_child._Worker]) -> None:
    """The process knows many feeds now, and a name may stand for a zone in one of them only."""
    zone = ["BEGIN:VTIMEZONE", "TZID:Testby", "BEGIN:STANDARD", "DTSTART:19700101T000000"]
    zone += ["TZOFFSETFROM:+0500", "TZOFFSETTO:+0500", "END:STANDARD", "END:VTIMEZONE"]
    weekly = event("DTSTART;TZID=Testby:20260305T180000", "RRULE:FREQ=WEEKLY;COUNT=2")
    own, none = read_body(calendar(*zone, weekly)), read_body(calendar(weekly))
    assert len(starts) == 1
    assert [row["start_at"].hour for row in own.rows] == [13, 13]
    assert [row["start_at"].hour for row in none.rows] == [17, 17]
    assert "unknown_zone" in none.flags()


def test_the_process_sees_no_secret_of_its_parent(
    starts: list[_ical_child._Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads outside input with large libraries: what it does not have it can't leak."""
    monkeypatch.setenv("CALENDAR_TOKEN", "s3cret")
    process = _used(Bounds(), _series())
    environ = Path(f"/proc/{process.pid}/environ")
    if not environ.exists():
        pytest.skip("this system does not show a process's environment as a file")
    assert b"s3cret" not in environ.read_bytes()


def test_the_caps_of_a_feed_reject_what_is_beyond_and_say_so(read_calendar: Read) -> None:
    """A silent cut would be a figure that is too low and looks right."""
    daily = [event(f"UID:{n}", START, "RRULE:FREQ=DAILY;COUNT=40") for n in range(3)]
    reading = read_calendar(*daily, max_occurrences=100)
    assert (len(reading.rows), reading.reasons) == (80, ["occurrence_cap"])
    assert "window" in reading.rejects[0].next_action
    assert read_calendar(*daily, max_occurrences_per_series=39).reasons == ["occurrence_cap"] * 3


def test_too_many_components_are_refused_as_a_whole() -> None:
    """Twenty thousand events are more than any library's programme: somebody serves something else."""
    body = calendar("\r\n".join(["BEGIN:VEVENT\r\nEND:VEVENT"] * 20_001))
    reading = read_body(body)
    assert (reading.rows, reading.reasons) == ([], ["too_many_components"])


def test_a_body_beyond_the_cap_is_refused_as_a_whole() -> None:
    """Files that are dropped pass the same cap as polls."""
    assert read_body(calendar(*GOOD), max_bytes=100).reasons == ["too_large"]


def test_long_words_and_many_lines_take_no_long_time(read_calendar: Read) -> None:
    """A pattern that looks for an address at each letter of a long word would be busy for hours."""
    begun = time.monotonic()
    reading = read_calendar(
        *(event(f"UID:{n}", START, "SUMMARY:" + "x" * 1_000_000, "LOCATION:" + "+4" * 100_000) for n in range(5))
    )
    assert len(reading.rows) == 5
    assert "text_cut" in reading.flags()
    assert read_body(b"BEGIN:VCALENDAR\n" + b"a\n" * 1_100_000).reasons == ["too_large"]
    assert read_body(calendar('X;"' * 300_000, 'SUMMARY;a="' * 100_000, *GOOD)).rejects == []
    assert time.monotonic() - begun < 20


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    """Ten thousand components inside one another: read without recursion."""
    depth = 9_000
    body = calendar("BEGIN:X-A\r\n" * depth + GOOD[0] + "\r\n" + "END:X-A\r\n" * (depth - 1) + "END:X-A")
    assert [row["title"] for row in read_body(body).rows] == ["Single"]


def test_a_zone_that_never_ends_is_left_out_and_its_events_are_read(read_calendar: Read) -> None:
    """A VTIMEZONE has rules, too, and is read before anything else."""
    zone = ["BEGIN:VTIMEZONE", "TZID:Evil", "BEGIN:STANDARD", "DTSTART:19700101T000000", "RRULE:FREQ=SECONDLY"]
    zone += ["TZOFFSETFROM:+0500", "TZOFFSETTO:+0500", "END:STANDARD", "END:VTIMEZONE"]
    begun = time.monotonic()
    reading = read_calendar(*zone, event("DTSTART;TZID=Evil:20260305T180000"), *GOOD)
    assert time.monotonic() - begun < 5
    assert len(reading.rows) == 5
    assert "unknown_zone" in reading.flags()


def test_a_bad_override_leaves_its_series_alone(read_calendar: Read) -> None:
    """One date that an editor broke must not take a year of story time with it."""
    reading = read_calendar(
        event(START, "RRULE:FREQ=WEEKLY;COUNT=3"), event("RECURRENCE-ID:20260312T170000Z", "SUMMARY:No start")
    )
    assert (len(reading.rows), reading.reasons) == (3, ["no_start"])


def test_rejects_never_quote_the_feed(read_calendar: Read) -> None:
    """The rejects table is read by everybody; a record may hold a name."""
    reading = read_calendar(event("UID:kari@example.org", "SUMMARY:Møte med Kari", "DTSTART:nope"))
    assert reading.reasons == ["bad_start"]
    assert "ari" not in str(reading.rejects).replace("calendar", "")


def test_a_large_feed_is_read_in_seconds(read_calendar: Read) -> None:
    """200 weekly series over three years: ordinary volume must not need patience."""
    begun = time.monotonic()
    reading = read_calendar(*(event(f"UID:{n}", START, "RRULE:FREQ=WEEKLY") for n in range(200)))
    assert time.monotonic() - begun < 60
    assert len(reading.rows) == 200 * 96


def test_mutated_calendars_never_raise() -> None:
    """What no test author thought of: every mutation ends as rows or rejects, inside the lake's contract."""
    dice = random.Random(20260305)
    lines = [
        *calendar(
            event("UID:a", START, "RRULE:FREQ=WEEKLY;COUNT=5", "EXDATE:20260312T170000Z", "SUMMARY:Måndag"),
            event("UID:a", "RECURRENCE-ID:20260319T170000Z", "DTSTART:20260319T180000Z", "DURATION:PT1H"),
            event("UID:b", "DTSTART;VALUE=DATE:20260305", "DTEND;VALUE=DATE:20260308", "CATEGORIES:A,B"),
            event("UID:c", "DTSTART:20260305T180000Z", "LAST-MODIFIED:20260101T000000Z", "SEQUENCE:2"),
            header=("X-WR-TIMEZONE:Europe/Oslo",),
        ).splitlines(keepends=True)
    ]
    pieces = [b";", b":", b",", b"=", b'"', b"\\", b"\r\n ", b"\n", b"\x00", b"\xff", b"T", b"Z", b"9", b"-", b"RRULE:"]
    for _ in range(1_000):
        mutated = list(lines)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(mutated))
            line = mutated[at]
            how = dice.randrange(5)
            if how == 0:
                del mutated[at]
            elif how == 1:
                mutated.insert(at, mutated[dice.randrange(len(mutated))])
            elif how == 2:
                spot = dice.randrange(len(line) + 1)
                mutated[at] = line[:spot] + dice.choice(pieces) + line[spot:]
            elif how == 3:
                spot = dice.randrange(len(line) + 1)
                mutated[at] = line[:spot] + line[spot + 1 :]
            else:
                mutated[at] = bytes(dice.randrange(256) if dice.random() < 0.05 else byte for byte in line)
            if not mutated:
                mutated = [b"x"]
        reading = read_body(b"".join(mutated))
        assert "parser_fault" not in reading.reasons, b"".join(mutated)
        assert "contract_broken" not in reading.reasons, b"".join(mutated)


# -- minimising -----------------------------------------------------------------------------------------------------


def test_lines_about_people_are_removed_whole_and_the_rest_stays_byte_for_byte() -> None:
    """Folded lines go with their folds; names in lower case, with parameters, or folded inside the name, too."""
    before = b"\xef\xbb\xbfBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    after = b"SUMMARY:Om CONTACT:\r\n og anna\r\n\r\nDESCRIPTION:ATTENDEE:x\nEND:VEVENT\r\nEND:VCALENDAR"
    personal = (
        b"ATTENDEE;CN=Kari;ROLE=CHAIR:mailto:ka\r\n ri@example.org\r\n"
        b"organizer:mailto:ola@example.org\n\tx\n"
        b"ATTEN\r\n DEE:mailto:per@example.org\r\n"
        b"X-ALT-DESC;FMTTYPE=text/html:<p>Ring Ola</p>\r\n"
        b"ATTACH:https://example.org/x\r\nCONFERENCE:https://meet.example.org\r\nCOMMENT:Kari kjem\r\nCONTACT:Ola\r\n"
        b"X-MICROSOFT-SKYPETEAMSMEETINGURL:https://teams.example.org\r\n"
    )
    assert minimise(before + personal + after) == before + after
    assert minimise(after) == after


def test_minimising_a_body_that_is_no_calendar_changes_nothing_else() -> None:
    """Error pages and broken bytes are landed for the person who has to look at them."""
    for body in (b"", b"\n\n", b"<html>\r\n<body>", bytes(range(256)), b"ATTENDEES:5\n"):
        assert minimise(body) == body


def test_wholeness_is_told_from_both_ends() -> None:
    """A cut body must not be taken for a full one."""
    body = calendar(*GOOD)
    assert looks_whole(body)
    assert looks_whole(b"\xef\xbb\xbf" + body + b"\r\n")
    assert not looks_whole(body[:-10])
    assert not looks_whole(b"<html>")
    assert count_events(body) == 2
