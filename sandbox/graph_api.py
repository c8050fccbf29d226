"""A stand-in for the Instagram Graph API, as far as `ingest/instagram/graph_api.py` asks it.

What belongs here: Meta's manners (paths, batches, paging, refusals, usage headers, the token inside `paging.next`)
over posts and followers that the caller supplies. What does not: the account's own insights (`graph_account.py`),
tokens (`graph_tokens.py`), a server (`handle` is mounted by whoever serves it), and any table of `ingest`: what this
side allows is written down a second time on purpose, or the two could agree on a mistake.

The clock is a value, `now`: posts after it do not exist yet, and counts are as of then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from sandbox.loopback import Response

_COMMON = "reach views likes comments saved shares total_interactions reposts total_views total_likes total_comments"
_STORY = frozenset(
    {
        *("reach", "views", "shares", "total_interactions", "reposts", "follows", "profile_visits"),
        *("profile_activity", "replies", "navigation", "link_clicks"),
    }
)
ALLOWED: Mapping[tuple[str, str], frozenset[str]] = {
    ("FEED", "IMAGE"): frozenset(f"{_COMMON} follows profile_visits profile_activity".split()),
    ("FEED", "CAROUSEL_ALBUM"): frozenset(f"{_COMMON} follows profile_visits profile_activity".split()),
    ("FEED", "VIDEO"): frozenset(_COMMON.split()),
    ("REELS", "VIDEO"): frozenset(
        f"{_COMMON} ig_reels_avg_watch_time ig_reels_video_view_total_time reels_skip_rate".split()
    ),
    ("STORY", "IMAGE"): _STORY,
    ("STORY", "VIDEO"): _STORY,
}
# What an older version still takes beyond that, for posts made before the day on which the metric ended.
IMPRESSIONS_UNTIL = datetime(2024, 7, 2, tzinfo=UTC)
# With the dimensions that each may be broken down by.
POST_BREAKDOWNS = {"navigation": "story_navigation_action_type", "profile_activity": "action_type"}
STORY_LIFE = timedelta(hours=24)
POSTS_KEPT = timedelta(days=730)
# The oldest version that is still answered; whoever asks for an older one gets this, without being told.
OLDEST_VERSION = 21
LARGEST_BATCH = 50
KNOWN_METRICS = tuple(sorted(frozenset().union(*ALLOWED.values()) | {"impressions"}))

_GROWN_AFTER = timedelta(days=30)


def grown_share(age: timedelta) -> float:
    """The share of its final count that a post of this age has gathered: half each day, all after 30 days."""
    if age >= _GROWN_AFTER:
        return 1.0
    return 1.0 - math.exp2(-max(age / timedelta(days=1), 0.0))


@dataclass(frozen=True)
class Account:
    """The account that answers. `follows_count` is the number of accounts it follows."""

    account_id: str
    username: str
    follows_count: int = 0


@dataclass(frozen=True)
class Post:
    """One post and its final counts.

    Attributes:
        posted_at: aware.
        metrics: final counts by metric; a metric that is not there is absent from answers, and without any the answer
            is an empty list. `likes` and `comments` are also the fields `like_count` and `comments_count`.
        hides_likes: `like_count` is left out of the media fields, as Meta does.
        before_conversion: insights are refused: posted before the account was a professional one.
        too_few_viewers: insights are refused: fewer viewers than Meta tells of.
        parts: counts by dimension, such as `{"navigation": {"tap_forward": 5}}`.
        silent_for: so long after posting, insights are an empty list: Meta's delay, of up to 48 hours.
        deleted_at: from then on it does not exist.
        children: how many pictures an album has.
    """

    post_id: str
    shortcode: str
    posted_at: datetime
    media_type: str
    product_type: str
    caption: str
    metrics: Mapping[str, int] = field(default_factory=dict)
    hides_likes: bool = False
    before_conversion: bool = False
    too_few_viewers: bool = False
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    silent_for: timedelta = timedelta()
    deleted_at: datetime | None = None
    children: int = 0

    def exists_at(self, moment: datetime) -> bool:
        """Whether the platform knows it: it was posted, and not deleted, and a story lives a day."""
        ends = [self.deleted_at, self.posted_at + STORY_LIFE if self.product_type == "STORY" else None]
        return self.posted_at <= moment and all(end is None or moment < end for end in ends)


class Refused(Exception):
    """An error answer; raised inside the stand-in only."""

    def __init__(self, status: int, code: int, message: str, *, subcode: int | None = None, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, "code": code}
        if subcode is not None:
            self.error["error_subcode"] = subcode


class AccountInsights(Protocol):
    """Answers `/{account}/insights`; see `sandbox/graph_account.py`."""

    def answer(self, node: str, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any]:
        """One answer.

        Raises:
            Refused: the call is wrong.
        """
        ...


class Tokens(Protocol):
    """Answers the paths about tokens; see `sandbox/graph_tokens.py`."""

    def answer(self, path: str, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any] | None:
        """One answer, or None when the path is about something else.

        Raises:
            Refused: the call is wrong.
        """
        ...


class GraphApi:
    """The API over one account.

    Args:
        posts: in any order; those after `now` do not exist yet.
        followers_at: followers in total at an aware moment.
        token: the access token that is accepted, as `Authorization: Bearer` or as the parameter `access_token`.
        now: the clock, aware; set it whenever time should pass.
        app_secret: when given, every call must be signed with `appsecret_proof`.
        hourly_calls: calls per rolling hour; the usage header counts towards it and the API then refuses. Each
            question of a batch counts.
        app_hourly_calls: the same for the app that all its accounts share, told flat in another header.
        expires_at: when the token ends; None: never.
        insights: answers for the account's own insights; without, such a call is refused.
        tokens: answers on the paths about tokens.
        grown: the share of the final counts that a post of an age has.
        base: the address that stands in `paging.next`.
        allowed: which metrics a kind of post has.
        takes_batches: without, a batch is refused as a call that there is not.
    """

    def __init__(
        self,
        account: Account,
        posts: Iterable[Post],
        followers_at: Callable[[datetime], int],
        *,
        token: str,
        now: datetime,
        app_secret: str | None = None,
        hourly_calls: int = 100_000,
        app_hourly_calls: int = 1_000_000,
        expires_at: datetime | None = None,
        insights: AccountInsights | None = None,
        tokens: Tokens | None = None,
        grown: Callable[[timedelta], float] = grown_share,
        base: str = "https://graph.facebook.com",
        allowed: Mapping[tuple[str, str], frozenset[str]] = ALLOWED,
        takes_batches: bool = True,
    ) -> None:
        self.takes_batches = takes_batches
        self.account = account
        self.posts = sorted(posts, key=lambda p: (p.posted_at, p.post_id), reverse=True)
        self.followers_at = followers_at
        self.token = token
        self.now = now
        self.app_secret = app_secret
        self.hourly_calls = hourly_calls
        self.grown = grown
        self.base = base
        self.allowed = allowed
        self.app_hourly_calls = app_hourly_calls
        self.expires_at = expires_at
        self.insights = insights
        self.tokens = tokens
        # What answers one call of a batch; whoever watches the calls puts itself here.
        self.route: Callable[[str, dict[str, list[str]], Mapping[str, str]], Response] = self.handle
        self.call_count = 0
        self.trip_count = 0
        self._calls: list[datetime] = []
        self._lock = threading.Lock()

    def serve(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        """Answer one HTTP request, which may be a batch (POST with the form field `batch`), else one GET.

        Args:
            query: of the address, or of the form, as `urllib.parse.parse_qs` gives it.
        """
        self.trip_count += 1
        if "batch" in query:
            return self._batch(path, query, headers)
        return self.route(path, dict(query), headers)

    def _batch(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        try:
            token = self._check_token(query, headers)
            if not self.takes_batches:
                raise Refused(400, 100, "Unsupported post request.", subcode=33, kind="GraphMethodException")
            parts = json.loads(query["batch"][0])
            if not isinstance(parts, list) or not 1 <= len(parts) <= LARGEST_BATCH:
                raise Refused(
                    400,
                    100,
                    f"Too many requests in batch message. Maximum batch size is {LARGEST_BATCH}",
                    kind="GraphBatchException",
                )
        except Refused as refused:
            return _json(refused.status, {"error": {**refused.error, "fbtrace_id": "Abatch"}}, {})
        signed = {name: query[name] for name in ("appsecret_proof",) if name in query}
        answers = []
        for part in parts:
            target = urlsplit("/" + part["relative_url"])
            own = {**parse_qs(target.query, keep_blank_values=True), **signed}
            version = path.strip("/").split("/")[0]
            response = self.route(f"/{version}{target.path}", own, {"Authorization": f"Bearer {token}"})
            told = [{"name": name, "value": value} for name, value in response.headers.items()]
            answers.append({"code": response.status, "headers": told, "body": response.body.decode()})
        return Response(200, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(answers).encode("ascii"))

    def handle(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        """Answer one GET. Never raises: what is wrong with the call is an answer, as at Meta's.

        Args:
            path: such as `/v25.0/17841400000000000/media`, without the query.
            query: as `urllib.parse.parse_qs` gives it.
            headers: names in any case.
        """
        with self._lock:
            now = self.now
            self.call_count += 1
            self._calls = [moment for moment in self._calls if now - timedelta(hours=1) < moment <= now] + [now]
            spent = len(self._calls)
        try:
            given = {**query, "access_token": [_bearer(headers)]} if _bearer(headers) else query
            if self.tokens is not None and (told := self.tokens.answer(path, given, now)) is not None:
                return _json(200, told, {})
            if spent > self.app_hourly_calls:
                raise Refused(400, 4, "(#4) Application request limit reached", kind="OAuthException")
            if spent > self.hourly_calls:
                raise Refused(
                    400, 80002, "There have been too many calls to this Instagram account.", kind="OAuthException"
                )
            status, document = 200, self._answer(path, query, headers, now)
        except Refused as refused:
            trace = hashlib.sha256(f"{path}\n{spent}".encode()).hexdigest()[:11]
            status, document = refused.status, {"error": {**refused.error, "fbtrace_id": f"A{trace}"}}
        percent = min(100, math.floor(spent * 100 / self.hourly_calls))
        usage = {
            "type": "instagram",
            "call_count": percent,
            "total_cputime": 0,
            "total_time": percent // 2,
            "estimated_time_to_regain_access": 60 if spent > self.hourly_calls else 0,
        }
        app_percent = min(100, math.floor(spent * 100 / self.app_hourly_calls))
        asked = re.match(r"/v(\d+)\.(\d+)/", path)
        version = "" if asked is None else f"v{max(int(asked[1]), OLDEST_VERSION)}.{asked[2]}"
        return _json(
            status,
            document,
            {
                "X-Business-Use-Case-Usage": json.dumps({"555000111222333": [usage]}),
                "X-App-Usage": json.dumps({"call_count": app_percent, "total_time": 0, "total_cputime": 0}),
                "facebook-api-version": version,
            },
        )

    def _answer(
        self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], now: datetime
    ) -> dict[str, Any]:
        token = self._check_token(query, headers)
        match = re.fullmatch(r"/v\d+\.\d+/(\d+)(?:/(media|stories|insights))?/?", path)
        if match is None:
            raise Refused(400, 2500, "Unknown path components: " + path, kind="OAuthException")
        node, edge = match.groups()
        fields = ",".join(query.get("fields", ["id"])).split(",")
        if node == self.account.account_id:
            if edge == "insights":
                if self.insights is None:
                    raise Refused(400, 100, "(#100) Account insights are not simulated.", kind="OAuthException")
                return self.insights.answer(node, query, now)
            if edge is None:
                return self._profile(fields, now)
            is_story = edge == "stories"
            members = [p for p in self._existing(now) if (p.product_type == "STORY") is is_story]
            return self._listed(members, path, query, fields, token, now)
        post = next((p for p in self.posts if p.post_id == node and p.exists_at(now)), None)
        if post is None or edge in ("media", "stories"):
            raise Refused(
                400,
                100,
                f"Unsupported get request. Object with ID '{node}' does not exist, cannot be loaded due to missing "
                "permissions, or does not support this operation.",
                subcode=33,
                kind="GraphMethodException",
            )
        return self._insights(post, path, query, now) if edge == "insights" else self._post(post, fields, now)

    def _check_token(self, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> str:
        given = _bearer(headers) or query.get("access_token", [""])[0]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            # Meta does quote a malformed token in its text; whoever stores this answer must take it out.
            raise Refused(
                401, 190, f"Invalid OAuth access token - Cannot parse access token {given}", kind="OAuthException"
            )
        if self.expires_at is not None and self.now >= self.expires_at:
            raise Refused(
                401, 190, "Error validating access token: Session has expired", subcode=463, kind="OAuthException"
            )
        if self.app_secret is not None:
            proof = hmac.new(self.app_secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(query.get("appsecret_proof", [""])[0].encode(), proof.encode()):
                raise Refused(
                    400, 100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
                )
        return given

    def _profile(self, fields: Iterable[str], now: datetime) -> dict[str, Any]:
        known = {
            "id": self.account.account_id,
            "username": self.account.username,
            "followers_count": self.followers_at(now),
            "follows_count": self.account.follows_count,
            "media_count": sum(p.product_type != "STORY" for p in self._existing(now)),
        }
        return self._picked(known, fields)

    def _existing(self, now: datetime) -> list[Post]:
        return [p for p in self.posts if p.exists_at(now)]

    @staticmethod
    def _picked(known: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
        """The asked fields, in the order asked, and the id, which Meta always adds. Withheld ones are left out."""
        names = [name.split("{")[0] for name in dict.fromkeys([*fields, "id"])]
        for name in names:
            if name not in known:
                raise Refused(400, 100, f"(#100) Tried accessing nonexisting field ({name})", kind="OAuthException")
        return {name: known[name] for name in names if known[name] is not None}

    def _post(self, post: Post, fields: Iterable[str], now: datetime) -> dict[str, Any]:
        counts = self._counts(post, now)
        known = {
            "id": post.post_id,
            "timestamp": post.posted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "media_type": post.media_type,
            "media_product_type": post.product_type,
            "caption": post.caption or None,
            "shortcode": post.shortcode,
            "permalink": f"https://www.instagram.com/p/{post.shortcode}/",
            "like_count": None if post.hides_likes else counts.get("likes", 0),
            "comments_count": counts.get("comments", 0),
            "media_url": f"https://cdn.example.invalid/{post.shortcode}.jpg?sig={now.timestamp():.0f}",
            "username": self.account.username,
            "children": {"data": [{"id": f"{post.post_id}{n}"} for n in range(post.children)]}
            if post.children
            else None,
        }
        return self._picked(known, fields)

    def _counts(self, post: Post, now: datetime) -> dict[str, int]:
        share = self.grown(now - post.posted_at)
        return {metric: math.floor(final * share) for metric, final in post.metrics.items()}

    def _listed(
        self, posts: list[Post], path: str, query: Mapping[str, list[str]], fields: list[str], token: str, now: datetime
    ) -> dict[str, Any]:
        limit_text = query.get("limit", ["25"])[0]
        if not limit_text.isdecimal() or not 1 <= int(limit_text) <= 100:
            raise Refused(400, 100, "(#100) limit must be between 1 and 100", kind="OAuthException")
        limit = int(limit_text)
        start = 0
        if "after" in query:
            # The cursor names the last post told, so that a new post at the top does not shift the pages.
            last = _decoded(query["after"][0])
            start = next((i + 1 for i, p in enumerate(posts) if p.post_id == last), -1)
            if start < 0:
                raise Refused(400, 100, "(#100) Invalid cursor", kind="OAuthException")
        page = posts[start : start + limit]
        if not page:
            return {"data": []}
        cursors = {"before": _encoded(page[0].post_id), "after": _encoded(page[-1].post_id)}
        paging: dict[str, Any] = {"cursors": cursors}
        common = {"access_token": token, "fields": ",".join(fields), "limit": limit}
        if start + limit < len(posts):
            paging["next"] = f"{self.base}{path}?{urlencode({**common, 'after': cursors['after']})}"
        if start > 0:
            paging["previous"] = f"{self.base}{path}?{urlencode({**common, 'before': cursors['before']})}"
        return {"data": [self._post(p, fields, now) for p in page], "paging": paging}

    def _insights(self, post: Post, path: str, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any]:
        asked = [m for m in ",".join(query.get("metric", [])).split(",") if m]
        if not asked:
            raise Refused(400, 100, "(#100) The parameter metric is required", kind="OAuthException")
        version = int(path.split(".")[0].removeprefix("/v"))
        dimension = query.get("breakdown", [""])[0]
        for i, metric in enumerate(asked):
            self._check_metric(post, metric, i, version, dimension)
        if post.before_conversion:
            raise Refused(
                400,
                100,
                "(#10) Media Posted Before Business Account Conversion",
                subcode=2108006,
                kind="OAuthException",
            )
        if post.too_few_viewers:
            raise Refused(400, 10, "(#10) Not enough viewers for the media to show insights", kind="OAuthException")
        age = now - post.posted_at
        if age < post.silent_for or age > POSTS_KEPT:
            return {"data": []}
        counts = self._counts(post, now)
        return {"data": [self._told(post, metric, counts[metric], dimension) for metric in asked if metric in counts]}

    def _check_metric(self, post: Post, metric: str, place: int, version: int, dimension: str) -> None:
        if metric not in KNOWN_METRICS:
            raise Refused(
                400,
                100,
                f"(#100) metric[{place}] must be one of the following values: {', '.join(KNOWN_METRICS)}",
                kind="OAuthException",
            )
        if metric == "impressions":
            if post.posted_at < IMPRESSIONS_UNTIL and max(version, OLDEST_VERSION) < 22:
                return
            raise Refused(
                400,
                100,
                "(#100) Starting from version v22.0 and above, the impressions metric is no longer supported for the "
                "queried media.",
                kind="OAuthException",
            )
        if metric not in self.allowed.get((post.product_type, post.media_type), frozenset()):
            raise Refused(
                400,
                100,
                f"(#100) The Media Insights API does not support the {metric} metric for this media product type.",
                kind="OAuthException",
            )
        if dimension and POST_BREAKDOWNS.get(metric) != dimension:
            raise Refused(500, 1, "An unknown error has occurred.", kind="OAuthException")

    @staticmethod
    def _told(post: Post, metric: str, count: int, dimension: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": metric,
            "period": "lifetime",
            "values": [{"value": count}],
            "id": f"{post.post_id}/insights/{metric}/lifetime",
        }
        if dimension:
            results = [{"dimension_values": [part], "value": n} for part, n in post.parts.get(metric, {}).items()]
            told["total_value"] = {
                "value": count,
                "breakdowns": [{"dimension_keys": [dimension], "results": results}],
            }
        return told


def _bearer(headers: Mapping[str, str]) -> str:
    return next((v for k, v in headers.items() if k.casefold() == "authorization"), "").removeprefix("Bearer ")


def _json(status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(
        status,
        {"Content-Type": "application/json; charset=UTF-8", **headers},
        json.dumps(document, ensure_ascii=True).encode("ascii"),
    )


def _encoded(post_id: str) -> str:
    return base64.urlsafe_b64encode(post_id.encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        return ""
