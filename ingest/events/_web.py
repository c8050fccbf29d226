"""Asking event systems over HTTP: whose address, which window, page after page, and whether the answer is whole.

What belongs here: what several event systems share when they are asked. What does not: addresses, parameters and
fields of one system (its own module), and reading (`_claims`).

All pages of one question are landed as one body, `{"pages": [...]}`: only together do they answer it, and absence
from one page alone means nothing. Of each page only the fields on an allow-list are kept, before landing, because
these systems put names, mail addresses and meeting passwords beside their events. A page that fails ends the
question; what came before it is landed as an incomplete answer.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.access import address, read_json
from ingest.adapters import FetchContext, Options
from ingest.catalogue import Arrival
from ingest.config import start_of
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.events.icalendar import _origin, _without_address, checked_patterns
from ingest.http import Answer
from ingest.zones import known_zone

# Windows begin and end on this grid of days, so that one day's question is the next day's, and equal answers are one
# reading. LibCal is asked in slices of this length.
GRID_DAYS = 30
_ACTIONS = {
    400: "The system does not take the question: look whether it was upgraded, and report it to whoever keeps levende.",
    401: "Check the secrets that the source's options name.",
    403: "Check the secrets that the source's options name, and whether the calendar is still open to them.",
    404: "Check url in the source's options, and whether the calendar's interface is switched on.",
    410: "The publisher has removed the calendar: ask for its successor, or disable the source.",
}
# After these the other questions would be refused or unreachable as well; who says "too many" is asked no more.
STOPS = frozenset(
    {"http_401", "http_403", "http_404", "http_410", "http_429", "unreachable", "too_slow", "address_refused"}
)
# So many failures in a row are the system's, not one record's or one slice's; each costs its retries.
MOST_IN_A_ROW = 3
SHAPE_ACTION = (
    "Look at the answer with the publisher: the interface may have changed; then report it, the adapter must."
)


class WebOptions(Options):
    """What the options of every event system say that is asked over HTTP.

    Attributes:
        url: the system's address without query and user; `${NAME}` is filled from the environment when it is asked.
            Absent: nothing is asked, files only.
        zone: IANA zone of times and dates that name none, and of the local date of times in UTC.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
        max_bytes: largest answer, after decompression.
        max_pages: a question with more pages is cut there, and its answer counts as incomplete.
        pause_seconds: rest between two questions.
        partner_patterns, partner_separators: as for `icalendar`: what the patterns find in a description is a partner.
    """

    url: str | None = None
    zone: str
    allow_loopback: bool = False
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)
    max_pages: int = Field(default=200, ge=1, le=1000)
    pause_seconds: float = Field(default=0.2, ge=0, le=60)
    partner_patterns: tuple[str, ...] = ()
    partner_separators: tuple[str, ...] = (",", ";")

    _zone = field_validator("zone")(known_zone)
    _patterns = field_validator("partner_patterns")(checked_patterns)

    @field_validator("url")
    @classmethod
    def _bare(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"[@?#]", value):
            raise ValueError("the address may hold no user, query or fragment; name secrets by their variables")
        return value


class WindowOptions(WebOptions):
    """Options of systems that can be asked for the past as well.

    Attributes:
        days_back, days_ahead: how far from the day of the poll is asked; widened to whole slices of 30 days. An event
            older than that keeps what was last said of it.
    """

    days_back: int = Field(default=400, ge=0, le=7300)
    days_ahead: int = Field(default=400, ge=1, le=1500)


@dataclass(frozen=True)
class Window:
    """Local days, half-open, and their midnights as aware moments."""

    first: date
    after: date
    zone: ZoneInfo

    @property
    def start_at(self) -> datetime:
        return start_of(self.first, self.zone)

    @property
    def end_at(self) -> datetime:
        return start_of(self.after, self.zone)

    @property
    def last(self) -> date:
        """The last day that belongs to it: several systems include the end that they are given."""
        return self.after - timedelta(days=1)


def window_of(now: datetime, options: WindowOptions) -> Window:
    """The days to ask about, widened to the grid."""
    zone = ZoneInfo(options.zone)
    today = now.astimezone(zone).date().toordinal()
    first = (today - options.days_back) // GRID_DAYS * GRID_DAYS
    after = (today + options.days_ahead) // GRID_DAYS * GRID_DAYS + GRID_DAYS
    return Window(date.fromordinal(first), date.fromordinal(after), zone)


def slices_of(window: Window) -> Iterator[Window]:
    """The window in slices of the grid, oldest first."""
    for number in range(window.first.toordinal(), window.after.toordinal(), GRID_DAYS):
        yield Window(date.fromordinal(number), date.fromordinal(number + GRID_DAYS), window.zone)


def today_of(context: FetchContext) -> datetime:
    """The local midnight with which the day of the poll begins: where lists of what is to come begin."""
    zone = ZoneInfo(context.options.zone)
    return start_of(context.now.astimezone(zone).date(), zone)


# -- asking ---------------------------------------------------------------------------------------------------------


class Client:
    """Asks one source's address, with a pause between questions. Headers never reach an origin or a message."""

    def __init__(self, context: FetchContext, *, headers: Mapping[str, str] | None = None) -> None:
        options: WebOptions = context.options
        assert options.url is not None, "without an address nothing is asked"
        self.context = context
        self.base = address(options.url)
        self.origin = _origin(options.url)
        self.headers = dict(headers or {})
        self._has_asked = False

    def ask(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """One GET, whatever its status.

        Raises:
            PermanentFailure, TransientFailure: no answer, or the system is busy, after the session's retries.
        """
        if self._has_asked and self.context.options.pause_seconds:
            time.sleep(self.context.options.pause_seconds)
        self._has_asked = True
        try:
            return self.context.session.get(
                self.base + path, params=params, headers=self.headers, max_bytes=self.context.options.max_bytes
            )
        except IngestError as failure:
            raise _without_address(failure, self.origin) from None

    def document(self, answer: Answer) -> Any:
        """The answer's JSON.

        Raises:
            PermanentFailure: another status than 200, or no JSON: a web page in its place is no empty calendar.
        """
        if answer.status != 200:
            raise PermanentFailure(
                f"{self.origin} answered {answer.status}.",
                reason=f"http_{answer.status}",
                next_action=_ACTIONS.get(answer.status, "Look at the address in a browser, and ask the publisher."),
            )
        try:
            return read_json(answer.body)
        except UnreadableBody as error:
            raise PermanentFailure(
                f"{self.origin} did not answer with JSON.",
                reason=error.reason,
                next_action="See whether a log-in page, a bot wall or a proxy answers in the system's place.",
            ) from None

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON that a question is answered with.

        Raises:
            PermanentFailure, TransientFailure: as `ask` and `document`.
        """
        return self.document(self.ask(path, params))

    def wrong_shape(self, document: Any, wanted: str) -> PermanentFailure:
        """The failure for JSON that is something else than promised: an error inside HTTP 200, or a new version."""
        code = vendor_code(document)
        return PermanentFailure(
            f"{self.origin} answered without {wanted}{f' (it says {code})' if code else ''}.",
            reason="vendor_error" if code else "wrong_shape",
            next_action=SHAPE_ACTION,
        )


def vendor_code(document: Any) -> str:
    """The system's own word for an error, if it is a word: sentences may quote the question."""
    if not isinstance(document, dict):
        return ""
    for name in ("code", "error", "status", "detail", "message"):
        value = document.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and re.fullmatch(r"[\w.-]{1,60}", str(value)):
            return str(value)
    return "an error" if {"error", "errors", "detail", "message"} & document.keys() else ""


# -- pages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One page, already reduced to what may be landed.

    Attributes:
        kept: the page's document, or None for "past the end".
        count: records on it.
        is_last: whether the system says that no page follows.
        total: records in the whole list, as the system counts them; None when it does not say.
    """

    kept: Any
    count: int
    is_last: bool
    total: int | None = None


@dataclass
class Listing:
    """The pages that came, whether they are all, and what went wrong if they are not."""

    pages: list[Any] = field(default_factory=list)
    is_complete: bool = False
    trouble: IngestError | None = None
    also: dict[str, Any] = field(default_factory=dict)

    def fail(self, trouble: IngestError) -> None:
        """Note that the answer is not whole; the first trouble is told."""
        self.is_complete = False
        self.trouble = self.trouble or trouble


def read_pages(ask: Callable[[int], Page], max_pages: int, *, needs_total: bool = True) -> Listing:
    """Ask page after page, from 1. A list that changed meanwhile is read once more.

    Args:
        needs_total: whether only a total that was reached proves that the list is whole.

    Returns:
        What came. Complete when the last page was reached, all pages told one total and as many records came.
    """
    listing = Listing()
    for _ in range(2):
        listing = Listing()
        told: list[Page] = []
        for number in range(1, max_pages + 1):
            try:
                told.append(ask(number))
            except IngestError as failure:
                listing.fail(failure)
                break
            if told[-1].kept is not None:
                listing.pages.append(told[-1].kept)
            if told[-1].is_last:
                break
        else:
            listing.fail(
                PermanentFailure(
                    f"the list has more than {max_pages} pages; the rest was not read.",
                    reason="page_limit",
                    next_action="Raise max_pages in the source's options, or shorten its window.",
                )
            )
        if listing.trouble is not None:
            return listing
        received = sum(page.count for page in told)
        totals = {page.total for page in told if page.kept is not None}
        if totals <= {received} or (not needs_total and totals == {None}):
            listing.is_complete = True
            return listing
        if totals == {None}:
            break
    listing.fail(
        TransientFailure(
            "the list brought another number of records than it says it has, or that number changed between pages.",
            reason="list_unsettled",
            next_action="Nothing to do if it passes; ask the publisher if it lasts a day.",
        )
    )
    return listing


def deliver(client: Client, listing: Listing, ask: Mapping[str, Any], window: Window | datetime) -> Iterator[Arrival]:
    """Land a listing, then tell what went wrong with it.

    Args:
        window: the days asked for; a bare moment where a list only begins there and nobody says how far it goes.

    Raises:
        PermanentFailure, TransientFailure: the listing's trouble, after what came is landed.
    """
    is_list = isinstance(window, datetime)
    if listing.pages or listing.trouble is None:
        document = {"pages": listing.pages, **listing.also}
        yield Arrival(
            client.context.source.source_id,
            "poll",
            client.context.now,
            json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(),
            origin=client.origin,
            ask=ask,
            window_start_at=window if isinstance(window, datetime) else window.start_at,
            window_end_at=None if isinstance(window, datetime) else window.end_at,
            is_complete=listing.is_complete and not is_list,
            http_status=200,
            media_type="application/json",
            error=f"{listing.trouble.reason}: {listing.trouble}" if listing.trouble else None,
        )
    if listing.trouble is not None:
        raise listing.trouble


def tell(troubles: Sequence[IngestError]) -> None:
    """Raise one failure for several questions; what a person must mend outranks what passes by itself.

    Raises:
        PermanentFailure, TransientFailure: unless there were none.
    """
    if troubles:
        raise next((t for t in troubles if not isinstance(t, TransientFailure)), troubles[0])


def both_or_none(first: str | None, second: str | None, names: str) -> None:
    """Check that two options are named together.

    Raises:
        ConfigurationError: only one of them is.
    """
    if (first is None) != (second is None):
        raise ConfigurationError(f"only one of {names} is named.", next_action="Name both in the source's options.")


# -- the allow-list -------------------------------------------------------------------------------------------------

Spec = Mapping[str, Any]


def pick(value: Any, spec: Spec) -> Any:
    """What an allow-list lets through. `True` passes texts, numbers and lists of them; a nested list its objects' keys.

    What has another form than the list says is left out: something new may be a name.
    """
    if isinstance(value, list):
        return [pick(item, spec) for item in value]  # None for what is no object: reading it tells that it was there
    if not isinstance(value, dict):
        return None
    kept = {}
    for name, rule in spec.items():
        if name not in value:
            continue
        told = value[name]
        if rule is True:
            items = told if isinstance(told, list) else [told]
            if not any(isinstance(item, dict | list) for item in items):
                kept[name] = told
        elif isinstance(told, dict | list):
            kept[name] = pick(told, rule)
    return kept


def texts(*languages: str) -> Spec:
    """The allow-list of a text told in several languages."""
    return dict.fromkeys(languages, True)
