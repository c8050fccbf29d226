"""schema.org events that pages carry as JSON-LD, from a list of pages, a listing page or a sitemap.

What belongs here: finding the pages, cutting the JSON-LD out of them, and walking to the events inside. What does not:
anything else on a page. A page is full of people; only its JSON-LD is landed, without the keys that tell of them.

Pages are written by hand and by plug-ins: types as text or list, events in `@graph`, in lists, in lists keyed "0", "1";
comments, trailing commas and line breaks inside words. Each script is read alone, so that a broken one costs itself.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit, urlunsplit
from xml.etree.ElementTree import ParseError  # the type only; parsing is defusedxml's

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import Field, field_validator, model_validator

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand
from ingest.errors import IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.events import _asking, _documents, _feeds, _minimising, _pages, _rows, _spans, _windows, _words
from ingest.events._feeds import Claim
from ingest.events._listing import foremost
from ingest.events._options import ClaimOptions, OrganiserOptions
from ingest.events._schema_words import (
    audiences_of,
    first_text,
    organised_by,
    partners_of,
    place_of,
    status_of,
    types_of,
)
from ingest.http import Answer, redacted

MAX_SCRIPTS = 100
MAX_NODES = 20_000
FAILURES_IN_A_ROW = 5

# Keys through which a document leads to its events. `superEvent` is not one: it names the series from within.
_PATHS = (
    "@graph",
    "itemListElement",
    "item",
    "mainEntity",
    "mainEntityOfPage",
    "event",
    "events",
    "subEvent",
    "hasPart",
)
_OTHER_TYPES = frozenset({"Festival", "Hackathon", "CourseInstance", "ExhibitionEvent", "ScheduledSession"})
_SERIES_TYPES = frozenset({"EventSeries", "SessionSeries"})
_WRAPPING = re.compile(r"<!--|-->|<!\[CDATA\[|\]\]>")
_LINE_COMMENT = re.compile(r"^[ \t]*//[^\n]*", re.MULTILINE)
_TRAILING = re.compile(r",(\s*[\]}])")

FAULTS: Mapping[str, tuple[str, str]] = {
    **_feeds.FAULTS,
    "broken_script": (
        "a JSON-LD script of the page is no JSON, also without its comments and trailing commas.",
        "Tell whoever keeps the page; its other scripts were read.",
    ),
    "no_json_ld": (
        "the page holds no JSON-LD at all.",
        "See whether the site was rebuilt; take the page out of the source's pages if it never had events.",
    ),
    "too_many_nodes": (
        f"the page's JSON-LD has more than {MAX_NODES} parts; what comes after was not read.",
        "See what the page holds; take it out of the source's pages if it is no programme.",
    ),
    "too_many_scripts": (
        f"the page has more than {MAX_SCRIPTS} JSON-LD scripts; what comes after was not read.",
        "See what the page holds; take it out of the source's pages if it is no programme.",
    ),
}


class SchemaOrgOptions(OrganiserOptions, ClaimOptions):
    """What a source of this form may say.

    Attributes:
        pages: addresses of event pages.
        listing: a page whose links lead to event pages.
        sitemap: a sitemap, or an index of sitemaps, that lists them.
        link_pattern: regular expression that an address from listing or sitemap must match somewhere.
        is_full: whether pages, listing or sitemap hold everything that is to come. A listing's first page does not.
        max_pages: a poll asks no more pages; what is beyond makes it incomplete, and says so.
        pause_seconds: rest between two pages.
        slot_by_start: whether several dates of one event share an id or address; then its start is the slot.
        own_names: as for all sources that are told an organiser. Other organisations that organise with the library are
            partners; without own names an organiser is nobody's partner.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
    """

    pages: tuple[str, ...] = ()
    listing: str | None = None
    sitemap: str | None = None
    link_pattern: str = "."
    is_full: bool = False
    max_pages: int = Field(default=200, ge=1, le=5_000)
    pause_seconds: float = Field(default=1, ge=0, le=60)
    slot_by_start: bool = False
    allow_loopback: bool = False

    @field_validator("pages", "listing", "sitemap")
    @classmethod
    def _no_user(cls, value: Any) -> Any:
        for address in value if isinstance(value, tuple) else [value] if value else []:
            if "@" in urlsplit(address).netloc:
                raise ValueError("a user name in an address is a secret")
        return value

    @field_validator("link_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _one_way(self) -> SchemaOrgOptions:
        if sum(map(bool, (self.pages, self.listing, self.sitemap))) > 1:
            raise ValueError("name the pages in one way only: pages, listing or sitemap")
        return self


@register
class SchemaOrg(Adapter):
    """One answer per page; one row per event on it."""

    name: ClassVar[str] = "schema_org"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 4
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = SchemaOrgOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for every page, then land the list of them; only that last receipt says whether the poll was complete.

        Raises:
            ConfigurationError: a variable that an address names is not set.
            PermanentFailure: listing or sitemap is gone or none, or pages are refused.
            TransientFailure: pages still fail after the retries; the others were landed.
        """
        yield from _Poll(context).run()

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: SchemaOrgOptions) -> Parsed:
        """One row per event in what was landed of a page, or in a dropped file: a web page, or JSON-LD itself.

        Raises:
            UnreadableBody: too large, empty, or neither HTML nor JSON.
        """
        page, scripts = _scripts_of(body, options.max_bytes)
        if scripts is None:
            return Parsed({"event_observations": []})
        rejects: list[Reject] = []
        nodes: list[tuple[str, dict[str, Any]]] = []
        if not scripts:
            rejects.append(_feeds.reject("(whole page)", "no_json_ld", FAULTS))
        if len(scripts) > MAX_SCRIPTS:
            rejects.append(_feeds.reject("script", "too_many_scripts", FAULTS))
        for number, script in enumerate(scripts[:MAX_SCRIPTS], start=1):
            where = f"script {number}"
            try:
                document = read_script(script) if isinstance(script, str) else script
            except ValueError:
                rejects.append(_feeds.reject(where, "broken_script", FAULTS))
                continue
            nodes += _events(document, where, rejects)
        claims = list(_claims(nodes, page or receipt.origin, options, rejects))
        return Parsed({"event_observations": _feeds.rows_of(source, _slotted(claims, options), rejects)}, rejects)


