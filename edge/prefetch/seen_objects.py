"""What a worker's viewers were sent: the owner of the cache, which prefetches for the node, is told of it.

A request that a worker relays is seen by the owner itself, so only hits are noted here.
"""

from __future__ import annotations

from cache.entry import Entry
from edge.policy.route import RoutedRequest
from edge.wire.request import Request
from edge.wire.viewer import Viewer

MAX_KEYS = 2_000
"""Objects noted between two messages to the owner; others are noted when they are sent again."""


class SeenObjects:
    """Stands in for `edge.prefetch.predictor.PrefetchPredictor` in a worker."""

    def __init__(self) -> None:
        self._keys: dict[bytes, None] = {}

    def on_head_prepared(self, entry: Entry, now: float) -> None:
        """An object is sent whole, for the first time in this second."""
        del now
        if len(self._keys) < MAX_KEYS:
            self._keys[entry.key] = None

    def on_request(self, routed: RoutedRequest, request: Request, viewer: Viewer, now: float) -> None:
        """A request is not on the fast path: its object is noted when its head is made, or the request is relayed."""

    def drain(self) -> tuple[bytes, ...]:
        """The keys noted since the last call."""
        keys, self._keys = tuple(self._keys), {}
        return keys
