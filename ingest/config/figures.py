"""`figures.yaml`: the definitions of the numbers that are published.

What belongs here: what a figure is. What does not: how it is computed (dbt), and the sentences that quote it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ingest.config.shared import Identifier, Model


class Figure(Model):
    """The definition of one number: what it counts, in which unit, by which rule, from which source of rules.

    `domain` says where its inputs stand, so that the way back to the bytes can be walked.
    `aggregation` says how it may be rolled up; `none` forbids it. `growth` says how two years of it compare: as a share
    of the year before, in percentage points (for what is a share itself), or not at all.
    """

    figure_id: Identifier
    definition_version: str
    name: str
    domain: Literal["visits", "events", "partners", "social"]
    unit: str
    aggregation: Literal["sum", "ratio", "last", "none"]
    growth: Literal["share", "points", "none"] = "share"
    decimals: int = Field(default=0, ge=0, le=4)
    definition: str
    rule_source: str
    owner: str = "team:statistics"
