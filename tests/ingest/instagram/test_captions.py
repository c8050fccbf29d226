"""Tags are all that may leave a caption."""

from __future__ import annotations

import unicodedata

import pytest

from ingest.instagram.captions import hashtags


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
