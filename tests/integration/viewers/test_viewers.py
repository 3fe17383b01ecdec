"""Viewers of live sessions over real sockets: alone, and on another replica over a real Redis."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from loadtest.replicas import ReplicaProcess
from tests.support.redis_server import RedisServer, redis_server
from tests.support.viewed import (
    bearer,
    http_url,
    replicas,
    resumed,
    speaking,
    streaming,
    texts,
    watching,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
]

LARGE = b"x" * 9000

Pair = tuple[ReplicaProcess, ReplicaProcess]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["alone", "two replicas"])
async def pair(request, redis) -> AsyncIterator[Pair]:
    """Where the session is, and where its viewers are."""
    if request.param == "alone":
        async with replicas(1) as (only,):
            yield only, only
    else:
        async with replicas(2, redis_url=redis.url) as (first, second):
            yield first, second


async def ask(method: str, server: ReplicaProcess, path: str, credential: str = "", **more):
    headers = bearer(credential) if credential else {}
    async with httpx.AsyncClient() as client:
        return await client.request(method, http_url(server) + path, headers=headers, **more)


async def share_of(server: ReplicaProcess, session: str, secret: str, **asked) -> dict:
    answer = await ask("POST", server, f"/v1/sessions/{session}/shares", secret, json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_viewer_sees_interims_and_finals_as_the_speaker_does(pair):
    home, away = pair
    async with (
        speaking(home) as speaker,
        watching(away, speaker.session, speaker.secret) as viewer,
    ):
        await speaker.utter(1, 2)
        await viewer.until("utterance_ended")
        await speaker.say([3, 4, 5, 6, 7, 8])
        interim = await viewer.until("interim")
        assert interim["committed"] + interim["tentative"] != ""
        await speaker.say(1.5)
        await speaker.hear("final")
        await speaker.stop()
        await viewer.until("closed")
        assert await viewer.close_code() == 1000
        told = [m for m in speaker.heard if m["type"] in ("final", "utterance_ended", "closed")]
        assert [m for m in viewer.seen if m["type"] != "interim"] == told
        assert texts(viewer.seen) == ["w1 w2", "w3 w4 w5 w6 w7 w8"]


async def test_a_late_viewer_gets_the_transcript_and_the_open_interim(pair):
    home, away = pair
    async with speaking(home) as speaker:
        await speaker.utter(1, 2)
        await speaker.utter(3)
        await speaker.say(list(range(4, 16)))
        await speaker.hear("interim")
        async with watching(away, speaker.session, speaker.secret) as viewer:
            await viewer.until("interim")
            assert texts(viewer.seen) == ["w1 w2", "w3"]


async def test_a_second_viewer_shares_the_feed_of_the_first(pair):
    home, away = pair
    async with speaking(home) as speaker:
        await speaker.utter(1)
        async with (
            watching(away, speaker.session, speaker.secret) as first,
            watching(away, speaker.session, speaker.secret) as second,
        ):
            await speaker.utter(2)
            await speaker.stop()
            await first.until("closed")
            await second.until("closed")
            assert first.kept() == second.kept()


async def test_events_are_streamed_and_resumed_by_their_last_id(pair):
    home, away = pair
    async with speaking(home) as speaker:
        token = (await share_of(away, speaker.session, speaker.secret))["token"]
        await speaker.utter(1)
        async with streaming(away, speaker.session, f"?token={token}") as stream:
            first = await stream.until("final")
            assert (first["text"], first["id"]) == ("w1", str(first["seq"]))
            ended = await stream.until("utterance_ended")
            assert int(stream.retry_ms) > 0
        await speaker.utter(2)
        last = {"Last-Event-ID": ended["id"], **bearer(token)}
        async with streaming(home, speaker.session, headers=last) as stream:
            assert (await stream.until("final"))["text"] == "w2"
            await speaker.stop()
            closed = await stream.until("closed")
            await stream.end()
            assert [event["event"] for event in stream.seen if event["event"] != "interim"] == [
                "final",
                "utterance_ended",
                "closed",
            ]
        over = {"Last-Event-ID": closed["id"], **bearer(token)}
        async with streaming(away, speaker.session, headers=over) as stream:
            assert stream.status == 204


async def test_a_revoked_share_ends_its_viewers_and_opens_nothing(pair):
    home, away = pair
    async with speaking(home) as speaker:
        share = await share_of(home, speaker.session, speaker.secret)
        async with watching(away, speaker.session, share["token"]) as viewer:
            await speaker.utter(1)
            await viewer.until("final")
            path = f"/v1/sessions/{speaker.session}/shares/{share['share']}"
            assert (await ask("DELETE", home, path, speaker.secret)).status_code == 204
            error = await viewer.until("error")
            assert (error["code"], await viewer.close_code()) == ("unauthenticated", 1008)
            assert (await ask("DELETE", home, path, speaker.secret)).status_code == 404
        async with watching(away, speaker.session, share["token"]) as viewer:
            assert (await viewer.until("error"))["code"] == "unauthenticated"
        async with streaming(away, speaker.session, f"?token={share['token']}") as stream:
            assert stream.status == 401


async def test_a_share_ends_when_its_time_is_over(pair):
    home, away = pair
    async with speaking(home) as speaker:
        share = await share_of(home, speaker.session, speaker.secret, expires_in_s=1)
        async with watching(away, speaker.session, share["token"]) as viewer:
            error = await viewer.until("error")
            assert (error["code"], error["hint"] != "") == ("unauthenticated", True)


async def test_a_share_reads_and_does_nothing_else(pair):
    home, away = pair
    async with speaking(home) as speaker:
        token = (await share_of(home, speaker.session, speaker.secret))["token"]
        session = f"/v1/sessions/{speaker.session}"
        for method, path in (("POST", f"{session}/shares"), ("DELETE", session)):
            answer = await ask(method, away, path, token)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("form", ["json", "txt", "srt", "vtt"])
async def test_the_transcript_can_be_had_during_and_after_the_session(pair, form):
    home, away = pair
    path = "/v1/sessions/{}/transcript." + form
    async with speaking(home) as speaker:
        await speaker.utter(1, 2)
        during = await ask("GET", away, path.format(speaker.session), speaker.secret)
        assert during.status_code == 200
        assert "w1 w2" in during.text
        await speaker.utter(3)
        await speaker.stop()
    after = await ask("GET", away, path.format(speaker.session), speaker.secret)
    assert "w3" in after.text
    if form == "json":
        assert (during.json()["closed"], after.json()["closed"]) == (False, True)
        assert after.json()["text"] == "w1 w2 w3"
    if form in ("srt", "vtt"):
        assert "-->" in after.text


async def test_delete_ends_a_running_session_and_leaves_nothing(pair):
    home, away = pair
    async with speaking(home) as speaker:
        token = (await share_of(home, speaker.session, speaker.secret))["token"]
        await speaker.utter(1)
        session = f"/v1/sessions/{speaker.session}"
        async with watching(away, speaker.session, token) as viewer:
            await viewer.until("final")
            assert (await ask("DELETE", away, session, speaker.secret)).status_code == 204
            assert (await viewer.until("error"))["code"] == "session_not_found"
        assert (await speaker.hear("error"))["code"] == "session_taken"
    for credential in (speaker.secret, token):
        answer = await ask("GET", away, f"{session}/transcript.txt", credential)
        assert answer.status_code == 404


async def test_what_is_not_shown_or_not_known_is_told_with_a_hint(pair):
    home, away = pair
    async with speaking(home) as speaker:
        session = f"/v1/sessions/{speaker.session}"
        refused = [
            (await ask("GET", away, f"{session}/transcript.txt"), 401),
            (await ask("GET", away, f"{session}/transcript.txt", "wrong"), 401),
            (await ask("GET", away, f"{session}/transcript.doc", speaker.secret), 400),
            (await ask("GET", away, f"{session}/events?after=x", speaker.secret), 400),
            (await ask("GET", away, f"{session}/events?token={speaker.secret}"), 401),
            (await ask("GET", away, "/v1/sessions/nobody/events", speaker.secret), 404),
            (await ask("POST", away, f"{session}/shares", speaker.secret, content="[]"), 400),
            (
                await ask("POST", away, f"{session}/shares", speaker.secret, content=b"x" * 9000),
                413,
            ),
        ]
        for answer, status in refused:
            assert answer.status_code == status, answer.text
            assert answer.json()["error"]["hint"]


async def test_a_viewer_that_reads_nothing_holds_up_nobody(pair):
    home, away = pair
    async with (
        speaking(home) as speaker,
        watching(away, speaker.session, speaker.secret) as idle,
        watching(away, speaker.session, speaker.secret) as viewer,
    ):
        idle.socket.transport.pause_reading()
        for number in range(1, 9):
            await speaker.utter(number)
        await speaker.stop()
        await viewer.until("closed")
        assert texts(viewer.seen) == [f"w{number}" for number in range(1, 9)]
        idle.socket.transport.resume_reading()


async def test_a_key_opens_its_own_sessions_only(redis):
    async with (
        replicas(1, redis_url=redis.url, api_keys="alpha,beta") as (server,),
        speaking(server, bearer("alpha")) as speaker,
    ):
        await speaker.utter(1)
        path = f"/v1/sessions/{speaker.session}/transcript.txt"
        assert (await ask("GET", server, path, "alpha")).text == "w1\n"
        assert (await ask("GET", server, path, "beta")).status_code == 401
        assert (await ask("GET", server, f"{path}?token=alpha")).status_code == 401


async def test_there_is_room_for_so_many_viewers(redis):
    async with (
        replicas(1, redis_url=redis.url, max_viewers=1) as (server,),
        speaking(server) as speaker,
        watching(server, speaker.session, speaker.secret) as first,
    ):
        await speaker.utter(1)
        await first.until("final")
        async with watching(server, speaker.session, speaker.secret) as second:
            error = await second.until("error")
            assert (error["code"], error["retryable"]) == ("overloaded", True)
            assert await second.close_code() == 1013


async def test_viewers_see_a_session_go_on_after_its_replica_died(redis):
    async with replicas(2, redis_url=redis.url) as (first, second), speaking(first) as speaker:
        await speaker.utter(1)
        async with watching(second, speaker.session, speaker.secret) as viewer:
            await viewer.until("utterance_ended")
            await first.kill()
            async with resumed(second, speaker):
                await speaker.utter(2)
                await speaker.stop()
            await viewer.until("closed")
            assert texts(viewer.seen) == ["w1", "w2"]


async def test_viewers_see_what_was_said_while_redis_was_away():
    with redis_server() as redis:
        async with (
            replicas(2, redis_url=redis.url) as (home, away),
            speaking(home) as speaker,
            watching(away, speaker.session, speaker.secret) as viewer,
        ):
            await speaker.utter(1)
            await viewer.until("utterance_ended")
            redis.kill()
            await speaker.utter(2)
            redis.start()
            await viewer.until("utterance_ended")
            assert texts(viewer.seen) == ["w1", "w2"]
            await speaker.say([3, 4, 5, 6, 7, 8])
            assert "w3" in (await viewer.until("interim"))["tentative"]
