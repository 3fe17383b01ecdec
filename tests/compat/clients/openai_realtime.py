"""OpenAI's own Python SDK, unmodified: a Realtime transcription session; prints every event.

The one argument is a JSON object: `url`, `key`, `audio` (a path to raw audio), `session` (of
`session.update`), `chunk_bytes`, `pause_s`, `commit_at` (chunk numbers before which to commit; the
end counts as one) and `num_completed`: how many transcripts to wait for.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI


def tell(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


async def send(connection: Any, audio: bytes, job: dict[str, Any]) -> None:
    size = job["chunk_bytes"]
    starts = range(0, len(audio), size)
    for number, at in enumerate(starts):
        if number in job["commit_at"]:
            await connection.input_audio_buffer.commit()
        data = base64.b64encode(audio[at : at + size]).decode()
        await connection.input_audio_buffer.append(audio=data)
        await asyncio.sleep(job["pause_s"])
    if len(starts) in job["commit_at"]:
        await connection.input_audio_buffer.commit()


async def main(job: dict[str, Any], audio: bytes) -> None:
    client = AsyncOpenAI(base_url=f"{job['url']}/v1", api_key=job["key"])
    num_completed = 0
    sender = None
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        async for event in connection:
            tell(event.to_dict())
            if event.type == "session.created":
                await connection.session.update(session=job["session"])
            if event.type == "session.updated":
                sender = asyncio.create_task(send(connection, audio, job))
            num_completed += event.type.endswith("transcription.completed")
            if num_completed == job["num_completed"]:
                break
        await sender
        await connection.close()
        tell({"type": "Closed", "code": connection._connection.close_code})


asked = json.loads(sys.argv[1])
asyncio.run(main(asked, Path(asked["audio"]).read_bytes()))
