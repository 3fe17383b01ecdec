import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from server.dialects.native import NativeDialect
from server.engine.dispatcher import EngineDispatcher
from server.metrics import Metrics
from server.outbox import MAX_MESSAGES
from server.services import Services
from server.session_runner import SessionRunner
from server.vad.scorer import SpeechScorer
from streaming.errors import ErrorCode, StarlingError
from streaming.events import AudioReceived, Interim, ServerEvent
from streaming.options import AudioFormat, OptionLimits, SessionOptions
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy
from tests.support.memory_connection import MemoryConnection
from tests.support.recordings import contained, pcm16
from tests.support.running_server import pieces
from tests.support.scripted_engine import ScriptedEngine, ScriptedVad
from tests.support.scripted_speech import said
from tests.support.session_harness import DEFAULTS, ENGLISH

pytestmark = pytest.mark.unit

STOP = '{"type": "stop"}'


def spoken(*parts: list[int] | float) -> bytes:
    return pcm16(said(*parts))


@dataclass
class Stage:
    """The shared parts, doubled, and sessions on them."""

    engine: ScriptedEngine
    vad: ScriptedVad
    services: Services

    def start(
        self,
        options: SessionOptions = DEFAULTS,
        *,
        limits: SessionLimits | None = None,
        dialect: NativeDialect | None = None,
        first: bytes | None = None,
    ) -> tuple[MemoryConnection, asyncio.Task[None]]:
        plan = SessionPlan(
            "s1", options, ENGLISH, OptionLimits(), limits or SessionLimits(), SpeechPolicy()
        )
        connection = MemoryConnection()
        events = [] if first is None else [AudioReceived(first)]
        runner = SessionRunner(plan, dialect or NativeDialect(), connection, self.services)
        return connection, asyncio.create_task(runner.run(events))

    def count(self, name: str, **labels: str) -> float:
        return self.services.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    engine, vad, metrics = ScriptedEngine(), ScriptedVad(), Metrics()
    dispatcher = EngineDispatcher(engine, metrics, num_workers=1, max_batch=4)
    services = Services(SpeechScorer(vad, metrics), dispatcher, metrics)
    before = asyncio.all_tasks()
    try:
        yield Stage(engine, vad, services)
        assert asyncio.all_tasks() == before, "no task may outlive its session"
    finally:
        engine.resume()
        await dispatcher.close()
        services.scorer.close()


async def test_audio_becomes_captions_and_stop_closes_normally():
    async with stage() as s:
        connection, run = s.start()
        connection.say(*pieces(spoken(0.5, [1, 2, 3, 4, 5], 1.0), 3_200), STOP)
        await run
        assert connection.text == "w1 w2 w3 w4 w5"
        kinds = [message["type"] for message in connection.sent]
        assert (kinds[0], kinds[-1]) == ("ready", "closed")
        assert connection.close_code == 1000
        seqs = [message["seq"] for message in connection.sent]
        assert seqs == sorted(set(seqs))
        assert s.count("starling_finals_total") == 1
        assert s.count("starling_final_latency_seconds_count") == 1
        assert s.count("starling_sessions_total", reason="stop") == 1


async def test_audio_that_came_before_the_session_is_heard_first():
    async with stage() as s:
        audio = spoken(0.5, [1, 2, 3], 1.0)
        connection, run = s.start(first=audio[:20_000])
        connection.say(audio[20_000:], STOP)
        await run
        assert connection.text == "w1 w2 w3"


async def test_a_container_is_decoded_and_its_rest_finished_before_stop():
    async with stage() as s:
        audio = said(0.5, [3, 4, 5])
        options = SessionOptions(audio=AudioFormat(), model="tiny.en", language="en")
        connection, run = s.start(options)
        connection.say(*pieces(contained(audio, "flac", "flac"), 500), STOP)
        await run
        assert connection.text == "w3 w4 w5"
        assert connection.close_code == 1000


async def test_bytes_that_are_no_container_are_told_and_closed():
    async with stage() as s:
        options = SessionOptions(audio=AudioFormat(), model="tiny.en", language="en")
        connection, run = s.start(options)
        connection.say(b"%PDF-1.7 " * 10)
        await run
        assert connection.of("error")[0]["code"] == "unsupported_audio"
        assert connection.close_code == 1003


@pytest.mark.parametrize(
    ("message", "code", "close_code"),
    [
        ("}{", "invalid_message", 1007),
        ('{"type": "start"}', "protocol_violation", 1002),
        ('{"type": "update", "language": "de"}', "invalid_options", 1008),
        (b"RIFF\0\0\0\0WAVEfmt ", "unsupported_audio", 1003),
        (
            StarlingError(ErrorCode.MESSAGE_TOO_LARGE, "too large", "cut it"),
            "message_too_large",
            1009,
        ),
    ],
)
async def test_a_mistake_of_the_client_is_told_and_closed(message, code, close_code):
    async with stage() as s:
        connection, run = s.start()
        connection.say(message)
        await run
        assert [m["type"] for m in connection.sent] == ["ready", "error", "closed"]
        assert connection.of("error")[0]["code"] == connection.of("closed")[0]["reason"] == code
        assert connection.close_code == close_code


