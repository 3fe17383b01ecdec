"""Official SDKs, each in a process of its own; `make test` installs them (`make sdks`)."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "compat" / "clients"
PYTHON = ROOT / ".venv-compat" / "bin" / "python"


def command(script: str) -> list[str]:
    """Return how to run a client script: `.mjs` under Node, `.py` with the SDKs' own Python."""
    if script.endswith(".py"):
        return [str(PYTHON), str(CLIENTS / script)]
    node = shutil.which("node")
    assert node, "Node.js 20 or newer is needed: install the package nodejs"
    return [node, str(CLIENTS / script)]


async def run_client(script: str, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a client to its end and return the JSON lines that it printed."""
    process = await asyncio.create_subprocess_exec(
        *command(script),
        json.dumps(job),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2_000:]
    return [json.loads(line) for line in out.decode().splitlines()]


def of(messages: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the messages of one type."""
    return [message for message in messages if message["type"] == kind]
