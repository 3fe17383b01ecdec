"""How late the event loop is: the one number that shows heavy work where it must not be."""

import asyncio

from server.metrics import Metrics

PERIOD_S = 0.25


async def watch_loop_lag(metrics: Metrics) -> None:
    """Observe, for as long as the server runs, how late a timer fires."""
    loop = asyncio.get_running_loop()
    while True:
        due_at = loop.time() + PERIOD_S
        await asyncio.sleep(PERIOD_S)
        metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due_at))
