"""Reading landed answers of the Graph API: pure functions of bytes and receipt."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from ingest.adapters import Parsed
from ingest.catalogue import Receipt, canonical_json
from ingest.errors import UnreadableBody
from ingest.instagram import graph_reference
from ingest.instagram.graph_answers import (
    REMOVED,
    Usage,
    as_bytes,
    cursor_after,
    has_next,
    read_json,
    refusal_of,
    rows_of,
    scrubbed,
    usage_of,
)

ACCOUNT = "17841400000000001"
POST = "17900000000000001"
RECEIVED = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)


def receipt(ask: dict[str, Any], start: datetime | None = None, end: datetime | None = None) -> Receipt:
    ask = {"account_id": ACCOUNT, "api_version": "v25.0", **ask}
    return Receipt(
        1, "ig", "poll", RECEIVED, "ok", "", canonical_json(ask), start, end, True, 200, None, None, None, "ab", 1, None
    )


def read(document: dict[str, Any], start: datetime | None = None, end: datetime | None = None, **ask: Any) -> Parsed:
    return rows_of(document, receipt(ask, start, end))


def post_insights(document: dict[str, Any], *metrics: str, **ask: Any) -> list[dict[str, Any]]:
    parsed = read(document, endpoint="media_insights", media_id=POST, metrics=list(metrics), **ask)
    assert not parsed.rejects
    return list(parsed.rows["social_metric_observations"])  # type: ignore[arg-type]


def refusal(code: int, message: str = "", subcode: int | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Abc-1"}
    return {"error": error if subcode is None else {**error, "error_subcode": subcode}}


# --- unknown is not zero


def test_an_empty_answer_is_missing_and_a_zero_is_measured() -> None:
    """Meta answers an empty list instead of zeros; whoever turns it into 0 invents a measurement."""
    assert [(r["metric"], r["value"], r["value_status"]) for r in post_insights({"data": []}, "reach", "views")] == [
        ("reach", None, "missing"),
        ("views", None, "missing"),
    ]
    zero = {"data": [{"name": "reach", "period": "lifetime", "values": [{"value": 0}]}]}
    assert [(r["metric"], r["value"], r["value_status"]) for r in post_insights(zero, "reach", "views")] == [
        ("reach", 0.0, "measured"),
        ("views", None, "missing"),
    ]


def test_replies_of_a_story_are_not_applicable_in_europe() -> None:
    """They are 0 for every European account since December 2020, whatever people wrote."""
    zero = {"data": [{"name": "replies", "period": "lifetime", "values": [{"value": 0}]}]}
    (row,) = post_insights(zero, "replies", product_type="STORY", media_type="IMAGE")
    assert (row["value"], row["value_status"]) == (None, "not_applicable")


def test_withheld_likes_are_null_and_new_followers_are_not_followers() -> None:
    """`like_count` is left out when likes are hidden; `follower_count` (new a day) is not `followers_count` (all)."""
    record = {"id": POST, "timestamp": "2026-08-30T10:00:00+0000", "comments_count": 0}
    (post,) = read({"data": [record]}, endpoint="media").rows["social_post_observations"]
    assert (post["like_count"], post["comments_count"]) == (None, 0)
    answer = {"id": ACCOUNT, "follower_count": 3, "media_count": 5}
    (account,) = read(answer, endpoint="account").rows["social_account_observations"]
    assert account["followers_count"] is None
    assert account["media_count"] == 5
    assert account["observed_at"] == datetime(2026, 9, 1, 4, 0)  # noqa: DTZ001 - the lake's times are naive UTC


# --- refusals


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (refusal(190, "Session has expired", 463), "token"),
        (refusal(102), "token"),
        (refusal(4), "limit"),
        (refusal(80002, "There have been too many calls to this Instagram account"), "limit"),
        (refusal(1), "busy"),
        (refusal(10, "(#10) Not enough viewers for the media to show insights"), "suppressed"),
        (refusal(10, "(#10) Application does not have permission for this action"), "permission"),
        (refusal(10, "(#10) Media Posted Before Business Account Conversion"), "before_conversion"),
        (refusal(100, "lokalisert tekst", 2108006), "before_conversion"),
        (refusal(200), "permission"),
        (refusal(100, "Unsupported get request. Object with ID '1' does not exist", 33), "unreachable"),
        (refusal(100, "(#100) since param is not valid"), "unknown"),
        (refusal(368), "blocked"),
        (refusal(36104), "unknown"),
        ({"error": "no object"}, "unknown"),
    ],
)
def test_a_refusal_is_judged_by_its_code(document: dict[str, Any], kind: str) -> None:
    """Texts are localised; codes are not. Words decide only where one code has two meanings."""
    found = refusal_of(document, ["reach", "views"])
    assert found is not None
    assert found.kind == kind


def test_only_a_named_metric_is_rejected() -> None:
    """One bad metric fails the whole list; taking all of the list as rejected would lose the good ones."""
    asked = ["reach", "views", "follows"]
    named = refusal(100, "(#100) The Media Insights API does not support the follows metric for this product type.")
    numbered = refusal(100, "(#100) metric[1] must be one of the following values: reach, follows, likes")
    vague = refusal(100, "(#100) Starting from version v22.0 and above, the impressions metric is gone")
    assert [(r["metric"], r["value_status"]) for r in post_insights(named, *asked)] == [("follows", "rejected")]
    assert [(r["metric"], r["value_status"]) for r in post_insights(numbered, *asked)] == [("views", "rejected")]
    assert post_insights(vague, *asked) == []
    assert [r["value_status"] for r in post_insights(vague, "views")] == ["rejected"]


def test_too_few_viewers_suppress_only_what_was_asked_alone() -> None:
    """The refusal may stand for a whole list although one metric of it would answer."""
    few = refusal(10, "(#10) Not enough viewers for the media to show insights")
    assert post_insights(few, "reach", "views") == []
    (row,) = post_insights(few, "reach")
    assert (row["value"], row["value_status"]) == (None, "suppressed")


def test_a_post_from_before_the_conversion_has_no_metric_at_all() -> None:
    """The refusal is about the post, not about one metric."""
    rows = post_insights(refusal(100, "", 2108006), "reach", "views")
    assert [r["value_status"] for r in rows] == ["before_conversion"] * 2


def test_an_unreachable_post_is_noted_and_overwrites_nothing() -> None:
    """100/33 may be a deletion or a throttle in disguise: a null row would hide what was measured before."""
    parsed = read(refusal(100, "x", 33), endpoint="media_insights", media_id=POST, metrics=["reach"])
    assert parsed.rows["social_metric_observations"] == []
    assert [r.reason for r in parsed.rejects] == ["post_unreachable"]


def test_metrics_left_out_by_an_earlier_verdict_stay_visible() -> None:
    """Not asking must look different from never having heard of the metric."""
    answer = {"data": [{"name": "reach", "period": "lifetime", "values": [{"value": 5}]}]}
    rows = post_insights(answer, "reach", not_asked=["follows"])
    assert {r["metric"]: r["value_status"] for r in rows} == {"reach": "measured", "follows": "rejected"}


# --- account insights: windows and parts


@pytest.mark.parametrize(
    ("end_time", "day"),
    [
        ("2026-07-02T07:00:00+0000", date(2026, 7, 1)),
        ("2026-01-02T08:00:00+0000", date(2026, 1, 1)),
        ("2026-03-08T08:00:00+0000", date(2026, 3, 7)),
        ("2026-03-09T07:00:00+0000", date(2026, 3, 8)),
        ("2026-11-01T07:00:00+0000", date(2026, 10, 31)),
        ("2026-11-02T08:00:00+0000", date(2026, 11, 1)),
    ],
)
def test_a_day_of_meta_is_the_pacific_day_that_ends_at_end_time(end_time: str, day: date) -> None:
    """On the days of the clock change it is 23 or 25 hours long, so 24 hours back would be another day."""
    entry = {"name": "reach", "period": "day", "values": [{"value": 1, "end_time": end_time}]}
    parsed = read({"data": [entry]}, endpoint="account_insights", metrics=["reach"])
    (row,) = parsed.rows["social_metric_observations"]
    start = row["window_start_at"].replace(tzinfo=UTC).astimezone(ZoneInfo("America/Los_Angeles"))
    assert (start.date(), start.hour) == (day, 0)


def test_a_day_that_ends_at_another_hour_is_told() -> None:
    """If Meta moves its day, every figure by date is wrong until a person looks."""
    entry = {"name": "reach", "period": "day", "values": [{"value": 1, "end_time": "2026-07-02T12:00:00+0000"}]}
    parsed = read({"data": [entry]}, endpoint="account_insights", metrics=["reach"])
    assert [r.reason for r in parsed.rejects] == ["unexpected_day_end"]
    assert [r["value_status"] for r in parsed.rows["social_metric_observations"]] == ["missing"]


def test_two_days_with_one_id_are_two_rows() -> None:
    """The entry's `id` is the same for every day: taken as a key, each day overwrites the last."""
    values = [
        {"value": 140, "end_time": "2026-07-02T07:00:00+0000"},
        {"value": 120, "end_time": "2026-07-03T07:00:00+0000"},
    ]
    entry = {"name": "reach", "period": "day", "values": values, "id": f"{ACCOUNT}/insights/reach/day"}
    rows = read({"data": [entry]}, endpoint="account_insights", metrics=["reach"]).rows["social_metric_observations"]
    assert [r["value"] for r in rows] == [140.0, 120.0]
    assert len({r["window_end_at"] for r in rows}) == 2


