"""What is asked of people who were there, what they answer in the sheet, and what the warehouse makes of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from event_lake import EventLake, ask, build, build_home, claim, feed, library_with
from openpyxl import load_workbook

from ingest.config import Configuration
from ingest.config.answers import read_answers
from ingest.library_tables import write_library_tables
from publishing.review import Question, questions
from publishing.review_sheet import ANSWER, BRANCH, workbook

AS_OF = "2024-07-01 04:00:00"
MODELS = ("+fct_event", "+bridge_event_claim", "+fct_event_doubt", "+int_events__count_bounds")
MOA: dict[str, Any] = {"location": "Moa bibliotek"}
YEAR = (date(2024, 1, 1), date(2025, 1, 1))


def described(project: Path) -> Configuration:
    """The library's own calendar, a town's, and the sheet in which staff list what was held."""
    return library_with(project, "event_own", feed("event_town", is_aggregator=True), "event_sheet")


def tell(lake: EventLake) -> None:
    """A spring at Moa that calendar and sheet agree on, and what only one of them, or only the town, tells."""
    twice = claim("own-twice", "2024-03-20 11:00", "Eventyrstund", **MOA)
    agreed = [twice, *(claim(f"own-{n}", f"2024-03-{n:02d} 18:00", f"Kveld {n}", **MOA) for n in range(4, 30))]
    story = claim("own-story", "2024-03-06 11:00", "Lesestund", **MOA)
    lake.fetch(
        "event_own",
        "2024-02-01 04:00:00",
        [
            *agreed, story,
            claim("own-forgotten", "2024-03-12 12:00", "Språkkafé", **MOA),
            claim("own-phantom", "2024-03-13 12:00", "Teikning", **MOA),
            claim("own-walk", "2024-03-14 12:00", "Byvandring", location="Torget"),
            # its branch has too few events for anybody to be known as its usual source
            claim("own-small", "2024-03-15 12:00", "Bokbad", location="Skodje bibliotek"),
        ],
    )  # fmt: skip
    lake.fetch(
        "event_town",
        "2024-02-01 05:00:00",
        [
            claim("811", "2024-03-06 12:30", "Småbarnstreff", **MOA),
            claim("812", "2024-03-07 19:00", "Kormusikk", location="Kyrkja"),
            claim("813", "2024-03-08 18:00", "Kveld 8", **MOA),
            # perhaps the one that staff report, told with a wrong hour; perhaps another
            claim("814", "2024-03-20 12:30", "Eventyrstund", **MOA),
        ],
    )
    listed = [{**row, "series_id": f"row {row['series_id']}"} for row in (*agreed, story)]
    come = {"slot": "", "reported_at": datetime.fromisoformat("2024-06-01"), "on_site_count": 12, "method": "counted"}
    reports = [{"series_id": row["series_id"], **come} for row in listed]
    lake.fetch("event_sheet", "2024-06-01 04:00:00", listed, reports=reports)


@dataclass(frozen=True)
class Reviewed:
    """The warehouse before the answers, what was asked of it, and the warehouse after them."""

    asked: list[Question]
    before: dict[str, tuple[Any, ...]]
    after: dict[str, tuple[Any, ...]]
    still_asked: list[Question]
    counts_of_twice: tuple[int, int]
    claims_of_story: list[str]


def asked_of(path: Path, configuration: Configuration) -> list[Question]:
    with duckdb.connect(str(path), read_only=True) as con:

        def rows(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
            cursor = con.execute(sql, parameters or None)
            return [dict(zip([c[0] for c in cursor.description or []], row, strict=True)) for row in cursor.fetchall()]

        return questions(rows, configuration.zone, *YEAR)


def counts(path: Path) -> dict[str, tuple[Any, ...]]:
    """Whether each event counts, at least and at most, for which branch, and why, by title."""
    told = ask(
        path,
        "select e.title, e.is_countable, b.least_count, b.most_count, e.owner_branch_id, e.organiser, e.count_reason "
        "from core.fct_event as e inner join intermediate.int_events__count_bounds as b on e.event_id = b.event_id",
    )
    return {row[0]: tuple(row[1:]) for row in told}


def twice(path: Path) -> int:
    """How many events of the one name on the one day count."""
    told = ask(path, "select count(*) from core.fct_event where title = 'Eventyrstund' and is_countable")
    return int(told[0][0])


def story(path: Path) -> list[str]:
    """Who tells of the event that the town calls by another name and hour."""
    told = ask(
        path,
        "select source_id from core.bridge_event_claim where event_id = (select event_id from core.bridge_event_claim "
        "where series_id = 'own-story') order by source_id",
    )
    return [row[0] for row in told]


def answer(body: bytes, given: Mapping[str, tuple[str, str]], path: Path) -> Path:
    """Fill in the sheet as staff would: by the title of the event."""
    book = load_workbook(io.BytesIO(body))
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        text, branch_id = given.get(str(sheet.cell(row=row, column=columns["Arrangement"]).value), ("", ""))
        sheet.cell(row=row, column=columns[ANSWER]).value = text or None
        sheet.cell(row=row, column=columns[BRANCH]).value = branch_id or None
    book.save(path)
    return path


@pytest.fixture(scope="module")
def reviewed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    home = tmp_path_factory.mktemp("questions")
    configuration = described(project)
    lake = EventLake(home, configuration)
    tell(lake)
    path = build(lake, project, AS_OF, *MODELS)
    asked, before, once = asked_of(path, configuration), counts(path), twice(path)
    given = {
        "Språkkafé": ("Holdt ", ""),
        "Teikning": ("ikke holdt", ""),
        "Byvandring": ("vårt", "moa"),
        "Småbarnstreff": ("samme som 1", ""),
        "Eventyrstund": ("holdt", ""),
    }
    sheet = answer(workbook(asked, {"moa": "Moa", "skodje": "Skodje"}), given, home / "answered.xlsx")
    decisions = tuple(read_answers(sheet, "branch staff", date(2024, 6, 30)))
    library = configuration.library.model_copy(update={"event_decisions": decisions})
    write_library_tables(home / "lake", configuration.model_copy(update={"library": library}))
    path = build_home(home, project, AS_OF, *MODELS)
    return Reviewed(asked, before, counts(path), asked_of(path, configuration), (once, twice(path)), story(path))


def test_what_a_usual_source_lacks_and_what_has_no_branch_is_asked_once(reviewed: Reviewed) -> None:
    """Each is perhaps another one by a name that no rule could match; what weighs most at its branch stands first."""
    told = {question.about.title: question.kind for question in reviewed.asked}
    assert told == {
        "Språkkafé": "usual_source_lacks_it",
        "Teikning": "usual_source_lacks_it",
        "Småbarnstreff": "usual_source_lacks_it",
        "Byvandring": "no_branch",
        "Eventyrstund": "set_aside",
    }
    shares = [question.share for question in reviewed.asked]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == len(told)


def test_what_others_tell_that_day_is_offered_nearest_in_time_first(reviewed: Reviewed) -> None:
    """Whoever answers should not have to look it up; what one source tells beside it is another event for sure."""
    (story,) = [question for question in reviewed.asked if question.about.title == "Småbarnstreff"]
    assert [other.title for other in story.others] == ["Lesestund", "Kveld 6"]
    assert list(story.answers) == ["holdt", "ikke holdt", "samme som 1", "samme som 2"]
    (lone,) = [question for question in reviewed.asked if question.about.title == "Språkkafé"]
    assert lone.others == ()


def test_what_a_rule_took_out_of_the_count_is_asked_too(reviewed: Reviewed) -> None:
    """Reports tell of one of two and not the other: that is evidence, and no certainty. A person's word goes before."""
    (aside,) = [question for question in reviewed.asked if question.kind == "set_aside"]
    assert (aside.about.when, aside.others[0].when) == ("2024-03-20 12:30", "2024-03-20 11:00")
    assert list(aside.answers)[:3] == ["holdt", "ikke holdt", "samme som 1"]
    assert reviewed.counts_of_twice == (1, 2)


