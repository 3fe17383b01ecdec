"""What it costs in words to encode less of a window's padding, and what it saves.

`python -m tests.benchmarks.encoded_padding MANIFEST WEIGHTS` decodes recordings, some of them up to
three in a row with short pauses between, with windows that are encoded whole and as the server does
(`encoded_frames_of` in `streaming/windows.py`), in turn, by the server's own engine. A text is cut
short when it has five words or more less than were said.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import server  # noqa: F401 # CTranslate2's kernels, as in the server; before it is loaded

# isort: split
import numpy as np
from rich.console import Console
from rich.progress import track

from loadtest.manifest import Recording, read_manifest
from loadtest.material import at_speech_level
from loadtest.recordings import load_pcm, room_noise
from loadtest.scoring import Tally, normalised, tally
from server.engine import batch_runner
from server.engine.base import Again
from server.engine.whisper import EngineSettings, WhisperEngine
from streaming.effects import DecodeRequest, Purpose
from streaming.options import TARGET_RATE_HZ, Task
from streaming.transcript import Hypothesis
from streaming.windows import encoded_frames_of, frames_of

FEWER_WORDS = 5
MAX_TRIES = 20
"""For each span that is as long as asked for."""

PAUSE_S = (0.2, 0.7)
PCM_SCALE = 32_768
Rule = Callable[[DecodeRequest], int]
RULES: dict[str, Rule] = {"whole": frames_of, "as the server": encoded_frames_of}


@dataclass
class Found:
    """What one rule made of all recordings."""

    words: Tally = field(default_factory=Tally)
    num_cut_short: int = 0
    num_frames: int = 0
    seconds: float = 0.0


def main() -> None:
    arguments = _arguments()
    rows = [
        row
        for row in read_manifest(arguments.manifest)
        if row.language == arguments.language and row.is_scored and row.kind != "long"
    ]
    if not rows:
        raise SystemExit(f"{arguments.manifest} has no such recordings; try another --language")
    engine = WhisperEngine(arguments.weights.name, arguments.weights, EngineSettings(num_workers=1))
    found = {name: Found() for name in RULES}
    spans = _spans(rows, arguments)
    for audio, reference in track(spans, "recordings", console=Console(stderr=True)):
        request = _request(audio, arguments)
        for name, rule in RULES.items():
            batch_runner.encoded_frames_of = rule
            _decode(engine, request, reference, found[name])
            found[name].num_frames += rule(request)
    print(json.dumps({name: _told(each) for name, each in found.items()}, indent=2))


def _decode(engine: WhisperEngine, request: DecodeRequest, reference: str, found: Found) -> None:
    began_at = time.perf_counter()
    (answer,) = engine.decode([request])
    while isinstance(answer, Again):
        (answer,) = engine.decode([answer.request])
    found.seconds += time.perf_counter() - began_at
    if not isinstance(answer, Hypothesis):
        raise TypeError(f"a decode failed: {answer}")
    text = answer.text
    language = request.language or "en"
    found.words += tally(reference, text, language)
    num_said, num_written = (len(normalised(each, language).split()) for each in (reference, text))
    found.num_cut_short += num_said - num_written >= FEWER_WORDS


def _told(found: Found) -> dict[str, float | None]:
    return {
        "errors": found.words.errors,
        "words": found.words.reference_words,
        "cut_short": found.num_cut_short,
        "frames": found.num_frames,
        "seconds": round(found.seconds, 1),
    }


def _spans(
    rows: Sequence[Recording], arguments: argparse.Namespace
) -> list[tuple[np.ndarray, str]]:
    """Return audio and text of recordings in a row, no longer than asked for."""
    order = random.Random(arguments.seed)
    pcm = {row.name: at_speech_level(load_pcm(row.path)) for row in rows}
    spans: list[tuple[np.ndarray, str]] = []
    for _ in range(MAX_TRIES * arguments.spans):
        if len(spans) == arguments.spans:
            break
        said = order.sample(rows, order.randint(1, min(arguments.in_a_row, len(rows))))
        parts = [part for row in said for part in (pcm[row.name], room_noise(_pause_s(order)))]
        audio = np.frombuffer(b"".join(parts), dtype="<i2").astype(np.float32) / PCM_SCALE
        if arguments.least <= len(audio) / TARGET_RATE_HZ <= arguments.most:
            spans.append((audio, " ".join(row.reference for row in said)))
    return spans


def _pause_s(order: random.Random) -> float:
    return order.uniform(*PAUSE_S)


def _request(audio: np.ndarray, arguments: argparse.Namespace) -> DecodeRequest:
    return DecodeRequest(
        id=1,
        purpose=Purpose[arguments.purpose.upper()],
        audio=audio,
        start_sample=0,
        language=arguments.language,
        task=Task.TRANSCRIBE,
        words=arguments.times,
        prompt="",
        keyterms=(),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.encoded_padding", description=__doc__
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("weights", type=Path, help="as in ~/.cache/starling/models/tiny.en")
    parser.add_argument("--language", default="en")
    parser.add_argument("--purpose", choices=("final", "interim"), default="final")
    parser.add_argument("--times", action="store_true", help="of words, as most finals have")
    parser.add_argument("--spans", type=int, default=200)
    parser.add_argument("--in-a-row", type=int, default=3, help="recordings, at most")
    parser.add_argument("--least", type=float, default=1.0, help="seconds of a span")
    parser.add_argument("--most", type=float, default=26.0, help="seconds of a span")
    parser.add_argument("--seed", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
