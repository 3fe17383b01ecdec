"""Performs what a session asks for: one reader, one writer and one timer a connection.

The session itself decides everything; this file only moves things: messages to the session, its
effects to the speech scorer, the engine and the outbox, and their answers back. All of it runs on
the event loop, so a session is never entered twice at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

import structlog

from server.arrivals import Arrivals
from server.connection import Connection
from server.container_decoder import ContainerDecoder
from server.dialects.base import Dialect
from server.engine.dispatcher import EngineDispatcher, Ticket
from server.metrics import Metrics
from server.outbox import Outbox
from server.vad.scorer import SpeechScorer
from server.vad.silero import VadState
from streaming.effects import CancelDecode, Close, Decode, Effect, Emit, ScoreSpeech
from streaming.errors import ErrorCode, StarlingError
from streaming.events import AudioReceived, ClientEvent, Closed, Failed, Final, Interim
from streaming.intake import Channels, RawAudioIntake
from streaming.options import TARGET_RATE_HZ, Encoding
from streaming.session import Session, SessionPlan
from streaming.transcript import Hypothesis

log = structlog.get_logger()

ReceivedT = TypeVar("ReceivedT")
SentT = TypeVar("SentT")


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions share."""

    scorer: SpeechScorer
    dispatcher: EngineDispatcher
    metrics: Metrics