def test_what_a_usual_source_lacks_is_a_question_and_no_range(reviewed: Reviewed) -> None:
    """A row that somebody forgot is likelier than an event that was not held; all of them would blur every figure."""
    for title in ("Språkkafé", "Teikning", "Småbarnstreff"):
        assert reviewed.before[title][:3] == (True, 1, 1), title
    assert {(row[1], row[2]) for row in reviewed.after.values()} == {(1, 1), (0, 0)}


def test_answers_settle_what_they_were_asked_and_nothing_else(reviewed: Reviewed) -> None:
    """One was held, one was not, one is another by a wrong hour and name, one belongs to a branch."""
    assert reviewed.after["Språkkafé"][0] is True
    assert reviewed.after["Teikning"][0] is False
    assert "Småbarnstreff" not in reviewed.after
    assert reviewed.after["Lesestund"][:3] == (True, 1, 1)
    assert reviewed.claims_of_story == ["event_own", "event_sheet", "event_town"]
    assert reviewed.after["Byvandring"][:4] == (True, 1, 1, "moa")
    assert reviewed.still_asked == []
    untouched = {title for title in reviewed.before if title.startswith("Kveld")} | {"Bokbad", "Kormusikk"}
    assert {t: reviewed.before[t] for t in untouched} == {t: reviewed.after[t] for t in untouched}


def test_what_only_a_towns_calendar_tells_is_the_librarys_where_something_ties_it(reviewed: Reviewed) -> None:
    """A town tells of choirs in churches; of what it tells at a branch nobody knows better."""
    is_countable, *_, organiser, reason = reviewed.before["Kormusikk"]
    assert (is_countable, organiser) == (False, "not_told")
    assert "nothing ties it to the library" in reason
    assert reviewed.before["Småbarnstreff"][0] is True
