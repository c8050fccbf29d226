"""Google Calendar, version 3 of its API: a first full answer, then only what changed since.

What belongs here: this API's paging, its sync token's life, and its records. What does not: public addresses of iCal
feeds, which `icalendar` reads, and what a removed event means (dbt, from `event_tombstones`).

The token stands in the last page of an answer; the next poll reads it there. Google ends a token when it likes (410):
the whole calendar is asked again, which removes nothing by itself. Only fields without people are asked for, and the
words of private entries are taken out before landing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ingest.access import Variable, secret, token_of
from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand, start_of
from ingest.errors import IngestError, PermanentFailure, TransientFailure
from ingest.events import _asking, _documents, _feeds, _minimising, _spans
from ingest.events._feeds import Claim
from ingest.events._options import ClaimOptions, no_secrets
from ingest.http import Answer

log = logging.getLogger("levende.ingest.events")

# Never attendees, creator, organizer, hangoutLink, conferenceData, attachments; no htmlLink: its code holds the
# calendar's address, which may be a person's.
_FIELDS = (
    *("id", "status", "summary", "location", "start", "end", "recurringEventId", "originalStartTime", "sequence"),
    *("updated", "visibility", "eventType"),
)
_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
_STATUSES = {"confirmed": "scheduled", "tentative": "tentative", "cancelled": "cancelled"}
PAGE_SIZE = 2_500


class GoogleCalendarOptions(ClaimOptions):
    """What a source of this API may say.

    Attributes:
        calendar_id: the calendar; `${NAME}` is filled from the environment. Absent: files only.
        expand_from, expand_to: local dates, half-open: what overlaps them is asked for. Fixed dates, because a sync
            token belongs to the window that it was given for; changing them asks for everything again.
        single_events: whether Google expands series in the list. Without, the list tells series and exceptions, and
            the dates of each series are asked for one by one: more questions, and a date that a changed rule drops
            is not told as removed.
        api_key_env: for public calendars: the variable with an API key.
        client_id_env, client_secret_env, refresh_token_env: for others: an OAuth client and its refresh token.
        base_url, token_url: Google's addresses.
        page_size, max_pages: records per page, and pages per answer.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
    """

    calendar_id: str | None = None
    expand_from: date
    expand_to: date
    single_events: bool = True
    api_key_env: Variable | None = None
    client_id_env: Variable | None = None
    client_secret_env: Variable | None = None
    refresh_token_env: Variable | None = None
    base_url: str = "https://www.googleapis.com/calendar/v3"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    page_size: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE)
    max_pages: int = Field(default=200, ge=1, le=10_000)
    allow_loopback: bool = False

    _urls = field_validator("base_url", "token_url")(no_secrets)

    @model_validator(mode="after")
    def _can_be_asked(self) -> GoogleCalendarOptions:
        if self.expand_to <= self.expand_from:
            raise ValueError(f"expand_to {self.expand_to} is not after expand_from {self.expand_from}")
        oauth = [self.client_id_env, self.client_secret_env, self.refresh_token_env]
        if any(oauth) and not all(oauth):
            raise ValueError("name all of client_id_env, client_secret_env and refresh_token_env")
        if self.calendar_id is not None and (self.api_key_env is not None) == any(oauth):
            raise ValueError("name either api_key_env, or an OAuth client with its refresh token")
        return self


@register
class GoogleCalendar(Adapter):
    """One answer per page; one row per dated event, one tombstone per removed one that says no date."""

    name: ClassVar[str] = "google_calendar"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("event_observations", "event_tombstones")
    options: ClassVar[type[Options]] = GoogleCalendarOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for what changed since the last poll; for everything in the window the first time and after a 410.

        Only the last page of a full answer is complete, and has the window. A change is no snapshot and has none.

        Raises:
            ConfigurationError: a variable is not set.
            PermanentFailure: Google refuses, the calendar is gone, or its pages never end.
            TransientFailure: a limit is reached, or Google is busy.
        """
        options: GoogleCalendarOptions = context.options
        if options.calendar_id is None:
            return
        poll = _Poll(context, options, options.calendar_id)
        token = poll.sync_token()
        if token is not None:
            try:
                yield from poll.answer(token)
            except _Expired:
                log.info("%s: the sync token has expired; asking for the whole calendar.", context.source.source_id)
            else:
                return
        yield from poll.answer(None)

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: GoogleCalendarOptions) -> Parsed:
        """One row per dated event of a page, one tombstone per removed event without dates.

        Raises:
            UnreadableBody: not JSON, or no list of events.
        """
        document = _documents.read_json(body, options.max_bytes)
        items = document.get("items") if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise _feeds.wrong_shape("list `items`")
        rejects: list[Reject] = []
        tombstones: dict[str, dict[str, Any]] = {}

        def read(where: str, record: dict[str, Any]) -> Claim | None:
            if "recurrence" in record and record.get("status") != "cancelled":
                return None  # the series itself; its dates are records of their own
            if record.get("status") == "cancelled" and not record.get("originalStartTime") and not record.get("start"):
                series_id = _feeds.short_id(record.get("id"))
                if series_id is None:
                    raise Faulty("no_id")
                gone = {"series_id": series_id, "slot": None, "removed_at": _updated(record), "pointer": where}
                tombstones.setdefault(series_id, gone)
                return None
            return _claim(where, record, options)

        claims = list(_feeds.each(items, "$.items", rejects, read))
        rows = _feeds.rows_of(source, claims, rejects)
        return Parsed({"event_observations": rows, "event_tombstones": list(tombstones.values())}, rejects)


