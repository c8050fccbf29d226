"""ACOS CMS: the event list on a municipality's pages, in its newer ("filtervisning") and its older form.

What belongs here: where the list stands in the pages, and how its words for dates and times are read. What does not:
landing (`_listing`), identity and words (`_records`), times (`_record_times`).

There is no contract: this is public markup. The list shows what is next; a nearer event pushes a farther one out,
which returns later. So an answer is never complete, and absence never means anything. There is no status either: an
event is cancelled when its title says so. Ask the municipality for an agreement before asking its pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from bs4 import BeautifulSoup, Tag
from pydantic import Field

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import IngestError, PermanentFailure, UnreadableBody
from ingest.events._documents import SHAPE_ACTION, wrong_shape
from ingest.events._listing import Client, Listing, deliver, pages_in
from ingest.events._options import ListOptions
from ingest.events._record_times import When, date_only, local_time, whole_days
from ingest.events._records import Claim, Claims
from ingest.events._windows import today_of
from ingest.events._words import MAIL, PHONE
from ingest.json_values import dict_of, text_of

INIT = "/api/presentation/v2/filtervisning"
# Per event only what is read: a teaser also holds pictures with their credits, and sometimes whom to call.
_CLASSES = ("title-text", "meta-item--date", "meta-item--time", "meta-item--location")
_WEB_PART_CLASSES = ("event-date-day", "event-date-month", "event-time", "event-title", "event-location")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januar jan",
            "februar feb",
            "mars mar",
            "april apr",
            "mai",
            "juni jun",
            "juli jul",
            "august aug",
            "september sep sept",
            "oktober okt",
            "november nov",
            "desember des",
        ),
        start=1,
    )
    for name in names.split()
}
_DAY = re.compile(r"(?<![0-9])([0-9]{1,2})\.\s*(?:([a-zæøå]+)\.?)?\s*([0-9]{4})?", re.IGNORECASE)
_CLOCK = re.compile(r"(?<![0-9])([0-2]?[0-9])[:.]([0-5][0-9])(?![0-9])")
_HOUR = re.compile(r"\bkl\.?\s*([0-2]?[0-9])(?![0-9:.]*[0-9])", re.IGNORECASE)
# A teaser is a few hundred letters; markup that never ends would cost seconds for each.
MAX_TEASER = 50_000
_WEB_PART_PAGE = re.compile(r"/CalendarEvent\.aspx\b", re.IGNORECASE)


class AcosOptions(ListOptions):
    """Options of `acos`.

    Attributes:
        url: the site's address without a path.
        page: path of the calendar page.
        form: `filtervisning` or, for the older web part, `webpart`.
        identifier: the list's identifier, if it is known; else it is looked up in the page at every poll.
        kategori: id of one category, as the page's own filter sends it.
    """

    page: str = Field(default="/kalender/", pattern=r"^/[^?#@]*$")
    form: Literal["filtervisning", "webpart"] = "filtervisning"
    identifier: str | None = Field(default=None, pattern=r"^[\w.-]{1,100}$")
    kategori: str | None = Field(default=None, pattern=r"^[\w-]{1,60}$")


@register
class Acos(Adapter):
    """The next events on one calendar page."""

    name: ClassVar[str] = "acos"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = AcosOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the list that the calendar page shows.

        Raises:
            PermanentFailure: refused, or the page has no such list.
            TransientFailure: the site is busy or can't be reached.
        """
        options: AcosOptions = context.options
        if options.url is None:
            return
        client = Client(context)
        listing = Listing()
        try:
            items = _list(client, options) if options.form == "filtervisning" else _web_part(client, options)
            listing.pages.append({"form": options.form, "items": items})
        except IngestError as failure:
            listing.fail(failure)
        yield from deliver(client, listing, {"list": "upcoming", "form": options.form}, today_of(context))

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: AcosOptions) -> Parsed:
        """One row per shown event.

        Takes what a poll lands, the interface's own JSON, and a saved page with the older web part.

        Raises:
            UnreadableBody: nothing of these.
        """
        claims = Claims(source, receipt, options)
        seen: set[str] = set()
        for where, page in _pages(body):
            items = page.get("items") if isinstance(page, dict) else None
            if not isinstance(items, list):
                raise wrong_shape(page, "list `items`")
            for pointer, item in claims.each(items, f"{where}.items"):
                claims.add(pointer, _claim, item, options, seen)
        return claims.parsed()


# -- asking ---------------------------------------------------------------------------------------------------------