# -- asking ---------------------------------------------------------------------------------------------------------


class _Poll:
    """One poll: the pages, and what went wrong with some of them."""

    def __init__(self, context: FetchContext) -> None:
        self.context = context
        self.options: SchemaOrgOptions = context.options
        self.failures: list[IngestError] = []
        self.asked = 0

    def run(self) -> Iterator[Arrival]:
        options = self.options
        if not (options.pages or options.listing or options.sitemap):
            return
        pages = self._pages()
        is_cut = len(pages) > options.max_pages
        in_a_row = 0
        for page in pages[: options.max_pages]:
            origin = redacted(page)
            try:
                arrival = self._page(page, origin)
            except IngestError as failure:
                if failure.reason in _asking.REFUSED_AS_A_WHOLE:
                    raise
                yield _asking.failed(self.context, origin, failure)
                self.failures.append(failure)
                in_a_row += 1
                if in_a_row == FAILURES_IN_A_ROW:
                    break
                continue
            in_a_row = 0
            yield arrival
        yield self._list(pages, is_complete=not is_cut and not self.failures)
        if is_cut:
            self.failures.append(
                PermanentFailure(
                    f"{len(pages)} pages are listed, and max_pages allows {options.max_pages}.",
                    reason="too_many_pages",
                    next_action="Narrow link_pattern, or raise max_pages in the source's options.",
                )
            )
        if self.failures:
            self._tell()

    def _tell(self) -> None:
        first = foremost(self.failures)
        kind = TransientFailure if isinstance(first, TransientFailure) else PermanentFailure
        words = str(first.args[0]).removesuffix(first.next_action).strip()
        raise kind(
            f"{len(self.failures)} of the pages failed; one of them: {words}",
            reason=first.reason,
            next_action=first.next_action,
        )

    def _ask(self, url: str, origin: str, headers: Mapping[str, str] | None = None) -> Answer:
        if self.asked and self.options.pause_seconds:
            time.sleep(self.options.pause_seconds)
        self.asked += 1
        return _asking.ask(self.context, url, origin, headers=headers)

    def _page(self, page: str, origin: str) -> Arrival:
        known = self.context.latest(origin)
        headers = {"If-None-Match": known.etag} if known is not None and known.etag else {}
        answer = self._ask(page, origin, headers)
        common: dict[str, Any] = {"origin": origin, "http_status": answer.status, "is_complete": False}
        if answer.status == 304 and known is not None:
            return Arrival(self.context.source.source_id, "poll", self.context.now, status="not_modified", **common)
        if answer.status != 200:
            raise _asking.refusal(origin, answer.status, "See whether the page was removed, or where it moved.")
        return Arrival(
            self.context.source.source_id,
            "poll",
            self.context.now,
            page_bytes(origin, answer.body),
            etag=answer.headers.get("ETag"),
            media_type="application/json",
            **common,
        )

    def _list(self, pages: Sequence[str], *, is_complete: bool) -> Arrival:
        """The pages that were there: what is missing from it next time was taken down."""
        window = _windows.yet_to_come(self.context) if is_complete and self.options.is_full else (None, None)
        return Arrival(
            self.context.source.source_id,
            "poll",
            self.context.now,
            _documents.as_bytes({"pages": [redacted(page) for page in pages]}),
            origin=f"{self.context.source.source_id} pages",
            window_start_at=window[0],
            window_end_at=window[1],
            # Only the publisher's word makes a list whole; a page that failed makes it incomplete in any case.
            is_complete=(True if self.options.is_full else None) if is_complete else False,
            media_type="application/json",
        )

    # finding the pages

    def _pages(self) -> list[str]:
        """The addresses to ask, each once, sorted: an order that changes must not look like another list.

        Raises:
            PermanentFailure: the listing or sitemap can't be read.
        """
        options = self.options
        if options.pages:
            return list(dict.fromkeys(expand(page) for page in options.pages))
        source = expand(options.listing or options.sitemap or "")
        found = self._links(source) if options.listing else self._sitemap(source, depth=0)
        host = urlsplit(source).netloc
        # The same host only: whoever edits the page must not choose which servers we ask.
        ours = [urlunsplit(urlsplit(link)._replace(fragment="")) for link in found if _netloc(link) == host]
        pages = {link for link in ours if re.search(options.link_pattern, link)}
        if not pages:
            raise PermanentFailure(
                f"{redacted(source)} leads to no page that link_pattern matches.",
                reason="no_pages",
                next_action="Open it in a browser, and mend link_pattern in the source's options.",
            )
        return sorted(pages)

    def _links(self, listing: str) -> list[str]:
        links = []
        for link in _pages.links(self._good(listing).body):
            try:
                links.append(urljoin(listing, link))
            except ValueError:
                continue
        return links

    def _sitemap(self, url: str, depth: int) -> list[str]:
        answer = self._good(url)
        try:
            root = fromstring(answer.body, forbid_dtd=True)
        except (DefusedXmlException, ParseError, ValueError, LookupError):
            raise PermanentFailure(
                f"{redacted(url)} is no sitemap.",
                reason="not_a_sitemap",
                next_action="Open it in a browser, and mend sitemap in the source's options.",
            ) from None
        links = [(e.text or "").strip() for e in root.iter() if str(e.tag).rsplit("}", 1)[-1] == "loc"]
        if not str(root.tag).endswith("sitemapindex"):
            return links
        if depth > 0:
            return []
        host = urlsplit(url).netloc
        return [page for link in links[:50] if _netloc(link) == host for page in self._sitemap(link, depth + 1)]

    def _good(self, url: str) -> Answer:
        origin = redacted(url)
        answer = self._ask(url, origin)
        if answer.status != 200:
            raise _asking.refusal(origin, answer.status)
        return answer


