"""The way back from a figure to the bytes: complete, by date and branch, and honest about what is lost."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from published_library import BODIES, Rooms, sha256
from rich.console import Console

from publishing import explain, snapshot
from publishing.errors import NothingPublished, UnknownSelection
from publishing.explain import BlobTrace, Explanation, Section
from publishing.manifest import ManifestInputs


def ask(rooms: Rooms, figure: str, period: str, **options: object) -> Explanation:
    return explain.explain(rooms.published, rooms.lake, rooms.landing, figure, period, **options)  # type: ignore[arg-type]


def test_an_areas_year_leads_to_the_bytes_of_its_branches(published: Rooms) -> None:
    """The point of the whole house: from a quoted number to what a door counter sent."""
    found = ask(published, "visits", "2023")
    assert found.figure.value == 220000.5
    assert [blob.blob_sha256 for blob in found.blobs] == [sha256(3), sha256(1)]
    for blob in found.blobs:
        assert blob.state == "ok"
        assert blob.landing_path == str(published.landing / "blobs" / blob.blob_sha256[:2] / blob.blob_sha256)
        assert blob.lake_files == (f"door_observations/{blob.source_id}/part-{blob.receipt_id:012d}.parquet",)
    assert [part.branch_id for part in found.parts] == ["main", "moa"]
    assert found.notes == ()


def test_a_branch_and_another_year_lead_elsewhere(published: Rooms) -> None:
    """The trail is cut by the period and the branch, or it proves nothing."""
    assert [b.blob_sha256 for b in ask(published, "visits", "2023", branch="main").blobs] == [sha256(1)]
    assert [b.blob_sha256 for b in ask(published, "visits", "2022").blobs] == [sha256(2)]


def test_a_branch_that_left_the_area_is_not_behind_its_figure(published: Rooms) -> None:
    """Moa's bytes of 2024 speak of a branch that area 1508 does not have."""
    found = ask(published, "visits", "2024")
    assert found.figure.area_id == "1508"
    assert found.blobs == ()
    assert "nothing to lead back to" in found.notes[0]


def test_each_source_says_how_much_it_told_and_when(published: Rooms) -> None:
    """Redeliveries are told: the same bytes came again, and changed nothing."""
    by_id = {s.source_id: s for s in ask(published, "visits", "2023").sources}
    main = by_id["door_brickstream_main"]
    assert (main.observation_count, main.blob_count, main.receipt_count, main.lake_file_count) == (3, 1, 2, 1)
    assert (str(main.first_received_at), str(main.last_received_at)) == ("2024-01-01 06:00:00", "2024-01-09 06:00:00")
    assert (main.adapter, main.open_reject_count, main.blobs_missing) == ("brickstream", 1, 0)
    assert by_id["door_smart_moa"].adapter is None


def test_the_lines_and_opening_days_behind_visits_are_listed(published: Rooms) -> None:
    """Which sensor, by which rule, on how many open days."""
    lines, days = ask(published, "visits", "2023").behind
    assert [dict(zip(lines.columns, row, strict=True))["rule"] for row in lines.rows] == [
        "mean_in_out",
        "breaks_halved",
    ]
    assert [dict(zip(days.columns, row, strict=True))["closed_reasons"] for row in days.rows] == ["rebuilding", None]


ESTIMATED = """
create table core.fct_line_visits (line_id varchar, span_start_on date, span_end_on date);
insert into core.fct_line_visits values ('gate', '2023-05-30', '2023-06-02');
create table core.fct_visit_estimate (line_id varchar, branch_id varchar, block_id varchar, span_start_on date,
    span_end_on date, missing_minutes double, estimated_visits double, method varchar, error_share double,
    estimate_version varchar);
insert into core.fct_visit_estimate values
    ('gate', 'main', 'split', '2023-05-30', '2023-05-31', 480, 3, 'span_split', 0.1, '3'),
    ('gate', 'main', 'split', '2023-05-31', '2023-06-01', 480, 4, 'span_split', 0.1, '3'),
    ('gate', 'main', 'split', '2023-06-01', '2023-06-02', 480, 5, 'span_split', 0.1, '3'),
    ('gate', 'main', 'gap', '2023-06-09', '2023-06-10', 480, 9, 'comparable_time', 0.2, '3');
create table core.fct_count_revision (line_id varchar, branch_id varchar, role varchar, local_date date,
    revision_kind varchar, previous_visits double, visits double, received_at timestamp, is_after_closing boolean);
insert into core.fct_count_revision values
    ('gate', 'main', 'perimeter', '2023-05-02', 'restated', 10, 12, '2023-09-01 04:00:00', true),
    ('gate', 'main', 'perimeter', '2023-05-03', 'restated', 10, 11, '2023-05-04 04:00:00', false),
    ('hall', 'main', 'internal', '2023-05-03', 'restated', 10, 11, '2023-05-04 04:00:00', false),
    ('gate', 'main', 'perimeter', '2022-05-03', 'filled', null, 7, '2022-05-04 04:00:00', false);
"""


