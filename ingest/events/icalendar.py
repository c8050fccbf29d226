"""iCalendar feeds and files (RFC 5545): asking for them, and reading each dated holding out of them.

What belongs here: the adapter `icalendar` with its options, the poll, identity (series and slot), and the words of
an event. What does not: lines and guards (`_ical_scan`), dates (`ical_expand`), the process that bounds them
(`_ical_child`), and any decision about what counts (dbt).

A feed is outside input. Whatever it says, reading ends in bounded time, a bad event costs only its series, and a
body that is no whole calendar is unreadable, never an empty calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ingest.access import secret
from ingest.adapters import Adapter, FetchContext, Options, Parsed, Reject, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand, start_of
from ingest.events import ical_expand
from ingest.events._asking import ask, origin_of, refusal
from ingest.events._ical_child import Bounds, Expander
from ingest.events._ical_scan import (
    MAX_DATES,
    TIMING,
    WORDS,
    Component,
    Refused,
    count_events,
    looks_whole,
    minimise,
    refused,
    scan,
)
from ingest.events._options import FeedOptions
from ingest.events._rows import Span, Words, bounded_id, event_row, sha
from ingest.events._words import clean, joined, partners_in, public_page, told
from ingest.zones import iana_zones

# Feeds are cut at round numbers: so many events exactly are probably not all of them.
ROUND_CAPS = frozenset({30, 50, 100, 200, 250, 500, 1000})

_STATUSES = {
    "": "scheduled",
    "CONFIRMED": "scheduled",
    "TENTATIVE": "tentative",
    "CANCELLED": "cancelled",
    "CANCELED": "cancelled",
    "POSTPONED": "postponed",
}
_TIMING_IN_ORDER = sorted(TIMING)
_TITLES = frozenset({"SUMMARY", "LOCATION", "CATEGORIES"})
_IANA = iana_zones()
# "Europe" is a folder of the zone list, and asking the list for it fails with a file error.
_ZONE_FOLDERS = frozenset(name.rsplit("/", depth)[0] for name in _IANA for depth in (1, 2) if "/" in name) - _IANA

_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")


class IcalendarOptions(FeedOptions):
    """What a source of this adapter may say under `options`.

    Attributes:
        expand_from, expand_to: local dates, half-open. What overlaps them is delivered; nothing else is, single
            events included. Fixed dates and not "a year ahead", because the same bytes must give the same rows.
        is_full: whether the publisher says that the feed holds everything inside the window.
        headers_env: header name to the environment variable with its value.
        seconds_per_series, seconds_per_feed, memory_mib: what expanding may cost, in processor time.
        max_occurrences_per_series, max_occurrences: caps; a series beyond one is a reject.
    """

    expand_from: date
    expand_to: date
    is_full: bool = False
    headers_env: dict[str, str] = Field(default_factory=dict)
    seconds_per_series: int = Field(default=5, ge=1, le=60)
    seconds_per_feed: float = Field(default=180, gt=0, le=3600)
    memory_mib: int = Field(default=1024, ge=256)
    max_occurrences_per_series: int = Field(default=5_000, ge=1, le=5_000)
    max_occurrences: int = Field(default=20_000, ge=1, le=20_000)

    @model_validator(mode="after")
    def _in_order(self) -> IcalendarOptions:
        if self.expand_to <= self.expand_from:
            raise ValueError(f"expand_to {self.expand_to} is not after expand_from {self.expand_from}")
        return self


@dataclass
class _Group:
    """One series: the components that share its id."""

    series_id: str
    members: list[Component]
    flags: list[str] = field(default_factory=list)

    @property
    def line_number(self) -> int:
        return min(member.line_number for member in self.members)


@dataclass(frozen=True)
class _Plan:
    """How a series gets its dates.

    Attributes:
        job: what is asked; None where a guard refuses the series.
        is_harmless: whether it may be asked in this process.
    """

    group: _Group
    job: ical_expand.Job | None = None
    refused: Refused | None = None
    is_harmless: bool = False


@register
class Icalendar(Adapter):
    """iCalendar by poll or file. One row per occurrence inside the configured window."""

    name: ClassVar[str] = "icalendar"
    family: ClassVar[str] = "events"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("event_observations",)
    options: ClassVar[type[Options]] = IcalendarOptions
    polls: ClassVar[bool] = True

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the feed once, conditionally. Lines about people are removed before the bytes are landed.

        Raises:
            ConfigurationError: a variable that the options name is not set.
            PermanentFailure: the publisher refuses, the feed is gone, or the address is not allowed.
            TransientFailure: still failing after the retries.
        """
        options: IcalendarOptions = context.options
        if options.url is None:
            return
        origin = origin_of(options.url)
        known = context.latest(origin)
        secrets = {header: secret(variable) for header, variable in options.headers_env.items()}
        headers = {"Accept": "text/calendar, */*;q=0.5", **secrets}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        answer = ask(context, expand(options.url), origin, headers=headers)
        zone = ZoneInfo(options.zone)
        common: dict[str, Any] = {
            "source_id": context.source.source_id,
            "how": "poll",
            "received_at": context.now,
            "origin": origin,
            "window_start_at": start_of(options.expand_from, zone),
            "window_end_at": start_of(options.expand_to, zone),
            "http_status": answer.status,
        }
        if answer.status == 304 and known is not None:
            yield Arrival(**common, status="not_modified", is_complete=known.is_complete)
            return
        if answer.status != 200:
            raise refusal(origin, answer.status)
        body = minimise(answer.body)
        is_whole = looks_whole(body)
        yield Arrival(
            **common,
            body=body,
            is_complete=_is_complete(body, is_whole, options.is_full),
            # A page that is no calendar must not be confirmed by the next poll's 304.
            etag=answer.headers.get("ETag") if is_whole else None,
            last_modified=answer.headers.get("Last-Modified") if is_whole else None,
            media_type=answer.headers.get("Content-Type"),
        )

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: Any) -> Parsed:
        """Every occurrence that overlaps the window; one reject per series or event that has none.

        Raises:
            TypeError: given text; the iCalendar library would open a file of that name.
            UnreadableBody: the bytes are no whole calendar.
        """
        rejects: list[Reject] = []
        good: list[Component] = []
        for component in scan(body, options.max_bytes):
            problem = refused(component)
            if problem is None:
                good.append(component)
            else:
                rejects.append(_reject(component.line_number, problem))
        rows: list[dict[str, Any]] = []
        bounds = Bounds(options.seconds_per_series, 60.0, options.seconds_per_feed, options.memory_mib)
        plans = [_plan(group, options) for group in _groups(good)]
        with Expander(bounds) as expander:
            results = expander.expand_all(plan.job for plan in plans if plan.job is not None and not plan.is_harmless)
            for plan in plans:
                group = plan.group
                found, problems = _dates(plan, results)
                rejects += problems
                if len(rows) + len(found) > options.max_occurrences:
                    words = f"with it the feed has more than {options.max_occurrences} occurrences in the window."
                    rejects.append(_reject(group.line_number, Refused("occurrence_cap", words, _CAP_ACTION)))
                    continue
                rows += _rows(group, found, source, options)
        rows.sort(key=lambda row: (row["start_at"], row["series_id"], row["slot"]))
        rejects.sort(key=lambda reject: (int(reject.pointer.removeprefix("line ")), reject.reason))
        return Parsed({"event_observations": rows}, _told_once(rejects))


