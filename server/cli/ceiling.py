"""What a load run's decodes would cost the bare engine: `starling loadtest --ceiling`."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text

from loadtest.engine_ceiling import (
    CeilingError,
    CeilingJob,
    WindowKind,
    bare_engine,
    num_cores,
)
from loadtest.experiments import Stage, in_turns
from server.cli.failures import CommandError, ExitCode
from server.cli.model_folder import model_folder
from server.cli.render import LiveLine
from server.loading import choose_device
from server.models.errors import ModelError
from server.settings import load_settings
from streaming.effects import Purpose
from streaming.options import TARGET_RATE_HZ
from streaming.windows import (
    FULL_FRAMES,
    beam_size,
    max_new_tokens,
    wants_timestamps,
    window_frames,
)

SPAN_SHARE = 0.9
"""Audio of a histogram's bucket counts as this part of its upper bound: just under it."""


@dataclass(frozen=True)
class Weights:
    """What the bare engine is to run, and for which language."""

    model: str
    device: str | None
    language: str | None


async def ceiling_of(
    report: Mapping[str, Any], stage: Stage, weights: Weights, line: LiveLine
) -> dict[str, Any]:
    """Measure the bare engine on what the server decoded, in turns with the same load."""
    run = report.get("at_knee") or (report["tries"][0] if "tries" in report else report)
    used = run["timing"]["server"]
    if not used or not used["decoded_windows_per_s"]:
        raise CommandError(
            "The ceiling needs the server's metrics, and they tell of no decodes",
            "Check that /metrics can be read, or leave out --ceiling",
            ExitCode.FAILED,
        )
    beam = load_settings({}, None, os.environ).final_beam
    job = CeilingJob(
        model_path=model_folder(weights.model),
        device=_device(weights.device),
        language=weights.language if weights.language and weights.language != "auto" else "en",
        kinds=window_kinds(used, beam),
        speech=b"".join(clip.pcm for clip in stage.material.clips),
    )
    line.note("The bare engine on the same windows: some minutes ...")
    try:
        with bare_engine(job) as engine:
            kinds = await asyncio.to_thread(
                engine.choose_ways, lambda told: line.show(Text(f"Bare engine, {told}"))
            )
            found = await in_turns(
                stage,
                run["voices"],
                lambda seconds, used: engine.windows_per_s(seconds, window_kinds(used, beam)),
            )
    except CeilingError as error:
        raise CommandError(
            f"The ceiling could not be measured: {error}", "Leave out --ceiling", ExitCode.FAILED
        ) from error
    left = without_client(found["share"], found["client_cores"]) if job.device == "cpu" else None
    return found | {"share_without_client": left, "kinds": kinds}


def without_client(share: float, client_cores: float) -> float:
    """Return the share of what the bare engine does on the cores that the load's client leaves."""
    return share * num_cores() / (num_cores() - client_cores)


def window_kinds(used: Mapping[str, Any], final_beam: int) -> list[WindowKind]:
    """Return the kinds of windows behind a server's decodes, by the server's own rules.

    Args:
        used: What `loadtest.server_use` says of the run.
        final_beam: The server's beam width for finals.
    """
    grouped: dict[tuple[int, int, bool], list[tuple[float, float]]] = defaultdict(list)
    num_timed: dict[tuple[int, int, bool], float] = defaultdict(float)
    for purpose, lengths in used["decode_audio_s"].items():
        is_cheap = purpose == "cheap_final"
        asked = Purpose.FINAL if is_cheap else Purpose[purpose.upper()]
        beam = beam_size(asked, final_beam, is_cheap=is_cheap)
        total = sum(count for _, count in lengths)
        timed_share = used["decodes_timed"].get(purpose, 0.0) / total if total else 0.0
        for bound_s, count in lengths:
            if count:
                num_samples = int(SPAN_SHARE * bound_s * TARGET_RATE_HZ)
                frames = window_frames(num_samples, asked, is_cheap=is_cheap)
                key = (frames, beam, wants_timestamps(num_samples, beam))
                grouped[key].append((num_samples / TARGET_RATE_HZ, count))
                num_timed[key] += timed_share * count
    kinds = [
        _with_timed(_kind(*key, lengths), num_timed[key])
        for key, lengths in sorted(grouped.items())
    ]
    if used["retries"] and kinds:
        kinds = [*_without_retries(kinds, used["retries"]), _retried(kinds, used["retries"])]
    return kinds


def _without_retries(kinds: Sequence[WindowKind], retries: float) -> list[WindowKind]:
    """Return the kinds without what was decoded again: most likely the longest of them."""
    left: list[WindowKind] = []
    for kind in sorted(kinds, key=lambda kind: -kind.frames):
        taken = min(kind.share, retries)
        retries -= taken
        if kind.share > taken:
            left.insert(0, replace(kind, share=kind.share - taken))
    return left


def _retried(kinds: Sequence[WindowKind], retries: float) -> WindowKind:
    longest = max(kinds, key=lambda kind: kind.frames)
    audio_s = [(max(longest.audio_s), retries)]
    return _kind(FULL_FRAMES, 1, longest.has_timestamps, audio_s, "retry ")


def _with_timed(kind: WindowKind, num_timed: float) -> WindowKind:
    return replace(kind, timed_share=min(1.0, num_timed / kind.share))


def _kind(
    frames: int,
    beam_size: int,
    has_timestamps: bool,  # part of the key
    lengths: Sequence[tuple[float, float]],
    prefix: str = "",
) -> WindowKind:
    total = sum(count for _, count in lengths)
    audio_s: list[float] = []
    for length_s, count in lengths:
        audio_s += [length_s] * max(1, round(8 * count / total))
    stamps = ", timestamps" if has_timestamps else ""
    return WindowKind(
        name=f"{prefix}{frames} frames, beam {beam_size}{stamps}",
        share=total,
        frames=frames,
        audio_s=tuple(audio_s),
        max_new_tokens=max(max_new_tokens(int(s * TARGET_RATE_HZ)) for s in audio_s),
        beam_size=beam_size,
        has_timestamps=has_timestamps,
    )


def _device(asked: str | None) -> str:
    try:
        return choose_device(asked or "auto")
    except ModelError as error:
        raise CommandError(error.message, error.hint, ExitCode.FAILED) from error
