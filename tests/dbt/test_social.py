"""Social media in the warehouse: nothing is added that can't be, and real tables become the posts that they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_here import Done, run_dbt
from parsed_dbt import parsed
from test_measured_posts import ways

from ingest.adapters import adapters
from ingest.config import load
from ingest.instagram import business_suite, download_information, graph_reference, webhook
from ingest.instagram.connector_tables import _BY_KIND
from ingest.lake import Lake
from ingest.library_tables import write_library_tables

Dbt = Callable[..., Done]
FIVETRAN_ACCOUNT = "17841439536867616"
# Columns of several metrics, or of one that is never added, beside the metrics' own names.
MIXED = {"value", "first_value", "chosen_value", "reach_28_days", "summed_post_reach"}


def runner(project: Path, home: Path) -> Dbt:
    """Runs dbt on a home."""
    return partial(run_dbt, project, home)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Path]:
    """A home with a described library, nothing observed, and all that depends on social media built."""
    home = tmp_path_factory.mktemp("social")
    (home / "warehouse").mkdir()
    Lake(home / "lake").prepare()
    write_library_tables(home / "lake", load(project / "config"))
    result = runner(project, home)("run", "--select", "+figures", "+dim_metric")
    assert result.returncode == 0, result.stdout[-4000:]
    return home


@pytest.fixture(scope="module")
def dbt(project: Path, home: Path) -> Dbt:
    return runner(project, home)


def unguarded_sums(sql: str, forbidden: set[str]) -> list[str]:
    """Sums over columns that hold, or may hold, what must not be added, unless a macro of `social.sql` wrote them."""
    found = []
    for match in re.finditer(r"\b(?:sum|avg)\s*\(", sql, re.IGNORECASE):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        inner, after = sql[match.end() : end - 1], sql[end : end + 80]
        guarded = re.match(r"\s*/\* (\w+)(?: over \w+|, denominator only) \*/", after)
        if guarded is None and forbidden & set(re.findall(r"\w+", inner)):
            found.append(f"sum({inner.strip()})")
    return found


def test_a_sum_over_reach_is_refused_before_anything_runs(dbt: Dbt) -> None:
    """Whoever adds reach finds it in the review of nobody: several products do it, one measured 56 % too much."""
    refused = dbt("compile", "--inline", "select {{ sum_metric('reach', 'value', 'days') }} from x")
    assert refused.returncode != 0
    assert "metric reach must not be added over days" in refused.stdout
    assert "sum_for_ratio" in refused.stdout


def test_a_sum_of_views_is_written_and_says_of_what(dbt: Dbt) -> None:
    """The comment is what the next test looks for; a metric that nobody described is refused, too."""
    told = dbt("compile", "--inline", "select {{ sum_metric('views', 'v', 'posts') }} from x")
    assert told.returncode == 0, told.stdout
    assert "sum(v) /* views over posts */" in told.stdout
    unknown = dbt("compile", "--inline", "select {{ sum_metric('vews', 'v', 'posts') }} from x")
    assert unknown.returncode != 0
    assert "metric vews is not defined" in unknown.stdout


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select sum(reach) from a", ["sum(reach)"]),
        ("select sum( coalesce(m.reach, (0)) ) as people from a", ["sum(coalesce(m.reach, (0)))"]),
        ("select AVG(m.value) from a", ["sum(m.value)"]),
        ("select sum(case when metric = 'reach' then v end) from a", ["sum(case when metric = 'reach' then v end)"]),
        ("select sum(reach) /* reach, denominator only */ from a", []),
        ("select sum(views) /* views over posts */, sum(weight) from a", []),
    ],
)
def test_the_search_for_sums_finds_each_way_to_write_one(sql: str, found: list[str]) -> None:
    """A search that finds nothing proves nothing until it has found something."""
    assert unguarded_sums(sql, {"reach", "value"}) == found


def test_no_model_adds_what_must_not_be_added(project: Path, home: Path) -> None:
    """The compiled SQL of everything that reads social media, macros written out."""
    manifest = json.loads((parsed(project) / "manifest.json").read_text())
    with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
        forbidden = {
            name for (name,) in con.execute("select metric from core.dim_metric where not is_additive").fetchall()
        }
    assert {"reach", "accounts_engaged", "online_followers"} <= forbidden
    readers = descendants(manifest, "stg_instagram__metrics") | descendants(manifest, "stg_instagram__accounts")
    seen, denominators = 0, 0
    for path in sorted((home / "target" / "compiled" / "levende" / "models").rglob("*.sql")):
        if path.stem not in readers:
            continue
        seen += 1
        sql = path.read_text(encoding="utf-8")
        denominators += sql.count("denominator only")
        assert unguarded_sums(sql, forbidden | MIXED) == [], path.stem
    assert seen >= 10
    assert denominators == 2, "a denominator was added: see that it is divided by and never shown"


def descendants(manifest: dict[str, Any], name: str) -> set[str]:
    """Models that read a model, directly or not."""
    start = f"model.levende.{name}"
    found, todo = set(), [start]
    while todo:
        for child in manifest["child_map"][todo.pop()]:
            if child.startswith("model.") and child not in found:
                found.add(child)
                todo.append(child)
    return {child.rsplit(".", 1)[1] for child in found}


def test_a_reach_that_was_added_up_is_found_in_the_figures(dbt: Dbt, home: Path) -> None:
    """The last guard: a quarter's reach that equals the sum of its months, however it came about."""
    assert dbt("test", "--select", "test_name:not_a_sum_of_parts").returncode == 0
    row = (
        "insert into kpi.figures by name select 'reach_28_days' as figure_id, '1' as definition_version, "
        "'1507' as area_id, ? as period_kind, cast(? as date) as period_start, cast(? as date) as period_end, "
        "? as value, 'accounts' as unit, "
        "'counted' as method, 'A' as status_value, '' as status_publication, '' as comparability, '' as note"
    )
    months = [("2023-01-01", "2023-02-01", 40), ("2023-02-01", "2023-03-01", 50), ("2023-03-01", "2023-04-01", 60)]
    with duckdb.connect(str(home / "warehouse" / "build.duckdb")) as con:
        con.execute("delete from kpi.figures where figure_id = 'reach_28_days'")
        for start, end, value in months:
            con.execute(row, ["month", start, end, value])
        con.execute(row, ["quarter", "2023-01-01", "2023-04-01", 60])
    assert dbt("test", "--select", "test_name:not_a_sum_of_parts").returncode == 0
    with duckdb.connect(str(home / "warehouse" / "build.duckdb")) as con:
        con.execute("update kpi.figures set value = 150 where figure_id = 'reach_28_days' and period_kind = 'quarter'")
    found = dbt("test", "--select", "test_name:not_a_sum_of_parts")
    assert found.returncode != 0
    assert "Got 1 result" in found.stdout


