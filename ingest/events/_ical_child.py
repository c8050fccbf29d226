"""Series expanded in a bounded process: what overruns is ended, costs only itself, and the rest goes on.

A process and not a thread, because nothing else can be stopped; a new program and not a fork, because it must work
below servers that have threads. It gets no environment worth stealing, may write no file, and knows no words of
the feed: only lines about times. It works beside its parent: some jobs are always waiting for it in its pipe.

A process that did well is lent to the next feed, since starting one takes longer than most feeds. It is ended when
nobody has asked for it for a while, and one that failed or worked hard is never lent on: what one feed left in its
memory must not decide about another.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ingest.errors import TransientFailure
from ingest.events.ical_expand import READY, Job, Occurrence, Result

# The folder that holds the `ingest` package: the process must find the same code as its parent.
_ROOT = Path(__file__).resolve().parents[2]
# Jobs handed over before the first of them is answered.
_AHEAD = 64
# What a process may have done and still be lent to another feed.
_LENT_JOBS = 5_000
_LENT_SECONDS = 20.0
_LINGER_SECONDS = 10.0
_PIECE = 1 << 16


@dataclass(frozen=True)
class Bounds:
    """How much one feed may cost.

    Attributes:
        cpu_seconds: processor time of one series.
        wall_seconds: a second net, for a process that hangs without working.
        total_seconds: processor time of all series of one feed together.
        memory_mib: address space of the process.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 60
    total_seconds: float = 180
    memory_mib: int = 1024


class Expander:
    """Expands the series of one feed, in a process borrowed or started at the first one and replaced when it dies.

    A context manager. Not for use by several threads at once; each may have its own.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._worker: _Worker | None = None
        self._has_begun = False
        self._spent = 0.0

    def __enter__(self) -> Expander:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if kind is None and worker.is_fit:
            _shelf.put(worker)
        else:
            worker.end()

    def expand(self, job: Job) -> Result:
        """The dates of one series, or the problem that it is.

        Raises:
            TransientFailure: the process can't be started on this machine now.
        """
        return next(self.expand_all([job]))

    def expand_all(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """One result per job, in their order. The first jobs are handed over at once, to be worked on meanwhile.

        Raises:
            TransientFailure: the process can't be started on this machine now.
        """
        told = (json.dumps(vars(job)).encode() + b"\n" for job in jobs)
        waiting = deque(itertools.islice(told, _AHEAD))
        if waiting and self._may_go_on:
            self._hand_over(waiting)
        return self._results(waiting, told)

    def _results(self, waiting: deque[bytes], told: Iterator[bytes]) -> Iterator[Result]:
        while waiting:
            yield self._next(waiting)
            for line in itertools.islice(told, 1):
                waiting.append(line)
                if self._worker is not None:
                    self._worker.say(line)

    @property
    def _may_go_on(self) -> bool:
        return self._spent <= self.bounds.total_seconds

    def _next(self, waiting: deque[bytes]) -> Result:
        if not self._may_go_on:
            self._end()
            waiting.popleft()
            return _problem("feed_too_costly", f"the feed's earlier series took {self.bounds.total_seconds:.0f} s.")
        worker = self._worker or self._hand_over(waiting)
        answer = worker.hear(self.bounds.wall_seconds)
        if worker.is_borrowed and (answer is None or b'"too_costly"' in answer):
            # What it did for other feeds may be the reason: only one that began with this feed may judge a series.
            self._end()
            worker = self._hand_over(waiting)
            answer = worker.hear(self.bounds.wall_seconds)
        waiting.popleft()
        if answer is None:
            self._end()
            self._spent += self.bounds.wall_seconds if worker.was_late else self.bounds.cpu_seconds
            return _problem(
                "too_costly",
                f"expanding it takes more than {self.bounds.cpu_seconds} s or {self.bounds.memory_mib} MiB.",
            )
        occurrences, problems, seconds = json.loads(answer)
        result = Result(
            [Occurrence(*one) for one in occurrences],
            [(int(index), str(reason), str(message)) for index, reason, message in problems],
        )
        self._spent += seconds
        worker.note(seconds, any(reason == "too_costly" for _, reason, _ in result.problems))
        return result

    def _hand_over(self, waiting: Iterable[bytes]) -> _Worker:
        """A process that has all jobs still to be done: the one of before died with them."""
        if self._worker is None:
            known = None if self._has_begun else _shelf.take((self.bounds.memory_mib, self.bounds.cpu_seconds))
            self._worker = known or _Worker(self.bounds)
            self._has_begun = True
        for line in waiting:
            self._worker.say(line)
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


class _Worker:
    """One expanding process, spoken to in lines without ever waiting for both directions at once."""

    def __init__(self, bounds: Bounds) -> None:
        self.limits = (bounds.memory_mib, bounds.cpu_seconds)
        self.is_borrowed = False
        self.was_late = False
        self._patience = bounds.wall_seconds
        self._is_ready = False
        self._is_sound = True
        self._jobs = self._owed = 0
        self._seconds = 0.0
        self._unsent = bytearray()
        self._heard = bytearray()
        environment = {"PYTHONPATH": str(_ROOT), "PYTHONHASHSEED": "0", "PATH": os.defpath}
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own program, no shell, no outside words
                [sys.executable, "-P", "-m", "ingest.events.ical_expand", *map(str, self.limits)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                close_fds=True,
            )
        except OSError as error:
            raise _no_process(str(error.strerror)) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._in, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    @property
    def is_fit(self) -> bool:
        """Whether another feed may have it: it lives, owes no answer, never failed, and has not done much."""
        is_well = self._is_sound and not self._owed and self.process.poll() is None
        return is_well and self._jobs < _LENT_JOBS and self._seconds < _LENT_SECONDS

    def note(self, seconds: float, is_trouble: bool) -> None:
        """Remember what an answered job took; one that ran out of memory spoils the process for others."""
        self._seconds += seconds
        self._is_sound = self._is_sound and not is_trouble

    def say(self, line: bytes) -> None:
        self._jobs += 1
        self._owed += 1
        self._unsent += line
        self._write()

    def hear(self, seconds: float) -> bytes | None:
        """Its next line; None when it died, or said nothing for so long.

        Raises:
            TransientFailure: it never began to work.
        """
        if not self._is_ready:
            if self._line(self._patience) != READY:  # else every series of every feed would look like a costly one
                self.end()
                raise _no_process("it does not answer")
            self._is_ready = True
        answer = self._line(seconds)
        self._owed -= 1
        return answer

    def _line(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard[-_PIECE:]:
            self._write()
            is_watched = self._in in self._selector.get_map()
            if self._unsent and not is_watched:
                self._selector.register(self._in, selectors.EVENT_WRITE)
            elif is_watched and not self._unsent:
                self._selector.unregister(self._in)
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                self.was_late = True
                return None
            if any(key.fd == self._out for key, _ in ready):
                piece = os.read(self._out, _PIECE)
                if not piece:
                    return None
                self._heard += piece
        line, _, rest = self._heard.partition(b"\n")
        self._heard = rest
        return bytes(line) + b"\n"

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # full, or it died while we spoke to it: both show when we listen
            while self._unsent:
                sent = os.write(self._in, self._unsent)
                del self._unsent[:sent]

    def end(self) -> None:
        self._selector.close()
        self.process.kill()
        self.release()
        self.process.wait()

    def release(self) -> None:
        """Close our ends of its pipes, at which it ends by itself."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was still to be written has no reader any more
                    pipe.close()


