"""The steps that the command line, the schedules and the assets all call: sweep, poll, read.

Each step isolates its sources: one source's failure is recorded and told, and the others go on.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.adapters import Adapter, FetchContext, adapter_for, adapter_of
from ingest.catalogue import Arrival, Receipt
from ingest.config import Configuration, Source, expand
from ingest.errors import ConfigurationError, IngestError, PermanentFailure
from ingest.home import Home
from ingest.http import Limits, Session
from ingest.lake import Lake, Progress, Way, parse_id, seal, stem
from ingest.landing import sha256_of

log = logging.getLogger("levende.ingest")

# A file younger than this may still be growing; it is taken on the next sweep. Writers that rename never wait.
SETTLE_SECONDS = 1.0
# Receipts of a source that a run looks at together: a source that is read anew may have millions.
RECEIPTS_AT_ONCE = 20_000
MAX_FILE_BYTES = 256 * 1024 * 1024
UNFINISHED = frozenset({".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download"})


@dataclass
class Outcome:
    """What a step did for one source, and what went wrong with it if anything did."""

    source_id: str
    receipts: int = 0
    blobs: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    failures: list[IngestError] = field(default_factory=list)

    def add(self, counts: dict[str, int]) -> None:
        self.blobs += 1
        for table, count in counts.items():
            if table == "rejects":
                self.rejects += count
            else:
                self.rows[table] = self.rows.get(table, 0) + count


def drop_folder(home: Home, source: Source) -> Path:
    """Where files for a source are put."""
    return home.drop / source.source_id


def unclaimed(home: Home, configuration: Configuration) -> list[str]:
    """Names inside the drop folder that belong to no source: a misspelt folder, or a file put beside the folders.

    Nobody would ever read what is in them, and nothing else would say so. Empty folders are left out.
    """
    if not home.drop.is_dir():
        return []
    known = {source.source_id for source in configuration.sources}
    # A source may have its `path` in here as well.
    kept = [(configuration.folder / s.path).resolve() for s in configuration.sources if s.path and "${" not in s.path]
    return sorted(
        path.name
        for path in home.drop.iterdir()
        if path.name not in known
        and not path.name.startswith(".")
        and not any(path.resolve() in (root, *root.parents) for root in kept)
        and (path.is_file() or (path.is_dir() and any(path.iterdir())))
    )


def _candidates(
    home: Home, configuration: Configuration, source: Source, failures: list[IngestError]
) -> Iterator[tuple[Path, str]]:
    """Files that may be landed and their names inside their folder, in a fixed order.

    What can't be looked at is added to `failures`.
    """
    roots = [drop_folder(home, source)]
    if source.path is not None:
        try:
            kept = (configuration.folder / expand(source.path)).resolve()
            if not kept.exists():
                raise PermanentFailure(
                    f"the path of {source.source_id}, {kept}, does not exist.",
                    reason="path_missing",
                    next_action="Mount the folder, or mend `path` in sources.yaml.",
                )
            roots.append(kept)
        except PermanentFailure as failure:
            failures.append(failure)
    names: set[str] = set()
    for root in roots:
        for path in _files(root, failures):
            hidden = path.name.startswith((".", "~$"))  # ~$x.xlsx: Excel's lock, which holds its user's name
            unfinished = path.suffix.lower() in UNFINISHED
            if hidden or unfinished or not fnmatch.fnmatch(path.name, source.pattern):
                continue
            name = _name(path.relative_to(root) if root.is_dir() else Path(path.name))
            if name in names:
                failures.append(
                    PermanentFailure(
                        f"{name} stands in two folders of {source.source_id}.",
                        reason="name_twice",
                        next_action="Rename one of them: a file is known by its name in the folder.",
                    )
                )
                continue
            names.add(name)
            yield path, name


def _files(root: Path, failures: list[IngestError]) -> Iterator[Path]:
    """Everything under a folder that is not in a hidden folder. Links may not lead out of it: whoever can put a
    link into a drop folder could otherwise have any file of this machine landed."""
    if root.is_file():
        yield root
        return

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            failures.append(_unreadable(Path(str(error.filename)), error))

    inside = root.resolve()
    for folder, subfolders, names in os.walk(root, onerror=tell):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in [*sorted(names), *subfolders]:
            path = Path(folder) / name
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                failures.append(
                    PermanentFailure(
                        f"{_name(path)} is a link that leads out of its folder.",
                        reason="link_refused",
                        next_action="Put the file itself there, or name its folder as the source's `path`.",
                    )
                )
            elif name in names:
                yield path


def _name(path: Path) -> str:
    """A path as text that can be stored and printed, also where its bytes are no UTF-8 (a Latin-1 `besøk.csv`)."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(path: Path, error: OSError) -> PermanentFailure:
    return PermanentFailure(
        f"{_name(path)} can't be read ({error.strerror}).",
        reason="unreadable_file",
        next_action="Mend the file's permissions.",
    )


