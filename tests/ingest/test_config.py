"""The library's description: one good one, and every contradiction refused with its file and its key."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml
from _adapters.toy import registered

from ingest.adapters import Adapter, adapter_for, adapters, register
from ingest.config import Configuration, config_folder, expand, load, start_of
from ingest.config.loading import read_yaml
from ingest.errors import ConfigurationError
from ingest.home import Home, naive_utc

LIBRARY = """
library_id: toy
name: Ålesund folkebibliotek
zone: Europe/Oslo
holidays_country: NO
reporting: {start_on: 2022-01-01}
areas:
  - area_id: "1507"
    name: Ålesund
    valid_from: 2020-01-01
    valid_to: 2024-01-01
    inhabitants:
      - {counted_on: 2023-12-31, count: 67866, source: Statistics Norway}
  - {area_id: "1508", name: Ålesund, valid_from: 2024-01-01}
branches:
  - branch_id: moa
    name: Moa
    aliases: [Moa bibliotek]
    valid_from: 2020-01-01
    areas:
      - {area_id: "1507", valid_from: 2020-01-01, valid_to: 2024-01-01}
      - {area_id: "1508", valid_from: 2024-01-01}
lines:
  - {line_id: moa_main, branch_id: moa, source_id: door_toy_moa, device_key: a1, rule: mean_in_out,
     valid_from: 2020-01-01, valid_to: 2023-01-01}
  - {line_id: moa_new, branch_id: moa, source_id: door_toy_moa, device_key: a1, rule: entries, valid_from: 2023-01-01}
opening_hours:
  - {weekdays: [1, 2, 3, 4, 5], opens: 10:00, closes: 18:30, valid_from: 2020-01-01}
  - {branch_ids: [moa], weekdays: [6], opens: 08:00, closes: "15:00", valid_from: 2020-01-01}
opening_exceptions:
  - {first_on: 2023-12-23, last_on: 2024-01-01, kind: closed, reason: Christmas}
  - {first_on: 2023-02-06, last_on: 2023-02-06, kind: reduced, opens: 12:00, closes: 14:00, reason: Sami day}
accounts:
  - {account_id: "17841400000000000", area_id: "1508", valid_from: 2022-01-01}
event_rules:
  - {rule_id: storytime, pattern: "(?i)eventyr", kind: storytime, count_rule: per_occurrence, reason: reviewed}
"""
SOURCES = """
sources:
  - source_id: door_toy_moa
    family: doors
    adapter: toy
    description: Toy counters
    options: {factor: 2, doors: {north: 1, south: 2}}
"""
FIGURES = """
figures:
  - figure_id: visits
    definition_version: "1"
    name: Visits
    domain: visits
    unit: visits
    aggregation: sum
    definition: People who came in.
    rule_source: ISO 2789
"""
PARTNERS = """
baseline: {frozen_on: 2022-01-01, author_role: head of events, partner_ids: [sparebanken]}
partners:
  - {partner_id: sparebanken, name: Sparebanken, organisation_number: "937900775"}
  - {partner_id: teater, name: Teateret}
