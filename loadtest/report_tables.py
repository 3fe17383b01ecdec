"""An evaluation's report for people: tables, and sentences for the rest."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from loadtest.delays import QUANTITIES
from loadtest.load_tables import delay_table
from loadtest.report import ALL_KINDS

_DELAYS = {"first_text": "first text", "final": "final", "shown": "word shown"}


def accuracy_table(report: Mapping[str, Any]) -> Table:
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
        "letters %": [_percent(group["character_error_rate"]) for group in groups],
        "revised %": [_percent(group["revision_rate"]) for group in groups],
    }
    columns |= {
        f"{label} s, p50 / p95": [_pair(group["delays"], name) for group in groups]
        for name, label in _DELAYS.items()
    }
    measured = {name: cells for name, cells in columns.items() if any(cells)}
    for name in measured:
        shown.add_column(name, justify="left" if name in {"language", "kind"} else "right")
    for group, *cells in zip(groups, *measured.values(), strict=True):
        shown.add_row(*(cell or "-" for cell in cells), end_section=group["kind"] == ALL_KINDS)
    return shown


def all_delays_table(report: Mapping[str, Any]) -> Table | None:
    """Lay out the delays of all recordings; None when they were not sent in real time."""
    delays = report["timing"]["delays"]
    return None if delays is None else delay_table({name: delays[name] for name in QUANTITIES})


def summary_lines(report: Mapping[str, Any]) -> list[str]:
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
    lines.append(f"Committed texts that changed: {report['broken_commitments']}.")
    if timing["revision_rate"] is not None:
        lines.append(
            f"Shown words taken back: {100 * timing['revision_rate']:.1f} % of the words of finals."
        )
    if timing["real_time_factor"] is not None:
        lines.append(f"A session took {timing['real_time_factor']:.3f} s for each second of audio.")
    return lines


def _language(group: Mapping[str, Any]) -> str:
    """Name the language, and what is counted when that is not words."""
    language: str = group["language"]
    return language if group["unit"] == "WER" else f"{language} (letters)"


def _pair(delays: Mapping[str, Any] | None, name: str) -> str | None:
    if delays is None or not delays[name]["count"]:
        return None
    return f"{delays[name]['p50_s']:.2f} / {delays[name]['p95_s']:.2f}"


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{100 * rate:.2f}"


def _points(difference: float | None) -> str | None:
    return None if difference is None else f"{100 * difference:+.2f}"
