"""The simulated library's programme: what was announced, what of it truly took place, and with whom.

What belongs here: series, single events, notices and cancellations as an editor would enter them, and the calendar
file that a publishing system would make of them. What does not: counting rules of the pipeline. Whether an entry is
an event that took place is known here because it was made so, never by looking at its title.

All organisations are invented; "Simfjord" is no place. Times are naive local wall clock of the library's zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import icalendar
import numpy as np

from ingest.config import Configuration
from sandbox.visits import open_quarters

# Events that took place, by year and area 1507: +20 %. 2024 speaks for both municipalities, to the sandbox's clock.
HELD: Mapping[int, int] = {2022: 500, 2023: 600, 2024: 317}
NEW_PARTNERS: Mapping[int, int] = {2023: 24, 2024: 5}
BASELINE = 18
DOMAIN = "simulert.invalid"


@dataclass(frozen=True)
class Change:
    """One occurrence of a series that an editor touched. `slot` is where the rule had put it."""

    slot: datetime
    start: datetime | None = None
    location: str | None = None
    is_cancelled: bool = False


@dataclass(frozen=True)
class Entry:
    """One record of the calendar.

    Attributes:
        days: length of an all-day entry; 0 for an entry with a time.
        branch_id: the branch that owns it, also when `location` is elsewhere.
        partner: the organisation as the description names it.
        rule: recurrence rule without its name; empty for a single entry.
        in_utc: written with a UTC time, as some systems do for single entries.
        categories: as the editor ticked them; the owning branch stands here where the venue does not tell it.
    """

    uid: str
    title: str
    branch_id: str
    location: str
    start: datetime
    minutes: int = 60
    days: int = 0
    partner: str = ""
    rule: str = ""
    exdates: tuple[datetime, ...] = ()
    changes: tuple[Change, ...] = ()
    is_cancelled: bool = False
    is_private: bool = False
    in_utc: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """One event that truly took place.

    Attributes:
        other_branch_id: the branch that held it together with the first, as equals.
    """

    uid: str
    start: datetime
    branch_id: str
    partner_id: str | None
    other_branch_id: str | None = None

    @property
    def branch_ids(self) -> tuple[str, ...]:
        """The branches that held it, the one that answers for it first."""
        return (self.branch_id,) if self.other_branch_id is None else (self.branch_id, self.other_branch_id)


@dataclass
class Programme:
    """What was announced and what took place."""

    entries: list[Entry] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


@dataclass(frozen=True)
class _Series:
    key: str
    title: str
    branch_id: str
    weekday: int
    at: str
    minutes: int
    every_weeks: int  # 0: the first such weekday of each month
    since: int = 2022
    partner_number: int | None = None


_SERIES = (
    _Series("lesestund-alesund", "Lesestund", "alesund", 6, "11:00", 45, 1),
    _Series("sprakkafe", "Språkkafé", "alesund", 3, "17:00", 90, 1, partner_number=1),
    _Series("lesestund-moa", "Lesestund på Moa", "moa", 2, "10:30", 45, 1),
    _Series("babysong", "Babysong", "moa", 4, "11:00", 45, 1),
    _Series("strikkekafe", "Strikkekafé", "skodje", 1, "17:00", 120, 2, partner_number=2),
    _Series("lesesirkel", "Lesesirkel", "sjoholt", 4, "16:30", 90, 0),
    _Series("spelkveld", "Spelkveld", "brattvag", 4, "16:00", 120, 2),
    _Series("datahjelp", "Datahjelp", "vatne", 2, "13:00", 60, 2, partner_number=3),
    _Series("eventyrstund", "Eventyrstund", "haramsoy", 3, "15:00", 45, 0),
    _Series("lesestund-longva", "Lesestund på Longva", "longva", 2, "15:00", 45, 0),
    _Series("kaffi", "Kaffi og bøker", "lepsoy", 4, "16:00", 60, 0),
    _Series("lesestund-haroy", "Lesestund på Harøy", "haroy", 4, "14:00", 45, 0),
    _Series("hogtlesing", "Høgtlesing", "unknown_11", 1, "14:00", 45, 0),
    _Series("kodeklubb", "Kodeklubb", "moa", 3, "16:00", 90, 1, since=2023, partner_number=4),
    _Series("skriveverkstad", "Skriveverkstad", "alesund", 1, "16:30", 120, 2, since=2023),
)
_HOLIDAYS = {date(2023, 5, 17), date(2023, 5, 18)}
_REBUILDING = {date(2023, 5, n) for n in range(8, 22)} - _HOLIDAYS
_TERMS = ((1, 8, 6, 12), (8, 20, 12, 12))  # first and last month and day of the two halves of a programme year
_EXHIBITIONS = ((2, "alesund"), (3, "moa"), (6, "alesund"), (9, "moa"), (11, "alesund"))  # month and branch
_KINDS = ("Foredrag", "Verkstad", "Konsert", "Filmkveld", "Debatt", "Kurs", "Quiz", "Forfattarmøte", "Teikneverkstad")
_THEMES = (
    "kystkultur", "fjord og fjell", "havet", "nynorsk poesi", "krim", "teikneseriar", "slekt", "mat frå hagen",
    "stjernehimmelen", "gamle kart", "fuglar", "robotar", "eventyr", "folkemusikk", "berekraft", "kaffi", "garn",
    "brettspel", "lokalhistorie", "barnerom", "vêr og vind", "skip", "språk", "personvern",
)  # fmt: skip
_ELSEWHERE = ("Byparken", "Sunnmørskaia (ute)", "Kulturhuset")
_ORGANISATIONS = (
    "flyktningforum", "husflidslag", "pensjonistlag", "kodeklubb", "mållag", "kystlag", "historielag", "teaterlag",
    "songlag", "kunstlag", "ungdomslag", "filmklubb", "hagelag", "turlag", "skulekorps", "frivilligsentral",
    "leselag", "musikkskule",
    # on no list before 2023
    "astronomiklubb", "fuglelag", "brettspellag", "slektslag", "sjakklubb", "robotlag", "fotoklubb", "bokkafé",
    "poesilag", "krimlag", "sykkellag", "matlag", "birøktarlag", "dansarlag", "strikkelag", "kartklubb",
    "teikneserielag", "roklubb", "seglforeining", "språksenter", "designlag", "radiolag", "vevlag", "amatørkokkelag",
    # on no list before 2024
    "klatrelag", "keramikklag", "podkastlag", "skriveklubb", "studentlag",
    # announced once, cancelled, never held: no act of cooperation
    "ballonglag",
)  # fmt: skip
# A partner of the baseline under the name it took in 2023: an alias in partners.yaml, and not a new partner.
RENAMED = (11, "Simfjord ungdomsforum")
# A choir of a partner of the baseline: a new unit of 2023, and no new organisation.
UNIT = (49, "Simfjord songlag barnekoret")
UNIT_OF = 9


def at(day: date, clock: str = "00:00") -> datetime:
    """A moment of the local wall clock, naive."""
    return datetime.combine(day, time.fromisoformat(clock))


def partner_id(number: int) -> str:
    """The id of the n-th simulated organisation, counted from 1."""
    return f"simfjord_{number:02d}"


def partner_name(number: int) -> str:
    """Its name, as descriptions write it."""
    return f"Simfjord {_ORGANISATIONS[number - 1]}"


PARTNERS = len(_ORGANISATIONS)


def simulate(configuration: Configuration, days: list[date], seed: int) -> Programme:
    """Make the programme of the world's days, with exactly `HELD` events that take place in each year."""
    return _Editor(configuration, days, seed).programme()


