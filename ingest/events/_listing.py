"""Answers that take several questions: page after page, whether they are whole, and landing them as one.

What belongs here: what systems share whose list comes in pages or slices. What does not: addresses, parameters and
fields of one system (its own module), and reading its records (`_records`).

All pages of one question are landed as one body, `{"pages": [...]}`: only together do they answer it, and absence
from one page alone means nothing. Of each page only the fields on an allow-list are kept (`_minimising`). A page that
fails ends the question; what came before it is landed as an incomplete answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingest.access import address, read_json
from ingest.adapters import FetchContext
from ingest.catalogue import Arrival
from ingest.errors import IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.events._asking import REFUSED_AS_A_WHOLE, ask, origin_of, refusal
from ingest.events._documents import SHAPE_ACTION, as_bytes, vendor_code
from ingest.events._options import ListOptions
from ingest.events._windows import Window
from ingest.http import Answer

# After these the other questions would be refused or unreachable as well; who says "too many" is asked no more.
STOPS = REFUSED_AS_A_WHOLE | {"http_404", "http_410", "unreachable", "too_slow"}
# So many failures in a row are the system's, not one record's or one slice's; each costs its retries.
MOST_IN_A_ROW = 3


class Client:
    """Asks one source's address, with a pause between questions. Headers never reach an origin or a message."""

    def __init__(self, context: FetchContext, *, headers: Mapping[str, str] | None = None) -> None:
        options: ListOptions = context.options
        assert options.url is not None, "without an address nothing is asked"
        self.context = context
        self.base = address(options.url)
        self.origin = origin_of(options.url)
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
        return ask(self.context, self.base + path, self.origin, params=params, headers=self.headers)

    def document(self, answer: Answer) -> Any:
        """The answer's JSON.

        Raises:
            PermanentFailure: another status than 200, or no JSON: a web page in its place is no empty calendar.
        """
        if answer.status != 200:
            raise refusal(self.origin, answer.status)
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
            as_bytes(document),
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


def foremost(troubles: Sequence[IngestError]) -> IngestError:
    """The one to tell of several: what a person must mend outranks what passes by itself."""
    return next((t for t in troubles if not isinstance(t, TransientFailure)), troubles[0])


def tell(troubles: Sequence[IngestError]) -> None:
    """Raise one failure for several questions.

    Raises:
        PermanentFailure, TransientFailure: unless there were none.
    """
    if troubles:
        raise foremost(troubles)
