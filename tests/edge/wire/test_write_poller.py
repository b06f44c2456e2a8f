"""Being told when a full socket has room again."""

from __future__ import annotations

import asyncio
import socket

from edge.wire.write_poller import poller_of


def _full() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        while True:
            ours.send(bytes(100_000))
    except BlockingIOError:
        return ours, theirs


async def _empties(theirs: socket.socket) -> None:
    theirs.setblocking(False)
    try:
        while theirs.recv(1 << 20):
            pass
    except BlockingIOError:
        pass


async def test_room_is_told_each_time_it_comes() -> None:
    """Once for each time that the socket was full."""
    ours, theirs = _full()
    told = asyncio.Event()
    poller_of().watch(ours.fileno(), told.set)
    for _ in range(3):
        await asyncio.sleep(0)
        assert not told.is_set()
        await _empties(theirs)
        await told.wait()
        told.clear()
        try:
            while True:
                ours.send(bytes(100_000))
        except BlockingIOError:
            pass
    poller_of().forget(ours.fileno())
    ours.close()
    theirs.close()


async def test_room_that_is_there_when_it_is_asked_for_is_told() -> None:
    """It may have come between the full socket and the question."""
    ours, theirs = _full()
    await _empties(theirs)
    told = asyncio.Event()
    poller_of().watch(ours.fileno(), told.set)
    await told.wait()
    poller_of().forget(ours.fileno())
    poller_of().forget(ours.fileno())
    ours.close()
    theirs.close()


async def test_the_other_side_s_leaving_is_told() -> None:
    """Whoever waits to send must learn of it."""
    ours, theirs = _full()
    told = asyncio.Event()
    poller_of().watch(ours.fileno(), told.set)
    theirs.close()
    await told.wait()
    poller_of().forget(ours.fileno())
    ours.close()
