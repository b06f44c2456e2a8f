"""Sending a file past the transport: whole at once, in parts as the reader takes them, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket

from cache.body import MemoryFile
from edge.wire.file_sender import Duplicate, FileSender, duplicate, poller_of

BODY = os.urandom(8_000_000)


def _pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


async def _read(sock: socket.socket, count: int) -> bytes:
    loop, parts, got = asyncio.get_running_loop(), [], 0
    while got < count:
        data = await loop.sock_recv(sock, 1 << 20)
        if not data:
            break
        parts.append(data)
        got += len(data)
    return b"".join(parts)


async def test_what_fits_is_sent_at_once() -> None:
    """No watching, nothing left."""
    ours, theirs = _pair()
    sender = FileSender(Duplicate(ours, poller_of()), MemoryFile([BODY]), 10, 20_010)
    assert sender.send()
    assert sender.left == 0
    assert await _read(theirs, 20_000) == BODY[10:20_010]
    sender._socket.close()
    theirs.close()


async def test_the_rest_follows_as_the_reader_takes_it() -> None:
    """A full socket is no error: the loop says when there is room."""
    ours, theirs = _pair()
    sender = FileSender(Duplicate(ours, poller_of()), MemoryFile([BODY]), 0, len(BODY))
    assert not sender.send()
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    sender.watch(ended.set_result)
    assert await _read(theirs, len(BODY)) == BODY
    assert await ended
    sender._socket.close()
    theirs.close()


async def test_a_reader_who_leaves_ends_it() -> None:
    """Told once, as not whole."""
    ours, theirs = _pair()
    sender = FileSender(Duplicate(ours, poller_of()), MemoryFile([BODY]), 0, len(BODY))
    assert not sender.send()
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    sender.watch(ended.set_result)
    theirs.close()
    assert not await ended
    sender._socket.close()


async def test_a_stopped_sender_says_nothing_more() -> None:
    """The connection is gone: nobody is told, nothing is watched."""
    ours, theirs = _pair()
    sender = FileSender(Duplicate(ours, poller_of()), MemoryFile([BODY]), 0, len(BODY))
    assert not sender.send()
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    sender.watch(ended.set_result)
    sender.stop()
    sender.stop()
    await _read(theirs, 100_000)
    assert not ended.done()
    sender._socket.close()
    theirs.close()


async def test_a_transport_without_a_plain_socket_has_no_duplicate() -> None:
    """Memory has none, and past TLS nothing may be written."""

    class Memory(asyncio.Transport):
        pass

    assert duplicate(Memory()) is None
    assert duplicate(Memory({"sslcontext": object(), "socket": socket.socket()})) is None


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
