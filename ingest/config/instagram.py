"""Instagram: accounts and the areas they speak for, which posts speak for which branches, and people's decisions.

What belongs here: rules on hashtags, addresses and accounts in captions. What does not: how posts are asked for (the
source's options), and how shares are counted (dbt).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ingest.config.shared import Dated, Identifier, Model, require_unique


class Account(Dated):
    """A social media account and the area it speaks for."""

    account_id: str
    platform: Literal["instagram"] = "instagram"
    area_id: Identifier


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


def reference(value: Any) -> Any:
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


CaptionReference = Annotated[str, BeforeValidator(reference)]


class PostRule(Dated):
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


class PostDecision(Model):
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
        require_unique(f"the decision on {self.post}: branch", self.branch_ids)
        return self
