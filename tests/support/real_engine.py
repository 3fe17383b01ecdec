"""The Whisper engine with real weights, what tests ask of it and how they read its answers."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from server.engine.base import Again, Answer
from server.engine.whisper import EngineSettings, WhisperEngine
from server.models.progress import LineProgress
from server.models.store import ModelStore, default_cache_dir
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Hypothesis
from tests.support.recordings import clip, references, silence, word_errors

TAIL_S = 0.2
MAX_DECODES = 4
"""Of one request in these tests."""


def engine(name: str, final_beam: int = 3) -> WhisperEngine:
    store = ModelStore(default_cache_dir(os.environ, Path.home()), LineProgress(sys.stderr))
    settings = EngineSettings(num_workers=1, final_beam=final_beam)
    return WhisperEngine(name, store.resolve(name), settings)


def said(*numbers: str, pause_s: float = 0.35) -> np.ndarray:
    """Return the recordings with these numbers one after another, with a short tail."""
    parts = [part for number in numbers for part in (clip(number), silence(pause_s))]
    return np.concatenate([*parts[:-1], silence(TAIL_S)])


def make_request(audio: np.ndarray, **changes: object) -> DecodeRequest:
    plain = DecodeRequest(
        1, Purpose.FINAL, audio, 0, "en", Task.TRANSCRIBE, words=False, prompt="", keyterms=()
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def decoded(engine: WhisperEngine, requests: Sequence[DecodeRequest]) -> list[Hypothesis]:
    keys = {engine.batch_key(each) for each in requests}
    assert len(keys) == 1, "such rows never share a batch"
    return [hypothesis_of(engine, answer) for answer in engine.decode(requests)]


def hypothesis_of(engine: WhisperEngine, answer: Answer) -> Hypothesis:
    """Return an answer, from the last decode where one is not enough."""
    for _ in range(MAX_DECODES):
        if isinstance(answer, Again):
            (answer,) = engine.decode([answer.request])
    assert isinstance(answer, Hypothesis), answer
    return answer


def alone(engine: WhisperEngine, requests: Sequence[DecodeRequest]) -> list[Hypothesis]:
    return [decoded(engine, [each])[0] for each in requests]


def assert_heard(hypothesis: Hypothesis, *numbers: str) -> None:
    reference = " ".join(references()[number] for number in numbers)
    assert word_errors(reference, hypothesis.text) <= len(numbers) * 2, hypothesis.text


def voices(*parts: tuple[str, float], pause_s: float = 0.6) -> np.ndarray:
    """Return recordings one after another, each as loud as its factor says, with a short tail."""
    sounds = [sound for number, gain in parts for sound in (gain * clip(number), silence(pause_s))]
    return np.concatenate([*sounds[:-1], silence(TAIL_S)])
