"""The policies by the names that settings use."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from cache.eviction.lru import Lru
from cache.eviction.policy import Policy
from cache.eviction.s3fifo import S3Fifo

POLICIES: dict[str, Callable[[int], Policy[Hashable]]] = {"s3fifo": S3Fifo, "lru": Lru}
"""Name -> a policy made for a budget in bytes."""
