"""An ASGI application on a real port, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import uvicorn

from server.transports.direct_socket import DirectSocketProtocol


@asynccontextmanager
async def listening(app: Any, lifespan: Literal["on", "off"] = "on") -> AsyncIterator[str]:
    """Serve it as `starling serve` does its sockets; gives the address, as of a WebSocket."""
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, ws=DirectSocketProtocol, lifespan=lifespan, log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"ws://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
