"""Plots as SVG text: lines, points and grouped bars. Plain markup needs no drawing library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

COLOURS = ("#2563eb", "#e8590c", "#2f9e44", "#9c36b5", "#c92a2a", "#0b7285")
WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 44
NUM_TICKS = 5

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """What stands beside the axes; `limit` draws a dashed line across at that height."""

    x_label: str
    y_label: str
    limit: float | None = None


def line_chart(series: Mapping[str, Points], axes: Axes, *, has_points: bool = False) -> str:
    """Draw each series as a line, or as points only."""
    points = [point for values in series.values() for point in values]
    if not points:
        return ""
    frame = _Frame(max(x for x, _ in points), max([y for _, y in points] + [axes.limit or 0.0]))
    marks = []
    for (_, values), colour in zip(series.items(), COLOURS, strict=False):
        if has_points:
            marks += [
                f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.2" fill="{colour}" '
                f'fill-opacity="0.5"/>'
                for x, y in values
            ]
        else:
            path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in values)
            marks.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                f'stroke-linejoin="round"/>'
            )
    return _figure(frame.grid(axes) + marks, list(series))


def bar_chart(groups: Sequence[str], series: Mapping[str, Sequence[float]], axes: Axes) -> str:
    """Draw bars side by side for each group; every series has a value for each group."""
    if not groups:
        return ""
    frame = _Frame(float(len(groups)), max(max(values) for values in series.values()) or 1.0)
    width = 0.8 / len(series)
    marks = []
    for index, (values, colour) in enumerate(zip(series.values(), COLOURS, strict=False)):
        for group, value in enumerate(values):
            left = frame.x(group + 0.1 + index * width)
            right = frame.x(group + 0.1 + (index + 1) * width) - 2
            marks.append(
                f'<rect x="{left:.1f}" y="{frame.y(value):.1f}" width="{right - left:.1f}" '
                f'height="{frame.y(0) - frame.y(value):.1f}" rx="2" fill="{colour}"/>'
                + _text((left + right) / 2, frame.y(value) - 4, f"{value:.1f}", "middle")
            )
    names = [
        _text(frame.x(index + 0.5), HEIGHT - BOTTOM + 16, name, "middle")
        for index, name in enumerate(groups)
    ]
    return _figure(frame.grid(axes, has_x_ticks=False) + marks + names, list(series))


class _Frame:
    """Where values lie on the paper; both axes begin at 0."""

    def __init__(self, x_max: float, y_max: float) -> None:
        self._x_step, self._y_step = _tick_step(x_max), _tick_step(y_max)
        self._x_max = x_max or 1.0
        self._y_max = max(y_max * 1.05, self._y_step)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self._x_max

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self._y_max

    def grid(self, axes: Axes, *, has_x_ticks: bool = True) -> list[str]:
        left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
        parts = []
        for value in _ticks(self._y_max, self._y_step):
            at = self.y(value)
            parts.append(f'<line x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
            parts.append(_text(left - 8, at + 4, f"{value:g}", "end"))
        if has_x_ticks:
            parts += [
                _text(self.x(value), bottom + 16, f"{value:g}", "middle")
                for value in _ticks(self._x_max, self._x_step)
            ]
        if axes.limit is not None:
            at = self.y(axes.limit)
            parts.append(
                f'<line class="limit" x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
            )
        middle = (TOP + bottom) / 2
        parts.append(_text((left + right) / 2, HEIGHT - 8, axes.x_label, "middle"))
        parts.append(
            f'<text x="14" y="{middle}" text-anchor="middle" '
            f'transform="rotate(-90 14 {middle})">{escape(axes.y_label)}</text>'
        )
        return parts


def _figure(parts: Sequence[str], names: Sequence[str]) -> str:
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in zip(names, COLOURS, strict=False)
    )
    drawing = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
    return drawing + (f"<figcaption>{legend}</figcaption>" if len(names) > 1 else "")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(highest: float, step: float) -> list[float]:
    return [round(index * step, 10) for index in range(int(highest / step + 1e-9) + 1)]


def _tick_step(highest: float) -> float:
    """Choose 1, 2 or 5 times a power of ten, for about `NUM_TICKS` ticks."""
    if highest <= 0:
        return 1.0
    rough = highest / NUM_TICKS
    power: float = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
