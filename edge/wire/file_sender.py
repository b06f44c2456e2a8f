"""Sending a body that is an open file: `sendfile` past the transport, without a copy through user space.

uvloop has no sendfile, but while a transport has nothing queued, others may write to its socket. The socket is used
through a duplicate descriptor. An edge-triggered epoll of our own, which the loop watches, tells when it has room: the
loop's `add_writer` is made for sockets that seldom wait, and under uvloop each wait costs half a dozen system calls and
two objects. A body of some MiB waits two or three times, so that was more than a quarter of its cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable
from weakref import WeakKeyDictionary

from cache.body import FileBody, can_keep_open

MAX_BYTES_PER_CALL = 4 << 20
"""Bytes sent before other connections get their turn, however fast the viewer reads."""


class WritePoller:
    """Tells when sockets that were full have room again; one for each loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], object]] = {}
        loop.add_reader(self._epoll.fileno(), self._on_ready)

    def watch(self, fd: int, has_room: Callable[[], object]) -> None:
        """Call `has_room` once now if there is room, then each time that room comes after there was none, or the other
        side goes. Call `forget` before closing `fd`."""
        self._callbacks[fd] = has_room
        self._epoll.register(fd, select.EPOLLOUT | select.EPOLLET)

    def forget(self, fd: int) -> None:
        """Watch this descriptor no more. An epoll keeps what other descriptors still hold open, so closing is not
        enough."""
        if self._callbacks.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def _on_ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            has_room = self._callbacks.get(fd)
            if has_room is not None:
                has_room()


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, WritePoller] = WeakKeyDictionary()


def poller_of() -> WritePoller:
    """The running loop's poller."""
    loop = asyncio.get_running_loop()
    found = _pollers.get(loop)
    if found is None:
        found = _pollers[loop] = WritePoller(loop)
    return found


class Duplicate:
    """A connection's socket under a second descriptor, `fd`. `send` is the socket's own. After the first `wait`,
    `has_room` is called whenever the full socket has room again."""

    __slots__ = ("_poller", "_socket", "_watched", "fd", "has_room", "send")

    def __init__(self, raw: socket.socket, poller: WritePoller) -> None:
        raw.setblocking(False)
        self.fd = raw.fileno()
        self.send = raw.send
        self.has_room: Callable[[], object] | None = None
        self._socket = raw
        self._poller = poller
        self._watched = False

    def wait(self, has_room: Callable[[], object]) -> None:
        """Call `has_room` whenever the socket, full a moment ago, has room."""
        self.has_room = has_room
        if not self._watched:
            self._watched = True
            self._poller.watch(self.fd, self._on_room)

    def _on_room(self) -> None:
        if self.has_room is not None:
            self.has_room()

    def call_soon(self, call: Callable[[], object]) -> None:
        """Call in the loop's next turn."""
        self._poller.loop.call_soon(call)

    def close(self) -> None:
        """Close the descriptor."""
        self.has_room = None
        self._poller.forget(self.fd)
        self._socket.close()


class FileSender:
    """Sends one part of a file. `ended(whole)` is called once if it could not be finished at once."""

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
        """Send what the socket accepts; True when nothing is left. OSError when the viewer is gone."""
        sock, fd, at, stop = self._socket.fd, self._body.fd, self._at, self._stop
        pause = at + MAX_BYTES_PER_CALL
        try:
            while at < stop:
                if at >= pause:
                    # The socket may still have room, which an edge-triggered epoll would not report.
                    self._socket.call_soon(self._send_more)
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
        """Send the rest whenever the socket has room; `send` found it full, or full enough for one turn."""
        self._ended = ended
        self._socket.wait(self._send_more)

    def _send_more(self) -> None:
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
        """Send nothing more."""
        if self._ended is not None:
            self._ended = None
            self._socket.has_room = None


def duplicate(transport: asyncio.BaseTransport) -> Duplicate | None:
    """The transport's socket under another descriptor; None with TLS or a memory transport, or when descriptors are
    scarce."""
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
