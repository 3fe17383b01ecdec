"""Redis over TLS whose certificate cannot be trusted: refused, and said in one line."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from loadtest.replicas import free_port
from server.stores.base import StoreUnavailableError
from server.stores.redis import RedisStore
from tests.support.certificates import self_signed
from tests.support.redis_server import redis_tls

pytestmark = pytest.mark.integration


async def refusal(url: str) -> str:
    store = RedisStore(url, 60.0)
    with pytest.raises(StoreUnavailableError) as refused:
        await store.load("s1")
    await store.close()
    return str(refused.value)


async def test_a_certificate_of_another_ca_is_refused_and_said_in_one_line(tmp_path: Path):
    other = self_signed(tmp_path, "other")
    with redis_tls() as (url, _):
        for address in (url, f"{url}?ssl_ca_certs={other}"):
            reason = await refusal(address)
            assert reason.startswith("the certificate of Redis is not trusted")
            assert reason.endswith("name its CA in redis_url with ?ssl_ca_certs=FILE")
            assert "\n" not in reason


async def test_a_certificate_for_another_name_is_refused():
    with redis_tls() as (url, ca):
        reason = await refusal(f"{url.replace('localhost', '127.0.0.1')}?ssl_ca_certs={ca}")
        assert "127.0.0.1" in reason


async def test_the_operator_reads_the_reason_in_the_log(tmp_path: Path):
    with redis_tls() as (url, _):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.scripted_server", str(free_port())),
            env={
                "PATH": "",
                "PYTHONPATH": ":".join(sys.path),
                "STARLING_REDIS_URL": url,
                "STARLING_GRPC_PORT": "0",
                "STARLING_LOG_FORMAT": "json",
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        async for line in process.stderr:
            told = json.loads(line)
            if told["event"] == "store degraded":
                break
        process.kill()
        await process.wait()
    assert "not trusted" in told["reason"]
