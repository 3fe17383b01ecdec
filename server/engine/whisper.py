"""The shared faster-whisper engine: one model for all sessions.

A batch runs in one go (`batch_runner.py`). What needs more does not hold up its batch: finals that
do not go on from their context come back as `Again`, to be decoded alone, those that look
degenerate, to be repeated on the full window in a batch of retries, and those that leave out speech
at their end, to be gone on with.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel

from server.engine.base import Again, Answer, Later, Why, never
from server.engine.batch_runner import BatchRunner, Outcome, has_timestamps
from server.engine.prompts import MAX_HISTORY_TOKENS
from streaming.continuation import going_on_after, going_on_at
from streaming.effects import DecodeRequest, Purpose
from streaming.options import ModelOffer, Task
from streaming.windows import beam_size, frames_of

RETRY_OPTIONS = {"beam_size": 1, "repetition_penalty": 1.15, "no_repeat_ngram_size": 4}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a model is loaded and run."""

    device: str = "cpu"
    compute_type: str = "int8"
    num_workers: int = 2
    threads_per_worker: int = 1
    final_beam: int = 3


class WhisperEngine:
    """A loaded model; `decode` may run on several threads at once."""

    def __init__(self, name: str, folder: Path, settings: EngineSettings) -> None:
        whisper = WhisperModel(
            str(folder),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads_per_worker,
            num_workers=settings.num_workers,
        )
        self._batches = BatchRunner(whisper)
        self._final_beam = settings.final_beam
        languages = whisper.supported_languages if whisper.model.is_multilingual else ["en"]
        self._offer = ModelOffer(name, frozenset(languages))

    @property
    def offer(self) -> ModelOffer:
        """The model's name and languages."""
        return self._offer

    def batch_key(self, request: DecodeRequest) -> Hashable:
        """Return window length, beam width, prompt length and whether there are timestamps."""
        request = self._fitting(request)
        beam = self._beam_size(request)
        return (
            frames_of(request),
            request.is_retry,
            beam,
            has_timestamps(request, beam),
            len(self._batches.prompts.history(request)),
        )

    def warm_up(self) -> None:
        """Run once on a second of silence."""
        silence = np.zeros(16_000, dtype=np.float32)
        request = DecodeRequest(
            0,
            Purpose.INTERIM,
            silence,
            0,
            None,
            Task.TRANSCRIBE,
            words=True,
            prompt="",
            keyterms=(),
        )
        self._batches.run([request], {"beam_size": 1})

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        """Transcribe requests that share a batch key; one row's failure is its own.

        On a CPU, where rows are encoded one by one, those that are not encoded by the time
        `must_hurry` says so are left for later.
        """
        requests = [self._fitting(request) for request in requests]
        try:
            outcomes = self._run(requests, must_hurry)
        except Exception as error:  # noqa: BLE001 # a poisoned row must not harm its batch
            if len(requests) == 1:
                return [error]
            return [self.decode([request])[0] for request in requests]
        done = [
            self._complete(request, outcome)
            for request, outcome in zip(requests, outcomes, strict=False)
        ]
        return [*done, *(Later() for _ in requests[len(done) :])]

    def _fitting(self, request: DecodeRequest) -> DecodeRequest:
        """Return the request, without its context where there is no place for it.

        Forced words share the decoder's positions with the prompt, and have no timestamps, which a
        greedy final needs to be continued where it stops early.
        """
        if not request.context:
            return request
        prompts = self._batches.prompts
        num_given = len(prompts.history(request)) + len(prompts.context(request))
        has_place = num_given <= MAX_HISTORY_TOKENS
        is_greedy_final = request.purpose.has_beam and self._beam_size(request) == 1
        return request if has_place and not is_greedy_final else request.without_context()

    def _run(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool]
    ) -> list[Outcome]:
        first = requests[0]
        options = RETRY_OPTIONS if first.is_retry else {"beam_size": self._beam_size(first)}
        return self._batches.run(requests, options, must_hurry)

    def _beam_size(self, request: DecodeRequest) -> int:
        if request.is_retry:
            return 1
        return beam_size(request.purpose, self._final_beam, is_cheap=request.is_cheap)

    def _complete(self, request: DecodeRequest, outcome: Outcome) -> Answer:
        """Ask to repeat a degenerate final, and for the speech that one leaves out at its end."""
        if outcome.hypothesis is None:
            if request.context:
                return Again(request.without_context(), Why.CONTEXT)
            return Again(replace(request, is_retry=True), Why.DEGENERATE)
        rest = going_on_after(outcome.hypothesis.words, request)
        rest = rest or going_on_at(outcome.heard_samples, outcome.hypothesis, request)
        return outcome.hypothesis if rest is None else Again(rest, Why.UNSAID)
