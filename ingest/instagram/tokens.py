"""How long a token lives: exchanging, refreshing, looking at it, and the countdown to its end.

What belongs here: everything about a token that is no poll. What does not: where tokens are kept. They stay in the
environment; a renewed one is handed to the caller, or written once into a new file that only its owner can read, from
which a person takes it there.

A token of a system user may never end, and one that never ends must not be "renewed" into one of sixty days. `0`
(never) and an absent date (unknown) are therefore two answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ingest.adapters import adapter_for
from ingest.config import Source
from ingest.errors import ConfigurationError, IngestError, PermanentFailure, TransientFailure
from ingest.http import Session
from ingest.instagram.graph_client import address, secret, signature
from ingest.instagram.graph_options import GraphOptions
from ingest.instagram.graph_protocol import read_json, refusal_of

# Told at each of these, so that the first one may fall into a holiday.
ALARM_DAYS = (14, 7, 3)
LONG_LIFE = timedelta(days=60)
# Younger long-lived tokens of Instagram Login are refused a refresh.
YOUNGEST_REFRESH = timedelta(hours=24)

PERMISSIONS = {
    "facebook": frozenset({"instagram_basic", "instagram_manage_insights", "pages_read_engagement", "pages_show_list"}),
    "instagram": frozenset({"instagram_business_basic", "instagram_business_manage_insights"}),
}


@dataclass(frozen=True)
class Token:
    """A token that Meta handed out. Its text does not show in any print of the object.

    Attributes:
        expires_at: aware; None when Meta named no end.
    """

    text: str = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True)
class TokenState:
    """What is known of a source's token.

    Attributes:
        state: `never` (has no end), `ok`, `expiring` (an alarm is due), `expired`, `invalid`, `no_permission` or
            `unknown`.
        expires_at: aware, where known.
        days_left: whole days until then.
        alarm_days: the tightest alarm that has been passed: 14, 7 or 3; None before the first.
        missing: permissions that polling needs and the token lacks.
        message: what is so, without the token; names its environment variable.
        next_action: what to do; empty when there is nothing.
    """

    state: Literal["never", "ok", "expiring", "expired", "invalid", "no_permission", "unknown"]
    expires_at: datetime | None
    days_left: int | None
    alarm_days: int | None
    missing: tuple[str, ...]
    message: str
    next_action: str

    @property
    def is_alarm(self) -> bool:
        """Whether a person must act, or at least look."""
        return self.state not in ("never", "ok")


def token_state(source: Source, now: datetime) -> TokenState:
    """What the description alone says of a token: no call, no secret.

    Args:
        source: one with the adapter `instagram_graph`. Its options `token_expires_on` or `token_issued_on` count.
        now: aware.

    Raises:
        ConfigurationError: the source's options are wrong.
    """
    options = _options(source)
    if isinstance(options.token_expires_on, date):
        return _state(options, now, _midnight(options.token_expires_on).timestamp())
    if options.token_expires_on is not None:
        return _state(options, now, 0)
    if options.token_issued_on is not None:
        return _state(options, now, (_midnight(options.token_issued_on) + LONG_LIFE).timestamp())
    return _state(options, now, None)


def probe(source: Source, session: Session, now: datetime) -> TokenState:
    """Ask Meta itself about a token: whether it lives, until when, and what it may read.

    With `app_id` and `app_secret_env` in the options this is `debug_token`; without them the description's dates
    count, and a call for the account's id tells whether the token opens anything.

    Raises:
        ConfigurationError: an environment variable is missing, or the options are wrong.
        TransientFailure: Meta could not be reached.
    """
    options = _options(source)
    base = f"{address(options.login, options.host)}/{options.api_version}"
    token = secret(options.token_env)
    if options.app_id is None or options.app_secret_env is None or options.login != "facebook":
        proof = {} if options.app_secret_env is None else {"appsecret_proof": _proof(token, options.app_secret_env)}
        answer = session.get(
            f"{base}/{options.account_id}",
            params={"fields": "id", **proof},
            headers={"Authorization": f"Bearer {token}"},
        )
        refusal = refusal_of(read_json(answer.body))
        if refusal is not None and refusal.kind in ("token", "permission", "unreachable"):
            return _invalid(options, f"Meta refuses it ({refusal})", kind=refusal.kind)
        return token_state(source, now)
    asked = session.get(
        f"{base}/debug_token",
        params={"input_token": token},
        headers={"Authorization": f"Bearer {options.app_id}|{secret(options.app_secret_env)}"},
    )
    document = read_json(asked.body)
    if (refusal := refusal_of(document)) is not None:
        raise PermanentFailure(
            f"Meta does not tell about the token in {options.token_env} ({refusal}).",
            reason="debug_refused",
            next_action=f"Check app_id, and the secret in {options.app_secret_env}.",
        )
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    if data.get("is_valid") is not True:
        return _invalid(options, "Meta says that it is no longer valid", kind="token")
    state = _state(options, now, data.get("expires_at"))
    scopes = data.get("scopes")
    missing = tuple(sorted(PERMISSIONS[options.login] - set(scopes))) if isinstance(scopes, list) else ()
    if missing and state.state != "expired":
        return TokenState(
            "no_permission",
            state.expires_at,
            state.days_left,
            state.alarm_days,
            missing,
            f"The token in {options.token_env} lacks {', '.join(missing)}.",
            "Give the system user these permissions and make a new token.",
        )
    return state


def exchange(source: Source, session: Session, short_token: str, now: datetime) -> Token:
    """A token of about 60 days for one of an hour or two.

    Args:
        short_token: as the login gave it; an expired one can't be exchanged.

    Raises:
        PermanentFailure: Meta refuses it, or the options lack `app_secret_env` (and `app_id` with Facebook Login).
        TransientFailure: Meta could not be reached.
    """
    options = _options(source)
    app_secret = secret(_needed(options.app_secret_env, "app_secret_env"))
    base = address(options.login, options.host)
    if options.login == "instagram":
        asked = {"grant_type": "ig_exchange_token", "client_secret": app_secret, "access_token": short_token}
        return _token(session, f"{base}/access_token", asked, now)
    return _token(
        session,
        f"{base}/{options.api_version}/oauth/access_token",
        {
            "grant_type": "fb_exchange_token",
            "client_id": _needed(options.app_id, "app_id"),
            "client_secret": app_secret,
            "fb_exchange_token": short_token,
        },
        now,
    )


def refresh(source: Source, session: Session, state: TokenState, now: datetime) -> Token:
    """Another 60 days for the token in the environment.

    Args:
        state: as `probe` or `token_state` told it. What never ends is left alone, and so is what has ended.

    Raises:
        PermanentFailure: the token never ends, has ended, or is too young; or Meta refuses.
        TransientFailure: Meta could not be reached.
    """
    options = _options(source)
    if state.state == "never":
        raise PermanentFailure(
            f"The token in {options.token_env} never ends; a refresh would give it an end.",
            reason="token_is_permanent",
            next_action="Nothing to do.",
        )
    if state.state in ("expired", "invalid"):
        raise PermanentFailure(
            f"The token in {options.token_env} has ended, and an ended one can't be refreshed.",
            reason="token_dead",
            next_action=f"Make a new token and put it into {options.token_env}.",
        )
    token = secret(options.token_env)
    if options.login == "facebook":
        return exchange(source, session, token, now)
    if options.token_issued_on is not None and now - _midnight(options.token_issued_on) < YOUNGEST_REFRESH:
        raise PermanentFailure(
            f"The token in {options.token_env} is not a day old.",
            reason="token_too_young",
            next_action="Refresh it tomorrow.",
        )
    base = address(options.login, options.host)
    return _token(
        session, f"{base}/refresh_access_token", {"grant_type": "ig_refresh_token", "access_token": token}, now
    )


def renew_into(
    file: Path, source: Source, session: Session, now: datetime, *, short_token_env: str | None = None
) -> Token:
    """Renew a source's token, or exchange a short one, and leave the new one in a file of mode 0600.

    The file is made before Meta is asked, so that no token is handed out that then has no place to go.

    Args:
        file: must not exist; a token that is kept nowhere else must not be overwritten.
        short_token_env: the environment variable with a token that the login just gave; without it the token in
            `token_env` is refreshed.

    Raises:
        ConfigurationError: the file is there, or can't be made; a variable is missing; the options are wrong.
        PermanentFailure: as `exchange` and `refresh`.
        TransientFailure: Meta could not be reached.
    """
    _options(source)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be made ({error.strerror}).",
            next_action="Name a new file in a folder that you may write to.",
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            if short_token_env is not None:
                token = exchange(source, session, secret(short_token_env), now)
            else:
                token = refresh(source, session, probe(source, session, now), now)
            os.fchmod(out.fileno(), 0o600)
            out.write(token.text + "\n")
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        file.unlink()
        raise
    return token


def refresh_all(
    sources: Iterable[Source], session: Session, states: Mapping[str, TokenState], now: datetime
) -> dict[str, Token | IngestError]:
    """A refresh for each source, by id. One account's failure does not stop the others."""
    found: dict[str, Token | IngestError] = {}
    for source in sources:
        try:
            found[source.source_id] = refresh(source, session, states[source.source_id], now)
        except IngestError as failure:
            found[source.source_id] = failure
    return found


