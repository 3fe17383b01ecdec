"""The raw engine's throughput on the windows a server decoded: what no server can exceed.

CTranslate2 is called directly, in a process of its own and with nothing else around: log-mel
features, encode, generate, on real speech of the same lengths, window sizes, beams and token caps
as the server's decodes had, and the alignment of words where the server's decodes had it. Every way
to spread the cores (many workers of one thread, or one of many) and every batch size is tried for
each kind of window. Then the kinds are mixed as in the server's run, each in its best batches on
the cores spread the better way, and only that counts: the best of ten short tries on a machine
whose speed changes is the luckiest one, too. The mix is decoded in turns with the load, because
such a machine may be half as fast a minute later, and in the proportions of that turn: a faster
machine decodes more interims.
"""

import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtest.recordings import SAMPLE_RATE_HZ

NUM_SPANS = 32
FRAME_SAMPLES = 160

UNTRIED_BATCH_SIZE = 2
"""Of a kind of window so rare that there was none when ways were tried."""


@dataclass(frozen=True)
class WindowKind:
    """Windows that can share a batch; `share` of all, lengths of their audio in seconds.

    `timed_share` of them, 0 to 1, have their words aligned.
    """

    name: str
    share: float
    frames: int
    audio_s: tuple[float, ...]
    max_new_tokens: int
    beam_size: int
    has_timestamps: bool
    timed_share: float = 0.0


@dataclass(frozen=True)
class CeilingJob:
    """Kinds of windows for one model, and speech (16-bit, 16 kHz) to cut them from.

    Each way is tried for `try_s`; one that is clearly worse is given up after one batch.
    """

    model_path: Path
    device: str
    language: str
    kinds: Sequence[WindowKind]
    speech: bytes
    batch_sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    try_s: float = 2.0


class CeilingError(Exception):
    """The measurement broke off; the message says why."""


