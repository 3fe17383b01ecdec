from dataclasses import replace

import numpy as np
import pytest

from streaming.effects import Close
from streaming.errors import ErrorCode, StarlingError
from streaming.events import (
    Closed,
    EndReason,
    Failed,
    Final,
    Finalized,
    FinalizeRequested,
    OptionsChanged,
    OptionsUpdated,
    PingReceived,
    PongSent,
    SessionReady,
    SpeechStarted,
    StopRequested,
    UtteranceEnded,
)
from streaming.options import AudioFormat, ChannelMode, Encoding, OptionRequest
from streaming.transcript import Hypothesis, Word
from tests.support.scripted_speech import said, silence, speech
from tests.support.session_harness import DEFAULTS, SessionHarness, with_options

pytestmark = pytest.mark.unit

STEREO = with_options(audio=AudioFormat(Encoding.PCM_S16LE, 16_000, 2, ChannelMode.SPLIT))


def send_stereo(harness: SessionHarness, left, right, now: float = 0.0) -> None:
    length = max(len(left), len(right))
    pair = [np.pad(side, (0, length - len(side))) for side in (left, right)]
    harness.perform(harness.session.on_audio(np.stack(pair), now))


def closed_event(harness: SessionHarness) -> Closed:
    assert harness.is_closed
    event = harness.events[-1]
    assert isinstance(event, Closed)
    return event


def error_code(harness: SessionHarness) -> ErrorCode:
    (failed,) = harness.of(Failed)
    assert closed_event(harness).reason == failed.error.code
    return failed.error.code


def test_a_session_begins_with_ready_and_its_options():
    harness = SessionHarness()
    assert harness.events == [SessionReady("s1", DEFAULTS)]


def test_stop_publishes_what_was_heard_and_sums_up():
    harness = SessionHarness()
    audio = said(0.5, [1, 2, 3])
    harness.send(audio)
    harness.stop()
    assert harness.text == "w1 w2 w3"
    (ended,) = harness.of(UtteranceEnded)
    assert ended.reason is EndReason.STOP
    summary = closed_event(harness)
    assert summary.reason == "stop"
    assert summary.audio_samples == len(audio)
    assert (summary.num_utterances, summary.num_finals) == (1, 1)


def test_stop_waits_for_the_scores_of_the_last_incomplete_window():
    harness = SessionHarness()
    harness.send(said(0.5, [1, 2, 3])[:-700])
    harness.stop()
    assert harness.text == "w1 w2 w3"
    assert harness.finals[0].end_sample <= closed_event(harness).audio_samples


def test_stop_without_audio_just_closes():
    harness = SessionHarness()
    harness.stop()
    assert [type(event) for event in harness.events] == [SessionReady, Closed]
    assert closed_event(harness) == Closed("stop", 0, 0, 0, 0)


def test_stop_waits_for_the_engine():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2]))
    harness.stop()
    assert harness.session.is_draining
    assert not harness.is_closed
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2"
    assert harness.is_closed


def test_a_draining_session_takes_no_audio_and_answers_only_pings():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2]))
    harness.stop()
    num_before = len(harness.emitted)
    harness.send(speech([3, 4]))
    harness.stop()
    harness.control(FinalizeRequested("late"))
    harness.control(OptionsChanged(OptionRequest(words=True)))
    harness.perform(harness.session.on_timeout(1e9))
    assert harness.session.next_deadline() is None
    assert len(harness.emitted) == num_before
    harness.control(PingReceived("p"))
    assert harness.events[-1] == PongSent("p")
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2"


def test_nothing_is_said_after_closed():
    harness = SessionHarness()
    harness.send(said(0.5, [1, 2], 1.0))
    harness.stop()
    session, now = harness.session, 1.0
    assert session.is_closed
    assert session.on_audio(silence(1.0)[np.newaxis], now) == []
    for event in (StopRequested(), FinalizeRequested(), PingReceived()):
        assert session.on_control(event, now) == []
    assert session.on_scores(0, [0.9] * 10) == []
    assert session.on_decoded(1, Hypothesis((Word(" late"),), "en")) == []
    assert session.on_decode_failed(1) == []
    assert session.on_timeout(1e9) == []
    assert session.fail(StarlingError(ErrorCode.INTERNAL, "a", "b")) == []
    assert session.abort() == []
    assert session.next_deadline() is None


def test_finalize_ends_the_utterance_and_is_answered_after_its_final():
    harness = SessionHarness(holds_decodes=True)
    audio = said(0.5, [1, 2, 3])
    harness.send(audio)
    harness.control(FinalizeRequested("f1"))
    assert harness.of(Finalized) == []
    while harness.held:
        harness.release()
    kinds = [type(e) for e in harness.events if isinstance(e, Final | UtteranceEnded | Finalized)]
    assert kinds == [Final, UtteranceEnded, Finalized]
    assert harness.of(Finalized) == [Finalized("f1", len(audio))]
    assert harness.of(UtteranceEnded)[0].reason is EndReason.FINALIZE
    harness.holds_decodes = False
    harness.send(said([4, 5], 1.0))
    assert harness.text == "w1 w2 w3 w4 w5"


