"""Springshare LibCal: events of one or several calendars, and how many came to them.

What belongs here: this vendor's token, questions, fields and limits. What does not: landing (`_listing`), identity
and words (`_records`), times (`_record_times`).

The answer has no total and no next page that could be relied on; it is cut at 500 events. So the window is asked in
slices of 30 days, and a slice that brings 500 is halved until it does not. Deleted events just vanish. Of
registrations nothing is read: bookings are not attendance. What staff fill in after the event is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from pydantic import Field

from ingest.access import Variable, both_or_none, secret, token_of
from ingest.adapters import Adapter, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import ConfigurationError, IngestError, PermanentFailure
from ingest.events._asking import failed
from ingest.events._documents import count_of, names_of
from ingest.events._listing import MOST_IN_A_ROW, STOPS, Client, Listing, deliver, tell
from ingest.events._minimising import Spec, pick
from ingest.events._options import WindowOptions
from ingest.events._record_times import read_end, read_when, whole_days
from ingest.events._records import Claim, Claims
from ingest.events._windows import Window, slices_of, window_of
from ingest.json_values import dict_of

EVENTS = "/1.1/events"
TOKEN = "/1.1/oauth/token"  # noqa: S105 - an address
MOST = 500
_NAMED: Spec = {"id": True, "name": True}
_FIELDS: Spec = {
    "id": True,
    "title": True,
    "allday": True,
    "start": True,
    "end": True,
    "description": True,
    "url": {"public": True},
    "location": {"id": True, "type": True, "name": True},
    "campus": _NAMED,
    "category": _NAMED,
    "audience": _NAMED,
    "calendar": _NAMED,
    "seats": True,
    "seats_taken": True,
    "physical_seats": True,
    "physical_seats_taken": True,
    "online_seats": True,
    "online_seats_taken": True,
    "wait_list": True,
    "future_dates": {"event_id": True, "start": True},
    "attendance": {"in_person": True, "online": True},
}


# A key of the breakdown names a group; one with signs or long numbers may be something else, and stays behind.
_WORDS = re.compile(r"[^\W\d_](?:[\w &+/-]{0,39})(?<![0-9]{5})")
_UNKNOWN_BREAKDOWN = (
    "people are counted under a key of audience_breakdown that nobody has named; their total was read.",
    "Name the key in adults_keys or children_keys of the source's options.",
)


class LibCalOptions(WindowOptions):
    """Options of `libcal`.

    Attributes:
        url: `https://<site>.libcal.com`.
        client_id_env, client_secret_env: names of the environment variables with the API client's id and secret.
        calendars: the calendars' numbers.
        zero_is_reported: whether 0 people is a report here. LibCal's form begins with 0, so by default 0 on site and 0
            online says that nobody has filled it in.
        adults_keys, children_keys: keys of `audience_breakdown` that count grown-ups and children. The site names them
            itself, so none is known beforehand; a number under a key that is named nowhere is told as a reject.
    """

    client_id_env: Variable | None = None
    client_secret_env: Variable | None = None
    calendars: tuple[int, ...] = Field(default=(), max_length=50)
    zero_is_reported: bool = False
    adults_keys: tuple[str, ...] = ()
    children_keys: tuple[str, ...] = ()


@register
class LibCal(Adapter):
    """The configured calendars of one LibCal site."""

    name: ClassVar[str] = "libcal"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("event_observations", "attendance_reports")
    options: ClassVar[type[Options]] = LibCalOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for every slice of the window, each a receipt of its own; a slice that fails costs only itself.

        Raises:
            ConfigurationError: no calendars, or a variable is not named or not set.
            PermanentFailure: LibCal refuses the secrets or a calendar, or answers with something else.
            TransientFailure: LibCal is busy or can't be reached.
        """
        options: LibCalOptions = context.options
        if options.url is None:
            return
        client = _client(context)
        troubles: list[IngestError] = []
        in_a_row = 0
        for window in slices_of(window_of(context.now, options)):
            listing = Listing(is_complete=True)
            for calendar in options.calendars:
                try:
                    _slice(client, listing, calendar, window.first, window.after)
                except IngestError as failure:
                    listing.fail(failure)
                    if failure.reason in STOPS:
                        break
            try:
                yield from deliver(client, listing, {"calendars": list(options.calendars)}, window)
            except IngestError as failure:
                if failure.reason in STOPS:
                    raise
                troubles.append(failure)
                yield _missed(client, window, failure, options)
                in_a_row += 1
                if in_a_row == MOST_IN_A_ROW:
                    break
            else:
                in_a_row = 0
        tell(troubles)

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: LibCalOptions) -> Parsed:
        """One row per event, and one report for each that has ended and whose attendance is filled in.

        LibCal does not say when it was filled in: `reported_at` is when these bytes came.

        Raises:
            UnreadableBody: not JSON, or no list of events.
        """
        claims = Claims(source, receipt, options)
        reports: dict[str, dict[str, Any]] = {}
        for pointer, event in claims.records(body, "events"):
            row = claims.add(pointer, _claim, event, options)
            if row is not None and row["pointer"] == pointer and row["end_at"] <= claims.received_at:
                told = _attendance(event, options)
                if told is not None:
                    adults, children, unknown = _breakdown(event, options)
                    for key in unknown:
                        where = f"{pointer}.audience_breakdown.{key}"
                        claims.rejects[where, "unknown_breakdown"] = Reject(
                            where, "unknown_breakdown", *_UNKNOWN_BREAKDOWN
                        )
                    reports[row["series_id"]] = {
                        "series_id": row["series_id"],
                        "slot": row["slot"],
                        "reported_at": claims.received_at,
                        "on_site_count": told[0],
                        "online_count": told[1],
                        "method": None,
                        "adults_count": adults,
                        "children_count": children,
                        "pointer": f"{pointer}.attendance",
                    }
        return claims.parsed(attendance=[reports[key] for key in sorted(reports)])


