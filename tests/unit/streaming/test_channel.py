"""One channel's decisions, on scripted speech through a session of one channel."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from streaming.channel import PREROLL_SAMPLES, TAIL_SAMPLES
from streaming.effects import Purpose
from streaming.events import (
    EndReason,
    Final,
    Interim,
    SilenceReached,
    SpeechStarted,
    UtteranceEnded,
    Warned,
)
from streaming.overload import Load, Rung
from streaming.speech_gate import WINDOW_SAMPLES
from streaming.transcript import Word, join_words
from streaming.windows import frames_of
from tests.support.scripted_speech import said, silence, speech, transcribe
from tests.support.session_harness import RecordingHarness, SessionHarness, heard, with_options

pytestmark = pytest.mark.unit


def test_an_utterance_is_announced_shown_and_ended():
    harness = heard(said(1.0, [1, 2, 3, 4], 1.0))
    kinds = [type(event) for event in harness.events if isinstance(event, SpeechStarted | Final)]
    assert kinds == [SpeechStarted, Final]
    assert harness.text == "w1 w2 w3 w4"
    assert harness.interims
    assert harness.reasons == [EndReason.SILENCE]


def test_the_audio_before_speech_was_noticed_is_decoded_too():
    harness = heard(said(2.0, [1, 2, 3], 1.0))
    (started,) = harness.of(SpeechStarted)
    assert abs(started.start_sample - 32_000) <= WINDOW_SAMPLES
    for decode in harness.asked:
        assert decode.request.start_sample == started.start_sample - PREROLL_SAMPLES


def test_the_pre_roll_does_not_reach_before_the_session_or_into_the_last_utterance():
    harness = heard(said([1, 2], 0.2, [3, 4], 0.2), with_options(endpoint_silence_ms=100))
    first, second = harness.decodes(Purpose.FINAL)
    assert first.request.start_sample == 0
    own = second.request.without_context()
    assert own.start_sample == len(first.request.audio)
    assert harness.text == "w1 w2 w3 w4"


def test_a_final_hears_the_tail_after_the_last_speech_and_no_more():
    harness = heard(said(0.5, [1, 2, 3], 2.0))
    (decode,) = harness.decodes(Purpose.FINAL)
    request = decode.request
    end = request.start_sample + len(request.audio)
    assert end - harness.finals[0].end_sample == TAIL_SAMPLES


def test_the_final_is_decoded_ahead_once_and_promoted_when_the_silence_goes_on():
    harness = heard(said(0.5, [1, 2, 3], 0.3))
    assert len(harness.decodes(Purpose.FINAL)) == 1
    assert harness.finals == []
    harness.send(silence(2.0))
    assert len(harness.decodes(Purpose.FINAL)) == 1
    assert harness.text == "w1 w2 w3"


def test_a_decode_ahead_that_is_still_running_at_the_endpoint_becomes_the_final():
    harness = heard(said(0.5, [1, 2, 3], 2.0), holds_decodes=True)
    (decode,) = harness.decodes(Purpose.FINAL)
    assert harness.finals == []
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2 w3"
    assert decode.request.id not in harness.withdrawn


def test_speech_that_resumes_turns_the_decode_ahead_into_an_interim():
    harness = heard(said(0.5, [1, 2, 3], 0.4))
    shown = harness.interims[-1]
    assert join_words(shown.committed + shown.tentative) == "w1 w2 w3"
    harness.send(said([4, 5], 2.0))
    assert len(harness.decodes(Purpose.FINAL)) == 2
    assert len(harness.of(SpeechStarted)) == 1
    assert harness.text == "w1 w2 w3 w4 w5"


def test_an_interim_that_still_waits_is_cancelled_for_the_final():
    harness = heard(said(0.5, [1, 2, 3], 2.0), holds_decodes=True)
    (interim,) = harness.decodes(Purpose.INTERIM)
    assert harness.withdrawn == {interim.request.id}


def test_what_a_withdrawn_decode_heard_is_shown_if_it_had_begun():
    harness = heard(said(0.5, [1, 2, 3], 0.6), holds_decodes=True)
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, 2.0)))
    (ahead,) = harness.decodes(Purpose.FINAL)
    harness.send(speech([4, 5]))
    assert ahead.request.id in harness.withdrawn, "the voice has gone on"
    assert not harness.interims
    harness.release(harness.held.index(ahead), has_begun=True)
    shown = harness.interims[-1]
    assert join_words(shown.tentative) == "w1 w2 w3"
    assert shown.end_sample == ahead.request.end_sample


def test_an_answer_that_comes_after_a_newer_one_is_not_shown():
    harness = heard(said(0.5, [1, 2, 3], 0.6), holds_decodes=True)
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, 2.0)))
    harness.send(speech([4, 5, 6]))
    (ahead,) = harness.decodes(Purpose.FINAL)
    newer = harness.decodes(Purpose.INTERIM)[-1]
    assert newer.request.end_sample > ahead.request.end_sample
    harness.release(harness.held.index(newer))
    num_shown = len(harness.interims)
    harness.release(harness.held.index(ahead), has_begun=True)
    assert len(harness.interims) == num_shown > 0


def test_only_the_last_decode_that_was_replaced_may_still_be_shown():
    harness = heard(said(0.5, [1, 2, 3]), holds_decodes=True)
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, 2.0)))
    for numbers in ([4, 5], [6, 7]):
        harness.send(said(0.6, numbers))
    first, second = harness.decodes(Purpose.FINAL)
    harness.release(harness.held.index(first), has_begun=True)
    assert not harness.interims
    harness.release(harness.held.index(second), has_begun=True)
    assert join_words(harness.interims[-1].tentative) == "w1 w2 w3 w4 w5"


def test_at_most_one_interim_of_a_channel_is_in_the_engine():
    harness = heard(said(0.5, [1, 2, 3, 4]), holds_decodes=True)
    assert len(harness.decodes(Purpose.INTERIM)) == 1
    harness.release()
    harness.send(speech([5]))
    assert len(harness.decodes(Purpose.INTERIM)) == 2


def test_what_came_while_an_interim_was_decoded_is_asked_for_with_its_answer():
    audio = said(0.12, [3, 4, 5, 6, 7])
    harness = heard(audio[:9_800], holds_decodes=True)
    harness.send(audio[9_800:])
    harness.release()
    assert not harness.interims, "its only word may be cut"
    harness.release()
    assert join_words(harness.interims[-1].tentative) == "w3 w4 w5 w6"
    assert not harness.held, "nothing has come since"


def test_an_interim_that_waited_hears_what_came_meanwhile():
    harness = heard(said(0.5, [1, 2]), holds_decodes=True)
    (asked,) = harness.decodes(Purpose.INTERIM)
    harness.send(speech([3, 4]))
    renewed = harness.session.renewed(asked.request)
    assert len(renewed.audio) > len(asked.request.audio)
    assert replace(renewed, audio=asked.request.audio) == asked.request
    harness.perform(harness.session.on_decoded(renewed.id, transcribe(renewed)))
    assert harness.interims[-1].end_sample == renewed.end_sample


def test_an_interim_that_waited_may_grow_out_of_its_window():
    harness = heard(said(0.5, [1, 2]), with_options(max_utterance_s=20), holds_decodes=True)
    (asked,) = harness.decodes(Purpose.INTERIM)
    # Without checkpoints, which would be asked for in its place.
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, 2.0)))
    harness.send(speech(range(3, 30)))
    renewed = harness.session.renewed(asked.request)
    assert frames_of(renewed) > frames_of(asked.request)
    assert harness.session.renewed(renewed) is renewed


def test_only_the_interim_that_is_waited_for_is_renewed():
    harness = heard(said(0.5, [1, 2, 3], 0.3), holds_decodes=True)
    (interim,) = harness.decodes(Purpose.INTERIM)
    (final,) = harness.decodes(Purpose.FINAL)
    for decode in (interim, final):
        assert harness.session.renewed(decode.request) is decode.request


def test_checkpoints_come_every_three_seconds_and_replace_the_interim_that_waits():
    harness = heard(said(0.5, list(range(1, 26))), holds_decodes=True)
    while harness.held:
        harness.release()
    ends = [decode.request.end_sample for decode in harness.decodes(Purpose.CHECKPOINT)]
    steps = [after - before for before, after in pairwise(ends)]
    assert len(ends) == 3
    assert all(48_000 <= step < 48_000 + 512 for step in steps)
    assert harness.decodes(Purpose.INTERIM)[0].request.id in harness.withdrawn


def test_a_final_waits_for_the_checkpoints_before_it():
    harness = heard(said(0.5, list(range(1, 9)), 1.0), holds_decodes=True)
    purposes = [decode.request.purpose for decode in harness.held]
    assert purposes == [Purpose.INTERIM, Purpose.CHECKPOINT, Purpose.FINAL]
    harness.release(2)
    assert harness.finals == []
    harness.release(1)
    assert harness.text == "w1 w2 w3 w4 w5 w6 w7 w8"


def test_finals_are_the_same_whatever_interims_the_engine_had_time_for():
    def moody(request):
        """Hear the first word otherwise in the middle of an utterance."""
        hypothesis = transcribe(request)
        if request.purpose is Purpose.FINAL or len(hypothesis.words) < 3:
            return hypothesis
        return replace(hypothesis, words=(Word(" x"), *hypothesis.words[1:]))

    texts = []
    for holds in (False, True):
        harness = SessionHarness(holds_decodes=holds)
        harness.engine = moody
        harness.send(said(0.5, list(range(1, 20)), 1.0))
        while harness.held:
            harness.release(len(harness.held) - 1)
        texts.append(harness.text)
    assert texts[0] == texts[1]
    assert texts[0].startswith("x w2")


def test_without_interims_only_finals_are_decoded():
    harness = heard(said(0.5, [1, 2, 3, 4, 5, 6], 1.0), with_options(interim=False))
    assert harness.decodes(Purpose.INTERIM) == []
    assert harness.interims == []
    assert harness.text == "w1 w2 w3 w4 w5 w6"


def test_an_endless_utterance_is_cut_at_its_quietest_place_without_losing_a_word():
    numbers = list(range(1, 41))
    words = [part for number in numbers for part in ([number], 0.1)]
    harness = heard(said(0.5, *words, 1.0), with_options(max_utterance_s=4.0))
    assert harness.text == " ".join(f"w{number}" for number in numbers)
    assert harness.reasons[:-1] == [EndReason.MAX_DURATION] * (len(harness.reasons) - 1)
    assert len(harness.reasons) >= 4
    finals = [decode.request.without_context() for decode in harness.decodes(Purpose.FINAL)]
    for before, after in pairwise(finals):
        assert after.start_sample == before.start_sample + len(before.audio)
        assert len(before.audio) <= 4 * 16_000
        assert abs(before.audio[-1]) < 0.01, "cut in the pause between two words"


def test_an_utterance_cut_in_its_last_silence_does_not_go_on():
    harness = heard(
        said(0.5, [1, 2, 3, 4], 0.65, 2.0),
        with_options(max_utterance_s=2.1, endpoint_silence_ms=5_000),
    )
    assert harness.reasons == [EndReason.MAX_DURATION]
    assert harness.text == "w1 w2 w3 w4"


def test_past_fifteen_seconds_a_short_pause_ends_the_utterance():
    numbers = list(range(1, 46))
    harness = heard(
        said(0.5, numbers, 0.45, [46, 47], 0.45, [48], 2.0), with_options(max_utterance_s=28.0)
    )
    assert harness.reasons == [EndReason.PAUSE, EndReason.SILENCE]
    assert harness.text == " ".join(f"w{number}" for number in range(1, 49))


def test_a_click_is_no_utterance():
    click = speech([80])[:600]
    harness = heard(np.concatenate([silence(1.0), click, silence(2.0)]))
    assert harness.of(SpeechStarted) == []
    assert harness.asked == []


def test_an_endpoint_silence_shorter_than_the_tail_shortens_the_tail():
    harness = heard(said(0.5, [1, 2], 1.0), with_options(endpoint_silence_ms=100))
    (decode,) = harness.decodes(Purpose.FINAL)
    end = decode.request.start_sample + len(decode.request.audio)
    assert end - harness.finals[0].end_sample == 512, "as long as the silence that ends it"
    assert harness.text == "w1 w2"


def test_the_first_failure_of_a_final_is_told_and_what_was_committed_is_kept():
    harness = RecordingHarness(holds_decodes=True)
    for part in np.array_split(said(0.5, list(range(1, 21))), 70):
        harness.send(part)
        while harness.held:
            harness.release()
    committed = join_words(harness.interims[-1].committed)
    assert committed
    harness.send(silence(1.0))
    for decode in harness.held:
        harness.perform(harness.session.on_decode_failed(decode.request.id))
    assert [type(e) for e in harness.events[-4:-1]] == [Warned, Final, UtteranceEnded]
    assert harness.text == committed


def test_a_failed_interim_is_forgotten_and_the_next_one_asked_for():
    harness = heard(said(0.5, [1, 2]), holds_decodes=True)
    (interim,) = harness.held
    harness.perform(harness.session.on_decode_failed(interim.request.id))
    harness.held.clear()
    harness.holds_decodes = False
    harness.send(said([3, 4], 1.0))
    assert harness.of(Warned) == []
    assert harness.text == "w1 w2 w3 w4"


def test_a_decode_ahead_that_failed_is_asked_for_again_at_the_endpoint():
    harness = heard(said(0.5, [1, 2, 3], 0.4), holds_decodes=True)
    (ahead,) = harness.decodes(Purpose.FINAL)
    harness.perform(harness.session.on_decode_failed(ahead.request.id))
    harness.held.clear()
    harness.holds_decodes = False
    harness.send(silence(1.0))
    assert len(harness.decodes(Purpose.FINAL)) == 2
    assert harness.text == "w1 w2 w3"
    assert harness.of(Warned) == []


def test_interims_of_a_new_utterance_wait_until_the_final_before_is_out():
    harness = heard(said(0.5, [1, 2, 3], 1.0), holds_decodes=True)
    final = next(d for d in harness.held if d.request.purpose is Purpose.FINAL)
    harness.send(speech([4, 5, 6]))
    harness.release(len(harness.held) - 1)
    assert harness.interims == []
    harness.release(harness.held.index(final))
    while harness.held:
        harness.release()
    harness.send(speech([7, 8, 9]))
    while harness.held:
        harness.release()
    order = [e.utterance for e in harness.events if isinstance(e, Final | Interim)]
    assert order == sorted(order)
    assert harness.interims[-1].utterance == 2


def test_speech_is_counted_from_its_start_to_its_end():
    harness = heard(said(0.5, [1, 2, 3, 4], 1.0, [5], 1.0))
    harness.stop()
    spoken = sum(
        f.end_sample - s.start_sample
        for f, s in zip(harness.finals, harness.of(SpeechStarted), strict=True)
    )
    assert harness.events[-1].speech_samples == spoken


def test_a_silence_asked_for_is_told_behind_the_finals_of_its_speech():
    options = with_options(silence_marks_ms=(1_000, 1_500))
    harness = heard(said([1, 2, 3], 2.0), options, holds_decodes=True)
    assert not harness.of(SilenceReached)
    while harness.held:
        harness.release()
    told = [e for e in harness.events if isinstance(e, Final | UtteranceEnded | SilenceReached)]
    assert [type(event) for event in told] == [
        Final,
        UtteranceEnded,
        SilenceReached,
        SilenceReached,
    ]
    assert [event.silence_ms for event in told[2:]] == [1_000, 1_500]
    assert all(event.speech_end_sample == told[1].end_sample for event in told[2:])


def test_a_silence_shorter_than_the_endpoint_is_told_while_the_utterance_is_open():
    harness = heard(said([1, 2, 3], 0.5), with_options(silence_marks_ms=(300,)))
    assert len(harness.of(SilenceReached)) == 1
    assert not harness.finals


def test_an_utterance_that_follows_a_cut_is_marked_as_its_continuation():
    harness = heard(said(list(range(1, 40)), 1.0), with_options(max_utterance_s=5.0))
    first, *others = harness.of(SpeechStarted)
    assert not first.continues
    assert others
    assert all(started.continues for started in others)
