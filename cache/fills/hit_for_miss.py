"""Hit-for-miss: for which cache keys the answer lately was not for sharing. Pure."""

from __future__ import annotations

from collections import OrderedDict

MAX_REMEMBERED = 10_000


class HitForMiss:
    """Cache key -> until when (mono seconds) whoever asks goes alone; bounded, the oldest word leaves first."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def remember(self, key: bytes, until: float) -> None:
        """The answer for this key may not be shared."""
        self._until[key] = until
        self._until.move_to_end(key)
        if len(self._until) > MAX_REMEMBERED:
            self._until.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """A shared answer came."""
        self._until.pop(key, None)

    def holds(self, key: bytes, now: float) -> bool:
        """Whether an answer for this key lately was not for sharing."""
        until = self._until.get(key)
        return until is not None and until > now
