"""What viewers take of each rendition: added up by folder as they take it, swept into heavy hitters now and then.

The straight run adds one number to the folder's `Tally`, which it has at hand with the grant; the long way looks it up.
Everything else happens when a report is due.
"""

from __future__ import annotations

from edge.prefetch.segment_index import SegmentIndex
from kernel.fleet.messages import Popular
from kernel.heavy_hitters import HALF_LIFE, HeavyHitters

REQUEST = 1 << 48
"""A tally counts bytes below this, and one of it for each request: so that one addition does for both."""
MAX_TALLIES = 50_000
"""Folders whose tallies are at hand; beyond it those idle since the last sweep are let go."""
PLACES = 2_000
"""Renditions remembered: whoever takes more than one part in so many is always among them."""
MAX_ROWS = 500
SMALL = 1 / 2000
"""Share of all bytes below which a rendition stands in one report of `EVERY_SO_MANY` only."""
EVERY_SO_MANY = 5


class Tally:
    """What was taken of a folder since the last sweep: REQUEST for each request, and its bytes."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Popularity:
    """See the module. Folders are cache keys without the file's name: `contentId/rendition`."""

    def __init__(self, outlines: SegmentIndex, places: int = PLACES) -> None:
        self._outlines = outlines
        self._hitters: HeavyHitters[bytes] = HeavyHitters(places, HALF_LIFE)
        self._tallies: dict[bytes, Tally] = {}
        self._told = 0

    def tally(self, folder: bytes) -> Tally:
        """Where a folder's requests are added up."""
        found = self._tallies.get(folder)
        if found is None:
            if len(self._tallies) >= MAX_TALLIES:
                self._tallies = {name: tally for name, tally in self._tallies.items() if tally.bytes}
            found = self._tallies[folder] = Tally()
        return found

    def record(self, folder: bytes, size: int) -> None:
        """A viewer was given so many bytes of a file of this folder."""
        tally = self._tallies.get(folder) or self.tally(folder)
        tally.bytes += REQUEST + size

    def sweep(self, now: float) -> None:
        """Bring what was taken since the last time into the sums; `now` in mono seconds."""
        for folder, tally in self._tallies.items():
            taken = tally.bytes
            if taken:
                tally.bytes = 0
                self._hitters.record(folder, taken % REQUEST, taken // REQUEST, now)

    def rows(self, now: float, most: int = MAX_ROWS) -> tuple[Popular, ...]:
        """The renditions of which most is taken, the most first; those of which little is, every fifth time."""
        found, top = [], self._hitters.top(most, now)
        least = SMALL * sum(taken.bytes for _, taken in top) if self._told % EVERY_SO_MANY else 0.0
        self._told += 1
        for folder, taken in top:
            if taken.bytes < least:
                break
            title, _, rendition = folder.partition(b"/")
            size = self._size(title, rendition, taken.bytes / taken.requests if taken.requests >= 0.5 else 0.0)
            name = rendition.decode("latin-1")
            found.append(Popular(title.decode("latin-1"), name, taken.bytes, taken.requests, size))
        return tuple(found)

    def _size(self, title: bytes, rendition: bytes, mean: float) -> int:
        """Bytes of a rendition: as its playlist tells, or as many segments as it names of the mean size."""
        outline = self._outlines.of(title, rendition)
        if outline is None:
            return 0
        return outline.length or int(outline.count * mean)
