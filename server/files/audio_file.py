"""A recorded file as 16 kHz audio, read piece by piece.

Every method blocks and is called from a worker thread, one call at a time.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

import av
import av.error
import numpy as np

from server.files.formats import SIGNATURE_BYTES, file_format
from streaming.errors import ErrorCode, StarlingError
from streaming.intake import Channels, RawAudioIntake
from streaming.options import TARGET_RATE_HZ, AudioFormat

PIECE_SAMPLES = 4 * TARGET_RATE_HZ
MAX_SPLIT_CHANNELS = 8
"""Each channel costs a transcript of its own."""

_RAW_READ_BYTES = 64 * 1024


class AudioFile(Protocol):
    """Decoded audio of a file."""

    num_channels: int
    duration_s: float | None

    def read(self) -> Channels | None:
        """Return the next piece, shape (num_channels, n), or None at the end.

        Raises:
            StarlingError: UNSUPPORTED_AUDIO when nothing of the file can be decoded.
        """

    def close(self) -> None:
        """Let go of the decoder."""


class ContainerFile:
    """A file in any container and codec that PyAV reads.

    Args:
        file: The whole file, seekable.
        split_channels: Whether each channel is kept apart; else they are mixed.

    Raises:
        StarlingError: UNSUPPORTED_AUDIO.
    """

    def __init__(self, file: BinaryIO, *, split_channels: bool) -> None:
        head = file.read(SIGNATURE_BYTES)
        file.seek(0)
        name = file_format(head)
        if name is None:
            raise _unsupported("the file is no audio or video that is taken here")
        try:
            self._container = av.open(file, mode="r", format=name)
        except (av.error.FFmpegError, ValueError, OSError):
            raise _unsupported("the file cannot be read as audio") from None
        if not self._container.streams.audio:
            self._container.close()
            raise _unsupported("the file holds no audio")
        stream = self._container.streams.audio[0]
        self.num_channels = stream.codec_context.channels if split_channels else 1
        if self.num_channels > MAX_SPLIT_CHANNELS:
            self._container.close()
            raise _unsupported(f"the file has more than {MAX_SPLIT_CHANNELS} channels to split")
        duration = self._container.duration
        self.duration_s = None if duration is None else duration / av.time_base
        layout = stream.codec_context.layout.name if self.num_channels > 1 else "mono"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=TARGET_RATE_HZ)
        self._frames = self._resample(resampler)

    def read(self) -> Channels | None:
        """Return the next piece, or None at the end."""
        frames: list[Channels] = []
        num_samples = 0
        for frame in self._frames:
            frames.append(frame)
            num_samples += frame.shape[1]
            if num_samples >= PIECE_SAMPLES:
                break
        return np.concatenate(frames, axis=1) if frames else None

    def close(self) -> None:
        """Let go of the decoder."""
        self._container.close()

    def _resample(self, resampler: av.AudioResampler) -> Iterator[Channels]:
        num_decoded = 0
        try:
            for frame in self._container.decode(audio=0):
                num_decoded += 1
                for ready in resampler.resample(frame):
                    yield ready.to_ndarray().astype(np.float32, copy=False)
        except (av.error.FFmpegError, ValueError):
            # A cut-off file ends in an error after its last whole frame; what came before counts.
            if num_decoded == 0:
                raise _unsupported("the file's audio cannot be decoded") from None
        if num_decoded == 0:
            raise _unsupported("the file holds no audio that can be decoded")
        for ready in resampler.resample(None):
            yield ready.to_ndarray().astype(np.float32, copy=False)


class RawFile:
    """A file of bare samples in a declared encoding."""

    def __init__(self, file: BinaryIO, audio: AudioFormat) -> None:
        self._file = file
        self._intake = RawAudioIntake(audio)
        self._has_ended = False
        self.num_channels = audio.num_transcripts
        self.duration_s: float | None = None

    def read(self) -> Channels | None:
        """Return the next piece, or None at the end."""
        if self._has_ended:
            return None
        data = self._file.read(_RAW_READ_BYTES)
        if data:
            return self._intake.feed(data)
        self._has_ended = True
        return self._intake.flush()

    def close(self) -> None:
        """There is nothing to let go of."""


def _unsupported(message: str) -> StarlingError:
    return StarlingError(
        ErrorCode.UNSUPPORTED_AUDIO,
        message,
        "send WAV, MP3, M4A, MP4, FLAC, Ogg, WebM or another common audio file",
    )
