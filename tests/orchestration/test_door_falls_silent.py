"""A door from its first silence to its recovery: the check that warns, and the two messages that people get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import _small_library as small
import dagster as dg
import duckdb
import pytest
from _receiver import Receiver, receiving
from _small_library import Library

from orchestration import alerts
from orchestration.installation import Installation
from orchestration.names import EVERYTHING_JOB, JOBS, table_key

pytestmark = pytest.mark.slow

DOOR_STATE = table_key("core.fct_door_state")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# Told until Saturday; Sunday is closed; Monday opens at ten in Oslo, 09:00 UTC. A day and its tenth from there is
# Tuesday, 11:24 UTC, when the branch is open (until 13:00 UTC).
MONDAY, TUESDAY = date(2024, 3, 11), date(2024, 3, 12)
DUE = "2024-03-12T11:24:00"


class Days:
    """One library, one instance; time passes when the test says so."""

    def __init__(
        self, library: Library, repository: Any, instance: dg.DagsterInstance, receiver: Receiver, patch: Any
    ) -> None:
        self.library, self.repository, self.instance, self.receiver = library, repository, instance, receiver
        self._patch = patch

    def at(self, moment: str) -> None:
        self._patch.setenv("LEVENDE_CLOCK", moment)

    def run(self, job: str = JOBS["doors"]) -> dict[str, Any]:
        """A run, and what the door's check said in it."""
        result = self.repository.get_job(job).execute_in_process(
            instance=self.instance, run_config=QUIET, raise_on_error=False
        )
        assert result.success, [event.message for event in result.get_step_failure_events()]
        told = {e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == DOOR_STATE}
        check = told["door_main_door"]
        assert check.severity == dg.AssetCheckSeverity.WARN
        return {"passed": check.passed, **{name: value.value for name, value in check.metadata.items()}}

    def look(self) -> dg.SensorResult:
        """One tick of the sensor."""
        from orchestration.defs.triggers import alert_sensor

        with dg.build_sensor_context(instance=self.instance) as context:
            result = alert_sensor(context, installation=Installation())
        assert isinstance(result, dg.SensorResult)
        return result

    @property
    def messages(self) -> list[str]:
        return [message["message"] for message in self.receiver.messages]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory, project: Path, library: Library, repository: Any) -> Iterator[Days]:
    """Built once on the Sunday after a whole week; the tests follow one another as days do."""
    made = small.make_library(tmp_path_factory.mktemp("silent"), project, is_parsed=True)
    daily = [{**small.SOURCES[0], "expected_every_hours": 24}]
    small.write_config(made.folder, project, sources=daily, reporting={"start_on": small.FIRST})
    with (
        pytest.MonkeyPatch.context() as patch,
        receiving() as receiver,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setenv("LEVENDE_HOME", str(made.home.root))
        patch.setenv("LEVENDE_CONFIG", str(made.folder))
        patch.setenv("LEVENDE_ALERT_URLS", receiver.url())
        days = Days(made, repository, instance, receiver, patch)
        days.at("2024-03-10T03:00:00")
        small.drop(made.home.root, "week.csv", small.door_csv())
        assert days.run(EVERYTHING_JOB)["passed"]
        yield days


def test_while_closed_and_until_its_time_is_up_nothing_is_said(days: Days) -> None:
    """Sunday is no silence, nor is Monday: a daily file of Monday comes on Tuesday."""
    days.look()
    days.at("2024-03-12T11:23:00")
    assert not days.look().run_requests
    assert days.messages == []


def test_the_minute_its_time_is_up_a_run_is_asked_for_the_check_warns_and_one_message_goes_out(days: Days) -> None:
    """Within one expected interval and its grace; nobody had to open a page."""
    days.at(DUE)
    (request,) = days.look().run_requests or []
    assert request.job_name == JOBS["doors"]
    assert days.messages == [], "the source is asked first"
    check = days.run()
    assert (check["passed"], check["state"], check["since"]) == (False, "silent", "2024-03-11 09:00 UTC")
    assert check["runbook"] == "docs/runbooks/door-silent.md"
    assert "last told until 2024-03-09 14:00" in check["evidence"]
    assert "main_door (device main, source door_csv_small)" in check["next_action"]
    assert not days.look().run_requests
    (message,) = days.messages
    assert message.startswith("NEW  Door main_door, main (silent, since 2024-03-11 10:00)")
    assert "Next: See whether main_door (device main, source door_csv_small) is lit and connected" in message


def test_a_second_run_warns_again_and_tells_nobody_again(days: Days) -> None:
    """The check is the state; the message is the news."""
    days.at("2024-03-13T09:00:00")
    assert not days.run()["passed"]
    days.look()
    assert len(days.messages) == 1


def test_what_comes_late_ends_it_with_one_message(days: Days) -> None:
    """Told from there on as if it had never been missing."""
    days.at("2024-03-13T10:00:00")
    small.drop(days.library.home.root, "late.csv", small.door_csv(first=MONDAY, last=TUESDAY))
    assert days.run()["state"] == "ok"
    for _ in range(2):
        days.look()
    assert [re.findall("^(NEW|OVER)", body, re.M) for body in days.messages] == [["NEW"], ["OVER"]]
    ledger = alerts.Ledger.of(days.library.home)
    assert ledger.open_alerts() == []
    assert ledger.history(5)[0].closed_at == datetime(2024, 3, 13, 10, tzinfo=UTC)


def test_zeros_of_this_morning_are_a_dead_door_before_the_night(days: Days) -> None:
    """Ten an hour since weeks, and three whole hours of nobody: thirty people did not stay away by chance."""
    days.at("2024-03-13T12:05:00")
    wednesday = date(2024, 3, 13)
    lines = small.door_csv(0, 0, first=wednesday, last=wednesday).decode().splitlines()
    small.drop(days.library.home.root, "zeros.csv", "\n".join(lines[:4]).encode())
    check = days.run()
    assert (check["passed"], check["state"], check["since"]) == (False, "dead", "2024-03-13 09:00 UTC")
    assert check["evidence"] == "zero in 3 open hours in a row, when about 30 people would have come"
    assert check["runbook"] == "docs/runbooks/door-dead.md"
    days.look()
    assert "(dead, since 2024-03-13 10:00)" in days.messages[-1]


def test_a_count_decision_ends_the_alert_as_the_runbook_says(days: Days, project: Path) -> None:
    """A door that was mended, or at which nobody came, must not warn until its zeros are forgotten."""
    decision = {
        "line_ids": ["main_door"], "first_on": date(2024, 3, 13), "last_on": date(2024, 3, 13),
        "verdict": "leave_out", "reason": "unplugged by the cleaners", "decided_by": "team:statistics",
    }  # fmt: skip
    small.write_config(
        days.library.folder, project,
        sources=[{**small.SOURCES[0], "expected_every_hours": 24}],
        reporting={"start_on": small.FIRST}, count_decisions=[decision],
    )  # fmt: skip
    days.at("2024-03-13T12:30:00")
    assert days.run(EVERYTHING_JOB)["passed"]
    days.look()
    assert days.messages[-1].startswith("OVER  Door main_door")
    with duckdb.connect(str(days.library.home.published / "levende.duckdb"), read_only=True) as con:
        assert con.execute("select door_state from core.fct_door_state").fetchall() == [("ok",)]