def test_finalize_in_silence_is_answered_at_once():
    harness = SessionHarness()
    harness.send(silence(1.0))
    harness.control(FinalizeRequested())
    assert harness.events[-1] == Finalized(None, 16_000)
    assert harness.of(UtteranceEnded) == []


def test_finalizes_are_answered_in_order():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2]))
    harness.control(FinalizeRequested("a"))
    harness.send(speech([3, 4]))
    harness.control(FinalizeRequested("b"))
    harness.control(FinalizeRequested("c"))
    while harness.held:
        harness.release(len(harness.held) - 1)
    assert [event.id for event in harness.of(Finalized)] == ["a", "b", "c"]
    assert harness.text == "w1 w2 w3 w4"


def test_two_channels_have_transcripts_and_numbers_of_their_own():
    harness = SessionHarness(STEREO)
    send_stereo(harness, said(0.5, [1, 2, 3], 1.0), said(1.0, [11, 12], 1.5))
    harness.stop()
    by_channel = {
        c: [w.text for f in harness.finals if f.channel == c for w in f.words] for c in (0, 1)
    }
    assert by_channel == {0: [" w1", " w2", " w3"], 1: [" w11", " w12"]}
    numbers = [(e.channel, e.utterance) for e in harness.of(SpeechStarted)]
    assert sorted(numbers) == [(0, 1), (1, 2)]


def test_finalize_waits_for_both_channels():
    harness = SessionHarness(STEREO, holds_decodes=True)
    send_stereo(harness, said(0.5, [1, 2]), said(0.5, [11, 12]))
    harness.control(FinalizeRequested("f"))
    right = next(i for i, d in enumerate(harness.held) if d.request.audio.max() > 0.1)
    harness.release(right)
    while harness.of(Final) == [] and harness.held:
        harness.release()
    while harness.held:
        assert harness.of(Finalized) == []
        harness.release()
    assert harness.of(Finalized) == [Finalized("f", len(said(0.5, [1, 2])))]
    assert {final.channel for final in harness.finals} == {0, 1}


def test_changed_options_are_told_and_used():
    harness = SessionHarness()
    harness.control(OptionsChanged(OptionRequest(endpoint_silence_ms=200, interim=False)))
    assert harness.events[-1] == OptionsUpdated(
        replace(DEFAULTS, endpoint_silence_ms=200, interim=False)
    )
    harness.send(said(0.5, [1, 2, 3, 4], 0.3, [5, 6], 0.3))
    assert [len(final.words) for final in harness.finals] == [4, 2]
    assert harness.interims == []


def test_an_option_that_cannot_be_met_ends_the_session_after_its_finals():
    harness = SessionHarness()
    harness.send(said(0.5, [1, 2]))
    harness.control(OptionsChanged(OptionRequest(language="de")))
    assert harness.text == "w1 w2"
    assert error_code(harness) is ErrorCode.INVALID_OPTIONS


def test_pings_are_answered_with_their_id():
    harness = SessionHarness()
    harness.control(PingReceived("p1"))
    assert harness.events[-1] == PongSent("p1")


def test_cancelled_and_unknown_answers_are_ignored():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2, 3], 1.0))
    (cancelled,) = harness.withdrawn
    late = Hypothesis((Word(" late"),), "en")
    assert harness.session.on_decoded(cancelled, late) == []
    assert harness.session.on_decoded(4_711, late) == []
    assert harness.session.on_decode_failed(cancelled) == []
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2 w3"


def test_an_aborted_session_cancels_what_it_asked_and_closes_without_waiting():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2], 1.0, [3, 4, 5]))
    waiting = {decode.request.id for decode in harness.held} - harness.withdrawn
    effects = harness.session.abort(StarlingError(ErrorCode.INTERNAL, "a", "b"))
    assert isinstance(effects[-1], Close)
    harness.perform(effects)
    assert waiting <= harness.withdrawn
    assert error_code(harness) is ErrorCode.INTERNAL


def test_a_client_that_is_gone_is_not_counted_as_a_stop():
    harness = SessionHarness()
    harness.perform(harness.session.abort())
    assert harness.of(Closed)[0].reason == "disconnected"


def test_only_a_stop_of_an_open_session_will_drain_it():
    harness = SessionHarness(holds_decodes=True)
    harness.send(said(0.5, [1, 2]))
    assert harness.session.will_drain(StopRequested())
    assert not harness.session.will_drain(FinalizeRequested())
    harness.stop()
    assert not harness.session.will_drain(StopRequested())
