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


_TEXTS = {
    "perhaps_one_event": "Er dette og nr. 1 ett og samme arrangement?",
    "usual_source_lacks_it": "En kilde som ellers har nesten alt ved filialen, mangler dette. Ble det holdt, eller er "
    "det det samme som et annet?",
    "set_aside": "Dette er ikke regnet med, fordi bare nr. 1 er meldt inn, og det kan være det samme. Er det det?",
    "no_branch": "Ingen kilde sier hvilken filial dette hører til. Er det vårt? Fyll i så fall inn filial.",
    "one_source_took_it_out": "Én kilde har tatt dette ut, en annen har det fremdeles. Ble det holdt?",
    "one_source_cancelled_it": "Én kilde sier avlyst, en annen har det fremdeles. Ble det holdt?",
    "perhaps_moved": "Dette forsvant, og noe likt kom på en annen dato. Ble det holdt på denne datoen også?",
    "changed_after_it_ended": "En kilde endret dette etter at det var over. Ble det holdt?",
    "attendance_at_no_event": "Noen har meldt inn deltakere, men arrangementet er avlyst eller tatt ut. Ble det holdt?",
}
KINDS = tuple(_TEXTS)
_PAIRS = ("perhaps_one_event", "set_aside")

# $start and $end are local dates, half-open; $branch null for all. A report's subject is no claim: its event's anchor
# stands in for it.
_DOUBTS = """
    select
        d.doubt_kind, d.event_id, d.subject_id, e.start_on,
        coalesce(c.occurrence_id, a.occurrence_id) as occurrence_id
    from core.fct_event_doubt as d
    inner join core.fct_event as e on d.event_id = e.event_id
    inner join core.bridge_event_claim as a on d.event_id = a.event_id and a.is_anchor
    left join core.bridge_event_claim as c on split_part(d.subject_id, ' ', 1) = c.occurrence_id
    where d.is_open and e.start_on >= $start and e.start_on < $end and list_contains($kinds, d.doubt_kind)
        and ($branch is null or e.owner_branch_id = $branch or d.doubt_kind = 'no_branch')
    order by e.start_on, d.event_id, d.doubt_kind, d.subject_id
"""
# All that is told on the days of the questions, one row per claim.
_TOLD = """
    select
        c.occurrence_id, c.event_id, c.source_id, c.series_id, c.slot, c.is_anchor, c.status as claim_status,
        e.title, e.start_at, e.start_on, e.has_time, e.venue, nullif(e.owner_branch_id, 'unassigned') as branch_id,
        e.is_countable
    from core.bridge_event_claim as c
    inner join core.fct_event as e on c.event_id = e.event_id
    where e.start_on in (
        select b.start_on from core.fct_event as b
        inner join core.fct_event_doubt as d on b.event_id = d.event_id
        where d.is_open and b.start_on >= $start and b.start_on < $end
    ) or c.event_id in (
        -- the other of a pair, which may stand on another day
        select o.event_id from core.bridge_event_claim as o
        inner join core.fct_event_doubt as d on split_part(d.subject_id, ' ', 2) = o.occurrence_id
        where d.is_open
    )
    order by c.event_id, c.source_id, c.occurrence_id
"""
_WEIGHTS = """
    select owner_branch_id, extract(year from start_on) as year, count(*) as events
    from core.fct_event where is_countable group by all
"""


def questions(rows: Rows, zone: ZoneInfo, start: date, end: date, branch_id: str | None = None) -> list[Question]:
    """Every open doubt about events of a period that a person can settle by an answer.

    One event is asked about once: where it has several doubts, by the kind that stands first in `KINDS`. A doubt of
    another kind stands again in the next list if the answer does not settle it.

    Args:
        rows: runs SQL over the published tables.
        zone: the library's.
        start, end: local dates, half-open.
        branch_id: only what this branch answers for, and what no branch does.

    Returns:
        Those that weigh most in their branch's year first.
    """
    scope: dict[str, Any] = {"start": start, "end": end}
    doubts = rows(_DOUBTS, {**scope, "kinds": list(KINDS), "branch": branch_id})
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows(_TOLD, scope):
        told.setdefault(row["event_id"], []).append(row)
    by_claim = {row["occurrence_id"]: row for group in told.values() for row in group}
    weights = {(row["owner_branch_id"], int(row["year"])): int(row["events"]) for row in rows(_WEIGHTS, {})}

    asked: dict[str, Question] = {}
    for doubt in sorted(doubts, key=lambda d: KINDS.index(d["doubt_kind"])):
        if doubt["event_id"] in asked:
            continue
        claim = by_claim[doubt["occurrence_id"]]
        about = _telling(claim, told, zone)
        others = _others(doubt, claim, told, by_claim, zone)
        count = weights.get((claim["branch_id"] or "unassigned", doubt["start_on"].year), 1)
        asked[doubt["event_id"]] = Question(
            doubt["doubt_kind"], _TEXTS[doubt["doubt_kind"]], about, others, 1 / count,
            _answers(doubt["doubt_kind"], about, others),
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


def _others(
    doubt: dict[str, Any],
    claim: dict[str, Any],
    told: Mapping[str, list[dict[str, Any]]],
    by_claim: Mapping[str, dict[str, Any]],
    zone: ZoneInfo,
) -> tuple[Telling, ...]:
    """The other of a pair; or what others tell that day, nearest in time first."""
    if doubt["doubt_kind"] in _PAIRS:
        return (_telling(by_claim[doubt["subject_id"].split(" ")[1]], told, zone),)
    if doubt["doubt_kind"] not in ("usual_source_lacks_it", "no_branch"):
        return ()
    mine = {row["source_id"] for row in told[claim["event_id"]]}
    near = [
        row
        for event_id, group in told.items()
        for row in group
        if row["is_anchor"]
        and row["is_countable"]
        and row["start_on"] == claim["start_on"]
        and event_id != claim["event_id"]
        # whoever tells both means two
        and not mine & {other["source_id"] for other in group}
    ]
    near.sort(
        key=lambda row: (
            abs(row["start_at"] - claim["start_at"]) if row["has_time"] and claim["has_time"] else timedelta(),
            row["branch_id"] != claim["branch_id"],
            row["event_id"],
        )
    )
    return tuple(_telling(row, told, zone) for row in near[:MOST_CANDIDATES])


def _answers(kind: str, about: Telling, others: Sequence[Telling]) -> dict[str, list[Decision]]:
    def one(verdict: str) -> list[Decision]:
        return [{"verdict": verdict, "claims": [dict(about.claim)]}]

    def both(verdict: str, other: Telling) -> list[Decision]:
        return [{"verdict": verdict, "claims": [dict(about.claim), dict(other.claim)]}]

    if kind in _PAIRS:
        answers = {"ett arrangement": both("same", others[0]), "to arrangement": both("different", others[0])}
        if kind == "set_aside":
            # It counts again by a word of its own: that it is not the other one says not that it was held.
            answers["to arrangement"] += one("countable")
            answers["ikke holdt"] = one("not_countable")
        return answers
    same = {f"samme som {number}": both("same", other) for number, other in enumerate(others, start=1)}
    if kind == "no_branch":
        return {"vårt": one("countable"), "ikke vårt": one("not_countable"), **same}
    return {"holdt": one("countable"), "ikke holdt": one("not_countable"), **same}
