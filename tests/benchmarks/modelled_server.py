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

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.app import Models, build_factory
from server.engine.base import Again, Answer, Later, Why, never
from server.loading import max_batch_frames
from server.logs import configure_logs
from server.models.silero import silero_onnx_path
from server.settings import Settings
from server.vad.silero import SileroVad
from streaming.effects import DecodeRequest, Purpose
from streaming.options import TARGET_RATE_HZ, ModelOffer
from streaming.transcript import Hypothesis, Word
from streaming.windows import frames_of
from tests.benchmarks.front_end_server import LagWatch, serve_with

NUM_WORKERS = 2
WORD_SAMPLES = 5_600
BEST_BATCH = 8

ENCODE_S = {
    768: 0.024,
    1000: 0.036,
    1250: 0.049,
    1500: 0.065,
    1750: 0.089,
    2000: 0.114,
    2500: 0.228,
    3000: 0.305,
}
"""By window: attention grows with its square."""

ALIGN_S = 0.012
DECODE_S_25_STEPS = {True: (0.024, 0.026), False: (0.016, 0.012)}
"""With and without a beam: for a batch, and for each of its rows. All for tiny.en on a worker of
one thread while the other is busy too (docs/performance.md, "Batches on two cores")."""

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

    def __init__(self, slower: float) -> None:
        self._slower = slower
        self.spent = Spent()

    @property
    def offer(self) -> ModelOffer:
        return ModelOffer("modelled", frozenset({"en"}))

    def batch_key(self, request: DecodeRequest) -> tuple[int, bool, bool]:
        return frames_of(request), request.purpose.has_beam, request.is_retry

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        began_at = time.monotonic()
        done: list[DecodeRequest] = []
        for request in requests:
            if done and must_hurry():
                break
            time.sleep(self._slower * _encode_s(request))
            done.append(request)
        time.sleep(self._slower * (_decode_s(done) + ALIGN_S * sum(r.words for r in done)))
        self.spent.busy_s += time.monotonic() - began_at
        name = "rows_with_beam" if _has_beam(requests[0]) else "rows_without"
        self.spent.rows.setdefault(name, []).append(len(done))
        self.spent.best_s += self._slower * sum(map(_best_row_s, done))
        return [*map(_answer, done), *(Later() for _ in requests[len(done) :])]

    def warm_up(self) -> None:
        pass


def _has_beam(request: DecodeRequest) -> bool:
    return request.purpose.has_beam and not request.is_retry


def _encode_s(row: DecodeRequest) -> float:
    return ENCODE_S[frames_of(row)]


def _decode_s(rows: Sequence[DecodeRequest]) -> float:
    steps = [6 + 4.5 * len(row.audio) / TARGET_RATE_HZ for row in rows]
    batch_s, row_s = DECODE_S_25_STEPS[_has_beam(rows[0])]
    # A row that has ended leaves the batch, which goes on with the others.
    return (batch_s * max(steps) + row_s * sum(steps)) / 25


def _best_row_s(row: DecodeRequest) -> float:
    return _encode_s(row) + _decode_s([row] * BEST_BATCH) / BEST_BATCH + ALIGN_S * row.words


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
    parser.add_argument("--slower", type=float, default=1.0, help="a machine so much slower")
    parser.add_argument("--max-batch", type=int, default=4, help="rows a batch")
    arguments = parser.parse_args()
    engine = ModelledEngine(arguments.slower)
    settings = Settings(port=0, log_level="warning")
    configure_logs(settings.log_level, settings.log_format)
    vad = SileroVad(silero_onnx_path())
    rows = arguments.max_batch
    max_frames = max_batch_frames(rows)
    models = Models(engine, vad, NUM_WORKERS, rows, max_batch_frames=max_frames)
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
