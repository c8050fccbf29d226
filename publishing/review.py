"""What people who were there can settle: the open doubts about events as questions, each with the answers it can have.

What belongs here: which doubts are questions, what else is told that day, and what each answer decides. What does not:
how they are laid out for staff (`review_sheet`), what answers become (`ingest.config.answers`), and the rules that
raised the doubts (dbt).

Texts are in Norwegian, like the other sheets that staff fill in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MOST_CANDIDATES = 3
Rows = Callable[[str, dict[str, Any]], list[dict[str, Any]]]
"""Runs SQL with named parameters on the published tables; `publishing.reader.Snapshot.rows` is one."""

Decision = dict[str, Any]
"""One decision as the library's description spells it, without who decided it, when and why."""


@dataclass(frozen=True)
class Telling:
    """One event as a person would recognise it.

    Attributes:
        claim: source_id, series_id and slot of the claim that a decision would name.
        when: local date and hour, or the date alone.
        branch_id: its owner, or None.
        told_by: the sources that tell of it.
    """

    event_id: str
    claim: Mapping[str, str]
    title: str
    when: str
    venue: str | None
    branch_id: str | None
    told_by: tuple[str, ...]

    def __str__(self) -> str:
        place = " · ".join(part for part in (self.branch_id, self.venue) if part)
        return f"{self.when} · {self.title} · {place or 'uten sted'} ({', '.join(self.told_by)})"


@dataclass(frozen=True)
class Question:
    """One open doubt.

    Attributes:
        about: the event in question.
        others: what it may be the same as, likeliest first.
        share: what it weighs in its branch's (else its area's) count of the year, from 0 to 1.
        answers: what each possible answer decides, in the order in which they are offered.
    """

    kind: str
    text: str
    about: Telling
    others: tuple[Telling, ...]
    share: float
    answers: Mapping[str, Sequence[Decision]] = field(repr=False)


# Of several doubts about one event the first of these is asked.
_TEXTS = {
    "perhaps_one_event": "Er dette det samme som nr. 1, eller ble det holdt for seg selv?",
    "set_aside": "Dette er ikke regnet med: bare nr. 1 er meldt inn, og det kan være det samme. Er det det?",
    "usual_source_lacks_it": "En kilde som ellers har nesten alt ved filialen, mangler dette. Ble det holdt, eller er "
    "det det samme som et annet?",
    "no_branch": "Ingen kilde sier hvilken filial dette hører til. Er det vårt? Fyll i så fall inn filial.",
    "one_source_took_it_out": "Én kilde har tatt dette ut, en annen har det fremdeles. Ble det holdt?",
    "one_source_cancelled_it": "Én kilde sier avlyst, en annen har det fremdeles. Ble det holdt?",
    "perhaps_moved": "Dette forsvant, og noe likt kom på en annen dato. Ble det holdt på denne datoen også?",
    "changed_after_it_ended": "En kilde endret dette etter at det var over. Ble det holdt?",
    "attendance_at_no_event": "Noen har meldt inn deltakere, men arrangementet er avlyst eller tatt ut. Ble det holdt?",
}
KINDS = tuple(_TEXTS)
HELD, NOT_HELD, OURS, NOT_OURS = "holdt", "ikke holdt", "vårt", "ikke vårt"

# $start and $end are local dates, half-open. The subject is a claim, or two of a pair; a report is none, and the anchor
# of its event stands in for it. Of two that may be one it is the second, less believed one that is asked about.
_DOUBTS = """
    select
        d.doubt_kind,
        coalesce(
            case when d.doubt_kind = 'perhaps_one_event' then other.occurrence_id else subject.occurrence_id end,
            anchor.occurrence_id
        ) as about_id,
        case when d.doubt_kind = 'perhaps_one_event' then subject.occurrence_id else other.occurrence_id end as other_id
    from core.fct_event_doubt as d
    inner join core.fct_event as e on d.event_id = e.event_id
    inner join core.bridge_event_claim as anchor on d.event_id = anchor.event_id and anchor.is_anchor
    left join core.bridge_event_claim as subject on split_part(d.subject_id, ' ', 1) = subject.occurrence_id
    left join core.bridge_event_claim as other on split_part(d.subject_id, ' ', 2) = other.occurrence_id
    where d.is_open and e.start_on >= $start and e.start_on < $end and list_contains($kinds, d.doubt_kind)
    order by d.doubt_kind, about_id, other_id
"""
# All that is told on the days of the questions, and what they name on other days; one row per claim.
_TOLD = """
    select
        c.occurrence_id, c.event_id, c.source_id, c.series_id, c.slot, c.is_anchor, c.status as claim_status,
        e.title, e.start_at, e.start_on, e.has_time, e.venue, nullif(e.owner_branch_id, 'unassigned') as branch_id,
        e.is_countable
    from core.bridge_event_claim as c
    inner join core.fct_event as e on c.event_id = e.event_id
    where e.start_on in (
        select b.start_on from core.fct_event as b
        inner join core.bridge_event_claim as a on b.event_id = a.event_id
        where list_contains($asked, a.occurrence_id)
    ) or c.event_id in (
        select o.event_id from core.bridge_event_claim as o where list_contains($named, o.occurrence_id)
    )
    order by c.event_id, c.source_id, c.occurrence_id
"""
_WEIGHTS = """
    select owner_branch_id, extract(year from start_on) as year, count(*) as events
    from core.fct_event where is_countable group by all
"""


