"""What a source of the Graph API may say in `sources.yaml`, and what is said of its version's end.

What belongs here: the options and their checks. What does not: secrets, which options only name.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from ingest.access import Variable
from ingest.errors import PermanentFailure
from ingest.instagram import graph_reference
from ingest.instagram.captions import CaptionOptions

log = logging.getLogger("levende.ingest.instagram")


class GraphOptions(CaptionOptions):
    """Options of `instagram_graph`.

    Attributes:
        login: `facebook` or `instagram`: which login made the token. Decides the host and which metrics there are.
        host: the login's own by default; a name, or an address such as `http://127.0.0.1:8080` or `${GRAPH_URL}`.
        allow_loopback: allow plain http to 127.0.0.1, for a stand-in server.
        api_version: the pinned version; unversioned calls drift.
        account_id: the Instagram user id, as text: its 17 digits are more than a number keeps.
        token_env: name of the environment variable that holds the access token.
        app_secret_env: name of the one that holds the app's secret; then every call is signed with it.
        app_id: the Meta app's id; with `app_secret_env`, `levende doctor` asks Meta how long the token lives.
        app: a name for the Meta app. Sources with the same name wait together when Meta limits the app.
        token_issued_on, token_expires_on: dates of the token, for the countdown. `never` for a permanent one.
        stories: whether stories are looked for.
        account_insights: whether the account's own insights are asked for.
        account_reread_days: that many of the newest days are asked for again: Meta's numbers come up to 48 h late.
        account_backfill_days: how far back the first poll, or one after a long gap, asks for days. Meta
            tells of new followers for 30 days only, and one metric that it refuses costs a whole call.
        insight_ages_days: the ages at which a post is asked for insights; after the last, at twice the age each time.
        insight_daily_until_days: younger posts are asked each time that the list of posts is, whatever their age.
        insight_max_age_days: posts older than this at the time of the poll are listed but not asked for insights.
        daily_after_hours: the account and the posts are asked again when so long has passed.
        batch_size: questions in one request; by default 50 with Facebook Login and 1 with Instagram Login.
        max_calls: the budget of one poll, counted as Meta counts. A larger first poll is spread over several.
        max_wait_minutes: how long a poll may wait in all for Meta's allowance before it leaves that to the next one.
        page_limit: posts per page, at most 100.
        max_pages: a poll that meets more pages fails; the API itself ends at the newest 10,000 posts.
    """

    login: Literal["facebook", "instagram"] = "facebook"
    host: str | None = None
    allow_loopback: bool = False
    api_version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")] = "v25.0"
    account_id: Annotated[str, Field(pattern=r"^\d{5,25}$")]
    token_env: Variable
    app_secret_env: Variable | None = None
    app_id: Annotated[str, Field(pattern=r"^\d{5,25}$")] | None = None
    app: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "default"
    token_issued_on: date | None = None
    token_expires_on: date | Literal["never"] | None = None
    stories: bool = True
    account_insights: bool = True
    account_reread_days: Annotated[int, Field(ge=1, le=30)] = 3
    account_backfill_days: Annotated[int, Field(ge=1, le=30)] = 30
    insight_ages_days: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1, 7, 28)
    insight_daily_until_days: Annotated[int, Field(ge=0)] = 0
    insight_max_age_days: Annotated[int, Field(ge=0)] = 730
    daily_after_hours: Annotated[float, Field(ge=0)] = 20
    batch_size: Annotated[int, Field(ge=1, le=50)] | None = None
    max_calls: Annotated[int, Field(ge=1)] = 2000
    max_wait_minutes: Annotated[float, Field(ge=0, le=60)] = 0
    page_limit: Annotated[int, Field(ge=1, le=100)] = 100
    max_pages: Annotated[int, Field(ge=1)] = 120


def check_version(version: str, today: date) -> None:
    """Tell of a version's end before it comes.

    Args:
        version: the pinned version.
        today: the date of the poll, UTC.

    Raises:
        PermanentFailure: its last day is past. Meta would answer with another version, silently.
    """
    state = graph_reference.version_state(version, today)
    if state.state == "ended":
        raise PermanentFailure(state.message, reason="version_retired", next_action=state.next_action)
    if state.state != "ok":
        log.warning("%s %s", state.message, state.next_action)
