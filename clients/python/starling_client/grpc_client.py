"""The client over gRPC: the same sessions and events as over a WebSocket.

Needs `grpcio`, `grpcio-status` and `protobuf` beside this package and the generated `starling.v1`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc.aio import AioRpcError
from starling.v1.transcription_pb2 import TranscribeRequest
from starling.v1.transcription_pb2_grpc import TranscriptionStub

from starling_client.errors import StarlingError
from starling_client.events import EffectiveOptions, Final
from starling_client.grpc_link import GrpcLink, call_error
from starling_client.grpc_messages import build, start_of
from starling_client.options import SessionOptions
from starling_client.reconnecting import ReconnectPolicy, Routes
from starling_client.session import Session

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # How often the session tries again is for it to say, not for the channel.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A connection for each session: one that is read slowly must not hold up another.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a file; `duration` is its length in seconds."""

    text: str
    finals: tuple[Final, ...]
    duration: float
    options: EffectiveOptions


class GrpcStarlingClient:
    """Where a Starling server takes gRPC and how to get in; holds no connection itself.

    `target` is `HOST:PORT`. `credentials` are those of a TLS channel, such as
    `grpc.ssl_channel_credentials()`; None speaks plain text. `open_timeout_s` is how long the
    server may take to open a session. `max_queued_events` bounds the events not yet iterated over.
    """

    def __init__(
        self,
        target: str,
        api_key: str | None = None,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        open_timeout_s: float = 10.0,
        max_queued_events: int = 256,
        reconnect: ReconnectPolicy | None = None,
    ) -> None:
        host, _, port = target.rpartition(":")
        if not host or not port.isdigit():
            raise StarlingError(
                "bad_address",
                f"{target!r} is no gRPC address.",
                "Write it like 127.0.0.1:50051.",
            )
        self._target = target
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self._credentials = credentials
        self._open_timeout_s = open_timeout_s
        self._max_queued_events = max_queued_events
        self._reconnect = reconnect or ReconnectPolicy()

    @asynccontextmanager
    async def stream(self, options: SessionOptions | None = None) -> AsyncIterator[Session]:
        """Open a session and end its call with the block; as `StarlingClient.stream`."""
        async with self._connected() as stub:

            async def call() -> GrpcLink:
                return GrpcLink(stub.StreamingTranscribe(metadata=self._metadata), self._target)

            session = Session(Routes([call]), self._max_queued_events, self._reconnect)
            try:
                await self._open(session, options or SessionOptions())
                yield session
            finally:
                await session.aclose()

    async def _open(self, session: Session, options: SessionOptions) -> None:
        try:
            async with asyncio.timeout(self._open_timeout_s):
                await session.open(options)
        except TimeoutError as error:
            raise StarlingError(
                "unreachable",
                f"No Starling server answers at {self._target}: it did not answer in time.",
                "Start one with `starling serve`, or check the address and port.",
                retryable=True,
            ) from error

    async def transcribe(
        self, audio: bytes, options: SessionOptions | None = None, *, timeout_s: float | None = None
    ) -> Transcript:
        """Transcribe a short file in one call.

        Raises `StarlingError` when the server can't be reached or refuses, and `ConnectionLost`
        when it has not answered within `timeout_s`.
        """
        request = TranscribeRequest(options=start_of(options or SessionOptions()), audio=audio)
        async with self._connected() as stub:
            try:
                response = await stub.Transcribe(
                    request, metadata=self._metadata, timeout=timeout_s
                )
            except AioRpcError as error:
                raise call_error(error, self._target) from error
        return Transcript(
            text=response.text,
            finals=tuple(build(Final, final, seq=0) for final in response.finals),
            duration=response.duration,
            options=build(EffectiveOptions, response.options),
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        if self._credentials is None:
            channel = grpc.aio.insecure_channel(self._target, _CHANNEL_OPTIONS)
        else:
            channel = grpc.aio.secure_channel(self._target, self._credentials, _CHANNEL_OPTIONS)
        async with channel:
            yield TranscriptionStub(channel)
