"""One batch on the model: features, encoding, one generate, alignment where asked for.

Rows of a batch share a window length and a prompt length, nothing else: language, task, prompt
text, context and word times are each row's own. Languages that are not known are detected from the
encoder's output, and words are aligned on it. A row's context is forced on the decoder, CTranslate2
gives it back with the answer, and it is cut off here.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_suppressed_tokens

from server.engine.base import never
from server.engine.encoded import FRAMES_A_PLACE, EncodedRows, Window, side_by_side
from server.engine.prompts import PromptBuilder
from server.engine.rows import Row
from server.engine.words import TimedPiece, pieces_after
from streaming.effects import DecodeRequest
from streaming.levels import levelled
from streaming.options import Task
from streaming.transcript import Hypothesis
from streaming.windows import (
    TIMESTAMP_SAMPLES,
    encoded_frames_of,
    frames_of,
    max_new_tokens,
    wants_timestamps,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row's answer, and how much of its audio the decoder says it covered."""

    hypothesis: Hypothesis | None
    heard_samples: int


class BatchRunner:
    """Runs batches on one loaded model; `run` may be called from several threads at once."""

    def __init__(self, whisper: WhisperModel) -> None:
        self._whisper = whisper
        self._model: ctranslate2.models.Whisper = whisper.model
        self._is_multilingual: bool = self._model.is_multilingual
        self._is_on_cpu = self._model.device == "cpu"
        self.prompts = PromptBuilder(whisper.hf_tokenizer, is_multilingual=self._is_multilingual)
        tokenizer = self.prompts.tokenizer("en", str(Task.TRANSCRIBE))
        self._suppressed = list(get_suppressed_tokens(tokenizer, [-1]) or ())

    def run(
        self,
        requests: Sequence[DecodeRequest],
        options: dict[str, Any],
        must_hurry: Callable[[], bool] = never,
    ) -> list[Outcome]:
        """Return an outcome a row, without hypothesis where the row should be repeated.

        Of fewer rows, from the first on, when `must_hurry` says so before all are encoded.
        """
        encoded = self._encode(requests, must_hurry)
        rows = [Row(request, request.language or "en") for request in requests[: len(encoded)]]
        self._detect_languages(rows, encoded.together)
        self._generate(rows, encoded.together, options)
        timed = [(index, row) for index, row in enumerate(rows) if row.needs_times]
        pieces = self._align(timed, encoded)
        return [
            Outcome(row.hypothesis(pieces.get(index)), row.heard_samples)
            for index, row in enumerate(rows)
        ]

    def _encode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool]
    ) -> EncodedRows:
        """Encode at once on a GPU, row by row on a CPU, whose caches hold one row but not four."""
        frames = frames_of(requests[0])
        if not self._is_on_cpu:
            encoded = self._encode_alike(requests, frames)
            return EncodedRows(encoded, [encoded.shape[1]] * len(requests))
        windows: list[Window] = []
        for request in requests:
            if windows and must_hurry():
                break
            encoded = self._encode_alike([request], encoded_frames_of(request))
            windows.append(np.array(encoded))
        return side_by_side(windows, frames // FRAMES_A_PLACE)

    def _encode_alike(
        self, requests: Sequence[DecodeRequest], frames: int
    ) -> ctranslate2.StorageView:
        """Encode windows of so many frames each."""
        extractor = self._whisper.feature_extractor
        # Padding is 0.0 in normalised log-mel, as in OpenAI's pad_or_trim.
        batch = np.zeros((len(requests), len(extractor.mel_filters), frames), dtype=np.float32)
        for row, request in enumerate(requests):
            mel: npt.NDArray[np.float32] = extractor(levelled(request.audio))[:, :frames]
            batch[row, :, : mel.shape[1]] = mel
        return self._model.encode(ctranslate2.StorageView.from_array(batch))

    def _detect_languages(self, rows: list[Row], encoded: ctranslate2.StorageView) -> None:
        if not self._is_multilingual or all(row.request.language for row in rows):
            return
        for row, ranked in zip(rows, self._model.detect_language(encoded), strict=True):
            if row.request.language is None:
                token, probability = ranked[0]
                row.language, row.language_probability = token[2:-2], float(probability)

    def _generate(
        self,
        rows: list[Row],
        encoded: ctranslate2.StorageView,
        options: dict[str, Any],
    ) -> None:
        beam = options["beam_size"]
        for row in rows:
            row.context_tokens = self.prompts.context(row.request)
        prompts = [self._prompt(row, beam) for row in rows]
        cap = max(
            len(row.context_tokens) + max_new_tokens(row.request.num_own_samples) for row in rows
        )
        # CTranslate2 allows max_length / 2 new tokens and counts the prompt against the rest.
        max_length = max(2 * cap, cap + max(len(prompt) for prompt in prompts))
        results = self._model.generate(
            encoded,
            prompts,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
            **options,
        )
        for row, result in zip(rows, results, strict=True):
            tokenizer = self.prompts.tokenizer(row.language, str(row.request.task))
            ids = result.sequences_ids[0][len(row.context_tokens) :]
            tokens = [token for token in ids if token < tokenizer.eot]
            row.heard_samples = _heard_samples(ids, tokenizer.timestamp_begin, row.request, beam)
            row.take_tokens(tokens, tokenizer.decode)
            # With length penalty 1 the score is already the mean, over the context too, whose
            # tokens are forced and cost nothing; OpenAI's formula counts the end token.
            num_scored = len(row.context_tokens) + len(tokens)
            row.avg_logprob = result.scores[0] * num_scored / (len(tokens) + 1)
            row.no_speech_probability = result.no_speech_prob
            cap = max_new_tokens(row.request.num_own_samples)
            row.has_hit_token_cap = len(ids) >= cap and not row.has_cut_loop

    def _prompt(self, row: Row, beam_size: int) -> list[int]:
        request = row.request
        history = self.prompts.history(request)
        prompt = self.prompts.build(
            row.language,
            str(request.task),
            history,
            timestamps=has_timestamps(request, beam_size),
        )
        return prompt + row.context_tokens

    def _align(
        self, timed: list[tuple[int, Row]], encoded: EncodedRows
    ) -> dict[int, list[TimedPiece]]:
        """Return aligned pieces by row index.

        One call per language and task among the rows on a GPU; one per row on a CPU, where two rows
        together take a quarter to three quarters longer (docs/performance.md).
        """
        groups: dict[Hashable, list[tuple[int, Row]]] = {}
        for index, row in timed:
            group = index if self._is_on_cpu else (row.language, row.request.task)
            groups.setdefault(group, []).append((index, row))
        pieces: dict[int, list[TimedPiece]] = {}
        for members in groups.values():
            chosen = encoded.chosen([index for index, _ in members])
            first = members[0][1]
            aligned = self._whisper.find_alignment(
                self.prompts.tokenizer(first.language, str(first.request.task)),
                [row.context_tokens + row.tokens for _, row in members],
                chosen,
                [max(2, len(row.request.audio) // 160) for _, row in members],
            )
            for (index, row), found in zip(members, aligned, strict=True):
                pieces[index] = pieces_after(
                    found, len(row.context_tokens), row.request.num_context_samples
                )
        return pieces


def has_timestamps(request: DecodeRequest, beam_size: int) -> bool:
    """Say whether Whisper is asked for timestamps; forced words have none, and it loops on them."""
    is_alone = not request.context
    return is_alone and wants_timestamps(len(request.audio), beam_size, request.purpose)


def _heard_samples(
    ids: list[int], timestamp_begin: int, request: DecodeRequest, beam_size: int
) -> int:
    """Return up to where the last timestamp says the text goes; all of it when there is none."""
    stamps = [token - timestamp_begin for token in ids if token >= timestamp_begin]
    if not stamps or not has_timestamps(request, beam_size):
        return len(request.audio)
    return min(len(request.audio), stamps[-1] * TIMESTAMP_SAMPLES)