@pytest.fixture
def estimated(rooms: Rooms, inputs: ManifestInputs) -> Rooms:
    """The published library with a number told for three days, a gap, and counts that were told otherwise before."""
    with duckdb.connect(str(rooms.build)) as build:
        build.execute(ESTIMATED)
    snapshot.publish(rooms.build, rooms.published, inputs)
    return rooms


def _listed(found: Explanation, title: str) -> list[dict[str, object]]:
    return [
        dict(zip(section.columns, row, strict=True))
        for section in found.behind
        if section.title == title
        for row in section.rows
    ]


def test_a_number_told_for_several_days_is_listed_whether_the_period_uses_its_parts_or_not(estimated: Rooms) -> None:
    """A year holds the number whole and counts it as it was told; nothing that was made of it may be left out."""
    told = _listed(ask(estimated, "visits", "2023", branch="main"), "Estimates for what was not counted")
    assert [(r["method"], r["is_in_value"], r["estimated_visits"]) for r in told] == [
        ("comparable_time", True, 9.0),
        ("span_split", False, 12.0),
    ]


def test_counts_that_gave_way_are_listed_where_the_period_has_any(estimated: Rooms) -> None:
    """Whoever defends a figure must know that it changed; inner doors make no visits, and 2024 has nothing to tell."""
    told = _listed(ask(estimated, "visits", "2023"), "Counts that were told otherwise before")
    assert [(r["line_id"], r["intervals"], r["previous_visits"], r["visits"], r["after_closing"]) for r in told] == [
        ("gate", 2, 20.0, 23.0, 1)
    ]
    assert "Counts that were told otherwise before" not in {s.title for s in ask(estimated, "visits", "2024").behind}


def test_events_partners_and_social_figures_walk_the_same_trail(published: Rooms) -> None:
    """One table serves all domains; an account belongs to no branch."""
    events = ask(published, "events_held", "2023")
    assert [b.blob_sha256 for b in events.blobs] == [sha256(5)]
    assert [(s.title, s.total) for s in events.behind] == [("Events by outcome", 2), ("Events", 2)]
    social = ask(published, "followers", "2023")
    assert [b.blob_sha256 for b in social.blobs] == [sha256(4)]
    assert "belong to no branch" in social.notes[0]
    assert [(s.title, s.total) for s in social.behind] == [
        ("Accounts", 1),
        ("Reach over 28 days, each window by itself", 1),
        ("Whom the posts speak for", 2),
        ("What is known of the posts' numbers", 2),
        ("Numbers that sources tell differently", 1),
        ("Posts", 2),
    ]
    partners = ask(published, "partners_new", "2023")
    (partner,) = _listed(partners, "Partners whose first act falls in the period")
    assert (partner["partner_id"], partner["unit_id"], partner["organisation_id"]) == ("museum", "museum", "county")
    assert [b.blob_sha256 for b in partners.blobs] == [sha256(5)]


