"""Cache key -> the running fill that whoever asks may join: one fetch, however many ask."""

from __future__ import annotations

from cache.fill import Fill
from cache.index import PurgeRequest


class Filling(dict[bytes, Fill]):
    """See the module. `alone`: fills that nobody may join and that may yet end in the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.alone: set[Fill] = set()

    def begin(self, fill: Fill) -> None:
        """From now on this one is found, in place of one that is doomed."""
        self[fill.key] = fill

    def begin_alone(self, key: bytes, started: float) -> Fill:
        """A fill for one viewer, found by nobody."""
        fill = Fill(key, started)
        fill.shared = False
        self.alone.add(fill)
        return fill

    def ended(self, fill: Fill) -> None:
        """The fill is over, however, or its answer is not kept: nobody finds it any more."""
        self.alone.discard(fill)
        if self.get(fill.key) is fill:
            del self[fill.key]

    def purge(self, request: PurgeRequest) -> None:
        """What a purge may reach stores nothing and is joined by nobody more; without a head any surrogate key may."""
        for fill in (*self.values(), *self.alone):
            known = fill.entry.surrogates if fill.entry is not None else request.keys
            if request.reaches(fill.key, known):
                fill.purge()
                self.ended(fill)
