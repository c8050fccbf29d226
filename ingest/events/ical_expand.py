"""Dates of one iCalendar record: what the iCalendar libraries are asked, and the process they are asked in.

What belongs here: the only calls of `icalendar` and `recurring_ical_events`, the repairs that their reading needs
first, and a loop that runs as a process of its own (`python -m ingest.events.ical_expand`). What does not: titles,
places, decisions about identity (`ingest.events.icalendar`), guards on raw lines (`ingest.events._ical_scan`).

A job holds the timing lines of one series only: no words, no people. The libraries have no limits of their own and
some rules never end, so jobs with rules run in a process that the kernel stops (`ingest.events._ical_child`).
Imports stay few: the process starts in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
import time
import warnings
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from icalendar.parser import split_on_unescaped_comma, unescape_backslash

MAX_DURATION = timedelta(days=400)
READY = b"ready\n"
_INDEX = "X-LEVENDE-INDEX"
_DAY = timedelta(days=1)
# Content lines so plain that they have one reading only. The library's reader looks at every letter for quotes and
# escapes, which is most of the time that an ordinary feed takes; values are the library's business all the same.
_PLAIN_TIME = re.compile(
    r"(DTSTART|DTEND|RECURRENCE-ID|RDATE|EXDATE)(?:;TZID=([A-Za-z0-9_/+-]+)|;VALUE=(DATE|DATE-TIME))?:([0-9TZ,]+)"
)
_PLAIN_OTHER = re.compile(r"(RRULE|DURATION)()():([A-Za-z0-9=;,+-]+)")
_PLAIN_TEXT = re.compile(r"(SUMMARY|LOCATION|CATEGORIES|DESCRIPTION)(?:;LANGUAGE=[A-Za-z-]+)?:(.*)", re.DOTALL)
# An icalendar.Event. The library types each property as a union of thirty kinds, which says less than nothing here.
_Event: TypeAlias = Any


class CannotExpand(Exception):
    """A series, or one component of it, that has no dates. `reason` is the word for its reject."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Job:
    """One series to expand.

    Attributes:
        events: per component its timing lines, its SEQUENCE (-1 without one) and its LAST-MODIFIED as sortable text.
        zones: VTIMEZONEs that its lines name and the IANA list does not know, as lists of lines.
        floating: IANA zone for times and dates without one.
        local: IANA zone of the window and of local dates of UTC times.
        expand_from, expand_to: the window, ISO dates, half-open; what overlaps it is delivered.
        cap: most occurrences that one series may have.
    """

    events: list[tuple[list[str], int, str]]
    zones: list[list[str]]
    floating: str
    local: str
    expand_from: str
    expand_to: str
    cap: int


@dataclass(frozen=True)
class Occurrence:
    """One date of a series.

    Attributes:
        index: which of the job's components says so.
        slot: the original slot, empty for a single event.
        start_at, end_at: ISO, naive UTC; start_on, end_on: ISO, local, both included.
        flags: doubts about this occurrence.
    """

    index: int
    slot: str
    start_at: str
    end_at: str
    start_on: str
    end_on: str
    has_time: bool
    zone: str
    is_recurring: bool
    is_override: bool
    flags: list[str] = field(default_factory=list)


@dataclass
class Result:
    """A job's answer.

    Attributes:
        problems: (component index, or -1 for all of them; reason; message) of what has no dates.
    """

    occurrences: list[Occurrence] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)


