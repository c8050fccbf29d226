"""A trial of events: one programme told by three feeds with habits of their own, landed poll by poll, and its truth.

What belongs here: the trial's library and feeds as a description, and putting a whole trial into a folder. What does
not: the programme (`event_programme`), the habits (`event_habits`), and running or judging the pipeline.

    trial = build_event_trial(folder, seed=1)
    subprocess.run(["levende", "run"], env=os.environ | trial.environment)

The description is what a library would write that has read through a year of its feeds: houses and halls stand among
the branches' aliases, notices and other people's meetings have a rule. Words of titles come from the shipped
`config/library.yaml`, untouched. Only events, so that it is quick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import yaml

from ingest import config
from ingest.config import Configuration, EventRule, Library, Partners, Source
from ingest.errors import ConfigurationError
from ingest.home import Home
from ingest.public_holidays import public_holidays
from sandbox import event_habits, event_programme, event_sheets, faulty_files, trial
from sandbox.event_habits import FEEDS, MUNICIPAL, OWN, PARTNER, House

# Halls and houses by branch; the last is a name that only its neighbours know, and that no alias list holds.
_HOUSES = {
    "hovud": ("Simby hovudbibliotek", "Biblioteksalen", "Gamlebanken"),
    "torget": ("Simtorget bibliotek", "Torghallen", "Fisketorget 4"),
    "nes": ("Simnes bibliotek", "Sjøbua", "Kaihuset"),
    "vik": ("Simvik bibliotek", "Gamleskulen", "Skulevegen 2"),
    "dal": ("Simdal bibliotek", "Kommunetunet", "Tunet"),
    "fjell": ("Simfjell bibliotek", "Fjøsloftet", "Loftet"),
    "strand": ("Simstrand bibliotek", "Naustet", "Strandvegen 8"),
    "eid": ("Simeid bibliotek", "Meieriet", "Gamlemeieriet"),
    "holme": ("Simholme bibliotek", "Kaikanten", "Rutebilen"),
    "sund": ("Simsund bibliotek", "Ungdomshuset", "Heimen"),
    "ytre": ("Simytre bibliotek", "Bedehuset", "Sambruket"),
}
HOUSES: Mapping[str, House] = {branch_id: House(*names) for branch_id, names in _HOUSES.items()}
_RULES = (
    # Not tied to the beginning: whoever posts elsewhere puts branches and emojis before a title.
    ("notices", r"stengt|opningstid|åpningstid", "notice", "never"),
    ("deadlines", r"\b(frist|påmeldingsfrist)\b", "notice", "never"),
    ("meetings", r"\bpersonalmøte\b", "internal", "never"),
    ("others", r"årsmøte|korøving|medlemsmøte", "room_hire", "never"),
    ("exhibitions", r"utstilling", "exhibition", "once_per_series"),
    ("programme", r".", "programme", "per_occurrence"),
)
_FIRST_POLL_BEFORE = timedelta(days=28)
_STANDARD = Path(__file__).resolve().parent.parent / "config"


@dataclass(frozen=True)
class EventTrial:
    """One trial, ready to be run.

    Attributes:
        config, home: folders for `levende run --config … --home …`.
        clock: the moment at which the trial stands, for LEVENDE_CLOCK.
        configuration: the description as loaded from `config`.
        holdings: holding_id, kind, branch_id (None: not the library's), title, start (local), year (of the true
            start), outcome (`held`, `cancelled` or `ahead` at the clock), is_moved, is_counted, and on_site_count,
            reported_on and method of the attendance that staff noted (null: nobody did).
        claims: source_id, series_id, slot, holding_id, and the habits that shaped the claim, joined by a space.
        events_held: branch_id, year, held_count: what `events_held` must say; every branch has every year.
        polls: source_id, polled_at, answer (`ok`, `failed`, `partial`, `half_empty` or `lost_past`).
    """

    config: Path
    home: Path
    clock: datetime
    configuration: Configuration
    holdings: pd.DataFrame
    claims: pd.DataFrame
    events_held: pd.DataFrame
    polls: pd.DataFrame

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables under which `levende run` reads this trial."""
        return {
            "LEVENDE_CONFIG": str(self.config),
            "LEVENDE_HOME": str(self.home),
            "LEVENDE_CLOCK": self.clock.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def build_event_trial(
    folder: Path, seed: int, years: Sequence[int] = (2022, 2023), *, has_sheet: bool = False
) -> EventTrial:
    """Plan a programme, let three feeds tell of it, and land what three polls a week would have brought.

    The same arguments give the same bytes. Writes `config/` and `home/` under the folder, and beside them
    `holdings.csv`, `claims.csv` and `polls.csv`.

    Args:
        years: consecutive years that the figures speak about.
        has_sheet: whether staff hand in sheets of what was held and who came, as a fourth source. The feeds are the
            same with them.

    Raises:
        ConfigurationError: years with a gap, or a folder that holds another trial.
    """
    if not years or list(years) != list(range(min(years), max(years) + 1)):
        raise ConfigurationError(f"{tuple(years)} are no consecutive years.", next_action="Leave no year out.")
    folder = folder.absolute()
    home = Home(folder / "home")
    clock = datetime(max(years) + 1, 2, 1, 4, 0, tzinfo=UTC)
    configuration = describe(folder / "config", years, has_sheet=has_sheet)
    zone = configuration.zone
    if home.landing.exists():
        raise ConfigurationError(f"{home.root} holds a trial.", next_action="Build into a folder of its own.")
    holidays = frozenset(
        day for year in range(min(years) - 1, max(years) + 2) for day, _ in public_holidays(_of(configuration, year))
    )
    programme = event_programme.simulate(seed, years, holidays, clock.date() + timedelta(days=150))
    polls = event_habits.poll_moments(date(min(years), 1, 1) - _FIRST_POLL_BEFORE, clock)
    told = event_habits.tell(programme, HOUSES, seed, polls, _window(years), zone)

    sheets = event_sheets.tell(programme, HOUSES, seed, clock) if has_sheet else event_sheets.Sheets()
    sources = [*FEEDS, event_sheets.SHEET]
    arrivals = sorted(
        [*(arrival for feed in told for arrival in feed.arrivals), *sheets.arrivals],
        key=lambda arrival: (arrival.received_at, sources.index(arrival.source_id)),
    )
    home.land_many(arrivals)
    faulty_files.write_description(configuration, folder / "config")

    local_clock = clock.astimezone(zone).replace(tzinfo=None)
    holdings = _holdings(programme, local_clock)
    rows_of_sheets = [(event_sheets.SHEET, *key, holding_id, "") for key, holding_id in sheets.claims.items()]
    claims = pd.DataFrame(
        [*event_habits.claims_of(told), *rows_of_sheets],
        columns=["source_id", "series_id", "slot", "holding_id", "habits"],
    )
    rows = [(feed.source_id, moment, answer) for feed in told for moment, answer in feed.polls]
    polled = pd.DataFrame(rows, columns=["source_id", "polled_at", "answer"])
    for name, table in (("holdings", holdings), ("claims", claims), ("polls", polled)):
        table.to_csv(folder / f"{name}.csv", index=False)
    return EventTrial(
        folder / "config", home.root, clock, config.load(folder / "config"),
        holdings, claims, _events_held(holdings, years), polled,
    )  # fmt: skip


def _of(configuration: Configuration, year: int) -> Library:
    """The library as if it reported on one year: its holidays are those of its years."""
    reporting = configuration.library.reporting.model_copy(
        update={"start_on": date(year, 1, 1), "end_on": date(year + 1, 1, 1)}
    )
    return configuration.library.model_copy(update={"reporting": reporting})


def _window(years: Sequence[int]) -> tuple[date, date]:
    """The local dates that the own calendar's reader expands, half-open."""
    return date(min(years) - 1, 12, 1), date(max(years) + 1, 7, 1)


# -- truth ----------------------------------------------------------------------------------------------------------


def _holdings(programme: Sequence[event_programme.Holding], clock: datetime) -> pd.DataFrame:
    rows = [
        {
            "holding_id": h.holding_id,
            "kind": h.kind,
            "branch_id": h.branch_id,
            "title": h.title,
            "start": h.start,
            "year": h.start.year,
            "outcome": "cancelled" if h.is_cancelled else "held" if h.end <= clock else "ahead",
            "is_moved": h.start != h.planned,
            "is_counted": h.counts(clock),
            "on_site_count": h.attendance if h.counts(clock) else None,
            "reported_on": h.reported_on if h.counts(clock) else None,
            "method": h.method if h.counts(clock) else None,
        }
        for h in programme
    ]
    # What is missing must stay None, and not become a number.
    return pd.DataFrame(rows, dtype=object).astype(
        {"year": "int64", "is_moved": bool, "is_counted": bool, "on_site_count": "Int64"}
    )


def _events_held(holdings: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    counted = holdings[holdings.is_counted]
    found = Counter(zip(counted.branch_id, counted.year, strict=True))
    rows = [(branch_id, year, found[branch_id, year]) for branch_id in HOUSES for year in years]
    return pd.DataFrame(rows, columns=["branch_id", "year", "held_count"])


# -- description ----------------------------------------------------------------------------------------------------


def describe(folder: Path, years: Sequence[int], *, has_sheet: bool = False) -> Configuration:
    """The invented library of `sandbox.trial`, with three feeds of events in place of its doors, and staff's sheets."""
    base = trial.describe(folder, years)
    shipped = config.load(_STANDARD)
    # What a library says about words is shipped; trials take it as it is, and whatever else there will be.
    lists = ("event_words", "event_audiences")
    words = {name: getattr(shipped.library, name) for name in lists if name in Library.model_fields}
    branches = tuple(
        branch.model_copy(update={"aliases": (HOUSES[branch.branch_id].name, HOUSES[branch.branch_id].house)})
        for branch in base.library.branches
    )
    rules = tuple(
        EventRule(rule_id=rule_id, pattern=pattern, kind=kind, count_rule=count_rule, reason="reviewed")  # type: ignore[arg-type]
        for rule_id, pattern, kind, count_rule in _RULES
    )
    library = base.library.model_copy(
        update={"branches": branches, "lines": (), "event_rules": rules, "opening_exceptions": (), **words}
    )
    figures = yaml.safe_load((_STANDARD / "figures.yaml").read_text(encoding="utf-8"))["figures"]
    # Through the models again, so that what is written here is checked as a file would be.
    return Configuration.model_validate(
        {
            "folder": folder,
            "library": library.model_dump(mode="json", exclude_none=True),
            "sources": (*_sources(years), *([_sheet()] if has_sheet else [])),
            "partners": Partners(),
            "figures": [f for f in figures if f["domain"] == "events"],
        }
    )


def _sources(years: Sequence[int]) -> list[Source]:
    first, after = _window(years)
    lists = {
        "zone": "Europe/Oslo",
        "days_back": event_habits.DAYS_BACK,
        "days_ahead": event_habits.DAYS_AHEAD,
    }
    told = (
        (OWN, "icalendar", "the library's own calendar",
         {"zone": "Europe/Oslo", "expand_from": first.isoformat(), "expand_to": after.isoformat(), "is_full": True}),
        (MUNICIPAL, "tec_tribe", "the municipality's calendar", lists),
        (PARTNER, "trumba", "a partner's ticket list", lists),
    )  # fmt: skip
    return [
        Source(
            source_id=source_id,
            family="events",
            adapter=adapter,
            description=f"Simulated: {words}",
            options=options,
            is_aggregator=source_id != OWN,
        )
        for source_id, adapter, words, options in told
    ]


def _sheet() -> Source:
    return Source(
        source_id=event_sheets.SHEET, family="events", adapter="programme_sheet",
        description="Simulated: what was held and how many came, a sheet a month", pattern="*.csv",
        options={"method": "counted"},
    )  # fmt: skip
