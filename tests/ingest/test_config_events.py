"""What a description may say about events and partners, and the tables that dbt reads it as."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ingest.config import AudienceRule, Configuration, EventDecision, EventWords, Partners, Reporting, load
from ingest.library_tables import write_library_tables

CLAIMS = [{"source_id": "event_a", "series_id": "u1"}, {"source_id": "event_b", "series_id": "812", "slot": "s"}]
AUDIENCE = {"rule_id": "grown_up", "audience": "adults", "reason": "reviewed"}
ROLE = {"reason": "seen by the branch", "decided_on": date(2024, 6, 1), "decided_by": "programme coordinator"}


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    return list(pq.read_table(lake / "library" / f"{table}.parquet").to_pylist())


@pytest.fixture
def described(project: Path) -> Configuration:
    return load(project / "config")


@pytest.mark.parametrize(
    "decision",
    [
        {"verdict": "same", "claims": CLAIMS[:1]},
        {"verdict": "different", "claims": [CLAIMS[0], CLAIMS[0]]},
        {"verdict": "countable", "claims": CLAIMS},
        {"verdict": "owner_branch", "claims": CLAIMS[:1]},
        {"verdict": "not_countable", "claims": CLAIMS[:1], "branch_id": "moa"},
        {"verdict": "perhaps", "claims": CLAIMS[:1]},
    ],
)
def test_a_decision_that_decides_nothing_is_refused(decision: dict[str, Any]) -> None:
    """A decision that silently does nothing would be taken for one that does."""
    with pytest.raises(ValidationError):
        EventDecision.model_validate({**decision, **ROLE})


def test_decisions_contradicting_each_other_or_naming_unknown_sources_are_refused(described: Configuration) -> None:
    """Which of two opposite decisions held would be chance; one about an unknown source holds for nothing."""
    same = EventDecision.model_validate({"verdict": "same", "claims": CLAIMS, **ROLE})
    different = EventDecision.model_validate({"verdict": "different", "claims": CLAIMS[::-1], **ROLE})
    library = described.library.model_dump()
    with pytest.raises(ValidationError, match="two event decisions"):
        type(described.library).model_validate({**library, "event_decisions": [same, different]})
    with pytest.raises(ValidationError, match="event_a"):
        Configuration.model_validate({**dict(described), "library": {**library, "event_decisions": [same]}})


@pytest.mark.parametrize("pattern", [r"\bårsmøte\b", r"\b(møte|øving)", r"\b(?:å)", r"haustmelå\b", r"(på)\b"])
def test_a_word_edge_that_the_warehouse_never_sees_is_refused(pattern: str) -> None:
    """DuckDB's edge knows ASCII words: the rule would be silent for ever, and nobody would miss what it never finds."""
    with pytest.raises(ValidationError, match="edge of a word"):
        AudienceRule.model_validate({**AUDIENCE, "pattern": pattern})


@pytest.mark.parametrize("pattern", [r"\b(barn|småbarn)\b", r"møte\b", "årsmøte", r"(^|[^a-zæøå])årsmøte"])
def test_other_patterns_with_norwegian_letters_are_taken(pattern: str) -> None:
    """The letters are welcome inside a word, where DuckDB reads them as they are."""
    assert AudienceRule.model_validate({**AUDIENCE, "pattern": pattern}).pattern == pattern


@pytest.mark.parametrize("more", [{}, {"pattern": "barn", "least_audiences": 3}, {"least_audiences": 1}])
def test_an_audience_rule_is_of_one_kind(more: dict[str, Any]) -> None:
    """A rule about words and one about forms with every box ticked are two: a mixed one would hold for neither."""
    with pytest.raises(ValidationError):
        AudienceRule.model_validate({**AUDIENCE, **more})


def test_words_without_a_date_of_review_are_refused() -> None:
    """A list that nobody dates is a list that nobody reviews."""
    with pytest.raises(ValidationError, match="reviewed_on"):
        EventWords(weak=("foredrag",))


