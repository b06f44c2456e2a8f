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
from cache.index import PurgeRequest
from edge.serve.response import PendingResponse
from tests.doubles.response import read_responses
from tests.edge.ground import SECONDS, Ground, Says, ok, standing

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


def chunked(body: bytes, size: int = 300_000) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def of_unknown_length(body: bytes, fields: bytes = b'ETag: "a"\r\nCache-Control: max-age=60\r\n') -> Says:
    return Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%s\r\n%s" % (fields, chunked(body)))


@pytest.fixture(params=["disk", "memory"])
async def slicing(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """An edge that slices bodies of more than 1 MiB, with and without a disk tier."""
    disk = {"cache_dir": tmp_path / "cache", "disk": "64MiB"} if request.param == "disk" else {}
    async with standing(tmp_path, ram="32MiB", slice="512KiB", slice_over="1MiB", **disk) as made:
        yield made


@pytest.mark.parametrize("fields", [b'ETag: "a"\r\nCache-Control: max-age=60\r\n', b"Cache-Control: max-age=60\r\n"])
async def test_a_large_body_of_unknown_length_is_kept_in_slices(slicing: Ground, fields: bytes) -> None:
    """Its length is known at the end, so a range of it is a hit."""
    slicing.upstream.answers["/large"] = of_unknown_length(LARGE, fields)
    first = await slicing.gets("/large")
    assert first.body == LARGE
    assert "detail=length-unknown" in first.cache_status
    await slicing.until(lambda: not slicing.edge.cache.fill_table)
    part = await slicing.gets("/large", more="Range: bytes=1000000-5000000\r\n")
    assert (part.status, part.body) == (206, LARGE[1_000_000:5_000_001])
    assert "hit" in part.cache_status
    assert (await slicing.gets("/large")).body == LARGE
    assert slicing.upstream.asked == ["GET /large"]


async def test_a_large_error_of_unknown_length_is_not_cut_into_slices(slicing: Ground) -> None:
    """A range of it was answered with 206."""
    answer = of_unknown_length(LARGE).data.replace(b"200 OK", b"404 Not Found")
    slicing.upstream.answers["/large"] = Says(answer)
    for more in ("", "Range: bytes=1000000-5000000\r\n"):
        gone = await slicing.gets("/large", more=more)
        assert (gone.status, gone.body) == (404, LARGE)
        await slicing.until(lambda: not slicing.edge.cache.fill_table)
    assert slicing.edge.stats()["objects"] == 0


async def test_nobody_is_cut_or_holds_up_others_while_a_body_of_unknown_length_is_spooled(slicing: Ground) -> None:
    """Two viewers read nothing while a third has all of it; more than five seconds later they get every byte."""
    slicing.upstream.answers["/large"] = of_unknown_length(LARGE)
    behind = [await slow_viewer(slicing) for _ in range(2)]
    await slicing.until(lambda: len(waiting_responses()) == 2)
    assert (await slicing.gets("/large")).body == LARGE
    for _ in range(10):
        await slicing.clock.advance(1.0)
    await slicing.until(lambda: not slicing.edge.cache.fill_table)
    assert slicing.edge.cache.spooled_bytes == len(LARGE), "the disk holds it as long as somebody reads it"
    for reader, writer in behind:
        async with asyncio.timeout(SECONDS):
            [answer] = read_responses(await reader.read(-1))
        writer.close()
        assert answer.body == LARGE
    assert slicing.upstream.asked == ["GET /large"]
    await slicing.until(lambda: not slicing.edge.cache.spooled_bytes)


async def test_a_body_of_unknown_length_is_not_kept_where_spools_have_no_room(slicing: Ground) -> None:
    """Spools that slow viewers still read count, though their bodies are complete."""
    cache = slicing.edge.cache
    held = cache.open_spool()
    assert held is not None
    held.grow(cache.max_spooled_bytes)
    slicing.upstream.answers["/large"] = of_unknown_length(LARGE)
    assert (await slicing.gets("/large")).body == LARGE
    await slicing.until(lambda: not cache.fill_table)
    assert slicing.edge.stats()["objects"] == 0
    del held
    await slicing.until(lambda: not cache.spooled_bytes)


async def test_a_purge_while_a_body_is_spooled_keeps_it_out_of_the_cache(slicing: Ground) -> None:
    """Who reads it gets it whole; the next request asks again."""
    half = chunked(LARGE)[: 4 << 20]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n"
    slicing.upstream.answers["/large"] = [Says(head + half, "hang"), of_unknown_length(LARGE)]
    asking = slicing.asks("/large")
    await slicing.until(lambda: any(fill.received > 3 << 20 for fill in slicing.edge.cache.fill_table))
    await slicing.edge.cache.purge(PurgeRequest(everything=True))
    slicing.upstream.stop()
    await asking
    await slicing.until(lambda: not slicing.edge.cache.fill_table)
    assert slicing.edge.stats()["objects"] == 0


@pytest.mark.parametrize("disk", [True, False])
async def test_who_is_behind_in_slices_that_cannot_be_fetched_again_is_not_cut(disk: bool, tmp_path: Path) -> None:
    """The object has no ETag. A viewer has read nothing when all of its slices are stored, and then they leave."""
    body = 2 * LARGE
    tier = {"cache_dir": tmp_path / "cache", "disk": "64MiB", "ram": "1MiB"} if disk else {"ram": "64MiB"}
    async with standing(tmp_path, slice="1MiB", slice_over="1MiB", **tier) as ground:
        ground.upstream.answers["/large"] = ok(body)
        reader, writer = await slow_viewer(ground)
        await ground.until(lambda: len(waiting_responses()) == 1)
        assert (await ground.gets("/large")).body == body
        await ground.until(lambda: ground.edge.stats()["objects"] == 13 and not len(ground.edge.tasks))
        await ground.edge.cache.purge(PurgeRequest(everything=True))
        async with asyncio.timeout(SECONDS):
            [answer] = read_responses(await reader.read(-1))
        writer.close()
        assert answer.body == body
        assert ground.upstream.asked == ["GET /large"]
