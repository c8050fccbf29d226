"""Stand-ins for the vendors' servers: one loopback server with the programme's calendar and the Graph API.

What belongs here: mounting the parts on addresses, conditional requests, and the server's clock. What does not: what
the parts say. It binds 127.0.0.1 only and asks for a free port.

`/programme.ics` is the calendar, with an ETag; `/graph/...` is the Graph API.
"""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from sandbox.graph_api import GraphApi, Response
from sandbox.programme import calendar_bytes
from sandbox.world import CLOCK, World

CALENDAR_PATH = "/programme.ics"
GRAPH_PATH = "/graph"


class StandIns:
    """The server, running while it is entered as a context.

    Args:
        token: the access token that the Graph API accepts. Keep it out of files.
        now: the clock of the servers; set `now` to move it.
        port: 0 for any free port.
    """

    def __init__(self, world: World, token: str, *, now: datetime = CLOCK, port: int = 0) -> None:
        self._calendar = calendar_bytes(world.programme, world.configuration.zone)
        self._etag = f'"{hashlib.sha256(self._calendar).hexdigest()[:16]}"'
        self._graph: GraphApi | None = world.profile.api(token, now) if world.profile is not None else None
        self._now = now
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if self._graph is not None:
            self._graph.base = f"{self.url}{GRAPH_PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="stand-ins", daemon=True)

    @property
    def url(self) -> str:
        """The address to put into LEVENDE_SANDBOX_URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def now(self) -> datetime:
        """The servers' clock."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        self._now = moment
        if self._graph is not None:
            self._graph.now = moment

    def __enter__(self) -> StandIns:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, target: str, headers: dict[str, str], form: str = "") -> Response:
        """What a GET of a path with query, or a POST of a form to it, is answered."""
        parts = urlsplit(target)
        if parts.path == CALENDAR_PATH:
            given = next((v for k, v in headers.items() if k.casefold() == "if-none-match"), "")
            if self._etag in [tag.strip().removeprefix("W/") for tag in given.split(",")]:
                return Response(304, {"ETag": self._etag}, b"")
            return Response(200, {"ETag": self._etag, "Content-Type": "text/calendar; charset=utf-8"}, self._calendar)
        if parts.path.startswith(f"{GRAPH_PATH}/") and self._graph is not None:
            query = parse_qs(form or parts.query, keep_blank_values=True)
            return self._graph.serve(parts.path.removeprefix(GRAPH_PATH), query, headers)
        return Response(404, {"Content-Type": "text/plain"}, b"Not here. Ask for /programme.ics or /graph/...\n")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_ins = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment: sent apart, the second waits 40 ms for the first's receipt

            def do_GET(self) -> None:
                self._reply(stand_ins.answer(self.path, dict(self.headers.items())))

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                self._reply(stand_ins.answer(self.path, dict(self.headers.items()), form))

            def _reply(self, response: Response) -> None:
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if response.status != 304:
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the request line may hold a token."""

        return Handler
