"""The words by which people name the columns of a programme sheet, and the words that they write into its cells.

What belongs here: the table itself, in bokmål, nynorsk and English; a library adds its own words in the source's
options. What does not: reading cells (`_workbook`) and what they mean together (`_sheet_rows`). Words are compared
without case, space, a trailing colon or star, and what stands in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingest.wording import name_key

HEADERS: Mapping[str, tuple[str, ...]] = {
    "event_id": (
        *("arrangement-id", "arrangementsid", "arrangementid", "arrangementsnummer", "arrangementsnr", "id"),
        *("arrangements-id", "hending-id", "tilskipings-id", "event id", "event-id", "event number"),
    ),
    "title": (
        *("tittel", "arrangement", "arrangementstittel", "arrangementsnavn", "navn på arrangement", "hva"),
        *("namn på arrangement", "tiltak", "hending", "tilskiping", "kva", "title", "event", "event title"),
        "event name",
    ),
    "date": ("dato", "startdato", "fra dato", "frå dato", "når", "date", "start date", "from date"),
    "end_date": ("sluttdato", "til dato", "siste dag", "end date", "to date", "last day"),
    "start_time": (
        *("klokkeslett", "tid", "tidspunkt", "start", "starttid", "klokka", "kl", "fra kl", "frå kl", "time"),
        "start time",
    ),
    "end_time": ("slutt", "sluttid", "til kl", "end", "end time"),
    "branch": ("filial", "avdeling", "bibliotek", "avdeling/filial", "eining", "enhet", "branch", "library"),
    "venue": ("sted", "stad", "lokale", "lokasjon", "rom", "venue", "place", "room", "location"),
    "category": ("kategori", "type", "arrangementstype", "sjanger", "category", "event type", "kind"),
    "audience": ("målgruppe", "målgrupper", "audience", "target group", "age group"),
    "partner": (
        *("partner", "partnere", "partnarar", "samarbeidspartner", "samarbeidspartnere", "samarbeidspartnarar"),
        *("medarrangør", "medarrangører", "medarrangørar", "i samarbeid med", "samarbeid med", "partners"),
        *("co-organiser", "co-organisers", "co-organizer", "in cooperation with"),
    ),
    "status": ("status", "tilstand", "state"),
    "on_site": (
        *("antall", "antall deltakere", "antall deltagere", "deltakere", "deltagere", "oppmøte", "fysisk oppmøte"),
        *("besøkende", "antall besøkende", "publikum", "fremmøtte", "tal", "tal på deltakarar", "deltakarar"),
        *("talet på deltakarar", "frammøtte", "besøkjande", "antall fremmøtte", "attendance", "attendees"),
        *("fysisk", "in person", "on site", "number of attendees", "participants"),
    ),
    "online": (
        *("digitalt", "digitalt oppmøte", "digitale deltakere", "digitale deltakarar", "på nett", "nett", "strømming"),
        *("strøyming", "online", "online attendance", "virtual"),
    ),
    "adults": ("voksne", "antall voksne", "vaksne", "tal på vaksne", "adults"),
    "children": ("barn", "antall barn", "barn og unge", "born", "tal på barn", "children", "children and young people"),
    "method": ("metode", "hvordan talt", "korleis talt", "tellemåte", "teljemåte", "method", "how counted"),
    "reported_on": ("rapportert", "rapportert dato", "talt dato", "innmeldt", "reported", "reported on", "counted on"),
    "reported_by_role": (
        *("rolle", "rolla", "rapportert av", "rapportert av rolle", "rapportørrolle", "innmeldt av", "meldt av"),
        *("reporter role", "role", "reported by", "reported by role"),
    ),
}

# Roles that hold a number of people.
COUNTS = ("on_site", "online", "adults", "children")

# What these say may be merged over several events, or filled down where an option allows it, and holds for each. A
# number of people and an id never are: they belong to one.
SHARED = (
    *("date", "end_date", "start_time", "end_time", "branch", "venue", "category", "audience", "title", "status"),
    *("partner", "method", "reported_on", "reported_by_role"),
)

# Columns that sheets often have and nobody needs here. They are never read.
IGNORED: frozenset[str] = frozenset(
    {
        *("merknad", "merknader", "kommentar", "kommentarer", "kommentarar", "notat", "notater", "notes", "comments"),
        *("ukedag", "vekedag", "dag", "uke", "veke", "måned", "månad", "år", "weekday", "week", "month", "year"),
        *("nr", "nummer", "no", "#", "pris", "price", "budsjett", "budget", "lenke", "lenkje", "link", "url"),
        *("påmelding", "påmeldte", "registrations", "omtale", "beskrivelse", "skildring", "description"),
        *("varighet", "varigheit", "duration", "utstyr", "equipment"),
    }
)

# Columns that tell of people. They are never read either, but staff are told to take them out.
PERSONAL: frozenset[str] = frozenset(
    {
        *("navn", "namn", "name", "fornavn", "etternavn", "first name", "last name", "kontakt", "kontaktperson"),
        *("kontaktinfo", "contact", "contact person", "ansvarlig", "ansvarleg", "responsible", "ansatt", "tilsett"),
        *("e-post", "epost", "e-mail", "email", "mail", "telefon", "tlf", "mobil", "mobilnummer", "phone", "mobile"),
        *("foredragsholder", "foredragshaldar", "formidler", "formidlar", "vakt", "initialer", "initialar", "staff"),
        *("speaker", "host", "vert", "vertskap", "forfatter", "author", "deltakerliste", "deltakarliste"),
        *("fødselsdato", "fødselsnummer", "personnummer", "adresse", "address", "lånernummer", "lånenummer"),
    }
)

STATUSES: Mapping[str, tuple[str, ...]] = {
    "scheduled": (
        *("", "planlagt", "gjennomført", "ok", "bekreftet", "stadfesta", "avholdt", "halde", "ferdig"),
        *("scheduled", "confirmed", "held", "done"),
    ),
    "cancelled": ("avlyst", "avlyses", "kansellert", "innstilt", "cancelled", "canceled"),
    "postponed": ("utsatt", "utsett", "flyttet uten ny dato", "postponed"),
    "tentative": ("foreløpig", "førebels", "forslag", "usikker", "tentative", "draft"),
}

METHODS: Mapping[str, tuple[str, ...]] = {
    "counted": ("talt", "telt", "telling", "tald", "teljing", "counted"),
    "estimated": ("anslått", "anslag", "ca", "estimert", "overslag", "estimated", "estimate"),
    "tickets": ("billetter", "billettar", "solgte billetter", "selde billettar", "tickets"),
}

# Written where the number is not known: it takes back a number that an earlier file told. An empty cell says nothing.
UNKNOWN: frozenset[str] = frozenset(
    {
        *("-", "–", "?", "ukjent", "ikke talt", "ikkje talt", "ikke telt", "vet ikke", "veit ikkje"),
        *("unknown", "not counted", "n/a", "na", "i/t"),
    }
)

# Days of the week beside a date: they say nothing that the date does not.
WEEKDAYS: frozenset[str] = frozenset(
    {
        *(
            "mandag",
            "måndag",
            "tirsdag",
            "tysdag",
            "onsdag",
            "torsdag",
            "fredag",
            "lørdag",
            "laurdag",
            "søndag",
            "sundag",
        ),
        *("man", "mån", "tir", "tys", "ons", "tor", "tors", "fre", "lør", "lau", "søn", "sun"),
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *("mon", "tue", "wed", "thu", "fri", "sat"),
    }
)

TOTALS: tuple[str, ...] = ("sum", "totalt", "total", "totals", "i alt", "til sammen", "til saman", "summert", "delsum")

MONTHS: tuple[tuple[str, ...], ...] = (
    ("januar", "january", "jan"),
    ("februar", "february", "feb"),
    ("mars", "march", "mar"),
    ("april", "apr"),
    ("mai", "may"),
    ("juni", "june", "jun"),
    ("juli", "july", "jul"),
    ("august", "aug"),
    ("september", "sept", "sep"),
    ("oktober", "october", "okt", "oct"),
    ("november", "nov"),
    ("desember", "december", "des", "dec"),
)


def header_key(text: str) -> str:
    """A header as it is compared: `Dato (dd.mm.åååå)*:` is `dato`."""
    return name_key(re.sub(r"\([^()]*\)", " ", text)).rstrip(" :*.").lstrip("* ")
