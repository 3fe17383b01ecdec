"""One streaming session: audio out, events in, over as many connections as it takes.

A session owns two tasks. One reads the socket, hands answers to the calls that wait for them,
queues every event for `async for`, and replaces a connection that is lost. The other writes, in
order, what the replay buffer holds. The event queue is bounded: a program that stops iterating
stops the reading, TCP then slows the server down, and nothing is lost. A long stop also delays the
server's keep-alive replies, so read on in a task of its own when each event takes long.
"""

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from starling_client.connecting import Endpoint
from starling_client.errors import StarlingError
from starling_client.event_queue import EventQueue
from starling_client.events import (
    Closed,
    Event,
    Finalized,
    Pong,
    Ready,
    Updated,
)
from starling_client.line import Line
from starling_client.options import SessionOptions, TunableOptions
from starling_client.reconnecting import ReconnectPolicy, Routes
from starling_client.socket_link import open_socket

Answer = TypeVar("Answer", bound=Event)
AudioSource = AsyncIterable[bytes] | Iterable[bytes]


class StarlingClient:
    """Where a Starling server is and how to get in; holds no connection itself.

    `url` is the server's address, such as `ws://127.0.0.1:8080`; `http` works too, and
    `/v1/stream` is added when the address has no path. Several addresses are replicas: when one
    is lost, the next is tried. `ping_timeout_s` is how long the server may leave a keep-alive
    unanswered before the connection counts as lost; None never gives up, right for sending a file
    faster than real time to a slow server. `max_queued_events` bounds the events not yet iterated
    over. `reconnect` says how hard a lost connection is tried to be replaced.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        api_key: str | None = None,
        *,
        open_timeout_s: float = 10.0,
        ping_interval_s: float | None = 5.0,
        ping_timeout_s: float | None = 60.0,
        max_queued_events: int = 256,
        reconnect: ReconnectPolicy | None = None,
    ) -> None:
        urls = (url,) if isinstance(url, str) else tuple(url)
        self._routes = [
            partial(
                open_socket,
                Endpoint(one, api_key, open_timeout_s, ping_interval_s, ping_timeout_s),
            )
            for one in urls
        ]
        self._max_queued_events = max_queued_events
        self._reconnect = reconnect or ReconnectPolicy()

    @asynccontextmanager
    async def stream(self, options: SessionOptions | None = None) -> AsyncIterator["Session"]:
        """Open a session and close its connection at the end of the block.

        Audio that `Session.stop` or `Session.feed` has not seen off is not finalised when the
        block ends. Raises `StarlingError` when the server can't be reached or refuses.
        """
        session = Session(Routes(self._routes), self._max_queued_events, self._reconnect)
        try:
            await session.open(options or SessionOptions())
            yield session
        finally:
            await session.aclose()


class Session:
    """An open session; made by `StarlingClient.stream`.

    `ready` is the server's first message. `closed` is its last one, None until then.
    """

    ready: Ready

    def __init__(self, routes: Routes, max_queued_events: int, reconnect: ReconnectPolicy) -> None:
        self._queue = EventQueue(max_queued_events)
        self._line = Line(routes, self._queue, reconnect, self._accept)
        self._answers: dict[str, asyncio.Future[Event]] = {}
        self._updates: list[asyncio.Future[Event]] = []
        self._opening: asyncio.Future[Event] | None = None
        self._closing: asyncio.Future[Event] | None = None
        self._ids = itertools.count(1)
        self._feeder: asyncio.Task[None] | None = None

    @property
    def closed(self) -> Closed | None:
        """The server's last message, None until it has come."""
        return self._line.closed

    async def open(self, options: SessionOptions) -> None:
        """Send the options and wait for `ready`; `StarlingClient.stream` calls this."""
        self._opening = asyncio.get_running_loop().create_future()
        start = {"type": "start", **options.fields_set()}
        await self._line.open(start, self._fail_waiting_calls)
        with self._queue.lifted():
            ready = await asyncio.shield(self._opening)
        assert isinstance(ready, Ready)
        self.ready = ready

    async def aclose(self) -> None:
        """Close the connection and end the session's tasks; may be called twice."""
        if self._feeder is not None:
            self._feeder.cancel()
            await asyncio.gather(self._feeder, return_exceptions=True)
        await self._line.aclose()

    async def send(self, audio: bytes) -> None:
        """Send audio, waiting while the server is behind.

        While a lost connection is being replaced, audio is kept and this returns at once, until
        `ReconnectPolicy.max_kept_bytes` are. Raises `StarlingError` when the session has ended.
        """
        await self._line.send(audio)

    async def finalize(self) -> Finalized:
        """End the open utterance now; returns once all audio sent before is in finals."""
        key = f"finalize-{next(self._ids)}"
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        finalized = await self._ask({"type": "finalize", "id": key}, answer)
        assert isinstance(finalized, Finalized)
        return finalized

    async def update(self, options: TunableOptions) -> Updated:
        """Change options for what follows; returns the options then in force."""
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._updates.append(answer)
        updated = await self._ask({"type": "update", **options.fields_set()}, answer)
        assert isinstance(updated, Updated)
        return updated

    async def ping(self) -> Pong:
        """Ask the server for a sign of life; also counts as activity for its idle limit."""
        key = f"ping-{next(self._ids)}"
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        pong = await self._ask({"type": "ping", "id": key}, answer)
        assert isinstance(pong, Pong)
        return pong

    async def stop(self) -> Closed:
        """Say that no more audio comes; returns after the last final, with the summary."""
        if self.closed is None:
            self._closing = self._closing or asyncio.get_running_loop().create_future()
            await self._ask({"type": "stop"}, self._closing)
        if self.closed is None or self._line.failure is not None:
            raise await self._line.why_ended()
        return self.closed

    def feed(self, source: AudioSource) -> None:
        """Send everything `source` gives, then stop, in a task beside the iteration.

        A plain iterable is read in a worker thread, so it may block. What the source raises
        ends the session and is raised by the iteration.
        """
        if self._feeder is not None:
            raise RuntimeError("This session is being fed already; open another session.")
        self._feeder = asyncio.create_task(self._feed(source), name="starling-feeder")

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over the events after `ready`, up to and with `Closed`.

        Raises `StarlingError` where the server's `error` stood and `ConnectionLost` where the
        connection broke, after all events before it.
        """
        return self._events()

    async def _events(self) -> AsyncIterator[Event]:
        while (event := await self._queue.get()) is not None:
            yield event
        if self._line.failure is not None:
            raise self._line.failure

    async def _ask(self, message: dict[str, Any], answer: asyncio.Future[Event]) -> Event:
        """Send a message and wait for its answer, over a lost connection if need be."""
        await self._line.say(message, is_once=message["type"] == "ping")
        with self._queue.lifted():
            return await asyncio.shield(answer)

    async def _feed(self, source: AudioSource) -> None:
        try:
            async for chunk in _read_along(source):
                await self.send(chunk)
            await self.stop()
        except StarlingError:
            return  # The iteration raises it.
        except Exception as error:  # noqa: BLE001 - whatever the source raised, the iteration raises
            await self._line.give_up(error)

    def _accept(self, event: Event) -> None:
        """Hand an answer to the call that waits for it."""
        match event:
            case Ready():
                _resolve(self._opening, event)
            case Closed():
                _resolve(self._closing, event)
            case Finalized() | Pong() if event.id is not None:
                _resolve(self._answers.pop(event.id, None), event)
            case Updated() if self._updates:
                _resolve(self._updates.pop(0), event)

    def _fail_waiting_calls(self) -> None:
        reason = self._line.failure or StarlingError(
            "session_closed", "The session ended before the server answered."
        )
        waiting = [self._opening, self._closing, *self._answers.values(), *self._updates]
        for answer in waiting:
            if answer is not None and not answer.done():
                answer.set_exception(reason)
                answer.exception()  # Marks it as seen: nobody may be waiting any more.


def _resolve(answer: asyncio.Future[Event] | None, event: Event) -> None:
    if answer is not None and not answer.done():
        answer.set_result(event)


async def _read_along(source: AudioSource) -> AsyncIterator[bytes]:
    """Yield the chunks of either kind of source; a blocking one in a worker thread."""
    if isinstance(source, AsyncIterable):
        async for chunk in source:
            yield chunk
        return
    iterator = iter(source)
    while (block := await asyncio.to_thread(lambda: next(iterator, None))) is not None:
        yield block
