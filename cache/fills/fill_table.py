"""Cache key -> the running fills that whoever asks may join: one fetch an alternate, however many ask.

Which alternate (Vary) a fill will bring is not known before its head. By what the last answers for the key varied, a
request waits only for the fill of one that is equal in those fields; before anything is known, all wait for the first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from cache.entry import Entry, normalised
from cache.fills.fill import Fill
from cache.index import PurgeRequest

MAX_VARYING = 10_000
"""Cache keys of which it is remembered by what their answers vary; the one used longest ago is forgotten."""


class FillTable:
    """See the module. `alone`: fills that nobody finds and that may yet end in the cache, those of slices among them.
    `streams`: how many fetches are being cut into slices."""

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
        """The running fill that a request may wait for; `stored` is what the cache has for it, stale or not."""
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
        """An answer came: remember by what it varies."""
        self._varying.pop(entry.key, None)
        if entry.vary:
            self._varying[entry.key] = tuple(name for name, _ in entry.vary)
            if len(self._varying) > MAX_VARYING:
                self._varying.popitem(last=False)

    def register(self, fill: Fill) -> None:
        """From now on this one is found, before older ones."""
        self._fills.setdefault(fill.key, []).append(fill)

    def start_alone(self, key: bytes, started: float) -> Fill:
        """A fill for one viewer, or for one slice: found by nobody here."""
        fill = Fill(key, started)
        fill.shared = False
        self.alone.add(fill)
        return fill

    def detach(self, fill: Fill) -> None:
        """Its head is overdue: it goes on, and may end in the cache, but nobody finds it any more."""
        self.remove(fill)
        self.alone.add(fill)

    def remove(self, fill: Fill) -> None:
        """The fill is over, however, or its answer is not kept: nobody finds it any more."""
        self.alone.discard(fill)
        fills = self._fills.get(fill.key)
        if fills is not None and fill in fills:
            fills.remove(fill)
            if not fills:
                del self._fills[fill.key]

    def purge(self, request: PurgeRequest) -> None:
        """What a purge may reach stores nothing and is joined by nobody more; without a head any surrogate key may."""
        for fill in (*self, *self.alone):
            known = fill.entry.surrogates if fill.entry is not None else request.keys
            if request.reaches(fill.key, known):
                fill.purge()
                self.remove(fill)
