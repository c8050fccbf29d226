"""Asking makers' portals, devices and their services: by which address and secret, and what a refusal means.

What belongs here: what holds for every make that is asked. What does not: the questions of any one of them, and what
the answers mean. Every question is asked on its own: one that always fails costs itself, never its neighbours; it is a
failed receipt with a name of its own, and the next poll asks it again. What concerns all of them ends the poll.
"""

from __future__ import annotations

import html
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.access import Variable, address, bare_address, both_or_none, secret
from ingest.adapters import FetchContext, Options
from ingest.catalogue import Arrival
from ingest.config import start_of
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure
from ingest.http import Answer, redacted

log = logging.getLogger("levende.ingest.doors")

# So many unusable answers in a row before any good one: a wrong password or a closed account, not a bad day. Asking
# on would lock accounts.
HOPELESS = 5
# So many times in a row without reaching a portal, or told that it is busy: the next poll tries again.
OUT_OF_REACH = 3
_NO_ANSWER = frozenset({"unreachable", "too_slow", "busy"})
# What one question can't cause: the others would be refused as well.
STOPS = frozenset({"address_refused", "too_many_redirects", "http_401", "http_429", "token_lost"})
_SHORTEST_SECRET = 6


class AskOptions(Options):
    """What the options of every source say that can be asked.

    Attributes:
        url: address up to where the maker's paths begin, without user and query; None when nothing is asked.
            `${NAME}` is filled from the environment.
        allow_loopback: whether http://127.0.0.1 may be asked, for stand-in servers.
        max_bytes: largest answer, after decompression.
    """

    url: str | None = None
    allow_loopback: bool = False
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0)

    _bare = field_validator("url", "auth_url", check_fields=False)(bare_address)


class DeviceOptions(AskOptions):
    """Options of devices that are asked for the last days.

    Attributes:
        reread_days: how many local days before today are asked again by every poll: what came late is found there.
        user_env, password_env: the environment variables that hold user and password, where the device wants them.
    """

    reread_days: int = Field(default=7, ge=0, le=150)
    user_env: Variable | None = None
    password_env: Variable | None = None


def account(options: DeviceOptions) -> tuple[str, str] | None:
    """User and password, or None where the source names none.

    Raises:
        ConfigurationError: only one of them is named, or a variable is not set.
    """
    both_or_none(options.user_env, options.password_env, "user_env and password_env")
    if options.user_env is None or options.password_env is None:
        return None
    return secret(options.user_env), secret(options.password_env)


def without_secrets(body: bytes, secrets: Iterable[str]) -> bytes:
    """An answer without the secrets of the question, should the maker repeat them, in the usual spellings.

    Short secrets and those of digits only are left: they could not be told from a count or a day.
    """
    for plain in secrets:
        if len(plain) < _SHORTEST_SECRET or plain.isdecimal():
            continue
        for spelt in {plain, quote(plain, safe=""), quote_plus(plain), html.escape(plain), json.dumps(plain)[1:-1]}:
            body = body.replace(spelt.encode(), b"(removed)")
    return body


def recent_days(now: datetime, zone: ZoneInfo, count: int) -> list[date]:
    """So many days up to today, newest first, by the local calendar."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=n) for n in range(count)]


def window_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local day as aware moments; 23 or 25 hours when the clock changes."""
    return start_of(day, zone), start_of(day + timedelta(days=1), zone)


@dataclass(frozen=True)
class Access:
    """By what right a source is asked during one poll. Nothing of it reaches an origin, a receipt or a message.

    Attributes:
        secrets: passwords, keys and tokens, looked for in the answers. User names are not: they may be place names.
        variables: the names of their variables, for messages.
        headers, auth: sent with every question.
        has_token: whether the maker may withdraw the access during the poll.
    """

    secrets: tuple[str, ...] = ()
    variables: str = "the variables that the source's options name"
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Any = None
    has_token: bool = False


@dataclass(frozen=True)
class Question:
    """One GET.

    Attributes:
        path: after the address, query included where the device wants a peculiar one.
        about: what was asked, for the receipt: no secrets. Equal for equal questions, so that equal answers are one
            reading.
        start_at, end_at: the window asked for, aware.
        params: the query, which may hold secrets.
        site: whom it is about, where a portal is asked site by site.
        called: the question's name in receipts where `about` says more than identifies it.
    """

    path: str
    about: Mapping[str, Any]
    start_at: datetime | None = None
    end_at: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    site: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        """What the receipt's origin ends with."""
        return self.called or " ".join(map(str, self.about.values()))


