"""Metrics of posts that nobody lists are told, whatever source they came from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dbt_here import run_dbt

from ingest.adapters import adapter_for
from ingest.catalogue import Receipt
from ingest.config import Source, load
from ingest.lake import Lake, Way
from ingest.landing import sha256_of
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
        options={"account_id": account_id},
    )
    adapter, options = adapter_for(source)
    found = []
    for number, body in enumerate(bodies, first_receipt_id):
        receipt = Receipt(
            receipt_id=number,
            source_id=source.source_id,
            how="drop",
            received_at=datetime(2023, 3, 1, tzinfo=UTC),
            status="ok",
            origin=f"{number}.csv",
            ask="",
            window_start_at=None,
            window_end_at=None,
            is_complete=None,
            http_status=None,
            etag=None,
            last_modified=None,
            media_type=None,
            blob_sha256=sha256_of(body),
            byte_count=len(body),
            error=None,
        )
        found.append(Way(adapter, source, options, receipt, body))
    return found


def unlisted(project: Path, tmp_path: Path, account_id: str, bodies: Sequence[bytes]) -> tuple[str, int]:
    """What the check says of tables: its status, and how many posts it names."""
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    write_library_tables(tmp_path / "lake", load(project / "config"))
    assert all(sum(counts.values()) for counts in lake.write_readings(ways(account_id, bodies)))
    (tmp_path / "warehouse").mkdir()
    result = run_dbt(
        project, tmp_path, "build",
        "--select", "stg_instagram__posts", "stg_instagram__metrics", "int_social__post_claims",
        "assert_every_measured_post_is_listed",
        "--exclude-resource-type", "unit_test", "--store-failures",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:]
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    (told,) = [r for r in results if r["unique_id"].endswith("assert_every_measured_post_is_listed")]
    return told["status"], told["failures"]


def test_a_measured_post_that_no_source_lists_is_told(project: Path, tmp_path: Path) -> None:
    """An inner join would drop its numbers without a sound; a left join with the list does so, too."""
    assert unlisted(project, tmp_path, ACCOUNT_ID, [LISTED.encode(), MEASURED.encode()]) == ("warn", 1)


def test_the_real_tables_measure_four_posts_that_they_do_not_list(project: Path, tmp_path: Path, real: Path) -> None:
    """A public test account whose two tables disagree: the join that everybody writes loses four posts of five."""
    folder = real / "instagram/fivetran_dbt_instagram_business"
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.csv"))]
    assert len(bodies) == 3
    assert unlisted(project, tmp_path, "17841439536867616", bodies) == ("warn", 4)
