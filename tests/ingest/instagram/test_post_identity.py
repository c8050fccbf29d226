"""Who a post is: codes in addresses, the moment in a code, ids that were rounded."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.instagram.post_identity import code, created_at, handle, id_of_moment, media_id, shortcode_of


@pytest.mark.parametrize(
    "permalink",
    [
        "https://www.instagram.com/p/CD_Yb7DMakV/",
        "https://instagram.com/p/CD_Yb7DMakV",
        "http://www.instagram.com/reel/CD_Yb7DMakV/?igsh=abc",
        "https://www.instagram.com/tv/CD_Yb7DMakV/",
        "https://www.instagram.com/moa_bibliotek/p/CD_Yb7DMakV/",
        "  https://www.instagram.com/reels/CD_Yb7DMakV/ ",
    ],
)
def test_one_post_has_one_code_under_all_its_addresses(permalink: str) -> None:
    """Addresses of one post differ by kind and by who shares them; the code is what they have in common."""
    assert shortcode_of(permalink) == "CD_Yb7DMakV"


@pytest.mark.parametrize(
    "permalink",
    ["", "https://www.facebook.com/p/CD_Yb7DMakV/", "CD_Yb7DMakV", "https://www.instagram.com/stories/a/1/"],
)
def test_other_addresses_have_no_code(permalink: str) -> None:
    """A wrong code would join two posts that never met."""
    assert shortcode_of(permalink) is None


def test_a_code_tells_when_its_post_was_made() -> None:
    """Proved on a public post whose moment is known by other means."""
    moment = created_at("CD_Yb7DMakV")
    assert moment is not None
    assert moment.replace(microsecond=0) == datetime(2020, 8, 17, 12, 25, 20, tzinfo=UTC)
    assert [created_at(text) for text in ("short", "CD_Yb7DMakVXXXXXXXXXXXX", "CD Yb7DMakV", "___________")] == [
        None
    ] * 4


@pytest.mark.parametrize("text", ["1.79E+16", "1,79E+16", "17900000000000001.0", "", "abc", "１７９００"])
def test_what_a_spreadsheet_made_of_an_id_is_no_id(text: str) -> None:
    """Digits that are lost can't be guessed, and a wrong id gives another post's numbers."""
    assert media_id(text) is None


def test_ids_stay_text_to_their_last_digit() -> None:
    """Seventeen digits are more than a number keeps."""
    assert media_id("17875951606801054") == "17875951606801054"
    assert id_of_moment(datetime(2020, 8, 17, 12, 25, 20, tzinfo=UTC)) == "at:1597667120"


def test_names_of_people_are_no_handles_and_no_codes() -> None:
    """A column that moved must not carry a name into the lake."""
    assert (handle("Kari Nordmann"), code("Kari Nordmann")) == (None, None)
    assert (handle("moa_bibliotek"), code(" CD_Yb7DMakV ")) == ("moa_bibliotek", "CD_Yb7DMakV")


def test_the_codes_of_real_posts_tell_their_time(real: Path) -> None:
    """The rule is inferred, so it is held against every real post that we have."""
    path = real / "instagram/fivetran_dbt_instagram_business/instagram_business_media_history_data.csv"
    with path.open(encoding="utf-8", newline="") as file:
        told = {(row["permalink"], row["created_time"]) for row in csv.DictReader(file)}
    assert len(told) == 3
    for permalink, created_time in told:
        moment = created_at(shortcode_of(permalink) or "")
        assert moment is not None
        assert moment.strftime("%Y-%m-%dT%H:%M:%S") == created_time
