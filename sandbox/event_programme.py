"""The programme of a trial's library: what was planned, what truly took place, when a change was known, and who came.

What belongs here: holdings as they were. What does not: how a feed tells of them (`event_habits`), and any rule by
which a pipeline might find them again.

The programme is hard where programmes are hard: weekly series share one title over branches and hours, two things begin
at one hour in one house, one show is given twice a day, one guest visits several branches. Every title exists in both
written forms of Norwegian and under another name, because whoever posts it elsewhere chooses. All names are invented.
Times are naive local wall clock of the library's zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import numpy as np

from sandbox.programme import at

# What the real sample of facts has is 3 of 27 cancelled; it is of one snowy week, so half of that is taken here.
CANCELLED_SHARE = 0.06
MOVED_SHARE = 0.04
REPORTED_SHARE = 0.85
_PARALLEL_SHARE, _TWICE_SHARE, _TOUR_SHARE, _OFF_SITE_SHARE = 0.05, 0.04, 0.03, 0.06
_EDITED_ON = 1  # Tuesday: the weekday on which editors work

# Series and single events of a usual year by branch; a series is held every so many weeks, 0: monthly.
_SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "hovud": ((1, 1, 1, 1, 2, 2), 90),
    "torget": ((1, 1, 1, 2, 2), 60),
    "nes": ((1, 2, 2), 35),
    "vik": ((1, 2), 28),
    "dal": ((2, 2), 20),
    "fjell": ((2, 0), 15),
    "strand": ((2,), 12),
    "eid": ((2,), 10),
    "holme": ((0,), 6),
    "sund": ((0,), 5),
    "ytre": ((0,), 3),
}
# Nynorsk, bokmål, another name, minutes.
_SERIES = (
    ("Lesestund", "Lesestund", "Eventyr på fanget", 45),
    ("Språkkafé", "Språkkafe", "Norsktrening", 90),
    ("Babysong", "Babysang", "Syng med dei minste", 45),
    ("Strikkekafé", "Strikkekafe", "Garn og prat", 120),
    ("Måndagsklubben", "Mandagsklubben", "Klubben for alle", 90),
    ("Spelkveld", "Spillkveld", "Kom og spel!", 120),
    ("Datahjelp", "Datahjelp", "Hjelp med mobil og nettbrett", 60),
    ("Lesesirkel", "Lesesirkel", "Bokprat", 90),
    ("Skriveverkstad", "Skriveverksted", "Skriv med oss", 120),
    ("Kodeklubb", "Kodeklubb", "Lær å programmere", 90),
    ("Høgtlesing", "Høytlesning", "Historier i godstolen", 45),
    ("Teikneklubb", "Tegneklubb", "Blyant og papir", 90),
    ("Leksehjelp", "Leksehjelp", "Lekser etter skuletid", 120),
    ("Filmklubb", "Filmklubb", "Film på lerret", 120),
)
_KINDS = (
    ("Foredrag", "Foredrag", 75),
    ("Verkstad", "Verksted", 120),
    ("Konsert", "Konsert", 60),
    ("Filmkveld", "Filmkveld", 120),
    ("Debatt", "Debatt", 90),
    ("Kurs", "Kurs", 120),
    ("Quiz", "Quiz", 90),
    ("Forfattarmøte", "Forfattermøte", 60),
    ("Teikneverkstad", "Tegneverksted", 120),
    ("Barneteater", "Barneteater", 45),
    ("Boklansering", "Boklansering", 60),
    ("Forteljarstund", "Fortellerstund", 45),
)
_THEMES = (
    ("kystkultur", "kystkultur"), ("fjord og fjell", "fjord og fjell"), ("havet", "havet"), ("lyrikk", "lyrikk"),
    ("nye krimbøker", "nye krimbøker"), ("teikneseriar", "tegneserier"), ("slekt og gard", "slekt og gård"),
    ("mat frå hagen", "mat fra hagen"), ("stjernehimmelen", "stjernehimmelen"), ("gamle kart", "gamle kart"),
    ("fuglane våre", "fuglene våre"), ("robotar", "roboter"), ("eventyr", "eventyr"), ("folkemusikk", "folkemusikk"),
    ("berekraft", "bærekraft"), ("kaffi og te", "kaffe og te"), ("garn", "garn"), ("brettspel", "brettspill"),
    ("lokalhistorie", "lokalhistorie"), ("vêr og vind", "vær og vind"), ("segl og damp", "seil og damp"),
    ("språk på vandring", "språk på vandring"), ("personvern", "personvern"),
    ("jul i gamle dagar", "jul i gamle dager"),
    ("haustmørket", "høstmørket"), ("sommar på øya", "sommer på øya"), ("skumring", "skumring"), ("sau", "sau"),
    ("kvinner i krig", "kvinner i krig"), ("draumar", "drømmer"), ("bunad og band", "bunad og bånd"), ("torv", "torv"),
    ("ein heim i nord", "et hjem i nord"), ("isbreen", "isbreen"), ("fyrtårn", "fyrtårn"), ("dikt for dei minste",
    "dikt for de minste"), ("brev frå Amerika", "brev fra Amerika"), ("dei gløymde bøkene", "de glemte bøkene"),
)  # fmt: skip
_HEADLINES = ("Ein kveld om {}", "Bli med: {}", "{}", "Alt om {}", "Møt opp for {}")
_HOURS = ("10:00", "11:00", "12:00", "13:00", "17:00", "18:00", "18:30", "19:00")
_HOUR_SHARES = (0.08, 0.14, 0.08, 0.06, 0.14, 0.24, 0.1, 0.16)
_OFF_SITE = ("Byparken", "Rådhustrappa", "Marknadsplassen")
_ORGANISATIONS = (
    "Simby husflidslag", "Simby mållag", "Simby kystlag", "Simby historielag", "Simby songlag", "Simby kunstlag",
    "Simby filmklubb", "Simby hagelag", "Simby turlag", "Simby frivilligsentral", "Simby fuglelag", "Simby sjakklubb",
)  # fmt: skip
_TERMS = ((1, 9, 6, 12), (8, 21, 12, 12))
_ELSEWHERE = ("Idrettshallen", "Nordsida kyrkje", "Gamle kino", "Låven", "Teglverket")


@dataclass(frozen=True)
class Holding:
    """One dated thing in somebody's calendar, and what became of it.

    Attributes:
        series_id: the series and term it belongs to; empty for a single one.
        kind: `programme`, `exhibition`, `notice`, `internal` (staff only) or `other` (somebody else's).
        branch_id: the branch that answers for it; None for what is not the library's.
        title, other_form, other_name: in nynorsk, in bokmål, and as somebody might call it who writes his own text.
        off_site: where it is held, if not in the branch.
        planned: where it was first put; `start` where it took place, or would have.
        days: length of a thing of whole days; 0 for one with an hour.
        is_cancelled: it never took place.
        known_on: when cancellation or move was known; None without one.
        announced_on: when it was first told, by whoever was first.
        is_day_row: one of the later days of an exhibition that is posted once a day: no holding of its own.
        attendance, reported_on, method: who came, and when and how it was reported; None where nobody did.
    """

    holding_id: str
    kind: str
    branch_id: str | None
    title: str
    other_form: str
    other_name: str
    planned: datetime
    start: datetime
    minutes: int
    announced_on: date
    series_id: str = ""
    off_site: str = ""
    days: int = 0
    partner: str = ""
    is_cancelled: bool = False
    known_on: date | None = None
    is_day_row: bool = False
    attendance: int | None = None
    reported_on: date | None = None
    method: str | None = None

    @property
    def end(self) -> datetime:
        """When it ended, or would have."""
        return self.start + (timedelta(days=self.days) if self.days else timedelta(minutes=self.minutes))

    def counts(self, clock: datetime) -> bool:
        """Whether it is an event of the library that had taken place by then (local)."""
        is_event = self.kind in ("programme", "exhibition") and not self.is_day_row
        return is_event and not self.is_cancelled and self.end <= clock


def edited_on(day: date) -> date:
    """The last day on or before this one on which editors work."""
    return day - timedelta(days=(day.weekday() - _EDITED_ON) % 7)


def simulate(seed: int, years: Sequence[int], holidays: frozenset[date], until: date) -> list[Holding]:
    """The programme from the first day of the years to a day beyond the last, by start.

    Args:
        holidays: days without programme.
        until: the first day that is not planned any more.
    """
    made: list[Holding] = []
    for number, branch_id in enumerate(_SIZES):
        made += _Branch(branch_id, np.random.default_rng([seed, 40, number]), holidays, until).programme(years)
    made += _tours(made, np.random.default_rng([seed, 41]))
    made += _others(years, np.random.default_rng([seed, 42]))
    made = [h for h in made if h.planned.date() < until]
    return sorted(made, key=lambda h: (h.planned, h.holding_id))


class _Branch:
    """Plans one branch. Another branch draws from another stream, so none changes with its neighbours."""

    def __init__(self, branch_id: str, random: np.random.Generator, holidays: frozenset[date], until: date) -> None:
        self.branch_id, self.random, self.holidays, self.until = branch_id, random, holidays, until
        self.number = 0

    def programme(self, years: Sequence[int]) -> list[Holding]:
        every, singles = _SIZES[self.branch_id]
        kinds = self.random.choice(len(_SERIES), size=len(every), replace=False)
        made: list[Holding] = []
        for kind, weeks in zip(kinds, every, strict=True):
            weekday, clock = int(self.random.integers(1, 7)), self._clock()
            for year in range(min(years), max(years) + 2):
                for half, term in enumerate(_TERMS):
                    made += self._term(_SERIES[int(kind)], weeks, weekday, clock, year, half, term)
        for year in range(min(years), max(years) + 2):
            for _ in range(int(self.random.poisson(singles))):
                made += self._single(year)
            if singles > 30:
                made += self._exhibitions(year)
            made += self._notices(year)
        return [self._fate(h) for h in made]

    def _id(self, what: str) -> str:
        self.number += 1
        return f"{self.branch_id}-{what}-{self.number:04d}"

    def _clock(self) -> str:
        return str(self.random.choice(_HOURS, p=_HOUR_SHARES))

    def _term(
        self,
        words: tuple[str, str, str, int],
        weeks: int,
        weekday: int,
        clock: str,
        year: int,
        half: int,
        term: tuple[int, int, int, int],
    ) -> Iterator[Holding]:
        day, last = date(year, *term[:2]), date(year, *term[2:])
        announced = edited_on(day - timedelta(days=int(self.random.integers(20, 45))))
        series_id = f"{self.branch_id}-{words[1].casefold()}-{year}-{half + 1}"
        partner = self._partner(0.3)
        day += timedelta(days=(weekday - day.isoweekday()) % 7)
        while day <= last:
            if (weeks or day.day <= 7) and day not in self.holidays:
                yield Holding(
                    self._id("serie"), "programme", self.branch_id, *words[:3], at(day, clock), at(day, clock),
                    words[3], announced, series_id=series_id, partner=partner,
                )  # fmt: skip
            day += timedelta(weeks=weeks or 1)

    def _partner(self, share: float) -> str:
        return str(self.random.choice(_ORGANISATIONS)) if self.random.random() < share else ""

    def _day(self, year: int) -> date:
        while True:
            day = date(year, 1, 3) + timedelta(days=int(self.random.integers(0, 358)))
            if day not in self.holidays and day.isoweekday() < 7 and day.month != 7:
                return day

    def _words(self) -> tuple[str, str, str, int]:
        kind = _KINDS[int(self.random.integers(len(_KINDS)))]
        theme = _THEMES[int(self.random.integers(len(_THEMES)))]
        form = int(self.random.random() < 0.5)
        headline = str(self.random.choice(_HEADLINES)).format(theme[form])
        return f"{kind[0]}: {theme[0]}", f"{kind[1]}: {theme[1]}", headline[0].upper() + headline[1:], kind[2]

    def _single(self, year: int) -> Iterator[Holding]:
        day, start = self._day(year), self._clock()
        moments, words = [(at(day, start), self._words())], self._words()
        draw = self.random.random()
        if draw < _PARALLEL_SHARE:  # something else in another room, at the same hour
            moments.append((at(day, start), words))
        elif draw < _PARALLEL_SHARE + _TWICE_SHARE:  # the same show again
            moments.append((moments[0][0] + timedelta(hours=2), moments[0][1]))
        for moment, (title, other_form, other_name, minutes) in moments:
            announced = edited_on(day - timedelta(days=int(self.random.integers(14, 75))))
            off_site = str(self.random.choice(_OFF_SITE)) if self.random.random() < _OFF_SITE_SHARE else ""
            yield Holding(
                self._id("arrangement"), "programme", self.branch_id, title, other_form, other_name, moment, moment,
                minutes, announced, off_site=off_site, partner=self._partner(0.35),
            )  # fmt: skip

    def _exhibitions(self, year: int) -> Iterator[Holding]:
        for month in (2, 5, 9, 11):
            nynorsk, bokmal = _THEMES[int(self.random.integers(len(_THEMES)))]
            start = at(date(year, month, int(self.random.integers(2, 9))))
            days, is_daily = int(self.random.integers(8, 22)), month == 9
            words = (f"Utstilling: {nynorsk}", f"Utstilling: {bokmal}", f"Utstilling om {bokmal}")
            announced = edited_on(start.date() - timedelta(days=int(self.random.integers(14, 60))))
            series_id = f"{self.branch_id}-utstilling-{year}-{month}" if is_daily else ""
            for n in range(days if is_daily else 1):
                day = start + timedelta(days=n)
                yield Holding(
                    self._id("utstilling"), "exhibition", self.branch_id, *words, day, day, 0, announced,
                    series_id=series_id, days=1 if is_daily else days, is_day_row=n > 0,
                )  # fmt: skip

    def _notices(self, year: int) -> Iterator[Holding]:
        def add(title: str, other_form: str, other_name: str, day: date, days: int, kind: str = "notice") -> Holding:
            start = at(day) if days else at(day, "08:30")
            announced = edited_on(day - timedelta(days=30))
            return Holding(
                self._id("melding"), kind, self.branch_id, title, other_form, other_name, start, start, 60, announced,
                days=days,
            )  # fmt: skip

        yield add("Stengt 1. mai", "Stengt 1. mai", "Biblioteket held stengt 1. mai", date(year, 5, 1), 1)
        summer = "Sommaropningstid", "Sommeråpningstider", "Nye opningstider i sommar"
        yield add(*summer, date(year, 6, 20), 56)
        if self.branch_id in ("hovud", "torget"):
            frist = "Påmeldingsfrist: Sommarles", "Påmeldingsfrist: Sommerles", "Frist for påmelding til Sommerles"
            yield add(*frist, date(year, 6, 15), 1)
            for month in range(1, 12, 2):
                yield add("Personalmøte", "Personalmøte", "Personalmøte", date(year, month, 7), 0, "internal")

    def _fate(self, holding: Holding) -> Holding:
        """What became of it. Cancelled, moved, or held as planned; then somebody may count who came, or not."""
        fate, lead = float(self.random.random()), 2 + int(self.random.geometric(0.1))
        hours, days = int(self.random.choice((-2, -1, 1, 2))), int(self.random.integers(1, 15))
        crowd, delay = int(self.random.lognormal(2.7, 0.7)), int(1 + self.random.geometric(0.07))
        is_reported, method = self.random.random() < REPORTED_SHARE, str(self.random.choice(("counted", "estimated")))
        is_near = self.random.random() < 0.6
        if holding.kind != "programme":
            return holding
        known_on = max(holding.announced_on, holding.planned.date() - timedelta(days=lead))
        if fate < CANCELLED_SHARE:
            return replace(holding, is_cancelled=True, known_on=known_on)
        if fate < CANCELLED_SHARE + MOVED_SHARE:
            moved = holding.planned + (timedelta(hours=hours) if is_near else timedelta(days=days))
            if moved.date() not in self.holidays and time(9) <= moved.time() <= time(21):
                holding = replace(holding, start=moved, known_on=known_on)
        if is_reported:
            reported_on = holding.start.date() + timedelta(days=delay)
            holding = replace(holding, attendance=crowd, reported_on=reported_on, method=method)
        return holding


def _tours(made: Sequence[Holding], random: np.random.Generator) -> Iterator[Holding]:
    """One guest, several branches: the same title at the same hour elsewhere, on that day or the next."""
    branches = list(_SIZES)
    for n, holding in enumerate(h for h in made if h.kind == "programme" and not h.series_id and not h.off_site):
        draw, branch_id = random.random(), branches[int(random.integers(len(branches)))]
        later = timedelta(days=int(random.integers(0, 2)))
        if draw < _TOUR_SHARE and branch_id != holding.branch_id:
            planned = holding.planned + later
            yield replace(
                holding, holding_id=f"{branch_id}-turne-{n:04d}", branch_id=branch_id, planned=planned, start=planned,
                is_cancelled=False, known_on=None, attendance=None, reported_on=None, method=None,
            )  # fmt: skip


def _others(years: Sequence[int], random: np.random.Generator) -> Iterator[Holding]:
    """What other people hold: most of it elsewhere, some of it in the library's rooms."""
    names = ("Konsert", "Bingo", "Quiz", "Dansekveld", "Loppemarknad", "Gudsteneste", "Foredrag")
    number = 0
    for year in range(min(years), max(years) + 2):
        for _ in range(48):
            day = date(year, 1, 3) + timedelta(days=int(random.integers(0, 358)))
            start = at(day, str(random.choice(_HOURS, p=_HOUR_SHARES)))
            name, who = str(random.choice(names)), str(random.choice(_ORGANISATIONS))
            number += 1
            yield Holding(
                f"andre-{number:04d}", "other", None, f"{name} med {who}", f"{name} med {who}", f"{who}: {name}",
                start, start, 90, edited_on(day - timedelta(days=30)), off_site=str(random.choice(_ELSEWHERE)),
                partner=who,
            )  # fmt: skip
        for month in range(1, 13):
            start, who = at(date(year, month, 12), "19:00"), str(random.choice(_ORGANISATIONS))
            name = ("Årsmøte", "Korøving", "Medlemsmøte")[month % 3]
            number += 1
            yield Holding(
                f"andre-{number:04d}", "other", None, f"{name}: {who}", f"{name}: {who}", f"{name} i {who}",
                start, start, 90, edited_on(start.date() - timedelta(days=30)), off_site="Biblioteksalen", partner=who,
            )  # fmt: skip
