"""Deepgram's SDKs, unmodified, send files to a running server."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.official_clients import run_client
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
from tests.support.running_server import RunningServer, converse, pieces, with_query

pytestmark = pytest.mark.compat

SDKS = ("deepgram_file.py", "deepgram_file.mjs")
RICH = {
    "model": "nova-3",
    "language": "en",
    "smart_format": True,
    "utterances": True,
    "diarize": True,
}


async def answer(
    server: RunningServer, sdk: str, path: Path, options: dict[str, Any], **more: Any
) -> dict[str, Any]:
    job = {"url": server.url, "key": "any", "options": options, "audio": str(path), **more}
    (said,) = await run_client(sdk, job)
    return said


def assert_spans(parts: list[dict[str, Any]], duration: float) -> None:
    starts = [part["start"] for part in parts]
    assert starts == sorted(starts)
    assert all(0 <= part["start"] <= part["end"] <= duration for part in parts)


@pytest.mark.parametrize("sdk", SDKS)
async def test_a_file_of_an_sdk(server: RunningServer, tmp_path, sdk):
    path = tmp_path / "two.flac"
    both = np.concatenate([clip("0890"), silence(1.5), clip("0930")])
    path.write_bytes(contained(both, "flac", "flac"))
    said = await answer(server, sdk, path, RICH)
    metadata, results = said["metadata"], said["results"]
    assert metadata["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert metadata["duration"] == pytest.approx(len(both) / 16_000, abs=0.01)
    assert metadata["channels"] == 1
    (model,) = metadata["models"]
    assert metadata["model_info"][model]["name"] == "tiny.en"
    (alternative,) = results["channels"][0]["alternatives"]
    reference = f"{references()['0890']} {references()['0930']}"
    native = await converse(
        with_query(server.socket_url, encoding="pcm_s16le", sample_rate=16_000),
        pieces(pcm16(both), 32_000),
    )
    assert word_errors(reference, alternative["transcript"]) <= word_errors(reference, native.text)
    words = alternative["words"]
    assert " ".join(word["punctuated_word"] for word in words) == alternative["transcript"]
    assert all(0 < word["confidence"] <= 1 for word in words)
    assert {word["speaker"] for word in words} == {0}
    assert_spans(words, metadata["duration"])
    first, second = results["utterances"]
    assert_spans([first, second], metadata["duration"])
    assert f"{first['transcript']} {second['transcript']}" == alternative["transcript"]
    assert first["id"] != second["id"]
    paragraphs = alternative["paragraphs"]
    assert paragraphs["transcript"].replace("\n\n", " ") == alternative["transcript"]
    assert sum(p["num_words"] for p in paragraphs["paragraphs"]) == len(words)


@pytest.mark.parametrize("sdk", SDKS)
async def test_plain_options_give_a_plain_answer(server: RunningServer, sdk):
    said = await answer(server, sdk, clip_path("0930"), {})
    (alternative,) = said["results"]["channels"][0]["alternatives"]
    assert alternative["transcript"].split() == spoken(references()["0930"])
    assert "paragraphs" not in alternative or alternative["paragraphs"] is None
    assert said["results"].get("utterances") is None


async def test_channels_of_a_file_are_told_apart(server: RunningServer, tmp_path):
    left, right = clip("0930"), clip("0880")
    length = max(len(left), len(right))
    both = np.stack([np.pad(side, (0, length - len(side))) for side in (left, right)], axis=1)
    path = tmp_path / "raw"
    path.write_bytes(pcm16(both.ravel()))
    options = {"encoding": "linear16", "multichannel": True, "utterances": True}
    raw = {"additional_query_parameters": {"sample_rate": 16_000, "channels": 2}}
    said = await answer(server, "deepgram_file.py", path, {**options, "request_options": raw})
    assert said["metadata"]["channels"] == 2
    for number, channel in zip(("0930", "0880"), said["results"]["channels"], strict=True):
        text = channel["alternatives"][0]["transcript"]
        assert word_errors(references()[number], text) <= 2
    assert {said["channel"] for said in said["results"]["utterances"]} == {0, 1}


@pytest.mark.parametrize("sdk", SDKS)
async def test_what_is_no_audio_is_a_clear_error(server: RunningServer, tmp_path, sdk):
    path = tmp_path / "page"
    path.write_bytes(b"<html>" * 1_000)
    said = await answer(server, sdk, path, RICH)
    assert said["status"] == 400
    assert said["body"]["err_code"] == "Bad Request"
    assert said["body"]["request_id"]


@pytest.mark.parametrize("sdk", SDKS)
async def test_an_address_is_not_fetched(server: RunningServer, sdk):
    said = await answer(server, sdk, Path("none"), {}, address=server.url + "/healthz")
    assert said["status"] == 400
    assert "no addresses" in said["body"]["err_msg"]
