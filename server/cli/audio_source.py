"""Decoding any audio file or stdin piece by piece, so memory stays small however long it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from server.cli.failures import CommandError, ExitCode

SAMPLE_RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2
_CHUNK_SAMPLES = 1_600  # 0.1 s: short enough for live pacing, long enough to be cheap.


class _Readable(Protocol):
    def read(self, num_bytes: int) -> bytes: ...


class _Pipe:
    """Stdin without seeking: PyAV then reads it once, front to end, and as soon as it comes."""

    def read(self, num_bytes: int) -> bytes:
        return cast("BufferedIOBase", sys.stdin.buffer).read1(num_bytes)


@dataclass(frozen=True)
class AudioSource:
    """Audio being decoded to 16-bit PCM at 16 kHz; `duration_s` is None where nobody knows."""

    duration_s: float | None
    num_channels: int
    _container: InputContainer
    _stream: AudioStream
    _name: str

    @property
    def bytes_per_s(self) -> int:
        """Data rate of what `chunks` yields."""
        return SAMPLE_RATE_HZ * BYTES_PER_SAMPLE * self.num_channels

    def chunks(self) -> Iterator[bytes]:
        """Yield 0.1 s of interleaved samples at a time; a damaged packet is left out.

        Raises `CommandError` when nothing in the file could be decoded.
        """
        layout = "mono" if self.num_channels == 1 else "stereo"
        resampler = AudioResampler("s16", layout, SAMPLE_RATE_HZ, frame_size=_CHUNK_SAMPLES)
        num_frames = 0
        for frame in self._frames():
            num_frames += 1
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().tobytes()
        if num_frames == 0:
            raise _not_audio(self._name)
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray().tobytes()

    def _frames(self) -> Iterator[AudioFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from self._stream.codec_context.decode(packet)
            except av.error.InvalidDataError:
                continue
            except av.error.EOFError:
                return


@contextmanager
def open_audio(name: str, *, split: bool) -> Iterator[AudioSource]:
    """Open a file, or stdin for `-`; `split` keeps the two channels of a stereo file apart.

    Raises `CommandError` when it is missing, unreadable or holds no audio.
    """
    source: str | _Readable = _Pipe() if name == "-" else name
    if name != "-":
        _check_file(Path(name))
    try:
        container = av.open(source, mode="r", metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _not_audio(name) from error
    with container:
        if not container.streams.audio:
            raise _not_audio(name)
        stream = container.streams.audio[0]
        duration_s = None if container.duration is None else container.duration / av.time_base
        num_channels = 2 if split and stream.codec_context.channels >= 2 else 1
        yield AudioSource(duration_s, num_channels, container, stream, name)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise CommandError(
            f"There is no file {path}", "Check the name and the folder", ExitCode.NO_FILE
        )
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}",
            "Name an audio file that you may read",
            ExitCode.NO_FILE,
        ) from error


def _not_audio(name: str) -> CommandError:
    what = "Standard input" if name == "-" else name
    return CommandError(
        f"{what} holds no audio that can be decoded",
        "Give an audio or video file such as WAV, FLAC, MP3, Ogg, M4A or WebM"
        + ("; MP4 and M4A cannot be piped, name the file instead" if name == "-" else ""),
        ExitCode.NOT_AUDIO,
    )
