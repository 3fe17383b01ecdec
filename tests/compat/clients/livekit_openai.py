"""LiveKit's OpenAI plugin, unmodified: streams a file of PCM16, prints the speech events.

The one argument is a JSON object: `url`, `key`, `audio` (a path to 24 kHz mono), `pause_s` and
`num_finals`: how many final transcripts to wait for.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents.utils import http_context
from livekit.plugins import openai

FRAME_SAMPLES = 1_200


async def main(job: dict[str, Any], audio: bytes) -> None:
    async with aiohttp.ClientSession() as http, http_context.open():
        speech_to_text = openai.STT(
            base_url=job["url"] + "/v1",
            api_key=job["key"],
            model="gpt-4o-transcribe",
            language="en",
            use_realtime=True,
        )
        stream = speech_to_text.stream()
        sender = asyncio.create_task(send(stream, audio, job))
        num_finals = 0
        async for event in stream:
            text = event.alternatives[0].text if event.alternatives else ""
            print(json.dumps({"type": event.type.value, "text": text}), flush=True)
            num_finals += event.type.value == "final_transcript"
            if num_finals == job["num_finals"]:
                break
        await sender
        await stream.aclose()
        await http.close()


async def send(stream: Any, audio: bytes, job: dict[str, Any]) -> None:
    for at in range(0, len(audio), FRAME_SAMPLES * 2):
        data = audio[at : at + FRAME_SAMPLES * 2]
        stream.push_frame(rtc.AudioFrame(data, 24_000, 1, len(data) // 2))
        await asyncio.sleep(job["pause_s"])


asked = json.loads(sys.argv[1])
asyncio.run(main(asked, Path(asked["audio"]).read_bytes()))
