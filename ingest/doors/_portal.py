"""What counters behind a vendor's portal share: asking day by day, and turning what was told into observations.

What belongs here: the re-read window, the isolation of days and sites from each other, when asking must stop,
secrets, local stamps, and the rows. What does not: addresses, forms and codes of one vendor (its own module).

A poll asks local day by local day, newest first, so that a limit on requests costs the oldest days. Every day is a
receipt of its own name (`…#moa/2026-03-14`): an answer that can't be used is a failed receipt, the other days go on.
A day that was over when it was last answered is asked again only after `reread_hours`; a failed one at every poll.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, NoReturn
from urllib.parse import quote, quote_plus, urlsplit
from xml.etree.ElementTree import Element, ParseError  # types only; parsing is defusedxml's
from zoneinfo import ZoneInfo

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import Field, field_validator

from ingest.adapters import Adapter, FetchContext, Options, Parsed, Reject
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand, start_of
from ingest.doors import _text
from ingest.doors._keys import from_microseconds, microseconds, name_key, observation_id
from ingest.doors._local_time import DAY_US, EXACT, MINUTE_US, NONEXISTENT, Intervals, known_zone, resolve_intervals
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.home import naive_utc
from ingest.http import Answer, Session, redacted

log = logging.getLogger("levende.ingest.doors")

# So many unusable answers in a row before any good one: a wrong password or a closed account, not a bad day. Asking
# on would lock accounts.
HOPELESS = 5
# So many times in a row without reaching the vendor, or told that it is busy: the next poll tries again.
OUT_OF_REACH = 3
_NO_ANSWER = frozenset({"unreachable", "too_slow", "busy"})
_STOPPING = frozenset({"address_refused", "too_many_redirects", "http_429"})
_SHORTEST_SECRET = 6

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
Stamp = Literal["start", "end"]

FAULTS = {
    "not_a_record": ("the record has another form than the vendor's others.", "Ask the vendor what it means."),
    "missing_device": ("the record names no counter or site.", "Name it in the vendor's portal."),
    "missing_line": ("the record names no line.", "Name the line in the vendor's portal."),
    "bad_time": (
        "the time is missing or can't be read.",
        "Ask the vendor for the day again; if it recurs, report the new form of its times.",
    ),
    "off_grid": (
        "the time is not a multiple of the interval.",
        "Check interval_minutes in the source's options.",
    ),
    "wrong_date": (
        "the record lies outside the day that was asked for.",
        "Check the zone in the source's options; if it is right, report it to the vendor.",
    ),
    "dst_padding": (
        "the hour was skipped by the clock change and the record holds no people: the vendor filled it in.",
        "Nothing to do; no figure is touched.",
    ),
    "nonexistent_local_time": (
        "the record counts people in an hour that the clock change skipped: its labels may be shifted.",
        "Check the zone and the stamp in the source's options, and the hours after the change.",
    ),
    "duplicate_conflict": (
        "an earlier record of the answer tells the same interval with other numbers; that one was kept.",
        "Ask the vendor which is right, and whether two counters have one name.",
    ),
    "unknown_code": (
        "the vendor marks the interval with a code that is not documented; it was read as unhealthy.",
        "Ask the vendor what the code in vendor_status means.",
    ),
}


class PortalOptions(Options):
    """What a source behind a portal may say.

    Attributes:
        url: the portal's address up to where the vendor's paths begin; `${NAME}` is filled from the environment.
        allow_loopback: whether http://127.0.0.1 may be asked; for stand-in servers.
        zone: IANA zone of the counters' clocks, and of the days that are asked for.
        days: how many local days, today included, are asked for; what the vendor mends later than that is not seen.
        reread_hours: a day that was over when it was last answered is not asked again sooner. 0 asks at every poll.
        pause_seconds: rest between two questions.
        max_bytes: largest answer, after decompression.
    """

    url: str
    allow_loopback: bool = False
    zone: str
    days: int = Field(default=30, ge=1, le=3700)
    reread_hours: float = Field(default=20, ge=0)
    pause_seconds: float = Field(default=1, ge=0, le=120)
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)

    _zone = field_validator("zone")(known_zone)

    @field_validator("url", "auth_url", check_fields=False)
    @classmethod
    def _no_secrets(cls, value: str) -> str:
        parts = urlsplit(value)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("an address without user name and query; secrets are named by their variables")
        return value


def interval_field(default: int) -> Any:
    """The field for an interval in minutes that divides an hour."""
    return Field(default=default, ge=5, le=60, multiple_of=5)


# -- secrets --------------------------------------------------------------------------------------------------------


def secret(variable: str) -> str:
    """The value of an environment variable that holds a user name, password or key.

    Raises:
        ConfigurationError: it is not set, or holds signs that none has. Names the variable, never its value.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(
            f"the environment variable {variable} is not set.", next_action=f"Set {variable} and start again."
        )
    if not value.isprintable():
        raise ConfigurationError(
            f"the environment variable {variable} holds a line break or another unprintable sign.",
            next_action=f"Copy the value into {variable} again, on one line.",
        )
    return value