def _netloc(link: str) -> str:
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""


# -- from a page to its scripts -------------------------------------------------------------------------------------


def page_bytes(page: str, body: bytes) -> bytes:
    """What is landed of a page: the contents of its JSON-LD scripts, without people.

    A script that can be read is landed as what it says, without personal keys; one that can't as its text, without
    mail addresses and phone numbers, so that a better reader may try again.
    """
    scripts: list[Any] = []
    for text in _pages.json_ld(body):
        try:
            scripts.append(_minimising.impersonal(read_script(text)))
        except ValueError:
            scripts.append(_words.without_contacts(text))
    return _documents.as_bytes({"page": page, "scripts": scripts})


def read_script(text: str) -> Any:
    """A script's document; once more without CDATA, comments and trailing commas if it is none as it stands.

    Raises:
        ValueError: it is none either way.
    """
    try:
        return _documents.loads(text, strict=False)
    except ValueError:
        bare = _TRAILING.sub(r"\1", _LINE_COMMENT.sub("", _WRAPPING.sub("", _without_comments(text))))
        return _documents.loads(bare.strip().rstrip(";"), strict=False)


def _without_comments(text: str) -> str:
    """A script without `/* … */`. Searched by hand: a pattern would look for each missing end to the script's end."""
    parts = []
    place = 0
    while (start := text.find("/*", place)) >= 0 and (end := text.find("*/", start + 2)) >= 0:
        parts.append(text[place:start])
        place = end + 2
    return "".join([*parts, text[place:]])


