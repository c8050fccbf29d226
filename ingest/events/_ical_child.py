"""Series expanded in a bounded process: what overruns is ended, costs only itself, and the rest goes on.

A process and not a thread, because nothing else can be stopped; a new program and not a fork, because it must work
below servers that have threads. It gets no environment worth stealing, may write no file, and knows no words of
the feed: only lines about times.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from ingest.errors import TransientFailure
from ingest.events.ical_expand import READY, Job, Occurrence, Result

# The folder that holds the `ingest` package: the process must find the same code as its parent.
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bounds:
    """How much one feed may cost.

    Attributes:
        cpu_seconds: processor time of one series.
        wall_seconds: a second net, for a process that hangs without working.
        total_seconds: all series of one feed together.
        memory_mib: address space of the process.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 60
    total_seconds: float = 180
    memory_mib: int = 1024


class Expander:
    """Expands jobs in a process that is started at the first one and replaced when it dies. A context manager."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._spent = 0.0

    def __enter__(self) -> Expander:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._end()

    def expand(self, job: Job) -> Result:
        """The dates of one series, or the problem that it is.

        Raises:
            TransientFailure: the process can't be started on this machine now.
        """
        if self._spent > self.bounds.total_seconds:
            return _problem("feed_too_costly", f"the feed's earlier series took {self.bounds.total_seconds:.0f} s.")
        begun = time.monotonic()
        try:
            return self._ask(job)
        finally:
            self._spent += time.monotonic() - begun

    def _ask(self, job: Job) -> Result:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        answer = b""
        with self._patience(process), contextlib.suppress(OSError):  # it may die while we speak to it
            process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        if not answer.endswith(b"\n"):
            self._end()
            return _problem(
                "too_costly",
                f"expanding it takes more than {self.bounds.cpu_seconds} s or {self.bounds.memory_mib} MiB.",
            )
        told = json.loads(answer)
        return Result(
            [Occurrence(**one) for one in told["occurrences"]],
            [(int(index), str(reason), str(message)) for index, reason, message in told["problems"]],
        )

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {"PYTHONPATH": str(_ROOT), "PYTHONHASHSEED": "0", "PATH": os.defpath}
        bounds = (str(self.bounds.memory_mib), str(self.bounds.cpu_seconds))
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, no shell, no outside words
                [sys.executable, "-P", "-m", "ingest.events.ical_expand", *bounds],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                close_fds=True,
            )
        except OSError as error:
            raise _no_process(str(error.strerror)) from error
        self._process = process
        self.starts += 1
        assert process.stdout is not None
        with self._patience(process):
            said = process.stdout.readline()
        if said != READY:  # else every series of every feed would look like a costly one
            self._end()
            raise _no_process("it does not answer")
        return process

    @contextlib.contextmanager
    def _patience(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Ends the process if what is done inside takes longer than the clock's limit."""
        timer = threading.Timer(self.bounds.wall_seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was still to be written has no reader any more
                    pipe.close()
        process.wait()


def _no_process(why: str) -> TransientFailure:
    return TransientFailure(
        f"the process that expands calendars can't be started ({why}).",
        reason="no_process",
        next_action="See whether the machine is out of memory or processes, and read the feed again.",
    )


def _problem(reason: str, message: str) -> Result:
    return Result(problems=[(-1, reason, message)])