# -- asking ---------------------------------------------------------------------------------------------------------


class _Expired(Exception):
    """Google no longer knows the sync token."""


class _Poll:
    """One poll: its secrets and the window that it asks for."""

    def __init__(self, context: FetchContext, options: GoogleCalendarOptions, calendar_id: str) -> None:
        self.context = context
        self.options = options
        zone = ZoneInfo(options.zone)
        self.start_at, self.end_at = start_of(options.expand_from, zone), start_of(options.expand_to, zone)
        base = expand(options.base_url).rstrip("/")
        self.events = f"{base}/calendars/{quote(expand(calendar_id), safe='')}/events"
        # As configured: a calendar's id may be somebody's address, and then stands in a variable.
        self.origin = f"{_asking.origin_with_path(options.base_url)}/calendars/{calendar_id}/events"
        self.headers = self._headers()
        names = [*_FIELDS, *(["description"] if options.partner_patterns else [])]
        names += [] if options.single_events else ["recurrence"]
        self.fields = f"nextPageToken,nextSyncToken,items({','.join(names)})"
        self.about = {
            "from": options.expand_from.isoformat(),
            "to": options.expand_to.isoformat(),
            "single_events": options.single_events,
        }

    def _headers(self) -> dict[str, str]:
        options = self.options
        if options.api_key_env is not None:
            return {"X-Goog-Api-Key": secret(options.api_key_env)}  # in the query it would stand in every log between
        variables = {
            "client_id": options.client_id_env,
            "client_secret": options.client_secret_env,
            "refresh_token": options.refresh_token_env,
        }
        form = {"grant_type": "refresh_token", **{key: secret(name) for key, name in variables.items() if name}}
        names = ", ".join(name for name in variables.values() if name)
        return {"Authorization": f"Bearer {token_of(self.context.session, expand(options.token_url), form, names)}"}

    def sync_token(self) -> str | None:
        """The token to go on with; None asks for everything.

        An answer that was cut is asked for again: with the token it was asked by, or from the start.
        """
        known = self.context.latest(self.origin)
        if known is None or any(known.asked.get(key) != value for key, value in self.about.items()):
            return None
        try:
            last = json.loads(self.context.body(known)) if self.context.body is not None else {}
        except (IngestError, ValueError):
            return None
        token = last.get("nextSyncToken", known.asked.get("sync_token")) if isinstance(last, dict) else None
        return token if isinstance(token, str) and token else None

    def answer(self, token: str | None) -> Iterator[Arrival]:
        """All pages of one answer. The last page, with the next token, is landed when all that belongs to it is.

        Raises:
            _Expired: the token is not known any more; nothing was landed.
        """
        params: dict[str, Any] = {
            "singleEvents": "true" if self.options.single_events else "false",
            "maxResults": self.options.page_size,
            "fields": self.fields,
        }
        about: dict[str, Any] = dict(self.about)
        if token is None:
            params |= {"showDeleted": "true", **self._window()}
        else:
            # With a token Google takes no window, and always tells what was deleted.
            params["syncToken"] = token
            about["sync_token"] = token
        masters: dict[str, None] = {}
        for number, (document, answer) in enumerate(self._pages(self.events, params, self.origin), start=1):
            for item in document["items"]:
                if isinstance(item, dict) and "recurrence" in item and item.get("status") != "cancelled":
                    masters[str(item.get("id"))] = None
            is_last = not document.get("nextPageToken")
            if is_last:
                for master in masters:
                    yield from self._instances(master)
            yield self._arrival(
                self.origin, {**about, "page": number}, document, answer, is_whole=is_last and token is None
            )

    def _instances(self, master: str) -> Iterator[Arrival]:
        """The dates of one series inside the window."""
        url = f"{self.events}/{quote(master, safe='')}/instances"
        origin = f"{self.origin}/{master}/instances"
        params = {
            "maxResults": self.options.page_size,
            "fields": self.fields,
            "showDeleted": "true",
            **self._window(),
        }
        for number, (document, answer) in enumerate(self._pages(url, params, origin), start=1):
            about = {**self.about, "series": master, "page": number}
            # One series is never the calendar, however whole its own answer is.
            yield self._arrival(origin, about, document, answer, is_whole=False)

    def _window(self) -> dict[str, str]:
        return {"timeMin": self.start_at.isoformat(), "timeMax": self.end_at.isoformat()}

    def _pages(self, url: str, params: Mapping[str, Any], origin: str) -> Iterator[tuple[dict[str, Any], Answer]]:
        seen: set[str] = set()
        page: dict[str, str] = {}
        for _ in range(self.options.max_pages):
            answer = _asking.ask(self.context, url, origin, params={**params, **page}, headers=self.headers)
            if answer.status == 410 and "syncToken" in params:
                raise _Expired
            if answer.status != 200:
                raise _refusal(answer, origin)
            document = _document(answer, origin)
            yield document, answer
            following = document.get("nextPageToken")
            if not following:
                return
            if not isinstance(following, str) or following in seen:
                break
            seen.add(following)
            page = {"pageToken": following}
        raise PermanentFailure(
            f"{origin}: the pages do not end.",
            reason="paging_loop",
            next_action="Try the next poll; raise max_pages if the calendar is really that large.",
        )

    def _arrival(
        self, origin: str, about: Mapping[str, Any], document: dict[str, Any], answer: Answer, *, is_whole: bool
    ) -> Arrival:
        """One page. The window stands on the page that completes its answer: the others alone cover none of it."""
        return Arrival(
            self.context.source.source_id,
            "poll",
            self.context.now,
            _documents.as_bytes({**document, "items": [_minimised(item) for item in document["items"]]}),
            origin=origin,
            ask=about,
            window_start_at=self.start_at if is_whole else None,
            window_end_at=self.end_at if is_whole else None,
            is_complete=is_whole,
            http_status=answer.status,
            media_type=answer.headers.get("Content-Type"),
        )


