"""How figures are shown: what can't be told is a word, never a number, and nothing is rounded twice."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from published_library import Rooms, make_build
from rich.console import Console

from publishing import display, figures, periods, snapshot
from publishing.errors import NothingPublished, PublishError, UnknownSelection
from publishing.manifest import ManifestInputs


@pytest.mark.parametrize(
    ("text", "kind", "start", "end"),
    [
        ("2023", "year", date(2023, 1, 1), date(2024, 1, 1)),
        ("2023-05", "month", date(2023, 5, 1), date(2023, 6, 1)),
        ("2023-12", "month", date(2023, 12, 1), date(2024, 1, 1)),
        ("2023-Q2", "quarter", date(2023, 4, 1), date(2023, 7, 1)),
        ("2023q4", "quarter", date(2023, 10, 1), date(2024, 1, 1)),
        ("2023-W12", "week", date(2023, 3, 20), date(2023, 3, 27)),
        ("2020-W53", "week", date(2020, 12, 28), date(2021, 1, 4)),
        ("2023-05-14", "day", date(2023, 5, 14), date(2023, 5, 15)),
    ],
)
def test_a_period_is_read_in_every_accepted_form(text: str, kind: str, start: date, end: date) -> None:
    """People write periods as calendars do; the end is excluded, as in the warehouse."""
    period = periods.parse(text)
    assert (period.kind, period.start, period.end) == (kind, start, end)
    assert periods.parse(period.label) == period


@pytest.mark.parametrize(
    "text", ["", "23", "2023-13", "2023-02-30", "2023-W53", "2023-Q5", "2023-5", "may 2023", "0000"]
)
def test_a_bad_period_is_refused_with_the_accepted_forms(text: str) -> None:
    """A guessed period would answer another question than the one asked."""
    with pytest.raises(UnknownSelection, match=r"2023-Q2 \(quarter\)") as caught:
        periods.parse(text)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, PublishError)


@pytest.mark.parametrize(
    ("value", "decimals", "printed", "plain"),
    [
        (220000.5, 0, "220\u00a0001", "220 001"),
        (2.5, 0, "3", "3"),
        (-2.5, 0, "\u22123", "-3"),
        (0.125, 2, "0,13", "0.13"),
        (1234567.85, 1, "1\u00a0234\u00a0567,9", "1 234 567.9"),
        (0.0, 1, "0,0", "0.0"),
        (-0.2, 0, "0", "0"),
        (None, 0, "–", "-"),
        (float("nan"), 0, "–", "-"),
    ],
)
def test_numbers_are_rounded_once_half_away_from_zero(
    value: float | None, decimals: int, printed: str, plain: str
) -> None:
    """Python rounds halves to even, Norwegian statistics away from zero; a difference of one is a difference."""
    assert display.number(value, decimals) == printed
    assert display.number(value, decimals, display.PLAIN) == plain


def test_almost_complete_is_never_shown_as_complete() -> None:
    """One missing hour in a year is not 100 per cent."""
    assert display.coverage(0.99999, display.PLAIN) == "99.9 %"
    assert display.coverage(1.0, display.PLAIN) == "100.0 %"
    assert display.coverage(0.0, display.PLAIN) == "0.0 %"


def test_yearly_figures_come_with_coverage_interval_status_and_growth(published: Rooms) -> None:
    """A number without these four can't be defended."""
    rows = {(r.figure_id, r.area_id, r.branch_id): r for r in figures.table(published.published, "2023").rows}
    area = rows["visits", "1507", None]
    assert (area.value, area.value_low, area.value_high) == (220000.5, 215000.0, 225000.0)
    assert (area.observed_share, area.base_value, area.growth_share) == (0.97, 200000.4, 0.10000028)
    assert area.status == "estimated, provisional"
    assert figures.status_text(area) == "estimated, provisional; 4,0\u00a0% of the quantity is estimated"
    assert rows["events_held", "1507", None].value == 0.0


def test_an_incomplete_year_is_a_word_with_its_coverage_and_note_in_every_format(published: Rooms) -> None:
    """The sum of what was seen is not the year's visits: a small number there would be quoted."""
    table = figures.table(published.published, "2023", figure="visits", branch="moa")
    text = figures.render(table)
    line = next(line for line in text.splitlines() if "Moa" in line)
    assert "incomplete" in line
    assert "62,0\u00a0%" in line
    assert "counter down, see log" in line
    assert json.loads(figures.render(table, "json"))[0]["value"] is None
    (row,) = csv.DictReader(io.StringIO(figures.render(table, "csv")))
    assert (row["value"], row["status"], row["observed_share"]) == ("", "incomplete, provisional", "0.62")


def test_a_number_under_a_missing_status_is_not_shown(rooms: Rooms, inputs: ManifestInputs) -> None:
    """Should a model ever leave a part sum beside status L, it must not be taken for the whole."""
    import duckdb

    with duckdb.connect(str(rooms.build)) as con:
        con.execute("update kpi.figures set value = 17 where branch_id = 'moa'")
    snapshot.publish(rooms.build, rooms.published, inputs)
    table = figures.table(rooms.published, "2023", branch="moa")
    assert table.rows[0].value is None
    assert "17" not in figures.render(table, "csv").split("1507")[1]


