"""The configured sources as assets that others write: where the lineage of every figure begins."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from ingest import config
from ingest.adapters import adapter_for
from ingest.config import Source
from orchestration.names import landing_key


def landing_spec(source: Source) -> dg.AssetSpec:
    """One source. Silent for longer than it may be, its freshness fails; a poll that brings nothing new is no silence.

    Raises:
        ConfigurationError: its adapter is unknown, or does not take its options.
    """
    adapter, _options = adapter_for(source)
    policy = None
    if source.expected_every_hours is not None and source.enabled:
        policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=source.expected_every_hours))
    return dg.AssetSpec(
        landing_key(source.source_id),
        description=f"{source.description.rstrip('.')}. Bytes as received, immutable.",
        owners=[source.owner],
        group_name="landing",
        kinds={"api" if adapter.polls else "file", source.adapter},
        tags={"levende/family": source.family, "levende/enabled": str(source.enabled).lower()},
        freshness_policy=policy,
    )


sources = [landing_spec(source) for source in config.load().sources]
