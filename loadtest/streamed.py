"""One recording through a server: as fast as it takes it, or at speaking pace."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from loadtest.measures import Seen, finals
from loadtest.recordings import BYTES_PER_S, SAMPLE_RATE_HZ, chunks
from starling_client import SessionOptions, StarlingClient
from starling_client.grpc_client import GrpcStarlingClient

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Target:
    """The server to measure and what sessions ask of it; None takes the server's default.

    Sessions go over a WebSocket to `url`, or over gRPC where `grpc` is a `HOST:PORT`; `url` then
    still tells the metrics.
    """

    url: str
    api_key: str | None = None
    model: str | None = None
    grpc: str | None = None

    def client(self, *, open_timeout_s: float = 10.0) -> StarlingClient | GrpcStarlingClient:
        """Make a client; it waits for a busy server as long as that takes."""
        if self.grpc is not None:
            return GrpcStarlingClient(self.grpc, self.api_key, open_timeout_s=open_timeout_s)
        return StarlingClient(
            self.url, self.api_key, open_timeout_s=open_timeout_s, ping_timeout_s=None
        )


@dataclass(frozen=True)
class Streamed:
    """What came back for one recording.

    `started_at` is when audio time 0 was spoken, None for audio sent as fast as possible.
    """

    seen: tuple[Seen, ...]
    audio_s: float
    wall_s: float
    started_at: float | None

    @property
    def text(self) -> str:
        """The transcript: all finals, joined."""
        return " ".join(final.text.strip() for final in finals(self.seen))


class Pace:
    """Gives out each chunk when its last sample would have been spoken, on the event loop alone.

    `started_at` is when audio time 0 counts as spoken, None before that; `latest_s` is how much
    later than planned a chunk was given out at worst through the fault of this process.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.started_at: float | None = None
        self.lateness_s: list[float] = []
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks in time."""
        loop = asyncio.get_running_loop()
        started_at = self.started_at = loop.time()
        spoken_s = 0.0
        for chunk in self._chunks:
            spoken_s += len(chunk) / BYTES_PER_S
            wait_s = started_at + spoken_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                self.lateness_s.append(loop.time() - started_at - spoken_s)
            yield chunk


async def stream(
    target: Target, pcm: bytes, *, language: str | None, is_real_time: bool, words: bool = False
) -> Streamed:
    """Send 16 kHz mono samples in a session of their own and collect every event.

    Raises `StarlingError` when the session fails.
    """
    options = SessionOptions(
        encoding="pcm_s16le",
        sample_rate=SAMPLE_RATE_HZ,
        language=language,
        model=target.model,
        words=words or None,
    )
    loop = asyncio.get_running_loop()
    async with target.client().stream(options) as session:
        begun_at = loop.time()
        paced = Pace(chunks(pcm)) if is_real_time else None
        session.feed(paced or chunks(pcm))
        seen = [Seen(loop.time(), event) async for event in session]
        return Streamed(
            seen=tuple(seen),
            audio_s=len(pcm) / BYTES_PER_S,
            wall_s=loop.time() - begun_at,
            started_at=paced.started_at if paced else None,
        )


async def all_in_turn(
    work: Sequence[Coroutine[Any, Any, ResultT]], *, at_a_time: int
) -> list[ResultT]:
    """Run coroutines, a few at a time, and return their results in order.

    The first to raise ends the others; its exception is raised.
    """
    places = asyncio.Semaphore(at_a_time)

    async def one(coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        try:
            async with places:
                return await coroutine
        finally:
            coroutine.close()

    tasks = [asyncio.create_task(one(coroutine)) for coroutine in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
