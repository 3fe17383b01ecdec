"""Viewers on WebSockets."""

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from server.auth import accepted_subprotocol
from server.dialects import viewing as dialect
from server.session_opening import SessionFactory, count_refusal
from server.stores.base import StoreUnavailableError
from server.viewers.feed import Viewer, store_unavailable
from server.wire_status import NORMAL_CLOSURE, WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError

SEND_TIMEOUT_S = 30.0
"""A viewer that takes nothing for so long is gone, whatever its socket says."""


async def serve_viewer(socket: WebSocket, factory: SessionFactory) -> None:
    """Show a session to one viewer, from handshake to close.

    Refusals are told in messages: a browser cannot see the status of a handshake that failed.
    """
    subprotocols: list[str] = socket.scope.get("subprotocols", [])
    await socket.accept(accepted_subprotocol(subprotocols))
    viewing = factory.viewing
    try:
        reader = await viewing.access.reader(
            socket.path_params["session"],
            socket.headers,
            subprotocols,
            socket.query_params.get("token"),
        )
        after_seq = number_after(socket.query_params.get("after"))
        async with viewing.feeds.watch(reader, after_seq) as viewer:
            await _show(socket, viewer)
    except StarlingError as error:
        await _refuse(socket, factory, error)
    except StoreUnavailableError:
        await _refuse(socket, factory, store_unavailable())


def number_after(text: str | None) -> int:
    """Return the last number that a viewer has seen, 0 for none.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise StarlingError(
            ErrorCode.INVALID_OPTIONS,
            "the number to go on from is none",
            "send the `seq` of the last final, `utterance_ended` or `closed` that arrived",
        )
    return int(text)


async def _send_all(socket: WebSocket, viewer: Viewer) -> None:
    while (message := await viewer.next()) is not None:
        await _send(socket, message.encoded(dialect.message_of))
    await socket.close(NORMAL_CLOSURE)


async def _send(socket: WebSocket, message: str) -> None:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_text(message)
    except TimeoutError:
        raise WebSocketDisconnect from None


async def _receive_to_end(socket: WebSocket) -> None:
    """Leave what the viewer says unread and notice when it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _show(socket: WebSocket, viewer: Viewer) -> None:
    """Send until the session is over or the viewer has gone."""
    sending = asyncio.ensure_future(_send_all(socket, viewer))
    leaving = asyncio.ensure_future(_receive_to_end(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            with suppress(WebSocketDisconnect, RuntimeError):
                sending.result()
    finally:
        sending.cancel()
        leaving.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _refuse(socket: WebSocket, factory: SessionFactory, error: StarlingError) -> None:
    count_refusal(factory, error)
    with suppress(WebSocketDisconnect, RuntimeError):
        await _send(socket, dialect.error_message(error))
        await socket.close(WIRE_STATUS[error.code].websocket)