def _list(client: Client, options: AcosOptions) -> list[Any]:
    identifier = options.identifier or _identifier(client, options)
    params = {"date": "upcoming", "deviceType": "desktop"}
    if options.kategori is not None:
        params["kategori"] = options.kategori
    document = client.get(f"{INIT}/{identifier}/init", params)
    items = _items(document)
    if items is None:
        raise client.wrong_shape(document, "a list `content.body.result.items`")
    return _kept(items)


def _identifier(client: Client, options: AcosOptions) -> str:
    found = _soup(_page(client, options)).select_one("div.js-filtervisning[data-filter-identifier]")
    identifier = "" if found is None else str(found["data-filter-identifier"])
    if not re.fullmatch(r"[\w.-]{1,100}", identifier):
        raise PermanentFailure(
            f"{client.origin}{options.page} shows no event list of the newer form.",
            reason="wrong_shape",
            next_action="Look at the page: mend `page`, try form: webpart, or report that the markup has changed.",
        )
    return identifier


def _web_part(client: Client, options: AcosOptions) -> list[Any]:
    items = [_web_part_item(item) for item in _soup(_page(client, options)).select("li.event")]
    if not items:
        # A page without events and a page of another form look alike: neither may pass for an empty calendar.
        raise PermanentFailure(
            f"{client.origin}{options.page} shows no event list of the older form.",
            reason="wrong_shape",
            next_action="Look at the page: if it lists events, mend `page` or try form: filtervisning.",
        )
    return _kept(items)


def _page(client: Client, options: AcosOptions) -> bytes:
    answer = client.ask(options.page)
    if answer.status != 200:
        client.document(answer)  # tells what the status means
    return answer.body


def _items(document: Any) -> list[Any] | None:
    result = document
    for name in ("content", "body", "result"):
        result = dict_of(result).get(name)
    items = dict_of(result).get("items")
    return items if isinstance(items, list) else None


def _kept(items: list[Any]) -> list[Any]:
    """Items reduced to the parts that are read, without addresses and numbers of people."""
    kept: list[Any] = []
    for item in items:
        if not isinstance(item, dict):
            kept.append(None)  # its place is kept: reading it tells that something stood there
            continue
        soup = _fragment(text_of(item.get("content")))
        parts = []
        for tag in soup.find_all(_is_read):
            words = " ".join(tag.get_text(" ").split())
            for pattern in (MAIL, PHONE):
                words = pattern.sub(" ", words)
            part = BeautifulSoup("", "html.parser").new_tag("span", attrs={"class": " ".join(_classes(tag))})
            part.string = words
            parts.append(str(part))
        kept.append({"content": "".join(parts), "navigateUrl": text_of(item.get("navigateUrl"))})
    return kept


def _is_read(tag: Tag) -> bool:
    return any(name in _WEB_PART_CLASSES or name.endswith(_CLASSES) for name in _classes(tag))


def _classes(tag: Tag) -> list[str]:
    told = tag.get("class")
    return [str(name) for name in told] if isinstance(told, list) else str(told or "").split()


# -- reading --------------------------------------------------------------------------------------------------------


def _pages(body: bytes) -> list[tuple[str, Any]]:
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        items = [_web_part_item(item) for item in _soup(body).select("li.event")]
        if not items:
            raise UnreadableBody(
                "the page shows no event list of the older form.", reason="wrong_shape", next_action=SHAPE_ACTION
            )
        return [("$", {"form": "webpart", "items": items})]
    pages = []
    for where, page in pages_in(body)[0]:
        items_told = _items(page)
        is_raw = items_told is not None
        pages.append((f"{where}.content.body.result" if is_raw else where, {"items": items_told} if is_raw else page))
    return pages


def _web_part_item(item: Tag) -> dict[str, str]:
    link = item.find("a", href=_WEB_PART_PAGE) or item.find("a", href=True)
    return {"content": str(item), "navigateUrl": str(link["href"]) if isinstance(link, Tag) else ""}


def _soup(body: bytes) -> BeautifulSoup:
    # Text, and not bytes whose encoding the library would guess: these pages are UTF-8.
    return BeautifulSoup(body.decode("utf-8", "replace"), "html.parser")


def _fragment(content: str) -> BeautifulSoup:
    # Inside an element: the library warns about text that looks like an address or a file name.
    return BeautifulSoup(f"<div>{content[:MAX_TEASER]}</div>", "html.parser")


