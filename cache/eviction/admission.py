"""Which objects are worth a write to disk. Most of a long tail is asked for once: those writes wear a disk for nothing.

`second` writes an object when it was asked for before and is fetched again. What was fetched once is remembered by a
number, of as many bytes as a share of the disk tier's budget: the "ghost" of S3-FIFO (Yang et al., SOSP 2023, on
flash) put before the tier. A larger memory misses less and writes more.
"""

from __future__ import annotations

from typing import Protocol

import xxhash

from cache.eviction.ghost import Ghost

MEMORY_SHARE = 0.75
"""On traces of video segments (a tenth of a cluster, disk a tenth of the footprint) this writes 4 to 5 % of the bytes
requested, where remembering as much as the disk holds goes beyond 5 %."""


class Admission(Protocol):
    """Asked once for each object that was fetched and could be written."""

    def admits(self, key: bytes, cost: int) -> bool:
        """Whether to write it; what is refused is remembered. `cost` is in bytes."""


class Always:
    """Every object is written."""

    __slots__ = ()

    def admits(self, key: bytes, cost: int) -> bool:
        """Yes."""
        del key, cost
        return True


class OnSecondFetch:
    """An object is written when it is fetched while its first fetch is remembered."""

    __slots__ = ("_seen",)

    def __init__(self, budget: int, memory: float = MEMORY_SHARE) -> None:
        """`budget`: bytes of the disk tier; `memory`: the share of them that is remembered."""
        self._seen = Ghost(int(budget * memory))

    def admits(self, key: bytes, cost: int) -> bool:
        """Yes on the second fetch; the third, when it has left the disk by then, is a first one again."""
        mark = xxhash.xxh3_64_intdigest(key)
        if self._seen.pop(mark):
            return True
        self._seen.remember(mark, cost)
        return False


def _always(budget: int, memory: float = MEMORY_SHARE) -> Admission:
    del budget, memory  # it remembers nothing
    return Always()


class MakeAdmission(Protocol):
    """Makes an admission for a disk tier of so many bytes."""

    def __call__(self, budget: int, memory: float = MEMORY_SHARE) -> Admission:
        """An admission that has seen nothing yet."""


ADMISSIONS: dict[str, MakeAdmission] = {"always": _always, "second": OnSecondFetch}
"""Name -> an admission made for a disk tier of so many bytes."""
