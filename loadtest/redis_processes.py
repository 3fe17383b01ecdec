"""Redis of a drill: one server, or a primary with replicas and the Sentinels that watch them."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

from loadtest.replicas import START_TIMEOUT_S, free_port

SERVICE = "captions"
QUORUM = 2
SENTINEL_CONFIG = """port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor {service} 127.0.0.1 {primary} {quorum}
sentinel down-after-milliseconds {service} 500
sentinel failover-timeout {service} 3000
"""


class RedisProcess:
    """A redis-server that keeps port and data (append-only file) over restarts."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The address replicas use."""
        return f"redis://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until it answers with its data loaded."""
        self._process = await asyncio.create_subprocess_exec(
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
            *("--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always"),
            *self._options,
            stdout=DEVNULL,
        )
        await until(self._answers)

    async def info(self) -> dict[str, str]:
        """Return what INFO says."""
        text = await ask(self.port, "INFO")
        lines = (line.split(":", 1) for line in text.splitlines() if ":" in line)
        return dict(lines)

    async def kill(self) -> None:
        """End it at once."""
        self.resume()
        await self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it answer nothing, as a machine does that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it in good order."""
        self.resume()
        await self._end(signal.SIGTERM)

    async def _answers(self) -> bool:
        try:
            return (await ask(self.port, "PING")).startswith("+PONG")
        except OSError:
            return False

    async def _end(self, how: signal.Signals) -> None:
        self._signal(how)
        if self._process is not None:
            await self._process.wait()

    def _signal(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)


class RedisGroup:
    """A primary, its replicas and three Sentinels, which promote a replica when it dies."""

    def __init__(self, folder: Path, num_replicas: int = 2, num_sentinels: int = 3) -> None:
        self._folder = folder
        first = RedisProcess(_made(folder / "0"), "--repl-diskless-sync-delay", "0")
        follow = ("--replicaof", f"127.0.0.1 {first.port}", "--repl-diskless-sync-delay", "0")
        self.nodes = [first] + [
            RedisProcess(_made(folder / str(number)), *follow)
            for number in range(1, num_replicas + 1)
        ]
        self._sentinel_ports = [free_port() for _ in range(num_sentinels)]
        self._sentinels: list[Process] = []

    @property
    def url(self) -> str:
        """The address replicas use."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinel_ports)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    async def start(self) -> None:
        """Start all and wait until everybody knows of everybody."""
        for node in self.nodes:
            await node.start()
        for port in self._sentinel_ports:
            folder = _made(self._folder / f"sentinel-{port}")
            config = folder / "sentinel.conf"
            config.write_text(
                SENTINEL_CONFIG.format(
                    port=port,
                    folder=folder,
                    service=SERVICE,
                    primary=self.nodes[0].port,
                    quorum=min(QUORUM, len(self._sentinel_ports)),
                ),
                encoding="ascii",
            )
            command = ("redis-server", str(config), "--sentinel")
            process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL)
            self._sentinels.append(process)
        await until(self._is_complete)
        await until(self._all_follow)

    async def info(self) -> dict[str, str]:
        """Return what the primary's INFO says."""
        return await (await self.primary()).info()

    async def primary(self) -> RedisProcess:
        """Return the node that the Sentinels name."""
        told = await ask(self._sentinel_ports[0], f"SENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}")
        return next(node for node in self.nodes if f"\r\n{node.port}\r\n" in told)

    async def kill_primary(self) -> None:
        """Kill the primary and wait until a replica has been promoted."""
        killed = await self.primary()
        await killed.kill()
        await self.until_promoted(killed)

    async def until_promoted(self, before: RedisProcess) -> None:
        """Wait until another than the primary before takes writes."""

        async def is_promoted() -> bool:
            primary = await self.primary()
            return primary is not before and (await primary.info())["role"] == "master"

        await until(is_promoted)

    async def stop(self) -> None:
        """End all."""
        for process in self._sentinels:
            process.kill()
            await process.wait()
        for node in self.nodes:
            await node.kill()

    async def _all_follow(self) -> bool:
        # A Sentinel names a replica from its first word on, while it still takes its first copy.
        told = await self.nodes[0].info()
        return sum("state=online" in value for value in told.values()) == len(self.nodes) - 1

    async def _is_complete(self) -> bool:
        return all([await self._knows_all(port) for port in self._sentinel_ports])

    async def _knows_all(self, port: int) -> bool:
        try:
            told = (await ask(port, f"SENTINEL MASTER {SERVICE}")).split("\r\n")
        except OSError:
            return False
        known = dict(zip(told[2::4], told[4::4], strict=False))
        wanted = (len(self.nodes) - 1, len(self._sentinel_ports) - 1)
        found = (known.get("num-slaves"), known.get("num-other-sentinels"))
        return found == tuple(map(str, wanted))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for other processes, which tell nobody."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def ask(port: int, command: str) -> str:
    """Return the beginning of Redis's answer as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{command}\r\n".encode())
    answer = await reader.read(65536)
    writer.close()
    return answer.decode()
