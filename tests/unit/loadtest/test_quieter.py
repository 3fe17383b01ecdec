import numpy as np
import pytest

from loadtest.manifest import read_manifest
from loadtest.quieter import PAUSE_S, write_pairs
from loadtest.recordings import BYTES_PER_S, load_pcm
from tests.support.recordings import FIXTURES

pytestmark = pytest.mark.unit


@pytest.fixture
def recordings():
    return [r for r in read_manifest(FIXTURES / "manifest.tsv") if r.has_speech][:3]


def loudness_db(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    return float(10 * np.log10((samples**2).mean()))


def test_each_is_said_with_the_next_ones_once_with_either_quieter(recordings, tmp_path):
    made = read_manifest(write_pairs(recordings, tmp_path, 5, [20.0]))
    assert [pair.kind for pair in made] == ["second -20 dB", "first -20 dB"] * 6
    texts = [recording.reference for recording in recordings]
    assert {pair.reference for pair in made} == {f"{a} {b}" for a in texts for b in texts if a != b}
    assert len({pair.path for pair in made}) == len(made)


def test_one_of_the_voices_is_so_much_quieter_and_the_other_as_it_was(recordings, tmp_path):
    second_down, first_down = read_manifest(write_pairs(recordings[:2], tmp_path, 1, [20.0]))[:2]
    first, second = (load_pcm(recording.path) for recording in recordings[:2])
    pause = int(PAUSE_S * BYTES_PER_S)
    for made, gains_db in ((second_down, (0.0, -20.0)), (first_down, (-20.0, 0.0))):
        pcm = load_pcm(made.path)
        assert len(pcm) == len(first) + pause + len(second)
        voices = (pcm[: len(first)], pcm[len(first) + pause :])
        for voice, alone, gain_db in zip(voices, (first, second), gains_db, strict=True):
            assert loudness_db(voice) - loudness_db(alone) == pytest.approx(gain_db, abs=0.1)
