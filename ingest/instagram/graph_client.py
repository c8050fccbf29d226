"""Asking the Graph API: secrets, signatures, batches, the allowance, and when to try again.

What belongs here: one question or many, answered or refused, whatever they are about. What does not: which questions
there are (`graph_api.py`), what an answer means (`graph_protocol.py`, `graph_answers.py`).

The token goes into a header, never into an address. Up to 50 questions travel in one batch: each still counts against
the allowance, as Meta's page on batches says, but one refusal costs only its own question, and there is one round
trip. Waits by Meta's estimate are minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from ingest import access
from ingest.config import expand
from ingest.errors import ConfigurationError, TransientFailure, UnreadableBody
from ingest.http import Answer, Session
from ingest.instagram.graph_protocol import Refusal, Usage, read_json, refusal_of, scrubbed, usage_of

log = logging.getLogger("levende.ingest.instagram")

HOSTS = {"facebook": "graph.facebook.com", "instagram": "graph.instagram.com"}
# At 100 Meta throttles for up to an hour; stopping just before leaves the allowance to whoever needs it.
STOP_AT_PERCENT = 95.0
SLOW_AT_PERCENT = 75.0
# The pause before a call, as the allowance nears its end: from nothing at 75 % to this at 95 %.
LONGEST_PAUSE_SECONDS = 60.0
# Meta's own limit.
LARGEST_BATCH = 50
TRIES = 5
BACKOFF_SECONDS = 2.0
# A limit without an estimate: the allowance is counted over a rolling hour.
WAIT_MINUTES = 60.0
_SHORTEST_SECRET = 8


class LimitReached(TransientFailure):
    """Meta's allowance, or our own for one poll, is spent.

    Attributes:
        is_app_wide: every account that is asked through the same app must wait as well.
    """

    def __init__(self, message: str, *, reason: str, next_action: str, minutes: float, is_app_wide: bool) -> None:
        super().__init__(
            message, reason=reason, next_action=next_action, retry_after_seconds=minutes * 60 if minutes else None
        )
        self.is_app_wide = is_app_wide


class ClientOptions(Protocol):
    """What the client must know of a source's options; see `graph_api.GraphOptions`."""

    @property
    def login(self) -> str: ...
    @property
    def host(self) -> str | None: ...
    @property
    def api_version(self) -> str: ...
    @property
    def token_env(self) -> str: ...
    @property
    def app_secret_env(self) -> str | None: ...
    @property
    def batch_size(self) -> int | None: ...
    @property
    def max_calls(self) -> int: ...
    @property
    def max_wait_minutes(self) -> float: ...


class _NoBatches(Exception):
    """The host refused a batch as such, not what was asked in it."""


# What a whole batch is refused for that each of its questions would be refused for, too.
_OF_EACH_QUESTION = frozenset({"token", "permission", "limit", "busy", "blocked", "proof"})


@dataclass(frozen=True)
class Question:
    """One GET: its path, such as `/17841400000000001/media`, its parameters, and the metrics among them."""

    path: str
    params: Mapping[str, Any]
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """One answer, scrubbed of secrets already when it is made."""

    status: int
    document: dict[str, Any]
    api_version: str
    refusal: Refusal | None
    # Tried again already, by the session: not worth another try in this poll.
    is_final: bool = False


def secret(variable: str) -> str:
    """The token or secret in an environment variable.

    Raises:
        ConfigurationError: it is not set, or holds what can't be one.
    """
    value = access.secret(variable)
    if len(value) < _SHORTEST_SECRET or not re.fullmatch(r"[!-~]+", value):
        raise ConfigurationError(
            f"the environment variable {variable} holds no token or secret: too short, or with signs that none has.",
            next_action=f"Copy the value into {variable} again, on one line.",
        )
    return value


