"""When sockets that were full have room again: told by an epoll of our own, edge-triggered, which the loop watches.

The loop's own `add_writer` is made for sockets that wait seldom: under uvloop each wait costs half a dozen system calls
and two objects. A body of some MiB waits two or three times, so that was more than a quarter of what it cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Callable
from weakref import WeakKeyDictionary


class WritePoller:
    """Of one loop, by descriptor. What was watched stays known until `forget`: close nothing without it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._poll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}
        loop.add_reader(self._poll.fileno(), self._ready)

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call once now if there is room, then each time that it comes after there was none, or the other side goes."""
        self._calls[fd] = call
        self._poll.register(fd, select.EPOLLOUT | select.EPOLLET)

    def forget(self, fd: int) -> None:
        """It will be closed: an epoll keeps what other descriptors still hold open."""
        if self._calls.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._poll.unregister(fd)

    def _ready(self) -> None:
        for fd, _ in self._poll.poll(0):
            call = self._calls.get(fd)
            if call is not None:
                call()


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, WritePoller] = WeakKeyDictionary()


def poller_of() -> WritePoller:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    found = _rooms.get(loop)
    if found is None:
        found = _rooms[loop] = WritePoller(loop)
    return found