def without_secrets(body: bytes, secrets: Sequence[str]) -> bytes:
    """An answer without the secrets of the question, should the vendor repeat them, in the usual spellings.

    Short secrets and those of digits only are left: they could not be told from a count or a day.
    """
    for plain in secrets:
        if len(plain) < _SHORTEST_SECRET or plain.isdecimal():
            continue
        for spelt in {plain, quote(plain, safe=""), quote_plus(plain), html.escape(plain), json.dumps(plain)[1:-1]}:
            body = body.replace(spelt.encode(), b"(removed)")
    return body


def token_of(session: Session, url: str, form: Mapping[str, str], variables: str) -> str:
    """An access token for one poll.

    Args:
        variables: the names of the variables with the secrets, for the message.

    Raises:
        PermanentFailure: the vendor refuses, or its answer holds no token.
        TransientFailure: the vendor is busy or can't be reached.
    """
    answer = session.post(url, data=form, max_bytes=256 * 1024)
    if answer.status != 200:
        raise PermanentFailure(
            f"{answer.url} answered {answer.status} when asked for a token.",
            reason=f"http_{answer.status}",
            next_action=f"Check the values of {variables} with the vendor.",
        )
    try:
        found = read_json(answer.body)
    except UnreadableBody:
        found = None
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,8192}", token):
        raise PermanentFailure(
            f"{answer.url} answered without an access token.",
            reason="no_token",
            next_action=f"Check the address, and the values of {variables} with the vendor.",
        )
    return token


# -- asking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """One request about one local day.

    Attributes:
        url: the address, without secrets and query.
        params: the query, which may hold secrets.
        ask: what is asked, for the receipt: no secrets.
        site: whom it is about, where the vendor is asked site by site; else empty.
    """

    url: str
    params: Mapping[str, str]
    ask: Mapping[str, Any]
    site: str = ""


@dataclass(frozen=True)
class Access:
    """How a portal is asked during one poll.

    Attributes:
        secrets: passwords, keys and tokens, looked for in the answers. User names are not: they may be place names.
        variables: the names of their variables, for messages.
        headers, auth: sent with every question.
        has_token: whether the vendor may withdraw the access during the poll.
    """

    secrets: tuple[str, ...]
    variables: str
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[bytes, bytes] | None = None
    has_token: bool = False


class PortalAdapter(Adapter):
    """Base of the adapters that ask a portal day by day.

    Subclasses write `access`, `questions` and `parse`. What `parse` calls unreadable is a failed receipt.

    Attributes:
        stops: codes of the vendor that end the whole poll; the value says what it means and what to do.
        busy: codes of the vendor for "not now".
        site_faults: codes that say a site is described wrongly; its other days are not asked.
    """

    family: ClassVar[str] = "doors"
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    polls: ClassVar[bool] = True
    stops: ClassVar[Mapping[str, tuple[str, str]]] = {}
    busy: ClassVar[frozenset[str]] = frozenset()
    site_faults: ClassVar[frozenset[str]] = frozenset()

    def access(self, context: FetchContext) -> Access:
        """Resolve the secrets, and ask for a token where the vendor wants one.

        Raises:
            ConfigurationError: a variable is not set.
            PermanentFailure, TransientFailure: no token was given.
        """
        raise NotImplementedError

    def questions(self, options: Any, base: str, day: date, zone: ZoneInfo) -> Iterator[Question]:
        """What is asked about one local day.

        Args:
            base: the portal's address, its variables filled, without a slash at its end.
        """
        raise NotImplementedError

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for every day of the window, newest first; days that could not be read are told at the end.

        Raises:
            ConfigurationError: a variable is not set, or a site is unknown to the vendor.
            PermanentFailure: the vendor refuses the secrets, or nothing that it answers can be read.
            TransientFailure: a limit is reached, the vendor is out of reach, or some days could not be read.
        """
        yield from _Poll(self, context).run()


