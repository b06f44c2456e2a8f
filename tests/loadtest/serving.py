"""A small HTTP server for drivers: serves the documents and sizes of `simulated.hls_title`, well or badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


def made_body(path: str, size: int) -> bytes:
    """The bytes that a path of a given size has everywhere."""
    unit = (path + "/").encode()
    return (unit * (size // len(unit) + 1))[:size]


@dataclass
class Server:
    """`answer` may answer a request in place of `held`."""

    held: dict
    answer: Callable | None = None
    asked: list[web.Request] = field(default_factory=list)
    posted: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.method == "POST":
            self.posted.append((request.path, await request.read()))
        if self.answer is not None:
            made = await self.answer(request)
            if made is not None:
                return made
        found = self.held.get(request.path)
        if found is None:
            return web.Response(status=404)
        if isinstance(found, dict):
            return web.Response(body=json.dumps(found), content_type="application/json")
        body = made_body(request.path, found) if isinstance(found, int) else found
        headers = {"Cache-Status": "e1; hit; ttl=9"}
        wanted = request.http_range
        if request.headers.get("Range"):
            return web.Response(status=206, body=body[wanted.start : wanted.stop], headers=headers)
        return web.Response(body=body, headers=headers)


@asynccontextmanager
async def serving(held, answer=None) -> AsyncIterator[Server]:
    """Serves on a port of loopback."""
    server = Server(held, answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition of this loop."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0)
