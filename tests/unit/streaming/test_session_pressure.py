"""A session against its limits: idle, too long, too fast, behind; and what it acknowledges."""

from dataclasses import replace

import numpy as np
import pytest

from streaming.effects import DecodeRequest, Emit, Purpose, ScoreSpeech
from streaming.errors import ErrorCode
from streaming.events import (
    AudioAcknowledged,
    Closed,
    Failed,
    PingReceived,
    SessionReady,
    Warned,
    WarningCode,
)
from streaming.options import OptionLimits
from streaming.overload import MAX_STRETCH, Load, Rung
from streaming.safe_place import ACK_STEP_SAMPLES
from streaming.session import Session
from streaming.session_channels import MAX_WINDOWS_PER_SCORE
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import Hypothesis
from tests.support.scripted_speech import said, silence, speech, transcribe
from tests.support.session_harness import DEFAULTS, ENGLISH, SessionHarness

pytestmark = pytest.mark.unit


def closed_event(harness: SessionHarness) -> Closed:
    assert harness.is_closed
    event = harness.events[-1]
    assert isinstance(event, Closed)
    return event


def error_code(harness: SessionHarness) -> ErrorCode:
    (failed,) = harness.of(Failed)
    assert closed_event(harness).reason == failed.error.code
    return failed.error.code


def test_an_idle_session_publishes_what_it_heard_and_ends():
    harness = SessionHarness(limits=SessionLimits(idle_timeout_s=10))
    harness.send(said(0.5, [1, 2]), now=5.0)
    assert harness.session.next_deadline() == 15.0
    harness.perform(harness.session.on_timeout(14.5))
    assert not harness.is_closed
    harness.control(PingReceived(), now=14.5)
    harness.perform(harness.session.on_timeout(24.0))
    assert not harness.is_closed
    harness.perform(harness.session.on_timeout(24.5))
    assert harness.text == "w1 w2"
    assert error_code(harness) is ErrorCode.IDLE_TIMEOUT


def test_a_session_ends_at_its_longest_length():
    harness = SessionHarness(limits=SessionLimits(max_session_s=100))
    harness.send(said(0.5, [1, 2]), now=99.0)
    harness.perform(harness.session.on_timeout(100.0))
    assert harness.text == "w1 w2"
    assert error_code(harness) is ErrorCode.SESSION_TOO_LONG


def test_audio_too_far_ahead_of_the_clock_ends_the_session_after_its_finals():
    harness = SessionHarness(limits=SessionLimits(max_lead_s=2.0))
    harness.send(said(0.5, [1, 2]), now=0.0)
    harness.send(silence(2.0), now=0.5)
    assert harness.text == "w1 w2"
    assert error_code(harness) is ErrorCode.AUDIO_TOO_FAST


def test_too_many_waiting_finals_congest_the_session_and_its_idle_clock_rests():
    harness = SessionHarness(
        limits=SessionLimits(idle_timeout_s=10, max_pending_finals=2), holds_decodes=True
    )
    harness.send(said(0.5, [1, 2], 1.0))
    assert not harness.session.is_congested
    harness.send(said([3, 4], 1.0))
    assert harness.session.is_congested
    harness.perform(harness.session.on_timeout(60.0))
    assert not harness.session.is_draining
    assert harness.session.next_deadline() == 70.0
    while harness.held:
        harness.release()
    assert not harness.session.is_congested
    assert harness.text == "w1 w2 w3 w4"


def test_a_backlog_of_unscored_audio_congests_the_session():
    session = SessionHarness(limits=SessionLimits(max_backlog_samples=64_000)).session
    (scoring,) = session.on_audio(silence(4.0)[np.newaxis], 0.0)
    assert isinstance(scoring, ScoreSpeech)
    assert len(scoring.audio) == MAX_WINDOWS_PER_SCORE * 512
    assert session.backlog_samples == 64_000
    assert not session.is_congested
    assert session.on_audio(silence(0.1)[np.newaxis], 0.0) == []
    assert session.is_congested
    session.on_scores(0, [0.0] * MAX_WINDOWS_PER_SCORE)
    assert not session.is_congested


