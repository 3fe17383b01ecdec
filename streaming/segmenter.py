"""Cuts a recorded file into segments that fill Whisper's window and end in pauses.

A file is not live, so the best place to cut can be looked for once the window is full: the longest
pause of its last part. A gap of silence ends a segment earlier: encoding it would cost more than a
new segment does. All of it depends on the audio alone, so a file is cut the same under any load.
"""

from dataclasses import dataclass

from streaming.audio_buffer import AudioBuffer
from streaming.channel import PREROLL_SAMPLES, TAIL_SAMPLES
from streaming.endpointing import CUT_SEARCH_S, quietest_sample
from streaming.options import TARGET_RATE_HZ
from streaming.speech_gate import WINDOW_SAMPLES, SpeechGate, SpeechPolicy

MAX_SEGMENT_SAMPLES = 28 * TARGET_RATE_HZ
"""Whisper's window is 30 s; the rest is the padding that tells it to stop."""

GAP_WINDOWS = int(2.0 * TARGET_RATE_HZ) // WINDOW_SAMPLES
"""Silence that ends a segment of any length."""

CUT_SEARCH_SHARE = 3
"""The pause to cut at is looked for in the last 1 / 3 of a full segment."""

MIN_PAUSE_WINDOWS = 5
"""A shorter pause may be a stop consonant; then the quietest place is as good."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A span to decode in one go, and where in it the speech is; 16 kHz samples of the file."""

    audio_start_sample: int
    audio_end_sample: int
    start_sample: int
    end_sample: int


class Segmenter:
    """One channel of a file: speech probabilities in, segments out, in order."""

    def __init__(self, speech: SpeechPolicy, buffer: AudioBuffer) -> None:
        self._gate = SpeechGate(speech)
        self._buffer = buffer
        self._num_windows = 0
        self._flags: list[bool] = []
        self._audio_start_sample = 0
        self._used_to_sample = 0

    @property
    def scored_end_sample(self) -> int:
        """End of the last scored window."""
        return self._num_windows * WINDOW_SAMPLES

    @property
    def needed_from_sample(self) -> int:
        """Audio before this place is in no later segment."""
        if self._flags:
            return self._audio_start_sample
        keep = PREROLL_SAMPLES + 4 * WINDOW_SAMPLES
        return max(self._used_to_sample, self.scored_end_sample - keep)

    def push(self, probability: float) -> Segment | None:
        """Take the next window's speech probability; return the segment that it completes."""
        is_speech = self._gate.push(probability)
        self._num_windows += 1
        if not self._flags:
            self._maybe_open()
            return None
        self._flags.append(is_speech)
        if self._silent_windows() >= GAP_WINDOWS:
            return self._close_at_silence()
        if self.scored_end_sample + WINDOW_SAMPLES - self._audio_start_sample > MAX_SEGMENT_SAMPLES:
            return self._cut()
        return None

    def finish(self) -> Segment | None:
        """Return the segment that is open at the end of the file."""
        return self._close_at_silence() if self._flags else None

    def _maybe_open(self) -> None:
        windows_ago = self._gate.started_windows_ago
        if windows_ago is not None:
            start = self.scored_end_sample - windows_ago * WINDOW_SAMPLES
            self._open([True] * windows_ago, start - PREROLL_SAMPLES)

    def _open(self, flags: list[bool], audio_start: int) -> None:
        self._flags = flags
        self._audio_start_sample = max(audio_start, self._used_to_sample)

    def _silent_windows(self) -> int:
        return next((i for i, is_speech in enumerate(reversed(self._flags)) if is_speech), 0)

    def _sample_of(self, flag: int) -> int:
        """Return where the window of this flag begins."""
        return (self._num_windows - len(self._flags) + flag) * WINDOW_SAMPLES

    def _close_at_silence(self) -> Segment:
        speech_end = self._sample_of(len(self._flags) - self._silent_windows())
        audio_end = min(speech_end + TAIL_SAMPLES, self.scored_end_sample)
        return self._close(len(self._flags), speech_end, audio_end)

    def _cut(self) -> Segment:
        """End a full segment at its longest late pause, else at its quietest place."""
        search_from = len(self._flags) * (CUT_SEARCH_SHARE - 1) // CUT_SEARCH_SHARE
        pause = longest_pause(self._flags, search_from)
        if pause is None:
            return self._cut_at_quietest()
        first, last = pause
        speech_end, resumes = self._sample_of(first), self._sample_of(last + 1)
        middle = (speech_end + resumes) // 2
        rest = self._flags[last + 1 :]
        segment = self._close(first, speech_end, min(speech_end + TAIL_SAMPLES, middle))
        if any(rest):
            self._used_to_sample = middle
            self._open(rest, resumes - PREROLL_SAMPLES)
        return segment

    def _cut_at_quietest(self) -> Segment:
        end = self.scored_end_sample
        search_start = end - int(CUT_SEARCH_S * TARGET_RATE_HZ)
        cut = search_start + quietest_sample(self._buffer.read(search_start, end))
        kept = (cut - self._sample_of(0)) // WINDOW_SAMPLES
        rest = self._flags[kept:]
        segment = self._close(kept, cut, cut)
        if any(rest):
            self._open(rest, cut)
        return segment

    def _close(self, num_flags: int, speech_end: int, audio_end: int) -> Segment:
        first = next(i for i in range(num_flags) if self._flags[i])
        segment = Segment(
            audio_start_sample=self._audio_start_sample,
            audio_end_sample=audio_end,
            start_sample=max(self._sample_of(first), self._audio_start_sample),
            end_sample=speech_end,
        )
        self._flags = []
        self._used_to_sample = audio_end
        return segment


def longest_pause(flags: list[bool], search_from: int) -> tuple[int, int] | None:
    """Return first and last index of the longest run of silence from `search_from` on.

    Of equally long runs the latest wins; None when none is `MIN_PAUSE_WINDOWS` long.
    """
    best: tuple[int, int] | None = None
    best_length = MIN_PAUSE_WINDOWS
    run_start = search_from
    for index in range(search_from, len(flags)):
        if flags[index]:
            run_start = index + 1
        elif index - run_start + 1 >= best_length:
            best, best_length = (run_start, index), index - run_start + 1
    return best
