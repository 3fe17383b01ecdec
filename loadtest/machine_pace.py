"""How fast the machine is meanwhile: a small, always equal piece of an engine's work, timed.

Cores of shared machines are slower by half from one minute to the next. Two measurements made one
after the other compare once each is taken at its own minute's pace. Pace is CPU time, not waiting
time, so it tells of caches, clocks and neighbours, not of who else wants the cores.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean

import numpy as np

NUM_FRAMES = 300
NUM_TOKENS = 6
"""So much log-mel and text: some 25 ms of tiny.en, half of it encoding and half decoding."""

REST_FACTOR = 25
"""It rests so many times as long as the piece takes, so it costs 4 % of a core."""


@dataclass
class MachinePace:
    """Samples so far: when, monotonic seconds, and the CPU seconds of the piece of work."""

    samples: list[tuple[float, float]] = field(default_factory=list)

    def mean_s(self, from_at: float, to_at: float) -> float | None:
        """Return what the piece took on average between two instants; None if it never ran."""
        taken = [took_s for at, took_s in self.samples if from_at <= at < to_at]
        return fmean(taken) if taken else None


@contextmanager
def pace_kept(model_path: Path) -> Iterator[MachinePace]:
    """Time the piece in a process of its own until the end; `samples` are there after it."""
    pace = MachinePace()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sample, args=(theirs, model_path), daemon=True)
    process.start()
    theirs.close()
    try:
        yield pace
        ours.send(None)
        pace.samples += ours.recv()
    finally:
        ours.close()
        process.terminate()
        process.join()


def at_pace(rate: float, own_s: float | None, others_s: float | None) -> float:
    """Return a rate as it would be at another's pace, or as it is where one is not known."""
    return rate if own_s is None or others_s is None else rate * own_s / others_s


def _sample(connection: Connection, model_path: Path) -> None:
    work = _work(model_path)
    work()  # The first call sets buffers up.
    samples: list[tuple[float, float]] = []
    took_s = 0.0
    while not connection.poll(REST_FACTOR * took_s):
        began_at, used_s = time.monotonic(), time.process_time()
        work()
        took_s = time.process_time() - used_s
        samples.append((began_at, took_s))
    connection.send(samples)


def _work(model_path: Path) -> Callable[[], object]:
    """Return the piece: a window encoded, and always as many tokens, because it may not end."""
    import ctranslate2  # noqa: PLC0415 - only this process needs them
    from tokenizers import Tokenizer  # noqa: PLC0415

    model = ctranslate2.models.Whisper(
        str(model_path), device="cpu", compute_type="int8", intra_threads=1
    )
    tokens = Tokenizer.from_file(str(model_path / "tokenizer.json"))
    sot, end = (tokens.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "endoftext"))
    noise = np.random.default_rng(0).normal(size=(1, model.n_mels, NUM_FRAMES))
    features = ctranslate2.StorageView.from_array(noise.astype(np.float32))
    # CTranslate2 allows max_length / 2 new tokens.
    return lambda: model.generate(
        model.encode(features),
        [[sot]],
        beam_size=1,
        max_length=2 * NUM_TOKENS,
        suppress_tokens=[end],
    )
