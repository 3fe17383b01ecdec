"""Real redis-servers of the test's own, on free ports: one, with TLS, by Sentinel, a Cluster."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.certificates import self_signed


class RedisServer:
    """Keeps its port and its data (append-only file, synced at once) over restarts."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder / "data"
        self._folder.mkdir()
        self._copy = folder / "copy"
        self.options = options
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
        command += ["--save", "", *self.options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_port(self.port)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def keep_copy(self) -> None:
        """Remember all that is written by now."""
        shutil.copytree(self._folder, self._copy)

    def go_back(self) -> None:
        """Die, and come back with what the copy holds, as a replica does that was behind."""
        self.kill()
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder)
        self.start()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=10)


NUM_NODES = 3
NUM_SLOTS = 16384


@contextmanager
def redis_cluster() -> Iterator[str]:
    """A Cluster of three nodes that share the slots; yields its address."""
    with ExitStack() as ending:
        nodes = [
            ending.enter_context(redis_server("--cluster-enabled", "yes", "--cluster-port", port))
            for port in (str(free_port()) for _ in range(NUM_NODES))
        ]
        for index, node in enumerate(nodes):
            first, last = (NUM_SLOTS * at // NUM_NODES for at in (index, index + 1))
            _ask(node.port, f"CLUSTER ADDSLOTSRANGE {first} {last - 1}")
            _ask(node.port, f"CLUSTER SET-CONFIG-EPOCH {index + 1}")
            bus = node.options[-1]
            _ask(nodes[0].port, f"CLUSTER MEET 127.0.0.1 {node.port} {bus}")
        while not all(_is_whole(node) for node in nodes):
            time.sleep(0.02)
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def _is_whole(node: "RedisServer") -> bool:
    told = _ask(node.port, "CLUSTER INFO")
    return "cluster_state:ok" in told and f"cluster_known_nodes:{NUM_NODES}" in told


@contextmanager
def redis_tls() -> Iterator[tuple[str, Path]]:
    """A server with TLS; yields its address, without options, and its CA."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = self_signed(Path(folder), "redis")
        port = free_port()
        options = ("--tls-port", str(port), "--tls-auth-clients", "no")
        files = ("--tls-cert-file", str(certificate))
        files += ("--tls-key-file", str(certificate.with_suffix(".key")))
        with redis_server(*options, *files):
            yield f"rediss://localhost:{port}", certificate


@contextmanager
def redis_sentinel() -> Iterator[str]:
    """A server and its replica, watched by one Sentinel; yields the address of the service."""
    with ExitStack() as ending:
        folder = ending.enter_context(tempfile.TemporaryDirectory())
        server = ending.enter_context(redis_server("--repl-diskless-sync-delay", "0"))
        ending.enter_context(redis_server("--replicaof", f"127.0.0.1 {server.port}"))
        while "state=online" not in _ask(server.port, "INFO replication"):
            time.sleep(0.02)
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
