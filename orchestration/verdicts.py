"""What the checks said, read back from Dagster's own record: the last gate before anything is published.

A blocking check blocks only inside its own run. A publication started alone, or after models were rebuilt with
their checks left out, must find out for itself whether what stands in the warehouse was ever judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus


@dataclass(frozen=True)
class Verdict:
    """One check's latest word.

    Attributes:
        key: the check.
        severity: `error` or `warn`, as the check told it when it ran.
        passed: whether it held.
        reason: why it does not count as passed, or empty.
    """

    key: dg.AssetCheckKey
    severity: str
    passed: bool
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.key.asset_key.to_user_string()}:{self.key.name}"


def latest(instance: dg.DagsterInstance, specs: Iterable[dg.AssetCheckSpec]) -> list[Verdict]:
    """The verdicts of checks, in the order given.

    A verdict counts only if it is not older than what it judges: the asset's latest materialization.
    """
    specs = list(specs)
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([spec.key for spec in specs])
    built: dict[dg.AssetKey, float] = {}
    for asset in instance.get_asset_records(list({spec.asset_key for spec in specs})):
        if last := asset.asset_entry.last_materialization_record:
            built[asset.asset_entry.asset_key] = last.timestamp
    verdicts = []
    for spec in specs:
        record = found.get(spec.key)
        fallback = "error" if spec.blocking else "warn"
        if record is None or record.event is None:
            verdicts.append(Verdict(spec.key, fallback, False, "never ran to its end"))
            continue
        evaluation = record.event.get_dagster_event().asset_check_evaluation_data
        severity = evaluation.severity.value.lower() if evaluation else fallback
        passed = record.status == AssetCheckExecutionRecordStatus.SUCCEEDED
        if not passed:
            verdicts.append(Verdict(spec.key, severity, False, f"said {record.status.value.lower()}"))
        elif record.event.timestamp < built.get(spec.asset_key, 0.0):
            verdicts.append(Verdict(spec.key, severity, False, "is older than the table it judged"))
        else:
            verdicts.append(Verdict(spec.key, severity, True))
    return verdicts
