"""What a rule found, as plain data that can be stored, shown and compared.

What belongs here: the record of one rule's outcome and its way to and from JSON. What does not: making it
(`validate`) or showing it (`docs_site`, orchestration). Imports no Great Expectations.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from expectations.suites import Rule


@dataclass(frozen=True)
class RuleResult:
    """The outcome of one rule.

    Attributes:
        name: the rule's name.
        passed: whether the rule held. False too when the check broke.
        broken: why the check could not be made, or None. A broken check says nothing about the data.
        observed: what was seen, JSON-safe: a number, a list of names, or examples of the rows that failed.
        unexpected_count: rows that break the rule, where it is about rows.
        element_count: rows the rule looked at.
        description: what a failure means and what to do.
        severity: `error` or `warn`.
        owner: who mends it.
        detail: Great Expectations' own result, JSON-safe and without times, for the Data Docs.
    """

    name: str
    passed: bool
    broken: str | None
    observed: Any
    unexpected_count: int | None
    element_count: int | None
    description: str
    severity: str
    owner: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_blocking(self) -> bool:
        """Whether this outcome stops publication."""
        return not self.passed and self.severity == "error"


def headline(rule: Rule | RuleResult) -> str:
    """A rule in one line, as the Data Docs print it."""
    return f"{rule.name} ({rule.severity}, {rule.owner}): {rule.description}"


def broken_result(rule: Rule, reason: str) -> RuleResult:
    """The outcome of a rule whose check could not be made."""
    return RuleResult(
        name=rule.name,
        passed=False,
        broken=reason,
        observed=None,
        unexpected_count=None,
        element_count=None,
        description=rule.description,
        severity=rule.severity,
        owner=rule.owner,
    )


def json_safe(value: Any) -> Any:
    """A value that `json.dumps` writes as valid JSON: no NaN, no numpy, no dates, no sets.

    NaN, infinities and pandas' NA become None: JSON has no word for them, and a reader would choke on `NaN`.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): json_safe(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((json_safe(v) for v in value), key=str)
    if isinstance(value, list | tuple):
        return [json_safe(v) for v in value]
    if isinstance(value, date | datetime):  # pandas' NaT is a datetime too, and the only one unequal to itself
        return value.isoformat() if value == value else None
    if hasattr(value, "item"):
        return json_safe(value.item())
    text = str(value)
    return None if text in {"<NA>", "NaT", "nan"} else text


def save_results(folder: Path, suite_name: str, results: Iterable[RuleResult]) -> Path:
    """Store one suite's outcome as `<folder>/<suite>.json`, replacing the last one whole.

    Returns:
        The file's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{suite_name}.json"
    unfinished = folder / f".{suite_name}.{os.getpid()}.tmp"
    text = json.dumps([asdict(r) for r in results], ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    unfinished.write_text(text, "utf-8")
    unfinished.replace(path)
    return path


def load_results(folder: Path) -> dict[str, tuple[RuleResult, ...]]:
    """The stored outcomes by suite name; empty when there are none."""
    return {
        path.stem: tuple(RuleResult(**r) for r in json.loads(path.read_text("utf-8")))
        for path in sorted(folder.glob("[!.]*.json"))
    }
