"""LRU: the object that was asked for longest ago leaves first."""

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
        """Twice the size, and one more when it was asked for since it came."""
        self.used = 0
        self.was_wanted = False

    def insert(self, key: K, size: int) -> None:
        """Put in at the young end."""
        self.remove(key)
        self._sizes[key] = size * 2
        self.used += size

    def touch(self, key: K) -> None:
        """Move to the young end."""
        size = self._sizes.get(key)
        if size is not None:
            if not size & 1:
                self._sizes[key] = size + 1
            self._sizes.move_to_end(key)

    def untouch(self, key: K) -> None:
        """It counts as not asked for; its place stays."""
        size = self._sizes.get(key)
        if size is not None:
            self._sizes[key] = size & ~1

    def fits_without_eviction(self, size: int) -> bool:
        """Whether the old end, up to this size, was not asked for since it came."""
        for held in self._sizes.values():
            if size <= 0:
                return True
            if held & 1:
                return False
            size -= held // 2
        return size <= 0

    def remove(self, key: K) -> None:
        """Forget."""
        self.used -= self._sizes.pop(key, 0) // 2

    def evict(self) -> K | None:
        """Take from the old end."""
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
