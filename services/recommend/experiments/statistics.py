"""Statistics that may be looked at after every viewer: intervals and checks that hold at all times at once. Pure.

An interval of fixed size is right at one moment that was chosen beforehand; whoever looks daily and stops at the first
"significant" difference errs several times as often as they think. These intervals hold at every moment together, so
looking costs nothing (Johari, Koomen, Pekelis, Walsh: Always Valid Inference, Operations Research 2022;
Waudby-Smith et al.: Time-uniform central limit theory, Annals of Statistics 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MIN_VIEWERS = 100
"""Of each arm: with fewer, means are not normal enough, and there is no interval."""
BEST_AT = 5_000.0
"""Viewers of the smaller arm at which the interval is as narrow as it can be; far from it, it is a little wider."""
MIXTURE_LEVEL = 0.05
SRM_LEVEL = 0.001
"""Below this, the arms' sizes are no chance: viewers are lost, or counted twice, in one of the arms."""
SRM_CONCENTRATION = 1_000.0


@dataclass(frozen=True, slots=True)
class Sample:
    """An arm's viewers, and the sum and the sum of squares of what each of them did."""

    viewers: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """What a viewer did."""
        return self.total / self.viewers if self.viewers else 0.0

    @property
    def variance(self) -> float:
        """Between viewers."""
        if self.viewers < 2:
            return 0.0
        return max(0.0, (self.squares - self.viewers * self.mean**2) / (self.viewers - 1))


@dataclass(frozen=True, slots=True)
class Difference:
    """Another arm's mean less the control's, and where it lies with what is not in `alpha`; None with too few viewers.

    `p` is the always-valid p-value.
    """

    value: float
    low: float | None
    high: float | None
    p: float

    @property
    def is_certain(self) -> bool:
        """Whether there is a difference."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def mixture_variance() -> float:
    """The variance of the mixture over effects, in variances of a viewer: the interval is best at BEST_AT viewers.

    It depends on nothing that is observed, or the interval would not hold at all times.
    """
    spread = -2 * math.log(MIXTURE_LEVEL)
    return (spread + math.log(1 + spread)) / BEST_AT


def compare(control: Sample, other: Sample, alpha: float) -> Difference:
    """The difference of two arms, by the normal mixture (mSPRT) over the difference's own variance."""
    value = other.mean - control.mean
    if min(control.viewers, other.viewers) < MIN_VIEWERS:
        return Difference(value, None, None, 1.0)
    variance = control.variance / control.viewers + other.variance / other.viewers
    if variance <= 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    degrees = control.viewers + other.viewers - 2
    pooled = ((control.viewers - 1) * control.variance + (other.viewers - 1) * other.variance) / degrees
    mixture = pooled * mixture_variance()
    growth = math.log((variance + mixture) / variance)
    radius = math.sqrt(variance * (variance + mixture) / mixture * (2 * math.log(1 / alpha) + growth))
    evidence = value**2 * mixture / (2 * variance * (variance + mixture)) - growth / 2
    return Difference(value, value - radius, value + radius, min(1.0, math.exp(-evidence)))


def sample_ratio_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The always-valid p-value of the arms' sizes, given the shares that they should have, which sum up to 1.

    By the Bayes factor of a Dirichlet around the shares (Lindon, Malek: Anytime-valid inference for multinomial count
    data, NeurIPS 2022).
    """
    total = sum(counts)
    prior = [SRM_CONCENTRATION * share for share in shares]
    logarithm = math.lgamma(SRM_CONCENTRATION) - math.lgamma(SRM_CONCENTRATION + total)
    for count, share, weight in zip(counts, shares, prior, strict=True):
        logarithm += math.lgamma(weight + count) - math.lgamma(weight) - count * math.log(share)
    return math.exp(-max(0.0, min(logarithm, 700.0)))
