"""iCalendar bytes as content lines and components, before any library expands them.

What belongs here: decoding, unfolding, the structure of a body, and the guards that a feed must pass because it
is outside input (RFC 5545 lets a four-line event run for ever). What does not: values, time zones, expansion.

Everything here is one pass over the bytes, without recursion and without the iCalendar library.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field

from ingest.errors import UnreadableBody

MAX_COMPONENTS = 20_000
MAX_DATES = 5_000  # RDATE and EXDATE values of one series
MAX_LINES = 1_000_000
MAX_RULES = 10
MAX_RULE_LENGTH = 1_000
MAX_ZONE_LINES = 5_000
FIRST_YEAR, LAST_YEAR = 1970, 2100

TIMING = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
WORDS = frozenset(
    {
        "UID",
        "SUMMARY",
        "LOCATION",
        "CATEGORIES",
        "STATUS",
        "CLASS",
        "SEQUENCE",
        "LAST-MODIFIED",
        "URL",
        "DESCRIPTION",
    }
)

# Lines about people, and doors into meetings. Removed from what a poll brings before it is landed.
PERSONAL = frozenset(
    {
        b"ATTENDEE",
        b"ORGANIZER",
        b"CONTACT",
        b"COMMENT",
        b"X-ALT-DESC",
        b"ATTACH",
        b"CONFERENCE",
        b"X-GOOGLE-CONFERENCE",
        b"X-GOOGLE-HANGOUT",
    }
)
PERSONAL_PREFIXES = (b"X-MICROSOFT-ONLINEMEETING", b"X-MICROSOFT-SKYPETEAMS")

# First letters that no personal name has, so that most lines need no closer look.
_HARMLESS_START = frozenset(b"BDEFGHIJKLMNPQRSTUVWYZ") - {name[0] for name in (*PERSONAL, *PERSONAL_PREFIXES)}

# Everything that some reader of lines may take for a line end, and what no title needs.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_LINE = re.compile(r'\s*([A-Za-z0-9_-]+)\s*((?:;[^":;]*(?:"[^"]*"[^":;]*)*)*):(.*)', re.DOTALL)
_START = re.compile(r"(\d{4})\d{4}(?:T\d{6}Z?)?")
# Some exporters write these without a value, meaning none (`RRULE:`). Blanks inside are theirs, too (`MO, TU`).
_MAY_BE_EMPTY = frozenset({"RRULE", "EXRULE", "RDATE", "EXDATE", "DTEND", "DURATION"})
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


@dataclass(frozen=True, slots=True)
class Line:
    """One content line: its upper-case name, its parameters with their leading `;`, its value as written."""

    name: str
    parameters: str
    value: str

    @property
    def text(self) -> str:
        return f"{self.name}{self.parameters}:{self.value}"

    def parameter(self, name: str) -> str | None:
        """A parameter's value without quotes; None when it is not given."""
        found = re.search(rf';\s*{name}\s*=\s*(?:"([^"]*)"|([^;"]*))', self.parameters, re.IGNORECASE)
        return None if found is None else (found[1] if found[1] is not None else found[2]).strip()


@dataclass
class Feed:
    """One VCALENDAR: what its header says about all its events."""

    method: str = ""
    zone_name: str | None = None
    zones: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Component:
    """One VEVENT: the lines that matter, by name, and where it begins.

    Attributes:
        line_number: line of its BEGIN in the body as received, counted from 1.
        broken_lines: content lines that have no name, such as a title continued without its leading blank.
    """

    feed: Feed
    line_number: int
    lines: dict[str, list[Line]] = field(default_factory=dict)
    broken_lines: int = 0

    @property
    def pointer(self) -> str:
        return f"line {self.line_number}"

    def first(self, name: str) -> Line | None:
        found = self.lines.get(name)
        return found[0] if found else None

    def value(self, name: str) -> str:
        line = self.first(name)
        return "" if line is None else line.value.strip()

    def texts(self, names: frozenset[str]) -> list[str]:
        """Its content lines of the given names, in a fixed order of names."""
        return [line.text for name in sorted(names) for line in self.lines.get(name, ())]


@dataclass(frozen=True)
class Refused:
    """Why a guard refuses a component, for its reject."""

    reason: str
    message: str
    next_action: str = "Ask the publisher to mend the event at this line; the rest of the feed was read."


