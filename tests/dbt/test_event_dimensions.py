"""Facts beside an event's identity, through the whole warehouse: for whom, by whom, how many came, and what came late.

The rules themselves are unit tests of their models. Here histories made by hand go through all of them, and what people
read must add up.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build, claim, library_with

from ingest.config import Configuration, EventDecision

AS_OF = "2024-07-01 04:00:00"
MODELS = ("+events_split", "+bridge_event_audience", "+bridge_event_audience_claim", "+fct_event",
          "+bridge_event_claim", "+dim_source", "+fct_event_attendance", "+fct_event_doubt",
          "+bridge_event_branch", "+fct_event_restatement")  # fmt: skip
MOA: dict[str, Any] = {"location": "Moa bibliotek"}


def described(project: Path) -> Configuration:
    """The project's library, with feeds that tests can tell as they like."""
    decision = EventDecision.model_validate(
        {"verdict": "not_countable", "claims": [{"source_id": "event_own", "series_id": "k-5"}],
         "reason": "nobody opened the door", "decided_on": date(2023, 5, 1), "decided_by": "branch manager"}
    )  # fmt: skip
    return library_with(project, "event_own", "event_town", "event_sheet", decisions=[decision])


def for_whom(lake: EventLake) -> None:
    """The library's own feed tells no audience; the municipality's has boxes, which some posters all tick."""
    own = [
        claim("w-1", "2024-02-05 18:00", "Quiz", **MOA),
        claim("w-2", "2024-02-06 11:00", "Lesestund", **MOA),
        claim("w-3", "2024-02-07 18:00", "Opent hus", **MOA),
        claim("w-4", "2024-02-08 18:00", "Konsert", **MOA),
        claim("w-5", "2024-02-09 18:00", "Debatt", **MOA),
        claim("a-1", "2024-04-10 11:00", "Lego", audience_claims="age 6-9", **MOA),
        claim("a-2", "2024-04-11 18:00", "Slam", audience_claims="age 16-25 | 18+", **MOA),
        claim("a-3", "2024-04-12 18:00", "Sjakk", audience_claims="age 10-15", **MOA),
    ]
    every = "children | teenager | family | senior | pensioner"
    town = [
        claim("811", "2024-02-05 18:00", "Quiz", audience_claims="teenager | senior", **MOA),
        claim("812", "2024-02-06 11:00", "Lesestund", audience_claims=every, **MOA),
        claim("813", "2024-02-07 18:00", "Opent hus", audience_claims=every, **MOA),
        claim("814", "2024-02-08 18:00", "Konsert", audience_claims="robots", **MOA),
    ]
    lake.fetch("event_own", "2024-01-20 04:00:00", own)
    lake.fetch("event_town", "2024-01-20 04:01:00", town)


def who_came(lake: EventLake) -> None:
    """The staff's sheet tells adults and children apart where it can; one number is for a whole series."""
    held = [claim(f"n-{n}", f"2023-02-{n:02d} 18:00", f"Kveld {n}", **MOA) for n in range(1, 6)]
    series = [claim("stund", f"2023-01-{d} 11:00", "Stund", slot=f"2023-01-{d}T10:00:00Z", **MOA) for d in (24, 31)]
    lake.fetch("event_sheet", "2023-01-20 04:00:00", [*held, *series])

    def report(series_id: str, day: str, **counts: Any) -> dict[str, Any]:
        counted = {"on_site_count": None, "online_count": None, **counts}
        at = datetime.fromisoformat(f"2023-03-{day} 10:00")
        return {"series_id": series_id, "slot": "", "reported_at": at, "method": "counted", **counted}

    first = [
        report("n-1", "01", on_site_count=30, online_count=4, adults_count=20, children_count=10),
        report("n-2", "01", on_site_count=12, children_count=5),
        report("n-3", "01", on_site_count=9, adults_count=8, children_count=8),
        report("n-4", "01", on_site_count=0),
        report("n-5", "01", on_site_count=7),
        report("stund", "01", on_site_count=44),
    ]
    lake.fetch("event_sheet", "2023-03-01 10:00:00", reports=first, how="drop", origin="a", window=None)
    again = [
        report("n-1", "05", on_site_count=31, online_count=4, reported_by_role="branch_manager"),
        *(dict(r) for r in first[1:5]),
    ]
    lake.fetch("event_sheet", "2023-03-05 10:00:00", reports=again, how="drop", origin="b", window=None)


