"""A gRPC call as a `Link`, and the errors that calls end with."""

import asyncio
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc.aio import EOF, AioRpcError
from grpc_status import rpc_status
from starling.v1.transcription_pb2 import StreamingTranscribeRequest

from starling_client.errors import ConnectionLost, StarlingError
from starling_client.events import Closed, ErrorEvent, Event
from starling_client.grpc_messages import event_of, request_of


class GrpcLink:
    """Audio and messages as requests of one call, its responses as events."""

    def __init__(self, call: Any, target: str) -> None:
        self._call = call
        self._target = target
        self._is_over = False

    async def send_audio(self, audio: bytes) -> None:
        """Send audio, waiting while the server is behind."""
        await self._send(StreamingTranscribeRequest(audio=audio))

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send any other message."""
        await self._send(request_of(message))

    async def receive(self) -> Event:
        """Wait for the next event."""
        try:
            response = await self._call.read()
        except AioRpcError as error:
            self._is_over = True
            raise call_error(error, self._target) from error
        if response is EOF:
            self._is_over = True
            raise ConnectionLost("the call ended early")
        event = event_of(response)
        # From here on the server only waits for us to read; gRPC drops what it says if a write
        # meets the end of the call.
        self._is_over = self._is_over or isinstance(event, ErrorEvent | Closed)
        return event

    async def aclose(self) -> None:
        """Cancel the call, unless it is over; may be called twice."""
        self._call.cancel()

    async def _send(self, request: StreamingTranscribeRequest) -> None:
        if self._is_over:
            raise ConnectionLost("the call is over")
        try:
            await self._call.write(request)
        except (AioRpcError, asyncio.InvalidStateError) as error:
            self._is_over = True
            raise ConnectionLost("the call is over") from error  # `receive` says why


def call_error(error: AioRpcError, target: str) -> StarlingError:
    """Return what a failed call says: the server's own words where it sent some."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # it has what is asked for
    info, retry = ErrorInfo(), RetryInfo()
    retry_after_s: float | None = None
    for detail in status.details if status else ():
        detail.Unpack(info)
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    said = str(error.details())
    if info.domain == "starling":
        return StarlingError(
            info.reason,
            said,
            info.metadata["hint"],
            retryable=info.metadata["retryable"] == "true",
            retry_after_s=retry_after_s,
        )
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return StarlingError(
            "unreachable",
            f"No Starling server answers at {target}: {said}.",
            "Start one with `starling serve`, or check the address and port.",
            retryable=True,
        )
    return ConnectionLost(f"{error.code().name}, {said}")
