"""How three feeds tell of one programme, each in its own way, and what a poller gets to see of them as time goes by.

What belongs here: who posts what where, under which title, id, place and hour, how changes come through, what a feed
forgets, and polls that fail. What does not: what truly took place (`event_programme`), and any rule of matching.

The kinds of habits are those that were measured or verified on real overlapping feeds: naive sums overcount by about
half; no feed is complete, most events are in one, some in two, few in all; titles differ by nynorsk and bokmål, dashes,
appended branches, new names; weekly programmes share a title over branches; feeds conflict on the branch; one feed
posts an event twice; aggregators carry rows without an hour; calendars forget the past, moves come as a new post, and a
record of a series can come back under a new id. `PATTERNS` follows those measured shares. For the other habits no
shares are known; they are set so that every kind occurs in a trial of two years, and none was set by what any rule can
solve.

One word of order is kept: who announces a thing in one feed only looks after it there, so its branch and its
cancellation can be known. Otherwise no rule could be judged.
"""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ingest.catalogue import Arrival
from ingest.config import start_of
from ingest.events._ical_scan import minimise
from sandbox.event_programme import Holding, edited_on
from sandbox.programme import Change, Entry, entry_bytes

OWN, MUNICIPAL, PARTNER = FEEDS = ("event_icalendar_prove", "event_tec_prove", "event_trumba_prove")
# In which feeds a thing is posted: 58 % in one, 32 % in two, 10 % in all, so 1.52 claims an event.
PATTERNS: Mapping[tuple[str, ...], float] = {
    (OWN,): 0.38,
    (MUNICIPAL,): 0.12,
    (PARTNER,): 0.08,
    (OWN, MUNICIPAL): 0.18,
    (OWN, PARTNER): 0.10,
    (MUNICIPAL, PARTNER): 0.04,
    FEEDS: 0.10,
}
DOMAIN = "simulert.invalid"
POLLED_ON = (0, 2, 4)  # Monday, Wednesday, Friday: often enough that a post taken down in time is missed in time
POLLED_AT = time(3, 10)
DAYS_BACK, DAYS_AHEAD, GRID_DAYS, PAGE_SIZE = 60, 180, 30, 50
FORGETS_AFTER_MONTHS = 2
FAILED_SHARE, PARTIAL_SHARE, HALF_EMPTY_POLLS = 0.02, 0.015, 3
# Of what is cancelled, how a feed that is not alone with it tells: the first of these, in order.
_SILENT_SHARE = 0.35  # own feed: taken out without a word; else STATUS
_CANCELLED_BY = {  # title prefix, status field, taken down; the rest stands as if nothing had happened
    MUNICIPAL: (0.35, 0.2, 0.25),
    PARTNER: (0.0, 0.6, 0.2),
}
_HEARS_OF_MOVES = {MUNICIPAL: 0.7, PARTNER: 0.8}
_REPOSTS_MOVES = {MUNICIPAL: 0.5, PARTNER: 0.0}
_LEAVES_OUT_DATES = 0.05  # municipal: single dates of a series
_REENTERED_SHARE = 0.08  # municipal: series of a term whose coming dates get new ids in the middle of it
_WRONG_HOUR_SHARE = 0.015  # municipal: typed wrong
_DOORS_OPEN_SHARE = 0.12  # partner: the hour at which doors open, of single events
_NO_HOUR_SHARE = 0.04  # partner: a date alone
_TWICE_SHARE = 0.04  # partner: posted again under another id
_FULL_SHARE = 0.04  # municipal: single events marked as full
# Like many exporters it names zones and does not describe them.
_HEAD = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Levende tall//Simulert eigen kalender//NN\r\n"
_TAIL = b"END:VCALENDAR\r\n"
_EMOJI = ("📚", "🎶", "✨", "👶", "🎬")
_SPONSORS = ("støtta av Sparebankstiftinga Simby", "med støtte frå Kulturrådet")


