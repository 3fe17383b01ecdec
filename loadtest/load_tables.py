"""A load report for people: a row a run, and sentences for what has no number to compare."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from loadtest.delays import QUANTITIES

_SHORT_NAMES = {
    "final": "final",
    "first_text": "first text",
    "interim_age": "interim age",
    "shown": "word shown",
    "settled": "word stays",
    "committed": "word committed",
}


def delay_table(timing: Mapping[str, Any]) -> Table:
    """Lay out every delay of one run, in seconds."""
    table = Table(title="Delays in seconds", title_justify="left")
    table.add_column("delay of")
    for name in ("count", "mean", "p50", "p95", "p99", "max"):
        table.add_column(name, justify="right")
    for quantity, label in QUANTITIES.items():
        found = timing[quantity]
        cells = [_number(found[f"{name}_s"], 2) for name in ("mean", "p50", "p95", "p99", "max")]
        table.add_row(label, str(found["count"]), *cells)
    return table


def comparison_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Lay the delays of several runs or phases beside each other: median / 95th percentile."""
    table = Table(title="Delays in seconds: p50 / p95", title_justify="left")
    table.add_column("run")
    for name in _SHORT_NAMES.values():
        table.add_column(name, justify="right")
    table.add_column("interims/s", justify="right")
    table.add_column("revised %", justify="right")
    for label, timing in rows:
        cells = [_pair(timing[quantity]) for quantity in _SHORT_NAMES]
        told = (_number(timing["interims_per_s"], 1), _percent(timing["revision_rate"]))
        table.add_row(label, *cells, *told)
    return table


def server_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Lay out what the server used, for the rows whose server shows its metrics."""
    table = Table(title="Server", title_justify="left")
    names = ("run", "cores", "ms per stream-s", "RSS MB", "windows/s", "batch mean / p95")
    for name in (*names, "queue p95 s", "loop lag ms p50 / p99"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for label, timing in rows:
        used = timing["server"]
        if used is None:
            continue
        queues = ", ".join(
            f"{purpose} {_number(queue['p95'], 2)}" for purpose, queue in used["queue_s"].items()
        )
        lag = [_number(_times(used[f"loop_lag_{p}_s"], 1000), 1) for p in ("p50", "p99")]
        table.add_row(
            label,
            _number(used["cpu_cores"], 2),
            _number(used["cpu_ms_per_stream_s"], 1),
            _number(used["rss_mb"], 0),
            _number(used["decoded_windows_per_s"], 1),
            f"{_number(used['batch_size_mean'], 1)} / {_number(used['batch_size_p95'], 0)}",
            queues,
            " / ".join(lag),
        )
    return table


def loss_lines(losses: Mapping[str, Any], seconds: float) -> list[str]:
    """Say what was lost, how accuracy held up, and what the client itself took."""
    failures = ", ".join(f"{count} x {code}" for code, count in losses["failures"].items())
    lines = [
        (
            f"{losses['sessions']} sessions; failed: {failures or 'none'}; refused: "
            f"{losses['refused']}. {losses['clips']} recordings spoken; finals lost: "
            f"{losses['finals_lost']}; committed texts changed: {losses['broken_commitments']}."
        )
    ]
    if losses["out_of_order"]:
        lines.append(f"{losses['out_of_order']} sessions had messages out of order.")
    if losses["error_rate"] is not None:
        lines.append(
            f"{losses['clips_compared']} recordings spoken again without load, in the same "
            f"sessions: word errors at load {_percent(losses['error_rate'])} %, without "
            f"{_percent(losses['error_rate_without'])} % "
            f"({100 * losses['error_rate_rise']:+.2f} points); "
            f"{_percent(losses['same_text_share'])} % of texts have the same words."
        )
    elif losses["clips"]:
        lines.append("No session could be said again without load, so words are not compared.")
    lines.append(
        f"The client took {losses['client_cpu_s'] / seconds:.2f} CPU cores and sent "
        f"{1000 * losses['client_lateness_p99_s']:.0f} ms late at p99."
    )
    return lines


def slice_table(slices: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out the parts of a soak."""
    table = Table(title="Drift", title_justify="left")
    for name in ("up to s", "RSS MB", "finals", "final p50 s", "p95 s"):
        table.add_column(name, justify="right")
    for part in slices:
        final = part["final"]
        table.add_row(
            f"{part['to_s']:.0f}",
            _number(part["rss_mb"], 0),
            str(final["count"]),
            _number(final["p50_s"], 2),
            _number(final["p95_s"], 2),
        )
    return table


def _pair(summary: Mapping[str, Any]) -> str:
    if not summary["count"]:
        return "-"
    return " / ".join(_number(summary[name], 2) for name in ("p50_s", "p95_s"))


def _percent(rate: float | None) -> str:
    return _number(_times(rate, 100), 2)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
