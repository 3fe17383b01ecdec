"""The Python client against servers that behave oddly; a scripted peer stands in for them."""

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.server import serve

from starling_client import (
    Ack,
    Closed,
    ConnectionLost,
    Final,
    SessionOptions,
    StarlingClient,
    StarlingError,
    TunableOptions,
    UnknownEvent,
)

pytestmark = pytest.mark.integration

OPTIONS = {
    "encoding": "pcm_s16le",
    "sample_rate": 16_000,
    "channels": 1,
    "channel_mode": "split",
    "language": "en",
    "task": "transcribe",
    "interim": True,
    "words": False,
    "endpoint_silence_ms": 500,
    "max_utterance_s": 15.0,
    "model": "tiny.en",
}
SUMMARY = {"audio_s": 1.0, "speech_s": 0.5, "utterances": 1, "finals": 1}


class Peer:
    """The server's end of one session."""

    def __init__(self, socket):
        self.socket = socket
        self._seq = 0

    async def say(self, kind, **fields):
        self._seq += 1
        await self.socket.send(json.dumps({"type": kind, "seq": self._seq, **fields}))

    async def say_final(self, text):
        await self.say(
            "final",
            utterance=1,
            channel=0,
            text=text,
            start=0.0,
            end=1.0,
            language="en",
            confidence=0.9,
        )

    async def say_closed(self, reason="stop"):
        await self.say("closed", reason=reason, summary=SUMMARY)

    async def hear(self):
        message = await self.socket.recv()
        return message if isinstance(message, bytes) else json.loads(message)


