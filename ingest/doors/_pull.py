"""Asking devices and their services: whose address, by which secret, for which days, and what a refusal means.

What belongs here: what holds for every make that is asked day by day. What does not: the questions of any one of
them, and what the answers mean. Days are asked newest first and each on its own: a day that always fails costs
itself, never the days after it, and is asked again by the next poll.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.adapters import FetchContext, Options
from ingest.catalogue import Arrival
from ingest.config import expand, start_of
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure
from ingest.http import Answer, redacted

# A device that fails so many days in a row is not asked for the others: each costs its retries.
MOST_FAILURES_IN_A_ROW = 3
# What one day can't cause: the other days would be refused or unreachable as well.
_STOPS = frozenset({"http_401", "http_403", "http_404", "http_429", "unreachable", "address_refused"})
_ACTIONS = {
    400: "Look at the device's firmware: it does not take this question.",
    401: "Check the user and password that the source's options name; a viewer's account is enough.",
    403: "Check the rights of the account that the source's options name.",
    404: "Check the address, and whether the counting application is installed and running.",
}


# The name of an environment variable: whoever writes the secret itself here is told so before it reaches a table.
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class PullOptions(Options):
    """What the options of every source say that can be asked.

    Attributes:
        url: address without path, user and query; None when nothing is asked. `${NAME}` is filled from the environment.
        reread_days: how many local days before today are asked again by every poll: what came late is found there.
        allow_loopback: whether 127.0.0.1 may be asked, for stand-in servers.
        max_bytes: largest answer that is taken.
    """

    url: str | None = None
    reread_days: int = Field(default=7, ge=0, le=150)
    allow_loopback: bool = False
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0)

    @field_validator("url")
    @classmethod
    def _bare(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"[@?#]", value):
            raise ValueError("the address may hold no user, query or fragment; name secrets by their variables")
        return value


class AccountOptions(PullOptions):
    """Options of devices that want a user and a password.

    Attributes:
        user_env, password_env: the environment variables that hold them.
    """

    user_env: Variable | None = None
    password_env: Variable | None = None


def secret(variable: str) -> str:
    """A secret from the environment.

    Raises:
        ConfigurationError: it is not set.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(
            f"the environment variable {variable} is not set.", next_action=f"Set {variable} and start again."
        )
    return value


def account(options: AccountOptions) -> tuple[str, str] | None:
    """User and password, or None where the source names none.

    Raises:
        ConfigurationError: only one of them is named, or a variable is not set.
    """
    if options.user_env is None and options.password_env is None:
        return None
    if options.user_env is None or options.password_env is None:
        raise ConfigurationError(
            "only one of user_env and password_env is named.", next_action="Name both in the source's options."
        )
    return secret(options.user_env), secret(options.password_env)


@dataclass(frozen=True)
class Question:
    """One GET.

    Attributes:
        path: after the address, query included where the device wants a peculiar one.
        about: what was asked, for the receipt; equal for equal questions, so that equal answers are one reading.
        start_at, end_at: the window asked for, aware.
    """

    path: str
    about: Mapping[str, Any]
    start_at: datetime | None = None
    end_at: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the receipt's origin ends with."""
        return " ".join(str(value) for value in self.about.values())


def recent_days(now: datetime, zone: ZoneInfo, reread_days: int) -> list[date]:
    """Today and the days before it, newest first, by the local calendar."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=n) for n in range(reread_days + 1)]


def window_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local day as aware moments; 23 or 25 hours when the clock changes."""
    return start_of(day, zone), start_of(day + timedelta(days=1), zone)


class Asker:
    """Asks one source's address. `auth` and `headers` never reach an origin, a receipt or a message."""

    def __init__(
        self,
        context: FetchContext,
        *,
        auth: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        options: PullOptions = context.options
        self._context = context
        self._auth = auth
        self._headers = dict(headers or {})
        url = options.url or ""
        self._base = expand(url).rstrip("/")
        variable = re.match(r"\$\{[A-Z][A-Z0-9_]*\}", url)
        self._shown = variable[0] if variable else redacted(url).rstrip("/")

    def origin(self, question: Question) -> str:
        """The question's name in receipts."""
        return f"{self._shown} {question.name}"

    def has_answer(self, question: Question) -> bool:
        """Whether the question was ever answered well."""
        return self._context.latest(self.origin(question)) is not None

    def get(self, question: Question) -> Answer:
        """Ask.

        Raises:
            PermanentFailure: any status but 200, with what to do.
            TransientFailure: still failing after the session's retries.
        """
        answer = self._context.session.get(
            self._base + question.path,
            params=question.params,
            headers=self._headers,
            auth=self._auth,
            max_bytes=self._context.options.max_bytes,
        )
        if answer.status != 200:
            raise PermanentFailure(
                f"{self.origin(question)}: answered {answer.status}.",
                reason=f"http_{answer.status}",
                next_action=_ACTIONS.get(answer.status, "Look at the device's web page."),
            )
        return answer

    def arrival(self, question: Question, answer: Answer, *, is_complete: bool | None) -> Arrival:
        """The answer as it is landed."""
        return Arrival(
            self._context.source.source_id,
            "poll",
            self._context.now,
            answer.body,
            origin=self.origin(question),
            ask=question.about,
            window_start_at=question.start_at,
            window_end_at=question.end_at,
            is_complete=is_complete,
            http_status=answer.status,
            media_type=answer.headers.get("Content-Type"),
        )

    def failed(self, question: Question, failure: IngestError) -> Arrival:
        """The receipt of a question that was not answered: the day is known to be owed."""
        return Arrival(
            self._context.source.source_id,
            "poll",
            self._context.now,
            status="failed",
            origin=self.origin(question),
            ask=question.about,
            window_start_at=question.start_at,
            window_end_at=question.end_at,
            is_complete=False,
            error=f"{failure.reason}: {failure}",
        )

    def all(self, questions: Iterable[Question]) -> Iterator[Arrival]:
        """Ask all questions, each on its own. What was answered is landed before the failures are told.

        Raises:
            PermanentFailure, TransientFailure: at once where the others would fail as well, else at the end.
        """
        failures: list[IngestError] = []
        in_a_row = 0
        for question in questions:
            try:
                answer = self.get(question)
            except IngestError as failure:
                if failure.reason in _STOPS:
                    raise
                yield self.failed(question, failure)
                failures.append(failure)
                in_a_row += 1
                if in_a_row == MOST_FAILURES_IN_A_ROW:
                    break
                continue
            in_a_row = 0
            yield self.arrival(question, answer, is_complete=True)
        tell_failures(failures)


def tell_failures(failures: list[IngestError]) -> None:
    """Raise one failure for several.

    Raises:
        TransientFailure: all of them may pass by themselves.
        PermanentFailure: one of them needs a person.
    """
    if not failures:
        return
    first = next((f for f in failures if not isinstance(f, TransientFailure)), failures[0])
    kind = TransientFailure if isinstance(first, TransientFailure) else PermanentFailure
    message = str(first.args[0]).removesuffix(first.next_action).strip()
    raise kind(
        f"{len(failures)} of the days asked for failed; one of them: {message}",
        reason=first.reason,
        next_action=first.next_action,
    )
