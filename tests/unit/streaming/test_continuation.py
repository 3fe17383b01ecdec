"""Where decodes of long utterances begin, and what they wait for."""

from dataclasses import replace

import numpy as np
import pytest

from streaming.continuation import MIN_UNSAID_SAMPLES, going_on_after, going_on_at, going_on_from
from streaming.effects import DecodeRequest, Purpose
from streaming.events import OptionsChanged
from streaming.left_context import REACH_SAMPLES
from streaming.options import OptionLimits, OptionRequest, Task
from streaming.overload import NO_CHECKPOINTS_STRETCH, Load, Rung
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import Hypothesis, Word
from streaming.windows import MIN_UNHEARD_SAMPLES
from tests.support.scripted_speech import said, silence, transcribe
from tests.support.session_harness import (
    MULTILINGUAL,
    RecordingHarness,
    SessionHarness,
    heard,
    with_options,
)

pytestmark = pytest.mark.unit

SECOND = 16_000


def request(seconds: float, purpose: Purpose = Purpose.FINAL, start_s: float = 100.0):
    audio = np.arange(int(seconds * SECOND), dtype=np.float32)
    return DecodeRequest(
        1, purpose, audio, int(start_s * SECOND), "en", Task.TRANSCRIBE, True, "", ()
    )


def words(num: int, start_s: float = 101.0) -> tuple[Word, ...]:
    """Return words of half a second each."""
    starts = [int((start_s + index / 2) * SECOND) for index in range(num)]
    return tuple(Word(f" w{start}", start, start + SECOND // 2, 0.9) for start in starts)


def test_a_long_decode_begins_some_words_before_the_first_that_is_not_committed():
    whole, committed = request(20.0), words(30)
    asked = going_on_from(committed, whole)
    assert asked.said == committed
    assert asked.whole is asked.without_context() is whole
    assert asked.end_sample == whole.end_sample
    assert np.array_equal(asked.audio, whole.audio[-len(asked.audio) :])
    reached = [word for word in committed if word.start_sample >= asked.start_sample]
    assert asked.context == tuple(reached)
    assert asked.start_sample == reached[0].start_sample
    assert asked.start_sample + asked.num_context_samples == committed[-1].end_sample
    assert asked.num_context_samples >= REACH_SAMPLES


def test_context_fills_the_window_and_no_more():
    asked = going_on_from(words(34), request(20.0))
    assert 13.0 * SECOND < len(asked.audio) <= 13.5 * SECOND
    interim = going_on_from(words(34), request(20.0, Purpose.INTERIM))
    assert 5.6 * SECOND < len(interim.audio) <= 6.18 * SECOND
    assert interim.whole is None, "an interim that fails is not worth a second decode"


@pytest.mark.parametrize(
    ("seconds", "committed"),
    [
        (13.5, words(10)),
        (20.0, ()),
        (20.0, (Word(" untimed"), *words(30))),
        (14.0, words(5)),
    ],
)
def test_what_would_not_be_cheaper_or_not_be_known_is_decoded_whole(seconds, committed):
    whole = request(seconds)
    assert going_on_from(committed, whole) is whole


def test_a_final_that_leaves_out_speech_at_its_end_is_gone_on_with_from_all_its_words():
    asked = replace(request(10.0), context=(Word(" before"),), num_context_samples=SECOND)
    rest = going_on_after(words(8), asked)
    assert rest is not None
    assert rest.said == words(8)
    assert rest.context == (Word(" before"), *words(8))
    assert rest.num_context_samples == 5 * SECOND
    assert (rest.audio is asked.audio, rest.start_sample) == (True, asked.start_sample)
    alone = rest.without_context()
    assert (alone.said, len(alone.audio)) == (words(8), 5 * SECOND)


def test_of_a_long_final_only_the_words_it_decoded_are_in_its_audio():
    whole = request(20.0)
    asked = going_on_from(words(30), whole)
    answer = words(32)
    rest = going_on_after(answer, asked)
    assert rest is not None
    assert rest.said == answer
    assert rest.context == asked.context + answer[30:]
    assert rest.start_sample + rest.num_context_samples == answer[-1].end_sample
    assert rest.whole is None, "what was refused once would be decoded for ever"


def test_words_that_reach_the_end_of_the_speech_leave_nothing_out():
    short = MIN_UNSAID_SAMPLES / SECOND
    assert going_on_after(words(8), request(5.0 + short - 0.1)) is None
    assert going_on_after(words(8), request(5.0 + short)) is not None


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ((), request(10.0)),
        ((*words(2), Word(" untimed")), request(10.0)),
        (words(8), request(10.0, Purpose.CHECKPOINT)),
        (words(8), request(10.0, Purpose.INTERIM)),
        (words(8), request(10.0, Purpose.FILE)),
        (words(8), replace(request(10.0), said=words(8))),
    ],
)
def test_nothing_more_is_asked_without_new_words_with_times_in_a_final(answer, asked):
    assert going_on_after(answer, asked) is None


