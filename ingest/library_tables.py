"""The library's description as tables, so that dbt reads it like any other input.

What belongs here: turning the checked models of `ingest.config` into flat Parquet tables with a contract each.
What does not: expanding them over dates; that is the warehouse's work, where it is tested.

Lists that a branch may leave out ("every branch") are written out here, one row per branch, because a missing
row is easier to see than a rule about an empty cell. Public holidays come from the `holidays` package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import holidays
import pyarrow as pa

from ingest.config import Configuration, EventDecision, Library, clock_minute, minutes_open
from ingest.contracts import BOOL, DATE, FLOAT, INT, TEXT, Column, Table
from ingest.errors import ConfigurationError
from ingest.lake import parquet_bytes, to_arrow
from ingest.landing import write_atomically

FOLDER = "library"


def _table(name: str, grain: str, key: tuple[str, ...], *columns: tuple[str, pa.DataType, str, bool]) -> Table:
    return Table(name, "library", grain, key, tuple(Column(*column) for column in columns))


_FROM = ("valid_from", DATE, "First local date of validity.", True)
_TO = ("valid_to", DATE, "Local date on which it no longer holds; null while it does.", False)
_BRANCH = ("branch_id", TEXT, "The branch.", True)
_AREA = ("area_id", TEXT, "The area.", True)

LIBRARY_TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        _table(
            "settings",
            "One row: the library system as a whole.",
            ("library_id",),
            ("library_id", TEXT, "Short name of the library system.", True),
            ("library_name", TEXT, "Its name.", True),
            ("zone", TEXT, "IANA zone by which local days are cut.", True),
            ("is_simulated", BOOL, "True when the figures come from a simulated library.", True),
            ("start_on", DATE, "First local date that the figures speak about.", True),
            ("end_on", DATE, "Local date at which they end, excluded; null while they go on.", False),
            ("least_quantity_share", FLOAT, "Least counted part of a period that gets a total with estimates.", True),
        ),
        _table(
            "year_closings",
            "One row per year that was closed on a day of its own; others close 30 days after they end.",
            ("closed_year",),
            ("closed_year", INT, "The calendar year.", True),
            ("closed_on", DATE, "Local date of the closing: what is told on it or later restates the year.", True),
            ("author_role", TEXT, "Role of who closed it.", True),
        ),
        _table(
            "areas",
            "One row per area version.",
            ("area_id",),
            _AREA,
            ("area_name", TEXT, "Name of the area.", True),
            _FROM,
            _TO,
        ),
        _table(
            "inhabitants",
            "One row per area and population count.",
            ("area_id", "counted_on"),
            _AREA,
            ("counted_on", DATE, "Date of the count.", True),
            ("inhabitant_count", INT, "Inhabitants on that date.", True),
            ("count_source", TEXT, "Where the count was published.", True),
        ),
        _table(
            "branches",
            "One row per branch.",
            ("branch_id",),
            _BRANCH,
            ("branch_name", TEXT, "Name of the branch.", True),
            _FROM,
            _TO,
        ),
        _table(
            "branch_aliases",
            "One row per branch and name that feeds use for it.",
            ("branch_id", "alias"),
            _BRANCH,
            ("alias", TEXT, "The name, lower case.", True),
        ),
        _table(
            "branch_areas",
            "One row per branch and span of belonging to an area.",
            ("branch_id", "valid_from"),
            _BRANCH,
            _AREA,
            _FROM,
            _TO,
        ),
        _table(
            "lines",
            "One row per counted line and span of validity.",
            ("line_id",),
            ("line_id", TEXT, "The line.", True),
            _BRANCH,
            ("source_id", TEXT, "The source that counts it.", True),
            ("device_key", TEXT, "The device as the source names it.", True),
            ("line_key", TEXT, "The line on that device.", True),
            ("door", TEXT, "The entrance, in words.", False),
            ("role", TEXT, "perimeter lines make visits, internal ones do not, sample ones are counted by hand.", True),
            ("rule", TEXT, "How counts become visits: mean_in_out, breaks_halved or entries.", True),
            _FROM,
            _TO,
            ("register_modulus", INT, "Number at which the register starts again from 0; null if unknown.", False),
            (
                "register_rate_cap_per_hour",
                FLOAT,
                "More people an hour than the door lets through in one direction; null without a cap.",
                False,
            ),
        ),
        _table(
            "day_cuts",
            "One row per branch and span of time in which its days are not cut at midnight.",
            ("branch_id", "valid_from"),
            _BRANCH,
            ("cut_minute", INT, "Beginning of the day, in minutes of local wall clock after midnight.", True),
            _FROM,
            _TO,
        ),
        _table(
            "opening_hours",
            "One row per branch, weekday and stretch of regular opening.",
            ("branch_id", "weekday", "opens_minute", "valid_from"),
            _BRANCH,
            ("weekday", INT, "ISO weekday, 1 = Monday.", True),
            ("opens_minute", INT, "Opening, in minutes of local wall clock after midnight.", True),
            ("closes_minute", INT, "Closing, likewise; 1440 and more on the next date.", True),
            ("service", TEXT, "staffed or unstaffed.", True),
            _FROM,
            _TO,
        ),
        _table(
            "opening_exceptions",
            "One row per branch and exception to the regular hours, later ones win.",
            ("branch_id", "exception_number"),
            _BRANCH,
            ("exception_number", INT, "Position in the description.", True),
            ("first_on", DATE, "First local date.", True),
            ("last_on", DATE, "Last local date, included.", True),
            ("kind", TEXT, "closed, reduced or open.", True),
            ("opens_minute", INT, "Opening on these dates; null when closed.", False),
            ("closes_minute", INT, "Closing on these dates, 1440 and more on the next; null when closed.", False),
            ("reason", TEXT, "Why.", True),
        ),
        _table(
            "structural_breaks",
            "One row per branch and date from which its counts no longer compare with those before.",
            ("branch_id", "broke_on"),
            _BRANCH,
            ("broke_on", DATE, "First local date of the new series.", True),
            ("reason", TEXT, "Why.", True),
        ),
        _table(
            "count_decisions",
            "One row per line and stretch of dates on which a person decided whether its counts hold.",
            ("line_id", "first_on"),
            ("line_id", TEXT, "The line.", True),
            ("first_on", DATE, "First local date.", True),
            ("last_on", DATE, "Last local date, included.", True),
            ("verdict", TEXT, "keep or leave_out.", True),
            ("reason", TEXT, "Why.", True),
            ("decided_by", TEXT, "Role of who decided.", True),
        ),
        _table(
            "calibrations",
            "One row per line and span of time in which its counts are multiplied by a measured factor.",
            ("line_id", "valid_from"),
            ("line_id", TEXT, "The line.", True),
            ("factor", FLOAT, "Visits per visit that the line counts.", True),
            ("evidence", TEXT, "How the factor was measured.", True),
            _FROM,
            _TO,
        ),
        _table(
            "holidays",
            "One row per public holiday, on which branches are closed unless an exception opens them.",
            ("holiday_on",),
            ("holiday_on", DATE, "Local date.", True),
            ("holiday_name", TEXT, "Its name.", True),
        ),
        _table(
            "accounts",
            "One row per social media account and span.",
            ("account_id", "valid_from"),
            ("account_id", TEXT, "The platform's id.", True),
            ("platform", TEXT, "instagram.", True),
            _AREA,
            _FROM,
            _TO,
        ),
        _table(
            "event_rules",
            "One row per rule that says which event records count; the first match wins.",
            ("rule_id",),
            ("rule_id", TEXT, "The rule.", True),
            ("rule_number", INT, "Order of trial.", True),
            ("pattern", TEXT, "Regular expression, tried on the lower-case title.", True),
            ("kind", TEXT, "Kind of event that a match means.", True),
            ("count_rule", TEXT, "per_occurrence, once_per_series or never.", True),
            ("organiser", TEXT, "own or other; null where partners decide.", False),
            ("reason", TEXT, "Why.", True),
        ),
        _table(
            "event_audiences",
            "One row per rule that says whom an event is for; the first match wins.",
            ("rule_id",),
            ("rule_id", TEXT, "The rule.", True),
            ("rule_number", INT, "Order of trial.", True),
            ("audience", TEXT, "Whom a match is for.", True),
            (
                "pattern",
                TEXT,
                "Regular expression, tried on each lower-case target group told, else on categories and title.",
                False,
            ),
            ("least_audiences", INT, "So many audiences claimed of one event tell none of them.", False),
            _FROM,
            _TO,
            ("reason", TEXT, "Why.", True),
        ),
        _table(
            "event_words",
            "One row per word and what it does when titles and venues are compared.",
            ("kind", "word"),
            ("kind", TEXT, "prefix, tail, same, ending, weak or online.", True),
            ("word", TEXT, "The word or words, as written in the description.", True),
            ("means", TEXT, "The status that a prefix tells, or the word that is the same; else empty.", True),
            ("reviewed_on", DATE, "When people last went through the lists.", True),
        ),
        _table(
            "event_identity",
            "One row: when claims are one event, and when a vanished one is taken as withdrawn.",
            ("least_score",),
            ("least_score", INT, "Points of 100 that two claims need to be one event.", True),
            ("start_tolerance_minutes", INT, "Starts further apart are two holdings.", True),
            ("withdrawn_after_fetches", INT, "So many complete fetches must lack what lies ahead.", True),
            ("withdrawn_after_hours", INT, "So many hours must lie between the first of them and the last.", True),
            ("guard_share", FLOAT, "A fetch that loses more than this share of what lay ahead is not believed.", True),
            ("guard_count", INT, "Fewer losses than this are believed, whatever their share.", True),
        ),
        _table(
            "event_decisions",
            "One row per decision of a person about one claim, or about a pair of claims, and host branch or audience.",
            (
                "verdict",
                "source_id",
                "series_id",
                "slot",
                "other_source_id",
                "other_series_id",
                "other_slot",
                "branch_id",
                "audience",
            ),
            ("verdict", TEXT, "same, different, countable, not_countable, owner_branch, host_branch, audience.", True),
            ("source_id", TEXT, "Source of the claim.", True),
            ("series_id", TEXT, "Series of the claim.", True),
            ("slot", TEXT, "Slot of the claim.", True),
            ("other_source_id", TEXT, "Source of the other claim of a pair.", False),
            ("other_series_id", TEXT, "Series of the other claim.", False),
            ("other_slot", TEXT, "Slot of the other claim.", False),
            ("branch_id", TEXT, "The owner, for owner_branch; one of the hosts, for host_branch.", False),
            ("audience", TEXT, "One of those it was for, for audience.", False),
            ("reason", TEXT, "Why.", True),
            ("decided_on", DATE, "When it was decided.", True),
            ("decided_by", TEXT, "Role of who decided.", True),
        ),
        _table(
            "post_rules",
            "One row per post rule, hashtag or reference, and branch: what a caption says of a post.",
            ("rule_id", "hashtag", "caption_reference", "branch_id"),
            ("rule_id", TEXT, "The rule.", True),
            ("rule_number", INT, "Position in the description.", True),
            ("kind", TEXT, "branch_hashtag, event_hashtag, event_link, branch_mention, shared or theme.", True),
            ("hashtag", TEXT, "The hashtag, NFC, casefolded, without #; null where the rule goes by none.", False),
            ("caption_reference", TEXT, "The account (@name) or address, casefolded; null for other kinds.", False),
            ("branch_id", TEXT, "The branch that a match speaks for; null for shared and theme.", False),
            ("theme_id", TEXT, "The theme; null for other kinds.", False),
            _FROM,
            _TO,
            ("reason", TEXT, "Why.", True),
        ),
        _table(
            "post_decisions",
            "One row per post that a person decided about, and branch.",
            ("post", "branch_id"),
            ("post", TEXT, "The code in the post's address, or its id.", True),
            ("branch_id", TEXT, "The branch that it speaks for; null for the library as a whole.", False),
            ("reason", TEXT, "Why.", True),
            ("decided_by", TEXT, "Role of who decided.", True),
        ),
        _table(
            "partners",
            "One row per registered partner.",
            ("partner_id",),
            ("partner_id", TEXT, "The partner.", True),
            ("partner_name", TEXT, "Name of the organisation.", True),
            ("organisation_number", TEXT, "Organisation number, where it has one.", False),
            ("unit_id", TEXT, "The partner that stands for the named unit: itself, or what it was renamed from.", True),
            ("is_baseline", BOOL, "Whether it stands on the frozen baseline list.", True),
        ),
        _table(
            "partner_aliases",
            "One row per partner and name that feeds use for it.",
            ("alias",),
            ("partner_id", TEXT, "The partner.", True),
            ("alias", TEXT, "The name, lower case.", True),
        ),
        _table(
            "partner_organisations",
            "One row per partner and span of belonging to an organisation, gapless.",
            ("partner_id", "valid_from"),
            ("partner_id", TEXT, "The partner.", True),
            (
                "organisation_id",
                TEXT,
                "The partner that stands for the organisation: itself, or what it was renamed from or is part of.",
                True,
            ),
            ("valid_from", DATE, "First local date; null where it always was so.", False),
            _TO,
        ),
        _table(
            "partner_baseline",
            "One row when a baseline list is frozen, none otherwise.",
            ("frozen_on",),
            ("frozen_on", DATE, "Date of the list.", True),
            ("author_role", TEXT, "Who froze it.", True),
            ("partner_count", INT, "How many it names.", True),
        ),
        _table(
            "figures",
            "One row per figure definition.",
            ("figure_id",),
            ("figure_id", TEXT, "The figure.", True),
            ("definition_version", TEXT, "Version of its definition.", True),
            ("figure_name", TEXT, "Its name.", True),
            ("domain", TEXT, "visits, events, partners or social.", True),
            ("unit", TEXT, "Its unit.", True),
            ("aggregation", TEXT, "sum, ratio, last or none.", True),
            ("growth_kind", TEXT, "How two years compare: share, points (percentage points) or none.", True),
            ("decimals", INT, "Decimals at display.", True),
            ("definition", TEXT, "What it counts.", True),
            ("rule_source", TEXT, "Where the rule comes from.", True),
            ("owner", TEXT, "Who answers for it.", True),
        ),
        _table(
            "sources",
            "One row per configured source.",
            ("source_id",),
            ("source_id", TEXT, "The source.", True),
            ("family", TEXT, "doors, events or instagram.", True),
            ("adapter", TEXT, "The adapter that reads it.", True),
            ("description", TEXT, "What it is.", True),
            ("owner", TEXT, "Who answers for it.", True),
            ("is_enabled", BOOL, "Whether it is swept, polled and read.", True),
            ("expected_every_hours", FLOAT, "It counts as silent after this long without a receipt.", False),
            ("branch_id", TEXT, "The branch that owns its records where they name none.", False),
            ("is_aggregator", BOOL, "Whether it also tells of what others than the library hold.", True),
            ("source_rank", INT, "Order in which sources are believed, 1 first.", True),
        ),
    )
}


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


# Years of public holidays written beyond the start of reporting: a fixed span, because a clock must not decide.
HOLIDAY_YEARS = 40


def public_holidays(library: Library) -> list[tuple[date, str]]:
    """Public holidays of the library's country from the start of reporting on, in date order.

    Raises:
        ConfigurationError: unknown country, or a language that the package would silently replace by English.
    """
    if library.holidays_country is None:
        return []
    country, language = library.holidays_country, library.holidays_language
    start = library.reporting.start_on.year
    years = range(start, start + HOLIDAY_YEARS)
    try:
        # The package falls back to English for a language it does not have; a wrong name must be heard.
        known = getattr(holidays.country_holidays(country), "supported_languages", ()) or ()
        if language is not None and language not in known:
            raise ConfigurationError(
                f"library.yaml: holidays_language {language!r} is not known for {country}.",
                next_action=f"Use one of: {', '.join(known)}.",
            )
        found = holidays.country_holidays(country, language=language, years=years)
    except NotImplementedError:
        raise ConfigurationError(
            f"library.yaml: holidays_country {country!r} is not known.",
            next_action="Use a two-letter country code, such as NO.",
        ) from None
    return sorted(found.items())
