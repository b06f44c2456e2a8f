"""Sets of cache keys that can be walked in bounded steps while they change, so that a purge does not delay hits. Pure.

The hash of a key chooses one of many parts. A walk copies one part at a time: it yields every key that was present from
start to end, and none twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LIST_PARTS = 4096
MAX_UNSHARDED = 1024
"""Keys in a plain set; a larger set becomes a `ShardedKeySet`."""
PARTS = 256


class ShardedKeyList:
    """A list for callers that know whether a key is present; about 9 bytes for each of a million keys."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[list[bytes]] = [[] for _ in range(_LIST_PARTS)]

    def add(self, key: bytes) -> None:
        """Add a key that is not present."""
        self._parts[hash(key) % _LIST_PARTS].append(key)

    def discard(self, key: bytes) -> None:
        """Remove a key that is present. Order does not matter, so the last key moves into its place."""
        part = self._parts[hash(key) % _LIST_PARTS]
        at, last = part.index(key), part.pop()
        if at < len(part):
            part[at] = last

    def walk(self) -> Iterator[list[bytes]]:
        """All keys, one part at a time."""
        return (part[:] for part in self._parts if part)


class ShardedKeySet:
    """A large set of keys."""

    __slots__ = ("_count", "_parts")

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._parts: list[set[bytes]] = [set() for _ in range(PARTS)]
        self._count = 0
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        return self._count

    def add(self, key: bytes) -> None:
        """Add a key; no effect if it is present."""
        part = self._parts[hash(key) % PARTS]
        before = len(part)
        part.add(key)
        self._count += len(part) - before

    def discard(self, key: bytes) -> None:
        """Remove a key; no effect if it is absent."""
        part = self._parts[hash(key) % PARTS]
        before = len(part)
        part.discard(key)
        self._count += len(part) - before

    def part(self, number: int) -> list[bytes]:
        """The keys of part `number`, 0 to `PARTS` - 1."""
        return list(self._parts[number])
