"""The policies by the names that settings use."""

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
    """Settings of S3-FIFO: the small queue's share of a tier, hits there that lead to main."""

    small_share: float = 0.1
    promote_after: int = 1


DEFAULT = S3FifoTuning()


def _mark(key: Hashable) -> int:
    """What the ghost knows an object by; fetched again it is a new entry under the same cache key."""
    return xxhash.xxh3_64_intdigest(key.key) if isinstance(key, Entry) else hash(key)


def _s3fifo(budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
    return S3Fifo(budget, tuning.small_share, tuning.promote_after, _mark)


def _lru(budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
    del tuning  # it has no queues
    return Lru(budget)


class MakePolicy(Protocol):
    """Makes a policy for a budget in bytes."""

    def __call__(self, budget: int, tuning: S3FifoTuning = DEFAULT) -> Policy[Any]:
        """A policy with nothing in it."""


POLICIES: dict[str, MakePolicy] = {"s3fifo": _s3fifo, "lru": _lru}
"""Name -> a policy made for a budget in bytes."""
