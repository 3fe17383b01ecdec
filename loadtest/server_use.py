"""What the server used and did between two readings of its metrics."""

import itertools
from collections.abc import Sequence
from math import isfinite
from typing import Any

from loadtest.metric_readings import Reading, Span

_MEBIBYTE = 1024 * 1024


def server_use(before: Reading | None, after: Reading | None) -> dict[str, Any] | None:
    """Sum it up; None for a server that shows no metrics.

    `cpu_ms_per_stream_s` is CPU time of the server process for each second of audio it received.
    """
    if before is None or after is None or after.at <= before.at:
        return None
    span = Span(before, after)
    audio_s = span.growth("starling_audio_seconds_total")
    cpu_s = span.growth("process_cpu_seconds_total")
    decodes = span.growth_by("starling_decodes_total", "purpose")
    retries = span.growth("starling_decode_retries_total")
    alone_again = span.growth("starling_decode_contexts_left_out_total")
    return {
        "seconds": span.duration_s,
        "sessions_open": after.total("starling_sessions_open"),
        "audio_s_per_s": audio_s / span.duration_s,
        "cpu_cores": cpu_s / span.duration_s,
        "cpu_ms_per_stream_s": 1000 * cpu_s / audio_s if audio_s else None,
        "rss_mb": after.total("process_resident_memory_bytes") / _MEBIBYTE,
        "decodes": decodes,
        "decodes_timed": span.growth_by("starling_decodes_timed_total", "purpose"),
        "retries": retries,
        "contexts_left_out": alone_again,
        "decode_audio_s": {
            purpose: _counts(span.buckets("starling_decode_audio_seconds", purpose=purpose))
            for purpose in span.growth_by("starling_decode_audio_seconds_count", "purpose")
        },
        "decode_failures": span.growth("starling_decode_failures_total"),
        "decoded_windows_per_s": sum(decodes.values()) / span.duration_s,
        "batch_size_mean": span.mean("starling_batch_size"),
        "batch_size_p95": span.bound("starling_batch_size", 0.95),
        "batch_s_p50": span.quantile("starling_decode_seconds", 0.50),
        "batch_s_p95": span.quantile("starling_decode_seconds", 0.95),
        "queue_s": {
            purpose: {
                "p50": span.quantile("starling_queue_seconds", 0.50, purpose=purpose),
                "p95": span.quantile("starling_queue_seconds", 0.95, purpose=purpose),
            }
            for purpose in decodes
        },
        "vad_batch_size_mean": span.mean("starling_vad_batch_size"),
        "loop_lag_p50_s": span.quantile("starling_event_loop_lag_seconds", 0.50),
        "loop_lag_p99_s": span.quantile("starling_event_loop_lag_seconds", 0.99),
    }


def _counts(buckets: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Turn counts up to each bound into counts between bounds; none above the last finite one."""
    counts = []
    below = 0.0
    for bound, count in buckets:
        if isfinite(bound):
            counts.append((bound, count - below))
        below = count
    return counts


def timeline(readings: list[Reading], begins_at: float) -> list[dict[str, float]]:
    """Follow memory, CPU, queue and sessions from reading to reading."""
    points = []
    for before, after in itertools.pairwise(readings):
        span = Span(before, after)
        points.append(
            {
                "at_s": after.at - begins_at,
                "rss_mb": after.total("process_resident_memory_bytes") / _MEBIBYTE,
                "cpu_cores": span.growth("process_cpu_seconds_total") / span.duration_s,
                "queue_length": after.total("starling_queue_length"),
                "sessions": after.total("starling_sessions_open"),
                "interims_per_s": span.growth("starling_interims_total") / span.duration_s,
                "finals_per_s": span.growth("starling_finals_total") / span.duration_s,
                "loop_lag_p99_s": span.quantile("starling_event_loop_lag_seconds", 0.99) or 0.0,
            }
        )
    return points
