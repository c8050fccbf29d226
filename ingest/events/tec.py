"""The Events Calendar (WordPress): its two REST interfaces, `tribe/events/v1` and `tec/v1`.

What belongs here: this plugin's questions, its fields, and where it hides that an event is cancelled. What does not:
paging and landing (`_listing`), identity and words (`_records`), times (`_record_times`).

Asked without dates, the older interface leaves out the past: both dates are always sent. A list tells the status of
the *post* only. That an event is cancelled or postponed stands in the `json_ld` of the single event, in the older
interface; so every listed event is asked for once more. One whose answer is missing is a reject and not "scheduled":
else a cancellation would be taken back by the first poll that is interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ingest.access import read_json
from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import IngestError, PermanentFailure, UnreadableBody
from ingest.events._documents import count_of, names_of, wrong_shape
from ingest.events._listing import MOST_IN_A_ROW, STOPS, Client, Listing, Page, deliver, pages_in, read_pages
from ingest.events._minimising import Spec, pick
from ingest.events._options import OrganiserOptions, WindowOptions
from ingest.events._organisers import names_told, only_own, own_among
from ingest.events._record_times import When, read_change, read_end, read_when, whole_days, with_flags, zone_named
from ingest.events._records import Claim, Claims
from ingest.events._windows import window_of
from ingest.http import Answer
from ingest.json_values import dict_of, dicts_of, text_of

TRIBE = "/wp-json/tribe/events/v1/events"
TEC = "/wp-json/tec/v1/events"
PAST_THE_END = "event-archive-page-not-found"

_NAMED: Spec = {"id": True, "name": True, "slug": True}
_VENUE: Spec = {"id": True, "venue": True, "city": True}
_TRIBE_FIELDS: Spec = {
    "id": True,
    "status": True,
    "modified_utc": True,
    "url": True,
    "title": True,
    "description": True,
    "all_day": True,
    "start_date": True,
    "end_date": True,
    "utc_start_date": True,
    "utc_end_date": True,
    "timezone": True,
    "hide_from_listings": True,
    "categories": _NAMED,
    "tags": _NAMED,
    "venue": _VENUE,
}
_TEC_FIELDS: Spec = {
    "id": True,
    "status": True,
    "modified_gmt": True,
    "link": True,
    "title": {"rendered": True},
    "content": {"rendered": True},
    "all_day": True,
    "multiday": True,
    "start_date": True,
    "end_date": True,
    "start_date_utc": True,
    "end_date_utc": True,
    "timezone": True,
    "duration": True,
    "venues": {"id": True, "title": True, "venue": True, "city": True},
    "tribe_events_cat": _NAMED,
}
_SINGLE: Spec = {"id": True, "json_ld": {"eventStatus": True}}
_POSTS = {
    "": ("scheduled", True),
    "publish": ("scheduled", True),
    "private": ("scheduled", False),
    "draft": ("tentative", False),
    "pending": ("tentative", False),
    "future": ("tentative", False),
    "trash": ("cancelled", False),
}
_EVENT_STATUSES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("scheduled", ()),
    "EventScheduled": ("scheduled", ()),
    "EventCancelled": ("cancelled", ()),
    "EventPostponed": ("postponed", ()),
    "EventRescheduled": ("scheduled", ("rescheduled",)),
    "EventMovedOnline": ("scheduled", ("moved_online",)),
}


class TecOptions(OrganiserOptions, WindowOptions):
    """Options of both interfaces.

    Attributes:
        url: the site's address, without `/wp-json`.
        asks_singles: whether each listed event is asked for once more, to see what is cancelled.
        max_singles: so many at most; the others are rejects of that poll.
        organizers_are_partners: whether the names under "organizer" are organisations in this calendar. Only then
            they are landed as they are told: elsewhere they are people.
        own_names: as for all sources that are told an organiser. With them alone, only these names are landed, and of
            others only that they are named.
    """

    asks_singles: bool = True
    max_singles: int = Field(default=3000, ge=1, le=20_000)
    organizers_are_partners: bool = False


class _Tec(Adapter):
    """What the two interfaces share."""

    family: ClassVar[str] = "events"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = TecOptions
    polls: ClassVar[bool] = True
    path: ClassVar[str]
    page_size: ClassVar[int]

    def page(self, client: Client, answer: Answer, number: int) -> Page:
        """One page of the list.

        Raises:
            PermanentFailure: it is none.
        """
        raise NotImplementedError

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the whole window, then for each event in it.

        Raises:
            PermanentFailure: the interface is off, refuses, or answers with something else.
            TransientFailure: the site is busy, or the list changed while it was read.
        """
        options: TecOptions = context.options
        if options.url is None:
            return
        client = Client(context, headers={"Accept": "application/json"})
        window = window_of(context.now, options)
        params = {
            "per_page": self.page_size,
            "start_date": window.first.isoformat(),
            "end_date": window.last.isoformat(),
            "status": "publish",
        }
        listing = read_pages(
            lambda number: self.page(client, client.ask(self.path, {**params, "page": number}), number),
            options.max_pages,
        )
        if options.asks_singles and (listing.pages or listing.trouble is None):
            listing.also["singles"] = _singles(client, listing, options)
        yield from deliver(client, listing, {"list": self.path.removeprefix("/wp-json/")}, window)

    def events(self, page: Any) -> tuple[str, list[Any]] | None:
        """Where the events of a page stand, and they themselves; None if it is no page."""
        raise NotImplementedError

    def claim(self, event: Mapping[str, Any], options: TecOptions) -> Claim | None:
        """What one event says, its cancellation aside.

        Raises:
            Faulty: it gives no row.
        """
        raise NotImplementedError

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: TecOptions) -> Parsed:
        """One row per event.

        Raises:
            UnreadableBody: not JSON, or no list of events: an error, never an empty calendar.
        """
        pages, beside = pages_in(body)
        claims = Claims(source, receipt, options)
        statuses = _statuses(beside["singles"]) if isinstance(beside.get("singles"), list) else None
        for where, page in pages:
            found = self.events(page)
            if found is None:
                raise wrong_shape(page, "list of events")
            for pointer, event in claims.each(found[1], where + found[0]):
                claims.add(pointer, self._told, event, statuses, options)
        return claims.parsed()

    def _told(self, event: Mapping[str, Any], statuses: Mapping[str, str] | None, options: TecOptions) -> Claim | None:
        claim = self.claim(event, options)
        if claim is None:
            return None
        post = text_of(event.get("status"))
        status, is_public = _POSTS.get(post, ("scheduled", True))
        flags = [] if post in _POSTS else ["unknown_status"]
        says_status = status != "scheduled"
        if not says_status and statuses is None:
            flags.append("status_not_asked")
        elif not says_status and statuses is not None:
            told = statuses.get(text_of(event.get("id")))
            if told is None:
                raise Faulty("status_unknown")
            status, more = _EVENT_STATUSES.get(told, ("scheduled", ("unknown_status",)))
            flags += more
            says_status = True
        doubts = (*claim.flags, *flags)
        return replace(claim, status=status, says_status=says_status, is_public=is_public, flags=doubts)


