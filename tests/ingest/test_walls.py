"""The walls between the rooms: which room may know which."""

from __future__ import annotations

import ast
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


def test_no_module_takes_what_another_keeps_to_itself(project: Path) -> None:
    """A name with an underscore may change without anybody being asked; what two modules need has a home of its own."""
    rooms = ("ingest", "orchestration", "expectations", "publishing", "sandbox")
    taken = []
    files = [path for room in rooms for path in (project / room).rglob("*.py")]
    for path in files:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        ours = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[0] in rooms]
        names = {alias.asname or alias.name for node in ours for alias in node.names}
        for node in ours:
            folder = project.joinpath(*str(node.module).split("."))
            private = (alias.name for alias in node.names if alias.name.startswith("_"))
            taken += [(path.name, name) for name in private if not (folder / f"{name}.py").exists()]
        for used in nodes:
            if isinstance(used, ast.Attribute) and isinstance(used.value, ast.Name) and used.value.id in names:
                is_private = used.attr.startswith("_") and not used.attr.startswith("__")
                taken += [(path.name, f"{used.value.id}.{used.attr}")] if is_private else []
    assert len(files) > 150
    assert taken == []
