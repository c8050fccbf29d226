"""Whether a source names the library as organiser: what each system says, and what is landed and passed for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from feed_reading import read_body
from pydantic import ValidationError
from test_openactive import SESSION, item
from test_schema_org import EVENT as PAGE_EVENT
from test_web_polls import polls_of
from web_bench import NOW, OSLO, programme, read_web
from web_records import FRISKUS, LINKED, TEC, TRIBE

from ingest.adapters import adapters
from ingest.events._options import OrganiserOptions
from ingest.events._organisers import is_own, own_among
from sandbox.event_portals import SECRET_WORD, EventPortals

OURS = ("Fjordvik bibliotek", "Bok &amp; kaffi-huset")
PERSON = "Kari Nordmann"
CHOIR = "Fjordvik mannskor"


def organised(adapter: str, names: list[str], **options: Any) -> dict[str, Any]:
    """The row of an event with these organisers, written as the system writes them."""
    if adapter == "tec_tribe":
        document: Any = {"events": [{**TRIBE, "description": "", "organizer": [{"organizer": n} for n in names]}]}
    elif adapter == "tec_v1":
        document = [{**TEC, "organizers": [{"title": n, "email": "kari@example.org"} for n in names]}]
    elif adapter == "friskus":
        document = {"data": [{**FRISKUS, "organization": {"name": names[0]} if names else None}]}
    elif adapter == "linked_events":
        languages = dict(zip(("fi", "sv", "en"), names, strict=False))
        document = {"data": [{**LINKED, "provider": languages or None, "publisher": "fjord:u48"}]}
    else:
        told = [{"@type": "Organization", "name": n} for n in names]
        if adapter == "schema_org":
            script = json.dumps({**PAGE_EVENT, "organizer": told})
            body = f"<script type='application/ld+json'>{script}</script>".encode()
        else:
            body = json.dumps({"items": [item(data={**SESSION, "organizer": told})]}).encode()
        (row,) = read_body(adapter, body, zone="Europe/Oslo", **options).rows
        return row
    return read_web(adapter, document, **options).row


TOLD = sorted(name for name, adapter in adapters().items() if issubclass(adapter.options, OrganiserOptions))


def test_the_systems_that_tell_an_organiser_are_known() -> None:
    """A new one must say here what it makes of its organisers."""
    assert TOLD == ["friskus", "linked_events", "openactive", "schema_org", "tec_tribe", "tec_v1"]


@pytest.mark.parametrize("adapter", TOLD)
@pytest.mark.parametrize(
    ("names", "own_names", "says"),
    [
        (["Fjordvik bibliotek"], OURS, True),
        (["  FJORDVIK\u00a0 Bibliotek "], OURS, True),
        (["Bok &#038; kaffi-huset"], OURS, True),
        ([CHOIR], OURS, False),
        # another organisation whose name begins with the library's, and the library inside a longer name
        (["Fjordvik bibliotek, venneforeininga"], OURS, False),
        (["Fjordvik kommune, Fjordvik bibliotek"], OURS, False),
        ([], OURS, None),
        (["  "], OURS, None),
        (["Fjordvik bibliotek"], (), None),
    ],
)
def test_whether_the_library_is_named_is_yes_no_or_nothing(
    adapter: str, names: list[str], own_names: tuple[str, ...], says: bool | None
) -> None:
    """The whole name decides: a part of it would tie a friends' association to the library, or a whole municipality."""
    row = organised(adapter, names, own_names=list(own_names))
    assert row["is_organised_by_library"] is says


@pytest.mark.parametrize("adapter", [name for name in TOLD if name != "friskus"])
def test_one_of_several_organisers_is_enough(adapter: str) -> None:
    """What the library holds with a choir is the library's, too."""
    assert organised(adapter, [CHOIR, "Fjordvik bibliotek"], own_names=OURS)["is_organised_by_library"] is True


@pytest.mark.parametrize("adapter", TOLD)
def test_no_organisers_name_passes_for_it_and_the_library_is_not_its_own_partner(adapter: str) -> None:
    """A name may be a person's; and an event by the library alone is not one with a partner."""
    row = organised(adapter, [PERSON], own_names=OURS)
    assert row["is_organised_by_library"] is False
    if adapter not in ("schema_org", "openactive"):  # where what is typed as an organisation is a partner
        assert PERSON not in json.dumps(row, default=str)
        options: dict[str, Any] = {"organizers_are_partners": True}
        assert organised(adapter, [CHOIR], **options, own_names=OURS)["partner_claims"] == CHOIR
    else:
        options = {}
    row = organised(adapter, ["fjordvik Bibliotek"], **options, own_names=OURS)
    assert (row["partner_claims"], row["is_organised_by_library"]) == (None, True)


@pytest.mark.parametrize("adapter", ["tec_tribe", "friskus"])
def test_the_library_in_a_description_is_not_its_own_partner(adapter: str) -> None:
    """Others' posts say with whom they hold an event; in a calendar of many that is often the library."""
    words = "<p>I samarbeid med Fjordvik bibliotek, Lions.</p>"
    document: Any = {"events": [{**TRIBE, "description": words}]}
    if adapter == "friskus":
        document = {"data": [{**FRISKUS, "organization": {"name": "Lions"}}]}
    options: dict[str, Any] = {"partner_patterns": ["(?i)samarbeid med ([^.]+)"]}
    options |= {"organizers_are_partners": True} if adapter == "friskus" else {}
    assert read_web(adapter, document, own_names=OURS, **options).row["partner_claims"] == "Lions"