def _client(context: FetchContext) -> Client:
    """A client with a token of its own, which LibCal accepts for about an hour.

    Raises:
        ConfigurationError: something that asking needs is not configured.
        PermanentFailure, TransientFailure: no token was given.
    """
    options: LibCalOptions = context.options
    both_or_none(options.client_id_env, options.client_secret_env, "client_id_env and client_secret_env")
    if options.client_id_env is None or options.client_secret_env is None or not options.calendars:
        raise ConfigurationError(
            "LibCal is asked with url, client_id_env, client_secret_env and calendars; one of them is missing.",
            next_action="Name it in the source's options; calendars are numbers, such as [1234].",
        )
    client = Client(context)
    form = {
        "client_id": secret(options.client_id_env),
        "client_secret": secret(options.client_secret_env),
        "grant_type": "client_credentials",
    }
    variables = f"{options.client_id_env} and {options.client_secret_env}"
    token = token_of(context.session, client.base + TOKEN, form, variables)
    client.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return client


def _slice(client: Client, listing: Listing, calendar: int, first: date, after: date) -> None:
    """One calendar's events of some days; asked in halves where the answer is cut.

    Raises:
        PermanentFailure, TransientFailure: it could not be had.
    """
    document = client.get(
        EVENTS,
        {
            "cal_id": calendar,
            "date": f"{first.year}-{first.month}-{first.day}",
            "days": (after - first).days - 1,  # beyond the first
            "limit": MOST,
        },
    )
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise client.wrong_shape(document, "a list `events`")
    if len(events) < MOST:
        listing.pages.append(_allowed(document))
    elif after - first > timedelta(days=1):
        middle = first + (after - first) // 2
        _slice(client, listing, calendar, first, middle)
        _slice(client, listing, calendar, middle, after)
    else:
        listing.pages.append(_allowed(document))
        listing.fail(
            PermanentFailure(
                f"calendar {calendar} has {MOST} events or more on one day; the rest can't be asked for.",
                reason="slice_cut",
                next_action="Split the calendar in LibCal, or see whether something fills it with rows.",
            )
        )


def _allowed(document: Mapping[str, Any]) -> Any:
    """What of an answer is landed. Of the breakdown by audience, whose keys a site makes up, the numbers alone."""
    kept = pick(document, {"events": _FIELDS})
    for told, event in zip(document["events"], kept["events"], strict=True):
        numbers = _numbers(told) if isinstance(told, dict) else {}
        if numbers:
            event["audience_breakdown"] = numbers
    return kept


def _numbers(event: Mapping[str, Any]) -> dict[str, int]:
    """The breakdown's counts under keys that are words."""
    told = dict_of(event.get("audience_breakdown"))
    return {key: count for key in told if _WORDS.fullmatch(key) and (count := count_of(told[key])) is not None}


def _missed(client: Client, window: Window, failure: IngestError, options: LibCalOptions) -> Arrival:
    """The receipt that tells which days are owed."""
    return failed(
        client.context,
        client.origin,
        failure,
        ask={"calendars": list(options.calendars)},
        window_start_at=window.start_at,
        window_end_at=window.end_at,
    )


def _claim(event: Mapping[str, Any], options: LibCalOptions) -> Claim:
    start = read_when(event.get("start"), options.zone)
    end, flags = read_end(event.get("end"), options.zone)
    if event.get("allday") is True:
        start, end = whole_days(start, end, options.zone)
    return Claim(
        event.get("id"),
        start,
        end=end,
        title=event.get("title"),
        places=(dict_of(event.get("location")).get("name"), dict_of(event.get("campus")).get("name")),
        categories=names_of(event.get("category")),
        audiences=names_of(event.get("audience")),
        description=event.get("description"),
        says_status=False,
        url=dict_of(event.get("url")).get("public"),
        flags=flags,
    )


def _attendance(event: Mapping[str, Any], options: LibCalOptions) -> tuple[int | None, int | None] | None:
    """People on site and online as staff counted them; None where nobody has told."""
    told = dict_of(event.get("attendance"))
    on_site, online = count_of(told.get("in_person")), count_of(told.get("online"))
    if on_site is None and online is None:
        return None
    return None if not (on_site or online or options.zero_is_reported) else (on_site, online)


def _breakdown(event: Mapping[str, Any], options: LibCalOptions) -> tuple[int | None, int | None, list[str]]:
    """Adults and children among those on site, null where not told, and the keys with people that nobody has named."""
    told = _numbers(event)
    named = {*options.adults_keys, *options.children_keys}

    def total(keys: tuple[str, ...]) -> int | None:
        counts = [told[key] for key in keys if key in told]
        return sum(counts) if counts else None

    adults, children = total(options.adults_keys), total(options.children_keys)
    if not (adults or children or options.zero_is_reported):
        adults = children = None  # the form begins with 0 here as well
    return adults, children, sorted(key for key, count in told.items() if count and key not in named)
