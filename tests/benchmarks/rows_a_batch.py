"""What a row of a batch costs on this processor: `python -m tests.benchmarks.rows_a_batch WEIGHTS`.

The bundled recordings, eight rows of them in batches of one to eight, on one thread: encoding,
generating with each beam, and alignment, each the quickest of `--repeats`, in milliseconds a row.
All sizes take turns, so that a slow moment of the machine falls on each. `ONEDNN_MAX_CPU_ISA=AVX2
CT2_FORCE_CPU_ISA=AVX2` shows a processor without AVX512.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import server  # noqa: F401 # CTranslate2's kernels, as in the server; before it is loaded

# isort: split
import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from rich.console import Console
from rich.progress import track

from loadtest.recordings import load_pcm
from server.cpu_kernels import uses_avx512, uses_onednn
from server.engine.encoded import FRAMES_A_PLACE
from server.engine.prompts import PromptBuilder

FIXTURES = Path(__file__).parents[1] / "fixtures"
NUM_ROWS = 8
BATCH_ROWS = (1, 2, 4, 8)
BEAMS = (1, 2, 3)

Encoded = npt.NDArray[np.float32]


def main() -> None:
    arguments = _arguments()
    bench = RowBench(arguments.weights, arguments.frames)
    quickest: dict[str, dict[int, float]] = {}
    for _ in track(range(arguments.repeats), "batches", console=Console(stderr=True)):
        for rows in BATCH_ROWS:
            for name, work in bench.works(rows).items():
                began_at = time.perf_counter()
                work()
                row_ms = 1000 * (time.perf_counter() - began_at) / NUM_ROWS
                best = quickest.setdefault(name, {})
                best[rows] = round(min(row_ms, best.get(rows, row_ms)), 1)
    kernels = "oneDNN" if uses_onednn(os.environ) else "MKL or others"
    report = {"products": kernels, "avx512": uses_avx512(os.environ), "ms_a_row": quickest}
    print(json.dumps(report, indent=2))


class RowBench:
    """Eight rows of speech, encoded and decoded once, and what is timed on them."""

    def __init__(self, weights: Path, frames: int) -> None:
        whisper = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1)
        self._model: ctranslate2.models.Whisper = whisper.model
        prompts = PromptBuilder(whisper.hf_tokenizer, is_multilingual=self._model.is_multilingual)
        self._prompt = prompts.build("en", "transcribe", [], timestamps=False)
        self._start = list(prompts.tokenizer("en", "transcribe").sot_sequence)
        self._num_places = frames // FRAMES_A_PLACE
        paths = sorted(FIXTURES.glob("*.flac"))
        self._mels = []
        for row in range(NUM_ROWS):
            pcm = np.frombuffer(load_pcm(paths[row % len(paths)]), dtype="<i2")
            mel = whisper.feature_extractor(pcm.astype(np.float32) / 32_768)[:, :frames]
            padded = np.zeros((len(mel), frames), dtype=np.float32)
            padded[:, : mel.shape[1]] = mel
            self._mels.append(padded[None])
        self._encoded = [np.array(self._encode([mel])) for mel in self._mels]
        texts = [self._generate([row], beam=BEAMS[-1])[0] for row in self._encoded]
        self._tokens = [text.sequences_ids[0] for text in texts]

    def works(self, rows: int) -> dict[str, Callable[[], object]]:
        """Return what does each step of all eight rows, in batches of `rows`."""
        parts = [slice(at, at + rows) for at in range(0, NUM_ROWS, rows)]
        generating: dict[str, Callable[[], object]] = {
            f"generate, beam {beam}": lambda beam=beam: [
                self._generate(self._encoded[part], beam=beam) for part in parts
            ]
            for beam in BEAMS
        }
        return {
            "encode": lambda: [self._encode(self._mels[part]) for part in parts],
            **generating,
            "align": lambda: [self._align(part) for part in parts],
        }

    def _encode(self, mels: list[Encoded]) -> ctranslate2.StorageView:
        return self._model.encode(_joined(mels))

    def _generate(
        self, encoded: list[Encoded], *, beam: int
    ) -> list[ctranslate2.models.WhisperGenerationResult]:
        prompts = [self._prompt] * len(encoded)
        return self._model.generate(
            _joined(encoded),
            prompts,
            beam_size=beam,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
        )

    def _align(self, part: slice) -> object:
        tokens = self._tokens[part]
        places = [self._num_places] * len(tokens)
        return self._model.align(_joined(self._encoded[part]), self._start, tokens, places)


def _joined(rows: list[Encoded]) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.concatenate(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.rows_a_batch", description=__doc__
    )
    parser.add_argument("weights", type=Path, help="as in ~/.cache/starling/models/tiny.en")
    parser.add_argument("--frames", type=int, default=1000, help="of the window, 10 ms each")
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
