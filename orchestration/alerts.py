"""Telling people what is open: each finding once when it opens, when it changes, and when it is over.

What belongs here: the ledger of what was told, the words of a message, and its sending. What does not: what is open
(`orchestration.findings`), and judging it (the models).

An alert is never lost and closed once. One transaction compares what is open with the ledger and writes down the
changes; another makes them one message with a number of its own; then it is sent, and only then is it called sent.
Killed in between, the next evaluation sends it again under the same number. A receiver that fails is tried again each
time, the others are not told twice, and no failure to tell ever fails a run.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.catalogue import from_text, to_text
from ingest.config import Configuration
from ingest.errors import TransientFailure
from ingest.home import Home
from ingest.landing import make_directory
from orchestration.findings import Finding, Look

log = logging.getLogger(__name__)

# Sends title and body to one address; says whether the receiver took it. Never raises what holds the address.
Send = Callable[[str, str, str], bool]

LOCK_PATIENCE_SECONDS = 10.0
_SCHEMA = """
create table if not exists alerts (
    alert_id integer primary key, key text not null, scope text not null, kind text not null, subject text not null,
    since text not null, message text not null, next_action text not null, opened_at text not null,
    changed_at text not null, closed_at text
);
create unique index if not exists one_open_alert_per_key on alerts (key) where closed_at is null;
create table if not exists messages (
    message_id text primary key, made_at text not null, title text not null, body text not null, settled_at text,
    settled_by text, attempts integer not null default 0, last_error text
);
create table if not exists changes (
    change_id integer primary key, alert_id integer not null references alerts, what text not null, at text not null,
    kind text not null, subject text not null, since text not null, message text not null, next_action text not null,
    message_id text references messages
);
create table if not exists deliveries (
    message_id text not null references messages, target text not null, sent_at text not null,
    primary key (message_id, target)
);
"""


@dataclass(frozen=True)
class Alert:
    """Something that was told as open, and whether it still is. Instants aware UTC."""

    key: str
    kind: str
    subject: str
    since: datetime
    message: str
    next_action: str
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Change:
    """One change of an alert: `opened`, `changed` or `closed`."""

    change_id: int
    what: str
    at: datetime
    kind: str
    subject: str
    since: datetime
    message: str
    next_action: str


@dataclass(frozen=True)
class Message:
    """Changes in words, under a number that stays the same however often it must be sent."""

    message_id: str
    title: str
    body: str


@dataclass
class Told:
    """What one evaluation came to.

    Attributes:
        opened, changed, closed: how many alerts.
        sent: messages that every receiver took, or that the log took where no receiver is named.
        waiting: messages that some receiver has not taken yet, or that wait for the end of quiet hours.
        failures: why, without addresses.
    """

    opened: int = 0
    changed: int = 0
    closed: int = 0
    sent: int = 0
    waiting: int = 0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        words = f"{self.opened} opened, {self.changed} changed, {self.closed} closed; {self.sent} messages sent"
        return f"{words}, {self.waiting} waiting" if self.waiting else words


class Ledger:
    """What is open and what was told of it: SQLite under `<home>/alerts/`, on disk when a method returns."""

    def __init__(self, folder: Path) -> None:
        make_directory(folder)
        # Autocommit; transactions are begun by name, so that what belongs together is seen together.
        self._con = sqlite3.connect(folder / "ledger.sqlite", timeout=30, isolation_level=None)
        self._con.execute("pragma journal_mode = wal")
        self._con.execute("pragma synchronous = full")
        self._con.executescript(_SCHEMA)

    @classmethod
    def of(cls, home: Home) -> Ledger:
        return cls(home.root / "alerts")

    def close(self) -> None:
        self._con.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._con.execute("begin immediate")
        try:
            yield self._con
        except BaseException:
            self._con.execute("rollback")
            raise
        self._con.execute("commit")

    def record(self, looks: Iterable[Look], now: datetime) -> dict[str, int]:
        """Compare what is open with what was, and write down the changes. Looks that were not made change nothing.

        Returns:
            How many alerts opened, changed and closed.
        """
        counts = {"opened": 0, "changed": 0, "closed": 0}
        with self._writing() as con:
            for look in looks:
                if look.findings is None:
                    continue
                known = {
                    key: (alert_id, kind)
                    for alert_id, key, kind in con.execute(
                        "select alert_id, key, kind from alerts where scope = ? and closed_at is null", (look.scope,)
                    )
                }
                for finding in look.findings:
                    if finding.scope != look.scope:
                        raise ValueError(f"finding {finding.key!r} was found by looking at {look.scope!r}")
                    alert_id, kind = known.pop(finding.key, (None, None))
                    if alert_id is None:
                        self._open(con, finding, now)
                        counts["opened"] += 1
                    else:
                        self._renew(con, alert_id, finding, now, is_change=kind != finding.kind)
                        counts["changed"] += kind != finding.kind
                for alert_id, _kind in known.values():
                    con.execute("update alerts set closed_at = ? where alert_id = ?", (to_text(now), alert_id))
                    self._change(con, alert_id, "closed", now)
                    counts["closed"] += 1
        return counts

    def _open(self, con: sqlite3.Connection, finding: Finding, now: datetime) -> None:
        cursor = con.execute(
            "insert into alerts (key, scope, kind, subject, since, message, next_action, opened_at, changed_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (finding.key, finding.scope, *_words(finding), to_text(now), to_text(now)),
        )
        self._change(con, int(cursor.lastrowid or 0), "opened", now)

    def _renew(
        self, con: sqlite3.Connection, alert_id: int, finding: Finding, now: datetime, *, is_change: bool
    ) -> None:
        """Other numbers in the words are kept and not told; another kind is."""
        kind, subject, since, message, action = _words(finding)
        con.execute(
            "update alerts set subject = ?, message = ?, next_action = ? where alert_id = ?",
            (subject, message, action, alert_id),
        )
        if is_change:
            con.execute(
                "update alerts set kind = ?, since = ?, changed_at = ? where alert_id = ?",
                (kind, since, to_text(now), alert_id),
            )
            self._change(con, alert_id, "changed", now)

    @staticmethod
    def _change(con: sqlite3.Connection, alert_id: int, what: str, now: datetime) -> None:
        con.execute(
            "insert into changes (alert_id, what, at, kind, subject, since, message, next_action) "
            "select alert_id, ?, ?, kind, subject, since, message, next_action from alerts where alert_id = ?",
            (what, to_text(now), alert_id),
        )

    def compose(self, now: datetime, words: Callable[[Sequence[Change]], tuple[str, str]]) -> Message | None:
        """Make all changes that no message tells yet into one; None where there are none."""
        with self._writing() as con:
            rows = con.execute(
                "select change_id, what, at, kind, subject, since, message, next_action from changes "
                "where message_id is null order by change_id"
            ).fetchall()
            if not rows:
                return None
            changes = [
                Change(n, w, from_text(at), k, s, from_text(since), m, a) for n, w, at, k, s, since, m, a in rows
            ]
            name = f"{changes[0].change_id}-{changes[-1].change_id}-{to_text(now)}"
            message_id = hashlib.sha256(name.encode()).hexdigest()[:10]
            title, body = words(changes)
            body = f"{body}\n\nMessage {message_id}; the same number again is the same message."
            con.execute(
                "insert into messages (message_id, made_at, title, body) values (?, ?, ?, ?)",
                (message_id, to_text(now), title, body),
            )
            con.execute("update changes set message_id = ? where message_id is null", (message_id,))
        return Message(message_id, title, body)

    def unsettled(self) -> list[Message]:
        """Messages that not every receiver has, oldest first."""
        rows = self._con.execute(
            "select message_id, title, body from messages where settled_at is null order by made_at, rowid"
        )
        return [Message(*row) for row in rows]

    def delivered_to(self, message_id: str) -> set[str]:
        rows = self._con.execute("select target from deliveries where message_id = ?", (message_id,))
        return {target for (target,) in rows}

    def note_delivery(self, message_id: str, target: str, now: datetime) -> None:
        with self._writing() as con:
            con.execute("insert or ignore into deliveries values (?, ?, ?)", (message_id, target, to_text(now)))

    def note_failure(self, message_id: str, why: str) -> None:
        with self._writing() as con:
            con.execute(
                "update messages set attempts = attempts + 1, last_error = ? where message_id = ?", (why, message_id)
            )

    def settle(self, message_id: str, by: str, now: datetime) -> None:
        """Call a message told: `by` receivers, or the `log`."""
        with self._writing() as con:
            con.execute(
                "update messages set settled_at = ?, settled_by = ?, attempts = attempts + 1 where message_id = ?",
                (to_text(now), by, message_id),
            )

    def open_alerts(self) -> list[Alert]:
        """What is open, the oldest first."""
        return self._alerts("where closed_at is null order by since, key")

    def history(self, limit: int) -> list[Alert]:
        """What is over, the newest first."""
        return self._alerts(f"where closed_at is not null order by closed_at desc, alert_id desc limit {int(limit)}")

    def _alerts(self, which: str) -> list[Alert]:
        rows = self._con.execute(
            f"select key, kind, subject, since, message, next_action, opened_at, closed_at from alerts {which}"  # noqa: S608 - ours
        )
        return [
            Alert(
                key, kind, subject, from_text(since), message, action, from_text(opened), closed and from_text(closed)
            )
            for key, kind, subject, since, message, action, opened, closed in rows
        ]


def _words(finding: Finding) -> tuple[str, str, str, str, str]:
    return finding.kind, finding.subject, to_text(finding.since), finding.message, finding.next_action


def in_words(changes: Sequence[Change], library: str, zone: ZoneInfo, *, is_simulated: bool) -> tuple[str, str]:
    """Title and body of a message. Times are local; what opened comes first, what is over last."""
    order = {"opened": 0, "changed": 1, "closed": 2}
    labels = {"opened": "NEW", "changed": "CHANGED", "closed": "OVER"}
    counts = [f"{sum(c.what == what for c in changes)} {labels[what].lower()}" for what in order]
    title = f"{library}{' (simulated)' if is_simulated else ''}: " + ", ".join(c for c in counts if c[0] != "0")
    lines: list[str] = []
    for change in sorted(changes, key=lambda c: (order[c.what], c.change_id)):
        since = change.since.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        lines.append(f"{labels[change.what]}  {change.subject} ({change.kind.replace('_', ' ')}, since {since})")
        if change.what == "closed":
            lines.append(f"  It was: {change.message}")
        else:
            lines += [f"  {change.message}", f"  Next: {change.next_action}"]
    return title, "\n".join(lines)


def targets(configuration: Configuration) -> list[str]:
    """The receivers' addresses, from the environment. They hold secrets."""
    return os.environ.get(configuration.library.alerts.urls_env, "").split()


