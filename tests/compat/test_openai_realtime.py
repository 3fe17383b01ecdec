"""OpenAI's SDKs and LiveKit's plugin, unmodified, in Realtime sessions on a running server."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.official_clients import of, run_client
from tests.support.recordings import (
    clip,
    encoded,
    pcm16,
    references,
    resampled,
    silence,
    spoken,
    word_errors,
)
from tests.support.running_server import RunningServer, converse, pieces, with_query
from tests.support.tls_proxy import tls_proxy

pytestmark = pytest.mark.compat

TRANSCRIPTION = "conversation.item.input_audio_transcription"
SPEECH = np.concatenate([clip("0870"), silence(1.5), clip("0930"), silence(1.5)])
REFERENCE = f"{references()['0870']} {references()['0930']}"
NATIVE = {"encoding": "pcm_s16le", "sample_rate": 16_000, "language": "en"}
NUM_CHUNKS = -(-len(SPEECH) * 3 // 2 // 2_400)

Talk = Callable[..., Awaitable[list[dict[str, Any]]]]


def session(kind: str = "audio/pcm", **sound: Any) -> dict[str, Any]:
    audio_format = {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}
    transcription = {"model": "gpt-4o-transcribe", "language": "en"}
    given = {"format": audio_format, "transcription": transcription, **sound}
    return {"type": "transcription", "audio": {"input": given}}


def written(path: Path, audio: bytes) -> Path:
    path.write_bytes(audio)
    return path


@pytest.fixture(params=["openai_realtime.py", "openai_realtime.mjs"])
def talk(request, server: RunningServer, tmp_path, monkeypatch) -> Talk:
    """Return a function that runs one session of an SDK."""

    async def run(name: str = "audio", audio: bytes = b"", **changes: Any) -> list[dict[str, Any]]:
        path = written(tmp_path / name, audio or pcm16(resampled(SPEECH, 24_000)))
        job = {
            "url": server.url,
            "key": "any",
            "audio": str(path),
            "session": session(),
            "chunk_bytes": 4_800,
            "pause_s": 0.03,
            "commit_at": [],
            "num_completed": 2,
            **changes,
        }
        if request.param.endswith(".py"):
            return await run_client(request.param, job)
        folder = tmp_path / f"tls-{name}"
        folder.mkdir()
        async with tls_proxy(server.url, folder) as address:
            monkeypatch.setitem(os.environ, "NODE_EXTRA_CA_CERTS", str(address.certificate))
            return await run_client(request.param, {**job, "url": address.url})

    return run


async def native_text(server: RunningServer, audio: np.ndarray) -> str:
    url = with_query(server.socket_url, **NATIVE)
    return (await converse(url, pieces(pcm16(audio), 3_200))).text


def transcripts(heard: list[dict[str, Any]]) -> str:
    return " ".join(said["transcript"] for said in of(heard, f"{TRANSCRIPTION}.completed"))


def assert_deltas_join(heard: list[dict[str, Any]]) -> None:
    for completed in of(heard, f"{TRANSCRIPTION}.completed"):
        deltas = [
            said["delta"]
            for said in of(heard, f"{TRANSCRIPTION}.delta")
            if said["item_id"] == completed["item_id"]
        ]
        assert "".join(deltas) == completed["transcript"]


async def test_turns_are_found_and_told_in_order(server: RunningServer, talk: Talk):
    heard = await talk()
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    assert word_errors(REFERENCE, transcripts(heard)) <= native
    assert_deltas_join(heard)
    turn = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        f"{TRANSCRIPTION}.completed",
    ]
    told = [said for said in heard if not said["type"].endswith(".delta")]
    assert [said["type"] for said in told[:2]] == ["session.created", "session.updated"]
    items = [said["item_id"] for said in of(heard, "input_audio_buffer.speech_started")]
    # The second turn may begin before the first is transcribed.
    for item in items:
        about = [s for s in told if item in (s.get("item_id"), s.get("item", {}).get("id"))]
        assert [said["type"] for said in about] == turn
    assert items == [said["item_id"] for said in of(heard, f"{TRANSCRIPTION}.completed")]
    first, second = of(heard, "input_audio_buffer.committed")
    assert (first["previous_item_id"], second["previous_item_id"]) == (None, first["item_id"])
    assert heard[-1]["code"] == 1000
    starts = [said["audio_start_ms"] for said in of(heard, "input_audio_buffer.speech_started")]
    assert starts == [pytest.approx(350, abs=200), pytest.approx(8_900, abs=400)]


async def test_words_that_stay_come_before_the_speech_ends(talk: Talk):
    heard = await talk(pause_s=0.1)
    kinds = [said["type"] for said in heard]
    assert kinds.index(f"{TRANSCRIPTION}.delta") < kinds.index("input_audio_buffer.speech_stopped")


async def test_the_client_commits(server: RunningServer, talk: Talk):
    after_first = -(-(len(clip("0870")) + 8_000) * 3 // 2 // 2_400)
    heard = await talk(
        session=session(turn_detection=None), commit_at=[after_first, NUM_CHUNKS], num_completed=2
    )
    assert not of(heard, "input_audio_buffer.speech_started")
    said = [message["transcript"] for message in of(heard, f"{TRANSCRIPTION}.completed")]
    assert [spoken(text)[-1] for text in said] == [
        spoken(references()[number])[-1] for number in ("0870", "0930")
    ]
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    assert word_errors(REFERENCE, " ".join(said)) <= native
    assert_deltas_join(heard)
    assert not of(heard, "error")


@pytest.mark.parametrize(("kind", "name"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")])
async def test_g711(talk: Talk, kind, name):
    audio = encoded(np.concatenate([clip("0930"), silence(1.5)]), name, 8_000)
    heard = await talk(audio=audio, session=session(kind), chunk_bytes=800, num_completed=1)
    assert spoken(transcripts(heard)) == spoken(references()["0930"])


async def test_a_commit_of_nothing_is_an_error_that_ends_nothing(talk: Talk):
    heard = await talk(session=session(turn_detection=None), commit_at=[0, NUM_CHUNKS],
                       num_completed=1)  # fmt: skip
    (error,) = of(heard, "error") or of(heard, "ClientError")
    assert "input_audio_buffer_commit_empty" in str(error) or "100 ms" in str(error)
    assert spoken(transcripts(heard))


async def test_sdk_and_native_sessions_at_once_say_what_each_says_alone(
    server: RunningServer, talk: Talk
):
    clips = {
        number: np.concatenate([clip(number), silence(1.5)]) for number in ("0870", "0890", "0920")
    }

    async def say(number: str, turn: str) -> str:
        audio = pcm16(resampled(clips[number], 24_000))
        return transcripts(await talk(f"{turn}-{number}", audio, pause_s=0.1, num_completed=1))

    alone = [await say(number, "alone") for number in clips]
    natives_alone = [await native_text(server, audio) for audio in clips.values()]
    together = await asyncio.gather(
        *(say(number, "together") for number in clips),
        *(native_text(server, audio) for audio in clips.values()),
    )
    assert together == [*alone, *natives_alone]


async def test_livekits_plugin(server: RunningServer, tmp_path):
    path = tmp_path / "audio"
    path.write_bytes(pcm16(resampled(SPEECH, 24_000)))
    job = {"url": server.url, "key": "any", "audio": str(path), "pause_s": 0.04, "num_finals": 2}
    heard = await run_client("livekit_openai.py", job)
    text = " ".join(said["text"] for said in of(heard, "final_transcript"))
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    # The plugin asks for 350 ms of silence, so sentences may be cut where the native's are not.
    assert word_errors(REFERENCE, text) <= native + 2
    assert of(heard, "interim_transcript")
