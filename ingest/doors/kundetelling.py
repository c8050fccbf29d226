"""Kundetelling.no: counts by web service, a CSV inside an XML text.

What belongs here: this vendor's question and answer. What does not: days (`_portal`) and rows (`_records`).

The shape is that of a client of 2017. There is no count of people leaving: `out_count` is null, never 0. The vendor's
example address is plain http with the password in it; only https is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from ingest import wording
from ingest.access import Variable, secret
from ingest.adapters import FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source
from ingest.doors._asking import Access, Question
from ingest.doors._keys import ONLY_LINE
from ingest.doors._portal import PortalAdapter, PortalOptions, interval_field
from ingest.doors._records import ABSENT, Reading, Record, Stamp, minutes_of, not_a_record, read_moment, read_xml
from ingest.errors import UnreadableBody
from ingest.wording import name_key

HEADER = ("id", "date", "visitcount")


class KundetellingOptions(PortalOptions):
    """Options of `kundetelling`.

    Attributes:
        user_env, password_env: names of the environment variables with the account's user name and password.
        interval_minutes: length of a row; the vendor does not say it.
        stamp: whether a row's time is its interval's start or end; not documented, so compare with opening hours.
    """

    url: str = "https://www.kundetelling.no"
    user_env: Variable
    password_env: Variable
    interval_minutes: int = interval_field(60)
    stamp: Stamp = "start"


@register
class Kundetelling(PortalAdapter):
    """All counters of an account, a day at a time."""

    name: ClassVar[str] = "kundetelling"
    version: ClassVar[int] = 1
    options: ClassVar[type[Options]] = KundetellingOptions

    def access(self, context: FetchContext) -> Access:
        options: KundetellingOptions = context.options
        return Access((secret(options.password_env),), f"{options.user_env} and {options.password_env}")

    def questions(self, options: KundetellingOptions, day: date, zone: ZoneInfo) -> Iterator[Question]:
        yield Question(
            "/ws/publicservice.asmx/ExportAll",
            params={
                "username": secret(options.user_env),
                "password": secret(options.password_env),
                "from": f"{day:%d-%m-%Y} 00:00",
                "to": f"{day + timedelta(days=1):%d-%m-%Y} 00:00",
            },
            about={"interval_minutes": options.interval_minutes},
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: KundetellingOptions) -> Parsed:
        """One row per counter and interval.

        Raises:
            UnreadableBody: not XML, or no table with the columns Id, Date and VisitCount: a refusal comes as a text.
        """
        lines = wording.lines_of(_table(body))
        header = [name_key(cell) for cell in lines[0][1].split(";")] if lines else []
        if not set(HEADER) <= set(header) or len(set(header)) != len(header):
            raise UnreadableBody(
                "the answer is no table of counts (columns Id, Date, VisitCount): the vendor refuses in words.",
                reason="wrong_header",
                next_action="Ask for the same day in a browser and read what it says.",
            )
        at = [header.index(name) for name in HEADER]
        records: list[Record] = []
        rejects: list[Reject] = []
        for number, cells in wording.cells_of(lines[1:], ";"):
            pointer = f"line {number}"
            if len(cells) != len(header):
                rejects.append(not_a_record(pointer))
                continue
            device, stamp, count = (cells[i].strip() for i in at)
            records.append(
                Record(pointer, name_key(device), ONLY_LINE, stamp, read_moment(stamp), count, out_value=ABSENT)
            )
        minutes = minutes_of(receipt, options.interval_minutes)
        return Reading(source, receipt, minutes, options.stamp, options.zone).parsed(records, rejects)


def _table(body: bytes) -> str:
    """The first text of the document.

    Raises:
        UnreadableBody: not XML, or XML with entities of its own.
    """
    return next((text for element in read_xml(body).iter() if (text := element.text) and text.strip()), "")
