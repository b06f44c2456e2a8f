"""A track as it was packaged: its segments in ticks and bytes, and the bit rates that follow from them. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST_WINDOW, _MOST_WINDOW = 0.5, 1.5
"""Of the target duration: the runs of segments whose bit rate counts as a peak (RFC 8216bis §4.4.6.2)."""


@dataclass(frozen=True, slots=True)
class PackagedTrack:
    """`folder` in the tree; `codecs` by RFC 6381; `durations` of the segments in ticks, `sizes` in bytes."""

    folder: str
    codecs: str
    timescale: int
    durations: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """The durations in s."""
        return tuple(ticks / self.timescale for ticks in self.durations)

    @property
    def target(self) -> int:
        """EXT-X-TARGETDURATION: no segment is longer, rounded to the nearest whole second (RFC 8216 §4.3.3.1)."""
        return target_duration(self.seconds)

    @property
    def average(self) -> int:
        """Bit/s over the whole track."""
        return math.ceil(8 * sum(self.sizes) / sum(self.seconds))

    @property
    def peak(self) -> int:
        """Bit/s of the largest run of segments that lasts about the target duration."""
        return max(self.average, peak_rate(self.seconds, self.sizes, self.target))


def target_duration(seconds: tuple[float, ...]) -> int:
    """The longest of some durations, rounded half up, at least 1."""
    return max(1, *(math.floor(one + 0.5) for one in seconds))


def peak_rate(seconds: tuple[float, ...], sizes: tuple[int, ...], target: int) -> int:
    """The highest bit rate of runs of segments that last 0.5 to 1.5 times the target duration; 0 without such a run."""
    peak, total, size, start = 0.0, 0.0, 0, 0
    for end in range(len(seconds)):
        total += seconds[end]
        size += sizes[end]
        while total > _MOST_WINDOW * target:
            total -= seconds[start]
            size -= sizes[start]
            start += 1
        shorter, part, at = total, size, start
        while at <= end and shorter >= _LEAST_WINDOW * target:
            peak = max(peak, 8 * part / shorter)
            shorter -= seconds[at]
            part -= sizes[at]
            at += 1
    return math.ceil(peak)
