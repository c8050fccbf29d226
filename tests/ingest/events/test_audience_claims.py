"""Target groups as each system tells them: kept as they are, apart from categories, never reviewed by an adapter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from feed_reading import read_body
from test_openactive import SESSION, item
from test_schema_org import EVENT as PAGE_EVENT
from web_bench import read_web
from web_records import FRISKUS, LIBCAL, LINKED, TRUMBA

from ingest.config import load

FIELD = {"fieldID": 7, "label": "Audience", "value": "Teens, Adults", "type": 17}


@pytest.mark.parametrize(
    ("adapter", "document", "options", "told"),
    [
        ("friskus", {"data": [{**FRISKUS, "age_group": ["children", "senior"]}]}, {}, "children | senior"),
        ("friskus", {"data": [{**FRISKUS, "age_group": None}]}, {}, None),
        ("libcal", {"events": [{**LIBCAL, "audience": [{"id": 2, "name": "Familie"}]}]}, {}, "Familie"),
        ("libcal", {"events": [{**LIBCAL, "audience": []}]}, {}, None),
        ("linked_events", {"data": [{**LINKED, "audience_min_age": "3", "audience_max_age": 6}]}, {}, "age 3-6"),
        ("linked_events", {"data": [{**LINKED, "audience_min_age": 18}]}, {}, "age 18-"),
        ("trumba", [{**TRUMBA, "customFields": [FIELD]}], {"audience_labels": ["Audience"]}, "Teens | Adults"),
        ("trumba", [{**TRUMBA, "customFields": [FIELD]}], {}, None),
    ],
)
def test_what_a_source_ticked_is_kept_and_is_no_category(
    adapter: str, document: Any, options: dict[str, Any], told: str | None
) -> None:
    """A form with every box ticked would else make every event one for children, by its categories."""
    row = read_web(adapter, document, **options).row
    assert row["audience_claims"] == told
    for group in (told or "").split(" | "):
        assert not group or group not in (row["categories"] or "")


PEOPLE = {"@type": "PeopleAudience", "suggestedMinAge": 3, "suggestedMaxAge": "6"}


@pytest.mark.parametrize(
    ("told", "claimed"),
    [
        ({"audience": PEOPLE}, "age 3-6"),
        ({"audience": {**PEOPLE, "name": "Barn", "audienceType": "Småbarn"}}, "Småbarn | Barn | age 3-6"),
        ({"audience": {"@type": ["schema:PeopleAudience"], "requiredMinAge": 18.0}}, "age 18-"),
        ({"audience": {"@type": "PeopleAudience", "suggestedMaxAge": 1.5}}, "age -1"),
        ({"audience": {"suggestedAge": {"minValue": 3, "maxValue": 18, "unitCode": "MON"}}}, "age 0-1"),
        ({"audience": {"suggestedAge": {"minValue": 3, "maxValue": 18, "unitCode": "DAY"}}}, None),
        ({"audience": [{"@type": "Audience", "audienceType": "Familie, born"}, "Ungdom"]}, "Familie | born | Ungdom"),
        ({"audience": "Vaksne tlf. 70 16 00 00"}, "Vaksne"),
        ({"audience": {"@type": "Person", "name": "Kari Nordmann"}}, None),
        ({"audience": {"@type": "PeopleAudience", "suggestedMinAge": -1, "suggestedMaxAge": 900}}, None),
        ({"audience": {"@type": "PeopleAudience", "suggestedGender": "female"}}, None),
        ({"typicalAgeRange": "7-9"}, "age 7-9"),
        ({"typicalAgeRange": "11-"}, "age 11-"),
        ({"typicalAgeRange": "16+"}, "age 16-"),
        ({"typicalAgeRange": "0–6 år"}, "age 0-6"),
        ({"typicalAgeRange": "7 til 9 år"}, "age 7-9"),
        ({"typicalAgeRange": 5}, "age 5-5"),
        ({"typicalAgeRange": ["7-9", "Adults"]}, "age 7-9 | Adults"),
        ({"typicalAgeRange": "7-9", "audience": {"suggestedMinAge": 7, "suggestedMaxAge": 9}}, "age 7-9"),
        ({"typicalAgeRange": ""}, None),
        ({}, None),
    ],
)
def test_schema_orgs_audience_is_read_in_every_form(told: dict[str, Any], claimed: str | None) -> None:
    """One form for one age, whoever tells it; what is not told is not assumed."""
    script = json.dumps({**PAGE_EVENT, **told}, ensure_ascii=False)
    body = f"<html><script type='application/ld+json'>{script}</script></html>".encode()
    found = read_body("schema_org", body, zone="Europe/Oslo")
    assert (found.rejects, found.row["audience_claims"]) == ([], claimed)
    assert found.row["categories"] is None
    assert "Nordmann" not in found.text()


@pytest.mark.parametrize(
    ("session", "series", "claimed"),
    [
        ({"ageRange": {"@type": "QuantitativeValue", "minValue": 60}}, {}, "age 60-"),
        ({"ageRange": {"type": "QuantitativeValue", "minValue": 0, "maxValue": 3}}, {}, "age 0-3"),
        ({}, {"ageRange": {"@type": "QuantitativeValue", "minValue": 16, "maxValue": 25}}, "age 16-25"),
        ({"ageRange": {"maxValue": 12}}, {"ageRange": {"minValue": 18}}, "age -12"),
        ({}, {"genderRestriction": "https://openactive.io/FemaleOnly"}, None),
        ({}, {}, None),
    ],
)
def test_openactives_ages_come_from_the_session_or_its_series(
    session: dict[str, Any], series: dict[str, Any], claimed: str | None
) -> None:
    """Whom a session may exclude is no target group; and one without ages is not made one for grown people."""
    data = {**SESSION, **session, "superEvent": {**SESSION["superEvent"], **series}}
    body = json.dumps({"next": "x", "items": [item(data=data)]}).encode()
    found = read_body("openactive", body, zone="Europe/Oslo")
    assert (found.rejects, found.row["audience_claims"]) == ([], claimed)


@pytest.mark.parametrize(
    ("claim", "audience"),
    [
        ("age 0-6", "children"), ("age -6", "children"), ("age 3-12", "children"), ("0–6 år", "children"),
        ("age 13-18", "youth"), ("age 13-", "youth"), ("13+", "youth"), ("age 16-25", "youth"),
        ("age 16-", "adults"), ("16+", "adults"), ("age 18-", "adults"), ("age 60-99", "adults"), ("18+ år", "adults"),
        ("age 10-15", None), ("age 6-", None), ("age 0-", None), ("age 0-99", None), ("age -17", None),
        ("2024-25", None),
    ],
)  # fmt: skip
def test_the_shipped_rules_know_an_age_range_that_lies_in_one_audience(
    claim: str, audience: str | None, project: Path
) -> None:
    """What reaches over two audiences is not given to one of them; the warehouse searches for the pattern as here."""
    rules = [rule for rule in load(project / "config").library.event_audiences if rule.pattern is not None]
    found = {rule.audience for rule in rules if re.search(str(rule.pattern), claim)}
    assert found == ({audience} if audience is not None else set())
    ages_only = [rule for rule in rules if rule.rule_id.endswith("_ages")]
    assert len(ages_only) == 3
    assert not any(re.search(str(rule.pattern), f"barn | kurs {claim}") for rule in ages_only), "they are no words"


def test_a_claim_without_a_target_group_has_the_hash_that_it_had() -> None:
    """Everything ever told would else look changed, long after it was over."""
    bare = read_web("friskus", {"data": [{**FRISKUS, "age_group": []}]}).row
    none = read_web("friskus", {"data": [{key: FRISKUS[key] for key in FRISKUS if key != "age_group"}]}).row
    ticked = read_web("friskus", {"data": [{**FRISKUS, "age_group": ["senior"]}]}).row
    assert bare["content_hash"] == none["content_hash"] != ticked["content_hash"]


def test_the_sheets_target_group_is_listed_beside_its_category() -> None:
    """Staff write several groups into one cell."""
    body = "Dato;Tittel;Filial;Kategori;Målgruppe\r\n05.03.2026;Quiz;Moa;Spel;Ungdom / vaksne, Ungdom\r\n"
    (row,) = read_body("programme_sheet", body.encode()).rows
    assert (row["categories"], row["audience_claims"]) == ("Moa | Spel", "Ungdom | vaksne")


def libcal(breakdown: Any, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """The report of one event with 17 in the room, and the reasons of what was rejected."""
    reading = read_web("libcal", {"events": [{**LIBCAL, "audience_breakdown": breakdown}]}, **options)
    (report,) = reading.parsed.rows["attendance_reports"]
    return dict(report), [reject.reason for reject in reading.parsed.rejects]  # type: ignore[arg-type]


def test_libcals_breakdown_is_read_by_the_names_that_the_library_gives() -> None:
    """The site makes up its keys: which of them are children nobody can guess."""
    names = {"adults_keys": ["Adults", "Seniors"], "children_keys": ["Kids"]}
    report, reasons = libcal({"Adults": 4, "Seniors": "2", "Kids": 11}, **names)
    assert (report["on_site_count"], report["adults_count"], report["children_count"]) == (17, 6, 11)
    assert reasons == []
    report, _ = libcal({"Kids": 11}, **names)
    assert (report["adults_count"], report["children_count"]) == (None, 11), "not told is not nobody"
    report, _ = libcal({"Adults": 0, "Kids": 0}, **names)
    assert (report["adults_count"], report["children_count"]) == (None, None), "the form begins with 0"


def test_people_under_a_key_that_nobody_named_are_told() -> None:
    """The total holds; that a part of it is not understood must be seen."""
    report, reasons = libcal({"Kids": 11, "Teens": 0})
    assert (report["on_site_count"], report["children_count"], reasons) == (17, None, ["unknown_breakdown"])


@pytest.mark.parametrize("told", [None, [], "x", {"kari@example.org": 3}, {"Kids": -1}, {"Kids": "many"}])
def test_a_breakdown_of_another_form_says_nothing(told: Any) -> None:
    """Its form is known from no document: what is no number under a word is no count."""
    report, reasons = libcal(told, children_keys=["Kids"])
    assert (report["on_site_count"], report["adults_count"], report["children_count"]) == (17, None, None)
    assert reasons == []
