"""Plain faster-whisper on whole files: what streaming is compared with.

Runs in a process of its own, so that it shares neither memory nor threads with the server under
test. `python -m loadtest.offline` reads one JSON job on stdin (see `Job`) and writes a JSON line
`{"name", "text"}` for each file as it is done.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

BEAM_SIZE = 5
TEMPERATURES = (0.0, 0.4)


def offline_options() -> dict[str, Any]:
    """Return all that decides a transcript besides weights, audio and language."""
    return {
        "beam_size": BEAM_SIZE,
        "temperature": TEMPERATURES,
        "condition_on_previous_text": False,
        "faster_whisper": version("faster-whisper"),
        "ctranslate2": version("ctranslate2"),
        "kernels": os.environ.get("CT2_FORCE_CPU_ISA", ""),
    }


@dataclass(frozen=True)
class OfflineFile:
    """A file and the language spoken in it; None has it detected."""

    name: str
    path: str
    language: str | None


@dataclass(frozen=True)
class Job:
    """Files for one model, given as a folder of CTranslate2 weights."""

    model_path: str
    device: str
    files: Sequence[OfflineFile]


class OfflineError(Exception):
    """The offline process ended before it was done."""


async def transcribe_offline(job: Job) -> AsyncIterator[tuple[str, str]]:
    """Yield each file's name and text as it is done.

    Raises `OfflineError` with the process's last words when it breaks.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "loadtest.offline", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(json.dumps(asdict(job)).encode())
        process.stdin.close()
        async for line in process.stdout:
            result = json.loads(line)
            yield result["name"], result["text"]
        if await process.wait() != 0:
            said = (await errors).decode(errors="replace").strip().splitlines()
            raise OfflineError(said[-1] if said else f"exit code {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await errors


def _main() -> None:
    import ctranslate2  # noqa: PLC0415 - only this process needs the engine
    from faster_whisper import WhisperModel  # noqa: PLC0415

    job = json.load(sys.stdin)
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    device = ("cuda" if has_gpu else "cpu") if job["device"] == "auto" else job["device"]
    # int8 on CPU and float16 on GPU, as the server does: the difference is then streaming's.
    compute_type = "float16" if device == "cuda" else "int8"
    model = WhisperModel(job["model_path"], device=device, compute_type=compute_type)
    for file in job["files"]:
        text = _transcribed(model, file["path"], file["language"])
        print(json.dumps({"name": file["name"], "text": text}), flush=True)


def _transcribed(model: Any, path: str, language: str | None) -> str:
    segments, _ = model.transcribe(
        path,
        language=language,
        beam_size=BEAM_SIZE,
        temperature=TEMPERATURES,
        condition_on_previous_text=False,
    )
    return " ".join(segment.text.strip() for segment in segments)


if __name__ == "__main__":
    _main()
