"""All files of one folder together, checked against each other.

What belongs here: checks between files, and what is asked of the whole. What does not: reading them (`loading`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import model_validator

from ingest.config.figures import Figure
from ingest.config.instagram import reference
from ingest.config.library import Library
from ingest.config.partners import Partners
from ingest.config.shared import Model, require_known, require_unique
from ingest.config.sources import Source
from ingest.errors import ConfigurationError


class Configuration(Model):
    """All files of one configuration folder, checked against each other.

    Attributes:
        folder: where they were read from.
        config_hash: hash of their content as checked, the same for two spellings of the same thing.
    """

    folder: Path
    library: Library
    sources: tuple[Source, ...]
    partners: Partners
    figures: tuple[Figure, ...]

    @model_validator(mode="after")
    def _holds_together(self) -> Configuration:
        known = require_unique("sources.yaml: source", (s.source_id for s in self.sources))
        require_unique("figures.yaml: figure", (f.figure_id for f in self.figures))
        for line in self.library.lines:
            require_known("source", line.source_id, known, f"library.yaml: line {line.line_id}")
        branches = {b.branch_id for b in self.library.branches}
        for source in self.sources:
            if source.branch_id is not None:
                require_known("branch", source.branch_id, branches, f"source {source.source_id}")
        for ruling in self.library.event_decisions:
            for claim in ruling.claims:
                require_known("source", claim.source_id, known, "library.yaml: an event decision")
        passed = {
            reference(name)
            for source in self.enabled("instagram")
            if isinstance(names := source.options.get("caption_references", ()), list | tuple)
            for name in names
        }
        for rule in self.library.post_rules:
            for name in rule.references:
                if name not in passed:
                    raise ValueError(
                        f"library.yaml: the post rule {rule.rule_id} goes by {name}, which no Instagram source lets "
                        "out of a caption; add it to caption_references in a source's options"
                    )
        return self

    @property
    def config_hash(self) -> str:
        # Keys sorted: `options` are free, so their order in the file would otherwise reach the hash.
        # Who is told, and what now is, changes no table, and must not have all of them built anew.
        left_out: Any = {"folder": True, "library": {"alerts", "simulated_now_at"}}
        text = json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.library.zone)

    def source(self, source_id: str) -> Source:
        """The source with this id.

        Raises:
            ConfigurationError: there is none.
        """
        for source in self.sources:
            if source.source_id == source_id:
                return source
        names = ", ".join(s.source_id for s in self.sources)
        raise ConfigurationError(f"no source {source_id!r}.", next_action=f"Use one of: {names}.")

    def enabled(self, family: str | None = None) -> tuple[Source, ...]:
        return tuple(s for s in self.sources if s.enabled and family in (None, s.family))