def held_together(lake: EventLake) -> None:
    """Branches of one municipality, and of two, hold an evening together; one holds another's in its own rooms."""
    both = [
        claim("t-1", "2023-06-05 18:00", "Felles kveld", location="Moa bibliotek", categories="Moa | Skodje | Vatne"),
        claim("t-2", "2024-03-05 18:00", "Grensekveld", location="Moa bibliotek", categories="Moa | Brattvåg"),
        claim("t-3", "2023-06-06 18:00", "Gjestespel", location="Skodje bibliotek", categories="Moa"),
        claim("t-4", "2023-06-07 18:00", "Parkkveld", location="Byparken", categories="Moa"),
    ]
    lake.fetch("event_own", "2023-05-20 04:00:00", both)


def told_late(lake: EventLake) -> None:
    """2022 closed on 31 January 2023. Ten days later the feed tells some of it anew, and one event first."""

    def told(series_id: str, start: str, title: str, **more: Any) -> dict[str, Any]:
        return claim(series_id, start, title, location="Vatne bibliotek", **more)

    first = [
        told("k-1", "2022-11-01 18:00", "Foredrag om havet"),
        told("k-2", "2022-12-30 18:00", "Verkstad"),
        told("k-3", "2022-11-03 18:00", "Kurs"),
        told("k-4", "2022-11-04 18:00", "Konsert"),
        told("k-5", "2022-11-05 18:00", "Teater"),
    ]
    notice = ("k-8", "2022-11-08 18:00", "Stengt for kurs")
    again = [
        told("k-1", "2022-11-01 18:00", "Foredrag om havet", status="cancelled"),
        told("k-2", "2023-01-03 18:00", "Verkstad"),
        told("k-3", "2022-11-03 18:00", "Kurs i koding"),
        *first[3:],
        told("k-6", "2022-11-06 18:00", "Dukketeater"),
        told("k-7", "2023-02-06 18:00", "Sirkus"),
        told(*notice, status="cancelled"),
    ]
    lake.fetch("event_own", "2023-01-10 04:00:00", first, how="drop", origin="k", window=None)
    song = claim("k-0", "2022-10-01 18:00", "Songkveld")
    lake.fetch("event_own", "2023-01-30 04:00:00", [*first, told(*notice), song], how="drop", origin="k", window=None)
    lake.fetch("event_own", "2023-02-10 04:00:00", again, how="drop", origin="k", window=None)
    for at, count in (("2023-01-20", 12), ("2023-03-01", 15), ("2023-03-02", 15), ("2023-04-01", None)):
        report = {"series_id": "k-4", "slot": "", "reported_at": datetime.fromisoformat(f"{at} 10:00"),
                  "method": "counted", "on_site_count": count}  # fmt: skip
        lake.fetch("event_own", f"{at} 10:00:00", reports=[report], how="drop", origin=f"r-{at}", window=None)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """All histories, built once."""
    lake = EventLake(tmp_path_factory.mktemp("dimensions"), described(project))
    for history in (told_late, who_came, held_together, for_whom):
        history(lake)
    return build(lake, project, AS_OF, *MODELS)


def test_a_form_with_every_box_ticked_makes_no_event_one_for_children(warehouse: Path) -> None:
    """The municipality's boxes are kept as they were; what is counted is reviewed, by a rule that says why."""
    rows = ask(
        warehouse,
        "select c.series_id, a.audience, a.share, a.audience_basis, a.audience_rule from core.bridge_event_audience a "
        "join core.bridge_event_claim c on c.event_id = a.event_id and c.source_id = 'event_own' "
        "where c.series_id like 'w-%' order by 1, 2",
    )
    assert rows == [
        ("w-1", "adults", 0.5, "claimed", "adults"),
        ("w-1", "youth", 0.5, "claimed", "youth"),
        ("w-2", "children", 1.0, "words", "children"),
        ("w-3", "everyone", 1.0, "every_box", "every_box"),
        ("w-4", "not_told", 1.0, "none", "none"),
        ("w-5", "not_told", 1.0, "none", "none"),
    ]
    raw = (
        "select audience_claim, set_aside_rule, is_used from core.bridge_event_audience_claim c join core.fct_event e "
    )
    told = ask(warehouse, raw + "using (event_id) where e.title = 'Opent hus' order by 1")
    assert told == [(box, "every_box", False) for box in ("children", "family", "pensioner", "senior", "teenager")]
    assert ask(warehouse, raw + "using (event_id) where e.title = 'Konsert'") == [("robots", None, False)]
    assert ask(warehouse, "select audience, audience_rule from core.fct_event where title = 'Quiz'") == [
        ("several", "claimed")
    ]


