"""Helsinki LinkedEvents, as several Finnish cities run it.

What belongs here: this system's question and fields. What does not: paging and landing (`_listing`), identity
and words (`_records`), times (`_record_times`).

Courses and volunteering are told only to those who name them, and deleted events only with `show_deleted`: both are
always asked for. A recurring super event is the series of its dates and no occurrence; an umbrella (a festival) is an
event of its own. A date's series is what its super event says of itself, never what else the answer holds, so that a
narrower question gives it the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.events._documents import count_of
from ingest.events._listing import Client, Page, deliver, read_pages
from ingest.events._minimising import Spec, pick, texts
from ingest.events._options import OrganiserOptions, WindowOptions
from ingest.events._organisers import is_own, names_told, only_own, own_among
from ingest.events._record_times import When, date_only, read_change, read_end, read_when, whole_days
from ingest.events._records import Claim, Claims
from ingest.events._windows import window_of
from ingest.events._words import ages
from ingest.json_values import dict_of, dicts_of, text_of

EVENTS = "/v1/event/"
PAGE_SIZE = 100
LANGUAGES = ("fi", "sv", "en", "nb", "nn", "no", "da", "se")
_TEXT = texts(*LANGUAGES)
_FIELDS: Spec = {
    "id": True,
    "data_source": True,
    "publisher": True,
    "publication_status": True,
    "event_status": True,
    "type_id": True,
    "deleted": True,
    "replaced_by": True,
    "super_event_type": True,
    "super_event": {"@id": True, "id": True, "super_event_type": True},
    "last_modified_time": True,
    "start_time": True,
    "end_time": True,
    "has_start_time": True,
    "has_end_time": True,
    "name": _TEXT,
    "description": _TEXT,
    "short_description": _TEXT,
    "location": {"id": True, "@id": True, "name": _TEXT},
    "location_extra_info": _TEXT,
    "keywords": {"id": True, "@id": True, "name": _TEXT},
    "info_url": _TEXT,
    "audience_min_age": True,
    "audience_max_age": True,
    "maximum_attendee_capacity": True,
}
_STATUSES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "EventScheduled": ("scheduled", ()),
    "EventCancelled": ("cancelled", ()),
    "EventPostponed": ("postponed", ()),
    "EventRescheduled": ("scheduled", ("rescheduled",)),
}
Filter = Literal["publisher", "location", "keyword", "division", "data_source"]


class LinkedEventsOptions(OrganiserOptions, WindowOptions):
    """Options of `linked_events`.

    Attributes:
        url: the interface's address, up to where `/v1/` begins.
        filters: which events, in LinkedEvents' own terms, such as `publisher: "ahjo:u4804001050"`.
        languages: of a text in several languages, the first of these that is there.
        organizers_are_partners: whether `provider` names organisations here. Only then it is landed as it is told.
        own_names: as for all sources that are told an organiser: names under `provider`, or the publisher's id. With
            them alone, of `provider` only these names are landed, and of others only that they are named.
    """

    filters: dict[Filter, str] = Field(default_factory=dict)
    languages: tuple[str, ...] = ("fi", "sv", "en")
    organizers_are_partners: bool = False


@register
class LinkedEvents(Adapter):
    """The events of one installation that the filters choose."""

    name: ClassVar[str] = "linked_events"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 4
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = LinkedEventsOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for all pages of the window.

        Raises:
            PermanentFailure: refused, or answered with something else than a list.
            TransientFailure: the service is busy, or the list changed while it was read.
        """
        options: LinkedEventsOptions = context.options
        if options.url is None:
            return
        client = Client(context, headers={"Accept": "application/json"})
        window = window_of(context.now, options)
        filters: dict[str, str] = {str(name): value for name, value in options.filters.items()}
        params = {
            **filters,
            "start": window.first.isoformat(),
            "end": window.last.isoformat(),
            "show_deleted": "true",
            "event_type": "General,Course,Volunteering",
            "include": "location,keywords,super_event",
            "sort": "start_time",
            "page_size": PAGE_SIZE,
        }
        listing = read_pages(
            # The page's number, and not the address under `next`: what an answer says is not followed.
            lambda number: _page(client, client.get(EVENTS, {**params, "page": number}), options),
            options.max_pages,
        )
        yield from deliver(client, listing, {"list": "event", **filters}, window)

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: LinkedEventsOptions) -> Parsed:
        """One row per event that is no series.

        Raises:
            UnreadableBody: not JSON, or no list `data`.
        """
        claims = Claims(source, receipt, options)
        for pointer, event in claims.records(body, "data"):
            claims.add(pointer, _claim, event, options)
        return claims.parsed()


