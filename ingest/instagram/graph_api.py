"""The Instagram Graph API: one account's snapshot and insights, its stories, its posts, and the insights of each.

What belongs here: what is asked, in which order, and when asking stops. What does not: how it is asked
(`graph_client.py`), what is due (`graph_schedule.py`), reading answers (`graph_answers.py`), and Meta's facts as data
(`graph_reference.py`).

A poll may come every hour: stories are looked for each time, the account and its posts once a day, and each post at
fixed ages. What was asked before stands in the catalogue's receipts, so a poll that was interrupted goes on where it
stopped. Every answer is landed before the next is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

from ingest.adapters import Adapter, FetchContext, Options, Parsed, register
from ingest.catalogue import Arrival, Receipt
from ingest.config import Source
from ingest.errors import IngestError, PermanentFailure
from ingest.instagram import graph_schedule
from ingest.instagram.graph_account import AccountPlan
from ingest.instagram.graph_answers import rows_of
from ingest.instagram.graph_client import GraphClient, LimitReached, Question, Reply
from ingest.instagram.graph_insights import Insights
from ingest.instagram.graph_options import GraphOptions, check_version
from ingest.instagram.graph_protocol import as_bytes, cursor_after, has_next, moment_of, read_json
from ingest.instagram.graph_receipts import Receipts
from ingest.instagram.graph_schedule import Post
from ingest.instagram.graph_troubles import Troubles, failure_of
from ingest.instagram.tokens import token_state

ACCOUNT_FIELDS = ("id", "username", "followers_count", "follows_count", "media_count")
# No address of a picture (signed, new at every call), no permalink (its form varies; the shortcode joins).
STORY_FIELDS = (
    "id",
    "timestamp",
    "media_type",
    "media_product_type",
    "caption",
    "shortcode",
    "like_count",
    "comments_count",
)
# The pictures of an album come with the list, as ids: they have no insights and are no posts.
MEDIA_FIELDS = (*STORY_FIELDS, "children{id}")


@register
class GraphApi(Adapter):
    """One professional account through the Graph API, with either login; Facebook's with a system user's token."""

    name: ClassVar[str] = "instagram_graph"
    family: ClassVar[str] = "instagram"
    version: ClassVar[int] = 2
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
        return rows_of(read_json(body), receipt, options.caption_references)

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for what is due of the account, its stories, its posts and their insights.

        Raises:
            ConfigurationError: the token's variable is not set or holds no token.
            PermanentFailure: the token is dead, access was lost, or the API version is past its last day.
            TransientFailure: a limit is reached (`retry_after_seconds` by Meta's estimate) or the service is busy.
        """
        yield from _Poll(context).run()


