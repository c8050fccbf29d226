"""What the sheet, DPL CMS, schema.org, OpenActive and Google adapters share: options, moments, claims and asking.

What belongs here: rules that hold for whoever tells of events in JSON or cells. What does not: fields of one system
(its own module), and iCalendar, from which the cleaning of words is borrowed.

A claim becomes a row in one place, so that ids and content hashes mean the same for every system. All instants are
naive UTC, half-open; local dates are included at both ends.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.adapters import FetchContext, Options, Reject
from ingest.catalogue import Arrival
from ingest.config import Source, start_of
from ingest.errors import IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.events.icalendar import (
    _LINK,
    _MAIL,
    _PHONE,
    MAX_DESCRIPTION,
    MAX_TEXT,
    MAX_UID,
    _clean,
    _joined,
    _public_page,
)
from ingest.http import Answer, redacted
from ingest.zones import known_zone

MAX_DURATION = timedelta(days=400)
FIRST_YEAR, LAST_YEAR = 1970, 2100
# Deeper than any feed nests; what nests deeper is refused before it is walked.
MAX_DEPTH = 60

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

# Keys under which these systems tell of people and ways to reach them, wherever they stand in a record.
PERSONAL_KEYS = frozenset(
    {
        *("attendee", "attendees", "author", "contactpoint", "creator", "editor", "email", "faxnumber", "givenname"),
        *("familyname", "hangoutlink", "conferencedata", "leader", "performer", "performers", "phone", "telephone"),
        *("sender", "actor", "owner", "accountableperson", "contact", "contacts", "contactperson", "onlinemeetingurl"),
    }
)

_STAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s*(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,3})W)?(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,5})M)?(?:(?P<seconds>\d{1,6})(?:\.\d+)?S)?)?"
)
_TAG = re.compile(r"<[^<>]*>")
# `Husflidslaget v/ Kari Nordmann`: the organisation stays, its representative does not.
_REPRESENTED = re.compile(r"\s*(?:\(?\s*\b[vV]\s?/|\(?\s*\b(?:kontakt|kontaktperson|contact)\b).*$", re.IGNORECASE)
# A number of six digits or more beside a name is a phone or an account, with or without its country.
_DIGITS = re.compile(r"(?:\d[ .]?){6,}")


def no_secrets(value: str | None) -> str | None:
    """An address, proved to hold no user name. For use in a validator of options.

    Raises:
        ValueError: it holds one.
    """
    if value is not None:
        parts = urlsplit(value)
        if "@" in parts.netloc:
            raise ValueError("a user name in an address is a secret; name it by its variable")
    return value


class ClaimOptions(Options):
    """What every source of claims may say.

    Attributes:
        zone: IANA zone of times that name none, and of local dates.
        partner_patterns: regular expressions with one group, searched in each line of a description; what the group
            finds are co-organisers. Only these words of a description pass.
        partner_separators: what stands between several of them. ` og ` is not among the defaults: names hold it.
        max_bytes: largest body, after decompression.
    """

    zone: str
    partner_patterns: tuple[str, ...] = ()
    partner_separators: tuple[str, ...] = (",", ";")
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)

    _zone = field_validator("zone")(known_zone)

    @field_validator("partner_patterns")
    @classmethod
    def _one_group(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
            if groups != 1:
                raise ValueError(f"{pattern!r} must have exactly one group")
        return value


class FeedOptions(ClaimOptions):
    """What every source that can be asked may say beside that.

    Attributes:
        url: the address; `${NAME}` is filled from the environment when it is asked. Absent: files only.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
    """

    url: str | None = None
    allow_loopback: bool = False

    _url = field_validator("url")(no_secrets)


# -- moments --------------------------------------------------------------------------------------------------------


class Moment(NamedTuple):
    """A start or an end as told.

    Attributes:
        at: naive UTC; of a date alone, its local midnight.
        on: the local date.
        has_time: false for a date alone.
        zone: by which it was read.
        flags: doubts: `floating_time`, `other_zone`, `nonexistent_time`, `ambiguous_time`.
    """

    at: datetime
    on: date
    has_time: bool
    zone: str
    flags: tuple[str, ...] = ()


def wall(day: date, clock: time | None, zone: str) -> Moment:
    """What the clock on the wall shows, as a moment: an hour that was skipped is read as the one it would have been."""
    tz = ZoneInfo(zone)
    local = datetime.combine(day, clock or time())
    flags = []
    first, second = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if clock is not None and first != second:
        exists = first.astimezone(tz).replace(tzinfo=None, fold=0) == local
        flags.append("ambiguous_time" if exists else "nonexistent_time")
    return Moment(first.replace(tzinfo=None), day, clock is not None, zone, tuple(flags))


def moment_of(at: datetime, zone: str) -> Moment:
    """An aware moment, with its local date in the zone."""
    return Moment(at.astimezone(UTC).replace(tzinfo=None), at.astimezone(ZoneInfo(zone)).date(), True, zone)


def read_moment(value: Any, zone: str) -> Moment | None:
    """ISO 8601 as feeds write it: a date, a local time, or a time with an offset, with or without its colon.

    Returns:
        None for anything else, and for years outside 1970-2100.
    """
    found = _STAMP.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 40 else None
    if found is None or not found["year"].isascii():
        return None
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        if not FIRST_YEAR <= day.year < LAST_YEAR:
            return None
        if found["hour"] is None:
            return wall(day, None, zone)
        hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
        if (hour, minute, second) == (24, 0, 0):
            day, hour = day + timedelta(days=1), 0
        clock = time(hour, minute, second)
        if found["offset"] is None:
            moment = wall(day, clock, zone)
            return moment._replace(flags=("floating_time", *moment.flags))
        told = datetime.combine(day, clock, tzinfo=_offset(found["offset"]))
        moment = moment_of(told, zone)
        # UTC is how machines write it; another offset that is not the library's is a doubt about the place.
        is_other = found["offset"] not in "Zz" and told.utcoffset() != told.astimezone(ZoneInfo(zone)).utcoffset()
        return moment._replace(flags=("other_zone",)) if is_other and told.utcoffset() else moment
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone:
    if text in "Zz":
        return timezone(timedelta())
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError("no offset")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)


def read_duration(value: Any) -> timedelta | None:
    """An ISO 8601 duration without months and years, which have no fixed length; None for anything else."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 40 else None
    parts = {name: int(text) for name, text in found.groupdict().items() if text} if found else {}
    return timedelta(**parts) if parts else None


