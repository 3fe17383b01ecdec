"""Silero on real speech: rows of a batch are independent, and speech is told from silence."""

from collections.abc import Iterable

import numpy as np
import onnxruntime
import pytest

from server.models.silero import silero_onnx_path
from server.vad.silero import MAX_WINDOWS_AT_ONCE, SileroVad
from server.vad.state import CONTEXT_SAMPLES, VadState
from streaming.speech_gate import QUIET_WINDOWS, WINDOW_SAMPLES, SpeechGate, SpeechPolicy
from tests.support.recordings import clip, references, silence

pytestmark = pytest.mark.model

SILENCE_BEFORE_S = 16 * WINDOW_SAMPLES / 16_000


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad(silero_onnx_path())


def whole_windows(audio: np.ndarray) -> np.ndarray:
    return audio[: len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES]


def scores(vad: SileroVad, audio: np.ndarray) -> list[float]:
    return vad.score([(VadState(), whole_windows(audio))])[0]


def runs_of_speech(probabilities: Iterable[float]) -> int:
    """Return how many times the gate would open."""
    gate = SpeechGate(SpeechPolicy())
    starts = 0
    for probability in probabilities:
        gate.push(probability)
        starts += gate.started_windows_ago == SpeechPolicy().min_start_windows
    return starts


