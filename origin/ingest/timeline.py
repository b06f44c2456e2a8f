"""The picture's packets as a timeline: when it starts and ends, how its rate varies, where its clock jumps. Pure.

Container headers lie; packets are what there is. They are read without decoding, one line a packet.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

JUMP_SECONDS = 10.0
"""ffmpeg's threshold for a clock that jumps, where a container's clock may jump (MPEG-TS and -PS)."""
_REORDER = 64
"""Frames by which decoding order may differ from display order."""
_FAST_SHARE = 0.05
"""The share of intervals that may be shorter than the fast interval: single ones are glitches."""
_MAX_INTERVALS = 4_096
_MOST_SECONDS = 1e9
"""A later time is no time."""


@dataclass
class Timeline:
    """Collects the packets of one stream in file order. All times in s."""

    may_jump: bool = False
    packets: int = 0
    keyframes: int = 0
    untimed: int = 0
    jumps: int = 0
    first: float | None = None
    end: float = 0.0
    """Of the last packet, without the jumps."""
    tail: float = 0.0
    """How long the last frame is shown where the file does not say; ffmpeg shows it for a frame."""
    _offset: float = 0.0
    _expected: float | None = None
    _waiting: list[float] = field(default_factory=list)
    _last: float | None = None
    _interval: float = 0.0
    _has_durations: bool = False
    _durations: Counter[int] = field(default_factory=Counter)
    _intervals: Counter[int] = field(default_factory=Counter)

    def read_packet(self, line: str) -> None:
        """A line of ffprobe: `pts_time,dts_time,duration_time,flags`. Packets that are not shown do not count."""
        pts_text, dts_text, duration_text, flags = (*line.strip().split(","), "", "", "", "")[:4]
        if "D" in flags:
            return
        pts, dts, duration = _number(pts_text), _number(dts_text), _number(duration_text) or 0.0
        self.packets += 1
        self._has_durations = self._has_durations or duration > 0
        self.keyframes += flags.startswith("K")
        time = pts if pts is not None else dts
        if time is None:
            self.untimed += 1
            if 0 < duration <= 1:
                self._durations[max(1, round(duration * 1e6))] += 1
            return
        if self.may_jump:
            self._mend(dts if dts is not None else time, duration)
        time -= self._offset
        self.first = time if self.first is None else min(self.first, time)
        self.end = max(self.end, time + duration)
        self._order(time)

    def _mend(self, clock: float, duration: float) -> None:
        """Take a jump of the clock out of all later times, as ffmpeg does when it reads the film."""
        here = clock - self._offset
        if self._expected is not None and not -0.1 <= here - self._expected <= JUMP_SECONDS:
            self._offset += here - self._expected
            self.jumps += 1
            here = self._expected
        self._expected = here + duration

    def _order(self, time: float) -> None:
        heapq.heappush(self._waiting, time)
        if len(self._waiting) > _REORDER:
            self._count(heapq.heappop(self._waiting))

    def _count(self, time: float) -> None:
        if self._last is not None and time > self._last:
            self._interval = time - self._last
            interval = round(self._interval * 10_000)
            if interval in self._intervals or len(self._intervals) < _MAX_INTERVALS:
                self._intervals[interval] += 1
        self._last = time

    def finish(self) -> None:
        """No packet follows: count the intervals between the last ones."""
        while self._waiting:
            self._count(heapq.heappop(self._waiting))
        if self._last is not None and not self._has_durations:
            # The last frame of a file without durations is shown as long as the one before.
            self.tail = min(self._interval, 1.0)
            self.end = max(self.end, self._last + self.tail)

    @property
    def average(self) -> float:
        """Frames a second on the whole; 0 if unknown. Headers are wrong at times: DV's says 60,000."""
        if self.untimed and self._durations:
            return 1e6 / self._durations.most_common(1)[0][0]
        if self.first is None or self._last is None or self._last <= self.first:
            return 0.0
        return (self.packets - 1) / (self._last - self.first)

    @property
    def fastest(self) -> float:
        """Frames a second where the picture changes fastest, glitches aside; 0 if unknown."""
        left = self._intervals.total() * _FAST_SHARE
        for interval in sorted(self._intervals):
            left -= self._intervals[interval]
            if left <= 0:
                return 10_000 / interval if interval else 0.0
        return 0.0


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < _MOST_SECONDS else None  # False for `nan` as well
