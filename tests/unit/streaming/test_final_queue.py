import itertools

import pytest

from streaming.events import EndReason, Final, UtteranceEnded, Warned, WarningCode
from streaming.final_queue import FinalQueue, Marker, PendingFinal
from streaming.language_lock import LanguageLock
from streaming.left_context import MAX_GAP_SAMPLES, LeftContext
from streaming.speech_gate import MAX_NOTICED_LATE_SAMPLES
from streaming.transcript import Hypothesis, Word, join_words
from streaming.utterance import OpenUtterance

pytestmark = pytest.mark.unit


def queue(language: str = "en") -> FinalQueue:
    return FinalQueue(0, LanguageLock(language))


def pending(number: int, hypothesis: Hypothesis | None = None) -> PendingFinal:
    """Return utterance `number`, whose request has ten times that id."""
    start = number * 16_000
    utterance = OpenUtterance(number, start, start - 1_000, 0, start + 8_000)
    end = start + 8_000
    return PendingFinal(utterance, end, end + 500, EndReason.SILENCE, number * 10, hypothesis)


def said(text: str, **signals) -> Hypothesis:
    return Hypothesis(tuple(Word(f" {word}") for word in text.split()), "en", **signals)


def texts(outputs) -> list[str]:
    return [join_words(output.words) for output in outputs if isinstance(output, Final)]


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_finals_leave_in_order_whatever_the_order_of_answers(order):
    finals = queue()
    outputs = [output for number in (1, 2, 3) for output in finals.append(pending(number))]
    assert outputs == []
    for number in order:
        outputs += finals.answer(number * 10, said(f"text {number}"))
    assert texts(outputs) == ["text 1", "text 2", "text 3"]
    assert [type(output) for output in outputs] == [Final, UtteranceEnded] * 3
    assert [output.utterance for output in outputs] == [1, 1, 2, 2, 3, 3]
    assert (finals.num_pending, finals.num_published) == (0, 3)


def test_an_answered_utterance_leaves_at_once():
    outputs = queue().append(pending(1, said("here", confidence=0.7)))
    assert outputs == [
        Final(1, 0, (Word(" here"),), 16_000, 24_000, "en", 0.7),
        UtteranceEnded(1, 0, 24_000, EndReason.SILENCE),
    ]


def test_an_utterance_without_words_only_ends():
    finals = queue()
    outputs = finals.append(pending(1, said("")))
    outputs += finals.append(pending(2, said("invented", is_degenerate=True)))
    assert [type(output) for output in outputs] == [UtteranceEnded, UtteranceEnded]
    assert finals.num_published == 0


def test_a_timed_word_tells_an_earlier_start():
    word = Word(" so", 15_500, 16_500, 0.9)
    (final, _) = queue().append(pending(1, Hypothesis((word,), "en")))
    assert isinstance(final, Final)
    assert final.start_sample == 15_500


def test_words_stretched_over_the_pre_roll_begin_near_where_speech_was_noticed():
    words = (Word(" so", 2_000, 12_000, 0.9), Word(" be", 12_000, 17_000, 0.9))
    (final, _) = queue().append(pending(1, Hypothesis(words, "en")))
    assert isinstance(final, Final)
    earliest = 16_000 - MAX_NOTICED_LATE_SAMPLES
    assert final.start_sample == earliest
    assert [(w.start_sample, w.end_sample) for w in final.words] == [
        (earliest, 12_000),
        (12_000, 17_000),
    ]


def test_times_that_nobody_asked_for_are_not_told_but_kept_as_context():
    finals = queue()
    finals.shows_times = False
    word = Word(" so", 15_500, 16_500, 0.9)
    (final, _) = finals.append(pending(1, Hypothesis((word,), "en")))
    assert isinstance(final, Final)
    assert final.words == (Word(" so"),)
    assert finals.context == LeftContext((word,), 24_000)


def test_speech_soon_after_a_final_that_is_not_out_waits_for_it():
    finals = queue()
    assert not finals.must_wait(30_000)
    finals.append(pending(1))
    soon = 24_000 + MAX_GAP_SAMPLES
    assert finals.must_wait(soon)
    assert not finals.must_wait(soon + 1)
    later = pending(2)
    later.request_id = None
    finals.append(later)
    assert finals.unasked is None
    assert finals.outstanding_requests() == [10]
    finals.answer(10, said("one"))
    assert finals.unasked is later
    later.request_id = 20
    assert finals.unasked is None
    assert texts(finals.answer(20, said("two"))) == ["two"]


def test_a_marker_comes_out_when_every_final_before_it_is_out():
    finals = queue()
    assert finals.mark(1) == [Marker(1)]
    finals.append(pending(1))
    assert finals.mark(2) == []
    finals.append(pending(2))
    assert finals.mark(3) == []
    assert finals.answer(20, said("two")) == []
    outputs = finals.answer(10, said("one"))
    assert texts(outputs) == ["one", "two"]
    assert [type(o) for o in outputs] == [Final, UtteranceEnded, Marker] * 2


def test_what_cannot_be_decoded_leaves_with_its_committed_words_and_a_warning():
    finals = queue()
    entry = pending(1)
    entry.utterance.hypotheses.committed = (Word(" kept"), Word(" words"))
    finals.append(entry)
    warning, final, ended = finals.give_up(10)
    assert isinstance(warning, Warned)
    assert warning.code is WarningCode.DECODE_FAILED
    assert "utterance 1" in warning.message
    assert warning.hint
    assert texts([final]) == ["kept words"]
    assert isinstance(ended, UtteranceEnded)


def test_giving_up_behind_an_unanswered_final_keeps_the_order():
    finals = queue()
    finals.append(pending(1))
    finals.append(pending(2))
    assert [type(output) for output in finals.give_up(20)] == [Warned]
    outputs = finals.answer(10, said("one"))
    assert [type(output) for output in outputs] == [Final, UtteranceEnded, UtteranceEnded]


def test_a_final_that_fails_before_any_language_is_known_has_an_undetermined_one():
    finals = queue("auto")
    entry = pending(1)
    entry.utterance.hypotheses.committed = (Word(" kept"),)
    finals.append(entry)
    _, final, _ = finals.give_up(10)
    assert isinstance(final, Final)
    assert final.language == "und"


def test_answers_that_nobody_waits_for_change_nothing():
    finals = queue()
    finals.append(pending(1))
    assert finals.answer(99, said("lost")) == []
    assert finals.give_up(99) == []
    assert not finals.is_waiting_for(99)
    assert finals.is_waiting_for(10)
    assert finals.outstanding_requests() == [10]


def test_only_unanswered_finals_are_outstanding():
    finals = queue()
    finals.append(pending(1))
    finals.append(pending(2))
    finals.answer(20, said("two"))
    assert finals.outstanding_requests() == [10]
    assert finals.num_pending == 2
    oldest = finals.oldest
    assert oldest is not None
    assert oldest.id == 1


def test_a_sure_final_locks_the_language():
    finals = queue("auto")
    finals.append(pending(1, said("hello", language_probability=0.9)))
    assert finals.language.language == "en"
