"""Containers and codecs to 16 kHz channels, while the bytes are still arriving.

PyAV pulls its input, so each container session has a thread that blocks in a bounded pipe. The
format is chosen from the first bytes out of a fixed list: FFmpeg's own probing would also accept
playlists, which open files and addresses on the server.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import av
import av.error
import numpy as np
import structlog

from server.while_alive import while_alive
from streaming.errors import ErrorCode, StarlingError
from streaming.intake import Channels
from streaming.options import TARGET_RATE_HZ, AudioFormat

log = structlog.get_logger()

MAX_PIPE_BYTES = 256 * 1024
_SIGNATURE_BYTES = 12
_HINT = (
    "send WebM, Ogg, MP3, FLAC or WAV from its first byte on, "
    "or declare encoding and sample_rate of raw samples"
)


def container_format(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that begins with these 12 bytes, if it is taken."""
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav"
    is_mpeg_sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)
    if head.startswith(b"ID3") or is_mpeg_sync:
        return "mp3"
    return None


class _BytePipe:
    """A file that FFmpeg reads: blocks until bytes or the end arrive."""

    def __init__(self, on_room: Callable[[], None]) -> None:
        self._on_room = on_room
        self._data = bytearray()
        self._has_ended = False
        self._changed = threading.Condition()

    def write(self, data: bytes) -> bool:
        """Add bytes; return whether there is room for more."""
        with self._changed:
            self._data += data
            self._changed.notify()
            return len(self._data) < MAX_PIPE_BYTES

    def end(self, *, discard: bool = False) -> None:
        """No more bytes will come."""
        with self._changed:
            self._has_ended = True
            if discard:
                self._data.clear()
            self._changed.notify()

    def peek(self, size: int) -> bytes:
        """Wait for `size` bytes or the end, and return them without taking them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._data) >= size or self._has_ended)
            return bytes(self._data[:size])

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._data) or self._has_ended)
            taken = bytes(self._data[:size])
            del self._data[:size]
            has_room = len(self._data) < MAX_PIPE_BYTES
        if has_room:
            self._on_room()
        return taken


class ContainerDecoder:
    """Decodes one session's container on a thread of its own.

    Args:
        audio: The declared format; two channels are kept apart or mixed as it says.
        deliver: Takes each piece of audio on the event loop; the thread waits for it to return,
            which is how a congested session slows its sender down.
        on_error: Told on the event loop when the bytes are no audio that we take
            (UNSUPPORTED_AUDIO); all further bytes are ignored.
    """

    def __init__(
        self,
        audio: AudioFormat,
        deliver: Callable[[Channels], Awaitable[None]],
        on_error: Callable[[StarlingError], None],
    ) -> None:
        self._num_transcripts = audio.num_transcripts
        self._num_declared = audio.num_channels
        self._deliver = deliver
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._pipe = _BytePipe(while_alive(self._signal_room))
        self._finished = asyncio.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="container", daemon=True)
        self._thread.start()

    async def feed(self, data: bytes) -> None:
        """Pass bytes on; waits while the decoder is behind."""
        if self._finished.is_set():
            return
        # Cleared first: the thread may drain the pipe before `write` has returned.
        self._has_room.clear()
        if self._pipe.write(data):
            self._has_room.set()
        await self._has_room.wait()

    async def finish(self) -> None:
        """Decode the rest; returns when all of it is delivered."""
        self._pipe.end()
        await self._finished.wait()

    def close(self) -> None:
        """End the thread without waiting for the rest."""
        self._is_closed = True
        self._pipe.end(discard=True)

    def _signal_room(self) -> None:
        if not self._has_room.is_set():
            self._call(self._has_room.set)

    def _call(self, function: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            self._is_closed = True

    def _run(self) -> None:
        error: StarlingError | None = None
        try:
            for audio in self._decode():
                if self._is_closed:
                    break
                asyncio.run_coroutine_threadsafe(self._pass_on(audio), self._loop).result()
        except StarlingError as refused:
            error = refused
        except Exception as failure:  # noqa: BLE001 # FFmpeg raises many kinds; none may kill the thread
            log.info("container decoding ended", error=type(failure).__name__)
            error = _unsupported("the audio could not be decoded")
        self._call(lambda: self._settle(error))

    async def _pass_on(self, audio: Channels) -> None:
        await self._deliver(audio)

    def _settle(self, error: StarlingError | None) -> None:
        self._has_room.set()
        self._finished.set()
        if error is not None and not self._is_closed:
            self._on_error(error)

    def _decode(self) -> Iterator[Channels]:
        head = self._pipe.peek(_SIGNATURE_BYTES)
        if not head:
            return
        name = container_format(head)
        if name is None:
            raise _unsupported("the audio is no container that is taken here")
        with av.open(self._pipe, mode="r", format=name, options=_OPTIONS) as container:
            if not container.streams.audio:
                raise _unsupported("the container holds no audio")
            stream = container.streams.audio[0]
            if self._num_declared > 1 and stream.codec_context.channels < self._num_declared:
                raise StarlingError(
                    ErrorCode.UNSUPPORTED_AUDIO,
                    "two channels were declared, the container has one",
                    "leave `channels` out, or send two-channel audio",
                )
            layout = "stereo" if self._num_transcripts == 2 else "mono"
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=TARGET_RATE_HZ)
            yield from self._resample(container, resampler)

    def _resample(
        self, container: av.container.InputContainer, resampler: av.AudioResampler
    ) -> Iterator[Channels]:
        num_decoded = 0
        try:
            for frame in container.decode(audio=0):
                num_decoded += 1
                for ready in resampler.resample(frame):
                    yield ready.to_ndarray().astype(np.float32, copy=False)
        except av.error.FFmpegError:
            # A cut-off file ends in an error after its last whole frame; what came before counts.
            if num_decoded == 0:
                raise
        if num_decoded == 0:
            raise _unsupported("the container holds no audio that can be decoded")
        for ready in resampler.resample(None):
            yield ready.to_ndarray().astype(np.float32, copy=False)


_OPTIONS = {"analyzeduration": "1"}
"""Look ahead no further than the codec's parameters need; 0 would be FFmpeg's default, 5 s."""


def _unsupported(message: str) -> StarlingError:
    return StarlingError(ErrorCode.UNSUPPORTED_AUDIO, message, _HINT)
