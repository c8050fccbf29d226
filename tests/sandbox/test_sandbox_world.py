"""The simulated world is what it says it is: exact totals, the same for everyone, nobody behind closed doors."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from ingest.config import Configuration
from ingest.errors import ConfigurationError
from sandbox import truth, vendors, visits
from sandbox.instagram import SETTLED_AFTER
from sandbox.programme import HELD, NEW_PARTNERS, PARTNERS, UNIT, at, calendar_bytes, partner_id
from sandbox.world import CLOCK, END_ON, World, build, poll_moments


@pytest.fixture(scope="session")
def told(world: World) -> dict[tuple[str, str, str | None, str, str], float]:
    """True figures by their key."""
    return {(f.figure_id, f.area_id, f.branch_id, f.period_kind, f.period_start): f.value for f in truth.figures(world)}


def test_the_two_reported_years_have_exactly_the_reported_visits(told: dict[tuple[object, ...], float]) -> None:
    """The demonstration recomputes a public claim; a truth that is nearly right would prove nothing."""
    assert told["visits", "1507", None, "year", "2022-01-01"] == 200_000
    assert told["visits", "1507", None, "year", "2023-01-01"] == 220_000


def test_events_rise_by_a_fifth_and_new_partners_by_two_dozen(told: dict[tuple[object, ...], float]) -> None:
    """The other two claims of the report: +20 % events, at least 20 new partners."""
    held = [told["events_held", "1507", None, "year", f"{year}-01-01"] for year in (2022, 2023)]
    assert held == [500, 600]
    assert told["partners_new", "1507", None, "year", "2023-01-01"] == 24
    assert told["partners_new_units", "1507", None, "year", "2023-01-01"] == 25
    assert ("partners_new", "1507", None, "year", "2022-01-01") not in told


def test_every_branch_has_visits_in_every_year(told: dict[tuple[object, ...], float], world: World) -> None:
    """A branch without people would hide a lost feed."""
    for branch in world.configuration.library.branches:
        for year in (2022, 2023):
            assert told["visits", "1507", branch.branch_id, "year", f"{year}-01-01"] > 500
    # the split: each branch goes on in its new area
    assert told["visits", "1580", "longva", "month", "2024-06-01"] > 0
    assert ("visits", "1507", "longva", "month", "2024-06-01") not in told


def test_months_and_branches_add_up_to_the_year_of_the_area(told: dict[tuple[object, ...], float]) -> None:
    """Identity of every roll-up; the truth must obey it before it judges others."""
    months = sum(v for k, v in told.items() if k[:4] == ("visits", "1507", None, "month") and str(k[4])[:4] == "2023")
    parts = sum(v for k, v in told.items() if k[0] == "visits" and k[2] is not None and k[3:] == ("year", "2023-01-01"))
    assert months == parts == 220_000


def test_nobody_enters_or_leaves_while_a_branch_is_closed(world: World) -> None:
    """Zero while closed is what makes a count outside opening hours an alert."""
    for door in world.doors:
        is_open = visits.open_quarters(world.configuration, door.line.branch_id, world.days)
        assert not door.ins[~is_open].any()
        assert not door.outs[~is_open].any()


def test_closures_and_holidays_have_no_people(world: World) -> None:
    """Named days, so that a mistake in the hours' reader can't agree with itself."""
    main = next(d for d in world.doors if d.line.line_id == "alesund_hovudinngang")
    moa = next(d for d in world.doors if d.line.line_id == "moa_inngang")
    day = {d: i for i, d in enumerate(world.days)}
    for closed in (*(date(2023, 5, n) for n in range(8, 22)), date(2022, 5, 17), date(2022, 12, 24), date(2022, 4, 16)):
        assert main.ins[day[closed]].sum() == 0, closed
    assert moa.ins[day[date(2023, 5, 8)]].sum() > 0
    assert moa.ins[day[date(2023, 5, 17)]].sum() == 0
    week_40 = main.ins[day[date(2022, 10, 3)]]
    assert week_40.sum() > 0
    assert week_40[: 11 * 4].sum() == week_40[15 * 4 :].sum() == 0


def test_everyone_who_enters_leaves_by_the_same_door_on_the_same_day_and_not_before(world: World) -> None:
    """So a day's visits are known without any halving, and occupancy is never negative."""
    for door in world.doors:
        assert (door.ins.sum(axis=1) == door.outs.sum(axis=1)).all(), door.line.line_id
        assert (np.cumsum(door.ins - door.outs, axis=1) >= 0).all(), door.line.line_id


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(world: World) -> None:
    """A demonstration that nobody can repeat defends nothing."""
    again, other = build(world.configuration), build(world.configuration, seed=7)

    def told(w: World) -> tuple[object, ...]:
        files = vendors.files(w.configuration, w.doors, w.days)
        return (
            [f.body for f in files if f.source_id != "door_brickstream_moa" or f.written_at.day == 1],
            calendar_bytes(w.programme, w.configuration.zone),
            w.profile,
        )

    assert told(world) == told(again)
    assert told(world) != told(other)
    year = [f for f in truth.figures(other) if (f.figure_id, f.period_kind, f.branch_id) == ("visits", "year", None)]
    assert [f.value for f in year] == [200_000, 220_000]


