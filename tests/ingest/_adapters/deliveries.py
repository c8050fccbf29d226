"""Deliveries of several makes, their senders, and a process that dies among them. Importable, to be spawned.

A sender delivers until it is told that the bytes are stored; whoever reads starts again when it died.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from ingest.catalogue import Arrival
from ingest.config import Configuration
from ingest.home import Home
from ingest.pipeline import read_pending, write_receipts

NOW = datetime(2026, 4, 1, 6, tzinfo=UTC)
READ = -1
SOURCES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "door_csv": ("interval_csv", "drop", {"zone": "Europe/Oslo"}),
    "door_brickstream": ("brickstream", "push", {}),
    "door_xovis": ("xovis_legacy", "push", {}),
    "door_gate": (
        "gate_readings",
        "drop",
        {"zone": "Europe/Oslo", "device": "Moa", "columns": {"stamp": ["Avlest"], "total": ["Teller"]}},
    ),
}


def _hours(*days: int) -> str:
    """Hourly counts of days in March; a day is told alike in every file that has it. The 29th has 23 hours."""
    lines = ["Avdeling;Dato;Time;Inn;Ut"]
    lines += [
        f"{branch};{day:02}.03.2026;{hour}:00;{day * hour % 7};{(day + hour) % 5}"
        for day in days
        for hour in range(24)
        for branch in ("Moa", "Spjelkavik")
        if (day, hour) != (29, 2)
    ]
    return "\n".join(lines) + "\n"


def _post(minute: int, people: int, sent_after: int) -> str:
    start = 1_774_000_800 + minute * 60
    clock = datetime.fromtimestamp(start, UTC)
    end = clock + timedelta(minutes=1)
    return (
        f"<Metrics DeviceId='d'><Properties><TransmitTime>{start + sent_after}</TransmitTime><Timezone>0</Timezone>"
        "<DST>0</DST><SerialNumber>10000000</SerialNumber></Properties><ReportData Interval='1'>"
        f"<Report Date='{clock:%Y-%m-%d}'><Object Id='0'><Count StartTime='{clock:%H:%M:%S}' EndTime='{end:%H:%M:%S}' "
        f"UnixStartTime='{start}' Enters='{people}' Exits='1' Status='4'/></Object></Report></ReportData></Metrics>"
    )


def _message(sent: str, **told: int) -> str:
    measured = ",".join(
        f'{{"from":"2026-03-20T10:{m[1:]}:00+01:00","to":"2026-03-20T10:{int(m[1:]) + 1}:00+01:00",'
        f'"value":[{{"value":{people},"label":"fw"}},{{"value":2,"label":"bw"}}]}}'
        for m, people in told.items()
    )
    return (
        f'{{"sensor-time":{{"time":"2026-03-20T{sent}+01:00"}},"status":{{"code":"OK"}},"content":{{"element":'
        f'[{{"element-id":0,"data-type":"LINE","measurement":[{measured}]}}]}},'
        '"sensor-info":{"serial-number":"80:1F:12:D5:30:DC"}}'
    )


# Overlapping, growing, revised and broken: all that one truth looks like on its way here. Two tellings that differ say
# when they were sent; only then is there one truth whatever the order.
BODIES: list[tuple[str, str]] = [
    ("door_csv", _hours(20)),
    ("door_csv", _hours(20, 21, 28)),
    ("door_csv", _hours(28, 29)),
    ("door_csv", _hours(22) + "Moa;23.03.2026;10:00;x;1\n"),
    ("door_brickstream", _post(0, 4, 84)),
    ("door_brickstream", _post(1, 7, 84)),
    ("door_brickstream", _post(1, 9, 444)),  # the same minute told again, later and otherwise
    ("door_brickstream", "<Metrics><cut"),
    ("door_xovis", _message("10:21:06", m20=3)),
    ("door_xovis", _message("10:31:06", m20=5, m21=0, m22=1)),  # an outage's backlog, with a revision
    ("door_xovis", _message("10:23:06", m22=8)),
    ("door_gate", "Avlest;Teller\n20.03.2026 10:00;100\n20.03.2026 11:00;140\n"),
    ("door_gate", "Avlest;Teller\n20.03.2026 11:00;140\n20.03.2026 12:00;x\n20.03.2026 13:00;190\n"),
]


@cache
def configuration(folder: Path) -> Configuration:
    """A library with one source of each make."""
    return Configuration.model_validate(
        {
            "folder": folder,
            "library": {
                "library_id": "test",
                "name": "Test library",
                "zone": "Europe/Oslo",
                "reporting": {"start_on": "2026-01-01"},
                "areas": [],
                "branches": [],
            },
            "sources": [
                {"source_id": name, "family": "doors", "adapter": adapter, "description": "A test.", "options": options}
                for name, (adapter, _, options) in SOURCES.items()
            ],
            "partners": {},
            "figures": [],
        }
    )


def arrival(number: int, moment: int) -> Arrival:
    """A body on its way in, `moment` minutes after the first."""
    source_id, text = BODIES[number]
    how = SOURCES[source_id][1]
    origin = f"file {number}.txt" if how == "drop" else ""
    return Arrival(source_id, how, NOW + timedelta(minutes=moment), text.encode(), origin=origin)


def read(root: Path, home: Home | None = None) -> None:
    """What every run does between landing and dbt."""
    home = home or Home(root)
    read_pending(home, configuration(root))
    write_receipts(home, configuration(root))


@contextmanager
def dying(steps: int, die: Callable[[], None]) -> Iterator[None]:
    """Call `die` before the given number of steps that change or look at the disk, or that the catalogue takes.

    Between two such steps nothing can be lost that was not lost at one of them. Nothing is fsynced: that survives a
    killed process, and what survives a power cut is counted elsewhere.
    """
    left = itertools.count(steps, -1)

    def step(*_: Any) -> None:
        if next(left) == 0:
            die()

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **more: Any) -> Any:
            step()
            return real(*args, **more)

        return stepping

    with ExitStack() as stack:
        for owner, name in ((Path, "open"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (os, "unlink")):
            stack.enter_context(patch.object(owner, name, before(getattr(owner, name))))
        stack.enter_context(patch.object(os, "fsync", step))
        for event in ("before_cursor_execute", "commit"):
            sa.event.listen(sa.Engine, event, step)
            stack.callback(sa.event.remove, sa.Engine, event, step)
        yield


def carry_out(root: Path, work: Sequence[int], told: Callable[[int], object], first: int = 0) -> None:
    """Deliver and read in the order given (`READ` reads), telling the place of everything that is done."""
    home = Home(root)
    for place, number in enumerate(work[first:], first):
        read(root, home) if number == READ else home.land(arrival(number, place))
        told(place)


def main(root: Path, steps: int, first: int, work: Sequence[int]) -> None:
    """Carry out, be killed before one of the steps, and say on the way what was done."""
    with dying(steps, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        carry_out(root, work, lambda place: os.write(1, b"%d\n" % place), first)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]]
    main(Path(sys.argv[1]), numbers[0], numbers[1], numbers[2:])