def test_a_total_without_a_date_has_the_window_that_was_asked_for() -> None:
    """A total_value carries no date of its own; only the request knows it."""
    start, end = datetime(2026, 7, 1, 7, tzinfo=UTC), datetime(2026, 7, 2, 7, tzinfo=UTC)
    entry = {"name": "views", "period": "day", "total_value": {"value": 905}}
    parsed = read({"data": [entry]}, start, end, endpoint="account_insights", metrics=["views"])
    (row,) = parsed.rows["social_metric_observations"]
    assert (row["value"], row["subject_kind"]) == (905.0, "account")
    assert (row["window_start_at"], row["window_end_at"]) == (start.replace(tzinfo=None), end.replace(tzinfo=None))


def test_every_dimension_of_a_breakdown_names_its_row() -> None:
    """Named by age alone, the genders would overwrite each other and only the last would survive."""
    results = [
        {"dimension_values": [age, gender], "value": 10 * i + j}
        for i, age in enumerate(("18-24", "25-34", "35-44"))
        for j, gender in enumerate(("F", "M"))
    ]
    breakdowns = [{"dimension_keys": ["age", "gender"], "results": results}]
    entry = {"name": "follower_demographics", "period": "lifetime", "total_value": {"breakdowns": breakdowns}}
    parsed = read({"data": [entry]}, endpoint="account_insights", metrics=["follower_demographics"])
    rows = parsed.rows["social_metric_observations"]
    assert len({r["breakdown"] for r in rows}) == 6
    assert sum(r["value"] for r in rows) == sum(r["value"] for r in results)
    assert rows[0]["breakdown"] == "age=18-24 | gender=f"