def _options(source: Source) -> GraphOptions:
    _adapter, options = adapter_for(source)
    if not isinstance(options, GraphOptions):
        raise ConfigurationError(
            f"source {source.source_id} has no token.", next_action="Ask about a source of adapter instagram_graph."
        )
    return options


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise PermanentFailure(
            f"the option {name} is missing.", reason="configuration", next_action=f"Set {name} in sources.yaml."
        )
    return value


def _proof(token: str, app_secret_env: str) -> str:
    return signature(token, secret(app_secret_env))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _token(session: Session, url: str, params: Mapping[str, Any], now: datetime) -> Token:
    """Ask for a token. Meta takes the secrets in the address only; no log or error of ours shows an address's query."""
    document = read_json(session.get(url, params=params).body)
    refusal = refusal_of(document)
    if refusal is not None:
        kind = TransientFailure if refusal.kind in ("busy", "limit") else PermanentFailure
        raise kind(
            f"Meta does not give a new token ({refusal}).",
            reason=f"token_{refusal.kind}",
            next_action="Log in again, or make a new token in Business Manager.",
        )
    text, seconds = document.get("access_token"), document.get("expires_in")
    if not isinstance(text, str) or not text:
        raise PermanentFailure(
            "Meta's answer holds no token.", reason="no_token", next_action="Look at Meta's changelog of logins."
        )
    return Token(text, now + timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None)


