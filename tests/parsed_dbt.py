"""The dbt project, parsed once for all tests and put where a home of theirs would have parsed it.

Parsing takes five seconds of processor time, and nothing in its outcome but the lake's path differs from home to home.
What belongs here: parsing, and giving what was parsed another lake. What does not: running dbt (`dbt_here`).
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgpack

# Where the parsed project believes that the lake is; each home is given its own.
NO_LAKE = "/the/lake/of/no/library"
BINARY = "partial_parse.msgpack"


def parsed(project: Path) -> Path:
    """The folder of the parsed project: dbt's `manifest.json` and `partial_parse.msgpack`.

    Kept beside pytest's own cache under a name made of the project's content; workers that come at once wait for the
    first of them.
    """
    from orchestration.dbt_inprocess import project_hash

    dbt = project / "dbt_project"
    folder = project / ".pytest_cache" / "dbt" / project_hash(dbt)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            told = subprocess.run(
                [
                    str(Path(sys.executable).with_name("dbt")), "parse", "--no-partial-parse",
                    "--project-dir", str(dbt), "--profiles-dir", str(dbt),
                    "--target-path", str(folder), "--log-path", str(folder),
                ],
                env={**os.environ, "LEVENDE_LAKE": NO_LAKE, "LEVENDE_WAREHOUSE": str(folder / "build.duckdb")},
                capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            assert told.returncode == 0, told.stdout[-4000:]
            (folder / "done").touch()
    return folder


@lru_cache(maxsize=4)  # several megabytes each, and most tests run dbt several times on one home
def binary_with(project: Path, lake: Path) -> bytes:
    """dbt's own binary form of the manifest, for a lake."""
    told = msgpack.unpackb((parsed(project) / BINARY).read_bytes(), strict_map_key=False)
    return bytes(msgpack.packb(_with_lake(told, str(lake))))


def put_into(project: Path, home: Path) -> None:
    """Leave behind in a home what `prepared` would have left: there is nothing to parse there any more."""
    from orchestration.dbt_inprocess import project_dir, project_hash

    folder, lake = home / "dbt" / "parsed", home / "lake"
    folder.mkdir(parents=True)
    (folder / BINARY).write_bytes(binary_with(project, lake))
    (folder / "manifest.json").write_text((parsed(project) / "manifest.json").read_text().replace(NO_LAKE, str(lake)))
    (folder / "parsed_from.txt").write_text(f"{project_hash()} {project_dir()} {lake}")


def _with_lake(value: Any, lake: str) -> Any:
    if isinstance(value, str):
        return value.replace(NO_LAKE, lake)
    if isinstance(value, dict):
        return {key: _with_lake(inner, lake) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_lake(inner, lake) for inner in value]
    return value
