"""The walls between the rooms: which room may know which."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_the_import_rules_hold(project: Path) -> None:
    """A wall that is only a sentence in the documentation is gone after the third hurry."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(command), "--no-cache", "--config", "pyproject.toml"], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_ingest_runs_without_loading_the_heavy_tools(project: Path) -> None:
    """A source can be read on a machine, or in a function, that has neither the warehouse nor the orchestrator."""
    code = (
        "import json, sys; import ingest.pipeline; from ingest.adapters import adapters; adapters(); "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    heavy = {"dagster", "dagster_dbt", "dbt", "great_expectations", "duckdb"}
    rooms = {"orchestration", "expectations", "publishing", "sandbox"}
    assert not (heavy | rooms) & set(json.loads(done.stdout))
