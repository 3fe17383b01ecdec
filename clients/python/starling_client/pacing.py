"""Sending a recording as if it were being spoken now."""

import asyncio
from collections.abc import AsyncIterator, Iterable


class RealTime:
    """Gives out each chunk when its last sample would have been spoken, never sooner.

    `bytes_per_s` is the audio's data rate. `started_at` is the event loop's time at which the
    first sample counts as spoken, None before iteration: audio time `t` was spoken at
    `started_at + t`. Chunks are made in a worker thread, so decoding does not disturb the pace.
    """

    def __init__(self, chunks: Iterable[bytes], bytes_per_s: int) -> None:
        self.started_at: float | None = None
        self._chunks = chunks
        self._bytes_per_s = bytes_per_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks in time."""
        loop = asyncio.get_running_loop()
        chunks = iter(self._chunks)
        num_bytes = 0
        while (chunk := await asyncio.to_thread(next, chunks, b"")) != b"":
            if self.started_at is None:
                self.started_at = loop.time()
            num_bytes += len(chunk)
            await asyncio.sleep(self.started_at + num_bytes / self._bytes_per_s - loop.time())
            yield chunk
