"""Telling people: each finding once when it opens, changes and is over; nothing lost, whoever fails or is killed."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import _small_library as small
import pytest
from _receiver import Receiver, receiving
from _small_library import Library

from ingest.config import Configuration
from orchestration import alerts
from orchestration.findings import Finding, Look

NOON = datetime(2024, 3, 11, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRET = "not-a-real-secret"


def door(kind: str = "silent", line: str = "main_door", message: str = "says nothing since 11:00") -> Finding:
    return Finding(f"door:{line}", kind, f"Door {line}", NOON - HOUR, message, f"Look at {line}.")


def looked(*findings: Finding) -> list[Look]:
    return [Look("door", findings)]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as it:
        monkeypatch.setenv("LEVENDE_ALERT_URLS", it.url(SECRET))
        yield it


@pytest.fixture
def described(fresh: Library) -> Configuration:
    return fresh.configuration()


def bodies(receiver: Receiver) -> list[str]:
    return [message["message"] for message in receiver.messages]


def test_a_finding_is_told_once_and_its_end_once(fresh: Library, described: Configuration, receiver: Receiver) -> None:
    """Who gets the same words every hour stops reading them."""
    opened = alerts.tell(fresh.home, described, looked(door()), NOON)
    again = alerts.tell(fresh.home, described, looked(door(message="says nothing, two hours now")), NOON + HOUR)
    over = alerts.tell(fresh.home, described, looked(), NOON + 2 * HOUR)
    quiet = alerts.tell(fresh.home, described, looked(), NOON + 3 * HOUR)
    assert [(t.opened, t.closed, t.sent) for t in (opened, again, over, quiet)] == [
        (1, 0, 1), (0, 0, 0), (0, 1, 1), (0, 0, 0),
    ]  # fmt: skip
    new, end = receiver.messages
    assert new["title"] == "Small library (simulated): 1 new"
    assert "NEW  Door main_door (silent, since 2024-03-11 12:00)" in new["message"], "local time, an hour before Oslo's"
    assert "Next: Look at main_door." in new["message"]
    assert end["title"] == "Small library (simulated): 1 over"
    assert "It was: says nothing, two hours now" in end["message"]


def test_another_kind_is_a_change_and_an_end_can_begin_again(
    fresh: Library, described: Configuration, receiver: Receiver
) -> None:
    """A door that was silent and now counts zeros needs another errand; one that fails again is news again."""
    for n, findings in enumerate([(door(),), (door("dead"),), (), (door(),)]):
        alerts.tell(fresh.home, described, looked(*findings), NOON + n * HOUR)
    assert [re.findall(r"^(NEW|CHANGED|OVER)", body, re.M) for body in bodies(receiver)] == [
        ["NEW"], ["CHANGED"], ["OVER"], ["NEW"],
    ]  # fmt: skip
    ledger = alerts.Ledger.of(fresh.home)
    assert [a.key for a in ledger.open_alerts()] == ["door:main_door"]
    assert [(a.kind, a.closed_at) for a in ledger.history(9)] == [("dead", NOON + 2 * HOUR)]


def test_all_that_happened_at_once_is_one_message(fresh: Library, described: Configuration, receiver: Receiver) -> None:
    """A vendor that is down silences eight doors: that is one message and not eight."""
    alerts.tell(fresh.home, described, looked(door(line="old")), NOON)
    doors = [door(line=f"d{n}") for n in range(8)]
    told = alerts.tell(fresh.home, described, looked(*doors), NOON + HOUR)
    assert (told.opened, told.closed, told.sent) == (8, 1, 1)
    assert len(receiver.messages) == 2
    assert re.findall(r"^(NEW|OVER)", bodies(receiver)[1], re.M) == ["NEW"] * 8 + ["OVER"]


def test_what_nobody_could_look_at_is_not_over(fresh: Library, described: Configuration, receiver: Receiver) -> None:
    """While a build is under way nobody knows how the doors are; 'over' would be a lie that somebody relies on."""
    alerts.tell(fresh.home, described, looked(door()), NOON)
    told = alerts.tell(fresh.home, described, [Look("door", None), Look("source", ())], NOON + HOUR)
    assert (told.closed, len(receiver.messages)) == (0, 1)


def test_a_receiver_that_fails_is_tried_again_and_the_others_are_not_told_twice(
    fresh: Library, described: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is not lost because a chat was down for an hour, and costs the run nothing."""
    with receiving() as good, receiving() as bad:
        monkeypatch.setenv("LEVENDE_ALERT_URLS", f"{good.url()} {bad.url(SECRET)}")
        bad.status = 503
        first = alerts.tell(fresh.home, described, looked(door()), NOON)
        second = alerts.tell(fresh.home, described, looked(door()), NOON + HOUR)
        assert [(t.sent, t.waiting, len(t.failures)) for t in (first, second)] == [(0, 1, 1), (0, 1, 1)]
        bad.status = 200
        third = alerts.tell(fresh.home, described, looked(door()), NOON + 2 * HOUR)
        assert (third.sent, third.waiting) == (1, 0)
        assert bodies(good) == bodies(bad)
        assert len(good.messages) == 1