def _singles(client: Client, listing: Listing, options: TecOptions) -> list[Any]:
    """Each listed event by itself, as far as it can be had. One that fails costs itself; several in a row end it."""
    told: list[Any] = []
    if listing.trouble is not None and listing.trouble.reason in STOPS:
        return told
    ids = []
    for page in listing.pages:
        events = page.get("events") if isinstance(page, dict) else page
        ids += [text_of(event.get("id")) for event in dicts_of(events)]
    ids = [number for number in dict.fromkeys(ids) if number.isdecimal()]
    in_a_row = 0
    for number in ids[: options.max_singles]:
        try:
            answer = client.ask(f"{TRIBE}/{number}")
            if answer.status in (404, 410):
                continue  # taken down between list and question
            single = client.document(answer)
        except IngestError as failure:
            listing.fail(failure)
            in_a_row += 1
            if failure.reason in STOPS or in_a_row == MOST_IN_A_ROW:
                return told
            continue
        in_a_row = 0
        if isinstance(single, dict) and text_of(single.get("id")) == number:
            told.append(pick(single, _SINGLE))
    if len(ids) > options.max_singles:
        listing.fail(
            PermanentFailure(
                f"{len(ids)} events are listed and only {options.max_singles} may be asked for one by one.",
                reason="singles_limit",
                next_action="Raise max_singles in the source's options, or shorten its window.",
            )
        )
    return told


