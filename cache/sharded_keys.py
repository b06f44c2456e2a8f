"""Sets of cache keys that are walked in bounded steps while they change: for a purge, which must not hold up hits.

A key lies in one of many parts, which its hash says, as long as it is in. A walk takes one part after the other, each
as it stands then: it meets every key that was in from its beginning to its end, and none twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LIST_PARTS = 4096
MAX_UNSHARDED = 1024
"""Members of a small set; a larger one is better `ShardedKeySet`."""
PARTS = 256


class ShardedKeyList:
    """Keys that the caller knows to be in or not; 9 bytes each, of a million in all."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[list[bytes]] = [[] for _ in range(_LIST_PARTS)]

    def add(self, key: bytes) -> None:
        """A key that is not in."""
        self._parts[hash(key) % _LIST_PARTS].append(key)

    def discard(self, key: bytes) -> None:
        """A key that is in; order is nobody's, so the last takes its place."""
        part = self._parts[hash(key) % _LIST_PARTS]
        at, last = part.index(key), part.pop()
        if at < len(part):
            part[at] = last

    def walk(self) -> Iterator[list[bytes]]:
        """All of it, a part at a time."""
        return (part[:] for part in self._parts if part)


class ShardedKeySet:
    """A set that has grown large."""

    __slots__ = ("_count", "_parts")

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._parts: list[set[bytes]] = [set() for _ in range(PARTS)]
        self._count = 0
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        return self._count

    def add(self, key: bytes) -> None:
        """Put in, if it is not."""
        part = self._parts[hash(key) % PARTS]
        before = len(part)
        part.add(key)
        self._count += len(part) - before

    def discard(self, key: bytes) -> None:
        """Take out, if it is in."""
        part = self._parts[hash(key) % PARTS]
        before = len(part)
        part.discard(key)
        self._count += len(part) - before

    def part(self, number: int) -> list[bytes]:
        """The keys of one part, 0 to `PARTS` (not included)."""
        return list(self._parts[number])
