"""Addresses of Redis: one server, Sentinel or Cluster, with or without TLS.

    redis://[user:password@]host:port/db           one server; rediss:// over TLS
    redis+sentinel://[user:password@]host:port,host:port/service[/db]
    redis+cluster://[user:password@]host:port,host:port

`rediss+sentinel` and `rediss+cluster` use TLS.
"""

from typing import Any
from urllib.parse import unquote

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ConstantBackoff

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 2.0
"""What takes longer counts as a failure; captions have stopped waiting long before."""

DEFAULT_PORT = {"redis": 6379, "sentinel": 26379, "cluster": 6379}

AnyRedis = Redis | RedisCluster


def _connection_options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": ANSWER_TIMEOUT_S,
        "decode_responses": False,
    }


def _retry() -> Retry:
    """Repeat once: a pooled connection may have died while nobody looked."""
    return Retry(ConstantBackoff(0.05), 1)


def connect(url: str) -> AnyRedis:
    """Return a client; it connects when it is first used.

    Raises:
        ValueError: The address is of no known form.
    """
    scheme, _, rest = url.partition("://")
    base, _, kind = scheme.partition("+")
    if base not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster") or not rest:
        raise ValueError("use redis://, rediss://, redis+sentinel:// or redis+cluster://")
    if not kind:
        return Redis.from_url(url, retry=_retry(), **_connection_options())
    login, _, where = rest.rpartition("@")
    hosts, _, path = where.partition("/")
    username, _, password = login.partition(":")
    options = _connection_options() | {"ssl": base == "rediss"}
    if login:
        options |= {"username": unquote(username) or None, "password": unquote(password)}
    addresses = [_address(host, DEFAULT_PORT[kind]) for host in hosts.split(",") if host]
    if kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in addresses]
        return RedisCluster(startup_nodes=nodes, retry=_retry(), **options)
    service, _, db = path.partition("/")
    if not service:
        raise ValueError("a Sentinel address ends in /SERVICE, the name of the master")
    timeouts = {"socket_timeout": ANSWER_TIMEOUT_S, "socket_connect_timeout": CONNECT_TIMEOUT_S}
    sentinel = Sentinel(addresses, sentinel_kwargs=timeouts)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(service, db=int(db or 0), retry=_retry(), **options)
    return master


def _address(host: str, default_port: int) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return (name, int(port)) if name else (host, default_port)