def _page(client: Client, document: Any, options: LinkedEventsOptions) -> Page:
    events = document.get("data") if isinstance(document, dict) else None
    meta = document.get("meta") if isinstance(document, dict) else None
    if not isinstance(events, list) or not isinstance(meta, dict) or "next" not in meta:
        raise client.wrong_shape(document, "a list `data` and its `meta`")
    is_asked = options.organizers_are_partners or options.own_names
    fields: Spec = {**_FIELDS, "provider": _TEXT} if is_asked else _FIELDS
    kept = pick(document, {"meta": {"count": True}, "data": fields})
    if not options.organizers_are_partners:
        for event in dicts_of(kept["data"]):
            if "provider" in event:
                event["provider"] = only_own(event["provider"], options.own_names)
    return Page(kept, len(events), meta["next"] is None, count_of(meta.get("count")))


def _claim(event: Mapping[str, Any], options: LinkedEventsOptions) -> Claim | None:
    number = text_of(event.get("id"))
    if not number:
        raise Faulty("no_id")
    if event.get("super_event_type") == "recurring":
        return None  # the series itself; its dates are events of their own
    told = text_of(event.get("event_status"))
    status, flags = _STATUSES.get(told, ("scheduled", ("unknown_status",)))
    if event.get("deleted") is True:
        status, flags = "cancelled", (*flags, "deleted_at_source")
    if event.get("start_time") is None and status == "postponed":
        raise Faulty("postponed_without_date")
    start, end, doubts = _times(event, options.zone)
    if event.get("super_event_type") == "umbrella":
        flags = (*flags, "umbrella")
    if event.get("replaced_by"):
        flags = (*flags, "replaced")
    is_draft = text_of(event.get("publication_status")) == "draft"
    series, unknown = _series(event.get("super_event"))
    location = dict_of(event.get("location"))

    def text(value: Any) -> Any:
        texts_told = dict_of(value)
        return next((texts_told[name] for name in options.languages if texts_told.get(name)), None)

    return Claim(
        series or number,
        start,
        slot=number if series else "",
        end=end,
        title=text(event.get("name")),
        places=(text(location.get("name")), text(event.get("location_extra_info"))),
        categories=tuple(text(keyword.get("name")) for keyword in dicts_of(event.get("keywords"))),
        audiences=_ages(event.get("audience_min_age"), event.get("audience_max_age")),
        partners=(text(event.get("provider")),) if options.organizers_are_partners else (),
        is_organised_by_library=_is_organised_by_library(event, options),
        description=text(event.get("description")),
        status="tentative" if is_draft and status == "scheduled" else status,
        is_public=not is_draft,
        is_recurring=bool(series),
        modified_at=read_change(event.get("last_modified_time")),
        url=text(event.get("info_url")),
        flags=(*flags, *doubts, *unknown),
    )


def _is_organised_by_library(event: Mapping[str, Any], options: LinkedEventsOptions) -> bool | None:
    """The provider by name in any language, or the publisher by id; another publisher's id does not say who it is."""
    if is_own(event.get("publisher"), options.own_names):
        return True
    return own_among(names_told(dicts_of(event.get("provider")), *LANGUAGES), options.own_names)


def _ages(first: Any, last: Any) -> tuple[str, ...]:
    """For whom it is by age. Nothing where neither end is told."""
    told = ages(count_of(first), count_of(last))
    return () if told is None else (told,)


def _series(super_event: Any) -> tuple[str, tuple[str, ...]]:
    """The id of the series that an event belongs to, or nothing. Only an embedded super event says what it is."""
    if not isinstance(super_event, dict):
        return "", ()
    kind = super_event.get("super_event_type")
    number = text_of(super_event.get("id")) or text_of(super_event.get("@id")).rstrip("/").rsplit("/", 1)[-1]
    if "super_event_type" not in super_event:
        return "", ("series_unknown",)
    return (number, ()) if kind == "recurring" else ("", ())


def _times(event: Mapping[str, Any], zone: str) -> tuple[When, When | None, tuple[str, ...]]:
    """Start and end; `has_start_time` and `has_end_time` say whether more than their dates is meant."""
    start = read_when(event.get("start_time"), zone)
    end, flags = read_end(event.get("end_time"), zone)
    if event.get("has_start_time") is False or not start.has_time:
        return (*whole_days(start, end, zone), flags)
    if end is not None and event.get("has_end_time") is False:
        last = end.on - timedelta(days=1 if end.at == end.midnight else 0)
        end = date_only(last, zone) if last > start.on else None
    return start, end, flags
