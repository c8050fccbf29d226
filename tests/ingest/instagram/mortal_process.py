"""One step of a library in a process of its own, which may be killed: `python mortal_process.py ROOT NOW STEP OPTIONS`.

What belongs here: what `test_graph_interruptions.py` runs as a child. STEP is `poll` or `read`. With KILL_AT_SYNC=n the
process kills itself, as by `kill -9`, in place of bringing something to disk for the n-th time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from conftest import Bench

from ingest.http import Limits, Session
from ingest.pipeline import poll, read_pending, write_receipts


def die_at_sync(number: int) -> None:
    """Let `os.fsync` kill this process when it is called for the n-th time. Nothing is cleaned up after that."""
    sync, left = os.fsync, iter(range(number, 0, -1))

    def mortal(handle: int) -> None:
        if next(left, 0) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = mortal  # type: ignore[assignment]


def main() -> None:
    root, now, step, options = sys.argv[1:]
    bench = Bench(Path(root), None, os.environ["GRAPH_URL"])  # type: ignore[arg-type]
    bench.options = json.loads(options)
    if "KILL_AT_SYNC" in os.environ:
        die_at_sync(int(os.environ["KILL_AT_SYNC"]))
    configuration = bench.configuration
    if step == "poll":
        session = Session(Limits(tries=2, backoff_seconds=0), allow_loopback=True)
        source = configuration.sources[0]
        outcome = poll(bench.home, configuration, source, datetime.fromisoformat(now), session, lambda _seconds: None)
    else:
        outcome = read_pending(bench.home, configuration)[configuration.sources[0].source_id]
        write_receipts(bench.home, configuration)
    sys.exit(1 if outcome.failures else 0)


if __name__ == "__main__":
    main()
