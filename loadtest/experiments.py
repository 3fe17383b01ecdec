"""The kinds of load test: one load, the knee, an overload with recovery, a soak."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from loadtest import measures
from loadtest.delays import curve, summary
from loadtest.knee import Limits, Search, broken_limits
from loadtest.load_report import Material, Window, delays, losses, timing
from loadtest.load_run import LoadPlan, LoadRun, LoadRunError, run_load
from loadtest.metric_readings import Reading
from loadtest.replay import SaidTwice, replay
from loadtest.server_use import server_use, timeline
from loadtest.streamed import Target
from loadtest.voices import Mix, Voice, deal_styles

RAMP_S = 8.0
"""Voices start at random moments within this time: about an utterance and its pause."""

SOAK_SESSION_S = 180.0
"""In a soak, sessions come and go: one that leaks when it ends would otherwise not show."""

CALM_S = 60.0
"""How long an overload is preceded and at least followed by the normal load."""

NUM_SLICES = 10
RECOVERY_SLICE_S = 5.0

TURN_S = 30.0
NUM_TURNS = 6
"""Of the load and the bare engine: the pace of a shared machine changes within a minute."""


@dataclass(frozen=True)
class Stage:
    """Where experiments run: the server, what is said there and how progress is told.

    `tell` is called with what runs, the seconds so far, the seconds in all and the newest reading.
    """

    target: Target
    material: Material
    mix: Mix
    language: str | None
    seed: int
    tell: Callable[[str, float, float, Reading | None], None]

    async def run(self, label: str, voices: Sequence[Voice]) -> LoadRun:
        """Run these voices to their ends."""
        plan = LoadPlan(self.target, self.material.clips, voices, self.language, self.seed)
        ends_s = plan.ends_s
        return await run_load(plan, lambda run_s, newest: self.tell(label, run_s, ends_s, newest))

    async def say_again(self, run: LoadRun) -> list[SaidTwice]:
        """Say some of a run's sessions again, without load."""
        label = "some sessions again, without load"
        return await replay(
            run.results,
            self.material.clips,
            self.target,
            self.language,
            lambda done_s, all_s: self.tell(label, done_s, all_s, None),
        )

    def voices(
        self, num_voices: int, window: Window, *, session_s: float = float("inf"), first: int = 0
    ) -> list[Voice]:
        """Make voices of the mix that start at random moments of a ramp and end together."""
        rng = self._phases(first)
        ramp_s = min(RAMP_S, (window.to_s - window.from_s) / 4)
        return [
            Voice(
                number=first + index,
                style=style,
                starts_s=window.from_s + (rng.uniform(0.0, ramp_s) if num_voices > 1 else 0.0),
                ends_s=window.to_s,
                session_s=session_s,
            )
            for index, style in enumerate(deal_styles(self.mix, num_voices))
        ]

    def _phases(self, first: int) -> random.Random:
        return random.Random(f"{self.seed}/phases/{first}")  # noqa: S311 - repeatable, not secret


async def steady_load(stage: Stage, num_voices: int, seconds: float) -> dict[str, Any]:
    """Hold a number of voices for a while; timing is of the steady state after the ramp."""
    whole = Window(0.0, seconds)
    run = await stage.run(f"{num_voices} voices", stage.voices(num_voices, whole))
    return await _report(stage, run, num_voices, Window(min(RAMP_S, seconds / 4), seconds))


async def find_knee(
    stage: Stage, first: int, seconds: float, limits: Limits, on_try: Callable[[str], None]
) -> dict[str, Any]:
    """Find the largest number of voices that breaks no limit; `on_try` is told each try."""
    search = Search(first)
    tries: list[dict[str, Any]] = []
    while (num_voices := search.next_try()) is not None:
        report = await steady_load(stage, num_voices, seconds)
        report["broken_limits"] = broken_limits(report["losses"], report["timing"], limits)
        tries.append(report)
        search = search.after(num_voices, is_carried=not report["broken_limits"])
        on_try(_try_line(report))
    tries.sort(key=lambda report: report["voices"])
    return {
        "knee": search.carried,
        "limits": {"final_p95_s": limits.final_p95_s, "error_rate_rise": limits.error_rate_rise},
        "at_knee": next((r for r in tries if r["voices"] == search.carried), None),
        "tries": tries,
    }


async def overload(
    stage: Stage, num_voices: int, factor: float, seconds: float, limits: Limits
) -> dict[str, Any]:
    """Hold a normal load, `factor` times as much for `seconds`, and the normal load again."""
    after_s = max(CALM_S, seconds / 3)
    ends = (CALM_S, CALM_S + seconds, CALM_S + seconds + after_s)
    num_more = max(1, round((factor - 1) * num_voices))
    voices = stage.voices(num_voices, Window(0.0, ends[2]))
    voices += stage.voices(num_more, Window(CALM_S, ends[1]), first=num_voices)
    label = f"{num_voices} voices, then {num_voices + num_more}, then {num_voices}"
    run = await stage.run(label, voices)
    starts = (RAMP_S, CALM_S + RAMP_S, ends[1])
    phases = [
        {"phase": name, **timing(run, stage.material, Window(from_s, to_s))}
        for name, from_s, to_s in zip(("before", "overload", "after"), starts, ends, strict=True)
    ]
    report = await _report(stage, run, num_voices, Window(RAMP_S, ends[2]))
    return report | {
        "factor": factor,
        "voices_at_overload": num_voices + num_more,
        "phases": phases,
        "recovery_s": recovery_s(report["finals"], ends[1], limits.final_p95_s),
    }


