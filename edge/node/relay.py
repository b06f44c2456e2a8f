"""The worker's side of a relayed request: what a worker cannot serve from its index, the owner of the cache answers.

The whole request goes to the owner, and its whole response comes back: from the first byte on, as fast as the viewer
reads, and no further when they leave. So collapsing, conditions, ranges, slices and labels are decided once per node.
Without an owner, or when it breaks off before the head, the worker passes a GET or HEAD on to upstream by itself and
stores nothing; other methods are refused for the moment, since the node could not forget what they invalidate.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

from edge.serve.response import PendingResponse
from edge.serve.response_state import ResponseEvent
from edge.tasks import TaskOwner
from edge.upstreams.http1_client import NO_BODY, UpstreamConnection
from edge.wire.http1_server import connection_line
from edge.wire.request import Request
from edge.wire.upload import Upload
from kernel.errors import Overloaded, UpstreamFailed
from kernel.http.message import Fields, members, serialise, spelt, status_line
from kernel.vocabulary import OverloadReason

VIEWER_FIELD = b"matinee-viewer"
"""The field by which a worker tells the owner the viewer's address; it is never taken from a viewer."""
MAX_RELAYS = 4096
"""Requests of one worker that the owner answers at a time."""
_LAST_CHUNK = b"0\r\n\r\n"
_SAFE = (b"GET", b"HEAD")
_OWN_FIELDS = frozenset(
    (VIEWER_FIELD, b"connection", b"content-length", b"transfer-encoding", b"expect", b"keep-alive")
)
_HOP_BY_HOP = frozenset((b"connection", b"transfer-encoding", b"keep-alive"))


def relayed_head(request: Request, address: str) -> bytes:
    """The head of a request for the owner of the cache; always HTTP/1.1, so that a cut body shows. Pure."""
    fields = request.fields
    lines = [b"%s %s HTTP/1.1\r\n%s: %s\r\n" % (request.method, request.target, VIEWER_FIELD, address.encode("ascii"))]
    lines += [b"%s: %s\r\n" % (spelt(name), value) for name, value in fields.items() if name not in _OWN_FIELDS]
    options = [one for one in members([fields.get(b"connection", b"")]) if one.lower() not in (b"close", b"keep-alive")]
    if options:
        lines.append(b"Connection: %s\r\n" % b", ".join(options))
    body = request.body
    if isinstance(body, Upload):
        chunked = body.length is None
        lines.append(b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % (body.length or 0))
    elif body or b"content-length" in fields:
        lines.append(b"Content-Length: %d\r\n" % len(body))
    lines.append(b"\r\n")
    return b"".join(lines)


class LocalPath(Protocol):
    """Where a request goes that the owner cannot answer."""

    def answer_without_owner(self, pending: PendingResponse) -> None:
        """Pass it on to upstream; nothing is stored."""


