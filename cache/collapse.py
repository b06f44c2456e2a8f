"""Cache key -> the running fill that whoever asks may join: one fetch, however many ask."""

from __future__ import annotations

from cache.fill import Fill
from cache.index import PurgeRequest


class Filling(dict[bytes, Fill]):
    """See the module."""

    def begin(self, fill: Fill) -> None:
        """From now on this one is found, in place of one that is doomed."""
        self[fill.key] = fill

    def ended(self, fill: Fill) -> None:
        """The fill is over, however: nobody finds it any more."""
        if self.get(fill.key) is fill:
            del self[fill.key]

    def purge(self, request: PurgeRequest) -> None:
        """What a purge may reach stores nothing and is joined by nobody more; without a head any surrogate key may."""
        for fill in tuple(self.values()):
            known = fill.entry.surrogates if fill.entry is not None else request.keys
            if request.reaches(fill.key, known):
                fill.purge()
                self.ended(fill)
