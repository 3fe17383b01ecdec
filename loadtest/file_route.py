"""Sends a file to OpenAI's route of a server and follows its server-sent events."""

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

BOUNDARY = "starling-long-file"
READ_BYTES = 64 * 1024
TIMEOUT_S = 3_600.0


@dataclass(frozen=True)
class FileRun:
    """A file's text, how long it took from the first byte sent, and when its deltas came."""

    text: str
    seconds: float
    delta_at_s: tuple[float, ...]


class FileRunError(Exception):
    """The server did not transcribe the file; the message is its own."""


def send_file(url: str, path: Path, language: str) -> FileRun:
    """Transcribe a file with progress.

    Raises `FileRunError` when the server refuses or fails.
    """
    fields = {"model": "whisper-1", "language": language, "stream": "true"}
    head, tail = _around(fields, path.name)
    size = len(head) + path.stat().st_size + len(tail)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    started_at = time.monotonic()
    try:
        connection.request(
            "POST",
            "/v1/audio/transcriptions",
            body=_body(head, path, tail),
            headers={
                "content-type": f"multipart/form-data; boundary={BOUNDARY}",
                "content-length": str(size),
            },
        )
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise FileRunError(response.read().decode(errors="replace"))
        return _follow(response, started_at)
    finally:
        connection.close()


def _follow(response: http.client.HTTPResponse, started_at: float) -> FileRun:
    delta_at_s: list[float] = []
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line.removeprefix(b"data: "))
        if event.get("type") == "transcript.text.delta":
            delta_at_s.append(time.monotonic() - started_at)
        elif event.get("type") == "transcript.text.done":
            return FileRun(event["text"], time.monotonic() - started_at, tuple(delta_at_s))
        else:
            raise FileRunError(json.dumps(event))
    raise FileRunError("the answer ended before the file did")


def _around(fields: dict[str, str], name: str) -> tuple[bytes, bytes]:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    file_head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return ("".join(parts) + file_head).encode(), f"\r\n--{BOUNDARY}--\r\n".encode()


def _body(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            yield data
    yield tail
