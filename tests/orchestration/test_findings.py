"""What is open: pure rules from rows and receipts, and what is not looked at while nobody can know."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from _small_library import Library

from ingest.catalogue import Arrival
from ingest.config import Source
from orchestration import findings
from orchestration.findings import DoorRow
from orchestration.warehouse import Stamp, write_stamp, writer_lock

NOON = datetime(2024, 3, 11, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour: int, minute: int = 0, day: int = 11) -> datetime:
    """A naive instant, as the warehouse has them."""
    return NOON.replace(day=day, hour=hour, minute=minute, tzinfo=None)


def row(state: str = "ok", **parts: Any) -> DoorRow:
    values: dict[str, Any] = {
        "line_id": "main_door", "branch_id": "main", "source_id": "s", "device_key": "d1", "door": "Front",
        "door_state": state, "since_at": at(9), "last_told_at": at(9),
        "expected_by_at": at(11), "evidence": "told until 09:00", "next_action": "Look at it.",
        "watched_until_at": at(10),
    }  # fmt: skip
    return DoorRow(**{**values, **parts})


def source(**parts: Any) -> Source:
    values = {"source_id": "s", "family": "events", "adapter": "icalendar", "description": "A feed."}
    return Source.model_validate({**values, **parts})


def test_a_door_is_overdue_by_the_clock_once_its_time_is_up() -> None:
    """Silence brings no run: what the last build knew, and the time, are all there is."""
    at_ten, at_eleven = NOON - 2 * HOUR, NOON - HOUR
    assert findings.overdue([row()], at_ten) == []
    assert findings.overdue([row()], at_eleven) == [row()]
    looked_since = row(watched_until_at=at(11, 1))
    assert findings.overdue([looked_since, row("silent"), row(expected_by_at=None)], NOON) == []


def test_the_run_that_looks_is_given_a_quarter_of_an_hour_and_then_the_clock_speaks() -> None:
    """The run asks the source first and so is the better witness; a run that never comes must not keep it a secret."""
    due = NOON - HOUR
    assert findings.door_findings([row()], due + timedelta(minutes=14)) == []
    (found,) = findings.door_findings([row()], due + timedelta(minutes=15))
    assert (found.key, found.kind, found.since) == ("door:main_door", "silent", datetime(2024, 3, 11, 9, tzinfo=UTC))
    assert "levende ingest s" in found.next_action
    (judged,) = findings.door_findings([row("silent", watched_until_at=at(11, 20))], NOON)
    assert (judged.key, judged.kind) == (found.key, found.kind), "the build that says so later is no change"


def test_only_doors_that_need_somebody_are_findings() -> None:
    """Waiting for the first count, or taken down by the description, is in order."""
    rows = [
        row(state, line_id=state, expected_by_at=None)
        for state in (
            "ok",
            "waiting",
            "not_installed",
            "silent",
            "dead",
            "odd_direction",
            "spiking",
            "drifting",
            "degraded",
        )
    ]
    told = {finding.key: finding for finding in findings.door_findings(rows, NOON)}
    assert set(told) == {f"door:{state}" for state in findings.DOOR_NEEDS_SOMEBODY}
    assert told["door:dead"].message == "counts zero while people come: told until 09:00"
    assert set(findings.DOOR_RUNBOOKS) == set(findings.DOOR_WORDS) == findings.DOOR_NEEDS_SOMEBODY


def test_every_runbook_that_is_named_exists(project: Path) -> None:
    """An address that leads nowhere is worse than none."""
    for path in set(findings.DOOR_RUNBOOKS.values()):
        assert (project / path).is_file(), path


def receipts(fresh: Library, *told: tuple[str, datetime, str | None]) -> dict[str, Any]:
    for status, at, error in told:
        fresh.home.land(Arrival("s", "poll", at, body=b"x" if status == "ok" else None, status=status, error=error))
    return {"s": fresh.home.catalogue.receipts(source_id="s")}


def test_a_permanent_failure_is_told_at_once_and_a_transient_one_when_it_lasts(fresh: Library) -> None:
    """A wrong password waits for a person from the first minute; a vendor that is down for an hour does not."""
    known = receipts(fresh, ("ok", NOON, None), ("failed", NOON + HOUR, "http_503: busy. Nothing to do if it passes."))
    assert findings.source_findings([source()], known, NOON + 2 * HOUR, frozenset()) == []
    (lasting,) = findings.source_findings([source()], known, NOON + 28 * HOUR, frozenset())
    assert (lasting.kind, lasting.since) == ("failing", NOON + HOUR)
    known = receipts(
        fresh, ("ok", NOON + 30 * HOUR, None), ("failed", NOON + 31 * HOUR, "http_401: refused. Renew it.")
    )
    (wrong,) = findings.source_findings([source()], known, NOON + 31 * HOUR, frozenset())
    assert "Renew it." in wrong.message
    known = receipts(fresh, ("not_modified", NOON + 32 * HOUR, None))
    assert findings.source_findings([source()], known, NOON + 33 * HOUR, frozenset()) == []


def test_a_silent_feed_is_told_after_its_interval_and_a_silent_counter_by_its_doors(fresh: Library) -> None:
    """A counter's silence is measured in open time, which its doors know; two messages are one too many."""
    known = receipts(fresh, ("ok", NOON, None))
    feed = source(expected_every_hours=24)
    assert findings.source_findings([feed], known, NOON + 26 * HOUR, frozenset()) == []
    (told,) = findings.source_findings([feed], known, NOON + 27 * HOUR, frozenset())
    assert (told.kind, told.since) == ("silent", NOON)
    assert findings.source_findings([feed], known, NOON + 27 * HOUR, frozenset({"s"})) == []
    assert findings.source_findings([source()], known, NOON + 999 * HOUR, frozenset()) == [], "it promised nothing"


