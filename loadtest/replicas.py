"""Processes of a drill: replicas, and a network in front of them that can be cut."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

START_TIMEOUT_S = 120.0

SERVE = (sys.executable, "-m", "server", "serve", "--announce", "json", "--port")
"""What starts a replica; the port follows."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ReplicaProcess:
    """One server process on a port of its own, which it keeps over restarts."""

    def __init__(self, command: Sequence[str], settings: Mapping[str, object]) -> None:
        self._command = command
        self._environment = os.environ | {
            f"STARLING_{name.upper()}": str(value) for name, value in settings.items()
        }
        self.port = free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The address clients use."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, str(self.port), stdout=PIPE, stderr=DEVNULL, env=self._environment
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await self._process.stdout.readline()
        if not line or json.loads(line)["event"] != "listening":
            raise RuntimeError("a replica did not start")

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to drain and wait until it has."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(how)
        await self._process.wait()


@dataclass
class Cable:
    """A TCP proxy that can go dead: bytes then vanish and no connection is closed.

    New connections still work after `cut`, as they do when a route has changed.
    """

    target_port: int
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None] | None] = field(default_factory=set)
    _live: set["_Link"] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The address clients use."""
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begin to take connections."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Let all present connections go dead, both ways; return how many."""
        num_cut = len(self._live)
        for link in self._live:
            link.is_dead = True
        self._live.clear()
        return num_cut

    async def close(self) -> None:
        """End all connections and take no more."""
        if self._server is not None:
            self._server.close()
        tasks = [task for task in self._tasks if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        link, task = _Link(), asyncio.current_task()
        self._live.add(link)
        self._tasks.add(task)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(link.pump(reader, far_writer))
                tasks.create_task(link.pump(far_reader, writer))
        finally:
            self._live.discard(link)
            self._tasks.discard(task)
            writer.close()
            far_writer.close()


class _Link:
    """One connection through a cable."""

    def __init__(self) -> None:
        self.is_dead = False

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not self.is_dead:
                    writer.write(data)
                    await writer.drain()
        # A dead cable tells nobody that an end has closed.
        if not self.is_dead:
            writer.close()
