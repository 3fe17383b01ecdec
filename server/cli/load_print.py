"""A load test's report in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from loadtest.load_tables import (
    comparison_table,
    delay_table,
    loss_lines,
    server_table,
    slice_table,
)
from server.cli.render import WIDTH_WITHOUT_TERMINAL


def print_load(report: Mapping[str, Any]) -> None:
    """Print tables and sentences."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    runs = report.get("tries") or [report]
    rows = [(f"{run['voices']} voices", run["timing"]) for run in runs]
    if "phases" in report:
        rows = [(phase["phase"], phase) for phase in report["phases"]]
    console.print(delay_table(rows[0][1]) if len(rows) == 1 else comparison_table(rows))
    if any(timing["server"] for _, timing in rows):
        console.print(server_table(rows))
    if "slices" in report:
        console.print(slice_table(report["slices"]))
    for sentence in _sentences(report, runs):
        console.print(sentence, highlight=False)


def _sentences(report: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    last = runs[-1]
    if "knee" in report:
        last = report["at_knee"] or runs[0]
    seconds = last["timing"]["to_s"]
    lines = loss_lines(last["losses"], seconds)
    if "knee" in report:
        place = "At the knee" if report["at_knee"] else "Not even carried"
        lines.insert(0, f"{place}, {last['voices']} voices:")
        lines.append(_knee_line(report))
    if "ceiling" in report:
        lines.append(_ceiling_line(report["ceiling"]))
    if "recovery_s" in report:
        lines.append(_recovery_line(report))
    return lines


def _knee_line(report: Mapping[str, Any]) -> str:
    limits = report["limits"]
    return (
        f"Knee: {report['knee']} voices with final p95 within {limits['final_p95_s']:g} s, nothing "
        f"lost and at most {100 * limits['error_rate_rise']:g} points more word errors than "
        "without load."
    )


def _ceiling_line(ceiling: Mapping[str, Any]) -> str:
    ways = "; ".join(
        f"{kind['name']}: {kind['rate']:.1f}/s with {kind['way']}" for kind in ceiling["kinds"]
    )
    left = ceiling["share_without_client"]
    beside = "" if left is None else f" ({100 * left:.0f} % on the cores that the client leaves)"
    return (
        f"In turns the server decoded {ceiling['server_windows_per_s']:.1f} windows a second and "
        f"the bare engine {ceiling['windows_per_s']:.1f}: {100 * ceiling['share']:.0f} % of it"
        f"{beside}. The bare engine's best tries: {ways}."
    )


def _recovery_line(report: Mapping[str, Any]) -> str:
    recovery_s = report["recovery_s"]
    if recovery_s is None:
        return "Finals were still late when the run ended."
    return f"Finals were in time again {recovery_s:.0f} s after the overload."
