"""LRU: evicts the object whose last request is longest ago."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Lru(Generic[K]):
    """Least recently used, sizes in bytes; see `cache.eviction.policy.Policy`."""

    __slots__ = ("_sizes", "used", "was_wanted")

    def __init__(self, budget: int) -> None:  # noqa: ARG002 (policies are made alike; LRU has no shares to compute)
        self._sizes: OrderedDict[K, int] = OrderedDict()
        """Key -> `size << 1 | had a hit`, in order of use."""
        self.used = 0
        self.was_wanted = False

    def insert(self, key: K, size: int) -> None:
        """Add at the recently used end."""
        self.remove(key)
        self._sizes[key] = size * 2
        self.used += size

    def touch(self, key: K) -> None:
        """Record a hit and move to the recently used end."""
        size = self._sizes.get(key)
        if size is not None:
            if not size & 1:
                self._sizes[key] = size + 1
            self._sizes.move_to_end(key)

    def untouch(self, key: K) -> None:
        """Clear the hit; the position stays."""
        size = self._sizes.get(key)
        if size is not None:
            self._sizes[key] = size & ~1

    def fits_without_eviction(self, size: int) -> bool:
        """Whether the least recently used objects, up to `size` bytes, had no hit."""
        for held in self._sizes.values():
            if size <= 0:
                return True
            if held & 1:
                return False
            size -= held // 2
        return size <= 0

    def remove(self, key: K) -> None:
        """Remove a key; unknown keys are ignored."""
        self.used -= self._sizes.pop(key, 0) // 2

    def evict(self) -> K | None:
        """Remove and return the least recently used key."""
        if not self._sizes:
            return None
        key, size = self._sizes.popitem(last=False)
        self.used -= size // 2
        self.was_wanted = bool(size & 1)
        return key

    def __contains__(self, key: object) -> bool:
        return key in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)
