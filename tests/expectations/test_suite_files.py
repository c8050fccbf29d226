"""Suite files: loaded cheaply, refused when wrong, complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from expectations.suites import KNOWN_TYPES, SUITES, SuiteError, load_suite, load_suites

GOOD = """
table: kpi.thing
database: warehouse
description: Things that must be counted.
owner: team:statistics
rules:
  - name: there_are_rows
    type: expect_table_row_count_to_be_between
    kwargs: {min_value: 1}
    severity: error
    description: Nothing was counted. Run levende run.
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "kpi_thing.yaml"
    path.write_text(dedent(text), "utf-8")
    return path


def test_loading_the_suites_does_not_import_great_expectations() -> None:
    """Whoever loads the definitions would wait for it and hold 230 MB, on every reload."""
    code = (
        "import sys; from expectations.suites import load_suites; load_suites();"
        "import expectations.validate, expectations.docs_site, expectations.frames;"
        "print('great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SUITES.parent.parent, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_every_published_table_is_judged_by_a_blocking_rule() -> None:
    """A table that people read and nobody checks is how a wrong number gets out."""
    guarded = {s.table for s in load_suites() if any(r.is_blocking for r in s.rules)}
    published = {
        "figures", "yearly_growth", "visits_day", "visits_month", "visits_year", "events_month", "events_year",
        "partners_year", "social_month", "events_split",
    }  # fmt: skip
    behind_figures = {
        "fct_sample_week", "fct_count_revision", "dim_calibration", "fct_event_attendance", "fct_event_restatement",
        "bridge_event_audience", "bridge_event_audience_claim", "bridge_event_branch", "bridge_version_branch",
    }  # fmt: skip
    assert {f"kpi.{name}" for name in published} | {f"core.{name}" for name in behind_figures} <= guarded


def test_every_rule_says_what_to_do_and_who_does_it() -> None:
    """A red check at seven in the morning is no use unless it says the next step."""
    for suite in load_suites():
        for rule in suite.rules:
            assert len(rule.description.split()) >= 8, f"{suite.name}.{rule.name}"
            assert rule.owner.startswith("team:"), f"{suite.name}.{rule.name}"
            assert rule.dimension, f"{suite.name}.{rule.name}"


def test_every_known_type_is_one_that_great_expectations_has() -> None:
    """The list is kept as text so that loading is cheap; it must not drift from the installed version."""
    import great_expectations  # noqa: F401
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    assert set(KNOWN_TYPES) <= set(list_registered_expectation_implementations())


def test_every_rule_is_accepted_by_great_expectations() -> None:
    """A wrong argument would only show when the suite runs, as a broken check that blocks publication."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    for suite in load_suites():
        for rule in suite.rules:
            ExpectationConfiguration(type=rule.type, kwargs=dict(rule.kwargs)).to_domain_obj()


def test_a_good_file_is_read_and_its_rules_inherit_the_owner(tmp_path: Path) -> None:
    """Typing the owner once is what keeps it right."""
    suite = load_suite(write(tmp_path, GOOD))
    assert (suite.name, suite.sql) == ("kpi_thing", "select * from kpi.thing")
    assert suite.rules[0].owner == "team:statistics"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("expect_table_row_count_to_be_between", "expect_nothing_in_particular", "rule there_are_rows"),
        ("    description: Nothing was counted. Run levende run.\n", "", "rule there_are_rows.description"),
        ("description: Nothing was counted. Run levende run.", "description: Bad.", "there_are_rows.description"),
        ("severity: error", "severity: fatal", "there_are_rows.severity"),
        ("severity: error", "severity: warn", "first rule"),
        ("min_value: 1", "min_value: 0", "first rule"),
        ("{min_value: 1}", "{min_value: 1}\n    colour: red", "colour"),
        ("{min_value: 1}", "{min_value: 1, row_condition: a > 1}", "with `when`"),
        ("{min_value: 1}", "{min_value: 1}\n    when: {column: a}", "either is_in or is_not_in"),
        ("database: warehouse", "database: lake", "does not hold"),
        ("table: kpi.thing", "table: kpi.thing; drop table x", "table"),
        ("owner: team:statistics", "owner: somebody", "owner"),
        ("owner: team:statistics", "owner: team:statistics\nmay_be_empty: true", "when empty is right"),
        ("owner: team:statistics", "owner: team:statistics\nowner: team:data", "key used twice"),
        ("table: kpi.thing", "table: [", "not readable as YAML"),
        (GOOD, "- 3", "not a mapping"),
        (
            "rules:\n",
            "rules:\n  - {name: there_are_rows, type: expect_column_to_exist, kwargs: {column: a}, severity: error, "
            "description: The column has gone.}\n",
            "used twice",
        ),
        ("{min_value: 1}", "{min_value: 1}\n  - {name: b, type: expect_column_to_exist, severity: warn, "
         "description: The column has gone.}\n  - name: c", "needs column"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_by_name_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A suite that is silently half-read is a check that nobody makes."""
    assert old in GOOD
    with pytest.raises(SuiteError, match=words) as caught:
        load_suite(write(tmp_path, GOOD.replace(old, new)))
    assert "kpi_thing.yaml" in str(caught.value)
    assert any(word in str(caught.value) for word in ("Mend", "Begin"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No suites would mean that everything passes."""
    with pytest.raises(SuiteError, match="no suite files"):
        load_suites(tmp_path)


def test_every_suite_is_named_after_its_table() -> None:
    """People look for the file by the table's name."""
    for suite in load_suites():
        assert suite.name.startswith(suite.table.replace(".", "_"))


def test_the_documentation_names_every_suite() -> None:
    """Who reads the page must find what is judged, and not what once was."""
    page = (SUITES.parent.parent / "docs" / "expectations.md").read_text("utf-8")
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert named == {s.name for s in load_suites()}
