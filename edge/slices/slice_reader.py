"""What the fill of a slice never tells, or asks, those who read it: it is a part of what was chosen already."""

from __future__ import annotations

from collections.abc import Mapping

from cache.entry import Entry
from cache.fills.fill import Fill


class SliceReader:
    """The part of `cache.fills.fill.Reader` that says nothing of a slice."""

    __slots__ = ()

    position: int

    def matches(self, entry: Entry) -> bool:
        """Slices are of the alternate that was chosen."""
        del entry
        return True

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """Not asked of a slice."""
        del entry
        return first <= self.position < stop

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """Not asked of a slice."""
        del request
        return True

    def on_interim(self, head: bytes) -> None:
        """Nothing of a slice's."""

    def on_head(self, fill: Fill) -> None:
        """Bytes follow at once."""

    def on_not_modified(self, entry: Entry) -> None:
        """Slices are not revalidated."""

    def on_sliced(self, entry: Entry) -> None:
        """Slices are not cut up."""