class _Poll:
    """One poll: what it has met, and what it leaves out because of it."""

    def __init__(self, adapter: PortalAdapter, context: FetchContext) -> None:
        self.adapter = adapter
        self.context = context
        self.options: PortalOptions = context.options
        self.zone = ZoneInfo(self.options.zone)
        self.base = address(self.options.url)
        self.access = adapter.access(context)
        self.troubles: list[IngestError] = []
        self.in_a_row = 0
        self.out_of_reach = 0
        self.has_answered = False
        self.asked = 0
        self.closed_sites: set[str] = set()

    def run(self) -> Iterator[Arrival]:
        for question, day in self._all():
            if question.site and question.site in self.closed_sites:
                continue
            arrival = self._arrival(question, day)
            if self._is_fresh(arrival):
                continue
            if self.asked and self.options.pause_seconds:
                time.sleep(self.options.pause_seconds)
            self.asked += 1
            yield from self._ask(question, arrival)
        self._tell()

    def _all(self) -> Iterator[tuple[Question, date]]:
        today = self.context.now.astimezone(self.zone).date()
        for back in range(self.options.days):
            day = today - timedelta(days=back)
            for question in self.adapter.questions(self.options, self.base, day, self.zone):
                yield question, day

    def _arrival(self, question: Question, day: date) -> Arrival:
        """The receipt-to-be. The window ends now where the day is not over: what comes after was not asked for.

        Its origin is the question's own: by it the next poll knows what was answered, and a reject when it is closed.
        """
        which = f"{quote(question.site)}/{day.isoformat()}" if question.site else day.isoformat()
        return Arrival(
            source_id=self.context.source.source_id,
            how="poll",
            received_at=self.context.now,
            origin=f"{redacted(question.url)}#{which}",
            ask={**question.ask, "day": day.isoformat()},
            window_start_at=start_of(day, self.zone),
            window_end_at=min(start_of(day + timedelta(days=1), self.zone), self.context.now),
            is_complete=True,
        )

    def _is_fresh(self, arrival: Arrival) -> bool:
        known = self.context.latest(arrival.origin)
        if known is None or known.window_end_at is None or arrival.window_end_at is None:
            return False
        is_over = known.window_end_at >= arrival.window_end_at and arrival.window_end_at < self.context.now
        return is_over and self.context.now - known.received_at < timedelta(hours=self.options.reread_hours)

    def _ask(self, question: Question, arrival: Arrival) -> Iterator[Arrival]:
        """One question; an answer that can't be used is a failed receipt with its bytes as evidence.

        Raises:
            IngestError: nothing further may be asked.
        """
        failure: IngestError
        try:
            answer = self.context.session.get(
                question.url,
                params=question.params,
                headers=self.access.headers,
                auth=self.access.auth,
                max_bytes=self.options.max_bytes,
            )
        except IngestError as error:
            yield failed(arrival, error)
            if error.reason in _STOPPING:
                raise
            self._go_on_after(error, question, arrival)
            return
        arrival = replace(
            arrival, http_status=answer.status, media_type=_media_type(answer), body=self._kept_body(answer)
        )
        try:
            self._judge(answer, arrival)
        except IngestError as error:
            failure = error
        else:
            self.has_answered, self.in_a_row, self.out_of_reach = True, 0, 0
            yield arrival
            return
        yield failed(arrival, failure)
        if failure.reason in ("http_401", "token_lost") or failure.reason in self.adapter.stops:
            raise failure
        self._go_on_after(failure, question, arrival)

    def _kept_body(self, answer: Answer) -> bytes | None:
        """The bytes that are landed. Error pages are not: some quote the whole question, password included."""
        return without_secrets(answer.body, self.access.secrets) if answer.status == 200 else None

    def _judge(self, answer: Answer, arrival: Arrival) -> None:
        """Whether an answer can be used.

        Raises:
            IngestError: it can't; the reason says whether others may be asked.
        """
        if answer.status == 401 and self.access.has_token and self.has_answered:
            raise TransientFailure(
                f"{answer.url} no longer accepts the token of this poll.",
                reason="token_lost",
                next_action=f"See that no other program uses {self.access.variables}: a new token ends the old one.",
            )
        if answer.status != 200:
            raise PermanentFailure(
                f"{answer.url} answered {answer.status}.",
                reason=f"http_{answer.status}",
                next_action=f"Check the values of {self.access.variables}, and what the account may see."
                if answer.status in (401, 403)
                else "Check url and sites in the source's options; ask the vendor if they are right.",
            )
        try:
            self.adapter.parse(arrival.body or b"", _receipt(arrival), self.context.source, self.options)
        except UnreadableBody as error:
            self._refusal(error)
        except Exception:  # noqa: BLE001 - a fault of the parser: the bytes are landed, and reading them tells it
            log.warning("%s: the answer could not be judged.", self.context.source.source_id)

    def _refusal(self, error: UnreadableBody) -> NoReturn:
        """An answer that is no data, as the failure it means.

        Raises:
            IngestError: always.
        """
        if error.reason in self.adapter.stops:
            message, action = self.adapter.stops[error.reason]
            raise TransientFailure(f"{error.reason}: {message}", reason=error.reason, next_action=action) from None
        if error.reason in self.adapter.busy:
            raise TransientFailure(
                f"the vendor answers {error.reason}: it is down or busy.",
                reason="busy",
                next_action="Nothing to do if it passes; the next poll asks for the day again.",
                retry_after_seconds=300,
            ) from None
        raise error

    def _go_on_after(self, failure: IngestError, question: Question, arrival: Arrival) -> None:
        """Keep a failure that concerns one day or site.

        Raises:
            IngestError: it turns out to concern all.
        """
        where = f"{arrival.ask['day']}{f' (site {question.site})' if question.site else ''}"
        log.warning("%s: %s: %s", self.context.source.source_id, where, failure)
        self.troubles.append(failure)
        if failure.reason in self.adapter.site_faults:
            self.closed_sites.add(question.site)
            return
        self.in_a_row += 1
        self.out_of_reach = self.out_of_reach + 1 if failure.reason in _NO_ANSWER else 0
        if self.out_of_reach >= OUT_OF_REACH:
            raise failure
        if self.in_a_row >= HOPELESS and not self.has_answered:
            raise PermanentFailure(
                f"the first {self.in_a_row} answers were all unusable (the last: {failure.reason}); no more was asked.",
                reason=failure.reason,
                next_action=f"Check the values of {self.access.variables} and the source's options. "
                f"{failure.next_action}",
            )

    def _tell(self) -> None:
        if not self.troubles:
            return
        # A person's trouble outranks one that passes by itself.
        described_wrongly = [t for t in self.troubles if t.reason in self.adapter.site_faults]
        permanent = [t for t in self.troubles if isinstance(t, PermanentFailure)]
        first = (described_wrongly or permanent or self.troubles)[0]
        kind = ConfigurationError if described_wrongly else PermanentFailure if permanent else TransientFailure
        raise kind(
            f"{len(self.troubles)} of {self.asked} questions were not answered usably (first: {first.reason}); "
            "all else was read, and these days are asked again at the next poll.",
            reason=first.reason,
            next_action=first.next_action,
        )