@dataclass(frozen=True)
class TitleHabits:
    """How likely whoever posts writes a title otherwise than the library's own programme does."""

    other_form: float = 0.0
    renamed: float = 0.0
    dash: float = 0.0
    branch: float = 0.0
    tail: float = 0.0
    emoji: float = 0.0
    shouted: float = 0.0


TITLES = {
    OWN: TitleHabits(),
    MUNICIPAL: TitleHabits(other_form=0.45, renamed=0.05, dash=0.25, branch=0.2, tail=0.12, emoji=0.08),
    PARTNER: TitleHabits(other_form=0.4, renamed=0.06, dash=0.2, branch=0.05, tail=0.2, shouted=0.08),
}


@dataclass(frozen=True)
class House:
    """A branch as people write its name: its calendar name, the house it is in, and where nobody knows it by."""

    name: str
    house: str
    unknown: str


@dataclass(frozen=True)
class Shown:
    """What a record says at one time."""

    title: str
    start: datetime
    minutes: int
    days: int
    place: str
    status: str = "scheduled"
    partner: str = ""


@dataclass(frozen=True)
class Record:
    """One record of a feed with an id of its own, and what it said when. None: it is not there."""

    source_id: str
    series_id: str
    holding_id: str
    states: tuple[tuple[date, Shown | None], ...]
    habits: tuple[str, ...] = ()

    def on(self, day: date) -> Shown | None:
        """What it says on a day."""
        told = [shown for since, shown in self.states if since <= day]
        return told[-1] if told else None


@dataclass(frozen=True)
class OwnSeries:
    """A series or single entry of the own calendar; `vanishing` are dates that are taken out without a word."""

    uid: str
    holdings: tuple[Holding, ...]
    since: date
    location: str
    categories: tuple[str, ...]
    holidays: tuple[datetime, ...] = ()
    rule: str = ""
    vanishing: frozenset[str] = frozenset()

    @cached_property
    def last_on(self) -> date:
        """The last day on which anything of it is."""
        return max(h.end for h in self.holdings).date()


@dataclass
class Told:
    """All that a feed's poller got to see.

    Attributes:
        arrivals: in the order in which they came.
        claims: (series_id, slot) to the holding's id, of every claim that some answer told.
        polls: (moment, what the answer was).
        habits: (series_id, slot) to what is odd about the claim.
    """

    source_id: str
    arrivals: list[Arrival] = field(default_factory=list)
    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    polls: list[tuple[datetime, str]] = field(default_factory=list)
    habits: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


def tell(
    programme: Sequence[Holding],
    houses: Mapping[str, House],
    seed: int,
    polls: Sequence[datetime],
    window: tuple[date, date],
    zone: ZoneInfo,
) -> list[Told]:
    """What the polls of three feeds bring.

    Args:
        polls: aware moments, in order.
        window: the local dates, half-open, that the own calendar's reader expands.
    """
    posted = _posted(programme, np.random.default_rng([seed, 50]))
    own = _own(posted[OWN], houses, np.random.default_rng([seed, 51]))
    told = [_poll_own(own, np.random.default_rng([seed, 54]), polls, window, zone)]
    for number, source_id in enumerate((MUNICIPAL, PARTNER)):
        poster = _Poster(source_id, houses, np.random.default_rng([seed, 52 + number]), _alone(posted))
        records = poster.records(posted[source_id])
        told.append(_poll_list(source_id, records, np.random.default_rng([seed, 55 + number]), polls, zone))
    return told


def poll_moments(first: date, clock: datetime) -> list[datetime]:
    """When the feeds are asked, from a day until the clock."""
    days = ((clock.date() - first).days + 1) if clock.date() >= first else 0
    moments = [
        datetime.combine(first + timedelta(days=n), POLLED_AT, tzinfo=UTC)
        for n in range(days)
        if (first + timedelta(days=n)).weekday() in POLLED_ON
    ]
    return [moment for moment in moments if moment < clock]