async def in_turns(
    stage: Stage,
    num_voices: int,
    bare_windows_per_s: Callable[[float, Mapping[str, Any]], float],
) -> dict[str, Any]:
    """Hold the load and let the bare engine decode the same windows, again and again.

    `share` is the server's part of what the bare engine did; `client_cores` are what the client of
    the load took from the server and not from the bare engine.

    Args:
        stage: Where, and what is said.
        num_voices: The load.
        bare_windows_per_s: Lets the bare engine decode for so many seconds what the server
            decoded, as `server_use` tells it, and blocks.

    Raises:
        LoadRunError: The server shows no metrics.
    """
    server_rates, bare_rates, client_cores = [], [], []
    for number in range(1, NUM_TURNS + 1):
        label = f"{num_voices} voices and the bare engine in turns, {number} of {NUM_TURNS}"
        run = await stage.run(label, stage.voices(num_voices, Window(0.0, TURN_S)))
        used = server_use(run.reading_at(RAMP_S), run.reading_at(TURN_S))
        if not used:
            raise LoadRunError("the server shows no metrics")
        server_rates.append(used["decoded_windows_per_s"])
        client_cores.append(run.client_cpu_s / TURN_S)
        bare_rates.append(await asyncio.to_thread(bare_windows_per_s, TURN_S - RAMP_S, used))
    return {
        "server_windows_per_s": fmean(server_rates),
        "windows_per_s": fmean(bare_rates),
        "turns": list(zip(server_rates, bare_rates, strict=True)),
        "client_cores": fmean(client_cores),
        "share": sum(server_rates) / sum(bare_rates),
    }


async def soak(stage: Stage, num_voices: int, seconds: float) -> dict[str, Any]:
    """Hold a load for long, with sessions that come and go, and look for drift."""
    session_s = min(SOAK_SESSION_S, seconds / 2)
    voices = stage.voices(num_voices, Window(0.0, seconds), session_s=session_s)
    run = await stage.run(f"soak with {num_voices} voices", voices)
    report = await _report(stage, run, num_voices, Window(min(RAMP_S, seconds / 4), seconds))
    return report | {"slices": _slices(run, stage.material, seconds, report["timeline"])}


async def _report(stage: Stage, run: LoadRun, num_voices: int, window: Window) -> dict[str, Any]:
    said_twice = await stage.say_again(run)
    found = delays(run, stage.material)
    finals = found["final"]
    return {
        "voices": num_voices,
        "mix": {str(style): weight for style, weight in stage.mix.items()},
        "losses": losses(run, stage.material, said_twice),
        "timing": timing(run, stage.material, window),
        "timeline": timeline(list(run.readings), run.begins_at),
        "curves": {name: curve(all_of) for name, all_of in found.items()},
        "finals": sorted([round(d.since - run.begins_at, 3), round(d.delay_s, 3)] for d in finals),
    }


def recovery_s(finals: Sequence[Sequence[float]], calm_at_s: float, limit_s: float) -> float | None:
    """Say how long after the overload finals were late, by slices; None if still at the end."""
    recovered_s = 0.0
    last_s = max((at_s for at_s, _ in finals), default=calm_at_s)
    slice_s = calm_at_s
    while slice_s < last_s:
        found = [delay for at_s, delay in finals if slice_s <= at_s < slice_s + RECOVERY_SLICE_S]
        slice_s += RECOVERY_SLICE_S
        if (measures.percentile(found, 0.95) or 0.0) > limit_s:
            recovered_s = slice_s - calm_at_s
    return recovered_s if calm_at_s + recovered_s < last_s else None


def _slices(
    run: LoadRun, material: Material, seconds: float, points: Sequence[dict[str, float]]
) -> list[dict[str, Any]]:
    """Cut a soak into equal parts: memory and final delay of each."""
    finals = delays(run, material)["final"]
    slices = []
    for index in range(NUM_SLICES):
        from_s, to_s = seconds * index / NUM_SLICES, seconds * (index + 1) / NUM_SLICES
        inside = [d for d in finals if from_s <= d.since - run.begins_at < to_s]
        rss_mb = [point["rss_mb"] for point in points if from_s <= point["at_s"] < to_s]
        slices.append({"to_s": to_s, "rss_mb": max(rss_mb, default=None), "final": summary(inside)})
    return slices


def _try_line(report: dict[str, Any]) -> str:
    final, broken = report["timing"]["final"], report["broken_limits"]
    p50, p95 = final["p50_s"], final["p95_s"]
    told = "no finals" if p50 is None else f"final p50 {p50:.2f} s, p95 {p95:.2f} s"
    return f"{report['voices']} voices: {told}; {'; '.join(broken) or 'carried'}."