def failed(arrival: Arrival, failure: IngestError) -> Arrival:
    """The arrival as one that brought nothing usable."""
    return replace(arrival, status="failed", is_complete=False, error=f"{failure.reason}: {failure}")


def address(text: str) -> str:
    """A configured address with its variables filled, without the last slash.

    Raises:
        ConfigurationError: a variable is not set, or puts a user name or a query into the address.
    """
    url = expand(text).rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # refused, and told, by the session
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "the portal's address, as the environment fills it, holds a user name or a query.",
            next_action="Put the bare address there; secrets have variables of their own.",
        )
    return url


def _media_type(answer: Answer) -> str | None:
    return (answer.headers.get("Content-Type") or "")[:100] or None


def _receipt(arrival: Arrival) -> Receipt:
    """The receipt that an arrival would get, as far as a parser may look at it."""
    return Receipt(
        receipt_id=0,
        source_id=arrival.source_id,
        how=arrival.how,
        received_at=arrival.received_at,
        status=arrival.status,
        origin=arrival.origin,
        ask=json.dumps(dict(arrival.ask)),
        window_start_at=arrival.window_start_at,
        window_end_at=arrival.window_end_at,
        is_complete=arrival.is_complete,
        http_status=arrival.http_status,
        etag=None,
        last_modified=None,
        media_type=arrival.media_type,
        blob_sha256=None,
        byte_count=None,
        error=None,
    )