def test_every_version_of_a_report_is_kept_and_one_is_current(warehouse: Path) -> None:
    """Who asks why the number changed must find the old one; nobody told apart is not nobody."""
    rows = ask(
        warehouse,
        "select series_id, version_number, attendance_count, adults_present_count, children_present_count, "
        "has_part_conflict, is_current, is_used, report_scope from core.fct_event_attendance "
        "where source_id = 'event_sheet' order by 1, 2",
    )
    assert rows == [
        ("n-1", 1, 34, 20, 10, False, False, False, "occurrence"),
        ("n-1", 2, 35, None, None, False, True, True, "occurrence"),
        ("n-2", 1, 12, None, 5, False, True, True, "occurrence"),
        ("n-3", 1, 9, 8, 8, True, True, True, "occurrence"),
        ("n-4", 1, 0, None, None, False, True, True, "occurrence"),
        ("n-5", 1, 7, None, None, False, True, True, "occurrence"),
        ("stund", 1, 44, None, None, False, True, False, "series"),
    ]
    doubts = ask(warehouse, "select doubt_kind, is_open from core.fct_event_doubt where source_id = 'event_sheet'")
    assert sorted(doubts) == [("parts_exceed_total", True), ("report_on_series", True)]


def test_who_reported_is_told_by_role_where_the_report_says_so(warehouse: Path) -> None:
    """A number is defended by an office; most reports name none."""
    rows = ask(
        warehouse,
        "select version_number, reported_by_role from core.fct_event_attendance where series_id = 'n-1' order by 1",
    )
    assert rows == [(1, None), (2, "branch_manager")]


def test_ages_are_reviewed_like_boxes(warehouse: Path) -> None:
    """A range inside one audience is that audience; one over two is kept as it was told and counts for none."""
    rows = ask(
        warehouse,
        "select e.title, b.audience, b.audience_rule, b.share from core.bridge_event_audience b "
        "join core.fct_event e using (event_id) where e.title in ('Lego', 'Slam', 'Sjakk') order by 1, 2",
    )
    assert rows == [
        ("Lego", "children", "children_ages", 1.0),
        ("Sjakk", "not_told", "none", 1.0),
        ("Slam", "adults", "adult_ages", 0.5),
        ("Slam", "youth", "youth_ages", 0.5),
    ]


def test_a_number_for_a_whole_series_is_no_dates(warehouse: Path) -> None:
    """Copied to each date it would be counted once for every Tuesday; its dates have no report."""
    assert ask(
        warehouse,
        "select value from kpi.figures where figure_id = 'events_without_attendance' and branch_id = 'moa' "
        "and period_kind = 'month' and period_start = date '2023-01-01'",
    ) == [(2.0,)]


def test_children_are_cut_out_of_those_who_came_only_where_they_were_told(warehouse: Path) -> None:
    """Parts that are more than the whole are no parts; whoever was not told apart stands by himself."""
    rows = ask(
        warehouse,
        "select split_value, value from kpi.events_split where split = 'age' and figure_id = 'event_attendances' "
        "and branch_id = 'moa' and period_kind = 'month' and period_start = date '2023-02-01' order by 1",
    )
    assert rows == [("children", 5.0), ("not_told_apart", 31.0 + 7 + 9 + 0 + 7), ("online", 4.0)]


def test_every_cut_of_the_events_adds_up_alone(warehouse: Path) -> None:
    """An event for two audiences is half of each: a cut by audience that counted it twice would be more than all."""
    figures = dict(
        ask(
            warehouse,
            "select (figure_id, area_id, coalesce(branch_id, ''), period_kind, period_start)::varchar, value "
            "from kpi.figures where figure_id in ('events_held', 'event_attendances') and value is not null "
            "and period_kind in ('month', 'quarter', 'year')",
        )
    )
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for split, key, value in ask(
        warehouse,
        "select split, (figure_id, area_id, coalesce(branch_id, ''), period_kind, period_start)::varchar, value "
        "from kpi.events_split where value is not null",
    ):
        sums[split, key] += value
    told = {split for split, _ in sums}
    assert told == {"type", "organiser", "place", "audience", "age"}
    for (_split, key), total in sums.items():
        assert total == pytest.approx(figures[key])
    whole = {key for key, value in figures.items() if value and key.startswith("(events_held")}
    for split in ("type", "organiser", "place", "audience"):
        assert whole <= {key for named, key in sums if named == split}, split
    halves = ask(
        warehouse,
        "select split_value, value from kpi.events_split where split = 'audience' and figure_id = 'events_held' "
        "and branch_id = 'moa' and period_kind = 'month' and period_start = date '2024-02-01' order by 1",
    )
    assert dict(halves)["youth"] == 0.5