def sweep(home: Home, configuration: Configuration, source: Source, now: datetime) -> Outcome:
    """Land every file of a source's folders that is not what it was under its name. The files stay where they are.

    A file is compared by content, never by its time stamp: a rewrite that keeps size and time is still seen. One
    that is put back to what it was before is a new arrival, since it takes its correction back. Where the adapter
    minimises, what it leaves of a file is landed, and files that it does not admit are not opened.
    """
    outcome = Outcome(source.source_id)
    try:
        adapter = adapter_of(source)
    except ConfigurationError as failure:  # nobody could say what must not be landed; the files wait where they are
        outcome.failures.append(failure)
        return outcome
    not_admitted = 0
    for path, name in _candidates(home, configuration, source, outcome.failures):
        if not adapter.admits(name):
            not_admitted += 1
            continue
        try:
            before = path.stat()
            if not stat.S_ISREG(before.st_mode):
                continue  # a pipe or a socket: reading it could wait for ever
            # Either way: a network folder's clock may run a little ahead of ours.
            if abs(time.time() - before.st_mtime) < SETTLE_SECONDS:
                continue
            if before.st_size > MAX_FILE_BYTES:
                raise PermanentFailure(
                    f"{_name(path)} is larger than {MAX_FILE_BYTES} bytes.",
                    reason="too_large",
                    next_action="Split the file, or take it out of the folder.",
                )
            body = path.read_bytes()
            after = path.stat()
        except FileNotFoundError:
            continue  # taken away between our look and our reading
        except OSError as error:
            outcome.failures.append(_unreadable(path, error))
            continue
        except PermanentFailure as failure:
            outcome.failures.append(failure)
            continue
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            continue  # still being written
        if adapter.minimises:
            try:
                body = adapter.minimise(body, name)
            except IngestError as failure:
                says = str(failure).removesuffix(failure.next_action).strip()
                outcome.failures.append(
                    PermanentFailure(
                        f"{_name(path)} was not taken: {says}",
                        reason=failure.reason,
                        next_action=failure.next_action,
                    )
                )
                continue
            except Exception as error:  # noqa: BLE001 - what could not be minimised must not be landed
                outcome.failures.append(
                    PermanentFailure(
                        f"{_name(path)} could not be minimised ({type(error).__name__}), and was not taken.",
                        reason="minimiser_fault",
                        next_action="Report this as a fault of the adapter.",
                    )
                )
                continue
        latest = home.catalogue.latest(source.source_id, origin=name)
        sha256 = sha256_of(body)
        if latest is not None and latest.blob_sha256 == sha256:
            continue
        # Two sweeps at once see the same latest receipt, and so write one.
        key = f"{source.source_id}\n{name}\n{sha256}\n{latest.receipt_id if latest else ''}"
        home.land(Arrival(source.source_id, "drop", now, body, origin=name, is_complete=None, once_key=key))
        outcome.receipts += 1
    if not_admitted:
        # Their names are not told: a folder of messages is named after whom they were exchanged with.
        outcome.failures.append(
            PermanentFailure(
                f"{not_admitted} files in the folder of {source.source_id} are none that {adapter.name} reads; "
                "they were not opened.",
                reason="not_admitted",
                next_action="Take them out of the folder: they may hold personal data. If one should be read, see its "
                "name in docs/sources.",
            )
        )
    return outcome