def _document(answer: Answer, origin: str) -> dict[str, Any]:
    try:
        document = _documents.loads(answer.body.decode("utf-8-sig"))
    except ValueError:
        document = None
    if isinstance(document, dict):
        document.setdefault("items", [])  # left out when there is none
        if isinstance(document["items"], list):
            return _minimising.only(document, ("items", "nextPageToken", "nextSyncToken"))  # type: ignore[no-any-return]
    raise PermanentFailure(
        f"{origin} answered with no list of events.",
        reason="wrong_shape",
        next_action="Check base_url in the source's options, and whether a proxy answers in Google's place.",
    )


def _refusal(answer: Answer, origin: str) -> IngestError:
    """What Google's refusal means: limits pass by themselves, the rest needs a person."""
    try:
        error = json.loads(answer.body)["error"]
        reasons = {str(entry.get("reason")) for entry in error.get("errors", []) if isinstance(entry, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        reasons = set()
    if answer.status == 403 and reasons & _LIMITS:
        return TransientFailure(
            f"{origin}: Google's limit is reached.",
            reason="rate_limit",
            next_action="Nothing to do; poll less often if it recurs.",
        )
    return _asking.refusal(origin, answer.status)


def _minimised(item: Any) -> Any:
    """A record with the fields that were asked for, also from a server that sends more; private ones without words."""
    kept = _minimising.impersonal(_minimising.only(item, (*_FIELDS, "description", "recurrence")))
    if isinstance(kept, dict) and not _is_public(kept):
        kept = {k: v for k, v in kept.items() if k not in ("summary", "location", "description")}
    return kept


# -- reading --------------------------------------------------------------------------------------------------------


def _is_public(record: Mapping[str, Any]) -> bool:
    """Whether an entry may be programme: not private, and no birthday, absence or working place."""
    return record.get("visibility") in (None, "default", "public") and record.get("eventType") in (None, "default")


def _claim(where: str, record: Mapping[str, Any], options: GoogleCalendarOptions) -> Claim:
    own = _feeds.short_id(record.get("id"))
    series = _feeds.short_id(record.get("recurringEventId"))
    if own is None:
        raise Faulty("no_id")
    original = _told(record.get("originalStartTime")) if series is not None else None
    start, end = _told(record.get("start")), _told(record.get("end"))
    is_tombstone = start is None and original is not None
    dates = _spans.read_span(start or original, end, options.zone, end_day_is_excluded=True)
    claim = Claim(where, series or own, dates, slot=_slot(original, options) if original else "")
    if series is not None and not claim.slot:
        claim.slot = own  # an instance that does not say its original time is still known by its own id
    claim.is_recurring = series is not None
    claim.is_override = bool(original and start and _slot(start, options) != claim.slot)
    status = str(record.get("status", "confirmed"))
    claim.status = _STATUSES.get(status, "scheduled")
    if status not in _STATUSES:
        claim.flags.append("unknown_status")
    if is_tombstone:
        claim.flags.append("tombstone")
    sequence = record.get("sequence")
    if isinstance(sequence, int) and not isinstance(sequence, bool) and 0 <= sequence < 2**31:
        claim.sequence = sequence
    claim.modified_at = _updated(record)
    if not _is_public(record):
        claim.hide_words()
        return claim
    claim.title = claim.say(record.get("summary"))
    claim.location = claim.say(record.get("location"))
    claim.partner_claims = claim.say_partners(_feeds.partners_in(record.get("description"), options))
    return claim


def _told(value: Any) -> str | None:
    """A start or end: a date for whole days, else a time with its offset."""
    if not isinstance(value, dict):
        return None
    told = value.get("dateTime", value.get("date"))
    return told if isinstance(told, str) and told else None


def _slot(text: str, options: GoogleCalendarOptions) -> str:
    """The original time as the other feeds write it.

    Raises:
        Faulty: it is none.
    """
    moment = _spans.read_moment(text, options.zone)
    if moment is None:
        raise Faulty("bad_start")
    return f"{moment.at:%Y-%m-%dT%H:%M:%SZ}" if moment.has_time else moment.on.isoformat()


def _updated(record: Mapping[str, Any]) -> datetime | None:
    moment = _spans.read_moment(record.get("updated"), "UTC")
    return moment.at if moment is not None and moment.has_time else None
