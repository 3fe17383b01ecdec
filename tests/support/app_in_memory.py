"""The whole application in this process, on a scripted engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from server.app import Models, build_app, build_factory
from server.settings import Settings
from tests.support.scripted_engine import ScriptedEngine, ScriptedVad


@contextmanager
def serving(**settings: object) -> Iterator[TestClient]:
    factory = build_factory(
        Settings(**settings),  # type: ignore[arg-type]
        Models(ScriptedEngine(), ScriptedVad(), num_workers=1, max_batch=4),
    )
    with TestClient(build_app(factory)) as client:
        yield client


def conversation(
    client: TestClient, url: str, *messages: str | bytes, **connect
) -> tuple[list[dict], int]:
    """Return all that the server says, and the code it closes with."""
    heard = []
    with client.websocket_connect(url, **connect) as socket:
        for message in messages:
            if isinstance(message, bytes):
                socket.send_bytes(message)
            else:
                socket.send_text(message)
        try:
            while True:
                heard.append(socket.receive_json())
        except WebSocketDisconnect as closed:
            return heard, closed.code