def texts(lines: list[str]) -> dict[str, list[str]]:
    """Text properties by name, as written between the lines: escapes undone, categories taken apart.

    Args:
        lines: SUMMARY, LOCATION, CATEGORIES and DESCRIPTION lines of one VEVENT.

    Raises:
        ValueError: the library can't read them.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        plain = _PLAIN_TEXT.fullmatch(line)
        if plain is None:
            try:
                event = _read([lines], [])[0]
                found = {name: [str(item) for item in _many(event.get(name))] for name in event}
                found["CATEGORIES"] = _categories(event)
            except Exception as error:  # a CATEGORIES;VALUE=DATE, for one, is a TypeError
                raise ValueError("the calendar library can't read the event's text") from error
            return found
        name, value = plain[1], plain[2]
        told = split_on_unescaped_comma(value) if name == "CATEGORIES" else [unescape_backslash(value)]
        found.setdefault(name, []).extend(told)
    return found


def _categories(event: _Event) -> list[str]:
    """All categories of an event, in its order; escaped commas are part of a name."""
    return [str(item) for part in _many(event.get("CATEGORIES")) for item in getattr(part, "cats", [part])]


def _parse(events: list[list[str]], zones: list[list[str]]) -> list[_Event]:
    """VEVENTs from their content lines about times.

    Raises:
        ValueError: the library can't read them.
    """
    if not zones:
        plain = [_plain(index, lines) for index, lines in enumerate(events)]
        if None not in plain:
            return plain
    return _read(events, zones)


def _plain(index: int, lines: list[str]) -> _Event | None:
    """A VEVENT of plain lines only; None for one that needs the library's reader, if only to tell what is wrong."""
    event: _Event = icalendar.Event()
    event[_INDEX] = str(index)
    for line in lines:
        match = _PLAIN_TIME.fullmatch(line) or _PLAIN_OTHER.fullmatch(line)
        if match is None:
            return None
        name, zone, kind, value = match.groups()
        factory: Any = event.types_factory.for_property(name, kind or None)
        try:
            told = factory.from_ical(value, zone) if zone else factory.from_ical(value)
        except (ValueError, TypeError):
            return None
        event.add(name, factory(told), encode=False)
    return event


def _read(events: list[list[str]], zones: list[list[str]]) -> list[_Event]:
    text = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for zone in zones:
        text += zone
    for index, lines in enumerate(events):
        text += ["BEGIN:VEVENT", f"{_INDEX}:{index}", *lines, "END:VEVENT"]
    text += ["END:VCALENDAR", ""]
    body = "\r\n".join(text).encode("utf-8", "replace")  # bytes, always: text could name a file
    found = icalendar.Calendar.from_ical(body)  # noqa: TID251 - the one place that may
    return list(found.walk("VEVENT"))


