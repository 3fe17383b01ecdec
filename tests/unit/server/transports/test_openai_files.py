"""OpenAI's routes over the whole application in memory, and Realtime's handshake."""

import json

import numpy as np
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from tests.support.app_in_memory import serving
from tests.support.recordings import contained
from tests.support.scripted_speech import said

pytestmark = pytest.mark.unit

ROUTE = "/v1/audio/transcriptions"
WAV = contained(said(0.5, [1, 2, 3], 2.5, [4, 5], 0.5), "wav", "pcm_s16le")


def ask(client: TestClient, audio: bytes | None = WAV, route: str = ROUTE, **fields: str):
    files = {} if audio is None else {"file": ("talk.wav", audio)}
    return client.post(route, data={"model": "whisper-1", **fields}, files=files or {"none": b""})


def test_the_whole_text_comes_as_json():
    with serving() as client:
        answer = ask(client)
        usage = {"type": "duration", "seconds": 6}
        assert answer.json() == {"text": "w1 w2 w3 w4 w5", "usage": usage}


def test_text_of_a_stream_comes_in_deltas():
    with serving() as client:
        answer = ask(client, stream="true")
        assert answer.headers["content-type"].startswith("text/event-stream")
        *events, end = answer.text.strip().split("\n\n")
        said_events = [json.loads(event.removeprefix("data: ")) for event in events]
        assert [event.get("delta") for event in said_events] == ["w1 w2 w3", " w4 w5", None]
        assert said_events[-1]["text"] == "w1 w2 w3 w4 w5"
        assert end == "data: [DONE]"


def test_subtitles_have_times():
    with serving() as client:
        answer = ask(client, response_format="srt")
        first = answer.text.split("\n\n")[0].split("\n")
        assert first[0] == "1"
        assert first[1].startswith("00:00:00,5")
        assert first[2] == "w1 w2 w3"
        assert ask(client, response_format="vtt").text.startswith("WEBVTT\n\n00:00:00.5")


def test_a_failed_decode_is_a_server_error():
    with serving() as client:
        assert ask(client, prompt="explode").status_code == 500
        events = ask(client, prompt="explode", stream="true").text
        assert events.startswith("event: error\n")
        assert ask(client).status_code == 200


@pytest.mark.parametrize(
    ("audio", "fields", "status", "param"),
    [
        (None, {}, 400, None),
        (b"no audio at all", {}, 400, "file"),
        (b"", {}, 400, "file"),
        (b"#EXTM3U\n/etc/passwd", {}, 400, "file"),
        (WAV, {"response_format": "diarized_json"}, 400, None),
        (WAV, {"language": "xx"}, 400, None),
        (WAV, {"known_speaker_names": "x"}, 400, None),
    ],
)
def test_what_cannot_be_met_is_told_in_openais_shape(audio, fields, status, param):
    with serving() as client:
        answer = ask(client, audio, **fields)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert error["message"]


def test_what_is_no_form_is_a_bad_request():
    with serving() as client:
        assert client.post(ROUTE, content=WAV).status_code == 400
        headers = {"content-type": "multipart/form-data; boundary=x"}
        assert client.post(ROUTE, content=b"--x\r\nnonsense", headers=headers).status_code == 400


def test_too_large_and_too_long_files_are_refused():
    long = contained(np.zeros(16_000 * 8, np.float32), "wav", "pcm_s16le")
    with serving(max_file_s=3.0) as client:
        assert ask(client, long).status_code == 413
    with serving(max_file_bytes=10_000) as client:
        assert ask(client, long).status_code == 413


def test_models_are_listed_one_by_one_and_behind_the_key():
    with serving(api_keys=SecretStr("alpha")) as client:
        assert client.get("/v1/models").json()["error"]["code"] == "invalid_api_key"
        client.headers["authorization"] = "Bearer alpha"
        (model,) = client.get("/v1/models").json()["data"]
        assert model["id"] == "tiny.en"
        assert client.get("/v1/models/tiny.en").json() == model
        assert client.get("/v1/models/whisper-9").status_code == 404


def test_browsers_show_the_key_as_a_subprotocol():
    with serving(api_keys=SecretStr("alpha")) as client:
        offered = ["realtime", "openai-insecure-api-key.alpha", "openai-beta.realtime-v1"]
        with client.websocket_connect("/v1/realtime", subprotocols=offered) as socket:
            assert socket.accepted_subprotocol == "realtime"
            assert socket.receive_json()["type"] == "session.created"