@pytest.mark.parametrize(
    ("status_value", "observed", "word"),
    [
        ("L", 0.62, "incomplete"),
        ("O", 0.62, "incomplete"),
        ("L", 0.0, "not collected"),
        ("L", None, "not collected"),
        ("O", None, "missing"),
        ("H", None, "closed"),
        ("M", None, "cannot exist"),
    ],
)
def test_each_kind_of_nothing_has_its_own_word(status_value: str, observed: float | None, word: str) -> None:
    """Closed, not counted and not yet opened are three answers; none of them is 0."""
    assert display.gap(status_value, observed) == word


def test_parts_of_shared_events_are_shown_as_parts(rooms: Rooms, inputs: ManifestInputs) -> None:
    """218.5 and 199.5 make 418; shown as 219 and 200 they would not, and a reader adds them up."""
    with duckdb.connect(str(rooms.build)) as con:
        con.execute("update kpi.figures set value = 218, value_low = 217.5 where figure_id = 'events_held'")
        con.execute("insert into kpi.figures select * replace (218.5 as value, 218.5 as value_low, "
                    "218.5 as value_high, 'moa' as branch_id) from kpi.figures "
                    "where figure_id = 'events_held'")  # fmt: skip
    snapshot.publish(rooms.build, rooms.published, inputs)
    rows = {(row.figure_id, row.branch_id): row for row in figures.table(rooms.published, "2023").rows}
    shown = {key: figures.value_text(row) for key, row in rows.items()}
    assert (shown["events_held", None], shown["events_held", "moa"]) == ("218,00", "218,50")
    assert shown["visits", None] == "220\u00a0001", "half a visit is no part of anything"


def test_a_closed_day_says_closed(published: Rooms) -> None:
    """The reason stands in the note."""
    (row,) = figures.table(published.published, "2023-05-01").rows
    assert (figures.value_text(row), row.note) == ("closed", "rebuilding")


def test_growth_over_a_series_break_is_not_a_number(published: Rooms) -> None:
    """2024 is another municipality than 2023: the fall is made of borders."""
    (row,) = figures.table(published.published, "2024", figure="visits").rows
    assert figures.growth_text(row) == "not comparable"


def test_without_a_period_every_year_is_shown_and_nothing_else(published: Rooms) -> None:
    """Days and months would bury the years."""
    rows = figures.table(published.published).rows
    assert {r.period for r in rows} == {"2022", "2023", "2024"}
    assert {r.period_kind for r in rows} == {"year"}


def test_csv_follows_rfc_4180_with_raw_numbers(published: Rooms) -> None:
    """Files are for machines: CRLF, full stop, no rounding, quoted commas."""
    text = figures.render(figures.table(published.published, "2023"), "csv")
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[3]["value"] == "220000.5"
    assert rows[0]["value"] == "0"
    assert '"counter down, see log"' in text
    assert {row["is_simulated"] for row in rows} == {"true"}


def test_json_is_a_list_of_objects_with_the_csv_columns(published: Rooms) -> None:
    """One shape in two spellings; null where the CSV cell is empty."""
    table = figures.table(published.published, "2023")
    objects = json.loads(figures.render(table, "json"))
    header = figures.render(table, "csv").split("\r\n")[0].split(",")
    assert [list(o) for o in objects] == [[*header]] * len(objects)
    assert all(o["is_simulated"] is True for o in objects)


def test_simulated_data_are_marked_above_and_below_the_table_and_honest_ones_are_not(
    rooms: Rooms, inputs: ManifestInputs
) -> None:
    """A screenshot of either end of the table must show that the library is invented."""
    snapshot.publish(rooms.build, rooms.published, inputs)
    lines = figures.render(figures.table(rooms.published)).splitlines()
    assert "SIMULATED" in lines[0]
    assert "SIMULATED" in lines[-1]
    assert all("SIMULATED" in line for line in figures.headline(rooms.published))
    snapshot.publish(rooms.build, rooms.published, replace(inputs, is_simulated=False))
    assert "SIMULATED" not in figures.render(figures.table(rooms.published))
    assert "SIMULATED" not in " ".join(figures.headline(rooms.published))


def test_a_piped_table_is_never_cut_and_a_narrow_terminal_folds(published: Rooms) -> None:
    """An ellipsis inside a number makes another number."""
    table = figures.table(published.published)
    piped = figures.render(table)
    assert "…" not in piped
    assert "visits_per_open_hour" in piped
    assert "estimated, provisional; 4,0\u00a0% of the quantity is estimated" in piped
    out = io.StringIO()
    Console(file=out, width=80).print(figures.render_table(table))
    assert "…" not in out.getvalue()