def knows_zone(tzid: str) -> bool:
    """Whether the library resolves a TZID without a VTIMEZONE: IANA, Windows and vendor-prefixed names."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return icalendar.timezone.tzp.timezone(tzid) is not None
    except (OSError, ValueError):
        return False


def is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


class _Series:
    """The components of one series, repaired so that the library's reading is the standard's."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.floating = ZoneInfo(job.floating)
        self.local = ZoneInfo(job.local)
        self.flags: dict[int, list[str]] = {index: [] for index in range(len(job.events))}
        self.problems: list[tuple[int, str, str]] = []
        self.events: dict[int, _Event] = {}
        self.master: int | None = None
        for index, event in enumerate(_parse([lines for lines, _, _ in job.events], job.zones)):
            try:
                self._repair(index, event)
                self.events[index] = event
            except CannotExpand as problem:
                self.problems.append((index, problem.reason, str(problem)))
            except (ValueError, TypeError, AttributeError, OverflowError, KeyError) as error:
                self.problems.append((index, "bad_time", f"its times can't be read ({type(error).__name__})."))
        for index, event in self.events.items():
            if "RECURRENCE-ID" not in event:
                self.master = index
        self._map_recurrence_ids()

    # -- one component ------------------------------------------------------------------------------------------

    def _repair(self, index: int, event: _Event) -> None:
        if event.errors:
            raise CannotExpand("bad_property", f"its {event.errors[0][0] or 'lines'} can't be read.")
        start = event["DTSTART"].dt
        if not isinstance(start, date):
            raise CannotExpand("bad_start", "its start is neither a date nor a time.")
        is_floating = isinstance(start, datetime) and start.tzinfo is None
        self._localise(event)
        start = event["DTSTART"].dt
        self._set_end(index, event, start)
        for rule in _many(event.get("RRULE")):
            until = rule.get("UNTIL", [None])[0]
            if is_floating and until is not None and not (isinstance(until, datetime) and until.tzinfo):
                # The library would read a local UNTIL as UTC once the start has a zone.
                local = datetime.combine(until, datetime.min.time()) if is_date(until) else until
                rule["UNTIL"] = [local.replace(tzinfo=self.floating).astimezone(UTC)]
        if "EXRULE" in event:
            self.flags[index].append("exrule_ignored")

    def _localise(self, event: _Event) -> None:
        """Give floating times the zone they are meant in, so that every comparison is one of instants."""
        for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
            if name in event:
                old = event[name]
                new = icalendar.vDDDTypes(self._aware(old.dt))
                if "RANGE" in old.params:
                    new.params["RANGE"] = old.params["RANGE"]
                event[name] = new
        for name in ("RDATE", "EXDATE"):
            values = [self._aware(item.dt) for part in _many(event.get(name)) for item in part.dts]
            event.pop(name, None)
            if values:
                event[name] = icalendar.vDDDLists(values)

    def _aware(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._aware(part) for part in value)
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self.floating)
        return value

    def _set_end(self, index: int, event: _Event, start: date) -> None:
        """Write DTEND as the event means it: of the start's kind, after it, and not absurdly far off."""
        flags = self.flags[index]
        end: Any = event["DTEND"].dt if "DTEND" in event else None
        if end is None and "DURATION" in event:
            duration = event["DURATION"].dt
            if not isinstance(duration, timedelta):
                raise CannotExpand("bad_duration", "its DURATION is no length of time.")
            if duration > MAX_DURATION:
                flags.append("duration_capped")
                duration = MAX_DURATION
            if duration < timedelta(0):
                flags.append("end_before_start")
                duration = timedelta(0)
            if is_date(start):
                duration = timedelta(days=math.ceil(duration / _DAY))
            end = start + duration
        event.pop("DURATION", None)
        event.pop("DTEND", None)
        if end is None:
            if not is_date(start):
                flags.append("no_end")
            return
        if is_date(start) and not is_date(end):
            flags.append("mixed_end")
            end = end.date() + (timedelta(0) if (end.hour, end.minute) == (0, 0) else _DAY)
        elif isinstance(start, datetime) and is_date(end):
            flags.append("mixed_end")
            end = datetime.combine(end, datetime.min.time(), tzinfo=start.tzinfo)
        if end < start or (is_date(start) and end == start):
            if "end_before_start" not in flags and end < start:
                flags.append("end_before_start")
            return
        if end - start > MAX_DURATION:
            flags.append("duration_capped")
            end = start + MAX_DURATION
        event["DTEND"] = icalendar.vDDDTypes(end)

    # -- the series ---------------------------------------------------------------------------------------------

    def _map_recurrence_ids(self) -> None:
        """Give overrides the kind of slot that their series has, and keep one override per slot."""
        master = None if self.master is None else self.events[self.master]["DTSTART"].dt
        best: dict[Any, tuple[int, str, int]] = {}
        for index, event in list(self.events.items()):
            if "RECURRENCE-ID" not in event:
                continue
            slot = event["RECURRENCE-ID"].dt
            if isinstance(master, datetime) and is_date(slot):
                # Left as a date it would be an extra event beside the original (RFC 5545 wants equal kinds).
                self.flags[index].append("date_recurrence_id")
                slot = datetime.combine(slot, master.timetz())
            elif master is not None and is_date(master) and isinstance(slot, datetime):
                self.flags[index].append("date_recurrence_id")
                is_midnight = slot.time() == datetime.min.time()  # of whatever zone: that is how days are written
                slot = (slot if is_midnight else slot.astimezone(self.floating)).date()
            new = icalendar.vDDDTypes(slot)
            if "RANGE" in event["RECURRENCE-ID"].params:
                new.params["RANGE"] = event["RECURRENCE-ID"].params["RANGE"]
            event["RECURRENCE-ID"] = new
            _, sequence, modified = self.job.events[index]
            rank = (sequence, modified, index)
            key = slot_text(slot)
            if key in best:
                loser, winner = sorted((best[key], rank))
                if loser[0] == winner[0]:
                    self.flags[winner[2]].append("duplicate_override")
                del self.events[loser[2]]
                best[key] = winner
            else:
                best[key] = rank

    @property
    def is_rule(self) -> bool:
        if self.master is None:
            return False
        event = self.events[self.master]
        return "RRULE" in event or "RDATE" in event

    def occurrences(self) -> list[Occurrence]:
        """All dates that overlap the window, sorted.

        Raises:
            CannotExpand: more than the cap.
        """
        if not self.events:
            return []
        plain = len(self.events) == 1 and not self.is_rule and "EXDATE" not in next(iter(self.events.values()))
        found: list[tuple[int, Any, Any]] = []
        if plain:
            index, event = next(iter(self.events.items()))
            start, end = _span(event)
            if _instant(start, self.local) < self._to and (
                _instant(end, self.local) > self._from or _instant(start, self.local) >= self._from
            ):
                found.append((index, start, end))
        else:
            found = self._expand(list(self.events.values()))
        rows = [self._occurrence(*one) for one in found]
        if self.is_rule:
            self._judge_series(rows, found)
        rows.sort(key=lambda row: (row.start_at, row.slot, row.index))
        return rows

    @property
    def _from(self) -> datetime:
        return datetime.combine(date.fromisoformat(self.job.expand_from), datetime.min.time(), tzinfo=self.local)

    @property
    def _to(self) -> datetime:
        return datetime.combine(date.fromisoformat(self.job.expand_to), datetime.min.time(), tzinfo=self.local)

    def _expand(self, events: list[_Event]) -> list[tuple[int, Any, Any]]:
        calendar = icalendar.Calendar()
        for event in events:
            event["UID"] = "one"
            calendar.add_component(event)
        query = recurring_ical_events.of(calendar)
        # An aware window: a naive one is read in each event's own zone, and 23:30Z misses the next local day.
        found = query.between(self._from, self._to)
        if len(found) > self.job.cap:
            raise CannotExpand("occurrence_cap", f"it has more than {self.job.cap} occurrences in the window.")
        return [(int(one[_INDEX]), one["DTSTART"].dt, one["DTEND"].dt) for one in found]

    def _occurrence(self, index: int, start: Any, end: Any) -> Occurrence:
        event = self.events[index]
        is_override = "RECURRENCE-ID" in event
        if is_override:
            slot: Any = event["RECURRENCE-ID"].dt
            if str(event["RECURRENCE-ID"].params.get("RANGE", "")).upper() == "THISANDFUTURE":
                slot = _shifted(slot, event["DTSTART"].dt, start)
        else:
            slot = start if self.is_rule else None
        flags = list(self.flags[index])
        zone = self.floating if is_date(start) else start.tzinfo
        if isinstance(start, datetime):
            flags += self._doubts_about(start)
            # Through UTC and back: an hour that the clock skipped becomes the hour it was.
            start_at, end_at = start.astimezone(UTC), end.astimezone(UTC)
            where = self.local if _is_utc(start) else zone
            start_on = start_at.astimezone(where).date()
            last = end_at - timedelta(microseconds=1) if end_at > start_at else start_at
            end_on = last.astimezone(where).date()
        else:
            start_at, end_at = (_instant(day, self.floating).astimezone(UTC) for day in (start, end))
            start_on, end_on = start, max(start, end - _DAY)
        return Occurrence(
            index,
            "" if slot is None else slot_text(slot),
            start_at.replace(tzinfo=None).isoformat(),
            max(start_at, end_at).replace(tzinfo=None).isoformat(),
            start_on.isoformat(),
            end_on.isoformat(),
            not is_date(start),
            zone_name(zone),
            self.is_rule or is_override,
            is_override,
            flags,
        )

    def _doubts_about(self, start: datetime) -> list[str]:
        flags = []
        back = start.astimezone(UTC).astimezone(start.tzinfo)
        if back.replace(tzinfo=None) != start.replace(tzinfo=None):
            flags.append("nonexistent_time")
        elif start.replace(fold=1).utcoffset() != start.replace(fold=0).utcoffset():
            flags.append("ambiguous_time")
        if not _is_utc(start) and start.utcoffset() != start.astimezone(self.local).utcoffset():
            flags.append("other_zone")
        return flags

    def _judge_series(self, rows: list[Occurrence], found: list[tuple[int, Any, Any]]) -> None:
        """Doubts that only the whole series shows, added to every date of it."""
        assert self.master is not None
        event = self.events[self.master]
        start = event["DTSTART"].dt
        doubts: list[str] = []
        if isinstance(start, datetime) and _is_utc(start):
            own = {one[1].astimezone(self.local).time() for one in found if one[0] == self.master}
            if len(own) > len({one[1].time() for one in found if one[0] == self.master}):
                doubts.append("local_hour_shifts")
        if "EXDATE" in event and self._has_idle_exdate(event):
            doubts.append("exdate_without_slot")
        rules = _many(event.get("RRULE"))
        if len(rules) == 1:
            doubts += _rule_doubts(rules[0], start)
        for row in rows:
            row.flags.extend(doubts)

    def _has_idle_exdate(self, event: _Event) -> bool:
        """Whether an excluded date inside the window excludes nothing: the cancelled day probably stays."""
        excluded = event.pop("EXDATE")
        try:
            found = self._expand(list(self.events.values()))
        finally:
            event["EXDATE"] = excluded
        instants: set[datetime] = set()
        days: set[date] = set()
        for index, start, _ in found:
            own = self.events[index]
            slot = own["RECURRENCE-ID"].dt if "RECURRENCE-ID" in own else start
            instants |= _names(slot)
            days.add(date(slot.year, slot.month, slot.day))
        for part in _many(excluded):
            for item in part.dts:
                value = item.dt
                if not self._from <= _instant(value, self.local) < self._to:
                    continue
                if not (value in days if is_date(value) else _names(value) & instants):
                    return True
        return False