@contextlib.asynccontextmanager
async def peer(script, **options):
    """A server that answers `start` with `ready` and then follows `script`."""

    async def talk(socket):
        it = Peer(socket)
        assert (await it.hear())["type"] == "start"
        await it.say("ready", session="s-1", options=OPTIONS)
        await script(it)

    async with serve(talk, "127.0.0.1", 0, compression=None, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def events_until_end(session):
    return [event async for event in session]


async def events_and_failure(session):
    """Everything up to the failure, and the failure."""
    events = []
    try:
        async for event in session:
            events.append(event)  # noqa: PERF401 - what came before the failure counts
    except StarlingError as error:
        return events, error
    raise AssertionError("the session ended well")


async def test_a_session_ends_with_closed_after_all_events():
    async def script(it):
        assert await it.hear() == b"\x00\x01"
        await it.say_final("he was not")
        assert (await it.hear())["type"] == "stop"
        await it.say_closed()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        assert session.ready.options.model == "tiny.en"
        session.feed([b"\x00\x01"])
        events = await events_until_end(session)

    assert [type(event) for event in events] == [Final, Closed]
    assert [event.seq for event in events] == [2, 3]
    assert session.closed.summary.finals == 1


async def test_stop_waits_for_the_last_final_and_events_can_be_read_afterwards():
    async def script(it):
        await it.hear()
        for number in range(20):
            await it.say_final(str(number))
        await it.say_closed()

    async with (
        peer(script) as url,
        StarlingClient(url, max_queued_events=3).stream() as session,
    ):
        closed = await session.stop()
        events = await events_until_end(session)

    assert closed.reason == "stop"
    assert [event.text for event in events[:-1]] == [str(number) for number in range(20)]


async def test_stop_twice_gives_the_same_answer():
    async def script(it):
        await it.hear()
        await it.say_closed()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        assert await session.stop() is await session.stop()


async def test_each_question_gets_its_own_answer():
    async def script(it):
        first, second = await it.hear(), await it.hear()
        await it.say("pong", id=second["id"])
        await it.say("finalized", id=first["id"], offset=1.5)
        assert (await it.hear())["endpoint_silence_ms"] == 300
        await it.say("updated", options={**OPTIONS, "endpoint_silence_ms": 300})
        await it.hear()
        await it.say_closed()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        async with asyncio.TaskGroup() as group:
            finalized = group.create_task(session.finalize())
            ponged = group.create_task(session.ping())
        updated = await session.update(TunableOptions(endpoint_silence_ms=300))
        await session.stop()

    assert finalized.result().offset == 1.5
    assert ponged.result().id is not None
    assert updated.options.endpoint_silence_ms == 300


async def test_an_error_is_raised_after_the_events_before_it():
    async def script(it):
        await it.say_final("so far")
        await it.say(
            "error",
            code="overloaded",
            message="Too many voices.",
            hint="Wait.",
            retryable=True,
            retry_after_s=2.5,
        )
        await it.say_closed("overloaded")

    async with peer(script) as url, StarlingClient(url).stream() as session:
        events, error = await events_and_failure(session)

    assert [event.text for event in events] == ["so far"]
    assert (error.code, error.retryable, error.retry_after_s) == ("overloaded", True, 2.5)
    assert session.closed.reason == "overloaded"


async def test_a_refused_start_is_raised_when_opening():
    async def talk(socket):
        it = Peer(socket)
        await it.hear()
        await it.say(
            "error", code="invalid_options", message="No.", hint="Say yes.", retryable=False
        )
        await it.say_closed("invalid_options")

    async with serve(talk, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(StarlingError, match=r"No\. Say yes\. \[invalid_options\]"):
            async with StarlingClient(url).stream(SessionOptions(language="xx")):
                pass


async def test_a_broken_connection_is_told_to_reader_and_waiting_call():
    async def script(it):
        await it.say_final("so far")
        await it.hear()
        it.socket.transport.abort()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        with pytest.raises(ConnectionLost):
            await session.finalize()
        events, error = await events_and_failure(session)
        with pytest.raises(ConnectionLost):
            await session.send(b"\x00\x00")
        with pytest.raises(ConnectionLost):
            await session.stop()

    assert [event.text for event in events] == ["so far"]
    assert isinstance(error, ConnectionLost)


async def test_a_close_without_closed_counts_as_lost_and_names_the_code():
    async def script(it):
        await it.socket.close(1011, "oops")

    async with peer(script) as url, StarlingClient(url).stream() as session:
        with pytest.raises(ConnectionLost, match="1011, oops"):
            await events_until_end(session)


async def test_audio_after_the_end_is_refused_clearly():
    async def script(it):
        await it.hear()
        await it.say_closed()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        await session.stop()
        with pytest.raises(StarlingError) as caught:
            await session.send(b"\x00\x00")

    assert caught.value.code == "session_closed"


async def test_messages_of_a_newer_server_are_passed_on():
    async def script(it):
        await it.say("speaker_changed", speaker=2)
        await it.hear()
        await it.say_closed()

    async with peer(script) as url, StarlingClient(url).stream() as session:
        await session.stop()
        events = await events_until_end(session)

    assert isinstance(events[0], UnknownEvent)
    assert events[0].data["speaker"] == 2


async def test_a_slow_reader_slows_the_server_and_loses_nothing():
    num_events = 20_000
    num_said = 0

    async def script(it):
        nonlocal num_said
        for _ in range(num_events):
            await it.say("ack", offset=1.0, padding="x" * 1000)
            num_said += 1
        await it.say_closed()

    async with (
        peer(script) as url,
        StarlingClient(url, max_queued_events=10).stream() as session,
    ):
        said_before = -1
        while num_said != said_before:  # Until the server can say no more.
            said_before = num_said
            for _ in range(1000):
                await asyncio.sleep(0)
        assert num_said < num_events
        events = await events_until_end(session)

    assert sum(isinstance(event, Ack) for event in events) == num_events
    assert [event.seq for event in events] == list(range(2, num_events + 3))


async def test_what_the_fed_source_raises_is_raised_by_the_iteration():
    async def script(it):
        with contextlib.suppress(Exception):
            while True:
                await it.hear()

    def source():
        yield b"\x00\x00"
        raise OSError("the disk is gone")

    async with peer(script) as url, StarlingClient(url).stream() as session:
        session.feed(source())
        with pytest.raises(OSError, match="the disk is gone"):
            await events_until_end(session)


async def test_leaving_early_closes_the_connection_and_ends_the_feeding():
    is_gone = asyncio.Event()

    async def script(it):
        with contextlib.suppress(Exception):
            while True:
                await it.hear()
        is_gone.set()

    async def endless():
        while True:
            yield bytes(3200)

    async with peer(script) as url:
        async with StarlingClient(url).stream() as session:
            session.feed(endless())
        await is_gone.wait()
        names = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("starling-") for name in names)


async def test_no_server_is_told_with_the_address_and_what_to_do():
    async with serve(lambda _: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    with pytest.raises(StarlingError, match="starling serve") as caught:
        async with StarlingClient(f"ws://127.0.0.1:{port}").stream():
            pass

    assert caught.value.code == "unreachable"
    assert caught.value.retryable


@pytest.mark.parametrize("url", ["", "localhost", "ftp://host", "ws://"])
async def test_what_is_no_address_is_told(url):
    with pytest.raises(StarlingError, match="no server address") as caught:
        async with StarlingClient(url).stream():
            pass
    assert caught.value.code == "bad_address"


async def test_the_servers_own_words_explain_a_refused_key():
    said = {
        "error": {
            "code": "unauthenticated",
            "message": "This key is not known.",
            "hint": "Use another.",
            "retryable": False,
        }
    }
    keys = []

    def refuse(connection, request):
        keys.append(request.headers["Authorization"])
        return connection.respond(401, json.dumps(said))

    async with serve(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(StarlingError, match="This key is not known") as caught:
            async with StarlingClient(url, "k-123").stream():
                pass

    assert caught.value.code == "unauthenticated"
    assert keys == ["Bearer k-123"]


async def test_some_other_web_server_is_told_as_such():
    def refuse(connection, request):
        return connection.respond(404, "nothing here")

    async with serve(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(StarlingError, match="HTTP 404"):
            async with StarlingClient(url).stream():
                pass
