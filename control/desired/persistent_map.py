"""An immutable mapping by name that is cheap to copy with changes. Pure.

Changing one name among a million copies one bucket of a thousand; copying a dict of that size would block the event
loop for as long as a thousand requests take.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from itertools import chain
from typing import Generic, TypeVar
from zlib import crc32

T = TypeVar("T")

BUCKETS = 1_024
_EMPTY: dict[str, object] = {}


class PersistentMap(Mapping[str, T], Generic[T]):
    """`updated` returns a new map that shares unchanged buckets. The order is the same in every process."""

    __slots__ = ("_buckets", "_count")

    def __init__(self) -> None:
        self._buckets: list[dict[str, T]] = [_EMPTY] * BUCKETS  # type: ignore[list-item]  # empty, and never written to
        self._count = 0

    def updated(self, puts: Mapping[str, T], removes: Iterable[str] = ()) -> PersistentMap[T]:
        """A map with these put and those removed; missing names are ignored."""
        made: PersistentMap[T] = PersistentMap.__new__(PersistentMap)
        made._buckets = buckets = self._buckets.copy()
        copied: set[int] = set()
        for name, value in puts.items():
            _own(buckets, copied, name)[name] = value
        for name in removes:
            _own(buckets, copied, name).pop(name, None)
        made._count = self._count + sum(len(buckets[at]) - len(self._buckets[at]) for at in copied)
        return made

    def __getitem__(self, name: str) -> T:
        return self._buckets[crc32(name.encode()) % BUCKETS][name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._buckets[crc32(name.encode()) % BUCKETS]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._buckets)

    def __len__(self) -> int:
        return self._count

    def values(self) -> ValuesView[T]:
        """As of a dict."""
        return _Values(self)

    def items(self) -> ItemsView[str, T]:
        """As of a dict."""
        return _Items(self)

    def each(self) -> Iterator[dict[str, T]]:
        """The buckets; do not write to them."""
        return iter(self._buckets)


class _Values(ValuesView[T]):
    """Iterates over the buckets; the inherited one would look up every name."""

    _mapping: PersistentMap[T]

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(bucket.values() for bucket in self._mapping.each())


class _Items(ItemsView[str, T]):
    """As _Values."""

    _mapping: PersistentMap[T]

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return chain.from_iterable(bucket.items() for bucket in self._mapping.each())


def _own(buckets: list[dict[str, T]], copied: set[int], name: str) -> dict[str, T]:
    at = crc32(name.encode()) % BUCKETS
    if at not in copied:
        copied.add(at)
        buckets[at] = buckets[at].copy()
    return buckets[at]
