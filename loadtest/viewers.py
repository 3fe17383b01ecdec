"""Measures live viewers: how late they see a session that runs on another replica.

    python -m loadtest.viewers --viewers 500 --model tiny.en clip.flac

Starts its own Redis and two replicas on free ports. A voice speaks on the first; a crowd, in a
process of its own, watches on the second. The fan-out delay of a message is the time from its
arrival at the voice to its arrival at a viewer. The voice speaks once alone and once watched, so
that its own latency can be compared. Prints a JSON report.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from loadtest.recordings import CHUNK_S, chunks, load_pcm
from loadtest.redis_processes import RedisProcess
from loadtest.replicas import SERVE, ReplicaProcess

QUERY = "encoding=pcm_s16le&sample_rate=16000&language=en"
PAUSE = bytes(2 * 16_000)
LINE_LIMIT_BYTES = 256 * 1024 * 1024


@dataclass
class Voice:
    """One live session as its own client sees it."""

    socket: ClientConnection
    session: str
    secret: str
    sent_at: list[float] = field(default_factory=list)
    arrived_at: dict[int, float] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    delays_s: dict[str, list[float]] = field(default_factory=dict)

    async def speak(self, pcm: bytes) -> None:
        """Say the clip at its own pace, then stop; listen to the end."""
        listening = asyncio.create_task(self._listen())
        begun_at = time.monotonic()
        for number, chunk in enumerate(chunks(pcm), start=1):
            await self.socket.send(chunk)
            self.sent_at.append(time.monotonic())
            await asyncio.sleep(max(0.0, begun_at + number * CHUNK_S - time.monotonic()))
        await self.socket.send('{"type": "stop"}')
        await listening

    async def _listen(self) -> None:
        async for data in self.socket:
            now = time.monotonic()
            message = json.loads(data)
            self.arrived_at[message["seq"]] = now
            self.kinds[message["seq"]] = message["type"]
            if message["type"] in ("interim", "final"):
                at = min(int(message["end"] / CHUNK_S), len(self.sent_at) - 1)
                self.delays_s.setdefault(message["type"], []).append(now - self.sent_at[at])


async def _open(server: ReplicaProcess) -> Voice:
    socket = await websockets.connect(f"{server.url}/v1/stream?{QUERY}", compression=None)
    ready = json.loads(await socket.recv())
    return Voice(socket, ready["session"], ready["secret"])


def _share(server: ReplicaProcess, voice: Voice) -> str:
    url = f"{server.url.replace('ws', 'http', 1)}/v1/sessions/{voice.session}/shares"
    headers = {"Authorization": f"Bearer {voice.secret}"}
    request = urllib.request.Request(url, b"{}", headers, method="POST")  # noqa: S310 # ours
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 # ours
        token: str = json.load(answer)["token"]
        return token


def _cpu_s(server: ReplicaProcess) -> float:
    url = f"{server.url.replace('ws', 'http', 1)}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 # ours
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("process_cpu_seconds_total ")]
    return float(found[0].split()[1])


async def _speak_watched(
    home: ReplicaProcess, away: ReplicaProcess, pcm: bytes, num_viewers: int
) -> tuple[Voice, dict[int, list[float]]]:
    voice = await _open(home)
    token = await asyncio.to_thread(_share, away, voice)
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.crowd", away.url, voice.session, token, str(num_viewers)),
        stdout=PIPE,
        limit=LINE_LIMIT_BYTES,
    )
    assert crowd.stdout is not None
    if await crowd.stdout.readline() != b"ready\n":
        raise RuntimeError("the viewers could not connect")
    await voice.speak(pcm)
    arrivals = json.loads(await crowd.stdout.readline())
    await crowd.wait()
    return voice, {int(seq): times for seq, times in arrivals.items()}


def _summary(values: list[float]) -> dict[str, Any]:
    if len(values) < 2:
        return {"n": len(values)}
    cuts = quantiles(values, n=100, method="inclusive")
    named = {"median_ms": median(values), "p95_ms": cuts[94], "p99_ms": cuts[98]}
    return {"n": len(values)} | {name: round(1000 * value, 1) for name, value in named.items()}


def _fan_out(voice: Voice, arrivals: dict[int, list[float]], num_viewers: int) -> dict[str, Any]:
    delays: dict[str, list[float]] = {"interim": [], "final": []}
    num_missed = 0
    for seq, kind in voice.kinds.items():
        times = arrivals.get(seq, [])
        if kind in delays:
            delays[kind] += [at - voice.arrived_at[seq] for at in times]
        if kind in ("final", "closed"):
            num_missed += num_viewers - len(times)
    both = delays["interim"] + delays["final"]
    rows = {name: _summary(values) for name, values in {**delays, "all": both}.items()}
    return rows | {"finals_missed": num_missed}


async def _measure(pcm: bytes, num_viewers: int, model: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisProcess(Path(folder))
        await redis.start()
        settings = {"redis_url": redis.url, "model": model, "grpc": "off", "offline": 1}
        home, away = ReplicaProcess(SERVE, settings), ReplicaProcess(SERVE, settings)
        try:
            await asyncio.gather(home.start(), away.start())
            alone = await _open(home)
            await alone.speak(pcm)
            before = [await asyncio.to_thread(_cpu_s, server) for server in (home, away)]
            began_at = time.monotonic()
            watched, arrivals = await _speak_watched(home, away, pcm, num_viewers)
            took_s = time.monotonic() - began_at
            after = [await asyncio.to_thread(_cpu_s, server) for server in (home, away)]
        finally:
            await asyncio.gather(home.stop(), away.stop())
            await redis.stop()
    return {
        "viewers": num_viewers,
        "model": model,
        "audio_s": round(len(pcm) / 32_000, 1),
        "fan_out": _fan_out(watched, arrivals, num_viewers),
        "session_alone": {k: _summary(v) for k, v in alone.delays_s.items()},
        "session_watched": {k: _summary(v) for k, v in watched.delays_s.items()},
        "cpu_share_of_a_core": {
            name: round((end - begin) / took_s, 3)
            for name, begin, end in zip(("home", "away"), before, after, strict=True)
        },
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clips", nargs="+", type=Path, help="recordings, spoken one by one")
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--model", default="tiny.en")
    chosen = parser.parse_args()
    pcm = b"".join(load_pcm(clip) + PAUSE for clip in chosen.clips)
    report = asyncio.run(_measure(pcm, chosen.viewers, chosen.model))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
