"""The engine and the speech model as the server sees them, on scripted speech."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from server.engine.base import Again, Answer, Later, Why, never
from server.vad.state import VadState
from streaming.continuation import going_on_after
from streaming.effects import DecodeRequest
from streaming.events import Samples
from streaming.options import ModelOffer
from streaming.transcript import Hypothesis
from tests.support import scripted_speech


class ScriptedEngine:
    """An `Engine` that can be made to wait, to raise, or to refuse single rows.

    Requests share a batch when they have the same prompt. A row whose prompt is `poison` gets an
    exception of its own; a prompt of `explode` makes the whole call raise. A batch that must hurry
    does only its first row. While `repeats` is set every first decode is to be done again; while
    `refuses_context` is, every one with context, alone; while `stops_early` is, finals have one
    word, and go on from it.
    """

    def __init__(self) -> None:
        self.batches: list[list[DecodeRequest]] = []
        self.repeats = False
        self.refuses_context = False
        self.stops_early = False
        self._gate = threading.Condition()
        self._is_paused = False
        self._num_passes = 0
        self._started = threading.Semaphore(0)

    @property
    def offer(self) -> ModelOffer:
        return ModelOffer("tiny.en", frozenset({"en"}))

    def batch_key(self, request: DecodeRequest) -> Hashable:
        return request.prompt

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        self.batches.append(list(requests))
        self._started.release()
        self._wait_at_gate()
        if any(request.prompt == "explode" for request in requests):
            raise MemoryError("no room for the batch")
        if self.repeats and not requests[0].is_retry:
            return [Again(replace(request, is_retry=True), Why.DEGENERATE) for request in requests]
        if self.refuses_context and requests[0].context:
            return [Again(request.without_context(), Why.CONTEXT) for request in requests]
        if self.stops_early and not requests[0].said:
            return [_beginning(request) for request in requests]
        if must_hurry():
            return [_answer(requests[0]), *(Later() for _ in requests[1:])]
        return [_answer(request) for request in requests]

    def warm_up(self) -> None:
        pass

    def pause(self) -> None:
        """Let batches start but not end."""
        self._is_paused = True

    def resume(self) -> None:
        with self._gate:
            self._is_paused = False
            self._gate.notify_all()

    def let_one_end(self) -> None:
        """While paused: let one batch end."""
        with self._gate:
            self._num_passes += 1
            self._gate.notify()

    def _wait_at_gate(self) -> None:
        with self._gate:
            self._gate.wait_for(lambda: not self._is_paused or self._num_passes > 0)
            if self._is_paused:
                self._num_passes -= 1

    def wait_for_start(self) -> None:
        """Block until one more batch has started."""
        self._started.acquire()


def _beginning(request: DecodeRequest) -> Answer:
    heard = scripted_speech.transcribe(request)
    rest = going_on_after(heard.words[:1], request)
    return heard if rest is None else Again(rest, Why.UNSAID)


def _answer(request: DecodeRequest) -> Hypothesis | Exception:
    if request.prompt == "poison":
        return ValueError("poisoned row")
    return scripted_speech.transcribe(request)


class ScriptedVad:
    """A `SpeechModel`: loud is speech. Raises while `is_broken`."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []
        self.is_broken = False

    def score(self, work: Sequence[tuple[VadState, Samples]]) -> list[list[float]]:
        self.batch_sizes.append(len(work))
        if self.is_broken:
            raise RuntimeError("the graph is broken")
        return [scripted_speech.score(samples) for _, samples in work]
