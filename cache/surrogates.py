"""Surrogate keys: which cache keys a purge of one of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cache.sharded_keys import MAX_UNSHARDED, PARTS, ShardedKeySet

MAX_KEYS = 64
"""Surrogate keys of one response beyond this many are passed over."""
MAX_BYTES = 256
"""A longer surrogate key is passed over."""


def parse_surrogate_keys(value: bytes | None) -> tuple[bytes, ...]:
    """The keys of Surrogate-Key (its lines joined): separated by spaces, each once, bounded in number and length."""
    if not value:
        return ()
    keys = dict.fromkeys(key for key in value.split() if len(key) <= MAX_BYTES)
    return tuple(keys)[:MAX_KEYS]


class Surrogates:
    """Surrogate key -> the cache keys that carry it; one alone is held as itself. An object without keys stands nowhere
    here."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[bytes, bytes | set[bytes] | ShardedKeySet] = {}

    def add(self, cache_key: bytes, keys: Iterable[bytes]) -> None:
        """The object under `cache_key` carries `keys`."""
        for key in keys:
            members = self._members.setdefault(key, cache_key)
            if not isinstance(members, bytes):
                members.add(cache_key)
                if isinstance(members, set) and len(members) > MAX_UNSHARDED:
                    self._members[key] = ShardedKeySet(members)
            elif members != cache_key:
                self._members[key] = {members, cache_key}

    def discard(self, cache_key: bytes, keys: Iterable[bytes]) -> None:
        """The object is gone; empty keys leave no trace."""
        for key in keys:
            members = self._members.get(key)
            if isinstance(members, (set, ShardedKeySet)):
                members.discard(cache_key)
                if not members:
                    del self._members[key]
            elif members == cache_key:
                del self._members[key]

    def carrying(self, key: bytes) -> Iterator[list[bytes]]:
        """The cache keys that carry a surrogate key, some at a time, each time as it stands then."""
        number, walked = 0, self._members.get(key)
        while (members := self._members.get(key)) is not None:
            if not isinstance(members, ShardedKeySet):  # those that were there all the while are among these few
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
