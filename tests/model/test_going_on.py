"""Decodes that go on from words said before: of other finals, or of the same utterance."""

from dataclasses import replace

import numpy as np
import pytest

from server.engine.base import Again, Why
from streaming.continuation import going_on_from
from streaming.effects import DecodeRequest, Purpose
from streaming.transcript import Hypothesis, Word
from streaming.windows import window_frames
from tests.support.real_engine import alone, assert_heard, decoded, engine, make_request, said
from tests.support.recordings import clip, references, silence

pytestmark = pytest.mark.model


def as_said(text: str) -> tuple[Word, ...]:
    """Return the words of a text, without times."""
    return tuple(Word(f" {word}") for word in text.split())


def with_context(before: str, number: str, said_before: str | None = None) -> DecodeRequest:
    """Return a request for one recording, after another as its context."""
    context = np.concatenate([clip(before), silence(0.5)])
    return make_request(
        np.concatenate([context, said(number)]),
        context=as_said(references()[before] if said_before is None else said_before),
        num_context_samples=len(context),
        start_sample=80_000,
        words=True,
    )


@pytest.mark.parametrize("model", ["tiny", "base"])
def test_only_what_follows_the_context_is_said_and_timed(model, request):
    engine = request.getfixturevalue(model)
    asked = with_context("0880", "0930")
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Hypothesis), "the context must not be in the way"
    assert_heard(answer, "0930")
    (plain,) = alone(engine, [asked.without_context()])
    assert [word.text for word in answer.words] == [word.text for word in plain.words]
    for word, same in zip(answer.words, plain.words, strict=True):
        assert asked.start_sample + asked.num_context_samples <= word.start_sample
        assert abs(word.start_sample - same.start_sample) <= 4_800
        assert word.end_sample <= asked.end_sample


def test_rows_with_contexts_of_unlike_length_share_a_batch_with_rows_without(tiny):
    long = with_context("0880", "0930")
    short = with_context("0930", "0880")
    plain = make_request(said("0880", "0930"), words=True)
    assert len(plain.audio) // 16_000 in range(6, 10)
    requests = [long, plain, short]
    together = decoded(tiny, requests)
    for mixed, single in zip(together, alone(tiny, requests), strict=True):
        assert mixed.text == single.text
        assert mixed.confidence == pytest.approx(single.confidence, abs=0.02)


def test_a_context_that_is_said_again_is_taken_away(tiny):
    """It was not said where it is told to be, but in what is to be transcribed."""
    text = references()["0930"]
    audio = np.concatenate([silence(0.5), said("0930")])
    asked = make_request(audio, context=as_said(text), num_context_samples=8_000)
    (answer,) = tiny.decode([asked])
    assert isinstance(answer, Again)
    assert (answer.request.context, answer.request.num_context_samples) == ((), 0)
    assert len(answer.request.audio) == asked.num_own_samples
    (hypothesis,) = decoded(tiny, [answer.request])
    assert_heard(hypothesis, "0930")


def test_noise_after_speech_has_no_words(tiny):
    noise = np.random.default_rng(1).normal(0, 0.05, 32_000).astype(np.float32)
    context = np.concatenate([clip("0880"), silence(0.5)])
    asked = make_request(
        np.concatenate([context, noise]),
        context=as_said(references()["0880"]),
        num_context_samples=len(context),
    )
    (answer,) = tiny.decode([asked])
    while isinstance(answer, Again):
        (answer,) = tiny.decode([answer.request])
    assert isinstance(answer, Hypothesis)
    assert answer.words == ()


def test_there_is_no_context_beside_a_long_prompt_or_for_finals_without_a_beam(tiny):
    asked = with_context("0880", "0930")
    long_prompt = replace(asked, prompt="and so on " * 100)
    for model, request in ((tiny, long_prompt), (engine("tiny.en", final_beam=1), asked)):
        assert model.decode([request]) == model.decode([request.without_context()])
        assert model.batch_key(request) == model.batch_key(request.without_context())


LONG = ("0890", "0870", "0880", "0930")
"""More than 13.5 s."""


@pytest.mark.parametrize("purpose", [Purpose.FINAL, Purpose.CHECKPOINT, Purpose.INTERIM])
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_a_long_decode_goes_on_from_the_words_that_are_committed(model, purpose, request):
    engine = request.getfixturevalue(model)
    whole = make_request(said(*LONG), purpose=purpose, start_sample=32_000, words=True)
    (heard,) = alone(engine, [replace(whole, purpose=Purpose.FINAL)])
    committed = heard.words[: 2 * len(heard.words) // 3]
    asked = going_on_from(committed, whole)
    assert window_frames(len(asked.audio), purpose) < window_frames(len(whole.audio), purpose)
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Hypothesis), "what is committed must not be in the way"
    assert answer.words[: len(committed)] == committed
    assert_heard(answer, *LONG)
    starts = [word.start_sample for word in answer.words]
    assert starts == sorted(starts)
    for word, same in zip(answer.words[-3:], heard.words[-3:], strict=True):
        assert abs(word.start_sample - same.start_sample) <= 8_000


def test_what_does_not_go_on_from_the_committed_words_is_decoded_whole(tiny):
    whole = make_request(said(*LONG), words=True)
    (heard,) = alone(tiny, [whole])
    num = len(heard.words) // 2
    wrong = [
        replace(word, text=f" {heard.words[num + at].text}")
        for at, word in enumerate(heard.words[:num])
    ]
    asked = going_on_from(tuple(wrong), whole)
    assert asked.said
    assert tiny.decode([asked]) == [Again(whole, Why.CONTEXT)]


def test_what_a_greedy_final_has_so_far_is_not_said_twice_when_it_goes_on():
    """Greedy finals have timestamps, by which they go on where they stopped."""
    greedy = engine("tiny.en", final_beam=1)
    long = make_request(said("0920", "0890", "0870", pause_s=0.8), words=True)
    before = (Word(" Indeed,", 0, 0, 0.9),)
    (answer,) = alone(greedy, [replace(long, said=before)])
    (plain,) = alone(greedy, [long])
    assert [word.text for word in answer.words] == [word.text for word in (*before, *plain.words)]
    times = [at for word in answer.words for at in (word.start_sample, word.end_sample)]
    assert times == sorted(times)
