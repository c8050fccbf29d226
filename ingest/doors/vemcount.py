"""Vemcount: counts per sensor of a shop, as JSON.

What belongs here: this vendor's question and answer. What does not: days (`_portal`) and rows (`_records`).

The shape is that of a client of 2017; the vendor's newer report API is another one. Asked per sensor (`mac_id`):
summed by shop, a dead sensor would hide behind a living one. The answer is cut silently at `limit`, so that many
records exactly are refused. `created_at_unix` is taken before the local `created_at`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from ingest.access import Variable, read_json, secret
from ingest.adapters import FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._asking import Access, Question
from ingest.doors._portal import PortalAdapter, PortalOptions, interval_field
from ingest.doors._records import (
    Moment,
    Reading,
    Record,
    Stamp,
    minutes_of,
    no_data,
    not_a_record,
    read_moment,
    text_key,
    vendor_code,
)
from ingest.errors import UnreadableBody

# 1990 and 2100, in seconds: outside, it is no time.
_PLAUSIBLE = range(631_152_000, 4_102_444_800)


class VemcountOptions(PortalOptions):
    """Options of `vemcount`.

    Attributes:
        key_env: name of the environment variable with the API key.
        shops: the shops' own ids (`custom_shop_id`), one request each and day.
        interval_minutes: length of a record.
        stamp: whether its time is the interval's start or end; not documented, so compare with opening hours.
        limit: most records of one answer.
    """

    url: str = "https://login.vemcount.com"
    key_env: Variable
    shops: Annotated[tuple[str, ...], Field(min_length=1)]
    interval_minutes: int = interval_field(15)
    stamp: Stamp = "start"
    limit: int = Field(default=10_000, ge=1)


@register
class Vemcount(PortalAdapter):
    """All sensors of the configured shops, a shop and day at a time."""

    name: ClassVar[str] = "vemcount"
    version: ClassVar[int] = 1
    options: ClassVar[type[Options]] = VemcountOptions

    def access(self, context: FetchContext) -> Access:
        return Access((secret(context.options.key_env),), context.options.key_env)

    def questions(self, options: VemcountOptions, day: date, zone: ZoneInfo) -> Iterator[Question]:
        for shop in options.shops:
            asked = {
                "type": "custom_shop_id",
                "id": shop,
                "interval": f"{options.interval_minutes}min",
                "limit": str(options.limit),
                "group_by": "mac_id",
                "date_from": f"{day} 00:00",
                "date_to": f"{day + timedelta(days=1)} 00:00",
            }
            yield Question(
                "/api/fetch_data/",
                params={"data": json.dumps({"api_key": secret(options.key_env), **asked})},
                about={"shop": shop, "interval_minutes": options.interval_minutes, "limit": options.limit},
                site=shop,
            )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: VemcountOptions) -> Parsed:
        """One row per sensor and interval.

        Raises:
            UnreadableBody: not JSON, no `data` (an error, never an empty day), or as many records as `limit`.
        """
        document = read_json(body)
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, list):
            raise no_data(vendor_code(document), "list `data`")
        limit = receipt.asked.get("limit", options.limit)
        if isinstance(limit, int) and len(data) >= limit:
            raise UnreadableBody(
                f"the answer holds {len(data)} records, which is its limit: it is probably cut.",
                reason="cut_at_limit",
                next_action="Raise limit in the source's options, or lengthen interval_minutes.",
            )
        records: list[Record] = []
        rejects: list[Reject] = []
        for n, entry in enumerate(data):
            pointer = f"$.data[{n}]"
            if isinstance(entry, dict):
                records.append(_record(pointer, entry))
            else:
                rejects.append(not_a_record(pointer))
        minutes = minutes_of(receipt, options.interval_minutes)
        return Reading(source, receipt, minutes, options.stamp, options.zone).parsed(records, rejects)


def _record(pointer: str, entry: dict[str, Any]) -> Record:
    local, unix = entry.get("created_at"), entry.get("created_at_unix")
    exact = _moment(unix)
    is_entrance = text_key(entry.get("is_entrance"))
    stamp = local if isinstance(local, str) else ""
    stamp = f"{stamp} ({unix})" if exact is not None else stamp
    return Record(
        pointer,
        device_key=text_key(entry.get("custom_shop_id")) or text_key(entry.get("shop_id")),
        line_key=text_key(entry.get("sensor_id")),
        stamp_text=stamp,
        moment=exact or read_moment(local),
        in_value=entry.get("count_in"),
        out_value=entry.get("count_out"),
        vendor_status=f"is_entrance={is_entrance}" if is_entrance else None,
    )


def _moment(unix: Any) -> Moment | None:
    if isinstance(unix, str) and unix.isascii() and unix.isdigit() and len(unix) <= 10:
        unix = int(unix)
    if isinstance(unix, bool) or not isinstance(unix, int) or unix not in _PLAUSIBLE:
        return None
    return Moment(unix * 1_000_000, is_exact=True)
