"""The real server on an engine that takes as long as a measured one.

`python -m tests.benchmarks.modelled_server` tells its address; then
`starling loadtest RECORDINGS --url ADDRESS` against it. For rules of scheduling, whose effect on a
busy or slow machine drowns in noise: a batch occupies its worker for the time below and uses no
core. Its words are made up, one each 0.35 s. `/benchmark` tells since the last time it was asked:
`busy`, the share of the workers' time that batches took, `of_best`, what the same rows take in
batches of eight, as a share of the workers' time, and the mean rows of a batch with and without a
beam.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.app import Models, build_factory
from server.engine.base import Again, Answer, Later, Why, never
from server.loading import MAX_INTERIMS, max_batch_frames
from server.logs import configure_logs
from server.models.silero import silero_onnx_path
from server.settings import Settings
from server.vad.silero import SileroVad
from streaming.effects import DecodeRequest, Purpose
from streaming.options import TARGET_RATE_HZ, ModelOffer
from streaming.transcript import Hypothesis, Word
from streaming.windows import encoded_frames_of, frames_of
from tests.benchmarks.front_end_server import LagWatch, serve_with

NUM_WORKERS = 2
WORD_SAMPLES = 5_600
BEST_BATCH = 8

ENCODED_FRAMES = (768, 1000, 1250, 1500, 1750, 2000, 2500, 3000)


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds that tiny.en takes a worker of one thread while the other is busy too.

    `encode_s` is for `ENCODED_FRAMES`: attention grows with its square. `with_beam` and
    `without_beam` are of 25 steps, for a batch, and for each of its rows; a row has some `steps`,
    and so many more for each second of its audio.
    """

    encode_s: tuple[float, ...]
    with_beam: tuple[float, float]
    without_beam: tuple[float, float]
    align_s: float
    steps: tuple[float, float]
    max_batch: int


COSTS = {
    "intel": Costs(
        encode_s=(0.024, 0.036, 0.049, 0.065, 0.089, 0.114, 0.228, 0.305),
        with_beam=(0.024, 0.026),
        without_beam=(0.016, 0.012),
        align_s=0.012,
        steps=(6, 4.5),
        max_batch=4,
    ),
    "amd": Costs(
        encode_s=(0.044, 0.064, 0.088, 0.109, 0.130, 0.159, 0.280, 0.378),
        with_beam=(0.090, 0.052),
        without_beam=(0.075, 0.038),
        align_s=0.020,
        steps=(4, 3.2),
        max_batch=8,
    ),
}
"""Intel's from docs/performance.md, "Batches on two cores"; AMD's from 64 voices at load."""

LONG_SAMPLES = 8 * TARGET_RATE_HZ
LONG_FINALS_A_RETRY = 12
"""One of so many finals this long is degenerate and decoded again: 17 of 450 with 64 voices."""


@dataclass
class Spent:
    """Seconds of workers' time, and rows of batches by kind."""

    busy_s: float = 0.0
    best_s: float = 0.0
    rows: dict[str, list[int]] = field(default_factory=dict)


