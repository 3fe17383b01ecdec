"""Plays written conversations: `>` lines are the client's, `<` lines what the server must say.

A client line is a message, or `{"speech": [1, 2], "silence": 0.5}` for audio: numbered words of
`scripted_speech`, then silence. The first line opens the session, as it does on a socket.
`python -m tests.support.golden FILE...` writes the server's lines of a file anew; read the diff.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from server.dialects.base import Dialect
from server.dialects.native import NativeDialect
from streaming.effects import DecodeRequest
from streaming.errors import StarlingError
from streaming.events import AudioReceived, Closed, Failed
from streaming.intake import RawAudioIntake
from streaming.options import OptionLimits, OptionRequest, SessionOptions, resolve_options
from streaming.transcript import Hypothesis, Word
from tests.support import scripted_speech
from tests.support.recordings import pcm16
from tests.support.session_harness import ENGLISH, SessionHarness


class GoldenPlayer:
    """The server's side of one conversation; audio is 16-bit."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._harness: SessionHarness | None = None
        self._intake: RawAudioIntake | None = None
        self._num_said = 0

    def answer(self, line: str) -> list[dict[str, Any]]:
        """Return what the server says to one line of the client."""
        told = json.loads(line)
        message: str | bytes = line
        if isinstance(told, dict) and told.keys() <= {"speech", "silence"}:
            message = pcm16(_audio(**told))
        if self._harness is None:
            return self._open(message)
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

    def _open(self, message: str | bytes) -> list[dict[str, Any]]:
        try:
            request = self._dialect.open(message, OptionRequest())
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

    def _encode(self, seq: int, event: Any) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self._dialect.encode(seq, event)]


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
    if request.words:
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
    player = GoldenPlayer(NativeDialect())
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("< "):
            continue
        lines.append(line)
        if line.startswith("> "):
            lines += [f"< {json.dumps(said)}" for said in player.answer(line[2:])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_anew(Path(name))
