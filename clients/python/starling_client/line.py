"""A session's line to the server: one link after another, seen from above as one.

    connecting --ready--> open --lost--> connecting --resumed--> open ...
    any --closed, or no way to go on--> over

Events come in order and once, whatever happens below: numbers that were heard already are left
out, and so is an utterance that a server, after losing its last writes, says again.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starling_client.errors import ConnectionLost, StarlingError
from starling_client.event_queue import EventQueue
from starling_client.events import (
    Ack,
    Closed,
    ErrorEvent,
    Event,
    Final,
    GoingAway,
    Ready,
    Reconnecting,
    Resumed,
    SpeechStarted,
    UtteranceEnded,
)
from starling_client.link import Link
from starling_client.reconnecting import ReconnectPolicy, Routes, pause_s
from starling_client.replay import NotHeldError, ReplayBuffer, Sendable

LOST = frozenset({"connection_lost", "unreachable", "going_away"})
"""What a link may end with that another link can mend."""

_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1, "alaw": 1}


class Line:
    """Sends what the replay buffer holds and reads events, over connections that may be lost.

    Args:
        routes: Where to connect.
        queue: Takes every event.
        policy: How hard to try.
        on_event: Sees every event but errors, before the queue has it.
    """

    def __init__(
        self,
        routes: Routes,
        queue: EventQueue,
        policy: ReconnectPolicy,
        on_event: Callable[[Event], None],
    ) -> None:
        self._routes = routes
        self._queue = queue
        self._policy = policy
        self._on_event = on_event
        self._replay = ReplayBuffer(policy.max_kept_bytes)
        self._link: Link | None = None
        self._ready: Ready | None = None
        self._frame_bytes = 1
        self._last_seq = 0
        self._heard: dict[tuple[type[Event], int], int] = {}
        self._heard_before: dict[tuple[type[Event], int], int] = {}
        self._is_online = False
        self._refusal: StarlingError | None = None
        self._within_s = 0.0
        self._changed = asyncio.Event()
        self._moved = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.closed: Closed | None = None
        self.failure: Exception | None = None

    async def open(self, start: dict[str, Any], on_end: Callable[[], None]) -> None:
        """Connect and say `start`; `on_end` is called when the line is over.

        Raises `StarlingError` when no connection can be made.
        """
        self._link = await self._routes.open()
        with suppress(ConnectionLost):  # The reader finds out, and what was said before.
            await self._link.send_message(start)
        self._is_online = True
        self._reader = asyncio.create_task(self._read(on_end), name="starling-reader")
        self._writer = asyncio.create_task(self._write(), name="starling-writer")

    async def aclose(self) -> None:
        """Close the connection and end the tasks; may be called twice."""
        tasks = [task for task in (self._writer, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            await self._link.aclose()

    async def give_up(self, error: Exception) -> None:
        """End the line for a reason of the program's own."""
        self.failure = error
        if self._link is not None:
            await self._link.aclose()

    async def send(self, audio: bytes) -> None:
        """Queue audio and wait until it is sent, or kept for a connection to come.

        Raises `StarlingError` when the line is over.
        """
        await self.say(audio)
        number = self._num_said
        async with self._moved:
            await self._moved.wait_for(
                lambda: (
                    self._is_over
                    or self._replay.num_sent >= number
                    or (not self._is_online and not self._replay.is_full)
                )
            )
        if self._is_over and self._replay.num_sent < number:
            raise await self.why_ended()

    async def say(self, data: Sendable, *, is_once: bool = False) -> None:
        """Queue audio or a message.

        Raises `StarlingError` when the line is over.
        """
        if self._is_over:
            raise await self.why_ended()
        self._num_said = self._replay.add(data, is_once=is_once)
        self._changed.set()

    async def why_ended(self) -> Exception:
        """Read what is left, then say why the session is over."""
        with self._queue.lifted():
            if self._reader is not None:
                await asyncio.wait([self._reader])
        if self.failure is not None:
            return self.failure
        return StarlingError(
            "session_closed",
            "The session is over; it takes no more audio or messages.",
            "Open a new session for more audio.",
        )

    @property
    def _is_over(self) -> bool:
        return self.closed is not None or (self._reader is not None and self._reader.done())

    async def _write(self) -> None:
        while True:
            link = self._link
            data = self._replay.next() if self._is_online and link is not None else None
            if data is None or link is None:
                self._changed.clear()
                await self._tell_moved()
                await self._changed.wait()
                continue
            with suppress(StarlingError):  # The reader replaces it and rewinds.
                if isinstance(data, dict):
                    await link.send_message(data)
                else:
                    await link.send_audio(data)
            await self._tell_moved()

    async def _tell_moved(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _read(self, on_end: Callable[[], None]) -> None:
        """Read until the session is over; keep why in `failure`."""
        try:
            while True:
                lost = await self._read_connection()
                if self.closed is not None or self.failure is not None:
                    return
                self._is_online = False
                await self._tell_moved()
                await self._reconnect(lost)
        except StarlingError as error:
            self.failure = self.failure or error
        finally:
            self._is_online = False
            self._queue.end()
            on_end()
            await self._end_calls()

    async def _end_calls(self) -> None:
        """Wake whoever waits to send, once the reader counts as done."""
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._tell_moved()))

    async def _read_connection(self) -> StarlingError:
        """Take events until the link ends; say how it did."""
        assert self._link is not None
        try:
            while self.closed is None:
                await self._queue.room()
                self._accept(await self._link.receive())
        except StarlingError as error:
            if error.code in LOST:
                return error
            raise
        return ConnectionLost("it is over")

    async def _reconnect(self, lost: StarlingError) -> None:
        """Replace a lost connection.

        Raises `StarlingError`: it cannot be, and why.
        """
        if self._ready is None or not self._ready.secret:
            raise self._refusal or lost
        deadline = time.monotonic() + self._policy.timeout_s
        attempt = 0
        while True:
            attempt += 1
            if time.monotonic() >= deadline:
                raise self._refusal or lost
            self._queue.put(Reconnecting(self._last_seq, attempt))
            wait_s = pause_s(attempt, self._within_s)
            if self._refusal is not None and self._refusal.retry_after_s is not None:
                wait_s = min(self._refusal.retry_after_s, 1.0) * (0.5 + wait_s / 10)
            await asyncio.sleep(wait_s)
            self._within_s = 0.0
            if await self._try_resume(self._ready):
                return
            self._routes.turn()

    async def _try_resume(self, ready: Ready) -> bool:
        """Connect and resume; say whether that worked, raise when it never will."""
        request = {
            "type": "resume",
            "session": ready.session,
            "secret": ready.secret,
            "last_seq": self._last_seq,
        }
        self._refusal = None
        try:
            if self._link is not None:
                await self._link.aclose()
            self._link = await self._routes.open()
            await self._link.send_message(request)
            while not self._is_online:
                self._accept(await self._link.receive())
                if self.closed is not None:
                    return True
                if self._refusal is not None:
                    break
        except StarlingError as error:
            if error.code in LOST:
                return False
            self._refusal = error
        if self._refusal is None:
            return True
        if not self._refusal.retryable and self._refusal.code != "model_not_available":
            raise self._refusal
        return False

    def _accept(self, event: Event) -> None:
        if isinstance(event, ErrorEvent):
            self._take_error(event)
            return
        if self._refusal is not None and isinstance(event, Closed) and event.seq <= self._last_seq:
            return
        if event.seq <= self._last_seq or self._is_repeated(event):
            self._last_seq = max(self._last_seq, event.seq)
            return
        self._last_seq = event.seq
        match event:
            case Ready():
                self._ready = event
                self._frame_bytes = _frame_bytes(event)
                self._on_event(event)
                return
            case Ack():
                self._replay.forget(event.sample * self._frame_bytes)
            case Resumed():
                self._go_on(event)
            case GoingAway():
                self._within_s = event.reconnect_within_s
            case Closed():
                self.closed = event
        if not (isinstance(event, Closed) and self.failure is not None):
            self._on_event(event)
            self._queue.put(event)

    def _take_error(self, event: ErrorEvent) -> None:
        error = StarlingError(
            event.code,
            event.message,
            event.hint,
            retryable=event.retryable,
            retry_after_s=event.retry_after_s,
        )
        if self._ready is not None and not self._is_online:
            self._refusal = error
        else:
            self._last_seq = event.seq
            self.failure = error

    def _go_on(self, event: Resumed) -> None:
        try:
            self._replay.rewind(event.sample * self._frame_bytes)
        except NotHeldError:
            raise StarlingError(
                "audio_not_kept",
                "The connection was lost, and the audio to go on with is not kept any more.",
                "Open a new session; keep more with ReconnectPolicy(max_kept_bytes=...).",
            ) from None
        self._heard_before = dict(self._heard)
        self._is_online = True
        self._changed.set()

    def _is_repeated(self, event: Event) -> bool:
        """Say whether an utterance is told again; its numbers grow within a channel."""
        if not isinstance(event, SpeechStarted | Final | UtteranceEnded):
            return False
        key = (type(event), event.channel)
        self._heard[key] = max(event.utterance, self._heard.get(key, 0))
        return event.utterance <= self._heard_before.get(key, 0)


def _frame_bytes(ready: Ready) -> int:
    """Return how many bytes one sample of all channels takes; 1 for a container."""
    options = ready.options
    size = _SAMPLE_BYTES.get(options.encoding)
    return 1 if size is None else size * options.channels
