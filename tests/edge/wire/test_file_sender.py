"""Sending a file past the transport: whole at once, in parts as the reader takes them, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket

from cache.body import MemoryFile
from edge.wire.file_sender import Duplicate, FileSender, duplicate
from edge.wire.write_poller import poller_of

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
