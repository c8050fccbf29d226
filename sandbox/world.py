"""The simulated world as a whole: its days, its clock, and all that happens in it.

What belongs here: putting the parts together from one seed. What does not: any part itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingest.config import Configuration
from ingest.errors import ConfigurationError
from sandbox import attendance, instagram, programme, visits

SEED = 20_220_101
# The first day that is not simulated any more, and the moment at which the sandbox stands: the morning of that day,
# when every file of June is written.
END_ON = date(2024, 7, 1)
CLOCK = datetime(2024, 7, 1, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """All that truly happened. The same description and seed give the same world, to the byte.

    Attributes:
        days: the simulated local dates, consecutive.
        profile: the Instagram account; None when the description has none.
        attendance: who came to what was held, in the order of `programme.held`.
    """

    configuration: Configuration
    seed: int
    days: list[date]
    doors: list[visits.DoorCounts]
    programme: programme.Programme
    profile: instagram.Profile | None
    attendance: tuple[attendance.Attendance, ...] = ()


def build(configuration: Configuration, seed: int = SEED) -> World:
    """Simulate the library that a configuration describes, from its start of reporting to `END_ON`.

    Raises:
        ConfigurationError: it does not say that it is simulated, or describes what can't be simulated.
    """
    if not configuration.library.is_simulated:
        raise ConfigurationError(
            f"{configuration.folder / 'library.yaml'} describes a real library.",
            next_action="Point LEVENDE_CONFIG at a configuration with is_simulated: true; the sandbox fills no other.",
        )
    days = visits.dates(configuration.library.reporting.start_on, END_ON)
    if not days:
        raise ConfigurationError(
            f"library.yaml: reporting starts on {configuration.library.reporting.start_on}, after the sandbox's end.",
            next_action=f"Let reporting.start_on lie before {END_ON}.",
        )
    held = programme.simulate(configuration, days, seed)
    return World(
        configuration,
        seed,
        days,
        visits.simulate(configuration, days, seed),
        held,
        instagram.simulate(configuration, days, seed),
        attendance.simulate(held, seed, CLOCK),
    )


def poll_moments(world: World) -> list[datetime]:
    """When the account was looked at in the past: on the evening of each month's last day, UTC.

    The platform offers no history of followers, so a history can only be made by asking as time goes by.
    """
    last_days = [day for day in world.days if (day + timedelta(days=1)).day == 1]
    return [datetime(day.year, day.month, day.day, 18, 0, tzinfo=UTC) for day in last_days]
