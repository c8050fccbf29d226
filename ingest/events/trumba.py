"""Trumba: a published calendar as JSON.

What belongs here: this vendor's question and fields. What does not: landing (`_listing`), identity and words
(`_records`), times (`_record_times`).

Without both dates Trumba answers with a window of its own: both are always sent, and an answer that holds an event
outside them shows that they were not heeded. Every date of a series has an id of its own, which is the slot here: it
stays when the date is moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import IngestError, PermanentFailure
from ingest.events._documents import SHAPE_ACTION, wrong_shape
from ingest.events._listing import Client, Listing, deliver, pages_in
from ingest.events._minimising import Spec, pick
from ingest.events._options import WindowOptions
from ingest.events._record_times import read_end, read_when, whole_days
from ingest.events._records import Claim, Claims
from ingest.events._windows import Window, window_of
from ingest.json_values import dicts_of, text_of

_FIELDS: Spec = {
    "eventID": True,
    "seriesID": True,
    "title": True,
    "description": True,
    "locationType": True,
    "location": True,
    "startDateTime": True,
    "endDateTime": True,
    "startTimeZoneOffset": True,
    "endTimeZoneOffset": True,
    "allDay": True,
    "canceled": True,
    "repeats": True,
    "permaLinkUrl": True,
    "categoryCalendar": True,
    "customFields": {"fieldID": True, "label": True, "value": True, "type": True},
}


class TrumbaOptions(WindowOptions):
    """Options of `trumba`.

    Attributes:
        url: the calendar's address as far as `.json`.
        partner_labels: labels of the calendar's own fields that name co-organisers.
        place_labels: labels of those that name the room; added to the location.
        audience_labels: labels of those that tell whom it is for; a comma stands between several groups.
    """

    partner_labels: tuple[str, ...] = ()
    place_labels: tuple[str, ...] = ()
    audience_labels: tuple[str, ...] = ()


@register
class Trumba(Adapter):
    """One published calendar."""

    name: ClassVar[str] = "trumba"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = TrumbaOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the whole window at once.

        Raises:
            PermanentFailure: no such calendar, no list, or events outside the window that was asked for.
            TransientFailure: Trumba is busy or can't be reached.
        """
        options: TrumbaOptions = context.options
        if options.url is None:
            return
        client = Client(context)
        window = window_of(context.now, options)
        listing = Listing()
        try:
            document = client.get("", {"startdate": f"{window.first:%Y%m%d}", "enddate": f"{window.last:%Y%m%d}"})
            if not isinstance(document, list):
                raise client.wrong_shape(document, "a list of events")
            listing.pages.append(_kept(document, options))
            listing.is_complete = True
            if any(_is_outside(event, window) for event in dicts_of(document)):
                listing.fail(
                    PermanentFailure(
                        f"{client.origin} told events outside the dates that were asked for.",
                        reason="window_ignored",
                        next_action=SHAPE_ACTION,
                    )
                )
        except IngestError as failure:
            listing.fail(failure)
        yield from deliver(client, listing, {"list": "calendar"}, window)

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: TrumbaOptions) -> Parsed:
        """One row per dated event.

        Raises:
            UnreadableBody: not JSON, or no list.
        """
        claims = Claims(source, receipt, options)
        for where, page in pages_in(body)[0]:
            if not isinstance(page, list):
                raise wrong_shape(page, "list of events")
            for pointer, event in claims.each(page, where):
                claims.add(pointer, _claim, event, options)
        return claims.parsed()


def _kept(document: list[Any], options: TrumbaOptions) -> Any:
    """The events without the calendar's own fields, of which some hold contacts, unless the options name them."""
    wanted = {*options.partner_labels, *options.place_labels}
    kept = pick(document, _FIELDS)
    for event in [record for record in kept if isinstance(record, dict)]:
        fields = [f for f in dicts_of(event.get("customFields")) if text_of(f.get("label")) in wanted]
        if "customFields" in event:
            event["customFields"] = fields
    return kept


def _is_outside(event: Mapping[str, Any], window: Window) -> bool:
    """Whether an event has no day in the window."""
    first, last = text_of(event.get("startDateTime"))[:10], text_of(event.get("endDateTime"))[:10]
    if len(first) != 10:
        return False
    return first > window.last.isoformat() or (last or first) < window.first.isoformat()


def _claim(event: Mapping[str, Any], options: TrumbaOptions) -> Claim:
    number, series = text_of(event.get("eventID")), text_of(event.get("seriesID"))
    if not number:
        raise Faulty("no_id")
    start = read_when(event.get("startDateTime"), options.zone, offset=event.get("startTimeZoneOffset"))
    end, end_flags = read_end(event.get("endDateTime"), options.zone, offset=event.get("endTimeZoneOffset"))
    flags = list(end_flags)
    if event.get("allDay") is True:
        start, end = whole_days(start, end, options.zone)
    told = {text_of(f.get("label")): f.get("value") for f in reversed(dicts_of(event.get("customFields")))}
    canceled = event.get("canceled")
    if not isinstance(canceled, bool):
        flags.append("unknown_status")
    location = text_of(event.get("location"))
    if text_of(event.get("locationType")) == "In-Person" and location.strip().casefold() == "online":
        flags.append("place_conflict")
    return Claim(
        series or number,
        start,
        slot=number if series else "",
        end=end,
        title=event.get("title"),
        places=(location, *(told[label] for label in options.place_labels if label in told)),
        categories=(event.get("categoryCalendar"),),
        audiences=tuple(told[label] for label in options.audience_labels if label in told),
        partners=tuple(told[label] for label in options.partner_labels if label in told),
        description=event.get("description"),
        status="cancelled" if canceled is True else "scheduled",
        says_status=isinstance(canceled, bool),
        is_recurring=bool(series),
        url=event.get("permaLinkUrl"),
        flags=tuple(flags),
    )