def _claim(item: Mapping[str, Any], options: AcosOptions, seen: set[str]) -> Claim:
    content = item.get("content")
    if not isinstance(content, str):
        raise Faulty("not_an_object")
    soup = _fragment(content)
    is_web_part = soup.select_one(".event-date-day") is not None
    series_id, url = _identity(text_of(item.get("navigateUrl")), options)
    told = _web_part_date(soup) if is_web_part else _words(soup, "meta-item--date")
    days = _days(told)
    start, end, flags = _times(days, _words(soup, "event-time" if is_web_part else "meta-item--time"), options.zone)
    slot = ""
    if series_id in seen:
        # One page for several dates: the later ones are known by their start.
        slot, flags = f"{start.at:%Y-%m-%dT%H:%M:%SZ}", (*flags, "repeated_page")
    seen.add(series_id)
    return Claim(
        series_id,
        start,
        slot=slot,
        end=end,
        title=_words(soup, "event-title" if is_web_part else "title-text"),
        places=(_words(soup, "event-location" if is_web_part else "meta-item--location"),),
        says_status=False,
        url=url,
        flags=flags,
    )


def _words(soup: BeautifulSoup, ending: str) -> str:
    """The text of the first element with a class of that ending."""
    found = soup.find(lambda tag: any(name.endswith(ending) for name in _classes(tag)))
    # Its letters are no markup any more: what looks like a tag in them was written to be seen.
    return "" if found is None else " ".join(found.get_text(" ").split()).replace("&", "&amp;").replace("<", "&lt;")


def _web_part_date(soup: BeautifulSoup) -> str:
    day = soup.select_one(".event-date-day")
    parts = [] if day is None else [day.get_text(" ").strip().rstrip(".") + "."]
    parts += [tag.get_text(" ").strip() for tag in soup.select(".event-date-month")[:2]]
    return " ".join(parts)


def _identity(link: str, options: AcosOptions) -> tuple[str, str]:
    """The record's id and its public page.

    Raises:
        Faulty: there is no link to it.
    """
    try:
        parts = urlsplit(link.strip())
        number = parse_qs(parts.query).get("Id", parse_qs(parts.query).get("id", [""]))[0]
    except ValueError:
        raise Faulty("no_id") from None
    if not parts.path or parts.path == "/":
        raise Faulty("no_id")
    if _WEB_PART_PAGE.search(parts.path):
        if not number.isdecimal():
            raise Faulty("no_id")
        return f"{parts.path}?Id={number}", ""  # its page is nothing without the query
    base = (options.url or "").rstrip("/")
    is_known = bool(parts.netloc) or (base and "$" not in base)
    return parts.path, link if parts.netloc else f"{base}{parts.path}" if is_known else ""


def _days(told: str) -> list[date]:
    """The first and the last date of `Måndag 9. mars 2026` or `9. - 13. mars 2026`.

    Raises:
        Faulty: no date, or one without month or year.
    """
    if not told.strip():
        raise Faulty("no_start")
    found = _DAY.findall(told)[:2]
    year, month = "", 0
    days: list[date] = []
    for number, name, told_year in reversed(found):
        # From the last date to the first: what an earlier one leaves out, the later one says.
        month_told = _MONTHS.get(name.casefold(), 0)
        year, month = told_year or year, month_told or month
        try:
            days.insert(0, date(int(year), month, int(number)))
        except ValueError:
            raise Faulty("bad_start") from None
    if not days:
        raise Faulty("bad_start")
    # "30. desember - 2. januar 2027" names one year and means two.
    if len(days) == 2 and days[0] > days[1] and not found[0][2]:
        try:
            days[0] = days[0].replace(year=days[0].year - 1)
        except ValueError:
            raise Faulty("bad_start") from None
    return days


def _times(days: list[date], told: str, zone: str) -> tuple[When, When | None, tuple[str, ...]]:
    clocks = [(int(hour), int(minute)) for hour, minute in _CLOCK.findall(told)] or [
        (int(hour), 0) for hour in _HOUR.findall(told)
    ]
    first, last = date_only(days[0], zone), date_only(days[-1], zone)
    if not clocks or any(hour > 24 or (hour == 24 and minute) for hour, minute in clocks[:2]):
        return (*whole_days(first, last, zone), ("bad_time",) if told.strip() else ())
    start = _at(days[0], clocks[0], zone)
    if len(clocks) < 2:
        return start, last if len(days) == 2 and days[1] > days[0] else None, ()
    end_day = days[-1]
    if len(days) == 1 and clocks[1] < clocks[0]:
        end_day += timedelta(days=1)  # "kl. 20:00 - 01:00"
    return start, _at(end_day, clocks[1], zone), ()


def _at(day: date, clock: tuple[int, int], zone: str) -> When:
    date_only(day, zone)  # refuses years out of range
    days, hour = divmod(clock[0], 24)
    return local_time(datetime.combine(day + timedelta(days=days), time(hour, clock[1])), zone)
