"""Tables that a connector kept: versions are not posts, and tables may disagree."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from exports import ACCOUNT_ID, SOMEBODY, metrics, posts, read, reasons, survives, values

from ingest.adapters import Parsed

HISTORY = (
    "_fivetran_id", "_fivetran_synced", "caption", "carousel_album_id", "created_time", "id", "ig_id",
    "is_comment_enabled", "is_story", "media_type", "media_url", "permalink", "shortcode", "thumbnail_url", "user_id",
    "username",
)  # fmt: skip
POST, ALBUM, CODE = "17900000000000001", "17900000000000009", "CD_Yb7DMakV"
SEEDS = "instagram/fivetran_dbt_instagram_business"
SEEDS_ACCOUNT = "17841439536867616"


def table(*records: dict[str, str]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


def version(**more: str) -> dict[str, str]:
    told = dict.fromkeys(HISTORY, "")
    told |= {
        "_fivetran_synced": "2021-10-05T16:13:54.012",
        "caption": f"{SOMEBODY} #Moa",
        "created_time": "2020-08-17T12:25:20",
        "id": POST,
        "is_story": "false",
        "media_type": "IMAGE",
        "media_url": "https://cdn.example/1.jpg?oh=1",
        "permalink": f"https://www.instagram.com/p/{CODE}/",
        "shortcode": CODE,
        "user_id": ACCOUNT_ID,
        "username": "moa_bibliotek",
    }
    return {**told, **more}


def insight(**more: str) -> dict[str, str]:
    return {
        "_fivetran_id": "x",
        "_fivetran_synced": "2021-10-27T14:22:01.906",
        "id": POST,
        "like_count": "3",
        "comment_count": "0",
        "story_reach": "",
        "story_exits": "",
        "story_replies": "",
        "video_photo_reach": "",
        "video_photo_views": "",
        "video_photo_impressions": "",
        **more,
    }


def told(body: bytes, account_id: str = ACCOUNT_ID) -> Parsed:
    return read("instagram_connector_tables", body, account_id=account_id)


def test_versions_of_a_post_are_one_post() -> None:
    """A version is new when the signed address of its picture is; counted, they would be a hundred posts."""
    rows = [
        version(_fivetran_synced=f"2021-10-{n:02}T00:00:00", media_url=f"https://cdn.example/{n}") for n in (7, 9, 8)
    ]
    (post,) = posts(told(table(*rows)))
    assert (post["post_id"], post["shortcode"], post["hashtags"], post["pointer"]) == (POST, CODE, "moa", "line 3")
    assert post["posted_at"] == datetime(2020, 8, 17, 12, 25, 20, tzinfo=UTC).replace(tzinfo=None)
    assert (post.get("like_count"), post.get("comments_count"), post["parent_post_id"]) == (None, None, None)


def test_an_edited_caption_is_read_newest_and_the_older_is_told() -> None:
    """One row per post and file; the earlier version stays in landing."""
    edited = version(_fivetran_synced="2021-10-06T00:00:00", caption="#Sjøholt")
    parsed = told(table(edited, version()))
    assert (posts(parsed)[0]["hashtags"], reasons(parsed)) == ("sjøholt", ["older_versions"])


def test_a_picture_of_an_album_names_its_album() -> None:
    """Four pictures in one album are one post."""
    rows = [version(id=ALBUM, media_type="CAROUSEL_ALBUM")]
    rows += [version(id=f"1790000000000001{n}", carousel_album_id=ALBUM) for n in range(4)]
    parents = [p["parent_post_id"] for p in posts(told(table(*rows)))]
    assert parents == [None, *[ALBUM] * 4]


def test_numbers_are_those_of_the_one_kind_that_is_filled() -> None:
    """The wide table has a column per kind of post; blank is missing and 0 is 0. Two series stay two."""
    parsed = told(table(insight(video_photo_reach="43", video_photo_impressions="56")))
    assert values(parsed) == {
        "likes": (3, "measured"),
        "comments": (0, "measured"),
        "reach": (43, "measured"),
        "views": (None, "missing"),
        "impressions": (56, "measured"),
    }
    assert {m["observed_at"] for m in metrics(parsed)} == {
        datetime(2021, 10, 27, 14, 22, 1, 906000, tzinfo=UTC).replace(tzinfo=None)
    }
    assert parsed.rejects == []


def test_a_row_of_no_stated_kind_tells_likes_and_comments_and_nothing_is_wrong_with_it() -> None:
    """Most connectors fill in the kind's columns later, or never."""
    parsed = told(table(insight()))
    assert values(parsed) == {"likes": (3, "measured"), "comments": (0, "measured")}
    assert parsed.rejects == []


def test_a_storys_old_columns_have_the_apis_names() -> None:
    """So that a story of the connector and one of the API are told in one way."""
    parsed = told(table(insight(story_reach="33", story_exits="1", story_replies="0")))
    assert values(parsed)["navigation[story_navigation_action_type=tap_exit]"] == (1, "measured")
    assert values(parsed)["replies"] == (None, "not_applicable")


def test_a_row_of_several_kinds_at_once_is_told() -> None:
    """No post is a story and a picture: nobody can say which reach is its own."""
    parsed = told(table(insight(story_reach="33", video_photo_reach="43")))
    assert (values(parsed), reasons(parsed)) == (
        {"likes": (3, "measured"), "comments": (0, "measured")},
        ["several_kinds"],
    )