class Relay:
    """The connections to the owner. `is_up()`: whether there is one."""

    def __init__(self, path: str, tasks: TaskOwner, is_up: Callable[[], bool], local: LocalPath) -> None:
        self._path, self._tasks, self._is_up, self._local = path, tasks, is_up, local
        self._idle: list[UpstreamConnection] = []
        self.running = 0

    def answer(self, pending: PendingResponse) -> None:
        """Have the owner answer, or answer without it."""
        if not self._is_up():
            self.answer_alone(pending)
        elif self.running >= MAX_RELAYS:
            pending.fail(Overloaded(OverloadReason.UPSTREAM_BUSY), None)
        else:
            RelayedResponse(self, pending).begin()

    def answer_alone(self, pending: PendingResponse) -> None:
        """There is no owner for the moment."""
        if pending.request.method in _SAFE:
            self._local.answer_without_owner(pending)
        else:
            pending.fail(Overloaded(OverloadReason.UPSTREAM_BUSY), None)

    def connect(self, use: Callable[[UpstreamConnection | None], object]) -> None:
        """Call `use` with a connection, at once if one is idle; with None if the owner does not answer."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                use(connection)
                return
        self._tasks.spawn(self._dial(use))

    async def _dial(self, use: Callable[[UpstreamConnection | None], object]) -> None:
        connection: UpstreamConnection | None = None
        with contextlib.suppress(OSError):
            _, connection = await asyncio.get_running_loop().create_unix_connection(
                lambda: UpstreamConnection(self._released, self._lost), self._path
            )
        use(connection)

    def _released(self, connection: UpstreamConnection) -> None:
        self._idle.append(connection)

    def _lost(self, connection: UpstreamConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


class RelayedResponse:
    """One relayed request. Implements `edge.upstreams.http1_client.ResponseListener`."""

    def __init__(self, relay: Relay, pending: PendingResponse) -> None:
        self._relay = relay
        self._pending = pending
        self._viewer = pending.connection
        self._owner: UpstreamConnection | None = None
        self._chunked = self._over = False

    def begin(self) -> None:
        """Ask the owner."""
        self._relay.running += 1
        self._pending.relayed = True  # the owner counts and logs it
        self._pending.context.counts.requests -= 1
        self._viewer.on_lost, self._viewer.on_resume = self._on_viewer_lost, self._resume
        self._relay.connect(self._send)

    def _send(self, owner: UpstreamConnection | None) -> None:
        if self._over:
            if owner is not None:
                owner.abort()
            return
        if owner is None:
            self._fall_back()
            return
        self._owner = owner
        request = self._pending.request
        body = request.body
        head = relayed_head(request, self._viewer.address)
        parts = [head, body] if isinstance(body, bytes) and body else [head]
        upload = body if isinstance(body, Upload) else None
        owner.send_request(parts, self, head_only=request.method == b"HEAD", upload=upload)

    def _fall_back(self) -> None:
        """The owner is gone before it answered."""
        self._end()
        pending = self._pending
        pending.relayed = False
        pending.context.counts.requests += 1
        self._viewer.on_lost, self._viewer.on_resume = pending.on_disconnect, None
        self._relay.answer_alone(self._pending)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._relay.running -= 1

    def _on_viewer_lost(self) -> None:
        self._end()
        if self._owner is not None:
            self._owner.abort()
        self._pending.on_disconnect()

    def _resume(self) -> None:
        if self._owner is not None:
            self._owner.pause_reading(on=False)

    # -- the owner's response ----------------------------------------------------------------------------------

    def on_interim(self, status: int, fields: Fields) -> None:
        """See ResponseListener."""
        if self._pending.request.minor == 1:
            self._viewer.write(status_line(status) + serialise(fields) + b"\r\n")

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """See ResponseListener."""
        request, viewer = self._pending.request, self._viewer
        bodyless = request.method == b"HEAD" or status in NO_BODY
        self._chunked = length is None and not bodyless and request.version == b"1.1"
        if length is None and not bodyless and request.minor == 0:
            request.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        self._pending.move(ResponseEvent.HEAD)
        self._pending.status = status
        viewer.settle_keep_alive(request)
        lines = status_line(status) + serialise(_end_to_end(fields))
        if self._chunked:
            lines += b"Transfer-Encoding: chunked\r\n"
        viewer.write(lines + connection_line(request) + b"\r\n")

    def on_body(self, data: bytes | memoryview) -> None:
        """See ResponseListener."""
        viewer = self._viewer
        if self._chunked:
            viewer.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        else:
            viewer.write(data)
        self._pending.add_sent(len(data))
        if viewer.paused and self._owner is not None:
            self._owner.pause_reading(on=True)

    def on_end(self) -> None:
        """See ResponseListener."""
        self._end()
        self._owner = None
        if self._chunked:
            self._viewer.write(_LAST_CHUNK)
        self._pending.finish(self._pending.outcome())

    def on_broken(self, error: UpstreamFailed) -> None:
        """See ResponseListener."""
        self._owner = None
        if self._over:
            return
        if self._pending.head_sent:
            self._end()
            self._pending.fail(error, None)
        else:
            self._fall_back()


def _end_to_end(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    return [pair for pair in fields if pair[0] not in _HOP_BY_HOP]
