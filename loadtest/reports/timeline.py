"""The sessions over time, in a fixed number of equal parts of the run.

It is drawn from what each record says about its session, without a sample for each second: a session plays from its
first frame for as long as it played, stalled, paused and waited, at its mean rung; its stalls stand where they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.histogram import Histogram
from loadtest.session import EndReason, SessionRecord

PARTS = 100


@dataclass(slots=True)
class Timeline:
    """What happened in each of PARTS equal parts of `seconds` (story time)."""

    seconds: float
    arrivals: list[float] = field(default_factory=lambda: [0.0] * PARTS)
    present_s: list[float] = field(default_factory=lambda: [0.0] * PARTS)
    """Viewer-seconds between first frame and end."""
    stalled_s: list[float] = field(default_factory=lambda: [0.0] * PARTS)
    rung_bits: list[float] = field(default_factory=lambda: [0.0] * PARTS)
    """Viewer-seconds times the viewer's mean rung, in bits."""
    failures: list[float] = field(default_factory=lambda: [0.0] * PARTS)
    startup_s: list[Histogram] = field(default_factory=lambda: [Histogram() for _ in range(PARTS)])
    """By the part in which the session began."""

    @property
    def part_s(self) -> float:
        """Length of a part."""
        return self.seconds / PARTS

    def part_of(self, at_s: float) -> int:
        """The part that a time falls into; times outside belong to the first or last one."""
        return min(PARTS - 1, max(0, int(at_s / self.part_s)))

    def count_session(self, record: SessionRecord) -> None:
        """Count one session that is over."""
        began = record.viewer.arrival_s
        self.arrivals[self.part_of(began)] += 1
        if record.startup_s is not None:
            self.startup_s[self.part_of(began)].record(record.startup_s)
        first_frame = began + (record.startup_s or 0.0)
        lasted = record.played_s + record.stalled_s + record.paused_s + record.seek_waits_s
        self._spread(self.present_s, first_frame, lasted, 1.0)
        self._spread(self.rung_bits, first_frame, lasted, record.bitrate_mean_bps)
        for stall in record.stalls:
            self._spread(self.stalled_s, began + stall.at_s, stall.for_s, 1.0)
        if record.end in (EndReason.START_FAILED, EndReason.PLAYBACK_FAILED):
            self.failures[self.part_of(first_frame + lasted)] += 1

    def _spread(self, into: list[float], start: float, lasts: float, weight: float) -> None:
        """Add `weight` times the seconds of [start, start + lasts) to the parts that they fall into."""
        end, part = min(start + lasts, self.seconds), self.part_of(start)
        while start < end:
            stop = min(end, (part + 1) * self.part_s) if part < PARTS - 1 else end
            into[part] += weight * max(0.0, stop - start)
            start, part = stop, part + 1

    def merge(self, other: Timeline) -> None:
        """Count everything that the other one has counted."""
        for name in ("arrivals", "present_s", "stalled_s", "rung_bits", "failures"):
            mine, theirs = getattr(self, name), getattr(other, name)
            mine[:] = [a + b for a, b in zip(mine, theirs, strict=True)]
        for mine, theirs in zip(self.startup_s, other.startup_s, strict=True):
            mine.merge(theirs)
