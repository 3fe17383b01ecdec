"""Every failure of a command is one line with a next step, and an exit code of its own."""

import importlib
import sys

import pytest
from typer.testing import CliRunner

from server.cli.failures import sentence
from server.cli.main import app

pytestmark = pytest.mark.unit

FREE_PORT_URL = "ws://127.0.0.1:1"  # tcpmux: nothing listens there.


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def assert_fails(result, exit_code, *said):
    assert result.exit_code == exit_code
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()[-1:]
    assert line.startswith("starling: ")
    for words in said:
        assert words in line


def test_a_missing_file(tmp_path):
    result = run("transcribe", tmp_path / "no.wav", "--url", FREE_PORT_URL)

    assert_fails(result, 3, "There is no file", "Check the name")


def test_a_file_that_is_no_audio(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear sir,\n" * 100)

    assert_fails(run("transcribe", path, "--url", FREE_PORT_URL), 4, "no audio", "WAV")


def test_a_folder_is_no_audio(tmp_path):
    assert_fails(run("transcribe", tmp_path, "--url", FREE_PORT_URL), 3, "cannot be read")


def test_standard_input_that_is_no_audio():
    result = run("transcribe", "-", "--url", FREE_PORT_URL, input=b"Dear sir,\n" * 100)

    assert_fails(result, 4, "Standard input holds no audio")


def test_a_server_that_is_not_there(recording):
    assert_fails(
        run("transcribe", recording, "--url", FREE_PORT_URL), 5, "127.0.0.1:1", "starling serve"
    )


def test_an_address_that_is_none(recording):
    assert_fails(run("transcribe", recording, "--url", "nonsense"), 2, "no server address")


def test_a_manifest_that_is_not_there(tmp_path):
    assert_fails(run("eval", tmp_path / "no.tsv"), 3, "cannot be read", "columns")


def test_evaluation_without_its_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jiwer", None)

    assert_fails(run("eval", tmp_path / "any.tsv"), 10, "pip install 'starling-stt[eval]'")


def test_a_microphone_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    assert_fails(run("mic", "--url", FREE_PORT_URL), 10, "pip install 'starling-stt[mic]'")


def test_a_microphone_without_portaudio(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    assert_fails(run("mic", "--url", FREE_PORT_URL), 10, "PortAudio", "libportaudio2")


def test_the_version():
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("starling")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("model.bin is cut off", "model.bin is cut off."),
        ("model 'x' is not loaded", "Model 'x' is not loaded."),
        ("Why?", "Why?"),
        ("", ""),
    ],
)
def test_messages_become_sentences(text, shown):
    assert sentence(text) == shown
