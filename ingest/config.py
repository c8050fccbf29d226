"""One library system described as data: the models of the files in `config/`, and how they are read.

What belongs here: shapes, checks that need only the description itself, and the tables that dbt reads it as.
What does not: secrets (named by environment variable, resolved where they are used) and rules of arithmetic.

Files: `library.yaml` (areas, branches, doors, opening hours, accounts, event rules), `sources.yaml` (feeds),
`partners.yaml` (registry and baseline list, optional), `figures.yaml` (definitions).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.errors import ConfigurationError
from ingest.zones import known_zone

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


def _no_number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"{value} is a number, which would count seconds since midnight; write it as 10:00")
    return value


ClockTime = Annotated[time, BeforeValidator(_no_number)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Dated(_Model):
    """Something true from a local date (included) to a local date (excluded; open when absent)."""

    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> _Dated:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} is not after valid_from {self.valid_from}")
        return self

    def overlaps(self, other: _Dated) -> bool:
        end, other_end = self.valid_to or date.max, other.valid_to or date.max
        return self.valid_from < other_end and other.valid_from < end


class Inhabitants(_Model):
    """A population count with its date and source; the denominator of figures per inhabitant."""

    counted_on: date
    count: int = Field(gt=0)
    source: str


class Area(_Dated):
    """A municipality version, or whatever carries the figures of several branches."""

    area_id: Identifier
    name: str
    inhabitants: tuple[Inhabitants, ...] = ()


class Membership(_Dated):
    """A branch's belonging to an area, by date."""

    area_id: Identifier


class Branch(_Dated):
    """A place open to the public. Aliases are the names that feeds use for it."""

    branch_id: Identifier
    name: str
    aliases: tuple[str, ...] = ()
    areas: tuple[Membership, ...]


class Line(_Dated):
    """A counted direction set on one sensor at one door, and how its counts become visits.

    Attributes:
        rule: `mean_in_out` (directional counters), `breaks_halved` (one beam counts both ways) or `entries`.
        role: `perimeter` lines make visits; `internal` ones are kept and never added.
        device_key, line_key: as the source's adapter delivers them.
        register_modulus: for counters that tell a register: the number at which it starts again from 0, such as
            65536, 1000000 or 4294967296. Without it no fall of the register is read as a rollover.
        register_rate_cap_per_hour: more people an hour than this door can let through in one direction. A larger
            step of the register is no count, and without a cap no step is too large.
    """

    line_id: Identifier
    branch_id: Identifier
    source_id: Identifier
    device_key: str
    line_key: str = "total"
    door: str = ""
    role: Literal["perimeter", "internal"] = "perimeter"
    rule: Literal["mean_in_out", "breaks_halved", "entries"]
    register_modulus: int | None = Field(default=None, ge=1000, le=2**62)
    register_rate_cap_per_hour: float | None = Field(default=None, gt=0)


class OpeningHours(_Dated):
    """One stretch of regular opening. A lunch break makes two of them.

    `weekdays` are ISO numbers, 1 = Monday. `branch_ids` empty means every branch.
    """

    branch_ids: tuple[Identifier, ...] = ()
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...]
    opens: ClockTime
    closes: ClockTime
    service: Literal["staffed", "unstaffed"] = "staffed"

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> OpeningHours:
        if self.closes <= self.opens:
            raise ValueError(f"closes {self.closes} is not after opens {self.opens}; split hours past midnight")
        return self

    def collides(self, other: OpeningHours) -> bool:
        """Whether both would open one branch at one time: its open minutes would count double."""
        branches, others = set(self.branch_ids), set(other.branch_ids)
        return (
            self.overlaps(other)
            and bool(set(self.weekdays) & set(other.weekdays))
            and (not branches or not others or bool(branches & others))
            and self.opens < other.closes
            and other.opens < self.closes
        )


