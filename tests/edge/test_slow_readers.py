"""Viewers who read a large body slowly, over real sockets: they get every byte, and hold little memory."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.body import DiskBody
from edge.serve.response import PendingResponse
from tests.doubles.response import read_responses
from tests.edge.ground import SECONDS, Ground, ok, standing

LARGE = random.Random(7).randbytes(6 << 20)


@pytest.fixture(params=["16MiB", "64MiB"])
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """With too little RAM to keep the body there, or enough."""
    async with standing(tmp_path, cache_dir=tmp_path / "cache", disk="64MiB", ram=request.param) as made:
        yield made


async def slow_viewer(ground: Ground, more: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Has asked for /large and reads nothing yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    sock.setblocking(False)
    assert ground.edge.address is not None
    await asyncio.get_running_loop().sock_connect(sock, tuple(ground.edge.address))
    reader, writer = await asyncio.open_connection(sock=sock, limit=64 * 1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: h\r\n" + more + b"Connection: close\r\n\r\n")
    return reader, writer


def waiting_responses() -> list[PendingResponse]:
    return [one for one in gc.get_objects() if isinstance(one, PendingResponse) and one.is_open]


@pytest.mark.parametrize(("more", "expected"), [(b"", LARGE), (b"Range: bytes=5-5999999\r\n", LARGE[5:6_000_000])])
async def test_who_is_behind_when_a_body_is_stored_reads_on_from_its_file(
    more: bytes, expected: bytes, ground: Ground
) -> None:
    """Not from the memory that it was read into, which is free again."""
    ground.upstream.answers["/large"] = ok(LARGE)
    reader, writer = await slow_viewer(ground, more)
    await ground.until(lambda: ground.edge.cache.counts.disk_written == 1)
    [response] = waiting_responses()
    await ground.until(lambda: response.fill is not None and isinstance(response.fill.body, DiskBody))
    async with asyncio.timeout(SECONDS):
        received = await reader.read(-1)
    writer.close()
    [answer] = read_responses(received)
    assert answer.status in (200, 206)
    assert answer.body == expected
    assert ground.upstream.asked == ["GET /large"]