@pytest.mark.parametrize("purpose", [Purpose.FINAL, Purpose.FILE])
def test_what_follows_an_early_timestamp_is_decoded_alone(purpose):
    asked = replace(request(10.0, purpose), language=None)
    words_so_far = (*words(7), Word(" unsure"))
    rest = going_on_at(4 * SECOND, Hypothesis(words_so_far, "de", confidence=0.6), asked)
    assert rest is not None
    assert (rest.start_sample, rest.end_sample) == (104 * SECOND, asked.end_sample)
    assert (len(rest.audio), rest.language, rest.context) == (6 * SECOND, "de", ())
    assert rest.said == (*words(7), Word(" unsure", confidence=0.6))


@pytest.mark.parametrize(
    ("heard_samples", "purpose"),
    [
        (10 * SECOND - MIN_UNHEARD_SAMPLES + 1, Purpose.FINAL),
        (MIN_UNHEARD_SAMPLES - 1, Purpose.FINAL),
        (5 * SECOND, Purpose.CHECKPOINT),
        (5 * SECOND, Purpose.INTERIM),
    ],
)
def test_a_late_timestamp_one_at_the_begin_and_one_of_passing_text_end_it(heard_samples, purpose):
    answer = Hypothesis(words(8), "en")
    assert going_on_at(heard_samples, answer, request(10.0, purpose)) is None


LONG = list(range(1, 61))
"""21 s."""


def test_no_decode_of_a_long_utterance_grows_with_it():
    harness = heard(said(0.5, LONG, 1.0))
    assert harness.text == " ".join(f"w{number}" for number in LONG)
    longest_s = {
        purpose: max(len(d.request.audio) for d in harness.decodes(purpose)) / SECOND
        for purpose in (Purpose.INTERIM, Purpose.CHECKPOINT, Purpose.FINAL)
    }
    assert all(seconds < 14.0 for seconds in longest_s.values()), longest_s


def test_decodes_wait_for_the_checkpoints_that_commit_the_words_they_go_on_from():
    harness = heard(said(0.5, LONG, 1.0), holds_decodes=True)
    while harness.held:
        held = [decode.request for decode in harness.held if decode.request.purpose.has_beam]
        late = [asked for asked in held if asked.end_sample > held[0].end_sample]
        assert all(len(asked.audio) <= 13.5 * SECOND for asked in late)
        harness.release()
    assert harness.text == " ".join(f"w{number}" for number in LONG)
    assert harness.decodes(Purpose.FINAL)[-1].request.said


def test_a_server_that_becomes_busy_goes_on_from_what_is_committed_and_waits_for_nothing():
    harness = heard(said(0.5, LONG[:40]))
    harness.session.set_load(Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH))
    harness.holds_decodes = True
    harness.send(said(LONG[40:], 1.0))
    final = harness.decodes(Purpose.FINAL)[-1].request
    assert final.said
    assert final.whole is not None
    assert len(final.audio) < len(final.whole.audio) - 3 * SECOND
    while harness.held:
        harness.release()
    assert harness.text == " ".join(f"w{number}" for number in LONG)


@pytest.mark.parametrize("fails", [Purpose.CHECKPOINT, Purpose.FINAL])
def test_a_failure_keeps_nothing_waiting(fails):
    harness = heard(said(0.5, LONG, 1.0, [70, 71], 1.0), holds_decodes=True)
    harness.stop()
    while harness.held:
        asked = harness.held[0].request
        if asked.purpose is fails:
            harness.held.pop(0)
            harness.perform(harness.session.on_decode_failed(asked.id))
        else:
            harness.release()
    assert harness.is_closed
    assert harness.text.startswith("w1 w2 "), "committed words are in the final all the same"


@pytest.mark.parametrize(
    ("options", "load"),
    [
        (with_options(task=Task.TRANSLATE), Load()),
        (with_options(language="auto"), Load()),
        (with_options(interim=False), Load()),
    ],
)
def test_a_final_is_decoded_whole_where_nothing_can_be_forced(options, load):
    def unsure(asked: DecodeRequest) -> Hypothesis:
        return replace(transcribe(asked), language_probability=0.3)

    harness = RecordingHarness(options)
    harness.engine = unsure
    harness.session.set_load(load)
    harness.send(said(0.5, LONG, 1.0))
    (final,) = harness.decodes(Purpose.FINAL)
    assert len(final.request.audio) > 20 * SECOND
    assert final.request.said == ()


def test_words_of_another_language_are_not_forced():
    plan = SessionPlan(
        "s1",
        with_options(model="base"),
        MULTILINGUAL,
        OptionLimits(),
        SessionLimits(),
        SpeechPolicy(),
    )
    harness = heard(said(0.5, LONG), plan=plan)
    harness.control(OptionsChanged(OptionRequest(language="de")))
    harness.send(silence(1.0))
    assert harness.decodes(Purpose.FINAL)[-1].request.said == ()


def test_times_that_nobody_asked_for_are_not_shown():
    harness = SessionHarness(with_options())
    for part in np.array_split(said(0.5, LONG, 1.0), 200):
        harness.send(part)
    assert any(interim.committed for interim in harness.interims)
    shown = [word for e in harness.interims for word in (*e.committed, *e.tentative)]
    assert {word.start_sample for word in shown} == {None}
