"""What is due: which posts are asked for insights now, judged by what was asked before and by the poll's own clock.

What belongs here: rules over receipts and times, pure. What does not: asking (`graph_api.py`). There is no memory
beside the catalogue: every receipt of insights says which posts it is about and how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from ingest.catalogue import Receipt
from ingest.instagram.graph_protocol import moment_of

# Recent data may be delayed by 48 hours, so an empty answer about a younger post is asked for again each day.
DELAY = timedelta(hours=48)
# A post that can't be reached on so many separate days, none of them throttled, is gone.
DAYS_UNTIL_GONE = 3
LOOK_AGAIN = timedelta(days=7)
# A story lives a day. It is asked for when first seen, since no later poll need come in time.
STORY_AGES = (timedelta(), timedelta(hours=2), timedelta(hours=12), timedelta(hours=22))
STORY_LIFE = timedelta(hours=24)
STAMP = "%Y-%m-%dT%H:%M:%S+0000"


@dataclass(frozen=True)
class Post:
    """What asking for a post's insights needs to know of it; `posted_at` is aware UTC."""

    post_id: str
    product_type: str
    media_type: str
    posted_at: datetime

    @property
    def kind(self) -> str:
        return f"{self.product_type}/{self.media_type}"


@dataclass
class Seen:
    """What earlier receipts say of one post.

    Attributes:
        post: as it was when it was last asked about.
        asked_at: when all its questions were last answered, aware; None before the first time.
        outcome: how that ended: `answered`, `empty`, `suppressed`, `before_conversion` or `unreachable`.
        unreachable_on: the UTC dates since the last answer on which it could not be reached.
        is_closed: it is gone, and not asked about any more.
    """

    post: Post
    asked_at: datetime | None = None
    outcome: str = ""
    unreachable_on: set[date] = field(default_factory=set)
    is_closed: bool = False


def seen_posts(receipts: Iterable[Receipt]) -> dict[str, Seen]:
    """All posts that receipts of insights speak of, by id. Receipts in commit order."""
    found: dict[str, Seen] = {}
    for receipt in receipts:
        for member in receipt.asked.get("members", ()):
            if member.get("endpoint") != "media_insights":
                continue
            post = Post(
                member["media_id"], member["product_type"], member["media_type"], moment_of(member["posted_at"])
            )
            seen = found.setdefault(post.post_id, Seen(post))
            seen.post = post
            seen.is_closed = seen.is_closed or bool(member.get("closed"))
            if member.get("done"):
                seen.asked_at = receipt.received_at
                seen.outcome = member["outcome"]
                if seen.outcome == "unreachable":
                    seen.unreachable_on.add(receipt.received_at.date())
                else:
                    seen.unreachable_on.clear()
    return found


def ages(days: Sequence[int], last: timedelta) -> list[timedelta]:
    """The ages at which a post is asked about: those given, then each twice the one before, up to `last`.

    A post's numbers move less the older it is, and Meta keeps them for two years.
    """
    found = [timedelta(days=d) for d in sorted(days)]
    following = max(found[-1], timedelta(days=1)) * 2
    while following <= last:
        found.append(following)
        following *= 2
    return [age for age in found if age <= last]


def is_due(
    post: Post,
    seen: Seen | None,
    now: datetime,
    at_ages: Sequence[timedelta],
    last: timedelta,
    *,
    often_until: timedelta = timedelta(),
    often: timedelta = timedelta(days=1),
) -> bool:
    """Whether a post is asked about now.

    Args:
        at_ages: rising; each is due from that age until an answer of that age or more was had.
        last: older posts are not asked about.
        often_until: younger posts are asked whenever the last answer is as old as `often`, whatever their age.
    """
    age = now - post.posted_at
    reached = [a for a in at_ages if a <= age]
    is_often = age < often_until
    if age > last or not (reached or is_often) or (seen is not None and seen.is_closed):
        return False
    if seen is None or seen.asked_at is None:
        return True
    if seen.outcome == "before_conversion":
        return False
    if seen.outcome == "unreachable":
        return now.date() not in seen.unreachable_on
    if is_often:
        return now - seen.asked_at >= often
    if seen.outcome == "empty" and seen.asked_at - post.posted_at < DELAY + at_ages[0]:
        return now - seen.asked_at > timedelta(hours=12)
    return seen.asked_at < post.posted_at + reached[-1]


def vanished(seen: Mapping[str, Seen], listed: Iterable[str], now: datetime, last: timedelta) -> Iterator[Post]:
    """Posts that were asked about before and that a whole list of posts lacks now: their answer tells if they are gone.

    One that still answers (an archived one, say) is asked again after `LOOK_AGAIN`, one that can't be reached once a
    day. Stories are never in the list; they end by themselves.
    """
    known = set(listed)
    for post_id, past in seen.items():
        if (
            post_id in known
            or past.post.product_type == "STORY"
            or past.is_closed
            or past.outcome == "before_conversion"
            or now - past.post.posted_at > last
        ):
            continue
        if past.outcome == "unreachable":
            if now.date() not in past.unreachable_on:
                yield past.post
        elif past.asked_at is None or now - past.asked_at >= LOOK_AGAIN:
            yield past.post


def missed_stories(receipts: Iterable[Receipt], seen: Mapping[str, Seen], now: datetime) -> list[dict[str, Any]]:
    """Stories that lists have shown, that are over, and that no question about was answered in time.

    Args:
        receipts: of lists of stories, in commit order. Each tells what it found and what it called missed already.
    """
    found: dict[str, dict[str, Any]] = {}
    told: set[str] = set()
    for receipt in receipts:
        found |= {story["media_id"]: story for story in receipt.asked.get("found", ())}
        told |= {story["media_id"] for story in receipt.asked.get("missed", ())}
    return [
        story
        for post_id, story in found.items()
        if post_id not in told
        and moment_of(story["posted_at"]) + STORY_LIFE < now
        and (post_id not in seen or seen[post_id].asked_at is None)
    ]
