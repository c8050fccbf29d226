"""The Data Docs: real pages, that ask nothing of the internet, put in place whole."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from test_validation import suite_of

from expectations.docs_site import DocsError, write_data_docs
from expectations.results import RuleResult
from expectations.suites import Suite, load_suites
from expectations.validate import judge_all, validate

RUN = {"run_at": "2024-01-31T03:30:00+00:00", "run_name": "nightly 17"}
SUITE = suite_of(
    {"name": "few", "type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 2}},
    {"name": "named", "type": "expect_column_values_to_be_in_set", "kwargs": {"column": "name", "value_set": ["a"]}},
    {"name": "gone", "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}},
    {"name": "wrong", "type": "expect_column_values_to_be_null", "kwargs": {"column": "n", "colour": 1}},
)
RULE = {"name": "few", "type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 2}}
FRAME = pd.DataFrame({"name": ["a", "<script>alert(1)</script>"], "n": [1, 5]})


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[RuleResult, ...]]:
    """One suite with a rule held, two failed, two broken."""
    return {SUITE.name: validate(FRAME, SUITE)}


def build(results: dict[str, tuple[RuleResult, ...]], site: Path, suites: tuple[Suite, ...] = (SUITE,)) -> Path:
    return write_data_docs(results, site, suites=suites, **RUN)


def pages(site: Path) -> dict[str, str]:
    return {str(p.relative_to(site)): p.read_text("utf-8") for p in sorted(site.rglob("*.html"))}


def test_the_pages_show_rules_rows_and_what_to_do(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """The site is for people who have only a browser."""
    index = build(results, tmp_path / "data_docs")
    found = pages(tmp_path / "data_docs")
    (page,) = (text for name, text in found.items() if name.startswith("validations/"))
    assert index.read_text("utf-8").count("Failed") == 1
    for words in ("few (error, team:statistics)", "Something is wrong here", "name &lt;script&gt;", "nightly_17"):
        assert words in page
    assert page.count("raised an exception") == 2
    assert "Things that are counted." in found["expectations/kpi_thing.html"]


def test_the_first_page_says_what_to_look_at(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """Forty rows of ticks hide the one rule that warns; and a tick must not be taken for more than it says."""
    index = build(results, tmp_path / "data_docs").read_text("utf-8")
    stops, warns = index.split("<b>Warns:</b>")
    assert re.search(
        r'<b>Stops publication:</b>.*<a href="validations/[^"]+">kpi_thing</a>: few, named, gone, wrong', stops, re.S
    )
    assert warns.lstrip().startswith("nothing")
    assert "Batch ID" not in index
    softer = suite_of({**RULE, "severity": "warn"})
    index = build({softer.name: validate(FRAME, softer)}, tmp_path / "other", (softer,)).read_text("utf-8")
    assert "<b>Stops publication:</b> nothing" in index
    assert re.search(r"<b>Warns:</b>.*kpi_thing</a>: few", index, re.S)


def test_every_link_leads_to_a_page(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """Our templates make the links; a dead one is worse than none."""
    site = tmp_path / "data_docs"
    build(results, site)
    for name, text in pages(site).items():
        for link in re.findall(r'href="([^"#]+)"', text):
            assert ((site / name).parent / link).resolve().is_file(), f"{name}: {link}"


def test_the_pages_load_nothing_from_others_and_run_no_script(
    results: dict[str, tuple[RuleResult, ...]], tmp_path: Path
) -> None:
    """Stock pages ask six other hosts for scripts: no use offline, and a trace of every reader."""
    build(results, tmp_path / "data_docs")
    for name, text in pages(tmp_path / "data_docs").items():
        assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), name
        assert not re.search(r"<script|<link|<img|<iframe|@import|url\(", text), name
        assert "default-src 'none'" in text, name


def test_equal_results_give_equal_pages(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """A page that changes when nothing has changed can't be compared."""
    for name in ("one", "two"):
        build(results, tmp_path / name)
    assert pages(tmp_path / "one") == pages(tmp_path / "two")


def test_a_warning_is_shown_but_the_suite_stands(tmp_path: Path) -> None:
    """The first page answers one question: does anything stop publication?"""
    suite = suite_of(
        {"name": "few", "type": "expect_column_values_to_be_null", "kwargs": {"column": "n"}, "severity": "warn"}
    )
    build({suite.name: validate(FRAME, suite)}, tmp_path / "data_docs", (suite,))
    found = pages(tmp_path / "data_docs")
    assert "Success" in found["index.html"]
    assert any("few (warn, team:statistics)" in t and "fa-times" in t for t in found.values())


def test_a_page_that_could_not_be_drawn_leaves_the_old_site(
    results: dict[str, tuple[RuleResult, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations only logs it and goes on: a page that is not there would look like no fault."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    site = tmp_path / "data_docs"
    build(results, site)
    before = pages(site)
    monkeypatch.setattr(ValidationResultsPageRenderer, "render", lambda *_: 1 / 0)
    with pytest.raises(DocsError, match="kpi_thing"):
        build(results, site)
    assert pages(site) == before
    assert [p.name for p in tmp_path.iterdir()] == ["data_docs"]


def test_a_swap_that_was_killed_is_finished(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """Between the two renames the site stands under its old name; the next run must not lose it."""
    site = tmp_path / "data_docs"
    build(results, site)
    site.rename(tmp_path / ".data_docs.old")
    with pytest.raises(ValueError, match="unknown suites"):
        build({"kpi_other": ()}, site)
    build(results, site)
    assert [p.name for p in tmp_path.iterdir()] == ["data_docs"]


def test_a_time_without_a_zone_is_refused(results: dict[str, tuple[RuleResult, ...]], tmp_path: Path) -> None:
    """It would be read in the server's zone."""
    with pytest.raises(ValueError, match="time zone"):
        write_data_docs(results, tmp_path / "d", run_at="2024-01-31T03:30:00", run_name="x", suites=(SUITE,))


def test_the_whole_library_is_judged_and_shown_in_one_pass(warehouse: Path, lake: Path, tmp_path: Path) -> None:
    """What orchestration does step by step, at once."""
    site = tmp_path / "data_docs"
    results = judge_all(load_suites(), warehouse, lake, site, **RUN)
    assert set(results) == {s.name for s in load_suites()}
    assert not any(r.is_blocking for found in results.values() for r in found)
    assert pages(site)["index.html"].count("fa-check-circle text-success") == len(results)