_CAP_ACTION = "Shorten the source's window, or ask the publisher to mend the event; what is cut makes figures too low."


def _told_once(rejects: list[Reject]) -> list[Reject]:
    """One reject per place and reason, which is the rejects table's key."""
    return list({(reject.pointer, reject.reason): reject for reject in reversed(rejects)}.values())[::-1]


# -- asking ---------------------------------------------------------------------------------------------------------


def _is_complete(body: bytes, is_whole: bool, is_full: bool) -> bool | None:
    """Whether absence from this body means anything. The format has no total: only the publisher's word can say so."""
    if not is_whole:
        return False
    if not is_full:
        return None
    return count_events(body) not in ROUND_CAPS


# -- identity -------------------------------------------------------------------------------------------------------


def _groups(components: list[Component]) -> list[_Group]:
    """Components by series. One id told twice without a slot becomes two series, so that neither is lost."""
    by_uid: dict[str, list[Component]] = {}
    nameless: set[str] = set()
    for component in components:
        uid = clean(component.value("UID"))
        if not uid:
            # The same event without an id must get the same key in the next fetch: from what it says, not its place.
            text = "\n".join(component.texts(frozenset({"DTSTART", "SUMMARY", "LOCATION"})))
            uid = f"no-uid-{sha(text)[:20]}"
            nameless.add(uid)
        uid = bounded_id(uid, "uid")
        by_uid.setdefault(uid, []).append(component)
    groups: list[_Group] = []
    for uid, members in by_uid.items():
        groups += _split(uid, members, ["no_uid"] if uid in nameless else [])
    return sorted(groups, key=lambda group: (group.line_number, group.series_id))


