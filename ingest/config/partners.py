"""`partners.yaml`: organisations that the library works with, and the list that new ones are measured against.

What belongs here: who is one organisation, and since when. What does not: contact persons, who are not kept.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from ingest.config.shared import Dated, Identifier, Model, require_known, require_unique


class Renaming(Model):
    """From which partner an organisation took over, by a change of name or a merger, and since when."""

    partner_id: Identifier
    renamed_on: date


class Parent(Dated):
    """The partner of which an organisation is a part, by date."""

    partner_id: Identifier


class Partner(Model):
    """An organisation that the library works with. Contact persons are not kept.

    `renamed_from` and `parents` say which partners are one organisation: whoever knew the one knew the other.
    """

    partner_id: Identifier
    name: str
    aliases: tuple[str, ...] = ()
    organisation_number: str | None = Field(default=None, pattern=r"^\d{9}$")
    renamed_from: Renaming | None = None
    parents: tuple[Parent, ...] = ()


class Baseline(Model):
    """The frozen list of partners that were already there: what `new` is measured against."""

    frozen_on: date
    author_role: str
    partner_ids: tuple[Identifier, ...]


class Partners(Model):
    """`partners.yaml`. Without a baseline no partner can be called new."""

    baseline: Baseline | None = None
    partners: tuple[Partner, ...] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Partners:
        known = require_unique("partner", (p.partner_id for p in self.partners))
        require_unique("organisation number", (p.organisation_number for p in self.partners if p.organisation_number))
        for partner_id in self.baseline.partner_ids if self.baseline else ():
            require_known("partner", partner_id, known, "the baseline list")
        above: dict[str, set[str]] = {}
        for partner in self.partners:
            for i, parent in enumerate(partner.parents):
                if any(parent.overlaps(other) for other in partner.parents[i + 1 :]):
                    raise ValueError(f"partner {partner.partner_id} is part of two organisations at once")
            above[partner.partner_id] = {p.partner_id for p in partner.parents}
            if partner.renamed_from is not None:
                above[partner.partner_id].add(partner.renamed_from.partner_id)
            for partner_id in above[partner.partner_id]:
                require_known("partner", partner_id, known, f"partner {partner.partner_id}")
        for start in above:
            reached, ahead = set[str](), set(above[start])
            while ahead:
                reached |= ahead
                ahead = {p for a in ahead for p in above[a]} - reached
            if start in reached:
                raise ValueError(f"partner {start} is part of itself, or renamed from itself")
        return self

    def units(self) -> dict[str, str]:
        """The named unit that each partner is: itself, or what it was renamed from. What it is part of is another."""
        by_id = {p.partner_id: p for p in self.partners}

        def unit(partner_id: str) -> str:
            renamed = by_id[partner_id].renamed_from
            return partner_id if renamed is None else unit(renamed.partner_id)

        return {partner_id: unit(partner_id) for partner_id in by_id}

    def organisations(self) -> list[tuple[str, str, date | None, date | None]]:
        """Which organisation each partner belongs to: (partner, organisation, from, to), spans by date, gapless.

        A renaming holds at all times: the acts under both names are those of one organisation. A parent holds while
        it is one.
        """
        by_id = {p.partner_id: p for p in self.partners}

        def organisation(partner_id: str, day: date) -> str:
            partner = by_id[partner_id]
            if partner.renamed_from is not None:
                return organisation(partner.renamed_from.partner_id, day)
            for parent in partner.parents:
                if parent.valid_from <= day < (parent.valid_to or date.max):
                    return organisation(parent.partner_id, day)
            return partner_id

        edges = {day for p in self.partners for q in p.parents for day in (q.valid_from, q.valid_to) if day}
        starts = [date.min, *sorted(edges)]
        found: list[tuple[str, str, date | None, date | None]] = []
        for partner_id in by_id:
            spans: list[tuple[date, str]] = []
            for day in starts:
                name = organisation(partner_id, day)
                if not spans or spans[-1][1] != name:
                    spans.append((day, name))
            for n, (day, name) in enumerate(spans):
                end = spans[n + 1][0] if n + 1 < len(spans) else None
                found.append((partner_id, name, None if day == date.min else day, end))
        return found
