"""TrafSys: counts per location of a site, as JSON.

What belongs here: this vendor's question and answer. What does not: days (`_portal`) and rows (`_records`).

`PeriodEnding` is the local end of the hour, without an offset: the last hour of a day carries the date of the next
one. It is shifted first and localised then. Dates that are asked for include both ends. Which day's answer holds the
hour that ends at midnight is not documented; either is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from ingest.access import Variable, address, read_json, secret, token_of
from ingest.adapters import FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._asking import Access, Question
from ingest.doors._portal import PortalAdapter, PortalOptions
from ingest.doors._records import Reading, Record, minutes_of, no_data, not_a_record, read_moment, text_key, vendor_code

INTERVAL_MINUTES = 60


class TrafSysOptions(PortalOptions):
    """Options of `trafsys`.

    Attributes:
        user_env, password_env: names of the environment variables with the account's user name and password.
        site_code: one site only; empty for all that the account may see.
    """

    url: str = "https://portal.trafnet.com/rest"
    days: int = Field(default=14, ge=1, le=3700)
    pause_seconds: float = Field(default=5, ge=0, le=120)
    user_env: Variable
    password_env: Variable
    site_code: str = ""


@register
class TrafSys(PortalAdapter):
    """All locations of the account's sites, a day at a time."""

    name: ClassVar[str] = "trafsys"
    version: ClassVar[int] = 1
    options: ClassVar[type[Options]] = TrafSysOptions

    def access(self, context: FetchContext) -> Access:
        options: TrafSysOptions = context.options
        user, password = secret(options.user_env), secret(options.password_env)
        variables = f"{options.user_env} and {options.password_env}"
        form = {"grant_type": "password", "username": user, "password": password}
        token = token_of(context.session, f"{address(options.url)}/token", form, variables)
        return Access((password, token), variables, headers={"Authorization": f"Bearer {token}"}, has_token=True)

    def questions(self, options: TrafSysOptions, day: date, zone: ZoneInfo) -> Iterator[Question]:
        yield Question(
            "/api/traffic",
            params={
                "SiteCode": options.site_code,
                "DateFrom": day.isoformat(),
                "DateTo": day.isoformat(),
                "IncludeInternalLocations": "false",
                "DataSummedByDay": "false",
            },
            about={"site_code": options.site_code, "interval_minutes": INTERVAL_MINUTES},
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: TrafSysOptions) -> Parsed:
        """One row per location and hour.

        Raises:
            UnreadableBody: not JSON, or no list: an error, never an empty day.
        """
        document = read_json(body)
        if not isinstance(document, list):
            raise no_data(vendor_code(document), "list of counts")
        records: list[Record] = []
        rejects: list[Reject] = []
        for n, entry in enumerate(document):
            pointer = f"$[{n}]"
            if not isinstance(entry, dict):
                rejects.append(not_a_record(pointer))
                continue
            stamp = entry.get("PeriodEnding")
            records.append(
                Record(
                    pointer,
                    device_key=text_key(entry.get("SiteCode")),
                    line_key=text_key(entry.get("Location")),
                    stamp_text=str(stamp),
                    moment=read_moment(stamp),
                    in_value=entry.get("Ins"),
                    out_value=entry.get("Outs"),
                )
            )
        minutes = minutes_of(receipt, INTERVAL_MINUTES)
        return Reading(source, receipt, minutes, "end", options.zone).parsed(records, rejects)
