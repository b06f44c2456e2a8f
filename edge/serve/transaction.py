"""One request on its way through the edge, and what is decided about it so far."""

from __future__ import annotations

from dataclasses import dataclass

from edge.policy.route import RoutedRequest
from edge.wire.request import Request
from edge.wire.response_writer import ResponseWriter
from edge.wire.viewer import Viewer
from kernel.auth.claims import Permit

UNROUTED = RoutedRequest(key=b"", path=b"", upstream_target=b"", shard_key=b"", token=None, cdn=None)
"""The route of a request that was refused before its path could be read."""


@dataclass(slots=True)
class Transaction:
    """`viewer` is the connection's own, or the one a trusted proxy names. `permit` is None until `authorise` gives one.
    `began`: when the head was complete, in mono seconds."""

    request: Request
    connection: ResponseWriter
    viewer: Viewer
    routed: RoutedRequest
    permit: Permit | None
    began: float
