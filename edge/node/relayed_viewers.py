"""The owner's side of relayed requests: workers' connections, on which each request has a viewer of its own.

A worker has counted the viewer's connection and checked its limits; the request is handled like any other, counted and
logged here. Nothing is remembered for such a connection, since the next request is another viewer's.
"""

from __future__ import annotations

from typing import cast

from edge.node.relay import VIEWER_FIELD
from edge.policy.locate import Locator
from edge.serve.handler import RequestHandler
from edge.wire.http1_server import Connection
from edge.wire.request import Malformed, Request
from edge.wire.request_template import Grant
from edge.wire.response_writer import ResponseWriter, ViewerConnection
from edge.wire.viewer import Viewer
from kernel.vocabulary import Abort

MAX_VIEWERS = 1024
"""Addresses whose countries are remembered."""


class RelayedViewers:
    """Answers what workers relay. Implements `edge.wire.http1_server.Handler`."""

    def __init__(self, handler: RequestHandler, locator: Locator) -> None:
        self._handler = handler
        self._locator = locator
        self._viewers: dict[str, Viewer] = {}
        self.known_heads: dict[bytes, None] = {}
        self.connections: set[ViewerConnection] = set()
        self._running = 0

    @property
    def is_busy(self) -> bool:
        """Whether a relayed request is being answered."""
        return self._running > 0

    def on_connection_opened(self, connection: ViewerConnection) -> None:
        """A worker connected."""
        self.connections.add(connection)

    def on_connection_closed(self, connection: ViewerConnection) -> None:
        """A worker's connection is closed."""
        self.connections.discard(connection)

    def handle(self, request: Request, connection: ResponseWriter) -> None:
        """Answer a viewer of a worker."""
        shared = cast("Connection", connection)  # a worker speaks HTTP/1.1
        shared.address = request.fields.pop(VIEWER_FIELD, b"").decode("ascii", "replace")
        shared.viewer = self._located(shared.address)
        self._running += 1
        connection.when_done(self._on_done)
        self._handler.handle(request, connection)
        connection.grants.clear()

    def _on_done(self) -> None:
        self._running -= 1

    def _located(self, address: str) -> Viewer:
        found = self._viewers.get(address)
        if found is None:
            if len(self._viewers) >= MAX_VIEWERS:
                self._viewers.clear()
            found = self._viewers[address] = self._locator.locate(address)
        return found

    def try_fast_path(self, grant: Grant, name: bytes, connection: ResponseWriter) -> bool:
        """Never: a grant is one viewer's."""
        del grant, name, connection
        return False

    def aborted(self, connection: ViewerConnection, why: Abort, detail: str) -> None:
        """See Handler."""
        self._handler.aborted(connection, why, detail)

    def refuse_malformed(self, what: Malformed, connection: ResponseWriter) -> None:
        """See Handler."""
        self._handler.refuse_malformed(what, connection)

    def abort_connections(self) -> None:
        """End all connections."""
        for connection in tuple(self.connections):
            connection.transport.abort()
