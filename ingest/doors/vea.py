"""SenSource Vea: counts per zone, as JSON, in UTC.

What belongs here: this vendor's question and answer. What does not: days (`_portal`) and rows (`_records`).

The column of the time is named after the grouping (`recordDate_hour_1`), so its name tells the interval. Times are
UTC and taken as the interval's start. `excludeClosedHours` stays false: true would drop unstaffed opening silently.
A door may be two zones, adults and children, which add up, and inner zones are told beside them: which zones make
visits is dated in `library.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from ingest.access import Variable, address, read_json, secret, token_of
from ingest.adapters import FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Receipt
from ingest.config import Source, start_of
from ingest.doors._asking import Access, Question
from ingest.doors._keys import ONLY_LINE
from ingest.doors._portal import PortalAdapter, PortalOptions
from ingest.doors._records import Moment, Reading, Record, no_data, not_a_record, read_moment, text_key, vendor_code
from ingest.errors import UnreadableBody

GROUPINGS = {15: "minute(15)", 60: "hour(1)"}
_COLUMN = re.compile(r"recordDate_(minute|hour)_([0-9]{1,2})")


class VeaOptions(PortalOptions):
    """Options of `vea`.

    Attributes:
        auth_url: where the token is asked for.
        client_id_env, client_secret_env: names of the environment variables with the API client's id and secret. A
            new token ends the old one: no other program may use the same client.
        interval_minutes: length of a record.
    """

    url: str = "https://vea.sensourceinc.com/api"
    auth_url: str = "https://auth.sensourceinc.com/oauth/token"
    client_id_env: Variable
    client_secret_env: Variable
    interval_minutes: Literal[15, 60] = 60


@register
class Vea(PortalAdapter):
    """All zones that the client may see, a local day at a time."""

    name: ClassVar[str] = "vea"
    version: ClassVar[int] = 1
    options: ClassVar[type[Options]] = VeaOptions

    def access(self, context: FetchContext) -> Access:
        options: VeaOptions = context.options
        client_id, client_secret = secret(options.client_id_env), secret(options.client_secret_env)
        variables = f"{options.client_id_env} and {options.client_secret_env}"
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        token = token_of(context.session, address(options.auth_url), form, variables)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return Access((client_secret, token), variables, headers=headers, has_token=True)

    def questions(self, options: VeaOptions, day: date, zone: ZoneInfo) -> Iterator[Question]:
        yield Question(
            "/data/traffic",
            params={
                "relativeDate": "custom",
                "startDate": _utc(start_of(day, zone)),
                "endDate": _utc(start_of(day + timedelta(days=1), zone)),
                "dateGroupings": GROUPINGS[options.interval_minutes],
                "entityType": "zone",
                "excludeClosedHours": "false",
                "metrics": "ins,outs",
            },
            about={"interval_minutes": options.interval_minutes},
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: VeaOptions) -> Parsed:
        """One row per zone and interval.

        Raises:
            UnreadableBody: not JSON, neither a list nor an object with `results`, or not exactly one column of times.
        """
        document = read_json(body)
        results = document.get("results") if isinstance(document, dict) else document
        where = "$.results" if isinstance(document, dict) else "$"
        if not isinstance(results, list):
            raise no_data(vendor_code(document), "list `results`")
        column, minutes = _column(results, options)
        records: list[Record] = []
        rejects: list[Reject] = []
        for n, entry in enumerate(results):
            pointer = f"{where}[{n}]"
            if isinstance(entry, dict):
                records.append(_record(pointer, entry, column))
            else:
                rejects.append(not_a_record(pointer))
        return Reading(source, receipt, minutes, "start", options.zone).parsed(records, rejects)


def _column(results: list[Any], options: VeaOptions) -> tuple[str, int]:
    """The column of the times, and the interval in minutes that its name tells.

    Raises:
        UnreadableBody: none of the records has one, or they have different ones.
    """
    found = {key for entry in results if isinstance(entry, dict) for key in entry if key.startswith("recordDate_")}
    if not found:
        if results and any(isinstance(entry, dict) for entry in results):
            raise no_data(None, "column `recordDate_*`")
        return "", options.interval_minutes
    named = _COLUMN.fullmatch(next(iter(found)))
    minutes = int(named[2]) * (60 if named[1] == "hour" else 1) if named else 0
    if len(found) > 1 or not 1 <= minutes <= 60:
        raise UnreadableBody(
            "the answer is grouped in another way than by one interval of at most an hour.",
            reason="wrong_grouping",
            next_action="Ask for hour(1) or minute(15) only; if the source did, report it to the vendor.",
        )
    return found.pop(), minutes


def _record(pointer: str, entry: Mapping[str, Any], column: str) -> Record:
    stamp = entry.get(column)
    moment = read_moment(stamp)
    return Record(
        pointer,
        device_key=text_key(entry.get("zoneId")),
        line_key=ONLY_LINE,
        stamp_text=str(stamp),
        moment=None if moment is None else Moment(moment.us, is_exact=True),
        in_value=entry.get("sumins"),
        out_value=entry.get("sumouts"),
    )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
