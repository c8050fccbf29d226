"""Friskus: the list of what is to come in some municipalities. Unofficial: there is no published contract.

What belongs here: this service's question and fields, and what its rolling records mean. What does not: paging and
landing (`_listing`), identity and words (`_records`), times (`_record_times`).

A record stands for a whole series and shows its *next* date under one id: tomorrow the same id has another start. So
the key is the id and the start, and a new start of a series is a new occurrence, never a move. Its `end_at` is the end
of the last occurrence. What is not listed any more may be past, or not the next one: absence never means anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field

from ingest.adapters import Adapter, Faulty, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import ConfigurationError
from ingest.events._documents import count_of
from ingest.events._listing import Client, Page, deliver, read_pages
from ingest.events._minimising import Spec, pick
from ingest.events._options import ListOptions, OrganiserOptions
from ingest.events._organisers import own_among
from ingest.events._record_times import When, local_time, read_end, read_when, with_flags, zone_named
from ingest.events._records import Claim, Claims
from ingest.events._windows import today_of
from ingest.json_values import dict_of, text_of
from ingest.wording import name_key

EVENTS = "/api/v1/events"
_FIELDS: Spec = {
    "id": True,
    "name": True,
    "start_at": True,
    "end_at": True,
    "age_group": True,
    "is_free": True,
    "organization": {"name": True},
    "occurrences_count": True,
    "event_source": True,
    "is_recurring": True,
    "slug": True,
    "rrule": {
        "frequency": True,
        "weekdays": True,
        "start_at": True,
        "until": True,
        "start_time": True,
        "end_time": True,
        "timezone": True,
        "rdates": True,
        "exdates": True,
    },
}


class FriskusOptions(OrganiserOptions, ListOptions):
    """Options of `friskus`.

    Attributes:
        municipalities: the municipalities' ids, as Friskus' own pages send them.
        organizations: names of the organisations whose events are read, in any case; those of others are not the
            library's. Empty: all.
        organizers_are_partners: whether an organisation that posts is told as a partner.
        own_names: as for all sources that are told an organiser; `own_organizations` is read as the same.
    """

    municipalities: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    organizers_are_partners: bool = False
    own_names: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("own_names", "own_organizations"))


@register
class Friskus(Adapter):
    """What is to come in the configured municipalities."""

    name: ClassVar[str] = "friskus"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 4
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = FriskusOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for all pages of the list.

        Raises:
            ConfigurationError: no municipality is named.
            PermanentFailure: the service refuses, or answers in another form: it may change without notice.
            TransientFailure: the service is busy, or the list changed while it was read.
        """
        options: FriskusOptions = context.options
        if options.url is None:
            return
        if not options.municipalities:
            raise ConfigurationError(
                "Friskus is asked by municipality, and none is named.",
                next_action="Name municipalities in the source's options: their ids, not their names.",
            )
        client = Client(context, headers={"Accept": "application/json"})
        asked = {"municipalities[]": list(options.municipalities)}
        listing = read_pages(
            lambda number: _page(client, client.get(EVENTS, {**asked, "page": number}), number), options.max_pages
        )
        about = {"list": "upcoming", "municipalities": list(options.municipalities)}
        yield from deliver(client, listing, about, today_of(context))

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: FriskusOptions) -> Parsed:
        """One row per record of the configured organisations: its next date.

        Raises:
            UnreadableBody: not JSON, or no list `data`.
        """
        claims = Claims(source, receipt, options)
        wanted = {name_key(name) for name in options.organizations}
        for pointer, record in claims.records(body, "data"):
            organization = text_of(dict_of(record.get("organization")).get("name"))
            if wanted and name_key(organization) not in wanted:
                continue
            claims.add(pointer, _claim, record, options)
        return claims.parsed()


def _page(client: Client, document: Any, number: int) -> Page:
    meta = dict_of(document.get("meta")) if isinstance(document, dict) else {}
    records = document.get("data") if isinstance(document, dict) else None
    last, total = count_of(meta.get("last_page")), count_of(meta.get("total"))
    if not isinstance(records, list) or last is None or total is None or count_of(meta.get("page")) != number:
        raise client.wrong_shape(document, f"a list `data` and the `meta` of page {number}")
    return Page(
        pick(document, {"data": _FIELDS, "meta": {"total": True, "page": True}}), len(records), number >= last, total
    )


def _claim(record: Mapping[str, Any], options: FriskusOptions) -> Claim:
    if not text_of(record.get("id")):
        raise Faulty("no_id")
    rule = dict_of(record.get("rrule"))
    zone, flags = zone_named(rule.get("timezone"), options.zone)
    start = read_when(record.get("start_at"), zone)
    repeats = record.get("is_recurring")
    if not isinstance(repeats, bool):
        repeats = bool(rule.get("weekdays"))
    if repeats:
        end = _end_of_day(start, rule, zone)
        if end is None:
            flags += ("bad_end",) if rule.get("end_time") else ()
        elif _clock(rule.get("start_time")) not in (None, _wall(start, zone)):
            start = with_flags(start, "start_outside_rule")
    else:
        end, bad = read_end(record.get("end_at") or rule.get("until"), zone)
        flags += bad
    organization = text_of(dict_of(record.get("organization")).get("name"))
    return Claim(
        record.get("id"),
        start,
        slot=f"{start.at:%Y-%m-%dT%H:%M:%SZ}" if repeats else "",
        end=end,
        title=record.get("name"),
        audiences=tuple(groups if isinstance(groups := record.get("age_group"), list) else [groups]),
        partners=(organization,) if options.organizers_are_partners else (),
        is_organised_by_library=own_among((organization,), options.own_names),
        says_status=False,
        is_recurring=repeats,
        flags=flags,
    )


def _clock(told: Any) -> timedelta | None:
    """`17:00` or `17:00:00` as a time since midnight."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::[0-5][0-9])?", text_of(told))
    return None if found is None else timedelta(hours=int(found[1]), minutes=int(found[2]))


def _wall(when: When, zone: str) -> timedelta:
    """What the clock shows, as a time since midnight."""
    local = _local(when, zone)
    return timedelta(hours=local.hour, minutes=local.minute)


def _local(when: When, zone: str) -> datetime:
    utc = when.at.replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def _end_of_day(start: When, rule: Mapping[str, Any], zone: str) -> When | None:
    """The end of a series' occurrence: as long after its start as the rule's end after the rule's start."""
    begins, ends = _clock(rule.get("start_time")), _clock(rule.get("end_time"))
    if begins is None or ends is None:
        return None
    length = ends - begins if ends > begins else ends - begins + timedelta(days=1)
    local = _local(start, zone) + length
    return local_time(local, zone) if date(1970, 1, 1) < local.date() < date(2100, 1, 1) else None