# -- reading --------------------------------------------------------------------------------------------------------


def read_json(body: bytes) -> Any:
    """A JSON document.

    Raises:
        UnreadableBody: it is none, or holds what can't be stored as text.
    """

    def refuse(_: str) -> NoReturn:
        raise ValueError("not a number")

    if not body.strip():
        raise UnreadableBody("the answer is empty.", reason="empty", next_action="The next poll asks again.")
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_constant=refuse)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is JSON, and no text
    except (ValueError, RecursionError):
        raise UnreadableBody(
            "the answer is not JSON.",
            reason="not_json",
            next_action="See whether a log-in page or a proxy answers in the vendor's place; the next poll asks again.",
        ) from None
    return document


def read_xml(body: bytes) -> Element:
    """The root of an XML document.

    Raises:
        UnreadableBody: it is none, or declares entities of its own.
    """
    if not body.strip():
        raise UnreadableBody("the answer is empty.", reason="empty", next_action="The next poll asks again.")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise UnreadableBody(
            "the answer declares a document type or entities: a web page, or an attack; it was not expanded.",
            reason="forbidden_xml",
            next_action="See what url in the source's options leads to.",
        ) from None
    except (ParseError, ValueError, LookupError):
        raise UnreadableBody(
            "the answer is not whole XML.",
            reason="not_xml",
            next_action="See whether a log-in page or a proxy answers in the vendor's place; the next poll asks again.",
        ) from None
    return root


def vendor_code(document: Any) -> str | None:
    """The code of an error document, where it says one in a word; never its prose, which may quote the question."""
    if not isinstance(document, dict):
        return None
    inner = document.get("error")
    for key in ("code", "error_code", "errorCode", "error", "status"):
        value = inner.get(key) if isinstance(inner, dict) else document.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            if re.fullmatch(r"[A-Za-z]?[0-9]{1,5}|[a-z]+(?:_[a-z]+){1,4}", text):
                return text
    return None


def no_data(code: str | None, expected: str) -> UnreadableBody:
    """The failure for an answer that is an error, or of another form than data has; names the vendor's code."""
    return UnreadableBody(
        f"the answer holds no {expected}{f'; the vendor says {code}' if code else ''}.",
        reason=code if code and re.fullmatch(r"[A-Z]?[0-9]{1,5}", code) else "no_data",
        next_action="Look the code up with the vendor; the next poll asks again."
        if code
        else "Ask the vendor what its answer means; the next poll asks again.",
    )


def read_value(value: Any) -> tuple[int | None, str]:
    """A JSON value as a count of people: like `_text.read_count`, for numbers as well as for texts."""
    if value is None:
        return None, _text.BLANK
    if isinstance(value, bool):
        return None, "letters_in_count"
    if isinstance(value, float):
        if value != value or abs(value) > _text.MOST_PEOPLE:
            return None, "count_too_large"
        if not value.is_integer():
            return None, "fraction_in_count"
        value = int(value)
    if isinstance(value, int):
        if value < 0:
            return None, _text.NEGATIVE
        return (None, "count_too_large") if value > _text.MOST_PEOPLE else (value, _text.OBSERVED)
    return _text.read_count(value) if isinstance(value, str) else (None, "letters_in_count")


_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.0{1,9})?)?"
    r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


@dataclass(frozen=True)
class Moment:
    """A stamp, in microseconds since 1970-01-01: of UTC where `is_exact`, else of the local clock."""

    us: int
    is_exact: bool = False


def read_moment(text: Any) -> Moment | None:
    """`2026-03-14T10:15:00`, with or without an offset, or `14.03.2026 10:15`; None where it is neither.

    `24:00` is the end of a day. Years outside 1990-2099 are no times.
    """
    if not isinstance(text, str):
        return None
    iso = _ISO.fullmatch(text.strip())
    dotted = None if iso else _DOTTED.fullmatch(text.strip())
    if iso:
        year, month, day, hour, minute, second = (int(g or 0) for g in iso.groups()[:6])
    elif dotted:
        day, month, year, hour, minute, second = (int(g or 0) for g in dotted.groups())
    else:
        return None
    try:
        midnight = datetime(year, month, day)  # noqa: DTZ001 - local, or shifted to UTC below
    except ValueError:
        return None
    clock = (hour * 60 + minute) * 60 + second
    if not 1990 <= year <= 2099 or minute > 59 or second > 59 or clock > 86_400:
        return None
    us = microseconds(midnight) + clock * 1_000_000
    offset = iso[7] if iso else None
    if offset is None:
        return Moment(us)
    digits = "".join(filter(str.isdigit, offset)) or "0000"
    minutes = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if offset[0] == "-" else 1)
    return Moment(us - minutes * MINUTE_US, is_exact=True)


