"""The encoding ladder: the renditions of a source and their bit rates.

A rung is named by its nominal lines, the short side of the 16:9 box that the picture fits in: 1920x800 is `v1080`, and
so is an upright 1080x1920. Pure arithmetic; no rung is larger than the source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

NOMINAL_LINES = (240, 360, 480, 720, 1080, 1440, 2160)
SEGMENT_SECONDS = 4
MIN_SIDE = 16
"""Pixels; the largest picture that x264 and the hardware decoders of TVs support."""

DEFAULT_MAX_LINES = 1080

_PEAK_KBIT = {240: 428, 360: 856, 480: 1498, 720: 2996, 1080: 5350, 1440: 9000, 2160: 18_000}
_FAST_FACTOR = 1.4
_MAX_SIDE = 8192
_NEARLY = Fraction(100, 95)
"""A source with a few lines less than a class still belongs to it: 640x478 is 480."""
_WORTH = Fraction(115, 100)
"""A source with so many times the lines of its highest class gets a rung of its own size: 1024x576 above 480."""
_COMMON_RATES = tuple(Fraction(n, 1001) for n in (10010, 15015, 24000, 24024, 25025, 30000, 30030, 50050, 60000, 60060))
"""10, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94 and 60 frames a second."""
_LEAST_RATE, _MOST_RATE = Fraction(5), Fraction(60)


@dataclass(frozen=True, slots=True)
class Rung:
    """One video rendition: even sizes in square pixels, `peak` bit/s (VBV maximum), `buffer` bits (VBV size)."""

    lines: int
    width: int
    height: int
    peak: int
    buffer: int

    @property
    def name(self) -> str:
        """The rendition's folder at the first publication, such as `v720`."""
        return f"v{self.lines:02d}"


def display_size(width: int, height: int, sample_aspect: Fraction, rotation: int) -> tuple[int, int]:
    """Pixels as they are to be seen: square, and turned by `rotation` degrees (any multiple of 90).

    Pixels that are not square are made so by changing the width: every line of the source is kept.
    """
    if sample_aspect > 0:
        width = max(1, round(width * sample_aspect))
    if width > _MAX_SIDE:
        width, height = _MAX_SIDE, max(1, round(height * Fraction(_MAX_SIDE, width)))
    return (height, width) if rotation % 180 else (width, height)


def nominal_lines(width: int, height: int) -> int:
    """The class of a picture: the short side of the smallest 16:9 box (upright for upright pictures) round it."""
    long, short = max(width, height), min(width, height)
    return max(short, math.ceil(long * 9 / 16))


def ladder(
    width: int, height: int, rate: Fraction, *, most: int = len(NOMINAL_LINES), max_lines: int = DEFAULT_MAX_LINES
) -> tuple[Rung, ...]:
    """The rungs for a source of display size `width` x `height` at `rate` frames a second, lowest first, up to
    `max_lines`.

    At most `most` rungs; the highest and lowest are kept longest. A source smaller than the lowest rung gets one rung
    of its own size. Raises ValueError for pictures under 16 pixels.
    """
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"a picture of {width}x{height} is too small: {MIN_SIDE} pixels a side is the least")
    nominal = nominal_lines(width, height)
    classes = [lines for lines in NOMINAL_LINES if lines <= nominal * _NEARLY and lines <= max_lines]
    if nominal <= max_lines and nominal >= _WORTH * (classes or [nominal])[-1]:
        classes.append(nominal)
    rungs = [_rung(lines, width, height, nominal, rate) for lines in classes]
    rungs = [rung for rung in rungs if min(rung.width, rung.height) >= MIN_SIDE]
    if not rungs:
        rungs = [_rung(min(nominal, max_lines), width, height, nominal, rate)]
    return tuple(_thin(rungs, max(1, most)))


def _thin(rungs: list[Rung], most: int) -> list[Rung]:
    if len(rungs) <= most:
        return rungs
    if most == 1:
        return [rungs[-1]]
    step = (len(rungs) - 1) / (most - 1)
    return [rungs[round(index * step)] for index in range(most)]


def _rung(lines: int, width: int, height: int, nominal: int, rate: Fraction) -> Rung:
    share = min(Fraction(1), Fraction(lines, nominal))
    wide, high = _even(width * share, width), _even(height * share, height)
    peak = _peak(lines) * (_FAST_FACTOR if rate > 31 else 1.0)
    return Rung(lines, wide, high, round(peak) * 1000, round(peak * 2) * 1000)


def _even(size: Fraction, most: int) -> int:
    """The nearest even number, not above `most` (an odd side loses its last pixel row)."""
    return max(2, min(2 * round(size / 2), most - most % 2))


def _peak(lines: int) -> float:
    """kbit/s; between the rungs by area (a bit under proportionally, as codecs scale)."""
    if lines in _PEAK_KBIT:
        return _PEAK_KBIT[lines]
    nearest = min(NOMINAL_LINES, key=lambda known: abs(known - lines))
    return max(100.0, float(_PEAK_KBIT[nearest] * (lines / nearest) ** 1.75))


def frame_rate(average: Fraction, base: Fraction, fastest: float = 0.0) -> Fraction:
    """The constant frame rate to encode at, from the rates in the container and where it is fastest (0: unknown).

    A constant rate is kept. A variable rate becomes its base rate, which loses no frame, unless that is only a timebase
    (above 60, or over four times the average): then the next common rate. A picture that is mostly still and moves fast
    at times gets the rate of these times. Rates over 60 are halved; unknown becomes 25.
    """
    if fastest > 1.25 * float(average or base) and average:
        # Timestamps in milliseconds make 60 frames/s look like 58.8 or 62.5.
        near = min((base, *_COMMON_RATES), key=lambda rate: abs(rate - fastest) * (1 if rate == base else 4))
        average = base = max(average, near) if fastest < 1.1 * float(_MOST_RATE) else _MOST_RATE
    rate = average or base
    if not rate:
        return Fraction(25)
    nearest = min(_COMMON_RATES, key=lambda common: abs(common - rate))
    if base and (abs(base - rate) / rate < Fraction(1, 200) or rate <= base <= min(_MOST_RATE, 4 * rate)):
        rate = base
    elif abs(nearest - rate) / nearest < Fraction(1, 500):
        rate = nearest
    else:
        rate = next((common for common in _COMMON_RATES if common >= rate), rate)
    while rate > _MOST_RATE:
        rate /= 2
    return max(rate, _LEAST_RATE).limit_denominator(1001)


def gop_frames(rate: Fraction) -> int:
    """Frames of the longest closed GOP: a segment's worth, rounded up so that it never cuts before the forced one."""
    return math.ceil(rate * SEGMENT_SECONDS)
