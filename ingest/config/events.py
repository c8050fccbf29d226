"""Events: which records count, for whom they are, when two are one, and what people decided about them.

What belongs here: reviewed rules, words and decisions. What does not: how a feed is read (the source's options), and
the matching itself (dbt).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingest.config.shared import Dated, Identifier, Model, require_unique

# RE2, by which DuckDB matches, knows ASCII words; Python would match such a pattern, and a test by it would mislead.
_BLIND_EDGE = re.compile(r"\\b(?:\((?:\?:)?(?:[^()|]*\|)*)?[^\W\d_a-zA-Z]|[^\W\d_a-zA-Z]\)*\\b")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:  # not a ValueError, so pydantic would let it through as a crash
        raise ValueError(f"{value!r} is not a pattern: {error}") from None
    if _BLIND_EDGE.search(value):
        raise ValueError(
            f"{value!r} can't match there: to the warehouse \\b is the edge of a word of a-z, 0-9 and _ only, so "
            "beside å, æ or ø there is none. Leave that \\b out, or write (^|[^a-zæøå]) in its stead."
        )
    return value


class EventRule(Model):
    """Which event records count, decided by a reviewed pattern on the title. The first rule that matches wins.

    Attributes:
        count_rule: `per_occurrence`, `once_per_series` or `never`.
        organiser: `other` for what other people hold in the library's rooms, which never counts; `own` where a named
            co-organiser is none. Absent: partners decide.
    """

    rule_id: Identifier
    pattern: str
    kind: str
    count_rule: Literal["per_occurrence", "once_per_series", "never"]
    organiser: Literal["own", "other"] | None = None
    reason: str

    _is_a_pattern = field_validator("pattern")(_pattern)


class AudienceRule(Dated):
    """Whom an event is for, reviewed and dated by the event's first day. The first rule that matches wins.

    Attributes:
        pattern: tried on each target group that a source ticked or wrote, lower case; where no source tells any, on
            the lower-case categories and title.
        least_audiences: in place of a pattern, the rule about forms with every box ticked: a source that claims so
            many different audiences of one event, or more, tells none of them, and `audience` stands for that.
        reason: why; what was reviewed.
    """

    rule_id: Identifier
    audience: Identifier
    pattern: str | None = None
    least_audiences: int | None = Field(default=None, ge=2)
    reason: str
    valid_from: date = date(1970, 1, 1)

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)

    @model_validator(mode="after")
    def _is_one_kind(self) -> AudienceRule:
        if (self.pattern is None) == (self.least_audiences is None):
            raise ValueError(f"audience rule {self.rule_id}: give it either a pattern or least_audiences")
        return self


class EventWords(Model):
    """What words do when the titles and venues of two feeds are compared. Case, letters' form and marks don't matter.

    Attributes:
        reviewed_on: when people last went through the lists.
        prefixes: words that stand before or behind a title and are no part of it, and the status that they tell:
            `cancelled`, `postponed`, or nothing.
        tails: words from which on a title names sponsors, hosts or partners.
        same: words, or beginnings and ends of longer ones, that mean the same, such as nynorsk and bokmål:
            `laurdag: lørdag`.
        endings: endings of words that say nothing, such as plurals and articles: `fuglar` is `fugler`.
        weak: words that many titles share and that say little, such as `foredrag`.
        online: words of a venue that is none.
    """

    reviewed_on: date | None = None
    prefixes: dict[str, Literal["", "cancelled", "postponed"]] = Field(default_factory=dict)
    tails: tuple[str, ...] = ()
    same: dict[str, str] = Field(default_factory=dict)
    endings: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    online: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_dated(self) -> EventWords:
        lists = (self.prefixes, self.tails, self.same, self.endings, self.weak, self.online)
        if self.reviewed_on is None and any(lists):
            raise ValueError("say when the words were reviewed: reviewed_on")
        return self


class EventIdentity(Model):
    """When claims of several feeds are one event, and when a vanished one is taken as withdrawn.

    Attributes:
        least_score: of 100 points that two claims need to be one event; see docs/events.md.
        start_tolerance_minutes: starts further apart are two holdings, whatever else agrees.
        withdrawn_after_fetches: so many complete fetches must lack what still lies ahead.
        withdrawn_after_hours: the last of them so long after the first: what an editor takes away for an afternoon
            is not withdrawn by somebody who asks twice.
        guard_share, guard_count: a fetch that loses more than this share of what lay ahead, and at least so many,
            is not believed: nothing is withdrawn on its word.
    """

    least_score: int = Field(default=80, ge=50, le=100)
    start_tolerance_minutes: int = Field(default=30, ge=0, le=180)
    withdrawn_after_fetches: int = Field(default=2, ge=1)
    withdrawn_after_hours: int = Field(default=24, ge=0)
    guard_share: float = Field(default=0.2, gt=0, le=1)
    guard_count: int = Field(default=6, ge=1)


class Claim(Model):
    """One occurrence as one source tells it: the key that `core.bridge_event_claim` shows."""

    source_id: Identifier
    series_id: str = Field(min_length=1)
    slot: str = ""


class EventDecision(Model):
    """What a person decided about claims of events; it goes before every rule.

    Attributes:
        verdict: `same` or `different` of two claims; `countable`, `not_countable`, `owner_branch`, `host_branches` or
            `audience` of one.
        branch_id: the owner, for `owner_branch`.
        branch_ids: the branches that held it together, for `host_branches`; the first answers for it.
        audiences: whom it was for, for `audience`: ids of `event_audiences`.
        decided_by: the role, not the person.
    """

    verdict: Literal["same", "different", "countable", "not_countable", "owner_branch", "host_branches", "audience"]
    claims: tuple[Claim, ...]
    branch_id: Identifier | None = None
    branch_ids: tuple[Identifier, ...] = ()
    audiences: tuple[Identifier, ...] = ()
    reason: str
    decided_on: date
    decided_by: str

    @model_validator(mode="after")
    def _complete(self) -> EventDecision:
        wanted = 2 if self.verdict in ("same", "different") else 1
        if len(set(self.claims)) != wanted or len(self.claims) != wanted:
            raise ValueError(f"the verdict {self.verdict!r} is about {wanted} different claim(s)")
        if (self.branch_id is not None) != (self.verdict == "owner_branch"):
            raise ValueError("branch_id belongs to the verdict 'owner_branch', and to no other")
        if bool(self.branch_ids) != (self.verdict == "host_branches"):
            raise ValueError("branch_ids belongs to the verdict 'host_branches', and to no other")
        require_unique("the decision on hosts: branch", self.branch_ids)
        if bool(self.audiences) != (self.verdict == "audience"):
            raise ValueError("audiences belongs to the verdict 'audience', and to no other")
        require_unique("the decision on whom it was for: audience", self.audiences)
        return self

    @property
    def about(self) -> Literal["pair", "count", "owner", "audience"]:
        """What it settles of its claims; a description holds one decision about each."""
        if len(self.claims) == 2:
            return "pair"
        if self.audiences:
            return "audience"
        return "count" if self.verdict in ("countable", "not_countable") else "owner"
