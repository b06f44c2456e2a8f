"""What every eviction policy answers to; sizes are counted in bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


class Policy(Protocol, Generic[K]):
    """Decides which object leaves when a tier is over its budget. It holds keys and sizes, never bytes."""

    used: int
    """Bytes of all objects inside."""
    was_wanted: bool
    """Whether the object that `evict` gave last had been asked for while it was inside."""

    def insert(self, key: K, size: int) -> None:
        """A new object came in; a key already inside is replaced."""

    def touch(self, key: K) -> None:
        """The object was asked for; unknown keys are passed over."""

    def remove(self, key: K) -> None:
        """The object left for another reason than `evict`; unknown keys are passed over."""

    def untouch(self, key: K) -> None:
        """One touch does not count: it was the first use of what had been fetched before anybody asked for it."""

    def fits_without_eviction(self, size: int) -> bool:
        """Whether so many bytes more would push out only what was not asked for since it came."""

    def evict(self) -> K | None:
        """Choose an object and forget it; None when there is none."""

    def __contains__(self, key: object) -> bool: ...

    def __len__(self) -> int: ...
