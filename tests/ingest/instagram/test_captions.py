"""Tags are all that may leave a caption."""

from __future__ import annotations

import unicodedata

import pytest

from ingest.config import PostRule
from ingest.instagram.captions import CaptionOptions, hashtags, references


@pytest.mark.parametrize(
    ("caption", "tags"),
    [
        ("Velkommen til #Moa og #MOA!", ("moa",)),
        ("＃moa med bredt tegn", ("moa",)),
        (unicodedata.normalize("NFD", "I dag: #Ålesund, #Skødje"), ("ålesund", "skødje")),
        ("#moa-bibliotek", ("moa",)),
        ("#les_mer #2026", ("les_mer", "2026")),
        ("Ingen her, men 100 # og @moa", ()),
        ("", ()),
        (None, ()),
        ("#moa\ud83d halv emoji", ("moa",)),
    ],
)
def test_hashtags_are_composed_folded_and_told_once(caption: str | None, tags: tuple[str, ...]) -> None:
    """A decomposed #ålesund would else be the tag `a`, and #MOA another branch than #moa."""
    assert hashtags(caption) == tags


KNOWN = CaptionOptions(
    caption_references=(
        "@MoaBibliotek",
        "https://www.example.org/moa/",
        "example.org/fest?utm_campaign=bok",
        "ålesund.no",
    )
).caption_references


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("Sammen med @moabibliotek.", ("@moabibliotek",)),
        ("＠MOAbibliotek inviterer", ("@moabibliotek",)),
        ("Takk til @moabibliotek_barn og @kari.nordmann", ()),
        ("Skriv til post@moabibliotek eller kari@example.org", ()),
        ("Meld deg på (https://Example.org/moa/lesestund?x=1).", ("example.org/moa",)),
        ("www.example.org/moa!", ("example.org/moa",)),
        ("example.org/moabibliotek og evil-example.org/moa og example.org.evil.net/moa", ()),
        ("https://facebook.com/example.org/moa", ()),
        ("https://example.org/fest?utm_source=ig&utm_campaign=bok#opp", ("example.org/fest?utm_campaign=bok",)),
        ("https://example.org/fest?utm_campaign=musikk", ()),
        (unicodedata.normalize("NFD", "les ålesund.no/bok, da"), ("ålesund.no",)),
        ("", ()),
        (None, ()),
    ],
)
def test_of_mentions_and_links_only_the_librarys_own_leave_a_caption(
    caption: str | None, found: tuple[str, ...]
) -> None:
    """Who is mentioned beside them is a person as often as not, and a link may lead to one."""
    assert references(caption, KNOWN) == found


def test_a_reference_is_matched_however_it_is_spelt() -> None:
    """What staff write in a rule, and what the options say, must meet what captions hold."""
    given = {"rule_id": "r", "branch_ids": ["moa"], "reason": "its page", "valid_from": "2020-01-01"}
    page = PostRule.model_validate({**given, "kind": "event_link", "references": [" HTTPS://Example.org/Moa/ "]})
    account = PostRule.model_validate({**given, "kind": "branch_mention", "references": ["@MoaBibliotek"]})
    assert (page.references, account.references) == (("example.org/moa",), ("@moabibliotek",))
    assert references("@moabibliotek: example.org/moa", (*page.references, *account.references)) == (
        "example.org/moa",
        "@moabibliotek",
    )
