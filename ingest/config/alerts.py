"""Who is told when something is open, and when nobody is.

What belongs here: addresses' variables and quiet hours. What does not: what is told, and the sending.
"""

from __future__ import annotations

from datetime import time

from pydantic import model_validator

from ingest.config.shared import ClockTime, EnvironmentName, Model


class QuietHours(Model):
    """A stretch of local time in which no message is sent; past midnight where it ends before it begins."""

    begins: ClockTime
    ends: ClockTime

    @model_validator(mode="after")
    def _has_length(self) -> QuietHours:
        if self.begins == self.ends:
            raise ValueError(f"quiet hours from {self.begins} to {self.ends} are none, or all; leave them out instead")
        return self

    def covers(self, at: time) -> bool:
        """Whether a local time lies in them; the end is excluded."""
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


class Alerts(Model):
    """Who is told when something is open that a person should know of.

    Attributes:
        urls_env: the variable that holds Apprise addresses, separated by blanks. They hold secrets, so they never
            stand here. Without it messages go to the log and the ledger only.
        quiet: messages wait until these are over; what is open is recorded all the same.
    """

    urls_env: EnvironmentName = "LEVENDE_ALERT_URLS"
    quiet: QuietHours | None = None
