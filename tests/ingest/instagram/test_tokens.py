"""The life of a token: its countdown, what Meta says of it, exchanging and refreshing it."""

from __future__ import annotations

import json
import logging
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.config import Source
from ingest.errors import ConfigurationError, PermanentFailure, TransientFailure
from ingest.http import Limits, Session
from ingest.instagram.tokens import exchange, probe, refresh, refresh_all, renew_into, token_state
from orchestration import cli
from sandbox.graph_api import GraphApi
from sandbox.graph_tokens import KnownToken, Tokens
from sandbox.loopback import Response

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
APP_ID, APP_SECRET = "123456789012345", "standin-app-secret-9876"
SCOPES = ("instagram_basic", "instagram_manage_insights", "pages_read_engagement", "pages_show_list")


@pytest.fixture
def tokens(api: GraphApi, bench: Any, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """An app at the stand-in, with the bench's token in it."""
    api.tokens = Tokens(APP_ID, APP_SECRET)
    api.tokens.known[api.token] = KnownToken(NOW - timedelta(days=30), NOW + timedelta(days=30), SCOPES)
    monkeypatch.setenv("APP_SECRET", APP_SECRET)
    bench.options |= {"app_id": APP_ID, "app_secret_env": "APP_SECRET"}
    return api.tokens


@pytest.fixture
def session() -> Session:
    """A session that does not try again."""
    return Session(Limits(tries=1, backoff_seconds=0), allow_loopback=True)


def source(bench: Any, **more: Any) -> Source:
    bench.options |= more
    found: Source = bench.configuration.sources[0]
    return found


@pytest.mark.parametrize(
    ("days", "state", "alarm"),
    [
        (15, "ok", None),
        (14, "expiring", 14),
        (7, "expiring", 7),
        (6, "expiring", 7),
        (3, "expiring", 3),
        (0, "expired", 3),
    ],
)
def test_a_tokens_end_is_told_at_fourteen_seven_and_three_days(
    bench: Any, days: int, state: str, alarm: int | None
) -> None:
    """One reminder falls into a holiday; the last one must still leave time to act."""
    found = token_state(
        source(bench, token_expires_on="2026-09-16"), datetime(2026, 9, 16, tzinfo=UTC) - timedelta(days)
    )
    assert (found.state, found.alarm_days, found.days_left) == (state, alarm, days)
    assert found.is_alarm == (state != "ok")
    assert "GRAPH_TOKEN" in found.message
    assert bool(found.next_action) == found.is_alarm


def test_never_and_unknown_are_two_answers(bench: Any) -> None:
    """A system user's token may have no end; nobody having written one down is something else."""
    assert token_state(source(bench), NOW).state == "unknown"
    assert token_state(source(bench), NOW).is_alarm
    never = token_state(source(bench, token_expires_on="never"), NOW)
    assert (never.state, never.is_alarm) == ("never", False)


def test_a_date_of_issue_counts_sixty_days(bench: Any) -> None:
    """What people have at hand is the day on which they made the token."""
    found = token_state(source(bench, token_issued_on=date(2026, 8, 1)), NOW)
    assert found.expires_at == datetime(2026, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends_in", "tells", "state"),
    [(None, True, "never"), (None, False, "unknown"), (6, True, "expiring"), (60, True, "ok")],
)
def test_meta_is_asked_when_a_token_ends(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session, ends_in: int | None, tells: bool, state: str
) -> None:
    """`expires_at: 0` is never, an absent one is unknown: mixed up, a permanent token would get an end."""
    end = None if ends_in is None else NOW + timedelta(days=ends_in)
    tokens.known[api.token] = KnownToken(NOW, end, SCOPES, tells_expiry=tells)
    found = probe(source(bench), session, NOW)
    assert (found.state, found.expires_at) == (state, end)


def test_a_permission_that_was_taken_away_is_told_by_name(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session
) -> None:
    """Without it polls would bring nothing; the person who mends it must know which box to tick."""
    tokens.known[api.token] = KnownToken(NOW, None, SCOPES[:1])
    found = probe(source(bench), session, NOW)
    assert (found.state, found.missing) == ("no_permission", tuple(sorted(SCOPES[1:])))
    assert "instagram_manage_insights" in found.message


def test_a_token_that_was_taken_back_is_invalid_before_its_date(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session
) -> None:
    """Meta does not announce it: a changed password is enough."""
    tokens.known[api.token].is_valid = False
    assert probe(source(bench), session, NOW).state == "invalid"


def test_without_the_apps_id_a_call_tells_whether_the_token_opens(bench: Any, api: GraphApi, session: Session) -> None:
    """Not every library has the app's secret at hand; a dead token shows all the same."""
    alive = probe(source(bench, token_expires_on="never"), session, NOW)
    assert alive.state == "never"
    api.expires_at = NOW - timedelta(hours=1)
    dead = probe(source(bench), session, NOW)
    assert (dead.state, dead.is_alarm) == ("invalid", True)


def test_a_short_token_is_exchanged_for_a_long_one(bench: Any, tokens: Tokens, session: Session) -> None:
    """Sixty days instead of an hour; with both logins."""
    tokens.known["short-token-1234"] = KnownToken(NOW, NOW + timedelta(hours=1), SCOPES)
    for login in ("facebook", "instagram"):
        new = exchange(source(bench, login=login), session, "short-token-1234", NOW)
        assert new.expires_at == NOW + timedelta(seconds=5_183_944)
        assert new.text in tokens.known
        assert new.text not in repr(new)


@pytest.mark.parametrize("told", [{}, {"expires_in": 0}, {"expires_in": "soon"}])
def test_a_token_without_a_told_end_has_none_that_is_known(bench: Any, api: GraphApi, told: dict[str, Any]) -> None:
    """A page's token says nothing of its end, and 0 means never: neither is a token that ends today."""
    api.serve = lambda *_: Response(200, {}, json.dumps({"access_token": "EAAlong-token-9", **told}).encode())  # type: ignore[method-assign]
    session = Session(Limits(tries=1, backoff_seconds=0), allow_loopback=True)
    new = exchange(source(bench, app_id=APP_ID, app_secret_env="GRAPH_TOKEN"), session, "short-token-1234", NOW)
    assert (new.text, new.expires_at) == ("EAAlong-token-9", None)


def test_a_permanent_token_is_not_refreshed_into_one_that_ends(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session
) -> None:
    """That would put an alarm clock where none was."""
    tokens.known[api.token] = KnownToken(NOW, None, SCOPES)
    before = dict(tokens.known)
    with pytest.raises(PermanentFailure, match="never ends"):
        refresh(source(bench), session, probe(source(bench), session, NOW), NOW)
    assert tokens.known == before


def test_a_token_is_refreshed_only_between_its_first_day_and_its_last(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session
) -> None:
    """Meta refuses both sides; we say so without asking."""
    young = source(bench, login="instagram", token_issued_on=NOW.date())
    with pytest.raises(PermanentFailure, match="not a day old"):
        refresh(young, session, token_state(young, NOW), NOW)
    old = source(bench, token_issued_on=NOW.date() - timedelta(days=40))
    assert refresh(old, session, token_state(old, NOW), NOW).text != api.token
    dead = source(bench, token_issued_on=NOW.date() - timedelta(days=61))
    with pytest.raises(PermanentFailure, match="has ended"):
        refresh(dead, session, token_state(dead, NOW), NOW)


def test_one_accounts_failure_does_not_stop_the_refresh_of_the_others(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session
) -> None:
    """One exception has cost other tools all their tokens in one night."""
    good = source(bench, token_issued_on=NOW.date() - timedelta(days=40))
    bad = good.model_copy(
        update={"source_id": "instagram_other", "options": {**good.options, "token_env": "NOBODY_SET_THIS"}}
    )
    states = {s.source_id: token_state(s, NOW) for s in (bad, good)}
    found = refresh_all([bad, good], session, states, NOW)
    assert isinstance(found["instagram_other"], PermanentFailure)
    assert getattr(found["instagram_bench"], "text", "") in tokens.known


def test_no_token_or_secret_shows_when_meta_refuses(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Here the secrets travel in the address, and Meta quotes the token in its answer."""
    with caplog.at_level(logging.DEBUG), pytest.raises(PermanentFailure) as refused:
        exchange(source(bench), session, "short-token-unknown-1234", NOW)
    bench.url = "http://127.0.0.1:9"
    with pytest.raises(TransientFailure) as unreachable, caplog.at_level(logging.DEBUG):
        exchange(source(bench, host="http://127.0.0.1:9"), session, "short-token-unknown-1234", NOW)
    text = str(refused.value) + str(unreachable.value) + caplog.text
    assert "short-token-unknown" not in text
    assert APP_SECRET not in text


def test_a_poll_warns_of_its_tokens_end(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the night's log learns it in time."""
    bench.options |= {"token_expires_on": "2026-09-05"}
    assert not bench.poll().failures
    assert any("ends on 2026-09-05, in 3 days" in r.getMessage() for r in caplog.records)


@pytest.mark.parametrize("is_short", [True, False])
def test_a_renewed_token_is_left_in_a_new_file_that_only_its_owner_reads(
    bench: Any, tokens: Tokens, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_short: bool
) -> None:
    """Printed, it would stand in a terminal's history or a scheduler's log for sixty days."""
    tokens.known["short-token-1234"] = KnownToken(NOW, NOW + timedelta(hours=1), SCOPES)
    monkeypatch.setenv("SHORT_TOKEN", "short-token-1234")
    file = tmp_path / "token"
    new = renew_into(file, source(bench), session, NOW, short_token_env="SHORT_TOKEN" if is_short else None)
    assert file.read_text() == new.text + "\n"
    assert new.text.startswith("short-token") == is_short
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_token_that_can_not_be_kept_is_not_asked_for_and_a_refusal_leaves_no_file(
    bench: Any, api: GraphApi, tokens: Tokens, session: Session, tmp_path: Path
) -> None:
    """The file that is there may hold the only copy of another token."""
    file = tmp_path / "token"
    file.write_text("the only copy")
    before = dict(tokens.known)
    with pytest.raises(ConfigurationError, match="can't be made"):
        renew_into(file, source(bench), session, NOW)
    assert (file.read_text(), tokens.known) == ("the only copy", before)
    tokens.known[api.token] = KnownToken(NOW, None, SCOPES)
    with pytest.raises(PermanentFailure, match="never ends"):
        renew_into(tmp_path / "another", source(bench), session, NOW)
    assert not (tmp_path / "another").exists()


def test_the_command_renews_a_token_without_printing_it(
    bench: Any, tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A person is told where it is and where to put it; neither secret shows."""
    caplog.set_level(logging.DEBUG)
    for name in ("LEVENDE_CONFIG", "LEVENDE_HOME"):  # which the command sets for its children
        monkeypatch.setenv(name, str(tmp_path))
    described = bench.configuration
    monkeypatch.setattr("ingest.config.load", lambda: described)
    monkeypatch.setattr("orchestration.clock.clock", lambda: NOW)
    result = CliRunner().invoke(cli.app, ["instagram", "renew-token", "instagram_bench", "--to", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "new").read_text().strip()
    assert text in tokens.known
    assert "GRAPH_TOKEN" in result.output
    assert "2026-10-31" in result.output or "2026-10-30" in result.output
    for secret in (text, APP_SECRET):
        assert secret not in result.output + caplog.text
    again = CliRunner().invoke(cli.app, ["instagram", "renew-token", "instagram_bench", "--to", str(tmp_path / "new")])
    assert again.exit_code == cli.MISUSED