def questions(rows: Rows, zone: ZoneInfo, start: date, end: date, branch_id: str | None = None) -> list[Question]:
    """Every open doubt about events of a period that a person can settle by an answer.

    One event is asked about once: where it has several doubts, by the kind that stands first in `KINDS`. What the
    answer leaves open stands in the next list.

    Args:
        rows: runs SQL over the published tables.
        zone: the library's.
        start, end: local dates, half-open.
        branch_id: only what this branch answers for or may answer for, and what no branch does.

    Returns:
        Those that weigh most in their branch's year first.
    """
    doubts = rows(_DOUBTS, {"start": start, "end": end, "kinds": list(KINDS)})
    asked_ids = [doubt["about_id"] for doubt in doubts]
    named_ids = [doubt["other_id"] for doubt in doubts if doubt["other_id"] is not None]
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows(_TOLD, {"asked": asked_ids, "named": named_ids}):
        told.setdefault(row["event_id"], []).append(row)
    by_claim = {row["occurrence_id"]: row for group in told.values() for row in group}
    weights = {(row["owner_branch_id"], int(row["year"])): int(row["events"]) for row in rows(_WEIGHTS, {})}

    asked: dict[str, Question] = {}
    for doubt in sorted(doubts, key=lambda d: KINDS.index(d["doubt_kind"])):
        claim, other = by_claim[doubt["about_id"]], by_claim.get(doubt["other_id"])
        if claim["event_id"] in asked:
            continue
        about = _telling(claim, told, zone)
        others = [_telling(row, told, zone) for row in _candidates(doubt["doubt_kind"], claim, other, told)]
        answerable = {about.branch_id or branch_id, other["branch_id"] if other is not None else None}
        if branch_id is not None and branch_id not in answerable:
            continue
        count = weights.get((claim["branch_id"] or "unassigned", claim["start_on"].year), 1)
        asked[about.event_id] = Question(
            doubt["doubt_kind"], _TEXTS[doubt["doubt_kind"]], about, tuple(others), 1 / count,
            _answers(doubt["doubt_kind"], about, others, is_pair=other is not None),
        )  # fmt: skip
    return sorted(asked.values(), key=lambda q: (-q.share, q.about.when, q.about.event_id))


def _telling(claim: dict[str, Any], told: Mapping[str, list[dict[str, Any]]], zone: ZoneInfo) -> Telling:
    start: datetime = claim["start_at"]
    local = start.astimezone(zone) if start.tzinfo else start.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
    when = f"{claim['start_on']:%Y-%m-%d}" + (f" {local:%H:%M}" if claim["has_time"] else "")
    sources = {row["source_id"] for row in told[claim["event_id"]] if row["claim_status"] != "withdrawn"}
    return Telling(
        claim["event_id"],
        {key: claim[key] for key in ("source_id", "series_id", "slot")},
        claim["title"] or "(uten tittel)",
        when,
        claim["venue"],
        claim["branch_id"],
        tuple(sorted(sources)),
    )


def _candidates(
    kind: str, claim: dict[str, Any], other: dict[str, Any] | None, told: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What it may be the same as: the other of a pair, then what others tell that day, nearest in time first."""
    first = [other] if other is not None else []
    if not first and kind not in ("usual_source_lacks_it", "no_branch"):
        return []
    mine = {row["source_id"] for row in told[claim["event_id"]]}
    known = {claim["event_id"], *(row["event_id"] for row in first)}
    near = [
        row
        for event_id, group in told.items()
        for row in group
        if row["is_anchor"]
        and row["is_countable"]
        and row["start_on"] == claim["start_on"]
        and event_id not in known
        # whoever tells both means two
        and not mine & {told_too["source_id"] for told_too in group}
    ]

    def distance(row: dict[str, Any]) -> tuple[timedelta, bool, str]:
        is_timed = row["has_time"] and claim["has_time"]
        apart = abs(row["start_at"] - claim["start_at"]) if is_timed else timedelta()
        return apart, row["branch_id"] != claim["branch_id"], row["event_id"]

    return [*first, *sorted(near, key=distance)][:MOST_CANDIDATES]


def _answers(kind: str, about: Telling, others: Sequence[Telling], *, is_pair: bool) -> dict[str, list[Decision]]:
    def one(verdict: str) -> list[Decision]:
        return [{"verdict": verdict, "claims": [dict(about.claim)]}]

    def both(verdict: str, other: Telling) -> list[Decision]:
        return [{"verdict": verdict, "claims": [dict(about.claim), dict(other.claim)]}]

    yes, no = (OURS, NOT_OURS) if kind == "no_branch" else (HELD, NOT_HELD)
    held = [*one("countable"), *(both("different", others[0]) if is_pair else [])]
    same = {f"samme som {number}": both("same", other) for number, other in enumerate(others, start=1)}
    return {yes: held, no: one("not_countable"), **same}