def minimise(body: bytes) -> bytes:
    """A calendar without the lines about people: attendees, organisers, contacts, comments, attachments, meetings.

    Whole content lines go, with their folded continuations; every other byte stays as it came. Works on anything
    that has lines, so a broken calendar is minimised like a sound one.
    """
    kept: list[bytes] = []
    logical: list[bytes] = []
    blank: list[bytes] = []  # blank lines: part of a fold only if one goes on behind them

    def close() -> None:
        if not _is_personal(logical):
            kept.extend(logical)
        kept.extend(blank)
        logical.clear()
        blank.clear()

    for match in re.finditer(rb"[^\n]*\n|[^\n]+", body):  # a bare CR ends no line in iCalendar
        physical = match[0]
        if logical and physical[:1] in (b" ", b"\t"):
            logical += [*blank, physical]
            blank.clear()
        elif logical and not physical.strip():
            blank.append(physical)
        else:
            close()
            logical.append(physical)
    close()
    return b"".join(kept)


def _is_personal(logical: list[bytes]) -> bool:
    if not logical or logical[0][0] in _HARMLESS_START:
        return False
    # Even the name may be folded, so a few pieces are joined before it is read.
    pieces = [piece.rstrip(b"\r\n") for piece in logical[:8]]
    start = pieces[0] + b"".join(piece[1:] for piece in pieces[1:])
    name = re.match(rb"(?:\xef\xbb\xbf)?\s*([A-Za-z0-9_-]+)", start)
    if name is None:
        return False
    upper = name[1].upper()
    return upper in PERSONAL or upper.startswith(PERSONAL_PREFIXES)


def looks_whole(body: bytes) -> bool:
    """Whether the body begins and ends as a calendar does. Cheap, for the receipt; `scan` has the last word."""
    bare = body.removeprefix(b"\xef\xbb\xbf").strip().upper()
    return bare.startswith(b"BEGIN:VCALENDAR") and bare.endswith(b"END:VCALENDAR")


def count_events(body: bytes) -> int:
    """How many events a body holds, told by their first lines."""
    return len(re.findall(rb"^BEGIN:VEVENT\s*$", body, re.IGNORECASE | re.MULTILINE))


def decode(body: bytes, max_bytes: int) -> str:
    """The body as text: UTF-8 if it is that, else Windows-1252. Unfolding comes first: folds may split a letter.

    Raises:
        TypeError: given text instead of bytes. The iCalendar library opens files named by text.
        UnreadableBody: empty, too large, or in another encoding.
    """
    if not isinstance(body, bytes):
        raise TypeError(f"a calendar is read from bytes, not {type(body).__name__}")
    if len(body) > max_bytes:
        raise UnreadableBody(
            f"the body has {len(body)} bytes, more than the {max_bytes} allowed.",
            reason="too_large",
            next_action="See what the feed serves; raise max_bytes in the source's options if it is right.",
        )
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or body[:200].count(0) > 20:
        raise UnreadableBody(
            "the body is UTF-16, which is not an empty calendar but an unreadable one.",
            reason="wrong_encoding",
            next_action="Ask the publisher to send the calendar as UTF-8.",
        )
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise UnreadableBody(
            "the body is empty, which is not an empty calendar.",
            reason="empty_body",
            next_action="Look at the feed's address in a browser; the next poll tries again.",
        )
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode("cp1252")
    except UnicodeDecodeError:
        raise UnreadableBody(
            "the body is neither UTF-8 nor Windows-1252.",
            reason="wrong_encoding",
            next_action="Ask the publisher to send the calendar as UTF-8.",
        ) from None


def _unfolded(body: bytes) -> list[tuple[int, bytes]]:
    """Logical lines with the number of the physical line where each begins."""
    logical: list[tuple[int, list[bytes]]] = []
    for number, physical in enumerate(body.split(b"\n"), start=1):
        line = physical.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t") and logical:
            logical[-1][1].append(line[1:])
        elif line.strip():
            logical.append((number, [line]))
    return [(number, b"".join(parts)) for number, parts in logical]


