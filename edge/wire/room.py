"""When sockets that were full have room again: told by an epoll of our own, edge-triggered, which the loop watches.

The loop's own `add_writer` is made for sockets that wait seldom: under uvloop each wait costs half a dozen system calls
and two objects. A body of some MiB waits two or three times, so that was more than a quarter of what it cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable
from weakref import WeakKeyDictionary

_EDGE = select.EPOLLOUT | select.EPOLLET


class Room:
    """Of one loop. A socket stays known until `forget`: close none that was watched without it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._poll = select.epoll()
        self._waiting: dict[int, Callable[[], object]] = {}
        loop.add_reader(self._poll.fileno(), self._ready)

    def watch(self, sock: socket.socket, call: Callable[[], object]) -> None:
        """Call whenever there is room, or the other side is gone, until `unwatch`; at first when there is by now."""
        fd = sock.fileno()
        self._waiting[fd] = call
        try:
            self._poll.modify(fd, _EDGE)  # looks again, so that no room that came meanwhile is missed
        except FileNotFoundError:
            self._poll.register(fd, _EDGE)

    def unwatch(self, sock: socket.socket) -> None:
        """Call no more for now."""
        self._waiting.pop(sock.fileno(), None)

    def forget(self, sock: socket.socket) -> None:
        """It will be closed: an epoll keeps what other descriptors still hold open."""
        self.unwatch(sock)
        with contextlib.suppress(OSError, ValueError):
            self._poll.unregister(sock.fileno())

    def _ready(self) -> None:
        for fd, _ in self._poll.poll(0):
            call = self._waiting.get(fd)
            if call is not None:
                call()


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Room] = WeakKeyDictionary()


def room() -> Room:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    found = _rooms.get(loop)
    if found is None:
        found = _rooms[loop] = Room(loop)
    return found