def test_sources_are_believed_by_priority_and_then_by_their_place(described: Configuration, tmp_path: Path) -> None:
    """A source that is added last must not take over the ids of events that others told before."""
    first, second, *rest = described.sources
    sources = (first, second.model_copy(update={"priority": 1}), *rest)
    write_library_tables(tmp_path, described.model_copy(update={"sources": sources}))
    ranks = {row["source_id"]: row["source_rank"] for row in rows(tmp_path, "sources")}
    assert ranks[second.source_id] == 1
    assert ranks[first.source_id] == 2
    assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))


def test_organisations_follow_renamings_always_and_parents_by_date() -> None:
    """Whoever was renamed is still known; whoever became part of another was its own before."""
    partners = Partners.model_validate(
        {
            "partners": [
                {"partner_id": "old", "name": "Old"},
                {"partner_id": "new", "name": "New", "renamed_from": {"partner_id": "old", "renamed_on": "2023-01-01"}},
                {"partner_id": "unit", "name": "Unit",
                 "parents": [{"partner_id": "new", "valid_from": "2022-01-01", "valid_to": "2024-01-01"}]},
            ]
        }
    )  # fmt: skip
    assert partners.units() == {"old": "old", "new": "old", "unit": "unit"}
    assert partners.organisations() == [
        ("old", "old", None, None),
        ("new", "old", None, None),
        ("unit", "unit", None, date(2022, 1, 1)),
        ("unit", "old", date(2022, 1, 1), date(2024, 1, 1)),
        ("unit", "unit", date(2024, 1, 1), None),
    ]


@pytest.mark.parametrize(
    ("partners", "words"),
    [
        ([{"partner_id": "a", "name": "A", "renamed_from": {"partner_id": "b", "renamed_on": "2023-01-01"}},
          {"partner_id": "b", "name": "B", "parents": [{"partner_id": "a", "valid_from": "2020-01-01"}]}],
         "part of itself"),
        ([{"partner_id": "a", "name": "A", "parents": [{"partner_id": "x", "valid_from": "2020-01-01"}]}], "'x'"),
        ([{"partner_id": "a", "name": "A"}, {"partner_id": "b", "name": "B"},
          {"partner_id": "c", "name": "C", "parents": [{"partner_id": "a", "valid_from": "2020-01-01"},
                                                       {"partner_id": "b", "valid_from": "2021-01-01"}]}],
         "two organisations at once"),
    ],
)  # fmt: skip
def test_a_partner_belongs_to_one_organisation_at_a_time(partners: list[dict[str, Any]], words: str) -> None:
    """A circle would never end, and two parents would count one organisation twice."""
    with pytest.raises(ValidationError, match=words):
        Partners.model_validate({"partners": partners})


def test_decisions_and_words_become_rows(described: Configuration, tmp_path: Path) -> None:
    """dbt sees a pair as one row and a single claim with an empty other side."""
    decisions = (
        EventDecision.model_validate({"verdict": "same", "claims": CLAIMS, **ROLE}),
        EventDecision.model_validate({"verdict": "owner_branch", "claims": CLAIMS[:1], "branch_id": "moa", **ROLE}),
    )
    library = described.library.model_copy(update={"event_decisions": decisions})
    write_library_tables(tmp_path, described.model_copy(update={"library": library}))
    pair, single = rows(tmp_path, "event_decisions")
    assert (pair["source_id"], pair["other_source_id"], pair["other_slot"]) == ("event_a", "event_b", "s")
    assert (single["other_source_id"], single["branch_id"]) == (None, "moa")
    words = {(row["kind"], row["word"]): row["means"] for row in rows(tmp_path, "event_words")}
    assert words["prefix", "avlyst"] == "cancelled"
    assert words["same", "laurdag"] == "lørdag"


