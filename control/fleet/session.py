"""An edge as control knows it, and one connection of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from control.desired.diff import Track
from kernel.fleet.messages import APPLIED, DOCUMENTS, NODE_ID, TYPES, Applied, FromEdge, Hello, Report, Version
from kernel.settings.table import parse_address

ROLES = ("edge", "shield")
ALL_TYPES = (*TYPES, *DOCUMENTS)
"""All types, in the order they are sent."""
ANSWER_SECONDS = 60.0
"""Seconds that an edge has to answer an update before its connection is closed."""


class ConnectionRejected(Exception):
    """The connection must end; the text is for the edge's operator."""


@dataclass(slots=True)
class Edge:
    """An edge, from its latest connection. `acked` and `applied`: version numbers by type.

    `errors`: its last rejections, by type, and `refused` the rejected versions. `since`, `reported_at`: mono seconds.
    """

    hello: Hello
    last_seen: float
    connected: bool = False
    acked: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Version] = field(default_factory=dict)
    since: float = 0.0
    report: Report | None = None
    reported_at: float = 0.0

    def record_applied(self, applied: Applied) -> None:
        """Record whether the edge applied a version."""
        kind = applied.resource
        if kind not in ALL_TYPES:
            return
        if applied.status == APPLIED:
            self.applied[kind] = applied.version.number
            self.errors.pop(f"{kind} on disk", None)
        else:
            self.errors[f"{kind} on disk"] = applied.status


class Session:
    """One connection of one edge."""

    def __init__(self, edge: Edge, tracks: dict[str, Track]) -> None:
        self.edge = edge
        self.tracks = tracks
        self.wake = asyncio.Event()
        self.ended = ""
        self.sent_at: dict[str, float] = {}
        self._count = 0

    def answer_due(self) -> float | None:
        """When (mono seconds) the answer to the update in flight is due; None without one."""
        since = [self.sent_at[kind] for kind, track in self.tracks.items() if track.in_flight is not None]
        return min(since) + ANSWER_SECONDS if since else None

    def nonce(self) -> str:
        """A new nonce."""
        self._count += 1
        return str(self._count)

    def end(self, why: str) -> None:
        """Make the connection end soon."""
        self.ended = self.ended or why
        self.wake.set()


def check_hello(hello: FromEdge) -> None:
    """Raises ConnectionRejected naming what is wrong with an edge's first message."""
    if not isinstance(hello, Hello):
        raise ConnectionRejected("an edge must say hello first")
    if not NODE_ID.fullmatch(hello.id):
        raise ConnectionRejected(f"{hello.id[:80]!r} cannot be an edge's id")
    if hello.role not in ROLES:
        raise ConnectionRejected(f"role {hello.role[:80]!r} is none of {', '.join(ROLES)}")
    for name, address in (("address", hello.address), ("admin", hello.admin)):
        try:
            if address:
                parse_address(address)
        except ValueError as error:
            raise ConnectionRejected(f"{name}: {error}") from None
    for name, text in (("region", hello.region), ("pop", hello.pop), ("release", hello.release)):
        if len(text) > 64 or not text.isprintable():
            raise ConnectionRejected(f"the {name} must be at most 64 printable characters")