class Asker:
    """Asks one source during one poll, and keeps what went wrong.

    Args:
        judge: whether an answer of status 200 can be used; raises an `IngestError` where it can't.
        stops: reasons that end the poll at once.
        site_faults: reasons that say a site is described wrongly; its other questions are not asked.
        pause_seconds: rest between two questions.
        patience: so many times in a row the source may be out of reach before the poll ends.
    """

    def __init__(
        self,
        context: FetchContext,
        access: Access | None = None,
        *,
        judge: Callable[[Arrival], None] | None = None,
        stops: frozenset[str] = STOPS,
        site_faults: frozenset[str] = frozenset(),
        pause_seconds: float = 0,
        patience: int = 1,
    ) -> None:
        self.troubles: list[IngestError] = []
        self._context = context
        self._access = access or Access()
        self._judge, self._stops, self._site_faults = judge, stops, site_faults
        self._pause_seconds, self._patience = pause_seconds, patience
        url = context.options.url or ""
        self._base = address(url)
        variable = re.match(r"\$\{[A-Z][A-Z0-9_]*\}", url)
        self._shown = f"{variable[0]}{url[variable.end() :]}" if variable else redacted(url).rstrip("/")
        self._asked = self._in_a_row = self._out_of_reach = 0
        self._has_answered = False
        self._closed_sites: set[str] = set()

    def origin(self, question: Question) -> str:
        """The question's name in receipts."""
        return f"{self._shown} {question.name}"

    def get(self, question: Question) -> Answer:
        """Ask.

        Raises:
            PermanentFailure: any status but 200, with what to do.
            TransientFailure: still failing after the session's retries, or the token of this poll was withdrawn.
        """
        answer = self._get(question)
        self._check_status(answer)
        return answer

    def all(self, questions: Iterable[Question]) -> Iterator[Arrival]:
        """Ask all questions. What was answered is landed before the failures are told.

        Raises:
            IngestError: at once where the others would fail as well, else at the end.
        """
        for question in questions:
            if question.site and question.site in self._closed_sites:
                continue
            if self._asked and self._pause_seconds:
                time.sleep(self._pause_seconds)
            yield from self._one(question)
        self.tell()

    def arrival(self, question: Question, answer: Answer | None, *, is_complete: bool | None = True) -> Arrival:
        """The answer as it is landed; error pages without their bytes: some quote the whole question."""
        arrival = Arrival(
            self._context.source.source_id,
            "poll",
            self._context.now,
            origin=self.origin(question),
            ask=question.about,
            window_start_at=question.start_at,
            window_end_at=question.end_at,
            is_complete=is_complete,
        )
        if answer is None:
            return arrival
        return replace(
            arrival,
            body=without_secrets(answer.body, self._access.secrets) if answer.status == 200 else None,
            http_status=answer.status,
            media_type=(answer.headers.get("Content-Type") or "")[:100] or None,
        )

    def tell(self) -> None:
        """Raise one failure for all troubles; a person's trouble outranks one that passes by itself.

        Raises:
            ConfigurationError: a site is described wrongly.
            PermanentFailure: one of them needs a person.
            TransientFailure: all of them may pass by themselves.
        """
        if not self.troubles:
            return
        described_wrongly = [t for t in self.troubles if t.reason in self._site_faults]
        permanent = [t for t in self.troubles if isinstance(t, PermanentFailure)]
        first = (described_wrongly or permanent or self.troubles)[0]
        kind = ConfigurationError if described_wrongly else PermanentFailure if permanent else TransientFailure
        raise kind(
            f"{len(self.troubles)} of {self._asked} questions were not answered usably (first: {first.reason}); "
            "all else was read, and these are asked again at the next poll.",
            reason=first.reason,
            next_action=first.next_action,
        )

    def _get(self, question: Question) -> Answer:
        self._asked += 1
        return self._context.session.get(
            self._base + question.path,
            params=question.params,
            headers=self._access.headers,
            auth=self._access.auth,
            max_bytes=self._context.options.max_bytes,
        )

    def _check_status(self, answer: Answer) -> None:
        if answer.status == 401 and self._access.has_token and self._has_answered:
            raise TransientFailure(
                f"{answer.url} no longer accepts the token of this poll.",
                reason="token_lost",
                next_action=f"See that no other program uses {self._access.variables}: a new token ends the old one.",
            )
        if answer.status != 200:
            raise PermanentFailure(
                f"{answer.url} answered {answer.status}.",
                reason=f"http_{answer.status}",
                next_action=f"Check the values of {self._access.variables}, and what the account may see."
                if answer.status in (401, 403)
                else "Check url and what is asked for in the source's options; ask the maker if they are right.",
            )

    def _one(self, question: Question) -> Iterator[Arrival]:
        """One question; an answer that can't be used is a failed receipt with its bytes as evidence.

        Raises:
            IngestError: nothing further may be asked.
        """
        arrival = self.arrival(question, None)
        try:
            answer = self._get(question)
            arrival = self.arrival(question, answer)
            self._check_status(answer)
            if self._judge is not None:
                self._judge(arrival)
        except IngestError as failure:
            yield failed(arrival, failure)
            self._go_on_after(failure, question)
        else:
            self._has_answered, self._in_a_row, self._out_of_reach = True, 0, 0
            yield arrival

    def _go_on_after(self, failure: IngestError, question: Question) -> None:
        """Keep a failure that concerns one question or site.

        Raises:
            IngestError: it concerns all, or turns out to.
        """
        if failure.reason in self._stops:
            raise failure
        log.warning("%s: %s: %s", self._context.source.source_id, question.name, failure)
        self.troubles.append(failure)
        if failure.reason in self._site_faults:
            self._closed_sites.add(question.site)
            return
        self._in_a_row += 1
        self._out_of_reach = self._out_of_reach + 1 if failure.reason in _NO_ANSWER else 0
        if self._out_of_reach >= self._patience:
            raise failure
        if self._in_a_row >= HOPELESS and not self._has_answered:
            raise PermanentFailure(
                f"the first {self._in_a_row} answers were unusable (the last: {failure.reason}); no more was asked.",
                reason=failure.reason,
                next_action=f"Check the values of {self._access.variables} and the source's options. "
                f"{failure.next_action}",
            )


def failed(arrival: Arrival, failure: IngestError) -> Arrival:
    """The arrival as one that brought nothing usable: what was asked for is known to be owed."""
    return replace(arrival, status="failed", is_complete=False, error=f"{failure.reason}: {failure}")
