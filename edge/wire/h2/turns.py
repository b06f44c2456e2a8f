"""Whose turn it is to send: by urgency first (RFC 9218), then in turn, so many bytes each. Pure."""

from __future__ import annotations

import re
from collections import deque
from typing import Generic, TypeVar

TURN_BYTES = 64 * 1024
"""Bytes that a stream sends before the next one's turn."""
DEFAULT_URGENCY = 3
_URGENCY = re.compile(rb"[ \t]*u=([0-7])[ \t]*(?:;[^,]*)?")

T = TypeVar("T")


def urgency_of(field: bytes | None) -> int:
    """The urgency in a Priority field, 0 (first) to 7; the default if it has none or cannot be read (RFC 9218 §4).

    Whether a response can be used in parts (`i`) makes no difference here: all of one urgency take turns.
    """
    found = DEFAULT_URGENCY
    for member in field.split(b",") if field else ():
        match = _URGENCY.fullmatch(member)
        if match is not None:
            found = int(match[1])
    return found


class Turns(Generic[T]):
    """Those who wait for a turn, each once."""

    __slots__ = ("_queues", "_waiting")

    def __init__(self) -> None:
        # A queue only for urgencies that somebody waits with: an idle connection should cost little memory.
        self._queues: dict[int, deque[T]] = {}
        self._waiting: dict[T, int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def join(self, one: T, urgency: int, *, first: bool = False) -> None:
        """Wait behind all others of this urgency, or (`first`) before them; nothing changes if it waits already."""
        if one not in self._waiting:
            self._waiting[one] = urgency
            queue = self._queues.get(urgency)
            if queue is None:
                queue = self._queues[urgency] = deque()
            if first:
                queue.appendleft(one)
            else:
                queue.append(one)

    def next(self) -> T | None:
        """The next one, which waits no more."""
        if not self._waiting:
            return None
        urgency = min(self._queues)
        queue = self._queues[urgency]
        one = queue.popleft()
        if not queue:
            del self._queues[urgency]
        del self._waiting[one]
        return one

    def leave(self, one: T) -> None:
        """Wait no more."""
        urgency = self._waiting.pop(one, None)
        if urgency is not None:
            queue = self._queues[urgency]
            queue.remove(one)
            if not queue:
                del self._queues[urgency]
