"""Performs what a session asks for: one reader, one writer and one timer a connection.

The session itself decides everything; this file only moves things: messages to the session
(`session_intake.py` makes samples of audio), its effects to the outbox, the speech scorer and the
engine, and their answers back (`session_requests.py`). All of it runs on
the event loop, so a session is never entered twice at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, assert_never

import structlog

from server.admission import going_away
from server.connection import Connection
from server.dialects.base import Dialect
from server.outbox import Outbox
from server.recorder import Recorder
from server.services import Services
from server.session_errors import internal_error, session_taken, traceless
from server.session_intake import SessionIntake
from server.session_requests import Answering, SessionRequests
from server.session_watch import SessionWatch
from server.stores.base import Identity, Tenure
from server.while_alive import while_alive
from streaming.effects import (
    Close,
    Decode,
    Effect,
    Emit,
    ScoreSpeech,
    WithdrawDecode,
)
from streaming.errors import StarlingError
from streaming.events import AudioReceived, ClientEvent, Failed, GoingAway
from streaming.intake import Channels
from streaming.overload import Load
from streaming.resume import START, resume_place
from streaming.session import Session
from streaming.session_plan import SessionPlan

log = structlog.get_logger()

ReceivedT = TypeVar("ReceivedT")
SentT = TypeVar("SentT")


class SessionRunner(Generic[ReceivedT, SentT]):
    """One session on one connection. `run` returns when both have ended."""

    def __init__(
        self,
        plan: SessionPlan,
        dialect: Dialect[ReceivedT, SentT],
        connection: Connection[ReceivedT, SentT],
        services: Services,
        tenure: Tenure | None = None,
    ) -> None:
        self._session = Session(plan, time.monotonic())
        self._session_id = plan.session_id
        self._dialect = dialect
        self._connection = connection
        self._services = services
        self._outbox: Outbox[SentT] = Outbox()
        self._requests = SessionRequests(
            self._session,
            plan.session_id,
            services.scorer,
            services.dispatcher,
            Answering(while_alive(self._perform_answer), while_alive(self._fail)),
        )
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None
        self._error: StarlingError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        resumption = plan.resumption
        place = START
        if resumption is not None:
            place = resume_place(plan.options.audio, resumption.snapshot.safe_sample)
        self._intake = SessionIntake(
            plan.options.audio,
            place,
            while_alive(self._take_channels),
            self._room,
            while_alive(self.finish),
        )
        self._watch = SessionWatch(plan.session_id, place.safe_sample, services.metrics)
        self._can_resume = bool(plan.secret) and services.journal is not None
        self._recorder: Recorder | None = None
        if services.journal is not None:
            self._recorder = Recorder(
                tenure or services.journal.new_tenure(plan.session_id),
                Identity.of(plan.tenant, plan.secret),
                services.journal,
                on_change=self._outbox.look_again,
                on_taken=while_alive(self.take_away),
            )

    async def run(self, first: Sequence[ClientEvent] = ()) -> None:
        """Run the session; `first` is what came before the session was made."""
        self._intake.open()
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
        """Publish what was heard, tell `error`, close.

        After a failure that may pass, a lost client may still go on from before it.
        """
        if error.is_retryable:
            self._freeze()
        self._perform(self._session.fail(error))

    def set_load(self, load: Load) -> None:
        """Leave out what a server this busy leaves out."""
        self._perform_answer(lambda: self._session.set_load(load))

    def hand_over(self) -> None:
        """Finish what the engine has and send the client elsewhere; end where it cannot go on."""
        if self._can_resume:
            self._perform(self._session.hand_over())
        else:
            self.finish(going_away())

    def leave(self) -> None:
        """Send the client elsewhere without waiting for anything."""
        if self._can_resume:
            self._perform(self._session.leave())

    @property
    def may_go_on_elsewhere(self) -> bool:
        """Whether the session was let go of rather than ended."""
        return self._can_resume and not self._session.has_ended

    def take_away(self) -> None:
        """Stop: the session goes on elsewhere, and nothing of it may be said here any more."""
        self._freeze()
        self._perform(self._session.detach(session_taken()))

    def _freeze(self) -> None:
        if self._can_resume and self._recorder is not None:
            self._recorder.freeze()

    async def _read(self, first: Sequence[ClientEvent]) -> None:
        for event in first:
            await self._take(event)
        self._connection.offer_to(self._take_at_once)
        while not self._session.is_closed:
            if not self._room.is_set():
                await self._room.wait()
            try:
                message = await self._connection.receive()
            except StarlingError as error:
                self.finish(error)
                continue
            if message is None:
                self._let_go()
                return
            try:
                for event in self._dialect.decode(message):
                    await self._take(event)
            except Exception as error:  # noqa: BLE001 # the client is told
                self._give_up(error)

    def _take_at_once(self, message: ReceivedT) -> bool:
        """Take a message that has just come in, unless the session is behind or must wait for it.

        Only raw audio and what comes with it can be taken without waiting.
        """
        if not self._intake.is_raw or not self._room.is_set() or self._session.is_draining:
            return False
        try:
            for event in self._dialect.decode(message):
                self._take_raw(event)
        except Exception as error:  # noqa: BLE001 # the client is told
            self._give_up(error)
        return True

    async def _take(self, event: ClientEvent) -> None:
        if self._intake.is_raw:
            self._take_raw(event)
        else:
            await self._take_contained(event)

    def _take_raw(self, event: ClientEvent) -> None:
        if isinstance(event, AudioReceived):
            if not self._session.is_draining:
                self._intake.feed_raw(event.data)
            return
        if self._session.will_drain(event):
            self._intake.flush_raw()
        self._perform(self._session.on_control(event, time.monotonic()))

    async def _take_contained(self, event: ClientEvent) -> None:
        if isinstance(event, AudioReceived):
            if not self._session.is_draining:
                self._perform(self._session.touch(time.monotonic()))
                await self._intake.feed_container(event.data)
            return
        if self._session.will_drain(event):
            await self._intake.finish_container()
        self._perform(self._session.on_control(event, time.monotonic()))

    def _take_channels(self, audio: Channels) -> None:
        if audio.shape[1] == 0:
            self._perform(self._session.touch(time.monotonic()))
            return
        now = time.monotonic()
        self._watch.heard(audio.shape[1], now)
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
                    self._requests.score(effect)
                case Decode():
                    self._requests.decode(effect)
                case WithdrawDecode():
                    self._requests.withdraw(effect.request_id)
                case Close():
                    self._outbox.end()
                case _:
                    assert_never(effect)
        if self._recorder is not None:
            self._recorder.settle(self._session)
        if self._session.is_congested and not self._session.is_draining:
            self._room.clear()
        else:
            self._room.set()
        self._arm_timer()

    def _send(self, emit: Emit) -> None:
        self._watch.said(emit)
        if self._services.broadcast is not None:
            self._services.broadcast.said(self._session_id, emit)
        match emit.event:
            case Failed(error):
                self._error = traceless(error)
            case GoingAway():
                self._error = going_away()
            case _:
                pass
        gate = self._recorder.note(emit) if self._recorder is not None else None
        try:
            for message in self._dialect.encode(emit.seq, emit.event):
                self._outbox.put(message, gate)
        except StarlingError as error:
            asyncio.get_running_loop().call_soon(self._cut_off, error)

    def _cut_off(self, error: StarlingError) -> None:
        """End a session whose client reads nothing: nothing more can be told to it."""
        self._abort(error)
        for task in self._tasks:
            task.cancel()

    def _abort(self, error: StarlingError) -> None:
        if error.is_retryable:
            self._freeze()
        self._perform(self._session.abort(error))

    def _let_go(self) -> None:
        """End here for want of a client; it may go on with the session on a new connection."""
        if self._can_resume and not self._session.is_closed:
            self._watch.detached()
            self._perform(self._session.detach())
        self._perform(self._session.abort())

    def _perform_answer(self, answer: Callable[[], list[Effect]]) -> None:
        """Take what concerns several sessions; a failure here must not reach the others."""
        try:
            self._perform(answer())
        except Exception as error:  # noqa: BLE001 # the client is told
            self._fail(error)

    def _give_up(self, error: Exception) -> None:
        """End the session for what a message asked, or for what we made of it."""
        if isinstance(error, StarlingError):
            self.finish(error)
        else:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        log.error("session failed", session=self._session_id, exc_info=error)
        self._abort(internal_error())

    def _arm_timer(self) -> None:
        if self._timer is not None:
            return
        deadline = self._session.next_deadline()
        if deadline is not None:
            delay_s = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        error = self._session.overdue(time.monotonic())
        if error is not None:
            self.finish(error)
        self._arm_timer()

    def _end(self) -> None:
        """Let go of everything, however the session ended."""
        self._let_go()
        self._requests.close()
        if self._recorder is not None:
            self._recorder.end()
        if self._timer is not None:
            self._timer.cancel()
        self._connection.offer_to(None)
        self._intake.close()
        self._room.set()
