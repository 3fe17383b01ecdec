"""Every delay of a session, and delays summed up."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadtest import measures
from loadtest.measures import Delay, Seen
from loadtest.speech_map import SpeechMap
from loadtest.word_delays import TimedWord, word_delays

QUANTITIES: Mapping[str, str] = {
    "first_text": "first text, after speech began",
    "final": "final, after speech ended",
    "interim_age": "interim, after its newest audio",
    "shown": "word shown, after its end",
    "settled": "word shown for good",
    "committed": "word committed",
}
"""What is measured, and how tables name it."""

CURVE_STEPS = 50

Delays = Mapping[str, Sequence[Delay]]


def session_delays(
    seen: Sequence[Seen], started_at: float, speech: SpeechMap, spoken: Sequence[TimedWord]
) -> Delays:
    """Measure a session of real-time audio; `spoken` tells where in it each word ends."""
    words = word_delays(seen, started_at, spoken)
    return {
        "first_text": measures.first_text_delays(seen, started_at, speech),
        "final": measures.final_delays(seen, started_at, speech),
        "interim_age": measures.interim_ages(seen, started_at),
        "shown": words.shown,
        "settled": words.settled,
        "committed": words.committed,
    }


def pooled(sessions: Iterable[Delays]) -> dict[str, list[Delay]]:
    """Put the delays of sessions together."""
    found: dict[str, list[Delay]] = {name: [] for name in QUANTITIES}
    for session in sessions:
        for name, delays in session.items():
            found[name] += delays
    return found


def summary(delays: Iterable[Delay]) -> dict[str, Any]:
    """Give count, mean and percentiles of delays, in seconds."""
    values = sorted(delay.delay_s for delay in delays)
    return {
        "count": len(values),
        "mean_s": statistics.fmean(values) if values else None,
        "p50_s": measures.percentile(values, 0.50),
        "p95_s": measures.percentile(values, 0.95),
        "p99_s": measures.percentile(values, 0.99),
        "max_s": values[-1] if values else None,
    }


def curve(delays: Iterable[Delay]) -> list[float]:
    """Give the delays at 0, 2, 4 … 100 %, for a plot of how many came within which time."""
    values = sorted(delay.delay_s for delay in delays)
    if not values:
        return []
    last = len(values) - 1
    return [round(values[round(last * step / CURVE_STEPS)], 3) for step in range(CURVE_STEPS + 1)]