# -- who posts what -------------------------------------------------------------------------------------------------


def _posted(programme: Sequence[Holding], random: np.random.Generator) -> dict[str, list[Holding]]:
    """The holdings of each feed. A series of a term is posted as one, or not at all."""
    patterns, shares = list(PATTERNS), list(PATTERNS.values())
    by_unit: dict[str, tuple[str, ...]] = {}
    posted: dict[str, list[Holding]] = {source_id: [] for source_id in FEEDS}
    for holding in programme:
        unit = holding.series_id or holding.holding_id
        if unit not in by_unit:
            by_unit[unit] = _feeds(holding, patterns[int(random.choice(len(patterns), p=shares))], random)
        for source_id in by_unit[unit]:
            posted[source_id].append(holding)
    return posted


def _feeds(holding: Holding, pattern: tuple[str, ...], random: np.random.Generator) -> tuple[str, ...]:
    if holding.kind == "internal":
        return (OWN,)
    if holding.kind == "notice":
        return ((OWN,), (MUNICIPAL,), (OWN, MUNICIPAL))[int(random.integers(3))]
    if holding.kind == "other":
        return ((MUNICIPAL,), (PARTNER,), (MUNICIPAL, PARTNER))[int(random.integers(3))]
    if holding.off_site and OWN not in pattern:
        return (OWN, *pattern)  # nobody else says whose it is
    return pattern


def _alone(posted: Mapping[str, Sequence[Holding]]) -> frozenset[str]:
    """The holdings that one feed only tells of."""
    feeds: dict[str, int] = defaultdict(int)
    for holdings in posted.values():
        for holding in holdings:
            feeds[holding.holding_id] += 1
    return frozenset(name for name, count in feeds.items() if count == 1)


# -- the own calendar -----------------------------------------------------------------------------------------------


def _own(
    posted: Sequence[Holding],
    houses: Mapping[str, House],
    random: np.random.Generator,
) -> list[OwnSeries]:
    units: dict[str, list[Holding]] = defaultdict(list)
    for holding in posted:
        units[holding.series_id or holding.holding_id].append(holding)
    made = []
    for name, holdings in units.items():
        first = holdings[0]
        library = houses[first.branch_id].name if first.branch_id else ""
        says_branch = random.random() < 0.6 or bool(first.off_site)
        vanishing = frozenset(h.holding_id for h in holdings if h.is_cancelled and random.random() < _SILENT_SHARE)
        made.append(
            OwnSeries(
                f"{name}@{DOMAIN}",
                tuple(holdings),
                first.announced_on,
                first.off_site or library,
                (library,) if says_branch else (),
                vanishing=vanishing,
                **_rule(holdings),
            )
        )
    return made


def _rule(holdings: Sequence[Holding]) -> dict[str, Any]:
    """The recurrence rule, and the dates of it on which nothing is planned."""
    if len(holdings) == 1 and not holdings[0].series_id:
        return {}
    first, last = holdings[0].planned, holdings[-1].planned
    if first.date() == last.date():
        return {"rule": "FREQ=WEEKLY;COUNT=1"}
    if holdings[0].kind == "exhibition":
        return {"rule": f"FREQ=DAILY;COUNT={len(holdings)}"}
    weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[first.weekday()]
    until = f"UNTIL={last:%Y%m%d}T235959Z"
    gap = min((b.planned - a.planned).days for a, b in pairwise(holdings))
    if gap >= 28:
        step, rule = 7, f"FREQ=MONTHLY;BYDAY=1{weekday};{until}"
    else:
        step, rule = gap, f"FREQ=WEEKLY;INTERVAL={gap // 7};BYDAY={weekday};{until}"
    planned = {h.planned for h in holdings}
    days = (first + timedelta(days=n) for n in range(0, (last - first).days + 1, step))
    left_out = tuple(d for d in days if d not in planned and (gap < 28 or d.day <= 7))
    return {"rule": rule, "holidays": left_out}


