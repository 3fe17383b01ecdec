"""Breaks replicas, network and Redis under live sessions and compares with an undisturbed run.

    python -m loadtest.drill kill --sessions 40 --model tiny.en clip.flac ...

It starts its own Redis and replicas on free ports and prints a JSON report. A transcript counts
as identical only if every final has the same number, words and times as without the fault.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.drill_report import report, traffic
from loadtest.drill_voices import Outcome, Speech, speak_all
from loadtest.faults import FAULTS, NEEDS_GROUP, AnyRedis, Fault, Stage, until_caught_up
from loadtest.recordings import load_pcm, room_noise
from loadtest.redis_processes import RedisGroup, RedisProcess
from loadtest.replicas import SERVE, Cable, ReplicaProcess

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """How a drill is set up."""

    num_sessions: int
    speech: Speech
    num_replicas: int = 2
    command: tuple[str, ...] = SERVE
    settings: Mapping[str, object] = field(default_factory=dict)
    has_redis_group: bool = False
    """Whether Redis is a primary with replicas and Sentinels."""


async def drill(
    plan: Plan, fault: Fault, undisturbed: Sequence[Outcome] | None = None
) -> dict[str, Any]:
    """Run the sessions without and with the fault, and report.

    `undisturbed` is what they heard without it, where that is known.
    """
    async with AsyncExitStack() as ending:
        stage = await _set_up(plan, ending)
        urls = [cable.url for cable in stage.cables]
        watching = asyncio.create_task(_watch_memory(stage))
        quiet_rss_mb = None
        if undisturbed is None:
            undisturbed = await speak_all(urls, plan.num_sessions, plan.speech)
            quiet_rss_mb, stage.peak_rss_mb = round(stage.peak_rss_mb, 1), 0.0
        before = await stage.redis.info()
        breaking = asyncio.create_task(_break(stage, fault))
        disturbed = await speak_all(urls, plan.num_sessions, plan.speech)
        caught_up_s = await breaking
        watching.cancel()
        after = await stage.redis.info()
        return {
            "sessions": plan.num_sessions,
            "replicas": plan.num_replicas,
            **report(stage.fault_at, undisturbed, disturbed),
            "store_caught_up_s": caught_up_s,
            "peak_rss_mb": {
                "undisturbed": quiet_rss_mb,
                "disturbed": round(stage.peak_rss_mb, 1),
            },
            "redis": traffic(plan.speech, plan.num_sessions, before, after),
        }


async def undisturbed(plan: Plan) -> list[Outcome]:
    """Run the sessions without a fault and return what they heard."""
    async with AsyncExitStack() as ending:
        stage = await _set_up(plan, ending)
        urls = [cable.url for cable in stage.cables]
        return await speak_all(urls, plan.num_sessions, plan.speech)


async def _break(stage: Stage, fault: Fault) -> float | None:
    """Inflict the fault; return how long after it the store had caught up."""
    await fault(stage)
    return await until_caught_up(stage)


async def _set_up(plan: Plan, ending: AsyncExitStack) -> Stage:
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    redis: AnyRedis = RedisGroup(folder) if plan.has_redis_group else RedisProcess(folder)
    ending.push_async_callback(redis.stop)
    await redis.start()
    settings = {"redis_url": redis.url, "grpc_port": 0, "log_level": "error", **plan.settings}
    replicas, cables = [], []
    for _ in range(plan.num_replicas):
        replica = ReplicaProcess(plan.command, settings)
        await replica.start()
        ending.push_async_callback(replica.kill)
        cable = Cable(replica.port)
        await cable.start()
        ending.push_async_callback(cable.close)
        replicas.append(replica)
        cables.append(cable)
    return Stage(redis, replicas, cables)


async def _watch_memory(stage: Stage) -> None:
    while True:
        for replica in stage.replicas:
            stage.peak_rss_mb = max(stage.peak_rss_mb, _rss_mb(replica.pid))
        await asyncio.sleep(0.2)


def _rss_mb(pid: int) -> float:
    """Return a process's resident memory (Linux); 0 when it has gone."""
    try:
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(statm.split()[1]) * resource.getpagesize() / _MEBIBYTE


def main() -> None:
    """Run one drill from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("clips", nargs="+", type=Path, help="recordings, one a voice in turn")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--after-s", type=float, default=5.0, help="when it breaks")
    parser.add_argument("--outage-s", type=float, default=30.0, help="how long Redis is away")
    parser.add_argument("--ping-timeout-s", type=float, default=2.0)
    given = parser.parse_args()
    clips = tuple(load_pcm(path) + room_noise(1.0) for path in given.clips)
    plan = Plan(
        given.sessions,
        Speech(clips, ping_timeout_s=given.ping_timeout_s),
        given.replicas,
        settings={"model": given.model, "max_sessions": 2 * given.sessions},
        has_redis_group=given.fault in NEEDS_GROUP,
    )
    fault = FAULTS[given.fault](given.after_s, given.outage_s)
    json.dump(asyncio.run(drill(plan, fault)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
