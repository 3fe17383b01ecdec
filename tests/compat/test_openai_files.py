"""OpenAI's SDKs, unmodified, send files to a running server."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.official_clients import of, run_client
from tests.support.recordings import (
    clip,
    clip_path,
    contained,
    pcm16,
    references,
    silence,
    spoken,
    word_errors,
)
from tests.support.running_server import (
    RunningServer,
    converse,
    pieces,
    running_server,
    with_query,
)

pytestmark = pytest.mark.compat

SDKS = ("openai_file.py", "openai_file.mjs")
FIRST = clip("0930")
BOTH = np.concatenate([FIRST, silence(2.5), clip("0890")])
REFERENCE = f"{references()['0930']} {references()['0890']}"
NATIVE = {"encoding": "pcm_s16le", "sample_rate": 16_000, "language": "en"}
ENGLISH = {"model": "whisper-1", "language": "en"}


async def ask(
    server: RunningServer, sdk: str, path: Path, call: str = "transcriptions", **options: Any
) -> list[dict[str, Any]]:
    job = {"url": server.url, "key": "any", "audio": str(path), "call": call, "options": options}
    return await run_client(sdk, job)


@pytest.fixture
def both(tmp_path) -> Path:
    path = tmp_path / "two.flac"
    path.write_bytes(contained(BOTH, "flac", "flac"))
    return path


@pytest.mark.parametrize("sdk", SDKS)
async def test_the_words_are_those_of_the_native_protocol(server: RunningServer, sdk, both):
    (said,) = await ask(server, sdk, both, **ENGLISH, temperature=0)
    native = await converse(with_query(server.socket_url, **NATIVE), pieces(pcm16(BOTH), 3_200))
    assert word_errors(REFERENCE, said["text"]) <= word_errors(REFERENCE, native.text)
    assert said["usage"] == {"type": "duration", "seconds": 12}


@pytest.mark.parametrize("sdk", SDKS)
async def test_segments_and_words_have_times(server: RunningServer, sdk, both):
    asked = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    (said,) = await ask(server, sdk, both, **ENGLISH, **asked)
    assert said["language"] == "english"
    assert said["duration"] == pytest.approx(len(BOTH) / 16_000, abs=0.01)
    assert spoken("".join(segment["text"] for segment in said["segments"])) == spoken(said["text"])
    assert spoken(" ".join(word["word"] for word in said["words"])) == spoken(said["text"])
    for parts in (said["segments"], said["words"]):
        times = [at for part in parts for at in (part["start"], part["end"])]
        assert times == sorted(times)
        assert times[-1] <= said["duration"]
    first_s = len(FIRST) / 16_000
    first_of_second = next(word for word in said["words"] if word["start"] > first_s)
    assert first_of_second["start"] == pytest.approx(first_s + 2.5, abs=0.5)


@pytest.mark.parametrize("sdk", SDKS)
async def test_segments_alone_come_without_words(server: RunningServer, sdk, both):
    (said,) = await ask(server, sdk, both, **ENGLISH, response_format="verbose_json")
    assert said["segments"]
    assert not said.get("words")


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize(("name", "mark"), [("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")])
async def test_subtitles(server: RunningServer, sdk, both, name, mark):
    (said,) = await ask(server, sdk, both, **ENGLISH, response_format=name)
    assert said["text"].startswith(mark)
    assert " --> " in said["text"]


@pytest.mark.parametrize("sdk", SDKS)
async def test_text(server: RunningServer, sdk, both):
    (plain,) = await ask(server, sdk, both, **ENGLISH, response_format="text")
    (whole,) = await ask(server, sdk, both, **ENGLISH)
    assert plain["text"].strip() == whole["text"]


@pytest.mark.parametrize("sdk", SDKS)
async def test_deltas_join_to_the_text_of_the_answer(server: RunningServer, sdk, both):
    (whole,) = await ask(server, sdk, both, **ENGLISH)
    events = await ask(server, sdk, both, **ENGLISH, stream=True)
    *deltas, done = events
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert len(deltas) == 2, "one for each side of the pause"
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"] == whole["text"]


@pytest.mark.parametrize("container", [("mp4", "aac"), ("ogg", "libopus"), ("mp3", "libmp3lame")])
async def test_other_containers(server: RunningServer, tmp_path, container):
    name, codec = container
    rate_hz = 48_000 if codec == "libopus" else 16_000
    audio = np.repeat(clip("0930"), 3) if rate_hz == 48_000 else clip("0930")
    path = tmp_path / f"clip.{name}"
    path.write_bytes(contained(audio, name, codec, rate_hz))
    (said,) = await ask(server, "openai_file.py", path, **ENGLISH)
    assert word_errors(references()["0930"], said["text"]) <= 1


@pytest.mark.parametrize("sdk", SDKS)
async def test_what_is_no_audio_is_a_bad_request(server: RunningServer, sdk, tmp_path):
    path = tmp_path / "talk.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE and then nothing of the kind")
    (said,) = await ask(server, sdk, path, **ENGLISH)
    assert (said["kind"], said["status"]) == ("BadRequestError", 400)
    (said,) = await ask(server, sdk, clip_path("0930"), **ENGLISH, response_format="diarized_json")
    assert said["status"] == 400
    (said,) = await ask(server, sdk, clip_path("0930"), "translations", model="whisper-1")
    assert said["status"] == 400, "tiny.en cannot translate"


@pytest.mark.parametrize("sdk", SDKS)
async def test_models_and_keys(sdk):
    with running_server(api_keys="alpha") as server:
        job = {"url": server.url, "key": "alpha", "call": "models"}
        assert await run_client(sdk, job) == [{"type": "Model", "id": "tiny.en"}]
        (said,) = await run_client(sdk, {**job, "key": "beta"})
        assert (said["kind"], said["status"]) == ("AuthenticationError", 401)


async def test_too_long_a_file_is_refused():
    with running_server(max_file_s=5, max_file_bytes=100_000) as server:
        (said,) = await ask(server, "openai_file.py", clip_path("0870"), **ENGLISH)
        assert said["status"] == 413


async def test_a_file_beside_live_sessions_says_what_it_says_alone(server: RunningServer, both):
    url = with_query(server.socket_url, **NATIVE)
    live = pieces(pcm16(np.concatenate([clip("0890"), silence(1)])), 3_200)
    (alone,) = await ask(server, "openai_file.py", both, **ENGLISH)
    alone_live = await converse(url, live)
    *lives, files = await asyncio.gather(
        *(converse(url, live, pause_s=0.05) for _ in range(3)),
        asyncio.gather(*(ask(server, sdk, both, **ENGLISH) for sdk in SDKS)),
    )
    assert {said["text"] for (said,) in files} == {alone["text"]}
    assert {heard.text for heard in lives} == {alone_live.text}
    assert not of([alone], "Error")
