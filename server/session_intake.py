"""What a client sends as audio, raw or in a container, to the samples its session hears."""

import asyncio
from collections.abc import Callable

from server.container_decoder import ContainerDecoder
from streaming.errors import StarlingError
from streaming.intake import Channels, RawAudioIntake
from streaming.options import AudioFormat, Encoding
from streaming.resume import ResumePlace


class SessionIntake:
    """The decoder of one session's audio.

    Args:
        audio: How the client sends it.
        place: Where it goes on; what only warms a resampler, or was heard of a container, is
            skipped.
        take: Gets the samples, shape (num_transcripts, n); n may be 0.
        room: Set while the session takes more; a container's decoder waits for it.
        on_error: Gets told when a container cannot be read.
    """

    def __init__(
        self,
        audio: AudioFormat,
        place: ResumePlace,
        take: Callable[[Channels], None],
        room: asyncio.Event,
        on_error: Callable[[StarlingError], None],
    ) -> None:
        self._audio = audio
        self._num_to_skip = place.num_discarded
        self._take = take
        self._room = room
        self._on_error = on_error
        self._raw: RawAudioIntake | None = None
        self._container: ContainerDecoder | None = None
        if audio.encoding is not Encoding.CONTAINER:
            self._raw = RawAudioIntake(audio, is_continued=place.client_sample > 0)

    def open(self) -> None:
        """Start the thread of a container's decoder; `close` ends it."""
        if self._raw is None:
            self._container = ContainerDecoder(self._audio, self._take_decoded, self._on_error)

    @property
    def is_raw(self) -> bool:
        """Whether audio becomes samples at once, without waiting for a decoder."""
        return self._raw is not None

    def feed_raw(self, data: bytes) -> None:
        """Take raw audio."""
        if self._raw is not None:
            self._pass_on(self._raw.feed(data))

    def flush_raw(self) -> None:
        """Give out what the resampler holds; no more raw audio comes."""
        if self._raw is not None:
            self._pass_on(self._raw.flush())

    async def feed_container(self, data: bytes) -> None:
        """Take bytes of a container; wait while its decoder is behind."""
        if self._container is not None:
            await self._container.feed(data)

    async def finish_container(self) -> None:
        """Wait until everything of the container is decoded; no more bytes come."""
        if self._container is not None:
            await self._container.finish()

    def close(self) -> None:
        """Let go of the decoder, finished or not."""
        if self._container is not None:
            self._container.close()
        self._container = None

    async def _take_decoded(self, audio: Channels) -> None:
        await self._room.wait()
        self._pass_on(audio)

    def _pass_on(self, audio: Channels) -> None:
        if self._num_to_skip:
            skipped = min(self._num_to_skip, audio.shape[1])
            self._num_to_skip -= skipped
            audio = audio[:, skipped:]
        self._take(audio)
