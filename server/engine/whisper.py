"""The shared faster-whisper engine: one model for all sessions.

A batch runs in one go (`batch_runner.py`). What needs more is done row by row after it: finals
that look degenerate are repeated alone on the full window, and finals whose timestamps end well
before their speech are continued from there.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel

from server.engine.base import BatchReport
from server.engine.batch_runner import BatchRunner, Outcome
from streaming.effects import DecodeRequest, Purpose
from streaming.options import ModelOffer, Task
from streaming.transcript import Hypothesis
from streaming.windows import (
    FULL_FRAMES,
    MIN_UNHEARD_SAMPLES,
    wants_timestamps,
    window_frames,
)

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
        """Return window length, prompt length, whether there are timestamps, and beam width."""
        history = self._batches.prompts.history(request.prompt, request.keyterms)
        num_samples = len(request.audio)
        return (
            window_frames(num_samples),
            len(history),
            wants_timestamps(num_samples),
            self._beam_size(request),
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
        self._batches.run([request], window_frames(len(silence)), {"beam_size": 1})

    def decode(self, requests: Sequence[DecodeRequest]) -> BatchReport:
        """Transcribe requests that share a batch key; one row's failure is its own."""
        frames = window_frames(max(len(request.audio) for request in requests))
        try:
            options = {"beam_size": self._beam_size(requests[0])}
            outcomes = self._batches.run(requests, frames, options)
        except Exception as error:  # noqa: BLE001 # a poisoned row must not harm its batch
            if len(requests) == 1:
                return BatchReport((error,))
            reports = [self.decode([request]) for request in requests]
            return BatchReport(
                tuple(report.answers[0] for report in reports),
                sum(report.num_retries for report in reports),
            )
        answers = [
            self._complete(request, outcome)
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
        return BatchReport(tuple(answers), sum(o.hypothesis is None for o in outcomes))

    def _beam_size(self, request: DecodeRequest) -> int:
        return self._final_beam if request.purpose.is_for_good else 1

    def _complete(self, request: DecodeRequest, outcome: Outcome) -> Hypothesis | Exception:
        """Repeat a degenerate final, and go on where one stopped early."""
        try:
            if outcome.hypothesis is None:
                outcome = self._batches.run([request], FULL_FRAMES, RETRY_OPTIONS, is_retry=True)[0]
            hypothesis = outcome.hypothesis
            assert hypothesis is not None, "a retry is judged, not repeated"
            unheard = len(request.audio) - outcome.heard_samples
            has_stalled = outcome.heard_samples < MIN_UNHEARD_SAMPLES
            if not request.purpose.is_for_good or unheard < MIN_UNHEARD_SAMPLES or has_stalled:
                return hypothesis
            return self._continue(request, hypothesis, outcome.heard_samples)
        except Exception as error:  # noqa: BLE001 # as in decode
            return error

    def _continue(
        self, request: DecodeRequest, before: Hypothesis, heard_samples: int
    ) -> Hypothesis | Exception:
        rest = replace(
            request,
            audio=request.audio[heard_samples:],
            start_sample=request.start_sample + heard_samples,
            language=before.language,
        )
        after = self.decode([rest]).answers[0]
        if isinstance(after, Exception):
            return after
        if after.is_degenerate:
            return before
        num_words = len(before.words) + len(after.words)
        share = len(before.words) / num_words if num_words else 1.0
        return replace(
            before,
            words=before.words + after.words,
            confidence=before.confidence * share + after.confidence * (1 - share),
            is_degenerate=before.is_degenerate and not after.words,
        )