SHARED = """
insert into core.fct_event values
    ('e3', 'events_ical_city', 'Bokbad', '2023-05-06', '1507', 'main', 'occurred', true, 'held'),
    ('e4', 'events_ical_city', 'Vandring', '2023-05-07', '1507', 'unassigned', 'occurred', true, 'held'),
    ('e5', 'events_ical_city', 'Bokbad', '2024-02-06', '1508', 'main', 'occurred', true, 'held');
insert into core.bridge_event_branch values
    ('e3', 'main', '1507', 'owner', 'categories', 0.5), ('e3', 'moa', '1507', 'host', 'categories', 0.5),
    ('e4', 'unassigned', '1507', 'owner', 'none', 1), ('e4', 'main', '1507', 'venue', 'venue', 0),
    ('e5', 'main', '1508', 'owner', 'source', 1);
insert into core.bridge_figure_input values ('events', '2023-05-07', 'unassigned', 'events_ical_city', 2, 'aa', 1);
create table core.bridge_event_claim (event_id varchar, occurrence_id varchar);
insert into core.bridge_event_claim values ('e3', 'c3'), ('e4', 'c4');
create table core.fct_event_doubt (doubt_kind varchar, source_id varchar, subject_id varchar, event_id varchar,
    noticed_at timestamp, message varchar, next_action varchar, is_open boolean);
insert into core.fct_event_doubt values
    ('perhaps_one_event', 'events_ical_city', 'c3 c4', 'e3', '2023-05-01', 'scores 75', 'Decide.', true),
    ('one_source_took_it_out', 'events_ical_city', 'c1', 'e1', '2023-05-01', 'gone', 'Ask the branch.', false);
create table core.fct_event_restatement (event_id varchar, closed_year integer, closed_on date, figure_id varchar,
    change_kind varchar, subject_id varchar, restated_at timestamp, old_value varchar, new_value varchar,
    reason varchar);
insert into core.fct_event_restatement values ('e5', 2023, '2024-01-31', 'events_held', 'moved', 'c5', '2024-02-01',
    'scheduled 2023-12-30', 'scheduled 2024-02-06', 'the source told it anew after the year was closed');
"""


@pytest.fixture
def shared(rooms: Rooms, inputs: ManifestInputs) -> Rooms:
    """The published library with an event of two branches, one of none, a doubt, and one that left its closed year."""
    with duckdb.connect(str(rooms.build)) as build:
        build.execute(SHARED)
        build.execute(
            "insert into kpi.figures select f.* replace (branch as branch_id) from kpi.figures as f, "
            "(values ('main'), ('moa'), ('unassigned')) as branches (branch) "
            "where figure_id = 'events_held' and branch_id is null"
        )
    snapshot.publish(rooms.build, rooms.published, inputs)
    return rooms


def test_the_events_behind_a_figure_are_those_that_its_scope_holds_a_part_of(shared: Rooms) -> None:
    """The area counts an event that no rule gave to a branch, and a branch counts its half: both must be seen."""
    titles = {
        branch: [r["title"] for r in _listed(ask(shared, "events_held", "2023", branch=branch), "Events")]
        for branch in (None, "main", "moa", "unassigned")
    }
    assert titles == {
        None: ["Lesestund", "Kurs", "Bokbad", "Vandring"],
        "main": ["Lesestund", "Bokbad"],
        "moa": ["Kurs", "Bokbad"],
        "unassigned": ["Vandring"],
    }
    outcomes = _listed(ask(shared, "events_held", "2023", branch="main"), "Events by outcome")
    assert [(r["is_countable"], r["events"], r["shares"]) for r in outcomes] == [(True, 2, 1.5)]
    trails = {b: ask(shared, "events_held", "2023", branch=b) for b in (None, "main", "unassigned")}
    assert ["aa" in {blob.blob_sha256 for blob in found.blobs} for found in trails.values()] == [True, False, True]


def test_a_range_around_events_leads_to_the_doubts_that_make_it(shared: Rooms) -> None:
    """Whoever reads `409 to 415` asks which; a doubt about two events is told at the branch of either."""
    for branch, events in ((None, ["Bokbad", "Vandring"]), ("moa", ["Bokbad"]), ("unassigned", ["Vandring"])):
        doubts = _listed(ask(shared, "events_held", "2023", branch=branch), "Open doubts about these events")
        assert [(r["title"], r["doubt_kind"]) for r in doubts] == [(e, "perhaps_one_event") for e in events], branch


