"""Drives a Session by performing its effects in order and answering at once, without a clock."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from streaming.effects import (
    Close,
    Decode,
    Effect,
    Emit,
    Purpose,
    ScoreSpeech,
    WithdrawDecode,
)
from streaming.events import (
    EndReason,
    Final,
    Interim,
    Samples,
    ServerEvent,
    StopRequested,
    UtteranceEnded,
)
from streaming.options import AudioFormat, Encoding, ModelOffer, OptionLimits, SessionOptions
from streaming.overload import Load
from streaming.session import ControlEvent, Session
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import join_words
from tests.support import scripted_speech

EventT = TypeVar("EventT")

RAW_16K = AudioFormat(Encoding.PCM_S16LE, 16_000, 1)
ENGLISH = ModelOffer("tiny.en", frozenset({"en"}))
MULTILINGUAL = ModelOffer("base", frozenset({"de", "en"}))
DEFAULTS = SessionOptions(audio=RAW_16K, model="tiny.en", language="en")


class SessionHarness:
    """A session whose scorer and engine answer at once, or when told (`holds_decodes`)."""

    def __init__(
        self,
        options: SessionOptions = DEFAULTS,
        limits: SessionLimits | None = None,
        *,
        holds_decodes: bool = False,
        plan: SessionPlan | None = None,
    ) -> None:
        plan = plan or SessionPlan(
            "s1", options, ENGLISH, OptionLimits(), limits or SessionLimits(), SpeechPolicy()
        )
        self.session = Session(plan, now=0.0)
        self.engine: scripted_speech.Engine = scripted_speech.transcribe
        self.holds_decodes = holds_decodes
        self.held: list[Decode] = []
        self.withdrawn: set[int] = set()
        self.emitted: list[Emit] = []
        self.is_closed = False
        self._answers: deque[Callable[[], list[Effect]]] = deque()
        self._is_answering = False
        self.perform(self.session.start())

    @property
    def events(self) -> list[ServerEvent]:
        return [emit.event for emit in self.emitted]

    def of(self, kind: type[EventT]) -> list[EventT]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def finals(self) -> list[Final]:
        return self.of(Final)

    @property
    def interims(self) -> list[Interim]:
        return self.of(Interim)

    @property
    def text(self) -> str:
        return " ".join(join_words(final.words) for final in self.finals)

    def send(self, audio: Samples, *cuts: int, now: float = 0.0) -> None:
        """Send mono audio split at these samples."""
        for part in np.split(audio, sorted(cuts)):
            self.perform(self.session.on_audio(part[np.newaxis, :], now))

    def control(self, event: ControlEvent, now: float = 0.0) -> None:
        self.perform(self.session.on_control(event, now))

    def stop(self) -> None:
        self.control(StopRequested())

    def release(self, index: int = 0, *, has_begun: bool = False) -> None:
        """Answer one held decode; one that was withdrawn only if it had begun by then."""
        request = self.held.pop(index).request
        if has_begun or request.id not in self.withdrawn:
            self._answers.append(lambda: self.session.on_decoded(request.id, self.engine(request)))
            self._answer_all()

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Emit():
                    assert not self.is_closed, "nothing may follow Close"
                    self.emitted.append(effect)
                case ScoreSpeech():
                    self._answers.append(partial(self._score, effect))
                case Decode():
                    self.held.append(effect)
                    if not self.holds_decodes:
                        self.release(len(self.held) - 1)
                case WithdrawDecode():
                    self.withdrawn.add(effect.request_id)
                case Close():
                    self.is_closed = True
        self._answer_all()

    def _score(self, effect: ScoreSpeech) -> list[Effect]:
        return self.session.on_scores(effect.channel, scripted_speech.score(effect.audio))

    def _answer_all(self) -> None:
        """Answer in turn; as in the shell, no answer comes while effects are being performed."""
        if self._is_answering:
            return
        self._is_answering = True
        while self._answers:
            self.perform(self._answers.popleft()())
        self._is_answering = False


class RecordingHarness(SessionHarness):
    """A harness that remembers what the engine was asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.asked: list[Decode] = []
        super().__init__(*args, **kwargs)

    def perform(self, effects: list[Effect]) -> None:
        self.asked += [effect for effect in effects if isinstance(effect, Decode)]
        super().perform(effects)

    def decodes(self, purpose: Purpose) -> list[Decode]:
        return [decode for decode in self.asked if decode.request.purpose is purpose]

    @property
    def reasons(self) -> list[EndReason]:
        return [event.reason for event in self.of(UtteranceEnded)]


def heard(audio: Samples, options: SessionOptions | None = None, **kwargs: Any) -> RecordingHarness:
    """Return a harness that was sent this audio in pieces of about 0.1 s."""
    harness = RecordingHarness(options or with_options(), **kwargs)
    for part in np.array_split(audio, max(1, len(audio) // 1_600)):
        harness.send(part)
    return harness


def busy(load: Load, **changes: object) -> RecordingHarness:
    """Return a harness on a server this busy."""
    harness = RecordingHarness(with_options(**changes))
    harness.perform(harness.session.set_load(load))
    return harness


def say(harness: SessionHarness, *parts: list[int] | float) -> None:
    """Send what `said` makes of it in pieces of about 0.1 s."""
    audio = scripted_speech.said(*parts)
    for part in np.array_split(audio, max(1, len(audio) // 1_600)):
        harness.send(part)


def with_options(**changes: object) -> SessionOptions:
    """Return the default options with changes."""
    return replace(DEFAULTS, **changes)  # type: ignore[arg-type]