class _Poll:
    """One poll, in its order: the account, stories before they vanish, posts and their insights."""

    def __init__(self, context: FetchContext) -> None:
        self.options: GraphOptions = context.options
        check_version(self.options.api_version, context.now.date())
        self.now = context.now
        self.max_age = timedelta(days=self.options.insight_max_age_days)
        self.troubles = Troubles(context.source.source_id)
        self.receipts = Receipts(context, self.options)
        self.client = GraphClient(self.options, context.session, context.pause, self.troubles.tell_once)
        self.insights = Insights(self.options, self.client, self.receipts, self.troubles)

    def run(self) -> Iterator[Arrival]:
        """The whole poll.

        Raises:
            PermanentFailure, TransientFailure: what stopped it, or what it met on its way and went around.
        """
        token = token_state(self.receipts.context.source, self.now)
        if token.state in ("expiring", "expired"):
            self.troubles.tell_once(f"{token.message} {token.next_action}")
        self.receipts.check_wait()
        self.insights.remember()
        try:
            if self.receipts.is_daily_due("account"):
                yield from self._account()
            if self.options.stories:
                yield from self._stories()
            if self.receipts.is_daily_due("media"):
                yield from self._posts()
        except LimitReached as failure:
            yield from self.receipts.closed(failure)
            raise
        self.troubles.raise_any()

    def _account(self) -> Iterator[Arrival]:
        fields = ",".join(ACCOUNT_FIELDS)
        path = f"/{self.options.account_id}"
        reply = self.client.ask(Question(path, {"fields": fields}))
        yield self._arrival(reply, self.client.base + path, {"endpoint": "account", "fields": fields})
        if reply.refusal is not None:
            raise failure_of(reply.refusal, f"the account {self.options.account_id}", self.client)
        told: Mapping[str, Any] = {}
        is_ended = True
        if self.options.account_insights:
            known = self.receipts.last_done("account")
            followers = reply.document.get("followers_count")
            plan = AccountPlan(self.options, self.now, known.asked if known is not None else {})
            is_ended = yield from self.insights.answers(plan.calls(followers if isinstance(followers, int) else None))
            told = plan.told
        if is_ended and not self.troubles.may_pass:
            yield self.receipts.done("account", **told)

    def _stories(self) -> Iterator[Arrival]:
        """The stories that can be seen now, and their insights. They are gone a day after they were posted."""
        receipts = self.receipts.earlier("stories", since=self.now - timedelta(days=7))
        missed = graph_schedule.missed_stories(receipts, self.insights.seen, self.now)
        stories: list[Post] = []
        try:
            yield from self._listed("stories", STORY_FIELDS, stories, missed=missed)
        except IngestError as failure:
            self.troubles.go_on_after(failure)
        due = self.insights.due(stories, graph_schedule.STORY_AGES, graph_schedule.STORY_LIFE)
        yield from self.insights.about(due)

    def _posts(self) -> Iterator[Arrival]:
        posts: list[Post] = []
        is_whole = True
        try:
            yield from self._listed("media", MEDIA_FIELDS, posts)
        except IngestError as failure:
            is_whole = False
            self.troubles.go_on_after(failure)
        ages = graph_schedule.ages(self.options.insight_ages_days, self.max_age)
        often_until = timedelta(days=self.options.insight_daily_until_days)
        due = self.insights.due(posts, ages, self.max_age, often_until=often_until)
        if is_whole:
            listed = [p.post_id for p in posts]
            due += graph_schedule.vanished(self.insights.seen, listed, self.now, self.max_age)
        is_ended = yield from self.insights.about(due)
        if is_whole and is_ended and not self.troubles.may_pass:
            yield self.receipts.done("media")

    def _listed(
        self, edge: Literal["media", "stories"], fields: Sequence[str], posts: list[Post], **more: Any
    ) -> Iterator[Arrival]:
        """All pages of a list of posts; those that can be read are added to `posts`, each once."""
        path = f"/{self.options.account_id}/{edge}"
        asked = ",".join(fields)
        what = "posts" if edge == "media" else edge
        known: set[str] = set()
        cursors: set[str] = set()
        after: str | None = None
        for page in range(1, self.options.max_pages + 1):
            ask: dict[str, Any] = {"endpoint": edge, "fields": asked, "limit": self.options.page_limit, "page": page}
            params: dict[str, Any] = {"fields": asked, "limit": self.options.page_limit}
            if after is not None:
                ask["after"] = params["after"] = after
            reply = self.client.ask(Question(path, params))
            found = [p for p in _readable_posts(reply.document, edge) if p.post_id not in known]
            if edge == "stories" and reply.refusal is None:
                ask["found"] = [
                    {
                        "media_id": p.post_id,
                        "product_type": p.product_type,
                        "media_type": p.media_type,
                        "posted_at": p.posted_at.strftime(graph_schedule.STAMP),
                    }
                    for p in found
                ]
                ask |= more if page == 1 else {}
            origin = f"{self.receipts.origin}/{edge}" if edge == "stories" else self.client.base + path
            yield self._arrival(reply, origin, ask)
            if reply.refusal is not None:
                raise failure_of(reply.refusal, f"the list of {what}", self.client)
            known |= {p.post_id for p in found}
            posts += found
            if not has_next(reply.document):
                return
            after = cursor_after(reply.document)
            if after is None or after in cursors:
                raise PermanentFailure(
                    f"the list of {what} does not end: page {page} leads to "
                    f"{'no cursor' if after is None else 'a page that was read before'}.",
                    reason="paging_loop",
                    next_action="Try the next poll; report it to Meta if it stays. The pages read so far are kept.",
                )
            cursors.add(after)
        raise PermanentFailure(
            f"the list of {what} has more than {self.options.max_pages} pages.",
            reason="too_many_pages",
            next_action="Raise max_pages in the source's options. The pages read so far are kept.",
        )

    def _arrival(self, reply: Reply, origin: str, ask: Mapping[str, Any]) -> Arrival:
        """One answer to be landed; a refusal is evidence only."""
        told = {"account_id": self.options.account_id, "api_version": reply.api_version, **ask}
        error = None if reply.refusal is None else f"Meta refused: {reply.refusal}."
        return self.receipts.arrival(as_bytes(reply.document), origin, told, error=error, http_status=reply.status)


def _readable_posts(document: Mapping[str, Any], edge: str) -> Iterator[Post]:
    """The posts of one page that can be asked about. What can't be read is told when the page is parsed."""
    data = document.get("data")
    for record in data if isinstance(data, list) else []:
        if not isinstance(record, dict) or not str(record.get("id", "")).isdecimal():
            continue
        try:
            posted_at = moment_of(record.get("timestamp"))
        except ValueError:
            continue
        told = record.get("media_product_type")
        product_type = "STORY" if edge == "stories" else str(told)
        yield Post(str(record["id"]), product_type, str(record.get("media_type")), posted_at)
