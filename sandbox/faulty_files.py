"""The files of a fault plan, how they come into a home, and the description that goes with them.

What belongs here: writing a plan out. What does not: what is in it (`faults`), and the form of the files
(`vendors.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import yaml

from ingest import pipeline
from ingest.catalogue import Arrival, to_text
from ingest.config import Configuration
from ingest.errors import ConfigurationError
from ingest.home import Home
from ingest.landing import sha256_of, write_atomically
from sandbox.faults import FaultPlan
from sandbox.vendors import VendorFile, written

_BATCH = 200


def files(plan: FaultPlan) -> list[VendorFile]:
    """All files that come, in the order in which they come; `written_at` is when."""
    return list(written(plan.configuration, plan.parcels(), plan.tell()))


def deliver(home: Home, configuration: Configuration, coming: Iterable[VendorFile], clock: datetime) -> int:
    """Put files into the drop folders and land each one at its own time, as sweeps at those times would have done.

    A file that comes again under its name is one more receipt. Delivering twice changes nothing, and the next sweep
    finds nothing new.

    Args:
        coming: in the order in which they come.
        clock: aware; nothing comes after it.

    Returns:
        How many deliveries there are.

    Raises:
        ConfigurationError: a file would come after the clock, or a drop folder holds files of another delivery.
    """
    told = list(coming)
    after = next((f for f in told if f.written_at > clock), None)
    if after is not None:
        raise ConfigurationError(
            f"{after.source_id}/{after.name} would come at {after.written_at}, after the clock.",
            next_action="Let the simulated days end earlier, or set the clock later.",
        )
    _refuse_strangers(home, configuration, told)
    return land(home, configuration, told)


def land(home: Home, configuration: Configuration, told: Sequence[VendorFile]) -> int:
    """As `deliver`, for files in the order in which they come, without asking what else lies in the folders."""
    for file in {(f.source_id, f.name): f for f in told}.values():  # what came last under a name is what lies there
        path = pipeline.drop_folder(home, configuration.source(file.source_id)) / file.name
        if not path.exists() or path.read_bytes() != file.body:
            write_atomically(path, file.body, durable=False)
        stamp = file.written_at.timestamp()
        os.utime(path, (stamp, stamp))
    for first in range(0, len(told), _BATCH):
        home.land_many([_arrival(file) for file in told[first : first + _BATCH]])
    return len(told)


def _arrival(file: VendorFile) -> Arrival:
    key = f"sandbox\n{file.source_id}\n{file.name}\n{sha256_of(file.body)}\n{to_text(file.written_at)}"
    return Arrival(file.source_id, "drop", file.written_at, file.body, origin=file.name, once_key=key)


def _refuse_strangers(home: Home, configuration: Configuration, told: Iterable[VendorFile]) -> None:
    """A file of a delivery without faults, or with others, would fill in what this one lost."""
    names: dict[str, dict[str, set[str]]] = {s.source_id: {} for s in configuration.enabled("doors")}
    for file in told:
        names[file.source_id].setdefault(file.name, set()).add(sha256_of(file.body))
    for source_id, known in names.items():
        folder = pipeline.drop_folder(home, configuration.source(source_id))
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and sha256_of(path.read_bytes()) not in known.get(path.name, set()):
                raise ConfigurationError(
                    f"{path} is no file of this delivery.",
                    next_action="Build into a home of its own: --home DIR, or LEVENDE_HOME.",
                )


def write_description(configuration: Configuration, folder: Path) -> None:
    """Write a description as a configuration folder that loads to the same tables."""
    library = configuration.library.model_dump(mode="json", exclude_none=True)
    parts = {
        "library": library,
        "sources": {"sources": [s.model_dump(mode="json", exclude_none=True) for s in configuration.sources]},
        "partners": configuration.partners.model_dump(mode="json", exclude_none=True),
        "figures": {"figures": [f.model_dump(mode="json", exclude_none=True) for f in configuration.figures]},
    }
    for name, document in parts.items():
        text = "# Simulated. Written by the sandbox; a change here is lost when it builds again.\n"
        text += yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
        write_atomically(folder / f"{name}.yaml", text.encode())