def _split(uid: str, members: list[Component], flags: list[str]) -> list[_Group]:
    masters = [m for m in members if m.first("RECURRENCE-ID") is None]
    overrides = [m for m in members if m.first("RECURRENCE-ID") is not None]
    if len(masters) < 2:
        return [_Group(uid, members, flags)]
    newest = max(_sequence(m) for m in masters)
    flags = list(flags)
    if any(_sequence(m) < newest for m in masters):
        flags.append("older_revision_dropped")
    distinct: dict[str, Component] = {}
    for master in masters:
        if _sequence(master) == newest:
            text = "\n".join(master.texts((TIMING | WORDS) - {"LAST-MODIFIED"}))
            if text in distinct and "repeated_component" not in flags:
                flags.append("repeated_component")
            distinct.setdefault(text, master)
    if len(distinct) == 1:
        return [_Group(uid, [*distinct.values(), *overrides], flags)]
    # Sorted by what they say and not by their place: a feed that changes its order must not swap two ids.
    ordered = [distinct[text] for text in sorted(distinct)]
    ordered.sort(key=lambda m: (m.value("DTSTART"), m.value("SUMMARY")))
    with_rule = [m for m in ordered if m.first("RRULE") or m.first("RDATE")]
    host = (with_rule or ordered)[0]
    return [
        _Group(
            uid if number == 1 else f"{uid}#{number}",
            [master, *(overrides if master is host else [])],
            [*flags, "duplicate_uid"],
        )
        for number, master in enumerate(ordered, start=1)
    ]


def _sequence(component: Component) -> int:
    text = component.value("SEQUENCE")
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1


# -- dates ----------------------------------------------------------------------------------------------------------


def _plan(group: _Group, options: IcalendarOptions) -> _Plan:
    """What to ask for a series' dates."""
    dates = sum(
        len(line.value.split(",")) for m in group.members for n in ("RDATE", "EXDATE") for line in m.lines.get(n, ())
    )
    if dates > MAX_DATES:
        words = f"the series lists {dates} single dates; {MAX_DATES} are allowed."
        return _Plan(group, refused=Refused("too_many_dates", words))
    zones: dict[str, list[str]] = {}
    events: list[tuple[list[str], int, str]] = []
    for member in group.members:
        lines = []
        for name in _TIMING_IN_ORDER:
            for line in member.lines.get(name, ()):
                text = line.text
                tzid = line.parameter("TZID") if line.parameters else None
                if tzid is not None and tzid in member.feed.zones and not _is_iana(tzid):
                    zones.setdefault(tzid, member.feed.zones[tzid])
                elif tzid is not None and tzid.strip("/") in _ZONE_FOLDERS:
                    text = f"{line.name}:{line.value}"
                lines.append(text)
        events.append((lines, _sequence(member), member.value("LAST-MODIFIED")))
    job = ical_expand.Job(
        events=events,
        zones=list(zones.values()),
        floating=_floating_zone(group.members[0], options),
        local=options.zone,
        expand_from=options.expand_from.isoformat(),
        expand_to=options.expand_to.isoformat(),
        cap=options.max_occurrences_per_series,
    )
    return _Plan(group, job, is_harmless=_is_harmless(group, zones))


def _dates(plan: _Plan, results: Iterator[ical_expand.Result]) -> tuple[list[ical_expand.Occurrence], list[Reject]]:
    group = plan.group
    if plan.refused is not None:
        return [], [_reject(group.line_number, plan.refused)]
    assert plan.job is not None
    result = ical_expand.expand(plan.job) if plan.is_harmless else next(results)
    rejects = []
    for index, reason, message in result.problems:
        number = group.line_number if index < 0 else group.members[index].line_number
        words = f"the {'series' if index < 0 else 'event'} was not read: {message}"
        action = _CAP_ACTION if reason == "occurrence_cap" else Refused.next_action
        rejects.append(_reject(number, Refused(reason, words, action)))
    return result.occurrences, rejects


def _is_harmless(group: _Group, zones: Mapping[str, list[str]]) -> bool:
    """Whether the dates can be read without a process of their own: one event, once, in a known zone."""
    repeats = any(group.members[0].first(n) for n in ("RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"))
    return len(group.members) == 1 and not repeats and not zones


def _is_iana(tzid: str) -> bool:
    return tzid.strip("/") in _IANA


def _floating_zone(component: Component, options: IcalendarOptions) -> str:
    """The zone of times without one: the calendar's own word if it is a zone, else the source's."""
    name = component.feed.zone_name
    return name if name in _IANA else options.zone


def _reject(line_number: int, problem: Refused) -> Reject:
    return Reject(f"line {line_number}", problem.reason, problem.message, problem.next_action)


# -- words ----------------------------------------------------------------------------------------------------------


