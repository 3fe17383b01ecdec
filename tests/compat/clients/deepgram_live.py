"""Deepgram's own Python SDK, unmodified: streams a file of raw audio, prints what it is told.

The one argument is a JSON object: `url`, `key`, `options` of `connect`, `audio` (a path),
`chunk_bytes`, `pause_s`, and `say`: what is sent before which chunk, such as
`{"0": "KeepAlive", "10": "Finalize"}`. `version` is `v1` or `v2`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


async def send(socket: Any, audio: bytes, job: dict[str, Any]) -> None:
    controls = {
        "KeepAlive": "send_keep_alive",
        "Finalize": "send_finalize",
        "ForceEndTurn": "send_force_end_turn",
    }
    size = job["chunk_bytes"]
    for number, at in enumerate(range(0, len(audio), size)):
        if str(number) in job["say"]:
            await getattr(socket, controls[job["say"][str(number)]])()
        await socket.send_media(audio[at : at + size])
        await asyncio.sleep(job["pause_s"])
    await socket.send_close_stream()


async def main(job: dict[str, Any], audio: bytes) -> None:
    http, socket_url = job["url"], job["url"].replace("http", "ws", 1)
    here = DeepgramClientEnvironment(
        base=http, production=socket_url, agent=socket_url, agent_rest=http
    )
    client = AsyncDeepgramClient(api_key=job["key"], environment=here)
    listen = getattr(client.listen, job["version"])
    async with listen.connect(**job["options"]) as socket:
        socket.on(EventType.MESSAGE, lambda said: tell(**json.loads(said.json())))
        socket.on(EventType.ERROR, lambda error: tell(type="ClientError", error=str(error)))
        sender = asyncio.create_task(send(socket, audio, job))
        await socket.start_listening()
        await sender
        tell(type="Closed", code=socket._websocket.close_code)


asked = json.loads(sys.argv[1])
asyncio.run(main(asked, Path(asked["audio"]).read_bytes()))