class OpeningException(_Model):
    """A stretch of dates on which the regular hours do not hold. `last_on` is included.

    Kind `closed` closes; `reduced` replaces the hours of days that have some by `opens`-`closes`; `open` opens any day.
    """

    branch_ids: tuple[Identifier, ...] = ()
    first_on: date
    last_on: date
    kind: Literal["closed", "reduced", "open"]
    opens: ClockTime | None = None
    closes: ClockTime | None = None
    reason: str
    source: str = ""

    @model_validator(mode="after")
    def _complete(self) -> OpeningException:
        if self.last_on < self.first_on:
            raise ValueError(f"last_on {self.last_on} is before first_on {self.first_on}")
        told = [moment is not None for moment in (self.opens, self.closes)]
        if told != [self.kind != "closed"] * 2:
            raise ValueError(f"an exception of kind {self.kind!r} needs opens and closes exactly if it is not closed")
        if self.opens and self.closes and self.closes <= self.opens:
            raise ValueError(f"closes {self.closes} is not after opens {self.opens}")
        return self


class StructuralBreak(_Model):
    """A date from which counts of a branch no longer compare with those before: it moved, was rebuilt, got other doors.

    Missing visits are never estimated across it, and no growth is told over it. No `branch_ids` means every branch.
    """

    branch_ids: tuple[Identifier, ...] = ()
    broke_on: date
    reason: str


class CountDecision(_Model):
    """What a person decided about the counts of some lines on some dates; `last_on` is included.

    `keep` counts what a rule took for dead or for a spike; `leave_out` does not count what was told. The bytes and
    observations stay as they are.
    """

    line_ids: tuple[Identifier, ...] = Field(min_length=1)
    first_on: date
    last_on: date
    verdict: Literal["keep", "leave_out"]
    reason: str
    decided_by: str

    @model_validator(mode="after")
    def _in_order(self) -> CountDecision:
        if self.last_on < self.first_on:
            raise ValueError(f"last_on {self.last_on} is before first_on {self.first_on}")
        return self


class Estimation(_Model):
    """How far missing visits may be filled in.

    Attributes:
        least_quantity_share: a period gets a total only when at least this part of it was counted. The floor of the
            US statistical standards is 0.70.
    """

    least_quantity_share: float = Field(default=0.70, ge=0, le=1)


class Account(_Dated):
    """A social media account and the area it speaks for."""

    account_id: str
    platform: Literal["instagram"] = "instagram"
    area_id: Identifier


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


def _tag(value: Any) -> Any:
    """A hashtag as the lake holds it: NFC, casefolded, without its sign."""
    if not isinstance(value, str):
        return value
    tag = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value.strip()).lstrip("#＃").casefold())
    if not re.fullmatch(r"\w+", tag):
        raise ValueError(f"{value!r} is not one hashtag: letters, digits and _ only, with or without #")
    return tag


Hashtag = Annotated[str, BeforeValidator(_tag)]

