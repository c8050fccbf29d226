"""DPL CMS, the Danish public libraries' website: its list of published event instances.

What belongs here: this system's question, its list and its words. What does not: what absence means (dbt). The list
holds an instance until six hours after its end and then drops it: what is missing from it is history first, and only
an instance that was still to come can have been withdrawn.

One instance is one holding: `series` names the series and the instance's own id the slot, which stays when it moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import model_validator

from ingest.access import Variable, secret
from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand, start_of
from ingest.events import _asking, _documents, _feeds, _minimising, _spans, _windows
from ingest.events._feeds import Claim
from ingest.events._options import FeedOptions
from ingest.events._rows import Span
from ingest.events._spans import Moment

PATH = "/api/v1/events"
# What is landed of an instance. Descriptions and whatever a later version adds stay behind: nobody has looked at it.
KEPT = (
    *("uuid", "title", "created_at", "updated_at", "url", "state", "all_day", "date_time", "branches", "address"),
    *("categories", "tags", "partners", "series", "ticket_capacity", "ticket_categories"),
)
_STATES = {
    "TicketSaleNotOpen": "scheduled",
    "Active": "scheduled",
    "SoldOut": "scheduled",
    "Occurred": "scheduled",
    "Cancelled": "cancelled",
}


class DplCmsOptions(FeedOptions):
    """What a source of this system may say.

    Attributes:
        url: the site's address; the path of its API is added.
        user_env, password_env: the environment variables with the account that may read the API.
        from_date: instances that start before this local date are not asked for; a running exhibition is then missing.
            Absent: the whole list.
    """

    user_env: Variable | None = None
    password_env: Variable | None = None
    from_date: date | None = None

    @model_validator(mode="after")
    def _both(self) -> DplCmsOptions:
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("name both user_env and password_env, or neither")
        return self


@register
class DplCms(Adapter):
    """Every published instance, each poll."""

    name: ClassVar[str] = "dpl_cms"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = DplCmsOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the list once.

        The receipt's window begins with the local day of asking, or `from_date` if that is later: what is over is not
        in the list. It ends with the year after next's beginning; the list itself has no end.

        Raises:
            ConfigurationError: a variable is not set.
            PermanentFailure: the account is refused or the address is wrong.
            TransientFailure: still failing after the retries.
        """
        options: DplCmsOptions = context.options
        if options.url is None:
            return
        zone = ZoneInfo(options.zone)
        origin = _asking.origin_with_path(options.url) + PATH
        params = {"_format": "json"}
        if options.from_date is not None:
            params["from_date"] = start_of(options.from_date, zone).isoformat()
        auth = None
        if options.user_env is not None and options.password_env is not None:
            auth = (secret(options.user_env).encode(), secret(options.password_env).encode())
        answer = _asking.ask(context, expand(options.url).rstrip("/") + PATH, origin, params=params, auth=auth)
        if answer.status != 200:
            raise _asking.refusal(origin, answer.status)
        first, end = _windows.yet_to_come(context)
        body, count = _minimised(answer.body)
        yield Arrival(
            context.source.source_id,
            "poll",
            context.now,
            body,
            origin=origin,
            ask={"from_date": options.from_date.isoformat()} if options.from_date is not None else {},
            window_start_at=first if options.from_date is None else max(first, start_of(options.from_date, zone)),
            window_end_at=end,
            # An empty list is what a broken view looks like, too; nothing may be withdrawn because of it.
            is_complete=None if count == 0 else count is not None,
            http_status=answer.status,
            media_type=answer.headers.get("Content-Type"),
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: DplCmsOptions) -> Parsed:
        """One row per instance.

        Raises:
            UnreadableBody: not JSON, or no list.
        """
        document = _documents.read_json(body, options.max_bytes)
        if not isinstance(document, list):
            raise _feeds.wrong_shape("list of events")
        rejects: list[Reject] = []
        claims = _feeds.each(document, "$", rejects, lambda where, record: _claim(where, record, options))
        return Parsed({"event_observations": _feeds.rows_of(source, claims, rejects)}, rejects)


def _minimised(body: bytes) -> tuple[bytes, int | None]:
    """The list with what is kept of each instance, and its length; what is no list stays as it came."""
    try:
        document = _documents.loads(body.decode("utf-8-sig"))
    except ValueError:
        return body, None
    if not isinstance(document, list):
        return body, None
    kept = _minimising.impersonal([_minimising.only(item, KEPT) for item in document])
    return _documents.as_bytes(kept), len(document)


def _claim(where: str, record: Mapping[str, Any], options: DplCmsOptions) -> Claim:
    uuid = _feeds.short_id(record.get("uuid"))
    if uuid is None:
        raise Faulty("no_id")
    series = record.get("series")
    series_id = _feeds.short_id(series.get("uuid")) if isinstance(series, dict) else None
    claim = Claim(where, series_id or uuid, _dates(record, options), slot=uuid if series_id else "")
    claim.is_recurring = series_id is not None
    claim.title = claim.say(record.get("title"))
    claim.categories = claim.say_all([*_texts(record.get("branches")), *_texts(record.get("categories"))])
    claim.partner_claims = claim.say_partners(_texts(record.get("partners")))
    claim.location = _place(record.get("address"), claim)
    claim.url = _feeds.page_of(record.get("url"))
    state = str(record.get("state"))
    claim.status = _STATES.get(state, "scheduled")
    if state not in _STATES:
        claim.flags.append("unknown_status")
    changed = _spans.read_moment(record.get("updated_at"), "UTC")
    claim.modified_at = changed.at if changed is not None else None
    return claim


def _dates(record: Mapping[str, Any], options: DplCmsOptions) -> Span:
    told = record.get("date_time")
    told = told if isinstance(told, dict) else {}
    dates = _spans.read_span(told.get("start"), told.get("end"), options.zone)
    if record.get("all_day") is not True or not dates.has_time:
        return dates
    # All day is told as two times; the days are what was meant.
    zone = ZoneInfo(options.zone)
    last = (max(dates.end_at - timedelta(microseconds=1), dates.start_at)).replace(tzinfo=UTC).astimezone(zone).date()
    first: Moment = _spans.wall(dates.start_on, None, options.zone)
    return _spans.span(first, _spans.wall(max(last, dates.start_on), None, options.zone))


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _place(address: Any, claim: Claim) -> str | None:
    if not isinstance(address, dict):
        return None
    parts = [claim.say(address.get(name)) for name in ("location", "street", "city")]
    return ", ".join(dict.fromkeys(part for part in parts if part)) or None
