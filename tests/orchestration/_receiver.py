"""A receiver of JSON messages on loopback, as Apprise's `json://` address reaches one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What was posted, in order, and what is answered.

    Attributes:
        status: the answer to the next posts.
        messages: bodies of posts that were answered with 200.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.messages: list[dict[str, Any]] = []

    def url(self, secret: str = "inbox") -> str:
        return f"json://127.0.0.1:{self.port}/{secret}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that stands while the block does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == 200:
                receiver.messages.append(json.loads(body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Tests read messages, not access logs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
