"""Metrics of posts that nobody lists are told, whatever source they came from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from dbt_here import run_dbt
from ingest_bench import receipt_of

from ingest.adapters import adapter_for
from ingest.config import Source, load
from ingest.lake import Lake, Way
from ingest.library_tables import write_library_tables

ACCOUNT_ID = "17841400000000001"
LISTED = (
    "id,created_time,user_id,_fivetran_synced,media_type,carousel_album_id\n"
    f"17900000000000001,2023-01-01T12:00:00,{ACCOUNT_ID},2023-02-01T00:00:00,IMAGE,\n"
    f"17900000000000002,2023-01-01T12:00:00,{ACCOUNT_ID},2023-02-01T00:00:00,IMAGE,17900000000000009\n"
)
MEASURED = (
    "id,like_count,comment_count,_fivetran_synced\n"
    "17900000000000001,3,0,2023-02-01T00:00:00\n"
    "17900000000000009,5,1,2023-02-01T00:00:00\n"
)


def ways(
    account_id: str,
    bodies: Sequence[bytes],
    adapter_name: str = "instagram_connector_tables",
    source_id: str = "instagram_tables",
    first_receipt_id: int = 1,
) -> list[Way]:
    """Files as they are read by an adapter, dropped in March 2023."""
    source = Source(
        source_id=source_id,
        family="instagram",
        adapter=adapter_name,
        description="Tables of a connector, or an export.",
        options={"account_ids": [account_id]} if adapter_name == "instagram_webhook" else {"account_id": account_id},
    )
    adapter, options = adapter_for(source)
    found = []
    for number, body in enumerate(bodies, first_receipt_id):
        moment = datetime(2023, 3, 1, tzinfo=UTC)
        receipt = receipt_of(body, source.source_id, moment, receipt_id=number, origin=f"{number}.csv")
        found.append(Way(adapter, source, options, receipt, body))
    return found


def gaps(
    project: Path, home: Path, told: Sequence[Way], as_of: str = "2023-03-15 06:00:00"
) -> tuple[str, list[tuple[str, str, str, bool]]]:
    """How the blocking check ends on what adapters told, and the list of gaps that it and the rules look at."""
    lake = Lake(home / "lake")
    lake.prepare()
    write_library_tables(home / "lake", load(project / "config"))
    assert all(sum(counts.values()) for counts in lake.write_readings(list(told)))
    (home / "warehouse").mkdir()
    result = run_dbt(
        project, home, "build",
        "--select", "+fct_post_gap", "+fct_post_metric", "assert_every_measured_post_is_listed",
        "--exclude-resource-type", "unit_test", as_of=as_of,
    )  # fmt: skip
    status = {r.node.name: str(r.status) for r in result.results}
    found = status["assert_every_measured_post_is_listed"]
    assert (result.returncode == 0) == (found == "pass"), result.stdout[-4000:]
    with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select gap_kind, post_id, source_id, is_open from core.fct_post_gap order by gap_kind, post_id"
        ).fetchall()
    return found, rows


def test_numbers_of_a_post_that_nobody_lists_stop_publication(project: Path, tmp_path: Path) -> None:
    """An inner join would drop them without a sound; a left join with the list does so, too."""
    status, rows = gaps(project, tmp_path, ways(ACCOUNT_ID, [MEASURED.encode()]))
    assert status == "fail"
    assert rows == [
        ("measured_not_listed", post_id, "instagram_tables", True)
        for post_id in ("17900000000000001", "17900000000000009")
    ]


def test_an_insight_of_the_api_without_its_post_stops_publication(project: Path, tmp_path: Path) -> None:
    """The page that listed it could not be read, say: the day after must not be told as one without the post."""
    ask = {
        "endpoint": "media_insights", "account_id": ACCOUNT_ID, "api_version": "v25.0", "metrics": ["reach"],
        "media_id": "17900000000000005", "media_type": "IMAGE", "product_type": "FEED",
    }  # fmt: skip
    body = b'{"data":[{"name":"reach","period":"lifetime","values":[{"value":4}]}]}'
    source = Source(
        source_id="instagram_api",
        family="instagram",
        adapter="instagram_graph",
        description="The account.",
        options={"account_id": ACCOUNT_ID, "token_env": "NOT_ASKED"},
    )
    adapter, options = adapter_for(source)
    (dropped,) = ways(ACCOUNT_ID, [body])
    receipt = replace(dropped.receipt, source_id=source.source_id, how="poll", ask=json.dumps(ask))
    status, rows = gaps(project, tmp_path, [Way(adapter, source, options, receipt, body)])
    assert (status, rows) == ("fail", [("measured_not_listed", "17900000000000005", "instagram_api", True)])


def test_tables_of_a_connector_that_disagree_are_told_and_do_not_stop_publication(
    project: Path, tmp_path: Path
) -> None:
    """Years that somebody else collected may lack a post for good; the album itself is measured, not listed."""
    status, rows = gaps(project, tmp_path, ways(ACCOUNT_ID, [LISTED.encode(), MEASURED.encode()]))
    assert (status, rows) == (
        "pass",
        [("connector_tables_disagree", "17900000000000009", "instagram_tables", True)],
    )


def test_the_real_tables_measure_four_posts_that_they_do_not_list(project: Path, tmp_path: Path, real: Path) -> None:
    """A public test account whose two tables disagree: the join that everybody writes loses four posts of five."""
    folder = real / "instagram/fivetran_dbt_instagram_business"
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.csv"))]
    assert len(bodies) == 3
    status, rows = gaps(project, tmp_path, ways("17841439536867616", bodies))
    assert status == "pass"
    assert [(kind, is_open) for kind, _, _, is_open in rows] == [("connector_tables_disagree", True)] * 4


def test_a_story_that_only_a_webhook_or_an_export_tells_of_is_not_collected_and_in_the_gap_list(
    project: Path, tmp_path: Path
) -> None:
    """It came and went between two polls: what nobody read is null and a gap, what was told elsewhere holds."""
    pushed = {
        "object": "instagram",
        "entry": [
            {
                "id": ACCOUNT_ID,
                "time": 1677628800,
                "changes": [
                    {
                        "field": "story_insights",
                        "value": {"media_id": "17900000000000002", "reach": 48, "taps_back": -1},
                    }
                ],
            }
        ],
    }
    export = (
        "Post ID,Account ID,Description,Publish time,Permalink,Post type,Date,Likes,Views\n"
        f"17900000000000003,{ACCOUNT_ID},,02/14/2023 04:00,"
        "https://www.instagram.com/stories/moa/17900000000000003/,IG story,Lifetime,,7\n"
    ).encode()
    told = [
        *ways(ACCOUNT_ID, [export], "instagram_business_suite", "instagram_export", 1),
        *ways(ACCOUNT_ID, [json.dumps(pushed).encode()], "instagram_webhook", "instagram_push", 2),
    ]
    status, rows = gaps(project, tmp_path, told)
    assert status == "pass"
    assert rows == [
        ("story_not_polled", "17900000000000002", "instagram_push", False),
        ("story_not_polled", "17900000000000003", "instagram_export", False),
    ], "no poll ever looked at this account, so nobody is asked to do anything"
    with duckdb.connect(str(tmp_path / "warehouse" / "build.duckdb"), read_only=True) as con:
        metrics = con.execute(
            "select right(post_id, 1), metric, value, value_status from core.fct_post_metric "
            "where metric in ('reach', 'views') order by 1, 2"
        ).fetchall()
    assert metrics == [
        ("2", "reach", 48, "measured"),
        ("2", "views", None, "not_collected"),
        ("3", "reach", None, "not_collected"),
        ("3", "views", 7, "measured"),
    ]
