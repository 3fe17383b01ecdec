import pytest

from streaming.speech_gate import SpeechGate, SpeechPolicy

pytestmark = pytest.mark.unit


def gate_after(*probabilities: float) -> SpeechGate:
    gate = SpeechGate(SpeechPolicy())
    for probability in probabilities:
        gate.push(probability)
    return gate


def test_speech_begins_at_the_onset_and_goes_on_down_to_the_release():
    gate = SpeechGate(SpeechPolicy())
    probabilities = [0.49, 0.5, 0.35, 0.4, 0.34, 0.4, 0.49, 0.5]
    flags = [gate.push(probability) for probability in probabilities]
    assert flags == [False, True, True, True, False, False, False, True]


def test_a_click_opens_nothing():
    assert gate_after(0.9, 0.9, 0.1, 0.9, 0.9).started_windows_ago is None


def test_a_run_of_three_windows_starts_where_it_began():
    assert gate_after(0.1, 0.9, 0.9, 0.9).started_windows_ago == 3
    assert gate_after(0.1, 0.9, 0.9, 0.9, 0.4).started_windows_ago == 4


def test_after_a_reset_the_start_must_be_earned_again():
    gate = gate_after(0.9, 0.9, 0.9)
    gate.reset()
    assert gate.started_windows_ago is None
    assert gate.push(0.4) is False
    assert [gate.push(0.9) for _ in range(2)] == [True, True]
    assert gate.started_windows_ago is None
    gate.push(0.9)
    assert gate.started_windows_ago == 3


def test_the_policy_sets_thresholds_and_length():
    gate = SpeechGate(SpeechPolicy(0.8, 0.6, 1))
    assert gate.push(0.7) is False
    assert gate.push(0.8) is True
    assert gate.started_windows_ago == 1
    assert gate.push(0.6) is True
    assert gate.push(0.59) is False
    assert gate.started_windows_ago is None