def signature(token: str, app_secret: str) -> str:
    """`appsecret_proof`: that whoever holds the token is the app itself."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def address(login: str, host: str | None) -> str:
    """The scheme and host that a login flavour is asked at, without a version."""
    named = expand(host or HOSTS[login]).rstrip("/")
    return named if "://" in named else f"https://{named}"


class GraphClient:
    """One poll's way to the API: its secrets, its allowance and its patience.

    Args:
        session: the guarded HTTP session.
        pause: waits for so many seconds.
        tell: called with a line for a person when Meta does something unexpected that stops nothing.

    Attributes:
        usage: the allowance as the newest answer told it.
        spent: calls made so far, counted as Meta counts them: each question of a batch is one.
        trips: HTTP requests made so far.
    """

    def __init__(
        self, options: ClientOptions, session: Session, pause: Callable[[float], None], tell: Callable[[str], None]
    ) -> None:
        self.options = options
        self.session = session
        self.pause = pause
        self.tell = tell
        token = secret(options.token_env)
        self.secrets = [token]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.proof: dict[str, str] = {}
        if options.app_secret_env is not None:
            app_secret = secret(options.app_secret_env)
            self.proof = {"appsecret_proof": signature(token, app_secret)}
            self.secrets += [app_secret, self.proof["appsecret_proof"]]
        self.base = f"{address(options.login, options.host)}/{options.api_version}"
        self.batch_size = options.batch_size or (LARGEST_BATCH if options.login == "facebook" else 1)
        if options.login != "facebook" and options.batch_size is None:
            log.info("Questions go one by one: nothing says that %s takes batches.", HOSTS[options.login])
        self.usage = Usage()
        self.spent = 0
        self.trips = 0
        self._first: tuple[int, float] | None = None
        self._wait_left = options.max_wait_minutes
        # Seeded, so that a run can be repeated; what it spreads is the pauses of many installations.
        self._jitter = random.Random(signature(token, "jitter"))  # noqa: S311 - pauses, not secrets

    # --- asking

    def ask(self, question: Question) -> Reply:
        """One question alone, tried again while Meta is busy or until its wait is over.

        Raises:
            LimitReached: the allowance or the poll's budget is spent, before the question or by it.
            TransientFailure: the service can't be reached, or answers no JSON.
        """
        tries = 1
        while True:
            self._brake(1)
            reply = self._get(question)
            if _is_limit(reply) and self._waited():
                continue
            if not _is_busy(reply) or tries == TRIES:
                return reply
            self._back_off(tries)
            tries += 1

    def ask_many(self, questions: Sequence[Question]) -> Iterator[list[tuple[int, Reply]]]:
        """Many questions, in batches; each is answered once, with its number in `questions`.

        What Meta is too busy for is tried again. After a batch in which it was too busy for everything, one question
        goes alone until an answer comes: seven hundred times five tries is no way to treat a service that is down.

        Raises:
            LimitReached, TransientFailure: as `ask`; replies that came before were yielded.
        """
        waiting = list(range(len(questions)))
        tries = dict.fromkeys(waiting, 1)
        width = self.batch_size
        while waiting:
            width = min(width, self._allowed(len(waiting)))
            numbers, waiting = waiting[:width], waiting[width:]
            self._brake(len(numbers))
            try:
                replies = self._replies([questions[n] for n in numbers])
            except _NoBatches as refused:
                self.batch_size = width = 1
                waiting = numbers + waiting
                self.tell(
                    f"Questions go one by one: the host takes no batches ({refused}). Set batch_size: 1 in the "
                    "source's options to spare the attempt."
                )
                continue
            told, again = [], []
            is_over = any(_is_limit(reply) for reply in replies) and self._waited()
            for number, reply in zip(numbers, replies, strict=True):
                if is_over and _is_limit(reply):
                    again.append(number)
                elif _is_busy(reply) and not reply.is_final and tries[number] < TRIES:
                    tries[number] += 1
                    again.append(number)
                else:
                    told.append((number, reply))
            if told:
                yield told
            busy = [tries[n] - 1 for n in again if tries[n] > 1]
            if busy:
                self._back_off(min(busy))
            waiting = again + waiting
            width = 1 if all(map(_is_busy, replies)) else self.batch_size

    def _replies(self, questions: Sequence[Question]) -> list[Reply]:
        if len(questions) > 1:
            return self._post(questions)
        try:
            return [self._get(questions[0])]
        except TransientFailure as failure:
            if not failure.reason.startswith("http_5"):
                raise
            # One question that Meta chokes on is that question's trouble.
            return [replace(self._late(failure.reason), is_final=True)]

    def _get(self, question: Question) -> Reply:
        self.spent += 1
        self.trips += 1
        answer = self.session.get(
            self.base + question.path, params={**question.params, **self.proof}, headers=self.headers
        )
        self._note(usage_of(answer.headers))
        return self._reply(answer.status, answer.body, answer.headers, question)

    def _post(self, questions: Sequence[Question]) -> list[Reply]:
        """A batch. Questions without an answer in it (Meta ran out of time) are told as busy."""
        parts = [
            {"method": "GET", "relative_url": f"{q.path.removeprefix('/')}?{urlencode(dict(q.params))}"}
            for q in questions
        ]
        form = {"batch": json.dumps(parts, separators=(",", ":")), "include_headers": "true", **self.proof}
        answer = self._posted(form, len(questions))
        usage = usage_of(answer.headers)
        try:
            answers = json.loads(answer.body)
        except (ValueError, RecursionError):
            answers = None
        if not isinstance(answers, list) or len(answers) != len(questions):
            # A refusal of the whole batch (a dead token, say) is the answer to each of its questions.
            self._note(usage)
            refusal = _refusal_of_batch(answer)
            if answer.status < 500 and (refusal is None or refusal.kind not in _OF_EACH_QUESTION):
                raise _NoBatches(str(refusal or f"HTTP {answer.status} without a list of answers"))
            return [self._reply(answer.status, answer.body, answer.headers, question) for question in questions]
        replies = []
        for part, question in zip(answers, questions, strict=True):
            if not isinstance(part, dict) or not isinstance(part.get("body"), str):
                replies.append(self._late("no_answer_in_batch"))
                continue
            headers = {
                str(h.get("name")): str(h.get("value")) for h in part.get("headers") or [] if isinstance(h, dict)
            }
            usage = usage.with_worse(usage_of(headers))
            code = part.get("code")
            status = code if isinstance(code, int) else 500
            replies.append(self._reply(status, part["body"].encode("utf-8", "replace"), headers, question))
        self._note(usage)
        return replies

    def _late(self, why: str) -> Reply:
        late = {"error": {"code": 2, "message": "", "type": why}}
        return Reply(500, late, self.options.api_version, refusal_of(late))

    def _posted(self, form: Mapping[str, str], count: int) -> Answer:
        for tries in range(1, TRIES + 1):
            self.spent += count
            self.trips += 1
            try:
                return self.session.post(f"{self.base}/", data=form, headers=self.headers)
            except TransientFailure as failure:
                # Asking again changes nothing at Meta's, so a batch may be sent twice; a 429 must not be.
                if tries == TRIES or failure.reason == "http_429":
                    raise
                self._back_off(tries)
        raise AssertionError("the last try returned or raised")

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str], question: Question) -> Reply:
        try:
            document = scrubbed(read_json(body), self.secrets)
        except (UnreadableBody, RecursionError):
            # Not landed: what is no JSON can't be searched for secrets with certainty.
            if status < 500:
                raise TransientFailure(
                    f"the Graph API answered {status} without a JSON object.",
                    reason="no_json",
                    next_action="See whether a proxy or firewall answers in Meta's place; the next poll tries again.",
                ) from None
            document = {"error": {"code": 2, "message": "", "type": f"http_{status}"}}
        if status >= 400 and "error" not in document:
            document["error"] = {"code": 2 if status >= 500 else 0, "message": "", "type": f"http_{status}"}
        version = next((v for k, v in headers.items() if k.casefold() == "facebook-api-version"), "")
        if not re.fullmatch(r"v\d+\.\d+", version):
            version = self.options.api_version
        if version != self.options.api_version:
            self.tell(f"Meta answers with {version} where {self.options.api_version} is pinned: renew api_version.")
        return Reply(status, document, version, refusal_of(document, question.metrics))

    # --- the allowance

    def _note(self, usage: Usage) -> None:
        self.usage = usage
        if self._first is None or usage.percent < self._first[1]:
            self._first = (self.spent, usage.percent)  # the hour rolls on: what was spent earlier comes back

    def _allowed(self, count: int) -> int:
        """How many of so many questions the budget and the allowance still pay for; at least one, to be refused.

        What one question takes of the allowance is judged by what those of this poll have taken.
        """
        count = min(count, self.options.max_calls - self.spent)
        if self._first is not None and self.usage.percent > self._first[1]:
            each = (self.usage.percent - self._first[1]) / (self.spent - self._first[0])
            count = min(count, int((STOP_AT_PERCENT - self.usage.percent) / each))
        return max(1, count)

    def _brake(self, count: int) -> None:
        """Stop before the allowance ends, and slow down on the way there.

        Raises:
            LimitReached: nothing more may be asked.
        """
        if self.spent + count > self.options.max_calls:
            raise LimitReached(
                f"the poll's budget of {self.options.max_calls} calls is spent.",
                reason="budget_spent",
                next_action="Nothing to do: what came is kept, and the next poll goes on. Raise max_calls if it never "
                "ends.",
                minutes=0,
                is_app_wide=False,
            )
        percent = self.usage.percent
        if percent >= STOP_AT_PERCENT and not self._waited():
            raise self.limit(f"{percent:.0f} % of the hour's allowance is spent", self.usage.app_percent >= percent)
        if self.usage.percent >= SLOW_AT_PERCENT:
            share = (self.usage.percent - SLOW_AT_PERCENT) / (STOP_AT_PERCENT - SLOW_AT_PERCENT)
            self.pause(share * LONGEST_PAUSE_SECONDS)

    def _waited(self) -> bool:
        """Wait as long as Meta estimates, where that fits into the poll; then the refused may go again."""
        minutes = self.usage.regain_minutes
        if not 0 < minutes <= self._wait_left:
            return False
        log.warning("Meta's allowance is spent: waiting %.0f minutes, as it says.", minutes)
        self._wait_left -= minutes
        self.pause(minutes * 60)
        self.usage, self._first = Usage(), None
        return True

    def limit(self, says: str, is_app_wide: bool) -> LimitReached:
        """The failure that ends a poll when Meta's allowance is spent; its wait is Meta's estimate, or an hour."""
        minutes = self.usage.regain_minutes or WAIT_MINUTES
        return LimitReached(
            f"{says}.",
            reason="limit_reached",
            next_action=f"Nothing to do: what came is kept, and polls go on by themselves after {minutes:.0f} minutes. "
            "Poll less often, or lower insight_max_age_days, if it happens every day.",
            minutes=minutes,
            is_app_wide=is_app_wide,
        )

    def _back_off(self, tries: int) -> None:
        self.pause(BACKOFF_SECONDS * 2 ** (tries - 1) * (1 + self._jitter.random()))


def _refusal_of_batch(answer: Answer) -> Refusal | None:
    try:
        return refusal_of(read_json(answer.body))
    except UnreadableBody:
        return None


def _is_limit(reply: Reply) -> bool:
    """A limit of this account alone; one of the whole app is never waited for."""
    return reply.refusal is not None and reply.refusal.kind == "limit" and not reply.refusal.is_app_wide


def _is_busy(reply: Reply) -> bool:
    return reply.refusal is not None and reply.refusal.kind == "busy"