def test_real_tables_of_a_hundred_rows_are_three_posts_with_their_nulls(
    project: Path, tmp_path: Path, real: Path
) -> None:
    """Versions that differ in a signed address are no posts, pictures of an album neither, and blank is not zero."""
    bodies = [p.read_bytes() for p in sorted((real / "instagram/fivetran_dbt_instagram_business").glob("*.csv"))]
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    write_library_tables(tmp_path / "lake", load(project / "config"))
    assert all(sum(counts.values()) for counts in lake.write_readings(ways(FIVETRAN_ACCOUNT, bodies)))
    (tmp_path / "warehouse").mkdir()
    result = runner(project, tmp_path)(
        "run", "--select",
        "+fct_post", "+fct_post_version", "+fct_post_metric", "+bridge_post_claim", "dim_metric",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:]
    with duckdb.connect(str(tmp_path / "warehouse" / "build.duckdb"), read_only=True) as con:
        told = con.execute("select post_id, parent_post_id is null from staging.stg_instagram__posts").fetchall()
        posts = con.execute("select post_id from core.fct_post").fetchall()
        versions = con.execute("select count(*) from core.fct_post_version").fetchone()
        unlisted = con.execute("select count(*) from core.bridge_post_claim where not is_listed").fetchone()
        nulls = con.execute(
            "select count(*) filter (where value is null), count(*) filter (where value = 0 and value_status <> "
            "'measured_zero'), count(*) filter (where value is null and value_status like 'measured%') "
            "from core.fct_post_metric"
        ).fetchone()
        raw_nulls = con.execute(
            "select count(*) from (select distinct subject_id, metric from staging.stg_instagram__metrics "
            "where value is null and breakdown = '')"
        ).fetchone()
    assert len(told) == 3
    assert sorted(is_own for _, is_own in told) == [False, False, True]
    assert posts == [(post_id,) for post_id, is_own in told if is_own]
    assert versions == (1,)
    assert unlisted == (4,)
    assert nulls is not None
    assert raw_nulls is not None
    assert nulls == (raw_nulls[0], 0, 0)


