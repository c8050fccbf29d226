"""Answers of staff as decisions: what a sheet may hold, and what is kept of it."""

from __future__ import annotations

import errno
import io
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from ingest.config import DECISIONS_FILE, EventDecision, answers, load
from ingest.config.answers import ANSWER, BRANCH, DECISIONS, REASON, Taken, keep_decisions, read_answers
from ingest.errors import ConfigurationError
from publishing import review_sheet

CLAIM = {"source_id": "event_icalendar_programme", "series_id": "u1", "slot": "2024-02-06T09:30:00Z"}
OTHER = {"source_id": "event_sheet_attendance", "series_id": "812", "slot": ""}
OFFERED = {
    "kind": "usual_source_lacks_it",
    "claim": CLAIM,
    "answers": {
        "holdt": [{"verdict": "countable", "claims": [CLAIM]}],
        "ikke holdt": [{"verdict": "not_countable", "claims": [CLAIM]}],
        "samme som 1": [{"verdict": "same", "claims": [CLAIM, OTHER]}],
    },
}
ON = date(2024, 6, 1)


def sheet(path: Path, *rows: dict[str, Any], headers: tuple[str, ...] = (ANSWER, BRANCH, REASON, DECISIONS)) -> Path:
    """A workbook with these rows; one that says nothing else offers what `OFFERED` does."""
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(headers)
    for row in rows:
        page.append([({DECISIONS: json.dumps(OFFERED)} | row).get(header) for header in headers])
    book.save(path)
    return path


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(project / "config", tmp_path / "config"))


def decision(verdict: str = "countable", **more: Any) -> EventDecision:
    told = {"claims": [CLAIM], "reason": "seen", "decided_on": ON, "decided_by": "staff", **more}
    return EventDecision.model_validate({"verdict": verdict, **told})


def test_an_answer_becomes_what_its_row_says_it_decides(tmp_path: Path) -> None:
    """Case and blanks are forgiven; without a reason the answer is one; a branch is a decision of its own."""
    path = sheet(
        tmp_path / "a.xlsx",
        {ANSWER: " Holdt", REASON: "eg var der", BRANCH: "moa"},
        {},
        {ANSWER: "samme som 1"},
    )
    held, owner, same = read_answers(path, "programme coordinator", ON)
    assert (held.verdict, held.reason, held.decided_by, held.decided_on) == (
        "countable", "eg var der", "programme coordinator", ON,
    )  # fmt: skip
    assert (owner.verdict, owner.branch_id, owner.claims) == ("owner_branch", "moa", held.claims)
    assert (same.verdict, same.reason) == ("same", "usual_source_lacks_it: samme som 1")
    assert [c.source_id for c in same.claims] == [CLAIM["source_id"], OTHER["source_id"]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({ANSWER: "kanskje"}, "'kanskje' is none of the answers: holdt, ikke holdt, samme som 1"),
        ({BRANCH: "moa"}, "a branch is filled in, and no answer"),
        ({ANSWER: "holdt", DECISIONS: "{"}, "row 3"),
        ({ANSWER: "holdt", DECISIONS: None}, "row 3"),
        ({ANSWER: "holdt", DECISIONS: json.dumps({**OFFERED, "answers": {"holdt": [{"verdict": "same"}]}})}, "row 3"),
        ({ANSWER: "holdt", BRANCH: "Moa bibliotek!"}, "row 3"),
    ],
)
def test_a_row_that_can_not_be_read_is_named_and_none_is_taken(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    """Half a sheet of answers would look like all of it."""
    with pytest.raises(ConfigurationError) as refused:
        read_answers(sheet(tmp_path / "a.xlsx", {ANSWER: "holdt"}, row), "staff", ON)
    assert words in str(refused.value)
    assert "row 2" not in str(refused.value)
    assert "nothing was taken" in str(refused.value)


def test_another_file_is_no_sheet_of_answers(tmp_path: Path) -> None:
    """Told as such, with what to do; a sheet of attendance is the likeliest mistake."""
    (tmp_path / "b.xlsx").write_text("Svar;Filial\n")
    for path, words in (
        (sheet(tmp_path / "a.xlsx", headers=("Dato", ANSWER)), "levende review"),
        (tmp_path / "b.xlsx", "Save it as .xlsx"),
        (tmp_path / "none.xlsx", "can't be read"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            read_answers(path, "staff", ON)


def test_headers_are_those_that_the_sheet_is_written_with() -> None:
    """Writer and reader stand in two rooms that know nothing of each other."""
    page = load_workbook(io.BytesIO(review_sheet.workbook([], {}))).worksheets[0]
    assert {ANSWER, BRANCH, REASON, DECISIONS} <= {cell.value for cell in page[1]}


def test_decisions_are_kept_replaced_and_read_with_the_description(folder: Path) -> None:
    """A second answer about the same thing takes the place of the first; another question's stays."""
    assert keep_decisions(folder, [decision(), decision("same", claims=[CLAIM, OTHER])]) == Taken(2, 0)
    assert keep_decisions(folder, [decision("not_countable", reason="rained off: nobody – æøå")]) == Taken(0, 1)
    library = load(folder).library
    assert [(d.verdict, d.reason, d.decided_on) for d in library.event_decisions] == [
        ("not_countable", "rained off: nobody – æøå", ON),
        ("same", "seen", ON),
    ]
    assert load(folder).config_hash != load(folder, event_decisions=()).config_hash


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        ([decision(), decision("not_countable")], "contradict"),
        ([decision("owner_branch", branch_id="atlantis")], "atlantis"),
        ([decision(claims=[{"source_id": "event_nowhere", "series_id": "u"}])], "event_nowhere"),
    ],
)
def test_what_does_not_fit_the_description_leaves_the_file_as_it_was(
    folder: Path, decisions: list[EventDecision], words: str
) -> None:
    """A description that does not load would stop every run."""
    keep_decisions(folder, [decision("same", claims=[CLAIM, OTHER])])
    before = (folder / DECISIONS_FILE).read_bytes()
    with pytest.raises(ConfigurationError, match=words):
        keep_decisions(folder, decisions)
    assert (folder / DECISIONS_FILE).read_bytes() == before


def test_a_file_that_can_not_be_written_is_told_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The description may belong to somebody else than who reads the answers in."""

    def refuse(path: Path, body: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(answers, "write_atomically", refuse)
    with pytest.raises(ConfigurationError, match=rf"{DECISIONS_FILE} can't be written \(Permission denied\)"):
        keep_decisions(folder, [decision()])
    assert not (folder / DECISIONS_FILE).exists()


def test_what_the_library_decided_by_hand_is_not_answered_twice(folder: Path) -> None:
    """The hand-written description goes on saying what it says; the message tells where to change it."""
    path = folder / "library.yaml"
    text = path.read_text(encoding="utf-8")
    assert "\nevent_decisions" not in text
    by_hand = json.dumps([decision().model_dump(mode="json", exclude_defaults=True)])
    path.write_text(f"{text}\nevent_decisions: {by_hand}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="two event decisions speak of"):
        keep_decisions(folder, [decision("not_countable")])


def test_a_malformed_file_of_decisions_is_named(folder: Path) -> None:
    """It is written by a program and mended by people."""
    (folder / DECISIONS_FILE).write_text("event_decisions: {}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="one list named 'event_decisions'"):
        load(folder)
    (folder / DECISIONS_FILE).write_text("event_decisions: [{verdict: same}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"event_decisions\.0"):
        load(folder)
