"""The library's description as tables, so that dbt reads it like any other input.

What belongs here: turning the checked models of `ingest.config` into the flat Parquet tables of `library_contracts`.
What does not: expanding them over dates; that is the warehouse's work, where it is tested.

Lists that a branch may leave out ("every branch") are written out here, one row per branch, because a missing
row is easier to see than a rule about an empty cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.config import Configuration, EventDecision, clock_minute, minutes_open
from ingest.lake import parquet_bytes, to_arrow
from ingest.landing import write_atomically
from ingest.library_contracts import LIBRARY_TABLES
from ingest.public_holidays import public_holidays

FOLDER = "library"


def write_library_tables(lake: Path, configuration: Configuration) -> dict[str, int]:
    """Write the description to `<lake>/library/<table>.parquet`, whole, each table replaced at once.

    Returns:
        Row counts per table.

    Raises:
        ConfigurationError: the holidays package does not know the country or language.
    """
    counts = {}
    for name, rows in _rows(configuration):
        table = to_arrow(LIBRARY_TABLES[name], rows)
        path = lake / FOLDER / f"{name}.parquet"
        body = parquet_bytes(table)
        if not path.exists() or path.read_bytes() != body:
            write_atomically(path, body)
        counts[name] = table.num_rows
    return counts


def _rows(configuration: Configuration) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    library, partners = configuration.library, configuration.partners
    every = tuple(b.branch_id for b in library.branches)
    yield (
        "settings",
        [
            {
                "library_id": library.library_id,
                "library_name": library.name,
                "zone": library.zone,
                "is_simulated": library.is_simulated,
                "start_on": library.reporting.start_on,
                "end_on": library.reporting.end_on,
                "least_quantity_share": library.estimation.least_quantity_share,
            }
        ],
    )
    yield (
        "year_closings",
        [
            {"closed_year": c.year, "closed_on": c.closed_on, "author_role": c.author_role}
            for c in library.reporting.closings
        ],
    )
    yield (
        "areas",
        [
            {"area_id": a.area_id, "area_name": a.name, "valid_from": a.valid_from, "valid_to": a.valid_to}
            for a in library.areas
        ],
    )
    yield (
        "inhabitants",
        [
            {"area_id": a.area_id, "counted_on": i.counted_on, "inhabitant_count": i.count, "count_source": i.source}
            for a in library.areas
            for i in a.inhabitants
        ],
    )
    yield (
        "branches",
        [
            {"branch_id": b.branch_id, "branch_name": b.name, "valid_from": b.valid_from, "valid_to": b.valid_to}
            for b in library.branches
        ],
    )
    yield (
        "branch_aliases",
        [
            {"branch_id": b.branch_id, "alias": alias}
            for b in library.branches
            for alias in sorted({n.lower() for n in (b.name, *b.aliases)})
        ],
    )
    yield (
        "branch_areas",
        [
            {"branch_id": b.branch_id, "area_id": m.area_id, "valid_from": m.valid_from, "valid_to": m.valid_to}
            for b in library.branches
            for m in b.areas
        ],
    )
    yield "lines", [line.model_dump() for line in library.lines]
    yield (
        "day_cuts",
        [
            {
                "branch_id": branch_id,
                "cut_minute": clock_minute(c.at),
                "valid_from": c.valid_from,
                "valid_to": c.valid_to,
            }
            for c in library.day_cuts
            for branch_id in c.branch_ids or every
        ],
    )
    yield (
        "opening_hours",
        [
            {
                "branch_id": branch_id,
                "weekday": weekday,
                "opens_minute": h.stretch[0],
                "closes_minute": h.stretch[1],
                "service": h.service,
                "valid_from": h.valid_from,
                "valid_to": h.valid_to,
            }
            for h in library.opening_hours
            for branch_id in h.branch_ids or every
            for weekday in h.weekdays
        ],
    )
    yield (
        "opening_exceptions",
        [
            {
                "branch_id": branch_id,
                "exception_number": number,
                "first_on": e.first_on,
                "last_on": e.last_on,
                "kind": e.kind,
                "opens_minute": minutes_open(e.opens, e.closes)[0] if e.opens and e.closes else None,
                "closes_minute": minutes_open(e.opens, e.closes)[1] if e.opens and e.closes else None,
                "reason": e.reason,
            }
            for number, e in enumerate(library.opening_exceptions, start=1)
            for branch_id in e.branch_ids or every
        ],
    )
    yield (
        "structural_breaks",
        [
            {"branch_id": branch_id, "broke_on": b.broke_on, "reason": b.reason}
            for b in library.structural_breaks
            for branch_id in b.branch_ids or every
        ],
    )
    yield (
        "count_decisions",
        [
            {**d.model_dump(exclude={"line_ids"}), "line_id": line_id}
            for d in library.count_decisions
            for line_id in d.line_ids
        ],
    )
    yield (
        "calibrations",
        [
            {**c.model_dump(exclude={"line_ids"}), "line_id": line_id}
            for c in library.calibrations
            for line_id in c.line_ids
        ],
    )
    yield "holidays", [{"holiday_on": day, "holiday_name": name} for day, name in public_holidays(library)]
    yield "accounts", [a.model_dump() for a in library.accounts]
    yield (
        "event_rules",
        [{**r.model_dump(), "rule_number": number} for number, r in enumerate(library.event_rules, start=1)],
    )
    yield (
        "event_audiences",
        [{**r.model_dump(), "rule_number": number} for number, r in enumerate(library.event_audiences, start=1)],
    )
    words = library.event_words
    yield (
        "event_words",
        [
            {"kind": kind, "word": word, "means": means, "reviewed_on": words.reviewed_on}
            for kind, pairs in (
                ("prefix", words.prefixes.items()),
                ("tail", ((word, "") for word in words.tails)),
                ("same", words.same.items()),
                ("ending", ((word, "") for word in words.endings)),
                ("weak", ((word, "") for word in words.weak)),
                ("online", ((word, "") for word in words.online)),
            )
            for word, means in pairs
        ],
    )
    yield "event_identity", [library.event_identity.model_dump()]
    yield (
        "event_decisions",
        [
            {
                **decision.model_dump(exclude={"claims", "branch_ids", "audiences"}),
                "verdict": verdict,
                "branch_id": branch_id,
                "audience": audience,
                **decision.claims[0].model_dump(),
                **{
                    f"other_{key}": value
                    for key, value in decision.claims[-1].model_dump().items()
                    if len(decision.claims) == 2
                },
            }
            for decision in library.event_decisions
            for verdict, branch_id in _verdicts(decision)
            for audience in decision.audiences or (None,)
        ],
    )
    yield (
        "post_rules",
        [
            {
                **r.model_dump(exclude={"hashtags", "references", "branch_ids"}),
                "rule_number": number,
                "hashtag": hashtag,
                "caption_reference": reference,
                "branch_id": branch_id,
            }
            for number, r in enumerate(library.post_rules, start=1)
            for hashtag in r.hashtags or (None,)
            for reference in r.references or (None,)
            for branch_id in r.branch_ids or (None,)
        ],
    )
    yield (
        "post_decisions",
        [
            {**d.model_dump(exclude={"branch_ids"}), "branch_id": branch_id}
            for d in library.post_decisions
            for branch_id in d.branch_ids or (None,)
        ],
    )
    baseline = set(partners.baseline.partner_ids) if partners.baseline else set()
    units = partners.units()
    yield (
        "partners",
        [
            {
                "partner_id": p.partner_id,
                "partner_name": p.name,
                "organisation_number": p.organisation_number,
                "unit_id": units[p.partner_id],
                "is_baseline": p.partner_id in baseline,
            }
            for p in partners.partners
        ],
    )
    yield (
        "partner_aliases",
        [
            {"partner_id": p.partner_id, "alias": alias}
            for p in partners.partners
            for alias in sorted({n.lower() for n in (p.name, *p.aliases)})
        ],
    )
    yield (
        "partner_organisations",
        [
            {"partner_id": partner_id, "organisation_id": organisation_id, "valid_from": start, "valid_to": end}
            for partner_id, organisation_id, start, end in partners.organisations()
        ],
    )
    yield (
        "partner_baseline",
        [
            {"frozen_on": b.frozen_on, "author_role": b.author_role, "partner_count": len(b.partner_ids)}
            for b in ([partners.baseline] if partners.baseline else [])
        ],
    )
    yield (
        "figures",
        [
            {
                "figure_id": f.figure_id,
                "definition_version": f.definition_version,
                "figure_name": f.name,
                "domain": f.domain,
                "unit": f.unit,
                "aggregation": f.aggregation,
                "growth_kind": f.growth,
                "decimals": f.decimals,
                "definition": f.definition,
                "rule_source": f.rule_source,
                "owner": f.owner,
            }
            for f in configuration.figures
        ],
    )
    believed = sorted(configuration.sources, key=lambda source: source.priority)  # stable: equals keep their order
    ranks = {source.source_id: rank for rank, source in enumerate(believed, start=1)}
    yield (
        "sources",
        [
            {
                "source_id": s.source_id,
                "family": s.family,
                "adapter": s.adapter,
                "description": s.description,
                "owner": s.owner,
                "is_enabled": s.enabled,
                "expected_every_hours": s.expected_every_hours,
                "branch_id": s.branch_id,
                "is_aggregator": s.is_aggregator,
                "source_rank": ranks[s.source_id],
            }
            for s in configuration.sources
        ],
    )


def _verdicts(decision: EventDecision) -> list[tuple[str, str | None]]:
    """A decision as the warehouse reads it: of several hosts the first is the owner, and each is a host."""
    if not decision.branch_ids:
        return [(decision.verdict, decision.branch_id)]
    return [
        ("owner_branch", decision.branch_ids[0]),
        *(("host_branch", branch_id) for branch_id in decision.branch_ids),
    ]
