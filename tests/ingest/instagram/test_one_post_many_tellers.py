"""One post, told by several sources: each claim is kept, and each names the post so that it can be found again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from exports import ACCOUNT_ID, make_receipt, make_source, metrics, posts, read

from ingest.adapters import adapter_for, adapters
from ingest.instagram.post_identity import created_at, id_of_moment

POST, CODE = "17875951606801054", "CD_Yb7DMakV"
POSTED_AT = datetime(2020, 8, 17, 12, 25, 20, tzinfo=UTC)
SUITE = (
    "Post ID,Account ID,Publish time,Permalink,Post type,Date,Reach,Likes\n"
    f"{POST},{ACCOUNT_ID},08/17/2020 05:25,https://www.instagram.com/p/{CODE}/,IG image,Lifetime,41,3\n"
)
CONNECTOR = (
    "id,created_time,user_id,_fivetran_synced,permalink,media_type\n"
    f"{POST},2020-08-17T12:25:20,{ACCOUNT_ID},2021-10-05T16:13:54,https://www.instagram.com/reel/{CODE}/?igsh=1,IMAGE\n"
)
WEBHOOK = {
    "object": "instagram",
    "entry": [
        {
            "id": ACCOUNT_ID,
            "time": 1_600_000_000,
            "changes": [{"field": "story_insights", "value": {"media_id": POST, "reach": 48}}],
        }
    ],
}
DOWNLOAD: list[dict[str, Any]] = [
    {"media": [{"uri": "media/1.jpg", "creation_timestamp": int(POSTED_AT.timestamp()), "title": ""}]}
]


def test_sources_that_disagree_are_all_kept_and_name_one_post() -> None:
    """Which one is believed is decided where all of them can be seen, not at the door that was first."""
    suite = read("instagram_business_suite", SUITE.encode())
    webhook = read("instagram_webhook", json.dumps(WEBHOOK).encode(), account_ids=[ACCOUNT_ID])
    reach = {
        (m["account_id"], m["subject_id"], m["metric"], m["period"], m["breakdown"], m["value"])
        for parsed in (suite, webhook)
        for m in metrics(parsed)
        if m["metric"] == "reach"
    }
    assert reach == {(ACCOUNT_ID, POST, "reach", "lifetime", "", value) for value in (41.0, 48.0)}


def test_a_post_has_one_id_and_one_code_in_every_source_that_knows_them() -> None:
    """Addresses differ by source and by kind; id and code don't."""
    suite = posts(read("instagram_business_suite", SUITE.encode()))
    connector = posts(read("instagram_connector_tables", CONNECTOR.encode(), account_id=ACCOUNT_ID))
    assert [(p["post_id"], p["shortcode"]) for p in (*suite, *connector)] == [(POST, CODE)] * 2


def test_a_download_names_the_second_that_the_others_tell() -> None:
    """It knows no id; second and account are what the warehouse can match by. Business Suite tells the minute only."""
    landed = adapters()["instagram_download"].minimise(json.dumps(DOWNLOAD).encode(), "posts_1.json")
    (download,) = posts(read("instagram_download", landed, account_id=ACCOUNT_ID))
    (connector,) = posts(read("instagram_connector_tables", CONNECTOR.encode(), account_id=ACCOUNT_ID))
    (suite,) = posts(read("instagram_business_suite", SUITE.encode()))
    assert download["post_id"] == id_of_moment(connector["posted_at"].replace(tzinfo=UTC))
    assert suite["posted_at"] == connector["posted_at"].replace(second=0)
    made_at = created_at(CODE)
    assert made_at is not None
    assert id_of_moment(made_at) == download["post_id"]


MORE = {"instagram_graph": {"token_env": "NOT_NEEDED_HERE"}}
CAPTION = "Bli med @moabibliotek og @kari.nordmann, sjå example.org/fest og example.org/kari"


@pytest.mark.parametrize(
    ("adapter", "body"),
    [
        (
            "instagram_business_suite",
            SUITE.replace("Likes\n", "Likes,Description\n").replace("41,3", f'41,3,"{CAPTION}"'),
        ),
        (
            "instagram_connector_tables",
            CONNECTOR.replace("media_type\n", "media_type,caption\n").replace("IMAGE\n", f'IMAGE,"{CAPTION}"\n'),
        ),
        ("instagram_download", json.dumps([{"media": [{**DOWNLOAD[0]["media"][0], "title": CAPTION}]}])),
        (
            "instagram_graph",
            json.dumps({"data": [{"id": POST, "timestamp": "2020-08-17T12:25:20+0000", "caption": CAPTION}]}),
        ),
    ],
)
def test_every_source_lets_the_named_accounts_and_pages_out_of_a_caption_and_no_others(adapter: str, body: str) -> None:
    """Which source tells of a post must not decide which branch it is for, nor who is told of in it."""
    named = ["@moabibliotek", "example.org/fest"]
    landed = adapters()[adapter].minimise(body.encode(), "posts_1.json") if "download" in adapter else body.encode()
    source = make_source(adapter, account_id=ACCOUNT_ID, caption_references=named, **MORE.get(adapter, {}))
    reader, options = adapter_for(source)
    ask = json.dumps({"endpoint": "media", "account_id": ACCOUNT_ID})
    (post,) = posts(reader.parse(landed, replace(make_receipt(landed), ask=ask), source, options))
    assert post["caption_references"] == "@moabibliotek example.org/fest"
    assert "kari" not in str(post)
