"""Who reported how many came: a role of a closed list, and never a person."""

from __future__ import annotations

from typing import Any

import pytest
from feed_reading import feed_source, read_body
from test_programme_sheet import csv, workbook

from ingest.adapters import adapter_for
from ingest.errors import ConfigurationError

ROLES = {"Avdelingsleder": "branch_manager", "vert": "host"}
HEAD = ["ID", "Dato", "Tittel", "Antall", "Rapportert av (rolle)"]


def row(number: int, role: Any, count: Any = 4) -> list[Any]:
    """One event and who reported on it."""
    return [f"a{number}", "05.03.2026", f"Quiz {number}", count, role]


@pytest.mark.parametrize("header", ["Rolle", "Rapportert av (rolle)", "Reporter role", "Innmeldt av:"])
def test_a_role_of_the_list_is_kept(header: str) -> None:
    """A figure is defended by who stands for it, and that is an office."""
    body = csv([*HEAD[:4], header], row(1, " AVDELINGSLEDER "), row(2, "vert"), row(3, None))
    found = read_body("programme_sheet", body, roles=ROLES)
    assert found.rejects == []
    assert [r["reported_by_role"] for r in found.reports] == ["branch_manager", "host", None]


@pytest.mark.parametrize("name", ["Kari Nordmann", "KN", "avdelingsleder Kari", 7, "Vert / vikar"])
def test_what_the_list_does_not_have_stays_at_the_door(name: Any) -> None:
    """It may be a name; the number is none the worse for it, and that a role was not known is told without it."""
    found = read_body("programme_sheet", workbook(HEAD, row(1, name), row(2, "vert")), roles=ROLES)
    assert [(r["on_site_count"], r["reported_by_role"]) for r in found.reports] == [(4, None), (4, "host")]
    (note,) = found.rejects
    assert (note.reason, note.pointer) == ("unknown_role", "sheet 1, row 1, column E")
    assert note.message.startswith("1 of the rows")
    assert note.next_action.startswith("Nothing to do;"), "a note waits for nobody (core.fct_reject)"
    assert "Kari" not in found.text()
    assert "KN" not in found.text()


def test_ways_to_reach_people_in_the_column_wait_for_somebody() -> None:
    """They were landed with the file: somebody must take them out."""
    found = read_body("programme_sheet", csv(HEAD, row(1, "kari@example.org")), roles=ROLES)
    assert [(r.reason, r.pointer) for r in found.rejects] == [("contacts_as_roles", "line 1, column E")]
    assert not found.rejects[0].next_action.startswith("Nothing to do")
    assert [r["reported_by_role"] for r in found.reports] == [None]
    assert "kari@" not in found.text()


def test_without_a_list_the_column_is_one_that_nobody_knows() -> None:
    """Then every word may be a name."""
    found = read_body("programme_sheet", csv(HEAD, row(1, "avdelingsleder")))
    assert (found.reasons, [r["reported_by_role"] for r in found.reports]) == (["unknown_column"], [None])


def test_an_event_without_a_number_has_no_reporter() -> None:
    """The role belongs to the report; an event that nobody reported on has none."""
    found = read_body("programme_sheet", csv(HEAD, row(1, "vert", None)), roles=ROLES)
    assert (len(found.rows), found.reports, found.rejects) == (1, [], [])


def test_two_rows_that_differ_in_the_role_are_two_reports() -> None:
    """Which of them reported can't be known from a copied row."""
    found = read_body("programme_sheet", csv(HEAD, row(1, "vert"), row(1, "avdelingsleder")), roles=ROLES)
    assert ([r["reported_by_role"] for r in found.reports], found.reasons) == (["host"], ["duplicate_id"])


@pytest.mark.parametrize(
    "options",
    [
        {"roles": {"vert": "Kari Nordmann"}},
        {"roles": {"vert": "host", "VERT": "caretaker"}},
        {"roles": {" ": "host"}},
        {"columns": {"reported_by_role": ["Hvem"]}},
    ],
)
def test_a_list_that_can_not_be_meant_is_told_at_the_start(options: dict[str, Any]) -> None:
    """A role is a word of the warehouse, and a column of roles without a list would let nothing through."""
    with pytest.raises(ConfigurationError):
        adapter_for(feed_source("programme_sheet", **options))