class Span(NamedTuple):
    """A holding's dates, as event_observations stores them."""

    start_at: datetime
    end_at: datetime
    start_on: date
    end_on: date
    has_time: bool
    zone: str
    flags: tuple[str, ...]


def span(start: Moment, end: Moment | None, *, end_day_is_excluded: bool = False) -> Span:
    """Start and end as one holding.

    Args:
        end_day_is_excluded: whether an end that is a date is the day after the last one (Google), or the last day
            itself (schema.org, sheets).
    """
    flags = list(start.flags)
    if end is None:
        # As for iCalendar, a time without an end has no length, and a date without an end is that day.
        if start.has_time:
            flags.append("no_end")
            return Span(start.at, start.at, start.on, start.on, True, start.zone, tuple(flags))
        end, end_day_is_excluded = start, False
    flags += [flag for flag in end.flags if flag not in flags]
    end_at, end_on = end.at, end.on
    if not end.has_time:
        if start.has_time:
            flags.append("mixed_end")
        if end_day_is_excluded:
            end_on = end.on - timedelta(days=1)
        else:
            end_at = wall(end.on + timedelta(days=1), None, start.zone).at
    elif not start.has_time:
        flags.append("mixed_end")
    if end_at < start.at or (end_at == start.at and not start.has_time):
        kept = span(start, None)
        return kept._replace(flags=tuple(dict.fromkeys([*flags, "end_before_start", *kept.flags])))
    if end.has_time and end_at > start.at:
        # An end at midnight belongs to the evening before it.
        last = (end_at - timedelta(microseconds=1)).replace(tzinfo=UTC).astimezone(ZoneInfo(start.zone)).date()
        end_on = max(last, start.on)
    if end_at - start.at > MAX_DURATION:
        flags.append("duration_capped")
        end_at = start.at + MAX_DURATION
        end_on = end_at.replace(tzinfo=UTC).astimezone(ZoneInfo(start.zone)).date()
    return Span(start.at, end_at, start.on, max(end_on, start.on), start.has_time, start.zone, tuple(flags))


# -- claims ---------------------------------------------------------------------------------------------------------