class ModelledEngine:
    """Takes its time and makes words up; `slower` times as long as measured."""

    def __init__(self, costs: Costs, slower: float) -> None:
        self._costs = costs
        self._slower = slower
        self.spent = Spent()

    @property
    def offer(self) -> ModelOffer:
        return ModelOffer("modelled", frozenset({"en"}))

    def batch_key(self, request: DecodeRequest) -> tuple[int, bool, bool, bool]:
        has_beam, is_cheap = request.purpose.has_beam, request.is_cheap
        return frames_of(request), has_beam, is_cheap, request.is_retry

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        began_at = time.monotonic()
        done: list[DecodeRequest] = []
        for request in requests:
            if done and must_hurry():
                break
            time.sleep(self._slower * self._encode_s(request))
            done.append(request)
        time.sleep(self._slower * (self._decode_s(done) + sum(map(self._align_s, done))))
        self.spent.busy_s += time.monotonic() - began_at
        name = "rows_with_beam" if _has_beam(requests[0]) else "rows_without"
        self.spent.rows.setdefault(name, []).append(len(done))
        self.spent.best_s += self._slower * sum(map(self._best_row_s, done))
        return [*map(_answer, done), *(Later() for _ in requests[len(done) :])]

    def warm_up(self) -> None:
        pass

    def _encode_s(self, row: DecodeRequest) -> float:
        return float(np.interp(encoded_frames_of(row), ENCODED_FRAMES, self._costs.encode_s))

    def _decode_s(self, rows: Sequence[DecodeRequest]) -> float:
        least, per_s = self._costs.steps
        steps = [least + per_s * len(row.audio) / TARGET_RATE_HZ for row in rows]
        has_beam = _has_beam(rows[0])
        batch_s, row_s = self._costs.with_beam if has_beam else self._costs.without_beam
        # A row that has ended leaves the batch, which goes on with the others.
        return (batch_s * max(steps) + row_s * sum(steps)) / 25

    def _align_s(self, row: DecodeRequest) -> float:
        return self._costs.align_s * row.has_times

    def _best_row_s(self, row: DecodeRequest) -> float:
        decode_s = self._decode_s([row] * BEST_BATCH) / BEST_BATCH
        return self._encode_s(row) + decode_s + self._align_s(row)


def _has_beam(request: DecodeRequest) -> bool:
    return request.purpose.has_beam and not request.is_retry


def _answer(request: DecodeRequest) -> Answer:
    is_long = request.purpose is Purpose.FINAL and len(request.audio) >= LONG_SAMPLES
    if is_long and not request.is_retry and request.end_sample % LONG_FINALS_A_RETRY == 0:
        return Again(replace(request, is_retry=True), Why.DEGENERATE)
    first = math.ceil((request.start_sample + request.num_context_samples) / WORD_SAMPLES)
    last = (request.end_sample - WORD_SAMPLES // 2) // WORD_SAMPLES
    words = []
    for number in range(first, last):
        start = number * WORD_SAMPLES
        times = (start, start + WORD_SAMPLES * 9 // 10) if request.words else (None, None)
        words.append(Word(f" word{number}", *times, 0.9))
    return Hypothesis(
        request.said + tuple(words), "en", 1.0, 0.9, is_degenerate=not (words or request.said)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processor", choices=COSTS, default="intel", help="whose costs")
    parser.add_argument("--slower", type=float, default=1.0, help="a machine so much slower")
    parser.add_argument("--max-batch", type=int, help="rows a batch; by the processor if left out")
    arguments = parser.parse_args()
    costs = COSTS[arguments.processor]
    engine = ModelledEngine(costs, arguments.slower)
    settings = Settings(port=0, log_level="warning")
    configure_logs(settings.log_level, settings.log_format)
    vad = SileroVad(silero_onnx_path())
    rows = arguments.max_batch or costs.max_batch
    max_frames = max_batch_frames(rows)
    models = Models(
        engine,
        vad,
        NUM_WORKERS,
        rows,
        max_batch_frames=max_frames,
        max_interims=MAX_INTERIMS["cpu"],
    )
    asked_at = time.monotonic()

    async def benchmark(_: Request) -> JSONResponse:
        nonlocal asked_at
        spent, engine.spent = engine.spent, Spent()
        now, before = time.monotonic(), asked_at
        asked_at = now
        capacity_s = NUM_WORKERS * (now - before)
        told = {"busy": spent.busy_s / capacity_s, "of_best": spent.best_s / capacity_s}
        told |= {name: sum(rows) / len(rows) for name, rows in spent.rows.items()}
        return JSONResponse({name: round(number, 3) for name, number in told.items()})

    route = Route("/benchmark", benchmark)
    serve_with(settings, build_factory(settings, models), route, LagWatch())


if __name__ == "__main__":
    main()
