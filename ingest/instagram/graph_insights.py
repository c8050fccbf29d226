"""Asking for insights: many calls at once, lists of metrics that are narrowed when refused, and what is remembered.

What belongs here: the way of a call from its metrics to its receipt, be it about a post or the account. What does
not: which calls there are (`graph_api.py`) and how they travel (`graph_client.py`).

One metric that does not fit makes Meta refuse the whole list. The culprit is found by its name in the error, else by
halving the list; it is told once and left out for 30 days. The verdicts travel in the receipts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ingest.catalogue import Arrival
from ingest.errors import IngestError
from ingest.instagram import graph_reference, graph_schedule
from ingest.instagram.graph_client import STOP_AT_PERCENT, GraphClient, Question, Reply
from ingest.instagram.graph_options import GraphOptions
from ingest.instagram.graph_protocol import Refusal, as_bytes
from ingest.instagram.graph_receipts import Receipts
from ingest.instagram.graph_schedule import Post, Seen
from ingest.instagram.graph_troubles import Troubles, failure_of

# A rejected metric is asked for again after this long: Meta adds metrics to kinds of posts now and then.
VERDICT_DAYS = 30
# One unreadable post is that post's trouble; this many in a row are the service's.
TROUBLES_IN_A_ROW = 3

# Refusals that tell something of what was asked about; any other is landed as evidence only.
_TELLING = frozenset({"capability", "suppressed", "before_conversion", "unreachable"})
# In the order in which they decide about a post: one answer outweighs any refusal of its other metrics.
_OUTCOMES = ("answered", "before_conversion", "unreachable", "suppressed", "empty", "rejected")


@dataclass(frozen=True)
class Work:
    """One call for insights, of a post or of the account, and what is left of it.

    Attributes:
        kind: what verdicts on its metrics are kept under.
        member: what the receipt says of it, without the metrics.
        metrics: asked for in this call.
        not_asked: left out because Meta rejected them before; told once.
        post: None for the account's.
    """

    path: str
    kind: str
    params: Mapping[str, Any]
    member: Mapping[str, Any]
    metrics: tuple[str, ...]
    not_asked: tuple[str, ...] = ()
    post: Post | None = None

    @property
    def question(self) -> Question:
        return Question(self.path, {"metric": ",".join(self.metrics), **self.params}, self.metrics)

    @property
    def subject(self) -> str:
        """Calls about the same post are done together; each of the account's stands alone."""
        return self.post.post_id if self.post is not None else f"{self.kind}{sorted(self.params.items())}"


@dataclass
class _Landing:
    """The answers of one batch, gathered to be landed as one blob."""

    members: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    api_version: str = ""

    def add(self, member: dict[str, Any], reply: Reply) -> None:
        self.members.append(member)
        self.answers.append(reply.document)
        self.api_version = reply.api_version
        if reply.refusal is not None:
            self.refusals.append(reply.refusal)