def test_a_snapshot_of_the_account_keeps_its_moment() -> None:
    """The connector's years of snapshots can't be asked for again; names of people stay behind."""
    body = table(
        {
            "_fivetran_synced": "2021-10-27T14:22:01.177",
            "followers_count": "39",
            "follows_count": "",
            "id": ACCOUNT_ID,
            "media_count": "5",
            "name": SOMEBODY,
            "username": "moa_bibliotek",
            "website": "",
        }
    )
    parsed = told(body)
    (row,) = parsed.rows["social_account_observations"]
    assert dict(row) == {
        "account_id": ACCOUNT_ID,
        "observed_at": datetime(2021, 10, 27, 14, 22, 1, 177000, tzinfo=UTC).replace(tzinfo=None),
        "username": "moa_bibliotek",
        "followers_count": 39,
        "follows_count": None,
        "media_count": 5,
        "pointer": "line 2",
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (version(id="1.79E+16"), "no_id"),
        (version(created_time="17/08/2020"), "bad_time"),
        (version(_fivetran_synced=""), "bad_time"),
        (version(user_id="17841400000000009"), "wrong_account"),
        (version(carousel_album_id="1.79E+16"), "no_id"),
    ],
)
def test_a_row_that_can_not_be_read_costs_only_itself(row: dict[str, str], reason: str) -> None:
    """Its neighbours are good."""
    parsed = told(table(row, version(id="17900000000000002")))
    assert ([p["post_id"][-1] for p in posts(parsed)], reasons(parsed)) == (["2"], [reason])


def test_a_new_column_is_told_and_the_others_are_read() -> None:
    """Connectors add columns; one that holds a metric must not go unnoticed."""
    parsed = told(table(insight(video_photo_reach="43", video_photo_reposts="2")))
    assert (values(parsed)["reach"], reasons(parsed)) == ((43, "measured"), ["unknown_columns"])
    assert "video_photo_reposts" in parsed.rejects[0].message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unknown_table"),
        (b"a,b\n1,2\n", "unknown_table"),
        (b"id,id\n", "doubled_column"),
        (b"\xff\xfe", "undecodable"),
        (b"kari@example.org,1\n", "no_header"),
        (b"id,like_count,_fivetran_synced\n", "no_records"),
    ],
)
def test_a_file_of_another_form_is_one_reject(body: bytes, reason: str) -> None:
    """With what to do; never an empty account."""
    parsed = told(body)
    assert [(r.reason, r.scope) for r in parsed.rejects] == [(reason, "blob")]


def test_a_thousand_spoiled_tables_end_as_rows_or_rejects() -> None:
    """Hand-made exports of a destination go wrong in all ways."""
    history = table(*[version(id=f"1790000000000000{n}") for n in range(4)])
    wide = table(*[insight(id=f"1790000000000000{n}", video_photo_reach="4") for n in range(4)])
    for seed, body in enumerate((history, wide)):
        with_rows, with_rejects = survives("instagram_connector_tables", body, seed, account_id=ACCOUNT_ID)
        assert with_rows > 300
        assert with_rejects > 300


# --- the real seeds


def seed(real: Path, name: str) -> Parsed:
    return told((real / SEEDS / f"instagram_business_{name}_data.csv").read_bytes(), SEEDS_ACCOUNT)


def test_a_hundred_real_rows_are_three_posts_of_which_two_are_pictures_of_an_album(real: Path) -> None:
    """Counted as rows the account would have published a hundred times in three weeks."""
    parsed = seed(real, "media_history")
    assert parsed.rejects == []
    assert sorted((p["post_id"], p["parent_post_id"]) for p in posts(parsed)) == [
        ("17868012922976664", "17866678285999550"),
        ("17875951606801054", None),
        ("18159174778061853", "17866678285999550"),
    ]
    assert {p["hashtags"] for p in posts(parsed)} == {""}
    assert {(p.get("like_count"), p.get("comments_count")) for p in posts(parsed)} == {(None, None)}


def test_four_of_five_real_rows_of_insights_are_of_posts_that_the_history_lacks(real: Path) -> None:
    """A join would lose them without a sound; ingest keeps them, and the warehouse tells (orphans)."""
    listed = {p["post_id"] for p in posts(seed(real, "media_history"))}
    parsed = seed(real, "media_insights")
    measured = {m["subject_id"] for m in metrics(parsed)}
    assert measured - listed == {
        "17846746730324230",
        "17866678285999550",
        "17912811451468757",
        "17927058817426962",
    }
    # And the reverse: pictures of an album have no insights of their own.
    assert listed - measured == {"17868012922976664", "18159174778061853"}
    assert reasons(parsed) == ["several_kinds"] * 5
    assert values(parsed, "17875951606801054") == {"likes": (3, "measured"), "comments": (1, "measured")}


def test_the_real_snapshot_of_the_account_is_read(real: Path) -> None:
    """One row, and the person's name in it stays behind."""
    (row,) = seed(real, "user_history").rows["social_account_observations"]
    told_row: dict[str, Any] = dict(row)
    assert (told_row["followers_count"], told_row["follows_count"], told_row["media_count"]) == (39, 22, 5)
    assert "Fivetran Developers" not in str(told_row)
