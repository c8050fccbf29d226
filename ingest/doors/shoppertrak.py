"""ShopperTrak (Sensormatic): counts per entrance of a site, as XML.

What belongs here: this vendor's question, answer and codes. What does not: days (`_portal`) and rows (`_records`).

`startTime` is local, without zone or fold. Code 01 is healthy; under any other the vendor puts its own estimate
(`vendor_imputed`) or nought, which then says nothing (`not_observed`). Errors come with HTTP status 200. The source
forgets after 30 days, limits the requests of a day, and has answered with another day than the one asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote
from xml.etree.ElementTree import Element  # a type only; parsing is guarded_xml's
from zoneinfo import ZoneInfo

from pydantic import Field

from ingest.access import Variable, read_json, secret
from ingest.adapters import FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._asking import Access, Question
from ingest.doors._portal import PortalAdapter, PortalOptions
from ingest.doors._records import (
    Moment,
    Reading,
    Record,
    minutes_of,
    no_data,
    read_moment,
    read_xml,
    unknown_code,
    vendor_code,
)
from ingest.errors import UnreadableBody
from ingest.wording import name_key

HEALTHY, UNHEALTHY = "01", "02"
ACTIONS = {
    "E101": ("the site is not known.", "Mend its id under sites in the source's options."),
    "E104": ("the site's id fits several sites.", "Name the whole id under sites in the source's options."),
    "E110": ("the account may not see the site.", "Ask the vendor for access, or take it out of sites."),
    "E107": ("the day's number of requests is used up.", "The limit ends by itself; ask more seldom if it recurs."),
    "E000": ("the service is down.", "Nothing to do if it passes; the next poll asks again."),
    "E108": ("the service is busy.", "Nothing to do if it passes; the next poll asks again."),
}
_CODE = re.compile("[A-Z]?[0-9]{3,4}")
_ENTRANCE = re.compile(r"\s*(?:EP)?\s*0*([0-9]{1,6})\s*", re.IGNORECASE)


class ShopperTrakOptions(PortalOptions):
    """Options of `shoppertrak`.

    Attributes:
        days: at most 30: the source forgets what is older.
        user_env, password_env: names of the environment variables with the account's user name and password.
        sites: the sites' ids, spaces and all, one request each and day.
        interval_minutes: length of a record.
    """

    url: str = "https://stws.shoppertrak.com/Traffic/Customer/v2.0"
    days: int = Field(default=30, ge=1, le=30)
    user_env: Variable
    password_env: Variable
    sites: Annotated[tuple[str, ...], Field(min_length=1)]
    interval_minutes: Literal[15, 30, 60] = 15


@register
class ShopperTrak(PortalAdapter):
    """All entrances of the configured sites, a site and day at a time."""

    name: ClassVar[str] = "shoppertrak"
    version: ClassVar[int] = 1
    options: ClassVar[type[Options]] = ShopperTrakOptions
    stops: ClassVar[dict[str, tuple[str, str]]] = {"E107": ACTIONS["E107"]}
    busy: ClassVar[frozenset[str]] = frozenset({"E000", "E108"})
    site_faults: ClassVar[frozenset[str]] = frozenset({"E101", "E104", "E110"})

    def access(self, context: FetchContext) -> Access:
        options: ShopperTrakOptions = context.options
        user, password = secret(options.user_env), secret(options.password_env)
        return Access(
            (password,),
            f"{options.user_env} and {options.password_env}",
            headers={"Cache-Control": "no-cache", "Pragma": "no-cache"},
            auth=(user.encode(), password.encode()),
        )

    def questions(self, options: ShopperTrakOptions, day: date, zone: ZoneInfo) -> Iterator[Question]:
        for site in options.sites:
            yield Question(
                f"/service/site/{quote(site, safe='')}",
                params={
                    "date": f"{day:%Y%m%d}",
                    "increment": str(options.interval_minutes),
                    "total_property_only": "false",
                    "detail": "entrance",
                },
                about={"site": site, "interval_minutes": options.interval_minutes},
                site=site,
            )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: ShopperTrakOptions) -> Parsed:
        """One row per entrance and interval.

        Raises:
            UnreadableBody: an error of the vendor (the reason is its code), not XML, a day that was not asked for,
                or no counts at all.
        """
        root = _document(body)
        asked = str(receipt.asked.get("day", "")).replace("-", "")
        records: list[Record] = []
        rejects: list[Reject] = []
        told_codes = {HEALTHY, UNHEALTHY}
        for pointer, site, day, entrance, traffic in _traffic(root):
            if asked and day != asked:
                raise UnreadableBody(
                    "the answer is of another day than the one asked for.",
                    reason="wrong_date",
                    next_action="Nothing to do if it passes; the next poll asks for the day again.",
                )
            code = traffic.get("code", "").strip()
            if code not in told_codes:  # once per answer and code
                told_codes.add(code)
                rejects.append(unknown_code(pointer))
            stamp = traffic.get("startTime", "").strip()
            records.append(
                Record(
                    pointer,
                    device_key=name_key(site),
                    line_key=entrance_key(entrance),
                    stamp_text=f"{day} {stamp}",
                    moment=_moment(day, stamp),
                    in_value=traffic.get("enters"),
                    out_value=traffic.get("exits"),
                    vendor_status=code,
                    is_unhealthy=code != HEALTHY,
                )
            )
        if not records:
            raise UnreadableBody(
                "the answer holds no counts.",
                reason="no_traffic",
                next_action="The next poll asks for the day again; if it lasts, ask the vendor about the site.",
            )
        minutes = minutes_of(receipt, options.interval_minutes)
        return Reading(source, receipt, minutes, "start", options.zone).parsed(records, rejects)


def entrance_key(text: str) -> str:
    """The entrance's number: ` EP02 `, `EP 2` and `2` are one. A name without a number is a key as it stands."""
    found = _ENTRANCE.fullmatch(text)
    return found[1] if found else name_key(text)


