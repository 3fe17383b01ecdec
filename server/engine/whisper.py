"""The shared faster-whisper engine: one model, real batches of unlike rows.

Rows of a batch share a window length and a prompt length, nothing else: language, task, prompt
text, word times and purpose are each row's own. A batch is encoded once; languages that are not
known are detected from the encoder's output; all rows are generated in one call; words are aligned
on the same encoder output. Finals that look degenerate are repeated alone on the full window, and
finals whose timestamps end well before their speech are continued from there.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_suppressed_tokens

from server.engine.base import BatchReport
from server.engine.prompts import PromptBuilder
from server.engine.words import TimedPiece, plain_words, timed_words
from streaming.effects import DecodeRequest, Purpose
from streaming.guards import DecodeSignals, Verdict, judge, judge_retry
from streaming.options import ModelOffer, Task
from streaming.transcript import Hypothesis
from streaming.windows import (
    FULL_FRAMES,
    MIN_UNHEARD_SAMPLES,
    TIMESTAMP_SAMPLES,
    max_new_tokens,
    wants_timestamps,
    window_frames,
)

RETRY_OPTIONS = {"repetition_penalty": 1.15, "no_repeat_ngram_size": 4}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a model is loaded and run."""

    device: str = "cpu"
    compute_type: str = "int8"
    num_workers: int = 2
    threads_per_worker: int = 1


