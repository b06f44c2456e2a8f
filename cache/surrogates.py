"""Surrogate keys: which cache keys a purge by surrogate key reaches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cache.sharded_keys import MAX_UNSHARDED, PARTS, ShardedKeySet

MAX_KEYS = 64
"""Surrogate keys of one response; further ones are ignored."""
MAX_BYTES = 256
"""Length of a surrogate key; longer ones are ignored."""


def parse_surrogate_keys(value: bytes | None) -> tuple[bytes, ...]:
    """The distinct keys of a Surrogate-Key value (space-separated, lines joined), bounded in number and length."""
    if not value:
        return ()
    keys = dict.fromkeys(key for key in value.split() if len(key) <= MAX_BYTES)
    return tuple(keys)[:MAX_KEYS]


class Surrogates:
    """Surrogate key -> the cache keys that carry it; a single one is held as itself. Objects without surrogate keys
    take no room here."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[bytes, bytes | set[bytes] | ShardedKeySet] = {}

    def add(self, cache_key: bytes, keys: Iterable[bytes]) -> None:
        """Record that the object under `cache_key` carries `keys`."""
        for key in keys:
            members = self._members.setdefault(key, cache_key)
            if not isinstance(members, bytes):
                members.add(cache_key)
                if isinstance(members, set) and len(members) > MAX_UNSHARDED:
                    self._members[key] = ShardedKeySet(members)
            elif members != cache_key:
                self._members[key] = {members, cache_key}

    def discard(self, cache_key: bytes, keys: Iterable[bytes]) -> None:
        """Remove the object under `cache_key` from `keys`; keys that no object carries are dropped."""
        for key in keys:
            members = self._members.get(key)
            if isinstance(members, (set, ShardedKeySet)):
                members.discard(cache_key)
                if not members:
                    del self._members[key]
            elif members == cache_key:
                del self._members[key]

    def carrying(self, key: bytes) -> Iterator[list[bytes]]:
        """The cache keys that carry a surrogate key, in bounded batches, each as of the moment it is yielded."""
        number, walked = 0, self._members.get(key)
        while (members := self._members.get(key)) is not None:
            if not isinstance(members, ShardedKeySet):  # any key that was present throughout is in this small set
                yield [members] if isinstance(members, bytes) else list(members)
                return
            if members is not walked:
                number, walked = 0, members
            if number == PARTS:
                return
            yield members.part(number)
            number += 1

    def __len__(self) -> int:
        return len(self._members)