@dataclass
class Claim:
    """What one record says about one holding. Texts are cleaned when they are told by `say`, never before."""

    pointer: str
    series_id: str
    dates: Span
    slot: str = ""
    title: str | None = None
    location: str | None = None
    categories: str | None = None
    partner_claims: str | None = None
    status: str = "scheduled"
    is_public: bool = True
    is_recurring: bool = False
    is_override: bool = False
    sequence: int | None = None
    modified_at: datetime | None = None
    url: str | None = None
    flags: list[str] = field(default_factory=list)

    def say(self, value: Any) -> str | None:
        """A text of the record, cleaned: entities and tags resolved, without addresses, numbers and links."""
        if not isinstance(value, str):
            return None
        clean = _clean(_TAG.sub(" ", _clean(value[: 4 * MAX_TEXT])))
        bare = without_contacts(clean)
        if bare != clean:
            self.flags.append("contact_removed")
        if len(bare) > MAX_TEXT:
            self.flags.append("text_cut")
            bare = bare[:MAX_TEXT]
        if "\ufffd" in bare:
            self.flags.append("damaged_letters")
        return bare or None

    def say_all(self, values: Iterable[Any]) -> str | None:
        """Several texts, joined in their order, each once."""
        return _joined(iter([self.say(value) for value in values]))

    def say_partners(self, values: Iterable[Any]) -> str | None:
        """Names of organisations; what stands behind `v/` or `kontakt` is a person and is left behind."""
        return _joined(iter([self._partner(value) for value in values]))

    def _partner(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        name = _clean(_TAG.sub(" ", value[:MAX_TEXT]))
        bare = without_contacts(_REPRESENTED.sub("", name)).strip(" .,;:!-–(")
        if bare != name.strip(" .,;:!-–("):
            self.flags.append("contact_removed")
        return bare if 2 <= len(bare) <= 120 and not _DIGITS.search(bare) else None

    def hide_words(self) -> None:
        """For private entries: the dates pass, the words stay behind, since they are the likeliest to name people."""
        self.is_public = False
        self.title = self.location = self.categories = self.partner_claims = self.url = None


def without_contacts(text: str) -> str:
    """A text without links, mail addresses and phone numbers."""
    for pattern in (_LINK, _MAIL, _PHONE):
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def looks_personal(text: str) -> bool:
    """Whether a text holds a way to reach somebody: a mail address or a phone number."""
    text = text[: 4 * MAX_TEXT]
    return bool(_MAIL.search(text) or _PHONE.search(text) or re.fullmatch(r"\s*(?:\d[ .]?){8}\s*", text))


def partners_in(text: Any, options: ClaimOptions) -> list[str]:
    """What the source's patterns find in a description. Nothing else of a description passes."""
    if not options.partner_patterns or not isinstance(text, str):
        return []
    plain = _TAG.sub("\n", text[:MAX_DESCRIPTION])
    separators = "|".join(re.escape(separator) for separator in options.partner_separators)
    found = []
    for line in plain.splitlines():
        for pattern in options.partner_patterns:
            for match in re.finditer(pattern, line):
                found += re.split(separators, match[1] or "") if separators else [match[1] or ""]
    return found


def short_id(value: Any, prefix: str = "") -> str | None:
    """A record's own id as text, cleaned; a long one by its hash. None when it has none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = _clean(str(value)) if not isinstance(value, int) or value.bit_length() < 256 else ""
    if not text:
        return None
    text = prefix + text
    return text if len(text) <= MAX_UID else f"long-id-{sha(text)[:20]}"


def public_page(value: Any) -> str | None:
    """A public address without user, query and fragment; None for anything else."""
    return _public_page(value) if isinstance(value, str) else None


def sha(text: str) -> str:
    """SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def row_of(source: Source, claim: Claim) -> dict[str, Any]:
    """A claim as a row of event_observations; the hash leaves out what changes without the claim changing."""
    told = {
        "series_id": claim.series_id,
        "slot": claim.slot,
        "start_at": claim.dates.start_at,
        "end_at": claim.dates.end_at,
        "has_time": claim.dates.has_time,
        "title": claim.title,
        "location": claim.location,
        "categories": claim.categories,
        "partner_claims": claim.partner_claims,
        "status": claim.status,
        "is_public": claim.is_public,
        "url": claim.url,
    }
    flags = dict.fromkeys([*claim.dates.flags, *claim.flags])
    return {
        **told,
        "observation_id": sha("\n".join((source.source_id, claim.series_id, claim.slot)))[:32],
        "start_on": claim.dates.start_on,
        "end_on": claim.dates.end_on,
        "zone": claim.dates.zone,
        "is_recurring": claim.is_recurring,
        "is_override": claim.is_override,
        "sequence": claim.sequence,
        "modified_at": claim.modified_at,
        "quality_flags": " | ".join(flags) or None,
        "content_hash": sha("\n".join(f"{key}={value}" for key, value in told.items()))[:32],
        "pointer": claim.pointer,
    }


def rows_of(source: Source, claims: Iterable[Claim], rejects: list[Reject]) -> list[dict[str, Any]]:
    """Claims as rows, one per series and slot. Of two that differ the first is kept and the other rejected."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for claim in claims:
        row = row_of(source, claim)
        kept = rows.setdefault((claim.series_id, claim.slot), row)
        if kept["content_hash"] != row["content_hash"]:
            rejects.append(reject(claim.pointer, "duplicate_id"))
    return list(rows.values())


FAULTS = {
    "not_a_record": ("the record is no object.", "Tell the publisher; the other records were read."),
    "no_id": ("the record has no id of its own.", "Ask the publisher; without one it can't be followed."),
    "no_start": ("the event has no start.", "Ask the publisher for its date; the other events were read."),
    "bad_start": (
        "the start is no date that can be read, or lies outside 1970-2100.",
        "Ask the publisher to mend it; the other events were read.",
    ),
    "bad_end": (
        "the end is no date that can be read.",
        "Ask the publisher to mend it; the other events were read.",
    ),
    "duplicate_id": (
        "an earlier record of this answer has the same id and says something else; that one was kept.",
        "Ask the publisher which is right.",
    ),
}


def reject(pointer: str, reason: str, faults: Mapping[str, tuple[str, str]] = FAULTS) -> Reject:
    """The reject for a fault that is known by its reason."""
    return Reject(pointer, reason, *faults[reason])


class Faulty(Exception):
    """One record can't be read; the reason is a key of the adapter's faults."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_span(start: Any, end: Any, zone: str, *, end_day_is_excluded: bool = False) -> Span:
    """Two texts as a holding's dates.

    Raises:
        Faulty: no start, or a text that is no date.
    """
    if start is None or start == "":
        raise Faulty("no_start")
    begin = read_moment(start, zone)
    if begin is None:
        raise Faulty("bad_start")
    finish = None if end is None or end == "" else read_moment(end, zone)
    if finish is None and end not in (None, ""):
        raise Faulty("bad_end")
    return span(begin, finish, end_day_is_excluded=end_day_is_excluded)


# -- JSON -----------------------------------------------------------------------------------------------------------


def loads(text: str, *, strict: bool = True) -> Any:
    """A JSON document that can be stored as text and is not nested without end.

    Raises:
        ValueError: it is none, holds NaN or half a surrogate pair, or is nested deeper than 60.
    """

    def refuse(_: str) -> NoReturn:
        raise ValueError("not a number")

    def number(digits: str) -> int:
        if len(digits) > 40:
            raise ValueError("not a number of this world")
        return int(digits)

    try:
        document = json.loads(text, parse_constant=refuse, parse_int=number, strict=strict)
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested without end") from None
    if _depth(document) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return document


def _depth(document: Any) -> int:
    level, depth = [document], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


def read_json(body: bytes, max_bytes: int) -> Any:
    """The document of an answer or file.

    Raises:
        UnreadableBody: too large, empty or not JSON in UTF-8.
    """
    if len(body) > max_bytes:
        raise UnreadableBody(
            f"the body has more than {max_bytes} bytes.",
            reason="too_large",
            next_action="See what it holds; raise max_bytes in the source's options if it is right.",
        )
    if not body.strip():
        raise UnreadableBody("the body is empty.", reason="empty", next_action="The next poll asks again.")
    try:
        return loads(body.decode("utf-8-sig"))
    except ValueError:
        raise UnreadableBody(
            "the body is not JSON.",
            reason="not_json",
            next_action="See whether a log-in page or a proxy answers in the publisher's place.",
        ) from None


def wrong_shape(what: str) -> UnreadableBody:
    """The failure for JSON that is not this system's."""
    return UnreadableBody(
        f"the document has no {what}.",
        reason="wrong_shape",
        next_action="See whether the address in the source's options is right, or whether the publisher changed it.",
    )


def as_bytes(document: Any) -> bytes:
    """A document as it is landed after its personal fields were taken out: the same for the same document."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def impersonal(value: Any) -> Any:
    """A JSON value without the keys that tell of people (`PERSONAL_KEYS`), and without anybody typed as a person.

    Names are compared without case, signs and prefixes: `schema:email` and `E-Mail` are one.
    """
    if isinstance(value, list):
        return [impersonal(item) for item in value if not _is_person(item)]
    if isinstance(value, dict):
        return {
            key: impersonal(item)
            for key, item in value.items()
            if _bare_key(key) not in PERSONAL_KEYS and not _is_person(item)
        }
    return value


def _bare_key(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.rsplit(":", 1)[-1].casefold())


def _is_person(value: Any) -> bool:
    kind = value.get("@type", value.get("type")) if isinstance(value, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(k, str) and k.rsplit("/", 1)[-1].rsplit(":", 1)[-1] == "Person" for k in kinds)


def only(value: Any, keys: Iterable[str]) -> Any:
    """An object's allowed keys, in its own order."""
    allowed = set(keys)
    return {k: v for k, v in value.items() if k in allowed} if isinstance(value, dict) else value


# -- asking ---------------------------------------------------------------------------------------------------------

_ACTIONS = {
    400: "Look at the publisher's documentation: it does not take this question.",
    401: "Check the secrets that the source's options name.",
    403: "Check the secrets that the source's options name, and whether the feed is still shared.",
    404: "Check the address with the publisher, and mend the source's options.",
    410: "The publisher has removed the feed: ask for its successor, or disable the source.",
}


def shown(url: str) -> str:
    """An address as configured, for receipts: without query, with the names of its variables and not their values."""
    variable = re.match(r"\$\{[A-Z][A-Z0-9_]*\}", url)
    return (variable[0] + urlsplit(url[variable.end() :]).path if variable else redacted(url)).rstrip("/")


def yet_to_come(context: FetchContext) -> tuple[datetime, datetime]:
    """The window of a list that holds all that is to come and forgets the rest, aware.

    From the local day of asking; to the second New Year ahead, since the list itself has no end. Whole days, so that an
    unchanged list is one reading a day and not one a poll.
    """
    zone = ZoneInfo(context.options.zone)
    today = context.now.astimezone(zone).date()
    return start_of(today, zone), start_of(date(today.year + 2, 1, 1), zone)


def refusal(origin: str, status: int, next_action: str = "") -> PermanentFailure:
    """The failure for a status that is neither good nor transient."""
    return PermanentFailure(
        f"{origin} answered {status}.",
        reason=f"http_{status}",
        next_action=next_action or _ACTIONS.get(status, "Look at the address in a browser, and ask the publisher."),
    )


def ask(context: FetchContext, url: str, origin: str, **how: Any) -> Answer:
    """Ask, and tell failures by the origin only: the address asked may hold a secret in its path or query.

    Raises:
        PermanentFailure, TransientFailure: as the session does.
    """
    try:
        return context.session.get(url, max_bytes=context.options.max_bytes, **how)
    except IngestError as failure:
        message = f"{origin} could not be fetched ({failure.reason})."
        if isinstance(failure, TransientFailure):
            raise TransientFailure(
                message,
                reason=failure.reason,
                next_action=failure.next_action,
                retry_after_seconds=failure.retry_after_seconds,
            ) from None
        raise PermanentFailure(message, reason=failure.reason, next_action=failure.next_action) from None


def failed(context: FetchContext, origin: str, failure: IngestError, **more: Any) -> Arrival:
    """The receipt of a question that was not answered, when the poll goes on."""
    return Arrival(
        context.source.source_id,
        "poll",
        context.now,
        status="failed",
        origin=origin,
        is_complete=False,
        error=f"{failure.reason}: {failure}",
        **more,
    )


def each(
    records: Sequence[Any], pointer: str, rejects: list[Reject], read: Callable[[str, dict[str, Any]], Claim | None]
) -> Iterator[Claim]:
    """Every record's claim; one that can't be read is a reject and costs only itself."""
    for number, record in enumerate(records):
        where = f"{pointer}[{number}]"
        if not isinstance(record, dict):
            rejects.append(reject(where, "not_a_record"))
            continue
        try:
            claim = read(where, record)
        except Faulty as fault:
            rejects.append(reject(where, fault.reason))
            continue
        if claim is not None:
            yield claim