def _entry(series: OwnSeries, day: date) -> Entry | None:
    """The calendar's record as it stands on a day; None where there is none."""
    first = series.holdings[0]
    if day < series.since:
        return None
    known = [h for h in series.holdings if h.known_on is not None and edited_on(h.known_on) <= day]
    common: dict[str, Any] = {
        "uid": series.uid,
        "title": first.title,
        "branch_id": first.branch_id or "",
        "location": series.location,
        "minutes": first.minutes,
        "days": first.days,
        "partner": first.partner,
        "categories": series.categories,
        "is_private": first.kind == "internal",
    }
    if not series.rule:
        if known and first.is_cancelled and first.holding_id in series.vanishing:
            return None
        start = first.start if known else first.planned
        return Entry(**common, start=start, is_cancelled=bool(known) and first.is_cancelled)
    gone = [h.planned for h in known if h.holding_id in series.vanishing]
    changes = tuple(
        Change(h.planned, start=None if h.is_cancelled else h.start, is_cancelled=h.is_cancelled)
        for h in known
        if h.holding_id not in series.vanishing
    )
    exdates = tuple(sorted([*series.holidays, *gone]))
    return Entry(**common, start=first.planned, rule=series.rule, exdates=exdates, changes=changes)


def _slots(series: OwnSeries, entry: Entry, zone: ZoneInfo) -> Iterator[tuple[tuple[str, str], Holding]]:
    """The claims that an entry makes, by key."""
    if not series.rule:
        yield (series.uid, ""), series.holdings[0]
        return
    for holding in series.holdings:
        if holding.planned not in entry.exdates:
            moment = holding.planned.replace(tzinfo=zone).astimezone(UTC)
            slot = f"{holding.planned:%Y-%m-%d}" if holding.days else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
            yield (series.uid, slot), holding


