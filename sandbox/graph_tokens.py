"""Tokens at the stand-in of the Graph API: exchanging, refreshing and looking at them.

What belongs here: Meta's answers on `/oauth/access_token`, `/access_token`, `/refresh_access_token` and
`/debug_token`. What does not: the check of a token on any other call (`graph_api.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.graph_api import Refused

LONG_LIFE = timedelta(seconds=5_183_944)


@dataclass
class KnownToken:
    """One token. `expires_at` is None for one that never ends."""

    issued_at: datetime
    expires_at: datetime | None
    scopes: tuple[str, ...] = ()
    is_valid: bool = True
    tells_expiry: bool = True


@dataclass
class Tokens:
    """The tokens of one app, by their text."""

    app_id: str
    app_secret: str
    known: dict[str, KnownToken] = field(default_factory=dict)
    _count: int = 0

    def answer(self, path: str, query: Mapping[str, list[str]], now: datetime) -> dict[str, Any] | None:
        """One answer, or None when the path is about something else.

        Raises:
            Refused: wrong secret, dead token, or one too young to be refreshed.
        """
        given = {name: values[0] for name, values in query.items()}
        edge = re.sub(r"^/v\d+\.\d+", "", path).rstrip("/")
        if edge == "/debug_token":
            return self._told(given, now)
        if edge == "/oauth/access_token":
            self._check_app(given, "fb_exchange_token")
            return self._renewed(given.get("fb_exchange_token", ""), now, timedelta())
        if edge == "/access_token":
            if given.get("client_secret") != self.app_secret:
                raise Refused(400, 101, "Invalid client secret", kind="OAuthException")
            return self._renewed(given.get("access_token", ""), now, timedelta())
        if edge == "/refresh_access_token":
            return self._renewed(given.get("access_token", ""), now, timedelta(hours=24))
        return None

    def _check_app(self, given: Mapping[str, str], grant: str) -> None:
        told = (given.get("client_id"), given.get("client_secret"), given.get("grant_type"))
        if told != (self.app_id, self.app_secret, grant):
            raise Refused(400, 101, "Error validating client secret.", kind="OAuthException")

    def _renewed(self, text: str, now: datetime, youngest: timedelta) -> dict[str, Any]:
        token = self.known.get(text)
        if token is None or not token.is_valid or (token.expires_at is not None and token.expires_at <= now):
            raise Refused(400, 190, f"Error validating access token {text}", subcode=463, kind="OAuthException")
        if now - token.issued_at < youngest:
            raise Refused(400, 100, "The token is too young to be refreshed", kind="OAuthException")
        self._count += 1
        new = f"{text}-renewed{self._count}"
        self.known[new] = KnownToken(now, now + LONG_LIFE, token.scopes)
        return {"access_token": new, "token_type": "bearer", "expires_in": int(LONG_LIFE.total_seconds())}

    def _told(self, given: Mapping[str, str], now: datetime) -> dict[str, Any]:
        if given.get("access_token") != f"{self.app_id}|{self.app_secret}":
            raise Refused(400, 190, "Invalid OAuth access token signature.", kind="OAuthException")
        token = self.known.get(given.get("input_token", ""))
        if token is None:
            return {"data": {"is_valid": False, "error": {"code": 190, "message": "Invalid"}, "scopes": []}}
        is_over = token.expires_at is not None and token.expires_at <= now
        told: dict[str, Any] = {"is_valid": token.is_valid and not is_over, "scopes": list(token.scopes)}
        if token.tells_expiry:
            told["expires_at"] = 0 if token.expires_at is None else int(token.expires_at.timestamp())
        return {"data": told}
