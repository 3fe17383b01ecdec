"""Outcomes as numbers: a dictionary for JSON and a table for people."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from loadtest import measures
from loadtest.evaluation import Outcome
from loadtest.manifest import NO_LANGUAGE
from loadtest.scoring import Tally, tally, unit

ALL_KINDS = "all"


def build_report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Gather everything measured.

    `groups` has a row for each language and kind, and each language's total with kind `all`:
    rates are fractions, delays seconds; what a viewer notices of time (delays and revised words)
    is there only for audio sent in real time. `no_speech` counts words made up where nobody spoke.
    """
    return {
        "groups": [_group(language, kind, group) for (language, kind), group in _grouped(outcomes)],
        "no_speech": _no_speech(outcomes),
        "timing": _timing(outcomes),
        "files": [_file(outcome) for outcome in outcomes],
    }


def table(report: dict[str, Any]) -> Table:
    """Lay the groups out for a terminal; what was not measured has no column."""
    shown = Table(title="Streaming accuracy", title_justify="left")
    groups = report["groups"]
    columns: dict[str, list[str | None]] = {
        "language": [_language(group) for group in groups],
        "kind": [group["kind"] for group in groups],
        "files": [str(group["files"]) for group in groups],
        "words": [str(group["reference_words"]) for group in groups],
        "errors %": [_percent(group["error_rate"]) for group in groups],
        "offline %": [_percent(group["offline_error_rate"]) for group in groups],
        "difference": [_points(group["difference"]) for group in groups],
        "revised %": [_percent(group["revision_rate"]) for group in groups],
    }
    measured = {name: cells for name, cells in columns.items() if any(cells)}
    for name in measured:
        shown.add_column(name, justify="left" if name in {"language", "kind"} else "right")
    for group, *cells in zip(groups, *measured.values(), strict=True):
        shown.add_row(*(cell or "-" for cell in cells), end_section=group["kind"] == ALL_KINDS)
    return shown


def summary_lines(report: dict[str, Any]) -> list[str]:
    """Say the rest in sentences."""
    failed = [file for file in report["files"] if file["failure"] is not None]
    lines = [
        f"Failed, all words counted as missed: {file['file']}: {file['failure']}" for file in failed
    ]
    no_speech, timing = report["no_speech"], report["timing"]
    if no_speech["files"]:
        offline = no_speech["offline_words"]
        lines.append(
            f"Without speech: {no_speech['words']} words in {no_speech['files_with_text']} of "
            f"{no_speech['files']} files, {no_speech['words_per_minute']:.1f} a minute"
            + ("." if offline is None else f" (offline: {offline} words).")
        )
    if timing["final_latency_p50_s"] is not None:
        lines.append(
            f"First text {timing['first_text_p50_s']:.2f} s after speech starts (median), "
            f"{timing['first_text_p95_s']:.2f} s (p95); final text "
            f"{timing['final_latency_p50_s']:.2f} s after it ends (median), "
            f"{timing['final_latency_p95_s']:.2f} s (p95)."
        )
    if timing["seconds_per_audio_second"] is not None:
        lines.append(
            f"A session took {timing['seconds_per_audio_second']:.3f} s for each second of audio."
        )
    return lines


def _grouped(
    outcomes: Iterable[Outcome],
) -> list[tuple[tuple[str, str], list[Outcome]]]:
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        recording = outcome.recording
        if recording.is_scored:
            groups[recording.language, recording.kind].append(outcome)
            groups[recording.language, ALL_KINDS].append(outcome)
    # Each language's total comes last.
    return sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] == ALL_KINDS, item[0]))


def _group(language: str, kind: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    streamed = offline = Tally()
    revisions = measures.Revisions()
    for outcome in outcomes:
        reference = outcome.recording.reference
        streamed += tally(reference, outcome.streamed.text, language)
        if outcome.streamed.started_at is not None:
            revisions += measures.count_revisions(outcome.streamed.seen)
        if outcome.offline_text is not None:
            offline += tally(reference, outcome.offline_text, language)
    difference = (
        None if streamed.rate is None or offline.rate is None else streamed.rate - offline.rate
    )
    return {
        "language": language,
        "kind": kind,
        "unit": unit(language),
        "files": streamed.num_files,
        "reference_words": streamed.reference_words,
        "errors": streamed.errors,
        "error_rate": streamed.rate,
        "offline_errors": offline.errors if offline.num_files else None,
        "offline_error_rate": offline.rate,
        "difference": difference,
        "revision_rate": revisions.rate,
    }


def _no_speech(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    silent = [outcome for outcome in outcomes if outcome.recording.language == NO_LANGUAGE]
    words = [len(outcome.streamed.text.split()) for outcome in silent]
    offline = [len(o.offline_text.split()) for o in silent if o.offline_text is not None]
    minutes = sum(outcome.streamed.audio_s for outcome in silent) / 60
    return {
        "files": len(silent),
        "files_with_text": sum(1 for count in words if count),
        "words": sum(words),
        "words_per_minute": sum(words) / minutes if minutes else 0.0,
        "offline_words": sum(offline) if offline else None,
    }


def _timing(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    first_text: list[float] = []
    final: list[float] = []
    is_real_time = False
    for outcome in outcomes:
        started_at = outcome.streamed.started_at
        if started_at is not None:
            is_real_time = True
            first_text += measures.first_text_delays_s(outcome.streamed.seen, started_at)
            final += measures.final_latencies_s(outcome.streamed.seen, started_at)
    return {
        "audio_s": sum(outcome.streamed.audio_s for outcome in outcomes),
        "first_text_p50_s": statistics.median(first_text) if first_text else None,
        "first_text_p95_s": measures.percentile(first_text, 0.95),
        "final_latency_p50_s": statistics.median(final) if final else None,
        "final_latency_p95_s": measures.percentile(final, 0.95),
        "seconds_per_audio_second": None if is_real_time else _cost(outcomes),
    }


def _cost(outcomes: Sequence[Outcome]) -> float | None:
    audio_s = sum(outcome.streamed.audio_s for outcome in outcomes)
    wall_s = sum(outcome.streamed.wall_s for outcome in outcomes)
    return wall_s / audio_s if audio_s else None


def _file(outcome: Outcome) -> dict[str, Any]:
    recording = outcome.recording
    return {
        "file": recording.name,
        "language": recording.language,
        "kind": recording.kind,
        "failure": None if outcome.failure is None else str(outcome.failure),
        "text": outcome.streamed.text,
        "offline_text": outcome.offline_text,
        "audio_s": outcome.streamed.audio_s,
    }


def _language(group: dict[str, Any]) -> str:
    """Name the language, and what is counted when that is not words."""
    language: str = group["language"]
    return language if group["unit"] == "WER" else f"{language} (letters)"


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{100 * rate:.2f}"


def _points(difference: float | None) -> str | None:
    return None if difference is None else f"{100 * difference:+.2f}"