"""
FILES = {"library": LIBRARY, "sources": SOURCES, "figures": FIGURES, "partners": PARTNERS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good description."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def parsed(folder: Path, name: str) -> Any:
    """A file as text values, to be changed and written back."""
    return yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def write(folder: Path, name: str, value: Any, **how: Any) -> None:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(value, allow_unicode=True, **how), encoding="utf-8")


def refused(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    assert caught.value.next_action
    return str(caught.value)


def test_a_good_description_is_read_as_it_stands(folder: Path) -> None:
    """Every model of the description, once."""
    library = load(folder)
    assert library.folder == folder
    assert [a.area_id for a in library.library.areas] == ["1507", "1508"]
    assert library.library.areas[0].inhabitants[0].counted_on == date(2023, 12, 31)
    assert library.library.holidays_country == "NO"
    assert library.partners.baseline is not None
    assert library.source("door_toy_moa").options == {"factor": 2, "doors": {"north": 1, "south": 2}}
    assert [s.source_id for s in library.enabled("doors")] == ["door_toy_moa"]
    assert library.enabled("events") == ()
    assert library.zone.key == "Europe/Oslo"
    assert library.figures[0].decimals == 0


def test_clock_times_mean_what_they_say_with_and_without_quotes(folder: Path) -> None:
    """Plain YAML reads 10:00 as the number 600, and 600 as ten minutes past midnight."""
    weekdays, saturday = load(folder).library.opening_hours
    assert (weekdays.opens, weekdays.closes) == (time(10), time(18, 30))
    assert (saturday.opens, saturday.closes) == (time(8), time(15))


def test_hours_may_end_after_midnight_where_the_day_is_cut_later(folder: Path) -> None:
    """A library that is open until two has one night, not an evening and a morning of the next weekday."""
    value = parsed(folder, "library")
    value["day_cuts"] = [
        {"branch_ids": ["moa"], "at": "05:00", "valid_from": "2020-01-01", "valid_to": "2023-01-01"},
        {"branch_ids": ["moa"], "at": "04:00", "valid_from": "2023-01-01"},
    ]
    value["opening_hours"] = [
        {"weekdays": [5], "opens": "22:00", "closes": "02:00", "valid_from": "2020-01-01"},
        {"weekdays": [6], "opens": "08:00", "closes": "00:00", "valid_from": "2020-01-01"},
        {"weekdays": [7], "opens": "05:00", "closes": "05:00", "valid_from": "2021-01-01", "valid_to": "2022-01-01"},
    ]
    write(folder, "library", value)
    assert [h.stretch for h in load(folder).library.opening_hours] == [(1320, 1560), (480, 1440), (300, 1740)]


@pytest.mark.parametrize("hour", ["10", "600", "10.5"])
def test_a_number_is_no_clock_time(folder: Path, hour: str) -> None:
    """It would be taken as seconds since midnight, and the branch as open for eight of them."""
    (folder / "library.yaml").write_text(LIBRARY.replace("opens: 10:00", f"opens: {hour}"), encoding="utf-8")
    said = refused(folder)
    assert "opening_hours.0.opens" in said
    assert "10:00" in said


Change = Callable[[dict[str, Any]], Any]
CALIBRATION = {
    "line_ids": ["moa_main"],
    "factor": 1.12,
    "evidence": "Counted by hand 4 March 2021, 412 people against 368.",
    "valid_from": "2021-03-01",
}
CONTRADICTIONS: dict[str, tuple[str, Change, tuple[str, ...]]] = {
    "unknown key": ("library", lambda d: d.update(brances=[]), ("library.yaml", "brances")),
    "missing key": ("library", lambda d: d.pop("zone"), ("library.yaml", "zone")),
    "unknown zone": ("library", lambda d: d.update(zone="Oslo"), ("library.yaml", "zone", "Europe/Oslo")),
    "area twice": ("library", lambda d: d["areas"].append(d["areas"][0]), ("library.yaml", "1507", "twice")),
    "branch twice": ("library", lambda d: d["branches"].append(d["branches"][0]), ("library.yaml", "moa", "twice")),
    "line twice": ("library", lambda d: d["lines"].append(d["lines"][0]), ("library.yaml", "moa_main", "twice")),
    "event rule twice": (
        "library",
        lambda d: d["event_rules"].append(d["event_rules"][0]),
        ("library.yaml", "storytime", "twice"),
    ),
    "area ends before it starts": (
        "library",
        lambda d: d["areas"][0].update(valid_to="2019-01-01"),
        ("library.yaml", "areas.0", "valid_to"),
    ),
    "hours that overlap": (
        "library",
        lambda d: d["opening_hours"].append({**d["opening_hours"][0], "opens": "00:01", "closes": "23:59"}),
        ("library.yaml", "opening hours", "stand twice"),
    ),
    "branch in an area that is no more": (
        "library",
        lambda d: d["areas"][0].update(valid_to="2020-06-01"),
        ("library.yaml", "moa", "1507", "outside its validity"),
    ),
    "no inhabitants": (
        "library",
        lambda d: d["areas"][0]["inhabitants"][0].update(count=0),
        ("library.yaml", "areas.0.inhabitants.0.count"),
    ),
    "branch in an unknown area": (
        "library",
        lambda d: d["branches"][0]["areas"][0].update(area_id="9999"),
        ("library.yaml", "moa", "9999"),
    ),
    "branch in two areas at once": (
        "library",
        lambda d: d["branches"][0]["areas"][0].pop("valid_to"),
        ("library.yaml", "moa", "two areas"),
    ),
    "line at an unknown branch": (
        "library",
        lambda d: d["lines"][0].update(branch_id="nowhere"),
        ("library.yaml", "moa_main", "nowhere"),
    ),
    "line of an unknown source": (
        "library",
        lambda d: d["lines"][0].update(source_id="door_gone"),
        ("library.yaml", "moa_main", "door_gone"),
    ),
    "two lines on one sensor": (
        "library",
        lambda d: d["lines"][0].pop("valid_to"),
        ("library.yaml", "moa_main", "moa_new", "same sensor"),
    ),
    "unknown rule": ("library", lambda d: d["lines"][0].update(rule="guess"), ("library.yaml", "lines.0.rule")),
    "an eighth weekday": (
        "library",
        lambda d: d["opening_hours"][0].update(weekdays=[8]),
        ("library.yaml", "opening_hours.0.weekdays.0"),
    ),
    "open past midnight without a day cut": (
        "library",
        lambda d: d["opening_hours"][0].update(closes="09:00"),
        ("library.yaml", "10:00-09:00", "moa", "day cut", "00:00"),
    ),
    "open past the day cut": (
        "library",
        lambda d: d.update(
            day_cuts=[{"at": "05:00", "valid_from": "2020-01-01"}],
            opening_hours=[{"weekdays": [5], "opens": "20:00", "closes": "06:00", "valid_from": "2020-01-01"}],
        ),
        ("library.yaml", "20:00-06:00", "day cut at 05:00"),
    ),
    "open past midnight before the day cut begins": (
        "library",
        lambda d: d.update(
            day_cuts=[{"branch_ids": ["moa"], "at": "05:00", "valid_from": "2021-01-01"}],
            opening_hours=[{"weekdays": [5], "opens": "20:00", "closes": "02:00", "valid_from": "2020-01-01"}],
        ),
        ("library.yaml", "20:00-02:00", "day cut at 00:00"),
    ),
    "a special night without a day cut": (
        "library",
        lambda d: d["opening_exceptions"][1].update(kind="open", opens="18:00", closes="01:00"),
        ("library.yaml", "18:00-01:00", "day cut"),
    ),
    "a day cut inside an hour": (
        "library",
        lambda d: d.update(day_cuts=[{"at": "04:30", "valid_from": "2020-01-01"}]),
        ("library.yaml", "day_cuts.0.at", "whole hour"),
    ),
    "a day cut in the hours in which clocks change": (
        "library",
        lambda d: d.update(day_cuts=[{"at": "02:00", "valid_from": "2020-01-01"}]),
        ("library.yaml", "day_cuts.0.at", "03:00"),
    ),
    "a calibration of an unknown line": (
        "library",
        lambda d: d.update(calibrations=[{**CALIBRATION, "line_ids": ["nowhere"]}]),
        ("library.yaml", "calibrations", "nowhere"),
    ),
    "a calibration of a line that makes no visits": (
        "library",
        lambda d: (d["lines"][0].update(role="sample"), d.update(calibrations=[CALIBRATION])),
        ("library.yaml", "calibration", "moa_main", "perimeter"),
    ),
    "two calibrations of a line at once": (
        "library",
        lambda d: d.update(calibrations=[CALIBRATION, {**CALIBRATION, "valid_from": "2022-03-01"}]),
        ("library.yaml", "two calibrations", "moa_main"),
    ),
    "a calibration without evidence": (
        "library",
        lambda d: d.update(calibrations=[{**CALIBRATION, "evidence": ""}]),
        ("library.yaml", "calibrations.0.evidence"),
    ),
    "two day cuts at once": (
        "library",
        lambda d: d.update(
            day_cuts=[
                {"at": "05:00", "valid_from": "2020-01-01"},
                {"branch_ids": ["moa"], "at": "04:00", "valid_from": "2022-01-01"},
            ]
        ),
        ("library.yaml", "two day cuts"),
    ),
    "a day cut of an unknown branch": (
        "library",
        lambda d: d.update(day_cuts=[{"branch_ids": ["nowhere"], "at": "05:00", "valid_from": "2020-01-01"}]),
        ("library.yaml", "day cuts", "nowhere"),
    ),
    "hours of an unknown branch": (
        "library",
        lambda d: d["opening_hours"][1].update(branch_ids=["nowhere"]),
        ("library.yaml", "opening hours", "nowhere"),
    ),
    "an exception that ends first": (
        "library",
        lambda d: d["opening_exceptions"][0].update(last_on="2023-01-01"),
        ("library.yaml", "opening_exceptions.0", "last_on"),
    ),
    "closed with hours": (
        "library",
        lambda d: d["opening_exceptions"][0].update(opens="10:00", closes="11:00"),
        ("library.yaml", "opening_exceptions.0", "opens and closes"),
    ),
    "closed with half its hours": (
        "library",
        lambda d: d["opening_exceptions"][0].update(opens="10:00"),
        ("library.yaml", "opening_exceptions.0", "opens and closes"),
    ),
    "reduced without hours": (
        "library",
        lambda d: d["opening_exceptions"][1].pop("closes"),
        ("library.yaml", "opening_exceptions.1", "opens and closes"),
    ),
    "account of an unknown area": (
        "library",
        lambda d: d["accounts"][0].update(area_id="9999"),
        ("library.yaml", "17841400000000000", "9999"),
    ),
    "a pattern that is none": (
        "library",
        lambda d: d["event_rules"][0].update(pattern="(eventyr"),
        ("library.yaml", "event_rules.0.pattern", "(eventyr"),
    ),
    "reporting that ends first": (
        "library",
        lambda d: d["reporting"].update(end_on="2021-01-01"),
        ("library.yaml", "reporting", "end_on"),
    ),
    "a date that is none": (
        "library",
        lambda d: d["reporting"].update(start_on="2023-02-30"),
        ("library.yaml", "reporting.start_on"),
    ),
    "source twice": ("sources", lambda d: d["sources"].append(d["sources"][0]), ("sources.yaml", "door_toy_moa")),
    "source with a bad id": (
        "sources",
        lambda d: d["sources"][0].update(source_id="../x"),
        ("sources.yaml", "sources.0.source_id"),
    ),
    "source of no family": (
        "sources",
        lambda d: d["sources"][0].update(family="loans"),
        ("sources.yaml", "sources.0.family"),
    ),
    "source without an adapter": ("sources", lambda d: d["sources"][0].pop("adapter"), ("sources.0.adapter",)),
    "sources under another name": (
        "sources",
        lambda d: d.update(feeds=d.pop("sources")),
        ("sources.yaml", "'sources'"),
    ),
    "doors of many organisers": (
        "sources",
        lambda d: d["sources"][0].update(is_aggregator=True),
        ("sources.0", "is_aggregator is for sources of events"),
    ),
    "one branch's calendar of many organisers": (
        "sources",
        lambda d: d["sources"][0].update(family="events", is_aggregator=True, branch_id="moa"),
        ("no branch_id of its own",),
    ),
    "sources that are no list": ("sources", lambda d: d.update(sources={}), ("sources.yaml", "'sources'")),
    "figure twice": ("figures", lambda d: d["figures"].append(d["figures"][0]), ("figures.yaml", "visits", "twice")),
    "figure without its rule": ("figures", lambda d: d["figures"][0].pop("rule_source"), ("figures.0.rule_source",)),
    "partner twice": ("partners", lambda d: d["partners"].append(d["partners"][0]), ("partners.yaml", "sparebanken")),
    "baseline of an unknown partner": (
        "partners",
        lambda d: d["baseline"].update(partner_ids=["nobody"]),
        ("partners.yaml", "baseline", "nobody"),
    ),
    "an organisation number too short": (
        "partners",
        lambda d: d["partners"][0].update(organisation_number="1234"),
        ("partners.yaml", "partners.0.organisation_number"),
    ),
}


@pytest.mark.parametrize("case", list(CONTRADICTIONS))
def test_a_contradiction_is_refused_with_its_file_and_its_key(folder: Path, case: str) -> None:
    """The person who reads it has five files open, and wants to know which line to mend."""
    name, change, words = CONTRADICTIONS[case]
    value = copy.deepcopy(parsed(folder, name))
    change(value)
    write(folder, name, value)
    said = refused(folder)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("library_id: [", "can't be read"),
        ("a: 1\nb: 2\na: 3\n", "'a' stands twice"),
        ("- a\n- b\n", "library.yaml"),
        ("", "library_id"),
        ("just words", "library.yaml"),
        ("a: 2023-02-30", "library.yaml"),
        ("a: !!python/object/apply:os.system ['true']", "can't be read"),
    ],
)
def test_a_file_that_is_no_description_is_refused(folder: Path, text: str, word: str) -> None:
    """Also a key that stands twice: YAML would silently keep the last, and half the opening hours would be gone."""
    (folder / "library.yaml").write_text(text, encoding="utf-8")
    said = refused(folder)
    assert word in said
    assert "library.yaml" in said


def test_a_key_that_stands_twice_inside_a_list_is_refused_too(folder: Path) -> None:
    """Copying a line and changing half of it is how it happens."""
    (folder / "sources.yaml").write_text(SOURCES.replace("    adapter: toy\n", "    adapter: toy\n    adapter: toy2\n"))
    assert "'adapter' stands twice" in refused(folder)


def test_yaml_anchors_still_work(folder: Path) -> None:
    """Twenty feeds of one vendor share most of their lines."""
    (folder / "sources.yaml").write_text(
        "sources:\n  - &a {source_id: door_toy_moa, family: doors, adapter: toy, description: x}\n"
        "  - {<<: *a, source_id: door_toy_b}\n"
    )
    assert [s.source_id for s in load(folder).sources] == ["door_toy_moa", "door_toy_b"]


@pytest.mark.parametrize("damage", ["missing", "folder", "latin"])
def test_a_file_that_can_not_be_read_is_told_with_its_name(folder: Path, damage: str) -> None:
    """A traceback is no answer to a person who has just edited a file."""
    path = folder / "figures.yaml"
    if damage == "latin":
        path.write_bytes("figures: [] # ø".encode("latin-1"))
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    assert "figures.yaml" in refused(folder)


def test_partners_may_be_left_out(folder: Path) -> None:
    """A library without a registry has no partner figures, and all the others."""
    (folder / "partners.yaml").unlink()
    assert load(folder).partners.baseline is None


def test_options_that_are_only_offered_in_comments_can_be_taken_out_of_them(project: Path, tmp_path: Path) -> None:
    """Whoever copies the description uncomments what is needed, and must not be refused for how it stands there."""
    shutil.copytree(project / "config", tmp_path / "config")
    path = tmp_path / "config" / "library.yaml"
    described, offered = path.read_text(encoding="utf-8").split("# Options that this library does not use", 1)
    described = described.replace("  # closings: ", "  closings: ")
    offered = "\n".join(line.removeprefix("# ") for line in offered.splitlines()[1:])
    path.write_text(f"{described}\n{offered}\n", encoding="utf-8")
    library = load(tmp_path / "config").library
    assert [c.year for c in library.reporting.closings] == [2022]
    told = (library.day_cuts, library.structural_breaks, library.calibrations, library.count_decisions)
    assert [len(part) for part in (*told, library.event_decisions)] == [1, 1, 1, 1, 1]


def pushing(**push: Any) -> Callable[[dict[str, Any]], None]:
    """A change that gives the source a push block."""
    return lambda d: d["sources"][0].update(push=push)


PUSH_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown proof": ({"auth": "digest"}, "push.auth"),
    "a token of no variable": ({"auth": "bearer"}, "auth bearer needs secret_env"),
    "a secret itself": ({"auth": "bearer", "secret_env": "s3cret-of-the-door"}, "push.secret_env"),
    "a password of nobody": ({"auth": "basic", "secret_env": "A"}, "auth basic needs username"),
    "a name with the colon": ({"auth": "basic", "secret_env": "A", "username": "a:b"}, "push.username"),
    "a name for a token": ({"auth": "bearer", "secret_env": "A", "username": "a"}, "auth bearer takes no username"),
    "no proof and no serials": ({"auth": "none_with_serials"}, "needs serials"),
    "no proof and a secret": (
        {"auth": "none_with_serials", "serials": ["1234"], "secret_env": "A"},
        "auth none_with_serials takes no secret_env",
    ),
    "a serial found in anything": ({"auth": "none_with_serials", "serials": ["1"]}, "push.serials.0"),
    "serials beside a token": ({"auth": "bearer", "secret_env": "A", "serials": ["1234"]}, "takes no serials"),
    "a serial header alone": (
        {"auth": "bearer", "secret_env": "A", "serial_header": "X-Serial"},
        "serial_header says nothing without serials",
    ),
    "a body of no size": ({"auth": "bearer", "secret_env": "A", "max_body_bytes": 0}, "push.max_body_bytes"),
    "a body of any size": ({"auth": "bearer", "secret_env": "A", "max_body_bytes": 10**9}, "push.max_body_bytes"),
    "no post at all": ({"auth": "bearer", "secret_env": "A", "posts_per_minute": 0}, "push.posts_per_minute"),
    "a header that is two": (
        {"auth": "hmac_sha256", "secret_env": "A", "signature_header": "X: y"},
        "push.signature_header",
    ),
}


@pytest.mark.parametrize("case", list(PUSH_MISTAKES))
def test_a_push_block_that_proves_nothing_is_refused(folder: Path, case: str) -> None:
    """An open door is worse than a shut one; and what was pasted by mistake is not printed."""
    block, words = PUSH_MISTAKES[case]
    value = typed(folder, "sources")
    pushing(**block)(value)
    write(folder, "sources", value)
    said = refused(folder)
    assert "sources.yaml" in said
    assert words in said
    assert "s3cret" not in said


def test_a_serial_number_is_text(folder: Path) -> None:
    """YAML reads 00012345 as octal: the device would never be known again."""
    text = "    push: {auth: none_with_serials, serials: [%s]}\n    options:"
    (folder / "sources.yaml").write_text(SOURCES.replace("    options:", text % "00012345"))
    assert "push.serials.0" in refused(folder)
    (folder / "sources.yaml").write_text(SOURCES.replace("    options:", text % '"00012345"'))
    push = load(folder).sources[0].push
    assert push is not None
    assert (push.serials, push.max_body_bytes, push.posts_per_minute) == (("00012345",), 1024 * 1024, 600)


def test_the_hash_is_of_the_meaning_and_not_of_the_spelling(folder: Path, tmp_path: Path) -> None:
    """It names published figures: reordering keys must not make a new version, and any change of meaning must."""
    first = load(folder).config_hash
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return [backwards(item) for item in value] if isinstance(value, list) else value

    for name in FILES:
        write(elsewhere, name, backwards(typed(folder, name)), sort_keys=False, default_flow_style=True)
    assert (elsewhere / "sources.yaml").read_text() != SOURCES
    assert load(elsewhere).config_hash == first
    code = f"from pathlib import Path; from ingest.config import load; print(load(Path({str(folder)!r})).config_hash)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == first
    (folder / "sources.yaml").write_text(SOURCES.replace("south: 2", "south: 3"))
    assert load(folder).config_hash != first


def typed(folder: Path, name: str) -> Any:
    """A file's values with their types, as the loader sees them."""
    return read_yaml(folder / f"{name}.yaml")


