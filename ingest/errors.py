"""Failures have a kind: what a person must mend, and what another try may cure.

Add a class here when a caller must react differently to it. Messages end with the next action, because the
person who reads one at seven in the morning wants to know what to do, not what the code thought.
"""

from __future__ import annotations


class IngestError(Exception):
    """Base of all failures that `ingest` raises on purpose.

    Attributes:
        reason: a short machine-readable code, the same word that stands in the rejects table.
        next_action: what a person should do about it, as one sentence.
    """

    default_reason = "failed"

    def __init__(self, message: str, *, reason: str | None = None, next_action: str = "") -> None:
        self.reason = reason or self.default_reason
        self.next_action = next_action
        super().__init__(f"{message} {next_action}".strip())


class PermanentFailure(IngestError):
    """Trying again changes nothing: wrong credentials, a removed feed, bytes of an unknown shape."""

    default_reason = "permanent"


class TransientFailure(IngestError):
    """Another try may succeed: time-outs, 5xx, 408, 429, a vendor that says it is busy.

    Attributes:
        retry_after_seconds: the wait the vendor asked for, or None when it named none.
    """

    default_reason = "transient"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        next_action: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, next_action=next_action)
        self.retry_after_seconds = retry_after_seconds


class ConfigurationError(PermanentFailure):
    """The library's description is wrong or incomplete; the message names the file and the key."""

    default_reason = "configuration"


class UnreadableBody(PermanentFailure):
    """The landed bytes can't be read as the format that the source promises: the whole blob is one reject."""

    default_reason = "unreadable"
