"""A real redis-server of the test's own, on a free port, that can be stopped and brought back."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RedisServer:
    """Keeps its port and its data (append-only file, synced at once) over restarts."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always"]
        command += ["--save", "", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_port(self.port)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=10)


@contextmanager
def redis_cluster() -> Iterator[str]:
    """A Cluster of one node that has all slots; yields its address."""
    with redis_server("--cluster-enabled", "yes") as server:
        _ask(server.port, "CLUSTER ADDSLOTSRANGE 0 16383")
        while "cluster_state:ok" not in _ask(server.port, "CLUSTER INFO"):
            time.sleep(0.02)
        yield f"redis+cluster://127.0.0.1:{server.port}"


@contextmanager
def redis_sentinel() -> Iterator[str]:
    """A server watched by one Sentinel; yields the address of the service."""
    with redis_server() as server, tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "sentinel.conf", free_port()
        watch = f"sentinel monitor captions 127.0.0.1 {server.port} 1"
        config.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n{watch}\n")
        command = ["redis-server", str(config), "--sentinel"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield f"redis+sentinel://127.0.0.1:{port}/captions"
        finally:
            process.terminate()
            process.wait(timeout=10)


def _ask(port: int, command: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(65536).decode()


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, timeout_s: float = 10.0) -> None:
    """Return once something listens on the port and answers as Redis does when it has loaded."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answers on port {port}")
        time.sleep(0.02)
