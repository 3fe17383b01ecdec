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
import time
import urllib.request
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.drill_voices import Outcome, Speech, speak_all
from loadtest.recordings import load_pcm, room_noise
from loadtest.replicas import SERVE, Cable, RedisProcess, ReplicaProcess

_MEBIBYTE = 1024 * 1024


@dataclass
class Stage:
    """What a fault can reach."""

    redis: RedisProcess
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
        await stage.redis.kill()
        await stage.redis.start()

    return fault


def redis_down(after_s: float, outage_s: float) -> Fault:
    """Take Redis away for a while."""

    async def fault(stage: Stage) -> None:
        await asyncio.sleep(after_s)
        stage.note_fault()
        await stage.redis.kill()
        await asyncio.sleep(outage_s)
        await stage.redis.start()
        stage.note_fault()

    return fault


@dataclass(frozen=True, slots=True)
class Plan:
    """How a drill is set up."""

    num_sessions: int
    speech: Speech
    num_replicas: int = 2
    command: tuple[str, ...] = SERVE
    settings: Mapping[str, object] = field(default_factory=dict)


async def drill(plan: Plan, fault: Fault) -> dict[str, Any]:
    """Run the sessions without and with the fault, and report."""
    async with AsyncExitStack() as ending:
        stage = await _set_up(plan, ending)
        urls = [cable.url for cable in stage.cables]
        watching = asyncio.create_task(_watch_memory(stage))
        quiet = await speak_all(urls, plan.num_sessions, plan.speech)
        quiet_rss_mb, stage.peak_rss_mb = stage.peak_rss_mb, 0.0
        before = await stage.redis.info()
        breaking = asyncio.create_task(_break(stage, fault))
        disturbed = await speak_all(urls, plan.num_sessions, plan.speech)
        caught_up_s = await breaking
        watching.cancel()
        after = await stage.redis.info()
        return report(plan, stage, quiet, disturbed) | {
            "store_caught_up_s": caught_up_s,
            "peak_rss_mb": {
                "undisturbed": round(quiet_rss_mb, 1),
                "disturbed": round(stage.peak_rss_mb, 1),
            },
            "redis": _traffic(plan, before, after),
        }


async def _break(stage: Stage, fault: Fault) -> float | None:
    """Inflict the fault; return how long after it the store had caught up."""
    await fault(stage)
    return await _wait_until_caught_up(stage)


async def _set_up(plan: Plan, ending: AsyncExitStack) -> Stage:
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    redis = RedisProcess(folder)
    await redis.start()
    ending.push_async_callback(redis.stop)
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


def report(
    plan: Plan, stage: Stage, quiet: Sequence[Outcome], disturbed: Sequence[Outcome]
) -> dict[str, Any]:
    """Compare the two runs, voice by voice."""
    pairs = list(zip(quiet, disturbed, strict=True))
    first_fault = stage.fault_at[0] if stage.fault_at else 0.0
    recovered = [
        resumed - max(at for at in [first_fault, *stage.fault_at] if at <= resumed)
        for outcome in disturbed
        for resumed in outcome.resumed_at
        if resumed >= first_fault
    ]
    since_lost = [
        resumed - lost
        for outcome in disturbed
        for lost, resumed in zip(outcome.lost_at, outcome.resumed_at, strict=False)
    ]
    heard_again = [
        heard - resumed
        for outcome in disturbed
        for resumed, heard in zip(outcome.resumed_at, outcome.heard_again_at, strict=False)
    ]
    last_fault = stage.fault_at[-1] if stage.fault_at else 0.0
    return {
        "sessions": plan.num_sessions,
        "replicas": plan.num_replicas,
        "finals": sum(len(o.said) for o in quiet),
        "identical_transcripts": sum(q.said == d.said for q, d in pairs),
        "identical_words": sum(q.text == d.text for q, d in pairs),
        "finals_lost": sum(len(set(q.said) - set(d.said)) for q, d in pairs),
        "finals_doubled": sum(len(d.said) - len({s[:2] for s in d.said}) for _, d in pairs),
        "seqs_doubled": sum(len(d.seqs) - len(set(d.seqs)) for d in disturbed),
        "seqs_out_of_order": sum(d.seqs != sorted(d.seqs) for d in disturbed),
        "closed": sum(d.is_closed for d in disturbed),
        "failures": sorted(d.failure for d in disturbed if d.failure is not None),
        "resumes": sum(len(d.resumed_at) for d in disturbed),
        "resumed_after_fault_s": _spread(recovered),
        "resumed_after_noticing_s": _spread(since_lost),
        "words_after_resumed_s": _spread(heard_again),
        "finals_between_faults": sum(
            first_fault < at < last_fault for o in disturbed for at in o.final_at
        ),
    }


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 3),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 3),
        "max": round(ordered[-1], 3),
    }


def _traffic(plan: Plan, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Any]:
    """Return what Redis saw; counters begin anew when it was restarted."""
    hours = (
        sum(
            len(plan.speech.clips[i % len(plan.speech.clips)]) / (2 * plan.speech.sample_rate_hz)
            for i in range(plan.num_sessions)
        )
        / 3600
    )
    growth = {
        name: int(after[name]) - int(before[name])
        for name in ("total_net_input_bytes", "total_net_output_bytes", "total_commands_processed")
    }
    if after["run_id"] != before["run_id"]:
        return {"counted": "not counted: Redis was restarted"}
    return {
        "session_hours": round(hours, 4),
        "in_mb_per_session_hour": round(growth["total_net_input_bytes"] / hours / 1e6, 2),
        "out_mb_per_session_hour": round(growth["total_net_output_bytes"] / hours / 1e6, 2),
        "commands_per_session_hour": round(growth["total_commands_processed"] / hours),
        "memory_kb_per_session": round(
            (int(after["used_memory"]) - int(before["used_memory"])) / plan.num_sessions / 1e3, 1
        ),
    }


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


async def _wait_until_caught_up(stage: Stage) -> float | None:
    """Return how long after the last fault every living replica had written everything."""
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
}


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
    )
    fault = FAULTS[given.fault](given.after_s, given.outage_s)
    json.dump(asyncio.run(drill(plan, fault)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
