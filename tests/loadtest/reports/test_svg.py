"""Charts as SVG."""

import re
import xml.etree.ElementTree as ET

import pytest

from loadtest.reports.svg import HEIGHT, LEFT, WIDTH, Chart, Line, Mark, clock, draw, nice_step, ticks


def drawn(*lines, **more):
    return ET.fromstring(draw(Chart("Title", lines, 100.0, lambda value: f"{value:g}", **more)))


def paths(svg):
    return [path.get("d") for path in svg.iter("path")]


@pytest.mark.parametrize(("span", "step"), [(4, 1), (10, 2.5), (0.37, 0.1), (1000, 250), (7, 2), (0, 1)])
def test_steps_are_round(span, step):
    assert nice_step(span) == pytest.approx(step)


@pytest.mark.parametrize("top", [0.003, 1, 7, 12.5, 1e9])
def test_ticks_reach_over_the_largest_value_and_not_far(top):
    found = ticks(top)
    assert found[0] == 0
    assert top <= found[-1] * (1 + 1e-9)
    assert found[-2] < top


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (90, "1:30"), (7322, "2:02:02"), (59.6, "1:00")])
def test_times(seconds, text):
    assert clock(seconds) == text


def test_a_line_is_inside_of_the_chart_and_higher_values_are_higher_up():
    (path,) = paths(drawn(Line("a", [0.0, 5.0, 10.0])))
    points = [tuple(map(float, point.split(","))) for point in path[1:].split("L")]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert all(LEFT <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_gap_splits_a_line_and_a_lone_value_is_seen():
    first, second = paths(drawn(Line("a", [1.0, 2.0, None, 3.0, None])))
    assert first.count("L") == 1
    assert re.search(r"h2$", second)


@pytest.mark.parametrize("values", [[], [None, None], [0.0, 0.0]])
def test_a_chart_of_nothing_is_a_chart(values):
    assert drawn(Line("a", values)).get("viewBox")


def test_marks_and_texts_are_escaped():
    text = draw(Chart('<"b">', [Line("<i>", [1.0])], 10.0, lambda value: "<1>", [Mark(0.5, "kill <edge>")]))
    assert "<i>" not in text
    assert ET.fromstring(text)


def test_those_who_cannot_see_it_read_its_figures():
    assert drawn(Line("edge", [1.0, 3.0, None])).get("aria-label") == "Title. edge: mean 2, largest 3."
    assert "nothing was measured" in drawn().get("aria-label")