def test_a_real_library_is_never_simulated_into(description: Configuration) -> None:
    """Made-up visits in a real drop folder could be published as true ones."""
    real = description.model_copy(update={"library": description.library.model_copy(update={"is_simulated": False})})
    with pytest.raises(ConfigurationError, match="is_simulated"):
        build(real)


def test_hours_inside_a_quarter_are_refused_with_the_next_action(description: Configuration) -> None:
    """Simulated people know quarters of an hour; rounding hours in silence would break the exact truth."""
    hours = description.library.opening_hours
    odd = hours[0].model_copy(update={"opens": hours[0].opens.replace(minute=10)})
    library = description.library.model_copy(update={"opening_hours": (odd, *hours[1:])})
    with pytest.raises(ConfigurationError, match="whole quarters"):
        build(description.model_copy(update={"library": library}))


def test_holdings_are_counted_by_the_local_date_on_which_they_truly_started(world: World) -> None:
    """A slot moved over new year, and half past midnight that is still December in UTC, are both of 2023."""
    starts = {h.uid: h.start for h in world.programme.held}
    moved = [h for h in world.programme.held if h.uid.startswith("lesesirkel-2022-2") and h.start.year == 2023]
    assert [h.start for h in moved] == [at(date(2023, 1, 9), "16:30")]
    assert at(date(2023, 1, 1), "00:30") in starts.values()
    assert Counter(h.start.year for h in world.programme.held) == HELD
    assert all(h.start.date() < END_ON for h in world.programme.held)
    assert any(e.start.date() >= END_ON for e in world.programme.entries), "some are announced and not held"


def test_new_partners_are_registered_are_on_no_list_and_were_there(world: World) -> None:
    """A partner named only for a cancelled event has not acted, and one with a new name is not new."""
    partners = world.configuration.partners
    assert partners.baseline is not None
    registered = {p.partner_id for p in partners.partners}
    active = {h.partner_id for h in world.programme.held if h.partner_id}
    assert active <= registered
    assert len(registered) == PARTNERS + 1
    assert partner_id(PARTNERS) in registered - active
    assert len(active - set(partners.baseline.partner_ids) - {partner_id(UNIT[0])}) == sum(NEW_PARTNERS.values())
    assert {h.partner_id for h in world.programme.held if h.partner_id and h.start.year == 2022} <= set(
        partners.baseline.partner_ids
    )
    renamed = next(p for p in partners.partners if p.aliases)
    assert renamed.partner_id in partners.baseline.partner_ids
    assert any(e.partner == renamed.aliases[0] for e in world.programme.entries)


def test_each_post_is_seen_after_its_numbers_stand_still_or_at_the_very_end(world: World) -> None:
    """The true engagement is that of the last look; a look at a growing post would make it depend on poll times."""
    assert world.profile is not None
    source = world.configuration.source("instagram_graph_account")
    asked_for = timedelta(days=source.options["insight_max_age_days"])
    looks = [*poll_moments(world), CLOCK]
    for post in world.profile.posts:
        ages = [moment - post.posted_at for moment in looks if timedelta() <= moment - post.posted_at <= asked_for]
        assert ages[-1] >= SETTLED_AFTER or CLOCK - post.posted_at == ages[-1], post.post_id


def test_the_repeated_hour_is_told_twice_and_the_skipped_one_not_at_all(world: World) -> None:
    """Files of 23 and 25 hours are what counters write; 24 rows on every day would hide the case."""
    files = [f for f in vendors.files(world.configuration, world.doors, world.days) if f.source_id != "x"]
    october = next(f for f in files if f.source_id == "door_bibliofil_filialane" and f.name == "besok-2022-10.csv")
    march = next(f for f in files if f.source_id == "door_bibliofil_filialane" and f.name == "besok-2023-03.csv")
    hours = [line.split(";")[2] for line in october.body.decode("cp1252").split("\r\n") if "Skodje;30.10.2022" in line]
    assert hours == ["0", "1", "2", "2", *map(str, range(3, 24))]
    hours = [line.split(";")[2] for line in march.body.decode("cp1252").split("\r\n") if "Skodje;26.03.2023" in line]
    assert hours == ["0", "1", *map(str, range(3, 24))]
    xml = {f.name: f.body.count(b"<Count ") for f in files if f.source_id == "door_brickstream_moa"}
    assert xml["10000015-20221030.xml"] == 100
    assert xml["10000015-20230326.xml"] == 92
    assert xml["10000015-20230327.xml"] == 96


def test_people_in_the_doubled_hour_are_refused(world: World) -> None:
    """A wall clock can't tell the two apart, so their truth would be a guess."""
    door = world.doors[0]
    night = door.ins.copy()
    night[world.days.index(date(2022, 10, 30)), 2 * 4] = 1
    broken = [replace(door, ins=night), *world.doors[1:]]
    with pytest.raises(ConfigurationError, match="twice"):
        list(vendors.files(world.configuration, broken, world.days))
