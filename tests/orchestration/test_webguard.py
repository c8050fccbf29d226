"""The guard before the operators' pages: what a page of another site could try from the operator's own browser."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from orchestration.webguard import Guard

HOST = "127.0.0.1:3000"
OWN = f"http://{HOST}"


async def _answer(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("in")


async def _greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("in")
    await socket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/graphql", _answer, methods=["GET", "POST"]),
        Route("/report_asset_check/{name}", _answer, methods=["POST"]),
        Route("/", _answer),
        WebSocketRoute("/graphql", _greet),
    ]
    return TestClient(Guard(Starlette(routes=routes)), base_url=OWN)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/graphql?query=mutation", {}),
        ("GET", "/graphql?%71uery=mutation", {}),
        ("GET", "/graphql/?query=mutation", {}),
        ("POST", "/graphql?query=mutation", {}),
        ("POST", "/graphql", {"content-type": "text/plain; x=application/json"}),
        ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}),
        ("POST", "/report_asset_check/x", {}),
        ("GET", "/", {"host": "evil.example:3000"}),
        ("GET", "/", {"host": "127.0.0.1.evil.example"}),
        ("GET", "/", {"host": "["}),
        ("POST", "/graphql", {"content-type": "application/json", "origin": "null"}),
        ("POST", "/graphql", {"content-type": "application/json", "origin": "http://127.0.0.1:8000"}),
        ("POST", "/graphql", {"content-type": "application/json", "origin": "https://evil.example"}),
        ("GET", "/", {"origin": "http://["}),
    ],
)
def test_what_a_foreign_page_can_send_is_refused(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    """Each of these started a run, or forged a passed check, on an unguarded server."""
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.text != "in"


def test_two_hosts_or_two_origins_are_refused(client: TestClient) -> None:
    """We would judge one of them, and somebody behind us the other."""
    answer = client.get("/", headers=[("host", HOST), ("origin", "https://evil.example"), ("origin", OWN)])
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/graphql", {}),
        ("GET", "/", {"host": "localhost:3000"}),
        ("POST", "/graphql", {"content-type": "application/json", "origin": OWN}),
        ("POST", "/graphql", {"content-type": "application/json; charset=utf-8"}),
        ("POST", "/report_asset_check/x", {"content-type": "application/json"}),
    ],
)
def test_what_our_own_pages_and_programs_send_passes(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    """The pages must work."""
    assert client.request(method, path, headers=headers).text == "in"


def test_a_web_socket_of_another_site_is_closed(client: TestClient) -> None:
    """It could subscribe to the logs."""
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/graphql", headers={"origin": "https://evil.example"}),
    ):
        pass
    assert closed.value.code == 4403
    with client.websocket_connect("/graphql", headers={"origin": OWN, "host": HOST}) as socket:
        assert socket.receive_text() == "in"


def test_the_guard_stands_before_dagsters_own_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is a method of Dagster's web server; this fails when a new version builds it elsewhere."""
    from dagster_webserver.webserver import DagsterWebserver

    from orchestration import webguard

    monkeypatch.setattr(DagsterWebserver, "build_middleware", DagsterWebserver.build_middleware)
    webguard.install()
    server = object.__new__(DagsterWebserver)
    assert next(middleware.cls for middleware in server.build_middleware()) is Guard
