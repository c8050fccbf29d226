"""Stand-ins for the vendors' servers: one loopback server with the programme's calendar and the Graph API.

What belongs here: mounting the parts on addresses, conditional requests, and the server's clock. What does not: what
the parts say. It binds 127.0.0.1 only and asks for a free port.

`/programme.ics` is the calendar, with an ETag; `/graph/...` is the Graph API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from sandbox.graph_api import GraphApi
from sandbox.loopback import LoopbackServer, Response, text_response
from sandbox.programme import calendar_bytes
from sandbox.world import CLOCK, World

CALENDAR_PATH = "/programme.ics"
GRAPH_PATH = "/graph"


class StandIns(LoopbackServer):
    """The server, running while it is entered as a context; put its `url` into LEVENDE_SANDBOX_URL.

    Args:
        token: the access token that the Graph API accepts. Keep it out of files.
        now: the clock of the servers; set `now` to move it.
        port: 0 for any free port.
    """

    def __init__(self, world: World, token: str, *, now: datetime = CLOCK, port: int = 0) -> None:
        super().__init__(port)
        self._calendar = calendar_bytes(world.programme, world.configuration.zone)
        self._etag = f'"{hashlib.sha256(self._calendar).hexdigest()[:16]}"'
        self._graph: GraphApi | None = world.profile.api(token, now) if world.profile is not None else None
        self._now = now
        if self._graph is not None:
            self._graph.base = f"{self.url}{GRAPH_PATH}"

    @property
    def now(self) -> datetime:
        """The servers' clock."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        self._now = moment
        if self._graph is not None:
            self._graph.now = moment

    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered."""
        parts = urlsplit(target)
        if parts.path == CALENDAR_PATH:
            if self._etag in [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]:
                return Response(304, {"ETag": self._etag}, b"")
            return Response(200, {"ETag": self._etag, "Content-Type": "text/calendar; charset=utf-8"}, self._calendar)
        if parts.path.startswith(f"{GRAPH_PATH}/") and self._graph is not None:
            query = parse_qs(form or parts.query, keep_blank_values=True)
            return self._graph.serve(parts.path.removeprefix(GRAPH_PATH), query, headers)
        return text_response("Not here. Ask for /programme.ics or /graph/...\n", 404)
