"""The policies by the names that settings use."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from cache.entry import Entry
from cache.eviction.lru import Lru
from cache.eviction.policy import Policy
from cache.eviction.s3fifo import S3Fifo


def _mark(key: Hashable) -> int:
    """What the ghost list knows an object by; fetched again it is a new entry under the same cache key."""
    return hash(key.key if isinstance(key, Entry) else key)


def _s3fifo(budget: int) -> Policy[Hashable]:
    return S3Fifo(budget, mark=_mark)


POLICIES: dict[str, Callable[[int], Policy[Hashable]]] = {"s3fifo": _s3fifo, "lru": Lru}
"""Name -> a policy made for a budget in bytes."""
