"""The Instagram Graph API: one account's snapshot, its posts, and the insights of each post.

What belongs here: what is asked, in which order, and when asking stops. What does not: reading answers
(`graph_answers.py`) and Meta's facts as data (`graph_reference.py`).

A poll is whole: account, all pages of posts, then one insights call per young post, newest first. Every answer is
landed before the next is asked for, so that an interrupted poll keeps what it has. The token goes into a header,
never into an address; `paging.next` is never followed, because it carries the token.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ingest.adapters import Adapter, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source, expand
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure, UnreadableBody
from ingest.instagram import graph_reference
from ingest.instagram.graph_answers import (
    Refusal,
    Usage,
    as_bytes,
    cursor_after,
    has_next,
    moment_of,
    read_json,
    refusal_of,
    rows_of,
    scrubbed,
    usage_of,
)

log = logging.getLogger("levende.ingest.instagram")

ACCOUNT_FIELDS = ("id", "username", "followers_count", "follows_count", "media_count")
# No address of a picture (signed, new at every call), no permalink (its form varies; the shortcode joins).
MEDIA_FIELDS = (
    "id",
    "timestamp",
    "media_type",
    "media_product_type",
    "caption",
    "shortcode",
    "like_count",
    "comments_count",
)

# At 100 Meta throttles for up to an hour; stopping just before leaves the allowance to whoever needs it.
STOP_AT_PERCENT = 95.0
# A rejected metric is asked for again after this long: Meta adds metrics to kinds of posts now and then.
VERDICT_DAYS = 30
# One unreadable post is that post's trouble; this many in a row are the service's.
TROUBLES_IN_A_ROW = 3
_SHORTEST_TOKEN = 8

# Failures that speak of the token, the allowance or the app, not of one post: nothing further may be asked.
_STOPPING = frozenset(
    {
        "token_dead",
        "permission_lost",
        "limit_reached",
        "policy_block",
        "proof_refused",
        "http_429",
        "address_refused",
        "too_many_redirects",
    }
)


Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class GraphOptions(Options):
    """Options of `instagram_graph`.

    Attributes:
        host: `graph.facebook.com`, or a whole address such as `http://127.0.0.1:8080` or `${GRAPH_URL}`.
        allow_loopback: allow plain http to 127.0.0.1, for a stand-in server.
        api_version: the pinned version; unversioned calls drift.
        account_id: the Instagram user id, as text: its 17 digits are more than a number keeps.
        token_env: name of the environment variable that holds the access token.
        app_secret_env: name of the one that holds the app's secret; then every call is signed with it.
        insight_max_age_days: posts older than this at the time of the poll are listed but not asked for insights.
        page_limit: posts per page, at most 100.
        max_pages: a poll that meets more pages fails; the API itself ends at the newest 10,000 posts.
    """

    host: str = "graph.facebook.com"
    allow_loopback: bool = False
    api_version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")] = "v25.0"
    account_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    token_env: Variable
    app_secret_env: Variable | None = None
    insight_max_age_days: Annotated[int, Field(ge=0)] = 730
    page_limit: Annotated[int, Field(ge=1, le=100)] = 100
    max_pages: Annotated[int, Field(ge=1)] = 120


@dataclass(frozen=True)
class _Post:
    """What asking for a post's insights needs to know of it."""

    post_id: str
    product_type: str
    media_type: str


@dataclass(frozen=True)
class _Reply:
    """One answer, scrubbed of secrets already when it is made."""

    status: int
    document: dict[str, Any]
    body: bytes
    api_version: str