def test_branches_that_hold_an_event_together_add_up_to_one(warehouse: Path) -> None:
    """Counted at each it would be three; and what two municipalities hold together is half of each."""
    rows = ask(
        warehouse,
        "select e.title, b.branch_id, b.area_id, b.branch_role, round(b.share, 6) from core.bridge_event_branch b "
        "join core.fct_event e using (event_id) where e.title in ('Felles kveld', 'Grensekveld', 'Gjestespel', "
        "'Parkkveld') order by 1, 2",
    )
    assert rows == [
        ("Felles kveld", "moa", "1507", "host", 0.333333),
        ("Felles kveld", "skodje", "1507", "owner", 0.333333),
        ("Felles kveld", "vatne", "1507", "host", 0.333333),
        ("Gjestespel", "moa", "1507", "owner", 1.0),
        ("Gjestespel", "skodje", "1507", "venue", 0.0),
        ("Grensekveld", "brattvag", "1580", "owner", 0.5),
        ("Grensekveld", "moa", "1508", "host", 0.5),
        ("Parkkveld", "moa", "1507", "owner", 1.0),
    ]
    told = dict(
        ask(
            warehouse,
            "select area_id || ' ' || coalesce(branch_id, '') || ' ' || strftime(period_start, '%Y-%m'), value "
            "from kpi.figures where figure_id = 'events_held' and period_kind = 'month' "
            "and period_start in (date '2023-06-01', date '2024-03-01') and value > 0",
        )
    )
    third = pytest.approx(1 / 3)
    assert told == {
        "1507 moa 2023-06": pytest.approx(2 + 1 / 3), "1507 skodje 2023-06": third, "1507 vatne 2023-06": third,
        "1507  2023-06": 3.0, "1508 moa 2024-03": 0.5, "1508  2024-03": 0.5, "1580 brattvag 2024-03": 0.5,
        "1580  2024-03": 0.5,
    }  # fmt: skip
    shares = ask(warehouse, "select distinct round(sum(share), 9) from core.bridge_event_branch group by event_id")
    assert shares == [(1.0,)]


def test_what_is_told_of_a_closed_year_is_listed_with_what_stood_before(warehouse: Path) -> None:
    """A figure that was handed over must not change without a word; what is told in time, or of an open year, may."""
    rows = ask(
        warehouse,
        "select r.change_kind, e.title, r.closed_year, r.closed_on::varchar, r.old_value, r.new_value, r.old_count, "
        "r.new_count from core.fct_event_restatement r join core.fct_event e using (event_id) "
        "where r.closed_year = 2022 order by r.restated_at, 1, 2",
    )
    closed = (2022, "2023-01-31")
    place = "@ Vatne bibliotek"
    assert rows == [
        ("cancelled", "Foredrag om havet", *closed, f"scheduled 2022-11-01 18:00 Foredrag om havet {place}",
         f"cancelled 2022-11-01 18:00 Foredrag om havet {place}", 1.0, 0.0),
        # it never counted, so calling it off is no loss
        ("cancelled", "Stengt for kurs", *closed, f"scheduled 2022-11-08 18:00 Stengt for kurs {place}",
         f"cancelled 2022-11-08 18:00 Stengt for kurs {place}", 0.0, 0.0),
        ("first_told", "Dukketeater", *closed, "not told", f"scheduled 2022-11-06 18:00 Dukketeater {place}", 0.0, 1.0),
        ("moved", "Verkstad", *closed, f"scheduled 2022-12-30 18:00 Verkstad {place}",
         f"scheduled 2023-01-03 18:00 Verkstad {place}", 1.0, 0.0),
        ("reworded", "Kurs i koding", *closed, f"scheduled 2022-11-03 18:00 Kurs {place}",
         f"scheduled 2022-11-03 18:00 Kurs i koding {place}", 1.0, 1.0),
        ("attendance_changed", "Konsert", *closed, "12", "15", 12.0, 15.0),
        ("attendance_taken_back", "Konsert", *closed, "15", "not reported", 15.0, None),
        ("decided", "Teater", *closed, "by the rules", "not_countable", None, None),
    ]  # fmt: skip
    assert ask(
        warehouse, "select count(*) from core.fct_event_restatement where reason = '' or closed_year > 2023"
    ) == [(0,)]
    (reason,) = ask(warehouse, "select reason from core.fct_event_restatement where change_kind = 'decided'")
    assert reason == ("nobody opened the door",)
