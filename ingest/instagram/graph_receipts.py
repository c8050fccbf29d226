"""What a poll writes into the catalogue, and what a later one learns from it.

What belongs here: the names under which answers are landed, receipts that carry no bytes but say that something was
done or must wait, and looking them up. What does not: what is asked. There is no other memory: whoever restores the
landing has restored it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ingest.adapters import FetchContext
from ingest.catalogue import Arrival, Receipt
from ingest.instagram.graph_client import LimitReached
from ingest.instagram.graph_options import GraphOptions


class Receipts:
    """The receipts of one account, as one poll sees and writes them.

    Attributes:
        origin: names the account, and neither host nor version: a change of either must not lose what was asked.
    """

    def __init__(self, context: FetchContext, options: GraphOptions) -> None:
        self.context = context
        self.options = options
        self.now = context.now
        self.source_id = context.source.source_id
        self.account_id = options.account_id
        self.origin = f"graph:{options.account_id}"

    def arrival(
        self,
        body: bytes | None,
        origin: str,
        ask: Mapping[str, Any],
        *,
        error: str | None = None,
        http_status: int | None = None,
    ) -> Arrival:
        """Something to be landed at the poll's moment; with an `error` as evidence that is not read."""
        return Arrival(
            source_id=self.source_id,
            how="poll",
            received_at=self.now,
            body=body,
            # Without bytes nothing new came: `ok` would promise some.
            status="failed" if error is not None else "ok" if body is not None else "not_modified",
            origin=origin,
            ask=ask,
            is_complete=error is None,
            http_status=http_status,
            media_type="application/json",
            error=error,
        )

    def earlier(self, what: str, **more: Any) -> list[Receipt]:
        """Receipts of this source under `<origin>/<what>`, in commit order; by default those that brought an answer.

        Args:
            more: filters of the catalogue.
        """
        found = self.context.receipts(
            **{"source_id": self.source_id, "origin": f"{self.origin}/{what}", "status": "ok", **more}
        )
        # A history may be landed after the fact, with an older clock: what this poll may know ends at its own time.
        return [r for r in found if r.received_at <= self.now]

    def last_done(self, step: str) -> Receipt | None:
        """The receipt of the last time that a daily part came to its end."""
        found = self.earlier(f"done/{step}", status="not_modified", since=self.now - timedelta(days=120))
        return found[-1] if found else None

    def is_daily_due(self, step: str) -> bool:
        """Whether that is so long ago that the part is to be done again."""
        last = self.last_done(step)
        return last is None or self.now - last.received_at >= timedelta(hours=self.options.daily_after_hours)

    def done(self, step: str, **more: Any) -> Arrival:
        """A receipt without bytes: that a part of the daily work was done to its end."""
        ask = {"endpoint": "done", "account_id": self.account_id, "step": step, **more}
        return self.arrival(None, f"{self.origin}/done/{step}", ask)

    def check_wait(self) -> None:
        """Ask nothing while an earlier poll's wait lasts; of this account, or of any that shares the app.

        Raises:
            LimitReached: it lasts.
        """
        recent = {"status": "failed", "since": self.now - timedelta(days=1)}
        closed = [
            *self.context.receipts(origin=f"graph-app:{self.options.app}/closed", **recent),
            *self.context.receipts(source_id=self.source_id, origin=f"{self.origin}/closed", **recent),
        ]
        until = max((datetime.fromisoformat(r.asked["not_before"]) for r in closed), default=None)
        started = max((r.received_at for r in closed), default=self.now)
        if until is not None and started <= self.now < until:
            raise LimitReached(
                f"Meta's limit was reached earlier; nothing is asked before {until:%Y-%m-%d %H:%M} UTC.",
                reason="limit_reached",
                next_action="Nothing to do: the first poll after that goes on.",
                minutes=(until - self.now).total_seconds() / 60,
                is_app_wide=False,
            )

    def closed(self, failure: LimitReached) -> Iterator[Arrival]:
        """A receipt that keeps later polls from asking before Meta's wait is over."""
        if failure.retry_after_seconds is None:
            return
        until = self.now + timedelta(seconds=failure.retry_after_seconds)
        origin = f"graph-app:{self.options.app}/closed" if failure.is_app_wide else f"{self.origin}/closed"
        ask = {"endpoint": "closed", "account_id": self.account_id, "not_before": until.isoformat()}
        yield self.arrival(None, origin, ask, error=f"nothing is asked before {until:%Y-%m-%d %H:%M} UTC.")
