"""What a run must show: `rebuffer ratio p95 < 0.5 %`, `originRequests < 1.2 × objects`. Judged by a report."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.reports.metrics import BY_NAME, METRICS, Dimension, Metric, normalised, value_of

MAX_LENGTH = 200

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "≥": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
}
_COMPARISON = re.compile(r"[<>]=?|[≤≥]|==?")
_AMOUNT = re.compile(r"(?P<number>[0-9]++(?:\.[0-9]++)?(?:e[0-9]++)?) ?(?P<rest>[^0-9].*)?")
_TIMES = ("×", "*")

_UNITS: Mapping[str, tuple[Dimension, float]] = {
    "%": (Dimension.SHARE, 0.01),
    "ms": (Dimension.TIME, 1.0),
    "s": (Dimension.TIME, 1000.0),
    "kbit/s": (Dimension.RATE, 1e3),
    "Mbit/s": (Dimension.RATE, 1e6),
    "kB": (Dimension.BYTES, 1e3),
    "MB": (Dimension.BYTES, 1e6),
    "GB": (Dimension.BYTES, 1e9),
}
"""How many of a dimension's own unit a unit is."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One comparison. The right side is `factor`, times the figure `times` where there is one."""

    text: str
    metric: Metric
    comparison: str
    factor: float
    times: Metric | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an expectation came out. `value` is the left side; None when it, or the right side, was not measured."""

    expectation: Expectation
    ok: bool
    value: float | None
    limit: float | None


def parse_expectation(text: str) -> Expectation:
    """Read one; ValueError says what is wrong with it."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    found = _COMPARISON.search(text)
    if found is None:
        raise ValueError("compares nothing: write it like `rebuffer ratio p95 < 0.5 %`")
    metric = _metric(text[: found.start()])
    factor, times = _right_side(text[found.end() :].strip(), metric)
    return Expectation(text, metric, found[0], factor, times)


def _metric(name: str) -> Metric:
    metric = BY_NAME.get(normalised(name))
    if metric is None:
        known = ", ".join(metric.name for metric in METRICS)
        raise ValueError(f"there is no figure {name.strip()!r}; the figures are {known}")
    return metric


def _right_side(text: str, metric: Metric) -> tuple[float, Metric | None]:
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        if not text:
            raise ValueError("has nothing on its right side")
        return 1.0, _metric(text)
    number, rest = float(amount["number"]), (amount["rest"] or "").strip()
    if not rest:
        return number, None
    if rest.startswith(_TIMES):
        return number, _metric(rest[1:])
    dimension, factor = _UNITS.get(rest, (None, 1.0))
    if dimension is not metric.dimension:
        fitting = [unit for unit, (kind, _) in _UNITS.items() if kind is metric.dimension]
        raise ValueError(f"{rest!r} is no unit of {metric.name}; it has {', '.join(fitting) or 'no unit'}")
    return number * factor, None


def judge(expectation: Expectation, report: Mapping[str, Any]) -> Judgement:
    """Whether it holds. What was not measured does not hold."""
    value = value_of(report, expectation.metric)
    times = 1.0 if expectation.times is None else value_of(report, expectation.times)
    if value is None or times is None:
        return Judgement(expectation, False, value, None)
    limit = expectation.factor * times
    return Judgement(expectation, _COMPARISONS[expectation.comparison](value, limit), value, limit)