def _poll_own(
    own: Sequence[OwnSeries],
    random: np.random.Generator,
    polls: Sequence[datetime],
    window: tuple[date, date],
    zone: ZoneInfo,
) -> Told:
    told = Told(OWN)
    moods = _moods(len(polls), random, partial=0.0)
    for number in random.choice(np.arange(5, len(polls) - 5), size=HALF_EMPTY_POLLS, replace=False):
        moods[int(number)] = "half_empty"
    crash = int(random.integers(len(polls) // 3, len(polls) - 12))
    moods[crash : crash + 6] = ["lost_past"] * 3 + ["half_empty"] * 3
    written: dict[Entry, bytes] = {}
    last: bytes | None = None
    asked: dict[str, Any] = {
        "origin": "${LEVENDE_PROVE_URL}",
        "window_start_at": start_of(window[0], zone),
        "window_end_at": start_of(window[1], zone),
    }
    for number, (moment, mood) in enumerate(zip(polls, moods, strict=True)):
        told.polls.append((moment, mood))
        if mood == "failed":
            told.arrivals.append(_failed(OWN, moment))
            continue
        day = moment.date()
        forgotten = day if mood == "lost_past" else _months_before(day, FORGETS_AFTER_MONTHS)
        shown = []
        for place, series in enumerate(own):
            entry = _entry(series, day)
            lost = mood == "half_empty" and (place * 7 + number // 8) % 2 == 0
            if entry is not None and series.last_on >= forgotten and not lost:
                shown.append((series, entry))
        for series, entry in shown:
            if entry not in written:
                written[entry] = minimise(entry_bytes(entry, zone))
            for claim, holding in _slots(series, entry, zone):
                is_vanishing = holding.holding_id in series.vanishing
                _note(told, claim, holding.holding_id, ("vanishing",) if is_vanishing else ())
        body = b"".join([_HEAD, *(written[entry] for _series, entry in shown), _TAIL])
        if body == last:
            about = {**asked, "status": "not_modified", "http_status": 304}
        else:
            about = {**asked, "body": body, "http_status": 200, "etag": f'"{number}"', "media_type": "text/calendar"}
        told.arrivals.append(Arrival(OWN, "poll", moment, is_complete=_is_full(body), **about))
        last = body
    return told


def _is_full(body: bytes) -> bool:
    """The publisher vouches for the feed; only round numbers of events are suspect (`icalendar`: ROUND_CAPS)."""
    return body.count(b"BEGIN:VEVENT") not in (30, 50, 100, 200, 250, 500, 1000)


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _note(told: Told, claim: tuple[str, str], holding_id: str, habits: tuple[str, ...]) -> None:
    told.claims[claim] = holding_id
    told.habits[claim] = habits


def _moods(count: int, random: np.random.Generator, *, partial: float) -> list[str]:
    """What becomes of each poll: mostly nothing, sometimes a failure, once in a while a week of them."""
    draws = random.random(count)
    moods = ["failed" if d < FAILED_SHARE else "partial" if d < FAILED_SHARE + partial else "ok" for d in draws]
    outage = int(random.integers(3, count - 6))
    moods[outage : outage + 3] = ["failed"] * 3
    return moods


def _failed(source_id: str, moment: datetime) -> Arrival:
    return Arrival(source_id, "poll", moment, status="failed", is_complete=False, error="http_503: the server is busy.")


# -- lists of records: the municipality's calendar, and a partner's -------------------------------------------------


class _Poster:
    """Somebody who enters the library's programme into another calendar. One instance makes one feed's records."""

    def __init__(
        self, source_id: str, houses: Mapping[str, House], random: np.random.Generator, alone: frozenset[str]
    ) -> None:
        self.source_id, self.houses, self.random, self.alone = source_id, houses, random, alone
        self.number = 4000 if source_id == MUNICIPAL else 170_000

    def records(self, posted: Sequence[Holding]) -> list[Record]:
        """All records, ids in the order in which the holdings lie."""
        units: dict[str, list[Holding]] = defaultdict(list)
        for holding in posted:
            units[holding.series_id or holding.holding_id].append(holding)
        made: list[Record] = []
        for holdings in units.values():
            made += self._unit(holdings)
        return made

    def _draw(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _id(self) -> str:
        self.number += int(self.random.integers(1, 9))
        return str(self.number)

    def _unit(self, holdings: Sequence[Holding]) -> Iterator[Record]:
        first = holdings[0]
        title, odd_title = self._title(first)
        place, odd_place = self._place(first)
        lag = int(self.random.integers(0, 22))
        is_reentered = self.source_id == MUNICIPAL and len(holdings) > 4 and self._draw(_REENTERED_SHARE)
        reentered_on = edited_on(holdings[len(holdings) // 2].planned.date())
        for holding in holdings:
            rarely = len(holdings) > 1 and self.source_id == MUNICIPAL and holding.holding_id not in self.alone
            if self._draw(_LEAVES_OUT_DATES) and rarely:
                continue
            latest = holding.planned.date() - timedelta(days=8)
            since = edited_on(max(first.announced_on, min(first.announced_on + timedelta(days=lag), latest)))
            records = self._one(holding, title, place, since, [*odd_title, *odd_place])
            for record in records:
                shown = record.on(reentered_on)
                if is_reentered and shown is not None and shown.start.date() > reentered_on:
                    yield from self._again(record, reentered_on)
                else:
                    yield record

    def _one(self, holding: Holding, title: str, place: str, since: date, habits: list[str]) -> list[Record]:
        """The record of one holding, or records where it is posted again."""
        habits = list(habits)
        start, is_single = holding.planned, not holding.series_id and not holding.days
        days = holding.days
        if self.source_id == MUNICIPAL and not days and self._draw(_WRONG_HOUR_SHARE):
            start += timedelta(minutes=int(self.random.choice((-60, -30, 30, 60))))
            habits.append("wrong_hour")
        doors, no_hour = self._draw(_DOORS_OPEN_SHARE), self._draw(_NO_HOUR_SHARE)
        if self.source_id == PARTNER and is_single and doors:
            start -= timedelta(minutes=int(self.random.choice((15, 30, 60), p=(0.4, 0.5, 0.1))))
            habits.append("doors_open")
        elif self.source_id == PARTNER and not days and no_hour:
            start, days = datetime.combine(start.date(), time()), 1
            habits.append("no_hour")
        shown = Shown(title, start, holding.minutes, days, place, partner=holding.partner)
        states: list[tuple[date, Shown | None]] = [(since, shown)]
        if self.source_id == MUNICIPAL and is_single and self._draw(_FULL_SHARE):
            full = edited_on(holding.planned.date() - timedelta(days=6))
            if full > since:
                states.append((full, replace(shown, title=f"{self.random.choice(('FULLT: ', 'Fullt! '))}{title}")))
                habits.append("full_prefix")
        records = [Record(self.source_id, self._id(), holding.holding_id, tuple(states), tuple(habits))]
        if holding.known_on is not None:
            records = self._changed(records[0], holding, shown)
        # What was cancelled before it was posted has no record to post twice.
        if self.source_id == PARTNER and self._draw(_TWICE_SHARE) and records:
            records.append(replace(records[-1], series_id=self._id(), habits=(*records[-1].habits, "posted_twice")))
        return records

    def _changed(self, record: Record, holding: Holding, shown: Shown) -> list[Record]:
        """What a cancellation or a move becomes here."""
        assert holding.known_on is not None
        known = max(edited_on(holding.known_on), record.states[0][0])
        before = tuple(state for state in record.states if state[0] < known)
        is_alone, draw = holding.holding_id in self.alone, float(self.random.random())
        if holding.is_cancelled:
            prefix, status, taken_down = np.cumsum(_CANCELLED_BY[self.source_id])
            prefixed = f"{self.random.choice(('Avlyst: ', 'AVLYST - ', 'AVLYST! '))}{shown.title}"
            if draw < prefix:
                after: Shown | None = replace(shown, title=prefixed)
                habit = "cancelled_by_prefix"
            elif draw < status:
                title = prefixed if self.source_id == PARTNER else shown.title
                after, habit = replace(shown, title=title, status="cancelled"), "cancelled_by_status"
            elif draw < taken_down or is_alone:
                after, habit = None, "taken_down"
            else:
                return [replace(record, habits=(*record.habits, "cancellation_missed"))]
            if not before and after is None:
                return []  # known before it was posted, and so never posted
            return [replace(record, states=(*before, (known, after)), habits=(*record.habits, habit))]
        if draw >= _HEARS_OF_MOVES[self.source_id] and not is_alone:
            return [replace(record, habits=(*record.habits, "move_missed"))]
        after = replace(shown, start=holding.start if not shown.days or holding.days else
                        datetime.combine(holding.start.date(), time()))  # fmt: skip
        if before and self._draw(_REPOSTS_MOVES[self.source_id]):
            old = replace(record, states=(*before, (known, None)), habits=(*record.habits, "moved_by_new_post"))
            new = replace(record, series_id=self._id(), states=((known, after),), habits=("moved_by_new_post",))
            return [old, new]
        return [replace(record, states=(*before, (known, after)), habits=(*record.habits, "moved"))]

    def _again(self, record: Record, day: date) -> Iterator[Record]:
        """The same record under a new id from a day on."""
        before = tuple(state for state in record.states if state[0] < day)
        after = tuple(state for state in record.states if state[0] > day)
        now = record.on(day)
        new = replace(record, series_id=self._id(), states=((day, now), *after), habits=(*record.habits, "new_id"))
        if before:
            yield replace(record, states=(*before, (day, None)), habits=(*record.habits, "old_id"))
        yield new

    def _title(self, holding: Holding) -> tuple[str, list[str]]:
        habits = TITLES[self.source_id]
        title, odd = holding.title, []
        draws = self.random.random(7)
        if draws[0] < habits.renamed:
            title = holding.other_name
            odd.append("renamed")
        elif draws[1] < habits.other_form:
            title = holding.other_form
            odd.append("other_form")
        if draws[2] < habits.dash:
            title = title.replace(": ", str(self.random.choice((" – ", " - ", " — ", " | "))), 1)
            odd.append("dash")
        if draws[3] < habits.branch and holding.branch_id:
            name = self.houses[holding.branch_id].name
            title = str(self.random.choice((f"{title} – {name}", f"{title} ved {name}", f"{name}: {title}")))
            odd.append("branch_in_title")
        if draws[4] < habits.tail:
            thanks = f"i samarbeid med {holding.partner}" if holding.partner else str(self.random.choice(_SPONSORS))
            title = str(self.random.choice((f"{title} – {thanks}", f"{title} | {thanks}", f"{title} ({thanks})")))
            odd.append("tail")
        if draws[5] < habits.emoji:
            emoji = str(self.random.choice(_EMOJI))
            title = str(self.random.choice((f"{emoji} {title}", f"{title} {emoji}")))
            odd.append("emoji")
        if draws[6] < habits.shouted:
            return title.upper(), [*odd, "shouted"]
        return title, odd

    def _place(self, holding: Holding) -> tuple[str, list[str]]:
        draw = float(self.random.random())
        if holding.off_site or holding.branch_id is None:
            return holding.off_site, ["off_site"] if holding.off_site else []
        house = self.houses[holding.branch_id]
        is_alone = holding.holding_id in self.alone
        if self.source_id == MUNICIPAL:
            if draw < 0.06 and not is_alone:
                # Nobody chose a place, or the form's own stayed.
                return ("", ["no_place"]) if draw < 0.035 else (self.houses["hovud"].name, ["wrong_place"])
            return house.house if draw > 0.85 else house.name, []
        if draw < 0.09 and not is_alone:
            return ("", ["no_place"]) if draw < 0.045 else (house.unknown, ["unknown_place"])
        return house.name if draw > 0.8 else house.house, []


def _poll_list(
    source_id: str, records: Sequence[Record], random: np.random.Generator, polls: Sequence[datetime], zone: ZoneInfo
) -> Told:
    told = Told(source_id)
    moods = _moods(len(polls), random, partial=PARTIAL_SHARE if source_id == MUNICIPAL else 0.0)
    write = _tec if source_id == MUNICIPAL else _trumba
    for moment, mood in zip(polls, moods, strict=True):
        told.polls.append((moment, mood))
        if mood == "failed":
            told.arrivals.append(_failed(source_id, moment))
            continue
        first, after = window_of(moment, zone)
        shown = []
        for record in records:
            says = record.on(moment.date())
            if says is not None and first <= says.start.date() < after:
                shown.append((record, says))
        shown.sort(key=lambda pair: (pair[1].start, int(pair[0].series_id)))
        if mood == "partial":
            shown = shown[: max(PAGE_SIZE, len(shown) // 2 // PAGE_SIZE * PAGE_SIZE)]
        for record, _says in shown:
            _note(told, (record.series_id, ""), record.holding_id, record.habits)
        body = json.dumps(write(shown, zone), ensure_ascii=False, separators=(",", ":")).encode()
        error = "http_503: the server is busy." if mood == "partial" else None
        told.arrivals.append(
            Arrival(
                source_id, "poll", moment, body, origin="${LEVENDE_PROVE_URL}",
                ask={"list": "tribe/events/v1/events" if source_id == MUNICIPAL else "calendar"},
                window_start_at=start_of(first, zone), window_end_at=start_of(after, zone),
                is_complete=mood == "ok", http_status=200, media_type="application/json", error=error,
            )
        )  # fmt: skip
        if mood == "partial":
            told.arrivals.append(_failed(source_id, moment))
    return told


def window_of(moment: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """The local days that a list is asked for, half-open, on the adapters' grid of 30 days."""
    today = moment.astimezone(zone).date().toordinal()
    first = (today - DAYS_BACK) // GRID_DAYS * GRID_DAYS
    after = (today + DAYS_AHEAD) // GRID_DAYS * GRID_DAYS + GRID_DAYS
    return date.fromordinal(first), date.fromordinal(after)


def _tec(shown: Sequence[tuple[Record, Shown]], zone: ZoneInfo) -> dict[str, object]:
    """The Events Calendar's pages and single events as its adapter lands them."""
    events = [_tribe(record.series_id, says, zone) for record, says in shown]
    pages = [events[n : n + PAGE_SIZE] for n in range(0, len(events), PAGE_SIZE)] or [[]]
    about = {"total": len(events), "total_pages": len(pages)}
    return {
        "pages": [{"events": page, **about} for page in pages],
        "singles": [
            {
                "id": int(record.series_id),
                "json_ld": {
                    "eventStatus": "https://schema.org/"
                    + ("EventCancelled" if says.status == "cancelled" else "EventScheduled")
                },
            }
            for record, says in shown
        ],
    }


def _tribe(number: str, says: Shown, zone: ZoneInfo) -> dict[str, object]:
    end = says.start + (timedelta(days=says.days, seconds=-1) if says.days else timedelta(minutes=says.minutes))
    stamp = "%Y-%m-%d %H:%M:%S"

    def utc(moment: datetime) -> str:
        return f"{moment.replace(tzinfo=zone).astimezone(UTC):{stamp}}"

    sentence = f"<p>I samarbeid med {html.escape(says.partner)}.</p>" if says.partner else ""
    return {
        "id": int(number),
        "status": "publish",
        "url": f"https://kommune.{DOMAIN}/hendelse/{number}/",
        "title": html.escape(says.title),
        "description": f"<p>Velkomen!</p>{sentence}",
        "all_day": bool(says.days),
        "start_date": f"{says.start:{stamp}}",
        "end_date": f"{end:{stamp}}",
        "utc_start_date": utc(says.start),
        "utc_end_date": utc(end),
        "timezone": str(zone),
        "hide_from_listings": False,
        "categories": [],
        "tags": [],
        "venue": {"id": 7, "venue": says.place} if says.place else [],
    }


def _trumba(shown: Sequence[tuple[Record, Shown]], zone: ZoneInfo) -> dict[str, object]:
    """A Trumba calendar as its adapter lands it: every date is an event of its own, without a series."""
    return {"pages": [[_trumba_event(record.series_id, says, zone) for record, says in shown]]}


def _trumba_event(number: str, says: Shown, zone: ZoneInfo) -> dict[str, object]:
    end = says.start + (timedelta(days=says.days) if says.days else timedelta(minutes=says.minutes))

    def offset(moment: datetime) -> str:
        return f"{moment.replace(tzinfo=zone):%z}"

    location = f'<a href="https://billett.{DOMAIN}/stad">{html.escape(says.place)}</a>' if says.place else ""
    return {
        "eventID": int(number),
        "title": html.escape(says.title),
        "description": "",
        "locationType": "In-Person",
        "location": location,
        "startDateTime": f"{says.start:%Y-%m-%dT%H:%M:%S}",
        "endDateTime": f"{end:%Y-%m-%dT%H:%M:%S}",
        "startTimeZoneOffset": offset(says.start),
        "endTimeZoneOffset": offset(end),
        "allDay": bool(says.days),
        "canceled": says.status == "cancelled",
        "permaLinkUrl": f"https://billett.{DOMAIN}/{number}",
        "categoryCalendar": "Kultur",
        "customFields": [],
    }


def claims_of(told: Iterable[Told]) -> Iterator[tuple[str, str, str, str, str]]:
    """(source_id, series_id, slot, holding_id, habits) of every claim, in the order of the keys."""
    for feed in told:
        for (series_id, slot), holding_id in sorted(feed.claims.items()):
            yield feed.source_id, series_id, slot, holding_id, " ".join(feed.habits[series_id, slot])
