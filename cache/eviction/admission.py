"""Admission to the disk tier: which objects are worth a write. Most of a long tail is requested only once. Pure.

`second` writes an object on its second fetch. A ghost (S3-FIFO, Yang et al., SOSP 2023, on flash) remembers first
fetches for as many bytes as a share of the disk tier's budget. A larger ghost misses less and writes more.
"""

from __future__ import annotations

from typing import Protocol

import xxhash

from cache.eviction.ghost import Ghost

MEMORY_SHARE = 0.75
"""Share of the disk budget that the ghost remembers. On traces of video segments (a tenth of a cluster, disk a tenth of
the footprint) it writes 4 to 5 % of the requested bytes; a share of 1 writes more than 5 %."""


class Admission(Protocol):
    """Decides once for each fetched object that the disk tier could hold."""

    def admits(self, key: bytes, cost: int) -> bool:
        """Whether to write the object, of `cost` bytes; a refused one may be remembered."""


class Always:
    """Writes every object."""

    __slots__ = ()

    def admits(self, key: bytes, cost: int) -> bool:
        """Always true."""
        del key, cost
        return True


class OnSecondFetch:
    """Writes an object on its second fetch, while the first is remembered."""

    __slots__ = ("_seen",)

    def __init__(self, budget: int, memory: float = MEMORY_SHARE) -> None:
        """`budget`: bytes of the disk tier; `memory`: the share of them that is remembered."""
        self._seen = Ghost(int(budget * memory))

    def admits(self, key: bytes, cost: int) -> bool:
        """True on the second fetch, which is then forgotten: if the object is evicted, its next fetch is a first
        one."""
        mark = xxhash.xxh3_64_intdigest(key)
        if self._seen.pop(mark):
            return True
        self._seen.remember(mark, cost)
        return False


def _always(budget: int, memory: float = MEMORY_SHARE) -> Admission:
    del budget, memory  # it remembers nothing
    return Always()


class MakeAdmission(Protocol):
    """Makes an admission for a disk tier of `budget` bytes."""

    def __call__(self, budget: int, memory: float = MEMORY_SHARE) -> Admission:
        """A new admission with no memory."""


ADMISSIONS: dict[str, MakeAdmission] = {"always": _always, "second": OnSecondFetch}
"""The setting's value -> how to make the admission."""
