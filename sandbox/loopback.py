"""What every stand-in server is made of: an answer to a request, and a loopback server that runs as a context.

What belongs here: HTTP, threads, addresses. What does not: what any system says; the stand-ins do that.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def text_response(text: str, status: int = 200, kind: str = "text/plain") -> Response:
    """An answer of text, in UTF-8."""
    return Response(status, {"Content-Type": f"{kind}; charset=utf-8"}, text.encode())


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON, in UTF-8."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


def first_values(text: str) -> dict[str, str]:
    """A query's or a form's fields, each with the value that stands first."""
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


class LoopbackServer(ABC):
    """Answers GET and POST on 127.0.0.1 while it is entered as a context.

    Args:
        port: 0 for any free port.
    """

    def __init__(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        name = type(self).__name__
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=name, daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @abstractmethod
    def answer(self, method: str, target: str, headers: Mapping[str, str], form: str) -> Response:
        """What one request is answered; called by several threads at once.

        Args:
            target: path and query as they were sent.
            headers: by lower-case name.
            form: the body of a POST, else empty.
        """

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment: sent apart, the second waits 40 ms for the first's receipt

            def do_GET(self) -> None:
                self._reply("")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

            def _reply(self, form: str) -> None:
                headers = {name.casefold(): value for name, value in self.headers.items()}
                response = stand_in.answer(self.command, self.path, headers, form)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if response.status != 304:
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the request line may hold a secret."""

        return Handler