def test_variables_are_filled_where_they_are_used_and_an_unset_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that is missing must stop its source with its name, not ask a vendor with an empty key."""
    monkeypatch.setenv("TOY_KEY", "k")
    monkeypatch.setenv("TOY_EMPTY", "")
    monkeypatch.delenv("TOY_UNSET", raising=False)
    assert expand("https://h/${TOY_KEY}?a=${TOY_KEY}&b=$TOY_KEY") == "https://h/k?a=k&b=$TOY_KEY"
    for name in ("TOY_UNSET", "TOY_EMPTY"):
        with pytest.raises(ConfigurationError, match=f"Set {name} and start again"):
            expand(f"https://h/${{{name}}}")


def test_a_description_loads_without_any_secret(folder: Path) -> None:
    """It is checked on every machine, and the hash must be the same on all of them."""
    (folder / "sources.yaml").write_text(SOURCES.replace("factor: 2", 'url: "https://h/${TOY_UNSET}"'))
    assert load(folder).source("door_toy_moa").options["url"] == "https://h/${TOY_UNSET}"


def test_an_unknown_source_names_the_known_ones(folder: Path) -> None:
    """`levende ingest door_brickstrem_moa` is how it is asked for."""
    with pytest.raises(ConfigurationError, match="Use one of: door_toy_moa"):
        load(folder).source("door_toy_mao")


def test_the_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The container, the scheduler and a person at a terminal set them differently."""
    monkeypatch.setenv("LEVENDE_CONFIG", str(tmp_path / "c"))
    monkeypatch.setenv("LEVENDE_HOME", str(tmp_path / "h"))
    assert config_folder() == tmp_path / "c"
    assert Home.from_environment().root == tmp_path / "h"
    monkeypatch.delenv("LEVENDE_CONFIG")
    monkeypatch.delenv("LEVENDE_HOME")
    monkeypatch.chdir(tmp_path)
    assert config_folder() == tmp_path / "config"
    assert Home.from_environment().root == tmp_path / "data"


