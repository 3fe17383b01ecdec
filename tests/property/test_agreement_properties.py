"""Committed words never change, whatever the hypotheses do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.agreement import HypothesisBuffer, align_prefix
from streaming.transcript import Word

pytestmark = pytest.mark.property

VOCABULARY = ["a", "b", "A,", "b.", "way", "side", "wayside", "-", "x"]
TEXTS = st.lists(st.sampled_from(VOCABULARY), max_size=12)


def plain(texts: list[str]) -> tuple[Word, ...]:
    return tuple(Word(f" {text}") for text in texts)


def timed(texts: list[str], num_samples: int) -> tuple[Word, ...]:
    step = num_samples // max(1, len(texts))
    return tuple(Word(f" {text}", at * step, (at + 1) * step, 0.5) for at, text in enumerate(texts))


STREAMS = st.lists(st.tuples(st.integers(1, 40_000), TEXTS), max_size=10)


@given(STREAMS, TEXTS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_committed_only_grows_and_the_final_begins_with_it(stream, last, has_times):
    buffer = HypothesisBuffer()
    length = 0
    before: list[str] = []
    for growth, texts in stream:
        length += growth
        words = timed(texts, length) if has_times else plain(texts)
        take = (buffer.update, buffer.commit, buffer.commit_heard)[growth % 3]
        take(words)
        committed = [word.text for word in buffer.committed]
        assert committed[: len(before)] == before
        before = committed
    final = buffer.finish(timed(last, length) if has_times else plain(last))
    assert [word.text for word in final][: len(before)] == before


@given(STREAMS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_final_loses_nothing_that_follows_the_committed_words(stream, last):
    buffer = HypothesisBuffer()
    length = 0
    for growth, texts in stream:
        length += growth
        buffer.commit(plain(texts)) if growth % 2 else buffer.update(plain(texts))
    words = plain(last)
    split = align_prefix(buffer.committed, words)
    assert 0 <= split <= len(words)
    assert buffer.finish(words)[len(buffer.committed) :] == words[split:]


@given(STREAMS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_times_of_a_final_are_ordered_and_inside_its_audio(stream, last):
    buffer = HypothesisBuffer()
    length = 100
    for growth, texts in stream:
        length += growth
        buffer.commit(timed(texts, length))
    if not last:
        return
    places = [(word.start_sample, word.end_sample) for word in buffer.finish(timed(last, length))]
    flat = [sample for place in places for sample in place]
    assert flat == sorted(flat)
    assert flat[0] >= 0
    assert flat[-1] <= length


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_words_that_begin_alike_align_exactly(kept, rest):
    assert align_prefix(plain(kept), plain(kept + rest)) == len(kept)


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=1), st.integers(2, 12))
@settings(max_examples=100, deadline=None)
def test_a_steady_text_is_committed_but_for_its_last_words(texts, num_times):
    buffer = HypothesisBuffer()
    for _ in range(num_times):
        buffer.commit(plain(texts[0]))
    assert len(buffer.committed) == max(0, len(texts[0]) - 2)
    assert buffer.committed + buffer.tentative == plain(texts[0])