def target_name(address: str) -> str:
    """What stands for an address in the ledger and in words: its scheme and a hash."""
    return f"{address.split(':', 1)[0][:20]}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def send_by_apprise(address: str, title: str, body: str) -> bool:
    """Hand one message to one receiver.

    Returns:
        Whether it was taken; False also for an address that Apprise does not know.
    """
    import apprise

    # It names addresses in its own lines.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    receiver = apprise.Apprise()
    if not receiver.add(address):
        return False
    return bool(receiver.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT))


def tell(
    home: Home,
    configuration: Configuration,
    looks: Iterable[Look],
    now: datetime,
    send: Send = send_by_apprise,
) -> Told:
    """Write down what changed since the last evaluation, and tell it. Never raises: telling must not fail a run.

    Args:
        now: aware.
        send: takes address, title and body.
    """
    told = Told()
    try:
        with _alone(home):
            ledger = Ledger.of(home)
            try:
                counts = ledger.record(looks, now)
                told.opened, told.changed, told.closed = counts["opened"], counts["changed"], counts["closed"]
                _send_all(ledger, configuration, now, send, told)
            finally:
                ledger.close()
    except Exception as error:  # noqa: BLE001 - told in the log; the next evaluation finds everything still to be told
        told.failures.append(f"alerts could not be told: {type(error).__name__}: {error}")
        log.error("%s", told.failures[-1])
    return told