class _Shelf:
    """The one process that waits for its next feed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._timer: threading.Timer | None = None

    def put(self, worker: _Worker) -> None:
        """Keep it for a while; an older one makes room."""
        timer = threading.Timer(_LINGER_SECONDS, self._expire, [worker])
        timer.daemon = True
        with self._lock:
            older = self._swap(worker, timer)
            timer.start()
        if older is not None:
            older.end()

    def take(self, limits: tuple[int, int]) -> _Worker | None:
        """The process that waits, if it was started with these limits and still lives."""
        with self._lock:
            worker = self._swap(None, None)
        if worker is not None and not (worker.limits == limits and worker.is_fit):
            worker.end()
            return None
        if worker is not None:
            worker.is_borrowed = True
        return worker

    def clear(self) -> None:
        """End what waits."""
        with self._lock:
            worker = self._swap(None, None)
        if worker is not None:
            worker.end()

    def after_fork(self) -> None:
        """In a copy of this process: what waits belongs to the original, and two must not speak to it."""
        self._lock, self._timer = threading.Lock(), None
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.release()

    def _swap(self, worker: _Worker | None, timer: threading.Timer | None) -> _Worker | None:
        if self._timer is not None:
            self._timer.cancel()
        older, self._worker, self._timer = self._worker, worker, timer
        return older

    def _expire(self, worker: _Worker) -> None:
        with self._lock:
            if self._worker is not worker:
                return  # taken in the very moment
            self._swap(None, None)
        worker.end()


_shelf = _Shelf()
atexit.register(_shelf.clear)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shelf.after_fork)


def _no_process(why: str) -> TransientFailure:
    return TransientFailure(
        f"the process that expands calendars can't be started ({why}).",
        reason="no_process",
        next_action="See whether the machine is out of memory or processes, and read the feed again.",
    )


def _problem(reason: str, message: str) -> Result:
    return Result(problems=[(-1, reason, message)])