# --- records that can't be read


def test_a_bad_post_costs_only_itself() -> None:
    """One record of an unknown shape must not take a page of ninety-nine good ones with it."""
    good = {"id": POST, "timestamp": "2026-08-30T10:00:00+0000"}
    records = [
        "no object",
        {"id": 1.79e16, "timestamp": "2026-08-30T10:00:00+0000"},
        {"id": "17900000000000002", "timestamp": "30.08.2026"},
        {**good, "like_count": -1, "comments_count": "4"},
        good,
    ]
    parsed = read({"data": records}, endpoint="media")
    assert [r["post_id"] for r in parsed.rows["social_post_observations"]] == [POST]
    assert [r.reason for r in parsed.rejects] == [
        "no_post_id",
        "no_post_id",
        "bad_timestamp",
        "not_a_count",
        "not_a_count",
        "told_twice",
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": NaN}', b"[" * 100_000, b"\xff\xfe"])
def test_bytes_that_are_no_answer_are_refused_as_a_whole(body: bytes) -> None:
    """A firewall's page must become one reject, never an empty answer."""
    with pytest.raises(UnreadableBody):
        read_json(body)


@pytest.mark.parametrize("ask", [{}, {"endpoint": "tagged_posts"}])
def test_an_answer_without_its_question_is_refused(ask: dict[str, Any]) -> None:
    """An empty list means nothing when nobody knows which metrics were asked for."""
    with pytest.raises(UnreadableBody):
        read({"data": []}, **ask)


def test_an_answer_about_another_account_is_refused() -> None:
    """A Page's id answers as well; its followers are not the account's."""
    with pytest.raises(UnreadableBody):
        read({"id": "99999", "followers_count": 5}, endpoint="account")


# --- what changes a post


def test_a_post_changes_with_its_caption_and_not_with_signed_addresses_or_counts() -> None:
    """media_url is signed anew at every call: hashed, every poll would make a new version of every post."""
    record = {"id": POST, "timestamp": "2026-08-30T10:00:00+0000", "caption": "Les #moa", "media_url": "https://a/?s=1"}

    def content(**change: Any) -> str:
        (row,) = read({"data": [{**record, **change}]}, endpoint="media").rows["social_post_observations"]
        return str(row["content_hash"])

    assert content() == content(media_url="https://a/?s=2", like_count=9)
    assert content() != content(caption="Les")


def test_a_caption_stays_behind() -> None:
    """A caption can name people; only its tags pass."""
    record = {"id": POST, "timestamp": "2026-08-30T10:00:00+0000", "caption": "Kari Nordmann leser #Moa"}
    (row,) = read({"data": [record]}, endpoint="media").rows["social_post_observations"]
    assert row["hashtags"] == "moa"
    assert "Kari" not in str(row)


# --- scrubbing, paging and usage


def test_no_token_survives_scrubbing_wherever_it_stands() -> None:
    """Tokens come back in paging.next and in error texts, plain, percent-encoded or as another one of their kind."""
    secret = "123|verysecret/token"
    document = {
        "paging": {
            "next": f"https://g/v25.0/1/media?access_token={secret}&limit=5&after=QQ",
            "previous": "https://g/?a=1",
        },
        "error": {"message": f"Malformed access token {secret} or 123%7Cverysecret%2Ftoken, EAAB" + "x" * 40},
        "data": [{"caption": "hei", "media_url": "https://cdn/?sig=1", "comments": {"data": [{"text": "Ola"}]}}],
    }
    text = json.dumps(clean := scrubbed(document, [secret]))
    for left in ("verysecret", "EAAB", "sig=1", "Ola", "access_token"):
        assert left not in text
    assert clean["paging"]["next"] == "https://g/v25.0/1/media?limit=5&after=QQ"
    assert REMOVED in clean["error"]["message"]
    assert clean["data"][0]["caption"] == "hei"


def test_half_an_emoji_can_be_landed() -> None:
    """Captions cut by other tools end in lone surrogates, which no UTF-8 can hold."""
    body = as_bytes(read_json(b'{"caption": "hei \\ud83d"}'))
    assert read_json(body)["caption"] == "hei \ud83d"


@pytest.mark.parametrize(
    ("document", "goes_on", "cursor"),
    [
        ({"data": []}, False, None),
        ({"data": [], "paging": {"cursors": {"after": "QQ"}}}, False, None),
        ({"data": [], "paging": {"cursors": {"after": "QQ"}, "next": "https://…"}}, True, "QQ"),
        ({"data": [], "paging": {"next": "https://…"}}, True, None),
    ],
)
def test_only_the_absence_of_next_ends_a_list(document: dict[str, Any], goes_on: bool, cursor: str | None) -> None:
    """A page can be empty in the middle of a list, and the last page still has cursors."""
    assert (has_next(document), cursor_after(document)) == (goes_on, cursor)


def entry(kind: str, **numbers: int) -> dict[str, Any]:
    return {"type": kind, "call_count": 1, "total_cputime": 1, "total_time": 1, **numbers}


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        (
            {
                "x-business-use-case-usage": json.dumps(
                    {
                        "111": [entry("instagram", call_count=12)],
                        "222": [
                            entry("ads", call_count=99),
                            entry("instagram", total_time=100, estimated_time_to_regain_access=18),
                        ],
                    }
                )
            },
            Usage(100, 18),
        ),
        ({"X-App-Usage": '{"call_count":40,"total_time":31,"total_cputime":12}'}, Usage(40, 0, 40)),
        ({"X-Business-Use-Case-Usage": '{"call_count":97}'}, Usage(0, 0)),
        ({"X-Business-Use-Case-Usage": "not json"}, Usage(0, 0)),
        ({}, Usage(0, 0)),
    ],
)
def test_usage_is_the_highest_of_all_measures_under_all_ids(headers: dict[str, str], usage: Usage) -> None:
    """The header nests a list under each id: read flat, the brake is always at zero and never pulls."""
    assert usage_of(headers) == usage


