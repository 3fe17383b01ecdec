"""One recording through a server: as fast as it takes it, or at speaking pace."""

import asyncio
from dataclasses import dataclass

from loadtest.measures import Seen, finals
from loadtest.recordings import BYTES_PER_S, SAMPLE_RATE_HZ, chunks
from starling_client import RealTime, SessionOptions, StarlingClient


@dataclass(frozen=True)
class Target:
    """The server to measure and what sessions ask of it; None takes the server's default."""

    url: str
    api_key: str | None = None
    model: str | None = None


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


async def stream(
    target: Target, pcm: bytes, *, language: str | None, is_real_time: bool
) -> Streamed:
    """Send 16 kHz mono samples in a session of their own and collect every event.

    Raises `StarlingError` when the session fails.
    """
    options = SessionOptions(
        encoding="pcm_s16le", sample_rate=SAMPLE_RATE_HZ, language=language, model=target.model
    )
    loop = asyncio.get_running_loop()
    client = StarlingClient(target.url, target.api_key, ping_timeout_s=None)
    async with client.stream(options) as session:
        begun_at = loop.time()
        paced = RealTime(chunks(pcm), BYTES_PER_S) if is_real_time else None
        session.feed(paced or chunks(pcm))
        seen = [Seen(loop.time(), event) async for event in session]
        return Streamed(
            seen=tuple(seen),
            audio_s=len(pcm) / BYTES_PER_S,
            wall_s=loop.time() - begun_at,
            started_at=paced.started_at if paced else None,
        )
