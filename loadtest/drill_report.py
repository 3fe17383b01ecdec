"""What a drill found: the disturbed run against the undisturbed one, voice by voice."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.drill_voices import Outcome, Speech


def report(
    fault_at: Sequence[float], quiet: Sequence[Outcome], disturbed: Sequence[Outcome]
) -> dict[str, Any]:
    """Compare the two runs, voice by voice; `fault_at` is when something broke."""
    pairs = list(zip(quiet, disturbed, strict=True))
    first_fault = fault_at[0] if fault_at else 0.0
    recovered = [
        resumed - max(at for at in [first_fault, *fault_at] if at <= resumed)
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
    last_fault = fault_at[-1] if fault_at else 0.0
    return {
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


def traffic(
    speech: Speech, num_sessions: int, before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, Any]:
    """Return what Redis saw; counters begin anew when it was restarted."""
    hours = (
        sum(
            len(speech.clips[i % len(speech.clips)]) / (2 * speech.sample_rate_hz)
            for i in range(num_sessions)
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
            (int(after["used_memory"]) - int(before["used_memory"])) / num_sessions / 1e3, 1
        ),
    }