class _Editor:
    """Enters a programme. One instance makes one."""

    def __init__(self, configuration: Configuration, days: list[date], seed: int) -> None:
        self.random = np.random.default_rng([seed, 3])
        self.days = days
        self.end_on = days[-1] + timedelta(days=1)
        self.names = {b.branch_id: f"{b.name} bibliotek" for b in configuration.library.branches}
        self.names["unknown_11"] = "Ellevte avdeling"
        ahead = [*days, *(days[-1] + timedelta(days=n) for n in range(1, 200))]
        self.open = {
            b: {d for d, row in zip(ahead, open_quarters(configuration, b, ahead), strict=True) if row.any()}
            for b in self.names
        }
        self.made = Programme()
        self.number = 0
        self.taken: set[tuple[str, date]] = set()

    def programme(self) -> Programme:
        for year in HELD:
            self._series_of(year)
            self._exhibitions(year)
            self._not_events(year)
            self._cancelled(year)
        # Local half past midnight on New Year's Day is still the old year in UTC: it belongs to 2023.
        self._single("Nyttårsvake med bøker", "alesund", at(date(2023, 1, 1), "00:30"), in_utc=True)
        for year in HELD:
            self._singles(year)
        self._announced()
        self._held_together()
        self.made.entries.sort(key=lambda e: (e.start, e.uid))
        self.made.held.sort(key=lambda h: (h.start, h.uid))
        return self.made

    def _uid(self, what: str) -> str:
        self.number += 1
        return f"{what}-{self.number:04d}@{DOMAIN}"

    def _hold(self, uid: str, start: datetime, branch_id: str, partner: int | None) -> None:
        if start.date() < self.end_on:  # what lies ahead of the clock has not taken place
            self.made.held.append(Held(uid, start, branch_id, partner_id(partner) if partner else None))

    def _series_of(self, year: int) -> None:
        for series in _SERIES:
            if series.since > year:
                continue
            for half, (m1, d1, m2, d2) in enumerate(_TERMS):
                self._term(series, date(year, m1, d1), date(year, m2, d2), f"{series.key}-{year}-{half + 1}")

    def _term(self, series: _Series, first_on: date, last_on: date, key: str) -> None:
        slots = [at(d, series.at) for d in _slots(series, first_on, last_on)]
        changes: dict[datetime, Change] = {}
        exdates = []
        for slot in slots:
            is_rebuilding = series.branch_id == "alesund" and slot.date() in _REBUILDING
            if is_rebuilding:
                # The library was closed, its programme went on downstairs: venue and owner are two things.
                changes[slot] = Change(slot, location="Rådhuset, første etasje")
            elif slot.date() not in self.open[series.branch_id]:
                exdates.append(slot)
        regular = [s for s in slots if s not in exdates and s not in changes and s != slots[0]]
        if series.every_weeks == 1 and len(regular) > 4:
            cancelled, moved = (regular[int(n)] for n in self.random.choice(len(regular), size=2, replace=False))
            changes[cancelled] = Change(cancelled, is_cancelled=True)
            changes[moved] = Change(moved, start=moved + timedelta(hours=1))
        if key == "lesesirkel-2022-2":  # moved over new year: the slot is of 2022, the holding of 2023
            changes[slots[-1]] = Change(slots[-1], start=at(date(2023, 1, 9), "16:30"))
        uid = f"{key}@{DOMAIN}"
        partner = series.partner_number
        last = datetime.combine(last_on, time(23, 59))
        self.made.entries.append(
            Entry(
                uid,
                series.title,
                series.branch_id,
                self.names[series.branch_id],
                slots[0],
                series.minutes,
                partner=partner_name(partner) if partner else "",
                rule=_rule(series, last),
                exdates=tuple(exdates),
                changes=tuple(changes.values()),
                categories=(self.names[series.branch_id], "Faste arrangement"),
            )
        )
        for slot in slots:
            change = changes.get(slot)
            if slot in exdates or (change and change.is_cancelled):
                continue
            self._hold(uid, (change.start if change else None) or slot, series.branch_id, partner)

    def _exhibitions(self, year: int) -> None:
        for n, (month, branch_id) in enumerate(
            ((2, "alesund"), (3, "moa"), (6, "alesund"), (9, "moa"), (11, "alesund"))
        ):
            start = at(date(year, month, 4))
            uid = self._uid("utstilling")
            title = f"Utstilling: {_THEMES[(year + n) % len(_THEMES)]}"
            if n % 2:  # posted one row a day
                entry = Entry(uid, title, branch_id, self.names[branch_id], start, days=1, rule="FREQ=DAILY;COUNT=12")
            else:  # one record of many days
                entry = Entry(uid, title, branch_id, self.names[branch_id], start, days=19)
            self.made.entries.append(entry)
            self._hold(uid, start, branch_id, None)

    def _not_events(self, year: int) -> None:
        """Entries that pose as events: notices, meetings, other people's bookings."""

        def add(title: str, branch_id: str, start: datetime, **more: object) -> None:
            entry = Entry(self._uid("melding"), title, branch_id, self.names[branch_id], start, **more)  # type: ignore[arg-type]
            self.made.entries.append(entry)

        add("Stengt 1. mai", "alesund", at(date(year, 5, 1)), days=1)
        add("Stengt 17. mai", "alesund", at(date(year, 5, 17)), days=1)
        add("Stengt 17. mai", "moa", at(date(year, 5, 17)), days=1)
        add("Endra opningstid i påskeveka", "moa", at(date(year, 3, 20)), days=3)
        if year == 2023:
            add("Stengt på grunn av ombygging", "alesund", at(date(2023, 5, 8)), days=14)
        for month in range(1, 12):
            meeting = at(date(year, month, 6), "08:30")
            add("Personalmøte", "alesund", meeting, is_private=month % 2 == 0)
        add("Utleige: korøving", "moa", at(date(year, 1, 14), "20:00"), rule="FREQ=WEEKLY;COUNT=12")

    def _cancelled(self, year: int) -> None:
        for n in range(12):
            branch_id = ("alesund", "moa", "skodje")[n % 3]
            start = at(date(year, n + 1, 25), "19:30")
            # One organisation appears only in an event that never took place.
            partner = partner_name(PARTNERS) if (year, n) == (2023, 3) else ""
            title = f"Foredrag: {_THEMES[(n * 5 + year) % len(_THEMES)]}"
            self.made.entries.append(
                Entry(
                    self._uid("avlyst"),
                    title,
                    branch_id,
                    self.names[branch_id],
                    start,
                    partner=partner,
                    is_cancelled=True,
                )
            )
        self.made.entries.append(
            Entry(
                self._uid("avlyst-serie"),
                "Dansekurs",
                "moa",
                self.names["moa"],
                at(date(year, 2, 3), "19:00"),
                rule="FREQ=WEEKLY;COUNT=6",
                is_cancelled=True,
            )
        )

    def _singles(self, year: int) -> None:
        """Fill the year up to its number of events, organisations that must appear first."""
        missing = HELD[year] - sum(1 for h in self.made.held if h.start.year == year)
        assert missing > BASELINE + NEW_PARTNERS.get(year, 0), f"{year} has no room left for single events"
        must = list(self._debuts(year))
        for n in range(missing):
            branch_id, day = self._free_day(year)
            start = datetime.combine(day, time(13, 30) if day.isoweekday() == 6 else time(18, 30))
            kind, theme = (words[int(self.random.integers(len(words)))] for words in (_KINDS, _THEMES))
            if n < len(must):
                number, name = must[n]
            elif n % 4 == 0:
                number, name = must[int(self.random.integers(len(must)))]
            else:
                number, name = None, ""
            self._single(f"{kind}: {theme}", branch_id, start, number, name, in_utc=n % 9 == 0)

    def _debuts(self, year: int) -> Iterator[tuple[int, str]]:
        """Organisations active in a year, each of which must have at least one event there."""
        for number in range(1, BASELINE + 1):
            if number == RENAMED[0] and year >= 2023:
                yield number, RENAMED[1]
            elif number == UNIT_OF and year == 2023:
                yield UNIT
            elif (number + year) % 5:  # a few rest each year
                yield number, partner_name(number)
        first = BASELINE + 1
        for debut, count in NEW_PARTNERS.items():
            for number in range(first, first + count):
                if debut <= year:
                    yield number, partner_name(number)
            first += count

    def _free_day(self, year: int) -> tuple[str, date]:
        days = [d for d in self.days if d.year == year]
        names = ("alesund", "moa", "skodje", "sjoholt", "brattvag", "vatne", "haroy", "unknown_11")
        while True:
            branch_id = names[int(self.random.choice(len(names), p=[0.4, 0.26, 0.08, 0.08, 0.08, 0.04, 0.03, 0.03]))]
            day = days[int(self.random.integers(len(days)))]
            if (branch_id, day) not in self.taken and day in self.open[branch_id]:
                self.taken.add((branch_id, day))
                return branch_id, day

    def _single(
        self,
        title: str,
        branch_id: str,
        start: datetime,
        partner: int | None = None,
        name: str = "",
        *,
        in_utc: bool = False,
    ) -> None:
        uid = self._uid("arrangement")
        owner = self.names[branch_id]
        # Every eighth is held elsewhere: the branch answers for it, the venue is another place.
        elsewhere = self.number % 8 == 0
        entry = Entry(
            uid,
            title,
            branch_id,
            _ELSEWHERE[self.number % len(_ELSEWHERE)] if elsewhere else owner,
            start,
            90,
            partner=name,
            in_utc=in_utc,
            categories=(owner,) if elsewhere else (),
        )
        self.made.entries.append(entry)
        self._hold(uid, start, branch_id, partner)

    def _held_together(self) -> None:
        """The first evening of each year that the main library had by itself at home, it held with Moa."""
        entries = {entry.uid: n for n, entry in enumerate(self.made.entries)}
        for year in HELD:
            n, held = next(
                (n, held)
                for n, held in enumerate(self.made.held)
                if (held.start.year, held.branch_id, held.partner_id) == (year, "alesund", None)
                and held.uid.startswith("arrangement-")
                and not self.made.entries[entries[held.uid]].categories
            )
            entry = self.made.entries[entries[held.uid]]
            together = (self.names["alesund"], self.names["moa"])
            self.made.entries[entries[held.uid]] = replace(entry, categories=together)
            self.made.held[n] = replace(held, other_branch_id="moa")

    def _announced(self) -> None:
        """Events after the clock: announced, not held."""
        for n in range(10):
            day = self.end_on + timedelta(days=3 + 5 * n)
            self._single(f"Sommarles: {_THEMES[n]}", "moa", datetime.combine(day, time(12, 0)))