@dataclass(slots=True)
class _Row:
    """One request on its way through a batch."""

    request: DecodeRequest
    language: str
    language_probability: float = 1.0
    tokens: list[int] | None = None
    text: str = ""
    avg_logprob: float = 0.0
    no_speech_probability: float = 0.0
    has_hit_token_cap: bool = False
    heard_samples: int = 0

    @property
    def signals(self) -> DecodeSignals:
        return DecodeSignals(
            self.text, self.avg_logprob, self.no_speech_probability, self.has_hit_token_cap
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A row's answer, and how much of its audio the decoder says it covered."""

    hypothesis: Hypothesis | None
    heard_samples: int


class WhisperEngine:
    """A loaded model; `decode` may run on several threads at once."""

    def __init__(self, name: str, folder: Path, settings: EngineSettings) -> None:
        self._whisper = WhisperModel(
            str(folder),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads_per_worker,
            num_workers=settings.num_workers,
        )
        self._model: ctranslate2.models.Whisper = self._whisper.model
        is_multilingual = self._model.is_multilingual
        languages = self._whisper.supported_languages if is_multilingual else ["en"]
        self._offer = ModelOffer(name, frozenset(languages))
        self._prompts = PromptBuilder(self._whisper.hf_tokenizer, is_multilingual=is_multilingual)
        tokenizer = self._prompts.tokenizer("en", str(Task.TRANSCRIBE))
        self._suppressed = list(get_suppressed_tokens(tokenizer, [-1]) or ())

    @property
    def offer(self) -> ModelOffer:
        """The model's name and languages."""
        return self._offer

    def batch_key(self, request: DecodeRequest) -> Hashable:
        """Return the window length in frames and the prompt length in tokens."""
        history = self._prompts.history(request.prompt, request.keyterms)
        num_samples = len(request.audio)
        return window_frames(num_samples), len(history), wants_timestamps(num_samples)

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
        self._run([request], window_frames(len(silence)), {})

    def decode(self, requests: Sequence[DecodeRequest]) -> BatchReport:
        """Transcribe requests that share a batch key; one row's failure is its own."""
        frames = window_frames(max(len(request.audio) for request in requests))
        try:
            outcomes = self._run(requests, frames, {})
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

    def _complete(self, request: DecodeRequest, outcome: _Outcome) -> Hypothesis | Exception:
        """Repeat a degenerate final, and go on where one stopped early."""
        try:
            if outcome.hypothesis is None:
                outcome = self._run([request], FULL_FRAMES, RETRY_OPTIONS)[0]
            hypothesis = outcome.hypothesis
            if hypothesis is None:
                raise AssertionError("a retry is judged, not repeated")
            unheard = len(request.audio) - outcome.heard_samples
            has_stalled = outcome.heard_samples < MIN_UNHEARD_SAMPLES
            if request.purpose is not Purpose.FINAL or unheard < MIN_UNHEARD_SAMPLES or has_stalled:
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

    def _run(
        self, requests: Sequence[DecodeRequest], frames: int, retry_options: dict[str, Any]
    ) -> list[_Outcome]:
        """Return an outcome a row, without hypothesis where the row should be repeated."""
        is_retry = bool(retry_options)
        encoded = self._model.encode(self._features(requests, frames))
        rows = [_Row(request, request.language or "en") for request in requests]
        self._detect_languages(rows, encoded)
        self._generate(rows, encoded, retry_options)
        verdicts = [judge_retry(row.signals) if is_retry else judge(row.signals) for row in rows]
        accepted = [
            (index, row)
            for index, row in enumerate(rows)
            if verdicts[index] is Verdict.ACCEPT and row.request.words and row.tokens
        ]
        pieces = self._align(accepted, encoded)
        return [
            _Outcome(self._hypothesis(row, verdict, pieces.get(index)), row.heard_samples)
            for index, (row, verdict) in enumerate(zip(rows, verdicts, strict=True))
        ]

    def _features(self, requests: Sequence[DecodeRequest], frames: int) -> ctranslate2.StorageView:
        extractor = self._whisper.feature_extractor
        # Padding is 0.0 in normalised log-mel, as in OpenAI's pad_or_trim.
        batch = np.zeros((len(requests), extractor.mel_filters.shape[0], frames), dtype=np.float32)
        for row, request in enumerate(requests):
            mel: npt.NDArray[np.float32] = extractor(request.audio)
            width = min(mel.shape[1], frames)
            batch[row, :, :width] = mel[:, :width]
        return ctranslate2.StorageView.from_array(batch)

    def _detect_languages(self, rows: list[_Row], encoded: ctranslate2.StorageView) -> None:
        if not self._offer.is_multilingual or all(row.request.language for row in rows):
            return
        for row, ranked in zip(rows, self._model.detect_language(encoded), strict=True):
            if row.request.language is None:
                token, probability = ranked[0]
                row.language, row.language_probability = token[2:-2], float(probability)

    def _generate(
        self, rows: list[_Row], encoded: ctranslate2.StorageView, retry_options: dict[str, Any]
    ) -> None:
        prompts = [self._prompt(row, uses_history=not retry_options) for row in rows]
        cap = max(max_new_tokens(len(row.request.audio)) for row in rows)
        # CTranslate2 allows max_length / 2 new tokens and counts the prompt against the rest.
        max_length = max(2 * cap, cap + max(len(prompt) for prompt in prompts))
        results = self._model.generate(
            encoded,
            prompts,
            beam_size=1,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
            **retry_options,
        )
        for row, result in zip(rows, results, strict=True):
            tokenizer = self._prompts.tokenizer(row.language, str(row.request.task))
            ids = result.sequences_ids[0]
            row.tokens = [token for token in ids if token < tokenizer.eot]
            row.heard_samples = _heard_samples(ids, tokenizer.timestamp_begin, row.request)
            row.text = tokenizer.decode(row.tokens)
            # With length penalty 1 the score is already the mean; the formula adds the end token.
            row.avg_logprob = result.scores[0] * len(row.tokens) / (len(row.tokens) + 1)
            row.no_speech_probability = result.no_speech_prob
            row.has_hit_token_cap = len(ids) >= max_new_tokens(len(row.request.audio))

    def _prompt(self, row: _Row, *, uses_history: bool) -> list[int]:
        request = row.request
        history = self._prompts.history(request.prompt, request.keyterms) if uses_history else []
        return self._prompts.build(
            row.language,
            str(request.task),
            history,
            timestamps=wants_timestamps(len(request.audio)),
        )

    def _align(
        self, accepted: list[tuple[int, _Row]], encoded: ctranslate2.StorageView
    ) -> dict[int, list[TimedPiece]]:
        """Return aligned pieces by row index; one call per language and task among the rows."""
        groups: dict[tuple[str, str], list[tuple[int, _Row]]] = {}
        for index, row in accepted:
            groups.setdefault((row.language, str(row.request.task)), []).append((index, row))
        pieces: dict[int, list[TimedPiece]] = {}
        for (language, task), members in groups.items():
            chosen = _select_rows(encoded, [index for index, _ in members])
            aligned = self._whisper.find_alignment(
                self._prompts.tokenizer(language, task),
                [row.tokens for _, row in members],
                chosen,
                [max(2, len(row.request.audio) // 160) for _, row in members],
            )
            pieces |= {index: found for (index, _), found in zip(members, aligned, strict=True)}
        return pieces

    def _hypothesis(
        self, row: _Row, verdict: Verdict, pieces: list[TimedPiece] | None
    ) -> Hypothesis | None:
        request = row.request
        if verdict is Verdict.RETRY and request.purpose is Purpose.FINAL:
            return None
        is_degenerate = verdict is not Verdict.ACCEPT
        if pieces is None:
            words = plain_words(row.text, row.language)
        else:
            end_sample = request.start_sample + len(request.audio)
            words = timed_words(row.text, row.language, pieces, (request.start_sample, end_sample))
        return Hypothesis(
            words=() if is_degenerate else words,
            language=row.language,
            language_probability=row.language_probability,
            confidence=exp(min(0.0, row.avg_logprob)),
            is_degenerate=is_degenerate,
        )


def _heard_samples(ids: list[int], timestamp_begin: int, request: DecodeRequest) -> int:
    """Return up to where the last timestamp says the text goes; all of it when there is none."""
    stamps = [token - timestamp_begin for token in ids if token >= timestamp_begin]
    if not stamps or not wants_timestamps(len(request.audio)):
        return len(request.audio)
    return min(len(request.audio), stamps[-1] * TIMESTAMP_SAMPLES)


def _select_rows(encoded: ctranslate2.StorageView, rows: list[int]) -> ctranslate2.StorageView:
    if len(rows) == encoded.shape[0]:
        return encoded
    on_cpu = encoded.to_device(ctranslate2.Device.cpu)
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.array(on_cpu)[rows]))
