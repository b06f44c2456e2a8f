"""Hit-for-miss: cache keys whose last response could not be shared, so that requests need not wait in line. Pure."""

from __future__ import annotations

from collections import OrderedDict

MAX_REMEMBERED = 10_000


class HitForMiss:
    """Cache key -> until when (monotonic seconds) requests are not collapsed. Bounded; the oldest is dropped first."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def remember(self, key: bytes, until: float) -> None:
        """Stop collapsing requests for this key until `until`."""
        self._until[key] = until
        self._until.move_to_end(key)
        if len(self._until) > MAX_REMEMBERED:
            self._until.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Collapse requests for this key again: a response could be shared."""
        self._until.pop(key, None)

    def holds(self, key: bytes, now: float) -> bool:
        """Whether requests for this key are not collapsed at `now`."""
        until = self._until.get(key)
        return until is not None and until > now
