"""Resources and the executor that every job uses. Nothing else belongs in this module."""

from __future__ import annotations

import dagster as dg

from orchestration.dbt_inprocess import InProcessDbt
from orchestration.installation import Installation


@dg.definitions
def resources() -> dg.Definitions:
    """Steps run in the run's own process: a process per step would cost seconds of imports each."""
    return dg.Definitions(
        executor=dg.in_process_executor,
        resources={"installation": Installation(), "dbt": InProcessDbt()},
    )
