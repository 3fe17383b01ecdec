"""Plots as markup."""

from xml.etree import ElementTree as ET

import pytest

from loadtest.charts import Axes, bar_chart, line_chart

pytestmark = pytest.mark.unit

AXES = Axes("voices & more", "s", limit=1.5)


def parsed(drawing):
    return ET.fromstring(f"<div>{drawing}</div>")


def test_each_series_is_a_line_inside_the_frame():
    drawing = parsed(line_chart({"p50": [(1, 0.5), (8, 0.9)], "p95": [(1, 1), (8, 4)]}, AXES))

    lines = drawing.findall(".//polyline")
    assert len(lines) == 2
    for line in lines:
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 640
            assert 0 <= y <= 320
    assert [span.text or span[0].tail for span in drawing.findall(".//span")] == ["p50", "p95"]


def test_a_limit_is_drawn_even_above_all_values():
    drawing = parsed(line_chart({"p95": [(1, 0.2)]}, AXES))

    limit = drawing.find(".//line[@class='limit']")
    assert 0 < float(limit.get("y1")) < 320


def test_points_can_stand_alone():
    assert (
        len(parsed(line_chart({"a": [(0, 1), (1, 2)]}, AXES, has_points=True)).findall(".//circle"))
        == 2
    )


def test_bars_are_as_high_as_their_values():
    drawing = parsed(bar_chart(["read", "phone"], {"a": [10.0, 5.0], "b": [0.0, 2.5]}, AXES))

    heights = [float(bar.get("height")) for bar in drawing.findall(".//rect")]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert heights[1] == pytest.approx(2 * heights[3], abs=0.2)
    assert heights[2] == 0


@pytest.mark.parametrize("series", [{}, {"a": []}])
def test_nothing_gives_no_drawing(series):
    assert line_chart(series, AXES) == ""
    assert bar_chart([], {}, AXES) == ""


def test_values_of_zero_are_drawn():
    assert parsed(line_chart({"a": [(0, 0), (0, 0)]}, Axes("x", "y"))) is not None
