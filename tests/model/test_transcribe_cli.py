"""The `starling` command with its own server, real weights and real speech."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.model

FIXTURES = Path(__file__).parents[1] / "fixtures"
YOUNG_MAN = FIXTURES / "sense-and-sensibility-01-0880.flac"
COLD_HEARTED = FIXTURES / "sense-and-sensibility-01-0890.flac"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(sys.path),
}


def command(*arguments):
    return [sys.executable, "-m", "server", *map(str, arguments)]


def starling(*arguments, stdin=None):
    return subprocess.run(
        command(*arguments),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
    )


def transcribe(*arguments, stdin=None):
    """What `starling transcribe` put on stdout, using the server of this module."""
    done = starling("transcribe", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def words(text):
    return re.sub(r"[^\w\s]", "", text.lower()).split()


@contextlib.contextmanager
def served(**settings):
    """A server as one started with `starling serve`: its process and its address."""
    server = subprocess.Popen(
        command("serve", "--port", "0", "--announce", "json", "--model", "tiny.en"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, **settings},
    )
    try:
        announcement = next(line for line in server.stdout if b'"listening"' in line)
        yield server, json.loads(announcement)["url"]
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture(scope="module")
def url():
    """The address of a server that the commands share."""
    with served() as (_, address):
        yield address


def test_a_file_is_transcribed_by_a_server_of_its_own():
    text = transcribe(YOUNG_MAN, "--model", "tiny.en")

    assert text.startswith("He was not an")
    assert text.endswith("young man.\n")


def test_stdin_gives_the_same_text_as_the_file(url):
    assert transcribe("-", "--url", url, stdin=YOUNG_MAN.read_bytes()) == transcribe(
        YOUNG_MAN, "--url", url
    )


def test_a_video_container_is_decoded_on_the_way(url, tmp_path):
    path = tmp_path / "speech.mp4"
    with av.open(str(YOUNG_MAN)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=16_000)
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))

    assert "young man" in transcribe(path, "--url", url)


def test_real_time_gives_the_same_text(url):
    assert words(transcribe(YOUNG_MAN, "--url", url, "--realtime")) == words(
        transcribe(YOUNG_MAN, "--url", url)
    )


def test_json_has_words_inside_the_audio(url):
    document = json.loads(transcribe(YOUNG_MAN, "--url", url, "--format", "json", "--words"))

    heard = [word for segment in document["segments"] for word in segment["words"]]
    assert words(document["text"]) == words(" ".join(word["word"] for word in heard))
    times = [time for word in heard for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 3.0


@pytest.mark.parametrize(("format_", "first_line"), [("srt", "1"), ("vtt", "WEBVTT")])
def test_subtitles_show_what_was_said(url, format_, first_line):
    text = transcribe(YOUNG_MAN, "--url", url, "--format", format_)

    assert text.splitlines()[0] == first_line
    assert "-->" in text
    assert "young man" in text


def test_channels_get_a_transcript_each(url, tmp_path):
    left, right = (np.concatenate(list(decoded(path))) for path in (YOUNG_MAN, COLD_HEARTED))
    stereo = np.zeros((max(len(left), len(right)), 2), "<i2")
    stereo[: len(left), 0] = left
    stereo[: len(right), 1] = right
    path = tmp_path / "call.wav"
    path.write_bytes(wav(stereo))

    lines = transcribe(path, "--url", url, "--channels", "split").splitlines()

    assert any(line.startswith("[1] ") and "young man" in line for line in lines)
    assert any(line.startswith("[2] ") and "selfish" in line for line in lines)


def wav(samples):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((samples.ndim, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def decoded(path):
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            yield frame.to_ndarray()[0]


def test_an_unknown_model_is_told_by_the_server(url):
    done = starling("transcribe", YOUNG_MAN, "--url", url, "--model", "no-such-model")

    assert done.returncode == 8
    assert done.stdout == b""
    assert "tiny.en" in done.stderr.decode()


def test_a_key_is_asked_for_and_taken():
    with served(STARLING_API_KEYS="k-123") as (_, address):
        refused = starling("transcribe", YOUNG_MAN, "--url", address)
        assert refused.returncode == 7
        assert "--api-key" in refused.stderr.decode()
        assert "young man" in transcribe(YOUNG_MAN, "--url", address, "--api-key", "k-123")


def test_a_server_that_dies_is_told_after_the_text_it_gave():
    with (
        served() as (server, address),
        subprocess.Popen(
            command("transcribe", "-", "--url", address),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        ) as running,
    ):
        running.stdin.write(wav(np.concatenate([*decoded(YOUNG_MAN), np.zeros(48_000, "<i2")])))
        running.stdin.flush()
        assert b"young man" in running.stdout.readline()
        server.kill()
        _, told = running.communicate(timeout=120)

    assert running.returncode == 6
    assert b"still runs" in told


def test_a_local_server_that_cannot_start_says_why():
    done = starling("transcribe", YOUNG_MAN, "--model", "no-such-model")

    assert done.returncode == 9
    assert done.stdout == b""
    assert "no-such-model" in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_command_ends_its_server_ends_too(end):
    with subprocess.Popen(
        command("transcribe", "-", "--model", "tiny.en"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as running:
        # Speech and a pause: the command says what it heard, then waits for more.
        running.stdin.write(wav(np.concatenate([*decoded(YOUNG_MAN), np.zeros(48_000, "<i2")])))
        running.stdin.flush()
        assert b"young man" in running.stdout.readline()
        (server,) = psutil.Process(running.pid).children()
        running.send_signal(end)
        if end == signal.SIGINT:
            running.stdin.close()
        psutil.wait_procs([server], timeout=30)

        assert not server.is_running()


def test_the_demo_captions_its_recording_and_sums_up():
    done = starling("demo", "--model", "tiny.en")

    assert done.returncode == 0, done.stderr.decode()
    assert "young man" in done.stdout.decode()
    assert re.search(r"Final text came [\d.]+ s after the words", done.stderr.decode())