def test_every_reason_that_ingest_raises_as_transient_is_known_as_one(project: Path) -> None:
    """A new word would be told at once as if a person were needed."""
    reasons = set()
    for path in (project / "ingest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "TransientFailure":
                reasons |= {
                    keyword.value.value
                    for keyword in node.keywords
                    if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
                }
    assert len(reasons) > 3
    assert {reason for reason in reasons if not findings.is_transient(f"{reason}: words")} == set()
    assert not findings.is_transient("http_401: words")
    assert not findings.is_transient("configuration: words")


def test_rejects_and_unmapped_counts_are_one_finding_per_cause() -> None:
    """A thousand lines of one wrong file are one errand."""
    (reject,) = findings.reject_findings([("s", "bad_time", 1000, "Write hours as 10.", at(0, day=1))])
    assert (reject.key, reject.message.split(" could")[0]) == ("reject:s:bad_time", "1000 × bad_time")
    (unmapped,) = findings.unmapped_findings([("s", "d2", "total", 4, date(2024, 3, 1))])
    assert "source s, device_key d2, line_key total" in unmapped.next_action


def test_a_nearer_alarm_of_a_token_is_another_kind_and_an_unknown_one_is_none() -> None:
    """Told at fourteen, seven and three days, or the first telling would be the last before the polls stop."""

    def state(name: str, days: int | None = None) -> Any:
        return SimpleNamespace(state=name, alarm_days=days, message="It ends.", next_action="Renew it.")

    kinds = [findings.token_findings({"ig": state("expiring", days)}, NOON)[0].kind for days in (14, 7, 3)]
    assert kinds == ["expiring_14_days", "expiring_7_days", "expiring_3_days"]
    assert findings.token_findings({"a": state("ok"), "b": state("never"), "c": state("unknown")}, NOON) == []
    assert findings.token_findings({"a": state("expired")}, NOON)[0].kind == "expired"


def test_a_failed_run_and_tables_that_did_not_get_out_are_told() -> None:
    """Readers see old figures and nothing that says so."""
    stamp = Stamp("run", "2024-03-11 10:00:00", "new", "inputs")
    assert findings.publication_findings(stamp, "new", None) == []
    assert findings.publication_findings(stamp, None, None) == [], "never published: nobody reads old figures"
    (late,) = findings.publication_findings(stamp, "old", None)
    assert (late.kind, late.since) == ("not_published", NOON - 2 * HOUR)
    run = SimpleNamespace(status=dg.DagsterRunStatus.FAILURE, run_id="0123456789", job_name="doors_job")
    (failed,) = findings.publication_findings(
        stamp,
        "new",
        SimpleNamespace(dagster_run=run, end_time=NOON.timestamp()),  # type: ignore[arg-type]
    )
    assert (failed.key, failed.kind, failed.since) == ("publication:run", "failed", NOON)


@pytest.mark.parametrize("why", ["no warehouse", "a build broke off", "another day", "somebody writes", "an old build"])
def test_what_cannot_be_known_now_is_not_looked_at(fresh: Library, why: str) -> None:
    """An empty list would close every open alert, and the next look open them again."""
    import duckdb

    home = fresh.home
    home.warehouse.parent.mkdir(parents=True)
    if why != "no warehouse":
        duckdb.connect(str(home.warehouse)).close()
    if why not in ("no warehouse", "a build broke off"):
        write_stamp(home, Stamp("run", "2024-03-11 10:00:00", "v", "", is_vintage=why == "another day"))
    if why == "somebody writes":
        with writer_lock(home):
            looked = findings.look(None, home, fresh.configuration(), NOON)
    else:
        looked = findings.look(None, home, fresh.configuration(), NOON)
    unknown = {look.scope for look in looked.looks if look.findings is None}
    assert unknown == {"door", "reject", "unmapped", "publication"}
    assert looked.overdue == ()


def test_overdue_doors_start_one_run_and_not_one_a_minute(fresh: Library) -> None:
    """The sensor looks every minute; a run that failed over the same doors must not be started until they mend."""
    from orchestration.defs.triggers import due_doors

    with dg.DagsterInstance.ephemeral() as instance:
        ask = [due_doors(instance, fresh.home, fresh.configuration(), rows) for rows in ([], [row()], [row()])]
        other = due_doors(instance, fresh.home, fresh.configuration(), [row(expected_by_at=at(11, day=12))])
    keys = [[request.run_key for request in result.run_requests or ()] for result in ask]
    assert keys[0] == []
    assert keys[1] == keys[2] != []
    assert [request.run_key for request in other.run_requests or ()] != keys[1]
    request = (ask[1].run_requests or [])[0]
    assert request.run_config["ops"]["ingest_doors"] == {"config": {"poll": True}}, "asked before it is called silent"
