"""From a system's record to the row of one occurrence, for every system that is asked for its list of events.

What belongs here: what a record claims, and the rows and rejects of all records of one answer, for ACOS, Friskus,
LibCal, LinkedEvents, The Events Calendar and Trumba. What does not: the fields of one of them (its own module), times
(`_record_times`), feeds and sheets (`_feeds`), and iCalendar, whose identity and recurrence are its own.

A record without an id or a start is a reject and costs only itself. Nothing here guesses: what a system leaves out
stays null or is named in `quality_flags`. Lists are read page by page while editors work, so a record may be told
twice: the newer telling holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ParamSpec

from ingest import wording
from ingest.adapters import Faulty, Parsed, Reject
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.events._documents import SHAPE_ACTION, wrong_shape
from ingest.events._listing import pages_in
from ingest.events._options import ClaimOptions, OrganiserOptions
from ingest.events._organisers import is_own
from ingest.events._record_times import When, date_only
from ingest.events._rows import Span, Words, bounded_id, event_row
from ingest.events._words import TAG, joined, partners_in, public_page, told
from ingest.home import naive_utc
from ingest.json_values import text_of

Told = ParamSpec("Told")

MAX_DAYS = 400
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


@dataclass(frozen=True)
class Claim:
    """What one record says, in the contract's words but not yet cleaned. Texts may be HTML.

    Attributes:
        partners: names that the system itself gives for organisations; `description` is searched by the patterns.
        is_organised_by_library: as `_organisers` found it.
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
    audiences: tuple[Any, ...] = ()
    partners: tuple[Any, ...] = ()
    is_organised_by_library: bool | None = None
    description: Any = None
    status: str = "scheduled"
    says_status: bool = True
    is_public: bool = True
    is_recurring: bool = False
    modified_at: datetime | None = None
    url: Any = None
    flags: tuple[str, ...] = field(default=())


class Claims:
    """Collects the rows and rejects of one blob. Equal blobs give equal results in equal order."""

    def __init__(self, source: Source, receipt: Receipt, options: ClaimOptions) -> None:
        self.source = source
        self.options = options
        self.received_at = naive_utc(receipt.received_at)
        # Nobody is a partner of itself, whoever tells it.
        self._own_names = options.own_names if isinstance(options, OrganiserOptions) else ()
        self.rejects: dict[tuple[str, str], Reject] = {}
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def reject(self, pointer: str, reason: str) -> None:
        """One record that gives no row."""
        self.rejects.setdefault((pointer, reason), Reject.of(pointer, reason, FAULTS))

    def each(self, value: Iterable[Any], pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a list with their JSON paths; whatever else stands there is rejected."""
        for n, record in enumerate(value):
            if isinstance(record, dict):
                yield f"{pointer}[{n}]", record
            else:
                self.reject(f"{pointer}[{n}]", "not_an_object")

    def records(self, body: bytes, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The records under one name of every landed page, with their JSON paths.

        Raises:
            UnreadableBody: not JSON, or a page without such a list.
        """
        for where, page in pages_in(body)[0]:
            records = page.get(name) if isinstance(page, dict) else None
            if not isinstance(records, list):
                raise wrong_shape(page, f"list `{name}`")
            yield from self.each(records, f"{where}.{name}")

    def add(
        self, pointer: str, make: Callable[Told, Claim | None], *told: Told.args, **how: Told.kwargs
    ) -> dict[str, Any] | None:
        """Make a claim and keep its row; where that fails the record is rejected and its neighbours stay.

        Args:
            make: called with the rest; raises `Faulty` for a record that gives no row.

        Returns:
            The row that stands for it; None when the record is no occurrence, or was rejected.
        """
        try:
            claim = make(*told, **how)
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
        words = Words(
            status=claim.status,
            is_public=claim.is_public,
            modified_at=claim.modified_at,
            flags=[*claim.flags, *claim.start.flags],
        )
        dates = _span(claim, words.flags)
        title = self._text(claim.title, words)
        if title is not None:
            _read_title(title, claim, words)
        if claim.is_public:
            places = dict.fromkeys(self._text(place, words) for place in claim.places)
            words.location = ", ".join(place for place in places if place) or None
            words.categories = joined([self._text(item, words) for item in claim.categories])
            partners = [*(self._text(p, words) for p in claim.partners), *self._found(claim)]
            words.partner_claims = joined(name for name in partners if not is_own(name, self._own_names))
            words.audience_claims = wording.listed(joined([self._text(group, words) for group in claim.audiences]))
            words.is_organised_by_library = claim.is_organised_by_library
            words.url = public_page(text_of(claim.url))
            words.title = title
        return event_row(
            self.source.source_id,
            bounded_id(series_id, "uid"),
            claim.slot,
            dates,
            words,
            pointer=pointer,
            flags=words.flags,
            is_recurring=claim.is_recurring,
        )

    def _text(self, value: Any, words: Words) -> str | None:
        return told(TAG.sub(" ", text_of(value)[:20_000]), words.flags)

    def _found(self, claim: Claim) -> Iterator[str]:
        if isinstance(claim.description, str):
            patterns, separators = self.options.partner_patterns, self.options.partner_separators
            yield from partners_in(claim.description, patterns, separators)

    def parsed(self, *, attendance: list[dict[str, Any]] | None = None) -> Parsed:
        """All of it: rows by start, rejects in the order in which they were met."""
        rows = sorted(self._rows.values(), key=lambda row: (row["start_at"], row["series_id"], row["slot"]))
        tables: dict[str, Any] = {"event_observations": rows}
        if attendance is not None:
            tables["attendance_reports"] = attendance
        return Parsed(tables, list(self.rejects.values()))


def _age(row: Mapping[str, Any]) -> datetime:
    return row["modified_at"] or datetime.min  # noqa: DTZ901 - naive UTC, as everywhere in the lake


def _read_title(title: str, claim: Claim, words: Words) -> None:
    """What the title itself says of the status: it decides where the system says nothing, and is a doubt elsewhere."""
    said = next((status for status, pattern in _STATUS.items() if pattern.search(title)), None)
    if said is None or said == claim.status:
        return
    if not claim.says_status:
        words.status = said
        words.flags.append("status_from_title")
    elif claim.status == "scheduled":
        words.flags.append(f"title_says_{said}")


def _span(claim: Claim, flags: list[str]) -> Span:
    end_at, end_on = _end(claim, flags)
    start = claim.start
    return Span(start.at, end_at, start.on, end_on, start.has_time, start.zone, start.flags)


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
