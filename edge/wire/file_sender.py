"""Sending a body that is an open file: `sendfile` past the transport, without a copy through user space.

uvloop has no sendfile, but while a transport has nothing queued its socket may be written by others. The socket is
used through a duplicate descriptor, whose room for more is watched beside the transport's own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable

from cache.body import FileBody, can_keep_open
from edge.wire.write_poller import WritePoller, poller_of

MAX_BYTES_PER_CALL = 4 << 20
"""Bytes sent before other connections get their turn, however fast the viewer takes them."""


class Duplicate:
    """A connection's socket under a second descriptor, `fd`. `send` is the socket's own; `has_room` is called when
    there is room again after there was none, from the first `wait` on."""

    __slots__ = ("_room", "_socket", "_waits", "fd", "has_room", "send")

    def __init__(self, raw: socket.socket, room: WritePoller) -> None:
        raw.setblocking(False)
        self.fd = raw.fileno()
        self.send = raw.send
        self.has_room: Callable[[], object] | None = None
        self._socket = raw
        self._room = room
        self._waits = False

    def wait(self, has_room: Callable[[], object]) -> None:
        """The socket was full a moment ago: have this called whenever it has room."""
        self.has_room = has_room
        if not self._waits:
            self._waits = True
            self._room.watch(self.fd, self._told)

    def _told(self) -> None:
        if self.has_room is not None:
            self.has_room()

    def soon(self, call: Callable[[], object]) -> None:
        """Call in the loop's next turn."""
        self._room.loop.call_soon(call)

    def close(self) -> None:
        """Let the descriptor go."""
        self.has_room = None
        self._room.forget(self.fd)
        self._socket.close()


class FileSender:
    """Sends one part of a file. `ended(whole)` is called once when it could not be finished at once."""

    __slots__ = ("_at", "_body", "_ended", "_socket", "_stop", "error")

    def __init__(self, raw: Duplicate, body: FileBody, first: int, stop: int) -> None:
        self._socket = raw
        self._body = body
        self._at = first
        self._stop = stop
        self._ended: Callable[[bool], object] | None = None
        self.error: OSError | None = None
        """Why it could not be finished."""

    @property
    def left(self) -> int:
        """Bytes still to be sent."""
        return self._stop - self._at

    def send(self) -> bool:
        """Send what the socket takes; True when nothing is left. OSError when the viewer is gone."""
        sock, fd, at, stop = self._socket.fd, self._body.fd, self._at, self._stop
        pause = at + MAX_BYTES_PER_CALL
        try:
            while at < stop:
                if at >= pause:
                    self._socket.soon(self._room)  # there may be room still, which nobody would tell
                    break
                sent = os.sendfile(sock, fd, at, stop - at)
                if not sent:
                    raise OSError(errno.ENODATA, "the file is shorter than the body")
                at += sent
        except BlockingIOError:
            pass
        self._at = at
        return at == stop

    def watch(self, ended: Callable[[bool], object]) -> None:
        """Send the rest whenever the socket has room; `send` has found it full, or full enough for one turn."""
        self._ended = ended
        self._socket.wait(self._room)

    def _room(self) -> None:
        if self._ended is None:
            return
        try:
            whole = self.send()
        except OSError as error:
            self.error = error
            self._end(whole=False)
            return
        if whole:
            self._end(whole=True)

    def _end(self, *, whole: bool) -> None:
        ended = self._ended
        self.stop()
        if ended is not None:
            ended(whole)

    def stop(self) -> None:
        """Send no more."""
        if self._ended is not None:
            self._ended = None
            self._socket.has_room = None


def duplicate(transport: asyncio.BaseTransport) -> Duplicate | None:
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
    if not can_keep_open(made.fileno()):
        made.close()
        return None
    return Duplicate(made, poller_of())