@dataclass(frozen=True)
class Record:
    """One record as told, before its time is resolved.

    Attributes:
        in_value, out_value: as the vendor wrote them; `ABSENT` where it has no such count at all.
        is_unhealthy: the vendor says that it did not see the interval: numbers are its own estimate, noughts nothing.
    """

    pointer: str
    device_key: str
    line_key: str
    stamp_text: str
    moment: Moment | None
    in_value: Any
    out_value: Any
    vendor_status: str | None = None
    is_unhealthy: bool = False


ABSENT = object()


@dataclass(frozen=True)
class Reading:
    """How the records of one answer are read.

    Attributes:
        minutes: length of every interval.
        stamp: whether a stamp is the interval's start or its end.
        zone: of the stamps that say no offset.

    A record may lie one interval outside the day that was asked for: whether a range includes its ends is seldom
    documented, and an interval that is told is told.
    """

    source: Source
    receipt: Receipt
    minutes: int
    stamp: Stamp
    zone: str

    def parsed(self, records: Sequence[Record], rejects: Sequence[Reject] = ()) -> Parsed:
        """The records as observations, in their order; what can't be read as rejects.

        Raises:
            UnreadableBody: most records are of another day than the one that was asked for.
        """
        out = list(rejects)
        known = [r for r in records if self._is_readable(r, out)]
        spans = self._spans(known)
        told: dict[str, dict[str, Any]] = {}
        begins, ends = self._asked_for()
        received_us = microseconds(naive_utc(self.receipt.received_at))
        strays = 0
        for record, start_us, end_us, fold in zip(
            known, spans.start_us.tolist(), spans.end_us.tolist(), spans.fold.tolist(), strict=True
        ):
            counts = _counts(record)
            if isinstance(counts, str):
                out.append(_text.count_reject(record.pointer, counts))
                continue
            if fold == NONEXISTENT:
                has_people = bool(counts["in_count"] or counts["out_count"])
                out.append(_reject(record.pointer, "nonexistent_local_time" if has_people else "dst_padding"))
                continue
            if not begins <= start_us < ends:
                strays += 1
                out.append(_reject(record.pointer, "wrong_date"))
                continue
            if start_us >= received_us and not (counts["in_count"] or counts["out_count"]):
                continue  # an hour to come, filled in with noughts: the vendor says nothing of it
            row = self._row(record, from_microseconds(start_us), from_microseconds(end_us), str(fold))
            row |= {**counts, "is_provisional": end_us > received_us}
            first = told.setdefault(row["observation_id"], row)
            if first is not row and any(first[name] != row[name] for name in (*counts, "vendor_status")):
                out.append(_reject(record.pointer, "duplicate_conflict"))
        if strays > len(told):
            raise UnreadableBody(
                "most records of the answer are of another day than the one asked for.",
                reason="wrong_date",
                next_action="Check the zone in the source's options; the next poll asks for the day again.",
            )
        if not told and not out and not self._is_running():
            out.append(_text.nothing_read())
        return Parsed(rows={"door_observations": list(told.values())}, rejects=out)

    def _row(self, record: Record, start_at: datetime, end_at: datetime, fold: str) -> dict[str, Any]:
        return {
            "observation_id": observation_id(
                self.source.source_id, record.device_key, record.line_key, "interval", start_at, end_at
            ),
            "device_key": record.device_key,
            "line_key": record.line_key,
            "kind": "interval",
            "interval_start_at": start_at,
            "interval_end_at": end_at,
            "stamp_text": record.stamp_text,
            "stamp_convention": self.stamp,
            "zone": "UTC" if record.moment is not None and record.moment.is_exact else self.zone,
            "fold": fold,
            "vendor_status": record.vendor_status,
            "pointer": record.pointer,
        }

    def _is_readable(self, record: Record, rejects: list[Reject]) -> bool:
        fault = None
        if not record.device_key:
            fault = "missing_device"
        elif not record.line_key:
            fault = "missing_line"
        elif record.moment is None:
            fault = "bad_time"
        # Offsets of whole quarters hold everywhere; an exact stamp of an hour need not be on UTC's own hour.
        elif record.moment.us % ((min(self.minutes, 15) if record.moment.is_exact else self.minutes) * MINUTE_US):
            fault = "off_grid"
        if fault is not None:
            rejects.append(_reject(record.pointer, fault))
        return fault is None

    def _spans(self, records: Sequence[Record]) -> Intervals:
        """The intervals in UTC; a stamp that says its moment needs no rule."""
        numbers: dict[tuple[str, str], int] = {}
        moments = [r.moment for r in records if r.moment is not None]
        series = [
            -1 if m.is_exact else numbers.setdefault((r.device_key, r.line_key), len(numbers))
            for r, m in zip(records, moments, strict=True)
        ]
        stamps = np.array([m.us for m in moments], dtype=np.int64)
        is_end = np.full(len(stamps), self.stamp == "end", dtype=np.bool_)
        numbered = np.array(series, dtype=np.int64)
        spans = resolve_intervals(stamps, is_end, numbered, self.minutes, ZoneInfo(self.zone))
        exact = numbered == -1
        length = self.minutes * MINUTE_US
        spans.start_us[exact] = stamps[exact] - (length if self.stamp == "end" else 0)
        spans.end_us[exact] = spans.start_us[exact] + length
        spans.fold[exact] = EXACT
        return spans

    def _asked_for(self) -> tuple[int, int]:
        """The starts that may be told, UTC microseconds; everything where nothing was asked (a dropped file)."""
        day = self.receipt.asked.get("day")
        try:
            local = date.fromisoformat(str(day))
        except ValueError:
            return -(2**62), 2**62
        zone, spare = ZoneInfo(self.zone), self.minutes * MINUTE_US
        begins = microseconds(naive_utc(start_of(local, zone)))
        ends = microseconds(naive_utc(start_of(local + timedelta(days=1), zone)))
        return begins - spare, ends + spare

    def _is_running(self) -> bool:
        """Whether the day that was asked for was still running: then no record yet is nothing to worry about."""
        return self.receipt.window_end_at is not None and self.receipt.window_end_at >= self.receipt.received_at