def _invalid(options: GraphOptions, why: str, *, kind: str) -> TokenState:
    is_token = kind == "token"
    action = (
        f"Make a new token in Business Manager and put it into {options.token_env}."
        if is_token
        else "Give the system user the Page's task Insights, and check account_id."
    )
    state: Literal["invalid", "no_permission"] = "invalid" if is_token else "no_permission"
    return TokenState(state, None, None, None, (), f"The token in {options.token_env} does not work: {why}.", action)


def _state(options: GraphOptions, now: datetime, expires_at: Any) -> TokenState:
    """The countdown. `expires_at` in Unix seconds as `debug_token` has it: 0 is never, anything else unknown."""
    name = options.token_env
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return TokenState(
            "unknown",
            None,
            None,
            None,
            (),
            f"It is unknown when the token in {name} ends.",
            "Set token_expires_on in sources.yaml (never for a permanent one), or app_id and app_secret_env.",
        )
    if expires_at == 0:
        return TokenState("never", None, None, None, (), f"The token in {name} never ends.", "")
    end = datetime.fromtimestamp(expires_at, UTC)
    days = (end - now).days
    if end <= now:
        return TokenState(
            "expired",
            end,
            days,
            min(ALARM_DAYS),
            (),
            f"The token in {name} ended on {end:%Y-%m-%d}.",
            f"Make a new token and put it into {name}; an ended one can't be refreshed.",
        )
    passed = [alarm for alarm in ALARM_DAYS if end - now <= timedelta(days=alarm)]
    return TokenState(
        "expiring" if passed else "ok",
        end,
        days,
        min(passed, default=None),
        (),
        f"The token in {name} ends on {end:%Y-%m-%d}, in {days} days.",
        f"Refresh it, or make a new one, and put it into {name} before then." if passed else "",
    )
