"""Watches how long decodes wait, and tells admission and every session what is left out."""

import asyncio
import time
from dataclasses import replace

import structlog

from server.admission import Admission
from server.engine.dispatcher import EngineDispatcher
from server.metrics import Metrics
from streaming.overload import TICK_S, Load, OverloadLadder

log = structlog.get_logger()


async def watch_load(dispatcher: EngineDispatcher, admission: Admission, metrics: Metrics) -> None:
    """Look at the engine's queue every tick, for as long as the server runs."""
    ladder = OverloadLadder()
    before = Load()
    looked_at, busy_before_s = time.monotonic(), 0.0
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        dispatcher.give_up_stuck(now)
        busy_s = dispatcher.live_busy_s(now)
        busy = (busy_s - busy_before_s) / (now - looked_at) / dispatcher.num_workers
        looked_at, busy_before_s = now, busy_s
        load = ladder.observe(*dispatcher.waits_s(now), busy, now)
        load = replace(load, final_s=round(dispatcher.final_times.wait_s, 1))
        metrics.overload_rung.set(load.rung)
        metrics.interim_stretch.set(load.stretch)
        if load.rung is not before.rung:
            log.info("load", rung=load.rung.name.lower(), final_wait_s=round(load.final_wait_s, 2))
        if replace(load, final_wait_s=0.0) != replace(before, final_wait_s=0.0):
            dispatcher.set_load(load)
            admission.set_load(load)
        before = load
