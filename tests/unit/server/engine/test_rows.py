"""What is made of a decoded row."""

import numpy as np
import pytest

from server.engine.rows import Row
from server.engine.words import TimedPiece
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Word

pytestmark = pytest.mark.unit

SENTENCE = " He was not an old man."
ONCE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, *[1.2] * 6)
TWICE = tuple(0.2 * at for at in range(12))


def row(text, *, purpose=Purpose.FINAL, words=False, language="en", context="", **changes):
    audio = np.zeros(48_000, dtype=np.float32)
    request = DecodeRequest(
        1,
        purpose,
        audio,
        16_000,
        language,
        Task.TRANSCRIBE,
        words,
        prompt="",
        keyterms=(),
        context=(Word(context),) if context else (),
        **changes,
    )
    made = Row(request, language, tokens=[1], avg_logprob=-0.2)
    made.take_text(text)
    return made


def pieces(*starts):
    words = (SENTENCE + SENTENCE).split()
    return [
        TimedPiece(word=f" {word}", tokens=[1], start=start, end=end, probability=0.9)
        for word, start, end in zip(words, starts, (*starts[1:], starts[-1] + 0.3), strict=True)
    ]


def test_words_are_aligned_if_asked_for():
    assert row(SENTENCE, words=True).needs_times
    assert row(SENTENCE, gives_context=True).needs_times
    assert not row(SENTENCE).needs_times


def test_words_are_aligned_if_a_final_may_say_them_too_often():
    assert row(SENTENCE * 2).needs_times
    assert not row(SENTENCE * 2, purpose=Purpose.INTERIM).needs_times
    assert not row("\u4f60\u597d\u518d" * 2, language="zh").needs_times


def test_what_is_not_believed_is_not_aligned():
    assert not row(SENTENCE * 9, words=True).needs_times


def test_what_was_only_written_twice_is_said_once_without_times_nobody_asked_for():
    said_once = row(SENTENCE * 2).hypothesis(pieces(*ONCE))

    assert "".join(word.text for word in said_once.words) == SENTENCE
    assert {word.start_sample for word in said_once.words} == {None}


def test_what_is_nothing_but_a_phrase_written_twice_is_believed_once_however_unsure():
    unsure = row(SENTENCE * 2)
    unsure.avg_logprob = -0.7
    assert unsure.needs_times

    said_once = unsure.hypothesis(pieces(*ONCE))

    assert "".join(word.text for word in said_once.words) == SENTENCE


def test_what_is_nothing_but_an_unsure_phrase_said_twice_is_many_voices():
    unsure = row(SENTENCE * 2)
    unsure.avg_logprob = -0.7

    assert unsure.hypothesis(pieces(*TWICE)).is_degenerate


def test_what_was_said_twice_is():
    twice = row(SENTENCE * 2).hypothesis(pieces(*TWICE))

    assert "".join(word.text for word in twice.words) == SENTENCE * 2


@pytest.mark.parametrize(("starts", "kept"), [(ONCE, SENTENCE), (TWICE, None)])
def test_what_is_said_twice_after_context_is_not_believed_but_what_is_only_written_so(starts, kept):
    answer = row(SENTENCE * 2, words=True, context=" Where is he?").hypothesis(pieces(*starts))

    assert (answer and "".join(word.text for word in answer.words)) == kept


def test_an_interim_that_says_a_phrase_twice_after_context_is_bad():
    interim = row(SENTENCE * 2, purpose=Purpose.INTERIM, context=" Where is he?")

    assert interim.hypothesis(None).is_degenerate


def loop(times, **given):
    """Return a row whose decoder said a sentence so many times and two words more."""
    made = row("", **given)
    words = SENTENCE.split()
    tokens = [*range(len(words))] * times + [0, 1]
    made.take_tokens(tokens, lambda ids: "".join(f" {words[token]}" for token in ids))
    return made


def test_a_loop_whose_phrase_was_said_once_is_that_phrase():
    looped = loop(9)
    assert looped.needs_times

    said_once = looped.hypothesis(pieces(*ONCE))

    assert "".join(word.text for word in said_once.words) == SENTENCE


def test_an_unsure_loop_is_many_voices_whatever_its_times():
    unsure = loop(9)
    unsure.avg_logprob = -0.7
    assert not unsure.needs_times
    assert unsure.hypothesis(None).is_degenerate


def test_a_loop_that_is_not_sure_is_decoded_again():
    unsure = loop(9)
    unsure.avg_logprob = -0.4
    assert unsure.hypothesis(None) is None


def test_a_loop_whose_phrase_may_have_been_said_twice_is_decoded_again():
    assert loop(9).hypothesis(pieces(*TWICE)) is None


def test_a_loop_that_nothing_aligns_is_decoded_again():
    assert loop(9, language="zh").hypothesis(None) is None
    interim = loop(9, purpose=Purpose.INTERIM).hypothesis(None)
    assert interim.is_degenerate


def test_a_retry_that_loops_is_not_decoded_a_third_time():
    dropped = loop(9, is_retry=True).hypothesis(pieces(*TWICE))
    assert dropped.is_degenerate


def test_a_phrase_said_twice_and_begun_again_is_no_loop():
    assert not loop(2).has_cut_loop
    assert loop(3).has_cut_loop