def test_local_midnight_is_cut_in_the_library_s_zone(folder: Path) -> None:
    """The day of the clock change has 23 hours, and starts an hour earlier in UTC than the next one."""
    zone = load(folder).zone
    assert start_of(date(2024, 3, 31), zone).astimezone(UTC) == datetime(2024, 3, 30, 23, tzinfo=UTC)
    assert naive_utc(start_of(date(2024, 4, 1), zone)) == datetime(2024, 3, 31, 22, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        naive_utc(datetime(2024, 1, 1))  # noqa: DTZ001 - the missing zone is the point


def test_adapters_register_once_and_by_a_known_family() -> None:
    """Two makes of one name would read each other's bytes."""

    class Odd(Adapter):
        name = "toy_odd"
        family = "loans"

    with pytest.raises(ValueError, match="no family"):
        register(Odd)
    known = next(iter(adapters().values()), None)
    if known is not None:
        with pytest.raises(ValueError, match="two adapters"):
            register(type(known))
    assert "toy_odd" not in adapters()


def test_a_source_is_given_the_adapter_of_its_own_family(folder: Path) -> None:
    """An unknown name and a wrong family are typing errors that the message can mend."""
    library: Configuration = load(folder)
    with pytest.raises(ConfigurationError, match="no adapter 'toy'"):
        adapter_for(library.sources[0])
    with registered():
        with pytest.raises(ConfigurationError, match=r"door_toy_moa \(toy\): options.doors"):
            adapter_for(library.sources[0])
        wrong = library.sources[0].model_copy(update={"family": "events"})
        with pytest.raises(ConfigurationError, match="reads doors, not events"):
            adapter_for(wrong)


def test_who_is_told_and_when_not_is_described_without_a_secret(folder: Path) -> None:
    """Quiet hours may reach over midnight; changing them must not have every table built anew."""
    plain = load(folder)
    assert plain.library.alerts.urls_env == "LEVENDE_ALERT_URLS"
    assert plain.library.alerts.quiet is None
    library = parsed(folder, "library")
    library["alerts"] = {"urls_env": "OUR_CHAT", "quiet": {"begins": "21:00", "ends": "07:00"}}
    write(folder, "library", library)
    told = load(folder)
    quiet = told.library.alerts.quiet
    assert quiet is not None
    hours = [time(20, 59), time(21), time(23, 59), time(0), time(6, 59), time(7), time(12)]
    assert [quiet.covers(hour) for hour in hours] == [False, True, True, True, True, False, False]
    assert told.config_hash == plain.config_hash
    library["alerts"] = {"quiet": {"begins": "12:00", "ends": "13:00"}}
    write(folder, "library", library)
    noon = load(folder).library.alerts.quiet
    assert noon is not None
    assert [noon.covers(hour) for hour in (time(11, 59), time(12), time(13))] == [False, True, False]


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ({"urls_env": "json://127.0.0.1/secret"}, "alerts.urls_env"),
        ({"quiet": {"begins": "21:00", "ends": "21:00"}}, "none, or all"),
        ({"urls": "json://127.0.0.1/secret"}, "alerts.urls"),
    ],
)
def test_a_receivers_address_in_the_description_is_refused(folder: Path, alerts: dict[str, Any], words: str) -> None:
    """It is a password to a chat, and the description lies in version control."""
    library = parsed(folder, "library")
    library["alerts"] = alerts
    write(folder, "library", library)
    assert words in refused(folder)