def test_acknowledgements_grow_and_never_pass_what_is_not_in_finals():
    harness = SessionHarness(holds_decodes=True)
    audio = said(6.0, [1, 2, 3], 2.0, [4, 5], 6.0)
    spans: dict[int, int] = {}
    for part in np.array_split(audio, 300):
        num_before = len(harness.emitted)
        harness.send(part)
        spans |= {d.request.id: d.request.start_sample for d in harness.held}
        for event in harness.events[num_before:]:
            if isinstance(event, AudioAcknowledged):
                assert event.offset_samples <= min(spans.values(), default=len(audio))
    while harness.held:
        harness.release()
    harness.send(silence(6.0))
    offsets = [event.offset_samples for event in harness.of(AudioAcknowledged)]
    assert offsets == sorted(set(offsets))
    assert offsets[0] >= ACK_STEP_SAMPLES
    assert offsets[-1] >= len(audio)


def test_speech_is_scored_in_order_one_request_at_a_time():
    session = SessionHarness().session
    (first,) = session.on_audio(silence(5.0)[np.newaxis], 0.0)
    assert isinstance(first, ScoreSpeech)
    assert session.on_audio(silence(1.0)[np.newaxis], 0.0) == []
    (second,) = session.on_scores(0, [0.0] * (len(first.audio) // 512))
    assert isinstance(second, ScoreSpeech)
    assert len(second.audio) == MAX_WINDOWS_PER_SCORE * 512


def recording(harness: SessionHarness) -> list[DecodeRequest]:
    """Return the list that will hold what the engine was asked."""
    asked: list[DecodeRequest] = []

    def transcribe_and_note(request: DecodeRequest) -> Hypothesis:
        asked.append(request)
        return transcribe(request)

    harness.engine = transcribe_and_note
    return asked


def told(harness: SessionHarness) -> list[WarningCode]:
    return [warned.code for warned in harness.of(Warned)]


def test_an_overloaded_server_leaves_interims_out_but_no_final():
    harness = SessionHarness()
    asked = recording(harness)
    harness.perform(harness.session.set_load(Load(Rung.NO_INTERIMS, 6.0, 0.7)))
    harness.send(said(0.5, list(range(1, 25)), 2.0))
    assert {request.purpose for request in asked} == {Purpose.FINAL}
    assert harness.interims == []
    assert harness.text == " ".join(f"w{number}" for number in range(1, 25))
    assert told(harness) == [WarningCode.LAGGING]


def test_a_more_overloaded_server_decodes_finals_with_less_care():
    harness = SessionHarness()
    asked = recording(harness)
    harness.send(said(0.5, [1, 2, 3], 2.0))
    harness.perform(harness.session.set_load(Load(Rung.CHEAP_FINALS, 6.0, 1.2)))
    harness.send(said(0.5, [4, 5, 6], 2.0))
    finals = [request for request in asked if request.purpose is Purpose.FINAL]
    assert [request.is_cheap for request in finals] == [False, True]


def test_a_client_is_told_once_when_the_server_has_caught_up():
    harness = SessionHarness()
    loads = [Load(Rung.STRETCHED, 3.0), Load(Rung.NO_INTERIMS, 6.0, 0.7)]
    loads += [Load(Rung.NO_INTERIMS, 6.0, 0.9), Load(Rung.STRETCHED, 5.0), Load()]
    for load in loads:
        harness.perform(harness.session.set_load(load))
    assert told(harness) == [WarningCode.LAGGING, WarningCode.RECOVERED]


def test_a_busy_server_is_asked_for_one_interim_at_a_time_which_hears_what_came_meanwhile():
    harness = SessionHarness(holds_decodes=True)
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, MAX_STRETCH)))
    harness.send(said(0.5, [1, 2, 3]))
    (waiting,) = [decode.request for decode in harness.held]
    assert waiting.purpose is Purpose.INTERIM
    harness.send(speech([4, 5, 6]))
    assert [decode.request for decode in harness.held] == [waiting]
    renewed = harness.session.renewed(waiting)
    assert (renewed.id, renewed.purpose) == (waiting.id, Purpose.INTERIM)
    assert renewed.end_sample > waiting.end_sample + 16_000
    assert transcribe(renewed).text.startswith("w1 w2 w3 w4 w5")