def _statuses(singles: list[Any]) -> dict[str, str]:
    """The event status of each single event by id, without schema.org's address."""
    found = {}
    for single in dicts_of(singles):
        status = text_of(dict_of(single.get("json_ld")).get("eventStatus"))
        found[text_of(single.get("id"))] = status.rsplit("/", 1)[-1]
    return found


def _moment(event: Mapping[str, Any], local: str, utc: str, zone: str, *, is_zone_sure: bool) -> When:
    """A time that is told twice. The local one is what people see; the other tells which of two equal hours is meant,
    and stands for both where the calendar's zone is an offset ("UTC+1") or unknown.

    Raises:
        Faulty: neither can be read.
    """
    other, _ = read_end(event.get(utc), zone, offset="+00:00")
    if other is not None and not is_zone_sure:
        return other
    try:
        when = read_when(event.get(local), zone)
    except Faulty:
        if other is None:
            raise
        return with_flags(other, "local_time_missing")
    if other is None or other.at == when.at:
        return when
    if "ambiguous_time" in when.flags and abs((other.at - when.at).total_seconds()) == 3600:
        return replace(when, at=other.at, flags=())
    return with_flags(when, "utc_differs")


def _times(event: Mapping[str, Any], utc: tuple[str, str], options: TecOptions) -> tuple[When, When | None, list[str]]:
    """Start and end, and doubts about them.

    Raises:
        Faulty: no start.
    """
    zone, doubts = zone_named(event.get("timezone"), options.zone)
    flags = list(doubts)
    if event.get("all_day") is True:
        until, bad = read_end(event.get("end_date"), zone)
        return (*whole_days(read_when(event.get("start_date"), zone), until, zone), [*flags, *bad])
    start = _moment(event, "start_date", utc[0], zone, is_zone_sure=not doubts)
    try:
        end: When | None = _moment(event, "end_date", utc[1], zone, is_zone_sure=not doubts)
    except Faulty as fault:
        end = None
        flags += [] if fault.reason == "no_start" else ["bad_end"]
    return start, end, flags


def _organisers(name: str, names: Spec, options: TecOptions) -> Spec:
    """The field of the organisers, where an option asks for it: they may be people."""
    return {name: names} if options.organizers_are_partners or options.own_names else {}


def _withhold(events: Any, name: str, options: TecOptions) -> None:
    """Of the organisers of picked events leave only the library, unless they are known to be organisations."""
    if not options.organizers_are_partners:
        for event in dicts_of(events):
            if name in event:
                event[name] = only_own(event[name], options.own_names)