def test_a_broken_file_is_told_by_its_line(folder: Path) -> None:
    """The description has hundreds of lines, and its author is no programmer."""
    (folder / "library.yaml").write_text("library_id: a\nareas:\n  - {area_id: 1\nzone: x\n", encoding="utf-8")
    assert "library.yaml can't be read: line 4, column 5: " in refused(folder)


def test_a_misspelt_key_is_told_in_words(folder: Path) -> None:
    """`is_simulatd` would otherwise publish invented figures as real ones."""
    value = parsed(folder, "library")
    write(folder, "library", {**value, "is_simulatd": True})
    assert "is_simulatd: there is no such key. Mend the file." in refused(folder)


def test_only_a_simulated_library_has_a_time_of_its_own(folder: Path) -> None:
    """A real one with a stopped clock would never find a door silent. What now is reaches no table, so no rebuild."""
    value = parsed(folder, "library")
    now = {"simulated_now_at": "2024-07-01T04:00:00Z"}
    write(folder, "library", {**value, "is_simulated": False, **now})
    assert "simulated_now_at is for a library with is_simulated" in refused(folder)
    write(folder, "library", {**value, "is_simulated": True})
    before = load(folder).config_hash
    write(folder, "library", {**value, "is_simulated": True, **now})
    assert load(folder).library.simulated_now_at == datetime(2024, 7, 1, 4, tzinfo=UTC)
    assert load(folder).config_hash == before
    write(folder, "library", {**value, "is_simulated": True, "simulated_now_at": "2024-07-01T04:00:00"})
    assert "simulated_now_at" in refused(folder)