def _rows(
    group: _Group, occurrences: list[ical_expand.Occurrence], source: Source, options: IcalendarOptions
) -> list[dict[str, Any]]:
    read: dict[int, tuple[Words, list[str]]] = {}
    slots: set[str] = set()
    rows = []
    for occurrence in occurrences:
        member = group.members[occurrence.index]
        if occurrence.index not in read:
            read[occurrence.index] = _words(member, options), _zone_doubts(member)
        words, doubts = read[occurrence.index]
        flags = [*group.flags, *words.flags, *occurrence.flags, *doubts]
        slot = occurrence.slot
        if slot in slots:
            flags.append("duplicate_slot")
            slot = next(f"{slot}#{n}" for n in range(2, len(occurrences) + 2) if f"{slot}#{n}" not in slots)
        slots.add(slot)
        row = event_row(
            source.source_id,
            group.series_id,
            slot,
            _span(occurrence),
            words,
            pointer=member.pointer,
            flags=flags,
            is_recurring=occurrence.is_recurring,
            is_override=occurrence.is_override,
        )
        rows.append(row)
    return rows


def _span(occurrence: ical_expand.Occurrence) -> Span:
    """The dates of an occurrence as the process that found them wrote them; its doubts stand beside the words'."""
    return Span(
        datetime.fromisoformat(occurrence.start_at),
        datetime.fromisoformat(occurrence.end_at),
        date.fromisoformat(occurrence.start_on),
        date.fromisoformat(occurrence.end_on),
        occurrence.has_time,
        occurrence.zone,
        (),
    )


def _zone_doubts(member: Component) -> list[str]:
    start = member.first("DTSTART")
    assert start is not None
    doubts = []
    value, tzid = start.value.strip(), start.parameter("TZID")
    if "T" in value and not value.endswith("Z"):
        if tzid is None:
            doubts.append("floating_time")
        elif _is_unknown(tzid, member):
            doubts.append("unknown_zone")
        name = member.feed.zone_name
        if doubts and name is not None and name not in _IANA:
            doubts.append("calendar_zone_ignored")
    if (start.parameter("VALUE") or "").upper() == "DATE" and "T" in value:
        doubts.append("date_with_time")
    return doubts


def _is_unknown(tzid: str, member: Component) -> bool:
    return tzid not in member.feed.zones and not ical_expand.knows_zone(tzid)


def _words(member: Component, options: IcalendarOptions) -> Words:
    words = Words()
    status = member.value("STATUS").upper()
    words.status = _STATUSES.get(status, "scheduled")
    if status not in _STATUSES:
        words.flags.append("unknown_status")
    if member.feed.method == "CANCEL":
        words.status = "cancelled"  # the whole file is a cancellation, whatever its events say
    sequence = _sequence(member)
    words.sequence = sequence if sequence >= 0 else None
    if sequence < 0 and member.value("SEQUENCE"):
        words.flags.append("bad_sequence")
    words.modified_at = _moment(member.value("LAST-MODIFIED"))
    if member.broken_lines:
        words.flags.append("broken_lines")
    if member.value("CLASS").upper() in ("PRIVATE", "CONFIDENTIAL"):
        # Not programme, and its words are the likeliest to name people: the dates pass, the words stay behind.
        words.is_public = False
        return words
    try:
        texts = ical_expand.texts(member.texts(_TITLES))
    except ValueError:
        words.flags.append("unreadable_words")
        return words
    words.title = told(_first(texts, "SUMMARY"), words.flags)
    words.location = told(_first(texts, "LOCATION"), words.flags)
    words.categories = joined([told(item, words.flags) for item in texts.get("CATEGORIES", ())])
    words.partner_claims = _partners(member, options)
    words.url = public_page(member.value("URL"))
    if any("\ufffd" in (text or "") for text in (words.title, words.location, words.categories)):
        words.flags.append("damaged_letters")
    for name in ("SUMMARY", "LOCATION"):
        if len(member.lines.get(name, ())) > 1:
            words.flags.append("repeated_property")
    return words


def _first(texts: Mapping[str, list[str]], name: str) -> str:
    return next(iter(texts.get(name, ())), "")


def _partners(member: Component, options: IcalendarOptions) -> str | None:
    if not options.partner_patterns or member.first("DESCRIPTION") is None:
        return None
    try:
        texts = ical_expand.texts(member.texts(frozenset({"DESCRIPTION"})))
    except ValueError:
        return None
    return joined(partners_in(_first(texts, "DESCRIPTION"), options.partner_patterns, options.partner_separators))


def _moment(text: str) -> datetime | None:
    """A UTC moment as naive UTC; None for anything else (LAST-MODIFIED must be UTC)."""
    plain = _MOMENT.fullmatch(text)
    try:
        if plain is not None:
            year, month, day, hour, minute, second = map(int, plain.groups())
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - naive UTC, as in the lake
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).replace(tzinfo=None)
    except ValueError:
        return None