def _slots(series: _Series, first_on: date, last_on: date) -> Iterator[date]:
    day = first_on + timedelta(days=(series.weekday - first_on.isoweekday()) % 7)
    while day <= last_on:
        if series.every_weeks:
            yield day
            day += timedelta(weeks=series.every_weeks)
        else:
            if day.day <= 7:
                yield day
            day += timedelta(weeks=1)


def _rule(series: _Series, last: datetime) -> str:
    weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[series.weekday - 1]
    until = f"UNTIL={last:%Y%m%dT%H%M%S}Z"
    if series.every_weeks:
        return f"FREQ=WEEKLY;INTERVAL={series.every_weeks};BYDAY={weekday};{until}"
    return f"FREQ=MONTHLY;BYDAY=1{weekday};{until}"


def calendar_bytes(programme: Programme, zone: ZoneInfo) -> bytes:
    """The programme as a publishing system's iCalendar feed. The same programme gives the same bytes."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Levende tall//Simulert programsystem//NN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Simulert program")
    for entry in programme.entries:
        for component in _components(entry, zone):
            calendar.add_component(component)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def entry_bytes(entry: Entry, zone: ZoneInfo) -> bytes:
    """One entry's events as they stand in a calendar: its record, and one for each date that an editor touched."""
    return b"".join(bytes(component.to_ical()) for component in _components(entry, zone))