@register
class TribeEvents(_Tec):
    """The older interface, `tribe/events/v1`."""

    name: ClassVar[str] = "tec_tribe"
    path: ClassVar[str] = TRIBE
    page_size: ClassVar[int] = 50

    def page(self, client: Client, answer: Answer, number: int) -> Page:
        if answer.status == 404 and _code(answer) == PAST_THE_END:
            return Page(None, 0, is_last=True)
        document = client.document(answer)
        events = document.get("events") if isinstance(document, dict) else None
        if not isinstance(events, list):
            raise client.wrong_shape(document, "a list `events`")
        options: TecOptions = client.context.options
        organizer = _organisers("organizer", {"organizer": True}, options)
        kept = pick(document, {"events": {**_TRIBE_FIELDS, **organizer}, "total": True, "total_pages": True})
        _withhold(kept["events"], "organizer", options)
        pages = count_of(document.get("total_pages"))
        is_last = pages is not None and number >= pages
        return Page(kept, len(events), is_last, count_of(document.get("total")))

    def events(self, page: Any) -> tuple[str, list[Any]] | None:
        events = page.get("events") if isinstance(page, dict) else None
        return (".events", events) if isinstance(events, list) else None

    def claim(self, event: Mapping[str, Any], options: TecOptions) -> Claim | None:
        start, end, flags = _times(event, ("utc_start_date", "utc_end_date"), options)
        if event.get("hide_from_listings") is True:
            flags.append("hidden_from_listings")
        venues = dicts_of(event.get("venue"))
        organisers = dicts_of(event.get("organizer"))
        return Claim(
            event.get("id"),
            start,
            end=end,
            title=event.get("title"),
            places=tuple(venue.get(key) for venue in venues for key in ("venue", "city")),
            categories=names_of(event.get("categories")),
            partners=names_of(organisers, "organizer") if options.organizers_are_partners else (),
            is_organised_by_library=own_among(names_told(organisers, "organizer"), options.own_names),
            description=event.get("description"),
            modified_at=read_change(event.get("modified_utc")),
            url=event.get("url"),
            flags=tuple(flags),
        )


@register
class TecEvents(_Tec):
    """The newer interface, `tec/v1`: a bare list, with the totals in headers."""

    name: ClassVar[str] = "tec_v1"
    path: ClassVar[str] = TEC
    page_size: ClassVar[int] = 100

    def page(self, client: Client, answer: Answer, number: int) -> Page:
        document = client.document(answer)
        if not isinstance(document, list):
            raise client.wrong_shape(document, "a list of events")
        options: TecOptions = client.context.options
        organizers = _organisers("organizers", {"title": True, "organizer": True}, options)
        pages = count_of(answer.headers.get("X-WP-TotalPages"))
        is_last = number >= pages if pages is not None else len(document) < self.page_size
        total = count_of(answer.headers.get("X-WP-Total"))
        kept = pick(document, {**_TEC_FIELDS, **organizers})
        _withhold(kept, "organizers", options)
        return Page(kept, len(document), is_last, total)

    def events(self, page: Any) -> tuple[str, list[Any]] | None:
        return ("", page) if isinstance(page, list) else None

    def claim(self, event: Mapping[str, Any], options: TecOptions) -> Claim | None:
        start, end, flags = _times(event, ("start_date_utc", "end_date_utc"), options)
        venues = dicts_of(event.get("venues"))
        organisers = dicts_of(event.get("organizers"))
        partners = tuple(_name(organiser, "organizer") for organiser in organisers)
        return Claim(
            event.get("id"),
            start,
            end=end,
            title=dict_of(event.get("title")).get("rendered"),
            places=tuple(place for venue in venues for place in (_name(venue, "venue"), venue.get("city"))),
            categories=names_of(event.get("tribe_events_cat")),
            partners=partners if options.organizers_are_partners else (),
            is_organised_by_library=own_among(names_told(organisers, "organizer", "title"), options.own_names),
            description=dict_of(event.get("content")).get("rendered"),
            modified_at=read_change(event.get("modified_gmt")),
            url=event.get("link"),
            flags=tuple(flags),
        )


def _name(place: Mapping[str, Any], key: str) -> Any:
    """A linked record's name, under the older interface's key or as a post's title."""
    return place.get(key) or place.get("title")


def _code(answer: Answer) -> str:
    try:
        document = read_json(answer.body)
    except UnreadableBody:
        return ""
    return text_of(document.get("code")) if isinstance(document, dict) else ""
