"""Counts of values in buckets of equal ratio: percentiles of any number of measurements in bounded memory."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

BUCKETS_PER_OCTAVE = 16
"""Neighbouring buckets differ by 2^(1/16) = 4.4 %, so a percentile is within 2.2 % of the exact one."""
MIN_VALUE = 1e-9
"""Smaller values, zero included, share one bucket."""

_SCALE = BUCKETS_PER_OCTAVE / math.log(2)
_ZERO = math.floor(math.log(MIN_VALUE) * _SCALE)


@dataclass(slots=True)
class Histogram:
    """Values ≥ 0 of one unit. At most about 1,000 buckets exist between 1e-9 and 1e9."""

    counts: dict[int, int] = field(default_factory=dict)
    sum: float = 0.0
    max: float = 0.0

    def record(self, value: float) -> None:
        """Count one value; a negative one counts as zero."""
        bucket = math.floor(math.log(value) * _SCALE) if value > MIN_VALUE else _ZERO
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.sum += max(0.0, value)
        self.max = max(self.max, value)

    def merge(self, other: "Histogram") -> None:
        """Count everything the other one has counted."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.sum += other.sum
        self.max = max(self.max, other.max)

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        """The exact mean, 0 when nothing was recorded."""
        count = self.count
        return self.sum / count if count else 0.0

    def percentile(self, share: float) -> float:
        """The value that `share` (0-1) of all do not exceed, within 2.2 %; 0 when nothing was recorded."""
        count = self.count
        if not count:
            return 0.0
        rank, seen = max(1, math.ceil(share * count)), 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return 0.0 if bucket == _ZERO else min(self.max, math.exp((bucket + 0.5) / _SCALE))
        return self.max


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of everything the given ones have counted."""
    total = Histogram()
    for each in histograms:
        total.merge(each)
    return total
