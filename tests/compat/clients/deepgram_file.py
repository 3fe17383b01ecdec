"""Deepgram's own Python SDK, unmodified: sends a file, prints the answer.

The one argument is a JSON object: `url`, `key`, `options` of `transcribe_file`, `audio` (a path).
With `address` it sends that instead of a file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment


def main(job: dict[str, Any]) -> None:
    http, socket_url = job["url"], job["url"].replace("http", "ws", 1)
    here = DeepgramClientEnvironment(
        base=http, production=socket_url, agent=socket_url, agent_rest=http
    )
    media = DeepgramClient(api_key=job["key"], environment=here).listen.v1.media
    try:
        if "address" in job:
            answer = media.transcribe_url(url=job["address"], **job["options"])
        else:
            audio = Path(job["audio"]).read_bytes()
            answer = media.transcribe_file(request=audio, **job["options"])
    except ApiError as error:
        said = {"type": "Error", "status": error.status_code, "body": error.body}
        print(json.dumps(said, default=lambda model: model.dict()))
        return
    print(json.dumps({"type": "Answer", **json.loads(answer.json())}))


main(json.loads(sys.argv[1]))
