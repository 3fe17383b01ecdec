"""What `deploy/compose` starts, without containers: its nginx in front of real replicas."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from loadtest.drill_voices import Speech, speak_all
from loadtest.redis_processes import RedisProcess
from loadtest.replicas import ReplicaProcess, free_port
from server.settings import Settings
from starling_client import Final, SessionOptions
from starling_client.grpc_client import GrpcStarlingClient
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
SERVER = (sys.executable, "-m", "tests.support.scripted_server")
CLIP = pcm16(said(0.3, [1, 2, 3, 4, 5, 6, 7, 8, 9], 1.0, [10, 11, 12], 1.0))


class Nginx:
    """The nginx of the compose file, with ports of this machine for the names in it."""

    def __init__(self, folder: Path, replicas: dict[str, tuple[int, int]]) -> None:
        self._folder = folder
        self.port, self.grpc_port = free_port(), free_port()
        text = (COMPOSE / "nginx.conf").read_text(encoding="utf-8")
        for name, (port, grpc_port) in replicas.items():
            text = text.replace(f"server {name}:8080", f"server 127.0.0.1:{port}")
            text = text.replace(f"server {name}:50051", f"server 127.0.0.1:{grpc_port}")
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{self.port};")
        text = text.replace("listen 50051 ", f"listen 127.0.0.1:{self.grpc_port} ")
        paths = [
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ]
        text = text.replace("access_log off;", "\n".join(["access_log off;", *paths]))
        self._config = folder / "nginx.conf"
        self._config.write_text(f"daemon off;\npid {folder}/pid;\n{text}", encoding="utf-8")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ("-p", str(self._folder), "-e", "stderr", "-c", str(self._config))
        check = await asyncio.create_subprocess_exec("nginx", "-t", *arguments)
        assert await check.wait() == 0
        self._process = await asyncio.create_subprocess_exec("nginx", *arguments)
        async with asyncio.timeout(10):
            while not await self._answers():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def deployment(folder: Path) -> AsyncIterator[tuple[Nginx, list[ReplicaProcess]]]:
    async with AsyncExitStack() as ending:
        redis = RedisProcess(folder)
        await redis.start()
        ending.push_async_callback(redis.stop)
        replicas, ports = [], {"starling-3": (free_port(), free_port())}  # the third is down
        for name in ("starling-1", "starling-2"):
            grpc_port = free_port()
            settings = {"redis_url": redis.url, "grpc_port": grpc_port, "log_level": "error"}
            replica = ReplicaProcess(SERVER, settings)
            await replica.start()
            ending.push_async_callback(replica.kill)
            replicas.append(replica)
            ports[name] = (replica.port, grpc_port)
        nginx = Nginx(folder, ports)
        await nginx.start()
        ending.push_async_callback(nginx.stop)
        yield nginx, replicas


async def test_a_balancer_needs_no_stickiness(tmp_path):
    async with deployment(tmp_path) as (nginx, replicas):
        url = [f"ws://127.0.0.1:{nginx.port}"]
        speech = Speech((CLIP,))
        quiet = await speak_all(url, 6, speech)
        speaking = asyncio.create_task(speak_all(url, 6, speech))
        await asyncio.sleep(2.0)
        await replicas[0].kill()
        disturbed = await speaking
    assert [voice.failure for voice in disturbed] == [None] * 6
    assert [voice.said for voice in disturbed] == [voice.said for voice in quiet]
    assert 1 <= sum(len(voice.resumed_at) for voice in disturbed) <= 5


async def test_grpc_goes_through_the_same_balancer(tmp_path):
    async with deployment(tmp_path) as (nginx, _):
        client = GrpcStarlingClient(f"127.0.0.1:{nginx.grpc_port}")
        options = SessionOptions(encoding="pcm_s16le", sample_rate=16_000)
        async with client.stream(options) as session:
            session.feed([CLIP])
            texts = [event.text async for event in session if isinstance(event, Final)]
    assert texts == ["w1 w2 w3 w4 w5 w6 w7 w8 w9", "w10 w11 w12"]


def test_the_compose_file_names_what_there_is():
    compose = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    replicas = [name for name in compose["services"] if name.startswith("starling-")]
    assert len(replicas) == 3
    upstreams = re.findall(r"server (starling-\d):", (COMPOSE / "nginx.conf").read_text())
    assert sorted(set(upstreams)) == sorted(replicas)
    known = {f"STARLING_{name.upper()}" for name in Settings.model_fields}
    for name in replicas:
        service = compose["services"][name]
        assert set(service["environment"]) <= known
        drain_s = float(service["environment"]["STARLING_DRAIN_TIMEOUT_S"])
        assert float(service["stop_grace_period"].rstrip("s")) > drain_s
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