class Insights:
    """All calls for insights of one poll.

    Attributes:
        seen: what earlier receipts say of posts, by id.
        verdicts: metrics that Meta rejects, with the date, by kind of call.
        expired: verdicts that are due to be tried again.
    """

    def __init__(self, options: GraphOptions, client: GraphClient, receipts: Receipts, troubles: Troubles) -> None:
        self.options = options
        self.client = client
        self.receipts = receipts
        self.troubles = troubles
        self.now = receipts.now
        self.seen: dict[str, Seen] = {}
        self.verdicts: dict[str, dict[str, str]] = {}
        self.expired: dict[str, dict[str, str]] = {}
        self._in_a_row = 0

    def remember(self) -> None:
        """Read the receipts of insights: what was asked about each post, and which metrics Meta rejected."""
        since = self.now - timedelta(days=self.options.insight_max_age_days) - timedelta(days=60)
        receipts = self.receipts.earlier("insights", since=since)
        self.seen = graph_schedule.seen_posts(receipts)
        newest = next((r.asked for r in reversed(receipts) if "verdicts" in r.asked), {})
        if newest.get("pinned") != self.options.api_version:
            return  # another version may take what this one was refused
        valid_from = (self.now - timedelta(days=VERDICT_DAYS)).date().isoformat()
        for kind, told in newest["verdicts"].items():
            self.verdicts[kind] = {m: on for m, on in told.items() if on > valid_from}
            self.expired[kind] = {m: on for m, on in told.items() if on <= valid_from}

    def due(
        self,
        posts: Iterable[Post],
        ages: Sequence[timedelta],
        last: timedelta,
        *,
        often_until: timedelta = timedelta(),
    ) -> list[Post]:
        """Those posts that are due, in the order given; ages as `graph_schedule.is_due` has them."""
        often = timedelta(hours=self.options.daily_after_hours)
        return [
            post
            for post in posts
            if graph_schedule.is_due(
                post, self.seen.get(post.post_id), self.now, ages, last, often_until=often_until, often=often
            )
        ]

    def about(self, posts: Iterable[Post]) -> Generator[Arrival, None, bool]:
        """Ask for the insights of posts.

        Returns:
            As `answers`.
        """
        work = [call for post in posts for call in self._post_calls(post)]
        # One post of each kind goes ahead: what Meta rejects for it is not asked for the others.
        pilots = {w.kind: w.subject for w in reversed(work)}
        first = [w for w in work if w.subject == pilots[w.kind]]
        rest = [w for w in work if w.subject != pilots[w.kind]]
        return (yield from self.answers(first)) and (yield from self.answers(rest))

    def _post_calls(self, post: Post) -> Iterator[Work]:
        calls = graph_reference.post_calls(
            self.options.api_version, post.product_type, post.media_type, self.options.login
        )
        if not calls:
            self.troubles.tell_once(f"Posts of kind {post.kind} have no metrics in capabilities.yaml: not asked.")
        for breakdown, metrics in calls.items():
            params = {"breakdown": breakdown} if breakdown else {}
            member = {
                "endpoint": "media_insights",
                "media_id": post.post_id,
                "product_type": post.product_type,
                "media_type": post.media_type,
                "posted_at": post.posted_at.strftime(graph_schedule.STAMP),
                **params,
            }
            yield Work(f"/{post.post_id}/insights", post.kind, params, member, metrics, post=post)

    def _without_rejected(self, work: Work) -> Work:
        """The call without the metrics that Meta rejects for its kind."""
        rejected = self.verdicts.get(work.kind, {})
        return replace(
            work,
            metrics=tuple(m for m in work.metrics if m not in rejected),
            not_asked=tuple(m for m in work.metrics if m in rejected),
        )

    def answers(self, work: Sequence[Work]) -> Generator[Arrival, None, bool]:
        """Ask a list of calls to its end. A list of metrics that is refused is narrowed until the rest answers.

        Returns:
            Whether it came to its end: False after several troubles in a row, which are the service's.
        """
        waiting = [w for w in map(self._without_rejected, work) if w.metrics]
        failed: set[str] = set()
        outcomes: dict[str, set[str]] = {}
        while waiting:
            following: list[Work] = []
            open_calls: dict[str, int] = {}
            for item in waiting:
                open_calls[item.subject] = open_calls.get(item.subject, 0) + 1
            for replies in self.client.ask_many([item.question for item in waiting]):
                landing, evidence = _Landing(), _Landing()
                failures: list[IngestError] = []
                for number, reply in replies:
                    item = waiting[number]
                    more, failure = self._judged(item, reply)
                    outcomes.setdefault(item.subject, set()).add(_outcome(reply))
                    following += more
                    open_calls[item.subject] += len(more) - 1
                    if failure is not None:
                        evidence.add({**item.member, "metrics": list(item.metrics)}, reply)
                        failures.append(failure)
                        failed.add(item.subject)
                        self._in_a_row += 1
                        continue
                    self._in_a_row = 0
                    is_done = open_calls[item.subject] == 0 and item.subject not in failed
                    member = self._member(item, is_done, outcomes[item.subject])
                    landing.add(member, reply)
                yield from self._land(landing, evidence)
                for failure in failures:
                    self.troubles.go_on_after(failure)
                if self._in_a_row >= TROUBLES_IN_A_ROW:
                    return False
            waiting = following
        return True

    def _judged(self, item: Work, reply: Reply) -> tuple[list[Work], IngestError | None]:
        """What follows from an answer: calls for the metrics that are still open, or a failure."""
        refusal = reply.refusal
        if refusal is None:
            for metric in item.metrics:
                if self.expired.get(item.kind, {}).pop(metric, None):
                    self.troubles.tell_once(
                        f"Meta takes the metric {metric} for {item.kind} again, which it rejected before."
                    )
            return [], None
        if refusal.kind == "unreachable" and (item.post is None or self.client.usage.percent >= STOP_AT_PERCENT):
            return [], failure_of(refusal, _about(item), self.client)
        if refusal.kind in ("before_conversion", "unreachable"):
            return [], None
        if refusal.kind not in ("capability", "suppressed"):
            return [], failure_of(refusal, _about(item), self.client)
        if refusal.kind == "capability":
            for metric in refusal.metrics:
                self.verdicts.setdefault(item.kind, {})[metric] = self.now.date().isoformat()
                if not self.expired.get(item.kind, {}).pop(metric, None):
                    self.troubles.tell_once(
                        f"Meta rejects the metric {metric} for {item.kind} in {reply.api_version} ({refusal}). It is "
                        f"left out for {VERDICT_DAYS} days; check Meta's changelog and mend "
                        "ingest/instagram/capabilities.yaml."
                    )
        rest = tuple(m for m in item.metrics if m not in refusal.metrics)
        half = len(rest) // 2
        parts = (rest,) if refusal.metrics else (rest[:half], rest[half:])
        return [replace(item, metrics=part, not_asked=()) for part in parts if part], None

    def _member(self, item: Work, is_done: bool, outcomes: set[str]) -> dict[str, Any]:
        """What the receipt says of one call: what was asked, whether its post is done now, and how it ended."""
        member = {
            **item.member,
            "metrics": list(item.metrics),
            **({"not_asked": list(item.not_asked)} if item.not_asked else {}),
        }
        if item.post is None or not is_done:
            return member
        # One answer is enough to know that the post is there.
        outcome = next(o for o in _OUTCOMES if o in outcomes)
        member |= {"done": True, "outcome": outcome}
        if outcome == "unreachable" and self.client.usage.percent < STOP_AT_PERCENT:
            past = self.seen.get(item.post.post_id)
            days = (past.unreachable_on if past else set()) | {self.now.date()}
            member["closed"] = len(days) >= graph_schedule.DAYS_UNTIL_GONE
        return member

    def _land(self, landing: _Landing, evidence: _Landing) -> Iterator[Arrival]:
        """The answers of a batch as one blob, and its refusals that say nothing of a post as another, not to be read.

        The receipt carries all verdicts on metrics on, so that the newest one knows them.
        """
        for part in (landing, evidence):
            if not part.members:
                continue
            ask = {
                "endpoint": "insights",
                "account_id": self.options.account_id,
                "api_version": part.api_version,
                "pinned": self.options.api_version,
                "members": part.members,
                "verdicts": {
                    kind: {**self.expired.get(kind, {}), **self.verdicts.get(kind, {})}
                    for kind in sorted({*self.expired, *self.verdicts})
                },
            }
            body = as_bytes({"answers": part.answers})
            error = None if part is landing else f"Meta refused: {part.refusals[0]}."
            yield self.receipts.arrival(body, f"{self.receipts.origin}/insights", ask, error=error)


def _about(item: Work) -> str:
    return f"the post {item.post.post_id}" if item.post is not None else f"the account's insights ({item.kind})"


def _outcome(reply: Reply) -> str:
    if reply.refusal is None:
        return "answered" if reply.document.get("data") else "empty"
    return reply.refusal.kind if reply.refusal.kind in _TELLING - {"capability"} else "rejected"
