"""Target groups as each system tells them: kept as they are, apart from categories, never reviewed by an adapter."""

from __future__ import annotations

from typing import Any

import pytest
from feed_reading import read_body
from web_bench import read_web
from web_records import FRISKUS, LIBCAL, LINKED, TRUMBA

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
