"""A crowd of viewers in a process of its own: notes when each message reached each of them.

    python -m loadtest.crowd URL SESSION TOKEN NUMBER

Prints `ready` when all watch, and at the session's end one JSON object: for each number, the
monotonic seconds (the same clock in every process of a machine) at which viewers got it.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict

import websockets
from websockets.asyncio.client import ClientConnection

CONNECT_AT_ONCE = 50
_SEQ = re.compile(r'"seq":(\d+)')


async def _watch(socket: ClientConnection, arrivals: defaultdict[int, list[float]]) -> None:
    async for message in socket:
        now = time.monotonic()
        found = _SEQ.search(str(message))
        if found:
            arrivals[int(found[1])].append(now)


async def _crowd(url: str, session: str, token: str, number: int) -> None:
    arrivals: defaultdict[int, list[float]] = defaultdict(list)
    address = f"{url}/v1/sessions/{session}/watch?token={token}"
    gate = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def connect() -> ClientConnection:
        async with gate:
            return await websockets.connect(address, compression=None, open_timeout=60)

    sockets = await asyncio.gather(*(connect() for _ in range(number)))
    print("ready", flush=True)
    await asyncio.gather(*(_watch(socket, arrivals) for socket in sockets))
    print(json.dumps(arrivals), flush=True)


def main() -> None:
    """Run the crowd that the command line asks for."""
    url, session, token, number = sys.argv[1:]
    asyncio.run(_crowd(url, session, token, int(number)))


if __name__ == "__main__":
    main()
