"""Whisper's log-mel features, as faster-whisper's extractor has them, in half the time.

Nearly all of what the extractor takes is NumPy's FFT of 400 samples, once for every 10 ms. As
products of matrices with folded samples the spectra take less than half (docs/performance.md).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

from server.folded_spectrum import folded

Matrix = npt.NDArray[np.float32]

_PADDING_SAMPLES = 160
"""Zeros after the audio, as faster-whisper adds them."""

_MIN_POWER = 1e-10
_RANGE = 8.0
"""What is further under the loudest counts as that far under it; decades, as in OpenAI's code."""


class LogMel:
    """Makes features with the filters of one model; safe to use from several threads."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._filters: Matrix = extractor.mel_filters
        self._size: int = extractor.n_fft
        self._hop: int = extractor.hop_length
        self._cosines, self._sines = folded(_basis(self._size))

    def batch(self, audios: Sequence[npt.NDArray[np.float32]], frames: int) -> Matrix:
        """Return features of rows, (n, mels, frames), cut or padded.

        Padding is 0.0, as in OpenAI's pad_or_trim, which pads normalised features.
        """
        batch = np.zeros((len(audios), len(self._filters), frames), dtype=np.float32)
        for row, audio in enumerate(audios):
            mel = self.features(audio)[:, :frames]
            batch[row, :, : mel.shape[1]] = mel
        return batch

    def features(self, audio: npt.NDArray[np.float32]) -> Matrix:
        """Return the normalised log-mel of 16 kHz mono audio, (mels, 1 + samples // 160)."""
        mel: Matrix = self._filters @ self._power(audio).T
        np.maximum(mel, _MIN_POWER, out=mel)
        np.log10(mel, out=mel)
        np.maximum(mel, mel.max() - _RANGE, out=mel)
        mel += 4.0
        mel /= 4.0
        return mel

    def _power(self, audio: npt.NDArray[np.float32]) -> Matrix:
        """Return the power of every band, (1 + samples // 160, 201)."""
        half = self._size // 2
        padded = np.pad(np.pad(audio, (0, _PADDING_SAMPLES)), half, mode="reflect")
        # The extractor drops the frame that begins where the audio and its zeros end.
        places = np.lib.stride_tricks.sliding_window_view(padded, self._size)[:: self._hop][:-1]
        first, last = places[:, 1:half], places[:, :half:-1]
        even = np.empty((len(places), half), dtype=np.float32)
        np.add(first, last, out=even[:, :-1])
        even[:, -1] = places[:, half]
        power: Matrix = even @ self._cosines
        power *= power
        waves = (first - last) @ self._sines
        waves *= waves
        power[:, 1:-1] += waves
        return power


def _basis(size: int) -> npt.NDArray[np.float64]:
    """Return cosines, then sines, of all bands under a Hann window, (size, size + 2)."""
    angles = 2.0 * np.pi / size * np.outer(np.arange(size), np.arange(size // 2 + 1))
    window = np.hanning(size + 1)[:-1, None]
    return np.concatenate([window * np.cos(angles), window * np.sin(angles)], axis=1)