def _components(entry: Entry, zone: ZoneInfo) -> Iterator[icalendar.Event]:
    master = _event(entry, entry.start, entry.location, zone)
    if entry.rule:
        master.add("rrule", icalendar.vRecur.from_ical(entry.rule))
    for slot in entry.exdates:
        master.add("exdate", slot.replace(tzinfo=zone))
    if entry.is_cancelled:
        master.add("status", "CANCELLED")
    yield master
    for change in entry.changes:
        override = _event(entry, change.start or change.slot, change.location or entry.location, zone)
        override.add("recurrence-id", change.slot.replace(tzinfo=zone))
        override.add("sequence", 1)
        if change.is_cancelled:
            override.add("status", "CANCELLED")
        yield override


def _event(entry: Entry, start: datetime, location: str, zone: ZoneInfo) -> icalendar.Event:
    event = icalendar.Event()
    written = (entry.start - timedelta(days=40)).replace(tzinfo=UTC)
    event.add("uid", entry.uid)
    event.add("dtstamp", written)
    event.add("last-modified", written)
    if entry.days:
        event.add("dtstart", start.date())
        event.add("dtend", start.date() + timedelta(days=entry.days))
    else:
        begins = start.replace(tzinfo=zone)
        ends = begins + timedelta(minutes=entry.minutes)
        event.add("dtstart", begins.astimezone(UTC) if entry.in_utc else begins)
        event.add("dtend", ends.astimezone(UTC) if entry.in_utc else ends)
    event.add("summary", entry.title)
    event.add("location", location)
    if entry.categories:
        event.add("categories", list(entry.categories))
    # A contact that no table may ever show.
    event.add("organizer", icalendar.vCalAddress(f"mailto:programmet@{DOMAIN}"))
    if entry.is_private:
        event.add("class", "PRIVATE")
    sentence = f" I samarbeid med {entry.partner}." if entry.partner else ""
    event.add("description", f"Simulert arrangement; gratis, alle er velkomne.{sentence}")
    return event
