import json
from dataclasses import replace

import numpy as np
import pytest

from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import LoggedEvent
from streaming.events import Finalized, FinalizeRequested
from streaming.intake import ChannelResampler
from streaming.left_context import NO_CONTEXT, LeftContext
from streaming.options import AudioFormat, Encoding, OptionLimits
from streaming.resume import ResumeRequest, Resumption, check_last_seq, resume_place
from streaming.session import Session
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.snapshot import (
    ChannelPoint,
    ChannelSnapshot,
    OpenPoint,
    SessionSnapshot,
)
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import Word
from tests.support.session_harness import DEFAULTS, ENGLISH, with_options

pytestmark = pytest.mark.unit

RATES_HZ = (8_000, 11_025, 22_050, 24_000, 44_100, 48_000)


def snapshot(**changes) -> SessionSnapshot:
    fields = {
        "options": with_options(keyterms=("Ann",)),
        "safe_sample": 100,
        "last_seq": 7,
        "opened_at_unix_s": 12.5,
        "channels": (),
    }
    return SessionSnapshot(**fields | changes)


def channel(memory: bytes, opened: OpenPoint | None = None) -> ChannelSnapshot:
    point = ChannelPoint(9, True, 3, 512, -1, 1, 0, memory, opened)
    context = LeftContext((Word(" so", 100, 300), Word(" gut.", 300, 500)), 510)
    return ChannelSnapshot(point, 4, "de", context)


def test_at_16_khz_the_place_is_the_sample_itself():
    place = resume_place(AudioFormat(Encoding.PCM_S16LE, 16_000), 4_321)
    assert (place.client_sample, place.num_discarded) == (4_321, 0)


def test_a_container_begins_anew_and_what_was_heard_is_skipped():
    place = resume_place(AudioFormat(), 4_321)
    assert (place.client_sample, place.num_discarded) == (0, 4_321)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("safe_sample", [0, 3_000, 51_203, 77_777])
def test_a_resampler_that_begins_there_gives_the_same_samples(rate_hz, safe_sample):
    audio = np.random.default_rng(0).standard_normal((rate_hz * 6, 1)).astype(np.float32) * 0.1
    place = resume_place(AudioFormat(Encoding.PCM_S16LE, rate_hz), safe_sample)
    whole, later = ChannelResampler(rate_hz, 1, 1), ChannelResampler(rate_hz, 1, 1)
    expected = np.concatenate([whole.feed(audio), whole.flush()], axis=1)[0, safe_sample:]
    fed = [later.feed(audio[place.client_sample :]), later.flush()]
    heard = np.concatenate(fed, axis=1)[0, place.num_discarded :]
    assert len(heard) == len(expected)
    assert np.abs(heard - expected).max() < 2e-7


def test_a_snapshot_comes_back_as_it_was():
    opened = OpenPoint(600, 512, 4, (True, False, True))
    before = snapshot(channels=(channel(b"\n\x00\xff"), channel(b"12345", opened)))
    assert SessionSnapshot.from_bytes(before.to_bytes()) == before


def test_a_snapshot_from_before_there_was_context_has_none():
    data = snapshot(channels=(channel(b"12345"),)).to_bytes()
    head, _, memory = data.partition(b"\n")
    record = json.loads(head)
    del record["channels"][0]["context"]
    (resumed,) = SessionSnapshot.from_bytes(json.dumps(record).encode() + b"\n" + memory).channels
    assert resumed == replace(channel(b"12345"), context=NO_CONTEXT)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version": 99}', b"[]", b"null\n"])
def test_bytes_that_are_no_snapshot_are_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 # JSON has words of its own
        SessionSnapshot.from_bytes(data)


def test_numbers_go_on_after_the_largest_that_anybody_has_seen():
    for client, logged, expected in [(3, (), 7), (12, (), 12), (3, (9,), 9), (10, (9,), 10)]:
        missed = tuple(LoggedEvent(seq, b"") for seq in logged)
        assert Resumption(snapshot(), client, missed, 0.0).next_seq_after == expected


@pytest.mark.parametrize("last_seq", [-1, 10_000_000])
def test_a_number_that_cannot_be_is_refused(last_seq):
    with pytest.raises(StarlingError) as refused:
        check_last_seq(ResumeRequest("s", "x", last_seq), snapshot())
    assert refused.value.code is ErrorCode.PROTOCOL_VIOLATION


def test_a_finalize_that_was_taken_before_the_resume_changes_nothing():
    """It comes again with the audio; the utterance that opened after it must go on."""
    opened = OpenPoint(20_480, 10_240, 40, (True,) * 3)
    point = ChannelPoint(43, True, 3, 10_240, 10_300, 2, 0, b"", opened)
    resumed = snapshot(
        options=DEFAULTS, safe_sample=10_240, channels=(ChannelSnapshot(point, 1, None),)
    )
    session = Session(_plan(Resumption(resumed, 7, (), 0.0)), now=0.0)
    session.start()
    session.on_audio(np.zeros((1, 60), dtype=np.float32), 0.0)
    effects = session.on_control(FinalizeRequested("f"), 0.0)
    assert [effect.event for effect in effects] == [Finalized("f", 10_300)]
    assert session.num_pending_finals == 0


def _plan(resumption: Resumption) -> SessionPlan:
    limits, speech = SessionLimits(), SpeechPolicy()
    return SessionPlan(
        "s1", DEFAULTS, ENGLISH, OptionLimits(), limits, speech, resumption=resumption
    )
