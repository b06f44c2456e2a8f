"""Eviction policies by the names that the settings use."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import xxhash

from cache.entry import Entry
from cache.eviction.lru import Lru
from cache.eviction.policy import Policy
from cache.eviction.s3fifo import S3Fifo


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