def _send_all(ledger: Ledger, configuration: Configuration, now: datetime, send: Send, told: Told) -> None:
    library = configuration.library
    quiet = library.alerts.quiet
    if quiet is not None and quiet.covers(now.astimezone(configuration.zone).time()):
        told.waiting = len(ledger.unsettled()) + (told.opened + told.changed + told.closed > 0)
        return
    ledger.compose(
        now, lambda changes: in_words(changes, library.name, configuration.zone, is_simulated=library.is_simulated)
    )
    addresses = targets(configuration)
    for message in ledger.unsettled():
        if not addresses:
            log.warning("%s\n%s", message.title, message.body)
            ledger.settle(message.message_id, "log", now)
            told.sent += 1
            continue
        had = ledger.delivered_to(message.message_id)
        failed = [
            target_name(address)
            for address in dict.fromkeys(addresses)
            if target_name(address) not in had and not _deliver(ledger, message, address, now, send)
        ]
        if failed:
            why = f"{', '.join(failed)} did not take message {message.message_id}; it is sent again next time"
            ledger.note_failure(message.message_id, why)
            told.failures.append(why)
            told.waiting += 1
            log.warning("%s", why)
        else:
            ledger.settle(message.message_id, "receivers", now)
            told.sent += 1


def _deliver(ledger: Ledger, message: Message, address: str, now: datetime, send: Send) -> bool:
    try:
        taken = send(address, message.title, message.body)
    except Exception as error:  # noqa: BLE001 - a receiver's library may raise anything; its text may hold the address
        log.warning("%s failed with %s", target_name(address), type(error).__name__)
        taken = False
    if taken:
        ledger.note_delivery(message.message_id, target_name(address), now)
    return taken


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One evaluation at a time, or two would send one message twice. The kernel lets go when the holder dies.

    Raises:
        TransientFailure: another one took too long; it tells what is to be told.
    """
    path = home.root / "alerts" / ".lock"
    make_directory(path.parent)
    with path.open("a+") as file:
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TransientFailure(
                        "another evaluation of the alerts is under way.", reason="alerts_busy",
                        next_action="Nothing to do: that one tells them.",
                    ) from None  # fmt: skip
                time.sleep(0.1)
        yield


def send_test(configuration: Configuration, now: datetime, send: Send = send_by_apprise) -> list[tuple[str, bool]]:
    """Send a message that says it is a test to every receiver. Nothing is recorded.

    Returns:
        Per receiver its name and whether it took it; empty where none is set.
    """
    local = now.astimezone(configuration.zone).strftime("%Y-%m-%d %H:%M")
    title = f"{configuration.library.name}: test"
    body = f"A test of {local}. Alerts reach you; nothing is wrong and nothing is to be done."
    taken = []
    for address in dict.fromkeys(targets(configuration)):
        try:
            taken.append((target_name(address), send(address, title, body)))
        except Exception:  # noqa: BLE001 - as in `_deliver`
            taken.append((target_name(address), False))
    return taken


def listing(ledger: Ledger, configuration: Configuration, history: int) -> list[str]:
    """What is open, what is over, and what nobody could be told yet, in lines. Times are local."""

    def at(moment: datetime) -> str:
        return moment.astimezone(configuration.zone).strftime("%Y-%m-%d %H:%M")

    lines = []
    for alert in ledger.open_alerts():
        lines.append(f"OPEN  {alert.subject} ({alert.kind.replace('_', ' ')}, since {at(alert.since)}) [{alert.key}]")
        lines += [f"      {alert.message}", f"      Next: {alert.next_action}"]
    if not lines:
        lines.append("nothing is open")
    for alert in ledger.history(history):
        ended = at(alert.closed_at) if alert.closed_at else ""
        lines.append(
            f"OVER  {alert.subject} ({alert.kind.replace('_', ' ')}), {at(alert.opened_at)} to {ended} [{alert.key}]"
        )
    if waiting := ledger.unsettled():
        lines.append(f"{len(waiting)} messages wait to be sent, the oldest of them: {waiting[0].title}")
    if not targets(configuration):
        lines.append(f"nobody is told: {configuration.library.alerts.urls_env} is not set")
    return lines
