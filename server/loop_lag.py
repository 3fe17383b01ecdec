"""How late the event loop is: the one number that shows heavy work where it must not be."""

import asyncio
import time

from server.metrics import Metrics

PERIOD_S = 0.05
"""Often enough that a minute tells the 99th percentile."""


async def watch_loop_lag(metrics: Metrics) -> None:
    """Observe, for as long as the server runs, how late a timer fires."""
    while True:
        due_at = time.monotonic() + PERIOD_S  # The loop's own clock may count milliseconds.
        await asyncio.sleep(PERIOD_S)
        metrics.loop_lag_seconds.observe(max(0.0, time.monotonic() - due_at))
