"""Wire bytes to 16 kHz channels: sample decoding, mixing and resampling.

Resampling runs on blocks of a fixed number of input samples whatever the sizes of the messages,
so any split of the same bytes gives bit-identical audio; everything after relies on that.
"""

import numpy as np
import numpy.typing as npt
import soxr

from streaming.errors import ErrorCode, StarlingError
from streaming.options import TARGET_RATE_HZ, AudioFormat, ChannelMode, Encoding

Channels = npt.NDArray[np.float32]
"""Audio of all transcribed channels at 16 kHz, float32, shape (num_transcripts, n)."""

Interleaved = npt.NDArray[np.float32]
"""Audio at the source's rate, float32, shape (n, num_channels)."""

BLOCKS_PER_SECOND = 50
MAX_PLAUSIBLE_LEVEL = 64.0
"""Float samples above this are not audio scaled to 1, nor to 16 bits by mistake of a factor."""

_SAMPLE_BYTES = {
    Encoding.PCM_S16LE: 2,
    Encoding.PCM_F32LE: 4,
    Encoding.MULAW: 1,
    Encoding.ALAW: 1,
}
_CONTAINER_SIGNATURES = (b"RIFF", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"ID3")


def _mulaw_table() -> npt.NDArray[np.float32]:
    """Return the 256 linear values of G.711 mu-law (ITU-T G.711, table 2), scaled to 1."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 0x07
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float32) / 32768.0


def _alaw_table() -> npt.NDArray[np.float32]:
    """Return the 256 linear values of G.711 A-law (ITU-T G.711, table 1), scaled to 1."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32) << 4
    linear = np.where(
        exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, linear, -linear).astype(np.float32) / 32768.0


_MULAW = _mulaw_table()
_ALAW = _alaw_table()


class ChannelResampler:
    """Interleaved audio at any rate to 16 kHz channels, one row a transcript."""

    def __init__(self, rate_hz: int, num_channels: int, num_transcripts: int) -> None:
        self._mixes = num_transcripts < num_channels
        self._num_transcripts = num_transcripts
        self._block_samples = max(1, rate_hz // BLOCKS_PER_SECOND)
        self._waiting: Interleaved = np.empty((0, num_transcripts), dtype=np.float32)
        self._stream = (
            None
            if rate_hz == TARGET_RATE_HZ
            else soxr.ResampleStream(
                rate_hz, TARGET_RATE_HZ, num_transcripts, dtype="float32", quality="HQ"
            )
        )

    def feed(self, audio: Interleaved) -> Channels:
        """Return what is ready of the stream so far; shapes as in the type aliases."""
        if self._mixes:
            audio = audio.mean(axis=1, keepdims=True, dtype=np.float32)
        if self._stream is None:
            return np.ascontiguousarray(audio.T)
        waiting = np.concatenate((self._waiting, audio)) if len(self._waiting) else audio
        whole = len(waiting) - len(waiting) % self._block_samples
        parts = [
            self._stream.resample_chunk(waiting[at : at + self._block_samples])
            for at in range(0, whole, self._block_samples)
        ]
        self._waiting = waiting[whole:].copy()
        return self._as_channels(parts)

    def flush(self) -> Channels:
        """Return the rest at the end of the stream."""
        if self._stream is None:
            return np.empty((self._num_transcripts, 0), dtype=np.float32)
        rest = self._stream.resample_chunk(self._waiting, last=True)
        return self._as_channels([rest])

    def _as_channels(self, parts: list[Interleaved]) -> Channels:
        if not parts:
            return np.empty((self._num_transcripts, 0), dtype=np.float32)
        joined = np.concatenate(parts).reshape(-1, self._num_transcripts)
        return np.ascontiguousarray(joined.T)


class RawAudioIntake:
    """Raw samples in any split of bytes to 16 kHz channels.

    Args:
        audio: A format whose encoding is not CONTAINER and whose sample rate is known.
        is_continued: Whether the bytes begin within the stream, not with its head.
    """

    def __init__(self, audio: AudioFormat, *, is_continued: bool = False) -> None:
        if audio.sample_rate_hz is None:
            raise ValueError("raw audio needs a sample rate")
        self._encoding = audio.encoding
        self._num_channels = audio.num_channels
        self._frame_bytes = _SAMPLE_BYTES[audio.encoding] * audio.num_channels
        self._partial = b""
        self._head: bytes | None = None if is_continued else b""
        mixes = audio.channel_mode is ChannelMode.MIX
        self._resampler = ChannelResampler(
            audio.sample_rate_hz, audio.num_channels, 1 if mixes else audio.num_channels
        )

    def feed(self, data: bytes) -> Channels:
        """Return the audio that `data` completes.

        Raises:
            StarlingError: UNSUPPORTED_AUDIO when the bytes are plainly not the declared encoding.
        """
        if self._head is not None:
            self._check_head(data)
        if self._partial:
            data = self._partial + data
        whole = len(data) - len(data) % self._frame_bytes
        self._partial = data[whole:]
        samples = self._to_float(data[:whole]).reshape(-1, self._num_channels)
        return self._resampler.feed(samples)

    def flush(self) -> Channels:
        """Return the rest at the end of the stream; a cut-off sample is dropped."""
        return self._resampler.flush()

    def _check_head(self, data: bytes) -> None:
        head = (self._head or b"") + data[:4]
        self._head = head if len(head) < 4 else None
        if any(head.startswith(signature) for signature in _CONTAINER_SIGNATURES):
            raise StarlingError(
                ErrorCode.UNSUPPORTED_AUDIO,
                f"the audio is a file or container, not raw {self._encoding}",
                "declare encoding=container, or send the bare samples without a header",
            )

    def _to_float(self, data: bytes) -> npt.NDArray[np.float32]:
        if self._encoding is Encoding.PCM_S16LE:
            samples = np.frombuffer(data, dtype="<i2").astype(np.float32)
            samples *= np.float32(1 / 32768.0)  # a power of two: as exact as dividing
            return samples
        if self._encoding is Encoding.MULAW:
            return _MULAW[np.frombuffer(data, dtype=np.uint8)]
        if self._encoding is Encoding.ALAW:
            return _ALAW[np.frombuffer(data, dtype=np.uint8)]
        return self._check_float(np.frombuffer(data, dtype="<f4").astype(np.float32))

    def _check_float(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if not bool(np.all(np.abs(samples) <= MAX_PLAUSIBLE_LEVEL)):
            raise StarlingError(
                ErrorCode.UNSUPPORTED_AUDIO,
                "the samples are not 32-bit floats between -1 and 1",
                "declare the encoding you really send, most often pcm_s16le",
            )
        return np.clip(samples, -1.0, 1.0)