def test_branches_that_held_it_together_are_named_by_one_decision(described: Configuration, tmp_path: Path) -> None:
    """The warehouse reads the first as owner, and all as hosts; an owner decided beside it would contradict it."""
    together = EventDecision.model_validate(
        {"verdict": "host_branches", "claims": CLAIMS[:1], "branch_ids": ["moa", "skodje"], **ROLE}
    )
    library = described.library.model_copy(update={"event_decisions": (together,)})
    write_library_tables(tmp_path, described.model_copy(update={"library": library}))
    assert [(row["verdict"], row["branch_id"]) for row in rows(tmp_path, "event_decisions")] == [
        ("owner_branch", "moa"), ("host_branch", "moa"), ("host_branch", "skodje"),
    ]  # fmt: skip
    owner = EventDecision.model_validate({"verdict": "owner_branch", "claims": CLAIMS[:1], "branch_id": "moa", **ROLE})
    for decisions in ([together, owner], [{**together.model_dump(), "branch_ids": ["moa", "nowhere"]}]):
        with pytest.raises(ValidationError):
            type(described.library).model_validate({**described.library.model_dump(), "event_decisions": decisions})


@pytest.mark.parametrize(
    "more",
    [{"verdict": "host_branches"}, {"verdict": "host_branches", "branch_ids": ["moa", "moa"]},
     {"verdict": "countable", "branch_ids": ["moa"]}],
)  # fmt: skip
def test_hosts_belong_to_their_verdict(more: dict[str, Any]) -> None:
    """A host named twice would have two shares; one beside another verdict would be told to nobody."""
    with pytest.raises(ValidationError):
        EventDecision.model_validate({"claims": CLAIMS[:1], **ROLE, **more})


def test_for_whom_an_event_was_is_decided_by_ids_that_the_rules_know(described: Configuration, tmp_path: Path) -> None:
    """Each audience is a row. Another spelling would open an audience of its own; a second word on it would contradict.

    A decision whether the event counts may stand beside it: it speaks of something else.
    """
    both = EventDecision.model_validate(
        {"verdict": "audience", "claims": CLAIMS[:1], "audiences": ["children", "adults"], **ROLE}
    )
    counts = EventDecision.model_validate({"verdict": "countable", "claims": CLAIMS[:1], **ROLE})
    library = described.library.model_dump()
    kept = type(described.library).model_validate({**library, "event_decisions": [both, counts]})
    write_library_tables(tmp_path, described.model_copy(update={"library": kept}))
    assert [(row["verdict"], row["audience"], row["branch_id"]) for row in rows(tmp_path, "event_decisions")] == [
        ("audience", "children", None), ("audience", "adults", None), ("countable", None, None),
    ]  # fmt: skip
    for decisions, words in (
        ([both, both], "two event decisions"),
        ([{**both.model_dump(), "audiences": ["kids"]}], "kids"),
    ):
        with pytest.raises(ValidationError, match=words):
            type(described.library).model_validate({**library, "event_decisions": decisions})


@pytest.mark.parametrize(
    "more",
    [{"verdict": "audience"}, {"verdict": "audience", "audiences": ["adults", "adults"]},
     {"verdict": "countable", "audiences": ["adults"]}],
)  # fmt: skip
def test_audiences_belong_to_their_verdict(more: dict[str, Any]) -> None:
    """An audience named twice would weigh double; one beside another verdict would be told to nobody."""
    with pytest.raises(ValidationError):
        EventDecision.model_validate({"claims": CLAIMS[:1], **ROLE, **more})


@pytest.mark.parametrize(
    "closings",
    [
        [{"year": 2022, "closed_on": "2021-12-31", "author_role": "head"}],
        [{"year": 2022, "closed_on": day, "author_role": "head"} for day in ("2023-02-01", "2023-03-01")],
    ],
)
def test_a_year_closes_once_and_not_before_it_began(closings: list[dict[str, str]]) -> None:
    """Between two closings it would be open and closed; one of the wrong century would restate everything."""
    with pytest.raises(ValidationError):
        Reporting.model_validate({"start_on": "2022-01-01", "closings": closings})