def test_what_left_a_closed_year_is_told_with_that_year(shared: Rooms) -> None:
    """Its event stands in another year, and since the split in another area: the old figure changed all the same."""
    told = _listed(ask(shared, "events_held", "2023"), "Told after the year was closed")
    assert [(r["event_id"], r["change_kind"]) for r in told] == [("e5", "moved")]


def test_observed_says_of_what(shared: Rooms, inputs: ManifestInputs) -> None:
    """Of attendances the observed share is one of reports, and no part of any opening time."""
    with duckdb.connect(str(shared.build)) as build:
        build.execute("update kpi.figures set observed_share = 0.5 where figure_id = 'events_held'")
    snapshot.publish(shared.build, shared.published, inputs)
    assert "50,0\u00a0% of the events have a report" in explain.render(ask(shared, "events_held", "2023"))
    assert "% of the scheduled open time" in explain.render(ask(shared, "visits", "2023"))


def test_a_lost_and_a_damaged_blob_are_found(published: Rooms) -> None:
    """A trail that ends in nothing must say so, with what to do."""
    (published.landing / "blobs" / sha256(1)[:2] / sha256(1)).unlink()
    (published.landing / "blobs" / sha256(3)[:2] / sha256(3)).write_bytes(b"other")
    found = ask(published, "visits", "2023")
    assert {b.blob_sha256: b.state for b in found.blobs} == {sha256(1): "missing", sha256(3): "damaged"}
    assert {s.source_id: s.blobs_missing for s in found.sources} == {"door_brickstream_main": 1, "door_smart_moa": 0}
    assert "restore landing/ from its backup" in " ".join(found.notes)


def test_a_blob_in_a_segment_is_found_and_proved(published: Rooms) -> None:
    """Posts that came together share a file: the trail must end at the very bytes, and see when they changed."""
    own = published.landing / "blobs" / sha256(1)[:2] / sha256(1)
    body, segment = own.read_bytes(), published.landing / "blobs" / "segments" / "first.tar"
    own.unlink()
    segment.parent.mkdir()
    segment.write_bytes(bytes(512) + body)
    asked: list[list[str]] = []

    def spans(hashes: Collection[str]) -> dict[str, tuple[Path, int, int]]:
        asked.append(list(hashes))
        return {sha256(1): (segment, 512, len(body))}

    def found() -> BlobTrace:
        told = ask(published, "visits", "2023", spans=spans)
        return next(blob for blob in told.blobs if blob.blob_sha256 == sha256(1))

    assert (found().state, found().landing_path, found().landing_offset) == ("ok", str(segment), 512)
    assert f"first.tar · {sha256(1)}" in explain.render(ask(published, "visits", "2023", spans=spans)).replace("\n", "")
    assert asked[0] == [sha256(1)], "what has a file of its own is not asked for"
    segment.write_bytes(bytes(512 + len(body)))
    assert found().state == "damaged"
    segment.write_bytes(bytes(512) + body[:-1])
    assert (found().state, found().landing_path) == ("missing", str(own))


def test_a_lost_lake_is_told_and_costs_no_answer(published: Rooms) -> None:
    """The lake can be made again from landing; the figure's definition and bytes are still there."""
    for path in sorted(published.lake.rglob("*.parquet")):
        path.unlink()
    found = ask(published, "visits", "2023")
    assert [b.state for b in found.blobs] == ["ok", "ok"]
    assert [b.received_at for b in found.blobs] == [None, None]
    assert len(found.notes) == 2
    assert all("levende run" in note for note in found.notes)


def test_the_limit_cuts_the_list_and_never_the_count(published: Rooms) -> None:
    """A year has thousands of polls: all are counted, few are listed, and the text says so."""
    found = ask(published, "visits", "2023", limit=1)
    assert (len(found.blobs), found.blob_count) == (1, 2)
    assert len(found.behind[0].rows) == 2, "lines are few and always all shown"
    events = ask(published, "events_held", "2023", limit=1).behind[1]
    assert (len(events.rows), events.total) == (1, 2)
    assert "Landed blobs, newest first (1 of 2 listed)" in explain.render(found)


