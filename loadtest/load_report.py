"""What a load test found, as numbers for JSON and sentences for people."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest import measures
from loadtest.sessions import GAP_S, Placement, SessionResult

Totals = Mapping[str, float]


def load_report(
    results: Sequence[SessionResult], alone: Mapping[str, str], before: Totals, after: Totals
) -> dict[str, Any]:
    """Sum up all sessions.

    Delays are in seconds. A clip is lost when it has text alone and none here; it is the same
    when its words are, apart from case and punctuation. `before` and `after` are the server's
    metrics around the run.
    """
    latencies: list[float] = []
    delays: list[float] = []
    texts = [(alone[p.clip.name], text) for result in results for p, text in _texts(result)]
    spoken = [(expected, text) for expected, text in texts if measures.words_of(expected)]
    for result in results:
        if result.started_at is not None:
            latencies += measures.final_latencies_s(result.seen, result.started_at)
            delays += measures.first_text_delays_s(result.seen, result.started_at)
    same = sum(1 for expected, text in spoken if _is_same(expected, text))
    return {
        "sessions": len(results),
        "failures": dict(Counter(result.failure for result in results if result.failure)),
        "clips": len(spoken),
        "lost_clips": sum(1 for _, text in spoken if not measures.words_of(text)),
        "same_text_share": same / len(spoken) if spoken else None,
        "sequence_gaps": sum(1 for result in results if measures.has_sequence_gap(result.seen)),
        "finals": len(latencies),
        "final_latency_p50_s": statistics.median(latencies) if latencies else None,
        "final_latency_p95_s": measures.percentile(latencies, 0.95),
        "first_text_p50_s": statistics.median(delays) if delays else None,
        "first_text_p95_s": measures.percentile(delays, 0.95),
        "revision_rate": _revision_rate(results),
        "mean_batch_size": _mean(before, after, "starling_batch_size"),
    }


def load_lines(report: Mapping[str, Any]) -> list[str]:
    """Say it in sentences."""
    failures = ", ".join(f"{count} x {code}" for code, count in report["failures"].items())
    counts = (
        f"{report['sessions']} sessions, failed: {failures or 'none'}; {report['clips']} clips, "
        f"{report['lost_clips']} lost, {report['sequence_gaps']} sessions with missing messages."
    )
    lines = [counts]
    if report["final_latency_p50_s"] is not None:
        lines.append(
            f"Final text {report['final_latency_p50_s']:.2f} s after speech ends (median), "
            f"{report['final_latency_p95_s']:.2f} s (p95), {report['finals']} finals."
        )
    if report["same_text_share"] is not None:
        lines.append(f"Same words as alone: {100 * report['same_text_share']:.1f} % of clips.")
    if report["mean_batch_size"] is not None:
        lines.append(f"Mean batch size {report['mean_batch_size']:.2f}.")
    return lines


def _texts(result: SessionResult) -> list[tuple[Placement, str]]:
    """Give each clip the finals whose middle lies in it or in the halves of the gaps around."""
    if result.failure is not None:
        return [(placement, "") for placement in result.placements]
    finals = measures.finals(result.seen)
    return [
        (
            placement,
            " ".join(
                final.text.strip()
                for final in finals
                if placement.start_s - GAP_S / 2
                <= (final.start + final.end) / 2
                < placement.end_s + GAP_S / 2
            ),
        )
        for placement in result.placements
    ]


def _is_same(expected: str, text: str) -> bool:
    return measures.words_of(expected) == measures.words_of(text)


def _revision_rate(results: Sequence[SessionResult]) -> float | None:
    total = measures.Revisions()
    for result in results:
        total += measures.count_revisions(result.seen)
    return total.rate


def _mean(before: Totals, after: Totals, name: str) -> float | None:
    """Average what a histogram counted between two readings."""
    count = after.get(f"{name}_count", 0.0) - before.get(f"{name}_count", 0.0)
    total = after.get(f"{name}_sum", 0.0) - before.get(f"{name}_sum", 0.0)
    return total / count if count > 0 else None
