"""What Meta documents about the Graph API, as data: versions and their last days, metrics and where they hold.

What belongs here: facts with a source and a date, so that a person can check and renew them without reading code.
What does not: asking (`graph_api.py`), reading answers (`graph_answers.py`), or anything about one library.

Renew this file when Meta's changelog gains a version, or when a log line says that a metric was rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

# developers.facebook.com/docs/graph-api/changelog, read in September 2026. None: no last day is announced yet.
LAST_DAYS: dict[str, date | None] = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,
}

# A version's end is told this long before it comes: a new pin wants a test run and a quiet week.
VERSION_ALARM_DAYS = 90

FEED, REELS, STORY = "FEED", "REELS", "STORY"
ALBUM, IMAGE, VIDEO = "CAROUSEL_ALBUM", "IMAGE", "VIDEO"


@dataclass(frozen=True)
class Capability:
    """One metric on one kind of post.

    Attributes:
        metric: the platform's name.
        product_type, media_type: the kind of post, as the media fields of those names say it.
        source: `docs` (Meta's reference) or `live` (a published test against the real API).
        told_on: the date of that source.
        is_asked: whether a poll asks for it. Kept with False where asking is known to be useless or to break the call.
        first_version: the oldest version in which the API takes it.
        note: why it is not asked, or what a reader must know.
    """

    metric: str
    product_type: str
    media_type: str
    source: str
    told_on: date
    is_asked: bool = True
    first_version: str = "v22.0"
    note: str = ""


_DOCS = ("docs", date(2026, 9, 1))
_LIVE = ("live", date(2026, 6, 24))  # plinxore/tap-instagram-user, v22.0, one account


def _on(
    metrics: str, kinds: Iterable[tuple[str, str]], origin: tuple[str, date], *, is_asked: bool = True, note: str = ""
) -> Iterator[Capability]:
    kinds = tuple(kinds)
    for metric in metrics.split():
        for product_type, media_type in kinds:
            yield Capability(metric, product_type, media_type, *origin, is_asked=is_asked, note=note)


_STILL = ((FEED, IMAGE), (FEED, ALBUM))
_POSTS = (*_STILL, (FEED, VIDEO), (REELS, VIDEO))
_STORIES = ((STORY, IMAGE), (STORY, VIDEO))

CAPABILITIES: tuple[Capability, ...] = (
    *_on("reach shares total_interactions reposts", (*_POSTS, *_STORIES), _DOCS),
    *_on("views", _POSTS, _LIVE, note="The settings of several tools still say: only video."),
    *_on("views", _STORIES, _DOCS),
    *_on("likes comments saved", _POSTS, _DOCS),
    *_on("follows profile_visits", _STILL, _LIVE),
    *_on(
        "follows profile_visits", ((FEED, VIDEO),), _LIVE, is_asked=False, note="Rejected for VIDEO in the live test."
    ),
    *_on("follows profile_visits", _STORIES, _DOCS),
    *_on("ig_reels_avg_watch_time ig_reels_video_view_total_time", ((REELS, VIDEO),), _DOCS, note="Milliseconds."),
    *_on("reels_skip_rate", ((REELS, VIDEO),), _DOCS, note="Percentage; never summed."),
    *_on("navigation link_clicks", _STORIES, _DOCS),
    *_on(
        "replies", _STORIES, _DOCS, is_asked=False, note="Always 0 for accounts in Europe since 2020-12-01: no answer."
    ),
    *_on(
        "crossposted_views facebook_views",
        ((REELS, VIDEO),),
        _LIVE,
        is_asked=False,
        note="Breaks the whole call when the post was not shared to Facebook.",
    ),
    *_on(
        "total_views total_likes total_comments",
        _POSTS,
        _DOCS,
        is_asked=False,
        note="Counts advertising and Facebook as well: another measure, not asked until a figure needs it.",
    ),
)

# Answered with a number that says nothing: the reply count of stories is 0 for every account in Europe.
NOT_APPLICABLE = frozenset({(STORY, "replies")})


def version_number(version: str) -> tuple[int, int]:
    """`v25.0` as numbers that sort."""
    major, minor = version.removeprefix("v").split(".")
    return int(major), int(minor)


def is_retired(version: str, on: date) -> bool:
    """Whether the version's last day lies before `on` (UTC). Versions older than the table are gone."""
    if version in LAST_DAYS:
        last = LAST_DAYS[version]
        return last is not None and on > last
    return version_number(version) < min(map(version_number, LAST_DAYS))


def days_left(version: str, on: date) -> int | None:
    """Days until the version's last day, or None while no last day is known."""
    last = LAST_DAYS.get(version)
    return None if last is None else (last - on).days


def metrics_for(version: str, product_type: str, media_type: str) -> tuple[str, ...]:
    """The metrics that a poll asks for on one kind of post, in the table's order; empty for an unknown kind."""
    return tuple(
        c.metric
        for c in CAPABILITIES
        if c.is_asked
        and (c.product_type, c.media_type) == (product_type, media_type)
        and version_number(version) >= version_number(c.first_version)
    )
