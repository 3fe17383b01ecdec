"""Gives memory that was freed back to the system.

Windows of many sizes are encoded on several threads, and the C library keeps what they free: an
engine's process grew from 225 to 487 MB in three minutes of work, and was at 300 MB at most where
nothing was kept. To keep nothing in the first place makes encoding twice as slow
(`M_MMAP_THRESHOLD`); a look through the heaps once a minute takes 15 to 34 ms of one thread
(docs/performance.md, "Soak").
"""

import asyncio
import ctypes

PERIOD_S = 60.0


async def give_back_freed_memory() -> None:
    """Give it back every minute, for as long as the server runs, where the system can."""
    while True:
        await asyncio.sleep(PERIOD_S)
        if not await asyncio.to_thread(trim_heaps):
            return


def trim_heaps() -> bool:
    """Give free memory of the C library's heaps back now; say whether this library can.

    GNU's can (malloc_trim(3)); others give it back by themselves.
    """
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    malloc_trim(ctypes.c_size_t(0))
    return True