def poll(
    home: Home,
    configuration: Configuration,
    source: Source,
    now: datetime,
    session: Session | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Ask a source, landing every answer as it comes. A failure becomes a receipt of status `failed`.

    Args:
        pause: how a fetcher waits, in seconds.
    """
    outcome = Outcome(source.source_id)
    try:
        adapter, options = adapter_for(source)
        if not adapter.polls:
            return outcome
        limits = Limits(max_bytes=getattr(options, "max_bytes", Limits.max_bytes))
        context = FetchContext(
            source=source,
            options=options,
            session=session
            or Session(
                limits,
                allow_loopback=getattr(options, "allow_loopback", False),
                allow_private_network=source.allow_private_network,
            ),
            now=now,
            latest=lambda origin: home.catalogue.latest(source.source_id, origin=origin),
            configuration=configuration,
            body=home.body,
            receipts=home.catalogue.receipts,
            pause=pause,
        )
        for arrival in adapter.fetch(context):
            home.land(arrival)
            outcome.receipts += 1
    except Exception as error:  # noqa: BLE001 - a fetcher's bug is told as one and does not stop the other sources
        failure = (
            error
            if isinstance(error, IngestError)
            else PermanentFailure(
                f"the fetcher of {source.source_id} failed with {type(error).__name__}.",
                reason="fetcher_fault",
                next_action="Report this as a fault of the adapter.",
            )
        )
        home.land(
            Arrival(
                source.source_id, "poll", now, status="failed", is_complete=False, error=f"{failure.reason}: {failure}"
            )
        )
        outcome.receipts += 1
        outcome.failures.append(failure)
        log.warning("%s: %s", source.source_id, failure)
    return outcome


@dataclass(frozen=True)
class Pending:
    """A reading that the lake lacks: the first receipt that brought it, and how to read it."""

    source: Source
    adapter: Adapter
    options: Any
    receipt: Receipt


def reading_fingerprint(configuration: Configuration) -> str:
    """Changes when any parser, contract or source option does, and with it everything must be read again."""
    ids = []
    for source in configuration.enabled():
        try:
            adapter, options = adapter_for(source)
        except ConfigurationError:
            ids.append(f"{source.source_id}:misconfigured")
        else:
            ids.append(f"{source.source_id}:{parse_id(adapter, source, options)}")
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]


def pending(home: Home, configuration: Configuration, family: str | None = None, *, after: int = 0) -> list[Pending]:
    """All readings that the lake lacks, in the order their receipts were committed.

    A source that is configured wrongly has none here; `read_pending` tells of it.

    Args:
        after: receipts up to this number are known to be read; only a reader that checked may say so.
    """
    found: list[Pending] = []
    for source in configuration.enabled(family):
        with suppress(ConfigurationError):
            found += _survey(home, source, after).work
    return sorted(found, key=lambda item: item.receipt.receipt_id)


@dataclass(frozen=True)
class _Survey:
    """What the lake lacks of a source.

    Attributes:
        reading: how it is read now (`parse_id`).
        progress: how far it is read that way; None when it must be read from the start.
        work: what is lacking, by number: what could not be read before, then what is new.
        told_again: receipts with bytes that bring no new reading.
        newest: the last receipt that was looked at; None when nothing came since.
        is_cut: whether more may have come than was looked at.
    """

    reading: str
    progress: Progress | None
    work: list[Pending]
    told_again: int
    newest: Receipt | None
    is_cut: bool


def _surveys(home: Home, source: Source) -> Iterator[_Survey]:
    """All that came since a source was read, in portions; each one is to be read before the next is asked for.

    Raises:
        ConfigurationError: the source is configured wrongly.
    """
    survey = _survey(home, source, limit=RECEIPTS_AT_ONCE)
    yield survey
    while survey.is_cut:
        survey = _survey(home, source, limit=RECEIPTS_AT_ONCE, try_lacking=False)
        yield survey


def _standing(home: Home, source: Source) -> tuple[Adapter, Any, str, Progress | None]:
    """How a source is read, and how far it is read that way.

    Raises:
        ConfigurationError: the source is configured wrongly.
    """
    adapter, options = adapter_for(source)
    reading = parse_id(adapter, source, options)
    progress = Lake(home.lake).progress(source.source_id)
    if progress is not None and not _still_holds(home, progress, reading):
        progress = None
    return adapter, options, reading, progress


def _survey(
    home: Home, source: Source, after: int = 0, *, limit: int | None = None, try_lacking: bool = True
) -> _Survey:
    """Look at what came since a source was read; what came before costs nothing.

    Args:
        limit: receipts that are looked at, at most.
        try_lacking: whether to name what could not be read before, too.

    Raises:
        ConfigurationError: the source is configured wrongly.
    """
    adapter, options, reading, progress = _standing(home, source)
    read_up_to = max(after, progress.read_up_to if progress else 0)
    numbers = progress.lacking if progress and try_lacking else ()
    lacking = [home.catalogue.receipt(n) for n in numbers if n > after]
    came = home.catalogue.receipts(after=read_up_to, source_id=source.source_id, limit=limit)
    told = [r for r in came if r.status == "ok" and r.blob_sha256 is not None]
    seen: set[str] = set()
    if read_up_to and not adapter.reads_moments:
        blobs = (str(r.blob_sha256) for r in told)
        seen = {stem(adapter, r) for r in home.catalogue.first_tellings(source.source_id, blobs, up_to=read_up_to)}
    work = [Pending(source, adapter, options, r) for r in lacking if r is not None]
    told_again = 0
    for receipt in told:
        name = stem(adapter, receipt)
        if name in seen:
            told_again += 1
        else:
            seen.add(name)
            work.append(Pending(source, adapter, options, receipt))
    return _Survey(reading, progress, work, told_again, came[-1] if came else None, len(came) == limit)


def _still_holds(home: Home, progress: Progress, reading: str) -> bool:
    """Whether a source was read as it would be now, out of this catalogue."""
    if progress.reading != reading:
        return False
    last = home.catalogue.receipt(progress.read_up_to)
    return last is not None and seal(last) == progress.seal


def read_pending(
    home: Home,
    configuration: Configuration,
    family: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Outcome]:
    """Read every landed blob that the lake lacks, and forget readings that no receipt stands for.

    Running it again does nothing. The lake holds what landing and the code say, also after an adapter began to
    name its readings in another way, or an older landing was restored.

    Returns:
        One outcome per enabled source of the family, also for those that had nothing to read.
    """
    lake = Lake(home.lake)
    lake.prepare()
    outcomes = {s.source_id: Outcome(s.source_id) for s in configuration.enabled(family)}
    with lake.lock():  # before looking: what another run reads meanwhile must not be read twice
        waiting: list[Source] = []
        done, total = 0, 0
        for source in configuration.enabled(family):
            try:
                *_, standing = _standing(home, source)
            except ConfigurationError as error:
                outcomes[source.source_id].failures.append(error)
                log.error("%s: %s", source.source_id, error)
            else:
                read_up_to, lacking = (standing.read_up_to, standing.lacking) if standing else (0, ())
                total += len(lacking) + home.catalogue.told_since(source.source_id, read_up_to)
                waiting.append(source)
        for source in waiting:
            outcome = outcomes[source.source_id]
            for survey in _surveys(home, source):
                done += survey.told_again
                for counts in _read(home, lake, source.source_id, survey, outcome):
                    done += 1
                    if counts:
                        outcome.add(counts)
                    if progress is not None:
                        progress(done, max(done, total))  # more may have come since it was counted
    return outcomes


def _read(home: Home, lake: Lake, source_id: str, survey: _Survey, outcome: Outcome) -> Iterator[dict[str, int]]:
    """Read one source; yields as `Lake.write_readings` does."""
    if survey.progress is None:
        lake.forget(source_id)

    def tell(failure: IngestError) -> None:
        outcome.failures.append(failure)
        log.error("%s: %s", source_id, failure)

    def ways() -> Iterator[Way]:
        bodies = home.bodies(item.receipt for item in survey.work)
        for item, found in zip(survey.work, bodies, strict=True):
            body = found if isinstance(found, bytes) else None
            if isinstance(found, PermanentFailure):  # landing lost the bytes: nothing to read, everything to tell
                tell(found)
            yield Way(item.adapter, item.source, item.options, item.receipt, body)

    yield from lake.write_readings(ways(), unread=lambda _, failure: tell(failure))
    if survey.newest is not None:
        # What brought nothing to read is passed as well: it need not be looked at again.
        known = lake.progress(source_id) or Progress(survey.reading)
        lake.write_progress(source_id, known.passing(survey.newest))


def write_receipts(home: Home, configuration: Configuration) -> int:
    """Bring the lake's `fetches` table up to the catalogue, and forget sources that are configured no more.

    Returns:
        How many receipts there are.
    """
    lake = Lake(home.lake)
    lake.prepare()
    with lake.lock():
        lake.write_fetches(home.catalogue)
        lake.forget_unknown({s.source_id for s in configuration.sources})
    return home.catalogue.last_id()


def data_version(home: Home, configuration: Configuration, *also: str) -> str:
    """Names the inputs of a run: every receipt and reading, the description, and what else the caller adds."""
    readings = Lake(home.lake).progresses()
    text = json.dumps([readings, home.catalogue.last_id(), configuration.config_hash, *also])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
