"""The largest consumers among very many: decaying sums in bounded memory. Pure.

Space-saving (Metwally, Agrawal, El Abbadi 2005): when all places are used, a newcomer replaces the smallest and starts
from its sum, so every consumer with more than 1/`places` of the total is always included. Sums decay by half every
`half_life` (forward decay, Cormode et al. 2009: new amounts weigh more, nothing is recomputed).
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

HALF_LIFE = 60.0
"""The half-life in seconds of the popularity sums, at edges and at control."""

_RESCALE_AT = 40.0
"""Half-lives after which the weights are rescaled, long before a float could overflow."""


class Estimate(NamedTuple):
    """Decayed sums at the requested time; `max_error_bytes`: by how much `bytes` may be too high."""

    bytes: float
    requests: float
    max_error_bytes: float


class HeavyHitters(Generic[K]):
    """See the module. `places`: how many are remembered; `half_life` in seconds."""

    __slots__ = ("_epoch", "_half_life", "_heap", "_order", "_places", "_sums")

    def __init__(self, places: int, half_life: float) -> None:
        self._places = places
        self._half_life = half_life
        self._epoch = 0.0
        self._sums: dict[K, list[float]] = {}
        # (sum at some time, order, key) of each: a sum only grows, so that the least is found by looking at those on
        # top whose entry is out of date, and putting them back where they belong.
        self._heap: list[tuple[float, int, K]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._sums)

    def record(self, key: K, size: float, requests: float, now: float) -> None:
        """Add `size` bytes and `requests` requests at `now` (seconds, never decreasing)."""
        weight = self._weight(now)
        held = self._sums.get(key)
        if held is None:
            held = [0.0, 0.0, 0.0]
            if len(self._sums) >= self._places:
                held[0] = held[2] = self._evict_smallest()
            self._sums[key] = held
            self._push(key, held[0])
        held[0] += size * weight
        held[1] += requests * weight

    def _push(self, key: K, size: float) -> None:
        self._order += 1
        heapq.heappush(self._heap, (size, self._order, key))

    def _evict_smallest(self) -> float:
        """Remove the consumer with the smallest sum; returns that sum."""
        while True:
            size, _, key = heapq.heappop(self._heap)
            now = self._sums[key][0]
            if now == size:
                del self._sums[key]
                return now
            self._push(key, now)

    def top(self, most: int, now: float) -> list[tuple[K, Estimate]]:
        """Those with the largest sums, largest first; sums that faded to less than a byte are left out."""
        weight = self._weight(now)
        ranked = sorted(self._sums.items(), key=lambda item: item[1][0], reverse=True)[:most]
        found = [(key, Estimate(size / weight, count / weight, over / weight)) for key, (size, count, over) in ranked]
        return [(key, taken) for key, taken in found if taken.bytes >= 1.0]

    def _weight(self, now: float) -> float:
        if not self._sums:
            self._epoch = now
        elapsed = (now - self._epoch) / self._half_life
        if elapsed > _RESCALE_AT:
            fade = 0.5**elapsed
            self._sums = {
                key: [size * fade, count * fade, over * fade]
                for key, (size, count, over) in self._sums.items()
                if size * fade >= 1.0
            }
            self._epoch, elapsed = now, 0.0
            self._heap = []
            for key, held in self._sums.items():
                self._push(key, held[0])
        return float(2.0**elapsed)