class SessionRunner(Generic[ReceivedT, SentT]):
    """One session on one connection. `run` returns when both have ended."""

    def __init__(
        self,
        plan: SessionPlan,
        dialect: Dialect[ReceivedT, SentT],
        connection: Connection[ReceivedT, SentT],
        services: Services,
    ) -> None:
        self._session = Session(plan, time.monotonic())
        self._session_id = plan.session_id
        self._dialect = dialect
        self._connection = connection
        self._services = services
        self._outbox: Outbox[SentT] = Outbox()
        self._vad_states = [VadState() for _ in range(plan.options.audio.num_transcripts)]
        self._tickets: dict[int, Ticket] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None
        self._error: StarlingError | None = None
        self._raw: RawAudioIntake | None = None
        self._container: ContainerDecoder | None = None
        self._arrivals = Arrivals()
        self._tasks: list[asyncio.Task[None]] = []
        if plan.options.audio.encoding is not Encoding.CONTAINER:
            self._raw = RawAudioIntake(plan.options.audio)

    async def run(self, first: Sequence[ClientEvent] = ()) -> None:
        """Run the session; `first` is what came before the session was made."""
        if self._raw is None:
            self._container = ContainerDecoder(
                self._session.options.audio,
                self._take_decoded_audio,
                self.finish,
            )
        self._perform(self._session.start())
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = [
                    tasks.create_task(self._write(), name=f"write {self._session_id}"),
                    tasks.create_task(self._read(first), name=f"read {self._session_id}"),
                ]
        finally:
            self._end()

    @property
    def error(self) -> StarlingError | None:
        """What ended the session, if anything did; also what a cut-off client was not told."""
        return self._error

    def finish(self, error: StarlingError) -> None:
        """Publish what was heard, tell `error`, close."""
        self._perform(self._session.fail(error))

    async def _read(self, first: Sequence[ClientEvent]) -> None:
        for event in first:
            await self._take(event)
        while not self._session.is_closed:
            if not self._room.is_set():
                await self._room.wait()
            try:
                message = await self._connection.receive()
            except StarlingError as error:
                self._perform(self._session.fail(error))
                continue
            if message is None:
                self._perform(self._session.abort())
                return
            try:
                for event in self._dialect.decode(message):
                    await self._take(event)
            except StarlingError as error:
                self._perform(self._session.fail(error))
            except Exception as error:
                log.exception("session failed", session=self._session_id)
                self._perform(self._session.abort(_internal(error)))

    async def _take(self, event: ClientEvent) -> None:
        if isinstance(event, AudioReceived):
            if not self._session.is_draining:
                await self._take_audio(event.data)
            return
        if self._session.will_drain(event):
            await self._finish_audio()
        self._perform(self._session.on_control(event, time.monotonic()))

    async def _take_audio(self, data: bytes) -> None:
        if self._raw is not None:
            self._take_channels(self._raw.feed(data))
        elif self._container is not None:
            self._perform(self._session.touch(time.monotonic()))
            await self._container.feed(data)

    async def _take_decoded_audio(self, audio: Channels) -> None:
        await self._room.wait()
        self._take_channels(audio)

    async def _finish_audio(self) -> None:
        if self._raw is not None:
            self._take_channels(self._raw.flush())
        elif self._container is not None:
            await self._container.finish()

    def _take_channels(self, audio: Channels) -> None:
        if audio.shape[1] == 0:
            self._perform(self._session.touch(time.monotonic()))
            return
        now = time.monotonic()
        self._arrivals.add(audio.shape[1], now)
        self._services.metrics.audio_seconds.inc(audio.shape[1] / TARGET_RATE_HZ)
        self._perform(self._session.on_audio(audio, now))

    async def _write(self) -> None:
        while (message := await self._outbox.get()) is not None:
            await self._connection.send(message)
        await self._connection.close(self._error)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Emit():
                    self._send(effect)
                case ScoreSpeech():
                    self._score(effect)
                case Decode():
                    self._decode(effect)
                case CancelDecode():
                    ticket = self._tickets.pop(effect.request_id, None)
                    if ticket is not None:
                        self._services.dispatcher.cancel(ticket)
                case Close():
                    self._outbox.end()
                case _:
                    assert_never(effect)
        if self._session.is_congested and not self._session.is_draining:
            self._room.clear()
        else:
            self._room.set()
        self._arm_timer()

    def _send(self, emit: Emit) -> None:
        self._observe(emit)
        try:
            for message in self._dialect.encode(emit.seq, emit.event):
                self._outbox.put(message)
        except StarlingError as error:
            asyncio.get_running_loop().call_soon(self._cut_off, error)

    def _cut_off(self, error: StarlingError) -> None:
        """End a session whose client reads nothing: nothing more can be told to it."""
        self._abort(error)
        for task in self._tasks:
            task.cancel()

    def _abort(self, error: StarlingError) -> None:
        self._perform(self._session.abort(error))

    def _score(self, effect: ScoreSpeech) -> None:
        def on_scores(scores: list[float] | Exception) -> None:
            if isinstance(scores, Exception):
                self._abort(_internal(scores))
                return
            self._perform_answer(lambda: self._session.on_scores(effect.channel, scores))

        self._services.scorer.submit(self._vad_states[effect.channel], effect.audio, on_scores)

    def _decode(self, effect: Decode) -> None:
        request_id = effect.request.id

        def on_answer(answer: Hypothesis | Exception) -> None:
            self._tickets.pop(request_id, None)
            if isinstance(answer, Exception):
                self._perform_answer(lambda: self._session.on_decode_failed(request_id))
            else:
                self._perform_answer(lambda: self._session.on_decoded(request_id, answer))

        self._tickets[request_id] = self._services.dispatcher.submit(effect.request, on_answer)

    def _perform_answer(self, answer: Callable[[], list[Effect]]) -> None:
        """Take an answer of a shared batch; a failure here must not reach the other sessions."""
        try:
            self._perform(answer())
        except Exception as error:
            log.exception("session failed", session=self._session_id)
            self._abort(_internal(error))

    def _arm_timer(self) -> None:
        if self._timer is not None:
            return
        deadline = self._session.next_deadline()
        if deadline is not None:
            delay_s = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._perform(self._session.on_timeout(time.monotonic()))

    def _observe(self, emit: Emit) -> None:
        metrics = self._services.metrics
        match emit.event:
            case Final(end_sample=end_sample):
                metrics.finals.inc()
                delay_s = self._arrivals.delay_s(end_sample, time.monotonic())
                if delay_s is not None:
                    metrics.final_latency_seconds.observe(delay_s)
            case Interim():
                metrics.interims.inc()
            case Failed(error):
                self._error = error
                log.info("session failed", session=self._session_id, code=str(error.code))
            case Closed(reason=reason, audio_samples=samples, num_finals=num_finals):
                metrics.sessions.labels(reason).inc()
                log.info(
                    "session closed",
                    session=self._session_id,
                    reason=reason,
                    audio_s=round(samples / TARGET_RATE_HZ, 1),
                    finals=num_finals,
                )
            case _:
                pass

    def _end(self) -> None:
        """Let go of everything, however the session ended."""
        self._perform(self._session.abort())
        if self._timer is not None:
            self._timer.cancel()
        if self._container is not None:
            self._container.close()
        self._room.set()


def _internal(error: Exception) -> StarlingError:
    log.error("internal error", error=type(error).__name__)
    return StarlingError(
        ErrorCode.INTERNAL,
        "the server made a mistake",
        "try again; the operator finds the cause in the log under this session's id",
    )
