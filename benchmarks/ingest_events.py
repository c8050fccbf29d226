"""How many events a second go from calendar bytes into the lake, and the memory that takes, beside the libraries alone.

The limit is what our path is built on: `icalendar` parsing the same bytes, and `recurring_ical_events` expanding the
same window behind it. Every measurement is a process of its own (its peak memory is its own), the sides take turns,
and the median of the rounds is told. `python -m benchmarks.ingest_events SIDE CASE` does one and prints it as JSON.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

PROJECT = Path(__file__).resolve().parent.parent
ROUNDS = 5
WINDOW = (date(2025, 1, 1), date(2027, 1, 1))
ZONE = "Europe/Oslo"
RECEIVED = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)

LIBRARY = {
    "library_id": "small",
    "name": "Small library",
    "zone": ZONE,
    "reporting": {"start_on": "2024-01-01"},
    "areas": [{"area_id": "a1", "name": "Area", "valid_from": "2020-01-01"}],
    "branches": [
        {
            "branch_id": "main",
            "name": "Main",
            "valid_from": "2020-01-01",
            "areas": [{"area_id": "a1", "valid_from": "2020-01-01"}],
        }
    ],
}
TITLES = ("Bok og kaffi", "Språkkafé", "Lesestund", "Strikkekveld", "Kodeklubb", "Forfattarmøte", "Høgtlesing")
PLACES = ("Hovudbiblioteket", "Barneavdelinga\\, 2. etasje", "Storsalen", "Bydelshuset")
WORDS = (
    "Velkomen",
    "til ein kveld",
    "med god prat",
    "og gode bøker\\,",
    "kaffi",
    "og noko å bite i\\;",
    "Alle kan kome.",
)


@dataclass(frozen=True)
class Case:
    """Calendars to read: how many, and per calendar how many single events, series and dates moved or cancelled."""

    title: str
    feeds: int
    singles: int
    series: int
    exceptions: int

    @property
    def events(self) -> int:
        return self.feeds * (self.singles + self.series + self.exceptions)


CASES = {
    "calendar": Case("one calendar of 5 000 events", 1, 4_000, 500, 500),
    "feeds": Case("100 feeds of 50 events", 100, 38, 8, 4),
}


@dataclass
class Cost:
    """What one side took for one case.

    Attributes:
        seconds: on the clock, imports left out, the start of our expanding process left in.
        cpu_seconds: processor time of the same, processes started meanwhile included where /proc tells of them.
        occurrences: dated holdings found inside the window; 0 for a side that does not look for them.
        base_mib, peak_mib: resident memory before the work, and at its highest; None where /proc does not tell.
        child_mib: the same at its highest for the process that expands; None for a side that has none.
    """

    seconds: float
    cpu_seconds: float
    occurrences: int
    base_mib: float | None
    peak_mib: float | None
    child_mib: float | None


# -- calendars ------------------------------------------------------------------------------------------------------


def _line(name: str, value: str) -> str:
    """A content line, folded as exporters fold it: at most 75 octets each."""
    pieces, piece = [], ""
    for letter in f"{name}:{value}":
        if len((piece + letter).encode()) > 74:
            pieces.append(piece)
            piece = ""
        piece += letter
    return "\r\n ".join([*pieces, piece])


def _event(dice: random.Random, uid: str, start: datetime, *timing: str, status: str = "CONFIRMED") -> list[str]:
    stop = start + timedelta(minutes=dice.choice((45, 60, 90, 120)))
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260110T120000Z",
        "LAST-MODIFIED:20260109T101500Z",
        f"DTSTART;TZID={ZONE}:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={ZONE}:{stop:%Y%m%dT%H%M%S}",
        *timing,
        _line("SUMMARY", dice.choice(TITLES)),
        _line("LOCATION", dice.choice(PLACES)),
        _line("DESCRIPTION", " ".join(dice.choices(WORDS, k=dice.randint(10, 25)))),
        "CATEGORIES:Vaksne,Arrangement",
        f"STATUS:{status}",
        f"URL:https://example.org/arrangement/{uid}",
        "END:VEVENT",
    ]


def calendar(case: Case, number: int) -> bytes:
    """One calendar of a case; the same number gives the same bytes."""
    dice = random.Random(number)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Calendar//EN", f"X-WR-TIMEZONE:{ZONE}"]

    def moment() -> datetime:
        day = WINDOW[0] + timedelta(days=dice.randrange(600))
        return datetime(day.year, day.month, day.day, dice.randint(9, 19), dice.choice((0, 15, 30)))  # noqa: DTZ001

    for index in range(case.singles):
        lines += _event(dice, f"single-{index}@feed-{number}", moment())
    exceptions = case.exceptions
    for index in range(case.series):
        start, count, uid = moment(), dice.randint(8, 20), f"series-{index}@feed-{number}"
        timing = [f"RRULE:FREQ=WEEKLY;COUNT={count}"]
        if index % 5 == 0:
            timing.append(f"EXDATE;TZID={ZONE}:{start + timedelta(weeks=5):%Y%m%dT%H%M%S}")
        lines += _event(dice, uid, start, *timing)
        if exceptions:
            exceptions -= 1
            slot = start + timedelta(weeks=dice.randint(1, 4))
            told = f"RECURRENCE-ID;TZID={ZONE}:{slot:%Y%m%dT%H%M%S}"
            is_moved = dice.random() < 0.5
            moved = slot + timedelta(days=1) if is_moved else slot
            lines += _event(dice, uid, moved, told, status="CONFIRMED" if is_moved else "CANCELLED")
    assert not exceptions, "a case has at most one exception per series"
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


# -- sides ----------------------------------------------------------------------------------------------------------


def to_lake(case: Case, bodies: list[bytes], root: Path) -> Callable[[], int]:
    """Ours: people's lines out, bytes landed and fsynced, parsed, guarded, expanded, typed, written as Parquet."""
    from ingest import config
    from ingest.catalogue import Arrival
    from ingest.events._ical_scan import minimise
    from ingest.home import Home
    from ingest.pipeline import read_pending

    folder = root / "config"
    folder.mkdir()
    options = {"zone": ZONE, "expand_from": WINDOW[0], "expand_to": WINDOW[1]}
    sources = [
        {
            "source_id": f"event_ical_{number}",
            "family": "events",
            "adapter": "icalendar",
            "description": "Generated calendar.",
            "options": options,
        }
        for number in range(case.feeds)
    ]
    (folder / "library.yaml").write_text(yaml.safe_dump(LIBRARY))
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}))
    (folder / "figures.yaml").write_text("figures: []\n")
    configuration, home = config.load(folder), Home(root / "home")

    def work() -> int:
        for number, body in enumerate(bodies):
            home.land(
                Arrival(
                    source_id=f"event_ical_{number}",
                    how="poll",
                    received_at=RECEIVED,
                    origin="https://example.org/calendar.ics",
                    body=minimise(body),
                )
            )
        outcomes = read_pending(home, configuration, "events").values()
        rejects = sum(outcome.rejects for outcome in outcomes)
        if rejects or any(outcome.failures for outcome in outcomes):
            raise SystemExit(f"the generated calendars should be read whole; {rejects} rejects")
        return sum(outcome.rows["event_observations"] for outcome in outcomes)

    return work


