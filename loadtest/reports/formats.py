"""Figures as people read them: `1.2 s`, `0.34 %`, `4.2 Mbit/s`, `1.3 GB`. Pure."""

from __future__ import annotations

from loadtest.reports.metrics import Dimension

_NONE = "–"


def shown(value: float | None, dimension: Dimension) -> str:
    """A figure with its unit; a dash where it was not measured."""
    if value is None:
        return _NONE
    match dimension:
        case Dimension.TIME:
            return milliseconds(value)
        case Dimension.SHARE:
            return share(value)
        case Dimension.RATE:
            return scaled(value, "bit/s")
        case Dimension.BYTES:
            return scaled(value, "B")
        case Dimension.COUNT:
            return count(value)


def milliseconds(value: float) -> str:
    """`340 ms`, `1.25 s`."""
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def share(value: float) -> str:
    """`0.34 %`, `99.9 %`."""
    return f"{value * 100:.3g} %" if value < 0.9995 or value > 1 else f"{value * 100:.4g} %"


def scaled(value: float, unit: str) -> str:
    """With a decimal prefix: `4.2 Mbit/s`."""
    for factor, prefix in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def count(value: float) -> str:
    """Whole numbers with spaces between thousands, others with three digits."""
    return f"{round(value):,}".replace(",", "\u202f") if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"
