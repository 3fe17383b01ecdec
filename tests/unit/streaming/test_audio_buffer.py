import numpy as np
import pytest

from streaming.audio_buffer import AudioBuffer

pytestmark = pytest.mark.unit


def counted(start: int, end: int) -> np.ndarray:
    return np.arange(start, end, dtype=np.float32)


def test_samples_keep_their_number_after_older_ones_are_dropped():
    buffer = AudioBuffer()
    buffer.append(counted(0, 1000))
    buffer.drop_before(600)
    buffer.append(counted(1000, 1500))
    assert (buffer.start_sample, buffer.end_sample) == (600, 1500)
    np.testing.assert_array_equal(buffer.read(700, 1400), counted(700, 1400))


@pytest.mark.parametrize("span", [(99, 200), (150, 301), (200, 150), (-1, 150)])
def test_spans_that_are_not_held_are_refused(span):
    buffer = AudioBuffer()
    buffer.append(counted(0, 300))
    buffer.drop_before(100)
    with pytest.raises(ValueError, match=r"not held \(100\.\.300 are\)"):
        buffer.read(*span)


def test_dropping_goes_no_further_than_the_end_and_never_back():
    buffer = AudioBuffer()
    buffer.append(counted(0, 100))
    buffer.drop_before(1_000)
    assert (buffer.start_sample, buffer.end_sample) == (100, 100)
    buffer.drop_before(20)
    assert buffer.start_sample == 100


def test_what_was_read_does_not_change_when_more_arrives():
    buffer = AudioBuffer()
    buffer.append(counted(0, 10))
    taken = buffer.read(0, 10)
    buffer.drop_before(10)
    for start in range(10, 100_000, 5_000):
        buffer.append(counted(start, start + 5_000))
        buffer.drop_before(start)
    np.testing.assert_array_equal(taken, counted(0, 10))


def test_memory_follows_what_is_held_not_what_was_heard():
    buffer = AudioBuffer()
    buffer.append(np.zeros(2_000_000, dtype=np.float32))
    for _ in range(700):
        buffer.append(np.zeros(16_000, dtype=np.float32))
        buffer.drop_before(buffer.end_sample - 16_000)
    assert buffer._data.nbytes <= 2**20
