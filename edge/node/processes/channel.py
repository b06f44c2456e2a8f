"""The line between the supervisor and one child: JSON lines over a socket pair, at most a few a second.

Child to supervisor:
    {"ready": "the line it prints"}        it serves
    {"kill": slot, "number": n}            a worker does not answer: kill it
    {"needs": "release"}                   the predecessor of the node must release its cache folder
    {"released": true}                     the cache folder, the admin port and control's stream are free
Supervisor to child:
    {"killed": n}                          the worker of that request is gone
    {"gone": slot}                         a worker has ended
    {"release": true}                      release them for a successor
    {"released": true}                     the predecessor of the node has released them
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

MAX_LINE_BYTES = 64 * 1024

Message = dict[str, Any]


class Channel(asyncio.Protocol):
    """One end. `on_message` gets each message, `on_closed` is called when the other end is gone."""

    def __init__(self, on_message: Callable[[Message], object], on_closed: Callable[[], object]) -> None:
        self._on_message, self._on_closed = on_message, on_closed
        self._transport: asyncio.WriteTransport | None = None
        self._rest = b""

    async def open(self, sock: socket.socket) -> None:
        """Use this connected socket."""
        sock.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)

    def send(self, **members: object) -> None:
        """Send a message; nothing happens if the other end is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(json.dumps(members).encode() + b"\n")

    def close(self) -> None:
        """Close this end."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport writes

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self.close()
            return
        for line in lines:
            self._on_message(json.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """See asyncio.Protocol."""
        self._transport = None
        self._on_closed()


class SupervisorLink:
    """A child's end, as the descriptor it was given."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._channel: Channel | None = None
        self.on_message: Callable[[Message], object] | None = None

    async def open(self, stop: Callable[[], object]) -> None:
        """Begin to read. `stop` is called when the supervisor is gone: the child ends as if it had been told to."""
        self._channel = Channel(self._dispatch, stop)
        await self._channel.open(self._socket)

    def send(self, **members: object) -> None:
        """Tell the supervisor."""
        if self._channel is not None:
            self._channel.send(**members)

    def _dispatch(self, message: Message) -> None:
        if self.on_message is not None:
            self.on_message(message)
