"""Writes `dbt_project/models/sources.yml` from the lake's contracts, so that a column is described once.

Run `python -m orchestration.dbt_sources` after a change to `ingest/contracts.py` or `ingest/library_contracts.py`; a
test fails while the file is behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ingest.contracts import TABLES, Table
from ingest.library_contracts import LIBRARY_TABLES

PATH = Path(__file__).resolve().parent.parent / "dbt_project" / "models" / "sources.yml"
HEADER = "# Generated from the lake's contracts by `python -m orchestration.dbt_sources`. Do not edit by hand.\n"
LAKE = "{{ env_var('LEVENDE_LAKE', 'data/lake') }}"


def _source(
    name: str, description: str, location: str, tables: Iterable[Table], meta: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "schema": name,
        "description": description,
        "config": {"meta": {"external_location": location, **meta}},
        "tables": [
            {
                "name": table.name,
                "description": table.grain,
                "columns": [{"name": c.name, "description": c.description} for c in table.columns],
            }
            for table in tables
        ],
    }


def render() -> str:
    """The file's content as it should be."""
    lake = _source(
        "lake",
        "Typed observations, in the order in which they arrived.",
        f"read_parquet('{LAKE}/{{name}}/**/*.parquet', union_by_name = true)",
        TABLES.values(),
        {},
    )
    library = _source(
        "library",
        "The library's description (`config/`) as tables.",
        f"read_parquet('{LAKE}/library/{{name}}.parquet')",
        LIBRARY_TABLES.values(),
        {},
    )
    for table in library["tables"]:
        table["config"] = {"meta": {"dagster": {"asset_key": ["lake", "library"]}}}
    document = {"version": 2, "sources": [lake, library]}
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
