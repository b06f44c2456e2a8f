"""The protocol of an eviction policy. Sizes are in bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


class Policy(Protocol, Generic[K]):
    """Decides which object a tier evicts when it is over its budget. It holds keys and sizes, not bodies."""

    @property
    def used(self) -> int:
        """Total bytes of all objects in the tier."""

    @property
    def was_wanted(self) -> bool:
        """Whether the object that `evict` returned last had a hit in this tier."""

    def insert(self, key: K, size: int) -> None:
        """Add an object, or replace the one with the same key."""

    def touch(self, key: K) -> None:
        """Record a hit; unknown keys are ignored."""

    def remove(self, key: K) -> None:
        """Remove an object for another reason than eviction; unknown keys are ignored."""

    def untouch(self, key: K) -> None:
        """Take back one hit: the first use of a prefetched object does not count."""

    def fits_without_eviction(self, size: int) -> bool:
        """Whether `size` more bytes would evict only objects without a hit."""

    def evict(self) -> K | None:
        """Choose an object, remove and return it; None when the tier is empty."""

    def __contains__(self, key: object) -> bool: ...

    def __len__(self) -> int: ...