def _scripts_of(body: bytes, max_bytes: int) -> tuple[str, list[Any] | None]:
    """The page's address and its scripts; None instead of scripts for a landed list of pages."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        if len(body) > max_bytes:
            _documents.read_json(body, max_bytes)  # tells the size
        return "", list[Any](_pages.json_ld(body))
    document = _documents.read_json(body, max_bytes)
    if isinstance(document, dict) and set(document) == {"pages"} and isinstance(document["pages"], list):
        return "", None
    if isinstance(document, dict) and set(document) == {"page", "scripts"} and isinstance(document["scripts"], list):
        return str(document["page"]), document["scripts"]
    if not isinstance(document, (dict, list)):
        raise UnreadableBody(
            "the body is neither a web page nor JSON-LD.",
            reason="wrong_shape",
            next_action="See what was dropped, or what answers at the address.",
        )
    return "", [document]


# -- from a script to its events ------------------------------------------------------------------------------------


def _is_event(node: Mapping[str, Any]) -> bool:
    kinds = types_of(node)
    return not kinds & _SERIES_TYPES and any(k.endswith("Event") or k in _OTHER_TYPES for k in kinds)


def _events(document: Any, where: str, rejects: list[Reject]) -> list[tuple[str, dict[str, Any]]]:
    """Every event of a document with its place, in the document's order. A part of a larger event stands for it."""
    found: list[tuple[str, dict[str, Any]]] = []
    waiting: list[tuple[str, Any]] = [(f"{where} $", document)]
    seen = 0
    while waiting:
        place, node = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            rejects.append(_feeds.reject(where, "too_many_nodes", FAULTS))
            break
        if isinstance(node, list):
            waiting += [(f"{place}[{n}]", child) for n, child in reversed(list(enumerate(node)))]
            continue
        if not isinstance(node, dict):
            continue
        parts = node.get("subEvent")
        parts = parts if isinstance(parts, list) else [parts]
        has_dated_parts = any(isinstance(part, dict) and part.get("startDate") for part in parts)
        if _is_event(node) and not has_dated_parts:
            found.append((place, node))
        for key in reversed(_PATHS):
            child = node.get(key)
            if isinstance(child, dict) and key == "itemListElement" and not child.get("@type"):
                child = list(child.values())  # keyed "0", "1", … by what wrote it
            if isinstance(child, (dict, list)):
                waiting.append((f"{place}.{key}", child))
    return found