@lru_cache(maxsize=8192)  # every entrance of every site tells the same quarters
def _moment(day: str, stamp: str) -> Moment | None:
    if not re.fullmatch("[0-9]{8}", day) or not re.fullmatch("[0-9]{6}", stamp) or stamp[:2] == "24":
        return None
    return read_moment(f"{day[:4]}-{day[4:6]}-{day[6:]}T{stamp[:2]}:{stamp[2:4]}:{stamp[4:]}")


def _document(body: bytes) -> Element:
    """The document, when it is one of counts.

    Raises:
        UnreadableBody: an error of the vendor, in XML or JSON, or no such document.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        raise _refusal(vendor_code(read_json(body)))
    root = read_xml(body)
    error = next((e for e in root.iter() if _local(e) == "error"), None)
    if _local(root) != "sites" or error is not None:
        raise _refusal(None if error is None else (error.text or "").strip())
    return root


def _refusal(code: str | None) -> UnreadableBody:
    if code and _CODE.fullmatch(code):
        code = "E000" if code == "000" else code
        if code in ACTIONS:
            says, action = ACTIONS[code]
            return UnreadableBody(f"the vendor answers {code}: {says}", reason=code, next_action=action)
        return no_data(code, "counts")
    return no_data(None, "counts")


def _local(element: Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _traffic(root: Element) -> Iterator[tuple[str, str, str, str, Element]]:
    """Every count with its XPath, site, day and entrance."""
    for site_step, site in _steps(root, "site"):
        for date_step, day in _steps(site, "date"):
            for entrance_step, entrance in _steps(day, "entrance"):
                for traffic_step, traffic in _steps(entrance, "traffic"):
                    pointer = f"/sites/{site_step}/{date_step}/{entrance_step}/{traffic_step}"
                    names = site.get("siteID", ""), day.get("dateValue", "").strip(), entrance.get("entranceName", "")
                    yield pointer, *names, traffic


def _steps(parent: Element, name: str) -> Iterator[tuple[str, Element]]:
    for n, child in enumerate((c for c in parent if _local(c) == name), 1):
        yield f"{name}[{n}]", child
