"""What Dagster loads: everything under `orchestration/defs`."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from orchestration.installation import quiet_tools

quiet_tools()  # before any of them is imported


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, sensors, schedules and resources.

    Raises:
        ConfigurationError: the library's description, or the dbt project, can't be read.
        SuiteError: a suite of `expectations/` is no valid one.
    """
    from expectations.suites import load_suites
    from ingest import config
    from ingest.adapters import adapter_for
    from ingest.home import Home
    from orchestration.dbt_inprocess import prepared

    # Here first, so that a fault in them is told as itself and not from within Dagster's loading of modules.
    for source in config.load().sources:
        adapter_for(source)
    load_suites()
    prepared(Home.from_environment())
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
