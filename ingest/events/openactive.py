"""OpenActive's feeds: Realtime Paged Data Exchange (RPDE) 1.0, and the sessions inside.

What belongs here: paging, its cursor, and reading items. What does not: whether a removed session was cancelled (dbt,
from `event_tombstones`).

A feed is a list of the newest state of every item, in the order of change. A poll goes on where the last one ended,
which is the address of the newest landed page, so that an interrupted poll loses nothing. The end is an empty page that
leads to itself; an empty page that leads elsewhere is not. Publishers forget deleted items after seven days: who was
away longer begins again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urljoin, urlsplit

from pydantic import Field

from ingest.access import Variable, secret
from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand
from ingest.errors import PermanentFailure, UnreadableBody
from ingest.events import _asking, _documents, _feeds, _minimising, _spans, _windows
from ingest.events._feeds import Claim
from ingest.events._options import FeedOptions, OrganiserOptions
from ingest.events._schema_words import audiences_of, first_text, organised_by, partners_of, place_of, status_of
from ingest.home import naive_utc

# Kinds that stand above dated sessions, or beside them. A series is never a holding; slots are bookable courts.
PARENTS = frozenset(
    {"SessionSeries", "EventSeries", "HeadlineEvent", "CourseInstance", "FacilityUse", "IndividualFacilityUse", "Slot"}
)
_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

FAULTS: Mapping[str, tuple[str, str]] = {
    **_feeds.FAULTS,
    "bad_state": ("the item is neither updated nor deleted.", "Tell the publisher; the other items were read."),
    "bad_modified": (
        "the item does not say when it was modified, so its order is unknown.",
        "Tell the publisher; the other items were read.",
    ),
    "no_data": ("the item is updated and holds no data.", "Tell the publisher; the other items were read."),
}


class OpenActiveOptions(OrganiserOptions, FeedOptions):
    """What a source of this form may say.

    Attributes:
        url: the feed's first page.
        headers_env: header name to the environment variable with its value, for feeds with a key.
        resync_days: after so many days without a good answer the feed is read from its start.
        max_pages: a poll asks no more pages; the next one goes on where it ended.
        own_names: as for all sources that are told an organiser. Other organisations that organise with the library are
            partners; without own names an organiser is nobody's partner.
    """

    headers_env: dict[str, Variable] = Field(default_factory=dict)
    resync_days: float = Field(default=6.5, gt=0, le=7)
    max_pages: int = Field(default=1_000, ge=1, le=100_000)


@register
class OpenActive(Adapter):
    """One answer per page; one row per dated session, one tombstone per deleted item."""

    name: ClassVar[str] = "openactive"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 4
    tables: ClassVar[tuple[str, ...]] = ("event_observations", "event_tombstones")
    options: ClassVar[type[Options]] = OpenActiveOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask page by page, from where the last poll ended, until the feed's end.

        Only the last page of a poll that began at the feed's start is complete; what changed since is not the whole.

        Raises:
            ConfigurationError: a variable is not set.
            PermanentFailure: the feed is refused or gone, or its pages lead in a circle or to another host.
            TransientFailure: the feed is busy; the next poll goes on.
        """
        options: OpenActiveOptions = context.options
        if options.url is None:
            return
        first = expand(options.url)
        origin = _asking.origin_with_path(options.url)
        headers = {name: secret(variable) for name, variable in options.headers_env.items()}
        known = context.latest(origin)
        url, is_whole = _start(context, known, first)
        asked: set[str] = set()
        for _ in range(options.max_pages):
            asked.add(url)
            answer = _asking.ask(context, url, origin, headers=headers)
            if answer.status != 200:
                raise _asking.refusal(origin, answer.status)
            document = _page(answer.body, options.max_bytes, origin)
            following = _next(document, url, first, origin)
            is_last = not document["items"] and _is_same(following, url)
            # A whole reading tells of all that is to come; what is over the publisher may have taken out.
            window = _windows.yet_to_come(context) if is_last and is_whole else (None, None)
            yield Arrival(
                context.source.source_id,
                "poll",
                context.now,
                _minimised(document, options),
                origin=origin,
                ask={"page": _hidden(url, options.url)},
                window_start_at=window[0],
                window_end_at=window[1],
                is_complete=is_last and is_whole,
                http_status=answer.status,
                media_type=answer.headers.get("Content-Type"),
            )
            if is_last:
                return
            if following in asked:
                raise PermanentFailure(
                    f"{origin} leads from one of its pages to one that was read before.",
                    reason="paging_loop",
                    next_action="Tell the publisher; the pages read so far are kept.",
                )
            url = following
        raise PermanentFailure(
            f"{origin} has more than {options.max_pages} pages.",
            reason="too_many_pages",
            next_action="Poll again: it goes on where this one ended. Raise max_pages if that is usual.",
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: OpenActiveOptions) -> Parsed:
        """One row per dated session of a page, one tombstone per deleted item; of an item told twice the newest.

        Raises:
            UnreadableBody: not JSON, or no page of a feed.
        """
        document = _documents.read_json(body, options.max_bytes)
        items = document.get("items") if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise _feeds.wrong_shape("list `items`")
        rejects: list[Reject] = []
        claims: list[Claim] = []
        tombstones: list[dict[str, Any]] = []
        for item in _newest(items, rejects):
            if item.is_deleted:
                tombstones.append(
                    {
                        "series_id": item.series_id,
                        "slot": None,
                        "removed_at": _moment(item.modified),
                        "pointer": item.pointer,
                    }
                )
                continue
            try:
                claim = _claim(item, options)
            except Faulty as fault:
                rejects.append(_feeds.reject(item.pointer, fault.reason, FAULTS))
                continue
            if claim is not None:
                claims.append(claim)
        rows = _feeds.rows_of(source, claims, rejects)
        return Parsed({"event_observations": rows, "event_tombstones": tombstones}, rejects)