def parsed_only(bodies: list[bytes]) -> Callable[[], int]:
    """`icalendar` alone: every property of every component as an object. No dates, no guards, nothing kept."""
    from icalendar import Calendar

    def work() -> int:
        for body in bodies:
            Calendar.from_ical(body)  # noqa: TID251 - the bare library is the subject
        return 0

    return work


def expanded_only(bodies: list[bytes]) -> Callable[[], int]:
    """`icalendar` and `recurring_ical_events`: the window's occurrences as objects. No guards, nothing kept."""
    import recurring_ical_events
    from icalendar import Calendar

    first, last = (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE)) for day in WINDOW)

    def work() -> int:
        return sum(
            len(recurring_ical_events.of(Calendar.from_ical(body)).between(first, last))  # noqa: TID251
            for body in bodies
        )

    return work


def _peak_mib(process: int | str) -> float | None:
    """Highest resident memory of a process since its program began; None where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else None


def _cpu_seconds(process: str) -> float:
    """Processor time of a process; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Children:
    """Watches the memory and processor time of processes started meanwhile. A context manager.

    Not the kernel's own sums over ended children: they leave out those that still live, and count as a child's the
    memory that it shared with us when it was started.
    """

    def __init__(self) -> None:
        # By process, its latest: before its program begins, a child shows its parent's memory as its own.
        self._latest: dict[str, float] = {}
        self._spent: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Children:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def peak(self) -> float | None:
        return max(self._latest.values(), default=None)

    @property
    def cpu_seconds(self) -> float:
        return sum(self._spent.values())

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            for task in Path("/proc/self/task").glob("*/children"):
                try:
                    children = task.read_text().split()
                except OSError:
                    continue  # a thread that ended
                for child in children:
                    peak = _peak_mib(child)
                    if peak is not None:
                        self._latest[child] = peak
                        self._spent[child] = _cpu_seconds(child)


