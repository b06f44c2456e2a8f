"""Sending a body that is an open file: `sendfile` past the transport, without a copy through user space.

uvloop has no sendfile, but while a transport has nothing queued its socket may be written by others. The socket is
used through a duplicate descriptor, whose room for more is watched beside the transport's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from cache.body import FileBody, spare
from edge.wire.room import room

MOST_AT_ONCE = 4 << 20
"""Bytes sent before other connections get their turn, however fast the viewer takes them."""


class FileSender:
    """Sends one part of a file. `ended(whole)` is called once when it could not be finished at once."""

    __slots__ = ("_at", "_body", "_ended", "_socket", "_stop", "_watching")

    def __init__(self, raw: socket.socket, body: FileBody, first: int, stop: int) -> None:
        self._socket = raw
        self._body = body
        self._at = first
        self._stop = stop
        self._ended: Callable[[bool], object] | None = None
        self._watching = False

    @property
    def left(self) -> int:
        """Bytes still to be sent."""
        return self._stop - self._at

    def send(self) -> bool:
        """Send what the socket takes; True when nothing is left. OSError when the viewer is gone."""
        sock, fd, at, stop = self._socket.fileno(), self._body.fd, self._at, self._stop
        pause = at + MOST_AT_ONCE
        try:
            while at < stop:
                if at >= pause:
                    if self._watching:
                        # There may be room still, which nobody would tell: room is told only when it comes.
                        asyncio.get_running_loop().call_soon(self._room)
                    break
                sent = os.sendfile(sock, fd, at, stop - at)
                if not sent:
                    raise BrokenPipeError
                at += sent
        except BlockingIOError:
            pass
        self._at = at
        return at == stop

    def watch(self, ended: Callable[[bool], object]) -> None:
        """Send the rest whenever the socket has room."""
        self._ended = ended
        self._watching = True
        room().watch(self._socket, self._room)

    def _room(self) -> None:
        if not self._watching:
            return
        try:
            whole = self.send()
        except OSError:
            self._end(whole=False)
            return
        if whole:
            self._end(whole=True)

    def _end(self, *, whole: bool) -> None:
        self.stop()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(whole)

    def stop(self) -> None:
        """Send no more."""
        if self._watching:
            self._watching = False
            room().unwatch(self._socket)


def duplicate(transport: asyncio.BaseTransport) -> socket.socket | None:
    """The transport's socket under another descriptor; None where there is none to be had (TLS, memory) or to spare."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    own = transport.get_extra_info("socket")
    if own is None or own.fileno() < 0:
        return None
    try:
        made = socket.socket(fileno=os.dup(own.fileno()))
    except OSError:
        return None
    made.setblocking(False)
    if not spare(made.fileno()):
        made.close()
        return None
    return made


def close(duplicated: socket.socket) -> None:
    """Let a duplicate go."""
    room().forget(duplicated)
    duplicated.close()
