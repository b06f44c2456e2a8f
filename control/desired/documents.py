"""Documents: types of which each edge gets one of its own, such as its settings. Pure.

Who makes them says for each edge which version it is to have now (a `Source`); sending it is like sending the rest: a
snapshot of one resource, one at a time, never again what was refused. An edge that is slow gets the newest only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from control.desired.diff import Track
from kernel.fleet.messages import Hello, Resource, Update, Version


class Document(NamedTuple):
    """What an edge is to hold of a type: JSON, or b"" for nothing. A later document has a greater number, or another
    epoch: edges do not take what is older than what they hold."""

    version: Version
    content: bytes


Source = Callable[[Hello], Document | None]
"""The document an edge is to have now; None: there is nothing to say, it keeps what it holds."""


def nothing_to_say(_edge: Hello) -> Document | None:
    """The source of a type that nobody makes yet."""
    return None


def next_document(wanted: Document | None, track: Track, nonce: str) -> Update | None:
    """What to send now; None when there is nothing to send, or something is still on its way.

    As with what all hold alike, an edge that has it is told so once a connection, by an empty delta.
    """
    if track.on_its_way is not None:
        return None
    if wanted is None or (wanted.version in (track.held, track.refused) and not track.snapshot_wanted):
        if track.greeted:
            return None
        return Update(track.type, track.held, nonce, snapshot=False, base=track.held.number)
    resource = Resource(track.type, wanted.version.number, wanted.content)
    return Update(track.type, wanted.version, nonce, snapshot=True, resources=(resource,) if wanted.content else ())
