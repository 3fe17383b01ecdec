"""The real server on an engine that answers at once, with `/benchmark` to read its CPU use from.

Everything else is as in `starling serve`: sockets, dialect, sessions, real Silero. With
`--split` the methods of each stage are wrapped by counters of thread CPU time; that costs a few
percent, so totals come from a run without it.
"""

import argparse
import asyncio
import functools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.app import Models, build_app, build_factory
from server.cli import serve
from server.dialects.native import NativeDialect
from server.engine.base import Answer, never
from server.engine.dispatcher import EngineDispatcher
from server.logs import configure_logs
from server.models.silero import silero_onnx_path
from server.settings import Settings
from server.vad.silero import SileroVad
from streaming.effects import DecodeRequest
from streaming.intake import RawAudioIntake
from streaming.options import ModelOffer
from streaming.session import Session
from streaming.transcript import Hypothesis, Word

LAG_PERIOD_S = 0.02
WORDS_PER_S = 2.5

STAGES = {
    "intake": [(RawAudioIntake, "feed")],
    "session": [
        (Session, "on_audio"),
        (Session, "on_scores"),
        (Session, "on_decoded"),
        (Session, "on_timeout"),
    ],
    "vad": [(SileroVad, "score")],
    "encode": [(NativeDialect, "encode")],
    "decode queue": [(EngineDispatcher, "submit"), (EngineDispatcher, "_finish")],
}


class InstantEngine:
    """Answers with as many words as the audio is long, without looking at it."""

    @property
    def offer(self) -> ModelOffer:
        return ModelOffer("instant", frozenset({"en"}))

    def batch_key(self, request: DecodeRequest) -> Hashable:
        return None

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        return [self._answer(request) for request in requests]

    def warm_up(self) -> None:
        pass

    def _answer(self, request: DecodeRequest) -> Hypothesis:
        num_words = max(1, int(len(request.audio) / 16_000 * WORDS_PER_S))
        words = tuple(Word(f" word{index}", None, None, None) for index in range(num_words))
        return Hypothesis(words, "en", 0.99, 0.9)


class StageClock:
    """CPU time of the wrapped methods, each without the wrapped ones inside it."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self._nested_ns = threading.local()

    def wrap(self, owner: type, name: str, stage: str) -> None:
        method = getattr(owner, name)

        @functools.wraps(method)
        def timed(*args, **kwargs):
            outer_ns = getattr(self._nested_ns, "value", 0)
            self._nested_ns.value = 0
            began_ns = time.thread_time_ns()
            try:
                return method(*args, **kwargs)
            finally:
                whole_ns = time.thread_time_ns() - began_ns
                self.spent_ns[stage] += whole_ns - self._nested_ns.value
                self._nested_ns.value = outer_ns + whole_ns

        setattr(owner, name, timed)


class LagWatch:
    """How late the event loop is, in small steps."""

    def __init__(self) -> None:
        self.lags_s: list[float] = []

    async def run(self) -> None:
        while True:
            due_at = time.monotonic() + LAG_PERIOD_S  # The loop's own clock counts milliseconds.
            await asyncio.sleep(LAG_PERIOD_S)
            self.lags_s.append(time.monotonic() - due_at)


def thread_cpu_s() -> dict[str, float]:
    """Return CPU seconds by kind of thread."""
    spent: Counter[str] = Counter()
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        name = names.get(int(task.name), "native").split("_")[0].split("-")[0]
        spent[name] += int((task / "schedstat").read_text().split()[0]) / 1e9
    return dict(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", action="store_true")
    arguments = parser.parse_args()
    clock, watch = StageClock(), LagWatch()
    if arguments.split:
        for stage, methods in STAGES.items():
            for owner, name in methods:
                clock.wrap(owner, name, stage)
    settings = Settings(port=0, max_sessions=4096, log_level="warning")
    configure_logs(settings.log_level, settings.log_format)
    models = Models(InstantEngine(), SileroVad(silero_onnx_path()), num_workers=1, max_batch=32)
    factory = build_factory(settings, models)

    async def benchmark(_: Request) -> JSONResponse:
        lags_s, watch.lags_s = watch.lags_s, []
        return JSONResponse(
            {"threads_s": thread_cpu_s(), "stages_ns": clock.spent_ns, "lags_s": lags_s}
        )

    serve_with(settings, factory, Route("/benchmark", benchmark), watch)


def serve_with(settings, factory, route, watch) -> None:
    def app_with_benchmark(factory):
        app = build_app(factory)
        app.router.routes.insert(0, route)
        inner = app.router.lifespan_context

        def lifespan(app):
            asyncio.get_running_loop().create_task(watch.run(), name="benchmark lag")
            return inner(app)

        app.router.lifespan_context = lifespan
        return app

    serve.build_app = app_with_benchmark
    bound = socket.create_server((settings.host, 0))
    bound.set_inheritable(True)
    serve._listen(settings, bound, factory, "json")


if __name__ == "__main__":
    main()
