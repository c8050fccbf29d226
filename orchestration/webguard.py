"""The operators' web server behind a guard. Run as `python -m orchestration.webguard`, options as dagster-webserver.

Dagster's web server knows no login, takes mutations by GET, and looks at neither Host nor Origin: any page that an
operator has open could start runs or forge a passed check through their browser. The guard lets in only requests
that name this machine and come from its own pages. Whoever can run a program here can still do everything.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost"})


def allowed(scope: Scope) -> bool:
    """Whether a request may pass: own host, own origin, and no way for a foreign page to mean anything by it."""
    head: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in head and key in {"host", "origin", "content-type"}:
            return False  # two of them: whoever reads the other one would be told something else
        head[key] = value.decode("latin-1")
    host = head.get("host", "")
    try:
        if urlsplit(f"//{host}").hostname not in HOSTS:
            return False
        if "origin" in head and urlsplit(head["origin"]).netloc != host:
            return False
    except ValueError:  # a host that is no host, `[` say
        return False
    if scope["type"] == "websocket":
        return True
    if scope["method"] == "POST":
        # A form or text may be posted across sites without asking first; JSON may not.
        return head.get("content-type", "").split(";")[0].strip().lower() == "application/json"
    # Not `query=` in it: `%71uery=` means the same.
    return not (scope["path"].rstrip("/").endswith("/graphql") and scope["query_string"])


class Guard:
    """Pure ASGI middleware: 403 for requests, close code 4403 for web sockets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or allowed(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            text = "Refused: open http://127.0.0.1 itself; other pages may not speak to this server.\n"
            await send({"type": "http.response.body", "body": text.encode()})


def install() -> None:
    """Put the guard in front of everything that Dagster's web server answers."""
    from dagster_webserver.webserver import DagsterWebserver

    stock = DagsterWebserver.build_middleware

    def guarded(self: Any) -> list[Middleware]:
        return [Middleware(Guard), *stock(self)]

    DagsterWebserver.build_middleware = guarded  # type: ignore[method-assign]


def main() -> None:
    """Start the guarded server."""
    from dagster_webserver.cli import main as serve

    install()
    serve()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
