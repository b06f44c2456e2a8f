"""Line charts as inline SVG: no script, no network, readable at the width of a phone. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 210
LEFT, RIGHT, TOP, BOTTOM = 66, 10, 12, 26
COLOURS = 6
"""Lines take the page's colours `--line-0` to `--line-5` in turn."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; None is a gap."""

    name: str
    values: Values


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that is marked by a vertical line; `at` is a share (0-1) of the horizontal axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. `seconds` is the length of the horizontal axis; `shown` writes a value of the vertical one."""

    title: str
    lines: Sequence[Line]
    seconds: float
    shown: Callable[[float], str]
    marks: Sequence[Mark] = ()
    at_least: float = 0.0
    """The vertical axis reaches up to this, or to the largest value."""


def nice_step(span: float, parts: int = 4) -> float:
    """A step of 1, 2, 2.5 or 5 times a power of ten that divides `span` into about `parts`."""
    if span <= 0:
        return 1.0
    rough = span / parts
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999999)


def ticks(top: float) -> list[float]:
    """Values from 0 up to the first one that is not below `top`."""
    step = nice_step(top)
    return [number * step for number in range(math.ceil(top / step - 1e-9) + 1)] if top > 0 else [0.0, 1.0]


def clock(seconds: float) -> str:
    """A time of the horizontal axis: `90 s` as 1:30, hours as 2:00:00."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def draw(chart: Chart) -> str:
    """The chart as an `<svg>` element, with a sentence for those who cannot see it."""
    largest = max((value for line in chart.lines for value in line.values if value is not None), default=0.0)
    vertical = ticks(max(largest, chart.at_least))
    top = vertical[-1]
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_spoken(chart), quote=True)}">',
        *_grid(vertical, top, chart),
        *_time_axis(chart.seconds),
        *(_mark(mark) for mark in chart.marks),
    ]
    for number, line in enumerate(chart.lines):
        parts += (
            f'<path class="line" style="stroke:var(--line-{number % COLOURS})" d="{path}"/>'
            for path in _paths(line, top)
        )
    return "\n".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - min(value / top, 1.0) * (HEIGHT - TOP - BOTTOM)


def _grid(vertical: Sequence[float], top: float, chart: Chart) -> Iterator[str]:
    for value in vertical:
        y = _y(value, top)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(chart.shown(value))}</text>'


def _time_axis(seconds: float) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        text = clock(share * seconds)
        yield f'<text x="{_x(share):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{text}</text>'


def _mark(mark: Mark) -> str:
    x = _x(min(max(mark.at, 0.0), 1.0))
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        f"<title>{escape(mark.text)}</title></line>"
    )


def _paths(line: Line, top: float) -> Iterator[str]:
    """One path for each stretch without a gap; a value stands in the middle of its part of the axis."""
    count, points = len(line.values), list[str]()
    for place, value in enumerate((*line.values, None)):
        if value is not None:
            points.append(f"{_x((place + 0.5) / count):.1f},{_y(value, top):.1f}")
        elif points:
            # A lone point would be invisible: draw it as a short dash.
            yield f"M{points[0]}h2" if len(points) == 1 else "M" + "L".join(points)
            points = []


def _spoken(chart: Chart) -> str:
    said = []
    for line in chart.lines:
        known = [value for value in line.values if value is not None]
        if known:
            mean = sum(known) / len(known)
            said.append(f"{line.name}: mean {chart.shown(mean)}, largest {chart.shown(max(known))}")
    return f"{chart.title}. {'; '.join(said) or 'nothing was measured'}."
