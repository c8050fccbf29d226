"""The stand-ins for door portals and devices, over the people of the simulated world.

What belongs here: what they tell (the world's true counts) and where they are. What does not: how they speak; that is
`doors_portals.py` and `doors_devices.py`. All bind 127.0.0.1 and take free ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

from sandbox.doors_devices import Devices
from sandbox.doors_portals import MAKES, DoorPortals, Line
from sandbox.visits import DoorCounts
from sandbox.world import CLOCK, World

USER = "viewer"


@contextmanager
def door_servers(world: World, password: str, *, now: datetime = CLOCK) -> Iterator[Mapping[str, str]]:
    """Serve a world's doors while the context is entered.

    The portals know every line: the branch is the site, the line the entrance and the sensor. The devices all stand
    at the first perimeter line.

    Args:
        password: what they accept beside the user `viewer`, as password, API key and client secret. Keep it out of
            files.
        now: their clock, aware.

    Yields:
        The address of each make, by the name of the adapter that asks it.
    """
    counts = {door.line.line_id: _Quarters(door, world) for door in world.doors}
    lines = tuple(
        Line(door.line.branch_id, door.line.line_id, door.line.line_id, door.line.role == "perimeter")
        for door in world.doors
    )
    first = next(door for door in world.doors if door.line.role == "perimeter")
    portals = DoorPortals(
        lines,
        lambda line, at: counts[line.sensor_id].at(at),
        world.configuration.zone,
        now=now,
        user=USER,
        password=password,
    )
    devices = Devices(
        now,
        zone=world.configuration.zone.key,
        user=USER,
        password=password,
        key=password,
        people=counts[first.line.line_id].in_minute,
    )
    with ExitStack() as running:
        running.enter_context(portals)
        running.enter_context(devices)
        addresses = {make: f"{portals.url}/{make}" for make in MAKES}
        asked = ("axis_3d", "axis_people_counter", "xovis_v5", "milesight")
        yield addresses | dict.fromkeys(asked, devices.url)


class _Quarters:
    """One door's people by moment in UTC, as the wall clock of the world has them."""

    def __init__(self, door: DoorCounts, world: World) -> None:
        self._door = door
        self._rows: Mapping[date, int] = {day: row for row, day in enumerate(world.days)}
        self._zone = world.configuration.zone

    def at(self, quarter_at: datetime) -> tuple[int, int]:
        """In and out in the quarter that starts at an aware moment; none outside the simulated days."""
        local = quarter_at.astimezone(self._zone)
        row = self._rows.get(local.date())
        if row is None:
            return 0, 0
        quarter = local.hour * 4 + local.minute // 15
        return int(self._door.ins[row, quarter]), int(self._door.outs[row, quarter])

    def in_minute(self, minute_at: datetime) -> tuple[int, int]:
        """In and out in a minute: a quarter's people come evenly."""
        at = minute_at.astimezone(UTC)
        n = at.minute % 15
        came, left = self.at(at - timedelta(minutes=n))
        return came * (n + 1) // 15 - came * n // 15, left * (n + 1) // 15 - left * n // 15