def _rule_doubts(rule: Any, start: Any) -> list[str]:
    """A start that its own rule does not yield; an UNTIL that cuts off the last day it names."""
    doubts: list[str] = []
    bare: Any = icalendar.vRecur({key: value for key, value in rule.items() if key.upper() not in ("UNTIL", "COUNT")})
    first = start if isinstance(start, datetime) else datetime.combine(start, datetime.min.time())
    dates = rrulestr(bare.to_ical().decode(), dtstart=first)
    if next(iter(dates), None) != first:
        doubts.append("start_outside_rule")
    until = rule.get("UNTIL", [None])[0]
    if isinstance(start, datetime) and until is not None:
        is_midnight = isinstance(until, datetime) and until.time() == datetime.min.time()
        if is_date(until) or is_midnight:
            morning = datetime(until.year, until.month, until.day, tzinfo=start.tzinfo)
            limit = morning if is_date(until) or until.tzinfo is None else until
            if any(day > limit for day in dates.between(morning, morning + _DAY, inc=True) if day < morning + _DAY):
                doubts.append("until_cuts_last_day")
    return doubts


def _many(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _span(event: _Event) -> tuple[Any, Any]:
    start = event["DTSTART"].dt
    if "DTEND" in event:
        return start, event["DTEND"].dt
    return start, start + _DAY if is_date(start) else start


def _instant(value: Any, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return datetime.combine(value, datetime.min.time(), tzinfo=zone)


def _names(value: Any) -> set[datetime]:
    """The two moments by which the library recognises a slot: in UTC, and on the wall clock."""
    moment = _instant(value, ZoneInfo("UTC"))
    return {moment.astimezone(UTC).replace(tzinfo=None), moment.replace(tzinfo=None)}


def _is_utc(value: datetime) -> bool:
    return zone_name(value.tzinfo) == "UTC"


def _shifted(slot: Any, old_start: Any, new_start: Any) -> Any:
    """The slot of an occurrence that a THISANDFUTURE override moved: by as much as its start, on the wall clock.

    Without it every later occurrence would carry the slot of the first (they all share one RECURRENCE-ID).
    """
    if is_date(slot) or is_date(old_start) or is_date(new_start):
        days = (
            date(new_start.year, new_start.month, new_start.day) - date(old_start.year, old_start.month, old_start.day)
        ).days
        return slot + timedelta(days=days)
    zone = slot.tzinfo
    wall = [value.astimezone(zone).replace(tzinfo=None) for value in (old_start, new_start)]
    return slot + (wall[1] - wall[0])


def slot_text(slot: Any) -> str:
    """A slot as text: `2026-03-05T17:00:00Z` in UTC, or `2026-03-05` in a series of whole days."""
    if isinstance(slot, datetime):
        return slot.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(slot.isoformat())


def zone_name(zone: Any) -> str:
    """A zone's name: its IANA key, `UTC`, or the feed's own name for it."""
    if zone is UTC:
        return "UTC"
    name = getattr(zone, "key", None) or getattr(zone, "_tzid", None) or str(zone)
    return "UTC" if name in ("UTC", "Etc/UTC", "Zulu", "Etc/Zulu") else str(name)


def expand(job: Job) -> Result:
    """All dates of one series inside its window. Unbounded in time for hostile rules: see `_ical_child`.

    Never raises for what a feed says: problems stand in the result.
    """
    result = Result()
    try:
        if job.zones:
            # Forget the custom zones of other jobs, and below those of this one: equal names may stand for other
            # rules, or for none, in the next feed.
            icalendar.timezone.tzp.use_default()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            series = _Series(job)
            result.problems = series.problems
            result.occurrences = series.occurrences()
    except CannotExpand as problem:
        result.problems.append((-1, problem.reason, str(problem)))
    except MemoryError:
        result.problems.append((-1, "too_costly", "expanding it needs more memory than allowed."))
    except Exception as error:  # noqa: BLE001 - whatever the libraries make of a feed must cost only its series
        result.problems.append((-1, "cannot_expand", f"the calendar library fails on it ({type(error).__name__})."))
    finally:
        if job.zones:
            icalendar.timezone.tzp.use_default()
    return result


def _limit(memory_mib: int) -> None:
    import resource

    for what, most in (
        (resource.RLIMIT_AS, memory_mib * 1024 * 1024),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):  # a system without this limit has the others, and the clock
            resource.setrlimit(what, (most, most))


def _limit_cpu(seconds: int) -> None:
    """Let the kernel end this process when the next job takes more processor time than that.

    Processor time, not the clock on the wall: the same feed must give the same rows on a busy machine.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))


def main(arguments: list[str]) -> None:
    """Say that we are there, then answer jobs until the pipe closes: one JSON line in, one JSON line out.

    An answer is a list: occurrences (their fields in order), problems, and the processor seconds that it took.

    Args:
        arguments: memory in MiB, and processor seconds for one job.
    """
    _limit(int(arguments[0]))
    seconds = int(arguments[1])
    out = sys.stdout.buffer
    out.write(READY)
    out.flush()
    for line in sys.stdin.buffer:
        _limit_cpu(seconds)
        begun = time.process_time()
        result = expand(Job(**json.loads(line)))
        occurrences = [[*vars(one).values()] for one in result.occurrences]
        answer = json.dumps([occurrences, result.problems, time.process_time() - begun])
        out.write(answer.encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
