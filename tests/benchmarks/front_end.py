"""What a live stream costs the server besides the engine: `python -m tests.benchmarks.front_end`.

N voices of real speech, 100 ms messages at speaking pace, real Silero, an engine that answers at
once. CPU is read from the kernel's count for each thread (`schedstat`) over the steady state and
divided by the seconds of audio received. `--split` runs a second time with counters of thread CPU
time around the stages; what they do not cover of the event loop's thread is reading, parsing and
writing messages.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.load_run import LoadPlan, run_load
from loadtest.measures import percentile
from loadtest.recordings import load_pcm
from loadtest.server_info import metrics_now
from loadtest.streamed import Target
from loadtest.voices import Clip, Style, Voice
from starling_client import Final

FIXTURES = Path(__file__).parents[1] / "fixtures"
RAMP_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the steady state")
    parser.add_argument("--style", choices=[*Style], default=Style.CONTINUOUS)
    parser.add_argument("--transport", choices=["socket", "grpc"], default="socket")
    parser.add_argument("--split", action="store_true", help="run again, split by stage")
    arguments = parser.parse_args()
    for is_split in (False, True) if arguments.split else (False,):
        report = asyncio.run(measure(arguments, is_split=is_split))
        print(json.dumps(report, indent=2))


async def measure(arguments: argparse.Namespace, *, is_split: bool) -> dict:
    clips = [Clip(path.name, load_pcm(path)) for path in sorted(FIXTURES.glob("*.flac"))]
    num_voices, ends_s = arguments.sessions, RAMP_S + arguments.seconds
    voices = [
        Voice(index, Style(arguments.style), RAMP_S * index / num_voices, ends_s, 1e9)
        for index in range(num_voices)
    ]
    with serving(is_split=is_split) as announced:
        url = announced["url"]
        target = Target(url, grpc=announced["grpc"] if arguments.transport == "grpc" else None)
        readings: list[tuple[dict, float]] = []

        def read(run_s: float, _: object) -> None:
            is_due = run_s > RAMP_S + 1 if not readings else run_s > ends_s - 1
            if is_due and len(readings) < 2:
                readings.append((benchmark_of(url), audio_s(url)))

        print(f"{num_voices} sessions for {ends_s:.0f} s ...", file=sys.stderr)
        run = await run_load(LoadPlan(target, clips, voices), read)
    finals = [
        seen.at - result.started_at - seen.event.end
        for result in run.results
        for seen in result.seen
        if isinstance(seen.event, Final) and RAMP_S < seen.at - run.begins_at < ends_s
    ]
    failures = {result.failure for result in run.results}
    assert failures == {None}, f"sessions failed: {failures}"
    (before, audio_before_s), (after, audio_after_s) = readings
    streamed_s = audio_after_s - audio_before_s
    report = {
        "transport": arguments.transport,
        "sessions": num_voices,
        "streams_at_pace": round(streamed_s / (after["at"] - before["at"]), 1),
        "cpu_ms_per_stream_s": costs(before["threads_s"], after["threads_s"], 1000 / streamed_s),
        "loop_lag_ms": {
            f"p{round(100 * share)}": round(1000 * (percentile(after["lags_s"], share) or 0), 2)
            for share in (0.5, 0.95, 0.99, 1.0)
        },
        "finals_per_s": round(len(finals) / arguments.seconds, 1),
        "final_delay_p95_s": round(percentile(finals, 0.95) or 0, 2),
        "load_average": round(os.getloadavg()[0], 1),
        "client_cores": round(run.client_cpu_s / ends_s, 2),
        "client_lateness_p99_ms": round(1000 * run.client_lateness_p99_s, 1),
    }
    if is_split:
        stages = costs(before["stages_ns"], after["stages_ns"], 1e-6 / streamed_s)
        inside = sum(ms for stage, ms in stages.items() if stage not in ("vad", "total"))
        loop_ms = report["cpu_ms_per_stream_s"]["MainThread"]
        stages["read, parse, write"] = round(loop_ms - inside, 3)
        report["stages_ms_per_stream_s"] = stages
    return report


def costs(before: dict, after: dict, factor: float) -> dict[str, float]:
    spent = {name: factor * (value - before.get(name, 0)) for name, value in after.items()}
    return {name: round(ms, 3) for name, ms in (spent | {"total": sum(spent.values())}).items()}


def benchmark_of(url: str) -> dict:
    with urllib.request.urlopen(f"{url}/benchmark", timeout=30) as response:
        return json.load(response) | {"at": time.monotonic()}


def audio_s(url: str) -> float:
    return metrics_now(url, None).total("starling_audio_seconds_total")


@contextmanager
def serving(*, is_split: bool) -> Iterator[dict]:
    """Give what the server announced."""
    command = [sys.executable, "-m", "tests.benchmarks.front_end_server"]
    with subprocess.Popen(
        command + (["--split"] if is_split else []), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
