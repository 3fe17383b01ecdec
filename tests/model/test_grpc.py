"""gRPC and WebSocket on one engine, with real weights and real speech, at the same time."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from starling_client import (
    Final,
    SessionOptions,
    SpeechStarted,
    StarlingClient,
    StarlingError,
)
from starling_client.grpc_client import GrpcStarlingClient
from tests.support.certificates import self_signed
from tests.support.recordings import (
    clip,
    clip_path,
    pcm16,
    references,
    silence,
    spoken,
    word_errors,
)
from tests.support.running_server import RunningServer, pieces, running_server

pytestmark = pytest.mark.model

CLIPS = ("0880", "0890", "0930")
OPTIONS = SessionOptions(encoding="pcm_s16le", sample_rate=16_000, words=True)


async def finals_of(client, number):
    audio = pcm16(np.concatenate([clip(number), silence(1.0)]))
    async with client.stream(OPTIONS) as session:
        session.feed(pieces(audio, 3200))
        return [event async for event in session if isinstance(event, Final)]


def without_numbers(finals):
    return [
        {name: getattr(f, name) for name in f.__dataclass_fields__} | {"seq": 0} for f in finals
    ]


async def test_both_transports_give_the_same_finals_side_by_side(tiny_server: RunningServer):
    socket_client = StarlingClient(tiny_server.url, ping_timeout_s=None)
    grpc_client = GrpcStarlingClient(tiny_server.grpc)
    async with asyncio.TaskGroup() as group:
        spoken_tasks = [group.create_task(finals_of(socket_client, n)) for n in CLIPS]
        called_tasks = [group.create_task(finals_of(grpc_client, n)) for n in CLIPS]
    for number, over_socket, over_grpc in zip(CLIPS, spoken_tasks, called_tasks, strict=True):
        assert without_numbers(over_grpc.result()) == without_numbers(over_socket.result())
        text = " ".join(final.text for final in over_grpc.result())
        assert word_errors(references()[number], text) <= 0.25 * len(spoken(references()[number]))


async def test_a_container_may_be_the_first_request(tiny_server: RunningServer):
    client = GrpcStarlingClient(tiny_server.grpc)
    data = clip_path("0880").read_bytes()
    async with client.stream() as session:
        session.feed(pieces(data, 8192))
        streamed = [event.text async for event in session if isinstance(event, Final)]
    transcript = await client.transcribe(data)
    for text in (" ".join(streamed), transcript.text):
        assert word_errors(references()["0880"], text) <= 0.25 * len(spoken(references()["0880"]))


def test_the_command_transcribes_over_grpc(tiny_server: RunningServer):
    over = {}
    for option, address in (("--grpc", tiny_server.grpc), ("--url", tiny_server.url)):
        command = [sys.executable, "-m", "server", "transcribe", str(clip_path("0930"))]
        done = subprocess.run(
            [*command, option, address], capture_output=True, text=True, timeout=120, check=True
        )
        over[option] = done.stdout
    assert spoken(over["--grpc"]) == spoken(over["--url"])
    assert spoken(over["--grpc"])


async def test_sigterm_publishes_what_was_heard_and_the_server_ends():
    with running_server("tiny.en") as server:
        client = GrpcStarlingClient(server.grpc)
        async with client.stream(OPTIONS) as session:
            await session.send(pcm16(clip("0930")))
            events = aiter(session)
            while not isinstance(await anext(events), SpeechStarted):
                pass
            os.kill(server.pid, signal.SIGTERM)
            finals = []

            async def read():
                async for event in events:
                    finals.extend([event.text] if isinstance(event, Final) else [])

            with pytest.raises(StarlingError) as ended:
                await read()
        assert ended.value.code == "going_away"
        assert ended.value.retryable
        assert word_errors(references()["0930"], " ".join(finals)) <= 3
        with pytest.raises(StarlingError) as gone:
            async with client.stream(OPTIONS):
                pass
        assert gone.value.code in ("unreachable", "going_away")


def test_the_command_transcribes_over_tls(tmp_path):
    certificate = self_signed(tmp_path)
    tls = {"grpc_tls_cert": certificate, "grpc_tls_key": tmp_path / "own.key"}
    command = [sys.executable, "-m", "server", "transcribe", str(clip_path("0930")), "--grpc"]
    with running_server("tiny.en", **tls) as server:
        port = server.grpc.rpartition(":")[2]
        trusting = [f"localhost:{port}", "--grpc-ca", str(certificate)]
        done = subprocess.run([*command, *trusting], capture_output=True, text=True, check=False)
        plain = subprocess.run([*command, server.grpc], capture_output=True, text=True, check=False)
    assert word_errors(references()["0930"], done.stdout) <= 3, done.stderr
    assert plain.returncode == 5
    assert plain.stderr.startswith("starling: No Starling server answers")
    no_file = subprocess.run(
        [*command, "localhost:1", "--grpc-ca", "missing.pem"], capture_output=True, check=False
    )
    assert no_file.returncode == 3


def start(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "server", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "STARLING_MODEL": "no-such-model", "STARLING_OFFLINE": "1"},
    )


def test_a_taken_port_is_told_in_one_line_before_the_model_is_loaded():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start("--grpc-port", str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--no-grpc" in done.stderr


def test_a_bad_certificate_is_told_before_the_model_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "cert.pem").write_text("no certificate")
    monkeypatch.setenv("STARLING_GRPC_TLS_CERT", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("STARLING_GRPC_TLS_KEY", str(tmp_path / "cert.pem"))
    done = start()
    assert done.returncode == 2
    assert "grpc_tls_cert" in done.stderr
    monkeypatch.delenv("STARLING_GRPC_TLS_KEY")
    assert "both are needed" in start().stderr
