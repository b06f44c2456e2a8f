"""How a connection ends: by a clean end of our side, heard out by the viewer, or by a reset that he cannot mistake.

Closing at once would answer whatever he still sends with a reset, which takes from him what he has not read yet
(RFC 9112 §9.6). So our side is ended, and his is read and forgotten until he ends it or the listener's sweep does.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from kernel.vocabulary import Abort

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for no time: what is not sent yet is dropped, and the other side learns of it."""


class ConnectionCloser:
    """The part of a connection that ends it; the connection holds its state in slots of its own.

    `lingering`: our side is ended, the viewer's not yet. `_ended`: the viewer has ended his.
    """

    transport: asyncio.Transport
    lingering: bool
    ticks: int
    _closing: bool
    _ended: bool
    _held_back: bool
    _rest: bytearray

    def finish(self) -> None:
        """Say no more, but read on for a while: over TLS, where no side is ended alone, before any is ended."""
        self._closing = True
        self._rest.clear()
        if self._ended or self.transport.is_closing() or self.transport.can_write_eof():
            self._end_connection()
        else:
            self._linger()

    def _end_connection(self) -> None:
        """The last response is sent, or with the transport."""
        if self._ended or self.transport.is_closing() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._linger()

    def _linger(self) -> None:
        self.ticks = 0
        self.lingering = True
        if self._held_back:
            self._held_back = False
            self.transport.resume_reading()

    def aborted(self, why: Abort, detail: str) -> None:
        """The connection is being cut: count it and say so."""
        raise NotImplementedError

    def abort(self, why: Abort, detail: str = "") -> None:
        """The response broke off: the only honest thing left is to cut the connection. `detail`: more of why.

        By a reset: a clean end would tell a viewer of HTTP/1.0, where it ends the body, that he has the whole.
        """
        self.aborted(why, detail)
        self._closing = True
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
