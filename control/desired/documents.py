"""Documents: types of which each edge has its own version, such as its settings. Pure.

A `Source` returns the document that an edge must have now. It is sent as a snapshot of one resource; while one is in
flight no other is sent, and a refused version is not resent. A slow edge gets only the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from control.desired.diff import Track
from kernel.fleet.messages import Hello, Resource, Update, Version


class Document(NamedTuple):
    """The content that an edge must hold of a type: JSON, or b"" for none.

    A later document needs a greater number or another epoch: edges reject a version older than theirs.
    """

    version: Version
    content: bytes


Source = Callable[[Hello], Document | None]
"""Returns the document that an edge must have now; None: it keeps the one it holds."""


def no_document(_edge: Hello) -> Document | None:
    """The source of a type that has no documents yet."""
    return None


def next_document(wanted: Document | None, track: Track, nonce: str) -> Update | None:
    """The update to send now; None if there is none, or one is in flight.

    As in `next_update`, an edge that holds the document gets one empty delta per connection.
    """
    if track.in_flight is not None:
        return None
    if wanted is None or (wanted.version in (track.held, track.refused) and not track.snapshot_wanted):
        if track.greeted:
            return None
        return Update(track.type, track.held, nonce, snapshot=False, base=track.held.number)
    resource = Resource(track.type, wanted.version.number, wanted.content)
    return Update(track.type, wanted.version, nonce, snapshot=True, resources=(resource,) if wanted.content else ())