def test_a_claim_changes_with_what_is_said_of_its_organiser_and_keeps_its_hash_without() -> None:
    """Calendars that say nothing of it must not be told anew; those that begin to say it must."""
    hashes = {
        names: organised("tec_tribe", list(names), own_names=OURS)["content_hash"]
        for names in [(), (OURS[0],), (CHOIR,), (PERSON,)]
    }
    assert hashes[()] == organised("tec_tribe", [OURS[0]])["content_hash"]
    assert len({hashes[()], hashes[(OURS[0],)], hashes[(CHOIR,)]}) == 3
    assert hashes[(CHOIR,)] == hashes[(PERSON,)]


def test_a_private_entry_says_nothing_of_its_organiser() -> None:
    """Of what is private only the dates pass."""
    private = {**TRIBE, "status": "private", "organizer": [{"organizer": OURS[0]}]}
    row = read_web("tec_tribe", {"events": [private]}, own_names=OURS).row
    assert (row["is_public"], row["is_organised_by_library"]) == (False, None)


def test_linked_events_publisher_is_known_by_its_id_and_another_says_nothing() -> None:
    """The publisher is an id there: one that is not the library's does not say who holds the event."""
    for provider, says in ((None, None), ({"fi": PERSON}, False)):
        document = {"data": [{**LINKED, "provider": provider, "publisher": "fjord:u48"}]}
        assert read_web("linked_events", document, own_names=["fjord:u48"]).row["is_organised_by_library"] is True
        assert read_web("linked_events", document, own_names=OURS).row["is_organised_by_library"] is says


def test_organisers_of_json_ld_are_read_in_any_form_and_people_are_nobody() -> None:
    """Plug-ins write them as text, without a type, or as a list; a person is not landed, so nobody was named."""
    for told, says in (
        ("Fjordvik bibliotek", True),
        ({"name": ["Fjordvik bibliotek"]}, True),
        ({"@type": "schema:Library", "name": "Fjordvik bibliotek"}, True),
        ({"@type": "Person", "name": "Fjordvik bibliotek"}, None),
        ({"@id": "https://fjordvik.example/#org"}, None),
        ([{"@type": "Person", "name": PERSON}, {"name": CHOIR}], False),
        (7, False),
        ([[]], None),
    ):
        body = f"<script type='application/ld+json'>{json.dumps({**PAGE_EVENT, 'organizer': told})}</script>".encode()
        (row,) = read_body("schema_org", body, zone="Europe/Oslo", own_names=OURS).rows
        assert row["is_organised_by_library"] is says, told


@pytest.mark.parametrize("adapter", ["tec_tribe", "tec_v1", "linked_events"])
@pytest.mark.parametrize("told_by", ["names", "partners", "nobody"])
def test_of_organisers_that_may_be_people_only_the_library_is_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: str, told_by: str
) -> None:
    """Landing is kept for ever: a colleague's name is not needed to know that it is not the library's."""
    holdings = [replace(h, organiser="Fjordvik Bibliotek" if h.series else "") for h in programme(14)]
    options: dict[str, Any] = {"own_names": OURS} if told_by == "names" else {}
    options |= {"organizers_are_partners": True} if told_by == "partners" else {}
    with EventPortals(holdings, OSLO, now=NOW) as portals:
        monkeypatch.setenv("EVENTS_URL", portals.url)
        polls = polls_of(tmp_path, adapter, **options)
        assert polls.poll().failures == []
    landed = b"".join(polls.bodies())
    assert (SECRET_WORD.encode() in landed) is (told_by == "partners")
    assert (b"Fjordvik Bibliotek" in landed) is (told_by != "nobody")
    says = {row["start_at"]: row["is_organised_by_library"] for row in polls.rows()}
    ours = {h.start_at.replace(tzinfo=None): bool(h.series) if told_by == "names" else None for h in holdings}
    assert says == ours
    assert len(set(says.values())) == (2 if told_by == "names" else 1)


def test_own_names_are_one_option_that_friskus_knows_by_its_older_name_as_well() -> None:
    """What was configured before goes on; two lists would be two truths; an empty name would be everybody's."""
    document = {"data": [FRISKUS]}
    assert read_web("friskus", document, own_organizations=OURS).row["is_organised_by_library"] is True
    friskus = adapters()["friskus"].options
    for told in ({"own_names": ["a"], "own_organizations": ["b"]}, {"own_names": ["a", " "]}):
        with pytest.raises(ValidationError):
            friskus.model_validate({"zone": "Europe/Oslo", **told})


def test_a_name_that_is_no_text_is_nobodys() -> None:
    """Outside JSON has any form."""
    for name in (None, True, ["Fjordvik bibliotek"], {"name": "Fjordvik bibliotek"}, 1.5):
        assert not is_own(name, OURS)
    assert own_among([None, "", []], OURS) is None
