"""Names that several modules use: asset keys, groups, jobs. Derived from the tables' names, never typed twice."""

from __future__ import annotations

import dagster as dg

from ingest.contracts import FAMILIES, TABLES

LAKE_OWNER = "team:data"
EVERYTHING_JOB = "everything_job"
JOBS = {family: f"{family}_job" for family in FAMILIES}

LIBRARY = dg.AssetKey(["lake", "library"])
FETCHES = dg.AssetKey(["lake", "fetches"])
REJECTS = dg.AssetKey(["lake", "rejects"])
PUBLISHED = dg.AssetKey(["published", "warehouse"])
DATA_DOCS = dg.AssetKey(["published", "data_docs"])


def landing_key(source_id: str) -> dg.AssetKey:
    return dg.AssetKey(["landing", source_id])


def table_key(table: str) -> dg.AssetKey:
    """The asset of a table named `schema.name`."""
    return dg.AssetKey(table.split(".", 1))


def family_keys(family: str) -> list[dg.AssetKey]:
    """The lake tables that a family's ingest writes."""
    return [table_key(f"lake.{table.name}") for table in TABLES.values() if table.family == family]


def ingest_op(family: str) -> str:
    """The op that reads a family, as run configuration names it."""
    return f"ingest_{family}"
