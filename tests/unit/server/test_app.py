"""The whole application in memory, on a scripted engine: handshake, first message, routes."""

import pytest
from pydantic import SecretStr
from starlette.testclient import WebSocketDenialResponse

from server.http_routes import SECURITY_HEADERS
from tests.support.app_in_memory import conversation, serving
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.unit

STREAM = "/v1/stream"
RAW = STREAM + "?encoding=pcm_s16le&sample_rate=16000"
STOP = '{"type": "stop"}'


def test_a_session_from_its_address_to_its_close():
    with serving() as client:
        heard, code = conversation(client, RAW, pcm16(said(0.5, [1, 2, 3], 1.0)), STOP)
        assert [message["text"] for message in heard if message["type"] == "final"] == ["w1 w2 w3"]
        assert (heard[0]["type"], heard[-1]["type"], code) == ("ready", "closed", 1000)


def test_a_session_from_its_start_message():
    with serving() as client:
        start = '{"type": "start", "encoding": "pcm_s16le", "sample_rate": 16000, "words": true}'
        heard, code = conversation(client, STREAM, start, STOP)
        assert heard[0]["options"]["words"] is True
        assert code == 1000


@pytest.mark.parametrize(
    ("url", "message", "code", "close_code"),
    [
        (STREAM, "hello", "invalid_message", 1007),
        (STREAM, STOP, "protocol_violation", 1002),
        (STREAM, '{"type": "start", "model": "huge"}', "model_not_available", 1008),
        (STREAM + "?encoding=mulaw", "", "invalid_options", 1008),
        (STREAM + "?token=x", "", "invalid_options", 1008),
        (RAW, "x" * 2_000, "message_too_large", 1009),
        (RAW, b"\0" * 5_000, "message_too_large", 1009),
        (STREAM, "x" * 2_000, "message_too_large", 1009),
    ],
)
def test_what_opens_no_session_is_told_in_messages(url, message, code, close_code):
    with serving(max_message_bytes=4_096, max_text_bytes=1_024) as client:
        heard, closed_with = conversation(client, url, message)
        assert [said["type"] for said in heard if said["type"] != "ready"] == ["error", "closed"]
        assert (heard[-2]["code"], closed_with) == (code, close_code)
        assert heard[-2]["hint"]


def test_the_limit_on_text_counts_bytes():
    with serving(max_text_bytes=1_024) as client:
        ping = '{"type": "ping", "id": "%s"}'
        heard, _ = conversation(client, RAW, ping % ("ü" * 100), ping % ("語" * 400))
        assert [said["type"] for said in heard] == ["ready", "pong", "error", "closed"]
        assert heard[-2]["code"] == "message_too_large"


def test_a_client_that_says_nothing_is_told():
    with serving(start_timeout_s=0.01) as client:
        heard, code = conversation(client, STREAM)
        assert (heard[0]["code"], code) == ("idle_timeout", 1008)


def test_one_session_too_many_is_told_when_to_come_back():
    with serving(max_sessions=1) as client, client.websocket_connect(RAW) as open_session:
        open_session.receive_json()
        heard, code = conversation(client, RAW)
        assert (heard[0]["code"], code) == ("overloaded", 1013)
        assert heard[0]["retry_after_s"] > 0


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_known_key_the_handshake_is_denied(headers):
    with (
        serving(api_keys=SecretStr("alpha")) as client,
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect(RAW, headers=headers),
    ):
        pass
    assert denied.value.status_code == 401
    assert denied.value.json()["error"]["code"] == "unauthenticated"


def test_with_a_key_the_handshake_echoes_the_marker_and_not_the_key():
    with serving(api_keys=SecretStr("alpha")) as client:
        _, code = conversation(client, RAW, STOP, headers={"Authorization": "Bearer alpha"})
        assert code == 1000
        with client.websocket_connect(RAW, subprotocols=["bearer", "alpha"]) as socket:
            assert socket.accepted_subprotocol == "bearer"


def test_health_and_readiness_are_told():
    with serving() as client:
        assert client.get("/healthz").json()["status"] == "alive"
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert set(ready.json()["components"].values()) == {"ready"}


def test_information_tells_models_limits_and_whether_a_key_is_needed():
    with serving(api_keys=SecretStr("alpha"), max_utterance_s=9.0) as client:
        info = client.get("/v1/info").json()
        assert info["auth"] is True
        assert info["models"] == [{"name": "tiny.en", "languages": ["en"], "multilingual": False}]
        assert info["limits"]["max_utterance_s"] == {"min": 2.0, "max": 28.0, "default": 9.0}
        assert info["version"]


def test_metrics_count_what_happened():
    with serving() as client:
        conversation(client, RAW, pcm16(said(0.5, [1, 2], 1.0)), STOP)
        conversation(client, STREAM, "hello")
        text = client.get("/metrics").text
        for line in (
            "starling_finals_total 1.0",
            'starling_sessions_total{reason="stop"} 1.0',
            'starling_sessions_refused_total{reason="invalid_message"} 1.0',
            "starling_sessions_open 0.0",
            "starling_ready 1.0",
        ):
            assert line in text


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing-here", "/%2e%2e/pyproject.toml"])
def test_every_response_carries_the_protective_headers(path):
    with serving() as client:
        response = client.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert response.headers[name.decode()] == value.decode()
        assert "starling-stt" not in response.text
