"""A closed year's events that begin or cease to count by a word about something else, and the list that says so.

What belongs here: late reports, and late tellings by a source that is believed more. What does not: what a source
changes in its own words (`test_event_dimensions`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from event_lake import EventLake, ask, build, claim, feed, library_with, utc

from ingest.config import Configuration

AS_OF = "2024-07-01 04:00:00"
AT_CLOSING = "2023-01-30 22:59:00"
MODELS = ("+fct_event_restatement", "+fct_event", "+bridge_event_claim", "+figures")
BEFORE, AFTER = "2023-01-20 10:00:00", "2023-03-01 10:00:00"


def described(project: Path) -> Configuration:
    """The project's library; its own feed is believed more than the town's, and staff hand in a sheet."""
    names = ("event_own", "event_town", "event_sheet")
    return library_with(project, *(feed(name, priority=rank) for rank, name in enumerate(names, start=1)))


def report(key: str, start: str, title: str, place: str) -> dict[str, Any]:
    """A row of the sheet, which knows no ids. The day that it bears is in time, whenever it comes."""
    return {
        "series_id": key, "slot": "", "reported_at": datetime.fromisoformat("2023-01-15 10:00"), "on_site_count": 12,
        "method": "counted", "start_on": datetime.fromisoformat(start).date(), "start_at": utc(start), "title": title,
        "location": place,
    }  # fmt: skip


def history(lake: EventLake) -> None:
    """2022 closed on 31 January 2023. What came before it and what came after."""

    def at(series_id: str, start: str, title: str, place: str, **more: Any) -> dict[str, Any]:
        return claim(series_id, start, title, location=f"{place} bibliotek", **more)

    month = [at(f"u-{n}", f"2022-11-0{n} 18:00", f"Kveld {n}", "Vatne") for n in range(1, 5)]
    own = [
        *month,
        at("u-5", "2022-11-08 18:00", "Dansekveld", "Vatne"),
        at("q-1", "2022-10-03 19:00", "Quiz", "Skodje"),
        at("s-1", "2022-09-05 19:00", "Songkveld", "Sjøholt"),
        at("f-1", "2022-08-09 18:00", "Filmkveld", "Moa"),
        at("d-1", "2022-05-09 18:00", "Debatt", "Moa"),
    ]
    town = [
        at("t-5", "2022-11-08 18:00", "Dansekveld", "Vatne", status="cancelled"),
        at("q-2", "2022-10-03 20:30", "Quiz", "Skodje"),
        at("s-2", "2022-09-05 20:30", "Songkveld", "Sjøholt"),
        at("k-1", "2022-07-04 18:00", "Konsert med Storbandet", "Longva"),
        at("n-1", "2022-07-06 18:00", "Nattlesing", "Longva"),
    ]
    lake.fetch("event_own", "2023-01-10 04:00:00", own, how="drop", origin="own", window=None)
    lake.fetch("event_town", "2023-01-10 04:01:00", town, how="drop", origin="town", window=None)
    in_time = [report("r-s1", "2022-09-05 19:00", "Songkveld", "Sjøholt bibliotek")]
    lake.fetch("event_sheet", BEFORE, reports=in_time, how="drop", origin="sheet-1", window=None)

    late = [
        *(report(f"r-u{n}", f"2022-11-0{n} 18:00", f"Kveld {n}", "Vatne bibliotek") for n in range(1, 5)),
        report("r-q1", "2022-10-03 19:00", "Quiz", "Skodje bibliotek"),
        report("r-s2", "2022-09-05 20:30", "Songkveld", "Sjøholt bibliotek"),
        report("r-d1", "2022-05-09 18:00", "Debatt", "Moa bibliotek"),
    ]
    called_off = [at("sheet-f", "2022-08-09 18:00", "Filmkveld", "Moa", status="cancelled")]
    lake.fetch("event_sheet", AFTER, called_off, reports=late, how="drop", origin="sheet-2", window=None)
    better = [
        at("own-k", "2022-07-04 18:00", "Konsert med Storbandet", "Longva", status="cancelled"),
        at("own-n", "2022-07-06 18:00", "Nattlesing", "Longva"),
    ]
    lake.fetch("event_own", AFTER, [*own, *better], how="drop", origin="own", window=None)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, project: Path) -> EventLake:
    told = EventLake(tmp_path_factory.mktemp("restated"), described(project))
    history(told)
    return told


@pytest.fixture(scope="module")
def then(lake: EventLake, project: Path) -> list[tuple[Any, ...]]:
    """What counted in 2022 by the last minute before its closing."""
    return counted(build(lake, project, AT_CLOSING, *MODELS))


@pytest.fixture(scope="module")
def warehouse(then: list[tuple[Any, ...]], lake: EventLake, project: Path) -> Path:
    """The same home a year later."""
    assert then
    return build(lake, project, AS_OF, *MODELS)


def counted(warehouse: Path) -> list[tuple[Any, ...]]:
    return ask(warehouse, "select title, start_at from core.fct_event where is_countable and year(start_on) = 2022")


def test_what_begins_or_ceases_to_count_by_a_word_about_another_is_listed(warehouse: Path) -> None:
    """A number that was handed over fell by an event of which no source said anything new: somebody must find out why.

    What came late and changed nothing (Debatt's report, Nattlesing in the library's own feed) is no restatement of it.
    """
    rows = ask(
        warehouse,
        "select r.change_kind, e.title, r.source_id, r.restated_at::varchar, r.old_value, r.new_value, r.old_count, "
        "r.new_count from core.fct_event_restatement r join core.fct_event e using (event_id) "
        "where figure_id = 'events_held' order by 2",
    )
    late = (AFTER,)
    assert rows == [
        ("unreported", "Dansekveld", "event_sheet", *late, "counted", "not counted: it is cancelled", 1.0, 0.0),
        ("reported_cancelled", "Filmkveld", "event_sheet", *late, "counted", "not counted: it is cancelled", 1.0, 0.0),
        ("told_by_another", "Konsert med Storbandet", "event_own", *late, "counted", "not counted: it is cancelled",
         1.0, 0.0),
        ("unreported", "Quiz", "event_sheet", *late, "counted",
         "not counted: perhaps another one, and who reports attendance lists only that", 1.0, 0.0),
        ("reported_held", "Songkveld", "event_sheet", *late, "not counted", "counted", 0.0, 1.0),
    ]  # fmt: skip


def test_the_list_accounts_for_every_event_between_the_closing_and_now(
    then: list[tuple[Any, ...]], warehouse: Path
) -> None:
    """Two as-ofs of one lake are the judge: what counted then, with what the list adds and takes, counts now."""
    now = counted(warehouse)
    changes = ask(
        warehouse,
        "select e.title, e.start_at, new_count - old_count from core.fct_event_restatement r "
        "join core.fct_event e using (event_id) where figure_id = 'events_held' and old_count <> new_count",
    )
    assert len(changes) == 5
    gone = {(title, start) for title, start, change in changes if change < 0}
    come = {(title, start) for title, start, change in changes if change > 0}
    assert (set(then) - gone) | come == set(now)
    assert gone <= set(then)
    assert not come & set(then)
