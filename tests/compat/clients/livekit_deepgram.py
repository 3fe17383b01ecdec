"""LiveKit's Deepgram plugins, unmodified: stream a file of PCM16, print the speech events.

The one argument is a JSON object: `url`, `key`, `audio` (a path to 16 kHz mono), `pause_s`, and
`version`, `v1` or `v2`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.plugins import deepgram

FRAME_SAMPLES = 800


async def main(job: dict[str, Any], audio: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        if job["version"] == "v2":
            address = job["url"].replace("http", "ws", 1) + "/v2/listen"
            speech_to_text: Any = deepgram.STTv2(
                base_url=address, api_key=job["key"], http_session=http
            )
        else:
            speech_to_text = deepgram.STT(
                base_url=job["url"] + "/v1/listen", api_key=job["key"], http_session=http
            )
        stream = speech_to_text.stream()
        sender = asyncio.create_task(send(stream, audio, job))
        async for event in stream:
            text = event.alternatives[0].text if event.alternatives else ""
            print(json.dumps({"type": event.type.value, "text": text}), flush=True)
        await sender
        await stream.aclose()


async def send(stream: Any, audio: bytes, job: dict[str, Any]) -> None:
    for at in range(0, len(audio), FRAME_SAMPLES * 2):
        data = audio[at : at + FRAME_SAMPLES * 2]
        stream.push_frame(rtc.AudioFrame(data, 16_000, 1, len(data) // 2))
        await asyncio.sleep(job["pause_s"])
    stream.end_input()


asked = json.loads(sys.argv[1])
asyncio.run(main(asked, Path(asked["audio"]).read_bytes()))
