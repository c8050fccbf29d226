"""`library.yaml` as one: its parts together, and whether they name only each other.

What belongs here: checks between the parts of this one file. What does not: the parts (`places`, `doors`, `events`,
`instagram`, `alerts`), and checks between files (`configuration`).
"""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import AwareDatetime, Field, field_validator, model_validator

from ingest.config.alerts import Alerts
from ingest.config.doors import Calibration, CountDecision, Estimation, Line, StructuralBreak
from ingest.config.events import AudienceRule, Claim, EventDecision, EventIdentity, EventRule, EventWords
from ingest.config.instagram import Account, PostDecision, PostRule
from ingest.config.places import Area, Branch, DayCut, OpeningException, OpeningHours
from ingest.config.shared import Identifier, Model, clock_minute, minutes_open, require_known, require_unique
from ingest.zones import known_zone


class Closing(Model):
    """When the figures of a year were handed over: what is told on that date or later restates them."""

    year: int = Field(ge=1990, le=2100)
    closed_on: date
    author_role: str

    @model_validator(mode="after")
    def _after_it_began(self) -> Closing:
        if self.closed_on.year < self.year:
            raise ValueError(f"the year {self.year} can't be closed on {self.closed_on}, before it began")
        return self


class Reporting(Model):
    """The span of local dates that the figures speak about; `end_on` is excluded and open when absent.

    Attributes:
        closings: of years that were closed on another day than 30 days after they ended.
    """

    start_on: date
    end_on: date | None = None
    closings: tuple[Closing, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Reporting:
        require_unique("closing of a year", (str(c.year) for c in self.closings))
        if self.end_on is not None and self.end_on <= self.start_on:
            raise ValueError(f"end_on {self.end_on} is not after start_on {self.start_on}")
        return self


class Library(Model):
    """`library.yaml`.

    Attributes:
        simulated_now_at: where the time of a simulated library stands. Without it the pages would open on doors that
            have been silent for years, because nobody has simulated those years.
    """

    library_id: Identifier
    name: str
    zone: str
    holidays_country: str | None = None
    holidays_language: str | None = None
    is_simulated: bool = False
    simulated_now_at: AwareDatetime | None = None
    reporting: Reporting
    areas: tuple[Area, ...]
    branches: tuple[Branch, ...]
    lines: tuple[Line, ...] = ()
    day_cuts: tuple[DayCut, ...] = ()
    opening_hours: tuple[OpeningHours, ...] = ()
    opening_exceptions: tuple[OpeningException, ...] = ()
    structural_breaks: tuple[StructuralBreak, ...] = ()
    count_decisions: tuple[CountDecision, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    estimation: Estimation = Estimation()
    accounts: tuple[Account, ...] = ()
    event_rules: tuple[EventRule, ...] = ()
    event_audiences: tuple[AudienceRule, ...] = ()
    event_words: EventWords = EventWords()
    event_identity: EventIdentity = EventIdentity()
    event_decisions: tuple[EventDecision, ...] = ()
    alerts: Alerts = Alerts()
    post_rules: tuple[PostRule, ...] = ()
    post_decisions: tuple[PostDecision, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _holds_together(self) -> Library:
        if self.simulated_now_at is not None and not self.is_simulated:
            raise ValueError("simulated_now_at is for a library with is_simulated: true; a real one has the real time")
        areas = require_unique("area", (a.area_id for a in self.areas))
        branches = require_unique("branch", (b.branch_id for b in self.branches))
        lines = require_unique("line", (line.line_id for line in self.lines))
        require_unique("event rule", (r.rule_id for r in self.event_rules))
        require_unique("audience rule", (r.rule_id for r in self.event_audiences))
        for branch in self.branches:
            for i, member in enumerate(branch.areas):
                require_known("area", member.area_id, areas, f"branch {branch.branch_id}")
                if any(member.overlaps(other) for other in branch.areas[i + 1 :]):
                    raise ValueError(f"branch {branch.branch_id} belongs to two areas at once")
                area = next(a for a in self.areas if a.area_id == member.area_id)
                if member.valid_from < area.valid_from or (member.valid_to or date.max) > (area.valid_to or date.max):
                    raise ValueError(f"branch {branch.branch_id} belongs to area {area.area_id} outside its validity")
        for line in self.lines:
            require_known("branch", line.branch_id, branches, f"line {line.line_id}")
        for i, line in enumerate(self.lines):
            for other in self.lines[i + 1 :]:
                same = (line.source_id, line.device_key, line.line_key) == (
                    other.source_id,
                    other.device_key,
                    other.line_key,
                )
                if same and line.overlaps(other):
                    raise ValueError(f"lines {line.line_id} and {other.line_id} claim the same sensor at once")
        for i, hours in enumerate(self.opening_hours):
            for other_hours in self.opening_hours[i + 1 :]:
                if hours.collides(other_hours):
                    raise ValueError(f"opening hours {hours.opens}-{hours.closes} stand twice for a branch and weekday")
        self._days_hold_their_hours(branches)
        for account in self.accounts:
            require_known("area", account.area_id, areas, f"account {account.account_id}")
        for branch_ids in [h.branch_ids for h in self.opening_hours] + [e.branch_ids for e in self.opening_exceptions]:
            for branch_id in branch_ids:
                require_known("branch", branch_id, branches, "opening hours")
        for branch_id in (b for broken in self.structural_breaks for b in broken.branch_ids):
            require_known("branch", branch_id, branches, "structural breaks")
        require_unique("post rule", (r.rule_id for r in self.post_rules))
        require_unique("post decision", (d.post for d in self.post_decisions))
        for branch_ids in [r.branch_ids for r in self.post_rules] + [d.branch_ids for d in self.post_decisions]:
            for branch_id in branch_ids:
                require_known("branch", branch_id, branches, "post rules and decisions")
        for i, decision in enumerate(self.count_decisions):
            for line_id in decision.line_ids:
                require_known("line", line_id, lines, "count decisions")
                for other_decision in self.count_decisions[i + 1 :]:
                    if (
                        line_id in other_decision.line_ids
                        and decision.first_on <= other_decision.last_on
                        and other_decision.first_on <= decision.last_on
                    ):
                        raise ValueError(f"two count decisions speak of line {line_id} on the same date")
        for i, calibration in enumerate(self.calibrations):
            for line_id in calibration.line_ids:
                require_known("line", line_id, lines, "calibrations")
                if not any(line.line_id == line_id and line.role == "perimeter" for line in self.lines):
                    raise ValueError(
                        f"the calibration of line {line_id} would change nothing: only lines with role perimeter make "
                        "visits of counts; take the line out of it"
                    )
                if any(line_id in c.line_ids and calibration.overlaps(c) for c in self.calibrations[i + 1 :]):
                    raise ValueError(f"two calibrations speak of line {line_id} at once")
        audiences = {rule.audience for rule in self.event_audiences}
        told: set[tuple[str, frozenset[Claim]]] = set()
        for ruling in self.event_decisions:
            if ruling.branch_id is not None:
                require_known("branch", ruling.branch_id, branches, "an event decision")
            for branch_id in ruling.branch_ids:
                require_known("branch", branch_id, branches, "an event decision")
            for audience in ruling.audiences:
                require_known("audience", audience, audiences, "an event decision")
            if (ruling.about, frozenset(ruling.claims)) in told:
                raise ValueError(f"two event decisions speak of {' and '.join(map(str, ruling.claims))}")
            told.add((ruling.about, frozenset(ruling.claims)))
        return self

    def _days_hold_their_hours(self, branches: set[str]) -> None:
        """Refuse opening hours that lie across the time at which their branch's day is cut: two days would own them."""
        for i, cut in enumerate(self.day_cuts):
            for branch_id in cut.branch_ids:
                require_known("branch", branch_id, branches, "day cuts")
            for other in self.day_cuts[i + 1 :]:
                if cut.overlaps(other) and (
                    not cut.branch_ids or not other.branch_ids or set(cut.branch_ids) & set(other.branch_ids)
                ):
                    raise ValueError("two day cuts speak of one branch at once")
        regular = [(h.branch_ids, h.valid_from, h.valid_to, h.opens, h.closes) for h in self.opening_hours]
        special = [
            (e.branch_ids, e.first_on, e.last_on + timedelta(days=1), e.opens, e.closes)
            for e in self.opening_exceptions
            if e.opens and e.closes
        ]
        for branch_ids, first_on, end_on, opens, closes in regular + special:
            opened, closed = minutes_open(opens, closes)
            for branch_id in branch_ids or sorted(branches):
                for cut_minute in self._cuts_between(branch_id, first_on, end_on):
                    if opened < cut_minute or closed > 24 * 60 + cut_minute:
                        raise ValueError(
                            f"opening hours {opens:%H:%M}-{closes:%H:%M} of {branch_id} lie across its day cut at "
                            f"{cut_minute // 60:02}:00; give the branch day_cuts at or after the time it closes and at "
                            "or before the time it opens"
                        )

    def _cuts_between(self, branch_id: str, first_on: date, end_on: date | None) -> set[int]:
        """Every time at which a branch's days are cut between two dates, in minutes after midnight."""
        cuts = sorted(
            (c for c in self.day_cuts if not c.branch_ids or branch_id in c.branch_ids), key=lambda c: c.valid_from
        )
        found, known_until, end = set(), first_on, end_on or date.max
        for cut in cuts:
            if cut.valid_from < end and (cut.valid_to or date.max) > first_on:
                found.add(clock_minute(cut.at))
                if cut.valid_from > known_until:
                    found.add(0)
                known_until = max(known_until, cut.valid_to or date.max)
        return found if known_until >= end else found | {0}