# -- asking ---------------------------------------------------------------------------------------------------------


def _start(context: FetchContext, known: Receipt | None, first: str) -> tuple[str, bool]:
    """Where this poll begins, and whether that is the feed's start."""
    options: OpenActiveOptions = context.options
    page = known.asked.get("page") if known is not None else None
    if known is None or not isinstance(page, str):
        return first, True
    if context.now - known.received_at > timedelta(days=options.resync_days):
        return first, True
    url = expand(page)
    # The source was pointed at another feed since: its cursor means nothing there.
    if urlsplit(url)[:2] != urlsplit(first)[:2]:
        return first, True
    return url, _is_same(url, first)


def _page(body: bytes, max_bytes: int, origin: str) -> dict[str, Any]:
    try:
        document = _documents.read_json(body, max_bytes)
    except UnreadableBody as failure:
        raise PermanentFailure(
            f"{origin} answered with something that is not JSON.",
            reason=failure.reason,
            next_action="Look at the address in a browser; the next poll asks again.",
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise PermanentFailure(
            f"{origin} answered with no page of a feed.",
            reason="wrong_shape",
            next_action="Check that url is the feed's first page; the next poll asks again.",
        )
    return document


def _next(document: Mapping[str, Any], url: str, first: str, origin: str) -> str:
    """The following page's address as the publisher gives it.

    Raises:
        PermanentFailure: none, or on another host, which must not get our key.
    """
    following = document.get("next")
    target = ""
    if isinstance(following, str):
        try:
            target = urljoin(url, following)
            if urlsplit(target)[:2] == urlsplit(first)[:2]:
                return target
        except ValueError:
            target = ""
    raise PermanentFailure(
        f"{origin} leads to {'another host' if target else 'no next page'}.",
        reason="bad_next",
        next_action="Tell the publisher; the pages read so far are kept.",
    )


def _is_same(one: str, other: str) -> bool:
    """Whether two addresses are one, whatever the order and spelling of their parameters."""
    if one == other:
        return True
    a, b = urlsplit(one), urlsplit(other)
    return a[:3] == b[:3] and sorted(parse_qsl(a.query)) == sorted(parse_qsl(b.query))


def _hidden(url: str, configured: str) -> str:
    """A page's address with the names of the configured variables instead of what they hold."""
    for variable in _VARIABLE.findall(configured):
        value = os.environ.get(variable, "")
        if value:
            url = url.replace(value, f"${{{variable}}}")
    return url


def _minimised(document: dict[str, Any], options: OpenActiveOptions) -> bytes:
    """A page without people. Its address of the next page is left out: it may repeat a key, and the receipt knows."""
    items = [
        _minimising.impersonal(_minimising.only(item, ("state", "kind", "id", "modified", "data")))
        for item in document["items"]
    ]
    return _documents.as_bytes({"items": items})


# -- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Item:
    pointer: str
    series_id: str
    kind: str
    modified: int
    is_deleted: bool
    data: Mapping[str, Any]


def _newest(items: list[Any], rejects: list[Reject]) -> list[_Item]:
    """The items of a page in their order; of those with one id the one modified last."""
    found: dict[str, _Item] = {}
    for number, record in enumerate(items):
        pointer = f"$.items[{number}]"
        try:
            item = _item(pointer, record)
        except Faulty as fault:
            rejects.append(_feeds.reject(pointer, fault.reason, FAULTS))
            continue
        if item is None:
            continue
        kept = found.get(item.series_id)
        if kept is None or item.modified >= kept.modified:
            found[item.series_id] = item
    return list(found.values())


def _item(pointer: str, record: Any) -> _Item | None:
    """One item; None for kinds that are no holding.

    Raises:
        Faulty: it can't be read.
    """
    if not isinstance(record, dict):
        raise Faulty("not_a_record")
    kind = first_text(record.get("kind")) or ""
    state = record.get("state")
    if state not in ("updated", "deleted"):
        raise Faulty("bad_state")
    data = record.get("data")
    if state == "updated" and not isinstance(data, dict):
        raise Faulty("no_data")
    if kind.rsplit(".", 1)[-1] in PARENTS:
        return None
    series_id = _feeds.short_id(record.get("id"), prefix=f"{kind}/" if kind else "")
    if series_id is None:
        raise Faulty("no_id")
    modified = record.get("modified")
    if isinstance(modified, str) and re.fullmatch(r"[0-9]{1,19}", modified):
        modified = int(modified)
    if isinstance(modified, bool) or not isinstance(modified, int) or not 0 <= modified <= _LARGEST:
        raise Faulty("bad_modified")
    return _Item(pointer, series_id, kind, modified, state == "deleted", data if isinstance(data, dict) else {})


def _moment(modified: int) -> datetime | None:
    """A time stamp in seconds or milliseconds as naive UTC; None for a change number, which is no time."""
    for unit in (timedelta(seconds=1), timedelta(milliseconds=1)):
        span = modified * unit if modified < 10**14 else None
        if span is not None and timedelta(days=365 * 35) < span < timedelta(days=365 * 100):
            return naive_utc(_EPOCH + span)
    return None


def _claim(item: _Item, options: OpenActiveOptions) -> Claim | None:
    """A session's claim. What it does not say itself, the series that it is embedded with does.

    Raises:
        Faulty: it has no readable dates.
    """
    parents = list(_parents(item.data))
    told = [item.data, *parents]
    kinds = {k for k in (item.data.get("@type"), item.data.get("type")) if isinstance(k, str)}
    if kinds & PARENTS:
        return None
    start, end = first_text(item.data.get("startDate")), first_text(item.data.get("endDate"))
    dates = _spans.read_span(start, end, options.zone)
    length = _spans.read_duration(next((d for t in told if (d := first_text(t.get("duration")))), None))
    if end is None and length is not None and dates.has_time:
        dates = _spans.with_length(dates, length)
    claim = Claim(item.pointer, item.series_id, dates)
    claim.title = next((text for t in told if (text := claim.say(first_text(t.get("name"))))), None)
    claim.location = next((text for t in told if (text := place_of(t.get("location"), claim))), None)
    claim.categories = claim.say_all(
        [label for t in told for key in ("category", "activity") for label in _labels(t.get(key))]
    )
    claim.audience_claims = next((groups for t in told if (groups := audiences_of(t, claim))), None)
    names = [name for t in told for name in partners_of(t, options.own_names)]
    found = [name for t in told for name in _feeds.partners_in(first_text(t.get("description")), options)]
    claim.partner_claims = claim.say_partners([*names, *found], options.own_names)
    organised = (organised_by(t, options.own_names) for t in told)
    claim.is_organised_by_library = next((said for said in organised if said is not None), None)
    claim.url = next((page for t in told if (page := _feeds.page_of(first_text(t.get("url"))))), None)
    status = next((t["eventStatus"] for t in told if t.get("eventStatus") is not None), None)
    claim.status = status_of(status, claim)
    claim.is_recurring = item.data.get("superEvent") is not None
    claim.sequence = item.modified
    claim.modified_at = _moment(item.modified)
    if claim.title is None:
        claim.flags.append("no_title")
    return claim


def _parents(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The series that a session is embedded with, and theirs; those told by address only stand in another feed."""
    node: Any = data
    for _ in range(3):
        node = node.get("superEvent")
        if not isinstance(node, dict):
            return
        yield node


def _labels(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [
        first_text(item.get("prefLabel") or item.get("name")) if isinstance(item, dict) else item for item in items[:50]
    ]
