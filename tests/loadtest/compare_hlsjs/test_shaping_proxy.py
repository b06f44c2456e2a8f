import asyncio

import aiohttp

from loadtest.compare_hlsjs.shaping_proxy import shaping_proxy
from loadtest.session import NetworkProfile, RateStep
from tests.loadtest.serving import made_body, serving

SIZE = 60_000


async def fetch(port, path):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return await answer.read()


async def test_connections_share_the_line_and_bytes_arrive_unchanged():
    """How long it takes has a lower bound, on a machine however slow: the line's rate and its round trip."""
    line = NetworkProfile("line", (RateStep(60, 2.4e6),), 0.04)
    async with serving({f"/{name}": SIZE for name in "abc"}) as server:
        port = int(server.url.rpartition(":")[2])
        async with shaping_proxy(("127.0.0.1", port), line) as proxy:
            began = asyncio.get_running_loop().time()
            bodies = await asyncio.gather(*(fetch(proxy.port, f"/{name}") for name in "abc"))
            took = asyncio.get_running_loop().time() - began
    assert bodies == [made_body(f"/{name}", SIZE) for name in "abc"]
    assert took >= 3 * SIZE * 8 / 2.4e6
    assert proxy.connections == 3


async def test_a_server_that_is_down_closes_the_connection():
    async with shaping_proxy(("127.0.0.1", 1), NetworkProfile("line")) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await reader.read() == b""
        writer.close()