class BareEngine:
    """A process with the engine alone; `bare_engine` starts and ends it. Its methods block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def choose_ways(self, tell: Callable[[str], None]) -> list[dict[str, Any]]:
        """Find the best way for each kind, which takes minutes; `tell` hears what is tried.

        Raises `CeilingError` when the process breaks.
        """
        while isinstance(told := self._told(), str):
            tell(told)
        return list(told)

    def windows_per_s(self, seconds: float, kinds: Sequence[WindowKind]) -> float:
        """Decode a mix of kinds for so long, once their ways are chosen.

        Raises `CeilingError` when the process breaks.
        """
        with _breaks_told():
            self._connection.send((seconds, kinds))
        return float(self._told())

    def _told(self) -> Any:
        with _breaks_told():
            return self._connection.recv()


@contextmanager
def _breaks_told() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise CeilingError("its process broke; its last words are above") from error


@contextmanager
def bare_engine(job: CeilingJob) -> Iterator[BareEngine]:
    """Start the process, and end it afterwards."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, job), daemon=True)
    process.start()
    theirs.close()
    try:
        yield BareEngine(ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


def mixed_rate(rates: Sequence[tuple[float, float]]) -> float:
    """Return windows per second of a mix, from each kind's share and rate."""
    total = sum(share for share, _ in rates)
    return total / sum(share / rate for share, rate in rates)


def next_kind(shares: Sequence[float], counts: Sequence[int]) -> int:
    """Return the kind that is furthest behind its share of all windows decoded so far."""
    return min(range(len(shares)), key=lambda kind: counts[kind] / shares[kind])


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _measure(connection: Connection, job: CeilingJob) -> None:
    layouts = [(num_cores(), 1), (1, num_cores())] if job.device == "cpu" else [(1, 1), (2, 1)]
    best_rate, best_layout, best_ways = 0.0, layouts[0], list[_Way]()
    for layout in dict.fromkeys(layouts):
        engine = _RawEngine(job, *layout)
        ways = [_best_way(engine, kind, layout, job, connection) for kind in job.kinds]
        rate = mixed_rate([(way.kind.share, way.rate) for way in ways])
        if rate > best_rate:
            best_rate, best_layout, best_ways = rate, layout, ways
    name = _layout_name(best_layout)
    connection.send(
        [
            asdict(way.kind) | {"rate": way.rate, "way": f"{name}, batch {way.batch_size}"}
            for way in best_ways
        ]
    )
    engine = _RawEngine(job, *best_layout)
    batch_sizes = {way.kind.name: way.batch_size for way in best_ways}
    with suppress(EOFError):  # Enough was measured.
        while True:
            seconds, kinds = connection.recv()
            ways = [
                _Way(kind, batch_sizes.get(kind.name, UNTRIED_BATCH_SIZE), 0.0) for kind in kinds
            ]
            connection.send(engine.mixed_windows_per_s(ways, seconds))


@dataclass(frozen=True)
class _Way:
    """The batch size that decoded most windows of a kind, `rate` a second."""

    kind: WindowKind
    batch_size: int
    rate: float


def _best_way(
    engine: "_RawEngine",
    kind: WindowKind,
    layout: tuple[int, int],
    job: CeilingJob,
    connection: Connection,
) -> _Way:
    best = _Way(kind, job.batch_sizes[0], 0.0)
    for batch_size in job.batch_sizes:
        connection.send(f"{kind.name}: {_layout_name(layout)}, batch {batch_size}")
        rate = engine.windows_per_s(kind, batch_size, best.rate)
        if rate > best.rate:
            best = _Way(kind, batch_size, rate)
    return best


def _layout_name(layout: tuple[int, int]) -> str:
    num_workers, num_threads = layout
    return f"{num_workers} x {num_threads} threads"


class _RawEngine:
    """A loaded model and as many Python threads as it has workers."""

    def __init__(self, job: CeilingJob, num_workers: int, num_threads: int) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - only this process needs it
        from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415
        from faster_whisper.transcribe import get_suppressed_tokens  # noqa: PLC0415

        self._model = WhisperModel(
            str(job.model_path),
            device=job.device,
            compute_type="float16" if job.device == "cuda" else "int8",
            cpu_threads=num_threads,
            num_workers=num_workers,
        )
        self._num_workers = num_workers
        self._try_s = job.try_s
        is_multilingual = self._model.model.is_multilingual
        self._tokenizer = Tokenizer(
            self._model.hf_tokenizer, is_multilingual, task="transcribe", language=job.language
        )
        self._suppressed = list(get_suppressed_tokens(self._tokenizer, [-1]) or ())
        self._speech = np.frombuffer(job.speech, dtype="<i2").astype(np.float32) / 32768.0

    def windows_per_s(self, kind: WindowKind, batch_size: int, rate_to_beat: float) -> float:
        """Decode for `try_s` on all workers; one round is enough for half the rate to beat."""
        return self._run([_Way(kind, batch_size, 0.0)], self._try_s, rate_to_beat / 2)

    def mixed_windows_per_s(self, ways: Sequence[_Way], seconds: float) -> float:
        """Decode all kinds as often as their shares say, on all workers, for so long."""
        return self._run([way for way in ways if way.kind.share > 0], seconds, 0.0)

    def _run(self, ways: Sequence[_Way], seconds: float, hopeless_rate: float) -> float:
        spans = [
            list(itertools.islice(_spans(self._speech, way.kind.audio_s), NUM_SPANS))
            for way in ways
        ]
        shares = [way.kind.share for way in ways]
        counts = [0] * len(ways)
        lock = threading.Lock()
        for way, texts in zip(ways, spans, strict=True):
            # Warm: the first call sets buffers up.
            self._decode(way.kind, texts[: way.batch_size], way.batch_size)
        began_at = time.monotonic()

        def work() -> None:
            num_done = 0
            while True:
                with lock:
                    index = next_kind(shares, counts)
                    way, at = ways[index], counts[index]
                    counts[index] += way.batch_size
                batch = [spans[index][(at + row) % NUM_SPANS] for row in range(way.batch_size)]
                self._decode(way.kind, batch, _num_due(way.kind.timed_share, at, way.batch_size))
                num_done += way.batch_size
                spent_s = time.monotonic() - began_at
                is_hopeless = self._num_workers * num_done / spent_s < hopeless_rate
                if spent_s > seconds or is_hopeless:
                    return

        threads = [threading.Thread(target=work) for _ in range(self._num_workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.monotonic() - began_at)

    def _decode(
        self, kind: WindowKind, batch: Sequence[npt.NDArray[np.float32]], num_timed: int
    ) -> None:
        import ctranslate2  # noqa: PLC0415 - only this process needs it

        extractor = self._model.feature_extractor
        features = np.zeros(
            (len(batch), extractor.mel_filters.shape[0], kind.frames), dtype=np.float32
        )
        for row, audio in enumerate(batch):
            mel = extractor(audio)[:, : kind.frames]
            features[row, :, : mel.shape[1]] = mel
        encoded = self._model.model.encode(ctranslate2.StorageView.from_array(features))
        prompt = list(self._tokenizer.sot_sequence)
        if not kind.has_timestamps:
            prompt.append(self._tokenizer.no_timestamps)
        results = self._model.model.generate(
            encoded,
            [prompt] * len(batch),
            beam_size=kind.beam_size,
            # CTranslate2 allows max_length / 2 new tokens and counts the prompt against the rest.
            max_length=max(2 * kind.max_new_tokens, kind.max_new_tokens + len(prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )
        if num_timed:
            texts = [result.sequences_ids[0] for result in results[:num_timed]]
            num_frames = [len(audio) // FRAME_SAMPLES for audio in batch[:num_timed]]
            self._align(encoded, texts, num_frames)

    def _align(self, encoded: Any, texts: list[list[int]], num_frames: list[int]) -> None:
        """Align the words of the first rows; on a CPU one by one, which is faster there."""
        import ctranslate2  # noqa: PLC0415 - only this process needs it

        on_cpu = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
        step = 1 if self._model.model.device == "cpu" else len(texts)
        eot = self._tokenizer.eot
        for at in range(0, len(texts), step):
            rows = slice(at, at + step)
            is_all = len(texts[rows]) == len(on_cpu)
            self._model.model.align(
                encoded if is_all else ctranslate2.StorageView.from_array(on_cpu[rows]),
                self._tokenizer.sot_sequence,
                [[token for token in text if token < eot] for text in texts[rows]],
                num_frames[rows],
                median_filter_width=7,
            )


def _num_due(share: float, num_before: int, num_rows: int) -> int:
    """Return how many of the next rows are due, so that `share` of all are."""
    return int(share * (num_before + num_rows)) - int(share * num_before)


def _spans(
    speech: npt.NDArray[np.float32], lengths_s: Sequence[float]
) -> Iterator[npt.NDArray[np.float32]]:
    """Cut spans of these lengths one after the other, from the start again at the end."""
    at = 0
    for length_s in itertools.cycle(lengths_s):
        num_samples = min(len(speech), round(length_s * SAMPLE_RATE_HZ))
        if at + num_samples > len(speech):
            at = 0
        yield speech[at : at + num_samples]
        at += num_samples
