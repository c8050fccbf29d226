"""The same assets and checks under stock settings: what a reader of the tutorials would have built.

Differs from `orchestration` in the way of running alone: the multiprocess executor, dbt through its command line, and
a sensor with the default interval.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from ingest.home import Home
from orchestration.dbt_inprocess import InProcessDbt, set_environment


class CommandLineDbt(InProcessDbt):
    """dbt as dagster-dbt starts it."""

    def build(
        self, context: dg.AssetExecutionContext, home: Home, project: DbtProject, variables: Mapping[str, str]
    ) -> Iterator[Any]:
        set_environment(home)
        arguments = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(dict(variables))]
        folder = os.fspath(project.project_dir)
        executable = os.fspath(Path(sys.executable).with_name("dbt"))
        dbt = DbtCliResource(project_dir=folder, profiles_dir=folder, dbt_executable=executable)
        yield from dbt.cli(arguments, context=context, target_path=Path(project.target_path) / "stock").stream()


@dg.definitions
def defs() -> dg.Definitions:
    """Imported in here: Dagster takes every definitions function that it finds in the module for the module's own."""
    from ingest.pipeline import sweep
    from orchestration.clock import clock
    from orchestration.definitions import defs as ours
    from orchestration.defs import triggers
    from orchestration.installation import Installation
    from orchestration.names import JOBS

    loaded = ours()
    # Named as ours are, since `decide` asks for jobs by name.
    selections = {
        triggers.EVERYTHING_JOB: dg.AssetSelection.all(),
        **{name: triggers.family_selection(family) for family, name in JOBS.items()},
    }
    jobs = [
        dg.define_asset_job(name, selection=selection, executor_def=dg.multiprocess_executor)
        for name, selection in selections.items()
    ]

    @dg.sensor(jobs=jobs, default_status=dg.DefaultSensorStatus.RUNNING)
    def landing_sensor(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
        home, configuration = installation.home, installation.configuration()
        for source in configuration.enabled():
            sweep(home, configuration, source, clock())
        return triggers.decide(context.instance, home, configuration, triggers.Cursor.from_text(context.cursor))

    return dg.Definitions(
        assets=loaded.assets,
        asset_checks=loaded.asset_checks,
        jobs=jobs,
        sensors=[landing_sensor],
        resources={"installation": Installation(), "dbt": CommandLineDbt()},
        executor=dg.multiprocess_executor,
    )