# --- the table


def test_every_capability_says_once_where_it_was_told() -> None:
    """Two entries for one metric on one kind of post would contradict each other in silence."""
    keys = [(c.metric, c.product_type, c.media_type, c.call, c.breakdown) for c in graph_reference.CAPABILITIES]
    assert len(keys) == len(set(keys))
    assert {c.source for c in graph_reference.CAPABILITIES} <= {"docs", "live", "learned"}
    assert "follows" not in graph_reference.metrics_for("v25.0", "FEED", "VIDEO")
    assert "follows" in graph_reference.metrics_for("v25.0", "FEED", "CAROUSEL_ALBUM")
    assert graph_reference.metrics_for("v25.0", "AD", "IMAGE") == ()


def test_a_leading_timeframe_is_one_more_dimension() -> None:
    """Some answers name it before the dimensions that were asked for; read by place, ages would become genders."""
    results = [{"dimension_values": ["LAST_30_DAYS", "18-24", g], "value": n} for n, g in ((7, "F"), (6, "M"))]
    breakdowns = [{"dimension_keys": ["timeframe", "age", "gender"], "results": results}]
    entry = {"name": "follower_demographics", "period": "lifetime", "total_value": {"breakdowns": breakdowns}}
    parsed = read(
        {"data": [entry]}, endpoint="account_insights", metrics=["follower_demographics"], timeframe="this_month"
    )
    rows = parsed.rows["social_metric_observations"]
    assert [r["breakdown"] for r in rows] == [
        "timeframe=last_30_days | age=18-24 | gender=f",
        "timeframe=last_30_days | age=18-24 | gender=m",
    ]
    assert {r["period"] for r in rows} == {"this_month"}