def scan(body: bytes, max_bytes: int) -> list[Component]:
    """All events of a body, in its order. Two calendars in one body are read as two.

    Raises:
        TypeError: given text instead of bytes.
        UnreadableBody: not a calendar, cut off, or beyond the caps. Never to be read as an empty calendar.
    """
    if not isinstance(body, bytes):
        raise TypeError(f"a calendar is read from bytes, not {type(body).__name__}")
    if body.count(b"\n") > MAX_LINES and len(body) <= max_bytes:
        raise UnreadableBody(
            f"the body has more than {MAX_LINES} lines.",
            reason="too_large",
            next_action="Ask the publisher for a feed with a shorter window.",
        )
    # Octets are unfolded before they are decoded (RFC 5545, 3.1): the fold may stand inside a letter.
    lines = _unfolded(body.removeprefix(b"\xef\xbb\xbf")) if len(body) <= max_bytes else []
    joined = decode(b"\n".join(line for _, line in lines) if lines else body, max_bytes)
    texts = joined.split("\n")
    if _CONTROL.sub("", texts[0]).strip().upper() != "BEGIN:VCALENDAR":
        what = (
            "a web page" if "<html" in joined[:2000].lower() or "<!doctype" in joined[:2000].lower() else "no calendar"
        )
        raise UnreadableBody(
            f"the body is {what}: it does not begin with BEGIN:VCALENDAR.",
            reason="not_a_calendar",
            next_action="Look at the feed's address in a browser, and mend the address or ask the publisher.",
        )
    return _components(list(zip((number for number, _ in lines), texts, strict=True)))


def _components(lines: list[tuple[int, str]]) -> list[Component]:
    stack: list[str] = []
    feed = Feed()
    event: Component | None = None
    zone: list[str] | None = None
    found: list[Component] = []
    begun = 0
    for number, raw in lines:
        text = raw if raw.isprintable() else _CONTROL.sub("", raw)
        match = _LINE.match(text)
        name = match[1].upper() if match else ""
        if name == "BEGIN" and match is not None:
            kind = match[3].strip().upper()
            begun += 1
            if begun > MAX_COMPONENTS:
                raise UnreadableBody(
                    f"the body has more than {MAX_COMPONENTS} components.",
                    reason="too_many_components",
                    next_action="Ask the publisher for a feed with a shorter window.",
                )
            if not stack:
                feed = Feed()
                if kind != "VCALENDAR":
                    raise _broken(number, "a component outside any calendar")
            stack.append(kind)
            if kind == "VEVENT" and event is None:
                event = Component(feed, number)
            elif kind == "VTIMEZONE" and event is None:
                zone = []
            if zone is not None:
                zone.append(f"BEGIN:{kind}")
        elif name == "END" and match is not None:
            kind = match[3].strip().upper()
            if not stack or (kind != stack[-1] and kind in stack):
                raise _broken(number, "an END without its BEGIN")
            kind = stack.pop()  # a misspelt END (END:VTOOD) ends what is open
            if zone is not None:
                zone.append(f"END:{kind}")
                if kind == "VTIMEZONE":
                    _keep_zone(feed, zone)
                    zone = None
            if event is not None and kind == "VEVENT" and "VEVENT" not in stack:
                found.append(event)
                event = None
        elif not stack:
            if name == "X-COMMENT":
                continue  # a cache's remark behind the calendar
            raise _broken(number, "text outside any calendar")
        elif event is not None:
            if stack[-1] != "VEVENT":
                continue  # alarms and the like say nothing about the holding
            if match is None:
                event.broken_lines += 1
            elif name in TIMING or name in WORDS:
                value = "".join(match[3].split()) if name in TIMING else match[3]
                if value or name not in _MAY_BE_EMPTY:
                    event.lines.setdefault(name, []).append(Line(name, match[2], value))
        elif zone is not None:
            if match is not None and not name.startswith("X-"):
                zone.append(f"{name}{match[2]}:{match[3]}")
        elif stack == ["VCALENDAR"] and match is not None:
            value = match[3].strip()
            if name == "METHOD":
                feed.method = value.upper()
            elif name == "X-WR-TIMEZONE" and feed.zone_name is None:
                feed.zone_name = value
            elif name == "CALSCALE" and value.upper() != "GREGORIAN":
                raise _broken(number, "a calendar scale other than GREGORIAN")
    if stack:
        raise UnreadableBody(
            f"the body ends inside {stack[-1]}: it was cut off, and is not a shorter calendar.",
            reason="truncated",
            next_action="Nothing to do if the next poll is whole; ask the publisher if it lasts.",
        )
    return found