@pytest.mark.parametrize("number", references())
def test_scores_are_those_of_onnx_runtime_on_the_same_file(vad, number):
    audio = whole_windows(clip(number))
    graph = onnxruntime.InferenceSession(str(silero_onnx_path()))
    state = np.zeros((2, 1, 128), dtype=np.float32)
    padded = np.concatenate((np.zeros(CONTEXT_SAMPLES, dtype=np.float32), audio))
    padded = np.concatenate((silence(SILENCE_BEFORE_S), padded))
    expected = []
    for at in range(0, len(padded) - CONTEXT_SAMPLES, WINDOW_SAMPLES):
        window = padded[None, at : at + CONTEXT_SAMPLES + WINDOW_SAMPLES]
        inputs = {"input": window, "state": state, "sr": np.array(16_000)}
        probability, state = graph.run(None, inputs)
        expected.append(probability[0, 0])
    expected = expected[-len(audio) // WINDOW_SAMPLES :]
    np.testing.assert_allclose(scores(vad, audio), expected, atol=1e-4)


def test_a_voice_that_speaks_at_once_is_noticed_sooner_than_from_an_lstm_at_zero(vad):
    voice = clip("0930")[: 8 * WINDOW_SAMPLES]
    at_zero = VadState(np.zeros((2, 128), dtype=np.float32))
    assert runs_of_speech(vad.score([(at_zero, voice)])[0]) == 0
    assert runs_of_speech(scores(vad, voice)) == 1


def quiet(num_windows: int) -> np.ndarray:
    return silence(num_windows * WINDOW_SAMPLES / 16_000)


def after_a_loud_voice(num_quiet: int, next_voice: np.ndarray) -> np.ndarray:
    """Return a voice, quiet windows from its last loud one on, and the next voice."""
    return np.concatenate([whole_windows(clip("0870")), quiet(num_quiet), next_voice])


def test_a_faint_voice_is_heard_after_a_loud_one_as_if_it_were_the_first(vad):
    faint = whole_windows(clip("0930")) * 0.015
    alone = scores(vad, faint)
    assert sum(p >= 0.5 for p in alone) >= 40
    after_a_pause = scores(vad, after_a_loud_voice(2 * QUIET_WINDOWS, faint))[-len(alone) :]
    assert sum(p >= 0.5 for p in after_a_pause) >= 0.9 * sum(p >= 0.5 for p in alone)


def test_what_was_heard_is_forgotten_after_a_second_of_quiet_and_once(vad):
    state = VadState()
    vad.score([(state, whole_windows(clip("0870")))])
    counts, memories = [], []
    for _ in range(3 * QUIET_WINDOWS):
        vad.score([(state, quiet(1))])
        counts.append(state.num_quiet)
        memories.append(state.lstm)
    at = counts.index(QUIET_WINDOWS)
    fresh = VadState()
    for memory in memories[at + 1 : at + QUIET_WINDOWS]:
        vad.score([(fresh, quiet(1))])
        np.testing.assert_array_equal(memory, fresh.lstm)
    assert set(counts[at + 1 :]) == {QUIET_WINDOWS + 1}
    vad.score([(state, whole_windows(clip("0930")))])
    assert state.num_quiet < QUIET_WINDOWS


def test_quiet_goes_on_being_counted_elsewhere_and_in_pieces(vad):
    audio = after_a_loud_voice(2 * QUIET_WINDOWS, whole_windows(clip("0930")))
    whole = scores(vad, audio)
    for cut in range(len(clip("0870")) // WINDOW_SAMPLES, len(audio) // WINDOW_SAMPLES, 7):
        before, after = np.split(audio, [cut * WINDOW_SAMPLES])
        state = VadState()
        heard = vad.score([(state, before)])[0]
        assert state.memory_after is not None
        assert state.memory_after(cut - 1) == state.to_bytes()
        heard += vad.score([(VadState.from_bytes(state.to_bytes()), after)])[0]
        np.testing.assert_allclose(heard, whole, atol=1e-4)


def test_a_fresh_state_is_kept_as_no_bytes():
    assert VadState().to_bytes() == b""
    assert VadState.from_bytes(b"").lstm is None


def test_a_long_piece_scores_as_its_parts(vad):
    speech = np.concatenate([whole_windows(clip(number)) for number in references()])
    state = VadState()
    parts = np.split(speech, [100 * WINDOW_SAMPLES, 400 * WINDOW_SAMPLES])
    heard = [p for part in parts for p in vad.score([(state, part)])[0]]
    assert len(heard) > MAX_WINDOWS_AT_ONCE
    np.testing.assert_allclose(scores(vad, speech), heard, atol=1e-4)


def test_channels_of_unlike_lengths_score_in_a_batch_as_alone(vad):
    channels = [
        whole_windows(clip(number))[: windows * WINDOW_SAMPLES]
        for number, windows in zip(references(), (64, 1, 30, 2, 64), strict=True)
    ]
    together = vad.score([(VadState(), audio) for audio in channels])
    assert [len(row) for row in together] == [64, 1, 30, 2, 64]
    for audio, row in zip(channels, together, strict=True):
        np.testing.assert_allclose(row, scores(vad, audio), atol=1e-4)


def test_a_stream_scored_in_pieces_beside_others_is_scored_as_a_whole(vad):
    speech = whole_windows(clip("0870"))[: 90 * WINDOW_SAMPLES]
    state, at, heard = VadState(), 0, []
    for turn, windows in enumerate((1, 7, 2, 30, 50)):
        piece = speech[at * WINDOW_SAMPLES : (at + windows) * WINDOW_SAMPLES]
        other = VadState(), silence(2.0)[: WINDOW_SAMPLES * 10 * (turn + 1)]
        heard += vad.score([other, (state, piece)])[1]
        at += windows
    np.testing.assert_allclose(heard, scores(vad, speech), atol=1e-4)


@pytest.mark.parametrize("number", references())
def test_speech_is_found_in_every_recording_and_none_in_the_silence_after(vad, number):
    audio = np.concatenate([silence(1.0), clip(number), silence(2.0)])
    probabilities = scores(vad, audio)
    spoken_windows = sum(probability >= 0.5 for probability in probabilities)
    assert spoken_windows * WINDOW_SAMPLES >= 0.6 * len(clip(number))
    assert runs_of_speech(probabilities) >= 1
    assert max(probabilities[:25]) < 0.35
    assert max(probabilities[-45:]) < 0.35


def test_silence_and_faint_noise_hold_no_speech(vad):
    noise = np.random.default_rng(1).normal(0, 0.001, 10 * 16_000).astype(np.float32)
    for audio in (silence(10.0), noise):
        assert runs_of_speech(scores(vad, audio)) == 0