def test_one_member_has_one_spelling() -> None:
    """Lists have it in upper case, answers in lower, and a reel is REEL here and REELS there."""
    results = [{"dimension_values": [v], "value": 1} for v in ("TAP_FORWARD", "tap_exit", "REEL", "reels")]
    breakdowns = [{"dimension_keys": ["x"], "results": results}]
    entry = {"name": "navigation", "period": "lifetime", "total_value": {"value": 4, "breakdowns": breakdowns}}
    parsed = read({"data": [entry]}, endpoint="media_insights", media_id=POST, metrics=["navigation"])
    names = [r["breakdown"] for r in parsed.rows["social_metric_observations"]]
    assert names == ["", "x=tap_forward", "x=tap_exit", "x=reels"]
    assert [r.reason for r in parsed.rejects] == ["told_twice"]


def test_an_unreadable_answer_of_a_batch_costs_only_itself() -> None:
    """Forty-nine good answers must not go with the one of another shape."""
    good = {"data": [{"name": "reach", "period": "lifetime", "values": [{"value": 5}]}]}
    members = [{"endpoint": "media_insights", "media_id": POST + str(n), "metrics": ["reach"]} for n in range(3)]
    parsed = read({"answers": [good, {"data": "none"}, good]}, endpoint="insights", members=members)
    rows = parsed.rows["social_metric_observations"]
    assert [(r["subject_id"][-1], r["value"], r["pointer"]) for r in rows] == [
        ("0", 5.0, "$.answers[0].data[0].values[0]"),
        ("2", 5.0, "$.answers[2].data[0].values[0]"),
    ]
    assert [r.pointer for r in parsed.rejects] == ["$.answers[1]"]
    with pytest.raises(UnreadableBody):
        read({"answers": [good]}, endpoint="insights", members=members)