_ACCOUNT = re.compile(r"@[a-z0-9_](?:[a-z0-9._]{0,28}[a-z0-9_])?")
_ADDRESS = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}(?:/[^\s?#]*)?(?:\?[^\s?#]+)?")


def _reference(value: Any) -> Any:
    """An account or an address as the lake holds it: NFC, casefolded, without scheme, `www.` and last slash."""
    if not isinstance(value, str):
        return value
    text = unicodedata.normalize("NFC", value.strip()).casefold()
    if _ACCOUNT.fullmatch(text):
        return text
    address = re.sub(r"^(?:https?://)?(?:www\.)?", "", text).rstrip("/")
    if not _ADDRESS.fullmatch(address):
        raise ValueError(
            f"{value!r} is neither an account, such as @moabibliotek, nor an address, such as example.org/moa"
        )
    return address


CaptionReference = Annotated[str, BeforeValidator(_reference)]


class PostRule(_Dated):
    """Which posts speak for which branches, or of which theme, decided by their captions; holds by date of the post.

    Attributes:
        kind: `branch_hashtag` (a branch's own tag), `event_hashtag` or `event_link` (the tag or page of an event or
            campaign held by branches), `branch_mention` (a branch's own account), `shared` (for the library as a whole)
            or `theme`. The first kind that matches decides, tag and link of an event being one; all its matching rules
            share the post equally. Themes decide nothing about branches.
        hashtags: any of them matches; with or without #, in any case. A `shared` rule without any matches every post
            that nothing before it placed.
        references: for `event_link` addresses (a page and those below it; a query must be in the post's address as
            well), for `branch_mention` accounts. Only what a source's `caption_references` names leaves a caption.
        branch_ids: for all kinds but `shared` and `theme`. A branch gets no post of an area that it is not in.
        theme_id: for `theme`.
    """

    rule_id: Identifier
    kind: Literal["branch_hashtag", "event_hashtag", "event_link", "branch_mention", "shared", "theme"]
    hashtags: tuple[Hashtag, ...] = ()
    references: tuple[CaptionReference, ...] = ()
    branch_ids: tuple[Identifier, ...] = ()
    theme_id: Identifier | None = None
    reason: str

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> PostRule:
        needs = {
            "branch_ids": self.kind not in ("shared", "theme"),
            "theme_id": self.kind == "theme",
            "references": self.kind in ("event_link", "branch_mention"),
        }
        for name, is_needed in needs.items():
            if bool(getattr(self, name)) != is_needed:
                raise ValueError(f"a post rule of kind {self.kind} {'needs' if is_needed else 'takes no'} {name}")
        if bool(self.hashtags) == needs["references"] and self.kind != "shared":
            raise ValueError(f"a post rule of kind {self.kind} {'takes no' if self.hashtags else 'needs'} hashtags")
        if any(r.startswith("@") != (self.kind == "branch_mention") for r in self.references):
            word = "accounts" if self.kind == "branch_mention" else "addresses"
            raise ValueError(f"a post rule of kind {self.kind} goes by {word}")
        if any(len(set(words)) < len(words) for words in (self.hashtags, self.references, self.branch_ids)):
            raise ValueError(f"post rule {self.rule_id} names a hashtag, reference or branch twice")
        return self


class PostDecision(_Model):
    """What a person decided about one post, before any rule: the branches it speaks for, or none for all of them.

    Attributes:
        post: the code in the post's address (`C1a2B3c4D5e` of `/p/C1a2B3c4D5e/`), or its id, as text.
        branch_ids: share the post equally; empty means that it is for the library as a whole.
    """

    post: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{5,30}$")]
    branch_ids: tuple[Identifier, ...] = ()
    reason: str
    decided_by: str

    @model_validator(mode="after")
    def _shares_once(self) -> PostDecision:
        _unique(f"the decision on {self.post}: branch", self.branch_ids)
        return self


class EventRule(_Model):
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


class AudienceRule(_Model):
    """Whom an event is for, by a reviewed pattern on its lower-case categories and title. The first match wins."""

    audience: Identifier
    pattern: str

    _is_a_pattern = field_validator("pattern")(_pattern)


class EventWords(_Model):
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


class EventIdentity(_Model):
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


class Claim(_Model):
    """One occurrence as one source tells it: the key that `core.bridge_event_claim` shows."""

    source_id: Identifier
    series_id: str = Field(min_length=1)
    slot: str = ""


class EventDecision(_Model):
    """What a person decided about claims of events; it goes before every rule.

    Attributes:
        verdict: `same` or `different` of two claims; `countable`, `not_countable` or `owner_branch` of one.
        branch_id: the owner, for `owner_branch`.
        decided_by: the role, not the person.
    """

    verdict: Literal["same", "different", "countable", "not_countable", "owner_branch"]
    claims: tuple[Claim, ...]
    branch_id: Identifier | None = None
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
        return self


class QuietHours(_Model):
    """A stretch of local time in which no message is sent; past midnight where it ends before it begins."""

    begins: ClockTime
    ends: ClockTime

    @model_validator(mode="after")
    def _has_length(self) -> QuietHours:
        if self.begins == self.ends:
            raise ValueError(f"quiet hours from {self.begins} to {self.ends} are none, or all; leave them out instead")
        return self

    def covers(self, at: time) -> bool:
        """Whether a local time lies in them; the end is excluded."""
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


class Alerts(_Model):
    """Who is told when something is open that a person should know of.

    Attributes:
        urls_env: the variable that holds Apprise addresses, separated by blanks. They hold secrets, so they never
            stand here. Without it messages go to the log and the ledger only.
        quiet: messages wait until these are over; what is open is recorded all the same.
    """

    urls_env: EnvironmentName = "LEVENDE_ALERT_URLS"
    quiet: QuietHours | None = None


class Reporting(_Model):
    """The span of local dates that the figures speak about; `end_on` is excluded and open when absent."""

    start_on: date
    end_on: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Reporting:
        if self.end_on is not None and self.end_on <= self.start_on:
            raise ValueError(f"end_on {self.end_on} is not after start_on {self.start_on}")
        return self


class Library(_Model):
    """`library.yaml`."""

    library_id: Identifier
    name: str
    zone: str
    holidays_country: str | None = None
    holidays_language: str | None = None
    is_simulated: bool = False
    reporting: Reporting
    areas: tuple[Area, ...]
    branches: tuple[Branch, ...]
    lines: tuple[Line, ...] = ()
    opening_hours: tuple[OpeningHours, ...] = ()
    opening_exceptions: tuple[OpeningException, ...] = ()
    structural_breaks: tuple[StructuralBreak, ...] = ()
    count_decisions: tuple[CountDecision, ...] = ()
    estimation: Estimation = Estimation()
    accounts: tuple[Account, ...] = ()
    event_rules: tuple[EventRule, ...] = ()
    event_audiences: tuple[AudienceRule, ...] = ()
    event_words: EventWords = EventWords()
    event_identity: EventIdentity = EventIdentity()
    event_decisions: tuple[EventDecision, ...] = ()
    alerts: Alerts = Alerts()
    post_rules: tuple[PostRule, ...] = ()
    post_decisions: tuple[PostDecision, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _holds_together(self) -> Library:
        areas = _unique("area", (a.area_id for a in self.areas))
        branches = _unique("branch", (b.branch_id for b in self.branches))
        lines = _unique("line", (line.line_id for line in self.lines))
        _unique("event rule", (r.rule_id for r in self.event_rules))
        for branch in self.branches:
            for i, member in enumerate(branch.areas):
                _known("area", member.area_id, areas, f"branch {branch.branch_id}")
                if any(member.overlaps(other) for other in branch.areas[i + 1 :]):
                    raise ValueError(f"branch {branch.branch_id} belongs to two areas at once")
                area = next(a for a in self.areas if a.area_id == member.area_id)
                if member.valid_from < area.valid_from or (member.valid_to or date.max) > (area.valid_to or date.max):
                    raise ValueError(f"branch {branch.branch_id} belongs to area {area.area_id} outside its validity")
        for line in self.lines:
            _known("branch", line.branch_id, branches, f"line {line.line_id}")
        for i, line in enumerate(self.lines):
            for other in self.lines[i + 1 :]:
                same = (line.source_id, line.device_key, line.line_key) == (
                    other.source_id,
                    other.device_key,
                    other.line_key,
                )
                if same and line.overlaps(other):
                    raise ValueError(f"lines {line.line_id} and {other.line_id} claim the same sensor at once")
        for i, hours in enumerate(self.opening_hours):
            for other_hours in self.opening_hours[i + 1 :]:
                if hours.collides(other_hours):
                    raise ValueError(f"opening hours {hours.opens}-{hours.closes} stand twice for a branch and weekday")
        for account in self.accounts:
            _known("area", account.area_id, areas, f"account {account.account_id}")
        for branch_ids in [h.branch_ids for h in self.opening_hours] + [e.branch_ids for e in self.opening_exceptions]:
            for branch_id in branch_ids:
                _known("branch", branch_id, branches, "opening hours")
        for branch_id in (b for broken in self.structural_breaks for b in broken.branch_ids):
            _known("branch", branch_id, branches, "structural breaks")
        _unique("post rule", (r.rule_id for r in self.post_rules))
        _unique("post decision", (d.post for d in self.post_decisions))
        for branch_ids in [r.branch_ids for r in self.post_rules] + [d.branch_ids for d in self.post_decisions]:
            for branch_id in branch_ids:
                _known("branch", branch_id, branches, "post rules and decisions")
        for i, decision in enumerate(self.count_decisions):
            for line_id in decision.line_ids:
                _known("line", line_id, lines, "count decisions")
                for other_decision in self.count_decisions[i + 1 :]:
                    if (
                        line_id in other_decision.line_ids
                        and decision.first_on <= other_decision.last_on
                        and other_decision.first_on <= decision.last_on
                    ):
                        raise ValueError(f"two count decisions speak of line {line_id} on the same date")
        told: set[tuple[str, frozenset[Claim]]] = set()
        for ruling in self.event_decisions:
            if ruling.branch_id is not None:
                _known("branch", ruling.branch_id, branches, "an event decision")
            about = "owner" if ruling.branch_id else "pair" if len(ruling.claims) == 2 else "count"
            if (about, frozenset(ruling.claims)) in told:
                raise ValueError(f"two event decisions speak of {' and '.join(map(str, ruling.claims))}")
            told.add((about, frozenset(ruling.claims)))
        return self


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
# Shorter, and a serial number would be found in any message by chance.
Serial = Annotated[str, Field(min_length=4, max_length=100, pattern=r"^[!-~]+$")]


class Push(_Model):
    """How a source that posts to the inbox proves itself, and how much it may send.

    Secrets are named by environment variable and never stand here.

    Attributes:
        auth: `bearer` (token in `Authorization`), `basic` (name and password), `hmac_sha256` (signature over the body
            as sent, in `signature_header`), `meta_signature` (the same as Meta's webhooks do it: always with the prefix
            `sha256=`, and only after a handshake), or `none_with_serials`: the device can prove nothing, and must at
            least name itself. Only for networks that no stranger reaches.
        secret_env: the variable that holds token, password or signing key.
        former_secret_env: one that opens as well, while devices are moved from it to the new one.
        username: for `basic`.
        signature_header: holds `sha256=<hexadecimal>`, or the digits alone.
        serials: what `serial_header` must hold one of; without that header, what the body must name one of, spelt so.
        max_body_bytes: the largest body, counted as sent and once more as unpacked.
        posts_per_minute: what is more gets 429. So many may also come at once.
        verify_token_env: the variable that holds the word of a webhook's handshake (GET with `hub.challenge`).
    """

    auth: Literal["bearer", "basic", "hmac_sha256", "meta_signature", "none_with_serials"]
    secret_env: EnvironmentName | None = None
    former_secret_env: EnvironmentName | None = None
    username: str | None = Field(default=None, min_length=1, pattern=r"^[^:]+$")
    signature_header: HeaderName = "X-Hub-Signature-256"
    serials: tuple[Serial, ...] = ()
    serial_header: HeaderName | None = None
    max_body_bytes: int = Field(default=1024 * 1024, ge=1, le=32 * 1024 * 1024)
    posts_per_minute: int = Field(default=600, ge=1)
    verify_token_env: EnvironmentName | None = None

    @model_validator(mode="after")
    def _can_be_proven(self) -> Push:
        needs = {
            "secret_env": self.auth != "none_with_serials",
            "username": self.auth == "basic",
            "serials": self.auth == "none_with_serials",
        }
        for name, is_needed in needs.items():
            if bool(getattr(self, name)) != is_needed:
                raise ValueError(f"auth {self.auth} {'needs' if is_needed else 'takes no'} {name}")
        if self.auth == "meta_signature" and self.verify_token_env is None:
            raise ValueError("auth meta_signature needs verify_token_env: Meta posts only after the handshake")
        for name, other in (("former_secret_env", "secret_env"), ("serial_header", "serials")):
            if getattr(self, name) and not getattr(self, other):
                raise ValueError(f"{name} says nothing without {other}")
        return self


class Source(_Model):
    """One feed: which adapter reads it, how it arrives, and what that adapter must know.

    Attributes:
        family: `doors`, `events` or `instagram`.
        adapter: the name under which the adapter registered itself.
        path: a file or folder that is read where it stands, relative to the configuration folder, beside the
            source's own drop folder. For sources whose files somebody else keeps.
        pattern: which file names count, as a glob.
        expected_every_hours: the source is told as silent when it has brought nothing for longer.
        branch_id: the branch that owns what this source tells where its records name none.
        priority: of sources that tell of one event the lowest is believed first; among equals the one that stands
            first in the file, so that a new source goes last and no event changes its id.
        push: how it may post to the inbox; a source without may not.
        allow_private_network: whether the source that is asked is a device of the library's own network, such as a
            camera or a gate: its host may then have a private address, and speak plain http. Off, because an address
            that somebody else chooses, or redirects, must not reach what trusts the inside of that network. Link-local
            addresses are never asked.
        options: checked by the adapter's own options model.
    """

    source_id: Identifier
    family: Literal["doors", "events", "instagram"]
    adapter: str
    description: str
    owner: str = "team:statistics"
    enabled: bool = True
    path: str | None = None
    pattern: str = "*"
    expected_every_hours: float | None = Field(default=None, gt=0)
    branch_id: Identifier | None = None
    priority: int = Field(default=100, ge=0)
    push: Push | None = None
    allow_private_network: bool = False
    options: dict[str, Any] = Field(default_factory=dict)


class Renaming(_Model):
    """From which partner an organisation took over, by a change of name or a merger, and since when."""

    partner_id: Identifier
    renamed_on: date


class Parent(_Dated):
    """The partner of which an organisation is a part, by date."""

    partner_id: Identifier


class Partner(_Model):
    """An organisation that the library works with. Contact persons are not kept.

    `renamed_from` and `parents` say which partners are one organisation: whoever knew the one knew the other.
    """

    partner_id: Identifier
    name: str
    aliases: tuple[str, ...] = ()
    organisation_number: str | None = Field(default=None, pattern=r"^\d{9}$")
    renamed_from: Renaming | None = None
    parents: tuple[Parent, ...] = ()


class Baseline(_Model):
    """The frozen list of partners that were already there: what `new` is measured against."""

    frozen_on: date
    author_role: str
    partner_ids: tuple[Identifier, ...]


class Partners(_Model):
    """`partners.yaml`. Without a baseline no partner can be called new."""

    baseline: Baseline | None = None
    partners: tuple[Partner, ...] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Partners:
        known = _unique("partner", (p.partner_id for p in self.partners))
        for partner_id in self.baseline.partner_ids if self.baseline else ():
            _known("partner", partner_id, known, "the baseline list")
        above: dict[str, set[str]] = {}
        for partner in self.partners:
            for i, parent in enumerate(partner.parents):
                if any(parent.overlaps(other) for other in partner.parents[i + 1 :]):
                    raise ValueError(f"partner {partner.partner_id} is part of two organisations at once")
            above[partner.partner_id] = {p.partner_id for p in partner.parents}
            if partner.renamed_from is not None:
                above[partner.partner_id].add(partner.renamed_from.partner_id)
            for partner_id in above[partner.partner_id]:
                _known("partner", partner_id, known, f"partner {partner.partner_id}")
        for start in above:
            reached, ahead = set[str](), set(above[start])
            while ahead:
                reached |= ahead
                ahead = {p for a in ahead for p in above[a]} - reached
            if start in reached:
                raise ValueError(f"partner {start} is part of itself, or renamed from itself")
        return self

    def organisations(self) -> list[tuple[str, str, date | None, date | None]]:
        """Which organisation each partner belongs to: (partner, organisation, from, to), spans by date, gapless.

        A renaming holds at all times: the acts under both names are those of one organisation. A parent holds while
        it is one.
        """
        by_id = {p.partner_id: p for p in self.partners}

        def organisation(partner_id: str, day: date) -> str:
            partner = by_id[partner_id]
            if partner.renamed_from is not None:
                return organisation(partner.renamed_from.partner_id, day)
            for parent in partner.parents:
                if parent.valid_from <= day < (parent.valid_to or date.max):
                    return organisation(parent.partner_id, day)
            return partner_id

        edges = {day for p in self.partners for q in p.parents for day in (q.valid_from, q.valid_to) if day}
        starts = [date.min, *sorted(edges)]
        found: list[tuple[str, str, date | None, date | None]] = []
        for partner_id in by_id:
            spans: list[tuple[date, str]] = []
            for day in starts:
                name = organisation(partner_id, day)
                if not spans or spans[-1][1] != name:
                    spans.append((day, name))
            for n, (day, name) in enumerate(spans):
                end = spans[n + 1][0] if n + 1 < len(spans) else None
                found.append((partner_id, name, None if day == date.min else day, end))
        return found


class Figure(_Model):
    """The definition of one number: what it counts, in which unit, by which rule, from which source of rules.

    `domain` says where its inputs stand, so that the way back to the bytes can be walked.
    `aggregation` says how it may be rolled up; `none` forbids it. `growth` says how two years of it compare: as a share
    of the year before, in percentage points (for what is a share itself), or not at all.
    """

    figure_id: Identifier
    definition_version: str
    name: str
    domain: Literal["visits", "events", "partners", "social"]
    unit: str
    aggregation: Literal["sum", "ratio", "last", "none"]
    growth: Literal["share", "points", "none"] = "share"
    decimals: int = Field(default=0, ge=0, le=4)
    definition: str
    rule_source: str
    owner: str = "team:statistics"


class Configuration(_Model):
    """All files of one configuration folder, checked against each other.

    Attributes:
        folder: where they were read from.
        config_hash: hash of their content as checked, the same for two spellings of the same thing.
    """

    folder: Path
    library: Library
    sources: tuple[Source, ...]
    partners: Partners
    figures: tuple[Figure, ...]

    @model_validator(mode="after")
    def _holds_together(self) -> Configuration:
        known = _unique("sources.yaml: source", (s.source_id for s in self.sources))
        _unique("figures.yaml: figure", (f.figure_id for f in self.figures))
        for line in self.library.lines:
            _known("source", line.source_id, known, f"library.yaml: line {line.line_id}")
        branches = {b.branch_id for b in self.library.branches}
        for source in self.sources:
            if source.branch_id is not None:
                _known("branch", source.branch_id, branches, f"source {source.source_id}")
        for ruling in self.library.event_decisions:
            for claim in ruling.claims:
                _known("source", claim.source_id, known, "library.yaml: an event decision")
        passed = {
            _reference(name)
            for source in self.enabled("instagram")
            if isinstance(names := source.options.get("caption_references", ()), list | tuple)
            for name in names
        }
        for rule in self.library.post_rules:
            for name in rule.references:
                if name not in passed:
                    raise ValueError(
                        f"library.yaml: the post rule {rule.rule_id} goes by {name}, which no Instagram source lets "
                        "out of a caption; add it to caption_references in a source's options"
                    )
        return self

    @property
    def config_hash(self) -> str:
        # Keys sorted: `options` are free, so their order in the file would otherwise reach the hash.
        # Who is told changes no table, and must not have all of them built anew.
        left_out: Any = {"folder": True, "library": {"alerts"}}
        text = json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.library.zone)

    def source(self, source_id: str) -> Source:
        """The source with this id.

        Raises:
            ConfigurationError: there is none.
        """
        for source in self.sources:
            if source.source_id == source_id:
                return source
        names = ", ".join(s.source_id for s in self.sources)
        raise ConfigurationError(f"no source {source_id!r}.", next_action=f"Use one of: {names}.")

    def enabled(self, family: str | None = None) -> tuple[Source, ...]:
        return tuple(s for s in self.sources if s.enabled and family in (None, s.family))


def _unique(what: str, names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is described twice")
        seen.add(name)
    return seen


def _known(what: str, name: str, known: set[str], where: str) -> None:
    if name not in known:
        raise ValueError(f"{where} names the {what} {name!r}, which is not described")


_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def expand(text: str) -> str:
    """Fill `${NAME}` in an address from the environment.

    Kept out of the model so that a configuration loads, and hashes equal, on every machine.

    Raises:
        ConfigurationError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not os.environ.get(name):  # set to nothing is how a missing secret looks in most schedulers
            raise ConfigurationError(
                f"the environment variable {name} is not set.", next_action=f"Set {name} and start again."
            )
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def config_folder() -> Path:
    """`LEVENDE_CONFIG`, or `./config`."""
    return Path(os.environ.get("LEVENDE_CONFIG", "config")).absolute()


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: three habits of YAML 1.1 would change a description without a word.

    `10:00` is a text and not 600, `NO` and `on` are texts and not false and true, and a key that stands twice
    is an error instead of the last one winning.
    """

    def integer(self, node: yaml.ScalarNode) -> Any:
        return node.value if ":" in node.value else self.construct_yaml_int(node)

    def real(self, node: yaml.ScalarNode) -> Any:
        return node.value if ":" in node.value else self.construct_yaml_float(node)

    def boolean(self, node: yaml.ScalarNode) -> Any:
        return {"true": True, "false": False}.get(node.value.lower(), node.value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.real)
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.boolean)


def _read(path: Path, *, required: bool = True) -> Any:
    if not path.exists():
        if required:
            raise ConfigurationError(
                f"{path} does not exist.", next_action="Point LEVENDE_CONFIG or --config at a configuration folder."
            )
        return None
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: no UTF-8, or a date such as 2023-02-30
        raise ConfigurationError(f"{path} can't be read: {error}.", next_action="Mend the file.") from error


def load(folder: Path | None = None) -> Configuration:
    """Read and check a configuration folder.

    Raises:
        ConfigurationError: a file is missing, malformed, or contradicts another; the message names file and key.
    """
    folder = (folder or config_folder()).absolute()
    parts: dict[str, Any] = {"folder": folder}
    for key, name, model, required in (
        ("library", "library.yaml", Library, True),
        ("partners", "partners.yaml", Partners, False),
    ):
        raw = _read(folder / name, required=required)
        parts[key] = _checked(model, raw or {}, folder / name)
    sources = _read(folder / "sources.yaml") or {}
    figures = _read(folder / "figures.yaml") or {}
    for name, raw in (("sources", sources), ("figures", figures)):
        if not isinstance(raw, dict) or set(raw) != {name} or not isinstance(raw[name], list):
            raise ConfigurationError(
                f"{folder / (name + '.yaml')} must hold one list named {name!r}.", next_action="Mend the file."
            )
    parts["sources"] = tuple(
        _checked(Source, s, folder / "sources.yaml", f"sources.{i}") for i, s in enumerate(sources["sources"])
    )
    parts["figures"] = tuple(
        _checked(Figure, f, folder / "figures.yaml", f"figures.{i}") for i, f in enumerate(figures["figures"])
    )
    try:
        return Configuration(**parts)
    except ValidationError as error:
        raise ConfigurationError(_say(error, folder), next_action="Mend the description.") from error


def _checked(model: type[_Model], raw: Any, path: Path, key: str = "") -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(_say(error, path, key), next_action="Mend the file.") from error


def _say(error: ValidationError, path: Path, key: str = "") -> str:
    lines = [f"{path}:"]
    for detail in error.errors():
        where = ".".join(str(part) for part in (key, *detail["loc"]) if part != "")
        lines.append(f"  {where or '(whole file)'}: {detail['msg']}")
    return "\n".join(lines)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Local midnight as an aware moment."""
    return datetime.combine(day, time(), tzinfo=zone)
