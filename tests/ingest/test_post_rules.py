"""Whom posts speak for, as data: hashtags are made equal to those of the lake, and what can't be meant is refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ingest.config import PostDecision, PostRule, load
from ingest.errors import ConfigurationError
from ingest.instagram.captions import hashtags
from ingest.library_contracts import LIBRARY_TABLES
from ingest.library_tables import _rows

RULE = {
    "rule_id": "tag_moa", "kind": "branch_hashtag", "hashtags": ["moa"], "branch_ids": ["moa"], "reason": "its tag",
    "valid_from": "2020-01-01",
}  # fmt: skip
MENTION = {"kind": "branch_mention", "hashtags": [], "references": ["@MoaBibliotek"]}
DECISION = {"post": "C1a2B3c4D5e", "branch_ids": ["moa"], "reason": "no tag", "decided_by": "editor"}


def rule(**changes: Any) -> PostRule:
    return PostRule.model_validate({**RULE, **changes})


@pytest.mark.parametrize("spelling", ["#MOA", "moa", "＃moa", " #Moa "])
def test_a_tag_is_matched_however_it_is_spelt(spelling: str) -> None:
    """Staff write tags as they see them; what differs only in its letters' case must not lose a branch its posts."""
    assert rule(hashtags=[spelling]).hashtags == hashtags("#moa")


@pytest.mark.parametrize("tag", ["#Ålesund", "#SJØHOLT", "#Vågbiblioteket", "#ålesund_bok"])
def test_norwegian_letters_are_letters_however_they_are_composed(tag: str) -> None:
    """A ring above that is a sign of its own would end the tag: `#ålesund` would become `#a`."""
    for form in ("NFC", "NFD"):
        spelt = unicodedata.normalize(form, tag)
        assert rule(hashtags=[spelt]).hashtags == hashtags(unicodedata.normalize("NFD", tag))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"hashtags": ["moa-bibliotek"]}, "not one hashtag"),
        ({"hashtags": ["#moa #felles"]}, "not one hashtag"),
        ({"hashtags": []}, "needs hashtags"),
        ({"hashtags": ["moa", "#MOA"]}, "twice"),
        ({"branch_ids": []}, "needs branch_ids"),
        ({"branch_ids": ["moa", "moa"]}, "twice"),
        ({"kind": "theme", "branch_ids": []}, "needs theme_id"),
        ({"kind": "shared"}, "takes no branch_ids"),
        ({"theme_id": "music"}, "takes no theme_id"),
        ({"kind": "mention"}, "branch_mention"),
        ({"kind": "branch_mention"}, "needs references"),
        ({"references": ["@moa"]}, "takes no references"),
        ({"kind": "branch_mention", "hashtags": [], "references": ["example.org/moa"]}, "goes by accounts"),
        ({"kind": "event_link", "hashtags": [], "references": ["@moa"]}, "goes by addresses"),
        ({"kind": "event_link", "references": ["example.org/moa"]}, "takes no hashtags"),
        ({"kind": "event_link", "hashtags": [], "references": ["moa"]}, "neither an account"),
        ({"kind": "branch_mention", "hashtags": [], "references": ["@moa", "@MOA"]}, "twice"),
        ({"valid_to": "2019-01-01"}, "not after"),
    ],
)
def test_a_rule_that_can_not_be_meant_is_refused(changes: dict[str, Any], word: str) -> None:
    """A rule that matches nothing would leave its branch without posts, and nobody would be told."""
    with pytest.raises(ValidationError, match=word):
        rule(**changes)


def test_a_shared_rule_may_stand_without_a_tag() -> None:
    """A library may say that all that no tag places is for everybody."""
    assert rule(kind="shared", hashtags=[], branch_ids=[]).hashtags == ()


@pytest.mark.parametrize(
    "changes", [{"post": 17900000000000001}, {"post": "https://x/p/C1"}, {"branch_ids": ["a", "a"]}]
)
def test_a_decision_names_its_post_as_text_and_each_branch_once(changes: dict[str, Any]) -> None:
    """An id without quotes has more digits than a number keeps."""
    with pytest.raises(ValidationError):
        PostDecision.model_validate({**DECISION, **changes})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"post_rules": [{**RULE, "branch_ids": ["nowhere"]}]}, "nowhere"),
        ({"post_rules": [RULE, RULE]}, "tag_moa"),
        ({"post_decisions": [DECISION, DECISION]}, "C1a2B3c4D5e"),
        ({"post_rules": [{**RULE, **MENTION}]}, "@moabibliotek.*caption_references"),
    ],
)
def test_rules_and_decisions_are_checked_against_the_library(
    project: Path, tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    """Two decisions on one post, or a branch that is misspelt, would be settled by chance."""
    for name in ("library", "sources", "figures", "partners"):
        value = yaml.safe_load((project / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        text = yaml.safe_dump({**value, **changes} if name == "library" else value, allow_unicode=True)
        # opening hours are clock times, which YAML reads as numbers unless they are quoted
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=word):
        load(tmp_path)


def test_rules_become_rows_by_hashtag_and_branch(project: Path) -> None:
    """The warehouse joins rows; a list in a cell would have to be taken apart there."""
    loaded = load(project / "config")
    library = loaded.library.model_copy(
        update={
            "post_rules": (
                rule(hashtags=["moa", "moabok"], branch_ids=["moa", "skodje"]),
                rule(rule_id="all", kind="shared", hashtags=[], branch_ids=[]),
                rule(rule_id="account", **MENTION),
            ),
            "post_decisions": (PostDecision.model_validate({**DECISION, "branch_ids": []}),),
        }
    )
    tables = dict(_rows(loaded.model_copy(update={"library": library})))
    told = [(r["rule_number"], r["hashtag"], r["caption_reference"], r["branch_id"]) for r in tables["post_rules"]]
    assert told == [
        (1, "moa", None, "moa"), (1, "moa", None, "skodje"), (1, "moabok", None, "moa"), (1, "moabok", None, "skodje"),
        (2, None, None, None), (3, None, "@moabibliotek", "moa"),
    ]  # fmt: skip
    assert [(r["post"], r["branch_id"]) for r in tables["post_decisions"]] == [("C1a2B3c4D5e", None)]
    assert set(tables["post_rules"][0]) == {c.name for c in LIBRARY_TABLES["post_rules"].columns}
