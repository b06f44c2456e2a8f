"""The most popular renditions. `edge.counters` tallies them; a periodic sweep adds the tallies to heavy hitters."""

from __future__ import annotations

from edge.counters import RenditionTallies
from edge.prefetch.segment_index import SegmentIndex
from kernel.fleet.messages import Popular
from kernel.heavy_hitters import HALF_LIFE, HeavyHitters

MAX_RENDITIONS = 2_000
"""Renditions remembered: any with more than one part in this many of all bytes is always among them."""
MAX_ROWS = 500
SMALL_SHARE = 1 / 2000
"""Share of all bytes below which a rendition is only in every `SMALL_ROWS_EVERY`th report."""
SMALL_ROWS_EVERY = 5


class Popularity:
    """See the module. Folders are cache keys without the file's name: `contentId/rendition`."""

    def __init__(self, tallies: RenditionTallies, outlines: SegmentIndex, places: int = MAX_RENDITIONS) -> None:
        self._tallies = tallies
        self._outlines = outlines
        self._hitters: HeavyHitters[bytes] = HeavyHitters(places, HALF_LIFE)
        self._reports = 0

    def sweep(self, now: float) -> None:
        """Add the tallies since the last sweep to the heavy hitters; `now` in mono seconds."""
        for folder, size, requests in self._tallies.drain():
            self._hitters.record(folder, size, requests, now)

    def rows(self, now: float, most: int = MAX_ROWS) -> tuple[Popular, ...]:
        """The most popular renditions, by bytes; small ones only in every fifth report."""
        found, top = [], self._hitters.top(most, now)
        least = SMALL_SHARE * sum(taken.bytes for _, taken in top) if self._reports % SMALL_ROWS_EVERY else 0.0
        self._reports += 1
        for folder, taken in top:
            if taken.bytes < least:
                break
            title, _, rendition = folder.partition(b"/")
            size = self._size(title, rendition, taken.bytes / taken.requests if taken.requests >= 0.5 else 0.0)
            name = rendition.decode("latin-1")
            found.append(Popular(title.decode("latin-1"), name, taken.bytes, taken.requests, size))
        return tuple(found)

    def _size(self, title: bytes, rendition: bytes, mean: float) -> int:
        """A rendition's bytes: from its playlist, or its number of segments times their mean size."""
        outline = self._outlines.rendition(title, rendition)
        if outline is None:
            return 0
        return outline.length or int(outline.count * mean)