def test_headlines_are_plain_lines_with_both_years(published: Rooms) -> None:
    """What a run's log ends with: searchable, both values beside the growth."""
    lines = figures.headline(published.published)
    assert lines == [
        "visits 1507: 200 000 (2022) -> 220 001 (2023), +10.0 % [SIMULATED]",
        "visits 1508: 220 001 (2023) -> 90 000 (2024), not comparable (break in series) [SIMULATED]",
    ]
    assert all(unicodedata.normalize("NFKD", line).isascii() for line in lines)


@pytest.mark.parametrize(
    ("kind", "share", "points", "line"),
    [
        ("points", None, 2.04, "visits 1507: 200 000 (2022) -> 220 001 (2023), +2.0 points [SIMULATED]"),
        ("points", None, -0.5, "visits 1507: 200 000 (2022) -> 220 001 (2023), -0.5 points [SIMULATED]"),
        ("points", None, -0.02, "visits 1507: 200 000 (2022) -> 220 001 (2023), 0.0 points [SIMULATED]"),
        ("none", None, None, None),
    ],
)
def test_a_share_is_headed_by_points_and_what_has_no_growth_by_nothing(
    rooms: Rooms, inputs: ManifestInputs, kind: str, share: float | None, points: float | None, line: str | None
) -> None:
    """A third more per cent of engagement, or fewer days of silence in per cent, are numbers that nobody can use."""
    make_build(rooms.build)
    with duckdb.connect(str(rooms.build)) as con:
        con.execute(
            "update kpi.yearly_growth set growth_kind = ?, growth_share = ?, growth_points = ?", [kind, share, points]
        )
    snapshot.publish(rooms.build, rooms.published, inputs)
    told = [told for told in figures.headline(rooms.published) if "1507" in told]
    assert told == ([] if line is None else [line])


def test_a_headline_tells_an_incomplete_year_instead_of_leaving_it_out(rooms: Rooms, inputs: ManifestInputs) -> None:
    """A missing line is not noticed; a line that says incomplete is."""
    make_build(rooms.build, area_2023=None)
    snapshot.publish(rooms.build, rooms.published, inputs)
    assert figures.headline(rooms.published)[0] == (
        "visits 1507: 200 000 (2022) -> incomplete (2023, 97.0 % observed), no growth [SIMULATED]"
    )


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"period": "2019"}, "2022, 2023, 2024"),
        ({"period": "2023-Q1"}, "none by quarter is published"),
        ({"figure": "visitors"}, "events_held, followers, partners_new, visits, visits_per_open_hour"),
        ({"area": "1509"}, "1507, 1508"),
        ({"branch": "Moa"}, "main, moa"),
        ({"period": "2022", "branch": "moa"}, "2022, 2023, 2024"),
    ],
)
def test_asking_for_what_is_not_there_lists_what_is(published: Rooms, selection: dict[str, str], message: str) -> None:
    """An empty table would look like an empty library."""
    with pytest.raises(UnknownSelection, match=message):
        figures.table(published.published, **selection)


def test_a_period_that_goes_on_is_unfinished_and_nothing_is_missing(rooms: Rooms, inputs: ManifestInputs) -> None:
    """The same word in every column: `unfinished` beside `missing` makes people look for a lost file."""
    make_build(rooms.build, area_2023=None)
    with duckdb.connect(str(rooms.build)) as con:
        con.execute("update kpi.figures set as_of = '2023-06-30' where figure_id = 'visits'")
    snapshot.publish(rooms.build, rooms.published, inputs)
    row = figures.table(rooms.published, "2023", "visits", "1507").rows[0]
    assert (row.branch_id, row.value, figures.value_text(row)) == (None, None, "unfinished")
    assert row.status.split(", ")[0] == "unfinished"


def test_a_unit_is_not_written_where_the_name_says_it(published: Rooms) -> None:
    """ "Visits per inhabitant (visits per inhabitant)" makes a reader look for the difference."""
    row = figures.table(published.published, "2023", "visits_per_open_hour").rows[0]
    assert figures.unit_beside(row, "Visits per open hour") == "visits/hour"
    same = replace(row, unit="visits per inhabitant")
    assert figures.unit_beside(same, "Visits per inhabitant") == ""
    assert figures.unit_beside(same, "visits_per_inhabitant") == ""


def test_an_unknown_format_is_refused(published: Rooms) -> None:
    """Wrong use ends with the forms that exist."""
    with pytest.raises(UnknownSelection, match="table, csv, json"):
        figures.render(figures.table(published.published), "xlsx")


def test_nothing_published_says_how_to_publish(tmp_path: Path) -> None:
    """The first thing a new user meets."""
    with pytest.raises(NothingPublished, match="levende run"):
        figures.table(tmp_path / "published")


def test_a_column_that_says_nothing_is_left_out(published: Rooms) -> None:
    """Nine columns on 80 signs break every word; the period stands in the title already."""
    day = figures.render(figures.table(published.published, "2023", "visits", branch="moa"))
    header = day.splitlines()[2]
    assert "period" not in header
    assert [word in header for word in ("value", "observed", "status")] == [True] * 3
    assert "period" in figures.render(figures.table(published.published, figure="visits")).splitlines()[2]