def minutes_of(receipt: Receipt, default: int) -> int:
    """The interval that was asked for, in minutes: options may have changed since; the configured one for files."""
    asked = receipt.asked.get("interval_minutes", default)
    return asked if isinstance(asked, int) and 0 < asked <= DAY_US // MINUTE_US else default


def text_key(value: Any) -> str:
    """An id or name in JSON, written as text or number, as a key; empty where it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return name_key(str(value))


def not_a_record(pointer: str) -> Reject:
    """The reject for a list entry that is no object."""
    return _reject(pointer, "not_a_record")


def unknown_code(pointer: str) -> Reject:
    """The reject that tells of an undocumented health code; the record itself is kept, as unhealthy."""
    return _reject(pointer, "unknown_code")


def _reject(pointer: str, reason: str) -> Reject:
    return Reject(pointer, reason, *FAULTS[reason])


def _counts(record: Record) -> dict[str, Any] | str:
    """The counts and their state, or the fault of one of them: half a door is no door."""
    told = {"in_count": record.in_value, "out_count": record.out_value}
    read = {name: read_value(value) for name, value in told.items() if value is not ABSENT}
    states = [state for _, state in read.values()]
    for state in states:
        if state in _text.COUNT_FAULTS:
            return state
    counts: dict[str, Any] = {"in_count": None, "out_count": None, **{name: value for name, (value, _) in read.items()}}
    reason = next((s for s in (_text.NEGATIVE, _text.BLANK) if s in states), None)
    value_state = "observed" if _text.OBSERVED in states else "not_observed"
    if record.is_unhealthy:
        if counts["in_count"] or counts["out_count"]:
            value_state, reason = "vendor_imputed", "unhealthy"
        else:
            counts = {"in_count": None, "out_count": None}
            value_state, reason = "not_observed", "unhealthy"
    return {**counts, "value_state": value_state, "reason_code": reason}