def test_no_address_shows_in_log_ledger_or_words(
    fresh: Library, described: Configuration, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Addresses of chats are passwords to them."""
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    told = alerts.tell(fresh.home, described, looked(door()), NOON)

    def broken(address: str, title: str, body: str) -> bool:
        raise OSError(f"no route to {address}")

    told_again = alerts.tell(fresh.home, described, looked(door()), NOON + HOUR, send=broken)
    assert told.failures
    assert told_again.failures
    files = b"".join(path.read_bytes() for path in (fresh.home.root / "alerts").iterdir())
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    said = "\n".join([*ours, *told.failures, *told_again.failures])
    assert "json-" in said
    assert SECRET not in said
    assert SECRET.encode() not in files


def test_without_a_receiver_the_log_and_the_ledger_say_it(
    fresh: Library, described: Configuration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And a receiver that is set later is not told what is long over."""
    monkeypatch.delenv("LEVENDE_ALERT_URLS", raising=False)
    told = alerts.tell(fresh.home, described, looked(door()), NOON)
    assert (told.sent, told.waiting) == (1, 0)
    assert "NEW  Door main_door" in caplog.text
    with receiving() as receiver:
        monkeypatch.setenv("LEVENDE_ALERT_URLS", receiver.url())
        alerts.tell(fresh.home, described, looked(door()), NOON + HOUR)
        assert receiver.messages == []


def test_quiet_hours_hold_messages_back_and_lose_none(
    tmp_path: Path, project: Path, library: Library, receiver: Receiver
) -> None:
    """Nobody mends a door at three in the morning; in the morning they hear all of it in one message."""
    made = small.make_library(tmp_path, project, alerts={"quiet": {"begins": "21:00", "ends": "07:00"}})
    described = made.configuration()
    night = datetime(2024, 3, 11, 22, 0, tzinfo=UTC)  # 23:00 in Oslo
    told = alerts.tell(made.home, described, looked(door()), night)
    alerts.tell(made.home, described, looked(door(), door(line="other")), night + 2 * HOUR)
    assert (told.opened, told.sent, told.waiting, receiver.messages) == (1, 0, 1, [])
    morning = alerts.tell(made.home, described, looked(door(), door(line="other")), night + 8 * HOUR)
    assert morning.sent == 1
    assert len(re.findall("^NEW", bodies(receiver)[0], re.M)) == 2


def test_a_ledger_that_cannot_be_written_fails_nothing(fresh: Library, described: Configuration) -> None:
    """A full disk must not turn a good run into a failed one; it is said, and looked at again next time."""
    (fresh.home.root / "alerts").mkdir(parents=True)
    (fresh.home.root / "alerts" / "ledger.sqlite").write_bytes(b"this is no database, and far too short to be one" * 50)
    told = alerts.tell(fresh.home, described, looked(door()), NOON)
    assert (told.opened, told.sent) == (0, 0)
    assert "could not be told" in told.failures[0]


def test_a_finding_under_a_foreign_key_is_refused(fresh: Library, described: Configuration) -> None:
    """It would be opened by one look and closed by another, every time."""
    told = alerts.tell(fresh.home, described, [Look("source", (door(),))], NOON)
    assert "found by looking at 'source'" in told.failures[0]
    assert alerts.Ledger.of(fresh.home).open_alerts() == []


KILLED = """
import os, signal, sys
from datetime import datetime
from ingest.config import load
from ingest.home import Home
from orchestration import alerts
from orchestration.findings import Finding, Look

def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

at = datetime.fromisoformat(sys.argv[2])
finding = Finding("door:main_door", "silent", "Door", at, "says nothing", "Look at it.")
setattr(alerts.Ledger, sys.argv[1], die)
alerts.tell(Home.from_environment(), load(), [Look("door", (finding,))], at)
"""


@pytest.mark.parametrize(
    ("dies_in", "times_sent"),
    [("_change", 1), ("compose", 1), ("delivered_to", 1), ("note_delivery", 2), ("settle", 1)],
)
def test_killed_at_any_step_the_message_is_sent_by_the_next_evaluation_under_one_number(
    fresh: Library, described: Configuration, receiver: Receiver, dies_in: str, times_sent: int
) -> None:
    """Between sending and recording nobody knows whether it arrived: twice under one number, and never not at all."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, dies_in, NOON.isoformat()],
        env={**fresh.environment(), "LEVENDE_ALERT_URLS": os.environ["LEVENDE_ALERT_URLS"]},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    told = alerts.tell(fresh.home, described, looked(door()), NOON + HOUR)
    assert (told.sent, told.failures) == (1, [])
    assert len(receiver.messages) == times_sent
    assert len({re.search(r"Message (\w+)", body).group(1) for body in bodies(receiver)}) == 1  # type: ignore[union-attr]
    assert alerts.tell(fresh.home, described, looked(door()), NOON + 2 * HOUR).sent == 0
    assert [a.key for a in alerts.Ledger.of(fresh.home).open_alerts()] == ["door:main_door"]


def test_the_command_lists_what_is_open_and_sends_a_test(
    fresh: Library, described: Configuration, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets an address wants to know today whether it works, and not on the day a door dies."""
    from typer.testing import CliRunner

    from orchestration.cli import app

    alerts.tell(fresh.home, described, looked(door(), door(line="other")), NOON)
    alerts.tell(fresh.home, described, looked(door()), NOON + HOUR)
    listed = CliRunner().invoke(app, ["alerts"])
    assert listed.exit_code == 0
    assert "OPEN  Door main_door (silent, since 2024-03-11 12:00) [door:main_door]" in listed.output
    assert "OVER  Door other" in listed.output
    sent = CliRunner().invoke(app, ["alerts", "--send-test"])
    assert (sent.exit_code, receiver.messages[-1]["title"]) == (0, "Small library: test")
    receiver.status = 500
    assert CliRunner().invoke(app, ["alerts", "--send-test"]).exit_code == 1
    monkeypatch.delenv("LEVENDE_ALERT_URLS")
    unset = CliRunner().invoke(app, ["alerts", "--send-test"])
    assert (unset.exit_code, "LEVENDE_ALERT_URLS" in unset.output) == (2, True)
