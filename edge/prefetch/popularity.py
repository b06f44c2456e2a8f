"""Bytes and requests of each rendition: tallied per folder, and swept periodically into heavy hitters.

The fast path adds one number to the folder's `Tally`, which the grant holds; the slow path looks the tally up.
Everything else happens when a report is due.
"""

from __future__ import annotations

from edge.prefetch.segment_index import SegmentIndex
from kernel.fleet.messages import Popular
from kernel.heavy_hitters import HALF_LIFE, HeavyHitters

ONE_REQUEST = 1 << 48
"""A tally counts bytes below this, and adds it once per request, so that one addition counts both."""
MAX_TALLIES = 50_000
"""Folders with a tally; beyond that, those idle since the last sweep are dropped."""
MAX_RENDITIONS = 2_000
"""Renditions remembered: any with more than one part in this many of all bytes is always among them."""
MAX_ROWS = 500
SMALL_SHARE = 1 / 2000
"""Share of all bytes below which a rendition is only in every `SMALL_ROWS_EVERY`th report."""
SMALL_ROWS_EVERY = 5


class Tally:
    """A folder's traffic since the last sweep: ONE_REQUEST per request, plus the bytes."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Popularity:
    """See the module. Folders are cache keys without the file's name: `contentId/rendition`."""

    def __init__(self, outlines: SegmentIndex, places: int = MAX_RENDITIONS) -> None:
        self._outlines = outlines
        self._hitters: HeavyHitters[bytes] = HeavyHitters(places, HALF_LIFE)
        self._tallies: dict[bytes, Tally] = {}
        self._reports = 0

    def tally(self, folder: bytes) -> Tally:
        """The tally of a folder."""
        found = self._tallies.get(folder)
        if found is None:
            if len(self._tallies) >= MAX_TALLIES:
                self._tallies = {name: tally for name, tally in self._tallies.items() if tally.bytes}
            found = self._tallies[folder] = Tally()
        return found

    def record(self, folder: bytes, size: int) -> None:
        """Count `size` bytes sent to a viewer from a file of this folder."""
        tally = self._tallies.get(folder) or self.tally(folder)
        tally.bytes += ONE_REQUEST + size

    def sweep(self, now: float) -> None:
        """Add the tallies since the last sweep to the heavy hitters; `now` in mono seconds."""
        for folder, tally in self._tallies.items():
            taken = tally.bytes
            if taken:
                tally.bytes = 0
                self._hitters.record(folder, taken % ONE_REQUEST, taken // ONE_REQUEST, now)

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
