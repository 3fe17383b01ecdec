"""What must hold for every stream: any split, any order of answers, nothing lost or doubled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.events import Closed, Final, Interim, SpeechStarted, UtteranceEnded
from streaming.overload import MAX_STRETCH, Load, Rung
from streaming.transcript import join_words
from tests.support.scripted_speech import silence, speech
from tests.support.session_harness import SessionHarness, with_options

pytestmark = pytest.mark.property

PHRASES = st.lists(
    st.tuples(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.floats(0.05, 1.5)),
    min_size=1,
    max_size=5,
)
OPTIONS = st.builds(
    with_options,
    endpoint_silence_ms=st.integers(100, 1500),
    max_utterance_s=st.floats(2.0, 28.0),
    interim=st.booleans(),
)


LONG = st.lists(st.integers(1, 90), min_size=55, max_size=75).map(lambda said: [(said, 1.5)])
"""About 20 s without a pause."""

LOADS = st.builds(
    Load,
    st.sampled_from(Rung),
    st.floats(1.0, MAX_STRETCH),
    final_wait_s=st.floats(0.0, 3.0),
    final_s=st.floats(0.0, 2.0),
    was_late=st.booleans(),
)


def audio_of(phrases: list[tuple[list[int], float]]) -> np.ndarray:
    parts = [silence(0.3)]
    for numbers, pause_s in phrases:
        parts += [speech(numbers), silence(pause_s)]
    return np.concatenate(parts)


@given(PHRASES, OPTIONS, st.lists(st.integers(0, 400_000), max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_split_of_the_stream_gives_the_same_finals(phrases, options, cuts):
    audio = audio_of(phrases)
    whole, split = SessionHarness(options), SessionHarness(options)
    whole.send(audio)
    whole.stop()
    split.send(audio, *cuts)
    split.stop()
    assert split.finals == whole.finals


def answered_at_once_and_late(audio, options, num_parts, data, loads=None):
    """Return two finished sessions of this audio; the second's answers came in any order.

    And its server was as busy as some of `loads`, one after the other.
    """
    prompt, late = SessionHarness(options), SessionHarness(options, holds_decodes=True)
    prompt.send(audio)
    prompt.stop()
    for part in np.array_split(audio, num_parts):
        if loads is not None and data.draw(st.booleans()):
            late.perform(late.session.set_load(data.draw(loads)))
        late.send(part)
        while late.held and data.draw(st.booleans()):
            release_one(late, data)
    late.stop()
    while late.held:
        release_one(late, data)
    return prompt, late


def release_one(late, data):
    """Answer any held decode; a withdrawn one may have begun before, and be answered too."""
    index = data.draw(st.integers(0, len(late.held) - 1))
    late.release(index, has_begun=data.draw(st.booleans()))


@given(PHRASES, OPTIONS, st.data())
@settings(max_examples=150, deadline=None)
def test_answers_in_any_order_lose_and_double_nothing(phrases, options, data):
    prompt, late = answered_at_once_and_late(audio_of(phrases), options, 7, data)
    assert late.text == prompt.text
    assert late.is_closed


@given(LONG, st.data())
@settings(max_examples=100, deadline=None)
def test_what_a_long_final_goes_on_from_does_not_depend_on_when_answers_come(phrases, data):
    prompt, late = answered_at_once_and_late(audio_of(phrases), with_options(), 40, data)
    assert late.finals == prompt.finals
    assert prompt.finals[0].confidence < 0.9, "it was decoded with words before it"


@given(PHRASES | LONG, OPTIONS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_load_that_comes_and_goes_loses_and_doubles_nothing(phrases, options, data):
    calm, busy = answered_at_once_and_late(audio_of(phrases), options, 30, data, LOADS)
    assert busy.text == calm.text
    assert busy.is_closed
    assert_utterances_are_whole(busy)
    assert_committed_only_grows(busy)


@given(PHRASES, OPTIONS, st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_every_conversation_keeps_the_contract(phrases, options, num_parts):
    audio = audio_of(phrases)
    harness = SessionHarness(options)
    for part in np.array_split(audio, num_parts):
        harness.send(part)
    harness.stop()
    assert [emit.seq for emit in harness.emitted] == list(range(1, len(harness.emitted) + 1))
    assert isinstance(harness.events[-1], Closed)
    assert_utterances_are_whole(harness)
    assert_committed_only_grows(harness)
    for final in harness.finals:
        assert 0 <= final.start_sample <= final.end_sample <= len(audio)


def assert_utterances_are_whole(harness: SessionHarness) -> None:
    started = [e.utterance for e in harness.events if isinstance(e, SpeechStarted)]
    ended = [e.utterance for e in harness.events if isinstance(e, UtteranceEnded)]
    finals = [e.utterance for e in harness.finals]
    assert started == ended == sorted(set(started))
    assert finals == sorted(set(finals))
    assert set(finals) <= set(started)


def assert_committed_only_grows(harness: SessionHarness) -> None:
    shown: dict[int, str] = {}
    for event in harness.events:
        if isinstance(event, Interim):
            text = join_words(event.committed)
            assert text.startswith(shown.get(event.utterance, ""))
            shown[event.utterance] = text
        if isinstance(event, Final):
            assert join_words(event.words).startswith(shown.get(event.utterance, ""))
