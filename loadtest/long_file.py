"""A long file beside live sessions: `python -m loadtest.long_file MANIFEST --url … --weights …`.

Joins recordings of a manifest to a file and runs, one after the other: the file alone through
OpenAI's route, faster-whisper's BatchedInferencePipeline on the same weights, the live sessions
alone, and the live sessions while the file is transcribed again and again. Prints delays, speeds,
word error rates, memory, and whether the texts are equal.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.alone import transcribe_alone
from loadtest.experiments import Stage, steady_load
from loadtest.file_route import FileRun, send_file
from loadtest.load_report import Material
from loadtest.material import load_clips
from loadtest.recordings import silence
from loadtest.scoring import tally
from loadtest.server_info import metrics_now
from loadtest.speech_map import map_speech
from loadtest.streamed import Target
from loadtest.voices import Clip, parse_mix

GAP_S = 0.7
"""Silence between joined recordings: no end of an utterance, but room to cut."""

RATE_HZ = 16_000
POLL_S = 0.5
ALL_CLIPS = 1_000
LIVE_CLIPS = 24


@dataclass(frozen=True)
class LongFile:
    """A file on disk, and what is said in it."""

    path: Path
    reference: str
    seconds: float


def join_recordings(clips: Sequence[Clip], seconds: float, path: Path) -> LongFile:
    """Write clips one after the other, from the first again when they run out."""
    references: list[str] = []
    num_bytes = 0
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        while num_bytes < seconds * RATE_HZ * 2:
            clip = clips[len(references) % len(clips)]
            data = clip.pcm + silence(GAP_S)
            file.writeframes(data)
            num_bytes += len(data)
            references.append(clip.reference or "")
    return LongFile(path, " ".join(references), num_bytes / RATE_HZ / 2)


def run_batched(weights: Path, file: LongFile, language: str, threads: int) -> FileRun:
    """Transcribe the file with BatchedInferencePipeline in a process of its own."""
    job = {
        "weights": str(weights),
        "path": str(file.path),
        "language": language,
        "threads": threads,
    }
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.batched"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return FileRun(told["text"], told["seconds"], ())


class MemoryWatch:
    """Polls the server's resident memory until it is cancelled."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.first_bytes = 0.0
        self.most_bytes = 0.0

    async def run(self) -> None:
        """Poll; the first reading is what the server holds at rest."""
        while True:
            reading = await asyncio.to_thread(metrics_now, self._url, None)
            now = reading.total("process_resident_memory_bytes")
            self.first_bytes = self.first_bytes or now
            self.most_bytes = max(self.most_bytes, now)
            await asyncio.sleep(POLL_S)


async def _stage(options: argparse.Namespace) -> Stage:
    clips = load_clips(
        [options.manifest], language=options.language, kinds=frozenset(), limit=LIVE_CLIPS
    )
    target = Target(options.url.replace("http", "ws", 1), None, None)
    alone = await transcribe_alone(clips, target, options.language, lambda _: None)
    material = Material(clips, [map_speech(clip.pcm) for clip in clips], alone)
    return Stage(
        target,
        material,
        parse_mix("continuous"),
        options.language,
        0,
        lambda *_: None,
    )


async def _files_until(
    done: asyncio.Event, url: str, file: LongFile, language: str
) -> list[FileRun]:
    runs: list[FileRun] = []
    while not runs or not done.is_set():
        runs.append(await asyncio.to_thread(send_file, url, file.path, language))
    return runs


async def _beside_live(
    options: argparse.Namespace, stage: Stage, file: LongFile
) -> tuple[dict[str, Any], list[FileRun]]:
    done = asyncio.Event()
    sending = asyncio.create_task(_files_until(done, options.url, file, options.language))
    try:
        report = await steady_load(stage, options.sessions, options.seconds)
    finally:
        done.set()
    return report, await sending


async def _measure(options: argparse.Namespace, file: LongFile) -> None:
    watch = MemoryWatch(options.url)
    watching = asyncio.create_task(watch.run())
    try:
        alone = await asyncio.to_thread(send_file, options.url, file.path, options.language)
        _print_speed("server, file alone", alone, file, options.language)
        first, last = alone.delta_at_s[0], alone.delta_at_s[-1]
        print(f"  {len(alone.delta_at_s)} deltas, from {first:.1f} s to {last:.1f} s")
        if options.weights is not None:
            batched = await asyncio.to_thread(
                run_batched, options.weights, file, options.language, options.threads
            )
            _print_speed("BatchedInferencePipeline", batched, file, options.language)
            print(f"  server's share of its speed: {batched.seconds / alone.seconds:.0%}")
        if options.sessions:
            await _measure_live(options, file, alone)
    finally:
        watching.cancel()
    mib = 1024 * 1024
    print(
        f"memory: {watch.first_bytes / mib:.0f} MiB at first, {watch.most_bytes / mib:.0f} at most"
    )


async def _measure_live(options: argparse.Namespace, file: LongFile, alone: FileRun) -> None:
    stage = await _stage(options)
    before = await steady_load(stage, options.sessions, options.seconds)
    beside, runs = await _beside_live(options, stage, file)
    for label, report in (("without", before), ("beside", beside)):
        final = report["timing"]["final"]
        print(
            f"{options.sessions} live sessions, {label} the file: {final['count']} finals, "
            f"after speech ended p50 {final['p50_s']:.2f} s, p95 {final['p95_s']:.2f} s"
        )
    without_s, beside_s = (r["timing"]["final"]["p95_s"] for r in (before, beside))
    print(f"  p95 grows by {beside_s / without_s - 1:.0%}")
    _print_speed("server, file beside live", runs[0], file, options.language)
    equal = sum(run.text == alone.text for run in runs)
    print(f"  {equal} of {len(runs)} texts equal the file alone")


def _print_speed(label: str, run: FileRun, file: LongFile, language: str) -> None:
    rate = tally(file.reference, run.text, language).rate or 0.0
    speed = file.seconds / run.seconds
    print(f"{label}: {run.seconds:.1f} s, {speed:.1f} times real time, WER {rate:.2%}", flush=True)


def main() -> None:
    """Run the measurement that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.long_file", description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--url", required=True, help="http address of a running server")
    parser.add_argument("--weights", type=Path, help="the server's weights, to compare speed")
    parser.add_argument("--threads", type=int, default=2, help="threads of the comparison")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--sessions", type=int, default=8, help="live sessions; 0 for none")
    parser.add_argument("--seconds", type=float, default=120.0, help="of each live measurement")
    parser.add_argument("--language", default="en")
    options = parser.parse_args()
    clips = load_clips(
        [options.manifest], language=options.language, kinds=frozenset(), limit=ALL_CLIPS
    )
    with tempfile.TemporaryDirectory() as folder:
        file = join_recordings(clips, options.minutes * 60, Path(folder) / "long.wav")
        print(f"{file.seconds / 60:.1f} minutes of {len(clips)} recordings", flush=True)
        asyncio.run(_measure(options, file))


if __name__ == "__main__":
    main()
