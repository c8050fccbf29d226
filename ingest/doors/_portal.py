"""What counters behind a maker's portal share: asking local day by local day, site by site.

What belongs here: days, sites, the re-read window, tokens, and when an answer is none. What does not: the asking
itself (`_asking`), what records become (`_records`), and addresses, forms and codes of one maker (its own module).

Days are asked newest first, so that a limit on requests costs the oldest days. Every day is a receipt of its own name
(`… moa 2026-03-14`). A day that was over when it was last answered is asked again only after `reread_hours`; a failed
one at every poll.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest.adapters import Adapter, FetchContext
from ingest.catalogue import Arrival, Receipt
from ingest.doors._asking import OUT_OF_REACH, STOPS, Access, Asker, AskOptions, Question, recent_days, window_of
from ingest.errors import TransientFailure, UnreadableBody
from ingest.zones import known_zone

log = logging.getLogger("levende.ingest.doors")


class PortalOptions(AskOptions):
    """What a source behind a portal may say.

    Attributes:
        zone: IANA zone of the counters' clocks, and of the days that are asked for.
        days: how many local days, today included, are asked for; what the vendor mends later than that is not seen.
        reread_hours: a day that was over when it was last answered is not asked again sooner. 0 asks at every poll.
        pause_seconds: rest between two questions.
    """

    url: str
    zone: str
    days: int = Field(default=30, ge=1, le=3700)
    reread_hours: float = Field(default=20, ge=0)
    pause_seconds: float = Field(default=1, ge=0, le=120)
    max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)

    _zone = field_validator("zone")(known_zone)


def interval_field(default: int) -> Any:
    """The field for an interval in minutes that divides an hour."""
    return Field(default=default, ge=5, le=60, multiple_of=5)


class PortalAdapter(Adapter):
    """Base of the adapters that ask a portal day by day.

    Subclasses write `access`, `questions` and `parse`. What `parse` calls unreadable is a failed receipt.

    Attributes:
        stops: codes of the vendor that end the whole poll; the value says what it means and what to do.
        busy: codes of the vendor for "not now".
        site_faults: codes that say a site is described wrongly; its other days are not asked.
    """

    family: ClassVar[str] = "doors"
    tables: ClassVar[tuple[str, ...]] = ("door_observations",)
    polls: ClassVar[bool] = True
    stops: ClassVar[Mapping[str, tuple[str, str]]] = {}
    busy: ClassVar[frozenset[str]] = frozenset()
    site_faults: ClassVar[frozenset[str]] = frozenset()

    def access(self, context: FetchContext) -> Access:
        """Resolve the secrets, and ask for a token where the vendor wants one.

        Raises:
            ConfigurationError: a variable is not set.
            PermanentFailure, TransientFailure: no token was given.
        """
        raise NotImplementedError

    def questions(self, options: Any, day: date, zone: ZoneInfo) -> Iterator[Question]:
        """What is asked about one local day; day and window are filled in by `fetch`."""
        raise NotImplementedError

    def fetch(self, context: FetchContext) -> Iterator[Arrival]:
        """Ask for every day of the window, newest first; days that could not be read are told at the end.

        Raises:
            ConfigurationError: a variable is not set, or a site is unknown to the vendor.
            PermanentFailure: the vendor refuses the secrets, or nothing that it answers can be read.
            TransientFailure: a limit is reached, the vendor is out of reach, or some days could not be read.
        """
        asker = Asker(
            context,
            self.access(context),
            judge=lambda arrival: self._judge(arrival, context),
            stops=STOPS | self.stops.keys(),
            site_faults=self.site_faults,
            pause_seconds=context.options.pause_seconds,
            patience=OUT_OF_REACH,
        )
        yield from asker.all(q for q in self._of_the_window(context) if not _is_fresh(context, asker.origin(q), q))

    def _of_the_window(self, context: FetchContext) -> Iterator[Question]:
        """All questions. A window ends now where its day is not over: what comes after was not asked for."""
        zone = ZoneInfo(context.options.zone)
        for day in recent_days(context.now, zone, context.options.days):
            start_at, end_at = window_of(day, zone)
            for question in self.questions(context.options, day, zone):
                yield replace(
                    question,
                    about={**question.about, "day": day.isoformat()},
                    start_at=start_at,
                    end_at=min(end_at, context.now),
                    # By it the next poll knows what was answered, and a reject when it is closed.
                    called=f"{question.site} {day.isoformat()}".strip(),
                )

    def _judge(self, arrival: Arrival, context: FetchContext) -> None:
        """Whether an answer can be used.

        Raises:
            IngestError: it can't; the reason says whether others may be asked.
        """
        try:
            self.parse(arrival.body or b"", _receipt(arrival), context.source, context.options)
        except UnreadableBody as error:
            if error.reason in self.stops:
                message, action = self.stops[error.reason]
                raise TransientFailure(f"{error.reason}: {message}", reason=error.reason, next_action=action) from None
            if error.reason in self.busy:
                raise TransientFailure(
                    f"the vendor answers {error.reason}: it is down or busy.",
                    reason="busy",
                    next_action="Nothing to do if it passes; the next poll asks for the day again.",
                    retry_after_seconds=300,
                ) from None
            raise
        except Exception:  # noqa: BLE001 - a fault of the parser: the bytes are landed, and reading them tells it
            log.warning("%s: the answer could not be judged.", context.source.source_id)


def _is_fresh(context: FetchContext, origin: str, question: Question) -> bool:
    """Whether a day that was over when it was last answered was answered lately."""
    known = context.latest(origin)
    if known is None or known.window_end_at is None or question.end_at is None:
        return False
    is_over = known.window_end_at >= question.end_at and question.end_at < context.now
    return is_over and context.now - known.received_at < timedelta(hours=context.options.reread_hours)


def _receipt(arrival: Arrival) -> Receipt:
    """The receipt that an arrival would get, as far as a parser may look at it."""
    return Receipt(
        receipt_id=0,
        source_id=arrival.source_id,
        how=arrival.how,
        received_at=arrival.received_at,
        status=arrival.status,
        origin=arrival.origin,
        ask=json.dumps(dict(arrival.ask)),
        window_start_at=arrival.window_start_at,
        window_end_at=arrival.window_end_at,
        is_complete=arrival.is_complete,
        http_status=arrival.http_status,
        etag=None,
        last_modified=None,
        media_type=arrival.media_type,
        blob_sha256=None,
        byte_count=None,
        error=None,
    )