async def test_what_was_heard_before_a_mistake_is_published():
    async with stage() as s:
        connection, run = s.start()
        connection.say(spoken(0.5, [1, 2, 3]), "}{")
        await run
        assert connection.text == "w1 w2 w3"
        assert connection.sent[-2]["type"] == "error"


async def test_a_disconnect_ends_the_session_and_cancels_its_decodes():
    async with stage() as s:
        s.engine.pause()
        connection, run = s.start()
        connection.say(spoken(0.5, [1, 2, 3], 1.0, [4, 5, 6], 1.0))
        await asyncio.to_thread(s.engine.wait_for_start)
        connection.disconnect()
        await run
        assert connection.text == ""
        s.engine.resume()
        other, other_run = s.start()
        other.say(spoken(0.5, [7, 8], 1.0), STOP)
        await other_run
        assert other.text == "w7 w8"
        assert not any((row.audio == 0.05).any() for batch in s.engine.batches[1:] for row in batch)


async def test_a_client_that_reads_nothing_is_cut_off():
    async with stage() as s:
        connection, run = s.start()
        await connection.heard("ready")
        connection.stop_reading()
        connection.say(*['{"type": "ping"}'] * (MAX_MESSAGES + 10))
        await run
        assert s.count("starling_sessions_total", reason="slow_consumer") == 1
        assert len(connection.sent) == 1


async def test_a_failing_speech_model_is_told_as_our_mistake_without_details():
    async with stage() as s:
        s.vad.is_broken = True
        connection, run = s.start()
        connection.say(spoken(1.0))
        await run
        (error,) = connection.of("error")
        assert (error["code"], error["retryable"]) == ("internal", True)
        assert "graph" not in json.dumps(error)
        assert connection.close_code == 1011


async def test_a_decode_that_fails_is_a_warning_and_the_session_goes_on():
    async with stage() as s:
        connection, run = s.start()
        connection.say('{"type": "update", "prompt": "poison", "interim": false}')
        connection.say(spoken(0.5, [1, 2, 3], 1.0))
        await connection.heard("utterance_ended")
        connection.say('{"type": "update", "prompt": ""}', spoken([4, 5], 1.0), STOP)
        await run
        assert [warning["code"] for warning in connection.of("warning")] == ["decode_failed"]
        assert connection.text == "w4 w5"
        assert connection.close_code == 1000


class MuteDialect(NativeDialect):
    """Breaks on the first interim: a fault of ours in the middle of an answer."""

    def encode(self, seq: int, event: ServerEvent):
        if isinstance(event, Interim):
            raise TypeError("a secret detail")
        return super().encode(seq, event)


async def test_a_fault_in_one_session_reaches_no_other():
    async with stage() as s:
        s.engine.pause()
        first, first_run = s.start()
        first.say(spoken(0.5, [9], 1.0))
        await asyncio.to_thread(s.engine.wait_for_start)
        broken, broken_run = s.start(dialect=MuteDialect())
        healthy, healthy_run = s.start()
        for connection in (broken, healthy):
            connection.say(*pieces(spoken(0.5, [1, 2, 3, 4]), 3_200))
            await connection.heard("speech_started")
        s.engine.resume()
        broken.say(*pieces(spoken([5, 6, 7, 8], 0.5), 3_200))
        await broken_run
        assert broken.of("error")[0]["code"] == "internal"
        assert "secret detail" not in json.dumps(broken.sent)
        assert broken.close_code == 1011
        healthy.say(spoken(1.0), STOP)
        first.say(STOP)
        await asyncio.gather(healthy_run, first_run)
        assert (healthy.text, first.text) == ("w1 w2 w3 w4", "w9")


async def test_an_idle_client_is_told_after_its_finals():
    async with stage() as s:
        connection, run = s.start(limits=SessionLimits(idle_timeout_s=0.5))
        connection.say(spoken(0.5, [1, 2]))
        await run
        assert connection.text == "w1 w2"
        assert connection.of("error")[0]["code"] == "idle_timeout"
        assert connection.close_code == 1008


async def test_a_server_that_stops_publishes_what_was_heard():
    async with stage() as s:
        plan = SessionPlan("s1", DEFAULTS, ENGLISH, OptionLimits(), SessionLimits(), SpeechPolicy())
        connection = MemoryConnection()
        runner = SessionRunner(plan, NativeDialect(), connection, s.services)
        run = asyncio.create_task(runner.run())
        connection.say(spoken(0.5, [1, 2]))
        await connection.heard("speech_started")
        runner.finish(StarlingError(ErrorCode.GOING_AWAY, "shutting down", "connect again"))
        await run
        assert connection.text == "w1 w2"
        assert connection.close_code == 1012


async def test_a_congested_session_is_not_read_until_it_has_caught_up():
    async with stage() as s:
        s.engine.pause()
        connection, run = s.start(limits=SessionLimits(max_pending_finals=1))
        connection.say(spoken(0.5, [1, 2, 3], 1.0))
        await asyncio.to_thread(s.engine.wait_for_start)
        connection.say(*[spoken([4, 5], 1.0)] * 3, STOP)
        s.engine.resume()
        await run
        assert connection.text == "w1 w2 w3" + " w4 w5" * 3
        assert s.services.metrics.registry.get_sample_value("starling_audio_seconds_total") > 5
