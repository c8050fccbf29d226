"""Two tellings of the same growth, snapshots and daily follows, are held against each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dbt_here import run_dbt

CHECK = "assert_followers_grow_as_follows_say"
START = datetime(2023, 3, 1, 8)  # noqa: DTZ001 - the warehouse is naive UTC


def judged(project: Path, tmp_path: Path, last_count: int, *, told_days: int = 11) -> tuple[str, int]:
    """What the check says of ten days with two follows and one unfollow each: its status and number of months."""
    path = tmp_path / "warehouse" / "build.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as con:
        con.execute("create schema if not exists intermediate")
        con.execute(
            "create or replace table intermediate.int_social__snapshots (account_id varchar, observed_on date, "
            "observed_at timestamp, followers_count bigint)"
        )
        con.execute(
            "create or replace table intermediate.int_social__account_metrics (account_id varchar, metric varchar, "
            "period varchar, window_days int, breakdown varchar, window_start_at timestamp, window_end_at timestamp, "
            "value double, value_status varchar)"
        )
        for day, count in ((0, 1000), (10, last_count)):
            at = START + timedelta(days=day, hours=6)
            con.execute("insert into intermediate.int_social__snapshots values ('a', ?, ?, ?)", [at.date(), at, count])
        for day in range(11):
            start = START + timedelta(days=day)
            for kind, value in (("follower", 2), ("non_follower", 1)):
                if day < told_days:
                    con.execute(
                        "insert into intermediate.int_social__account_metrics values "
                        "('a', 'follows_and_unfollows', 'day', 1, ?, ?, ?, ?, 'measured')",
                        [f"follow_type={kind}", start, start + timedelta(days=1), value],
                    )
    result = run_dbt(project, tmp_path, "test", "--select", CHECK)
    assert result.returncode == 0, result.stdout[-4000:]
    (told,) = result.results
    return str(told.status), told.failures


@pytest.mark.parametrize(
    ("last_count", "told_days", "says"),
    [
        (1010, 11, ("pass", 0)),  # nine whole days and two that were begun: between 7 and 13, and ten for the rest
        (1024, 11, ("warn", 1)),
        (996, 11, ("warn", 1)),
        (1024, 10, ("pass", 0)),  # the last day is not told: nobody can say
    ],
)
def test_growth_that_follows_and_unfollows_do_not_explain_is_told(
    project: Path, tmp_path: Path, last_count: int, told_days: int, says: tuple[str, int]
) -> None:
    """A snapshot of another account, or a lost one, looks like a good month until somebody adds up the days."""
    assert judged(project, tmp_path, last_count, told_days=told_days) == says
