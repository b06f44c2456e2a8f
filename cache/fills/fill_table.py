"""Running fills by cache key (request collapsing): one fetch for each alternate, however many requests wait. Pure.

Which alternate (Vary) a fill will return is not known before its head. So a request joins a fill only if both are equal
in the fields that the last response for this key varied by. If none is known, all requests wait for the first fill.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from cache.entry import Entry, normalised
from cache.fills.fill import Fill
from cache.index import PurgeRequest

MAX_VARYING = 10_000
"""Cache keys whose Vary fields are remembered; beyond it the oldest is dropped."""


class FillTable:
    """Fills that requests can join. `alone`: fills that nobody can join but that may still be stored, including those
    of slices. `streams`: number of fetches being split into slices."""

    def __init__(self) -> None:
        self._fills: dict[bytes, list[Fill]] = {}
        self._varying: OrderedDict[bytes, tuple[bytes, ...]] = OrderedDict()
        self.alone: set[Fill] = set()
        self.streams = 0

    def __len__(self) -> int:
        return sum(map(len, self._fills.values())) + self.streams

    def __contains__(self, key: bytes) -> bool:
        return key in self._fills

    def __iter__(self) -> Iterator[Fill]:
        return (fill for fills in tuple(self._fills.values()) for fill in tuple(fills))

    def find(self, key: bytes, request: Mapping[bytes, bytes], stored: Entry | None = None) -> Fill | None:
        """The running fill that a request may join, if any. `stored`: the stored response for it, fresh or stale."""
        names: tuple[bytes, ...] | None = None
        for fill in reversed(self._fills.get(key, ())):
            if not fill.is_joinable:
                continue
            if fill.entry is not None:
                if fill.entry.matches(request):
                    return fill
                continue
            if names is None:
                names = self._varying.get(key, ())
                names = names or (tuple(name for name, _ in stored.vary) if stored is not None else ())
            if all(normalised(n, fill.request.get(n)) == normalised(n, request.get(n)) for n in names):
                return fill
        return None

    def remember_vary(self, entry: Entry) -> None:
        """Remember the Vary fields of a response."""
        self._varying.pop(entry.key, None)
        if entry.vary:
            self._varying[entry.key] = tuple(name for name, _ in entry.vary)
            if len(self._varying) > MAX_VARYING:
                self._varying.popitem(last=False)

    def register(self, fill: Fill) -> None:
        """Let requests join this fill; it is preferred to older ones."""
        self._fills.setdefault(fill.key, []).append(fill)

    def start_alone(self, key: bytes, started: float) -> Fill:
        """A fill for one viewer or one slice that no other request can join."""
        fill = Fill(key, started)
        fill.shared = False
        self.alone.add(fill)
        return fill

    def detach(self, fill: Fill) -> None:
        """The head is overdue: the fill goes on and may be stored, but no request can join it any more."""
        self.remove(fill)
        self.alone.add(fill)

    def remove(self, fill: Fill) -> None:
        """Remove a fill that ended, or whose response is not stored."""
        self.alone.discard(fill)
        fills = self._fills.get(fill.key)
        if fills is not None and fill in fills:
            fills.remove(fill)
            if not fills:
                del self._fills[fill.key]

    def purge(self, request: PurgeRequest) -> None:
        """Keep fills that a purge may reach from being stored or joined. Before the head any surrogate key may
        match."""
        for fill in (*self, *self.alone):
            known = fill.entry.surrogates if fill.entry is not None else request.keys
            if request.reaches(fill.key, known):
                fill.purge()
                self.remove(fill)
