"""Deepgram's SDKs and LiveKit's plugin, unmodified, against a running server."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.official_clients import of, run_client
from tests.support.recordings import (
    clip,
    contained,
    encoded,
    pcm16,
    references,
    resampled,
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

SDKS = ("deepgram_live.py", "deepgram_live.mjs")
RAW = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16_000, "language": "en-US"}
RICH = {
    **RAW,
    "interim_results": "true",
    "smart_format": "true",
    "vad_events": "true",
    "utterance_end_ms": 1_000,
}
SPEECH = pcm16(np.concatenate([clip("0870"), silence(1.5), clip("0930"), silence(1.2)]))
REFERENCE = f"{references()['0870']} {references()['0930']}"
NATIVE = {"encoding": "pcm_s16le", "sample_rate": 16_000, "language": "en"}


def job(server: RunningServer, folder: Path, audio: bytes, **changes: Any) -> dict[str, Any]:
    path = folder / "audio"
    path.write_bytes(audio)
    usual = {
        "version": "v1",
        "options": RICH,
        "key": "any",
        "chunk_bytes": 3_200,
        "pause_s": 0.03,
        "say": {},
    }
    return {**usual, "url": server.url, "audio": str(path), **changes}


def transcripts(results: list[dict[str, Any]], channel: int = 0) -> str:
    parts = [
        result["channel"]["alternatives"][0]["transcript"]
        for result in results
        if result["is_final"] and result["channel_index"][0] == channel
    ]
    return " ".join(filter(None, parts))


async def native_text(server: RunningServer, audio: bytes, **query: str) -> str:
    heard = await converse(with_query(server.socket_url, **NATIVE, **query), pieces(audio, 3_200))
    return heard.text


@pytest.mark.parametrize("sdk", SDKS)
async def test_a_live_session_of_an_sdk(server: RunningServer, tmp_path, sdk):
    asked = job(server, tmp_path, SPEECH, say={"0": "KeepAlive"}, pause_s=0.1)
    heard = await run_client(sdk, asked)
    results = of(heard, "Results")
    finals = [result for result in results if result["is_final"]]
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    assert word_errors(REFERENCE, transcripts(results)) <= native
    assert len(results) > len(finals), "there are interim results"
    assert [result["speech_final"] for result in finals] == [True, True]
    assert not any(result["speech_final"] for result in results if not result["is_final"])
    assert len(of(heard, "SpeechStarted")) == 2
    assert [said["last_word_end"] for said in of(heard, "UtteranceEnd")] == [
        final["channel"]["alternatives"][0]["words"][-1]["end"] for final in finals
    ]
    assert [said["type"] for said in heard[-2:]] == ["Metadata", "Closed"]
    assert heard[-1]["code"] == 1000
    metadata = heard[-2]
    assert metadata["sha256"] == hashlib.sha256(SPEECH).hexdigest()
    assert metadata["duration"] == pytest.approx(len(SPEECH) / 32_000, abs=0.001)
    assert {result["metadata"]["request_id"] for result in results} == {metadata["request_id"]}
    assert results[0]["metadata"]["model_info"]["name"] == "tiny.en"


@pytest.mark.parametrize("sdk", SDKS)
async def test_words_have_times_and_a_confidence_of_their_own(server, tmp_path, sdk):
    heard = await run_client(sdk, job(server, tmp_path, SPEECH))
    end = 0.0
    for result in of(heard, "Results"):
        alternative = result["channel"]["alternatives"][0]
        words = alternative["words"]
        assert " ".join(word["punctuated_word"] for word in words) == alternative["transcript"]
        assert all(0 < word["confidence"] <= 1 for word in words)
        assert all(word["start"] <= word["end"] for word in words)
        assert result["start"] == pytest.approx(end, abs=0.002), "finals follow on"
        if result["is_final"]:
            end = result["start"] + result["duration"]
            assert len({word["confidence"] for word in words}) > 1


@pytest.mark.parametrize("sdk", SDKS)
async def test_finalize_is_answered_in_mid_speech(server: RunningServer, tmp_path, sdk):
    asked = job(server, tmp_path, SPEECH, say={"30": "Finalize", "31": "Finalize"}, options=RAW)
    heard = await run_client(sdk, asked)
    flushed = [result for result in of(heard, "Results") if result.get("from_finalize")]
    assert len(flushed) == 2
    assert flushed[0]["channel"]["alternatives"][0]["transcript"]
    assert flushed[0]["start"] + flushed[0]["duration"] <= 3.1
    assert heard[-1] == {"type": "Closed", "code": 1000}


ENCODED = {
    "mulaw": ({"sample_rate": 8_000}, encoded(clip("0930"), "mulaw", 8_000)),
    "alaw": ({"sample_rate": 8_000}, encoded(clip("0930"), "alaw", 8_000)),
    "linear32": ({"sample_rate": 16_000}, encoded(clip("0930"), "pcm_f32le", 16_000)),
    "opus": ({}, contained(resampled(clip("0930"), 48_000), "ogg", "libopus", 48_000)),
    "webm": ({}, contained(resampled(clip("0930"), 48_000), "webm", "libopus", 48_000)),
    "wav": ({}, contained(clip("0930"), "wav", "pcm_s16le")),
}


@pytest.mark.parametrize("name", ENCODED)
async def test_encodings_are_heard(server: RunningServer, tmp_path, name):
    options, audio = ENCODED[name]
    if name not in ("webm", "wav"):
        options = {"encoding": name, **options}
    asked = job(server, tmp_path, audio, options={"model": "nova-3", **options}, pause_s=0)
    heard = await run_client("deepgram_live.py", asked)
    assert spoken(transcripts(of(heard, "Results"))) == spoken(references()["0930"])
    assert heard[-1]["code"] == 1000


async def test_two_channels_are_told_apart(server: RunningServer, tmp_path):
    left, right = clip("0930"), clip("0880")
    length = max(len(left), len(right)) + 16_000
    both = np.stack([np.pad(side, (0, length - len(side))) for side in (left, right)], axis=1)
    options = {**RAW, "channels": 2, "multichannel": "true", "diarize": "true"}
    heard = await run_client(
        "deepgram_live.py",
        job(server, tmp_path, pcm16(both.ravel()), options=options, chunk_bytes=6_400),
    )
    results = of(heard, "Results")
    assert {tuple(result["channel_index"]) for result in results} == {(0, 2), (1, 2)}
    for channel, number in enumerate(("0930", "0880")):
        alone = await native_text(server, pcm16(clip(number)))
        told = word_errors(references()[number], transcripts(results, channel))
        assert told <= word_errors(references()[number], alone)
        words = [w for r in results if r["channel_index"][0] == channel
                 for w in r["channel"]["alternatives"][0]["words"]]  # fmt: skip
        assert {word["speaker"] for word in words} == {channel}


async def test_sdk_and_native_sessions_at_once_say_what_each_says_alone(server, tmp_path):
    # Without interims: what they commit stays in the final, and when they come is up to the load.
    options = {**RICH, "interim_results": "false"}
    numbers = ("0870", "0880", "0890")
    audio = {number: pcm16(np.concatenate([clip(number), silence(1)])) for number in numbers}

    async def say(sdk: str, number: str) -> str:
        folder = tmp_path / f"{sdk}-{number}"
        folder.mkdir(exist_ok=True)
        asked = job(server, folder, audio[number], options=options, pause_s=0.1)
        return transcripts(of(await run_client(sdk, asked), "Results"))

    async def say_natively(number: str) -> str:
        return await native_text(server, audio[number], interim="false")

    alone = {(sdk, number): await say(sdk, number) for sdk in SDKS for number in numbers}
    natives_alone = [await say_natively(number) for number in numbers]
    together = await asyncio.gather(*(say(*key) for key in alone), *map(say_natively, numbers))
    assert together == [*alone.values(), *natives_alone]


async def test_livekits_plugin_hears_utterances_begin_and_end(server: RunningServer, tmp_path):
    heard = await run_client("livekit_deepgram.py", job(server, tmp_path, SPEECH, pause_s=0.02))
    text = " ".join(said["text"] for said in of(heard, "final_transcript"))
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    # The plugin asks for 25 ms of endpointing, so sentences are cut more often than the native's.
    assert word_errors(REFERENCE, text) <= native + 2
    assert of(heard, "interim_transcript")
    started, ended = of(heard, "start_of_speech"), of(heard, "end_of_speech")
    assert len(started) == len(ended) >= 2


TURNS = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": 16_000}


@pytest.mark.parametrize("sdk", SDKS)
async def test_turns_of_an_sdk(server: RunningServer, tmp_path, sdk):
    asked = job(server, tmp_path, SPEECH, version="v2", options=TURNS, pause_s=0.1)
    heard = await run_client(sdk, asked)
    turns = of(heard, "TurnInfo")
    ends = [turn for turn in turns if turn["event"] == "EndOfTurn"]
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    assert word_errors(REFERENCE, " ".join(turn["transcript"] for turn in ends)) <= native
    assert [turn["event"] for turn in turns].count("StartOfTurn") == len(ends) == 2
    assert [turn["turn_index"] for turn in ends] == [0, 1]
    assert any(turn["event"] == "Update" for turn in turns)
    assert [said["sequence_id"] for said in heard[:-1]] == list(range(len(heard) - 1))
    assert heard[0]["type"] == "Connected"
    assert heard[-1] == {"type": "Closed", "code": 1000}


@pytest.mark.parametrize("sdk", SDKS)
async def test_a_turn_is_ended_by_force(server: RunningServer, tmp_path, sdk):
    asked = job(server, tmp_path, SPEECH, version="v2", options=TURNS, say={"30": "ForceEndTurn"})
    turns = of(await run_client(sdk, asked), "TurnInfo")
    ends = [turn for turn in turns if turn["event"] == "EndOfTurn"]
    assert ends[0]["trigger"] == "manual"
    assert ends[0]["audio_window_end"] <= 3.1


async def test_livekits_turn_plugin_hears_turns(server: RunningServer, tmp_path):
    asked = job(server, tmp_path, SPEECH, version="v2", pause_s=0.02)
    heard = await run_client("livekit_deepgram.py", asked)
    text = " ".join(said["text"] for said in of(heard, "final_transcript"))
    native = word_errors(REFERENCE, await native_text(server, SPEECH))
    assert word_errors(REFERENCE, text) <= native
    assert len(of(heard, "start_of_speech")) == len(of(heard, "end_of_speech")) == 2


@pytest.mark.parametrize("sdk", SDKS)
async def test_keys_are_asked_for(tmp_path, sdk):
    with running_server(api_keys="alpha") as server:
        asked = job(server, tmp_path, pcm16(clip("0930")), pause_s=0, key="alpha")
        heard = await run_client(sdk, asked)
        assert spoken(transcripts(of(heard, "Results"))) == spoken(references()["0930"])
    assert heard[-1]["code"] == 1000
