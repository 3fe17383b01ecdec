"""Watches how long decodes wait, and tells admission and every session what is left out."""

import asyncio
import time

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
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        dispatcher.give_up_stuck(now)
        load = ladder.observe(*dispatcher.waits_s(now), now)
        metrics.overload_rung.set(load.rung)
        metrics.interim_stretch.set(load.stretch)
        if load.rung is not before.rung:
            log.info("load", rung=load.rung.name.lower(), final_wait_s=round(load.final_wait_s, 2))
        if (load.rung, load.stretch) != (before.rung, before.stretch):
            admission.set_load(load)
        before = load
