"""A viewer's access line: its rate over time, shared by the connections of the viewer. Pure.

A line is a queue: bytes that were received occupy it for as long as they take at its rate. A driver stops reading
while the line is occupied; TCP then slows the sender down.
"""

import math
from dataclasses import dataclass

from loadtest.session import NetworkProfile

MSS_BYTES = 1_460
MATHIS = math.sqrt(1.5)
"""Rate ≤ MSS/RTT · √(3/2) / √loss (Mathis, Semke, Mahdavi: "The macroscopic behavior of the TCP congestion avoidance
algorithm", 1997)."""
SLACK_S = 0.01
"""The line may be ahead by this much before reading stops."""
READ_S = 0.02
"""At most this much of the line's time is read at once, so that connections share it evenly."""
MIN_READ = 2_048


@dataclass(slots=True)
class Line:
    """One viewer's line. Times are wall seconds of one clock; `speed` compresses the profile's seconds."""

    profile: NetworkProfile
    began_s: float
    speed: float = 1.0
    free_s: float = 0.0
    """When everything received so far has passed."""

    @property
    def is_limited(self) -> bool:
        """Whether the profile has a rate."""
        return bool(self.profile.steps) or self._loss_bps() < math.inf

    def _loss_bps(self) -> float:
        if self.profile.loss <= 0 or self.profile.latency_s <= 0:
            return math.inf
        return 8 * MSS_BYTES / self.profile.latency_s * MATHIS / math.sqrt(self.profile.loss)

    def rate_at(self, now: float) -> float:
        """Bits per wall second."""
        bound, steps = self._loss_bps(), self.profile.steps
        if not steps:
            return bound * self.speed
        if len(steps) == 1:
            return min(bound, steps[0].rate_bps) * self.speed
        at = ((now - self.began_s) * self.speed) % max(sum(step.seconds for step in steps), 1e-9)
        for step in steps:
            at -= step.seconds
            if at < 0:
                return min(bound, step.rate_bps) * self.speed
        return min(bound, steps[-1].rate_bps) * self.speed

    def wait_after(self, size: int, now: float) -> float:
        """Count bytes that were received; seconds for which to read no more."""
        rate = self.rate_at(now)
        if rate == math.inf:
            return 0.0
        self.free_s = max(self.free_s, now) + 8 * size / max(rate, 1.0)
        ahead = self.free_s - now
        return ahead if ahead > SLACK_S else 0.0

    def read_size(self, now: float, most: int) -> int:
        """Bytes to read at once."""
        rate = self.rate_at(now)
        return most if rate == math.inf else min(most, max(MIN_READ, int(rate * READ_S / 8)))

    @property
    def latency_s(self) -> float:
        """One round trip in wall seconds."""
        return self.profile.latency_s / self.speed
