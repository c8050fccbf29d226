"""One record of each event system, by hand with the systems' own field names and with what must stay behind."""

from __future__ import annotations

from typing import Any

TRIBE: dict[str, Any] = {
    "id": 812,
    "status": "publish",
    "modified_utc": "2026-02-03 09:12:44",
    "url": "https://bibliotek.example/arrangement/bok/?fbclid=1",
    "title": "Bok &amp; kaffi",
    "description": "<p>Velkomen.</p><p>I samarbeid med Fjordvik Røde Kors, Lions.</p>",
    "all_day": False,
    "start_date": "2026-03-05 18:00:00",
    "end_date": "2026-03-05 20:00:00",
    "utc_start_date": "2026-03-05 17:00:00",
    "utc_end_date": "2026-03-05 19:00:00",
    "timezone": "Europe/Oslo",
    "hide_from_listings": False,
    "categories": [{"id": 1, "name": "Barn &amp; familie"}, {"id": 2, "name": "Lesing"}],
    "venue": {"id": 7, "venue": "Hovudbiblioteket", "city": "Fjordvik"},
    "organizer": [{"organizer": "Kari Nordmann", "email": "kari@example.org"}],
}
TEC: dict[str, Any] = {
    "id": 812,
    "status": "publish",
    "modified_gmt": "2026-02-03T09:12:44",
    "link": "https://bibliotek.example/arrangement/bok/",
    "title": {"rendered": "Bok &#038; kaffi"},
    "content": {"rendered": "<p>Velkomen.</p>"},
    "all_day": False,
    "multiday": False,
    "start_date": "2026-03-05 18:00:00",
    "end_date": "2026-03-05 20:00:00",
    "start_date_utc": "2026-03-05 17:00:00",
    "end_date_utc": "2026-03-05 19:00:00",
    "timezone": "Europe/Oslo",
    "duration": "7200",
    "venues": [{"id": 7, "title": "Hovudbiblioteket", "phone": "99887766"}],
    "organizers": [{"title": "Kari Nordmann", "email": "kari@example.org"}],
    "tribe_events_cat": [{"id": 1, "name": "Lesing"}],
}
LIBCAL: dict[str, Any] = {
    "id": 4711,
    "title": "Lesesirkel",
    "allday": False,
    "start": "2026-02-05T18:00:00+01:00",
    "end": "2026-02-05T20:00:00+01:00",
    "url": {"public": "https://fjordvik.example/event/4711", "admin": "https://fjordvik.example/admin"},
    "location": {"id": 5, "type": 1, "name": "Salen"},
    "campus": [],
    "category": [{"id": 1, "name": "Barn"}],
    "owner": {"id": 9, "name": "Kari Nordmann"},
    "presenter": "Kari Nordmann",
    "seats_taken": 28,
    "attendance": {"in_person": 17, "online": 0},
}
FRISKUS: dict[str, Any] = {
    "id": "aa-1",
    "name": "Språktrening",
    "start_at": "2026-03-02T17:00:00+0100",
    "end_at": "2026-06-15T19:00:00+0200",
    "organization": {"name": "Fjordvik bibliotek"},
    "is_recurring": True,
    "rrule": {
        "frequency": 3,
        "weekdays": [1],
        "until": "2026-06-15",
        "start_time": "17:00",
        "end_time": "19:00",
        "timezone": "Europe/Oslo",
    },
}
LINKED: dict[str, Any] = {
    "id": "fjord:1",
    "publication_status": "public",
    "event_status": "EventScheduled",
    "deleted": False,
    "super_event": None,
    "super_event_type": None,
    "start_time": "2026-03-05T17:00:00Z",
    "end_time": "2026-03-05T19:00:00Z",
    "has_start_time": True,
    "has_end_time": True,
    "name": {"fi": "Lukupiiri", "sv": "Läsecirkel"},
    "location": {"name": {"fi": "Pääkirjasto"}},
    "keywords": [{"name": {"fi": "lapset"}}],
    "provider": {"fi": "Kari Nordmann"},
    "last_modified_time": "2026-02-03T09:12:44.123456Z",
    "info_url": {"fi": "https://kirjasto.example/1"},
}
TRUMBA: dict[str, Any] = {
    "eventID": 1001,
    "title": "Tea &amp; Tales &#8211; &#22283;&#35486;",
    "startDateTime": "2026-02-21T10:30:00",
    "endDateTime": "2026-02-21T11:30:00",
    "startTimeZoneOffset": "-0800",
    "endTimeZoneOffset": "-0800",
    "canceled": False,
    "allDay": False,
    "location": '<a href="https://spl.example/x" target="_blank">X Branch</a>',
    "locationType": "In-Person",
    "categoryCalendar": "SPL",
    "customFields": [{"label": "Partner", "value": "Friends of X", "type": 17}],
    "permaLinkUrl": "https://spl.example/calendar?id=1001",
}


def item(
    date_told: str, time_told: str = "", title: str = "Quiz", link: str = "/kalender/quiz.1.aspx"
) -> dict[str, str]:
    """An event of the newer ACOS list."""
    content = (
        f'<h2 class="cc-teaser-title-text">{title}</h2>'
        f'<span class="cc-teaser-meta-item--date">{date_told}</span>'
        f'<span class="cc-teaser-meta-item--time">{time_told}</span>'
        '<span class="cc-teaser-meta-item--location">Salen</span>'
    )
    return {"content": content, "navigateUrl": link}