@register
class GraphApi(Adapter):
    """One professional account through the Graph API, with Facebook Login and a system user's token."""

    name: ClassVar[str] = "instagram_graph"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = (
        "social_account_observations",
        "social_post_observations",
        "social_metric_observations",
    )
    options: ClassVar[type[Options]] = GraphOptions
    polls: ClassVar[bool] = True
    reads_moments: ClassVar[bool] = True

    def parse(self, body: bytes, receipt: Receipt, source: Source, options: Any) -> Parsed:
        """Rows of one landed answer; what was asked stands in the receipt. Times are UTC.

        Raises:
            UnreadableBody: the bytes are no answer of the Graph API, or the receipt does not say what was asked.
        """
        return rows_of(read_json(body), receipt)

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for the account, its posts and their insights.

        Raises:
            ConfigurationError: the token's variable is not set or holds no token.
            PermanentFailure: the token is dead, access was lost, or the API version is past its last day.
            TransientFailure: a limit is reached (`retry_after_seconds` by Meta's estimate) or the service is busy.
        """
        yield from _Poll(context).run()


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(
            f"the environment variable {variable} is not set.", next_action=f"Set {variable} and start again."
        )
    if len(value) < _SHORTEST_TOKEN or not re.fullmatch(r"[!-~]+", value):
        raise ConfigurationError(
            f"the environment variable {variable} holds no token or secret: too short, or with signs that none has.",
            next_action=f"Copy the value into {variable} again, on one line.",
        )
    return value


def check_version(version: str, today: date) -> None:
    """Tell of a version's end before it comes.

    Args:
        version: the pinned version.
        today: the date of the poll, UTC.

    Raises:
        PermanentFailure: its last day is past. Meta would answer with another version, silently.
    """
    if graph_reference.is_retired(version, today):
        raise PermanentFailure(
            f"Graph API {version} is past its last day.",
            reason="version_retired",
            next_action=f"Read Meta's changelog and set api_version to {_newest()} or another living version.",
        )
    left = graph_reference.days_left(version, today)
    if left is not None and left <= graph_reference.VERSION_ALARM_DAYS:
        log.warning(
            "Graph API %s ends in %d days. Plan the change of api_version, to %s say.", version, left, _newest()
        )
    elif version not in graph_reference.LAST_DAYS:
        log.warning("Graph API %s has no known last day. Add it to ingest/instagram/graph_reference.py.", version)


def _newest() -> str:
    return max(graph_reference.LAST_DAYS, key=graph_reference.version_number)


class _Poll:
    """One poll: its secrets, its allowance, and the troubles that did not stop it."""

    def __init__(self, context: FetchContext) -> None:
        self.context = context
        self.options: GraphOptions = context.options
        check_version(self.options.api_version, context.now.date())
        token = _secret(self.options.token_env)
        self.secrets = [token]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.proof: dict[str, str] = {}
        if self.options.app_secret_env is not None:
            app_secret = _secret(self.options.app_secret_env)
            proof = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            self.proof = {"appsecret_proof": proof}
            self.secrets += [app_secret, proof]
        host = expand(self.options.host).rstrip("/")
        self.base = f"{host if '://' in host else f'https://{host}'}/{self.options.api_version}"
        self.usage = Usage()
        self.troubles: list[IngestError] = []
        self.verdicts: dict[tuple[str, str], dict[str, str]] = {}
        self.told: set[str] = set()

    def run(self) -> Iterator[Arrival]:
        """The whole poll.

        Raises:
            PermanentFailure, TransientFailure: what stopped it, or what it met on its way and went around.
        """
        yield from self._account()
        posts: list[_Post] = []
        try:
            yield from self._media(posts)
        except IngestError as failure:
            self._go_on_after(failure)
        yield from self._all_insights(posts)
        self._tell_troubles()

    # --- the three questions

    def _account(self) -> Iterator[Arrival]:
        fields = ",".join(ACCOUNT_FIELDS)
        path = f"/{self.options.account_id}"
        ask = {"endpoint": "account", "fields": fields}
        reply = self._ask(path, {"fields": fields})
        refusal = refusal_of(reply.document)
        yield self._arrival(reply, path, ask, refusal)
        if refusal is not None:
            raise self._failure(refusal, f"the account {self.options.account_id}")

    def _media(self, posts: list[_Post]) -> Iterator[Arrival]:
        """All pages of posts; those young enough for insights are added to `posts`, each once."""
        path = f"/{self.options.account_id}/media"
        fields = ",".join(MEDIA_FIELDS)
        oldest = self.context.now - timedelta(days=self.options.insight_max_age_days)
        known: set[str] = set()
        cursors: set[str] = set()
        after: str | None = None
        for page in range(1, self.options.max_pages + 1):
            ask: dict[str, Any] = {
                "endpoint": "media",
                "fields": fields,
                "limit": self.options.page_limit,
                "page": page,
            }
            params: dict[str, Any] = {"fields": fields, "limit": self.options.page_limit}
            if after is not None:
                ask["after"] = params["after"] = after
            reply = self._ask(path, params)
            refusal = refusal_of(reply.document)
            yield self._arrival(reply, path, ask, refusal)
            if refusal is not None:
                raise self._failure(refusal, "the list of posts")
            for post in _young_posts(reply.document, oldest):
                if post.post_id not in known:
                    known.add(post.post_id)
                    posts.append(post)
            if not has_next(reply.document):
                return
            after = cursor_after(reply.document)
            if after is None or after in cursors:
                raise PermanentFailure(
                    f"the list of posts does not end: page {page} leads to "
                    f"{'no cursor' if after is None else 'a page that was read before'}.",
                    reason="paging_loop",
                    next_action="Try the next poll; report it to Meta if it stays. The pages read so far are kept.",
                )
            cursors.add(after)
        raise PermanentFailure(
            f"the list of posts has more than {self.options.max_pages} pages.",
            reason="too_many_pages",
            next_action="Raise max_pages in the source's options. The pages read so far are kept.",
        )

    def _all_insights(self, posts: Sequence[_Post]) -> Iterator[Arrival]:
        in_a_row = 0
        for post in posts:
            try:
                yield from self._insights(post)
                in_a_row = 0
            except IngestError as failure:
                self._go_on_after(failure)
                in_a_row += 1
                if in_a_row == TROUBLES_IN_A_ROW:
                    return

    def _insights(self, post: _Post) -> Iterator[Arrival]:
        """One post's metrics in one call. A list that is refused for a metric is narrowed until the rest answers."""
        kind = (post.product_type, post.media_type)
        metrics = graph_reference.metrics_for(self.options.api_version, *kind)
        if not metrics:
            self._tell_once(f"Posts of kind {'/'.join(kind)} have no metrics in graph_reference.py: not asked.")
            return
        # One origin per kind of post, so that the newest receipt of the kind carries the kind's verdicts.
        origin = f"/{{media}}/insights#{'/'.join(kind)}"
        verdicts = self._verdicts_on(kind, origin, metrics)
        not_asked = [m for m in metrics if m in verdicts]
        waiting = deque([[m for m in metrics if m not in verdicts]])
        while waiting:
            asked = waiting.popleft()
            if not asked:
                continue
            reply = self._ask(f"/{post.post_id}/insights", {"metric": ",".join(asked)})
            refusal = refusal_of(reply.document, asked)
            if refusal is not None and refusal.kind == "capability":
                for metric in refusal.metrics:
                    verdicts[metric] = self.context.now.date().isoformat()
                    self._tell_once(
                        f"Meta rejects the metric {metric} for posts of kind {'/'.join(kind)} in "
                        f"{reply.api_version} ({refusal}). It is left out for {VERDICT_DAYS} days; "
                        "check Meta's changelog and mend ingest/instagram/graph_reference.py."
                    )
            ask = {
                "endpoint": "media_insights",
                "media_id": post.post_id,
                "product_type": post.product_type,
                "media_type": post.media_type,
                "metrics": asked,
                "rejected": dict(verdicts),
                "not_asked": not_asked,
            }
            yield self._arrival(reply, origin, ask, refusal)
            not_asked = []  # told once per post
            if refusal is None:
                continue
            if refusal.kind == "unreachable" and self.usage.percent < STOP_AT_PERCENT:
                return
            if refusal.kind == "before_conversion":
                return
            if refusal.kind not in ("capability", "suppressed"):
                raise self._failure(refusal, f"the post {post.post_id}")
            rest = [m for m in asked if m not in refusal.metrics]
            if refusal.metrics:
                waiting.appendleft(rest)
            else:
                waiting.extendleft([rest[len(rest) // 2 :], rest[: len(rest) // 2]])

    # --- asking

    def _ask(self, path: str, params: Mapping[str, Any]) -> _Reply:
        if self.usage.percent >= STOP_AT_PERCENT:
            raise self._limit(f"{self.usage.percent:.0f} % of the hour's allowance is spent")
        answer = self.context.session.get(self.base + path, params={**params, **self.proof}, headers=self.headers)
        self.usage = usage_of(answer.headers)
        try:
            document = scrubbed(read_json(answer.body), self.secrets)
        except (UnreadableBody, RecursionError):
            # Not landed: what is no JSON can't be searched for secrets with certainty.
            raise TransientFailure(
                f"the Graph API answered {answer.status} without a JSON object.",
                reason="no_json",
                next_action="See whether a proxy or firewall answers in Meta's place; the next poll tries again.",
            ) from None
        if answer.status >= 400 and "error" not in document:
            document["error"] = {"code": 0, "message": "", "type": f"http_{answer.status}"}
        version = answer.headers.get("facebook-api-version", "")
        if not re.fullmatch(r"v\d+\.\d+", version):
            version = self.options.api_version
        if version != self.options.api_version:
            self._tell_once(
                f"Meta answers with {version} where {self.options.api_version} is pinned: renew api_version."
            )
        return _Reply(answer.status, document, as_bytes(document), version)

    def _arrival(self, reply: _Reply, path: str, ask: Mapping[str, Any], refusal: Refusal | None) -> Arrival:
        """An answer to be landed. A refusal that tells something of a post is an answer; any other is evidence only."""
        about_post = ask["endpoint"] == "media_insights" and refusal is not None
        is_answer = refusal is None or (
            about_post and refusal.kind in ("capability", "suppressed", "before_conversion", "unreachable")
        )
        arrival = Arrival(
            source_id=self.context.source.source_id,
            how="poll",
            received_at=self.context.now,
            body=reply.body,
            origin=self.base + path,
            ask={"account_id": self.options.account_id, "api_version": reply.api_version, **ask},
            is_complete=True,
            http_status=reply.status,
            media_type="application/json",
        )
        if is_answer:
            return arrival
        return replace(arrival, status="failed", is_complete=False, error=f"Meta refused: {refusal}.")

    # --- what follows from refusals

    def _failure(self, refusal: Refusal, what: str) -> IngestError:
        """The failure that a refusal means, with what to do. Names variables, never their values."""
        options = self.options
        if refusal.kind == "limit" or (refusal.kind == "unreachable" and self.usage.percent >= STOP_AT_PERCENT):
            return self._limit(f"Meta says that there were too many calls ({refusal})")
        if refusal.kind == "busy":
            return TransientFailure(
                f"Meta could not answer for {what} ({refusal}).",
                reason="graph_busy",
                next_action="Nothing to do if it passes; the next poll tries again.",
            )
        secret = options.app_secret_env or "the app's secret (option app_secret_env)"
        reason, says, action = {
            "token": (
                "token_dead",
                f"the access token in {options.token_env} is no longer accepted",
                f"Make a new token in Business Manager and put it into {options.token_env}.",
            ),
            "permission": (
                "permission_lost",
                f"the token in {options.token_env} may not read {what}",
                "Give the system user the Page's task Insights and the permissions in docs/sources/instagram.md.",
            ),
            "blocked": (
                "policy_block",
                "Meta has blocked the app or the account for policy reasons",
                "Read the notice in the app's dashboard; poll again when it is lifted.",
            ),
            "proof": (
                "proof_refused",
                "the call's signature is refused",
                f"Put the app's present secret into {secret}.",
            ),
            "unreachable": (
                "not_found",
                f"{what} does not exist, or the token in {options.token_env} can't see it",
                "Check account_id in the source's options, and that the Page is linked to the Instagram account.",
            ),
        }.get(
            refusal.kind,
            (
                f"graph_{refusal.code}",
                f"Meta refused to answer for {what}",
                "Look the code up in Meta's reference of errors; report it with fbtrace_id.",
            ),
        )
        return PermanentFailure(f"{says} ({refusal}).", reason=reason, next_action=action)

    def _limit(self, says: str) -> TransientFailure:
        minutes = self.usage.regain_minutes
        return TransientFailure(
            f"{says}.",
            reason="limit_reached",
            next_action="Nothing to do: what came is kept, and a later poll goes on. "
            "Poll less often, or lower insight_max_age_days, if it happens every day.",
            retry_after_seconds=minutes * 60 if minutes > 0 else None,
        )

    def _go_on_after(self, failure: IngestError) -> None:
        """Keep a failure that concerns only a part; raise one that concerns all."""
        if failure.reason in _STOPPING:
            raise failure
        log.warning("%s: %s", self.context.source.source_id, failure)
        self.troubles.append(failure)

    def _tell_troubles(self) -> None:
        if not self.troubles:
            return
        # A person's trouble outranks one that passes by itself.
        first = next((t for t in self.troubles if isinstance(t, PermanentFailure)), self.troubles[0])
        if len(self.troubles) == 1:
            raise first
        kind = PermanentFailure if isinstance(first, PermanentFailure) else TransientFailure
        raise kind(
            f"{len(self.troubles)} questions were not answered (first: {first.reason}); all else was read.",
            reason=first.reason,
            next_action=first.next_action,
        )

    # --- verdicts on metrics

    def _verdicts_on(self, kind: tuple[str, str], origin: str, metrics: Sequence[str]) -> dict[str, str]:
        """Metrics that Meta rejected for this kind of post, with the date; the newest receipt carries them on."""
        if kind not in self.verdicts:
            receipt = self.context.latest(self.base + origin)
            told = receipt.asked.get("rejected", {}) if receipt is not None else {}
            expired = (self.context.now - timedelta(days=VERDICT_DAYS)).date().isoformat()
            self.verdicts[kind] = {m: on for m, on in told.items() if m in metrics and on > expired}
        return self.verdicts[kind]

    def _tell_once(self, message: str) -> None:
        if message.split(" (")[0] not in self.told:
            self.told.add(message.split(" (")[0])
            log.warning("%s: %s", self.context.source.source_id, message)


def _young_posts(document: Mapping[str, Any], oldest: datetime) -> Iterator[_Post]:
    """The posts of one page that are young enough for insights. What can't be read is told when the page is parsed."""
    data = document.get("data")
    for record in data if isinstance(data, list) else []:
        if not isinstance(record, dict) or not str(record.get("id", "")).isdecimal():
            continue
        try:
            posted_at = moment_of(record.get("timestamp"))
        except ValueError:
            continue
        if posted_at >= oldest:
            yield _Post(str(record["id"]), str(record.get("media_product_type")), str(record.get("media_type")))
