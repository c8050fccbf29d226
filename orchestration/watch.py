"""Whether a drop folder changed since it was last swept, so that a sensor tick costs a listing and no reading.

Decided by path, inode, size, modification and change time. The change time is the kernel's own: a rewrite that keeps
size and modification time, which the sweep must see, changes it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.config import Configuration, Source
from ingest.home import Home
from ingest.pipeline import SETTLE_SECONDS, Outcome, drop_folder, sweep

Facts = tuple[tuple[str, int, int, int, int], ...]


def _facts(home: Home, configuration: Configuration, source: Source) -> Facts:
    roots = [drop_folder(home, source)]
    if source.path is not None:
        roots.append((configuration.folder / os.path.expandvars(source.path)).resolve())
    return tuple(sorted(fact for root in roots for fact in _walk(root)))


def _walk(root: Path) -> Iterator[tuple[str, int, int, int, int]]:
    files = [root] if root.is_file() else (Path(at) / name for at, _, names in os.walk(root) for name in names)
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue  # taken away meanwhile; the listing without it is the truth
        yield str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


class Watch:
    """What one process has swept. Forgetting it, by a restart, costs one sweep per source."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._seen: dict[tuple[Path, str], tuple[Facts, float, bool]] = {}

    def sweep_if_changed(
        self, home: Home, configuration: Configuration, source: Source, now: Callable[[], object]
    ) -> Outcome | None:
        """Sweep a source's folders unless they stand as they stood when they were last swept, settled.

        A listing counts as swept only by a sweep that began after it had stood for the settling time: the sweep
        leaves files alone that may still be growing.
        """
        key = (home.root, source.source_id)
        facts = _facts(home, configuration, source)
        at = self._elapsed()
        known, since, settled = self._seen.get(key, (None, at, False))
        if known != facts:
            since, settled = at, False
        if settled:
            return None
        outcome = sweep(home, configuration, source, now())  # type: ignore[arg-type]
        # Settled files are skipped by the next tick; failures are told at every one until they are mended.
        self._seen[key] = (facts, since, at - since > SETTLE_SECONDS and not outcome.failures)
        return outcome
