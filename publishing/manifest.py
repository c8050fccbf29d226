"""MANIFEST.json: what a published version is, which checks it passed, and the hash of every file in it.

What belongs here: its shape, writing and reading it. What does not: making the version (`publishing.snapshot`).
Times are UTC in ISO 8601 with a trailing Z.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from publishing.errors import NothingPublished, PublishError

NAME = "MANIFEST.json"
FORMAT = 1


@dataclass(frozen=True)
class Check:
    """One check's result. `severity` is `error` (blocks a publication) or `warn`."""

    name: str
    severity: str
    passed: bool

    @property
    def blocks(self) -> bool:
        return not self.passed and self.severity.lower() != "warn"


@dataclass(frozen=True)
class ManifestInputs:
    """What the caller knows about a publication, and the build file does not say.

    Attributes:
        published_at: an aware moment, given by the caller because nothing here looks at a clock.
        data_version, as_of: taken from `kpi.figures` when None; when given, they must agree with it.
    """

    code_version: str
    config_hash: str
    is_simulated: bool
    published_at: datetime
    checks: Sequence[Check] = ()
    data_version: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True)
class Manifest:
    """A published version's own description.

    Attributes:
        version: the version's folder under `published/versions/`.
        tables: by `schema.table`: `rows` and `parquet` (its file).
        files: by path relative to the version's folder: `sha256` and `bytes`.
    """

    version: str
    data_version: str
    as_of: str
    published_at: str
    code_version: str
    config_hash: str
    is_simulated: bool
    storage_version: str
    checks: tuple[Check, ...]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read(path: Path) -> Manifest:
    """Read a manifest file.

    Raises:
        NothingPublished: there is no such file.
        PublishError: it is not a manifest of a format that this code reads.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NothingPublished(
            f"nothing is published at {path.parent}.", next_action="Run `levende run` to publish the first version."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PublishError(f"{path} is no JSON ({error}).", next_action="Publish again: `levende run`.") from error
    if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
        raise PublishError(f"{path} is not a manifest of format {FORMAT}.", next_action="Publish again: `levende run`.")
    checks = tuple(Check(**c) for c in raw.pop("checks"))
    return Manifest(checks=checks, **raw)


def utc_text(moment: datetime) -> str:
    """An aware moment as ISO 8601 UTC.

    Raises:
        PublishError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise PublishError(f"the moment {moment} has no time zone.", next_action="Pass an aware datetime, in UTC.")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