def _claims(
    nodes: Sequence[tuple[str, dict[str, Any]]], page: str, options: SchemaOrgOptions, rejects: list[Reject]
) -> Iterator[Claim]:
    for place, node in nodes:
        try:
            yield _claim(place, node, page, options)
        except Faulty as fault:
            rejects.append(_feeds.reject(place, fault.reason, FAULTS))


def _claim(place: str, node: Mapping[str, Any], page: str, options: SchemaOrgOptions) -> Claim:
    start, end = first_text(node.get("startDate")), first_text(node.get("endDate"))
    dates = _spans.read_span(start, end, options.zone)
    length = _spans.read_duration(first_text(node.get("duration")))
    if end is None and length is not None and dates.has_time:
        dates = _spans.with_length(dates, length)
    page_of_event = first_text(node.get("url"))
    own = first_text(node.get("@id")) or page_of_event or first_text(node.get("identifier"))
    claim = Claim(place, "", dates)
    series_id = _feeds.short_id(urljoin(page, own) if own and _is_relative(own, page) else own)
    if series_id is None:
        words = (page, start or "", str(first_text(node.get("name"))))
        series_id = f"no-id-{_rows.sha(chr(31).join(words))[:20]}"
        claim.flags.append("no_id")
    claim.series_id = series_id
    claim.title = claim.say(first_text(node.get("name")))
    claim.location = place_of(node.get("location"), claim)
    claim.categories = claim.say_all(_texts(node.get("keywords")) + _texts(node.get("eventType")))
    claim.audience_claims = audiences_of(node, claim)
    claim.partner_claims = claim.say_partners(
        [*partners_of(node, options.own_names), *_feeds.partners_in(_unescaped(node.get("description")), options)],
        options.own_names,
    )
    claim.is_organised_by_library = organised_by(node, options.own_names)
    claim.url = _feeds.page_of(page_of_event) or _feeds.page_of(page)
    claim.status = status_of(node.get("eventStatus"), claim)
    if node.get("previousStartDate") is not None and "rescheduled" not in claim.flags:
        claim.flags.append("rescheduled")
    if node.get("eventSchedule") is not None:
        claim.flags.append("schedule_not_expanded")
    claim.is_recurring = isinstance(node.get("superEvent"), (dict, str))
    changed = _spans.read_moment(first_text(node.get("dateModified")), "UTC")
    claim.modified_at = changed.at if changed is not None and changed.has_time else None
    return claim


def _is_relative(text: str, page: str) -> bool:
    return text.startswith(("#", "/", "?", "./")) and page.startswith("http")


def _slotted(claims: list[Claim], options: SchemaOrgOptions) -> list[Claim]:
    """Claims whose id is shared by several dates get their start as slot."""
    starts: dict[str, set[Any]] = {}
    for claim in claims:
        starts.setdefault(claim.series_id, set()).add(claim.dates.start_at)
    for claim in claims:
        is_shared = len(starts[claim.series_id]) > 1
        if options.slot_by_start or is_shared:
            at = claim.dates.start_at
            claim.slot = f"{at:%Y-%m-%dT%H:%M:%SZ}" if claim.dates.has_time else claim.dates.start_on.isoformat()
            claim.is_recurring = claim.is_recurring or is_shared
            if not options.slot_by_start:
                claim.flags.append("shared_id")
    return claims


def _texts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [first_text(item) for item in value[:50]]
    return value.split(",")[:50] if isinstance(value, str) else []


def _unescaped(value: Any) -> str | None:
    text = first_text(value)
    return None if text is None else html.unescape(text)
