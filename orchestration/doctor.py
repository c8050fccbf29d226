"""What `levende doctor` looks at: whether this installation could run, and whether what it keeps is whole.

Every look is on its own: one that fails says so with the next action, and the others go on.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ingest import config, pipeline
from ingest.adapters import adapter_for
from ingest.config import Configuration
from ingest.contracts import FAMILIES
from ingest.errors import ConfigurationError, IngestError, TransientFailure
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.instagram import graph_reference, tokens
from ingest.instagram.graph_options import GraphOptions
from orchestration.clock import clock

# A look must not wait for a vendor that is down.
PROBE_LIMITS = Limits(connect_seconds=5, read_seconds=10, tries=1)
LOW_DISK_BYTES = 2 * 1024**3
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Sign:
    """One thing looked at. `state` is `ok`, `warn` or `fail`; the message of the last two ends with what to do."""

    name: str
    state: str
    message: str


def port_is_free(port: int) -> bool:
    """Whether 127.0.0.1 can be bound at a port. A code server that shares one flaps between old and new code."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port that only waits out its last connection is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wanted_variables(value: Any, key: str = "") -> Iterator[str]:
    """Environment variables that a source's options name: `${NAME}` in texts, and options that end with `_env`."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from wanted_variables(part, key if key.endswith("_env") else str(name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from wanted_variables(part, key)
    elif isinstance(value, str):
        yield from _VARIABLE.findall(value)
        if key.endswith("_env"):
            yield value


def examine(home: Home, ports: dict[str, int]) -> Iterator[Sign]:
    """All signs, in the order in which a person should mend them."""
    looks: list[tuple[str, Callable[[Home], Iterator[Sign]]]] = [
        ("disk", _disk),
        ("catalogue", _catalogue),
        ("warehouse", _warehouse),
        ("published", _published),
    ]
    try:
        configuration = config.load()
        for source in configuration.sources:
            adapter_for(source)
        count = len(configuration.sources)
        yield Sign("configuration", "ok", f"{configuration.folder}: {count} sources, hash {configuration.config_hash}")
    except Exception as error:  # noqa: BLE001 - told as a sign; the other looks go on
        yield Sign("configuration", "fail", str(error))
    else:
        yield from _variables(configuration)
        looks.append(("instagram", lambda _home: _instagram(configuration)))
        looks.insert(2, ("pending", lambda home: _pending(home, configuration)))
    looks.append(("tools", _tools))
    try:
        home.writable()
    except ConfigurationError as error:
        yield Sign("home", "fail", str(error))
        looks = []  # every one of them would only say the same
    for name, look in looks:
        try:
            yield from look(home)
        except Exception as error:  # noqa: BLE001 - as above
            yield Sign(name, "fail", f"could not be looked at ({type(error).__name__}: {error})")
    for name, port in ports.items():
        if port_is_free(port):
            yield Sign(f"port {port}", "ok", f"free for the {name}")
        else:
            yield Sign(f"port {port}", "warn", f"in use; if `levende ui` is not running, free it for the {name}.")


def _variables(configuration: Configuration) -> Iterator[Sign]:
    for source in configuration.enabled():
        told = [source.options, source.push.model_dump() if source.push else {}]
        missing = sorted({name for name in wanted_variables(told) if not os.environ.get(name)})
        if missing:
            names = ", ".join(missing)
            yield Sign(f"source {source.source_id}", "warn", f"{names} not set; set it, or the source can't be asked.")


def _instagram(configuration: Configuration) -> Iterator[Sign]:
    """How long the pinned API version and the token of each Graph API source live, and what the token opens."""
    for source in configuration.enabled("instagram"):
        options = adapter_for(source)[1]
        if not isinstance(options, GraphOptions):
            continue
        name = f"source {source.source_id}"
        version = graph_reference.version_state(options.api_version, clock().date())
        level = {"ok": "ok", "ended": "fail"}.get(version.state, "warn")
        yield Sign(name, level, f"{version.message} {version.next_action}".strip())
        if not os.environ.get(options.token_env):
            continue  # told already, and nothing can be asked
        try:
            session = Session(PROBE_LIMITS, allow_loopback=options.allow_loopback)
            token = tokens.probe(source, session, clock())
        except TransientFailure as failure:
            yield Sign(name, "warn", f"Meta could not be asked about the token: {failure}")
            token = tokens.token_state(source, clock())
        except IngestError as failure:
            yield Sign(name, "fail", str(failure))
            continue
        level = "fail" if token.state in ("expired", "invalid", "no_permission") else "warn" if token.is_alarm else "ok"
        yield Sign(name, level, f"{token.message} {token.next_action}".strip())


def _disk(home: Home) -> Iterator[Sign]:
    free = shutil.disk_usage(home.root).free
    words = f"{free / 1024**3:.1f} GB free at {home.root}"
    yield Sign("disk", "ok", words) if free > LOW_DISK_BYTES else Sign("disk", "warn", f"{words}; make room.")


def _catalogue(home: Home) -> Iterator[Sign]:
    receipts = home.catalogue.receipts()
    known = {receipt.blob_sha256 for receipt in receipts if receipt.blob_sha256}
    files = {path.name for path in home.blobs.root.glob("[0-9a-f][0-9a-f]/[0-9a-f]*")}
    yield Sign("catalogue", "ok", f"{len(receipts)} receipts, {len(known)} blobs")
    if missing := home.blobs.missing(known - files):
        # Where a catalogue came from a backup, its segments may know what it does not.
        also = "index the segments (docs/runbooks/landing.md), or " if home.blobs.segments() else ""
        yield Sign("landing", "fail", f"{len(missing)} blobs are gone; {also}restore landing/ from its backup.")
    if orphans := files - known:
        # Written by a process that was killed before its receipt: harmless, and worth knowing.
        yield Sign(
            "landing",
            "warn",
            f"{len(orphans)} blobs without a receipt; harmless, drop the file in again if it is missed.",
        )
    leftover = len(list(home.blobs.root.glob("*/.*.tmp")))
    if leftover:
        yield Sign(
            "landing", "warn", f"{leftover} half-written files of killed writers; remove them when nothing runs."
        )


def _pending(home: Home, configuration: Configuration) -> Iterator[Sign]:
    for name in pipeline.unclaimed(home, configuration):
        yield Sign("drop", "warn", f"{name} belongs to no source, and nobody reads it; put it into the folder of one.")
    waiting = pipeline.pending(home, configuration)
    for family in FAMILIES:
        count = sum(item.source.family == family for item in waiting)
        if count:
            yield Sign("lake", "warn", f"{count} blobs of {family} are landed and unread; run `levende run`.")
    if not waiting:
        yield Sign("lake", "ok", "everything that landed is read")


def _warehouse(home: Home) -> Iterator[Sign]:
    from orchestration.warehouse import read_stamp

    stamp = read_stamp(home)
    if stamp is None:
        yield Sign("warehouse", "warn", "not built, or a build broke off; run `levende run`.")
    else:
        yield Sign("warehouse", "ok", f"as of {stamp.as_of} UTC, data version {stamp.data_version}")


def _published(home: Home) -> Iterator[Sign]:
    from publishing import manifest
    from publishing.errors import NothingPublished
    from publishing.reader import CURRENT

    folder = (home.published / CURRENT).resolve()
    try:
        facts = manifest.read(folder / manifest.NAME)
    except NothingPublished as error:
        yield Sign("published", "warn", str(error))
        return
    wrong = [
        name
        for name, told in facts.files.items()
        if not (folder / name).is_file() or manifest.sha256_of(folder / name) != told["sha256"]
    ]
    if wrong:
        yield Sign(
            "published", "fail", f"{', '.join(wrong)} differ from the manifest; run `levende run` to publish again."
        )
    else:
        yield Sign("published", "ok", f"version {facts.version}, as of {facts.as_of}, {len(facts.files)} files whole")


def _tools(home: Home) -> Iterator[Sign]:
    from expectations.suites import load_suites
    from orchestration.dbt_inprocess import prepared

    yield Sign("suites", "ok", f"{len(load_suites())} suites")
    project = prepared(home)
    yield Sign("dbt", "ok", f"{project.project_dir} parses")
