"""Reports as one HTML page each, without scripts or anything from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from loadtest.charts import Axes, Points, bar_chart, line_chart
from loadtest.delays import CURVE_STEPS, QUANTITIES
from loadtest.report import ALL_KINDS

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #667; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1rem; margin: 0 0 .5rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr));
  gap: 1.5rem; }
figure { margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: 10px; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; opacity: .75; }
svg line { stroke: var(--line); } svg line.limit { stroke: #c92a2a; stroke-dasharray: 6 4; }
figcaption { display: flex; flex-wrap: wrap; gap: .25rem 1rem; color: var(--dim); font-size: 13px; }
figcaption i { display: inline-block; width: 10px; height: 10px; border-radius: 2px;
  margin-right: .4em; }
p { color: var(--dim); }
"""


def eval_page(report: Mapping[str, Any]) -> str:
    """Draw an evaluation: errors by kind, and how soon text came if it was sent in real time."""
    figures = []
    for language in sorted({group["language"] for group in report["groups"]}):
        groups = [group for group in report["groups"] if group["language"] == language]
        figures.append((f"Word errors in {language}, percent", _error_bars(groups)))
    figures.append(("Share of delays within a time", _delay_curves(report["timing"]["curves"])))
    audio_min = report["timing"]["audio_s"] / 60
    return _page("Evaluation", f"{len(report['files'])} recordings, {audio_min:.1f} min.", figures)


def load_page(report: Mapping[str, Any]) -> str:
    """Draw a load test of any kind."""
    if "tries" in report:
        told = f"Knee at {report['knee']} voices."
        return _page("Capacity", told, _knee_figures(report))
    told = f"{report['voices']} voices"
    if "factor" in report:
        told += f", {report['voices_at_overload']} at overload"
    return _page("Load", f"{told}.", _run_figures(report))


def _error_bars(groups: Sequence[Mapping[str, Any]]) -> str:
    ordered = sorted(groups, key=lambda group: group["kind"] == ALL_KINDS)
    series = {"streamed": [100 * (group["error_rate"] or 0.0) for group in ordered]}
    if all(group["offline_error_rate"] is not None for group in ordered):
        series["offline, beam 5"] = [100 * group["offline_error_rate"] for group in ordered]
    return bar_chart([group["kind"] for group in ordered], series, Axes("", "%"))


def _delay_curves(curves: Mapping[str, Sequence[float]]) -> str:
    series: dict[str, Points] = {
        QUANTITIES[name]: [(delay, 100 * i / CURVE_STEPS) for i, delay in enumerate(values)]
        for name, values in curves.items()
        if values
    }
    positive = {
        name: [(max(0.0, delay), share) for delay, share in values]
        for name, values in series.items()
    }
    return line_chart(positive, Axes("seconds", "% within"))


def _run_figures(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    points = report["timeline"]
    finals = {"final": [(at_s, delay_s) for at_s, delay_s in report["finals"] if at_s >= 0]}
    return [
        (
            "Delay of each final, seconds",
            line_chart(finals, Axes("second of the run", "s"), has_points=True),
        ),
        ("Share of delays within a time", _delay_curves(report["curves"])),
        ("Server memory, MB", _timeline(points, {"rss_mb": "resident"}, "MB")),
        ("Server CPU, cores", _timeline(points, {"cpu_cores": "cores"}, "cores")),
        (
            "Sessions and waiting decodes",
            _timeline(points, {"sessions": "sessions", "queue_length": "waiting"}, ""),
        ),
        (
            "Texts a second",
            _timeline(points, {"interims_per_s": "interims", "finals_per_s": "finals"}, "1/s"),
        ),
    ]


def _knee_figures(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    tries = report["tries"]
    limit = Axes("voices", "s", report["limits"]["final_p95_s"])
    finals = {
        name: [
            (float(run["voices"]), run["timing"]["final"][f"{name}_s"])
            for run in tries
            if run["timing"]["final"]["count"]
        ]
        for name in ("p50", "p95")
    }
    used = [(float(run["voices"]), run["timing"]["server"]) for run in tries]
    shown = [(voices, server) for voices, server in used if server]
    return [
        ("Delay of finals, seconds", line_chart(finals, limit)),
        ("Server CPU, cores", _server_line(shown, "cpu_cores", "cores")),
        ("Decoded windows a second", _server_line(shown, "decoded_windows_per_s", "1/s")),
        ("Rows a batch", _server_line(shown, "batch_size_mean", "rows")),
        ("Server memory, MB", _server_line(shown, "rss_mb", "MB")),
    ]


def _server_line(shown: Iterable[tuple[float, Mapping[str, Any]]], name: str, unit: str) -> str:
    values = [(voices, server[name]) for voices, server in shown if server[name] is not None]
    return line_chart({name: values}, Axes("voices", unit))


def _timeline(points: Sequence[Mapping[str, float]], names: Mapping[str, str], unit: str) -> str:
    series = {
        label: [(point["at_s"], point[name]) for point in points if point["at_s"] >= 0]
        for name, label in names.items()
    }
    return line_chart(series, Axes("second of the run", unit))


def _page(title: str, told: str, figures: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f"<figure><h2>{escape(name)}</h2>{drawing}</figure>" for name, drawing in figures if drawing
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Starling: {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1><p>{escape(told)}</p><main>{body}</main></body></html>\n"
    )
