"""What a live stream costs at the least: `python -m tests.benchmarks.floors`.

The two things that no front end can leave out, each by the plainest means there are: Silero for
many channels in one call of ONNX Runtime, and a server of the `websockets` package that throws away
what it reads. Beside them Starling's own Silero. A machine's speed is in all of these as it is in
`tests.benchmarks.front_end`, so their ratios can be compared between machines.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress

import server  # noqa: F401 # one thread for NumPy, as in the server; before NumPy

# isort: split
import numpy as np
import onnxruntime
import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError

from server.models.silero import silero_onnx_path
from server.vad.silero import SileroVad
from server.vad.state import CONTEXT_SAMPLES, VadState
from streaming.speech_gate import WINDOW_SAMPLES

WINDOWS_PER_S = 16_000 / WINDOW_SAMPLES
NUM_CHANNELS = 40
WINDOWS_PER_MESSAGE = 3
MESSAGE_S = 0.1
MESSAGE_BYTES = 3_200
ROUNDS = 200
RAMP_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    report = {
        "receive_and_discard": uvloop.run(discarding(arguments.sessions, arguments.seconds)),
        "silero_onnx_runtime": onnx_ms(),
        "silero_numpy": numpy_ms(),
    }
    print(json.dumps({"cpu_ms_per_stream_s": report}, indent=2))


def onnx_ms() -> float:
    """Return milliseconds for one second of one channel, 40 channels in a call."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    graph = onnxruntime.InferenceSession(str(silero_onnx_path()), options)
    audio = _noise(NUM_CHANNELS, CONTEXT_SAMPLES + WINDOW_SAMPLES)
    state = np.zeros((2, NUM_CHANNELS, 128), dtype=np.float32)
    inputs = {"input": audio, "state": state, "sr": np.array(16_000)}
    return _median_ms(lambda: graph.run(None, inputs), NUM_CHANNELS)


def numpy_ms() -> float:
    """Return the same of Starling's own, three windows a channel, as messages bring them."""
    vad = SileroVad(silero_onnx_path())
    audio = _noise(NUM_CHANNELS, WINDOWS_PER_MESSAGE * WINDOW_SAMPLES)
    work = [(VadState(), samples) for samples in audio]
    return _median_ms(lambda: vad.score(work), NUM_CHANNELS * WINDOWS_PER_MESSAGE)


def _noise(*shape: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) * 0.05).astype(np.float32)


def _median_ms(work: Callable[[], object], num_windows: int) -> float:
    """Return milliseconds for a second of audio, of which `work` does so many windows."""
    spent = []
    for _ in range(ROUNDS):
        began_ns = time.thread_time_ns()
        work()
        spent.append(time.thread_time_ns() - began_ns)
    return round(float(np.median(spent)) / 1e6 / num_windows * WINDOWS_PER_S, 3)


async def discarding(sessions: int, seconds: float) -> float:
    """Return milliseconds of CPU for one second of one stream in messages of 100 ms."""
    num_read = 0
    has_begun = asyncio.Event()

    async def discard(connection) -> None:
        nonlocal num_read
        has_begun.set()
        with suppress(ConnectionClosedError):
            async for _ in connection:
                num_read += 1

    async with serve(discard, "127.0.0.1", 0, compression=None, max_queue=None) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = multiprocessing.get_context("spawn").Process(
            target=_speak, args=(port, sessions, seconds + 2 * RAMP_S), daemon=True
        )
        client.start()
        await has_begun.wait()
        await asyncio.sleep(RAMP_S)
        before, read_before = time.thread_time(), num_read
        await asyncio.sleep(seconds)
        spent_s, read = time.thread_time() - before, num_read - read_before
        client.terminate()
        client.join()
    return round(1000 * spent_s / (read * MESSAGE_S), 3)


def _speak(port: int, sessions: int, seconds: float) -> None:
    async def one(index: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}", compression=None) as connection:
            due_at = time.monotonic() + MESSAGE_S * index / sessions
            ends_at = due_at + seconds
            while due_at < ends_at:
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                await connection.send(bytes(MESSAGE_BYTES))
                due_at += MESSAGE_S

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(sessions)))

    uvloop.run(all_of_them())


if __name__ == "__main__":
    main()
