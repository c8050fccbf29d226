"""A stand-in for the Instagram Graph API, as far as `ingest/instagram/graph_api.py` asks it.

What belongs here: Meta's manners (paths, paging, refusals, usage headers, the token inside `paging.next`) over posts
and followers that the caller supplies. What does not: a server (`handle` is mounted by whoever serves it), and any
table of `ingest`: what this side allows is written down a second time on purpose, or the two could agree on a mistake.

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
from typing import Any
from urllib.parse import urlencode

_COMMON = "reach views likes comments saved shares total_interactions reposts total_views total_likes total_comments"
ALLOWED: Mapping[tuple[str, str], frozenset[str]] = {
    ("FEED", "IMAGE"): frozenset(f"{_COMMON} follows profile_visits profile_activity".split()),
    ("FEED", "CAROUSEL_ALBUM"): frozenset(f"{_COMMON} follows profile_visits profile_activity".split()),
    ("FEED", "VIDEO"): frozenset(_COMMON.split()),
    ("REELS", "VIDEO"): frozenset(
        f"{_COMMON} ig_reels_avg_watch_time ig_reels_video_view_total_time reels_skip_rate".split()
    ),
}
KNOWN_METRICS = tuple(sorted(frozenset().union(*ALLOWED.values()) | {"replies", "navigation", "link_clicks"}))

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


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Refused(Exception):
    def __init__(self, status: int, code: int, message: str, *, subcode: int | None = None, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, "code": code}
        if subcode is not None:
            self.error["error_subcode"] = subcode


class GraphApi:
    """The API over one account.

    Args:
        posts: in any order; those after `now` do not exist yet.
        followers_at: followers in total at an aware moment.
        token: the access token that is accepted, as `Authorization: Bearer` or as the parameter `access_token`.
        now: the clock, aware; set it whenever time should pass.
        app_secret: when given, every call must be signed with `appsecret_proof`.
        hourly_calls: calls per rolling hour; the usage header counts towards it and the API then refuses.
        grown: the share of the final counts that a post of an age has.
        base: the address that stands in `paging.next`.
        allowed: which metrics a kind of post has.
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
        grown: Callable[[timedelta], float] = grown_share,
        base: str = "https://graph.facebook.com",
        allowed: Mapping[tuple[str, str], frozenset[str]] = ALLOWED,
    ) -> None:
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
        self._calls: list[datetime] = []
        self._lock = threading.Lock()

    def handle(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Response:
        """Answer one GET. Never raises: what is wrong with the call is an answer, as at Meta's.

        Args:
            path: such as `/v25.0/17841400000000000/media`, without the query.
            query: as `urllib.parse.parse_qs` gives it.
            headers: names in any case.
        """
        with self._lock:
            now = self.now
            self._calls = [moment for moment in self._calls if now - timedelta(hours=1) < moment <= now] + [now]
            spent = len(self._calls)
        try:
            if spent > self.hourly_calls:
                raise _Refused(
                    400, 80002, "There have been too many calls to this Instagram account.", kind="OAuthException"
                )
            status, document = 200, self._answer(path, query, headers, now)
        except _Refused as refused:
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
        version = re.match(r"/(v\d+\.\d+)/", path)
        return Response(
            status,
            {
                "Content-Type": "application/json; charset=UTF-8",
                "X-Business-Use-Case-Usage": json.dumps({"555000111222333": [usage]}),
                "facebook-api-version": version.group(1) if version else "",
            },
            json.dumps(document, ensure_ascii=True).encode("ascii"),
        )

    def _answer(
        self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], now: datetime
    ) -> dict[str, Any]:
        token = self._check_token(query, headers)
        match = re.fullmatch(r"/v\d+\.\d+/(\d+)(?:/(media|insights))?/?", path)
        if match is None:
            raise _Refused(400, 2500, "Unknown path components: " + path, kind="OAuthException")
        node, edge = match.groups()
        fields = ",".join(query.get("fields", ["id"])).split(",")
        if node == self.account.account_id:
            if edge == "insights":
                raise _Refused(400, 100, "(#100) Account insights are not simulated.", kind="OAuthException")
            return self._media(path, query, fields, token, now) if edge == "media" else self._profile(fields, now)
        post = next((p for p in self.posts if p.post_id == node and p.posted_at <= now), None)
        if post is None or edge == "media":
            raise _Refused(
                400,
                100,
                f"Unsupported get request. Object with ID '{node}' does not exist, cannot be loaded due to missing "
                "permissions, or does not support this operation.",
                subcode=33,
                kind="GraphMethodException",
            )
        return self._insights(post, query, now) if edge == "insights" else self._post(post, fields, now)

    def _check_token(self, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> str:
        bearer = next((v for k, v in headers.items() if k.casefold() == "authorization"), "")
        given = bearer.removeprefix("Bearer ") if bearer else query.get("access_token", [""])[0]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            # Meta does quote a malformed token in its text; whoever stores this answer must take it out.
            raise _Refused(
                401, 190, f"Invalid OAuth access token - Cannot parse access token {given}", kind="OAuthException"
            )
        if self.app_secret is not None:
            proof = hmac.new(self.app_secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(query.get("appsecret_proof", [""])[0].encode(), proof.encode()):
                raise _Refused(
                    400, 100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
                )
        return given

    def _profile(self, fields: Iterable[str], now: datetime) -> dict[str, Any]:
        known = {
            "id": self.account.account_id,
            "username": self.account.username,
            "followers_count": self.followers_at(now),
            "follows_count": self.account.follows_count,
            "media_count": len(self._existing(now)),
        }
        return self._picked(known, fields)

    def _existing(self, now: datetime) -> list[Post]:
        return [p for p in self.posts if p.posted_at <= now]

    @staticmethod
    def _picked(known: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
        """The asked fields, in the order asked, and the id, which Meta always adds. Withheld ones are left out."""
        names = list(dict.fromkeys([*fields, "id"]))
        for name in names:
            if name not in known:
                raise _Refused(400, 100, f"(#100) Tried accessing nonexisting field ({name})", kind="OAuthException")
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
        }
        return self._picked(known, fields)

    def _counts(self, post: Post, now: datetime) -> dict[str, int]:
        share = self.grown(now - post.posted_at)
        return {metric: math.floor(final * share) for metric, final in post.metrics.items()}

    def _media(
        self, path: str, query: Mapping[str, list[str]], fields: list[str], token: str, now: datetime
    ) -> dict[str, Any]:
        limit_text = query.get("limit", ["25"])[0]
        if not limit_text.isdecimal() or not 1 <= int(limit_text) <= 100:
            raise _Refused(400, 100, "(#100) limit must be between 1 and 100", kind="OAuthException")
        limit = int(limit_text)
        posts = self._existing(now)
        start = 0
        if "after" in query:
            # The cursor names the last post told, so that a new post at the top does not shift the pages.
            last = _decoded(query["after"][0])
            start = next((i + 1 for i, p in enumerate(posts) if p.post_id == last), -1)
            if start < 0:
                raise _Refused(400, 100, "(#100) Invalid cursor", kind="OAuthException")
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

    def _insights(self, post: Post, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any]:
        asked = [m for m in ",".join(query.get("metric", [])).split(",") if m]
        if not asked:
            raise _Refused(400, 100, "(#100) The parameter metric is required", kind="OAuthException")
        allowed = self.allowed.get((post.product_type, post.media_type), frozenset())
        for i, metric in enumerate(asked):
            if metric not in KNOWN_METRICS:
                raise _Refused(
                    400,
                    100,
                    f"(#100) metric[{i}] must be one of the following values: {', '.join(KNOWN_METRICS)}",
                    kind="OAuthException",
                )
            if metric not in allowed:
                raise _Refused(
                    400,
                    100,
                    f"(#100) The Media Insights API does not support the {metric} metric for this media product type.",
                    kind="OAuthException",
                )
        if post.before_conversion:
            raise _Refused(
                400,
                100,
                "(#10) Media Posted Before Business Account Conversion",
                subcode=2108006,
                kind="OAuthException",
            )
        if post.too_few_viewers:
            raise _Refused(400, 10, "(#10) Not enough viewers for the media to show insights", kind="OAuthException")
        counts = self._counts(post, now)
        return {
            "data": [
                {
                    "name": metric,
                    "period": "lifetime",
                    "values": [{"value": counts[metric]}],
                    "id": f"{post.post_id}/insights/{metric}/lifetime",
                }
                for metric in asked
                if metric in counts
            ]
        }


def _encoded(post_id: str) -> str:
    return base64.urlsafe_b64encode(post_id.encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        return ""