def _broken(number: int, what: str) -> UnreadableBody:
    return UnreadableBody(
        f"line {number}: {what}; the structure of the calendar is broken.",
        reason="broken_structure",
        next_action="Ask the publisher to mend the calendar.",
    )


def _keep_zone(feed: Feed, lines: list[str]) -> None:
    """Keep a VTIMEZONE if it is harmless. Without one its times are read in the source's zone, and flagged."""
    if len(lines) > MAX_ZONE_LINES:
        return
    tzid = ""
    for text in lines:
        match = _LINE.match(text)
        if match is None:
            return
        if match[1] == "TZID":
            tzid = tzid or match[3].strip()
        elif match[1] == "RRULE":
            parts = _rule_parts(match[3])
            hours = {"BYHOUR", "BYMINUTE", "BYSECOND"} & parts.keys()
            if refused_rule(match[3]) is not None or parts.get("FREQ") != "YEARLY" or hours:
                return
    if tzid:
        feed.zones.setdefault(tzid, lines)


def _rule_parts(rule: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in rule.upper().split(";") if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def refused_rule(rule: str) -> Refused | None:
    """Why a repetition rule must not be expanded, or None.

    The refused ones never end, or repeat faster than any programme: FREQ below a day, INTERVAL 0, lists of seconds,
    more than 24 times a day, dates that no calendar has.
    """
    parts = _rule_parts(rule)
    if len(rule) > MAX_RULE_LENGTH:
        return Refused("rule_refused", f"the repetition rule is longer than {MAX_RULE_LENGTH} characters.")
    if parts.get("FREQ") not in _FREQUENCIES:
        return Refused("rule_refused", "the repetition rule has no FREQ of DAILY, WEEKLY, MONTHLY or YEARLY.")
    interval = parts.get("INTERVAL", "1")
    if not re.fullmatch(r"[0-9]{1,6}", interval) or int(interval) < 1:
        return Refused("rule_refused", "the repetition rule has an INTERVAL that is no positive number.")
    if "BYSECOND" in parts:
        return Refused("rule_refused", "the repetition rule repeats by the second.")
    times = len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(","))
    if times > 24:
        return Refused("rule_refused", f"the repetition rule repeats {times} times a day; 24 are allowed.")
    if _never_matches(parts):
        return Refused("rule_refused", "the repetition rule asks for a date that no calendar has.")
    return None


def _never_matches(parts: dict[str, str]) -> bool:
    """Such as 30 February: the library would look for it until the year 9999."""
    months, days = parts.get("BYMONTH"), parts.get("BYMONTHDAY")
    if not months or not days:
        return False
    try:
        longest = max(calendar.monthrange(2024, int(month))[1] for month in months.split(","))
        return all(abs(int(day)) > longest for day in days.split(","))
    except (ValueError, calendar.IllegalMonthError):
        return False  # malformed; the library refuses it


def refused(event: Component) -> Refused | None:
    """Why a component must not be expanded, or None. Looks at its raw lines only."""
    for name, reason, words in (
        ("DTSTART", "two_starts", "two start times"),
        ("DTEND", "two_ends", "two end times"),
        ("DURATION", "two_ends", "two durations"),
        ("RECURRENCE-ID", "two_recurrence_ids", "two RECURRENCE-IDs"),
    ):
        if len(event.lines.get(name, ())) > 1:
            return Refused(reason, f"the event has {words}.")
    start = event.first("DTSTART")
    if start is None:
        return Refused("no_start", "the event has no start time.")
    match = _START.fullmatch(start.value.strip())
    if match is None:
        return Refused("bad_start", "the event's start is no date or time of iCalendar's form.")
    if not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return Refused("start_out_of_range", f"the event starts before {FIRST_YEAR} or after {LAST_YEAR}.")
    rules = event.lines.get("RRULE", [])
    if len(rules) > MAX_RULES:
        return Refused("rule_refused", f"the event has more than {MAX_RULES} repetition rules.")
    for rule in rules:
        problem = refused_rule(rule.value)
        if problem is not None:
            return problem
    dates = sum(len(line.value.split(",")) for name in ("RDATE", "EXDATE") for line in event.lines.get(name, ()))
    if dates > MAX_DATES:
        return Refused("too_many_dates", f"the event lists {dates} single dates; {MAX_DATES} are allowed.")
    return None
