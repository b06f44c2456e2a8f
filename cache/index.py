"""The index in memory: which entries are stored under a cache key, and which of them a purge reaches. Pure.

Most keys have one entry, held as itself; several (alternates by Vary) are held as a tuple.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cache.entry import Entry
from cache.sharded_keys import ShardedKeyList
from cache.slices import object_key, slice_key, slice_numbers
from cache.surrogates import Surrogates

MAX_ALTERNATES = 16
"""Alternates kept for one cache key; beyond it the oldest is removed."""
KEYS_PER_STEP = 8000
"""Cache keys that a purge examines before it yields to the loop: about a millisecond or two."""


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """What a purge reaches: the union of its members. `keys` are surrogate keys; `urls` and `prefixes` are cache keys.

    `soft`: mark stale instead of removing."""

    keys: tuple[bytes, ...] = ()
    urls: tuple[bytes, ...] = ()
    prefixes: tuple[bytes, ...] = ()
    everything: bool = False
    soft: bool = False

    def reaches(self, key: bytes, surrogates: Iterable[bytes]) -> bool:
        """Whether the purge reaches the object under this cache key, or the object that this slice belongs to."""
        key = object_key(key)
        if self.everything or key in self.urls or key.startswith(self.prefixes):
            return True
        return any(one in self.keys for one in surrogates)


class Index:
    """Cache key -> entries, and surrogate key -> cache keys."""

    __slots__ = ("_entries", "_keys", "_surrogates")

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry | tuple[Entry, ...]] = {}
        self._keys = ShardedKeyList()
        self._surrogates = Surrogates()

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: bytes, request: Mapping[bytes, bytes]) -> Entry | None:
        """The stored response for a request, fresh or not; among alternates that match the latest (RFC 9111 §4)."""
        found = self._entries.get(key)
        if isinstance(found, Entry):
            return found if not found.vary or found.matches(request) else None
        if found is None:
            return None
        return max((one for one in reversed(found) if one.matches(request)), key=lambda one: one.born, default=None)

    def get(self, key: bytes) -> tuple[Entry, ...]:
        """All entries under a key, oldest first."""
        found = self._entries.get(key)
        return (found,) if isinstance(found, Entry) else found or ()

    def holds(self, entry: Entry) -> bool:
        """Whether this very entry is stored."""
        found = self._entries.get(entry.key)
        return found is entry or (isinstance(found, tuple) and entry in found)

    def replaced_by(self, entry: Entry) -> list[Entry]:
        """The entries that a new one replaces: the same alternate, any entry if either has no Vary, and the oldest
        beyond `MAX_ALTERNATES`."""
        old = self.get(entry.key)
        same = [other for other in old if other.vary == entry.vary or not (other.vary and entry.vary)]
        others = [other for other in old if other not in same]
        return same + others[: max(0, len(others) - MAX_ALTERNATES + 1)]

    def insert(self, entry: Entry) -> None:
        """Add an entry under its key."""
        old = self.get(entry.key)
        if not old:
            self._keys.add(entry.key)
        self._entries[entry.key] = (*old, entry) if old else entry
        self._surrogates.add(entry.key, entry.surrogates)

    def remove(self, entry: Entry) -> None:
        """Remove an entry; no effect if it is not stored."""
        if not self.holds(entry):
            return
        rest = tuple(other for other in self.get(entry.key) if other is not entry)
        if not rest:
            del self._entries[entry.key]
            self._keys.discard(entry.key)
        else:
            self._entries[entry.key] = rest[0] if len(rest) == 1 else rest
        self.rekey(entry, entry.surrogates)

    def rekey(self, entry: Entry, before: Iterable[bytes]) -> None:
        """Update the surrogate keys after a change: the entry had `before`, the entries now under its key decide."""
        self._surrogates.discard(entry.key, before)
        for other in self.get(entry.key):
            self._surrogates.add(other.key, other.surrogates)

    def candidates(self, request: PurgeRequest) -> Iterator[tuple[int, list[bytes]]]:
        """(keys examined, cache keys) in bounded batches. They include every key that the purge reaches; check each
        entry with `reaches`. Changes between two batches are seen as they are then."""
        if request.everything or request.prefixes:
            prefixes = request.prefixes if not request.everything else b""
            for part in self._keys.walk():
                yield len(part), [key for key in part if key.startswith(prefixes)]
        if request.everything:
            return
        for url in request.urls:
            for key in self._with_slices(url):
                yield 1, [key]
        for one in request.keys:
            for part in self._surrogates.carrying(one):
                yield len(part), part

    def _with_slices(self, key: bytes) -> Iterator[bytes]:
        """The key of an object and, if it is sliced, the keys of its slices."""
        wholes = [entry for entry in self.get(key) if entry.slice]
        yield key
        for entry in wholes:
            yield from (slice_key(key, number) for number in slice_numbers(0, entry.length or 0, entry.slice))

    def slices_of(self, whole: Entry) -> Iterator[Entry | None]:
        """The stored slices of this sliced object, in order; None where one is missing. Other alternates are left
        out."""
        for number in slice_numbers(0, whole.length or 0, whole.slice):
            found = self.get(slice_key(whole.key, number))
            yield next((entry for entry in found if entry.mark == whole.mark), None)

    def has_whole(self, entry: Entry) -> bool:
        """Whether the sliced object that this slice belongs to is stored; without it the slice cannot be served."""
        return any(whole.slice and whole.mark == entry.mark for whole in self.get(object_key(entry.key)))

    def iter_reached(self, request: PurgeRequest, step: int) -> Iterator[list[Entry]]:
        """The entries that a purge reaches, in batches of about `step`; each batch examines about `KEYS_PER_STEP` keys
        at most. An entry comes twice only if the purge reaches it in two ways."""
        found: list[Entry] = []
        looked = 0
        for count, keys in self.candidates(request):
            looked += 1 + count
            for key in keys:
                found += [entry for entry in self.get(key) if request.reaches(key, entry.surrogates)]
                if len(found) >= step:
                    yield found
                    found, looked = [], 0
            if looked >= KEYS_PER_STEP:
                yield found
                found, looked = [], 0
        yield found
