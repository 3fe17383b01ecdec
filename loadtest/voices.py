"""Who speaks in a load test, when and how much: the script of a run, fixed by its seed."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtest.recordings import BYTES_PER_S, room_noise

GAP_S = 1.0
"""Pause after each recording: longer than any sensible endpoint silence."""


class Style(StrEnum):
    """How a voice talks."""

    CONTINUOUS = "continuous"
    """One recording after the other, `GAP_S` apart."""
    CONVERSATION = "conversation"
    """After each recording as much silence as speech: the other side is speaking."""
    IDLE = "idle"
    """An open microphone in a quiet room."""


Mix = Mapping[Style, float]


@dataclass(frozen=True)
class Clip:
    """A recording as 16 kHz mono samples; `reference` is None where nobody wrote it down."""

    name: str
    pcm: bytes
    reference: str | None = None
    language: str = "en"

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.pcm) / BYTES_PER_S


@dataclass(frozen=True)
class Voice:
    """One speaker; starts and ends are seconds of the run. Its sessions follow each other."""

    number: int
    style: Style
    starts_s: float
    ends_s: float
    session_s: float


@dataclass(frozen=True)
class Placement:
    """A clip's place in a session's audio, in seconds; `clip` is its index."""

    clip: int
    start_s: float
    end_s: float


def clip_spans_s(placements: Sequence[Placement]) -> list[tuple[float, float]]:
    """Return the part of the audio in which a final belongs to each clip: half a gap around it."""
    return [(p.start_s - GAP_S / 2, p.end_s + GAP_S / 2) for p in placements]


@dataclass(frozen=True)
class Script:
    """The audio of one session: clips at their places, room noise between."""

    placements: tuple[Placement, ...]
    duration_s: float

    def pcm(self, clips: Sequence[Clip]) -> bytes:
        """Return the audio."""
        return b"".join(self._parts(clips))

    def _parts(self, clips: Sequence[Clip]) -> Iterator[bytes]:
        at_s = 0.0
        for placement in self.placements:
            yield room_noise(placement.start_s - at_s)
            yield clips[placement.clip].pcm
            at_s = placement.end_s
        yield room_noise(self.duration_s - at_s)


def parse_mix(text: str) -> Mix:
    """Read `continuous`, or weights such as `continuous=2,idle=1`.

    Raises `ValueError` with a sentence when it is neither.
    """
    weights: dict[Style, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[Style(name.strip())] = float(weight or 1)
        except ValueError:
            known = ", ".join(Style)
            raise ValueError(f"{part!r} is no part of a mix of {known}") from None
    if min(weights.values()) < 0 or sum(weights.values()) <= 0:
        raise ValueError(f"the weights of {text!r} must be positive")
    return weights


def deal_styles(mix: Mix, num_voices: int) -> list[Style]:
    """Deal styles to voices so that any first few of them have nearly the mix's shares."""
    total = sum(mix.values())
    dealt: dict[Style, int] = dict.fromkeys(mix, 0)
    styles = []
    for count in range(1, num_voices + 1):
        style = max(mix, key=lambda style: count * mix[style] / total - dealt[style])
        dealt[style] += 1
        styles.append(style)
    return styles


def write_script(
    clips: Sequence[Clip], style: Style, duration_s: float, rng: random.Random
) -> Script:
    """Lay clips one after the other, from a random one on, until at least `duration_s` is filled.

    The order is always the same, because what was said before a clip helps to recognise it.
    """
    if style is Style.IDLE or not clips:
        return Script((), max(duration_s, GAP_S))
    first = rng.randrange(len(clips))
    order = [*range(first, len(clips)), *range(first)]
    placements: list[Placement] = []
    at_s = 0.0
    for index in itertools.cycle(order):
        if placements and at_s >= duration_s:
            break
        end_s = at_s + clips[index].duration_s
        placements.append(Placement(index, at_s, end_s))
        pause_s = GAP_S if style is Style.CONTINUOUS else max(GAP_S, end_s - at_s)
        at_s = end_s + pause_s
    return Script(tuple(placements), at_s)
