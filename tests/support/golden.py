"""Plays written conversations: `>` lines are the client's, `<` lines what the server must say.

The folder under `tests/golden` names the dialect. A client line is a message, `? NAME=VALUE&...`
for the address, or `{"speech": [1, 2], "silence": 0.5}` for audio: numbered words of
`scripted_speech`, then silence. The first line opens the session, as it does on a socket.
`python -m tests.support.golden FILE...` writes the server's lines of a file anew; read the diff.
"""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from server.dialects.base import Dialect
from server.dialects.deepgram import DeepgramDialect
from server.dialects.deepgram_messages import Call
from server.dialects.deepgram_turns import DeepgramTurnsDialect
from server.dialects.native import NativeDialect
from server.dialects.openai_realtime import OpenAIRealtimeDialect
from streaming.effects import DecodeRequest
from streaming.errors import StarlingError
from streaming.events import AudioReceived, Closed, Failed
from streaming.intake import RawAudioIntake
from streaming.options import OptionLimits, OptionRequest, SessionOptions, resolve_options
from streaming.transcript import Hypothesis, Word
from tests.support import scripted_speech
from tests.support.recordings import pcm16
from tests.support.session_harness import ENGLISH, SessionHarness

CALL = Call("request-1", "2026-01-01T00:00:00.000Z", frozenset({"tiny.en"}), "1.0")

DIALECTS: dict[str, Callable[[], Dialect[str | bytes, str]]] = {
    "native": NativeDialect,
    "deepgram": lambda: DeepgramDialect(CALL),
    "deepgram_turns": lambda: DeepgramTurnsDialect(CALL),
    "openai-realtime": lambda: OpenAIRealtimeDialect(
        numbered_ids(), frozenset({"tiny.en"}), frozenset({"en"})
    ),
}
"""A folder under `tests/golden` each."""


def numbered_ids() -> Callable[[str], str]:
    """Return ids that count up, as a dialect wants them injected."""
    numbers = count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


def appended(audio: bytes) -> str:
    """Return the event that OpenAI's clients send audio in."""
    data = base64.b64encode(audio).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": data})


AUDIO_MESSAGES: dict[str, Callable[[bytes], str | bytes]] = {"openai-realtime": appended}
"""How a dialect's audio is sent, where that is not as it is."""

GOLDEN = Path(__file__).parents[1] / "golden"


class GoldenPlayer:
    """The server's side of one conversation; audio is 16-bit."""

    def __init__(
        self,
        dialect: Dialect[str | bytes, str],
        audio_message: Callable[[bytes], str | bytes] = bytes,
    ) -> None:
        self._dialect = dialect
        self._audio_message = audio_message
        self._harness: SessionHarness | None = None
        self._intake: RawAudioIntake | None = None
        self._num_said = 0

    def answer(self, line: str) -> list[dict[str, Any]]:
        """Return what the server says to one line of the client."""
        if line.startswith("? "):
            query = parse_qs(line[2:], keep_blank_values=True)
            return self._open(lambda: self._dialect.options_from_query(query))
        message = self._message(line)
        if self._harness is None:
            return self._open(lambda: self._dialect.open(message, OptionRequest()))
        try:
            events = self._dialect.decode(message)
        except StarlingError as error:
            self._harness.perform(self._harness.session.fail(error))
            return self._said(self._harness)
        for event in events:
            if isinstance(event, AudioReceived):
                assert self._intake is not None
                audio = self._intake.feed(event.data)
                self._harness.perform(self._harness.session.on_audio(audio, 0.0))
            else:
                self._harness.control(event)
        return self._said(self._harness)

    def _open(self, ask: Callable[[], OptionRequest | None]) -> list[dict[str, Any]]:
        try:
            request = ask()
            assert request is not None
            options = resolve_options(request, SessionOptions(), (ENGLISH,), OptionLimits())
        except StarlingError as error:
            refusal = [Failed(error), Closed(str(error.code), 0, 0, 0, 0)]
            return [m for seq, e in enumerate(refusal, start=1) for m in self._encode(seq, e)]
        self._harness = SessionHarness(options)
        self._harness.engine = _transcribe
        self._intake = RawAudioIntake(options.audio)
        return self._said(self._harness)

    def _said(self, harness: SessionHarness) -> list[dict[str, Any]]:
        fresh = harness.emitted[self._num_said :]
        self._num_said = len(harness.emitted)
        return [message for emit in fresh for message in self._encode(emit.seq, emit.event)]

    def _message(self, line: str) -> str | bytes:
        try:
            told = json.loads(line)
        except ValueError:
            return line
        if isinstance(told, dict) and told.keys() <= {"speech", "silence"} and told:
            return self._audio_message(pcm16(_audio(**told)))
        return line

    def _encode(self, seq: int, event: Any) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self._dialect.encode(seq, event)]


def player(path: Path) -> GoldenPlayer:
    """Return a player in the dialect of the file's folder."""
    name = path.parent.name
    return GoldenPlayer(DIALECTS[name](), AUDIO_MESSAGES.get(name, bytes))


def _audio(speech: list[Any] | None = None, silence: float = 0.0) -> np.ndarray:
    """Return one channel, or two interleaved when `speech` holds two lists."""
    parts = speech or []
    if parts and isinstance(parts[0], list):
        sides = [scripted_speech.speech(side) for side in parts]
        length = max(map(len, sides)) + int(silence * 16_000)
        return np.stack([np.pad(side, (0, length - len(side))) for side in sides], axis=1).ravel()
    return np.concatenate([scripted_speech.speech(parts), scripted_speech.silence(silence)])


def _transcribe(request: DecodeRequest) -> Hypothesis:
    """Return the scripted words, with times only if they were asked for, as the engine does."""
    heard = scripted_speech.transcribe(request)
    if request.has_times:
        return heard
    return replace(heard, words=tuple(Word(word.text) for word in heard.words))


def turns(path: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the client's lines of a file, each with the messages that must answer it."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            found.append((line[2:], []))
        elif line.startswith("< "):
            found[-1][1].append(json.loads(line[2:]))
    return found


def write_anew(path: Path) -> None:
    server = player(path)
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("< "):
            continue
        lines.append(line)
        if line.startswith("> "):
            lines += [f"< {json.dumps(said)}" for said in server.answer(line[2:])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_anew(Path(name))
