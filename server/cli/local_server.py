"""A server in a process of its own, for the time of one command."""

import asyncio
import http.client
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from server.cli.choices import ServerChoice
from server.cli.failures import ERROR_PREFIX, CommandError, ExitCode

_STOP_GRACE_S = 10.0
_READY_POLL_S = 0.1
_NUM_KEPT_LINES = 20


@asynccontextmanager
async def chosen_server(
    choice: ServerChoice, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Give the address of the chosen server, starting one for the block when none was named.

    `settings` are variables for a server started here; what the user set goes before them.
    """
    if choice.url is not None:
        yield choice.url
        return
    async with local_server(choice, settings) as url:
        yield url


@asynccontextmanager
async def local_server(
    choice: ServerChoice, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run a server on a free port of this machine for the block and give its address.

    The server ends with the block, and also when this process dies (see `tether`). Raises
    `CommandError` with what the server said when it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(choice),
        env={**(settings or {}), **_environment()},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C is for the command, which then ends the server.
    )
    said: deque[str] = deque(maxlen=_NUM_KEPT_LINES)
    assert process.stdout is not None
    assert process.stderr is not None
    listener = asyncio.create_task(_keep_lines(process.stderr, said), name="server-stderr")
    drain: asyncio.Task[None] | None = None
    try:
        url = await _announced_url(process.stdout)
        drain = asyncio.create_task(_keep_lines(process.stdout, deque(maxlen=1)))
        if url is None or not await _became_ready(process, url):
            await listener
            raise _not_started(said)
        yield url
    finally:
        await _end(process)
        await asyncio.gather(*filter(None, (listener, drain)))


def _command(choice: ServerChoice) -> list[str]:
    # -P: a folder named `server` where the user stands must not be taken for this package.
    command = [sys.executable, "-P", "-m", "server.cli.tether", "serve"]
    command += ["--host", "127.0.0.1", "--port", "0", "--no-grpc", "--announce", "json"]
    if choice.model is not None:
        command += ["--model", choice.model]
    if choice.device is not None:
        command += ["--device", choice.device]
    return command


def _environment() -> dict[str, str]:
    """Hand on everything but the keys of some other server: this one is for us alone."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("STARLING_API_KEY")
    }


async def _announced_url(stdout: asyncio.StreamReader) -> str | None:
    """Wait for the line that tells the port; None when the server ends without it."""
    async for line in stdout:
        try:
            announcement = json.loads(line)
        except ValueError:
            continue
        if isinstance(announcement, dict) and announcement.get("event") == "listening":
            return str(announcement["url"])
    return None


async def _became_ready(process: Process, url: str) -> bool:
    """Wait until the server takes sessions; False when it ends before."""
    address = urlsplit(url).netloc
    while process.returncode is None:
        if await asyncio.to_thread(_is_ready, address):
            return True
        await asyncio.sleep(_READY_POLL_S)
    return False


def _is_ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def _keep_lines(stream: asyncio.StreamReader, kept: deque[str]) -> None:
    """Read a pipe to its end, so that the server never blocks on it."""
    while line := await _line(stream):
        if text := line.decode(errors="replace").strip():
            kept.append(text)


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # Longer than the reader's limit: nothing anyone needs to see.
        return b"\n"


def _not_started(said: deque[str]) -> CommandError:
    """Repeat the server's own error, which names the next step, or at least its last line."""
    told = [line for line in said if line.startswith(ERROR_PREFIX)]
    if told:
        reason, hint = told[-1].removeprefix(ERROR_PREFIX), ""
    else:
        reason = said[-1] if said else "it ended without a word"
        hint = "`starling serve` shows its log"
    return CommandError(
        f"The local server did not start: {reason}", hint, ExitCode.SERVER_DID_NOT_START
    )


async def _end(process: Process) -> None:
    """Ask the server to stop, then make it; returns when it is gone."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), _STOP_GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
