"""Throughput and time to first byte, estimated as hls.js does. Pure.

hls.js takes the smaller of two exponentially weighted means of the throughput, a fast and a slow one, so that it goes
down quickly and up slowly (src/utils/ewma-bandwidth-estimator.ts, after Shaka Player's).
"""

import math

_MIN_DELAY_S = 0.05
"""A transfer counts as at least this long, or less where it is small."""
_MIN_WEIGHT = 0.001


class WeightedMean:
    """An exponentially weighted mean whose samples lose half of their weight every `half_life` of weight."""

    __slots__ = ("_alpha", "_estimate", "weight")

    def __init__(self, half_life: float) -> None:
        self._alpha = math.exp(math.log(0.5) / half_life)
        self._estimate = 0.0
        self.weight = 0.0

    def sample(self, weight: float, value: float) -> None:
        """Count `value` with `weight`."""
        kept = self._alpha**weight
        self._estimate = value * (1 - kept) + kept * self._estimate
        self.weight += weight

    @property
    def value(self) -> float:
        """The mean, corrected for the zero that it starts from."""
        share = 1 - self._alpha**self.weight
        return self._estimate / share if share else self._estimate


class BandwidthEstimator:
    """Bits per second of one player's connection, and its time to first byte in seconds."""

    __slots__ = ("_fast", "_slow", "_ttfb", "default_bps")

    FAST_S, SLOW_S = 3.0, 9.0

    def __init__(self, default_bps: float) -> None:
        self.reset(default_bps)

    def reset(self, default_bps: float) -> None:
        """Forget every sample; until the next one the estimate is `default_bps`."""
        self.default_bps = default_bps
        self._fast = WeightedMean(self.FAST_S)
        self._slow = WeightedMean(self.SLOW_S)
        self._ttfb = WeightedMean(self.SLOW_S)

    def sample(self, seconds: float, size: int) -> None:
        """Count a transfer of `size` bytes."""
        if size <= 0:
            return
        seconds = max(seconds, min(_MIN_DELAY_S, size / 1e8))
        rate = 8 * size / seconds
        self._fast.sample(seconds, rate)
        self._slow.sample(seconds, rate)

    def sample_ttfb(self, seconds: float) -> None:
        """Count a time to first byte; long ones have less weight."""
        weight = math.sqrt(2) * math.exp(-(seconds**2) / 2)
        self._ttfb.sample(weight, max(seconds, 0.005))

    @property
    def can_estimate(self) -> bool:
        """Whether a transfer was counted."""
        return self._fast.weight >= _MIN_WEIGHT

    @property
    def bps(self) -> float:
        """The smaller of the fast and the slow mean; the default before the first sample."""
        return min(self._fast.value, self._slow.value) if self.can_estimate else self.default_bps

    @property
    def ttfb_s(self) -> float:
        """Mean time to first byte; 0.1 s before the first sample."""
        return self._ttfb.value if self._ttfb.weight >= _MIN_WEIGHT else 0.1
