"""Running a suite: Great Expectations over one frame, and what it found as `RuleResult`s.

What belongs here: the one place that calls Great Expectations to validate. What does not: the site
(`docs_site`), Dagster. The import is inside the function, because it costs seconds and hundreds of megabytes, and
whoever loads definitions must not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from expectations.docs_site import write_data_docs
from expectations.engine import quiet_context
from expectations.frames import FrameError, frame_for
from expectations.results import RuleResult, broken_result, headline, json_safe
from expectations.suites import Rule, Suite

# Rows shown per failed rule: enough to see the pattern, few enough to read.
EXAMPLES = 20


def validate(frame: pd.DataFrame, suite: Suite) -> tuple[RuleResult, ...]:
    """Judge one frame.

    A check that could not be made (a missing column, a wrong argument) is `broken`, not failed data, and costs only
    its own rule.

    Args:
        frame: the rows, as `frame_for` gives them. Not changed.
        suite: the rules.

    Returns:
        One result per rule, in the suite's order.
    """
    context = quiet_context()
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.row_conditions import Column

    source = context.data_sources.add_pandas("levende")
    asset = source.add_dataframe_asset(suite.table)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": plain(frame)})

    results: dict[str, RuleResult] = {}
    expectations = gx.ExpectationSuite(suite.name)
    for rule in suite.rules:
        kwargs = dict(rule.kwargs)
        if rule.when is not None:
            column = Column(rule.when.column)
            # Conditions take no booleans; as numbers they are equal to them.
            values = [int(v) if isinstance(v, bool) else v for v in rule.when.is_in or rule.when.is_not_in or ()]
            kwargs["row_condition"] = column.is_in(values) if rule.when.is_in else column.is_not_in(values)
        configuration = ExpectationConfiguration(
            type=rule.type,
            kwargs=kwargs,
            meta={"rule": rule.name},
            description=headline(rule),
            severity="critical" if rule.is_blocking else "warning",
        )
        try:
            expectations.add_expectation(configuration.to_domain_obj())
        except Exception as error:  # noqa: BLE001 - any refusal is a fault of this rule alone
            results[rule.name] = broken_result(rule, _broken_words(suite, f"{type(error).__name__}: {error}"))
    shown = [c for c in suite.key if c in frame.columns]
    form: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
    if shown:
        form["unexpected_index_column_names"] = shown
    for found in batch.validate(expectations, result_format=form).results:
        rule = next(r for r in suite.rules if r.name == found.expectation_config.meta["rule"])
        results[rule.name] = _result(rule, suite, found)
    return tuple(results[r.name] for r in suite.rules)


def judge(suite: Suite, warehouse: Path, lake: Path) -> tuple[RuleResult, ...]:
    """Make a suite's frame and judge it. Where the frame can't be made, every rule is broken and says why.

    Args:
        suite: the rules.
        warehouse: the file that dbt writes.
        lake: the lake's folder.
    """
    try:
        frame = frame_for(suite, warehouse, lake)
    except FrameError as error:
        return tuple(broken_result(rule, str(error)) for rule in suite.rules)
    return validate(frame, suite)


def judge_all(
    suites: Iterable[Suite], warehouse: Path, lake: Path, site_dir: Path, *, run_at: str, run_name: str
) -> dict[str, tuple[RuleResult, ...]]:
    """Judge many suites and write the Data Docs of them.

    Args:
        suites: which.
        warehouse: the file that dbt writes.
        lake: the lake's folder.
        site_dir: where the site goes, `<home>/published/data_docs`.
        run_at: the run's time, ISO 8601 with zone; printed on the pages.
        run_name: the run's name; printed on the pages.

    Returns:
        The results by suite name.
    """
    results = {suite.name: judge(suite, warehouse, lake) for suite in suites}
    write_data_docs(results, site_dir, run_at=run_at, run_name=run_name)
    return results


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with numpy types only.

    DuckDB hands integers and booleans with nulls over as pandas' nullable types, whose NA has no truth value: a
    comparison inside Great Expectations would break on it instead of skipping it.
    """
    changed: dict[str, Any] = {}
    for name, kind in frame.dtypes.items():
        if isinstance(kind, pd.BooleanDtype):
            changed[str(name)] = "object"
        elif pd.api.types.is_extension_array_dtype(kind) and pd.api.types.is_numeric_dtype(kind):
            changed[str(name)] = "float64"
    copy = frame.astype(changed)
    for name, kind in changed.items():
        if kind == "object":
            copy[name] = copy[name].where(frame[name].notna(), None)
    return copy


def _broken_words(suite: Suite, what: str) -> str:
    return f"{what} The check could not be made; mend expectations/suites/{suite.name}.yaml or the table's columns."


def _exceptions(info: Mapping[str, Any] | None) -> list[str]:
    """Messages of what was raised. Great Expectations nests them by metric id, or not, depending on the check."""
    info = info or {}
    parts = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, Mapping)]
    messages = [str(p.get("exception_message")) for p in parts if p.get("raised_exception")]
    return list(dict.fromkeys(messages))


def _result(rule: Rule, suite: Suite, found: Any) -> RuleResult:
    result: Mapping[str, Any] = found.result or {}
    raised = _exceptions(found.exception_info)
    counts = {k: result.get(k) for k in ("unexpected_count", "element_count")}
    return RuleResult(
        name=rule.name,
        passed=bool(found.success) and not raised,
        broken=_broken_words(suite, " ".join(raised)) if raised else None,
        observed=_observed(result),
        unexpected_count=None if counts["unexpected_count"] is None else int(counts["unexpected_count"]),
        element_count=None if counts["element_count"] is None else int(counts["element_count"]),
        description=rule.description,
        severity=rule.severity,
        owner=rule.owner,
        detail=_detail(found),
    )


def _observed(result: Mapping[str, Any]) -> Any:
    """The number or set that was seen; for rules about rows, examples of the rows that break it."""
    if "observed_value" in result:
        return json_safe(result["observed_value"])
    rows = result.get("partial_unexpected_index_list")
    examples = rows if rows and isinstance(rows[0], Mapping) else result.get("partial_unexpected_list")
    return json_safe(examples or [])


def _detail(found: Any) -> dict[str, Any]:
    """Great Expectations' result for its Data Docs, without stack traces (they name the server's folders)."""
    whole = found.to_json_dict()
    messages = _exceptions(whole.get("exception_info"))
    whole["exception_info"] = {
        "raised_exception": bool(messages),
        "exception_message": " ".join(messages) or None,
        "exception_traceback": "",
    }
    whole["expectation_config"]["kwargs"].pop("batch_id", None)
    return dict(json_safe(whole))
