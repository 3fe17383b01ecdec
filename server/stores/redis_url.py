"""Addresses of Redis: one server, Sentinel or Cluster, with or without TLS.

    redis://[user:password@]host:port[/db]         one server
    redis+sentinel://[user:password@]host:port,host:port/service[/db]
    redis+cluster://[user:password@]host:port,host:port

`rediss`, `rediss+sentinel` and `rediss+cluster` use TLS, with the Sentinels too. Behind a `?`,
`OPTIONS` say which certificates: `rediss://host:6379?ssl_ca_certs=/etc/redis/ca.pem`.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ConstantBackoff

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 2.0
"""What takes longer counts as a failure; captions have stopped waiting long before."""

KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}
"""A subscription that waits hears of a machine that has vanished by this alone, in 25 s."""

DEFAULT_PORT = {"redis": 6379, "sentinel": 26379, "cluster": 6379}

OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Files: the CA that Redis's certificate must be of, and a certificate of our own with its key."""

AnyRedis = Redis | RedisCluster


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """An address, taken apart."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    path: tuple[str, ...]
    login: dict[str, str]
    tls: dict[str, str] | None

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Take an address apart.

        Raises:
            ValueError: It is of no known form.
        """
        scheme, _, rest = url.partition("://")
        base, _, kind = scheme.partition("+")
        rest, _, query = rest.partition("?")
        if base not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster") or not rest:
            raise ValueError("use redis://, rediss://, redis+sentinel:// or redis+cluster://")
        login, _, where = rest.rpartition("@")
        hosts, *path = where.split("/")
        default_port = DEFAULT_PORT[kind or "redis"]
        addresses = tuple(_host(host, default_port) for host in hosts.split(",") if host)
        return cls(
            kind or "redis",
            addresses or (("localhost", default_port),),
            tuple(part for part in path if part),
            _login(login),
            _tls(query, is_used=base == "rediss"),
        )

    @property
    def connection(self) -> dict[str, Any]:
        """What every connection is made with, whoever is at its other end."""
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_timeout": ANSWER_TIMEOUT_S,
            "socket_keepalive": True,
            "socket_keepalive_options": KEEPALIVE,
        }
        return options if self.tls is None else {**options, "ssl": True, **self.tls}


def connect(url: str) -> AnyRedis:
    """Return a client; it connects when it is first used.

    Raises:
        ValueError: The address is of no known form.
    """
    address = RedisAddress.parse(url)
    options = {**address.connection, **address.login, "retry": _retry()}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, **options)
    if address.kind == "redis":
        (host, port), *more = address.hosts
        if more:
            raise ValueError("redis:// takes one host; for several use redis+cluster://")
        return Redis(host=host, port=port, db=_db(address.path), **options)
    if not address.path:
        raise ValueError("a Sentinel address ends in /SERVICE, the name of the master")
    service, *rest = address.path
    sentinel = Sentinel(address.hosts, sentinel_kwargs=address.connection)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(service, db=_db(rest), **options)
    return master


def _retry() -> Retry:
    """Repeat once: a pooled connection may have died while nobody looked."""
    return Retry(ConstantBackoff(0.05), 1)


def _db(path: tuple[str, ...] | list[str]) -> int:
    return int(path[0]) if path else 0


def _host(text: str, default_port: int) -> tuple[str, int]:
    name, _, port = text.rpartition(":")
    if not name or text.endswith("]"):
        name, port = text, str(default_port)
    return name.strip("[]"), int(port)


def _login(text: str) -> dict[str, str]:
    username, _, password = text.partition(":")
    named = {"username": unquote(username), "password": unquote(password)}
    return {name: value for name, value in named.items() if value}


def _tls(query: str, *, is_used: bool) -> dict[str, str] | None:
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in given.items():
        if name not in OPTIONS:
            raise ValueError(f"there is no option {name}; use {', '.join(OPTIONS)}")
        if not is_used:
            raise ValueError(f"{name} is for TLS; write rediss instead of redis")
        if not Path(value).is_file():
            raise ValueError(f"{name}: there is no file {value}")
    return given if is_used else None