def test_every_source_has_its_rank_among_those_that_tell_of_a_post(project: Path) -> None:
    """A new adapter would rank behind all others without a word, and a renamed one would fall behind exports."""
    ranked = re.findall(
        r"when '(\w+)' then \d", (project / "dbt_project/macros/social.sql").read_text(encoding="utf-8")
    )
    assert sorted(ranked) == sorted(name for name, adapter in adapters().items() if adapter.family == "instagram")
    assert ranked[:2] == ["instagram_graph", "instagram_webhook"]


def test_every_metric_that_is_read_is_described(home: Path) -> None:
    """A metric without a description may be added by anybody: nothing says that it must not be."""
    with duckdb.connect(str(home / "warehouse" / "build.duckdb"), read_only=True) as con:
        described = {name for (name,) in con.execute("select metric from core.dim_metric").fetchall()}
    read = {c.metric for c in graph_reference.CAPABILITIES} | set(business_suite.METRICS)
    read |= set(download_information.METRICS)
    read |= {entry["metric"] for entry in webhook._NAMES}
    read |= {metric for columns in _BY_KIND.values() for metric, _ in columns.values()}
    assert read - described == set()


def test_an_export_and_a_connectors_tables_make_one_post_with_both_claims(project: Path, tmp_path: Path) -> None:
    """Read by the real adapters: the names by which the warehouse ranks sources are theirs."""
    account_id = "17841400000000001"
    tables = [
        (
            "id,created_time,user_id,_fivetran_synced,media_type,carousel_album_id\n"
            f"17900000000000001,2023-01-01T12:00:07,{account_id},2023-03-20T00:00:00,IMAGE,\n"
        ).encode(),
        b"id,like_count,comment_count,_fivetran_synced\n17900000000000001,3,0,2023-03-20T00:00:00\n",
    ]
    export = (
        "Post ID,Account ID,Description,Publish time,Permalink,Post type,Date,Likes,Comments,Reach\n"
        f"17900000000000001,{account_id},Tekst #moa,01/01/2023 04:00,"
        "https://www.instagram.com/p/CODE1abcdEf/,IG image,Lifetime,5,,40\n"
    ).encode()
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    write_library_tables(tmp_path / "lake", load(project / "config"))
    told = [*ways(account_id, tables), *ways(account_id, [export], "instagram_business_suite", "instagram_export", 9)]
    assert all(sum(counts.values()) for counts in lake.write_readings(told))
    (tmp_path / "warehouse").mkdir()
    result = runner(project, tmp_path)(
        "run", "--select", "+fct_post", "+fct_post_metric_difference", "+fct_post_metric"
    )
    assert result.returncode == 0, result.stdout[-4000:]
    with duckdb.connect(str(tmp_path / "warehouse" / "build.duckdb"), read_only=True) as con:
        posts = con.execute("select post_id, shortcode, hashtags, source_count from core.fct_post").fetchall()
        metrics = con.execute(
            "select metric, value, value_status, source_id from core.fct_post_metric order by metric"
        ).fetchall()
        differences = con.execute(
            "select metric, source_id, value, chosen_value, difference from core.fct_post_metric_difference"
        ).fetchall()
    assert posts == [("17900000000000001", "CODE1abcdEf", "moa", 2)]
    assert metrics == [
        ("comments", 0, "measured_zero", "instagram_tables"),
        ("likes", 5, "measured", "instagram_export"),
        ("reach", 40, "measured", "instagram_export"),
    ]
    assert differences == [("likes", "instagram_tables", 3, 5, -2)]
