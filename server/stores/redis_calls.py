"""Runs scripts in Redis, and waits until a replica of Redis has what they wrote.

Redis replicates behind its answers: a primary that dies takes its last writes with it. So what
must not be lost is followed by WAIT on the same connection, where there is a replica that could
be promoted. Without one there is nothing to wait for.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError, RedisError

from server.stores.base import StoreUnavailableError

REPLICA_TIMEOUT_MS = 1000
"""How long a replica may take; then the write counts as failed and is repeated."""


@dataclass(frozen=True, slots=True)
class Call:
    """A script, its keys and its arguments."""

    script: str
    names: Sequence[str]
    arguments: Sequence[Any]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Know the script by its hash."""
        digest = hashlib.sha1(self.script.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


class ScriptRunner:
    """Runs calls on one client.

    Cluster takes scripts one by one, and is not waited for: its writes are on several primaries.
    """

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._is_cluster = isinstance(redis, RedisCluster)
        self._num_replicas = 0

    async def run(self, call: Call) -> Any:
        """Run a script."""
        evaluating = self._redis.evalsha(call.digest, len(call.names), *call.names, *call.arguments)
        try:
            return await reach(evaluating)
        except NoScriptError:
            evaluating = self._redis.eval(
                call.script, len(call.names), *call.names, *call.arguments
            )
            return await reach(evaluating)

    async def write(self, call: Call) -> Any:
        """Run a script whose writes must outlive this server of Redis."""
        return (await self.write_all([call]))[0]

    async def write_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one trip; return when a replica has what they wrote.

        Raises:
            StoreUnavailableError: They may have been written or not; repeat them.
        """
        if not calls:
            return []
        if self._is_cluster:
            return list(await asyncio.gather(*(self.run(call) for call in calls)))
        answers = await self._trip(calls)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            for script in {call.script for call in calls}:
                await reach(self._redis.script_load(script))
            answers = await self._trip(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise StoreUnavailableError(describe(answer)) from answer
        *said, num_reached = answers
        if num_reached == 0:
            await self.count_replicas()
            if self._num_replicas:
                raise StoreUnavailableError("no replica of Redis has taken the write")
        return said

    async def count_replicas(self) -> None:
        """Learn how many replicas follow; they come and go."""
        if self._is_cluster:
            return
        found = await reach(self._redis.info("replication"))
        named = [value for name, value in found.items() if name.startswith("slave")]
        self._num_replicas = sum(
            isinstance(replica, dict) and replica.get("state") == "online" for replica in named
        )

    async def _trip(self, calls: Sequence[Call]) -> list[Any]:
        """Return the answers, and behind them how many of the replicas waited for have it all."""
        waits = self._num_replicas > 0
        pipeline = self._redis.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(call.digest, len(call.names), *call.names, *call.arguments)
        if waits:
            pipeline.wait(1, REPLICA_TIMEOUT_MS)
        answers: list[Any] = await reach(pipeline.execute(raise_on_error=False))
        return answers if waits else [*answers, None]


async def reach(call: Awaitable[Any]) -> Any:
    """Await an answer of Redis; every failure but an unknown script means it is not available."""
    try:
        return await call
    except NoScriptError:
        raise
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailableError(describe(error)) from error


def describe(error: BaseException) -> str:
    """Say in one line why Redis is not available, for the operator's log."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of Redis is not trusted ({cause.verify_message}): "
                "name its CA in redis_url with ?ssl_ca_certs=FILE"
            )
        cause = cause.__cause__ or cause.__context__
    return " ".join(str(error).split()) or type(error).__name__
