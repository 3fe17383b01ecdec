"""OpenAI's own Python SDK, unmodified: sends a file, prints the answer.

The one argument is a JSON object: `url`, `key`, `audio` (a path), `options` of `create`, and
`call`: `transcriptions`, `translations` or `models`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from openai import APIStatusError, OpenAI


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def main(job: dict[str, Any]) -> None:
    client = OpenAI(base_url=f"{job['url']}/v1", api_key=job["key"], max_retries=0)
    try:
        if job["call"] == "models":
            for model in client.models.list().data:
                tell(type="Model", id=client.models.retrieve(model.id).id)
            return
        with Path(job["audio"]).open("rb") as file:
            create = getattr(client.audio, job["call"]).create
            answer = create(file=file, **job["options"])
            if job["options"].get("stream"):
                for event in answer:
                    tell(**event.model_dump())
            elif isinstance(answer, str):
                tell(type="Answer", text=answer)
            else:
                tell(type="Answer", **answer.model_dump())
    except APIStatusError as error:
        tell(type="Error", kind=type(error).__name__, status=error.status_code, body=error.body)


main(json.loads(sys.argv[1]))
