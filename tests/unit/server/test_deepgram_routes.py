"""Deepgram's routes over the whole application in memory: handshakes, closes, refusals."""

import json
import uuid

import pytest
from pydantic import SecretStr
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from tests.support.app_in_memory import conversation, serving
from tests.support.recordings import contained, pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.unit

LISTEN = "/v1/listen"
RAW = LISTEN + "?encoding=linear16&sample_rate=16000"
CLOSE = '{"type": "CloseStream"}'
SPEECH = pcm16(said(0.5, [1, 2, 3], 1.0))


def texts(heard: list[dict]) -> list[str]:
    results = [message for message in heard if message["type"] == "Results"]
    return [result["channel"]["alternatives"][0]["transcript"] for result in results]


def test_a_session_ends_with_metadata_and_a_normal_close():
    with serving() as client:
        heard, code = conversation(client, RAW, SPEECH, CLOSE)
        assert texts(heard) == ["w1 w2 w3"]
        assert (heard[-1]["type"], code) == ("Metadata", 1000)
        assert str(uuid.UUID(heard[-1]["request_id"])) == heard[0]["metadata"]["request_id"]


def test_the_answer_to_the_handshake_names_the_request_and_the_marker_of_the_key():
    with (
        serving(api_keys=SecretStr("alpha")) as client,
        client.websocket_connect(
            RAW, subprotocols=["token", "alpha", "x-deepgram-session-id", "u"]
        ) as socket,
    ):
        assert socket.accepted_subprotocol == "token"
        headers = {name.decode(): value.decode() for name, value in socket.extra_headers or []}
        assert uuid.UUID(headers["dg-request-id"])
        socket.send_text(CLOSE)
        assert socket.receive_json()["request_id"] == headers["dg-request-id"]


def test_silence_without_keep_alive_is_closed_as_documented():
    with serving(deepgram_idle_timeout_s=1.0) as client, client.websocket_connect(RAW) as socket:
        socket.send_bytes(SPEECH)
        assert texts([socket.receive_json()]) == ["w1 w2 w3"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1011
        assert closed.value.reason.startswith("NET-0001")


@pytest.mark.parametrize("url", [LISTEN, RAW], ids=["container", "raw"])
def test_bytes_that_are_no_such_audio_are_closed_as_documented(url):
    audio = b"%PDF-1.7 " * 10 if url == LISTEN else contained(said([1]), "wav", "pcm_s16le")
    with serving() as client, client.websocket_connect(url) as socket:
        socket.send_bytes(audio)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1008
        assert closed.value.reason.startswith("DATA-0000")


@pytest.mark.parametrize(
    ("url", "headers", "status", "err_code"),
    [
        (RAW, {}, 401, "INVALID_AUTH"),
        (RAW, {"Authorization": "Token beta"}, 401, "INVALID_AUTH"),
        (LISTEN + "?encoding=linear16", {"Authorization": "Token alpha"}, 400, "Bad Request"),
        (RAW + "&language=xx", {"Authorization": "bearer alpha"}, 400, "Bad Request"),
        (RAW + "&channels=3", {"Authorization": "Token alpha"}, 400, "Bad Request"),
        (RAW + "&callback=http://a", {"Authorization": "Token alpha"}, 400, "Bad Request"),
    ],
)
def test_a_handshake_that_cannot_be_met_is_answered_in_deepgrams_shape(
    url, headers, status, err_code
):
    with (
        serving(api_keys=SecretStr("alpha")) as client,
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect(url, headers=headers),
    ):
        pass
    assert denied.value.status_code == status
    body = denied.value.json()
    assert body["err_code"] == err_code
    assert denied.value.headers["dg-request-id"] == body["request_id"]
    assert denied.value.headers["dg-error"]


def test_one_session_too_many_is_told_when_to_come_back():
    with (
        serving(max_sessions=1) as client,
        client.websocket_connect(RAW),
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect(RAW),
    ):
        pass
    assert denied.value.status_code == 429
    assert int(denied.value.headers["retry-after"]) > 0


def test_a_file_is_answered_whole():
    with serving() as client:
        answer = client.post(
            LISTEN + "?model=nova-3&utterances=true",
            content=contained(said([1, 2]), "wav", "pcm_s16le"),
        )
        assert answer.status_code == 200
        body = answer.json()
        assert answer.headers["dg-request-id"] == body["metadata"]["request_id"]
        assert body["results"]["channels"][0]["alternatives"][0]["transcript"] == "w1 w2"
        assert [said["transcript"] for said in body["results"]["utterances"]] == ["w1 w2"]


@pytest.mark.parametrize(
    ("query", "content", "key", "status"),
    [
        ("", b"", "beta", 401),
        ("", b"no audio", "alpha", 400),
        ("", b"", "alpha", 400),
        ("?redact=pci", b"no audio", "alpha", 400),
        ("", b"x" * 2_000_000, "alpha", 413),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_in_deepgrams_shape(query, content, key, status):
    with serving(api_keys=SecretStr("alpha"), max_file_bytes=1_048_576) as client:
        headers = {"Authorization": f"Token {key}"}
        answer = client.post(LISTEN + query, content=content, headers=headers)
        assert answer.status_code == status
        assert set(json.loads(answer.content)) == {"err_code", "err_msg", "request_id"}