def measure(side: str, case: Case) -> Cost:
    """Do one side's work on one case, in this process."""
    bodies = [calendar(case, number) for number in range(case.feeds)]
    with tempfile.TemporaryDirectory(prefix="levende-events-") as scratch:
        if side == "lake":
            work = to_lake(case, bodies, Path(scratch))
        else:
            work = {"parse": parsed_only, "expand": expanded_only}[side](bodies)
        base = _peak_mib("self")
        with _Children() as children:
            started, worked = time.perf_counter(), time.process_time()
            occurrences = work()
            seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    return Cost(seconds, cpu + children.cpu_seconds, occurrences, base, _peak_mib("self"), children.peak)


def _measured(side: str, name: str) -> Cost:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest_events", side, name],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return Cost(**json.loads(done.stdout))


SIDES = {
    "parse": "icalendar alone",
    "expand": "icalendar + expansion",
    "lake": "ours, bytes to lake",
}


def _mib(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):8.0f}" if known else f"{'-':>8}"


def main() -> None:
    print(f"events: calendar bytes, expanded over two years; median of {ROUNDS} rounds, sides in turn")
    print("  icalendar alone makes objects of the bytes. With expansion it also finds the window's dates, without")
    print("  limits: one broken event fails the calendar, one hostile rule never ends. Ours removes lines about")
    print("  people, lands and fsyncs, guards, expands rules in a bounded process, cleans words, gives keys and flags,")
    print("  and writes Parquet, typed and fsynced.")
    for name, case in CASES.items():
        told: dict[str, list[Cost]] = {side: [] for side in SIDES}
        for turn in range(ROUNDS):
            order = list(SIDES) if turn % 2 else list(reversed(SIDES))
            for side in order:
                told[side].append(_measured(side, name))
        size = sum(len(calendar(case, number)) for number in range(case.feeds)) / 1024 / 1024
        print(f"  {case.title} ({case.events} components, {size:.1f} MiB)")
        print("                              seconds  events/s    cpu s  occurrences  MiB before    peak   child")
        middle = {side: statistics.median(cost.seconds for cost in costs) for side, costs in told.items()}
        worked = {side: statistics.median(cost.cpu_seconds for cost in costs) for side, costs in told.items()}
        for side, title in SIDES.items():
            costs, seconds = told[side], middle[side]
            memory = [_mib([getattr(cost, what) for cost in costs]) for what in ("base_mib", "peak_mib", "child_mib")]
            print(
                f"    {title:24}  {seconds:7.2f}  {case.events / seconds:8.0f}  {worked[side]:7.2f}"
                f"  {costs[0].occurrences or '-':>11}"
                f"  {memory[0]:>10}{memory[1]}{memory[2]}"
            )
        for limit, title in (("parse", "parsing alone"), ("expand", "parsing and expanding")):
            print(
                f"    ours takes {middle['lake'] / middle[limit]:.2f} of the time of {title}, "
                f"{worked['lake'] / worked[limit]:.2f} of its processor time",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(asdict(measure(sys.argv[1], CASES[sys.argv[2]]))))
    else:
        main()
