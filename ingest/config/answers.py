"""Answered questions about events, from the sheet in which staff gave them to decisions of the library's description.

What belongs here: reading an answered sheet, and keeping its decisions in `event_decisions.yaml`, the one file of a
description that a program writes. What does not: what is asked, and how the sheet is laid out: each row says itself
what its answers decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ingest.config.events import EventDecision
from ingest.config.loading import DECISIONS_FILE, load, read_decisions
from ingest.errors import ConfigurationError
from ingest.landing import write_atomically

ANSWER, BRANCH, REASON, DECISIONS = "Svar", "Filial (bare om en annen)", "Begrunnelse", "decisions"
_MOST_BYTES = 32 * 1024 * 1024
_MEND = "Mend the sheet and read it again; nothing was taken from it."


@dataclass(frozen=True)
class Taken:
    """What came of a sheet: how many decisions are new, and how many took the place of an earlier answer."""

    added: int
    replaced: int


def read_answers(path: Path, decided_by: str, decided_on: date) -> list[EventDecision]:
    """The decisions in an answered sheet; rows without an answer decide nothing.

    Args:
        decided_by: the role of who answered, not the person.
        decided_on: local date.

    Raises:
        ConfigurationError: it is no such sheet, or a row has an answer that was not offered, or a branch without an
            answer. Every such row is named, and none is taken.
    """
    found: list[EventDecision] = []
    wrong: list[str] = []
    for number, row in _rows(path):
        answer, branch_id = _text(row[ANSWER]), _text(row[BRANCH])
        if not answer:
            if branch_id:
                wrong.append(f"row {number}: a branch is filled in, and no answer")
            continue
        try:
            found += _decisions(row, answer, branch_id, decided_by, decided_on)
        except ValidationError as error:
            wrong.append(f"row {number}: {error.errors()[0]['msg']}")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            wrong.append(f"row {number}: {error}")
    if wrong:
        raise ConfigurationError("\n  ".join([f"{path}:", *wrong]) + "\n", next_action=_MEND)
    return found


def keep_decisions(folder: Path, decisions: Sequence[EventDecision]) -> Taken:
    """Add decisions to `event_decisions.yaml` of a description; what speaks of the same claims is replaced.

    The whole description is checked with them before the file is written, so that it always loads.

    Raises:
        ConfigurationError: the description does not load with them: a branch or source is unknown, two answers
            contradict each other, or `library.yaml` decides the same already. Or the file can't be written.
    """
    before = {subject(d): d for d in read_decisions(folder)}
    told: dict[Any, EventDecision] = {}
    for decision in decisions:
        if told.setdefault(subject(decision), decision) != decision:
            claims = " and ".join(f"{c.source_id} {c.series_id} {c.slot}".strip() for c in decision.claims)
            raise ConfigurationError(f"two answers about {claims} contradict each other.", next_action=_MEND)
    after = {**before, **told}
    load(folder, event_decisions=tuple(after.values()))
    try:
        write_atomically(folder / DECISIONS_FILE, _as_yaml(after.values()))
    except OSError as error:
        raise ConfigurationError(
            f"{folder / DECISIONS_FILE} can't be written ({error.strerror}).",
            next_action="Mend the folder's owner or disk, and read the sheet again.",
        ) from error
    return Taken(len(after) - len(before), len(set(told) & set(before)))


def subject(decision: EventDecision) -> tuple[str, frozenset[Any]]:
    """What a decision speaks of; a description holds one decision about it."""
    return decision.about, frozenset(decision.claims)


def _decisions(
    row: dict[str, Any], answer: str, branch_id: str, decided_by: str, decided_on: date
) -> Iterable[EventDecision]:
    offered = json.loads(row[DECISIONS])
    stubs = {text.casefold(): stubs for text, stubs in offered["answers"].items()}.get(answer.casefold())
    if stubs is None:
        raise ValueError(f"{answer!r} is none of the answers: {', '.join(offered['answers'])}")
    about = {
        "reason": _text(row[REASON]) or f"{offered['kind']}: {answer.casefold()}",
        "decided_on": decided_on,
        "decided_by": decided_by,
    }
    if branch_id:
        stubs = [*stubs, {"verdict": "owner_branch", "claims": [offered["claim"]], "branch_id": branch_id}]
    return [EventDecision.model_validate({**stub, **about}) for stub in stubs]


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    from openpyxl import load_workbook  # here, because every start of the program would wait for it

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigurationError(f"{path} is too big for a sheet of answers.", next_action="Choose the right file.")
        book = load_workbook(path, data_only=True, keep_links=False)
    except ConfigurationError:
        raise
    except Exception as error:  # openpyxl raises whatever the file makes it stumble over
        raise ConfigurationError(
            f"{path} can't be read as a workbook ({error}).", next_action="Save it as .xlsx."
        ) from error
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    headers = [_text(cell) for cell in rows[0]] if rows else []
    lacking = [name for name in (ANSWER, BRANCH, REASON, DECISIONS) if name not in headers]
    if lacking:
        raise ConfigurationError(
            f"{path} lacks the column(s) {', '.join(map(repr, lacking))}.",
            next_action="Answer in a sheet that `levende review` wrote.",
        )
    told = [(number, dict(zip(headers, row, strict=True))) for number, row in enumerate(rows[1:], start=2)]
    return [(number, row) for number, row in told if any(cell is not None for cell in row.values())]


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _as_yaml(decisions: Iterable[EventDecision]) -> bytes:
    listed = [decision.model_dump(exclude_defaults=True, mode="json") for decision in decisions]
    for told, decision in zip(listed, decisions, strict=True):
        told["decided_on"] = decision.decided_on
    head = "# Written by `levende decide` from answered sheets. Remove an entry to open its question again.\n"
    return (head + yaml.safe_dump({"event_decisions": listed}, allow_unicode=True, sort_keys=False, width=110)).encode()
