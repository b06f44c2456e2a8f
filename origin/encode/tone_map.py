"""HDR to SDR as a 3D look-up table: PQ or HLG code values of BT.2020 in, BT.709 code values out. Pure arithmetic.

A table gives the same picture by every ffmpeg, so that chunks made on different hosts fit together; the filters that
do this by themselves (zscale, libplacebo) are in few builds. Reference white of HDR is 203 cd/m² (ITU-R BT.2408).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp

from origin.encode.profile import ToneMap
from origin.encode.source import Dynamic

WHITE = 203.0
DEFAULT_PEAK = 1000.0
_POINTS = 33
_BLACK = 1e-7

# SMPTE ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ITU-R BT.2100, HLG.
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
# Linear BT.2020 to BT.709 (ITU-R BT.2087), and the luminance of BT.2020.
_TO_709 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
_LUMINANCE = (0.2627, 0.6780, 0.0593)


@lru_cache(maxsize=8)
def cube(tone_map: ToneMap, dynamic: Dynamic, peak: float) -> str:
    """The table in the .cube format. `peak`: cd/m² of the brightest pixel that keeps detail."""
    steps = [index / (_POINTS - 1) for index in range(_POINTS)]
    lines = [f"LUT_3D_SIZE {_POINTS}"]
    for blue in steps:  # red varies fastest
        for green in steps:
            lines += [
                "{:.5f} {:.5f} {:.5f}".format(*map_pixel((red, green, blue), tone_map, dynamic, peak)) for red in steps
            ]
    return "\n".join(lines) + "\n"


Pixel = tuple[float, float, float]


def map_pixel(pixel: Pixel, tone_map: ToneMap, dynamic: Dynamic, peak: float) -> Pixel:
    """One pixel of code values from 0 to 1."""
    light = (
        _hlg_light(pixel) if dynamic is Dynamic.HLG else (pq_light(pixel[0]), pq_light(pixel[1]), pq_light(pixel[2]))
    )
    brightest = max(light)
    if brightest <= _BLACK:
        return (0.0, 0.0, 0.0)
    # Scaling by the brightest component keeps the hue, which mapping each by itself would not.
    scale = tone_curve(brightest, tone_map, peak) / brightest
    mapped = [component * scale for component in light]
    out = [sum(weight * part for weight, part in zip(row, mapped, strict=True)) for row in _TO_709]
    red, green, blue = _into_gamut(out, sum(weight * part for weight, part in zip(_LUMINANCE, mapped, strict=True)))
    return (red ** (1 / 2.4), green ** (1 / 2.4), blue ** (1 / 2.4))


def _into_gamut(light: list[float], grey: float) -> list[float]:
    """Move a colour that BT.709 lacks towards grey until it is in, then clip what rounding left."""
    share = 1.0
    for part in light:
        if part < 0 and part < grey:
            share = min(share, grey / (grey - part))
    return [min(1.0, max(0.0, grey + share * (part - grey))) for part in light]


def tone_curve(light: float, tone_map: ToneMap, peak: float) -> float:
    """From cd/m² to the share of SDR white."""
    if tone_map is ToneMap.CLIP or peak <= WHITE:
        return min(1.0, light / WHITE)
    if tone_map is ToneMap.HABLE:
        return min(1.0, _hable(min(light, peak) / WHITE * 2) / _hable(peak / WHITE * 2))
    return (
        pq_light(_roll_off(pq_code(min(light, peak)) / pq_code(peak), pq_code(WHITE) / pq_code(peak)) * pq_code(peak))
        / WHITE
    )


def _roll_off(code: float, most: float) -> float:
    """BT.2390's Hermite spline, from a code to one of at most `most`, both as shares of the peak's code."""
    knee = 1.5 * most - 0.5
    if code < knee:
        return code
    at = (code - knee) / (1 - knee)
    return (2 * at**3 - 3 * at**2 + 1) * knee + (at**3 - 2 * at**2 + at) * (1 - knee) + (-2 * at**3 + 3 * at**2) * most


def _hable(value: float) -> float:
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return (value * (a * value + c * b) + d * e) / (value * (a * value + b) + d * f) - e / f


def pq_light(code: float) -> float:
    """cd/m² of a PQ code value from 0 to 1."""
    power = code ** (1 / _M2)
    return float(10_000 * (max(power - _C1, 0.0) / (_C2 - _C3 * power)) ** (1 / _M1))


def pq_code(light: float) -> float:
    """The PQ code value of cd/m²."""
    power = (light / 10_000) ** _M1
    return float(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _hlg_light(pixel: Pixel) -> Pixel:
    """cd/m² on a display of 1000 cd/m² (system gamma 1.2)."""
    scene = [code**2 / 3 if code <= 0.5 else (exp((code - _HLG_C) / _HLG_A) + _HLG_B) / 12 for code in pixel]
    luminance = sum(weight * part for weight, part in zip(_LUMINANCE, scene, strict=True))
    gain = 1000.0 * luminance**0.2 if luminance > 0 else 0.0
    return (scene[0] * gain, scene[1] * gain, scene[2] * gain)
