"""The client of a vendor, when the vendor gives no answer at all."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.counters import Counters
from services.playback.drm import vendor
from services.playback.drm.vendor import KeySystem, Licence, VendorClient
from tests.doubles.clock import FakeClock


@pytest.fixture
async def serve(monkeypatch):
    """`await serve(handler)` → a client of a vendor that answers so."""
    monkeypatch.setattr(vendor, "RETRY_SECONDS", 0.0)
    servers = []
    async with aiohttp.ClientSession() as session:

        async def start(handler):
            application = web.Application()
            application.router.add_post("/", handler)
            server = TestServer(application)
            await server.start_server()
            servers.append(server)
            return VendorClient(KeySystem.WIDEVINE, str(server.make_url("/")), session, FakeClock(), Counters())

        yield start
    for server in servers:
        await server.close()


async def test_a_vendor_that_hangs_is_left(serve, monkeypatch):
    """Each attempt has its time; the viewer is told after three."""
    monkeypatch.setattr(vendor, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    asked, gate = [], asyncio.Event()

    async def hang(request):
        asked.append(request)
        await gate.wait()
        return web.Response()

    client = await serve(hang)
    assert await client.request_licence(b"c", None) is None
    gate.set()
    assert len(asked) == 3


async def test_a_vendor_that_cuts_the_line_is_left(serve):
    async def cut(request):
        request.transport.abort()
        return web.Response()

    assert await (await serve(cut)).request_licence(b"c", None) is None


async def test_a_vendor_is_not_flooded(serve, monkeypatch):
    """What is above the bound gets the sentence at once, in place of a queue without end."""
    monkeypatch.setattr(vendor, "MAX_REQUESTS", 2)
    gate, running = asyncio.Event(), []

    async def slow(request):
        running.append(request)
        if len(running) == 2:
            gate.set()
        await gate.wait()
        return web.Response(body=b"licence")

    client = await serve(slow)
    async with asyncio.TaskGroup() as group:
        first = [group.create_task(client.request_licence(b"c", None)) for _ in range(2)]
        third = group.create_task(client.request_licence(b"c", None))
    assert third.result() is None
    assert [one.result() for one in first] == [Licence(b"licence", "application/octet-stream")] * 2


async def test_without_a_shared_secret_no_token_is_sent(serve):
    seen = []

    async def handle(request):
        seen.append(dict(request.headers))
        return web.Response(body=b"licence")

    await (await serve(handle)).request_licence(b"c", None)
    assert "X-AxDRM-Message" not in seen[0]
    assert seen[0]["Content-Type"] == "application/octet-stream"
