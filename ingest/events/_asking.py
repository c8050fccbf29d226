"""Asking a publisher one question: by which name it stands in receipts, and what a refusal means.

What belongs here: what holds for every question to an event system. What does not: answers of several pages
(`_listing`), the days that are asked about (`_windows`), and what is kept of an answer (`_minimising`).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ingest.adapters import FetchContext
from ingest.catalogue import Arrival
from ingest.errors import IngestError, PermanentFailure, TransientFailure
from ingest.http import Answer, redacted

# What one question can't cause: after these the others would be refused as well.
REFUSED_AS_A_WHOLE = frozenset({"http_401", "http_403", "http_429", "address_refused"})

_ACTIONS = {
    400: "The system does not take the question: see whether it was upgraded, and report it: the adapter must follow.",
    401: "Check the secrets that the source's options name.",
    403: "Check the secrets that the source's options name, and whether the calendar is still shared.",
    404: "Check the address with the publisher, and mend url in the source's options.",
    410: "The publisher has removed the calendar: ask for its successor, or disable the source.",
}
_VARIABLE = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")


def origin_of(url: str) -> str:
    """A feed's name in receipts: its configured address without query, or the variable that it begins with.

    Of the address as configured, before its variables are filled: secret feed addresses carry their secret in the path
    (Google, Outlook), where no redaction could know it.
    """
    variable = _VARIABLE.match(url)
    return variable[0] if variable else redacted(url)


def origin_with_path(url: str) -> str:
    """As `origin_of`, with the path that follows a variable, and without the last slash."""
    variable = _VARIABLE.match(url)
    return (variable[0] + urlsplit(url[variable.end() :]).path if variable else redacted(url)).rstrip("/")


def ask(context: FetchContext, url: str, origin: str, **how: Any) -> Answer:
    """One GET, whatever its status. Failures are told by the origin: the address asked may hold a secret in its path.

    Raises:
        PermanentFailure, TransientFailure: as the session does.
    """
    try:
        return context.session.get(url, max_bytes=context.options.max_bytes, **how)
    except IngestError as failure:
        message = f"{origin} could not be fetched ({failure.reason})."
        if isinstance(failure, TransientFailure):
            raise TransientFailure(
                message,
                reason=failure.reason,
                next_action=failure.next_action,
                retry_after_seconds=failure.retry_after_seconds,
            ) from None
        raise PermanentFailure(message, reason=failure.reason, next_action=failure.next_action) from None


def refusal(origin: str, status: int, next_action: str = "") -> PermanentFailure:
    """The failure for a status that is neither good nor transient."""
    return PermanentFailure(
        f"{origin} answered {status}.",
        reason=f"http_{status}",
        next_action=next_action or _ACTIONS.get(status, "Look at the address in a browser, and ask the publisher."),
    )


def failed(context: FetchContext, origin: str, failure: IngestError, **more: Any) -> Arrival:
    """The receipt of a question that was not answered, when the poll goes on."""
    return Arrival(
        context.source.source_id,
        "poll",
        context.now,
        status="failed",
        origin=origin,
        is_complete=False,
        error=f"{failure.reason}: {failure}",
        **more,
    )
