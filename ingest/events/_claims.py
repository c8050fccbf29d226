"""From a system's record to the row of one occurrence: identity, time, words and status, as the contract wants them.

What belongs here: rules that hold for every system that tells its events as records. What does not: the fields of
one system (its own module), and iCalendar, whose identity and recurrence are its own (`icalendar`, `ical_expand`).

A record without an id or a start is a reject and costs only itself. Nothing here guesses: what a system leaves out
stays null or is named in `quality_flags`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from ingest.access import read_json
from ingest.adapters import Parsed, Reject
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.errors import UnreadableBody
from ingest.events._web import SHAPE_ACTION, WebOptions, vendor_code
from ingest.events.icalendar import _IANA, _TAG, MAX_UID, _joined, _public_page, _sha, _told, _Words, partners_in
from ingest.home import naive_utc

MAX_DAYS = 400
_YEARS = range(1970, 2101)
_MOMENT = re.compile(
    r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?\s*(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*"
)
_STATUS_WORDS = {
    "cancelled": r"avlyst|avlysast|avlyses|avlysning|kansellert|aflyst|inställt|inställd|peruttu|peruutettu|cancell?ed",
    "postponed": r"utsatt|utsett|udsat|uppskjutet|uppskjuten|siirretty|postponed",
}
# At the beginning, or set apart at the end: "AVLYST: …", "… (avlyst)", "… - utsatt". Inside a title it may be a word.
_STATUS = {
    status: re.compile(rf"^\W*(?:{words})\b|[(\[–:-]\s*(?:{words})\W*$", re.IGNORECASE)
    for status, words in _STATUS_WORDS.items()
}
_LABEL_ACTION = "Look at the event in the system, and complete it there."

FAULTS = {
    "not_an_object": ("the record has another form than the system's others.", SHAPE_ACTION),
    "no_id": ("the record has no id.", "Ask the publisher what it is; nothing can be said about it twice."),
    "no_start": ("the record has no start.", _LABEL_ACTION),
    "bad_start": ("the start can't be read as a date or time.", "Report it: the system may have a new form of dates."),
    "start_out_of_range": ("the start is not in the years 1970 to 2100.", _LABEL_ACTION),
    "postponed_without_date": (
        "the event is postponed and has lost its date; what was said of it before stands until it has a new one.",
        "Give it a new date or cancel it in the system; else it will count as held on its old date.",
    ),
    "status_unknown": (
        "whether the event is cancelled was asked for and not answered; what was said of it before stands.",
        "The next poll asks again; raise max_singles in the source's options if the limit was reached.",
    ),
}


class Faulty(Exception):
    """A record that gives no row. The reason is a key of `FAULTS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class When:
    """A moment as a system told it.

    Attributes:
        at: naive UTC; for a date alone its local midnight.
        on: the local date.
        has_time: False for a date alone.
        zone: by which zone it was read: an IANA name, `UTC` or `UTC+01:00`.
        midnight: the beginning of the local date, naive UTC.
        flags: doubts.
    """

    at: datetime
    on: date
    has_time: bool
    zone: str
    midnight: datetime
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What one record says, in the contract's words but not yet cleaned. Texts may be HTML.

    Attributes:
        partners: names that the system itself gives for organisations; `description` is searched by the patterns.
        status: `scheduled` where the system has no status at all; then `says_status` is False, and the title's own
            word ("AVLYST") is taken for it.
    """

    series_id: Any
    start: When
    slot: str = ""
    end: When | None = None
    title: Any = None
    places: tuple[Any, ...] = ()
    categories: tuple[Any, ...] = ()
    partners: tuple[Any, ...] = ()
    description: Any = None
    status: str = "scheduled"
    says_status: bool = True
    is_public: bool = True
    is_recurring: bool = False
    modified_at: datetime | None = None
    url: Any = None
    flags: tuple[str, ...] = field(default=())


# -- reading --------------------------------------------------------------------------------------------------------


def pages_in(body: bytes) -> tuple[list[tuple[str, Any]], Mapping[str, Any]]:
    """The pages of a landed answer with their JSON paths, and what was landed beside them.

    A body that is no answer of several pages is one page: files that somebody saved.

    Raises:
        UnreadableBody: not JSON.
    """
    document = read_json(body)
    if isinstance(document, dict) and isinstance(document.get("pages"), list):
        return [(f"$.pages[{n}]", page) for n, page in enumerate(document["pages"])], document
    return [("$", document)], {}


def wrong_shape(document: Any, wanted: str) -> UnreadableBody:
    """The error for a body that is JSON and not the system's list: never an empty calendar."""
    code = vendor_code(document)
    return UnreadableBody(
        f"the answer holds no {wanted}{f' (it says {code})' if code else ''}.",
        reason="vendor_error" if code else "wrong_shape",
        next_action=SHAPE_ACTION,
    )


def text_of(value: Any) -> str:
    """A text or whole number as text; empty for everything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def dict_of(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one: several systems write `[]` or null for an object that is not there."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; of a single object, itself."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def names_of(value: Any, key: str = "name") -> tuple[Any, ...]:
    """One field of every object of a list."""
    return tuple(item.get(key) for item in dicts_of(value))


def count_of(value: Any) -> int | None:
    """A number of people: a whole number that is not negative, or its text; None for everything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,7}", value.strip()):
        return int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < 10_000_000 else None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_named(name: Any, default: str) -> tuple[str, tuple[str, ...]]:
    """The zone that a record names, or the source's own with a flag where it names none that exists."""
    if name in (None, ""):
        return default, ()
    return (name, ()) if isinstance(name, str) and name in _IANA else (default, ("unknown_zone",))


def read_when(told: Any, zone: str, *, offset: Any = None) -> When:
    """Read `2026-03-05`, `2026-03-05 18:00:00` or `2026-03-05T18:00:00+0100`.

    Args:
        zone: IANA zone of a time without an offset, and of the local date of one in UTC.
        offset: the offset where the system tells it in a field of its own.

    A local time that the clock skipped is read as the hour it was (02:30 is 03:30); of a doubled one, the first.

    Raises:
        Faulty: nothing told, or nothing that is a moment.
    """
    text = text_of(told)
    if not text.strip():
        raise Faulty("no_start")
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise Faulty("bad_start")
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        clock = time(int(found[4] or 0), int(found[5] or 0), int(found[6] or 0))
        given = found[7] or (text_of(offset) or None if found[4] else None)
        shift = None if given is None else _offset(given)
    except ValueError:
        raise Faulty("bad_start") from None
    if day.year not in _YEARS:
        raise Faulty("start_out_of_range")
    if found[4] is None:
        return date_only(day, zone)
    local = datetime.combine(day, clock)
    if shift is None:
        return local_time(local, zone)
    at = (local - shift).replace(tzinfo=UTC)
    here = at.astimezone(_zone(zone))
    if here.utcoffset() == shift or not shift:
        read_by = zone if here.utcoffset() == shift else "UTC"
        return When(naive_utc(at), here.date(), True, read_by, _midnight(here.date(), zone))
    return When(naive_utc(at), day, True, str(timezone(shift)), datetime.combine(day, time()) - shift, ("other_zone",))


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    found = re.fullmatch(r"\s*([+-])([0-9]{2}):?([0-9]{2})?\s*", text)
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        raise ValueError(text)
    shift = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return -shift if found[1] == "-" else shift


def date_only(day: date, zone: str) -> When:
    """A date without a time: its local midnight."""
    if day.year not in _YEARS:
        raise Faulty("start_out_of_range")
    return When(_midnight(day, zone), day, False, zone, _midnight(day, zone))


def _midnight(day: date, zone: str) -> datetime:
    return naive_utc(datetime.combine(day, time(), tzinfo=_zone(zone)))


def local_time(local: datetime, zone: str) -> When:
    """A time on the wall of a zone."""
    first = local.replace(tzinfo=_zone(zone), fold=0)
    at = first.astimezone(UTC)
    there = at.astimezone(_zone(zone))
    flags: tuple[str, ...] = ()
    if there.replace(tzinfo=None, fold=0) != local:
        flags = ("nonexistent_time",)
    elif first.utcoffset() != first.replace(fold=1).utcoffset():
        flags = ("ambiguous_time",)
    return When(naive_utc(at), there.date(), True, zone, _midnight(there.date(), zone), flags)


def read_end(told: Any, zone: str, *, offset: Any = None) -> tuple[When | None, tuple[str, ...]]:
    """An end; None where none is told, with a flag where it can't be read."""
    try:
        return read_when(told, zone, offset=offset), ()
    except Faulty as fault:
        return None, () if fault.reason == "no_start" else ("bad_end",)


def whole_days(start: When, end: When | None, zone: str) -> tuple[When, When]:
    """An event of whole days: its first and its last date.

    An end at midnight of a later day is taken as excluded, any other as included: systems do both, and only the
    former write a bare midnight.
    """
    last = start.on
    if end is not None and end.on > start.on:
        is_excluded = end.has_time and end.at == end.midnight
        last = end.on - timedelta(days=1 if is_excluded else 0)
    return date_only(start.on, zone), date_only(max(last, start.on), zone)


def read_change(told: Any, *, offset: str = "+00:00") -> datetime | None:
    """When a record was changed, naive UTC; None for anything unreadable. Without an offset of its own it is UTC."""
    try:
        when = read_when(told, "UTC", offset=offset)
    except Faulty:
        return None
    return when.at


# -- rows -----------------------------------------------------------------------------------------------------------


class Claims:
    """Collects the rows and rejects of one blob. Equal blobs give equal results in equal order."""

    def __init__(self, source: Source, receipt: Receipt, options: WebOptions) -> None:
        self.source = source
        self.options = options
        self.received_at = naive_utc(receipt.received_at)
        self.rejects: dict[tuple[str, str], Reject] = {}
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def reject(self, pointer: str, reason: str) -> None:
        """One record that gives no row."""
        message, action = FAULTS[reason]
        self.rejects.setdefault((pointer, reason), Reject(pointer, reason, message, action))

    def each(self, value: Iterable[Any], pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a list with their JSON paths; whatever else stands there is rejected."""
        for n, record in enumerate(value):
            if isinstance(record, dict):
                yield f"{pointer}[{n}]", record
            else:
                self.reject(f"{pointer}[{n}]", "not_an_object")

    def add(self, pointer: str, make: Callable[[], Claim | None]) -> dict[str, Any] | None:
        """Make a claim and keep its row; where that fails the record is rejected and its neighbours stay.

        Returns:
            The row that stands for it; None when the record is no occurrence, or was rejected.
        """
        try:
            claim = make()
            if claim is None:
                return None
            row = self._row(pointer, claim)
        except Faulty as fault:
            self.reject(pointer, fault.reason)
            return None
        key = (row["series_id"], row["slot"])
        other = self._rows.get(key)
        if other is not None and other["content_hash"] != row["content_hash"]:
            # A list that is read page by page while editors work can tell one record twice: the newer telling holds.
            if _age(other) > _age(row):
                row = other
            flags = (row["quality_flags"] or "").split(" | ")
            row["quality_flags"] = " | ".join(dict.fromkeys([*filter(None, flags), "told_twice"]))
        elif other is not None:
            row = other
        self._rows[key] = row
        return row

    def _row(self, pointer: str, claim: Claim) -> dict[str, Any]:
        series_id = " ".join(text_of(claim.series_id).split())
        if not series_id:
            raise Faulty("no_id")
        if len(series_id) > MAX_UID:
            series_id = f"long-uid-{_sha(series_id)[:20]}"
        words = _Words(status=claim.status, flags=[*claim.flags, *claim.start.flags])
        end_at, end_on = _end(claim, words.flags)
        title = self._text(claim.title, words)
        if title is not None:
            _read_title(title, claim, words)
        if claim.is_public:
            places = dict.fromkeys(self._text(place, words) for place in claim.places)
            words.location = ", ".join(place for place in places if place) or None
            words.categories = _joined(iter([self._text(item, words) for item in claim.categories]))
            words.partner_claims = _joined(iter([*(self._text(p, words) for p in claim.partners), *self._found(claim)]))
            words.url = _public_page(text_of(claim.url))
            words.title = title
        told = {
            "series_id": series_id,
            "slot": claim.slot,
            "start_at": claim.start.at,
            "end_at": end_at,
            "has_time": claim.start.has_time,
            "title": words.title,
            "location": words.location,
            "categories": words.categories,
            "partner_claims": words.partner_claims,
            "status": words.status,
            "is_public": claim.is_public,
            "url": words.url,
        }
        return {
            **told,
            "observation_id": _sha("\n".join((self.source.source_id, series_id, claim.slot)))[:32],
            "start_on": claim.start.on,
            "end_on": end_on,
            "zone": claim.start.zone,
            "is_recurring": claim.is_recurring,
            "is_override": False,
            "sequence": None,
            "modified_at": claim.modified_at,
            "quality_flags": " | ".join(dict.fromkeys(words.flags)) or None,
            "content_hash": _sha("\n".join(f"{key}={value}" for key, value in told.items()))[:32],
            "pointer": pointer,
        }

    def _text(self, value: Any, words: _Words) -> str | None:
        return _told(_TAG.sub(" ", text_of(value)[:20_000]), words)

    def _found(self, claim: Claim) -> list[str]:
        if not self.options.partner_patterns or not isinstance(claim.description, str):
            return []
        found = partners_in(claim.description, self.options.partner_patterns, self.options.partner_separators)
        return found.split(" | ") if found else []

    def parsed(self, *, attendance: list[dict[str, Any]] | None = None) -> Parsed:
        """All of it: rows by start, rejects in the order in which they were met."""
        rows = sorted(self._rows.values(), key=lambda row: (row["start_at"], row["series_id"], row["slot"]))
        told: dict[str, Any] = {"event_observations": rows}
        if attendance is not None:
            told["attendance_reports"] = attendance
        return Parsed(told, list(self.rejects.values()))


def _age(row: Mapping[str, Any]) -> datetime:
    return row["modified_at"] or datetime.min  # noqa: DTZ901 - naive UTC, as everywhere in the lake


def _read_title(title: str, claim: Claim, words: _Words) -> None:
    """What the title itself says of the status: it decides where the system says nothing, and is a doubt elsewhere."""
    said = next((status for status, pattern in _STATUS.items() if pattern.search(title)), None)
    if said is None or said == claim.status:
        return
    if not claim.says_status:
        words.status = said
        words.flags.append("status_from_title")
    elif claim.status == "scheduled":
        words.flags.append(f"title_says_{said}")


def _end(claim: Claim, flags: list[str]) -> tuple[datetime, date]:
    """When it ends (naive UTC, excluded), and its last local date (included)."""
    start, end = claim.start, claim.end
    if not start.has_time:
        last = max(start.on, end.on if end is not None else start.on)
        if end is not None and end.on < start.on:
            flags.append("end_before_start")
        last = _capped(start.on, last, flags)
        return date_only(last + timedelta(days=1), start.zone).at, last
    if end is None:
        flags.append("no_end")
        return start.at, start.on
    flags += end.flags
    if not end.has_time:
        # A time and then only a date: how long it lasts on that day is not told.
        flags.append("mixed_end")
        last = _capped(start.on, end.on, flags)
        if last <= start.on:
            return start.at, start.on
        return date_only(last + timedelta(days=1), end.zone).at, last
    if end.at < start.at:
        flags.append("end_before_start")
        return start.at, start.on
    if end.at == start.at:
        return start.at, start.on
    end_at = min(end.at, start.at + timedelta(days=MAX_DAYS))
    if end_at < end.at:
        flags.append("duration_capped")
        return end_at, start.on + timedelta(days=MAX_DAYS)
    # An evening that ends at midnight does not last into the next day.
    last = end.on - timedelta(days=1 if end.at == end.midnight else 0)
    return end_at, max(start.on, last)


def _capped(first: date, last: date, flags: list[str]) -> date:
    if last - first >= timedelta(days=MAX_DAYS):
        flags.append("duration_capped")
        return first + timedelta(days=MAX_DAYS - 1)
    return last


def with_flags(when: When, *flags: str) -> When:
    """The same moment with more doubts."""
    return replace(when, flags=(*when.flags, *flags))
