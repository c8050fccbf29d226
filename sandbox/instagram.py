"""The simulated library's Instagram account: who follows it, what it posts, and how posts are met.

What belongs here: the account's true state at any moment. What does not: the Graph API's manners (`graph_api.py`).

No caption names a person. All moments are aware UTC.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from ingest.config import Configuration
from sandbox.graph_account import AccountInsights
from sandbox.graph_api import Account, GraphApi, Post

USERNAME = "simulertbibliotek"
# A post's numbers grow and then stand still: after this age no later look changes a figure.
SETTLED_AFTER = timedelta(days=14)
_POST_DAYS = (1, 3, 5)  # Monday, Wednesday, Friday
_KINDS = (("IMAGE", "FEED"), ("CAROUSEL_ALBUM", "FEED"), ("VIDEO", "REELS"))
# Whom a post with this tag is about; None is the library as a whole.
TAGS = {
    "ålesundsbiblioteka": None,
    "moabibliotek": "moa",
    "skodjebibliotek": "skodje",
    "sjøholtbibliotek": "sjoholt",
    "brattvågbibliotek": "brattvag",
}
_TAGS = tuple(TAGS)
_CAMPAIGNS = ("lesestund", "bokelskar", "sommarles", "tredjestaden")
_ALPHABET = string.ascii_letters + string.digits + "-_"


def settled_share(age: timedelta) -> float:
    """The share of its final counts that a post of this age has."""
    return min(1.0, math.pow(max(timedelta(), age) / SETTLED_AFTER, 0.4))


@dataclass(frozen=True)
class Profile:
    """The account and all it posts in the world's days, oldest first.

    Attributes:
        first_on: the UTC date that `followers` begins with.
        followers: followers on each day, one more than there are days.
    """

    account: Account
    first_on: date
    followers: tuple[int, ...]
    posts: tuple[Post, ...]

    def followers_at(self, moment: datetime) -> int:
        """Followers in total at an aware moment."""
        day = (moment.astimezone(UTC).date() - self.first_on).days
        return self.followers[min(max(day, 0), len(self.followers) - 1)]

    def api(self, token: str, now: datetime) -> GraphApi:
        """The Graph API over this profile; set its `now` to let time pass."""
        insights = AccountInsights(self.followers_at)
        return GraphApi(
            self.account, self.posts, self.followers_at, token=token, now=now, grown=settled_share, insights=insights
        )


def metric_at(post: Post, metric: str, moment: datetime) -> int:
    """A metric of a post as it stands at a moment."""
    return int(post.metrics[metric] * settled_share(moment - post.posted_at))


def simulate(configuration: Configuration, days: list[date], seed: int) -> Profile | None:
    """The account of the library's description, or None when it describes none."""
    if not configuration.library.accounts:
        return None
    random = np.random.default_rng([seed, 5])
    gained = random.poisson(1.9, size=len(days)) - random.poisson(0.35, size=len(days))
    followers = 2140 + np.concatenate([[0], np.cumsum(gained)])
    posts: list[Post] = []
    for n, day in enumerate(days):
        if day.isoweekday() not in _POST_DAYS or random.random() < 0.06:
            continue
        local = datetime.combine(day, time(int(random.integers(9, 18)), int(random.integers(60))))
        posted_at = local.replace(tzinfo=configuration.zone).astimezone(UTC)
        media_type, product_type = _KINDS[int(random.choice(3, p=[0.55, 0.2, 0.25]))]
        reach = int(random.lognormal(6.2, 0.35) * (1.4 if product_type == "REELS" else 1) * followers[n] / 2500)
        likes, comments, saved, shares = (int(random.binomial(reach, p)) for p in (0.06, 0.006, 0.008, 0.005))
        tags = (_TAGS[int(random.integers(len(_TAGS)))], _CAMPAIGNS[int(random.integers(len(_CAMPAIGNS)))])
        metrics = {
            "reach": reach,
            "views": int(reach * random.uniform(1.2, 1.7)),
            "likes": likes,
            "comments": comments,
            "saved": saved,
            "shares": shares,
            "total_interactions": likes + comments + saved + shares,
            "reposts": int(random.binomial(reach, 0.001)),
        }
        if product_type == "FEED":
            metrics["follows"] = int(random.binomial(reach, 0.004))
            metrics["profile_visits"] = int(random.binomial(reach, 0.02))
        else:
            metrics["ig_reels_avg_watch_time"] = int(random.integers(3_000, 9_000))
            metrics["ig_reels_video_view_total_time"] = metrics["ig_reels_avg_watch_time"] * metrics["views"]
            metrics["reels_skip_rate"] = int(random.integers(20, 60))
        number = len(posts) + 1
        posts.append(
            Post(
                post_id=str(17_900_000_000_000_000 + number * 1_009),
                shortcode="C" + "".join(_ALPHABET[int(i)] for i in random.integers(len(_ALPHABET), size=10)),
                posted_at=posted_at,
                media_type=media_type,
                product_type=product_type,
                caption=f"Simulert innlegg nr. {number}. " + " ".join(f"#{tag}" for tag in tags),
                metrics=metrics,
            )
        )
    account = Account(configuration.library.accounts[0].account_id, USERNAME, follows_count=312)
    return Profile(account, days[0], tuple(int(f) for f in followers), tuple(posts))
