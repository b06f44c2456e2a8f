"""Eviction policies by the names that the settings use."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from mmap import mmap
from typing import Any, Protocol

import xxhash

from cache.entry import Entry
from cache.eviction.lru import Lru
from cache.eviction.policy import Policy
from cache.eviction.s3fifo import S3Fifo
from cache.eviction.shared_touches import HitMap, SharedLru, TimeMap, TouchMap


@dataclass(frozen=True, slots=True)
class S3FifoTuning:
    """Parameters of S3-FIFO: the small queue's share of a tier, and the hits there that promote to main."""

    small_share: float = 0.1
    promote_after: int = 1


DEFAULT = S3FifoTuning()


def _mark(key: Hashable) -> int:
    """The ghost's mark of an object: a hash of the cache key, since a new fetch makes a new entry."""
    return xxhash.xxh3_64_intdigest(key.key) if isinstance(key, Entry) else hash(key)


def _s3fifo(budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
    return S3Fifo(budget, tuning.small_share, tuning.promote_after, _mark)


def _lru(budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
    del tuning  # it has no queues
    return Lru(budget)


class MakePolicy(Protocol):
    """Makes a policy for a budget in bytes."""

    def __call__(self, budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
        """A new, empty policy."""


POLICIES: dict[str, MakePolicy] = {"s3fifo": _s3fifo, "lru": _lru}
"""The setting's value -> how to make the policy."""


def touch_map_size(policy: str, budget: int) -> int:
    """Bytes of memory in which several processes record the hits of a tier with this policy."""
    return TimeMap.size(budget) if policy == "lru" else HitMap.size(budget)


def touch_map(policy: str, memory: mmap | bytearray, now: Callable[[], float]) -> TouchMap:
    """What a process that does not own the tier records its hits in; `now` in monotonic seconds."""
    return TimeMap(memory, now) if policy == "lru" else HitMap(memory)


def shared_policy(
    policy: str, budget: int, tuning: S3FifoTuning, memory: mmap | bytearray, now: Callable[[], float]
) -> Policy[Entry]:
    """The policy of a tier whose hits are recorded in `memory` by other processes too."""
    if policy == "lru":
        return SharedLru(TimeMap(memory, now))
    hits = HitMap(memory)

    def extra_hits(entry: Entry) -> int:
        return hits.pop(entry.disk) if entry.disk is not None else 0

    return S3Fifo(budget, tuning.small_share, tuning.promote_after, _mark, extra_hits)
