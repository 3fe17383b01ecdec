"""Viewers over gRPC: the same feed as on sockets."""

import asyncio
from typing import Any

from google.protobuf.message import DecodeError
from grpc.aio import InternalError, ServicerContext
from starling.v1.transcription_pb2 import WatchRequest, WatchResponse

from server.dialects.native import to_wire
from server.dialects.native_call import not_understood
from server.dialects.native_proto import fill
from server.session_opening import SessionFactory, count_refusal
from server.stores.base import StoreUnavailableError
from server.transports.viewer_socket import SEND_TIMEOUT_S
from server.viewers.feed import Viewer, store_unavailable
from streaming.errors import StarlingError
from streaming.live_messages import ViewedEvent


async def serve_watch(
    context: ServicerContext[Any, Any], data: bytes, factory: SessionFactory
) -> None:
    """Show a session to one viewer, to the session's end.

    Raises:
        StarlingError: Who may not watch, or no longer, and why.
    """
    headers = {str(name): str(value) for name, value in context.invocation_metadata() or ()}
    viewing = factory.viewing
    try:
        request = WatchRequest.FromString(data)
        reader = await viewing.access.reader(request.session, headers)
        async with viewing.feeds.watch(reader, request.after) as viewer:
            await _send_all(context, viewer)
    except DecodeError:
        raise not_understood() from None
    except StoreUnavailableError:
        raise store_unavailable() from None
    except StarlingError as error:
        count_refusal(factory, error)
        raise


def response_of(seq: int, event: ViewedEvent) -> bytes:
    """Return an event as the bytes of a response."""
    told = to_wire(seq, event)
    response = WatchResponse(seq=seq)
    # Every message of the protocol has a `type`, which names its field here.
    answer = getattr(response, told.type)  # type: ignore[attr-defined]
    answer.SetInParent()
    fill(answer, told)
    return response.SerializeToString()


async def _send_all(context: ServicerContext[Any, Any], viewer: Viewer) -> None:
    while (message := await viewer.next()) is not None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await context.write(message.encoded(response_of))
        except (InternalError, TimeoutError):  # the viewer is gone
            raise asyncio.CancelledError from None