def test_a_map_by_hour_is_a_row_by_hour_and_an_empty_one_a_gap() -> None:
    """An account too small for it is answered an empty map, which is no nought for any hour."""
    ends = ("2026-07-02T07:00:00+0000", "2026-07-03T07:00:00+0000")
    values = [{"value": {"0": 3, "13": 0}, "end_time": ends[0]}, {"value": {}, "end_time": ends[1]}]
    entry = {"name": "online_followers", "period": "lifetime", "values": values}
    parsed = read({"data": [entry]}, endpoint="account_insights", metrics=["online_followers"], period="lifetime")
    told = [(r["breakdown"], r["value"], r["value_status"]) for r in parsed.rows["social_metric_observations"]]
    assert told == [("hour=00", 3.0, "measured"), ("hour=13", 0.0, "measured"), ("", None, "missing")]


def test_the_capability_table_keeps_versions_and_logins_apart() -> None:
    """What v21 took v22 refuses, and one login is told less than the other."""
    calls = graph_reference.post_calls
    assert "impressions" in calls("v21.0", "FEED", "IMAGE")[""]
    assert "impressions" not in calls("v25.0", "FEED", "IMAGE")[""]
    assert "link_clicks" in calls("v25.0", "STORY", "IMAGE")[""]
    assert "link_clicks" not in calls("v25.0", "STORY", "IMAGE", "instagram")[""]
    assert calls("v25.0", "STORY", "IMAGE")["story_navigation_action_type"] == ("navigation",)


def test_no_metric_is_asked_for_that_the_live_reference_refused(real: Path) -> None:
    """The published test against the real API is the seed of the table; they must not drift apart unseen."""
    told = yaml.safe_load((real / "instagram/live_metric_reference/meta_api_reference.yaml").read_text())
    refused = {
        (media_type, entry["name"])
        for media_type, entries in told["ig_media_insights"]["by_media_type"].items()
        for entry in entries
        if entry["status"] != "ok"
    }
    assert len(refused) > 20
    for capability in graph_reference.CAPABILITIES:
        if (
            capability.is_asked
            and capability.product_type in ("FEED", "REELS")
            and capability.holds_in("v22.0", "facebook")
        ):
            assert (capability.media_type, capability.metric) not in refused
    bad = {m["name"] for m in told["ig_user_insights"]["metrics"] if m["status"] != "ok"}
    asked = {m for call in graph_reference.account_calls("v22.0") for m in call.metrics}
    assert asked.isdisjoint(bad)
    assert asked <= set(told["ig_user_insights"]["authoritative_live_metrics"])
