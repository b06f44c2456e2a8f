"""Which objects' validators do not hold still: two backends that disagree, an ETag made anew for each answer. Pure.

Parts of such an object cannot be put together (RFC 9110 §15.3.7.3), so for a while it is fetched in one stream, whole.
One change is a new version and nothing more; a second one soon after, or a validator that comes back, tells.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

CHANGE_WINDOW_SECONDS = 300.0
"""A second change within this time is no new version."""
UNSTEADY_SECONDS = 600.0
MAX_REMEMBERED = 10_000


class _Seen(NamedTuple):
    changed: float
    until: float


class UnsteadyObjects:
    """Cache key -> when its validator changed last, and until when it is unsteady; times are mono seconds. Bounded: the
    one told of longest ago is forgotten."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def holds(self, key: bytes, now: float) -> bool:
        """Whether this object is to be fetched in one stream."""
        seen = self._seen.get(key)
        return seen is not None and now < seen.until

    def change(self, key: bytes, now: float) -> bool:
        """Another validator came than that of what is stored; whether the object is unsteady by that."""
        seen = self._seen.get(key)
        again = seen is not None and now < max(seen.changed + CHANGE_WINDOW_SECONDS, seen.until)
        self._remember(key, _Seen(now, now + UNSTEADY_SECONDS if again else 0.0))
        return again

    def prove(self, key: bytes, now: float) -> None:
        """It is unsteady: a validator came back, or each answer has one of its own."""
        self._remember(key, _Seen(now, now + UNSTEADY_SECONDS))

    def _remember(self, key: bytes, seen: _Seen) -> None:
        self._seen[key] = seen
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