def test_the_text_says_definition_rule_status_and_simulation_without_cutting(published: Rooms) -> None:
    """What somebody reads aloud in a meeting."""
    text = explain.render(ask(published, "visits", "2023"))
    assert text.splitlines()[0].startswith("SIMULATED")
    for needle in ("One entry of a person, any purpose. (version 1)", "NISO Z39.7", "estimated, provisional", "+10,0"):
        assert needle in text
    assert sha256(1) in text
    assert "incomplete" in text


def test_the_json_form_holds_everything(published: Rooms) -> None:
    """For those who audit by program."""
    raw = json.loads(explain.render(ask(published, "visits", "2023"), "json"))
    assert raw["figure"]["value"] == 220000.5
    assert raw["blobs"][0]["state"] == "ok"
    assert raw["is_simulated"] is True
    assert raw["behind"][0]["total"] == 2


@pytest.mark.parametrize(
    ("figure", "period", "options", "message"),
    [
        ("visitors", "2023", {}, "events_held, followers"),
        ("visits", "2019", {}, "2022, 2023, 2024"),
        ("visits", "last year", {}, "2023-W12"),
        ("visits", "2023", {"branch": "vatne"}, "main, moa"),
        ("visits", "2022", {"branch": "moa"}, "the areas 1507"),
        ("visits", "2023", {"area": "1508"}, "the areas 1507"),
        ("visits", "2023", {"limit": -1}, "0 or more"),
    ],
)
def test_an_unknown_question_is_answered_with_the_known_ones(
    published: Rooms, figure: str, period: str, options: dict[str, object], message: str
) -> None:
    """A typing error must not look like a figure without inputs."""
    with pytest.raises(UnknownSelection, match=message):
        ask(published, figure, period, **options)


def test_two_areas_with_the_figure_ask_for_a_choice(rooms: Rooms, inputs: ManifestInputs) -> None:
    """After the split, the year exists twice; guessing one would explain the other municipality."""
    with duckdb.connect(str(rooms.build)) as con:
        con.execute(
            "insert into kpi.figures select * replace ('1508' as area_id) from kpi.figures "
            "where figure_id = 'visits' and area_id = '1507' and branch_id is null and period_start = '2023-01-01'"
        )
    snapshot.publish(rooms.build, rooms.published, inputs)
    with pytest.raises(UnknownSelection, match="--area: 1507, 1508"):
        ask(rooms, "visits", "2023")
    assert ask(rooms, "visits", "2023", area="1507").blob_count == 2


def test_nothing_of_what_the_bytes_say_is_shown(published: Rooms) -> None:
    """Landed bytes may hold what must not leave landing; the explanation only names and counts them."""
    text = explain.render(ask(published, "visits", "2023"), "json")
    assert BODIES[1][1].decode().strip() not in text


def test_nothing_published_is_told(rooms: Rooms) -> None:
    """There is no figure to explain yet."""
    with pytest.raises(NothingPublished, match="levende run"):
        ask(rooms, "visits", "2023")


def test_an_empty_list_is_one_line_and_a_year_is_no_quantity(published: Rooms) -> None:
    """Thirty columns over nothing bury what is there, and 2 023 is read as two thousand of something."""
    found = ask(published, "visits", "2023")
    nothing = Section("Estimates for what was not counted", ("line_id", "missing_minutes"), (), 0)
    closed = Section("Told after the year was closed", ("closed_year", "visits"), ((2023, 2023),), 1)
    text = explain.render(replace(found, behind=(nothing, closed)))
    assert "Estimates for what was not counted (0)" in text
    assert "missing minutes" not in text
    assert "│ 2023        │ 2\u00a0023  │" in text


def test_a_narrow_terminal_gets_whole_words_under_each_other(published: Rooms) -> None:
    """A path that is broken into columns of nine signs can't be copied, and the way back ends there."""
    found = ask(published, "visits", "2023")
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=False, soft_wrap=True).print(explain.render_text(found))
    narrow = out.getvalue()
    for blob in found.blobs:
        assert f"  bytes in landing  {blob.landing_path}\n" in narrow
        assert f"  in the lake       {blob.lake_files[0]}\n" in narrow
    assert "Sources" in narrow
    assert "│" in explain.render(found)
