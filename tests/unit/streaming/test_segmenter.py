from itertools import pairwise

import numpy as np
import pytest

from streaming.audio_buffer import AudioBuffer
from streaming.segmenter import MAX_SEGMENT_SAMPLES, Segment, Segmenter, longest_pause
from streaming.speech_gate import WINDOW_SAMPLES, SpeechPolicy

pytestmark = pytest.mark.unit


def segments(*runs: tuple[bool, int], audio: np.ndarray | None = None) -> list[Segment]:
    """Return the segments of runs of windows that are speech or not, to the file's end."""
    num_windows = sum(length for _, length in runs)
    buffer = AudioBuffer()
    buffer.append(np.ones(num_windows * WINDOW_SAMPLES, np.float32) if audio is None else audio)
    segmenter = Segmenter(SpeechPolicy(), buffer)
    found = [
        segmenter.push(0.9 if is_speech else 0.1)
        for is_speech, length in runs
        for _ in range(length)
    ]
    return [segment for segment in [*found, segmenter.finish()] if segment is not None]


def test_silence_has_no_segment():
    assert segments((False, 500)) == []


def test_a_click_has_no_segment():
    assert segments((False, 50), (True, 2), (False, 50)) == []


def test_speech_is_kept_with_audio_around_it():
    (segment,) = segments((False, 50), (True, 100), (False, 200))
    assert segment.start_sample == 50 * WINDOW_SAMPLES
    assert segment.end_sample == 150 * WINDOW_SAMPLES
    assert segment.audio_start_sample < segment.start_sample
    assert segment.end_sample < segment.audio_end_sample < segment.end_sample + 16_000


def test_a_short_pause_is_inside_a_segment_and_a_gap_between_two():
    assert len(segments((True, 100), (False, 40), (True, 100))) == 1
    assert len(segments((True, 100), (False, 80), (True, 100))) == 2


def test_a_full_segment_is_cut_in_its_longest_late_pause():
    first, second = segments(
        (True, 100), (False, 30), (True, 500), (False, 20), (True, 80), (False, 10), (True, 400)
    )
    assert first.end_sample == 630 * WINDOW_SAMPLES
    assert second.start_sample == 650 * WINDOW_SAMPLES
    assert first.audio_end_sample <= second.audio_start_sample


def test_speech_without_a_pause_is_cut_where_it_is_quietest():
    audio = np.ones(1_500 * WINDOW_SAMPLES, np.float32)
    quiet_at = 27 * 16_000
    audio[quiet_at - 1_600 : quiet_at + 1_600] = 0.0
    first, second = segments((True, 1_500), audio=audio)[:2]
    assert abs(first.audio_end_sample - quiet_at) < 1_600
    assert second.audio_start_sample == first.audio_end_sample


def test_no_segment_is_longer_than_the_window_allows():
    for segment in segments((True, 5_000), (False, 20), (True, 3_000)):
        assert segment.audio_end_sample - segment.audio_start_sample <= MAX_SEGMENT_SAMPLES


def test_segments_never_overlap_and_hold_all_speech():
    found = segments(*[(index % 2 == 0, 10 + 7 * index % 60) for index in range(200)])
    assert len(found) > 3
    for one, following in pairwise(found):
        assert one.audio_end_sample <= following.audio_start_sample
        assert one.start_sample < one.end_sample <= following.start_sample


@pytest.mark.parametrize(
    ("flags", "search_from", "expected"),
    [
        ("ssssssssss", 0, None),
        ("ss....ssss", 0, None),
        ("s.....ssss", 0, (1, 5)),
        ("s.....s.....s", 0, (7, 11)),
        ("s......s.....s", 0, (1, 6)),
        ("s......s.....s", 4, (8, 12)),
        ("ssss.....", 0, (4, 8)),
    ],
)
def test_the_longest_pause(flags, search_from, expected):
    assert longest_pause([flag == "s" for flag in flags], search_from) == expected
