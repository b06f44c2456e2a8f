"""What both wires, HTTP/1.1 and HTTP/2, offer to the code that answers requests: the smallest interface that it needs.

With HTTP/1.1 one object is both: a connection answers one request at a time. With HTTP/2 each stream is a
`ResponseWriter` of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from cache.body import Body
from edge.wire.request import Request
from edge.wire.request_template import Grant
from edge.wire.viewer import Viewer
from kernel.vocabulary import Abort

Write = Callable[[bytes | memoryview], object]
WriteLines = Callable[[Iterable[bytes | memoryview]], object]


class ResponseWriter(Protocol):
    """Writes the response to one request.

    A response begins with its head, as HTTP/1.1 has it, whole and at the start of the first piece that is written; the
    rest is its body. HTTP/2 makes a field block of the head and leaves out what is for HTTP/1.1 only. Interim (1xx)
    heads may precede it. Only HTTP/1.1 (`Request.version`) has chunks.
    """

    paused: bool
    """Whether the viewer takes nothing for now: write no more until `on_resume`."""
    on_resume: Callable[[], object] | None
    on_lost: Callable[[], object] | None
    """Called once if the viewer leaves before the response is complete."""

    @property
    def address(self) -> str:
        """The viewer's address."""

    @property
    def viewer(self) -> Viewer:
        """The connection's viewer."""

    @property
    def grants(self) -> dict[bytes, Grant]:
        """Folders that the viewer's connection was granted, by URL."""

    @property
    def is_head(self) -> bool:
        """Whether the request is a HEAD, so that even its refusal has no body."""

    @property
    def copies_up_to(self) -> int:
        """A body up to this size is cheaper to write as one piece with its head."""

    @property
    def write(self) -> Write:
        """Write a piece."""

    @property
    def writelines(self) -> WriteLines:
        """Write pieces."""

    def send(self, before: bytes, body: Body, first: int, stop: int) -> None:
        """Write `before`, then bytes `first` to `stop` (exclusive) of a body."""

    def done(self) -> None:
        """The response is complete."""

    def abort(self, why: Abort, detail: str = "") -> None:
        """The response cannot be completed: make sure that the viewer does not take it for a whole one."""

    def when_done(self, call: Callable[[], object]) -> None:
        """Call once when the request is answered, or its viewer gone."""

    def settle_keep_alive(self, request: Request) -> None:
        """Clear `keep_alive` if this response is the connection's last. Call it when the head is made."""


class ViewerConnection(Protocol):
    """A viewer's connection, as limits, drain and shutdown see it."""

    transport: asyncio.Transport
    address: str
    viewer: Viewer
    served: int
    """Requests answered."""
    ticks: int
    """Seconds since something happened."""

    @property
    def unsent(self) -> int:
        """Bytes that the viewer's socket has not taken yet."""

    @property
    def parted(self) -> bool:
        """Whether everything is sent and only the viewer's end of the connection is awaited."""

    def refuse(self, message: bytes) -> None:
        """Refuse the connection before any request: send this response of HTTP/1.1, or what stands for it."""

    def abort(self, why: Abort, detail: str = "") -> None:
        """Reset the connection."""

    def close_after_next(self) -> None:
        """Drain: answer what is asked already, and at most one more request that may be on its way."""