def test_a_busy_server_decodes_no_final_ahead_in_a_short_pause_and_the_same_one_in_the_end():
    decodes = []
    for stretch in (1.0, 2.0):
        harness = SessionHarness()
        asked = recording(harness)
        harness.perform(harness.session.set_load(Load(Rung.STRETCHED, stretch)))
        harness.send(said(0.5, [1, 2, 3], 0.35, [4, 5, 6]))
        early = [request for request in asked if request.purpose is Purpose.FINAL]
        harness.send(silence(0.6))
        ahead = [request for request in asked if request.purpose is Purpose.FINAL]
        assert not harness.finals
        harness.send(silence(1.0))
        assert harness.text == "w1 w2 w3 w4 w5 w6"
        finals = [request for request in asked if request.purpose is Purpose.FINAL]
        assert finals == ahead
        decodes.append((len(early), finals[-1].start_sample, len(finals[-1].audio)))
    assert [num_early for num_early, *_ in decodes] == [1, 0]
    assert decodes[0][1:] == decodes[1][1:]


@pytest.mark.parametrize(("final_s", "slack_s"), [(0.2, 0.19), (0.6, 0.0)])
def test_finals_of_a_voice_that_rarely_goes_on_may_wait_for_a_batch_while_there_is_time(
    final_s, slack_s
):
    harness = SessionHarness()
    asked = recording(harness)
    for _ in range(4):
        harness.send(said(0.5, [1, 2, 3], 2.0))
    harness.perform(harness.session.set_load(Load(Rung.STRETCHED, 2.0, final_s=final_s)))
    asked.clear()
    harness.send(said(0.5, [4, 5, 6], 0.35))
    (early,) = [request for request in asked if request.purpose is Purpose.FINAL]
    assert early.slack_s == pytest.approx(slack_s, abs=0.02)
    harness.send(silence(2.0))
    assert [request for request in asked if request.purpose is Purpose.FINAL] == [early]
    assert harness.text.endswith("w4 w5 w6")


def test_finals_of_an_idle_server_wait_for_nothing():
    harness = SessionHarness()
    asked = recording(harness)
    for _ in range(6):
        harness.send(said(0.5, [1, 2, 3], 2.0))
    finals = [request for request in asked if request.purpose is Purpose.FINAL]
    assert len(finals) == 6
    assert {request.slack_s for request in finals} == {0.0}


@pytest.mark.parametrize(
    ("options", "load", "is_dropped"),
    [
        (DEFAULTS, Load(), False),
        (DEFAULTS, Load(Rung.STRETCHED, 2.0), True),
        (DEFAULTS, Load(Rung.NO_INTERIMS, 6.0, 0.7), True),
        (replace(DEFAULTS, interim=False), Load(), True),
    ],
)
def test_a_decode_ahead_is_dropped_when_the_voice_goes_on_unless_it_can_be_shown(
    options, load, is_dropped
):
    harness = SessionHarness(options, holds_decodes=True)
    harness.perform(harness.session.set_load(load))
    harness.send(said(0.5, [1, 2, 3], 0.6))
    ahead = harness.held[-1].request
    assert ahead.purpose is Purpose.FINAL
    harness.send(speech([4, 5]))
    assert (ahead.id in harness.withdrawn) == is_dropped
    harness.send(silence(2.0))
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2 w3 w4 w5"


def test_a_session_that_opens_on_a_busy_server_is_told_so_after_it_is_ready():
    plan = SessionPlan(
        "s1", DEFAULTS, ENGLISH, OptionLimits(), SessionLimits(), SpeechPolicy(), secret="x"
    )
    session = Session(plan, now=0.0)
    assert session.set_load(Load(Rung.NO_INTERIMS, 6.0, 0.7)) == []
    ready, warning = [effect for effect in session.start() if isinstance(effect, Emit)]
    assert (ready.seq, type(ready.event)) == (1, SessionReady)
    assert (warning.seq, type(warning.event)) == (2, Warned)
    assert warning.event.code is WarningCode.LAGGING
    (recovered,) = session.set_load(Load())
    assert recovered.event.code is WarningCode.RECOVERED
