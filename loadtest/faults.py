"""What a drill breaks: replicas, the network, Redis, and two of them at once."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.redis_processes import RedisGroup, RedisProcess
from loadtest.replicas import Cable, ReplicaProcess

AnyRedis = RedisProcess | RedisGroup


@dataclass
class Stage:
    """What a fault can reach."""

    redis: AnyRedis
    replicas: list[ReplicaProcess]
    cables: list[Cable]
    fault_at: list[float] = field(default_factory=list)
    peak_rss_mb: float = 0.0

    def note_fault(self) -> None:
        """Remember that something breaks now."""
        self.fault_at.append(time.monotonic())


Fault = Callable[[Stage], Coroutine[Any, Any, None]]


async def nothing(_: Stage) -> None:
    """Break nothing."""


def kill(after_s: float) -> Fault:
    """Kill the first replica without warning."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        await stage.replicas[0].kill()

    return fault


def cut(after_s: float) -> Fault:
    """Let every connection to the first replica go dead without a goodbye."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        stage.cables[0].cut()

    return fault


def roll(after_s: float) -> Fault:
    """Stop and start every replica, one after the other."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        for replica in stage.replicas:
            stage.note_fault()
            await replica.stop()
            await replica.start()

    return fault


def redis_restart(after_s: float) -> Fault:
    """Kill Redis and start it again with what it had written."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        redis = _one(stage)
        await redis.kill()
        await redis.start()

    return fault


def redis_down(after_s: float, outage_s: float) -> Fault:
    """Take Redis away for a while."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        redis = _one(stage)
        await redis.kill()
        await asyncio.sleep(outage_s)
        await redis.start()
        stage.note_fault()

    return fault


def kill_while_redis_is_away(after_s: float, outage_s: float) -> Fault:
    """Take Redis away, kill the first replica in the middle of that, bring Redis back."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        redis = _one(stage)
        await redis.kill()
        await asyncio.sleep(outage_s / 2)
        stage.note_fault()
        await stage.replicas[0].kill()
        await asyncio.sleep(outage_s / 2)
        await redis.start()
        stage.note_fault()

    return fault


def failover(after_s: float) -> Fault:
    """Kill the primary of a Redis group, and once a replica is promoted a replica of ours."""

    async def fault(stage: Stage) -> None:
        assert isinstance(stage.redis, RedisGroup)
        await asyncio.sleep(after_s)
        stage.note_fault()
        await stage.redis.kill_primary()
        await until_caught_up(stage)
        stage.note_fault()
        await stage.replicas[0].kill()

    return fault


def _one(stage: Stage) -> RedisProcess:
    assert isinstance(stage.redis, RedisProcess)
    return stage.redis


async def until_caught_up(stage: Stage) -> float | None:
    """Wait for every living replica to have written everything; return how long after the fault."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        states = [await asyncio.to_thread(_store_state, replica.port) for replica in stage.replicas]
        if all(state in ("ready", "gone") for state in states):
            return round(time.monotonic() - stage.fault_at[-1], 2) if stage.fault_at else 0.0
        await asyncio.sleep(0.1)
    return None


def _store_state(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return str(json.load(answer)["components"]["store"])
    except OSError:
        return "gone"


FAULTS: Mapping[str, Callable[[float, float], Fault]] = {
    "none": lambda _after, _outage: nothing,
    "kill": lambda after_s, _: kill(after_s),
    "cut": lambda after_s, _: cut(after_s),
    "roll": lambda after_s, _: roll(after_s),
    "redis-restart": lambda after_s, _: redis_restart(after_s),
    "redis-down": redis_down,
    "kill-while-redis-is-away": kill_while_redis_is_away,
    "failover": lambda after_s, _: failover(after_s),
}

NEEDS_GROUP = frozenset({"failover"})
"""Faults that need a Redis with replicas and Sentinels."""
