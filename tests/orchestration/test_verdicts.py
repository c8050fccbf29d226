"""The last gate: what counts as a check that passed."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from orchestration.verdicts import Verdict, latest

KEY = dg.AssetKey(["kpi", "figures"])
BLOCKING = dg.AssetCheckSpec("rows", asset=KEY, blocking=True)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _build(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY))


def _judge(instance: dg.DagsterInstance, passed: bool, severity: dg.AssetCheckSeverity) -> None:
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=KEY, check_name="rows", passed=passed, metadata={}, severity=severity)
    )


def _verdict(instance: dg.DagsterInstance) -> Verdict:
    return latest(instance, [BLOCKING])[0]


def test_a_check_that_never_ran_has_not_passed(instance: dg.DagsterInstance) -> None:
    """Silence is not consent."""
    _build(instance)
    assert _verdict(instance) == Verdict(BLOCKING.key, "error", False, "never ran to its end")


def test_a_check_that_passed_after_the_build_counts(instance: dg.DagsterInstance) -> None:
    """The ordinary case."""
    _build(instance)
    _judge(instance, True, dg.AssetCheckSeverity.ERROR)
    assert _verdict(instance).passed


def test_a_verdict_older_than_the_table_does_not_count(instance: dg.DagsterInstance) -> None:
    """Rebuilt with its checks left out, the table was never judged."""
    _judge(instance, True, dg.AssetCheckSeverity.ERROR)
    _build(instance)
    assert _verdict(instance).reason == "is older than the table it judged"


def test_the_latest_verdict_counts_and_tells_its_severity(instance: dg.DagsterInstance) -> None:
    """A rule that failed as a warning lets through; one that failed as an error does not."""
    _build(instance)
    _judge(instance, True, dg.AssetCheckSeverity.ERROR)
    _judge(instance, False, dg.AssetCheckSeverity.WARN)
    found = _verdict(instance)
    assert (found.passed, found.severity, found.reason) == (False, "warn", "said failed")
    assert found.name == "kpi/figures:rows"


def test_only_blocking_checks_refuse_a_publication(library: object, repository: object) -> None:
    """A warning is shown and lets through."""
    from orchestration.defs.publish import refusals

    warning = dg.AssetCheckSpec("hint", asset=KEY)
    verdicts = [
        Verdict(BLOCKING.key, "error", False, "said failed"),
        Verdict(warning.key, "warn", False, "said failed"),
    ]
    assert refusals(verdicts, [BLOCKING, warning]) == ["kpi/figures:rows said failed"]
