"""Tells when a channel has been silent for lengths that a client asked to hear of."""

from dataclasses import dataclass

from streaming.options import TARGET_RATE_HZ


@dataclass(slots=True)
class SilenceWatch:
    """Counts from the end of the last speech; each length is told once a silence.

    All positions are 16 kHz samples of audio, so a recording has the same silences at any pace.
    """

    marks_ms: tuple[int, ...] = ()
    speech_end_sample: int | None = None
    _silence_samples: int = 0

    def advance(self, end_sample: int, speech_end_sample: int | None) -> list[int]:
        """Take the end of one more window and of the speech known by then; return lengths reached.

        `speech_end_sample` is None while no speech is known to be open.
        """
        if speech_end_sample is not None and speech_end_sample != self.speech_end_sample:
            self.speech_end_sample = speech_end_sample
            self._silence_samples = 0
        if self.speech_end_sample is None:
            return []
        before, self._silence_samples = self._silence_samples, end_sample - self.speech_end_sample
        if not self.marks_ms:  # Nearly always, and asked for every window.
            return []
        return [
            mark
            for mark in self.marks_ms
            if before < mark * TARGET_RATE_HZ // 1000 <= self._silence_samples
        ]
